//! The capture thread's half: frames in, batches of events out.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::config::{CaptureFilter, Config, SiteBy};
use crate::decode::{
    CAUSES, Causes, DecodeOptions, Decoded, Decoder, Duplicates, Glance, Packet, Prefilter, Transport,
};
use crate::device::facts::Sighting;
use crate::device::{Certainty, Discovery, Presence};
use crate::lookup;
use crate::net::{InternalRanges, Mac, Segment, Space, space};
use crate::source::Frame;
use crate::time::Timestamp;
use crate::track::{Event, EventKind, LISTENED_UDP, Limits, TrackStats, Tracker};

/// TCP ports at which internal connections are looked into too: DNS, web, TLS, RTSP, camera makers' own.
const LISTENED_TCP: [u16; 10] = [53, 80, 443, 554, 853, 8080, 8443, 8554, 37777, 34567];
/// UDP ports of tunnels, which may run between internal addresses.
const TUNNELS: [u16; 4] = [2152, 3544, 5247, 6081];
/// Events that go in one batch.
pub(super) const BATCH_EVENTS: usize = 1024;
/// Room in a batch that is used again: what a burst took is given back.
const MAX_SPARE: usize = 4 * BATCH_EVENTS;
/// A batch that is not full goes after this much capture time.
const BATCH_TIME: Duration = Duration::from_secs(1);
/// Where no frame tells the time, a clock that is so far behind was set back: what the last frames told is not waited for.
const SET_BACK: Duration = Duration::from_secs(60);

/// Events, and how far capture time is.
#[derive(Debug, Default)]
pub struct Batch {
    /// In the order in which they became known.
    pub events: Vec<Event>,
    /// The latest packet.
    pub now: Timestamp,
    /// Frames taken since the last batch.
    pub frames: u64,
    /// Frames that the kernel or the interface lost since then.
    pub lost: u64,
    /// Nothing could be captured: the interface is away.
    pub down: bool,
}

/// What the capture thread counted.
#[derive(Debug, Clone, Default)]
pub struct FrontStats {
    /// Frames taken.
    pub packets: u64,
    /// Bytes of these on the wire.
    pub bytes: u64,
    /// The earliest frame.
    pub first: Option<Timestamp>,
    /// The latest frame.
    pub last: Option<Timestamp>,
    /// Internal video, passed over.
    pub passed_over: u64,
    /// Copies that the mirror port showed.
    pub duplicates: u64,
    /// Frames that hold no IP, and need not.
    pub not_ip: u64,
    /// Packets of senders for whom there was no room among those whose presence is told.
    pub senders_left_out: u64,
    /// Frames that could not be decoded, by [`CAUSES`].
    pub undecoded: [u64; CAUSES.len()],
    /// The tracker's counters.
    pub track: TrackStats,
}

impl FrontStats {
    /// Adds those of another worker on the same interface.
    pub fn add(&mut self, other: &Self) {
        self.packets += other.packets;
        self.bytes += other.bytes;
        self.first = self.first.into_iter().chain(other.first).min();
        self.last = self.last.max(other.last);
        self.passed_over += other.passed_over;
        self.duplicates += other.duplicates;
        self.not_ip += other.not_ip;
        self.senders_left_out += other.senders_left_out;
        for (sum, more) in self.undecoded.iter_mut().zip(other.undecoded) {
            *sum += more;
        }
        self.track.add(other.track);
    }
}

/// What one capture thread saw that others need to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Shown {
    /// A device has shown to be a camera.
    Camera { segment: Segment, mac: Option<Mac>, address: Option<IpAddr>, link: Option<Mac> },
    /// A camera maker's MAC has this address too: one that has many is a router.
    Sender(Mac, IpAddr),
}

/// From frames to events.
pub struct Front {
    /// None when every address is watched: then internal connections are looked into like others.
    prefilter: Option<Prefilter>,
    decoder: Decoder,
    duplicates: Duplicates,
    tracker: Tracker,
    discovery: Discovery,
    presence: Presence,
    internal: Arc<InternalRanges>,
    site_by: SiteBy,
    /// Recognise cameras by what they say.
    facts: bool,
    /// This interface's number, where there are several.
    interface: u16,
    live: bool,
    /// The kernel drops internal video: the little that it keeps shows who sends any.
    sampled: bool,
    /// Devices that showed to be cameras, for other capture threads; none if there are none.
    shown: Option<Vec<Shown>>,
    causes: Causes,
    stats: FrontStats,
    batch: Batch,
    /// Emptied, for the next batch.
    spare: Vec<Event>,
    sent: Timestamp,
    /// This machine and the resolver that it asks itself.
    own: Option<(IpAddr, SocketAddr)>,
}

