//! `kind = "surge"`: many cameras that start to call the same destination within a short time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ahash::AHashSet;
use serde_json::json;

use super::target::{By, Target};
use super::{Condition, Kind, Rule, Takes, words};
use crate::alert::{Finding, GroupKey};
use crate::analyse::{CameraId, Ledger, PairId, Step, StepKind};
use crate::settings::{Problems, Section, duration_text};
use crate::time::Timestamp;

/// Destinations that are followed at a time; those where nothing came of it leave after `within`.
const MAX_TARGETS: usize = 50_000;
/// Cameras kept of one destination.
const MAX_CAMERAS: usize = 10_000;
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

#[derive(Debug, Default)]
struct Started {
    /// When each camera called it first.
    cameras: BTreeMap<CameraId, (Timestamp, PairId)>,
    latest: Timestamp,
    found: bool,
    touched: bool,
}

pub(super) struct Running {
    surge: Surge,
    /// First calls since the last look: their names come a moment after them.
    fresh: Vec<(Timestamp, CameraId, PairId)>,
    targets: BTreeMap<Target, Started>,
    known: AHashSet<(CameraId, Target)>,
    left_out: u64,
}

impl Running {
    pub(super) fn new(surge: Surge) -> Self {
        Self { surge, fresh: Vec::new(), targets: BTreeMap::new(), known: AHashSet::new(), left_out: 0 }
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

    fn look(&mut self, rule: &Rule, ledger: &Ledger, now: Timestamp, findings: &mut Vec<Finding>) {
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
                if started.cameras.len() < MAX_CAMERAS {
                    started.cameras.entry(camera).or_insert((time, id));
                    started.touched = true;
                    started.latest = started.latest.max(time);
                } else {
                    self.left_out += 1;
                }
            }
        }
        let enough = self.enough(ledger);
        let surge = &self.surge;
        self.targets.retain(|target, started| {
            if std::mem::take(&mut started.touched) {
                let mut times: Vec<Timestamp> = started.cameras.values().map(|(time, _)| *time).collect();
                times.sort_unstable();
                started.found |= times.windows(enough).any(|some| match some {
                    [first, .., last] => last.since(*first) <= surge.within,
                    _ => false,
                });
                if started.found {
                    let since = times.first().copied().unwrap_or(now);
                    let tell = |(camera, (time, pair)): (&CameraId, &(Timestamp, PairId))| {
                        finding(rule, surge, enough, target, (*camera, *pair), *time, since, ledger)
                    };
                    findings.extend(started.cameras.iter().filter_map(tell));
                }
            }
            if !started.found {
                return now.since(started.latest) <= surge.within;
            }
            if now.since(started.latest) <= OVER_AFTER {
                return true;
            }
            let called = started.cameras.values().filter_map(|(_, pair)| Some(ledger.pair_of(*pair)?.last));
            let going_on = called.max().is_some_and(|last| now.since(last) <= OVER_AFTER);
            if !going_on {
                for (camera, (time, pair)) in &started.cameras {
                    let told = finding(rule, surge, enough, target, (*camera, *pair), *time, *time, ledger);
                    findings.extend(told.map(|finding| Finding { holds: false, ..finding }));
                }
            }
            going_on
        });
    }
}

#[expect(clippy::too_many_arguments, reason = "each is a fact of the finding")]
fn finding(
    rule: &Rule,
    surge: &Surge,
    enough: usize,
    target: &Target,
    (camera, pair): (CameraId, PairId),
    started: Timestamp,
    since: Timestamp,
    ledger: &Ledger,
) -> Option<Finding> {
    let camera = ledger.camera_of(camera).filter(|camera| !camera.behind_router)?;
    let pair = ledger.pair_of(pair)?;
    let whom = match target {
        Target::Address(_) => words::destination(pair),
        other => format!("{other}, at {}", words::destination(pair)),
    };
    Some(Finding {
        rule: rule.name.clone(),
        severity: rule.severity,
        runbook: rule.runbook.clone(),
        group: GroupKey { kind: target.kind(), value: Arc::from(target.to_string()) },
        member: camera.id.as_str().into(),
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
            "started": started, "camera": words::camera_facts(camera), "pair": words::pair_facts(pair),
        }),
    })
}
