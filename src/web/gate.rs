//! The gate before every request: how often, for us, by whom, and whether they may.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use rustls::ServerConfig;
use tokio::sync::watch;
use tracing::{error, info, warn};

use super::caller::Caller;
use super::guard::{self, Hosts, changes, harden, refusal};
use super::serve::stopped;
use crate::access::{Access, Checked, Limits, Login, Logins, Role, TlsConfig, Wait};
use crate::config::HttpConfig;
use crate::settings::Problem;

/// How often certificates and users are looked at for a change.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long a request may take, its body included; events go on after that.
const PATIENCE: Duration = Duration::from_secs(30);
/// Paths that tell nothing but that camwatch runs: for load balancers and supervisors, which have no passwords.
const OPEN: [&str; 2] = ["/healthz", "/readyz"];

/// Who is at the other end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer {
    pub(super) address: IpAddr,
}

/// What is in force.
#[derive(Clone)]
struct Terms {
    hosts: Arc<Hosts>,
    logins: Option<Arc<Logins>>,
    tls: Option<TlsConfig>,
    limits: Arc<Limits>,
    /// Who asks without users.
    anybody: Caller,
}

/// What is in force, and may be another in a moment.
pub struct Gate {
    terms: RwLock<Terms>,
    access: RwLock<Option<Access>>,
    listen: Option<SocketAddr>,
}

impl Gate {
    /// As the configuration says.
    pub fn new(config: &HttpConfig) -> Self {
        let access = config.access.clone();
        let terms = Terms {
            hosts: Arc::new(Hosts::new(&config.hosts, is_beyond_loopback(config.listen))),
            logins: access.as_ref().and_then(Access::logins),
            tls: access.as_ref().and_then(|access| access.tls.clone()),
            limits: Arc::new(Limits::new(config.requests_per_second)),
            anybody: Caller::Open,
        };
        Self { terms: RwLock::new(terms), access: RwLock::new(access), listen: config.listen }
    }

    /// For what was read from files: whoever is on this machine may look, and there is nothing to change.
    pub(super) fn for_reading() -> Self {
        let gate = Self::new(&HttpConfig::default());
        gate.terms.write().unwrap_or_else(PoisonError::into_inner).anybody = Caller::Reader;
        gate
    }

    fn terms(&self) -> Terms {
        self.terms.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How the next connection is encrypted.
    pub(super) fn tls(&self) -> Option<Arc<ServerConfig>> {
        self.terms().tls.map(|tls| tls.server)
    }

    /// Takes a new configuration: hosts, limits, users and certificates from the next request or connection on.
    pub fn reconfigure(&self, config: &HttpConfig) {
        if config.listen != self.listen {
            warn!("[http] listen has changed: it takes effect at the next start; all else of [http] does now");
        }
        let new = Self::new(&HttpConfig { listen: self.listen, ..config.clone() });
        let access = new.access.into_inner().unwrap_or_else(PoisonError::into_inner);
        if is_beyond_loopback(self.listen) && !access.as_ref().is_some_and(Access::is_closed) {
            error!(
                "[http]: TLS and users are not given up while camwatch can be reached from outside: the old ones stay"
            );
            return;
        }
        let terms = new.terms.into_inner().unwrap_or_else(PoisonError::into_inner);
        *self.terms.write().unwrap_or_else(PoisonError::into_inner) = terms;
        *self.access.write().unwrap_or_else(PoisonError::into_inner) = access;
    }

    /// Reads certificates and users anew where they have changed.
    fn look(&self) {
        let mut kept = self.access.write().unwrap_or_else(PoisonError::into_inner);
        let Some(access) = kept.as_mut().filter(|access| access.has_changed()) else { return };
        let before = access.clone();
        if let Err(problems) = access.read_anew() {
            told(&problems);
            return;
        }
        if is_beyond_loopback(self.listen) && !access.is_closed() {
            error!(
                "{}: TLS and users are not given up while camwatch can be reached from outside: the old ones stay",
                access.path.display()
            );
            access.keep(before);
            return;
        }
        let mut terms = self.terms.write().unwrap_or_else(PoisonError::into_inner);
        (terms.logins, terms.tls) = (access.logins(), access.tls.clone());
        info!("{}: certificates and users were read anew", access.path.display());
    }

    /// Looks for changes until `stop` becomes true.
    pub(super) async fn watch(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                () = stopped(&mut stop) => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let gate = self.clone();
            if let Err(error) = tokio::task::spawn_blocking(move || gate.look()).await {
                error!(%error, "certificates and users are not looked at");
            }
        }
    }
}

