//! Rules and alerts.

use super::{Room, counter, gauge, histogram};
use crate::rules::Severity;

pub(super) const ROOM: Room = Room {
    title: "Rules and alerts",
    about: "Alerts are told apart from each other by their sinks, not by metrics: here is how many there are.",
    families: &[
        gauge("camwatch_rules", "rules", &[], "Rules in force.", |s, v| v(&[], s.analysed.rules as f64)),
        histogram("camwatch_rules_look_seconds", &[], "How long a look at all rules took.", |s, v| {
            v(&[], &s.analysed.looks);
        })
        .note("by the wall clock; there is one every 10 s of the capture"),
        counter(
            "camwatch_rules_left_out_total",
            "events",
            &[],
            "Events for which the tables of rules had no room.",
            |s, v| {
                v(&[], s.analysed.rules_left_out as f64);
            },
        ),
        gauge("camwatch_alerts_firing", "alerts", &["severity"], "Alerts that fire now.", |s, v| {
            for severity in [Severity::Info, Severity::Warning, Severity::Critical] {
                v(&[&severity.to_string()], s.analysed.firing.get(&severity).copied().unwrap_or(0) as f64);
            }
        })
        .note("without those that an exception keeps back"),
        gauge("camwatch_alerts_suppressed", "alerts", &[], "Alerts that an exception keeps back now.", |s, v| {
            v(&[], s.analysed.suppressed as f64);
        }),
        counter(
            "camwatch_alerts_left_out_total",
            "findings, alerts",
            &[],
            "Findings for which there were too many alerts, and alerts that made room.",
            |s, v| v(&[], s.analysed.alerts_left_out as f64),
        ),
    ],
};
