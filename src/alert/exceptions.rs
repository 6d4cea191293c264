//! The exceptions in force, and what each of them has hidden.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::About;
use crate::analyse::Ledger;
use crate::device::hours::hour_of;
use crate::rules::{Suppression, SuppressionSpec};
use crate::settings::Problem;
use crate::time::Timestamp;

/// Exceptions that are made while camwatch runs, at a time.
const MAX_MADE: usize = 1000;

/// An exception could not be made or ended.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SuppressError {
    /// It says what can't be.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Wrong(Vec<Problem>),
    /// There is one of that name.
    #[error("there is a suppression `{0}` already: choose another name, or end that one first")]
    Taken(String),
    /// It would have ended before it began.
    #[error("suppression `{0}` would end at {1}, which is over: choose a later `until`")]
    Over(String, Timestamp),
    /// There are too many.
    #[error("there are {MAX_MADE} suppressions made at run time: end some, or write them into the configuration")]
    TooMany,
    /// There is none of that name.
    #[error("there is no suppression `{0}`: camwatch lists those that there are")]
    Unknown(String),
    /// It stands in the configuration.
    #[error("suppression `{0}` stands in the configuration: take it out there, and reload")]
    Configured(String),
}

/// What one exception has hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Hidden {
    /// Findings: how often something began to hold that was kept back.
    pub findings: u64,
    /// Alerts of which it kept back at least a part.
    pub alerts: u64,
    /// When it last kept something back.
    pub last: Option<Timestamp>,
}

/// What one exception began to hide in an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HiddenCounts {
    /// Findings.
    pub findings: u64,
    /// Alerts of which it kept back at least a part.
    pub alerts: u64,
}

/// An exception as people see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SuppressionEntry {
    /// Its name.
    #[schema(value_type = String)]
    pub name: Arc<str>,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// Until when.
    pub until: Timestamp,
    /// It has ended.
    pub ended: bool,
    /// What it says, as TOML.
    pub text: String,
    /// Who made it, and when, where that was while camwatch ran; none: the configuration.
    #[schema(value_type = Option<Vec<String>>)]
    pub made: Option<(String, Timestamp)>,
    /// What it has hidden; nothing: perhaps nobody needs it.
    #[serde(flatten)]
    pub hidden: Hidden,
}

/// Every exception: of the configuration, and made while camwatch runs.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Exceptions {
    #[serde(skip)]
    configured: Vec<Suppression>,
    made: Vec<Made>,
    hidden: BTreeMap<Arc<str>, Hidden>,
    /// The same by the hour, of exceptions that are no more too, since it was last taken: only once somebody takes it.
    #[serde(skip)]
    by_hour: Option<BTreeMap<(i64, Arc<str>), HiddenCounts>>,
    /// They are others than when it was last asked.
    #[serde(skip)]
    changed: bool,
    /// When the next one ends.
    #[serde(skip)]
    next_end: Option<Timestamp>,
}

/// One that was made while camwatch runs.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "SuppressionSpec", into = "SuppressionSpec")]
struct Made {
    spec: SuppressionSpec,
    suppression: Suppression,
}

impl TryFrom<SuppressionSpec> for Made {
    type Error = SuppressError;

    fn try_from(spec: SuppressionSpec) -> Result<Self, SuppressError> {
        let suppression = spec.parse().map_err(SuppressError::Wrong)?;
        Ok(Self { spec, suppression })
    }
}

impl From<Made> for SuppressionSpec {
    fn from(made: Made) -> Self {
        made.spec
    }
}

impl Exceptions {
    fn all(&self) -> impl Iterator<Item = &Suppression> {
        self.configured.iter().chain(self.made.iter().map(|made| &made.suppression))
    }

    /// Takes those of the configuration, as they are now.
    pub(super) fn configure(&mut self, configured: Vec<Suppression>) {
        self.configured = configured;
        let names: Vec<Arc<str>> = self.all().map(|one| one.name.clone()).collect();
        self.hidden.retain(|name, _| names.contains(name));
        self.changed = true;
    }

