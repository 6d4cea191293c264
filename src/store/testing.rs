//! What the tests of this room share.

use std::time::{Duration, Instant};

use super::checkpoint::{Checkpoint, HourRow, Row};
use crate::alert::{Alert, State, Told, Transition};
use crate::analyse::Counts;
use crate::geo::Class;
use crate::rules::Severity;
use crate::time::Timestamp;

pub(super) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

pub(super) fn eventually(mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < Duration::from_secs(20), "it never happened");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The `number`th transition of an alert.
pub(super) fn transition(alert: &str, number: u64, state: State) -> Transition {
    let time = Timestamp::from_parts(number as i64, 0);
    let event = match (state, number) {
        (State::Resolved, _) => Told::Resolved,
        (_, 1) => Told::Firing,
        _ => Told::Update,
    };
    let alert = Alert {
        id: alert.to_owned(),
        short: crate::alert::short_of(alert),
        rule: "overseas-rate".into(),
        severity: Severity::Critical,
        runbook: None,
        subject: "gate → 192.0.2.1".to_owned(),
        state,
        since: Timestamp::from_parts(0, 0),
        fired: Some(time),
        resolved: (state == State::Resolved).then_some(time),
        summary: "gate called it often".to_owned(),
        evidence: serde_json::json!({ "count": 1 }),
        ptr_claims: std::collections::BTreeMap::new(),
        acknowledged: None,
        suppressed_by: Vec::new(),
        flaps: 0,
    };
    Transition { key: format!("{}#{number}", alert.id), event, time, alert }
}

pub(super) fn checkpoint(format: u32, whole: bool, rows: &[(&'static str, u8, Option<u8>)]) -> Checkpoint {
    let rows = rows.iter().map(|(part, key, byte)| Row { part, key: vec![*key], bytes: byte.map(|byte| vec![byte]) });
    Checkpoint { format, whole, time: Timestamp::from_parts(9, 0), rows: rows.collect(), ..Checkpoint::default() }
}

pub(super) fn hour(hour: i64, camera: &str, destination: &str, attempts: u64) -> HourRow {
    let first = crate::device::hours::start_of(hour) + Duration::from_millis(1500);
    HourRow {
        hour,
        camera: camera.to_owned(),
        destination: destination.parse().unwrap(),
        names: vec!["cloud.example".to_owned()],
        country: Some("CN".to_owned()),
        owner: Some("AS45102 Alibaba (US) Technology Co., Ltd.".to_owned()),
        owner_country: Some("CN".to_owned()),
        class: Class::Overseas,
        services: vec!["tcp/443".parse().unwrap()],
        counts: Counts { attempts, retries: 2, unanswered: attempts, bytes_out: 60 * attempts, ..Counts::default() },
        first,
        last: first + Duration::from_secs(3000),
    }
}
