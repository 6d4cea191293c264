//! One alert while it lives: its members, what was told of it, and how it is told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::packed::Packed;
use super::template::fact;
use super::told::short_of;
use super::{About, Acknowledgement, Alert, Finding, GroupKey, GroupKind, State, Template, Told, Transition};
use crate::rules::Severity;
use crate::time::Timestamp;

/// A rule and what its findings are put together by.
pub(super) type Key = (Arc<str>, GroupKey);

/// Members that the evidence tells all of: those with the largest values.
const MAX_FULL: usize = 50;
/// Members that the evidence names; of the rest it says how many there are.
const MAX_NAMED: usize = 1000;

/// An alert that waits, fires, is kept back, or rests for a while after its end.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Live {
    pub(super) severity: Severity,
    runbook: Option<Arc<str>>,
    message: Option<Template>,
    pub(super) since: Timestamp,
    /// When it was found, or found again: from then on it waits for others.
    pub(super) found: Timestamp,
    pub(super) fired: Option<Timestamp>,
    /// When it was told last, and what of.
    pub(super) told: Timestamp,
    told_members: usize,
    told_also: usize,
    told_severity: Severity,
    /// How often it was told.
    pub(super) told_count: u64,
    /// By member; those that cleared stay until the alert resolves, so that the alert tells whom it was about.
    pub(super) members: BTreeMap<Arc<str>, Member>,
    /// Members that hold and are not kept back.
    pub(super) holding: usize,
    /// Members that are not kept back.
    pub(super) visible: usize,
    /// Members that hold and are kept back.
    pub(super) hidden: usize,
    /// How often it held again soon after its end.
    pub(super) flaps: u32,
    /// It flaps, and nothing of it has held since then.
    pub(super) quiet_since: Option<Timestamp>,
    /// The alert that tells of this one.
    pub(super) within: Option<Key>,
    /// The alerts of which this one tells.
    pub(super) also: BTreeMap<Key, Also>,
    pub(super) acknowledged: Option<Acknowledgement>,
    /// Its rule is no more, or another one.
    pub(super) rule_gone: Option<RuleGone>,
    /// It was told after the checkpoint that was read back: unless its rule finds it again by then, it is over.
    pub(super) doubtful: Option<Timestamp>,
}

/// Why a rule's alerts end though nothing has cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RuleGone {
    /// There is no rule of that name any more.
    Removed,
    /// It says something else now, and finds anew what still holds.
    Changed,
}

/// Another rule's alert of the same cause.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Also {
    severity: Severity,
    since: Timestamp,
    members: usize,
    holds: bool,
    /// Why, of its worst member.
    reason: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Member {
    pub(super) holds: bool,
    /// The exception that keeps it back.
    pub(super) hidden: Option<Arc<str>>,
    pub(super) about: About,
    pub(super) site: Option<Arc<str>>,
    pub(super) since: Timestamp,
    pub(super) value: f64,
    pub(super) reason: String,
    pub(super) evidence: Packed,
}

/// Which members are told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    Told,
    KeptBack,
}

impl Also {
    /// What is known of it now; nothing more where it has ended.
    pub(super) fn go_on(&mut self, now: Option<Self>) {
        match now {
            Some(now) => *self = now,
            None => self.holds = false,
        }
    }
}

impl Member {
    fn is_shown(&self, shown: Shown) -> bool {
        self.hidden.is_none() == (shown == Shown::Told)
    }
}

impl Live {
    pub(super) fn new(finding: &Finding, now: Timestamp) -> Self {
        Self {
            severity: finding.severity,
            runbook: finding.runbook.clone(),
            message: finding.message.clone(),
            since: finding.since,
            found: now,
            fired: None,
            told: finding.since,
            told_members: 0,
            told_also: 0,
            told_severity: finding.severity,
            told_count: 0,
            members: BTreeMap::new(),
            holding: 0,
            visible: 0,
            hidden: 0,
            flaps: 0,
            quiet_since: None,
            within: None,
            also: BTreeMap::new(),
            acknowledged: None,
            rule_gone: None,
            doubtful: None,
        }
    }

