//! What outlives the process, in one SQLite file: alerts and what is to be told of them, the ledger by the hour, the
//! inventory, coverage, what people did, and pieces of the analyser's state to continue from.
//!
//! One thread owns the connection that writes ([`Store`] is a handle to it); everybody else reads by connections of their
//! own ([`Reader`]). The database is in WAL mode, so that neither waits for the other. Without a path the very same works
//! on a database in memory.
//!
//! - Transitions are given to [`Store::put`], which returns when they are on the disk. A database that cannot be written
//!   (a full disk, a read-only file system) holds nobody up for longer than [`PUT_WAIT`]: what is not written is held in
//!   memory, in bounds, still given to the sinks, and written when that is possible again.
//! - Sinks take from it as [`Outbox`](crate::alert::Outbox): each gets every transition at least once, in order, over
//!   restarts.
//! - [`Store::checkpoint`] takes what changed in the analyser, and never waits.
//! - A broken file is set aside and a new one begun; one that a later camwatch wrote is refused. [`Store::health`] says how
//!   it is.

pub mod checkpoint;
mod error;
mod file;
mod handle;
mod health;
mod ledger;
mod moment;
mod options;
#[cfg(test)]
mod order;
mod outbox;
mod people;
mod reader;
mod retention;
mod schema;
mod state;
mod sums;
#[cfg(test)]
mod testing;
mod transitions;
mod writer;

pub use error::StoreError;
pub use handle::{PUT_WAIT, Put, Store};
pub use health::{Health, SetAside, StoreStats};
pub use moment::{HourNumbers, Moment, PairNumbers, PairPlace, PairRow, PlaceRow, WatchedRow};
pub use options::StoreOptions;
pub use people::{AuditRow, SuppressionRow};
pub use reader::{Reader, Restored, RestoredRow, Told};
pub use sums::{AllHour, HourSum};
