//! Simulated captures, read by the program: counts equal the truth, alerts are those that a person would want.

mod support;

use std::collections::BTreeMap;

use serde_json::Value;
use support::{camwatch, read_json, simulate, text};

type Counts = BTreeMap<(String, String), u64>;

/// Attempts by camera address and destination, of a truth file.
fn truth(path: &std::path::Path) -> Counts {
    let name = path.file_name().unwrap().to_str().unwrap().split('.').next().unwrap();
    let truth: Value =
        serde_json::from_slice(&std::fs::read(path.with_file_name(format!("{name}.truth.json"))).unwrap()).unwrap();
    let mut counts = Counts::new();
    for camera in truth["cameras"].as_array().unwrap() {
        for destination in camera["destinations"].as_array().unwrap() {
            let key =
                (camera["address"].as_str().unwrap().to_owned(), destination["address"].as_str().unwrap().to_owned());
            *counts.entry(key).or_default() += destination["attempts"].as_u64().unwrap();
        }
    }
    counts
}

/// The same of a document.
fn counted(document: &Value) -> Counts {
    let cameras: BTreeMap<&str, &str> = document["cameras"]
        .as_array()
        .unwrap()
        .iter()
        .map(|camera| (camera["id"].as_str().unwrap(), camera["addresses"][0].as_str().unwrap()))
        .collect();
    let pairs = document["pairs"].as_array().unwrap().iter().filter(|pair| pair["attempts"] != 0);
    pairs
        .map(|pair| {
            let camera = cameras[pair["camera"].as_str().unwrap()].to_owned();
            ((camera, pair["address"].as_str().unwrap().to_owned()), pair["attempts"].as_u64().unwrap())
        })
        .collect()
}

#[test]
fn fiumicino_is_counted_exactly_and_is_few_alerts() {
    let folder = tempfile::tempdir().unwrap();
    let options = ["fiumicino", "--hours", "0.1", "--answered", "0.2", "--retries", "2", "--rate", "3000"];
    let capture = simulate(folder.path(), "f.pcap.zst", &options);
    let path = capture.to_str().unwrap();
    let document = read_json(&[path]);
    assert_eq!(counted(&document), truth(&capture));
    assert_eq!(document["totals"]["attempts"], 140 * 300);
    assert_eq!(document["capture"]["duplicates"], 0);
    let alerts = document["alerts"].as_array().unwrap();
    assert!((1..=4).contains(&alerts.len()), "{} alerts", alerts.len());
    assert_eq!(alerts[0]["severity"], "critical");
    assert_eq!(alerts[0]["subject"], "140 cameras → 120.26.96.67");
    assert_eq!(alerts[0]["evidence"]["count"], 140);
    let evidence = &alerts[0]["evidence"];
    assert_eq!(evidence["rule"]["threshold"]["attempts"], 150);
    assert!(evidence["rule"]["measured"]["attempts"].as_f64().unwrap() >= 150.0, "{evidence}");
    let members = evidence["members"].as_array().unwrap();
    assert_eq!(members.len(), 140, "every camera is named");
    let full: Vec<&Value> = members.iter().filter(|member| member.get("evidence").is_some()).collect();
    assert_eq!(full.len(), 50);
    let facts = &full[0]["evidence"];
    assert_eq!(facts["coverage"]["observed_hours"], 1);
    assert_eq!(facts["pair"]["owner_country"], "CN");
    assert!(facts["camera"]["mac"].is_string() && facts["camera"]["vendor"].is_string(), "{facts}");
    assert!(evidence.to_string().len() < 100_000, "{} bytes", evidence.to_string().len());
    let again = camwatch(&["read", "--json", path]);
    let first = camwatch(&["read", "--json", path]);
    assert!(again.stdout == first.stdout, "two reads differ");
    let summary = text(&camwatch(&["read", path]).stdout);
    for words in ["140 of 140 cameras called overseas", "120.26.96.67", "Hangzhou Alibaba", "CRITICAL overseas-rate"] {
        assert!(summary.contains(words), "{words} is not in\n{summary}");
    }
}

