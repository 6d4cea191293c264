//! What the rules hand over: that a condition holds, or no longer does, for whom, and what it is about.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Packed, Template};
use crate::analyse::{CameraId, PairId, RhythmId};
use crate::net::Service;
use crate::rules::Severity;
use crate::time::Timestamp;

/// A rule's condition holds, or has ceased to hold, for one subject.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The rule's name.
    pub rule: Arc<str>,
    /// How bad that is.
    pub severity: Severity,
    /// Where it stands what to do.
    pub runbook: Option<Arc<str>>,
    /// How the rule wants it told, if it says.
    pub message: Option<Template>,
    /// With what it is put together into one alert.
    pub group: GroupKey,
    /// Who it is about within the group: most often a camera's id.
    pub member: Arc<str>,
    /// The same in the ledger's words, so that exceptions can ask there.
    pub about: About,
    /// Since when, in capture time.
    pub since: Timestamp,
    /// It holds; else it has cleared.
    pub holds: bool,
    /// What the rule measured, such as attempts in its window: the larger the worse.
    pub value: f64,
    /// For people, why: one clause without a subject, such as "called 120.26.96.67 2,750 times in 15 min".
    pub reason: String,
    /// The facts, for machines.
    pub evidence: Packed,
}

/// Who and what a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct About {
    /// The camera; none where it is not known any more.
    pub camera: Option<CameraId>,
    /// Whom it called, or who called it.
    pub called: Called,
}

/// Whom a camera called, or who called it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Called {
    /// Nobody in particular: it is about the camera, or about all of its calls.
    #[default]
    Nobody,
    /// A destination. The address tells whether the pair's place was used again since.
    Pair(PairId, IpAddr),
    /// All of a country or of an owner, of which this is one. It is covered by what says no more than that.
    Place(PairId, IpAddr),
    /// The addresses of a name.
    Rhythm(RhythmId),
    /// A name that it asked for.
    Question(Arc<str>),
    /// An internal destination, which the ledger keeps no pair of.
    Inside(IpAddr, #[serde(with = "as_text")] Service),
    /// A host outside, which called this service of the camera's.
    Caller(IpAddr, #[serde(with = "as_text")] Service),
}

impl About {
    /// A camera and whom it called.
    pub fn new(camera: CameraId, called: Called) -> Self {
        Self { camera: Some(camera), called }
    }

    /// A camera, whomever it called.
    pub fn camera(camera: CameraId) -> Self {
        Self::new(camera, Called::Nobody)
    }
}

/// What alerts are told apart by, beside their rule: `destination 120.26.96.67`, `camera car-park-1`, `register missing`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GroupKey {
    /// What kind of thing.
    pub kind: GroupKind,
    /// Which one.
    pub value: Arc<str>,
}

impl GroupKey {
    /// A thing of this kind.
    pub fn new(kind: GroupKind, value: impl Into<Arc<str>>) -> Self {
        Self { kind, value: value.into() }
    }
}

/// What kind of thing findings are put together by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupKind {
    /// An address.
    Destination,
    /// Many at once: overseas, or internal hosts.
    Destinations,
    /// A name.
    Name,
    /// An owner.
    Owner,
    /// A country, or several where sources disagree.
    Country,
    /// A service of the cameras' own.
    Service,
    /// One camera.
    Camera,
    /// The register of cameras.
    Register,
    /// Cameras of one site, where as many alerts of one camera each would come at once.
    Site,
    /// Cameras of several sites, where as many alerts of one camera each would come at once.
    Cameras,
    /// A part of camwatch itself: told without waiting for others.
    Own,
}

impl GroupKind {
    /// Every kind.
    pub const ALL: [Self; 11] = [
        Self::Destination,
        Self::Destinations,
        Self::Name,
        Self::Owner,
        Self::Country,
        Self::Service,
        Self::Camera,
        Self::Register,
        Self::Site,
        Self::Cameras,
        Self::Own,
    ];

    /// The word in ids, and the key in the evidence.
    pub fn word(self) -> &'static str {
        match self {
            Self::Destination => "destination",
            Self::Destinations => "destinations",
            Self::Name => "name",
            Self::Owner => "owner",
            Self::Country => "country",
            Self::Service => "service",
            Self::Camera => "camera",
            Self::Register => "register",
            Self::Site => "site",
            Self::Cameras => "cameras",
            Self::Own => "own",
        }
    }

    /// Whether it is something that cameras call, or are called on: told with an arrow to it.
    pub(super) fn is_called(self) -> bool {
        !matches!(self, Self::Camera | Self::Register | Self::Site | Self::Cameras | Self::Own)
    }
}

impl fmt::Display for GroupKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Services as configuration writes them.
mod as_text {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::net::Service;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde asks")]
    pub(super) fn serialize<S: Serializer>(service: &Service, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(service)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Service, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
