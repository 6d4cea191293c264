//! The capture thread's half: frames in, batches of events out.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::config::Config;
use crate::decode::{CAUSES, Causes, DecodeOptions, Decoded, Decoder, Duplicates, Packet, Prefilter, Transport};
use crate::lookup;
use crate::net::InternalRanges;
use crate::source::Frame;
use crate::time::Timestamp;
use crate::track::{Event, LISTENED_UDP, Limits, TrackStats, Tracker};

/// TCP ports at which internal connections are looked into too: DNS, web, TLS, RTSP, camera makers' own.
const LISTENED_TCP: [u16; 10] = [53, 80, 443, 554, 853, 8080, 8443, 8554, 37777, 34567];
/// UDP ports of tunnels, which may run between internal addresses.
const TUNNELS: [u16; 4] = [2152, 3544, 5247, 6081];
/// Events that go in one batch.
pub(super) const BATCH_EVENTS: usize = 1024;
/// A batch that is not full goes after this much capture time.
const BATCH_TIME: Duration = Duration::from_secs(1);

/// Events, and how far capture time is.
#[derive(Debug, Default)]
pub struct Batch {
    /// In the order in which they became known.
    pub events: Vec<Event>,
    /// The latest packet.
    pub now: Timestamp,
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
    /// Frames that could not be decoded, by [`CAUSES`].
    pub undecoded: [u64; CAUSES.len()],
    /// The tracker's counters.
    pub track: TrackStats,
}

/// From frames to events.
pub struct Front {
    /// None when every address is watched: then internal connections are looked into like others.
    prefilter: Option<Prefilter>,
    decoder: Decoder,
    duplicates: Duplicates,
    tracker: Tracker,
    causes: Causes,
    stats: FrontStats,
    batch: Batch,
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

fn prefilter_of(config: &Config) -> Option<Prefilter> {
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
        Self {
            prefilter: prefilter_of(config),
            decoder: Decoder::new(DecodeOptions { vxlan_ports: config.capture.vxlan_ports.clone() }),
            duplicates: Duplicates::default(),
            tracker: Tracker::new(config.watch_list(), internal_of(config), &limits),
            causes: Causes::default(),
            stats: FrontStats::default(),
            batch: Batch::default(),
            sent: Timestamp::MIN,
            own: own_of(config),
        }
    }

    /// Takes a new configuration; open connections stay.
    pub fn reconfigure(&mut self, config: &Config) {
        self.prefilter = prefilter_of(config);
        self.decoder = Decoder::new(DecodeOptions { vxlan_ports: config.capture.vxlan_ports.clone() });
        self.tracker.reconfigure(config.watch_list(), internal_of(config));
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
        } else {
            match self.decoder.decode(frame) {
                Decoded::Packet(packet) if self.own.is_some_and(|own| is_own(&packet, own)) => {}
                Decoded::Packet(packet) if self.duplicates.is_one(&packet) => stats.duplicates += 1,
                Decoded::Packet(packet) => self.tracker.packet(&packet, &mut self.batch.events),
                Decoded::Arp { .. } | Decoded::NotIp { .. } => stats.not_ip += 1,
                Decoded::Undecoded(cause) => {
                    stats.undecoded[cause.index()] += 1;
                    self.causes.count(cause);
                }
            }
        }
        self.batch.now = frame.time;
    }

    /// Moves time on where no frame does.
    pub fn idle(&mut self, now: Timestamp) {
        self.tracker.advance(now, &mut self.batch.events);
        self.batch.now = self.batch.now.max(now);
    }

    /// A batch, if one is due.
    pub fn due(&mut self) -> Option<Batch> {
        let due = self.batch.events.len() >= BATCH_EVENTS
            || self.batch.now.since(self.sent) >= BATCH_TIME
            || self.batch.now < self.sent;
        due.then(|| self.take_batch())
    }

    /// Ends every connection: the last batch.
    pub fn finish(&mut self) -> Batch {
        self.tracker.finish(&mut self.batch.events);
        self.take_batch()
    }

    fn take_batch(&mut self) -> Batch {
        self.sent = self.batch.now;
        let next = Batch { events: Vec::with_capacity(self.batch.events.len()), now: self.batch.now };
        std::mem::replace(&mut self.batch, next)
    }

    /// Counters so far.
    pub fn stats(&self) -> FrontStats {
        FrontStats { track: self.tracker.stats(), ..self.stats.clone() }
    }

    /// Why frames could not be decoded.
    pub fn causes(&self) -> &Causes {
        &self.causes
    }
}
