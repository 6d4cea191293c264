//! The answer on the screen: how much was read, who called abroad, what alerts there are, and what to keep in mind.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::net::IpAddr;

use super::document::{Capture, worst_first};
use crate::alert::{Alert, State};
use crate::analyse::{Camera, CameraId, Ledger, Pair};
use crate::geo::Class;
use crate::time::Timestamp;

/// Cameras and destinations that are listed.
const ROWS: usize = 20;

/// Writes the summary. `now_s` is the wall clock in seconds since the Unix epoch, to tell the age of the data.
pub fn text(capture: &Capture, ledger: &Ledger, alerts: &[Alert], now_s: i64) -> String {
    let mut out = String::new();
    // Writing to a string does not fail.
    write_all(&mut out, capture, ledger, alerts, now_s).unwrap_or_default();
    out
}

fn write_all(out: &mut String, capture: &Capture, ledger: &Ledger, alerts: &[Alert], now_s: i64) -> fmt::Result {
    head(out, capture)?;
    let mut cameras: Vec<(CameraId, &Camera)> = ledger.cameras().collect();
    cameras.sort_by(|(_, a), (_, b)| worst_first(a, b));
    let mut pairs: BTreeMap<CameraId, Vec<&Pair>> = BTreeMap::new();
    for (_, pair) in ledger.pairs().filter(|(_, pair)| matches!(pair.place.class, Class::Overseas | Class::Unknown)) {
        pairs.entry(pair.camera).or_default().push(pair);
    }
    let span_s = span(capture);
    callers(out, &cameras, &pairs, span_s)?;
    destinations(out, &pairs)?;
    tell_alerts(out, alerts)?;
    notes(out, capture, ledger, now_s)
}

/// 1540000 as `1,540,000`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn size(bytes: u64) -> String {
    match bytes {
        b if b < 10_000 => format!("{} bytes", grouped(b)),
        b if b < 10_000_000 => format!("{:.1} kB", b as f64 / 1e3),
        b if b < 10_000_000_000 => format!("{:.1} MB", b as f64 / 1e6),
        b => format!("{:.1} GB", b as f64 / 1e9),
    }
}

fn count(number: usize, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number as u64), if number == 1 { one } else { many })
}

fn span(capture: &Capture) -> f64 {
    match (capture.first, capture.last) {
        (Some(first), Some(last)) => last.since(first).as_secs_f64(),
        _ => 0.0,
    }
}

fn duration(seconds: f64) -> String {
    match seconds.round() as u64 {
        s if s < 120 => format!("{seconds:.1} s"),
        s if s < 7200 => format!("{} min", s / 60),
        s if s < 172_800 => format!("{:.1} h", seconds / 3600.0),
        s => format!("{} days", s / 86_400),
    }
}

fn head(out: &mut String, capture: &Capture) -> fmt::Result {
    let files = match capture.files.as_slice() {
        [one] => one.clone(),
        files => count(files.len(), "file", "files"),
    };
    write!(out, "Read {files}: {} packets, {}", grouped(capture.packets), size(capture.bytes))?;
    if let (Some(first), Some(last)) = (capture.first, capture.last) {
        let minute = |time: Timestamp| time.to_string().replace('T', " ").chars().take(19).collect::<String>();
        write!(out, ", {} to {} UTC ({})", minute(first), minute(last), duration(span(capture)))?;
    }
    writeln!(out)
}

fn outcome(answered: u64, refused: u64, unanswered: u64) -> &'static str {
    match (answered, refused, unanswered) {
        (0, 0, 0) => "–",
        (0, 0, _) => "never answered",
        (0, _, 0) => "refused",
        (0, _, _) => "refused or unanswered",
        (_, 0, 0) => "answered",
        _ => "partly answered",
    }
}

fn callers(
    out: &mut String,
    cameras: &[(CameraId, &Camera)],
    pairs: &BTreeMap<CameraId, Vec<&Pair>>,
    span_s: f64,
) -> fmt::Result {
    let abroad = |camera: &Camera| camera.overseas_attempts + camera.unknown_attempts;
    let callers: Vec<_> = cameras.iter().filter(|(id, camera)| abroad(camera) > 0 || pairs.contains_key(id)).collect();
    if cameras.is_empty() {
        return writeln!(
            out,
            "\nNo camera was seen. Cameras are recognised by their maker's MAC prefix; behind a router, name their ranges in a \
             configuration ([[camera]] range = \"10.20.0.0/16\"), or watch every address with --watch all."
        );
    }
    let (called, all) = (callers.len(), count(cameras.len(), "camera", "cameras"));
    if callers.is_empty() {
        return writeln!(out, "\n{all} seen, and none of them called overseas.");
    }
    writeln!(out, "\n{} of {all} called overseas, the worst first:\n", grouped(called as u64))?;
    writeln!(out, "  {:<24} {:>10} {:>10}  {:<21} CALLED", "CAMERA", "ATTEMPTS", "AN HOUR", "OUTCOME")?;
    for (id, camera) in callers.iter().take(ROWS) {
        let mut theirs: Vec<&&Pair> = pairs.get(id).into_iter().flatten().collect();
        theirs.sort_by_key(|pair| (std::cmp::Reverse(pair.attempts + pair.midstream), pair.address));
        let (mut answered, mut refused, mut unanswered) = (0, 0, 0);
        for pair in &theirs {
            answered += pair.answered + pair.midstream;
            refused += pair.refused;
            unanswered += pair.unanswered;
        }
        let hourly = if span_s >= 60.0 {
            grouped((abroad(camera) as f64 * 3600.0 / span_s).round() as u64)
        } else {
            "–".to_owned()
        };
        let mut whom = theirs.first().map_or_else(String::new, |pair| destination(pair));
        if theirs.len() > 1 {
            write!(whom, " and {} more", theirs.len() - 1)?;
        }
        let (attempts, outcome) = (grouped(abroad(camera)), outcome(answered, refused, unanswered));
        writeln!(out, "  {:<24} {attempts:>10} {hourly:>10}  {outcome:<21} {whom}", label(camera))?;
    }
    if callers.len() > ROWS {
        writeln!(out, "  … and {} more (--json has them all)", callers.len() - ROWS)?;
    }
    Ok(())
}

