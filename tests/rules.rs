//! Rules that a council declares, on captures, through the program.

mod support;

use std::path::Path;

use serde_json::Value;
use support::frames::{Frames, Way};
use support::{camwatch, read_json, text};

const HOME: [u8; 4] = [212, 58, 244, 20];
const CHINA: [u8; 4] = [120, 26, 96, 67];
/// In the US, and a Chinese network's.
const ALIBABA_US: [u8; 4] = [47, 91, 72, 11];

/// Alerts of one rule, alone, on a capture; two reads must agree.
fn alerts(rule: &str, frames: Frames) -> Vec<Value> {
    let folder = tempfile::tempdir().unwrap();
    alerts_in(folder.path(), rule, frames)
}

fn alerts_in(folder: &Path, rule: &str, frames: Frames) -> Vec<Value> {
    let config = folder.join("camwatch.toml");
    std::fs::write(&config, format!("[rules]\ndefaults = false\n[[rule]]\nname = \"r\"\n{rule}\n")).unwrap();
    let capture = frames.write(folder, "c.pcap");
    let arguments = ["--config", config.to_str().unwrap(), capture.to_str().unwrap()];
    let document = read_json(&arguments);
    assert_eq!(document, read_json(&arguments), "two reads differ");
    document["alerts"].as_array().unwrap().clone()
}

/// The camera opens a connection to each, one a second.
fn calls(destinations: &[([u8; 4], u16)]) -> Frames {
    let mut frames = Frames::default();
    for (at, (address, port)) in (0_u16..).zip(destinations) {
        frames.open(f64::from(at), Way::to(*address, *port, 40_000 + at));
    }
    frames
}

#[test]
fn the_examples_are_right_and_are_printed_back() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/rules/examples.toml");
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("camwatch.toml");
    std::fs::write(&config, format!("[rules]\ndefaults = false\nfiles = [\"{}\"]\n", examples.display())).unwrap();
    let output = camwatch(&["check", "--config", config.to_str().unwrap()]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let (printed, written) = (text(&output.stdout), std::fs::read_to_string(&examples).unwrap());
    assert_eq!(printed.matches("[[rule]]").count(), written.lines().filter(|line| *line == "[[rule]]").count());
    std::fs::write(&config, &printed).unwrap();
    let again = camwatch(&["check", "--config", config.to_str().unwrap()]);
    assert_eq!(text(&again.stdout), printed, "what is printed reads back as itself: {}", text(&again.stderr));
}

const POLICY: &str = "kind = \"policy\"\nallow_countries = [\"GB\", \"IE\"]\nallow_names = [\"*.pool.ntp.org\"]\n\
                      runbook = \"https://intranet.example/cameras#policy\"";

#[test]
fn policy_finds_what_is_not_allowed_and_only_that() {
    let found = alerts(POLICY, calls(&[(HOME, 443), (CHINA, 443)]));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0]["subject"].as_str().unwrap().ends_with("→ 120.26.96.67"), "{found:?}");
    assert!(found[0]["summary"].as_str().unwrap().contains("the policy allows only GB, IE, *.pool.ntp.org"));
    assert_eq!(found[0]["runbook"], "https://intranet.example/cameras#policy");
    assert_eq!(found[0]["evidence"]["members"][0]["evidence"]["breach"]["part"], "destination");
    assert_eq!(alerts(POLICY, calls(&[(HOME, 443), ([3, 250, 10, 20], 443)])), Vec::<Value>::new());
}

#[test]
fn policy_lets_a_name_through_wherever_it_stands() {
    let mut frames = calls(&[(HOME, 443)]);
    let resolver = Way::to([10, 0, 0, 53], 53, 5353);
    frames.udp(10.0, resolver, &support::frames::dns_question(7, "0.pool.ntp.org"));
    let answer = support::frames::dns_answer(7, "0.pool.ntp.org", "x.example.org", CHINA);
    frames.udp(10.1, resolver.back(), &answer);
    frames.udp(10.2, Way::to(CHINA, 123, 123), &[0x23; 48]);
    assert_eq!(alerts(POLICY, frames), Vec::<Value>::new());
}

