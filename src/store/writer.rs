//! The thread that owns the connection which writes.
//!
//! Each round takes what is there, oldest transitions first, and writes it; then what can wait, such as retention, in small
//! steps. What fails stays where it was and is tried again, less and less often; a database that turns out to be broken is
//! set aside, and the next round begins a new one.

use std::fs::File;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tracing::{error, info, warn};

use super::error::{StoreError, is_broken};
use super::file::{NotOpened, Opened};
use super::ledger;
use super::options::StoreOptions;
use super::retention;
use super::state::{Cursor, Held, Job, Shared, State, Waiting, Work};
use super::transitions;
use crate::time::Timestamp;

/// Transitions in one transaction.
const BATCH: usize = 500;
/// How often retention looks, when it had nothing more to do.
const RETENTION_EVERY: Duration = Duration::from_secs(60);
/// Between two of its steps when it had: others come first.
const RETENTION_PAUSE: Duration = Duration::from_millis(50);
/// A write that failed is tried again no later than this many times the first wait.
const MAX_BACKOFF: u32 = 10;
/// Undelivered transitions kept; of more, the oldest are given up.
pub(super) const MAX_UNDELIVERED: usize = 100_000;
/// And for no longer than this.
const UNDELIVERED_DAYS: i64 = 30;

/// Seconds since 1970 by the wall clock.
pub(super) fn wall_s() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}

pub(super) struct Writer {
    shared: Arc<Shared>,
    options: StoreOptions,
    connection: Option<Connection>,
    lock: Option<File>,
    backoff: Duration,
    retry_at: Instant,
    retention_at: Instant,
    /// The latest moment of capture time that was written.
    latest: Option<Timestamp>,
    /// Documents may be there that every sink has.
    trim: bool,
}

/// What one round has to do.
struct Round {
    held: Vec<Held>,
    sinks: Vec<(String, u64)>,
    keep: Option<Vec<String>>,
    jobs: Vec<Job>,
    checkpoint: Option<Waiting>,
    floor: u64,
    closing: bool,
}

impl Round {
    fn writes(&self) -> bool {
        !self.held.is_empty()
            || !self.sinks.is_empty()
            || self.keep.is_some()
            || !self.jobs.is_empty()
            || self.checkpoint.is_some()
    }
}

impl Writer {
    /// Opens the database; what a person has to see to is an error, what may pass is tried again by the thread.
    pub(super) fn new(shared: Arc<Shared>, options: StoreOptions) -> Result<Self, StoreError> {
        let now = Instant::now();
        let backoff = options.retry;
        let mut writer = Self {
            shared,
            options,
            connection: None,
            lock: None,
            backoff,
            retry_at: now,
            retention_at: now,
            latest: None,
            trim: true,
        };
        match writer.open() {
            Err(NotOpened::Refused(error)) => return Err(error),
            Err(NotOpened::Later(why)) => writer.failed(why),
            Ok(()) => {}
        }
        Ok(writer)
    }

    /// Writes until the store is closed.
    pub(super) fn run(mut self) {
        while self.round() {}
        if let Some(connection) = self.connection.take() {
            // The log is small again, and a plain copy of the file is whole.
            if let Err(error) = connection.pragma_update(None, "wal_checkpoint", "TRUNCATE") {
                warn!(%error, "the log of the database was not taken in");
            }
        }
    }

    fn open(&mut self) -> Result<(), NotOpened> {
        let Opened { connection, set_aside, lock } = self.shared.place.open(self.lock.take())?;
        self.lock = lock;
        let last = transitions::last_seq(&connection)?;
        let mut undelivered = transitions::undelivered(&connection)?;
        let sinks = transitions::sinks(&connection)?;
        let continues = ledger::mark(&connection)?.is_some();
        self.latest = transitions::latest(&connection)?;
        self.connection = Some(connection);
        let mut state = self.shared.lock();
        if let Some(aside) = set_aside {
            error!(
                file = %aside.file.display(), error = aside.error,
                "the database was broken: it is set aside, and a new one begins"
            );
            state.stats.set_aside += 1;
            state.set_aside = Some(aside);
        }
        renumber(&mut state, last);
        undelivered.extend(state.held.iter().map(|held| held.seq));
        state.undelivered = undelivered.into();
        let first_time = state.sinks.is_empty();
        for (name, seq) in sinks {
            // What waits in the database comes before what is held: it may be sent twice, but is not left out.
            match state.sinks.get_mut(&name) {
                Some(cursor) => cursor.seq = seq,
                None if first_time => {
                    state.sinks.insert(name, Cursor { seq, dirty: false });
                }
                None => state.sinks_changed = true,
            }
        }
        for cursor in state.sinks.values_mut() {
            cursor.dirty = true;
        }
        state.forget_delivered();
        state.wants_whole |= !continues;
        Ok(())
    }

