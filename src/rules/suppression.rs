//! Exceptions: what a council knows of and does not want to be told, for a reason, by somebody, until a day.

use std::sync::Arc;

use globset::GlobMatcher;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::Narrow;
use super::hours::zone;
use super::narrow::{any, globs};
use crate::alert::{About, Called};
use crate::analyse::Ledger;
use crate::settings::{Problem, Problems, Section, parse};
use crate::time::Timestamp;

/// An exception: what it covers fires no alert until it ends.
#[derive(Debug, Clone)]
pub struct Suppression {
    /// Its name, by which it is listed and ended.
    pub name: Arc<str>,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// Until when, in capture time; then what it hid and still holds fires.
    pub until: Timestamp,
    /// The rules that it is about; empty: all.
    rules: Vec<GlobMatcher>,
    narrow: Narrow,
    /// The table it was read from, for the effective configuration.
    pub source: String,
}

/// An exception that was made while camwatch runs: what a `[[suppression]]` says, and who made it when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuppressionSpec {
    /// The keys of one `[[suppression]]` as TOML, without its head.
    pub text: String,
    /// Who made it.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

impl SuppressionSpec {
    /// Reads it as one that stands in the configuration; the errors tell the line of the text.
    pub fn parse(&self) -> Result<Suppression, Vec<Problem>> {
        let mut problems = Problems::new("suppression", &self.text);
        let table = parse(&self.text, &mut problems);
        let mut section = Section::top(&table);
        let source = section.text();
        let suppression = Suppression::read(&mut section, &source, &mut problems);
        section.finish(&mut problems);
        let list = problems.into_list();
        suppression.filter(|_| list.is_empty()).ok_or(list)
    }
}

impl Suppression {
    /// Reads one `[[suppression]]`.
    pub fn read(section: &mut Section<'_, '_>, source: &str, problems: &mut Problems<'_>) -> Option<Self> {
        let name =
            line("name", "a name by which it is listed and ended, as in name = \"p2p-trial\"", section, problems);
        let reason =
            line("reason", "why this is not to be told, as in reason = \"trial of the P2P app\"", section, problems);
        let owner = line("owner", "who answers for it, as in owner = \"networks@council.example\"", section, problems);
        let until = until(section, problems);
        let rules = globs("rules", section, problems);
        for key in ["hours", "days"] {
            if section.has(key) {
                let message = format!("`{key}`: an exception covers what is found, whenever that is; leave it out");
                problems.add(section.span_of(key), message);
            }
        }
        let narrow = Narrow::read(section, &[], problems);
        if rules.is_empty() && narrow.is_everything() {
            let message = "this exception covers everything, and nothing would ever be told: name `rules`, `cameras`, \
                           `addresses`, `names` or the like";
            problems.add(section.span(), message);
            return None;
        }
        let (name, source) = (name?.into(), source.to_owned());
        Some(Self { name, reason: reason?, owner: owner?, until: until?, rules, narrow, source })
    }

    /// Whether it has ended.
    pub fn has_ended(&self, now: Timestamp) -> bool {
        now >= self.until
    }

    /// What is said of one that has ended.
    pub fn ended_text(&self) -> String {
        format!(
            "suppression `{}` ended at {}: what it covered is told again; ask {} whether it is still needed ({}), and take \
             it out or give it a later `until`",
            self.name, self.until, self.owner, self.reason
        )
    }

    /// Whether it covers what a rule found.
    pub fn covers(&self, rule: &str, about: &About, ledger: &Ledger) -> bool {
        if !self.rules.is_empty() && !any(&self.rules, rule) {
            return false;
        }
        if self.narrow.is_everything() {
            return true;
        }
        let Some(camera) = about.camera.and_then(|id| ledger.camera_of(id)) else { return false };
        let narrow = &self.narrow;
        if !narrow.narrows_destinations() {
            return narrow.covers_camera(camera);
        }
        match &about.called {
            // It can't be told where that would be.
            Called::Nobody => false,
            Called::Pair(id, address) => {
                let pair = ledger.pair_of(*id).filter(|pair| pair.address == *address);
                pair.is_some_and(|pair| narrow.covers(camera, pair))
            }
            Called::Place(id, address) => {
                let pair = ledger.pair_of(*id).filter(|pair| pair.address == *address);
                narrow.narrows_places_only() && pair.is_some_and(|pair| narrow.covers(camera, pair))
            }
            Called::Rhythm(id) => ledger
                .rhythm_of(*id)
                .is_some_and(|rhythm| narrow.covers_name(camera, &rhythm.name, ledger.pairs_of_name(rhythm))),
            Called::Question(name) => narrow.narrows_names_only() && narrow.covers_question(camera, name),
            Called::Inside(address, service) => {
                narrow.is_of_any_place() && narrow.covers_inside(camera, *address, *service)
            }
            Called::Caller(address, service) => {
                narrow.covers_caller(camera, *address, &ledger.geo().place(*address), *service)
            }
        }
    }
}

