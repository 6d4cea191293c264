//! Zeek's logs: TSV and JSON lines, plain and compressed.
#![no_main]

use std::io::Cursor;

use camwatch::source::zeek::ZeekLog;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Ok(mut log) = ZeekLog::from_reader("fuzz", Cursor::new(input.to_vec())) else { return };
    // A compressed input may unfold to very many lines: some are enough.
    for _ in 0..10_000 {
        if log.next_record().is_none() {
            break;
        }
    }
    let _ = log.damage();
});
