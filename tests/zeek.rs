//! Zeek's logs, read by the program: what a user sees of them.

mod support;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use support::{camwatch, read_json, text};

/// 2026-01-01T00:00:00Z.
const START: f64 = 1_767_225_600.0;
const ABROAD: &str = "120.26.96.67";

/// A connection as a log tells it.
#[derive(Clone)]
struct Line {
    at: f64,
    from: &'static str,
    port: u16,
    to: &'static str,
    service: (&'static str, u16),
    duration: Option<f64>,
    state: &'static str,
    history: &'static str,
    out: (u64, u64),
    back: (u64, u64),
    mac: Option<&'static str>,
}

fn line(at: f64, from: &'static str, to: &'static str, state: &'static str, history: &'static str) -> Line {
    let (duration, out, back) = (Some(1.5), (5, 400), if history.contains('h') { (4, 300) } else { (0, 0) });
    Line { at, from, port: 40_000, to, service: ("tcp", 443), duration, state, history, out, back, mac: None }
}

fn udp(at: f64, port: u16, state: &'static str) -> Line {
    let back = if state == "SF" { (1, 76) } else { (0, 0) };
    Line { port, service: ("udp", 8000), out: (1, 76), back, ..line(at, "10.0.0.1", ABROAD, state, "D") }
}

fn header(path: &str, fields: &str) -> String {
    let fields = fields.replace(' ', "\t");
    format!(
        "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\t{path}\n\
         #open\t2026-01-01-00-00-00\n#fields\t{fields}\n#types\ttime\n"
    )
}

fn tsv(lines: &[Line]) -> String {
    let mut out = header(
        "conn",
        "ts uid id.orig_h id.orig_p id.resp_h id.resp_p proto service duration orig_bytes resp_bytes conn_state \
         local_orig local_resp missed_bytes history orig_pkts orig_ip_bytes resp_pkts resp_ip_bytes tunnel_parents \
         orig_l2_addr resp_l2_addr",
    );
    for l in lines {
        let duration = l.duration.map_or("-".to_owned(), |seconds| format!("{seconds:.6}"));
        writeln!(
            out,
            "{:.6}\tC1\t{}\t{}\t{}\t{}\t{}\t-\t{duration}\t1\t2\t{}\t-\t-\t0\t{}\t{}\t{}\t{}\t{}\t(empty)\t{}\t-",
            l.at,
            l.from,
            l.port,
            l.to,
            l.service.1,
            l.service.0,
            l.state,
            l.history,
            l.out.0,
            l.out.1,
            l.back.0,
            l.back.1,
            l.mac.unwrap_or("-"),
        )
        .unwrap();
    }
    out + "#close\t2026-01-02-00-00-00\n"
}

fn json_lines(lines: &[Line]) -> String {
    let mut out = String::new();
    for l in lines {
        let mut object = json!({
            "ts": l.at, "uid": "C1", "id.orig_h": l.from, "id.orig_p": l.port, "id.resp_h": l.to,
            "id.resp_p": l.service.1, "proto": l.service.0, "orig_bytes": 1, "resp_bytes": 2, "conn_state": l.state,
            "missed_bytes": 0, "history": l.history, "orig_pkts": l.out.0, "orig_ip_bytes": l.out.1,
            "resp_pkts": l.back.0, "resp_ip_bytes": l.back.1,
        });
        if let Some(duration) = l.duration {
            object["duration"] = json!(duration);
        }
        if let Some(mac) = l.mac {
            object["orig_l2_addr"] = json!(mac);
        }
        writeln!(out, "{object}").unwrap();
    }
    out
}

fn write(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> String {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

fn gz(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes.as_ref()).unwrap();
    encoder.finish().unwrap()
}

fn all(arguments: &[&str]) -> Value {
    read_json(&[&["--watch", "all"], arguments].concat())
}

/// All but the names of the files.
fn found(mut document: Value) -> Value {
    document["capture"]["files"] = Value::Null;
    document
}

fn pair<'a>(document: &'a Value, camera: &str, address: &str) -> &'a Value {
    let mut pairs = document["pairs"].as_array().unwrap().iter();
    pairs.find(|pair| pair["camera"] == camera && pair["address"] == address).unwrap_or_else(|| panic!("{document:#}"))
}

/// Connections of every sort.
fn various() -> Vec<Line> {
    vec![
        line(START, "10.0.0.1", ABROAD, "SF", "ShADadFf"),
        Line { out: (3, 180), duration: Some(3.0), ..line(START + 10.0, "10.0.0.1", ABROAD, "S0", "S") },
        Line { port: 40_001, ..line(START + 20.25, "10.0.0.1", ABROAD, "REJ", "Sr") },
        Line { port: 40_002, ..line(START + 21.0, "10.0.0.2", "10.0.0.9", "SF", "ShADadFf") },
        udp(START + 30.000_123, 5000, "SF"),
        Line { duration: None, ..udp(START + 95.0, 5000, "S0") },
    ]
}

