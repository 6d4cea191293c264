//! List files: addresses, ranges and names, one a line.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use ahash::AHashMap;
use ipnet::IpNet;

use crate::settings::{Problem, Stamp, stamp};

/// Lines that are taken of one file.
const MAX_LINES: usize = 1_000_000;
/// Bad lines that are told of one file.
const MAX_ERRORS: usize = 1000;

/// A list file as it was read.
#[derive(Debug, Clone, Default)]
pub struct List {
    /// The file.
    pub path: PathBuf,
    /// The lines that were not taken.
    pub errors: Vec<Problem>,
    /// Ranges, single addresses as ranges of one, and the line of each.
    ranges: AHashMap<IpNet, u32>,
    /// The prefix lengths that ranges have, the longest first.
    lengths: Vec<u8>,
    /// Names that stand for themselves and what is under them.
    names: AHashMap<Box<str>, u32>,
    /// Names of which only what is under them is meant.
    under: AHashMap<Box<str>, u32>,
    stamp: Option<Stamp>,
}

/// What of a list fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// As the list has it.
    pub(super) text: String,
    /// The line, from 1.
    pub(super) line: u32,
}

impl List {
    /// Reads a file; what is no entry is noted, the rest is taken.
    pub(super) fn load(path: &Path) -> std::io::Result<Self> {
        let stamp = stamp(path);
        let bytes = std::fs::read(path)?;
        let mut list = Self { path: path.to_owned(), stamp, ..Self::default() };
        list.parse(&bytes);
        Ok(list)
    }

