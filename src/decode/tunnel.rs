//! Tunnels that carry frames or packets in IP: GRE and ERSPAN, VXLAN, Geneve, GTP-U, Teredo, CAPWAP.

use super::cause::Cause;
use super::decoder::{Context, Decoded, Step, undecoded};
use super::ip::{self, Header};
use super::link::{be16, by_ethertype, deeper, ethernet, ppp};
use super::wireless;

const GENEVE: u16 = 6081;
const GTP_U: u16 = 2152;
const TEREDO: u16 = 3544;
const CAPWAP_DATA: u16 = 5247;

/// GRE (RFC 2784, RFC 2890), PPTP's variant (RFC 2637) and ERSPAN (draft-foschiano-erspan).
pub(super) fn gre<'a>(data: &'a [u8], header: Header, context: Context<'a>) -> Step<'a> {
    let (Some(flags), Some(protocol)) = (be16(data, 0), be16(data, 2)) else {
        return undecoded(Cause::TransportCut);
    };
    let (checksum, routing, key, sequence) =
        (flags & 0x8000 != 0, flags & 0x4000 != 0, flags & 0x2000 != 0, flags & 0x1000 != 0);
    let version = flags & 7;
    let mut at = 4;
    match version {
        0 => at += 4 * (usize::from(checksum || routing) + usize::from(key) + usize::from(sequence)),
        1 => at += 4 * (usize::from(key) + usize::from(sequence) + usize::from(flags & 0x80 != 0)),
        _ => return ip::other(47, header, context),
    }
    if version == 0 && routing {
        // Source route entries (RFC 1701) up to an empty one.
        loop {
            let (Some(family), Some(&length)) = (be16(data, at), data.get(at + 3)) else {
                return undecoded(Cause::TransportCut);
            };
            at += 4 + usize::from(length);
            if family == 0 && length == 0 {
                break;
            }
        }
    }
    let Some(inner) = data.get(at..) else { return undecoded(Cause::TransportCut) };
    // A keep-alive or an acknowledgement alone.
    if inner.is_empty() {
        return ip::other(47, header, context);
    }
    deeper(context, |context| match protocol {
        // ERSPAN I has no header of its own and no GRE sequence number, II has both.
        0x88be if !sequence => ethernet(inner, context),
        0x88be => ethernet(inner.get(8..).unwrap_or_default(), context),
        0x22eb => {
            // The last bit of the header says whether a platform's own 8 bytes follow.
            let more = if inner.get(11).is_some_and(|byte| byte & 1 != 0) { 8 } else { 0 };
            ethernet(inner.get(12 + more..).unwrap_or_default(), context)
        }
        0x880b => ppp(inner, context),
        // WCCP puts its redirect header of 4 bytes before the packet, or not.
        0x883e if ip::plausible(inner) => ip::decode(inner, context),
        0x883e => ip::decode(inner.get(4..).unwrap_or_default(), context),
        _ => by_ethertype(protocol, inner, context),
    })
}

