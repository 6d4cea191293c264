//! What the callers and the thread of the store share.
//!
//! Everything that is to be written is first here: transitions in the order of their numbers, the one checkpoint that
//! waits, how far each sink is. The thread takes from here and writes; what it could not write stays.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use rusqlite::Connection;
use tokio::sync::watch;

use super::checkpoint::Checkpoint;
use super::error::StoreError;
use super::file::Place;
use super::health::{SetAside, StoreStats};
use crate::alert::Transition;

/// Transitions held while they cannot be written; of more, the oldest leave.
pub(super) const MAX_HELD: usize = 10_000;
/// Bytes of their documents.
pub(super) const MAX_HELD_BYTES: usize = 64 << 20;
/// About how many bytes of checkpoints wait to be written.
pub(super) const MAX_CHECKPOINT_BYTES: usize = 256 << 20;
/// Jobs that wait for the thread.
pub(super) const MAX_JOBS: usize = 64;

/// A transition with its number and as it is written.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub seq: u64,
    pub transition: Arc<Transition>,
    pub document: Arc<str>,
}

/// How far a sink is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cursor {
    /// It has delivered everything up to this.
    pub seq: u64,
    /// That is not written yet.
    pub dirty: bool,
}

/// A checkpoint that waits to be written.
#[derive(Debug)]
pub(super) struct Waiting {
    pub checkpoint: Checkpoint,
    /// Every transition up to this is part of it.
    pub seq: u64,
    /// Its rows were given up: what is left must not pass for a state to continue from.
    pub rows_lost: bool,
}

/// What is done within a transaction.
pub(super) type Work = Box<dyn FnOnce(&Connection) -> rusqlite::Result<()> + Send>;

/// Something to be written for somebody who waits for it.
pub(super) struct Job {
    pub work: Work,
    pub answer: std::sync::mpsc::SyncSender<Result<(), StoreError>>,
}

pub(super) struct State {
    /// The number of the next transition.
    pub next: u64,
    pub held: VecDeque<Held>,
    pub held_bytes: usize,
    /// Everything up to this is in the database.
    pub committed: u64,
    /// Sinks may have everything up to this: what is written, or cannot be for now.
    pub visible: u64,
    /// The numbers of all transitions that some sink has yet to deliver, in order.
    pub undelivered: VecDeque<u64>,
    pub sinks: BTreeMap<String, Cursor>,
    /// Sinks that are gone, but not yet from the database.
    pub sinks_changed: bool,
    pub checkpoint: Option<Waiting>,
    /// The next checkpoint must be whole.
    pub wants_whole: bool,
    pub jobs: VecDeque<Job>,
    pub set_aside: Option<SetAside>,
    /// Since when it cannot be written, and why.
    pub failing: Option<(SystemTime, String)>,
    /// Since when a caller gave up waiting for the thread.
    pub behind: Option<SystemTime>,
    pub closing: bool,
    pub stats: StoreStats,
}

pub(super) struct Shared {
    pub place: Place,
    state: Mutex<State>,
    /// There is something to write.
    pub work: Condvar,
    /// Something was written, or could not be.
    pub done: Condvar,
    pub changes: watch::Sender<u64>,
}

impl Shared {
    pub(super) fn new(place: Place, next: u64) -> Self {
        let state = State {
            next,
            held: VecDeque::new(),
            held_bytes: 0,
            committed: next - 1,
            visible: next - 1,
            undelivered: VecDeque::new(),
            sinks: BTreeMap::new(),
            sinks_changed: false,
            checkpoint: None,
            wants_whole: false,
            jobs: VecDeque::new(),
            set_aside: None,
            failing: None,
            behind: None,
            closing: false,
            stats: StoreStats::default(),
        };
        let (work, done) = (Condvar::new(), Condvar::new());
        Self { place, state: Mutex::new(state), work, done, changes: watch::Sender::new(next - 1) }
    }

