//! `kind = "lateral"`: a camera calls many internal hosts: a hacked one looks around.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use ahash::AHashMap;
use serde_json::json;

use super::evidence::Findings;
use super::{Condition, Kind, Rule, Takes, in_order, words};
use crate::alert::{About, Again, Finding, GroupKey, GroupKind};
use crate::analyse::{Camera, CameraId, Ledger, Step, StepKind};
use crate::device::DeviceKind;
use crate::net::{Protocol, Service, Space, space};
use crate::saved::{Damaged, decode, encode_small};
use crate::settings::{Problems, Section, duration_text};
use crate::time::Timestamp;

/// Hosts that are kept of one camera; a camera that calls more has long been found.
const MAX_HOSTS: usize = 256;
/// Hosts that are kept in all; later ones are left out until others have left the window.
const MAX_IN_ALL: usize = 500_000;
/// Hosts that the evidence names.
const SHOWN: usize = 20;
/// A finding that goes on is made again with newer figures this often.
const REFRESH: Duration = Duration::from_secs(300);

/// How many internal hosts are too many, as declared.
#[derive(Debug, Clone)]
pub struct Lateral {
    hosts: u64,
    window: Duration,
}

impl Lateral {
    /// What is too many.
    pub(super) fn threshold(&self) -> serde_json::Value {
        json!({ "hosts": self.hosts, "window_s": self.window.as_secs() })
    }
}

pub(super) fn read(section: &mut Section<'_, '_>, problems: &mut Problems<'_>) -> Option<Kind> {
    let hosts = section.get("hosts", problems).unwrap_or(5);
    let window = section.get("window", problems).unwrap_or(Duration::from_secs(3600));
    if hosts >= MAX_HOSTS as u64 {
        problems.add(section.span_of("hosts"), format!("`hosts` must be below {MAX_HOSTS}: more are too many"));
        return None;
    }
    if window < Duration::from_secs(60) || window > Duration::from_secs(86_400) {
        problems.add(section.span_of("window"), "`window` must be between 1 min and 24 h");
        return None;
    }
    Some(Kind::Lateral(Lateral { hosts, window }))
}

/// What one camera called.
#[derive(Debug, Default)]
struct Called {
    /// When last, and what first.
    hosts: AHashMap<IpAddr, (Timestamp, Service)>,
    /// A host came since the last look.
    fresh: bool,
    found: Option<Timestamp>,
    told: Timestamp,
}

pub(super) struct Running {
    lateral: Lateral,
    cameras: AHashMap<CameraId, Called>,
    in_all: usize,
    /// What holds is told once more at the next look.
    again: Again,
}

impl Running {
    pub(super) fn new(lateral: Lateral) -> Self {
        Self { lateral, cameras: AHashMap::new(), in_all: 0, again: Again::default() }
    }
}

impl Condition for Running {
    fn refresh(&mut self, again: Again) {
        self.again.add(again);
    }

    fn save(&self) -> Vec<u8> {
        let of_one = |(id, called): (&CameraId, &Called)| {
            let hosts: Vec<(IpAddr, (Timestamp, Service))> =
                in_order(&called.hosts).into_iter().map(|(address, host)| (*address, *host)).collect();
            (*id, (hosts, called.fresh, called.found, called.told))
        };
        encode_small(&in_order(&self.cameras).into_iter().map(of_one).collect::<Vec<_>>())
    }

    fn load(&mut self, bytes: &[u8]) -> Result<(), Damaged> {
        type Saved = (Vec<(IpAddr, (Timestamp, Service))>, bool, Option<Timestamp>, Timestamp);
        let cameras: Vec<(CameraId, Saved)> = decode(bytes)?;
        let of_one = |(id, (hosts, fresh, found, told)): (CameraId, Saved)| {
            (id, Called { hosts: hosts.into_iter().take(MAX_HOSTS).collect(), fresh, found, told })
        };
        self.cameras = cameras.into_iter().map(of_one).collect();
        self.in_all = self.cameras.values().map(|called| called.hosts.len()).sum();
        Ok(())
    }

    fn takes(&self) -> Takes {
        Takes::INSIDE.and(Takes::ATTEMPTS)
    }

    fn observe(&mut self, step: &Step, ledger: &Ledger) {
        let (address, service) = match step.kind {
            StepKind::Inside { destination, service } => (destination, service),
            // Where every address is watched, internal destinations are pairs too.
            StepKind::Attempt { pair, .. } => {
                let Some(pair) = ledger.pair_of(pair) else { return };
                let Some(service) = pair.services.first() else { return };
                (pair.address, *service)
            }
            _ => return,
        };
        // Over UDP only names, time and discovery are told of what is internal.
        if service.protocol == Protocol::Udp {
            return;
        }
        let called = self.cameras.entry(step.camera).or_default();
        if let Some(host) = called.hosts.get_mut(&address) {
            host.0 = host.0.max(step.time);
        } else if called.hosts.len() < MAX_HOSTS && self.in_all < MAX_IN_ALL && space(address) != Space::Multicast {
            called.hosts.insert(address, (step.time, service));
            called.fresh = true;
            self.in_all += 1;
        }
    }

    fn forget_gone(&mut self, ledger: &Ledger) {
        self.cameras.retain(|id, _| ledger.camera_of(*id).is_some());
        self.in_all = self.cameras.values().map(|called| called.hosts.len()).sum();
    }

