//! `kind = "beat"`: a rhythm of a level that holds over two looks some time apart.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::{Condition, Kind, Rule, words};
use crate::alert::{Finding, GroupKey};
use crate::analyse::beat::{Level, Score};
use crate::analyse::{Ledger, PairId, Step, StepKind};
use crate::settings::{Problems, Section};
use crate::time::Timestamp;

/// Pairs that are followed at a time.
const MAX_PAIRS: usize = 1_000_000;
/// A pair is scored this often at most, and only if it had events.
const SCORE_EVERY: Duration = Duration::from_secs(60);

/// A rhythm, as declared.
#[derive(Debug, Clone)]
pub struct BeatRule {
    level: Level,
    min_period: Duration,
    max_period: Duration,
    confirm: Duration,
}

#[expect(clippy::unnecessary_wraps, reason = "all kinds are read alike")]
pub(super) fn read(section: &mut Section<'_, '_>, problems: &mut Problems<'_>) -> Option<Kind> {
    let levels = [("watch", Level::Watch), ("beacon", Level::Beacon), ("strong", Level::Strong)];
    let rule = BeatRule {
        level: section.one_of("level", &levels, problems).unwrap_or(Level::Beacon),
        min_period: section.get("min_period", problems).unwrap_or_default(),
        max_period: section.get("max_period", problems).unwrap_or(Duration::from_secs(48 * 3600)),
        confirm: section.get("confirm", problems).unwrap_or(Duration::from_secs(600)),
    };
    if rule.min_period >= rule.max_period {
        problems.add(section.span_of("min_period"), "`min_period` must be below `max_period`");
    }
    Some(Kind::Beat(rule))
}

#[derive(Debug, Default)]
struct Followed {
    fresh: bool,
    scored: Option<Timestamp>,
    /// Since when the level has held at every look.
    since: Option<Timestamp>,
    found: bool,
    score: Option<Score>,
}

pub(super) struct Running {
    rule: BeatRule,
    pairs: BTreeMap<PairId, Followed>,
}

impl Running {
    pub(super) fn new(rule: BeatRule) -> Self {
        Self { rule, pairs: BTreeMap::new() }
    }
}

impl Condition for Running {
    fn observe(&mut self, step: &Step, ledger: &Ledger) {
        let (StepKind::Attempt { pair, .. } | StepKind::Pulse { pair }) = step.kind else { return };
        // Fewer events than a score needs are not followed: most pairs never are.
        if ledger.pair_of(pair).is_some_and(|pair| pair.beat.events() >= 5)
            && (self.pairs.len() < MAX_PAIRS || self.pairs.contains_key(&pair))
        {
            self.pairs.entry(pair).or_default().fresh = true;
        }
    }

    fn look(&mut self, rule: &Rule, ledger: &Ledger, now: Timestamp, findings: &mut Vec<Finding>) {
        let wanted = &self.rule;
        self.pairs.retain(|id, followed| {
            let Some(pair) = ledger.pair_of(*id) else { return false };
            let soon = followed.scored.is_some_and(|scored| now >= scored && now.since(scored) < SCORE_EVERY);
            if followed.fresh && !soon {
                followed.fresh = false;
                followed.scored = Some(now);
                followed.score = pair.beat.score(now).filter(|score| {
                    score.level() >= Some(wanted.level)
                        && (wanted.min_period.as_secs_f64()..=wanted.max_period.as_secs_f64()).contains(&score.period_s)
                });
                match followed.score {
                    Some(_) => followed.since = followed.since.or(Some(now)),
                    None => followed.since = None,
                }
            }
            if followed.score.is_some_and(|score| pair.beat.stopped(&score, now)) {
                (followed.since, followed.score) = (None, None);
            }
            let holds = followed.since.is_some_and(|since| now.since(since) >= wanted.confirm.max(rule.hold));
            if holds != followed.found {
                followed.found = holds;
                findings.extend(finding(rule, *id, followed, holds, ledger, now));
            }
            followed.found || followed.score.is_some() || followed.fresh
        });
    }
}

fn finding(
    rule: &Rule,
    id: PairId,
    followed: &Followed,
    holds: bool,
    ledger: &Ledger,
    now: Timestamp,
) -> Option<Finding> {
    let pair = ledger.pair_of(id)?;
    let camera = ledger.camera_of(pair.camera).filter(|camera| !camera.behind_router)?;
    let score = followed.score.or_else(|| pair.beat.score(now));
    let rhythm = score.map_or_else(|| "in a rhythm".to_owned(), |score| score.to_string());
    Some(Finding {
        rule: rule.name.clone(),
        severity: rule.severity,
        group: GroupKey { kind: "destination", value: pair.address.to_string().into() },
        member: camera.id.as_str().into(),
        since: followed.since.unwrap_or(now),
        holds,
        value: score.map_or(0.0, |score| score.score),
        reason: format!("calls {} {rhythm}, {}", words::destination(pair), words::outcome(pair)),
        evidence: json!({
            "beat": score.map(|score| json!({
                "score": score.score, "level": score.level(), "period_s": score.period_s, "spread_s": score.spread_s,
                "cover": score.cover, "fits": score.fits, "of": score.of, "burst": score.burst,
            })),
            "camera": words::camera_facts(camera), "pair": words::pair_facts(pair),
        }),
    })
}
