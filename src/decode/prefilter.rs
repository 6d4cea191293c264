//! Internal video, told from its raw bytes and passed over before anything is decoded.

use std::net::Ipv4Addr;

use ipnet::IpNet;

use crate::source::{Frame, LinkType};

/// Passes over what goes from inside to inside and opens, ends or names nothing.
///
/// TCP without SYN, FIN or RST, and UDP, both without a port that is listened to, IPv4, not fragmented, on Ethernet with
/// up to three tags. Everything else is decoded. False negatives cost time only.
pub struct Prefilter {
    pub(super) ranges: Vec<(u32, u32)>,
    /// One bit a port that is listened to.
    ports: Vec<u64>,
}

impl Prefilter {
    /// `internal` are ranges beside private space; `ports` those that are listened to on either side.
    pub fn new(internal: &[IpNet], ports: impl IntoIterator<Item = u16>) -> Self {
        let ranges = internal.iter().filter_map(|range| match range {
            IpNet::V4(v4) => Some((u32::from(v4.network()), u32::from(v4.broadcast()))),
            IpNet::V6(_) => None,
        });
        let mut bits = vec![0_u64; 1024];
        for port in ports {
            bits[usize::from(port >> 6)] |= 1 << (port & 63);
        }
        Self { ranges: ranges.collect(), ports: bits }
    }

    /// Whether the frame is internal video.
    pub fn passes_over(&self, frame: &Frame<'_>) -> bool {
        if frame.link != LinkType(1) {
            return false;
        }
        let data = frame.data;
        let mut at = 12;
        for _ in 0..4 {
            match data.get(at..at + 2) {
                Some([8, 0]) => return self.is_video(&data[at + 2..]),
                Some([0x81, 0] | [0x88, 0xa8]) => at += 4,
                _ => return false,
            }
        }
        false
    }

    fn is_video(&self, ip: &[u8]) -> bool {
        // 20 bytes of IP without options, 14 of TCP: to its flags.
        let Some(head) = ip.first_chunk::<34>() else { return false };
        if head[0] != 0x45 || head[6] & 0x3f != 0 || head[7] != 0 {
            return false;
        }
        let interesting = match head[9] {
            6 => head[33] & 7 != 0,
            17 => false,
            _ => return false,
        };
        let word = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        !interesting
            && !self.listens(u16::from_be_bytes([head[20], head[21]]))
            && !self.listens(u16::from_be_bytes([head[22], head[23]]))
            && self.is_inside(word(12))
            && (self.is_inside(word(16)) || Ipv4Addr::from(word(16)).is_multicast())
    }

    pub(super) fn listens(&self, port: u16) -> bool {
        self.ports[usize::from(port >> 6)] >> (port & 63) & 1 == 1
    }

    fn is_inside(&self, address: u32) -> bool {
        address >> 24 == 10
            || address >> 16 == 0xc0a8
            || address >> 20 == 0xac1
            || address >> 22 == 0x191
            || address >> 16 == 0xa9fe
            || self.ranges.iter().any(|(low, high)| (*low..=*high).contains(&address))
    }
}
