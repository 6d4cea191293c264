//! The scenarios: who is on stage.

use std::net::Ipv4Addr;

use super::actors::{Asker, Caller, Flood, Person, Recorder, Video};
use super::frames::Host;
use super::scene::Scene;
use crate::net::Mac;
use crate::time::Timestamp;

/// Which scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    /// Cameras that call one address in China without end.
    Fiumicino,
    /// People at their desks, and a few quiet cameras.
    Office,
    /// Cameras that only talk to their recorder, the time server at home and the resolver.
    Quiet,
    /// Quiet, and from a given minute on Fiumicino.
    Onset,
    /// Cameras of three makers, recorders, office machines and a router, each speaking its protocols.
    Mixed,
    /// Quiet, and from a given minute on the first camera says nothing any more.
    Silence,
    /// Fiumicino, and beside it many made-up addresses with a camera maker's MAC that each call once.
    Flood,
}

/// How large, how long, how often.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The same seed gives the same bytes.
    pub seed: u64,
    /// Cameras.
    pub cameras: u64,
    /// Attempts per camera and hour.
    pub rate: u64,
    /// Length in seconds.
    pub seconds: u64,
    /// Share of attempts that are answered, 0 to 1.
    pub answered: f64,
    /// Share of packets that are internal video, 0 to below 1.
    pub video: f64,
    /// Retries of each unanswered attempt.
    pub retries: u32,
    /// When the capture begins.
    pub start: Timestamp,
    /// `onset`: the minute in which it begins.
    pub at_minute: u64,
    /// `office`: people.
    pub people: u64,
    /// `flood`: made-up addresses.
    pub sources: u32,
    /// `mixed`: every device has another address in the second half.
    pub readdress: bool,
    /// Bytes kept of each frame.
    pub snaplen: u32,
}

/// Whom cameras call: Hangzhou, by every source the same: CN by place and by owner.
pub const FAR_AWAY: Ipv4Addr = Ipv4Addr::new(120, 26, 96, 67);
/// The registration port of Hikvision's platforms.
const REGISTRATION: u16 = 7660;
/// A time server in the United Kingdom.
const TIME: Ipv4Addr = Ipv4Addr::new(212, 58, 244, 20);

const SITES: &[(&str, [u8; 4])] = &[
    ("www.bbc.co.uk", [212, 58, 244, 20]),
    ("www.gov.uk", [52, 56, 34, 1]),
    ("outlook.office365.com", [52, 97, 133, 226]),
    ("www.google.com", [142, 250, 187, 196]),
    ("teams.microsoft.com", [52, 113, 194, 132]),
    ("cdn.jsdelivr.net", [151, 101, 1, 229]),
    ("github.com", [140, 82, 121, 3]),
    ("www.theguardian.com", [151, 101, 65, 111]),
    ("s3.eu-west-1.amazonaws.com", [52, 218, 60, 1]),
    ("www.wikipedia.org", [185, 15, 59, 224]),
];

impl Scenario {
    /// Its name in commands and truth files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fiumicino => "fiumicino",
            Self::Office => "office",
            Self::Quiet => "quiet",
            Self::Onset => "onset",
            Self::Mixed => "mixed",
            Self::Silence => "silence",
            Self::Flood => "flood",
        }
    }

    /// The scene, ready to be played.
    pub fn scene(self, options: &Options) -> Scene {
        let mut scene = Scene::new(options.start, options.seconds, options.seed);
        match self {
            Self::Fiumicino => {
                callers(&mut scene, options, 0);
                video(&mut scene, options);
            }
            Self::Quiet => quiet(&mut scene, options),
            Self::Onset => {
                quiet(&mut scene, options);
                callers(&mut scene, options, options.at_minute * 60);
            }
            Self::Mixed => super::mixed::stage(&mut scene, options),
            Self::Silence => {
                quiet(&mut scene, options);
                scene.silence(camera(0), options.at_minute * 60);
            }
            Self::Flood => {
                callers(&mut scene, options, 0);
                flood(&mut scene, options);
            }
            Self::Office => {
                quiet(&mut scene, options);
                people(&mut scene, options);
            }
        }
        scene
    }
}

/// Cameras of one block of addresses: 10.20.0.0/16, which also has the servers, then 10.100.0.0/16 and those behind it.
const BLOCK: u64 = 65_000;

fn camera(number: u64) -> Host {
    let (block, number) = (number / BLOCK, number % BLOCK);
    let [.., a, b] = (number + 1).to_be_bytes();
    let second = if block == 0 { 20 } else { 99 + block as u8 };
    let mac = Mac([0x44, 0x19, 0xb6, 0x10 + block as u8, a, b]);
    Host { mac, address: Ipv4Addr::new(10, second, a, b), ttl: 64 }
}

