//! Who looks gets a board that is fresh enough, and all who look get the same.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Board, Maker};
use crate::pipeline::live::{Analyser, AskError};

/// A board is not made anew sooner than this.
const EVERY: Duration = Duration::from_secs(2);
/// Nor sooner than this many times what the last one held the analyser up: it has other things to do.
const PAUSE: u32 = 20;
/// One that is this old is not shown any more, while a new one is made.
const STALE: Duration = Duration::from_secs(10);
/// Where nobody has looked for this long, the board's memory is given back.
const FORGOTTEN: Duration = Duration::from_secs(60);

/// Gives boards; cheap to clone.
#[derive(Clone)]
pub struct Boards {
    analyser: Analyser,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    last: Mutex<Option<Shown>>,
    /// Held by the one who makes a board.
    making: tokio::sync::Mutex<()>,
    /// The generation of the last one, which outlives it.
    generation: AtomicU64,
}

#[derive(Clone)]
struct Shown {
    board: Arc<Board>,
    made: Instant,
    asked: Instant,
}

impl Shown {
    fn is_due(&self) -> bool {
        self.made.elapsed() >= EVERY.max(self.board.held_up * PAUSE)
    }

    fn is_stale(&self) -> bool {
        self.made.elapsed() >= STALE.max(self.board.held_up * PAUSE * 2)
    }
}

impl Boards {
    /// Made by asking this analyser.
    pub fn new(analyser: Analyser) -> Self {
        Self { analyser, shared: Arc::default() }
    }

    /// A board that is some seconds old at most; the first after a while has to be made, and is waited for.
    pub async fn get(&self) -> Result<Arc<Board>, AskError> {
        match self.look() {
            Some(shown) if !shown.is_due() => Ok(shown.board),
            Some(shown) if !shown.is_stale() => {
                // Somebody has to make the next one; whoever looks meanwhile is not held up.
                if self.shared.making.try_lock().is_ok() {
                    let boards = self.clone();
                    tokio::spawn(async move {
                        if let Err(error) = boards.make().await {
                            tracing::debug!(%error, "no new board");
                        }
                    });
                }
                Ok(shown.board)
            }
            _ => self.make().await,
        }
    }

    /// The last board, and that somebody looked at it.
    fn look(&self) -> Option<Shown> {
        let mut last = self.shared.last.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = last.as_mut()?;
        shown.asked = Instant::now();
        Some(shown.clone())
    }

    async fn make(&self) -> Result<Arc<Board>, AskError> {
        let making = self.shared.making.lock().await;
        let before = self.look();
        // Somebody else made one while this one waited for its turn.
        if let Some(shown) = before.as_ref().filter(|shown| !shown.is_due()) {
            return Ok(shown.board.clone());
        }
        let mut maker = Maker::default();
        loop {
            let (next, more) = self
                .analyser
                .ask(move |analysis| {
                    let more = maker.step(analysis);
                    ((maker, more), Vec::new())
                })
                .await?;
            maker = next;
            if !more {
                break;
            }
        }
        let generation = self.shared.generation.load(Ordering::Relaxed);
        let finished = tokio::task::spawn_blocking(move || {
            maker.finish(generation, before.as_ref().map(|shown| shown.board.as_ref()))
        });
        let board = Arc::new(finished.await.map_err(|_| AskError::Ended)?);
        self.shared.generation.store(board.generation, Ordering::Relaxed);
        let shown = Shown { board: board.clone(), made: Instant::now(), asked: Instant::now() };
        *self.shared.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(shown);
        drop(making);
        self.forget_later();
        Ok(board)
    }

    /// Gives the memory back once nobody looks any more.
    fn forget_later(&self) {
        let shared = Arc::downgrade(&self.shared);
        tokio::spawn(async move {
            tokio::time::sleep(FORGOTTEN + STALE).await;
            let Some(shared) = shared.upgrade() else { return };
            let mut last = shared.last.lock().unwrap_or_else(PoisonError::into_inner);
            if last.as_ref().is_some_and(|shown| shown.asked.elapsed() >= FORGOTTEN) {
                *last = None;
            }
        });
    }
}
