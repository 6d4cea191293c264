//! Names: what a camera asked for and said, how that is known, and who destinations claim to be.

mod support;

use serde_json::{Value, json};
use support::dnsmasq::Dnsmasq;
use support::frames::{Frames, Way, client_hello, dns_answer, dns_question};
use support::{camwatch, read_json, simulate, text};

const FAR: [u8; 4] = [120, 26, 96, 67];
const RESOLVER: Way = Way { own_port: 40_000, other: [10, 20, 255, 2], port: 53, out: true };

fn pair<'a>(document: &'a Value, address: &str) -> &'a Value {
    let pairs = document["pairs"].as_array().unwrap();
    pairs.iter().find(|pair| pair["address"] == address).unwrap_or_else(|| panic!("no {address} in {pairs:?}"))
}

fn names<'a>(document: &'a Value, kind: &str) -> Vec<&'a Value> {
    document["names"].as_array().unwrap().iter().filter(|name| name["kind"] == kind).collect()
}

#[test]
fn a_hello_in_segments_out_of_order_is_one_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut frames = Frames::default();
    let way = Way::to(FAR, 443, 50_000);
    frames.open(0.0, way);
    let hello = client_hello("dev.Hik-Connect.com", 2000);
    // The second before the first, one twice, and data behind the hello.
    let cuts = [(600, 1300), (0, 600), (600, 1300), (1900, hello.len()), (1300, 1900)];
    for (step, (from, to)) in cuts.into_iter().enumerate() {
        frames.tcp(0.1 + step as f64 / 100.0, way, from as u32, &hello[from..to]);
    }
    frames.tcp(0.3, way, hello.len() as u32, b"\x17\x03\x03\x00\x03abc");
    let path = frames.write(folder.path(), "hello.pcap");
    let document = read_json(&[path.to_str().unwrap()]);
    let tls = names(&document, "tls");
    assert_eq!(tls.len(), 1);
    assert_eq!((tls[0]["name"].as_str(), tls[0]["asked"].as_u64()), (Some("dev.hik-connect.com"), Some(1)));
    assert_eq!(tls[0]["alpn"], json!(["h2"]));
    assert_eq!(tls[0]["addresses"], json!(["120.26.96.67"]));
    assert_eq!(
        pair(&document, "120.26.96.67")["names_known"],
        json!([{ "name": "dev.hik-connect.com", "known": ["tls"] }])
    );
}

#[test]
fn a_name_asked_for_is_the_destinations_through_its_aliases() {
    let folder = tempfile::tempdir().unwrap();
    let mut frames = Frames::default();
    frames.udp(0.0, RESOLVER, &dns_question(1, "dev.hik-connect.com"));
    frames.udp(0.1, RESOLVER.back(), &dns_answer(1, "dev.hik-connect.com", "cdn.example.net", FAR));
    frames.open(1.0, Way::to(FAR, 443, 50_000));
    let path = frames.write(folder.path(), "dns.pcap");
    let document = read_json(&[path.to_str().unwrap()]);
    let pair = pair(&document, "120.26.96.67");
    assert_eq!(pair["names"], json!(["dev.hik-connect.com"]));
    assert_eq!(pair["names_known"][0]["known"], json!(["dns"]));
    assert_eq!(names(&document, "dns")[0]["answers"], 1);
    let summary = text(&camwatch(&["read", path.to_str().unwrap()]).stdout);
    assert!(summary.contains("dev.hik-connect.com (asked in DNS): in CN"), "{summary}");
}

#[test]
fn a_question_that_nobody_answers_is_the_cameras_wish() {
    let folder = tempfile::tempdir().unwrap();
    let mut frames = Frames::default();
    for number in 0..50_u16 {
        let way = Way { own_port: 40_000 + number, ..RESOLVER };
        frames.udp(f64::from(number) * 2.0, way, &dns_question(number, "p2p.easy4ip.com"));
    }
    let path = frames.write(folder.path(), "wish.pcap");
    let document = read_json(&[path.to_str().unwrap()]);
    let dns = names(&document, "dns");
    assert_eq!((dns.len(), &dns[0]["asked"], &dns[0]["answers"]), (1, &json!(50), &json!(0)));
    assert_eq!(document["totals"]["dns_questions"], 50);
    assert_eq!(document["cameras"][0]["dns_questions"], 50);
    assert!(dns[0]["beat"]["score"].as_f64().unwrap() > 0.0, "its questions are events of its rhythm");
    let summary = text(&camwatch(&["read", path.to_str().unwrap()]).stdout);
    assert!(summary.contains("p2p.easy4ip.com: 50 questions by 1 camera"), "{summary}");
}

