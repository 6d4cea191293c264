//! Whether every thread still goes round.

use std::sync::atomic::{AtomicU64, Ordering};

/// A counter that grows while all threads go round, and stands still when one of them is stuck.
///
/// Each thread notes the turn that it has seen; who looks begins the next one once all have. So a thread that has gone
/// round often before it got stuck holds the counter up as soon as any other.
#[derive(Debug)]
pub(super) struct Turns {
    turn: AtomicU64,
    seen: Box<[AtomicU64]>,
}

impl Turns {
    /// For this many threads.
    pub(super) fn of(threads: usize) -> Self {
        Self { turn: AtomicU64::new(1), seen: (0..threads).map(|_| AtomicU64::new(0)).collect() }
    }

    /// Notes that a thread went round.
    pub(super) fn mark(&self, thread: usize) {
        if let Some(seen) = self.seen.get(thread) {
            seen.store(self.turn.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }

    /// The turn, which is a new one if every thread has gone round since the last look.
    pub(super) fn look(&self) -> u64 {
        let turn = self.turn.load(Ordering::Relaxed);
        if self.seen.iter().all(|seen| seen.load(Ordering::Relaxed) == turn) {
            // Two who look at once begin one turn.
            let _: Result<_, _> = self.turn.compare_exchange(turn, turn + 1, Ordering::Relaxed, Ordering::Relaxed);
        }
        self.turn.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thread_that_is_stuck_holds_it_up() {
        let turns = Turns::of(2);
        assert_eq!(turns.look(), 1, "nobody went round yet");
        for _ in 0..5 {
            turns.mark(0);
        }
        assert_eq!(turns.look(), 1, "the second has not");
        turns.mark(1);
        assert_eq!(turns.look(), 2);
        assert_eq!(turns.look(), 2, "not since");
        turns.mark(1);
        turns.mark(0);
        assert_eq!(turns.look(), 3);
    }
}
