//! Server-sent events: pages learn that something has changed, and fetch what they show.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State as Shared;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{Stream, unfold};
use tokio::sync::OwnedSemaphorePermit;

use super::{Api, Failure, Refusal};

/// How often it is looked for something new.
const EVERY: Duration = Duration::from_secs(2);

/// One who listens.
struct Listener {
    api: Api,
    told: Option<u64>,
    _place: OwnedSemaphorePermit,
}

impl Listener {
    /// Waits until there is something new; none: camwatch stops.
    async fn next(&mut self) -> Option<u64> {
        let mut stop = self.api.stop.clone();
        loop {
            if self.told.is_some() {
                tokio::select! {
                    _ = stop.wait_for(|stop| *stop) => return None,
                    () = tokio::time::sleep(EVERY) => {}
                }
            }
            // An analyser that is busy answers later.
            if let Ok(board) = self.api.boards.get().await
                && self.told != Some(board.generation)
            {
                self.told = Some(board.generation);
                return self.told;
            }
            if *stop.borrow() {
                return None;
            }
            self.told.get_or_insert(0);
        }
    }
}

/// `event: changed` with `{"generation": n}` whenever something has changed, and once at the beginning.
#[utoipa::path(get, path = "/api/v1/events", tag = "camwatch",
    responses((status = 200, content_type = "text/event-stream", body = String), (status = 503, body = Refusal)))]
pub(super) async fn events(
    Shared(api): Shared<Api>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Failure> {
    let place = api.listeners.clone().try_acquire_owned().map_err(|_| Failure::Crowded)?;
    let stream = unfold(Listener { api, told: None, _place: place }, |mut listener| async move {
        let generation = listener.next().await?;
        let event = Event::default().event("changed").data(format!("{{\"generation\":{generation}}}"));
        Some((Ok(event), listener))
    });
    Ok(Sse::new(stream).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}
