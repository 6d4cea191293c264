//! Why a frame could not be decoded.

use std::collections::BTreeMap;
use std::fmt;

use crate::source::LinkType;

/// Why a frame could not be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// Fewer bytes than the link header has.
    LinkCut,
    /// A link type that is not decoded.
    Link(LinkType),
    /// A protocol behind the link header that is known to carry IP, but is not decoded.
    Protocol(&'static str),
    /// Fewer bytes than the IP header has, or a header length that cannot be.
    IpCut,
    /// Neither version 4 nor 6 where IP was due.
    IpVersion,
    /// Fewer bytes than the TCP, UDP or ICMP header has.
    TransportCut,
    /// More tunnels in one another than are unwrapped.
    TooDeep,
    /// Encrypted on the link (`MACsec`, 802.11 with WPA).
    Encrypted,
}

/// Every cause's label, for metrics.
pub const CAUSES: [&str; 8] =
    ["link_cut", "link_type", "protocol", "ip_cut", "ip_version", "transport_cut", "too_deep", "encrypted"];

impl Cause {
    /// The cause's place in [`CAUSES`].
    pub fn index(self) -> usize {
        match self {
            Self::LinkCut => 0,
            Self::Link(_) => 1,
            Self::Protocol(_) => 2,
            Self::IpCut => 3,
            Self::IpVersion => 4,
            Self::TransportCut => 5,
            Self::TooDeep => 6,
            Self::Encrypted => 7,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LinkCut => write!(f, "link header cut off"),
            Self::Link(link) => write!(f, "link type {} ({}), not decoded", link.0, link_name(*link)),
            Self::Protocol(name) => write!(f, "{name}, not decoded"),
            Self::IpCut => write!(f, "IP header cut off or broken"),
            Self::IpVersion => write!(f, "neither IPv4 nor IPv6 where IP was due"),
            Self::TransportCut => write!(f, "TCP, UDP or ICMP header cut off"),
            Self::TooDeep => write!(f, "tunnels nested too deep"),
            Self::Encrypted => write!(f, "encrypted on the link"),
        }
    }
}

/// How often each cause was met.
#[derive(Debug, Clone, Default)]
pub struct Causes {
    counts: BTreeMap<Cause, u64>,
}

impl Causes {
    /// Counts one. The number of different causes is bounded: by the link types of the open sources at the most.
    pub fn count(&mut self, cause: Cause) {
        *self.counts.entry(cause).or_default() += 1;
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Each with how often.
    pub fn iter(&self) -> impl Iterator<Item = (Cause, u64)> {
        self.counts.iter().map(|(cause, count)| (*cause, *count))
    }
}

/// What the registry calls a link type.
pub fn link_name(link: LinkType) -> &'static str {
    match link.0 {
        0 => "BSD loopback",
        1 => "Ethernet",
        6 => "Token Ring",
        8 => "SLIP",
        9 => "PPP",
        10 => "FDDI",
        12 | 14 | 101 => "raw IP",
        50 => "PPP in HDLC framing",
        51 => "PPPoE",
        104 => "Cisco HDLC",
        105 => "802.11",
        107 => "Frame Relay",
        108 => "OpenBSD loopback",
        113 => "Linux cooked",
        130 | 137 | 178 => "Juniper",
        117 => "OpenBSD pflog",
        119 => "802.11 with Prism header",
        127 => "802.11 with radiotap",
        147..=162 => "USER, private use",
        163 => "802.11 with AVS header",
        187 => "Bluetooth HCI",
        189 | 220 => "USB",
        192 => "PPI",
        195 | 230 => "802.15.4",
        227 => "CAN",
        228 => "raw IPv4",
        229 => "raw IPv6",
        239 => "Linux NFLOG",
        242 => "IP over InfiniBand",
        253 => "Linux netlink",
        276 => "Linux cooked v2",
        281 | 282 => "Broadcom switch tag",
        284 | 285 => "Marvell DSA switch tag",
        _ => "unknown",
    }
}
