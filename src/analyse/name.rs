//! The names that cameras asked for or said, and the addresses these stand for.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ahash::AHashMap;

use super::beat::Beat;
use super::camera::CameraId;
use crate::time::Timestamp;
use crate::track::{NameKind, NameSeen};

/// A name's place in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameId(pub(super) u32);

/// Addresses kept of one name.
const MAX_ADDRESSES: usize = 32;
/// Cameras keep calling an address somewhat after the TTL of its name has passed.
const GRACE: Duration = Duration::from_secs(300);

/// A name that a device used for a host.
#[derive(Debug)]
pub struct NamePair {
    /// The camera.
    pub camera: CameraId,
    /// The address that it asked from.
    pub client: IpAddr,
    /// How the name is known.
    pub kind: NameKind,
    /// The name, in lower case.
    pub name: Arc<str>,
    /// What it stands for, first seen first; at most 32.
    pub addresses: Vec<IpAddr>,
    /// How often the device itself used the name: its questions, its greetings.
    pub asked: u64,
    /// First seen.
    pub first: Timestamp,
    /// Last seen.
    pub last: Timestamp,
    /// Where its rhythm is: the same for all the ways in which a camera uses a name.
    pub rhythm: RhythmId,
}

/// A name's rhythm's place in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RhythmId(pub(super) u32);

/// A camera × name, however it is known: what keeps its rhythm while addresses change.
#[derive(Debug)]
pub struct NameRhythm {
    /// The camera.
    pub camera: CameraId,
    /// The name, in lower case.
    pub name: Arc<str>,
    /// What it stands for, first seen first; at most 32.
    pub addresses: Vec<IpAddr>,
    /// The rhythm of its questions and greetings, and of attempts and pulses to the name's addresses.
    pub beat: Beat,
}

/// All names, bounded; when it is full, new names are counted and left out.
pub(super) struct NameTable {
    pub(super) names: Vec<NamePair>,
    /// Never more than there are names.
    pub(super) rhythms: Vec<NameRhythm>,
    by_rhythm: AHashMap<(CameraId, Arc<str>), RhythmId>,
    by_name: AHashMap<(CameraId, IpAddr, NameKind, Arc<str>), NameId>,
    /// What an address was last called by, and until when that holds.
    by_address: AHashMap<(CameraId, IpAddr), (NameId, Timestamp)>,
    limit: usize,
    pub(super) left_out: u64,
}

impl NameTable {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            names: Vec::new(),
            rhythms: Vec::new(),
            by_rhythm: AHashMap::new(),
            by_name: AHashMap::new(),
            by_address: AHashMap::new(),
            limit,
            left_out: 0,
        }
    }

    pub(super) fn take(&mut self, camera: CameraId, client: IpAddr, seen: &NameSeen, now: Timestamp) -> Option<NameId> {
        let key = (camera, client, seen.kind, Arc::<str>::from(seen.name.as_str()));
        let id = match self.by_name.get(&key) {
            Some(&id) => id,
            None if self.names.len() >= self.limit => {
                self.left_out += 1;
                return None;
            }
            None => {
                let id = NameId(self.names.len() as u32);
                let rhythm = self.rhythm(camera, &key.3);
                self.names.push(NamePair {
                    camera,
                    client,
                    kind: seen.kind,
                    name: key.3.clone(),
                    addresses: Vec::new(),
                    asked: 0,
                    first: now,
                    last: now,
                    rhythm,
                });
                self.by_name.insert(key, id);
                id
            }
        };
        let entry = self.names.get_mut(id.0 as usize)?;
        entry.last = entry.last.max(now);
        if seen.asked {
            entry.asked += 1;
        }
        let until = now + Duration::from_secs(u64::from(seen.ttl_s)) + GRACE;
        for &address in &seen.addresses {
            if !entry.addresses.contains(&address) && entry.addresses.len() < MAX_ADDRESSES {
                entry.addresses.push(address);
            }
            if let Some(rhythm) = self.rhythms.get_mut(entry.rhythm.0 as usize)
                && !rhythm.addresses.contains(&address)
                && rhythm.addresses.len() < MAX_ADDRESSES
            {
                rhythm.addresses.push(address);
            }
            if self.by_address.len() < self.limit.saturating_mul(4) || self.by_address.contains_key(&(camera, address))
            {
                self.by_address.insert((camera, address), (id, until));
            }
        }
        Some(id)
    }

    /// The name under which a camera knows an address now.
    pub(super) fn of_address(&self, camera: CameraId, address: IpAddr, now: Timestamp) -> Option<NameId> {
        self.by_address.get(&(camera, address)).filter(|(_, until)| *until >= now).map(|(id, _)| *id)
    }

    fn rhythm(&mut self, camera: CameraId, name: &Arc<str>) -> RhythmId {
        *self.by_rhythm.entry((camera, name.clone())).or_insert_with(|| {
            let beat = Beat::default();
            self.rhythms.push(NameRhythm { camera, name: name.clone(), addresses: Vec::new(), beat });
            RhythmId(self.rhythms.len() as u32 - 1)
        })
    }

    /// Feeds a name's rhythm; its place, where it is now to be listened to.
    pub(super) fn event(&mut self, name: NameId, time: Timestamp) -> Option<RhythmId> {
        let id = self.names.get(name.0 as usize)?.rhythm;
        self.rhythms.get_mut(id.0 as usize)?.beat.event(time).then_some(id)
    }

    /// Forgets what no longer holds.
    pub(super) fn age(&mut self, now: Timestamp) {
        self.by_address.retain(|_, (_, until)| *until >= now);
    }
}
