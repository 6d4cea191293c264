//! Rules that judge each call, and each name asked for, by itself: may that be? What all of them share.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ahash::AHashMap;
use serde_json::{Value, json};

use super::target::{By, Target};
use super::{Condition, Rule, Takes, words};
use crate::alert::{Finding, GroupKey};
use crate::analyse::{Camera, CameraId, Ledger, NameId, NamePair, Pair, PairId, Step, StepKind};
use crate::net::Service;
use crate::time::Timestamp;

/// Findings that hold at a time; what comes beyond waits until others have ended.
const MAX_FOUND: usize = 10_000;
/// What happened between two looks and is judged; what comes beyond is when it happens again.
const MAX_FRESH: usize = 100_000;
/// A finding ends when nothing like it happened for so long.
const QUIET: Duration = Duration::from_secs(3600);
/// A finding that goes on is made again with newer figures this often.
const REFRESH: Duration = Duration::from_secs(300);
/// Names come a moment after the call that they belong to: for so long a call is judged again.
const YOUNG: Duration = Duration::from_secs(60);

/// Why a call or a question may not be.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Breach {
    /// For people: a clause behind a colon, such as "its owner's country CN is denied".
    pub(super) reason: String,
    /// For machines.
    pub(super) evidence: Value,
    /// What it is put together by, where the judge knows better.
    pub(super) target: Option<Target>,
}

/// Says what may not be.
pub(super) trait Judge: Send + Sync {
    /// The steps whose calls and names are judged.
    fn takes(&self) -> Takes;
    /// What findings are put together by.
    fn by(&self) -> By;
    /// Judges a camera's calls to a destination, by all that is known of it now.
    fn call(&self, camera: &Camera, pair: &Pair) -> Option<Breach>;
    /// Judges a call to an internal destination.
    fn inside(&self, _: IpAddr, _: Service) -> Option<Breach> {
        None
    }
    /// Judges a question for a name.
    fn name(&self, _: &Camera, _: &NamePair) -> Option<Breach> {
        None
    }
}

/// What was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Act {
    Call(PairId),
    Question(NameId),
    /// A call to an internal destination.
    Inside(CameraId, IpAddr, Service),
}

#[derive(Debug)]
struct Found {
    /// The last that was found.
    act: Act,
    since: Timestamp,
    last: Timestamp,
    told: Option<Timestamp>,
}

/// Judges at each look what happened since the one before.
pub(super) struct Running {
    judge: Arc<dyn Judge>,
    /// What happened since the last look, and when first.
    fresh: AHashMap<Act, Timestamp>,
    /// The call of the last step: the next is most often the same.
    last: Option<Act>,
    found: BTreeMap<(CameraId, Target), Found>,
    /// The judge has changed its mind: all that was found is judged again.
    again: bool,
}

impl Running {
    pub(super) fn new(judge: Arc<dyn Judge>) -> Self {
        Self { judge, fresh: AHashMap::new(), last: None, found: BTreeMap::new(), again: false }
    }

    /// Who did it, under what it is put together, and what is wrong with it, if the rule is about it.
    fn judge<'a>(&self, act: Act, rule: &Rule, ledger: &'a Ledger) -> Option<(CameraId, &'a Camera, Target, Breach)> {
        match act {
            Act::Call(id) => {
                let pair = ledger.pair_of(id)?;
                let camera = ledger.camera_of(pair.camera).filter(|camera| !camera.behind_router)?;
                let breach = rule.narrow.covers(camera, pair).then(|| self.judge.call(camera, pair))??;
                let target = breach.target.clone().or_else(|| self.judge.by().targets(pair).into_iter().next());
                Some((pair.camera, camera, target.unwrap_or(Target::Address(pair.address)), breach))
            }
            Act::Inside(id, address, service) => {
                let camera = ledger.camera_of(id).filter(|camera| !camera.behind_router)?;
                let breach = rule.narrow.covers_inside(camera, address, service);
                let breach = breach.then(|| self.judge.inside(address, service))??;
                Some((id, camera, Target::Address(address), breach))
            }
            Act::Question(id) => {
                let name = ledger.name_of(id)?;
                let camera = ledger.camera_of(name.camera).filter(|camera| !camera.behind_router)?;
                let breach =
                    rule.narrow.covers_question(camera, &name.name).then(|| self.judge.name(camera, name))??;
                Some((name.camera, camera, Target::Name(name.name.clone()), breach))
            }
        }
    }
}

impl Condition for Running {
    fn takes(&self) -> Takes {
        self.judge.takes()
    }

    fn narrows_at_look(&self) -> bool {
        true
    }

    fn renew(&mut self, rule: &Rule) {
        if let Some(judge) = rule.kind.judge() {
            self.judge = judge;
            self.again = true;
        }
    }

