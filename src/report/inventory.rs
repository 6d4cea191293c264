//! The inventory for people and machines, and how it compares with the register.

use std::fmt::Write;
use std::net::IpAddr;

use serde::Serialize;

use super::device::DeviceEntry;
use super::document::Capture;
use crate::analyse::Ledger;
use crate::device::{Camera, Device, DeviceId, DeviceKind, Profile, WatchList};
use crate::net::Mac;

/// A device that was seen, what it comes to, and its entry in the register.
pub struct Row<'a> {
    /// The device.
    pub device: &'a Device,
    /// What it comes to.
    pub profile: Profile<'a>,
    /// What is registered or configured of it.
    pub registered: Option<&'a Camera>,
}

impl Row<'_> {
    /// By what people know it: name, else MAC address, else address.
    pub fn id(&self) -> String {
        let name = self.registered.filter(|camera| camera.is_one_device()).and_then(|camera| camera.name.clone());
        let mac = || self.device.mac.map(|mac| mac.to_string());
        let address = || self.device.address().map(|address| self.device.segment.scoped(address));
        name.or_else(mac).or_else(address).unwrap_or_default()
    }
}

/// An entry of the register that was not seen.
#[derive(Debug, Serialize)]
pub struct Missing<'a> {
    name: Option<&'a str>,
    addresses: &'a [IpAddr],
    mac: Option<Mac>,
    site: Option<&'a str>,
    asset: Option<&'a str>,
    /// Its network was covered, so that it would have been seen.
    pub(super) covered: bool,
    why: &'static str,
}

impl Missing<'_> {
    /// By what it is registered, and where it should be.
    pub(super) fn shown(&self) -> (String, Option<String>) {
        let address = || self.addresses.first().map(ToString::to_string).or(self.mac.map(|mac| mac.to_string()));
        (self.name.map(str::to_owned).or_else(address).unwrap_or_default(), self.site.map(str::to_owned))
    }
}

/// What was seen against what is registered.
pub struct Lists<'a> {
    /// Every device that was seen: watched ones first, in the order of kind and address.
    pub rows: Vec<Row<'a>>,
    /// Registered, but not seen.
    pub missing: Vec<Missing<'a>>,
}

/// The three lists, for documents.
#[derive(Debug, Serialize)]
pub struct RegisterEntry<'a> {
    /// Ids of devices that were seen and are registered.
    seen_registered: Vec<String>,
    /// Ids of devices that are cameras by all that is known, and are not registered.
    seen_unregistered: Vec<String>,
    /// Registered, its network covered, and not seen.
    not_seen: Vec<Missing<'a>>,
    /// Registered and not seen, and could not have been.
    not_observable: Vec<Missing<'a>>,
}

fn order(kind: DeviceKind) -> u8 {
    match kind {
        DeviceKind::Camera => 0,
        DeviceKind::Recorder => 1,
        DeviceKind::Doorstation => 2,
        DeviceKind::Unknown => 3,
        DeviceKind::Other => 4,
    }
}

impl<'a> Lists<'a> {
    /// Compares the ledger's inventory with its watch list.
    pub fn new(ledger: &'a Ledger) -> Self {
        let watch = ledger.watch_list();
        let mut met = vec![false; watch.cameras().len()];
        let mut rows: Vec<Row<'a>> = ledger
            .inventory()
            .devices()
            .map(|(_, device)| {
                let index = registered_index(device, watch);
                let registered = index.and_then(|index| watch.cameras().get(index as usize));
                if let Some(met) = index.and_then(|index| met.get_mut(index as usize)) {
                    *met = true;
                }
                Row { device, profile: device.profile(registered), registered }
            })
            .collect();
        rows.sort_by_cached_key(|row| {
            (order(row.profile.kind), row.device.segment, row.device.address(), row.device.mac)
        });
        meet_cameras(&mut met, ledger);
        let unmet = watch.cameras().iter().zip(met).filter(|(camera, met)| !met && camera.is_one_device());
        let missing = unmet.map(|(camera, _)| missing(camera, ledger)).collect();
        Self { rows, missing }
    }

    /// Devices that are cameras by all that is known, and not registered.
    pub fn unregistered(&self) -> impl Iterator<Item = &Row<'a>> {
        self.rows.iter().filter(|row| row.registered.is_none() && row.profile.kind.is_watched())
    }

    /// For documents.
    pub fn entry(self) -> RegisterEntry<'a> {
        let seen_registered = self.rows.iter().filter(|row| row.registered.is_some()).map(Row::id).collect();
        let seen_unregistered = self.unregistered().map(Row::id).collect();
        let (not_seen, not_observable) = self.missing.into_iter().partition(|missing| missing.covered);
        RegisterEntry { seen_registered, seen_unregistered, not_seen, not_observable }
    }
}