fn is_beyond_loopback(listen: Option<SocketAddr>) -> bool {
    listen.is_some_and(|listen| !listen.ip().is_loopback())
}

fn told(problems: &[Problem]) {
    // One line each, and each once.
    let problems: BTreeSet<String> = problems.iter().map(ToString::to_string).collect();
    for problem in &problems {
        error!("the old certificates and users stay in force: {problem}");
    }
}

/// Lets a request through, or says why not.
pub(super) async fn pass(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().copied();
    let mut response = match peer {
        Some(peer) => gated(&gate.terms(), peer, request, next).await,
        None => refusal(StatusCode::INTERNAL_SERVER_ERROR, "this is a fault of camwatch: please report it"),
    };
    harden(&mut response);
    response
}

async fn gated(terms: &Terms, peer: Peer, mut request: Request, next: Next) -> Response {
    if let Err(wait) = terms.limits.request(peer.address) {
        return later(wait, "too many requests of one address: ask less often");
    }
    if let Some(refused) = guard::not_for_us(&request, &terms.hosts) {
        return refused;
    }
    let changing = changes(request.method());
    if !OPEN.contains(&request.uri().path()) {
        let header = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let login = header.and_then(Login::of_header);
        let caller = match caller(terms, peer, login).await {
            Ok(caller) => caller,
            Err(refused) => return *refused,
        };
        if changing {
            if let Some(refused) = guard::foreign(request.headers()) {
                return refused;
            }
            if caller == Caller::Reader {
                let error = "this was read from files, and nothing of it can be changed: `camwatch run` takes changes";
                return refusal(StatusCode::FORBIDDEN, error);
            }
            if caller.role() < Role::Operator {
                return refusal(
                    StatusCode::FORBIDDEN,
                    "this needs an operator: see `operators` of the web configuration",
                );
            }
        }
        request.extensions_mut().insert(caller);
    }
    if changing {
        // Who hangs up half way leaves no change that was not written down.
        let work = tokio::spawn(next.run(request));
        return match tokio::time::timeout(PATIENCE, work).await {
            Ok(Ok(response)) => response,
            Ok(Err(_)) => refusal(StatusCode::INTERNAL_SERVER_ERROR, "this is a fault of camwatch: please report it"),
            Err(_) => refusal(
                StatusCode::REQUEST_TIMEOUT,
                "the request takes longer than half a minute: look later whether it was done",
            ),
        };
    }
    tokio::time::timeout(PATIENCE, next.run(request)).await.unwrap_or_else(|_| {
        refusal(StatusCode::REQUEST_TIMEOUT, "the request took longer than half a minute, and was given up")
    })
}

async fn caller(terms: &Terms, peer: Peer, login: Option<Login>) -> Result<Caller, Box<Response>> {
    let Some(logins) = &terms.logins else { return Ok(terms.anybody.clone()) };
    let login = login.ok_or_else(|| Box::new(unknown("log in with a name and a password")))?;
    if let Some((name, role)) = logins.remembered(&login) {
        return Ok(Caller::User { name, role });
    }
    if let Err(wait) = terms.limits.login(peer.address) {
        return Err(Box::new(later(wait, "too many logins of one address: wait, then try again")));
    }
    match logins.check(login).await {
        Checked::Known(name, role) => Ok(Caller::User { name, role }),
        Checked::Wrong => {
            // The name may be a password that stands in the wrong place.
            warn!(client = %peer.address, "a login failed");
            Err(Box::new(unknown("name or password is wrong")))
        }
        Checked::Busy => Err(Box::new(later(Wait(Duration::from_secs(5)), "too many logins at once: try again"))),
    }
}

fn unknown(error: &str) -> Response {
    let mut response = refusal(StatusCode::UNAUTHORIZED, error);
    let challenge = HeaderValue::from_static("Basic realm=\"camwatch\", charset=\"UTF-8\"");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    response
}

fn later(wait: Wait, error: &str) -> Response {
    let mut response = refusal(StatusCode::TOO_MANY_REQUESTS, error);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait.seconds()));
    response
}
