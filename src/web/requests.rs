//! Counts requests, for metrics.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;

use crate::metrics::HttpFigures;

/// What is asked where there is nothing.
const NONE: &str = "none";

/// Requests so far; cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Requests(Arc<Mutex<HttpFigures>>);

impl Requests {
    pub(super) fn figures(&self) -> HttpFigures {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Counts a request once it is answered: by the route, since what stands in an address is anybody's choice.
pub(super) async fn count(State(requests): State<Requests>, request: Request, next: Next) -> Response {
    let matched = request.extensions().get::<MatchedPath>().map(|matched| matched.as_str().to_owned());
    let handler = matched.unwrap_or_else(|| NONE.to_owned());
    let began = Instant::now();
    let response = next.run(request).await;
    let took = began.elapsed();
    let mut figures = requests.0.lock().unwrap_or_else(PoisonError::into_inner);
    figures.took.entry(handler.clone()).or_default().observe(took);
    *figures.requests.entry((handler, response.status().as_u16())).or_default() += 1;
    response
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::http::StatusCode;
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use tower::ServiceExt;

    use super::*;

    #[tokio::test]
    async fn they_are_counted_by_route_and_answer() {
        let requests = Requests::default();
        let refuses = async |request: Request, next: Next| {
            let is_refused = request.uri().query() == Some("refuse");
            let response = next.run(request).await;
            if is_refused { Response::builder().status(401).body(Body::empty()).unwrap() } else { response }
        };
        let router = Router::new()
            .route("/cameras/{id}", get(async || "one"))
            .layer(axum::middleware::from_fn(refuses))
            .layer(from_fn_with_state(requests.clone(), count));
        for path in ["/cameras/1", "/cameras/2", "/cameras/3?refuse", "/nowhere/4", "/nowhere/5"] {
            router.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        }
        let posted = Request::post("/cameras/1").body(Body::empty()).unwrap();
        assert_eq!(router.oneshot(posted).await.unwrap().status(), StatusCode::METHOD_NOT_ALLOWED);
        let figures = requests.figures();
        let told: Vec<(&str, u16, u64)> =
            figures.requests.iter().map(|((handler, code), count)| (handler.as_str(), *code, *count)).collect();
        assert_eq!(
            told,
            [("/cameras/{id}", 200, 2), ("/cameras/{id}", 401, 1), ("/cameras/{id}", 405, 1), ("none", 404, 2)]
        );
        assert_eq!(figures.took["/cameras/{id}"].count(), 4);
    }
}