/// The place within the watch list of what is registered of a device: by where it is now, else by where it was.
fn registered_index(device: &Device, watch: &WatchList) -> Option<u32> {
    let mac = device.mac.filter(|_| !device.router);
    let by_mac = mac.and_then(|mac| watch.index_of_mac(mac));
    let now = || device.address().and_then(|address| watch.configured_index(address, mac));
    let before = || device.addresses.iter().rev().find_map(|seen| watch.configured_index(seen.address, mac));
    by_mac.or_else(now).or_else(before)
}

/// A watched device that the inventory does not have, as from logs without frames, was seen all the same.
fn meet_cameras(met: &mut [bool], ledger: &Ledger) {
    for (_, camera) in ledger.cameras() {
        let watch = ledger.watch_list();
        let index = camera.addresses.iter().find_map(|address| watch.configured_index(*address, camera.mac));
        if let Some(met) = index.and_then(|index| met.get_mut(index as usize)) {
            *met = true;
        }
    }
}

/// The lengths of the lists: registered and seen; seen and not registered; registered, covered and not seen; registered and
/// not observable. Zero where nothing is registered.
pub fn counts(ledger: &Ledger) -> [u64; 4] {
    let watch = ledger.watch_list();
    let mut counts = [0; 4];
    if watch.cameras().is_empty() {
        return counts;
    }
    let mut met = vec![false; watch.cameras().len()];
    for (_, device) in ledger.inventory().devices() {
        match registered_index(device, watch) {
            Some(index) => {
                counts[0] += 1;
                if let Some(met) = met.get_mut(index as usize) {
                    *met = true;
                }
            }
            None => counts[1] += u64::from(device.kind().is_watched()),
        }
    }
    meet_cameras(&mut met, ledger);
    for (camera, _) in watch.cameras().iter().zip(met).filter(|(camera, met)| !met && camera.is_one_device()) {
        counts[if missing(camera, ledger).covered { 2 } else { 3 }] += 1;
    }
    counts
}

/// Cameras that are registered and were not seen although their network was covered, and how many were seen and are not
/// registered.
pub fn differences(ledger: &Ledger) -> (Vec<&Camera>, u64) {
    let watch = ledger.watch_list();
    if watch.cameras().is_empty() {
        return (Vec::new(), 0);
    }
    let mut met = vec![false; watch.cameras().len()];
    let mut unregistered = 0;
    for (_, device) in ledger.inventory().devices() {
        match registered_index(device, watch).and_then(|index| met.get_mut(index as usize)) {
            Some(met) => *met = true,
            None => unregistered += u64::from(device.kind().is_watched()),
        }
    }
    meet_cameras(&mut met, ledger);
    let unmet = watch.cameras().iter().zip(met).filter(|(camera, met)| !met && camera.is_one_device());
    (unmet.map(|(camera, _)| camera).filter(|camera| missing(camera, ledger).covered).collect(), unregistered)
}

fn missing<'a>(camera: &'a Camera, ledger: &Ledger) -> Missing<'a> {
    let covered = camera.addresses.iter().any(|address| ledger.coverage().ever_saw_network(*address));
    let why = match (covered, camera.addresses.is_empty()) {
        (true, _) => "not seen although its network was covered",
        (false, true) => "not observable: no address is registered, so it is not known whether its network was covered",
        (false, false) => "not observable: its network was not seen on this port",
    };
    Missing {
        name: camera.name.as_deref(),
        addresses: &camera.addresses,
        mac: camera.mac,
        site: camera.site.as_deref(),
        asset: camera.asset.as_deref(),
        covered,
        why,
    }
}

/// The document of `camwatch cameras --json`.
#[derive(Serialize)]
pub struct Document<'a> {
    camwatch: &'static str,
    capture: &'a Capture,
    devices: Vec<RowEntry<'a>>,
    register: RegisterEntry<'a>,
}

#[derive(Serialize)]
struct RowEntry<'a> {
    id: String,
    kind: DeviceKind,
    addresses: Vec<IpAddr>,
    mac: Option<Mac>,
    router: bool,
    behind_router: Option<Mac>,
    name: Option<&'a str>,
    site: Option<&'a str>,
    tags: &'a [String],
    asset: Option<&'a str>,
    expected_destinations: &'a [String],
    registered: bool,
    first: crate::time::Timestamp,
    last: crate::time::Timestamp,
    #[serde(flatten)]
    device: DeviceEntry<'a>,
}