#[test]
fn policy_finds_a_chinese_owner_wherever_the_server_stands() {
    let rule = "kind = \"policy\"\ndeny_owner_countries = [\"CN\"]\nby = \"owner\"";
    let found = alerts(rule, calls(&[(HOME, 443), ([8, 8, 8, 8], 443), (ALIBABA_US, 443)]));
    assert_eq!(found.len(), 1, "{found:?}");
    let breach = &found[0]["evidence"]["members"][0]["evidence"]["breach"];
    assert_eq!(*breach, serde_json::json!({ "part": "deny_owner_countries", "found": "CN" }));
    assert_eq!(alerts(rule, calls(&[(HOME, 443), ([8, 8, 8, 8], 443)])), Vec::<Value>::new());
}

#[test]
fn rules_are_narrowed_by_maker_kind_range_and_hours() {
    // The camera is 10.20.0.1 with a MAC address of Hikvision's, and the capture begins at 09:00 UTC on a Wednesday.
    for (narrowing, fires) in [
        ("vendors = [\"*hikvision*\"]", true),
        ("vendors = [\"axis*\"]", false),
        ("camera_kinds = [\"camera\"]", true),
        ("camera_kinds = [\"recorder\"]", false),
        ("camera_ranges = [\"10.20.0.0/24\"]", true),
        ("camera_ranges = [\"10.21.0.0/24\"]", false),
        ("hours = \"22:00-06:00\"", false),
        ("hours = [\"22:00-06:00\", \"08:30-09:30\"]", true),
        ("days = [\"wed\"]", true),
        ("days = [\"sat\", \"sun\"]", false),
        ("hours = \"10:00-10:30\"\nzone = \"Europe/London\"", true),
    ] {
        let found = alerts(&format!("{POLICY}\n{narrowing}"), calls(&[(CHINA, 443)]));
        assert_eq!(found.len(), usize::from(fires), "{narrowing}: {found:?}");
    }
}

#[test]
fn listed_finds_addresses_and_names_on_a_list_and_only_these() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("bad.txt"), "# bad\n120.26.96.0/24\nevil.example\n").unwrap();
    let rule = "kind = \"listed\"\nlists = [\"bad.txt\"]";
    let mut frames = calls(&[(HOME, 443), (CHINA, 443)]);
    let resolver = Way::to([10, 0, 0, 53], 53, 5353);
    frames.udp(10.0, resolver, &support::frames::dns_question(7, "www.evil.example"));
    let found = alerts_in(folder.path(), rule, frames);
    let groups: Vec<&Value> =
        found.iter().map(|alert| &alert["evidence"]["members"][0]["evidence"]["breach"]).collect();
    assert_eq!(groups.len(), 2, "{found:?}");
    assert_eq!((&groups[0]["entry"], &groups[0]["line"]), (&Value::from("120.26.96.0/24"), &Value::from(2)));
    assert_eq!((&groups[1]["entry"], &groups[1]["line"]), (&Value::from("evil.example"), &Value::from(3)));

    let mut frames = calls(&[(HOME, 443), ([120, 26, 97, 67], 443)]);
    frames.udp(10.0, resolver, &support::frames::dns_question(7, "notevil.example"));
    assert_eq!(alerts_in(folder.path(), rule, frames), Vec::<Value>::new());
}