/// Cameras that there are addresses for.
pub const MAX_CAMERAS: u64 = 16 * BLOCK;

fn router(address: Ipv4Addr) -> Host {
    Host { mac: Mac([0x00, 0x1b, 0x54, 0xaa, 0xbb, 0x01]), address, ttl: 52 }
}

fn server(last: u8) -> Host {
    let address = Ipv4Addr::new(10, 20, 255, last);
    Host { mac: Mac([0x00, 0x50, 0x56, 0, 0, last]), address, ttl: 64 }
}

fn callers(scene: &mut Scene, options: &Options, from_second: u64) {
    let seconds = options.seconds.saturating_sub(from_second);
    let every = 3_600_000_000 / options.rate.max(1);
    let left = options.rate * seconds / 3600;
    for number in 0..options.cameras {
        // Each begins at its own moment of the first interval, so that all its attempts fit.
        let first = from_second * 1_000_000 + every * number / options.cameras.max(1);
        let next_port = 32_768 + scene.random().below(28_000) as u16;
        scene.add(
            first,
            Caller {
                camera: camera(number),
                to: router(FAR_AWAY),
                port: REGISTRATION,
                every,
                jitter: 0.02_f64.min(1.0 / options.cameras.max(1) as f64),
                left,
                answered: options.answered,
                retries: options.retries,
                next_port,
                ideal: first,
            },
        );
    }
}

fn video(scene: &mut Scene, options: &Options) {
    if options.video <= 0.0 {
        return;
    }
    // An answered attempt is about nine packets, an unanswered one the SYN and its retries.
    let packets = options.answered * 9.0 + (1.0 - options.answered) * (1.0 + f64::from(options.retries));
    let hourly = options.rate as f64 * packets * options.video / (1.0 - options.video);
    let every = (3.6e9 / hourly.max(1.0)) as u64;
    stream(scene, options, every.max(1));
}

/// Begins when the cameras are known, and lasts till the end.
fn flood(scene: &mut Scene, options: &Options) {
    let first = 10_000_000.min(options.seconds * 100_000);
    let every = (options.seconds * 1_000_000 - first) / u64::from(options.sources).max(1);
    scene.add(first, Flood { to: router(FAR_AWAY), every: every.max(1), sources: options.sources, called: 0 });
}

fn stream(scene: &mut Scene, options: &Options, every: u64) {
    for number in 0..options.cameras {
        let first = every * number / options.cameras.max(1);
        scene.add(first, Video { camera: camera(number), recorder: server(10), every, sequence: 0 });
    }
}

fn quiet(scene: &mut Scene, options: &Options) {
    for number in 0..options.cameras {
        let camera = camera(number);
        let mut first = || scene.random().below(60_000_000);
        let (record, time, name) = (first(), first(), first());
        scene.add(record, Recorder { host: server(10), camera, every: 300_000_000 });
        let time_server = router(TIME);
        scene.add(
            time,
            Asker { host: camera, server: time_server, port: 123, every: 64_000_000, jitter: 0.01, name: None },
        );
        let name_asked = Some(("ntp.council.example", TIME));
        scene.add(
            name,
            Asker { host: camera, server: server(53), port: 53, every: 300_000_000, jitter: 0.05, name: name_asked },
        );
    }
    // A frame a second of each camera: enough to be seen, small enough to keep.
    stream(scene, options, 1_000_000);
}

fn people(scene: &mut Scene, options: &Options) {
    for number in 0..options.people {
        let [.., a, b] = (number + 1).to_be_bytes();
        let mac = Mac([0xf8, 0xbc, 0x12, 0x30, a, b]);
        let host = Host { mac, address: Ipv4Addr::new(10, 30, a, b), ttl: 128 };
        let first = scene.random().below(60_000_000);
        let router = router(Ipv4Addr::UNSPECIFIED);
        scene.add(first, Person { host, router, resolver: server(53), sites: SITES });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_camera_has_an_address_and_a_mac_of_its_own() {
        assert_eq!(camera(0).address, Ipv4Addr::new(10, 20, 0, 1));
        assert_eq!(camera(BLOCK).address, Ipv4Addr::new(10, 100, 0, 1));
        let numbers = || (0..MAX_CAMERAS).step_by(7);
        let addresses: std::collections::BTreeSet<Ipv4Addr> = numbers().map(|number| camera(number).address).collect();
        let macs: std::collections::BTreeSet<Mac> = numbers().map(|number| camera(number).mac).collect();
        assert_eq!((addresses.len(), macs.len()), (numbers().count(), numbers().count()));
        assert!(!addresses.contains(&server(10).address));
    }
}
