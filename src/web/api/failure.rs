//! A request that could not be done, and why.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use crate::alert::{AcknowledgeError, SuppressError};
use crate::pipeline::live::AskError;
use crate::report::explain::ExplainError;
use crate::store::StoreError;

/// What is answered to a request that could not be done.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Refusal {
    /// What is wrong and what to do.
    pub error: String,
}

/// A failed request.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The analyser gave no answer.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// The alert cannot be taken on.
    #[error(transparent)]
    Acknowledge(#[from] AcknowledgeError),
    /// The exception cannot be made or ended.
    #[error(transparent)]
    Suppress(#[from] SuppressError),
    /// What was done could not be written down.
    #[error("the database has trouble, and what was done may be lost at a restart: {0}")]
    Store(#[from] StoreError),
    /// What is kept cannot be read now.
    #[error("the database cannot be read now: {0}: try again, and look at GET /api/v1/status")]
    Unread(StoreError),
    /// No alert of that id.
    #[error("there is no alert `{0}`: take its short id from the list of alerts")]
    NoAlert(String),
    /// No camera of that id.
    #[error("there is no camera `{0}`: take its id from the list of cameras")]
    NoCamera(String),
    /// No such pair.
    #[error(transparent)]
    NoDestination(#[from] ExplainError),
    /// A field of the body.
    #[error("`{0}`: write {1}")]
    Unusable(&'static str, &'static str),
    /// The query cannot be understood.
    #[error("the query cannot be understood: {0}")]
    Query(String),
    /// The body cannot be understood.
    #[error("{1}")]
    Body(StatusCode, String),
    /// Too many listen already.
    #[error("too many pages listen to events already: close some")]
    Crowded,
    /// No such address.
    #[error("there is nothing at this address: /api/v1/openapi.json lists what there is")]
    Nowhere,
    /// A fault of camwatch's own.
    #[error("this is a fault of camwatch: please report what its log says")]
    Fault,
}

impl Failure {
    fn status(&self) -> StatusCode {
        match self {
            Self::Ask(_) | Self::Unread(_) | Self::Crowded => StatusCode::SERVICE_UNAVAILABLE,
            Self::Store(_) => StatusCode::INSUFFICIENT_STORAGE,
            Self::NoAlert(_)
            | Self::NoCamera(_)
            | Self::NoDestination(_)
            | Self::Nowhere
            | Self::Acknowledge(AcknowledgeError::Unknown(_))
            | Self::Suppress(SuppressError::Unknown(_)) => StatusCode::NOT_FOUND,
            Self::Acknowledge(_) | Self::Suppress(SuppressError::Taken(_) | SuppressError::Configured(_)) => {
                StatusCode::CONFLICT
            }
            Self::Suppress(_) | Self::Unusable(..) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Query(_) => StatusCode::BAD_REQUEST,
            Self::Body(status, _) => *status,
            Self::Fault => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.status(), Json(Refusal { error: self.to_string() })).into_response()
    }
}