    /// Empty, to take up what this one and others like it are of.
    pub(super) fn for_many(&self) -> Self {
        let none = (BTreeMap::new(), BTreeMap::new());
        Self { members: none.0, also: none.1, holding: 0, visible: 0, hidden: 0, ..self.clone() }
    }

    /// As it was told, to live on; its members are what the evidence names.
    pub(super) fn adopted(transition: Transition, told_count: u64, doubtful: Timestamp) -> Self {
        let Transition { alert, time, event, .. } = transition;
        let mut live = Self {
            severity: alert.severity,
            runbook: alert.runbook,
            message: None,
            since: alert.since,
            found: alert.fired.unwrap_or(time),
            fired: alert.fired.or(Some(time)),
            told: time,
            told_members: 0,
            told_also: 0,
            told_severity: alert.severity,
            told_count,
            members: BTreeMap::new(),
            holding: 0,
            visible: 0,
            hidden: 0,
            flaps: alert.flaps,
            quiet_since: None,
            within: None,
            also: BTreeMap::new(),
            acknowledged: alert.acknowledged,
            rule_gone: None,
            doubtful: Some(doubtful),
        };
        let listed = alert.evidence.get("members").and_then(Value::as_array);
        for member in listed.into_iter().flatten() {
            let Some(name) = member.get("subject").and_then(Value::as_str) else { continue };
            let holds = event != Told::Resolved && member.get("holds").and_then(Value::as_bool).unwrap_or(true);
            let since = member.get("since").and_then(|since| serde_json::from_value(since.clone()).ok());
            let evidence = member.get("evidence").cloned().unwrap_or_else(|| json!({ "camera": member }));
            let new = Member {
                holds: false,
                hidden: None,
                about: About::default(),
                site: None,
                since: since.unwrap_or(alert.since),
                value: member.get("value").and_then(Value::as_f64).unwrap_or(0.0),
                reason: reason_in(&alert.summary, &known_as(name, &evidence)),
                evidence: evidence.into(),
            };
            live.member(name.into(), new);
            live.set(name, holds, None);
        }
        live.told_members = live.visible;
        live
    }

    /// Takes over what was known of the members before they were told of last.
    pub(super) fn go_on_from(&mut self, before: Self) {
        self.message = before.message;
        for (name, member) in before.members {
            if let Some(same) = self.members.get_mut(&name) {
                (same.about, same.site, same.reason) = (member.about, member.site, member.reason);
            } else {
                let (holds, hidden) = (member.holds, member.hidden.clone());
                self.member(name.clone(), member);
                self.set(&name, holds, hidden);
            }
        }
        (self.also, self.told_also) = (before.also, before.told_also);
        self.doubtful = before.doubtful.or(self.doubtful);
    }

    /// The member of this name, put in if there is none; one that is put in does not hold yet.
    pub(super) fn member(&mut self, name: Arc<str>, new: Member) -> &mut Member {
        let visible = &mut self.visible;
        self.members.entry(name).or_insert_with(|| {
            *visible += 1;
            Member { holds: false, hidden: None, ..new }
        })
    }

    /// Says whether a member holds, and what keeps it back; whether it is kept back since just now.
    pub(super) fn set(&mut self, name: &str, holds: bool, hidden: Option<Arc<str>>) -> bool {
        let Some(member) = self.members.get_mut(name) else { return false };
        let was_kept_back = member.holds && member.hidden.is_some();
        for (shown, one) in [(&mut self.holding, member.hidden.is_none()), (&mut self.hidden, member.hidden.is_some())]
        {
            *shown -= usize::from(member.holds && one);
        }
        self.visible -= usize::from(member.hidden.is_none());
        (member.holds, member.hidden) = (holds, hidden);
        for (shown, one) in [(&mut self.holding, member.hidden.is_none()), (&mut self.hidden, member.hidden.is_some())]
        {
            *shown += usize::from(member.holds && one);
        }
        self.visible += usize::from(member.hidden.is_none());
        member.holds && member.hidden.is_some() && !was_kept_back
    }

