//! The life of alerts through the analyser, where no capture shows it: rules that change, exceptions made by hand, restarts.

use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use camwatch::alert::{Alerts, SuppressError, Told, Transition};
use camwatch::config::Config;
use camwatch::geo::Geo;
use camwatch::net::Segment;
use camwatch::pipeline::{Analysis, Batch};
use camwatch::rules::SuppressionSpec;
use camwatch::time::Timestamp;
use camwatch::track::{Event, EventKind};

const RULE: &str = "[rules]\ndefaults = false\n[[rule]]\nname = \"rate\"\nkind = \"rate\"\nattempts = 5\n";

fn geo() -> Arc<Geo> {
    static GEO: LazyLock<Arc<Geo>> = LazyLock::new(|| Arc::new(Geo::built_in()));
    GEO.clone()
}

fn config(text: &str) -> Config {
    Config::parse("c.toml", text, Path::new(".")).unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_parts(1_427_878_800 + second, 0)
}

/// A camera calls China once a second, from one second until another.
fn call(analysis: &mut Analysis, seconds: std::ops::Range<i64>) -> Vec<Transition> {
    let (destination, service) = (IpAddr::from([120, 26, 96, 67]), "tcp/443".parse().unwrap());
    let mut told = Vec::new();
    for second in seconds {
        let kind = EventKind::Attempt { destination, service };
        let device = IpAddr::from([10, 20, 0, 1]);
        let event = Event { time: at(second), segment: Segment::Whole, device, mac: None, kind };
        told.extend(analysis.take(&Batch { events: vec![event], now: at(second), ..Batch::default() }));
    }
    told
}

fn events(told: &[Transition]) -> Vec<Told> {
    told.iter().map(|told| told.event).collect()
}

#[test]
fn figures_are_those_of_the_message() {
    let mut analysis = Analysis::new(&config(RULE), geo());
    let told = call(&mut analysis, 0..60);
    assert_eq!(events(&told), [Told::Firing]);
    let measured = told[0].alert.evidence["rule"]["measured"]["attempts"].as_f64().unwrap();
    // Found after ten seconds, told thirty later: of then, not of when it was found.
    let since_the_first = (told[0].time.as_nanos() - at(0).as_nanos()) as f64 / 1e9;
    assert!((measured - since_the_first).abs() <= 1.0, "{measured} attempts after {since_the_first} s");
}

#[test]
fn a_changed_rule_goes_on_with_the_same_alert_and_a_removed_one_ends() {
    let mut analysis = Analysis::new(&config(RULE), geo());
    let id = call(&mut analysis, 0..60)[0].alert.id.clone();
    analysis.reconfigure(&config(RULE), geo());
    assert_eq!(call(&mut analysis, 60..120), [], "the same rule");
    analysis.reconfigure(&config(&RULE.replace("attempts = 5", "attempts = 6")), geo());
    let told = call(&mut analysis, 120..240);
    assert_eq!(events(&told), [Told::Resolved, Told::Firing]);
    assert_eq!((&told[1].alert.id, told[1].alert.flaps), (&id, 0));
    analysis.reconfigure(&config("[rules]\ndefaults = false\n"), geo());
    let told = call(&mut analysis, 240..300);
    assert_eq!(events(&told), [Told::Resolved]);
    assert!(told[0].alert.summary.contains("the rule is gone from the configuration"), "{}", told[0].alert.summary);
}

#[test]
fn an_exception_of_the_configuration_comes_and_goes_with_a_reload() {
    let exception =
        "[[suppression]]\nname = \"x\"\nreason = \"r\"\nowner = \"o\"\nuntil = \"2030-01-01\"\nrules = \"rate\"\n";
    let mut analysis = Analysis::new(&config(RULE), geo());
    call(&mut analysis, 0..60);
    analysis.reconfigure(&config(&format!("{RULE}{exception}")), geo());
    assert_eq!(events(&call(&mut analysis, 60..120)), [Told::Resolved]);
    assert_eq!(analysis.suppressed().len(), 1);
    assert_eq!(analysis.end_suppression("x"), Err(SuppressError::Configured("x".to_owned())));
    analysis.reconfigure(&config(RULE), geo());
    assert_eq!(events(&call(&mut analysis, 120..180)), [Told::Firing]);
    assert!(analysis.suppressed().is_empty() && analysis.suppressions().is_empty());
}

#[test]
fn alerts_are_acknowledged_suppressed_and_put_back() {
    let mut analysis = Analysis::new(&config(RULE), geo());
    let fired = call(&mut analysis, 0..60).remove(0).alert;
    // A checkpoint; what comes after is only in the transitions.
    let checkpoint = rmp_serde::to_vec(analysis.alert_book()).unwrap();
    let acknowledged = analysis.acknowledge(&fired.short, "eva", "looking", at(60)).unwrap();
    let text =
        "name = \"x\"\nreason = \"r\"\nowner = \"o\"\nuntil = \"2015-04-01T09:05:00Z\"\naddresses = \"120.26.0.0/16\"";
    let spec = SuppressionSpec { text: text.to_owned(), by: "eva".to_owned(), at: at(60) };
    let wrong = SuppressionSpec { text: text.replace("owner = \"o\"", ""), ..spec.clone() };
    let error = analysis.suppress(wrong).unwrap_err().to_string();
    assert_eq!(
        error,
        "suppression: a suppression needs `owner`: who answers for it, as in owner = \"networks@council.example\""
    );
    analysis.suppress(spec).unwrap();
    let told = call(&mut analysis, 60..120);
    assert_eq!(events(&told), [Told::Resolved]);
    assert_eq!(analysis.suppressions()[0].hidden.findings, 1);
    let told = call(&mut analysis, 120..320);
    assert_eq!(events(&told), [Told::Firing], "at five past nine");
    assert!((at(300)..=at(310)).contains(&told[0].time));

    let alerts: Alerts = rmp_serde::from_slice(&checkpoint).unwrap();
    let mut again = Analysis::new(&config(RULE), geo());
    again.put_back(alerts, vec![acknowledged]);
    assert_eq!(call(&mut again, 60..120), [], "it was told");
    assert_eq!(again.alerts()[0].acknowledged.as_ref().unwrap().who, "eva");
    assert_eq!(again.alerts()[0].id, fired.id);
}
