//! What the daemon serves by HTTP: metrics, health, the API and pages; and over the control socket the API once more, for
//! `camwatch alerts`.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;

use self::api::Api;
use self::requests::Requests;
use crate::deliver::StatsView;
use crate::lockdown::Lockdown;
use crate::metrics::{Process, Snapshot};
use crate::pipeline::live;
use crate::report::schedule::ReportsView;
use crate::selftest::SelfTest;
use crate::store::Store;

pub mod api;
mod caller;
pub mod control;
mod gate;
mod guard;
mod pages;
mod requests;
mod serve;

pub use crate::access::Role;
pub use caller::Caller;
pub use gate::Gate;

/// What metrics and health are told from.
#[derive(Clone)]
pub struct View {
    /// The running pipeline.
    pub live: live::View,
    /// What is kept.
    pub store: Store,
    /// The sinks.
    pub sinks: StatsView,
    /// Scheduled reports.
    pub reports: ReportsView,
    /// The process, where it can be read.
    pub process: Option<Arc<Process>>,
    /// What guards the process.
    pub lockdown: Lockdown,
    /// Self tests.
    pub selftest: SelfTest,
}

impl View {
    fn snapshot(&self) -> Snapshot {
        let mut snapshot = self.live.snapshot();
        snapshot.take_store(&self.store);
        snapshot.sinks = self.sinks.snapshot();
        snapshot.reports = self.reports.snapshot();
        snapshot.lockdown = Some(self.lockdown.clone());
        snapshot.selftest = Some(self.selftest.figures());
        snapshot.process = self.process.as_ref().and_then(|process| process.figures());
        snapshot
    }
}

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

/// Serves until `stop` becomes true.
pub async fn serve(
    listener: TcpListener,
    view: View,
    api: Api,
    gate: Arc<Gate>,
    stop: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let requests = Requests::default();
    let figures = requests.clone();
    let router = Router::new()
        .route("/metrics", get(async move |State(view): State<View>| metrics(&view, &figures)))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .with_state(view)
        .merge(api::router(api))
        .merge(pages::router())
        .layer(middleware::from_fn_with_state(gate.clone(), gate::pass))
        .layer(middleware::from_fn_with_state(requests, requests::count));
    let (served, ()) = tokio::join!(serve::serve(listener, router, gate.clone(), stop.clone()), gate.watch(stop));
    served
}

/// Serves what was read from files to who looks on this machine, until `stop` becomes true: the API and pages, and nothing can
/// be changed.
pub async fn serve_reading(listener: TcpListener, api: Api, stop: watch::Receiver<bool>) -> std::io::Result<()> {
    let gate = Arc::new(Gate::for_reading());
    let router =
        api::router(api).merge(pages::router()).layer(middleware::from_fn_with_state(gate.clone(), gate::pass));
    serve::serve(listener, router, gate, stop).await
}

/// The API for the control socket: who may write to that may do everything.
pub fn for_control(api: Api) -> Router {
    let controls = async |mut request: Request, next: Next| {
        request.extensions_mut().insert(Caller::Control);
        next.run(request).await
    };
    api::router(api).layer(middleware::from_fn(controls))
}

fn metrics(view: &View, requests: &Requests) -> Response {
    let mut snapshot = view.snapshot();
    snapshot.http = Some(requests.figures());
    match snapshot.exposition() {
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