    /// One round; gives whether there will be another.
    fn round(&mut self) -> bool {
        let Some(round) = self.wait() else { return false };
        let closing = round.closing;
        let writes = round.writes();
        if self.connection.is_none()
            && let Err(error) = self.open()
        {
            let why = match error {
                NotOpened::Refused(error) => error.to_string(),
                NotOpened::Later(why) => why,
            };
            self.give_back(round, &why);
            self.failed(why);
            return !closing;
        }
        match self.write(round) {
            Ok(()) => self.succeeded(writes),
            Err(error) => {
                let why = error.to_string();
                if is_broken(&error) {
                    // Looked at again, and set aside, when it is opened.
                    self.connection = None;
                }
                self.failed(why);
                return !closing;
            }
        }
        if !closing {
            self.maintain();
        }
        true
    }

    /// Waits until there is something to do; none: the store is closed, and everything is written.
    fn wait(&self) -> Option<Round> {
        let mut state = self.shared.lock();
        loop {
            let now = Instant::now();
            let failing = state.failing.is_some();
            let due = if failing { self.retry_at } else { self.retention_at };
            let work = !state.held.is_empty()
                || !state.jobs.is_empty()
                || state.checkpoint.is_some()
                || state.sinks_changed
                || state.sinks.values().any(|cursor| cursor.dirty);
            if state.closing && !work {
                return None;
            }
            // Whoever waits for a job learns at once that it cannot be done.
            if failing && !state.jobs.is_empty() && !state.closing {
                let why = state.failing.as_ref().map(|(_, why)| why.clone()).unwrap_or_default();
                for job in state.jobs.drain(..) {
                    answer(&job, Err(StoreError::CannotWrite(why.clone())));
                }
            }
            if state.closing || (work && !failing) || due <= now {
                break;
            }
            let wait = due.saturating_duration_since(now);
            state = self.shared.work.wait_timeout(state, wait).unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
        Some(Round {
            held: state.held.iter().take(BATCH).cloned().collect(),
            sinks: state
                .sinks
                .iter()
                .filter(|(_, cursor)| cursor.dirty)
                .map(|(name, cursor)| (name.clone(), cursor.seq))
                .collect(),
            keep: state.sinks_changed.then(|| state.sinks.keys().cloned().collect()),
            jobs: state.jobs.drain(..).collect(),
            // Only after every transition that is part of it.
            checkpoint: if state.held.len() <= BATCH { state.checkpoint.take() } else { None },
            floor: state.floor(),
            closing: state.closing,
        })
    }

    /// Puts back what cannot be written now.
    fn give_back(&self, round: Round, why: &str) {
        for job in &round.jobs {
            answer(job, Err(StoreError::CannotWrite(why.to_owned())));
        }
        self.give_back_checkpoint(round.checkpoint);
    }

    fn give_back_checkpoint(&self, checkpoint: Option<Waiting>) {
        let Some(earlier) = checkpoint else { return };
        let mut state = self.shared.lock();
        let later = state.checkpoint.replace(earlier);
        if let Some(later) = later {
            state.lay_checkpoint(later);
        }
    }

    fn write(&mut self, round: Round) -> rusqlite::Result<()> {
        let Round { held, sinks, keep, jobs, checkpoint, floor, .. } = round;
        let written = self.write_held(&held);
        if let Err(error) = &written {
            let why = error.to_string();
            for job in &jobs {
                answer(job, Err(StoreError::CannotWrite(why.clone())));
            }
            self.give_back_checkpoint(checkpoint);
            return written;
        }
        let mut result = self.write_sinks(&sinks, keep.as_deref(), floor);
        for job in jobs {
            let done = match &result {
                Ok(()) => self.do_job(job.work),
                Err(error) => {
                    answer_text(&job.answer, error.to_string());
                    continue;
                }
            };
            match done {
                Ok(()) => {
                    job.answer.try_send(Ok(())).unwrap_or_default();
                }
                // A job that is at fault itself, by a constraint, says nothing of the disk.
                Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) => {
                    job.answer.try_send(Err(error.into())).unwrap_or_default();
                }
                Err(error) => {
                    answer_text(&job.answer, error.to_string());
                    result = Err(error);
                }
            }
        }
        if result.is_err() {
            self.give_back_checkpoint(checkpoint);
            return result;
        }
        self.write_checkpoint(checkpoint)
    }

