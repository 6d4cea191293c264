//! Which packets say something about a device, and what: packets in, [`Sighting`]s out, on the capture thread.
//!
//! A packet is told by its ports; nothing is allocated for one that says nothing. What a device has said within the last
//! minutes is passed over, most often before it is parsed.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ahash::{AHashMap, RandomState};

use super::DeviceKind;
use super::facts::{
    self, Certainty, Fact, Field, Sighting, Source, What, dhcp, dhip, http, lldp_cdp, mdns, names, rtsp, sadp, ssdp,
    tls_certificate, tuya, wsdiscovery, xiongmai,
};
use super::inventory::has_address;
use crate::decode::{Packet, Transport};
use crate::net::{InternalRanges, Mac, Segment};
use crate::time::Timestamp;

/// What was said is told again after this long.
const AGAIN: Duration = Duration::from_secs(600);
/// Messages that are remembered as said.
const SAID: usize = 8192;
/// Looks at what one server or client says within [`AGAIN`].
const MAX_LOOKS: u8 = 16;
/// Servers and clients whose looks are counted.
const LOOKED: usize = 4096;
/// Clients of RTSP that are followed, and servers kept of each.
const MAX_CLIENTS: usize = 4096;
/// Who opens sessions to this many devices records or views.
const MANY_SERVERS: usize = 3;

const HTTP_PORTS: [u16; 3] = [80, 8080, 8000];
const TLS_PORTS: [u16; 2] = [443, 8443];

type Parse = fn(&[u8]) -> Vec<Sighting>;

/// Reads what devices say.
#[derive(Debug)]
pub struct Discovery {
    internal: Arc<InternalRanges>,
    hasher: RandomState,
    /// Messages and facts said lately, by hash; direct-mapped, the newer one stays.
    said: Vec<(u64, Timestamp)>,
    /// Looks at one speaker since a moment; direct-mapped.
    looked: Vec<(u64, Timestamp, u8)>,
    rtsp_clients: AHashMap<(Segment, IpAddr), Vec<IpAddr>>,
}

impl Discovery {
    /// Listens to devices within `internal`.
    pub fn new(internal: Arc<InternalRanges>) -> Self {
        Self {
            internal,
            // Fixed keys: two reads of a capture tell the same. Who chooses hashes can have himself told of more often.
            hasher: RandomState::with_seeds(1, 2, 3, 4),
            said: vec![(0, Timestamp::MIN); SAID],
            looked: vec![(0, Timestamp::MIN, 0); LOOKED],
            rtsp_clients: AHashMap::new(),
        }
    }

    /// Takes other internal ranges.
    pub fn set_internal(&mut self, internal: Arc<InternalRanges>) {
        self.internal = internal;
    }

    /// What a packet says: of each sighting `address` and `link` are filled in as far as they are known.
    #[inline]
    pub fn packet(&mut self, segment: Segment, packet: &Packet<'_>) -> Vec<Sighting> {
        match &packet.payload {
            // Most segments carry nothing, or too little to say something.
            Transport::Tcp(tcp) if tcp.payload.len() < 12 => Vec::new(),
            _ => self.payload(segment, packet),
        }
    }

    #[inline(never)]
    fn payload(&mut self, segment: Segment, packet: &Packet<'_>) -> Vec<Sighting> {
        match &packet.payload {
            Transport::Udp(udp) => match by_udp_port(udp.source_port, udp.destination_port) {
                Some(parse) => self.message(segment, packet, udp.payload, parse),
                None => Vec::new(),
            },
            Transport::Tcp(tcp) => self.stream(segment, packet, tcp.source_port, tcp.destination_port, tcp.payload),
            Transport::Neighbour { address, mac } => {
                self.address(segment, Source::Neighbour, *mac, *address, packet.time)
            }
            _ => Vec::new(),
        }
    }

    /// What ARP says.
    pub fn arp(&mut self, segment: Segment, mac: Mac, address: IpAddr, time: Timestamp) -> Vec<Sighting> {
        self.address(segment, Source::Arp, mac, address, time)
    }

    /// What a frame without IP says, sent by `link`.
    pub fn not_ip(
        &mut self,
        segment: Segment,
        ethertype: u16,
        payload: &[u8],
        link: Option<Mac>,
        time: Timestamp,
    ) -> Vec<Sighting> {
        let parse: Parse = match ethertype {
            lldp_cdp::LLDP => lldp_cdp::parse_lldp,
            0 if payload.starts_with(&[0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0]) => lldp_cdp::parse_cdp,
            _ => return Vec::new(),
        };
        let key = (segment, link, ethertype, payload);
        if self.is_said(self.hasher.hash_one(key), time) {
            return Vec::new();
        }
        let sightings = parse(payload).into_iter().map(|sighting| Sighting { link, ..sighting }).collect();
        self.news(segment, sightings, time)
    }

