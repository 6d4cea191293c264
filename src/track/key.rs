//! What makes two packets part of one connection.

use std::hash::{Hash, Hasher};
use std::net::IpAddr;

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
    low: End,
    high: End,
    protocol: Protocol,
    segment: Segment,
}

/// By two words for IPv4, where the derived one would feed a dozen small pieces.
impl Hash for FlowKey {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        match (self.low.address, self.high.address) {
            (IpAddr::V4(low), IpAddr::V4(high)) => {
                state.write_u64(u64::from(u32::from(low)) << 32 | u64::from(u32::from(high)));
            }
            (low, high) => {
                for address in [low, high] {
                    match address {
                        IpAddr::V4(v4) => state.write_u32(v4.into()),
                        IpAddr::V6(v6) => state.write_u128(v6.into()),
                    }
                }
            }
        }
        let ports = u64::from(self.low.port) << 24 | u64::from(self.high.port) << 8;
        state.write_u64(self.segment.bits() << 40 | ports | u64::from(self.protocol as u8));
    }
}

impl FlowKey {
    /// The key, and whether `from` is its low end.
    pub(super) fn new(segment: Segment, protocol: Protocol, from: End, to: End) -> (Self, bool) {
        if from <= to {
            (Self { low: from, high: to, protocol, segment }, true)
        } else {
            (Self { low: to, high: from, protocol, segment }, false)
        }
    }

    pub(super) fn segment(&self) -> Segment {
        self.segment
    }

    pub(super) fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The ends as (initiator, responder).
    pub(super) fn ends(&self, initiator_is_low: bool) -> (End, End) {
        if initiator_is_low { (self.low, self.high) } else { (self.high, self.low) }
    }
}
