//! Every real capture is read, and what is counted equals the truth that stands beside it.

mod support;

use std::collections::BTreeSet;

use serde_json::Value;
use support::{camwatch, shared_captures};

/// Where the truth and camwatch differ with reason: (file, what, why).
const DIFFERENCES: [(&str, &str, &str); 2] = [
    (
        "malformed-fuzz-2594.pcap",
        "dns_queries",
        "two fuzzed questions: a reserved label type, which the truth has as \"<unknown extended label>\" and camwatch as no \
         name; and a label of control characters, which camwatch shows escaped and the truth leaves out",
    ),
    (
        "malformed-fuzz-28586.pcap",
        "http_hosts",
        "a fuzzed Host with a NUL byte, which the truth cuts there; a header with one is invalid (RFC 9110, section 5.5)",
    ),
];

/// The truth lists this many names of a kind, the first in the order of their bytes.
const TRUTH_LISTS: usize = 60;

#[test]
fn real_captures_equal_their_truth() {
    let Some(folder) = shared_captures() else { return };
    let truth: Value = serde_json::from_slice(&std::fs::read(folder.join("truth.json")).unwrap()).unwrap();
    let mut wrong = Vec::new();
    for (file, truth) in truth.as_object().unwrap() {
        let path = folder.join(file);
        let output = camwatch(&["read", "--json", "--watch", "all", path.to_str().unwrap()]);
        let read: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{file}: {error}"));
        let mut check = |what: &str, have: String, want: String| {
            let allowed = DIFFERENCES.iter().any(|(f, w, _)| *f == file && *w == what);
            println!("{file:32} {what:14} {have} {}", if have == want { "" } else { "DIFFERS" });
            if have != want && !allowed {
                wrong.push(format!("{file}: {what}: {have} is not {want}"));
            }
        };
        check("exit code", output.status.code().unwrap_or(-1).to_string(), "0".to_owned());
        check("packets", read["capture"]["packets"].to_string(), truth["packets"].to_string());
        check("tcp_attempts", read["totals"]["tcp_attempts"].to_string(), truth["tcp_attempts"].to_string());
        for (key, kind) in NAMES {
            let names = read["names"].as_array().unwrap().iter();
            let have: BTreeSet<&str> =
                names.filter(|name| name["kind"] == kind).filter_map(|name| name["name"].as_str()).collect();
            let have: BTreeSet<&str> = have.into_iter().take(TRUTH_LISTS).collect();
            let want: BTreeSet<&str> = truth[key].as_array().unwrap().iter().filter_map(Value::as_str).collect();
            check(key, format!("{have:?}"), format!("{want:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What of the truth is compared with which kind of name.
const NAMES: [(&str, &str); 4] =
    [("dns_queries", "dns"), ("tls_sni", "tls"), ("quic_sni", "quic"), ("http_hosts", "http")];
