//! How each sink does, for metrics and pages.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use crate::latency::Latency;

/// One sink's counters, since the start.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SinkStats {
    /// Its name.
    pub sink: String,
    /// The word for its kind.
    pub kind: &'static str,
    /// Transitions that the receiver took.
    pub delivered: u64,
    /// Tries after the first.
    pub retries: u64,
    /// Transitions that the receiver refused for good, passed over.
    pub refused: u64,
    /// Transitions that wait; where it is as many as are looked at together (256), there may be more.
    pub waiting: u64,
    /// How long each try took.
    pub sending: Latency,
    /// When the receiver last took something.
    pub last_success: Option<SystemTime>,
    /// Since when nothing could be delivered; none while it works.
    pub failing_since: Option<SystemTime>,
    /// Why the last try failed; none while it works.
    pub last_error: Option<String>,
}

/// All sinks' counters; cheap to clone, and may be read from any thread.
#[derive(Debug, Clone, Default)]
pub struct StatsView(Arc<Mutex<BTreeMap<String, SinkStats>>>);

impl StatsView {
    /// A snapshot, in the order of names.
    pub fn snapshot(&self) -> Vec<SinkStats> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    pub(super) fn update(&self, sink: &str, change: impl FnOnce(&mut SinkStats)) {
        if let Some(stats) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get_mut(sink) {
            change(stats);
        }
    }

    /// Those that there are now: what was counted of those that stay is kept.
    pub(super) fn set_sinks(&self, sinks: &[(String, &'static str)]) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|name, _| sinks.iter().any(|(sink, _)| sink == name));
        for (sink, kind) in sinks {
            all.entry(sink.clone()).or_default().kind = kind;
            if let Some(stats) = all.get_mut(sink) {
                stats.sink.clone_from(sink);
            }
        }
    }
}
