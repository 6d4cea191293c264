//! One sink's task: takes what waits for it out of the outbox, sends it, and tries again until it is taken.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tracing::{debug, info, warn};

use super::claims::Claims;
use super::{Failure, Ready, Receiver, StatsView, Wanted, backoff};
use crate::alert::{Alert, Entry, Outbox, Transition};

/// Transitions looked at together.
pub(super) const LOOK: usize = 256;
/// The outbox is looked into this often even if it says nothing.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// No send lasts longer, whatever a receiver's own patience.
const MOST_PATIENCE: Duration = Duration::from_secs(300);

/// A sink as it is in force.
pub(super) struct InForce {
    pub(super) wanted: Wanted,
    pub(super) retry_max: Duration,
    pub(super) receiver: Box<dyn Receiver>,
}

pub(super) struct Worker<O> {
    pub(super) name: String,
    pub(super) outbox: O,
    pub(super) claims: Arc<Claims>,
    pub(super) stats: StatsView,
    pub(super) in_force: InForce,
    /// What comes into force instead.
    pub(super) replacements: mpsc::UnboundedReceiver<InForce>,
    /// True: send what waits, and end.
    pub(super) stop: watch::Receiver<bool>,
    pub(super) pace: Pace,
}

/// When what is tried next.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Failures in a row.
    failures: u32,
    /// Not before then.
    not_before: Option<Instant>,
    /// When the receiver is to be told what fires.
    remind: Option<Instant>,
    /// The oldest that waits, and since when it was seen to.
    oldest: Option<(u64, Instant)>,
    /// The receiver refuses what it is sent.
    refusing: bool,
}

impl<O: Outbox> Worker<O> {
    pub(super) async fn run(mut self) {
        let mut changes = self.outbox.changes();
        loop {
            while let Ok(replacement) = self.replacements.try_recv() {
                self.take_over(replacement);
            }
            let stopping = *self.stop.borrow();
            changes.borrow_and_update();
            let until = match self.pace.not_before.filter(|moment| *moment > Instant::now()) {
                Some(_) if stopping => return,
                Some(moment) => moment,
                None => match self.step(stopping).await {
                    Step::Again => continue,
                    Step::Done => return,
                    Step::Wait(until) => until,
                },
            };
            // While a receiver is left alone, what is new waits with the rest.
            let held = self.pace.not_before.is_some();
            tokio::select! {
                () = sleep_until(until) => {}
                Ok(()) = changes.changed(), if !held => {}
                Some(replacement) = self.replacements.recv() => self.take_over(replacement),
                Ok(()) = self.stop.changed() => {}
            }
        }
    }

    /// What is new may work: it is tried at once.
    fn take_over(&mut self, replacement: InForce) {
        self.in_force = replacement;
        self.pace.not_before = None;
    }

    /// One try.
    async fn step(&mut self, stopping: bool) -> Step {
        self.pace.not_before = None;
        let Some(waiting) = self.look().await else { return Step::Again };
        let mut until = Instant::now() + LOOK_EVERY;
        if !waiting.is_empty() {
            let transitions: Vec<Arc<Transition>> = waiting.iter().map(|entry| entry.transition.clone()).collect();
            // Who is to end gathers no longer.
            let waited = if stopping { None } else { self.pace.oldest.map(|(_, since)| since.elapsed()) };
            match self.in_force.receiver.ready(&transitions, waited.unwrap_or(Duration::MAX)) {
                Ready::In(left) => until = until.min(Instant::now() + left),
                Ready::Now(count) => return self.deliver(waiting.get(..count.max(1)).unwrap_or(&waiting)).await,
            }
        } else if stopping {
            return Step::Done;
        }
        if let Some(every) = self.in_force.receiver.remind_every() {
            let due = *self.pace.remind.get_or_insert_with(Instant::now);
            if due <= Instant::now() {
                return self.remind(every).await;
            }
            until = until.min(due);
        }
        Step::Wait(until)
    }

    /// What waits and is wanted, oldest first. None where nothing of so many was wanted: there may be more.
    async fn look(&mut self) -> Option<Vec<Entry>> {
        let mut waiting = self.outbox.waiting(&self.name, LOOK).await;
        let full = waiting.len() >= LOOK;
        let wanted = |entry: &Entry| self.in_force.wanted.wants(&entry.transition);
        let first = waiting.iter().position(wanted);
        // What nobody wants to hear is done with.
        if let Some(last) = waiting.get(..first.unwrap_or(waiting.len())).and_then(<[Entry]>::last) {
            self.outbox.delivered(&self.name, last.seq).await;
        }
        waiting.retain(wanted);
        self.pace.oldest = waiting.first().map(|entry| match self.pace.oldest {
            Some((seq, since)) if seq == entry.seq => (seq, since),
            _ => (entry.seq, Instant::now()),
        });
        self.stats.update(&self.name, |stats| stats.waiting = waiting.len() as u64);
        (first.is_some() || !full).then_some(waiting)
    }