#[test]
fn a_bad_line_of_a_list_fails_the_check_and_not_the_reading() {
    let folder = tempfile::tempdir().unwrap();
    let list = folder.path().join("bad.txt");
    std::fs::write(&list, "120.26.96.67\n120.26.96.300\n").unwrap();
    let config = folder.path().join("camwatch.toml");
    let rule = "[rules]\ndefaults = false\n[[rule]]\nname = \"r\"\nkind = \"listed\"\nlists = [\"bad.txt\"]\n";
    std::fs::write(&config, rule).unwrap();
    let (list, config) = (list.to_str().unwrap(), config.to_str().unwrap());
    let output = camwatch(&["check", "--config", config]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains(&format!("{list}:2:1: `120.26.96.300` is no entry")));
    let capture = calls(&[(CHINA, 443)]).write(folder.path(), "c.pcap");
    let output = camwatch(&["read", "--config", config, capture.to_str().unwrap()]);
    assert!(output.status.success() && text(&output.stderr).contains("bad.txt:2:1"), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("WARNING r since"), "{}", text(&output.stdout));
}

/// A connection on which the camera sends `bytes` a time.
fn uploads(times: impl IntoIterator<Item = u32>, bytes: usize) -> Frames {
    let mut frames = Frames::default();
    let way = Way::to(CHINA, 443, 40_000);
    frames.open(0.0, way);
    let mut sequence = 0;
    for at in times {
        frames.tcp(f64::from(at) + 1.0, way, sequence, &vec![7; bytes]);
        sequence += bytes as u32;
    }
    frames
}

#[test]
fn volume_finds_what_leaves_within_the_window_and_resolves() {
    let rule = "kind = \"volume\"\nbytes = \"100 KiB\"\nwindow = \"10 min\"";
    // 130 × 1,400 bytes in 130 s; then now and then, and again an hour later.
    let found = alerts(rule, uploads((0..130).chain([200, 300, 3600]), 1400));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["state"], "resolved", "{found:?}");
    let evidence = &found[0]["evidence"]["members"][0]["evidence"];
    assert!(evidence["bytes_in_window"].as_u64().unwrap() >= 80 * 1400, "{found:?}");
    assert!(found[0]["summary"].as_str().unwrap().contains("(the rule allows less than 100 KiB)"), "{found:?}");
    // As much, spread over 80 minutes; and a little less.
    assert_eq!(alerts(rule, uploads((0..80).map(|at| at * 60), 1400)), Vec::<Value>::new());
    assert_eq!(alerts(rule, uploads(0..69, 1400)), Vec::<Value>::new());
}

#[test]
fn long_finds_one_connection_that_lasts_and_not_many_short_ones() {
    let rule = "kind = \"long\"\nafter = \"1 h\"";
    let found = alerts(rule, uploads((0..70).map(|at| at * 60), 10));
    assert_eq!(found.len(), 1, "{found:?}");
    let lasted = found[0]["evidence"]["members"][0]["evidence"]["lasted_s"].as_u64().unwrap();
    assert!((3600..=4200).contains(&lasted), "{lasted}");
    assert_eq!(alerts(rule, uploads((0..59).map(|at| at * 60), 10)), Vec::<Value>::new());

    let mut short = Frames::default();
    for at in 0..70_u16 {
        short.open(f64::from(at) * 60.0, Way::to(CHINA, 443, 40_000 + at));
    }
    assert_eq!(alerts(rule, short), Vec::<Value>::new());
    let mut short = Frames::default();
    for at in 0..70_u16 {
        short.open(f64::from(at) * 60.0, Way::to(CHINA, 443, 40_000 + at));
    }
    let found = alerts(&format!("{rule}\nper = \"camera and destination\""), short);
    assert_eq!(found.len(), 1, "in contact all the time: {found:?}");
}