    /// Nothing in here is left half done when a thread panics.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes transitions in; gives the number of the last.
    pub(super) fn hold(&mut self, transitions: Vec<(Arc<Transition>, Arc<str>)>) -> u64 {
        for (transition, document) in transitions {
            let seq = self.next;
            self.next += 1;
            self.held_bytes += document.len();
            self.held.push_back(Held { seq, transition, document });
            if !self.sinks.is_empty() {
                self.undelivered.push_back(seq);
            }
            while self.held.len() > MAX_HELD || (self.held_bytes > MAX_HELD_BYTES && self.held.len() > 1) {
                self.let_oldest_go();
            }
        }
        self.next - 1
    }

    fn let_oldest_go(&mut self) {
        let Some(oldest) = self.held.pop_front() else { return };
        self.held_bytes -= oldest.document.len();
        if oldest.seq <= self.floor() {
            self.stats.unrecorded += 1;
        } else {
            self.stats.dropped += 1;
            if let Ok(at) = self.undelivered.binary_search(&oldest.seq) {
                self.undelivered.remove(at);
            }
        }
    }

    /// Forgets what is written up to a number.
    pub(super) fn written(&mut self, seq: u64) {
        while self.held.front().is_some_and(|held| held.seq <= seq) {
            if let Some(held) = self.held.pop_front() {
                self.held_bytes -= held.document.len();
            }
        }
        self.committed = self.committed.max(seq);
        self.visible = self.visible.max(seq);
    }

    /// Every sink has delivered everything up to this.
    pub(super) fn floor(&self) -> u64 {
        self.sinks.values().map(|cursor| cursor.seq).min().unwrap_or(self.next - 1)
    }

    /// Takes the sinks that there are now.
    pub(super) fn set_sinks(&mut self, names: &[String]) {
        let before = self.sinks.len();
        self.sinks.retain(|name, _| names.contains(name));
        self.sinks_changed |= self.sinks.len() != before;
        let now = self.next - 1;
        for name in names {
            self.sinks.entry(name.clone()).or_insert(Cursor { seq: now, dirty: true });
        }
        self.forget_delivered();
    }

    /// A sink has delivered everything up to a number.
    pub(super) fn delivered(&mut self, sink: &str, seq: u64) {
        let most = self.next - 1;
        if let Some(cursor) = self.sinks.get_mut(sink)
            && cursor.seq < seq
        {
            *cursor = Cursor { seq: seq.min(most), dirty: true };
            self.forget_delivered();
        }
    }

    /// Forgets the numbers of what every sink has.
    pub(super) fn forget_delivered(&mut self) {
        let floor = self.floor();
        while self.undelivered.front().is_some_and(|seq| *seq <= floor) {
            self.undelivered.pop_front();
        }
    }

    /// Lays a checkpoint over the one that waits, if any.
    pub(super) fn lay_checkpoint(&mut self, later: Waiting) {
        let mut waiting = match self.checkpoint.take() {
            None => later,
            Some(earlier) => {
                let rows_lost = (earlier.rows_lost && !later.checkpoint.whole) || later.rows_lost;
                Waiting { checkpoint: earlier.checkpoint.then(later.checkpoint), seq: later.seq, rows_lost }
            }
        };
        if waiting.checkpoint.whole {
            self.wants_whole = false;
        }
        self.stats.checkpoints_dropped += waiting.bound();
        self.wants_whole |= waiting.rows_lost;
        self.checkpoint = Some(waiting);
    }

    /// Whether it is written, and since when not and why, if not.
    pub(super) fn trouble(&self) -> Option<(SystemTime, String)> {
        let behind = || self.behind.map(|since| (since, "the disk does not answer".to_owned()));
        self.failing.clone().or_else(behind)
    }
}

impl Waiting {
    /// Gives up what is too much to hold; gives how many times it did.
    fn bound(&mut self) -> u64 {
        let mut dropped = 0;
        if self.rows_lost {
            self.checkpoint.rows.clear();
            self.checkpoint.whole = false;
        } else if self.checkpoint.size() > MAX_CHECKPOINT_BYTES {
            self.checkpoint.rows = Vec::new();
            self.checkpoint.whole = false;
            self.rows_lost = true;
            dropped += 1;
        }
        if self.checkpoint.size() > MAX_CHECKPOINT_BYTES {
            let Checkpoint { format, time, .. } = self.checkpoint;
            self.checkpoint = Checkpoint { format, time, ..Checkpoint::default() };
            dropped += 1;
        }
        dropped
    }
}