/// A text on one line that must be there.
fn line(key: &'static str, wanted: &str, section: &mut Section<'_, '_>, problems: &mut Problems<'_>) -> Option<String> {
    let text: Option<String> = section.get(key, problems);
    match text {
        Some(text) if text.trim().is_empty() || text.contains(char::is_control) => {
            problems.add(section.span_of(key), format!("`{key}`: write a text on one line: {wanted}"));
            None
        }
        None if !section.has(key) => {
            problems.add(section.span(), format!("a suppression needs `{key}`: {wanted}"));
            None
        }
        text => text,
    }
}

/// The key `until`: a day, which counts to its end by the clock of `zone`, or a moment.
fn until(section: &mut Section<'_, '_>, problems: &mut Problems<'_>) -> Option<Timestamp> {
    let zone = zone(section, &mut Problems::new("", "")).unwrap_or(TimeZone::UTC);
    let Some(text) = section.get::<String>("until", problems) else {
        if !section.has("until") {
            let message = "a suppression needs `until`: the last day on which it holds, as in until = \"2026-12-31\"; one \
                           without an end would be forgotten";
            problems.add(section.span(), message);
        }
        return None;
    };
    let moment = text.parse::<jiff::Timestamp>().ok();
    // A day is no moment: what reads as one is taken as such.
    let day = || text.parse::<Date>().ok().filter(|_| text.len() == 10)?.tomorrow().ok();
    let end = moment.or_else(|| zone.to_timestamp(day()?.to_datetime(Time::midnight())).ok());
    let end = end.and_then(|end| i64::try_from(end.as_nanosecond()).ok()).map(Timestamp::from_nanos);
    if end.is_none() {
        let message = format!(
            "`until`: `{text}` is no day: write \"2026-12-31\" for the end of that day, or a moment as in \
             \"2026-12-31T18:00:00Z\""
        );
        problems.add(section.span_of("until"), message);
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Suppression, String> {
        let spec = SuppressionSpec { text: text.to_owned(), by: "a".to_owned(), at: Timestamp::MIN };
        let told = |problems: Vec<Problem>| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
        spec.parse().map_err(told)
    }

    const GOOD: &str = "name = \"n\"\nreason = \"r\"\nowner = \"o\"\n";

    #[test]
    fn a_day_counts_to_its_end_by_its_clock() {
        for (until, expected) in [
            ("until = \"2026-12-31\"", "2027-01-01T00:00:00Z"),
            ("until = \"2026-06-30\"\nzone = \"Europe/London\"", "2026-06-30T23:00:00Z"),
            ("until = \"2026-06-30T18:00:00+01:00\"", "2026-06-30T17:00:00Z"),
        ] {
            let found = read(&format!("{GOOD}rules = \"x\"\n{until}")).unwrap();
            assert_eq!(found.until.to_string(), expected, "{until}");
        }
    }

    #[test]
    fn what_is_missing_or_too_wide_is_refused() {
        for (text, expected) in [
            ("rules = \"x\"", "a suppression needs `name`"),
            ("rules = \"x\"", "a suppression needs `reason`"),
            ("rules = \"x\"", "a suppression needs `owner`"),
            ("rules = \"x\"", "a suppression needs `until`"),
            ("name = \"n\"\nreason = \" \"", "suppression:2:10: `reason`: write a text on one line"),
            ("until = \"next week\"", "suppression:1:9: `until`: `next week` is no day"),
            ("until = \"2026-13-01\"", "is no day"),
            (&format!("{GOOD}until = \"2026-12-31\""), "covers everything"),
            (&format!("{GOOD}until = \"2026-12-31\"\nclass = \"any\""), "covers everything"),
            (&format!("{GOOD}until = \"2026-12-31\"\nsites = \"x\"\nhours = \"09:00-10:00\""), "leave it out"),
            (&format!("{GOOD}until = \"2026-12-31\"\ncamera = \"x\""), "did you mean `cameras`?"),
            (&format!("{GOOD}until = \"2026-12-31\"\nsites = \"x\"\nzone = \"Mars\""), "`Mars` is no time zone"),
        ] {
            let told = read(text).unwrap_err();
            assert!(told.contains(expected), "{expected} is not in\n{told}");
        }
    }
}
