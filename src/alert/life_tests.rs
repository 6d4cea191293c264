//! The life of alerts, step by step.

use std::sync::{Arc, LazyLock};

use super::*;
use crate::alert::{About, AcknowledgeError, Called, GroupKind};
use crate::analyse::LedgerLimits;
use crate::device::WatchList;
use crate::geo::Geo;
use crate::net::Segment;
use crate::track::{Event, EventKind};

fn empty_ledger() -> Ledger {
    static GEO: LazyLock<Arc<Geo>> = LazyLock::new(|| Arc::new(Geo::built_in()));
    Ledger::new(Arc::new(WatchList::new(Vec::new())), GEO.clone(), LedgerLimits::default())
}

/// Alerts, and a ledger that knows nobody unless someone calls.
struct Bench {
    alerts: Alerts,
    ledger: Ledger,
}

impl Bench {
    fn new() -> Self {
        Self { alerts: Alerts::default(), ledger: empty_ledger() }
    }

    fn take(&mut self, findings: Vec<Finding>, second: i64) -> Vec<Transition> {
        self.alerts.take(findings, &self.ledger, at(second))
    }

    /// What is told, as `event rule subject`.
    fn told(&mut self, findings: Vec<Finding>, second: i64) -> Vec<String> {
        let told = self.take(findings, second);
        told.iter().map(|told| format!("{} {} {}", told.event, told.alert.rule, told.alert.subject)).collect()
    }

    /// A camera of the ledger's that calls someone, and what a finding of that is about.
    fn call(&mut self, camera: &str, destination: &str) -> About {
        let (destination, service) = (destination.parse().unwrap(), "tcp/443".parse().unwrap());
        let kind = EventKind::Attempt { destination, service };
        let device = camera.parse().unwrap();
        let event = Event { time: at(0), segment: Segment::Whole, device, mac: None, kind };
        let step = self.ledger.take(&event).unwrap();
        let (id, _) = self.ledger.pairs().find(|(_, pair)| pair.address == destination).unwrap();
        About::new(step.camera, Called::Pair(id, destination))
    }
}

fn finding(member: &str, second: i64, holds: bool) -> Finding {
    Finding {
        rule: "overseas-rate".into(),
        severity: Severity::Critical,
        runbook: None,
        message: None,
        group: GroupKey::new(GroupKind::Destination, "120.26.96.67"),
        member: member.into(),
        about: About::default(),
        since: at(second),
        holds,
        value: second as f64,
        reason: "called it often".to_owned(),
        evidence: serde_json::json!({ "camera": { "id": member, "addresses": ["10.0.0.1"] } }).into(),
    }
}

fn of(rule: &str, severity: Severity, finding: Finding) -> Finding {
    Finding { rule: rule.into(), severity, ..finding }
}

fn beat(finding: Finding) -> Finding {
    of("overseas-beat", Severity::Warning, finding)
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_parts(second, 0)
}

/// Written and read back, as between two runs.
fn written(alerts: &Alerts) -> Alerts {
    let bytes = rmp_serde::to_vec(alerts).unwrap();
    let named = rmp_serde::to_vec_named(alerts).unwrap();
    let again: Alerts = rmp_serde::from_slice(&named).unwrap();
    assert_eq!(rmp_serde::to_vec(&again).unwrap(), bytes);
    rmp_serde::from_slice(&bytes).unwrap()
}

#[test]
fn cameras_of_one_destination_are_one_alert_that_names_them_all() {
    let mut bench = Bench::new();
    assert_eq!(bench.take(vec![finding("a", 100, true)], 100), []);
    assert_eq!(bench.take(vec![finding("b", 110, true), finding("c", 110, true)], 110), []);
    let told = bench.take(Vec::new(), 130);
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].event, told[0].alert.subject.as_str()), (Told::Firing, "3 cameras → 120.26.96.67"));
    assert_eq!(told[0].alert.since, at(100));
    assert_eq!(bench.take(Vec::new(), 140), [], "told once");
}

