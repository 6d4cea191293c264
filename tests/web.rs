//! What is served by HTTP: the API, to whom, and over what.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use support::daemon::{Daemon, Namespace, eventually};
use support::{camwatch, read_json, simulate, skip, text};

/// An answer by HTTP.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        assert!(self.head.contains("content-type: application/json"), "{}", self.head);
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// What is wrong, as JSON says it.
    fn error(&self) -> String {
        self.json()["error"].as_str().unwrap().to_owned()
    }
}

/// A camwatch on its own network, and its folder.
struct Bench {
    daemon: Option<Daemon>,
    namespace: Namespace,
    folder: tempfile::TempDir,
    base: &'static str,
}

const LOOPBACK: &str = "http://127.0.0.1:9469";

impl Bench {
    /// With these lines of configuration; none where the machine lacks something.
    fn new(more: &str) -> Option<Self> {
        for program in ["tcpreplay", "curl"] {
            if Command::new(program).arg("--version").output().is_err() {
                skip(&format!("{program} is missing"));
                return None;
            }
        }
        let namespace = Namespace::new()?;
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "[capture]\ninterfaces = [\"mirror\"]\n[alerts]\noutput = \"alerts.jsonl\"\n[store]\npath = \"kept.db\"\n\
             checkpoint = \"1 s\"\n{more}\n"
        );
        std::fs::write(folder.path().join("camwatch.toml"), text).unwrap();
        let base = if more.contains("[::]") { "https://localhost:9469" } else { LOOPBACK };
        Some(Self { daemon: None, namespace, folder, base })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn start(&mut self) {
        self.daemon = Some(Daemon::start(&self.namespace, &self.path("camwatch.toml")));
        eventually("it is ready", || self.curl("/readyz", &[]).status == 200);
    }

    fn stop(&mut self) {
        let mut daemon = self.daemon.take().unwrap();
        daemon.signal("-TERM");
        let began = Instant::now();
        assert!(daemon.0.wait().unwrap().success(), "{}", self.log());
        assert!(began.elapsed() < Duration::from_secs(15), "it took {:?}", began.elapsed());
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap()
    }

    fn replay(&self, capture: &Path) {
        let options = ["-q", "--pps", "4000", "-i", "port", capture.to_str().unwrap()];
        let output = self.namespace.command("tcpreplay").args(options).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
    }

    fn curl(&self, path: &str, options: &[&str]) -> Answer {
        let certificate = self.path("cert.pem");
        let mut command = self.namespace.command("curl");
        command.args(["-s", "-i", "--max-time", "30", "--path-as-is", "--cacert", certificate.to_str().unwrap()]);
        let output = command.args(options).arg(format!("{}{path}", self.base)).output().unwrap();
        let all = text(&output.stdout);
        // After `100 Continue` comes the answer.
        let all = all.strip_prefix("HTTP/1.1 100 Continue\r\n\r\n").unwrap_or(&all);
        let (head, body) = all.split_once("\r\n\r\n").unwrap_or((all, ""));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        Answer { status, head: head.to_lowercase(), body: body.to_owned() }
    }

    fn get(&self, path: &str) -> Value {
        let answer = self.curl(&format!("/api/v1{path}"), &[]);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()
    }

    fn change(&self, method: &str, path: &str, body: &str, options: &[&str]) -> Answer {
        let ours = ["-X", method, "-H", "X-Camwatch: 1", "-H", "Content-Type: application/json", "-d", body];
        self.curl(&format!("/api/v1{path}"), &[&ours[..], options].concat())
    }
}

