//! From findings to alerts, on capture time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::rules::Severity;
use crate::time::Timestamp;

/// A rule's condition holds, or has ceased to hold, for one subject.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The rule's name.
    pub rule: Arc<str>,
    /// How bad that is.
    pub severity: Severity,
    /// Where it stands what to do.
    pub runbook: Option<Arc<str>>,
    /// With what it is put together into one alert.
    pub group: GroupKey,
    /// Who it is about within the group: most often a camera's id.
    pub member: Arc<str>,
    /// Since when, in capture time.
    pub since: Timestamp,
    /// It holds; else it has cleared.
    pub holds: bool,
    /// What the rule measured, such as attempts in its window: the larger the worse.
    pub value: f64,
    /// For people, why: one clause without a subject, such as "called 120.26.96.67 2,750 times in 15 min".
    pub reason: String,
    /// The facts, for machines.
    pub evidence: serde_json::Value,
}

/// What alerts are told apart by, beside their rule: `destination 120.26.96.67`, `camera car-park-1`, `register missing`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupKey {
    /// What kind of thing: `destination`, `country`, `camera`, … `camera` and `register` are told without an arrow to it.
    pub kind: &'static str,
    /// Which one.
    pub value: Arc<str>,
}

/// Where an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Found, and waiting for others that belong to it.
    Pending,
    /// It holds.
    Firing,
    /// It held.
    Resolved,
}

/// A finding's life, for people and machines.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Alert {
    /// Stable over the alert's life, and the same for two reads of one capture.
    pub id: String,
    /// The rule.
    pub rule: Arc<str>,
    /// How bad.
    pub severity: Severity,
    /// Where it stands what to do: the rule's link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runbook: Option<Arc<str>>,
    /// What it is about: a camera, or "140 cameras → 120.26.96.67".
    pub subject: String,
    /// Where it stands.
    pub state: State,
    /// Since when the rule's condition holds, in capture time.
    pub since: Timestamp,
    /// When it began to fire.
    pub fired: Option<Timestamp>,
    /// When it was resolved.
    pub resolved: Option<Timestamp>,
    /// Why, in a sentence.
    pub summary: String,
    /// The facts.
    pub evidence: serde_json::Value,
    /// What its destinations claim to be called in reverse DNS, where look-ups are switched on: a claim, never the truth.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub ptr_claims: BTreeMap<IpAddr, String>,
}

impl Alert {
    /// The destinations that the evidence names.
    pub fn destinations(&self) -> BTreeSet<IpAddr> {
        let group = self.evidence.get("destination").into_iter();
        let members = self.evidence.get("members").and_then(serde_json::Value::as_array);
        let pairs = members.into_iter().flatten().filter_map(|member| member.pointer("/evidence/pair/address"));
        group.chain(pairs).filter_map(|address| address.as_str()?.parse().ok()).collect()
    }
}

/// An alert changed, and its sinks should know.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Transition {
    /// Why it is told: `firing`, `update` or `resolved`.
    pub event: &'static str,
    /// When, in capture time.
    pub time: Timestamp,
    /// The alert as it stands now.
    #[serde(flatten)]
    pub alert: Alert,
}

/// How long a new alert waits for others that belong to it, so that its first message names them all.
const GROUP_WAIT: Duration = Duration::from_secs(30);
/// A firing alert that grew is told again this often at most.
const UPDATE_EVERY: Duration = Duration::from_secs(600);
/// Members listed in the evidence.
const MAX_MEMBERS_SHOWN: usize = 1000;
/// Alerts kept: that many live ones, of which the least severe and newest makes room for a worse one; and that many ended
/// ones, of which the oldest leaves.
const MAX_ALERTS: usize = 10_000;

/// Every alert, live and past.
#[derive(Debug, Default)]
pub struct Alerts {
    live: BTreeMap<(Arc<str>, GroupKey), Live>,
    past: VecDeque<Alert>,
    left_out: u64,
}