    fn address(
        &mut self,
        segment: Segment,
        source: Source,
        mac: Mac,
        address: IpAddr,
        time: Timestamp,
    ) -> Vec<Sighting> {
        let own = !mac.is_group() && !mac.is_zero();
        if !own || !self.is_inside(address) || self.is_said(self.hasher.hash_one((segment, mac, address)), time) {
            return Vec::new();
        }
        vec![has_address(source, mac, address)]
    }

    fn message(&mut self, segment: Segment, packet: &Packet<'_>, payload: &[u8], parse: Parse) -> Vec<Sighting> {
        let link = packet.macs.map(|macs| macs.source);
        let key = (segment, packet.source, link, payload);
        if payload.len() < 8 || self.is_said(self.hasher.hash_one(key), packet.time) {
            return Vec::new();
        }
        let mut sightings = parse(payload);
        let inside = self.is_inside(packet.source);
        sightings.retain_mut(|sighting| {
            if sighting.source == Source::Dhcp {
                // The server's answer is about the client, and so is what a relay passes on.
                sighting.link = link.filter(|link| sighting.mac == Some(*link));
                return true;
            }
            // Who sends it has the address; what the message states may be of another network.
            sighting.address = inside.then_some(packet.source);
            sighting.link = link;
            inside
        });
        self.news(segment, sightings, packet.time)
    }

    fn stream(&mut self, segment: Segment, packet: &Packet<'_>, from: u16, to: u16, payload: &[u8]) -> Vec<Sighting> {
        let parse: Parse = if rtsp::PORTS.contains(&from) && rtsp::is_response(payload) {
            rtsp::parse
        } else if HTTP_PORTS.contains(&from) && http::is_response(payload) {
            http::parse_response
        } else if TLS_PORTS.contains(&from) && tls_certificate::is_server_hello(payload) {
            tls_certificate::parse
        } else if HTTP_PORTS.contains(&to) && http::is_request(payload) {
            http::parse_request
        } else if rtsp::PORTS.contains(&to) && rtsp::is_request(payload) {
            let mut told = self.rtsp_client(segment, packet);
            told.extend(self.speaker(segment, packet, (from, to), payload, rtsp::parse_request));
            return told;
        } else {
            return Vec::new();
        };
        self.speaker(segment, packet, (from, to), payload, parse)
    }

    fn speaker(
        &mut self,
        segment: Segment,
        packet: &Packet<'_>,
        (from, to): (u16, u16),
        payload: &[u8],
        parse: Parse,
    ) -> Vec<Sighting> {
        // Servers repeat themselves with other dates: how often one is looked at is bounded, not only what it says.
        let speaker = self.hasher.hash_one((segment, packet.source, from.min(to), from < to));
        if !self.is_inside(packet.source) || !self.may_look(speaker, packet.time) {
            return Vec::new();
        }
        let link = packet.macs.map(|macs| macs.source);
        let told = parse(payload);
        let sightings =
            told.into_iter().map(|sighting| Sighting { address: Some(packet.source), link, ..sighting }).collect();
        self.news(segment, sightings, packet.time)
    }

    /// Who asks several devices for their streams is a recorder, or a person with a viewer.
    fn rtsp_client(&mut self, segment: Segment, packet: &Packet<'_>) -> Vec<Sighting> {
        if !self.is_inside(packet.source) || !self.is_inside(packet.destination) {
            return Vec::new();
        }
        let full = self.rtsp_clients.len() >= MAX_CLIENTS;
        let client = (segment, packet.source);
        if full && !self.rtsp_clients.contains_key(&client) {
            return Vec::new();
        }
        let servers = self.rtsp_clients.entry(client).or_default();
        if servers.len() >= MANY_SERVERS || servers.contains(&packet.destination) {
            return Vec::new();
        }
        servers.push(packet.destination);
        if servers.len() < MANY_SERVERS {
            return Vec::new();
        }
        let text = format!("it opens RTSP sessions to {MANY_SERVERS} devices or more");
        let fact = |what| Fact { what, certainty: Certainty::Unverified };
        vec![Sighting {
            address: Some(packet.source),
            link: packet.macs.map(|macs| macs.source),
            facts: vec![
                fact(What::Kind(DeviceKind::Recorder)),
                fact(What::Text(Field::Software, text.into_boxed_str())),
            ],
            ..Sighting::new(Source::Behaviour)
        }]
    }

