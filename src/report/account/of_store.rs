//! The account of what a daemon keeps, for a period.
//!
//! However much is kept, little is held in memory: pairs are taken some hundred thousand at a time, in the order of cameras,
//! and for each such part the hours of the period are read through once.

use std::collections::BTreeMap;
use std::io;

use ahash::AHashMap;

use super::asked::{self, handles, registered};
use super::gather::Outlet;
use super::of_reading::bounded;
use super::{
    Account, Asked, CameraAbout, CameraTold, Covered, Gatherer, HourSum, NotSeen, Origin, Packets, PlaceTold, Row,
    Settings, people,
};
use crate::analyse::{Counts, Coverage, HOURS_PART, Observed};
use crate::config::Config;
use crate::device::DeviceKind;
use crate::device::hours::{hour_of, start_of};
use crate::geo::{Class, Geo};
use crate::saved::FORMAT;
use crate::store::{Moment, PairNumbers, PairRow, PlaceRow, Reader, StoreError, WatchedRow};
use crate::time::Timestamp;

/// Pairs that are summed up at once.
const PART: usize = 250_000;
/// Alerts that are read; the worst of them are told.
const ALERTS: usize = 2000;

/// Whole hours that are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// The first, in hours since 1970.
    pub from: i64,
    /// The one after the last.
    pub to: i64,
}

impl Period {
    /// The whole hours that have a part in what lies between two moments.
    pub fn around(from: Timestamp, to: Timestamp) -> Self {
        let to = hour_of(to) + i64::from(start_of(hour_of(to)) < to);
        Self { from: hour_of(from), to: to.max(hour_of(from)) }
    }

    /// Where it begins.
    pub fn begin(self) -> Timestamp {
        start_of(self.from)
    }

    /// Where it ends, exclusive.
    pub fn end(self) -> Timestamp {
        start_of(self.to)
    }
}

/// The account could not be made.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// What is kept cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The table cannot be written.
    #[error("the table cannot be written: {0}")]
    Table(#[from] io::Error),
}

/// The account of a period. Its rows go to `outlet`, by camera and destination.
pub fn of_store<'o>(
    reader: &Reader,
    period: Period,
    config: &Config,
    geo: &Geo,
    (by, made): (Option<String>, Timestamp),
    outlet: &'o mut Outlet<'o>,
) -> Result<Account, AccountError> {
    let moment = reader.moment()?;
    let (begin, end) = (period.begin(), period.end());
    let mut devices = Devices::new(moment.watched()?, config);
    let mut covered = Covered { first_hour: period.from, end_hour: period.to, ..Covered::default() };
    let mut cameras: Vec<CameraTold> = Vec::new();
    let mut index: AHashMap<String, usize> = AHashMap::new();
    let mut open = OpenHour::default();
    moment.coverage(period.from, period.to, |hour, camera, state| {
        // A state of a later version says nothing here.
        let Some(state) = Observed::of_key(state) else { return };
        let at = match index.get(camera) {
            Some(at) => *at,
            None => devices.camera(camera, &mut cameras, &mut index),
        };
        open.enter(hour, &mut covered, &mut cameras);
        open.states.push((at, state));
    })?;
    open.close(&mut covered, &mut cameras);
    devices.seen_only(begin, end, &mut cameras, &mut index);
    covered.packets = packets(&moment, period)?;
    let (alerts, count) = moment.alerts(begin, end, ALERTS)?;
    let (alerts, _) = bounded(alerts.into_iter().map(|told| told.alert).collect());
    let places: AHashMap<i64, PlaceRow> = moment.places()?.into_iter().map(|place| (place.id, place)).collect();

    let mut hours = BTreeMap::new();
    let mut internal_attempts = 0;
    let mut gatherer = Gatherer::new(cameras, outlet);
    let mut after = (String::new(), String::new());
    loop {
        let PairNumbers { numbers, last } = moment.pair_numbers(period.from, &after, PART)?;
        let mut sums = Sums::new(&numbers);
        sums.take(&moment, period, &places, &mut hours)?;
        moment.pairs(period.from, &after, PART, |pair: PairRow| {
            for (place, sum) in sums.of(pair.id) {
                let place = place_told(places.get(&place));
                let Ok(address) = pair.destination.parse() else {
                    internal_attempts += sum.counts.attempts;
                    continue;
                };
                let at = index.get(&pair.camera).copied().unwrap_or_else(|| {
                    let (_, camera) = devices.told(&pair.camera);
                    let at = gatherer.add(camera);
                    index.insert(pair.camera.clone(), at);
                    at
                });
                let row = Row {
                    address,
                    names: list(&pair.names),
                    services: list(&pair.services).iter().filter_map(|service| service.parse().ok()).collect(),
                    place,
                    counts: sum.counts,
                    first: Timestamp::from_nanos(sum.first_ms.saturating_mul(1_000_000)),
                    last: Timestamp::from_nanos(sum.last_ms.saturating_mul(1_000_000)),
                };
                gatherer.take(at, row)?;
            }
            Ok::<(), AccountError>(())
        })?;
        match last {
            Some(last) => after = last,
            None => break,
        }
    }
    let gathered = gatherer.finish();
    for camera in &gathered.cameras {
        devices.met(&camera.about.id);
    }
    devices.compare(config, &mut covered);
    Ok(Account {
        asked: Asked {
            from: Some(begin),
            to: Some(end),
            by,
            made: Some(made),
            origin: Origin::Store { until: moment.latest()? },
            settings: Settings::of(config),
            sources: asked::sources(geo, config),
        },
        covered,
        sums: gathered.sums,
        internal_attempts,
        cameras: gathered.cameras,
        places: gathered.places,
        hours: hours.into_values().collect(),
        alerts_left_out: count.saturating_sub(alerts.len() as u64),
        alerts,
        exceptions: people::of_store(config, &moment, begin, end)?,
        lines_left_out: 0,
    })
}

