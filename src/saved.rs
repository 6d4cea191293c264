//! How running state is written down, so that a restart continues: pieces of bytes, each under a part's name and a key.
//!
//! Rooms say what changed in their tables ([`Changes`], [`ChangedKeys`]) and give [`Piece`]s of it; after a restart they take
//! back what [`Pieces`] hold. A piece is `MessagePack`: with named fields, so that a field may come or go; as arrays where a
//! table may hold a million. What cannot be read is left out and told, never a panic.

use std::collections::BTreeMap;
use std::hash::Hash;

use ahash::AHashSet;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The format of all pieces together. What was written in another is not read: the number grows whenever a piece that was
/// written before would be understood wrongly.
pub const FORMAT: u32 = 1;

/// Nothing that is written down is nested deeper.
const MAX_DEPTH: usize = 64;
/// Larger counters come of damage, and would overflow when they go on.
const MAX_COUNT: u64 = 1 << 53;

/// An entry of a table, as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The table.
    pub part: &'static str,
    /// The entry within it.
    pub key: Vec<u8>,
    /// What it says; none: it is gone.
    pub bytes: Option<Vec<u8>>,
}

/// A piece that cannot be taken back.
#[derive(Debug, thiserror::Error)]
pub enum Damaged {
    /// The bytes are none of what the part holds.
    #[error("{0}")]
    Undecodable(#[from] rmp_serde::decode::Error),
    /// They are, and say what cannot be.
    #[error("{0}")]
    Impossible(&'static str),
}

/// With named fields, which may come and go.
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    // Writing into memory does not fail; and what is empty would be left out when it is read.
    rmp_serde::to_vec_named(value).unwrap_or_default()
}

/// As arrays: small, and fields may only be added at the end, with a default.
pub fn encode_small<T: Serialize>(value: &T) -> Vec<u8> {
    rmp_serde::to_vec(value).unwrap_or_default()
}

/// Reads either.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Damaged> {
    let mut reader = rmp_serde::Deserializer::from_read_ref(bytes);
    reader.set_max_depth(MAX_DEPTH);
    Ok(T::deserialize(&mut reader)?)
}

/// Counters that can go on.
pub fn check_counts(counts: &[u64]) -> Result<(), Damaged> {
    if counts.iter().all(|count| *count <= MAX_COUNT) { Ok(()) } else { Err(Damaged::Impossible("a counter too high")) }
}

/// Which entries of a table, by their places, changed since they were last written down. Costs nothing until somebody
/// writes down.
#[derive(Debug, Default)]
pub struct Changes {
    on: bool,
    noted: Vec<u64>,
    places: Vec<u32>,
}

impl Changes {
    /// From now on, changes are noted.
    pub fn start(&mut self) {
        self.on = true;
    }

    /// Whether they are.
    pub fn is_on(&self) -> bool {
        self.on
    }

    /// Notes that an entry changed.
    #[inline]
    pub fn note(&mut self, place: u32) {
        if self.on {
            let (word, bit) = (place as usize / 64, 1 << (place % 64));
            match self.noted.get_mut(word) {
                Some(bits) if *bits & bit != 0 => {}
                _ => self.note_new(place, word, bit),
            }
        }
    }

    #[cold]
    fn note_new(&mut self, place: u32, word: usize, bit: u64) {
        if self.noted.len() <= word {
            self.noted.resize(word + 1, 0);
        }
        if let Some(bits) = self.noted.get_mut(word) {
            *bits |= bit;
            self.places.push(place);
        }
    }

    /// Notes that each of the first `count` entries changed.
    pub fn note_all(&mut self, count: usize) {
        (0..count as u32).for_each(|place| self.note(place));
    }

    /// What changed, in order; from now on it counts as written down.
    pub fn take(&mut self) -> Vec<u32> {
        let mut places = std::mem::take(&mut self.places);
        for place in &places {
            if let Some(bits) = self.noted.get_mut(*place as usize / 64) {
                *bits = 0;
            }
        }
        places.sort_unstable();
        places
    }
}

/// As [`Changes`], of a table whose entries have keys.
#[derive(Debug)]
pub struct ChangedKeys<K>(Option<AHashSet<K>>);

impl<K> Default for ChangedKeys<K> {
    fn default() -> Self {
        Self(None)
    }
}

impl<K: Hash + Ord> ChangedKeys<K> {
    /// From now on, changes are noted.
    pub fn start(&mut self) {
        self.0.get_or_insert_default();
    }

    /// Notes that an entry changed.
    #[inline]
    pub fn note(&mut self, key: K) {
        if let Some(keys) = &mut self.0 {
            keys.insert(key);
        }
    }

    /// What changed, in order.
    pub fn take(&mut self) -> Vec<K> {
        let mut keys: Vec<K> = self.0.as_mut().map(std::mem::take).into_iter().flatten().collect();
        keys.sort_unstable();
        keys
    }
}

