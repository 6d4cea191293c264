//! Capture files: pcap and pcapng, plain and compressed.
#![no_main]

use std::io::Cursor;

use camwatch::source::CaptureFile;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Ok(mut file) = CaptureFile::from_reader("fuzz", Cursor::new(input.to_vec())) else { return };
    // A compressed input may unfold to very many frames: some are enough.
    for _ in 0..10_000 {
        match file.next_frame() {
            Ok(Some(frame)) => assert!(frame.wire_len as usize >= frame.data.len()),
            Ok(None) => break,
            Err(damage) => {
                assert!(!damage.what.is_empty());
                assert!(matches!(file.next_frame(), Ok(None)), "after damage nothing comes");
                break;
            }
        }
    }
});
