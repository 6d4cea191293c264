//! What all that is known of a device comes to: kind, maker, brand, model and the rest, each with its reason.

use std::fmt::Write;

use super::brand::Brands;
use super::facts::{Certainty, Field, Source, What};
use super::known::Device;
use super::{Camera, DeviceKind, Vendors};

/// A value, and why it is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Held<'a> {
    /// The value.
    pub value: &'a str,
    /// How sure.
    pub certainty: Certainty,
    /// By the surest of its sources.
    pub source: Source,
}

/// A device as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile<'a> {
    /// What it is.
    pub kind: DeviceKind,
    /// How sure that is.
    pub kind_certainty: Certainty,
    /// Why, in words.
    pub kind_reason: String,
    /// Who made hardware and firmware.
    pub maker: Option<Held<'a>>,
    /// Who sells it.
    pub brand: Option<Held<'a>>,
    /// The model.
    pub model: Option<Held<'a>>,
    /// The serial number.
    pub serial: Option<Held<'a>>,
    /// The firmware's version.
    pub firmware: Option<Held<'a>>,
    /// The name that it has been given, by itself or on it.
    pub name: Option<Held<'a>>,
    /// Where it says that it is.
    pub location: Option<Held<'a>>,
}

impl Device {
    /// The model, as the surest of its facts has it.
    pub fn model(&self) -> Option<&str> {
        best(self, Field::Model).map(|held| held.value)
    }

    /// What it comes to, with what is registered of it.
    pub fn profile<'a>(&'a self, registered: Option<&'a Camera>) -> Profile<'a> {
        let (mut kind, mut kind_certainty) = kind_of(self);
        let mut kind_reason = reason(self, kind);
        if let Some(camera) = registered {
            kind_reason = format!("registered as {}; by itself: {kind_reason}", camera.kind.word());
            (kind, kind_certainty) = (camera.kind, Certainty::Sure);
        }
        if kind == DeviceKind::Recorder {
            kind_reason.push_str("; a recorder calls for the cameras behind it");
        }
        let maker = maker(self, kind);
        Profile {
            kind,
            kind_certainty,
            kind_reason,
            brand: brand(self, maker),
            maker,
            model: best(self, Field::Model),
            serial: best(self, Field::Serial),
            firmware: best(self, Field::Firmware),
            name: best(self, Field::Name),
            location: best(self, Field::Location),
        }
    }
}

const KINDS: [DeviceKind; 4] = [DeviceKind::Camera, DeviceKind::Other, DeviceKind::Recorder, DeviceKind::Doorstation];

/// What speaks for a kind: each source once, by its surest fact.
fn votes(device: &Device, kind: DeviceKind) -> Vec<(Source, Certainty)> {
    let mut votes: Vec<(Source, Certainty)> = Vec::new();
    let mut add = |source: Source, certainty: Certainty| match votes.iter_mut().find(|(known, _)| *known == source) {
        Some((_, known)) => *known = certainty.max(*known),
        None => votes.push((source, certainty)),
    };
    if device.router && kind == DeviceKind::Other {
        add(Source::Behaviour, Certainty::Sure);
    }
    if let Some(mac) = device.makers_mac() {
        let cameras = Vendors::built_in().of(mac).is_some_and(|vendor| vendor.cameras_only);
        let others = Vendors::built_in().other(mac).is_some();
        if cameras && kind == DeviceKind::Camera || others && kind == DeviceKind::Other {
            add(Source::MacPrefix, Certainty::Likely);
        }
    }
    for known in &device.known {
        if known.fact.what == What::Kind(kind) {
            add(known.source, known.fact.certainty);
        }
    }
    votes.sort_unstable_by_key(|(source, certainty)| (std::cmp::Reverse(*certainty), *source));
    votes
}

/// The kind that all facts together speak for.
///
/// What says "camera" most often means "camera or recorder": a maker's MAC prefix, an RTSP server, an ONVIF transmitter. So
/// what says recorder or door station with the same certainty counts more. Hints alone decide nothing.
pub(super) fn kind_of(device: &Device) -> (DeviceKind, Certainty) {
    let all = KINDS.map(|kind| (kind, votes(device, kind)));
    for wanted in [Certainty::Sure, Certainty::Likely] {
        let weight = |votes: &[(Source, Certainty)]| votes.iter().filter(|(_, c)| *c >= Certainty::Likely).count();
        let found: Vec<_> = all
            .iter()
            .filter(|(_, votes)| votes.first().is_some_and(|(_, certainty)| *certainty >= wanted))
            .map(|(kind, votes)| (*kind, weight(votes)))
            .collect();
        let others = found.iter().find(|(kind, _)| *kind == DeviceKind::Other).map_or(0, |(_, weight)| *weight);
        let special = found
            .iter()
            .filter(|(kind, weight)| {
                matches!(kind, DeviceKind::Recorder | DeviceKind::Doorstation) && *weight >= others
            })
            .max_by_key(|(kind, weight)| (*weight, kind.precedence()));
        let best = special.or_else(|| found.iter().max_by_key(|(kind, weight)| (*weight, kind.precedence())));
        if let Some(&(kind, weight)) = best {
            let certainty = if wanted == Certainty::Sure || weight >= 2 { Certainty::Sure } else { Certainty::Likely };
            return (kind, certainty);
        }
    }
    (DeviceKind::Unknown, Certainty::Unverified)
}

