//! `kind = "rate"`: attempts over a sliding window. `volume` counts bytes in the same way.

use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::time::Duration;

use ahash::AHashMap;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::evidence::Findings;
use super::{Condition, Kind, Rule, Takes, in_order};
use crate::alert::{About, Again, Called, Finding, GroupKey, GroupKind};
use crate::analyse::{Camera, CameraId, Ledger, PairId, Step, StepKind};
use crate::geo::{Country, Place};
use crate::saved::{Damaged, check_counts, decode, encode_small};
use crate::settings::{Problems, Section, duration_text};
use crate::time::Timestamp;

/// How fine the window slides: in this many steps.
const STEPS: usize = 30;
/// A finding that goes on is made again with newer figures this often.
const REFRESH: Duration = Duration::from_secs(300);
/// Subjects of which nothing is left within the window make room this often: it takes a look at all of them.
const CLEAR_EVERY: Duration = Duration::from_secs(60);
/// Subjects that are counted at a time; the rest is left out until others are quiet.
const MAX_SUBJECTS: usize = 200_000;

/// What is added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    Attempts,
    /// From the camera.
    Bytes,
}

/// Whose attempts are added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Per {
    Camera,
    CameraCountry,
    CameraDestination,
}

/// A rate, as declared.
#[derive(Debug, Clone)]
pub struct Rate {
    measure: Measure,
    per: Per,
    limit: u64,
    clear: u64,
    window: Duration,
    spread_only: bool,
}

impl Per {
    pub(super) fn read(section: &mut Section<'_, '_>, problems: &mut Problems<'_>) -> Self {
        let words = [
            ("camera", Self::Camera),
            ("camera and country", Self::CameraCountry),
            ("camera and destination", Self::CameraDestination),
        ];
        section.one_of("per", &words, problems).unwrap_or(Self::CameraDestination)
    }
}

impl Rate {
    /// What is too much, and what is counted.
    pub(super) fn threshold(&self) -> (serde_json::Value, &'static str) {
        let word = match self.measure {
            Measure::Attempts => "attempts",
            Measure::Bytes => "bytes",
        };
        (json!({ word: self.limit, "clear": self.clear, "window_s": self.window.as_secs() }), word)
    }

    /// Bytes from a camera.
    pub(super) fn of_bytes(per: Per, limit: u64, clear: u64, window: Duration) -> Self {
        Self { measure: Measure::Bytes, per, limit, clear, window, spread_only: false }
    }
}

pub(super) fn read(section: &mut Section<'_, '_>, problems: &mut Problems<'_>) -> Option<Kind> {
    let per = Per::read(section, problems);
    let attempts: Option<u64> = section.get("attempts", problems);
    let window = section.get("window", problems).unwrap_or(Duration::from_secs(900));
    let clear = section.get("clear", problems);
    let Some(attempts) = attempts else {
        problems.add(section.span(), "a rate rule needs `attempts`: how many within the window are too many");
        return None;
    };
    if attempts == 0 || window < Duration::from_secs(10) || window > Duration::from_secs(86_400) {
        let message = "`attempts` must be 1 or more, and `window` between 10 s and 24 h";
        problems.add(section.span_of("attempts"), message);
        return None;
    }
    let spread_only = section.get("spread_only", problems).unwrap_or(false);
    if spread_only && per == Per::CameraDestination {
        problems.add(
            section.span_of("spread_only"),
            "`spread_only` is about many destinations: with it, write per = \"camera\" or per = \"camera and country\"",
        );
    }
    let clear = clear.unwrap_or(attempts * 4 / 5);
    if clear > attempts {
        problems.add(section.span_of("clear"), format!("`clear` must not be above `attempts` ({attempts})"));
    }
    Some(Kind::Rate(Rate { measure: Measure::Attempts, per, limit: attempts, clear, window, spread_only }))
}

/// Whose attempts are added up: small and without text, because one is made at each attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Subject {
    Camera(CameraId),
    Country(CameraId, Countries),
    Destination(CameraId, PairId),
}

/// By one word where that is enough: subjects of one rule are of one kind, and a pair has one camera. The derived one
/// would feed three, at each attempt.
impl Hash for Subject {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Camera(camera) => camera.hash(state),
            Self::Country(camera, countries) => (camera, countries).hash(state),
            Self::Destination(_, pair) => pair.hash(state),
        }
    }
}

