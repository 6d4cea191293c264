//! `kind = "dns"`: a camera asks for names that it should not, or asks others than the council's resolvers.

use std::net::IpAddr;
use std::sync::Arc;

use globset::GlobMatcher;
use ipnet::IpNet;
use serde_json::json;

use super::judged::{Breach, Judge};
use super::list::List;
use super::listed::{breach, read_lists};
use super::narrow::{any, globs, holds};
use super::target::{By, Target};
use super::{Kind, Takes};
use crate::analyse::{Camera, NamePair, Pair};
use crate::names::encrypted_dns;
use crate::net::{Protocol, Service};
use crate::settings::{Problems, Section};

/// What may be asked of whom, as declared.
#[derive(Debug)]
pub struct Dns {
    questions: Vec<GlobMatcher>,
    lists: Vec<List>,
    resolvers: Vec<IpNet>,
}

pub(super) fn read(section: &mut Section<'_, '_>, problems: &mut Problems<'_>) -> Option<Kind> {
    let questions = globs("questions", section, problems);
    let lists = read_lists(section, problems);
    let resolvers = section.list("resolvers", problems).unwrap_or_default();
    if !["questions", "lists", "resolvers"].iter().any(|key| section.has(key) && !section.is_empty_list(key)) {
        let message = "a dns rule needs `questions` (patterns of names), `lists` (files of names) or `resolvers` (the only \
                       ones that may be asked), as in resolvers = [\"10.0.0.53\"]";
        problems.add(section.span(), message);
        return None;
    }
    Some(Kind::Dns(Arc::new(Dns { questions, lists: lists?, resolvers })))
}

/// Whether a service is DNS (RFC 1035, 7766), or DNS over TLS or QUIC (RFC 7858, 9250).
fn is_dns(service: Service) -> bool {
    matches!((service.protocol, service.port), (Protocol::Udp | Protocol::Tcp, 53 | 853))
}

impl Dns {
    /// The list files.
    pub fn lists(&self) -> &[List] {
        &self.lists
    }

    fn bypassed(&self, address: IpAddr, how: &str) -> Option<Breach> {
        if self.resolvers.is_empty() || holds(&self.resolvers, &address) {
            return None;
        }
        let resolvers: Vec<String> = self.resolvers.iter().map(ToString::to_string).collect();
        Some(Breach {
            reason: format!("asked by {how}, past the resolvers {}", resolvers.join(", ")),
            evidence: json!({ "part": "resolvers", "found": how, "resolvers": resolvers }),
            target: None,
        })
    }
}

impl Judge for Dns {
    fn takes(&self) -> Takes {
        let names = if self.questions.is_empty() && self.lists.is_empty() { Takes::NOTHING } else { Takes::NAMES };
        let calls = Takes::ATTEMPTS.and(Takes::CONTACTS).and(Takes::PULSES).and(Takes::INSIDE);
        if self.resolvers.is_empty() { names } else { names.and(calls) }
    }

    fn by(&self) -> By {
        By::Address
    }

    fn reads_files(&self) -> bool {
        !self.lists.is_empty()
    }

    fn call(&self, _: &Camera, pair: &Pair, called: Service) -> Option<Breach> {
        let plain = is_dns(called).then(|| called.to_string());
        let names = pair.names.iter().map(AsRef::as_ref);
        let hidden = || encrypted_dns::of(called, names).map(|_| "encrypted DNS".to_owned());
        self.bypassed(pair.address, &plain.or_else(hidden)?)
    }

    fn inside(&self, address: IpAddr, service: Service) -> Option<Breach> {
        is_dns(service).then(|| self.bypassed(address, &service.to_string()))?
    }

    fn name(&self, _: &Camera, name: &NamePair) -> Option<Breach> {
        let patterns = self.questions.iter().find(|pattern| any(std::slice::from_ref(*pattern), &name.name));
        if let Some(pattern) = patterns {
            let pattern = pattern.glob().glob();
            return Some(Breach {
                reason: format!("it is one of {pattern}"),
                evidence: json!({ "part": "questions", "found": name.name, "pattern": pattern }),
                target: Some(Target::Name(name.name.clone())),
            });
        }
        breach(&self.lists, |list| list.name(&name.name), Some(&name.name))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, rule};

    #[test]
    fn only_the_resolvers_may_be_asked_and_only_dns_is_meant() {
        let ask = |destination: &str, service: &str| {
            let mut bench = Bench::new("dns", "resolvers = [\"10.0.0.53\", \"10.0.1.0/24\"]");
            bench.call(0, destination, service);
            bench.look(10)
        };
        assert!(ask("10.0.0.53", "udp/53").is_empty());
        assert!(ask("10.0.1.7", "tcp/53").is_empty());
        assert!(ask("8.8.8.8", "tcp/443").is_empty(), "no DNS");
        assert!(ask("10.0.0.54", "tcp/554").is_empty(), "no DNS");
        assert!(ask("8.8.8.8", "udp/53")[0].contains("asked by udp/53, past the resolvers 10.0.0.53/32, 10.0.1.0/24"));
        assert!(ask("8.8.8.8", "tcp/853")[0].contains("asked by tcp/853"));
        assert!(ask("10.0.0.54", "udp/53")[0].contains("called 10.0.0.54 (udp/53, internal)"));
        let mut bench = Bench::new("dns", "resolvers = \"10.0.0.53\"");
        bench.ask(0, "dns.quad9.net", &["9.9.9.9"]);
        bench.call(1, "9.9.9.9", "tcp/443");
        assert!(bench.look(10)[0].contains("asked by encrypted DNS"));
    }

    #[test]
    fn names_are_found_by_pattern_and_by_list() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("names.txt");
        std::fs::write(&path, "evil.example\n").unwrap();
        let mut bench = Bench::new("dns", &format!("questions = \"*.hik-connect.com\"\nlists = {path:?}"));
        bench.ask(0, "hik-connect.com", &[]);
        assert!(bench.look(10).is_empty());
        bench.ask(11, "dev.hik-connect.com", &[]);
        bench.ask(12, "a.evil.example", &[]);
        let found = bench.look(20);
        assert_eq!(found[0], "+ asked for dev.hik-connect.com: it is one of *.hik-connect.com");
        assert!(found[1].contains("a.evil.example is under evil.example on the list"), "{found:?}");
    }

    #[test]
    fn what_states_nothing_is_refused() {
        assert!(rule("dns", "").unwrap_err()[0].contains("a dns rule needs `questions`"));
        assert!(rule("dns", "resolvers = []").unwrap_err()[0].contains("a dns rule needs"));
        let problems = rule("dns", "resolvers = \"dns.council.example\"").unwrap_err();
        assert!(problems[0].starts_with("r.toml:3:13: `resolvers`: `dns.council.example` is no range"), "{problems:?}");
    }
}
