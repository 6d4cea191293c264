//! Interfaces through the pipeline: a capture thread each, one analyser, and snapshots for those who look.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tracing::{error, info, warn};

use super::{Analysis, Batch, Front};
use crate::alert::Transition;
use crate::config::Config;
use crate::geo::Geo;
use crate::metrics::{InterfaceSnapshot, Snapshot};
use crate::source::{LiveError, LiveOptions, LiveSource, LiveStats, Polled};
use crate::time::Timestamp;

/// Batches on their way to the analyser.
const QUEUE: usize = 64;
/// Batches that a capture thread holds when the queue is full; beyond it they are lost, and counted.
const HELD: usize = 256;
/// How often counters are published.
const PUBLISH_EVERY: Duration = Duration::from_millis(500);
/// How often an interface that went away is tried again.
const REOPEN_EVERY: Duration = Duration::from_secs(2);
/// Packets may still be on their way from the kernel when the wall clock is this far.
const KERNEL_DELAY: Duration = Duration::from_secs(1);
/// How often configured databases are looked at for a change.
const GEO_EVERY: Duration = Duration::from_secs(60);

/// Takes what alerts tell, on the analyser's thread.
pub type Sink = Box<dyn FnMut(&Transition) + Send>;

enum Message {
    Batch(Batch),
    Reconfigure(Arc<Config>, Arc<Geo>),
}

/// What the threads share.
#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    /// Changes whenever `config` does.
    generation: AtomicU64,
    config: Mutex<Arc<Config>>,
    snapshot: Mutex<Snapshot>,
    lost_events: AtomicU64,
}

impl Shared {
    fn snapshot(&self) -> MutexGuard<'_, Snapshot> {
        self.snapshot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

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
    /// Counters as of the last half second.
    pub fn snapshot(&self) -> Snapshot {
        let mut snapshot = self.0.snapshot().clone();
        snapshot.lost_events = self.0.lost_events.load(Ordering::Relaxed);
        snapshot
    }
}

fn options_of(config: &Config, interface: &str) -> LiveOptions {
    LiveOptions {
        interface: interface.to_owned(),
        snaplen: config.capture.snaplen,
        ring_bytes: config.capture.ring_bytes,
        promiscuous: config.capture.promiscuous,
        filter: config.capture.filter.clone(),
    }
}

impl Live {
    /// Opens every interface and starts. Fails if one of them cannot be opened now; later ones are tried again.
    pub fn start(config: Config, geo: Arc<Geo>, sink: Sink) -> Result<Self, LiveError> {
        let config = Arc::new(config);
        let interfaces = &config.capture.interfaces;
        let sources: Vec<LiveSource> = interfaces
            .iter()
            .map(|interface| LiveSource::open(&options_of(&config, interface)))
            .collect::<Result<_, _>>()?;
        let shared = Arc::new(Shared { config: Mutex::new(config.clone()), ..Shared::default() });
        shared.snapshot().interfaces = interfaces
            .iter()
            .map(|name| InterfaceSnapshot { name: name.clone(), up: true, ..InterfaceSnapshot::default() })
            .collect();
        let (sender, receiver) = sync_channel(QUEUE);
        let analysis = Analysis::new(&config, geo.clone());
        let analyser = {
            let (shared, config) = (shared.clone(), config.clone());
            std::thread::spawn(move || analyse(analysis, &receiver, &shared, &config, geo, sink))
        };
        let captures = sources
            .into_iter()
            .enumerate()
            .map(|(number, source)| {
                let (shared, sender, config) = (shared.clone(), sender.clone(), config.clone());
                std::thread::spawn(move || Capture::new(number, source, shared, sender, config).run())
            })
            .collect();
        info!(interfaces = interfaces.join(", "), "capturing");
        Ok(Self { shared, sender, captures, analyser })
    }

    /// For metrics and health.
    pub fn view(&self) -> View {
        View(self.shared.clone())
    }