    /// Whether it was told that it fires, and not yet that it ended.
    pub(super) fn is_told(&self) -> bool {
        self.fired.is_some() && self.within.is_none()
    }

    /// Whether it became worse since it was told.
    pub(super) fn is_worse(&self) -> bool {
        self.severity > self.told_severity
    }

    /// Whether there is more of it than was told.
    pub(super) fn has_grown(&self) -> bool {
        self.visible > self.told_members || self.also.len() > self.told_also
    }

    /// Whether everything that holds of this one is among another's.
    pub(super) fn is_part_of(&self, other: &Self) -> bool {
        let holding = self.members.iter().filter(|(_, member)| member.holds && member.hidden.is_none());
        let mut missing = holding.filter(|(name, _)| other.members.get(*name).is_none_or(|same| same.hidden.is_some()));
        missing.next().is_none()
    }

    /// As another alert tells of it.
    pub(super) fn as_also(&self) -> Also {
        let shown: Vec<_> = self.members.iter().filter(|(_, member)| member.is_shown(Shown::Told)).collect();
        let reason = worst(&shown).map_or_else(String::new, |(_, worst)| worst.reason.clone());
        let (members, holds) = (self.visible, self.holding > 0);
        Also { severity: self.severity, since: self.since, members, holds, reason }
    }

    pub(super) fn id(&self, (rule, group): &Key) -> String {
        format!("{rule}/{}/{}/{}", group.kind, group.value, self.since)
    }

    /// A transition, with what there is to say beside.
    pub(super) fn tell(&mut self, key: &Key, event: Told, now: Timestamp, beside: Option<&str>) -> Transition {
        self.told_count += 1;
        self.told = now;
        (self.told_members, self.told_also, self.told_severity) = (self.visible, self.also.len(), self.severity);
        let state = if event == Told::Resolved { State::Resolved } else { State::Firing };
        let mut alert = self.alert(key, state, now, Shown::Told);
        if let Some(beside) = beside {
            alert.summary = format!("{} ({beside})", alert.summary);
        }
        Transition { key: format!("{}#{}", alert.id, self.told_count), event, time: now, alert }
    }

    pub(super) fn alert(&self, key: &Key, state: State, now: Timestamp, shown: Shown) -> Alert {
        let (rule, group) = key;
        let mut members: Vec<(&Arc<str>, &Member)> =
            self.members.iter().filter(|(_, member)| member.is_shown(shown)).collect();
        // An exception that covers all of it ends it; whom it was about is told all the same.
        if members.is_empty() && state == State::Resolved {
            members = self.members.iter().collect();
        }
        let id = self.id(key);
        let suppressed_by: BTreeSet<&Arc<str>> = members.iter().filter_map(|(_, one)| one.hidden.as_ref()).collect();
        let subject = subject(group, &members);
        let mut alert = Alert {
            short: short_of(&id),
            id,
            rule: rule.clone(),
            severity: self.severity,
            runbook: self.runbook.clone(),
            summary: self.summary(key, &subject, &members),
            subject,
            state,
            since: self.since,
            fired: if state == State::Suppressed { None } else { self.fired },
            resolved: (state == State::Resolved).then_some(now),
            flaps: self.flaps,
            evidence: self.evidence(group, &members),
            ptr_claims: BTreeMap::new(),
            acknowledged: if state == State::Firing { self.acknowledged.clone() } else { None },
            suppressed_by: suppressed_by.into_iter().cloned().collect(),
        };
        if let Some(evidence) = alert.evidence.as_object_mut() {
            let hidden = self.members.values().filter(|member| member.hidden.is_some()).count();
            if hidden > 0 && shown == Shown::Told {
                evidence.insert("suppressed".to_owned(), json!(hidden));
            }
            if self.flaps > 0 {
                evidence.insert("flaps".to_owned(), json!(self.flaps));
            }
        }
        alert
    }

