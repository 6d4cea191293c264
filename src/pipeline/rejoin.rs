//! Tells when a record of Zeek's goes on with a connection that an earlier record began.
//!
//! Zeek ends a UDP connection after a minute without a datagram, and a TCP connection that nobody answers after 5 s; what
//! follows on the same ports is a new record. To camwatch a UDP 5-tuple opens anew after 120 s of silence, and a repeated
//! SYN is a retry.

use std::net::IpAddr;
use std::time::Duration;

use ahash::AHashMap;

use crate::source::zeek::{Conn, Fate, Transport};
use crate::time::Timestamp;
use crate::track::DATAGRAM_SILENCE;

/// Between two SYNs of an attempt lies about as much as between the first and the former, or twice that (Linux waits 1, 2,
/// 4, 8, … s, others 3, 6, 12 s: RFC 6298, section 5.5, doubles), and this much for the clock.
const SLACK: Duration = Duration::from_secs(1);
/// Zeek takes SYNs that come sooner after the first into its record (`tcp_attempt_delay` of 5 s): what is a record of its
/// own before that is an attempt of its own.
const ATTEMPT_DELAY: Duration = Duration::from_millis(4500);
/// The longest wait for another SYN: Linux' last.
const LONGEST_WAIT: Duration = Duration::from_secs(70);

type Key = (IpAddr, IpAddr, u16, u16, Transport);

/// The 5-tuples of which more may come. Bounded: when it is full, those that have waited longest leave.
pub(super) struct Rejoin {
    limit: usize,
    seen: AHashMap<Key, Seen>,
    /// At this size what is over is cleared out.
    clear_at: usize,
    evicted: u64,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    began: Timestamp,
    end: Timestamp,
    /// A record that begins before goes on with it.
    until: Timestamp,
    /// A SYN came too soon for one that backs off: this end knocks from one port all the time.
    knocks: bool,
}

const FIRST_CLEARING: usize = 4096;

impl Rejoin {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit: limit.max(2), seen: AHashMap::new(), clear_at: FIRST_CLEARING.min(limit.max(2)), evicted: 0 }
    }

    /// Takes a record. If it goes on with an earlier one: for how long there was silence between them.
    pub(super) fn goes_on(&mut self, conn: &Conn) -> Option<Duration> {
        let udp = conn.transport == Transport::Udp;
        let unanswered_tcp = conn.transport == Transport::Tcp && conn.fate == Fate::Unanswered;
        if !udp && !unanswered_tcp {
            return None;
        }
        let key = (conn.origin, conn.responder, conn.origin_port, conn.responder_port, conn.transport);
        let end = conn.time + conn.duration;
        let mut knocks = false;
        if let Some(seen) = self.seen.get_mut(&key) {
            if conn.time < seen.began {
                // Late: it changes nothing for what follows.
                return (udp && seen.began.since(end) < DATAGRAM_SILENCE).then_some(Duration::ZERO);
            }
            let silence = conn.time.since(seen.end);
            if conn.time < seen.until && (udp || backs_off(seen, conn.time, silence)) {
                seen.end = seen.end.max(end);
                seen.until = until(udp, seen.began, seen.end);
                return Some(silence);
            }
            knocks = seen.knocks || conn.time < seen.until;
        } else if self.seen.len() >= self.clear_at {
            self.clear(conn.time);
        }
        self.seen.insert(key, Seen { began: conn.time, end, until: until(udp, conn.time, end), knocks });
        None
    }

    /// 5-tuples that left early because there was no room.
    pub(super) fn evicted(&self) -> u64 {
        self.evicted
    }

    fn clear(&mut self, now: Timestamp) {
        self.seen.retain(|_, seen| seen.until >= now);
        if self.seen.len() > self.limit / 2 {
            let mut untils: Vec<Timestamp> = self.seen.values().map(|seen| seen.until).collect();
            let middle = untils.len() / 2;
            let (_, &mut middle, _) = untils.select_nth_unstable(middle);
            let before = self.seen.len();
            self.seen.retain(|_, seen| seen.until > middle);
            self.evicted += (before - self.seen.len()) as u64;
        }
        self.clear_at = (self.seen.len() * 2).clamp(FIRST_CLEARING.min(self.limit), self.limit);
    }
}

