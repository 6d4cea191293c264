//! The answer on the screen: how much was read, who called abroad, what alerts there are, and what to keep in mind.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};
use std::net::IpAddr;

use super::document::{Capture, SourceKind, worst_first};
use super::inventory::Lists;
use super::words::{self, grouped, size};
use crate::alert::{Alert, State};
use crate::analyse::{Camera, CameraId, Ledger, Pair, PairName};
use crate::device::DeviceKind;
use crate::geo::Class;
use crate::names::encrypted_dns::EncryptedDns;
use crate::time::Timestamp;
use crate::track::NameKind;

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
    if cameras.is_empty() {
        out.push_str(nobody(capture.source));
    } else {
        callers(out, &cameras, &pairs, span_s, ledger)?;
    }
    destinations(out, &pairs)?;
    wishes(out, ledger)?;
    tell_alerts(out, alerts)?;
    devices(out, ledger)?;
    notes(out, capture, ledger, now_s)
}

fn count(number: usize, one: &str, many: &str) -> String {
    words::count(number as u64, one, many)
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
    write!(out, "Read {files}: ")?;
    match capture.source {
        SourceKind::Packets => {
            write!(out, "{}, {}", count(capture.packets as usize, "packet", "packets"), size(capture.bytes))?;
        }
        SourceKind::Zeek => {
            let records = count(capture.records as usize, "record", "records");
            write!(out, "{records} by Zeek, of {} packets, {}", grouped(capture.packets), size(capture.bytes))?;
        }
    }
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

/// Says how cameras are told.
fn nobody(source: SourceKind) -> &'static str {
    match source {
        SourceKind::Packets => {
            "\nNo camera was seen. Cameras are recognised by their maker's MAC prefix; behind a router, name their ranges in \
             a configuration ([[camera]] range = \"10.20.0.0/16\"), or watch every address with --watch all.\n"
        }
        SourceKind::Zeek => {
            "\nNo camera was seen. Zeek's logs tell devices by their address, and by MAC only where Zeek loads \
             policy/protocols/conn/mac-logging: watch every address with --watch all, or name the cameras' ranges in a \
             configuration ([[camera]] range = \"10.20.0.0/16\").\n"
        }
    }
}

