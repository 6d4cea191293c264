//! What pages are answered from: a copy of the ledger, made while somebody looks.
//!
//! The analyser owns its state, and whoever asks it holds it up. So it is asked seldom, and shortly: a [`Maker`] copies some
//! thousand places of the ledger at a time, with batches taken in between, and only while somebody looks ([`Boards`]). What
//! takes long (sorting, adding up, searching) is done on the reader's side, on the [`Board`].

mod boards;
mod make;
mod row;
mod sums;

pub use boards::Boards;
pub use make::Maker;
pub use row::{CameraRow, CameraState, PairRow, Sight};
pub use sums::{CountryRow, NameRow, OwnerRow, Top};

use std::ops::Range;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ahash::AHashMap;

use crate::analyse::{CameraId, Totals};
use crate::net::Service;
use crate::time::Timestamp;

/// The ledger at a moment.
#[derive(Debug, Default)]
pub struct Board {
    /// Grows whenever a board differs from the one before.
    pub generation: u64,
    /// Capture time; none before the first packet.
    pub now: Option<Timestamp>,
    /// Every camera; those that are registered and were not seen come last.
    pub cameras: Vec<CameraRow>,
    /// Every pair, those of a camera together: see [`Board::pairs_of`].
    pairs: Vec<PairRow>,
    names: Vec<Arc<str>>,
    services: Vec<Service>,
    ranges: AHashMap<CameraId, Range<usize>>,
    places: AHashMap<String, usize>,
    /// Cameras that were seen and are not registered; 0 where nothing is registered.
    pub unregistered: u64,
    /// Packets lost, by hour.
    pub lost: Vec<(i64, u64)>,
    totals: Totals,
    top: OnceLock<Top>,
    /// How long the analyser was held up for it, all in all.
    pub(in crate::board) held_up: Duration,
}

impl Board {
    /// A camera.
    pub fn camera(&self, id: &str) -> Option<&CameraRow> {
        self.cameras.get(*self.places.get(id)?)
    }

    /// The pairs of a camera, in no particular order.
    pub fn pairs_of(&self, camera: CameraId) -> &[PairRow] {
        self.ranges.get(&camera).and_then(|range| self.pairs.get(range.clone())).unwrap_or_default()
    }

    /// The names that a camera used for a destination.
    pub fn names_of(&self, pair: &PairRow) -> &[Arc<str>] {
        let start = pair.names.0 as usize;
        self.names.get(start..start + usize::from(pair.names.1)).unwrap_or_default()
    }

    /// What a camera called at a destination.
    pub fn services_of(&self, pair: &PairRow) -> &[Service] {
        let start = pair.services.0 as usize;
        self.services.get(start..start + usize::from(pair.services.1)).unwrap_or_default()
    }

    /// Whom cameras call most. Added up when it is first asked for: takes long.
    pub fn top(&self) -> &Top {
        self.top.get_or_init(|| Top::of(self))
    }

    /// Whether it says the same as another, but for the time.
    fn says_the_same(&self, other: &Self) -> bool {
        let firing = |board: &Self| board.cameras.iter().map(|camera| camera.alerts).sum::<u64>();
        self.totals == other.totals
            && (self.cameras.len(), self.unregistered) == (other.cameras.len(), other.unregistered)
            && firing(self) == firing(other)
    }
}
