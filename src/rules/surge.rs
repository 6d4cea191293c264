//! `kind = "surge"`: many cameras that start to call the same destination within a short time.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ahash::AHashSet;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::evidence::Findings;
use super::target::{By, Target};
use super::{Condition, Kind, Rule, Takes, words};
use crate::alert::{About, Again, Finding};
use crate::analyse::{CameraId, Ledger, PairId, Step, StepKind};
use crate::saved::{Damaged, check_counts, decode, encode_small};
use crate::settings::{Problems, Section, duration_text};
use crate::time::Timestamp;

/// Destinations that are followed at a time; those where nothing came of it leave after `within`.
const MAX_TARGETS: usize = 50_000;
/// Cameras kept of one destination, and of all.
const MAX_CAMERAS: usize = 10_000;
const MAX_STARTS: usize = 500_000;
/// Where no more cameras call a destination, all are told anew when one more does; else that one alone.
const FEW: usize = 1000;
/// Who is known to call whom, for names and owners; what is beyond counts as known, so that it raises nothing.
const MAX_KNOWN: usize = 1_000_000;
/// A surge is over when nobody has called the destination for so long.
const OVER_AFTER: Duration = Duration::from_secs(3600);

/// How many cameras are many.
#[derive(Debug, Clone, Copy)]
enum Many {
    Cameras(u64),
    /// Of all that were seen.
    Share(f64),
}

/// A surge, as declared.
#[derive(Debug, Clone)]
pub struct Surge {
    by: By,
    many: Many,
    within: Duration,
    learning: Duration,
}

impl Surge {
    /// What is too much.
    pub(super) fn threshold(&self) -> serde_json::Value {
        let many = match self.many {
            Many::Cameras(cameras) => json!({ "cameras": cameras }),
            Many::Share(share) => json!({ "share": share }),
        };
        json!({ "many": many, "within_s": self.within.as_secs(), "learning_s": self.learning.as_secs() })
    }
}

