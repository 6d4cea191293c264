//! Reports that are sent by themselves, to a real mail server: once a period, over restarts too, and again until they are
//! taken.

mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use camwatch::config::Config;
use camwatch::geo::Geo;
use camwatch::report::schedule::{Pace, Reports};
use camwatch::store::Store;
use support::receivers::{MailServer, certificates};

const PACE: Pace =
    Pace { look: Duration::from_millis(100), retry: Duration::from_millis(400), retry_max: Duration::from_secs(1) };

async fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(30), "never happened: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn config(folder: &Path, port: u16) -> Config {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(folder.join("password"), "hunter2\n").unwrap();
    std::fs::set_permissions(folder.join("password"), PermissionsExt::from_mode(0o600)).unwrap();
    let text = format!(
        "[store]\npath = \"kept.db\"\n\
         [[sink]]\nname = \"mail\"\nkind = \"email\"\nserver = \"localhost\"\nport = {port}\nca_file = \"ca.pem\"\n\
         from = \"camwatch <camwatch@council.example>\"\nto = [\"network@council.example\"]\nuser = \"camwatch\"\n\
         password_file = \"password\"\ntimeout = \"5 s\"\n\
         [[report]]\nname = \"daily\"\nevery = \"day\"\nat = \"00:15\"\nsink = \"mail\"\nto = [\"officer@council.example\"]\n"
    );
    Config::parse("c.toml", &text, folder).unwrap_or_else(|errors| panic!("{errors}"))
}

fn start(config: &Config, store: &Store) -> Reports {
    Reports::start(Arc::new(config.clone()), Arc::new(Geo::built_in()), store.clone(), PACE)
}

/// The files of a mail, by their kind.
fn files(mail: &str) -> Vec<(String, Vec<u8>)> {
    let boundary = mail.split("boundary=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    mail.split(&format!("--{boundary}"))
        .filter_map(|part| {
            let part = part.replace("\r\n", "\n");
            let (head, body) = part.split_once("\n\n")?;
            head.contains("Content-Disposition: attachment").then_some(())?;
            let kind = head.split("Content-Type: ").nth(1)?.split(';').next()?.to_owned();
            let body = if head.contains("base64") {
                let text: String = body.chars().filter(|c| !c.is_whitespace()).collect();
                base64::engine::general_purpose::STANDARD.decode(text).unwrap()
            } else {
                body.as_bytes().to_vec()
            };
            Some((kind, body))
        })
        .collect()
}

#[tokio::test]
async fn a_report_is_sent_once_a_period_and_again_until_it_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    if certificates(folder.path()).is_none() {
        return;
    }
    let server = MailServer::new(folder.path());
    let Some(program) = server.start() else { return };
    let config = config(folder.path(), server.port);
    let store = Store::open(config.store.clone()).unwrap();

    // What was before the schedule was made, nobody asked for.
    let reports = start(&config, &store);
    eventually("it begins", || store.reader().noted("report/daily").unwrap().is_some()).await;
    tokio::time::sleep(PACE.look * 5).await;
    assert!(server.mails().is_empty());
    reports.stop();

    // A day has gone by.
    store.note("report/daily", 0).unwrap();
    let reports = start(&config, &store);
    eventually("it is sent", || server.mails().len() == 1).await;
    eventually("that is remembered", || store.reader().noted("report/daily").unwrap() > Some(0)).await;
    tokio::time::sleep(PACE.look * 5).await;
    reports.stop();
    // A restart sends nothing twice.
    let reports = start(&config, &store);
    tokio::time::sleep(PACE.look * 5).await;
    reports.stop();
    let mails = server.mails();
    assert_eq!(mails.len(), 1);
    let mail = &mails[0];
    assert_eq!((&mail["to"], &mail["tls"]), (&serde_json::json!(["officer@council.example"]), &true.into()));
    let text = mail["text"].as_str().unwrap();
    assert!(text.contains("Subject: [camwatch] Whom the cameras called: "), "{text}");
    assert!(text.contains("No camera or recorder was seen."), "{text}");
    let files = files(text);
    let kinds: Vec<&str> = files.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["text/html", "text/csv"]);
    assert!(String::from_utf8_lossy(&files[0].1).trim_end().ends_with("</html>"));
    assert!(String::from_utf8_lossy(&files[1].1).starts_with("camera,camera_name,site,"));
    let (audit, _) = store.reader().audit(0, 10).unwrap();
    assert_eq!((audit.len(), audit[0].who.as_str(), audit[0].what.as_str()), (1, "camwatch", "send report"));
    assert!(audit[0].details.starts_with("daily by mail: [camwatch] Whom the cameras called: "), "{audit:?}");

    // The server is down when the next is due.
    drop(program);
    store.note("report/daily", 0).unwrap();
    let reports = start(&config, &store);
    tokio::time::sleep(PACE.retry * 4).await;
    assert_eq!(store.reader().noted("report/daily").unwrap(), Some(0), "not taken, not remembered as sent");
    let stats = reports.stats_view().snapshot().remove(0);
    assert_eq!(
        (stats.report.as_str(), stats.sink.as_str(), stats.sent, stats.last_success),
        ("daily", "mail", 0, None)
    );
    assert!(stats.failed > 0 && stats.failing_since.is_some() && stats.last_error.is_some(), "{stats:?}");
    let _program = server.start().unwrap();
    eventually("it is sent again", || server.mails().len() == 2).await;
    eventually("that is remembered", || store.reader().noted("report/daily").unwrap() > Some(0)).await;
    eventually("it is well", || reports.stats_view().snapshot()[0].failing_since.is_none()).await;
    let well = reports.stats_view().snapshot().remove(0);
    assert!(well.sent == 1 && well.failed >= stats.failed && well.last_error.is_none() && well.last_success.is_some());
    let id = |mail: &serde_json::Value| {
        let text = mail["text"].as_str().unwrap().to_owned();
        text.lines().find(|line| line.starts_with("Message-ID:")).unwrap().to_owned()
    };
    let mails = server.mails();
    assert_eq!(id(&mails[0]), id(&mails[1]), "the same report, sent again, can be told");
    reports.stop();
}

#[test]
fn a_schedule_is_written_back_as_it_was_read() {
    let folder = tempfile::tempdir().unwrap();
    if certificates(folder.path()).is_none() {
        return;
    }
    let config = config(folder.path(), 25);
    let effective = config.effective();
    assert!(
        effective.contains("[[report]]\n") && effective.contains("to = [\"officer@council.example\"]"),
        "{effective}"
    );
    let again = Config::parse("effective", &effective, Path::new("/elsewhere")).unwrap();
    assert_eq!((again.effective(), again.reports.len()), (effective, 1));
    let text = "[[sink]]\nname = \"mail\"\nkind = \"email\"\nserver = \"mx.example\"\nfrom = \"a@b.example\"\n\
                to = [\"a@b.example\"]\n[[report]]\nname = \"r\"\nevery = \"day\"\nsink = \"mail\"\n";
    let errors = Config::parse("c.toml", text, folder.path()).unwrap_err().to_string();
    assert!(errors.contains("a [[report]] tells what was kept: name a file in [store] path"), "{errors}");
}
