//! Attempts over time as a small drawing, in black and white, with what is not known hatched.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::device::hours::start_of;
use crate::report::account::{Account, HourSum, Known};
use crate::report::words::{Clock, count, grouped};

/// Hours that are drawn one by one; of more, days are drawn.
const MOST_HOURS: u64 = 96;
/// Days that are drawn one by one; of more, weeks are drawn.
const MOST_DAYS: u64 = 140;

const WIDTH: f64 = 680.0;
const HEIGHT: f64 = 150.0;
const LEFT: f64 = 70.0;
const TOP: f64 = 12.0;

/// A bar's time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Bin {
    from: i64,
    hours: u64,
    not_known: u64,
    partly: u64,
    overseas: u64,
    unknown: u64,
}

impl Bin {
    /// Nothing of its time is known.
    fn is_blank(&self) -> bool {
        self.not_known == self.hours
    }

    /// Not all of its time is, or not of all cameras.
    fn is_partial(&self) -> bool {
        !self.is_blank() && self.not_known + self.partly > 0
    }
}

/// The drawing, and the same in words.
#[derive(Debug)]
pub(super) struct Chart {
    /// What is drawn.
    pub(super) title: String,
    /// The same in words.
    pub(super) text: String,
    /// SVG; nothing in it but numbers and days.
    pub(super) svg: String,
    /// Whether some bars are of destinations of no known country.
    pub(super) has_unknown: bool,
    /// Whether some bars' whole time is not known.
    pub(super) has_blanks: bool,
    /// Whether a part of some bars' time is not known.
    pub(super) has_partial: bool,
}

fn bins(account: &Account, clock: &Clock) -> (&'static str, Vec<Bin>) {
    let covered = &account.covered;
    let (word, key): (_, Box<dyn Fn(i64) -> i64>) = match covered.hours() {
        hours if hours <= MOST_HOURS => ("hour", Box::new(|hour| hour)),
        hours => {
            let days = if hours / 24 <= MOST_DAYS { 1 } else { 7 };
            let first = clock.date_of(covered.first_hour);
            let word = if days == 1 { "day" } else { "week" };
            let day = move |hour| {
                let since = clock.date_of(hour).duration_since(first).as_hours() / 24;
                since / days
            };
            (word, Box::new(day))
        }
    };
    let sums: BTreeMap<i64, &HourSum> = account.hours.iter().map(|sum| (sum.hour, sum)).collect();
    let mut all: Vec<(i64, Bin)> = Vec::new();
    for hour in covered.first_hour..covered.end_hour {
        let place = key(hour);
        if all.last().is_none_or(|(last, _)| *last != place) {
            all.push((place, Bin { from: hour, ..Bin::default() }));
        }
        let Some((_, bin)) = all.last_mut() else { continue };
        bin.hours += 1;
        if covered.untold.is_none() {
            let known = covered.of(hour);
            bin.not_known += u64::from(known.is_nothing());
            bin.partly += u64::from(known == Known::Some);
        }
        if let Some(sum) = sums.get(&hour) {
            bin.overseas += sum.overseas;
            bin.unknown += sum.unknown;
        }
    }
    (word, all.into_iter().map(|(_, bin)| bin).collect())
}

/// The next number at or above that begins with 1, 2 or 5.
fn round_up(number: u64) -> u64 {
    let mut scale = 1_u64;
    loop {
        for step in [1, 2, 5] {
            let rounded = scale.saturating_mul(step);
            if rounded >= number || rounded == u64::MAX {
                return rounded;
            }
        }
        scale = scale.saturating_mul(10);
    }
}

impl Chart {
    /// None where nothing was asked.
    pub(super) fn of(account: &Account, clock: &Clock) -> Option<Self> {
        let (word, bins) = bins(account, clock);
        let most = bins.iter().map(|bin| bin.overseas + bin.unknown).max()?;
        let has_unknown = bins.iter().any(|bin| bin.unknown > 0);
        let has_blanks = bins.iter().any(Bin::is_blank);
        let has_partial = bins.iter().any(Bin::is_partial);
        Some(Self {
            title: format!("Attempts to call overseas, by the {word}"),
            text: in_words(word, &bins, clock),
            svg: draw(word, &bins, most, clock).unwrap_or_default(),
            has_unknown,
            has_blanks,
            has_partial,
        })
    }
}

fn when(word: &str, bin: &Bin, clock: &Clock) -> String {
    match word {
        "hour" => format!("in the hour from {}", clock.long(start_of(bin.from))),
        "day" => format!("on {}", clock.day(start_of(bin.from))),
        _ => format!("in the week from {}", clock.day(start_of(bin.from))),
    }
}

