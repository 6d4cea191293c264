//! All rules at work on one ledger.

use std::time::Duration;

use super::{Condition, Rule, Takes};
use crate::alert::Finding;
use crate::analyse::{Ledger, Step, StepKind};
use crate::time::Timestamp;

/// How often rules look, in capture time.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Runs the rules.
pub struct Engine {
    running: Vec<Running>,
    /// What at least one of them takes.
    takes: Takes,
    next_look: Option<Timestamp>,
}

struct Running {
    rule: Rule,
    condition: Box<dyn Condition>,
    /// Whether the rule's hours include the minute that was asked for last.
    minute: (i64, bool),
}

impl Running {
    fn start(rule: Rule) -> Self {
        let condition = rule.kind.start();
        Self { rule, condition, minute: (i64::MIN, true) }
    }

    fn is_in_hours(&mut self, time: Timestamp) -> bool {
        let Some(hours) = &self.rule.narrow.hours else { return true };
        let minute = time.as_secs().div_euclid(60);
        if self.minute.0 != minute {
            self.minute = (minute, hours.include(minute));
        }
        self.minute.1
    }
}

impl Engine {
    /// Starts the rules.
    pub fn new(rules: Vec<Rule>) -> Self {
        let mut engine = Self { running: Vec::new(), takes: Takes::NOTHING, next_look: None };
        engine.set_rules(rules);
        engine
    }

    /// Takes other rules; those that are the same as before keep what they have counted.
    pub fn set_rules(&mut self, rules: Vec<Rule>) {
        let mut before = std::mem::take(&mut self.running);
        for rule in rules {
            let is_same = |old: &Running| old.rule.name == rule.name && old.rule.source == rule.source;
            let mut running = match before.iter().position(is_same) {
                Some(at) => before.swap_remove(at),
                None => Running::start(rule.clone()),
            };
            running.condition.renew(&rule);
            running.rule = rule;
            self.running.push(running);
        }
        let all = self.running.iter().map(|running| running.condition.takes());
        self.takes = all.fold(Takes::NOTHING, Takes::and);
    }

    /// Takes a step of the ledger.
    pub fn observe(&mut self, step: &Step, ledger: &Ledger) {
        let kind = Takes::of(step.kind);
        if !self.takes.meets(kind) {
            return;
        }
        let pair = match step.kind {
            StepKind::Attempt { pair, .. } | StepKind::Contact { pair, .. } | StepKind::Pulse { pair } => Some(pair),
            StepKind::Asked { .. } | StepKind::Inside { .. } | StepKind::Inbound { .. } => None,
        };
        let call = match pair {
            Some(pair) => {
                let Some(pair) = ledger.pair_of(pair) else { return };
                let Some(camera) = ledger.camera_of(pair.camera) else { return };
                Some((camera, pair))
            }
            None => None,
        };
        for running in &mut self.running {
            let condition = &running.condition;
            if condition.takes().meets(kind)
                && (condition.narrows_at_look()
                    || call.is_none_or(|(camera, pair)| running.rule.narrow.covers(camera, pair)))
                && running.is_in_hours(step.time)
            {
                running.condition.observe(step, ledger);
            }
        }
    }

    /// Whether `now` is time to look.
    pub fn is_due(&mut self, now: Timestamp) -> bool {
        let next = *self.next_look.get_or_insert(now + LOOK_EVERY);
        // A step back in time makes the next look due too.
        now >= next || next.since(now) > LOOK_EVERY
    }

    /// Looks at every rule.
    pub fn look(&mut self, ledger: &Ledger, now: Timestamp) -> Vec<Finding> {
        self.next_look = Some(now + LOOK_EVERY);
        let mut findings = Vec::new();
        for Running { rule, condition, .. } in &mut self.running {
            condition.look(rule, ledger, now, &mut findings);
        }
        findings
    }

    /// How often the tables of rules had no room for something.
    pub fn left_out(&self) -> u64 {
        self.running.iter().map(|running| running.condition.left_out()).sum()
    }

    /// The rules.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.running.iter().map(|running| &running.rule)
    }
}
