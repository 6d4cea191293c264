//! Capture time: the one clock that everything before the sinks is driven by.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// A moment of capture time, in nanoseconds since 1970-01-01T00:00:00Z.
///
/// Taken from packet timestamps, never from the wall clock, so that two reads of one file agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The earliest moment that can be told.
    pub const MIN: Self = Self(i64::MIN);
    /// After every other.
    pub const MAX: Self = Self(i64::MAX);

    /// From nanoseconds since the Unix epoch.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// From whole seconds and nanoseconds since the Unix epoch; saturates at the ends of what `i64` holds.
    pub const fn from_parts(seconds: i64, nanos: u32) -> Self {
        Self(seconds.saturating_mul(1_000_000_000).saturating_add(nanos as i64))
    }

    /// Nanoseconds since the Unix epoch.
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Milliseconds since the Unix epoch, rounded down.
    pub const fn as_millis(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Seconds since the Unix epoch, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }

    /// The time since `earlier`; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, step: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(step.as_nanos()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;
    fn sub(self, step: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(step.as_nanos()).unwrap_or(i64::MAX)))
    }
}

/// RFC 3339 in UTC, with as many digits as the moment has (`2015-04-01T09:00:00Z`).
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_nanosecond(i128::from(self.0)) {
            Ok(moment) => write!(f, "{moment}"),
            Err(_) => write!(f, "{}ns", self.0),
        }
    }
}

/// As RFC 3339 where people may read it, as nanoseconds elsewhere.
impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() { serializer.collect_str(self) } else { serializer.serialize_i64(self.0) }
    }
}

impl<'de> serde::Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if !deserializer.is_human_readable() {
            return i64::deserialize(deserializer).map(Self);
        }
        let text = String::deserialize(deserializer)?;
        // What no calendar holds is written as nanoseconds.
        if let Some(nanos) = text.strip_suffix("ns").and_then(|nanos| nanos.parse().ok()) {
            return Ok(Self(nanos));
        }
        let moment: jiff::Timestamp = text.parse().map_err(serde::de::Error::custom)?;
        i64::try_from(moment.as_nanosecond()).map(Self).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_rfc_3339() {
        assert_eq!(Timestamp::from_parts(1_427_878_800, 0).to_string(), "2015-04-01T09:00:00Z");
        assert_eq!(Timestamp::from_parts(1_427_878_800, 1_000).to_string(), "2015-04-01T09:00:00.000001Z");
    }

    #[test]
    fn reads_back_what_it_writes() {
        for nanos in [0, 1_427_878_800_000_000_001, -5, i64::MIN, i64::MAX] {
            let moment = Timestamp::from_nanos(nanos);
            let text = serde_json::to_string(&moment).unwrap();
            assert_eq!(serde_json::from_str::<Timestamp>(&text).unwrap(), moment, "{text}");
        }
    }

    #[test]
    fn a_moment_before_another_is_no_time_since_it() {
        let (early, late) = (Timestamp::from_parts(5, 0), Timestamp::from_parts(6, 0));
        assert_eq!(early.since(late), Duration::ZERO);
        assert_eq!(late.since(early), Duration::from_secs(1));
    }

    #[test]
    fn saturates_at_the_ends() {
        assert_eq!(Timestamp::from_parts(i64::MAX, 5) + Duration::MAX, Timestamp::from_nanos(i64::MAX));
    }
}
