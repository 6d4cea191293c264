//! Why a camera's calls do or don't show a rhythm, in words and with the gaps as a histogram.

use std::fmt::{self, Write};
use std::net::IpAddr;

use crate::analyse::beat::{Beat, Fit, Gaps, Level, SEARCHED, ScaleView, Score, Span, Way};
use crate::analyse::{Answer, Camera, CameraId, Ledger, NameRhythm, Pair};
use crate::time::Timestamp;

/// Rows of a histogram at most.
const ROWS: usize = 12;
/// Characters of the longest bar.
const BAR: u32 = 40;
/// Candidates told of each scale.
const CANDIDATES: usize = 4;
/// Destinations listed of a camera.
const DESTINATIONS: usize = 20;

/// What was asked for was not seen.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// No camera by that word.
    #[error("no camera `{0}` was seen{1}")]
    NoCamera(String, String),
    /// Several by that word.
    #[error("`{0}` may be several cameras: {1}: name one by its address")]
    Several(String, String),
    /// The camera did not call that destination.
    #[error("{0} did not call `{1}`{2}")]
    NoDestination(String, String, String),
}

/// Explains, as of `now`, the rhythm of `camera` (its id, an address of it, or its name) to `destination` (an address
/// or a name), or that of all its overseas calls.
pub fn text(ledger: &Ledger, now: Timestamp, camera: &str, destination: Option<&str>) -> Result<String, ExplainError> {
    let (id, camera) = find_camera(ledger, camera)?;
    let mut out = String::new();
    // Writing to a string does not fail.
    match destination {
        None => whole(&mut out, ledger, id, camera, now).unwrap_or_default(),
        Some(word) => match find_destination(ledger, id, word) {
            Some(Found::Pair(pair)) => one_pair(&mut out, camera, pair, now).unwrap_or_default(),
            Some(Found::Name(name)) => one_name(&mut out, ledger, camera, name, now).unwrap_or_default(),
            None => {
                let called = pairs_of(ledger, id, now);
                let whom: Vec<String> = called.iter().take(5).map(|(pair, _)| pair.address.to_string()).collect();
                return Err(ExplainError::NoDestination(camera.id.clone(), word.to_owned(), or_one_of(&whom)));
            }
        },
    }
    Ok(out)
}

fn or_one_of(known: &[String]) -> String {
    if known.is_empty() { String::new() } else { format!(": try one of {}", known.join(", ")) }
}

fn find_camera<'a>(ledger: &'a Ledger, word: &str) -> Result<(CameraId, &'a Camera), ExplainError> {
    let address: Option<IpAddr> = word.parse().ok();
    let matches = |camera: &Camera| {
        camera.id.eq_ignore_ascii_case(word)
            || camera.name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(word))
            || address.is_some_and(|address| camera.addresses.contains(&address))
    };
    let found: Vec<_> = ledger.cameras().filter(|(_, camera)| matches(camera)).collect();
    match found.as_slice() {
        [one] => Ok(*one),
        [] => {
            let mut known: Vec<String> = ledger.cameras().map(|(_, camera)| camera.id.clone()).collect();
            known.sort();
            known.truncate(5);
            let hint =
                if known.is_empty() { "; --watch all watches every address".to_owned() } else { or_one_of(&known) };
            Err(ExplainError::NoCamera(word.to_owned(), hint))
        }
        several => {
            let ids: Vec<&str> = several.iter().map(|(_, camera)| camera.id.as_str()).collect();
            Err(ExplainError::Several(word.to_owned(), ids.join(", ")))
        }
    }
}

enum Found<'a> {
    Pair(&'a Pair),
    Name(&'a NameRhythm),
}

fn find_destination<'a>(ledger: &'a Ledger, camera: CameraId, word: &str) -> Option<Found<'a>> {
    if let Ok(address) = word.parse() {
        return ledger.find_pair(camera, address).map(Found::Pair);
    }
    let named =
        |rhythm: &NameRhythm| rhythm.camera == camera && rhythm.name.eq_ignore_ascii_case(word.trim_end_matches('.'));
    ledger.rhythms().map(|(_, rhythm)| rhythm).find(|rhythm| named(rhythm)).map(Found::Name)
}