#[test]
fn both_formats_and_their_compressed_forms_say_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let (tsv, json) = (tsv(&various()), json_lines(&various()));
    let expected = found(all(&[&write(folder.path(), "conn.log", &tsv)]));
    assert_eq!(expected["capture"]["source"], "zeek");
    assert_eq!(expected["capture"]["records"], 6);
    assert_eq!(expected["capture"]["packets"], 5 + 4 + 3 + 5 + 5 + 4 + 2 + 1);
    assert_eq!(expected["capture"]["bytes"], 700 + 180 + 400 + 700 + 152 + 76);
    assert_eq!(expected["capture"]["first"], "2026-01-01T00:00:00Z");
    assert_eq!(expected["capture"]["last"], "2026-01-01T00:01:35Z");
    assert_eq!(expected["totals"]["attempts"], 5, "the second UDP record goes on with the first");
    for (name, bytes) in [
        ("json.log", json.clone().into_bytes()),
        ("conn.log.gz", gz(&tsv)),
        ("json.gz", gz(&json)),
        ("conn.zst", zstd::encode_all(tsv.as_bytes(), 1).unwrap()),
        // What a file is, is told by its content.
        ("conn.pcap", tsv.clone().into_bytes()),
    ] {
        assert_eq!(found(all(&[&write(folder.path(), name, bytes)])), expected, "{name}");
    }
    let mut child = Command::new(env!("CARGO_BIN_EXE_camwatch"))
        .args(["read", "--json", "--watch", "all", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&gz(&tsv)).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(found(serde_json::from_slice(&output.stdout).unwrap()), expected, "standard input");
}

#[test]
fn states_are_outcomes() {
    let folder = tempfile::tempdir().unwrap();
    let states = [
        ("S0", "S"),
        ("SH", "SF"),
        ("RSTOS0", "SR"),
        ("REJ", "Sr"),
        ("S1", "Sh"),
        ("SF", "ShADadFf"),
        ("S2", "ShADadF"),
        ("S3", "ShADadf"),
        ("RSTO", "ShADadR"),
        ("RSTR", "ShADadr"),
        ("SHR", "^hf"),
        ("RSTRH", "^hr"),
        ("OTH", "DdAa"),
    ];
    let lines: Vec<Line> = (0_u16..)
        .zip(states)
        .map(|(at, (state, history))| Line {
            port: 40_000 + at,
            ..line(START + f64::from(at), "10.0.0.1", ABROAD, state, history)
        })
        .collect();
    let document = all(&[&write(folder.path(), "conn.log", tsv(&lines))]);
    let pair = pair(&document, "10.0.0.1", ABROAD);
    for (key, expected) in [("attempts", 10), ("answered", 6), ("refused", 1), ("unanswered", 3), ("midstream", 3)] {
        assert_eq!(pair[key], expected, "{key}: {pair:#}");
    }
    assert_eq!(document["totals"]["one_sided"], 2);
}

#[test]
fn retries_are_told_by_history_and_by_records_that_back_off() {
    let folder = tempfile::tempdir().unwrap();
    let syn = |at, seconds, tries| Line {
        duration: Some(seconds),
        out: (tries, tries * 60),
        ..line(START + at, "10.0.0.1", ABROAD, "S0", "S")
    };
    // Linux' tries at 0, 1, 3, 7 and 15 s, as Zeek cuts them.
    let lines = [syn(0.0, 3.0, 3), syn(7.0, 0.0, 1), syn(15.0, 0.0, 1)];
    let document = all(&[&write(folder.path(), "conn.log", tsv(&lines))]);
    let pair = pair(&document, "10.0.0.1", ABROAD);
    assert_eq!((&pair["attempts"], &pair["retries"], &pair["unanswered"]), (&json!(1), &json!(4), &json!(1)));
}

#[test]
fn udp_opens_anew_after_two_minutes_of_silence() {
    let folder = tempfile::tempdir().unwrap();
    let lines: Vec<Line> = [0.0, 90.0, 180.0, 400.0].map(|at| udp(START + at, 5000, "SF")).to_vec();
    let document = all(&[&write(folder.path(), "conn.log", tsv(&lines))]);
    let pair = pair(&document, "10.0.0.1", ABROAD);
    assert_eq!((&pair["attempts"], &pair["pulses"], &pair["answered"]), (&json!(2), &json!(2), &json!(2)));
    assert_eq!(pair["packets_out"], 4);
}

