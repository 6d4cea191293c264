//! Sentences: what was found in a few lines, what was covered, and what cannot be said.

use super::Span;
use crate::alert::State;
use crate::device::DeviceKind;
use crate::geo::{Class, Country};
use crate::report::account::{Account, CameraTold, Gap, Known, Origin, Untold};
use crate::report::document::SourceKind;
use crate::report::words::{Clock, and, count, country, grouped, size};

/// Runs of hours that are listed.
const GAPS: usize = 60;

/// Countries that English gives an article.
const WITH_ARTICLE: [&str; 14] = ["GB", "US", "NL", "AE", "PH", "BS", "DO", "MV", "MH", "CF", "CZ", "CD", "CG", "SC"];

pub(super) fn the(letters: Country) -> String {
    let article = if WITH_ARTICLE.contains(&letters.as_str()) { "the " } else { "" };
    format!("{article}{}", country(letters.as_str()))
}

/// `the United Kingdom or Ireland`
pub(super) fn home(account: &Account) -> String {
    let names: Vec<String> = account.asked.settings.home.iter().copied().map(the).collect();
    match names.as_slice() {
        [] => "home".to_owned(),
        [one] => one.clone(),
        names => and(names).replacen(" and ", " or ", 1),
    }
}

fn span(length: std::time::Duration) -> String {
    match length.as_secs() + u64::from(length.subsec_nanos() > 0) {
        seconds if seconds < 120 => count(seconds, "second", "seconds"),
        seconds => count(seconds.div_ceil(60), "minute", "minutes"),
    }
}

fn percent(part: u64, all: u64) -> String {
    match (part, all) {
        (0, _) | (_, 0) => "0 %".to_owned(),
        (part, all) if part == all => "100 %".to_owned(),
        // Not all is never told as all.
        (part, all) => format!("{:.1} %", (100.0 * part as f64 / all as f64).clamp(0.1, 99.9)),
    }
}

/// What was found, in a few sentences.
pub(super) fn headline(account: &Account) -> Vec<String> {
    let mut told = Vec::new();
    let home = home(account);
    let all = account.cameras.len() as u64;
    let callers = account.cameras.iter().filter(|camera| camera.overseas.rows > 0).count() as u64;
    let devices = |number| devices(account, number);
    match (all, callers) {
        (0, _) => told.push("No camera or recorder was seen.".to_owned()),
        (_, 0) => told.push(format!("None of the {} seen called an address outside {home}.", devices(all))),
        _ => {
            let counts = account.sum_of(Class::Overseas).map(|sum| sum.counts).unwrap_or_default();
            let of = if callers == all && all > 1 {
                format!("All {}", devices(all))
            } else {
                format!("{} of {}", grouped(callers), devices(all))
            };
            told.push(format!(
                "{of} called addresses outside {home}: {} in all.",
                count(counts.attempts, "attempt", "attempts")
            ));
            told.push(answers(counts.answered + counts.midstream, counts.refused, counts.unanswered));
            if let Some(place) = account.places.iter().find(|place| place.place.class == Class::Overseas) {
                let owner =
                    place.place.owner.as_deref().map_or_else(String::new, |owner| format!(", to a network of {owner}"));
                told.push(format!(
                    "The largest share, {}, went to {}{}.",
                    count(place.counts.attempts, "attempt", "attempts"),
                    place.place.country.as_deref().map_or_else(|| "a country that is not known".to_owned(), country),
                    owner.trim_end_matches('.'),
                ));
            }
        }
    }
    if let Some(sum) = account.sum_of(Class::Unknown).filter(|sum| sum.rows > 0) {
        told.push(format!(
            "{} called addresses whose country is not known ({}). These are told apart, below: they may be overseas or not.",
            devices(sum.cameras),
            count(sum.counts.attempts, "attempt", "attempts")
        ));
    }
    told.push(alerts(account));
    told.push(coverage_in_short(account));
    told.retain(|sentence| !sentence.is_empty());
    told
}

/// `3 cameras`, or with the recorders where there are any.
pub(super) fn devices(account: &Account, number: u64) -> String {
    let recorder = |camera: &CameraTold| camera.about.kind == Some(DeviceKind::Recorder);
    if account.cameras.iter().any(recorder) {
        count(number, "camera or recorder", "cameras and recorders")
    } else {
        count(number, "camera", "cameras")
    }
}

fn answers(answered: u64, refused: u64, unanswered: u64) -> String {
    match (answered, refused, unanswered) {
        (0, 0, 0) => String::new(),
        (0, refused, unanswered) => {
            let how = match (refused, unanswered) {
                (0, unanswered) => {
                    format!("{} had no answer, as behind a firewall that blocks them", connections(unanswered))
                }
                (refused, 0) => format!("{} refused", were(refused)),
                _ => format!("{} refused, {} had no answer", were(refused), connections(unanswered)),
            };
            format!("As far as could be seen, none of these connections came about: {how}.")
        }
        _ => format!(
            "{} answered, so that data could flow; {} refused and {} had no answer.",
            were(answered),
            were(refused),
            grouped(unanswered)
        ),
    }
}

