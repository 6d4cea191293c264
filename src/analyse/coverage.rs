//! Which devices could be observed in which hours: a silence is only a silence where there was coverage.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use ahash::AHashMap;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::device::Device;
use crate::device::hours::{Hours, REMEMBERED, hour_of, start_of};
use crate::net::Segment;
use crate::saved::{ChangedKeys, Damaged, Piece, Pieces, check_counts, decode, encode};
use crate::time::Timestamp;

/// An hour of which fewer minutes were captured is not observable.
const MIN_MINUTES: u32 = 30;
/// Between two frames of a capture that are no further apart than this, it was running.
const GAP: Duration = Duration::from_secs(300);
/// Networks that are followed; devices of others are not observable.
const MAX_NETWORKS: usize = 16_384;

/// What is known of a device in an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Observed {
    /// It was seen.
    Observed,
    /// It was not, though its network was.
    Silent,
    /// Less than half of the hour was captured.
    CaptureDown,
    /// More packets were lost than is allowed for.
    Loss,
    /// Nothing of its network was seen on this port.
    NetworkUnseen,
}

impl Observed {
    /// Whether nothing can be said of the hour.
    pub fn is_unobservable(self) -> bool {
        matches!(self, Self::CaptureDown | Self::Loss | Self::NetworkUnseen)
    }

    /// By its word in documents and the store.
    pub fn of_key(key: &str) -> Option<Self> {
        let all = [Self::Observed, Self::Silent, Self::CaptureDown, Self::Loss, Self::NetworkUnseen];
        all.into_iter().find(|known| known.key() == key)
    }

    /// As documents and the store write it.
    pub fn key(self) -> &'static str {
        match self {
            Self::Observed => "observed",
            Self::Silent => "silent",
            Self::CaptureDown => "capture-down",
            Self::Loss => "loss",
            Self::NetworkUnseen => "network-unseen",
        }
    }

    /// As people read it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Observed => "observed",
            Self::Silent => "silent",
            Self::CaptureDown => "not observable: the capture was down",
            Self::Loss => "not observable: too many packets were lost",
            Self::NetworkUnseen => "not observable: its network was not seen on this port",
        }
    }
}

/// Hours of a device, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct HourCounts {
    /// Hours in which it was seen.
    pub observed: u32,
    /// Hours in which it was not, though it could have been.
    pub silent: u32,
    /// Hours of which nothing can be said.
    pub not_observable: u32,
}

/// How well a device could be observed in the last 24 hours.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LastDay {
    /// Hours in which it was seen.
    pub observed_hours: u32,
    /// Hours in which it was not, though it could have been.
    pub silent_hours: u32,
    /// Which share of all packets was lost (0 to 1).
    pub loss: f64,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
struct Hour {
    /// One bit a minute that was captured.
    minutes: u64,
    frames: u64,
    lost: u64,
}

/// Who could be observed when.
#[derive(Debug)]
pub struct Coverage {
    hours: BTreeMap<i64, Hour>,
    networks: AHashMap<(Segment, IpNet), Hours>,
    before: Option<Timestamp>,
    max_loss: f64,
    networks_left_out: u64,
    unwritten_hours: ChangedKeys<i64>,
    unwritten_networks: ChangedKeys<(Segment, IpNet)>,
}

/// The part of a checkpoint that has what was captured by the hour.
pub const HOURS_PART: &str = HOURS;
const HOURS: &str = "coverage-hour";
const NETWORKS: &str = "coverage-network";
const SUMS: &str = "coverage";

/// The network by which coverage is told: neighbours on it are seen by the same port. /24, /64.
fn network_of(address: IpAddr) -> Option<IpNet> {
    let bits = if address.is_ipv4() { 24 } else { 64 };
    IpNet::new(address, bits).ok().map(|network| network.trunc())
}

impl Coverage {
    /// Nothing observed yet. An hour that lost more than `max_loss` of its packets (0 to 1) is not observable.
    pub fn new(max_loss: f64) -> Self {
        Self {
            hours: BTreeMap::new(),
            networks: AHashMap::new(),
            before: None,
            max_loss,
            networks_left_out: 0,
            unwritten_hours: ChangedKeys::default(),
            unwritten_networks: ChangedKeys::default(),
        }
    }

