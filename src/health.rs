//! What camwatch finds wrong with itself: a database that cannot be written, a sink that fails, a report that cannot be sent, an
//! interface that is away.
//!
//! It becomes an alert like any other, so that whoever is told of cameras is told too when camwatch is blind or forgets.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::alert::{About, Finding, GroupKey, GroupKind};
use crate::deliver::SinkStats;
use crate::metrics::InterfaceSnapshot;
use crate::report::schedule::ReportStats;
use crate::rules::Severity;
use crate::store;
use crate::time::Timestamp;

/// A sink may be away for so long, as a receiver is that is started anew.
const SINK_PATIENCE: Duration = Duration::from_secs(600);
/// A report may wait for so long, since the mail server may be the one that is started anew.
const REPORT_PATIENCE: Duration = SINK_PATIENCE;
/// An interface may be away for so long.
const INTERFACE_PATIENCE: Duration = Duration::from_secs(60);

/// The rules' names.
const SELF_TEST: &str = "camwatch-selftest";
const REPORT: &str = "camwatch-report";

/// What is wrong.
#[derive(Debug, Clone, PartialEq)]
struct Trouble {
    severity: Severity,
    reason: String,
    evidence: Value,
}

/// The part of camwatch that it is about: what kind of part, which is the rule's name, and which one.
type Part = (&'static str, String);

/// Looks at what is wrong, and tells what has changed.
#[derive(Debug, Default)]
pub struct Health {
    wrong: BTreeMap<Part, (Timestamp, Trouble)>,
    /// Since when each interface is away.
    away: BTreeMap<String, SystemTime>,
    /// What may fire from before a restart was looked at.
    looked: bool,
}

impl Health {
    /// What began to be wrong, and what is well again, at `now` by the wall clock. The findings hold from `time` on.
    pub fn look(
        &mut self,
        store: &store::Health,
        (sinks, reports): (&[SinkStats], &[ReportStats]),
        interfaces: &[InterfaceSnapshot],
        selftest: Option<String>,
        (now, time): (SystemTime, Timestamp),
    ) -> Vec<Finding> {
        let mut wrong: BTreeMap<Part, Trouble> = BTreeMap::new();
        wrong.extend(of_store(store).map(|trouble| (("camwatch-store", "store".to_owned()), trouble)));
        wrong.extend(selftest.map(|wrong| ((SELF_TEST, "selftest".to_owned()), of_self_test(&wrong))));
        for sink in sinks {
            wrong.extend(of_sink(sink, now).map(|trouble| (("camwatch-sink", sink.sink.clone()), trouble)));
        }
        for report in reports {
            wrong.extend(of_report(report, now).map(|trouble| ((REPORT, report.report.clone()), trouble)));
        }
        for interface in interfaces {
            let name = interface.name.clone();
            if interface.up {
                self.away.remove(&name);
                continue;
            }
            let since = *self.away.entry(name.clone()).or_insert(now);
            if now.duration_since(since).is_ok_and(|away| away >= INTERFACE_PATIENCE) {
                let reason = "is away: nothing is seen on it, and cameras there are not watched".to_owned();
                let trouble = Trouble { severity: Severity::Critical, reason, evidence: json!({ "interface": name }) };
                wrong.insert(("camwatch-capture", name), trouble);
            }
        }
        let mut findings = Vec::new();
        if !std::mem::replace(&mut self.looked, true) {
            // What was wrong before a restart may be well now.
            let parts = [("camwatch-store", "store".to_owned()), (SELF_TEST, "selftest".to_owned())]
                .into_iter()
                .chain(sinks.iter().map(|sink| ("camwatch-sink", sink.sink.clone())))
                .chain(reports.iter().map(|report| (REPORT, report.report.clone())))
                .chain(interfaces.iter().map(|interface| ("camwatch-capture", interface.name.clone())));
            findings.extend(parts.filter(|part| !wrong.contains_key(part)).map(|part| finding(&part, time, None)));
        }
        for (part, (since, _)) in self.wrong.extract_if(.., |part, _| !wrong.contains_key(part)) {
            findings.push(finding(&part, since, None));
        }
        for (part, trouble) in wrong {
            let known = self.wrong.get(&part);
            if known.is_none_or(|(_, known)| *known != trouble) {
                let since = known.map_or(time, |(since, _)| *since);
                findings.push(finding(&part, since, Some(&trouble)));
                self.wrong.insert(part, (since, trouble));
            }
        }
        findings
    }
}

fn of_store(health: &store::Health) -> Option<Trouble> {
    let (severity, reason, evidence) = match health {
        store::Health::Good => return None,
        store::Health::SetAside(aside) => {
            let file = aside.file.display();
            let reason = format!(
                "was broken ({}), and a new database was begun: the old one is {file}; look at the disk, then delete it or \
                 restore a copy",
                aside.error
            );
            (Severity::Warning, reason, json!({ "file": file.to_string(), "error": aside.error }))
        }
        store::Health::CannotWrite { error, .. } => {
            let reason = format!(
                "cannot be written ({error}): alerts are held in memory and still sent, nothing else is kept; make room or \
                 mend the disk"
            );
            (Severity::Critical, reason, json!({ "error": error }))
        }
    };
    Some(Trouble { severity, reason, evidence })
}

/// The last self test was not good.
fn of_self_test(wrong: &str) -> Trouble {
    let reason = format!("failed ({wrong}): an alert might reach nobody; `camwatch selftest` makes one more");
    Trouble { severity: Severity::Warning, reason, evidence: json!({ "problems": wrong }) }
}

fn of_sink(sink: &SinkStats, now: SystemTime) -> Option<Trouble> {
    let failing = now.duration_since(sink.failing_since?).ok()?;
    if failing < SINK_PATIENCE {
        return None;
    }
    let error = sink.last_error.clone().unwrap_or_default();
    let reason = format!("has delivered nothing for 10 min and more ({error}): what waits is kept, and tried again");
    Some(Trouble { severity: Severity::Warning, reason, evidence: json!({ "sink": sink.sink, "error": error }) })
}

fn of_report(report: &ReportStats, now: SystemTime) -> Option<Trouble> {
    let failing = now.duration_since(report.failing_since?).ok()?;
    if failing < REPORT_PATIENCE {
        return None;
    }
    let error = report.last_error.clone().unwrap_or_default();
    let reason =
        format!("could not be sent for 10 min and more ({error}): it is tried again until the next one is due");
    let evidence = json!({ "report": report.report, "sink": report.sink, "error": error });
    Some(Trouble { severity: Severity::Warning, reason, evidence })
}

/// That something is wrong with a part; without a trouble, that it is well.
fn finding((rule, which): &Part, since: Timestamp, trouble: Option<&Trouble>) -> Finding {
    let member = match *rule {
        SELF_TEST => "camwatch self test".to_owned(),
        "camwatch-sink" => format!("camwatch sink {which}"),
        REPORT => format!("camwatch report {which}"),
        "camwatch-capture" => format!("camwatch interface {which}"),
        _ => format!("camwatch {which}"),
    };
    Finding {
        rule: Arc::from(*rule),
        severity: trouble.map_or(Severity::Warning, |trouble| trouble.severity),
        runbook: None,
        message: None,
        group: GroupKey::new(GroupKind::Own, which.as_str()),
        member: member.into(),
        about: About::default(),
        since,
        holds: trouble.is_some(),
        value: 1.0,
        reason: trouble.map(|trouble| trouble.reason.clone()).unwrap_or_default(),
        evidence: trouble.map_or(Value::Null, |trouble| trouble.evidence.clone()).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u64) -> (SystemTime, Timestamp) {
        (SystemTime::UNIX_EPOCH + Duration::from_secs(second), Timestamp::from_parts(second as i64, 0))
    }

    fn told(findings: &[Finding]) -> Vec<(String, bool)> {
        findings.iter().map(|finding| (finding.rule.to_string(), finding.holds)).collect()
    }

    #[test]
    fn trouble_is_told_once_and_its_end_once() {
        let mut health = Health::default();
        let full = store::Health::CannotWrite { since: SystemTime::UNIX_EPOCH, error: "disk full".to_owned() };
        let first = health.look(&full, (&[], &[]), &[], None, at(0));
        assert!(told(&first).contains(&("camwatch-store".to_owned(), true)));
        assert_eq!(health.look(&full, (&[], &[]), &[], None, at(1)), []);
        let ended = health.look(&store::Health::Good, (&[], &[]), &[], None, at(2));
        assert_eq!(told(&ended), [("camwatch-store".to_owned(), false)]);
        assert_eq!(health.look(&store::Health::Good, (&[], &[]), &[], None, at(3)), []);
    }

    #[test]
    fn what_was_wrong_before_a_restart_is_ended_by_the_first_look() {
        let first = Health::default().look(&store::Health::Good, (&[], &[]), &[], None, at(0));
        assert_eq!(told(&first), [("camwatch-store".to_owned(), false), (SELF_TEST.to_owned(), false)]);
    }

    #[test]
    fn a_self_test_that_failed_is_told_until_one_is_good() {
        let mut health = Health::default();
        let good = store::Health::Good;
        health.look(&good, (&[], &[]), &[], None, at(0));
        let found = health.look(&good, (&[], &[]), &[], Some("no rule is in force".to_owned()), at(1));
        assert_eq!(told(&found), [(SELF_TEST.to_owned(), true)]);
        assert!(found[0].reason.contains("no rule is in force") && &*found[0].member == "camwatch self test");
        assert_eq!(told(&health.look(&good, (&[], &[]), &[], None, at(2))), [(SELF_TEST.to_owned(), false)]);
    }

    #[test]
    fn sinks_and_interfaces_are_given_some_time() {
        let mut health = Health::default();
        let sink = SinkStats { sink: "noc".to_owned(), failing_since: Some(at(0).0), ..SinkStats::default() };
        let away = InterfaceSnapshot { name: "eth1".to_owned(), up: false, ..InterfaceSnapshot::default() };
        let good = store::Health::Good;
        health.look(&good, (std::slice::from_ref(&sink), &[]), std::slice::from_ref(&away), None, at(1));
        assert_eq!(
            health.look(&good, (std::slice::from_ref(&sink), &[]), std::slice::from_ref(&away), None, at(30)),
            []
        );
        let found = health.look(&good, (std::slice::from_ref(&sink), &[]), std::slice::from_ref(&away), None, at(700));
        assert_eq!(told(&found), [("camwatch-capture".to_owned(), true), ("camwatch-sink".to_owned(), true)]);
        assert!(found[0].reason.contains("away") && &*found[1].member == "camwatch sink noc");
    }

    #[test]
    fn a_report_that_cannot_be_sent_is_told_after_a_while_until_it_is() {
        let mut health = Health::default();
        let good = store::Health::Good;
        let mut report = ReportStats { report: "weekly".to_owned(), sink: "mail".to_owned(), ..ReportStats::default() };
        (report.failing_since, report.last_error) = (Some(at(0).0), Some("mail.example: no route".to_owned()));
        let first = health.look(&good, (&[], std::slice::from_ref(&report)), &[], None, at(1));
        assert!(told(&first).contains(&(REPORT.to_owned(), false)), "what fired before a restart may be sent now");
        assert_eq!(health.look(&good, (&[], std::slice::from_ref(&report)), &[], None, at(599)), []);
        let found = health.look(&good, (&[], std::slice::from_ref(&report)), &[], None, at(600));
        assert_eq!(told(&found), [(REPORT.to_owned(), true)]);
        assert!(found[0].reason.contains("no route") && &*found[0].member == "camwatch report weekly");
        report.failing_since = None;
        let ended = health.look(&good, (&[], std::slice::from_ref(&report)), &[], None, at(700));
        assert_eq!(told(&ended), [(REPORT.to_owned(), false)]);
    }
}
