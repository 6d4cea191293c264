//! The ledger in a checkpoint: what changed since the last one, and the ledger that goes on from there.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::super::camera::{Camera, CameraId, Identity};
use super::super::coverage::Coverage;
use super::super::name::{NameId, NameKinds, NamePair, NameRhythm, NameTable};
use super::super::pair::{Pair, PairId};
use super::hourly::HourCounted;
use super::{BeatKey, DEFAULT_MAX_LOSS, Ledger, LedgerLimits, Totals, at, place_of};
use crate::device::{Inventory, WatchList};
use crate::geo::Geo;
use crate::saved::{Damaged, Piece, Pieces, check_counts, encode, encode_small, key_of};
use crate::time::Timestamp;

const CAMERAS: &str = "camera";
const PAIRS: &str = "pair";
const NAMES: &str = "name";
const RHYTHMS: &str = "rhythm";
const NAMED: &str = "named-address";
const SUMS: &str = "ledger";

/// What the ledger is beside its tables.
#[derive(Serialize, Deserialize)]
struct Sums {
    #[serde(default)]
    totals: Totals,
    #[serde(default)]
    hand: u64,
    #[serde(default)]
    evicted_pairs: u64,
    #[serde(default)]
    evicted_cameras: u64,
    #[serde(default)]
    cameras_left_out: u64,
    #[serde(default)]
    wants_room: bool,
    #[serde(default)]
    names_left_out: u64,
    last_aged: Timestamp,
    began: Option<Timestamp>,
    #[serde(default)]
    hour: Option<i64>,
    /// Tells one configuration of cameras from another.
    watched: Vec<u8>,
}

/// Tells one configuration of cameras from another.
fn print_of(watch: &WatchList) -> Vec<u8> {
    ring::digest::digest(&ring::digest::SHA256, format!("{:?}", watch.cameras()).as_bytes()).as_ref().to_vec()
}

impl Ledger {
    /// Gives a piece of everything that changed since the last time, or of all there is. Changes are noted, and hours
    /// counted, from the first time on that all is given, or that the ledger was restored.
    pub fn save(&mut self, whole: bool, pieces: &mut Vec<Piece>) {
        if whole {
            self.note_changes();
            self.unwritten.cameras.note_all(self.cameras.len());
            self.unwritten.pairs.note_all(self.pairs.len());
            self.names.unwritten.names.note_all(self.names.names.len());
            self.names.unwritten.rhythms.note_all(self.names.rhythms.len());
            self.names.by_address.keys().for_each(|place| self.names.unwritten.addresses.note(*place));
        }
        self.save_cameras(pieces);
        for place in self.unwritten.pairs.take() {
            let bytes = self.pairs.get(place as usize).and_then(Option::as_ref).map(encode_small);
            pieces.push(Piece { part: PAIRS, key: key_of(place), bytes });
        }
        let names = &mut self.names;
        for place in names.unwritten.names.take() {
            let bytes = names.names.get(place as usize).filter(|name| !name.is_nobodys()).map(encode_small);
            pieces.push(Piece { part: NAMES, key: key_of(place), bytes });
        }
        for place in names.unwritten.rhythms.take() {
            let bytes = names.rhythms.get(place as usize).filter(|rhythm| !rhythm.is_nobodys()).map(encode_small);
            pieces.push(Piece { part: RHYTHMS, key: key_of(place), bytes });
        }
        for place in names.unwritten.addresses.take() {
            let bytes = names.by_address.get(&place).map(encode_small);
            pieces.push(Piece { part: NAMED, key: encode_small(&place), bytes });
        }
        let sums = Sums {
            totals: self.totals,
            hand: self.hand as u64,
            evicted_pairs: self.evicted_pairs,
            evicted_cameras: self.evicted_cameras,
            cameras_left_out: self.cameras_left_out,
            wants_room: self.wants_room,
            names_left_out: self.names.left_out,
            last_aged: self.last_aged,
            began: self.began,
            hour: self.hourly.hour(),
            watched: self.unwritten.watched.get_or_insert_with(|| print_of(&self.watch)).clone(),
        };
        pieces.push(Piece { part: SUMS, key: Vec::new(), bytes: Some(encode(&sums)) });
        self.coverage.save(whole, pieces);
        self.inventory.save(whole, pieces);
    }

