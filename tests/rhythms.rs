//! Rules of rhythm, surge and new destination: each with what fires it, and what nearly does.

mod support;

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use camwatch::alert::Alert;
use camwatch::config::Config;
use camwatch::geo::Geo;
use camwatch::net::{Protocol, Segment, Service};
use camwatch::pipeline::{Analysis, Batch};
use camwatch::simulate::Random;
use camwatch::time::Timestamp;
use camwatch::track::{Event, EventKind, NameKind, NameSeen, Outcome, Traffic};
use serde_json::Value;
use support::{camwatch, read_json, simulate, text};

/// Reads captures with one rule of a configuration.
fn alerts_of(folder: &Path, rule: &str, captures: &[&Path]) -> Vec<Value> {
    let config = folder.join("rule.toml");
    std::fs::write(&config, format!("[rules]\ndefaults = false\n[[rule]]\nname = \"r\"\n{rule}\n")).unwrap();
    let paths: Vec<&str> = captures.iter().map(|path| path.to_str().unwrap()).collect();
    let document = read_json(&[&["--config", config.to_str().unwrap()], paths.as_slice()].concat());
    document["alerts"].as_array().unwrap().clone()
}

#[test]
fn a_rhythm_fires_when_it_holds_for_ten_minutes_and_not_before() {
    let folder = tempfile::tempdir().unwrap();
    let rule = "kind = \"beat\"\noutcomes = [\"unanswered\"]\nmin_period = \"30 s\"\nmax_period = \"5 min\"";
    let options = ["fiumicino", "--rate", "60", "--cameras", "2", "--retries", "3"];
    let long = simulate(folder.path(), "long.pcap", &[&options[..], &["--hours", "0.5"]].concat());
    let alerts = alerts_of(folder.path(), rule, &[&long]);
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert_eq!(alerts[0]["subject"], "2 cameras → 120.26.96.67");
    let summary = alerts[0]["summary"].as_str().unwrap();
    for words in ["every 60 s ± ", " % of expected beats seen", " gaps fit", "never answered"] {
        assert!(summary.contains(words), "{words} is not in {summary}");
    }
    let short = simulate(folder.path(), "short.pcap", &[&options[..], &["--hours", "0.2"]].concat());
    assert_eq!(alerts_of(folder.path(), rule, &[&short]), [] as [Value; 0], "it held for less than ten minutes");
    for other in [
        "outcomes = [\"answered\", \"refused\"]",
        "min_period = \"2 min\"",
        "countries = [\"RU\"]",
        "services = [\"udp/53\"]",
    ] {
        let rule = format!("kind = \"beat\"\n{other}");
        assert_eq!(alerts_of(folder.path(), &rule, &[&long]), [] as [Value; 0], "{other}");
    }
}

#[test]
fn the_document_tells_the_rhythm_in_a_sentence_and_that_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let options = ["fiumicino", "--rate", "60", "--cameras", "1", "--hours", "0.5"];
    let capture = simulate(folder.path(), "f.pcap", &options);
    let later = simulate(
        folder.path(),
        "q.pcap",
        &["quiet", "--cameras", "1", "--hours", "0.2", "--start", "2015-04-01T10:00:00Z"],
    );
    let beat = |files: &[&str]| read_json(files)["pairs"][0]["beat"].clone();
    let going_on = beat(&[capture.to_str().unwrap()]);
    assert_eq!((&going_on["stopped"], &going_on["changed_from_s"]), (&Value::Bool(false), &Value::Null));
    let sentence = going_on["text"].as_str().unwrap();
    assert!(sentence.starts_with("every 60 s ± ") && sentence.ends_with(", never answered"), "{sentence}");
    let document = read_json(&[capture.to_str().unwrap(), later.to_str().unwrap()]);
    let pairs = document["pairs"].as_array().unwrap();
    let pair = pairs.iter().find(|pair| pair["address"] == "120.26.96.67").unwrap();
    assert_eq!(pair["beat"]["stopped"], true);
    assert!(pair["beat"]["score"].as_f64().unwrap() < going_on["score"].as_f64().unwrap());
}

#[test]
fn a_surge_needs_enough_cameras_or_share_within_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let quiet = simulate(folder.path(), "q.pcap", &["quiet", "--cameras", "10", "--hours", "0.4"]);
    let start = ["--start", "2015-04-01T09:10:00Z"];
    let options = ["fiumicino", "--rate", "60", "--cameras", "4", "--hours", "0.1"];
    let four = simulate(folder.path(), "f.pcap", &[&options[..], &start].concat());
    let surge = |rule: &str| alerts_of(folder.path(), &format!("kind = \"surge\"\n{rule}"), &[&quiet, &four]);
    let alerts = surge("surge_cameras = 4\nwithin = \"5 min\"\nlearning = \"5 min\"");
    assert_eq!((alerts.len(), &alerts[0]["evidence"]["count"]), (1, &Value::from(4)));
    assert_eq!(alerts[0]["subject"], "4 cameras → 120.26.96.67");
    assert_eq!(alerts[0]["evidence"]["members"].as_array().unwrap().len(), 4);
    assert_eq!(surge("surge_cameras = 5"), [] as [Value; 0], "four are not five");
    assert_eq!(surge("surge_cameras = 4\nlearning = \"12 min\""), [] as [Value; 0], "known from the learning time");
    assert_eq!(surge("share = 0.4").len(), 1, "four of ten");
    assert_eq!(surge("share = 0.5"), [] as [Value; 0], "four of ten are not half");
    let by_owner = surge("surge_cameras = 4\nby = \"owner\"");
    assert_eq!((by_owner.len(), by_owner[0]["evidence"]["count"].as_u64()), (1, Some(4)));
    assert!(by_owner[0]["subject"].as_str().unwrap().contains("AS37963"), "{}", by_owner[0]["subject"]);
}

