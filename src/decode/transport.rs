//! TCP, UDP, ICMP, and IP protocols that carry another packet.

use std::net::IpAddr;

use super::cause::Cause;
use super::decoder::{Context, Decoded, Step, undecoded};
use super::ip::{self, Header, packet};
use super::link::{be16, be32, deeper, ethernet, mpls};
use super::{Echo, IcmpError, TcpSegment, Transport, UdpDatagram, tunnel};
use crate::net::Mac;

/// Decodes what an IP packet carries. `length` is that of the payload on the wire.
#[inline]
pub(super) fn decode<'a>(protocol: u8, data: &'a [u8], length: u32, header: Header, context: Context<'a>) -> Step<'a> {
    match protocol {
        6 => tcp(data, length, header, context),
        17 => udp(data, length, header, context),
        1 => icmp(data, header, context, false),
        58 => icmp(data, header, context, true),
        // IP in IP (RFC 2003), 6in4 (RFC 4213).
        4 | 41 if ip::plausible(data) => deeper(context, |context| ip::decode(data, context)),
        47 => tunnel::gre(data, header, context),
        51 => match data {
            // AH in IPv4 (RFC 4302, section 2).
            [next, words, ..] => {
                let skip = (usize::from(*words) + 2) * 4;
                let Some(rest) = data.get(skip..) else { return undecoded(Cause::TransportCut) };
                deeper(context, |context| decode(*next, rest, length.saturating_sub(skip as u32), header, context))
            }
            _ => undecoded(Cause::TransportCut),
        },
        // EtherIP (RFC 3378) and MPLS in IP (RFC 4023).
        97 if data.len() > 16 => deeper(context, |context| ethernet(&data[2..], context)),
        137 => deeper(context, |context| mpls(data, context)),
        _ => ip::other(protocol, header, context),
    }
}

#[inline]
fn tcp<'a>(data: &'a [u8], length: u32, header: Header, context: Context<'a>) -> Step<'a> {
    // Ports, numbers and flags stand in the first 14 bytes: enough when the rest was cut off.
    let Some(fixed) = data.first_chunk::<14>() else { return undecoded(Cause::TransportCut) };
    let own = u32::from(fixed[12] >> 4) * 4;
    if own < 20 {
        return undecoded(Cause::TransportCut);
    }
    let flags = fixed[13];
    let checksum = be16(data, 16).map_or(0, u32::from);
    let segment = TcpSegment {
        source_port: u16::from_be_bytes([fixed[0], fixed[1]]),
        destination_port: u16::from_be_bytes([fixed[2], fixed[3]]),
        sequence: u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]),
        syn: flags & 2 != 0,
        ack: flags & 16 != 0,
        fin: flags & 1 != 0,
        rst: flags & 4 != 0,
        payload: data.get(own as usize..).unwrap_or_default(),
        payload_len: length.saturating_sub(own),
        fragment_id: header.fragment_id,
    };
    let context = Context { mark: context.mark | checksum, ..context };
    Step::Done(Decoded::Packet(packet(Transport::Tcp(segment), header, context)))
}

fn udp<'a>(data: &'a [u8], length: u32, header: Header, context: Context<'a>) -> Step<'a> {
    let Some(fixed) = data.first_chunk::<8>() else { return undecoded(Cause::TransportCut) };
    let stated = u32::from(u16::from_be_bytes([fixed[4], fixed[5]]));
    // Zero or beyond the packet: a jumbogram, an offloaded segment or a lie; the IP header knows better.
    let length = if (8..=length).contains(&stated) { stated } else { length };
    let (source_port, destination_port) =
        (u16::from_be_bytes([fixed[0], fixed[1]]), u16::from_be_bytes([fixed[2], fixed[3]]));
    let payload = &data[8..data.len().min(length as usize).max(8)];
    if header.fragment_id.is_none()
        && let Some(inner) = tunnel::in_udp(source_port, destination_port, payload, context)
    {
        return inner;
    }
    let datagram = UdpDatagram {
        source_port,
        destination_port,
        payload,
        payload_len: length.saturating_sub(8),
        fragment_id: header.fragment_id,
    };
    let context = Context { mark: context.mark | u32::from(u16::from_be_bytes([fixed[6], fixed[7]])), ..context };
    Step::Done(Decoded::Packet(packet(Transport::Udp(datagram), header, context)))
}

