//! Self tests of the running daemon: when asked for, and now and then.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{debug, warn};

use super::rehearsal::{Rehearsal, rehearse};
use super::report::{Arisen, Figures, Report, SinkResult};
use crate::alert::Transition;
use crate::deliver::{SinkConfig, StatsView};
use crate::pipeline::live::{Analyser, AskError, View};
use crate::time::Timestamp;

/// The first one is made so long after the start at most, when sinks and interfaces have found themselves.
const FIRST_AFTER: Duration = Duration::from_secs(60);
/// One that failed is made again after this time at most.
const AGAIN_AFTER: Duration = Duration::from_secs(300);
/// The configuration is looked at so often for another interval.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// Made-up time begins at the hour before the last whole one: all of it has been, and two tests are the same for an hour.
const HOUR: i64 = 3600;

/// Makes self tests; cheap to clone.
#[derive(Clone)]
pub struct SelfTest {
    live: View,
    analyser: Analyser,
    stats: StatsView,
    kept: Arc<Mutex<Kept>>,
    /// One at a time.
    turn: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Default)]
struct Kept {
    last: Option<Report>,
    figures: Figures,
}

impl SelfTest {
    /// Of a running pipeline and its sinks.
    pub fn new(live: View, analyser: Analyser, stats: StatsView) -> Self {
        Self { live, analyser, stats, kept: Arc::default(), turn: Arc::default() }
    }

    /// What the last one came to; none yet after the start.
    pub fn last(&self) -> Option<Report> {
        self.kept().last.clone()
    }

    /// For metrics.
    pub fn figures(&self) -> Figures {
        Figures { every: self.live.config().selftest_every, ..self.kept().figures }
    }

    /// What the last one found wrong, for people.
    pub fn trouble(&self) -> Option<String> {
        let kept = self.kept();
        kept.last.as_ref().filter(|last| !last.good).map(|last| last.problems.join("; "))
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes one; with `deliver`, each sink sends a message that says that it is a test.
    pub async fn run(&self, deliver: bool) -> Result<Report, AskError> {
        let turn = self.turn.clone().lock_owned().await;
        let began = Instant::now();
        let known = self.analyser.ask(|analysis| {
            let exceptions = analysis.alert_book().made_suppressions().cloned().collect();
            ((analysis.ledger().geo().clone(), exceptions), Vec::new())
        });
        let (geo, exceptions) = known.await?;
        let config = self.live.config();
        let start = Timestamp::from_parts((seconds(SystemTime::now()) / HOUR - 1) * HOUR, 0);
        let rehearsal = {
            let config = config.clone();
            // Who asked may go away; the turn ends with what is played.
            tokio::task::spawn_blocking(move || (rehearse(&config, geo, exceptions, start), turn)).await
        };
        let (rehearsal, _turn) = rehearsal.map_err(|_| AskError::Ended)?;
        let mut sinks = Vec::new();
        for sink in config.all_sinks() {
            sinks.push(self.at_sink(&sink, &rehearsal.told, deliver).await);
        }
        let report = report_of(rehearsal, sinks, deliver, began.elapsed());
        self.note(&report, began.elapsed());
        Ok(report)
    }

    async fn at_sink(&self, sink: &SinkConfig, told: &[Arc<Transition>], deliver: bool) -> SinkResult {
        let wanted: Vec<Arc<Transition>> = told.iter().filter(|told| sink.wanted.wants(told)).cloned().collect();
        let made = sink.prepare(&wanted);
        let (bytes, mut trouble) = match made {
            Ok(bytes) => (bytes as u64, None),
            Err(error) => (0, Some(error)),
        };
        let mut delivered = false;
        if deliver && trouble.is_none() {
            trouble = sink.test().await.err();
            delivered = trouble.is_none();
        } else if trouble.is_none() {
            let stats = self.stats.snapshot().into_iter().find(|stats| *stats.sink == *sink.name);
            trouble = stats.filter(|stats| stats.failing_since.is_some()).map(|stats| {
                let error = stats.last_error.unwrap_or_default();
                format!("what waits for it cannot be delivered now: {error}")
            });
        }
        let (name, kind, alerts) = (sink.name.to_string(), sink.kind_word.to_owned(), wanted.len() as u64);
        SinkResult { name, kind, alerts, bytes, delivered, trouble }
    }

    fn note(&self, report: &Report, took: Duration) {
        let mut kept = self.kept();
        if report.good {
            kept.figures.good += 1;
            // To the second: nobody asks for more.
            let now = seconds(SystemTime::now()) as u64;
            kept.figures.last_success = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(now));
        } else {
            kept.figures.failed += 1;
        }
        kept.figures.took = took;
        kept.last = Some(report.clone());
    }

    /// Makes one now and then, as often as the configuration says, until `stop` is true.
    pub async fn keep_on(self, mut stop: watch::Receiver<bool>) {
        let (mut last, mut wait) = (Instant::now(), FIRST_AFTER);
        loop {
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let Some(every) = self.live.config().selftest_every else { continue };
            if last.elapsed() < wait.min(every) {
                continue;
            }
            let good = match self.run(false).await {
                Ok(report) if report.good => {
                    debug!("the self test was good");
                    true
                }
                Ok(report) => {
                    warn!("the self test failed: {}", report.problems.join("; "));
                    false
                }
                Err(error) => {
                    warn!(%error, "the self test could not be made");
                    false
                }
            };
            (last, wait) = (Instant::now(), if good { Duration::MAX } else { AGAIN_AFTER });
        }
    }
}

fn report_of(rehearsal: Rehearsal, sinks: Vec<SinkResult>, delivered: bool, took: Duration) -> Report {
    let of_sinks = sinks.iter().filter_map(|sink| {
        let trouble = sink.trouble.as_ref()?;
        Some(format!("sink `{}` ({}): {trouble}", sink.name, sink.kind))
    });
    let problems: Vec<String> = rehearsal.why_not.into_iter().chain(of_sinks).collect();
    let arisen = |told: &Arc<Transition>| Arisen {
        rule: told.alert.rule.to_string(),
        severity: told.alert.severity,
        subject: told.alert.subject.clone(),
    };
    Report {
        good: problems.is_empty(),
        problems,
        at: Timestamp::from_parts(seconds(SystemTime::now()), 0),
        took_s: took.as_secs_f64(),
        packets: rehearsal.packets,
        cameras: rehearsal.cameras,
        alerts: rehearsal.told.iter().map(arisen).collect(),
        delivered,
        sinks,
    }
}

fn seconds(time: SystemTime) -> i64 {
    time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}