    /// Writes transitions down to the disk itself before it is said that they are.
    fn write_held(&mut self, held: &[Held]) -> rusqlite::Result<()> {
        let (Some(last), Some(connection)) = (held.last(), self.connection.as_mut()) else { return Ok(()) };
        connection.pragma_update(None, "synchronous", "FULL")?;
        let transaction = Transaction::new(connection, TransactionBehavior::Immediate)?;
        transitions::insert(&transaction, held, wall_s())?;
        transaction.commit()?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        self.latest = self.latest.max(held.iter().map(|held| held.transition.time).max());
        self.trim = true;
        let mut state = self.shared.lock();
        state.written(last.seq);
        state.behind = None;
        // First, so that whoever learns that it is written finds it told.
        self.shared.changes.send_replace(state.visible);
        drop(state);
        self.shared.done.notify_all();
        Ok(())
    }

    fn write_sinks(&mut self, sinks: &[(String, u64)], keep: Option<&[String]>, floor: u64) -> rusqlite::Result<()> {
        let Some(connection) = self.connection.as_mut() else { return Ok(()) };
        if sinks.is_empty() && keep.is_none() && !self.trim {
            return Ok(());
        }
        let transaction = Transaction::new(connection, TransactionBehavior::Immediate)?;
        if let Some(keep) = keep {
            transitions::keep_sinks(&transaction, keep)?;
        }
        transitions::write_sinks(&transaction, sinks)?;
        let more = transitions::trim(&transaction, floor)?;
        transaction.commit()?;
        self.trim = more;
        let mut state = self.shared.lock();
        for (name, seq) in sinks {
            if let Some(cursor) = state.sinks.get_mut(name) {
                cursor.dirty = cursor.seq != *seq;
            }
        }
        if let Some(keep) = keep {
            state.sinks_changed = !state.sinks.keys().eq(keep);
        }
        Ok(())
    }

    fn do_job(&mut self, work: Work) -> rusqlite::Result<()> {
        let Some(connection) = self.connection.as_mut() else { return Ok(()) };
        connection.pragma_update(None, "synchronous", "FULL")?;
        let transaction = Transaction::new(connection, TransactionBehavior::Immediate)?;
        work(&transaction)?;
        transaction.commit()?;
        connection.pragma_update(None, "synchronous", "NORMAL")
    }

    fn write_checkpoint(&mut self, waiting: Option<Waiting>) -> rusqlite::Result<()> {
        let (Some(waiting), Some(connection)) = (waiting, self.connection.as_mut()) else { return Ok(()) };
        let mut write = || -> rusqlite::Result<bool> {
            let transaction = Transaction::new(connection, TransactionBehavior::Immediate)?;
            let with_rows = ledger::write(&transaction, &waiting.checkpoint, waiting.seq, waiting.rows_lost)?;
            transaction.commit()?;
            Ok(with_rows)
        };
        match write() {
            Ok(with_rows) => {
                self.latest = self.latest.max(Some(waiting.checkpoint.time));
                let mut state = self.shared.lock();
                state.stats.checkpoints += 1;
                state.wants_whole = !with_rows;
                Ok(())
            }
            Err(error) => {
                self.give_back_checkpoint(Some(waiting));
                Err(error)
            }
        }
    }

    fn succeeded(&mut self, wrote: bool) {
        self.backoff = self.options.retry;
        let mut state = self.shared.lock();
        if wrote {
            state.stats.last_commit = Some(SystemTime::now());
        }
        state.stats.writable = true;
        state.behind = None;
        if let Some((since, _)) = state.failing.take() {
            let down_s = since.elapsed().unwrap_or_default().as_secs();
            info!(down_s, "the database can be written again");
        }
        drop(state);
        self.shared.done.notify_all();
    }

