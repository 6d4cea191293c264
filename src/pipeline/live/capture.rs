//! One worker's thread: an interface, or its share of one.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tracing::{error, info, warn};

use super::losses::{Cause, Losses};
use super::shared::{Message, PUBLISH_EVERY, Shared};
use super::sources::{self, Opened, options_of};
use crate::config::Config;
use crate::pipeline::{Batch, Front};
use crate::source::{Fanout, LiveError, LiveSource, LiveStats};
use crate::time::Timestamp;

/// Batches that a capture thread holds when the queue is full; beyond it they are lost, and counted.
const HELD: usize = 256;
/// How often an interface that went away is tried again.
const REOPEN_EVERY: Duration = Duration::from_secs(2);
/// A source that fails so often, without a frame in between and though its interface is up, is opened anew.
const FAILURES: u32 = 3;
/// Packets may still be on their way from the kernel when the wall clock is this far.
const KERNEL_DELAY: Duration = Duration::from_secs(1);

/// One worker's thread.
pub(super) struct Capture {
    number: usize,
    /// The first of its interface, which tells of what all of its workers see.
    first: bool,
    fanout: Option<Arc<Fanout>>,
    /// None when its interface is gone.
    source: Option<LiveSource>,
    /// The interface is down or gone.
    down: bool,
    failures: u32,
    interface: String,
    front: Front,
    shared: Arc<Shared>,
    sender: SyncSender<Message>,
    config: Arc<Config>,
    generation: u64,
    held: VecDeque<Batch>,
    /// Counters of sources that were closed.
    before: LiveStats,
    losses: [Losses; 3],
    lost_events: u64,
    /// How much of what other threads saw was taken.
    read: usize,
}

impl Capture {
    pub(super) fn new(
        number: usize,
        opened: Opened,
        shared: Arc<Shared>,
        sender: SyncSender<Message>,
        config: Arc<Config>,
    ) -> Self {
        let Opened { interface, first, source, fanout } = opened;
        Self {
            number,
            first,
            fanout,
            interface: source.interface().to_owned(),
            source: Some(source),
            down: false,
            failures: 0,
            front: Front::of_interface(&config, interface as u16),
            shared,
            sender,
            config,
            generation: 0,
            held: VecDeque::new(),
            before: LiveStats::default(),
            losses: [Cause::Ring, Cause::Interface, Cause::Queue].map(Losses::by),
            lost_events: 0,
            read: 0,
        }
    }

