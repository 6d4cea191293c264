//! What the kernel's filter drops changes nothing of what is read: attempts, names, devices, alerts.

mod support;

use std::path::Path;

use camwatch::config::Config;
use camwatch::pipeline::live::kernel_filter;
use camwatch::source::KernelFilter;
use pcap::{BpfProgram, Capture, Linktype};
use serde_json::Value;
use support::{camwatch, read_json, shared_captures, simulate, text};

fn program() -> BpfProgram {
    let KernelFilter::Ethernet(filter) = kernel_filter(&Config::default()) else { panic!("video is not filtered") };
    Capture::dead(Linktype::ETHERNET).unwrap().compile(&filter, true).unwrap()
}

/// Writes what the filter keeps; gives how many frames it drops, or none where libpcap cannot read the capture.
fn filtered(program: &BpfProgram, from: &Path, to: &Path) -> Option<u64> {
    let mut capture = Capture::from_file(from).ok()?;
    let ethernet = capture.get_datalink() == Linktype::ETHERNET;
    let mut out = capture.savefile(to).ok()?;
    let mut dropped = 0;
    while let Ok(packet) = capture.next_packet() {
        if !ethernet || program.filter(packet.data) {
            out.write(&packet);
        } else {
            dropped += 1;
        }
    }
    out.flush().ok()?;
    Some(dropped)
}

/// All but how many frames there were, when the last of each device was, which video moves on, and how many devices are known
/// by their presence alone: of one that only sends video, a sample shows it, which a short capture may not have.
fn substance(mut document: Value) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                for key in ["last_seen", "first_seen", "packets", "coverage", "other", "unknown"] {
                    fields.remove(key);
                }
                for list in ["address_history", "facts", "cameras"] {
                    for entry in fields.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
                        for moment in ["first", "last"] {
                            entry.as_object_mut().unwrap().remove(moment);
                        }
                    }
                }
                fields.values_mut().for_each(strip);
            }
            Value::Array(items) => items.iter_mut().for_each(strip),
            _ => {}
        }
    }
    document.as_object_mut().unwrap().remove("capture");
    // Rules are looked at when packets move time on: the moment of that, and what was known then, is another.
    for alert in document["alerts"].as_array_mut().unwrap() {
        let keys = ["rule", "subject", "severity", "state"];
        *alert = keys.iter().map(|key| ((*key).to_owned(), alert[*key].clone())).collect();
    }
    strip(&mut document);
    document
}

/// Where two documents differ.
fn differences(a: &Value, b: &Value, at: &str, out: &mut Vec<String>) {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) if a.keys().eq(b.keys()) => {
            a.iter().for_each(|(key, value)| differences(value, &b[key], &format!("{at}/{key}"), out));
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).enumerate().for_each(|(n, (a, b))| differences(a, b, &format!("{at}/{n}"), out));
        }
        _ if a != b => out.push(format!("{at}: {a} and {b}")),
        _ => {}
    }
}

fn say_the_same(whole: &Value, thinned: &Value, what: &str) {
    let mut found = Vec::new();
    differences(whole, thinned, "", &mut found);
    assert!(found.is_empty(), "{what}: {found:#?}");
}

fn read(path: &Path) -> Value {
    let output = camwatch(&["read", "--json", path.to_str().unwrap()]);
    substance(serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr))))
}

#[test]
fn simulated_captures_say_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let program = program();
    let scenarios: [(&str, &[&str]); 4] = [
        ("mixed", &["mixed", "--hours", "1"]),
        ("office", &["office", "--hours", "0.5"]),
        ("onset", &["onset", "--hours", "0.3", "--cameras", "20", "--at", "9"]),
        ("fiumicino", &["fiumicino", "--hours", "0.05", "--cameras", "10", "--video", "0.9", "--answered", "0.5"]),
    ];
    let mut all_dropped = 0;
    for (name, arguments) in scenarios {
        let capture = simulate(folder.path(), &format!("{name}.pcap"), arguments);
        let thinned = folder.path().join(format!("{name}-thinned.pcap"));
        let dropped = filtered(&program, &capture, &thinned).unwrap();
        let whole = read_json(&[capture.to_str().unwrap()]);
        if name == "fiumicino" {
            let packets = whole["capture"]["packets"].as_u64().unwrap();
            assert!(dropped > packets * 8 / 10, "{dropped} of {packets}");
        }
        all_dropped += dropped;
        say_the_same(&substance(whole), &read(&thinned), name);
    }
    assert!(all_dropped > 1000, "{all_dropped}");
}

#[test]
fn real_captures_say_the_same() {
    let Some(captures) = shared_captures() else { return };
    let folder = tempfile::tempdir().unwrap();
    let program = program();
    let mut names: Vec<_> = std::fs::read_dir(captures).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    let (mut compared, mut all_dropped) = (0, 0);
    for capture in names.iter().filter(|path| path.extension().is_some_and(|e| e == "pcap" || e == "pcapng")) {
        // Both are written by libpcap, so that damage ends both at the same place.
        let (whole, thinned) = (folder.path().join("whole.pcap"), folder.path().join("thinned.pcap"));
        let everything = Capture::dead(Linktype::ETHERNET).unwrap().compile("", true).unwrap();
        let (Some(0), Some(dropped)) = (filtered(&everything, capture, &whole), filtered(&program, capture, &thinned))
        else {
            continue;
        };
        compared += 1;
        all_dropped += dropped;
        say_the_same(&read(&whole), &read(&thinned), &capture.display().to_string());
    }
    assert!(compared > 40 && all_dropped > 0, "{compared} compared, {all_dropped} dropped");
}
