//! The handle that everybody has: cheap to clone, the thread ends with the last one.

use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use rusqlite::Connection;

use super::checkpoint::Checkpoint;
use super::error::StoreError;
use super::file::Place;
use super::health::{Health, StoreStats};
use super::options::StoreOptions;
use super::people::{self, AuditRow, SuppressionRow};
use super::reader::{Reader, Restored};
use super::state::{Job, MAX_JOBS, Shared, Waiting};
use super::transitions::set_fact;
use super::writer::{Writer, memory_name, wall_s};
use crate::alert::Transition;
use crate::time::Timestamp;

/// The longest that [`Store::put`] waits for the disk; nobody in front of it waits longer.
pub const PUT_WAIT: Duration = Duration::from_secs(5);

/// What became of transitions that were put in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// They are on the disk.
    Written,
    /// They are held in memory until the database can be written; sinks get them all the same.
    Held,
}

/// A handle to what is kept.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Store {
    /// Opens, or makes, the database and starts its thread.
    ///
    /// An error is what a person has to see to: a database of a later version or of another program, or one that another
    /// camwatch uses. A disk that is full or a folder that is missing is none: [`health`](Self::health) tells it, and it
    /// is tried again. Checks the whole file first: some seconds for each gigabyte.
    pub fn open(options: StoreOptions) -> Result<Self, StoreError> {
        let place = options.path.clone().map_or_else(|| Place::Memory(memory_name()), Place::File);
        let shared = Arc::new(Shared::new(place, 1));
        let writer = Writer::new(shared.clone(), options)?;
        {
            let mut state = shared.lock();
            if state.failing.is_some() {
                // What the database has is not known: these numbers are later than any that it gave out.
                state.next = (wall_s() as u64) << 20;
                (state.committed, state.visible) = (state.next - 1, state.next - 1);
                state.wants_whole = true;
            } else {
                state.stats.writable = true;
            }
        }
        let thread = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || writer.run())
            .map_err(|error| StoreError::CannotWrite(format!("no thread can be started: {error}")))?;
        Ok(Self { inner: Arc::new(Inner { shared, thread: Mutex::new(Some(thread)) }) })
    }

    /// Keeps transitions. Returns when they are on the disk, or held because they cannot be written; after [`PUT_WAIT`] at
    /// the latest.
    pub fn put(&self, transitions: Vec<Transition>) -> Put {
        let documents = transitions.into_iter().filter_map(|transition| match serde_json::to_string(&transition) {
            Ok(document) => Some((Arc::new(transition), document.into())),
            Err(error) => {
                tracing::error!(%error, key = transition.key, "a transition cannot be written as JSON");
                None
            }
        });
        let documents: Vec<_> = documents.collect();
        if documents.is_empty() {
            return Put::Written;
        }
        let shared = &self.inner.shared;
        let mut state = shared.lock();
        let last = state.hold(documents);
        shared.work.notify_one();
        let until = Instant::now() + PUT_WAIT;
        loop {
            if state.committed >= last {
                return Put::Written;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() && state.behind.is_none() {
                tracing::warn!("the database does not answer: what is put in is held in memory");
                state.behind = Some(SystemTime::now());
            }
            if state.trouble().is_some() {
                state.visible = state.next - 1;
                shared.changes.send_replace(state.visible);
                return Put::Held;
            }
            state = shared.done.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Keeps what changed in the analyser; never waits. Every transition of before must have been put in.
    ///
    /// One that is not written yet is laid under this one. Look at [`wants_whole`](Self::wants_whole) before making one.
    pub fn checkpoint(&self, checkpoint: Checkpoint) {
        let mut state = self.inner.shared.lock();
        let seq = state.next - 1;
        state.lay_checkpoint(Waiting { checkpoint, seq, rows_lost: false });
        self.inner.shared.work.notify_one();
    }

    /// Whether the next checkpoint must be whole: there is none yet that it could be laid over.
    pub fn wants_whole(&self) -> bool {
        self.inner.shared.lock().wants_whole
    }

    /// The pieces of the last checkpoint, if they are of `format`, and what was told after it. Blocks on the disk.
    pub fn restore(&self, format: u32) -> Result<Restored, StoreError> {
        self.reader().restore(format)
    }

    /// Reads what is kept.
    pub fn reader(&self) -> Reader {
        Reader { shared: self.inner.shared.clone() }
    }

    /// Keeps a run-time suppression, or what changed of it. Blocks on the disk, [`PUT_WAIT`] at most.
    pub fn put_suppression(&self, suppression: SuppressionRow) -> Result<(), StoreError> {
        self.write(move |connection| people::put_suppression(connection, &suppression))
    }

    /// Ends a run-time suppression at a moment; gives whether there was one to end. Blocks on the disk, [`PUT_WAIT`] at
    /// most.
    pub fn end_suppression(&self, id: &str, at: Timestamp) -> Result<bool, StoreError> {
        let (id, (found, ended)) = (id.to_owned(), mpsc::sync_channel(1));
        self.write(move |connection| {
            found.try_send(people::end_suppression(connection, &id, at)?).unwrap_or_default();
            Ok(())
        })?;
        Ok(ended.try_recv().unwrap_or(false))
    }

    /// Keeps who did what. Blocks on the disk, [`PUT_WAIT`] at most.
    pub fn put_audit(&self, audit: AuditRow) -> Result<(), StoreError> {
        self.write(move |connection| people::put_audit(connection, &audit))
    }

    /// Notes a number under a name of its own. Blocks on the disk, [`PUT_WAIT`] at most.
    pub fn note(&self, name: &str, number: i64) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.write(move |connection| set_fact(connection, &name, number))
    }

    fn write(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<()> + Send + 'static) -> Result<(), StoreError> {
        let (answer, answered) = mpsc::sync_channel(1);
        {
            let mut state = self.inner.shared.lock();
            if let Some((_, why)) = state.trouble() {
                return Err(StoreError::CannotWrite(why));
            }
            if state.jobs.len() >= MAX_JOBS {
                return Err(StoreError::Busy);
            }
            state.jobs.push_back(Job { work: Box::new(work), answer });
            self.inner.shared.work.notify_one();
        }
        answered.recv_timeout(PUT_WAIT).unwrap_or(Err(StoreError::Busy))
    }

    /// Whether what should be kept is kept.
    pub fn health(&self) -> Health {
        let state = self.inner.shared.lock();
        match (state.trouble(), &state.set_aside) {
            (Some((since, error)), _) => Health::CannotWrite { since, error },
            (None, Some(aside)) => Health::SetAside(aside.clone()),
            (None, None) => Health::Good,
        }
    }

    /// What metrics tell of it. Cheap: asks the file system for one length.
    pub fn stats(&self) -> StoreStats {
        let shared = &self.inner.shared;
        let wal_bytes = shared.place.wal_bytes();
        let state = shared.lock();
        let waiting = state.sinks.iter().map(|(name, cursor)| {
            let delivered = state.undelivered.partition_point(|seq| *seq <= cursor.seq);
            (name.clone(), (state.undelivered.len() - delivered) as u64)
        });
        StoreStats { wal_bytes, held: state.held.len() as u64, waiting: waiting.collect(), ..state.stats.clone() }
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.inner.shared
    }

    /// Writes what is still to be written and ends the thread; what is put in after that is lost. Blocks on the disk.
    pub fn close(&self) {
        self.inner.close();
    }
}

impl Inner {
    fn close(&self) {
        self.shared.lock().closing = true;
        self.shared.work.notify_one();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the thread of the store ended early");
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::alert::{Outbox, State};
    use crate::store::testing::{block_on, checkpoint, eventually, hour, transition};

    fn at(path: &Path) -> StoreOptions {
        StoreOptions { path: Some(path.to_owned()), retry: Duration::from_millis(20), ..StoreOptions::default() }
    }

    fn keys(store: &Store, sink: &str) -> Vec<String> {
        let waiting = block_on(store.waiting(sink, 1000));
        waiting.into_iter().map(|entry| entry.transition.key.clone()).collect()
    }

    fn sinks(store: &Store, names: &[&str]) {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        block_on(store.set_sinks(&names));
    }

    #[test]
    fn in_memory_and_in_a_file_each_sink_gets_everything_once_it_was_there() {
        let folder = tempfile::tempdir().unwrap();
        for options in [StoreOptions::default(), at(&folder.path().join("kept.db"))] {
            let store = Store::open(options).unwrap();
            sinks(&store, &["log"]);
            assert_eq!(
                store.put(vec![transition("a", 1, State::Firing), transition("b", 1, State::Firing)]),
                Put::Written
            );
            sinks(&store, &["log", "mail"]);
            store.put(vec![transition("a", 2, State::Resolved)]);
            assert_eq!(keys(&store, "log"), ["a#1", "b#1", "a#2"]);
            assert_eq!(keys(&store, "mail"), ["a#2"], "a new sink begins at what is put in from now on");
            let first = block_on(store.waiting("log", 2));
            block_on(store.delivered("log", first[1].seq));
            assert_eq!(keys(&store, "log"), ["a#2"]);
            let stats = store.stats();
            assert_eq!((stats.waiting["log"], stats.waiting["mail"], stats.held), (1, 1, 0));
            let firing = block_on(store.firing());
            assert_eq!(firing.iter().map(|alert| alert.id.as_str()).collect::<Vec<_>>(), ["b"]);
            assert_eq!(store.health(), Health::Good);
            assert_eq!(keys(&store, "nobody"), [] as [&str; 0]);
        }
    }

    #[test]
    fn a_restart_continues_where_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kept.db");
        let store = Store::open(at(&path)).unwrap();
        assert!(store.wants_whole());
        sinks(&store, &["log", "gone"]);
        store.put(vec![transition("a", 1, State::Firing), transition("b", 1, State::Firing)]);
        let mut changes = store.changes();
        store.checkpoint(checkpoint(7, true, &[("pair", 1, Some(1)), ("pair", 2, Some(2))]));
        store.checkpoint(checkpoint(7, false, &[("pair", 1, None), ("rule", 3, Some(3))]));
        store.put(vec![transition("b", 2, State::Resolved), transition("c", 1, State::Firing)]);
        assert!(changes.has_changed().unwrap());
        let first = block_on(store.waiting("log", 1));
        block_on(store.delivered("log", first[0].seq));
        drop((store, changes.borrow_and_update()));

        let store = Store::open(at(&path)).unwrap();
        assert!(!store.wants_whole());
        let restored = store.restore(7).unwrap();
        let mut rows: Vec<_> = restored.rows.iter().map(|row| (row.part.as_str(), row.key[0])).collect();
        rows.sort_unstable();
        assert_eq!(rows, [("pair", 2), ("rule", 3)]);
        let later: Vec<&str> = restored.transitions.iter().map(|told| told.key.as_str()).collect();
        assert_eq!(later, ["b#2", "c#1"], "what was told after the checkpoint");
        sinks(&store, &["log"]);
        assert_eq!(keys(&store, "log"), ["b#1", "b#2", "c#1"]);
        let (last, told) = store.reader().alert("b").unwrap().unwrap();
        assert_eq!((last.key.as_str(), told.len()), ("b#2", 2));

        let restored = store.restore(8).unwrap();
        assert_eq!((restored.time, restored.rows.len()), (None, 0), "another format is learned anew");
        let firing: Vec<&str> = restored.transitions.iter().map(|told| told.key.as_str()).collect();
        assert_eq!(firing, ["a#1", "c#1"]);
        store.checkpoint(checkpoint(8, false, &[("pair", 9, Some(9))]));
        eventually(|| store.wants_whole());
        assert_eq!(store.restore(7).unwrap().rows.len(), 2, "rows of another format are not laid over these");
        store.checkpoint(checkpoint(8, true, &[("pair", 9, Some(9))]));
        eventually(|| store.restore(8).unwrap().rows.len() == 1);
    }

    #[test]
    fn one_process_has_the_database_and_nobody_else_may_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kept.db");
        let store = Store::open(at(&path)).unwrap();
        store.put(vec![transition("a", 1, State::Firing)]);
        for name in ["kept.db", "kept.db-wal", "kept.db-shm", "kept.db.lock"] {
            let mode = folder.path().join(name).metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
        assert!(matches!(Store::open(at(&path)), Err(StoreError::InUse { .. })));
        drop(store);
        let newer = Connection::open(&path).unwrap();
        newer.pragma_update(None, "user_version", 99).unwrap();
        drop(newer);
        let Err(error) = Store::open(at(&path)) else { panic!("a later version was opened") };
        assert!(error.to_string().contains("schema version 99"), "{error}");
        assert!(error.to_string().contains("move the file away"), "{error}");
    }

    #[test]
    fn a_broken_file_is_set_aside_and_a_new_one_begun() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kept.db");
        let no_database = |path: &Path| {
            std::fs::write(path, "this is no database, but it is long enough for a header\n".repeat(4)).unwrap();
        };
        let holes = |path: &Path| {
            let store = Store::open(at(path)).unwrap();
            store.put((0..200).map(|n| transition(&format!("a{n}"), 1, State::Firing)).collect());
            drop(store);
            let mut bytes = std::fs::read(path).unwrap();
            for byte in bytes.iter_mut().skip(4096 * 3).take(4096 * 8) {
                *byte = 0xa5;
            }
            std::fs::write(path, bytes).unwrap();
        };
        for (number, breaks) in [(1, &no_database as &dyn Fn(&Path)), (2, &holes)] {
            std::fs::remove_file(&path).unwrap_or_default();
            breaks(&path);
            let store = Store::open(at(&path)).unwrap();
            let Health::SetAside(aside) = store.health() else { panic!("{:?}", store.health()) };
            assert!(aside.file.is_file() && aside.file.to_string_lossy().contains("kept.db.broken-"), "{aside:?}");
            assert_eq!(store.stats().set_aside, 1);
            assert_eq!(store.put(vec![transition("b", 1, State::Firing)]), Put::Written);
            assert_eq!(block_on(store.firing()).len(), 1);
            let kept = std::fs::read_dir(folder.path())
                .unwrap()
                .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with("kept.db.broken-"));
            assert!(kept.count() >= number);
        }
    }

    #[test]
    fn a_folder_that_comes_later_gets_what_was_held() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("later/kept.db");
        let store = Store::open(at(&path)).unwrap();
        assert!(matches!(store.health(), Health::CannotWrite { error, .. } if error.contains("make the folder")));
        sinks(&store, &["log"]);
        let began = Instant::now();
        assert_eq!(store.put(vec![transition("a", 1, State::Firing)]), Put::Held);
        store.checkpoint(checkpoint(1, true, &[("pair", 1, Some(1))]));
        let mut more = checkpoint(1, false, &[("pair", 2, Some(2))]);
        more.hours = vec![hour(5, "camera", "192.0.2.1", 3)];
        store.checkpoint(more.clone());
        store.checkpoint(more);
        assert!(began.elapsed() < PUT_WAIT, "nobody waits for a disk that is known to fail");
        assert_eq!(keys(&store, "log"), ["a#1"], "it is sent all the same");
        assert_eq!(block_on(store.firing()).len(), 1);
        assert!(matches!(
            store.put_audit(AuditRow {
                time: Timestamp::MIN,
                who: "me".into(),
                what: "ack".into(),
                details: String::new()
            }),
            Err(StoreError::CannotWrite(_))
        ));
        std::fs::create_dir(folder.path().join("later")).unwrap();
        eventually(|| store.health() == Health::Good && store.stats().held == 0);
        assert_eq!(keys(&store, "log"), ["a#1"]);
        eventually(|| store.restore(1).is_ok_and(|restored| restored.rows.len() == 2));
        let mut attempts = Vec::new();
        let each = |row: crate::store::checkpoint::HourRow| {
            attempts.push(row.counts.attempts);
            std::ops::ControlFlow::Continue(())
        };
        store.reader().hours(0, 10, each).unwrap();
        assert_eq!(attempts, [6], "no hour is left out, none counted twice");
    }

    #[test]
    fn what_people_did_is_kept() {
        let store = Store::open(StoreOptions::default()).unwrap();
        let time = |second| Timestamp::from_parts(second, 0);
        for second in 1..=3 {
            let audit = AuditRow {
                time: time(second),
                who: "ann".into(),
                what: "acknowledge".into(),
                details: format!("{second}"),
            };
            store.put_audit(audit).unwrap();
        }
        let audit = store.reader().audit(0, 2).unwrap().0;
        assert_eq!(audit.iter().map(|row| row.details.as_str()).collect::<Vec<_>>(), ["3", "2"]);
        let document = serde_json::json!({ "reason": "the vendor updates them" });
        let suppression = SuppressionRow { id: "s1".into(), start: time(1), until: time(100), ended: None, document };
        store.put_suppression(suppression.clone()).unwrap();
        assert_eq!(store.reader().suppressions().unwrap(), std::slice::from_ref(&suppression));
        assert!(store.end_suppression("s1", time(50)).unwrap());
        assert!(!store.end_suppression("s1", time(60)).unwrap(), "it has ended");
        assert!(!store.end_suppression("s2", time(50)).unwrap());
        assert_eq!(store.reader().suppressions().unwrap()[0].ended, Some(time(50)));
        // One of the same name does not take its place on record.
        let again = SuppressionRow { start: time(60), ..suppression };
        store.put_suppression(again.clone()).unwrap();
        let kept = store.reader().suppressions().unwrap();
        assert_eq!((kept.len(), kept[0].ended, &kept[1]), (2, Some(time(50)), &again));
        assert!(store.end_suppression("s1", time(70)).unwrap());
    }

    #[test]
    fn held_transitions_are_bounded_and_what_leaves_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let mut options = at(&folder.path().join("never/kept.db"));
        options.retry = Duration::from_secs(60);
        let store = Store::open(options).unwrap();
        sinks(&store, &["log"]);
        let most = crate::store::state::MAX_HELD;
        let many = |from: usize, count: usize| {
            (from..from + count).map(|n| transition(&format!("a{n}"), 1, State::Firing)).collect()
        };
        store.put(many(0, most));
        let first = block_on(store.waiting("log", 10));
        block_on(store.delivered("log", first[9].seq));
        store.put(many(most, 15));
        let stats = store.stats();
        assert_eq!((stats.held, stats.unrecorded, stats.dropped), (most as u64, 10, 5));
        assert_eq!(stats.waiting["log"], most as u64);
        assert_eq!(keys(&store, "log")[0], "a15#1");
    }
}
