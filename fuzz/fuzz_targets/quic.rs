//! QUIC: datagrams of one client, each with its length in two bytes before it.
#![no_main]

use camwatch::names::{Reading, quic};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut initials = quic::Initials::default();
    let mut rest = input;
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_le_bytes(*length)).min(after.len());
        let (datagram, after) = after.split_at(length);
        let _ = quic::may_begin(datagram);
        if let Reading::Found(hello) = initials.take(datagram) {
            assert!(!hello.name.chars().any(char::is_control));
        }
        rest = after;
    }
});
