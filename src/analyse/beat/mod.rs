//! How a rhythm is told from chance: multi-scale burst collapse, and the share of gaps that fit a period beyond what
//! chance would give, weighed by how much of the time the beats cover. `docs/beat.md` has the method and its figures.
//!
//! Events closer than a silence *g* are one burst; the gaps between the starts of bursts are kept for seven values of
//! *g*, the last 32 of each. Memory is fixed, an event costs a few comparisons, and a score looks at 32 numbers a scale.

use std::fmt;

use serde::Serialize;

use crate::time::Timestamp;

/// The silences that part bursts, in milliseconds.
const GAPS_MS: [i64; 7] = [0, 1_000, 6_000, 20_000, 80_000, 320_000, 1_200_000];
const SCALES: usize = GAPS_MS.len();
const RING: usize = 32;
/// A scale with fewer beats says nothing.
const MIN_BEATS: u32 = 5;
const TOLERANCES: [f64; 4] = [0.05, 0.15, 0.30, 0.50];
/// Shorter observations count as this long, so that a few quick beats cover little.
const MIN_SPAN_S: f64 = 900.0;
/// After this long the past is halved.
const AGE_AFTER_MS: i64 = 48 * 3_600_000;

/// How sure a rhythm is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Score 4 and more: about 1 % of ordinary pairs reach it.
    Watch,
    /// Score 6 and more.
    Beacon,
    /// Score 10 and more.
    Strong,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Watch => "watch",
            Self::Beacon => "beacon",
            Self::Strong => "strong",
        })
    }
}

/// The best rhythm found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// Evidence against chance, weighed; 0 for none.
    pub score: f64,
    /// The period, in seconds.
    pub period_s: f64,
    /// Median distance of fitting gaps from the period, in seconds.
    pub spread_s: f64,
    /// Share of the expected beats that were seen, 0 to 1.
    pub cover: f64,
    /// How many of the last gaps fit.
    pub fits: u32,
    /// Of how many.
    pub of: u32,
    /// Events in each beat.
    pub burst: f64,
    /// The silence that parts its bursts, in seconds.
    pub gap_s: f64,
}

impl Score {
    /// The level, if it reaches one.
    pub fn level(&self) -> Option<Level> {
        match self.score {
            score if score >= 10.0 => Some(Level::Strong),
            score if score >= 6.0 => Some(Level::Beacon),
            score if score >= 4.0 => Some(Level::Watch),
            _ => None,
        }
    }
}

/// "every 61 s ± 3 s, 92 % of expected beats seen, 30 of the last 32 gaps fit, each a burst of 4 tries".
impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "every {} ± {}, {:.0} % of expected beats seen, {} of the last {} gaps fit",
            Span(self.period_s),
            Span(self.spread_s),
            self.cover * 100.0,
            self.fits,
            self.of
        )?;
        if self.burst >= 1.5 { write!(f, ", each a burst of {:.0} tries", self.burst) } else { Ok(()) }
    }
}

/// A span of time with the digits that mean something.
struct Span(f64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            s if s < 0.0995 => write!(f, "{:.0} ms", s * 1000.0),
            s if s < 9.95 => write!(f, "{s:.1} s"),
            s if s < 600.0 => write!(f, "{s:.0} s"),
            s if s < 36_000.0 => write!(f, "{:.0} min", s / 60.0),
            s => write!(f, "{:.1} h", s / 3600.0),
        }
    }
}

/// The rhythm of one series of events: 32 bytes for one event, 600 from the second on.
#[derive(Debug, Default)]
pub struct Beat {
    first: i64,
    last: i64,
    events: u64,
    scales: Option<Box<[Scale; SCALES]>>,
}

#[derive(Debug, Clone, Copy)]
struct Scale {
    /// When the current burst began, in milliseconds.
    start: i64,
    beats: u32,
    /// How often `ring` was written: the next place, modulo its size.
    pushed: u8,
    filled: u8,
    ring: [u16; RING],
}

impl Scale {
    const EMPTY: Self = Self { start: 0, beats: 0, pushed: 0, filled: 0, ring: [0; RING] };

    fn beat(&mut self, at: i64) {
        if self.beats > 0 {
            self.ring[usize::from(self.pushed) % RING] = code(at - self.start);
            self.pushed = (self.pushed + 1) % RING as u8;
            self.filled = (self.filled + 1).min(RING as u8);
        }
        self.start = at;
        self.beats = self.beats.saturating_add(1);
    }

    /// The gaps in seconds, ascending.
    fn sorted(&self) -> ([f64; RING], usize) {
        let mut gaps = [0.0; RING];
        let count = usize::from(self.filled);
        let mut codes = self.ring;
        codes[..count].sort_unstable();
        for (gap, code) in gaps.iter_mut().zip(&codes[..count]) {
            *gap = decode(*code);
        }
        (gaps, count)
    }
}

/// A gap on a logarithmic scale in steps of 0.03 %: 1 ms to 37 h.
fn code(gap_ms: i64) -> u16 {
    ((gap_ms.max(1) as f64).log2() * (65_535.0 / 27.0)).min(65_535.0) as u16
}

