//! Every sink against the real thing on loopback, through the dispatcher, from a configuration as a user writes it: what
//! arrives, and that everything arrives after the receiver was down.

mod support;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::post;
use camwatch::config::Config;
use camwatch::deliver::{Dispatcher, Lookup, SinkStats};
use camwatch::lockdown::Mode;
use camwatch::lookup::{LookupOptions, ReverseLookup};
use support::dnsmasq::Dnsmasq;
use support::outbox::{Memory, transition};
use support::receivers::{Alertmanager, By, MailServer, Rsyslog, certificates, free_port};
use support::{camwatch, skip};
use tokio::runtime::Handle;

/// How long a receiver is down.
const DOWN: Duration = Duration::from_secs(3);

/// The sinks that a text declares, at work on a thread that is locked as the daemon is.
async fn dispatcher(folder: &Path, text: &str, outbox: &Memory) -> Dispatcher<Memory> {
    let config = Config::parse("c.toml", text, folder).unwrap_or_else(|errors| panic!("{errors}"));
    let (sinks, outbox) = (config.sinks.clone(), outbox.clone());
    let started = locked(folder, text, &config)
        .spawn(async move { Dispatcher::start(sinks, outbox, Lookup::default()).await.unwrap() });
    started.await.unwrap()
}

/// A runtime on a thread that is locked for this configuration: whatever is started there, and the threads that it starts,
/// are locked too. It lives as long as the test's process.
fn locked(folder: &Path, text: &str, config: &Config) -> Handle {
    let file = folder.join("locked.toml");
    std::fs::write(&file, text).unwrap();
    let mut plan = config.plan(&file);
    plan.mode = Mode::Required;
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        if let Err(error) = plan.lock_thread() {
            skip(&format!("sinks are not tried locked down: {error}"));
        }
        send.send(runtime.handle().clone()).unwrap();
        runtime.block_on(std::future::pending::<()>());
    });
    receive.recv().unwrap()
}

async fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(30), "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn only(dispatcher: &Dispatcher<Memory>) -> SinkStats {
    dispatcher.stats().remove(0)
}

fn write_secret(folder: &Path, name: &str, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(folder.join(name), text).unwrap();
    std::fs::set_permissions(folder.join(name), PermissionsExt::from_mode(0o600)).unwrap();
}

/// The keys of the messages, from their structured data.
fn keys(rsyslog: &Rsyslog) -> Vec<String> {
    let key = |about: &str| Some(about.split_once("key=\"")?.1.split_once('"')?.0.to_owned());
    rsyslog.received().iter().filter_map(|(about, _)| key(about)).collect()
}

/// Sends while the receiver is up, while it is down, and once it is back: all arrives, in order, and nothing twice.
async fn arrives_after_the_receiver_was_down(rsyslog: &Rsyslog, folder: &Path, text: &str) {
    let outbox = Memory::default();
    let Some(program) = rsyslog.start() else { return };
    let dispatcher = dispatcher(folder, text, &outbox).await;
    let mut expected = Vec::new();
    let mut put = |count: u32| {
        for _ in 0..count {
            let next = transition("120.26.96.67", expected.len() as u32 + 1, "critical", false);
            expected.push(next.key.clone());
            outbox.put(next);
        }
        expected.clone()
    };
    let expected = put(5);
    eventually("all is received", || keys(rsyslog) == expected && outbox.is_empty_for("s")).await;
    assert_eq!((only(&dispatcher).delivered, only(&dispatcher).failing_since), (5, None));
    drop(program);
    let _ = put(5);
    tokio::time::sleep(DOWN).await;
    let stats = only(&dispatcher);
    assert!(stats.failing_since.is_some() && stats.waiting == 5, "{stats:?}");
    let _program = rsyslog.start().unwrap();
    let expected = put(5);
    eventually("all is received", || keys(rsyslog).len() >= 15).await;
    assert_eq!(keys(rsyslog), expected);
    eventually("nothing waits", || outbox.is_empty_for("s")).await;
    let stats = only(&dispatcher);
    assert_eq!((stats.delivered, stats.failing_since), (15, None));
    assert!(stats.retries > 0);
    dispatcher.stop().await;
}

