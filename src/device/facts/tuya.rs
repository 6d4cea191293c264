//! Tuya's announcements: datagrams over UDP ports 6666 (plain) and 6667 (encrypted), broadcast every few seconds.
//!
//! Cameras, plugs and lamps of many brands run its firmware. The frame tells that; which device it is stands in an encrypted
//! part.

use super::{Certainty, Field, Sighting, Source};

/// The ports of announcements.
pub const PORTS: [u16; 2] = [6666, 6667];

/// What a datagram says.
pub fn parse(bytes: &[u8]) -> Vec<Sighting> {
    let [0, 0, 0x55, 0xaa, _, _, _, _, _, _, _, _, a, b, c, d, rest @ ..] = bytes else { return Vec::new() };
    // The stated length counts what follows it, to the end mark.
    if u32::from_be_bytes([*a, *b, *c, *d]) as usize != rest.len() || !rest.ends_with(&[0, 0, 0xaa, 0x55]) {
        return Vec::new();
    }
    let mut sighting = Sighting::new(Source::Tuya);
    sighting.text(Field::Maker, "tuya", Certainty::Sure);
    sighting.text(Field::Software, "Tuya's firmware", Certainty::Sure);
    sighting.into_list()
}

#[cfg(test)]
mod tests {
    use super::super::check::{holds, texts};
    use super::*;

    const ANNOUNCED: &[u8] = b"\0\0\x55\xaa\0\0\0\0\0\0\0\x13\0\0\0\x10\0\0\0\0encrypted!\0\0\xaa\x55";

    #[test]
    fn a_frame_tells_the_firmware_and_no_kind() {
        let whole = [&ANNOUNCED[..15], &[ANNOUNCED.len() as u8 - 16], &ANNOUNCED[16..]].concat();
        let [found] = &parse(&whole)[..] else { panic!() };
        assert_eq!(texts(found, Field::Maker), ["tuya"]);
        assert_eq!(found.kind(), None);
        assert!(parse(b"\0\0\x55\xaa").is_empty());
    }

    holds!(ANNOUNCED, parse);
}
