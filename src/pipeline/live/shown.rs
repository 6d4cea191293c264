//! What one capture thread saw that others need to know, such as that a device is a camera.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use ahash::AHashSet;

use crate::pipeline::front::Shown;

/// What is kept at most; each thread keeps as many devices itself.
const MAX_SHOWN: usize = 65_536;

/// A list that only grows, of which each thread has read so much.
#[derive(Default)]
pub(super) struct Book {
    known: Mutex<(AHashSet<Shown>, Vec<Shown>)>,
    length: AtomicUsize,
    left_out: AtomicU64,
}

impl Book {
    /// Tells the others. Rare: a device says seldom who it is, and what was told before is not told again.
    pub(super) fn tell(&self, shown: impl Iterator<Item = Shown>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (set, list) = &mut *known;
        for shown in shown {
            if list.len() < MAX_SHOWN {
                if set.insert(shown) {
                    list.push(shown);
                }
            } else if !set.contains(&shown) {
                self.left_out.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.length.store(list.len(), Ordering::Release);
    }

    /// What was told since a thread read up to `read`.
    pub(super) fn since(&self, read: &mut usize) -> Vec<Shown> {
        if self.length.load(Ordering::Acquire) == *read {
            return Vec::new();
        }
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let new = known.1.get(*read..).unwrap_or_default().to_vec();
        *read = known.1.len();
        new
    }

    /// How often there was no room for what was told.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Segment;

    fn shown(n: u32) -> Shown {
        Shown::Camera {
            segment: Segment::Whole,
            mac: None,
            address: Some(std::net::IpAddr::from(n.to_be_bytes())),
            link: None,
        }
    }

    #[test]
    fn each_reads_all_once() {
        let book = Book::default();
        let (mut one, mut other) = (0, 0);
        book.tell([shown(1), shown(2)].into_iter());
        assert_eq!(book.since(&mut one), [shown(1), shown(2)]);
        book.tell([shown(2), shown(3)].into_iter());
        assert_eq!(book.since(&mut one), [shown(3)], "what is said again is no news");
        assert_eq!(book.since(&mut other).len(), 3);
        assert!(book.since(&mut one).is_empty());
        book.tell((0..100_000).map(shown));
        assert!(book.since(&mut one).len() < MAX_SHOWN);
        assert_eq!(book.left_out(), 100_000 - MAX_SHOWN as u64);
        book.tell([shown(1)].into_iter());
        assert_eq!(book.left_out(), 100_000 - MAX_SHOWN as u64, "what is there needs no room");
    }
}
