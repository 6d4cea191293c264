//! What a request says, read so that a mistake is answered as JSON.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::Failure;
use crate::web::Caller;

/// What stands behind the `?`. Keys that are not known are mistakes.
pub(super) struct Asked<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let query = Query::from_request_parts(parts, state).await;
        query.map(|Query(asked)| Self(asked)).map_err(|error| Failure::Query(error.body_text()))
    }
}

/// The part of the path that names something.
pub(super) struct Named(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let path = Path::from_request_parts(parts, state).await;
        path.map(|Path(name)| Self(name)).map_err(|error| Failure::Query(error.body_text()))
    }
}

/// The body, as JSON.
pub(super) struct Said<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Said<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let json = Json::from_request(request, state).await;
        json.map(|Json(said)| Self(said))
            .map_err(|error: JsonRejection| Failure::Body(error.status(), error.body_text()))
    }
}

/// Who asks.
pub(super) struct Asking(pub Caller);

impl<S: Send + Sync> FromRequestParts<S> for Asking {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        parts.extensions.get::<Caller>().cloned().map(Self).ok_or(Failure::Fault)
    }
}

impl Asking {
    /// The name under which a change is noted: who is logged in; where nobody is, who the body says it is.
    pub(super) fn name(&self, said: Option<&str>) -> Result<String, Failure> {
        let who = match (&self.0, said) {
            (Caller::User { name, .. }, _) => name,
            (Caller::Open | Caller::Reader | Caller::Control, Some(who)) => who.trim(),
            (Caller::Open | Caller::Reader, None) => "local",
            (Caller::Control, None) => "",
        };
        let usable = !who.is_empty() && who.len() <= 200 && !who.contains(char::is_control);
        let wanted = "the name of the person who does this, on one line";
        usable.then(|| who.to_owned()).ok_or(Failure::Unusable("who", wanted))
    }
}
