//! One connection and what became of it.

use std::net::IpAddr;

use super::event::{Outcome, Traffic};
use super::key::{End, FlowKey};
use super::naming::Look;
use super::wheel::NONE;
use crate::net::{Mac, Protocol, Service};
use crate::time::Timestamp;

/// Where a connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Opened, no answer yet.
    Pending,
    /// Answered, open.
    Open,
    /// Refused, or ended by FIN or RST: a new initial sequence number is a new attempt.
    Ended,
}

/// A connection that a watched device opened, or that was opened to one.
#[derive(Debug)]
pub(super) struct Flow {
    pub(super) key: FlowKey,
    /// The hash under which the table has it.
    pub(super) hash: u64,
    /// Which end opened it.
    pub(super) initiator_is_low: bool,
    /// The watched device's end is the initiator; else it was called.
    pub(super) outbound: bool,
    /// The destination is not internal: its payload is followed for pulses and names.
    pub(super) followed: bool,
    pub(super) mac: Option<Mac>,
    pub(super) state: State,
    /// The outcome was told already.
    pub(super) told: bool,
    /// TCP: the initial sequence number of the attempt.
    pub(super) sequence: u32,
    /// TCP: the sequence number behind the furthest payload of the device, so that a resent one is no pulse.
    pub(super) sent_up_to: u32,
    /// TCP: the sequence number of the initiator's first byte, if its SYN was seen.
    pub(super) starts_at: Option<u32>,
    /// The search for names in what the device sends, and, for DNS, in what comes back.
    pub(super) look: Look,
    pub(super) look_back: Look,
    pub(super) fin_seen: (bool, bool),
    /// When it was opened, or first seen.
    pub(super) began: Timestamp,
    pub(super) last: Timestamp,
    pub(super) last_payload_out: Timestamp,
    pub(super) last_told_traffic: Timestamp,
    /// Since it was last told.
    pub(super) traffic: Traffic,
    pub(super) deadline: Timestamp,
    /// The slot of the wheel in which the flow stands, and its neighbours there.
    pub(super) slot: u16,
    pub(super) next: u32,
    pub(super) previous: u32,
}

impl Flow {
    #[inline]
    pub(super) fn new(key: FlowKey, initiator_is_low: bool, outbound: bool, now: Timestamp) -> Self {
        Self {
            key,
            hash: 0,
            initiator_is_low,
            outbound,
            followed: false,
            mac: None,
            state: State::Pending,
            told: false,
            sequence: 0,
            sent_up_to: 0,
            starts_at: None,
            look: Look::Start,
            look_back: Look::Start,
            fin_seen: (false, false),
            began: now,
            last: now,
            last_payload_out: now,
            last_told_traffic: now,
            traffic: Traffic::default(),
            deadline: now,
            slot: 0,
            next: NONE,
            previous: NONE,
        }
    }

    /// (device, other) whichever opened it.
    pub(super) fn device_and_other(&self) -> (End, End) {
        let (initiator, responder) = self.key.ends(self.initiator_is_low);
        if self.outbound { (initiator, responder) } else { (responder, initiator) }
    }

    pub(super) fn device(&self) -> IpAddr {
        self.device_and_other().0.address
    }

    pub(super) fn destination(&self) -> IpAddr {
        self.device_and_other().1.address
    }

    /// What was called: the responder's port.
    pub(super) fn service(&self) -> Service {
        let protocol = self.key.protocol();
        let port = if protocol == Protocol::Icmp { 0 } else { self.key.ends(self.initiator_is_low).1.port };
        Service { protocol, port }
    }

    pub(super) fn count(&mut self, from_device: bool, length: u32, time: Timestamp) {
        self.last = self.last.max(time);
        let traffic = &mut self.traffic;
        if from_device {
            traffic.bytes_out += u64::from(length);
            traffic.packets_out = traffic.packets_out.saturating_add(1);
        } else {
            traffic.bytes_in += u64::from(length);
            traffic.packets_in = traffic.packets_in.saturating_add(1);
        }
    }

    /// The outcome when the connection is given up or the capture ends.
    pub(super) fn final_outcome(&self) -> Outcome {
        match self.state {
            State::Pending => Outcome::Unanswered,
            State::Open | State::Ended => Outcome::Answered,
        }
    }
}