#[test]
fn what_a_flood_sets_off_hides_nothing_worse() {
    let mut bench = Bench::new();
    let flood = |number: usize| Finding {
        severity: Severity::Warning,
        rule: format!("rule {number}").into(),
        group: GroupKey::new(GroupKind::Country, format!("{number}")),
        ..finding("a", 100, true)
    };
    bench.take((0..MAX_ALERTS + 5).map(flood).collect(), 100);
    assert_eq!((bench.alerts.live.len(), bench.alerts.left_out()), (MAX_ALERTS, 5));
    bench.take(vec![finding("a", 110, true)], 110);
    assert_eq!((bench.alerts.live.len(), bench.alerts.left_out()), (MAX_ALERTS, 6));
    let told = bench.take(Vec::new(), 140);
    assert!(told.iter().any(|told| told.alert.severity == Severity::Critical));
    let told = bench.take(vec![Finding { group: GroupKey::new(GroupKind::Name, "x"), ..finding("a", 150, true) }], 150);
    assert_eq!(told[0].event, Told::Resolved, "who made room and was told is told to be over: {told:?}");
}

#[test]
fn growth_is_told_again_but_rationed_and_what_is_worse_at_once() {
    let mut bench = Bench::new();
    bench.take(vec![beat(finding("a", 0, true))], 0);
    assert_eq!(bench.take(Vec::new(), 30).len(), 1);
    assert_eq!(bench.take(vec![beat(finding("b", 60, true))], 60), []);
    assert_eq!(bench.alerts.due(at(629)).len(), 0);
    assert_eq!(bench.alerts.due(at(630)).len(), 1);
    assert_eq!(bench.told(Vec::new(), 630), ["update overseas-beat 2 cameras → 120.26.96.67"]);
    let worse = of("overseas-beat", Severity::Critical, finding("b", 640, true));
    assert_eq!(bench.told(vec![worse], 640), ["update overseas-beat 2 cameras → 120.26.96.67"]);
    assert_eq!(bench.take(Vec::new(), 650), []);
}

#[test]
fn resolves_when_nobody_is_left_and_pending_ones_were_nothing() {
    let mut bench = Bench::new();
    bench.take(vec![finding("a", 0, true), finding("b", 0, true)], 0);
    bench.take(Vec::new(), 30);
    assert_eq!(bench.take(vec![finding("a", 40, false)], 40), []);
    let told = bench.take(vec![finding("b", 50, false)], 50);
    assert_eq!((told[0].event, told[0].alert.state), (Told::Resolved, State::Resolved));
    assert_eq!(bench.alerts.all(at(60)).len(), 1, "it is remembered");
    assert_eq!(bench.take(vec![finding("b", 60, false)], 60), []);

    let mut bench = Bench::new();
    bench.take(vec![finding("a", 0, true)], 0);
    assert_eq!(bench.take(vec![finding("a", 10, false)], 10), []);
    assert!(bench.alerts.all(at(60)).is_empty());
}

#[test]
fn what_comes_back_within_an_hour_is_the_same_alert_and_its_ends_are_damped() {
    let mut bench = Bench::new();
    bench.take(vec![finding("a", 0, true)], 0);
    let id = bench.take(Vec::new(), 30)[0].alert.id.clone();
    for (flap, second) in [(1, 1000), (2, 2000)] {
        assert_eq!(bench.take(vec![finding("a", second, false)], second)[0].event, Told::Resolved);
        bench.take(vec![finding("a", second + 60, true)], second + 60);
        let told = bench.take(Vec::new(), second + 90);
        assert_eq!((told.len(), told[0].event, &told[0].alert.id, told[0].alert.flaps), (1, Told::Firing, &id, flap));
        assert_eq!(bench.alerts.all(at(second)).len(), 1, "it is no past one too");
    }
    assert_eq!(bench.take(vec![finding("a", 3000, false)], 3000), [], "it would only come back");
    assert_eq!(bench.take(vec![finding("a", 3100, true)], 3100), []);
    bench.take(vec![finding("a", 3200, false)], 3200);
    assert_eq!(bench.take(Vec::new(), 3200 + 1799), []);
    let told = bench.take(Vec::new(), 3200 + 1800);
    assert_eq!((told[0].event, told[0].alert.flaps), (Told::Resolved, 3));
    bench.take(vec![finding("a", 5000 + 3601, true)], 5000 + 3601);
    let told = bench.take(Vec::new(), 5000 + 3631);
    assert_eq!(told[0].alert.flaps, 0);
    assert_ne!(told[0].alert.id, id, "an hour later it is another");
}

