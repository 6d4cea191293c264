//! `kind = "surge"`: many cameras that start to call the same destination within a short time.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use ahash::AHashMap;
use serde_json::json;

use super::{Condition, Kind, Rule, words};
use crate::alert::{Finding, GroupKey};
use crate::analyse::{CameraId, Ledger, PairId, Step, StepKind};
use crate::settings::{Problems, Section, duration_text};
use crate::time::Timestamp;

/// Destinations that are followed at a time.
const MAX_DESTINATIONS: usize = 50_000;
/// Cameras kept of one destination.
const MAX_CAMERAS: usize = 10_000;

/// A surge, as declared.
#[derive(Debug, Clone)]
pub struct Surge {
    cameras: u64,
    within: Duration,
    learning: Duration,
}

pub(super) fn read(section: &mut Section<'_, '_>, problems: &mut Problems<'_>) -> Option<Kind> {
    let cameras = section.get("surge_cameras", problems).unwrap_or(5);
    let within = section.get("within", problems).unwrap_or(Duration::from_secs(600));
    let learning = section.get("learning", problems).unwrap_or_default();
    if cameras < 2 {
        problems.add(section.span_of("surge_cameras"), "`surge_cameras` must be 2 or more: one camera is no surge");
        return None;
    }
    Some(Kind::Surge(Surge { cameras, within, learning }))
}

#[derive(Debug, Default)]
struct Started {
    /// When each camera called it first.
    cameras: BTreeMap<CameraId, (Timestamp, PairId)>,
    found: bool,
    last: Timestamp,
}

pub(super) struct Running {
    surge: Surge,
    destinations: AHashMap<IpAddr, Started>,
    touched: Vec<IpAddr>,
}

impl Running {
    pub(super) fn new(surge: Surge) -> Self {
        Self { surge, destinations: AHashMap::new(), touched: Vec::new() }
    }
}

impl Condition for Running {
    fn observe(&mut self, step: &Step, ledger: &Ledger) {
        let StepKind::Attempt { pair, first } = step.kind else { return };
        let began = ledger.began().unwrap_or(step.time);
        let Some(entry) = ledger.pair_of(pair) else { return };
        if first && step.time.since(began) >= self.surge.learning {
            if self.destinations.len() >= MAX_DESTINATIONS && !self.destinations.contains_key(&entry.address) {
                return;
            }
            let started = self.destinations.entry(entry.address).or_default();
            if started.cameras.len() < MAX_CAMERAS {
                started.cameras.entry(step.camera).or_insert((step.time, pair));
                self.touched.push(entry.address);
            }
            started.last = step.time;
        } else if let Some(started) = self.destinations.get_mut(&entry.address) {
            started.last = step.time;
        }
    }

    fn look(&mut self, rule: &Rule, ledger: &Ledger, now: Timestamp, findings: &mut Vec<Finding>) {
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort_unstable();
        touched.dedup();
        for address in touched {
            let Some(started) = self.destinations.get_mut(&address) else { continue };
            let mut times: Vec<Timestamp> = started.cameras.values().map(|(time, _)| *time).collect();
            times.sort_unstable();
            let together = times.windows(self.surge.cameras as usize).any(|some| match some {
                [first, .., last] => last.since(*first) <= self.surge.within,
                _ => false,
            });
            started.found |= together;
            if started.found {
                for (camera, (time, pair)) in &started.cameras {
                    findings.extend(finding(rule, &self.surge, address, *camera, *pair, *time, times[0], ledger));
                }
            }
        }
        // A surge is over when nobody has called the destination for an hour.
        let over = |started: &Started| now.since(started.last) > Duration::from_secs(3600);
        let mut ended: Vec<IpAddr> =
            self.destinations.iter().filter(|(_, started)| over(started)).map(|(address, _)| *address).collect();
        ended.sort_unstable();
        for address in ended {
            let Some(started) = self.destinations.remove(&address).filter(|started| started.found) else { continue };
            for (camera, (time, pair)) in &started.cameras {
                let found = finding(rule, &self.surge, address, *camera, *pair, *time, *time, ledger);
                findings.extend(found.map(|finding| Finding { holds: false, ..finding }));
            }
        }
    }
}

#[expect(clippy::too_many_arguments, reason = "each is a fact of the finding")]
fn finding(
    rule: &Rule,
    surge: &Surge,
    address: IpAddr,
    camera: CameraId,
    pair: PairId,
    started: Timestamp,
    since: Timestamp,
    ledger: &Ledger,
) -> Option<Finding> {
    let camera = ledger.camera_of(camera).filter(|camera| !camera.behind_router)?;
    let pair = ledger.pair_of(pair)?;
    Some(Finding {
        rule: rule.name.clone(),
        severity: rule.severity,
        group: GroupKey { kind: "destination", value: address.to_string().into() },
        member: camera.id.as_str().into(),
        since,
        holds: true,
        value: pair.attempts as f64,
        reason: format!(
            "began to call {} together with others ({} or more within {}), {}",
            words::destination(pair),
            surge.cameras,
            duration_text(surge.within),
            words::outcome(pair)
        ),
        evidence: json!({
            "started": started, "camera": words::camera_facts(camera), "pair": words::pair_facts(pair),
        }),
    })
}
