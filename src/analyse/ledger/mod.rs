//! The ledger: every camera, every pair, every name, and what happened to them.

mod hourly;
mod room;
mod saved;
mod step;
mod view;
mod who;

use std::net::IpAddr;
use std::sync::Arc;

use ahash::{AHashMap, AHashSet};

use super::beat::{Beat, Listened};
use super::camera::{Camera, CameraId, Identity};
use super::coverage::Coverage;
use super::name::{NameId, NameTable, RhythmId};
use super::pair::{Pair, PairId};
use crate::device::facts::names;
use crate::device::{Inventory, WatchList};
use crate::geo::{Class, Geo, Place};
use crate::net::{Mac, Protocol, Service};
use crate::saved::Changes;
use crate::time::Timestamp;
use crate::track::{Event, EventKind, NameKind, NameSeen, Outcome};
use hourly::Hourly;

pub use hourly::HourCounted;
pub use step::{BeatKey, Step, StepKind};

/// How much the ledger may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerLimits {
    /// Cameras; when there is no room, those leave that look made up or gone. Who finds none even so is counted and left out.
    pub cameras: usize,
    /// Pairs; the least used of some leaves when there is no room.
    pub pairs: usize,
    /// Names; later ones are counted and left out.
    pub names: usize,
    /// Devices in the inventory; later ones are counted and left out.
    pub devices: usize,
}

impl Default for LedgerLimits {
    fn default() -> Self {
        Self { cameras: 65_536, pairs: 1_000_000, names: 262_144, devices: 65_536 }
    }
}

/// Sums over everything that was seen, also of what left the tables since.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct Totals {
    /// Attempts of watched devices.
    pub attempts: u64,
    /// Of these, over TCP.
    pub tcp_attempts: u64,
    /// Of these, over UDP.
    pub udp_attempts: u64,
    /// Of these, ICMP echo.
    pub icmp_attempts: u64,
    /// Retries of attempts.
    pub retries: u64,
    /// Attempts to overseas destinations.
    pub overseas_attempts: u64,
    /// Attempts to globally routable destinations of no known country.
    pub unknown_attempts: u64,
    /// Attempts to destinations at home.
    pub home_attempts: u64,
    /// Attempts to internal destinations.
    pub internal_attempts: u64,
    /// Contacts answered.
    pub answered: u64,
    /// Contacts refused.
    pub refused: u64,
    /// Contacts unanswered.
    pub unanswered: u64,
    /// Contacts first seen in the middle.
    pub midstream: u64,
    /// Contacts of which the port showed one direction only.
    pub one_sided: u64,
    /// Pulses inside open connections.
    pub pulses: u64,
    /// Names asked for in DNS.
    pub dns_questions: u64,
}

impl Totals {
    /// The counters, for checks.
    fn all(&self) -> [u64; 16] {
        [
            self.attempts,
            self.tcp_attempts,
            self.udp_attempts,
            self.icmp_attempts,
            self.retries,
            self.overseas_attempts,
            self.unknown_attempts,
            self.home_attempts,
            self.internal_attempts,
            self.answered,
            self.refused,
            self.unanswered,
            self.midstream,
            self.one_sided,
            self.pulses,
            self.dns_questions,
        ]
    }
}

/// The ledger. One owner; readers get what they ask for in the order of cameras and destinations.
pub struct Ledger {
    watch: Arc<WatchList>,
    geo: Arc<Geo>,
    limits: LedgerLimits,
    cameras: Vec<Option<Camera>>,
    /// Places of cameras that are free, and the generation that comes next there, the highest first.
    vacant: Vec<(u32, u8)>,
    /// Some camera has found no room since some was made.
    wants_room: bool,
    camera_index: AHashMap<Identity, CameraId>,
    /// Cameras found lately, by a few bits of their MAC address: what has one keeps its place.
    lately: Vec<Option<(Mac, CameraId)>>,
    pairs: Vec<Option<Pair>>,
    pair_index: AHashMap<(CameraId, IpAddr), PairId>,
    /// Where the search for a pair to evict goes on.
    hand: usize,
    names: NameTable,
    /// Rhythms to which something came since they were scored; as many as there are rhythms at most.
    listened: Vec<BeatKey>,
    /// Rhythms that were scored at the last look.
    scored: Vec<BeatKey>,
    /// Places of destinations, looked up once each.
    places: AHashMap<IpAddr, Arc<Place>>,
    inventory: Inventory,
    coverage: Coverage,
    totals: Totals,
    evicted_pairs: u64,
    evicted_cameras: u64,
    cameras_left_out: u64,
    /// Configured names that are a camera's id.
    names_taken: AHashSet<String>,
    last_aged: Timestamp,
    began: Option<Timestamp>,
    /// Places of pairs that are free, the highest first: used before new ones.
    free: Vec<PairId>,
    unwritten: Unwritten,
    hourly: Hourly,
}

