//! Losses, told once when they begin and once when they are over, apart by cause.

use std::time::{Duration, Instant};

use tracing::{info, warn};

/// Losses that pause for no longer than this are one.
const OVER_AFTER: Duration = Duration::from_secs(30);

/// Where something was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// The kernel's ring was full: this thread could not keep up.
    Ring,
    /// The interface or its driver lost them before the kernel saw them.
    Interface,
    /// The analyser could not keep up.
    Queue,
}

impl Cause {
    fn what(self) -> &'static str {
        match self {
            Self::Ring => {
                "packets, since the kernel's ring was full (a larger `[capture] ring`, or more workers, help)"
            }
            Self::Interface => "packets, in the interface or its driver",
            Self::Queue => "events, since the analyser could not keep up",
        }
    }
}

/// What is to be told.
#[derive(Debug, PartialEq, Eq)]
enum News {
    Began,
    /// With how many were lost.
    Over(u64),
}

/// The losses of one cause on one capture thread.
#[derive(Debug)]
pub(super) struct Losses {
    cause: Cause,
    total: u64,
    /// When the last was seen, and what the total was before the first.
    going_on: Option<(Instant, u64)>,
}

impl Losses {
    pub(super) fn by(cause: Cause) -> Self {
        Self { cause, total: 0, going_on: None }
    }

    /// Takes how many were lost so far; gives how many of them are new.
    pub(super) fn note(&mut self, total: u64, now: Instant, interface: &str) -> u64 {
        let before = self.total;
        match self.news(total, now) {
            Some(News::Began) => warn!(
                interface,
                "camwatch loses {}: the metrics count them, and hours with too many are shown as not observable",
                self.cause.what()
            ),
            Some(News::Over(lost)) => info!(interface, lost, "no longer lost: {}", self.cause.what()),
            None => {}
        }
        self.total.saturating_sub(before)
    }

    fn news(&mut self, total: u64, now: Instant) -> Option<News> {
        let before = std::mem::replace(&mut self.total, total);
        match self.going_on {
            None if total > before => {
                self.going_on = Some((now, before));
                Some(News::Began)
            }
            Some((_, first)) if total > before => {
                self.going_on = Some((now, first));
                None
            }
            Some((last, first)) if now.saturating_duration_since(last) >= OVER_AFTER => {
                self.going_on = None;
                Some(News::Over(total.saturating_sub(first)))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_is_told_when_it_begins_and_when_it_is_over() {
        let began = Instant::now();
        let at = |second| began + Duration::from_secs(second);
        let mut losses = Losses::by(Cause::Ring);
        assert_eq!(losses.news(0, at(0)), None);
        assert_eq!(losses.news(7, at(1)), Some(News::Began));
        assert_eq!(losses.news(7, at(2)), None);
        assert_eq!(losses.news(9, at(20)), None, "the same loss goes on");
        assert_eq!(losses.news(9, at(49)), None);
        assert_eq!(losses.news(9, at(50)), Some(News::Over(9)));
        assert_eq!(losses.news(9, at(500)), None);
        assert_eq!(losses.news(10, at(501)), Some(News::Began), "the next one");
    }
}
