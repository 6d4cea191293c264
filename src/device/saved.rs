//! The inventory in a checkpoint.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::facts::{Certainty, Fact, Source, What};
use super::hours::Hours;
use super::inventory::Inventory;
use super::known::{AddressSeen, Device, DeviceId, Known, MAX_ADDRESSES, MAX_KNOWN};
use crate::net::{Mac, Segment};
use crate::saved::{ChangedKeys, Changes, Damaged, Piece, Pieces, check_counts, encode, key_of};
use crate::time::Timestamp;

const DEVICES: &str = "device";
const ADDRESSES: &str = "device-address";
const SERIALS: &str = "device-serial";
const SUMS: &str = "devices";

/// What of the inventory was not written down yet.
#[derive(Debug, Default)]
pub(super) struct Unwritten {
    devices: Changes,
    /// Devices of which people would say that they changed: more than that they were seen again.
    news: Changes,
    pub(super) addresses: ChangedKeys<(Segment, IpAddr)>,
    pub(super) serials: ChangedKeys<Box<str>>,
}

impl Unwritten {
    pub(super) fn note(&mut self, id: DeviceId, news: bool) {
        self.devices.note(id.0);
        if news {
            self.news.note(id.0);
        }
    }

    fn start(&mut self) {
        self.devices.start();
        self.news.start();
        self.addresses.start();
        self.serials.start();
    }
}

#[derive(Serialize, Deserialize)]
struct SavedDevice {
    segment: Segment,
    mac: Option<Mac>,
    router: bool,
    behind: Option<Mac>,
    /// Address, first, last, when it was stated.
    addresses: Vec<(IpAddr, Timestamp, Timestamp, Option<Timestamp>)>,
    /// What, how sure, how known, first, last, from which address.
    known: Vec<(What, Certainty, Source, Timestamp, Timestamp, Option<IpAddr>)>,
    hours: Hours,
    first: Timestamp,
    last: Timestamp,
}

impl SavedDevice {
    fn of(device: &Device) -> Self {
        let address = |seen: &AddressSeen| (seen.address, seen.first, seen.last, seen.stated);
        let known = |known: &Known| {
            (known.fact.what.clone(), known.fact.certainty, known.source, known.first, known.last, known.address)
        };
        Self {
            segment: device.segment,
            mac: device.mac,
            router: device.router,
            behind: device.behind,
            addresses: device.addresses.iter().map(address).collect(),
            known: device.known.iter().map(known).collect(),
            hours: device.hours.clone(),
            first: device.first,
            last: device.last,
        }
    }

    fn device(self) -> Result<Device, Damaged> {
        if !self.hours.can_be() {
            return Err(Damaged::Impossible("hours that never were"));
        }
        let addresses = self.addresses.into_iter().take(MAX_ADDRESSES);
        let known = self.known.into_iter().take(MAX_KNOWN);
        let mut device = Device {
            router: self.router,
            behind: self.behind,
            addresses: addresses
                .map(|(address, first, last, stated)| AddressSeen { address, first, last, stated })
                .collect(),
            known: known
                .map(|(what, certainty, source, first, last, address)| Known {
                    fact: Fact { what, certainty },
                    source,
                    first,
                    last,
                    address,
                })
                .collect(),
            hours: self.hours,
            last: self.last,
            ..Device::new(self.segment, self.mac, self.first)
        };
        device.judge();
        Ok(device)
    }
}

#[derive(Serialize, Deserialize)]
struct Sums {
    hand: u64,
    evicted: u64,
    left_out: u64,
}

impl Inventory {
    /// Gives a piece of everything that changed since the last time, or of all there is. Changes are noted from the first
    /// time on that all is given.
    pub fn save(&mut self, whole: bool, pieces: &mut Vec<Piece>) {
        if whole {
            self.unwritten.start();
            self.unwritten.devices.note_all(self.devices.len());
            self.unwritten.news.note_all(self.devices.len());
            self.by_address.keys().for_each(|place| self.unwritten.addresses.note(*place));
            self.by_serial.keys().for_each(|serial| self.unwritten.serials.note(serial.clone()));
        }
        for place in self.unwritten.devices.take() {
            let bytes = self.devices.get(place as usize).map(|device| encode(&SavedDevice::of(device)));
            pieces.push(Piece { part: DEVICES, key: key_of(place), bytes });
        }
        for place in self.unwritten.addresses.take() {
            let bytes = self.by_address.get(&place).map(encode);
            pieces.push(Piece { part: ADDRESSES, key: encode(&place), bytes });
        }
        for serial in self.unwritten.serials.take() {
            let bytes = self.by_serial.get(&serial).map(encode);
            pieces.push(Piece { part: SERIALS, key: encode(&serial), bytes });
        }
        let sums = Sums { hand: self.hand as u64, evicted: self.evicted, left_out: self.left_out };
        pieces.push(Piece { part: SUMS, key: Vec::new(), bytes: Some(encode(&sums)) });
    }

    /// Up to `most` devices of which people would say that they changed since the last time; the others come next time.
    pub fn take_news(&mut self, most: usize) -> Vec<DeviceId> {
        let changed = self.unwritten.news.take();
        changed.iter().skip(most).for_each(|place| self.unwritten.news.note(*place));
        changed.into_iter().take(most).map(DeviceId).collect()
    }

    /// As it was when its pieces were given; what has no room now, or cannot be read, is left out.
    pub fn restore(limit: usize, router_addresses: usize, pieces: &mut Pieces) -> Self {
        let mut inventory = Self::new(limit, router_addresses);
        for (place, device) in pieces.take_places(DEVICES, limit, |_, saved: SavedDevice| saved.device()) {
            // In place of one that cannot be read stands one of which nothing is known.
            inventory.devices.resize_with(place as usize, || Device::new(Segment::Whole, None, Timestamp::MIN));
            inventory.by_mac.extend(device.mac.map(|mac| (mac, DeviceId(place))));
            inventory.devices.push(device);
        }
        let count = inventory.devices.len();
        let known = |id: DeviceId| {
            let known = (id.0 as usize) < count;
            known.then_some(id).ok_or(Damaged::Impossible("a device that is not there"))
        };
        pieces.take_keys(ADDRESSES, |place: (Segment, IpAddr), id| {
            inventory.by_address.insert(place, known(id)?);
            Ok(())
        });
        pieces.take_keys(SERIALS, |serial: Box<str>, id| {
            inventory.by_serial.insert(serial, known(id)?);
            Ok(())
        });
        let sums = pieces.take_one::<Sums>(SUMS);
        if let Some(sums) = sums.filter(|sums| check_counts(&[sums.hand, sums.evicted, sums.left_out]).is_ok()) {
            inventory.hand = sums.hand as usize % count.max(1);
            (inventory.evicted, inventory.left_out) = (sums.evicted, sums.left_out);
        }
        inventory.unwritten.start();
        inventory
    }
}
