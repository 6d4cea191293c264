//! Every real capture is read, and what is counted equals the truth that stands beside it.

mod support;

use std::collections::BTreeSet;

use serde_json::Value;
use support::{camwatch, shared_captures};

/// Where the truth and camwatch differ with reason: (file, what, why).
const DIFFERENCES: [(&str, &str, &str); 0] = [];

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
            let want: BTreeSet<&str> = truth[key].as_array().unwrap().iter().filter_map(Value::as_str).collect();
            check(key, format!("{have:?}"), format!("{want:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What of the truth is compared with which kind of name.
const NAMES: [(&str, &str); 4] =
    [("dns_queries", "dns"), ("tls_sni", "tls"), ("quic_sni", "quic"), ("http_hosts", "http")];
