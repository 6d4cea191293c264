//! Who inside sends at all: for coverage, told about once a minute of each sender.
//!
//! On the capture thread, for every packet, internal video too: most end at one comparison in a direct-mapped cache.

use std::net::IpAddr;
use std::time::Duration;

use ahash::AHashMap;

use crate::net::{Mac, Segment};
use crate::time::Timestamp;

/// A sender is told again after this long, a minute.
const AGAIN_NANOS: u64 = 60_000_000_000;
/// A sender that was silent for this long makes room.
const FORGOTTEN: Duration = Duration::from_secs(600);
/// Senders that are kept; when nobody makes room, more are counted and left out.
const MAX_SENDERS: usize = 65_536;
const CACHE: usize = 4096;

/// By whom a frame was sent, in words that compare fast: segment and MAC address on the link, address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Sender {
    link: u64,
    address: u128,
}

impl Sender {
    #[inline]
    fn new(segment: Segment, address: IpAddr, link: Option<Mac>) -> Self {
        // No device sends from the broadcast address.
        let link = link.map_or(0xffff_ffff_ffff, Mac::bits);
        let address = match address {
            IpAddr::V4(v4) => 0xffff_0000_0000 | u128::from(v4.to_bits()),
            IpAddr::V6(v6) => v6.to_bits(),
        };
        // The topmost of the segment's 17 bits says which kind it is, and all in use at a time are of one kind.
        Self { link: segment.bits().rotate_left(48) ^ link, address }
    }

    /// Its place in the cache: the last octets differ most; the others are folded in.
    #[inline]
    fn place(&self) -> usize {
        let low = self.address as u32;
        (low ^ low >> 13 ^ (self.link as u32).wrapping_mul(0x9e5)) as usize % CACHE
    }
}

/// Tells which senders are due to be told of.
#[derive(Debug)]
pub struct Presence {
    /// The sender last met at each place, and when it was told of.
    cache: Box<[(Sender, Timestamp)]>,
    told: AHashMap<Sender, Timestamp>,
    cleared: Timestamp,
    left_out: u64,
}

impl Default for Presence {
    fn default() -> Self {
        Self {
            cache: vec![(Sender { link: u64::MAX, address: 0 }, Timestamp::MIN); CACHE].into_boxed_slice(),
            told: AHashMap::new(),
            cleared: Timestamp::MIN,
            left_out: 0,
        }
    }
}

impl Presence {
    /// Whether a sender was told of lately and remembered: most packets need not be looked at further.
    #[inline]
    pub fn is_told(&self, segment: Segment, address: IpAddr, link: Option<Mac>, time: Timestamp) -> bool {
        let sender = Sender::new(segment, address, link);
        let (known, told) = self.cache[sender.place()];
        known == sender && is_fresh(told, time)
    }

    /// Whether a sender is due to be told of at `time`.
    #[inline]
    pub fn is_due(&mut self, segment: Segment, address: IpAddr, link: Option<Mac>, time: Timestamp) -> bool {
        let sender = Sender::new(segment, address, link);
        let at = sender.place();
        let (known, told) = self.cache[at];
        !(known == sender && is_fresh(told, time)) && self.is_due_by_table(sender, at, time)
    }

    #[cold]
    #[inline(never)]
    fn is_due_by_table(&mut self, sender: Sender, at: usize, time: Timestamp) -> bool {
        if let Some(told) = self.told.get(&sender).copied().filter(|told| is_fresh(*told, time)) {
            self.cache[at] = (sender, told);
            return false;
        }
        if self.told.len() >= MAX_SENDERS && !self.told.contains_key(&sender) {
            if is_fresh(self.cleared, time) {
                self.left_out += 1;
                return false;
            }
            self.cleared = time;
            self.told.retain(|_, told| time.since(*told) < FORGOTTEN);
            if self.told.len() >= MAX_SENDERS {
                self.left_out += 1;
                return false;
            }
        }
        self.told.insert(sender, time);
        self.cache[at] = (sender, time);
        true
    }

    /// Packets of senders for whom there was no room.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }
}

/// Told within the last minute. A step back in time makes everything due.
#[inline]
fn is_fresh(told: Timestamp, time: Timestamp) -> bool {
    time.as_nanos().saturating_sub(told.as_nanos()).unsigned_abs() < AGAIN_NANOS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_parts(1000 + second, 0)
    }

    #[test]
    fn a_sender_is_due_once_a_minute() {
        let mut presence = Presence::default();
        let mut due =
            |last: u8, second| presence.is_due(Segment::Whole, IpAddr::from([10, 0, 0, last]), None, at(second));
        assert!(due(1, 0));
        assert!(!due(1, 0) && !due(1, 59));
        assert!(due(2, 5) && due(1, 60) && !due(1, 61));
    }

    #[test]
    fn senders_that_share_a_place_do_not_make_one_another_due() {
        let mut presence = Presence::default();
        let all: Vec<IpAddr> = (0..20_000_u32).map(|n| IpAddr::from((0x0a00_0000 + n).to_be_bytes())).collect();
        let mut told = 0;
        for second in 0..3 {
            for address in &all {
                told += usize::from(presence.is_due(Segment::Whole, *address, None, at(second)));
            }
        }
        assert_eq!(told, all.len());
    }

    #[test]
    fn a_flood_is_counted_and_costs_no_memory() {
        let mut presence = Presence::default();
        for n in 0..100_000_u32 {
            presence.is_due(Segment::Whole, IpAddr::from((0x0a00_0000 + n).to_be_bytes()), None, at(0));
        }
        assert_eq!(presence.told.len(), MAX_SENDERS);
        assert!(presence.left_out() >= 100_000 - MAX_SENDERS as u64);
        assert!(presence.is_due(Segment::Whole, IpAddr::from([10, 9, 9, 9]), None, at(1000)), "room again");
    }
}
