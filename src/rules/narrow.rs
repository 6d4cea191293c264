//! Which cameras and destinations a rule is about.

use std::net::IpAddr;

use globset::{Glob, GlobMatcher};
use ipnet::IpNet;

use super::hours::Hours;
use super::{OUTSIDE, OVERSEAS};
use crate::analyse::{Camera, Pair};
use crate::device::DeviceKind;
use crate::geo::{Class, Country, Place};
use crate::net::Service;
use crate::settings::{Problems, Section};

/// The keys that say whom cameras call.
pub(super) const OF_DESTINATIONS: [&str; 11] = [
    "class",
    "countries",
    "not_countries",
    "owners",
    "owner_countries",
    "names",
    "not_names",
    "addresses",
    "not_addresses",
    "services",
    "not_services",
];

/// The narrowing that all kinds of rules share. What is empty narrows nothing.
#[derive(Debug, Clone, Default)]
pub struct Narrow {
    classes: Vec<Class>,
    countries: Vec<Country>,
    not_countries: Vec<Country>,
    owners: Vec<GlobMatcher>,
    owner_countries: Vec<Country>,
    names: Vec<GlobMatcher>,
    not_names: Vec<GlobMatcher>,
    addresses: Vec<IpNet>,
    not_addresses: Vec<IpNet>,
    services: Vec<Service>,
    not_services: Vec<Service>,
    cameras: Vec<GlobMatcher>,
    sites: Vec<GlobMatcher>,
    tags: Vec<String>,
    vendors: Vec<GlobMatcher>,
    camera_kinds: Vec<DeviceKind>,
    camera_ranges: Vec<IpNet>,
    /// When calls count; none: always.
    pub(super) hours: Option<Hours>,
    /// Nothing but the class narrows: asked at each attempt, so known beforehand.
    only_class: bool,
}

impl Narrow {
    /// Reads the keys of a rule that narrow it; `classes` are what it is about when it doesn't say.
    pub fn read(section: &mut Section<'_, '_>, classes: &[Class], problems: &mut Problems<'_>) -> Self {
        let owners = globs("owners", section, problems);
        let names = globs("names", section, problems);
        let not_names = globs("not_names", section, problems);
        let cameras = globs("cameras", section, problems);
        let sites = globs("sites", section, problems);
        let vendors = globs("vendors", section, problems);
        let words = [
            ("overseas", OVERSEAS),
            ("unknown", &[Class::Unknown]),
            ("home", &[Class::Home]),
            ("abroad", &[Class::Overseas, Class::Unknown]),
            ("outside", OUTSIDE),
            ("any", &[]),
        ];
        let kinds = [
            ("camera", DeviceKind::Camera),
            ("recorder", DeviceKind::Recorder),
            ("doorstation", DeviceKind::Doorstation),
            ("unknown", DeviceKind::Unknown),
        ];
        let mut narrow = Self {
            classes: section.one_of("class", &words, problems).unwrap_or(classes).to_vec(),
            countries: section.list("countries", problems).unwrap_or_default(),
            not_countries: section.list("not_countries", problems).unwrap_or_default(),
            owners,
            owner_countries: section.list("owner_countries", problems).unwrap_or_default(),
            names,
            not_names,
            addresses: section.list("addresses", problems).unwrap_or_default(),
            not_addresses: section.list("not_addresses", problems).unwrap_or_default(),
            services: section.list("services", problems).unwrap_or_default(),
            not_services: section.list("not_services", problems).unwrap_or_default(),
            cameras,
            sites,
            tags: section.list("tags", problems).unwrap_or_default(),
            vendors,
            camera_kinds: section.words("camera_kinds", &kinds, problems),
            camera_ranges: section.list("camera_ranges", problems).unwrap_or_default(),
            hours: Hours::read(section, problems),
            only_class: false,
        };
        narrow.only_class = narrow.has_only_class();
        narrow
    }

    /// Whether a rule is about overseas destinations only.
    pub fn is_overseas(&self) -> bool {
        self.classes == [Class::Overseas]
    }

