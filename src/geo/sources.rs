//! Where the data come from, and how old they are.

use std::fmt;
use std::sync::LazyLock;

use serde::Deserialize;

/// What a source answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Question {
    /// Where an address is.
    Country,
    /// Who announces it.
    Owner,
    /// Where the announcing network is registered.
    OwnerCountry,
}

impl Question {
    /// For metrics and reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Country => "country",
            Self::Owner => "owner",
            Self::OwnerCountry => "owner_country",
        }
    }
}

/// One source of answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceInfo {
    /// What it answers.
    pub question: Question,
    /// The built-in package, or the path of a configured file.
    pub name: String,
    /// The day it was made, in seconds since the Unix epoch.
    pub built_s: i64,
    /// Its licence and whom to name, where that is known.
    pub attribution: String,
}

impl SourceInfo {
    /// The day it was made, as `2026-06-17`.
    pub fn date(&self) -> String {
        crate::time::Timestamp::from_parts(self.built_s, 0).to_string().chars().take(10).collect()
    }
}

impl fmt::Display for SourceInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} of {}", self.question.as_str(), self.name, self.date())?;
        if self.attribution.is_empty() { Ok(()) } else { write!(f, "; {}", self.attribution) }
    }
}

#[derive(Debug, Deserialize)]
struct BuiltIn {
    name: String,
    package: String,
    licence: String,
    attribution: String,
    date: jiff::civil::Date,
}

static BUILT_IN: LazyLock<Vec<BuiltIn>> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../data/geo/sources.json")).unwrap_or_default());

/// The built-in source of a question.
pub(super) fn built_in(question: Question) -> SourceInfo {
    let name = match question {
        Question::Country => "country",
        Question::Owner => "as",
        Question::OwnerCountry => "owner-country",
    };
    let found = BUILT_IN.iter().find(|source| source.name == name);
    let built_s = found
        .and_then(|source| source.date.to_zoned_datetime(jiff::tz::TimeZone::UTC).ok())
        .map_or(0, |date| date.timestamp().as_second());
    SourceInfo {
        question,
        name: found.map_or_else(String::new, |source| format!("built-in {}", source.package)),
        built_s,
        attribution: found.map_or_else(String::new, |source| format!("{} ({})", source.attribution, source.licence)),
    }
}