#[test]
fn inbound_finds_an_open_port_that_answers_and_not_one_that_refuses() {
    let from_outside = |other| Way { own_port: 8000, other, port: 50_000, out: false };
    let mut frames = calls(&[(HOME, 443)]);
    frames.open(5.0, from_outside(CHINA));
    frames.open(6.0, from_outside([8, 8, 8, 8]));
    let found = alerts("kind = \"inbound\"", frames);
    assert_eq!(found.len(), 1, "{found:?}");
    let summary = found[0]["summary"].as_str().unwrap();
    assert!(
        summary.contains("was reached on tcp/8000 by 2 hosts outside, the latest 8.8.8.8 (US, AS15169"),
        "{summary}"
    );
    assert_eq!(found[0]["evidence"]["members"][0]["evidence"]["callers"][1]["country"], "CN");

    // A SYN that nobody answers, one that is refused, and one from inside.
    let mut frames = calls(&[(HOME, 443)]);
    frames.syn(5.0, from_outside(CHINA), 1000);
    frames.syn(6.0, from_outside([47, 91, 72, 11]), 1000);
    frames.reset(6.1, from_outside([47, 91, 72, 11]).back());
    frames.open(7.0, from_outside([10, 20, 0, 9]));
    assert_eq!(alerts("kind = \"inbound\"", frames), Vec::<Value>::new());
}

#[test]
fn lateral_finds_a_camera_that_looks_around_and_lets_its_recorders_be() {
    let rule = "kind = \"lateral\"\nhosts = 5";
    let hosts = |port: u16, count: u8| (1..=count).map(|host| ([10, 20, 1, host], port)).collect::<Vec<_>>();
    let found = alerts(rule, calls(&hosts(23, 12)));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0]["summary"].as_str().unwrap().contains("called 12 internal hosts within 1 h"), "{found:?}");
    assert_eq!(alerts(rule, calls(&hosts(23, 5))), Vec::<Value>::new());
    assert_eq!(alerts(&format!("{rule}\nnot_services = [\"tcp/554\"]"), calls(&hosts(554, 12))), Vec::<Value>::new());
    let recorders = format!("{rule}\n[[camera]]\nrange = \"10.20.1.0/28\"\nkind = \"recorder\"");
    assert_eq!(alerts(&recorders, calls(&hosts(8000, 12))), Vec::<Value>::new());
}

#[test]
fn dns_finds_who_goes_past_the_resolvers_and_asks_for_what_it_should_not() {
    let rule = "kind = \"dns\"\nresolvers = [\"10.0.0.53\"]\nquestions = [\"*.hik-connect.com\"]";
    let ask = |resolver: [u8; 4], name: &str| {
        let mut frames = calls(&[(HOME, 443)]);
        frames.udp(3.0, Way::to(resolver, 53, 5353), &support::frames::dns_question(7, name));
        alerts(rule, frames)
    };
    for resolver in [[8, 8, 8, 8], [10, 0, 0, 54]] {
        let found = ask(resolver, "time.example");
        assert_eq!(found.len(), 1, "{resolver:?}: {found:?}");
        assert!(found[0]["summary"].as_str().unwrap().contains("past the resolvers 10.0.0.53/32"), "{found:?}");
    }
    let found = ask([10, 0, 0, 53], "dev.hik-connect.com");
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0]["summary"]
            .as_str()
            .unwrap()
            .ends_with("asked for dev.hik-connect.com: it is one of *.hik-connect.com")
    );
    assert_eq!(ask([10, 0, 0, 53], "hik-connect.com"), Vec::<Value>::new());
}

/// An exception of the tests' camera.
fn exception(keys: &str) -> String {
    format!("[[suppression]]\nname = \"trial\"\nreason = \"trial of P2P\"\nowner = \"networks\"\n{keys}\n")
}

/// The whole document of a policy with an exception on calls to China in the first and the second hour.
fn with_exception(keys: &str) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("camwatch.toml");
    let rules = format!("[rules]\ndefaults = false\n[[rule]]\nname = \"r\"\n{POLICY}\n{}", exception(keys));
    std::fs::write(&config, rules).unwrap();
    let mut frames = Frames::default();
    for call in 0..120_u16 {
        frames.open(f64::from(call) * 60.0, Way::to(CHINA, 443, 40_000 + call));
    }
    let capture = frames.write(folder.path(), "c.pcap");
    let arguments = ["--config", config.to_str().unwrap(), capture.to_str().unwrap()];
    let document = read_json(&arguments);
    assert_eq!(document, read_json(&arguments), "two reads differ");
    let summary = text(&camwatch(&[&["read"], &arguments[..]].concat()).stdout);
    let kept_back = !document["suppressed"].as_array().unwrap().is_empty();
    assert_eq!(summary.contains("Kept back by exceptions: 1 alert:"), kept_back, "{summary}");
    document
}