/// What was not written down yet.
#[derive(Debug, Default)]
struct Unwritten {
    cameras: Changes,
    pairs: Changes,
    /// Tells the configured cameras from others; made when it is first written.
    watched: Option<Vec<u8>>,
}

const EVICTION_SAMPLE: usize = 16;
const LATELY: usize = 1024;
/// An hour that lost more than this share of its packets is not observable.
const DEFAULT_MAX_LOSS: f64 = 0.01;

impl Ledger {
    /// An empty ledger.
    pub fn new(watch: Arc<WatchList>, geo: Arc<Geo>, mut limits: LedgerLimits) -> Self {
        limits.cameras = limits.cameras.min(CameraId::PLACES);
        let inventory = Inventory::new(limits.devices, watch.router_addresses);
        Self {
            watch,
            geo,
            limits,
            cameras: Vec::new(),
            vacant: Vec::new(),
            wants_room: false,
            camera_index: AHashMap::new(),
            lately: vec![None; LATELY],
            pairs: Vec::new(),
            pair_index: AHashMap::new(),
            hand: 0,
            names: NameTable::new(limits.names),
            listened: Vec::new(),
            scored: Vec::new(),
            places: AHashMap::new(),
            inventory,
            coverage: Coverage::new(DEFAULT_MAX_LOSS),
            totals: Totals::default(),
            evicted_pairs: 0,
            evicted_cameras: 0,
            cameras_left_out: 0,
            names_taken: AHashSet::new(),
            last_aged: Timestamp::MIN,
            began: None,
            free: Vec::new(),
            unwritten: Unwritten::default(),
            hourly: Hourly::new(),
        }
    }

    /// Takes a new configuration: what was counted stays, places are looked up anew.
    pub fn reconfigure(&mut self, watch: Arc<WatchList>, geo: Arc<Geo>) {
        self.watch = watch;
        self.inventory.set_router_addresses(self.watch.router_addresses);
        for camera in self.cameras.iter_mut().flatten() {
            let address = camera.addresses.last().copied();
            camera.configure(address.and_then(|address| self.watch.configured(address, camera.mac)));
        }
        self.unwritten.cameras.note_all(self.cameras.len());
        self.unwritten.watched = None;
        self.set_geo(geo);
    }

    /// Takes the share of packets (0 to 1) above which an hour that lost them is not observable.
    pub fn set_max_loss(&mut self, max_loss: f64) {
        self.coverage.set_max_loss(max_loss);
    }

    /// Notes how the capture went up to `now`: see [`Coverage::capture`].
    pub fn capture(&mut self, now: Timestamp, frames: u64, lost: u64, down: bool) {
        self.coverage.capture(now, frames, lost, down);
    }

    /// Takes new country and owner data. What was counted under the old stays counted so.
    pub fn set_geo(&mut self, geo: Arc<Geo>) {
        self.geo = geo;
        self.places.clear();
        for pair in self.pairs.iter_mut().flatten() {
            pair.place = place_of(&mut self.places, &self.geo, pair.address);
        }
    }

