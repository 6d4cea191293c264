//! The analyser's half: batches of events in, transitions of alerts out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::checkpoint::Written;
use super::front::Batch;
use crate::alert::{
    AcknowledgeError, Again, Alert, Alerts, Finding, RuleGone, SuppressError, SuppressionEntry, Transition, WouldHide,
};
use crate::analyse::Ledger;
use crate::config::Config;
use crate::geo::Geo;
use crate::latency::Latency;
use crate::rules::{Engine, Rule, Suppression, SuppressionSpec};
use crate::time::Timestamp;

/// In logs, what is this much earlier than what was taken before is counted, but no rule looks back to it.
const LATE: Duration = Duration::from_secs(60);
/// A capture that steps back by so much starts time anew.
const STEP_BACK: Duration = Duration::from_secs(3600);
/// A clock that was set back by so much is followed, and what was learnt stays. Longer than a capture thread holds batches back
/// from those of another.
const SET_BACK: Duration = Duration::from_secs(300);

/// Ledger, rules and alerts, on capture time.
pub struct Analysis {
    pub(super) ledger: Ledger,
    pub(super) engine: Engine,
    pub(super) alerts: Alerts,
    pub(super) now: Timestamp,
    /// Time never starts anew: what lies far back is late.
    in_order: bool,
    pub(super) written: Written,
    /// Every alert as it stands, where somebody asked since it was last otherwise.
    listed: Option<Arc<Vec<Alert>>>,
    /// By the wall clock: for metrics alone, nothing that is found depends on it.
    looks: Latency,
}

impl Analysis {
    /// Nothing seen yet.
    pub fn new(config: &Config, geo: Arc<Geo>) -> Self {
        let mut ledger = Ledger::new(config.watch_list(), geo, config.ledger_limits());
        ledger.set_max_loss(config.max_loss());
        let mut alerts = Alerts::default();
        alerts.set_suppressions(config.suppressions.clone());
        Self {
            ledger,
            engine: Engine::new(config.rules.clone()),
            alerts,
            now: Timestamp::MIN,
            in_order: false,
            written: Written::default(),
            listed: None,
            looks: Latency::default(),
        }
    }

    /// Nothing seen yet, and events come in order but for late ones, as from logs: these are counted, and move no time.
    pub fn of_logs(config: &Config, geo: Arc<Geo>) -> Self {
        Self { in_order: true, ..Self::new(config, geo) }
    }

    /// Takes a new configuration; what was counted stays.
    pub fn reconfigure(&mut self, config: &Config, geo: Arc<Geo>) {
        self.ledger.reconfigure(config.watch_list(), geo);
        self.ledger.set_max_loss(config.max_loss());
        for (rule, why) in self.engine.set_rules(config.rules.clone()) {
            self.alerts.end_rule(&rule, why);
        }
        self.mark_changed();
        self.alerts.set_suppressions(config.suppressions.clone());
    }

    /// Something is otherwise than it was written down and listed.
    fn mark_changed(&mut self) {
        self.written.news = true;
        self.listed = None;
    }

    /// Takes new country and owner data.
    pub fn set_geo(&mut self, geo: Arc<Geo>) {
        self.ledger.set_geo(geo);
    }

    /// Takes a batch, and gives what sinks should be told.
    pub fn take(&mut self, batch: &Batch) -> Vec<Transition> {
        let mut told = Vec::new();
        // Single events may come late, as lines of a log do; where the capture itself is long before, time starts anew.
        if self.now.since(batch.now) >= STEP_BACK && batch.now > Timestamp::MIN {
            self.now = Timestamp::MIN;
            self.ledger.rewind();
        }
        for event in &batch.events {
            if self.in_order {
                // Batches of logs are far apart in time.
                self.ledger.capture(event.time, 0, 0, false);
            }
            let late = self.in_order && self.now.since(event.time) > LATE;
            self.advance(event.time, &mut told);
            if let Some(step) = self.ledger.take(event)
                && !late
            {
                self.engine.observe(&step, &self.ledger);
            }
        }
        self.ledger.capture(batch.now, batch.frames, batch.lost, batch.down);
        // Only now: connections that ended with the time before are told of in it.
        if self.now.since(batch.now) >= SET_BACK && batch.now > Timestamp::MIN && !self.in_order {
            self.now = Timestamp::MIN;
            self.ledger.set_back();
        }
        self.advance(batch.now, &mut told);
        told
    }

