//! How a board is made: on the analyser's thread, in short steps; then finished by who asked.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Instant;

use ahash::AHashMap;

use super::Board;
use super::row::{CameraRow, CameraState, PairRow, Sight};
use crate::analyse::{Camera, CameraId, Ledger, NameRhythm, Observed, Pair};
use crate::device;
use crate::device::hours::hour_of;
use crate::geo::Class;
use crate::pipeline::Analysis;
use crate::report::inventory;
use crate::time::Timestamp;

/// Cameras copied at a time: some milliseconds.
const CAMERAS: usize = 2048;
/// Pairs copied at a time.
const PAIRS: usize = 16_384;
/// Rhythms of names looked at at a time.
const RHYTHMS: usize = 65_536;
/// Countries of a camera that lists show.
const COUNTRIES: usize = 5;

/// What is copied next.
#[derive(Debug, Clone, Copy)]
enum Next {
    Cameras(usize),
    Pairs(usize),
    Rhythms(usize),
    Sums,
    Nothing,
}

/// Makes a board, step by step.
#[derive(Debug)]
pub struct Maker {
    board: Board,
    next: Next,
    firing: AHashMap<CameraId, u64>,
    /// The place of each camera's row.
    places: AHashMap<CameraId, usize>,
}

impl Default for Maker {
    fn default() -> Self {
        Self { board: Board::default(), next: Next::Cameras(0), firing: AHashMap::new(), places: AHashMap::new() }
    }
}

impl Maker {
    /// Copies some more; gives whether there is still more. The caller is the analyser's thread, which waits meanwhile.
    pub fn step(&mut self, analysis: &Analysis) -> bool {
        let began = Instant::now();
        let ledger = analysis.ledger();
        self.next = match self.next {
            Next::Cameras(0) if self.board.cameras.is_empty() => {
                self.firing = analysis.alert_book().firing_by_camera().into_iter().collect();
                self.cameras(ledger, 0, analysis.now())
            }
            Next::Cameras(place) => self.cameras(ledger, place, analysis.now()),
            Next::Pairs(place) => match ledger.pairs_from(place, PAIRS) {
                Some(pairs) => {
                    pairs.for_each(|pair| self.pair(pair, analysis.now()));
                    Next::Pairs(place + PAIRS)
                }
                None => Next::Rhythms(0),
            },
            Next::Rhythms(place) => match ledger.rhythms_from(place, RHYTHMS) {
                Some(rhythms) => {
                    rhythms.for_each(|rhythm| self.rhythm(rhythm, ledger, analysis.now()));
                    Next::Rhythms(place + RHYTHMS)
                }
                None => Next::Sums,
            },
            Next::Sums => {
                self.sums(analysis);
                Next::Nothing
            }
            Next::Nothing => Next::Nothing,
        };
        self.board.held_up += began.elapsed();
        !matches!(self.next, Next::Nothing)
    }

    fn cameras(&mut self, ledger: &Ledger, place: usize, now: Timestamp) -> Next {
        let Some(cameras) = ledger.cameras_from(place, CAMERAS) else { return Next::Pairs(0) };
        for (id, camera) in cameras {
            let firing = self.firing.get(&id).copied().unwrap_or(0);
            self.places.insert(id, self.board.cameras.len());
            self.board.cameras.push(row_of(id, camera, ledger, firing, now));
        }
        Next::Cameras(place + CAMERAS)
    }

    fn pair(&mut self, pair: &Pair, now: Timestamp) {
        let board = &mut self.board;
        let names = (board.names.len() as u32, pair.names.len() as u8);
        board.names.extend(pair.names.iter().map(|name| name.name.clone()));
        let services = (board.services.len() as u32, pair.services.len() as u8);
        board.services.extend(&pair.services);
        let (score, period_s) = pair.beat.heard();
        board.pairs.push(PairRow {
            camera: pair.camera,
            address: pair.address,
            place: pair.place.clone(),
            counts: pair.counts,
            first: pair.first,
            last: pair.last,
            heard: (score as f32, period_s as f32),
            stopped: pair.beat.stopped(now),
            names,
            services,
        });
    }

    fn rhythm(&mut self, rhythm: &NameRhythm, ledger: &Ledger, now: Timestamp) {
        let heard = rhythm.beat.heard();
        let Some(row) = self.places.get(&rhythm.camera).and_then(|place| self.board.cameras.get_mut(*place)) else {
            return;
        };
        if heard.0 > row.score.max(4.0)
            && !rhythm.beat.stopped(now)
            && ledger.pairs_of_name(rhythm).any(|pair| pair.place.class == Class::Overseas)
        {
            row.hear(heard);
        }
    }

