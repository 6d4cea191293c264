//! HTTP requests: whole and half.
#![no_main]

use camwatch::names::{Reading, http};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|stream: &[u8]| {
    for part in [stream, &stream[..stream.len() / 2]] {
        if let Reading::Found(host) = http::host(part) {
            assert!(http::may_begin(part) && !host.name.chars().any(char::is_control));
        }
    }
});