#[test]
fn the_worst_of_one_cause_tells_of_the_others_and_they_fire_when_it_ends() {
    let mut bench = Bench::new();
    bench.take(vec![finding("a", 0, true), finding("b", 0, true)], 0);
    bench.take(Vec::new(), 30);
    bench.take(vec![beat(finding("a", 100, true))], 100);
    assert_eq!(bench.take(Vec::new(), 130), [], "it is a part of what was told");
    assert_eq!(bench.alerts.all(at(130)).len(), 1);
    let told = bench.take(Vec::new(), 630);
    assert_eq!((told.len(), told[0].event), (1, Told::Update));
    assert_eq!(told[0].alert.evidence["also"][0]["rule"], "overseas-beat");
    assert!(told[0].alert.summary.ends_with("found by overseas-beat too"), "{}", told[0].alert.summary);
    let told = bench.told(vec![finding("a", 700, false), finding("b", 700, false)], 700);
    assert_eq!(told, ["resolved overseas-rate 2 cameras → 120.26.96.67", "firing overseas-beat a → 120.26.96.67"]);

    let mut bench = Bench::new();
    bench.take(vec![finding("a", 0, true)], 0);
    bench.take(Vec::new(), 30);
    bench.take(vec![beat(finding("c", 100, true))], 100);
    assert_eq!(
        bench.told(Vec::new(), 130),
        ["firing overseas-beat c → 120.26.96.67"],
        "another camera is another cause"
    );
}

#[test]
fn a_worse_one_that_comes_later_takes_in_the_earlier_which_ends_once() {
    let mut bench = Bench::new();
    bench.take(vec![beat(finding("a", 0, true))], 0);
    bench.take(Vec::new(), 30);
    bench.take(vec![finding("a", 100, true)], 100);
    let told = bench.take(Vec::new(), 130);
    assert_eq!((told[0].event, told[0].alert.rule.as_ref()), (Told::Firing, "overseas-rate"));
    assert_eq!((told[1].event, told[1].alert.rule.as_ref()), (Told::Resolved, "overseas-beat"));
    assert!(told[1].alert.summary.contains("goes on as a part of overseas-rate"), "{}", told[1].alert.summary);
    assert_eq!(bench.take(vec![beat(finding("a", 140, false))], 140), [], "its end was told");
    assert_eq!(bench.told(vec![finding("a", 150, false)], 150), ["resolved overseas-rate a → 120.26.96.67"]);

    let mut bench = Bench::new();
    bench.take(vec![beat(finding("a", 0, true))], 0);
    let id = bench.take(Vec::new(), 30)[0].alert.id.clone();
    bench.take(vec![finding("a", 100, true)], 100);
    bench.take(Vec::new(), 130);
    let told = bench.take(vec![finding("a", 150, false)], 150);
    assert_eq!((told[1].event, &told[1].alert.id, told[1].alert.flaps), (Told::Firing, &id, 0), "it still holds");
}

#[test]
fn who_is_acknowledged_is_quiet_until_it_is_worse_or_over() {
    let mut bench = Bench::new();
    bench.take(vec![beat(finding("a", 0, true))], 0);
    assert_eq!(bench.alerts.acknowledge("x", "eva", "", at(1)), Err(AcknowledgeError::Unknown("x".to_owned())));
    let alert = bench.take(Vec::new(), 30)[0].alert.clone();
    assert_eq!(alert.short.len(), 10);
    for id in [&alert.id, &alert.short, &alert.short[..4]] {
        let told = bench.alerts.acknowledge(id, "eva", "looking", at(40)).unwrap();
        assert_eq!((told.event, told.alert.state), (Told::Acknowledged, State::Firing));
        assert_eq!(told.alert.acknowledged.unwrap().who, "eva");
    }
    bench.take(vec![beat(finding("b", 60, true))], 60);
    assert_eq!(bench.take(Vec::new(), 2000), [], "it grew, and somebody is at it");
    let told = bench.take(vec![of("overseas-beat", Severity::Critical, finding("b", 2010, true))], 2010);
    assert_eq!((told.len(), told[0].event), (1, Told::Update));
    assert!(told[0].alert.acknowledged.is_some());
    let told = bench.take(vec![beat(finding("a", 2020, false)), beat(finding("b", 2020, false))], 2020);
    assert_eq!(told[0].event, Told::Resolved);
    let error = bench.alerts.acknowledge(&alert.short, "eva", "", at(2030)).unwrap_err();
    assert_eq!(error, AcknowledgeError::Ended(alert.short));
    bench.take(vec![beat(finding("a", 2040, true))], 2040);
    assert_eq!(bench.take(Vec::new(), 2070)[0].alert.acknowledged, None, "it ended with the alert");
}

