//! `camwatch explain`, word by word.

mod support;

use std::path::Path;

use support::{camwatch, simulate, text};

fn explain(arguments: &[&str]) -> String {
    let output = camwatch(&[&["explain"], arguments].concat());
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

fn calls(folder: &Path, rate: &str, hours: &str) -> String {
    let options = ["fiumicino", "--rate", rate, "--cameras", "2", "--hours", hours, "--retries", "3"];
    simulate(folder, &format!("{rate}.pcap"), &options).to_str().unwrap().to_owned()
}

#[test]
fn a_rhythm_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    insta::assert_snapshot!(explain(&["10.20.0.1", "120.26.96.67", &calls(folder.path(), "60", "0.5")]));
}

#[test]
fn what_is_no_rhythm_is_explained_too() {
    let folder = tempfile::tempdir().unwrap();
    // A short run of calls, long before the end.
    let run = calls(folder.path(), "1800", "0.01");
    let quiet = simulate(folder.path(), "q.pcap", &["quiet", "--cameras", "2", "--hours", "0.5"]);
    let told = explain(&["44:19:b6:10:00:01", "120.26.96.67", &run, quiet.to_str().unwrap()]);
    insta::assert_snapshot!(told);
    let four = calls(folder.path(), "240", "0.0167");
    let told = explain(&["10.20.0.2", "120.26.96.67", &four]);
    assert!(told.contains("No score: 4 events came, and a rhythm shows from five beats on."), "{told}");
}

#[test]
fn a_camera_alone_is_explained_over_all_it_calls() {
    let folder = tempfile::tempdir().unwrap();
    let capture = calls(folder.path(), "60", "0.5");
    let told = explain(&["10.20.0.1", &capture]);
    assert!(told.starts_with("44:19:b6:10:00:01 called 1 destinations; by score:"), "{told}");
    assert!(told.contains("120.26.96.67 (CN)") && told.contains("to destinations overseas together:"), "{told}");
}

#[test]
fn who_was_not_seen_is_told_with_who_was() {
    let folder = tempfile::tempdir().unwrap();
    let capture = calls(folder.path(), "60", "0.1");
    for (arguments, expected) in [
        (&["10.9.9.9", &capture][..], "no camera `10.9.9.9` was seen: try one of 44:19:b6:10:00:01"),
        (&["10.20.0.1", "1.2.3.4", &capture], "did not call `1.2.3.4`: try one of 120.26.96.67"),
        (&["10.20.0.1", "/no/such.pcap"], "/no/such.pcap"),
    ] {
        let output = camwatch(&[&["explain"], arguments].concat());
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(text(&output.stderr).contains(expected), "{}", text(&output.stderr));
    }
    assert_eq!(camwatch(&["explain", "10.20.0.1"]).status.code(), Some(2), "no file");
}