#[test]
fn an_exception_keeps_back_what_it_covers_and_says_so() {
    for keys in [
        "until = \"2030-01-01\"\naddresses = \"120.26.96.67\"",
        "until = \"2030-01-01\"\ncountries = \"CN\"\nrules = \"r*\"",
        "until = \"2030-01-01\"\nrules = \"r\"",
        "until = \"2030-01-01\"\nvendors = \"*hikvision*\"\nowner_countries = \"CN\"",
        "until = \"2030-01-01\"\ncamera_ranges = \"10.20.0.0/16\"\nservices = \"tcp/443\"",
    ] {
        let document = with_exception(keys);
        assert_eq!(document["alerts"], serde_json::json!([]), "{keys}");
        let kept = &document["suppressed"][0];
        assert_eq!((&kept["state"], &kept["rule"]), (&Value::from("suppressed"), &Value::from("r")), "{keys}");
        assert_eq!(kept["suppressed_by"], serde_json::json!(["trial"]));
        let entry = &document["suppressions"][0];
        assert_eq!(
            (&entry["findings"], &entry["alerts"], &entry["reason"]),
            (&1.into(), &1.into(), &"trial of P2P".into())
        );
    }
}

#[test]
fn an_exception_that_covers_something_else_is_told_to_be_unused() {
    for keys in [
        "until = \"2030-01-01\"\naddresses = \"120.26.97.0/24\"",
        "until = \"2030-01-01\"\ncountries = \"RU\"",
        "until = \"2030-01-01\"\nrules = \"s*\"",
        "until = \"2015-03-31\"\nrules = \"r\"",
        "until = \"2030-01-01\"\nsites = \"town hall\"",
    ] {
        let document = with_exception(keys);
        assert_eq!(document["alerts"].as_array().unwrap().len(), 1, "{keys}");
        assert_eq!(document["suppressed"], serde_json::json!([]), "{keys}");
        assert_eq!(document["suppressions"][0]["findings"], 0, "{keys}");
        assert_eq!(document["suppressions"][0]["last"], Value::Null, "{keys}");
    }
}

#[test]
fn what_an_exception_hid_fires_when_it_ends() {
    // The capture begins at 09:00 UTC, and the calls go on for two hours.
    let document = with_exception("until = \"2015-04-01T10:00:00Z\"\naddresses = \"120.26.96.67\"");
    let alert = &document["alerts"][0];
    assert_eq!(alert["since"], "2015-04-01T09:00:00Z");
    let fired = alert["fired"].as_str().unwrap();
    assert!(("2015-04-01T10:00:00Z".."2015-04-01T10:01:30Z").contains(&fired), "{fired}");
    assert_eq!(
        (&document["suppressions"][0]["ended"], &document["suppressed"]),
        (&true.into(), &serde_json::json!([]))
    );
}

#[test]
fn check_refuses_exceptions_without_reason_owner_or_end_and_warns_of_ended_ones() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("camwatch.toml");
    let check = |text: &str| {
        std::fs::write(&config, text).unwrap();
        let output = camwatch(&["check", "--config", config.to_str().unwrap()]);
        (output.status.code(), self::text(&output.stderr), self::text(&output.stdout))
    };
    let (code, told, _) = check("[[suppression]]\nname = \"x\"\nrules = \"overseas-*\"\n");
    assert_eq!(code, Some(1));
    for missing in ["`reason`", "`owner`", "`until`"] {
        assert!(told.contains(&format!("camwatch.toml:1:1: a suppression needs {missing}: ")), "{told}");
    }
    let (code, told, _) = check(&exception("until = \"2030-01-01\""));
    assert!(code == Some(1) && told.contains("covers everything"), "{told}");
    let (code, told, printed) = check(&exception("until = \"2015-04-30\"\nsites = \"town hall\""));
    assert_eq!(code, Some(0), "{told}");
    assert!(
        told.starts_with("warning: ") && told.contains("suppression `trial` ended at 2015-05-01T00:00:00Z"),
        "{told}"
    );
    let (code, _, again) = check(&printed);
    assert_eq!((code, &again), (Some(0), &printed), "what is printed reads back as itself");
}

