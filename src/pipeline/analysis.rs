//! The analyser's half: batches of events in, transitions of alerts out.

use std::sync::Arc;
use std::time::Duration;

use super::front::Batch;
use crate::alert::{Alert, Alerts, Transition};
use crate::analyse::Ledger;
use crate::config::Config;
use crate::geo::Geo;
use crate::rules::Engine;
use crate::time::Timestamp;

/// In logs, what is this much earlier than what was taken before is counted, but no rule looks back to it.
const LATE: Duration = Duration::from_secs(60);
/// A capture that steps back by so much starts time anew.
const STEP_BACK: Duration = Duration::from_secs(3600);

/// Ledger, rules and alerts, on capture time.
pub struct Analysis {
    ledger: Ledger,
    engine: Engine,
    alerts: Alerts,
    now: Timestamp,
    /// Time never starts anew: what lies far back is late.
    in_order: bool,
}

impl Analysis {
    /// Nothing seen yet.
    pub fn new(config: &Config, geo: Arc<Geo>) -> Self {
        let mut ledger = Ledger::new(config.watch_list(), geo, config.ledger_limits());
        ledger.set_max_loss(config.max_loss());
        Self {
            ledger,
            engine: Engine::new(config.rules.clone()),
            alerts: Alerts::default(),
            now: Timestamp::MIN,
            in_order: false,
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
        self.engine.set_rules(config.rules.clone());
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
        if self.engine.is_due(time) {
            self.ledger.listen(time);
            let findings = self.engine.look(&self.ledger, time);
            told.extend(self.alerts.take(findings, time));
            self.ledger.age(time);
        }
    }

    /// The end of the capture: a last look, and what waited for others fires.
    pub fn finish(&mut self) -> Vec<Transition> {
        if self.now == Timestamp::MIN {
            return Vec::new();
        }
        self.ledger.listen(self.now);
        let findings = self.engine.look(&self.ledger, self.now);
        let mut told = self.alerts.take(findings, self.now);
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