#[test]
fn onset_alerts_within_two_minutes_and_not_before() {
    let folder = tempfile::tempdir().unwrap();
    let options = ["onset", "--hours", "0.35", "--at", "15", "--cameras", "40"];
    let capture = simulate(folder.path(), "o.pcap", &options);
    let document = read_json(&[capture.to_str().unwrap()]);
    let alerts = document["alerts"].as_array().unwrap();
    assert_eq!(alerts.len(), 1, "one cause is one alert: {alerts:?}");
    let alert = &alerts[0];
    assert_eq!((&alert["rule"], &alert["state"]), (&Value::from("overseas-surge"), &Value::from("firing")));
    assert!(alert["since"].as_str().unwrap() >= "2015-04-01T09:15:00Z", "before the onset: {alert}");
    assert!(alert["fired"].as_str().unwrap() <= "2015-04-01T09:17:00Z");
    assert_eq!(alert["subject"], "40 cameras → 120.26.96.67");
    assert_eq!(alert["evidence"]["count"], 40);
    // Of the camera that is told first it is not said that it was one.
    assert_eq!(alert["evidence"]["rule"]["measured"]["cameras"], 40, "{alert}");
    let also: Vec<&Value> = alert["evidence"]["also"].as_array().unwrap().iter().map(|also| &also["rule"]).collect();
    assert_eq!(also, ["overseas-rate"], "{alert}");
    assert_eq!(alert["evidence"]["also"][0]["members"], 40);
}

#[test]
fn office_and_quiet_raise_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for scenario in ["office", "quiet"] {
        let options = [scenario, "--hours", "2", "--cameras", "6", "--snaplen", "300"];
        let capture = simulate(folder.path(), &format!("{scenario}.pcap.gz"), &options);
        let document = read_json(&[capture.to_str().unwrap()]);
        assert_eq!(document["alerts"], serde_json::json!([]), "{scenario}");
        assert_eq!(document["cameras"].as_array().unwrap().len(), 6, "{scenario}: the cameras, and nobody else");
        assert_eq!(document["totals"]["overseas_attempts"], 0);
    }
}

#[test]
fn several_files_are_one_capture_in_time_order() {
    let folder = tempfile::tempdir().unwrap();
    let options = |start| ["fiumicino", "--hours", "0.01", "--cameras", "3", "--start", start];
    let late = simulate(folder.path(), "late.pcap", &options("2015-04-01T10:00:00Z"));
    let early = simulate(folder.path(), "early.pcap.gz", &options("2015-04-01T09:00:00Z"));
    let document = read_json(&[late.to_str().unwrap(), early.to_str().unwrap()]);
    assert_eq!(document["capture"]["first"], "2015-04-01T09:00:00Z");
    assert_eq!(document["totals"]["attempts"], 2 * 3 * 110);
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = |name: &str, seed: &str| {
        let options = ["office", "--hours", "0.05", "--seed", seed];
        std::fs::read(simulate(folder.path(), name, &options)).unwrap()
    };
    assert!(bytes("a.pcap", "1") == bytes("b.pcap", "1"));
    assert!(bytes("c.pcap", "2") != bytes("d.pcap", "1"));
}

#[test]
fn a_port_that_shows_packets_twice_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let capture =
        simulate(folder.path(), "f.pcap", &["fiumicino", "--hours", "0.02", "--cameras", "5", "--answered", "0.5"]);
    let once = read_json(&[capture.to_str().unwrap()]);
    let twice = read_json(&[capture.to_str().unwrap(), capture.to_str().unwrap()]);
    assert_eq!(counted(&once), counted(&twice));
    assert_eq!(once["totals"], twice["totals"]);
    assert_eq!(twice["capture"]["duplicates"], once["capture"]["packets"]);
}