#[test]
fn a_message_is_told_as_the_rule_writes_it() {
    let message = "message = \"{camera_address} of {vendor} calls {destination} in {country}: {{see}} {rule}, {site}\"";
    let found = alerts(&format!("{POLICY}\n{message}"), calls(&[(CHINA, 443)]));
    assert_eq!(found[0]["summary"], "10.20.0.1 of hikvision calls 120.26.96.67 in CN: {see} r, unknown");
}

#[test]
fn keys_that_would_do_nothing_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("camwatch.toml");
    for (rule, expected) in [
        ("kind = \"silent\"\ncountries = \"CN\"", "toml:4:13: `countries` is about whom cameras call"),
        ("kind = \"unregistered\"\nclass = \"any\"", "toml:4:9: `class` is about whom cameras call"),
        ("kind = \"surge\"\nmessage = \"{camra}\"", "did you mean `camera`?"),
    ] {
        std::fs::write(&config, format!("[[rule]]\nname = \"r\"\n{rule}\n")).unwrap();
        let output = camwatch(&["check", "--config", config.to_str().unwrap()]);
        let told = text(&output.stderr);
        assert!(output.status.code() == Some(1) && told.contains(expected), "{told}");
    }
}

#[test]
fn policy_allows_what_the_register_expects() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("cameras.csv"),
        "name,address,expected_destinations\ngate,10.20.0.1,120.26.96.0/24;*.hik-connect.com\n",
    )
    .unwrap();
    let rule = "kind = \"policy\"\nallow_expected = true\n[inventory]\nfile = \"cameras.csv\"";
    let found = alerts_in(folder.path(), rule, calls(&[(CHINA, 443), ([8, 8, 8, 8], 443)]));
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["evidence"]["destination"], "8.8.8.8");
    let mut frames = calls(&[(CHINA, 443)]);
    let resolver = Way::to([10, 0, 0, 53], 53, 5353);
    frames.udp(10.0, resolver, &support::frames::dns_question(7, "dev.hik-connect.com"));
    let answer = support::frames::dns_answer(7, "dev.hik-connect.com", "x.example.org", [8, 8, 8, 8]);
    frames.udp(10.1, resolver.back(), &answer);
    frames.open(11.0, Way::to([8, 8, 8, 8], 443, 41_000));
    assert_eq!(alerts_in(folder.path(), rule, frames), Vec::<Value>::new());
}

#[test]
fn connections_are_named_as_other_tools_name_them() {
    // By community-id-spec: SHA-1 of seed, the smaller end first, protocol and ports.
    let found = alerts("kind = \"long\"\nafter = \"1 h\"", uploads((0..70).map(|at| at * 60), 10));
    let evidence = &found[0]["evidence"]["members"][0]["evidence"];
    assert_eq!(evidence["community_id"], "1:/DZNBbovXx34CnuWnu7XBUkt+yI=");
    let mut frames = calls(&[(HOME, 443)]);
    frames.open(5.0, Way { own_port: 8000, other: CHINA, port: 50_000, out: false });
    let found = alerts("kind = \"inbound\"", frames);
    assert_eq!(found[0]["evidence"]["members"][0]["evidence"]["community_id"], "1:ay4QqW35sVRln+KPOOMuwk5THWg=");
}