/// An id in a path.
fn encoded(id: &str) -> String {
    id.bytes()
        .map(|byte| if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

/// Pages leave nothing out; filters and order do what they say. Gives one of the cameras that call.
fn pages_follow_one_another(bench: &Bench) -> String {
    let first = bench.get("/cameras?limit=13&sort=id&order=asc");
    let second = bench.get("/cameras?limit=13&sort=id&order=asc&offset=13");
    let ids: Vec<&str> = [&first, &second]
        .iter()
        .flat_map(|page| page["items"].as_array().unwrap())
        .map(|row| row["id"].as_str().unwrap())
        .collect();
    assert!(ids.len() == 21 && ids.is_sorted() && first["total"] == 21, "{ids:?}");
    assert_eq!(bench.get("/cameras?q=SCRIPT")["items"][0]["site"], "a & b");
    assert_eq!(bench.get("/cameras?country=cn&site=a%20%26%20b")["total"], 1);
    assert_eq!(bench.get("/cameras?country=US")["total"], 0);
    assert_eq!(first["facets"]["sites"], serde_json::json!([{ "value": "a & b", "count": 1 }]));
    encoded(ids[5])
}

#[test]
fn cameras_are_told_as_a_file_would_be_and_a_restart_goes_on() {
    let camera = "[[camera]]\nname = \"<script>alert(1)</script>/north\"\naddress = \"10.20.0.1\"\nsite = \"a & b\"\n\
                  [[camera]]\nname = \"gone\"\naddress = \"10.20.0.250\"";
    let Some(mut bench) = Bench::new(camera) else { return };
    let capture = simulate(bench.folder.path(), "f.pcap", &["fiumicino", "--hours", "0.05", "--cameras", "20"]);
    let config = bench.path("camwatch.toml");
    let expected = read_json(&["--config", config.to_str().unwrap(), capture.to_str().unwrap()]);
    let attempts = expected["totals"]["overseas_attempts"].as_u64().unwrap();
    assert!(attempts > 1000);
    bench.start();
    bench.replay(&capture);
    let counted = |overview: &Value| -> u64 {
        overview["hours"].as_array().unwrap().iter().map(|hour| hour["overseas"].as_u64().unwrap()).sum()
    };
    eventually("every attempt is told and kept", || counted(&bench.get("/overview?hours=3")) == attempts);
    eventually("an alert fires", || bench.get("/overview")["alerts"]["firing"].as_u64() > Some(0));
    let look = |bench: &Bench| {
        let overview = bench.get("/overview?hours=3");
        assert_eq!(overview["countries"][0]["country"], "CN");
        assert_eq!(overview["countries"][0]["attempts"], attempts);
        assert_eq!((&overview["cameras"]["total"], &overview["cameras"]["overseas"]), (&20.into(), &20.into()));
        assert_eq!((overview["hours"].as_array().unwrap().len(), counted(&overview)), (3, attempts));
        for row in expected["cameras"].as_array().unwrap() {
            let id = encoded(row["id"].as_str().unwrap());
            let told = bench.get(&format!("/cameras/{id}"));
            for key in ["id", "name", "site", "kind", "vendor", "mac", "attempts", "overseas_attempts", "destinations"]
            {
                assert_eq!(told[key], row[key], "{key} of {id}");
            }
            let hours = bench.get(&format!("/cameras/{id}/hours?hours=2"))["items"].clone();
            let sum: u64 = hours.as_array().unwrap().iter().map(|hour| hour["overseas"].as_u64().unwrap()).sum();
            assert_eq!(row["overseas_attempts"], sum, "by the hour, {id}");
            let pairs = bench.get(&format!("/cameras/{id}/destinations?overseas=true"));
            assert_eq!(pairs["items"][0]["attempts"], row["overseas_attempts"], "{id}");
            assert_eq!(pairs["items"][0]["address"], "120.26.96.67");
        }
        let missing = bench.get("/cameras?state=not_seen");
        assert_eq!((&missing["total"], &missing["items"][0]["name"]), (&1.into(), &"gone".into()));
        assert_eq!(bench.get("/cameras/gone")["registered"], true);
    };
    look(&bench);
    let id = pages_follow_one_another(&bench);
    let rhythm = bench.get(&format!("/cameras/{id}/rhythm?address=120.26.96.67"));
    let (times, gaps) = (rhythm["times"].as_array().unwrap(), rhythm["gaps"].as_array().unwrap());
    assert!(times.len() == gaps.len() + 1 && times.len() > 5, "{rhythm}");
    assert!(rhythm["explanation"].as_str().unwrap().contains("120.26.96.67"), "{rhythm}");
    let counted: u64 = rhythm["histogram"].as_array().unwrap().iter().map(|bin| bin["count"].as_u64().unwrap()).sum();
    assert_eq!(counted, gaps.len() as u64);
    let rules = bench.get("/rules");
    let rate = rules["items"].as_array().unwrap().iter().find(|rule| rule["name"] == "overseas-rate").unwrap();
    assert!(rate["found"].as_u64() > Some(0) && rate["built_in"] == true, "{rate}");
    let status = bench.get("/status");
    assert_eq!(
        (&status["ready"], &status["store"]["ok"], &status["interfaces"][0]["up"]),
        (&true.into(), &true.into(), &true.into())
    );

    // Taking an alert on and making an exception are seen at once, and written down.
    let alerts = bench.get("/alerts?state=firing&rule=overseas-rate");
    let short = alerts["items"][0]["short"].as_str().unwrap();
    let taken = bench.change("POST", &format!("/alerts/{short}/acknowledgement"), "{\"note\":\"seen\"}", &[]);
    assert_eq!((taken.status, &taken.json()["acknowledged"]["who"]), (200, &"local".into()));
    let detail = bench.get(&format!("/alerts/{short}"));
    assert_eq!(detail["history"].as_array().unwrap().last().unwrap()["event"], "acknowledged");
    let toml = "name='a/b'\\nreason='r'\\nowner='o'\\nuntil='2099-12-31'\\nrules=['overseas-*']";
    let preview = bench.change("POST", "/suppressions/preview", &format!("{{\"text\":\"{toml}\"}}"), &[]).json();
    assert_eq!((&preview["cameras"], &preview["destinations"]), (&20.into(), &1.into()), "{preview}");
    assert_eq!(
        bench.change("POST", "/suppressions/preview", "{\"text\":\"nme='x'\"}", &[]).json()["would_hide"],
        serde_json::json!([])
    );
    assert_eq!(bench.change("POST", "/suppressions", &format!("{{\"text\":\"{toml}\"}}"), &[]).status, 201);
    eventually("it is kept back", || bench.get("/alerts?state=suppressed")["total"].as_u64() > Some(0));
    assert_eq!(bench.change("DELETE", "/suppressions/a%2Fb", "{}", &[]).status, 204);
    let audit = bench.get("/audit");
    let whats: Vec<&str> = audit["items"].as_array().unwrap().iter().map(|row| row["what"].as_str().unwrap()).collect();
    assert_eq!(whats, ["end suppression", "suppress", "acknowledge"]);

    // Who listens is told, and holds up no end.
    let events =
        bench.namespace.command("timeout").args(["2", "curl", "-sN", &format!("{LOOPBACK}/api/v1/events")]).output();
    assert!(text(&events.unwrap().stdout).starts_with("event: changed\ndata: {\"generation\":"));
    let mut listening = bench
        .namespace
        .command("curl")
        .args(["-sN", "-o", "/dev/null", &format!("{LOOPBACK}/api/v1/events")])
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(500));
    bench.stop();
    listening.kill().unwrap();
    listening.wait().unwrap();
    bench.start();
    look(&bench);
}

#[test]
fn what_a_foreign_page_or_a_mistake_sends_changes_nothing() {
    let Some(mut bench) = Bench::new("[http]\nhosts = [\"camwatch.council.example\"]") else { return };
    bench.start();
    let large = format!("{{\"text\":\"{}\"}}", "x".repeat(300 << 10));
    let large_file = bench.path("large");
    std::fs::write(&large_file, &large).unwrap();
    let large = format!("@{}", large_file.display());
    let ours = ["-H", "X-Camwatch: 1", "-H", "Content-Type: application/json"];
    let tries: [(&str, Vec<&str>, u16, &str); 14] = [
        ("/suppressions", vec!["-d", "{}"], 403, "X-Camwatch"),
        ("/suppressions", vec!["-d", "{}", "-H", "X-Camwatch: 1"], 415, "application/json"),
        ("/suppressions", [&ours[..], &["-d", "{}", "-H", "Origin: http://evil.example"]].concat(), 403, "origin"),
        ("/suppressions", [&ours[..], &["-d", "{}", "-H", "Sec-Fetch-Site: cross-site"]].concat(), 403, "site"),
        ("/suppressions", [&ours[..], &["-d", "{"]].concat(), 400, "JSON"),
        ("/suppressions", [&ours[..], &["-d", "{\"texte\":\"\"}"]].concat(), 422, "unknown field `texte`"),
        ("/suppressions", [&ours[..], &["-d", &large]].concat(), 413, ""),
        ("/alerts/x/acknowledgement", [&ours[..], &["-d", "{\"who\":\"a\\nb\"}"]].concat(), 422, "`who`"),
        ("/alerts", vec!["-H", "Host: evil.example"], 421, "[http] hosts"),
        ("/alerts?limit=501", vec![], 400, "limit: write 1 to 500"),
        ("/alerts?stat=firing", vec![], 400, "unknown field `stat`"),
        ("/cameras/%FF", vec![], 400, ""),
        ("/cameras/nobody", vec![], 404, "there is no camera `nobody`"),
        ("/../../etc/passwd", vec![], 404, ""),
    ];
    for (path, options, status, error) in &tries {
        let answer = bench.curl(&format!("/api/v1{path}"), options);
        assert_eq!(answer.status, *status, "{path} {options:?}: {}", answer.body);
        for header in
            ["content-security-policy: default-src 'none';", "x-content-type-options: nosniff", "x-frame-options: deny"]
        {
            assert!(answer.head.contains(header), "{header} is not in {}", answer.head);
        }
        if !error.is_empty() {
            assert!(answer.error().contains(error), "{path}: {}", answer.body);
        }
    }
    assert_eq!(bench.curl("/api/v1/alerts", &["-H", "Host: camwatch.council.example"]).status, 200);
    assert_eq!(
        bench
            .curl("/api/v1/alerts", &["-X", "PATCH", "-H", "X-Camwatch: 1", "-H", "Content-Type: application/json"])
            .status,
        405
    );
    assert_eq!(bench.get("/audit")["total"], 0);
    assert_eq!(bench.get("/me")["open"], true);
    // Connections that say nothing are closed, and keep nobody out for long.
    let idle = "import socket, time\nall = [socket.create_connection(('127.0.0.1', 9469)) for _ in range(700)]\ntime.sleep(40)\n";
    let mut idle = bench.namespace.command("python3").args(["-c", idle]).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(2));
    let began = Instant::now();
    eventually("somebody else is served", || bench.curl("/healthz", &[]).status == 200);
    assert!(began.elapsed() < Duration::from_secs(25), "{:?}", began.elapsed());
    idle.kill().unwrap();
    idle.wait().unwrap();
    bench.stop();
}