    fn look(&mut self, rule: &Rule, ledger: &Ledger, now: Timestamp, findings: &mut Findings<'_>) {
        let lateral = &self.lateral;
        let again = std::mem::take(&mut self.again).is_any();
        let (mut changed, mut in_all) = (Vec::new(), 0);
        self.cameras.retain(|id, called| {
            let before = called.hosts.len();
            called.hosts.retain(|_, (last, _)| now.since(*last) < lateral.window);
            in_all += called.hosts.len();
            let grown = std::mem::take(&mut called.fresh);
            if grown || called.hosts.len() != before || called.found.is_some() {
                changed.push((*id, grown));
            }
            !called.hosts.is_empty() || called.found.is_some()
        });
        self.in_all = in_all;
        changed.sort_unstable();
        for (id, grown) in changed {
            let Some(camera) = ledger.camera_of(id).filter(|camera| !camera.behind_router) else { continue };
            let Some(called) = self.cameras.get_mut(&id) else { continue };
            let strange: BTreeSet<(IpAddr, Service)> = called
                .hosts
                .iter()
                .map(|(address, (_, service))| (*address, *service))
                .filter(|(address, service)| {
                    rule.narrow.covers_inside(camera, *address, *service) && !is_recorder(*address, camera, ledger)
                })
                .collect();
            let over = strange.len() as u64 > lateral.hosts;
            let since = called.found;
            match (over, since) {
                (true, None) => (called.found, called.told) = (Some(now), Timestamp::MIN),
                (false, Some(_)) => called.found = None,
                _ => {}
            }
            let began = called.found.or(since).unwrap_or(now);
            let is_told = called.told > Timestamp::MIN;
            let tells = if over {
                now.since(began) >= rule.hold && (!is_told || grown || again || now.since(called.told) >= REFRESH)
            } else {
                since.is_some() && is_told
            };
            if tells {
                called.told = now;
                findings.push(finding(rule, lateral, (id, camera), &strange, (began, over)));
            }
        }
    }
}

/// Whether a camera's recorder is there: configured or recognised as one.
fn is_recorder(address: IpAddr, camera: &Camera, ledger: &Ledger) -> bool {
    let configured = ledger.watch_list().configured(address, None).map(|device| device.kind);
    let known = || ledger.inventory().at(camera.segment, address).map(|(_, device)| device.kind());
    configured.or_else(known) == Some(DeviceKind::Recorder)
}

fn finding(
    rule: &Rule,
    lateral: &Lateral,
    (id, camera): (CameraId, &Camera),
    strange: &BTreeSet<(IpAddr, Service)>,
    (since, holds): (Timestamp, bool),
) -> Finding {
    let shown = strange.iter().take(SHOWN);
    let shown: Vec<_> =
        shown.map(|(address, service)| json!({ "address": address, "service": service.to_string() })).collect();
    let services: BTreeSet<String> = strange.iter().map(|(_, service)| service.to_string()).take(8).collect();
    Finding {
        rule: rule.name.clone(),
        severity: rule.severity,
        runbook: rule.runbook.clone(),
        message: None,
        group: GroupKey::new(GroupKind::Destinations, "internal hosts"),
        member: camera.id.as_str().into(),
        about: About::camera(id),
        since,
        holds,
        value: strange.len() as f64,
        reason: format!(
            "called {} internal hosts within {} (the rule allows {} other than recorders), on {}",
            strange.len(),
            duration_text(lateral.window),
            lateral.hosts,
            services.into_iter().collect::<Vec<_>>().join(", ")
        ),
        evidence: json!({
            "hosts": strange.len(), "threshold": lateral.hosts, "window_s": lateral.window.as_secs(), "called": shown,
            "camera": words::camera_facts(camera),
        })
        .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Bench, rule};

    fn scan(bench: &mut Bench, at: i64, hosts: u8, service: &str) {
        for host in 0..hosts {
            bench.call(at + i64::from(host), &format!("10.20.1.{host}"), service);
        }
    }

    #[test]
    fn more_hosts_than_allowed_are_found_until_they_leave_the_window() {
        let mut bench = Bench::new("lateral", "hosts = 5\nwindow = \"10 min\"");
        scan(&mut bench, 0, 5, "tcp/23");
        assert!(bench.look(10).is_empty(), "as many as allowed");
        scan(&mut bench, 11, 6, "tcp/23");
        let found = bench.look(20);
        assert!(found[0].contains("called 6 internal hosts within 10 min (the rule allows 5"), "{found:?}");
        assert!(bench.look(30).is_empty());
        assert_eq!(bench.look(620), ["- destinations internal hosts"]);
        assert!(bench.look(630).is_empty());
    }

    #[test]
    fn services_and_ranges_named_and_names_time_and_discovery_do_not_count() {
        let mut bench =
            Bench::new("lateral", "hosts = 2\nnot_services = \"tcp/554\"\nnot_addresses = \"10.20.1.0/29\"");
        scan(&mut bench, 0, 20, "tcp/554");
        scan(&mut bench, 30, 8, "tcp/80");
        bench.call(50, "239.255.255.250", "tcp/80");
        for host in 100..120 {
            bench.call(i64::from(host), &format!("10.20.2.{host}"), "udp/53");
        }
        assert!(bench.look(130).is_empty());
        for host in 100..103 {
            bench.call(140, &format!("10.20.2.{host}"), "tcp/23");
        }
        assert_eq!(bench.look(150).len(), 1);
    }

    #[test]
    fn every_wrong_key_is_told() {
        assert!(rule("lateral", "hosts = 256").unwrap_err()[0].contains("must be below 256"));
        assert!(rule("lateral", "window = \"1 s\"").unwrap_err()[0].contains("between 1 min and 24 h"));
    }
}
