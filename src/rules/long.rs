//! `kind = "long"`: a connection, or a pair that is in contact, that lasts: a tunnel.

use std::net::IpAddr;
use std::time::Duration;

use ahash::AHashMap;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::evidence::Findings;
use super::{Condition, Kind, Rule, Takes, community_id, in_order, words};
use crate::alert::{About, Again, Called, Finding, GroupKey, GroupKind};
use crate::analyse::{CameraId, Ledger, PairId, Step, StepKind};
use crate::net::Service;
use crate::saved::{Damaged, decode, encode_small};
use crate::settings::{Problems, Section, duration_text};
use crate::time::Timestamp;
use crate::track::Outcome;

/// Pairs that are followed at a time; later ones are left out until others are quiet.
const MAX_PAIRS: usize = 200_000;
/// A finding that goes on is made again with newer figures this often.
const REFRESH: Duration = Duration::from_secs(300);

/// What lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Per {
    Connection,
    Pair,
}

/// A length of time, as declared.
#[derive(Debug, Clone)]
pub struct Long {
    per: Per,
    after: Duration,
    gap: Duration,
}

impl Long {
    /// What is too long.
    pub(super) fn threshold(&self) -> serde_json::Value {
        json!({ "lasted_s": self.after.as_secs(), "gap_s": self.gap.as_secs() })
    }
}

pub(super) fn read(section: &mut Section<'_, '_>, problems: &mut Problems<'_>) -> Option<Kind> {
    let words = [("connection", Per::Connection), ("camera and destination", Per::Pair)];
    let per = section.one_of("per", &words, problems).unwrap_or(Per::Connection);
    let after: Option<Duration> = section.get("after", problems);
    let usual = Duration::from_secs(if per == Per::Connection { 3600 } else { 300 });
    let gap = section.get("gap", problems).unwrap_or(usual);
    let Some(after) = after else {
        let message = "a long rule needs `after`: how long is too long, as in after = \"8 h\"";
        problems.add(section.span_of("after"), message);
        return None;
    };
    if after < Duration::from_secs(60) {
        problems.add(section.span_of("after"), "`after` must be \"1 min\" or more");
        return None;
    }
    // The traffic of an open connection is told once a minute.
    if gap < Duration::from_secs(120) || gap > Duration::from_secs(86_400) {
        problems.add(section.span_of("gap"), "`gap` must be between 2 min and 24 h");
        return None;
    }
    Some(Kind::Long(Long { per, after, gap }))
}

/// Time of contact without a gap, or a pair's longest connection.
#[derive(Debug, Serialize, Deserialize)]
struct Span {
    camera: CameraId,
    /// The pair's destination: a pair's place is used again when it has left the ledger.
    address: IpAddr,
    began: Timestamp,
    last: Timestamp,
    told: Option<Timestamp>,
    /// The connection, where it is one: the camera's end, and what it called.
    flow: Option<((IpAddr, u16), Service)>,
}

impl Span {
    fn length(&self) -> Duration {
        self.last.since(self.began)
    }
}

pub(super) struct Running {
    long: Long,
    spans: AHashMap<PairId, Span>,
    /// Findings whose pair left the ledger before they ended.
    lost: Vec<Span>,
    /// What holds is told once more at the next look.
    again: Again,
}

impl Running {
    pub(super) fn new(long: Long) -> Self {
        Self { long, spans: AHashMap::new(), lost: Vec::new(), again: Again::default() }
    }
}

impl Condition for Running {
    fn refresh(&mut self, again: Again) {
        self.again.add(again);
    }

    fn save(&self) -> Vec<u8> {
        encode_small(&(in_order(&self.spans), &self.lost))
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), Damaged> {
        let (spans, lost): (Vec<(PairId, Span)>, Vec<Span>) = decode(bytes)?;
        self.spans = spans.into_iter().take(MAX_PAIRS).collect();
        self.lost = lost;
        Ok(())
    }

    fn takes(&self) -> Takes {
        match self.long.per {
            Per::Connection => Takes::CONTACTS,
            Per::Pair => Takes::CONTACTS.and(Takes::PULSES),
        }
    }

    fn observe(&mut self, step: &Step, ledger: &Ledger) {
        let (pair, lasted, flow) = match step.kind {
            StepKind::Contact { outcome: Some(Outcome::Refused | Outcome::Unanswered), .. } => return,
            StepKind::Contact { pair, lasted, own, service, .. } => (pair, lasted, Some((own, service))),
            StepKind::Pulse { pair, .. } => (pair, Duration::ZERO, None),
            _ => return,
        };
        let Some(entry) = ledger.pair_of(pair) else { return };
        if self.spans.len() >= MAX_PAIRS && !self.spans.contains_key(&pair) {
            return;
        }
        let (began, last) = (step.time - lasted, step.time);
        let fresh = || Span { camera: step.camera, address: entry.address, began, last, told: None, flow };
        let span = self.spans.entry(pair).or_insert_with(fresh);
        if span.address != entry.address {
            let gone = std::mem::replace(span, fresh());
            self.lost.extend(Some(gone).filter(|gone| gone.told.is_some()));
            return;
        }
        let goes_on = match self.long.per {
            Per::Connection => began <= span.began || lasted > span.length(),
            Per::Pair => true,
        };
        if !goes_on {
            return;
        }
        let anew = match self.long.per {
            Per::Connection => true,
            Per::Pair => began.since(span.last) > self.long.gap,
        };
        // The start of a connection that was told once stays, though it is told by the last packet each time.
        span.began = if anew && began > span.began { began } else { span.began.min(began) };
        span.last = span.last.max(last);
        span.flow = flow;
    }

