//! A restart continues: what the analyser gives to be kept now and then, and the analyser that goes on from there.
//!
//! Cameras, pairs, names, their rhythms, devices and coverage come back at the same places, because the windows of rules
//! refer to them by these. What is not carried over: connections that are open on the capture thread (their outcome is not
//! told), and batches that the analyser has not taken.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use super::Analysis;
use crate::alert::{Alerts, Transition};
use crate::analyse::{HourCounted, Ledger};
use crate::config::Config;
use crate::geo::Geo;
use crate::report::inventory::device_entry;
use crate::saved::{FORMAT, Piece, Pieces, encode};
use crate::store::{
    self,
    checkpoint::{Checkpoint, CoverageRow, Destination, DeviceRow, HiddenRow, HourRow, Row},
};
use crate::time::Timestamp;

/// Documents of devices that go into one checkpoint: each takes the time of a hundred pieces. More come with the next.
const MAX_DEVICES: usize = 200;

const ALERTS: &str = "alerts";
const SUMS: &str = "analysis";

/// What was kept of an analysis.
#[derive(Debug, Default)]
pub struct Restored {
    /// The format of the pieces: [`Checkpoint::format`].
    pub format: u32,
    /// The rows of all checkpoints, the later laid over the earlier.
    pub pieces: Pieces,
    /// What was told after the last checkpoint.
    pub later: Vec<Transition>,
}

/// What was kept is written in a format of another version of camwatch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what was kept of the time before is in format {0}, and this version reads {FORMAT}: cameras are learnt anew")]
pub struct OtherFormat(pub u32);

/// How far the analysis was written down.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// What there was, was: the next checkpoint only needs what changed since.
    once: bool,
    /// The alerts, as they were last written.
    alerts: Vec<u8>,
    /// Something was found or told since then.
    pub(super) news: bool,
}

#[derive(Serialize, Deserialize)]
struct Sums {
    now: Timestamp,
}

impl Analysis {
    /// What changed since the last checkpoint, or since the analysis was restored; else, and where what was kept could not all
    /// be read, everything. Hours are counted from the first one on.
    ///
    /// The caller is the one who feeds the analysis; it waits meanwhile.
    pub fn checkpoint(&mut self) -> Checkpoint {
        let whole = !self.written.once;
        self.give(whole)
    }

    /// Everything. Hours are what was added since the last checkpoint all the same.
    pub fn whole_checkpoint(&mut self) -> Checkpoint {
        self.give(true)
    }

    fn give(&mut self, whole: bool) -> Checkpoint {
        self.written.once = true;
        let mut pieces = Vec::new();
        self.ledger.save(whole, &mut pieces);
        self.engine.save(whole, &mut pieces);
        if whole || std::mem::take(&mut self.written.news) {
            let alerts = encode(&self.alerts);
            if whole || alerts != self.written.alerts {
                pieces.push(Piece { part: ALERTS, key: Vec::new(), bytes: Some(alerts.clone()) });
                self.written.alerts = alerts;
            }
        }
        pieces.push(Piece { part: SUMS, key: Vec::new(), bytes: Some(encode(&Sums { now: self.now })) });
        let (hours, over) = self.ledger.take_hours();
        let news = self.ledger.take_news(MAX_DEVICES);
        let hidden = self.alerts.take_hidden().into_iter().map(|((hour, exception), counts)| HiddenRow {
            hour,
            exception: exception.to_string(),
            findings: counts.findings,
            alerts: counts.alerts,
        });
        let device = |id| {
            let (first, last) = self.ledger.inventory().device(id).map(|device| (device.first, device.last))?;
            let (id, document) = device_entry(id, &self.ledger)?;
            Some(DeviceRow { id, first, last, document })
        };
        Checkpoint {
            format: FORMAT,
            time: self.now,
            whole,
            rows: pieces.into_iter().map(|Piece { part, key, bytes }| Row { part, key, bytes }).collect(),
            hours: hours.into_iter().filter_map(|hour| hour_row(hour, &self.ledger)).collect(),
            devices: news.into_iter().filter_map(device).collect(),
            coverage: over.into_iter().flat_map(|hour| coverage_of(hour, &self.ledger)).collect(),
            hidden: hidden.collect(),
        }
    }