#[test]
fn many_alerts_of_one_camera_each_are_one_by_site_or_for_all() {
    let silent = |number: i64, second: i64, holds: bool| {
        let name = format!("camera {number:03}");
        let group = GroupKey::new(GroupKind::Camera, name.as_str());
        Finding { group, ..of("camera-silent", Severity::Warning, finding(&name, second, holds)) }
    };
    let mut bench = Bench::new();
    bench.take((0..20).map(|number| silent(number, 0, true)).collect(), 0);
    assert_eq!(bench.take(Vec::new(), 30).len(), 20, "so many are told one by one");

    let mut bench = Bench::new();
    bench.take((0..30).map(|number| silent(number, 0, true)).collect(), 0);
    assert_eq!(bench.take((30..37).map(|number| silent(number, 20, true)).collect(), 20), []);
    assert_eq!(bench.told(Vec::new(), 30), ["firing camera-silent 37 cameras"]);
    assert_eq!(bench.take(vec![silent(40, 100, true)], 100), [], "one more joins them");
    assert_eq!(bench.told(Vec::new(), 630), ["update camera-silent 38 cameras"]);
    let all = (0..41).map(|number| silent(number, 700, false)).collect();
    assert_eq!(bench.told(all, 700), ["resolved camera-silent 38 cameras"]);

    let called = |number: i64, second: i64, holds: bool| {
        let group = GroupKey::new(GroupKind::Destination, format!("8.8.8.{number}"));
        Finding { group, ..beat(finding(&format!("camera {number:03}"), second, holds)) }
    };
    let mut bench = Bench::new();
    bench.take((0..25).map(|number| called(number, 0, true)).collect(), 0);
    assert_eq!(bench.told(Vec::new(), 30), ["firing overseas-beat 25 cameras → 25 destinations"]);
    bench.take(vec![called(99, 100, true)], 100);
    assert_eq!(bench.told(Vec::new(), 130), ["firing overseas-beat camera 099 → 8.8.8.99"], "a new one is news");
    let all = (0..25).map(|number| called(number, 700, false)).collect();
    assert_eq!(bench.told(all, 700), ["resolved overseas-beat 25 cameras → 25 destinations"]);
}

fn exception(text: &str) -> SuppressionSpec {
    let text = format!("name = \"trial\"\nreason = \"r\"\nowner = \"o\"\n{text}");
    SuppressionSpec { text, by: "eva".to_owned(), at: at(0) }
}

#[test]
fn what_an_exception_covers_is_kept_back_counted_and_fires_when_it_ends() {
    let mut bench = Bench::new();
    let about = bench.call("10.20.0.1", "120.26.96.67");
    let other = bench.call("10.20.0.2", "8.8.8.8");
    let found = |member: &str, about: &About, second: i64, holds: bool| Finding {
        about: about.clone(),
        group: GroupKey::new(GroupKind::Name, "x"),
        ..finding(member, second, holds)
    };
    let spec = exception("until = \"1970-01-01T01:00:00Z\"\ncountries = \"CN\"\nrules = \"overseas-*\"");
    bench.alerts.suppress(spec.clone(), at(0)).unwrap();
    assert!(matches!(bench.alerts.suppress(spec, at(0)), Err(SuppressError::Taken(_))));
    bench.take(vec![found("a", &about, 0, true)], 0);
    assert_eq!(bench.take(Vec::new(), 30), []);
    let kept = bench.alerts.suppressed(at(30));
    assert_eq!((kept.len(), kept[0].state, kept[0].suppressed_by[0].as_ref()), (1, State::Suppressed, "trial"));
    assert!(bench.alerts.all(at(30)).is_empty() && bench.alerts.firing().is_empty());

    bench.alerts = written(&bench.alerts);
    bench.alerts.take_configured_from(Alerts::default());
    bench.take(vec![found("b", &other, 40, true)], 40);
    let told = bench.take(Vec::new(), 70);
    assert_eq!((told.len(), told[0].alert.subject.as_str()), (1, "b → x"), "only what is covered is kept back");
    assert_eq!(told[0].alert.evidence["suppressed"], 1);
    let entry = &bench.alerts.suppressions(at(70))[0];
    assert_eq!((entry.hidden.findings, entry.hidden.alerts, entry.hidden.last), (1, 1, Some(at(0))));
    assert_eq!((entry.ended, entry.made.as_ref().unwrap().0.as_str()), (false, "eva"));

    assert_eq!(bench.take(Vec::new(), 3599), []);
    assert_eq!(bench.told(Vec::new(), 3600), ["update overseas-rate 2 cameras → x"], "it has ended");
    assert!(bench.alerts.suppressed(at(3600)).is_empty() && bench.alerts.suppressions(at(3600))[0].ended);
}

