//! From findings to alerts, on capture time: who waits, who fires, who tells of whom, who is kept back, who ended.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use ahash::AHashMap;
use serde::{Deserialize, Serialize};

use super::exceptions::{Exceptions, HiddenCounts};
use super::live::{Key, Live, Member, RuleGone, Shown};
use super::packed::Packed;
use super::room::{Room, push};
use super::{About, Alert, Finding, GroupKey, GroupKind, State, SuppressError, SuppressionEntry, Told, Transition};
use crate::analyse::{CameraId, Ledger};
use crate::rules::{Severity, Suppression, SuppressionSpec};
use crate::time::Timestamp;

/// How long a new alert waits for others that belong to it, so that its first message names them all.
pub(super) const GROUP_WAIT: Duration = Duration::from_secs(30);
/// A firing alert that grew is told again this often at most.
const UPDATE_EVERY: Duration = Duration::from_secs(600);
/// One that holds again so soon after its end is the same alert.
const SAME_WITHIN: Duration = Duration::from_secs(3600);
/// The end of one that came back so often is told only when it has been quiet for a while.
const FLAPS: u32 = 2;
const QUIET: Duration = Duration::from_secs(1800);
/// Alerts kept: that many live ones, of which the least severe and newest makes room for a worse one; that many ended
/// ones, and that many that may come back, of which the oldest leave.
pub(super) const MAX_ALERTS: usize = 10_000;
/// Ended alerts kept that an exception kept back.
const MAX_KEPT_BACK: usize = 1000;

/// Every alert, live and past, and the exceptions. What is written of it reads back and lives on.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Alerts {
    pub(super) live: BTreeMap<Key, Live>,
    /// Ended lately, and when: they may come back.
    pub(super) resting: BTreeMap<Key, (Timestamp, Live)>,
    #[serde(with = "as_json")]
    pub(super) past: VecDeque<Alert>,
    /// Ended without having been told, because an exception kept them back.
    #[serde(with = "as_json")]
    kept_back: VecDeque<Alert>,
    exceptions: Exceptions,
    pub(super) left_out: u64,
    /// By rule, how often something began to hold.
    #[serde(skip)]
    found: BTreeMap<Arc<str>, u64>,
}

impl Alerts {
    /// Takes what the rules found at `now`, and gives what the sinks should be told.
    pub fn take(&mut self, findings: Vec<Finding>, ledger: &Ledger, now: Timestamp) -> Vec<Transition> {
        if self.exceptions.have_changed(now) {
            self.judge_again(ledger, now);
        }
        let mut told = Vec::new();
        let mut room = self.room();
        for finding in findings {
            self.note(finding, ledger, now, &mut room, &mut told);
        }
        self.end_doubtful(now);
        self.step(now, GROUP_WAIT, &mut told);
        told
    }

    /// Fires what waits for others that belong to it: at the end of a capture nobody else comes.
    pub fn finish(&mut self, now: Timestamp) -> Vec<Transition> {
        let mut told = Vec::new();
        self.step(now, Duration::ZERO, &mut told);
        told
    }

