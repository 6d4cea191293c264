//! Bad input has a clear message with the way out, and exit code 1.

mod support;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use support::{camwatch, simulate, skip, text};

fn fails(arguments: &[&str], expected: &[&str]) {
    let output = camwatch(arguments);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
    for words in expected {
        assert!(said.contains(words), "{arguments:?}: `{words}` is not in: {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> String {
    let path = folder.join(name);
    std::fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_capture_begins_when_captures_can() {
    for start in ["1950-01-01T00:00:00Z", "2106-01-01T00:00:00Z", "yesterday"] {
        let output = camwatch(&["simulate", "quiet", "--hours", "0.001", "--start", start, "-o", "/dev/null"]);
        assert_eq!(output.status.code(), Some(1), "{start}");
        assert!(text(&output.stderr).contains("from 1970 to 2104"), "{}", text(&output.stderr));
    }
}

#[test]
fn who_reads_no_further_is_no_error_and_a_full_disk_is_one_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let capture = simulate(folder.path(), "f.pcap", &["fiumicino", "--hours", "0.01"]);
    let read = |rest: &str| {
        let script = format!("set -o pipefail; \"$0\" read --json \"$1\" {rest}");
        let arguments = ["-c", &script, env!("CARGO_BIN_EXE_camwatch"), capture.to_str().unwrap()];
        Command::new("bash").args(arguments).output().unwrap()
    };
    let output = read("| head -1");
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""));
    let output = read("> /dev/full");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("standard output cannot be written"), "{}", text(&output.stderr));
}

#[test]
fn files_that_are_no_captures() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fails(&["read", &write(folder, "empty.pcap", b"")], &["empty.pcap", "is empty"]);
    fails(&["read", &write(folder, "words.pcap", b"these are words, many of them")], &["no pcap or pcapng", "text"]);
    fails(&["read", folder.join("gone.pcap").to_str().unwrap()], &["gone.pcap", "check the path"]);
    fails(&["read", folder.to_str().unwrap()], &["is a directory"]);
}

#[test]
fn wrong_usage_is_exit_code_2() {
    for arguments in
        [&["read"][..], &["raed", "x"], &["read", "--watch", "some", "x.pcap"], &["read", "--home", "UK", "x"]]
    {
        assert_eq!(camwatch(arguments).status.code(), Some(2), "{arguments:?}");
    }
    assert_eq!(camwatch(&["--version"]).status.code(), Some(0));
}

#[test]
fn a_cut_capture_is_reported_with_the_place_of_the_damage() {
    let folder = tempfile::tempdir().unwrap();
    let capture = simulate(folder.path(), "f.pcap", &["fiumicino", "--hours", "0.01", "--cameras", "2"]);
    let bytes = std::fs::read(capture).unwrap();
    let cut = write(folder.path(), "cut.pcap", &bytes[..bytes.len() - 7]);
    let output = camwatch(&["read", "--json", &cut]);
    assert_eq!(output.status.code(), Some(1));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["capture"]["packets"], 2 * 110 - 1);
    let damaged = document["capture"]["damaged"].as_str().unwrap();
    assert!(damaged.contains("packet 220") && damaged.contains("byte "), "{damaged}");
    assert!(text(&output.stderr).contains("damaged at packet 220"));
}

#[test]
fn a_link_type_that_is_not_decoded_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = [0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0].to_vec();
    bytes.extend([187, 0, 0, 0]);
    bytes.extend([1, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0, 1, 2, 3, 4]);
    let path = write(folder.path(), "bluetooth.pcap", &bytes);
    let output = camwatch(&["read", &path]);
    assert!(text(&output.stdout).contains("1 packet: link type 187 (Bluetooth HCI), not decoded"));
}

#[test]
fn configurations_and_databases() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let broken = write(folder, "broken.toml", b"[capture]\nintefaces = [\"eth1\"]\n");
    fails(&["check", "--config", &broken], &["broken.toml:2:1", "did you mean `interfaces`?"]);
    fails(&["run", "--config", &broken], &["did you mean `interfaces`?"]);
    write(folder, "no.mmdb", b"no database");
    let geo = write(folder, "geo.toml", b"[geo]\ndatabases = [\"no.mmdb\"]\n");
    fails(&["check", "--config", &geo], &["no.mmdb", "no MaxMind DB file"]);
    fails(&["run", "--config", &write(folder, "none.toml", b"home = [\"GB\"]\n")], &["interfaces is empty"]);
    let gone = write(folder, "gone.toml", b"[capture]\ninterfaces = [\"nosuch0\"]\n[http]\nlisten = \"\"\n");
    fails(&["run", "--config", &gone], &["`nosuch0`"]);
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let text = format!("[capture]\ninterfaces = [\"lo\"]\n[http]\nlisten = \"{}\"\n", port.local_addr().unwrap());
    fails(&["run", "--config", &write(folder, "port.toml", text.as_bytes())], &["another program has the port"]);
}

#[test]
fn no_permission_to_capture_is_told_with_the_ways_to_get_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let config = write(folder, "c.toml", b"[capture]\ninterfaces = [\"lo\"]\n[http]\nlisten = \"\"\n");
    // A copy where nobody in particular can run it; by another process, since a file that is open for writing cannot be run,
    // and what other tests start meanwhile would hold it open for a moment.
    let program = folder.join("camwatch");
    assert!(Command::new("cp").arg(env!("CARGO_BIN_EXE_camwatch")).arg(&program).status().unwrap().success());
    std::fs::set_permissions(folder, PermissionsExt::from_mode(0o755)).unwrap();
    let output = Command::new("setpriv")
        .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
        .arg(&program)
        .args(["run", "--config", &config])
        .output();
    let Some(output) = output.ok().filter(|output| !text(&output.stderr).starts_with("setpriv")) else {
        skip("setpriv is missing, or this is not root");
        return;
    };
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("no permission to capture on `lo`") && said.contains("cap_net_raw"), "{said}");
}

#[test]
fn a_row_that_cannot_be_used_keeps_no_daemon_from_its_start() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "cameras.csv", b"name,address\nyard,10.20.0.1\ngate,nowhere\n");
    let config = write(folder.path(), "c.toml", b"[inventory]\nfile = \"cameras.csv\"\n");
    let checked = camwatch(&["check", "--config", &config]);
    assert_eq!(checked.status.code(), Some(1), "whoever checks by hand is told with an exit code");
    let before_a_start = camwatch(&["check", "--quiet", "--config", &config]);
    assert!(before_a_start.status.success());
    for output in [checked, before_a_start] {
        assert!(text(&output.stderr).contains("cameras.csv:3"), "{}", text(&output.stderr));
    }
}

#[test]
fn the_sample_configuration_is_right_and_mentions_every_key() {
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/config/camwatch.toml");
    let output = camwatch(&["check", "--config", sample]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let written = std::fs::read_to_string(sample).unwrap();
    for line in text(&output.stdout).lines().take_while(|line| !line.starts_with("[rules]")) {
        let key = line.split(" = ").next().unwrap_or_default();
        assert!(written.contains(key), "{key} is not explained in the sample");
    }
    // Every setting that stands there as a comment is the default, and right when it is taken into force.
    let uncommented: String =
        written.lines().map(|line| line.strip_prefix("#: ").unwrap_or(line).to_owned() + "\n").collect();
    // The one that goes with no default is that reports are of what is kept.
    let uncommented = uncommented.replacen("\npath = \"\"\n", "\npath = \"camwatch.db\"\n", 1);
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "all.toml", uncommented.as_bytes());
    let output = camwatch(&["check", "--config", &path]);
    assert!(output.status.success(), "{}", text(&output.stderr));
}