pub(super) fn read(section: &mut Section<'_, '_>, problems: &mut Problems<'_>) -> Option<Kind> {
    let by = By::read(section, &[By::Address, By::Name, By::Owner], problems);
    let cameras: Option<u64> = section.get("surge_cameras", problems);
    let share: Option<f64> = section.get("share", problems);
    let within = section.get("within", problems).unwrap_or(Duration::from_secs(600));
    if within < Duration::from_secs(1) {
        problems.add(section.span_of("within"), "`within` must be 1 s or more: how close together cameras begin");
    }
    let learning = section.get("learning", problems).unwrap_or_default();
    let many = match (cameras, share) {
        (Some(_), Some(_)) => {
            let message = "write `surge_cameras` (a number) or `share` (of all cameras seen), not both";
            problems.add(section.span_of("share"), message);
            return None;
        }
        (Some(cameras), None) if cameras < 2 => {
            problems.add(section.span_of("surge_cameras"), "`surge_cameras` must be 2 or more: one camera is no surge");
            return None;
        }
        (None, Some(share)) if !(share > 0.0 && share <= 1.0) => {
            problems.add(section.span_of("share"), "`share` must be above 0 and at most 1, as in 0.2 for a fifth");
            return None;
        }
        (None, Some(share)) => Many::Share(share),
        (cameras, None) => Many::Cameras(cameras.unwrap_or(5)),
    };
    Some(Kind::Surge(Surge { by, many, within, learning }))
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Started {
    /// When each camera called it first.
    cameras: BTreeMap<CameraId, (Timestamp, PairId)>,
    latest: Timestamp,
    found: bool,
    touched: bool,
    /// Who began to call it since the last look.
    #[serde(skip)]
    joined: Vec<CameraId>,
}

pub(super) struct Running {
    surge: Surge,
    /// Cameras of all targets.
    starts: usize,
    /// First calls since the last look: their names come a moment after them.
    fresh: Vec<(Timestamp, CameraId, PairId)>,
    targets: BTreeMap<Target, Started>,
    known: AHashSet<(CameraId, Target)>,
    left_out: u64,
    /// What holds is told once more at the next look.
    again: Again,
}

impl Running {
    pub(super) fn new(surge: Surge) -> Self {
        Self {
            surge,
            starts: 0,
            fresh: Vec::new(),
            targets: BTreeMap::new(),
            known: AHashSet::new(),
            left_out: 0,
            again: Again::default(),
        }
    }

    /// Whether a camera calls a target for the first time. A pair's first call is an address's; it may be another
    /// address of a name or an owner that the camera has called before.
    fn is_new(&mut self, camera: CameraId, target: &Target) -> bool {
        if self.surge.by == By::Address {
            return true;
        }
        let key = (camera, target.clone());
        if self.known.contains(&key) {
            return false;
        }
        if self.known.len() >= MAX_KNOWN {
            self.left_out += 1;
            return false;
        }
        self.known.insert(key)
    }

    fn enough(&self, ledger: &Ledger) -> usize {
        match self.surge.many {
            Many::Cameras(cameras) => cameras as usize,
            Many::Share(share) => ((ledger.cameras().count() as f64 * share).ceil() as usize).max(2),
        }
    }
}

impl Condition for Running {
    fn save(&self) -> Vec<u8> {
        let known: BTreeSet<&(CameraId, Target)> = self.known.iter().collect();
        encode_small(&(&self.fresh, &self.targets, known, self.left_out))
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), Damaged> {
        type Saved = (Vec<(Timestamp, CameraId, PairId)>, BTreeMap<Target, Started>, Vec<(CameraId, Target)>, u64);
        let (fresh, targets, known, left_out): Saved = decode(bytes)?;
        check_counts(&[left_out])?;
        self.fresh = fresh;
        self.targets = targets.into_iter().take(MAX_TARGETS).collect();
        self.starts = self.targets.values().map(|started| started.cameras.len()).sum();
        self.known = known.into_iter().take(MAX_KNOWN).collect();
        self.left_out = left_out;
        Ok(())
    }

    fn left_out(&self) -> u64 {
        self.left_out
    }

    fn refresh(&mut self, again: Again) {
        self.again.add(again);
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
        self.fresh.retain(|(_, id, _)| ledger.camera_of(*id).is_some());
        self.known.retain(|(id, _)| ledger.camera_of(*id).is_some());
        for started in self.targets.values_mut() {
            started.cameras.retain(|id, _| ledger.camera_of(*id).is_some());
            started.joined.retain(|id| ledger.camera_of(*id).is_some());
        }
        self.targets.retain(|_, started| !started.cameras.is_empty());
        self.starts = self.targets.values().map(|started| started.cameras.len()).sum();
    }

    fn look(&mut self, rule: &Rule, ledger: &Ledger, now: Timestamp, findings: &mut Findings<'_>) {
        for (time, camera, id) in std::mem::take(&mut self.fresh) {
            let Some(pair) = ledger.pair_of(id).filter(|pair| pair.camera == camera) else { continue };
            let learnt = time.since(ledger.began().unwrap_or(time)) >= self.surge.learning;
            for target in self.surge.by.targets(pair) {
                if !self.is_new(camera, &target) || !learnt {
                    continue;
                }
                if self.targets.len() >= MAX_TARGETS && !self.targets.contains_key(&target) {
                    self.left_out += 1;
                    continue;
                }
                let started = self.targets.entry(target).or_default();
                if started.cameras.len() >= MAX_CAMERAS || self.starts >= MAX_STARTS {
                    self.left_out += 1;
                    continue;
                }
                if let Entry::Vacant(place) = started.cameras.entry(camera) {
                    place.insert((time, id));
                    started.joined.push(camera);
                    self.starts += 1;
                }
                started.touched = true;
                started.latest = started.latest.max(time);
            }
        }
        let again = std::mem::take(&mut self.again);
        let enough = self.enough(ledger);
        let surge = &self.surge;
        let mut starts = 0;
        self.targets.retain(|target, started| {
            let joined = std::mem::take(&mut started.joined);
            let again = started.found && again.is_of(|| target.group());
            if std::mem::take(&mut started.touched) || again {
                let only_joined = started.found && !again && started.cameras.len() > FEW;
                let mut times: Vec<Timestamp> = started.cameras.values().map(|(time, _)| *time).collect();
                times.sort_unstable();
                started.found |= times.windows(enough).any(|some| match some {
                    [first, .., last] => last.since(*first) <= surge.within,
                    _ => false,
                });
                if started.found {
                    let since = times.first().copied().unwrap_or(now);
                    let count = started.cameras.len();
                    let tell = |(camera, (time, pair)): (&CameraId, &(Timestamp, PairId))| {
                        finding(rule, surge, (enough, count), target, (*camera, *pair), *time, since, ledger)
                    };
                    if only_joined {
                        let joined = joined.iter().filter_map(|camera| started.cameras.get_key_value(camera));
                        findings.extend(joined.filter_map(tell));
                    } else {
                        findings.extend(started.cameras.iter().filter_map(tell));
                    }
                }
            }
            let patience = if started.found { OVER_AFTER } else { surge.within };
            if now.since(started.latest) <= patience {
                starts += started.cameras.len();
                return true;
            }
            if !started.found {
                return false;
            }
            let called = started.cameras.values().filter_map(|(_, pair)| Some(ledger.pair_of(*pair)?.last));
            let going_on = called.max().is_some_and(|last| now.since(last) <= OVER_AFTER);
            if !going_on {
                for (camera, (time, pair)) in &started.cameras {
                    let counts = (enough, started.cameras.len());
                    let told = finding(rule, surge, counts, target, (*camera, *pair), *time, *time, ledger);
                    findings.extend(told.map(|finding| Finding { holds: false, ..finding }));
                }
            }
            starts += if going_on { started.cameras.len() } else { 0 };
            going_on
        });
        self.starts = starts;
    }
}

#[expect(clippy::too_many_arguments, reason = "each is a fact of the finding")]
fn finding(
    rule: &Rule,
    surge: &Surge,
    (enough, count): (usize, usize),
    target: &Target,
    (id, pair_id): (CameraId, PairId),
    started: Timestamp,
    since: Timestamp,
    ledger: &Ledger,
) -> Option<Finding> {
    let camera = ledger.camera_of(id).filter(|camera| !camera.behind_router)?;
    let pair = ledger.pair_of(pair_id)?;
    let whom = match target {
        Target::Address(_) => words::destination(pair),
        other => format!("{other}, at {}", words::destination(pair)),
    };
    Some(Finding {
        rule: rule.name.clone(),
        severity: rule.severity,
        runbook: rule.runbook.clone(),
        message: None,
        group: target.group(),
        member: camera.id.as_str().into(),
        about: About::new(id, target.called(pair_id, pair)),
        since,
        holds: true,
        // None of them is worse than another.
        value: 1.0,
        reason: format!(
            "began to call {whom} together with others ({enough} or more within {}), {}",
            duration_text(surge.within),
            pair.answer()
        ),
        evidence: json!({
            "measured": count, "started": started, "camera": words::camera_facts(camera), "pair": words::pair_facts(pair),
        }).into(),
    })
}
