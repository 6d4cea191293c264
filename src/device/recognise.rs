//! Is this address a watched device? Asked for the ends of every new connection.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ahash::{AHashMap, AHashSet};

use super::{Vendors, WatchList};
use crate::net::{Mac, Segment};
use crate::time::Timestamp;

/// MAC addresses of camera makers that are kept; a flood of made-up ones beyond it is not recognised.
const MAX_MACS: usize = 65_536;

/// Devices that facts have shown to be cameras and that are kept, by MAC and by address each.
const MAX_LEARNED: usize = 65_536;

/// Addresses that a MAC sent from within this time are had together; over months even a camera has several.
const TOGETHER: Duration = Duration::from_secs(3600);

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
    learned: Learned,
    /// Senders that were new, for those who see other packets of the same network; none if nobody does.
    news: Option<Vec<(Mac, IpAddr)>>,
}

/// Devices that facts have shown to be cameras: by their own MAC, or by their address and who sent from it on the link
/// then, so that whoever gets the address next is not taken for the camera.
#[derive(Debug, Default)]
struct Learned {
    macs: AHashSet<Mac>,
    addresses: AHashMap<(Segment, IpAddr), Option<Mac>>,
    /// Those for which there was no room: a flood of made-up cameras displaces none that was known.
    left_out: u64,
}

#[derive(Debug, Clone, Copy)]
struct Lately {
    mac: Mac,
    address: IpAddr,
    /// Whether a camera is known by this MAC.
    known_by: bool,
}

#[inline]
fn place(mac: Mac) -> usize {
    mac.bits() as usize % LATELY
}

#[derive(Debug, Default)]
struct Seen {
    /// With when each was last noted.
    addresses: Vec<(IpAddr, Timestamp)>,
    router: bool,
}

impl Recogniser {
    /// Judges by `list`.
    pub fn new(list: Arc<WatchList>) -> Self {
        Self {
            list,
            macs: AHashMap::new(),
            lately: vec![None; LATELY],
            routers: Vec::new(),
            learned: Learned::default(),
            news: None,
        }
    }

    /// Keeps senders that are new, to be taken by [`Recogniser::news`].
    pub fn keep_news(&mut self) {
        self.news = Some(Vec::new());
    }

    /// Addresses of MACs of camera makers that were new here since this was last asked.
    pub fn news(&mut self) -> impl Iterator<Item = (Mac, IpAddr)> {
        self.news.iter_mut().flat_map(|news| news.drain(..))
    }

    /// Whether there are any.
    pub fn has_news(&self) -> bool {
        self.news.as_ref().is_some_and(|news| !news.is_empty())
    }

    /// Takes what was new elsewhere: a router's addresses may be seen by several.
    pub fn note_elsewhere(&mut self, mac: Mac, address: IpAddr, time: Timestamp) {
        let news = self.news.take();
        self.count_address(mac, address, time);
        self.news = news;
        self.lately[place(mac)] = None;
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
    #[inline]
    pub fn note(&mut self, mac: Mac, address: IpAddr, time: Timestamp) {
        let lately = self.lately[place(mac)];
        if lately.is_none_or(|lately| lately.mac != mac || lately.address != address) {
            self.note_anew(mac, address, time);
        }
    }

    #[inline(never)]
    fn note_anew(&mut self, mac: Mac, address: IpAddr, time: Timestamp) {
        self.count_address(mac, address, time);
        let known_by = self.is_known_by(mac);
        self.lately[place(mac)] = Some(Lately { mac, address, known_by });
    }

    fn count_address(&mut self, mac: Mac, address: IpAddr, time: Timestamp) {
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
        if seen.router {
            return;
        }
        if let Some((_, last)) = seen.addresses.iter_mut().find(|(known, _)| *known == address) {
            *last = time;
            return;
        }
        seen.addresses.retain(|(_, last)| time.since(*last) < TOGETHER);
        seen.addresses.push((address, time));
        if let Some(news) = &mut self.news {
            news.push((mac, address));
        }
        if seen.addresses.len() > self.list.router_addresses {
            *seen = Seen { addresses: Vec::new(), router: true };
            self.routers.push(mac);
        }
    }

    /// A MAC that has just turned out to be a router's: what was recognised by it was behind it.
    pub fn next_router(&mut self) -> Option<Mac> {
        self.routers.pop()
    }

    /// Watches from now on a device that facts have shown to be a camera: by its own MAC where it is the one that sends
    /// on the link, and by its address, as sent by `link`.
    pub fn learn(&mut self, segment: Segment, mac: Option<Mac>, address: Option<IpAddr>, link: Option<Mac>) {
        let learned = &mut self.learned;
        if let Some(mac) = mac.filter(|mac| link.is_none_or(|link| link == *mac)) {
            if learned.macs.len() < MAX_LEARNED {
                if learned.macs.insert(mac) {
                    self.lately[place(mac)] = None;
                }
            } else if !learned.macs.contains(&mac) {
                learned.left_out += 1;
            }
        }
        if let Some(address) = address {
            if learned.addresses.len() < MAX_LEARNED || learned.addresses.contains_key(&(segment, address)) {
                learned.addresses.insert((segment, address), link);
            } else {
                learned.left_out += 1;
            }
        }
    }

    /// How often there was no room to learn a camera.
    pub fn left_out(&self) -> u64 {
        self.learned.left_out
    }

    /// Whether the device at `address`, sending from `mac`, is watched.
    pub fn watched(&self, segment: Segment, address: IpAddr, mac: Option<Mac>) -> Option<Watched> {
        let own = mac.filter(|mac| match self.lately[place(*mac)] {
            Some(lately) if lately.mac == *mac => lately.known_by,
            _ => self.is_known_by(*mac),
        });
        let watched = self.list.all
            || own.is_some()
            || self.list.configured(address, None).is_some()
            || self.learned.addresses.get(&(segment, address)).is_some_and(|link| *link == mac);
        watched.then_some(Watched { mac: own })
    }

    /// Whether a watched device is known by this MAC.
    fn is_known_by(&self, mac: Mac) -> bool {
        self.list.has_mac(mac) || self.is_makers(mac) || self.learned.macs.contains(&mac)
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
            recogniser.note(HIKVISION, address(last), Timestamp::from_parts(1, 0));
            assert_eq!(
                recogniser.watched(Segment::Whole, address(last), Some(HIKVISION)),
                Some(Watched { mac: Some(HIKVISION) })
            );
        }
        assert_eq!(recogniser.next_router(), None);
        recogniser.note(HIKVISION, address(5), Timestamp::from_parts(1, 0));
        assert_eq!(recogniser.next_router(), Some(HIKVISION));
        assert_eq!(recogniser.watched(Segment::Whole, address(1), Some(HIKVISION)), None);
    }