#[tokio::test]
async fn rsyslog_takes_datagrams_with_json() {
    let folder = tempfile::tempdir().unwrap();
    let rsyslog = Rsyslog::new(folder.path(), By::Udp);
    let text = format!(
        "[[sink]]\nname = \"s\"\nkind = \"syslog\"\ntransport = \"udp\"\naddress = \"127.0.0.1:{}\"\nretry_max = \"1 s\"\n",
        rsyslog.port
    );
    arrives_after_the_receiver_was_down(&rsyslog, folder.path(), &text).await;
    let Some((about, message)) = rsyslog.received().into_iter().next() else { return };
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let begin = format!("local0.crit 1 {} camwatch firing 2015-04-01T09:00:30.5", host.trim());
    assert!(about.starts_with(&begin), "{about}");
    let data = "[camwatch@32473 key=\"overseas-rate/destination/120.26.96.67/2015-04-01T09:00:00Z#1\" \
                rule=\"overseas-rate\" severity=\"critical\" state=\"firing\"]";
    assert!(about.ends_with(data), "{about}");
    let document: serde_json::Value = serde_json::from_str(&message).unwrap();
    assert_eq!(document["event"]["kind"], "alert");
    assert_eq!(document["destination"]["geo"]["country_iso_code"], "CN");
    assert_eq!(document["source"]["ip"], serde_json::json!(["10.20.7.31", "10.20.7.32"]));
}

#[tokio::test]
async fn rsyslog_takes_tcp_with_cef() {
    let folder = tempfile::tempdir().unwrap();
    let rsyslog = Rsyslog::new(folder.path(), By::Tcp);
    let text = format!(
        "[[sink]]\nname = \"s\"\nkind = \"syslog\"\ntransport = \"tcp\"\naddress = \"127.0.0.1:{}\"\npayload = \"cef\"\n\
         facility = \"local3\"\nretry_max = \"1 s\"\n",
        rsyslog.port
    );
    arrives_after_the_receiver_was_down(&rsyslog, folder.path(), &text).await;
    let Some((about, message)) = rsyslog.received().into_iter().next() else { return };
    assert!(about.starts_with("local3.crit 1 "), "{about}");
    assert!(message.starts_with("CEF:0|camwatch|camwatch|"), "{message}");
    let end = "msg=overseas-rate: 2 cameras → 120.26.96.67: 2 cameras: one of them, gate, called it \"2,750\" times|in 15 min]";
    assert!(message.ends_with(end), "{message}");
}

#[tokio::test]
async fn rsyslog_takes_tls_from_those_that_it_knows() {
    let folder = tempfile::tempdir().unwrap();
    if certificates(folder.path()).is_none() {
        return;
    }
    let rsyslog = Rsyslog::new(folder.path(), By::Tls);
    let text = format!(
        "[[sink]]\nname = \"s\"\nkind = \"syslog\"\ntransport = \"tls\"\naddress = \"127.0.0.1:{}\"\n\
         server_name = \"localhost\"\nca_file = \"ca.pem\"\nretry_max = \"1 s\"\n",
        rsyslog.port
    );
    let known = format!("{text}cert_file = \"client.pem\"\nkey_file = \"client.key\"\n");
    arrives_after_the_receiver_was_down(&rsyslog, folder.path(), &known).await;
    // Without a certificate of ours it takes nothing, and by another name we don't believe it.
    let Some(_program) = rsyslog.start() else { return };
    let before = rsyslog.received().len();
    let by_another_name = known.replace("\"localhost\"", "\"siem.example\"");
    let by_no_authority = known.replace("ca_file = \"ca.pem\"\n", "");
    for (wrong, why) in [(&text, ""), (&by_another_name, "siem.example"), (&by_no_authority, "UnknownIssuer")] {
        let outbox = Memory::default();
        let dispatcher = dispatcher(folder.path(), wrong, &outbox).await;
        outbox.put(transition("120.26.96.67", 1, "critical", false));
        eventually("it fails", || only(&dispatcher).failing_since.is_some()).await;
        let error = only(&dispatcher).last_error.unwrap();
        assert!(error.contains(why), "{error}");
        assert!(!outbox.is_empty_for("s"), "it is kept");
        dispatcher.stop().await;
    }
    assert_eq!(rsyslog.received().len(), before);
}