fn in_words(word: &str, bins: &[Bin], clock: &Clock) -> String {
    let total = |bin: &Bin| bin.overseas + bin.unknown;
    let mut text = count(bins.len() as u64, word, &format!("{word}s"));
    let with = bins.iter().filter(|bin| total(bin) > 0).count();
    match bins.iter().rev().max_by_key(|bin| total(bin)).filter(|bin| total(bin) > 0) {
        Some(most) if with == 1 => {
            let _ = write!(text, "; all attempts {}: {}", when(word, most, clock), grouped(total(most)));
        }
        Some(most) => {
            let (with, most) = (grouped(with as u64), format!("{}: {}", when(word, most, clock), grouped(total(most))));
            let _ = write!(text, "; attempts in {with} of them, the most {most}");
            if let Some(first) = bins.iter().find(|bin| total(bin) > 0) {
                let _ = write!(text, "; the first {}", when(word, first, clock));
            }
        }
        None => text.push_str("; no attempts in any of them"),
    }
    let unknown = bins.iter().filter(|bin| bin.is_blank()).count() as u64;
    if unknown > 0 {
        let _ = write!(text, "; too little was observed in {}", count(unknown, word, &format!("{word}s")));
    }
    text.push('.');
    text
}

fn draw(word: &str, bins: &[Bin], most: u64, clock: &Clock) -> Result<String, std::fmt::Error> {
    let mut svg = String::new();
    let top = round_up(most.max(1));
    let base = TOP + HEIGHT;
    let step = (WIDTH - LEFT) / bins.len().max(1) as f64;
    let width = (step * 0.8).max(step - 3.0).min(40.0);
    for part in [0, 1, 2] {
        let value = top as f64 * f64::from(part) / 2.0;
        if value.fract() != 0.0 {
            continue;
        }
        let y = base - HEIGHT * f64::from(part) / 2.0;
        write!(svg, "<path class=\"line\" d=\"M{LEFT} {y:.1}H{WIDTH}\"/>")?;
        let (x, y) = (LEFT - 6.0, y + 3.5);
        write!(svg, "<text x=\"{x}\" y=\"{y:.1}\" text-anchor=\"end\">{}</text>", grouped(value as u64))?;
    }
    for (at, bin) in bins.iter().enumerate() {
        let x = LEFT + step * at as f64 + (step - width) / 2.0;
        if bin.is_blank() {
            write!(svg, "<rect class=\"gap\" x=\"{x:.1}\" y=\"{TOP}\" width=\"{width:.1}\" height=\"{HEIGHT}\"/>")?;
        } else if bin.is_partial() {
            let y = base + 3.0;
            write!(svg, "<rect class=\"gap\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"7\"/>")?;
        }
        let height = |attempts: u64| (HEIGHT * attempts as f64 / top as f64).max(if attempts > 0 { 1.0 } else { 0.0 });
        let (overseas, unknown) = (height(bin.overseas), height(bin.unknown));
        if bin.overseas > 0 {
            let y = base - overseas;
            write!(svg, "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{overseas:.1}\"/>")?;
        }
        if bin.unknown > 0 {
            let y = base - overseas - unknown;
            write!(
                svg,
                "<rect class=\"unknown\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{unknown:.1}\"/>"
            )?;
        }
    }
    labels(&mut svg, word, bins, step, clock)?;
    Ok(svg)
}

/// Some of the bars' times: as many as there is room for.
fn labels(svg: &mut String, word: &str, bins: &[Bin], step: f64, clock: &Clock) -> std::fmt::Result {
    let every = (75.0 / step).ceil().max(1.0) as usize;
    let y = TOP + HEIGHT + 24.0;
    for (at, bin) in bins.iter().enumerate().step_by(every) {
        let x = LEFT + step * (at as f64 + 0.5);
        let moment = start_of(bin.from);
        let (format, second) = if word == "hour" { ("%H:%M", "%-d %b") } else { ("%-d %b", "%Y") };
        let first = clock.told(moment, format);
        write!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{first}</text>")?;
        let (y, below) = (y + 13.0, clock.told(moment, second));
        write!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"middle\">{below}</text>")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyse::Observed;

    fn account(hours: i64) -> Account {
        let mut account = Account::default();
        (account.covered.first_hour, account.covered.end_hour) = (396_633, 396_633 + hours);
        for hour in 396_633..396_633 + hours - 1 {
            account.covered.note(hour, Observed::Observed);
        }
        account.hours.push(HourSum { hour: 396_634, overseas: 11_000, unknown: 7 });
        account
    }

    #[test]
    fn hours_days_and_weeks_are_drawn_and_told() {
        let clock = Clock::default();
        let told = |hours| Chart::of(&account(hours), &clock).unwrap();
        let day = told(24);
        let text =
            "24 hours; all attempts in the hour from 1 April 2015, 10:00: 11,007; too little was observed in 1 hour.";
        assert_eq!(day.text, text);
        let mut two = account(24);
        two.hours.push(HourSum { hour: 396_640, overseas: 20_000, unknown: 0 });
        let text = Chart::of(&two, &clock).unwrap().text;
        assert!(
            text.starts_with(
                "24 hours; attempts in 2 of them, the most in the hour from 1 April 2015, 16:00: 20,000; the first "
            ),
            "{text}"
        );
        assert!(
            day.has_unknown
                && day.has_blanks
                && !day.has_partial
                && day.svg.contains("class=\"gap\"")
                && day.svg.contains(">20,000<")
        );
        assert!(told(24 * 30).text.starts_with("31 days; all attempts on 1 April 2015: 11,007"));
        assert!(told(24 * 365).text.starts_with("53 weeks; "));
        assert!(Chart::of(&Account::default(), &clock).is_none());
    }
}