    /// Takes over those of the configuration from before it was read back.
    pub(super) fn take_configured(&mut self, other: &mut Self) {
        self.configure(std::mem::take(&mut other.configured));
    }

    pub(super) fn add(&mut self, spec: SuppressionSpec, now: Timestamp) -> Result<(), SuppressError> {
        let made = Made::try_from(spec)?;
        let (name, until) = (made.suppression.name.clone(), made.suppression.until);
        if self.all().any(|one| one.name == name) {
            return Err(SuppressError::Taken(name.to_string()));
        }
        if made.suppression.has_ended(now) {
            return Err(SuppressError::Over(name.to_string(), until));
        }
        if self.made.len() >= MAX_MADE {
            // Those that have ended make room.
            self.made.retain(|made| !made.suppression.has_ended(now));
            if self.made.len() >= MAX_MADE {
                return Err(SuppressError::TooMany);
            }
        }
        self.made.push(made);
        self.changed = true;
        Ok(())
    }

    pub(super) fn end(&mut self, name: &str) -> Result<(), SuppressError> {
        if self.configured.iter().any(|one| *one.name == *name) {
            return Err(SuppressError::Configured(name.to_owned()));
        }
        let Some(at) = self.made.iter().position(|made| *made.suppression.name == *name) else {
            return Err(SuppressError::Unknown(name.to_owned()));
        };
        self.made.remove(at);
        self.hidden.remove(name);
        self.changed = true;
        Ok(())
    }

    /// Whether what holds is to be judged anew: one was made, or has ended.
    pub(super) fn have_changed(&mut self, now: Timestamp) -> bool {
        let ended = self.next_end.is_some_and(|end| now >= end);
        if !self.changed && !ended {
            return false;
        }
        self.changed = false;
        self.next_end = self.all().map(|one| one.until).filter(|until| *until > now).min();
        true
    }

    /// The first that covers what a rule found.
    pub(super) fn cover(&self, rule: &str, about: &About, ledger: &Ledger, now: Timestamp) -> Option<Arc<str>> {
        let covering = self.all().find(|one| !one.has_ended(now) && one.covers(rule, about, ledger))?;
        Some(covering.name.clone())
    }

    /// Counts that one has kept something back, the first of its alert or not.
    pub(super) fn count(&mut self, name: &Arc<str>, first: bool, now: Timestamp) {
        let hidden = self.hidden.entry(name.clone()).or_default();
        hidden.findings += 1;
        hidden.alerts += u64::from(first);
        hidden.last = hidden.last.max(Some(now));
        if let Some(by_hour) = &mut self.by_hour {
            let counts = by_hour.entry((hour_of(now), name.clone())).or_default();
            counts.findings += 1;
            counts.alerts += u64::from(first);
        }
    }

    /// What was hidden by the hour since this was last asked; counted from the first time on.
    pub(super) fn take_by_hour(&mut self) -> BTreeMap<(i64, Arc<str>), HiddenCounts> {
        self.by_hour.replace(BTreeMap::new()).unwrap_or_default()
    }

    pub(super) fn entries(&self, now: Timestamp) -> Vec<SuppressionEntry> {
        let configured = self.configured.iter().map(|one| (one, None));
        let made = self.made.iter().map(|made| (&made.suppression, Some(&made.spec)));
        configured
            .chain(made)
            .map(|(one, spec)| SuppressionEntry {
                name: one.name.clone(),
                reason: one.reason.clone(),
                owner: one.owner.clone(),
                until: one.until,
                ended: one.has_ended(now),
                text: one.source.clone(),
                made: spec.map(|spec| (spec.by.clone(), spec.at)),
                hidden: self.hidden.get(&one.name).copied().unwrap_or_default(),
            })
            .collect()
    }

    /// Those made while camwatch runs, to be kept.
    pub(super) fn made(&self) -> impl Iterator<Item = &SuppressionSpec> {
        self.made.iter().map(|made| &made.spec)
    }
}
