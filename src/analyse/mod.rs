//! The ledger of who called whom, and what is found in it: events in, [`Step`]s for the rules out.
//!
//! [`Ledger`] owns the cameras, the pairs (camera × destination) and the names that cameras used. Each table has a
//! size; what is used least leaves first and is counted.

pub mod beat;
mod camera;
mod coverage;
mod ledger;
mod name;
mod pair;

pub use camera::{Camera, CameraId};
pub use coverage::{Coverage, HOURS_PART, HourCounts, LastDay, Observed};
pub use ledger::{BeatKey, HourCounted, Ledger, LedgerLimits, Step, StepKind, Totals};
pub use name::{NameId, NameKinds, NamePair, NameRhythm, RhythmId};
pub use pair::{Answer, Counts, Pair, PairId, PairName};