    /// Whether a device can be at an address: inside, and one device's.
    fn is_inside(&self, address: IpAddr) -> bool {
        !address.is_unspecified()
            && !address.is_loopback()
            && !matches!(crate::net::space(address), crate::net::Space::Multicast)
            && self.internal.contains(address)
    }

    fn is_said(&mut self, hash: u64, time: Timestamp) -> bool {
        let Some(place) = self.said.get_mut(hash as usize % SAID) else { return false };
        if place.0 == hash && time.since(place.1) < AGAIN && place.1.since(time) < AGAIN {
            return true;
        }
        *place = (hash, time);
        false
    }

    fn may_look(&mut self, speaker: u64, time: Timestamp) -> bool {
        let Some(place) = self.looked.get_mut(speaker as usize % LOOKED) else { return false };
        if place.0 != speaker || time.since(place.1) >= AGAIN || place.1.since(time) >= AGAIN {
            *place = (speaker, time, 0);
        }
        place.2 = place.2.saturating_add(1);
        place.2 <= MAX_LOOKS
    }

    /// Without what was said lately in other words: in messages with a counter or a clock in them.
    fn news(&mut self, segment: Segment, mut sightings: Vec<Sighting>, time: Timestamp) -> Vec<Sighting> {
        sightings.truncate(facts::MAX_SIGHTINGS);
        sightings.retain(|sighting| !self.is_said(self.hasher.hash_one((segment, sighting)), time));
        sightings
    }
}

fn by_udp_port(from: u16, to: u16) -> Option<Parse> {
    let of = |port: u16| -> Option<Parse> {
        Some(match port {
            67 | 68 => dhcp::parse,
            sadp::PORT => sadp::parse,
            dhip::PORT => dhip::parse,
            wsdiscovery::PORT => wsdiscovery::parse,
            ssdp::PORT => ssdp::parse,
            mdns::PORT => mdns::parse,
            mdns::LLMNR_PORT => mdns::parse_llmnr,
            xiongmai::PORT => xiongmai::parse,
            port if tuya::PORTS.contains(&port) => tuya::parse,
            _ => return None,
        })
    };
    if to == 53 {
        return Some(names::parse_query);
    }
    of(from).or_else(|| of(to))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::{Macs, UdpDatagram};

    const CAMERA: Mac = Mac([0x44, 0x19, 0xb6, 0, 0, 1]);

    fn datagram(source: &str, port: u16, payload: &'static [u8], second: i64) -> Packet<'static> {
        Packet {
            time: Timestamp::from_parts(1000 + second, 0),
            macs: Some(Macs { source: CAMERA, destination: Mac([1, 0, 0x5e, 0, 0, 1]) }),
            vlan: None,
            source: source.parse().unwrap(),
            destination: "239.255.255.250".parse().unwrap(),
            length: 28 + payload.len() as u32,
            mark: 0,
            reassembled: false,
            payload: Transport::Udp(UdpDatagram {
                source_port: port,
                destination_port: port,
                payload,
                payload_len: payload.len() as u32,
                fragment_id: None,
            }),
        }
    }

    const ANSWER: &[u8] = b"<ProbeMatch><DeviceDescription>DS-2CD2143G0-I</DeviceDescription></ProbeMatch>";

    #[test]
    fn what_was_said_is_passed_over_for_some_minutes() {
        let mut discovery = Discovery::new(Arc::default());
        let mut told =
            |second| discovery.packet(Segment::Whole, &datagram("10.0.0.9", sadp::PORT, ANSWER, second)).len();
        assert_eq!((told(0), told(1), told(599), told(600)), (1, 0, 0, 1));
    }

    #[test]
    fn the_same_facts_in_other_words_are_passed_over() {
        let mut discovery = Discovery::new(Arc::default());
        let other: &[u8] =
            b"<ProbeMatch><DeviceDescription>DS-2CD2143G0-I</DeviceDescription><BootTime>2</BootTime></ProbeMatch>";
        let first = discovery.packet(Segment::Whole, &datagram("10.0.0.9", sadp::PORT, ANSWER, 0));
        assert_eq!(first[0].address, "10.0.0.9".parse().ok());
        assert_eq!(first[0].link, Some(CAMERA));
        assert!(discovery.packet(Segment::Whole, &datagram("10.0.0.9", sadp::PORT, other, 1)).is_empty());
    }

    #[test]
    fn strangers_outside_are_not_believed() {
        let mut discovery = Discovery::new(Arc::default());
        assert!(discovery.packet(Segment::Whole, &datagram("8.8.8.8", sadp::PORT, ANSWER, 0)).is_empty());
        assert!(discovery.packet(Segment::Whole, &datagram("10.0.0.9", 4000, ANSWER, 0)).is_empty());
    }
}
