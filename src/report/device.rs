//! What is known of a device, for documents: each fact with its source and how sure it is.

use serde::Serialize;

use crate::analyse::{Camera, HourCounts, Ledger};
use crate::device::facts::{Field, Source, What};
use crate::device::{self, AddressSeen, Certainty, Device, DeviceKind, Held, Known, Profile};
use crate::time::Timestamp;

/// What is known of a device. Empty where the inventory does not have it.
#[derive(Debug, Serialize)]
pub(super) struct DeviceEntry<'a> {
    brand: Option<&'a str>,
    maker: Option<&'a str>,
    model: Option<&'a str>,
    serial: Option<&'a str>,
    firmware: Option<&'a str>,
    device_name: Option<&'a str>,
    location: Option<&'a str>,
    segment: Option<String>,
    kind_certainty: Certainty,
    kind_reason: String,
    address_history: &'a [AddressSeen],
    coverage: HourCounts,
    facts: Vec<FactEntry<'a>>,
}

/// One fact.
#[derive(Debug, Serialize)]
pub struct FactEntry<'a> {
    /// What it is about.
    pub field: &'static str,
    /// What it says.
    pub value: &'a str,
    /// How sure.
    pub certainty: Certainty,
    /// Who says it.
    pub source: Source,
    /// When it was first told.
    pub first: Timestamp,
    /// When it was last told.
    pub last: Timestamp,
}

fn field_word(field: Field) -> &'static str {
    match field {
        Field::Maker => "maker",
        Field::Brand => "brand",
        Field::Model => "model",
        Field::Serial => "serial",
        Field::Firmware => "firmware",
        Field::Name => "name",
        Field::Location => "location",
        Field::Software => "software",
        Field::Parameters => "dhcp_parameters",
    }
}

fn fact(known: &Known) -> FactEntry<'_> {
    let (field, value) = match &known.fact.what {
        What::Kind(kind) => ("kind", kind.word()),
        What::Text(field, text) => (field_word(*field), text.as_ref()),
    };
    FactEntry {
        field,
        value,
        certainty: known.fact.certainty,
        source: known.source,
        first: known.first,
        last: known.last,
    }
}

/// A device's facts in an order that does not depend on that of packets.
pub fn facts(device: &Device) -> Vec<FactEntry<'_>> {
    let mut facts: Vec<FactEntry<'_>> = device.known.iter().map(fact).collect();
    if let Some(maker) = device.mac.filter(|_| !device.router).and_then(|mac| {
        let vendors = device::Vendors::built_in();
        vendors.of(mac).map(|vendor| vendor.name).or_else(|| vendors.other(mac).map(|other| other.name))
    }) {
        facts.push(FactEntry {
            field: "maker",
            value: maker,
            certainty: Certainty::Likely,
            source: Source::MacPrefix,
            first: device.first,
            last: device.last,
        });
    }
    facts.sort_by(|a, b| (a.field, a.source, a.value).cmp(&(b.field, b.source, b.value)));
    facts
}

/// What a camera is, as far as that is known, and why.
pub struct Kind {
    /// How sure.
    pub certainty: Certainty,
    /// Why, in words.
    pub reason: String,
}

/// Why a camera is taken for what it is.
pub fn kind_of(camera: &Camera, ledger: &Ledger) -> Kind {
    let entry = DeviceEntry::of_camera(camera, ledger);
    Kind { certainty: entry.kind_certainty, reason: entry.kind_reason }
}

fn value(held: Option<Held<'_>>) -> Option<&str> {
    held.map(|held| held.value)
}

impl<'a> DeviceEntry<'a> {
    pub(super) fn new(device: &'a Device, profile: Profile<'a>, ledger: &Ledger) -> Self {
        Self {
            brand: value(profile.brand),
            maker: value(profile.maker),
            model: value(profile.model),
            serial: value(profile.serial),
            firmware: value(profile.firmware),
            device_name: value(profile.name),
            location: value(profile.location),
            segment: Some(device.segment.to_string()).filter(|segment| !segment.is_empty()),
            kind_certainty: profile.kind_certainty,
            kind_reason: profile.kind_reason,
            address_history: &device.addresses,
            coverage: ledger.coverage().counts(device),
            facts: facts(device),
        }
    }

    pub(super) fn of_camera(camera: &'a Camera, ledger: &'a Ledger) -> Self {
        if let Some((_, device)) = ledger.device_of(camera) {
            let registered = camera.addresses.last().and_then(|a| ledger.watch_list().configured(*a, camera.mac));
            return Self::new(device, device.profile(registered), ledger);
        }
        let why = match (camera.configured, camera.kind) {
            (true, kind) => format!("registered as {}", kind.word()),
            (false, DeviceKind::Unknown) => "no fact tells what it is".to_owned(),
            (false, _) => "the MAC prefix is a maker's of cameras (likely)".to_owned(),
        };
        Self {
            brand: None,
            maker: None,
            model: None,
            serial: None,
            firmware: None,
            device_name: None,
            location: None,
            segment: Some(camera.segment.to_string()).filter(|segment| !segment.is_empty()),
            kind_certainty: if camera.configured { Certainty::Sure } else { Certainty::Unverified },
            kind_reason: why,
            address_history: &[],
            coverage: HourCounts::default(),
            facts: Vec::new(),
        }
    }
}
