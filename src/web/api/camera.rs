//! One camera: why it is taken for one, where it was, when it could be observed, and what it did by the hour.

use std::collections::BTreeMap;
use std::net::IpAddr;

use axum::Json;
use axum::extract::State as Shared;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::alerts::all_alerts;
use super::ask::{Asked, Named};
use super::overview::span;
use super::{Api, Failure, Refusal, blocking};
use crate::alert::Alert;
use crate::analyse::CameraId;
use crate::board::{Board, CameraRow};
use crate::device::hours::{hour_of, start_of};
use crate::pipeline::Analysis;
use crate::report::device::{facts, kind_of};
use crate::time::Timestamp;

/// Hours of which it is told whether it could be observed.
const COVERAGE: i64 = 168;

/// A camera in full.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct CameraDetail {
    #[serde(flatten)]
    row: CameraRow,
    #[serde(flatten)]
    known: CameraKnown,
    /// Alerts that name it.
    alerts_about: Vec<Alert>,
}

/// What only the analyser knows.
#[derive(Debug, Default, Serialize, utoipa::ToSchema)]
struct CameraKnown {
    /// Why it is taken for a camera, and for this one.
    identity: Vec<Identity>,
    /// The addresses it has and had.
    address_history: Vec<AddressSpan>,
    /// It is configured or registered.
    registered: bool,
    /// Whether it could be observed, hour by hour, oldest first.
    coverage: Vec<ObservedHour>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Identity {
    /// What it is about: `kind`, `maker`, `model`, `serial` and so on.
    fact: String,
    value: String,
    /// Who says it.
    source: String,
    /// How sure it is: `sure`, `likely` or `unverified`.
    certainty: String,
    /// When it was first told.
    since: Option<Timestamp>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct AddressSpan {
    #[schema(value_type = String)]
    address: IpAddr,
    from: Timestamp,
    to: Timestamp,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct ObservedHour {
    hour: Timestamp,
    /// `observed`, `silent`, `capture-down`, `loss` or `network-unseen`.
    observed: &'static str,
}

/// A word as documents write it.
fn word(value: impl Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

impl CameraKnown {
    fn of(id: CameraId, analysis: &Analysis) -> Option<Self> {
        let ledger = analysis.ledger();
        let camera = ledger.camera_of(id)?;
        let kind = kind_of(camera, ledger);
        let mut identity = vec![Identity {
            fact: "kind".to_owned(),
            value: format!("{}: {}", camera.kind.word(), kind.reason),
            source: if camera.configured { "register" } else { "all that is known" }.to_owned(),
            certainty: word(kind.certainty),
            since: Some(camera.first),
        }];
        let Some((_, device)) = ledger.device_of(camera) else {
            return Some(Self { identity, registered: camera.configured, ..Self::default() });
        };
        identity.extend(facts(device).into_iter().map(|fact| Identity {
            fact: fact.field.to_owned(),
            value: fact.value.to_owned(),
            source: fact.source.word().to_owned(),
            certainty: word(fact.certainty),
            since: Some(fact.first),
        }));
        let addresses = device.addresses.iter();
        let last = hour_of(analysis.now());
        let coverage = (last - COVERAGE + 1..=last)
            .map(|hour| ObservedHour { hour: start_of(hour), observed: ledger.coverage().of(device, hour).key() });
        Some(Self {
            identity,
            address_history: addresses
                .map(|seen| AddressSpan { address: seen.address, from: seen.first, to: seen.last })
                .collect(),
            registered: camera.configured,
            coverage: coverage.collect(),
        })
    }
}

/// The camera of an id.
pub(super) fn found<'a>(board: &'a Board, id: &str) -> Result<&'a CameraRow, Failure> {
    board.camera(id).ok_or_else(|| Failure::NoCamera(id.to_owned()))
}

/// Whether an alert names a camera.
fn names(alert: &Alert, id: &str) -> bool {
    let members = alert.evidence.get("members").and_then(Value::as_array);
    alert.subject == id
        || members.into_iter().flatten().any(|member| {
            member.get("subject").and_then(Value::as_str) == Some(id)
                || member.pointer("/evidence/camera/id").and_then(Value::as_str) == Some(id)
        })
}

/// A camera in full.
#[utoipa::path(get, path = "/api/v1/cameras/{id}", tag = "cameras", params(("id" = String, Path)),
    responses((status = 200, body = CameraDetail), (status = 400, body = Refusal), (status = 404, body = Refusal),
        (status = 503, body = Refusal)))]
pub(super) async fn camera(Shared(api): Shared<Api>, Named(id): Named) -> Result<Json<CameraDetail>, Failure> {
    let board = api.boards.get().await?;
    let row = found(&board, &id)?.clone();
    let known = match row.camera {
        Some(camera) => api.analyser.ask(move |analysis| (CameraKnown::of(camera, analysis), Vec::new())).await?,
        None => None,
    };
    let known = known.unwrap_or_else(|| CameraKnown { registered: true, ..CameraKnown::default() });
    let all = all_alerts(&api).await?;
    let alerts_about = all.iter().filter(|alert| names(alert, &id)).cloned().collect();
    Ok(Json(CameraDetail { row, known, alerts_about }))
}

/// For how long.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Span {
    /// Hours back from now, this one among them; 168 by default.
    #[param(minimum = 1, maximum = 768)]
    hours: Option<u32>,
}

/// A camera by the hour.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct CameraHours {
    items: Vec<CameraHour>,
}

/// What a camera came to in an hour, without internal calls; written down every few seconds.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct CameraHour {
    hour: Timestamp,
    /// Attempts to destinations at home.
    home: u64,
    /// Attempts overseas.
    overseas: u64,
    /// Attempts to destinations of no known country.
    unknown: u64,
    answered: u64,
    unanswered: u64,
    refused: u64,
    bytes_out: u64,
    bytes_in: u64,
}

/// What a camera did by the hour, oldest first.
#[utoipa::path(get, path = "/api/v1/cameras/{id}/hours", tag = "cameras", params(("id" = String, Path), Span),
    responses((status = 200, body = CameraHours), (status = 400, body = Refusal), (status = 404, body = Refusal),
        (status = 503, body = Refusal)))]
pub(super) async fn hours(
    Shared(api): Shared<Api>,
    Named(id): Named,
    Asked(asked): Asked<Span>,
) -> Result<Json<CameraHours>, Failure> {
    span(asked.hours, 168, Timestamp::default())?;
    let board = api.boards.get().await?;
    found(&board, &id)?;
    let (from, end) = span(asked.hours, 168, board.now.unwrap_or_else(super::now))?;
    let reader = api.store.reader();
    let sums = blocking(move || reader.camera_hours(&id, from, end)).await.map_err(Failure::Unread)?;
    let sums: BTreeMap<i64, _> = sums.into_iter().map(|sum| (sum.hour, sum)).collect();
    let hour = |hour: i64| {
        let sum = sums.get(&hour).copied().unwrap_or_default();
        CameraHour {
            hour: start_of(hour),
            home: sum.home,
            overseas: sum.overseas,
            unknown: sum.unknown,
            answered: sum.answered,
            unanswered: sum.unanswered,
            refused: sum.refused,
            bytes_out: sum.bytes_out,
            bytes_in: sum.bytes_in,
        }
    };
    Ok(Json(CameraHours { items: (from..end).map(hour).collect() }))
}
