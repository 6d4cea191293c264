//! Whom a camera calls, and in which rhythm.

use std::collections::BTreeMap;
use std::net::IpAddr;

use axum::Json;
use axum::extract::State as Shared;
use serde::{Deserialize, Serialize};

use super::ask::{Asked, Named};
use super::camera::found;
use super::page::{Order, Page, Part};
use super::{Api, Failure, Refusal, computed};
use crate::analyse::beat::{Level, Score};
use crate::analyse::{CameraId, Ledger};
use crate::board::{Board, PairRow};
use crate::geo::Class;
use crate::report::explain::{Bin, ExplainError, bins, text};
use crate::time::Timestamp;

/// Which destinations, and in which order.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// With this text in address, names or owner.
    q: Option<String>,
    /// In this country, by its two letters.
    country: Option<String>,
    /// Overseas only, or what is not.
    overseas: Option<bool>,
    /// `attempts` by default.
    sort: Option<DestinationSort>,
    /// `desc` by default.
    order: Option<Order>,
    /// Rows before the page.
    offset: Option<u32>,
    /// Rows of the page at most.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

#[derive(Debug, Clone, Copy, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum DestinationSort {
    Address,
    Country,
    Owner,
    Attempts,
    Answered,
    Unanswered,
    Refused,
    Pulses,
    BytesOut,
    BytesIn,
    First,
    Last,
    Beat,
}

/// A destination of a camera.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(super) struct Destination {
    #[schema(value_type = String)]
    address: IpAddr,
    /// Names the camera used for it.
    names: Vec<String>,
    /// Two letters; `DE or US` where sources disagree.
    country: Option<String>,
    owner: Option<String>,
    /// Where the owner's network is registered.
    owner_country: Option<String>,
    class: Class,
    /// What was called there, such as `tcp/443`.
    services: Vec<String>,
    attempts: u64,
    retries: u64,
    answered: u64,
    refused: u64,
    unanswered: u64,
    pulses: u64,
    bytes_out: u64,
    bytes_in: u64,
    first: Timestamp,
    last: Timestamp,
    /// None: no rhythm.
    beat: Option<DestinationBeat>,
}

/// A rhythm.
#[derive(Debug, Clone, Copy, Serialize, utoipa::ToSchema)]
struct DestinationBeat {
    level: Level,
    score: f64,
    period_s: f64,
    /// Median distance of fitting gaps from the period.
    spread_s: f64,
    /// Share of the expected beats that were seen (0 to 1).
    cover: f64,
    /// Events in each beat.
    burst: f64,
    /// Silent for more than five beats.
    stopped: bool,
}

impl DestinationBeat {
    fn of(score: Score) -> Option<Self> {
        let three = |value: f64| (value * 1000.0).round() / 1000.0;
        Some(Self {
            level: score.level()?,
            score: three(score.score),
            period_s: three(score.period_s),
            spread_s: three(score.spread_s),
            cover: three(score.cover),
            burst: three(score.burst),
            stopped: score.stopped,
        })
    }
}

impl Wanted {
    fn wants(&self, board: &Board, pair: &PairRow, text: Option<&str>) -> bool {
        let place = &pair.place;
        let has = |of: &str| text.is_none_or(|text| of.to_lowercase().contains(text));
        self.overseas.is_none_or(|overseas| overseas == (place.class == Class::Overseas))
            && self.country.as_ref().is_none_or(|country| {
                place.country_text().is_some_and(|text| text.eq_ignore_ascii_case(country))
                    || place.countries.iter().any(|one| one.as_str().eq_ignore_ascii_case(country))
            })
            && (text.is_none()
                || has(&pair.address.to_string())
                || board.names_of(pair).iter().any(|name| has(name))
                || place.owner_text().is_some_and(|owner| has(&owner)))
    }

    fn page(&self, part: Part, board: &Board, camera: CameraId) -> Page<Destination> {
        let text = self.q.as_deref().map(str::to_lowercase);
        let mut chosen: Vec<&PairRow> =
            board.pairs_of(camera).iter().filter(|pair| self.wants(board, pair, text.as_deref())).collect();
        let order = self.order.unwrap_or(Order::Desc);
        chosen.sort_by_key(|pair| pair.address);
        match self.sort.unwrap_or(DestinationSort::Attempts) {
            DestinationSort::Address => order.sort(&mut chosen, |pair| pair.address),
            DestinationSort::Country => order.sort(&mut chosen, |pair| pair.place.countries.clone()),
            DestinationSort::Owner => {
                order.sort(&mut chosen, |pair| pair.place.owner.as_ref().map(|owner| owner.name.clone()));
            }
            DestinationSort::Attempts => order.sort(&mut chosen, |pair| pair.counts.attempts),
            DestinationSort::Answered => order.sort(&mut chosen, |pair| pair.counts.answered),
            DestinationSort::Unanswered => order.sort(&mut chosen, |pair| pair.counts.unanswered),
            DestinationSort::Refused => order.sort(&mut chosen, |pair| pair.counts.refused),
            DestinationSort::Pulses => order.sort(&mut chosen, |pair| pair.counts.pulses),
            DestinationSort::BytesOut => order.sort(&mut chosen, |pair| pair.counts.bytes_out),
            DestinationSort::BytesIn => order.sort(&mut chosen, |pair| pair.counts.bytes_in),
            DestinationSort::First => order.sort(&mut chosen, |pair| pair.first),
            DestinationSort::Last => order.sort(&mut chosen, |pair| pair.last),
            // Scores are not negative: their bits are in their order.
            DestinationSort::Beat => order.sort(&mut chosen, |pair| pair.heard.0.to_bits()),
        }
        part.of(&chosen, |pair| destination(board, pair))
    }
}