    fn failed(&mut self, why: String) {
        self.retry_at = Instant::now() + self.backoff;
        self.backoff = (self.backoff * 2).min(self.options.retry * MAX_BACKOFF);
        let mut state = self.shared.lock();
        state.stats.write_errors += 1;
        state.stats.writable = false;
        if state.failing.is_none() {
            error!(
                error = why,
                "the database cannot be written: what should be in it is held in memory, and still sent"
            );
        }
        let since = state.failing.take().map_or_else(SystemTime::now, |(since, _)| since);
        state.failing = Some((since, why));
        state.visible = state.next - 1;
        // First, so that whoever learns that it is written finds it told.
        self.shared.changes.send_replace(state.visible);
        drop(state);
        self.shared.done.notify_all();
    }

    /// What can wait: what nobody takes is given up, what is too old or too much leaves.
    fn maintain(&mut self) {
        let now = Instant::now();
        let Some(connection) = self.connection.as_mut() else { return };
        if self.trim {
            // The next round goes on with it.
            self.retention_at = now;
        }
        if now < self.retention_at {
            return;
        }
        let wall = Timestamp::from_parts(wall_s(), 0);
        let step = expire(connection, &self.shared).and_then(|expired| {
            self.trim |= expired;
            retention::step(connection, &self.options, self.latest.map_or(Timestamp::MIN, |latest| latest.min(wall)))
        });
        let bytes = retention::size(connection).map_or(0, |(bytes, _)| bytes);
        let mut state = self.shared.lock();
        state.stats.database_bytes = bytes;
        match step {
            Ok(step) => {
                for (table, rows) in &step.removed {
                    *state.stats.removed.entry(table).or_default() += rows;
                }
                let pause = if step.more || self.trim { RETENTION_PAUSE } else { RETENTION_EVERY };
                self.retention_at = now + pause;
            }
            Err(error) => {
                drop(state);
                self.retention_at = now + RETENTION_EVERY;
                if is_broken(&error) {
                    self.connection = None;
                }
                self.failed(error.to_string());
            }
        }
    }
}

/// Gives up undelivered transitions that are too many or too old; gives whether it did.
fn expire(connection: &Connection, shared: &Shared) -> rusqlite::Result<bool> {
    let old = transitions::last_put_before(connection, wall_s() - UNDELIVERED_DAYS * 86_400)?;
    let mut state = shared.lock();
    let too_many = state.undelivered.len().saturating_sub(MAX_UNDELIVERED);
    let many = too_many.checked_sub(1).and_then(|at| state.undelivered.get(at).copied());
    let Some(upto) = old.max(many).filter(|upto| *upto <= state.committed) else { return Ok(false) };
    let before = state.undelivered.len();
    let names: Vec<String> = state.sinks.keys().cloned().collect();
    for name in names {
        state.delivered(&name, upto);
    }
    let expired = before - state.undelivered.len();
    state.stats.expired += expired as u64;
    if expired > 0 {
        warn!(expired, "transitions that a sink did not take for too long are given up");
    }
    Ok(expired > 0)
}

/// Numbers what is held after what the database has.
fn renumber(state: &mut State, last: u64) {
    let first = state.held.front().map_or(state.next, |held| held.seq);
    if first > last {
        state.committed = state.committed.max(last);
        return;
    }
    let shift = last + 1 - first;
    for held in &mut state.held {
        held.seq += shift;
    }
    for cursor in state.sinks.values_mut() {
        cursor.seq += shift;
    }
    if let Some(waiting) = &mut state.checkpoint {
        waiting.seq += shift;
    }
    state.next += shift;
    state.committed += shift;
    state.visible += shift;
}

fn answer(job: &Job, result: Result<(), StoreError>) {
    // Whoever asked may have given up.
    job.answer.try_send(result).unwrap_or_default();
}

fn answer_text(answer: &std::sync::mpsc::SyncSender<Result<(), StoreError>>, why: String) {
    answer.try_send(Err(StoreError::CannotWrite(why))).unwrap_or_default();
}

/// A name for a database in memory that no other store of this process has.
pub(super) fn memory_name() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    format!("camwatch-{}", NUMBER.fetch_add(1, Ordering::Relaxed))
}
