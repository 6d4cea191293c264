//! What the daemon serves by HTTP: metrics and health.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;

use crate::pipeline::live::View;

/// The address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("[http] listen = \"{listen}\": {error}{}", hint(error))]
pub struct ListenError {
    listen: SocketAddr,
    error: std::io::Error,
}

fn hint(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            ": another program has the port (another camwatch?): stop it, or set another port"
        }
        std::io::ErrorKind::PermissionDenied => ": ports below 1024 are for root: set a higher one",
        _ => "",
    }
}

/// Takes the port.
pub async fn bind(listen: SocketAddr) -> Result<TcpListener, ListenError> {
    TcpListener::bind(listen).await.map_err(|error| ListenError { listen, error })
}

/// Serves until `stopped` is done.
pub async fn serve(
    listener: TcpListener,
    view: View,
    stopped: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .with_state(view);
    axum::serve(listener, router).with_graceful_shutdown(stopped).await
}

async fn metrics(State(view): State<View>) -> Response {
    match view.snapshot().exposition() {
        Ok(text) => ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}

async fn ready(State(view): State<View>) -> Response {
    if view.snapshot().is_ready() {
        "ready\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "an interface is not open\n").into_response()
    }
}