    fn forget_gone(&mut self, ledger: &Ledger) {
        self.spans.retain(|_, span| ledger.camera_of(span.camera).is_some());
        self.lost.retain(|span| ledger.camera_of(span.camera).is_some());
    }

    fn look(&mut self, rule: &Rule, ledger: &Ledger, now: Timestamp, findings: &mut Findings<'_>) {
        let again = std::mem::take(&mut self.again);
        let (long, mut changed) = (&self.long, Vec::new());
        self.spans.retain(|id, span| {
            if now.since(span.last) >= long.gap {
                changed.extend(span.told.map(|_| (*id, false)));
                return span.told.is_some();
            }
            let holds = span.length() >= long.after + rule.hold;
            if holds && span.told.is_none_or(|told| again.is_of(|| group(span)) || now.since(told) >= REFRESH) {
                span.told = Some(now);
                changed.push((*id, true));
            } else if !holds && span.told.take().is_some() {
                changed.push((*id, false));
            }
            true
        });
        changed.sort_unstable();
        for gone in std::mem::take(&mut self.lost) {
            findings.extend(finding(rule, long, None, &gone, false, ledger));
        }
        for (id, holds) in changed {
            if let Some(span) = self.spans.get(&id) {
                findings.extend(finding(rule, long, Some(id), span, holds, ledger));
                if !holds && now.since(span.last) >= long.gap {
                    self.spans.remove(&id);
                }
            }
        }
    }
}

fn group(span: &Span) -> GroupKey {
    GroupKey::new(GroupKind::Destination, span.address.to_string())
}

fn finding(rule: &Rule, long: &Long, id: Option<PairId>, span: &Span, holds: bool, ledger: &Ledger) -> Option<Finding> {
    let camera = ledger.camera_of(span.camera).filter(|camera| !camera.behind_router)?;
    let pair = id.and_then(|id| ledger.pair_of(id)).filter(|pair| pair.address == span.address);
    let whom = pair.map_or_else(|| span.address.to_string(), words::destination);
    let flow = span.flow.filter(|((_, port), _)| long.per == Per::Connection && *port != 0);
    let community_id =
        flow.and_then(|(own, called)| community_id::of(called.protocol, own, (span.address, called.port)));
    let length = span.length();
    let minutes = duration_text(Duration::from_secs(length.as_secs() / 60 * 60));
    let allowed = duration_text(long.after);
    Some(Finding {
        rule: rule.name.clone(),
        severity: rule.severity,
        runbook: rule.runbook.clone(),
        message: None,
        group: group(span),
        member: camera.id.as_str().into(),
        about: About::new(span.camera, id.map_or(Called::Nobody, |id| Called::Pair(id, span.address))),
        since: span.began,
        holds,
        value: length.as_secs_f64(),
        reason: match long.per {
            Per::Connection => format!("kept a connection to {whom} open for {minutes} (the rule allows {allowed})"),
            Per::Pair => format!("was in contact with {whom} for {minutes} (the rule allows {allowed})"),
        },
        evidence: json!({
            "began": span.began, "last": span.last, "lasted_s": length.as_secs(), "threshold_s": long.after.as_secs(),
            "community_id": community_id, "camera": words::camera_facts(camera), "pair": pair.map(words::pair_facts),
        })
        .into(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, rule};
    use super::*;
    use crate::track::Traffic;

    const CHINA: &str = "120.26.96.67";

    fn open_for(seconds: i64) -> Traffic {
        Traffic { bytes_out: 100, lasted: Duration::from_secs(seconds as u64), ..Traffic::default() }
    }

    #[test]
    fn one_connection_that_lasts_is_found_and_many_short_ones_are_not() {
        let mut bench = Bench::new("long", "after = \"2 h\"");
        for at in (0..7200).step_by(60) {
            bench.traffic(at, CHINA, open_for(30));
            bench.traffic(at, "8.8.8.8", open_for(at));
            assert!(bench.look(at).is_empty(), "{at}");
        }
        bench.traffic(7200, "8.8.8.8", open_for(7200));
        let found = bench.look(7210);
        assert!(found.len() == 1 && found[0].contains("kept a connection to 8.8.8.8"), "{found:?}");
        assert!(found[0].contains("open for 2 h (the rule allows 2 h)"), "{found:?}");
        bench.traffic(7260, "8.8.8.8", open_for(10));
        assert_eq!(bench.look(7200 + 3600), ["- destination 8.8.8.8"], "a short one does not keep it alive");
    }

    #[test]
    fn a_pair_is_in_contact_until_there_is_a_gap() {
        let mut bench = Bench::new("long", "after = \"1 h\"\nper = \"camera and destination\"");
        for at in (0..3300).step_by(240) {
            bench.traffic(at, CHINA, open_for(30));
        }
        assert!(bench.look(3310).is_empty());
        for at in (3720..7200).step_by(240) {
            bench.traffic(at, CHINA, open_for(30));
        }
        assert!(bench.look(7200).is_empty(), "two spans with a gap between them");
        bench.traffic(7300, CHINA, open_for(30));
        assert!(bench.look(7310)[0].contains("was in contact with 120.26.96.67"));
    }

    #[test]
    fn every_wrong_key_is_told() {
        for (keys, expected) in [
            ("", "a long rule needs `after`"),
            ("after = \"10 s\"", "r.toml:3:9: `after` must be \"1 min\" or more"),
            ("after = \"1 h\"\ngap = \"1 s\"", "r.toml:4:7: `gap` must be between 2 min and 24 h"),
            ("after = \"1 h\"\nper = \"camera\"", "none of connection, camera and destination"),
        ] {
            let problems = rule("long", keys).unwrap_err();
            assert!(problems.iter().any(|problem| problem.contains(expected)), "{expected}: {problems:?}");
        }
    }
}
