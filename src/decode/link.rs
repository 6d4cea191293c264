//! Link layers and what stands between them and IP: tags, labels, PPP.

use std::net::{IpAddr, Ipv4Addr};

use super::cause::Cause;
use super::decoder::{Context, Decoded, MAX_DEPTH, Step, undecoded};
use super::{Macs, ip, wireless};
use crate::net::Mac;
use crate::source::LinkType;

#[inline]
pub(super) fn be16(data: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(data.get(at..at + 2)?.try_into().ok()?))
}

#[inline]
pub(super) fn be32(data: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(data.get(at..at + 4)?.try_into().ok()?))
}

#[inline]
fn mac(data: &[u8], at: usize) -> Option<Mac> {
    Some(Mac(data.get(at..at + 6)?.try_into().ok()?))
}

/// Decodes a frame of a link type (numbers: <https://www.tcpdump.org/linktypes.html>).
#[inline]
pub(super) fn decode<'a>(link: LinkType, data: &'a [u8], context: Context<'a>) -> Step<'a> {
    let cut = || undecoded(Cause::LinkCut);
    match link.0 {
        1 => ethernet(data, context),
        12 | 14 | 101 | 228 | 229 => ip::decode(data, context),
        0 => {
            match data.get(..4).and_then(|b| b.try_into().ok()).map(|b| (u32::from_le_bytes(b), u32::from_be_bytes(b)))
            {
                Some((2 | 10 | 24 | 28 | 30, _) | (_, 2 | 10 | 24 | 28 | 30)) => ip::decode(&data[4..], context),
                Some(_) => not_ip(0, &data[4..]),
                None => cut(),
            }
        }
        108 => match be32(data, 0) {
            Some(2 | 10 | 24 | 28 | 30) => ip::decode(&data[4..], context),
            Some(_) => not_ip(0, &data[4..]),
            None => cut(),
        },
        113 if data.len() >= 16 => {
            let macs = cooked_macs(be16(data, 2), be16(data, 4), mac(data, 6));
            cooked(be16(data, 14), &data[16..], Context { macs, ..context })
        }
        276 if data.len() >= 20 => {
            let macs = cooked_macs(be16(data, 8), Some(u16::from(data[11])), mac(data, 12));
            cooked(be16(data, 0), &data[20..], Context { macs, ..context })
        }
        239 => nflog(data, context),
        // Tags of switch chips, as a management port shows them: before the frame, or between addresses and EtherType.
        282 => ethernet(data.get(4..).unwrap_or_default(), context),
        281 | 284 => tagged(data, 4, context),
        285 => tagged(data, 8, context),
        9 | 50 => ppp(data, context),
        51 => pppoe(data, context),
        104 => match be16(data, 2) {
            Some(ethertype) => by_ethertype(ethertype, &data[4..], context),
            None => cut(),
        },
        105 => wireless::decode(data, context),
        127 => match data.get(2..4).and_then(|b| b.try_into().ok()).map(u16::from_le_bytes) {
            Some(length) if data.len() >= usize::from(length) => {
                wireless::decode(&data[usize::from(length)..], context)
            }
            _ => cut(),
        },
        113 | 276 => cut(),
        _ => undecoded(Cause::Link(link)),
    }
}

fn not_ip(ethertype: u16, payload: &[u8]) -> Step<'_> {
    Step::Done(Decoded::NotIp { ethertype, payload })
}

/// The sender's address in a cooked header, where it is a MAC address of Ethernet or loopback.
fn cooked_macs(hardware: Option<u16>, length: Option<u16>, source: Option<Mac>) -> Option<Macs> {
    let source = source.filter(|mac| hardware == Some(1) && length == Some(6) && !mac.is_zero())?;
    Some(Macs { source, destination: Mac([0; 6]) })
}

