//! The report: its figures are those of the JSON document, markup in names stays text, and two are the same to the byte.

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use camwatch::alert::{Acknowledgement, Alert, State, Told, Transition};
use camwatch::analyse::Counts;
use camwatch::geo::Class;
use camwatch::rules::Severity;
use camwatch::store::checkpoint::{Checkpoint, CoverageRow, Destination, DeviceRow, HiddenRow, HourRow};
use camwatch::store::{AuditRow, Store, StoreOptions, SuppressionRow};
use camwatch::time::Timestamp;
use support::frames::{CAMERA_ADDRESS, Frames, Way, client_hello};
use support::{camwatch, read_json, simulate, text};

/// The report of a command, and its table.
fn report(folder: &Path, command: &[&str], option: &str) -> (String, Vec<BTreeMap<String, String>>) {
    let path = folder.join("out.html");
    let output = camwatch(&[command, &[option, path.to_str().unwrap()]].concat());
    assert!(output.status.success(), "{command:?}: {}", text(&output.stderr));
    let page = std::fs::read_to_string(&path).unwrap();
    let mut table = csv::Reader::from_path(path.with_extension("csv")).unwrap();
    (page, table.deserialize().map(Result::unwrap).collect())
}

fn read_report(folder: &Path, arguments: &[&str]) -> (String, Vec<BTreeMap<String, String>>) {
    report(folder, &[&["read"], arguments].concat(), "--report")
}

fn captures(name: &str) -> String {
    format!("{}/captures/{name}.pcap.zst", env!("CARGO_MANIFEST_DIR"))
}

fn sum(table: &[BTreeMap<String, String>], column: &str, class: &str) -> u64 {
    let of_class = table.iter().filter(|row| row["class"] == class && !row[column].is_empty());
    of_class.map(|row| row[column].parse::<u64>().unwrap()).sum()
}

