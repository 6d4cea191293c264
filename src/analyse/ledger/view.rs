//! What the ledger tells those who only look: rules, reports, metrics.

use std::net::IpAddr;
use std::sync::Arc;

use super::super::beat::Beat;
use super::super::camera::{Camera, CameraId};
use super::super::coverage::Coverage;
use super::super::name::{NameId, NamePair, NameRhythm, RhythmId};
use super::super::pair::{Answer, Pair, PairId};
use super::{BeatKey, Ledger, LedgerLimits, Totals, at};
use crate::device::{Device, DeviceId, Inventory, WatchList};
use crate::geo::Geo;
use crate::time::Timestamp;

impl Ledger {
    /// The rhythms that [`Ledger::listen`] scored last, in order.
    pub fn scored(&self) -> &[BeatKey] {
        &self.scored
    }

    /// A rhythm, if its pair was not evicted.
    pub fn beat_of(&self, key: BeatKey) -> Option<&Beat> {
        match key {
            BeatKey::Pair(id) => Some(&self.pair_of(id)?.beat),
            BeatKey::Name(id) => Some(&self.rhythm_of(id)?.beat),
            BeatKey::Camera(id) => Some(&self.camera_of(id)?.overseas_beat),
        }
    }

    /// The device that a camera is, as far as the inventory knows it.
    pub fn device_of(&self, camera: &Camera) -> Option<(DeviceId, &Device)> {
        if let Some(mac) = camera.mac.filter(|_| !camera.behind_router) {
            return self.inventory.id_of_mac(mac);
        }
        self.inventory.at(camera.segment, *camera.addresses.last()?)
    }

    /// Every device that was seen, watched or not.
    pub fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    /// Which devices could be observed when.
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// Who is watched by configuration or register.
    pub fn watch_list(&self) -> &WatchList {
        &self.watch
    }

    /// When the first event came: before, nobody watched.
    pub fn began(&self) -> Option<Timestamp> {
        self.began
    }

    /// Sums over everything.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Pairs that left because the table was full.
    pub fn evicted_pairs(&self) -> u64 {
        self.evicted_pairs
    }

    /// Cameras that left because the table was full.
    pub fn evicted_cameras(&self) -> u64 {
        self.evicted_cameras
    }

    /// Events of devices for which there was no room.
    pub fn cameras_left_out(&self) -> u64 {
        self.cameras_left_out
    }

    /// Names for which there was no room.
    pub fn names_left_out(&self) -> u64 {
        self.names.left_out
    }

    /// A camera, if it has not left.
    #[inline]
    pub fn camera_of(&self, id: CameraId) -> Option<&Camera> {
        at(&self.cameras, id)
    }

    /// Whether there still is the camera that a rhythm is of, and what it calls.
    pub fn has_beat(&self, key: BeatKey) -> bool {
        let camera = match key {
            BeatKey::Pair(id) => self.pair_of(id).map(|pair| pair.camera),
            BeatKey::Name(id) => self.rhythm_of(id).map(|rhythm| rhythm.camera),
            BeatKey::Camera(id) => Some(id),
        };
        camera.is_some_and(|camera| self.camera_of(camera).is_some())
    }

    /// A pair, if it was not evicted.
    pub fn pair_of(&self, id: PairId) -> Option<&Pair> {
        self.pairs.get(id.0 as usize)?.as_ref()
    }

    /// A name.
    pub fn name_of(&self, id: NameId) -> Option<&NamePair> {
        self.names.names.get(id.0 as usize)
    }

    /// A camera's use of a name.
    pub fn rhythm_of(&self, id: RhythmId) -> Option<&NameRhythm> {
        self.names.rhythms.get(id.0 as usize)
    }

    /// Every camera × name of the cameras that [`Ledger::cameras`] gives, in the order in which they were seen.
    pub fn rhythms(&self) -> impl Iterator<Item = (RhythmId, &NameRhythm)> {
        (0..)
            .map(RhythmId)
            .zip(&self.names.rhythms)
            .filter(|(_, rhythm)| self.camera_of(rhythm.camera).is_some_and(|camera| !camera.behind_router))
    }

