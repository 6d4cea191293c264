//! `ArcSight` Common Event Format, version 0 (revision 25 of the implementation standard).

use std::fmt::Write;
use std::net::IpAddr;

use super::facts::Facts;
use super::format::sentence;
use crate::alert::Transition;
use crate::rules::Severity;

/// The message of a transition, in `max` bytes at most: what does not fit of its text is cut off.
pub(super) fn message(transition: &Transition, host: &str, max: usize) -> String {
    let alert = &transition.alert;
    let severity = match alert.severity {
        Severity::Info => 3,
        Severity::Warning => 6,
        Severity::Critical => 10,
    };
    let (version, rule) = (env!("CARGO_PKG_VERSION"), in_header(&alert.rule));
    let mut out = format!("CEF:0|camwatch|camwatch|{version}|{rule}|{rule}|{severity}|");
    let facts = Facts::of(alert);
    let mut fields = vec![
        ("rt", transition.time.as_millis().to_string()),
        ("start", alert.since.as_millis().to_string()),
        ("act", transition.event.to_string()),
        ("externalId", transition.key.clone()),
        ("cat", "camwatch".to_owned()),
        ("dvchost", host.to_owned()),
        ("cnt", facts.count.to_string()),
    ];
    fields.extend(alert.resolved.map(|end| ("end", end.as_millis().to_string())));
    if let Some(camera) = facts.cameras.first() {
        match camera.address {
            Some(IpAddr::V4(address)) => fields.push(("src", address.to_string())),
            // Addresses of version 6 have custom fields only.
            Some(IpAddr::V6(address)) => {
                fields.push(("c6a2Label", "Source IPv6 Address".to_owned()));
                fields.push(("c6a2", address.to_string()));
            }
            None => {}
        }
        fields.extend(camera.mac.map(|mac| ("smac", mac.to_owned())));
        fields.extend(camera.name.map(|name| ("shost", name.to_owned())));
    }
    if let Some(destination) = facts.destinations.first() {
        match destination.address {
            Some(IpAddr::V4(address)) => fields.push(("dst", address.to_string())),
            Some(IpAddr::V6(address)) => {
                fields.push(("c6a3Label", "Destination IPv6 Address".to_owned()));
                fields.push(("c6a3", address.to_string()));
            }
            None => {}
        }
        fields.extend(destination.name.map(|name| ("dhost", name.to_owned())));
    }
    let destination = facts.destination();
    let owner = destination.and_then(|one| one.owner).map(|(number, name)| format!("AS{number} {name}"));
    for (label, field, name, value) in [
        ("cs1Label", "cs1", "alert", Some(alert.id.clone())),
        ("cs2Label", "cs2", "country", destination.and_then(|one| one.country).map(str::to_owned)),
        ("cs3Label", "cs3", "owner", owner),
        ("cs4Label", "cs4", "runbook", alert.runbook.as_deref().map(str::to_owned)),
        ("cs5Label", "cs5", "community_id", facts.community_id.map(str::to_owned)),
    ] {
        if let Some(value) = value {
            fields.extend([(label, name.to_owned()), (field, value)]);
        }
    }
    for (key, value) in fields {
        let field = format!("{key}={} ", in_extension(&value));
        // What is left out here is short, and comes again in the text.
        if out.len() + field.len() + 64 <= max {
            out.push_str(&field);
        }
    }
    let _ = write!(out, "msg={}", in_extension(&sentence(alert)));
    cut(&mut out, max);
    out
}

/// Cuts at a character's end, and never within an escape.
fn cut(text: &mut String, max: usize) {
    if text.len() > max {
        text.truncate(text.floor_char_boundary(max));
        let slashes = text.chars().rev().take_while(|c| *c == '\\').count();
        if slashes % 2 == 1 {
            text.pop();
        }
    }
}

fn in_header(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    plain.replace('\\', "\\\\").replace('|', "\\|")
}

fn in_extension(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('=', "\\=").replace("\r\n", "\n").replace(['\n', '\r'], "\\n");
    escaped.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::super::message::sample;
    use super::*;

    #[test]
    fn says_what_the_alert_says() {
        let told = message(&sample(), "span-1", 4096);
        let version = env!("CARGO_PKG_VERSION");
        let header = format!("CEF:0|camwatch|camwatch|{version}|overseas-rate|overseas-rate|10|rt=1427878830000 ");
        assert!(told.starts_with(&header), "{told}");
        for field in
            [" act=firing ", " src=10.20.7.31 ", " dst=120.26.96.67 ", " cs2=CN ", " cs3=AS37963 Alibaba ", " cnt=2 "]
        {
            assert!(told.contains(field), "{field} is not in {told}");
        }
    }

    #[test]
    fn nothing_that_is_told_ends_a_field() {
        let mut transition = sample();
        transition.alert.rule = "a|b\\c\nd".into();
        transition.alert.summary = "x=1|2\\3\r\n4 src=9".to_owned();
        let told = message(&transition, "h", 4096);
        assert!(told.contains(r"|a\|b\\c d|a\|b\\c d|10|"), "{told}");
        assert!(told.ends_with(r"x\=1|2\\3\n4 src\=9"), "{told}");
    }

    proptest::proptest! {
        #[test]
        fn is_never_too_long_nor_cut_within_an_escape(text in "[=\\\\é\n|a]{0,300}", max in 300_usize..700) {
            let mut transition = sample();
            transition.alert.summary = text;
            let told = message(&transition, "h", max);
            proptest::prop_assert!(told.len() <= max);
            let slashes = told.chars().rev().take_while(|c| *c == '\\').count();
            proptest::prop_assert!(slashes % 2 == 0);
        }
    }
}
