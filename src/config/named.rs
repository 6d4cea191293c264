//! The files that a configuration names, by the keys under which files stand: what a locked process must reach.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::Config;
use crate::access::Access;
use crate::lockdown::{Confined, Plan};

/// Keys that name files that are read, beside all that end with `_file`.
const READ: [&str; 7] = ["file", "files", "lists", "databases", "cert", "key", "web_config"];
/// Keys that name files that are written, or made.
const WRITTEN: [&str; 2] = ["path", "output"];
/// How a credential of systemd's is written in place of a file.
const CREDENTIAL: &str = "credential:";

/// What a configuration's text names.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// Files that are read.
    pub read: Vec<PathBuf>,
    /// Files that are written.
    pub write: Vec<PathBuf>,
}

impl Named {
    /// Of a text; files are found from `folder`. What is no configuration names nothing.
    pub fn of(text: &str, folder: &Path) -> Self {
        let mut named = Self::default();
        if let Ok(table) = text.parse::<Table>() {
            named.take(&table, folder);
        }
        named
    }

    fn take(&mut self, table: &Table, folder: &Path) {
        for (key, value) in table {
            match value {
                Value::Table(table) => self.take(table, folder),
                Value::String(text) => self.take_file(key, text, folder),
                Value::Array(values) => {
                    for value in values {
                        match value {
                            Value::Table(table) => self.take(table, folder),
                            Value::String(text) => self.take_file(key, text, folder),
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn take_file(&mut self, key: &str, text: &str, folder: &Path) {
        if text.is_empty() || text == "-" || text.starts_with(CREDENTIAL) {
            return;
        }
        if key.ends_with("_file") || READ.contains(&key) {
            self.read.push(folder.join(text));
        } else if WRITTEN.contains(&key) {
            self.write.push(folder.join(text));
        }
    }

    /// The files that `confined` leaves out.
    pub fn outside(&self, confined: &Confined) -> Vec<&Path> {
        let read = self.read.iter().filter(|path| !confined.reads(path));
        let written = self.write.iter().filter(|path| !confined.writes(path));
        read.chain(written).map(PathBuf::as_path).collect()
    }
}

impl Config {
    /// What the daemon must still reach once it is locked down; `path` is where this configuration was read from.
    pub fn plan(&self, path: &Path) -> Plan {
        let folder = path.parent().unwrap_or(Path::new("."));
        // Read a moment ago. If it is gone, its own folder is all there is to reach.
        let Named { mut read, mut write } =
            std::fs::read_to_string(path).map(|text| Named::of(&text, folder)).unwrap_or_default();
        read.push(path.to_owned());
        // Files of rules name lists too.
        read.extend(self.lists().map(|list| list.path.clone()));
        // The web configuration file, and certificates that it names.
        read.extend(self.http.access.iter().flat_map(Access::files).map(Path::to_owned));
        read.extend(std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from));
        // libpcap reads an interface's own counters. Their folder is a link to where the device is.
        let counters = |interface: &String| Path::new("/sys/class/net").join(interface).canonicalize().ok();
        read.extend(self.capture.interfaces.iter().filter_map(counters));
        write.extend(self.control_socket.clone());
        Plan { mode: self.lockdown, read, write }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_a_configuration_is_named_with_what_is_done_to_it() {
        let text = "[inventory]\nfile = \"cameras.csv\"\n[geo]\ndatabases = [\"/g/a.mmdb\", \"b.mmdb\"]\n[store]\npath = \"s/c.db\"\n\
                    [alerts]\noutput = \"-\"\n[rules]\nfiles = [\"r.toml\"]\n[[sink]]\npath = \"/log/a.json\"\n\
                    [[sink]]\nca_file = \"ca.pem\"\nsecret_file = \"credential:x\"\nurl = \"https://h/x\"\n\
                    [[rule]]\nname = \"l\"\nlists = [\"l.txt\"]\n";
        let named = Named::of(text, Path::new("/etc/camwatch"));
        let mut read: Vec<String> = named.read.iter().map(|path| path.display().to_string()).collect();
        read.sort();
        let expected =
            ["b.mmdb", "ca.pem", "cameras.csv", "l.txt", "r.toml"].map(|name| format!("/etc/camwatch/{name}"));
        assert_eq!(read, [&expected[..], &["/g/a.mmdb".to_owned()]].concat());
        assert_eq!(named.write, [Path::new("/log/a.json"), Path::new("/etc/camwatch/s/c.db")]);
        assert_eq!(Named::of("no = toml = at all", Path::new("/")), Named::default());
    }

    #[test]
    fn all_files_of_the_explained_configuration_are_known_to_be_files() {
        let text = include_str!("../../config/camwatch.toml").replace("\n#: ", "\n");
        let named = Named::of(&text, Path::new("/c"));
        let all: Vec<String> = named.read.iter().chain(&named.write).map(|path| path.display().to_string()).collect();
        // Repeated sections overwrite nothing in a list of examples: all of them are there.
        assert!(all.iter().any(|path| path == "/c/alerts.ecs.json"), "{all:?}");
    }
}
