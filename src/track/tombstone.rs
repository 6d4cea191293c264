//! Attempts that were given up, remembered so that a late SYN of theirs is still a retry.
//!
//! Linux repeats a SYN after 1, 2, 4, 8, 16 and 32 s, so the last comes after the attempt was declared unanswered (30 s).
//! A fixed table of fingerprints tells it from a new attempt; when two fall into one place the newer one stays.

use super::key::FlowKey;
use crate::time::Timestamp;

const PLACES: usize = 1 << 16;
const REMEMBERED_S: u32 = 120;

pub(super) struct Tombstones {
    /// Fingerprint and the second in which the attempt was given up (both cut to 32 bits, so that the table stays in the
    /// cache); empty until the first attempt is given up.
    places: Vec<(u32, u32)>,
    hasher: ahash::RandomState,
}

impl Tombstones {
    pub(super) fn new() -> Self {
        // Fixed keys: which of two attempts is forgotten must not differ between two reads of one file.
        Self { places: Vec::new(), hasher: ahash::RandomState::with_seeds(1, 2, 3, 4) }
    }

    pub(super) fn bury(&mut self, key: &FlowKey, sequence: u32, now: Timestamp) {
        if self.places.is_empty() {
            self.places = vec![(0, 0); PLACES];
        }
        let print = self.hasher.hash_one((key, sequence));
        self.places[print as usize % PLACES] = ((print >> 32) as u32, now.as_secs() as u32);
    }

    pub(super) fn holds(&self, key: &FlowKey, sequence: u32, now: Timestamp) -> bool {
        if self.places.is_empty() {
            return false;
        }
        let print = self.hasher.hash_one((key, sequence));
        let (buried, second) = self.places[print as usize % PLACES];
        buried == (print >> 32) as u32 && (now.as_secs() as u32).wrapping_sub(second) <= REMEMBERED_S
    }
}