    /// Events may lie behind one another; they never move time back.
    fn advance(&mut self, time: Timestamp, told: &mut Vec<Transition>) {
        if time <= self.now {
            return;
        }
        self.now = time;
        self.ledger.enter(time);
        if self.engine.is_due(time) {
            self.ledger.listen(time);
            told.extend(self.look(time));
            if self.ledger.age(time) {
                self.forget_gone();
            }
        }
    }

    /// Rules and alerts forget cameras that are gone: what they had may be another's with the next event.
    pub(super) fn forget_gone(&mut self) {
        self.engine.forget_gone(&self.ledger);
        self.alerts.forget_gone(&self.ledger);
        self.mark_changed();
    }

    /// Looks at every rule; of what is told now, the figures are those of now.
    fn look(&mut self, time: Timestamp) -> Vec<Transition> {
        let began = Instant::now();
        self.engine.refresh(self.alerts.due(time));
        let findings = self.engine.look(&self.ledger, time);
        let told = self.note(findings, time);
        self.looks.observe(began.elapsed());
        told
    }

    fn note(&mut self, findings: Vec<Finding>, time: Timestamp) -> Vec<Transition> {
        self.written.news |= !findings.is_empty();
        let told = self.alerts.take(findings, &self.ledger, time);
        self.written.news |= !told.is_empty();
        // What was found is judged anew as time goes on, too.
        self.listed = None;
        told
    }

    /// The end of the capture: a last look, and what waited for others fires.
    pub fn finish(&mut self) -> Vec<Transition> {
        if self.now == Timestamp::MIN {
            return Vec::new();
        }
        self.ledger.listen(self.now);
        self.mark_changed();
        let mut told = self.look(self.now);
        told.extend(self.alerts.finish(self.now));
        told
    }

    /// The ledger.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Alerts that fire or did.
    pub fn alerts(&self) -> Vec<Alert> {
        self.alerts.all(self.now)
    }

    /// Alerts that an exception keeps back or kept back.
    pub fn suppressed(&self) -> Vec<Alert> {
        self.alerts.suppressed(self.now)
    }

    /// Every alert: those that fire or did, then those that an exception keeps back or kept back. Made once for all who ask
    /// until something changes.
    pub fn alert_list(&mut self) -> Arc<Vec<Alert>> {
        if let Some(listed) = &self.listed {
            return listed.clone();
        }
        let mut all = self.alerts();
        all.extend(self.suppressed());
        self.listed.insert(Arc::new(all)).clone()
    }

    /// What an exception would keep back of what is told now.
    pub fn would_hide(&self, exception: &Suppression) -> WouldHide {
        self.alerts.would_hide(exception, &self.ledger, self.now)
    }

