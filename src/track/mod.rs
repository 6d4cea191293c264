//! Connections and what became of them: packets in, [`Event`]s out.

pub mod event;

pub use event::{Event, EventKind, Outcome};
