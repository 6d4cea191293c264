//! For the tests of rule kinds: one rule at work on a ledger of one camera.

use std::net::IpAddr;
use std::sync::Arc;

use super::{Engine, Rule};
use crate::alert::Finding;
use crate::analyse::{Ledger, LedgerLimits};
use crate::device::WatchList;
use crate::geo::Geo;
use crate::net::Segment;
use crate::settings::{Problems, Section, parse};
use crate::time::Timestamp;
use crate::track::{Event, EventKind, NameKind, NameSeen, Traffic};

/// One rule at work.
pub(super) struct Bench {
    ledger: Ledger,
    engine: Engine,
}

/// The keys of a rule, read; or what is wrong with them.
pub(super) fn rule(kind: &str, keys: &str) -> Result<Rule, Vec<String>> {
    let text = format!("name = \"r\"\nkind = \"{kind}\"\n{keys}\n");
    let mut problems = Problems::new("r.toml", &text);
    let table = parse(&text, &mut problems);
    let mut section = Section::top(&table);
    let rule = super::read(&mut section, &text, &mut problems);
    section.finish(&mut problems);
    let list: Vec<String> = problems.into_list().iter().map(ToString::to_string).collect();
    rule.filter(|_| list.is_empty()).ok_or(list)
}

impl Bench {
    pub(super) fn new(kind: &str, keys: &str) -> Self {
        let ledger =
            Ledger::new(Arc::new(WatchList::new(Vec::new())), Arc::new(Geo::built_in()), LedgerLimits::default());
        Self { ledger, engine: Engine::new(vec![rule(kind, keys).unwrap()]) }
    }

    /// Something happens at a second.
    pub(super) fn event(&mut self, at: i64, kind: EventKind) {
        let device: IpAddr = "10.20.0.1".parse().unwrap();
        let event = Event { time: time(at), segment: Segment::Whole, device, mac: None, kind };
        if let Some(step) = self.ledger.take(&event) {
            self.engine.observe(&step, &self.ledger);
        }
    }

    /// The camera calls.
    pub(super) fn call(&mut self, at: i64, destination: &str, service: &str) {
        let (destination, service) = (destination.parse().unwrap(), service.parse().unwrap());
        self.event(at, EventKind::Attempt { destination, service });
    }

    /// Something went over an answered connection.
    pub(super) fn traffic(&mut self, at: i64, destination: &str, traffic: Traffic) {
        let (destination, service) = (destination.parse().unwrap(), "tcp/443".parse().unwrap());
        self.event(at, EventKind::Contact { destination, service, outcome: None, traffic });
    }

    /// The camera asks for a name and is told addresses.
    pub(super) fn ask(&mut self, at: i64, name: &str, addresses: &[&str]) {
        let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
        let seen = NameSeen { addresses, ttl_s: 60, ..NameSeen::said(NameKind::Dns, name.to_owned()) };
        self.event(at, EventKind::Name(Box::new(seen)));
    }

    /// What the rule finds, as `+ reason` or `- group` where it has ended.
    pub(super) fn look(&mut self, at: i64) -> Vec<String> {
        let told = |finding: &Finding| {
            if finding.holds {
                format!("+ {}", finding.reason)
            } else {
                format!("- {} {}", finding.group.kind, finding.group.value)
            }
        };
        self.engine.look(&self.ledger, time(at)).iter().map(told).collect()
    }

    /// The same rule, read anew.
    pub(super) fn renew(&mut self, kind: &str, keys: &str) {
        self.engine.set_rules(vec![rule(kind, keys).unwrap()]);
    }
}

/// From nine o'clock on the first of April 2015, a Wednesday.
pub(super) fn time(at: i64) -> Timestamp {
    Timestamp::from_parts(1_427_878_800 + at, 0)
}
