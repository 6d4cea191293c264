//! What the analyser gives to be kept: pieces of its state to continue from, and what each hour came to.
//!
//! A checkpoint holds what changed since the one before it, and is written as one transaction. When one cannot be written
//! yet, the next is laid over it ([`Checkpoint::then`]), so that nothing is counted twice or left out.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::analyse::Counts;
use crate::geo::Class;
use crate::net::Service;
use crate::time::Timestamp;

/// Names kept of a camera and destination; also services.
pub const MAX_EACH: usize = 32;

/// What changed since the last one; written in one transaction.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Checkpoint {
    /// How `rows` are written down. Those of another format are not read back.
    pub format: u32,
    /// Until when, in capture time.
    pub time: Timestamp,
    /// The rows are all that there is: what was kept before and is not among them is gone. The first one after a start
    /// without a checkpoint must be whole, and one that the store asks for.
    pub whole: bool,
    /// Pieces of the analyser's state.
    pub rows: Vec<Row>,
    /// What was added to the hours.
    pub hours: Vec<HourRow>,
    /// Devices of which something is new.
    pub devices: Vec<DeviceRow>,
    /// Hours of which it became known, or changed, whether a camera could be observed.
    pub coverage: Vec<CoverageRow>,
    /// What was added to what exceptions kept back.
    pub hidden: Vec<HiddenRow>,
}

/// An opaque piece of the analyser's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What kind of piece, such as `pair`, `camera`, `rule`.
    pub part: &'static str,
    /// Which one of these.
    pub key: Vec<u8>,
    /// What it is; none: it is gone.
    pub bytes: Option<Vec<u8>>,
}

/// Whom a camera called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Destination {
    /// All that is internal, taken together.
    Internal,
    /// One address.
    Address(IpAddr),
}

/// `internal`, or the address.
impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Internal => f.write_str("internal"),
            Self::Address(address) => address.fmt(f),
        }
    }
}

impl FromStr for Destination {
    type Err = std::net::AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "internal" { Ok(Self::Internal) } else { text.parse().map(Self::Address) }
    }
}

/// What a camera and a destination came to in an hour: as given in a checkpoint, what is to be added to what is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HourRow {
    /// Whole hours since 1970, of capture time.
    pub hour: i64,
    /// The camera's id.
    pub camera: String,
    /// Whom it called.
    pub destination: Destination,
    /// Names the camera used for it; joined with those known before.
    pub names: Vec<String>,
    /// `CN`, or `DE or US` where sources disagree.
    pub country: Option<String>,
    /// `AS45102 Alibaba (US) Technology Co., Ltd.`
    pub owner: Option<String>,
    /// Where that network is registered.
    pub owner_country: Option<String>,
    /// What that means.
    pub class: Class,
    /// What was called there; joined with those known before.
    pub services: Vec<Service>,
    /// What it came to.
    pub counts: Counts,
    /// First event of the hour; kept to the millisecond.
    pub first: Timestamp,
    /// Last event of the hour; kept to the millisecond.
    pub last: Timestamp,
}

/// A device of the inventory, as it is now.
#[derive(Debug, Clone, PartialEq)]
pub struct DeviceRow {
    /// Its id.
    pub id: String,
    /// First seen.
    pub first: Timestamp,
    /// Last seen.
    pub last: Timestamp,
    /// Everything, as `camwatch cameras --json` tells it.
    pub document: serde_json::Value,
}

/// Whether a camera could be observed in an hour, as it is known now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoverageRow {
    /// Whole hours since 1970, of capture time.
    pub hour: i64,
    /// The camera's id.
    pub camera: String,
    /// One of the words of `analyse::Observed`, such as `observed`, `silent`, `capture-down`.
    pub state: String,
}

/// What an exception began to keep back in an hour: to be added to what is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HiddenRow {
    /// Whole hours since 1970, of capture time.
    pub hour: i64,
    /// The exception's name.
    pub exception: String,
    /// Findings.
    pub findings: u64,
    /// Alerts of which it kept back at least a part.
    pub alerts: u64,
}

impl HiddenRow {
    /// Adds what came later to the same exception and hour.
    fn add(&mut self, later: &Self) {
        self.findings += later.findings;
        self.alerts += later.alerts;
    }
}

impl HourRow {
    /// Adds what came later to the same camera, destination and hour.
    pub fn add(&mut self, later: Self) {
        join(&mut self.names, later.names);
        join(&mut self.services, later.services);
        self.country = later.country;
        self.owner = later.owner;
        self.owner_country = later.owner_country;
        self.class = later.class;
        self.counts.add(&later.counts);
        self.first = self.first.min(later.first);
        self.last = self.last.max(later.last);
    }
}