    async fn deliver(&mut self, batch: &[Entry]) -> Step {
        let Some(last) = batch.last().map(|entry| entry.seq) else { return Step::Again };
        let mut filled = Vec::with_capacity(batch.len());
        for entry in batch {
            filled.push(self.claims.fill(entry).await);
        }
        if self.pace.failures > 0 {
            self.stats.update(&self.name, |stats| stats.retries += 1);
        }
        let count = batch.len() as u64;
        let began = Instant::now();
        let sent = tokio::time::timeout(MOST_PATIENCE, self.in_force.receiver.send(&filled)).await;
        self.stats.update(&self.name, |stats| stats.sending.observe(began.elapsed()));
        match sent.unwrap_or_else(|_| Err(Failure::later("no end of it"))) {
            Ok(()) => {
                self.outbox.delivered(&self.name, last).await;
                self.stats.update(&self.name, |stats| {
                    stats.delivered += count;
                    stats.waiting = stats.waiting.saturating_sub(count);
                });
                self.works();
                self.pace.refusing = false;
            }
            Err(Failure::Refused(why)) => {
                self.outbox.delivered(&self.name, last).await;
                self.stats.update(&self.name, |stats| stats.refused += count);
                let keys: Vec<&str> = filled.iter().map(|transition| transition.key.as_str()).collect();
                // One line until it takes something again; the counter says how many.
                if self.pace.refusing {
                    debug!(sink = %self.name, ?keys, "refused: {why}");
                } else {
                    warn!(sink = %self.name, ?keys, "the receiver refuses this for good, and it is passed over: {why}");
                }
                self.pace.refusing = true;
                self.answers();
            }
            Err(Failure::Later { why, after }) => self.fails(why, after),
        }
        Step::Again
    }

    async fn remind(&mut self, every: Duration) -> Step {
        let firing = self.outbox.firing().await;
        let firing: Vec<Alert> = firing.into_iter().filter(|alert| self.in_force.wanted.is_about(alert)).collect();
        if !firing.is_empty() {
            let sent = tokio::time::timeout(MOST_PATIENCE, self.in_force.receiver.remind(&firing)).await;
            match sent.unwrap_or_else(|_| Err(Failure::later("no end of it"))) {
                Ok(()) => self.works(),
                Err(Failure::Later { why, after }) => {
                    self.fails(why, after);
                    return Step::Again;
                }
                Err(Failure::Refused(why)) => {
                    if !self.pace.refusing {
                        warn!(sink = %self.name, "the receiver refuses what fires: {why}");
                    }
                    self.pace.refusing = true;
                }
            }
        }
        self.pace.remind = Some(Instant::now() + every);
        Step::Again
    }

    /// The receiver took something.
    fn works(&mut self) {
        self.stats.update(&self.name, |stats| stats.last_success = Some(SystemTime::now()));
        self.answers();
    }

    fn answers(&mut self) {
        if self.pace.failures > 0 {
            info!(sink = %self.name, "the receiver can be reached again, after {} tries", self.pace.failures);
        }
        self.pace.failures = 0;
        self.stats.update(&self.name, |stats| (stats.failing_since, stats.last_error) = (None, None));
    }

    fn fails(&mut self, why: String, after: Option<Duration>) {
        if self.pace.failures == 0 {
            warn!(sink = %self.name, "nothing can be delivered; it is kept and tried again: {why}");
        }
        self.pace.failures = self.pace.failures.saturating_add(1);
        let wait = backoff::wait(self.pace.failures, self.in_force.retry_max).max(after.unwrap_or_default());
        self.pace.not_before = Some(Instant::now() + wait);
        self.stats.update(&self.name, |stats| {
            stats.failing_since.get_or_insert_with(SystemTime::now);
            stats.last_error = Some(why);
        });
    }
}

enum Step {
    /// There may be more to do.
    Again,
    /// Nothing is left, and it is to end.
    Done,
    /// Nothing to do until then, or until something changes.
    Wait(Instant),
}
