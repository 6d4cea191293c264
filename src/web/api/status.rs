//! How camwatch itself is.

use std::time::SystemTime;

use axum::Json;
use axum::extract::State as Shared;
use serde::Serialize;

use super::{Api, Failure, Refusal, blocking};
use crate::device::hours::{hour_of, start_of};
use crate::pipeline::Analysis;
use crate::store::Health;
use crate::time::Timestamp;

/// How camwatch is.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Status {
    version: &'static str,
    /// When it was started, by the wall clock.
    started: Timestamp,
    /// Capture time; none before the first packet.
    now: Option<Timestamp>,
    /// Every interface is open.
    ready: bool,
    /// Countries that are not overseas.
    home: Vec<String>,
    interfaces: Vec<InterfaceStatus>,
    /// Events lost between capture and analysis.
    queue_lost_events: u64,
    tables: Vec<TableStatus>,
    store: StoreStatus,
    sinks: Vec<SinkStatus>,
    reports: Vec<ReportStatus>,
    geo: GeoStatus,
    /// Rules in force.
    rules: u64,
    /// Which share of cameras and hours could be observed in the last 24 whole hours (0 to 1); none: not known yet.
    coverage_share_24h: Option<f64>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct InterfaceStatus {
    name: String,
    up: bool,
    packets: u64,
    bytes: u64,
    /// Packets lost because the kernel's ring was full.
    lost_kernel: u64,
    /// Packets lost by the interface or its driver.
    lost_interface: u64,
    /// Packets that could not be decoded.
    undecoded: u64,
}

/// A table that has a size.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct TableStatus {
    name: &'static str,
    used: u64,
    limit: u64,
    /// Entries that made room for others, or for which there was none.
    evicted: u64,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct StoreStatus {
    /// It can be written.
    ok: bool,
    trouble: Option<String>,
    bytes: u64,
    /// The oldest hour that is kept.
    oldest_hour: Option<Timestamp>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct SinkStatus {
    name: String,
    kind: &'static str,
    ok: bool,
    /// Transitions of alerts that it has still to deliver.
    waiting: u64,
    last_success: Option<Timestamp>,
    trouble: Option<String>,
}

/// A scheduled report.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct ReportStatus {
    name: String,
    /// By which sink it is sent.
    sink: String,
    /// None is due that could not be sent.
    ok: bool,
    last_success: Option<Timestamp>,
    trouble: Option<String>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct GeoStatus {
    sources: Vec<GeoSource>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct GeoSource {
    name: String,
    /// What it answers: `country`, `owner` or `owner_country`.
    answers: &'static str,
    /// The day it was made.
    #[schema(format = Date)]
    date: Option<String>,
}

/// What the analyser knows.
struct Known {
    now: Option<Timestamp>,
    home: Vec<String>,
    tables: Vec<TableStatus>,
    sources: Vec<GeoSource>,
    rules: u64,
}

impl Known {
    fn of(analysis: &Analysis) -> Self {
        let ledger = analysis.ledger();
        let limits = ledger.limits();
        let cameras_left = ledger.evicted_cameras() + ledger.cameras_left_out();
        let table = |name, used: usize, limit: usize, evicted| TableStatus {
            name,
            used: used as u64,
            limit: limit as u64,
            evicted,
        };
        let inventory = ledger.inventory();
        Self {
            now: (analysis.now() > Timestamp::MIN).then(|| analysis.now()),
            home: ledger.geo().home().iter().map(ToString::to_string).collect(),
            tables: vec![
                table("cameras", ledger.cameras().count(), limits.cameras, cameras_left),
                table("pairs", ledger.pair_count(), limits.pairs, ledger.evicted_pairs()),
                table("names", ledger.name_count(), limits.names, ledger.names_left_out()),
                table(
                    "devices",
                    inventory.devices().count(),
                    limits.devices,
                    inventory.evicted() + inventory.left_out(),
                ),
            ],
            sources: ledger
                .geo()
                .sources()
                .into_iter()
                .map(|source| GeoSource {
                    answers: source.question.as_str(),
                    date: (source.built_s > 0).then(|| source.date()),
                    name: source.name,
                })
                .collect(),
            rules: analysis.rule_count() as u64,
        }
    }
}

fn moment(time: SystemTime) -> Option<Timestamp> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(Timestamp::from_nanos(i64::try_from(since.as_nanos()).ok()?))
}

/// How camwatch is: capture, tables, store, sinks, data.
#[utoipa::path(get, path = "/api/v1/status", tag = "camwatch",
    responses((status = 200, body = Status), (status = 503, body = Refusal)))]
pub(super) async fn status(Shared(api): Shared<Api>) -> Result<Json<Status>, Failure> {
    let known = api.analyser.ask(|analysis| (Known::of(analysis), Vec::new())).await?;
    let snapshot = api.live.snapshot();
    let hour = hour_of(known.now.unwrap_or_else(super::now));
    let reader = api.store.reader();
    let read = blocking(move || Ok((reader.oldest_hour()?, reader.hour_sums(hour - 24, hour)?))).await;
    // Where it cannot be read, the store's own trouble says why.
    let (oldest, hours) = read.unwrap_or_default();
    let seen: u64 = hours.iter().map(|hour| hour.observed + hour.silent).sum();
    let all: u64 = seen + hours.iter().map(|hour| hour.unobservable).sum::<u64>();
    let (ok, trouble) = match api.store.health() {
        Health::Good => (true, None),
        Health::SetAside(aside) => {
            (true, Some(format!("was broken, and is set aside as {}: {}", aside.file.display(), aside.error)))
        }
        Health::CannotWrite { error, .. } => (false, Some(format!("cannot be written: {error}"))),
    };
    let interfaces = snapshot.interfaces.iter().map(|interface| InterfaceStatus {
        name: interface.name.clone(),
        up: interface.up,
        packets: interface.front.packets,
        bytes: interface.front.bytes,
        lost_kernel: interface.live.dropped_kernel,
        lost_interface: interface.live.dropped_interface,
        undecoded: interface.front.undecoded.iter().sum(),
    });
    let sinks = api.sinks.snapshot().into_iter().map(|sink| SinkStatus {
        ok: sink.failing_since.is_none(),
        waiting: sink.waiting,
        last_success: sink.last_success.and_then(moment),
        trouble: sink.last_error,
        kind: sink.kind,
        name: sink.sink,
    });
    let reports = api.reports.snapshot().into_iter().map(|report| ReportStatus {
        ok: report.failing_since.is_none(),
        last_success: report.last_success.and_then(moment),
        trouble: report.last_error,
        sink: report.sink,
        name: report.report,
    });
    let stats = api.store.stats();
    Ok(Json(Status {
        version: env!("CARGO_PKG_VERSION"),
        started: api.started,
        now: known.now,
        ready: snapshot.is_ready(),
        home: known.home,
        interfaces: interfaces.collect(),
        queue_lost_events: snapshot.lost_events,
        tables: known.tables,
        store: StoreStatus {
            ok,
            trouble,
            bytes: stats.database_bytes + stats.wal_bytes,
            oldest_hour: oldest.map(start_of),
        },
        sinks: sinks.collect(),
        reports: reports.collect(),
        geo: GeoStatus { sources: known.sources },
        rules: known.rules,
        coverage_share_24h: (all > 0).then(|| seen as f64 / all as f64),
    }))
}
