//! The actors.

use super::frames::{self, Host, Segment};
use super::scene::{Actor, Stage};
use crate::net::{Mac, Protocol, Service};

const MS: u64 = 1000;
/// One way to a host far off, and to one in the same building.
const FAR: u64 = 90 * MS;
const NEAR: u64 = 300;

/// Opens TCP connections, evenly spaced with a little jitter.
pub(super) struct Caller {
    pub(super) camera: Host,
    pub(super) to: Host,
    pub(super) port: u16,
    pub(super) every: u64,
    pub(super) jitter: f64,
    pub(super) left: u64,
    pub(super) answered: f64,
    /// The SYN again after 1, 3, 7, … seconds without an answer.
    pub(super) retries: u32,
    pub(super) next_port: u16,
    /// The unshifted time of the next call, so that jitter does not add up.
    pub(super) ideal: u64,
}

impl Actor for Caller {
    fn wake(&mut self, now: u64, stage: &mut Stage) -> Option<u64> {
        self.left = self.left.checked_sub(1)?;
        let port = self.next_port;
        self.next_port = if port == 60_999 { 32_768 } else { port + 1 };
        let answered = stage.random.chance(self.answered);
        let service = Service { protocol: Protocol::Tcp, port: self.port };
        let retries = if answered { 0 } else { self.retries };
        stage.note(&self.camera, &self.to, service, u64::from(retries), answered);
        let hello = [b"REGISTER ", &port.to_be_bytes()[..]].concat();
        if answered {
            connection(stage, now, &self.camera, &self.to, (port, self.port), &hello, 200, FAR);
        } else {
            let sequence = stage.random.bits() as u32;
            for attempt in 0..=retries {
                let at = now + ((1 << attempt) - 1) * 1_000_000;
                syn(stage, at, &self.camera, &self.to, (port, self.port), sequence);
            }
        }
        self.ideal += self.every;
        let jitter = (self.every as f64 * self.jitter) as u64;
        Some(self.ideal + stage.random.below(jitter + 1))
    }
}

fn syn(stage: &mut Stage, at: u64, from: &Host, to: &Host, ports: (u16, u16), sequence: u32) {
    let segment = Segment { ports, sequence, ack: None, syn: true, fin: false, rst: false };
    let id = stage.id(from);
    stage.send(at, frames::tcp(from, to, id, &segment, &[]));
}

/// Opens one connection from each of many addresses that nobody has, as if each was a camera of its own.
pub(super) struct Flood {
    pub(super) to: Host,
    pub(super) every: u64,
    pub(super) sources: u32,
    /// How many have called.
    pub(super) called: u32,
}

/// Addresses that there are for a flood.
pub const MAX_SOURCES: u32 = 1 << 24;

impl Flood {
    /// Each number has an address and a MAC of Dahua's of its own, in no order: 10.128.0.0/9, then 11.0.0.0/8.
    fn source(number: u32) -> Host {
        let scattered = (number & 0x7f_ffff).wrapping_mul(0x9e_37b1) & 0x7f_ffff;
        let base = if number < 1 << 23 { 0x0a80_0000 } else { 0x0b00_0000 };
        let [_, a, b, c] = number.to_be_bytes();
        Host { mac: Mac([0x3c, 0xef, 0x8c, a, b, c]), address: (base | scattered).into(), ttl: 64 }
    }
}

impl Actor for Flood {
    fn wake(&mut self, now: u64, stage: &mut Stage) -> Option<u64> {
        if self.called == self.sources {
            return None;
        }
        let from = Self::source(self.called);
        self.called += 1;
        let bits = stage.random.bits();
        // 120.24.0.0/13 is in China by every source.
        let to = Host { address: (0x7818_0000 | (bits >> 45) as u32).into(), ..self.to };
        let ports = (32_768 | (bits >> 32) as u16, 443);
        let segment = Segment { ports, sequence: bits as u32, ack: None, syn: true, fin: false, rst: false };
        // Not of the truth, and with no memory of who sent what: there are too many.
        stage.send(now, frames::tcp(&from, &to, bits as u16, &segment, &[]));
        Some(now + self.every)
    }
}

/// A whole connection: handshake, a request, an answer of `reply` bytes, the end.
#[expect(clippy::too_many_arguments, reason = "a connection has that many facts")]
pub(super) fn connection(
    stage: &mut Stage,
    at: u64,
    from: &Host,
    to: &Host,
    ports: (u16, u16),
    request: &[u8],
    reply: usize,
    way: u64,
) {
    let (mine, theirs) = (stage.random.bits() as u32, stage.random.bits() as u32);
    syn(stage, at, from, to, ports, mine);
    let back = (ports.1, ports.0);
    let plain = Segment { ports, sequence: 0, ack: None, syn: false, fin: false, rst: false };
    let mut send = |at: u64, out: bool, segment: Segment, payload: &[u8]| {
        let (from, to) = if out { (from, to) } else { (to, from) };
        let id = stage.id(from);
        stage.send(at, frames::tcp(from, to, id, &segment, payload));
    };
    let mut at = at + 2 * way;
    send(
        at,
        false,
        Segment { ports: back, sequence: theirs, ack: Some(mine.wrapping_add(1)), syn: true, ..plain },
        &[],
    );
    let (mut mine, mut theirs) = (mine.wrapping_add(1), theirs.wrapping_add(1));
    send(at + 100, true, Segment { sequence: mine, ack: Some(theirs), ..plain }, &[]);
    send(at + 200, true, Segment { sequence: mine, ack: Some(theirs), ..plain }, request);
    mine = mine.wrapping_add(request.len() as u32);
    at += 2 * way + 200;
    for chunk in vec![0x55; reply].chunks(1400) {
        send(at, false, Segment { ports: back, sequence: theirs, ack: Some(mine), ..plain }, chunk);
        theirs = theirs.wrapping_add(chunk.len() as u32);
        at += 150;
    }
    send(at + 100, true, Segment { sequence: mine, ack: Some(theirs), fin: true, ..plain }, &[]);
    at += 100 + 2 * way;
    let end = Segment { ports: back, sequence: theirs, ack: Some(mine.wrapping_add(1)), fin: true, ..plain };
    send(at, false, end, &[]);
    let last = Segment { sequence: mine.wrapping_add(1), ack: Some(theirs.wrapping_add(1)), ..plain };
    send(at + 100, true, last, &[]);
}

