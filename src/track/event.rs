//! What the tracker tells the analyser.

use std::net::IpAddr;
use std::time::Duration;

use crate::device::facts::Sighting;
use crate::net::{Mac, Segment, Service};
use crate::time::Timestamp;

/// Something a watched device did or met.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// When, in capture time. Events of one device come in order; those of several may be seconds apart.
    pub time: Timestamp,
    /// Where in the network: an address is one device's within it.
    pub segment: Segment,
    /// The device's address: a watched one's, but for sightings.
    pub device: IpAddr,
    /// The device's MAC address, where the device is known by it (never a router's).
    pub mac: Option<Mac>,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum EventKind {
    /// The device opened a connection. What becomes of it follows as a [`EventKind::Contact`].
    Attempt {
        /// Whom it called.
        destination: IpAddr,
        /// What it called there.
        service: Service,
    },
    /// What became of a connection since it was last told of: its outcome (once per attempt, and once per connection
    /// found midstream), its traffic, or both.
    Contact {
        /// Whom it called.
        destination: IpAddr,
        /// What it called there.
        service: Service,
        /// The outcome, when it has just become known.
        outcome: Option<Outcome>,
        /// What went over it.
        traffic: Traffic,
    },
    /// The device's first payload in an open connection after at least 2 s without any.
    Pulse {
        /// Whom it called.
        destination: IpAddr,
        /// What it called there.
        service: Service,
    },
    /// A host that is not internal opened a TCP connection to the device, which answered with a SYN-ACK.
    Inbound {
        /// Who called.
        from: IpAddr,
        /// From which port.
        from_port: u16,
        /// What of the device's it called.
        service: Service,
    },
    /// The device named a host.
    Name(Box<NameSeen>),
    /// A message said something about a device, watched or not.
    Sighting(Box<Sighting>),
    /// A device inside sent something, watched or not; told about once a minute of each.
    Present {
        /// The sender on the link: the device itself, or a router before it.
        link: Option<Mac>,
    },
    /// The MAC of this event turned out to be a router's: what was recognised by it only was behind it.
    Router,
}

/// What went over a connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes of IP packets from the device.
    pub bytes_out: u64,
    /// Bytes of IP packets to the device.
    pub bytes_in: u64,
    /// Packets from the device.
    pub packets_out: u32,
    /// Packets to the device.
    pub packets_in: u32,
    /// The same SYN sent again.
    pub retries: u32,
    /// The port showed one direction only: packets prove others that were not seen.
    pub one_sided: bool,
    /// For how long the connection has been open when this is told, from its first packet; zero where that is not known.
    pub lasted: Duration,
    /// The device's own port when this is told (0 for ICMP, and where it is not known).
    pub own_port: u16,
}

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// A packet came back that is no refusal.
    Answered,
    /// An RST to the SYN, or ICMP unreachable or prohibited.
    Refused,
    /// Nothing within 30 s of the last try.
    Unanswered,
    /// First seen in the middle: a contact, no attempt.
    Midstream,
}

/// A name that a device used for a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameSeen {
    /// How it is known.
    pub kind: NameKind,
    /// The name, as [`crate::names::printable`] gives it.
    pub name: String,
    /// The port that an HTTP Host header says with it; none elsewhere.
    pub port: Option<u16>,
    /// The addresses it stands for: the answer's in DNS, the destination's elsewhere. Empty: a question without answer.
    pub addresses: Vec<IpAddr>,
    /// Whether this is the device's own question or greeting (an event for beats), not a server's answer to it.
    pub asked: bool,
    /// For how long DNS says that the addresses hold, in seconds (0 elsewhere).
    pub ttl_s: u32,
    /// The application protocols offered in a `ClientHello` (ALPN); empty elsewhere.
    pub alpn: Vec<String>,
    /// A `ClientHello` came with an encrypted one (ECH), so that the name may be a front for another.
    pub ech: bool,
}

impl NameSeen {
    /// A name that the device itself used, with nothing else known.
    pub fn said(kind: NameKind, name: String) -> Self {
        Self { kind, name, port: None, addresses: Vec::new(), asked: true, ttl_s: 0, alpn: Vec::new(), ech: false }
    }
}

/// How a name is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum NameKind {
    /// Asked for in DNS.
    Dns,
    /// Said in a TLS `ClientHello` (SNI).
    Tls,
    /// Said in a QUIC Initial's `ClientHello` (SNI).
    Quic,
    /// Said in an HTTP Host header.
    Http,
}

impl NameKind {
    /// Every way, in the order of this list.
    pub const ALL: [Self; 4] = [Self::Dns, Self::Tls, Self::Quic, Self::Http];
}
