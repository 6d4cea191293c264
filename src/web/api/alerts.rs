//! Alerts, and who has taken them on.

use std::sync::Arc;

use axum::Json;
use axum::extract::State as Shared;
use serde::{Deserialize, Serialize};

use super::ask::{Asked, Asking, Named, Said};
use super::page::{Order, Page, Part};
use super::{Api, Failure, Refusal, blocking, note, now};
use crate::alert::{Alert, State};
use crate::pipeline::live::AskError;
use crate::rules::Severity;
use crate::store::Told;

/// Bytes of a note at most: every message of its alert carries it.
const MAX_NOTE: usize = 4000;

/// Alerts to be told of.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Wanted {
    /// Of this state only; acknowledged ones fire too.
    state: Option<State>,
    /// Of this severity only.
    severity: Option<Severity>,
    /// Of this rule only.
    rule: Option<String>,
    /// With this text in its subject, summary, rule or id.
    q: Option<String>,
    /// `since` by default; `worst`: severity, then state, then the oldest.
    sort: Option<AlertSort>,
    /// `desc` by default.
    order: Option<Order>,
    /// Rows before the page.
    offset: Option<u32>,
    /// Rows of the page at most.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

#[derive(Debug, Clone, Copy, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum AlertSort {
    Since,
    Severity,
    Rule,
    Subject,
    Worst,
}

/// An alert, and what was told of it.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = AlertDetail)]
pub struct Detail {
    /// As it stands now.
    #[serde(flatten)]
    pub alert: Alert,
    /// What was told of it, in order; nothing where that cannot be read now.
    #[serde(default)]
    pub history: Vec<Told>,
}

/// Somebody takes an alert on.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Acknowledge {
    /// Who. Counts where nobody is logged in.
    #[serde(default)]
    pub who: Option<String>,
    /// What they say of it.
    #[serde(default)]
    pub note: String,
}

pub(super) async fn all_alerts(api: &Api) -> Result<Arc<Vec<Alert>>, AskError> {
    api.analyser.ask(|analysis| (analysis.alert_list(), Vec::new())).await
}

/// Alerts that fire or did, and those that exceptions keep back.
#[utoipa::path(get, path = "/api/v1/alerts", tag = "alerts", params(Wanted),
    responses((status = 200, body = Page<Alert>), (status = 400, body = Refusal), (status = 503, body = Refusal)))]
pub(super) async fn alerts(
    Shared(api): Shared<Api>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Json<Page<Alert>>, Failure> {
    let part = Part::new(wanted.offset, wanted.limit)?;
    let all = all_alerts(&api).await?;
    let text = wanted.q.as_deref().map(str::to_lowercase);
    let mut chosen: Vec<&Alert> = all
        .iter()
        .filter(|alert| wanted.state.is_none_or(|state| alert.state == state))
        .filter(|alert| wanted.severity.is_none_or(|severity| alert.severity == severity))
        .filter(|alert| wanted.rule.as_ref().is_none_or(|rule| *rule == *alert.rule))
        .filter(|alert| {
            text.as_ref().is_none_or(|text| {
                [&*alert.subject, &*alert.summary, &*alert.rule, &*alert.id, &*alert.short]
                    .iter()
                    .any(|of| of.to_lowercase().contains(text))
            })
        })
        .collect();
    let order = wanted.order.unwrap_or(Order::Desc);
    match wanted.sort.unwrap_or(AlertSort::Since) {
        AlertSort::Since => order.sort(&mut chosen, |alert| alert.since),
        AlertSort::Severity => order.sort(&mut chosen, |alert| (alert.severity, alert.since)),
        AlertSort::Rule => order.sort(&mut chosen, |alert| alert.rule.clone()),
        AlertSort::Subject => order.sort(&mut chosen, |alert| alert.subject.clone()),
        // As the analyser has them.
        AlertSort::Worst if order == Order::Asc => chosen.reverse(),
        AlertSort::Worst => {}
    }
    Ok(Json(part.of(&chosen, |alert| (*alert).clone())))
}

/// One alert, by its id, its short id, or the beginning of it.
#[utoipa::path(get, path = "/api/v1/alerts/{id}", tag = "alerts", params(("id" = String, Path)),
    responses((status = 200, body = Detail), (status = 400, body = Refusal), (status = 404, body = Refusal),
        (status = 503, body = Refusal)))]
pub(super) async fn alert(Shared(api): Shared<Api>, Named(id): Named) -> Result<Json<Detail>, Failure> {
    let all = all_alerts(&api).await?;
    let exact = all.iter().find(|alert| alert.id == id || alert.short == id);
    let mut begins = all.iter().filter(|alert| alert.short.starts_with(&id) || alert.id.starts_with(&id));
    let only = || begins.next().filter(|_| begins.next().is_none());
    let alert = exact.or_else(only).cloned().ok_or_else(|| Failure::NoAlert(id.clone()))?;
    let (store, id) = (api.store.clone(), alert.id.clone());
    let told = blocking(move || store.reader().alert(&id)).await.unwrap_or_else(|error| {
        // It is told of all the same where the database has trouble of its own.
        tracing::warn!(%error, "what was told of an alert cannot be read");
        None
    });
    Ok(Json(Detail { alert, history: told.map(|(_, history)| history).unwrap_or_default() }))
}

/// Takes an alert on: it sends no updates until it becomes worse.
#[utoipa::path(post, path = "/api/v1/alerts/{id}/acknowledgement", tag = "alerts", params(("id" = String, Path)),
    request_body = Acknowledge,
    responses((status = 200, body = Alert), (status = 400, body = Refusal), (status = 404, body = Refusal),
        (status = 409, body = Refusal), (status = 413, body = Refusal), (status = 415, body = Refusal),
        (status = 422, body = Refusal), (status = 503, body = Refusal), (status = 507, body = Refusal)))]
pub(super) async fn acknowledge(
    Shared(api): Shared<Api>,
    asking: Asking,
    Named(id): Named,
    Said(said): Said<Acknowledge>,
) -> Result<Json<Alert>, Failure> {
    let who = asking.name(said.who.as_deref())?;
    if said.note.len() > MAX_NOTE {
        return Err(Failure::Unusable("note", "4,000 characters at most: it goes into every message of the alert"));
    }
    let (note_said, at) = (said.note.clone(), now());
    let by = who.clone();
    let done = api.analyser.ask(move |analysis| match analysis.acknowledge(&id, &by, &note_said, at) {
        Ok(transition) => (Ok(transition.alert.clone()), vec![transition]),
        Err(error) => (Err(error), Vec::new()),
    });
    let alert = done.await??;
    note(&api, who, "acknowledge", format!("{} ({}): {}", alert.short, alert.subject, said.note)).await?;
    Ok(Json(alert))
}
