//! What a rule is, and its evaluation: the ledger's steps in, findings out.
//!
//! A rule is a kind (what is measured, one file each, joined in [`KINDS`]), and around it what all kinds share: a name, a
//! severity, how long the condition must hold, and which cameras and destinations it is about ([`Narrow`]). Kinds that ask of
//! each call by itself whether it may be are judges (`judged`): they only say what is wrong with it.

mod beat;
mod community_id;
mod dns;
mod engine;
mod evidence;
mod hours;
mod inbound;
mod judged;
mod lateral;
mod list;
mod listed;
mod long;
mod narrow;
mod new_destination;
mod policy;
mod rate;
mod silent;
mod suppression;
mod surge;
mod target;
#[cfg(test)]
mod testing;
mod unregistered;
mod volume;
mod words;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::alert::{Again, Template};
use crate::analyse::{Ledger, Step, StepKind};
use crate::geo::Class;
use crate::saved::Damaged;
use crate::settings::{Problems, Section, did_you_mean};
use crate::time::Timestamp;

pub use engine::Engine;
pub use list::List;
pub use narrow::Narrow;
pub use suppression::{Suppression, SuppressionSpec};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
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
    /// What it is for, in words.
    pub description: Option<String>,
    /// How bad it is when it holds.
    pub severity: Severity,
    /// For how long it must hold first.
    pub hold: Duration,
    /// What it is about.
    pub narrow: Narrow,
    /// What is measured.
    pub kind: Kind,
    /// The word that names the kind in a file.
    pub word: &'static str,
    /// How its alerts are told, if it says.
    pub message: Option<Template>,
    /// Where it stands what to do when it fires: a link, carried into the alert.
    pub runbook: Option<Arc<str>>,
    /// The table it was read from, for the effective configuration.
    pub source: String,
}

/// What a rule measures, as declared.
#[derive(Debug, Clone)]
pub enum Kind {
    /// Attempts, or bytes, over a window.
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
    /// Whom cameras may call.
    Policy(Arc<policy::Policy>),
    /// What lasts.
    Long(long::Long),
    /// Hosts outside that reach cameras.
    Inbound(inbound::Inbound),
    /// Cameras that call many internal hosts.
    Lateral(lateral::Lateral),
    /// What cameras ask for, and whom they ask.
    Dns(Arc<dns::Dns>),
    /// Whom lists name.
    Listed(Arc<listed::Listed>),
}

impl Rule {
    /// The list files that it names.
    pub fn lists(&self) -> &[List] {
        match &self.kind {
            Kind::Listed(listed) => listed.lists(),
            Kind::Dns(dns) => dns.lists(),
            _ => &[],
        }
    }
}

