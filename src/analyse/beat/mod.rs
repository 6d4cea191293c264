//! How a rhythm is told from chance: multi-scale burst collapse, and the share of gaps that fit a period beyond what
//! chance would give, weighed by how much of the time these gaps make up. `docs/beat.md` has the method and its figures.
//!
//! Events closer than a silence *g* are one burst; the gaps between the starts of bursts are kept for seven values of
//! *g*, the last 32 of each. Memory is fixed, an event costs a few comparisons, and a score looks at 32 numbers a scale.

mod fit;
mod saved;
mod score;
mod series;

use crate::time::Timestamp;
use fit::median;
use series::{RING, Scale};

pub use fit::{Fit, Way};
pub use score::{Level, Score, Span};
pub use series::Gaps;

/// The silences that part bursts, in milliseconds.
const GAPS_MS: [i64; 7] = [0, 1_000, 6_000, 20_000, 80_000, 320_000, 1_200_000];
const SCALES: usize = GAPS_MS.len();
/// A scale with fewer beats says nothing.
const MIN_BEATS: u32 = 5;
/// Shorter observations count as this long, so that a few quick beats cover little.
const MIN_SPAN_S: f64 = 180.0;
/// Evidence that comes of trying many periods, in nats: it counts nothing.
pub(crate) const SEARCHED: f64 = 3.3;
/// From this share of the time on, the gaps that fit count in full.
const FULL_COVER: f64 = 0.6;
/// After this long the past is halved.
const AGE_AFTER_MS: i64 = 48 * 3_600_000;
/// Each of the first beats is listened to as it comes; later ones together, this often.
const FIRST_BEATS: u32 = 40;
const LISTEN_EVERY_MS: i64 = 60_000;
/// Periods this close are the same.
const SAME_PERIOD: f64 = 0.2;
/// Another period must last this long, and for five of its beats, before the rhythm has changed.
const CHANGE_AFTER_MS: i64 = 600_000;
/// Silent for so many beats, a rhythm has stopped.
const STOPPED_AFTER: f64 = 5.0;

/// The rhythm of one series of events: 32 bytes for one event, about 640 from the second on.
#[derive(Debug, Default, PartialEq)]
pub struct Beat {
    first: i64,
    last: i64,
    events: u64,
    /// Most pairs meet once: the rings come with the second event.
    memory: Option<Box<Memory>>,
}

#[derive(Debug, PartialEq)]
struct Memory {
    scales: [Scale; SCALES],
    heard: Heard,
}

/// What was made of the series when it was last listened to.
#[derive(Debug, Default, PartialEq)]
struct Heard {
    /// When, in milliseconds.
    at: i64,
    /// Something came since.
    fresh: bool,
    /// It is among those that are listened to.
    queued: bool,
    /// At how many events it is listened to again.
    next: u32,
    /// The scale that told most.
    scale: u8,
    score: f32,
    period_s: f32,
    /// The time between beats that are seen, in seconds.
    pace_s: f32,
    /// The period of the rhythm that holds.
    settled_s: f32,
    /// The one that held before it; 0 if there was none.
    before_s: f32,
    /// Another period that may come to hold, and since when it is heard.
    other_s: f32,
    other_since: i64,
}

/// The scale that tells most, and what it tells.
struct Best {
    scale: u8,
    score: Score,
    /// The time between beats that are seen, in seconds.
    pace_s: f64,
    way: Way,
}

/// What became of listening to a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listened {
    /// It was scored.
    Scored,
    /// Something came, and it was scored a short while ago.
    NotYet,
    /// Nothing came.
    Nothing,
}

/// What one scale says, for those who ask why.
#[derive(Debug, Clone)]
pub struct ScaleView {
    /// The silence that parts its bursts, in seconds.
    pub silence_s: f64,
    /// Bursts seen.
    pub beats: u32,
    /// The last gaps between them.
    pub gaps: Gaps,
    /// The best candidates, the best first, no two within 10 % of each other by the same way.
    pub candidates: Vec<Fit>,
    /// What the best one is worth.
    pub score: Option<Score>,
}

/// How many more events are awaited before a series is listened to again: one while it is short or shows a rhythm, else
/// a fifth more, but no more than the ring holds. Most series never show one, and a score costs as much as a thousand events.
fn patience(events: u32, level: Option<Level>) -> u32 {
    if events < 10 || level.is_some() { 1 } else { (events / 5).min(RING as u32) }
}

impl Beat {
    /// What a series of two events and more takes beside itself.
    pub const MEMORY_BYTES: usize = size_of::<Memory>();

