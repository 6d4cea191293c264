//! What a rhythm is worth, and how it is told.

use std::fmt;

use serde::Serialize;

/// How sure a rhythm is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Score 4 and more: about 1 % of ordinary pairs reach it.
    Watch,
    /// Score 6 and more.
    Beacon,
    /// Score 10 and more.
    Strong,
}

impl Level {
    /// The level that a score reaches, if any.
    pub fn of(score: f64) -> Option<Self> {
        match score {
            score if score >= 10.0 => Some(Self::Strong),
            score if score >= 6.0 => Some(Self::Beacon),
            score if score >= 4.0 => Some(Self::Watch),
            _ => None,
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Watch => "watch",
            Self::Beacon => "beacon",
            Self::Strong => "strong",
        })
    }
}

/// The best rhythm found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// Evidence against chance, weighed; 0 for none.
    pub score: f64,
    /// The period, in seconds.
    pub period_s: f64,
    /// Median distance of fitting gaps from the period, in seconds.
    pub spread_s: f64,
    /// Share of the expected beats that were seen, 0 to 1.
    pub cover: f64,
    /// How many of the last gaps fit.
    pub fits: u32,
    /// Of how many.
    pub of: u32,
    /// Events in each beat.
    pub burst: f64,
    /// The silence that parts its bursts, in seconds.
    pub gap_s: f64,
    /// Silent for more than five beats.
    pub stopped: bool,
    /// The period of the rhythm that held before, in seconds, if it changed.
    pub changed_from_s: Option<f64>,
}

impl Score {
    /// The level, if it reaches one.
    pub fn level(&self) -> Option<Level> {
        Level::of(self.score)
    }
}

/// "every 61 s ± 3 s, 92 % of expected beats seen, 30 of the last 32 gaps fit, each a burst of 4 tries".
impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "every {} ± {}, {:.0} % of expected beats seen, {} of the last {} gaps fit",
            Span(self.period_s),
            Span(self.spread_s),
            self.cover * 100.0,
            self.fits,
            self.of
        )?;
        if self.burst >= 1.5 {
            write!(f, ", each a burst of {:.0} tries", self.burst)?;
        }
        if let Some(before_s) = self.changed_from_s {
            write!(f, "; before every {}", Span(before_s))?;
        }
        if self.stopped { f.write_str("; silent now") } else { Ok(()) }
    }
}

/// A span of time in seconds, with the digits that mean something.
pub struct Span(pub f64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            s if s < 0.0995 => write!(f, "{:.0} ms", s * 1000.0),
            s if s < 9.95 => write!(f, "{s:.1} s"),
            s if s < 600.0 => write!(f, "{s:.0} s"),
            s if s < 36_000.0 => write!(f, "{:.0} min", s / 60.0),
            s => write!(f, "{:.1} h", s / 3600.0),
        }
    }
}