/// Between whom our own look-ups go, where they are switched on.
fn own_of(config: &Config) -> Option<(IpAddr, SocketAddr)> {
    let resolver = config.lookup?.resolver;
    Some((lookup::own_address(resolver).ok()?, resolver))
}

pub(super) fn internal_of(config: &Config) -> Arc<InternalRanges> {
    Arc::new(InternalRanges::new(config.internal.clone()))
}

fn is_sampled(config: &Config) -> bool {
    config.capture.filter == CaptureFilter::Auto
}

pub(super) fn prefilter_of(config: &Config) -> Option<Prefilter> {
    let tunnels = config.capture.vxlan_ports.iter().chain(&TUNNELS).copied();
    let ports = LISTENED_TCP.into_iter().chain(LISTENED_UDP).chain(tunnels);
    (!config.watch.all).then(|| Prefilter::new(&config.internal, ports))
}

/// Whether a packet is one of our own look-ups, or the answer to it.
fn is_own(packet: &Packet<'_>, (own, resolver): (IpAddr, SocketAddr)) -> bool {
    let ports = match &packet.payload {
        Transport::Udp(udp) => (udp.source_port, udp.destination_port),
        Transport::Tcp(tcp) => (tcp.source_port, tcp.destination_port),
        _ => return false,
    };
    let asks = packet.source == own && packet.destination == resolver.ip() && ports.1 == resolver.port();
    let answers = packet.destination == own && packet.source == resolver.ip() && ports.0 == resolver.port();
    asks || answers
}

impl Front {
    /// Ready for the first frame.
    pub fn new(config: &Config) -> Self {
        let limits = Limits { flows: config.limits.flows as usize };
        let internal = internal_of(config);
        Self {
            prefilter: prefilter_of(config),
            decoder: Decoder::new(DecodeOptions { vxlan_ports: config.capture.vxlan_ports.clone() }),
            duplicates: Duplicates::default(),
            tracker: Tracker::new(config.watch_list(), internal.clone(), &limits),
            discovery: Discovery::new(internal.clone()),
            presence: Presence::default(),
            internal,
            site_by: config.device.site_by,
            facts: config.watch.facts,
            interface: 0,
            live: false,
            sampled: false,
            shown: None,
            causes: Causes::default(),
            stats: FrontStats::default(),
            batch: Batch::default(),
            spare: Vec::new(),
            sent: Timestamp::MIN,
            own: own_of(config),
        }
    }

    /// The same, for a worker on the live interface of this number; workers share the room for connections.
    pub fn of_interface(config: &Config, interface: u16) -> Self {
        let limits = Limits { flows: (config.limits.flows / u64::from(config.capture.workers)).max(1024) as usize };
        let mut tracker = Tracker::new(config.watch_list(), internal_of(config), &limits);
        let alone = config.capture.interfaces.len() <= 1 && config.capture.workers <= 1;
        let shown = (!alone).then(Vec::new);
        if !alone {
            tracker.recogniser().keep_news();
        }
        Self { interface, live: true, sampled: is_sampled(config), tracker, shown, ..Self::new(config) }
    }

    /// Whether something was seen that others need to know.
    pub(super) fn has_shown(&mut self) -> bool {
        self.shown.as_ref().is_some_and(|shown| !shown.is_empty()) || self.tracker.recogniser().has_news()
    }

    /// What that is.
    pub(super) fn take_shown(&mut self) -> impl Iterator<Item = Shown> {
        let cameras = self.shown.iter_mut().flat_map(|shown| shown.drain(..));
        cameras.chain(self.tracker.recogniser().news().map(|(mac, address)| Shown::Sender(mac, address)))
    }

    /// Takes what another capture thread saw.
    pub(super) fn learn(&mut self, shown: Shown) {
        match shown {
            Shown::Camera { segment, mac, address, link } => self.tracker.learn(segment, mac, address, link),
            Shown::Sender(mac, address) => self.tracker.recogniser().note_elsewhere(mac, address, self.batch.now),
        }
    }

    /// Takes a new configuration; open connections stay.
    pub fn reconfigure(&mut self, config: &Config) {
        self.internal = internal_of(config);
        self.discovery.set_internal(self.internal.clone());
        self.site_by = config.device.site_by;
        self.facts = config.watch.facts;
        self.prefilter = prefilter_of(config);
        self.sampled = self.live && is_sampled(config);
        self.decoder = Decoder::new(DecodeOptions { vxlan_ports: config.capture.vxlan_ports.clone() });
        self.tracker.reconfigure(config.watch_list(), self.internal.clone());
        self.own = own_of(config);
    }