impl<'a> RowEntry<'a> {
    fn new(row: Row<'a>, ledger: &'a Ledger) -> Self {
        let id = row.id();
        let Row { device, profile, registered } = row;
        let one = registered.filter(|camera| camera.is_one_device());
        Self {
            id,
            kind: profile.kind,
            addresses: device.addresses.iter().map(|seen| seen.address).collect(),
            mac: device.mac,
            router: device.router,
            behind_router: device.behind,
            name: one.and_then(|camera| camera.name.as_deref()),
            site: registered.and_then(|camera| camera.site.as_deref()),
            tags: registered.map_or(&[], |camera| &camera.tags),
            asset: registered.and_then(|camera| camera.asset.as_deref()),
            expected_destinations: registered.map_or(&[], |camera| &camera.expected_destinations),
            registered: registered.is_some(),
            first: device.first,
            last: device.last,
            device: DeviceEntry::new(device, profile, ledger),
        }
    }
}

/// One device as [`Document`] tells it: its id, and the entry. None for a place of the inventory where no device is.
pub fn device_entry(id: DeviceId, ledger: &Ledger) -> Option<(String, serde_json::Value)> {
    let device = ledger.inventory().device(id).filter(|device| device.mac.is_some() || !device.addresses.is_empty())?;
    let watch = ledger.watch_list();
    let registered = registered_index(device, watch).and_then(|index| watch.cameras().get(index as usize));
    let entry = RowEntry::new(Row { device, profile: device.profile(registered), registered }, ledger);
    let document = serde_json::to_value(&entry).ok()?;
    Some((entry.id, document))
}

impl<'a> Document<'a> {
    /// The inventory of a ledger.
    pub fn new(capture: &'a Capture, ledger: &'a Ledger) -> Self {
        let devices = Lists::new(ledger).rows.into_iter().map(|row| RowEntry::new(row, ledger)).collect();
        Self { camwatch: env!("CARGO_PKG_VERSION"), capture, devices, register: Lists::new(ledger).entry() }
    }
}

/// The inventory as a table, and what differs from the register. Devices that are no cameras are counted unless `all`.
pub fn text(ledger: &Ledger, all: bool) -> String {
    let mut out = String::new();
    write_text(&mut out, ledger, all).unwrap_or_default();
    out
}

fn write_text(out: &mut String, ledger: &Ledger, all: bool) -> std::fmt::Result {
    let lists = Lists::new(ledger);
    let shown = |row: &&Row<'_>| all || row.registered.is_some() || row.profile.kind.is_watched();
    if lists.rows.iter().any(|row| shown(&row)) {
        writeln!(out, "{:<12} {:<16} {:<18} {:<11} {:<24} NAME", "KIND", "ADDRESS", "MAC", "MAKER", "MODEL")?;
    } else {
        writeln!(out, "No camera was seen.")?;
    }
    for row in lists.rows.iter().filter(shown) {
        let Row { device, profile, registered } = row;
        let address = device.address().map_or(String::new(), |address| device.segment.scoped(address));
        let mac = device.mac.map_or_else(|| "–".to_owned(), |mac| mac.to_string());
        let maker = profile.brand.or(profile.maker).map_or("–", |held| held.value);
        let model = profile.model.map_or("–", |held| held.value);
        let name = registered.and_then(|camera| camera.name.as_deref()).or(profile.name.map(|held| held.value));
        writeln!(
            out,
            "{:<12} {address:<16} {mac:<18} {maker:<11} {model:<24} {}",
            profile.kind.word(),
            name.unwrap_or("–")
        )?;
        writeln!(out, "{:<12} {}", "", profile.kind_reason)?;
    }
    let hidden = lists.rows.len() - lists.rows.iter().filter(shown).count();
    if hidden > 0 {
        writeln!(out, "\n{hidden} more devices are no cameras, or nothing tells that they are (--all lists them).")?;
    }
    register_text(out, &lists, ledger.watch_list().cameras().is_empty())
}

