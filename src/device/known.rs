//! One device: its addresses over time, what is known of it, and what that comes to.

use std::net::IpAddr;

use super::facts::{Certainty, Fact, Field, Sighting, Source, What};
use super::hours::{Hours, hour_of};
use super::profile;
use super::{DeviceKind, Vendors};
use crate::net::{Mac, Segment};
use crate::time::Timestamp;

/// A device's place in the inventory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct DeviceId(pub(super) u32);

/// Facts kept of one device; of more, the least sure and longest unheard leaves.
pub(super) const MAX_KNOWN: usize = 32;
/// Addresses kept of one device; of more, the one longest unused leaves.
pub(super) const MAX_ADDRESSES: usize = 16;

/// An address that a device has or had.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct AddressSeen {
    /// The address.
    pub address: IpAddr,
    /// When it was first seen there.
    pub first: Timestamp,
    /// When it was last seen there.
    pub last: Timestamp,
    /// When the device itself last said that it has the address (ARP, neighbour discovery, or with its MAC address in a
    /// message); else only frames came from it, and a router may have sent them.
    #[serde(skip)]
    pub(super) stated: Option<Timestamp>,
}

/// A fact, and how and when it came to be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The fact.
    pub fact: Fact,
    /// How it is known.
    pub source: Source,
    /// When it was first told.
    pub first: Timestamp,
    /// When it was last told; repetitions within minutes are passed over.
    pub last: Timestamp,
    /// From which address it was told.
    pub(super) address: Option<IpAddr>,
}

/// One device.
#[derive(Debug, Clone)]
pub struct Device {
    /// Where in the network it is.
    pub segment: Segment,
    /// Its MAC address; none behind a router.
    pub mac: Option<Mac>,
    /// It is a router: it sends for others.
    pub router: bool,
    /// Its MAC address on the link was a router's.
    pub behind: Option<Mac>,
    /// Its addresses, first seen first; at most 16.
    pub addresses: Vec<AddressSeen>,
    /// What is known of it; at most 32.
    pub known: Vec<Known>,
    /// The hours in which it sent anything.
    pub hours: Hours,
    /// When it was first seen.
    pub first: Timestamp,
    /// When it last sent anything.
    pub last: Timestamp,
    pub(super) kind: DeviceKind,
}

impl Device {
    pub(super) fn new(segment: Segment, mac: Option<Mac>, time: Timestamp) -> Self {
        let mut device = Self {
            segment,
            mac,
            router: false,
            behind: None,
            addresses: Vec::new(),
            known: Vec::new(),
            hours: Hours::default(),
            first: time,
            last: time,
            kind: DeviceKind::Unknown,
        };
        device.judge();
        device
    }

    /// What it is, by all that is known.
    pub fn kind(&self) -> DeviceKind {
        self.kind
    }

    /// The address it was seen at last.
    pub fn address(&self) -> Option<IpAddr> {
        self.addresses.iter().max_by_key(|seen| (seen.last, seen.address.is_ipv4())).map(|seen| seen.address)
    }

    /// Whether a MAC prefix of a maker of cameras alone is its own.
    pub fn has_camera_makers_mac(&self) -> bool {
        self.makers_mac().and_then(|mac| Vendors::built_in().of(mac)).is_some_and(|vendor| vendor.cameras_only)
    }

    /// The MAC address, where it is surely the one of who sends from an address: it stated that, or only cameras have
    /// such an address. Else a router that has not yet shown itself may have sent.
    pub fn mac_at(&self, address: IpAddr) -> Option<Mac> {
        let stated = self.addresses.iter().any(|seen| seen.address == address && seen.stated.is_some());
        self.makers_mac().filter(|_| stated || self.has_camera_makers_mac())
    }

    /// Whether an address is the one of its kind (IPv4 or IPv6) that it last said to have.
    pub(super) fn holds(&self, address: IpAddr) -> bool {
        let stated = self.addresses.iter().filter(|seen| seen.address.is_ipv4() == address.is_ipv4());
        let latest = stated.filter(|seen| seen.stated.is_some()).max_by_key(|seen| seen.stated);
        latest.is_some_and(|seen| seen.address == address)
    }

    /// The MAC address, where it tells a maker: a router's tells nothing that matters here.
    pub(super) fn makers_mac(&self) -> Option<Mac> {
        self.mac.filter(|_| !self.router)
    }

    /// It sent something; whether that is the first of an hour.
    pub(super) fn seen(&mut self, time: Timestamp) -> bool {
        self.first = self.first.min(time);
        self.last = self.last.max(time);
        let new = !self.hours.has(hour_of(time));
        self.hours.set(hour_of(time));
        new
    }

    /// It was at an address; whether that is new.
    pub(super) fn seen_at(&mut self, address: IpAddr, time: Timestamp, stated: bool) -> bool {
        if let Some(seen) = self.addresses.iter_mut().find(|seen| seen.address == address) {
            seen.first = seen.first.min(time);
            seen.last = seen.last.max(time);
            seen.stated = seen.stated.max(stated.then_some(time));
            return false;
        }
        if self.addresses.len() >= MAX_ADDRESSES
            && let Some(oldest) = (0..self.addresses.len()).min_by_key(|&at| self.addresses[at].last)
        {
            self.addresses.remove(oldest);
        }
        self.addresses.push(AddressSeen { address, first: time, last: time, stated: stated.then_some(time) });
        true
    }

    /// Takes facts; whether one of them is new.
    pub(super) fn learn(&mut self, sighting: &Sighting, time: Timestamp) -> bool {
        let mut new = false;
        for fact in &sighting.facts {
            let known = Known {
                fact: fact.clone(),
                source: sighting.source,
                first: time,
                last: time,
                address: sighting.address,
            };
            new |= self.add(known);
        }
        if new {
            self.judge();
        }
        new
    }

    pub(super) fn add(&mut self, new: Known) -> bool {
        if let Some(known) =
            self.known.iter_mut().find(|known| known.source == new.source && known.fact.what == new.fact.what)
        {
            known.first = known.first.min(new.first);
            known.last = known.last.max(new.last);
            let surer = new.fact.certainty > known.fact.certainty;
            known.fact.certainty = known.fact.certainty.max(new.fact.certainty);
            return surer;
        }
        if self.known.len() >= MAX_KNOWN {
            let weakest = (0..self.known.len()).min_by_key(|&at| (self.known[at].fact.certainty, self.known[at].last));
            match weakest {
                Some(at) if self.known[at].fact.certainty <= new.fact.certainty => {
                    self.known.remove(at);
                }
                _ => return false,
            }
        }
        self.known.push(new);
        true
    }

    pub(super) fn judge(&mut self) {
        self.kind = profile::kind_of(self).0;
    }

    /// The texts of a field: each with its source, certainty and when it was last told.
    pub(super) fn texts(&self, field: Field) -> impl Iterator<Item = (&str, Source, Certainty, Timestamp)> {
        self.known.iter().filter_map(move |known| match &known.fact.what {
            What::Text(of, text) if *of == field => {
                Some((text.as_ref(), known.source, known.fact.certainty, known.last))
            }
            _ => None,
        })
    }

    /// The serial number that identifies it: one it states itself.
    pub(super) fn serial(&self) -> Option<&str> {
        self.texts(Field::Serial).find(|(.., certainty, _)| *certainty == Certainty::Sure).map(|(text, ..)| text)
    }
}