#[test]
fn whom_a_camera_did_not_call_in_its_learning_time_is_new() {
    let folder = tempfile::tempdir().unwrap();
    let quiet = simulate(folder.path(), "q.pcap", &["quiet", "--cameras", "3", "--hours", "1.5"]);
    let call = |name: &str, start: &str| {
        let options = ["fiumicino", "--rate", "30", "--cameras", "2", "--hours", "0.1", "--start", start];
        simulate(folder.path(), name, &options)
    };
    let (early, late) = (call("early.pcap", "2015-04-01T09:30:00Z"), call("late.pcap", "2015-04-01T10:20:00Z"));
    for by in ["address", "owner", "country"] {
        let rule = format!("kind = \"new_destination\"\nlearning = \"1 h\"\nby = \"{by}\"");
        let alerts = alerts_of(folder.path(), &rule, &[&quiet, &late]);
        assert_eq!((alerts.len(), &alerts[0]["evidence"]["count"]), (1, &Value::from(2)), "{by}");
        let summary = alerts[0]["summary"].as_str().unwrap();
        assert!(summary.contains("had not called before (learning time: 1 h)"), "{summary}");
        let known = alerts_of(folder.path(), &rule, &[&quiet, &early, &late]);
        assert_eq!(known, [] as [Value; 0], "{by}: called in the learning time");
    }
    let rule = "kind = \"new_destination\"\nlearning = \"1 h\"\nper = \"all\"";
    let alerts = alerts_of(folder.path(), rule, &[&quiet, &late]);
    assert_eq!(alerts[0]["evidence"]["count"], 1, "together they learn it once");
}

#[test]
fn mistakes_in_rules_are_told_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("c.toml");
    for (rule, expected) in [
        ("kind = \"surge\"\nsurge_cameras = 3\nshare = 0.5", "write `surge_cameras` (a number) or `share`"),
        ("kind = \"surge\"\nshare = 1.5", "`share` must be above 0 and at most 1"),
        ("kind = \"beat\"\noutcomes = [\"answerd\"]", "did you mean `answered`?"),
        ("kind = \"beat\"\nspread_only = true", "`spread_only` is about names and cameras"),
        ("kind = \"new_destination\"\nlearning = \"5 s\"", "`learning` must be \"1 min\" or more"),
        ("kind = \"new_destination\"\nby = \"city\"", "`by`: `city` is none of address, owner, country"),
    ] {
        std::fs::write(&config, format!("[[rule]]\nname = \"r\"\n{rule}\n")).unwrap();
        let output = camwatch(&["check", "--config", config.to_str().unwrap()]);
        let told = text(&output.stderr);
        assert!(
            output.status.code() == Some(1) && told.contains("c.toml:") && told.contains(expected),
            "{rule}: {told}"
        );
    }
}

// What no simulated capture shows: names whose addresses change, floods over many hosts, late events.

const CAMERA: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 20, 0, 1));
const START: Timestamp = Timestamp::from_parts(1_427_878_800, 0);

fn far_away(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(120, 26, 96, last))
}

fn event(second: u64, kind: EventKind) -> Event {
    Event { time: START + Duration::from_secs(second), segment: Segment::Whole, device: CAMERA, mac: None, kind }
}

fn service() -> Service {
    Service { protocol: Protocol::Tcp, port: 443 }
}

fn attempt(second: u64, destination: IpAddr) -> Event {
    event(second, EventKind::Attempt { destination, service: service() })
}

fn asked(second: u64, name: &str, addresses: Vec<IpAddr>) -> Event {
    let name = name.to_owned();
    event(second, EventKind::Name(Box::new(NameSeen { addresses, ttl_s: 60, ..NameSeen::said(NameKind::Dns, name) })))
}

fn analysed(events: Vec<Event>, hours: u64) -> Analysis {
    let mut config = Config::default();
    config.watch.all = true;
    let mut analysis = Analysis::new(&config, Arc::new(Geo::built_in()));
    for event in events {
        let now = event.time;
        analysis.take(&Batch { events: vec![event], now, ..Batch::default() });
    }
    analysis.take(&Batch { events: Vec::new(), now: START + Duration::from_secs(hours * 3600), ..Batch::default() });
    analysis.finish();
    analysis
}