#[derive(Debug)]
struct Live {
    severity: Severity,
    runbook: Option<Arc<str>>,
    since: Timestamp,
    fired: Option<Timestamp>,
    told: Timestamp,
    told_members: usize,
    /// By member; those that cleared stay until the alert resolves, so that the alert tells whom it was about.
    members: BTreeMap<Arc<str>, Member>,
    holding: usize,
}

#[derive(Debug)]
struct Member {
    holds: bool,
    since: Timestamp,
    value: f64,
    reason: String,
    evidence: serde_json::Value,
}

impl Alerts {
    /// Takes what the rules found at `now`, and gives what the sinks should be told.
    pub fn take(&mut self, findings: Vec<Finding>, now: Timestamp) -> Vec<Transition> {
        for finding in findings {
            self.note(finding);
        }
        let mut transitions = Vec::new();
        let mut ended = Vec::new();
        for (key, live) in &mut self.live {
            let tell = match live.fired {
                _ if live.holding == 0 => {
                    ended.push(key.clone());
                    live.fired.map(|_| "resolved")
                }
                None if now.since(live.since) >= GROUP_WAIT => {
                    live.fired = Some(now);
                    Some("firing")
                }
                Some(_) if live.members.len() > live.told_members && now.since(live.told) >= UPDATE_EVERY => {
                    Some("update")
                }
                _ => None,
            };
            if let Some(event) = tell {
                (live.told, live.told_members) = (now, live.members.len());
                let state = if event == "resolved" { State::Resolved } else { State::Firing };
                transitions.push(Transition { event, time: now, alert: live.alert(key, state, now) });
            }
        }
        for key in ended {
            if let Some(live) = self.live.remove(&key)
                && live.fired.is_some()
            {
                if self.past.len() >= MAX_ALERTS {
                    self.past.pop_front();
                    self.left_out += 1;
                }
                self.past.push_back(live.alert(&key, State::Resolved, now));
            }
        }
        transitions
    }

    fn note(&mut self, finding: Finding) {
        let key = (finding.rule, finding.group);
        if !self.live.contains_key(&key) {
            if !finding.holds {
                return;
            }
            if self.live.len() >= MAX_ALERTS {
                self.left_out += 1;
                if !self.make_room(finding.severity) {
                    return;
                }
            }
        }
        let live = self.live.entry(key).or_insert_with(|| Live {
            severity: finding.severity,
            runbook: finding.runbook,
            since: finding.since,
            fired: None,
            told: finding.since,
            told_members: 0,
            members: BTreeMap::new(),
            holding: 0,
        });
        live.severity = live.severity.max(finding.severity);
        // The beginning is a part of the id: it stays once told.
        if live.fired.is_none() {
            live.since = live.since.min(finding.since);
        }
        let member = live.members.entry(finding.member).or_insert_with(|| Member {
            holds: false,
            since: finding.since,
            value: 0.0,
            reason: String::new(),
            evidence: serde_json::Value::Null,
        });
        live.holding = live.holding + usize::from(finding.holds) - usize::from(member.holds);
        member.holds = finding.holds;
        if finding.holds {
            member.value = finding.value;
            member.reason = finding.reason;
            member.evidence = finding.evidence;
        }
    }

    /// Lets the least severe alert leave, of these the newest, if it is less severe than what needs room: what a flood
    /// sets off hides nothing worse.
    fn make_room(&mut self, severity: Severity) -> bool {
        let order = |live: &Live| (live.severity, Reverse(live.since));
        let least = self.live.iter().min_by(|(a, x), (b, y)| order(x).cmp(&order(y)).then_with(|| b.cmp(a)));
        let Some(key) = least.filter(|(_, live)| live.severity < severity).map(|(key, _)| key.clone()) else {
            return false;
        };
        self.live.remove(&key).is_some()
    }

    /// Everything that fires or did, the worst first, then in the order of their beginning.
    pub fn all(&self, now: Timestamp) -> Vec<Alert> {
        let firing = self.live.iter().filter(|(_, live)| live.fired.is_some());
        let mut all: Vec<Alert> =
            firing.map(|(key, live)| live.alert(key, State::Firing, now)).chain(self.past.iter().cloned()).collect();
        all.sort_by(|a, b| {
            let order = |alert: &Alert| (std::cmp::Reverse(alert.severity), alert.state, alert.since);
            order(a).cmp(&order(b)).then_with(|| a.id.cmp(&b.id))
        });
        all
    }

