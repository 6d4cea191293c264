//! IPv4 and IPv6, their options, extension headers and fragments.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::cause::Cause;
use super::decoder::{Context, Decoded, FragmentPart, Step, undecoded};
use super::link::{be16, be32};
use super::{Packet, Transport, transport};

/// What the transport needs of the IP header.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    /// Bytes of the whole IP packet.
    pub(super) length: u32,
    pub(super) fragment_id: Option<u32>,
}

/// Extension headers that are followed; more are an attack or nonsense.
const MAX_EXTENSIONS: usize = 12;

/// Decodes an IP packet of either version.
#[inline]
pub(super) fn decode<'a>(data: &'a [u8], context: Context<'a>) -> Step<'a> {
    match data.first().map(|byte| byte >> 4) {
        Some(4) => v4(data, context),
        Some(6) => v6(data, context),
        Some(_) => undecoded(Cause::IpVersion),
        None => undecoded(Cause::IpCut),
    }
}

/// Whether this may well be an IP packet: for tunnels that don't say what they carry.
pub(super) fn plausible(data: &[u8]) -> bool {
    match data {
        [first, ..] if first >> 4 == 4 => {
            let header = usize::from(first & 15) * 4;
            let total = be16(data, 2).map_or(0, usize::from);
            header >= 20 && data.len() >= header && (total == 0 || total >= header)
        }
        [first, ..] if first >> 4 == 6 => data.len() >= 40,
        _ => false,
    }
}

#[inline]
fn v4<'a>(data: &'a [u8], context: Context<'a>) -> Step<'a> {
    let Some(fixed) = data.first_chunk::<20>() else { return undecoded(Cause::IpCut) };
    let header = usize::from(fixed[0] & 15) * 4;
    if header < 20 || data.len() < header {
        return undecoded(Cause::IpCut);
    }
    let total = u32::from(u16::from_be_bytes([fixed[2], fixed[3]]));
    let on_wire = data.len() as u32 + context.cut;
    // Zero: the card will segment it (large send offload), and the frame alone knows.
    let length = if total == 0 { on_wire } else { total };
    if (length as usize) < header {
        return undecoded(Cause::IpCut);
    }
    let payload = &data[header..data.len().min(length as usize).max(header)];
    let payload_len = length - header as u32;
    let id = u16::from_be_bytes([fixed[4], fixed[5]]);
    let fragment = u16::from_be_bytes([fixed[6], fixed[7]]);
    let source = IpAddr::V4(Ipv4Addr::new(fixed[12], fixed[13], fixed[14], fixed[15]));
    let destination = IpAddr::V4(Ipv4Addr::new(fixed[16], fixed[17], fixed[18], fixed[19]));
    let context = Context { mark: u32::from(id) << 16, ..context };
    let header = Header { source, destination, length, fragment_id: None };
    if fragment & 0x3fff == 0 {
        return transport::decode(fixed[9], payload, payload_len, header, context);
    }
    let (offset, more) = ((fragment & 0x1fff) << 3, fragment & 0x2000 != 0);
    fragment_of(fixed[9], u32::from(id), offset, more, payload, payload_len, header, context)
}

fn v6<'a>(data: &'a [u8], context: Context<'a>) -> Step<'a> {
    let Some(fixed) = data.first_chunk::<40>() else { return undecoded(Cause::IpCut) };
    let stated = u32::from(u16::from_be_bytes([fixed[4], fixed[5]]));
    // Zero: a jumbogram or an offloaded segment; the frame alone knows.
    let length = if stated == 0 { data.len() as u32 + context.cut } else { stated + 40 };
    let end = data.len().min(length as usize);
    let address = |at: usize| {
        let octets: [u8; 16] = fixed[at..at + 16].try_into().unwrap_or_default();
        IpAddr::V6(Ipv6Addr::from(octets))
    };
    let mut header = Header { source: address(8), destination: address(24), length, fragment_id: None };
    let (mut protocol, mut at) = (fixed[6], 40_usize);
    for _ in 0..MAX_EXTENSIONS {
        let rest = &data[at.min(end)..end];
        let Some(payload_len) = length.checked_sub(at as u32) else { return undecoded(Cause::IpCut) };
        match protocol {
            // Hop-by-hop, routing, destination options, mobility, HIP, shim6 (RFC 8200, section 4; RFC 6275; IANA).
            0 | 43 | 60 | 135 | 139 | 140 => {
                let &[next, words, ..] = rest else { return undecoded(Cause::IpCut) };
                at += (usize::from(words) + 1) * 8;
                protocol = next;
            }
            51 => {
                let &[next, words, ..] = rest else { return undecoded(Cause::IpCut) };
                at += (usize::from(words) + 2) * 4;
                protocol = next;
            }
            44 => {
                let (Some(&next), Some(place), Some(id)) = (rest.first(), be16(rest, 2), be32(rest, 4)) else {
                    return undecoded(Cause::IpCut);
                };
                at += 8;
                protocol = next;
                let (offset, more) = (place & 0xfff8, place & 1 != 0);
                // Not split at all (an atomic fragment, RFC 6946): like any other extension header.
                if offset != 0 || more {
                    let payload = rest.get(8..).unwrap_or_default();
                    let Some(payload_len) = payload_len.checked_sub(8) else { return undecoded(Cause::IpCut) };
                    header.fragment_id = Some(id);
                    return fragment_of(protocol, id, offset, more, payload, payload_len, header, context);
                }
            }
            // No next header.
            59 => return other(59, header, context),
            _ => return transport::decode(protocol, rest, payload_len, header, context),
        }
    }
    undecoded(Cause::IpCut)
}

pub(super) fn other(protocol: u8, header: Header, context: Context<'_>) -> Step<'_> {
    Step::Done(Decoded::Packet(packet(Transport::Other(protocol), header, context)))
}

#[inline]
pub(super) fn packet<'a>(payload: Transport<'a>, header: Header, context: Context<'a>) -> Packet<'a> {
    Packet {
        time: context.time,
        macs: context.macs,
        vlan: context.vlan,
        source: header.source,
        destination: header.destination,
        length: header.length,
        mark: context.mark,
        reassembled: false,
        payload,
    }
}

#[expect(clippy::too_many_arguments, reason = "the fields of two headers, each of them needed")]
fn fragment_of<'a>(
    protocol: u8,
    id: u32,
    offset: u16,
    more: bool,
    payload: &'a [u8],
    payload_len: u32,
    header: Header,
    context: Context<'a>,
) -> Step<'a> {
    let (source, destination) = (header.source, header.destination);
    let part = FragmentPart { id, protocol, offset, more, data: payload, context, source, destination };
    if offset > 0 {
        let alone = packet(Transport::Fragment { id, protocol }, header, context);
        return Step::Fragment(part, Decoded::Packet(alone));
    }
    let header = Header { fragment_id: Some(id), ..header };
    match transport::decode(protocol, payload, payload_len, header, context) {
        // The first fragment holds all that is needed: TCP's header, or a tunnel's.
        Step::Done(Decoded::Packet(packet)) if !matches!(packet.payload, Transport::Udp(_)) => {
            Step::Done(Decoded::Packet(packet))
        }
        Step::Done(Decoded::Undecoded(_)) => {
            Step::Fragment(part, Decoded::Packet(self::packet(Transport::Fragment { id, protocol }, header, context)))
        }
        Step::Done(alone) => Step::Fragment(part, alone),
        fragment @ Step::Fragment(..) => fragment,
    }
}