#[tokio::test]
async fn alertmanager_shows_what_fires_for_as_long_as_it_does() {
    let folder = tempfile::tempdir().unwrap();
    let manager = Alertmanager::new(folder.path());
    write_secret(folder.path(), "password", "hunter2\n");
    let text = format!(
        "[[sink]]\nname = \"s\"\nkind = \"alertmanager\"\nurl = \"http://127.0.0.1:{}\"\nresend = \"1 s\"\n\
         generator_url = \"https://camwatch.example/\"\nuser = \"camwatch\"\npassword_file = \"password\"\nretry_max = \"1 s\"\n",
        manager.port
    );
    let outbox = Memory::default();
    // It is down when the alert begins.
    let dispatcher = dispatcher(folder.path(), &text, &outbox).await;
    outbox.put(transition("120.26.96.67", 1, "warning", false));
    outbox.put(transition("203.0.113.9", 1, "critical", false));
    tokio::time::sleep(DOWN).await;
    assert!(only(&dispatcher).failing_since.is_some());
    let Some(program) = manager.start() else { return };
    eventually("both are shown", || manager.alerts().len() == 2).await;
    let alerts = manager.alerts();
    let find = |alerts: &[serde_json::Value], address: &str| {
        alerts.iter().find(|alert| alert["labels"]["destination"] == address).cloned()
    };
    let alert = find(&alerts, "120.26.96.67").unwrap();
    let labels = serde_json::json!({
        "alertname": "overseas-rate", "severity": "warning", "destination": "120.26.96.67",
    });
    assert_eq!(alert["labels"], labels);
    assert_eq!(alert["annotations"]["summary"], "2 cameras → 120.26.96.67");
    assert_eq!(alert["annotations"]["runbook_url"], "https://intranet.example/cctv");
    assert_eq!(alert["generatorURL"], "https://camwatch.example/");
    assert_eq!(alert["startsAt"], "2015-04-01T09:00:00.000Z");
    // It ends 4 s after it was last told: that it is there after 8 s shows that it is told again.
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert_eq!(manager.alerts().len(), 2);
    // It becomes worse: one of the two severities is left.
    outbox.put(transition("120.26.96.67", 2, "critical", false));
    eventually("it is critical", || {
        let alerts = manager.alerts();
        alerts.len() == 2
            && find(&alerts, "120.26.96.67").is_some_and(|alert| alert["labels"]["severity"] == "critical")
    })
    .await;
    // One is over while nobody listens; Alertmanager comes back and keeps only the other.
    drop(program);
    outbox.put(transition("120.26.96.67", 3, "critical", true));
    tokio::time::sleep(DOWN).await;
    let _program = manager.start().unwrap();
    eventually("the other is left", || {
        let alerts = manager.alerts();
        alerts.len() == 1 && find(&alerts, "203.0.113.9").is_some()
    })
    .await;
    eventually("nothing waits", || outbox.is_empty_for("s")).await;
    outbox.put(transition("203.0.113.9", 2, "critical", true));
    eventually("nothing fires", || manager.alerts().is_empty()).await;
    eventually("all is counted", || only(&dispatcher).delivered == 5).await;
    dispatcher.stop().await;
}

/// What a webhook was sent.
#[derive(Clone, Debug)]
struct Posted {
    headers: HeaderMap,
    body: String,
}

impl Posted {
    fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }
}

