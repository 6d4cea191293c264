//! The stages wired: [`Front`] from frames to events on a capture thread, [`Analysis`] from events to alerts on its own,
//! a bounded channel between them. [`read`] runs them over files, [`live`] over interfaces. Records of Zeek's logs come by
//! a front of their own.

mod analysis;
mod checkpoint;
mod front;
pub mod hours;
pub mod live;
pub mod read;
mod rejoin;
mod reorder;
mod zeek;

pub use analysis::Analysis;
pub use checkpoint::{OtherFormat, Restored};
pub use front::{Batch, Front, FrontStats};