/// What the sources say: most often one country, several where they disagree.
type Countries = [Option<Country>; 4];

/// `CN`, or `DE or US`.
fn text(countries: &Countries) -> String {
    let names: Vec<&str> = countries.iter().flatten().map(Country::as_str).collect();
    if names.is_empty() { "country unknown".to_owned() } else { names.join(" or ") }
}

fn countries(place: &Place) -> Countries {
    let mut known = place.countries.iter().copied();
    std::array::from_fn(|_| known.next())
}

#[derive(Debug, Serialize, Deserialize)]
struct Count {
    pair: PairId,
    /// The pair's destination: a pair's place is used again when it has left the ledger.
    address: IpAddr,
    /// What was counted by step of the window, in a ring.
    steps: [u64; STEPS],
    #[serde(skip)]
    sum: u64,
    /// The step that was counted into last.
    step: i64,
    peak: u64,
    /// Who gets most of the attempts, by the majority vote of Boyer and Moore: votes for, less votes against it.
    most: (PairId, u64),
    over_since: Option<Timestamp>,
    found: bool,
    told: Timestamp,
}

pub(super) struct Running {
    rate: Rate,
    /// The length of a step, in nanoseconds.
    step_ns: i64,
    /// The step that was asked for last, and when it begins: attempts come in order, most of them in the same step.
    step: (i64, i64),
    counts: AHashMap<Subject, Count>,
    /// Those that are over the limit, or were when they were last told of: a look is about these alone.
    over: Vec<Subject>,
    /// When those that nobody counts any more were last let go.
    cleared: Timestamp,
    /// The step of the last look; before the first, later than any.
    looked: i64,
    left_out: u64,
    /// What holds is told once more at the next look.
    again: Again,
}

impl Running {
    pub(super) fn new(rate: Rate) -> Self {
        let step_ns = (rate.window.as_nanos() / STEPS as u128).max(1) as i64;
        Self {
            rate,
            step_ns,
            step: (0, 0),
            counts: AHashMap::new(),
            over: Vec::new(),
            cleared: Timestamp::MIN,
            looked: i64::MAX,
            left_out: 0,
            again: Again::default(),
        }
    }

    fn step_at(&mut self, time: Timestamp) -> i64 {
        let (mut step, begins) = self.step;
        if !(0..self.step_ns).contains(&time.as_nanos().wrapping_sub(begins)) {
            step = time.as_nanos().div_euclid(self.step_ns);
            self.step = (step, step.wrapping_mul(self.step_ns));
        }
        step
    }
}

impl Count {
    /// Moves the window to `step`. A step back by more than two windows is a new start of time.
    fn slide(&mut self, step: i64) {
        if self.step.wrapping_sub(step) > 2 * STEPS as i64 {
            (self.steps, self.sum, self.step) = ([0; STEPS], 0, step);
        }
        if step <= self.step {
            return;
        }
        for gone in (self.step + 1..=step).take(STEPS) {
            let place = &mut self.steps[gone.rem_euclid(STEPS as i64) as usize];
            self.sum -= *place;
            *place = 0;
        }
        self.step = step;
        if self.sum == 0 {
            self.most.1 = 0;
        }
    }
}

impl Count {
    /// Where the clock was set back to `step`, the window goes along as it is: what comes now would be counted on top of what lies
    /// there from before.
    fn set_back(&mut self, step: i64, step_ns: i64) {
        let back = self.step.wrapping_sub(step);
        if !(1..=2 * STEPS as i64).contains(&back) {
            return;
        }
        self.steps.rotate_left(back as usize % STEPS);
        self.step = step;
        let by = Duration::from_nanos((back * step_ns) as u64);
        self.over_since = self.over_since.map(|since| since - by);
        self.told = self.told - by;
    }

    fn vote(&mut self, pair: PairId) {
        match &mut self.most {
            (most, votes) if *most == pair => *votes += 1,
            (most, votes @ 0) => (*most, *votes) = (pair, 1),
            (_, votes) => *votes -= 1,
        }
        // Older votes fade as the window slides on.
        self.most.1 = self.most.1.min(self.sum);
    }

