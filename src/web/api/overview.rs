//! The whole at a glance.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State as Shared;
use serde::{Deserialize, Serialize};

use super::alerts::all_alerts;
use super::ask::Asked;
use super::{Api, Failure, Refusal, blocking, computed};
use crate::alert::{Alert, State};
use crate::board::{Board, CameraState, CountryRow, NameRow, OwnerRow, Sight};
use crate::device::DeviceKind;
use crate::device::hours::{REMEMBERED, hour_of, start_of};
use crate::store::AllHour;
use crate::time::Timestamp;

/// Alerts that are shown.
const NEWEST: usize = 10;

/// For how long.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Span {
    /// Hours back from now, this one among them; 24 by default.
    #[param(minimum = 1, maximum = 768)]
    hours: Option<u32>,
}

/// The whole at a glance.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Overview {
    /// When the first hour begins.
    from: Timestamp,
    /// Capture time; where nothing was captured yet, the wall clock's.
    to: Timestamp,
    cameras: CameraCounts,
    /// Attempts by the hour; written down every few seconds.
    hours: Vec<OverviewHour>,
    /// Countries that are called most, of all that the ledger holds.
    countries: Vec<CountryRow>,
    /// Owners that are called most.
    owners: Vec<OwnerRow>,
    /// Names that are called most.
    names: Vec<NameRow>,
    alerts: AlertCounts,
    /// The newest that fire.
    newest_alerts: Vec<Alert>,
}

/// Cameras, counted.
#[derive(Debug, Default, Serialize, utoipa::ToSchema)]
struct CameraCounts {
    /// Seen, recorders too.
    total: u64,
    recorders: u64,
    /// Have called overseas.
    overseas: u64,
    /// Are named by an alert that fires.
    firing: u64,
    /// Were not seen in the last whole hour, though they could have been.
    silent: u64,
    /// Are registered and were never seen, though their network was covered.
    not_seen: u64,
    /// Were seen and are not registered.
    unregistered: u64,
}

/// An hour of all cameras.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct OverviewHour {
    hour: Timestamp,
    /// Attempts to destinations at home.
    home: u64,
    /// Attempts overseas.
    overseas: u64,
    /// Attempts to destinations of no known country.
    unknown: u64,
    /// Share of the cameras that could be observed (0 to 1); none: not known, or the hour is not over.
    observable: Option<f64>,
    /// Packets lost.
    lost_packets: u64,
}

/// Alerts, counted.
#[derive(Debug, Default, Serialize, utoipa::ToSchema)]
struct AlertCounts {
    /// Fire, acknowledged ones too.
    firing: u64,
    /// Fire, and somebody has taken them on.
    acknowledged: u64,
    /// Are kept back by an exception.
    suppressed: u64,
}

/// The hours to be told of: the first, and the one after the last.
pub(super) fn span(hours: Option<u32>, default: u32, now: Timestamp) -> Result<(i64, i64), Failure> {
    let hours = i64::from(hours.unwrap_or(default));
    if !(1..=REMEMBERED).contains(&hours) {
        return Err(Failure::Query(format!("hours: write 1 to {REMEMBERED}")));
    }
    let end = hour_of(now) + 1;
    Ok((end - hours, end))
}

fn hours(board: &Board, sums: &[AllHour], (from, end): (i64, i64)) -> Vec<OverviewHour> {
    let lost: BTreeMap<i64, u64> = board.lost.iter().copied().collect();
    let sums: BTreeMap<i64, &AllHour> = sums.iter().map(|sum| (sum.sum.hour, sum)).collect();
    let hour = |hour: i64| {
        let all = sums.get(&hour).copied().copied().unwrap_or_default();
        let seen = all.observed + all.silent;
        let cameras = seen + all.unobservable;
        OverviewHour {
            hour: start_of(hour),
            home: all.sum.home,
            overseas: all.sum.overseas,
            unknown: all.sum.unknown,
            observable: (cameras > 0).then(|| seen as f64 / cameras as f64),
            lost_packets: lost.get(&hour).copied().unwrap_or(0),
        }
    };
    (from..end).map(hour).collect()
}

fn cameras(board: &Board) -> CameraCounts {
    let mut counts = CameraCounts { unregistered: board.unregistered, ..CameraCounts::default() };
    for camera in &board.cameras {
        if camera.camera.is_none() {
            counts.not_seen += 1;
            continue;
        }
        counts.total += 1;
        counts.recorders += u64::from(camera.kind == DeviceKind::Recorder);
        counts.overseas += u64::from(camera.overseas_attempts > 0);
        counts.firing += u64::from(camera.state == CameraState::Firing);
        counts.silent += u64::from(camera.sight == Sight::Silent);
    }
    counts
}

/// The whole at a glance.
#[utoipa::path(get, path = "/api/v1/overview", tag = "cameras", params(Span),
    responses((status = 200, body = Overview), (status = 400, body = Refusal), (status = 503, body = Refusal)))]
pub(super) async fn overview(Shared(api): Shared<Api>, Asked(asked): Asked<Span>) -> Result<Json<Overview>, Failure> {
    // A mistake is told before a board is made.
    span(asked.hours, 24, Timestamp::default())?;
    let board = api.boards.get().await?;
    let to = board.now.unwrap_or_else(super::now);
    let (from, end) = span(asked.hours, 24, to)?;
    let reader = api.store.reader();
    let sums = blocking(move || reader.hour_sums(from, end)).await.map_err(Failure::Unread)?;
    let all = all_alerts(&api).await?;
    let overview = computed(move || {
        let mut counts = AlertCounts::default();
        let mut firing: Vec<&Alert> = Vec::new();
        for alert in all.iter() {
            match alert.state {
                State::Firing => {
                    counts.firing += 1;
                    counts.acknowledged += u64::from(alert.acknowledged.is_some());
                    firing.push(alert);
                }
                State::Suppressed if alert.resolved.is_none() => counts.suppressed += 1,
                _ => {}
            }
        }
        firing.sort_by_key(|alert| std::cmp::Reverse(alert.since));
        let top = board.top();
        Overview {
            from: start_of(from),
            to,
            cameras: cameras(&board),
            hours: hours(&board, &sums, (from, end)),
            countries: top.countries.clone(),
            owners: top.owners.clone(),
            names: top.names.clone(),
            alerts: counts,
            newest_alerts: firing.into_iter().take(NEWEST).cloned().collect(),
        }
    });
    Ok(Json(overview.await?))
}
