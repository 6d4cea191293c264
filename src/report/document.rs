//! The JSON document of `camwatch read --json`: a contract. Keys are added, never renamed; the order is stable.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Serialize;

use super::device::DeviceEntry;
use super::inventory::{Lists, RegisterEntry};
use crate::alert::{Alert, SuppressionEntry};
use crate::analyse::beat::{Level, Score};
use crate::analyse::{Answer, Camera, Ledger, NamePair, Observed, Pair, Totals};
use crate::device::DeviceKind;
use crate::device::hours::start_of;
use crate::geo::Class;
use crate::names::encrypted_dns::EncryptedDns;
use crate::net::Mac;
use crate::source::Damage;
use crate::time::Timestamp;
use crate::track::NameKind;

/// What was read.
///
/// Of Zeek's logs, packets and bytes are those that the connections in them tell of.
#[derive(Debug, Clone, Serialize, Default)]
pub struct Capture {
    /// What the files are.
    pub source: SourceKind,
    /// The files, as they were named.
    pub files: Vec<String>,
    /// Packets read.
    pub packets: u64,
    /// Bytes of these packets on the wire.
    pub bytes: u64,
    /// The earliest packet.
    pub first: Option<Timestamp>,
    /// The latest packet.
    pub last: Option<Timestamp>,
    /// Packets that could not be decoded.
    pub undecoded: u64,
    /// Why not, with how many.
    pub undecoded_causes: BTreeMap<String, u64>,
    /// Packets that the mirror port showed a second time; they count once.
    pub duplicates: u64,
    /// Internal video packets that were counted and passed over.
    pub passed_over: u64,
    /// Records read, of Zeek's logs.
    pub records: u64,
    /// Of these, records that came later than others can be held back to be put in order. They are counted.
    pub late_records: u64,
    /// Lines of Zeek's logs that could not be read, and were left out.
    pub damaged_records: u64,
    /// Where a file is damaged; what stands before is reported.
    pub damaged: Option<String>,
    /// Every damage, when there is more than one file.
    pub damages: Vec<String>,
}

impl Capture {
    /// With what was found damaged.
    #[must_use]
    pub fn with_damages(mut self, damages: &[Damage]) -> Self {
        self.damages = damages.iter().map(ToString::to_string).collect();
        self.damaged = self.damages.first().cloned();
        self.damaged_records = damages.iter().map(Damage::lines_left_out).sum();
        self
    }
}

/// What files are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// Captures of packets.
    #[default]
    Packets,
    /// Logs by Zeek.
    Zeek,
}

/// The whole document.
#[derive(Debug, Serialize)]
pub struct Document<'a> {
    camwatch: &'static str,
    capture: &'a Capture,
    totals: &'a Totals,
    tables: Tables,
    cameras: Vec<CameraEntry<'a>>,
    pairs: Vec<PairEntry<'a>>,
    names: Vec<NameEntry<'a>>,
    alerts: &'a [Alert],
    /// Alerts that exceptions keep back.
    suppressed: Vec<Alert>,
    /// The exceptions, with what each has hidden.
    suppressions: Vec<SuppressionEntry>,
    coverage: CoverageEntry,
    devices: BTreeMap<&'static str, u64>,
    register: RegisterEntry<'a>,
    sources: Vec<String>,
}

/// Which hours could be observed at all.
#[derive(Debug, Serialize)]
struct CoverageEntry {
    first_hour: Option<Timestamp>,
    hours: u32,
    not_observable: Vec<HourEntry>,
}

#[derive(Debug, Serialize)]
struct HourEntry {
    hour: Timestamp,
    why: Observed,
}

impl CoverageEntry {
    fn new(ledger: &Ledger) -> Self {
        let coverage = ledger.coverage();
        let not_observable = coverage
            .hours()
            .filter_map(|hour| Some(HourEntry { hour: start_of(hour), why: coverage.of_capture(hour)? }))
            .collect();
        Self {
            first_hour: coverage.hours().next().map(start_of),
            hours: coverage.hours().count() as u32,
            not_observable,
        }
    }
}