/// Whether a SYN after `silence` may be a retry: tries back off, knocks in a rhythm don't.
fn backs_off(seen: &Seen, now: Timestamp, silence: Duration) -> bool {
    let tried_for = seen.end.since(seen.began);
    !seen.knocks && now.since(seen.began) >= ATTEMPT_DELAY && silence >= tried_for * 3 / 4
}

fn until(udp: bool, began: Timestamp, end: Timestamp) -> Timestamp {
    if udp {
        return end + DATAGRAM_SILENCE;
    }
    let tried_for = end.since(began);
    end + (tried_for * 2 + SLACK).min(LONGEST_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conn(transport: Transport, port: u16, start_s: u32, length_s: u32) -> Conn {
        Conn {
            time: Timestamp::from_parts(i64::from(start_s), 0),
            duration: Duration::from_secs(u64::from(length_s)),
            origin: IpAddr::from([10, 0, 0, 1]),
            origin_port: port,
            responder: IpAddr::from([8, 8, 8, 8]),
            responder_port: 443,
            transport,
            fate: Fate::Unanswered,
            one_sided: false,
            only_syns: true,
            bytes_out: 0,
            bytes_in: 0,
            packets_out: 1,
            packets_in: 0,
            mac: None,
        }
    }

    #[test]
    fn a_datagram_within_two_minutes_goes_on() {
        let mut rejoin = Rejoin::new(100);
        let udp = |start, length| conn(Transport::Udp, 1, start, length);
        assert_eq!(rejoin.goes_on(&udp(0, 30)), None);
        assert_eq!(rejoin.goes_on(&udp(95, 1)), Some(Duration::from_secs(65)));
        assert_eq!(rejoin.goes_on(&udp(216, 1)), None, "120 s of silence");
        assert_eq!(rejoin.goes_on(&udp(90, 1)), None, "late, and long before");
        assert_eq!(rejoin.goes_on(&udp(300, 1)), Some(Duration::from_secs(83)));
    }

    #[test]
    fn syns_that_back_off_are_retries_and_knocks_from_one_port_are_not() {
        let mut rejoin = Rejoin::new(100);
        // As Zeek cuts Linux' tries at 0, 1, 3, 7, 15, 31 and 63 s.
        let cut = [(0, 3), (7, 0), (15, 0), (31, 0), (63, 0)];
        let retries = cut.map(|(start, length)| rejoin.goes_on(&conn(Transport::Tcp, 1, start, length)).is_some());
        assert_eq!(retries, [false, true, true, true, true]);
        let knocks = [0, 60, 120].map(|start| rejoin.goes_on(&conn(Transport::Tcp, 2, start, 3)).is_some());
        assert_eq!(knocks, [false; 3]);
        // From one port all the time, whatever the rate.
        for (period, length) in [(1, 0), (3, 0), (8, 3), (20, 6)] {
            let merged =
                (0..50).filter(|n| rejoin.goes_on(&conn(Transport::Tcp, 3, 1000 + n * period, length)).is_some());
            assert!(merged.count() <= 2, "every {period} s");
        }
    }

    #[test]
    fn is_bounded() {
        let mut rejoin = Rejoin::new(8192);
        for port in 0..60_000 {
            rejoin.goes_on(&conn(Transport::Udp, port, u32::from(port) / 10_000, 0));
        }
        assert!(rejoin.seen.len() <= 8192, "{}", rejoin.seen.len());
        assert!(rejoin.evicted() > 0);
        for port in 0..60_000 {
            rejoin.goes_on(&conn(Transport::Udp, port, 1000 + u32::from(port) * 200, 0));
        }
        assert!(rejoin.seen.len() <= 8192 && rejoin.evicted() < 60_000);
    }
}
