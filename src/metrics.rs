//! Every metric family, defined in one place: [`FAMILIES`].
//!
//! Families are filled from a [`Snapshot`] when someone scrapes; nothing else in camwatch touches them.

use std::collections::BTreeMap;

use prometheus::{GaugeVec, IntCounterVec, Opts, Registry, TextEncoder};

use crate::analyse::{Ledger, Observed, Totals};
use crate::decode::CAUSES;
use crate::device::DeviceKind;
use crate::device::hours::hour_of;
use crate::geo::SourceInfo;
use crate::pipeline::{Analysis, FrontStats};
use crate::rules::Severity;
use crate::source::LiveStats;

/// What kind of value a family has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
}

/// A metric family.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// What it counts.
    pub kind: Kind,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// For people.
    pub help: &'static str,
    fill: fn(&Snapshot, &mut Values<'_>),
}

type Values<'v> = dyn FnMut(&[&str], f64) + 'v;

/// Cameras with series of their own; the rest is counted by `camwatch_camera_series_left_out`.
const MAX_CAMERAS: usize = 5000;

/// One interface's counters.
#[derive(Debug, Clone, Default)]
pub struct InterfaceSnapshot {
    /// Its name.
    pub name: String,
    /// It is open.
    pub up: bool,
    /// libpcap's counters.
    pub live: LiveStats,
    /// The capture thread's counters.
    pub front: FrontStats,
}

/// One camera's counters.
#[derive(Debug, Clone, Default)]
pub struct CameraSnapshot {
    id: String,
    overseas: u64,
    unknown: u64,
    internal: u64,
    all: u64,
}

/// All counters at a moment.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Each interface.
    pub interfaces: Vec<InterfaceSnapshot>,
    /// Events lost between capture and analysis.
    pub lost_events: u64,
    totals: Totals,
    cameras: Vec<CameraSnapshot>,
    camera_count: u64,
    pairs: u64,
    names: u64,
    evicted_pairs: u64,
    ledger_left_out: [u64; 3],
    rules_left_out: u64,
    devices: Vec<(DeviceKind, u64)>,
    devices_left_out: u64,
    devices_evicted: u64,
    coverage: [u64; 3],
    register: [u64; 4],
    firing: BTreeMap<Severity, u64>,
    alerts_left_out: u64,
    geo: Vec<SourceInfo>,
    capture_time_s: f64,
}

impl Snapshot {
    /// Takes over the analyser's counters.
    pub fn take_analysis(&mut self, analysis: &Analysis) {
        let ledger = analysis.ledger();
        self.totals = *ledger.totals();
        self.camera_count = ledger.cameras().count() as u64;
        self.cameras = ledger
            .cameras()
            .take(MAX_CAMERAS)
            .map(|(_, camera)| CameraSnapshot {
                id: camera.id.clone(),
                overseas: camera.overseas_attempts,
                unknown: camera.unknown_attempts,
                internal: camera.internal_attempts,
                all: camera.attempts,
            })
            .collect();
        self.pairs = ledger.pair_count() as u64;
        self.names = ledger.name_count() as u64;
        self.evicted_pairs = ledger.evicted_pairs();
        self.ledger_left_out =
            [ledger.cameras_left_out(), ledger.names_left_out(), ledger.coverage().networks_left_out()];
        self.rules_left_out = analysis.rules_left_out();
        self.devices = ledger.inventory().kinds().to_vec();
        self.devices_left_out = ledger.inventory().left_out();
        self.devices_evicted = ledger.inventory().evicted();
        self.coverage = coverage_of(ledger, hour_of(analysis.now()) - 1);
        self.register = crate::report::inventory::counts(ledger);
        self.firing = analysis.alert_book().firing();
        self.alerts_left_out = analysis.alert_book().left_out();
        self.geo = ledger.geo().sources();
        self.capture_time_s = analysis.now().as_nanos() as f64 / 1e9;
    }

