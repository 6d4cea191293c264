//! A daemon that is asked over its socket, that is killed, and that goes on: on a veth pair with real packets.

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::daemon::{Daemon, Namespace, eventually, get, metric};
use support::{camwatch, simulate, skip, text};

/// A namespace, a configuration with a store, a socket and a file of JSON lines, and a capture to replay.
struct Place {
    namespace: Namespace,
    folder: tempfile::TempDir,
    config: PathBuf,
    capture: PathBuf,
}

impl Place {
    fn new(hours: &str, more: &str) -> Option<Self> {
        let namespace = Namespace::new()?;
        if Command::new("tcpreplay").arg("--version").output().is_err() {
            skip("tcpreplay is missing");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let capture = simulate(folder.path(), "f.pcap", &["fiumicino", "--hours", hours, "--cameras", "20"]);
        let config = folder.path().join("camwatch.toml");
        let text = format!(
            "[capture]\ninterfaces = [\"mirror\"]\n[alerts]\noutput = \"alerts.jsonl\"\n[store]\npath = \"kept.db\"\n\
             [control]\nsocket = \"control.sock\"\n{more}"
        );
        std::fs::write(&config, text).unwrap();
        Some(Self { namespace, folder, config, capture })
    }

    fn start(&self) -> Daemon {
        let daemon = Daemon::start(&self.namespace, &self.config);
        eventually("ready", || get(&self.namespace, "/readyz").contains("ready\n"));
        daemon
    }

    fn replay(&self, rate: &str, times: &str) -> Command {
        let mut command = self.namespace.command("tcpreplay");
        let capture = self.capture.to_str().unwrap();
        command.args(["-q", "--pps", rate, "--loop", times, "-i", "port", capture]).stdout(Stdio::null());
        command
    }

    fn ask(&self, arguments: &[&str]) -> Output {
        camwatch(&[&["alerts"], arguments, &["--config", self.config.to_str().unwrap()]].concat())
    }

    fn alerts(&self) -> Vec<Value> {
        let output = self.ask(&["list", "--json"]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn lines(&self) -> Vec<Value> {
        let lines = std::fs::read_to_string(self.folder.path().join("alerts.jsonl")).unwrap_or_default();
        lines.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"))).collect()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// What a query of the database gives, as text.
    fn query(&self, sql: &str) -> String {
        let database = rusqlite::Connection::open(self.folder.path().join("kept.db")).unwrap();
        database.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap()
    }
}

fn events(lines: &[Value], alert: &str) -> Vec<String> {
    let of_it = lines.iter().filter(|line| line["id"] == alert);
    of_it.map(|line| line["event"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_alert_is_listed_taken_on_and_kept_back_and_a_restart_goes_on() {
    let Some(place) = Place::new("0.05", "") else { return };
    let daemon = place.start();
    assert_eq!(text(&place.ask(&["list"]).stdout), "no alerts\n");
    assert!(place.replay("20000", "1").status().unwrap().success());
    // Others that belong to it are waited for.
    let began = Instant::now();
    while place.alerts().is_empty() {
        assert!(began.elapsed() < Duration::from_secs(90), "{}", place.log());
        std::thread::sleep(Duration::from_millis(500));
    }
    let alert = place.alerts().remove(0);
    let (id, short) = (alert["id"].as_str().unwrap().to_owned(), alert["short"].as_str().unwrap().to_owned());
    assert_eq!(alert["subject"], "20 cameras → 120.26.96.67");
    let shown = text(&place.ask(&["show", &short[..6]]).stdout);
    assert!(shown.contains("AS37963") && shown.contains("never answered") && shown.contains("firing"), "{shown}");

    let taken = place.ask(&["ack", &short, "--who", "ada", "--note", "asked the installer"]);
    assert!(taken.status.success(), "{}", text(&taken.stderr));
    let long = "x".repeat(5000);
    let refused = place.ask(&["ack", &short, "--who", "ada", "--note", &long]);
    assert!(!refused.status.success() && text(&refused.stderr).contains("`note`: write 4,000"));
    let unknown = place.ask(&["ack", "ffffffffff", "--who", "ada"]);
    assert!(!unknown.status.success() && text(&unknown.stderr).contains("there is no alert `ffffffffff`"));
    eventually("it is told that it was taken on", || events(&place.lines(), &id) == ["firing", "acknowledged"]);

    // A kill takes nothing away: neither counts, nor that it was told, nor who took it on.
    eventually("it is written down", || {
        let page = get(&place.namespace, "/metrics");
        metric(&page, "camwatch_store_checkpoints_total") > 2 && metric(&page, "camwatch_store_held") == 0
    });
    let attempts = metric(&get(&place.namespace, "/metrics"), "camwatch_attempts_total{class=\"overseas\"}");
    daemon.signal("-KILL");
    drop(daemon);
    let daemon = place.start();
    let page = get(&place.namespace, "/metrics");
    assert_eq!(metric(&page, "camwatch_attempts_total{class=\"overseas\"}"), attempts);
    assert_eq!(metric(&page, "camwatch_alerts_firing{severity=\"critical\"}"), 1);
    let again = place.alerts().remove(0);
    assert_eq!((again["id"].as_str().unwrap(), &again["acknowledged"]["who"]), (id.as_str(), &Value::from("ada")));

    // An exception needs a reason, an owner and an end.
    let day = "2199-12-31";
    let refused = place.ask(&["suppress", &short, "--reason", " ", "--owner", "net", "--until", day, "--who", "ada"]);
    assert!(!refused.status.success() && text(&refused.stderr).contains("reason"), "{}", text(&refused.stderr));
    let arguments = ["suppress", &short, "--reason", "trial", "--owner", "net", "--until", day, "--who", "ada"];
    let made = place.ask(&[&arguments[..], &["--name", "p2p-trial"]].concat());
    assert!(made.status.success(), "{}", text(&made.stderr));
    eventually("it is told that it ended", || events(&place.lines(), &id) == ["firing", "acknowledged", "resolved"]);
    assert!(place.alerts().iter().any(|alert| alert["state"] == "suppressed" && alert["id"] == id.as_str()));
    daemon.signal("-KILL");
    drop(daemon);
    let daemon = place.start();
    let listed = text(&place.ask(&["suppressions"]).stdout);
    assert!(listed.contains("p2p-trial: until 2200-01-01") && listed.contains("made by ada"), "{listed}");
    assert!(place.ask(&["unsuppress", "p2p-trial", "--who", "ada"]).status.success());
    eventually("what it hid is told", || events(&place.lines(), &id).last().is_some_and(|event| event == "firing"));
    let trail = text(&place.ask(&["audit"]).stdout);
    assert!(trail.lines().next().is_some_and(|line| line.contains("ada  end suppression  p2p-trial")), "{trail}");
    let shown = text(&place.ask(&["show", &short]).stdout);
    let told: Vec<&str> = ["firing ", "acknowledged ", "resolved "].into_iter().filter(|e| shown.contains(e)).collect();
    assert_eq!(told.len(), 3, "{shown}");
    let who = "SELECT group_concat(who || ' ' || what, '; ') FROM (SELECT * FROM audit ORDER BY id)";
    assert_eq!(place.query(who), "ada acknowledge; ada suppress; ada end suppression");

    // What was kept by the hour is there to try rules on, while the daemon goes on.
    let rule = place.folder.path().join("new.toml");
    let text_of_rule =
        "[[rule]]\nname = \"hundred\"\nkind = \"rate\"\nper = \"camera\"\nattempts = 100\nwindow = \"1 h\"\n";
    std::fs::write(&rule, text_of_rule).unwrap();
    let (rule, config) = (rule.to_str().unwrap(), place.config.to_str().unwrap());
    let tried = camwatch(&["rules", "test", rule, "--last", "2h", "--config", config, "--json"]);
    assert!(tried.status.success(), "{}", text(&tried.stderr));
    let tried: Value = serde_json::from_slice(&tried.stdout).unwrap();
    let raised = tried["raised"].as_array().unwrap();
    assert!(
        raised.iter().any(|alert| alert["rule"] == "hundred" && alert["subject"] == "20 cameras → overseas"),
        "{tried}"
    );

    daemon.signal("-TERM");
    drop(daemon);
    assert_eq!(place.query("PRAGMA quick_check"), "ok");
    assert!(place.query("SELECT CAST(sum(attempts) AS TEXT) FROM hour").parse::<u64>().unwrap() >= attempts);
}

#[test]
fn who_asks_no_daemon_is_told_where_it_was_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("none.sock");
    let output = camwatch(&["alerts", "list", "--socket", socket.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("none.sock") && said.contains("does `camwatch run` run"), "{said}");
    let output = camwatch(&["alerts", "list"]);
    assert!(text(&output.stderr).contains("--socket"), "{}", text(&output.stderr));
}

/// Replays without end until it is dropped.
struct Traffic(Child);

impl Drop for Traffic {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `CAMWATCH_KILLS` says how often; 100 take some five minutes.
fn kills() -> u32 {
    std::env::var("CAMWATCH_KILLS").ok().and_then(|count| count.parse().ok()).unwrap_or(25)
}

/// Moments of no pattern, the same in each run.
fn moments() -> impl FnMut() -> Duration {
    let mut state = 0x1234_5678_u64;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Duration::from_millis(20 + (state >> 33) % 4000)
    }
}

#[test]
fn kills_at_any_moment_lose_no_alert_and_leave_the_database_whole() {
    // Beside the one alert of all cameras, one of each, which ends when it is away for some seconds: many, at many moments.
    let rule = "[[rule]]\nname = \"each\"\nkind = \"rate\"\nseverity = \"info\"\nper = \"camera\"\nattempts = 40\nwindow = \"10 s\"\n";
    let Some(place) = Place::new("1", rule) else { return };
    let config = std::fs::read_to_string(&place.config).unwrap();
    let config = config.replace("[control]", "checkpoint = \"1 s\"\n[control]");
    std::fs::write(&place.config, config).unwrap();
    // The same SYN again is a retry: it takes longer than that until the capture begins anew.
    let _traffic = Traffic(place.replay("1000", "1000").spawn().unwrap());
    let mut moment = moments();
    let (mut counted, mut raised) = (0, BTreeSet::new());
    for number in 0..kills() {
        let daemon = Daemon::start(&place.namespace, &place.config);
        std::thread::sleep(moment());
        if number % 5 == 4 {
            // Now and then it lives long enough to be looked at.
            eventually("ready", || get(&place.namespace, "/readyz").contains("ready\n"));
            let attempts = metric(&get(&place.namespace, "/metrics"), "camwatch_attempts_total{class=\"overseas\"}");
            assert!(attempts >= counted, "{attempts} after {counted}: more was lost than a checkpoint's time");
            std::thread::sleep(Duration::from_millis(2500));
            counted = metric(&get(&place.namespace, "/metrics"), "camwatch_attempts_total{class=\"overseas\"}")
                .saturating_sub(1000 * 3);
        }
        daemon.signal("-KILL");
        drop(daemon);
        let path = place.folder.path().join("kept.db");
        if path.exists() {
            assert_eq!(place.query("PRAGMA quick_check"), "ok", "after kill {number}");
            // What was committed was raised.
            let keys = "SELECT coalesce(group_concat(key, char(10)), '') FROM transition";
            if place.query("SELECT CAST(count(*) AS TEXT) FROM sqlite_schema WHERE name = 'transition'") == "1" {
                raised.extend(place.query(keys).lines().map(str::to_owned));
            }
        }
    }
    let daemon = place.start();
    eventually("all that was raised is delivered", || {
        metric(&get(&place.namespace, "/metrics"), "camwatch_outbox_waiting{sink=\"output\"}") == 0
    });
    let began = Instant::now();
    while place.lines().is_empty() && began.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(500));
    }
    daemon.signal("-TERM");
    drop(daemon);
    let told: BTreeSet<String> = place.lines().iter().map(|line| line["key"].as_str().unwrap().to_owned()).collect();
    assert!(!told.is_empty() && raised.is_subset(&told), "raised {raised:?}\ntold {told:?}");
    // At most repeated: one alert of one cause, however often it was killed in between.
    let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in place.lines().iter().filter(|line| line["event"] == "firing") {
        let group = line["id"].as_str().unwrap().rsplit_once('/').unwrap();
        ids.entry(group.0.to_owned()).or_default().insert(group.1.to_owned());
    }
    assert!(ids.values().all(|begun| begun.len() == 1), "{ids:?}");
    assert!(ids.contains_key("overseas-rate/destination/120.26.96.67"), "{ids:?}");
}

/// A small file system, unmounted at the end.
struct Small(PathBuf);

impl Small {
    fn mount(path: &Path, bytes: u64) -> Option<Self> {
        std::fs::create_dir_all(path).unwrap();
        let size = format!("size={bytes}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(path).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(path.to_owned()));
        }
        skip("a file system cannot be mounted");
        None
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

#[test]
fn a_full_disk_is_told_and_the_alert_is_sent_all_the_same() {
    let Some(place) = Place::new("0.05", "") else { return };
    let small = place.folder.path().join("small");
    let Some(_mounted) = Small::mount(&small, 2 << 20) else { return };
    let config = std::fs::read_to_string(&place.config).unwrap().replace("kept.db", "small/kept.db");
    std::fs::write(&place.config, config).unwrap();
    let daemon = place.start();
    std::fs::write(small.join("filler"), vec![1; 4 << 20]).unwrap_err();
    assert!(place.replay("20000", "1").status().unwrap().success());
    let began = Instant::now();
    while !place.lines().iter().any(|line| line["rule"] == "overseas-rate" && line["event"] == "firing") {
        assert!(began.elapsed() < Duration::from_secs(90), "{}", place.log());
        std::thread::sleep(Duration::from_millis(500));
    }
    eventually("the store's own trouble is an alert", || {
        place.lines().iter().any(|line| line["rule"] == "camwatch-store" && line["event"] == "firing")
    });
    assert_eq!(metric(&get(&place.namespace, "/metrics"), "camwatch_store_writable"), 0);
    // Room again: what was held is written, and the trouble is over.
    std::fs::remove_file(small.join("filler")).unwrap();
    eventually("it can be written again", || {
        metric(&get(&place.namespace, "/metrics"), "camwatch_store_writable") == 1
    });
    eventually("that is told", || {
        place.lines().iter().any(|line| line["rule"] == "camwatch-store" && line["event"] == "resolved")
    });
    daemon.signal("-TERM");
    drop(daemon);
    let database = rusqlite::Connection::open(small.join("kept.db")).unwrap();
    let kept: i64 =
        database.query_row("SELECT count(*) FROM alert WHERE rule = 'overseas-rate'", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 1);
}

#[test]
fn a_disk_that_is_full_from_the_start_keeps_nobody_from_watching() {
    let Some(place) = Place::new("0.05", "") else { return };
    let small = place.folder.path().join("small");
    let Some(_mounted) = Small::mount(&small, 2 << 20) else { return };
    std::fs::write(small.join("filler"), vec![1; 4 << 20]).unwrap_err();
    let config = std::fs::read_to_string(&place.config).unwrap().replace("kept.db", "small/kept.db");
    std::fs::write(&place.config, config).unwrap();
    let daemon = place.start();
    let told =
        |event: &str| place.lines().iter().any(|line| line["rule"] == "camwatch-store" && line["event"] == event);
    eventually("that is an alert", || told("firing"));
    assert!(place.replay("20000", "1").status().unwrap().success());
    let attempts = || metric(&get(&place.namespace, "/metrics"), "camwatch_attempts_total{class=\"overseas\"}");
    eventually("cameras are watched", || attempts() == 11_000);
    std::fs::remove_file(small.join("filler")).unwrap();
    eventually("that it is over is told", || told("resolved"));
    eventually("it is written", || metric(&get(&place.namespace, "/metrics"), "camwatch_store_checkpoints_total") > 1);
    daemon.signal("-KILL");
    drop(daemon);
    let _daemon = place.start();
    assert_eq!(attempts(), 11_000, "what was seen while nothing could be written was written after that");
}

#[test]
fn a_broken_database_is_set_aside_and_told() {
    let Some(place) = Place::new("0.05", "") else { return };
    std::fs::write(place.folder.path().join("kept.db"), vec![7; 100_000]).unwrap();
    let daemon = place.start();
    eventually("that is an alert", || {
        place.lines().iter().any(|line| line["rule"] == "camwatch-store" && line["event"] == "firing")
    });
    let aside = std::fs::read_dir(place.folder.path()).unwrap().flatten();
    assert!(aside.into_iter().any(|entry| entry.file_name().to_string_lossy().contains(".broken-")));
    daemon.signal("-TERM");
    drop(daemon);
    assert_eq!(place.query("PRAGMA quick_check"), "ok");
}
