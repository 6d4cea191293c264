//! `camwatch run` on a veth pair between network namespaces that the test makes, with real packets, scraped by a real
//! Prometheus tool where there is one.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use support::daemon::{Daemon, Namespace, eventually, get, may_capture, metric};
use support::dnsmasq::Dnsmasq;
use support::{read_json, simulate, skip, text};

#[test]
fn a_replay_is_counted_as_the_file_is_and_configuration_is_read_anew() {
    let Some(namespace) = Namespace::new() else { return };
    if Command::new("tcpreplay").arg("--version").output().is_err() {
        skip("tcpreplay is missing");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let capture = simulate(folder.path(), "f.pcap", &["fiumicino", "--hours", "0.05", "--cameras", "20"]);
    let expected = read_json(&[capture.to_str().unwrap()]);
    let config = folder.path().join("camwatch.toml");
    let written = "[capture]\ninterfaces = [\"mirror\"]\nfilter = \"ip\"\n[alerts]\noutput = \"alerts.jsonl\"\n";
    std::fs::write(&config, written).unwrap();
    let mut daemon = Daemon::start(&namespace, &config);
    let log = || std::fs::read_to_string(folder.path().join("log")).unwrap();
    eventually("ready", || get(&namespace, "/readyz").contains("ready"));
    let replay = namespace
        .command("tcpreplay")
        .args(["-q", "--pps", "20000", "-i", "port", capture.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(replay.status.success(), "{}", text(&replay.stderr));
    let attempts = expected["totals"]["overseas_attempts"].as_u64().unwrap();
    eventually("every attempt is counted", || {
        metric(&get(&namespace, "/metrics"), "camwatch_attempts_total{class=\"overseas\"}") == attempts
    });
    let page = get(&namespace, "/metrics");
    assert_eq!(metric(&page, "camwatch_capture_kernel_drops_total{interface=\"mirror\"}"), 0);
    for camera in expected["cameras"].as_array().unwrap() {
        let (id, count) = (camera["id"].as_str().unwrap(), camera["overseas_attempts"].as_u64().unwrap());
        let series = format!("camwatch_camera_attempts_total{{camera=\"{id}\",class=\"overseas\"}}");
        assert_eq!(metric(&page, &series), count);
    }
    // Every table that may be full says so.
    for table in ["cameras", "names", "networks"] {
        assert_eq!(metric(&page, &format!("camwatch_ledger_left_out_total{{table=\"{table}\"}}")), 0);
    }
    assert_eq!(metric(&page, "camwatch_rules_left_out_total "), 0);
    // And who asks for this is counted.
    assert!(metric(&page, "camwatch_http_requests_total{code=\"200\",handler=\"/metrics\"}") > 0);
    assert!(metric(&page, "camwatch_http_request_duration_seconds_count{handler=\"/readyz\"}") > 0);
    assert_eq!(metric(&page, "camwatch_alerts_left_out_total "), 0);
    promtool(&page[page.find("# ").unwrap()..]);

    // A wrong configuration changes nothing; a right one is taken, and what was counted stays.
    std::fs::write(&config, "[capture]\ninterfases = 1\n").unwrap();
    daemon.signal("-HUP");
    eventually("the mistake is told", || log().contains("the old configuration stays in force"));
    std::fs::write(&config, format!("home = [\"GB\", \"CN\"]\n{written}")).unwrap();
    daemon.signal("-HUP");
    eventually("the configuration is taken", || log().contains("was read anew"));
    let page = get(&namespace, "/metrics");
    assert_eq!(metric(&page, "camwatch_attempts_total{class=\"overseas\"}"), attempts);

    // An interface that goes away is told, and taken again when it comes back.
    let link = |state| namespace.command("ip").args(["link", "set", "mirror", state]).output().unwrap();
    link("down");
    eventually("the interface is missed", || get(&namespace, "/readyz").contains("not open"));
    link("up");
    eventually("the interface is taken again", || get(&namespace, "/readyz").ends_with("\r\nready\n"));

    daemon.signal("-TERM");
    let status = daemon.0.wait().unwrap();
    assert!(status.success(), "{}", log());
    let alerts = std::fs::read_to_string(folder.path().join("alerts.jsonl")).unwrap();
    let fired: Vec<serde_json::Value> = alerts.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let rate = fired.iter().find(|alert| alert["rule"] == "overseas-rate" && alert["event"] == "firing");
    assert_eq!(rate.unwrap()["subject"], "20 cameras → 120.26.96.67", "{alerts}");
}

#[test]
fn a_list_that_changes_is_read_anew() {
    let Some(namespace) = Namespace::new() else { return };
    if Command::new("tcpreplay").arg("--version").output().is_err() {
        skip("tcpreplay is missing");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let capture = simulate(folder.path(), "f.pcap", &["fiumicino", "--hours", "0.01", "--cameras", "3"]);
    let (config, list) = (folder.path().join("camwatch.toml"), folder.path().join("bad.txt"));
    let written = "[capture]\ninterfaces = [\"mirror\"]\n[alerts]\noutput = \"alerts.jsonl\"\n[rules]\ndefaults = false\n\
                   [[rule]]\nname = \"bad\"\nkind = \"listed\"\nlists = [\"bad.txt\"]\n";
    std::fs::write(&config, written).unwrap();
    std::fs::write(&list, "# nobody yet\n").unwrap();
    let mut daemon = Daemon::start(&namespace, &config);
    eventually("ready", || get(&namespace, "/readyz").contains("ready"));
    std::fs::write(&list, "120.26.96.0/24\nno entry\n").unwrap();
    eventually("the list is read anew", || {
        let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
        log.contains("was read anew") && log.contains("bad.txt:2:1: `no entry` is no entry")
    });
    let options = ["-q", "--pps", "2000", "-i", "port", capture.to_str().unwrap()];
    assert!(namespace.command("tcpreplay").args(options).output().unwrap().status.success());
    eventually("the calls are counted", || {
        metric(&get(&namespace, "/metrics"), "camwatch_attempts_total{class=\"overseas\"}") > 0
    });
    daemon.signal("-TERM");
    assert!(daemon.0.wait().unwrap().success());
    let alerts = std::fs::read_to_string(folder.path().join("alerts.jsonl")).unwrap();
    assert!(alerts.contains("\"rule\":\"bad\"") && alerts.contains("\"entry\":\"120.26.96.0/24\""), "{alerts}");
}

#[test]
fn own_look_ups_are_answered_and_never_counted() {
    let Some(namespace) = Namespace::new() else { return };
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Dnsmasq::start(folder.path(), Some(&namespace.0)) else { return };
    let capture = simulate(folder.path(), "f.pcap", &["fiumicino", "--hours", "0.05", "--cameras", "5"]);
    let config = folder.path().join("camwatch.toml");
    // Loopback is watched too, and everyone on it: nobody must be seen to ask anything.
    let written = format!(
        "[capture]\ninterfaces = [\"mirror\", \"lo\"]\n[watch]\nall = true\n[alerts]\noutput = \"alerts.jsonl\"\n\
         [names]\nreverse_lookups = true\nresolver = \"127.0.0.1:{}\"\n",
        server.port
    );
    std::fs::write(&config, written).unwrap();
    let _daemon = Daemon::start(&namespace, &config);
    eventually("ready", || get(&namespace, "/readyz").contains("ready"));
    let replay = namespace
        .command("tcpreplay")
        .args(["-q", "--pps", "200", "-i", "port", capture.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(replay.status.success(), "{}", text(&replay.stderr));
    eventually("an alert with a claim", || {
        let alerts = std::fs::read_to_string(folder.path().join("alerts.jsonl")).unwrap_or_default();
        alerts.contains(r#""ptr_claims":{"120.26.96.67":"nice-and-harmless.example"}"#)
    });
    assert!(server.said().contains("query[PTR]"), "{}", server.said());
    // A question of somebody else's, later and on the same interface, is counted: then ours would have been, too.
    let question = r"\0\1\1\0\0\1\0\0\0\0\0\0\3foo\7example\0\0\1\0\1";
    let ask = format!("printf '{question}' > /dev/udp/127.0.0.1/{}", server.port ^ 1);
    assert!(namespace.command("bash").args(["-c", &ask]).status().unwrap().success());
    let asked = || metric(&get(&namespace, "/metrics"), "camwatch_dns_questions_total");
    eventually("the question of somebody else", || asked() > 0);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(asked(), 1, "only that of somebody else");
}

/// Prometheus' own tool finds nothing to mend in the metrics.
fn promtool(page: &str) {
    let spawned = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut tool) = spawned else {
        skip("promtool is missing");
        return;
    };
    tool.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let output = tool.wait_with_output().unwrap();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

#[test]
fn health_is_served_on_loopback() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("c.toml");
    std::fs::write(&config, "[capture]\ninterfaces = [\"lo\"]\n[http]\nlisten = \"127.0.0.1:19469\"\n").unwrap();
    if !may_capture(folder.path()) {
        skip("no permission to capture");
        return;
    }
    let child = Command::new(env!("CARGO_BIN_EXE_camwatch"))
        .args(["run", "--config", config.to_str().unwrap()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _daemon = Daemon(child);
    eventually("healthy", || {
        let Ok(mut stream) = TcpStream::connect("127.0.0.1:19469") else { return false };
        let mut answer = String::new();
        write!(stream, "GET /healthz HTTP/1.0\r\n\r\n").is_ok()
            && stream.read_to_string(&mut answer).is_ok()
            && answer.ends_with("ok\n")
    });
}
