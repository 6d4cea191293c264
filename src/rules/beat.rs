//! `kind = "beat"`: a rhythm of a level that holds over two looks some time apart.

use std::collections::BTreeMap;
use std::time::Duration;

use ahash::AHashMap;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::evidence::Findings;
use super::{Condition, Kind, Rule, in_order, words};
use crate::alert::{About, Again, Called, Finding, GroupKey, GroupKind};
use crate::analyse::beat::{Beat, Level};
use crate::analyse::{Answer, BeatKey, Camera, CameraId, Ledger};
use crate::saved::{Damaged, check_counts, decode, encode_small};
use crate::settings::{Problems, Section};
use crate::time::Timestamp;

/// Rhythms that are followed at a time; later ones wait until others end.
const MAX_FOLLOWED: usize = 200_000;

/// Whose rhythm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Per {
    Destination,
    Name,
    Camera,
}

/// A rhythm, as declared.
#[derive(Debug, Clone)]
pub struct BeatRule {
    per: Per,
    level: Level,
    min_period: Duration,
    max_period: Duration,
    confirm: Duration,
    /// What became of the calls; empty: whatever did.
    outcomes: Vec<&'static [Answer]>,
    /// Only what no single destination shows by itself.
    spread_only: bool,
}

const OUTCOMES: [(&str, &[Answer]); 3] = [
    ("unanswered", &[Answer::Never]),
    ("refused", &[Answer::Refused]),
    ("answered", &[Answer::Always, Answer::Sometimes]),
];

impl BeatRule {
    /// What is too much.
    pub(super) fn threshold(&self) -> serde_json::Value {
        json!({
            "level": self.level, "min_period_s": self.min_period.as_secs(),
            "max_period_s": self.max_period.as_secs(), "confirm_s": self.confirm.as_secs(),
        })
    }
}

#[expect(clippy::unnecessary_wraps, reason = "all kinds are read alike")]
pub(super) fn read(section: &mut Section<'_, '_>, problems: &mut Problems<'_>) -> Option<Kind> {
    let levels = [("watch", Level::Watch), ("beacon", Level::Beacon), ("strong", Level::Strong)];
    let keys = [("camera and destination", Per::Destination), ("camera and name", Per::Name), ("camera", Per::Camera)];
    let rule = BeatRule {
        per: section.one_of("per", &keys, problems).unwrap_or(Per::Destination),
        level: section.one_of("level", &levels, problems).unwrap_or(Level::Beacon),
        min_period: section.get("min_period", problems).unwrap_or_default(),
        max_period: section.get("max_period", problems).unwrap_or(Duration::from_secs(48 * 3600)),
        confirm: section.get("confirm", problems).unwrap_or(Duration::from_secs(600)),
        outcomes: section.words("outcomes", &OUTCOMES, problems),
        spread_only: section.get("spread_only", problems).unwrap_or(false),
    };
    if rule.min_period >= rule.max_period {
        problems.add(section.span_of("min_period"), "`min_period` must be below `max_period`");
    }
    if rule.spread_only && rule.per == Per::Destination {
        problems.add(
            section.span_of("spread_only"),
            "`spread_only` is about names and cameras: with it, write per = \"camera and name\" or per = \"camera\"",
        );
    }
    Some(Kind::Beat(rule))
}

/// A rhythm that has the level.
#[derive(Debug, Serialize, Deserialize)]
struct Followed {
    /// Since when it has it at every look.
    since: Timestamp,
    /// When it was last scored.
    scored: Timestamp,
    found: bool,
    /// Until then nothing becomes of it that is not heard of: neither is it scored nor does it fall silent.
    #[serde(skip)]
    going_on_until: Timestamp,
}

pub(super) struct Running {
    rule: BeatRule,
    followed: BTreeMap<BeatKey, Followed>,
    overseas: Overseas,
    left_out: u64,
    /// What holds is told once more at the next look.
    again: Again,
}

impl Running {
    pub(super) fn new(rule: BeatRule) -> Self {
        Self { rule, followed: BTreeMap::new(), overseas: Overseas::default(), left_out: 0, again: Again::default() }
    }

    /// Whether a rhythm that was just scored is what the rule is about.
    fn wants(
        &self,
        key: BeatKey,
        beat: &Beat,
        rule: &Rule,
        ledger: &Ledger,
        overseas: &mut Overseas,
        now: Timestamp,
    ) -> bool {
        let wanted = &self.rule;
        let (score, period_s) = beat.heard();
        Level::of(score) >= Some(wanted.level)
            && (wanted.min_period.as_secs_f64()..=wanted.max_period.as_secs_f64()).contains(&period_s)
            && subject(key, ledger).is_some_and(|camera| match key {
                BeatKey::Pair(id) => ledger.pair_of(id).is_some_and(|pair| rule.narrow.covers(camera, pair)),
                BeatKey::Name(id) => ledger.rhythm_of(id).is_some_and(|rhythm| {
                    let alone = |pair: &crate::analyse::Pair| Level::of(pair.beat.heard().0) >= Some(wanted.level);
                    rule.narrow.covers_name(camera, &rhythm.name, ledger.pairs_of_name(rhythm))
                        && !(wanted.spread_only && ledger.pairs_of_name(rhythm).any(alone))
                }),
                BeatKey::Camera(id) => overseas.mostly(id, rule, ledger, wanted, now),
            })
            && (wanted.outcomes.is_empty()
                || answer(key, ledger).is_some_and(|answer| wanted.outcomes.iter().any(|some| some.contains(&answer))))
    }
}

