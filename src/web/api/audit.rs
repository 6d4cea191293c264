//! Who did what.

use axum::Json;
use axum::extract::State as Shared;

use super::ask::Asked;
use super::page::{Page, Part};
use super::suppressions::Paged;
use super::{Api, Failure, Refusal, blocking};
use crate::store::AuditRow;

/// What people did, the newest first.
#[utoipa::path(get, path = "/api/v1/audit", tag = "people", params(Paged),
    responses((status = 200, body = Page<AuditRow>), (status = 400, body = Refusal), (status = 503, body = Refusal)))]
pub(super) async fn audit(
    Shared(api): Shared<Api>,
    Asked(paged): Asked<Paged>,
) -> Result<Json<Page<AuditRow>>, Failure> {
    let part = Part::new(paged.offset, paged.limit)?;
    let store = api.store.clone();
    let read = blocking(move || store.reader().audit(part.offset, part.limit)).await;
    let (rows, total) = read.map_err(Failure::Unread)?;
    Ok(Json(part.page(total, rows)))
}