/// Adds what is not there yet, up to [`MAX_EACH`].
pub(super) fn join<T: PartialEq>(into: &mut Vec<T>, more: impl IntoIterator<Item = T>) {
    for one in more {
        if into.len() >= MAX_EACH {
            return;
        }
        if !into.contains(&one) {
            into.push(one);
        }
    }
}

impl Checkpoint {
    /// This one and what changed after it, as one.
    #[must_use]
    pub fn then(mut self, later: Self) -> Self {
        if later.whole || later.format != self.format {
            self.rows.clear();
        }
        self.whole = later.whole || (self.whole && later.format == self.format);
        (self.format, self.time) = (later.format, later.time);
        lay_over(&mut self.rows, later.rows, |row| (row.part, row.key.clone()), |row, later| *row = later);
        lay_over(&mut self.hours, later.hours, |row| (row.hour, row.camera.clone(), row.destination), HourRow::add);
        lay_over(&mut self.devices, later.devices, |row| row.id.clone(), |row, later| *row = later);
        lay_over(&mut self.coverage, later.coverage, |row| (row.hour, row.camera.clone()), |row, later| *row = later);
        lay_over(&mut self.hidden, later.hidden, |row| (row.hour, row.exception.clone()), |row, later| row.add(&later));
        self
    }

    /// About how much memory it takes, in bytes.
    pub fn size(&self) -> usize {
        let rows = self.rows.iter().map(|row| 96 + row.key.len() + row.bytes.as_ref().map_or(0, Vec::len));
        let hours = self.hours.iter().map(|row| 400 + row.names.iter().map(String::len).sum::<usize>());
        // A document of JSON takes several times its length in memory.
        let devices = self.devices.iter().map(|_| 8192);
        rows.chain(hours).chain(devices).sum::<usize>() + (self.coverage.len() + self.hidden.len()) * 96
    }
}

/// Lays later rows over earlier ones of the same key.
fn lay_over<T, K: Eq + std::hash::Hash>(
    rows: &mut Vec<T>,
    later: Vec<T>,
    key: impl Fn(&T) -> K,
    mut both: impl FnMut(&mut T, T),
) {
    let mut places: HashMap<K, usize> = rows.iter().enumerate().map(|(at, row)| (key(row), at)).collect();
    for row in later {
        match places.entry(key(&row)) {
            Entry::Occupied(place) => {
                if let Some(before) = rows.get_mut(*place.get()) {
                    both(before, row);
                }
            }
            Entry::Vacant(place) => {
                place.insert(rows.len());
                rows.push(row);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: u8, bytes: Option<u8>) -> Row {
        Row { part: "pair", key: vec![key], bytes: bytes.map(|byte| vec![byte]) }
    }

    #[test]
    fn a_destination_reads_back_as_it_is_written() {
        for text in ["internal", "120.26.96.67", "2001:db8::1"] {
            assert_eq!(text.parse::<Destination>().unwrap().to_string(), text);
        }
        assert!("outside".parse::<Destination>().is_err());
    }

    #[test]
    fn the_later_is_laid_over_the_earlier() {
        let earlier = Checkpoint { format: 1, rows: vec![row(1, Some(1)), row(2, Some(2))], ..Checkpoint::default() };
        let later = Checkpoint { format: 1, rows: vec![row(2, None), row(3, Some(3))], ..Checkpoint::default() };
        let both = earlier.clone().then(later);
        assert_eq!(both.rows, [row(1, Some(1)), row(2, None), row(3, Some(3))]);
        let whole = Checkpoint { format: 1, whole: true, rows: vec![row(9, Some(9))], ..Checkpoint::default() };
        let both = earlier.then(whole);
        assert!(both.whole);
        assert_eq!(both.rows, [row(9, Some(9))], "a whole one replaces the rows before it");
    }

    #[test]
    fn what_was_kept_back_adds_up() {
        let row = |hour, alerts| HiddenRow { hour, exception: "trial".to_owned(), findings: 2 * alerts, alerts };
        let of = |rows: &[HiddenRow]| Checkpoint { hidden: rows.to_vec(), ..Checkpoint::default() };
        let both = of(&[row(7, 1), row(8, 2)]).then(of(&[row(8, 3)]));
        assert_eq!(both.hidden, [row(7, 1), row(8, 5)]);
    }
}
