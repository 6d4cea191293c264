//! JSON lines, in the words of camwatch or of Elastic; and how they are made to fit where there is a bound.

use serde_json::Value;

use super::facts::Facts;
use super::read::Reading;
use super::{ecs, message};
use crate::alert::{Alert, Transition};

/// Whose words a JSON line uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Those of `read --json` and of `[alerts] output`.
    Camwatch,
    /// Those of the Elastic Common Schema.
    Ecs,
}

impl Format {
    /// Reads `format`.
    pub(super) fn read(reading: &mut Reading<'_, '_, '_, '_>, default: Self) -> Self {
        reading.one_of("format", &[("camwatch", Self::Camwatch), ("ecs", Self::Ecs)]).unwrap_or(default)
    }

    /// A line, without its end.
    pub(super) fn line(self, transition: &Transition) -> String {
        match self {
            // Numbers that no JSON holds are none of an alert's.
            Self::Camwatch => serde_json::to_string(transition).unwrap_or_default(),
            Self::Ecs => ecs::document(transition, &Facts::of(&transition.alert), &message::host()).to_string(),
        }
    }

    /// A line of Elastic's words in `max` bytes: members are left out, then the evidence, then the text is cut.
    pub(super) fn fitting(transition: &Transition, host: &str, max: usize) -> String {
        let mut facts = Facts::of(&transition.alert);
        let whole = ecs::document(transition, &facts, host).to_string();
        if whole.len() <= max {
            return whole;
        }
        let mut short = transition.clone();
        for members in [64, 16, 4, 1, 0] {
            shorten(&mut short.alert.evidence, members);
            facts.shorten(members.max(1));
            let line = ecs::document(&short, &facts, host).to_string();
            if line.len() <= max {
                return line;
            }
        }
        short.alert.evidence = Value::Null;
        short.alert.ptr_claims.clear();
        let line = ecs::document(&short, &facts, host).to_string();
        if line.len() <= max {
            return line;
        }
        let excess = line.len() - max;
        let keep = short.alert.summary.len().saturating_sub(excess + '…'.len_utf8());
        short.alert.summary.truncate(short.alert.summary.floor_char_boundary(keep));
        short.alert.summary.push('…');
        let line = ecs::document(&short, &facts, host).to_string();
        if line.len() <= max { line } else { ecs::least(transition).to_string() }
    }
}

/// Keeps the first `keep` members, and says how many were left out.
fn shorten(evidence: &mut Value, keep: usize) {
    let Some(evidence) = evidence.as_object_mut() else { return };
    let Some(members) = evidence.get_mut("members").and_then(Value::as_array_mut) else { return };
    let left_out = members.len().saturating_sub(keep) as u64;
    members.truncate(keep);
    if left_out > 0 {
        let before = evidence.get("members_left_out").and_then(Value::as_u64).unwrap_or(0);
        evidence.insert("members_left_out".to_owned(), (before + left_out).into());
    }
}

/// An alert in a sentence that stands by itself.
pub(super) fn sentence(alert: &Alert) -> String {
    match &alert.resolved {
        Some(_) => format!("{}: {} is over: {}", alert.rule, alert.subject, alert.summary),
        None => format!("{}: {}: {}", alert.rule, alert.subject, alert.summary),
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::sample;
    use super::*;

    fn crowd(count: usize) -> Transition {
        let mut transition = sample();
        let member = transition.alert.evidence["members"][0].clone();
        let members: Vec<Value> = (0..count)
            .map(|number| {
                let mut member = member.clone();
                member["evidence"]["camera"]["id"] = format!("camera-{number}").into();
                member
            })
            .collect();
        transition.alert.evidence["members"] = members.into();
        transition.alert.evidence["count"] = count.into();
        transition
    }

    #[test]
    fn members_are_left_out_until_it_fits_and_it_says_how_many() {
        let transition = crowd(140);
        for max in [1400, 2048, 8192, 60_000] {
            let line = Format::fitting(&transition, "h", max);
            assert!(line.len() <= max, "{} > {max}", line.len());
            let document: Value = serde_json::from_str(&line).unwrap();
            assert_eq!(document["camwatch"]["alert"]["cameras"], 140, "{line}");
            assert_eq!(document["destination"]["geo"]["country_iso_code"], "CN", "{line}");
            let evidence = document["camwatch"]["alert"]["evidence"].as_str().unwrap();
            let evidence: Value = serde_json::from_str(evidence).unwrap();
            if let Some(members) = evidence["members"].as_array() {
                let left_out = evidence["members_left_out"].as_u64().unwrap_or(0);
                assert_eq!(members.len() as u64 + left_out, 140);
            }
        }
    }

    #[test]
    fn the_line_of_camwatch_reads_back() {
        let transition = sample();
        let line = Format::Camwatch.line(&transition);
        assert_eq!(serde_json::from_str::<Transition>(&line).unwrap(), transition);
    }

    proptest::proptest! {
        #[test]
        fn always_fits_and_is_always_json(summary in "\\PC{0,3000}", max in 700_usize..3000) {
            let mut transition = sample();
            transition.alert.summary = summary;
            let line = Format::fitting(&transition, "h", max);
            proptest::prop_assert!(line.len() <= max, "{}", line.len());
            proptest::prop_assert!(serde_json::from_str::<Value>(&line).is_ok());
        }
    }
}
