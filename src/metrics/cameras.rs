//! What cameras did: all of them, each of them, and the ledger that counts it.

use std::collections::BTreeMap;

use super::{Room, counter, gauge};
use crate::analyse::beat::Level;
use crate::geo::Class;

/// Levels as numbers, so that they can be drawn and compared.
fn rank(level: Option<Level>) -> f64 {
    match level {
        None => 0.0,
        Some(Level::Watch) => 1.0,
        Some(Level::Beacon) => 2.0,
        Some(Level::Strong) => 3.0,
    }
}

fn word(class: Class) -> &'static str {
    match class {
        Class::Home => "home",
        Class::Overseas => "overseas",
        Class::Unknown => "unknown",
        Class::Internal | Class::Special => "internal",
    }
}

pub(super) const ROOM: Room = Room {
    title: "Cameras and devices",
    about: "All cameras together. What is not overseas, home or internal is `unknown`: an address of no known country.",
    families: &[
        gauge("camwatch_cameras", "cameras", &[], "Cameras seen.", |s, v| v(&[], s.analysed.camera_count as f64)),
        gauge("camwatch_devices", "devices", &["kind"], "Devices seen inside, by what they are.", |s, v| {
            s.analysed.devices.iter().for_each(|(kind, count)| v(&[kind.word()], *count as f64));
        }),
        counter(
            "camwatch_devices_left_out_total",
            "sightings",
            &[],
            "Sightings of devices for which there was no room.",
            |s, v| {
                v(&[], s.analysed.devices_left_out as f64);
            },
        ),
        counter(
            "camwatch_devices_evicted_total",
            "devices",
            &[],
            "Devices of which nothing was known that made room.",
            |s, v| {
                v(&[], s.analysed.devices_evicted as f64);
            },
        ),
        gauge(
            "camwatch_cameras_coverage",
            "cameras",
            &["state"],
            "Cameras that were observed, silent, or not observable in the last whole hour.",
            |s, v| {
                for (state, count) in ["observed", "silent", "not_observable"].iter().zip(s.analysed.coverage) {
                    v(&[state], count as f64);
                }
            },
        )
        .note("by the clock of the capture"),
        gauge(
            "camwatch_register",
            "cameras",
            &["list"],
            "Cameras by whether they are registered and were seen.",
            |s, v| {
                let lists = ["seen_registered", "seen_unregistered", "not_seen", "not_observable"];
                lists.iter().zip(s.analysed.register).for_each(|(list, count)| v(&[list], count as f64));
            },
        )
        .note("all 0 where nothing is registered"),
        counter(
            "camwatch_attempts_total",
            "attempts",
            &["class"],
            "Attempts of all cameras, by where the destination is.",
            |s, v| {
                let totals = &s.analysed.totals;
                v(&["overseas"], totals.overseas_attempts as f64);
                v(&["home"], totals.home_attempts as f64);
                v(&["unknown"], totals.unknown_attempts as f64);
                v(&["internal"], totals.internal_attempts as f64);
            },
        ),
        counter(
            "camwatch_contacts_total",
            "contacts",
            &["outcome"],
            "What became of attempts, and connections first seen in the middle.",
            |s, v| {
                v(&["answered"], s.analysed.totals.answered as f64);
                v(&["refused"], s.analysed.totals.refused as f64);
                v(&["unanswered"], s.analysed.totals.unanswered as f64);
                v(&["midstream"], s.analysed.totals.midstream as f64);
            },
        ),
        counter("camwatch_retries_total", "retries", &[], "Retries of attempts.", |s, v| {
            v(&[], s.analysed.totals.retries as f64);
        }),
        counter("camwatch_pulses_total", "pulses", &[], "Pulses inside open connections.", |s, v| {
            v(&[], s.analysed.totals.pulses as f64);
        }),
        counter("camwatch_dns_questions_total", "questions", &[], "Names that cameras asked for in DNS.", |s, v| {
            v(&[], s.analysed.totals.dns_questions as f64);
        }),
        gauge(
            "camwatch_country_cameras",
            "cameras",
            &["country", "class"],
            "Cameras that have called a country, by its two letters.",
            |s, v| {
                for (class, country, called) in s.analysed.survey.countries() {
                    v(&[country, word(class)], called.cameras() as f64);
                }
            },
        )
        .note("`unknown`: no source knows the address; `disputed`: sources disagree; looked at every 10 s"),
        gauge(
            "camwatch_country_attempts",
            "attempts",
            &["country", "class"],
            "Attempts to a country, of the pairs that are in the ledger.",
            |s, v| {
                for (class, country, called) in s.analysed.survey.countries() {
                    v(&[country, word(class)], called.attempts as f64);
                }
            },
        )
        .note("no counter: pairs leave a full ledger, and with new country data addresses move"),
    ],
};

