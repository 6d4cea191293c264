//! LLDP (IEEE 802.1AB, with the inventory of ANSI/TIA-1057) and CDP: what a device tells the switch it is plugged into.

use std::net::{IpAddr, Ipv4Addr};

use super::super::DeviceKind;
use super::text::lossy;
use super::{Certainty, Field, Sighting, Source};
use crate::net::Mac;

/// The `EtherType` of LLDP.
pub const LLDP: u16 = 0x88cc;

/// Elements of one frame that are looked at.
const MAX_ELEMENTS: usize = 64;

/// What an LLDP frame says, from behind its `EtherType` on.
pub fn parse_lldp(bytes: &[u8]) -> Vec<Sighting> {
    let mut sighting = Sighting::new(Source::Lldp);
    let mut rest = bytes;
    let mut capabilities = 0;
    for _ in 0..MAX_ELEMENTS {
        let [a, b, ref body @ ..] = *rest else { break };
        let (kind, length) = (a >> 1, usize::from(u16::from_be_bytes([a & 1, b])));
        let Some((value, next)) = body.split_at_checked(length) else { break };
        rest = next;
        match (kind, value) {
            (0, _) => break,
            // Chassis and port: by MAC address.
            (1, &[4, a, b, c, d, e, f]) | (2, &[3, a, b, c, d, e, f]) if sighting.mac.is_none() => {
                sighting.mac = Some(Mac([a, b, c, d, e, f])).filter(|mac| !mac.is_group() && !mac.is_zero());
            }
            (5, name) => sighting.text(Field::Name, &lossy(name, 255), Certainty::Likely),
            (6, description) => describe(&mut sighting, &lossy(description, 255)),
            // What is enabled of what it can do.
            (7, &[_, _, high, low]) => capabilities = u16::from_be_bytes([high, low]),
            (8, &[5, 1, a, b, c, d, ..]) => sighting.address = usable(Ipv4Addr::new(a, b, c, d)),
            (127, [0x00, 0x12, 0xbb, subtype, text @ ..]) => {
                let text = lossy(text, 255);
                match subtype {
                    6 => sighting.text(Field::Firmware, &text, Certainty::Sure),
                    8 => sighting.text(Field::Serial, &text, Certainty::Sure),
                    9 => sighting.brand_words(&text),
                    10 => sighting.model(&text, Certainty::Sure),
                    _ => {}
                }
            }
            _ => {}
        }
    }
    // Bridge, access point, router, telephone, cable modem: none of them is a camera.
    if capabilities & 0b0111_1100 != 0 {
        sighting.kind_is(DeviceKind::Other, Certainty::Sure);
    }
    if sighting.facts.is_empty() { Vec::new() } else { sighting.into_list() }
}

/// What a CDP frame says, from its LLC header on (`aa aa 03 00 00 0c 20 00`).
pub fn parse_cdp(bytes: &[u8]) -> Vec<Sighting> {
    let [0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0, _version, _ttl, _, _, elements @ ..] = bytes else { return Vec::new() };
    let mut sighting = Sighting::new(Source::Cdp);
    let mut rest = elements;
    let mut capabilities = 0;
    for _ in 0..MAX_ELEMENTS {
        let [a, b, c, d, ..] = *rest else { break };
        let (kind, length) = (u16::from_be_bytes([a, b]), usize::from(u16::from_be_bytes([c, d])));
        let (Some(value), Some(next)) = (rest.get(4..length), rest.get(length..)) else { break };
        rest = next;
        match (kind, value) {
            (1, name) => sighting.text(Field::Name, &lossy(name, 255), Certainty::Likely),
            (2, &[0, 0, 0, 1, 1, 1, 0xcc, 0, 4, a, b, c, d, ..]) => {
                sighting.address = usable(Ipv4Addr::new(a, b, c, d));
            }
            (4, &[high, low, more, last]) => capabilities = u32::from_be_bytes([high, low, more, last]),
            (5, version) => sighting.text(Field::Firmware, &lossy(version, 255), Certainty::Likely),
            (6, platform) => describe(&mut sighting, &lossy(platform, 255)),
            _ => {}
        }
        if length < 4 {
            break;
        }
    }
    // Router, bridge, switch, phone.
    if capabilities & 0x8f != 0 {
        sighting.kind_is(DeviceKind::Other, Certainty::Sure);
    }
    if sighting.facts.is_empty() { Vec::new() } else { sighting.into_list() }
}

