//! `camwatch run`: the daemon, from what it opens first to what it closes last.

mod reload;
mod supervisor;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::bail;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{error, info, warn};
use tracing_subscriber::EnvFilter;

use self::reload::{Named, tell_left_out};
use self::supervisor::Supervisor;
use super::read::open_geo;
use crate::config::{Config, LogConfig};
use crate::deliver::{Dispatcher, Lookup};
use crate::geo::Geo;
use crate::health::Health;
use crate::lockdown::Lockdown;
use crate::lookup::ReverseLookup;
use crate::metrics::Process;
use crate::pipeline::Analysis;
use crate::pipeline::live::{Live, Sources};
use crate::report::schedule::{Pace, Reports};
use crate::selftest::SelfTest;
use crate::store::{Restored, Store};
use crate::web::api::Api;
use crate::web::control::{self, Control};
use crate::web::{self, Gate};

/// What `run` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The configuration file.
    #[arg(long, short, value_name = "FILE")]
    config: PathBuf,
}

/// The exit code that says: the same may work when it is started anew (`EX_TEMPFAIL` of sysexits.h).
const START_ANEW: u8 = 75;
/// What has to be done about a file that a locked process cannot reach.
const OUTSIDE: &str = "outside of what camwatch was confined to at its start: restart camwatch";
/// Servers end within this time, or are left to themselves.
const LAST: Duration = Duration::from_secs(10);
/// How often the register and lists are looked at for a change.
const NAMED_EVERY: Duration = Duration::from_secs(5);

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let config = Config::load(&arguments.config)?;
    if config.capture.interfaces.is_empty() {
        bail!(
            "{}: [capture] interfaces is empty: name the mirror port, as in interfaces = [\"eth1\"]",
            arguments.config.display()
        );
    }
    start_log(&config.log);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let signals = Signals::new()?;
        let opened = Opened::open(&config).await?;
        // Before the first thread, for which it would not hold.
        let lockdown = config.plan(&arguments.config).lock_process()?;
        let mut daemon = Daemon::start(config, &arguments.config, opened, lockdown).await?;
        Supervisor::ready();
        let end = daemon.look_after(signals).await;
        daemon.stop(end).await
    })
}

/// What people and systemd say to it.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }
}

/// What is opened first, while the process may.
struct Opened {
    process: Option<Arc<Process>>,
    listener: Option<TcpListener>,
    control: Option<Control>,
    sources: Sources,
}

impl Opened {
    async fn open(config: &Config) -> anyhow::Result<Self> {
        let process =
            Process::open().inspect_err(|error| warn!(%error, "/proc cannot be read: no metrics of the process"));
        let listener = match config.http.listen {
            Some(listen) => Some(web::bind(listen).await?),
            None => None,
        };
        let control = match &config.control_socket {
            Some(socket) => Some(control::bind(socket).await?),
            None => None,
        };
        Ok(Self { process: process.ok().map(Arc::new), listener, control, sources: Sources::open(config)? })
    }
}

/// Why it ends.
enum End {
    /// It was asked to.
    Asked,
    /// One of its threads has ended.
    ThreadEnded,
    /// What it needs is out of reach until it is started anew.
    OutOfReach,
}

/// The running daemon: opened, started, looked after, stopped.
struct Daemon {
    path: PathBuf,
    live: Live,
    store: Store,
    lookup: Lookup,
    dispatcher: Dispatcher<Store>,
    reports: Reports,
    named: Named,
    lockdown: Lockdown,
    health: Health,
    gate: Arc<Gate>,
    selftest: SelfTest,
    servers: Vec<JoinHandle<std::io::Result<()>>>,
    stop: watch::Sender<bool>,
}

