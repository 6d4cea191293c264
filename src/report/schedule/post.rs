//! The task that sends reports when they are due. The account is made on a thread of its own, from the store: capture and
//! analysis go on meanwhile and notice nothing.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{error, info, warn};

use super::{Due, ReportsView, Schedule};
use crate::config::Config;
use crate::deliver::{Letter, LetterFile};
use crate::geo::Geo;
use crate::report::account::{Account, AccountError, CameraTold, Period, Row, of_store};
use crate::report::html;
use crate::report::table::Table;
use crate::store::{AuditRow, Store, StoreError};
use crate::time::Timestamp;

/// Bytes of a table that goes with a mail; a larger one is left out, and the mail says how to get it.
const MAX_TABLE: usize = 4 << 20;

/// How often the task looks, and how long it waits after a failure.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Between two looks at the clock.
    pub look: Duration,
    /// After the first failure; doubles.
    pub retry: Duration,
    /// Never longer than this.
    pub retry_max: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        let minute = Duration::from_secs(60);
        Self { look: Duration::from_secs(10), retry: minute, retry_max: minute * 60 }
    }
}

/// What reports are made with.
type Inputs = (Arc<Config>, Arc<Geo>);

/// The task. It ends when this is stopped or let go of.
pub struct Reports {
    inputs: watch::Sender<Inputs>,
    stats: ReportsView,
    task: JoinHandle<()>,
}

impl Reports {
    /// Starts within a tokio runtime. A report is sent once for each period, over restarts too; of those that were missed
    /// while nothing ran, the last.
    pub fn start(config: Arc<Config>, geo: Arc<Geo>, store: Store, pace: Pace) -> Self {
        let stats = ReportsView::default();
        stats.set_reports(&config.reports);
        let inputs = watch::Sender::new((config, geo));
        let task = Task {
            inputs: inputs.subscribe(),
            stats: stats.clone(),
            store,
            pace,
            failed: BTreeMap::new(),
            sent: BTreeMap::new(),
        };
        Self { inputs, stats, task: tokio::spawn(task.run()) }
    }

    /// How each of them does.
    pub fn stats_view(&self) -> ReportsView {
        self.stats.clone()
    }

    /// These schedules are in force from now on.
    pub fn reconfigure(&self, config: Arc<Config>, geo: Arc<Geo>) {
        self.stats.set_reports(&config.reports);
        self.inputs.send_replace((config, geo));
    }

    /// Ends it. A mail that is on its way is given up, and sent anew after the next start.
    pub fn stop(self) {
        self.task.abort();
    }
}

impl Drop for Reports {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// How a report has failed so far.
#[derive(Debug, Clone, Copy)]
struct Failed {
    to: Timestamp,
    times: u32,
    again: tokio::time::Instant,
}

struct Task {
    inputs: watch::Receiver<Inputs>,
    stats: ReportsView,
    store: Store,
    pace: Pace,
    failed: BTreeMap<String, Failed>,
    /// Up to where each was sent: also where that cannot be written down.
    sent: BTreeMap<String, Timestamp>,
}

/// Why a report was not sent.
#[derive(Debug, thiserror::Error)]
enum PostError {
    #[error(transparent)]
    Account(#[from] AccountError),
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("it cannot be written: {0}")]
    Write(#[from] io::Error),
    #[error("sink `{0}` is not there")]
    NoSink(String),
    #[error("{0}")]
    NotTaken(String),
    #[error("its thread ended early")]
    Ended,
}

impl Task {
    async fn run(mut self) {
        let mut look = tokio::time::interval(self.pace.look);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            look.tick().await;
            let inputs = self.inputs.borrow_and_update().clone();
            self.failed.retain(|name, _| inputs.0.reports.iter().any(|schedule| schedule.name == *name));
            for schedule in &inputs.0.reports {
                self.look_at(schedule, &inputs).await;
            }
        }
    }

    async fn look_at(&mut self, schedule: &Schedule, inputs: &Inputs) {
        let Some(due) = schedule.due(wall_clock()) else { return };
        let failed = self.failed.get(&schedule.name).copied().filter(|failed| failed.to == due.to);
        if failed.is_some_and(|failed| failed.again > tokio::time::Instant::now()) {
            return;
        }
        match self.send_once(schedule, due, inputs).await {
            Ok(()) => {
                self.failed.remove(&schedule.name);
                self.stats.note_well(&schedule.name);
            }
            Err(error) => {
                let times = failed.map_or(1, |failed| failed.times.saturating_add(1));
                let wait = self.pace.retry.saturating_mul(1 << (times - 1).min(16)).min(self.pace.retry_max);
                warn!(report = schedule.name, times, wait_s = wait.as_secs(), "not sent, and tried again: {error}");
                self.stats.note_failed(&schedule.name, error.to_string());
                let again = tokio::time::Instant::now() + wait;
                self.failed.insert(schedule.name.clone(), Failed { to: due.to, times, again });
            }
        }
    }

