//! The rows of a board.

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::analyse::beat::Level;
use crate::analyse::{CameraId, Counts};
use crate::device::DeviceKind;
use crate::geo::Place;
use crate::net::Mac;
use crate::time::Timestamp;

/// How a camera stands, in a word: the first that fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CameraState {
    /// An alert that names it fires.
    Firing,
    /// It has called overseas.
    Overseas,
    /// It was seen, and has not called overseas.
    Quiet,
    /// It is registered, its network was covered, and it was not seen.
    NotSeen,
}

/// Whether a camera was seen in the last whole hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    /// It was.
    Observed,
    /// It was not, though it could have been.
    Silent,
    /// Nothing can be said.
    Unobservable,
}

/// A camera as lists show it.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct CameraRow {
    /// By what it is known: a configured name, a MAC address or an address. Stable.
    pub id: String,
    /// Its configured name.
    pub name: Option<String>,
    /// Its configured site.
    pub site: Option<String>,
    /// Its configured tags.
    pub tags: Vec<String>,
    /// What it is.
    pub kind: DeviceKind,
    /// The maker.
    pub vendor: Option<String>,
    /// The model, as it says itself.
    pub model: Option<String>,
    /// The addresses it called from.
    #[schema(value_type = Vec<String>)]
    pub addresses: Vec<IpAddr>,
    /// Its MAC address.
    #[schema(value_type = Option<String>)]
    pub mac: Option<Mac>,
    /// How it stands.
    pub state: CameraState,
    /// All attempts, to internal destinations too.
    pub attempts: u64,
    /// Attempts to destinations overseas.
    pub overseas_attempts: u64,
    /// Contacts that nobody answered.
    pub unanswered: u64,
    /// Destinations that are not internal.
    pub destinations: u32,
    /// The five countries it calls most; `DE or US` where sources disagree.
    #[schema(value_type = Vec<String>)]
    pub countries: Vec<Arc<str>>,
    /// The level of its strongest rhythm overseas.
    pub beat: Option<Level>,
    /// The period of that, in seconds.
    pub beat_period_s: Option<f64>,
    /// Alerts that fire and name it.
    pub alerts: u64,
    /// When it was first seen doing something.
    pub first: Option<Timestamp>,
    /// When it was last seen doing something.
    pub last: Option<Timestamp>,
    /// Every country it calls.
    #[serde(skip)]
    pub(super) called: Vec<Arc<str>>,
    /// Its place in the ledger; none: it was not seen.
    #[serde(skip)]
    pub camera: Option<CameraId>,
    /// Whether it was seen in the last whole hour.
    #[serde(skip)]
    pub sight: Sight,
    /// The score of its strongest rhythm.
    #[serde(skip)]
    pub(super) score: f64,
}

impl CameraRow {
    /// Whether it calls a country, by its two letters.
    pub fn calls(&self, country: &str) -> bool {
        self.called.iter().any(|called| called.eq_ignore_ascii_case(country))
    }

    /// Whether a text in lower case is a part of anything by which people know it.
    pub fn is_found_by(&self, text: &str) -> bool {
        let has = |of: &str| of.to_lowercase().contains(text);
        has(&self.id)
            || [&self.name, &self.site, &self.vendor, &self.model].into_iter().flatten().any(|of| has(of))
            || self.tags.iter().any(|tag| has(tag))
            || self.addresses.iter().any(|address| address.to_string().contains(text))
            || self.mac.is_some_and(|mac| mac.to_string().contains(text))
    }

    /// A rhythm of the camera's that was heard: the strongest counts.
    pub(super) fn hear(&mut self, (score, period_s): (f64, f64)) {
        if let Some(level) = Level::of(score)
            && score > self.score
        {
            (self.score, self.beat, self.beat_period_s) = (score, Some(level), Some(period_s));
        }
    }
}

/// A camera and a destination, compact: there may be a million.
#[derive(Debug, Clone)]
pub struct PairRow {
    /// The camera.
    pub camera: CameraId,
    /// The destination.
    pub address: IpAddr,
    /// Where that is and whose it is.
    pub place: Arc<Place>,
    /// What it came to.
    pub counts: Counts,
    /// First event.
    pub first: Timestamp,
    /// Last event.
    pub last: Timestamp,
    /// Score and period in seconds of its rhythm as of when that was last listened to; 0 for none.
    pub heard: (f32, f32),
    /// It is silent for longer than its rhythm lets expect.
    pub stopped: bool,
    pub(super) names: (u32, u8),
    pub(super) services: (u32, u8),
}