/// A certificate for localhost.
fn certificate(folder: &Path, name: &str) {
    let (key, certificate) = (folder.join("key.pem"), folder.join("cert.pem"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "3"])
        .args(["-subj", &format!("/CN={name}"), "-addext", "subjectAltName=DNS:localhost"])
        .args(["-keyout", key.to_str().unwrap(), "-out", certificate.to_str().unwrap()])
        .output();
    assert!(made.unwrap().status.success());
}

fn hash(password: &str) -> String {
    use std::io::Write;
    let mut child = Command::new(env!("CARGO_BIN_EXE_camwatch"))
        .arg("hash-password")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(child.stdin.take().unwrap(), "{password}").unwrap();
    text(&child.wait_with_output().unwrap().stdout).trim().to_owned()
}

#[test]
fn beyond_loopback_only_who_is_known_gets_in_and_nobody_can_listen() {
    if Command::new("openssl").arg("version").output().is_err() {
        skip("openssl is missing");
        return;
    }
    let http = "[http]\nlisten = \"[::]:9469\"\nweb_config = \"web.yml\"";
    let Some(mut bench) = Bench::new(http) else { return };
    let folder = bench.folder.path().to_owned();
    certificate(&folder, "first");
    let check = |web: &str| {
        std::fs::write(folder.join("web.yml"), web).unwrap();
        let output = camwatch(&["check", "--config", folder.join("camwatch.toml").to_str().unwrap()]);
        (output.status.success(), text(&output.stderr))
    };
    let tls = "tls_server_config:\n  cert_file: cert.pem\n  key_file: key.pem\n";
    let users = format!(
        "basic_auth_users:\n  vera: {}\n  olga: {}\noperators:\n  - olga\n",
        hash("of a viewer"),
        hash("of an operator")
    );
    for (web, missing) in
        [("", "no encryption and no login"), (tls, "there are no users"), (&users, "there is no encryption")]
    {
        let (right, said) = check(web);
        assert!(!right && said.contains(missing) && said.contains("can be reached from outside"), "{said}");
    }
    assert_eq!(check(&format!("{tls}{users}")), (true, String::new()));
    bench.start();
    let (vera, olga) = (["-u", "vera:of a viewer"], ["-u", "olga:of an operator"]);
    for path in ["/metrics", "/api/v1/me", "/api/v1/openapi.json", "/nothing"] {
        let answer = bench.curl(path, &[]);
        assert_eq!(answer.status, 401, "{path}");
        assert!(answer.head.contains("www-authenticate: basic realm=\"camwatch\""), "{}", answer.head);
    }
    assert_eq!(bench.curl("/metrics", &vera).status, 200);
    assert_eq!(
        bench.curl("/api/v1/me", &vera).json(),
        serde_json::json!({ "name": "vera", "role": "viewer", "open": false })
    );
    assert!(bench.curl("/healthz", &[]).head.contains("content-security-policy"));
    let toml =
        "{\"who\":\"vera\",\"text\":\"name='a'\\nreason='r'\\nowner='o'\\nuntil='2099-12-31'\\nrules=['overseas-*']\"}";
    assert_eq!(bench.change("POST", "/suppressions", toml, &vera).status, 403);
    assert_eq!(bench.change("POST", "/suppressions", toml, &olga).status, 201);
    let audit = bench.curl("/api/v1/audit", &vera).json();
    assert_eq!((&audit["total"], &audit["items"][0]["who"]), (&1.into(), &"olga".into()), "who is logged in counts");
    // In the clear there is nothing.
    let plain = bench
        .namespace
        .command("curl")
        .args(["-s", "--max-time", "5", "http://localhost:9469/healthz"])
        .output()
        .unwrap();
    assert!(!plain.status.success() && plain.stdout.is_empty());
    // Guessing is slowed down; who is known goes on.
    let guesses: Vec<u16> =
        (0..12).map(|n| bench.curl("/api/v1/me", &["-u", &format!("vera:guess {n}")]).status).collect();
    assert!(guesses.contains(&401) && guesses.ends_with(&[429]), "{guesses:?}");
    assert!(bench.curl("/api/v1/me", &["-u", "vera:once more"]).head.contains("retry-after: "));
    assert_eq!(bench.curl("/api/v1/me", &vera).status, 200);
    // A new certificate and a user who left are in force by themselves; a mistake changes nothing.
    certificate(&folder, "second");
    let subject = || {
        let script = "openssl s_client -connect 127.0.0.1:9469 </dev/null 2>/dev/null | openssl x509 -noout -subject";
        text(&bench.namespace.command("bash").args(["-c", script]).output().unwrap().stdout)
    };
    eventually("the new certificate is shown", || subject().contains("second"));
    std::fs::write(folder.join("web.yml"), "basic_auth_user: {}\n").unwrap();
    eventually("the mistake is told", || bench.log().contains("web.yml:1:1: unknown field `basic_auth_user`"));
    assert_eq!(bench.curl("/api/v1/me", &vera).status, 200);
    std::fs::write(folder.join("web.yml"), &users).unwrap();
    eventually("encryption is not given up", || bench.log().contains("not given up"));
    let without_vera = users.lines().filter(|line| !line.contains("vera")).collect::<Vec<_>>().join("\n");
    std::fs::write(folder.join("web.yml"), format!("{tls}{without_vera}\n")).unwrap();
    eventually("the user who left gets in no more", || matches!(bench.curl("/api/v1/me", &vera).status, 401 | 429));
    let log = bench.log();
    assert!(log.contains("a login failed"), "{log}");
    for secret in ["of a viewer", "guess 1", "$2b$", "of an operator"] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
    bench.stop();
}

