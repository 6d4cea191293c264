//! All rules at work on one ledger.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::evidence::Findings;
use super::{Condition, Rule, Takes};
use crate::alert::{Again, Finding, RuleGone};
use crate::analyse::{Ledger, Step, StepKind};
use crate::saved::{Piece, Pieces, decode, encode};
use crate::time::Timestamp;

/// How often rules look, in capture time.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Runs the rules.
pub struct Engine {
    running: Vec<Running>,
    /// Of each kind of step, the places in `running` of the rules that take it: most steps are for few of many rules.
    takers: [Vec<usize>; Takes::KINDS],
    next_look: Option<Timestamp>,
    /// Of each rule that was written down, what was: many find nothing for hours.
    written: BTreeMap<Vec<u8>, Digest>,
}

type Digest = [u8; 32];

const RULES: &str = "rule";
const LOOK: &str = "rules";

fn digest(bytes: &[u8]) -> Digest {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    digest.as_ref().try_into().unwrap_or_default()
}

/// What a rule's state is kept under: another text begins anew.
fn key_of(rule: &Rule) -> Vec<u8> {
    encode(&(&rule.name, digest(rule.source.as_bytes())))
}

struct Running {
    rule: Rule,
    condition: Box<dyn Condition>,
    /// What the condition says of itself.
    narrows_at_look: bool,
    /// Whether the rule's hours include the minute that was asked for last.
    minute: (i64, bool),
}

impl Running {
    fn start(rule: Rule) -> Self {
        let condition = rule.kind.start();
        let narrows_at_look = condition.narrows_at_look();
        Self { rule, condition, narrows_at_look, minute: (i64::MIN, true) }
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
        let mut engine =
            Self { running: Vec::new(), takers: Default::default(), next_look: None, written: BTreeMap::new() };
        engine.set_rules(rules);
        engine
    }

    /// Takes other rules; those that are the same as before keep what they have counted. Gives those that are gone or
    /// changed: what they found holds no longer, or is found anew.
    pub fn set_rules(&mut self, rules: Vec<Rule>) -> Vec<(Arc<str>, RuleGone)> {
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
        self.takers = std::array::from_fn(|kind| {
            let takes = |running: &Running| running.condition.takes().has_kind(kind);
            (0..self.running.len()).filter(|at| self.running.get(*at).is_some_and(takes)).collect()
        });
        let why = |name: &Arc<str>| {
            let changed = self.running.iter().any(|running| running.rule.name == *name);
            if changed { RuleGone::Changed } else { RuleGone::Removed }
        };
        before.into_iter().map(|old| (old.rule.name.clone(), why(&old.rule.name))).collect()
    }

