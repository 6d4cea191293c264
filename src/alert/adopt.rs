//! After a restart: what was told since the alerts were written down.

use std::sync::Arc;
use std::time::Duration;

use super::life::MAX_ALERTS;
use super::live::{Key, Live};
use super::room::push;
use super::{Alerts, GroupKey, GroupKind, Told, Transition};
use crate::time::Timestamp;

/// What was told after the checkpoint that was read back, and is not found again for so long, is over.
const DOUBTFUL_FOR: Duration = Duration::from_secs(3600);

impl Alerts {
    /// Takes up transitions that were told after these alerts were written down, in their order: what they say fires does,
    /// what they say ended did, and neither is told again. What they say fires and no rule finds again within an hour is
    /// over then.
    pub fn adopt(&mut self, transitions: Vec<Transition>) {
        for transition in transitions {
            let Some((key, count)) = key_of(&transition) else { continue };
            let (event, time) = (transition.event, transition.time);
            let live = self.live.get(&key).or(self.resting.get(&key).map(|(_, live)| live));
            let known = live.map_or(0, |live| live.told_count);
            if known >= count {
                continue;
            }
            let id = transition.alert.id.clone();
            self.past.retain(|alert| alert.id != id);
            self.resting.remove(&key);
            let ended = (event == Told::Resolved).then(|| transition.alert.clone());
            let mut live = Live::adopted(transition, count, time + DOUBTFUL_FOR);
            // What the checkpoint knew of its members, the rules go on with.
            if let Some(before) = self.live.remove(&key)
                && ended.is_none()
            {
                live.go_on_from(before);
            }
            match ended {
                None => drop(self.live.insert(key, live)),
                Some(alert) => {
                    self.left_out += push(&mut self.past, alert, MAX_ALERTS);
                    (live.fired, live.acknowledged, live.doubtful) = (None, None, None);
                    self.resting.insert(key, (time, live));
                }
            }
        }
    }

    /// Ends what was adopted and never found again.
    pub(super) fn end_doubtful(&mut self, now: Timestamp) {
        for live in self.live.values_mut().filter(|live| live.doubtful.is_some_and(|until| now >= until)) {
            live.doubtful = None;
            let names: Vec<Arc<str>> = live.members.keys().cloned().collect();
            for name in names {
                live.set(&name, false, None);
            }
        }
    }
}

/// The alert that a transition is of, and its number.
fn key_of(transition: &Transition) -> Option<(Key, u64)> {
    let (_, count) = transition.key.rsplit_once('#')?;
    let alert = &transition.alert;
    let group = GroupKind::ALL.into_iter().find_map(|kind| {
        let value = alert.evidence.get(kind.word())?.as_str()?;
        let key = (alert.rule.clone(), GroupKey::new(kind, value));
        (alert.id.starts_with(&format!("{}/{kind}/", alert.rule))).then_some(key)
    })?;
    Some((group, count.parse().ok()?))
}
