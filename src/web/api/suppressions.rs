//! Exceptions: made, looked at beforehand, ended.

use axum::Json;
use axum::extract::State as Shared;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::ask::{Asked, Asking, Named, Said};
use super::page::{Page, Part};
use super::{Api, Failure, Refusal, blocking, note, now};
use crate::alert::{Alert, SuppressError, SuppressionEntry, WouldHide};
use crate::rules::SuppressionSpec;
use crate::store::SuppressionRow;

/// Bytes of an exception at most: a thousand of them are held in memory.
const MAX_EXCEPTION: usize = 64 << 10;

/// Which part of a list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Paged {
    /// Rows before the page.
    pub(super) offset: Option<u32>,
    /// Rows of the page at most.
    #[param(minimum = 1, maximum = 500)]
    pub(super) limit: Option<u32>,
}

/// Somebody makes an exception.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Suppress {
    /// Who. Counts where nobody is logged in.
    #[serde(default)]
    pub who: Option<String>,
    /// The keys of a `[[suppression]]`, as TOML.
    pub text: String,
}

/// Somebody ends an exception.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// Who. Counts where nobody is logged in.
    #[serde(default)]
    pub who: Option<String>,
}

/// Somebody looks what an exception would keep back.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Look {
    /// The keys of a `[[suppression]]`, as TOML.
    text: String,
}

/// What an exception would keep back of what is told now.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Preview {
    /// Alerts that fire and of which it covers at least a part.
    would_hide: Vec<Alert>,
    /// Cameras of that part.
    cameras: u64,
    /// Destinations of that part.
    destinations: u64,
    /// What is wrong with the text, if anything is.
    problem: Option<String>,
}

/// Every exception, with what it has hidden.
#[utoipa::path(get, path = "/api/v1/suppressions", tag = "suppressions", params(Paged),
    responses((status = 200, body = Page<SuppressionEntry>), (status = 400, body = Refusal), (status = 503, body = Refusal)))]
pub(super) async fn suppressions(
    Shared(api): Shared<Api>,
    Asked(paged): Asked<Paged>,
) -> Result<Json<Page<SuppressionEntry>>, Failure> {
    let part = Part::new(paged.offset, paged.limit)?;
    let all = api.analyser.ask(|analysis| (analysis.suppressions(), Vec::new())).await?;
    Ok(Json(part.of(&all, Clone::clone)))
}

/// Makes an exception: what it covers is not told until its end.
#[utoipa::path(post, path = "/api/v1/suppressions", tag = "suppressions", request_body = Suppress,
    responses((status = 201, body = SuppressionEntry), (status = 400, body = Refusal), (status = 409, body = Refusal),
        (status = 413, body = Refusal), (status = 415, body = Refusal), (status = 422, body = Refusal),
        (status = 503, body = Refusal), (status = 507, body = Refusal)))]
pub(super) async fn suppress(
    Shared(api): Shared<Api>,
    asking: Asking,
    Said(said): Said<Suppress>,
) -> Result<(StatusCode, Json<Option<SuppressionEntry>>), Failure> {
    let who = asking.name(said.who.as_deref())?;
    let spec = SuppressionSpec { text: bounded(said.text)?, by: who.clone(), at: now() };
    let parsed = spec.parse().map_err(SuppressError::Wrong)?;
    let made = spec.clone();
    api.analyser.ask(move |analysis| (analysis.suppress(made), Vec::new())).await??;
    let row = SuppressionRow {
        id: parsed.name.to_string(),
        start: spec.at,
        until: parsed.until,
        ended: None,
        document: serde_json::json!({ "text": spec.text, "by": spec.by, "at": spec.at }),
    };
    let store = api.store.clone();
    blocking(move || store.put_suppression(row)).await?;
    note(&api, who, "suppress", format!("{}: {}", parsed.name, parsed.reason)).await?;
    let all = api.analyser.ask(|analysis| (analysis.suppressions(), Vec::new())).await?;
    let made = all.into_iter().find(|entry| entry.name == parsed.name);
    Ok((StatusCode::CREATED, Json(made)))
}

fn bounded(text: String) -> Result<String, Failure> {
    let wanted = "64 KiB at most: name sites, ranges or patterns in place of single cameras";
    (text.len() <= MAX_EXCEPTION).then_some(text).ok_or(Failure::Unusable("text", wanted))
}

/// Says what an exception would keep back of what is told now; changes nothing.
#[utoipa::path(post, path = "/api/v1/suppressions/preview", tag = "suppressions", request_body = Look,
    responses((status = 200, body = Preview), (status = 400, body = Refusal), (status = 413, body = Refusal),
        (status = 415, body = Refusal), (status = 422, body = Refusal), (status = 503, body = Refusal)))]
pub(super) async fn preview(Shared(api): Shared<Api>, Said(look): Said<Look>) -> Result<Json<Preview>, Failure> {
    let spec = SuppressionSpec { text: bounded(look.text)?, by: String::new(), at: now() };
    let exception = match spec.parse() {
        Ok(exception) => exception,
        Err(problems) => {
            let problem = Some(SuppressError::Wrong(problems).to_string());
            return Ok(Json(Preview { would_hide: Vec::new(), cameras: 0, destinations: 0, problem }));
        }
    };
    let found = api.analyser.ask(move |analysis| {
        let over = exception.has_ended(analysis.now()).then(|| exception.ended_text());
        ((over, analysis.would_hide(&exception)), Vec::new())
    });
    let (problem, WouldHide { alerts, cameras, destinations }) = found.await?;
    let (cameras, destinations) = (cameras.len() as u64, destinations.len() as u64);
    Ok(Json(Preview { would_hide: alerts, cameras, destinations, problem }))
}

/// Ends an exception that was made while camwatch ran: what it hid and still holds is told again.
#[utoipa::path(delete, path = "/api/v1/suppressions/{name}", tag = "suppressions", params(("name" = String, Path)),
    request_body = End,
    responses((status = 204), (status = 400, body = Refusal), (status = 404, body = Refusal), (status = 409, body = Refusal),
        (status = 413, body = Refusal), (status = 415, body = Refusal), (status = 422, body = Refusal),
        (status = 503, body = Refusal), (status = 507, body = Refusal)))]
pub(super) async fn end(
    Shared(api): Shared<Api>,
    asking: Asking,
    Named(name): Named,
    Said(said): Said<End>,
) -> Result<StatusCode, Failure> {
    let who = asking.name(said.who.as_deref())?;
    let ended = name.clone();
    api.analyser.ask(move |analysis| (analysis.end_suppression(&ended), Vec::new())).await??;
    let (store, ended) = (api.store.clone(), name.clone());
    blocking(move || store.end_suppression(&ended, now())).await?;
    note(&api, who, "end suppression", name).await?;
    Ok(StatusCode::NO_CONTENT)
}