    /// Takes a frame.
    pub fn frame(&mut self, frame: &Frame<'_>) {
        let stats = &mut self.stats;
        stats.packets += 1;
        stats.bytes += u64::from(frame.wire_len);
        stats.first = Some(stats.first.map_or(frame.time, |first| first.min(frame.time)));
        stats.last = Some(stats.last.map_or(frame.time, |last| last.max(frame.time)));
        if self.prefilter.as_ref().is_some_and(|prefilter| prefilter.passes_over(frame)) {
            stats.passed_over += 1;
            self.tracker.advance(frame.time, &mut self.batch.events);
            if (self.sampled || is_drawn(frame))
                && let Some(glance) = Glance::at(frame)
                && let Some(address) = glance.ipv4_source()
            {
                let segment = segment_of(self.site_by, self.interface, frame, glance.vlan);
                present(&mut self.presence, &mut self.batch, segment, address, Some(glance.source), frame.time);
            }
        } else {
            let (site_by, interface) = (self.site_by, self.interface);
            let segment = |vlan| segment_of(site_by, interface, frame, vlan);
            match self.decoder.decode(frame) {
                // By reference: a packet is too large to be moved about.
                Decoded::Packet(ref packet) if self.own.is_some_and(|own| is_own(packet, own)) => {}
                Decoded::Packet(ref packet) if self.duplicates.is_one(packet) => stats.duplicates += 1,
                Decoded::Packet(ref packet) => {
                    let segment = segment(packet.vlan);
                    let told = self.discovery.packet(segment, packet);
                    if !told.is_empty() {
                        Ears::of(&mut self.tracker, &mut self.batch, &mut self.shown, self.facts).take(
                            segment,
                            told,
                            packet.time,
                        );
                    }
                    let link = packet.macs.map(|macs| macs.source);
                    if !self.presence.is_told(segment, packet.source, link, packet.time)
                        && can_be_present(&self.internal, packet)
                    {
                        present(&mut self.presence, &mut self.batch, segment, packet.source, link, packet.time);
                    }
                    self.tracker.packet(segment, packet, &mut self.batch.events);
                }
                Decoded::Arp { mac, address } => {
                    stats.not_ip += 1;
                    let segment = segment(Glance::at(frame).and_then(|glance| glance.vlan));
                    let told = self.discovery.arp(segment, mac, address, frame.time);
                    Ears::of(&mut self.tracker, &mut self.batch, &mut self.shown, self.facts)
                        .take(segment, told, frame.time);
                }
                Decoded::NotIp { ethertype, payload } => {
                    stats.not_ip += 1;
                    let glance = Glance::at(frame);
                    let segment = segment(glance.and_then(|glance| glance.vlan));
                    let link = glance.map(|glance| glance.source);
                    let told = self.discovery.not_ip(segment, ethertype, payload, link, frame.time);
                    Ears::of(&mut self.tracker, &mut self.batch, &mut self.shown, self.facts)
                        .take(segment, told, frame.time);
                }
                Decoded::Undecoded(cause) => {
                    stats.undecoded[cause.index()] += 1;
                    self.causes.count(cause);
                }
            }
        }
        self.batch.now = frame.time;
        self.batch.frames += 1;
    }

    /// Moves time on where no frame does.
    pub fn idle(&mut self, now: Timestamp) {
        self.tracker.advance(now, &mut self.batch.events);
        let set_back = self.batch.now.since(now) > SET_BACK;
        self.batch.now = if set_back { now } else { self.batch.now.max(now) };
    }

    /// Notes that frames were lost before they could be taken.
    pub fn lost(&mut self, frames: u64) {
        self.batch.lost += frames;
    }

    /// Notes whether frames can be captured at all.
    pub fn set_down(&mut self, down: bool) {
        self.batch.down = down;
    }

    /// A batch, if one is due.
    pub fn due(&mut self) -> Option<Batch> {
        let due = self.batch.events.len() >= BATCH_EVENTS
            || self.batch.now.since(self.sent) >= BATCH_TIME
            || self.batch.now < self.sent;
        due.then(|| self.take_batch())
    }

    /// The same, where the last one was sent so long ago by a clock that nobody sets: whoever waits for batches sees that there
    /// is somebody, even while capture time stands still.
    pub fn due_after(&mut self, waited: Duration) -> Option<Batch> {
        if waited >= BATCH_TIME { Some(self.take_batch()) } else { self.due() }
    }

    /// Takes back the events of a batch that was sent, emptied, so that their memory is used again.
    pub fn reuse(&mut self, emptied: Vec<Event>) {
        if emptied.capacity() <= MAX_SPARE {
            self.spare = emptied;
        }
    }