/// A camera's pairs with their scores, the highest first.
fn pairs_of(ledger: &Ledger, camera: CameraId, now: Timestamp) -> Vec<(&Pair, f64)> {
    let theirs = ledger.pairs().map(|(_, pair)| pair).filter(|pair| pair.camera == camera);
    let mut pairs: Vec<_> = theirs.map(|pair| (pair, pair.beat.score(now).map_or(0.0, |score| score.score))).collect();
    pairs.sort_by(|(a, x), (b, y)| y.total_cmp(x).then_with(|| a.address.cmp(&b.address)));
    pairs
}

fn whole(out: &mut String, ledger: &Ledger, id: CameraId, camera: &Camera, now: Timestamp) -> fmt::Result {
    let pairs = pairs_of(ledger, id, now);
    writeln!(out, "{} called {} destinations; by score:\n", camera.id, pairs.len())?;
    for (pair, score) in pairs.iter().take(DESTINATIONS) {
        let rhythm = match pair.rhythm(now).filter(|score| score.level().is_some()) {
            Some(score) => format!("{score}, {}", pair.answer()),
            None => format!("no rhythm, {}", pair.answer()),
        };
        writeln!(out, "  {score:>5.1}  {:<24} {rhythm}", destination(pair))?;
    }
    if pairs.len() > DESTINATIONS {
        writeln!(out, "  … and {} more", pairs.len() - DESTINATIONS)?;
    }
    writeln!(out, "\nAll calls of {} to destinations overseas together:", camera.id)?;
    beat(out, &camera.overseas_beat, camera.overseas_beat.score(now), None, now)
}

fn one_pair(out: &mut String, camera: &Camera, pair: &Pair, now: Timestamp) -> fmt::Result {
    let services: Vec<String> = pair.services.iter().map(ToString::to_string).collect();
    writeln!(
        out,
        "{} to {} on {}: {} attempts and {} pulses inside open connections",
        camera.id,
        destination(pair),
        services.join(", "),
        pair.counts.attempts,
        pair.counts.pulses
    )?;
    beat(out, &pair.beat, pair.rhythm(now), Some(pair.answer()), now)
}

fn one_name(out: &mut String, ledger: &Ledger, camera: &Camera, name: &NameRhythm, now: Timestamp) -> fmt::Result {
    let addresses: Vec<String> = name.addresses.iter().map(ToString::to_string).collect();
    writeln!(out, "{} and the name {} (addresses: {})", camera.id, name.name, addresses.join(", "))?;
    beat(out, &name.beat, name.beat.score(now), ledger.answer_of_name(name), now)
}

fn destination(pair: &Pair) -> String {
    let country = pair.place.country_text().unwrap_or_else(|| "country unknown".to_owned());
    match pair.names.first() {
        Some(name) => format!("{name} ({}, {country})", pair.address),
        None => format!("{} ({country})", pair.address),
    }
}

fn beat(out: &mut String, beat: &Beat, score: Option<Score>, answer: Option<Answer>, now: Timestamp) -> fmt::Result {
    let views = beat.views(now, CANDIDATES);
    if views.is_empty() {
        return writeln!(
            out,
            "\nNo score: {} came, and a rhythm shows from five beats on.",
            count(beat.events(), "event", "events")
        );
    }
    let best = views.iter().filter_map(|view| view.score).map(|score| score.score).fold(0.0, f64::max);
    match score {
        Some(score) if score.level().is_some() => {
            let answer = answer.map_or_else(String::new, |answer| format!(", {answer}"));
            let level = score.level().map_or_else(String::new, |level| level.to_string());
            writeln!(out, "\nScore {:.1} ({level}): {score}{answer}.", score.score)?;
        }
        _ => {
            writeln!(out, "\nNo rhythm: the best score is {best:.1}, and {} begins at 4.", Level::Watch)?;
        }
    }
    // Longer silences that part the same bursts say the same.
    for alike in views.chunk_by(|a, b| a.beats == b.beats && a.gaps.sorted().len() == b.gaps.sorted().len()) {
        let Some((first, others)) = alike.split_first() else { continue };
        scale(out, first, best)?;
        if !others.is_empty() {
            let others: Vec<String> = others
                .iter()
                .map(|view| {
                    let score = view.score.map_or(0.0, |score| score.score);
                    format!("{} (score {score:.1})", Span(view.silence_s))
                })
                .collect();
            writeln!(out, "  the same beats where events closer than these are one: {}", others.join(", "))?;
        }
    }
    Ok(())
}