#[test]
fn the_api_is_what_its_own_document_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fuzz = root.join("scripts/fuzz-api");
    let installed = Command::new(&fuzz).arg("--install").output().unwrap();
    if !installed.status.success() {
        skip("schemathesis cannot be installed: it needs python3-venv, and PyPI");
        return;
    }
    let Some(mut bench) = Bench::new("[http]\nrequests_per_second = 10000") else { return };
    let capture = simulate(bench.folder.path(), "f.pcap", &["fiumicino", "--hours", "0.02", "--cameras", "5"]);
    bench.start();
    bench.replay(&capture);
    eventually("an alert fires", || bench.get("/overview")["alerts"]["firing"].as_u64() > Some(0));
    let output = Command::new("timeout")
        .args(["120", fuzz.to_str().unwrap(), LOOPBACK, "--max-examples", "15", "--seed", "1"])
        .env("COMMAND", format!("ip netns exec {}", bench.namespace.0))
        .output()
        .unwrap();
    let said = text(&output.stdout);
    assert!(output.status.success(), "{said}{}", text(&output.stderr));
    // All but events, which never end.
    let document = bench.get("/openapi.json");
    let paths = document["paths"].as_object().unwrap().values();
    let operations: usize = paths.map(|path| path.as_object().unwrap().len()).sum();
    assert!(said.contains(&format!("Tested: {}\n", operations - 1)), "{operations} operations:\n{said}");
    assert_eq!(bench.curl("/healthz", &[]).status, 200);
    bench.stop();
}
