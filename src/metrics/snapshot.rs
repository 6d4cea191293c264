//! All counters at a moment.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::http::HttpFigures;
use super::process::ProcessFigures;
use super::survey::Survey;
use crate::analyse::beat::Level;
use crate::analyse::{CameraId, Ledger, Observed, Totals};
use crate::deliver::SinkStats;
use crate::device::DeviceKind;
use crate::device::hours::hour_of;
use crate::geo::SourceInfo;
use crate::latency::Latency;
use crate::lockdown::Lockdown;
use crate::pipeline::{Analysis, FrontStats};
use crate::report::schedule::ReportStats;
use crate::rules::Severity;
use crate::source::LiveStats;
use crate::store::{Store, StoreStats};

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

impl InterfaceSnapshot {
    /// Adds another worker's of the same interface, which is up while all are.
    pub fn add(&mut self, other: &Self) {
        self.up &= other.up;
        self.live = self.live + other.live;
        self.front.add(&other.front);
    }
}

/// One camera's counters.
#[derive(Debug, Clone, Default)]
pub(super) struct CameraSnapshot {
    pub(super) id: String,
    pub(super) overseas: u64,
    pub(super) unknown: u64,
    pub(super) internal: u64,
    pub(super) all: u64,
    /// The level of its strongest rhythm overseas.
    pub(super) level: Option<Level>,
    /// Alerts that fire and name it.
    pub(super) firing: u64,
}

/// All counters at a moment.
#[derive(Debug, Clone, Default)]
pub struct Snapshot {
    /// Each interface.
    pub interfaces: Vec<InterfaceSnapshot>,
    /// Events lost between capture and analysis.
    pub lost_events: u64,
    /// How often there was no room for what one capture thread saw and others need to know.
    pub shown_left_out: u64,
    /// The analyser's counters.
    pub analysed: Arc<Analysed>,
    /// Each sink.
    pub sinks: Vec<SinkStats>,
    /// Each scheduled report.
    pub reports: Vec<ReportStats>,
    pub(super) store: StoreStats,
    /// The process, where it can be read.
    pub process: Option<ProcessFigures>,
    /// What guards the process, where there is one to guard.
    pub lockdown: Option<Lockdown>,
    /// Self tests, where there is a daemon that makes them.
    pub selftest: Option<crate::selftest::Figures>,
    /// What was asked by HTTP, where there is somebody who answers.
    pub http: Option<HttpFigures>,
}

impl Snapshot {
    /// Takes over the store's counters.
    pub fn take_store(&mut self, store: &Store) {
        self.store = store.stats();
    }

    /// Whether every interface is open.
    pub fn is_ready(&self) -> bool {
        !self.interfaces.is_empty() && self.interfaces.iter().all(|interface| interface.up)
    }
}

/// The analyser's counters at a moment.
#[derive(Debug, Clone, Default)]
pub struct Analysed {
    pub(super) totals: Totals,
    /// Those that have series of their own.
    pub(super) cameras: Vec<CameraSnapshot>,
    pub(super) camera_count: u64,
    pub(super) survey: Arc<Survey>,
    pub(super) pairs: u64,
    pub(super) names: u64,
    pub(super) evicted_pairs: u64,
    pub(super) evicted_cameras: u64,
    pub(super) cameras_left_out: u64,
    pub(super) names_left_out: u64,
    pub(super) networks_left_out: u64,
    pub(super) rules: u64,
    pub(super) rules_left_out: u64,
    pub(super) looks: Latency,
    pub(super) devices: Vec<(DeviceKind, u64)>,
    pub(super) devices_left_out: u64,
    pub(super) devices_evicted: u64,
    /// Cameras observed, silent, and not observable.
    pub(super) coverage: [u64; 3],
    /// Cameras seen and registered, seen and not registered, registered and not seen, not observable.
    pub(super) register: [u64; 4],
    pub(super) firing: BTreeMap<Severity, u64>,
    pub(super) suppressed: u64,
    pub(super) alerts_left_out: u64,
    pub(super) geo: Vec<SourceInfo>,
    pub(super) capture_time_s: f64,
}

impl Analysed {
    /// As of now, with series of their own for at most `camera_series` cameras.
    pub(super) fn of(analysis: &Analysis, survey: Arc<Survey>, camera_series: usize) -> Self {
        let ledger = analysis.ledger();
        let alerts = analysis.alert_book();
        let firing: BTreeMap<CameraId, u64> =
            if camera_series > 0 { alerts.firing_by_camera() } else { BTreeMap::new() };
        let cameras = ledger.cameras().take(camera_series).map(|(id, camera)| CameraSnapshot {
            id: camera.id.clone(),
            overseas: camera.overseas_attempts,
            unknown: camera.unknown_attempts,
            internal: camera.internal_attempts,
            all: camera.attempts,
            level: survey.level(id),
            firing: firing.get(&id).copied().unwrap_or(0),
        });
        Self {
            totals: *ledger.totals(),
            cameras: cameras.collect(),
            camera_count: ledger.cameras().count() as u64,
            pairs: ledger.pair_count() as u64,
            names: ledger.name_count() as u64,
            evicted_pairs: ledger.evicted_pairs(),
            evicted_cameras: ledger.evicted_cameras(),
            cameras_left_out: ledger.cameras_left_out(),
            names_left_out: ledger.names_left_out(),
            networks_left_out: ledger.coverage().networks_left_out(),
            rules: analysis.rule_count() as u64,
            rules_left_out: analysis.rules_left_out(),
            looks: analysis.looks(),
            devices: ledger.inventory().kinds().to_vec(),
            devices_left_out: ledger.inventory().left_out(),
            devices_evicted: ledger.inventory().evicted(),
            coverage: coverage_of(ledger, hour_of(analysis.now()) - 1),
            register: crate::report::inventory::counts(ledger),
            firing: alerts.firing(),
            suppressed: alerts.suppressed_count(),
            alerts_left_out: alerts.left_out(),
            geo: ledger.geo().sources(),
            capture_time_s: analysis.now().as_nanos() as f64 / 1e9,
            survey,
        }
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