    /// Whether it narrows nothing.
    pub(super) fn is_everything(&self) -> bool {
        self.classes.is_empty() && self.only_class && self.hours.is_none()
    }

    /// Whether it says anything of whom cameras call.
    pub(super) fn narrows_destinations(&self) -> bool {
        let by_name = !(self.names.is_empty() && self.not_names.is_empty());
        let by_range = !(self.addresses.is_empty() && self.not_addresses.is_empty());
        let by_service = !(self.services.is_empty() && self.not_services.is_empty());
        by_name || by_range || by_service || !self.is_of_any_place()
    }

    /// Whether it says nothing of where destinations are and whose.
    pub(super) fn is_of_any_place(&self) -> bool {
        self.classes.is_empty()
            && [&self.countries, &self.not_countries, &self.owner_countries].iter().all(|some| some.is_empty())
            && self.owners.is_empty()
    }

    /// Whether all that it says of destinations is where they are and whose.
    pub(super) fn narrows_places_only(&self) -> bool {
        [&self.names, &self.not_names].iter().all(|some| some.is_empty())
            && [&self.addresses, &self.not_addresses].iter().all(|some| some.is_empty())
            && [&self.services, &self.not_services].iter().all(|some| some.is_empty())
    }

    /// Whether all that it says of destinations is said by names.
    pub(super) fn narrows_names_only(&self) -> bool {
        self.is_of_any_place() && self.addresses.is_empty() && self.services.is_empty()
    }

    fn has_only_class(&self) -> bool {
        let Self { classes: _, countries, not_countries, owners, owner_countries, names, not_names, .. } = self;
        let Self { addresses, not_addresses, services, not_services, cameras, sites, tags, .. } = self;
        let Self { vendors, camera_kinds, camera_ranges, .. } = self;
        [owners, names, not_names, cameras, sites, vendors].iter().all(|globs| globs.is_empty())
            && [countries, not_countries, owner_countries].iter().all(|countries| countries.is_empty())
            && [addresses, not_addresses, camera_ranges].iter().all(|ranges| ranges.is_empty())
            && [services, not_services].iter().all(|services| services.is_empty())
            && tags.is_empty()
            && camera_kinds.is_empty()
    }

    /// Whether a rule is about a camera, whomever it calls.
    pub fn covers_camera(&self, camera: &Camera) -> bool {
        (self.cameras.is_empty() || any(&self.cameras, &camera.id))
            && (self.sites.is_empty() || camera.site.as_deref().is_some_and(|site| any(&self.sites, site)))
            && (self.tags.is_empty() || camera.tags.iter().any(|tag| self.tags.contains(tag)))
            && (self.vendors.is_empty() || camera.vendor.as_deref().is_some_and(|vendor| any(&self.vendors, vendor)))
            && (self.camera_kinds.is_empty() || self.camera_kinds.contains(&camera.kind))
            && (self.camera_ranges.is_empty()
                || camera.addresses.last().is_some_and(|at| holds(&self.camera_ranges, at)))
    }

    /// Whether a rule is about a camera's calls to a destination, by all that was ever called there.
    pub fn covers(&self, camera: &Camera, pair: &Pair) -> bool {
        self.covers_services(camera, pair, &pair.services)
    }

    /// Whether a rule is about one call of a camera to a destination.
    #[inline]
    pub(super) fn covers_call(&self, camera: &Camera, pair: &Pair, called: Service) -> bool {
        self.covers_services(camera, pair, &[called])
    }

    /// The class is asked at each attempt, and most often nothing else is.
    #[inline]
    fn covers_services(&self, camera: &Camera, pair: &Pair, called: &[Service]) -> bool {
        (self.classes.is_empty() || self.classes.contains(&pair.place.class))
            && (self.only_class || self.covers_what_else(camera, pair, called))
    }

