//! The list of cameras.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State as Shared;
use serde::{Deserialize, Serialize};

use super::ask::Asked;
use super::page::{Order, Part};
use super::{Api, Failure, Refusal, computed};
use crate::board::{Board, CameraRow, CameraState};
use crate::device::DeviceKind;

/// Values of a facet that are told: those that most cameras have.
const VALUES: usize = 200;

/// Which cameras, and in which order.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// With this text in id, name, site, maker, model, tags, addresses or MAC address.
    q: Option<String>,
    /// Of this site.
    site: Option<String>,
    /// Of this maker.
    vendor: Option<String>,
    /// Of this kind.
    kind: Option<DeviceKind>,
    /// In this state.
    state: Option<CameraState>,
    /// That call this country, by its two letters.
    country: Option<String>,
    /// `overseas_attempts` by default.
    sort: Option<CameraSort>,
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
pub(super) enum CameraSort {
    Id,
    Name,
    Site,
    Vendor,
    Kind,
    State,
    Attempts,
    OverseasAttempts,
    Unanswered,
    Destinations,
    Beat,
    Alerts,
    First,
    Last,
}

/// A page of cameras, and what there is to choose among.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct CameraPage {
    /// Cameras that were asked for.
    total: u64,
    /// Rows before this page.
    offset: u64,
    /// Rows of a page at most.
    limit: u64,
    /// The rows.
    items: Vec<CameraRow>,
    facets: Facets,
}

/// Of all cameras.
#[derive(Debug, Serialize, utoipa::ToSchema)]
struct Facets {
    sites: Vec<FacetValue>,
    vendors: Vec<FacetValue>,
    kinds: Vec<FacetValue>,
    states: Vec<FacetValue>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
struct FacetValue {
    value: String,
    /// Cameras that have it.
    count: u64,
}

impl Wanted {
    fn wants(&self, camera: &CameraRow, text: Option<&str>) -> bool {
        let is = |wanted: &Option<String>, value: &Option<String>| wanted.is_none() || wanted == value;
        is(&self.site, &camera.site)
            && is(&self.vendor, &camera.vendor)
            && self.kind.is_none_or(|kind| camera.kind == kind)
            && self.state.is_none_or(|state| camera.state == state)
            && self.country.as_ref().is_none_or(|country| camera.calls(country))
            && text.is_none_or(|text| camera.is_found_by(text))
    }

    fn page(&self, part: Part, board: &Board) -> CameraPage {
        let text = self.q.as_deref().map(str::to_lowercase);
        let mut chosen: Vec<&CameraRow> =
            board.cameras.iter().filter(|camera| self.wants(camera, text.as_deref())).collect();
        let order = self.order.unwrap_or(Order::Desc);
        // The worst first within what is equal, whichever way round.
        chosen.sort_by(|a, b| b.overseas_attempts.cmp(&a.overseas_attempts).then_with(|| a.id.cmp(&b.id)));
        match self.sort.unwrap_or(CameraSort::OverseasAttempts) {
            CameraSort::Id => order.sort(&mut chosen, |camera| camera.id.clone()),
            CameraSort::Name => order.sort(&mut chosen, |camera| camera.name.clone()),
            CameraSort::Site => order.sort(&mut chosen, |camera| camera.site.clone()),
            CameraSort::Vendor => order.sort(&mut chosen, |camera| camera.vendor.clone()),
            CameraSort::Kind => order.sort(&mut chosen, |camera| camera.kind.word()),
            // Descending is the worst first.
            CameraSort::State => order.sort(&mut chosen, |camera| std::cmp::Reverse(camera.state)),
            CameraSort::Attempts => order.sort(&mut chosen, |camera| camera.attempts),
            CameraSort::OverseasAttempts => order.sort(&mut chosen, |camera| camera.overseas_attempts),
            CameraSort::Unanswered => order.sort(&mut chosen, |camera| camera.unanswered),
            CameraSort::Destinations => order.sort(&mut chosen, |camera| camera.destinations),
            CameraSort::Beat => order.sort(&mut chosen, |camera| camera.beat),
            CameraSort::Alerts => order.sort(&mut chosen, |camera| camera.alerts),
            CameraSort::First => order.sort(&mut chosen, |camera| camera.first),
            CameraSort::Last => order.sort(&mut chosen, |camera| camera.last),
        }
        let page = part.of(&chosen, |camera| (*camera).clone());
        CameraPage {
            total: page.total,
            offset: page.offset,
            limit: page.limit,
            items: page.items,
            facets: Facets::of(board),
        }
    }
}

impl Facets {
    fn of(board: &Board) -> Self {
        let state = |camera: &CameraRow| match camera.state {
            CameraState::Firing => "firing",
            CameraState::Overseas => "overseas",
            CameraState::Quiet => "quiet",
            CameraState::NotSeen => "not_seen",
        };
        Self {
            sites: count(board.cameras.iter().filter_map(|camera| camera.site.as_deref())),
            vendors: count(board.cameras.iter().filter_map(|camera| camera.vendor.as_deref())),
            kinds: count(board.cameras.iter().map(|camera| camera.kind.word())),
            states: count(board.cameras.iter().map(state)),
        }
    }
}

fn count<'a>(values: impl Iterator<Item = &'a str>) -> Vec<FacetValue> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    values.for_each(|value| *counts.entry(value).or_default() += 1);
    let mut all: Vec<FacetValue> =
        counts.into_iter().map(|(value, count)| FacetValue { value: value.to_owned(), count }).collect();
    all.sort_by_key(|value| std::cmp::Reverse(value.count));
    all.truncate(VALUES);
    all
}

/// The cameras.
#[utoipa::path(get, path = "/api/v1/cameras", tag = "cameras", params(Wanted),
    responses((status = 200, body = CameraPage), (status = 400, body = Refusal), (status = 503, body = Refusal)))]
pub(super) async fn cameras(
    Shared(api): Shared<Api>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Json<CameraPage>, Failure> {
    let part = Part::new(wanted.offset, wanted.limit)?;
    let board = api.boards.get().await?;
    Ok(Json(computed(move || wanted.page(part, &board)).await?))
}