fn callers(
    out: &mut String,
    cameras: &[(CameraId, &Camera)],
    pairs: &BTreeMap<CameraId, Vec<&Pair>>,
    span_s: f64,
    ledger: &Ledger,
) -> fmt::Result {
    let abroad = |camera: &Camera| camera.overseas_attempts + camera.unknown_attempts;
    let callers: Vec<_> = cameras.iter().filter(|(id, camera)| abroad(camera) > 0 || pairs.contains_key(id)).collect();
    let all_cameras = cameras.iter().all(|(_, camera)| camera.kind != DeviceKind::Recorder);
    let many = if all_cameras { "cameras" } else { "cameras and recorders" };
    let (called, all) = (callers.len(), count(cameras.len(), "camera", many));
    // Where no country is known is neither home nor overseas.
    let unknown = callers.iter().any(|(_, camera)| camera.unknown_attempts > 0);
    let whither = if unknown { "overseas or where no country is known" } else { "overseas" };
    if callers.is_empty() {
        return writeln!(out, "\n{all} seen, and none of them called overseas.");
    }
    writeln!(out, "\n{} of {all} called {whither}, the worst first:\n", grouped(called as u64))?;
    writeln!(out, "  {:<24} {:>10} {:>10}  {:<21} CALLED", "CAMERA", "ATTEMPTS", "AN HOUR", "OUTCOME")?;
    for (id, camera) in callers.iter().take(ROWS) {
        let mut theirs: Vec<&&Pair> = pairs.get(id).into_iter().flatten().collect();
        theirs.sort_by_key(|pair| (std::cmp::Reverse(pair.counts.attempts + pair.counts.midstream), pair.address));
        let (mut answered, mut refused, mut unanswered) = (0, 0, 0);
        for pair in &theirs {
            answered += pair.counts.answered + pair.counts.midstream;
            refused += pair.counts.refused;
            unanswered += pair.counts.unanswered;
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
        writeln!(out, "  {:<24} {attempts:>10} {hourly:>10}  {outcome:<21} {whom}", label(camera, ledger))?;
    }
    if callers.len() > ROWS {
        writeln!(out, "  … and {} more (--json has them all)", callers.len() - ROWS)?;
    }
    Ok(())
}

fn label(camera: &Camera, ledger: &Ledger) -> String {
    let mut label = match &camera.name {
        Some(name) => name.clone(),
        None => camera.addresses.last().map(|address| camera.segment.scoped(*address)).unwrap_or_default(),
    };
    let model = ledger.device_of(camera).and_then(|(_, device)| device.profile(None).model.map(|held| held.value));
    match (model, &camera.vendor) {
        (Some(model), _) => {
            label.push(' ');
            label.push_str(model);
        }
        (None, Some(vendor)) if camera.name.is_none() => {
            label.push(' ');
            label.push_str(vendor);
        }
        _ => {}
    }
    if camera.kind == DeviceKind::Recorder {
        // It calls for the cameras behind it.
        label.push_str(" (recorder)");
    }
    label
}

/// Who was seen, and of whom how much is known.
fn devices(out: &mut String, ledger: &Ledger) -> fmt::Result {
    let words = |(kind, n): (DeviceKind, u64)| match kind {
        DeviceKind::Camera => count(n as usize, "camera", "cameras"),
        DeviceKind::Recorder => count(n as usize, "recorder", "recorders"),
        DeviceKind::Doorstation => count(n as usize, "door station", "door stations"),
        DeviceKind::Other => count(n as usize, "other", "others"),
        DeviceKind::Unknown => count(n as usize, "unknown", "unknown"),
    };
    let kinds: Vec<String> = ledger.inventory().kinds().into_iter().filter(|(_, n)| *n > 0).map(words).collect();
    if kinds.is_empty() {
        return Ok(());
    }
    writeln!(out, "\nDevices seen: {} (`camwatch cameras` lists them, with the reason).", kinds.join(", "))?;
    let coverage = ledger.coverage();
    let hours = coverage.hours().count();
    let blind = coverage.hours().filter(|hour| coverage.of_capture(*hour).is_some()).count();
    let watched = || ledger.cameras().filter(|(_, camera)| camera.kind.is_watched());
    let counts = watched().filter_map(|(_, camera)| Some(coverage.counts(ledger.device_of(camera)?.1)));
    let silent = counts.filter(|counts| counts.silent > 0).count();
    let unobservable =
        if blind > 0 { format!(", {blind} of them captured less than half, or with losses") } else { String::new() };
    write!(out, "Coverage: {}{unobservable}", count(hours, "hour", "hours"))?;
    match silent {
        0 => writeln!(out, "; no camera was silent for a whole hour while its network was observed."),
        n => writeln!(
            out,
            "; {} silent for a whole hour or more while the network was observed.",
            count(n, "camera was", "cameras were")
        ),
    }?;
    if ledger.watch_list().cameras().is_empty() {
        return Ok(());
    }
    let lists = Lists::new(ledger);
    let covered = lists.missing.iter().filter(|missing| missing.covered).count();
    let strangers = lists.unregistered().count();
    writeln!(
        out,
        "Register: {} seen, {} not seen although covered, {} not observable; {} seen but not registered.",
        lists.rows.iter().filter(|row| row.registered.is_some()).count(),
        covered,
        lists.missing.len() - covered,
        count(strangers, "camera", "cameras")
    )
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
    let attempts = |pairs: &[&Pair]| pairs.iter().map(|pair| pair.counts.attempts).sum::<u64>();
    ranked.sort_by_key(|(address, pairs)| (std::cmp::Reverse(attempts(pairs)), *address));
    writeln!(out, "\nWhom they called:\n")?;
    for (address, pairs) in ranked.iter().take(ROWS) {
        let Some(first) = pairs.first() else { continue };
        let place = &first.place;
        let owner = place.owner_text().unwrap_or_else(|| "owner unknown".to_owned());
        let registered = place.owner_country.map_or_else(String::new, |country| format!(", a network of {country}"));
        let country = place.country_text().unwrap_or_else(|| "country unknown".to_owned());
        let names: Vec<String> = first.names.iter().map(known_name).collect();
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
                pairs.iter().map(|pair| pair.counts.answered + pair.counts.midstream).sum(),
                pairs.iter().map(|pair| pair.counts.refused).sum(),
                pairs.iter().map(|pair| pair.counts.unanswered).sum()
            )
        )?;
    }
    if ranked.len() > ROWS {
        writeln!(out, "  … and {} more (--json has them all)", ranked.len() - ROWS)?;
    }
    Ok(())
}

