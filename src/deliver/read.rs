//! What the kinds' own keys have in common, read once.

use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Url;

use super::secret::SecretFile;
use crate::settings::{Problems, Section, Setting};

/// A `[[sink]]` being read.
pub(super) struct Reading<'s, 'a, 't, 'p> {
    pub(super) section: &'s mut Section<'a, 't>,
    pub(super) folder: &'s Path,
    pub(super) problems: &'s mut Problems<'p>,
}

/// The keys that name files beside the configuration: printed as they were found.
pub(super) const FILE_KEYS: [&str; 8] =
    ["path", "ca_file", "cert_file", "key_file", "password_file", "token_file", "secret_file", "url_file"];

impl Reading<'_, '_, '_, '_> {
    /// A mistake at a key.
    pub(super) fn problem(&mut self, key: &str, message: impl Into<String>) {
        self.problems.add(self.section.span_of(key), message);
    }

    pub(super) fn get<T: Setting>(&mut self, key: &'static str) -> Option<T> {
        self.section.get(key, self.problems)
    }

    /// A value without which the sink does not work.
    pub(super) fn needed<T: Setting>(&mut self, key: &'static str, example: &str) -> Option<T> {
        if !self.section.has(key) {
            self.problems.add(self.section.span(), format!("this sink needs `{key}`, as in {key} = {example}"));
        }
        self.get(key)
    }

    pub(super) fn one_of<T: Copy>(&mut self, key: &'static str, words: &[(&'static str, T)]) -> Option<T> {
        self.section.one_of(key, words, self.problems)
    }

    /// A file that must be there.
    pub(super) fn file(&mut self, key: &'static str) -> Option<PathBuf> {
        let path = self.folder.join(self.get::<String>(key)?);
        if let Err(error) = std::fs::File::open(&path) {
            self.problem(key, format!("`{key}`: {}: {error}: check the path", path.display()));
        }
        Some(path)
    }

    pub(super) fn secret(&mut self, key: &'static str) -> Option<SecretFile> {
        SecretFile::read(self.section, key, self.folder, self.problems)
    }

    /// A time within bounds, or its default.
    pub(super) fn time(&mut self, key: &'static str, default: Duration, least: Duration, most: Duration) -> Duration {
        let time = self.get(key).unwrap_or(default);
        if !(least..=most).contains(&time) {
            let text = crate::settings::duration_text;
            self.problem(key, format!("`{key}`: write a time from \"{}\" to \"{}\"", text(least), text(most)));
        }
        time
    }

    /// How long an answer is waited for.
    pub(super) fn timeout(&mut self) -> Duration {
        self.time("timeout", Duration::from_secs(10), Duration::from_secs(1), Duration::from_secs(60))
    }

    /// `url`, which holds no secret.
    pub(super) fn url(&mut self, example: &str) -> Option<Url> {
        let text: String = self.needed("url", example)?;
        match web_address(&text) {
            Ok(url) => Some(url),
            Err(what) => {
                self.problem("url", format!("`url`: {what}: write {example}"));
                None
            }
        }
    }
}

/// An address of the web, without a password in it.
pub(super) fn web_address(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_| "this is no URL")?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err("this is no address of the web");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a password in a URL ends up in logs: use `user` and `password_file`");
    }
    Ok(url)
}

/// Whether nobody but this machine sees what is sent there.
pub(super) fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
