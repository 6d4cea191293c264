//! `mixed`: a network as councils have it: cameras of three makers, recorders, office machines, and a router with fifty
//! devices behind it. Each device speaks the protocols of its kind; the truth says what each is.

use std::net::Ipv4Addr;

use serde::Serialize;

use super::frames::{self, Host, Segment};
use super::scenario::Options;
use super::scene::{Actor, Scene, Stage};
use super::speech::{self, Facts};
use crate::net::{Mac, Protocol, Service};

const SECOND: u64 = 1_000_000;
/// How often a device says everything.
const EVERY: u64 = 120 * SECOND;

/// What a device is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct TruthDevice {
    kind: &'static str,
    vendor: Option<&'static str>,
    brand: Option<&'static str>,
    model: Option<&'static str>,
    serial: Option<String>,
    mac: Option<Mac>,
    /// In the order in which it had them.
    addresses: Vec<Ipv4Addr>,
    behind_router: bool,
}

/// One thing that a device says.
#[derive(Debug, Clone)]
enum Say {
    Arp,
    Dhcp {
        name: String,
        class: &'static str,
    },
    Sadp(Facts),
    Dhip(&'static str, Facts),
    Onvif {
        kind: &'static str,
        name: &'static str,
        hardware: &'static str,
        states_mac: bool,
    },
    Ssdp {
        server: &'static str,
        kind: &'static str,
    },
    Mdns {
        service: &'static str,
        instance: String,
        host: String,
    },
    Llmnr(String),
    Lldp {
        name: String,
        description: &'static str,
        serial: String,
    },
    /// Serves RTSP to whom it is asked by.
    Rtsp {
        server: &'static str,
        name: &'static str,
    },
    /// Serves pages to a person's machine.
    Http(&'static str),
    /// Fetches pages.
    Browse(&'static str),
    /// Asks for a name.
    Ask(&'static str),
    /// Sends something that says nothing.
    Time,
}

/// A device on stage.
struct Speaker {
    mac: Mac,
    /// The sender on the link: its own MAC address, or the router's.
    link: Mac,
    first: Ipv4Addr,
    then: Ipv4Addr,
    moves_at: u64,
    moved: bool,
    says: Vec<Say>,
}

const SERVER: Host = Host { mac: Mac([0x00, 0x50, 0x56, 0, 0, 2]), address: Ipv4Addr::new(10, 40, 0, 2), ttl: 64 };
const GATEWAY: Mac = Mac([0x00, 0x1b, 0x54, 0xaa, 0xbb, 0x02]);
const ROUTER: Mac = Mac([0x00, 0x1b, 0x54, 0xaa, 0xbb, 0x03]);
const TIME: Ipv4Addr = Ipv4Addr::new(212, 58, 244, 20);

fn group(mac: [u8; 6], address: [u8; 4]) -> Host {
    Host { mac: Mac(mac), address: address.into(), ttl: 1 }
}

impl Speaker {
    fn host(&self, now: u64) -> Host {
        let address = if now >= self.moves_at { self.then } else { self.first };
        Host { mac: self.link, address, ttl: 64 }
    }

    fn say(&self, say: &Say, now: u64, host: &Host, stage: &mut Stage) {
        let multicast = group([0x01, 0, 0x5e, 0x7f, 0xff, 0xfa], [239, 255, 255, 250]);
        let to = |stage: &mut Stage, group: &Host, port: u16, payload: &[u8]| {
            let id = stage.id(host);
            stage.send(now, frames::udp(host, group, id, (port, port), payload));
        };
        match say {
            Say::Arp => stage.send(now, speech::arp(host)),
            Say::Dhcp { name, class } => {
                stage.send(now, speech::broadcast(self.mac, (68, 67), &speech::dhcp(self.mac, None, name, class)));
                let given = speech::dhcp(self.mac, Some(host.address), "", "");
                let id = stage.id(&SERVER);
                let client = Host { mac: self.mac, ..*host };
                stage.send(now + 900, frames::udp(&SERVER, &client, id, (67, 68), &given));
            }
            Say::Sadp(facts) => {
                to(stage, &multicast, 37020, &speech::sadp(self.mac, host.address, facts, now / SECOND));
            }
            Say::Dhip(class, facts) => {
                let group = group([0x01, 0, 0x5e, 0x7f, 0xff, 0xfb], [239, 255, 255, 251]);
                to(stage, &group, 37810, &speech::dhip(self.mac, host.address, class, facts));
            }
            Say::Onvif { kind, name, hardware, states_mac } => {
                let mac = states_mac.then_some(self.mac);
                // To whom asked, which multicast beyond a router would not reach.
                to(stage, &SERVER, 3702, &speech::probe_match(kind, name, hardware, host.address, mac));
            }
            Say::Ssdp { server, kind } => to(stage, &multicast, 1900, &speech::notify(host.address, server, kind)),
            Say::Mdns { service, instance, host: name } => {
                let group = group([0x01, 0, 0x5e, 0, 0, 0xfb], [224, 0, 0, 251]);
                to(stage, &group, 5353, &speech::mdns(service, instance, name, self.mac, host.address));
            }
            Say::Llmnr(name) => to(stage, &SERVER, 5355, &speech::llmnr(name, host.address)),
            Say::Lldp { name, description, serial } => {
                stage.send(now, speech::lldp(self.mac, host.address, name, description, serial));
            }
            Say::Rtsp { server, name } => {
                let request = format!("DESCRIBE rtsp://{}:554/ RTSP/1.0\r\nCSeq: 2\r\n\r\n", host.address);
                let answer = speech::described(server, name, host.address);
                exchange(stage, now, &SERVER, host, 554, request.as_bytes(), &answer);
            }
            Say::Http(server) => {
                let answer = format!("HTTP/1.1 200 OK\r\nServer: {server}\r\nContent-Length: 0\r\n\r\n");
                exchange(stage, now, &SERVER, host, 80, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", answer.as_bytes());
            }
            Say::Browse(agent) => {
                let web = Host { mac: GATEWAY, address: Ipv4Addr::new(212, 58, 244, 21), ttl: 50 };
                let request = format!("GET / HTTP/1.1\r\nHost: www.bbc.co.uk\r\nUser-Agent: {agent}\r\n\r\n");
                stage.note(host, &web, Service { protocol: Protocol::Tcp, port: 80 }, 0, true);
                exchange(stage, now, host, &web, 80, request.as_bytes(), b"HTTP/1.1 200 OK\r\nServer: nginx\r\n\r\n");
            }
            Say::Ask(name) => {
                let id = stage.id(host);
                let port = 20_000 + stage.random.below(40_000) as u16;
                stage.note(host, &SERVER, Service { protocol: Protocol::Udp, port: 53 }, 0, true);
                stage.send(now, frames::udp(host, &SERVER, id, (port, 53), &frames::dns(port, name, None)));
                let answer = frames::dns(port, name, Some(Ipv4Addr::new(52, 56, 34, 1)));
                let id = stage.id(&SERVER);
                stage.send(now + 600, frames::udp(&SERVER, host, id, (53, port), &answer));
            }
            Say::Time => {
                let server = Host { mac: GATEWAY, address: TIME, ttl: 50 };
                let port = 20_000 + stage.random.below(40_000) as u16;
                let mut ntp = [0; 48];
                ntp[0] = 0x23;
                stage.note(host, &server, Service { protocol: Protocol::Udp, port: 123 }, 0, false);
                let id = stage.id(host);
                stage.send(now, frames::udp(host, &server, id, (port, 123), &ntp));
            }
        }
    }
}

/// A TCP connection with one request and its answer.
fn exchange(stage: &mut Stage, at: u64, client: &Host, server: &Host, port: u16, request: &[u8], answer: &[u8]) {
    let own = 32_768 + stage.random.below(28_000) as u16;
    let (mine, theirs) = (stage.random.bits() as u32, stage.random.bits() as u32);
    let plain = Segment { ports: (own, port), sequence: mine, ack: None, syn: false, fin: false, rst: false };
    let back = Segment { ports: (port, own), sequence: theirs, ..plain };
    let (after, end) = (mine.wrapping_add(1), mine.wrapping_add(1 + request.len() as u32));
    let served = theirs.wrapping_add(1 + answer.len() as u32);
    let steps: [(bool, Segment, &[u8]); 7] = [
        (true, Segment { syn: true, ..plain }, b""),
        (false, Segment { syn: true, ack: Some(after), ..back }, b""),
        (true, Segment { sequence: after, ack: Some(theirs.wrapping_add(1)), ..plain }, request),
        (false, Segment { sequence: theirs.wrapping_add(1), ack: Some(end), ..back }, answer),
        (true, Segment { sequence: end, ack: Some(served), fin: true, ..plain }, b""),
        (false, Segment { sequence: served, ack: Some(end.wrapping_add(1)), fin: true, ..back }, b""),
        (true, Segment { sequence: end.wrapping_add(1), ack: Some(served.wrapping_add(1)), ..plain }, b""),
    ];
    for (step, (out, segment, payload)) in (0..).zip(steps) {
        let (from, to) = if out { (client, server) } else { (server, client) };
        let id = stage.id(from);
        stage.send(at + 300 * step, frames::tcp(from, to, id, &segment, payload));
    }
}

impl Actor for Speaker {
    fn wake(&mut self, now: u64, stage: &mut Stage) -> Option<u64> {
        let host = self.host(now);
        self.moved |= now >= self.moves_at;
        let says = std::mem::take(&mut self.says);
        for (step, say) in (0..).zip(&says) {
            self.say(say, now + step * 50_000, &host, stage);
        }
        self.says = says;
        let next = now + stage.random.around(EVERY, 0.1);
        // At once after its move, as devices do that were given an address.
        Some(if !self.moved && next > self.moves_at { self.moves_at } else { next })
    }
}

struct Cast<'s> {
    scene: &'s mut Scene,
    moves_at: u64,
}

impl Cast<'_> {
    fn add(&mut self, mac: Mac, link: Mac, (first, then): (Ipv4Addr, Ipv4Addr), says: Vec<Say>, truth: TruthDevice) {
        let moves = self.moves_at != u64::MAX && first != then;
        let wakes = self.scene.random().below(30 * SECOND);
        let addresses = if moves { vec![first, then] } else { vec![first] };
        let mac_known = Some(mac).filter(|mac| *mac == link || truth.mac.is_some());
        self.scene.tell(TruthDevice { mac: mac_known, addresses, behind_router: mac != link, ..truth });
        self.scene.add(wakes, Speaker { mac, link, first, then, moves_at: self.moves_at, moved: false, says });
    }

    fn own(&mut self, mac: Mac, addresses: (Ipv4Addr, Ipv4Addr), says: Vec<Say>, truth: TruthDevice) {
        self.add(mac, mac, addresses, says, truth);
    }
}

fn truth(
    kind: &'static str,
    vendor: Option<&'static str>,
    brand: Option<&'static str>,
    model: Option<&'static str>,
) -> TruthDevice {
    let addresses = Vec::new();
    TruthDevice { kind, vendor, brand, model, serial: None, mac: None, addresses, behind_router: false }
}

/// A device's address, and the one it has later: that of another device of its network.
fn moving(network: u8, number: u8, count: u8) -> (Ipv4Addr, Ipv4Addr) {
    let at = |number: u8| Ipv4Addr::new(10, 40, network, 10 + number % count);
    (at(number), at(number + 7))
}

pub(super) fn stage(scene: &mut Scene, options: &Options) {
    let moves_at = if options.readdress { options.seconds * SECOND / 2 } else { u64::MAX };
    let mut cast = Cast { scene, moves_at };
    hikvision(&mut cast);
    dahua(&mut cast);
    axis(&mut cast);
    recorders(&mut cast);
    office(&mut cast);
    routed(&mut cast);
}

fn hikvision(cast: &mut Cast<'_>) {
    const MODELS: [&str; 4] = ["DS-2CD2143G0-I", "DS-2CD2385G1-I", "DS-2DE4425IW-DE", "DS-2CD2T47G2-L"];
    for number in 0..20_u8 {
        let model = MODELS[usize::from(number) % MODELS.len()];
        // Some are sold under another name, with network hardware whose prefix says nothing.
        let brand = (number >= 17).then_some("annke");
        let mac =
            if brand.is_some() { Mac([0x02, 0x11, 0x32, 1, 0, number]) } else { Mac([0x44, 0x19, 0xb6, 1, 0, number]) };
        let facts = Facts {
            model,
            serial: format!("{model}20200114AAWRD{:08}", 12_345_600 + u32::from(number)),
            firmware: "V5.5.82build 190910",
            name: String::new(),
            brand,
            channels: 1,
        };
        let serial = Some(facts.serial.clone());
        let mut says = vec![
            Say::Arp,
            Say::Dhcp { name: format!("hik{number}"), class: "" },
            Say::Sadp(facts),
            Say::Rtsp { server: "Rtsp Server/2.0", name: "Media Presentation" },
            Say::Time,
        ];
        if number % 2 == 0 {
            says.push(Say::Onvif { kind: "video_encoder", name: "HIKVISION DS", hardware: model, states_mac: true });
            says.push(Say::Ask("dev.hik-connect.com"));
        }
        // The brand's name stands in its own announcement; ONVIF's name would tell another.
        if brand.is_some() {
            says.retain(|say| !matches!(say, Say::Onvif { .. }));
        }
        let brand = brand.or(Some("hikvision"));
        cast.own(
            mac,
            moving(1, number, 20),
            says,
            TruthDevice { serial, ..truth("camera", Some("hikvision"), brand, Some(model)) },
        );
    }
}

fn dahua(cast: &mut Cast<'_>) {
    for number in 0..10_u8 {
        let lorex = number >= 8;
        let model = if lorex { "W461ASC" } else { "IPC-HDW2431T" };
        let mac = if lorex { Mac([0x00, 0x1f, 0x54, 1, 0, number]) } else { Mac([0x3c, 0xef, 0x8c, 1, 0, number]) };
        let serial = format!("6G0ABCD{number:02}");
        let facts = Facts {
            model,
            serial: serial.clone(),
            firmware: "2.800.0000000.25.R",
            name: serial.clone(),
            brand: lorex.then_some("Lorex"),
            channels: 1,
        };
        let says = vec![
            Say::Arp,
            Say::Dhcp { name: serial.clone(), class: "dhcpcd 5.5.6:Linux" },
            Say::Dhip("IPC", facts),
            Say::Rtsp { server: "Rtsp Server/3.0", name: "Media Server" },
            Say::Ask("www.easy4ipcloud.com"),
            Say::Time,
        ];
        let brand = if lorex { "lorex" } else { "dahua" };
        cast.own(
            mac,
            moving(2, number, 10),
            says,
            TruthDevice { serial: Some(serial), ..truth("camera", Some("dahua"), Some(brand), Some(model)) },
        );
    }
}

fn axis(cast: &mut Cast<'_>) {
    for number in 0..5_u8 {
        let mac = Mac([0xac, 0xcc, 0x8e, 1, 0, number]);
        let serial = mac.to_string().replace(':', "").to_uppercase();
        let host = format!("axis-{}", serial.to_lowercase());
        let says = vec![
            Say::Arp,
            Say::Dhcp { name: host.clone(), class: "AXIS,Network Camera,P3245-LVE,10.12.91" },
            Say::Mdns { service: "_axis-video", instance: format!("AXIS P3245-LVE - {serial}"), host: host.clone() },
            Say::Lldp { name: host, description: "AXIS P3245-LVE Network Camera 10.12.91", serial: serial.clone() },
            Say::Onvif {
                kind: "video_encoder",
                name: "AXIS P3245-LVE",
                hardware: "AXIS%20P3245-LVE",
                states_mac: false,
            },
            Say::Ssdp { server: "Linux/4.9 UPnP/1.0 AXIS/1.0", kind: "urn:axis-com:service:BasicService:1" },
            Say::Rtsp { server: "GStreamer RTSP server", name: "Session streamed with GStreamer" },
            Say::Time,
        ];
        cast.own(
            mac,
            moving(3, number, 5),
            says,
            TruthDevice { serial: Some(serial), ..truth("camera", Some("axis"), Some("axis"), Some("AXIS P3245-LVE")) },
        );
    }
}

fn recorders(cast: &mut Cast<'_>) {
    let model = "DS-7608NI-K2";
    let facts = Facts {
        model,
        serial: format!("{model}0820190617CCWRD12345678WCVU"),
        firmware: "V4.22.005build 190816",
        channels: 8,
        ..Facts::default()
    };
    let serial = Some(facts.serial.clone());
    let says = vec![
        Say::Arp,
        Say::Sadp(facts),
        // Recorders call themselves transmitters in ONVIF, and hand streams on.
        Say::Onvif { kind: "video_encoder", name: "HIKVISION DS", hardware: model, states_mac: true },
        Say::Rtsp { server: "Rtsp Server/2.0", name: "Media Presentation" },
        Say::Http("DNVRS-Webs"),
        Say::Time,
    ];
    cast.own(
        Mac([0x44, 0x19, 0xb6, 9, 0, 1]),
        moving(4, 0, 2),
        says,
        TruthDevice { serial, ..truth("recorder", Some("hikvision"), Some("hikvision"), Some(model)) },
    );
    let model = "DHI-NVR4108HS-4KS2";
    let facts = Facts {
        model,
        serial: "4K0ABCD77".to_owned(),
        firmware: "4.001.0000000.1",
        name: "recorder".to_owned(),
        brand: Some("Dahua"),
        channels: 8,
    };
    let serial = Some(facts.serial.clone());
    let says = vec![
        Say::Arp,
        Say::Dhip("NVR", facts),
        Say::Rtsp { server: "Rtsp Server/3.0", name: "Media Server" },
        Say::Time,
    ];
    cast.own(
        Mac([0x3c, 0xef, 0x8c, 9, 0, 1]),
        moving(4, 1, 2),
        says,
        TruthDevice { serial, ..truth("recorder", Some("dahua"), Some("dahua"), Some(model)) },
    );
}

fn office(cast: &mut Cast<'_>) {
    const WINDOWS: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36";
    const TELEPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X)";
    for number in 0..30_u8 {
        let name = format!("desk{number}");
        let (prefix, vendor) = match number % 3 {
            0 => ([0xf8, 0xbc, 0x12], Some("dell")),
            1 => ([0x3c, 0xd9, 0x2b], Some("hp")),
            // A private address, as telephones and tablets make them up.
            _ => ([0x6a, 0x11, 0x32], None),
        };
        let mac = Mac([prefix[0], prefix[1], prefix[2], 1, 0, number]);
        let mut says = vec![Say::Arp];
        if vendor.is_some() {
            says.extend([Say::Dhcp { name: name.clone(), class: "MSFT 5.0" }, Say::Llmnr(name), Say::Browse(WINDOWS)]);
        } else {
            says.extend([Say::Dhcp { name, class: "" }, Say::Browse(TELEPHONE)]);
        }
        // The app of a camera's maker makes no camera of a telephone.
        if number % 10 == 2 {
            says.push(Say::Ask("dev.hik-connect.com"));
        }
        cast.own(mac, moving(5, number, 30), says, truth("other", vendor, None, None));
    }
}

fn routed(cast: &mut Cast<'_>) {
    let own = Ipv4Addr::new(10, 40, 0, 3);
    cast.own(ROUTER, (own, own), vec![Say::Arp], truth("other", None, None, None));
    for number in 0..50_u8 {
        let address = Ipv4Addr::new(10, 60, 0, 10 + number);
        if number < 45 {
            // Nothing tells what these are; by their address alone they are known.
            let mac = Mac([0x02, 0, 0, 60, 0, number]);
            cast.add(mac, ROUTER, (address, address), vec![Say::Time], truth("unknown", None, None, None));
        } else {
            let mac = Mac([0x44, 0x19, 0xb6, 60, 0, number]);
            let model = "DS-2CD2143G0-I";
            let says = vec![
                Say::Onvif { kind: "video_encoder", name: "HIKVISION DS", hardware: model, states_mac: true },
                Say::Rtsp { server: "Rtsp Server/2.0", name: "Media Presentation" },
                Say::Time,
            ];
            let then = Ipv4Addr::new(10, 60, 1, 10 + number);
            let known =
                TruthDevice { mac: Some(mac), ..truth("camera", Some("hikvision"), Some("hikvision"), Some(model)) };
            cast.add(mac, ROUTER, (address, then), says, known);
        }
    }
}
