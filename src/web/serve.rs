//! Connections: taken in bounds, encrypted, and ended when camwatch is.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ahash::AHashMap;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;
use tracing::{debug, warn};

use super::gate::{Gate, Peer};

/// Connections at the same time.
pub(super) const MAX_CONNECTIONS: usize = 512;
/// And of one address beyond loopback, where a proxy may stand for many.
const MAX_OF_ONE: u32 = 64;
/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long the head of a request may take, and a connection may rest between two.
pub(super) const HEAD: Duration = Duration::from_secs(15);
/// Bytes that are read ahead of one connection.
const BUFFER: usize = 64 << 10;
/// Headers of one request.
const MAX_HEADERS: usize = 64;
/// What is under way at the end may take so long.
const LAST: Duration = Duration::from_secs(5);
/// When no connection can be accepted, as when files are used up, it is tried again after this long.
pub(super) const ACCEPT_AGAIN: Duration = Duration::from_millis(200);

/// How many connections each address has.
#[derive(Default)]
struct Counts(Mutex<AHashMap<IpAddr, u32>>);

/// One connection of an address.
struct Counted(Arc<Counts>, IpAddr);

impl Counts {
    /// One more; none if it has as many as it may.
    fn one_more(self: &Arc<Self>, address: IpAddr) -> Option<Counted> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_insert(0);
        if *count >= MAX_OF_ONE && !address.is_loopback() {
            return None;
        }
        *count += 1;
        Some(Counted(self.clone(), address))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut counts = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.1);
            }
        }
    }
}

/// Serves until `stop` becomes true; then what is under way is finished, and its connections are closed.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    gate: Arc<Gate>,
    mut stop: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let (places, counts) = (Arc::new(Semaphore::new(MAX_CONNECTIONS)), Arc::new(Counts::default()));
    loop {
        let accepted = tokio::select! {
            () = stopped(&mut stop) => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, address) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                debug!(%error, "no connection is accepted");
                tokio::time::sleep(ACCEPT_AGAIN).await;
                continue;
            }
        };
        let client = address.ip().to_canonical();
        // Closed at once: whoever is left waiting holds a place all the same.
        let Ok(place) = places.clone().try_acquire_owned() else {
            debug!(%client, "too many connections");
            continue;
        };
        let Some(counted) = counts.one_more(client) else {
            debug!(%client, "too many connections of one address");
            continue;
        };
        let (router, tls, stop) = (router.clone(), gate.tls(), stop.clone());
        tokio::spawn(async move {
            let peer = Some(Peer { address: client });
            match tls {
                Some(tls) => encrypted(stream, TlsAcceptor::from(tls), address, router, peer, stop).await,
                None => connection(stream, router, peer, HEAD, stop).await,
            }
            drop((place, counted));
        });
    }
    drop(listener);
    end(&places).await;
    Ok(())
}

/// Waits for those who are under way, each of whom has a place; not for long.
pub(super) async fn end(places: &Semaphore) {
    let all = places.acquire_many(MAX_CONNECTIONS as u32);
    if tokio::time::timeout(LAST, all).await.is_err() {
        warn!("some connections were cut off at the end");
    }
}

/// Done when camwatch stops.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // Without a sender left, the daemon has stopped too.
    drop(stop.wait_for(|stop| *stop).await);
}

async fn encrypted(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    address: SocketAddr,
    router: Router,
    peer: Option<Peer>,
    stop: watch::Receiver<bool>,
) {
    match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => connection(stream, router, peer, HEAD, stop).await,
        Ok(Err(error)) => debug!(%address, %error, "no TLS connection"),
        Err(_) => debug!(%address, "the handshake took too long"),
    }
}

/// Serves one connection; `peer` is who is at its other end, where that is an address. The head of a request may take as long as
/// `head`.
pub(super) async fn connection<S>(
    stream: S,
    router: Router,
    peer: Option<Peer>,
    head: Duration,
    mut stop: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = router.map_request(move |request: axum::http::Request<hyper::body::Incoming>| {
        let mut request: Request = request.map(Body::new);
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        request
    });
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    let mut http1 = builder.http1();
    http1.timer(TokioTimer::new()).header_read_timeout(head).max_buf_size(BUFFER).max_headers(MAX_HEADERS);
    let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    let mut connection = std::pin::pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        debug!(%error, "a connection ended early");
    }
}
