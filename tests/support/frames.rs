//! Captures made by hand: a camera's frames, one by one.

use std::path::{Path, PathBuf};

use etherparse::PacketBuilder;

/// A camera by its maker's prefix, and the router behind which the world is.
const CAMERA: [u8; 6] = [0x44, 0x19, 0xb6, 0, 0, 1];
const ROUTER: [u8; 6] = [0x00, 0x1b, 0x54, 0xaa, 0xbb, 1];
pub const CAMERA_ADDRESS: [u8; 4] = [10, 20, 0, 1];

/// A capture in the making.
#[derive(Default)]
pub struct Frames {
    records: Vec<(f64, Vec<u8>)>,
}

/// One direction of a connection of the camera's.
#[derive(Clone, Copy)]
pub struct Way {
    pub own_port: u16,
    pub other: [u8; 4],
    pub port: u16,
    pub out: bool,
}

impl Way {
    pub fn to(other: [u8; 4], port: u16, own_port: u16) -> Self {
        Self { own_port, other, port, out: true }
    }

    pub fn back(self) -> Self {
        Self { out: !self.out, ..self }
    }

    fn ip(self) -> etherparse::PacketBuilderStep<etherparse::IpHeaders> {
        if self.out {
            PacketBuilder::ethernet2(CAMERA, ROUTER).ipv4(CAMERA_ADDRESS, self.other, 64)
        } else {
            PacketBuilder::ethernet2(ROUTER, CAMERA).ipv4(self.other, CAMERA_ADDRESS, 52)
        }
    }

    fn ports(self) -> (u16, u16) {
        if self.out { (self.own_port, self.port) } else { (self.port, self.own_port) }
    }
}

impl Frames {
    fn push(&mut self, at: f64, frame: Vec<u8>) {
        self.records.push((at, frame));
    }

    pub fn udp(&mut self, at: f64, way: Way, payload: &[u8]) {
        let (from, to) = way.ports();
        let mut frame = Vec::new();
        way.ip().udp(from, to).write(&mut frame, payload).unwrap();
        self.push(at, frame);
    }

    /// A segment with `sequence` counted from the sender's first byte.
    pub fn tcp(&mut self, at: f64, way: Way, sequence: u32, payload: &[u8]) {
        let (from, to) = way.ports();
        let mut frame = Vec::new();
        way.ip().tcp(from, to, 1001 + sequence, 500).ack(77).psh().write(&mut frame, payload).unwrap();
        self.push(at, frame);
    }

    /// A SYN with an initial sequence number.
    pub fn syn(&mut self, at: f64, way: Way, sequence: u32) {
        let (from, to) = way.ports();
        let mut frame = Vec::new();
        way.ip().tcp(from, to, sequence, 500).syn().write(&mut frame, &[]).unwrap();
        self.push(at, frame);
    }

    /// An RST.
    pub fn reset(&mut self, at: f64, way: Way) {
        let (from, to) = way.ports();
        let mut frame = Vec::new();
        way.ip().tcp(from, to, 1001, 500).rst().write(&mut frame, &[]).unwrap();
        self.push(at, frame);
    }

    /// SYN and SYN-ACK.
    pub fn open(&mut self, at: f64, way: Way) {
        let (from, to) = way.ports();
        self.syn(at, way, 1000);
        let mut frame = Vec::new();
        way.back().ip().tcp(to, from, 1000, 500).syn().ack(1001).write(&mut frame, &[]).unwrap();
        self.push(at + 0.01, frame);
    }

    /// Writes a pcap file.
    pub fn write(mut self, folder: &Path, name: &str) -> PathBuf {
        self.records.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        let mut bytes = 0xa1b2_c3d4_u32.to_le_bytes().to_vec();
        bytes.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0]);
        for (at, frame) in self.records {
            let second = 1_427_878_800 + at as u32;
            for word in [second, (at.fract() * 1e6) as u32, frame.len() as u32, frame.len() as u32] {
                bytes.extend(word.to_le_bytes());
            }
            bytes.extend(frame);
        }
        let path = folder.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

/// A `ClientHello` in one TLS record.
pub fn client_hello(name: &str, padding: usize) -> Vec<u8> {
    let sized = |data: &[u8]| [&(data.len() as u16).to_be_bytes()[..], data].concat();
    let extension = |kind: u16, data: &[u8]| [&kind.to_be_bytes()[..], &sized(data)].concat();
    let sni = extension(0, &sized(&[&[0][..], &sized(name.as_bytes())].concat()));
    let extensions = [extension(21, &vec![0; padding]), sni, extension(16, &sized(b"\x02h2"))].concat();
    let body = [&[3, 3][..], &[7; 32], &[0], &sized(&[0x13, 1]), &[1, 0], &sized(&extensions)].concat();
    let message = [&[1][..], &(body.len() as u32).to_be_bytes()[1..], &body].concat();
    [&[22, 3, 1][..], &sized(&message)].concat()
}

fn dns_name(text: &str) -> Vec<u8> {
    let labels = text.split('.').flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat());
    labels.chain([0]).collect()
}

/// A question for an address.
pub fn dns_question(id: u16, name: &str) -> Vec<u8> {
    [&id.to_be_bytes()[..], &[1, 0, 0, 1, 0, 0, 0, 0, 0, 0], &dns_name(name), &[0, 1, 0, 1]].concat()
}

/// Its answer: the alias `through`, and that alias' address.
pub fn dns_answer(id: u16, name: &str, through: &str, address: [u8; 4]) -> Vec<u8> {
    let alias = dns_name(through);
    let length = (alias.len() as u16).to_be_bytes();
    let cname = [&[0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60][..], &length, &alias].concat();
    let a = [&alias[..], &[0, 1, 0, 1, 0, 0, 0, 60, 0, 4], &address].concat();
    let head = [&id.to_be_bytes()[..], &[0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 0]].concat();
    [head, dns_name(name), vec![0, 1, 0, 1], cname, a].concat()
}
