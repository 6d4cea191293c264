//! A watched device, as the ledger keeps it.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::beat::Beat;
use super::pair::PairId;
use crate::device::{self, DeviceId, DeviceKind, Vendors};
use crate::net::{Mac, Segment, Service};
use crate::time::Timestamp;

/// A camera's place in the ledger, below the generation of those who had it one after another. A camera that has left is
/// nobody from then on: who takes its place has another id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct CameraId(u32);

impl CameraId {
    /// The bits that tell the place.
    const PLACE_BITS: u32 = 24;
    /// How many places there are at most; the one after them is nobody's.
    pub(super) const PLACES: usize = (1 << Self::PLACE_BITS) - 1;
    /// No camera ever.
    pub(super) const NOBODY: Self = Self(u32::MAX);

    pub(super) fn new(place: u32, generation: u8) -> Self {
        Self(u32::from(generation) << Self::PLACE_BITS | place)
    }

    #[inline]
    pub(super) fn place(self) -> u32 {
        self.0 & Self::PLACES as u32
    }

    #[inline]
    pub(super) fn generation(self) -> u8 {
        (self.0 >> Self::PLACE_BITS) as u8
    }
}

/// By place, whatever the generation: the order in which cameras are gone through.
impl Ord for CameraId {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.place(), self.generation()).cmp(&(other.place(), other.generation()))
    }
}

impl PartialOrd for CameraId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// By what a device is known over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Identity {
    Mac(Mac),
    /// As the inventory knows it, by a serial number.
    Device(DeviceId),
    Address(Segment, IpAddr),
}

/// By one word for what most events have, a MAC address, where the derived one would feed it in pieces.
impl Hash for Identity {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Mac(mac) => state.write_u64(mac.bits()),
            Self::Device(id) => id.hash(state),
            Self::Address(segment, address) => (segment, address).hash(state),
        }
    }
}

/// Addresses kept of one device.
const MAX_ADDRESSES: usize = 16;
/// Internal services kept of one device.
const MAX_INTERNAL_SERVICES: usize = 32;

/// A watched device: who it is and what it did in all.
#[derive(Debug, Serialize, Deserialize)]
pub struct Camera {
    /// The name people use: configured name, else MAC address, else address.
    pub id: String,
    /// The addresses it called from, first seen first; at most 16.
    pub addresses: Vec<IpAddr>,
    /// Where in the network it is.
    pub segment: Segment,
    /// The MAC address by which it is known.
    pub mac: Option<Mac>,
    /// The maker, by the MAC prefix, else by what the device says.
    pub vendor: Option<Cow<'static, str>>,
    /// What it is.
    pub kind: DeviceKind,
    /// The configured name.
    pub name: Option<String>,
    /// The configured site.
    pub site: Option<String>,
    /// The configured tags.
    pub tags: Vec<String>,
    /// Its number in the register of assets.
    pub asset: Option<String>,
    /// The destinations that it is there to call, by the register.
    pub expected_destinations: Vec<String>,
    /// Whether it was configured, not only recognised.
    pub configured: bool,
    /// It was recognised by the MAC of what turned out to be a router: it is no camera.
    pub behind_router: bool,
    /// All attempts, to internal destinations too.
    pub attempts: u64,
    /// Attempts to destinations that are overseas.
    pub overseas_attempts: u64,
    /// Attempts to globally routable destinations of no known country.
    pub unknown_attempts: u64,
    /// Attempts to internal destinations.
    pub internal_attempts: u64,
    /// The services it called at internal destinations, with attempts; at most 32, the first seen.
    pub internal_services: BTreeMap<Service, u64>,
    /// Contacts that were not answered.
    pub unanswered: u64,
    /// Contacts that were refused.
    pub refused: u64,
    /// Contacts that were answered.
    pub answered: u64,
    /// Names asked for in DNS: wishes, whether or not anybody answered.
    pub dns_questions: u64,
    /// Pairs in the ledger.
    pub destinations: u32,
    /// Pairs in the ledger whose destination is overseas.
    pub overseas_destinations: u32,
    /// When it was first seen doing something.
    pub first: Timestamp,
    /// When it was last seen doing something.
    pub last: Timestamp,
    /// The rhythm of its calls to all overseas destinations together.
    pub overseas_beat: Beat,
    /// How many had its place before, as far as ids tell.
    #[serde(default)]
    pub(super) generation: u8,
    /// The pair of the last event: the next is most often the same.
    #[serde(skip)]
    pub(super) last_pair: Option<(IpAddr, PairId)>,
}