    fn summary(&self, (rule, group): &Key, subject: &str, members: &[(&Arc<str>, &Member)]) -> String {
        let Some((name, worst)) = worst(members) else { return subject.to_owned() };
        let cameras = cameras(members);
        let facts = worst.evidence.facts();
        let who = match cameras {
            1 => known_as(name, &facts),
            count => format!("{count} cameras"),
        };
        let mut summary = if let Some(message) = &self.message {
            message.write(|field| match field {
                "rule" => Some(rule.to_string()),
                "severity" => Some(self.severity.to_string()),
                "subject" => Some(subject.to_owned()),
                "count" => Some(members.len().to_string()),
                "camera" => Some(who.clone()),
                "destination" if group.kind.is_called() => Some(group.value.to_string()),
                "destination" => facts.pointer("/pair/address")?.as_str().map(str::to_owned),
                "reason" => Some(worst.reason.clone()),
                "since" => Some(self.since.to_string()),
                fact_of_member => fact(&facts, fact_of_member),
            })
        } else if members.len() > 1 {
            let others = members.iter().any(|(_, other)| other.value < worst.value);
            let which = if others && group.kind != GroupKind::Register { "the most" } else { "one of them" };
            match cameras {
                1 => format!("{who}: {} at once, {which}: {}", members.len(), worst.reason),
                _ => format!("{who}: {which}, {}, {}", known_as(name, &facts), worst.reason),
            }
        } else {
            format!("{who} {}", worst.reason)
        };
        if !self.also.is_empty() {
            let rules: BTreeSet<&str> = self.also.keys().map(|(rule, _)| rule.as_ref()).collect();
            summary.push_str("; found by ");
            summary.push_str(&rules.into_iter().collect::<Vec<_>>().join(", "));
            summary.push_str(" too");
        }
        if self.flaps > 0 {
            summary.push_str(&format!("; it has come back {} times", self.flaps).replace(" 1 times", " once"));
        }
        summary
    }

    fn evidence(&self, group: &GroupKey, members: &[(&Arc<str>, &Member)]) -> Value {
        let mut by_value: Vec<usize> = (0..members.len()).collect();
        by_value.sort_by(|a, b| members[*b].1.value.total_cmp(&members[*a].1.value).then(a.cmp(b)));
        let full: BTreeSet<usize> = by_value.into_iter().take(MAX_FULL).collect();
        let mut others = MAX_NAMED.saturating_sub(full.len());
        let listed: Vec<Value> = (0..)
            .zip(members)
            .filter(|(at, _)| {
                let one_more = !full.contains(at) && others > 0;
                others -= usize::from(one_more);
                one_more || full.contains(at)
            })
            .map(|(at, (name, member))| {
                let mut told = json!({ "subject": name, "holds": member.holds, "value": member.value });
                if full.contains(&at) {
                    let mut evidence = member.evidence.facts();
                    if let Some(evidence) = evidence.as_object_mut() {
                        evidence.remove("rule");
                    }
                    told["since"] = json!(member.since);
                    told["evidence"] = evidence;
                } else if let Some(address) = fact(&member.evidence.facts(), "camera_address") {
                    told["address"] = json!(address);
                }
                told
            })
            .collect();
        let mut evidence = json!({ group.kind.word(): group.value, "count": members.len(), "members": listed });
        if let Some(rule) = worst(members).and_then(|(_, worst)| worst.evidence.facts().get("rule").cloned()) {
            evidence["rule"] = rule;
        }
        if members.len() > MAX_NAMED {
            evidence["members_left_out"] = json!(members.len() - MAX_NAMED);
        }
        if !self.also.is_empty() {
            let also = self.also.iter().map(|((rule, _), also)| {
                json!({
                    "rule": rule, "severity": also.severity, "since": also.since, "members": also.members,
                    "holds": also.holds, "reason": also.reason,
                })
            });
            evidence["also"] = also.collect();
        }
        evidence
    }
}