    /// Takes another limit of loss.
    pub fn set_max_loss(&mut self, max_loss: f64) {
        self.max_loss = max_loss;
    }

    /// Notes that the capture ran until `now`, with these frames taken and lost since it was last noted; or was `down`.
    pub fn capture(&mut self, now: Timestamp, frames: u64, lost: u64, down: bool) {
        let before = self.before.replace(now);
        if down || now == Timestamp::MIN {
            self.before = None;
        } else {
            let from = before.filter(|before| *before <= now && now.since(*before) <= GAP).unwrap_or(now);
            let minute = |time: Timestamp| time.as_secs().div_euclid(60);
            for minute in minute(from)..=minute(now) {
                self.unwritten_hours.note(minute.div_euclid(60));
                let hour = self.hours.entry(minute.div_euclid(60)).or_default();
                hour.minutes |= 1 << minute.rem_euclid(60);
            }
        }
        if frames > 0 || lost > 0 {
            self.unwritten_hours.note(hour_of(now));
            let hour = self.hours.entry(hour_of(now)).or_default();
            hour.frames += frames;
            hour.lost += lost;
        }
        while self.hours.len() > REMEMBERED as usize {
            if let Some((hour, _)) = self.hours.pop_first() {
                self.unwritten_hours.note(hour);
            }
        }
    }

    /// Notes that someone at `address` sent something.
    pub fn present(&mut self, segment: Segment, address: IpAddr, time: Timestamp) {
        let Some(network) = network_of(address) else { return };
        let hour = hour_of(time);
        if let Some(hours) = self.networks.get_mut(&(segment, network)) {
            if !hours.has(hour) {
                hours.set(hour);
                self.unwritten_networks.note((segment, network));
            }
        } else if self.networks.len() < MAX_NETWORKS {
            self.unwritten_networks.note((segment, network));
            self.networks.entry((segment, network)).or_default().set(hour);
        } else {
            self.networks_left_out += 1;
        }
    }

    /// The hours that are remembered, in order: from the first that was captured to the last.
    pub fn hours(&self) -> impl Iterator<Item = i64> {
        let first = self.hours.first_key_value().map_or(0, |(hour, _)| *hour);
        let end = self.hours.last_key_value().map_or(0, |(hour, _)| hour + 1);
        first.max(end - REMEMBERED)..end
    }

    /// Packets that were lost in an hour.
    pub fn lost(&self, hour: i64) -> u64 {
        self.hours.get(&hour).map_or(0, |seen| seen.lost)
    }

    /// What is known of an hour as such, whoever is asked about.
    pub fn of_capture(&self, hour: i64) -> Option<Observed> {
        let seen = self.hours.get(&hour).copied().unwrap_or_default();
        let loss = seen.lost as f64 / (seen.frames + seen.lost).max(1) as f64;
        if seen.minutes.count_ones() < MIN_MINUTES {
            Some(Observed::CaptureDown)
        } else if loss > self.max_loss {
            Some(Observed::Loss)
        } else {
            None
        }
    }

    /// What is known of a device in an hour.
    pub fn of(&self, device: &Device, hour: i64) -> Observed {
        if device.hours.has(hour) {
            return Observed::Observed;
        }
        if let Some(unobservable) = self.of_capture(hour) {
            return unobservable;
        }
        // Where it was at the time: the last address that it had by the end of the hour, else the first.
        let end = start_of(hour + 1);
        let had = device.addresses.iter().filter(|seen| seen.first < end).max_by_key(|seen| seen.last);
        let network = had.or(device.addresses.first()).map(|seen| seen.address);
        match network {
            Some(address) if self.saw_network(device.segment, address, hour) => Observed::Silent,
            _ => Observed::NetworkUnseen,
        }
    }

    /// The hours of a device, counted.
    pub fn counts(&self, device: &Device) -> HourCounts {
        let mut counts = HourCounts::default();
        for hour in self.hours() {
            match self.of(device, hour) {
                Observed::Observed => counts.observed += 1,
                Observed::Silent => counts.silent += 1,
                _ => counts.not_observable += 1,
            }
        }
        counts
    }

