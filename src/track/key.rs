//! What makes two packets part of one connection.

use std::net::IpAddr;

use crate::net::Protocol;

/// One end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct End {
    pub(super) address: IpAddr,
    pub(super) port: u16,
}

/// A connection's ends, the smaller first, so that both directions have the same key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct FlowKey {
    low: End,
    high: End,
    protocol: Protocol,
}

impl FlowKey {
    /// The key, and whether `from` is its low end.
    pub(super) fn new(protocol: Protocol, from: End, to: End) -> (Self, bool) {
        if from <= to {
            (Self { low: from, high: to, protocol }, true)
        } else {
            (Self { low: to, high: from, protocol }, false)
        }
    }

    pub(super) fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The ends as (initiator, responder).
    pub(super) fn ends(&self, initiator_is_low: bool) -> (End, End) {
        if initiator_is_low { (self.low, self.high) } else { (self.high, self.low) }
    }
}
