//! Every device that was seen, one each: sightings in, devices out.
//!
//! A device is known by its MAC address; behind a router by the serial number that it states; else by its address. What
//! was taken for one device by the MAC address of what turns out to be a router is taken apart again.

use std::net::IpAddr;
use std::time::Duration;

use ahash::AHashMap;

use super::facts::{Sighting, Source, What};
use super::known::{Device, DeviceId};
use super::saved::Unwritten;
use super::{Certainty, DeviceKind, Vendors};
use crate::net::{Mac, Segment};
use crate::time::Timestamp;

/// IPv4 addresses that a MAC sent from within this time are had together.
const TOGETHER: Duration = Duration::from_secs(3600);

/// The inventory.
#[derive(Debug)]
pub struct Inventory {
    pub(super) devices: Vec<Device>,
    pub(super) by_mac: AHashMap<Mac, DeviceId>,
    pub(super) by_address: AHashMap<(Segment, IpAddr), DeviceId>,
    pub(super) by_serial: AHashMap<Box<str>, DeviceId>,
    limit: usize,
    router_addresses: usize,
    /// Where the search for room goes on.
    pub(super) hand: usize,
    pub(super) evicted: u64,
    pub(super) left_out: u64,
    pub(super) unwritten: Unwritten,
}

/// Devices that are looked at for room.
const EVICTION_SAMPLE: usize = 64;

impl Inventory {
    /// Holds at most `limit` devices; a MAC with more than `router_addresses` IPv4 addresses is a router.
    pub fn new(limit: usize, router_addresses: usize) -> Self {
        Self {
            devices: Vec::new(),
            by_mac: AHashMap::new(),
            by_address: AHashMap::new(),
            by_serial: AHashMap::new(),
            limit,
            router_addresses: router_addresses.clamp(1, super::known::MAX_ADDRESSES - 1),
            hand: 0,
            evicted: 0,
            left_out: 0,
            unwritten: Unwritten::default(),
        }
    }

    /// Takes another number of addresses from which on a MAC is a router's.
    pub fn set_router_addresses(&mut self, router_addresses: usize) {
        self.router_addresses = router_addresses.clamp(1, super::known::MAX_ADDRESSES - 1);
    }

    /// A device inside sent something: `link` is the sender on the link.
    pub fn present(
        &mut self,
        segment: Segment,
        address: IpAddr,
        link: Option<Mac>,
        time: Timestamp,
    ) -> Option<DeviceId> {
        let sighting = Sighting { address: Some(address), link, ..Sighting::new(Source::Behaviour) };
        self.take(segment, &sighting, time)
    }

    /// Takes what a message said. Gives the device that it is about.
    pub fn take(&mut self, segment: Segment, sighting: &Sighting, time: Timestamp) -> Option<DeviceId> {
        let link = sighting.link.filter(|link| !link.is_group() && !link.is_zero());
        let behind = link.filter(|link| self.is_router(*link));
        let stated = sighting.mac;
        let behind = behind.or_else(|| link.filter(|link| stated.is_none() && self.forwards(*link, segment, sighting)));
        let mac = stated.or(link.filter(|_| behind.is_none() && sighting.mac.is_none()));
        let worth = !sighting.facts.is_empty() || mac.is_some_and(|mac| Vendors::built_in().of(mac).is_some());
        let id = self.find(segment, mac, sighting).or_else(|| self.add(segment, mac, time, worth))?;
        self.adopt_mac(id, mac);
        let device = self.devices.get_mut(id.0 as usize)?;
        let mut news = device.seen(time);
        if device.mac.is_none() && behind.is_some() {
            news |= device.behind != behind;
            device.behind = behind;
        }
        if let Some(address) = sighting.address {
            news |= device.seen_at(address, time, stated.is_some());
            self.give_address(segment, address, id);
        }
        let device = self.devices.get_mut(id.0 as usize)?;
        if device.learn(sighting, time) {
            news = true;
            if let Some(serial) = device.serial().map(Box::<str>::from) {
                self.by_serial.entry(serial.clone()).or_insert(id);
                self.unwritten.serials.note(serial);
            }
        }
        self.unwritten.note(id, news);
        if let Some(mac) = link.filter(|link| stated.is_none() && Some(*link) == mac) {
            self.look_for_router(mac, id, time);
        }
        // The device of the address may have been taken apart from a router just now.
        match sighting.address {
            Some(address) => self.by_address.get(&(segment, address)).copied(),
            None => Some(id),
        }
    }

