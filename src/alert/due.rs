//! Of which alerts something is told next: their figures are to be those of that moment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::life::{GROUP_WAIT, wants_update};
use super::{Alerts, GroupKey, GroupKind};
use crate::time::Timestamp;

/// A rule of which no more members live tells all of them once more when one is due, so that what is shown beside each other
/// is of one moment. Beyond that only what is due is told: in a flood of alerts something is due at every look, and to
/// make the facts of all of them each time takes time that grows with their square.
const FEW: usize = 1000;

/// What a rule is to tell once more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Again {
    /// Nothing.
    #[default]
    Nothing,
    /// What is put together in these alerts.
    Of(BTreeSet<GroupKey>),
    /// All that holds.
    All,
}

impl Again {
    /// Whether anything is to be told.
    pub fn is_any(&self) -> bool {
        *self != Self::Nothing
    }

    /// Whether what belongs to a group is; the group is made only where it matters.
    pub fn is_of(&self, group: impl FnOnce() -> GroupKey) -> bool {
        match self {
            Self::Nothing => false,
            Self::Of(groups) => groups.contains(&group()),
            Self::All => true,
        }
    }

    /// This, and `more`.
    pub fn add(&mut self, more: Self) {
        *self = match (std::mem::take(self), more) {
            (Self::Nothing, other) | (other, Self::Nothing) => other,
            (Self::Of(mut groups), Self::Of(more)) => {
                groups.extend(more);
                Self::Of(groups)
            }
            _ => Self::All,
        };
    }
}

impl Alerts {
    /// Of each rule, that of which something will be told at `now`.
    pub fn due(&self, now: Timestamp) -> BTreeMap<Arc<str>, Again> {
        let mut members: BTreeMap<&Arc<str>, usize> = BTreeMap::new();
        for ((rule, _), live) in &self.live {
            *members.entry(rule).or_default() += live.members.len();
        }
        let mut due: BTreeMap<Arc<str>, Again> = BTreeMap::new();
        for ((rule, group), live) in &self.live {
            let tells = live.holding > 0
                && match live.fired {
                    None => live.within.is_none() && now.since(live.found) >= GROUP_WAIT,
                    Some(_) => wants_update(live, now),
                };
            if !tells && live.doubtful.is_none() {
                continue;
            }
            // Members of an alert of many have groups of their own.
            let many = matches!(group.kind, GroupKind::Site | GroupKind::Cameras);
            let few = members.get(rule).is_none_or(|count| *count <= FEW);
            let more = if many || few { Again::All } else { Again::Of([group.clone()].into()) };
            due.entry(rule.clone()).or_default().add(more);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(value: &str) -> GroupKey {
        GroupKey::new(GroupKind::Destination, value)
    }

    #[test]
    fn what_is_asked_twice_is_put_together() {
        let mut again = Again::default();
        assert!(!again.is_any() && !again.is_of(|| group("a")));
        again.add(Again::Of([group("a")].into()));
        again.add(Again::Of([group("b")].into()));
        again.add(Again::Nothing);
        assert!(again.is_of(|| group("a")) && again.is_of(|| group("b")) && !again.is_of(|| group("c")));
        again.add(Again::All);
        again.add(Again::Of([group("a")].into()));
        assert!(again.is_of(|| group("c")));
    }
}