fn decode(code: u16) -> f64 {
    (f64::from(code) * (27.0 / 65_535.0)).exp2() / 1000.0
}

impl Beat {
    /// Takes an event. Events a little out of order count as simultaneous; a long step back starts anew.
    pub fn event(&mut self, time: Timestamp) {
        let at = time.as_millis();
        if self.events == 0 || self.last - at > 60_000 {
            *self = Self { first: at, last: at, events: 1, scales: None };
            return;
        }
        let at = at.max(self.last);
        let quiet = at - self.last;
        let first = self.first;
        let scales = self.scales.get_or_insert_with(|| {
            // Most pairs meet once: the rings come with the second event, and take the first along.
            let mut scales = Box::new([Scale::EMPTY; SCALES]);
            scales.iter_mut().for_each(|scale| scale.beat(first));
            scales
        });
        for (scale, gap) in scales.iter_mut().zip(GAPS_MS) {
            if gap > 0 && quiet <= gap {
                break;
            }
            scale.beat(at);
        }
        self.last = at;
        self.events += 1;
        if at - self.first > AGE_AFTER_MS {
            self.first = at - (at - self.first) / 2;
            for scale in scales.iter_mut() {
                scale.beats /= 2;
            }
        }
    }

    /// How many events there were.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Silent for more than five periods of `score` at `now`.
    pub fn stopped(&self, score: &Score, now: Timestamp) -> bool {
        (now.as_millis() - self.last) as f64 / 1000.0 > 5.0 * score.period_s
    }

    /// The best rhythm at `now`; none with fewer than five beats.
    pub fn score(&self, now: Timestamp) -> Option<Score> {
        let scales = self.scales.as_ref()?;
        let span_s = ((now.as_millis().max(self.last) - self.first) as f64 / 1000.0).max(MIN_SPAN_S);
        let mut best: Option<Score> = None;
        for (scale, gap_ms) in scales.iter().zip(GAPS_MS) {
            if scale.beats < MIN_BEATS {
                break;
            }
            let (gaps, count) = scale.sorted();
            let gap_s = gap_ms as f64 / 1000.0;
            let Some(fit) = best_fit(&gaps[..count], gap_s) else { continue };
            let Some(score) = weigh(&fit, &gaps[..count], gap_s, scale.beats, scales[0].beats, span_s) else {
                continue;
            };
            if best.is_none_or(|best| score.score > best.score) {
                best = Some(score);
            }
        }
        best
    }
}

/// A candidate period and the evidence for it.
#[derive(Debug, Clone, Copy)]
struct Fit {
    evidence: f64,
    period: f64,
    tolerance: f64,
    hits: u32,
}

/// How many of the ascending `gaps` lie in `from..=to`.
fn within(gaps: &[f64], from: f64, to: f64) -> u32 {
    let upper = gaps.partition_point(|gap| *gap <= to);
    let lower = gaps.partition_point(|gap| *gap < from);
    upper.saturating_sub(lower) as u32
}

/// The period that is hardest to explain by chance.
fn best_fit(gaps: &[f64], silence: f64) -> Option<Fit> {
    let count = gaps.len() as f64;
    let mean = (gaps.iter().sum::<f64>() / count - silence).max(1e-6);
    // Chance A: events as they come (Poisson) after a silence.
    let poisson = |x: f64| 1.0 - (-(x - silence).max(0.0) / mean).exp();
    let mut best: Option<Fit> = None;
    let mut before = 0.0;
    for &period in gaps {
        if period <= 0.0 || period < before * 1.01 {
            continue;
        }
        before = period;
        let low = (period / 3.0).max(silence);
        if low >= 3.0 * period {
            continue;
        }
        // Chance B: heavy tails, flat on a logarithmic scale around the period.
        let near_share = f64::from(within(gaps, low, 3.0 * period)) / count;
        let log_width = (3.0 * period / low).ln();
        for tolerance in TOLERANCES {
            let (mut hits, mut chance) = (0, 0.0);
            // Missed beats leave gaps of two and three periods.
            let multiples = if tolerance < 0.2 { 3 } else { 1 };
            for multiple in 1..=multiples {
                let centre = period * f64::from(multiple);
                let (from, to) = (centre * (1.0 - tolerance), centre * (1.0 + tolerance));
                hits += within(gaps, from, to);
                chance += poisson(to) - poisson(from);
            }
            let log_flat = near_share * (((1.0 + tolerance) / (1.0 - tolerance)).ln() / log_width).clamp(0.0, 1.0);
            let chance = chance.max(log_flat).clamp(1e-4, 0.9999);
            let share = (f64::from(hits) / count).clamp(1e-9, 1.0 - 1e-9);
            if share <= chance {
                continue;
            }
            let evidence =
                count * (share * (share / chance).ln() + (1.0 - share) * ((1.0 - share) / (1.0 - chance)).ln());
            if best.is_none_or(|best| evidence > best.evidence) {
                best = Some(Fit { evidence, period, tolerance, hits: hits.min(gaps.len() as u32) });
            }
        }
    }
    best
}