/// What is known of the cameras in one hour, until all of it was read.
#[derive(Default)]
struct OpenHour {
    hour: i64,
    states: Vec<(usize, Observed)>,
}

impl OpenHour {
    fn enter(&mut self, hour: i64, covered: &mut Covered, cameras: &mut [CameraTold]) {
        if self.hour != hour {
            self.close(covered, cameras);
            self.hour = hour;
        }
    }

    fn close(&mut self, covered: &mut Covered, cameras: &mut [CameraTold]) {
        // Whether it was recorded is not the camera's: who was seen in an hour that was hardly recorded may have done more in
        // the rest of it.
        let capture = |(_, state): &(usize, Observed)| matches!(state, Observed::CaptureDown | Observed::Loss);
        let whole = self.states.iter().find(|state| capture(state)).map(|(_, state)| *state);
        for (at, state) in self.states.drain(..) {
            let state = whole.unwrap_or(state);
            covered.note(self.hour, state);
            if let Some(camera) = cameras.get_mut(at) {
                camera.hours.add(state);
            }
        }
    }
}

fn place_told(place: Option<&PlaceRow>) -> PlaceTold {
    match place {
        Some(place) => PlaceTold {
            class: place.class,
            country: place.country.clone(),
            owner: place.owner.clone(),
            owner_country: place.owner_country.clone(),
        },
        None => PlaceTold { class: Class::Unknown, country: None, owner: None, owner_country: None },
    }
}

fn list(json: &str) -> Vec<String> {
    serde_json::from_str(json).unwrap_or_default()
}

fn packets(moment: &Moment, period: Period) -> Result<Option<Packets>, StoreError> {
    let pieces = moment.pieces(FORMAT, HOURS_PART)?;
    let frames = Coverage::frames_of(pieces.iter().map(|piece| (piece.key.as_slice(), piece.bytes.as_slice())));
    let mut packets = Packets::default();
    for (_, (taken, lost)) in frames.range(period.from..period.to) {
        packets.taken += taken;
        packets.lost += lost;
        packets.hours += 1;
    }
    Ok(Some(packets).filter(|packets| packets.hours > 0))
}

/// What a pair came to in the period.
#[derive(Debug, Clone, Copy)]
struct Sum {
    place: i64,
    counts: Counts,
    first_ms: i64,
    last_ms: i64,
}

/// The sums of some pairs: one each, and more where a destination was found to be elsewhere in the meantime.
struct Sums {
    places: AHashMap<i64, u32>,
    first: Vec<Option<Sum>>,
    moved: BTreeMap<(i64, i64), Sum>,
}

impl Sums {
    fn new(pairs: &[i64]) -> Self {
        let places = pairs.iter().copied().zip(0..).collect();
        Self { places, first: vec![None; pairs.len()], moved: BTreeMap::new() }
    }

    fn take(
        &mut self,
        moment: &Moment,
        period: Period,
        places: &AHashMap<i64, PlaceRow>,
        hours: &mut BTreeMap<i64, HourSum>,
    ) -> Result<(), StoreError> {
        let Self { places: index, first, moved } = self;
        let wanted = |pair| index.contains_key(&pair);
        moment.hours(period.from, period.to, wanted, |numbers| {
            let class = places.get(&numbers.place).map_or(Class::Unknown, |place| place.class);
            if numbers.counts.attempts > 0 && matches!(class, Class::Overseas | Class::Unknown) {
                let new = HourSum { hour: numbers.hour, ..HourSum::default() };
                let hour = hours.entry(numbers.hour).or_insert(new);
                let sum = if class == Class::Overseas { &mut hour.overseas } else { &mut hour.unknown };
                *sum += numbers.counts.attempts;
            }
            let Some(sum) = index.get(&numbers.pair).and_then(|at| first.get_mut(*at as usize)) else { return };
            let new = Sum {
                place: numbers.place,
                counts: Counts::default(),
                first_ms: numbers.first_ms,
                last_ms: numbers.last_ms,
            };
            let sum = sum.get_or_insert(new);
            let sum = if sum.place == numbers.place {
                sum
            } else {
                moved.entry((numbers.pair, numbers.place)).or_insert(new)
            };
            sum.counts.add(&numbers.counts);
            sum.first_ms = sum.first_ms.min(numbers.first_ms);
            sum.last_ms = sum.last_ms.max(numbers.last_ms);
        })
    }

