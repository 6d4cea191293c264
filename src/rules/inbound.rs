//! `kind = "inbound"`: a host outside reaches a camera: an open port.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::evidence::Findings;
use super::{Condition, Kind, Rule, Takes, community_id};
use crate::alert::{About, Again, Called, Finding, GroupKey, GroupKind};
use crate::analyse::{Camera, CameraId, Ledger, Step, StepKind};
use crate::net::Service;
use crate::saved::{Damaged, decode, encode_small};
use crate::settings::{Problems, Section};
use crate::time::Timestamp;

/// Calls that wait for the next look, and findings that hold, at a time; what comes beyond is left out.
const MAX: usize = 10_000;
/// Hosts that are counted of one open port.
const MAX_HOSTS: usize = 1000;
/// Hosts that the evidence names.
const SHOWN: usize = 20;
/// A finding ends when nobody reached the camera for so long.
const QUIET: Duration = Duration::from_secs(3600);
/// A finding that goes on is made again with newer figures this often.
const REFRESH: Duration = Duration::from_secs(300);

/// Hosts outside that reach cameras: the narrowing says which.
#[derive(Debug, Clone, Copy)]
pub struct Inbound;

#[expect(clippy::unnecessary_wraps, reason = "all kinds are read alike")]
pub(super) fn read(_: &mut Section<'_, '_>, _: &mut Problems<'_>) -> Option<Kind> {
    Some(Kind::Inbound(Inbound))
}

#[derive(Debug, Serialize, Deserialize)]
struct Found {
    hosts: BTreeSet<IpAddr>,
    latest: IpAddr,
    since: Timestamp,
    last: Timestamp,
    told: Option<Timestamp>,
    /// The ends of the latest connection: the caller's, and the camera's address.
    flow: (u16, IpAddr),
}

/// A call that waits for the next look.
#[derive(Serialize, Deserialize)]
struct Call {
    time: Timestamp,
    camera: CameraId,
    from: IpAddr,
    from_port: u16,
    at: IpAddr,
    service: Service,
}

#[derive(Default)]
pub(super) struct Running {
    fresh: Vec<Call>,
    found: BTreeMap<(CameraId, Service), Found>,
    /// What holds is told once more at the next look.
    again: Again,
}

impl Condition for Running {
    fn refresh(&mut self, again: Again) {
        self.again.add(again);
    }

    fn save(&self) -> Vec<u8> {
        encode_small(&(&self.fresh, &self.found))
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), Damaged> {
        (self.fresh, self.found) = decode(bytes)?;
        Ok(())
    }

    fn takes(&self) -> Takes {
        Takes::INBOUND
    }

    fn observe(&mut self, step: &Step, _: &Ledger) {
        if let StepKind::Inbound { from, from_port, at, service } = step.kind
            && self.fresh.len() < MAX
        {
            self.fresh.push(Call { time: step.time, camera: step.camera, from, from_port, at, service });
        }
    }

    fn forget_gone(&mut self, ledger: &Ledger) {
        self.fresh.retain(|call| ledger.camera_of(call.camera).is_some());
        self.found.retain(|(id, _), _| ledger.camera_of(*id).is_some());
    }

    fn look(&mut self, rule: &Rule, ledger: &Ledger, now: Timestamp, findings: &mut Findings<'_>) {
        let again = std::mem::take(&mut self.again).is_any();
        for call in std::mem::take(&mut self.fresh) {
            let Call { time, camera: id, from, service, .. } = call;
            let Some(camera) = ledger.camera_of(id).filter(|camera| !camera.behind_router) else { continue };
            let key = (id, service);
            let known = self.found.get(&key).is_some_and(|found| found.hosts.contains(&from));
            if !known && !rule.narrow.covers_caller(camera, from, &ledger.geo().place(from), service)
                || self.found.len() >= MAX && !self.found.contains_key(&key)
            {
                continue;
            }
            let flow = (call.from_port, call.at);
            let fresh = || Found { hosts: BTreeSet::new(), latest: from, since: time, last: time, told: None, flow };
            let found = self.found.entry(key).or_insert_with(fresh);
            (found.latest, found.last, found.flow) = (from, found.last.max(time), flow);
            if found.hosts.len() < MAX_HOSTS {
                found.hosts.insert(from);
            }
        }
        self.found.retain(|(id, service), found| {
            let Some(camera) = ledger.camera_of(*id) else { return false };
            let ends = now.since(found.last) >= QUIET;
            let due = found.told.is_none_or(|told| again || (now.since(told) >= REFRESH && found.last > told));
            if ends && found.told.is_some() {
                findings.push(finding(rule, (*id, camera), *service, found, false, ledger));
            } else if !ends && due && found.last.since(found.since) >= rule.hold {
                found.told = Some(now);
                findings.push(finding(rule, (*id, camera), *service, found, true, ledger));
            }
            !ends
        });
    }
}

