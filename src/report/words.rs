//! Numbers, moments and places in words, as people in Britain write them.

use std::sync::LazyLock;

use ahash::AHashMap;
use jiff::tz::TimeZone;

use crate::device::hours::start_of;
use crate::time::Timestamp;

/// A line each: two letters of ISO 3166-1, a tab, the English name (from the time zone database, in the public domain).
static COUNTRIES: LazyLock<AHashMap<&'static str, &'static str>> = LazyLock::new(|| {
    include_str!("../../data/geo/country-names.tsv").lines().filter_map(|line| line.split_once('\t')).collect()
});

/// 1540000 as `1,540,000`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Bytes, in units that are read at a glance.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        1 => "1 byte".to_owned(),
        b if b < 10_000 => format!("{} bytes", grouped(b)),
        b if b < 1_000_000 => format!("{:.1} kB", b as f64 / 1e3),
        b if b < 1_000_000_000 => format!("{:.1} MB", b as f64 / 1e6),
        b => format!("{:.1} GB", b as f64 / 1e9),
    }
}

/// `1 camera`, `2,000 cameras`.
pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

/// `China`, `China or Japan`; the letters where there is no name for them.
pub(crate) fn country(letters: &str) -> String {
    let name = |letters: &str| COUNTRIES.get(letters).map_or_else(|| letters.to_owned(), |name| (*name).to_owned());
    letters.split(" or ").map(name).collect::<Vec<_>>().join(" or ")
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn and(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// A clock by which moments are told.
#[derive(Debug, Clone)]
pub struct Clock(TimeZone);

impl Default for Clock {
    fn default() -> Self {
        Self(TimeZone::UTC)
    }
}

/// No such time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no time zone: write \"Europe/London\", or leave it out for UTC")]
pub struct NoZone(String);

impl std::str::FromStr for Clock {
    type Err = NoZone;

    fn from_str(name: &str) -> Result<Self, NoZone> {
        TimeZone::get(name).map(Self).map_err(|_| NoZone(name.to_owned()))
    }
}

impl Clock {
    /// The zone.
    pub fn zone(&self) -> &TimeZone {
        &self.0
    }

    /// `Europe/London`.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    fn is_utc(&self) -> bool {
        self.name() == "UTC"
    }

    pub(crate) fn told(&self, time: Timestamp, format: &str) -> String {
        let moment = jiff::Timestamp::from_nanosecond(i128::from(time.as_nanos())).unwrap_or_default();
        moment.to_zoned_datetime(self.0.clone()).strftime(format).to_string()
    }

    /// `1 April 2015, 09:00`; by a local clock with `BST`, so that the hour that comes twice is told apart.
    pub(crate) fn long(&self, time: Timestamp) -> String {
        self.told(time, if self.is_utc() { "%-d %B %Y, %H:%M" } else { "%-d %B %Y, %H:%M %Z" })
    }

    /// `1 Apr 2015 09:00`.
    pub(crate) fn short(&self, time: Timestamp) -> String {
        self.told(time, "%-d %b %Y %H:%M")
    }

    /// `1 April 2015`.
    pub(crate) fn day(&self, time: Timestamp) -> String {
        self.told(time, "%-d %B %Y")
    }

    /// The day of an hour, by this clock.
    pub(crate) fn date_of(&self, hour: i64) -> jiff::civil::Date {
        let moment = jiff::Timestamp::from_nanosecond(i128::from(start_of(hour).as_nanos())).unwrap_or_default();
        self.0.to_datetime(moment).date()
    }

    /// Hours in a row: `1 April 2015, 09:00 to 17:00`, or with both days.
    pub(crate) fn span(&self, from: i64, to: i64) -> String {
        let (begin, end) = (start_of(from), start_of(to));
        if self.day(begin) == self.day(end) {
            format!("{} to {}", self.long(begin), self.told(end, "%H:%M"))
        } else {
            format!("{} to {}", self.long(begin), self.long(end))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_told_by_the_clock_that_was_asked_for() {
        let london: Clock = "Europe/London".parse().unwrap();
        let noon = Timestamp::from_parts(1_427_889_600, 0);
        assert_eq!(Clock::default().long(noon), "1 April 2015, 12:00");
        assert_eq!(london.long(noon), "1 April 2015, 13:00 BST");
        assert_eq!(london.span(noon.as_secs() / 3600, noon.as_secs() / 3600 + 2), "1 April 2015, 13:00 BST to 15:00");
        assert!("Europe/Lodnon".parse::<Clock>().unwrap_err().to_string().contains("no time zone"));
    }

    #[test]
    fn places_and_numbers_are_told_in_words() {
        assert_eq!(country("CN"), "China");
        assert_eq!(country("DE or US"), "Germany or United States");
        assert_eq!(country("ZZ"), "ZZ");
        assert_eq!(and(&["a".to_owned(), "b".to_owned(), "c".to_owned()]), "a, b and c");
        assert_eq!(
            (grouped(1_540_000), grouped(999), size(1_540_000)),
            ("1,540,000".into(), "999".into(), "1.5 MB".into())
        );
        assert_eq!(count(1, "camera", "cameras"), "1 camera");
    }
}