impl Daemon {
    async fn start(config: Config, path: &Path, opened: Opened, lockdown: Lockdown) -> anyhow::Result<Self> {
        let Opened { process, listener, control, sources } = opened;
        let geo = Arc::new(open_geo(&config)?);
        tell_left_out(&config);
        let named = Named::of(&config);
        let store = Store::open(config.store.clone())?;
        let analysis = continued(&config, geo.clone(), &store);
        let lookup: Lookup = Arc::new(tokio::sync::Mutex::new(config.lookup.map(ReverseLookup::new).transpose()?));
        let dispatcher = Dispatcher::start(config.all_sinks(), store.clone(), lookup.clone()).await?;
        let reports = Reports::start(Arc::new(config.clone()), geo.clone(), store.clone(), Pace::default());
        let gate = Arc::new(Gate::new(&config.http));
        let live = Live::start(config, geo, analysis, store.clone(), sources)?;
        let selftest = SelfTest::new(live.view(), live.analyser(), dispatcher.stats_view());
        let mut daemon = Self {
            path: path.to_owned(),
            live,
            store,
            lookup,
            dispatcher,
            reports,
            named,
            lockdown,
            health: Health::default(),
            gate,
            selftest,
            servers: Vec::new(),
            stop: watch::Sender::new(false),
        };
        daemon.serve(process, listener, control);
        Ok(daemon)
    }

    fn serve(&mut self, process: Option<Arc<Process>>, listener: Option<TcpListener>, control: Option<Control>) {
        let selftest = self.selftest.clone();
        let kept_on = selftest.clone().keep_on(self.stop.subscribe());
        self.servers.push(tokio::spawn(async move {
            kept_on.await;
            Ok(())
        }));
        let (live, store, sinks) = (self.live.view(), self.store.clone(), self.dispatcher.stats_view());
        let reports = self.reports.stats_view();
        let api = Api::new(
            live.clone(),
            self.live.analyser(),
            store.clone(),
            sinks.clone(),
            reports.clone(),
            selftest.clone(),
            self.stop.subscribe(),
        );
        if let Some(listener) = listener {
            let view = web::View { live, store, sinks, reports, process, lockdown: self.lockdown.clone(), selftest };
            let (gate, stop) = (self.gate.clone(), self.stop.subscribe());
            self.servers.push(tokio::spawn(web::serve(listener, view, api.clone(), gate, stop)));
        }
        if let Some(control) = control {
            let stop = self.stop.subscribe();
            self.servers.push(tokio::spawn(control::serve(control, web::for_control(api), stop)));
        }
    }

    /// Until it is asked to end, or cannot go on.
    async fn look_after(&mut self, mut signals: Signals) -> End {
        let mut named_watch = tokio::time::interval(NAMED_EVERY);
        let mut watchdog = tokio::time::interval(Duration::from_secs(1));
        let mut supervisor = Supervisor::of_environment();
        loop {
            tokio::select! {
                _ = signals.terminate.recv() => return End::Asked,
                _ = signals.interrupt.recv() => return End::Asked,
                _ = signals.hangup.recv() => self.reload().await,
                _ = named_watch.tick() => {
                    if self.named.has_changed() {
                        info!("the register or a list has changed");
                        self.reload().await;
                    }
                    if self.is_out_of_reach() && Supervisor::is_there() {
                        return End::OutOfReach;
                    }
                }
                _ = watchdog.tick() => {
                    if !self.live.is_alive() {
                        return End::ThreadEnded;
                    }
                    supervisor.feed(self.live.turns());
                    self.look_at_itself().await;
                }
            }
        }
    }

    /// What is wrong with camwatch itself is a finding like any other.
    async fn look_at_itself(&mut self) {
        let interfaces = self.live.view().snapshot().interfaces;
        let now = (SystemTime::now(), super::wall_clock());
        let (sinks, reports) = (self.dispatcher.stats(), self.reports.stats_view().snapshot());
        let findings =
            self.health.look(&self.store.health(), (&sinks, &reports), &interfaces, self.selftest.trouble(), now);
        if !findings.is_empty()
            && let Err(error) = self.live.analyser().ask(|analysis| ((), analysis.note_own(findings))).await
        {
            warn!(%error, "what is wrong with camwatch itself is told later");
            self.health = Health::default();
        }
    }

