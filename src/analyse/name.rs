//! The names that cameras asked for or said, and the addresses these stand for.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ahash::AHashMap;
use serde::{Deserialize, Serialize};

use super::beat::Beat;
use super::camera::CameraId;
use crate::saved::{ChangedKeys, Changes};
use crate::time::Timestamp;
use crate::track::{NameKind, NameSeen};

/// A name's place in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct NameId(pub(super) u32);

/// Addresses kept of one name.
const MAX_ADDRESSES: usize = 32;
/// Application protocols, and ports of HTTP, kept of one name.
const MAX_EACH: usize = 8;
/// Cameras keep calling an address somewhat after the TTL of its name has passed.
const GRACE: Duration = Duration::from_secs(300);

/// How names are known, all at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct NameKinds(u8);

impl NameKinds {
    fn bit(kind: NameKind) -> u8 {
        1 << kind as u8
    }

    /// These and one more; whether that is new.
    pub(super) fn add(&mut self, kind: NameKind) -> bool {
        let before = self.0;
        self.0 |= Self::bit(kind);
        self.0 != before
    }

    /// Each of them, in the order of [`NameKind::ALL`].
    pub fn iter(self) -> impl Iterator<Item = NameKind> {
        NameKind::ALL.into_iter().filter(move |kind| self.0 & Self::bit(*kind) != 0)
    }
}

/// A name that a device used for a host.
///
/// The order of fields is that of the checkpoint's format: new ones come last, with a default.
#[derive(Debug, Serialize, Deserialize)]
pub struct NamePair {
    /// The camera.
    pub camera: CameraId,
    /// The address that it asked from.
    pub client: IpAddr,
    /// The name, in lower case.
    pub name: Arc<str>,
    /// How often the device itself used the name, by [`NameKind`]: its questions, its greetings.
    asked: [u64; NameKind::ALL.len()],
    /// The ports that HTTP Host headers said with it (none: without one); at most 8.
    pub http_ports: Vec<Option<u16>>,
    /// How often an answer came to its DNS questions, also one without addresses.
    pub answers: u64,
    /// What it stands for, first seen first; at most 32.
    pub addresses: Vec<IpAddr>,
    /// Application protocols offered under it (ALPN); at most 8.
    pub alpn: Vec<String>,
    /// It was said beside an encrypted `ClientHello`, and may be a front for another.
    pub ech: bool,
    /// First seen.
    pub first: Timestamp,
    /// Last seen.
    pub last: Timestamp,
    /// Where its rhythm is: the same for all the ways in which a camera uses a name.
    pub rhythm: RhythmId,
}

/// A name's rhythm's place in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct RhythmId(pub(super) u32);

/// A camera × name, however it is known: what keeps its rhythm while addresses change.
///
/// The order of fields is that of the checkpoint's format: new ones come last, with a default.
#[derive(Debug, Serialize, Deserialize)]
pub struct NameRhythm {
    /// The camera.
    pub camera: CameraId,
    /// The name, in lower case.
    pub name: Arc<str>,
    /// What it stands for, first seen first; at most 32.
    pub addresses: Vec<IpAddr>,
    /// The rhythm of its questions in DNS, and of attempts and pulses to the name's addresses.
    pub beat: Beat,
}

impl NameRhythm {
    /// As [`NamePair::nobodys`].
    pub(super) fn nobodys() -> Self {
        let camera = CameraId::NOBODY;
        Self { camera, name: Arc::from(""), addresses: Vec::new(), beat: Beat::default() }
    }

    /// Whether its place is free.
    pub(super) fn is_nobodys(&self) -> bool {
        self.camera == CameraId::NOBODY
    }

    /// As [`NamePair::bound`].
    pub(super) fn bound(&mut self) {
        self.addresses.truncate(MAX_ADDRESSES);
    }
}

impl NamePair {
    /// How often the device used the name in this way.
    pub fn asked(&self, kind: NameKind) -> u64 {
        self.asked[kind as usize]
    }

