//! A camera and a destination that it called.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::beat::{Beat, Score};
use super::camera::CameraId;
use super::name::NameKinds;
use crate::geo::{Class, Place};
use crate::names::encrypted_dns::{self, EncryptedDns};
use crate::net::Service;
use crate::time::Timestamp;
use crate::track::{NameKind, Outcome, Traffic};

/// A pair's place in the ledger. Used again after the pair was evicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct PairId(pub(super) u32);

/// Services and names kept of one pair.
const MAX_EACH: usize = 8;

/// A name that the camera used for a destination.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PairName {
    /// The name.
    pub name: Arc<str>,
    /// How it is known.
    pub known: NameKinds,
}

impl AsRef<str> for PairName {
    fn as_ref(&self) -> &str {
        &self.name
    }
}

impl std::fmt::Display for PairName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

/// A camera × destination: the line of the ledger.
///
/// The order of fields is that of the checkpoint's format: new ones come last, with a default.
#[derive(Debug, Serialize, Deserialize)]
pub struct Pair {
    /// The camera.
    pub camera: CameraId,
    /// The destination.
    pub address: IpAddr,
    /// Where the destination is and whose it is.
    #[serde(skip, default = "inside")]
    pub place: Arc<Place>,
    /// Names the camera used for it, in the order in which it did; at most 8.
    pub names: Vec<PairName>,
    /// What was called there, first seen first; at most 8.
    pub services: Vec<Service>,
    /// What it came to.
    pub counts: Counts,
    /// Contacts of which the port showed one direction only.
    pub one_sided: u64,
    /// Packets from the camera.
    pub packets_out: u64,
    /// Packets to the camera.
    pub packets_in: u64,
    /// First event.
    pub first: Timestamp,
    /// Last event.
    pub last: Timestamp,
    /// The rhythm of attempts and pulses.
    pub beat: Beat,
}

/// Where everything internal is.
pub(super) fn inside() -> Arc<Place> {
    Arc::new(Place { class: Class::Internal, countries: Vec::new(), owner: None, owner_country: None })
}

/// What a camera and a destination came to: all in all, or within an hour.
///
/// The order of fields is that of the checkpoint's format, as a pair's is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Attempts.
    pub attempts: u64,
    /// Retries.
    pub retries: u64,
    /// Contacts answered.
    pub answered: u64,
    /// Contacts refused.
    pub refused: u64,
    /// Contacts unanswered.
    pub unanswered: u64,
    /// Contacts first seen in the middle.
    pub midstream: u64,
    /// Pulses inside open connections.
    pub pulses: u64,
    /// Bytes of IP packets from the camera.
    pub bytes_out: u64,
    /// Bytes of IP packets to the camera.
    pub bytes_in: u64,
}

impl Counts {
    /// Adds what came later.
    pub fn add(&mut self, later: &Self) {
        self.attempts += later.attempts;
        self.retries += later.retries;
        self.answered += later.answered;
        self.refused += later.refused;
        self.unanswered += later.unanswered;
        self.midstream += later.midstream;
        self.pulses += later.pulses;
        self.bytes_out += later.bytes_out;
        self.bytes_in += later.bytes_in;
    }

    /// What was added since.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        Self {
            attempts: self.attempts - before.attempts,
            retries: self.retries - before.retries,
            answered: self.answered - before.answered,
            refused: self.refused - before.refused,
            unanswered: self.unanswered - before.unanswered,
            midstream: self.midstream - before.midstream,
            pulses: self.pulses - before.pulses,
            bytes_out: self.bytes_out - before.bytes_out,
            bytes_in: self.bytes_in - before.bytes_in,
        }
    }
}

impl Pair {
    /// The counters, for checks.
    pub(super) fn counters(&self) -> [u64; 12] {
        [
            self.counts.attempts,
            self.counts.retries,
            self.counts.answered,
            self.counts.refused,
            self.counts.unanswered,
            self.counts.midstream,
            self.counts.pulses,
            self.one_sided,
            self.counts.bytes_out,
            self.counts.bytes_in,
            self.packets_out,
            self.packets_in,
        ]
    }