    fn save_cameras(&mut self, pieces: &mut Vec<Piece>) {
        let changed = self.unwritten.cameras.take();
        if changed.is_empty() {
            return;
        }
        let mut identities: Vec<Option<Identity>> = vec![None; self.cameras.len()];
        for (identity, id) in &self.camera_index {
            if let Some(place) = identities.get_mut(id.place() as usize) {
                *place = Some(*identity);
            }
        }
        for place in changed {
            let camera = self.cameras.get(place as usize).and_then(Option::as_ref).zip(identities.get(place as usize));
            let bytes = camera.map(|(camera, identity)| encode(&(identity, camera)));
            pieces.push(Piece { part: CAMERAS, key: key_of(place), bytes });
        }
    }

    fn note_changes(&mut self) {
        self.unwritten.cameras.start();
        self.unwritten.pairs.start();
        self.names.unwritten.names.start();
        self.names.unwritten.rhythms.start();
        self.names.unwritten.addresses.start();
        self.hourly.start();
    }

    /// From now on, hours are counted, without a checkpoint.
    pub fn count_hours(&mut self) {
        self.hourly.start();
    }

    /// What each pair came to since hours were last taken, and the hours that are over since then: of these it can be told
    /// who could be observed.
    pub fn take_hours(&mut self) -> (Vec<HourCounted>, Vec<i64>) {
        self.hourly.close(&self.pairs);
        self.hourly.take()
    }

    /// Up to `most` devices of which people would say that they changed since the last time; the others come next time.
    pub fn take_news(&mut self, most: usize) -> Vec<crate::device::DeviceId> {
        self.inventory.take_news(most)
    }

    /// As it was when its pieces were given, but for what has no room now and what cannot be read. Places are looked up
    /// anew; where cameras are configured otherwise than then, that holds as after [`Ledger::reconfigure`].
    pub fn restore(watch: Arc<WatchList>, geo: Arc<Geo>, limits: LedgerLimits, pieces: &mut Pieces) -> Self {
        let mut ledger = Self::new(watch.clone(), geo.clone(), limits);
        ledger.inventory = Inventory::restore(limits.devices, watch.router_addresses, pieces);
        ledger.coverage = Coverage::restore(DEFAULT_MAX_LOSS, pieces);
        ledger.restore_cameras(pieces);
        ledger.restore_names(pieces);
        ledger.restore_pairs(pieces);
        ledger.note_changes();
        ledger.restore_sums(pieces);
        if ledger.unwritten.watched.is_none() {
            ledger.reconfigure(watch, geo);
        }
        ledger
    }

    fn restore_cameras(&mut self, pieces: &mut Pieces) {
        let check = |_, (identity, mut camera): (Option<Identity>, Camera)| {
            check_counts(&camera.counters().collect::<Vec<_>>())?;
            camera.bound();
            Ok((identity, camera))
        };
        for (place, (identity, camera)) in pieces.take_places(CAMERAS, self.limits.cameras, check) {
            let id = CameraId::new(place, camera.generation);
            self.cameras.resize_with(place as usize, || None);
            self.camera_index.extend(identity.map(|identity| (identity, id)));
            self.names_taken.insert(camera.id.clone());
            if camera.overseas_beat.is_queued() {
                self.listened.push(BeatKey::Camera(id));
            }
            self.cameras.push(Some(camera));
        }
        // What referred to those that were there is left out, and forgotten by the rules: generations may begin anew.
        let vacant = (0..).zip(&self.cameras).filter(|(_, camera)| camera.is_none());
        self.vacant = vacant.map(|(place, _)| (place, 0)).collect();
        self.vacant.reverse();
    }

