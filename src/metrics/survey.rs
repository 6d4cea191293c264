//! What takes a walk over every pair: too long to be done at every look.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::snapshot::Analysed;
use crate::analyse::beat::{Beat, Level};
use crate::analyse::{CameraId, Ledger};
use crate::geo::{Class, Place};
use crate::pipeline::Analysis;
use crate::time::Timestamp;

/// How often every pair is walked over: a million of them take a tenth of a second.
const SURVEY_EVERY: Duration = Duration::from_secs(10);

/// Looks at the analyser for metrics: at its counters each time, at every pair now and then.
#[derive(Debug, Default)]
pub struct Looker {
    survey: Arc<Survey>,
    surveyed: Option<Instant>,
}

impl Looker {
    /// The analyser's counters as of now, with series of their own for at most `camera_series` cameras.
    pub fn look(&mut self, analysis: &Analysis, camera_series: usize) -> Arc<Analysed> {
        if self.surveyed.is_none_or(|surveyed| surveyed.elapsed() >= SURVEY_EVERY) {
            self.survey = Arc::new(Survey::of(analysis.ledger(), analysis.now(), camera_series > 0));
            self.surveyed = Some(Instant::now());
        }
        Arc::new(Analysed::of(analysis, self.survey.clone(), camera_series))
    }
}

/// Where cameras call, and how regularly.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Survey {
    levels: BTreeMap<CameraId, Level>,
    countries: BTreeMap<(Class, String), Called>,
}

/// How a country is called.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Called {
    cameras: BTreeSet<CameraId>,
    pub(super) attempts: u64,
}

impl Called {
    /// By how many cameras.
    pub(super) fn cameras(&self) -> usize {
        self.cameras.len()
    }
}

impl Survey {
    fn of(ledger: &Ledger, now: Timestamp, with_levels: bool) -> Self {
        let mut survey = Self::default();
        for (_, pair) in ledger.pairs() {
            let class = pair.place.class;
            if matches!(class, Class::Home | Class::Overseas | Class::Unknown) {
                let called = survey.countries.entry((class, country_of(&pair.place))).or_default();
                called.attempts += pair.counts.attempts;
                called.cameras.insert(pair.camera);
            }
            if with_levels && class == Class::Overseas {
                survey.hear(pair.camera, &pair.beat, now);
            }
        }
        if with_levels {
            for (id, camera) in ledger.cameras() {
                survey.hear(id, &camera.overseas_beat, now);
            }
            let overseas = |rhythm| ledger.pairs_of_name(rhythm).any(|pair| pair.place.class == Class::Overseas);
            for (_, rhythm) in ledger.rhythms().filter(|(_, rhythm)| overseas(rhythm)) {
                survey.hear(rhythm.camera, &rhythm.beat, now);
            }
        }
        survey
    }

    /// As it was last scored: to score every rhythm anew would take longer than the walk.
    fn hear(&mut self, camera: CameraId, beat: &Beat, now: Timestamp) {
        if let Some(level) = Level::of(beat.heard().0).filter(|_| !beat.stopped(now)) {
            let strongest = self.levels.entry(camera).or_insert(level);
            *strongest = level.max(*strongest);
        }
    }

    /// The level of a camera's strongest rhythm overseas.
    pub(super) fn level(&self, camera: CameraId) -> Option<Level> {
        self.levels.get(&camera).copied()
    }

    /// Each country outside, with its class.
    pub(super) fn countries(&self) -> impl Iterator<Item = (Class, &str, &Called)> {
        self.countries.iter().map(|((class, country), called)| (*class, country.as_str(), called))
    }
}

/// Two letters; where the sources disagree, no pair of countries must make a series of its own.
fn country_of(place: &Place) -> String {
    match place.countries.as_slice() {
        [] => "unknown".to_owned(),
        [one] => one.as_str().to_owned(),
        _ => "disputed".to_owned(),
    }
}
