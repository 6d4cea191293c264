//! `hours` and `days`: when calls count for a rule.

use jiff::civil::Weekday;
use jiff::tz::TimeZone;

use crate::settings::{Problems, Section};

const DAY: u16 = 24 * 60;

/// Hours of the day and days of the week, by the clock of a zone, on capture time.
#[derive(Debug, Clone)]
pub(super) struct Hours {
    /// From a minute of the day until another; what ends before it begins goes on over midnight. Empty: the whole day.
    spans: Vec<(u16, u16)>,
    /// Monday first. A span that goes on over midnight belongs to the day on which it begins.
    days: [bool; 7],
    zone: TimeZone,
}

impl Hours {
    /// Reads `hours`, `days` and `zone`; none where calls count at any time.
    pub(super) fn read(section: &mut Section<'_, '_>, problems: &mut Problems<'_>) -> Option<Self> {
        let zone = zone(section, problems);
        let mut spans = Vec::new();
        for text in section.list::<String>("hours", problems).unwrap_or_default() {
            match span(&text) {
                Some(span) => spans.push(span),
                None => problems.add(
                    section.span_of("hours"),
                    format!("`hours`: `{text}` is no time of day: write \"22:00-06:00\", two different times"),
                ),
            }
        }
        let words = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let numbered: Vec<(&'static str, usize)> = words.into_iter().zip(0..).collect();
        let named = section.words("days", &numbered, problems);
        if spans.is_empty() && named.is_empty() {
            if section.has("zone") && !["hours", "days", "until"].iter().any(|key| section.has(key)) {
                problems
                    .add(section.span_of("zone"), "`zone` is the clock for `hours` and `days`: there are none here");
            }
            return None;
        }
        let days = std::array::from_fn(|day| named.is_empty() || named.contains(&day));
        Some(Self { spans, days, zone: zone.unwrap_or(TimeZone::UTC) })
    }

    /// Whether a minute (since the Unix epoch, UTC) is within them.
    pub(super) fn include(&self, minute: i64) -> bool {
        let Ok(moment) = jiff::Timestamp::from_second(minute.saturating_mul(60)) else { return false };
        let local = self.zone.to_datetime(moment);
        let now = local.hour() as u16 * 60 + local.minute() as u16;
        let today = local.date().weekday();
        let counts = |day: Weekday| self.days[day.to_monday_zero_offset() as usize % 7];
        if self.spans.is_empty() {
            return counts(today);
        }
        self.spans.iter().any(|&(from, until)| {
            if from < until {
                (from..until).contains(&now) && counts(today)
            } else {
                (now >= from && counts(today)) || (now < until && counts(today.previous()))
            }
        })
    }
}

pub(super) fn zone(section: &mut Section<'_, '_>, problems: &mut Problems<'_>) -> Option<TimeZone> {
    let name: String = section.get("zone", problems)?;
    let found = TimeZone::get(&name).ok();
    if found.is_none() {
        let message = format!("`zone`: `{name}` is no time zone: write \"Europe/London\", or leave it out for UTC");
        problems.add(section.span_of("zone"), message);
    }
    found
}

/// `22:00-06:00`; none where it is no span, or an empty one.
fn span(text: &str) -> Option<(u16, u16)> {
    let time = |text: &str| {
        let (hour, minute) = text.trim().split_once(':')?;
        let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
        (minute < 60 && hour <= 24 && hour * 60 + minute <= DAY).then(|| hour * 60 + minute)
    };
    let (from, until) = text.split_once('-')?;
    let (from, until) = (time(from)?, time(until)?);
    (from != until && from < DAY).then_some((from, until))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::parse;

    fn hours(text: &str) -> (Option<Hours>, Vec<String>) {
        let mut problems = Problems::new("r.toml", text);
        let table = parse(text, &mut problems);
        let hours = Hours::read(&mut Section::top(&table), &mut problems);
        (hours, problems.into_list().iter().map(ToString::to_string).collect())
    }

    fn at(text: &str) -> i64 {
        text.parse::<jiff::Timestamp>().unwrap().as_second() / 60
    }

    #[test]
    fn a_night_belongs_to_the_day_on_which_it_begins() {
        let hours = hours("hours = \"22:00-06:00\"\ndays = [\"sat\"]").0.unwrap();
        // The fourth of April 2015 was a Saturday.
        for (time, expected) in [
            ("2015-04-04T21:59:00Z", false),
            ("2015-04-04T22:00:00Z", true),
            ("2015-04-05T05:59:00Z", true),
            ("2015-04-05T06:00:00Z", false),
            ("2015-04-05T22:00:00Z", false),
            ("2015-04-04T05:00:00Z", false),
        ] {
            assert_eq!(hours.include(at(time)), expected, "{time}");
        }
    }

    #[test]
    fn the_clock_of_a_zone_goes_with_its_summer_time() {
        let hours = hours("hours = [\"08:00-17:00\"]\nzone = \"Europe/London\"").0.unwrap();
        assert!(hours.include(at("2015-04-01T07:30:00Z")), "08:30 in summer");
        assert!(!hours.include(at("2015-01-07T07:30:00Z")), "07:30 in winter");
        assert!(!hours.include(at("2015-04-01T16:00:00Z")));
    }

    #[test]
    fn what_is_no_time_is_told_with_the_way_out() {
        for (text, expected) in [
            ("hours = \"22-6\"", "r.toml:1:9: `hours`: `22-6` is no time of day: write \"22:00-06:00\""),
            ("hours = \"06:00-06:00\"", "two different times"),
            ("hours = \"25:00-26:00\"", "is no time of day"),
            ("days = [\"satt\"]", "did you mean `sat`?"),
            ("days = [\"sat\"]\nzone = \"London\"", "r.toml:2:8: `zone`: `London` is no time zone"),
            ("zone = \"Europe/London\"", "there are none here"),
        ] {
            let problems = hours(text).1;
            assert!(problems.iter().any(|problem| problem.contains(expected)), "{expected}: {problems:?}");
        }
        assert!(hours("").0.is_none() && hours("").1.is_empty());
        assert!(hours("hours = \"00:00-24:00\"").1.is_empty());
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "[0-9:\\-]{0,12}") {
            span(&text);
        }
    }
}
