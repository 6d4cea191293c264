//! What rules and alerts cost when very much is new at once, counted in work done and in what is kept, not in time.

mod support;

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use camwatch::alert::{About, Alerts, Finding, GroupKey, GroupKind, Told};
use camwatch::analyse::{Ledger, LedgerLimits};
use camwatch::config::Config;
use camwatch::device::WatchList;
use camwatch::geo::Geo;
use camwatch::net::Segment;
use camwatch::rules::Engine;
use camwatch::rules::Severity::{Critical, Warning};
use camwatch::time::Timestamp;
use camwatch::track::{Event, EventKind};
use support::{read_json, simulate};

/// What it came to.
#[derive(Debug, Default)]
struct Cost {
    /// First calls.
    calls: usize,
    /// Findings that rules made: each has its facts written down.
    findings: usize,
    /// What was told.
    told: usize,
    /// Alerts that began to fire.
    fired: usize,
}

fn at(second: u64) -> Timestamp {
    Timestamp::from_parts(1_427_878_800 + second as i64, 0)
}

/// The built-in rules for an hour, while `calls` says which camera calls which destination (by number) in a second.
fn hour(calls: impl Fn(u64) -> Vec<(u32, u32)>) -> (Cost, Alerts) {
    static GEO: LazyLock<Arc<Geo>> = LazyLock::new(|| Arc::new(Geo::built_in()));
    let mut ledger = Ledger::new(Arc::new(WatchList::new(Vec::new())), GEO.clone(), LedgerLimits::default());
    let (mut engine, mut alerts) = (Engine::new(Config::default().rules), Alerts::default());
    let mut cost = Cost::default();
    for second in 0..3600 {
        let now = at(second);
        for (camera, destination) in calls(second) {
            // 120.24.0.0/13 is in China by every source.
            let destination: IpAddr = (0x7818_0000_u32 + destination).to_be_bytes().into();
            let device: IpAddr = (0x0a14_0001_u32 + camera).to_be_bytes().into();
            let kind = EventKind::Attempt { destination, service: "tcp/443".parse().unwrap() };
            if let Some(step) = ledger.take(&Event { time: now, segment: Segment::Whole, device, mac: None, kind }) {
                engine.observe(&step, &ledger);
            }
            cost.calls += 1;
        }
        ledger.enter(now);
        if engine.is_due(now) {
            ledger.listen(now);
            engine.refresh(alerts.due(now));
            let findings = engine.look(&ledger, now);
            cost.findings += findings.len();
            let told = alerts.take(findings, &ledger, now);
            cost.told += told.len();
            cost.fired += told.iter().filter(|told| told.event == Told::Firing).count();
            if ledger.age(now) {
                engine.forget_gone(&ledger);
                alerts.forget_gone(&ledger);
            }
        }
    }
    (cost, alerts)
}

#[test]
fn a_flood_of_made_up_addresses_costs_those_that_were_known_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["flood", "--sources", "50000", "--cameras", "20", "--hours", "0.05"];
    let capture = simulate(folder.path(), "flood.pcap", &arguments);
    let config = folder.path().join("small.toml");
    std::fs::write(&config, "[limits]\nflows = 8000\ncameras = 1000\npairs = 2000\ndevices = 1000\n").unwrap();
    let read = read_json(&["--config", config.to_str().unwrap(), capture.to_str().unwrap()]);
    let truth = std::fs::read_to_string(folder.path().join("flood.truth.json")).unwrap();
    let truth: serde_json::Value = serde_json::from_str(&truth).unwrap();
    let known = truth["cameras"].as_array().unwrap();
    assert_eq!(known.len(), 20);
    let cameras = read["cameras"].as_array().unwrap();
    for camera in known {
        let found = cameras.iter().find(|found| found["addresses"][0] == camera["address"]).unwrap();
        assert_eq!(found["overseas_attempts"], camera["destinations"][0]["attempts"], "{camera}");
    }
    assert_eq!(read["capture"]["packets"], truth["packets"]);
    assert!(cameras.len() <= 1000 && read["pairs"].as_array().unwrap().len() <= 2000);
    assert!(read["capture"]["packets"].as_u64() > Some(50_000), "the flood was there");
}

#[test]
fn thousands_of_new_destinations_within_an_hour_cost_what_they_are() {
    // Six cameras that call two new addresses a second: every one is a surge.
    let (cost, _) = hour(|second| match second {
        0..600 => vec![((second % 20) as u32, 0)],
        _ => (0..2).flat_map(|one| (0..6).map(move |camera| (camera, 1 + (second as u32 - 600) * 2 + one))).collect(),
    });
    assert!(cost.calls > 36_000, "{cost:?}");
    assert!(cost.fired > 1000, "each of them is a surge: {cost:?}");
    // Each start is told when it is found, once more as its alert fires, and at its end; six or seven rules look.
    assert!(cost.findings < cost.calls * 6, "findings grow with what is new, not with what is found already: {cost:?}");
}

#[test]
fn a_surge_that_grows_by_a_few_cameras_at_each_look_is_told_by_those_alone() {
    // One camera a second begins to call the same address, and goes on.
    let (cost, alerts) = hour(|second| if second < 300 { vec![(0, 9)] } else { vec![(second as u32, 1)] });
    let firing = alerts.all(at(3600));
    let surge = firing.iter().find(|alert| &*alert.rule == "overseas-surge").unwrap();
    assert!(surge.evidence["count"].as_u64().unwrap() > 3000, "{}", surge.summary);
    // Up to a thousand are told all together, 360 times at most; beyond it, all of them when more is told, every 10 min.
    let most = 1000 * 100 + 10 * cost.calls + 6 * cost.calls;
    assert!(cost.findings < most, "{cost:?}");
    assert!(cost.told < 20, "{cost:?}");
}

#[test]
fn alerts_keep_so_many_members_and_what_is_worse_takes_the_place_of_others() {
    let ledger = Ledger::new(Arc::new(WatchList::new(Vec::new())), Arc::new(Geo::built_in()), LedgerLimits::default());
    let text = include_str!("support/finding.json");
    let finding = |rule: &str, member: usize, severity| Finding {
        rule: rule.into(),
        severity,
        runbook: None,
        message: None,
        group: GroupKey::new(GroupKind::Destination, format!("d{}", member / 5000)),
        member: format!("camera {member}").into(),
        about: About::default(),
        since: at(0),
        holds: true,
        value: 1.0,
        reason: "calls it".to_owned(),
        evidence: serde_json::from_str(text).unwrap(),
    };
    let mut alerts = Alerts::default();
    alerts.take((0..60_000).map(|member| finding("many", member, Warning)).collect(), &ledger, at(0));
    assert_eq!(alerts.left_out(), 10_000, "50,000 members are kept");
    alerts.take(vec![finding("worse", 1, Critical)], &ledger, at(1));
    let told = alerts.take(Vec::new(), &ledger, at(0) + Duration::from_secs(60));
    assert!(told.iter().any(|told| &*told.alert.rule == "worse"), "what is worse has found room");
}
