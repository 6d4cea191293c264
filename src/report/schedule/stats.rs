//! How each scheduled report does, for metrics, health and pages.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use super::Schedule;

/// One scheduled report's counters, since the start.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReportStats {
    /// Its name.
    pub report: String,
    /// The sink by which it is sent.
    pub sink: String,
    /// Mails that the server took.
    pub sent: u64,
    /// Tries that failed.
    pub failed: u64,
    /// When it was last sent.
    pub last_success: Option<SystemTime>,
    /// Since when one that is due could not be sent; none while nothing is due.
    pub failing_since: Option<SystemTime>,
    /// Why the last try failed; none while nothing is due.
    pub last_error: Option<String>,
}

/// All reports' counters; cheap to clone, and may be read from any thread.
#[derive(Debug, Clone, Default)]
pub struct ReportsView(Arc<Mutex<BTreeMap<String, ReportStats>>>);

impl ReportsView {
    /// A snapshot, in the order of names.
    pub fn snapshot(&self) -> Vec<ReportStats> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Those that there are now: what was counted of those that stay is kept.
    pub(super) fn set_reports(&self, schedules: &[Schedule]) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|name, _| schedules.iter().any(|schedule| schedule.name == *name));
        for Schedule { name, sink, .. } in schedules {
            let stats = all.entry(name.clone()).or_default();
            (stats.report, stats.sink) = (name.clone(), sink.clone());
        }
    }

    fn update(&self, report: &str, change: impl FnOnce(&mut ReportStats)) {
        if let Some(stats) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get_mut(report) {
            change(stats);
        }
    }

    pub(super) fn note_sent(&self, report: &str) {
        self.update(report, |stats| {
            stats.sent += 1;
            stats.last_success = Some(SystemTime::now());
        });
    }

    /// Nothing is due that was not sent.
    pub(super) fn note_well(&self, report: &str) {
        self.update(report, |stats| (stats.failing_since, stats.last_error) = (None, None));
    }

    pub(super) fn note_failed(&self, report: &str, error: String) {
        self.update(report, |stats| {
            stats.failed += 1;
            stats.failing_since.get_or_insert_with(SystemTime::now);
            stats.last_error = Some(error);
        });
    }
}