    /// Shorter, where the lists of something damaged are too long.
    pub(super) fn bound(&mut self) {
        self.names.truncate(MAX_EACH);
        self.services.truncate(MAX_EACH);
    }

    pub(super) fn new(camera: CameraId, address: IpAddr, place: Arc<Place>, now: Timestamp) -> Self {
        Self {
            camera,
            address,
            place,
            names: Vec::new(),
            services: Vec::new(),
            counts: Counts::default(),
            one_sided: 0,
            packets_out: 0,
            packets_in: 0,
            first: now,
            last: now,
            beat: Beat::default(),
        }
    }

    pub(super) fn seen(&mut self, service: Service, time: Timestamp) {
        self.first = self.first.min(time);
        self.last = self.last.max(time);
        if !self.services.contains(&service) && self.services.len() < MAX_EACH {
            self.services.push(service);
        }
    }

    /// Adds a name, and how it is known.
    pub(super) fn add_name(&mut self, name: &Arc<str>, kinds: impl IntoIterator<Item = NameKind>) {
        let at = match self.names.iter().position(|known| known.name == *name) {
            Some(at) => at,
            None if self.names.len() < MAX_EACH => {
                self.names.push(PairName { name: name.clone(), known: NameKinds::default() });
                self.names.len() - 1
            }
            None => return,
        };
        for kind in kinds {
            self.names[at].known.add(kind);
        }
    }

    /// Whether DNS is encrypted there: what the camera asks cannot be seen.
    pub fn encrypted_dns(&self) -> Option<EncryptedDns> {
        self.services.iter().find_map(|service| encrypted_dns::of(*service, self.names.iter().map(AsRef::as_ref)))
    }

    pub(super) fn contact(&mut self, outcome: Option<Outcome>, traffic: &Traffic) {
        match outcome {
            Some(Outcome::Answered) => self.counts.answered += 1,
            Some(Outcome::Refused) => self.counts.refused += 1,
            Some(Outcome::Unanswered) => self.counts.unanswered += 1,
            Some(Outcome::Midstream) => self.counts.midstream += 1,
            None => {}
        }
        self.counts.retries += u64::from(traffic.retries);
        self.one_sided += u64::from(traffic.one_sided);
        self.counts.bytes_out += traffic.bytes_out;
        self.counts.bytes_in += traffic.bytes_in;
        self.packets_out += u64::from(traffic.packets_out);
        self.packets_in += u64::from(traffic.packets_in);
    }

    /// The best rhythm at `now`; a burst counts the retries of its attempts too.
    pub fn rhythm(&self, now: Timestamp) -> Option<Score> {
        let mut score = self.beat.score(now)?;
        score.burst *= 1.0 + self.counts.retries as f64 / (self.counts.attempts + self.counts.pulses).max(1) as f64;
        Some(score)
    }

    /// Whether anyone answers, as far as is known.
    pub fn answer(&self) -> Answer {
        Answer::of(self.counts.answered + self.counts.midstream, self.counts.refused, self.counts.unanswered)
    }
}

/// Whether anyone answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Answer {
    /// No outcome is known yet.
    NotYet,
    /// Nobody ever did.
    Never,
    /// Nobody did, and at least one attempt was refused.
    Refused,
    /// Some attempts were answered, some were not.
    Sometimes,
    /// Every attempt was.
    Always,
}

impl Answer {
    /// By the number of contacts of each outcome.
    pub fn of(answered: u64, refused: u64, unanswered: u64) -> Self {
        match (answered, refused, unanswered) {
            (0, 0, 0) => Self::NotYet,
            (0, 0, _) => Self::Never,
            (0, _, _) => Self::Refused,
            (_, 0, 0) => Self::Always,
            _ => Self::Sometimes,
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotYet => "no answer yet",
            Self::Never => "never answered",
            Self::Refused => "refused",
            Self::Sometimes => "sometimes answered",
            Self::Always => "answered",
        })
    }
}
