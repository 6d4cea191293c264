//! What a rule is, and its evaluation: the ledger's steps in, findings out.
//!
//! A rule is a kind (what is measured, one file each, joined in [`KINDS`]), and around it what all kinds share: a name, a
//! severity, how long the condition must hold, and which cameras and destinations it is about ([`Narrow`]).

mod beat;
mod engine;
mod narrow;
mod new_destination;
mod rate;
mod silent;
mod surge;
mod target;
mod unregistered;
mod words;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::alert::Finding;
use crate::analyse::{Ledger, Step, StepKind};
use crate::settings::{Problems, Section, did_you_mean};
use crate::time::Timestamp;

pub use engine::Engine;
pub use narrow::Narrow;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Look at it in working hours.
    Warning,
    /// Look at it now.
    Critical,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        })
    }
}

/// A declared condition.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Its name, by which it is switched off and overridden.
    pub name: Arc<str>,
    /// How bad it is when it holds.
    pub severity: Severity,
    /// For how long it must hold first.
    pub hold: Duration,
    /// What it is about.
    pub narrow: Narrow,
    /// What is measured.
    pub kind: Kind,
    /// The table it was read from, for the effective configuration.
    pub source: String,
}

/// What a rule measures, as declared.
#[derive(Debug, Clone)]
pub enum Kind {
    /// Attempts over a window.
    Rate(rate::Rate),
    /// A rhythm.
    Beat(beat::BeatRule),
    /// Many cameras that start to call one destination.
    Surge(surge::Surge),
    /// Whom a camera has not called before.
    NewDestination(new_destination::NewDestination),
    /// A camera that stopped talking.
    Silent(silent::Silent),
    /// A camera that nobody registered.
    Unregistered(unregistered::Unregistered),
}

type ReadKind = fn(&mut Section<'_, '_>, &mut Problems<'_>) -> Option<Kind>;

/// Every kind of rule, by the word that names it in a file. A new kind joins here.
pub const KINDS: [(&str, ReadKind); 6] = [
    ("rate", rate::read),
    ("beat", beat::read),
    ("surge", surge::read),
    ("new_destination", new_destination::read),
    ("silent", silent::read),
    ("unregistered", unregistered::read),
];

impl Kind {
    fn start(&self) -> Box<dyn Condition> {
        match self {
            Self::Rate(rate) => Box::new(rate::Running::new(rate.clone())),
            Self::Beat(beat) => Box::new(beat::Running::new(beat.clone())),
            Self::Surge(surge) => Box::new(surge::Running::new(surge.clone())),
            Self::NewDestination(rule) => Box::new(new_destination::Running::new(rule.clone())),
            Self::Silent(silent) => Box::new(silent::Running::new(silent.clone())),
            Self::Unregistered(unregistered) => Box::new(unregistered::Running::new(unregistered.clone())),
        }
    }
}

/// Kinds of steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Takes(u8);

impl Takes {
    const NOTHING: Self = Self(0);
    const FIRST_ATTEMPTS: Self = Self(1);
    const ATTEMPTS: Self = Self(3);

    /// Of one step.
    fn of(kind: StepKind) -> Self {
        match kind {
            StepKind::Attempt { first: true, .. } => Self(1),
            StepKind::Attempt { first: false, .. } => Self(2),
            StepKind::Outcome { .. } | StepKind::Pulse { .. } | StepKind::Asked { .. } => Self::NOTHING,
        }
    }

    fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

/// A rule's condition at work.
trait Condition: Send {
    /// The steps that it takes; it is not shown others.
    fn takes(&self) -> Takes;
    /// Takes a step that the rule is about.
    fn observe(&mut self, step: &Step, ledger: &Ledger);
    /// Looks at `now` for whom the condition holds, and for whom it no longer does.
    fn look(&mut self, rule: &Rule, ledger: &Ledger, now: Timestamp, findings: &mut Vec<Finding>);
    /// How often its tables had no room for something.
    fn left_out(&self) -> u64 {
        0
    }
}

/// For conditions that go through all cameras: once a minute of capture time is often enough.
#[derive(Debug, Default)]
struct Minute(Option<Timestamp>);

impl Minute {
    fn is_over(&mut self, now: Timestamp) -> bool {
        let over = self.0.is_none_or(|began| now < began || now.since(began) >= Duration::from_secs(60));
        if over {
            self.0 = Some(now);
        }
        over
    }
}

/// Reads one `[[rule]]`.
pub fn read(section: &mut Section<'_, '_>, source: &str, problems: &mut Problems<'_>) -> Option<Rule> {
    let name: Option<String> = section.get("name", problems);
    if name.as_ref().is_none_or(String::is_empty) {
        problems.add(section.span(), "a rule needs a `name`: alerts, and files that switch it off, call it by that");
    }
    if name.as_ref().is_some_and(|name| name.contains(char::is_control)) {
        problems.add(section.span_of("name"), "`name`: write a name on one line, as in \"overseas-rate\"");
    }
    let kind: Option<String> = section.get("kind", problems);
    let severities = [("info", Severity::Info), ("warning", Severity::Warning), ("critical", Severity::Critical)];
    let severity = section.one_of("severity", &severities, problems).unwrap_or(Severity::Warning);
    let _: Option<String> = section.get("description", problems);
    let hold = section.get("for", problems).unwrap_or_default();
    let narrow = Narrow::read(section, problems);
    let known: Vec<&str> = KINDS.iter().map(|(word, _)| *word).collect();
    let kind = match kind {
        None => {
            problems.add(section.span(), format!("a rule needs a `kind`: one of {}", known.join(", ")));
            None
        }
        Some(word) => {
            if let Some((_, read)) = KINDS.iter().find(|(known, _)| *known == word) {
                read(section, problems)
            } else {
                let hint = did_you_mean(&word, &known);
                problems
                    .add(section.span_of("kind"), format!("`{word}` is no kind of rule: {}{hint}", known.join(", ")));
                None
            }
        }
    };
    let source = source.to_owned();
    Some(Rule { name: name?.into(), severity, hold, narrow, kind: kind?, source })
}
