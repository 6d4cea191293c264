//! What each camera and destination came to by the hour, for whoever keeps that: counted only once somebody does.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::super::camera::CameraId;
use super::super::pair::{Counts, Pair, PairId, inside};
use crate::device::hours::{hour_of, start_of};
use crate::geo::Place;
use crate::net::Service;
use crate::time::Timestamp;

/// Hours that are told of to say who could be observed in them; of a longer gap only the last.
const MAX_OVER: i64 = 48;
/// What waits to be taken; what comes beyond is left out.
const MAX_TOLD: usize = 1_000_000;

/// What a camera and a destination came to within an hour, since that was last taken.
#[derive(Debug)]
pub struct HourCounted {
    /// Hours since the Unix epoch, of capture time. An event that comes late counts in the hour in which it comes.
    pub hour: i64,
    /// The camera.
    pub camera: CameraId,
    /// The camera's own id, where it has left the ledger since.
    pub left: Option<Arc<str>>,
    /// Whom it called; none: everything internal of which the ledger keeps no pairs.
    pub destination: Option<IpAddr>,
    /// Where that is and whose it is.
    pub place: Arc<Place>,
    /// Names the camera used for it so far.
    pub names: Vec<Arc<str>>,
    /// What it called there so far.
    pub services: Vec<Service>,
    /// What was added.
    pub counts: Counts,
    /// The first event.
    pub first: Timestamp,
    /// The last event.
    pub last: Timestamp,
}

/// What a pair had come to when something first came to it after the last time that hours were taken.
#[derive(Debug)]
struct Open {
    /// None: it was evicted since, and is told.
    pair: Option<PairId>,
    before: Counts,
    since: Timestamp,
}

/// Counts by the hour.
#[derive(Debug)]
pub(super) struct Hourly {
    on: bool,
    hour: Option<i64>,
    /// When the hour is over.
    until: Timestamp,
    /// Of each pair, its place in `open` and one; 0: it has none.
    places: Vec<u32>,
    open: Vec<Open>,
    /// All internal calls of a camera, as if they were to one destination.
    inside: BTreeMap<CameraId, Pair>,
    told: Vec<HourCounted>,
    over: Vec<i64>,
}

impl Hourly {
    pub(super) fn new() -> Self {
        Self {
            on: false,
            hour: None,
            until: Timestamp::MIN,
            places: Vec::new(),
            open: Vec::new(),
            inside: BTreeMap::new(),
            told: Vec::new(),
            over: Vec::new(),
        }
    }

    pub(super) fn start(&mut self) {
        self.on = true;
    }

    /// The hour that is counted in.
    pub(super) fn hour(&self) -> Option<i64> {
        self.hour
    }

    /// Goes on from an hour that was counted in before.
    pub(super) fn go_on_from(&mut self, hour: Option<i64>) {
        self.hour = hour;
    }

    /// Whether `now` lies in another hour than what was counted before.
    #[inline]
    pub(super) fn is_over(&self, now: Timestamp) -> bool {
        self.on && now >= self.until
    }

    /// Begins the hour of `now`, once what is open was closed.
    pub(super) fn begin(&mut self, now: Timestamp) {
        let hour = hour_of(now);
        if let Some(before) = self.hour.filter(|before| *before < hour) {
            self.over.extend(before.max(hour - MAX_OVER)..hour);
            let beyond = self.over.len().saturating_sub(MAX_OVER as usize);
            self.over.drain(..beyond);
        }
        (self.hour, self.until) = (Some(hour), start_of(hour + 1));
    }

    /// Time starts anew: the next moment begins an hour, whichever.
    pub(super) fn rewind(&mut self) {
        (self.hour, self.until) = (None, Timestamp::MIN);
    }

    /// Something comes to a pair that has come to this before.
    #[inline]
    pub(super) fn open(&mut self, id: PairId, pair: &Pair, time: Timestamp) {
        if self.on && self.places.get(id.0 as usize).is_none_or(|place| *place == 0) {
            self.open_new(id, pair.counts, time);
        }
    }

    #[cold]
    fn open_new(&mut self, id: PairId, before: Counts, since: Timestamp) {
        let at = id.0 as usize;
        if self.places.len() <= at {
            self.places.resize(at + 1, 0);
        }
        self.open.push(Open { pair: Some(id), before, since });
        self.places[at] = self.open.len() as u32;
    }

    /// The camera's internal calls, where somebody keeps hours.
    pub(super) fn inside(&mut self, camera: CameraId, time: Timestamp) -> Option<&mut Pair> {
        let nowhere = IpAddr::from([0, 0, 0, 0]);
        let new = || Pair::new(camera, nowhere, inside(), time);
        self.on.then(|| self.inside.entry(camera).or_insert_with(new))
    }

    /// A pair leaves the ledger: what it came to is told.
    pub(super) fn close_one(&mut self, id: PairId, pair: &Pair) {
        let place = self.places.get_mut(id.0 as usize).map(std::mem::take).unwrap_or_default();
        let open = (place as usize).checked_sub(1).and_then(|place| self.open.get_mut(place));
        if let Some(open) = open
            && open.pair.take().is_some()
        {
            let (before, since) = (open.before, open.since);
            self.tell(Some(pair.address), pair, &before, since);
        }
    }

    /// A camera leaves the ledger, all its pairs did: what it came to is told. See [`Hourly::name_left`].
    pub(super) fn close_camera(&mut self, camera: CameraId) {
        if let Some(pair) = self.inside.remove(&camera) {
            self.tell(None, &pair, &Counts::default(), pair.first);
        }
    }

    /// Cameras leave the ledger: what is told of them, and was not taken, says itself whose it is, as `id_of` knows it.
    pub(super) fn name_left(&mut self, id_of: impl Fn(CameraId) -> Option<Arc<str>>) {
        for told in self.told.iter_mut().filter(|told| told.left.is_none()) {
            told.left = id_of(told.camera);
        }
    }

    /// What is open is told, as of the hour that it was counted in.
    pub(super) fn close(&mut self, pairs: &[Option<Pair>]) {
        for open in std::mem::take(&mut self.open) {
            let Some(id) = open.pair else { continue };
            if let Some(place) = self.places.get_mut(id.0 as usize) {
                *place = 0;
            }
            if let Some(Some(pair)) = pairs.get(id.0 as usize) {
                self.tell(Some(pair.address), pair, &open.before, open.since);
            }
        }
        for pair in std::mem::take(&mut self.inside).into_values() {
            self.tell(None, &pair, &Counts::default(), pair.first);
        }
    }

    fn tell(&mut self, destination: Option<IpAddr>, pair: &Pair, before: &Counts, since: Timestamp) {
        let counts = pair.counts.since(before);
        if counts == Counts::default() || self.told.len() >= MAX_TOLD {
            return;
        }
        self.told.push(HourCounted {
            hour: self.hour.unwrap_or_else(|| hour_of(since)),
            camera: pair.camera,
            left: None,
            destination,
            place: pair.place.clone(),
            names: pair.names.iter().map(|name| name.name.clone()).collect(),
            services: pair.services.clone(),
            counts,
            first: since.min(pair.last),
            last: pair.last,
        });
    }

    /// Everything that was closed, and the hours that are over since this was last asked.
    pub(super) fn take(&mut self) -> (Vec<HourCounted>, Vec<i64>) {
        (std::mem::take(&mut self.told), std::mem::take(&mut self.over))
    }
}
