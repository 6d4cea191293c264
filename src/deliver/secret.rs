//! Secrets: read from files, never printed.

use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::settings::{Problems, Section};

/// What nobody should read. It shows itself to nobody: not in logs, not in errors.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret(String);

impl Secret {
    /// The secret itself: to be handed to the receiver and to nobody else.
    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Where systemd puts the credentials of a service (systemd.exec(5), `LoadCredential=`).
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";
/// How a credential is written in place of a path.
const CREDENTIAL: &str = "credential:";
/// More than this is no password.
const MAX_BYTES: u64 = 64 * 1024;

/// Where a secret stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SecretFile {
    /// A file.
    Path(PathBuf),
    /// One of systemd's credentials, by its name.
    Credential(String),
}

impl SecretFile {
    /// Reads where a secret stands, and whether it is there. A credential is looked for only where systemd gives any: who
    /// checks a configuration by hand has none.
    pub(super) fn read(
        section: &mut Section<'_, '_>,
        key: &'static str,
        folder: &Path,
        problems: &mut Problems<'_>,
    ) -> Option<Self> {
        let text: String = section.get(key, problems)?;
        let file = match text.strip_prefix(CREDENTIAL) {
            Some(name) if name.is_empty() || name.contains('/') || name.starts_with('.') => {
                let message = format!("`{key}`: write credential:NAME with the name of LoadCredential=, not `{text}`");
                problems.add(section.span_of(key), message);
                return None;
            }
            Some(name) => Self::Credential(name.to_owned()),
            None => Self::Path(folder.join(&text)),
        };
        let hand_check = matches!(file, Self::Credential(_)) && std::env::var_os(CREDENTIALS).is_none();
        if !hand_check && let Err(error) = file.load() {
            problems.add(section.span_of(key), format!("`{key}`: {error}"));
        }
        Some(file)
    }

    /// Where it is now.
    pub(super) fn path(&self) -> Result<PathBuf, SecretError> {
        match self {
            Self::Path(path) => Ok(path.clone()),
            Self::Credential(name) => match std::env::var_os(CREDENTIALS) {
                Some(folder) => Ok(Path::new(&folder).join(name)),
                None => Err(SecretError::NoCredentials(name.clone())),
            },
        }
    }

    /// The secret, without the end of its line.
    pub(super) fn load(&self) -> Result<Secret, SecretError> {
        let path = self.path()?;
        let unreadable = |error| SecretError::Unreadable { path: path.clone(), error };
        let metadata = path.metadata().map_err(unreadable)?;
        if !metadata.is_file() || metadata.len() > MAX_BYTES {
            return Err(SecretError::NoSecret(path));
        }
        let text = std::fs::read_to_string(&path).map_err(unreadable)?;
        let secret = text.trim_end_matches(['\n', '\r']);
        if secret.is_empty() || secret.contains(char::is_control) {
            return Err(SecretError::NoSecret(path));
        }
        Ok(Secret(secret.to_owned()))
    }

    /// The file, if everybody on this machine may read or write it.
    pub(super) fn open_to_others(&self) -> Option<PathBuf> {
        let path = self.path().ok()?;
        let mode = path.metadata().ok()?.permissions().mode();
        (mode & 0o007 != 0).then_some(path)
    }
}

/// A secret cannot be had. Says where it should be, never what it is.
#[derive(Debug, thiserror::Error)]
pub(super) enum SecretError {
    /// The file is not there, or not for us.
    #[error(
        "{}: {error}: write the secret into that file, readable by the user that camwatch runs as (chmod 600)",
        path.display()
    )]
    Unreadable {
        /// Where.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// Something else is there.
    #[error("{}: this should be a file with one line, the secret", .0.display())]
    NoSecret(PathBuf),
    /// Not started by systemd.
    #[error(
        "credential:{0}: there is no $CREDENTIALS_DIRECTORY: write LoadCredential={0}:FILE into the unit, or name a file"
    )]
    NoCredentials(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str, mode: u32) -> (tempfile::TempDir, SecretFile) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        (folder, SecretFile::Path(path))
    }

    #[test]
    fn is_the_line_and_shows_itself_to_nobody() {
        let (_folder, secret_file) = file("hunter2\r\n", 0o600);
        let secret = secret_file.load().unwrap();
        assert_eq!(secret.expose(), "hunter2");
        assert!(!format!("{secret:?} {secret_file:?}").contains("hunter2"));
        assert_eq!(secret_file.open_to_others(), None);
    }

    #[test]
    fn files_for_everybody_and_files_without_a_secret_are_told() {
        let (_folder, open) = file("x", 0o644);
        assert!(open.open_to_others().is_some());
        let (_folder, empty) = file("\n", 0o600);
        assert!(empty.load().unwrap_err().to_string().contains("one line"));
        let (folder, two) = file("hunter2\nhunter3\n", 0o600);
        let error = two.load().unwrap_err().to_string();
        assert!(error.contains("one line") && !error.contains("hunter"), "{error}");
        let gone = SecretFile::Path(folder.path().join("gone")).load().unwrap_err().to_string();
        assert!(gone.contains("gone: No such file"), "{gone}");
    }
}