/// `dev.hik-connect.com (asked in DNS, said in TLS)`.
fn known_name(name: &PairName) -> String {
    let known: Vec<&str> = name
        .known
        .iter()
        .map(|kind| match kind {
            NameKind::Dns => "asked in DNS",
            NameKind::Tls => "said in TLS",
            NameKind::Quic => "said in QUIC",
            NameKind::Http => "said in HTTP",
        })
        .collect();
    format!("{name} ({})", known.join(", "))
}

/// Wishes that nobody granted, and whom cameras ask in secret: a blocked camera is often seen only so.
fn wishes(out: &mut String, ledger: &Ledger) -> fmt::Result {
    let mut unresolved: BTreeMap<&str, (u64, BTreeSet<CameraId>)> = BTreeMap::new();
    for (_, name) in ledger.names().filter(|(_, name)| name.is_unresolved()) {
        let (asked, cameras) = unresolved.entry(&name.name).or_default();
        *asked += name.asked(NameKind::Dns);
        cameras.insert(name.camera);
    }
    let mut unresolved: Vec<_> = unresolved.into_iter().collect();
    unresolved.sort_by_key(|(name, (asked, _))| (std::cmp::Reverse(*asked), *name));
    if !unresolved.is_empty() {
        writeln!(out, "\nNames asked for that got no address:\n")?;
    }
    for (name, (asked, cameras)) in unresolved.iter().take(ROWS) {
        let by = count(cameras.len(), "camera", "cameras");
        writeln!(out, "  {name}: {} by {by}", count(*asked as usize, "question", "questions"))?;
    }
    if unresolved.len() > ROWS {
        writeln!(out, "  … and {} more (--json has them all)", unresolved.len() - ROWS)?;
    }
    let mut secret: BTreeMap<(EncryptedDns, IpAddr), BTreeSet<CameraId>> = BTreeMap::new();
    for (_, pair) in ledger.pairs() {
        if let Some(how) = pair.encrypted_dns() {
            secret.entry((how, pair.address)).or_default().insert(pair.camera);
        }
    }
    if !secret.is_empty() {
        writeln!(out, "\nEncrypted DNS, which hides what is asked:\n")?;
    }
    for ((how, address), cameras) in secret.iter().take(ROWS) {
        writeln!(out, "  {how} at {address}: {}", count(cameras.len(), "camera", "cameras"))?;
    }
    Ok(())
}

fn tell_alerts(out: &mut String, alerts: &[Alert]) -> fmt::Result {
    let (suppressed, alerts): (Vec<&Alert>, Vec<&Alert>) =
        alerts.iter().partition(|alert| alert.state == State::Suppressed);
    told_alerts(out, &alerts)?;
    if !suppressed.is_empty() {
        writeln!(out, "\nKept back by exceptions: {}:\n", count(suppressed.len(), "alert", "alerts"))?;
    }
    for alert in suppressed {
        let names = alert.suppressed_by.iter().map(AsRef::as_ref).collect::<Vec<&str>>().join(", ");
        writeln!(out, "  {} ({names}): {}", alert.rule, alert.subject)?;
    }
    Ok(())
}

fn told_alerts(out: &mut String, alerts: &[&Alert]) -> fmt::Result {
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
        if let Some(link) = &alert.runbook {
            writeln!(out, "    what to do: {link}")?;
        }
        for (address, name) in &alert.ptr_claims {
            writeln!(out, "    {address} claims to be {name} (reverse DNS, written by whoever holds the address)")?;
        }
    }
    Ok(())
}

fn notes(out: &mut String, capture: &Capture, ledger: &Ledger, now_s: i64) -> fmt::Result {
    writeln!(out)?;
    for damage in &capture.damages {
        let rest = match capture.source {
            SourceKind::Packets => "What stands before it is reported.",
            SourceKind::Zeek => "The other lines are reported.",
        };
        writeln!(out, "Warning: {damage}. {rest}")?;
    }
    if capture.late_records > 0 {
        writeln!(
            out,
            "{} began long before others that were written first: counted, but left out of rules.",
            count(capture.late_records as usize, "record", "records")
        )?;
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