#[test]
fn several_logs_in_any_order_are_one() {
    let folder = tempfile::tempdir().unwrap();
    let lines: Vec<Line> = (0_u16..600)
        .map(|at| Line { port: 30_000 + at, ..line(START + f64::from(at) * 10.0, "10.0.0.1", ABROAD, "SF", "ShAF") })
        .collect();
    let whole = found(all(&[&write(folder.path(), "whole.log", tsv(&lines))]));
    let parts: Vec<String> = lines
        .chunks(200)
        .enumerate()
        .map(|(at, part)| match at {
            0 => write(folder.path(), "z.log", tsv(part)),
            1 => write(folder.path(), "b.log.gz", gz(json_lines(part))),
            _ => write(folder.path(), "a.log", tsv(part)),
        })
        .collect();
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let files = order.map(|at| parts[at].as_str());
        assert_eq!(found(all(&files)), whole, "{order:?}");
    }
}

#[test]
fn names_come_from_the_other_logs() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut lines = vec![
        line(START + 10.0, "10.0.0.1", ABROAD, "SF", "ShAF"),
        Line { service: ("tcp", 80), ..line(START + 20.0, "10.0.0.1", "8.8.8.8", "SF", "ShAF") },
        line(START + 30.0, "10.0.0.1", "9.9.9.9", "SF", "ShAF"),
    ];
    for line in &mut lines {
        line.mac = Some("44:19:b6:00:00:01");
    }
    let conn = write(folder, "conn.log", tsv(&lines));
    let dns = format!(
        "{}{:.6}\t10.0.0.1\t53\t7\tHub.Example.CN\tA\tcdn.example.cn,{ABROAD}\t300.0,60.0\n\
         {:.6}\t10.0.0.1\t53\t8\tgone.example.cn\tA\t-\t-\n{:.6}\t10.0.0.77\t53\t9\tother.example\tA\t-\t-\n",
        header("dns", "ts id.orig_h id.resp_p trans_id query qtype_name answers TTLs"),
        START + 9.0,
        START + 12.0,
        START + 13.0,
    );
    let http = format!(
        "{}{:.6}\t10.0.0.1\t8.8.8.8\t1\tGET\tupdate.example:8080\t/\n",
        header("http", "ts id.orig_h id.resp_h trans_depth method host uri"),
        START + 20.1
    );
    let ssl = json!({"ts": START + 30.1, "id.orig_h": "10.0.0.1", "id.resp_h": "9.9.9.9", "version": "TLSv13",
        "server_name": "Relay.Example", "established": true})
    .to_string();
    let (dns, http) = (write(folder, "dns.log", dns), write(folder, "http.log", http));
    let ssl = write(folder, "ssl.log", ssl + "\n");
    // The camera is known by its MAC, which only conn.log has.
    let document = read_json(&[&ssl, &dns, &http, &conn]);
    let camera = "44:19:b6:00:00:01";
    assert_eq!(pair(&document, camera, ABROAD)["names"], json!(["hub.example.cn"]));
    assert_eq!(pair(&document, camera, "8.8.8.8")["names"], json!(["update.example"]));
    assert_eq!(pair(&document, camera, "9.9.9.9")["names"], json!(["relay.example"]));
    let names: Vec<(&str, &str, usize)> = document["names"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| {
            let addresses = name["addresses"].as_array().unwrap().len();
            (name["kind"].as_str().unwrap(), name["name"].as_str().unwrap(), addresses)
        })
        .collect();
    let expected = [
        ("dns", "gone.example.cn", 0),
        ("dns", "hub.example.cn", 1),
        ("tls", "relay.example", 1),
        ("http", "update.example:8080", 1),
    ];
    assert_eq!(names, expected);
    assert_eq!(document["totals"]["dns_questions"], 2);
    assert_eq!(document["cameras"][0]["vendor"], "hikvision");
}

/// A beat of 60 s for six hours, and a hundred other hosts.
fn beating() -> Vec<Line> {
    let mut lines: Vec<Line> = (0_u16..360)
        .map(|at| Line { port: 20_000 + at, ..line(START + f64::from(at) * 60.0, "10.0.0.1", ABROAD, "S0", "S") })
        .collect();
    lines.extend((0_u16..3000).map(|at| {
        let gap = f64::from(u32::from(at) * 7919 % 3001) * 7.2;
        Line { port: 23_000 + at, ..line(START + gap, "10.0.0.2", "8.8.8.8", "SF", "ShAF") }
    }));
    lines.sort_by(|a, b| a.at.total_cmp(&b.at));
    lines
}