    /// Ends every connection: the last batch.
    pub fn finish(&mut self) -> Batch {
        self.tracker.finish(&mut self.batch.events);
        self.take_batch()
    }

    fn take_batch(&mut self) -> Batch {
        self.sent = self.batch.now;
        let Batch { now, down, .. } = self.batch;
        let mut events = std::mem::take(&mut self.spare);
        events.reserve(self.batch.events.len());
        let next = Batch { events, now, down, ..Batch::default() };
        std::mem::replace(&mut self.batch, next)
    }

    /// Counters so far.
    pub fn stats(&self) -> FrontStats {
        FrontStats { track: self.tracker.stats(), senders_left_out: self.presence.left_out(), ..self.stats.clone() }
    }

    /// Why frames could not be decoded.
    pub fn causes(&self) -> &Causes {
        &self.causes
    }
}

/// The part of the network that a frame was seen on.
#[inline]
fn segment_of(site_by: SiteBy, interface: u16, frame: &Frame<'_>, vlan: Option<u16>) -> Segment {
    match site_by {
        SiteBy::None => Segment::Whole,
        SiteBy::Vlan => Segment::Vlan(vlan.unwrap_or(0)),
        SiteBy::Interface => Segment::Interface(interface.saturating_add(frame.interface)),
    }
}

/// Whether internal video shows its sender: one packet in eight does, which is many a minute of a stream. Drawn by time and
/// IPv4 identification, so that neither a steady clock nor a constant identification hides a sender.
#[inline]
fn is_drawn(frame: &Frame<'_>) -> bool {
    let id = frame.data.get(19).copied().unwrap_or(0);
    ((frame.time.as_nanos() >> 10) as u8 ^ id) & 7 == 0
}

/// Whether a packet's sender is a device inside.
fn can_be_present(internal: &InternalRanges, packet: &Packet<'_>) -> bool {
    match space(packet.source) {
        Space::Private => !packet.source.is_loopback(),
        Space::Multicast => false,
        Space::Global | Space::Reserved => {
            let ranges = internal.configured();
            !ranges.is_empty() && ranges.iter().any(|range| range.contains(&packet.source))
        }
    }
}

#[inline]
fn present(
    presence: &mut Presence,
    batch: &mut Batch,
    segment: Segment,
    address: IpAddr,
    link: Option<Mac>,
    time: Timestamp,
) {
    if presence.is_due(segment, address, link, time) {
        batch.events.push(Event { time, segment, device: address, mac: None, kind: EventKind::Present { link } });
    }
}

/// Takes what devices say of themselves.
struct Ears<'a> {
    tracker: &'a mut Tracker,
    batch: &'a mut Batch,
    shown: &'a mut Option<Vec<Shown>>,
    learn: bool,
}

impl<'a> Ears<'a> {
    fn of(tracker: &'a mut Tracker, batch: &'a mut Batch, shown: &'a mut Option<Vec<Shown>>, learn: bool) -> Self {
        Self { tracker, batch, shown, learn }
    }

    /// Passes on what was said, and watches from now on who has shown to be a camera.
    fn take(self, segment: Segment, told: Vec<Sighting>, time: Timestamp) {
        for sighting in told {
            if self.learn && sighting.kind().is_some_and(|(kind, c)| kind.is_watched() && c >= Certainty::Likely) {
                let Sighting { mac, address, link, .. } = sighting;
                self.tracker.learn(segment, mac, address, link);
                if let Some(shown) = self.shown {
                    shown.push(Shown::Camera { segment, mac, address, link });
                }
            }
            let device = sighting.address.unwrap_or(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED));
            let kind = EventKind::Sighting(Box::new(sighting));
            self.batch.events.push(Event { time, segment, device, mac: None, kind });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_parts(1_427_878_800 + second, 0)
    }

    #[test]
    fn a_clock_that_is_set_back_on_a_quiet_interface_keeps_nobody_waiting() {
        let mut front = Front::new(&Config::default());
        front.idle(at(3600));
        assert_eq!(front.due().unwrap().now, at(3600));
        // By much: time goes on from there.
        front.idle(at(0));
        assert_eq!(front.due().unwrap().now, at(0));
        front.idle(at(1));
        assert_eq!(front.due().unwrap().now, at(1));
        // By little: time stands still, as packets may be as late, and there are batches all the same.
        front.idle(at(-30));
        assert!(front.due_after(Duration::from_millis(900)).is_none());
        assert_eq!(front.due_after(BATCH_TIME).unwrap().now, at(1));
    }
}
