//! `camwatch run`.

use std::fs::OpenOptions;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, bail};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tracing::{error, info, warn};
use tracing_subscriber::EnvFilter;

use super::read::open_geo;
use crate::alert::Transition;
use crate::config::{Config, LogConfig};
use crate::device::Register;
use crate::lookup::ReverseLookup;
use crate::pipeline::live::{Live, Sink};
use crate::rules::List;
use crate::web;

/// What `run` takes.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The configuration file.
    #[arg(long, short, value_name = "FILE")]
    config: PathBuf,
}

/// How often the register and lists are looked at for a change.
const NAMED_EVERY: std::time::Duration = std::time::Duration::from_secs(5);

/// Where alerts go: opened anew when the configuration is, so that the file can be rotated.
type Output = Arc<Mutex<Box<dyn Write + Send>>>;
/// Who looks up, if anyone: made anew when the configuration is.
type Lookup = Arc<tokio::sync::Mutex<Option<ReverseLookup>>>;

/// Transitions on their way to delivery.
const QUEUE: usize = 1024;

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
    runtime.block_on(daemon(config, &arguments.config))
}

async fn daemon(config: Config, path: &Path) -> anyhow::Result<ExitCode> {
    let (mut terminate, mut interrupt, mut hangup) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?);
    let listener = match config.http_listen {
        Some(listen) => Some(web::bind(listen).await?),
        None => None,
    };
    let geo = Arc::new(open_geo(&config)?);
    tell_left_out(&config);
    let mut named = Named::of(&config);
    let output: Output = Arc::new(Mutex::new(open_output(&config.alerts_output)?));
    let lookup: Lookup = Arc::new(tokio::sync::Mutex::new(config.lookup.map(ReverseLookup::new).transpose()?));
    let (queue, transitions) = mpsc::channel(QUEUE);
    let live = Live::start(config, geo, sink(queue))?;
    let delivery = tokio::spawn(deliver(transitions, output.clone(), lookup.clone()));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = listener.map(|listener| {
        tokio::spawn(web::serve(listener, live.view(), async {
            stopped.await.unwrap_or_default();
        }))
    });
    let mut named_watch = tokio::time::interval(NAMED_EVERY);
    let mut watchdog = tokio::time::interval(std::time::Duration::from_secs(1));
    let ended_early = loop {
        tokio::select! {
            _ = terminate.recv() => break false,
            _ = interrupt.recv() => break false,
            _ = hangup.recv() => reload(path, &live, &output, &lookup, &mut named).await,
            _ = named_watch.tick() => if named.has_changed() {
                info!("the register or a list has changed");
                reload(path, &live, &output, &lookup, &mut named).await;
            },
            _ = watchdog.tick() => if !live.is_alive() { break true },
        }
    };
    info!("stopping");
    // The captures take in what the kernel still holds: not on the thread that serves the last scrape.
    let snapshot = tokio::task::spawn_blocking(move || live.stop()).await?;
    delivery.await?;
    stop.send(()).unwrap_or_default();
    if let Some(server) = server {
        server.await??;
    }
    let packets: u64 = snapshot.interfaces.iter().map(|interface| interface.front.packets).sum();
    info!(packets, "stopped");
    if ended_early {
        bail!("a thread ended early: this is a fault of camwatch; please report what the log says before it");
    }
    Ok(ExitCode::SUCCESS)
}

/// The files that the configuration names and that are read anew when they change.
struct Named {
    register: Option<Register>,
    lists: Vec<List>,
}

impl Named {
    fn of(config: &Config) -> Self {
        Self { register: config.register.clone(), lists: config.lists().map(List::named).collect() }
    }

    fn has_changed(&self) -> bool {
        self.register.as_ref().is_some_and(Register::has_changed) || self.lists.iter().any(List::has_changed)
    }

    /// What cannot be used is told once.
    fn pass_over_change(&mut self) {
        self.register.iter_mut().for_each(Register::pass_over_change);
        self.lists.iter_mut().for_each(List::pass_over_change);
    }
}

/// Logs which rows of the register, and which lines of lists, were not taken.
fn tell_left_out(config: &Config) {
    for error in config.left_out() {
        warn!("{error}");
    }
}

async fn reload(path: &Path, live: &Live, output: &Output, lookup: &Lookup, named: &mut Named) {
    let reloaded = Config::load(path).map_err(anyhow::Error::from).and_then(|config| {
        let geo = open_geo(&config)?;
        let alerts = open_output(&config.alerts_output)?;
        let lookups = config.lookup.map(ReverseLookup::new).transpose()?;
        Ok((config, geo, alerts, lookups))
    });
    match reloaded {
        Ok((config, geo, alerts, lookups)) => {
            *lookup.lock().await = lookups;
            tell_left_out(&config);
            *named = Named::of(&config);
            *output.lock().unwrap_or_else(PoisonError::into_inner) = alerts;
            live.reconfigure(config, Arc::new(geo));
            info!("the configuration was read anew");
        }
        Err(error) => {
            named.pass_over_change();
            error!("the old configuration stays in force: {error:#}");
        }
    }
}

fn open_output(path: &Path) -> anyhow::Result<Box<dyn Write + Send>> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(std::io::stdout()));
    }
    let file = OpenOptions::new().create(true).append(true).open(path);
    Ok(Box::new(file.with_context(|| format!("[alerts] output: {} cannot be opened for writing", path.display()))?))
}

/// Hands transitions over to [`deliver`]. The analyser waits when delivery is slow: nothing that fired is lost.
fn sink(queue: mpsc::Sender<Transition>) -> Sink {
    Box::new(move |transition: &Transition| {
        if queue.blocking_send(transition.clone()).is_err() {
            error!("alerts are not delivered any more");
        }
    })
}

/// Writes what alerts tell, with what their destinations claim to be where look-ups are switched on.
async fn deliver(mut queue: mpsc::Receiver<Transition>, output: Output, lookup: Lookup) {
    while let Some(mut transition) = queue.recv().await {
        if let Some(lookup) = lookup.lock().await.as_mut() {
            transition.alert.ptr_claims = lookup.claims(&transition.alert.destinations()).await;
        }
        info!(event = transition.event, rule = %transition.alert.rule, "{}", transition.alert.subject);
        let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
        let written = serde_json::to_string(&transition)
            .map_err(std::io::Error::other)
            .and_then(|line| writeln!(output, "{line}").and_then(|()| output.flush()));
        if let Err(error) = written {
            error!(%error, "an alert could not be written");
        }
    }
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
