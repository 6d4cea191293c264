//! All sinks at work: started, read anew, stopped.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tracing::{error, warn};

use super::claims::Claims;
use super::worker::{InForce, Pace, Worker};
use super::{SinkConfig, SinkStats, StatsView};
use crate::alert::Outbox;
use crate::lookup::ReverseLookup;

/// Who looks destinations up, if anybody: shared with whoever reads the configuration anew.
pub type Lookup = Arc<tokio::sync::Mutex<Option<ReverseLookup>>>;

/// How long [`Dispatcher::stop`] lets sinks send what waits. What is not sent then stays in the outbox.
const FLUSH: Duration = Duration::from_secs(5);

/// A sink cannot be set to work.
#[derive(Debug, thiserror::Error)]
#[error("sink `{sink}`: {what}")]
pub struct SinkError {
    /// Its name.
    pub sink: String,
    /// Why, with the key that is at fault.
    pub what: String,
}

/// Every sink's task. Started within a tokio runtime, on which the tasks run.
pub struct Dispatcher<O> {
    outbox: O,
    claims: Arc<Claims>,
    stats: StatsView,
    stop: watch::Sender<bool>,
    tasks: BTreeMap<String, Task>,
}

struct Task {
    replace: mpsc::UnboundedSender<InForce>,
    handle: JoinHandle<()>,
}

impl<O: Outbox> Dispatcher<O> {
    /// Opens every sink and sets it to work: what the outbox holds for it is sent from now on. Nothing is started if one
    /// cannot be opened.
    pub async fn start(sinks: Vec<SinkConfig>, outbox: O, lookup: Lookup) -> Result<Self, SinkError> {
        let mut dispatcher = Self {
            outbox,
            claims: Arc::new(Claims::new(lookup)),
            stats: StatsView::default(),
            stop: watch::Sender::new(false),
            tasks: BTreeMap::new(),
        };
        dispatcher.reload(sinks).await?;
        Ok(dispatcher)
    }

