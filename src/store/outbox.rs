//! What waits to be sent, for the sinks.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

use super::handle::Store;
use super::state::Shared;
use super::transitions;
use crate::alert::{Alert, Entry, Outbox, State, Transition};

impl Outbox for Store {
    async fn set_sinks(&self, names: &[String]) {
        let shared = self.shared();
        shared.lock().set_sinks(names);
        shared.work.notify_one();
    }

    async fn waiting(&self, sink: &str, limit: usize) -> Vec<Entry> {
        let shared = self.shared().clone();
        let sink = sink.to_owned();
        off_the_runtime(move || waiting(&shared, &sink, limit)).await
    }

    async fn delivered(&self, sink: &str, seq: u64) {
        let shared = self.shared();
        shared.lock().delivered(sink, seq);
        shared.work.notify_one();
    }

    async fn firing(&self) -> Vec<Alert> {
        let shared = self.shared().clone();
        off_the_runtime(move || firing(&shared)).await
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.shared().changes.subscribe()
    }
}

/// The disk may be slow; the runtime goes on meanwhile.
async fn off_the_runtime<T: Send + 'static>(read: impl FnOnce() -> Vec<T> + Send + 'static) -> Vec<T> {
    tokio::task::spawn_blocking(read).await.unwrap_or_default()
}

/// What is not written but may be sent, and from where on. Looked at before the database: what is written in between is
/// found there.
fn held(shared: &Shared) -> Vec<(u64, Arc<Transition>)> {
    let state = shared.lock();
    let visible = state.visible;
    state.held.iter().take_while(|held| held.seq <= visible).map(|held| (held.seq, held.transition.clone())).collect()
}

fn waiting(shared: &Shared, sink: &str, limit: usize) -> Vec<Entry> {
    let Some(from) = shared.lock().sinks.get(sink).map(|cursor| cursor.seq) else { return Vec::new() };
    let held = held(shared);
    let written = shared.place.read().and_then(|connection| transitions::after(&connection, from, limit));
    let mut all: BTreeMap<u64, Arc<Transition>> = match written {
        Ok(written) => written.into_iter().map(|(seq, transition)| (seq, Arc::new(transition))).collect(),
        Err(error) => {
            tracing::warn!(%error, "what waits for a sink cannot be read");
            // What is written comes first, when it can be read: what is held must not go past it.
            let state = shared.lock();
            let next = state.undelivered.partition_point(|seq| *seq <= from);
            if state.undelivered.get(next).is_some_and(|seq| *seq <= state.committed) {
                return Vec::new();
            }
            BTreeMap::new()
        }
    };
    let full = all.len() >= limit;
    if !full {
        all.extend(held.into_iter().filter(|(seq, _)| *seq > from));
    }
    all.into_iter().take(limit).map(|(seq, transition)| Entry { seq, transition }).collect()
}

fn firing(shared: &Shared) -> Vec<Alert> {
    let held = held(shared);
    let written = shared.place.read().and_then(|connection| transitions::firing(&connection));
    let written = written.unwrap_or_else(|error| {
        tracing::warn!(%error, "the alerts that fire cannot be read");
        Vec::new()
    });
    let mut all: BTreeMap<String, (u64, Alert)> = BTreeMap::new();
    let told = written.into_iter().map(|(seq, transition)| (seq, transition.alert));
    for (seq, alert) in told.chain(held.into_iter().map(|(seq, transition)| (seq, transition.alert.clone()))) {
        all.insert(alert.id.clone(), (seq, alert));
    }
    let mut firing: Vec<(u64, Alert)> = all.into_values().filter(|(_, alert)| alert.state == State::Firing).collect();
    firing.sort_by_key(|(seq, _)| *seq);
    firing.into_iter().map(|(_, alert)| alert).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::file::Place;
    use crate::store::testing::transition;

    #[test]
    fn what_is_held_does_not_go_past_what_is_written_but_cannot_be_read() {
        let folder = tempfile::tempdir().unwrap();
        let shared = Shared::new(Place::File(folder.path().join("none.db")), 1);
        let hold = |number| {
            let told = transition("a", number, State::Firing);
            let document: Arc<str> = serde_json::to_string(&told).unwrap().into();
            let last = shared.lock().hold(vec![(Arc::new(told), document)]);
            shared.lock().visible = last;
        };
        shared.lock().set_sinks(&["log".to_owned()]);
        hold(1);
        assert_eq!(waiting(&shared, "log", 9).len(), 1, "nothing of it is written");
        shared.lock().written(1);
        hold(2);
        assert_eq!(waiting(&shared, "log", 9).len(), 0, "the first is written, and cannot be read");
        shared.lock().delivered("log", 1);
        assert_eq!(waiting(&shared, "log", 9)[0].seq, 2);
    }
}
