//! A camera and a destination that it called.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::beat::{Beat, Score};
use super::camera::CameraId;
use super::name::NameKinds;
use crate::geo::Place;
use crate::names::encrypted_dns::{self, EncryptedDns};
use crate::net::Service;
use crate::time::Timestamp;
use crate::track::{NameKind, Outcome, Traffic};

/// A pair's place in the ledger. Used again after the pair was evicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PairId(pub(super) u32);

/// Services and names kept of one pair.
const MAX_EACH: usize = 8;

/// A name that the camera used for a destination.
#[derive(Debug, Clone)]
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
#[derive(Debug)]
pub struct Pair {
    /// The camera.
    pub camera: CameraId,
    /// The destination.
    pub address: IpAddr,
    /// Where the destination is and whose it is.
    pub place: Arc<Place>,
    /// Names the camera used for it, in the order in which it did; at most 8.
    pub names: Vec<PairName>,
    /// What was called there, first seen first; at most 8.
    pub services: Vec<Service>,
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
    /// Contacts of which the port showed one direction only.
    pub one_sided: u64,
    /// Bytes of IP packets from the camera.
    pub bytes_out: u64,
    /// Bytes of IP packets to the camera.
    pub bytes_in: u64,
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

impl Pair {
    pub(super) fn new(camera: CameraId, address: IpAddr, place: Arc<Place>, now: Timestamp) -> Self {
        Self {
            camera,
            address,
            place,
            names: Vec::new(),
            services: Vec::new(),
            attempts: 0,
            retries: 0,
            answered: 0,
            refused: 0,
            unanswered: 0,
            midstream: 0,
            pulses: 0,
            one_sided: 0,
            bytes_out: 0,
            bytes_in: 0,
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
            Some(Outcome::Answered) => self.answered += 1,
            Some(Outcome::Refused) => self.refused += 1,
            Some(Outcome::Unanswered) => self.unanswered += 1,
            Some(Outcome::Midstream) => self.midstream += 1,
            None => {}
        }
        self.retries += u64::from(traffic.retries);
        self.one_sided += u64::from(traffic.one_sided);
        self.bytes_out += traffic.bytes_out;
        self.bytes_in += traffic.bytes_in;
        self.packets_out += u64::from(traffic.packets_out);
        self.packets_in += u64::from(traffic.packets_in);
    }

    /// The best rhythm at `now`; a burst counts the retries of its attempts too.
    pub fn rhythm(&self, now: Timestamp) -> Option<Score> {
        let mut score = self.beat.score(now)?;
        score.burst *= 1.0 + self.retries as f64 / (self.attempts + self.pulses).max(1) as f64;
        Some(score)
    }

    /// Whether anyone answers, as far as is known.
    pub fn answer(&self) -> Answer {
        Answer::of(self.answered + self.midstream, self.refused, self.unanswered)
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