type ReadKind = fn(&mut Section<'_, '_>, &mut Problems<'_>) -> Option<Kind>;

/// Destinations abroad: what most rules are about.
const OVERSEAS: &[Class] = &[Class::Overseas];
/// Destinations anywhere but inside: what rules are about that say themselves where calls may go.
const OUTSIDE: &[Class] = &[Class::Home, Class::Overseas, Class::Unknown, Class::Special];

/// Every kind of rule: the word that names it in a file, the destinations that it is about unless it has a `class`, and
/// how its own keys are read. A new kind joins here.
pub const KINDS: [(&str, &[Class], ReadKind); 13] = [
    ("rate", OVERSEAS, rate::read),
    ("beat", OVERSEAS, beat::read),
    ("surge", OVERSEAS, surge::read),
    ("new_destination", OVERSEAS, new_destination::read),
    ("silent", OVERSEAS, silent::read),
    ("unregistered", OVERSEAS, unregistered::read),
    ("policy", OUTSIDE, policy::read),
    ("listed", OUTSIDE, listed::read),
    ("volume", OVERSEAS, volume::read),
    ("long", OVERSEAS, long::read),
    ("inbound", OUTSIDE, inbound::read),
    ("lateral", &[Class::Internal], lateral::read),
    ("dns", OUTSIDE, dns::read),
];

impl Kind {
    /// Who judges, if this kind judges each call by itself.
    fn judge(&self) -> Option<Arc<dyn judged::Judge>> {
        match self {
            Self::Policy(policy) => Some(policy.clone()),
            Self::Listed(listed) => Some(listed.clone()),
            Self::Dns(dns) => Some(dns.clone()),
            _ => None,
        }
    }

    /// What was declared to be too much, and what a finding's value counts.
    fn threshold(&self) -> (serde_json::Value, &'static str) {
        match self {
            Self::Rate(rate) => rate.threshold(),
            Self::Beat(beat) => (beat.threshold(), "score"),
            Self::Surge(surge) => (surge.threshold(), "cameras"),
            Self::NewDestination(rule) => (rule.threshold(), "attempts"),
            Self::Silent(silent) => (silent.threshold(), "observed_silence_s"),
            Self::Unregistered(unregistered) => (unregistered.threshold(), "certainty"),
            Self::Long(long) => (long.threshold(), "lasted_s"),
            Self::Inbound(_) => (serde_json::json!({ "hosts": 1 }), "hosts"),
            Self::Lateral(lateral) => (lateral.threshold(), "hosts"),
            Self::Dns(_) | Self::Policy(_) | Self::Listed(_) => (serde_json::json!({ "calls": 1 }), "calls"),
        }
    }

    fn start(&self) -> Box<dyn Condition> {
        match self {
            Self::Rate(rate) => Box::new(rate::Running::new(rate.clone())),
            Self::Beat(beat) => Box::new(beat::Running::new(beat.clone())),
            Self::Surge(surge) => Box::new(surge::Running::new(surge.clone())),
            Self::NewDestination(rule) => Box::new(new_destination::Running::new(rule.clone())),
            Self::Silent(silent) => Box::new(silent::Running::new(silent.clone())),
            Self::Unregistered(unregistered) => Box::new(unregistered::Running::new(unregistered.clone())),
            Self::Long(long) => Box::new(long::Running::new(long.clone())),
            Self::Inbound(_) => Box::new(inbound::Running::default()),
            Self::Lateral(lateral) => Box::new(lateral::Running::new(lateral.clone())),
            Self::Dns(dns) => Box::new(judged::Running::new(dns.clone())),
            Self::Policy(policy) => Box::new(judged::Running::new(policy.clone())),
            Self::Listed(listed) => Box::new(judged::Running::new(listed.clone())),
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
    const CONTACTS: Self = Self(4);
    const PULSES: Self = Self(8);
    const NAMES: Self = Self(16);
    const INSIDE: Self = Self(32);
    const INBOUND: Self = Self(64);

    /// How many kinds there are.
    const KINDS: usize = 7;

    /// The kind of a step: the place of its bit.
    #[inline]
    fn kind_of(step: StepKind) -> usize {
        match step {
            StepKind::Attempt { first: true, .. } => 0,
            StepKind::Attempt { first: false, .. } => 1,
            StepKind::Contact { .. } => 2,
            StepKind::Pulse { .. } => 3,
            StepKind::Asked { .. } => 4,
            StepKind::Inside { .. } => 5,
            StepKind::Inbound { .. } => 6,
        }
    }

    /// These and those.
    const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn has_kind(self, kind: usize) -> bool {
        self.0 >> kind & 1 == 1
    }
}

/// A rule's condition at work.
trait Condition: Send {
    /// The steps that it takes; it is not shown others. None where it goes by what the ledger holds.
    fn takes(&self) -> Takes {
        Takes::NOTHING
    }
    /// Whether it asks itself, at the look, what its rule is about: names come a moment after a call, and patterns cost
    /// too much for each step.
    fn narrows_at_look(&self) -> bool {
        false
    }
    /// Takes the rule as it was read anew, with the same text: files that it names may say something else now.
    fn renew(&mut self, _: &Rule) {}
    /// Tells of these what holds once more at the next look, with the figures of then.
    fn refresh(&mut self, _: Again) {}
    /// Takes a step that the rule is about.
    fn observe(&mut self, _: &Step, _: &Ledger) {}
    /// Forgets cameras that are no more, with all that it holds of them: their findings are ended elsewhere.
    fn forget_gone(&mut self, ledger: &Ledger);
    /// Looks at `now` for whom the condition holds, and for whom it no longer does.
    fn look(&mut self, rule: &Rule, ledger: &Ledger, now: Timestamp, findings: &mut evidence::Findings<'_>);
    /// What it has counted and found, to go on from after a restart.
    fn save(&self) -> Vec<u8>;
    /// Goes on from what [`Condition::save`] gave; where that is damaged it stays as it is.
    fn load(&mut self, bytes: &[u8]) -> Result<(), Damaged>;
    /// How often its tables had no room for something.
    fn left_out(&self) -> u64 {
        0
    }
}

/// For conditions that go through all cameras: once a minute of capture time is often enough.
#[derive(Debug, Default, Serialize, Deserialize)]
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

/// The entries of a table in the order of their keys: the same table is written down in the same way.
fn in_order<'a, K: Ord, V>(table: impl IntoIterator<Item = (&'a K, &'a V)>) -> Vec<(&'a K, &'a V)> {
    let mut entries: Vec<(&K, &V)> = table.into_iter().collect();
    entries.sort_unstable_by_key(|(key, _)| *key);
    entries
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
    let description: Option<String> = section.get("description", problems);
    let hold = section.get("for", problems).unwrap_or_default();
    let runbook = runbook(section, problems);
    let message = message(section, problems);
    let known: Vec<&str> = KINDS.iter().map(|(word, ..)| *word).collect();
    let described = kind.as_ref().and_then(|word| KINDS.iter().find(|(known, ..)| known == word));
    let narrow = Narrow::read(section, described.map_or(OVERSEAS, |(_, classes, _)| classes), problems);
    let kind = match (kind, described) {
        (None, _) => {
            problems.add(section.span(), format!("a rule needs a `kind`: one of {}", known.join(", ")));
            None
        }
        (Some(_), Some((.., read))) => read(section, problems),
        (Some(word), None) => {
            let hint = did_you_mean(&word, &known);
            problems.add(section.span_of("kind"), format!("`{word}` is no kind of rule: {}{hint}", known.join(", ")));
            None
        }
    };
    if let Some(kind) = &kind
        && narrow.hours.is_some()
        && kind.start().takes() == Takes::NOTHING
    {
        let message =
            "`hours` and `days` are about calls as they are made: this kind looks at what lasts; leave them out";
        problems.add(section.span_of(if section.has("hours") { "hours" } else { "days" }), message);
    }
    if matches!(kind, Some(Kind::Silent(_) | Kind::Unregistered(_))) {
        for key in narrow::OF_DESTINATIONS.into_iter().filter(|key| section.has(key)) {
            let message = format!("`{key}` is about whom cameras call: this kind looks at cameras alone; leave it out");
            problems.add(section.span_of(key), message);
        }
    }
    let word = described.map_or("", |(word, ..)| *word);
    let source = source.to_owned();
    let (name, kind) = (name?.into(), kind?);
    let mut rule = Rule { name, description, severity, hold, narrow, kind, word, message, runbook, source };
    if !rule.lists().is_empty() {
        rule.source = with_lists_found(&rule.source, rule.lists());
    }
    Some(rule)
}

/// The rule's text with its lists named as they were found, so that it means the same in another folder.
fn with_lists_found(source: &str, lists: &[List]) -> String {
    let paths: Vec<String> =
        lists.iter().map(|list| toml::Value::String(list.path.display().to_string()).to_string()).collect();
    let found = format!("lists = [{}]", paths.join(", "));
    let lines = source.lines().map(|line| if line.starts_with("lists = ") { found.as_str() } else { line });
    lines.collect::<Vec<_>>().join("\n")
}

fn message(section: &mut Section<'_, '_>, problems: &mut Problems<'_>) -> Option<Template> {
    let text: String = section.get("message", problems)?;
    let template = Template::new(&text);
    if let Err(wrong) = &template {
        problems.add(section.span_of("message"), format!("`message`: {wrong}"));
    }
    template.ok()
}

fn runbook(section: &mut Section<'_, '_>, problems: &mut Problems<'_>) -> Option<Arc<str>> {
    let link: String = section.get("runbook", problems)?;
    if !(link.starts_with("https://") || link.starts_with("http://")) || link.contains(char::is_whitespace) {
        let message = format!("`runbook`: `{link}` is no link: write https://intranet.example/what-to-do");
        problems.add(section.span_of("runbook"), message);
        return None;
    }
    Some(link.into())
}