    fn parse(&mut self, bytes: &[u8]) {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        for (number, line) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
            let line = String::from_utf8_lossy(line);
            let entry = line.split('#').next().unwrap_or_default().trim();
            if entry.is_empty() {
                continue;
            }
            let full = self.ranges.len() + self.names.len() + self.under.len() >= MAX_LINES;
            if full || !self.add(entry, number) {
                let shown: String = entry.chars().take(60).collect();
                let message = if full {
                    format!("more than {MAX_LINES} entries: this and later ones are left out")
                } else {
                    format!(
                        "`{shown}` is no entry: write one address, range or name a line, as in 120.26.96.67, \
                         120.26.0.0/16, evil.example (with what is under it) or *.evil.example (only what is under it)"
                    )
                };
                let file = self.path.display().to_string();
                self.errors.push(Problem { file, line: number as usize, column: 1, message });
                if full || self.errors.len() >= MAX_ERRORS {
                    break;
                }
            }
        }
        self.lengths = self.ranges.keys().map(IpNet::prefix_len).collect();
        self.lengths.sort_unstable_by(|a, b| b.cmp(a));
        self.lengths.dedup();
    }

    fn add(&mut self, entry: &str, line: u32) -> bool {
        let range = entry.parse::<IpAddr>().map(|address| IpNet::from(address.to_canonical()));
        if let Ok(range) = range.or_else(|_| entry.parse::<IpNet>()) {
            self.ranges.entry(range.trunc()).or_insert(line);
            return true;
        }
        let (names, name) = match entry.strip_prefix("*.") {
            Some(name) => (&mut self.under, name),
            None => (&mut self.names, entry),
        };
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        // A last label of digits is a mistyped address.
        let numeric = name.rsplit('.').next().is_none_or(|last| last.bytes().all(|b| b.is_ascii_digit()));
        if numeric || !name.contains('.') || name.len() > 253 || !name.split('.').all(is_label) {
            return false;
        }
        names.entry(name.into()).or_insert(line);
        true
    }

    /// The narrowest range that holds an address.
    pub(super) fn address(&self, address: IpAddr) -> Option<Entry> {
        let address = address.to_canonical();
        self.lengths.iter().find_map(|length| {
            let range = IpNet::new(address, *length).ok()?.trunc();
            let line = *self.ranges.get(&range)?;
            let single = range.prefix_len() == range.max_prefix_len();
            let text = if single { range.addr().to_string() } else { range.to_string() };
            Some(Entry { text, line })
        })
    }

    /// The entry that is a name, or above it.
    pub(super) fn name(&self, name: &str) -> Option<Entry> {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let whole = self.names.get(name.as_str()).map(|line| Entry { text: name.clone(), line: *line });
        let mut above = name.as_str();
        whole.or_else(|| {
            while let Some((_, rest)) = above.split_once('.') {
                above = rest;
                if let Some(line) = self.names.get(above) {
                    return Some(Entry { text: above.to_owned(), line: *line });
                }
                if let Some(line) = self.under.get(above) {
                    return Some(Entry { text: format!("*.{above}"), line: *line });
                }
            }
            None
        })
    }

    /// The file without what stands in it, to watch it for a change.
    #[must_use]
    pub fn named(&self) -> Self {
        Self { path: self.path.clone(), stamp: self.stamp, ..Self::default() }
    }

    /// Whether the file has changed on disk since it was read; one that is away now has not.
    pub fn has_changed(&self) -> bool {
        stamp(&self.path).is_some_and(|now| Some(now) != self.stamp)
    }

    /// Takes the file as it is on disk for read: a change that cannot be used is told once.
    pub fn pass_over_change(&mut self) {
        self.stamp = stamp(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> List {
        let mut list = List { path: "l.txt".into(), ..List::default() };
        list.parse(text.as_bytes());
        list
    }

    #[test]
    fn finds_the_narrowest_range_and_the_nearest_name() {
        let list = list(
            "\u{feff}# bad ones\r\n120.26.0.0/16\r\n120.26.96.67 # one\n2a00::/16\nEvil.example\n*.cdn.example\n\n",
        );
        assert_eq!(list.errors, []);
        let address = |text: &str| list.address(text.parse().unwrap()).map(|entry| (entry.text, entry.line));
        assert_eq!(address("120.26.96.67"), Some(("120.26.96.67".to_owned(), 3)));
        assert_eq!(address("120.26.96.68"), Some(("120.26.0.0/16".to_owned(), 2)));
        assert_eq!(address("::ffff:120.26.1.1"), Some(("120.26.0.0/16".to_owned(), 2)));
        assert_eq!(address("2a00:1450::1"), Some(("2a00::/16".to_owned(), 4)));
        assert_eq!(address("8.8.8.8"), None);
        let name = |text: &str| list.name(text).map(|entry| (entry.text, entry.line));
        assert_eq!(name("evil.example"), Some(("evil.example".to_owned(), 5)));
        assert_eq!(name("a.b.evil.example"), Some(("evil.example".to_owned(), 5)));
        assert_eq!(name("notevil.example"), None);
        assert_eq!(name("x.cdn.example"), Some(("*.cdn.example".to_owned(), 6)));
        assert_eq!(name("cdn.example"), None);
    }

    #[test]
    fn every_bad_line_is_told_with_its_number() {
        let list =
            list("8.8.8.8\n0.0.0.0 ads.example\nlocalhost\n10.0.0.0/33\n999.1.2.3\nb\u{fc}ro.example\nok.example\n");
        let lines: Vec<usize> = list.errors.iter().map(|error| error.line).collect();
        assert_eq!(lines, [2, 3, 4, 5, 6]);
        assert!(list.errors[0].to_string().starts_with("l.txt:2:1: `0.0.0.0 ads.example` is no entry"));
        assert!(list.name("ok.example").is_some());
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            List::default().parse(&bytes);
        }

        #[test]
        fn an_address_is_found_where_a_range_holds_it(address: u32, length in 0_u8..=32, other: u32) {
            let range = ipnet::Ipv4Net::new(address.into(), length).unwrap().trunc();
            let list = list(&range.to_string());
            let other = std::net::Ipv4Addr::from(other);
            proptest::prop_assert_eq!(list.address(other.into()).is_some(), range.contains(&other));
            proptest::prop_assert!(list.address(std::net::Ipv4Addr::from(address).into()).is_some());
        }
    }
}