fn certainty_word(certainty: Certainty) -> &'static str {
    match certainty {
        Certainty::Sure => "sure",
        Certainty::Likely => "likely",
        Certainty::Unverified => "a hint",
    }
}

fn reason(device: &Device, kind: DeviceKind) -> String {
    let mut text = String::new();
    if device.router {
        text.push_str("a router: it sends for many addresses from one MAC address");
        return text;
    }
    for (source, certainty) in votes(device, kind) {
        let separator = if text.is_empty() { "" } else { ", " };
        let what = match source {
            Source::MacPrefix => {
                let maker = device.makers_mac().and_then(|mac| {
                    let vendors = Vendors::built_in();
                    let camera = vendors.of(mac).map(|vendor| (vendor.name, "cameras"));
                    camera.or_else(|| vendors.other(mac).map(|other| (other.name, other.makes)))
                });
                let (name, makes) = maker.unwrap_or(("?", "?"));
                format!("the MAC prefix is {name}'s ({makes})")
            }
            source => match words_of(device, source) {
                Some(words) => format!("{source} says {words}"),
                None => format!("{source} tells it"),
            },
        };
        write!(text, "{separator}{what} ({})", certainty_word(certainty)).unwrap_or_default();
    }
    if text.is_empty() {
        text.push_str("no fact tells what it is");
        if device.behind.is_some() {
            text.push_str("; it is behind a router, whose MAC address tells nothing of it");
        }
        for (words, source, ..) in
            device.texts(Field::Software).filter(|(_, source, ..)| *source == Source::Name).take(1)
        {
            write!(text, "; {source}: {words}, as a camera or a person's app does").unwrap_or_default();
        }
        for (words, ..) in device.texts(Field::Software).filter(|(_, source, ..)| *source == Source::Behaviour).take(1)
        {
            write!(text, "; {words}, as a recorder or a viewing station does").unwrap_or_default();
        }
    }
    text
}

/// What a source said that tells the kind: the model, else the software.
fn words_of(device: &Device, wanted: Source) -> Option<&str> {
    [Field::Model, Field::Software, Field::Name]
        .into_iter()
        .find_map(|field| device.texts(field).find(|(_, source, ..)| *source == wanted).map(|(text, ..)| text))
}

/// The text of a field that is surest, and of those the one told last.
fn best(device: &Device, field: Field) -> Option<Held<'_>> {
    let (value, source, certainty, _) =
        device.texts(field).max_by_key(|&(text, source, certainty, last)| (certainty, last, source, text))?;
    Some(Held { value, certainty, source })
}

/// The maker: the one for which most speaks. What is only hinted at counts for a camera of which nothing else is known.
fn maker(device: &Device, kind: DeviceKind) -> Option<Held<'_>> {
    let mut told: Vec<Held<'_>> = Vec::new();
    if let Some(mac) = device.makers_mac() {
        let vendors = Vendors::built_in();
        let name = vendors.of(mac).map(|vendor| vendor.name).or_else(|| vendors.other(mac).map(|other| other.name));
        if let Some(name) = name {
            // The registrant of a prefix may be a brand that others make for.
            let brand = Brands::built_in().of(name);
            let (value, certainty) = match brand {
                Some(brand) => (brand.maker, brand.certainty.min(Certainty::Likely)),
                None => (Some(name), Certainty::Likely),
            };
            told.extend(value.map(|value| Held { value, certainty, source: Source::MacPrefix }));
        }
    }
    told.extend(device.texts(Field::Maker).map(|(value, source, certainty, _)| Held { value, certainty, source }));
    let agree = |held: &Held<'_>| told.iter().filter(|other| other.value == held.value).count();
    let best = told.iter().max_by_key(|held| (held.certainty, agree(held), std::cmp::Reverse(held.source)))?;
    if best.certainty == Certainty::Unverified && !kind.is_watched() {
        return None;
    }
    let two = told.iter().filter(|o| o.value == best.value && o.certainty >= Certainty::Likely).count() >= 2;
    Some(Held { certainty: if two { Certainty::Sure } else { best.certainty }, ..*best })
}

