//! Bytes in, one borrowed [`Packet`] out: link types, tunnels, IP, transport.
//!
//! The [`Decoder`] unwraps a frame down to its innermost IP packet. It trusts no length that a packet states, allocates
//! nothing per packet, and says by a [`Cause`] why it gave up. [`Prefilter`] passes over internal video before any of that,
//! [`Duplicates`] tells a packet that the mirror port shows twice.

mod cause;
mod decoder;
mod duplicate;
mod glance;
mod ip;
mod kernel_filter;
mod link;
mod plain;
mod prefilter;
#[cfg(test)]
mod properties;
mod reassemble;
mod transport;
mod tunnel;
mod wireless;

use std::net::IpAddr;

pub use cause::{CAUSES, Cause, Causes, link_name};
pub use decoder::{DecodeOptions, Decoded, Decoder};
pub use duplicate::Duplicates;
pub use glance::Glance;
pub use prefilter::Prefilter;

use crate::net::Mac;
use crate::time::Timestamp;

/// The innermost IP packet of a frame, borrowed from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet<'a> {
    /// When the frame was captured.
    pub time: Timestamp,
    /// The MAC addresses of the innermost Ethernet (or other IEEE 802) header, where there is one.
    pub macs: Option<Macs>,
    /// The innermost VLAN identifier, where there is a tag.
    pub vlan: Option<u16>,
    /// The sender.
    pub source: IpAddr,
    /// The addressee.
    pub destination: IpAddr,
    /// Bytes of the IP packet, headers included, as its own header says (or the frame, where that says 0).
    pub length: u32,
    /// What, beside addresses and ports, tells it from other packets: the IPv4 identification and the transport
    /// checksum. Equal for the same packet seen twice, also with another TTL, tag or tunnel.
    pub mark: u32,
    /// Put together from fragments that were given before: `length` is then that of the last one.
    pub reassembled: bool,
    /// What it carries.
    pub payload: Transport<'a>,
}

/// Sender and addressee of an IEEE 802 frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Macs {
    /// The sender on this link: the device itself, or the last router before the mirror port.
    pub source: Mac,
    /// The addressee on this link.
    pub destination: Mac,
}

/// What an IP packet carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport<'a> {
    /// A TCP segment.
    Tcp(TcpSegment<'a>),
    /// A UDP datagram, or the first fragment of one.
    Udp(UdpDatagram<'a>),
    /// An ICMP or ICMPv6 echo request or reply.
    Echo(Echo),
    /// An ICMP or ICMPv6 error that quotes the packet it answers.
    Error(IcmpError),
    /// IPv6 neighbour discovery (RFC 4861): who says to have which address.
    Neighbour {
        /// The address.
        address: IpAddr,
        /// The MAC address that it says to have.
        mac: Mac,
    },
    /// A later fragment: no ports of its own. Counted to the connection of its first fragment by the tracker.
    Fragment {
        /// The identification that all fragments of a packet share.
        id: u32,
        /// The IP protocol number of what was fragmented.
        protocol: u8,
    },
    /// Anything else, by its IP protocol number.
    Other(u8),
}

/// The header fields of a TCP segment that the tracker needs, and its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TcpSegment<'a> {
    /// The sender's port.
    pub source_port: u16,
    /// The addressee's port.
    pub destination_port: u16,
    /// The sequence number.
    pub sequence: u32,
    /// SYN.
    pub syn: bool,
    /// ACK.
    pub ack: bool,
    /// FIN.
    pub fin: bool,
    /// RST.
    pub rst: bool,
    /// What was captured of the payload, without padding.
    pub payload: &'a [u8],
    /// How long the payload was on the wire.
    pub payload_len: u32,
    /// When this is the first fragment of a fragmented packet: the identification its fragments share.
    pub fragment_id: Option<u32>,
}

/// The header fields of a UDP datagram that the tracker needs, and its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UdpDatagram<'a> {
    /// The sender's port.
    pub source_port: u16,
    /// The addressee's port.
    pub destination_port: u16,
    /// What was captured of the payload, without padding.
    pub payload: &'a [u8],
    /// How long the payload was on the wire.
    pub payload_len: u32,
    /// When this is the first fragment of a fragmented packet: the identification its fragments share.
    pub fragment_id: Option<u32>,
}

/// An ICMP echo message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Echo {
    /// A request; else a reply.
    pub request: bool,
    /// The identifier: one ping program.
    pub id: u16,
}

/// An ICMP error and the flow that it answers, read from the quoted header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IcmpError {
    /// Whether the error refuses (destination unreachable or administratively prohibited); others, such as time
    /// exceeded or fragmentation needed, do not.
    pub refusal: bool,
    /// Who sent the packet that is answered.
    pub quoted_source: IpAddr,
    /// Whom that packet was for.
    pub quoted_destination: IpAddr,
    /// The IP protocol of that packet.
    pub quoted_protocol: u8,
    /// Source and destination port (TCP, UDP), or identifier and 0 (ICMP echo), of that packet.
    pub quoted_ports: Option<(u16, u16)>,
}
