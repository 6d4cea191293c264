//! Interfaces through the pipeline: a capture thread each, one analyser, and snapshots for those who look.
//!
//! [`Sources::open`] needs the privilege to capture, [`Live::start`] does not: between them it can be given up. An interface
//! that goes down is captured from again when it is up. One that was deleted and made anew has to be opened anew, and a
//! process that may not do that any more gives up with [`LiveError::MadeAnew`]: whoever starts it next may.

mod analyser;
mod ask;
mod capture;
mod losses;
mod shared;
mod shown;
mod sources;
mod turns;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use tracing::{error, info, warn};

pub use ask::{Analyser, AskError};
pub use sources::{Sources, kernel_filter};

use self::capture::Capture;
use self::shared::{Message, Shared};
use super::Analysis;
use crate::config::{CaptureConfig, Config};
use crate::geo::Geo;
use crate::metrics::{InterfaceSnapshot, Looker, Snapshot};
use crate::source::LiveError;
use crate::store::Store;

/// Batches on their way to the analyser.
const QUEUE: usize = 64;

/// The running pipeline.
pub struct Live {
    shared: Arc<Shared>,
    sender: SyncSender<Message>,
    captures: Vec<JoinHandle<()>>,
    analyser: JoinHandle<()>,
}

/// A view of the running pipeline for metrics and health.
#[derive(Clone)]
pub struct View(Arc<Shared>);

impl View {
    /// The configuration that is in force.
    pub fn config(&self) -> Arc<Config> {
        self.0.config().clone()
    }

    /// Counters as of the last half second.
    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot = self.0.snapshot().clone();
        // The workers of an interface stand side by side.
        for worker in self.0.workers().iter() {
            match snapshot.interfaces.last_mut() {
                Some(last) if last.name == worker.name => last.add(worker),
                _ => snapshot.interfaces.push(worker.clone()),
            }
        }
        snapshot.lost_events = self.0.lost_events.load(Ordering::Relaxed);
        snapshot.shown_left_out = self.0.shown.left_out();
        snapshot
    }
}

impl Live {
    /// Starts; the analysis goes on where it stands, and what it tells is kept by `store`. `sources` were opened for the
    /// same configuration. Fails where the kernel gives no thread for one of them; those that were started end.
    pub fn start(
        config: Config,
        geo: Arc<Geo>,
        analysis: Analysis,
        store: Store,
        sources: Sources,
    ) -> Result<Self, LiveError> {
        let config = Arc::new(config);
        let Sources(sources) = sources;
        let workers: Vec<InterfaceSnapshot> = sources
            .iter()
            .map(|opened| InterfaceSnapshot {
                name: opened.source.interface().to_owned(),
                up: true,
                ..InterfaceSnapshot::default()
            })
            .collect();
        let mut snapshot = Snapshot::default();
        snapshot.analysed = Looker::default().look(&analysis, config.camera_series());
        let shared = Arc::new(Shared::new(config.clone(), snapshot, workers));
        let (sender, receiver) = sync_channel(QUEUE);
        let analyser = {
            let (shared, config, thread) = (shared.clone(), config.clone(), sources.len());
            spawn(thread::Builder::new(), "analyser".to_owned(), move || {
                analyser::analyse(analysis, &receiver, (&shared, thread), &config, geo, &store);
            })?
        };
        let captures = sources
            .into_iter()
            .enumerate()
            .map(|(number, opened)| {
                let (shared, sender, config) = (shared.clone(), sender.clone(), config.clone());
                let run = move || Capture::new(number, opened, shared, sender, config).run();
                spawn(thread::Builder::new(), format!("capture-{number}"), run)
            })
            .collect::<Result<_, _>>()
            // The analyser ends with the last of them.
            .inspect_err(|_| shared.stop.store(true, Ordering::Release))?;
        let (interfaces, workers) = (config.capture.interfaces.join(", "), config.capture.workers);
        info!(interfaces, workers, "capturing");
        Ok(Self { shared, sender, captures, analyser })
    }

    /// For metrics and health.
    pub fn view(&self) -> View {
        View(self.shared.clone())
    }

    /// For those who ask the analyser.
    pub fn analyser(&self) -> Analyser {
        Analyser(self.sender.clone())
    }

    /// Takes a new configuration; what was counted stays. Interfaces are opened only at the start.
    pub fn reconfigure(&self, config: Config, geo: Arc<Geo>) {
        let config = Arc::new(config);
        let mut current = self.shared.config();
        // Those take effect at once.
        let (filter, vxlan_ports) = (config.capture.filter.clone(), config.capture.vxlan_ports.clone());
        if (CaptureConfig { filter, vxlan_ports, ..current.capture.clone() }) != config.capture {
            warn!("[capture] has changed: interfaces, workers and sizes take effect at the next start");
        }
        *current = config.clone();
        drop(current);
        self.shared.generation.fetch_add(1, Ordering::Release);
        if self.sender.send(Message::Reconfigure(config, geo)).is_err() {
            error!("the analyser has ended");
        }
    }

    /// Whether every thread still works.
    pub fn is_alive(&self) -> bool {
        !self.analyser.is_finished() && !self.captures.iter().any(JoinHandle::is_finished)
    }

    /// Why capturing was given up, if a capture thread ended for a reason that is known.
    pub fn failure(&self) -> Option<LiveError> {
        self.shared.failure().clone()
    }

    /// A number that has grown since the last look if every capture thread has gone round and the analyser has taken
    /// something since: for a watchdog that looks every few seconds. One stuck thread holds it up.
    pub fn turns(&self) -> u64 {
        self.shared.turns.look()
    }

    /// Stops capturing, takes in what the kernel still holds, and ends every connection.
    pub fn stop(self) -> Snapshot {
        self.shared.stop.store(true, Ordering::Release);
        for capture in self.captures {
            if capture.join().is_err() {
                error!("a capture thread ended early");
            }
        }
        // Those who ask hold senders too, so the end of the queue would never come.
        if self.sender.send(Message::Stop).is_err() {
            error!("the analyser has ended");
        }
        if self.analyser.join().is_err() {
            error!("the analyser ended early");
        }
        View(self.shared).snapshot()
    }
}

/// A thread under a name that `top -H` shows.
fn spawn(
    builder: thread::Builder,
    name: String,
    run: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, LiveError> {
    let spawned = builder.name(name.clone()).spawn(run);
    spawned.map_err(|error| LiveError::NoThread { thread: name, what: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_that_gives_no_thread_is_told_with_the_way_out() {
        let too_large = thread::Builder::new().stack_size(usize::MAX / 4);
        let error = spawn(too_large, "capture-3".to_owned(), || {}).unwrap_err().to_string();
        assert!(error.contains("`capture-3`") && error.contains("TasksMax"), "{error}");
    }
}
