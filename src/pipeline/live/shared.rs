//! What the threads share, and what goes between them.

use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::ask::Question;
use super::shown::Book;
use super::turns::Turns;
use crate::config::Config;
use crate::geo::Geo;
use crate::metrics::{InterfaceSnapshot, Snapshot};
use crate::pipeline::Batch;
use crate::source::LiveError;

/// How often counters are published.
pub(super) const PUBLISH_EVERY: Duration = Duration::from_millis(500);

/// What the analyser takes.
pub(super) enum Message {
    Batch(Batch),
    Reconfigure(Arc<Config>, Arc<Geo>),
    Ask(Question),
    Stop,
}

pub(super) struct Shared {
    pub(super) stop: AtomicBool,
    /// Changes whenever `config` does.
    pub(super) generation: AtomicU64,
    config: Mutex<Arc<Config>>,
    snapshot: Mutex<Snapshot>,
    pub(super) lost_events: AtomicU64,
    pub(super) turns: Turns,
    /// Each capture thread's counters.
    workers: Mutex<Vec<InterfaceSnapshot>>,
    pub(super) shown: Book,
    /// Why a capture thread gave up.
    failure: Mutex<Option<LiveError>>,
}

impl Shared {
    /// For these capture threads, and the analyser's.
    pub(super) fn new(config: Arc<Config>, snapshot: Snapshot, workers: Vec<InterfaceSnapshot>) -> Self {
        Self {
            stop: AtomicBool::new(false),
            generation: AtomicU64::new(0),
            config: Mutex::new(config),
            snapshot: Mutex::new(snapshot),
            lost_events: AtomicU64::new(0),
            turns: Turns::of(workers.len() + 1),
            workers: Mutex::new(workers),
            shown: Book::default(),
            failure: Mutex::new(None),
        }
    }

    pub(super) fn snapshot(&self) -> MutexGuard<'_, Snapshot> {
        self.snapshot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn workers(&self) -> MutexGuard<'_, Vec<InterfaceSnapshot>> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn config(&self) -> MutexGuard<'_, Arc<Config>> {
        self.config.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn failure(&self) -> MutexGuard<'_, Option<LiveError>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
