//! The way out: what alerts tell, brought to the tools that people have.
//!
//! Each sink has its own place in the [`Outbox`](crate::alert::Outbox) and a task of its own (`worker`), so that one that
//! is down holds back nobody else. Everything wanted is sent at least once, and in order; what a receiver refuses for good
//! is counted and passed over, everything else is tried again until it is taken.
//!
//! A sink is a `Kind` as declared, one file each, joined in `KINDS`; opened, it is a `Receiver`.

mod alertmanager;
mod backoff;
mod cef;
mod claims;
mod dispatcher;
mod ecs;
mod email;
mod facts;
mod format;
mod http;
mod json;
mod letter;
mod message;
#[cfg(test)]
#[path = "../../tests/support/outbox.rs"]
mod outbox;
mod read;
mod secret;
mod stats;
mod syslog;
mod tls;
mod webhook;
mod worker;

use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use globset::{Glob, GlobMatcher};

use crate::alert::{Alert, Told, Transition};
use crate::rules::Severity;
use crate::settings::{Problems, Section, did_you_mean};
use read::Reading;
use secret::SecretFile;

pub use dispatcher::{Dispatcher, Lookup, SinkError};
pub use email::is_address;
pub use letter::{Letter, LetterFile};
pub use stats::{SinkStats, StatsView};

/// The name of the sink that `[alerts] output` is.
pub const OUTPUT: &str = "output";

/// A declared sink.
#[derive(Debug, Clone)]
pub struct SinkConfig {
    /// Its name: in metrics and logs, and for its place in the outbox.
    pub name: Arc<str>,
    /// The word for its kind.
    pub kind_word: &'static str,
    /// What it is told.
    pub wanted: Wanted,
    /// Tries are never further apart.
    pub retry_max: Duration,
    /// Where it sends.
    kind: Arc<dyn Kind>,
    /// The table it was read from, for the effective configuration.
    pub source: String,
}

impl SinkConfig {
    /// The JSON lines of `[alerts] output`: all alerts, to a file or, for `-`, to standard output.
    pub fn output(path: &Path) -> Self {
        Self {
            name: OUTPUT.into(),
            kind_word: "json",
            wanted: Wanted::default(),
            retry_max: RETRY_MAX,
            kind: Arc::new(json::Json::output(path)),
            source: String::new(),
        }
    }

    /// Files with secrets that everybody on this machine may read.
    pub fn open_secrets(&self) -> Vec<PathBuf> {
        self.kind.secrets().into_iter().filter_map(SecretFile::open_to_others).collect()
    }

    /// Makes the messages of these as they would be sent, with files and secrets opened anew, and sends nothing: how many
    /// bytes they have. The error says why they cannot be made.
    pub fn prepare(&self, batch: &[Arc<Transition>]) -> Result<usize, String> {
        self.kind.open()?.prepare(batch).map_err(|failure| failure.to_string())
    }

    /// Whether it can send letters.
    pub fn takes_letters(&self) -> bool {
        self.kind.takes_letters()
    }

    /// Sends a letter, with the sink's secrets as they are now. The error says why not.
    pub async fn post(&self, letter: &Letter) -> Result<(), String> {
        self.kind.post(letter).await.map_err(|failure| failure.to_string())
    }

    /// Sends a message that says that it is a test: whether the receiver can be reached and takes it. The error says why not.
    pub async fn test(&self) -> Result<(), String> {
        let mut receiver = self.kind.open()?;
        receiver.test().await.map_err(|failure| failure.to_string())
    }
}

/// What a sink is told.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Nothing less severe.
    severity: Option<Severity>,
    /// Alerts of rules that one of these names; all where there is none.
    rules: Vec<GlobMatcher>,
    /// These events; all where there is none.
    events: Vec<Told>,
}

impl Wanted {
    /// Whether the sink is told this.
    pub fn wants(&self, transition: &Transition) -> bool {
        (self.events.is_empty() || self.events.contains(&transition.event)) && self.is_about(&transition.alert)
    }

    /// Whether the alert is one of those that it is told of.
    pub fn is_about(&self, alert: &Alert) -> bool {
        self.severity.is_none_or(|least| alert.severity >= least)
            && (self.rules.is_empty() || self.rules.iter().any(|glob| glob.is_match(alert.rule.as_ref())))
    }
}

/// Where a sink sends, as declared.
trait Kind: fmt::Debug + Send + Sync {
    /// Ready to send, with its files and secrets read; nothing is sent yet. The error says what is wrong with which key.
    fn open(&self) -> Result<Box<dyn Receiver>, String>;
    /// Whether it can send letters.
    fn takes_letters(&self) -> bool {
        false
    }
    /// Sends a letter.
    fn post<'a>(&'a self, _letter: &'a Letter) -> Sending<'a> {
        Box::pin(async { Err(Failure::Refused("this kind of sink sends no letters".to_owned())) })
    }
    /// The files in which its secrets are.
    fn secrets(&self) -> Vec<&SecretFile> {
        Vec::new()
    }
}

type Sending<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 'a>>;