fn cooked<'a>(protocol: Option<u16>, data: &'a [u8], context: Context<'a>) -> Step<'a> {
    match protocol {
        // ETH_P_802_3, ETH_P_802_2: what follows is LLC.
        Some(1 | 4) => llc(data, context),
        Some(ethertype) => by_ethertype(ethertype, data, context),
        None => undecoded(Cause::LinkCut),
    }
}

#[inline]
pub(super) fn ethernet<'a>(data: &'a [u8], context: Context<'a>) -> Step<'a> {
    let (Some(destination), Some(source), Some(ethertype)) = (mac(data, 0), mac(data, 6), be16(data, 12)) else {
        return undecoded(Cause::LinkCut);
    };
    let context = Context { macs: Some(Macs { source, destination }), ..context };
    by_ethertype(ethertype, &data[14..], context)
}

/// An Ethernet frame with a switch's tag of `length` bytes before its `EtherType`.
fn tagged<'a>(data: &'a [u8], length: usize, context: Context<'a>) -> Step<'a> {
    let (Some(destination), Some(source), Some(ethertype)) = (mac(data, 0), mac(data, 6), be16(data, 12 + length))
    else {
        return undecoded(Cause::LinkCut);
    };
    let context = Context { macs: Some(Macs { source, destination }), ..context };
    by_ethertype(ethertype, &data[14 + length..], context)
}

#[inline]
pub(super) fn by_ethertype<'a>(ethertype: u16, data: &'a [u8], context: Context<'a>) -> Step<'a> {
    let (mut ethertype, mut data, mut context) = (ethertype, data, context);
    loop {
        match ethertype {
            0x0800 | 0x86dd => return ip::decode(data, context),
            // 802.1Q, 802.1ad and what switches used before it.
            0x8100 | 0x88a8 | 0x9100 | 0x9200 | 0x9300 => {
                let (Some(tag), Some(next)) = (be16(data, 0), be16(data, 2)) else {
                    return undecoded(Cause::LinkCut);
                };
                context.vlan = Some(tag & 0x0fff);
                (ethertype, data) = (next, &data[4..]);
            }
            // 802.1BR and VN-Tag stand like a VLAN tag, but longer.
            0x893f | 0x8926 => {
                let tag = if ethertype == 0x893f { 6 } else { 4 };
                let Some(next) = be16(data, tag) else { return undecoded(Cause::LinkCut) };
                (ethertype, data) = (next, &data[tag + 2..]);
            }
            0x8847 | 0x8848 => return mpls(data, context),
            0x8864 => return pppoe(data, context),
            0x880b => return ppp(data, context),
            // 802.1ah: the I-tag, then the customer's frame.
            0x88e7 => return deeper(context, |context| ethernet(data.get(4..).unwrap_or_default(), context)),
            0x6558 => return deeper(context, |context| ethernet(data, context)),
            0x0806 => return arp(data),
            0x88e5 => return undecoded(Cause::Encrypted),
            0x22f3 => return undecoded(Cause::Protocol("TRILL")),
            0x8903 => return undecoded(Cause::Protocol("FabricPath")),
            0x894f => return undecoded(Cause::Protocol("NSH")),
            0x8909 => return undecoded(Cause::Protocol("Cisco MetaData")),
            0..=1500 => return llc(data, context),
            _ => return not_ip(ethertype, data),
        }
    }
}

/// One tunnel deeper, if that is not too deep.
pub(super) fn deeper<'a>(context: Context<'a>, inner: impl FnOnce(Context<'a>) -> Step<'a>) -> Step<'a> {
    if context.depth >= MAX_DEPTH {
        return undecoded(Cause::TooDeep);
    }
    inner(Context { depth: context.depth + 1, ..context })
}

fn arp(data: &[u8]) -> Step<'_> {
    if data.len() >= 28
        && data[..6] == [0, 1, 8, 0, 6, 4]
        && let Some(mac) = mac(data, 8)
    {
        let address = IpAddr::V4(Ipv4Addr::new(data[14], data[15], data[16], data[17]));
        return Step::Done(Decoded::Arp { mac, address });
    }
    not_ip(0x0806, data)
}

