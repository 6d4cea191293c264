//! One connection and what became of it.

use std::net::IpAddr;
use std::time::Duration;

use super::event::{Outcome, Traffic};
use super::key::FlowKey;
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

/// What went over a connection since that was last told: [`Traffic`] but for what is worked out when it is told. There
/// are as many as there are connections, so that each word of it counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    bytes_out: u64,
    bytes_in: u64,
    packets_out: u32,
    packets_in: u32,
    pub(super) retries: u32,
    pub(super) one_sided: bool,
}

impl Tally {
    /// The same, of a connection opened from this port and open for so long.
    pub(super) fn over(self, lasted: Duration, own_port: u16) -> Traffic {
        let Self { bytes_out, bytes_in, packets_out, packets_in, retries, one_sided } = self;
        Traffic { bytes_out, bytes_in, packets_out, packets_in, retries, one_sided, lasted, own_port }
    }
}

/// How a connection concerns a watched device.
#[derive(Debug, Clone, Copy)]
pub(super) struct Concern {
    /// The device opened it; else it was called.
    pub(super) outbound: bool,
    /// The destination is not internal.
    pub(super) followed: bool,
    /// The device's MAC address, where it is known by that.
    pub(super) mac: Option<Mac>,
}

/// Who calls whom, and what there.
pub(super) struct Call {
    /// The watched device, whichever end opened the connection.
    pub(super) device: IpAddr,
    /// The other end.
    pub(super) destination: IpAddr,
    /// The responder's port.
    pub(super) service: Service,
    /// The port of who opened it; 0 for ICMP.
    pub(super) caller_port: u16,
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
    /// TCP: the initiator's SYN was seen, so that it is known where its stream begins.
    pub(super) syn_seen: bool,
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
    pub(super) tally: Tally,
    pub(super) deadline: Timestamp,
    /// The slot of the wheel in which the flow stands, and its neighbours there.
    pub(super) slot: u16,
    pub(super) next: u32,
    pub(super) previous: u32,
}

impl Flow {
    #[inline]
    pub(super) fn new(key: FlowKey, hash: u64, initiator_is_low: bool, concern: Concern, now: Timestamp) -> Self {
        let Concern { outbound, followed, mac } = concern;
        Self {
            key,
            hash,
            initiator_is_low,
            outbound,
            followed,
            mac,
            state: State::Pending,
            told: false,
            sequence: 0,
            sent_up_to: 0,
            syn_seen: false,
            look: Look::Start,
            look_back: Look::Start,
            fin_seen: (false, false),
            began: now,
            last: now,
            last_payload_out: now,
            last_told_traffic: now,
            tally: Tally::default(),
            deadline: now,
            slot: 0,
            next: NONE,
            previous: NONE,
        }
    }

    /// Who calls whom: asked for all at once, where several of its answers are needed.
    #[inline]
    pub(super) fn call(&self) -> Call {
        let (initiator, responder) = self.key.ends(self.initiator_is_low);
        let protocol = self.key.protocol();
        let (caller_port, port) = if protocol == Protocol::Icmp { (0, 0) } else { (initiator.port, responder.port) };
        let (device, other) = if self.outbound { (initiator, responder) } else { (responder, initiator) };
        Call { device: device.address, destination: other.address, service: Service { protocol, port }, caller_port }
    }

    pub(super) fn device(&self) -> IpAddr {
        self.call().device
    }

    pub(super) fn destination(&self) -> IpAddr {
        self.call().destination
    }

    pub(super) fn service(&self) -> Service {
        self.call().service
    }

    /// TCP: the sequence number of the initiator's first byte, if its SYN was seen.
    pub(super) fn starts_at(&self) -> Option<u32> {
        self.syn_seen.then(|| self.sequence.wrapping_add(1))
    }

    #[inline]
    pub(super) fn count(&mut self, from_device: bool, length: u32, time: Timestamp) {
        self.last = self.last.max(time);
        let tally = &mut self.tally;
        if from_device {
            tally.bytes_out += u64::from(length);
            tally.packets_out = tally.packets_out.saturating_add(1);
        } else {
            tally.bytes_in += u64::from(length);
            tally.packets_in = tally.packets_in.saturating_add(1);
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