fn icmp<'a>(data: &'a [u8], header: Header, context: Context<'a>, v6: bool) -> Step<'a> {
    let Some(fixed) = data.first_chunk::<8>() else { return undecoded(Cause::TransportCut) };
    let context = Context { mark: context.mark | u32::from(u16::from_be_bytes([fixed[2], fixed[3]])), ..context };
    let id = u16::from_be_bytes([fixed[4], fixed[5]]);
    let (kind, code) = (fixed[0], fixed[1]);
    let payload = match (v6, kind) {
        (false, 8) | (true, 128) => Transport::Echo(Echo { request: true, id }),
        (false, 0) | (true, 129) => Transport::Echo(Echo { request: false, id }),
        // Unreachable, source quench, time exceeded, parameter problem (RFC 792); RFC 4443, section 3.
        (false, 3 | 4 | 11 | 12) | (true, 1..=4) => {
            // RFC 792, RFC 1122 and RFC 1812: code 4 asks for smaller packets, all other unreachables refuse.
            let refusal = if v6 { kind == 1 } else { kind == 3 && code != 4 };
            match quoted(&data[8..], refusal) {
                Some(error) => Transport::Error(error),
                None => Transport::Other(if v6 { 58 } else { 1 }),
            }
        }
        (true, 135 | 136) => neighbour(kind, data, header.source).unwrap_or(Transport::Other(58)),
        _ => Transport::Other(if v6 { 58 } else { 1 }),
    };
    Step::Done(Decoded::Packet(packet(payload, header, context)))
}

/// Who a neighbour solicitation is from, or an advertisement about (RFC 4861, sections 4.3, 4.4 and 4.6.1).
fn neighbour<'a>(kind: u8, data: &[u8], source: IpAddr) -> Option<Transport<'a>> {
    let (wanted, address) = match kind {
        135 => (1, source),
        _ => (2, IpAddr::from(<[u8; 16]>::try_from(data.get(8..24)?).ok()?)),
    };
    if address.is_unspecified() || address.is_multicast() {
        return None;
    }
    let mut options = data.get(24..)?;
    while let [option, words, ..] = *options {
        if words == 0 {
            break;
        }
        let length = usize::from(words) * 8;
        if option == wanted && words == 1 {
            let mac = Mac(options.get(2..8)?.try_into().ok()?);
            return (!mac.is_group() && !mac.is_zero()).then_some(Transport::Neighbour { address, mac });
        }
        options = options.get(length..)?;
    }
    None
}

/// The flow of the packet that an ICMP error quotes, of which only the beginning need be there.
fn quoted(data: &[u8], refusal: bool) -> Option<IcmpError> {
    let address4 = |at: usize| Some(IpAddr::from(<[u8; 4]>::try_from(data.get(at..at + 4)?).ok()?));
    let address6 = |at: usize| Some(IpAddr::from(<[u8; 16]>::try_from(data.get(at..at + 16)?).ok()?));
    let (source, destination, protocol, rest) = match data.first()? >> 4 {
        4 => {
            let header = usize::from(data.first()? & 15) * 4;
            (address4(12)?, address4(16)?, *data.get(9)?, data.get(header.max(20)..)?)
        }
        6 => {
            let (mut protocol, mut at) = (*data.get(6)?, 40);
            // Extension headers, as far as they are quoted.
            for _ in 0..8 {
                let rest = data.get(at..)?;
                at += match protocol {
                    0 | 43 | 60 | 135 => (usize::from(*rest.get(1)?) + 1) * 8,
                    44 => 8,
                    51 => (usize::from(*rest.get(1)?) + 2) * 4,
                    _ => break,
                };
                protocol = *rest.first()?;
            }
            (address6(8)?, address6(24)?, protocol, data.get(at..)?)
        }
        _ => return None,
    };
    let quoted_ports = match protocol {
        6 | 17 => be16(rest, 0).zip(be16(rest, 2)),
        1 | 58 => be32(rest, 0).and(be16(rest, 4)).map(|id| (id, 0)),
        _ => None,
    };
    Some(IcmpError {
        refusal,
        quoted_source: source,
        quoted_destination: destination,
        quoted_protocol: protocol,
        quoted_ports,
    })
}