    /// Captures until it is told to stop, or can never again.
    pub(super) fn run(mut self) {
        if let Err(error) = self.capture() {
            error!(%error, "capturing is given up");
            *self.shared.failure() = Some(error);
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

    fn capture(&mut self) -> Result<(), LiveError> {
        let (mut published, mut sent) = (Instant::now(), Instant::now());
        let mut stopping: Option<Instant> = None;
        let mut quiet = 0;
        loop {
            let front = &mut self.front;
            let taken = if let Some(source) = self.source.as_mut().filter(|_| !self.down) {
                source.take(|frame| front.frame(frame)).unwrap_or_else(|error| {
                    self.lost(&error);
                    0
                })
            } else {
                self.take_again()?;
                0
            };
            let idle = taken == 0;
            if idle {
                self.front.idle(wall_clock());
            }
            if let Some(batch) = self.front.due_after(sent.elapsed()) {
                sent = Instant::now();
                self.send(batch);
            }
            self.share();
            if published.elapsed() >= PUBLISH_EVERY {
                published = Instant::now();
                self.shared.turns.mark(self.number);
                if !idle {
                    self.failures = 0;
                }
                if let Some(Err(error)) = self.source.as_ref().filter(|_| !self.down).map(LiveSource::check) {
                    self.lost(&error);
                }
                self.publish();
                self.take_config();
            }
            if self.shared.stop.load(Ordering::Acquire) {
                let since = *stopping.get_or_insert_with(Instant::now);
                // Empty for longer than the kernel holds a block back: everything was taken in.
                quiet = if idle { quiet + 1 } else { 0 };
                if quiet > 2 || since.elapsed() > Duration::from_secs(2) {
                    return Ok(());
                }
            }
        }
    }

    fn take_config(&mut self) {
        let generation = self.shared.generation.load(Ordering::Acquire);
        if generation == self.generation {
            return;
        }
        self.generation = generation;
        let config = self.shared.config().clone();
        let before = std::mem::replace(&mut self.config, config);
        self.front.reconfigure(&self.config);
        let (inside, ports) = (sources::inside_of(&self.config), &self.config.capture.vxlan_ports);
        let changed = inside != sources::inside_of(&before) || *ports != before.capture.vxlan_ports;
        let fanout = self.fanout.as_deref().filter(|_| self.first && changed);
        // One that is gone gets its filter when it is opened anew, and its ranges when it joins the others.
        let Some(source) = &mut self.source else {
            if let Some(fanout) = fanout {
                fanout.keep_ranges(&inside, ports);
            }
            return;
        };
        let filter = sources::kernel_filter(&self.config);
        if filter != sources::kernel_filter(&before) {
            match source.set_filter(&filter) {
                Ok(()) => info!(interface = self.interface, "the kernel's filter was set anew"),
                Err(error) => error!(%error, "the old filter stays in force"),
            }
        }
        if let Some(fanout) = fanout
            && let Err(error) = source.set_ranges(fanout, &inside, ports)
        {
            error!(%error, "the old ranges stay in force");
        }
    }

    /// Tells other threads what they need to know of what was seen here, and takes what they saw.
    fn share(&mut self) {
        if self.front.has_shown() {
            self.shared.shown.tell(self.front.take_shown());
        }
        for shown in self.shared.shown.since(&mut self.read) {
            self.front.learn(shown);
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
        {
            let events = lost.events.len() as u64;
            self.lost_events += events;
            self.shared.lost_events.fetch_add(events, Ordering::Relaxed);
            // What came of these frames is not known.
            self.front.lost(lost.frames + lost.lost);
        }
    }

    /// Notes that nothing can be captured for now. What is only down stays open: to open it again may not be allowed.
    fn lost(&mut self, error: &LiveError) {
        warn!(%error, "will be tried again every {} s", REOPEN_EVERY.as_secs());
        self.failures += 1;
        let there = match self.source.as_ref().map(LiveSource::check) {
            Some(Ok(())) => self.failures < FAILURES,
            Some(Err(LiveError::Down { .. })) => true,
            _ => false,
        };
        if !there {
            self.close();
        }
        self.down = true;
        self.front.set_down(true);
        self.publish();
    }

    fn close(&mut self) {
        if let Some(mut source) = self.source.take() {
            self.before = self.before + source.stats();
        }
    }

    /// Waits a while for an interface that is down or gone, and takes it again if it is there.
    fn take_again(&mut self) -> Result<(), LiveError> {
        let waited = Instant::now();
        while waited.elapsed() < REOPEN_EVERY && !self.shared.stop.load(Ordering::Acquire) {
            std::thread::sleep(Duration::from_millis(50));
        }
        self.front.idle(wall_clock());
        match self.source.as_ref().map(LiveSource::check) {
            Some(Ok(())) => {}
            Some(Err(LiveError::Down { .. })) => return Ok(()),
            Some(Err(_)) => {
                self.close();
                return Ok(());
            }
            // Who has locked himself is refused before the kernel looks whether there is such an interface.
            None if !is_there(&self.interface) => return Ok(()),
            None => match LiveSource::open(&options_of(&self.config, &self.interface), self.fanout.as_deref()) {
                Ok(source) if source.check().is_ok() => self.source = Some(source),
                // It was allowed when this began.
                Err(LiveError::Permission { interface }) => return Err(LiveError::MadeAnew { interface }),
                Ok(_) | Err(_) => return Ok(()),
            },
        }
        info!(interface = self.interface, "capturing again");
        self.down = false;
        self.front.set_down(false);
        Ok(())
    }

    fn publish(&mut self) {
        let mut live = self.before + self.source.as_mut().map(LiveSource::stats).unwrap_or_default();
        if !self.first {
            // The interface's own counters are told once.
            (live.dropped_interface, live.on_interface) = (0, 0);
        }
        let now = Instant::now();
        let totals = [live.dropped_kernel, live.dropped_interface, self.lost_events];
        let [ring, interface, _] =
            std::array::from_fn(|cause| self.losses[cause].note(totals[cause], now, &self.interface));
        self.front.lost(ring + interface);
        if let Some(worker) = self.shared.workers().get_mut(self.number) {
            worker.up = !self.down;
            worker.live = live;
            worker.front = self.front.stats();
        }
    }
}

/// Whether there is an interface of that name; `any` is no interface, and always there.
fn is_there(interface: &str) -> bool {
    interface == "any" || std::path::Path::new("/sys/class/net").join(interface).exists()
}

/// Where capture time must be at least when no packet tells.
fn wall_clock() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_nanos(since.as_nanos() as i64) - KERNEL_DELAY
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::sync_channel;

    use super::*;
    use crate::metrics::Snapshot;
    use crate::pipeline::live::Sources;

    #[test]
    fn a_worker_whose_interface_is_away_gets_the_new_ranges_when_it_is_back() {
        let text = "[capture]\ninterfaces = [\"lo\"]\nworkers = 2\nfilter = \"port 1\"\n";
        let config = |more: &str| {
            let text = format!("{text}{more}");
            Arc::new(
                Config::parse("c.toml", &text, std::path::Path::new("/")).unwrap_or_else(|error| panic!("{error}")),
            )
        };
        let before = config("");
        let mut sources = match Sources::open(&before) {
            Ok(Sources(sources)) => sources,
            Err(LiveError::Permission { .. }) if std::env::var_os("CI").is_none() => {
                eprintln!("skipped: no permission to capture here");
                return;
            }
            Err(error) => panic!("{error}"),
        };
        let shared = Arc::new(Shared::new(before.clone(), Snapshot::default(), Vec::new()));
        let (sender, _receiver) = sync_channel(1);
        let mut first = Capture::new(0, sources.remove(0), shared.clone(), sender, before);
        first.close();
        let after = config("[[camera]]\nname = \"dome\"\naddress = \"198.18.0.9\"\n");
        *shared.config() = after.clone();
        shared.generation.fetch_add(1, Ordering::Release);
        first.take_config();
        let fanout = first.fanout.as_deref().unwrap();
        assert!(fanout.goes_by(&sources::inside_of(&after), &after.capture.vxlan_ports));
        assert!(
            LiveSource::open(&options_of(&after, "lo"), Some(fanout)).is_ok(),
            "it joins the one that is still there"
        );
    }
}
