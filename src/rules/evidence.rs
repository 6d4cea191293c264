//! What every finding is given beside what its rule measured: the rule, who the camera is, and how well it was observed.

use serde_json::{Value, json};

use super::{Rule, words};
use crate::alert::{Called, Finding};
use crate::analyse::Ledger;
use crate::analyse::beat::Level;
use crate::time::Timestamp;

/// What a rule finds at a look: completed, and its facts written down, as it comes. Thousands at once would else take
/// eight times the room.
pub(super) struct Findings<'a> {
    rule: &'a Rule,
    ledger: &'a Ledger,
    now: Timestamp,
    all: &'a mut Vec<Finding>,
}

impl<'a> Findings<'a> {
    /// Puts what `rule` finds with `all`.
    pub(super) fn of(rule: &'a Rule, ledger: &'a Ledger, now: Timestamp, all: &'a mut Vec<Finding>) -> Self {
        Self { rule, ledger, now, all }
    }

    pub(super) fn push(&mut self, mut finding: Finding) {
        complete(&mut finding, self.rule, self.ledger, self.now);
        finding.evidence.pack();
        self.all.push(finding);
    }
}

impl Extend<Finding> for Findings<'_> {
    fn extend<T: IntoIterator<Item = Finding>>(&mut self, findings: T) {
        findings.into_iter().for_each(|finding| self.push(finding));
    }
}

/// Completes a finding that holds.
fn complete(finding: &mut Finding, rule: &Rule, ledger: &Ledger, now: Timestamp) {
    finding.message.clone_from(&rule.message);
    let Some(evidence) = finding.evidence.values_mut().and_then(Value::as_object_mut) else { return };
    // What is counted over several cameras is not what makes one of them worse than another.
    let measured = evidence.remove("measured").unwrap_or_else(|| json!(finding.value));
    if !finding.holds {
        return;
    }
    let (threshold, measure) = rule.kind.threshold();
    evidence.insert(
        "rule".to_owned(),
        json!({
            "name": rule.name, "kind": rule.word, "threshold": threshold, "measured": { measure: measured },
        }),
    );
    let Some(camera) = finding.about.camera.and_then(|id| ledger.camera_of(id)) else { return };
    if let Some((_, device)) = ledger.device_of(camera) {
        evidence.insert("coverage".to_owned(), json!(ledger.coverage().last_day(device, now)));
        if let Some(camera) = evidence.get_mut("camera").and_then(Value::as_object_mut) {
            let profile = device.profile(None);
            camera.insert("model".to_owned(), json!(profile.model.map(|model| model.value)));
        }
    }
    if let Called::Pair(id, address) = finding.about.called
        && let Some(pair) = ledger.pair_of(id).filter(|pair| pair.address == address)
    {
        evidence.entry("pair").or_insert_with(|| words::pair_facts(pair));
        let rhythm = pair.rhythm(now).filter(|score| score.level() >= Some(Level::Watch));
        evidence.insert("rhythm".to_owned(), json!(rhythm.map(|score| score.to_string())));
    }
}