    fn note(
        &mut self,
        mut finding: Finding,
        ledger: &Ledger,
        now: Timestamp,
        room: &mut Room,
        told: &mut Vec<Transition>,
    ) {
        let key = self.place(&mut finding);
        if finding.holds && !self.has_room(&key, &finding, room) {
            self.left_out += 1;
            if !self.make_room(finding.severity, now, room, told) {
                return;
            }
        }
        if !self.live.contains_key(&key) {
            if !finding.holds {
                return;
            }
            let live = match self.resting.remove(&key) {
                // The same alert again, and nobody has looked at it since.
                Some((ended, mut live)) if now.since(ended) <= SAME_WITHIN && live.rule_gone.is_none() => {
                    live.severity = finding.severity;
                    live.found = now;
                    live.flaps += 1;
                    live
                }
                Some((ended, mut live)) if now.since(ended) <= SAME_WITHIN => {
                    (live.rule_gone, live.found) = (None, now);
                    live
                }
                _ => Live::new(&finding, now),
            };
            self.live.insert(key.clone(), live);
        }
        let hidden = finding.holds.then(|| self.exceptions.cover(&key.0, &finding.about, ledger, now)).flatten();
        let Some(live) = self.live.get_mut(&key) else { return };
        live.severity = live.severity.max(finding.severity);
        live.doubtful = None;
        if finding.holds && hidden.is_none() && live.holding == 0 && live.fired.is_none() && live.within.is_none() {
            live.found = now;
        }
        // The beginning is a part of the id: it stays once told.
        if live.told_count == 0 && live.fired.is_none() {
            live.since = live.since.min(finding.since);
        }
        let site = finding.about.camera.and_then(|id| ledger.camera_of(id)?.site.as_deref().map(Arc::from));
        room.members += usize::from(!live.members.contains_key(&finding.member));
        let member = live.member(
            finding.member.clone(),
            Member {
                holds: false,
                hidden: None,
                about: finding.about.clone(),
                site: None,
                since: finding.since,
                value: 0.0,
                reason: String::new(),
                evidence: Packed::default(),
            },
        );
        if finding.holds {
            member.about = finding.about;
            member.site = site;
            member.value = finding.value;
            member.reason = finding.reason;
            member.evidence = finding.evidence;
            member.evidence.pack();
        }
        if finding.holds && !member.holds {
            *self.found.entry(key.0.clone()).or_default() += 1;
        }
        let hidden = if finding.holds { hidden } else { member.hidden.clone() };
        let first = live.hidden == 0;
        if live.set(&finding.member, finding.holds, hidden.clone())
            && let Some(name) = hidden
        {
            self.exceptions.count(&name, first, now);
        }
    }

    /// Asks of everything that holds whether an exception covers it now.
    fn judge_again(&mut self, ledger: &Ledger, now: Timestamp) {
        for ((rule, _), live) in &mut self.live {
            let holding = live.members.iter().filter(|(_, member)| member.holds);
            let judged: Vec<(Arc<str>, Option<Arc<str>>)> = holding
                .map(|(name, member)| (name.clone(), self.exceptions.cover(rule, &member.about, ledger, now)))
                .collect();
            for (name, hidden) in judged {
                let first = live.hidden == 0;
                if live.set(&name, true, hidden.clone())
                    && let Some(hidden) = hidden
                {
                    self.exceptions.count(&hidden, first, now);
                }
            }
        }
    }

    fn step(&mut self, now: Timestamp, wait: Duration, told: &mut Vec<Transition>) {
        self.resting.retain(|_, (ended, _)| now.since(*ended) <= SAME_WITHIN);
        self.end(now, told);
        self.let_go();
        self.put_together(now, wait);
        self.fire(now, wait, told);
        let updates: Vec<Key> = self
            .live
            .iter()
            .filter(|(_, live)| live.holding > 0 && wants_update(live, now))
            .map(|(key, _)| key.clone())
            .collect();
        for key in updates {
            self.tell(&key, Told::Update, now, None, told);
        }
    }

