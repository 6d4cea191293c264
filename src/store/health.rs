//! How the store fares, for metrics and for an alert of its own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::SystemTime;

/// Whether what should be kept is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It is.
    Good,
    /// It is, in a new database: the one that was there was broken.
    SetAside(SetAside),
    /// It is held in memory, and written when the database can be written again.
    CannotWrite {
        /// Since when, by the wall clock.
        since: SystemTime,
        /// Why.
        error: String,
    },
}

/// A broken database that was moved out of the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetAside {
    /// What it is called now.
    pub file: PathBuf,
    /// What was wrong with it.
    pub error: String,
}

/// What metrics tell of the store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Bytes of the database, what is free within it too.
    pub database_bytes: u64,
    /// Bytes of the log beside it.
    pub wal_bytes: u64,
    /// Transitions that each sink has still to deliver.
    pub waiting: BTreeMap<String, u64>,
    /// Transitions held in memory because they are not written yet.
    pub held: u64,
    /// Transitions that left the memory unwritten and undelivered, because too many were held.
    pub dropped: u64,
    /// Transitions that left the memory unwritten after every sink had them.
    pub unrecorded: u64,
    /// Transitions given up for a sink that did not take them for too long.
    pub expired: u64,
    /// Checkpoints, or parts of them, given up because they could not be written.
    pub checkpoints_dropped: u64,
    /// Checkpoints written.
    pub checkpoints: u64,
    /// Writes that failed.
    pub write_errors: u64,
    /// Databases set aside since the start.
    pub set_aside: u64,
    /// When something was last written, by the wall clock.
    pub last_commit: Option<SystemTime>,
    /// Rows that retention removed since the start, by table.
    pub removed: BTreeMap<&'static str, u64>,
    /// Whether it can be written now.
    pub writable: bool,
}
