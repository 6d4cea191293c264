//! The gaps between bursts at one scale: a ring of the last 32, two bytes each.

use std::sync::LazyLock;

/// How many gaps are kept.
pub(super) const RING: usize = 32;

/// The bursts that a silence of one length parts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    /// When the current burst began, in milliseconds.
    start: i64,
    /// How many bursts there were; halved with age.
    pub(super) beats: u32,
    /// Where `ring` is written next.
    next: u8,
    filled: u8,
    ring: [u16; RING],
}

impl Scale {
    pub(super) const EMPTY: Self = Self { start: 0, beats: 0, next: 0, filled: 0, ring: [0; RING] };

    /// A burst begins at `at`.
    pub(super) fn beat(&mut self, at: i64) {
        if self.beats > 0 {
            self.ring[usize::from(self.next) % RING] = code(at - self.start);
            self.next = (self.next + 1) % RING as u8;
            self.filled = (self.filled + 1).min(RING as u8);
        }
        self.start = at;
        self.beats = self.beats.saturating_add(1);
    }

    /// For a checkpoint: start, beats, next, and the codes of the gaps that are kept.
    pub(super) fn parts(&self) -> (i64, u32, u8, &[u16]) {
        (self.start, self.beats, self.next, &self.ring[..usize::from(self.filled).min(RING)])
    }

    /// As [`Scale::parts`] gave it; none where that cannot be.
    pub(super) fn of_parts(start: i64, beats: u32, next: u8, codes: &[u16]) -> Option<Self> {
        let mut ring = [0; RING];
        ring.get_mut(..codes.len())?.copy_from_slice(codes);
        (usize::from(next) < RING).then_some(Self { start, beats, next, filled: codes.len() as u8, ring })
    }

    /// Whether two scales part the same bursts, as they do where silences of a length between theirs are missing.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        (self.beats, self.start, self.filled, self.next) == (other.beats, other.start, other.filled, other.next)
            && self.ring == other.ring
    }

    /// When the last burst began, in milliseconds, and the gaps before it, the latest first, in seconds.
    pub(super) fn backwards(&self) -> (i64, Vec<f64>) {
        let filled = usize::from(self.filled).min(RING);
        let at = |back: usize| (usize::from(self.next) + 2 * RING - 1 - back) % RING;
        (self.start, (0..filled).map(|back| decode(self.ring[at(back)])).collect())
    }

    /// The gaps that are kept.
    pub(super) fn gaps(&self) -> Gaps {
        let count = usize::from(self.filled);
        let mut codes = self.ring;
        codes[..count].sort_unstable();
        let mut sorted = [0.0; RING];
        for (gap, code) in sorted.iter_mut().zip(&codes[..count]) {
            *gap = decode(*code);
        }
        Gaps { count, sorted, span: sorted.iter().sum() }
    }
}

/// The last gaps of a scale, in seconds.
#[derive(Debug, Clone)]
pub struct Gaps {
    count: usize,
    sorted: [f64; RING],
    span: f64,
}

impl Gaps {
    /// Ascending.
    pub fn sorted(&self) -> &[f64] {
        &self.sorted[..self.count]
    }

    /// How many lie in `from..=to`.
    pub(super) fn within(&self, from: f64, to: f64) -> u32 {
        let sorted = self.sorted();
        let upper = sorted.partition_point(|gap| *gap <= to);
        let lower = sorted.partition_point(|gap| *gap < from);
        upper.saturating_sub(lower) as u32
    }

    /// The time that they make up together.
    pub(super) fn span(&self) -> f64 {
        self.span
    }
}

/// The codes of gaps below four seconds: who calls often has these, and at each call a logarithm would take as long as
/// the rest of the event.
static SHORT: LazyLock<Vec<u16>> = LazyLock::new(|| (0..4096).map(code_of).collect());

#[inline]
fn code(gap_ms: i64) -> u16 {
    let short = usize::try_from(gap_ms).ok().and_then(|gap_ms| SHORT.get(gap_ms));
    short.map_or_else(|| code_of(gap_ms), |code| *code)
}

/// A gap on a logarithmic scale in steps of 0.03 %: 1 ms to 37 h.
fn code_of(gap_ms: i64) -> u16 {
    // Single precision is a hundredth of a step here, and half the time of an event.
    ((gap_ms.max(1) as f32).log2() * (65_535.0 / 27.0)).min(65_535.0) as u16
}

fn decode(code: u16) -> f64 {
    (f64::from(code) * (27.0 / 65_535.0)).exp2() / 1000.0
}