    /// Takes an event. One that lies before the last is counted, and makes no gap: a log may hold late lines. True where
    /// the series is now to be put among those that are listened to.
    pub fn event(&mut self, time: Timestamp) -> bool {
        let at = time.as_millis();
        self.events += 1;
        if self.events == 1 {
            (self.first, self.last) = (at, at);
            return false;
        }
        if at < self.last {
            return false;
        }
        let quiet = at - self.last;
        let first = self.first;
        let memory = self.memory.get_or_insert_with(|| {
            let mut scales = [Scale::EMPTY; SCALES];
            for scale in &mut scales {
                scale.beat(first);
            }
            Box::new(Memory { scales, heard: Heard::default() })
        });
        for (scale, gap) in memory.scales.iter_mut().zip(GAPS_MS) {
            if gap > 0 && quiet <= gap {
                break;
            }
            scale.beat(at);
        }
        memory.heard.fresh = true;
        self.last = at;
        if at - self.first > AGE_AFTER_MS {
            self.first = at - (at - self.first) / 2;
            memory.heard.next /= 2;
            for scale in &mut memory.scales {
                scale.beats /= 2;
            }
        }
        let new = !memory.heard.queued && memory.scales[0].beats >= MIN_BEATS;
        memory.heard.queued |= new;
        new
    }

    /// Whether it is among those that are listened to.
    pub(super) fn is_queued(&self) -> bool {
        self.memory.as_ref().is_some_and(|memory| memory.heard.queued)
    }

    /// How many events there were.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Scores the series if that is due: after each of the first beats, later once a minute, if something came.
    pub fn listen(&mut self, now: Timestamp) -> Listened {
        let now_ms = now.as_millis();
        let Some(memory) = &mut self.memory else { return Listened::Nothing };
        let heard = &mut memory.heard;
        // Who stood here before may have been queued, and this one not.
        if !heard.fresh || !heard.queued {
            heard.queued = false;
            return Listened::Nothing;
        }
        let (events, beats) = (memory.scales[0].beats, memory.scales[usize::from(heard.scale) % SCALES].beats);
        if events < heard.next {
            heard.queued = false;
            return Listened::Nothing;
        }
        if beats > FIRST_BEATS && (0..LISTEN_EVERY_MS).contains(&(now_ms - heard.at)) {
            return Listened::NotYet;
        }
        let best = self.best(now);
        let Some(memory) = &mut self.memory else { return Listened::Nothing };
        let heard = &mut memory.heard;
        (heard.at, heard.fresh, heard.queued) = (now_ms, false, false);
        heard.next = events + patience(events, best.as_ref().and_then(|best| best.score.level()));
        let Some(Best { scale, score, pace_s, way }) = best else {
            heard.score = 0.0;
            return Listened::Scored;
        };
        (heard.scale, heard.score, heard.period_s) = (scale, score.score as f32, score.period_s as f32);
        heard.pace_s = pace_s as f32;
        // While one rhythm gives way to another, both may be multiples of something that is neither.
        if score.level() >= Some(Level::Beacon) && way == Way::Near {
            heard.settle(score.period_s as f32, now_ms);
        }
        Listened::Scored
    }

    /// Score and period in seconds as of when it was last listened to.
    pub fn heard(&self) -> (f64, f64) {
        self.memory.as_ref().map_or((0.0, 0.0), |memory| (memory.heard.score.into(), memory.heard.period_s.into()))
    }

    /// Silent at `now` for more than five beats of the rhythm that was last heard.
    pub fn stopped(&self, now: Timestamp) -> bool {
        self.memory.as_ref().is_some_and(|memory| self.is_silent(now, f64::from(memory.heard.pace_s)))
    }

    fn is_silent(&self, now: Timestamp, pace_s: f64) -> bool {
        pace_s > 0.0 && (now.as_millis() - self.last) as f64 / 1000.0 > STOPPED_AFTER * pace_s
    }

    /// Until then [`Beat::stopped`] cannot come to be true, unless it is listened to meanwhile.
    pub fn goes_on_until(&self) -> Timestamp {
        let pace_s = self.memory.as_ref().map_or(0.0, |memory| f64::from(memory.heard.pace_s));
        if pace_s > 0.0 {
            Timestamp::from_nanos(
                self.last.saturating_add((STOPPED_AFTER * pace_s * 1000.0) as i64).saturating_mul(1_000_000),
            )
        } else {
            Timestamp::MAX
        }
    }

    /// The best rhythm at `now`; none with fewer than five beats.
    pub fn score(&self, now: Timestamp) -> Option<Score> {
        let Best { mut score, pace_s, .. } = self.best(now)?;
        let heard = &self.memory.as_ref()?.heard;
        score.stopped = self.is_silent(now, pace_s);
        let before_s = f64::from(heard.before_s);
        score.changed_from_s =
            (before_s > 0.0 && is_same(f64::from(heard.settled_s), score.period_s)).then_some(before_s);
        Some(score)
    }

