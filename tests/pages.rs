//! The pages, in a real Chromium, of a camwatch that runs on a veth pair while cameras call (tests/pages/pages.mjs).

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};

use support::daemon::{Daemon, Namespace, eventually, get};
use support::{simulate, skip, text};

/// Cameras that call, and one of them by the name that a hostile device might give itself.
const CALLING: usize = 20;
const EVIL: &str = "<script>alert(1)</script>";
/// All cameras, most of which call nobody overseas: the list must be as quick with them.
const ALL: usize = 2000;

fn at_home(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}

#[test]
fn what_is_embedded_is_what_the_sources_give() {
    if !is_there("npm") {
        skip("npm is missing (scripts/install-deps test)");
        return;
    }
    let output = Command::new(at_home("scripts/build-web")).arg("--check").output().unwrap();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

/// A password as the web configuration has it.
fn hash(password: &str) -> String {
    let mut program = Command::new(env!("CARGO_BIN_EXE_camwatch"))
        .arg("hash-password")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(program.stdin.take().unwrap(), "{password}").unwrap();
    text(&program.wait_with_output().unwrap().stdout).trim().to_owned()
}

fn configuration() -> String {
    let mut written = String::from(
        "[capture]\ninterfaces = [\"mirror\"]\n[store]\npath = \"store.db\"\n[alerts]\noutput = \"alerts.jsonl\"\n\
         [http]\nweb_config = \"web.yml\"\n[rules]\ndefaults = false\n\
         [[rule]]\nname = \"calls\"\nkind = \"rate\"\nseverity = \"critical\"\ndescription = \"Calls <b>again</b> and again.\"\n\
         attempts = 20\nwindow = \"15 min\"\nclear = 10\n",
    );
    let hostile = format!("[[camera]]\nname = \"{EVIL}\"\naddress = \"10.20.0.3\"\nsite = \"<i>depot</i>\"\n");
    written.push_str(&hostile);
    written
}

#[test]
fn pages_work_in_a_real_browser() {
    let Some(namespace) = Namespace::new() else { return };
    for (program, package) in [("tcpreplay", "tcpreplay"), ("node", "nodejs"), ("chromium", "chromium")] {
        if !is_there(program) {
            skip(&format!("{package} is missing (scripts/install-deps test)"));
            return;
        }
    }
    if !at_home("web/node_modules/playwright-core").is_dir() {
        skip("web/node_modules is missing (scripts/install-deps test)");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (calling, all) = (CALLING.to_string(), ALL.to_string());
    let capture = simulate(folder.path(), "f.pcap", &["fiumicino", "--hours", "0.1", "--cameras", &calling]);
    let quiet = simulate(folder.path(), "q.pcap", &["quiet", "--hours", "0.02", "--cameras", &all, "--snaplen", "64"]);
    let config = folder.path().join("camwatch.toml");
    std::fs::write(&config, configuration()).unwrap();
    let users = [("olga", "operator-pass"), ("vera", "viewer-pass")];
    let users: Vec<String> = users.iter().map(|(name, password)| format!("  {name}: {}\n", hash(password))).collect();
    let users = users.concat();
    let web = format!("basic_auth_users:\n{users}operators: [olga]\n");
    std::fs::write(folder.path().join("web.yml"), web).unwrap();
    let _daemon = Daemon::start(&namespace, &config);
    eventually("ready", || get(&namespace, "/readyz").contains("ready"));
    // As it was captured: a rhythm is one of time, and the pages see calls come in.
    let mut replay = namespace
        .command("tcpreplay")
        .args(["-q", "-i", "port", capture.to_str().unwrap()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let many = ["-q", "--pps", "20000", "-i", "port", quiet.to_str().unwrap()];
    assert!(namespace.command("tcpreplay").args(many).output().unwrap().status.success());
    eventually("an alert fires", || {
        let alerts = std::fs::read_to_string(folder.path().join("alerts.jsonl")).unwrap_or_default();
        alerts.contains("\"event\":\"firing\"")
    });
    let output = namespace
        .command("node")
        .args([at_home("tests/pages/pages.mjs").to_str().unwrap(), "http://127.0.0.1:9469", "olga"])
        .output()
        .unwrap();
    let _ = replay.kill();
    let _ = replay.wait();
    let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
    assert!(output.status.success(), "{}{}\n{log}", text(&output.stdout), text(&output.stderr));
    assert!(text(&output.stdout).contains(" checks passed"));
}

/// The whole answer to a request.
fn ask(address: &str, request: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    let mut answer = String::new();
    write!(stream, "{request}\r\nHost: {address}\r\nConnection: close\r\n\r\n").ok()?;
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

#[test]
fn what_was_read_from_a_file_is_shown_and_not_changed() {
    let folder = tempfile::tempdir().unwrap();
    let capture = simulate(folder.path(), "f.pcap", &["fiumicino", "--hours", "0.05", "--cameras", "5"]);
    let address = "127.0.0.1:19470";
    let serving = Command::new(env!("CARGO_BIN_EXE_camwatch"))
        .args(["read", capture.to_str().unwrap(), "--serve", address])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut serving = Daemon(serving);
    eventually("it is shown", || ask(address, "GET / HTTP/1.1").is_some_and(|page| page.starts_with("HTTP/1.1 200")));
    assert!(
        ask(address, "GET / HTTP/1.1")
            .unwrap()
            .contains("content-security-policy: default-src 'none'; script-src 'self'")
    );
    let get = |path: &str| {
        let answer = ask(address, &format!("GET /api/v1/{path} HTTP/1.1")).unwrap();
        let body = answer.split("\r\n\r\n").nth(1).unwrap();
        let json = body.find('{').and_then(|start| Some(&body[start..=body.rfind('}')?]));
        serde_json::from_str::<serde_json::Value>(json.unwrap()).unwrap()
    };
    assert_eq!(get("me")["role"], "viewer");
    let overview = get("overview");
    let attempts: u64 =
        overview["hours"].as_array().unwrap().iter().map(|hour| hour["overseas"].as_u64().unwrap()).sum();
    let read = support::read_json(&[capture.to_str().unwrap()]);
    assert_eq!(attempts, read["totals"]["overseas_attempts"].as_u64().unwrap());
    assert_eq!(overview["alerts"]["firing"], read["alerts"].as_array().unwrap().len());
    let short = read["alerts"][0]["short"].as_str().unwrap();
    assert_ne!(get(&format!("alerts/{short}"))["history"].as_array().unwrap().len(), 0);
    let change = format!(
        "POST /api/v1/alerts/{short}/acknowledgement HTTP/1.1\r\nX-Camwatch: 1\r\nContent-Type: application/json\r\n\
         Content-Length: 2"
    );
    let refused = ask(address, &change).unwrap();
    assert!(refused.starts_with("HTTP/1.1 403") && refused.contains("read from files"), "{refused}");
    serving.signal("-INT");
    assert!(serving.0.wait().unwrap().success());
    let outside = support::camwatch(&["read", capture.to_str().unwrap(), "--serve", "0.0.0.0:19470"]);
    assert!(!outside.status.success() && text(&outside.stderr).contains("must be on this machine"));
}
