//! Questions to the running analyser, which owns its state.

use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::{Duration, Instant};

use super::shared::Message;
use crate::alert::Transition;
use crate::pipeline::Analysis;

/// Asks the analyser something, or has it change something; what sinks should be told of it comes back.
pub(super) type Question = Box<dyn FnOnce(&mut Analysis) -> Vec<Transition> + Send>;

/// For those who ask the running analyser, which owns its state.
#[derive(Clone)]
pub struct Analyser(pub(super) SyncSender<Message>);

/// The analyser gave no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// It is overloaded.
    #[error("the analyser is too busy to answer: try again")]
    Busy,
    /// It has ended.
    #[error("the analyser has ended: see the log")]
    Ended,
}

impl Analyser {
    /// How long an answer is waited for.
    const PATIENCE: Duration = Duration::from_secs(5);

    /// Runs `question` on the analyser's thread. It waits in line behind batches, and holds up the next ones: keep it short.
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Analysis) -> (T, Vec<Transition>) + Send + 'static,
    ) -> Result<T, AskError> {
        let (answer, answered) = tokio::sync::oneshot::channel();
        let mut message = Message::Ask(Box::new(move |analysis| {
            // Who asked has lost patience, and was told so: nothing is done of which nobody would know.
            if answer.is_closed() {
                return Vec::new();
            }
            let (value, told) = question(analysis);
            drop(answer.send(value));
            told
        }));
        let deadline = Instant::now() + Self::PATIENCE;
        loop {
            message = match self.0.try_send(message) {
                Ok(()) => break,
                Err(TrySendError::Disconnected(_)) => return Err(AskError::Ended),
                Err(TrySendError::Full(_)) if Instant::now() >= deadline => return Err(AskError::Busy),
                Err(TrySendError::Full(message)) => message,
            };
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        match tokio::time::timeout(Self::PATIENCE, answered).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(_)) => Err(AskError::Ended),
            Err(_) => Err(AskError::Busy),
        }
    }
}