pub(super) fn llc<'a>(data: &'a [u8], context: Context<'a>) -> Step<'a> {
    match data {
        // SNAP (RFC 1042) with the OUI of encapsulated Ethernet, or of bridge tunnels.
        [0xaa, 0xaa, 3, 0, 0, 0 | 0xf8, high, low, rest @ ..] => {
            deeper(context, |context| by_ethertype(u16::from_be_bytes([*high, *low]), rest, context))
        }
        // IP straight in LLC (RFC 948).
        [6, 6, 3, rest @ ..] => ip::decode(rest, context),
        _ => not_ip(0, data),
    }
}

pub(super) fn mpls<'a>(data: &'a [u8], context: Context<'a>) -> Step<'a> {
    let mut rest = data;
    loop {
        let Some(label) = be32(rest, 0) else { return undecoded(Cause::LinkCut) };
        rest = &rest[4..];
        if label & 0x100 != 0 {
            break;
        }
    }
    // No field says what a label stack carries: the first nibble does (RFC 4385, section 2, RFC 8469).
    deeper(context, |context| match rest.first().map(|byte| byte >> 4) {
        Some(4 | 6) if ip::plausible(rest) => ip::decode(rest, context),
        Some(0) => ethernet(rest.get(4..).unwrap_or_default(), context),
        Some(_) => ethernet(rest, context),
        None => undecoded(Cause::LinkCut),
    })
}

fn pppoe<'a>(data: &'a [u8], context: Context<'a>) -> Step<'a> {
    // RFC 2516, section 4: version 1, type 1, code 0 for session data.
    match data {
        [0x11, 0, _, _, _, _, rest @ ..] => deeper(context, |context| ppp(rest, context)),
        [0x11, ..] => not_ip(0x8864, data),
        _ => undecoded(Cause::LinkCut),
    }
}

pub(super) fn ppp<'a>(data: &'a [u8], context: Context<'a>) -> Step<'a> {
    let data = data.strip_prefix(&[0xff, 3]).or_else(|| data.strip_prefix(&[0x0f, 0])).unwrap_or(data);
    // An odd first byte is a protocol number compressed to one byte (RFC 1661, section 6.5).
    let (protocol, rest) = match data {
        [one, rest @ ..] if one & 1 == 1 => (u16::from(*one), rest),
        [high, low, rest @ ..] => (u16::from_be_bytes([*high, *low]), rest),
        _ => return undecoded(Cause::LinkCut),
    };
    match protocol {
        0x0021 | 0x0057 | 0x0800 | 0x86dd => ip::decode(rest, context),
        0x0281 | 0x0283 => mpls(rest, context),
        0x003d => undecoded(Cause::Protocol("PPP multilink")),
        0x00fd | 0x0053 => undecoded(Cause::Protocol("compressed or encrypted PPP")),
        _ => not_ip(protocol, rest),
    }
}

fn nflog<'a>(data: &'a [u8], context: Context<'a>) -> Step<'a> {
    // Attributes in the byte order of the machine that captured; every such machine in use is little-endian.
    const PAYLOAD: u16 = 9;
    let Some(mut rest) = data.get(4..) else { return undecoded(Cause::LinkCut) };
    loop {
        let [a, b, c, d, ..] = *rest else { return undecoded(Cause::LinkCut) };
        let (length, kind) = (usize::from(u16::from_le_bytes([a, b])), u16::from_le_bytes([c, d]));
        if length < 4 {
            return undecoded(Cause::LinkCut);
        }
        if kind & 0x7fff == PAYLOAD {
            return ip::decode(rest.get(4..length.min(rest.len())).unwrap_or_default(), context);
        }
        let Some(next) = rest.get(length.next_multiple_of(4)..) else { return undecoded(Cause::LinkCut) };
        rest = next;
    }
}