/// A sink at work.
trait Receiver: Send {
    /// Whether what waits, oldest first and never nothing, goes now; the oldest has waited for that long.
    fn ready(&self, _waiting: &[Arc<Transition>], _waited: Duration) -> Ready {
        Ready::Now(1)
    }
    /// Makes the messages of these as [`Receiver::send`] does, without sending any: their bytes.
    fn prepare(&self, batch: &[Arc<Transition>]) -> Result<usize, Failure>;
    /// Sends these, in this order; they are the sink's only when all are.
    fn send<'a>(&'a mut self, batch: &'a [Arc<Transition>]) -> Sending<'a>;
    /// How often the receiver wants to hear everything that fires, if it does.
    fn remind_every(&self) -> Option<Duration> {
        None
    }
    /// Tells everything that fires.
    fn remind<'a>(&'a mut self, _firing: &'a [Alert]) -> Sending<'a> {
        Box::pin(async { Ok(()) })
    }
    /// Sends a message that says that it is a test.
    fn test(&mut self) -> Sending<'_> {
        Box::pin(async move {
            let message = [Arc::new(message::test())];
            self.send(&message).await
        })
    }
}

/// What goes now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ready {
    /// So many of the oldest.
    Now(usize),
    /// None yet: look again after this time.
    In(Duration),
}

/// Something was not delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Failure {
    /// The receiver will never take it.
    Refused(String),
    /// It may take it later.
    Later {
        /// Why.
        why: String,
        /// It asks to be left alone for so long.
        after: Option<Duration>,
    },
}

impl Failure {
    fn later(why: impl fmt::Display) -> Self {
        Self::Later { why: why.to_string(), after: None }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Refused(why) | Self::Later { why, .. }) = self;
        f.write_str(why)
    }
}

type ReadKind = fn(&mut Reading<'_, '_, '_, '_>) -> Option<Arc<dyn Kind>>;

/// Every kind of sink: the word that names it in a file, and how its own keys are read. A new kind joins here.
const KINDS: [(&str, ReadKind); 5] = [
    ("json", json::read),
    ("syslog", syslog::read),
    ("alertmanager", alertmanager::read),
    ("webhook", webhook::read),
    ("email", email::read),
];

const RETRY_MAX: Duration = Duration::from_secs(60);
const MAX_NAME: usize = 64;

/// Reads one `[[sink]]`; files that it names are found from `folder`.
pub fn read(section: &mut Section<'_, '_>, folder: &Path, problems: &mut Problems<'_>) -> Option<SinkConfig> {
    let text = section.text();
    let mut reading = Reading { section, folder, problems };
    let name = name(&mut reading);
    let word: Option<String> = reading.get("kind");
    let severities = [("info", Severity::Info), ("warning", Severity::Warning), ("critical", Severity::Critical)];
    let severity = reading.one_of("severity", &severities);
    let rules = globs(&mut reading);
    let events = [
        ("firing", Told::Firing),
        ("update", Told::Update),
        ("acknowledged", Told::Acknowledged),
        ("resolved", Told::Resolved),
    ];
    let events = reading.section.words("events", &events, reading.problems);
    if reading.section.is_empty_list("events") {
        reading.problem("events", "`events`: name at least one, or leave it out for all");
    }
    let retry_max = reading.time("retry_max", RETRY_MAX, Duration::from_secs(1), Duration::from_secs(3600));
    let known = KINDS.map(|(word, _)| word);
    let described = word.as_ref().and_then(|word| KINDS.iter().find(|(known, _)| known == word));
    let kind = match (word, described) {
        (_, Some((_, read))) => read(&mut reading),
        (None, _) => {
            let span = reading.section.span();
            reading.problems.add(span, format!("a sink needs a `kind`: one of {}", known.join(", ")));
            None
        }
        (Some(word), None) => {
            let hint = did_you_mean(&word, &known);
            reading.problem("kind", format!("`{word}` is no kind of sink: {}{hint}", known.join(", ")));
            None
        }
    };
    let (kind_word, _) = described?;
    let wanted = Wanted { severity, rules, events };
    let source = with_files_found(&text, folder);
    Some(SinkConfig { name: name?.into(), kind_word, wanted, retry_max, kind: kind?, source })
}

fn name(reading: &mut Reading<'_, '_, '_, '_>) -> Option<String> {
    let name: String = reading.needed("name", "\"siem\"")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > MAX_NAME || !name.chars().all(plain) {
        reading.problem("name", "`name`: write up to 64 letters, digits, `-`, `_` or `.`, as in \"siem\"");
        return None;
    }
    if name == OUTPUT {
        reading.problem("name", "`name`: \"output\" is the sink of [alerts] output: choose another");
        return None;
    }
    Some(name)
}

fn globs(reading: &mut Reading<'_, '_, '_, '_>) -> Vec<GlobMatcher> {
    let mut globs = Vec::new();
    for text in reading.section.list::<String>("rules", reading.problems).unwrap_or_default() {
        match Glob::new(&text) {
            Ok(glob) => globs.push(glob.compile_matcher()),
            Err(error) => reading.problem("rules", format!("`rules`: `{text}` is no pattern: {}", error.kind())),
        }
    }
    globs
}

/// The sink's text with its files named as they were found, so that it means the same in another folder.
fn with_files_found(source: &str, folder: &Path) -> String {
    let found = |line: &str| {
        let (key, value) = line.split_once(" = ").filter(|(key, _)| read::FILE_KEYS.contains(key))?;
        let text = toml::from_str::<toml::Table>(line).ok()?.remove(key)?;
        let text = text.as_str().filter(|text| !text.starts_with("credential:") && *text != "-")?;
        let path = toml::Value::String(folder.join(text).display().to_string()).to_string();
        (path != value).then(|| format!("{key} = {path}"))
    };
    let lines: Vec<String> = source.lines().map(|line| found(line).unwrap_or_else(|| line.to_owned())).collect();
    lines.join("\n")
}
