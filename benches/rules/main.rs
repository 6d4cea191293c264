//! What 10,000 rules times subjects cost: a look at every rule and the life of the alerts, as a share of a core at one
//! look in 10 s of capture time.
//!
//! `cargo bench --bench rules`. 100 rate rules, each about 100 destinations that two cameras call; once below the limit of
//! the rules, and once above it, so that every rule finds every pair, and all is told or taken in.

use std::sync::Arc;
use std::time::{Duration, Instant};

use camwatch::alert::Alerts;
use camwatch::analyse::{Ledger, LedgerLimits};
use camwatch::config::Config;
use camwatch::device::WatchList;
use camwatch::geo::Geo;
use camwatch::net::Segment;
use camwatch::rules::Engine;
use camwatch::time::Timestamp;
use camwatch::track::{Event, EventKind};

const RULES: usize = 100;
const DESTINATIONS: u8 = 100;
/// Looks that are measured: an hour of capture time.
const LOOKS: i64 = 360;

fn main() {
    // `cargo test --all-targets` only wants to know that it builds and starts.
    if !std::env::args().any(|word| word == "--bench") {
        return;
    }
    let geo = Arc::new(Geo::built_in());
    for (what, limit) in [("nothing is found", 1_000_000), ("everything is found", 5)] {
        let rule = |number| {
            format!("[[rule]]\nname = \"rule {number}\"\nkind = \"rate\"\nattempts = {limit}\nclass = \"any\"\n")
        };
        let rules: Vec<String> = (0..RULES).map(rule).collect();
        let text = format!("[rules]\ndefaults = false\n{}", rules.concat());
        let config = match Config::parse("bench.toml", &text, std::path::Path::new(".")) {
            Ok(config) => config,
            Err(errors) => panic!("{errors}"),
        };
        let mut ledger = Ledger::new(Arc::new(WatchList::new(Vec::new())), geo.clone(), LedgerLimits::default());
        let (mut engine, mut alerts) = (Engine::new(config.rules), Alerts::default());
        let (mut spent, mut worst, mut told) = (Duration::ZERO, Duration::ZERO, 0);
        for look in 0..LOOKS {
            let now = Timestamp::from_parts(1_427_878_800 + look * 10, 0);
            for destination in 0..DESTINATIONS {
                for camera in [1, 2] {
                    let kind = EventKind::Attempt {
                        destination: [120, 26, 96, destination].into(),
                        service: "tcp/443".parse().unwrap_or_else(|_| unreachable!("a service")),
                    };
                    let device = [10, 20, camera, destination].into();
                    let event = Event { time: now, segment: Segment::Whole, device, mac: None, kind };
                    if let Some(step) = ledger.take(&event) {
                        engine.observe(&step, &ledger);
                    }
                }
            }
            let began = Instant::now();
            engine.refresh(alerts.due(now));
            let findings = engine.look(&ledger, now);
            told += alerts.take(findings, &ledger, now).len();
            let took = began.elapsed();
            spent += took;
            worst = worst.max(took);
        }
        let share = 100.0 * spent.as_secs_f64() / (LOOKS as f64 * 10.0);
        println!(
            "{what}: {} rules × {} pairs, {:.2} ms a look ({:.0} ms at worst), {share:.3} % of a core, {told} told",
            RULES,
            usize::from(DESTINATIONS) * 2,
            spent.as_secs_f64() * 1000.0 / LOOKS as f64,
            worst.as_secs_f64() * 1000.0
        );
    }
}