/// What cameras do overseas in all is added up this often at most: it takes a look at every pair.
const ADD_UP_EVERY: Duration = Duration::from_secs(60);

/// What cameras do overseas in all.
#[derive(Default)]
struct Overseas {
    /// When it was added up.
    at: Timestamp,
    sums: Option<AHashMap<CameraId, Sum>>,
}

/// Calls that the rule is about, calls that it is not, and whether a destination or a name has the level by itself.
type Sum = (u64, u64, bool);

impl Overseas {
    /// Whether a camera's overseas calls are for the most part what the rule is about.
    fn mostly(&mut self, camera: CameraId, rule: &Rule, ledger: &Ledger, wanted: &BeatRule, now: Timestamp) -> bool {
        if self.at > now || now.since(self.at) >= ADD_UP_EVERY {
            (self.at, self.sums) = (now, None);
        }
        let sums = self.sums.get_or_insert_with(|| {
            let mut sums: AHashMap<CameraId, Sum> = AHashMap::new();
            for (_, pair) in ledger.pairs().filter(|(_, pair)| pair.place.class == crate::geo::Class::Overseas) {
                let Some(camera) = ledger.camera_of(pair.camera) else { continue };
                let (covered, others, alone) = sums.entry(pair.camera).or_default();
                *if rule.narrow.covers(camera, pair) { covered } else { others } +=
                    pair.counts.attempts + pair.counts.pulses;
                *alone |= Level::of(pair.beat.heard().0) >= Some(wanted.level);
            }
            for (_, rhythm) in ledger.rhythms() {
                if let Some((_, _, alone)) = sums.get_mut(&rhythm.camera) {
                    *alone |= Level::of(rhythm.beat.heard().0) >= Some(wanted.level);
                }
            }
            sums
        });
        sums.get(&camera).is_some_and(|(covered, others, alone)| covered > others && !(wanted.spread_only && *alone))
    }
}

impl Condition for Running {
    fn save(&self) -> Vec<u8> {
        let sums = self.overseas.sums.as_ref().map(in_order);
        encode_small(&(&self.followed, self.overseas.at, sums, self.left_out))
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), Damaged> {
        type Saved = (BTreeMap<BeatKey, Followed>, Timestamp, Option<Vec<(CameraId, Sum)>>, u64);
        let (followed, at, sums, left_out): Saved = decode(bytes)?;
        check_counts(&[left_out])?;
        self.followed = followed.into_iter().take(MAX_FOLLOWED).collect();
        self.overseas = Overseas { at, sums: sums.map(|sums| sums.into_iter().collect()) };
        self.left_out = left_out;
        Ok(())
    }

    fn left_out(&self) -> u64 {
        self.left_out
    }

    fn refresh(&mut self, again: Again) {
        self.again.add(again);
    }

    fn forget_gone(&mut self, ledger: &Ledger) {
        self.followed.retain(|key, _| ledger.has_beat(*key));
        if let Some(sums) = &mut self.overseas.sums {
            sums.retain(|id, _| ledger.camera_of(*id).is_some());
        }
    }

    fn look(&mut self, rule: &Rule, ledger: &Ledger, now: Timestamp, findings: &mut Findings<'_>) {
        let mut overseas = std::mem::take(&mut self.overseas);
        let per = self.rule.per;
        for &key in ledger.scored() {
            let mine = matches!(
                (key, per),
                (BeatKey::Pair(_), Per::Destination)
                    | (BeatKey::Name(_), Per::Name)
                    | (BeatKey::Camera(_), Per::Camera)
            );
            let Some(beat) = ledger.beat_of(key).filter(|_| mine) else { continue };
            if self.wants(key, beat, rule, ledger, &mut overseas, now) {
                if self.followed.len() < MAX_FOLLOWED || self.followed.contains_key(&key) {
                    let new = Followed { since: now, scored: now, found: false, going_on_until: now };
                    let followed = self.followed.entry(key).or_insert(new);
                    (followed.scored, followed.going_on_until) = (now, now);
                } else {
                    self.left_out += 1;
                }
            } else if let Some(followed) = self.followed.remove(&key) {
                findings.extend(followed.found.then(|| finding(rule, key, &followed, false, ledger, now)).flatten());
            }
        }
        self.overseas = overseas;
        let again = std::mem::take(&mut self.again);
        let confirm = self.rule.confirm.max(rule.hold);
        self.followed.retain(|&key, followed| {
            // Most of them: thousands of cameras' rhythms go on, and to look at each takes long.
            if !again.is_any() && (followed.scored..followed.going_on_until).contains(&now) {
                return true;
            }
            let beat = ledger.beat_of(key);
            let going_on = beat.is_some_and(|beat| !beat.stopped(now));
            followed.going_on_until = beat.map_or(now, Beat::goes_on_until);
            let holds = going_on && followed.scored.since(followed.since) >= confirm;
            if (holds && (!followed.found || again.is_of(|| group(key, ledger)))) || (!going_on && followed.found) {
                followed.found = holds;
                findings.extend(finding(rule, key, followed, holds, ledger, now));
            }
            going_on
        });
    }
}