    async fn send_once(&mut self, schedule: &Schedule, due: Due, inputs: &Inputs) -> Result<(), PostError> {
        if self.sent.get(&schedule.name).is_some_and(|sent| *sent >= due.to) {
            return self.remember(schedule, due).await;
        }
        let (store, key) = (self.store.clone(), schedule.key());
        let sent = blocking(move || Ok(store.reader().noted(&key)?)).await?;
        match sent {
            Some(sent) if sent >= due.to.as_secs() => return Ok(()),
            Some(_) => {}
            // A new one begins with the next period: what was before, nobody asked for.
            None => return self.remember(schedule, due).await,
        }
        let sink = inputs.0.sinks.iter().find(|sink| *sink.name == *schedule.sink);
        let sink = sink.ok_or_else(|| PostError::NoSink(schedule.sink.clone()))?;
        let (store, geo) = (self.store.clone(), inputs.1.clone());
        let (config, wanted) = (inputs.0.clone(), schedule.clone());
        let letter = blocking(move || letter(&store, &wanted, due, &config, &geo)).await?;
        sink.post(&letter).await.map_err(PostError::NotTaken)?;
        self.sent.insert(schedule.name.clone(), due.to);
        self.stats.note_sent(&schedule.name);
        let files: Vec<String> =
            letter.files.iter().map(|file| format!("{} ({} bytes)", file.name, file.bytes.len())).collect();
        info!(report = schedule.name, sink = schedule.sink, "sent: {}", letter.subject);
        let details = format!("{} by {}: {}; with {}", schedule.name, schedule.sink, letter.subject, files.join(", "));
        let row = AuditRow { time: wall_clock(), who: "camwatch".to_owned(), what: "send report".to_owned(), details };
        let store = self.store.clone();
        if let Err(error) = blocking(move || Ok(store.put_audit(row)?)).await {
            error!(report = schedule.name, %error, "that it was sent is not in the audit trail");
        }
        self.remember(schedule, due).await
    }

    async fn remember(&mut self, schedule: &Schedule, due: Due) -> Result<(), PostError> {
        let (store, key) = (self.store.clone(), schedule.key());
        blocking(move || Ok(store.note(&key, due.to.as_secs())?)).await?;
        self.sent.remove(&schedule.name);
        Ok(())
    }
}

/// The store blocks on the disk, and an account takes a while.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PostError> + Send + 'static,
) -> Result<T, PostError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(PostError::Ended))
}

fn wall_clock() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_parts(since.as_secs() as i64, since.subsec_nanos())
}

/// Keeps what is written, up to a size.
#[derive(Default)]
struct Bounded {
    bytes: Vec<u8>,
    over: bool,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.over |= self.bytes.len() + bytes.len() > MAX_TABLE;
        if self.over {
            self.bytes = Vec::new();
        } else {
            self.bytes.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The mail, with what goes with it.
fn letter(store: &Store, schedule: &Schedule, due: Due, config: &Config, geo: &Geo) -> Result<Letter, PostError> {
    let clock = &schedule.clock;
    let mut table = Table::new(Bounded::default())?;
    let mut outlet = |camera: &CameraTold, row: &Row| table.row(camera, row);
    let asked = (Some(format!("the schedule “{}”", schedule.name)), wall_clock());
    let period = Period::around(due.from, due.to);
    let account = of_store(&store.reader(), period, config, geo, asked, &mut outlet)?;
    table.quiet(account.cameras.iter().filter(|camera| camera.called_nobody()))?;
    let table = table.finish()?;
    let first = clock.date_of(period.from);
    let last = clock.date_of(period.to - 1);
    let name = if first == last { format!("camwatch-{first}") } else { format!("camwatch-{first}-to-{last}") };
    let mut files = Vec::new();
    let csv = format!("{name}.csv");
    if schedule.html {
        let mut bytes = Vec::new();
        html::write(&mut bytes, &account, clock, &csv)?;
        files.push(LetterFile { name: format!("{name}.html"), kind: "text/html; charset=utf-8", bytes });
    }
    let large = schedule.csv && table.over;
    if schedule.csv && !large {
        files.push(LetterFile { name: csv, kind: "text/csv; charset=utf-8", bytes: table.bytes });
    }
    let days = if first == last {
        clock.day(due.from)
    } else {
        format!("{} to {}", clock.day(due.from), clock.day(period_last(due)))
    };
    Ok(Letter {
        key: format!("{}/{}", schedule.key(), due.to),
        to: schedule.to.clone(),
        subject: format!("[camwatch] Whom the cameras called: {days}"),
        text: text(&account, &days, large, schedule, due),
        files,
    })
}

/// A moment of the last day.
fn period_last(due: Due) -> Timestamp {
    due.to - Duration::from_secs(1)
}

fn text(account: &Account, days: &str, large: bool, schedule: &Schedule, due: Due) -> String {
    let mut text = format!("Whom the cameras called, {days}\n\n");
    for sentence in html::in_short(account) {
        let _ = writeln!(text, "{sentence}\n");
    }
    if large {
        let zone = schedule.clock.name();
        let _ = writeln!(
            text,
            "The table is too large for a mail. It is made on camwatch's machine by\n    camwatch report --config camwatch.toml \
             --from {} --to {} --time-zone {zone} -o report.html\n",
            due.from, due.to
        );
    }
    text.push_str("What is not covered, how this was found out and what cannot be said stands in the report.\n");
    text
}
