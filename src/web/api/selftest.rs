//! Self tests: what the last one came to, and one more.

use axum::Json;
use axum::extract::State as Shared;
use serde::{Deserialize, Serialize};

use super::ask::{Asking, Said};
use super::{Api, Failure, Refusal, note};
use crate::selftest::Report;

/// The self tests.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub(super) struct SelfTests {
    /// How often one is made; none: only when asked for.
    pub every_s: Option<f64>,
    /// What the last one came to; none yet after the start.
    pub last: Option<Report>,
}

/// One is to be made.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Make {
    /// Who. Counts where nobody is logged in; needed to deliver.
    #[serde(default)]
    pub who: Option<String>,
    /// Each sink sends a message that says that it is a test.
    #[serde(default)]
    pub deliver: bool,
}

/// What the last self test came to.
#[utoipa::path(get, path = "/api/v1/selftest", tag = "camwatch", responses((status = 200, body = SelfTests)))]
pub(super) async fn last(Shared(api): Shared<Api>) -> Json<SelfTests> {
    let every = api.selftest.figures().every;
    Json(SelfTests { every_s: every.map(|every| every.as_secs_f64()), last: api.selftest.last() })
}

/// Makes a self test.
#[utoipa::path(post, path = "/api/v1/selftest", tag = "camwatch", request_body = Make,
    responses((status = 200, body = Report), (status = 400, body = Refusal), (status = 413, body = Refusal),
        (status = 415, body = Refusal), (status = 422, body = Refusal), (status = 503, body = Refusal),
        (status = 507, body = Refusal)))]
pub(super) async fn make(
    Shared(api): Shared<Api>,
    asking: Asking,
    Said(said): Said<Make>,
) -> Result<Json<Report>, Failure> {
    if said.deliver {
        // Somebody reads what is sent, and may ask who it was.
        let who = asking.name(said.who.as_deref())?;
        note(&api, who, "self test", "a test message through every sink".to_owned()).await?;
    }
    Ok(Json(api.selftest.run(said.deliver).await?))
}
