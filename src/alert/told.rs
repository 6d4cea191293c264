//! What sinks, store and people are given: an alert as it stands, and why it is told.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::rules::Severity;
use crate::time::Timestamp;

/// Where an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Found, and waiting for others that belong to it.
    Pending,
    /// It holds.
    Firing,
    /// It held.
    Resolved,
    /// It holds or held, and an exception keeps it from being told.
    Suppressed,
}

/// A finding's life, for people and machines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Alert {
    /// Stable over the alert's life, and the same for two reads of one capture.
    pub id: String,
    /// The same in ten hex digits, to be typed: the beginning of the SHA-256 of `id`.
    #[serde(default)]
    pub short: String,
    /// The rule.
    #[schema(value_type = String)]
    pub rule: Arc<str>,
    /// How bad.
    pub severity: Severity,
    /// Where it stands what to do: the rule's link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub runbook: Option<Arc<str>>,
    /// What it is about: a camera, or "140 cameras → 120.26.96.67".
    pub subject: String,
    /// Where it stands.
    pub state: State,
    /// Since when the rule's condition holds, in capture time.
    pub since: Timestamp,
    /// When it began to fire; after a flap, when it did so again.
    pub fired: Option<Timestamp>,
    /// When it was resolved.
    pub resolved: Option<Timestamp>,
    /// How often it ended and held again soon after.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub flaps: u32,
    /// Why, in a sentence.
    pub summary: String,
    /// The facts.
    #[schema(value_type = Object)]
    pub evidence: serde_json::Value,
    /// What its destinations claim to be called in reverse DNS, where look-ups are switched on: a claim, never the truth.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<String, String>)]
    pub ptr_claims: BTreeMap<IpAddr, String>,
    /// Who has taken it on, if anybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Acknowledgement>,
    /// The exceptions that keep it from being told, or that ended it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub suppressed_by: Vec<Arc<str>>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde asks")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Somebody has taken an alert on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Acknowledgement {
    /// Who.
    pub who: String,
    /// What they say of it.
    pub note: String,
    /// When.
    pub at: Timestamp,
}

impl Alert {
    /// The destinations that the evidence names.
    pub fn destinations(&self) -> BTreeSet<IpAddr> {
        let group = self.evidence.get("destination").into_iter();
        let members = self.evidence.get("members").and_then(serde_json::Value::as_array);
        let pairs = members.into_iter().flatten().filter_map(|member| member.pointer("/evidence/pair/address"));
        group.chain(pairs).filter_map(|address| address.as_str()?.parse().ok()).collect()
    }
}

/// The short form of an id: ten hex digits.
pub fn short_of(id: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, id.as_bytes());
    let number = digest.as_ref().iter().take(5).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    format!("{number:010x}")
}

/// Why a transition is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Told {
    /// It began to fire.
    Firing,
    /// It grew, or became worse.
    Update,
    /// Somebody has taken it on.
    Acknowledged,
    /// It is over.
    Resolved,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Firing => "firing",
            Self::Update => "update",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
        })
    }
}

/// An alert changed, and its sinks should know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Transition {
    /// Tells this transition from all others, also when it is sent twice: the alert's id, `#`, and a number that grows.
    pub key: String,
    /// Why it is told.
    pub event: Told,
    /// When, in capture time.
    pub time: Timestamp,
    /// The alert as it stands now.
    #[serde(flatten)]
    pub alert: Alert,
}
