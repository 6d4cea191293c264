//! `kind = "silent"`: a camera that stopped talking while it could be observed.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::evidence::Findings;
use super::{Condition, Kind, Minute, Rule, words};
use crate::alert::{About, Finding, GroupKey, GroupKind};
use crate::analyse::{CameraId, Ledger};
use crate::saved::{Damaged, decode, encode_small};
use crate::settings::{Problems, Section, duration_text};
use crate::time::Timestamp;

/// A silence, as declared.
#[derive(Debug, Clone)]
pub struct Silent {
    after: Duration,
}

impl Silent {
    /// What is too long.
    pub(super) fn threshold(&self) -> serde_json::Value {
        json!({ "observed_silence_s": self.after.as_secs() })
    }
}

pub(super) fn read(section: &mut Section<'_, '_>, problems: &mut Problems<'_>) -> Option<Kind> {
    let after = section.get("after", problems).unwrap_or(Duration::from_secs(3600));
    if after < Duration::from_secs(300) {
        problems.add(section.span_of("after"), "`after` must be 5 min or more: presence is told about once a minute");
        return None;
    }
    Some(Kind::Silent(Silent { after }))
}

pub(super) struct Running {
    silent: Silent,
    minute: Minute,
    /// Since when those have been silent of whom that was found.
    found: BTreeMap<CameraId, Timestamp>,
}

impl Running {
    pub(super) fn new(silent: Silent) -> Self {
        Self { silent, minute: Minute::default(), found: BTreeMap::new() }
    }
}

impl Condition for Running {
    fn save(&self) -> Vec<u8> {
        encode_small(&(&self.minute, &self.found))
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), Damaged> {
        (self.minute, self.found) = decode(bytes)?;
        Ok(())
    }

    fn forget_gone(&mut self, ledger: &Ledger) {
        self.found.retain(|id, _| ledger.camera_of(*id).is_some());
    }

    fn look(&mut self, rule: &Rule, ledger: &Ledger, now: Timestamp, findings: &mut Findings<'_>) {
        if !self.minute.is_over(now) {
            return;
        }
        let wanted = self.silent.after.max(rule.hold);
        for (id, camera) in ledger.cameras() {
            if !(camera.kind.is_watched() && rule.narrow.covers_camera(camera)) {
                continue;
            }
            let Some((_, device)) = ledger.device_of(camera) else { continue };
            // When it sent anything itself: what becomes of its calls is told later, and answers are others'.
            let last = device.last;
            let silent = now.since(last);
            let found = self.found.get(&id).copied();
            if silent < wanted {
                if let Some(since) = found {
                    self.found.remove(&id);
                    findings.extend(finding(rule, ledger, id, since, now, Duration::ZERO, false));
                }
                continue;
            }
            let Some(address) = device.address().or(camera.addresses.last().copied()) else { continue };
            let covered = ledger.coverage().covered(device.segment, address, last, now);
            if found.is_none() && covered >= wanted {
                self.found.insert(id, last);
                findings.extend(finding(rule, ledger, id, last, now, covered, true));
            }
        }
    }
}

fn finding(
    rule: &Rule,
    ledger: &Ledger,
    id: CameraId,
    since: Timestamp,
    now: Timestamp,
    covered: Duration,
    holds: bool,
) -> Option<Finding> {
    let camera = ledger.camera_of(id)?;
    Some(Finding {
        rule: rule.name.clone(),
        severity: rule.severity,
        runbook: rule.runbook.clone(),
        message: None,
        group: GroupKey::new(GroupKind::Camera, camera.id.as_str()),
        member: camera.id.as_str().into(),
        about: About::camera(id),
        since,
        holds,
        value: covered.as_secs_f64(),
        reason: format!(
            "has sent nothing since {since}; for {} of that its network was observed",
            duration_text(Duration::from_secs(covered.as_secs() / 60 * 60))
        ),
        evidence: json!({
            "last_seen": since, "silent_s": now.since(since).as_secs(), "covered_s": covered.as_secs(),
            "camera": words::camera_facts(camera),
        })
        .into(),
    })
}