fn connections(number: u64) -> String {
    count(number, "connection", "connections")
}

fn were(number: u64) -> String {
    count(number, "connection was", "connections were")
}

fn alerts(account: &Account) -> String {
    let total = account.alerts.len() as u64 + account.alerts_left_out;
    if total == 0 {
        return "No alert was raised.".to_owned();
    }
    let number = |state| account.alerts.iter().filter(|alert| alert.state == state).count() as u64;
    let taken = account.alerts.iter().filter(|alert| alert.acknowledged.is_some()).count() as u64;
    let firing = if number(State::Firing) == 1 { "still holds" } else { "still hold" };
    let parts: Vec<String> =
        [(State::Firing, firing), (State::Resolved, "ended"), (State::Suppressed, "kept back by an exception")]
            .into_iter()
            .filter(|(state, _)| number(*state) > 0)
            .map(|(state, words)| format!("{} {words}", grouped(number(state))))
            .collect();
    let counted = if account.alerts_left_out > 0 {
        format!(" (of the {} listed)", grouped(account.alerts.len() as u64))
    } else {
        String::new()
    };
    format!(
        "{} raised: {}{counted}. {}.",
        count(total, "alert was", "alerts were"),
        and(&parts),
        match (taken, total) {
            (0, 1) => "Nobody has taken it on".to_owned(),
            (0, _) => "Nobody has taken any of them on".to_owned(),
            (1, 1) => "Somebody has taken it on".to_owned(),
            (1, _) => "One of them has been taken on by somebody".to_owned(),
            (taken, _) => format!("{} of them have been taken on by somebody", grouped(taken)),
        }
    )
}

fn coverage_in_short(account: &Account) -> String {
    let covered = &account.covered;
    match covered.untold {
        Some(Untold::Short(length)) => {
            return format!(
                "The capture is no longer than {}: what is told here is what was seen in that time.",
                span(length)
            );
        }
        Some(Untold::Logs) => return String::new(),
        None if covered.hours() == 0 => return String::new(),
        None => {}
    }
    let [all, some, none] = covered.counts();
    let hours = count(covered.hours(), "hour", "hours");
    if some + none == 0 {
        let which = if all == 1 { "the hour".to_owned() } else { format!("all of the {hours}") };
        return format!("Every camera could be observed in {which} asked for.");
    }
    let mut text = if covered.hours() == 1 {
        "The hour asked for is not covered".to_owned()
    } else {
        let mut text = format!("Of the {hours} asked for, every camera could be observed in {}", grouped(all));
        if some > 0 {
            text = format!("{text}, some of them in {}", grouped(some));
        }
        text + &format!("; {} are not covered", grouped(none))
    };
    text.push_str(": what is told of such time is what was seen, and need not be all that happened.");
    text
}

/// What could be observed, a paragraph each.
pub(super) fn covered(account: &Account) -> Vec<String> {
    let covered = &account.covered;
    let mut told = Vec::new();
    match covered.untold {
        Some(Untold::Logs) => told.push(
            "The logs that this report is made from do not tell in which hours a camera could be observed. A camera that \
             does not appear may have been silent, or may not have been seen."
                .to_owned(),
        ),
        Some(Untold::Short(length)) => told.push(format!(
            "The capture is no longer than {}. Coverage is told by the hour, and so short a time says nothing of a whole one: \
             a camera that called nobody in it may have done so before or after.",
            span(length)
        )),
        None => {}
    }
    if covered.untold.is_none() && covered.hours() > 0 {
        told.extend(camera_hours(account));
    }
    match (&covered.packets, &account.asked.origin) {
        (Some(packets), _) => told.push(format!(
            "Of {} that came in over the mirror port {} before they were looked at ({}), in the {} of which this is on record.",
            count(packets.taken + packets.lost, "packet", "packets"),
            count(packets.lost, "was lost", "were lost"),
            percent(packets.lost, packets.taken + packets.lost),
            count(packets.hours, "hour", "hours"),
        )),
        (None, Origin::Files(capture)) if capture.source == SourceKind::Packets => told.push(
            "A capture file does not tell how many packets were lost when it was recorded; nothing is lost when it is read."
                .to_owned(),
        ),
        _ => {}
    }
    if covered.registered > 0 {
        let missing = covered.not_seen.len() as u64;
        told.push(format!(
            "{} registered or configured one by one; {} of them {} met in this period{}",
            count(covered.registered, "camera is", "cameras are"),
            grouped(covered.registered_seen),
            if covered.registered_seen == 1 { "was" } else { "were" },
            if missing == 0 { "." } else { ". The others are listed below: of them nothing can be said." }
        ));
    } else {
        told.push(
            "There is no register of cameras to compare with: cameras that were never seen are not missed by this report."
                .to_owned(),
        );
    }
    told
}

