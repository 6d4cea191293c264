//! The account of files that were read.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Duration;

use super::gather::Outlet;
use super::{
    Account, Asked, CameraAbout, CameraTold, Covered, Gatherer, HourSum, MAX_ALERTS, NotSeen, Origin, PlaceTold, Row,
    Settings, Untold, asked, people,
};
use crate::alert::SuppressionEntry;
use crate::alert::{Alert, State};
use crate::analyse::{Camera, CameraId, Ledger, Observed, Pair};
use crate::config::Config;
use crate::device::Device;
use crate::device::hours::hour_of;
use crate::geo::Class;
use crate::report::document::{Capture, SourceKind};
use crate::report::inventory::Lists;

/// What coverage is told by.
const HOUR: Duration = Duration::from_secs(3600);

/// What was found in files.
pub struct Found<'a> {
    /// The files.
    pub capture: &'a Capture,
    /// Cameras and destinations.
    pub ledger: &'a Ledger,
    /// Alerts, those that exceptions keep back too.
    pub alerts: Vec<Alert>,
    /// The exceptions.
    pub exceptions: Vec<SuppressionEntry>,
    /// Attempts by the hour.
    pub by_hour: &'a ByHour,
}

/// The account of what was found. Its rows go to `outlet`, by camera and destination. Two readings of the same files give
/// the same.
pub fn of_reading<'o>(
    found: Found<'_>,
    config: &Config,
    by: Option<String>,
    outlet: &'o mut Outlet<'o>,
) -> io::Result<Account> {
    let Found { capture, ledger, alerts, exceptions, by_hour } = found;
    let mut cameras: Vec<(CameraId, &Camera)> = ledger.cameras().collect();
    cameras.sort_by(|(a, x), (b, y)| (&x.id, a).cmp(&(&y.id, b)));
    let mut covered = coverage(ledger, capture);
    let told = cameras.iter().map(|(_, camera)| {
        let mut told = CameraTold::new(about(camera, ledger));
        if let Some((_, device)) = ledger.device_of(camera) {
            note_hours(&mut told, device, ledger, &mut covered);
        }
        told
    });
    let mut told: Vec<CameraTold> = told.collect();
    told.extend(only_seen(ledger, &mut covered));
    let mut pairs: BTreeMap<CameraId, Vec<&Pair>> = BTreeMap::new();
    for (_, pair) in ledger.pairs() {
        pairs.entry(pair.camera).or_default().push(pair);
    }
    let mut gatherer = Gatherer::new(told, outlet);
    for (at, (id, _)) in cameras.iter().enumerate() {
        let mut theirs = pairs.remove(id).unwrap_or_default();
        theirs.sort_unstable_by_key(|pair| pair.address);
        for pair in theirs {
            gatherer.take(at, row(pair))?;
        }
    }
    let gathered = gatherer.finish();
    let (alerts, alerts_left_out) = bounded(alerts);
    Ok(Account {
        asked: Asked {
            from: capture.first,
            to: capture.last,
            by,
            made: None,
            origin: Origin::Files(Box::new(capture.clone())),
            settings: Settings::of(config),
            sources: asked::sources(ledger.geo(), config),
        },
        covered,
        sums: gathered.sums,
        internal_attempts: ledger.totals().internal_attempts,
        cameras: gathered.cameras,
        places: gathered.places,
        hours: by_hour.sums(),
        alerts,
        alerts_left_out,
        exceptions: people::of_entries(exceptions),
        lines_left_out: ledger.evicted_pairs() + ledger.evicted_cameras() + ledger.cameras_left_out(),
    })
}

/// Watched devices that were seen and called nobody at all: they have no place in the ledger.
fn only_seen(ledger: &Ledger, covered: &mut Covered) -> Vec<CameraTold> {
    let callers: BTreeSet<_> = ledger.cameras().filter_map(|(_, camera)| Some(ledger.device_of(camera)?.0)).collect();
    let devices =
        ledger.inventory().devices().filter(|(id, device)| device.kind().is_watched() && !callers.contains(id));
    let told = devices.filter_map(|(_, device)| {
        let address = device.address()?;
        let registered = ledger.watch_list().configured(address, device.mac);
        let profile = device.profile(registered);
        let own = registered.filter(|camera| camera.is_one_device());
        let name = own.and_then(|camera| camera.name.clone());
        let scoped = device.segment.scoped(address);
        let held = |held: Option<crate::device::Held<'_>>| held.map(|held| held.value.to_owned());
        let make: Vec<String> = held(profile.maker).into_iter().chain(held(profile.model)).collect();
        let id = name.clone().or_else(|| device.mac.map(|mac| mac.to_string())).unwrap_or_else(|| scoped.clone());
        let mut told = CameraTold::new(CameraAbout {
            id,
            name,
            site: registered.and_then(|camera| camera.site.clone()),
            kind: Some(profile.kind),
            make: Some(make.join(" ")).filter(|make| !make.is_empty()),
            address: Some(scoped),
        });
        note_hours(&mut told, device, ledger, covered);
        Some(told)
    });
    told.collect()
}