/// A free description: brand and model stand in it, most often one behind the other.
fn describe(sighting: &mut Sighting, text: &str) {
    sighting.software(text);
    // `AXIS P3245-LVE Network Camera 10.12`, `HIKVISION DS-2CD2143G0-I`: the family may begin at any word.
    let words: Vec<&str> = text.split([';', ',']).next().unwrap_or(text).split_whitespace().take(6).collect();
    for start in 0..words.len() {
        let axis = words.get(start).is_some_and(|word| word.eq_ignore_ascii_case("axis"));
        let end = (start + if axis { 2 } else { 1 }).min(words.len());
        let candidate = words.get(start..end).unwrap_or_default().join(" ");
        if super::model::of(&candidate).is_some_and(|known| known.maker.is_some()) {
            sighting.model(&candidate, Certainty::Likely);
            return;
        }
    }
    if let Some(known) = super::model::of(text) {
        sighting.kind_is(known.kind, Certainty::Likely);
    }
}

fn usable(address: Ipv4Addr) -> Option<IpAddr> {
    (!address.is_unspecified() && !address.is_multicast()).then_some(IpAddr::V4(address))
}

#[cfg(test)]
mod tests {
    use super::super::check::{holds, texts};
    use super::*;

    fn element(kind: u8, value: &[u8]) -> Vec<u8> {
        [&[kind << 1, value.len() as u8], value].concat()
    }

    fn frame() -> Vec<u8> {
        [
            element(1, &[4, 0xac, 0xcc, 0x8e, 1, 2, 3]),
            element(2, &[3, 0xac, 0xcc, 0x8e, 1, 2, 3]),
            element(3, &[0, 120]),
            element(5, b"axis-accc8e010203"),
            element(6, b"AXIS P3245-LVE Network Camera 10.12.91"),
            element(7, &[0, 128, 0, 128]),
            element(8, &[5, 1, 10, 0, 0, 9, 2, 0, 0, 0, 1, 0]),
            element(127, b"\x00\x12\xbb\x08ACCC8E010203"),
            element(0, &[]),
        ]
        .concat()
    }

    #[test]
    fn a_frame_tells_name_model_serial_and_address() {
        let [found] = &parse_lldp(&frame())[..] else { panic!() };
        assert_eq!(found.mac, "ac:cc:8e:01:02:03".parse().ok());
        assert_eq!(found.address, "10.0.0.9".parse().ok());
        assert_eq!(texts(found, Field::Model), ["AXIS P3245-LVE"]);
        assert_eq!(texts(found, Field::Serial), ["ACCC8E010203"]);
        assert_eq!(texts(found, Field::Maker), ["axis"]);
        assert_eq!(found.kind().map(|(kind, _)| kind), Some(DeviceKind::Camera));
    }

    #[test]
    fn a_switch_is_no_camera() {
        let switch = [element(5, b"sw1"), element(7, &[0, 4, 0, 4]), element(0, &[])].concat();
        assert_eq!(parse_lldp(&switch)[0].kind(), Some((DeviceKind::Other, Certainty::Sure)));
    }

    fn cdp() -> Vec<u8> {
        let mut bytes = vec![0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0, 2, 180, 0, 0];
        for (kind, value) in [(1_u16, &b"axis-accc8e010203"[..]), (4, &[0, 0, 0, 0x10]), (6, b"AXIS P3245-LVE")] {
            bytes.extend(kind.to_be_bytes());
            bytes.extend((value.len() as u16 + 4).to_be_bytes());
            bytes.extend(value);
        }
        bytes
    }

    #[test]
    fn cdp_tells_the_platform() {
        let [found] = &parse_cdp(&cdp())[..] else { panic!() };
        assert_eq!(texts(found, Field::Model), ["AXIS P3245-LVE"]);
        assert_eq!(texts(found, Field::Name), ["axis-accc8e010203"]);
    }

    holds!(&[cdp(), frame()].concat(), |bytes: &[u8]| [parse_lldp(bytes), parse_cdp(bytes)].concat());
}