    /// The scale that tells most.
    fn best(&self, now: Timestamp) -> Option<Best> {
        let scales = &self.memory.as_ref()?.scales;
        let mut best: Option<Best> = None;
        let mut before: Option<&Scale> = None;
        for (number, (scale, gap_ms)) in (0..).zip(scales.iter().zip(GAPS_MS)) {
            if scale.beats < MIN_BEATS {
                break;
            }
            // After a longer silence the same bursts are less of a surprise.
            if before.replace(scale).is_some_and(|before| before.is_like(scale)) {
                continue;
            }
            let gaps = scale.gaps();
            let Some(fit) = fit::best(&gaps, gap_ms as f64 / 1000.0) else { continue };
            let Some(score) = self.weigh(&fit, &gaps, scale, gap_ms, now) else { continue };
            if best.as_ref().is_none_or(|best| score.score > best.score.score) {
                let pace_s = fit.explained_s / f64::from(fit.hits.max(1));
                best = Some(Best { scale: number, score, pace_s, way: fit.way });
            }
        }
        best
    }

    /// How long the series has been watched, in seconds.
    fn span_s(&self, now: Timestamp) -> f64 {
        ((now.as_millis().max(self.last) - self.first) as f64 / 1000.0).max(MIN_SPAN_S)
    }

    fn weigh(&self, fit: &Fit, gaps: &Gaps, scale: &Scale, gap_ms: i64, now: Timestamp) -> Option<Score> {
        let sorted = gaps.sorted();
        let reach = fit.tolerance.max(0.15) * fit.period;
        let near = |gap: &&f64| (**gap - fit.period).abs() <= reach;
        let seen = median(sorted.iter().filter(near).copied());
        let period_s = if fit.way == Way::Near { seen? } else { fit.period };
        let spread_s = median(sorted.iter().filter(near).map(|gap| (gap - period_s).abs())).unwrap_or(0.0);
        let count = sorted.len() as f64;
        let beats = f64::from(scale.beats);
        let span_s = self.span_s(now);
        // What fits makes up this share of the time: other traffic of the pair adds beats, but nothing here.
        let made_up = (beats * fit.explained_s / count / span_s).min(1.0);
        let of_all = self.memory.as_ref().map_or(0, |memory| memory.scales[0].beats);
        Some(Score {
            score: (fit.evidence - SEARCHED).max(0.0) / (1.0 + count / 16.0) * (made_up / FULL_COVER).min(1.0),
            period_s,
            spread_s,
            cover: (beats * f64::from(fit.hits) / count * period_s / span_s).min(1.0),
            fits: fit.hits,
            of: fit.of,
            burst: f64::from(of_all) / beats.max(1.0),
            gap_s: gap_ms as f64 / 1000.0,
            stopped: false,
            changed_from_s: None,
        })
    }

    /// The last bursts, oldest first, and the gaps between them in seconds, at the scale that told most when the series
    /// was last listened to. Gaps are kept in two bytes: a moment far back is off by a percent of the time since.
    pub fn kept(&self) -> (Vec<Timestamp>, Vec<f64>) {
        let Some(memory) = &self.memory else { return (Vec::new(), Vec::new()) };
        let (last, mut gaps) = memory.scales[usize::from(memory.heard.scale) % SCALES].backwards();
        let mut at = last as f64 / 1000.0;
        let moment = |s: f64| Timestamp::from_nanos((s * 1000.0).round() as i64 * 1_000_000);
        let mut times = vec![moment(at)];
        for gap in &gaps {
            at -= gap;
            times.push(moment(at));
        }
        times.reverse();
        gaps.reverse();
        (times, gaps)
    }

    /// What each scale with enough beats says at `now`, and at most `most` candidates of each.
    pub fn views(&self, now: Timestamp, most: usize) -> Vec<ScaleView> {
        let Some(memory) = &self.memory else { return Vec::new() };
        let told = memory.scales.iter().zip(GAPS_MS).take_while(|(scale, _)| scale.beats >= MIN_BEATS);
        told.map(|(scale, gap_ms)| {
            let (gaps, silence_s) = (scale.gaps(), gap_ms as f64 / 1000.0);
            let mut all = Vec::new();
            fit::candidates(&gaps, silence_s, 0.0, |fit| {
                all.push(fit);
                0.0
            });
            all.sort_by(|a, b| b.evidence.total_cmp(&a.evidence));
            let mut candidates: Vec<Fit> = Vec::new();
            for fit in all {
                let alike = |other: &Fit| other.way == fit.way && (other.period / fit.period - 1.0).abs() < 0.1;
                if candidates.len() < most && !candidates.iter().any(alike) {
                    candidates.push(fit);
                }
            }
            let best = candidates.first().filter(|fit| fit.evidence > 0.0);
            let score = best.and_then(|fit| self.weigh(fit, &gaps, scale, gap_ms, now));
            ScaleView { silence_s, beats: scale.beats, gaps, candidates, score }
        })
        .collect()
    }
}