    /// Adds facts to a device that is known already.
    pub fn learn(&mut self, id: DeviceId, sighting: &Sighting, time: Timestamp) {
        if let Some(device) = self.devices.get_mut(id.0 as usize) {
            let news = device.learn(sighting, time);
            self.unwritten.note(id, news);
        }
    }

    fn is_router(&self, mac: Mac) -> bool {
        self.of_mac(mac).is_some_and(|device| device.router)
    }

    /// Whether the device that says to have the address is another than the one that sent on the link, so that the latter
    /// is a router, though it has not been seen to send for many.
    fn forwards(&self, link: Mac, segment: Segment, sighting: &Sighting) -> bool {
        let at = sighting.address.and_then(|address| Some((address, self.at(segment, address)?.1)));
        at.is_some_and(|(address, device)| device.mac.is_some_and(|mac| mac != link) && device.holds(address))
    }

    fn find(&mut self, segment: Segment, mac: Option<Mac>, sighting: &Sighting) -> Option<DeviceId> {
        let by_address = sighting.address.and_then(|address| self.by_address.get(&(segment, address)).copied());
        if let Some(mac) = mac {
            if let Some(&id) = self.by_mac.get(&mac) {
                // What was known by the address alone is this device.
                if let Some(other) = by_address.filter(|other| *other != id && self.is_the_same(*other, id, sighting)) {
                    self.join(other, id);
                }
                return Some(id);
            }
            return by_address.filter(|id| self.is_nameless(*id));
        }
        let serial = sighting.facts.iter().find_map(|fact| match &fact.what {
            What::Text(super::facts::Field::Serial, text) if fact.certainty == Certainty::Sure => Some(text),
            _ => None,
        });
        if let Some(&id) = serial.and_then(|serial| self.by_serial.get(serial)) {
            return Some(id);
        }
        // Who states another serial number is another device, whoever had the address before.
        let differs = |id: &DeviceId| {
            let own = self.devices.get(id.0 as usize).and_then(Device::serial);
            own.zip(serial).is_some_and(|(own, stated)| own != &**stated)
        };
        // Who has a MAC address of its own is at the address as long as it says so.
        let gone = |id: &DeviceId| {
            self.device(*id).is_some_and(|device| {
                device.mac.is_some() && sighting.link.is_some() && !sighting.address.is_some_and(|a| device.holds(a))
            })
        };
        by_address.filter(|id| !differs(id) && !gone(id))
    }

    /// Whether a device known by its address alone can be one that is known by more: not if that was elsewhere meanwhile.
    fn is_the_same(&self, nameless: DeviceId, named: DeviceId, sighting: &Sighting) -> bool {
        let (Some(nameless), Some(named)) = (self.device(nameless), self.device(named)) else { return false };
        let elsewhere = named.addresses.iter().filter(|seen| Some(seen.address) != sighting.address);
        nameless.mac.is_none() && elsewhere.map(|seen| seen.last).max().is_none_or(|last| nameless.first >= last)
    }

    /// Whether a device is known by its address alone.
    fn is_nameless(&self, id: DeviceId) -> bool {
        self.devices.get(id.0 as usize).is_some_and(|device| device.mac.is_none())
    }

    fn add(&mut self, segment: Segment, mac: Option<Mac>, time: Timestamp, worth: bool) -> Option<DeviceId> {
        if self.devices.len() < self.limit {
            let id = DeviceId(self.devices.len() as u32);
            self.devices.push(Device::new(segment, mac, time));
            self.unwritten.note(id, true);
            return Some(id);
        }
        let Some(id) = self.make_room(time, worth) else {
            self.left_out += 1;
            return None;
        };
        self.unwritten.note(id, true);
        *self.devices.get_mut(id.0 as usize)? = Device::new(segment, mac, time);
        Some(id)
    }

    /// Of some neighbours the one longest unseen leaves, if nothing is known of it but that it was there: an hour ago, or
    /// lately where the newcomer says something or has a camera maker's MAC address. What is known to be anything stays.
    fn make_room(&mut self, now: Timestamp, worth: bool) -> Option<DeviceId> {
        let length = self.devices.len();
        let at = (0..EVICTION_SAMPLE.min(length))
            .map(|step| (self.hand + step) % length)
            .filter(|at| {
                let device = &self.devices[*at];
                let blank = device.known.is_empty() && device.kind() == DeviceKind::Unknown && !device.router;
                blank && (worth || now.since(device.last) >= TOGETHER)
            })
            .min_by_key(|at| self.devices[*at].last);
        self.hand = (self.hand + EVICTION_SAMPLE) % length.max(1);
        let at = at?;
        let id = DeviceId(at as u32);
        let device = &self.devices[at];
        if let Some(mac) = device.mac.filter(|mac| self.by_mac.get(mac) == Some(&id)) {
            self.by_mac.remove(&mac);
        }
        for seen in &device.addresses {
            let place = (device.segment, seen.address);
            if self.by_address.get(&place) == Some(&id) {
                self.by_address.remove(&place);
                self.unwritten.addresses.note(place);
            }
        }
        self.evicted += 1;
        Some(id)
    }