/// In which hours the camera could be observed.
fn note_hours(told: &mut CameraTold, device: &Device, ledger: &Ledger, covered: &mut Covered) {
    if covered.untold.is_some() {
        return;
    }
    for hour in covered.first_hour..covered.end_hour {
        // Who was seen in an hour that was hardly recorded may have done more in the rest of it.
        let what = ledger.coverage().of_capture(hour).unwrap_or_else(|| ledger.coverage().of(device, hour));
        told.hours.add(what);
        covered.note(hour, what);
    }
}

fn about(camera: &Camera, ledger: &Ledger) -> CameraAbout {
    let profile = ledger.device_of(camera).map(|(_, device)| device.profile(None));
    let model = profile.as_ref().and_then(|profile| profile.model.map(|held| held.value.to_owned()));
    let make: Vec<String> = camera.vendor.iter().map(ToString::to_string).chain(model).collect();
    CameraAbout {
        id: camera.id.clone(),
        name: camera.name.clone(),
        site: camera.site.clone(),
        kind: Some(camera.kind),
        make: Some(make.join(" ")).filter(|make| !make.is_empty()),
        address: camera.addresses.last().map(|address| camera.segment.scoped(*address)),
    }
}

fn row(pair: &Pair) -> Row {
    Row {
        address: pair.address,
        names: pair.names.iter().map(|name| name.name.to_string()).collect(),
        services: pair.services.clone(),
        place: PlaceTold {
            class: pair.place.class,
            country: pair.place.country_text(),
            owner: pair.place.owner_text(),
            owner_country: pair.place.owner_country.map(|country| country.to_string()),
        },
        counts: pair.counts,
        first: pair.first,
        last: pair.last,
    }
}

fn coverage(ledger: &Ledger, capture: &Capture) -> Covered {
    let hours = ledger.coverage().hours();
    let (first, end) = hours.fold((i64::MAX, i64::MIN), |(first, end), hour| (first.min(hour), end.max(hour + 1)));
    let lists = Lists::new(ledger);
    let registered = ledger.watch_list().cameras().iter().filter(|camera| camera.is_one_device()).count() as u64;
    let not_seen: Vec<NotSeen> = lists
        .missing
        .iter()
        .map(|missing| {
            let (name, site) = missing.shown();
            NotSeen { name, site }
        })
        .collect();
    Covered {
        first_hour: if first > end { 0 } else { first },
        end_hour: if first > end { 0 } else { end },
        registered,
        registered_seen: registered - not_seen.len() as u64,
        not_seen,
        untold: untold(ledger, capture),
        ..Covered::default()
    }
}

fn untold(ledger: &Ledger, capture: &Capture) -> Option<Untold> {
    if capture.source == SourceKind::Zeek {
        return Some(Untold::Logs);
    }
    let length = capture.last?.since(capture.first?);
    let coverage = ledger.coverage();
    let short = length < HOUR && coverage.hours().all(|hour| coverage.of_capture(hour) == Some(Observed::CaptureDown));
    short.then_some(Untold::Short(length))
}

/// Those that fire first, the worst first; without their evidence.
pub(super) fn bounded(mut alerts: Vec<Alert>) -> (Vec<Alert>, u64) {
    alerts.retain(|alert| alert.state != State::Pending);
    let rank = |alert: &Alert| match alert.state {
        State::Firing | State::Pending => 0,
        State::Resolved => 1,
        State::Suppressed => 2,
    };
    alerts.sort_by(|a, b| {
        (rank(a), std::cmp::Reverse(a.severity), a.since, &a.id).cmp(&(
            rank(b),
            std::cmp::Reverse(b.severity),
            b.since,
            &b.id,
        ))
    });
    let left_out = alerts.len().saturating_sub(MAX_ALERTS) as u64;
    alerts.truncate(MAX_ALERTS);
    for alert in &mut alerts {
        alert.evidence = serde_json::Value::Null;
    }
    (alerts, left_out)
}

/// Attempts by the hour, as files are read.
#[derive(Debug, Default)]
pub struct ByHour(BTreeMap<i64, HourSum>);

impl ByHour {
    /// Adds what was counted since the last time.
    pub fn take(&mut self, ledger: &mut Ledger) {
        for counted in ledger.take_hours().0 {
            let (class, attempts) = (counted.place.class, counted.counts.attempts);
            let known = || ledger.camera_of(counted.camera).is_some_and(|camera| !camera.behind_router);
            let told = counted.left.is_some() || known();
            if attempts > 0 && told && matches!(class, Class::Overseas | Class::Unknown) {
                // An event that comes late counts where it belongs, as far as that is known.
                let hour = counted.hour.min(hour_of(counted.last));
                let sum = self.0.entry(hour).or_insert(HourSum { hour, ..HourSum::default() });
                *(if class == Class::Overseas { &mut sum.overseas } else { &mut sum.unknown }) += attempts;
            }
        }
    }

    /// Hours in their order.
    pub fn sums(&self) -> Vec<HourSum> {
        self.0.values().copied().collect()
    }
}