/// In how many hours of how many cameras something could be seen.
fn camera_hours(account: &Account) -> Vec<String> {
    let tally = &account.covered.camera_hours;
    let asked = format!("{} asked for.", count(account.covered.hours(), "hour was", "hours were"));
    let recorded = tally.known() + tally.unknown();
    if recorded == 0 {
        return vec![format!("{asked} Whether cameras could be observed was written down for none of them.")];
    }
    let seen = account.cameras.iter().filter(|camera| camera.hours.known() + camera.hours.unknown() > 0).count() as u64;
    let mut told = vec![format!(
        "{asked} Of {} it is on record, hour by hour, whether they could be observed: in {} of {} ({}) they could be. They \
         were seen in {} of these and silent in {}.",
        count(seen, "camera", "cameras"),
        grouped(tally.known()),
        count(recorded, "camera hour", "camera hours"),
        percent(tally.known(), recorded),
        grouped(tally.observed),
        grouped(tally.silent),
    )];
    let why: Vec<String> = [
        (tally.capture_down, "because less than half of the hour was recorded"),
        (tally.loss, "because too many packets were lost"),
        (tally.network_unseen, "because nothing of the camera’s network was seen on the mirror port"),
    ]
    .into_iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, words)| format!("{} {words}", grouped(number)))
    .collect();
    if tally.unknown() > 0 {
        let hours = count(tally.unknown(), "camera hour", "camera hours");
        told.push(format!("{hours} could not be observed: {}.", and(&why)));
    }
    told
}

/// The hours that are not known, in words, and how many runs of them are left out.
pub(super) fn gaps(account: &Account, clock: &Clock) -> (Vec<Span>, usize) {
    if account.covered.untold.is_some() {
        return (Vec::new(), 0);
    }
    let all = account.covered.gaps();
    let told = |gap: &Gap| Span {
        when: clock.span(gap.from, gap.to),
        hours: grouped(u64::try_from(gap.to - gap.from).unwrap_or_default()),
        why: match gap.why {
            Known::All => String::new(),
            Known::Some => format!("{} could not be observed", count(gap.cameras, "camera", "cameras")),
            Known::Down => "Less than half of the hour was recorded: what happened in the rest is not known".to_owned(),
            Known::Loss => "Too many packets were lost: calls may have been missed".to_owned(),
            Known::Unseen => "Nothing is known: nothing of the cameras’ networks was seen".to_owned(),
            Known::NoRecord => {
                "Nothing is known: nothing was written down, because camwatch did not run, no camera was \
                                known, or the hour was not over"
                    .to_owned()
            }
        },
    };
    (all.iter().take(GAPS).map(told).collect(), all.len().saturating_sub(GAPS))
}

/// What it was made from.
pub(super) fn origin(account: &Account, clock: &Clock) -> String {
    match &account.asked.origin {
        Origin::Nothing => String::new(),
        Origin::Store { until } => {
            let until = until.map_or_else(
                || "nothing was written down so far".to_owned(),
                |until| format!("up to {}", clock.long(until)),
            );
            format!("What camwatch wrote down while it watched the mirror port, {until}.")
        }
        Origin::Files(capture) => {
            let files: Vec<String> =
                capture.files.iter().map(|file| file.rsplit('/').next().unwrap_or(file).to_owned()).collect();
            let named = match files.len() {
                0..=8 => and(&files),
                more => format!("{} and {} more", files[..8].join(", "), grouped(more as u64 - 8)),
            };
            let (what, packets) = (count(capture.packets, "packet", "packets"), size(capture.bytes));
            match capture.source {
                SourceKind::Packets => format!("The capture {named}: {what}, {packets}."),
                SourceKind::Zeek => format!(
                    "Zeek’s logs {named}: {} of {what}, {packets}.",
                    count(capture.records, "record", "records")
                ),
            }
        }
    }
}

/// What went wrong with the data itself.
pub(super) fn warnings(account: &Account) -> Vec<String> {
    let mut told = Vec::new();
    if let Origin::Files(capture) = &account.asked.origin {
        told.extend(capture.damages.iter().map(|damage| format!("A file is damaged: {damage}.")));
        if capture.undecoded > 0 {
            told.push(format!("{} could not be decoded.", count(capture.undecoded, "packet", "packets")));
        }
        if capture.late_records > 0 {
            told.push(format!(
                "{} came too late to be put in order; rules did not see them.",
                count(capture.late_records, "record", "records")
            ));
        }
    }
    if let (Origin::Store { until: Some(until) }, Some(to)) = (&account.asked.origin, account.asked.to)
        && *until < to
    {
        told.push("The period goes on beyond the last moment that was written down: its end is not known.".to_owned());
    }
    if account.lines_left_out > 0 {
        told.push(format!(
            "{} had no room in memory and are missing from the figures.",
            count(account.lines_left_out, "line of the ledger", "lines of the ledger")
        ));
    }
    told
}