    /// Goes on from what the store kept; where that is nothing, or is in another format, all begins anew but the alerts, which
    /// outlive what they were found in.
    pub fn continued(config: &Config, geo: Arc<Geo>, kept: store::Restored) -> Self {
        let store::Restored { rows, transitions, .. } = kept;
        let mut pieces = Pieces::default();
        for row in rows {
            pieces.add(&row.part, row.key, Some(row.bytes));
        }
        Self::go_on(config, geo, pieces, transitions)
    }

    /// Goes on from what was kept. What cannot be read, or has no room now, is left out, and the next checkpoint is whole.
    /// Places are looked up anew; where cameras are configured otherwise than then, that holds as after
    /// [`Analysis::reconfigure`]; rules that are worded otherwise begin anew.
    pub fn restore(config: &Config, geo: Arc<Geo>, restored: Restored) -> Result<Self, OtherFormat> {
        let Restored { format, pieces, later } = restored;
        if format == FORMAT { Ok(Self::go_on(config, geo, pieces, later)) } else { Err(OtherFormat(format)) }
    }

    fn go_on(config: &Config, geo: Arc<Geo>, mut pieces: Pieces, later: Vec<Transition>) -> Self {
        let count = pieces.len();
        let mut analysis = Self::new(config, geo.clone());
        analysis.ledger = Ledger::restore(config.watch_list(), geo, config.ledger_limits(), &mut pieces);
        analysis.ledger.set_max_loss(config.max_loss());
        for rule in analysis.engine.restore(&mut pieces) {
            info!(%rule, "the rule is not there any more in the words that it had: what it counted is let go");
        }
        let mut alerts: Alerts = pieces.take_one(ALERTS).unwrap_or_default();
        // What is hidden from now on is to be in the next checkpoint.
        alerts.take_hidden();
        analysis.put_back(alerts, later);
        // Of what could not be read back, the place may be another's soon.
        analysis.forget_gone();
        if let Some(sums) = pieces.take_one::<Sums>(SUMS) {
            analysis.now = sums.now;
        }
        let left_out = pieces.left_out();
        if !left_out.is_empty() {
            warn!("{} of {count} pieces of the state before the restart are left out", left_out.len());
        }
        analysis.written = Written { once: left_out.is_empty(), alerts: encode(&analysis.alerts), news: false };
        analysis
    }
}

fn hour_row(hour: HourCounted, ledger: &Ledger) -> Option<HourRow> {
    let HourCounted { hour, camera, left, destination, place, names, services, counts, first, last } = hour;
    let known = || Some(ledger.camera_of(camera).filter(|camera| !camera.behind_router)?.id.clone());
    Some(HourRow {
        hour,
        camera: left.map(|id| id.to_string()).or_else(known)?,
        destination: destination.map_or(Destination::Internal, Destination::Address),
        names: names.iter().map(ToString::to_string).collect(),
        country: place.country_text(),
        owner: place.owner_text(),
        owner_country: place.owner_country.map(|country| country.to_string()),
        class: place.class,
        services,
        counts,
        first,
        last,
    })
}

