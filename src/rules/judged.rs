//! Rules that judge each call, and each name asked for, by itself: may that be? What all of them share.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ahash::AHashMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::evidence::Findings;
use super::target::{By, Target};
use super::{Condition, Rule, Takes, in_order, words};
use crate::alert::{About, Again, Called, Finding};
use crate::analyse::{Camera, CameraId, Ledger, NameId, NamePair, Pair, PairId, Step, StepKind};
use crate::net::Service;
use crate::saved::{Damaged, decode, encode_small};
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
    /// Judges a camera's calls to a service of a destination, by all that is known of it now.
    fn call(&self, camera: &Camera, pair: &Pair, called: Service) -> Option<Breach>;
    /// Whether files say what may be: they may say something else after a restart.
    fn reads_files(&self) -> bool {
        false
    }
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Act {
    Call(PairId, Service),
    Question(NameId),
    /// A call to an internal destination.
    Inside(CameraId, IpAddr, Service),
}

#[derive(Debug, Serialize, Deserialize)]
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
    /// What holds is told once more at the next look.
    tell_again: Again,
}

impl Running {
    pub(super) fn new(judge: Arc<dyn Judge>) -> Self {
        Self {
            judge,
            fresh: AHashMap::new(),
            last: None,
            found: BTreeMap::new(),
            again: false,
            tell_again: Again::default(),
        }
    }

    /// Who did it, under what it is put together, and what is wrong with it, if the rule is about it.
    fn judge<'a>(&self, act: Act, rule: &Rule, ledger: &'a Ledger) -> Option<(CameraId, &'a Camera, Target, Breach)> {
        match act {
            Act::Call(id, called) => {
                let pair = ledger.pair_of(id)?;
                let camera = ledger.camera_of(pair.camera).filter(|camera| !camera.behind_router)?;
                let breach =
                    rule.narrow.covers_call(camera, pair, called).then(|| self.judge.call(camera, pair, called))??;
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

impl Running {
    /// Tells once more of what was told of before, as it stands now.
    fn tell_again(&mut self, again: &Again, rule: &Rule, ledger: &Ledger, now: Timestamp, findings: &mut Findings<'_>) {
        let earlier: Vec<(CameraId, Target)> = self
            .found
            .iter()
            .filter(|((_, target), one)| one.told.is_some_and(|told| told < now) && again.is_of(|| target.group()))
            .map(|(k, _)| k.clone())
            .collect();
        for key in earlier {
            let Some(found) = self.found.get(&key) else { continue };
            let (act, since) = (found.act, found.since);
            if let Some((id, camera, target, breach)) = self.judge(act, rule, ledger)
                && (id, &target) == (key.0, &key.1)
            {
                findings.push(finding(rule, (id, camera, &target), since, act, Some(&breach), ledger));
                self.found.entry(key).and_modify(|found| found.told = Some(now));
            }
        }
    }
}

/// Whom it was about.
fn called(act: Act, target: &Target, ledger: &Ledger) -> Called {
    match act {
        Act::Call(id, _) => ledger.pair_of(id).map_or(Called::Nobody, |pair| target.called(id, pair)),
        Act::Inside(_, address, service) => Called::Inside(address, service),
        Act::Question(id) => ledger.name_of(id).map_or(Called::Nobody, |name| Called::Question(name.name.clone())),
    }
}

impl Condition for Running {
    fn save(&self) -> Vec<u8> {
        encode_small(&(in_order(&self.fresh), &self.found, self.again))
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), Damaged> {
        type Saved = (Vec<(Act, Timestamp)>, BTreeMap<(CameraId, Target), Found>, bool);
        let (fresh, found, again): Saved = decode(bytes)?;
        self.fresh = fresh.into_iter().take(MAX_FRESH).collect();
        self.found = found.into_iter().take(MAX_FOUND).collect();
        self.again = again || self.judge.reads_files();
        Ok(())
    }

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

    fn refresh(&mut self, again: Again) {
        self.tell_again.add(again);
    }

    fn observe(&mut self, step: &Step, _: &Ledger) {
        let act = match step.kind {
            StepKind::Attempt { pair, service, .. }
            | StepKind::Contact { pair, service, .. }
            | StepKind::Pulse { pair, service } => Act::Call(pair, service),
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

    fn forget_gone(&mut self, ledger: &Ledger) {
        self.last = None;
        self.fresh.retain(|act, _| match act {
            Act::Call(id, _) => ledger.pair_of(*id).is_some(),
            Act::Question(id) => ledger.name_of(*id).is_some_and(|name| ledger.camera_of(name.camera).is_some()),
            Act::Inside(id, ..) => ledger.camera_of(*id).is_some(),
        });
        self.found.retain(|(id, _), _| ledger.camera_of(*id).is_some());
    }

    fn look(&mut self, rule: &Rule, ledger: &Ledger, now: Timestamp, findings: &mut Findings<'_>) {
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
                findings.push(finding(rule, (id, camera, &key.1), since, act, Some(&breach), ledger));
            }
        }
        let tell_again = std::mem::take(&mut self.tell_again);
        if tell_again.is_any() {
            self.tell_again(&tell_again, rule, ledger, now, findings);
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
                findings.push(finding(rule, (key.0, camera, &key.1), found.since, found.act, None, ledger));
            }
        }
    }
}

fn last_of(act: Act, ledger: &Ledger) -> Option<Timestamp> {
    match act {
        Act::Question(id) => ledger.name_of(id).map(|name| name.last),
        // Of the pair, it might be that of another service.
        Act::Call(..) | Act::Inside(..) => None,
    }
}

/// What is found; without a breach it has ended.
fn finding(
    rule: &Rule,
    (id, camera, target): (CameraId, &Camera, &Target),
    since: Timestamp,
    act: Act,
    breach: Option<&Breach>,
    ledger: &Ledger,
) -> Finding {
    let (mut value, mut reason, mut evidence) = (0.0, String::new(), Value::Null);
    if let Some(breach) = breach {
        evidence = json!({ "breach": breach.evidence, "camera": words::camera_facts(camera) });
        match act {
            Act::Call(id, called) => {
                evidence["service"] = json!(called.to_string());
                if let Some(pair) = ledger.pair_of(id) {
                    value = pair.counts.attempts as f64;
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
        message: None,
        group: target.group(),
        member: camera.id.as_str().into(),
        about: About::new(id, called(act, target, ledger)),
        since,
        holds: breach.is_some(),
        value,
        reason,
        evidence: evidence.into(),
    }
}
