//! `kind = "volume"`: bytes that a camera sends to a destination, or overseas in all, over a sliding window.

use std::time::Duration;

use super::Kind;
use super::rate::{Per, Rate};
use crate::settings::{Bytes, Problems, Section};

pub(super) fn read(section: &mut Section<'_, '_>, problems: &mut Problems<'_>) -> Option<Kind> {
    let per = Per::read(section, problems);
    let bytes: Option<Bytes> = section.get("bytes", problems);
    let window = section.get("window", problems).unwrap_or(Duration::from_secs(3600));
    let clear: Option<Bytes> = section.get("clear", problems);
    let Some(Bytes(bytes)) = bytes else {
        let message = "a volume rule needs `bytes`: how many within the window are too many, as in bytes = \"200 MiB\"";
        problems.add(section.span_of("bytes"), message);
        return None;
    };
    if bytes == 0 {
        problems.add(section.span_of("bytes"), "`bytes` must be 1 or more");
        return None;
    }
    // The traffic of an open connection is told once a minute.
    if window < Duration::from_secs(300) || window > Duration::from_secs(86_400) {
        problems.add(section.span_of("window"), "`window` must be between 5 min and 24 h");
        return None;
    }
    let clear = clear.map_or(bytes / 5 * 4, |Bytes(clear)| clear);
    if clear > bytes {
        problems.add(section.span_of("clear"), format!("`clear` must not be above `bytes` ({bytes})"));
        return None;
    }
    Some(Kind::Rate(Rate::of_bytes(per, bytes, clear, window)))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, rule};
    use crate::track::Traffic;

    const MIB: u64 = 1 << 20;

    fn sent(bytes_out: u64) -> Traffic {
        Traffic { bytes_out, packets_out: 1, ..Traffic::default() }
    }

    #[test]
    fn many_bytes_within_the_window_are_found_until_they_fall_below_the_clear_level() {
        let mut bench = Bench::new("volume", "bytes = \"100 MiB\"\nwindow = \"30 min\"\nclear = \"50 MiB\"");
        bench.traffic(0, "120.26.96.67", sent(60 * MIB));
        assert!(bench.look(10).is_empty());
        bench.traffic(600, "120.26.96.67", sent(40 * MIB));
        let found = bench.look(610);
        assert!(
            found[0].contains("CN") && found[0].contains("100 MiB within 30 min (the rule allows less than 100 MiB)")
        );
        assert!(bench.look(900).is_empty(), "told once");
        assert_eq!(bench.look(1900), ["- destination 120.26.96.67"], "40 MiB are left");
    }

    #[test]
    fn ends_too_where_all_leaves_the_window_at_once() {
        let mut bench = Bench::new("volume", "bytes = \"100 MiB\"\nwindow = \"30 min\"");
        bench.traffic(0, "120.26.96.67", sent(100 * MIB));
        assert_eq!(bench.look(10).len(), 1);
        assert_eq!(bench.look(1900), ["- destination 120.26.96.67"]);
    }

    #[test]
    fn spread_over_destinations_it_is_found_per_camera_only() {
        let send = |keys: &str| {
            let mut bench = Bench::new("volume", keys);
            for (at, address) in (0..).zip(["120.26.96.67", "8.8.8.8", "47.91.72.11"]) {
                bench.traffic(at, address, sent(40 * MIB));
            }
            bench.look(10)
        };
        assert!(send("bytes = \"100 MiB\"").is_empty());
        assert!(send("bytes = \"100 MiB\"\nper = \"camera\"")[0].contains("sent destinations overseas 120 MiB"));
    }

    #[test]
    fn every_wrong_key_is_told() {
        for (keys, expected) in [
            ("", "a volume rule needs `bytes`"),
            ("bytes = 0", "must be 1 or more"),
            ("bytes = \"1 GB\"", "write a size such as \"64 MiB\""),
            ("bytes = 10\nclear = 11", "r.toml:4:9: `clear` must not be above `bytes`"),
            ("bytes = 10\nwindow = \"1 min\"", "r.toml:4:10: `window` must be between 5 min and 24 h"),
        ] {
            let problems = rule("volume", keys).unwrap_err();
            assert!(problems.iter().any(|problem| problem.contains(expected)), "{expected}: {problems:?}");
        }
    }
}