    /// How well a device could be observed in the last 24 hours, this one among them.
    pub fn last_day(&self, device: &Device, now: Timestamp) -> LastDay {
        let last = hour_of(now);
        let hours = last - 23..=last;
        let (lost, frames) = self
            .hours
            .range(hours.clone())
            .fold((0, 0), |(lost, frames), (_, hour)| (lost + hour.lost, frames + hour.frames + hour.lost));
        let mut day = LastDay { observed_hours: 0, silent_hours: 0, loss: lost as f64 / frames.max(1) as f64 };
        for hour in hours {
            match self.of(device, hour) {
                Observed::Observed => day.observed_hours += 1,
                Observed::Silent => day.silent_hours += 1,
                _ => {}
            }
        }
        day
    }

    fn saw_network(&self, segment: Segment, address: IpAddr, hour: i64) -> bool {
        network_of(address)
            .and_then(|network| self.networks.get(&(segment, network)))
            .is_some_and(|hours| hours.has(hour))
    }

    /// Whether anything of an address's network was ever seen in an hour that could be observed, on whichever segment.
    pub fn ever_saw_network(&self, address: IpAddr) -> bool {
        let Some(network) = network_of(address) else { return false };
        let hours = self.hours.keys().filter(|hour| self.of_capture(**hour) != Some(Observed::Loss));
        let of_network: Vec<&Hours> =
            self.networks.iter().filter(|((_, known), _)| *known == network).map(|(_, hours)| hours).collect();
        !of_network.is_empty() && hours.into_iter().any(|hour| of_network.iter().any(|seen| seen.has(*hour)))
    }

    /// How long between two moments a device at an address could be observed: minutes that were captured, of hours in
    /// which its network was seen and not too much was lost.
    pub fn covered(&self, segment: Segment, address: IpAddr, from: Timestamp, to: Timestamp) -> Duration {
        let minute = |time: Timestamp| time.as_secs().div_euclid(60);
        let (first, end) = (minute(from) + 1, minute(to));
        let hours = self.hours.range(hour_of(from)..=hour_of(to));
        let minutes: u32 = hours
            .filter(|(hour, seen)| {
                let loss = seen.lost as f64 / (seen.frames + seen.lost).max(1) as f64;
                loss <= self.max_loss && self.saw_network(segment, address, **hour)
            })
            .map(|(hour, seen)| {
                let inside = (0..60).filter(|at| (first..=end).contains(&(hour * 60 + at)));
                inside.filter(|at| seen.minutes >> at & 1 == 1).count() as u32
            })
            .sum();
        Duration::from_secs(u64::from(minutes) * 60)
    }

    /// Gives a piece of everything that changed since the last time, or of all there is.
    pub(super) fn save(&mut self, whole: bool, pieces: &mut Vec<Piece>) {
        if whole {
            self.unwritten_hours.start();
            self.unwritten_networks.start();
            self.hours.keys().for_each(|hour| self.unwritten_hours.note(*hour));
            self.networks.keys().for_each(|network| self.unwritten_networks.note(*network));
        }
        for hour in self.unwritten_hours.take() {
            let bytes = self.hours.get(&hour).map(encode);
            pieces.push(Piece { part: HOURS, key: encode(&hour), bytes });
        }
        for network in self.unwritten_networks.take() {
            let bytes = self.networks.get(&network).map(encode);
            pieces.push(Piece { part: NETWORKS, key: encode(&network), bytes });
        }
        let bytes = Some(encode(&(self.before, self.networks_left_out)));
        pieces.push(Piece { part: SUMS, key: Vec::new(), bytes });
    }

    /// As it was when its pieces were given.
    pub(super) fn restore(max_loss: f64, pieces: &mut Pieces) -> Self {
        let mut coverage = Self::new(max_loss);
        let ends = hour_of(Timestamp::MIN)..=hour_of(Timestamp::from_nanos(i64::MAX));
        pieces.take_keys(HOURS, |hour: i64, seen: Hour| {
            check_counts(&[seen.frames, seen.lost])?;
            if !ends.contains(&hour) {
                return Err(Damaged::Impossible("an hour that never was"));
            }
            coverage.hours.insert(hour, seen);
            Ok(())
        });
        while coverage.hours.len() > REMEMBERED as usize {
            coverage.hours.pop_first();
        }
        pieces.take_keys(NETWORKS, |network: (Segment, IpNet), hours: Hours| {
            if !hours.can_be() || coverage.networks.len() >= MAX_NETWORKS {
                return Err(Damaged::Impossible("hours that never were, or a network too many"));
            }
            coverage.networks.insert(network, hours);
            Ok(())
        });
        if let Some((before, left_out)) = pieces.take_one::<(Option<Timestamp>, u64)>(SUMS) {
            coverage.before = before;
            coverage.networks_left_out = if check_counts(&[left_out]).is_ok() { left_out } else { 0 };
        }
        coverage.unwritten_hours.start();
        coverage.unwritten_networks.start();
        coverage
    }

