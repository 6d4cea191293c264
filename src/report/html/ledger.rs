//! The lines of the ledger, camera by camera, and the tables above it.

use crate::analyse::Counts;
use crate::device::DeviceKind;
use crate::geo::Class;
use crate::report::account::{Account, Calls, CameraTold, PlaceTold, Row, SHOWN_CAMERAS};
use crate::report::words::{Clock, count, country, grouped, size};

/// Names of a destination that are shown.
const NAMES: usize = 3;
/// Countries and owners that are shown.
const PLACES: usize = 30;
/// Cameras that called nobody overseas that are named.
const QUIET: usize = 1000;

/// What a line of figures says.
pub(super) struct Figures {
    pub(super) attempts: String,
    pub(super) answered: String,
    pub(super) refused: String,
    pub(super) unanswered: String,
    pub(super) sent: String,
    pub(super) received: String,
}

impl Figures {
    fn of(counts: &Counts) -> Self {
        Self {
            attempts: grouped(counts.attempts),
            answered: grouped(counts.answered + counts.midstream),
            refused: grouped(counts.refused),
            unanswered: grouped(counts.unanswered),
            sent: size(counts.bytes_out),
            received: size(counts.bytes_in),
        }
    }
}

/// A destination of a camera's.
pub(super) struct Line {
    pub(super) address: String,
    pub(super) names: String,
    pub(super) country: String,
    pub(super) owner: String,
    pub(super) services: String,
    pub(super) figures: Figures,
    pub(super) first: String,
    pub(super) last: String,
}

/// A camera with its destinations.
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) about: String,
    pub(super) lines: Vec<Line>,
    /// What is left out.
    pub(super) more: String,
}

/// All that called one class of destinations.
#[derive(Default)]
pub(super) struct Ledger {
    pub(super) entries: Vec<Entry>,
    pub(super) more: String,
}

/// A class of destinations, summed up.
pub(super) struct Total {
    pub(super) what: String,
    pub(super) cameras: String,
    pub(super) destinations: String,
    pub(super) figures: Figures,
}

/// A country and owner, summed up.
pub(super) struct Place {
    pub(super) country: String,
    pub(super) owner: String,
    pub(super) registered: String,
    pub(super) cameras: String,
    pub(super) figures: Figures,
}

fn country_of(place: &PlaceTold) -> String {
    place.country.as_deref().map_or_else(|| "not known".to_owned(), country)
}

/// The owner, and where its network is registered where that is elsewhere.
fn owner_of(place: &PlaceTold) -> String {
    let owner = place.owner.clone().unwrap_or_else(|| "owner not known".to_owned());
    match place.owner_country.as_deref().filter(|registered| Some(*registered) != place.country.as_deref()) {
        Some(registered) => format!("{owner}, registered in {}", country(registered)),
        None => owner,
    }
}

/// By what people know it, with the address where that is something else.
pub(super) fn name_of(camera: &CameraTold) -> String {
    let about = &camera.about;
    match (&about.name, &about.address) {
        (Some(name), Some(address)) => format!("{name} ({address})"),
        (None, Some(address)) if *address != about.id => format!("{address} ({})", about.id),
        (Some(name), None) => name.clone(),
        _ => about.id.clone(),
    }
}

fn kind_word(kind: DeviceKind) -> &'static str {
    match kind {
        DeviceKind::Camera => "camera",
        DeviceKind::Recorder => "recorder, which calls for the cameras behind it",
        DeviceKind::Doorstation => "door station",
        DeviceKind::Other => "no camera",
        DeviceKind::Unknown => "kind not known",
    }
}

fn about(camera: &CameraTold, account: &Account) -> String {
    let about = &camera.about;
    let mut parts: Vec<String> = about.site.iter().cloned().collect();
    parts.extend(about.kind.map(|kind| kind_word(kind).to_owned()));
    parts.extend(about.make.clone());
    if account.covered.untold.is_none() && camera.hours.known() + camera.hours.unknown() > 0 {
        let of = account.covered.hours();
        parts.push(format!("could be observed in {} of {}", grouped(camera.hours.known()), count(of, "hour", "hours")));
    }
    parts.join(" · ")
}