    /// The ways in which the device used the name.
    pub fn kinds(&self) -> impl Iterator<Item = NameKind> {
        NameKind::ALL.into_iter().filter(|kind| self.asked(*kind) > 0)
    }

    /// The name as the device said it in this way: in HTTP with the port, where it said one.
    pub fn as_said(&self, kind: NameKind) -> Vec<String> {
        if kind != NameKind::Http {
            return vec![self.name.to_string()];
        }
        let literal = self.name.contains(':');
        let said = self.http_ports.iter().map(|port| match port {
            Some(port) if literal => format!("[{}]:{port}", self.name),
            Some(port) => format!("{}:{port}", self.name),
            None if literal => format!("[{}]", self.name),
            None => self.name.to_string(),
        });
        said.collect()
    }

    /// A wish that nobody granted: asked for in DNS, and no address ever came.
    pub fn is_unresolved(&self) -> bool {
        self.asked(NameKind::Dns) > 0 && self.addresses.is_empty()
    }

    /// The counters, for checks.
    pub(super) fn counters(&self) -> [u64; NameKind::ALL.len() + 1] {
        let [dns, tls, quic, http] = self.asked;
        [dns, tls, quic, http, self.answers]
    }

    /// In place of one that cannot be read back, or whose camera has left: nobody is shown it, and the place is free.
    pub(super) fn nobodys() -> Self {
        Self {
            camera: CameraId::NOBODY,
            client: IpAddr::from([0, 0, 0, 0]),
            name: Arc::from(""),
            asked: [0; NameKind::ALL.len()],
            http_ports: Vec::new(),
            answers: 0,
            addresses: Vec::new(),
            alpn: Vec::new(),
            ech: false,
            first: Timestamp::MIN,
            last: Timestamp::MIN,
            rhythm: RhythmId(u32::MAX),
        }
    }

    /// Whether its place is free.
    pub(super) fn is_nobodys(&self) -> bool {
        self.camera == CameraId::NOBODY
    }

    /// Shorter, where the lists of something damaged are too long.
    pub(super) fn bound(&mut self) {
        self.http_ports.truncate(MAX_EACH);
        self.alpn.truncate(MAX_EACH);
        self.addresses.truncate(MAX_ADDRESSES);
    }

    fn note(&mut self, seen: &NameSeen, now: Timestamp) {
        self.first = self.first.min(now);
        self.last = self.last.max(now);
        if seen.asked {
            self.asked[seen.kind as usize] += 1;
        } else {
            self.answers += 1;
        }
        self.ech |= seen.ech;
        if seen.kind == NameKind::Http && self.http_ports.len() < MAX_EACH && !self.http_ports.contains(&seen.port) {
            self.http_ports.push(seen.port);
        }
        for protocol in &seen.alpn {
            if self.alpn.len() < MAX_EACH && !self.alpn.contains(protocol) {
                self.alpn.push(protocol.clone());
            }
        }
        for &address in &seen.addresses {
            if self.addresses.len() < MAX_ADDRESSES && !self.addresses.contains(&address) {
                self.addresses.push(address);
            }
        }
    }
}

/// What a name is found by.
type NameKey = (CameraId, IpAddr, Arc<str>);

/// All names, bounded; when it is full, new names are counted and left out. From half full on no camera adds to more than a
/// 64th of it: who makes up names without end leaves room for the others'.
pub(super) struct NameTable {
    pub(super) names: Vec<NamePair>,
    /// Never more than there are names.
    pub(super) rhythms: Vec<NameRhythm>,
    /// Places that are free, the highest first: used before new ones.
    free_names: Vec<u32>,
    free_rhythms: Vec<u32>,
    pub(super) by_rhythm: AHashMap<(CameraId, Arc<str>), RhythmId>,
    pub(super) by_name: AHashMap<NameKey, NameId>,
    /// What an address was last called by, and until when that holds.
    pub(super) by_address: AHashMap<(CameraId, IpAddr), (NameId, NameKinds, Timestamp)>,
    limit: usize,
    pub(super) by_camera: AHashMap<CameraId, usize>,
    pub(super) left_out: u64,
    pub(super) unwritten: Unwritten,
}

