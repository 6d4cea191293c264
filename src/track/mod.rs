//! Connections and what became of them: packets in, [`Event`]s out.
//!
//! The [`Tracker`] belongs to one capture thread. It follows only connections with a watched device at one end, keeps
//! each until its outcome is known and a little longer, and tells the analyser by events.

mod event;
mod flow;
mod fragments;
mod key;
mod naming;
mod table;
mod tombstone;
mod tracker;
mod wheel;

pub use event::{Event, EventKind, NameKind, NameSeen, Outcome, Traffic};
pub use tracker::{DATAGRAM_SILENCE, LISTENED_UDP, PULSE_AFTER, Tracker, is_internal_datagram};

/// How much the tracker may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections opened by watched devices; a quarter as many again opened to them.
    pub flows: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { flows: 262_144 }
    }
}

/// What the tracker counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TrackStats {
    /// Connections that are live.
    pub flows: u64,
    /// Connections that left early because the table was full.
    pub evicted: u64,
    /// How often there was no room to watch a camera that showed itself by what it said.
    pub learned_left_out: u64,
    /// Beginnings of streams in which a name was awaited that left because too many waited.
    pub names_given_up: u64,
}

impl TrackStats {
    /// Adds another tracker's.
    pub fn add(&mut self, other: Self) {
        self.flows += other.flows;
        self.evicted += other.evicted;
        self.learned_left_out += other.learned_left_out;
        self.names_given_up += other.names_given_up;
    }
}