    /// Whether about three quarters of the attempts or more go to one destination: what makes the noise is that one.
    fn is_one_sided(&self) -> bool {
        self.most.1 * 2 >= self.sum
    }
}

impl Condition for Running {
    fn save(&self) -> Vec<u8> {
        encode_small(&(in_order(&self.counts), self.left_out))
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), Damaged> {
        let (mut counts, left_out): (Vec<(Subject, Count)>, u64) = decode(bytes)?;
        check_counts(&[left_out])?;
        for (_, count) in &mut counts {
            check_counts(&count.steps)?;
            count.sum = count.steps.iter().sum();
        }
        self.counts = counts.into_iter().take(MAX_SUBJECTS).collect();
        let over = self.counts.iter().filter(|(_, count)| count.over_since.is_some() || count.found);
        self.over = over.map(|(subject, _)| *subject).collect();
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
        match self.rate.measure {
            Measure::Attempts => Takes::ATTEMPTS,
            Measure::Bytes => Takes::CONTACTS,
        }
    }

    fn observe(&mut self, step: &Step, ledger: &Ledger) {
        let (pair, amount) = match (&step.kind, self.rate.measure) {
            (StepKind::Attempt { pair, .. }, Measure::Attempts) => (*pair, 1),
            (StepKind::Contact { pair, bytes_out, .. }, Measure::Bytes) if *bytes_out > 0 => (*pair, *bytes_out),
            _ => return,
        };
        let Some(entry) = ledger.pair_of(pair) else { return };
        let subject = match self.rate.per {
            Per::Camera => Subject::Camera(step.camera),
            Per::CameraCountry => Subject::Country(step.camera, countries(&entry.place)),
            Per::CameraDestination => Subject::Destination(step.camera, pair),
        };
        let now = self.step_at(step.time);
        let fresh = || Count {
            pair,
            address: entry.address,
            steps: [0; STEPS],
            sum: 0,
            step: now,
            peak: 0,
            most: (pair, 0),
            over_since: None,
            found: false,
            told: step.time,
        };
        // Nearly every subject is known: asked for so, it is found in half the time that an entry takes.
        let full = self.counts.len() >= MAX_SUBJECTS;
        let count = match self.counts.get_mut(&subject) {
            Some(count) => count,
            None if full => {
                self.left_out += 1;
                return;
            }
            None => self.counts.entry(subject).or_insert_with(fresh),
        };
        if self.rate.per == Per::CameraDestination && count.address != entry.address {
            *count = fresh();
        }
        count.slide(now);
        count.pair = pair;
        count.steps[now.rem_euclid(STEPS as i64) as usize] += amount;
        count.sum += amount;
        if self.rate.spread_only {
            count.vote(pair);
        }
        if count.sum >= self.rate.limit && count.over_since.is_none() {
            count.over_since = Some(step.time);
            count.peak = 0;
            self.over.push(subject);
        }
        count.peak = count.peak.max(count.sum);
    }

    fn forget_gone(&mut self, ledger: &Ledger) {
        let known = |(Subject::Camera(id) | Subject::Country(id, _) | Subject::Destination(id, _)): &Subject| {
            ledger.camera_of(*id).is_some()
        };
        self.counts.retain(|subject, _| known(subject));
        self.over.retain(known);
    }

    fn look(&mut self, rule: &Rule, ledger: &Ledger, now: Timestamp, findings: &mut Findings<'_>) {
        let step = self.step_at(now);
        let again = std::mem::take(&mut self.again);
        if step < std::mem::replace(&mut self.looked, step) {
            for count in self.counts.values_mut() {
                count.set_back(step, self.step_ns);
            }
        }
        let rate = &self.rate;
        let mut changed: Vec<(Subject, bool)> = Vec::new();
        let counts = &mut self.counts;
        self.over.sort_unstable();
        self.over.dedup();
        self.over.retain(|subject| {
            let Some(count) = counts.get_mut(subject) else { return false };
            count.slide(step);
            if count.sum < rate.clear.max(1) {
                count.over_since = None;
            }
            let spread = !rate.spread_only || !count.is_one_sided();
            let holds = spread && count.over_since.is_some_and(|since| now.since(since) >= rule.hold);
            if holds != count.found
                || (holds
                    && (now.since(count.told) >= REFRESH || again.is_of(|| group(rule, subject, Some(count.address)))))
            {
                count.found = holds;
                count.told = now;
                changed.push((*subject, holds));
            }
            count.over_since.is_some() || count.found
        });
        changed.sort();
        for (subject, holds) in changed {
            let count = self.counts.get(&subject);
            findings.extend(finding(rule, rate, &subject, holds, count, ledger, now));
        }
        if self.cleared > now || now.since(self.cleared) >= CLEAR_EVERY {
            self.cleared = now;
            self.counts.retain(|_, count| {
                count.slide(step);
                count.sum > 0 || count.over_since.is_some() || count.found
            });
        }
    }
}