#[derive(Debug, Serialize)]
struct Tables {
    evicted_flows: u64,
    evicted_pairs: u64,
    evicted_cameras: u64,
    cameras_left_out: u64,
    names_left_out: u64,
    devices_left_out: u64,
    devices_evicted: u64,
    networks_left_out: u64,
}

#[derive(Debug, Serialize)]
struct CameraEntry<'a> {
    id: &'a str,
    addresses: &'a [IpAddr],
    mac: Option<Mac>,
    vendor: Option<&'a str>,
    kind: DeviceKind,
    name: Option<&'a str>,
    site: Option<&'a str>,
    tags: &'a [String],
    attempts: u64,
    overseas_attempts: u64,
    unknown_attempts: u64,
    internal_attempts: u64,
    internal_services: BTreeMap<String, u64>,
    answered: u64,
    refused: u64,
    unanswered: u64,
    dns_questions: u64,
    destinations: u32,
    overseas_destinations: u32,
    countries: BTreeMap<String, u64>,
    first: Timestamp,
    last: Timestamp,
    /// The rhythm of the calls to all overseas destinations together.
    beat: Option<BeatEntry>,
    asset: Option<&'a str>,
    expected_destinations: &'a [String],
    registered: bool,
    #[serde(flatten)]
    device: DeviceEntry<'a>,
}

#[derive(Debug, Serialize)]
struct PairEntry<'a> {
    camera: &'a str,
    address: IpAddr,
    names: Vec<&'a str>,
    /// The same names, each with how it is known.
    names_known: Vec<KnownName<'a>>,
    /// Set where what the camera asks is hidden: DNS over TLS, QUIC or HTTPS.
    encrypted_dns: Option<EncryptedDns>,
    country: Option<String>,
    owner: Option<String>,
    owner_country: Option<String>,
    overseas: bool,
    class: Class,
    protocols: Vec<String>,
    attempts: u64,
    retries: u64,
    answered: u64,
    refused: u64,
    unanswered: u64,
    midstream: u64,
    pulses: u64,
    bytes_out: u64,
    bytes_in: u64,
    packets_out: u64,
    packets_in: u64,
    first: Timestamp,
    last: Timestamp,
    beat: BeatEntry,
}

#[derive(Debug, Serialize)]
struct KnownName<'a> {
    name: &'a str,
    known: Vec<NameKind>,
}

#[derive(Debug, Serialize)]
struct NameEntry<'a> {
    client: IpAddr,
    kind: NameKind,
    name: String,
    addresses: Vec<IpAddr>,
    camera: &'a str,
    /// How often the camera asked for it, or said it.
    asked: u64,
    /// How often an answer came, also one without addresses; of DNS only.
    answers: Option<u64>,
    /// The protocols offered (ALPN), of TLS and QUIC.
    alpn: &'a [String],
    /// The name may be a front for an encrypted one.
    ech: bool,
    first: Timestamp,
    last: Timestamp,
    beat: BeatEntry,
}

/// A rhythm: a pair without one has its score (0 is a score) and no level.
#[derive(Debug, Serialize)]
struct BeatEntry {
    score: f64,
    level: Option<Level>,
    period_s: f64,
    spread_s: f64,
    cover: f64,
    fits: u32,
    of: u32,
    burst: f64,
    /// Silent for more than five beats.
    stopped: bool,
    /// The period that held before, if the rhythm changed.
    changed_from_s: Option<f64>,
    /// In a sentence, with whether anyone answers.
    text: Option<String>,
}

impl BeatEntry {
    fn new(score: Option<Score>, answer: Option<Answer>) -> Self {
        let Some(score) = score else {
            return Self {
                score: 0.0,
                level: None,
                period_s: 0.0,
                spread_s: 0.0,
                cover: 0.0,
                fits: 0,
                of: 0,
                burst: 0.0,
                stopped: false,
                changed_from_s: None,
                text: None,
            };
        };
        let three = |value: f64| (value * 1000.0).round() / 1000.0;
        Self {
            score: three(score.score),
            level: score.level(),
            period_s: three(score.period_s),
            spread_s: three(score.spread_s),
            cover: three(score.cover),
            fits: score.fits,
            of: score.of,
            burst: three(score.burst),
            stopped: score.stopped,
            changed_from_s: score.changed_from_s.map(three),
            text: score.level().map(|_| match answer {
                Some(answer) => format!("{score}, {answer}"),
                None => score.to_string(),
            }),
        }
    }
}