fn label(camera: &Camera) -> String {
    let address = camera.addresses.first().map(ToString::to_string).unwrap_or_default();
    match (&camera.name, &camera.vendor) {
        (Some(name), _) => name.clone(),
        (None, Some(vendor)) => format!("{address} {vendor}"),
        (None, None) => address,
    }
}

fn destination(pair: &Pair) -> String {
    let country = pair.place.country_text().unwrap_or_else(|| "country unknown".to_owned());
    match pair.names.first() {
        Some(name) => format!("{name} ({}, {country})", pair.address),
        None => format!("{} ({country})", pair.address),
    }
}

fn destinations(out: &mut String, pairs: &BTreeMap<CameraId, Vec<&Pair>>) -> fmt::Result {
    let mut by_address: BTreeMap<IpAddr, Vec<&Pair>> = BTreeMap::new();
    for pair in pairs.values().flatten() {
        by_address.entry(pair.address).or_default().push(pair);
    }
    if by_address.is_empty() {
        return Ok(());
    }
    let mut ranked: Vec<(IpAddr, Vec<&Pair>)> = by_address.into_iter().collect();
    let attempts = |pairs: &[&Pair]| pairs.iter().map(|pair| pair.attempts).sum::<u64>();
    ranked.sort_by_key(|(address, pairs)| (std::cmp::Reverse(attempts(pairs)), *address));
    writeln!(out, "\nWhom they called:\n")?;
    for (address, pairs) in ranked.iter().take(ROWS) {
        let Some(first) = pairs.first() else { continue };
        let place = &first.place;
        let owner = place.owner_text().unwrap_or_else(|| "owner unknown".to_owned());
        let registered = place.owner_country.map_or_else(String::new, |country| format!(", a network of {country}"));
        let country = place.country_text().unwrap_or_else(|| "country unknown".to_owned());
        let names: Vec<&str> = first.names.iter().map(AsRef::as_ref).collect();
        let named = if names.is_empty() { String::new() } else { format!(" {}", names.join(", ")) };
        let services: Vec<String> = first.services.iter().map(ToString::to_string).collect();
        writeln!(out, "  {address}{named}: in {country}, owned by {owner}{registered}")?;
        writeln!(
            out,
            "    {} from {}, {}, {}",
            count(attempts(pairs) as usize, "attempt", "attempts"),
            count(pairs.len(), "camera", "cameras"),
            services.join(" "),
            outcome(
                pairs.iter().map(|pair| pair.answered + pair.midstream).sum(),
                pairs.iter().map(|pair| pair.refused).sum(),
                pairs.iter().map(|pair| pair.unanswered).sum()
            )
        )?;
    }
    if ranked.len() > ROWS {
        writeln!(out, "  … and {} more (--json has them all)", ranked.len() - ROWS)?;
    }
    Ok(())
}

fn tell_alerts(out: &mut String, alerts: &[Alert]) -> fmt::Result {
    if alerts.is_empty() {
        return writeln!(out, "\nNo alerts.");
    }
    writeln!(out, "\n{}:\n", count(alerts.len(), "alert", "alerts"))?;
    for alert in alerts {
        let state = if alert.state == State::Resolved { ", resolved" } else { "" };
        let since = alert.since.to_string().replace('T', " ").chars().take(19).collect::<String>();
        let severity = alert.severity.to_string().to_uppercase();
        writeln!(out, "  {severity} {} since {since}{state}: {}", alert.rule, alert.subject)?;
        writeln!(out, "    {}", alert.summary)?;
    }
    Ok(())
}

fn notes(out: &mut String, capture: &Capture, ledger: &Ledger, now_s: i64) -> fmt::Result {
    writeln!(out)?;
    for damage in &capture.damages {
        writeln!(out, "Warning: {damage}. What stands before it is reported.")?;
    }
    for (cause, number) in &capture.undecoded_causes {
        writeln!(out, "Not decoded: {}: {cause}.", count(*number as usize, "packet", "packets"))?;
    }
    let share = |part: u64, all: u64| 100.0 * part as f64 / all.max(1) as f64;
    if capture.duplicates > 0 {
        let part = share(capture.duplicates, capture.packets);
        writeln!(out, "The port showed {} packets twice ({part:.1} %); they count once.", grouped(capture.duplicates))?;
    }
    let totals = ledger.totals();
    let known = totals.answered + totals.midstream;
    if totals.one_sided > 0 && totals.one_sided * 2 >= known.max(1) {
        writeln!(
            out,
            "The port shows one direction only ({} of {} open connections): answers may be missed. Mirror both directions.",
            grouped(totals.one_sided),
            grouped(known)
        )?;
    }
    let geo = ledger.geo();
    for source in geo.stale(now_s) {
        writeln!(
            out,
            "Data of {} ({}) are more than 90 days old: configure newer ones ([geo] databases).",
            source.question.as_str().replace('_', " "),
            source.date()
        )?;
    }
    writeln!(out, "The country of an address is not where the data end, nor who reads them. Sources:")?;
    for source in geo.sources() {
        writeln!(out, "  {source}")?;
    }
    Ok(())
}