fn finding(
    rule: &Rule,
    (id, camera): (CameraId, &Camera),
    service: Service,
    found: &Found,
    holds: bool,
    ledger: &Ledger,
) -> Finding {
    let facts = |address: &IpAddr| -> Value {
        let place = ledger.geo().place(*address);
        json!({
            "address": address, "country": place.country_text(), "owner": place.owner_text(),
            "owner_country": place.owner_country,
        })
    };
    let place = ledger.geo().place(found.latest);
    let whose = [place.country_text(), place.owner_text()].into_iter().flatten().collect::<Vec<_>>().join(", ");
    let (port, at) = found.flow;
    let community_id = community_id::of(service.protocol, (found.latest, port), (at, service.port));
    let hosts = match found.hosts.len() {
        1 => "a host outside".to_owned(),
        count => format!("{count} hosts outside"),
    };
    let latest = if whose.is_empty() { found.latest.to_string() } else { format!("{} ({whose})", found.latest) };
    Finding {
        rule: rule.name.clone(),
        severity: rule.severity,
        runbook: rule.runbook.clone(),
        message: None,
        group: GroupKey::new(GroupKind::Service, format!("inbound {service}")),
        member: camera.id.as_str().into(),
        about: About::new(id, Called::Caller(found.latest, service)),
        since: found.since,
        holds,
        value: found.hosts.len() as f64,
        reason: format!("was reached on {service} by {hosts}, the latest {latest}"),
        evidence: json!({
            "open_service": service.to_string(), "hosts": found.hosts.len(), "first": found.since, "last": found.last, "community_id": community_id.filter(|_| port != 0),
            "callers": found.hosts.iter().take(SHOWN).map(facts).collect::<Vec<_>>(),
            "camera": super::words::camera_facts(camera),
        }).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Bench;
    use crate::track::EventKind;

    fn reach(bench: &mut Bench, at: i64, from: &str, service: &str) {
        let (from, service) = (from.parse().unwrap(), service.parse().unwrap());
        bench.event(at, EventKind::Inbound { from, from_port: 50_000, service });
    }

    #[test]
    fn who_reaches_a_camera_is_counted_by_the_port_and_ends_after_an_hour() {
        let mut bench = Bench::new("inbound", "not_addresses = \"212.58.0.0/16\"\nnot_services = \"tcp/443\"");
        reach(&mut bench, 0, "212.58.244.20", "tcp/8000");
        reach(&mut bench, 0, "120.26.96.67", "tcp/443");
        assert!(bench.look(10).is_empty(), "left out by range and by service");
        reach(&mut bench, 11, "120.26.96.67", "tcp/8000");
        reach(&mut bench, 12, "8.8.8.8", "tcp/8000");
        let found = bench.look(20);
        assert!(
            found.len() == 1 && found[0].contains("reached on tcp/8000 by 2 hosts outside, the latest 8.8.8.8 (US")
        );
        assert!(bench.look(3600).is_empty());
        assert_eq!(bench.look(3612), ["- service inbound tcp/8000"]);
    }

    #[test]
    fn is_narrowed_by_where_the_caller_is() {
        let mut bench = Bench::new("inbound", "owner_countries = \"CN\"");
        reach(&mut bench, 0, "8.8.8.8", "tcp/8000");
        assert!(bench.look(10).is_empty());
        reach(&mut bench, 11, "47.91.72.11", "tcp/8000");
        assert_eq!(bench.look(20).len(), 1);
    }
}