    /// Devices of which nothing was known and that made room for others.
    pub fn evicted(&self) -> u64 {
        self.evicted
    }

    fn adopt_mac(&mut self, id: DeviceId, mac: Option<Mac>) {
        let Some(mac) = mac else { return };
        if let Some(device) = self.devices.get_mut(id.0 as usize)
            && (device.mac.is_none() || device.mac == Some(mac))
        {
            if device.mac.is_none() {
                device.mac = Some(mac);
                device.behind = None;
                device.judge();
                self.unwritten.note(id, true);
            }
            self.by_mac.insert(mac, id);
        }
    }

    fn give_address(&mut self, segment: Segment, address: IpAddr, id: DeviceId) {
        if self.by_address.insert((segment, address), id) != Some(id) {
            self.unwritten.addresses.note((segment, address));
        }
    }

    /// Joins a device known by its address alone to the one that it is.
    fn join(&mut self, from: DeviceId, to: DeviceId) {
        let Some(gone) = self.devices.get_mut(from.0 as usize) else { return };
        let blank = Device { segment: gone.segment, ..Device::new(gone.segment, None, gone.first) };
        let gone = std::mem::replace(gone, blank);
        self.unwritten.note(from, true);
        self.unwritten.note(to, true);
        let Some(device) = self.devices.get_mut(to.0 as usize) else { return };
        device.first = device.first.min(gone.first);
        device.last = device.last.max(gone.last);
        device.hours.join(&gone.hours);
        for seen in gone.addresses {
            self.by_address.insert((gone.segment, seen.address), to);
            self.unwritten.addresses.note((gone.segment, seen.address));
            device.seen_at(seen.address, seen.first, false);
            device.seen_at(seen.address, seen.last, seen.stated.is_some());
        }
        for known in gone.known {
            device.add(known);
        }
        device.judge();
        for (serial, id) in self.by_serial.iter_mut().filter(|(_, id)| **id == from) {
            *id = to;
            self.unwritten.serials.note(serial.clone());
        }
    }

    /// A MAC with many IPv4 addresses at a time is a router's: the addresses that it did not itself state are others'.
    fn look_for_router(&mut self, mac: Mac, id: DeviceId, now: Timestamp) {
        let Some(device) = self.devices.get_mut(id.0 as usize) else { return };
        let lately = |last: Timestamp| now.since(last) < TOGETHER;
        let together = device.addresses.iter().filter(|seen| seen.address.is_ipv4() && lately(seen.last)).count();
        if together <= self.router_addresses {
            return;
        }
        device.router = true;
        self.unwritten.note(id, true);
        let segment = device.segment;
        let (own, others): (Vec<_>, Vec<_>) = device.addresses.drain(..).partition(|seen| seen.stated.is_some());
        device.addresses = own;
        let kept = |known: &super::known::Known| {
            known.address.is_none_or(|address| !others.iter().any(|seen| seen.address == address))
        };
        let (own, foreign): (Vec<_>, Vec<_>) = device.known.drain(..).partition(kept);
        device.known = own;
        device.judge();
        for seen in others {
            // Another device has said since then that it has the address.
            if self.by_address.get(&(segment, seen.address)) != Some(&id) {
                continue;
            }
            self.by_address.remove(&(segment, seen.address));
            self.unwritten.addresses.note((segment, seen.address));
            let Some(other) = self.add(segment, None, seen.first, false) else { continue };
            self.by_address.insert((segment, seen.address), other);
            let Some(device) = self.devices.get_mut(other.0 as usize) else { continue };
            device.behind = Some(mac);
            device.seen(seen.first);
            device.seen(seen.last);
            device.seen_at(seen.address, seen.first, false);
            device.seen_at(seen.address, seen.last, false);
            for known in foreign.iter().filter(|known| known.address == Some(seen.address)) {
                device.add(known.clone());
            }
            device.judge();
            if let Some(serial) = device.serial().map(Box::<str>::from) {
                self.by_serial.insert(serial.clone(), other);
                self.unwritten.serials.note(serial);
            }
        }
    }

