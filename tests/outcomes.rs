//! What becomes of attempts, in captures made by hand.

mod support;

use support::frames::{Frames, Way};
use support::read_json;

const THERE: [u8; 4] = [120, 26, 96, 67];

#[test]
fn who_resets_an_own_attempt_was_not_answered() {
    let folder = tempfile::tempdir().unwrap();
    let (alone, again) = (Way::to(THERE, 443, 40_001), Way::to(THERE, 443, 40_002));
    let mut frames = Frames::default();
    frames.syn(0.0, alone, 1000);
    frames.reset(0.1, alone);
    // Another try from the same port begins while the first is remembered.
    frames.syn(0.0, again, 1000);
    frames.reset(0.1, again);
    frames.syn(1.0, again, 5000);
    // An hour later, so that every time for answers is over.
    frames.syn(3600.0, Way::to(THERE, 443, 40_003), 1000);
    let capture = frames.write(folder.path(), "reset.pcap");
    let totals = read_json(&[capture.to_str().unwrap()])["totals"].clone();
    let count = |key: &str| totals[key].as_u64().unwrap();
    assert_eq!((count("attempts"), count("answered"), count("unanswered")), (4, 0, 4), "{totals}");
}