    /// Whether every interface is open.
    pub fn is_ready(&self) -> bool {
        !self.interfaces.is_empty() && self.interfaces.iter().all(|interface| interface.up)
    }

    /// The exposition in Prometheus' text format.
    pub fn exposition(&self) -> Result<String, prometheus::Error> {
        let registry = Registry::new();
        for family in &FAMILIES {
            let options = Opts::new(family.name, family.help);
            match family.kind {
                Kind::Counter => {
                    let counters = IntCounterVec::new(options, family.labels)?;
                    (family.fill)(self, &mut |labels, value| counters.with_label_values(labels).inc_by(value as u64));
                    registry.register(Box::new(counters))?;
                }
                Kind::Gauge => {
                    let gauges = GaugeVec::new(options, family.labels)?;
                    (family.fill)(self, &mut |labels, value| gauges.with_label_values(labels).set(value));
                    registry.register(Box::new(gauges))?;
                }
            }
        }
        TextEncoder::new().encode_to_string(&registry.gather())
    }
}

/// Cameras that in an hour were observed, silent, or not observable.
fn coverage_of(ledger: &Ledger, hour: i64) -> [u64; 3] {
    let mut counts = [0; 3];
    for (_, camera) in ledger.cameras().filter(|(_, camera)| camera.kind.is_watched()) {
        let observed = match ledger.device_of(camera) {
            Some((_, device)) => ledger.coverage().of(device, hour),
            None => Observed::NetworkUnseen,
        };
        let at = match observed {
            Observed::Observed => 0,
            Observed::Silent => 1,
            _ => 2,
        };
        counts[at] += 1;
    }
    counts
}

fn each(snapshot: &Snapshot, values: &mut Values<'_>, value: fn(&InterfaceSnapshot) -> u64) {
    for interface in &snapshot.interfaces {
        values(&[&interface.name], value(interface) as f64);
    }
}