    /// These sinks are in force from now on. Files and secrets are opened anew, also of sinks that stay as they are; if one
    /// cannot be opened, all stays as it was. A sink of the same name goes on where it was.
    pub async fn reload(&mut self, sinks: Vec<SinkConfig>) -> Result<(), SinkError> {
        let mut opened = Vec::new();
        for sink in sinks {
            let wrong = |what| SinkError { sink: sink.name.to_string(), what };
            let receiver = sink.kind.open().map_err(wrong)?;
            for path in sink.open_secrets() {
                let path = path.display();
                warn!(sink = %sink.name, "{path} can be read by everybody on this machine: chmod 600 {path}");
            }
            let SinkConfig { name, kind_word, wanted, retry_max, .. } = sink;
            opened.push((name.to_string(), kind_word, InForce { wanted, retry_max, receiver }));
        }
        let names: Vec<(String, &'static str)> = opened.iter().map(|(name, kind, _)| (name.clone(), *kind)).collect();
        let gone: Vec<String> =
            self.tasks.keys().filter(|name| !names.iter().any(|(n, _)| n == *name)).cloned().collect();
        for name in gone {
            if let Some(task) = self.tasks.remove(&name) {
                task.handle.abort();
            }
        }
        self.stats.set_sinks(&names);
        let names: Vec<String> = names.into_iter().map(|(name, _)| name).collect();
        self.outbox.set_sinks(&names).await;
        for (name, _, in_force) in opened {
            let Some(in_force) = self.hand_over(&name, in_force) else { continue };
            let (replace, replacements) = mpsc::unbounded_channel();
            let worker = Worker {
                name: name.clone(),
                outbox: self.outbox.clone(),
                claims: self.claims.clone(),
                stats: self.stats.clone(),
                in_force,
                replacements,
                stop: self.stop.subscribe(),
                pace: Pace::default(),
            };
            self.tasks.insert(name, Task { replace, handle: tokio::spawn(worker.run()) });
        }
        Ok(())
    }

    /// To the task of that name; given back where there is none.
    fn hand_over(&self, name: &str, in_force: InForce) -> Option<InForce> {
        match self.tasks.get(name) {
            Some(task) => task.replace.send(in_force).err().map(|back| back.0),
            None => Some(in_force),
        }
    }

    /// How each sink does now.
    pub fn stats(&self) -> Vec<SinkStats> {
        self.stats.snapshot()
    }

    /// The same, for whoever asks later and elsewhere.
    pub fn stats_view(&self) -> StatsView {
        self.stats.clone()
    }

    /// Lets every sink send what waits, for 5 s at most, then ends all. To be called when nothing more is put into the outbox.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        let deadline = tokio::time::Instant::now() + FLUSH;
        for (name, mut task) in self.tasks {
            match tokio::time::timeout_at(deadline, &mut task.handle).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => error!(sink = name, "ended early: {error}"),
                Err(_) => {
                    warn!(sink = name, "does not end in time; what it has not sent stays in the outbox");
                    task.handle.abort();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Instant;

    use super::super::message::sample;
    use super::super::outbox::Memory;
    use super::super::{Failure, Kind, Receiver, Sending, Wanted};
    use super::*;
    use crate::alert::{Told, Transition};
    use crate::rules::Severity;

    /// A receiver that answers as it is told to, and remembers.
    #[derive(Debug, Clone, Default)]
    struct Script(Arc<Mutex<(Vec<Failure>, Vec<String>)>>);

    impl Script {
        fn taken(&self) -> Vec<String> {
            self.0.lock().unwrap().1.clone()
        }

        fn sink(&self, name: &str) -> SinkConfig {
            let kind = Arc::new(self.clone());
            let retry_max = Duration::from_secs(1);
            let wanted = Wanted::default();
            SinkConfig { name: name.into(), kind_word: "script", wanted, retry_max, kind, source: String::new() }
        }
    }

    impl Kind for Script {
        fn open(&self) -> Result<Box<dyn Receiver>, String> {
            Ok(Box::new(self.clone()))
        }
    }

    impl Receiver for Script {
        fn prepare(&self, batch: &[Arc<Transition>]) -> Result<usize, Failure> {
            Ok(batch.len())
        }

        fn send<'a>(&'a mut self, batch: &'a [Arc<Transition>]) -> Sending<'a> {
            Box::pin(async move {
                let mut script = self.0.lock().unwrap();
                if let Some(failure) = script.0.pop() {
                    return Err(failure);
                }
                script.1.extend(batch.iter().map(|transition| transition.key.clone()));
                Ok(())
            })
        }
    }

    fn numbered(number: usize) -> Transition {
        let mut transition = sample();
        transition.key = number.to_string();
        transition
    }

    async fn eventually(what: &str, done: impl Fn() -> bool) {
        let began = Instant::now();
        while !done() {
            assert!(began.elapsed() < Duration::from_secs(10), "never happened: {what}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    async fn started(outbox: &Memory, sinks: Vec<SinkConfig>) -> Dispatcher<Memory> {
        Dispatcher::start(sinks, outbox.clone(), Lookup::default()).await.unwrap()
    }

    #[tokio::test]
    async fn one_that_is_down_holds_back_nobody_and_gets_everything_in_order() {
        let (outbox, down, up) = (Memory::default(), Script::default(), Script::default());
        down.0.lock().unwrap().0 = vec![Failure::later("down"); 2];
        let dispatcher = started(&outbox, vec![down.sink("down"), up.sink("up")]).await;
        (0..300).for_each(|number| outbox.put(numbered(number)));
        let all: Vec<String> = (0..300).map(|number| number.to_string()).collect();
        eventually("the one that is up has all", || up.taken() == all).await;
        assert_eq!(down.taken(), Vec::<String>::new());
        let failing = &dispatcher.stats()[0];
        assert!(failing.failing_since.is_some() && failing.last_error.as_deref() == Some("down"));
        eventually("the other has all", || down.taken() == all).await;
        let stats = dispatcher.stats();
        assert_eq!((stats[0].delivered, stats[0].retries, stats[0].failing_since), (300, 2, None));
        assert!(stats[0].last_success.is_some());
        dispatcher.stop().await;
    }

    #[tokio::test]
    async fn what_is_refused_is_counted_and_passed_over() {
        let (outbox, script) = (Memory::default(), Script::default());
        script.0.lock().unwrap().0 = vec![Failure::Refused("no".to_owned())];
        let dispatcher = started(&outbox, vec![script.sink("s")]).await;
        (0..3).for_each(|number| outbox.put(numbered(number)));
        eventually("the rest is taken", || script.taken() == ["1", "2"]).await;
        assert_eq!((dispatcher.stats()[0].refused, dispatcher.stats()[0].retries), (1, 0));
        dispatcher.stop().await;
    }

    #[tokio::test]
    async fn only_what_is_wanted_is_sent_and_the_rest_is_done_with() {
        let (outbox, script) = (Memory::default(), Script::default());
        let mut sink = script.sink("s");
        sink.wanted.severity = Some(Severity::Critical);
        sink.wanted.rules = vec![globset::Glob::new("overseas-*").unwrap().compile_matcher()];
        sink.wanted.events = vec![Told::Firing];
        let dispatcher = started(&outbox, vec![sink]).await;
        // More than are looked at together, and none of them wanted.
        for number in 0..600 {
            let mut transition = numbered(number);
            match number % 3 {
                0 => transition.alert.severity = Severity::Warning,
                1 => transition.alert.rule = "camera-silent".into(),
                _ => transition.event = Told::Resolved,
            }
            outbox.put(transition);
        }
        outbox.put(numbered(600));
        eventually("the wanted one is taken", || script.taken() == ["600"]).await;
        eventually("nothing waits", || outbox.is_empty_for("s")).await;
        dispatcher.stop().await;
    }

    #[tokio::test]
    async fn a_reload_goes_on_where_it_was_and_one_that_fails_changes_nothing() {
        let (outbox, old, new) = (Memory::default(), Script::default(), Script::default());
        old.0.lock().unwrap().0 = vec![Failure::Later { why: "down".to_owned(), after: Some(Duration::from_secs(60)) }];
        let mut dispatcher = started(&outbox, vec![old.sink("s")]).await;
        outbox.put(numbered(0));
        eventually("it fails", || old.0.lock().unwrap().0.is_empty()).await;
        let wrong = SinkConfig::output(std::path::Path::new("/no/such/folder/file"));
        let error = dispatcher.reload(vec![wrong]).await.unwrap_err().to_string();
        assert!(error.starts_with("sink `output`: /no/such/folder/file cannot be opened for writing: "), "{error}");
        // What is new is tried at once, however long the old one wanted to be left alone.
        dispatcher.reload(vec![new.sink("s")]).await.unwrap();
        eventually("the new one has it", || new.taken() == ["0"]).await;
        assert_eq!(old.taken(), Vec::<String>::new());
        dispatcher.reload(Vec::new()).await.unwrap();
        assert!(dispatcher.stats().is_empty());
        dispatcher.stop().await;
    }

    #[tokio::test]
    async fn stopping_sends_what_waits_and_does_not_wait_for_one_that_is_down() {
        let (outbox, up, down) = (Memory::default(), Script::default(), Script::default());
        down.0.lock().unwrap().0 = vec![Failure::later("down"); 50];
        let dispatcher = started(&outbox, vec![up.sink("up"), down.sink("down")]).await;
        (0..100).for_each(|number| outbox.put(numbered(number)));
        let began = Instant::now();
        dispatcher.stop().await;
        assert!(began.elapsed() < Duration::from_secs(3));
        assert_eq!(up.taken().len(), 100);
        assert_eq!(down.taken().len(), 0);
        assert_eq!(outbox.waiting("down", 1000).await.len(), 100, "it stays in the outbox");
    }
}