    /// Whether a file that the process is confined to was replaced by another, as resolv.conf is; told once.
    fn is_out_of_reach(&mut self) -> bool {
        let replaced = self.lockdown.take_replaced();
        for path in &replaced {
            warn!("{} was replaced: {OUTSIDE}", path.display());
        }
        !replaced.is_empty()
    }

    async fn reload(&mut self) {
        Supervisor::reloading();
        if let Some(confined) = self.lockdown.confined() {
            for path in reload::outside(&self.path, confined) {
                error!("{}: {OUTSIDE}", path.display());
            }
        }
        self.read_anew().await;
        Supervisor::ready();
    }

    async fn read_anew(&mut self) {
        match reload::read_anew(&self.path, &mut self.dispatcher).await {
            Ok((config, geo, lookups)) => {
                *self.lookup.lock().await = lookups;
                tell_left_out(&config);
                self.named = Named::of(&config);
                self.gate.reconfigure(&config.http);
                let geo = Arc::new(geo);
                self.reports.reconfigure(Arc::new(config.clone()), geo.clone());
                self.live.reconfigure(config, geo);
                info!("the configuration was read anew");
            }
            Err(error) => {
                self.named.pass_over_change();
                error!("the old configuration stays in force: {error:#}");
            }
        }
    }

    async fn stop(self, end: End) -> anyhow::Result<ExitCode> {
        let Self { live, store, dispatcher, reports, servers, stop, .. } = self;
        let failure = live.failure();
        info!("stopping");
        Supervisor::stopping();
        reports.stop();
        // The captures take in what the kernel still holds: not on the thread that serves the last scrape.
        let snapshot = tokio::task::spawn_blocking(move || live.stop()).await?;
        dispatcher.stop().await;
        stop.send_replace(true);
        for server in servers {
            // What is kept is closed all the same.
            match tokio::time::timeout(LAST, server).await {
                Ok(Ok(Ok(()))) => {}
                other => warn!(?other, "a server did not end well"),
            }
        }
        tokio::task::spawn_blocking(move || store.close()).await?;
        let packets: u64 = snapshot.interfaces.iter().map(|interface| interface.front.packets).sum();
        info!(packets, "stopped");
        match (end, failure) {
            (End::Asked, _) => Ok(ExitCode::SUCCESS),
            // The log has it.
            (End::OutOfReach, _) | (End::ThreadEnded, Some(_)) => Ok(ExitCode::from(START_ANEW)),
            (End::ThreadEnded, None) => {
                bail!("a thread ended early: this is a fault of camwatch; please report what the log says before it")
            }
        }
    }
}

/// The analysis from where it stood, if something of before was kept and can be read: a camera is watched all the same, and
/// the store's own trouble is an alert.
fn continued(config: &Config, geo: Arc<Geo>, store: &Store) -> Analysis {
    let restored = store.restore(crate::saved::FORMAT).unwrap_or_else(|error| {
        error!(%error, "what was kept cannot be read: everything begins anew");
        Restored::default()
    });
    let mut analysis = Analysis::continued(config, geo, restored);
    let suppressions = store.reader().suppressions().unwrap_or_else(|error| {
        warn!(%error, "suppressions that were made while camwatch ran are not in force");
        Vec::new()
    });
    for row in suppressions.into_iter().filter(|row| row.ended.is_none()) {
        match serde_json::from_value(row.document) {
            // Most are known from the checkpoint, or have ended; one that was made after it is not.
            Ok(spec) => analysis.suppress(spec).unwrap_or_default(),
            Err(error) => warn!(%error, "suppression `{}` cannot be read and is not in force: make it again", row.id),
        }
    }
    analysis
}

fn start_log(log: &LogConfig) {
    let filter = EnvFilter::new(&log.level);
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        // A file or the journal shows the codes of colours as rubbish.
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let started = if log.json { builder.json().try_init() } else { builder.with_target(false).try_init() };
    if let Err(error) = started {
        eprintln!("camwatch: no log: {error}");
    }
}
