//! `kind = "new_destination"`: a camera, or a group of them, calls whom it has not called in its learning time.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ahash::AHashSet;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::evidence::Findings;
use super::target::{By, Target};
use super::{Condition, Kind, Rule, Takes, words};
use crate::alert::{About, Finding};
use crate::analyse::{Camera, CameraId, Ledger, PairId, Step, StepKind};
use crate::saved::{Damaged, check_counts, decode, encode_small};
use crate::settings::{Problems, Section, duration_text};
use crate::time::Timestamp;

/// Who is known to call whom; what is beyond counts as known, so that it raises nothing.
const MAX_KNOWN: usize = 1_000_000;
/// Findings that hold at a time.
const MAX_FOUND: usize = 10_000;
/// A destination is new for so long; then it is known.
const NEW_FOR: Duration = Duration::from_secs(3600);

/// Who learns together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Per {
    Camera,
    Site,
    Tag,
    All,
}

/// A new destination, as declared.
#[derive(Debug, Clone)]
pub struct NewDestination {
    by: By,
    per: Per,
    learning: Duration,
}

impl NewDestination {
    /// What is too new.
    pub(super) fn threshold(&self) -> serde_json::Value {
        json!({ "learning_s": self.learning.as_secs(), "new_for_s": NEW_FOR.as_secs() })
    }
}

pub(super) fn read(section: &mut Section<'_, '_>, problems: &mut Problems<'_>) -> Option<Kind> {
    let by = By::read(section, &[By::Address, By::Owner, By::Country, By::Name], problems);
    let words = [("camera", Per::Camera), ("site", Per::Site), ("tag", Per::Tag), ("all", Per::All)];
    let per = section.one_of("per", &words, problems).unwrap_or(Per::Camera);
    let learning = section.get("learning", problems).unwrap_or(Duration::from_secs(24 * 3600));
    if learning < Duration::from_secs(60) {
        problems
            .add(section.span_of("learning"), "`learning` must be \"1 min\" or more: at the start everything is new");
        return None;
    }
    Some(Kind::NewDestination(NewDestination { by, per, learning }))
}

/// Cameras that learn together.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
enum Group {
    Camera(CameraId),
    Site(Arc<str>),
    Tag(Arc<str>),
    All,
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Camera(_) => f.write_str("it"),
            Self::Site(site) => write!(f, "any camera of site {site}"),
            Self::Tag(tag) => write!(f, "any camera tagged {tag}"),
            Self::All => f.write_str("any camera"),
        }
    }
}

/// When, who, and whom.
type FirstCall = (Timestamp, CameraId, PairId);

pub(super) struct Running {
    rule: NewDestination,
    /// First calls since the last look: their names come a moment after them.
    fresh: Vec<FirstCall>,
    known: AHashSet<(Group, Target)>,
    found: BTreeMap<(Group, Target), FirstCall>,
    left_out: u64,
}

impl Running {
    pub(super) fn new(rule: NewDestination) -> Self {
        Self { rule, fresh: Vec::new(), known: AHashSet::new(), found: BTreeMap::new(), left_out: 0 }
    }

    fn groups(&self, id: CameraId, camera: &Camera) -> Vec<Group> {
        match self.rule.per {
            Per::Camera => vec![Group::Camera(id)],
            Per::Site => camera.site.iter().map(|site| Group::Site(site.as_str().into())).collect(),
            Per::Tag => camera.tags.iter().map(|tag| Group::Tag(tag.as_str().into())).collect(),
            Per::All => vec![Group::All],
        }
    }
}

impl Condition for Running {
    fn save(&self) -> Vec<u8> {
        let known: BTreeSet<&(Group, Target)> = self.known.iter().collect();
        encode_small(&(&self.fresh, known, &self.found, self.left_out))
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), Damaged> {
        type Saved = (Vec<FirstCall>, Vec<(Group, Target)>, BTreeMap<(Group, Target), FirstCall>, u64);
        let (fresh, known, found, left_out): Saved = decode(bytes)?;
        check_counts(&[left_out])?;
        self.fresh = fresh;
        self.known = known.into_iter().take(MAX_KNOWN).collect();
        self.found = found.into_iter().take(MAX_FOUND).collect();
        self.left_out = left_out;
        Ok(())
    }

