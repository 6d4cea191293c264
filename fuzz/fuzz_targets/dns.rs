//! DNS messages.
#![no_main]

use camwatch::names::dns;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|message: &[u8]| {
    let question = dns::is_question(message);
    match dns::read(message) {
        Some(read) => {
            assert!(!read.questions.is_empty() && read.questions.len() <= dns::MAX_QUESTIONS);
            assert!(read.answer.addresses.len() <= dns::MAX_ADDRESSES);
            assert!(read.questions.iter().all(|name| !name.chars().any(char::is_control)));
        }
        None => assert!(!question),
    }
});
