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
            self.ledger.age(time);
        }
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