fn destination(board: &Board, pair: &PairRow) -> Destination {
    let (place, counts) = (&pair.place, &pair.counts);
    Destination {
        address: pair.address,
        names: board.names_of(pair).iter().map(ToString::to_string).collect(),
        country: place.country_text(),
        owner: place.owner_text(),
        owner_country: place.owner_country.map(|country| country.to_string()),
        class: place.class,
        services: board.services_of(pair).iter().map(ToString::to_string).collect(),
        attempts: counts.attempts,
        retries: counts.retries,
        answered: counts.answered,
        refused: counts.refused,
        unanswered: counts.unanswered,
        pulses: counts.pulses,
        bytes_out: counts.bytes_out,
        bytes_in: counts.bytes_in,
        first: pair.first,
        last: pair.last,
        beat: None,
    }
}

/// Whom a camera calls, but for what is internal.
#[utoipa::path(get, path = "/api/v1/cameras/{id}/destinations", tag = "cameras", params(("id" = String, Path), Wanted),
    responses((status = 200, body = Page<Destination>), (status = 400, body = Refusal), (status = 404, body = Refusal),
        (status = 503, body = Refusal)))]
pub(super) async fn destinations(
    Shared(api): Shared<Api>,
    Named(id): Named,
    Asked(wanted): Asked<Wanted>,
) -> Result<Json<Page<Destination>>, Failure> {
    let part = Part::new(wanted.offset, wanted.limit)?;
    let board = api.boards.get().await?;
    let Some(camera) = found(&board, &id)?.camera else { return Ok(Json(part.page(0, Vec::new()))) };
    let (mut page, heard) = computed(move || {
        let page = wanted.page(part, &board, camera);
        let shown: Vec<IpAddr> = page.items.iter().map(|row| row.address).collect();
        let heard = board.pairs_of(camera).iter().filter(|pair| Level::of(pair.heard.0.into()).is_some());
        let heard: Vec<IpAddr> = heard.map(|pair| pair.address).filter(|address| shown.contains(address)).collect();
        (page, heard)
    })
    .await?;
    if !heard.is_empty() {
        let beats = api.analyser.ask(move |analysis| {
            let (ledger, now) = (analysis.ledger(), analysis.now());
            let beat = |address: &IpAddr| DestinationBeat::of(ledger.find_pair(camera, *address)?.rhythm(now)?);
            let beats: BTreeMap<IpAddr, DestinationBeat> =
                heard.iter().filter_map(|address| Some((*address, beat(address)?))).collect();
            (beats, Vec::new())
        });
        let beats = beats.await?;
        for row in &mut page.items {
            row.beat = beats.get(&row.address).copied();
        }
    }
    Ok(Json(page))
}

/// To whom.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Whom {
    /// The destination, by its address.
    #[param(value_type = String)]
    address: IpAddr,
}

/// The rhythm of a camera's calls to a destination, and why it is one or none.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Rhythm {
    #[schema(value_type = String)]
    address: IpAddr,
    /// None: no rhythm was found.
    period_s: Option<f64>,
    /// None: no rhythm, or one that says little.
    level: Option<Level>,
    score: Option<f64>,
    /// When the last bursts of calls began, oldest first.
    times: Vec<Timestamp>,
    /// The gaps between them, in seconds.
    gaps: Vec<f64>,
    histogram: Vec<HistogramBin>,
    /// As `camwatch explain` says it.
    explanation: String,
}

/// How many gaps lie between two lengths.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct HistogramBin {
    from_s: f64,
    to_s: f64,
    count: u32,
}

fn rhythm_of(ledger: &Ledger, now: Timestamp, camera: CameraId, address: IpAddr) -> Result<Rhythm, ExplainError> {
    let id = ledger.camera_of(camera).map_or("", |camera| &camera.id);
    let explanation = text(ledger, now, id, Some(&address.to_string()))?;
    let pair = ledger.find_pair(camera, address);
    let score = pair.and_then(|pair| pair.rhythm(now));
    let (times, gaps) = pair.map(|pair| pair.beat.kept()).unwrap_or_default();
    let mut sorted = gaps.clone();
    sorted.sort_by(f64::total_cmp);
    let histogram = bins(&sorted).into_iter().map(|Bin { from_s, to_s, count }| HistogramBin { from_s, to_s, count });
    let found = score.filter(|score| score.level().is_some());
    Ok(Rhythm {
        address,
        period_s: found.map(|score| score.period_s),
        level: found.and_then(|score| score.level()),
        score: score.map(|score| score.score),
        times,
        gaps,
        histogram: histogram.collect(),
        explanation,
    })
}

/// The rhythm of a camera's calls to a destination, and why it is one or none.
#[utoipa::path(get, path = "/api/v1/cameras/{id}/rhythm", tag = "cameras", params(("id" = String, Path), Whom),
    responses((status = 200, body = Rhythm), (status = 400, body = Refusal), (status = 404, body = Refusal),
        (status = 503, body = Refusal)))]
pub(super) async fn rhythm(
    Shared(api): Shared<Api>,
    Named(id): Named,
    Asked(Whom { address }): Asked<Whom>,
) -> Result<Json<Rhythm>, Failure> {
    let board = api.boards.get().await?;
    let Some(camera) = found(&board, &id)?.camera else { return Err(Failure::NoCamera(id)) };
    let asked =
        api.analyser.ask(move |analysis| (rhythm_of(analysis.ledger(), analysis.now(), camera, address), Vec::new()));
    Ok(Json(asked.await??))
}
