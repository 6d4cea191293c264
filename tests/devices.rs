//! Devices are told by what they say, keep their identity when their addresses change, and are compared with a register.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;
use support::{camwatch, read_json, shared_captures, simulate, text};

/// `cameras --json`; the program must succeed.
fn inventory(arguments: &[&str]) -> Value {
    let output = camwatch(&[&["cameras", "--json"], arguments].concat());
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn truth_of(capture: &Path) -> Value {
    let name = capture.file_name().unwrap().to_str().unwrap().replace(".pcap", ".truth.json");
    serde_json::from_slice(&std::fs::read(capture.with_file_name(name)).unwrap()).unwrap()
}

fn list(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(|item| item.as_str().unwrap()).collect()
}

/// Every device of the truth is there once, sorted right, with maker, model, serial number, addresses and a reason.
fn sorted_right(capture: &Path) {
    let truth = truth_of(capture);
    let found = inventory(&[capture.to_str().unwrap()]);
    let devices = found["devices"].as_array().unwrap();
    let mut wrong = Vec::new();
    for expected in truth["devices"].as_array().unwrap() {
        let addresses = list(&expected["addresses"]);
        let same = |device: &&Value| match expected["mac"].as_str() {
            Some(mac) => device["mac"] == mac,
            None => device["mac"].is_null() && list(&device["addresses"]) == addresses,
        };
        let matching: Vec<&Value> = devices.iter().filter(same).collect();
        let [device] = matching[..] else {
            wrong.push(format!("{expected}: {} times", matching.len()));
            continue;
        };
        for (key, theirs) in
            [("kind", "kind"), ("vendor", "maker"), ("brand", "brand"), ("model", "model"), ("serial", "serial")]
        {
            // The router's own prefix tells nothing of interest; who sells an office machine is not asked.
            if !expected[key].is_null() && expected[key] != device[theirs]
                || expected["kind"] == "unknown" && !device["maker"].is_null()
            {
                wrong.push(format!("{expected}: {theirs} is {}", device[theirs]));
            }
        }
        let mut had = list(&device["addresses"]);
        had.sort_unstable();
        let mut should = addresses.clone();
        should.sort_unstable();
        if had != should {
            wrong.push(format!("{expected}: addresses are {had:?}"));
        }
        if device["kind_reason"].as_str().unwrap().is_empty() || device["facts"].is_null() {
            wrong.push(format!("{expected}: no reason"));
        }
        if expected["behind_router"] == true && expected["mac"].is_null() && !device["maker"].is_null() {
            wrong.push(format!("{expected}: a maker of one behind a router"));
        }
    }
    // Beside these there is the server that gives addresses, and nobody.
    if devices.len() != truth["devices"].as_array().unwrap().len() + 1 {
        wrong.push(format!("{} devices", devices.len()));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_mixed_network_is_sorted_right() {
    let folder = tempfile::tempdir().unwrap();
    sorted_right(&simulate(folder.path(), "mixed.pcap", &["mixed", "--hours", "0.5"]));
}

#[test]
fn a_mixed_network_is_sorted_right_after_every_address_has_changed() {
    let folder = tempfile::tempdir().unwrap();
    for seed in ["1", "2"] {
        let options = ["mixed", "--hours", "0.5", "--readdress", "--seed", seed];
        sorted_right(&simulate(folder.path(), "moved.pcap", &options));
    }
}

#[test]
fn cameras_of_the_document_tell_brand_model_serial_and_why() {
    let folder = tempfile::tempdir().unwrap();
    let capture = simulate(folder.path(), "mixed.pcap", &["mixed", "--hours", "0.2", "--readdress"]);
    let document = read_json(&[capture.to_str().unwrap()]);
    let cameras = document["cameras"].as_array().unwrap();
    let kinds = cameras.iter().fold(BTreeMap::new(), |mut kinds, camera| {
        *kinds.entry(camera["kind"].as_str().unwrap()).or_insert(0) += 1;
        kinds
    });
    assert_eq!(kinds, BTreeMap::from([("camera", 40), ("recorder", 2)]), "watched are these, and nobody else");
    let annke = cameras.iter().find(|camera| camera["brand"] == "annke").unwrap();
    assert_eq!(annke["vendor"], "hikvision");
    assert_eq!(annke["maker"], "hikvision");
    assert!(annke["model"].as_str().unwrap().starts_with("DS-2"));
    assert_eq!(annke["address_history"].as_array().unwrap().len(), 2);
    let sources: Vec<&str> =
        annke["facts"].as_array().unwrap().iter().map(|fact| fact["source"].as_str().unwrap()).collect();
    assert!(sources.contains(&"sadp") && sources.contains(&"rtsp"), "{sources:?}");
    let recorder = cameras.iter().find(|camera| camera["kind"] == "recorder").unwrap();
    assert!(recorder["kind_reason"].as_str().unwrap().contains("calls for the cameras behind it"));
    assert_eq!(read_json(&[capture.to_str().unwrap()]), document, "two reads give the same");
}

#[test]
fn the_register_is_compared_with_what_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let capture = simulate(folder.path(), "mixed.pcap", &["mixed", "--hours", "0.6"]);
    let capture = capture.to_str().unwrap();
    let register = folder.path().join("cameras.csv");
    let written = camwatch(&["cameras", capture, "--write-register", register.to_str().unwrap()]);
    assert!(written.status.success(), "{}", text(&written.stderr));
    let lines = std::fs::read_to_string(&register).unwrap();
    assert_eq!(lines.lines().count(), 43, "42 watched devices and a header: {lines}");
    let again = camwatch(&["cameras", capture, "--write-register", register.to_str().unwrap()]);
    assert_eq!(again.status.code(), Some(1), "what is there is not overwritten");

    // One is taken out; others are put in: one of a network that was seen, one elsewhere, and rows that are wrong.
    let mut rows: Vec<&str> = lines.lines().collect();
    let stranger = rows.remove(5).split(',').nth(2).unwrap().to_owned();
    let mut changed = rows.join("\n").replace(",,,,,camera", ",town hall,ptz,CCTV-1,,camera");
    changed
        .push_str("\ngone,10.40.1.250,,,,CCTV-9,,\nelsewhere,10.99.1.1,,,,,,\nbad,10.0.0.300,,,,,,\nnothing,,,,,,,\n");
    std::fs::write(&register, changed).unwrap();
    let config = folder.path().join("camwatch.toml");
    std::fs::write(&config, "[inventory]\nfile = \"cameras.csv\"\n").unwrap();
    let config = config.to_str().unwrap();

    let output = camwatch(&["cameras", "--json", "--config", config, capture]);
    let told = text(&output.stderr);
    assert!(told.contains("cameras.csv:45: `10.0.0.300` is no IP address"), "{told}");
    assert!(told.contains("cameras.csv:46: neither an address nor a MAC address"), "{told}");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let lists = &document["register"];
    assert_eq!(lists["seen_registered"].as_array().unwrap().len(), 41);
    assert_eq!(list(&lists["seen_unregistered"]), [stranger.as_str()]);
    assert_eq!(lists["not_seen"][0]["asset"], "CCTV-9");
    assert_eq!(lists["not_seen"].as_array().unwrap().len(), 1);
    assert_eq!(lists["not_observable"][0]["name"], "elsewhere");
    let check = camwatch(&["check", "--config", config]);
    assert_eq!(check.status.code(), Some(1));
    assert!(text(&check.stderr).contains("cameras.csv:45:"));

    // The stranger is told of, by the rule; the others are not.
    let document = read_json(&["--config", config, capture]);
    let alerts: Vec<&Value> =
        document["alerts"].as_array().unwrap().iter().filter(|alert| alert["rule"] == "camera-unregistered").collect();
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert_eq!(alerts[0]["subject"], stranger.as_str());
    assert!(alerts[0]["summary"].as_str().unwrap().contains("that nobody registered"), "{}", alerts[0]["summary"]);
    // Many strangers are one alert.
    std::fs::write(folder.path().join("one.toml"), "[[camera]]\nname = \"one\"\naddress = \"10.99.0.1\"\n").unwrap();
    let document = read_json(&["--config", folder.path().join("one.toml").to_str().unwrap(), capture]);
    let strangers: Vec<&Value> =
        document["alerts"].as_array().unwrap().iter().filter(|alert| alert["rule"] == "camera-unregistered").collect();
    assert_eq!(strangers.len(), 1, "{strangers:?}");
    assert_eq!(strangers[0]["subject"], "42 cameras");
    let shown = text(&camwatch(&["cameras", "--config", config, capture]).stdout);
    assert!(shown.contains("Registered, not seen although its network was covered: 1"), "{shown}");
    let csv = text(&camwatch(&["cameras", "--csv", capture]).stdout);
    assert!(csv.starts_with("id,kind,kind_certainty,address,mac,maker,brand,model,serial"), "{csv}");
}

#[test]
fn with_everybody_registered_or_nobody_no_stranger_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let capture = simulate(folder.path(), "mixed.pcap", &["mixed", "--hours", "0.3", "--readdress"]);
    let capture = capture.to_str().unwrap();
    let strangers = |document: &Value| {
        document["alerts"].as_array().unwrap().iter().filter(|alert| alert["rule"] == "camera-unregistered").count()
    };
    assert_eq!(strangers(&read_json(&[capture])), 0, "no register");
    let register = folder.path().join("cameras.csv");
    camwatch(&["cameras", capture, "--write-register", register.to_str().unwrap()]);
    let config = folder.path().join("camwatch.toml");
    std::fs::write(&config, "[inventory]\nfile = \"cameras.csv\"\n").unwrap();
    assert_eq!(strangers(&read_json(&["--config", config.to_str().unwrap(), capture])), 0, "all are registered");
}

#[test]
fn two_devices_at_the_addresses_of_one_entry_are_two() {
    let folder = tempfile::tempdir().unwrap();
    let capture = simulate(folder.path(), "f.pcap", &["fiumicino", "--hours", "0.05", "--cameras", "3"]);
    let config = folder.path().join("camwatch.toml");
    let entry = "[[camera]]\nname = \"gate\"\naddress = [\"10.20.0.1\", \"10.20.0.2\"]\n";
    std::fs::write(&config, entry).unwrap();
    let document = read_json(&["--config", config.to_str().unwrap(), capture.to_str().unwrap()]);
    let cameras = document["cameras"].as_array().unwrap();
    let ids: BTreeSet<&str> = cameras.iter().map(|camera| camera["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 3, "{ids:?}");
    let rate = document["alerts"].as_array().unwrap().iter().find(|alert| alert["rule"] == "overseas-rate").unwrap();
    assert_eq!(rate["evidence"]["count"], 3);
}

#[test]
fn a_camera_that_stops_is_told_when_it_could_have_been_seen() {
    let folder = tempfile::tempdir().unwrap();
    let silent = |hours: &str| {
        let options = ["silence", "--hours", hours, "--at", "20", "--cameras", "10"];
        let capture = simulate(folder.path(), "silence.pcap.gz", &options);
        let document = read_json(&[capture.to_str().unwrap()]);
        let alerts = document["alerts"].as_array().unwrap().clone();
        let found: Vec<Value> = alerts.into_iter().filter(|alert| alert["rule"] == "camera-silent").collect();
        (found, document)
    };
    let (alerts, document) = silent("2");
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    assert_eq!(alerts[0]["subject"], "44:19:b6:10:00:01");
    let summary = alerts[0]["summary"].as_str().unwrap();
    assert!(summary.contains("has sent nothing since 2015-04-01T09:19:"), "{summary}");
    let camera = document["cameras"].as_array().unwrap().iter().find(|c| c["id"] == "44:19:b6:10:00:01").unwrap();
    assert_eq!(camera["coverage"], serde_json::json!({ "observed": 1, "silent": 1, "not_observable": 0 }));
    // Nearly: 55 minutes of silence are not an hour.
    assert_eq!(silent("1.25").0, Vec::<Value>::new());
}

#[test]
fn a_silence_while_nothing_was_captured_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let part = |name: &str, start: &str, cameras: &str| {
        let options = ["quiet", "--hours", "0.4", "--cameras", cameras, "--start", start];
        simulate(folder.path(), name, &options)
    };
    let before = part("before.pcap", "2015-04-01T09:00:00Z", "3");
    let after = part("after.pcap", "2015-04-01T15:00:00Z", "2");
    let document = read_json(&[before.to_str().unwrap(), after.to_str().unwrap()]);
    let rules: Vec<&Value> = document["alerts"].as_array().unwrap().iter().map(|alert| &alert["rule"]).collect();
    assert!(!rules.contains(&&Value::from("camera-silent")), "{rules:?}");
    assert_eq!(document["coverage"]["hours"], 7);
    assert_eq!(document["coverage"]["not_observable"][1]["why"], "capture-down");
}

#[test]
fn sites_with_the_same_addresses_stay_apart_by_vlan() {
    let folder = tempfile::tempdir().unwrap();
    // The same frames with two tags: the same private addresses at two sites, behind two routers without MAC addresses to
    // tell them apart.
    let capture = simulate(folder.path(), "q.pcap", &["quiet", "--hours", "0.05", "--cameras", "3"]);
    let bytes = std::fs::read(&capture).unwrap();
    let mut tagged = bytes[..24].to_vec();
    let mut at = 24;
    while at < bytes.len() {
        let length = u32::from_le_bytes(bytes[at + 8..at + 12].try_into().unwrap()) as usize;
        let frame = &bytes[at + 16..at + 16 + length];
        for vlan in [11_u8, 12] {
            let longer = (length as u32 + 4).to_le_bytes();
            tagged.extend(&bytes[at..at + 8]);
            tagged.extend(longer);
            tagged.extend(longer);
            tagged.extend(&frame[..6]);
            tagged.extend([0x02, 0, 0, 0, 0, vlan]);
            tagged.extend([0x81, 0, 0, vlan]);
            let mut rest = frame[12..].to_vec();
            // Another IP identification: else it is the same packet seen twice.
            rest[6] ^= vlan;
            tagged.extend(rest);
        }
        at += 16 + length;
    }
    let path = folder.path().join("tagged.pcap");
    std::fs::write(&path, tagged).unwrap();
    let config = |site_by: &str| {
        let path = folder.path().join(format!("{site_by}.toml"));
        let text = format!("[device]\nsite_by = \"{site_by}\"\n[[camera]]\nrange = \"10.20.0.0/24\"\n");
        std::fs::write(&path, text).unwrap();
        path
    };
    let ids = |site_by: &str| -> Vec<String> {
        let document = read_json(&["--config", config(site_by).to_str().unwrap(), path.to_str().unwrap()]);
        let mut ids: Vec<String> =
            document["cameras"].as_array().unwrap().iter().map(|c| c["id"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        ids
    };
    assert_eq!(ids("none"), ["10.20.0.1", "10.20.0.2", "10.20.0.3"]);
    let apart = ids("vlan");
    assert_eq!(apart.len(), 6, "{apart:?}");
    assert!(
        apart.contains(&"10.20.0.1%vlan11".to_owned()) && apart.contains(&"10.20.0.1%vlan12".to_owned()),
        "{apart:?}"
    );
}

#[test]
fn real_captures_tell_what_is_in_them() {
    let Some(folder) = shared_captures() else { return };
    let devices = |file: &str| -> Vec<Value> {
        let output = camwatch(&["cameras", "--json", folder.join(file).to_str().unwrap()]);
        let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{file}: {error}"));
        document["devices"].as_array().unwrap().clone()
    };
    let one = |file: &str, address: &str| -> Value {
        let all = devices(file);
        let found = all.iter().find(|device| list(&device["addresses"]).contains(&address));
        found.unwrap_or_else(|| panic!("{file}: {all:?}")).clone()
    };
    // A request that is cut off within its vendor class: the host name before it is taken.
    let windows = one("malformed-dhcp.pcapng", "192.168.155.104");
    assert_eq!(windows["device_name"], "MK03862");
    assert_eq!((&windows["kind"], &windows["maker"]), (&Value::from("other"), &Value::from("hp")));
    let lamps = devices("device-tuya.pcap");
    assert!(lamps.iter().filter(|device| device["maker"] == "tuya").count() >= 5, "{lamps:?}");
    assert!(lamps.iter().all(|device| device["kind"] != "camera"), "{lamps:?}");
    let viewer = one("device-rtsp.pcap", "10.1.1.10");
    assert!(viewer["kind_reason"].as_str().unwrap().contains("LibVLC"), "{viewer}");
    assert_eq!(one("link-sll-arp.pcap", "192.168.22.1")["maker"], "mikrotik");
    for file in std::fs::read_dir(&folder).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        if name.starts_with("device-") || name.starts_with("malformed-") || name.starts_with("link-") {
            for device in devices(&name) {
                let shown = device.to_string();
                assert!(!shown.contains("\\u0000") && !shown.contains("\\u001b"), "{name}: {shown}");
            }
        }
    }
}

/// A capture of this many devices that each say much about themselves.
fn talkative(devices: u32) -> Vec<u8> {
    let mut bytes = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0];
    let mut frame = |number: u32, group: [u8; 4], port: u16, payload: &[u8]| {
        let [_, a, b, c] = number.to_be_bytes();
        let mac = [0x44, 0x19, 0xb6, a, b, c];
        let builder = etherparse::PacketBuilder::ethernet2(mac, [1, 0, 0x5e, 0x7f, 0xff, 0xfa])
            .ipv4([10, a, b, c], group, 1)
            .udp(port, port);
        let length = builder.size(payload.len()) as u32;
        for word in [1_427_878_800 + number / 100, number % 1000, length, length] {
            bytes.extend(word.to_le_bytes());
        }
        builder.write(&mut bytes, payload).unwrap();
    };
    for number in 1..=devices {
        let [_, a, b, c] = number.to_be_bytes();
        let sadp = format!(
            "<ProbeMatch><DeviceDescription>DS-2CD2143G0-I</DeviceDescription><DeviceSN>DS-2CD2143G0-I20200114AAWRD{number:08}</DeviceSN>\
             <MAC>44-19-b6-{a:02x}-{b:02x}-{c:02x}</MAC><SoftwareVersion>V5.5.82build 190910</SoftwareVersion>\
             <DeviceName>camera on the corner of street {number}</DeviceName></ProbeMatch>"
        );
        frame(number, [239, 255, 255, 250], 37020, sadp.as_bytes());
        let scopes = format!(
            "<E><ProbeMatches><Types>dn:NetworkVideoTransmitter</Types><Scopes>onvif://www.onvif.org/hardware/DS-2CD2143G0-I \
             onvif://www.onvif.org/name/HIKVISION%20{number} onvif://www.onvif.org/location/city/street%20{number}</Scopes></ProbeMatches></E>"
        );
        frame(number, [239, 255, 255, 250], 3702, scopes.as_bytes());
        let notify = format!(
            "NOTIFY * HTTP/1.1\r\nNT: urn:schemas-upnp-org:device:DigitalSecurityCamera:1\r\nSERVER: Linux UPnP/1.0 Hikvision/{number}\r\n\r\n"
        );
        frame(number, [239, 255, 255, 250], 1900, notify.as_bytes());
    }
    bytes
}

/// The most memory that `cameras` had while it took in a capture, in kB.
fn peak_kb(capture: &[u8]) -> u64 {
    use std::io::Write;
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_camwatch"))
        .args(["cameras", "--csv", "-"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(capture).unwrap();
    input.flush().unwrap();
    let peak = || -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let mut before = 0;
    while peak() != before {
        before = peak();
        std::thread::sleep(std::time::Duration::from_millis(700));
    }
    drop(input);
    let output = child.wait_with_output().unwrap();
    let devices = text(&output.stdout).lines().count() - 1;
    assert_eq!(devices, capture.windows(12).filter(|window| window == b"</DeviceSN>\x3c").count());
    before
}

#[test]
fn ten_thousand_devices_cost_at_most_fifty_megabytes() {
    let (few, many) = (peak_kb(&talkative(100)), peak_kb(&talkative(10_000)));
    let cost = many.saturating_sub(few);
    eprintln!("10,000 devices: {cost} kB");
    assert!(cost <= 50_000, "{cost} kB");
}