impl Camera {
    pub(super) fn new(
        identity: Identity,
        segment: Segment,
        address: IpAddr,
        configured: Option<&device::Camera>,
        now: Timestamp,
    ) -> Self {
        let mac = match identity {
            Identity::Mac(mac) => Some(mac),
            Identity::Device(_) | Identity::Address(..) => None,
        };
        let vendor = mac.and_then(|mac| Vendors::built_in().of(mac));
        let name = name_of(configured);
        let id = name.clone().unwrap_or_else(|| mac.map_or_else(|| segment.scoped(address), |mac| mac.to_string()));
        let mut camera = Self {
            id,
            addresses: vec![address],
            segment,
            mac,
            vendor: vendor.map(|vendor| Cow::Borrowed(vendor.name)),
            kind: match vendor {
                Some(vendor) if vendor.cameras_only => DeviceKind::Camera,
                _ => DeviceKind::Unknown,
            },
            name,
            site: None,
            tags: Vec::new(),
            asset: None,
            expected_destinations: Vec::new(),
            configured: false,
            behind_router: false,
            attempts: 0,
            overseas_attempts: 0,
            unknown_attempts: 0,
            internal_attempts: 0,
            internal_services: BTreeMap::new(),
            unanswered: 0,
            refused: 0,
            answered: 0,
            dns_questions: 0,
            destinations: 0,
            overseas_destinations: 0,
            first: now,
            last: now,
            overseas_beat: Beat::default(),
            generation: 0,
            last_pair: None,
        };
        camera.configure(configured);
        camera
    }

    /// Takes what is configured or registered of it now. By which name it was first known stays its id.
    pub(super) fn configure(&mut self, configured: Option<&device::Camera>) {
        self.name = name_of(configured);
        self.site = configured.and_then(|camera| camera.site.clone());
        self.tags = configured.map(|camera| camera.tags.clone()).unwrap_or_default();
        self.asset = configured.and_then(|camera| camera.asset.clone());
        self.expected_destinations = configured.map(|camera| camera.expected_destinations.clone()).unwrap_or_default();
        self.configured = configured.is_some();
        if let Some(camera) = configured {
            self.kind = camera.kind;
        }
    }

    /// The counters, for checks.
    pub(super) fn counters(&self) -> impl Iterator<Item = u64> {
        let own = [self.attempts, self.overseas_attempts, self.unknown_attempts, self.internal_attempts];
        let outcomes = [self.unanswered, self.refused, self.answered, self.dns_questions];
        own.into_iter().chain(outcomes).chain(self.internal_services.values().copied())
    }

    /// Shorter, where the lists of something damaged are too long.
    pub(super) fn bound(&mut self) {
        self.addresses.truncate(MAX_ADDRESSES);
        while self.internal_services.len() > MAX_INTERNAL_SERVICES {
            self.internal_services.pop_last();
        }
    }

    pub(super) fn seen(&mut self, address: IpAddr, time: Timestamp) {
        self.first = self.first.min(time);
        self.last = self.last.max(time);
        if self.addresses.last() != Some(&address)
            && !self.addresses.contains(&address)
            && self.addresses.len() < MAX_ADDRESSES
        {
            self.addresses.push(address);
        }
    }

    pub(super) fn count_internal(&mut self, service: Service) {
        self.internal_attempts += 1;
        if let Some(count) = self.internal_services.get_mut(&service) {
            *count += 1;
        } else if self.internal_services.len() < MAX_INTERNAL_SERVICES {
            self.internal_services.insert(service, 1);
        }
    }
}

/// The configured name, where it is this device's and not a range's.
fn name_of(configured: Option<&device::Camera>) -> Option<String> {
    configured.filter(|camera| camera.is_one_device()).and_then(|camera| camera.name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_place_and_who_has_it_and_goes_by_the_place() {
        let id = CameraId::new(65_535, 255);
        assert_eq!((id.place(), id.generation()), (65_535, 255));
        assert!(CameraId::new(3, 0) < CameraId::new(3, 1) && CameraId::new(3, 9) < CameraId::new(4, 0));
        assert!(CameraId::NOBODY.place() as usize >= CameraId::PLACES, "no camera is there");
    }
}