fn weigh(fit: &Fit, gaps: &[f64], gap_s: f64, beats: u32, all_beats: u32, span_s: f64) -> Option<Score> {
    let reach = fit.tolerance.max(0.15) * fit.period;
    let near = |gap: &&f64| (**gap - fit.period).abs() <= reach;
    let period = median(gaps.iter().filter(near).copied())?;
    let spread = median(gaps.iter().filter(near).map(|gap| (gap - period).abs()))?;
    let cover = (f64::from(beats) * period / span_s).min(1.0);
    let count = gaps.len() as f64;
    let score = (fit.evidence - 3.0).max(0.0) / (1.0 + count / 16.0) * (cover / 0.5).min(1.0);
    Some(Score {
        score,
        period_s: period,
        spread_s: spread,
        cover,
        fits: fit.hits,
        of: gaps.len() as u32,
        burst: f64::from(all_beats) / f64::from(beats.max(1)),
        gap_s,
    })
}

fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut sorted = [0.0; RING];
    let mut count = 0;
    for (place, value) in sorted.iter_mut().zip(values) {
        *place = value;
        count += 1;
    }
    let sorted = &mut sorted[..count];
    sorted.sort_unstable_by(f64::total_cmp);
    let middle = count / 2;
    if count % 2 == 1 {
        sorted.get(middle).copied()
    } else {
        Some((sorted.get(middle.checked_sub(1)?)? + sorted.get(middle)?) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(seconds: impl IntoIterator<Item = f64>) -> (Beat, Timestamp) {
        let mut beat = Beat::default();
        let mut last = Timestamp::default();
        for second in seconds {
            last = Timestamp::from_nanos((second * 1e9) as i64);
            beat.event(last);
        }
        (beat, last)
    }

    /// A small generator, so that every run sees the same series.
    fn noise(seed: u64) -> impl FnMut() -> f64 {
        let mut state = seed;
        move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as f64 / f64::from(1_u32 << 31)
        }
    }

    #[test]
    fn a_fixed_period_is_a_strong_beacon_within_the_hour() {
        let (beat, now) = series((0..60).map(|i| f64::from(i) * 60.0));
        let score = beat.score(now).unwrap();
        assert_eq!(score.level(), Some(Level::Strong));
        assert!((score.period_s - 60.0).abs() < 0.1 && score.spread_s < 0.1, "{score:?}");
        assert!(score.cover > 0.95 && score.fits == 32 && score.of == 32);
        assert_eq!(score.to_string(), "every 60 s ± 0 ms, 100 % of expected beats seen, 32 of the last 32 gaps fit");
    }

    #[test]
    fn bursts_of_tries_are_one_beat_each() {
        let tries = [0.0, 1.0, 3.0, 7.0];
        let (beat, now) = series((0..40).flat_map(|i| tries.map(|offset| f64::from(i) * 90.0 + offset)));
        let score = beat.score(now).unwrap();
        assert_eq!(score.level(), Some(Level::Strong), "{score:?}");
        assert!((score.period_s - 90.0).abs() < 1.0 && (score.burst - 4.0).abs() < 0.2, "{score:?}");
        assert!(score.to_string().ends_with("each a burst of 4 tries"));
    }

    #[test]
    fn missed_beats_and_jitter_leave_a_beacon() {
        let mut noise = noise(7);
        let beats: Vec<f64> = (0..120).filter_map(|i| (noise() > 0.3).then_some(f64::from(i) * 30.0)).collect();
        let (beat, now) = series(beats);
        assert!(beat.score(now).unwrap().level() >= Some(Level::Beacon));
        let mut at = 0.0;
        let jittered: Vec<f64> = (0..100)
            .map(|_| {
                at += 30.0 * (0.65 + 0.7 * noise());
                at
            })
            .collect();
        let (beat, now) = series(jittered);
        assert!(beat.score(now).unwrap().level() >= Some(Level::Beacon));
    }

    #[test]
    fn chance_is_no_rhythm() {
        let mut crossed = 0;
        for seed in 0..200 {
            let mut noise = noise(seed);
            let mut at = 0.0;
            let events: Vec<f64> = (0..80)
                .map(|_| {
                    at -= 40.0 * (1.0 - noise()).ln();
                    at
                })
                .collect();
            let (beat, now) = series(events);
            crossed += u32::from(beat.score(now).is_some_and(|score| score.score >= 6.0));
        }
        assert!(crossed <= 2, "{crossed} of 200");
    }

    #[test]
    fn time_that_steps_back_starts_anew_and_few_events_score_nothing() {
        let (mut beat, now) = series([0.0, 10.0, 20.0, 30.0]);
        assert!(beat.score(now).is_none());
        beat.event(Timestamp::from_parts(-1000, 0));
        assert_eq!(beat.events(), 1);
        assert!(Beat::default().score(now).is_none());
    }

    #[test]
    fn the_state_of_a_pair_is_small() {
        assert!(size_of::<Beat>() <= 40 && size_of::<[Scale; SCALES]>() <= 620);
    }
}
