//! What the ledger says of an event, and of a rhythm, to the rules.

use std::net::IpAddr;
use std::time::Duration;

use super::super::camera::CameraId;
use super::super::name::{NameId, RhythmId};
use super::super::pair::PairId;
use crate::net::Service;
use crate::time::Timestamp;
use crate::track::Outcome;

/// What an event came to, for the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// When.
    pub time: Timestamp,
    /// The camera.
    pub camera: CameraId,
    /// What happened.
    pub kind: StepKind,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepKind {
    /// The camera called the pair's destination.
    Attempt {
        /// The pair.
        pair: PairId,
        /// Its first attempt ever.
        first: bool,
        /// What was called.
        service: Service,
    },
    /// News of a contact of the pair: its outcome, its traffic, or both.
    Contact {
        /// The pair.
        pair: PairId,
        /// What became of it, when that has just become known.
        outcome: Option<Outcome>,
        /// Bytes from the camera since it was last told of.
        bytes_out: u64,
        /// For how long the connection has been open; zero where that is not known.
        lasted: Duration,
        /// The camera's end of the connection; port 0 where it is not known.
        own: (IpAddr, u16),
        /// What it called.
        service: Service,
    },
    /// The camera knocked on an open connection.
    Pulse {
        /// The pair.
        pair: PairId,
        /// What was called.
        service: Service,
    },
    /// The camera called an internal destination, which the ledger keeps no pair of.
    Inside {
        /// Whom it called.
        destination: IpAddr,
        /// What it called there.
        service: Service,
    },
    /// A host that is not internal opened a connection to the camera, which answered.
    Inbound {
        /// Who called.
        from: IpAddr,
        /// From which port.
        from_port: u16,
        /// The camera's address that it called.
        at: IpAddr,
        /// What of the camera's it called.
        service: Service,
    },
    /// The camera asked for a name.
    Asked {
        /// The name.
        name: NameId,
    },
}

/// Whose rhythm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum BeatKey {
    /// A camera's calls to one address.
    Pair(PairId),
    /// A camera's use of one name, over all its addresses.
    Name(RhythmId),
    /// A camera's calls to all overseas destinations.
    Camera(CameraId),
}
