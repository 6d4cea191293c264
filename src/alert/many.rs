//! Many alerts at once, each of one camera, are one: by site, else of all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::live::{ARROW, Key, Live};
use super::{Alerts, Finding, GroupKey, GroupKind};
use crate::time::Timestamp;

/// More alerts of one rule than this, each of one camera, are put together.
const MANY: usize = 20;

/// An alert of one camera that waits, and the camera's site.
type Single = (Key, Option<Arc<str>>);

impl Alerts {
    /// Where a finding belongs: its own alert, or one of many cameras that has taken it up.
    pub(super) fn place(&self, finding: &mut Finding) -> Key {
        let own = (finding.rule.clone(), finding.group.clone());
        if self.live.contains_key(&own) {
            return own;
        }
        let many = self.live.range((finding.rule.clone(), GroupKey::new(GroupKind::Site, ""))..);
        for (key, live) in many.take_while(|((rule, _), _)| *rule == finding.rule) {
            let name = name_among_many(&finding.group, &finding.member);
            if live.members.contains_key(&name) {
                finding.member = name;
                return key.clone();
            }
        }
        own
    }

    /// Where many alerts of one rule wait, each of one camera, puts them together: by site, else all.
    pub(super) fn put_together(&mut self, now: Timestamp, wait: Duration) {
        let mut single: BTreeMap<Arc<str>, Vec<Single>> = BTreeMap::new();
        let mut due: BTreeSet<Arc<str>> = BTreeSet::new();
        for (key, live) in &self.live {
            let waits = live.fired.is_none() && live.within.is_none() && live.told_count == 0;
            if !waits || (live.holding, live.visible, live.members.len()) != (1, 1, 1) || key.1.kind >= GroupKind::Site
            {
                continue;
            }
            if now.since(live.found) >= wait {
                due.insert(key.0.clone());
            }
            let site = live.members.values().next().and_then(|member| member.site.clone());
            single.entry(key.0.clone()).or_default().push((key.clone(), site));
        }
        for (rule, waiting) in single {
            // One camera more joins those that are told of together already.
            let joins = |to: &GroupKey| self.live.get(&(rule.clone(), to.clone())).is_some_and(Live::is_told);
            let site_of = |site: &Arc<str>| GroupKey::new(GroupKind::Site, site.clone());
            let all = GroupKey::new(GroupKind::Cameras, "all");
            let mut by_site: BTreeMap<&Arc<str>, usize> = BTreeMap::new();
            for site in waiting.iter().filter_map(|(_, site)| site.as_ref()) {
                *by_site.entry(site).or_default() += 1;
            }
            let is_many = waiting.len() > MANY && due.contains(&rule);
            let of_site = |site: &Option<Arc<str>>| {
                let site = site.as_ref()?;
                (is_many && by_site.get(site).is_some_and(|count| *count > MANY) || joins(&site_of(site)))
                    .then(|| site_of(site))
            };
            let rest = waiting.iter().filter(|(_, site)| of_site(site).is_none()).count();
            let moves: Vec<(Key, GroupKey)> = waiting
                .iter()
                .filter_map(|(key, site)| {
                    let is_camera = key.1.kind == GroupKind::Camera;
                    let to =
                        of_site(site).or_else(|| ((is_many && rest > MANY) || joins(&all)).then(|| all.clone()))?;
                    // Whom a camera calls anew is news, though its site has an alert of many.
                    (is_many || is_camera).then(|| (key.clone(), to))
                })
                .collect();
            for (from, to) in moves {
                self.move_member(&from, (rule.clone(), to));
            }
        }
    }

    fn move_member(&mut self, from: &Key, to: Key) {
        let Some(mut live) = self.live.remove(from) else { return };
        let members = std::mem::take(&mut live.members);
        let many = self.live.entry(to).or_insert_with(|| live.for_many());
        many.severity = many.severity.max(live.severity);
        if many.told_count == 0 {
            (many.since, many.found) = (many.since.min(live.since), many.found.min(live.found));
        }
        for (name, member) in members {
            let (name, holds, hidden) = (name_among_many(&from.1, &name), member.holds, member.hidden.clone());
            many.member(name.clone(), member);
            many.set(&name, holds, hidden);
        }
    }
}

/// What a member is called in an alert of many cameras.
fn name_among_many(group: &GroupKey, member: &Arc<str>) -> Arc<str> {
    if group.kind == GroupKind::Camera { member.clone() } else { format!("{member}{ARROW}{}", group.value).into() }
}