#[test]
fn a_beat_is_found_however_late_the_lines_come() {
    let folder = tempfile::tempdir().unwrap();
    let ordered = beating();
    let expected = found(all(&[&write(folder.path(), "ordered.log", tsv(&ordered))]));
    let beat = &pair(&expected, "10.0.0.1", ABROAD)["beat"];
    assert_eq!(beat["level"], "strong", "{beat:#}");
    assert!((beat["period_s"].as_f64().unwrap() - 60.0).abs() < 1.0, "{beat:#}");
    // Every fifth line comes up to half an hour late, as those of long connections do.
    let mut keyed: Vec<(f64, Line)> = ordered
        .iter()
        .enumerate()
        .map(|(at, line)| (line.at + if at % 5 == 0 { (at * 37 % 1800) as f64 } else { 0.0 }, line.clone()))
        .collect();
    keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
    let late: Vec<Line> = keyed.into_iter().map(|(_, line)| line).collect();
    assert_eq!(found(all(&[&write(folder.path(), "late.log", tsv(&late))])), expected);
}

#[test]
fn lines_that_cannot_be_read_are_left_out_and_said() {
    let folder = tempfile::tempdir().unwrap();
    let mut bad = tsv(&various()).replace("40001", "4000x1");
    bad.truncate(bad.find("#close").unwrap() - 30);
    let path = write(folder.path(), "conn.log", bad);
    let output = camwatch(&["read", "--json", "--watch", "all", &path]);
    assert_eq!(output.status.code(), Some(1));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&document["capture"]["records"], &document["capture"]["damaged_records"]), (&json!(4), &json!(2)));
    let damaged = document["capture"]["damaged"].as_str().unwrap();
    assert!(damaged.contains("conn.log:11: the first of 2 lines") && damaged.contains("id.orig_p"), "{damaged}");
    assert!(text(&output.stderr).contains("conn.log:11"));
    let summary = text(&camwatch(&["read", "--watch", "all", &path]).stdout);
    assert!(summary.contains("`4000x1` is no port. The other lines are reported."), "{summary}");
    // A compressed stream that breaks off is said too.
    let whole = gz(tsv(&beating()));
    let path = write(folder.path(), "cut.log.gz", &whole[..whole.len() / 2]);
    let output = camwatch(&["read", "--json", "--watch", "all", &path]);
    assert_eq!(output.status.code(), Some(1));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(document["capture"]["records"].as_u64().unwrap() > 1000);
    assert!(document["capture"]["damaged"].as_str().unwrap().contains("the compressed stream breaks off"));
}

#[test]
fn other_logs_and_mixed_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let weird = write(folder, "weird.log", header("weird", "ts uid name notice peer") + "1.0\tC1\tx\tF\tzeek\n");
    let notice = write(folder, "notice.log", "{\"_path\":\"notice\",\"ts\":1.0,\"note\":\"x\"}\n");
    let lacks = write(folder, "lacks.log", header("conn", "ts id.orig_h id.resp_h"));
    let words = write(folder, "words.log", "{\"a\": 1}\n");
    let conn = write(folder, "conn.log", tsv(&various()));
    let capture = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/fiumicino.pcap.zst");
    for (files, expected) in [
        (&[weird.as_str()][..], &["weird.log: is Zeek's weird.log", "takes conn.log"][..]),
        (&[&conn, &weird], &["is Zeek's weird.log"]),
        (&[&notice], &["is Zeek's notice.log"]),
        (&[&lacks], &["lacks id.orig_p, id.resp_p, proto"]),
        (&[&words], &["words.log", "fields are of none"]),
        (&[&conn, capture], &["conn.log is a Zeek log", "a capture", "read them apart"]),
    ] {
        let output = camwatch(&[&["read"], files].concat());
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{files:?}: {said}");
        for words in expected {
            assert!(said.contains(words), "{files:?}: `{words}` is not in: {said}");
        }
    }
}

#[test]
fn without_macs_the_summary_says_how_to_name_cameras() {
    let folder = tempfile::tempdir().unwrap();
    let conn = write(folder.path(), "conn.log", tsv(&various()));
    let output = camwatch(&["read", &conn]);
    assert_eq!(output.status.code(), Some(0));
    let summary = text(&output.stdout);
    for words in ["6 records by Zeek", "No camera was seen", "--watch all", "[[camera]] range", "mac-logging"] {
        assert!(summary.contains(words), "{words} is not in\n{summary}");
    }
    let config = write(folder.path(), "camwatch.toml", "[[camera]]\nname = \"yard\"\nrange = \"10.0.0.1/32\"\n");
    let document = read_json(&["--config", &config, &conn]);
    assert_eq!(document["cameras"].as_array().unwrap().len(), 1);
    assert_eq!(document["totals"]["attempts"], 4);
}
