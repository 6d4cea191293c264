//! Every metric family, in one list: [`ROOMS`]. A family is defined in the file of the room that it tells of.
//!
//! Families are filled from a [`Snapshot`] when someone scrapes; nothing else in camwatch touches them. `camwatch metrics`
//! prints the list as `docs/metrics.md`.

mod alerts;
mod cameras;
mod capture;
mod document;
mod http;
mod keeping;
mod process;
mod selftest;
mod snapshot;
mod survey;

use prometheus::proto;
use prometheus::{CounterVec, GaugeVec, Opts, Registry, TextEncoder};

use crate::latency::Latency;

pub use document::document;
pub use http::HttpFigures;
pub use process::Process;
pub use snapshot::{Analysed, InterfaceSnapshot, Snapshot};
pub use survey::Looker;

/// What a room of camwatch tells.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// Its title.
    pub title: &'static str,
    /// What is to be known of all its families.
    pub about: &'static str,
    /// Its families.
    pub families: &'static [Family],
}

/// Every family, by room, in the order in which the data meets the rooms.
pub const ROOMS: [Room; 10] = [
    process::ROOM,
    capture::ROOM,
    capture::DECODING,
    cameras::ROOM,
    cameras::EACH,
    cameras::LEDGER,
    alerts::ROOM,
    keeping::ROOM,
    selftest::ROOM,
    http::ROOM,
];

/// Every family.
pub fn families() -> impl Iterator<Item = &'static Family> {
    ROOMS.iter().flat_map(|room| room.families)
}

/// What kind of value a family has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// How long something took, in buckets.
    Histogram,
}

/// A metric family.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// What its value counts.
    pub unit: &'static str,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// For people.
    pub help: &'static str,
    /// What is to be known when it is used.
    pub note: &'static str,
    fill: Fill,
}

