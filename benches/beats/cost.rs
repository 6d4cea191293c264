//! What an event, a score and a pair cost.

use std::fmt::Write;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use camwatch::analyse::beat::Beat;
use camwatch::analyse::{Ledger, LedgerLimits, Pair, PairId};
use camwatch::device::WatchList;
use camwatch::geo::Geo;
use camwatch::net::{Protocol, Segment, Service};
use camwatch::time::Timestamp;
use camwatch::track::{Event, EventKind};

use super::draw::Draw;

const START: Timestamp = Timestamp::from_parts(1_427_878_800, 0);

/// The lowest time of several, each of `count` runs, for one run.
fn fastest(count: u64, mut run: impl FnMut()) -> f64 {
    let times = (0..7).map(|_| {
        let began = Instant::now();
        for _ in 0..count {
            run();
        }
        began.elapsed().as_nanos() as f64 / count as f64
    });
    times.fold(f64::INFINITY, f64::min)
}

fn fed(draw: &mut Draw, period: f64, jitter: f64, tries: u64, events: u64) -> (Beat, Timestamp) {
    let mut beat = Beat::default();
    let mut now = START;
    for number in 0..events {
        let gap = if number.is_multiple_of(tries) { draw.around(period, jitter) } else { draw.around(2.0, 0.5) };
        now = now + Duration::from_secs_f64(gap);
        beat.event(now);
    }
    (beat, now)
}

/// The table; `pairs` live pairs are held in a ledger.
pub fn table(pairs: u64) -> String {
    let mut out = String::from("\nWhat it costs\n\n");
    let mut draw = Draw::new(7);
    let (mut beat, mut now) = fed(&mut draw, 60.0, 0.1, 1, 100);
    let hot = fastest(1_000_000, || {
        now = now + Duration::from_millis(330);
        black_box(beat.event(now));
    });
    let _ = writeln!(out, "  an event of a pair that is in the cache: {hot:.0} ns");
    // Each event to another of very many pairs.
    let mut many: Vec<Beat> = (0..200_000).map(|_| fed(&mut draw, 60.0, 0.1, 1, 2).0).collect();
    let (mut at, mut second) = (0, 1_000);
    let cold = fastest(many.len() as u64, || {
        at = (at + 7_919) % many.len();
        if at == 0 {
            second += 60;
        }
        black_box(many[at].event(START + Duration::from_secs(second)));
    });
    let _ = writeln!(out, "  an event of one of 200,000 pairs: {cold:.0} ns");
    drop(many);
    for (what, period, jitter, tries) in [
        ("fixed", 60.0, 0.01, 1),
        ("jitter 35 %", 60.0, 0.35, 1),
        ("jittered bursts of 4", 90.0, 0.35, 4),
        ("chance", 60.0, 1.0, 1),
    ] {
        let (beat, now) = fed(&mut draw, period, jitter, tries, 400);
        let score = fastest(500, || {
            black_box(beat.score(black_box(now)));
        });
        let _ = writeln!(out, "  a score, {what}: {:.1} µs", score / 1000.0);
    }
    let state = size_of::<Option<Pair>>() + Beat::MEMORY_BYTES + size_of::<((u32, IpAddr), PairId)>() * 8 / 7 + 1;
    let _ = writeln!(
        out,
        "  a pair: {} bytes, its rings {}, its place in the index {}: {state} in all",
        size_of::<Option<Pair>>(),
        Beat::MEMORY_BYTES,
        size_of::<((u32, IpAddr), PairId)>() * 8 / 7 + 1
    );
    ledger(&mut out, pairs);
    out
}

/// Feeds a ledger with pairs that all have a rhythm, and tells the time and the peak of memory.
fn ledger(out: &mut String, pairs: u64) {
    let before = peak_kib();
    let mut list = WatchList::new(Vec::new());
    list.all = true;
    let limits = LedgerLimits { pairs: pairs as usize, ..LedgerLimits::default() };
    let mut ledger = Ledger::new(Arc::new(list), Arc::new(Geo::built_in()), limits);
    let service = Service { protocol: Protocol::Tcp, port: 443 };
    let (cameras, rounds) = (1_000_u64, 6);
    let began = Instant::now();
    for round in 0..rounds {
        for pair in 0..pairs {
            let device = IpAddr::V4(Ipv4Addr::from(0x0a14_0000 + (pair % cameras) as u32));
            let destination = IpAddr::V4(Ipv4Addr::from(0x3000_0000 + pair as u32));
            let time = START + Duration::from_secs(round * 60) + Duration::from_micros(pair);
            let event = Event {
                time,
                segment: Segment::Whole,
                device,
                mac: None,
                kind: EventKind::Attempt { destination, service },
            };
            black_box(ledger.take(&event));
        }
    }
    let took = began.elapsed();
    let per = took.as_nanos() as f64 / (rounds * pairs) as f64;
    let mib = |kib: u64| kib as f64 / 1024.0;
    let _ = writeln!(
        out,
        "  {} live pairs in a ledger, {rounds} events each: {per:.0} ns an event all in, peak memory {:.0} MiB (before: {:.0} MiB)",
        ledger.pair_count(),
        mib(peak_kib()),
        mib(before)
    );
}

/// The peak of resident memory so far (Linux; elsewhere 0).
fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().split(' ').next()?.parse().ok()).unwrap_or(0)
}