fn brand<'a>(device: &'a Device, maker: Option<Held<'a>>) -> Option<Held<'a>> {
    if let Some(brand) = best(device, Field::Brand) {
        return Some(brand);
    }
    if let Some(vendor) = device.makers_mac().and_then(|mac| Vendors::built_in().of(mac))
        && maker.is_none_or(|maker| maker.value != vendor.name)
        && Brands::built_in().of(vendor.name).is_some()
    {
        return Some(Held { value: vendor.name, certainty: Certainty::Likely, source: Source::MacPrefix });
    }
    // Who sells another's hardware gives it model names of his own.
    let maker = maker?;
    let model = best(device, Field::Model)?;
    let own = device.known.iter().any(|known| {
        known.source == model.source
            && matches!(&known.fact.what, What::Text(Field::Maker, text) if **text == *maker.value)
    });
    (own && super::facts::model_family(model.value) == Some(maker.value)).then_some(Held {
        value: maker.value,
        certainty: Certainty::Likely,
        source: model.source,
    })
}

#[cfg(test)]
mod tests {
    use super::super::facts::{Fact, Sighting};
    use super::*;
    use crate::net::{Mac, Segment};
    use crate::time::Timestamp;

    fn device(mac: Option<&str>, told: &[(Source, What, Certainty)]) -> Device {
        let mut device = Device::new(Segment::Whole, mac.map(|mac| mac.parse::<Mac>().unwrap()), Timestamp::MIN);
        for (source, what, certainty) in told {
            let mut sighting = Sighting::new(*source);
            sighting.facts.push(Fact { what: what.clone(), certainty: *certainty });
            device.learn(&sighting, Timestamp::from_parts(1, 0));
        }
        device
    }

    fn text(field: Field, text: &str) -> What {
        What::Text(field, text.into())
    }

    #[test]
    fn a_recorder_with_a_camera_makers_mac_is_a_recorder() {
        let recorder = device(
            Some("44:19:b6:00:00:01"),
            &[
                (Source::Rtsp, What::Kind(DeviceKind::Camera), Certainty::Likely),
                (Source::WsDiscovery, What::Kind(DeviceKind::Camera), Certainty::Likely),
                (Source::Http, What::Kind(DeviceKind::Recorder), Certainty::Likely),
            ],
        );
        let profile = recorder.profile(None);
        assert_eq!(profile.kind, DeviceKind::Recorder);
        assert!(profile.kind_reason.contains("calls for the cameras behind it"), "{}", profile.kind_reason);
    }

    #[test]
    fn hints_decide_nothing() {
        let hinted = device(None, &[(Source::Behaviour, What::Kind(DeviceKind::Recorder), Certainty::Unverified)]);
        assert_eq!(hinted.profile(None).kind, DeviceKind::Unknown);
        let app = device(None, &[(Source::Name, text(Field::Maker, "hikvision"), Certainty::Unverified)]);
        assert_eq!(app.profile(None).maker, None);
    }

    #[test]
    fn brand_and_maker_are_told_apart() {
        let lorex = device(
            Some("00:1f:54:a9:2e:58"),
            &[
                (Source::Dhip, text(Field::Maker, "dahua"), Certainty::Sure),
                (Source::Dhip, text(Field::Brand, "lorex"), Certainty::Sure),
            ],
        );
        let profile = lorex.profile(None);
        assert_eq!((profile.maker.unwrap().value, profile.brand.unwrap().value), ("dahua", "lorex"));
        let amcrest = device(Some("9c:8e:cd:00:00:01"), &[]);
        let profile = amcrest.profile(None);
        assert_eq!((profile.maker.unwrap().value, profile.brand.unwrap().value), ("dahua", "amcrest"));
        let plain = device(
            Some("44:19:b6:00:00:01"),
            &[
                (Source::Sadp, text(Field::Maker, "hikvision"), Certainty::Sure),
                (Source::Sadp, text(Field::Model, "DS-2CD2143G0-I"), Certainty::Sure),
            ],
        );
        assert_eq!(plain.profile(None).brand.unwrap().value, "hikvision");
    }

    #[test]
    fn the_register_has_the_last_word_and_the_reason_says_so() {
        let camera = Camera { kind: DeviceKind::Recorder, ..Camera::default() };
        let profile = device(Some("44:19:b6:00:00:01"), &[]).profile(Some(&camera)).kind_reason;
        assert!(profile.starts_with("registered as recorder; by itself: the MAC prefix is hikvision's"), "{profile}");
    }
}