    /// Takes a new configuration; what was counted stays. Interfaces are opened only at the start.
    pub fn reconfigure(&self, config: Config, geo: Arc<Geo>) {
        let config = Arc::new(config);
        let mut current = self.shared.config.lock().unwrap_or_else(PoisonError::into_inner);
        if current.capture != config.capture {
            warn!("[capture] has changed: interfaces, filter and sizes take effect at the next start");
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

    /// Stops capturing, takes in what the kernel still holds, and ends every connection.
    pub fn stop(self) -> Snapshot {
        self.shared.stop.store(true, Ordering::Release);
        for capture in self.captures {
            if capture.join().is_err() {
                error!("a capture thread ended early");
            }
        }
        drop(self.sender);
        if self.analyser.join().is_err() {
            error!("the analyser ended early");
        }
        View(self.shared).snapshot()
    }
}

/// One interface's thread.
struct Capture {
    number: usize,
    source: Option<LiveSource>,
    interface: String,
    front: Front,
    shared: Arc<Shared>,
    sender: SyncSender<Message>,
    config: Arc<Config>,
    generation: u64,
    held: VecDeque<Batch>,
    /// Counters of sources that were closed.
    before: LiveStats,
    /// Losses that were told already.
    lost: u64,
}

impl Capture {
    fn new(
        number: usize,
        source: LiveSource,
        shared: Arc<Shared>,
        sender: SyncSender<Message>,
        config: Arc<Config>,
    ) -> Self {
        Self {
            number,
            interface: source.interface().to_owned(),
            source: Some(source),
            front: Front::of_interface(&config, number as u16),
            shared,
            sender,
            config,
            generation: 0,
            held: VecDeque::new(),
            before: LiveStats::default(),
            lost: 0,
        }
    }

    fn run(mut self) {
        let mut published = Instant::now();
        let mut stopping: Option<Instant> = None;
        let mut checked = 0_u32;
        let mut quiet = 0;
        loop {
            let mut idle = true;
            match self.source.as_mut().map(LiveSource::poll) {
                Some(Ok(Polled::Frame(frame))) => {
                    self.front.frame(&frame);
                    idle = false;
                }
                Some(Ok(Polled::Idle)) => self.front.idle(wall_clock()),
                Some(Err(error)) => self.lost(&error),
                None => self.reopen(),
            }
            if let Some(batch) = self.front.due() {
                self.send(batch);
            }
            // The clock and the flags are looked at now and then, not per packet.
            checked = checked.wrapping_add(1);
            if !idle && !checked.is_multiple_of(256) {
                continue;
            }
            if published.elapsed() >= PUBLISH_EVERY {
                published = Instant::now();
                if let Some(Err(error)) = self.source.as_ref().map(LiveSource::check) {
                    self.lost(&error);
                }
                self.publish();
                self.take_config();
            }
            if self.shared.stop.load(Ordering::Acquire) {
                let since = *stopping.get_or_insert_with(Instant::now);
                // Empty for longer than the kernel holds a block back: everything was taken in.
                quiet = if idle { quiet + 1 } else { 0 };
                if quiet > 100 || since.elapsed() > Duration::from_secs(2) {
                    break;
                }
            }
        }
        let last = self.front.finish();
        self.held.push_back(last);
        while let Some(batch) = self.held.pop_front() {
            if self.sender.send(Message::Batch(batch)).is_err() {
                break;
            }
        }
        self.publish();
    }

    fn take_config(&mut self) {
        let generation = self.shared.generation.load(Ordering::Acquire);
        if generation != self.generation {
            self.generation = generation;
            self.config = self.shared.config.lock().unwrap_or_else(PoisonError::into_inner).clone();
            self.front.reconfigure(&self.config);
        }
    }

    /// Sends without waiting: a slow analyser must not cost packets, as long as there is room to hold batches.
    fn send(&mut self, batch: Batch) {
        self.held.push_back(batch);
        while let Some(batch) = self.held.pop_front() {
            match self.sender.try_send(Message::Batch(batch)) {
                Ok(()) => {}
                Err(TrySendError::Full(Message::Batch(batch))) => {
                    self.held.push_front(batch);
                    break;
                }
                Err(_) => break,
            }
        }
        if self.held.len() > HELD
            && let Some(lost) = self.held.pop_front()
            && self.shared.lost_events.fetch_add(lost.events.len() as u64, Ordering::Relaxed) == 0
        {
            warn!("the analyser cannot keep up: events are lost (camwatch_queue_lost_events_total counts them)");
        }
    }

    fn lost(&mut self, error: &LiveError) {
        warn!(%error, "will be tried again every {} s", REOPEN_EVERY.as_secs());
        if let Some(mut source) = self.source.take() {
            self.before = sum(self.before, source.stats());
        }
        self.front.set_down(true);
        self.publish();
    }

    fn reopen(&mut self) {
        let waited = Instant::now();
        while waited.elapsed() < REOPEN_EVERY && !self.shared.stop.load(Ordering::Acquire) {
            std::thread::sleep(Duration::from_millis(50));
        }
        let opened = LiveSource::open(&options_of(&self.config, &self.interface));
        if let Ok(source) = opened.and_then(|source| source.check().map(|()| source)) {
            info!(interface = self.interface, "capturing again");
            self.source = Some(source);
            self.front.set_down(false);
        }
        self.front.idle(wall_clock());
    }

    fn publish(&mut self) {
        let live = self.source.as_mut().map(LiveSource::stats).unwrap_or_default();
        let all = sum(self.before, live);
        let lost = all.dropped_kernel + all.dropped_interface;
        self.front.lost(lost.saturating_sub(self.lost));
        self.lost = lost;
        let mut snapshot = self.shared.snapshot();
        if let Some(interface) = snapshot.interfaces.get_mut(self.number) {
            interface.up = self.source.is_some();
            interface.live = all;
            interface.front = self.front.stats();
        }
    }
}

fn sum(a: LiveStats, b: LiveStats) -> LiveStats {
    LiveStats {
        received: a.received + b.received,
        dropped_kernel: a.dropped_kernel + b.dropped_kernel,
        dropped_interface: a.dropped_interface + b.dropped_interface,
    }
}

/// Where capture time must be at least when no packet tells.
fn wall_clock() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_nanos(since.as_nanos() as i64) - KERNEL_DELAY
}

fn analyse(
    mut analysis: Analysis,
    receiver: &Receiver<Message>,
    shared: &Shared,
    config: &Arc<Config>,
    mut geo: Arc<Geo>,
    mut sink: Sink,
) {
    let mut config = config.clone();
    let mut published = Instant::now();
    let mut geo_looked = Instant::now();
    while let Ok(message) = receiver.recv() {
        match message {
            Message::Batch(batch) => analysis.take(&batch).iter().for_each(&mut sink),
            Message::Reconfigure(new, new_geo) => {
                analysis.reconfigure(&new, new_geo.clone());
                (config, geo) = (new, new_geo);
            }
        }
        if published.elapsed() >= PUBLISH_EVERY {
            published = Instant::now();
            shared.snapshot().take_analysis(&analysis);
        }
        if geo_looked.elapsed() >= GEO_EVERY {
            geo_looked = Instant::now();
            if geo.has_changed() {
                match Geo::open(&config.geo_options()) {
                    Ok(new) => {
                        geo = Arc::new(new);
                        analysis.set_geo(geo.clone());
                        info!("country and owner data were read anew");
                    }
                    Err(errors) => errors.iter().for_each(|error| error!(%error, "the old data stay in use")),
                }
            }
        }
    }
    analysis.finish().iter().for_each(&mut sink);
    shared.snapshot().take_analysis(&analysis);
}
