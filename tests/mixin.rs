//! What goes with camwatch for Prometheus, Alertmanager and Grafana: rules and alerts checked and tested by Prometheus' own
//! tool, and every query of rules and dashboards asked of a real Prometheus that scraped a real camwatch during a replay.

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;

use support::daemon::{Daemon, Namespace, eventually, get};
use support::prometheus::Prometheus;
use support::{camwatch, simulate, skip, text};

/// Queries that are right to give nothing in a replay, by a part of them, and why.
const EMPTY: [(&str, &str); 1] = [("camwatch_store_removed_rows_total", "nothing is old enough to be removed")];

fn at_home(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Runs Prometheus' own tool, or says that it is missing.
fn promtool(arguments: &[&str]) -> Option<Output> {
    let output = Command::new("promtool").args(arguments).current_dir(at_home("config/prometheus")).output();
    if output.is_err() {
        skip("promtool is missing (scripts/install-deps test)");
    }
    output.ok()
}

fn files_in(folder: &str, ending: &str) -> Vec<PathBuf> {
    let files = std::fs::read_dir(at_home(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = files.filter(|path| path.to_str().unwrap().ends_with(ending)).collect();
    files.sort();
    files
}

#[test]
fn the_page_of_metrics_is_what_the_program_tells() {
    let page = std::fs::read_to_string(at_home("docs/metrics.md")).unwrap();
    let told = text(&camwatch(&["metrics"]).stdout);
    assert!(page == told, "docs/metrics.md is old: write it anew with `cargo run -- metrics > docs/metrics.md`");
}

#[test]
fn prometheus_own_tool_finds_rules_and_configuration_right() {
    for arguments in [
        ["check", "rules", "camwatch-rules.yml", "camwatch-alerts.yml"].as_slice(),
        ["check", "config", "scrape.yml"].as_slice(),
        ["test", "rules", "tests/camwatch.yml"].as_slice(),
    ] {
        let Some(output) = promtool(arguments) else { return };
        assert!(output.status.success(), "{arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
    }
}

#[test]
fn every_alert_is_tested_and_has_a_runbook() {
    let alerts = std::fs::read_to_string(at_home("config/prometheus/camwatch-alerts.yml")).unwrap();
    let tests = std::fs::read_to_string(at_home("config/prometheus/tests/camwatch.yml")).unwrap();
    let mut names = BTreeSet::new();
    for rule in alerts.split("- alert: ").skip(1) {
        let name = rule.lines().next().unwrap();
        assert!(rule.contains(&format!("runbook_url: https://camwatch.example/docs/runbooks/{name}.md\n")), "{name}");
        assert!(rule.contains("  summary: ") && rule.contains("  description: "), "{name}");
        // Once where nothing is wrong, and once where it fires.
        let tested = tests.split("alertname: ").filter(|test| test.lines().next() == Some(name));
        assert!(tested.clone().any(|test| test.contains("exp_alerts:")), "{name} is never seen to fire");
        assert!(tested.clone().any(|test| !test.contains("exp_alerts:")), "{name} is never seen to be quiet");
        names.insert(format!("{name}.md"));
    }
    for runbook in files_in("docs/runbooks", ".md") {
        let name = runbook.file_name().unwrap().to_str().unwrap();
        assert!(names.remove(name), "{name} is the runbook of no alert");
        let page = std::fs::read_to_string(&runbook).unwrap();
        assert!(page.starts_with(&format!("# {}\n", name.trim_end_matches(".md"))), "{name}");
        for part in ["## What it means", "## What it costs", "## Where to look", "## What to do"] {
            assert!(page.contains(part), "{name} lacks {part}");
        }
    }
    assert_eq!(names, BTreeSet::new(), "have no runbook");
}

/// A query of a dashboard.
struct Query {
    place: String,
    expression: String,
    instant: bool,
}

/// Every query of every dashboard, as Grafana sends it, for all appliances and one camera.
fn queries(camera: &str) -> Vec<Query> {
    let mut all = Vec::new();
    for file in files_in("config/grafana", ".json") {
        let dashboard: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        for panel in dashboard["panels"].as_array().unwrap() {
            let place = format!("{}, {}", dashboard["title"], panel["title"]);
            for target in panel["targets"].as_array().into_iter().flatten() {
                assert_eq!(target["datasource"]["uid"], "${datasource}", "{place}");
                let expression = target["expr"].as_str().unwrap();
                let expression = expression.replace("$__rate_interval", "1m").replace("$camera", camera);
                let expression = expression.replace("$instance", ".+");
                assert!(!expression.contains('$'), "{place}: an unknown variable in {expression}");
                all.push(Query { place: place.clone(), expression, instant: target["instant"] == true });
            }
        }
        for variable in dashboard["templating"]["list"].as_array().unwrap() {
            let Some(query) = variable["definition"].as_str() else { continue };
            let within = query.strip_prefix("label_values(").and_then(|rest| rest.strip_suffix(')')).unwrap();
            let (selector, label) = within.rsplit_once(", ").unwrap();
            let selector = selector.replace("$instance", ".+");
            let place = format!("{}, variable {}", dashboard["title"], variable["name"]);
            all.push(Query { place, expression: format!("count by ({label}) ({selector})"), instant: true });
        }
    }
    all
}

/// The series that an expression names: `name`, or `name{…}`.
fn selectors(expression: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = expression;
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    while let Some(start) = rest.find(is_name) {
        rest = &rest[start..];
        let mut end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        let name = &rest[..end];
        if name.starts_with("camwatch_") || name.starts_with("process_") || name.contains(":camwatch_") || name == "up"
        {
            if rest[end..].starts_with('{') {
                end += rest[end..].find('}').unwrap() + 1;
            }
            found.push(&rest[..end]);
        }
        rest = &rest[end..];
    }
    found
}

#[test]
fn series_are_found_in_expressions() {
    let expression = "sum by (instance) (rate(camwatch_a_total{x=~\"y|z\"}[5m])) > 0 or up == 0 and a:camwatch_b:c * 3";
    assert_eq!(selectors(expression), ["camwatch_a_total{x=~\"y|z\"}", "up", "a:camwatch_b:c"]);
}

/// Which queries of dashboards and rules are wrong or give nothing now, and which parts of [`EMPTY`] were not needed.
fn judged(prometheus: &Prometheus, camera: &str) -> (Vec<String>, Vec<&'static str>) {
    let mut wrong = Vec::new();
    let mut unused: Vec<&str> = EMPTY.iter().map(|(part, _)| *part).collect();
    let mut judge = |place: &str, expression: &str, answer: Result<Vec<Value>, String>| match answer {
        Err(error) => wrong.push(format!("{place}: {expression}: {error}")),
        Ok(series) if series.is_empty() => match EMPTY.iter().find(|(part, _)| expression.contains(part)) {
            Some((part, _)) => unused.retain(|other| other != part),
            None => wrong.push(format!("{place}: {expression}: nothing")),
        },
        Ok(_) => {}
    };
    for Query { place, expression, instant } in queries(camera) {
        let answer = if instant { prometheus.query(&expression) } else { prometheus.query_range(&expression) };
        judge(&place, &expression, answer);
    }
    for rule in prometheus.rules() {
        let (name, expression) = (rule["name"].as_str().unwrap(), rule["query"].as_str().unwrap());
        assert_eq!(rule["health"], "ok", "{rule}");
        if rule["type"] == "recording" {
            judge(name, expression, prometheus.query(expression));
        } else {
            // Most alerts have nothing to say, but what they ask for must be there.
            for selector in selectors(expression) {
                judge(name, selector, prometheus.query(selector));
            }
        }
    }
    (wrong, unused)
}

#[test]
fn every_query_of_rules_and_dashboards_is_answered_during_a_replay() {
    let Some(namespace) = Namespace::new() else { return };
    if Command::new("tcpreplay").arg("--version").output().is_err() {
        skip("tcpreplay is missing");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let capture = simulate(folder.path(), "f.pcap", &["fiumicino", "--hours", "0.05", "--cameras", "12"]);
    let config = folder.path().join("camwatch.toml");
    let written =
        "[capture]\ninterfaces = [\"mirror\"]\n[alerts]\noutput = \"alerts.jsonl\"\n[store]\npath = \"camwatch.db\"\n";
    std::fs::write(&config, written).unwrap();
    let _daemon = Daemon::start(&namespace, &config);
    eventually("ready", || get(&namespace, "/readyz").contains("ready"));
    let rules = ["camwatch-rules.yml", "camwatch-alerts.yml"].map(|file| at_home("config/prometheus").join(file));
    let Some(prometheus) = Prometheus::start(&namespace, folder.path(), &rules.each_ref().map(PathBuf::as_path)) else {
        return;
    };
    let mut replay = namespace
        .command("tcpreplay")
        .args(["-q", "-i", "port", capture.to_str().unwrap()])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();

    // What a rule of camwatch's finds gets as far as an alert of Prometheus'.
    let holds = |expression: &str| !prometheus.query(expression).unwrap().is_empty();
    let fires = |name: &str| holds(&format!("ALERTS{{alertname=\"{name}\", alertstate=\"firing\"}}"));
    let began = Instant::now();
    while !(fires("CamwatchAlertsFiring")
        && fires("CamwatchCameraCallsOverseas")
        && holds("camwatch_camera_beat_level >= 2")
        && holds("camwatch_sink_last_success_timestamp_seconds > 0"))
    {
        assert!(began.elapsed() < Duration::from_secs(120), "no alert:\n{}", get(&namespace, "/metrics"));
        std::thread::sleep(Duration::from_millis(500));
    }
    let camera = prometheus.query("topk(1, camwatch_camera_alerts_firing)").unwrap();
    let camera = camera[0]["metric"]["camera"].as_str().unwrap();

    // What a panel asks over time has its first points a step later.
    let began = Instant::now();
    let (mut wrong, mut unused) = judged(&prometheus, camera);
    while !wrong.is_empty() && began.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_secs(1));
        (wrong, unused) = judged(&prometheus, camera);
    }
    assert_eq!(wrong, Vec::<String>::new(), "{}", wrong.join("\n"));
    assert_eq!(unused, Vec::<&str>::new(), "are not empty: take them off the list");
    let rules = prometheus.rules();
    assert_eq!(rules.len(), 35);
    let of =
        |alert: &str| rules.iter().find(|rule| rule["name"] == alert).unwrap()["state"].as_str().unwrap().to_owned();
    for quiet in
        ["CamwatchDown", "CamwatchInterfaceDown", "CamwatchQueueLosses", "CamwatchSinkFailing", "CamwatchTablesFull"]
    {
        assert_eq!(of(quiet), "inactive", "{quiet}");
    }
    let _ = replay.kill();
    let _ = replay.wait();
}

#[test]
fn the_example_ends_with_the_alert_in_alertmanager_by_both_ways() {
    // Whether it can be run here is told as for the rest.
    if Namespace::new().is_none() {
        return;
    }
    for program in ["tcpreplay", "prometheus", "prometheus-alertmanager", "amtool"] {
        if Command::new(program).arg("--version").output().is_err() {
            skip(&format!("{program} is missing (scripts/install-deps test)"));
            return;
        }
    }
    let output = Command::new(at_home("examples/prometheus/run"))
        .env("CAMWATCH", env!("CARGO_BIN_EXE_camwatch"))
        .output()
        .unwrap();
    let printed = text(&output.stdout);
    assert!(output.status.success(), "{printed}{}", text(&output.stderr));
    for expected in ["alertname=\"overseas-rate\"", "destination=\"120.26.96.67\"", "CamwatchAlertsFiring", ": 140"] {
        assert!(printed.contains(expected), "{expected} is not in\n{printed}");
    }
}