/// The key of an entry that has a place.
pub fn key_of(place: u32) -> Vec<u8> {
    place.to_be_bytes().to_vec()
}

/// What was written down.
#[derive(Debug, Default)]
pub struct Pieces {
    parts: BTreeMap<String, BTreeMap<Vec<u8>, Vec<u8>>>,
    damaged: Vec<(String, Vec<u8>)>,
}

impl Pieces {
    /// Adds a piece; it replaces an earlier one under the same key.
    pub fn add(&mut self, part: &str, key: Vec<u8>, bytes: Option<Vec<u8>>) {
        let entries = match self.parts.get_mut(part) {
            Some(entries) => entries,
            None => self.parts.entry(part.to_owned()).or_default(),
        };
        match bytes {
            Some(bytes) => entries.insert(key, bytes),
            None => entries.remove(&key),
        };
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.parts.values().map(BTreeMap::len).sum()
    }

    /// Whether nothing was written down.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes the raw entries of a part, in the order of their keys.
    pub fn take(&mut self, part: &str) -> BTreeMap<Vec<u8>, Vec<u8>> {
        self.parts.remove(part).unwrap_or_default()
    }

    /// Takes a part of one entry.
    pub fn take_one<T: DeserializeOwned>(&mut self, part: &str) -> Option<T> {
        let mut one = None;
        for (key, bytes) in self.take(part) {
            match decode(&bytes) {
                Ok(value) if key.is_empty() => one = Some(value),
                _ => self.leave_out(part, key, "it cannot be read"),
            }
        }
        one
    }

    /// Takes a part whose entries have places below `limit`: each with what `check` makes of it, in order.
    pub fn take_places<T: DeserializeOwned, U>(
        &mut self,
        part: &str,
        limit: usize,
        mut check: impl FnMut(u32, T) -> Result<U, Damaged>,
    ) -> Vec<(u32, U)> {
        let mut taken = Vec::new();
        for (key, bytes) in self.take(part) {
            let place = <[u8; 4]>::try_from(key.as_slice()).map(u32::from_be_bytes).ok();
            let Some(place) = place.filter(|place| (*place as usize) < limit) else {
                self.leave_out(part, key, "there is no room for it");
                continue;
            };
            match decode(&bytes).and_then(|value| check(place, value)) {
                Ok(value) => taken.push((place, value)),
                Err(error) => self.leave_out(part, key, error),
            }
        }
        taken
    }

    /// Takes a part whose entries have keys of their own; those that `take` refuses are left out.
    pub fn take_keys<K: DeserializeOwned, T: DeserializeOwned>(
        &mut self,
        part: &str,
        mut take: impl FnMut(K, T) -> Result<(), Damaged>,
    ) {
        for (key, bytes) in self.take(part) {
            let taken = decode(&key).and_then(|own| take(own, decode(&bytes)?));
            if let Err(error) = taken {
                self.leave_out(part, key, error);
            }
        }
    }

    /// Notes that an entry is not taken back.
    pub fn leave_out(&mut self, part: &str, key: Vec<u8>, why: impl std::fmt::Display) {
        // One line says what is wrong; a million say no more.
        if self.damaged.is_empty() {
            tracing::warn!(part, %why, "a piece of the state before the restart is left out");
        }
        self.damaged.push((part.to_owned(), key));
    }

    /// The part and the key of every entry that was not taken back, also of parts that nobody asked for.
    pub fn left_out(mut self) -> Vec<(String, Vec<u8>)> {
        for (part, entries) in std::mem::take(&mut self.parts) {
            for key in entries.into_keys() {
                self.leave_out(&part, key, "nobody knows this part");
            }
        }
        self.damaged
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_once_and_again_after_it_was_written_down() {
        let mut changes = Changes::default();
        changes.note(7);
        assert!(changes.take().is_empty(), "nobody has asked yet");
        changes.start();
        for place in [200, 7, 7, 200, 0] {
            changes.note(place);
        }
        assert_eq!(changes.take(), [0, 7, 200]);
        assert!(changes.take().is_empty());
        changes.note(7);
        assert_eq!(changes.take(), [7]);
    }

    #[test]
    fn what_cannot_be_read_is_left_out_and_told() {
        let mut pieces = Pieces::default();
        pieces.add("number", key_of(1), Some(encode(&5_u8)));
        pieces.add("number", key_of(2), Some(vec![0xc1]));
        pieces.add("number", key_of(9), Some(encode(&5_u8)));
        pieces.add("number", vec![1], Some(encode(&5_u8)));
        pieces.add("number", key_of(3), Some(encode(&5_u8)));
        pieces.add("number", key_of(3), None);
        pieces.add("unknown", Vec::new(), Some(Vec::new()));
        let taken = pieces.take_places("number", 9, |_, number: u8| Ok(number));
        assert_eq!(taken, [(1, 5)]);
        assert_eq!(pieces.left_out().len(), 4);
    }
}