/// Sends RTP to the recorder.
pub(super) struct Video {
    pub(super) camera: Host,
    pub(super) recorder: Host,
    pub(super) every: u64,
    pub(super) sequence: u16,
}

impl Actor for Video {
    fn wake(&mut self, now: u64, stage: &mut Stage) -> Option<u64> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut payload = vec![0x5a; 1388];
        payload[..4].copy_from_slice(&[0x80, 96, (self.sequence >> 8) as u8, self.sequence as u8]);
        let id = stage.id(&self.camera);
        stage.send(now, frames::udp(&self.camera, &self.recorder, id, (50_000, 56_002), &payload));
        Some(now + self.every)
    }
}

/// Asks for the time, or for a name.
pub(super) struct Asker {
    pub(super) host: Host,
    pub(super) server: Host,
    pub(super) port: u16,
    pub(super) every: u64,
    pub(super) jitter: f64,
    /// The name and what it stands for; none: NTP.
    pub(super) name: Option<(&'static str, std::net::Ipv4Addr)>,
}

impl Actor for Asker {
    fn wake(&mut self, now: u64, stage: &mut Stage) -> Option<u64> {
        let from = 20_000 + stage.random.below(40_000) as u16;
        let (ask, answer, way) = if let Some((name, address)) = self.name {
            let id = stage.random.bits() as u16;
            (frames::dns(id, name, None), frames::dns(id, name, Some(address)), NEAR)
        } else {
            // RFC 5905: version 4, mode 3 asks, mode 4 answers.
            let mut ntp = vec![0; 48];
            ntp[0] = 0x23;
            let mut answer = ntp.clone();
            answer[..2].copy_from_slice(&[0x24, 2]);
            (ntp, answer, 10 * MS)
        };
        stage.note(&self.host, &self.server, Service { protocol: Protocol::Udp, port: self.port }, 0, true);
        let id = stage.id(&self.host);
        stage.send(now, frames::udp(&self.host, &self.server, id, (from, self.port), &ask));
        let id = stage.id(&self.server);
        stage.send(now + 2 * way, frames::udp(&self.server, &self.host, id, (self.port, from), &answer));
        Some(now + stage.random.around(self.every, self.jitter))
    }
}

/// The recorder opens a session with its camera now and then.
pub(super) struct Recorder {
    pub(super) host: Host,
    pub(super) camera: Host,
    pub(super) every: u64,
}

impl Actor for Recorder {
    fn wake(&mut self, now: u64, stage: &mut Stage) -> Option<u64> {
        let port = 32_768 + stage.random.below(28_000) as u16;
        let request = format!("OPTIONS rtsp://{}:554/ RTSP/1.0\r\nCSeq: 1\r\n\r\n", self.camera.address);
        connection(stage, now, &self.host, &self.camera, (port, 554), request.as_bytes(), 160, NEAR);
        Some(now + stage.random.around(self.every, 0.05))
    }
}

/// A person at a desk: pages now and then, each of several connections, long pauses between.
pub(super) struct Person {
    pub(super) host: Host,
    pub(super) router: Host,
    pub(super) resolver: Host,
    pub(super) sites: &'static [(&'static str, [u8; 4])],
}

impl Actor for Person {
    fn wake(&mut self, now: u64, stage: &mut Stage) -> Option<u64> {
        let (name, address) = self.sites[stage.random.below(self.sites.len() as u64) as usize];
        let server = Host { address: address.into(), ..self.router };
        let ask = Asker {
            host: self.host,
            server: self.resolver,
            port: 53,
            every: 1,
            jitter: 0.0,
            name: Some((name, server.address)),
        };
        let mut ask = ask;
        ask.wake(now, stage);
        for number in 0..=stage.random.below(5) {
            let at = now + 2 * MS + number * stage.random.below(400 * MS);
            let port = 49_152 + stage.random.below(16_000) as u16;
            let hello = frames::client_hello(name, stage.random.bits().to_be_bytes());
            stage.note(&self.host, &server, Service { protocol: Protocol::Tcp, port: 443 }, 0, true);
            let reply = 2000 + stage.random.below(30_000) as usize;
            connection(stage, at, &self.host, &server, (port, 443), &hello, reply, 8 * MS);
        }
        // Most pauses are short, some last: three draws multiplied are far from even.
        let pause = (0..3).map(|_| 1 + stage.random.below(9)).product::<u64>();
        Some(now + pause * 1_000_000 + stage.random.below(1_000_000))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_source_of_a_flood_has_an_address_and_a_mac_of_its_own() {
        let some = || (0..MAX_SOURCES).step_by(97);
        let addresses: BTreeSet<std::net::Ipv4Addr> = some().map(|number| Flood::source(number).address).collect();
        let macs: BTreeSet<Mac> = some().map(|number| Flood::source(number).mac).collect();
        assert_eq!((addresses.len(), macs.len()), (some().count(), some().count()));
    }
}
