//! DHCP (RFC 2131, RFC 2132): who asks for an address, by which name and software, and which one it is given.
//!
//! Options are read in place: a broken one costs itself and those behind it, not those before.

use std::net::{IpAddr, Ipv4Addr};

use super::text::lossy;
use super::{Certainty, Field, Sighting, Source};
use crate::net::Mac;

/// The server's port and the client's.
pub const PORTS: [u16; 2] = [67, 68];

/// Where options begin: behind the fixed fields and the magic cookie.
const OPTIONS: usize = 240;
const COOKIE: [u8; 4] = [99, 130, 83, 99];
/// Options that are looked at.
const MAX_OPTIONS: usize = 128;

/// What a datagram says about the client.
pub fn parse(bytes: &[u8]) -> Vec<Sighting> {
    let Some(fixed) = bytes.first_chunk::<OPTIONS>() else { return Vec::new() };
    // BOOTP over Ethernet, with the cookie that says that options follow.
    if !matches!(fixed[0], 1 | 2) || fixed[1] != 1 || fixed[2] != 6 || fixed[236..] != COOKIE {
        return Vec::new();
    }
    let mut sighting = Sighting::new(Source::Dhcp);
    let [a, b, c, d, e, f] = [fixed[28], fixed[29], fixed[30], fixed[31], fixed[32], fixed[33]];
    let mac = Mac([a, b, c, d, e, f]);
    if mac.is_group() || mac.is_zero() {
        return Vec::new();
    }
    sighting.mac = Some(mac);
    let mut options = bytes.get(OPTIONS..).unwrap_or_default();
    let mut kind = 0;
    for _ in 0..MAX_OPTIONS {
        let (code, value) = match *options {
            [0, ref rest @ ..] => {
                options = rest;
                continue;
            }
            [255, ..] | [] | [_] => break,
            [code, length, ref rest @ ..] => {
                let Some((value, rest)) = rest.split_at_checked(usize::from(length)) else { break };
                options = rest;
                (code, value)
            }
        };
        match (code, value) {
            (53, [message]) => kind = *message,
            // What the client says of itself; a server may echo it.
            (12, name) => sighting.text(Field::Name, &lossy(name, 255), Certainty::Likely),
            (60, class) => sighting.software(&lossy(class, 255)),
            (55, list) if fixed[0] == 1 => {
                let numbers: Vec<String> = list.iter().take(48).map(ToString::to_string).collect();
                sighting.text(Field::Parameters, &numbers.join(","), Certainty::Sure);
            }
            _ => {}
        }
    }
    let given = Ipv4Addr::new(fixed[16], fixed[17], fixed[18], fixed[19]);
    let own = Ipv4Addr::new(fixed[12], fixed[13], fixed[14], fixed[15]);
    let usable = |address: &Ipv4Addr| !address.is_unspecified() && !address.is_broadcast() && !address.is_multicast();
    // An acknowledgement (5) gives the address; a request (3) for one may be declined, and is believed where the client
    // has it already.
    let address = match kind {
        5 => Some(given).filter(usable).or(Some(own).filter(usable)),
        3 | 8 => Some(own).filter(usable),
        _ => None,
    };
    sighting.address = address.map(IpAddr::V4);
    sighting.into_list()
}

#[cfg(test)]
mod tests {
    use super::super::DeviceKind;
    use super::super::check::{holds, texts};
    use super::*;

    fn message(op: u8, given: [u8; 4], options: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; OPTIONS];
        bytes[..3].copy_from_slice(&[op, 1, 6]);
        bytes[16..20].copy_from_slice(&given);
        bytes[28..34].copy_from_slice(&[0xac, 0xcc, 0x8e, 1, 2, 3]);
        bytes[236..].copy_from_slice(&COOKIE);
        bytes.extend(options);
        bytes
    }

    const DISCOVER: &[u8] = b"\x35\x01\x01\x0c\x11axis-accc8e010203\x3c\x0eAXIS,Camera,P1\x37\x04\x01\x03\x06\x2a\xff";

    #[test]
    fn a_client_tells_name_class_and_parameters() {
        let [found] = &parse(&message(1, [0; 4], DISCOVER))[..] else { panic!() };
        assert_eq!(found.mac, "ac:cc:8e:01:02:03".parse().ok());
        assert_eq!(found.address, None);
        assert_eq!(texts(found, Field::Name), ["axis-accc8e010203"]);
        assert_eq!(texts(found, Field::Software), ["AXIS,Camera,P1"]);
        assert_eq!(texts(found, Field::Parameters), ["1,3,6,42"]);
        assert_eq!(texts(found, Field::Maker), ["axis"]);
    }

    #[test]
    fn an_acknowledgement_tells_the_address() {
        let [found] = &parse(&message(2, [10, 0, 0, 9], b"\x35\x01\x05\xff"))[..] else { panic!() };
        assert_eq!(found.address, "10.0.0.9".parse().ok());
        let offer = &parse(&message(2, [10, 0, 0, 9], b"\x35\x01\x02\xff"))[0];
        assert_eq!(offer.address, None, "an offer gives nothing yet");
    }

    #[test]
    fn windows_is_no_camera_and_a_broken_option_costs_what_is_behind_it() {
        let windows = parse(&message(1, [0; 4], b"\x35\x01\x01\x3c\x08MSFT 5.0\x0c\xf0short"));
        assert_eq!(windows[0].kind().map(|(kind, _)| kind), Some(DeviceKind::Other));
        assert!(texts(&windows[0], Field::Name).is_empty());
    }

    holds!(&message(1, [0; 4], DISCOVER), parse);
}
