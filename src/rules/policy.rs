//! `kind = "policy"`: whom a group of cameras may call; all else is a finding.

use std::sync::Arc;

use globset::GlobMatcher;
use ipnet::IpNet;
use serde_json::json;

use super::judged::{Breach, Judge};
use super::narrow::{any, globs, holds};
use super::target::By;
use super::{Kind, Takes};
use crate::analyse::{Camera, Pair};
use crate::geo::Country;
use crate::net::Service;
use crate::settings::{Problems, Section};

/// A policy, as declared.
#[derive(Debug)]
pub struct Policy {
    allow: Lists,
    deny: Lists,
    by: By,
    /// What the register expects a camera to call is allowed to it.
    expected: bool,
}

/// What one side of a policy names.
#[derive(Debug)]
struct Lists {
    countries: Vec<Country>,
    owners: Vec<GlobMatcher>,
    owner_countries: Vec<Country>,
    names: Vec<GlobMatcher>,
    addresses: Vec<IpNet>,
    services: Vec<Service>,
}

/// The keys of one side, in the order of the fields of [`Lists`].
type Keys = [&'static str; 6];

const ALLOW: Keys =
    ["allow_countries", "allow_owners", "allow_owner_countries", "allow_names", "allow_addresses", "allow_services"];
const DENY: Keys =
    ["deny_countries", "deny_owners", "deny_owner_countries", "deny_names", "deny_addresses", "deny_services"];

pub(super) fn read(section: &mut Section<'_, '_>, problems: &mut Problems<'_>) -> Option<Kind> {
    let by = By::read(section, &[By::Address, By::Name, By::Owner, By::Country], problems);
    let allow = Lists::read(section, ALLOW, problems);
    let deny = Lists::read(section, DENY, problems);
    let expected = section.get("allow_expected", problems).unwrap_or(false);
    let mut stated = true;
    if !expected && !ALLOW.iter().chain(&DENY).any(|key| section.has(key)) {
        let message = "a policy needs at least one of allow_countries, allow_owners, allow_owner_countries, allow_names, \
                       allow_addresses and allow_services, or of the same with deny_";
        problems.add(section.span(), message);
        stated = false;
    }
    for key in ALLOW.iter().chain(&DENY).filter(|key| section.is_empty_list(key)) {
        let message = format!("`{key}` is empty, which allows or denies nothing: name something, or leave the key out");
        problems.add(section.span_of(key), message);
        stated = false;
    }
    stated.then(|| Kind::Policy(Arc::new(Policy { allow, deny, by, expected })))
}

impl Lists {
    fn read(section: &mut Section<'_, '_>, keys: Keys, problems: &mut Problems<'_>) -> Self {
        let [countries, owners, owner_countries, names, addresses, services] = keys;
        Self {
            countries: section.list(countries, problems).unwrap_or_default(),
            owners: globs(owners, section, problems),
            owner_countries: section.list(owner_countries, problems).unwrap_or_default(),
            names: globs(names, section, problems),
            addresses: section.list(addresses, problems).unwrap_or_default(),
            services: section.list(services, problems).unwrap_or_default(),
        }
    }

    /// What destinations it names, for people.
    fn destinations(&self) -> Vec<String> {
        let countries = self.countries.iter().map(ToString::to_string);
        let owner_countries = self.owner_countries.iter().map(|country| format!("owners of {country}"));
        let patterns = self.owners.iter().chain(&self.names).map(|glob| glob.glob().glob().to_owned());
        let addresses = self.addresses.iter().map(ToString::to_string);
        countries.chain(owner_countries).chain(patterns).chain(addresses).collect()
    }

    fn names_destinations(&self) -> bool {
        !(self.countries.is_empty()
            && self.owners.is_empty()
            && self.owner_countries.is_empty()
            && self.names.is_empty()
            && self.addresses.is_empty())
    }

    /// Whether a destination is among it: by one of its facts, where the sources agree on it.
    fn allows(&self, pair: &Pair) -> bool {
        let place = &pair.place;
        // What a camera said in place of a name is none.
        let mut names = pair.names.iter().map(AsRef::<str>::as_ref).filter(|name| !is_literal(name)).peekable();
        holds(&self.addresses, &pair.address)
            || (!place.countries.is_empty() && place.countries.iter().all(|country| self.countries.contains(country)))
            || place.owner_country.is_some_and(|country| self.owner_countries.contains(&country))
            || (!self.owners.is_empty() && place.owner_text().is_some_and(|owner| any(&self.owners, &owner)))
            || (!self.names.is_empty() && names.peek().is_some() && names.all(|name| any(&self.names, name)))
    }

    /// The first thing of a destination that is among it: the key, and what was found.
    fn denies(&self, pair: &Pair, called: Service) -> Option<(&'static str, &'static str, String)> {
        let place = &pair.place;
        let [countries, owners, owner_countries, names, addresses, services] = DENY;
        let country = place.countries.iter().find(|country| self.countries.contains(country));
        let owner_country = place.owner_country.filter(|country| self.owner_countries.contains(country));
        let owner = (!self.owners.is_empty()).then(|| place.owner_text()).flatten();
        let name = pair.names.iter().find(|name| any(&self.names, &name.name));
        let range = self.addresses.iter().find(|range| range.contains(&pair.address));
        let service = Some(called).filter(|service| self.services.contains(service));
        country
            .map(|country| (countries, "its country", country.to_string()))
            .or_else(|| owner_country.map(|country| (owner_countries, "its owner's country", country.to_string())))
            .or_else(|| owner.filter(|owner| any(&self.owners, owner)).map(|owner| (owners, "its owner", owner)))
            .or_else(|| name.map(|name| (names, "its name", name.to_string())))
            .or_else(|| range.map(|range| (addresses, "its range", range.to_string())))
            .or_else(|| service.map(|service| (services, "the service", service.to_string())))
    }
}

/// Whether the register expects a camera to call a destination: by address, by range, or by all names that it used, each
/// under one that is expected.
fn is_expected(camera: &Camera, pair: &Pair) -> bool {
    let by_address = camera.expected_destinations.iter().any(|expected| {
        let range = expected.parse::<IpNet>().ok();
        let single = || expected.parse::<std::net::IpAddr>().ok().map(IpNet::from);
        range.or_else(single).is_some_and(|range| range.contains(&pair.address))
    });
    let is_under = |name: &str| {
        camera.expected_destinations.iter().any(|expected| {
            let expected = expected.trim_start_matches("*.").to_lowercase();
            !expected.is_empty()
                && name.strip_suffix(&expected).is_some_and(|left| left.is_empty() || left.ends_with('.'))
        })
    };
    let mut names = pair.names.iter().map(AsRef::<str>::as_ref).filter(|name| !is_literal(name)).peekable();
    by_address || (names.peek().is_some() && names.all(is_under))
}

fn is_literal(name: &str) -> bool {
    name.parse::<std::net::IpAddr>().is_ok()
}

impl Judge for Policy {
    fn takes(&self) -> Takes {
        Takes::ATTEMPTS.and(Takes::CONTACTS).and(Takes::PULSES)
    }

    fn by(&self) -> By {
        self.by
    }

    fn call(&self, camera: &Camera, pair: &Pair, called: Service) -> Option<Breach> {
        if let Some((part, what, found)) = self.deny.denies(pair, called) {
            let reason = format!("{what} {found} is denied");
            return Some(Breach { reason, evidence: json!({ "part": part, "found": found }), target: None });
        }
        let expected = self.expected && is_expected(camera, pair);
        if (self.allow.names_destinations() || self.expected) && !expected && !self.allow.allows(pair) {
            let mut allowed = self.allow.destinations();
            if self.expected {
                allowed.push("what the register expects".to_owned());
            }
            let reason = format!("the policy allows only {}", allowed.join(", "));
            return Some(Breach {
                reason,
                evidence: json!({ "part": "destination", "allowed": allowed }),
                target: None,
            });
        }
        let services = &self.allow.services;
        let service = Some(called).filter(|service| !services.is_empty() && !services.contains(service))?;
        let allowed: Vec<String> = services.iter().map(ToString::to_string).collect();
        Some(Breach {
            reason: format!("{service} is none of the services that the policy allows ({})", allowed.join(", ")),
            evidence: json!({ "part": "allow_services", "found": service.to_string(), "allowed": allowed }),
            target: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, rule};

    const HOME: &str = "212.58.244.20";
    const CHINA: &str = "120.26.96.67";

    fn found(keys: &str, destination: &str, service: &str, names: &[&str]) -> Vec<String> {
        let mut bench = Bench::new("policy", keys);
        for name in names {
            bench.ask(0, name, &[destination]);
        }
        bench.call(1, destination, service);
        bench.look(10)
    }

    #[test]
    fn what_is_not_allowed_is_found_and_the_broken_part_named() {
        let keys = "allow_countries = [\"GB\", \"IE\"]\nallow_names = [\"*.pool.ntp.org\"]";
        assert!(found(keys, HOME, "tcp/443", &[]).is_empty());
        assert!(found(keys, "3.250.10.20", "tcp/443", &[]).is_empty(), "IE, a network of US");
        assert!(found(keys, CHINA, "udp/123", &["0.pool.ntp.org"]).is_empty(), "allowed by its name");
        let reason = &found(keys, CHINA, "tcp/443", &[])[0];
        assert!(reason.starts_with("+ called 120.26.96.67 (CN, AS37963"), "{reason}");
        assert!(reason.contains("the policy allows only GB, IE, *.pool.ntp.org"), "{reason}");
        let reason = &found(keys, CHINA, "udp/123", &["0.pool.ntp.org", "hik-connect.com"])[0];
        assert!(reason.contains("the policy allows only"), "one of its names is not allowed: {reason}");
        assert!(found(keys, "203.0.113.9", "tcp/443", &[])[0].contains("allows only"), "nobody's, so not allowed");
    }

    #[test]
    fn deny_wins_over_allow_and_alone_allows_the_rest() {
        let keys = "allow_countries = [\"US\", \"DE\", \"SG\"]\ndeny_owner_countries = [\"CN\"]";
        for address in ["47.91.72.11", "8.209.65.20"] {
            let reason = &found(keys, address, "tcp/443", &[])[0];
            assert!(reason.contains("its owner's country CN is denied"), "{address}: {reason}");
        }
        assert!(found(keys, "8.8.8.8", "tcp/443", &[]).is_empty());
        let keys = "deny_owner_countries = \"CN\"";
        assert!(found(keys, "3.250.10.20", "tcp/443", &[]).is_empty());
        assert_eq!(found(keys, CHINA, "tcp/443", &[]).len(), 1);
        for (keys, part) in [
            ("deny_countries = \"CN\"", "its country CN is denied"),
            ("deny_owners = \"AS37963 *\"", "its owner AS37963"),
            ("deny_names = \"*.hik-connect.com\"", "its name dev.hik-connect.com is denied"),
            ("deny_addresses = \"120.26.0.0/16\"", "its range 120.26.0.0/16 is denied"),
            ("deny_services = \"tcp/8800\"", "the service tcp/8800 is denied"),
            ("allow_services = [\"tcp/443\", \"udp/123\"]", "tcp/8800 is none of the services that the policy allows"),
        ] {
            let found = found(keys, CHINA, "tcp/8800", &["dev.hik-connect.com"]);
            assert!(found[0].contains(part), "{found:?}");
        }
        assert!(found("allow_services = \"tcp/443\"", CHINA, "tcp/443", &[]).is_empty());
        assert!(found("allow_owners = \"AS37963 *\"", CHINA, "tcp/443", &[]).is_empty());
        assert!(found("allow_owner_countries = \"CN\"", CHINA, "tcp/443", &[]).is_empty());
        assert!(found("allow_addresses = \"120.26.96.67\"", CHINA, "tcp/443", &[]).is_empty());
    }

    #[test]
    fn a_name_that_comes_a_moment_later_clears_it_before_it_fires() {
        let mut bench = Bench::new("policy", "allow_names = \"*.pool.ntp.org\"");
        bench.call(1, CHINA, "udp/123");
        assert_eq!(bench.look(10).len(), 1);
        bench.ask(11, "1.pool.ntp.org", &[CHINA]);
        assert_eq!(bench.look(20), ["- destination 120.26.96.67"]);
        assert!(bench.look(30).is_empty());
    }

    #[test]
    fn ends_an_hour_after_the_last_call_and_holds_for_as_long_as_asked() {
        let mut bench = Bench::new("policy", "allow_countries = \"GB\"\nby = \"country\"\nfor = \"10 min\"");
        bench.call(0, CHINA, "tcp/443");
        assert!(bench.look(10).is_empty());
        bench.call(600, "47.100.1.1", "tcp/443");
        assert_eq!(bench.look(610).len(), 1, "the same country");
        assert!(bench.look(4190).is_empty());
        assert_eq!(bench.look(4200), ["- country CN"]);
    }

    #[test]
    fn a_rule_that_is_read_anew_unchanged_keeps_what_it_found() {
        let keys = "allow_countries = \"GB\"";
        let mut bench = Bench::new("policy", keys);
        bench.call(0, CHINA, "tcp/443");
        assert_eq!(bench.look(10).len(), 1);
        bench.renew("policy", keys);
        assert!(bench.look(20).is_empty(), "neither found again nor ended");
        assert_eq!(bench.look(3600), ["- destination 120.26.96.67"]);
    }

    #[test]
    fn counts_only_in_its_hours() {
        let mut bench = Bench::new("policy", "allow_countries = \"GB\"\nhours = \"09:10-09:20\"");
        bench.call(0, CHINA, "tcp/443");
        assert!(bench.look(10).is_empty());
        bench.call(660, CHINA, "tcp/443");
        assert_eq!(bench.look(670).len(), 1);
    }

    #[test]
    fn what_states_nothing_is_refused() {
        for (keys, expected) in [
            ("", "a policy needs at least one of allow_countries"),
            ("allow_countries = []", "r.toml:3:19: `allow_countries` is empty"),
            ("allow_countries = \"UK\"", "did you mean GB?"),
            ("allow_country = \"GB\"", "did you mean `allow_countries`?"),
            ("deny_names = \"a[\"", "`deny_names`"),
            ("allow_services = \"https\"", "r.toml:3:18"),
            ("allow_countries = \"GB\"\nrunbook = \"see wiki\"", "r.toml:4:11: `runbook`: `see wiki` is no link"),
        ] {
            let problems = rule("policy", keys).unwrap_err();
            assert!(problems.iter().any(|problem| problem.contains(expected)), "{expected}: {problems:?}");
        }
        let problems = rule("silent", "hours = \"22:00-06:00\"").unwrap_err();
        assert!(problems[0].contains("leave them out"), "{problems:?}");
    }

    #[test]
    fn each_call_is_judged_by_its_own_service() {
        let mut bench = Bench::new("policy", "allow_services = \"tcp/443\"");
        bench.call(0, CHINA, "tcp/8800");
        assert_eq!(bench.look(10).len(), 1);
        for minute in 1..60 {
            bench.call(minute * 60, CHINA, "tcp/443");
        }
        assert_eq!(bench.look(3605), ["- destination 120.26.96.67"], "what is allowed keeps nothing alive");
        let mut bench = Bench::new("rate", "attempts = 5\nservices = \"tcp/443\"");
        for second in 0..20 {
            bench.call(second, CHINA, if second < 4 { "tcp/443" } else { "tcp/8800" });
        }
        assert!(bench.look(30).is_empty(), "four calls of the service that is meant");
        bench.call(31, CHINA, "tcp/443");
        assert_eq!(bench.look(40).len(), 1);
    }
}
