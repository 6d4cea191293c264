//! Is this address a watched device? Asked for the ends of every new connection.

use std::net::IpAddr;
use std::sync::Arc;

use ahash::AHashMap;

use super::{Vendors, WatchList};
use crate::net::Mac;

/// MAC addresses of camera makers that are kept; a flood of made-up ones beyond it is not recognised.
const MAX_MACS: usize = 65_536;

const LATELY: usize = 1024;

/// A watched device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watched {
    /// The MAC address by which it is known: configured, or a camera maker's and no router's.
    pub mac: Option<Mac>,
}

/// Judges by the list, and learns which MACs are routers.
#[derive(Debug)]
pub struct Recogniser {
    list: Arc<WatchList>,
    macs: AHashMap<Mac, Seen>,
    /// Senders noted lately, by a few bits of their MAC: most packets end here.
    lately: Vec<Option<Lately>>,
    routers: Vec<Mac>,
}

#[derive(Debug, Clone, Copy)]
struct Lately {
    mac: Mac,
    address: IpAddr,
    /// Whether a camera is known by this MAC.
    known_by: bool,
}

fn place(mac: Mac) -> usize {
    let [.., a, b] = mac.0;
    usize::from(u16::from_be_bytes([a, b])) % LATELY
}

#[derive(Debug, Default)]
struct Seen {
    addresses: Vec<IpAddr>,
    router: bool,
}

impl Recogniser {
    /// Judges by `list`.
    pub fn new(list: Arc<WatchList>) -> Self {
        Self { list, macs: AHashMap::new(), lately: vec![None; LATELY], routers: Vec::new() }
    }

    /// Takes a new list; what was learned of routers stays.
    pub fn set_list(&mut self, list: Arc<WatchList>) {
        self.list = list;
        self.lately.fill(None);
    }

    /// Whether every address is watched.
    pub fn watches_all(&self) -> bool {
        self.list.all
    }

    /// Notes that `mac` sent from `address`.
    pub fn note(&mut self, mac: Mac, address: IpAddr) {
        let lately = self.lately[place(mac)];
        if lately.is_some_and(|lately| lately.mac == mac && lately.address == address) {
            return;
        }
        self.count_address(mac, address);
        let known_by = self.list.has_mac(mac) || self.is_makers(mac);
        self.lately[place(mac)] = Some(Lately { mac, address, known_by });
    }

    fn count_address(&mut self, mac: Mac, address: IpAddr) {
        if !self.list.vendors {
            return;
        }
        if !address.is_ipv4() || address.is_unspecified() || !names_a_camera(mac) {
            return;
        }
        if self.macs.len() >= MAX_MACS && !self.macs.contains_key(&mac) {
            return;
        }
        let seen = self.macs.entry(mac).or_default();
        if seen.router || seen.addresses.contains(&address) {
            return;
        }
        seen.addresses.push(address);
        if seen.addresses.len() > self.list.router_addresses {
            *seen = Seen { addresses: Vec::new(), router: true };
            self.routers.push(mac);
        }
    }

    /// A MAC that has just turned out to be a router's: what was recognised by it was behind it.
    pub fn next_router(&mut self) -> Option<Mac> {
        self.routers.pop()
    }

    /// Whether the device at `address`, sending from `mac`, is watched.
    pub fn watched(&self, address: IpAddr, mac: Option<Mac>) -> Option<Watched> {
        let own = mac.filter(|mac| match self.lately[place(*mac)] {
            Some(lately) if lately.mac == *mac => lately.known_by,
            _ => self.list.has_mac(*mac) || self.is_makers(*mac),
        });
        (self.list.all || own.is_some() || self.list.configured(address, None).is_some())
            .then_some(Watched { mac: own })
    }

    fn is_makers(&self, mac: Mac) -> bool {
        self.list.vendors && names_a_camera(mac) && !self.macs.get(&mac).is_some_and(|seen| seen.router)
    }
}

fn names_a_camera(mac: Mac) -> bool {
    Vendors::built_in().of(mac).is_some_and(|vendor| vendor.cameras_only)
}

#[cfg(test)]
mod tests {
    use super::super::Camera;
    use super::*;

    const HIKVISION: Mac = Mac([0x44, 0x19, 0xb6, 0, 0, 1]);

    fn address(last: u8) -> IpAddr {
        IpAddr::from([10, 0, 0, last])
    }

    #[test]
    fn a_makers_mac_is_watched_until_it_turns_out_to_be_a_router() {
        let mut recogniser = Recogniser::new(Arc::new(WatchList::new(Vec::new())));
        for last in 1..=4 {
            recogniser.note(HIKVISION, address(last));
            assert_eq!(recogniser.watched(address(last), Some(HIKVISION)), Some(Watched { mac: Some(HIKVISION) }));
        }
        assert_eq!(recogniser.next_router(), None);
        recogniser.note(HIKVISION, address(5));
        assert_eq!(recogniser.next_router(), Some(HIKVISION));
        assert_eq!(recogniser.watched(address(1), Some(HIKVISION)), None);
    }

    #[test]
    fn a_configured_address_is_watched_whatever_its_mac() {
        let camera = Camera { addresses: vec![address(9)], ..Camera::default() };
        let recogniser = Recogniser::new(Arc::new(WatchList::new(vec![camera])));
        assert_eq!(recogniser.watched(address(9), None), Some(Watched { mac: None }));
        assert_eq!(recogniser.watched(address(8), None), None);
    }
}