type Answer = (StatusCode, &'static [(&'static str, &'static str)]);

/// A webhook that gives these answers, one after the other, then 204; the status 100 stands for none in time.
async fn webhook(port: u16, answers: Vec<Answer>) -> Arc<Mutex<Vec<Posted>>> {
    let posted: Arc<Mutex<Vec<Posted>>> = Arc::default();
    let seen = posted.clone();
    let answer = move |headers: HeaderMap, body: Bytes| {
        let mut seen = seen.lock().unwrap();
        let (status, more) = answers.get(seen.len()).copied().unwrap_or((StatusCode::NO_CONTENT, &[]));
        seen.push(Posted { headers, body: String::from_utf8(body.to_vec()).unwrap() });
        async move {
            if status == StatusCode::CONTINUE {
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
            let mut response = status.into_response();
            for (name, value) in more {
                response.headers_mut().insert(*name, value.parse().unwrap());
            }
            response
        }
    };
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let router = Router::new().route("/hook", post(answer));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    posted
}

#[tokio::test]
async fn a_webhook_is_signed_and_tried_again_until_it_takes_it() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    write_secret(folder.path(), "secret", "hunter2");
    let text = format!(
        "[[sink]]\nname = \"s\"\nkind = \"webhook\"\nurl = \"http://127.0.0.1:{port}/hook\"\nsecret_file = \"secret\"\n\
         timeout = \"1 s\"\nretry_max = \"1 s\"\n"
    );
    let outbox = Memory::default();
    let dispatcher = dispatcher(folder.path(), &text, &outbox).await;
    outbox.put(transition("120.26.96.67", 1, "critical", false));
    outbox.put(transition("120.26.96.67", 2, "critical", false));
    outbox.put(transition("203.0.113.9", 1, "critical", false));
    tokio::time::sleep(DOWN).await;
    assert!(only(&dispatcher).failing_since.is_some());
    let began = Instant::now();
    let answers: Vec<Answer> = vec![
        (StatusCode::SERVICE_UNAVAILABLE, &[]),
        (StatusCode::CONTINUE, &[]),
        (StatusCode::UNAUTHORIZED, &[]),
        (StatusCode::FOUND, &[("location", "http://127.0.0.1:9/elsewhere")]),
        (StatusCode::TOO_MANY_REQUESTS, &[("retry-after", "2")]),
        (StatusCode::OK, &[]),
        (StatusCode::UNPROCESSABLE_ENTITY, &[]),
    ];
    let posted = webhook(port, answers).await;
    eventually("all is told", || outbox.is_empty_for("s")).await;
    assert!(began.elapsed() >= Duration::from_secs(2), "it was asked to wait");
    let stats = only(&dispatcher);
    assert_eq!((stats.delivered, stats.refused, stats.failing_since), (2, 1, None), "{stats:?}");
    let posted = posted.lock().unwrap().clone();
    let keys: Vec<&str> = posted.iter().map(|posted| posted.header("idempotency-key")).collect();
    let key = |address: &str, number| format!("overseas-rate/destination/{address}/2015-04-01T09:00:00Z#{number}");
    let (first, second, third) = (key("120.26.96.67", 1), key("120.26.96.67", 2), key("203.0.113.9", 1));
    assert_eq!(keys, [vec![first.as_str(); 6], vec![&second, &third]].concat(), "the same key for the same thing");
    let last = &posted[7];
    assert_eq!((last.header("content-type"), last.header("x-camwatch-event")), ("application/json", "firing"));
    let told: camwatch::alert::Transition = serde_json::from_str(&last.body).unwrap();
    assert_eq!(told, transition("203.0.113.9", 1, "critical", false));
    for posted in &posted {
        let verdict = |secret: &str, body: &str| verify(secret, posted, body);
        assert_eq!(verdict("hunter2", &posted.body), Some(true));
        assert_eq!(verdict("hunter3", &posted.body), Some(false));
        assert_eq!(verdict("hunter2", &posted.body.replace("critical", "warning")), Some(false));
    }
    dispatcher.stop().await;
}

/// What the snippet in docs/alerts.md says of a signature.
fn verify(secret: &str, posted: &Posted, body: &str) -> Option<bool> {
    let docs = include_str!("../docs/alerts.md");
    let snippet = docs.split_once("```python\n")?.1.split_once("```")?.0;
    let program = format!(
        "{snippet}\nimport sys\nprint(verify({secret:?}.encode(), {:?}, sys.argv[1].encode(), {:?}))",
        posted.header("x-camwatch-timestamp"),
        posted.header("x-camwatch-signature"),
    );
    let output = std::process::Command::new("python3").args(["-c", &program, body]).output();
    let Ok(output) = output else {
        skip("python3 is missing");
        return None;
    };
    assert!(output.status.success(), "{}", support::text(&output.stderr));
    Some(support::text(&output.stdout).trim() == "True")
}

#[tokio::test]
async fn mail_is_sent_encrypted_and_logged_in_and_gathered() {
    let folder = tempfile::tempdir().unwrap();
    if certificates(folder.path()).is_none() {
        return;
    }
    let server = MailServer::new(folder.path());
    write_secret(folder.path(), "password", "hunter2\n");
    let text = format!(
        "[[sink]]\nname = \"s\"\nkind = \"email\"\nserver = \"localhost\"\nport = {}\nfrom = \"camwatch <camwatch@council.example>\"\n\
         to = [\"network@council.example\", \"gone@council.example\"]\nuser = \"camwatch\"\npassword_file = \"password\"\n\
         ca_file = \"ca.pem\"\ndigest = \"4 s\"\nretry_max = \"1 s\"\n",
        server.port
    );
    let outbox = Memory::default();
    let dispatcher = dispatcher(folder.path(), &text, &outbox).await;
    let first = transition("120.26.96.67", 1, "critical", false);
    outbox.put(first.clone());
    tokio::time::sleep(DOWN).await;
    assert!(only(&dispatcher).failing_since.is_some());
    let Some(_program) = server.start() else { return };
    eventually("the first critical one is mailed", || server.mails().len() == 1).await;
    let began = Instant::now();
    for number in 1..=3 {
        outbox.put(transition(&format!("203.0.113.{number}"), 1, "warning", false));
    }
    outbox.put(transition("120.26.96.67", 2, "critical", true));
    eventually("the others are mailed together", || server.mails().len() == 2).await;
    assert!(began.elapsed() >= Duration::from_secs(3), "they are gathered");
    eventually("nothing waits", || outbox.is_empty_for("s")).await;
    outbox.put(transition("203.0.113.1", 2, "warning", true));
    eventually("its end is mailed", || server.mails().len() == 3).await;
    // The mail is there before the address that is refused has been tried.
    eventually("nothing waits", || outbox.is_empty_for("s")).await;
    eventually("all is counted", || only(&dispatcher).delivered == 6).await;
    let mails = server.mails();
    for mail in &mails {
        // One of the two addresses is refused; the other gets its mail.
        assert_eq!(mail["to"], serde_json::json!(["network@council.example"]));
        assert_eq!((&mail["tls"], &mail["login"]), (&true.into(), &true.into()), "{mail}");
    }
    let read = |number: usize, header: &str| read_mail(mails[number]["text"].as_str().unwrap(), header);
    assert_eq!(read(0, "Subject"), "[camwatch] critical: 2 cameras → 120.26.96.67");
    assert_eq!(read(1, "Subject"), "[camwatch] warning: 2 cameras → 203.0.113.1 (and 3 more)");
    assert_eq!(read(2, "Subject"), "[camwatch] resolved: 2 cameras → 203.0.113.1");
    assert!(read(1, "References").contains(&read(0, "Message-ID")), "the digest stands with the alert that it ends");
    assert!(
        read(0, "body").contains("  Destination: hik.example, 120.26.96.67, CN, AS37963 Alibaba\n"),
        "{}",
        read(0, "body")
    );
    assert!(read(0, "body").contains(&format!("  Key: {}\n", first.key)));
    dispatcher.stop().await;
}

/// A header of a mail, or its text, as Python's own reader of mails sees it.
fn read_mail(mail: &str, header: &str) -> String {
    let program = "import email, email.policy, sys\n\
                   mail = email.message_from_string(sys.argv[1], policy=email.policy.default)\n\
                   body = sys.argv[2] == 'body'\n\
                   print(mail.get_body(('plain',)).get_content() if body else mail[sys.argv[2]])";
    let output = std::process::Command::new("/usr/bin/python3").args(["-c", program, mail, header]).output().unwrap();
    assert!(output.status.success(), "{}", support::text(&output.stderr));
    support::text(&output.stdout).trim_end().replace("\r\n", "\n") + if header == "body" { "\n" } else { "" }
}

#[tokio::test]
async fn files_are_opened_anew_at_a_reload_and_look_ups_are_made_once_for_all_sinks() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Dnsmasq::start(folder.path(), None) else { return };
    let resolver = ([127, 0, 0, 1], server.port).into();
    let lookup = Lookup::default();
    *lookup.lock().await = Some(ReverseLookup::new(LookupOptions { resolver, per_minute: 30 }).unwrap());
    let text = "[alerts]\noutput = \"lines\"\n[[sink]]\nname = \"s\"\nkind = \"json\"\npath = \"ecs\"\n";
    let config = Config::parse("c.toml", text, folder.path()).unwrap();
    let outbox = Memory::default();
    let (locked, sinks, waiting) = (locked(folder.path(), text, &config), config.all_sinks(), outbox.clone());
    let started = locked.spawn(async move { Dispatcher::start(sinks, waiting, lookup).await.unwrap() });
    let mut dispatcher = started.await.unwrap();
    let lines = |name: &str| -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(folder.path().join(name)).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    outbox.put(transition("120.26.96.67", 1, "critical", false));
    eventually("both are written", || lines("lines").len() == 1 && lines("ecs").len() == 1).await;
    assert_eq!(lines("lines")[0]["ptr_claims"]["120.26.96.67"], "nice-and-harmless.example");
    let claims = serde_json::json!([{ "ip": "120.26.96.67", "name": "nice-and-harmless.example" }]);
    assert_eq!(lines("ecs")[0]["camwatch"]["alert"]["ptr_claims"], claims);
    assert_eq!(server.said().matches("query[PTR]").count(), 1, "{}", server.said());
    std::fs::rename(folder.path().join("lines"), folder.path().join("lines.1")).unwrap();
    let again = config.all_sinks();
    let reloaded = locked.spawn(async move {
        dispatcher.reload(again).await.unwrap();
        dispatcher
    });
    let dispatcher = reloaded.await.unwrap();
    outbox.put(transition("120.26.96.67", 2, "critical", true));
    eventually("the new file has the next", || lines("lines").len() == 1).await;
    assert_eq!((lines("lines.1").len(), &lines("lines")[0]["event"]), (1, &"resolved".into()));
    dispatcher.stop().await;
}

