//! How long a checkpoint holds the analyser up, how large it is, and how long a restart takes
//! (`cargo bench --bench checkpoint`).

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use camwatch::config::Config;
use camwatch::geo::Geo;
use camwatch::net::{Mac, Protocol, Segment, Service};
use camwatch::pipeline::{Analysis, Batch, Restored};
use camwatch::saved::{FORMAT, Pieces};
use camwatch::store::checkpoint::Checkpoint;
use camwatch::time::Timestamp;
use camwatch::track::{Event, EventKind, Outcome, Traffic};

/// One network, and what its cameras do.
struct Network {
    analysis: Analysis,
    config: Config,
    geo: Arc<Geo>,
    now: Timestamp,
    kept: Pieces,
    tell: bool,
}

fn milliseconds(of: impl FnOnce()) -> f64 {
    let began = Instant::now();
    of();
    began.elapsed().as_secs_f64() * 1000.0
}

/// Memory in use, in MiB (Linux).
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = status.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    (pages * 4096) >> 20
}

impl Network {
    fn new(pairs: u64) -> Self {
        let mut config = Config::default();
        config.watch.all = true;
        config.limits.pairs = pairs;
        let geo = Arc::new(Geo::built_in());
        let restored = Restored { format: FORMAT, ..Restored::default() };
        let analysis = Analysis::restore(&config, geo.clone(), restored).unwrap();
        let now = Timestamp::from_parts(1_427_878_800, 0);
        Self { analysis, config, geo, now, kept: Pieces::default(), tell: true }
    }

    /// Each of these cameras calls each of these destinations; all that within `span`.
    fn call(&mut self, cameras: u32, destinations: u32, chosen: impl Fn(u32) -> bool, span: Duration) {
        let service = Service { protocol: Protocol::Tcp, port: 443 };
        let all = cameras * destinations;
        let mut batch = Batch::default();
        for number in 0..all {
            if !chosen(number) {
                continue;
            }
            let (camera, destination) = (number % cameras, number / cameras);
            let time = self.now + span.mul_f64(f64::from(number) / f64::from(all));
            let device = IpAddr::from(Ipv4Addr::from_bits(0x0a00_0000 + camera + 1));
            let mac = Some(Mac([0x44, 0x19, 0xb6, (camera >> 16) as u8, (camera >> 8) as u8, camera as u8]));
            // In 120.0.0.0/8, most of which is in Asia.
            let to = IpAddr::from(Ipv4Addr::from_bits(0x7800_0000 + destination * 65_536 + camera));
            let event = |kind| Event { time, segment: Segment::Whole, device, mac, kind };
            let traffic = Traffic { bytes_out: 60, packets_out: 1, ..Traffic::default() };
            batch.events.push(event(EventKind::Attempt { destination: to, service }));
            let outcome = Some(Outcome::Unanswered);
            batch.events.push(event(EventKind::Contact { destination: to, service, outcome, traffic }));
            if number % 8 == 0 {
                batch.events.push(event(EventKind::Present { link: mac }));
            }
            if batch.events.len() >= 1024 {
                (batch.now, batch.frames) = (time, 1024);
                self.analysis.take(&batch);
                batch = Batch::default();
            }
        }
        self.now = self.now + span;
        batch.now = self.now;
        self.analysis.take(&batch);
    }

    fn checkpoint(&mut self, what: &str, whole: bool) {
        let mut checkpoint = Checkpoint::default();
        let took = milliseconds(|| {
            checkpoint = if whole { self.analysis.whole_checkpoint() } else { self.analysis.checkpoint() };
        });
        if self.tell {
            let bytes: usize = checkpoint.rows.iter().map(|row| row.bytes.as_ref().map_or(0, Vec::len)).sum();
            println!(
                "  {what:44} {took:8.1} ms  {:8} rows {:9.1} kB {:8} hours {:5} devices",
                checkpoint.rows.len(),
                bytes as f64 / 1000.0,
                checkpoint.hours.len(),
                checkpoint.devices.len(),
            );
            let mut parts = std::collections::BTreeMap::<&str, (usize, usize)>::new();
            for row in &checkpoint.rows {
                let (count, sum) = parts.entry(row.part).or_default();
                (*count, *sum) = (*count + 1, *sum + row.bytes.as_ref().map_or(0, Vec::len));
            }
            let parts = parts.into_iter().filter(|(_, (_, sum))| *sum > 10_000);
            let parts: Vec<String> =
                parts.map(|(part, (count, sum))| format!("{part} {count} × {} B", sum / count)).collect();
            println!("  {:44} {}", "", parts.join(", "));
        }
        for row in checkpoint.rows {
            self.kept.add(row.part, row.key, row.bytes);
        }
    }

    fn restart(&mut self) {
        let pieces = std::mem::take(&mut self.kept);
        let (count, before) = (pieces.len(), self.analysis.ledger().pair_count());
        let restored = Restored { format: FORMAT, pieces, later: Vec::new() };
        let took = milliseconds(|| {
            self.analysis = Analysis::restore(&self.config, self.geo.clone(), restored).unwrap();
        });
        assert_eq!(self.analysis.ledger().pair_count(), before);
        println!("  {:44} {took:8.1} ms  {count:8} rows", "restart");
    }
}

fn main() {
    // `cargo test --all-targets` only wants to know that it builds and starts.
    if !std::env::args().any(|word| word == "--bench") {
        return;
    }
    let minute = Duration::from_secs(60);
    println!("Fiumicino: 140 cameras, 11,000 attempts each an hour");
    let mut network = Network::new(1_000_000);
    for number in 0..30 {
        for _ in 0..183 {
            network.call(140, 1, |_| true, minute / 183);
        }
        network.tell = number == 0 || number >= 28;
        network.checkpoint(&format!("minute {}", number + 1), false);
    }
    network.restart();

    println!("10,000 cameras with 50 destinations each");
    let mut network = Network::new(1_000_000);
    for _ in 0..8 {
        network.call(10_000, 50, |_| true, 6 * minute);
    }
    let before = memory();
    network.checkpoint("all changed", false);
    println!("  memory {before} MiB, {} MiB with what was written kept here", memory());
    network.checkpoint("at rest", false);
    for number in 0..3 {
        network.call(10_000, 50, |place| place % 20 == number, minute);
        network.checkpoint("5 % active in a minute", false);
    }
    network.restart();

    println!("1,000,000 pairs that met once");
    let mut network = Network::new(1_000_000);
    network.call(20_000, 50, |_| true, 60 * minute);
    network.checkpoint("all new", false);
    network.call(1, 1, |_| true, minute);
    network.checkpoint("at rest", false);
    network.checkpoint("whole", true);
    network.restart();
}
