//! Reports that are sent by themselves: `[[report]]`. When one is due, of which period, and by which sink.

mod post;
mod stats;

use jiff::Span;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;

use super::words::Clock;
use crate::deliver::is_address;
use crate::settings::{Problems, Section};
use crate::time::Timestamp;

pub use post::{Pace, Reports};
pub use stats::{ReportStats, ReportsView};

/// Reports that are declared at most.
const MOST: usize = 32;

/// A declared report.
#[derive(Debug, Clone)]
pub struct Schedule {
    /// Its name, under which it is remembered what was sent.
    pub name: String,
    /// How often, and of what.
    pub every: Every,
    /// At what time of the day.
    pub at: Time,
    /// By whose clock; reports are told by it too.
    pub clock: Clock,
    /// The name of the sink.
    pub sink: String,
    /// To whom, where that is not to those that the sink writes to.
    pub to: Vec<String>,
    /// Whether the report goes with it.
    pub html: bool,
    /// Whether the table goes with it.
    pub csv: bool,
    /// The table it was read from, for the effective configuration.
    pub source: String,
}

/// How often a report is sent, and of what: always of the whole day, week or month before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Every {
    /// Each day, of the day before.
    Day,
    /// On this day of each week, of the seven days before.
    Week(Weekday),
    /// On the first of each month, of the month before.
    Month,
}

/// A report that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Since when.
    pub since: Timestamp,
    /// Of what: from here …
    pub from: Timestamp,
    /// … up to here.
    pub to: Timestamp,
}

fn moment(date: Date, time: Time, zone: &TimeZone) -> Option<Timestamp> {
    let moment = date.to_datetime(time).to_zoned_datetime(zone.clone()).ok()?.timestamp();
    Some(Timestamp::from_parts(moment.as_second(), 0))
}

impl Every {
    /// The last day, up to `today`, on which it is sent.
    fn last_day(self, today: Date) -> Option<Date> {
        match self {
            Self::Day => Some(today),
            Self::Week(weekday) => {
                let back = today.weekday().to_monday_zero_offset() - weekday.to_monday_zero_offset();
                today.checked_sub(Span::new().days(back.rem_euclid(7))).ok()
            }
            Self::Month => Some(today.first_of_month()),
        }
    }

    fn before(self, day: Date) -> Option<Date> {
        let span = match self {
            Self::Day => Span::new().days(1),
            Self::Week(_) => Span::new().days(7),
            Self::Month => Span::new().months(1),
        };
        day.checked_sub(span).ok()
    }
}

impl Schedule {
    /// The report that was due last, by the clock on the wall.
    pub fn due(&self, now: Timestamp) -> Option<Due> {
        let zone = self.clock.zone();
        let today = zone.to_datetime(jiff::Timestamp::from_second(now.as_secs()).ok()?).date();
        let mut day = self.every.last_day(today)?;
        if moment(day, self.at, zone)? > now {
            day = self.every.before(day)?;
        }
        let (from, midnight) = (self.every.before(day)?, Time::midnight());
        Some(Due {
            since: moment(day, self.at, zone)?,
            from: moment(from, midnight, zone)?,
            to: moment(day, midnight, zone)?,
        })
    }

    /// Under what it is remembered which one was sent last.
    pub fn key(&self) -> String {
        format!("report/{}", self.name)
    }
}

/// Reads every `[[report]]`. `mail` are the sinks that send letters, `others` those that do not.
pub fn read(top: &mut Section<'_, '_>, mail: &[&str], others: &[&str], problems: &mut Problems<'_>) -> Vec<Schedule> {
    let mut all: Vec<Schedule> = Vec::new();
    for mut section in top.sections("report", problems) {
        if let Some(schedule) = read_one(&mut section, mail, others, problems) {
            if all.iter().any(|other| other.name == schedule.name) {
                let message = format!("there are two reports `{}`: names tell what was sent", schedule.name);
                problems.add(section.span_of("name"), message);
            }
            if all.len() >= MOST {
                problems.add(section.span(), format!("there are more than {MOST} reports: leave some out"));
            }
            all.push(schedule);
        }
        section.finish(problems);
    }
    all
}

