//! Self tests.

use std::time::Duration;

use super::keeping::unix_s;
use super::{Room, counter, gauge};

pub(super) const ROOM: Room = Room {
    title: "Self tests",
    about: "Whether an alert would come out at the end of each sink: see docs/selftest.md.",
    families: &[
        gauge(
            "camwatch_selftest_last_success_timestamp_seconds",
            "seconds",
            &[],
            "When a self test was good last; 0 for not since the start.",
            |s, v| s.selftest.iter().for_each(|figures| v(&[], unix_s(figures.last_success))),
        ),
        gauge(
            "camwatch_selftest_interval_seconds",
            "seconds",
            &[],
            "How often a self test is made; 0 for only when asked for.",
            |s, v| {
                let every = |every: Option<Duration>| every.map_or(0.0, |every| every.as_secs_f64());
                s.selftest.iter().for_each(|figures| v(&[], every(figures.every)));
            },
        ),
        counter(
            "camwatch_selftest_runs_total",
            "self tests",
            &["outcome"],
            "Self tests that were made: good ones, and those that found something wrong.",
            |s, v| {
                if let Some(figures) = &s.selftest {
                    v(&["good"], figures.good as f64);
                    v(&["failed"], figures.failed as f64);
                }
            },
        ),
        gauge("camwatch_selftest_duration_seconds", "seconds", &[], "How long the last self test took.", |s, v| {
            s.selftest.iter().for_each(|figures| v(&[], figures.took.as_secs_f64()));
        }),
    ],
};