    /// Takes a step of the ledger.
    pub fn observe(&mut self, step: &Step, ledger: &Ledger) {
        let Some(takers) = self.takers.get(Takes::kind_of(step.kind)).filter(|takers| !takers.is_empty()) else {
            return;
        };
        let pair = match step.kind {
            StepKind::Attempt { pair, service, .. }
            | StepKind::Contact { pair, service, .. }
            | StepKind::Pulse { pair, service } => Some((pair, service)),
            StepKind::Asked { .. } | StepKind::Inside { .. } | StepKind::Inbound { .. } => None,
        };
        let call = match pair {
            Some((pair, service)) => {
                let Some(pair) = ledger.pair_of(pair) else { return };
                let Some(camera) = ledger.camera_of(pair.camera) else { return };
                Some((camera, pair, service))
            }
            None => None,
        };
        for &at in takers {
            let Some(running) = self.running.get_mut(at) else { continue };
            if (running.narrows_at_look
                || call.is_none_or(|(camera, pair, called)| running.rule.narrow.covers_call(camera, pair, called)))
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
        now >= next || now < next - LOOK_EVERY
    }

    /// Has rules tell what holds of these once more at the next look: the figures of a message are to be those of its moment.
    pub fn refresh(&mut self, mut due: BTreeMap<Arc<str>, Again>) {
        for running in &mut self.running {
            if let Some(again) = due.remove(&running.rule.name) {
                running.condition.refresh(again);
            }
        }
    }

    /// Forgets cameras that are no more, and what there was of them, before others are at their places. Their findings end
    /// with them, see [`Alerts::forget_gone`](crate::alert::Alerts::forget_gone).
    pub fn forget_gone(&mut self, ledger: &Ledger) {
        self.running.iter_mut().for_each(|running| running.condition.forget_gone(ledger));
    }

    /// Looks at every rule.
    pub fn look(&mut self, ledger: &Ledger, now: Timestamp) -> Vec<Finding> {
        self.next_look = Some(now + LOOK_EVERY);
        let mut findings = Vec::new();
        for Running { rule, condition, .. } in &mut self.running {
            condition.look(rule, ledger, now, &mut Findings::of(rule, ledger, now, &mut findings));
        }
        findings
    }

    /// Gives a piece of every rule whose state changed since the last time, or of all.
    pub fn save(&mut self, whole: bool, pieces: &mut Vec<Piece>) {
        let mut before = std::mem::take(&mut self.written);
        for running in &self.running {
            let (key, bytes) = (key_of(&running.rule), running.condition.save());
            let now = digest(&bytes);
            if before.remove(&key) != Some(now) || whole {
                pieces.push(Piece { part: RULES, key: key.clone(), bytes: Some(bytes) });
            }
            self.written.insert(key, now);
        }
        pieces.extend(before.into_keys().map(|key| Piece { part: RULES, key, bytes: None }));
        pieces.push(Piece { part: LOOK, key: Vec::new(), bytes: Some(encode(&self.next_look)) });
    }

    /// The rules go on from what was saved; those that were worded otherwise begin anew. Gives the names of rules that are
    /// not there any more in the words in which they were saved.
    pub fn restore(&mut self, pieces: &mut Pieces) -> Vec<Arc<str>> {
        let mut gone = Vec::new();
        for (key, bytes) in pieces.take(RULES) {
            // Also of a rule that there is no more: its piece goes at the next checkpoint.
            self.written.insert(key.clone(), digest(&bytes));
            match self.running.iter_mut().find(|running| key_of(&running.rule) == key) {
                Some(running) => {
                    if let Err(error) = running.condition.load(&bytes) {
                        pieces.leave_out(RULES, key, format!("rule {}: {error}", running.rule.name));
                    }
                }
                None => gone.extend(decode::<(Arc<str>, Digest)>(&key).map(|(name, _)| name)),
            }
        }
        self.next_look = pieces.take_one(LOOK).flatten();
        gone
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

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::super::testing::{rule, time};
    use super::*;
    use crate::analyse::LedgerLimits;
    use crate::device::WatchList;
    use crate::geo::Geo;
    use crate::net::Segment;
    use crate::track::{Event, EventKind, NameKind, NameSeen, Traffic};

    const ALL: [(&str, &str); 10] = [
        ("rate", "attempts = 1"),
        ("rate", "attempts = 1\nper = \"camera and destination\""),
        ("volume", "bytes = \"2 KiB\"\nwindow = \"2 h\""),
        ("surge", "by = \"owner\""),
        ("new_destination", "by = \"address\"\nper = \"camera\"\nlearning = \"1 h\""),
        ("long", "after = \"1 min\""),
        ("inbound", ""),
        ("lateral", "hosts = 1"),
        ("policy", "allow_countries = [\"GB\"]"),
        ("dns", "resolvers = [\"10.0.0.53\"]"),
    ];

    /// What each rule has counted and found.
    fn saved(engine: &Engine) -> Vec<(&'static str, Vec<u8>)> {
        engine.running.iter().map(|running| (running.rule.word, running.condition.save())).collect()
    }

    #[test]
    fn nothing_is_kept_of_a_camera_that_is_gone() {
        let limits = LedgerLimits { cameras: 1, ..LedgerLimits::default() };
        let mut ledger = Ledger::new(Arc::new(WatchList::new(Vec::new())), Arc::new(Geo::built_in()), limits);
        let rules: Vec<Rule> =
            ALL.iter().map(|(kind, keys)| rule(kind, keys).unwrap_or_else(|e| panic!("{kind}: {e:?}"))).collect();
        let mut engine = Engine::new(rules.clone());
        let take = |engine: &mut Engine, ledger: &mut Ledger, from: [u8; 4], at: i64, kind: EventKind| {
            let event = Event { time: time(at), segment: Segment::Whole, device: from.into(), mac: None, kind };
            if let Some(step) = ledger.take(&event) {
                engine.observe(&step, ledger);
            }
        };
        let service = || "tcp/443".parse().unwrap();
        let china: IpAddr = "120.26.96.67".parse().unwrap();
        let camera = [10, 20, 0, 1];
        let traffic = Traffic { bytes_out: 10_000, lasted: Duration::from_secs(100), ..Traffic::default() };
        let kinds = [
            EventKind::Attempt { destination: china, service: service() },
            EventKind::Contact { destination: china, service: service(), outcome: None, traffic },
            EventKind::Attempt { destination: "10.20.1.1".parse().unwrap(), service: service() },
            EventKind::Attempt { destination: "10.20.1.2".parse().unwrap(), service: service() },
            EventKind::Inbound { from: china, from_port: 1000, service: service() },
            EventKind::Name(Box::new(NameSeen::said(NameKind::Dns, "a.example".to_owned()))),
        ];
        let mut nobody = Engine::new(rules);
        nobody.look(&ledger, time(10));
        let fresh = saved(&nobody);
        for second in [0, 1] {
            for kind in kinds.clone() {
                take(&mut engine, &mut ledger, camera, second, kind);
            }
            if second == 0 {
                assert!(!engine.look(&ledger, time(10)).is_empty());
            }
        }
        let known: Vec<bool> = saved(&engine).iter().zip(&fresh).map(|(now, fresh)| now != fresh).collect();
        assert_eq!(known, [true; ALL.len()], "each knows something of it");
        take(&mut engine, &mut ledger, [10, 20, 0, 2], 4000, kinds[0].clone());
        assert!(ledger.age(time(4000)));
        engine.forget_gone(&ledger);
        for (now, fresh) in saved(&engine).into_iter().zip(fresh) {
            assert_eq!(now, fresh);
        }
        take(&mut engine, &mut ledger, [10, 20, 0, 2], 4001, kinds[0].clone());
        let findings = engine.look(&ledger, time(4010));
        assert!(findings.iter().all(|finding| &*finding.member == "10.20.0.2"), "{findings:?}");
    }
}