/// What a UDP datagram to a tunnel's port carries, if that looks right; else it is a datagram like any other.
pub(super) fn in_udp<'a>(source: u16, destination: u16, data: &'a [u8], context: Context<'a>) -> Option<Step<'a>> {
    let inner = |decode: &dyn Fn(Context<'a>) -> Step<'a>| match deeper(context, decode) {
        // Cut off within: the outer addresses are a tunnel's all the same. Else it was no tunnel.
        Step::Done(Decoded::Undecoded(cause)) if cause != Cause::TooDeep && context.cut == 0 => None,
        step => Some(step),
    };
    if context.options.vxlan_ports.contains(&destination) {
        // RFC 7348, section 5: the I flag, and zeros but for the VNI. With the P flag (draft-ietf-nvo3-vxlan-gpe) a
        // next-protocol octet says what follows.
        return match data {
            [flags, _, _, next, _, _, _, _, rest @ ..] if flags & 0x0c == 0x0c => match next {
                1 | 2 if ip::plausible(rest) => inner(&|context| ip::decode(rest, context)),
                3 => inner(&|context| ethernet(rest, context)),
                _ => None,
            },
            [flags, _, _, _, _, _, _, _, rest @ ..] if flags & 0x08 != 0 && frame_like(rest) => {
                inner(&|context| ethernet(rest, context))
            }
            _ => None,
        };
    }
    match destination {
        GENEVE => match data {
            // RFC 8926, section 3.4: version 0, options in words of 4 bytes.
            [first, ..] if first >> 6 == 0 => {
                let protocol = be16(data, 2)?;
                let rest = data.get(8 + usize::from(first & 0x3f) * 4..)?;
                inner(&|context| by_ethertype(protocol, rest, context))
            }
            _ => None,
        },
        GTP_U => gtp(data).filter(|rest| ip::plausible(rest)).and_then(|rest| inner(&|c| ip::decode(rest, c))),
        CAPWAP_DATA => capwap(data).and_then(|(native, rest)| {
            if native { inner(&|context| wireless::decode(rest, context)) } else { inner(&|c| ethernet(rest, c)) }
        }),
        _ if source == CAPWAP_DATA => capwap(data).and_then(|(native, rest)| {
            if native { inner(&|context| wireless::decode(rest, context)) } else { inner(&|c| ethernet(rest, c)) }
        }),
        _ if source == TEREDO || destination == TEREDO => {
            let rest = teredo(data)?;
            (rest.first()? >> 4 == 6 && ip::plausible(rest)).then_some(())?;
            let stated = usize::from(be16(rest, 4)?) + 40;
            (stated <= rest.len() + context.cut as usize).then_some(())?;
            inner(&|context| ip::decode(rest, context))
        }
        _ => None,
    }
}

/// Whether this may well be an Ethernet frame.
fn frame_like(data: &[u8]) -> bool {
    data.len() >= 14
}

/// GTP-U (3GPP TS 29.281, section 5): the packet in a G-PDU.
fn gtp(data: &[u8]) -> Option<&[u8]> {
    let (&flags, &kind) = (data.first()?, data.get(1)?);
    if flags >> 5 != 1 || flags & 0x10 == 0 || kind != 255 {
        return None;
    }
    if flags & 7 == 0 {
        return data.get(8..);
    }
    let (mut next, mut at) = (*data.get(11)?, 12);
    if flags & 4 == 0 {
        next = 0;
    }
    for _ in 0..8 {
        if next == 0 {
            return data.get(at..);
        }
        let words = usize::from(*data.get(at)?);
        if words == 0 {
            return None;
        }
        next = *data.get(at + words * 4 - 1)?;
        at += words * 4;
    }
    None
}

/// Teredo (RFC 4380, section 5.1.1): authentication and origin may stand before the packet.
fn teredo(data: &[u8]) -> Option<&[u8]> {
    let mut rest = data;
    if rest.starts_with(&[0, 1]) {
        let (id, auth) = (usize::from(*rest.get(2)?), usize::from(*rest.get(3)?));
        rest = rest.get(4 + id + auth + 9..)?;
    }
    if rest.starts_with(&[0, 0]) {
        rest = rest.get(8..)?;
    }
    Some(rest)
}

/// CAPWAP data (RFC 5415, section 4.3): whether it carries 802.11, and the frame.
fn capwap(data: &[u8]) -> Option<(bool, &[u8])> {
    let &[preamble, length, _, flags, ..] = data else { return None };
    // Type 0 is in the clear; fragments other than whole frames are left alone.
    if preamble != 0 || flags & 0x80 != 0 {
        return None;
    }
    let header = usize::from(length >> 3) * 4;
    // T: the payload is as WBID says, 802.11 for 1; else 802.3. K: keep-alive.
    let native = flags & 1 != 0;
    (header >= 8 && flags & 0x08 == 0).then_some(())?;
    Some((native, data.get(header..)?))
}