/// How a family gets its values.
#[derive(Debug, Clone, Copy)]
enum Fill {
    Counter(fn(&Snapshot, &mut Values<'_>)),
    Gauge(fn(&Snapshot, &mut Values<'_>)),
    Histogram(fn(&Snapshot, &mut Latencies<'_>)),
}

type Values<'v> = dyn FnMut(&[&str], f64) + 'v;
type Latencies<'v> = dyn FnMut(&[&str], &Latency) + 'v;

impl Family {
    /// Counter, gauge or histogram.
    pub fn kind(&self) -> Kind {
        match self.fill {
            Fill::Counter(_) => Kind::Counter,
            Fill::Gauge(_) => Kind::Gauge,
            Fill::Histogram(_) => Kind::Histogram,
        }
    }

    const fn note(mut self, note: &'static str) -> Self {
        self.note = note;
        self
    }

    fn register(&self, snapshot: &Snapshot, registry: &Registry) -> Result<(), prometheus::Error> {
        let options = Opts::new(self.name, self.help);
        match self.fill {
            Fill::Counter(fill) => {
                let counters = CounterVec::new(options, self.labels)?;
                fill(snapshot, &mut |labels, value| counters.with_label_values(labels).inc_by(value));
                registry.register(Box::new(counters))
            }
            Fill::Gauge(fill) => {
                let gauges = GaugeVec::new(options, self.labels)?;
                fill(snapshot, &mut |labels, value| gauges.with_label_values(labels).set(value));
                registry.register(Box::new(gauges))
            }
            Fill::Histogram(_) => Ok(()),
        }
    }

    /// The crate's own histograms observe; ours were observed elsewhere.
    fn histogram(&self, snapshot: &Snapshot) -> Option<proto::MetricFamily> {
        let Fill::Histogram(fill) = self.fill else { return None };
        let mut metrics = Vec::new();
        fill(snapshot, &mut |values, latency| {
            let mut histogram = proto::Histogram::default();
            histogram.set_sample_count(latency.count());
            histogram.set_sample_sum(latency.sum_s());
            let buckets = latency.cumulative().map(|(bound_s, count)| {
                let mut bucket = proto::Bucket::default();
                bucket.set_upper_bound(bound_s);
                bucket.set_cumulative_count(count);
                bucket
            });
            histogram.set_bucket(buckets.collect());
            let labels = self.labels.iter().zip(values).map(|(name, value)| {
                let mut label = proto::LabelPair::default();
                label.set_name((*name).to_owned());
                label.set_value((*value).to_owned());
                label
            });
            let mut metric = proto::Metric::from_label(labels.collect());
            metric.set_histogram(histogram);
            metrics.push(metric);
        });
        if metrics.is_empty() {
            return None;
        }
        let mut family = proto::MetricFamily::default();
        family.set_name(self.name.to_owned());
        family.set_help(self.help.to_owned());
        family.set_field_type(proto::MetricType::HISTOGRAM);
        family.set_metric(metrics);
        Some(family)
    }
}

impl Snapshot {
    /// The exposition in Prometheus' text format.
    pub fn exposition(&self) -> Result<String, prometheus::Error> {
        let registry = Registry::new();
        for family in families() {
            family.register(self, &registry)?;
        }
        let mut gathered = registry.gather();
        gathered.extend(families().filter_map(|family| family.histogram(self)));
        TextEncoder::new().encode_to_string(&gathered)
    }
}

const fn family(
    name: &'static str,
    unit: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
    fill: Fill,
) -> Family {
    Family { name, unit, labels, help, note: "", fill }
}

const fn counter(
    name: &'static str,
    unit: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
    fill: fn(&Snapshot, &mut Values<'_>),
) -> Family {
    family(name, unit, labels, help, Fill::Counter(fill))
}

const fn gauge(
    name: &'static str,
    unit: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
    fill: fn(&Snapshot, &mut Values<'_>),
) -> Family {
    family(name, unit, labels, help, Fill::Gauge(fill))
}

const fn histogram(
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
    fill: fn(&Snapshot, &mut Latencies<'_>),
) -> Family {
    family(name, "seconds", labels, help, Fill::Histogram(fill))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::snapshot::CameraSnapshot;
    use super::*;

    #[test]
    fn names_follow_the_rules_of_prometheus() {
        let mut names = std::collections::BTreeSet::new();
        for family in families() {
            let name = family.name;
            assert!(names.insert(name), "{name} is there twice");
            // What every process has is called the same everywhere.
            assert!(name.starts_with("camwatch_") || name.starts_with("process_"), "{name}");
            assert_eq!(name.ends_with("_total"), family.kind() == Kind::Counter, "{name}");
            let base = name.trim_end_matches("_total");
            for unit in ["seconds", "bytes"] {
                assert_eq!(base.ends_with(&format!("_{unit}")), family.unit == unit, "{name}");
            }
            assert!(family.help.ends_with('.') && !family.unit.is_empty(), "{name}");
        }
    }

    #[test]
    fn no_label_names_a_destination() {
        let known = [
            "version",
            "interface",
            "cause",
            "kind",
            "state",
            "list",
            "table",
            "class",
            "outcome",
            "camera",
            "country",
            "severity",
            "question",
            "sink",
            "guard",
            "report",
            "handler",
            "code",
        ];
        for family in families() {
            assert!(family.labels.iter().all(|label| known.contains(label)), "{}: {:?}", family.name, family.labels);
        }
    }

    #[test]
    fn every_family_can_be_exposed() {
        let mut looks = Latency::default();
        looks.observe(std::time::Duration::from_millis(2));
        let analysed = Analysed {
            cameras: vec![CameraSnapshot { id: "gate \"1\"".to_owned(), all: 3, overseas: 2, ..Default::default() }],
            camera_count: 3,
            looks,
            ..Analysed::default()
        };
        let snapshot = Snapshot {
            interfaces: vec![InterfaceSnapshot { name: "eth1".to_owned(), up: true, ..InterfaceSnapshot::default() }],
            analysed: Arc::new(analysed),
            ..Snapshot::default()
        };
        let text = snapshot.exposition().unwrap();
        for expected in [
            "camwatch_camera_attempts_total{camera=\"gate \\\"1\\\"\",class=\"overseas\"} 2",
            "camwatch_camera_attempts_total{camera=\"gate \\\"1\\\"\",class=\"home\"} 1",
            "camwatch_camera_beat_level{camera=\"gate \\\"1\\\"\"} 0",
            "camwatch_camera_series_left_out 2",
            "camwatch_capture_up{interface=\"eth1\"} 1",
            "# TYPE camwatch_rules_look_seconds histogram",
            "camwatch_rules_look_seconds_bucket{le=\"0.001\"} 0",
            "camwatch_rules_look_seconds_bucket{le=\"0.005\"} 1",
            "camwatch_rules_look_seconds_bucket{le=\"+Inf\"} 1",
            "camwatch_rules_look_seconds_sum 0.002",
            "camwatch_rules_look_seconds_count 1",
        ] {
            assert!(text.lines().any(|line| line == expected), "{expected}\nis not in\n{text}");
        }
    }
}