    /// Takes an event and says what it came to.
    pub fn take(&mut self, event: &Event) -> Option<Step> {
        let time = event.time;
        match &event.kind {
            EventKind::Sighting(sighting) => {
                let id = self.inventory.take(event.segment, sighting, time)?;
                self.recognise(id, time);
                return None;
            }
            EventKind::Present { link } => {
                self.coverage.present(event.segment, event.device, time);
                let id = self.inventory.present(event.segment, event.device, *link, time)?;
                self.recognise(id, time);
                return None;
            }
            EventKind::Router => {
                event.mac.into_iter().for_each(|mac| self.unmask_router(mac));
                return None;
            }
            _ => {}
        }
        let camera = self.camera(event)?;
        self.began.get_or_insert(time);
        // Each kind of step is made where it is given: a step made once for all would be copied there.
        let step = |kind| Some(Step { time, camera, kind });
        match &event.kind {
            EventKind::Attempt { destination, service } => {
                self.totals.attempts += 1;
                match service.protocol {
                    Protocol::Tcp => self.totals.tcp_attempts += 1,
                    Protocol::Udp => self.totals.udp_attempts += 1,
                    Protocol::Icmp => self.totals.icmp_attempts += 1,
                }
                let entry = at_mut(&mut self.cameras, camera)?;
                entry.attempts += 1;
                let Some(pair) = self.pair(camera, *destination, time) else {
                    self.totals.internal_attempts += 1;
                    at_mut(&mut self.cameras, camera)?.count_internal(*service);
                    if let Some(inside) = self.hourly.inside(camera, time) {
                        inside.seen(*service, time);
                        inside.counts.attempts += 1;
                    }
                    return step(StepKind::Inside { destination: *destination, service: *service });
                };
                self.comes_to(pair, time);
                let first = self.count_attempt(camera, pair, *service, time)?;
                step(StepKind::Attempt { pair, first, service: *service })
            }
            EventKind::Contact { destination, service, outcome, traffic } => {
                self.totals.retries += u64::from(traffic.retries);
                self.totals.one_sided += u64::from(traffic.one_sided);
                self.count_outcome(camera, *outcome);
                let Some(pair) = self.pair(camera, *destination, time) else {
                    if let Some(inside) = self.hourly.inside(camera, time) {
                        inside.seen(*service, time);
                        inside.contact(*outcome, traffic);
                    }
                    return None;
                };
                self.comes_to(pair, time);
                let entry = self.pairs.get_mut(pair.0 as usize)?.as_mut()?;
                entry.seen(*service, time);
                entry.contact(*outcome, traffic);
                step(StepKind::Contact {
                    pair,
                    outcome: *outcome,
                    bytes_out: traffic.bytes_out,
                    lasted: traffic.lasted,
                    own: (event.device, traffic.own_port),
                    service: *service,
                })
            }
            EventKind::Pulse { destination, service } => {
                self.totals.pulses += 1;
                let pair = self.pair(camera, *destination, time)?;
                self.comes_to(pair, time);
                let entry = self.pairs.get_mut(pair.0 as usize)?.as_mut()?;
                entry.seen(*service, time);
                entry.counts.pulses += 1;
                self.feed(camera, pair, time);
                step(StepKind::Pulse { pair, service: *service })
            }
            EventKind::Inbound { from, from_port, service } => {
                step(StepKind::Inbound { from: *from, from_port: *from_port, at: event.device, service: *service })
            }
            EventKind::Name(seen) => {
                let name = self.name(camera, event.device, seen, time)?;
                if seen.asked { step(StepKind::Asked { name }) } else { None }
            }
            EventKind::Router | EventKind::Sighting(_) | EventKind::Present { .. } => None,
        }
    }

    /// Notes that something comes to a pair, before it is counted.
    fn comes_to(&mut self, id: PairId, time: Timestamp) {
        self.unwritten.pairs.note(id.0);
        if let Some(Some(pair)) = self.pairs.get(id.0 as usize) {
            self.hourly.open(id, pair, time);
        }
    }

    /// Capture time is at `now`: where an hour is over, what was counted in it is closed.
    #[inline]
    pub fn enter(&mut self, now: Timestamp) {
        if self.hourly.is_over(now) {
            self.hourly.close(&self.pairs);
            self.hourly.begin(now);
        }
    }

    /// Does what wants doing now and then: forgets names whose time is over, and makes room for cameras that found none.
    ///
    /// Gives whether cameras left for that. What they had may be another's with the next event: whoever refers to cameras, pairs
    /// or names forgets those that are gone before.
    #[must_use]
    pub fn age(&mut self, now: Timestamp) -> bool {
        if now.since(self.last_aged).as_secs() < 60 && now >= self.last_aged {
            return false;
        }
        self.last_aged = now;
        self.names.age(now);
        std::mem::take(&mut self.wants_room) && self.make_room(now)
    }

    fn count_attempt(&mut self, camera: CameraId, pair: PairId, service: Service, time: Timestamp) -> Option<bool> {
        let entry = self.pairs.get_mut(pair.0 as usize)?.as_mut()?;
        let first = entry.counts.attempts == 0;
        entry.counts.attempts += 1;
        entry.seen(service, time);
        let owner = at_mut(&mut self.cameras, camera)?;
        match entry.place.class {
            Class::Overseas => {
                self.totals.overseas_attempts += 1;
                owner.overseas_attempts += 1;
            }
            Class::Unknown => {
                self.totals.unknown_attempts += 1;
                owner.unknown_attempts += 1;
            }
            Class::Home => self.totals.home_attempts += 1,
            Class::Internal | Class::Special => {
                self.totals.internal_attempts += 1;
                owner.count_internal(service);
            }
        }
        self.feed(camera, pair, time);
        Some(first)
    }