    #[test]
    fn an_address_a_day_is_no_routers() {
        let mut recogniser = Recogniser::new(Arc::new(WatchList::new(Vec::new())));
        for last in 1..=50 {
            recogniser.note(HIKVISION, address(last), Timestamp::from_parts(i64::from(last) * 86_400, 0));
        }
        assert_eq!(recogniser.next_router(), None);
    }

    #[test]
    fn a_configured_address_is_watched_whatever_its_mac() {
        let camera = Camera { addresses: vec![address(9)], ..Camera::default() };
        let recogniser = Recogniser::new(Arc::new(WatchList::new(vec![camera])));
        assert_eq!(recogniser.watched(Segment::Whole, address(9), None), Some(Watched { mac: None }));
        assert_eq!(recogniser.watched(Segment::Whole, address(8), None), None);
    }

    #[test]
    fn what_facts_have_shown_is_watched_by_mac_or_by_address_and_sender() {
        let (own, router) = (Mac([0, 0x50, 0x56, 0, 0, 9]), Mac([0, 0x1b, 0x54, 0, 0, 1]));
        let mut recogniser = Recogniser::new(Arc::new(WatchList::new(Vec::new())));
        let watched = |recogniser: &Recogniser, last, mac| recogniser.watched(Segment::Whole, address(last), Some(mac));
        recogniser.learn(Segment::Whole, Some(own), Some(address(1)), Some(own));
        assert_eq!(watched(&recogniser, 7, own), Some(Watched { mac: Some(own) }), "its address may change");
        recogniser.learn(Segment::Whole, Some(own), Some(address(2)), Some(router));
        assert_eq!(watched(&recogniser, 2, router), Some(Watched { mac: None }), "behind a router");
        assert_eq!(watched(&recogniser, 3, router), None, "others behind it");
        assert_eq!(watched(&recogniser, 2, Mac([0, 1, 2, 3, 4, 5])), None, "the address was given to another");
    }

    #[test]
    fn a_router_is_told_from_what_several_saw_of_it() {
        let list = Arc::new(WatchList::new(Vec::new()));
        let mut both = [Recogniser::new(list.clone()), Recogniser::new(list)];
        let now = Timestamp::from_parts(1, 0);
        both.iter_mut().for_each(Recogniser::keep_news);
        for last in 1..=5 {
            let (here, elsewhere) = (usize::from(last % 2), usize::from(1 - last % 2));
            both[here].note(HIKVISION, address(last), now);
            let news: Vec<_> = both[here].news().collect();
            assert_eq!(news, [(HIKVISION, address(last))]);
            for (mac, address) in news {
                both[elsewhere].note_elsewhere(mac, address, now);
            }
            assert!(!both[elsewhere].has_news(), "it would go round for ever");
        }
        for recogniser in &mut both {
            assert_eq!(recogniser.watched(Segment::Whole, address(1), Some(HIKVISION)), None);
            assert_eq!(recogniser.next_router(), Some(HIKVISION));
        }
    }
}