    /// The rules in force.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.engine.rules()
    }

    /// Takes an alert on; see [`Alerts::acknowledge`].
    pub fn acknowledge(
        &mut self,
        id: &str,
        who: &str,
        note: &str,
        at: Timestamp,
    ) -> Result<Transition, AcknowledgeError> {
        self.mark_changed();
        self.alerts.acknowledge(id, who, note, at)
    }

    /// Makes an exception, from the next look on.
    pub fn suppress(&mut self, spec: SuppressionSpec) -> Result<(), SuppressError> {
        self.mark_changed();
        self.alerts.suppress(spec, self.now)
    }

    /// Ends an exception that was made while camwatch ran: at the next look, what it hid and still holds fires.
    pub fn end_suppression(&mut self, name: &str) -> Result<(), SuppressError> {
        self.mark_changed();
        self.alerts.end_suppression(name)
    }

    /// Every exception, with what it has hidden.
    pub fn suppressions(&self) -> Vec<SuppressionEntry> {
        self.alerts.suppressions(self.now)
    }

    /// Takes alerts back that were written down, and what was told after that; the exceptions are those that are configured
    /// now. Alerts of rules that are no more end at the next look.
    pub fn put_back(&mut self, alerts: Alerts, later: Vec<Transition>) {
        self.mark_changed();
        let before = std::mem::replace(&mut self.alerts, alerts);
        self.alerts.take_configured_from(before);
        // What the rules found before is told to these alerts once more: they don't know of all of it.
        self.engine.refresh(later.iter().map(|told| (told.alert.rule.clone(), Again::All)).collect());
        self.alerts.adopt(later);
        for rule in self.alerts.rules() {
            if !self.engine.rules().any(|known| known.name == rule) {
                self.alerts.end_rule(&rule, RuleGone::Removed);
            }
        }
    }

    /// Rules in force.
    pub fn rule_count(&self) -> usize {
        self.engine.rules().count()
    }

    /// How long each look at the rules took.
    pub fn looks(&self) -> Latency {
        self.looks
    }

    /// Takes what camwatch found wrong with itself.
    pub fn note_own(&mut self, findings: Vec<Finding>) -> Vec<Transition> {
        // Before the first packet there is no capture time yet.
        let now = findings.iter().map(|finding| finding.since).fold(self.now, Timestamp::max);
        self.note(findings, now)
    }

    /// How often the tables of rules had no room.
    pub fn rules_left_out(&self) -> u64 {
        self.engine.left_out()
    }

    /// The life of alerts, for metrics.
    pub fn alert_book(&self) -> &Alerts {
        &self.alerts
    }

    /// How far capture time is.
    pub fn now(&self) -> Timestamp {
        self.now
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::net::Segment;
    use crate::track::{Event, EventKind};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_parts(1_427_878_800 + second, 0)
    }

    /// A batch of each second, with these attempts in it.
    fn take(analysis: &mut Analysis, seconds: std::ops::Range<i64>, attempts: usize) -> Vec<Transition> {
        let mut told = Vec::new();
        for second in seconds {
            let kind = EventKind::Attempt {
                destination: IpAddr::from([120, 26, 96, 67]),
                service: "tcp/7660".parse().unwrap(),
            };
            let device = IpAddr::from([10, 20, 7, 31]);
            let event = Event { time: at(second), segment: Segment::Whole, device, mac: None, kind };
            let batch = Batch { events: vec![event; attempts], now: at(second), frames: 1, lost: 0, down: false };
            told.extend(analysis.take(&batch));
        }
        told
    }

    fn watching(attempts: u64) -> Analysis {
        let rule = format!(
            "[watch]\nall = true\n[rules]\ndefaults = false\n[[rule]]\nname = \"calls\"\nkind = \"rate\"\n\
             severity = \"warning\"\nwindow = \"1 h\"\nattempts = {attempts}\n"
        );
        let config =
            Config::parse("c.toml", &rule, std::path::Path::new("/")).unwrap_or_else(|error| panic!("{error}"));
        let mut analysis = Analysis::new(&config, Arc::new(Geo::built_in()));
        analysis.ledger.count_hours();
        analysis
    }

    #[test]
    fn rules_look_on_after_a_clock_is_set_back() {
        let mut analysis = watching(1000);
        assert_eq!(take(&mut analysis, 3000..3060, 1).len(), 0);
        // By half an hour; the alert does not wait for half an hour.
        let told = take(&mut analysis, 1200..1300, 20);
        assert_eq!((told.len(), analysis.now()), (1, at(1299)));
        assert_eq!(analysis.ledger().totals().attempts, 60 + 2000);
        analysis.finish();
        let attempts: u64 = analysis.ledger.take_hours().0.iter().map(|hour| hour.counts.attempts).sum();
        assert_eq!(attempts, 60 + 2000, "each is in one hour, once");
    }

    #[test]
    fn what_comes_after_a_clock_is_set_back_is_not_counted_on_top_of_what_was_before() {
        // One a second is never more than 3600 an hour, and a little for the steps of the window.
        let mut analysis = watching(3800);
        assert_eq!(take(&mut analysis, 0..7200, 1).len(), 0);
        assert_eq!(take(&mut analysis, 5400..10_000, 1).len(), 0);
        assert_eq!(analysis.ledger().totals().attempts, 7200 + 4600);
    }
}
