//! The decoder: what a frame holds.

use std::net::IpAddr;

use super::cause::Cause;
use super::plain::Plain;
use super::reassemble::Reassembler;
use super::{Macs, Packet, link};
use crate::net::Mac;
use crate::source::Frame;
use crate::time::Timestamp;

/// Tunnels in one another that are unwrapped. Real mirror sessions have two or three.
pub(super) const MAX_DEPTH: u8 = 16;

/// What the decoder needs to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeOptions {
    /// UDP ports on which VXLAN runs; 4789 by IANA, 8472 on older Linux.
    pub vxlan_ports: Vec<u16>,
}

impl Default for DecodeOptions {
    fn default() -> Self {
        Self { vxlan_ports: vec![4789, 8472] }
    }
}

/// What a frame holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decoded<'a> {
    /// An IP packet.
    Packet(Packet<'a>),
    /// ARP (RFC 826): who says to have which address.
    Arp {
        /// The sender's MAC address, from the ARP body.
        mac: Mac,
        /// The address it says it has.
        address: IpAddr,
    },
    /// No IP, and nothing missed: spanning tree, LLDP, loop detection and the like.
    NotIp {
        /// The `EtherType`, or 0 where LLC has none.
        ethertype: u16,
        /// What follows it.
        payload: &'a [u8],
    },
    /// It could not be decoded.
    Undecoded(Cause),
}

/// A fragment on its way into the reassembler.
#[derive(Debug)]
pub(super) struct FragmentPart<'a> {
    pub(super) id: u32,
    pub(super) protocol: u8,
    pub(super) offset: u16,
    pub(super) more: bool,
    pub(super) data: &'a [u8],
    pub(super) context: Context<'a>,
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
}

/// What was gathered on the way to the inner packet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) options: &'a DecodeOptions,
    pub(super) time: Timestamp,
    pub(super) macs: Option<Macs>,
    pub(super) vlan: Option<u16>,
    pub(super) depth: u8,
    /// Bytes that were on the wire behind those captured.
    pub(super) cut: u32,
    pub(super) mark: u32,
}

/// What unwrapping came to.
pub(super) enum Step<'a> {
    Done(Decoded<'a>),
    /// A fragment that may complete a packet; beside it, what it is on its own.
    Fragment(FragmentPart<'a>, Decoded<'a>),
}

pub(super) fn undecoded<'a>(cause: Cause) -> Step<'a> {
    Step::Done(Decoded::Undecoded(cause))
}

/// Decodes frames. Holds the few fragments that wait for others.
#[derive(Debug, Default)]
pub struct Decoder {
    options: DecodeOptions,
    reassembler: Reassembler,
}

impl Decoder {
    /// A decoder.
    pub fn new(options: DecodeOptions) -> Self {
        Self { options, reassembler: Reassembler::default() }
    }

    /// Bytes of fragments that are held.
    #[cfg(test)]
    pub(super) fn held_bytes(&self) -> usize {
        self.reassembler.held_bytes()
    }

    /// Decodes one frame.
    #[inline]
    pub fn decode<'a>(&'a mut self, frame: &Frame<'a>) -> Decoded<'a> {
        match Plain::of(frame) {
            Some(plain) => Decoded::Packet(plain.packet()),
            None => self.decode_generally(frame),
        }
    }

    /// Decodes a frame layer by layer, whatever it is.
    #[inline(never)]
    pub(super) fn decode_generally<'a>(&'a mut self, frame: &Frame<'a>) -> Decoded<'a> {
        let Self { options, reassembler } = self;
        let context = Context {
            options,
            time: frame.time,
            macs: None,
            vlan: None,
            depth: 0,
            cut: frame.wire_len.saturating_sub(frame.data.len() as u32),
            mark: 0,
        };
        match link::decode(frame.link, frame.data, context) {
            Step::Done(decoded) => decoded,
            Step::Fragment(part, alone) => {
                let whole =
                    reassembler.take(&part).map(|protocol| (protocol, part.context, part.source, part.destination));
                let length = part.data.len() as u32;
                match whole {
                    Some((protocol, context, source, destination)) => {
                        reassembled(reassembler.buffer(), length, protocol, context, source, destination)
                    }
                    None => alone,
                }
            }
        }
    }
}

fn reassembled<'a>(
    data: &'a [u8],
    length: u32,
    protocol: u8,
    context: Context<'a>,
    source: IpAddr,
    destination: IpAddr,
) -> Decoded<'a> {
    let header = super::ip::Header { source, destination, length, fragment_id: None };
    match super::transport::decode(protocol, data, data.len() as u32, header, context) {
        Step::Done(Decoded::Packet(packet)) => Decoded::Packet(Packet { reassembled: true, ..packet }),
        Step::Done(decoded) | Step::Fragment(_, decoded) => decoded,
    }
}