    /// Marks a MAC as a router's, as the capture thread found.
    pub fn is_a_router(&mut self, mac: Mac) {
        if let Some(id) = self.by_mac.get(&mac).copied()
            && let Some(device) = self.devices.get_mut(id.0 as usize)
        {
            device.router = true;
            device.judge();
            self.unwritten.note(id, true);
        }
    }

    /// The device that has a MAC address.
    pub fn of_mac(&self, mac: Mac) -> Option<&Device> {
        self.device(*self.by_mac.get(&mac)?)
    }

    /// The device that has a MAC address, and its place.
    pub fn id_of_mac(&self, mac: Mac) -> Option<(DeviceId, &Device)> {
        let id = *self.by_mac.get(&mac)?;
        Some((id, self.device(id)?))
    }

    /// The device that was last seen at an address.
    pub fn at(&self, segment: Segment, address: IpAddr) -> Option<(DeviceId, &Device)> {
        let id = *self.by_address.get(&(segment, address))?;
        Some((id, self.device(id)?))
    }

    /// The device at an address, where it is known by more than the address: it stated its MAC address or serial number.
    pub fn identified_at(&self, segment: Segment, address: IpAddr) -> Option<(DeviceId, &Device)> {
        self.at(segment, address).filter(|(_, device)| {
            let stated = device.addresses.iter().any(|seen| seen.address == address && seen.stated.is_some());
            device.makers_mac().is_some() && stated || device.mac.is_none() && device.serial().is_some()
        })
    }

    /// A device.
    pub fn device(&self, id: DeviceId) -> Option<&Device> {
        self.devices.get(id.0 as usize)
    }

    /// Every device, first seen first.
    pub fn devices(&self) -> impl Iterator<Item = (DeviceId, &Device)> {
        let real = |device: &Device| device.mac.is_some() || !device.addresses.is_empty();
        (0..).map(DeviceId).zip(&self.devices).filter(move |(_, device)| real(device))
    }

    /// How many there are of each kind.
    pub fn kinds(&self) -> [(DeviceKind, u64); 5] {
        use DeviceKind::{Camera, Doorstation, Other, Recorder, Unknown};
        let mut counts = [Camera, Recorder, Doorstation, Other, Unknown].map(|kind| (kind, 0));
        for (_, device) in self.devices() {
            if let Some((_, count)) = counts.iter_mut().find(|(kind, _)| *kind == device.kind()) {
                *count += 1;
            }
        }
        counts
    }

    /// Sightings of devices for which there was no room.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }
}

/// A sighting of who has which address, by ARP or neighbour discovery.
pub(super) fn has_address(source: Source, mac: Mac, address: IpAddr) -> Sighting {
    Sighting { mac: Some(mac), address: Some(address), ..Sighting::new(source) }
}

#[cfg(test)]
mod tests {
    use super::super::facts::{Fact, Field, sadp};
    use super::*;