    fn observe(&mut self, step: &Step, _: &Ledger) {
        let act = match step.kind {
            StepKind::Attempt { pair, .. } | StepKind::Contact { pair, .. } | StepKind::Pulse { pair } => {
                Act::Call(pair)
            }
            StepKind::Asked { name } => Act::Question(name),
            StepKind::Inside { destination, service } => Act::Inside(step.camera, destination, service),
            StepKind::Inbound { .. } => return,
        };
        if self.last == Some(act) {
            return;
        }
        self.last = Some(act);
        if self.fresh.contains_key(&act) || self.fresh.len() >= MAX_FRESH {
            return;
        }
        // Most calls inside are the video and its control: they take no room.
        if let Act::Inside(_, address, service) = act
            && self.judge.inside(address, service).is_none()
        {
            return;
        }
        self.fresh.insert(act, step.time);
    }

    fn look(&mut self, rule: &Rule, ledger: &Ledger, now: Timestamp, findings: &mut Vec<Finding>) {
        self.last = None;
        let mut fresh: Vec<(Act, Timestamp)> = std::mem::take(&mut self.fresh).into_iter().collect();
        fresh.sort_unstable();
        for (act, time) in fresh {
            let Some((id, camera, target, breach)) = self.judge(act, rule, ledger) else { continue };
            let key = (id, target);
            if self.found.len() >= MAX_FOUND && !self.found.contains_key(&key) {
                continue;
            }
            let last = last_of(act, ledger).unwrap_or(time);
            let found = self.found.entry(key.clone()).or_insert(Found { act, since: time, last, told: None });
            (found.act, found.last) = (act, found.last.max(last));
            let due = found.told.is_none_or(|told| now.since(told) >= REFRESH);
            if due && found.last.since(found.since) >= rule.hold {
                found.told = Some(now);
                let since = found.since;
                findings.push(finding(rule, (camera, &key.1), since, Some((act, &breach)), ledger));
            }
        }
        let again = std::mem::take(&mut self.again);
        let ended: Vec<(CameraId, Target)> = self
            .found
            .iter()
            .filter(|(key, found)| {
                let doubtful = again || now.since(found.since) < YOUNG;
                now.since(found.last) >= QUIET
                    || (doubtful
                        && self
                            .judge(found.act, rule, ledger)
                            .is_none_or(|(id, _, target, _)| (id, &target) != (key.0, &key.1)))
            })
            .map(|(key, _)| key.clone())
            .collect();
        for key in ended {
            if let Some(found) = self.found.remove(&key)
                && found.told.is_some()
                && let Some(camera) = ledger.camera_of(key.0)
            {
                findings.push(finding(rule, (camera, &key.1), found.since, None, ledger));
            }
        }
    }
}

fn last_of(act: Act, ledger: &Ledger) -> Option<Timestamp> {
    match act {
        Act::Call(id) => ledger.pair_of(id).map(|pair| pair.last),
        Act::Question(id) => ledger.name_of(id).map(|name| name.last),
        Act::Inside(..) => None,
    }
}

/// What is found; without a breach it has ended.
fn finding(
    rule: &Rule,
    (camera, target): (&Camera, &Target),
    since: Timestamp,
    breach: Option<(Act, &Breach)>,
    ledger: &Ledger,
) -> Finding {
    let (mut value, mut reason, mut evidence) = (0.0, String::new(), Value::Null);
    if let Some((act, breach)) = breach {
        evidence = json!({ "breach": breach.evidence, "camera": words::camera_facts(camera) });
        match act {
            Act::Call(id) => {
                if let Some(pair) = ledger.pair_of(id) {
                    value = pair.attempts as f64;
                    reason = format!("called {}: {}, {}", words::destination(pair), breach.reason, pair.answer());
                    evidence["pair"] = words::pair_facts(pair);
                }
            }
            Act::Inside(_, address, service) => {
                reason = format!("called {address} ({service}, internal): {}", breach.reason);
                evidence["destination"] = json!({ "address": address, "service": service.to_string() });
            }
            Act::Question(id) => {
                if let Some(name) = ledger.name_of(id) {
                    reason = format!("asked for {}: {}", name.name, breach.reason);
                    evidence["name"] = json!({ "name": name.name, "addresses": name.addresses });
                }
            }
        }
    }
    Finding {
        rule: rule.name.clone(),
        severity: rule.severity,
        runbook: rule.runbook.clone(),
        group: GroupKey { kind: target.kind(), value: target.to_string().into() },
        member: camera.id.as_str().into(),
        since,
        holds: breach.is_some(),
        value,
        reason,
        evidence,
    }
}