impl<'a> Document<'a> {
    /// With the alerts that exceptions keep back, and the exceptions.
    #[must_use]
    pub fn with_exceptions(mut self, (suppressed, suppressions): (Vec<Alert>, Vec<SuppressionEntry>)) -> Self {
        (self.suppressed, self.suppressions) = (suppressed, suppressions);
        self
    }

    /// Everything that `ledger` and `alerts` hold, as of `now`. `evicted_flows` is the tracker's.
    pub fn new(capture: &'a Capture, ledger: &'a Ledger, alerts: &'a [Alert], evicted_flows: u64) -> Self {
        let now = capture.last.unwrap_or(Timestamp::MIN);
        let mut pairs: Vec<&Pair> = ledger.pairs().map(|(_, pair)| pair).collect();
        pairs.sort_unstable_by(|a, b| {
            let id = |pair: &Pair| ledger.camera_of(pair.camera).map(|camera| camera.id.as_str());
            id(a).cmp(&id(b)).then(a.camera.cmp(&b.camera)).then(a.address.cmp(&b.address))
        });
        let mut countries: BTreeMap<_, BTreeMap<String, u64>> = BTreeMap::new();
        for pair in &pairs {
            if let Some(country) = pair.place.country_text()
                && pair.counts.attempts > 0
            {
                *countries.entry(pair.camera).or_default().entry(country).or_default() += pair.counts.attempts;
            }
        }
        let mut cameras: Vec<_> = ledger.cameras().collect();
        cameras.sort_by(|(_, a), (_, b)| worst_first(a, b));
        let said = |name: &'a NamePair, kind| name.as_said(kind).into_iter().map(move |said| (kind, said, name));
        let mut names: Vec<(NameKind, String, &NamePair)> =
            ledger.names().flat_map(|(_, name)| name.kinds().flat_map(move |kind| said(name, kind))).collect();
        names.sort_by(|(x, s, a), (y, t, b)| (a.client, x, s, a.camera).cmp(&(b.client, y, t, b.camera)));
        Self {
            camwatch: env!("CARGO_PKG_VERSION"),
            capture,
            totals: ledger.totals(),
            tables: Tables {
                evicted_flows,
                evicted_pairs: ledger.evicted_pairs(),
                evicted_cameras: ledger.evicted_cameras(),
                cameras_left_out: ledger.cameras_left_out(),
                names_left_out: ledger.names_left_out(),
                devices_left_out: ledger.inventory().left_out(),
                devices_evicted: ledger.inventory().evicted(),
                networks_left_out: ledger.coverage().networks_left_out(),
            },
            cameras: cameras
                .into_iter()
                .map(|(id, camera)| camera_entry(camera, ledger, countries.remove(&id).unwrap_or_default(), now))
                .collect(),
            pairs: pairs.into_iter().map(|pair| pair_entry(pair, ledger, now)).collect(),
            names: names.into_iter().map(|(kind, said, name)| name_entry(kind, said, name, ledger, now)).collect(),
            alerts,
            suppressed: Vec::new(),
            suppressions: Vec::new(),
            coverage: CoverageEntry::new(ledger),
            devices: ledger.inventory().kinds().map(|(kind, count)| (kind.word(), count)).into(),
            register: Lists::new(ledger).entry(),
            sources: ledger.geo().sources().iter().map(ToString::to_string).collect(),
        }
    }
}

/// The order of cameras for people and machines: most overseas attempts first, then most attempts, then by id.
pub(super) fn worst_first(a: &Camera, b: &Camera) -> std::cmp::Ordering {
    (b.overseas_attempts, b.attempts).cmp(&(a.overseas_attempts, a.attempts)).then_with(|| a.id.cmp(&b.id))
}