    /// Resolves those of which nothing holds any more that may be told.
    fn end(&mut self, now: Timestamp, told: &mut Vec<Transition>) {
        let mut over = Vec::new();
        for (key, live) in &mut self.live {
            if live.holding > 0 && live.rule_gone.is_none() {
                if live.quiet_since.take().is_some() {
                    live.flaps += 1;
                }
                continue;
            }
            let flaps = live.flaps >= FLAPS && live.is_told() && live.hidden == 0 && live.rule_gone.is_none();
            if flaps && now.since(*live.quiet_since.get_or_insert(now)) < QUIET {
                continue;
            }
            over.push(key.clone());
        }
        for key in over {
            let Some(live) = self.live.get(&key) else { continue };
            let beside = match live.rule_gone {
                Some(RuleGone::Removed) => Some("ended: the rule is gone from the configuration".to_owned()),
                Some(RuleGone::Changed) => Some("ended: the rule was changed".to_owned()),
                None => {
                    let names: BTreeSet<&str> =
                        live.members.values().filter(|one| one.holds).filter_map(|one| one.hidden.as_deref()).collect();
                    let names = names.into_iter().collect::<Vec<_>>().join(", ");
                    (live.hidden > 0).then(|| format!("ended: an exception covers it now: {names}"))
                }
            };
            if live.is_told() {
                self.resolve(&key, now, beside.as_deref(), told);
            }
            let Some(live) = self.live.get_mut(&key) else { continue };
            (live.fired, live.within, live.quiet_since, live.acknowledged) = (None, None, None, None);
            live.also.clear();
            // What an exception keeps back lives on in silence.
            if live.hidden > 0 && live.rule_gone.is_none() {
                continue;
            }
            if let Some(live) = self.live.remove(&key) {
                if live.members.values().any(|member| member.hidden.is_some()) {
                    let mut alert = live.alert(&key, State::Suppressed, now, Shown::KeptBack);
                    alert.resolved = Some(now);
                    self.kept_back.retain(|other| other.id != alert.id);
                    push(&mut self.kept_back, alert, MAX_KEPT_BACK);
                }
                if live.told_count > 0 {
                    self.resting.insert(key, (now, live));
                }
            }
        }
        self.let_rest();
    }

    /// Alerts stand for themselves again that another one no longer tells of.
    fn let_go(&mut self) {
        let within: Vec<Key> =
            self.live.iter().filter(|(_, live)| live.within.is_some()).map(|(key, _)| key.clone()).collect();
        for key in within {
            let Some(live) = self.live.get(&key) else { continue };
            let Some(teller) = live.within.clone() else { continue };
            let covered = self
                .live
                .get(&teller)
                .is_some_and(|teller| teller.is_told() && live.severity <= teller.severity && live.is_part_of(teller));
            if covered {
                continue;
            }
            if let Some(live) = self.live.get_mut(&key) {
                live.within = None;
            }
            if let Some(teller) = self.live.get_mut(&teller) {
                teller.also.remove(&key);
            }
        }
    }

    /// Fires what has waited long enough, the worst first: each tells of what is a part of it.
    fn fire(&mut self, now: Timestamp, wait: Duration, told: &mut Vec<Transition>) {
        let mut ready: Vec<(Reverse<Severity>, Timestamp, Key)> = Vec::new();
        for (key, live) in &self.live {
            let waits = live.fired.is_none() && live.within.is_none();
            let wait = if key.1.kind == GroupKind::Own { Duration::ZERO } else { wait };
            if waits && live.holding > 0 && now.since(live.found) >= wait {
                ready.push((Reverse(live.severity), live.since, key.clone()));
            }
        }
        if ready.is_empty() {
            return;
        }
        ready.sort();
        let mut tellers: AHashMap<GroupKey, Vec<Key>> = AHashMap::new();
        for (key, _) in self.live.iter().filter(|(_, live)| live.is_told()) {
            tellers.entry(key.1.clone()).or_default().push(key.clone());
        }
        for (_, _, key) in ready {
            let others = tellers.entry(key.1.clone()).or_default();
            let Some(live) = self.live.get(&key) else { continue };
            let teller = others.iter().find(|other| {
                self.live
                    .get(*other)
                    .is_some_and(|other| other.is_told() && live.severity <= other.severity && live.is_part_of(other))
            });
            if let Some(teller) = teller.cloned() {
                self.take_in(&key, &teller);
                continue;
            }
            let part: Vec<Key> = others
                .iter()
                .filter(|other| {
                    self.live.get(*other).is_some_and(|other| other.severity < live.severity && other.is_part_of(live))
                })
                .cloned()
                .collect();
            let firing = live.fired.is_none() && live.told_count > 0;
            others.retain(|other| !part.contains(other));
            others.push(key.clone());
            if let Some(live) = self.live.get_mut(&key) {
                live.fired = Some(now);
            }
            if firing {
                let id = self.live.get(&key).map(|live| live.id(&key));
                self.past.retain(|alert| Some(&alert.id) != id.as_ref());
            }
            let subject = self.live.get(&key).map(|live| super::told::short_of(&live.id(&key))).unwrap_or_default();
            let mut after = Vec::new();
            for other in part {
                let beside = format!("goes on as a part of {} {subject}", key.0);
                self.resolve(&other, now, Some(&beside), &mut after);
                self.take_in(&other, &key);
            }
            self.tell(&key, Told::Firing, now, None, told);
            told.append(&mut after);
        }
    }