/// What was not written down yet.
#[derive(Debug, Default)]
pub(super) struct Unwritten {
    pub(super) names: Changes,
    pub(super) rhythms: Changes,
    pub(super) addresses: ChangedKeys<(CameraId, IpAddr)>,
}

impl NameTable {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            names: Vec::new(),
            rhythms: Vec::new(),
            free_names: Vec::new(),
            free_rhythms: Vec::new(),
            by_rhythm: AHashMap::new(),
            by_name: AHashMap::new(),
            by_address: AHashMap::new(),
            limit,
            by_camera: AHashMap::new(),
            left_out: 0,
            unwritten: Unwritten::default(),
        }
    }

    pub(super) fn take(&mut self, camera: CameraId, client: IpAddr, seen: &NameSeen, now: Timestamp) -> Option<NameId> {
        let key = (camera, client, Arc::<str>::from(seen.name.as_str()));
        let id = match self.by_name.get(&key) {
            Some(&id) => id,
            None if !self.has_room(camera) => {
                self.left_out += 1;
                return None;
            }
            None => {
                let rhythm = self.rhythm(camera, &key.2);
                let new = NamePair {
                    camera,
                    client,
                    name: key.2.clone(),
                    asked: [0; NameKind::ALL.len()],
                    http_ports: Vec::new(),
                    answers: 0,
                    addresses: Vec::new(),
                    alpn: Vec::new(),
                    ech: false,
                    first: now,
                    last: now,
                    rhythm,
                };
                let id = NameId(put(&mut self.names, &mut self.free_names, new));
                self.by_name.insert(key, id);
                *self.by_camera.entry(camera).or_default() += 1;
                id
            }
        };
        let entry = self.names.get_mut(id.0 as usize)?;
        entry.note(seen, now);
        self.unwritten.names.note(id.0);
        let rhythm = entry.rhythm;
        let until = now + Duration::from_secs(u64::from(seen.ttl_s)) + GRACE;
        for &address in &seen.addresses {
            if let Some(rhythm) = self.rhythms.get_mut(rhythm.0 as usize)
                && !rhythm.addresses.contains(&address)
                && rhythm.addresses.len() < MAX_ADDRESSES
            {
                rhythm.addresses.push(address);
                self.unwritten.rhythms.note(entry.rhythm.0);
            }
            self.unwritten.addresses.note((camera, address));
            let room = self.by_address.len() < self.limit.saturating_mul(4);
            match self.by_address.get_mut(&(camera, address)) {
                Some(place) => {
                    if place.0 != id {
                        place.1 = NameKinds::default();
                    }
                    place.1.add(seen.kind);
                    (place.0, place.2) = (id, place.2.max(until));
                }
                None if room => {
                    let mut kinds = NameKinds::default();
                    kinds.add(seen.kind);
                    self.by_address.insert((camera, address), (id, kinds, until));
                }
                None => self.left_out += 1,
            }
        }
        Some(id)
    }

    fn has_room(&self, camera: CameraId) -> bool {
        let own = self.by_camera.get(&camera).copied().unwrap_or(0);
        self.len() < self.limit / 2 || (self.len() < self.limit && own < (self.limit / 64).max(1))
    }

    /// The name under which a camera knows an address now, and how it is known.
    pub(super) fn of_address(&self, camera: CameraId, address: IpAddr, now: Timestamp) -> Option<(NameId, NameKinds)> {
        self.by_address.get(&(camera, address)).filter(|(.., until)| *until >= now).map(|(id, kinds, _)| (*id, *kinds))
    }

    fn rhythm(&mut self, camera: CameraId, name: &Arc<str>) -> RhythmId {
        *self.by_rhythm.entry((camera, name.clone())).or_insert_with(|| {
            let new = NameRhythm { camera, name: name.clone(), ..NameRhythm::nobodys() };
            let id = RhythmId(put(&mut self.rhythms, &mut self.free_rhythms, new));
            self.unwritten.rhythms.note(id.0);
            id
        })
    }

    /// Feeds a name's rhythm; its place, where it is now to be listened to.
    pub(super) fn event(&mut self, name: NameId, time: Timestamp) -> Option<RhythmId> {
        let id = self.names.get(name.0 as usize)?.rhythm;
        self.unwritten.rhythms.note(id.0);
        self.rhythms.get_mut(id.0 as usize)?.beat.event(time).then_some(id)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.names.len() - self.free_names.len()
    }

    /// Some cameras leave, and their names with them.
    pub(super) fn forget(&mut self, leaves: impl Fn(CameraId) -> bool) {
        for (place, name) in (0..).zip(&mut self.names).filter(|(_, name)| leaves(name.camera)) {
            let NamePair { camera, client, name, .. } = std::mem::replace(name, NamePair::nobodys());
            self.by_name.remove(&(camera, client, name));
            self.unwritten.names.note(place);
        }
        for (place, rhythm) in (0..).zip(&mut self.rhythms).filter(|(_, rhythm)| leaves(rhythm.camera)) {
            let NameRhythm { camera, name, .. } = std::mem::replace(rhythm, NameRhythm::nobodys());
            self.by_rhythm.remove(&(camera, name));
            self.unwritten.rhythms.note(place);
        }
        self.by_camera.retain(|camera, _| !leaves(*camera));
        self.by_address.retain(|place, _| {
            let leaves = leaves(place.0);
            if leaves {
                self.unwritten.addresses.note(*place);
            }
            !leaves
        });
        self.find_free();
    }

    /// Finds the places that are nobody's.
    pub(super) fn find_free(&mut self) {
        let names = (0..).zip(&self.names).filter(|(_, name)| name.is_nobodys());
        self.free_names = names.map(|(place, _)| place).collect();
        let rhythms = (0..).zip(&self.rhythms).filter(|(_, rhythm)| rhythm.is_nobodys());
        self.free_rhythms = rhythms.map(|(place, _)| place).collect();
        self.free_names.reverse();
        self.free_rhythms.reverse();
    }

    /// Forgets what no longer holds.
    pub(super) fn age(&mut self, now: Timestamp) {
        self.by_address.retain(|place, (.., until)| {
            let holds = *until >= now;
            if !holds {
                self.unwritten.addresses.note(*place);
            }
            holds
        });
    }
}

/// Puts something at the first free place, and gives that.
fn put<T>(table: &mut Vec<T>, free: &mut Vec<u32>, new: T) -> u32 {
    if let Some(place) = free.pop()
        && let Some(entry) = table.get_mut(place as usize)
    {
        *entry = new;
        return place;
    }
    table.push(new);
    table.len() as u32 - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_makes_up_names_without_end_leaves_room_for_others() {
        let mut names = NameTable::new(1000);
        let mut ask = |camera: u32, name: String| {
            let seen = NameSeen::said(NameKind::Dns, name);
            names.take(CameraId::new(camera, 0), IpAddr::from([10, 0, 0, 1]), &seen, Timestamp::MIN).is_some()
        };
        let taken = (0..5000).filter(|number| ask(0, format!("{number}.example"))).count();
        assert_eq!(taken, 500);
        assert!((0..15).all(|number| ask(1, format!("{number}.example"))), "another's are taken");
        assert!(ask(0, "7.example".to_owned()), "what is known stays known");
        let taken = (2..5000).filter(|camera| ask(*camera, "a.example".to_owned())).count();
        assert_eq!((taken, names.names.len()), (485, 1000), "the table has its end");
    }
}
