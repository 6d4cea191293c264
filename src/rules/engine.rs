//! All rules at work on one ledger.

use std::time::Duration;

use super::{Condition, Rule, Takes};
use crate::alert::Finding;
use crate::analyse::{Ledger, Pair, Step, StepKind};
use crate::time::Timestamp;

/// How often rules look, in capture time.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Runs the rules.
pub struct Engine {
    running: Vec<(Rule, Box<dyn Condition>)>,
    next_look: Option<Timestamp>,
}

impl Engine {
    /// Starts the rules.
    pub fn new(rules: Vec<Rule>) -> Self {
        let running = rules
            .into_iter()
            .map(|rule| {
                let condition = rule.kind.start();
                (rule, condition)
            })
            .collect();
        Self { running, next_look: None }
    }

    /// Takes other rules; those that are the same as before keep what they have counted.
    pub fn set_rules(&mut self, rules: Vec<Rule>) {
        let mut before = std::mem::take(&mut self.running);
        for rule in rules {
            let same = before.iter().position(|(old, _)| old.name == rule.name && old.source == rule.source);
            let condition = same.map_or_else(|| rule.kind.start(), |at| before.swap_remove(at).1);
            self.running.push((rule, condition));
        }
    }

    /// Takes a step of the ledger.
    pub fn observe(&mut self, step: &Step, ledger: &Ledger) {
        let kind = Takes::of(step.kind);
        if kind == Takes::NOTHING {
            return;
        }
        let pair = match step.kind {
            StepKind::Attempt { pair, .. } | StepKind::Outcome { pair, .. } | StepKind::Pulse { pair } => {
                ledger.pair_of(pair)
            }
            StepKind::Asked { .. } => None,
        };
        let Some((pair, camera)) = pair.and_then(|pair: &Pair| Some((pair, ledger.camera_of(pair.camera)?))) else {
            return;
        };
        for (rule, condition) in &mut self.running {
            if condition.takes().meets(kind) && rule.narrow.covers(camera, pair) {
                condition.observe(step, ledger);
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
        for (rule, condition) in &mut self.running {
            condition.look(rule, ledger, now, &mut findings);
        }
        findings
    }

    /// How often the tables of rules had no room for something.
    pub fn left_out(&self) -> u64 {
        self.running.iter().map(|(_, condition)| condition.left_out()).sum()
    }

    /// The rules.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.running.iter().map(|(rule, _)| rule)
    }
}