    /// The pair of a camera and an address, if there is one.
    pub fn find_pair(&self, camera: CameraId, address: IpAddr) -> Option<&Pair> {
        self.pair_of(*self.pair_index.get(&(camera, address))?)
    }

    /// The pairs of a name's addresses.
    pub fn pairs_of_name<'a>(&'a self, rhythm: &'a NameRhythm) -> impl Iterator<Item = &'a Pair> {
        rhythm.addresses.iter().filter_map(|address| self.find_pair(rhythm.camera, *address))
    }

    /// Whether anyone answers at a name's addresses; none where the camera never called one.
    pub fn answer_of_name(&self, rhythm: &NameRhythm) -> Option<Answer> {
        let counts = self
            .pairs_of_name(rhythm)
            .map(|pair| [pair.counts.answered + pair.counts.midstream, pair.counts.refused, pair.counts.unanswered]);
        let [answered, refused, unanswered] = counts.reduce(|a, b| [a[0] + b[0], a[1] + b[1], a[2] + b[2]])?;
        Some(Answer::of(answered, refused, unanswered))
    }

    /// Every camera, without those that turned out to be behind a router, in the order in which they were seen but for those
    /// that took the place of another.
    pub fn cameras(&self) -> impl Iterator<Item = (CameraId, &Camera)> {
        shown(0, &self.cameras)
    }

    /// Every pair of the cameras that [`Ledger::cameras`] gives, in no particular order.
    pub fn pairs(&self) -> impl Iterator<Item = (PairId, &Pair)> {
        (0..).map(PairId).zip(&self.pairs).filter_map(|(id, pair)| {
            let pair = pair.as_ref()?;
            (!self.camera_of(pair.camera)?.behind_router).then_some((id, pair))
        })
    }

    /// Every name of the cameras that [`Ledger::cameras`] gives, in the order in which they were seen.
    pub fn names(&self) -> impl Iterator<Item = (NameId, &NamePair)> {
        (0..)
            .map(NameId)
            .zip(&self.names.names)
            .filter(|(_, name)| self.camera_of(name.camera).is_some_and(|camera| !camera.behind_router))
    }

    /// As [`Ledger::pairs`], of `count` places from a place on; none where no place is left.
    pub fn pairs_from(&self, place: usize, count: usize) -> Option<impl Iterator<Item = &Pair>> {
        let places = self.pairs.get(place..).filter(|places| !places.is_empty())?;
        let shown = |pair: &&Pair| self.camera_of(pair.camera).is_some_and(|camera| !camera.behind_router);
        Some(places.iter().take(count).flatten().filter(shown))
    }

    /// As [`Ledger::cameras`], of `count` places from a place on; none where no place is left.
    pub fn cameras_from(&self, place: usize, count: usize) -> Option<impl Iterator<Item = (CameraId, &Camera)>> {
        let places = self.cameras.get(place..).filter(|places| !places.is_empty())?;
        Some(shown(place as u32, places.get(..count).unwrap_or(places)))
    }

    /// As [`Ledger::rhythms`], of `count` places from a place on; none where no place is left.
    pub fn rhythms_from(&self, place: usize, count: usize) -> Option<impl Iterator<Item = &NameRhythm>> {
        let places = self.names.rhythms.get(place..).filter(|places| !places.is_empty())?;
        let shown = |rhythm: &&NameRhythm| self.camera_of(rhythm.camera).is_some_and(|camera| !camera.behind_router);
        Some(places.iter().take(count).filter(shown))
    }

    /// How much may be held.
    pub fn limits(&self) -> LedgerLimits {
        self.limits
    }

    /// Pairs in the ledger.
    pub fn pair_count(&self) -> usize {
        self.pair_index.len()
    }

    /// Names in the ledger.
    pub fn name_count(&self) -> usize {
        self.names.len()
    }

    /// The country and owner data in use.
    pub fn geo(&self) -> &Arc<Geo> {
        &self.geo
    }
}

/// The cameras at places from `first` on that are shown.
fn shown(first: u32, places: &[Option<Camera>]) -> impl Iterator<Item = (CameraId, &Camera)> {
    (first..).zip(places).filter_map(|(place, camera)| {
        let camera = camera.as_ref().filter(|camera| !camera.behind_router)?;
        Some((CameraId::new(place, camera.generation), camera))
    })
}