#[test]
fn an_exception_that_is_made_later_ends_what_fires_and_once_ended_it_fires_again() {
    let mut bench = Bench::new();
    let about = bench.call("10.20.0.1", "120.26.96.67");
    let found = |second: i64, holds: bool| Finding { about: about.clone(), ..finding("a", second, holds) };
    bench.take(vec![found(0, true)], 0);
    let id = bench.take(Vec::new(), 30)[0].alert.id.clone();
    let spec = exception("until = \"2030-01-01\"\naddresses = \"120.26.0.0/16\"");
    bench.alerts.suppress(spec.clone(), at(40)).unwrap();
    let told = bench.take(Vec::new(), 50);
    assert_eq!((told.len(), told[0].event), (1, Told::Resolved));
    assert!(told[0].alert.summary.contains("an exception covers it now: trial"), "{}", told[0].alert.summary);
    assert!(
        told[0].alert.subject.ends_with("→ 120.26.96.67") && !told[0].alert.subject.starts_with("0 "),
        "{}",
        told[0].alert.subject
    );
    bench.alerts.end_suppression("trial").unwrap();
    let told = bench.take(Vec::new(), 60);
    assert_eq!((told.len(), told[0].event, &told[0].alert.id), (1, Told::Firing, &id));
    assert!(matches!(bench.alerts.end_suppression("trial"), Err(SuppressError::Unknown(_))));

    // What ended while it was kept back is remembered as such.
    bench.alerts.suppress(spec, at(60)).unwrap();
    bench.take(Vec::new(), 70);
    assert_eq!(bench.take(vec![found(80, false)], 80), []);
    assert_eq!(bench.alerts.suppressed(at(90)).len(), 1);
    let over = exception("until = \"1970-01-01T00:01:00Z\"\naddresses = \"120.26.0.0/16\"");
    let over = SuppressionSpec { text: over.text.replace("trial", "other"), ..over };
    assert!(matches!(bench.alerts.suppress(over, at(90)), Err(SuppressError::Over(..))));
}

#[test]
fn a_rule_that_is_gone_ends_its_alerts_and_a_changed_one_goes_on() {
    let mut bench = Bench::new();
    bench.take(vec![finding("a", 0, true)], 0);
    let id = bench.take(Vec::new(), 30)[0].alert.id.clone();
    bench.alerts.end_rule("overseas-rate", RuleGone::Changed);
    let told = bench.take(Vec::new(), 40);
    assert_eq!(told[0].event, Told::Resolved);
    assert!(told[0].alert.summary.ends_with("(ended: the rule was changed)"), "{}", told[0].alert.summary);
    bench.take(vec![finding("a", 50, true)], 50);
    let told = bench.take(Vec::new(), 80);
    assert_eq!((told[0].event, &told[0].alert.id, told[0].alert.flaps), (Told::Firing, &id, 0));
}

#[test]
fn lives_on_after_it_was_written_and_read_back() {
    let mut bench = Bench::new();
    bench.take(vec![finding("a", 0, true), beat(finding("a", 0, true))], 0);
    let first = bench.take(Vec::new(), 30);
    bench.alerts.acknowledge(&first[0].alert.id, "eva", "n", at(35)).unwrap();
    let before = bench.alerts.all(at(40));
    bench.alerts = written(&bench.alerts);
    assert_eq!(bench.alerts.all(at(40)), before);
    assert_eq!(bench.take(Vec::new(), 50), [], "nothing is told twice");
    assert_eq!(bench.told(vec![finding("a", 60, false)], 60).len(), 2, "resolved, and the beat fires");
}

