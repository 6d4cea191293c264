//! The way out of alerts, and what is kept.

use std::time::SystemTime;

use super::snapshot::Snapshot;
use super::{Room, Values, counter, gauge, histogram};
use crate::deliver::SinkStats;
use crate::report::schedule::ReportStats;

fn each_sink(snapshot: &Snapshot, values: &mut Values<'_>, value: fn(&SinkStats) -> f64) {
    for sink in &snapshot.sinks {
        values(&[&sink.sink, sink.kind], value(sink));
    }
}

/// Seconds since 1970; 0 for never.
pub(super) fn unix_s(time: Option<SystemTime>) -> f64 {
    time.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok()).map_or(0.0, |since| since.as_secs_f64())
}

pub(super) const ROOM: Room = Room {
    title: "Sinks and store",
    about: "The way out of alerts, and what is kept.",
    families: &[
        counter(
            "camwatch_sink_delivered_total",
            "transitions",
            &["sink", "kind"],
            "Transitions of alerts that the receiver took.",
            |s, v| {
                each_sink(s, v, |sink| sink.delivered as f64);
            },
        ),
        histogram(
            "camwatch_alert_delivery_seconds",
            &["sink", "kind"],
            "How long a receiver took to take what it was sent, or to refuse it.",
            |s, v| {
                s.sinks.iter().for_each(|sink| v(&[&sink.sink, sink.kind], &sink.sending));
            },
        )
        .note("each try, also one that failed"),
        counter("camwatch_sink_retries_total", "tries", &["sink", "kind"], "Tries after the first.", |s, v| {
            each_sink(s, v, |sink| sink.retries as f64);
        }),
        counter(
            "camwatch_sink_refused_total",
            "transitions",
            &["sink", "kind"],
            "Transitions that the receiver refused for good.",
            |s, v| {
                each_sink(s, v, |sink| sink.refused as f64);
            },
        )
        .note("passed over, and missing at the receiver"),
        gauge("camwatch_sink_failing", "1", &["sink", "kind"], "Whether the last try to deliver failed.", |s, v| {
            each_sink(s, v, |sink| f64::from(u8::from(sink.failing_since.is_some())));
        }),
        gauge(
            "camwatch_sink_last_success_timestamp_seconds",
            "seconds",
            &["sink", "kind"],
            "When the receiver last took something; 0 for not since the start.",
            |s, v| each_sink(s, v, |sink| unix_s(sink.last_success)),
        ),
        gauge(
            "camwatch_outbox_waiting",
            "transitions",
            &["sink"],
            "Transitions of alerts that a sink has still to deliver.",
            |s, v| {
                s.store.waiting.iter().for_each(|(sink, count)| v(&[sink], *count as f64));
            },
        ),
        counter(
            "camwatch_outbox_expired_total",
            "transitions",
            &[],
            "Transitions given up for a sink that did not take them for too long.",
            |s, v| v(&[], s.store.expired as f64),
        ),
        counter(
            "camwatch_report_sent_total",
            "mails",
            &["report"],
            "Scheduled reports that the mail server took.",
            |s, v| s.reports.iter().for_each(|report| v(&[&report.report], report.sent as f64)),
        ),
        counter(
            "camwatch_report_failures_total",
            "tries",
            &["report"],
            "Tries to send a scheduled report that failed.",
            |s, v| s.reports.iter().for_each(|report| v(&[&report.report], report.failed as f64)),
        ),
        gauge(
            "camwatch_report_failing",
            "1",
            &["report"],
            "Whether a scheduled report is due that could not be sent yet.",
            |s, v| {
                let failing = |report: &ReportStats| f64::from(u8::from(report.failing_since.is_some()));
                s.reports.iter().for_each(|report| v(&[&report.report], failing(report)));
            },
        ),
        gauge(
            "camwatch_report_last_success_timestamp_seconds",
            "seconds",
            &["report"],
            "When a scheduled report was last sent; 0 for not since the start.",
            |s, v| s.reports.iter().for_each(|report| v(&[&report.report], unix_s(report.last_success))),
        ),
        gauge("camwatch_store_writable", "1", &[], "Whether the database can be written.", |s, v| {
            v(&[], f64::from(u8::from(s.store.writable)));
        })
        .note("1 too where nothing is kept on disk"),
        gauge("camwatch_store_database_bytes", "bytes", &[], "Size of the database file.", |s, v| {
            v(&[], s.store.database_bytes as f64);
        }),
        gauge("camwatch_store_wal_bytes", "bytes", &[], "Size of the write-ahead log beside the database.", |s, v| {
            v(&[], s.store.wal_bytes as f64);
        }),
        gauge(
            "camwatch_store_held",
            "transitions",
            &[],
            "Transitions held in memory because they are not written yet.",
            |s, v| {
                v(&[], s.store.held as f64);
            },
        ),
        counter(
            "camwatch_store_dropped_total",
            "transitions",
            &[],
            "Transitions lost because too many were held unwritten.",
            |s, v| {
                v(&[], s.store.dropped as f64);
            },
        ),
        counter(
            "camwatch_store_unrecorded_total",
            "transitions",
            &[],
            "Transitions that every sink had, but that could not be written down.",
            |s, v| v(&[], s.store.unrecorded as f64),
        ),
        counter("camwatch_store_write_errors_total", "writes", &[], "Writes to the database that failed.", |s, v| {
            v(&[], s.store.write_errors as f64);
        }),
        counter(
            "camwatch_store_checkpoints_total",
            "checkpoints",
            &[],
            "Checkpoints of the analyser that were written.",
            |s, v| {
                v(&[], s.store.checkpoints as f64);
            },
        ),
        counter(
            "camwatch_store_set_aside_total",
            "databases",
            &[],
            "Broken databases that were set aside, with a new one begun, since the start.",
            |s, v| v(&[], s.store.set_aside as f64),
        ),
        counter(
            "camwatch_store_removed_rows_total",
            "rows",
            &["table"],
            "Rows removed because their time was over.",
            |s, v| {
                s.store.removed.iter().for_each(|(table, count)| v(&[table], *count as f64));
            },
        ),
        gauge(
            "camwatch_store_last_commit_timestamp_seconds",
            "seconds",
            &[],
            "When something was last written.",
            |s, v| {
                v(&[], unix_s(s.store.last_commit));
            },
        )
        .note("0 for not since the start"),
    ],
};
