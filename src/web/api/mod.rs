//! `/api/v1`: what pages, scripts and `camwatch alerts` ask, as JSON. `docs/api.md` tells it, and so does the
//! `OpenAPI` document that [`document`] makes from the code.

mod alerts;
mod ask;
mod audit;
mod camera;
mod cameras;
mod destinations;
mod document;
mod events;
mod failure;
mod me;
mod overview;
mod page;
mod rules;
mod selftest;
mod status;
mod suppressions;

use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use tokio::sync::{Semaphore, watch};

use crate::board::Boards;
use crate::deliver::StatsView;
use crate::pipeline::live::{self, Analyser};
use crate::report::schedule::ReportsView;
use crate::selftest::SelfTest;
use crate::store::{AuditRow, Store, StoreError};
use crate::time::Timestamp;

pub use alerts::{Acknowledge, Detail};
pub use document::document;
pub use failure::{Failure, Refusal};
pub use page::{MAX_LIMIT, Page};
pub use suppressions::{End, Suppress};

/// Bytes of a body at most: an exception of 64 KiB, escaped.
const MAX_BODY: usize = 256 << 10;
/// Who listens to events at the same time.
const MAX_LISTENERS: usize = 64;

/// What requests are answered from; cheap to clone.
#[derive(Clone)]
pub struct Api {
    /// The running pipeline.
    pub live: live::View,
    /// Owns the alerts and the ledger.
    pub analyser: Analyser,
    /// Copies of the ledger.
    pub boards: Boards,
    /// Keeps who did what, and hours.
    pub store: Store,
    /// The sinks.
    pub sinks: StatsView,
    /// Scheduled reports.
    pub reports: ReportsView,
    /// Makes self tests.
    pub selftest: SelfTest,
    /// When camwatch was started.
    pub started: Timestamp,
    /// Who may still listen to events.
    listeners: Arc<Semaphore>,
    /// Becomes true when camwatch stops: events end.
    stop: watch::Receiver<bool>,
}

impl Api {
    /// Answers from these, until `stop` becomes true.
    pub fn new(
        live: live::View,
        analyser: Analyser,
        store: Store,
        sinks: StatsView,
        reports: ReportsView,
        selftest: SelfTest,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let (boards, listeners) = (Boards::new(analyser.clone()), Arc::new(Semaphore::new(MAX_LISTENERS)));
        Self { live, analyser, boards, store, sinks, reports, selftest, started: now(), listeners, stop }
    }
}

/// Every request. Who asks must be among the request's extensions, as a [`super::Caller`].
pub fn router(api: Api) -> Router {
    Router::new()
        .route("/api/v1/openapi.json", get(async || Json(document())))
        .route("/api/v1/me", get(me::me))
        .route("/api/v1/status", get(status::status))
        .route("/api/v1/selftest", get(selftest::last).post(selftest::make))
        .route("/api/v1/overview", get(overview::overview))
        .route("/api/v1/cameras", get(cameras::cameras))
        .route("/api/v1/cameras/{id}", get(camera::camera))
        .route("/api/v1/cameras/{id}/hours", get(camera::hours))
        .route("/api/v1/cameras/{id}/destinations", get(destinations::destinations))
        .route("/api/v1/cameras/{id}/rhythm", get(destinations::rhythm))
        .route("/api/v1/alerts", get(alerts::alerts))
        .route("/api/v1/alerts/{id}", get(alerts::alert))
        .route("/api/v1/alerts/{id}/acknowledgement", post(alerts::acknowledge))
        .route("/api/v1/suppressions", get(suppressions::suppressions).post(suppressions::suppress))
        .route("/api/v1/suppressions/preview", post(suppressions::preview))
        .route("/api/v1/suppressions/{name}", delete(suppressions::end))
        .route("/api/v1/rules", get(rules::rules))
        .route("/api/v1/audit", get(audit::audit))
        .route("/api/v1/events", get(events::events))
        .route("/api/{*rest}", axum::routing::any(nowhere))
        .method_not_allowed_fallback(not_allowed)
        .layer(axum::middleware::from_fn(never_stored))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(api)
}

async fn nowhere() -> Failure {
    Failure::Nowhere
}

async fn not_allowed() -> Response {
    let error = "this can't be done here: /api/v1/openapi.json lists what can".to_owned();
    (StatusCode::METHOD_NOT_ALLOWED, Json(Refusal { error })).into_response()
}

/// What it answers is of the moment, and for who asked.
async fn never_stored(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    response
}

async fn note(api: &Api, who: String, what: &str, details: String) -> Result<(), StoreError> {
    let row = AuditRow { time: now(), who, what: what.to_owned(), details };
    let store = api.store.clone();
    blocking(move || store.put_audit(row)).await
}

/// The store blocks on the disk.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(StoreError::Busy))
}

/// What takes longer than other requests should wait.
async fn computed<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Failure::Fault)
}

/// People act by the wall clock.
fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