/// With what a subject is put together; of a destination the address is known while it is counted.
fn group(rule: &Rule, subject: &Subject, address: Option<IpAddr>) -> GroupKey {
    match subject {
        // Cameras that call too much in all are one alert too: it names them.
        Subject::Camera(_) => {
            let value = if rule.narrow.is_overseas() { "overseas" } else { "many" };
            GroupKey::new(GroupKind::Destinations, value)
        }
        Subject::Country(_, countries) => GroupKey::new(GroupKind::Country, text(countries)),
        Subject::Destination(..) => {
            GroupKey::new(GroupKind::Destination, address.map_or_else(String::new, |address| address.to_string()))
        }
    }
}

fn finding(
    rule: &Rule,
    rate: &Rate,
    subject: &Subject,
    holds: bool,
    count: Option<&Count>,
    ledger: &Ledger,
    now: Timestamp,
) -> Option<Finding> {
    let (Subject::Camera(id) | Subject::Country(id, _) | Subject::Destination(id, _)) = subject;
    let camera: &Camera = ledger.camera_of(*id)?;
    if camera.behind_router || (count.is_none() && matches!(subject, Subject::Destination(..))) {
        return None;
    }
    let peak = count.map_or(0, |count| count.peak);
    let pair = count.and_then(|count| ledger.pair_of(count.pair));
    let called = match (subject, count) {
        (Subject::Camera(_), _) | (_, None) => Called::Nobody,
        (Subject::Country(..), Some(count)) => {
            Called::Place(count.pair, pair.map_or(count.address, |pair| pair.address))
        }
        (Subject::Destination(..), Some(count)) => Called::Pair(count.pair, count.address),
    };
    let whom = match (subject, pair) {
        (Subject::Camera(_), _) | (_, None) if rule.narrow.is_overseas() => "destinations overseas".to_owned(),
        (Subject::Camera(_), _) | (_, None) => "destinations".to_owned(),
        (Subject::Country(_, countries), _) => text(countries),
        (Subject::Destination(..), Some(pair)) => super::words::destination(pair),
    };
    let window = duration_text(rate.window);
    let measured = match rate.measure {
        Measure::Attempts => "attempts_in_window",
        Measure::Bytes => "bytes_in_window",
    };
    // Of several destinations, each has its own.
    let one = pair.filter(|_| matches!(subject, Subject::Destination(..)));
    let outcome = one.map_or_else(String::new, |pair| format!(", {}", pair.answer()));
    Some(Finding {
        rule: rule.name.clone(),
        severity: rule.severity,
        runbook: rule.runbook.clone(),
        message: None,
        group: group(rule, subject, count.map(|count| count.address)),
        member: camera.id.as_str().into(),
        about: About::new(*id, called),
        since: count.and_then(|count| count.over_since).unwrap_or(now),
        holds,
        value: peak as f64,
        reason: match rate.measure {
            Measure::Attempts => {
                format!("called {whom} {peak} times within {window} (the rule allows {}){outcome}", rate.limit - 1)
            }
            Measure::Bytes => {
                let (sent, limit) = (super::words::bytes(peak), super::words::bytes(rate.limit));
                format!("sent {whom} {sent} within {window} (the rule allows less than {limit})")
            }
        },
        evidence: json!({
            "window_s": rate.window.as_secs(), "threshold": rate.limit, measured: peak,
            "camera": super::words::camera_facts(camera),
            "pair": pair.map(super::words::pair_facts),
        })
        .into(),
    })
}