fn read_one(
    section: &mut Section<'_, '_>,
    mail: &[&str],
    others: &[&str],
    problems: &mut Problems<'_>,
) -> Option<Schedule> {
    let source = section.text();
    let examples = [("name", "\"weekly\""), ("every", "\"week\""), ("sink", "\"mail\"")];
    for (key, example) in examples {
        if !section.has(key) {
            problems.add(section.span(), format!("a [[report]] needs `{key}`, as in {key} = {example}"));
        }
    }
    let name: Option<String> = section.get("name", problems);
    if let Some(name) = &name
        && (name.trim().is_empty() || name.len() > 64 || name.contains(char::is_control))
    {
        problems.add(section.span_of("name"), "`name`: write a name on one line, of 64 bytes at most");
    }
    let every = section.one_of("every", &[("day", 0), ("week", 1), ("month", 2)], problems);
    let days = [
        ("mon", Weekday::Monday),
        ("tue", Weekday::Tuesday),
        ("wed", Weekday::Wednesday),
        ("thu", Weekday::Thursday),
        ("fri", Weekday::Friday),
        ("sat", Weekday::Saturday),
        ("sun", Weekday::Sunday),
    ];
    let weekday = section.one_of("weekday", &days, problems);
    if weekday.is_some() && every.is_some_and(|every| every != 1) {
        problems.add(section.span_of("weekday"), "`weekday` is for every = \"week\": leave it out");
    }
    let text: Option<String> = section.get("at", problems);
    // The last hour of the day before must have been written down.
    let earliest = Time::constant(0, 15, 0, 0);
    let read = |text: &str| (text.len() == 5).then(|| text.parse::<Time>().ok()).flatten();
    let at = text.map_or(Some(Time::constant(7, 0, 0, 0)), |text| read(&text).filter(|at| *at >= earliest));
    if at.is_none() {
        problems.add(section.span_of("at"), "`at`: write a time of day from \"00:15\" on, as in at = \"07:00\"");
    }
    let clock = match section.get::<String>("zone", problems).map(|name| name.parse::<Clock>()) {
        None => Clock::default(),
        Some(Ok(clock)) => clock,
        Some(Err(error)) => {
            problems.add(section.span_of("zone"), format!("`zone`: {error}"));
            return None;
        }
    };
    let sink: Option<String> = section.get("sink", problems);
    if let Some(sink) = &sink
        && !mail.contains(&sink.as_str())
    {
        let message = if others.contains(&sink.as_str()) {
            format!("`sink`: `{sink}` sends no mail: name a [[sink]] of kind = \"email\"")
        } else {
            format!("`sink`: there is no [[sink]] `{sink}`{}", crate::settings::did_you_mean(sink, mail))
        };
        problems.add(section.span_of("sink"), message);
    }
    let to: Vec<String> = section.list("to", problems).unwrap_or_default();
    for text in to.iter().filter(|text| !is_address(text)) {
        problems.add(section.span_of("to"), format!("`to`: `{text}` is no address: write name@council.example"));
    }
    if section.is_empty_list("to") {
        problems.add(section.span_of("to"), "`to`: name at least one address, or leave it out for those of the sink");
    }
    let attach = section.words("attach", &[("html", true), ("csv", false)], problems);
    if section.is_empty_list("attach") {
        problems.add(section.span_of("attach"), "`attach`: write \"html\", \"csv\", or both");
    }
    let has = |what| attach.is_empty() || attach.contains(&what);
    let every = match every? {
        0 => Every::Day,
        1 => Every::Week(weekday.unwrap_or(Weekday::Monday)),
        _ => Every::Month,
    };
    let (html, csv) = (has(true), has(false));
    Some(Schedule { name: name?, every, at: at?, clock, sink: sink?, to, html, csv, source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::parse;

    fn schedules(text: &str) -> (Vec<Schedule>, Vec<String>) {
        let mut problems = Problems::new("c.toml", text);
        let table = parse(text, &mut problems);
        let all = read(&mut Section::top(&table), &["mail"], &["siem"], &mut problems);
        (all, problems.into_list().iter().map(ToString::to_string).collect())
    }

    fn due(keys: &str, now: &str) -> [String; 3] {
        let text = format!("[[report]]\nname = \"r\"\nsink = \"mail\"\n{keys}");
        let (all, problems) = schedules(&text);
        assert!(problems.is_empty(), "{problems:?}");
        let now: jiff::Timestamp = now.parse().unwrap();
        let due = all[0].due(Timestamp::from_parts(now.as_second(), 0)).unwrap();
        [due.since, due.from, due.to].map(|time| time.to_string())
    }

    #[test]
    fn each_is_of_the_whole_day_week_or_month_before_by_its_own_clock() {
        assert_eq!(
            due("every = \"day\"\nat = \"06:30\"", "2026-11-29T06:29:59Z"),
            ["2026-11-28T06:30:00Z", "2026-11-27T00:00:00Z", "2026-11-28T00:00:00Z"]
        );
        // 25 October 2026 has 25 hours in London.
        assert_eq!(
            due("every = \"day\"\nat = \"07:00\"\nzone = \"Europe/London\"", "2026-10-26T07:00:00Z"),
            ["2026-10-26T07:00:00Z", "2026-10-24T23:00:00Z", "2026-10-26T00:00:00Z"]
        );
        // A Sunday: the last Wednesday is the 25th.
        assert_eq!(
            due("every = \"week\"\nweekday = \"wed\"", "2026-11-29T12:00:00Z"),
            ["2026-11-25T07:00:00Z", "2026-11-18T00:00:00Z", "2026-11-25T00:00:00Z"]
        );
        assert_eq!(
            due("every = \"month\"", "2026-03-01T06:59:00Z"),
            ["2026-02-01T07:00:00Z", "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"]
        );
        assert_eq!(
            due("every = \"month\"", "2026-03-31T00:00:00Z"),
            ["2026-03-01T07:00:00Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"]
        );
    }

    #[test]
    fn mistakes_are_told_with_line_and_way_out() {
        let (_, problems) = schedules(
            "[[report]]\nname = \"a\"\nevery = \"wek\"\nsink = \"mial\"\nat = \"25:00\"\nattach = [\"pdf\"]\n\
             [[report]]\nname = \"b\"\nevery = \"day\"\nsink = \"siem\"\nweekday = \"mon\"\nto = [\"x\"]\n\
             [[report]]\nevery = \"day\"\nzone = \"Mars\"\nat = \"00:05\"\n",
        );
        let all = problems.join("\n");
        for expected in [
            "c.toml:3:9: `every`: `wek` is none of day, week, month: did you mean `week`?",
            "c.toml:4:8: `sink`: there is no [[sink]] `mial`: did you mean `mail`?",
            "c.toml:5:6: `at`: write a time of day from \"00:15\" on",
            "c.toml:6:10: `attach`: `pdf` is none of html, csv",
            "c.toml:10:8: `sink`: `siem` sends no mail: name a [[sink]] of kind = \"email\"",
            "c.toml:11:11: `weekday` is for every = \"week\"",
            "c.toml:12:6: `to`: `x` is no address",
            "c.toml:13:1: a [[report]] needs `name`",
            "c.toml:13:1: a [[report]] needs `sink`",
            "c.toml:15:8: `zone`: `Mars` is no time zone",
            "c.toml:16:6: `at`: write a time of day",
        ] {
            assert!(all.contains(expected), "{expected}\nis not in\n{all}");
        }
    }
}
