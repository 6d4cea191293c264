//! TLS ClientHellos: whole, and every beginning must give the same or wait.
#![no_main]

use camwatch::names::{Reading, tls};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|stream: &[u8]| {
    let whole = tls::hello(stream);
    let _ = tls::in_handshake(stream);
    if let (Reading::Found(half), Reading::Found(hello)) = (tls::hello(&stream[..stream.len() / 2]), &whole) {
        assert_eq!(half, *hello);
    }
    if let Reading::Found(hello) = whole {
        assert!(hello.alpn.len() <= tls::MAX_PROTOCOLS && !hello.name.chars().any(char::is_control));
    }
});