    /// Frames taken and lost by the hour, from the pieces of a checkpoint under [`HOURS_PART`]; what cannot be read is left
    /// out.
    pub fn frames_of<'p>(pieces: impl Iterator<Item = (&'p [u8], &'p [u8])>) -> BTreeMap<i64, (u64, u64)> {
        let read = |(key, bytes): (&[u8], &[u8])| {
            let (hour, seen) = (decode::<i64>(key).ok()?, decode::<Hour>(bytes).ok()?);
            check_counts(&[seen.frames, seen.lost]).ok()?;
            Some((hour, (seen.frames, seen.lost)))
        };
        pieces.filter_map(read).collect()
    }

    /// Sightings in networks for which there was no room.
    pub fn networks_left_out(&self) -> u64 {
        self.networks_left_out
    }
}

#[cfg(test)]
mod tests {
    use super::Observed::{CaptureDown, Loss, NetworkUnseen, Silent};
    use super::*;
    use crate::device::Inventory;

    const START: i64 = 400_000 * 3600;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_parts(START + minute * 60, 0)
    }

    fn device(last: u8, minutes: &[i64]) -> Device {
        let mut inventory = Inventory::new(10, 4);
        for minute in minutes {
            inventory.present(Segment::Whole, IpAddr::from([10, 0, 0, last]), None, at(*minute));
        }
        inventory.devices().next().unwrap().1.clone()
    }

    fn run(coverage: &mut Coverage, minutes: std::ops::Range<i64>, neighbour: bool, lost: u64) {
        for minute in minutes {
            coverage.capture(at(minute), 100, lost, false);
            if neighbour {
                coverage.present(Segment::Whole, IpAddr::from([10, 0, 0, 200]), at(minute));
            }
        }
    }

    #[test]
    fn a_silence_is_only_one_where_there_was_coverage() {
        let mut coverage = Coverage::new(0.01);
        run(&mut coverage, 0..120, true, 0);
        run(&mut coverage, 120..180, false, 0);
        run(&mut coverage, 180..240, true, 5);
        coverage.capture(at(240), 0, 0, true);
        run(&mut coverage, 300..310, true, 0);
        let camera = device(9, &[3]);
        let hour = START / 3600;
        let all: Vec<Observed> = (hour..hour + 6).map(|hour| coverage.of(&camera, hour)).collect();
        assert_eq!(all, [Observed::Observed, Silent, NetworkUnseen, Loss, CaptureDown, CaptureDown]);
        assert_eq!(coverage.counts(&camera), HourCounts { observed: 1, silent: 1, not_observable: 4 });
    }

    #[test]
    fn covered_time_leaves_out_what_could_not_be_observed() {
        let mut coverage = Coverage::new(0.01);
        run(&mut coverage, 0..60, true, 0);
        run(&mut coverage, 90..120, true, 0);
        let address = IpAddr::from([10, 0, 0, 9]);
        let covered = |from, to| coverage.covered(Segment::Whole, address, at(from), at(to)).as_secs() / 60;
        assert_eq!(covered(0, 59), 59);
        assert_eq!(covered(30, 119), 29 + 30);
        assert_eq!(coverage.covered(Segment::Whole, IpAddr::from([10, 0, 1, 9]), at(0), at(59)), Duration::ZERO);
    }

    #[test]
    fn pauses_between_frames_are_no_gaps_but_long_ones_are() {
        let mut coverage = Coverage::new(0.01);
        (0..15).for_each(|step| coverage.capture(at(step * 4), 1, 0, false));
        assert_eq!(coverage.of_capture(START / 3600), None);
        let mut coverage = Coverage::new(0.01);
        (0..6).for_each(|step| coverage.capture(at(step * 10), 1, 0, false));
        assert_eq!(coverage.of_capture(START / 3600), Some(Observed::CaptureDown));
    }
}