    fn restore_names(&mut self, pieces: &mut Pieces) {
        let cameras = &self.cameras;
        let known = |camera| at(cameras, camera).map(|_| ()).ok_or(Damaged::Impossible("a camera that is not there"));
        let mut names = NameTable::new(self.limits.names);
        let check = |_, mut rhythm: NameRhythm| {
            known(rhythm.camera)?;
            rhythm.bound();
            Ok(rhythm)
        };
        for (place, rhythm) in pieces.take_places(RHYTHMS, self.limits.names, check) {
            names.rhythms.resize_with(place as usize, NameRhythm::nobodys);
            let id = super::RhythmId(place);
            names.by_rhythm.insert((rhythm.camera, rhythm.name.clone()), id);
            if rhythm.beat.is_queued() {
                self.listened.push(BeatKey::Name(id));
            }
            names.rhythms.push(rhythm);
        }
        let check = |_, mut name: NamePair| {
            known(name.camera)?;
            check_counts(&name.counters())?;
            name.bound();
            let rhythm = names.rhythms.get(name.rhythm.0 as usize);
            let rhythm = rhythm.filter(|rhythm| (rhythm.camera, &rhythm.name) == (name.camera, &name.name));
            // One text for both.
            name.name = rhythm.ok_or(Damaged::Impossible("a name without its rhythm"))?.name.clone();
            Ok(name)
        };
        for (place, name) in pieces.take_places(NAMES, self.limits.names, check) {
            names.names.resize_with(place as usize, NamePair::nobodys);
            names.by_name.insert((name.camera, name.client, name.name.clone()), NameId(place));
            *names.by_camera.entry(name.camera).or_default() += 1;
            names.names.push(name);
        }
        let most = self.limits.names.saturating_mul(4);
        pieces.take_keys(NAMED, |place, named: (NameId, NameKinds, Timestamp)| {
            if names.names.get(named.0.0 as usize).is_none() || names.by_address.len() >= most {
                return Err(Damaged::Impossible("an address of a name that is not there"));
            }
            names.by_address.insert(place, named);
            Ok(())
        });
        names.find_free();
        self.names = names;
    }

    fn restore_pairs(&mut self, pieces: &mut Pieces) {
        let mut twice = Vec::new();
        let (cameras, index, rhythms) = (&self.cameras, &mut self.pair_index, &self.names.by_rhythm);
        let check = |place, mut pair: Pair| {
            check_counts(&pair.counters())?;
            if at(cameras, pair.camera).is_none() {
                return Err(Damaged::Impossible("a camera that is not there"));
            }
            if let Some(before) = index.insert((pair.camera, pair.address), PairId(place)) {
                twice.push(before);
            }
            pair.bound();
            for name in &mut pair.names {
                if let Some(((_, one), _)) = rhythms.get_key_value(&(pair.camera, name.name.clone())) {
                    name.name = one.clone();
                }
            }
            Ok(pair)
        };
        for (place, mut pair) in pieces.take_places(PAIRS, self.limits.pairs, check) {
            self.pairs.resize_with(place as usize, || None);
            if pair.beat.is_queued() {
                self.listened.push(BeatKey::Pair(PairId(place)));
            }
            pair.place = place_of(&mut self.places, &self.geo, pair.address);
            self.pairs.push(Some(pair));
        }
        for PairId(place) in twice {
            self.pairs[place as usize] = None;
            pieces.leave_out(PAIRS, key_of(place), "a camera and a destination are there twice");
        }
        let free = (0..).map(PairId).zip(&self.pairs).filter(|(_, pair)| pair.is_none());
        self.free = free.map(|(id, _)| id).collect();
        self.free.reverse();
    }

    fn restore_sums(&mut self, pieces: &mut Pieces) {
        let Some(sums) = pieces.take_one::<Sums>(SUMS) else { return };
        let left = [sums.evicted_pairs, sums.evicted_cameras];
        let others = [sums.hand, left[0], left[1], sums.cameras_left_out, sums.names_left_out];
        if check_counts(&sums.totals.all()).and_then(|()| check_counts(&others)).is_ok() {
            self.totals = sums.totals;
            self.hand = sums.hand as usize % self.pairs.len().max(1);
            [self.evicted_pairs, self.evicted_cameras] = left;
            self.cameras_left_out = sums.cameras_left_out;
            self.names.left_out = sums.names_left_out;
        }
        (self.last_aged, self.began, self.wants_room) = (sums.last_aged, sums.began, sums.wants_room);
        self.hourly.go_on_from(sums.hour);
        self.unwritten.watched = Some(sums.watched).filter(|watched| *watched == print_of(&self.watch));
    }
}
