//! `kind = "unregistered"`: a device that is a camera by all that is known, and that nobody registered.

use std::collections::BTreeMap;

use serde_json::json;

use super::evidence::Findings;
use super::{Condition, Kind, Minute, Rule, Severity, words};
use crate::alert::{About, Finding, GroupKey, GroupKind};
use crate::analyse::{Camera, CameraId, Ledger};
use crate::device::Certainty;
use crate::saved::{Damaged, decode, encode_small};
use crate::settings::{Problems, Section};
use crate::time::Timestamp;

/// A device that nobody registered, as declared.
#[derive(Debug, Clone)]
pub struct Unregistered {
    certainty: Certainty,
}

impl Unregistered {
    /// How sure is sure enough.
    pub(super) fn threshold(&self) -> serde_json::Value {
        json!({ "certainty": self.certainty })
    }
}

#[expect(clippy::unnecessary_wraps, reason = "all kinds are read alike")]
pub(super) fn read(section: &mut Section<'_, '_>, problems: &mut Problems<'_>) -> Option<Kind> {
    let words = [("likely", Certainty::Likely), ("sure", Certainty::Sure)];
    let certainty = section.one_of("certainty", &words, problems).unwrap_or(Certainty::Likely);
    Some(Kind::Unregistered(Unregistered { certainty }))
}

pub(super) struct Running {
    unregistered: Unregistered,
    minute: Minute,
    found: BTreeMap<CameraId, Timestamp>,
}

impl Running {
    pub(super) fn new(unregistered: Unregistered) -> Self {
        Self { unregistered, minute: Minute::default(), found: BTreeMap::new() }
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
        // Where nothing is registered, all are strangers, and none is news.
        let anyone = !ledger.watch_list().cameras().is_empty();
        for (id, camera) in ledger.cameras() {
            let found = self.found.get(&id).copied();
            let stranger =
                anyone && !camera.configured && camera.kind.is_watched() && rule.narrow.covers_camera(camera);
            if !stranger {
                if let Some(since) = found {
                    self.found.remove(&id);
                    findings.extend(finding(rule, ledger, (id, camera), since, false, Certainty::Unverified));
                }
                continue;
            }
            if found.is_some() || now.since(camera.first) < rule.hold {
                continue;
            }
            let certainty = ledger.device_of(camera).map(|(_, device)| device.profile(None).kind_certainty);
            if let Some(certainty) = certainty.filter(|certainty| *certainty >= self.unregistered.certainty) {
                self.found.insert(id, camera.first);
                findings.extend(finding(rule, ledger, (id, camera), camera.first, true, certainty));
            }
        }
    }
}

fn finding(
    rule: &Rule,
    ledger: &Ledger,
    (id, camera): (CameraId, &Camera),
    since: Timestamp,
    holds: bool,
    certainty: Certainty,
) -> Option<Finding> {
    let (_, device) = ledger.device_of(camera)?;
    let profile = device.profile(None);
    let model = profile.model.map_or(String::new(), |model| format!(" {}", model.value));
    let maker = profile.brand.or(profile.maker).map_or(String::new(), |maker| format!(" {}", maker.value));
    Some(Finding {
        rule: rule.name.clone(),
        severity: if certainty == Certainty::Sure { rule.severity } else { rule.severity.min(Severity::Warning) },
        // Who has a register of half of the cameras wants one alert for the other half.
        group: GroupKey::new(GroupKind::Register, "missing"),
        runbook: rule.runbook.clone(),
        message: None,
        member: camera.id.as_str().into(),
        about: About::camera(id),
        since,
        holds,
        value: if certainty == Certainty::Sure { 1.0 } else { 0.5 },
        reason: format!("is a{maker}{model} {} that nobody registered ({})", profile.kind.word(), profile.kind_reason),
        evidence: json!({
            "kind": profile.kind, "certainty": certainty, "kind_reason": profile.kind_reason,
            "model": profile.model, "serial": profile.serial, "maker": profile.maker, "brand": profile.brand,
            "camera": words::camera_facts(camera),
        })
        .into(),
    })
}
