//! Packets that a mirror port shows twice: both directions of two ports, both sides of a router or of a tunnel.

use super::{Packet, Transport};
use std::hash::{BuildHasher, Hasher};
use std::net::IpAddr;

const PLACES: usize = 8192;
/// Copies come within this time; no stack sends the same packet again so soon.
const WINDOW_MS: u32 = 50;

/// Tells a packet that was seen a moment ago.
///
/// A fixed table of fingerprints: innermost addresses, protocol, ports, sequence number, length, IP identification and
/// checksum; not TTL, tags or MACs, which differ between two sides of a router.
pub struct Duplicates {
    /// The rest of the fingerprint, and the millisecond, cut to 32 bits: small enough to stay in the cache.
    places: Vec<(u32, u32)>,
    hasher: ahash::RandomState,
    seen: u64,
}

impl Default for Duplicates {
    fn default() -> Self {
        // Fixed keys, so that two reads of one file agree even where two fingerprints meet.
        Self { places: vec![(0, 0); PLACES], hasher: ahash::RandomState::with_seeds(5, 6, 7, 8), seen: 0 }
    }
}

impl Duplicates {
    /// Whether the packet was seen a moment ago.
    pub fn is_one(&mut self, packet: &Packet<'_>) -> bool {
        let detail = match &packet.payload {
            Transport::Tcp(tcp) => {
                let flags =
                    u64::from(tcp.syn) | u64::from(tcp.ack) << 1 | u64::from(tcp.fin) << 2 | u64::from(tcp.rst) << 3;
                let ports = u64::from(tcp.source_port) << 16 | u64::from(tcp.destination_port);
                (u64::from(tcp.sequence) << 32 | ports, flags)
            }
            Transport::Udp(udp) => (u64::from(udp.source_port) << 16 | u64::from(udp.destination_port), 17),
            // The checksum covers kind and sequence number of an ICMP message.
            Transport::Echo(echo) => (u64::from(echo.id) | u64::from(echo.request) << 16, 1),
            _ => return false,
        };
        // Without an identification and a checksum nothing tells a copy from a packet like it.
        if packet.mark == 0 || packet.reassembled {
            return false;
        }
        let print = self.print(packet, detail);
        let (rest, now) = ((print >> 32) as u32, packet.time.as_millis() as u32);
        let place = &mut self.places[print as usize % PLACES];
        let (before, at) = std::mem::replace(place, (rest, now));
        // Packets of two ports may come a little out of order.
        let apart = now.wrapping_sub(at) as i32;
        let copy = before == rest && apart.unsigned_abs() < WINDOW_MS;
        self.seen += u64::from(copy);
        copy
    }

    fn print(&self, packet: &Packet<'_>, detail: (u64, u64)) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        match (packet.source, packet.destination) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                hasher.write_u64(u64::from(u32::from(from)) << 32 | u64::from(u32::from(to)));
            }
            (from, to) => {
                for address in [from, to] {
                    match address {
                        IpAddr::V4(v4) => hasher.write_u32(v4.into()),
                        IpAddr::V6(v6) => hasher.write_u128(v6.into()),
                    }
                }
            }
        }
        // A length takes 24 bits at the most; flags or the protocol take the rest.
        let length = u64::from(packet.length & 0xff_ffff);
        hasher.write_u64(u64::from(packet.mark) << 32 | length << 8 | detail.1);
        hasher.write_u64(detail.0);
        hasher.finish()
    }

    /// How many copies were seen.
    pub fn seen(&self) -> u64 {
        self.seen
    }
}