/// Why, out of a summary in which a member is called `known`.
fn reason_in(summary: &str, known: &str) -> String {
    let after = summary.split_once(known).map(|(_, after)| after.trim_start_matches([',', ' ']));
    let reason = after.and_then(|after| after.split("; ").next()).filter(|reason| !reason.is_empty());
    reason.unwrap_or("was found").to_owned()
}

/// The member with the largest value, of several the first.
fn worst<'a>(members: &[(&'a Arc<str>, &'a Member)]) -> Option<(&'a Arc<str>, &'a Member)> {
    members.iter().max_by(|(a, x), (b, y)| x.value.total_cmp(&y.value).then_with(|| b.cmp(a))).copied()
}

/// What stands between a camera and whom it called, in the name of a member of an alert of many of both.
pub(super) const ARROW: &str = " → ";

fn camera_of(name: &Arc<str>) -> &str {
    name.split(ARROW).next().unwrap_or(name)
}

fn cameras(members: &[(&Arc<str>, &Member)]) -> usize {
    members.iter().map(|(name, _)| camera_of(name)).collect::<BTreeSet<_>>().len()
}

fn subject(group: &GroupKey, members: &[(&Arc<str>, &Member)]) -> String {
    let who = match (cameras(members), members.first()) {
        (1, Some((one, _))) => camera_of(one).to_owned(),
        (count, _) => format!("{count} cameras"),
    };
    let called: BTreeSet<&str> = members.iter().filter_map(|(name, _)| Some(name.split_once(ARROW)?.1)).collect();
    let called = match (called.len(), called.first()) {
        (0, _) | (_, None) => String::new(),
        (1, Some(one)) => format!("{ARROW}{one}"),
        (count, _) => format!("{ARROW}{count} destinations"),
    };
    match group.kind {
        GroupKind::Site => format!("{who} at {}{called}", group.value),
        GroupKind::Cameras => format!("{who}{called}"),
        kind if kind.is_called() => format!("{who}{ARROW}{}", group.value),
        _ => who,
    }
}

/// A member as a person knows it: `10.20.7.31 (hikvision, 44:19:b6:00:00:01)`, `car park (10.20.7.31, town hall, CCTV-0412)`.
fn known_as(name: &str, evidence: &Value) -> String {
    let name = name.split(ARROW).next().unwrap_or(name);
    let camera = |key: &str| evidence.get("camera").and_then(|camera| camera.get(key));
    let fact = |key| camera(key).and_then(Value::as_str);
    let address = camera("addresses").and_then(|all| all.as_array()?.last()?.as_str());
    // Nobody knows a camera by its MAC address.
    let (lead, also) = match address {
        Some(address) if fact("mac") == Some(name) => (address, Some(name)),
        _ => (name, address.filter(|address| !name.starts_with(address))),
    };
    let facts: Vec<&str> = [fact("vendor"), also, fact("site"), fact("asset")].into_iter().flatten().collect();
    if facts.is_empty() { lead.to_owned() } else { format!("{lead} ({})", facts.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_is_told_by_what_a_person_knows_it_by() {
        let mac = "44:19:b6:00:00:01";
        let told = |name: &str, camera: Value| known_as(name, &json!({ "camera": camera }));
        let camera = json!({ "addresses": ["10.0.0.9", "10.0.0.1"], "mac": mac, "vendor": "hikvision" });
        assert_eq!(told(mac, camera), "10.0.0.1 (hikvision, 44:19:b6:00:00:01)");
        let camera = json!({ "addresses": ["10.0.0.1"], "site": "town hall", "asset": "CCTV-0412" });
        assert_eq!(told("gate", camera), "gate (10.0.0.1, town hall, CCTV-0412)");
        let camera = json!({ "addresses": ["10.0.0.1"] });
        assert_eq!(told("10.0.0.1%vlan12", camera), "10.0.0.1%vlan12");
        assert_eq!(known_as("a", &Value::Null), "a");
    }
}
