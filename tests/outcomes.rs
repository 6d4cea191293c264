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

/// The rules that tell of a capture.
fn rules(capture: &std::path::Path) -> Vec<String> {
    let document = read_json(&[capture.to_str().unwrap()]);
    let alerts = document["alerts"].as_array().unwrap();
    alerts.iter().map(|alert| alert["rule"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn many_calls_in_all_are_told_only_where_they_go_to_many() {
    let folder = tempfile::tempdir().unwrap();
    let calls = |destinations: u16| {
        let mut frames = Frames::default();
        for number in 0..700_u16 {
            let there = [120, 26, 96, (number % destinations) as u8];
            // In no rhythm.
            let at = f64::from(number) + f64::from(u32::from(number) * 7919 % 997) / 400.0;
            frames.syn(at, Way::to(there, 443, 10_000 + number), 1000);
        }
        rules(&frames.write(folder.path(), "calls.pcap"))
    };
    let alone = calls(1);
    assert!(alone.iter().any(|rule| rule == "overseas-rate"), "{alone:?}");
    assert!(!alone.iter().any(|rule| rule == "overseas-rate-all"), "{alone:?}");
    let spread = calls(7);
    assert!(!spread.iter().any(|rule| rule == "overseas-rate"), "{spread:?}");
    assert!(spread.iter().any(|rule| rule == "overseas-rate-all"), "{spread:?}");
}

#[test]
fn a_capture_that_steps_back_in_time_adds_no_two_days_up() {
    let folder = tempfile::tempdir().unwrap();
    let hundred = |begin: f64, port: u16| {
        let mut frames = Frames::default();
        for number in 0..100_u16 {
            frames.syn(begin + f64::from(number), Way::to(THERE, 443, port + number), 1000);
        }
        std::fs::read(frames.write(folder.path(), "part.pcap")).unwrap()
    };
    // The later day stands first in the file.
    let (later, earlier) = (hundred(86_400.0, 20_000), hundred(0.0, 30_000));
    let capture = folder.path().join("back.pcap");
    std::fs::write(&capture, [later.as_slice(), &earlier[24..]].concat()).unwrap();
    let told = rules(&capture);
    assert!(!told.iter().any(|rule| rule == "overseas-rate"), "{told:?}");
}