fn scale(out: &mut String, view: &ScaleView, best: f64) -> fmt::Result {
    let parted = if view.silence_s > 0.0 {
        format!("Events with no more than {} between them taken as one beat", Span(view.silence_s))
    } else {
        "Each event taken as a beat".to_owned()
    };
    let gaps = view.gaps.sorted().len() as u64;
    writeln!(
        out,
        "\n{parted}: {} beats; {}:",
        view.beats,
        count(gaps, "the last gap", &format!("the last {gaps} gaps"))
    )?;
    histogram(out, &view.gaps)?;
    let Some((first, lost)) = view.candidates.split_first().filter(|(first, _)| first.evidence > 0.0) else {
        return writeln!(out, "  no period is more frequent than chance would make it");
    };
    writeln!(out, "  best    {}", candidate(first))?;
    if let Some(score) = view.score {
        let verdict = if score.score >= best && best > 0.0 { ": this scale tells most" } else { "" };
        let why = if first.evidence <= SEARCHED {
            format!("; evidence up to {SEARCHED} counts nothing: so much comes of trying many periods")
        } else {
            format!("; what fits covers {:.0} % of the expected beats", score.cover * 100.0)
        };
        writeln!(out, "          score {:.1}{verdict}{why}", score.score)?;
    }
    for fit in lost.iter().filter(|fit| fit.evidence > 0.0) {
        writeln!(out, "  lost    {}", candidate(fit))?;
    }
    Ok(())
}

fn candidate(fit: &Fit) -> String {
    let how = match fit.way {
        Way::Near => "",
        Way::Multiples => " or whole multiples of it",
    };
    format!(
        "every {} ± {:.0} %{how}: {} of {} gaps fit, where chance would fit {:.1}; evidence {:.1}",
        Span(fit.period),
        fit.tolerance * 100.0,
        fit.hits,
        fit.of,
        fit.chance * f64::from(fit.of),
        fit.evidence
    )
}

/// Bars of how many gaps lie between two lengths.
fn histogram(out: &mut String, gaps: &Gaps) -> fmt::Result {
    let bins = bins(gaps.sorted());
    let longest = bins.iter().map(|bin| bin.count).max().unwrap_or(1).max(1);
    for Bin { from_s, to_s, count } in bins {
        let bar = "█".repeat((count * BAR).div_ceil(longest) as usize);
        let line = format!("  {:>8} – {:<8} {count:>3} {bar}", Span(from_s).to_string(), Span(to_s).to_string());
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// How many gaps lie between two lengths.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bin {
    /// From this length on, in seconds.
    pub from_s: f64,
    /// Up to this.
    pub to_s: f64,
    /// How many.
    pub count: u32,
}

/// Gaps, in order, on a logarithmic scale.
pub fn bins(sorted: &[f64]) -> Vec<Bin> {
    let (Some(&least), Some(&most)) = (sorted.first(), sorted.last()) else { return Vec::new() };
    let least = least.max(0.001);
    // Rows no finer than a twentieth: jitter of a millisecond is no picture.
    let rows = (((most / least).ln() / 1.05_f64.ln()).floor() as usize + 1).min(ROWS);
    let step = (most / least).powf(1.0 / rows as f64).max(1.0);
    let row_of = |gap: f64| {
        let row = if step > 1.0 { (gap.max(0.001) / least).ln() / step.ln() } else { 0.0 };
        (row.floor().max(0.0) as usize).min(rows - 1)
    };
    let mut counts = [0_u32; ROWS];
    for gap in sorted {
        if let Some(count) = counts.get_mut(row_of(*gap)) {
            *count += 1;
        }
    }
    let edge = |row: usize| least * step.powi(row as i32);
    let rows = counts.iter().take(rows).enumerate();
    rows.map(|(row, &count)| Bin { from_s: edge(row), to_s: edge(row + 1), count }).collect()
}

fn count(number: u64, one: &str, many: &str) -> String {
    match number {
        1 => one.to_owned(),
        _ if many.starts_with("the ") => many.to_owned(),
        _ => format!("{number} {many}"),
    }
}
