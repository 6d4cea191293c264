//! Packets that a mirror port shows twice: both directions of two ports, both sides of a router or of a tunnel.

use std::hash::{BuildHasher, Hasher};
use std::net::IpAddr;
use std::time::Duration;

use super::{Packet, Transport};
use crate::time::Timestamp;

const PLACES: usize = 8192;
/// Copies come within this time; no stack sends the same packet again so soon.
const WINDOW: Duration = Duration::from_millis(50);

/// Tells a packet that was seen a moment ago.
///
/// A fixed table of fingerprints: innermost addresses, protocol, ports, sequence number, length, IP identification and
/// checksum; not TTL, tags or MACs, which differ between two sides of a router.
pub struct Duplicates {
    places: Vec<(u64, Timestamp)>,
    hasher: ahash::RandomState,
    seen: u64,
}

impl Default for Duplicates {
    fn default() -> Self {
        // Fixed keys, so that two reads of one file agree even where two fingerprints meet.
        Self { places: vec![(0, Timestamp::MIN); PLACES], hasher: ahash::RandomState::with_seeds(5, 6, 7, 8), seen: 0 }
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
        let place = &mut self.places[print as usize % PLACES];
        let (before, at) = std::mem::replace(place, (print, packet.time));
        let copy = before == print && packet.time.since(at) < WINDOW && at.since(packet.time) < WINDOW;
        self.seen += u64::from(copy);
        copy
    }

    fn print(&self, packet: &Packet<'_>, detail: (u64, u64)) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        for address in [packet.source, packet.destination] {
            match address {
                IpAddr::V4(v4) => hasher.write_u32(v4.into()),
                IpAddr::V6(v6) => hasher.write_u128(v6.into()),
            }
        }
        hasher.write_u64(u64::from(packet.mark) << 32 | u64::from(packet.length));
        hasher.write_u64(detail.0);
        hasher.write_u64(detail.1);
        hasher.finish()
    }

    /// How many copies were seen.
    pub fn seen(&self) -> u64 {
        self.seen
    }
}
