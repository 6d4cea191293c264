//! Who is on stage: actors woken in the order of time, frames on their way, and the truth.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::net::Ipv4Addr;

use serde::Serialize;

use super::frames::Host;
use super::mixed::TruthDevice;
use super::random::Random;
use crate::net::{Mac, Service};
use crate::time::Timestamp;

/// Someone who acts when woken, and says when to be woken next (microseconds of scene time); none: never again.
pub(super) trait Actor {
    fn wake(&mut self, now: u64, stage: &mut Stage) -> Option<u64>;
}

/// What actors act on.
pub(super) struct Stage {
    /// Frames to be sent later, by time and order.
    frames: BinaryHeap<Reverse<(u64, u64, Vec<u8>)>>,
    order: u64,
    ids: BTreeMap<Ipv4Addr, u16>,
    pub(super) random: Random,
    /// By host: whom it called, and how often.
    counts: BTreeMap<Ipv4Addr, (Mac, Called)>,
}

type Called = BTreeMap<(Ipv4Addr, Service), Counts>;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    attempts: u64,
    retries: u64,
    answered: u64,
}

impl Stage {
    /// Sends a frame at a moment from now on.
    pub(super) fn send(&mut self, at: u64, frame: Vec<u8>) {
        self.order += 1;
        self.frames.push(Reverse((at, self.order, frame)));
    }

    /// A host's next IP identification.
    pub(super) fn id(&mut self, host: &Host) -> u16 {
        let id = self.ids.entry(host.address).or_insert(1);
        *id = id.wrapping_add(1).max(1);
        *id
    }

    /// Notes the truth: a host called a destination.
    pub(super) fn note(&mut self, host: &Host, to: &Host, service: Service, retries: u64, answered: bool) {
        let (_, destinations) = self.counts.entry(host.address).or_insert((host.mac, BTreeMap::new()));
        let counts = destinations.entry((to.address, service)).or_default();
        counts.attempts += 1;
        counts.retries += retries;
        counts.answered += u64::from(answered);
    }
}

/// Actors on a stage, for a time.
pub struct Scene {
    start: Timestamp,
    end: u64,
    actors: Vec<Box<dyn Actor>>,
    /// When each is woken next.
    wakes: BinaryHeap<Reverse<(u64, usize)>>,
    stage: Stage,
    packets: u64,
    devices: Vec<TruthDevice>,
    /// From this moment on, frames that this host sends are not seen.
    silenced: Option<(Host, u64)>,
}

/// What a capture holds, as it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Truth {
    scenario: &'static str,
    seed: u64,
    packets: u64,
    attempts: u64,
    cameras: Vec<TruthCamera>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    devices: Vec<TruthDevice>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct TruthCamera {
    address: Ipv4Addr,
    mac: Mac,
    destinations: Vec<TruthDestination>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct TruthDestination {
    address: Ipv4Addr,
    service: String,
    attempts: u64,
    retries: u64,
    answered: u64,
}

impl Scene {
    pub(super) fn new(start: Timestamp, seconds: u64, seed: u64) -> Self {
        let stage = Stage {
            frames: BinaryHeap::new(),
            order: 0,
            ids: BTreeMap::new(),
            random: Random::new(seed),
            counts: BTreeMap::new(),
        };
        let (actors, wakes) = (Vec::new(), BinaryHeap::new());
        Self { start, end: seconds * 1_000_000, actors, wakes, stage, packets: 0, devices: Vec::new(), silenced: None }
    }

    /// Brings an actor on, woken first at `first` microseconds.
    pub(super) fn add(&mut self, first: u64, actor: impl Actor + 'static) {
        self.wakes.push(Reverse((first, self.actors.len())));
        self.actors.push(Box::new(actor));
    }

    /// Tells what a device is.
    pub(super) fn tell(&mut self, device: TruthDevice) {
        self.devices.push(device);
    }

    /// Silences a host from a second on, as if its plug was pulled; others go on calling it.
    pub(super) fn silence(&mut self, host: Host, from_second: u64) {
        self.silenced = Some((host, from_second * 1_000_000));
    }

    pub(super) fn random(&mut self) -> &mut Random {
        &mut self.stage.random
    }

    /// Plays the scene: every frame in the order of time. Frames begun before the end are sent after it too.
    pub fn play<E>(&mut self, sink: &mut impl FnMut(Timestamp, &[u8]) -> Result<(), E>) -> Result<(), E> {
        loop {
            let wake = self.wakes.peek().map(|Reverse((at, _))| *at).filter(|at| *at < self.end);
            let frame = self.stage.frames.peek().map(|Reverse((at, ..))| *at);
            match (wake, frame) {
                (Some(wake), frame) if frame.is_none_or(|frame| wake <= frame) => {
                    let Some(Reverse((at, who))) = self.wakes.pop() else { continue };
                    if let Some(next) = self.actors.get_mut(who).and_then(|actor| actor.wake(at, &mut self.stage)) {
                        self.wakes.push(Reverse((next.max(at + 1), who)));
                    }
                }
                (_, Some(_)) => {
                    let Some(Reverse((at, _, frame))) = self.stage.frames.pop() else { continue };
                    let mute = |(host, from): (Host, u64)| {
                        // Nobody answers what was not asked; who calls it of himself goes on.
                        let (to, by) = (frame.get(..6), frame.get(6..12));
                        let answers = to == Some(&host.mac.0[..]) && frame.get(23) == Some(&17);
                        at >= from && (by == Some(&host.mac.0[..]) || answers)
                    };
                    if self.silenced.is_some_and(mute) {
                        continue;
                    }
                    self.packets += 1;
                    sink(Timestamp::from_nanos(self.start.as_nanos() + at as i64 * 1000), &frame)?;
                }
                _ => return Ok(()),
            }
        }
    }

    /// The truth about what was played.
    pub fn into_truth(self, scenario: &'static str, seed: u64) -> Truth {
        let cameras: Vec<TruthCamera> = self
            .stage
            .counts
            .into_iter()
            .map(|(address, (mac, destinations))| TruthCamera {
                address,
                mac,
                destinations: destinations
                    .into_iter()
                    .map(|((address, service), counts)| TruthDestination {
                        address,
                        service: service.to_string(),
                        attempts: counts.attempts,
                        retries: counts.retries,
                        answered: counts.answered,
                    })
                    .collect(),
            })
            .collect();
        let attempts = cameras.iter().flat_map(|camera| &camera.destinations).map(|d| d.attempts).sum();
        Truth { scenario, seed, packets: self.packets, attempts, cameras, devices: self.devices }
    }
}