impl Heard {
    /// A rhythm of this period is heard: the one that holds, or another that may come to hold.
    fn settle(&mut self, period_s: f32, now: i64) {
        let same = |other: f32| other > 0.0 && is_same(f64::from(other), f64::from(period_s));
        if self.settled_s == 0.0 || same(self.settled_s) {
            (self.settled_s, self.other_s) = (period_s, 0.0);
        } else if !same(self.other_s) {
            (self.other_s, self.other_since) = (period_s, now);
        } else if now - self.other_since >= CHANGE_AFTER_MS.max((5000.0 * period_s) as i64) {
            (self.before_s, self.settled_s, self.other_s) = (self.settled_s, period_s, 0.0);
        }
    }
}

/// Whether two periods are the same rhythm's.
fn is_same(one: f64, other: f64) -> bool {
    (one / other - 1.0).abs() <= SAME_PERIOD
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
    fn few_events_score_nothing() {
        let (beat, now) = series([0.0, 10.0, 20.0, 30.0]);
        assert!(beat.score(now).is_none());
        assert!(Beat::default().score(now).is_none());
    }

    #[test]
    fn a_late_event_takes_no_rhythm_away() {
        let (in_order, now) = series((0..60).map(|i| f64::from(i) * 60.0));
        let (late, _) = series((0..60).flat_map(|i| {
            let at = f64::from(i) * 60.0;
            if i == 50 { vec![at, at - 1800.0, at - 90.0] } else { vec![at] }
        }));
        assert_eq!(late.events(), in_order.events() + 2);
        assert_eq!(late.score(now), in_order.score(now));
    }

    #[test]
    fn five_beats_are_enough() {
        for period in [30.0, 60.0, 300.0, 3600.0] {
            let (beat, now) = series((0..5).map(|i| f64::from(i) * period));
            let found = beat.score(now).unwrap();
            assert!(found.level() >= Some(Level::Beacon) || period < 60.0, "{period} s: {found:?}");
        }
    }

    #[test]
    fn beats_that_go_to_one_of_many_addresses_are_found() {
        let mut noise = noise(3);
        let one: Vec<f64> = (0..400).filter(|_| noise() < 0.2).map(|i| f64::from(i) * 20.0).collect();
        let (beat, now) = series(one);
        let score = beat.score(now).unwrap();
        assert!(score.level() >= Some(Level::Beacon) && (score.period_s - 20.0).abs() < 0.5, "{score:?}");
    }

    #[test]
    fn other_traffic_of_the_pair_adds_no_cover() {
        // A flurry of a minute, once in the hour: near-regular, and a small part of the time.
        let (beat, _) = series((0..20).map(|i| 1000.0 + f64::from(i) * 5.0));
        let score = beat.score(Timestamp::from_parts(3600, 0)).unwrap();
        assert!(score.score < 6.0 && score.stopped, "{score:?}");
    }

    #[test]
    fn stopping_and_changing_is_told() {
        let mut beat = Beat::default();
        let mut at = 0;
        let mut listen = |beat: &mut Beat, period: i64, count: i64| {
            for _ in 0..count {
                at += period;
                beat.event(Timestamp::from_parts(at, 0));
                beat.listen(Timestamp::from_parts(at, 0));
            }
            at
        };
        let now = listen(&mut beat, 60, 60);
        assert_eq!(beat.score(Timestamp::from_parts(now, 0)).unwrap().changed_from_s, None);
        let now = listen(&mut beat, 150, 60);
        let score = beat.score(Timestamp::from_parts(now + 100, 0)).unwrap();
        assert!(score.changed_from_s.is_some_and(|before| (before - 60.0).abs() < 1.0) && !score.stopped, "{score:?}");
        assert!(score.to_string().contains("; before every 60 s"), "{score}");
        let until = beat.goes_on_until();
        assert!(!beat.stopped(until) && beat.stopped(until + std::time::Duration::from_millis(2)));
        let later = Timestamp::from_parts(now + 800, 0);
        assert!(beat.stopped(later) && beat.score(later).unwrap().to_string().ends_with("; silent now"));
    }

    #[test]
    fn it_is_listened_to_when_something_came_and_not_too_often() {
        let mut beat = Beat::default();
        let mut scored = 0;
        for second in 0..6000 {
            let now = Timestamp::from_parts(second, 0);
            beat.event(now);
            scored += u32::from(beat.listen(now) == Listened::Scored);
            assert_ne!(beat.listen(now), Listened::Scored, "nothing came since");
        }
        assert!((100..=145).contains(&scored), "{scored}");
    }

    #[test]
    fn the_state_of_a_pair_is_small() {
        assert!(size_of::<Beat>() <= 40 && size_of::<Memory>() <= 640);
    }
}