fn line(row: &Row, clock: &Clock) -> Line {
    let mut names = row.names.iter().take(NAMES).cloned().collect::<Vec<_>>().join(", ");
    if row.names.len() > NAMES {
        let more = count((row.names.len() - NAMES) as u64, "more name", "more names");
        names = format!("{names} and {more}");
    }
    let services: Vec<String> = row.services.iter().map(ToString::to_string).collect();
    Line {
        address: row.address.to_string(),
        names,
        country: country_of(&row.place),
        owner: owner_of(&row.place),
        services: services.join(" "),
        figures: Figures::of(&row.counts),
        first: clock.short(row.first),
        last: clock.short(row.last),
    }
}

/// The ledger of those calls that `of` gives.
pub(super) fn ledger(account: &Account, clock: &Clock, of: impl Fn(&CameraTold) -> &Calls) -> Ledger {
    let callers = || account.cameras.iter().filter(|camera| of(camera).rows > 0);
    let entry = |camera: &CameraTold| {
        let calls = of(camera);
        let left = calls.rows.saturating_sub(calls.largest.len() as u64);
        let shown: u64 = calls.largest.iter().map(|row| row.counts.attempts).sum();
        let rest = grouped(calls.counts.attempts.saturating_sub(shown));
        let more = match left {
            0 => String::new(),
            left => format!(
                "and {} with {rest} attempts, in the table beside this report",
                count(left, "more destination", "more destinations")
            ),
        };
        let lines = calls.largest.iter().map(|row| line(row, clock)).collect();
        Entry { name: name_of(camera), about: about(camera, account), lines, more }
    };
    let shown = callers().filter(|camera| !of(camera).largest.is_empty());
    let entries: Vec<Entry> = shown.take(SHOWN_CAMERAS).map(entry).collect();
    let left = callers().count() - entries.len();
    let more = match left {
        0 => String::new(),
        left => format!(
            "{} called too: they are in the table beside this report.",
            count(left as u64, "more camera", "more cameras")
        ),
    };
    Ledger { entries, more }
}

/// What each class came to.
pub(super) fn totals(account: &Account) -> Vec<Total> {
    let home = super::told::home(account);
    let words = [
        (Class::Overseas, format!("Overseas: outside {home}")),
        (Class::Unknown, "Country not known".to_owned()),
        (Class::Home, format!("In {home}")),
        (Class::Special, "Addresses that nobody can have, such as examples in manuals".to_owned()),
    ];
    let mut totals = Vec::new();
    for (class, what) in words {
        let sum = account.sum_of(class);
        if sum.is_none() && class == Class::Special {
            continue;
        }
        let count = |number: Option<u64>| number.map_or_else(|| "0".to_owned(), grouped);
        let counted = matches!(class, Class::Overseas | Class::Unknown);
        totals.push(Total {
            what,
            cameras: if counted { count(sum.map(|sum| sum.cameras)) } else { "–".to_owned() },
            destinations: count(sum.map(|sum| sum.rows)),
            figures: Figures::of(&sum.map(|sum| sum.counts).unwrap_or_default()),
        });
    }
    totals
}

/// Where the calls went and whose that is; and how many are left out.
pub(super) fn places(account: &Account) -> (Vec<Place>, usize) {
    let told = account.places.iter().take(PLACES).map(|sum| Place {
        country: country_of(&sum.place),
        owner: sum.place.owner.clone().unwrap_or_else(|| "not known".to_owned()),
        registered: sum.place.owner_country.as_deref().map_or_else(|| "not known".to_owned(), country),
        cameras: grouped(sum.cameras),
        figures: Figures::of(&sum.counts),
    });
    (told.collect(), account.places.len().saturating_sub(PLACES))
}

/// Cameras that called nobody overseas, each with how long it could be observed; and how many are left out.
pub(super) fn quiet(account: &Account) -> (Vec<(String, String)>, u64, u64) {
    let quiet = || account.cameras.iter().filter(|camera| !camera.called_out());
    let told = |camera: &CameraTold| {
        let (known, of) = (camera.hours.known(), account.covered.hours());
        let hours = if account.covered.untold.is_some() || known + camera.hours.unknown() == 0 {
            match account.covered.untold {
                Some(_) => String::new(),
                None => "hours not on record".to_owned(),
            }
        } else {
            format!("{} of {}", grouped(known), count(of, "hour", "hours"))
        };
        let site = camera.about.site.as_ref().map_or_else(String::new, |site| format!(", {site}"));
        (format!("{}{site}", name_of(camera)), hours)
    };
    let all = quiet().count();
    (quiet().take(QUIET).map(told).collect(), all as u64, all.saturating_sub(QUIET) as u64)
}