fn camera_entry<'a>(
    camera: &'a Camera,
    ledger: &'a Ledger,
    countries: BTreeMap<String, u64>,
    now: Timestamp,
) -> CameraEntry<'a> {
    CameraEntry {
        id: &camera.id,
        addresses: &camera.addresses,
        mac: camera.mac,
        vendor: camera.vendor.as_deref(),
        kind: camera.kind,
        name: camera.name.as_deref(),
        site: camera.site.as_deref(),
        tags: &camera.tags,
        attempts: camera.attempts,
        overseas_attempts: camera.overseas_attempts,
        unknown_attempts: camera.unknown_attempts,
        internal_attempts: camera.internal_attempts,
        internal_services: camera.internal_services.iter().map(|(service, n)| (service.to_string(), *n)).collect(),
        answered: camera.answered,
        refused: camera.refused,
        unanswered: camera.unanswered,
        dns_questions: camera.dns_questions,
        destinations: camera.destinations,
        overseas_destinations: camera.overseas_destinations,
        countries,
        first: camera.first,
        last: camera.last,
        beat: camera
            .overseas_beat
            .score(now)
            .filter(|score| score.level().is_some())
            .map(|score| BeatEntry::new(Some(score), None)),
        asset: camera.asset.as_deref(),
        expected_destinations: &camera.expected_destinations,
        registered: camera.configured,
        device: DeviceEntry::of_camera(camera, ledger),
    }
}

fn pair_entry<'a>(pair: &'a Pair, ledger: &'a Ledger, now: Timestamp) -> PairEntry<'a> {
    PairEntry {
        camera: ledger.camera_of(pair.camera).map_or("", |camera| &camera.id),
        address: pair.address,
        names: pair.names.iter().map(AsRef::as_ref).collect(),
        names_known: pair
            .names
            .iter()
            .map(|name| KnownName { name: &name.name, known: name.known.iter().collect() })
            .collect(),
        encrypted_dns: pair.encrypted_dns(),
        country: pair.place.country_text(),
        owner: pair.place.owner_text(),
        owner_country: pair.place.owner_country.map(|country| country.to_string()),
        overseas: pair.place.class == Class::Overseas,
        class: pair.place.class,
        protocols: pair.services.iter().map(ToString::to_string).collect(),
        attempts: pair.counts.attempts,
        retries: pair.counts.retries,
        answered: pair.counts.answered,
        refused: pair.counts.refused,
        unanswered: pair.counts.unanswered,
        midstream: pair.counts.midstream,
        pulses: pair.counts.pulses,
        bytes_out: pair.counts.bytes_out,
        bytes_in: pair.counts.bytes_in,
        packets_out: pair.packets_out,
        packets_in: pair.packets_in,
        first: pair.first,
        last: pair.last,
        beat: BeatEntry::new(pair.rhythm(now), Some(pair.answer())),
    }
}

fn name_entry<'a>(
    kind: NameKind,
    said: String,
    name: &'a NamePair,
    ledger: &'a Ledger,
    now: Timestamp,
) -> NameEntry<'a> {
    let mut addresses = name.addresses.clone();
    addresses.sort_unstable();
    let rhythm = ledger.rhythm_of(name.rhythm);
    NameEntry {
        client: name.client,
        kind,
        name: said,
        addresses,
        camera: ledger.camera_of(name.camera).map_or("", |camera| &camera.id),
        asked: name.asked(kind),
        answers: (kind == NameKind::Dns).then_some(name.answers),
        alpn: if kind == NameKind::Dns { &[] } else { &name.alpn },
        ech: name.ech && kind != NameKind::Dns,
        first: name.first,
        last: name.last,
        beat: BeatEntry::new(
            rhythm.and_then(|rhythm| rhythm.beat.score(now)),
            rhythm.and_then(|rhythm| ledger.answer_of_name(rhythm)),
        ),
    }
}