#[test]
fn dns_over_tcp_is_read_across_segments() {
    let folder = tempfile::tempdir().unwrap();
    let mut frames = Frames::default();
    let way = RESOLVER;
    let sized = |message: Vec<u8>| [&(message.len() as u16).to_be_bytes()[..], &message].concat();
    let questions = [sized(dns_question(1, "one.example.org")), sized(dns_question(2, "two.example.org"))].concat();
    let answer = sized(dns_answer(2, "two.example.org", "cdn.example.net", FAR));
    frames.open(0.0, way);
    frames.tcp(0.1, way, 0, &questions[..1]);
    frames.tcp(0.2, way, 1, &questions[1..40]);
    frames.tcp(0.3, way, 40, &questions[40..]);
    frames.tcp(0.4, way.back(), 0, &answer[..20]);
    frames.tcp(0.5, way.back(), 20, &answer[20..]);
    let path = frames.write(folder.path(), "tcp.pcap");
    let document = read_json(&[path.to_str().unwrap()]);
    let dns = names(&document, "dns");
    assert_eq!(
        dns.iter().map(|name| name["name"].as_str().unwrap()).collect::<Vec<_>>(),
        ["one.example.org", "two.example.org"]
    );
    assert_eq!(dns[1]["addresses"], json!(["120.26.96.67"]));
}

#[test]
fn encrypted_dns_is_told_by_port_and_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let mut frames = Frames::default();
    frames.open(0.0, Way::to([9, 9, 9, 9], 853, 50_000));
    let doh = Way::to([8, 8, 8, 8], 443, 50_001);
    frames.open(1.0, doh);
    frames.tcp(1.1, doh, 0, &client_hello("dns.google", 10));
    frames.open(2.0, Way::to(FAR, 443, 50_002));
    let path = frames.write(folder.path(), "secret.pcap");
    let document = read_json(&[path.to_str().unwrap()]);
    assert_eq!(pair(&document, "9.9.9.9")["encrypted_dns"], "dot");
    assert_eq!(pair(&document, "8.8.8.8")["encrypted_dns"], "doh");
    assert_eq!(pair(&document, "120.26.96.67")["encrypted_dns"], Value::Null);
    let summary = text(&camwatch(&["read", path.to_str().unwrap()]).stdout);
    assert!(summary.contains("DNS over TLS at 9.9.9.9: 1 camera"), "{summary}");
}

#[test]
fn each_request_of_a_connection_may_name_another_host() {
    let folder = tempfile::tempdir().unwrap();
    let mut frames = Frames::default();
    let way = Way::to(FAR, 8080, 50_000);
    let first = b"GET /a HTTP/1.1\r\nHost: one.example.org:8080\r\n\r\n";
    let second = b"GET /b HTTP/1.1\r\nHost: two.example.org\r\n\r\n";
    frames.open(0.0, way);
    frames.tcp(0.1, way, 0, &first[..20]);
    frames.tcp(0.2, way, 20, &first[20..]);
    frames.tcp(0.3, way, first.len() as u32, second);
    let path = frames.write(folder.path(), "http.pcap");
    let document = read_json(&[path.to_str().unwrap()]);
    let http: Vec<&str> = names(&document, "http").iter().map(|name| name["name"].as_str().unwrap()).collect();
    assert_eq!(http, ["one.example.org:8080", "two.example.org"]);
    assert_eq!(pair(&document, "120.26.96.67")["names"], json!(["one.example.org", "two.example.org"]));
}

#[test]
fn who_a_destination_claims_to_be_is_asked_only_where_switched_on() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = Dnsmasq::start(folder.path(), None) else { return };
    let capture = simulate(folder.path(), "f.pcap", &["fiumicino", "--hours", "0.05", "--cameras", "3"]);
    let capture = capture.to_str().unwrap();
    let config = folder.path().join("camwatch.toml");
    let resolver = format!("resolver = \"127.0.0.1:{}\"", server.port);
    std::fs::write(&config, format!("[names]\n{resolver}\n")).unwrap();
    let config = config.to_str().unwrap();
    assert!(read_json(&["--config", config, capture])["alerts"][0].get("ptr_claims").is_none());
    assert!(!server.said().contains("query"), "nothing is asked by default: {}", server.said());

    std::fs::write(config, format!("[names]\nreverse_lookups = true\n{resolver}\n")).unwrap();
    let document = read_json(&["--config", config, capture]);
    assert_eq!(document["alerts"][0]["ptr_claims"], json!({ "120.26.96.67": "nice-and-harmless.example" }));
    assert_eq!(pair(&document, "120.26.96.67")["names"], json!([]), "a claim is no name");
    assert_eq!(server.said().matches("query[PTR]").count(), 1, "one destination, one question: {}", server.said());
    let summary = text(&camwatch(&["read", "--config", config, capture]).stdout);
    assert!(summary.contains("120.26.96.67 claims to be nice-and-harmless.example"), "{summary}");
}

#[test]
fn look_ups_without_a_resolver_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("camwatch.toml");
    for (wrong, words) in [
        ("reverse_lookups = true", "needs a `resolver`"),
        ("reverse_lookups = true\nresolver = \"ns1\"", "`ns1` is no address"),
        ("per_minute = 0", "write 1 to 6000"),
    ] {
        std::fs::write(&config, format!("[names]\n{wrong}\n")).unwrap();
        let output = camwatch(&["check", "--config", config.to_str().unwrap()]);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1));
        assert!(said.contains(words) && said.contains("camwatch.toml:"), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}