    /// Fires what waits for others that belong to it: at the end of a capture nobody else comes.
    pub fn finish(&mut self, now: Timestamp) -> Vec<Transition> {
        let mut transitions = Vec::new();
        for (key, live) in &mut self.live {
            if live.fired.is_none() && live.holding > 0 {
                live.fired = Some(now);
                transitions.push(Transition { event: "firing", time: now, alert: live.alert(key, State::Firing, now) });
            }
        }
        transitions
    }

    /// Findings for which there was no room, and alerts that made room for others.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// How many fire now, by severity.
    pub fn firing(&self) -> BTreeMap<Severity, u64> {
        let mut counts = BTreeMap::new();
        for live in self.live.values().filter(|live| live.fired.is_some()) {
            *counts.entry(live.severity).or_default() += 1;
        }
        counts
    }
}

impl Live {
    fn alert(&self, (rule, group): &(Arc<str>, GroupKey), state: State, now: Timestamp) -> Alert {
        let worst = self.members.iter().max_by(|(a, x), (b, y)| x.value.total_cmp(&y.value).then_with(|| b.cmp(a)));
        let (who, subject) = match (self.members.len(), self.members.keys().next()) {
            (1, Some(one)) if matches!(group.kind, "camera" | "register") => (one.to_string(), one.to_string()),
            (1, Some(one)) => (one.to_string(), format!("{one} → {}", group.value)),
            (count, _) if group.kind == "register" => (format!("{count} cameras"), format!("{count} cameras")),
            (count, _) => (format!("{count} cameras"), format!("{count} cameras → {}", group.value)),
        };
        let reason = worst.map_or("", |(_, member)| member.reason.as_str());
        let summary = match worst {
            Some((name, member)) if self.members.len() > 1 => {
                let others = self.members.values().any(|other| other.value < member.value);
                let which = if others && group.kind != "register" { "the most" } else { "one of them" };
                format!("{who}: {which}, {}, {reason}", known_as(name, &member.evidence))
            }
            Some((name, member)) => format!("{} {reason}", known_as(name, &member.evidence)),
            None => who,
        };
        let members: Vec<_> = self
            .members
            .iter()
            .take(MAX_MEMBERS_SHOWN)
            .map(|(name, member)| {
                serde_json::json!({
                    "subject": name, "holds": member.holds, "since": member.since,
                    "value": member.value, "evidence": member.evidence,
                })
            })
            .collect();
        Alert {
            id: format!("{rule}/{}/{}/{}", group.kind, group.value, self.since),
            rule: rule.clone(),
            severity: self.severity,
            runbook: self.runbook.clone(),
            subject,
            state,
            since: self.since,
            fired: self.fired,
            resolved: (state == State::Resolved).then_some(now),
            summary,
            evidence: serde_json::json!({
                group.kind: group.value, "count": self.members.len(), "members": members,
            }),
            ptr_claims: BTreeMap::new(),
        }
    }
}

