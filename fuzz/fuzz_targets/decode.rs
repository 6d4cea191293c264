//! The frame decoder: two bytes of link type, then a frame; whole, and cut in the middle.
#![no_main]

use camwatch::decode::{Decoded, Decoder, Duplicates, Prefilter, Transport};
use camwatch::source::{Frame, LinkType};
use camwatch::time::Timestamp;
use libfuzzer_sys::fuzz_target;

fn payload_len(decoded: &Decoded<'_>) -> usize {
    match decoded {
        Decoded::Packet(packet) => match &packet.payload {
            Transport::Tcp(tcp) => tcp.payload.len(),
            Transport::Udp(udp) => udp.payload.len(),
            _ => 0,
        },
        _ => 0,
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((link, data)) = input.split_first_chunk::<2>() else { return };
    let frame = |data| Frame {
        time: Timestamp::default(),
        link: LinkType(u16::from_le_bytes(*link)),
        interface: 0,
        wire_len: input.len() as u32,
        data,
    };
    let prefilter = Prefilter::new(&[], [53]);
    let mut duplicates = Duplicates::default();
    let mut decoder = Decoder::default();
    for part in [data, &data[..data.len() / 2], data] {
        let _ = prefilter.passes_over(&frame(part));
        let decoded = decoder.decode(&frame(part));
        // Fragments put together may hold more than one frame, but never more than an IP packet.
        assert!(payload_len(&decoded) <= 65_535);
        if let Decoded::Packet(packet) = &decoded {
            assert!(packet.reassembled || payload_len(&decoded) <= part.len());
            let _ = duplicates.is_one(packet);
        }
    }
});