    /// `key` is told of by `teller` from now on.
    fn take_in(&mut self, key: &Key, teller: &Key) {
        let Some(live) = self.live.get_mut(key) else { return };
        (live.within, live.fired) = (Some(teller.clone()), None);
        let also = live.as_also();
        if let Some(teller) = self.live.get_mut(teller) {
            teller.also.insert(key.clone(), also);
        }
    }

    fn tell(&mut self, key: &Key, event: Told, now: Timestamp, beside: Option<&str>, told: &mut Vec<Transition>) {
        let Some(live) = self.live.get(key) else { return };
        let parts: Vec<_> =
            live.also.keys().map(|part| (part.clone(), self.live.get(part).map(Live::as_also))).collect();
        let Some(live) = self.live.get_mut(key) else { return };
        for (part, also) in parts {
            if let Some(known) = live.also.get_mut(&part) {
                known.go_on(also);
            }
        }
        told.push(live.tell(key, event, now, beside));
    }

    /// Tells the end of one, and remembers it as it was told.
    pub(super) fn resolve(&mut self, key: &Key, now: Timestamp, beside: Option<&str>, told: &mut Vec<Transition>) {
        self.tell(key, Told::Resolved, now, beside, told);
        if let Some(last) = told.last() {
            let alert = last.alert.clone();
            self.past.retain(|other| other.id != alert.id);
            self.left_out += push(&mut self.past, alert, MAX_ALERTS);
        }
    }

    /// Everything that fires or did, the worst first, then in the order of their beginning.
    pub fn all(&self, now: Timestamp) -> Vec<Alert> {
        let firing = self.live.iter().filter(|(_, live)| live.is_told());
        let firing = firing.map(|(key, live)| live.alert(key, State::Firing, now, Shown::Told));
        sorted(firing.chain(self.past.iter().cloned()))
    }

    /// Everything that an exception keeps back or kept back, ended or not.
    pub fn suppressed(&self, now: Timestamp) -> Vec<Alert> {
        let hidden = self.live.iter().filter(|(_, live)| live.members.values().any(|one| one.hidden.is_some()));
        let hidden = hidden.map(|(key, live)| live.alert(key, State::Suppressed, now, Shown::KeptBack));
        sorted(hidden.chain(self.kept_back.iter().cloned()))
    }

    /// Clears what holds of cameras that are no more: their alerts end at the next [`Alerts::take`].
    pub fn forget_gone(&mut self, ledger: &Ledger) {
        let resting = self.resting.values_mut().map(|(_, live)| live);
        for live in self.live.values_mut().chain(resting) {
            let is_gone = |member: &Member| member.about.camera.is_some_and(|id| ledger.camera_of(id).is_none());
            let gone = live.members.iter().filter(|(_, member)| is_gone(member));
            let gone: Vec<_> = gone.map(|(name, member)| (name.clone(), member.hidden.clone())).collect();
            for (name, hidden) in gone {
                live.set(&name, false, hidden);
                live.members.entry(name).and_modify(|member| member.about = About::default());
            }
        }
    }

    /// Ends the alerts of a rule that is no more or says something else now, at the next [`Alerts::take`].
    pub fn end_rule(&mut self, rule: &str, why: RuleGone) {
        for (_, live) in self.live.iter_mut().filter(|((name, _), _)| **name == *rule) {
            live.rule_gone = Some(why);
        }
        if why == RuleGone::Removed {
            self.found.remove(rule);
        }
    }

    /// The rules that have alerts.
    pub fn rules(&self) -> BTreeSet<Arc<str>> {
        let of_rules = self.live.keys().filter(|(_, group)| group.kind != GroupKind::Own);
        of_rules.map(|(rule, _)| rule.clone()).collect()
    }