pub(super) const EACH: Room = Room {
    title: "Each camera",
    about: "Series of their own for at most `[metrics] camera_series` cameras (5000), the first that were seen; 0 switches them off. `camera` is its configured name, else its MAC address, else its address.",
    families: &[
        counter(
            "camwatch_camera_attempts_total",
            "attempts",
            &["camera", "class"],
            "Attempts of a camera, by where the destination is.",
            |s, v| {
                for camera in &s.analysed.cameras {
                    let home = camera.all - camera.overseas - camera.unknown - camera.internal;
                    for (class, count) in [
                        ("overseas", camera.overseas),
                        ("unknown", camera.unknown),
                        ("internal", camera.internal),
                        ("home", home),
                    ] {
                        v(&[&camera.id, class], count as f64);
                    }
                }
            },
        )
        .note("at most `[metrics] camera_series` cameras"),
        gauge(
            "camwatch_camera_beat_level",
            "level",
            &["camera"],
            "The level of the strongest rhythm of its calls overseas: 0 none, 1 watch, 2 beacon, 3 strong.",
            |s, v| {
                for camera in &s.analysed.cameras {
                    v(&[&camera.id], rank(camera.level));
                }
            },
        )
        .note("docs/beat.md; 0 again when the rhythm stopped; looked at every 10 s"),
        gauge("camwatch_camera_alerts_firing", "alerts", &["camera"], "Alerts that fire now and name it.", |s, v| {
            for camera in &s.analysed.cameras {
                v(&[&camera.id], camera.firing as f64);
            }
        }),
        gauge(
            "camwatch_camera_series_left_out",
            "cameras",
            &[],
            "Cameras that have no series of their own because there are too many.",
            |s, v| v(&[], s.analysed.camera_count.saturating_sub(s.analysed.cameras.len() as u64) as f64),
        )
        .note("`[metrics] camera_series` is how many may have"),
    ],
};

pub(super) const LEDGER: Room = Room {
    title: "The ledger",
    about: "Every table has a size (`[limits]`); what found no room is counted.",
    families: &[
        gauge("camwatch_pairs", "pairs", &[], "Pairs of a camera and a destination in the ledger.", |s, v| {
            v(&[], s.analysed.pairs as f64);
        }),
        gauge("camwatch_names", "names", &[], "Names that cameras used.", |s, v| v(&[], s.analysed.names as f64)),
        counter(
            "camwatch_ledger_evicted_pairs_total",
            "pairs",
            &[],
            "Pairs that left because the ledger was full.",
            |s, v| {
                v(&[], s.analysed.evicted_pairs as f64);
            },
        ),
        counter(
            "camwatch_ledger_evicted_cameras_total",
            "cameras",
            &[],
            "Cameras that left because the ledger was full: made up, or not seen for an hour or more.",
            |s, v| {
                v(&[], s.analysed.evicted_cameras as f64);
            },
        ),
        counter(
            "camwatch_ledger_left_out_total",
            "events",
            &["table"],
            "Events for which the ledger had no room: of cameras, of names, of networks whose hours are kept.",
            |s, v| {
                let analysed = &s.analysed;
                let left_out = [analysed.cameras_left_out, analysed.names_left_out, analysed.networks_left_out];
                for (table, count) in ["cameras", "names", "networks"].iter().zip(left_out) {
                    v(&[table], count as f64);
                }
            },
        ),
        gauge(
            "camwatch_geo_build_timestamp_seconds",
            "seconds",
            &["question"],
            "When the country and owner data were made; the oldest of each question.",
            |s, v| {
                let mut oldest: BTreeMap<&str, i64> = BTreeMap::new();
                for source in &s.analysed.geo {
                    let built = oldest.entry(source.question.as_str()).or_insert(source.built_s);
                    *built = source.built_s.min(*built);
                }
                for (question, built) in oldest {
                    v(&[question], built as f64);
                }
            },
        ),
    ],
};