#[tokio::test]
async fn a_test_message_says_so_and_whether_it_was_taken() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let text = format!(
        "[[sink]]\nname = \"s\"\nkind = \"webhook\"\nurl = \"http://127.0.0.1:{port}/hook\"\n\
         [[sink]]\nname = \"t\"\nkind = \"json\"\npath = \"lines\"\n"
    );
    let config = Config::parse("c.toml", &text, folder.path()).unwrap();
    let error = config.sinks[0].test().await.unwrap_err();
    assert!(error.contains("Connection refused") && !error.contains("hook"), "{error}");
    let posted = webhook(port, Vec::new()).await;
    for sink in &config.sinks {
        sink.test().await.unwrap();
    }
    let said = posted.lock().unwrap()[0].body.clone();
    assert!(said.contains("This is a test of camwatch"), "{said}");
    assert!(std::fs::read_to_string(folder.path().join("lines")).unwrap().contains("This is a test of camwatch"));
}

#[test]
fn credentials_of_systemd_are_found_and_no_secret_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("c.toml");
    let text =
        "[[sink]]\nname = \"s\"\nkind = \"webhook\"\nurl = \"https://h.example\"\ntoken_file = \"credential:hook\"\n";
    std::fs::write(&config, text).unwrap();
    let check = || {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_camwatch"));
        command.args(["check", "--config", config.to_str().unwrap()]).env("CREDENTIALS_DIRECTORY", folder.path());
        command.output().unwrap()
    };
    let output = check();
    let said = support::text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(said.contains("c.toml:5:14: `token_file`: ") && said.contains("/hook: No such file"), "{said}");
    write_secret(folder.path(), "hook", "hunter2\n");
    let output = check();
    let said = support::text(&output.stdout) + &support::text(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("token_file = \"credential:hook\"") && !said.contains("hunter2"), "{said}");
}

#[test]
fn sinks_are_tried_from_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("c.toml");
    let text = format!(
        "[alerts]\noutput = \"lines\"\n[[sink]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"http://127.0.0.1:{}/\"\n",
        free_port()
    );
    std::fs::write(&config, text).unwrap();
    let run = |more: &[&str]| camwatch(&[&["sinks", "test", "--config", config.to_str().unwrap()], more].concat());
    let all = run(&[]);
    let said = String::from_utf8(all.stdout).unwrap();
    assert_eq!(all.status.code(), Some(1), "{said}");
    assert!(said.contains("output (json): a test message was taken") && said.contains("hook (webhook): "), "{said}");
    assert!(run(&["output"]).status.success());
    let lines = std::fs::read_to_string(folder.path().join("lines")).unwrap();
    assert_eq!(lines.lines().count(), 2, "{lines}");
    let unknown = run(&["nook"]);
    assert!(String::from_utf8(unknown.stderr).unwrap().contains("there is no sink `nook`: there are output, hook"));
}
