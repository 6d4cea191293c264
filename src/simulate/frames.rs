//! Frames as hosts send them.

use std::net::Ipv4Addr;

use etherparse::{IpHeaders, IpNumber, Ipv4Header, PacketBuilder, TcpOptionElement};

use crate::net::Mac;

/// A host with one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Host {
    pub(super) mac: Mac,
    pub(super) address: Ipv4Addr,
    pub(super) ttl: u8,
}

/// What of TCP a segment says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment {
    pub(super) ports: (u16, u16),
    pub(super) sequence: u32,
    pub(super) ack: Option<u32>,
    pub(super) syn: bool,
    pub(super) fin: bool,
    pub(super) rst: bool,
}

fn ip(from: &Host, to: &Host, protocol: IpNumber, id: u16) -> IpHeaders {
    let mut header = Ipv4Header { time_to_live: from.ttl, protocol, identification: id, ..Ipv4Header::default() };
    (header.source, header.destination) = (from.address.octets(), to.address.octets());
    header.dont_fragment = protocol == IpNumber::TCP;
    IpHeaders::Ipv4(header, etherparse::Ipv4Extensions::default())
}

/// A TCP segment; a SYN carries the options that Linux sends.
pub(super) fn tcp(from: &Host, to: &Host, id: u16, segment: &Segment, payload: &[u8]) -> Vec<u8> {
    let base = PacketBuilder::ethernet2(from.mac.0, to.mac.0).ip(ip(from, to, IpNumber::TCP, id));
    let mut builder = base.tcp(segment.ports.0, segment.ports.1, segment.sequence, 29_200);
    if let Some(ack) = segment.ack {
        builder = builder.ack(ack);
    }
    if segment.syn {
        let options = [TcpOptionElement::MaximumSegmentSize(1460), TcpOptionElement::SelectiveAcknowledgementPermitted];
        builder = builder.syn().options(&options).unwrap_or_else(|_| unreachable!("two options fit a header"));
    }
    if segment.fin {
        builder = builder.fin();
    }
    if segment.rst {
        builder = builder.rst();
    }
    let mut frame = Vec::with_capacity(builder.size(payload.len()));
    builder.write(&mut frame, payload).unwrap_or_default();
    frame
}

/// A UDP datagram.
pub(super) fn udp(from: &Host, to: &Host, id: u16, ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
    let base = PacketBuilder::ethernet2(from.mac.0, to.mac.0).ip(ip(from, to, IpNumber::UDP, id));
    let builder = base.udp(ports.0, ports.1);
    let mut frame = Vec::with_capacity(builder.size(payload.len()));
    builder.write(&mut frame, payload).unwrap_or_default();
    frame
}

/// A DNS message: the question, and with addresses the answer to it.
pub(super) fn dns(id: u16, name: &str, answer: Option<Ipv4Addr>) -> Vec<u8> {
    let flags: u16 = if answer.is_some() { 0x8180 } else { 0x0100 };
    let mut message = Vec::new();
    for word in [id, flags, 1, u16::from(answer.is_some()), 0, 0] {
        message.extend(word.to_be_bytes());
    }
    for label in name.split('.') {
        message.push(label.len() as u8);
        message.extend(label.as_bytes());
    }
    message.extend([0, 0, 1, 0, 1]);
    if let Some(address) = answer {
        // The name by a pointer to the question, type A, class IN, 300 s.
        message.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4]);
        message.extend(address.octets());
    }
    message
}

/// A TLS 1.2 `ClientHello` that names a server (RFC 5246, RFC 6066).
pub(super) fn client_hello(name: &str, random: [u8; 8]) -> Vec<u8> {
    let length = |value: usize| (value as u16).to_be_bytes();
    let mut sni = vec![0, 0];
    sni.extend(length(name.len() + 5));
    sni.extend(length(name.len() + 3));
    sni.push(0);
    sni.extend(length(name.len()));
    sni.extend(name.as_bytes());
    let mut body = vec![3, 3];
    body.extend(random.repeat(4));
    body.extend([0, 0, 4, 0xc0, 0x2f, 0xc0, 0x30, 1, 0]);
    body.extend(length(sni.len()));
    body.extend(sni);
    let mut record = vec![0x16, 3, 1];
    record.extend(length(body.len() + 4));
    record.extend([1, 0]);
    record.extend(length(body.len()));
    record.extend(body);
    record
}
