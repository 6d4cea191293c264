//! `camwatch selftest`: whether the running daemon would tell of cameras that begin to call overseas.

mod support;

use std::path::PathBuf;
use std::process::Output;

use serde_json::Value;

use support::daemon::{Daemon, Namespace, eventually, get, may_capture, metric};
use support::{camwatch, skip, text};

/// A camwatch on a veth pair, with a control socket and two sinks: a file, and a webhook at a port where nobody listens.
struct Place {
    folder: tempfile::TempDir,
    namespace: Namespace,
    config: PathBuf,
}

impl Place {
    fn new(more: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let namespace = Namespace::new()?;
        if !may_capture(folder.path()) {
            skip("this user may not capture");
            return None;
        }
        let config = folder.path().join("camwatch.toml");
        let place = Self { folder, namespace, config };
        place.configure(more);
        Some(place)
    }

    fn configure(&self, more: &str) {
        let text = format!(
            "[capture]\ninterfaces = [\"mirror\"]\n[alerts]\noutput = \"alerts.jsonl\"\n[control]\nsocket = \"control.sock\"\n\
             {more}"
        );
        std::fs::write(&self.config, text).unwrap();
    }

    fn start(&self) -> Daemon {
        let daemon = Daemon::start(&self.namespace, &self.config);
        eventually("ready", || get(&self.namespace, "/readyz").contains("ready\n"));
        daemon
    }

    fn selftest(&self, arguments: &[&str]) -> Output {
        camwatch(&[&["selftest"], arguments, &["--config", self.config.to_str().unwrap()]].concat())
    }

    fn report(&self, arguments: &[&str]) -> Value {
        serde_json::from_slice(&self.selftest(&[arguments, &["--json"]].concat()).stdout).unwrap()
    }

    fn written(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("alerts.jsonl")).unwrap_or_default()
    }
}

#[test]
fn without_a_daemon_it_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("c.toml");
    std::fs::write(&config, "[control]\nsocket = \"control.sock\"\n").unwrap();
    let output = camwatch(&["selftest", "--config", config.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("does `camwatch run` run"), "{}", text(&output.stderr));
}

#[test]
fn a_good_one_says_what_each_sink_would_be_told_and_leaves_no_trace() {
    let Some(place) = Place::new("[selftest]\nevery = \"off\"\n") else { return };
    let _daemon = place.start();
    let page = get(&place.namespace, "/metrics");
    assert_eq!(metric(&page, "camwatch_selftest_last_success_timestamp_seconds"), 0);
    assert_eq!(metric(&page, "camwatch_selftest_interval_seconds"), 0);
    let output = place.selftest(&[]);
    let said = text(&output.stdout);
    assert!(output.status.success(), "{said}{}", text(&output.stderr));
    assert!(said.starts_with("self test: good (") && said.contains("6 cameras → 120.26.96.67"), "{said}");
    assert!(said.contains("sink output (json): is told of") && said.contains("nothing was sent"), "{said}");
    let (first, second) = (place.report(&[]), place.report(&[]));
    for same in ["good", "problems", "packets", "cameras", "alerts", "sinks"] {
        assert_eq!(first[same], second[same], "{same}");
    }
    // It was another pipeline's, and nothing was sent.
    assert_eq!(place.written(), "");
    let page = get(&place.namespace, "/metrics");
    assert_eq!(metric(&page, "camwatch_cameras"), 0);
    assert_eq!(metric(&page, "camwatch_selftest_runs_total{outcome=\"good\"}"), 3);
    assert!(metric(&page, "camwatch_selftest_last_success_timestamp_seconds") > 1_700_000_000, "{page}");
    // With --deliver, something is.
    let sent = place.report(&["--deliver", "--who", "ada"]);
    assert_eq!((&sent["good"], &sent["sinks"][0]["delivered"]), (&true.into(), &true.into()), "{sent}");
    assert!(place.written().contains("This is a test of camwatch"), "{}", place.written());
    let trail = camwatch(&["alerts", "audit", "--config", place.config.to_str().unwrap()]);
    assert!(text(&trail.stdout).contains("ada  self test"), "{}", text(&trail.stdout));
}

#[test]
fn what_is_wrong_is_told_and_becomes_an_alert_until_it_is_good() {
    let sink = "[[sink]]\nname = \"noc\"\nkind = \"webhook\"\nurl = \"http://127.0.0.1:9/\"\ntimeout = \"2 s\"\n";
    let Some(place) = Place::new(&format!("[selftest]\nevery = \"off\"\n{sink}")) else { return };
    let daemon = place.start();
    let output = place.selftest(&["--deliver", "--who", "ada"]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("wrong: sink `noc` (webhook): ") && said.contains("refused"), "{said}");
    assert!(said.contains("sink output (json): is told of"), "the other is not held up: {said}");
    let noc = &place.report(&[])["sinks"][1];
    assert!(noc["bytes"].as_u64().unwrap() > 1000, "its messages can be made: {noc}");

    place.configure("[selftest]\nevery = \"off\"\n[rules]\ndefaults = false\n");
    daemon.signal("-HUP");
    let first_problem = || place.report(&[])["problems"][0].as_str().unwrap_or_default().to_owned();
    eventually("the rules are gone", || first_problem().contains("no rule is in force"));
    let told = |event: &str| {
        let line = |line: &str| line.contains("camwatch-selftest") && line.contains(&format!("\"event\":\"{event}\""));
        place.written().lines().any(line)
    };
    eventually("it is an alert", || told("firing"));
    place.configure("[selftest]\nevery = \"off\"\n");
    daemon.signal("-HUP");
    eventually("the rules are back", || place.selftest(&[]).status.success());
    eventually("it is over", || told("resolved"));
}

#[test]
fn one_is_made_now_and_then() {
    let Some(place) = Place::new("[selftest]\nevery = \"10 s\"\n") else { return };
    let _daemon = place.start();
    assert_eq!(metric(&get(&place.namespace, "/metrics"), "camwatch_selftest_interval_seconds"), 10);
    eventually("two were good", || {
        metric(&get(&place.namespace, "/metrics"), "camwatch_selftest_runs_total{outcome=\"good\"}") >= 2
    });
}

#[test]
fn a_wrong_interval_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("c.toml");
    for (wrong, told) in [("\"5 s\"", "from \"10 s\""), ("\"never\"", "\"off\" for never"), ("3", "write a time")] {
        std::fs::write(&config, format!("[selftest]\nevery = {wrong}\n")).unwrap();
        let output = camwatch(&["check", "--config", config.to_str().unwrap()]);
        assert!(!output.status.success() && text(&output.stderr).contains(told), "{}", text(&output.stderr));
    }
    std::fs::write(&config, "[selftest]\nevery = 0\n").unwrap();
    let output = camwatch(&["check", "--config", config.to_str().unwrap()]);
    assert!(text(&output.stdout).contains("[selftest]\nevery = \"off\""), "{}", text(&output.stdout));
}
