//! Where things are kept, for how long, and how large that may get: `[store]`.

use std::path::PathBuf;
use std::time::Duration;

/// How to keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreOptions {
    /// The database file; none: in memory, gone with the process.
    pub path: Option<PathBuf>,
    /// Days for which hours of the ledger, devices and coverage are kept. The default lets a year be compared.
    pub ledger_days: u64,
    /// Days for which resolved alerts, ended suppressions and the audit trail are kept. Firing alerts stay.
    pub alert_days: u64,
    /// Bytes that the database file may take: above that the oldest leave early.
    pub max_bytes: u64,
    /// How often what changed in the analyser is written down: at most so much is counted anew after a kill.
    pub checkpoint: Duration,
    /// How long to wait after a write failed before it is tried again; doubles up to ten times that.
    pub retry: Duration,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            path: None,
            ledger_days: 395,
            alert_days: 730,
            max_bytes: 2 << 30,
            checkpoint: Duration::from_secs(15),
            retry: Duration::from_secs(1),
        }
    }
}