    fn of(&self, pair: i64) -> impl Iterator<Item = (i64, Sum)> {
        let first = self.places.get(&pair).and_then(|at| *self.first.get(*at as usize)?);
        let moved = self.moved.range((pair, i64::MIN)..=(pair, i64::MAX)).map(|(_, sum)| *sum);
        first.into_iter().chain(moved).map(|sum| (sum.place, sum))
    }
}

/// Who the ids of cameras stand for, and which of them are registered.
struct Devices {
    rows: Vec<WatchedRow>,
    /// By every name that a device may be met under.
    handles: AHashMap<String, usize>,
    met: Vec<bool>,
    others_met: AHashMap<String, ()>,
    configured: AHashMap<String, usize>,
    sites: Vec<(Option<String>, Option<String>, DeviceKind)>,
}

impl Devices {
    fn new(rows: Vec<WatchedRow>, config: &Config) -> Self {
        let mut known = AHashMap::new();
        for (at, row) in rows.iter().enumerate() {
            let addresses: Vec<String> = list(&row.addresses);
            for handle in addresses.into_iter().chain(row.mac.clone()) {
                known.entry(handle).or_insert(at);
            }
        }
        // An id counts before another device's address of the same.
        known.extend(rows.iter().enumerate().map(|(at, row)| (row.id.clone(), at)));
        let (mut configured, mut sites) = (AHashMap::new(), Vec::new());
        for camera in registered(config) {
            for handle in handles(camera) {
                configured.insert(handle, sites.len());
            }
            sites.push((camera.name.clone(), camera.site.clone(), camera.kind));
        }
        let met = vec![false; rows.len()];
        Self { rows, handles: known, met, others_met: AHashMap::new(), configured, sites }
    }

    /// Who a camera's id stands for; with the place of its device, if there is one.
    fn told(&self, id: &str) -> (Option<usize>, CameraTold) {
        let at = self.handles.get(id).copied();
        let configured = self.configured.get(id).and_then(|at| self.sites.get(*at));
        let mut about = CameraAbout { id: id.to_owned(), ..CameraAbout::default() };
        if let Some(row) = at.and_then(|at| self.rows.get(at)) {
            about.name.clone_from(&row.name);
            about.site.clone_from(&row.site);
            about.kind = kind_of(&row.kind);
            let make: Vec<&str> = row.maker.iter().chain(&row.model).map(String::as_str).collect();
            about.make = Some(make.join(" ")).filter(|make| !make.is_empty());
            about.address = list(&row.addresses).pop();
        }
        if let Some((name, site, kind)) = configured {
            about.name = about.name.or_else(|| name.clone());
            about.site = about.site.or_else(|| site.clone());
            about.kind = about.kind.or(Some(*kind));
        }
        (at, CameraTold::new(about))
    }

    /// A camera that is met under a new id.
    fn camera(&mut self, id: &str, cameras: &mut Vec<CameraTold>, index: &mut AHashMap<String, usize>) -> usize {
        let (_, camera) = self.told(id);
        self.met(id);
        index.insert(id.to_owned(), cameras.len());
        cameras.push(camera);
        cameras.len() - 1
    }

    fn met(&mut self, id: &str) {
        match self.handles.get(id) {
            Some(at) => {
                if let Some(met) = self.met.get_mut(*at) {
                    *met = true;
                }
            }
            None => drop(self.others_met.insert(id.to_owned(), ())),
        }
    }

    /// Watched devices that were there in the period, and that the ledger knows nothing of: they called nobody.
    fn seen_only(
        &mut self,
        from: Timestamp,
        to: Timestamp,
        cameras: &mut Vec<CameraTold>,
        index: &mut AHashMap<String, usize>,
    ) {
        for at in 0..self.rows.len() {
            let there = |row: &&WatchedRow| row.last >= from && row.first < to;
            let new = !self.met.get(at).copied().unwrap_or(true);
            if let Some(id) = self.rows.get(at).filter(there).filter(|_| new).map(|row| row.id.clone()) {
                self.camera(&id, cameras, index);
            }
        }
    }

    /// Which registered cameras were met.
    fn compare(&self, config: &Config, covered: &mut Covered) {
        for camera in registered(config) {
            covered.registered += 1;
            let met = handles(camera).iter().any(|handle| {
                let device = self.handles.get(handle).and_then(|at| self.met.get(*at));
                device.copied().unwrap_or(false) || self.others_met.contains_key(handle)
            });
            if met {
                covered.registered_seen += 1;
            } else {
                let name = handles(camera).into_iter().next().unwrap_or_default();
                covered.not_seen.push(NotSeen { name, site: camera.site.clone() });
            }
        }
    }
}

fn kind_of(word: &str) -> Option<DeviceKind> {
    let all = [DeviceKind::Camera, DeviceKind::Recorder, DeviceKind::Doorstation, DeviceKind::Other];
    all.into_iter().find(|kind| kind.word() == word)
}