    /// Takes the exceptions of the configuration; at the next [`Alerts::take`] everything that holds is judged by them.
    pub fn set_suppressions(&mut self, configured: Vec<Suppression>) {
        self.exceptions.configure(configured);
    }

    /// Takes the exceptions that are configured now from those that these alerts, which were read back, take the place of.
    pub fn take_configured_from(&mut self, mut before: Self) {
        self.exceptions.take_configured(&mut before.exceptions);
    }

    /// Makes an exception, from now on.
    pub fn suppress(&mut self, spec: SuppressionSpec, now: Timestamp) -> Result<(), SuppressError> {
        self.exceptions.add(spec, now)
    }

    /// Ends an exception that was made while camwatch ran: what it hid and still holds fires.
    pub fn end_suppression(&mut self, name: &str) -> Result<(), SuppressError> {
        self.exceptions.end(name)
    }

    /// Every exception, with what it has hidden.
    pub fn suppressions(&self, now: Timestamp) -> Vec<SuppressionEntry> {
        self.exceptions.entries(now)
    }

    /// What each exception began to hide, by the hour, since this was last asked; counted from the first time on.
    pub fn take_hidden(&mut self) -> BTreeMap<(i64, Arc<str>), HiddenCounts> {
        self.exceptions.take_by_hour()
    }

    /// The exceptions that were made while camwatch ran.
    pub fn made_suppressions(&self) -> impl Iterator<Item = &SuppressionSpec> {
        self.exceptions.made()
    }

    /// How often something of a rule began to hold since the start, kept back or not.
    pub fn found(&self, rule: &str) -> u64 {
        self.found.get(rule).copied().unwrap_or(0)
    }

    /// Findings for which there was no room, and alerts that made room for others.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// How many fire now, by severity.
    pub fn firing(&self) -> BTreeMap<Severity, u64> {
        let mut counts = BTreeMap::new();
        for live in self.live.values().filter(|live| live.is_told()) {
            *counts.entry(live.severity).or_default() += 1;
        }
        counts
    }

    /// How many fire now and name a camera, by camera.
    pub fn firing_by_camera(&self) -> BTreeMap<CameraId, u64> {
        let mut counts = BTreeMap::new();
        for live in self.live.values().filter(|live| live.is_told()) {
            let named = live.members.values().filter(|member| member.holds && member.hidden.is_none());
            // A camera may be a member more than once: by each address that it called.
            let cameras: BTreeSet<CameraId> = named.filter_map(|member| member.about.camera).collect();
            for camera in cameras {
                *counts.entry(camera).or_default() += 1;
            }
        }
        counts
    }

    /// How many an exception keeps back now.
    pub fn suppressed_count(&self) -> u64 {
        self.live.values().filter(|live| live.hidden > 0).count() as u64
    }
}

/// Whether more of it should be told by now.
pub(super) fn wants_update(live: &Live, now: Timestamp) -> bool {
    let rationed = live.acknowledged.is_none() && live.has_grown() && now.since(live.told) >= UPDATE_EVERY;
    live.is_told() && (live.is_worse() || rationed)
}

fn sorted(alerts: impl Iterator<Item = Alert>) -> Vec<Alert> {
    let mut all: Vec<Alert> = alerts.collect();
    all.sort_by(|a, b| {
        let order = |alert: &Alert| (Reverse(alert.severity), alert.state, alert.since);
        order(a).cmp(&order(b)).then_with(|| a.id.cmp(&b.id))
    });
    all
}

/// Alerts leave keys out that are empty, which formats without keys can't read back.
mod as_json {
    use std::collections::VecDeque;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::Alert;

    pub(super) fn serialize<S: Serializer>(alerts: &VecDeque<Alert>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&serde_json::to_string(alerts).map_err(serde::ser::Error::custom)?)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<VecDeque<Alert>, D::Error> {
        serde_json::from_str(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
#[path = "life_tests.rs"]
mod tests;
