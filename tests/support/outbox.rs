//! An outbox in memory, and transitions to put into it. The unit tests of `deliver` use it too.
#![allow(dead_code, unreachable_pub, reason = "each test uses some of it")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use camwatch::alert::{Alert, Entry, Outbox, State, Transition};
use tokio::sync::watch;

/// What waits, and how far each sink is.
#[derive(Clone, Default)]
pub struct Memory {
    kept: Arc<Mutex<Kept>>,
    changes: watch::Sender<u64>,
}

#[derive(Default)]
struct Kept {
    entries: Vec<Entry>,
    cursors: BTreeMap<String, u64>,
}

impl Memory {
    /// Puts a transition in.
    pub fn put(&self, transition: Transition) {
        let mut kept = self.kept.lock().unwrap();
        let seq = kept.entries.len() as u64 + 1;
        kept.entries.push(Entry { seq, transition: Arc::new(transition) });
        self.changes.send_replace(seq);
    }

    /// Nothing waits for this sink.
    pub fn is_empty_for(&self, sink: &str) -> bool {
        let kept = self.kept.lock().unwrap();
        kept.cursors.get(sink) == Some(&(kept.entries.len() as u64))
    }
}

impl Outbox for Memory {
    async fn set_sinks(&self, names: &[String]) {
        let mut kept = self.kept.lock().unwrap();
        let last = kept.entries.len() as u64;
        kept.cursors.retain(|name, _| names.contains(name));
        for name in names {
            kept.cursors.entry(name.clone()).or_insert(last);
        }
    }

    async fn waiting(&self, sink: &str, limit: usize) -> Vec<Entry> {
        let kept = self.kept.lock().unwrap();
        let after = kept.cursors.get(sink).copied().unwrap_or(u64::MAX);
        kept.entries.iter().filter(|entry| entry.seq > after).take(limit).cloned().collect()
    }

    async fn delivered(&self, sink: &str, seq: u64) {
        self.kept.lock().unwrap().cursors.insert(sink.to_owned(), seq);
    }

    async fn firing(&self) -> Vec<Alert> {
        let kept = self.kept.lock().unwrap();
        let mut last = BTreeMap::new();
        for entry in &kept.entries {
            last.insert(entry.transition.alert.id.clone(), entry.transition.alert.clone());
        }
        last.into_values().filter(|alert| alert.state == State::Firing).collect()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

/// The `number`th transition of the alert about `address`: firing, or over.
pub fn transition(address: &str, number: u32, severity: &str, over: bool) -> Transition {
    let id = format!("overseas-rate/destination/{address}/2015-04-01T09:00:00Z");
    let (event, state) = match (over, number) {
        (true, _) => ("resolved", "resolved"),
        (false, 1) => ("firing", "firing"),
        (false, _) => ("update", "firing"),
    };
    let camera = |name: Option<&str>, last: u8| {
        serde_json::json!({
            "id": format!("44:19:b6:00:00:0{last}"), "mac": format!("44:19:b6:00:00:0{last}"),
            "addresses": [format!("10.20.7.3{last}")], "name": name, "site": "town hall",
        })
    };
    let pair = serde_json::json!({
        "address": address, "names": ["hik.example"], "country": "CN", "owner": "AS37963 Alibaba",
    });
    let member = |camera: serde_json::Value| serde_json::json!({ "subject": camera["id"], "evidence": { "camera": camera, "pair": pair } });
    let value = serde_json::json!({
        "key": format!("{id}#{number}"), "event": event, "time": "2015-04-01T09:00:30.5Z", "id": id,
        "rule": "overseas-rate", "severity": severity, "runbook": "https://intranet.example/cctv",
        "subject": format!("2 cameras → {address}"), "state": state, "since": "2015-04-01T09:00:00Z",
        "fired": "2015-04-01T09:00:30.5Z", "resolved": over.then_some("2015-04-01T10:00:00Z"),
        "summary": "2 cameras: one of them, gate, called it \"2,750\" times|in 15 min]",
        "evidence": {
            "destination": address, "count": 2,
            "members": [member(camera(Some("gate"), 1)), member(camera(None, 2))],
        },
    });
    serde_json::from_value(value).unwrap()
}