    fn left_out(&self) -> u64 {
        self.left_out
    }

    fn takes(&self) -> Takes {
        Takes::FIRST_ATTEMPTS
    }

    fn observe(&mut self, step: &Step, _: &Ledger) {
        if let StepKind::Attempt { pair, .. } = step.kind {
            self.fresh.push((step.time, step.camera, pair));
        }
    }

    fn forget_gone(&mut self, ledger: &Ledger) {
        let known = |id: &CameraId| ledger.camera_of(*id).is_some();
        self.fresh.retain(|(_, id, _)| known(id));
        self.known.retain(|(group, _)| !matches!(group, Group::Camera(id) if !known(id)));
        self.found.retain(|_, (_, id, _)| known(id));
    }

    fn look(&mut self, rule: &Rule, ledger: &Ledger, now: Timestamp, findings: &mut Findings<'_>) {
        for (time, id, pair_id) in std::mem::take(&mut self.fresh) {
            let Some(pair) = ledger.pair_of(pair_id).filter(|pair| pair.camera == id) else { continue };
            let Some(camera) = ledger.camera_of(id) else { continue };
            // A camera learns from when it was first seen, a group from when watching began.
            let began = if self.rule.per == Per::Camera { camera.first } else { ledger.began().unwrap_or(time) };
            let learnt = time.since(began) >= self.rule.learning;
            for group in self.groups(id, camera) {
                for target in self.rule.by.targets(pair) {
                    let key = (group.clone(), target);
                    if self.known.contains(&key) {
                        continue;
                    }
                    if self.known.len() >= MAX_KNOWN {
                        self.left_out += 1;
                        continue;
                    }
                    self.known.insert(key.clone());
                    if learnt && self.found.len() < MAX_FOUND {
                        findings.extend(finding(rule, &self.rule, &key, (time, id, pair_id), true, ledger));
                        self.found.insert(key, (time, id, pair_id));
                    } else if learnt {
                        self.left_out += 1;
                    }
                }
            }
        }
        let wanted = &self.rule;
        self.found.retain(|key, seen| {
            let holds = now.since(seen.0) < NEW_FOR;
            if !holds {
                findings.extend(finding(rule, wanted, key, *seen, false, ledger));
            }
            holds
        });
    }
}

fn finding(
    rule: &Rule,
    wanted: &NewDestination,
    (group, target): &(Group, Target),
    (time, id, pair_id): (Timestamp, CameraId, PairId),
    holds: bool,
    ledger: &Ledger,
) -> Option<Finding> {
    let camera = ledger.camera_of(id).filter(|camera| !camera.behind_router)?;
    let pair = ledger.pair_of(pair_id)?;
    let what = match wanted.by {
        By::Address => "an address",
        By::Name => "a name",
        By::Owner => "an owner",
        By::Country => "a country",
    };
    let whom = match target {
        Target::Address(_) => words::destination(pair),
        other => format!("{other} at {}", words::destination(pair)),
    };
    let learning = duration_text(wanted.learning);
    Some(Finding {
        rule: rule.name.clone(),
        severity: rule.severity,
        runbook: rule.runbook.clone(),
        message: None,
        group: target.group(),
        member: camera.id.as_str().into(),
        about: About::new(id, target.called(pair_id, pair)),
        since: time,
        holds,
        value: pair.counts.attempts as f64,
        reason: format!(
            "called {whom}, {what} that {group} had not called before (learning time: {learning}), {}",
            pair.answer()
        ),
        evidence: json!({
            "started": time, "learning_s": wanted.learning.as_secs(), "camera": words::camera_facts(camera),
            "pair": words::pair_facts(pair),
        })
        .into(),
    })
}