/// The page as somebody reads it, a line each.
fn shown(page: &str) -> String {
    let body = page.split_once("<body>").unwrap().1;
    let mut out = String::new();
    let mut inside = false;
    for c in body.chars() {
        match c {
            '<' => {
                inside = true;
                out.push(' ');
            }
            '>' => inside = false,
            c if !inside => out.push(c),
            _ => {}
        }
    }
    let lines = out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_tables_figures_are_those_of_the_json_document() {
    let folder = tempfile::tempdir().unwrap();
    let mixed = simulate(folder.path(), "m.pcap", &["mixed", "--hours", "0.1"]);
    for capture in [captures("fiumicino"), captures("onset"), mixed.to_str().unwrap().to_owned()] {
        let (page, table) = read_report(folder.path(), &[&capture]);
        let document = read_json(&[&capture]);
        let pairs = document["pairs"].as_array().unwrap();
        assert_eq!(table.iter().filter(|row| row["class"] != "none").count(), pairs.len(), "{capture}");
        for (row, key) in [
            ("attempts", "attempts"),
            ("unanswered", "unanswered"),
            ("answered", "answered"),
            ("refused", "refused"),
            ("bytes_out", "bytes_out"),
            ("bytes_in", "bytes_in"),
            ("already_open", "midstream"),
            ("retries", "retries"),
        ] {
            for class in ["overseas", "unknown", "home"] {
                let of_class = pairs.iter().filter(|pair| pair["class"] == class);
                let expected: u64 = of_class.map(|pair| pair[key].as_u64().unwrap()).sum();
                assert_eq!(sum(&table, row, class), expected, "{row} of {class} in {capture}");
            }
        }
        assert_eq!(sum(&table, "attempts", "overseas"), document["totals"]["overseas_attempts"].as_u64().unwrap());
        let cameras: std::collections::BTreeSet<&str> = table.iter().map(|row| row["camera"].as_str()).collect();
        for camera in document["cameras"].as_array().unwrap() {
            assert!(cameras.contains(camera["id"].as_str().unwrap()), "{camera} is in the table");
        }
        assert!(page.ends_with("</html>\n"));
    }
}

#[test]
fn two_reports_of_the_same_files_are_the_same_to_the_byte() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let told = |folder: &Path| {
        read_report(folder, &[&captures("onset"), "--time-zone", "Europe/London"]);
        let path = folder.join("out.html");
        (std::fs::read(&path).unwrap(), std::fs::read(path.with_extension("csv")).unwrap())
    };
    let (first, second) = (told(one.path()), told(other.path()));
    assert!(first == second);
    let page = String::from_utf8(first.0).unwrap();
    assert!(page.contains("1 April 2015, 10:00 BST") && page.contains("by the clock of Europe/London"), "local time");
    assert!(!page.contains(" src=") && !page.contains(" href=") && !page.contains("<script"), "it stands by itself");
    let left: Vec<_> = std::fs::read_dir(one.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn what_was_found_is_told_in_plain_words() {
    let folder = tempfile::tempdir().unwrap();
    let (page, _) = read_report(folder.path(), &[&captures("onset")]);
    insta::assert_snapshot!(shown(&page).replace(env!("CARGO_PKG_VERSION"), "VERSION"));
}

/// What a device says of itself, with markup and a formula in it.
#[test]
fn markup_and_formulas_in_names_stay_text() {
    let folder = tempfile::tempdir().unwrap();
    let mut frames = Frames::default();
    let way = Way::to([120, 26, 96, 67], 443, 40_000);
    frames.open(0.0, way);
    frames.tcp(0.1, way, 0, &client_hello("<script>alert(1)</script>.example", 0));
    let capture = frames.write(folder.path(), "c.pcap");
    let config = folder.path().join("c.toml");
    let address = std::net::IpAddr::from(CAMERA_ADDRESS);
    let named = format!(
        "[[camera]]\nname = \"=HYPERLINK(1)</td><script>\"\nsite = \"@site\"\naddress = \"{address}\"\n\
         [[suppression]]\nname = \"<b>x\"\nreason = \"<img src=x>\"\nowner = \"a & b\"\nuntil = \"2030-01-01\"\nrules = [\"*\"]\n"
    );
    std::fs::write(&config, named).unwrap();
    let arguments = [capture.to_str().unwrap(), "--config", config.to_str().unwrap(), "--asked-by", "<i>me</i>"];
    let (page, table) = read_report(folder.path(), &arguments);
    for markup in ["<script", "<b>", "<img", "<i>"] {
        assert!(!page.contains(markup), "{markup}");
    }
    for told in ["=HYPERLINK(1)&#60;/td&#62;&#60;script&#62;", "&#60;b&#62;x", "a &#38; b"] {
        assert!(page.contains(told), "{told}");
    }
    assert_eq!((table[0]["camera"].as_str(), table[0]["site"].as_str()), ("'=HYPERLINK(1)</td><script>", "'@site"));
}

#[test]
fn a_report_that_cannot_be_written_says_why() {
    let fails = |arguments: &[&str]| {
        let output = camwatch(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        text(&output.stderr)
    };
    let capture = captures("quiet");
    assert!(fails(&["read", &capture, "--report", "/no/such/folder/r.html"]).contains("/no/such/folder/r.csv.part"));
    assert!(fails(&["read", &capture, "--report", "r.csv"]).contains("name an HTML file"));
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("c.toml");
    std::fs::write(&config, "").unwrap();
    let config = config.to_str().unwrap();
    let of = |from, to| fails(&["report", "--config", config, "--from", from, "--to", to, "-o", "r.html"]);
    assert!(of("2026-11-01", "2026-11-02").contains("[store] path is not set"));
    assert!(of("2026-11-03", "2026-11-02").contains("there is nothing between them"));
    assert!(of("November", "2026-11-02").contains("`November` is no moment"));
    std::fs::write(config, "[store]\npath = \"none.db\"\n").unwrap();
    assert!(of("2026-11-01", "2026-11-02").contains("none.db cannot be read"));
}

const START: i64 = 500_000;

fn at(hour: i64, second: i64) -> Timestamp {
    Timestamp::from_parts((START + hour) * 3600 + second, 0)
}

fn hour(hour: i64, camera: &str, destination: &str, attempts: u64) -> HourRow {
    let destination: Destination = destination.parse().unwrap();
    let internal = destination == Destination::Internal;
    HourRow {
        hour: START + hour,
        camera: camera.to_owned(),
        destination,
        names: vec!["cloud.example".to_owned()],
        country: (!internal).then(|| "CN".to_owned()),
        owner: (!internal).then(|| "AS1 One".to_owned()),
        owner_country: (!internal).then(|| "US".to_owned()),
        class: if internal { Class::Internal } else { Class::Overseas },
        services: vec!["tcp/443".parse().unwrap()],
        counts: Counts { attempts, unanswered: attempts, bytes_out: attempts * 60, ..Counts::default() },
        first: at(hour, 10),
        last: at(hour, 3000),
    }
}

/// A store as a daemon leaves it: `gate` calls overseas, `quiet` does not, `hall` is registered and was never there.
fn kept(folder: &Path) -> (Store, PathBuf) {
    let path = folder.join("kept.db");
    let store = Store::open(StoreOptions { path: Some(path), ..StoreOptions::default() }).unwrap();
    let covered = |hour: i64, camera: &str, state: &str| CoverageRow {
        hour: START + hour,
        camera: camera.to_owned(),
        state: state.to_owned(),
    };
    let hidden = |hour: i64, alerts: u64| HiddenRow {
        hour: START + hour,
        exception: "trial".to_owned(),
        findings: alerts,
        alerts,
    };
    let mut coverage = Vec::new();
    for number in 0..6 {
        let down = (3..5).contains(&number);
        coverage.push(covered(number, "gate", "observed"));
        coverage.push(covered(number, "quiet", if down { "capture-down" } else { "silent" }));
    }
    let device = |id: &str, address: &str| DeviceRow {
        id: id.to_owned(),
        first: at(0, 0),
        last: at(6, 0),
        document: serde_json::json!({
            "id": id, "kind": "camera", "name": id, "site": "town hall", "maker": "hikvision", "addresses": [address],
        }),
    };
    let mut unknown = hour(2, "gate", "198.51.100.9", 5);
    (unknown.class, unknown.country) = (Class::Unknown, None);
    let mut moved = hour(1, "gate", "192.0.2.1", 100);
    moved.country = Some("SG".to_owned());
    store.checkpoint(Checkpoint {
        format: 1,
        time: at(6, 0),
        whole: true,
        rows: Vec::new(),
        hours: vec![
            hour(0, "gate", "192.0.2.1", 1000),
            moved,
            unknown,
            hour(2, "gate", "internal", 77),
            hour(9, "gate", "192.0.2.1", 9999),
        ],
        devices: vec![device("gate", "10.0.0.1"), device("quiet", "10.0.0.2"), device("porch", "10.0.0.3")],
        coverage,
        // Before it was made there was another of that name; the last is after the period.
        hidden: [(0, 40), (1, 2), (2, 1), (9, 80)].map(|(hour, alerts)| hidden(hour, alerts)).into(),
    });
    let alert = Alert {
        id: "overseas-rate/gate".to_owned(),
        short: "abc1234567".to_owned(),
        rule: "overseas-rate".into(),
        severity: Severity::Critical,
        runbook: None,
        subject: "gate → 192.0.2.1".to_owned(),
        state: State::Resolved,
        since: at(1, 0),
        fired: Some(at(1, 30)),
        resolved: Some(at(2, 0)),
        flaps: 0,
        summary: "gate called it often".to_owned(),
        evidence: serde_json::json!({}),
        ptr_claims: BTreeMap::new(),
        acknowledged: Some(Acknowledgement {
            who: "anna".to_owned(),
            note: "blocked & told".to_owned(),
            at: at(1, 900),
        }),
        suppressed_by: Vec::new(),
    };
    store.put(vec![Transition { key: "k#1".to_owned(), event: Told::Resolved, time: at(2, 0), alert }]);
    let exception = "name = \"trial\"\nreason = \"change 4711\"\nowner = \"networks@council.example\"\n\
                     until = \"2030-01-01\"\nrules = [\"overseas-*\"]\n";
    let document = serde_json::json!({ "text": exception, "by": "bert", "at": at(1, 0) });
    let until = Timestamp::from_parts(1_893_456_000, 0);
    store
        .put_suppression(SuppressionRow { id: "trial".to_owned(), start: at(1, 0), until, ended: None, document })
        .unwrap();
    let did =
        |what: &str| AuditRow { time: at(1, 0), who: "bert".to_owned(), what: what.to_owned(), details: String::new() };
    store.put_audit(did("suppress")).unwrap();
    let config = folder.join("c.toml");
    let text = "[store]\npath = \"kept.db\"\n[[camera]]\nname = \"gate\"\naddress = \"10.0.0.1\"\n[[camera]]\nname = \"hall\"\n\
                address = \"10.0.0.9\"\nsite = \"annex\"\n";
    std::fs::write(&config, text).unwrap();
    (store, config)
}

#[test]
fn what_a_daemon_keeps_is_told_while_it_keeps_it() {
    let folder = tempfile::tempdir().unwrap();
    let (store, config) = kept(folder.path());
    while store.stats().checkpoints == 0 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let (from, to) = (at(0, 0).to_string(), at(8, 0).to_string());
    let arguments =
        ["report", "--config", config.to_str().unwrap(), "--from", &from, "--to", &to, "--asked-by", "scrutiny"];
    let (page, table) = report(folder.path(), &arguments, "-o");
    let page = shown(&page);
    assert_eq!((sum(&table, "attempts", "overseas"), sum(&table, "attempts", "unknown")), (1100, 5));
    let rows: Vec<(&str, &str, &str)> = table
        .iter()
        .map(|row| (row["camera"].as_str(), row["country"].as_str(), row["hours_observable"].as_str()))
        .collect();
    assert_eq!(
        rows,
        [("gate", "CN", "4"), ("gate", "SG", "4"), ("gate", "", "4"), ("porch", "", "0"), ("quiet", "", "4")],
        "the place of each hour, and who called nobody"
    );
    for told in [
        "1 of 3 cameras called addresses outside the United Kingdom: 1,100 attempts in all.",
        "The largest share, 1,000 attempts, went to China, to a network of AS1 One.",
        "1 camera called addresses whose country is not known (5 attempts).",
        "1 alert was raised: 1 ended. Somebody has taken it on.",
        "Of the 8 hours asked for, every camera could be observed in 4; 4 are not covered",
        "Asked for by scrutiny",
        "8 of 12 camera hours (66.7 %) they could be. They were seen in 4 of these and silent in 4.",
        "2 cameras are registered or configured one by one; 1 of them was met",
        "Less than half of the hour was recorded: what happened in the rest is not known",
        "hall, annex",
        "Taken on by anna on",
        ": blocked &#38; told.",
        "trial change 4711 networks@council.example 1 January 2030, 00:00 bert, 15 January 2027, 09:00 3\n",
        "Inside the network – – 77 –",
        "quiet (10.0.0.2), town hall: 4 of 8 hours",
        "porch (10.0.0.3), town hall: hours not on record",
    ] {
        assert!(page.contains(told), "{told}\nis not in\n{page}");
    }
    assert!(!page.contains("9,999"), "after the period");
}