/// A member as a person knows it: `10.20.7.31 (hikvision, 44:19:b6:00:00:01)`, `car park (10.20.7.31, town hall, CCTV-0412)`.
fn known_as(name: &str, evidence: &serde_json::Value) -> String {
    let camera = |key: &str| evidence.get("camera").and_then(|camera| camera.get(key));
    let fact = |key| camera(key).and_then(serde_json::Value::as_str);
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

    fn finding(member: &str, at: i64, holds: bool) -> Finding {
        Finding {
            rule: "overseas-rate".into(),
            severity: Severity::Critical,
            runbook: None,
            group: GroupKey { kind: "destination", value: "120.26.96.67".into() },
            member: member.into(),
            since: Timestamp::from_parts(at, 0),
            holds,
            value: at as f64,
            reason: "called it often".to_owned(),
            evidence: serde_json::Value::Null,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_parts(second, 0)
    }

    #[test]
    fn cameras_of_one_destination_are_one_alert_that_names_them_all() {
        let mut alerts = Alerts::default();
        assert_eq!(alerts.take(vec![finding("a", 100, true)], at(100)), []);
        assert_eq!(alerts.take(vec![finding("b", 110, true), finding("c", 110, true)], at(110)), []);
        let told = alerts.take(Vec::new(), at(130));
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].event, told[0].alert.subject.as_str()), ("firing", "3 cameras → 120.26.96.67"));
        assert_eq!(told[0].alert.since, at(100));
        assert_eq!(alerts.take(Vec::new(), at(140)), [], "told once");
    }

    #[test]
    fn a_camera_is_told_by_what_a_person_knows_it_by() {
        let mac = "44:19:b6:00:00:01";
        let told = |name: &str, camera: serde_json::Value| known_as(name, &serde_json::json!({ "camera": camera }));
        let camera = serde_json::json!({ "addresses": ["10.0.0.9", "10.0.0.1"], "mac": mac, "vendor": "hikvision" });
        assert_eq!(told(mac, camera), "10.0.0.1 (hikvision, 44:19:b6:00:00:01)");
        let camera = serde_json::json!({ "addresses": ["10.0.0.1"], "site": "town hall", "asset": "CCTV-0412" });
        assert_eq!(told("gate", camera), "gate (10.0.0.1, town hall, CCTV-0412)");
        let camera = serde_json::json!({ "addresses": ["10.0.0.1"] });
        assert_eq!(told("10.0.0.1%vlan12", camera), "10.0.0.1%vlan12");
        assert_eq!(known_as("a", &serde_json::Value::Null), "a");
    }

    #[test]
    fn what_a_flood_sets_off_hides_nothing_worse() {
        let mut alerts = Alerts::default();
        let flood = |number: usize| Finding {
            severity: Severity::Warning,
            group: GroupKey { kind: "camera", value: format!("{number}").into() },
            ..finding("a", 100, true)
        };
        alerts.take((0..MAX_ALERTS + 5).map(flood).collect(), at(100));
        assert_eq!((alerts.live.len(), alerts.left_out()), (MAX_ALERTS, 5));
        alerts.take(vec![finding("a", 110, true)], at(110));
        assert_eq!((alerts.live.len(), alerts.left_out()), (MAX_ALERTS, 6));
        let told = alerts.take(Vec::new(), at(140));
        assert!(told.iter().any(|told| told.alert.severity == Severity::Critical));
    }

    #[test]
    fn growth_is_told_again_but_rationed() {
        let mut alerts = Alerts::default();
        alerts.take(vec![finding("a", 0, true)], at(0));
        assert_eq!(alerts.take(Vec::new(), at(30)).len(), 1);
        assert_eq!(alerts.take(vec![finding("b", 60, true)], at(60)), []);
        let told = alerts.take(Vec::new(), at(630));
        assert_eq!((told.len(), told[0].event), (1, "update"));
    }

    #[test]
    fn resolves_when_nobody_is_left() {
        let mut alerts = Alerts::default();
        alerts.take(vec![finding("a", 0, true), finding("b", 0, true)], at(0));
        alerts.take(Vec::new(), at(30));
        assert_eq!(alerts.take(vec![finding("a", 40, false)], at(40)), []);
        let told = alerts.take(vec![finding("b", 50, false)], at(50));
        assert_eq!((told[0].event, told[0].alert.state), ("resolved", State::Resolved));
        assert_eq!(alerts.all(at(60)).len(), 1, "it is remembered");
        assert_eq!(alerts.take(vec![finding("b", 60, false)], at(60)), []);
    }

    #[test]
    fn what_clears_before_it_fired_was_nothing() {
        let mut alerts = Alerts::default();
        alerts.take(vec![finding("a", 0, true)], at(0));
        assert_eq!(alerts.take(vec![finding("a", 10, false)], at(10)), []);
        assert!(alerts.all(at(60)).is_empty());
    }
}
