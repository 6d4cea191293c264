//! What makes two packets part of one connection.

use std::hash::{Hash, Hasher};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::net::{Protocol, Segment};

/// One end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct End {
    pub(super) address: IpAddr,
    pub(super) port: u16,
}

/// A connection's ends, the smaller first, so that both directions have the same key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FlowKey {
    ends: Ends,
    protocol: Protocol,
    segment: Segment,
}

/// Both ends, the low one first. An end of IPv4 is one word, address before port, so that keys of the most frequent kind
/// are ordered and compared by words; an [`End`] takes three steps for each of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    V4(u64, u64),
    V6((Ipv6Addr, u16), (Ipv6Addr, u16)),
}

/// By two words for IPv4, where the derived one would feed a dozen small pieces.
impl Hash for FlowKey {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        let (low, high) = match self.ends {
            Ends::V4(low, high) => {
                state.write_u64(low >> 16 << 32 | high >> 16);
                (low & 0xffff, high & 0xffff)
            }
            Ends::V6((low, low_port), (high, high_port)) => {
                state.write_u128(low.to_bits());
                state.write_u128(high.to_bits());
                (u64::from(low_port), u64::from(high_port))
            }
        };
        state.write_u64(self.segment.bits() << 40 | low << 24 | high << 8 | u64::from(self.protocol as u8));
    }
}

impl FlowKey {
    /// The key, and whether `from` is its low end.
    #[inline]
    pub(super) fn new(segment: Segment, protocol: Protocol, from: End, to: End) -> (Self, bool) {
        let (ends, from_is_low) = match (from.address, to.address) {
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                let (a, b) = (word(a, from.port), word(b, to.port));
                (Ends::V4(a.min(b), a.max(b)), a <= b)
            }
            _ => wide_ends(from, to),
        };
        (Self { ends, protocol, segment }, from_is_low)
    }

    pub(super) fn segment(&self) -> Segment {
        self.segment
    }

    pub(super) fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The ends as (initiator, responder).
    #[inline]
    pub(super) fn ends(&self, initiator_is_low: bool) -> (End, End) {
        match self.ends {
            // Turned round before they are taken apart: words are turned at once.
            Ends::V4(low, high) if initiator_is_low => (end(low), end(high)),
            Ends::V4(low, high) => (end(high), end(low)),
            Ends::V6(low, high) if initiator_is_low => (wide_end(low), wide_end(high)),
            Ends::V6(low, high) => (wide_end(high), wide_end(low)),
        }
    }
}

#[inline]
fn word(address: Ipv4Addr, port: u16) -> u64 {
    u64::from(address.to_bits()) << 16 | u64::from(port)
}

#[inline]
fn end(word: u64) -> End {
    End { address: Ipv4Addr::from_bits((word >> 16) as u32).into(), port: word as u16 }
}

fn wide_end((address, port): (Ipv6Addr, u16)) -> End {
    End { address: address.into(), port }
}

/// As [`FlowKey::new`] has them, kept out of the way of IPv4. No packet has ends of two kinds.
#[inline(never)]
fn wide_ends(from: End, to: End) -> (Ends, bool) {
    let wide = |end: End| match end.address {
        IpAddr::V4(v4) => (v4.to_ipv6_mapped(), end.port),
        IpAddr::V6(v6) => (v6, end.port),
    };
    let (a, b) = (wide(from), wide(to));
    (Ends::V6(a.min(b), a.max(b)), a <= b)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_end(v6: bool) -> impl Strategy<Value = End> {
        (any::<u128>(), any::<u16>()).prop_map(move |(bits, port)| {
            let address = if v6 { IpAddr::from(bits.to_be_bytes()) } else { IpAddr::from((bits as u32).to_be_bytes()) };
            End { address, port }
        })
    }

    proptest! {
        #[test]
        fn both_directions_have_one_key_and_its_ends_are_theirs(
            (from, to) in any::<bool>().prop_flat_map(|v6| (any_end(v6), any_end(v6))),
            vlan in 0_u16..4096,
        ) {
            let (key, from_is_low) = FlowKey::new(Segment::Vlan(vlan), Protocol::Udp, from, to);
            let (back, to_is_low) = FlowKey::new(Segment::Vlan(vlan), Protocol::Udp, to, from);
            prop_assert_eq!(key, back);
            prop_assert_eq!(key.ends(from_is_low), (from, to));
            prop_assert_eq!(key.ends(to_is_low), (to, from));
            prop_assert_eq!(from_is_low, from <= to);
            prop_assert_eq!((key.segment(), key.protocol()), (Segment::Vlan(vlan), Protocol::Udp));
        }
    }
}
