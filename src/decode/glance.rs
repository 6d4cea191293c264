//! What the outermost Ethernet header says, read without decoding the frame.

use std::net::{IpAddr, Ipv4Addr};

use crate::net::Mac;
use crate::source::{Frame, LinkType};

/// The sender of an Ethernet frame, and what follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Glance<'a> {
    /// The sender on the link.
    pub source: Mac,
    /// The innermost VLAN identifier of up to three tags.
    pub vlan: Option<u16>,
    /// The `EtherType` behind the tags, or a length.
    pub ethertype: u16,
    payload: &'a [u8],
}

impl<'a> Glance<'a> {
    /// Reads the header; none where the frame is no Ethernet, or cut within it.
    pub fn at(frame: &Frame<'a>) -> Option<Self> {
        if frame.link != LinkType(1) {
            return None;
        }
        let source = Mac(frame.data.get(6..12)?.try_into().ok()?);
        let (mut vlan, mut at) = (None, 12);
        for _ in 0..4 {
            let [a, b, high, low] = *frame.data.get(at..)?.first_chunk::<4>()?;
            let ethertype = u16::from_be_bytes([a, b]);
            if !matches!(ethertype, 0x8100 | 0x88a8) {
                return Some(Self { source, vlan, ethertype, payload: frame.data.get(at + 2..)? });
            }
            vlan = Some(u16::from_be_bytes([high, low]) & 0x0fff);
            at += 4;
        }
        None
    }

    /// The sender of the IPv4 packet within, if that is what is within.
    pub fn ipv4_source(&self) -> Option<IpAddr> {
        let address: [u8; 4] = self.payload.get(12..16).filter(|_| self.ethertype == 0x0800)?.try_into().ok()?;
        Some(IpAddr::V4(Ipv4Addr::from(address)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn sees_through_tags() {
        let mut data = vec![0; 60];
        data[6..12].copy_from_slice(&[0x44, 0x19, 0xb6, 0, 0, 1]);
        data[12..20].copy_from_slice(&[0x88, 0xa8, 0, 5, 0x81, 0, 0x20, 12]);
        data[20..22].copy_from_slice(&[8, 0]);
        data[34..38].copy_from_slice(&[10, 0, 0, 9]);
        let frame = |data| Frame { time: Timestamp::MIN, link: LinkType(1), interface: 0, wire_len: 60, data };
        let glance = Glance::at(&frame(&data)).unwrap();
        assert_eq!((glance.vlan, glance.ethertype), (Some(12), 0x0800));
        assert_eq!(glance.ipv4_source(), "10.0.0.9".parse().ok());
        for end in 0..data.len() {
            assert_eq!(Glance::at(&frame(&data[..end])).is_some(), end >= 24, "{end}");
        }
    }
}
