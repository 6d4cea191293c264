//! Hours that the store kept, told again as events: what rules and exceptions would have made of them.
//!
//! An hour of a camera and a destination is a sum. Its attempts are spread evenly between its first and its last event, their
//! outcomes follow at once. Rates, places, names, volumes and what is new come out as they were, to the hour; rhythms do not
//! ([`tells`]): for these there are captures.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use super::front::BATCH_EVENTS;
use super::{Analysis, Batch};
use crate::config::Config;
use crate::geo::Geo;
use crate::net::{Mac, Protocol, Segment, Service};
use crate::store::checkpoint::{Destination, HourRow};
use crate::time::Timestamp;
use crate::track::{Event, EventKind, NameKind, NameSeen, Outcome, Traffic};

/// Kinds of rules that sums of an hour say nothing of.
const NOT_TOLD: [&str; 6] = ["beat", "silent", "unregistered", "inbound", "lateral", "long"];

/// Whether rules of a kind can be tested on hours.
pub fn tells(kind: &str) -> bool {
    !NOT_TOLD.contains(&kind)
}

/// A device as events name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Who {
    /// Its address.
    pub address: IpAddr,
    /// Its MAC address, where it is known by it.
    pub mac: Option<Mac>,
    /// Where in the network it is.
    pub segment: Segment,
}

impl Who {
    /// By the id that the ledger gave a camera: its MAC address, its address (`10.0.0.5%vlan12`), or a configured name.
    pub fn of(id: &str, config: &Config, address: Option<IpAddr>) -> Option<Self> {
        let named = config.cameras.iter().chain(config.register.iter().flat_map(|register| &register.cameras));
        let named = named.into_iter().find(|camera| camera.name.as_deref() == Some(id));
        let mac = id.parse().ok().or_else(|| named.and_then(|camera| camera.mac));
        let (plain, segment) = id.split_once('%').map_or((id, Segment::Whole), |(address, zone)| {
            let number = |prefix: &str| zone.strip_prefix(prefix).and_then(|number| number.parse().ok());
            let segment = number("vlan").map(Segment::Vlan).or_else(|| number("if").map(Segment::Interface));
            (address, segment.unwrap_or_default())
        });
        let known = named.and_then(|camera| camera.addresses.first().copied());
        let address = plain.parse().ok().or(address).or(known);
        // By its MAC address alone a device can be told too.
        let address = address.or(mac.map(|_| IpAddr::V4(Ipv4Addr::UNSPECIFIED)))?;
        Some(Self { address, mac, segment })
    }
}

/// Tells hours to an analyser of its own.
pub struct Hours {
    analysis: Analysis,
    batch: Batch,
}

impl Hours {
    /// Nothing told yet; every camera of the hours is watched, as it was then.
    pub fn new(config: &Config, geo: Arc<Geo>) -> Self {
        let mut config = config.clone();
        config.watch.all = true;
        Self { analysis: Analysis::of_logs(&config, geo), batch: Batch::default() }
    }

    /// Tells one hour: rows of the same hour, each with who the camera is. Hours come in their order.
    pub fn tell(&mut self, rows: &[(HourRow, Who)]) {
        let mut coming: BinaryHeap<Reverse<(Timestamp, usize, u64)>> = BinaryHeap::new();
        for (at, (row, _)) in rows.iter().enumerate() {
            if matches!(row.destination, Destination::Address(_)) {
                coming.push(Reverse((row.first, at, 0)));
            }
        }
        while let Some(Reverse((time, at, number))) = coming.pop() {
            let Some((row, who)) = rows.get(at) else { continue };
            let Destination::Address(destination) = row.destination else { continue };
            self.event(row, *who, destination, number, time);
            let next = number + 1;
            if next < row.counts.attempts {
                coming.push(Reverse((moment(row, next), at, next)));
            }
            self.batch.now = self.batch.now.max(time);
            if self.batch.events.len() >= BATCH_EVENTS {
                self.give();
            }
        }
        self.give();
    }

    /// The hours are over.
    pub fn finish(mut self) -> Analysis {
        self.give();
        self.analysis.finish();
        self.analysis
    }

    fn give(&mut self) {
        let next = Batch { now: self.batch.now, ..Batch::default() };
        self.analysis.take(&std::mem::replace(&mut self.batch, next));
    }

    fn event(&mut self, row: &HourRow, who: Who, destination: IpAddr, number: u64, time: Timestamp) {
        let mut push = |kind| {
            self.batch.events.push(Event { time, segment: who.segment, device: who.address, mac: who.mac, kind });
        };
        let fallback = Service { protocol: Protocol::Tcp, port: 0 };
        let services = if row.services.is_empty() { std::slice::from_ref(&fallback) } else { &row.services };
        let service = services[(number % services.len() as u64) as usize];
        if number == 0 {
            for name in &row.names {
                let mut seen = NameSeen::said(NameKind::Dns, name.clone());
                (seen.addresses, seen.ttl_s) = (vec![destination], 3600);
                push(EventKind::Name(Box::new(seen)));
            }
        }
        if number < row.counts.attempts {
            push(EventKind::Attempt { destination, service });
        }
        let mut traffic = Traffic::default();
        if number == 0 {
            // All that went over the hour: windows of volumes are hours or longer.
            (traffic.bytes_out, traffic.bytes_in) = (row.counts.bytes_out, row.counts.bytes_in);
            traffic.retries = u32::try_from(row.counts.retries).unwrap_or(u32::MAX);
        }
        let outcome = outcome(row, number);
        if outcome.is_some() || traffic != Traffic::default() {
            push(EventKind::Contact { destination, service, outcome, traffic });
        }
    }
}

/// When an hour's attempt of this number was, if they were evenly spread.
fn moment(row: &HourRow, number: u64) -> Timestamp {
    let span = row.last.since(row.first).as_nanos();
    let step = span * u128::from(number) / u128::from(row.counts.attempts.saturating_sub(1).max(1));
    row.first + Duration::from_nanos(u64::try_from(step).unwrap_or(u64::MAX))
}

/// The outcomes of an hour, dealt to its attempts in this order.
fn outcome(row: &HourRow, number: u64) -> Option<Outcome> {
    let mut up_to = 0;
    [
        (row.counts.answered, Outcome::Answered),
        (row.counts.refused, Outcome::Refused),
        (row.counts.unanswered, Outcome::Unanswered),
        (row.counts.midstream, Outcome::Midstream),
    ]
    .into_iter()
    .find_map(|(count, outcome)| {
        up_to += count;
        (number < up_to).then_some(outcome)
    })
}