const fn counter(
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
    fill: fn(&Snapshot, &mut Values<'_>),
) -> Family {
    Family { name, kind: Kind::Counter, labels, help, fill }
}

const fn gauge(
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
    fill: fn(&Snapshot, &mut Values<'_>),
) -> Family {
    Family { name, kind: Kind::Gauge, labels, help, fill }
}

/// Every family.
pub const FAMILIES: [Family; 37] = [
    gauge("camwatch_build_info", &["version"], "1, with the version as a label.", |_, v| {
        v(&[env!("CARGO_PKG_VERSION")], 1.0);
    }),
    gauge("camwatch_capture_up", &["interface"], "Whether the interface is open.", |s, v| {
        each(s, v, |i| u64::from(i.up));
    }),
    counter("camwatch_capture_packets_total", &["interface"], "Packets taken from the interface.", |s, v| {
        each(s, v, |i| i.front.packets);
    }),
    counter("camwatch_capture_bytes_total", &["interface"], "Bytes of these packets on the wire.", |s, v| {
        each(s, v, |i| i.front.bytes);
    }),
    counter(
        "camwatch_capture_kernel_drops_total",
        &["interface"],
        "Packets lost because the kernel's ring was full.",
        |s, v| each(s, v, |i| i.live.dropped_kernel),
    ),
    counter(
        "camwatch_capture_interface_drops_total",
        &["interface"],
        "Packets lost by the interface or its driver.",
        |s, v| each(s, v, |i| i.live.dropped_interface),
    ),
    counter("camwatch_queue_lost_events_total", &[], "Events lost because the analyser could not keep up.", |s, v| {
        v(&[], s.lost_events as f64);
    }),
    counter(
        "camwatch_decode_passed_over_total",
        &["interface"],
        "Internal video packets, counted and passed over.",
        |s, v| each(s, v, |i| i.front.passed_over),
    ),
    counter(
        "camwatch_decode_duplicates_total",
        &["interface"],
        "Packets that the mirror port showed a second time.",
        |s, v| each(s, v, |i| i.front.duplicates),
    ),
    counter(
        "camwatch_decode_undecoded_total",
        &["interface", "cause"],
        "Packets that could not be decoded.",
        |s, v| {
            for interface in &s.interfaces {
                for (cause, count) in CAUSES.iter().zip(interface.front.undecoded) {
                    v(&[&interface.name, cause], count as f64);
                }
            }
        },
    ),
    gauge("camwatch_track_flows", &["interface"], "Connections that are followed now.", |s, v| {
        each(s, v, |i| i.front.track.flows);
    }),
    counter(
        "camwatch_track_evicted_flows_total",
        &["interface"],
        "Connections that left early because the table was full.",
        |s, v| each(s, v, |i| i.front.track.evicted),
    ),
    counter(
        "camwatch_track_names_given_up_total",
        &["interface"],
        "Beginnings of streams in which a name was awaited that left because too many waited.",
        |s, v| each(s, v, |i| i.front.track.names_given_up),
    ),
    counter("camwatch_dns_questions_total", &[], "Names that cameras asked for in DNS.", |s, v| {
        v(&[], s.totals.dns_questions as f64);
    }),
    gauge("camwatch_cameras", &[], "Cameras seen.", |s, v| v(&[], s.camera_count as f64)),
    gauge("camwatch_devices", &["kind"], "Devices seen inside, by what they are.", |s, v| {
        s.devices.iter().for_each(|(kind, count)| v(&[kind.word()], *count as f64));
    }),
    counter("camwatch_devices_left_out_total", &[], "Sightings of devices for which there was no room.", |s, v| {
        v(&[], s.devices_left_out as f64);
    }),
    counter(
        "camwatch_presence_left_out_total",
        &["interface"],
        "Packets of senders for whom there was no room among those whose presence is told.",
        |s, v| each(s, v, |i| i.front.senders_left_out),
    ),
    counter("camwatch_devices_evicted_total", &[], "Devices of which nothing was known that made room.", |s, v| {
        v(&[], s.devices_evicted as f64);
    }),
    counter(
        "camwatch_recognised_left_out_total",
        &["interface"],
        "How often there was no room to watch a camera that showed itself by what it said.",
        |s, v| each(s, v, |i| i.front.track.learned_left_out),
    ),
    gauge(
        "camwatch_cameras_coverage",
        &["state"],
        "Cameras that were observed, silent, or not observable in the last whole hour.",
        |s, v| {
            for (state, count) in ["observed", "silent", "not_observable"].iter().zip(s.coverage) {
                v(&[state], count as f64);
            }
        },
    ),
    gauge("camwatch_register", &["list"], "Cameras by whether they are registered and were seen.", |s, v| {
        let lists = ["seen_registered", "seen_unregistered", "not_seen", "not_observable"];
        lists.iter().zip(s.register).for_each(|(list, count)| v(&[list], count as f64));
    }),
    gauge("camwatch_pairs", &[], "Pairs of a camera and a destination in the ledger.", |s, v| v(&[], s.pairs as f64)),
    gauge("camwatch_names", &[], "Names that cameras used.", |s, v| v(&[], s.names as f64)),
    counter("camwatch_ledger_evicted_pairs_total", &[], "Pairs that left because the ledger was full.", |s, v| {
        v(&[], s.evicted_pairs as f64);
    }),
    counter(
        "camwatch_ledger_left_out_total",
        &["table"],
        "Events for which the ledger had no room: of cameras, of names, of networks whose hours are kept.",
        |s, v| {
            for (table, count) in ["cameras", "names", "networks"].iter().zip(s.ledger_left_out) {
                v(&[table], count as f64);
            }
        },
    ),
    counter("camwatch_rules_left_out_total", &[], "Events for which the tables of rules had no room.", |s, v| {
        v(&[], s.rules_left_out as f64);
    }),
    counter("camwatch_attempts_total", &["class"], "Attempts of all cameras, by where the destination is.", |s, v| {
        let totals = &s.totals;
        v(&["overseas"], totals.overseas_attempts as f64);
        v(&["home"], totals.home_attempts as f64);
        v(&["unknown"], totals.unknown_attempts as f64);
        v(&["internal"], totals.internal_attempts as f64);
    }),
    counter(
        "camwatch_contacts_total",
        &["outcome"],
        "What became of attempts, and connections first seen in the middle.",
        |s, v| {
            v(&["answered"], s.totals.answered as f64);
            v(&["refused"], s.totals.refused as f64);
            v(&["unanswered"], s.totals.unanswered as f64);
            v(&["midstream"], s.totals.midstream as f64);
        },
    ),
    counter("camwatch_retries_total", &[], "Retries of attempts.", |s, v| v(&[], s.totals.retries as f64)),
    counter("camwatch_pulses_total", &[], "Pulses inside open connections.", |s, v| v(&[], s.totals.pulses as f64)),
    counter(
        "camwatch_camera_attempts_total",
        &["camera", "class"],
        "Attempts of a camera, by where the destination is.",
        |s, v| {
            for camera in &s.cameras {
                let home = camera.all - camera.overseas - camera.unknown - camera.internal;
                for (class, count) in [
                    ("overseas", camera.overseas),
                    ("unknown", camera.unknown),
                    ("internal", camera.internal),
                    ("home", home),
                ] {
                    v(&[&camera.id, class], count as f64);
                }
            }
        },
    ),
    gauge(
        "camwatch_camera_series_left_out",
        &[],
        "Cameras that have no series of their own because there are too many.",
        |s, v| v(&[], s.camera_count.saturating_sub(s.cameras.len() as u64) as f64),
    ),
    gauge("camwatch_alerts_firing", &["severity"], "Alerts that fire now.", |s, v| {
        for severity in [Severity::Info, Severity::Warning, Severity::Critical] {
            v(&[&severity.to_string()], s.firing.get(&severity).copied().unwrap_or(0) as f64);
        }
    }),
    counter(
        "camwatch_alerts_left_out_total",
        &[],
        "Findings for which there were too many alerts, and alerts that made room.",
        |s, v| v(&[], s.alerts_left_out as f64),
    ),
    gauge(
        "camwatch_geo_build_timestamp_seconds",
        &["question"],
        "When the country and owner data were made; the oldest of each question.",
        |s, v| {
            let mut oldest: BTreeMap<&str, i64> = BTreeMap::new();
            for source in &s.geo {
                let built = oldest.entry(source.question.as_str()).or_insert(source.built_s);
                *built = source.built_s.min(*built);
            }
            for (question, built) in oldest {
                v(&[question], built as f64);
            }
        },
    ),
    gauge("camwatch_capture_timestamp_seconds", &[], "How far capture time is.", |s, v| v(&[], s.capture_time_s)),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules_of_prometheus() {
        for family in &FAMILIES {
            assert!(family.name.starts_with("camwatch_"), "{}", family.name);
            assert_eq!(family.name.ends_with("_total"), family.kind == Kind::Counter, "{}", family.name);
            assert!(family.help.ends_with('.') && !family.labels.contains(&"destination"), "{}", family.name);
        }
    }

    #[test]
    fn every_family_can_be_exposed() {
        let snapshot = Snapshot {
            interfaces: vec![InterfaceSnapshot { name: "eth1".to_owned(), up: true, ..InterfaceSnapshot::default() }],
            cameras: vec![CameraSnapshot {
                id: "gate \"1\"".to_owned(),
                all: 3,
                overseas: 2,
                ..CameraSnapshot::default()
            }],
            ..Snapshot::default()
        };
        let text = snapshot.exposition().unwrap();
        assert!(
            text.contains("camwatch_camera_attempts_total{camera=\"gate \\\"1\\\"\",class=\"overseas\"} 2"),
            "{text}"
        );
        assert!(text.contains("camwatch_capture_up{interface=\"eth1\"} 1"));
    }
}