    #[inline(never)]
    fn covers_what_else(&self, camera: &Camera, pair: &Pair, called: &[Service]) -> bool {
        self.covers_place(&pair.place)
            && (self.names.is_empty() || pair.names.iter().any(|name| any(&self.names, &name.name)))
            && (self.not_names.is_empty() || !pair.names.iter().any(|name| any(&self.not_names, &name.name)))
            && (self.addresses.is_empty() || holds(&self.addresses, &pair.address))
            && !holds(&self.not_addresses, &pair.address)
            && (self.services.is_empty() || called.iter().any(|service| self.services.contains(service)))
            && (called.is_empty() || !called.iter().all(|service| self.not_services.contains(service)))
            && self.covers_camera(camera)
    }

    /// Whether a rule is about a place, whatever its class.
    fn covers_place(&self, place: &Place) -> bool {
        (self.countries.is_empty() || place.countries.iter().any(|country| self.countries.contains(country)))
            && !place.countries.iter().any(|country| self.not_countries.contains(country))
            && (self.owners.is_empty() || place.owner_text().is_some_and(|owner| any(&self.owners, &owner)))
            && (self.owner_countries.is_empty()
                || place.owner_country.is_some_and(|country| self.owner_countries.contains(&country)))
    }

    /// Whether a rule is about a camera's calls to an internal destination, which has no place.
    pub(super) fn covers_inside(&self, camera: &Camera, address: IpAddr, service: Service) -> bool {
        (self.addresses.is_empty() || holds(&self.addresses, &address))
            && !holds(&self.not_addresses, &address)
            && (self.services.is_empty() || self.services.contains(&service))
            && !self.not_services.contains(&service)
            && self.covers_camera(camera)
    }

    /// Whether a rule is about calls to a camera from an address.
    pub(super) fn covers_caller(&self, camera: &Camera, from: IpAddr, place: &Place, service: Service) -> bool {
        (self.classes.is_empty() || self.classes.contains(&place.class))
            && self.covers_place(place)
            && self.covers_inside(camera, from, service)
    }

    /// Whether a rule is about a camera's question for a name, whatever it stands for.
    pub(super) fn covers_question(&self, camera: &Camera, name: &str) -> bool {
        (self.names.is_empty() || any(&self.names, name)) && !any(&self.not_names, name) && self.covers_camera(camera)
    }

    /// Whether a rule is about a camera's use of a name: one of the name's pairs is covered; or the camera never called
    /// it, and the rule is about any destination.
    pub fn covers_name<'a>(&self, camera: &Camera, name: &str, pairs: impl Iterator<Item = &'a Pair>) -> bool {
        let mut pairs = pairs.peekable();
        let called = pairs.peek().is_some();
        let by_place = [self.classes.is_empty(), self.countries.is_empty(), self.owners.is_empty()];
        let anywhere = by_place.iter().all(|empty| *empty)
            && self.owner_countries.is_empty()
            && self.addresses.is_empty()
            && self.services.is_empty();
        (self.names.is_empty() || any(&self.names, name))
            && !any(&self.not_names, name)
            && if called { pairs.any(|pair| self.covers(camera, pair)) } else { anywhere && self.covers_camera(camera) }
    }
}

/// Reads a list of patterns.
pub(super) fn globs(key: &'static str, section: &mut Section<'_, '_>, problems: &mut Problems<'_>) -> Vec<GlobMatcher> {
    let patterns: Vec<String> = section.list(key, problems).unwrap_or_default();
    let mut matchers = Vec::new();
    for pattern in patterns {
        match Glob::new(&pattern.to_lowercase()) {
            Ok(glob) => matchers.push(glob.compile_matcher()),
            Err(error) => problems.add(section.span_of(key), format!("`{key}`: {error}: * stands for any text")),
        }
    }
    matchers
}

/// Whether one of the ranges holds an address.
pub(super) fn holds(ranges: &[IpNet], address: &IpAddr) -> bool {
    ranges.iter().any(|range| range.contains(address))
}

/// Whether one of the patterns matches.
pub(super) fn any(matchers: &[GlobMatcher], text: &str) -> bool {
    !matchers.is_empty() && matchers.iter().any(|glob| glob.is_match(text.to_lowercase()))
}