fn names_of(alerts: &[Alert]) -> Vec<&str> {
    alerts.iter().map(|alert| alert.rule.as_ref()).collect()
}

/// Which of `count` addresses a call goes to: no pattern.
fn any_of(number: u64, count: u64) -> u8 {
    Random::new(number).below(count) as u8 + 1
}

#[test]
fn a_rhythm_under_one_name_is_found_while_its_addresses_change() {
    // Each of 40 addresses is called now and then; the name every 60 s.
    let calls = |spacing: fn(u64) -> u64| -> Vec<Event> {
        let seconds = (0..120_u64).scan(0, |at, number| {
            *at += spacing(number);
            Some(*at)
        });
        seconds
            .flat_map(|second| {
                let address = far_away(any_of(second, 40));
                [asked(second, "p2p.example.com", vec![address]), attempt(second, address)]
            })
            .collect()
    };
    let regular = analysed(calls(|_| 60), 2);
    let alerts = regular.alerts();
    assert_eq!(names_of(&alerts), ["overseas-name-beat"], "{alerts:?}");
    assert!(alerts[0].summary.contains("calls p2p.example.com (") && alerts[0].summary.contains("every 60 s"));
    let irregular = analysed(calls(|number| 1 + Random::new(number).below(120)), 2);
    assert_eq!(names_of(&irregular.alerts()), [] as [&str; 0], "without a rhythm the same is nothing");
}

#[test]
fn a_flood_over_many_hosts_is_a_rhythm_of_the_camera() {
    let calls = |seconds: &dyn Fn(u64) -> u64| -> Vec<Event> {
        (0..350).map(|number| attempt(seconds(number), far_away(any_of(number, 250)))).collect()
    };
    let alerts = analysed(calls(&|number| number * 20), 2).alerts();
    assert_eq!(names_of(&alerts), ["overseas-beat-all"], "{alerts:?}");
    assert!(alerts[0].summary.contains("calls destinations overseas"), "{}", alerts[0].summary);
    let time_servers: Vec<Event> = (0..350)
        .map(|number| {
            let service = Service { protocol: Protocol::Udp, port: 123 };
            event(number * 20, EventKind::Attempt { destination: far_away(any_of(number, 250)), service })
        })
        .collect();
    assert_eq!(names_of(&analysed(time_servers, 2).alerts()), [] as [&str; 0], "time is asked for in a rhythm");
}

#[test]
fn pulses_in_one_open_connection_are_beats_of_pair_and_name() {
    let destination = far_away(1);
    let mut events = vec![asked(0, "cloud.example.com", vec![destination]), attempt(0, destination)];
    events.extend((1..=100).map(|number| {
        let traffic = Traffic { bytes_out: 100, ..Traffic::default() };
        if number == 1 {
            let outcome = Some(Outcome::Answered);
            return event(1, EventKind::Contact { destination, service: service(), outcome, traffic });
        }
        event(number * 20, EventKind::Pulse { destination, service: service() })
    }));
    let analysis = analysed(events, 1);
    let now = analysis.now();
    let rhythm = analysis.ledger().rhythms().next().unwrap().1;
    let named = rhythm.beat.score(now).unwrap();
    let (_, pair) = analysis.ledger().pairs().next().unwrap();
    let paired = pair.beat.score(now).unwrap();
    // The TTL of the name is a minute and camwatch adds five: pulses beyond that are the pair's alone.
    assert!(paired.score >= 6.0 && (paired.period_s - 20.0).abs() < 0.5, "{paired:?}");
    assert!(rhythm.beat.events() > 10 && (named.period_s - 20.0).abs() < 0.5, "{named:?}");
    assert_eq!(names_of(&analysis.alerts()), ["overseas-beat"]);
    assert!(analysis.alerts()[0].summary.ends_with("answered"), "{}", analysis.alerts()[0].summary);
}

#[test]
fn late_events_reset_nothing_and_a_capture_that_steps_back_starts_anew() {
    let call = |second: u64| attempt(second, far_away(1));
    let mut events: Vec<Event> = (120..220).map(|number| call(number * 60)).collect();
    let in_order = analysed(events.clone(), 4);
    events.insert(70, call(60));
    let mut config = Config::default();
    config.watch.all = true;
    let mut analysis = Analysis::new(&config, Arc::new(Geo::built_in()));
    for event in events {
        // A late line of a log moves nothing but its own time.
        let now = event.time.max(analysis.now());
        analysis.take(&Batch { events: vec![event], now, ..Batch::default() });
    }
    let score = |analysis: &Analysis| {
        let (_, pair) = analysis.ledger().pairs().next().unwrap();
        pair.beat.score(START + Duration::from_secs(220 * 60)).unwrap().score
    };
    assert!((score(&analysis) - score(&in_order)).abs() < 1e-9);
    analysis.take(&Batch { events: vec![call(0)], now: START, ..Batch::default() });
    let (_, pair) = analysis.ledger().pairs().next().unwrap();
    assert_eq!(pair.beat.events(), 1);
}