    const CAMERA: Mac = Mac([0x44, 0x19, 0xb6, 0, 0, 1]);
    const ROUTER: Mac = Mac([0x00, 0x1b, 0x54, 0, 0, 1]);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_parts(1_427_878_800 + second, 0)
    }

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    fn inventory() -> Inventory {
        Inventory::new(1000, 4)
    }

    fn answer(mac: &str, serial: &str) -> Sighting {
        let xml = format!(
            "<ProbeMatch><DeviceDescription>DS-2CD2143G0-I</DeviceDescription><DeviceSN>{serial}</DeviceSN><MAC>{mac}</MAC></ProbeMatch>"
        );
        sadp::parse(xml.as_bytes()).remove(0)
    }

    #[test]
    fn a_device_keeps_its_identity_when_its_address_changes() {
        let mut all = inventory();
        let first = all.present(Segment::Whole, address(1), Some(CAMERA), at(0));
        let second = all.present(Segment::Whole, address(2), Some(CAMERA), at(9000));
        assert_eq!(first, second);
        let device = all.device(first.unwrap()).unwrap();
        let history: Vec<_> = device.addresses.iter().map(|seen| (seen.address, seen.first, seen.last)).collect();
        assert_eq!(history, [(address(1), at(0), at(0)), (address(2), at(9000), at(9000))]);
        assert_eq!(device.address(), Some(address(2)));
    }

    #[test]
    fn a_serial_number_is_an_identity_behind_a_router() {
        let mut all = inventory();
        for last in 10..16 {
            all.present(Segment::Whole, address(last), Some(ROUTER), at(0));
        }
        let say = |last, serial: &str| Sighting {
            mac: None,
            address: Some(address(last)),
            link: Some(ROUTER),
            ..answer("", serial)
        };
        let first = all.take(Segment::Whole, &say(10, "A120200101AAAA"), at(5));
        let moved = all.take(Segment::Whole, &say(33, "A120200101AAAA"), at(9));
        assert_eq!(first, moved);
        let other = all.take(Segment::Whole, &say(10, "B120200101BBBB"), at(9));
        assert_ne!(first, other, "the old address was given to another");
    }

    #[test]
    fn the_same_address_on_two_segments_is_two_devices() {
        let mut all = inventory();
        let one = all.present(Segment::Vlan(1), address(1), None, at(0));
        let two = all.present(Segment::Vlan(2), address(1), None, at(0));
        assert_ne!(one, two);
        let mut all = inventory();
        assert_eq!(
            all.present(Segment::Whole, address(1), None, at(0)),
            all.present(Segment::Whole, address(1), None, at(0))
        );
    }

    #[test]
    fn a_router_gives_no_maker_to_those_behind_it() {
        let mut all = inventory();
        let router = Mac([0x44, 0x19, 0xb6, 0, 0, 9]);
        all.take(Segment::Whole, &has_address(Source::Arp, router, address(1)), at(0));
        let mut told = Sighting { address: Some(address(12)), link: Some(router), ..Sighting::new(Source::Http) };
        told.facts.push(Fact { what: What::Text(Field::Software, "App-webs/".into()), certainty: Certainty::Likely });
        all.take(Segment::Whole, &told, at(1));
        for last in 10..60 {
            all.present(Segment::Whole, address(last), Some(router), at(2));
        }
        assert_eq!(all.devices().count(), 51, "the router and fifty behind it");
        let (_, own) = all.at(Segment::Whole, address(1)).unwrap();
        assert!(own.router && own.addresses.len() == 1);
        assert_eq!(own.profile(None).kind, DeviceKind::Other);
        for last in 10..60 {
            let (_, device) = all.at(Segment::Whole, address(last)).unwrap();
            assert_eq!((device.mac, device.profile(None).maker), (None, None));
            assert_eq!(device.texts(Field::Software).count(), usize::from(last == 12), "facts stay with who told them");
        }
    }

    #[test]
    fn what_was_known_by_address_joins_the_device_that_it_is() {
        let mut all = inventory();
        all.present(Segment::Whole, address(1), None, at(0));
        let told = Sighting { address: Some(address(1)), ..answer("44-19-b6-00-00-01", "X") };
        let id = all.take(Segment::Whole, &told, at(1)).unwrap();
        assert_eq!(all.devices().count(), 1);
        assert_eq!(all.device(id).unwrap().mac, Some(CAMERA));
        assert_eq!(all.device(id).unwrap().first, at(0));
        all.present(Segment::Whole, address(2), None, at(2));
        let moved = Sighting { address: Some(address(2)), ..answer("44-19-b6-00-00-01", "X") };
        assert_eq!(all.take(Segment::Whole, &moved, at(3)), Some(id));
        assert_eq!(all.devices().count(), 1);
    }

    #[test]
    fn a_full_inventory_counts_and_keeps_whom_it_knows() {
        let mut all = Inventory::new(2, 4);
        all.present(Segment::Whole, address(1), Some(CAMERA), at(0));
        all.present(Segment::Whole, address(2), None, at(0));
        assert_eq!(all.present(Segment::Whole, address(3), None, at(0)), None);
        assert_eq!(all.left_out(), 1);
        assert!(all.present(Segment::Whole, address(1), Some(CAMERA), at(1)).is_some());
    }

    #[test]
    fn who_was_only_there_makes_room_and_cameras_stay() {
        let mut all = Inventory::new(50, 4);
        let known = all.present(Segment::Whole, address(1), Some(CAMERA), at(0)).unwrap();
        for last in 2..=200 {
            all.present(Segment::Whole, address(last), None, at(0));
        }
        assert_eq!((all.devices().count(), all.left_out()), (50, 150));
        let other = Mac([0x44, 0x19, 0xb6, 0, 0, 2]);
        let newcomer = all.present(Segment::Whole, address(201), Some(other), at(1)).unwrap();
        assert_ne!(known, newcomer);
        assert_eq!(all.of_mac(CAMERA).unwrap().address(), Some(address(1)));
        assert_eq!(all.of_mac(other).unwrap().address(), Some(address(201)));
        assert!(all.present(Segment::Whole, address(202), None, at(4000)).is_some(), "an hour later there is room");
        assert_eq!((all.devices().count(), all.evicted()), (50, 2));
    }
}
