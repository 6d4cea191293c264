//! What could be observed, and what could not: a silence is only a silence where there was coverage.

use std::collections::BTreeMap;

use crate::analyse::Observed;

/// Hours of one camera, or cameras of one hour, by what is known of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HourTally {
    /// It was seen.
    pub observed: u64,
    /// It was not, and would have been.
    pub silent: u64,
    /// Too little of the hour was recorded.
    pub capture_down: u64,
    /// Too many packets were lost.
    pub loss: u64,
    /// Nothing of its network was seen.
    pub network_unseen: u64,
}

impl HourTally {
    /// Counts one.
    pub fn add(&mut self, what: Observed) {
        *match what {
            Observed::Observed => &mut self.observed,
            Observed::Silent => &mut self.silent,
            Observed::CaptureDown => &mut self.capture_down,
            Observed::Loss => &mut self.loss,
            Observed::NetworkUnseen => &mut self.network_unseen,
        } += 1;
    }

    /// Adds another.
    pub fn join(&mut self, other: &Self) {
        self.observed += other.observed;
        self.silent += other.silent;
        self.capture_down += other.capture_down;
        self.loss += other.loss;
        self.network_unseen += other.network_unseen;
    }

    /// Those of which something is known, be it a silence.
    pub fn known(&self) -> u64 {
        self.observed + self.silent
    }

    /// Those of which it is on record that nothing is known.
    pub fn unknown(&self) -> u64 {
        self.capture_down + self.loss + self.network_unseen
    }
}

/// What is known of an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Known {
    /// Every camera could be observed.
    All,
    /// Some of them could.
    Some,
    /// None: less than half of it was recorded.
    Down,
    /// None: too many packets were lost.
    Loss,
    /// None: nothing of their networks was seen.
    Unseen,
    /// Nothing was written down of it.
    NoRecord,
}

impl Known {
    /// By how many cameras could be observed in it.
    fn of(tally: Option<&HourTally>) -> Self {
        let Some(tally) = tally else { return Self::NoRecord };
        match (tally.known(), tally.unknown()) {
            (0, 0) => Self::NoRecord,
            (_, 0) => Self::All,
            (0, _) if tally.capture_down > 0 => Self::Down,
            (0, _) if tally.loss > 0 => Self::Loss,
            (0, _) => Self::Unseen,
            _ => Self::Some,
        }
    }

    /// Whether nothing is known of it.
    pub fn is_nothing(self) -> bool {
        !matches!(self, Self::All | Self::Some)
    }
}

/// Hours in a row of which the same is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap {
    /// The first, in hours since 1970.
    pub from: i64,
    /// The one after the last.
    pub to: i64,
    /// Why.
    pub why: Known,
    /// The most cameras that could not be observed in one of them.
    pub cameras: u64,
}

/// A registered camera that was not met in the period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotSeen {
    /// By what it is registered.
    pub name: String,
    /// Where.
    pub site: Option<String>,
}

/// What could be observed.
#[derive(Debug, Default)]
pub struct Covered {
    /// The first hour that was asked, in hours since 1970.
    pub first_hour: i64,
    /// The hour after the last that was asked.
    pub end_hour: i64,
    /// Cameras by hour, of the hours of which something was written down.
    pub by_hour: BTreeMap<i64, HourTally>,
    /// All hours of all cameras.
    pub camera_hours: HourTally,
    /// Devices that are registered or configured one by one.
    pub registered: u64,
    /// Those of them that were met.
    pub registered_seen: u64,
    /// Those that were not.
    pub not_seen: Vec<NotSeen>,
    /// Packets taken and lost, and how many hours that is known of.
    pub packets: Option<Packets>,
    /// Why it is not told when a camera could be observed, if it is not.
    pub untold: Option<Untold>,
}

/// Why it is not told when a camera could be observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Untold {
    /// Logs do not tell.
    Logs,
    /// What was read is shorter than half of an hour.
    Short(std::time::Duration),
}

/// What was taken off the wire, and what was lost on the way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Packets {
    /// Taken.
    pub taken: u64,
    /// Lost.
    pub lost: u64,
    /// Hours of which that is known.
    pub hours: u64,
}

impl Covered {
    /// Counts an hour of a camera.
    pub fn note(&mut self, hour: i64, what: Observed) {
        self.by_hour.entry(hour).or_default().add(what);
        self.camera_hours.add(what);
    }

    /// Hours asked.
    pub fn hours(&self) -> u64 {
        u64::try_from(self.end_hour - self.first_hour).unwrap_or(0)
    }

    /// What is known of an hour.
    pub fn of(&self, hour: i64) -> Known {
        Known::of(self.by_hour.get(&hour))
    }

    /// Hours of which something is known of every camera; of some; of none.
    pub fn counts(&self) -> [u64; 3] {
        let mut counts = [0; 3];
        for hour in self.first_hour..self.end_hour {
            counts[match self.of(hour) {
                Known::All => 0,
                Known::Some => 1,
                _ => 2,
            }] += 1;
        }
        counts
    }

    /// The hours that are not known of all cameras, in runs.
    pub fn gaps(&self) -> Vec<Gap> {
        let mut gaps: Vec<Gap> = Vec::new();
        for hour in self.first_hour..self.end_hour {
            let why = self.of(hour);
            if why == Known::All {
                continue;
            }
            let cameras = self.by_hour.get(&hour).map_or(0, HourTally::unknown);
            match gaps.last_mut().filter(|gap| gap.to == hour && gap.why == why) {
                Some(gap) => (gap.to, gap.cameras) = (hour + 1, gap.cameras.max(cameras)),
                None => gaps.push(Gap { from: hour, to: hour + 1, why, cameras }),
            }
        }
        gaps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_that_are_not_known_are_told_in_runs_with_the_reason() {
        let mut covered = Covered { first_hour: 10, end_hour: 20, ..Covered::default() };
        for hour in [10, 11, 12, 13, 16, 17] {
            covered.note(hour, if hour < 16 { Observed::Observed } else { Observed::CaptureDown });
            covered.note(hour, if hour < 13 { Observed::Silent } else { Observed::NetworkUnseen });
        }
        let gap = |from, to, why, cameras| Gap { from, to, why, cameras };
        assert_eq!(
            covered.gaps(),
            [
                gap(13, 14, Known::Some, 1),
                gap(14, 16, Known::NoRecord, 0),
                gap(16, 18, Known::Down, 2),
                gap(18, 20, Known::NoRecord, 0)
            ]
        );
        assert_eq!((covered.hours(), covered.counts()), (10, [3, 1, 6]));
        assert_eq!((covered.camera_hours.known(), covered.camera_hours.unknown()), (7, 5));
    }
}