/// Whether each camera could be observed in an hour that is over.
fn coverage_of(hour: i64, ledger: &Ledger) -> impl Iterator<Item = CoverageRow> {
    ledger.cameras().filter_map(move |(_, camera)| {
        let (_, device) = ledger.device_of(camera)?;
        let state = ledger.coverage().of(device, hour).key().to_owned();
        Some(CoverageRow { hour, camera: camera.id.clone(), state })
    })
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;
    use std::net::IpAddr;

    use super::*;
    use crate::device::facts::sadp;
    use crate::net::{Mac, Segment};
    use crate::pipeline::Batch;
    use crate::track::{Event, EventKind, NameKind, NameSeen, Outcome, Traffic};

    const CAMERA: Mac = Mac([0x44, 0x19, 0xb6, 0, 0, 1]);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_parts(1_427_878_800 + second, 0)
    }

    fn event(second: i64, mac: Option<Mac>, kind: EventKind) -> Event {
        Event { time: at(second), segment: Segment::Vlan(12), device: IpAddr::from([10, 20, 7, 31]), mac, kind }
    }

    /// One of everything that is written down. Nothing of it depends on country and owner data.
    fn known_state() -> Analysis {
        let config = Config { rules: Vec::new(), ..Config::default() };
        let mut analysis = Analysis::new(&config, Arc::new(Geo::built_in()));
        let (destination, service) = (IpAddr::from([120, 26, 96, 67]), "tcp/7660".parse().unwrap());
        let recorder = IpAddr::from([10, 20, 255, 10]);
        let seen = NameSeen {
            addresses: vec![destination],
            ttl_s: 60,
            ..NameSeen::said(NameKind::Dns, "dev.example".to_owned())
        };
        let message = b"<?xml version=\"1.0\"?><ProbeMatch><DeviceDescription>DS-2CD2032-I</DeviceDescription>\
            <MAC>44-19-b6-00-00-01</MAC><IPv4Address>10.20.7.31</IPv4Address></ProbeMatch>";
        let mut events: Vec<Event> =
            sadp::parse(message).into_iter().map(|said| event(0, None, EventKind::Sighting(Box::new(said)))).collect();
        assert!(!events.is_empty());
        events.push(event(1, None, EventKind::Present { link: Some(CAMERA) }));
        events.push(event(1, Some(CAMERA), EventKind::Name(Box::new(seen))));
        events.push(event(2, Some(CAMERA), EventKind::Attempt { destination: recorder, service }));
        for number in 0..12 {
            let second = 10 + 61 * number;
            let traffic = Traffic { bytes_out: 60, packets_out: 1, retries: 1, ..Traffic::default() };
            let outcome = Some(Outcome::Unanswered);
            events.push(event(second, Some(CAMERA), EventKind::Attempt { destination, service }));
            events.push(event(second, Some(CAMERA), EventKind::Pulse { destination, service }));
            events.push(event(second, Some(CAMERA), EventKind::Contact { destination, service, outcome, traffic }));
        }
        analysis.take(&Batch { events, now: at(800), frames: 50, lost: 1, down: false });
        analysis
    }

    /// When this fails, what earlier versions wrote down may be understood wrongly: either a change was made that should
    /// not be (a field that is not the last, or has no default), or [`FORMAT`] must grow, and with it the name here.
    #[test]
    fn the_encoding_of_a_known_state_does_not_change_unless_its_format_does() {
        let mut told = format!("format {FORMAT}\n");
        for row in known_state().checkpoint().rows {
            let bytes = row.bytes.unwrap_or_default();
            let digest = ring::digest::digest(&ring::digest::SHA256, &bytes);
            let start = &digest.as_ref()[..6];
            writeln!(told, "{} {:02x?} {} bytes {start:02x?}", row.part, row.key, bytes.len()).unwrap();
        }
        insta::assert_snapshot!(format!("format_{FORMAT}"), told);
    }

    #[test]
    fn a_pair_stays_small() {
        let rows = known_state().checkpoint().rows;
        let of = |part: &str| rows.iter().find(|row| row.part == part).and_then(|row| row.bytes.as_ref()).map(Vec::len);
        assert!(of("pair").is_some_and(|bytes| bytes < 400), "{:?}", of("pair"));
        assert!(of("device").is_some_and(|bytes| bytes < 700), "{:?}", of("device"));
    }

    #[test]
    fn an_analysis_that_nobody_asked_gives_everything_first_and_counts_hours_from_then_on() {
        let mut analysis = known_state();
        let first = analysis.checkpoint();
        assert!(first.whole && first.rows.len() > 8 && first.hours.is_empty());
        assert_eq!(first.devices.len(), 1);
        let (destination, service) = (IpAddr::from([120, 26, 96, 67]), "tcp/7660".parse().unwrap());
        let events = vec![event(4000, Some(CAMERA), EventKind::Attempt { destination, service })];
        analysis.take(&Batch { events, now: at(4001), frames: 1, lost: 0, down: false });
        let second = analysis.checkpoint();
        assert!(!second.whole);
        let hour = &second.hours[0];
        assert_eq!((second.hours.len(), hour.counts.attempts, hour.first, hour.last), (1, 1, at(4000), at(4000)));
        assert_eq!(hour.hour * 3600, at(3600).as_secs());
    }
}
