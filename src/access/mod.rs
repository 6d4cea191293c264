//! Who may ask over HTTP, and over what: TLS, users and how often, as a web configuration file in the style of Prometheus'
//! exporters says it (`docs/web.md`).

mod file;
mod limits;
mod login;
mod tls;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::settings::{Problem, Stamp, stamp};

pub use limits::{Limits, Wait};
pub use login::{Checked, Login, Logins};
pub use tls::TlsConfig;

/// What a user may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// See everything.
    Viewer,
    /// See everything, take on alerts, make and end exceptions.
    Operator,
}

/// Somebody who may log in.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// By what they are known.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// The bcrypt hash of their password.
    hash: String,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User").field("name", &self.name).field("role", &self.role).finish_non_exhaustive()
    }
}

/// A web configuration file, read and checked.
#[derive(Debug, Clone)]
pub struct Access {
    /// The file.
    pub path: PathBuf,
    /// How connections are encrypted; none: they are not.
    pub tls: Option<TlsConfig>,
    /// Who may log in; empty: whoever reaches the port may do everything.
    pub users: Vec<User>,
    /// The files as they were when they were read.
    stamps: Vec<(PathBuf, Option<Stamp>)>,
}

impl Access {
    /// Reads a file, and what it names, from its own folder.
    pub fn load(path: &Path) -> Result<Self, Vec<Problem>> {
        // Stamps first: what changes while it is read is read anew.
        let stamp_of = |path: &Path| (path.to_owned(), stamp(path));
        let own = stamp_of(path);
        let read = file::read(path)?;
        let named = read.tls.iter().flat_map(tls::Files::all).map(stamp_of);
        let stamps = std::iter::once(own).chain(named).collect();
        let tls = read.tls.as_ref().map(TlsConfig::load).transpose();
        let tls = tls.map_err(|message| {
            let file = path.display().to_string();
            vec![Problem { file, line: 0, column: 0, message: format!("tls_server_config: {message}") }]
        })?;
        Ok(Self { path: path.to_owned(), tls, users: read.users, stamps })
    }

    /// Whether one of its files is another than when it was read.
    pub fn has_changed(&self) -> bool {
        self.stamps.iter().any(|(path, before)| stamp(path) != *before)
    }

    /// As it is now; where that cannot be used, why not. Either way the change is known.
    pub fn read_anew(&mut self) -> Result<(), Vec<Problem>> {
        // Before it is read: what changes meanwhile is read once more.
        self.stamps.iter_mut().for_each(|(path, known)| *known = stamp(path));
        *self = Self::load(&self.path)?;
        Ok(())
    }

    /// Goes on with what there was before; the change is known.
    pub fn keep(&mut self, before: Self) {
        let stamps = std::mem::take(&mut self.stamps);
        *self = Self { stamps, ..before };
    }

    /// Whether nobody can listen, and only who is known gets in.
    pub fn is_closed(&self) -> bool {
        self.tls.is_some() && !self.users.is_empty()
    }

    /// Every file that it is read from.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.stamps.iter().map(|(path, _)| path.as_path())
    }

    /// Who may log in, to be asked.
    pub fn logins(&self) -> Option<Arc<Logins>> {
        (!self.users.is_empty()).then(|| Arc::new(Logins::new(self.users.clone())))
    }
}

/// The hash of a password, as a web configuration file has it.
pub fn hash_password(password: &str) -> Result<String, PasswordError> {
    if password.is_empty() {
        return Err(PasswordError::Empty);
    }
    bcrypt::non_truncating_hash(password, COST).map_err(|error| match error {
        bcrypt::BcryptError::Truncation(_) => PasswordError::TooLong,
        other => PasswordError::Other(other.to_string()),
    })
}

/// How much a guess costs: about a quarter of a second.
const COST: u32 = 12;

/// A password cannot be hashed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PasswordError {
    /// There is none.
    #[error("the password is empty: write one on a line of its own")]
    Empty,
    /// bcrypt looks at no more.
    #[error("the password is longer than the 72 bytes that bcrypt looks at: choose a shorter one")]
    TooLong,
    /// Something else.
    #[error("{0}")]
    Other(String),
}