#[test]
fn what_was_told_after_the_checkpoint_is_not_told_again_and_ends_if_nobody_finds_it() {
    let mut bench = Bench::new();
    let checkpoint = written(&bench.alerts);
    bench.take(vec![finding("a", 0, true), finding("b", 0, true)], 0);
    let told = bench.take(Vec::new(), 30);
    let grown =
        |second: i64| beat(Finding { group: GroupKey::new(GroupKind::Country, "CN"), ..finding("a", second, true) });
    bench.take(vec![grown(40)], 40);
    let mut later: Vec<Transition> = told.into_iter().chain(bench.take(Vec::new(), 70)).collect();
    later.extend(bench.take(vec![Finding { holds: false, ..grown(80) }], 80));
    assert_eq!(later.len(), 3);
    // As the store gives them back.
    let later: Vec<Transition> =
        later.iter().map(|one| serde_json::from_str(&serde_json::to_string(one).unwrap()).unwrap()).collect();
    let again = |findings: Vec<Finding>, second: i64| {
        let mut bench = Bench { alerts: written(&checkpoint), ledger: empty_ledger() };
        bench.alerts.adopt(later.clone());
        assert_eq!(bench.alerts.all(at(90)).len(), 2, "one fires, one ended");
        assert_eq!(bench.alerts.firing().len(), 1);
        let told = bench.take(findings, second);
        (bench, told)
    };
    let (mut bench, told) = again(vec![finding("a", 100, true)], 100);
    assert_eq!(told, [], "found again, and told before");
    assert_eq!(bench.take(Vec::new(), 9000), []);
    let told = bench.take(vec![finding("a", 9010, false), finding("b", 9010, false)], 9010);
    assert_eq!((told[0].event, told[0].key.ends_with("#2")), (Told::Resolved, true), "the numbers go on");

    let (mut bench, told) = again(Vec::new(), 100);
    assert_eq!(told, []);
    assert_eq!(bench.take(Vec::new(), 30 + 3599), []);
    let told = bench.take(Vec::new(), 30 + 3600);
    assert_eq!((told.len(), told[0].event), (1, Told::Resolved), "nobody found it again");
    assert!(told[0].alert.summary.contains("called it often"), "{}", told[0].alert.summary);
}

#[test]
fn the_evidence_of_a_thousand_cameras_stays_small() {
    let mut bench = Bench::new();
    let evidence = serde_json::json!({
        "camera": { "id": "44:19:b6:00:00:01", "addresses": ["10.20.0.1"], "note": "x".repeat(800) },
    });
    let many = |number: i64| Finding {
        evidence: evidence.clone().into(),
        ..finding(&format!("camera {number:04}"), number, true)
    };
    bench.take((0..1200).map(many).collect(), 1200);
    let alert = bench.take(Vec::new(), 1230).remove(0).alert;
    let members = alert.evidence["members"].as_array().unwrap();
    assert_eq!((members.len(), &alert.evidence["members_left_out"]), (1000, &serde_json::json!(200)));
    assert_eq!(alert.evidence["count"], 1200);
    // The largest values are told in full; here these are the last, beyond what is named.
    assert_eq!(
        members[0],
        serde_json::json!({ "subject": "camera 0000", "holds": true, "value": 0.0, "address": "10.20.0.1" })
    );
    let size = serde_json::to_string(&alert).unwrap().len();
    assert!(size < 150_000, "{size} bytes");
}

#[test]
fn what_held_of_a_camera_that_left_clears() {
    let limits = LedgerLimits { cameras: 16, ..LedgerLimits::default() };
    let ledger = Ledger::new(Arc::new(WatchList::new(Vec::new())), Arc::new(Geo::built_in()), limits);
    let mut bench = Bench { alerts: Alerts::default(), ledger };
    let about: Vec<About> = (1..=16).map(|one| bench.call(&format!("10.0.0.{one}"), "120.26.96.67")).collect();
    let of = |one: usize, group: &str| Finding {
        group: GroupKey::new(GroupKind::Camera, group),
        about: about[one].clone(),
        ..finding(&format!("10.0.0.{}", one + 1), 0, true)
    };
    bench.take(vec![of(0, "alone"), of(0, "both"), of(1, "both")], 0);
    assert_eq!(bench.take(Vec::new(), 60).len(), 2, "both fire");
    // The others call once more, and one more finds no room.
    let event = |one: u8, second| Event {
        time: at(second),
        segment: Segment::Whole,
        device: [10, 0, 0, one].into(),
        mac: None,
        kind: EventKind::Attempt { destination: [120, 26, 96, 67].into(), service: "tcp/443".parse().unwrap() },
    };
    for one in 2..=17 {
        bench.ledger.take(&event(one, 3000));
    }
    assert!(bench.ledger.age(at(4000)));
    bench.alerts.forget_gone(&bench.ledger);
    assert!(bench.ledger.take(&event(17, 4001)).is_some(), "another has its place");
    let told = bench.take(Vec::new(), 4010);
    assert_eq!(told.iter().map(|told| told.event).collect::<Vec<_>>(), [Told::Resolved]);
    assert_eq!(told[0].alert.evidence["camera"], "alone");
    let firing = bench.alerts.firing_by_camera();
    assert_eq!(firing.into_iter().collect::<Vec<_>>(), [(about[1].camera.unwrap(), 1)]);
}
