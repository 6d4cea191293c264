//! IEEE 802.11 data frames, as captured on air or carried in CAPWAP.

use super::cause::Cause;
use super::decoder::{Context, Decoded, Step, undecoded};
use super::{Macs, link};
use crate::net::Mac;

/// Decodes an 802.11 frame (IEEE 802.11-2020, section 9.2).
pub(super) fn decode<'a>(data: &'a [u8], context: Context<'a>) -> Step<'a> {
    let &[control, flags, ..] = data else { return undecoded(Cause::LinkCut) };
    let (kind, subtype) = (control >> 2 & 3, control >> 4);
    // Only data frames carry anything; bit 2 of the subtype marks those without.
    if kind != 2 || subtype & 4 != 0 {
        return Step::Done(Decoded::NotIp { ethertype: 0, payload: data });
    }
    if flags & 0x40 != 0 {
        return undecoded(Cause::Encrypted);
    }
    let (to_ds, from_ds) = (flags & 1 != 0, flags & 2 != 0);
    let mut header = 24;
    if to_ds && from_ds {
        header += 6;
    }
    if subtype & 8 != 0 {
        header += 2;
        // An HT control field follows in QoS frames with the order bit.
        if flags & 0x80 != 0 {
            header += 4;
        }
    }
    let address = |at: usize| data.get(at..at + 6).and_then(|b| b.try_into().ok()).map(Mac);
    let (destination, source) = match (to_ds, from_ds) {
        (false, false) => (address(4), address(10)),
        (false, true) => (address(4), address(16)),
        (true, false) => (address(16), address(10)),
        (true, true) => (address(16), address(24)),
    };
    let (Some(destination), Some(source), Some(rest)) = (destination, source, data.get(header..)) else {
        return undecoded(Cause::LinkCut);
    };
    link::llc(rest, Context { macs: Some(Macs { source, destination }), ..context })
}