    /// An attempt or a pulse feeds the rhythms of its pair, of its name (addresses change under a name), and of all
    /// overseas calls of the camera.
    fn feed(&mut self, camera: CameraId, pair: PairId, time: Timestamp) {
        let Some(Some(entry)) = self.pairs.get_mut(pair.0 as usize) else { return };
        if entry.beat.event(time) {
            self.listened.push(BeatKey::Pair(pair));
        }
        if entry.place.class == Class::Overseas
            && let Some(owner) = at_mut(&mut self.cameras, camera)
            && owner.overseas_beat.event(time)
        {
            self.listened.push(BeatKey::Camera(camera));
        }
        if let Some((name, _)) = self.names.of_address(camera, entry.address, time) {
            self.listened.extend(self.names.event(name, time).map(BeatKey::Name));
        }
    }

    /// Scores the rhythms that are due at `now`: see [`Ledger::scored`].
    pub fn listen(&mut self, now: Timestamp) {
        self.scored.clear();
        let mut listened = std::mem::take(&mut self.listened);
        listened.retain(|key| match self.beat_mut(*key).map(|beat| beat.listen(now)) {
            Some(Listened::Scored) => {
                self.note_beat(*key);
                self.scored.push(*key);
                false
            }
            Some(Listened::NotYet) => true,
            Some(Listened::Nothing) => {
                self.note_beat(*key);
                false
            }
            None => false,
        });
        self.listened = listened;
        self.scored.sort_unstable();
    }

    fn beat_mut(&mut self, key: BeatKey) -> Option<&mut Beat> {
        match key {
            BeatKey::Pair(id) => Some(&mut self.pairs.get_mut(id.0 as usize)?.as_mut()?.beat),
            BeatKey::Name(id) => Some(&mut self.names.rhythms.get_mut(id.0 as usize)?.beat),
            BeatKey::Camera(id) => Some(&mut at_mut(&mut self.cameras, id)?.overseas_beat),
        }
    }

    fn note_beat(&mut self, key: BeatKey) {
        match key {
            BeatKey::Pair(id) => self.unwritten.pairs.note(id.0),
            BeatKey::Name(id) => self.names.unwritten.rhythms.note(id.0),
            BeatKey::Camera(id) => self.unwritten.cameras.note(id.place()),
        }
    }

    /// The clock was set back: what was counted stays with the hour in which it came, and the next moment begins another.
    pub fn set_back(&mut self) {
        self.hourly.close(&self.pairs);
        self.hourly.rewind();
    }

    /// The whole capture stepped back in time: every rhythm starts anew.
    pub fn rewind(&mut self) {
        self.set_back();
        self.unwritten.pairs.note_all(self.pairs.len());
        self.names.unwritten.rhythms.note_all(self.names.rhythms.len());
        self.unwritten.cameras.note_all(self.cameras.len());
        self.pairs.iter_mut().flatten().for_each(|pair| pair.beat = Beat::default());
        self.names.rhythms.iter_mut().for_each(|rhythm| rhythm.beat = Beat::default());
        self.cameras.iter_mut().flatten().for_each(|camera| camera.overseas_beat = Beat::default());
        self.listened.clear();
        self.scored.clear();
    }

    fn count_outcome(&mut self, camera: CameraId, outcome: Option<Outcome>) {
        let Some(camera) = at_mut(&mut self.cameras, camera) else { return };
        match outcome {
            Some(Outcome::Answered) => {
                self.totals.answered += 1;
                camera.answered += 1;
            }
            Some(Outcome::Refused) => {
                self.totals.refused += 1;
                camera.refused += 1;
            }
            Some(Outcome::Unanswered) => {
                self.totals.unanswered += 1;
                camera.unanswered += 1;
            }
            Some(Outcome::Midstream) => self.totals.midstream += 1,
            None => {}
        }
    }

    fn name(&mut self, camera: CameraId, client: IpAddr, seen: &NameSeen, time: Timestamp) -> Option<NameId> {
        if seen.asked && seen.kind == crate::track::NameKind::Dns {
            self.totals.dns_questions += 1;
            at_mut(&mut self.cameras, camera)?.dns_questions += 1;
        }
        let id = self.names.take(camera, client, seen, time)?;
        // What is said in a connection belongs to the attempt, which is an event already.
        if seen.asked && seen.kind == NameKind::Dns {
            self.listened.extend(self.names.event(id, time).map(BeatKey::Name));
        }
        let entry = self.names.names.get(id.0 as usize)?;
        let (name, known) = (entry.name.clone(), NameKind::ALL.iter().map(|kind| entry.asked(*kind)).sum::<u64>() > 1);
        // Whose cloud it is of tells the maker, if the device is a camera.
        if seen.asked && !known {
            for sighting in names::of_name(&name) {
                let device = self.camera_of(camera).and_then(|camera| self.device_of(camera));
                if let Some((device, _)) = device {
                    self.inventory.learn(device, &sighting, time);
                }
            }
        }
        for &address in &seen.addresses {
            if let Some(pair) = self.pair_index.get(&(camera, address))
                && let Some(Some(entry)) = self.pairs.get_mut(pair.0 as usize)
            {
                entry.add_name(&name, [seen.kind]);
                self.unwritten.pairs.note(pair.0);
            }
        }
        Some(id)
    }