/// The camera that a rhythm is of.
fn subject(key: BeatKey, ledger: &Ledger) -> Option<&Camera> {
    let id = match key {
        BeatKey::Pair(id) => ledger.pair_of(id)?.camera,
        BeatKey::Name(id) => ledger.rhythm_of(id)?.camera,
        BeatKey::Camera(id) => id,
    };
    ledger.camera_of(id).filter(|camera| !camera.behind_router)
}

/// With what it is put together: whom the camera calls.
fn group(key: BeatKey, ledger: &Ledger) -> GroupKey {
    let destination = |id| ledger.pair_of(id).map_or_else(String::new, |pair| pair.address.to_string());
    match key {
        BeatKey::Pair(id) => GroupKey::new(GroupKind::Destination, destination(id)),
        BeatKey::Name(id) => {
            GroupKey::new(GroupKind::Name, ledger.rhythm_of(id).map_or_else(|| "".into(), |rhythm| rhythm.name.clone()))
        }
        BeatKey::Camera(_) => GroupKey::new(GroupKind::Destinations, "overseas"),
    }
}

/// Whether anyone answers.
fn answer(key: BeatKey, ledger: &Ledger) -> Option<Answer> {
    match key {
        BeatKey::Pair(id) => Some(ledger.pair_of(id)?.answer()),
        BeatKey::Name(id) => ledger.answer_of_name(ledger.rhythm_of(id)?),
        BeatKey::Camera(id) => {
            let camera = ledger.camera_of(id)?;
            Some(Answer::of(camera.answered, camera.refused, camera.unanswered))
        }
    }
}

fn finding(
    rule: &Rule,
    key: BeatKey,
    followed: &Followed,
    holds: bool,
    ledger: &Ledger,
    now: Timestamp,
) -> Option<Finding> {
    let camera = subject(key, ledger)?;
    let score = match key {
        BeatKey::Pair(id) => ledger.pair_of(id)?.rhythm(now),
        key => ledger.beat_of(key)?.score(now),
    };
    let (whom, facts) = match key {
        BeatKey::Pair(id) => {
            let pair = ledger.pair_of(id)?;
            (words::destination(pair), json!(words::pair_facts(pair)))
        }
        BeatKey::Name(id) => {
            let rhythm = ledger.rhythm_of(id)?;
            let whom = match rhythm.addresses.len() {
                0 => format!("{} (no address known)", rhythm.name),
                1 => rhythm.name.to_string(),
                count => format!("{} ({count} addresses)", rhythm.name),
            };
            (whom, json!({ "name": rhythm.name, "addresses": rhythm.addresses }))
        }
        BeatKey::Camera(_) => {
            let count = camera.overseas_destinations;
            (format!("destinations overseas ({count} in all)"), json!({ "destinations": count }))
        }
    };
    let about = match key {
        BeatKey::Pair(id) => {
            let pair = ledger.pair_of(id)?;
            About::new(pair.camera, Called::Pair(id, pair.address))
        }
        BeatKey::Name(id) => About::new(ledger.rhythm_of(id)?.camera, Called::Rhythm(id)),
        BeatKey::Camera(id) => About::camera(id),
    };
    let rhythm = score.map_or_else(|| "in a rhythm".to_owned(), |score| score.to_string());
    let outcome = match key {
        BeatKey::Camera(_) => None,
        key => answer(key, ledger),
    };
    let outcome = outcome.map_or_else(String::new, |answer| format!(", {answer}"));
    let verb = if matches!(key, BeatKey::Name(_)) && outcome.is_empty() { "asks for" } else { "calls" };
    Some(Finding {
        rule: rule.name.clone(),
        severity: rule.severity,
        runbook: rule.runbook.clone(),
        message: None,
        group: group(key, ledger),
        member: camera.id.as_str().into(),
        about,
        since: followed.since,
        holds,
        value: score.map_or(0.0, |score| score.score),
        reason: format!("{verb} {whom} {rhythm}{outcome}"),
        evidence: json!({
            "beat": score.map(|score| json!({
                "score": score.score, "level": score.level(), "period_s": score.period_s, "spread_s": score.spread_s,
                "cover": score.cover, "fits": score.fits, "of": score.of, "burst": score.burst,
                "stopped": score.stopped, "changed_from_s": score.changed_from_s,
            })),
            "camera": words::camera_facts(camera), "pair": facts,
        })
        .into(),
    })
}