fn register_text(out: &mut String, lists: &Lists<'_>, nobody: bool) -> std::fmt::Result {
    if nobody {
        return writeln!(
            out,
            "\nNo register: write one to start from with --write-register cameras.csv, then set [inventory] file."
        );
    }
    let registered = lists.rows.iter().filter(|row| row.registered.is_some()).count();
    writeln!(out, "\nSeen and registered: {registered}")?;
    let strangers: Vec<String> = lists.unregistered().map(Row::id).collect();
    writeln!(out, "Seen but not registered: {}", strangers.len())?;
    strangers.iter().try_for_each(|id| writeln!(out, "  {id}"))?;
    for covered in [true, false] {
        let these: Vec<_> = lists.missing.iter().filter(|missing| missing.covered == covered).collect();
        let what = if covered { "not seen although its network was covered" } else { "not observable" };
        writeln!(out, "Registered, {what}: {}", these.len())?;
        for missing in these {
            let address = missing.addresses.first().map(ToString::to_string).unwrap_or_default();
            let name = missing.name.unwrap_or("–");
            let asset = missing.asset.map_or(String::new(), |asset| format!(" ({asset})"));
            writeln!(out, "  {name}{asset} {address}: {}", missing.why)?;
        }
    }
    Ok(())
}

/// A cell that a spreadsheet takes as text, whatever a device has put there.
pub(super) fn cell(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) { format!("'{text}") } else { text.to_owned() }
}

/// The inventory as CSV.
pub fn csv(ledger: &Ledger) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record([
        "id",
        "kind",
        "kind_certainty",
        "address",
        "mac",
        "maker",
        "brand",
        "model",
        "serial",
        "firmware",
        "name",
        "site",
        "asset",
        "registered",
        "first",
        "last",
        "reason",
    ])?;
    for row in &Lists::new(ledger).rows {
        let Row { device, profile, registered } = row;
        let held = |held: Option<crate::device::Held<'_>>| held.map_or(String::new(), |held| cell(held.value));
        let of_register = |text: Option<&String>| text.map_or(String::new(), |text| cell(text));
        let certainty = format!("{:?}", profile.kind_certainty).to_lowercase();
        let name = registered.and_then(|camera| camera.name.as_ref());
        writer.write_record([
            cell(&row.id()),
            profile.kind.word().to_owned(),
            certainty,
            device.address().map_or(String::new(), |address| device.segment.scoped(address)),
            device.mac.map_or(String::new(), |mac| mac.to_string()),
            held(profile.maker),
            held(profile.brand),
            held(profile.model),
            held(profile.serial),
            held(profile.firmware),
            name.map_or_else(|| held(profile.name), |name| cell(name)),
            of_register(registered.and_then(|camera| camera.site.as_ref())),
            of_register(registered.and_then(|camera| camera.asset.as_ref())),
            registered.is_some().to_string(),
            device.first.to_string(),
            device.last.to_string(),
            profile.kind_reason.clone(),
        ])?;
    }
    Ok(text_of(writer))
}

fn text_of(writer: csv::Writer<Vec<u8>>) -> String {
    let bytes = writer.into_inner().unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A register of what was seen and is a camera by all that is known, to be corrected by a person.
pub fn register(ledger: &Ledger) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(["name", "address", "mac", "site", "tags", "asset", "expected_destinations", "kind"])?;
    let mut names = std::collections::BTreeSet::new();
    for row in Lists::new(ledger).rows.iter().filter(|row| row.profile.kind.is_watched() || row.registered.is_some()) {
        let Row { device, profile, registered } = row;
        let address = device.address().map_or(String::new(), |address| address.to_string());
        let own = registered.filter(|camera| camera.is_one_device());
        let told =
            own.and_then(|camera| camera.name.clone()).or_else(|| profile.name.map(|held| held.value.to_owned()));
        // Names tell devices apart: many come from the factory with the same.
        let name = told.filter(|name| !names.contains(name)).unwrap_or_else(|| {
            format!("{} {}", profile.model.map_or(profile.kind.word(), |held| held.value), row.id())
        });
        names.insert(name.clone());
        let text = |text: Option<&String>| text.map_or(String::new(), |text| cell(text));
        writer.write_record([
            cell(&name),
            address,
            device.mac.map_or(String::new(), |mac| mac.to_string()),
            text(registered.and_then(|camera| camera.site.as_ref())),
            registered.map_or(String::new(), |camera| cell(&camera.tags.join(" "))),
            text(registered.and_then(|camera| camera.asset.as_ref())),
            registered.map_or(String::new(), |camera| cell(&camera.expected_destinations.join(" "))),
            profile.kind.word().to_owned(),
        ])?;
    }
    Ok(text_of(writer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spreadsheet_computes_nothing_that_a_device_says() {
        assert_eq!(cell("=HYPERLINK(\"http://x\")"), "'=HYPERLINK(\"http://x\")");
        assert_eq!(cell("gate"), "gate");
    }
}