    fn sums(&mut self, analysis: &Analysis) {
        let ledger = analysis.ledger();
        let (not_seen, unregistered) = inventory::differences(ledger);
        let board = &mut self.board;
        board.unregistered = unregistered;
        board.cameras.extend(not_seen.into_iter().map(row_of_missing));
        board.totals = *ledger.totals();
        board.lost = ledger.coverage().hours().map(|hour| (hour, ledger.coverage().lost(hour))).collect();
        board.now = (analysis.now() > Timestamp::MIN).then(|| analysis.now());
    }

    /// Finishes what was copied; takes long, and nobody need wait for it but who asked.
    /// `generation` is the last one's, and `before` that one, if it is still there.
    pub fn finish(self, generation: u64, before: Option<&Board>) -> Board {
        let mut board = self.board;
        board.pairs.sort_unstable_by_key(|pair| pair.camera);
        let mut start = 0;
        for pairs in board.pairs.chunk_by(|a, b| a.camera == b.camera) {
            let Some(first) = pairs.first() else { continue };
            board.ranges.insert(first.camera, start..start + pairs.len());
            start += pairs.len();
            if let Some(row) = self.places.get(&first.camera).and_then(|place| board.cameras.get_mut(*place)) {
                sum_up(row, pairs);
            }
        }
        board.places = board.cameras.iter().enumerate().map(|(place, row)| (row.id.clone(), place)).collect();
        let same = before.is_some_and(|before| board.says_the_same(before));
        board.generation = generation + u64::from(!same);
        board
    }
}

/// What a camera's pairs say of it.
fn sum_up(row: &mut CameraRow, pairs: &[PairRow]) {
    let mut countries: Vec<(&[crate::geo::Country], u64)> = Vec::new();
    for pair in pairs {
        if pair.place.class == Class::Overseas && !pair.stopped {
            row.hear((pair.heard.0.into(), pair.heard.1.into()));
        }
        let country = pair.place.countries.as_slice();
        if country.is_empty() || pair.counts.attempts == 0 {
            continue;
        }
        match countries.iter_mut().find(|(known, _)| *known == country) {
            Some((_, attempts)) => *attempts += pair.counts.attempts,
            None => countries.push((country, pair.counts.attempts)),
        }
    }
    countries.sort_unstable_by_key(|(country, attempts)| (Reverse(*attempts), *country));
    row.called = countries
        .iter()
        .map(|(countries, _)| countries.iter().map(crate::geo::Country::as_str).collect::<Vec<_>>().join(" or ").into())
        .collect();
    row.countries = row.called.iter().take(COUNTRIES).cloned().collect();
}

fn row_of(id: CameraId, camera: &Camera, ledger: &Ledger, firing: u64, now: Timestamp) -> CameraRow {
    let device = ledger.device_of(camera).map(|(_, device)| device);
    let sight = match device.map(|device| ledger.coverage().of(device, hour_of(now) - 1)) {
        Some(Observed::Observed) => Sight::Observed,
        Some(Observed::Silent) => Sight::Silent,
        _ => Sight::Unobservable,
    };
    let state = match (firing, camera.overseas_attempts) {
        (0, 0) => CameraState::Quiet,
        (0, _) => CameraState::Overseas,
        _ => CameraState::Firing,
    };
    let mut row = CameraRow {
        id: camera.id.clone(),
        name: camera.name.clone(),
        site: camera.site.clone(),
        tags: camera.tags.clone(),
        kind: camera.kind,
        vendor: camera.vendor.as_ref().map(ToString::to_string),
        model: device.and_then(|device| device.model()).map(str::to_owned),
        addresses: camera.addresses.clone(),
        mac: camera.mac,
        state,
        attempts: camera.attempts,
        overseas_attempts: camera.overseas_attempts,
        unanswered: camera.unanswered,
        destinations: camera.destinations,
        countries: Vec::new(),
        beat: None,
        beat_period_s: None,
        alerts: firing,
        first: Some(camera.first),
        last: Some(camera.last),
        called: Vec::new(),
        camera: Some(id),
        sight,
        score: 0.0,
    };
    if !camera.overseas_beat.stopped(now) {
        row.hear(camera.overseas_beat.heard());
    }
    row
}

fn row_of_missing(camera: &device::Camera) -> CameraRow {
    let mac = || camera.mac.map(|mac| mac.to_string());
    let address = || camera.addresses.first().map(ToString::to_string);
    CameraRow {
        id: camera.name.clone().or_else(mac).or_else(address).unwrap_or_default(),
        name: camera.name.clone(),
        site: camera.site.clone(),
        tags: camera.tags.clone(),
        kind: camera.kind,
        vendor: None,
        model: None,
        addresses: camera.addresses.clone(),
        mac: camera.mac,
        state: CameraState::NotSeen,
        attempts: 0,
        overseas_attempts: 0,
        unanswered: 0,
        destinations: 0,
        countries: Vec::<Arc<str>>::new(),
        beat: None,
        beat_period_s: None,
        alerts: 0,
        first: None,
        last: None,
        called: Vec::new(),
        camera: None,
        sight: Sight::Silent,
        score: 0.0,
    }
}
