//! What systemd is told of the daemon (`sd_notify(3)`); nothing where nobody supervises it.

use std::time::Duration;

use sd_notify::NotifyState;
use tracing::{debug, warn};

/// Who started the daemon, and starts it again.
pub(super) struct Supervisor {
    watched: bool,
    turns: u64,
}

impl Supervisor {
    /// As the environment tells.
    pub(super) fn of_environment() -> Self {
        let patience: Option<Duration> = sd_notify::watchdog_enabled();
        if let Some(patience) = patience {
            debug!(patience_s = patience.as_secs_f64(), "the watchdog is fed as long as every thread goes round");
        }
        Self { watched: patience.is_some(), turns: 0 }
    }

    /// Whether somebody starts the daemon again when it ends.
    pub(super) fn is_there() -> bool {
        std::env::var_os("NOTIFY_SOCKET").is_some()
    }

    /// It captures.
    pub(super) fn ready() {
        tell(&[NotifyState::Ready]);
    }

    /// It reads its configuration anew; [`ready`](Self::ready) is told after that.
    pub(super) fn reloading() {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => tell(&[NotifyState::Reloading, now]),
            Err(_) => tell(&[NotifyState::Reloading]),
        }
    }

    /// It ends.
    pub(super) fn stopping() {
        tell(&[NotifyState::Stopping]);
    }

    /// All is well, if `turns`, which counts the rounds of all threads, has grown since the last time.
    pub(super) fn feed(&mut self, turns: u64) {
        if self.watched && turns > self.turns {
            tell(&[NotifyState::Watchdog]);
        }
        self.turns = turns;
    }
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        warn!(%error, "systemd is not told how camwatch is");
    }
}