    /// The pair of a camera and a destination, made if new. None for internal destinations, which are only counted,
    /// unless every address is watched.
    #[inline]
    fn pair(&mut self, camera: CameraId, address: IpAddr, time: Timestamp) -> Option<PairId> {
        match self.camera_of(camera)?.last_pair {
            Some((last, pair)) if last == address => Some(pair),
            _ => self.another_pair(camera, address, time),
        }
    }

    #[inline(never)]
    fn another_pair(&mut self, camera: CameraId, address: IpAddr, time: Timestamp) -> Option<PairId> {
        let id = if let Some(&id) = self.pair_index.get(&(camera, address)) {
            id
        } else {
            if self.places.len() > self.limits.pairs {
                self.places.clear();
            }
            let place = place_of(&mut self.places, &self.geo, address);
            if matches!(place.class, Class::Internal | Class::Special) && !self.watch.all && is_inside(address) {
                return None;
            }
            self.new_pair(camera, address, place, time)?
        };
        at_mut(&mut self.cameras, camera)?.last_pair = Some((address, id));
        Some(id)
    }

    fn new_pair(&mut self, camera: CameraId, address: IpAddr, place: Arc<Place>, time: Timestamp) -> Option<PairId> {
        let mut pair = Pair::new(camera, address, place, time);
        if let Some((name, kinds)) = self.names.of_address(camera, address, time)
            && let Some(name) = self.names.names.get(name.0 as usize)
        {
            pair.add_name(&name.name, kinds.iter());
        }
        let owner = at_mut(&mut self.cameras, camera)?;
        owner.destinations += 1;
        owner.overseas_destinations += u32::from(pair.place.class == Class::Overseas);
        let id = if self.pair_index.len() >= self.limits.pairs {
            self.evict_pair()?
        } else {
            self.free.pop().unwrap_or(PairId(self.pairs.len() as u32))
        };
        self.unwritten.pairs.note(id.0);
        match self.pairs.get_mut(id.0 as usize) {
            Some(place) => *place = Some(pair),
            None => self.pairs.push(Some(pair)),
        }
        self.pair_index.insert((camera, address), id);
        Some(id)
    }

    /// Makes room: of some neighbours the pair with the fewest attempts leaves, among equals the one silent longest.
    fn evict_pair(&mut self) -> Option<PairId> {
        let length = self.pairs.len();
        let at = (0..EVICTION_SAMPLE.min(length)).map(|step| (self.hand + step) % length).min_by_key(|&at| {
            self.pairs[at].as_ref().map(|pair| (pair.counts.attempts + pair.counts.pulses, pair.last))
        })?;
        self.hand = (at + 1) % length;
        let pair = self.pairs[at].take()?;
        self.hourly.close_one(PairId(at as u32), &pair);
        self.pair_index.remove(&(pair.camera, pair.address));
        if let Some(camera) = at_mut(&mut self.cameras, pair.camera) {
            camera.last_pair = None;
        }
        self.evicted_pairs += 1;
        Some(PairId(at as u32))
    }
}

/// A camera, if it has not left.
#[inline]
fn at(cameras: &[Option<Camera>], id: CameraId) -> Option<&Camera> {
    cameras.get(id.place() as usize)?.as_ref().filter(|camera| camera.generation == id.generation())
}

#[inline]
fn at_mut(cameras: &mut [Option<Camera>], id: CameraId) -> Option<&mut Camera> {
    cameras.get_mut(id.place() as usize)?.as_mut().filter(|camera| camera.generation == id.generation())
}

fn is_inside(address: IpAddr) -> bool {
    !matches!(crate::net::space(address), crate::net::Space::Reserved)
}

fn place_of(places: &mut AHashMap<IpAddr, Arc<Place>>, geo: &Geo, address: IpAddr) -> Arc<Place> {
    places.entry(address).or_insert_with(|| Arc::new(geo.place(address))).clone()
}
