//! How much is kept of alerts, and what leaves first: a flood costs what the flood set off, not memory.

use std::cmp::Reverse;
use std::collections::VecDeque;

use super::life::MAX_ALERTS;
use super::live::{Key, Live};
use super::{Alert, Alerts, Finding, Transition};
use crate::rules::Severity;
use crate::time::Timestamp;

/// Members of all live alerts, and of all that ended lately: their facts are what takes the room.
pub(super) const MAX_MEMBERS: usize = 50_000;
/// The same of alerts that ended, as they were told: the oldest leave.
const MAX_PAST_MEMBERS: usize = 10_000;

/// How full it is while findings are noted.
#[derive(Debug, Default)]
pub(super) struct Room {
    /// Members of all live alerts.
    pub(super) members: usize,
    /// Nothing is there that is less severe than this.
    none_below: Option<Severity>,
}

impl Alerts {
    pub(super) fn room(&self) -> Room {
        Room { members: self.live.values().map(|live| live.members.len()).sum(), none_below: None }
    }

    /// Whether a finding is known, or there is room for it.
    pub(super) fn has_room(&self, key: &Key, finding: &Finding, room: &Room) -> bool {
        match self.live.get(key) {
            Some(live) => room.members < MAX_MEMBERS || live.members.contains_key(&finding.member),
            None => room.members < MAX_MEMBERS && self.live.len() < MAX_ALERTS,
        }
    }

    /// Lets the least severe alert leave, of these the newest, if it is less severe than what needs room: what a flood
    /// sets off hides nothing worse. Its end is told, if it was.
    pub(super) fn make_room(
        &mut self,
        severity: Severity,
        now: Timestamp,
        room: &mut Room,
        told: &mut Vec<Transition>,
    ) -> bool {
        if room.none_below.is_some_and(|least| severity <= least) {
            return false;
        }
        let order = |live: &Live| (live.severity, Reverse(live.since));
        let least = self.live.iter().min_by(|(a, x), (b, y)| order(x).cmp(&order(y)).then_with(|| b.cmp(a)));
        let Some(key) = least.filter(|(_, live)| live.severity < severity).map(|(key, _)| key.clone()) else {
            room.none_below = Some(severity);
            return false;
        };
        if self.live.get(&key).is_some_and(Live::is_told) {
            self.resolve(&key, now, Some("left out: there are too many alerts, and worse ones"), told);
        }
        let gone = self.live.remove(&key);
        room.members -= gone.as_ref().map_or(0, |live| live.members.len());
        gone.is_some()
    }

    /// Lets those that ended longest ago leave where too many may come back.
    pub(super) fn let_rest(&mut self) {
        let mut members: usize = self.resting.values().map(|(_, live)| live.members.len()).sum();
        if self.resting.len() <= MAX_ALERTS && members <= MAX_MEMBERS {
            return;
        }
        let mut by_age: Vec<(Timestamp, Key)> =
            self.resting.iter().map(|(key, (ended, _))| (*ended, key.clone())).collect();
        by_age.sort();
        for (_, key) in by_age {
            if self.resting.len() <= MAX_ALERTS && members <= MAX_MEMBERS {
                break;
            }
            members -= self.resting.remove(&key).map_or(0, |(_, live)| live.members.len());
        }
    }
}

/// Members that an ended alert tells of.
fn told_members(alert: &Alert) -> usize {
    alert.evidence.get("members").and_then(serde_json::Value::as_array).map_or(0, Vec::len)
}

/// Puts an alert to those that ended; the oldest leave where they are more than `most`, or name too many. Gives how many.
pub(super) fn push(alerts: &mut VecDeque<Alert>, alert: Alert, most: usize) -> u64 {
    alerts.push_back(alert);
    let mut members: usize = alerts.iter().map(told_members).sum();
    let before = alerts.len();
    while alerts.len() > most || (members > MAX_PAST_MEMBERS && alerts.len() > 1) {
        members -= alerts.pop_front().as_ref().map_or(0, told_members);
    }
    (before - alerts.len()) as u64
}
