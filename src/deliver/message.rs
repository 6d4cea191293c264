//! The message that says that it is a test.

use std::time::SystemTime;

use crate::alert::{Alert, State, Told, Transition};
use crate::rules::Severity;
use crate::time::Timestamp;

/// This moment by the wall clock, as delivery alone may use it.
pub(super) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::default() + since
}

/// What `test` sends.
pub(super) fn test() -> Transition {
    let now = now();
    let id = format!("camwatch-test/test/{}/{now}", host());
    Transition {
        key: format!("{id}#1"),
        event: Told::Firing,
        time: now,
        alert: Alert {
            short: crate::alert::short_of(&id),
            id,
            rule: "camwatch-test".into(),
            severity: Severity::Info,
            runbook: None,
            subject: "test".to_owned(),
            state: State::Firing,
            since: now,
            fired: Some(now),
            resolved: None,
            flaps: 0,
            summary: "This is a test of camwatch: nothing is wrong, and nothing needs to be done.".to_owned(),
            evidence: serde_json::json!({ "test": true }),
            ptr_claims: std::collections::BTreeMap::new(),
            acknowledged: None,
            suppressed_by: Vec::new(),
        },
    }
}

/// The name of this machine, as messages carry it.
pub(super) fn host() -> String {
    let name = rustix::system::uname();
    let name: String =
        name.nodename().to_string_lossy().trim().chars().filter(char::is_ascii_graphic).take(255).collect();
    if name.is_empty() { "camwatch".to_owned() } else { name }
}

/// An alert of two cameras, for tests.
#[cfg(test)]
pub(super) fn sample() -> Transition {
    let pair = serde_json::json!({
        "address": "120.26.96.67", "names": ["hik.example"], "country": "CN", "owner": "AS37963 Alibaba",
    });
    let camera = |id: &str, address: &str, name: Option<&str>| {
        serde_json::json!({
            "id": id, "addresses": [address], "mac": id, "name": name, "site": name.map(|_| "town hall"),
        })
    };
    let member = |camera: serde_json::Value| serde_json::json!({ "subject": camera["id"], "evidence": { "camera": camera, "pair": pair } });
    let mut transition = test();
    transition.time = Timestamp::from_parts(1_427_878_830, 0);
    transition.key = "overseas-rate/destination/120.26.96.67/2015-04-01T09:00:00Z#1".to_owned();
    let alert = &mut transition.alert;
    alert.id = "overseas-rate/destination/120.26.96.67/2015-04-01T09:00:00Z".to_owned();
    alert.short = crate::alert::short_of(&alert.id);
    alert.rule = "overseas-rate".into();
    alert.severity = Severity::Critical;
    alert.runbook = Some("https://intranet.example/cctv".into());
    alert.subject = "2 cameras → 120.26.96.67".to_owned();
    alert.since = Timestamp::from_parts(1_427_878_800, 0);
    alert.fired = Some(transition.time);
    alert.summary = "2 cameras: one of them, gate, called it 2,750 times in 15 min".to_owned();
    alert.evidence = serde_json::json!({
        "destination": "120.26.96.67", "count": 2,
        "members": [
            member(camera("44:19:b6:00:00:01", "10.20.7.31", Some("gate"))),
            member(camera("44:19:b6:00:00:02", "10.20.7.32", None)),
        ],
    });
    transition
}
