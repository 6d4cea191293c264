//! What a self test came to.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::rules::Severity;
use crate::time::Timestamp;

/// What a self test came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = SelfTestReport)]
pub struct Report {
    /// An alert arises, and every sink would be told, or was.
    pub good: bool,
    /// What is wrong, and what to do.
    pub problems: Vec<String>,
    /// When it ended, by the wall clock.
    pub at: Timestamp,
    /// How long it took.
    pub took_s: f64,
    /// Packets that were played.
    pub packets: u64,
    /// Made-up devices that were taken for cameras.
    pub cameras: u64,
    /// The alerts that arose.
    pub alerts: Vec<Arisen>,
    /// Whether a message that says that it is a test was sent.
    pub delivered: bool,
    /// The sinks.
    pub sinks: Vec<SinkResult>,
}

/// An alert that arose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = SelfTestAlert)]
pub struct Arisen {
    /// Its rule.
    pub rule: String,
    /// How bad.
    pub severity: Severity,
    /// What it is about.
    pub subject: String,
}

/// How it went at a sink.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = SelfTestSink)]
pub struct SinkResult {
    /// Its name.
    pub name: String,
    /// The word for its kind.
    pub kind: String,
    /// Of how many of the alerts it would be told: it may want some only.
    pub alerts: u64,
    /// Bytes of the messages that were made for it.
    pub bytes: u64,
    /// Its receiver took a test message.
    pub delivered: bool,
    /// Why it would not be told, or was not.
    pub trouble: Option<String>,
}

/// For metrics.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Figures {
    /// When one was good last, by the wall clock.
    pub last_success: Option<SystemTime>,
    /// Good ones since the start.
    pub good: u64,
    /// Others since the start.
    pub failed: u64,
    /// How long the last one took.
    pub took: Duration,
    /// How often one is made; none: only when asked for.
    pub every: Option<Duration>,
}
