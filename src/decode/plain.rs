//! The frame that comes more often than all others, decoded in one step.
//!
//! TCP in IPv4 on Ethernet, nothing between or around: no tag, no option of IP, no fragment, no tunnel, and whole as far
//! as TCP's fixed header. The general way gathers a context from layer to layer and hands it on by copying; here every
//! field lies at a known place, which takes a fifth of the time. What differs in anything is left to the general way,
//! which decodes these frames to the same.

use std::net::{IpAddr, Ipv4Addr};

use super::{Macs, Packet, TcpSegment, Transport};
use crate::net::Mac;
use crate::source::{Frame, LinkType};

/// Where IPv4 begins, behind the Ethernet header.
const IP: usize = 14;
/// Where TCP begins, behind an IPv4 header without options.
const TCP: usize = IP + 20;
/// Where TCP's options begin, or its payload.
const HEADERS: usize = TCP + 20;

/// A plain frame: what it holds to the end of TCP's fixed header, and all of it.
pub(super) struct Plain<'a> {
    head: &'a [u8; HEADERS],
    frame: Frame<'a>,
}

impl<'a> Plain<'a> {
    /// None where the frame is another.
    #[inline]
    pub(super) fn of(frame: &Frame<'a>) -> Option<Self> {
        let plain = Self { head: frame.data.first_chunk::<HEADERS>()?, frame: *frame };
        // EtherType IPv4; version 4 and 5 words of header; neither more fragments nor an offset; TCP. Lengths that cannot
        // be, and 0 for an offloaded segment, are judged by the general way.
        let is_plain = frame.link == LinkType(1)
            && plain.word(12) == 0x0800
            && plain.head[IP] == 0x45
            && plain.word(IP + 6) & 0x3fff == 0
            && plain.head[IP + 9] == 6
            && plain.total() >= HEADERS - IP
            && plain.own() >= HEADERS - TCP;
        is_plain.then_some(plain)
    }

    /// The packet in it.
    #[inline]
    pub(super) fn packet(&self) -> Packet<'a> {
        let Self { head, frame } = self;
        let (total, own) = (self.total(), self.own());
        // What lies behind the IP packet is the link's padding.
        let end = frame.data.len().min(IP + total);
        let flags = head[TCP + 13];
        Packet {
            time: frame.time,
            macs: Some(Macs { source: self.mac(6), destination: self.mac(0) }),
            vlan: None,
            source: self.address(IP + 12),
            destination: self.address(IP + 16),
            length: total as u32,
            mark: u32::from(self.word(IP + 4)) << 16 | u32::from(self.word(TCP + 16)),
            reassembled: false,
            payload: Transport::Tcp(TcpSegment {
                source_port: self.word(TCP),
                destination_port: self.word(TCP + 2),
                sequence: u32::from(self.word(TCP + 4)) << 16 | u32::from(self.word(TCP + 6)),
                syn: flags & 2 != 0,
                ack: flags & 16 != 0,
                fin: flags & 1 != 0,
                rst: flags & 4 != 0,
                payload: frame.data.get(TCP + own..end).unwrap_or_default(),
                payload_len: (total - (TCP - IP)).saturating_sub(own) as u32,
                fragment_id: None,
            }),
        }
    }

    /// The length of the IP packet, as it states it.
    #[inline]
    fn total(&self) -> usize {
        usize::from(self.word(IP + 2))
    }

    /// The length of TCP's header with its options.
    #[inline]
    fn own(&self) -> usize {
        usize::from(self.head[TCP + 12] >> 4) * 4
    }

    #[inline]
    fn word(&self, at: usize) -> u16 {
        u16::from_be_bytes([self.head[at], self.head[at + 1]])
    }

    #[inline]
    fn address(&self, at: usize) -> IpAddr {
        let head = self.head;
        IpAddr::V4(Ipv4Addr::new(head[at], head[at + 1], head[at + 2], head[at + 3]))
    }

    #[inline]
    fn mac(&self, at: usize) -> Mac {
        let head = self.head;
        Mac([head[at], head[at + 1], head[at + 2], head[at + 3], head[at + 4], head[at + 5]])
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Decoded, Decoder};
    use super::*;
    use crate::time::Timestamp;

    fn decode<'a>(frame: &Frame<'a>) -> Option<Packet<'a>> {
        Plain::of(frame).map(|plain| plain.packet())
    }

    /// A frame of this link type, with these words of TCP header and payload, stating `total` as the IP packet's length.
    fn frame_of(ip: u8, total: u16, fragment: u16, offset: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x02, 0, 0, 0, 0, 9, 0x44, 0x19, 0xb6, 0, 0, 1, 8, 0, ip, 0];
        bytes.extend(total.to_be_bytes());
        bytes.extend([0x12, 0x34]);
        bytes.extend(fragment.to_be_bytes());
        bytes.extend([64, 6, 0, 0, 10, 0, 0, 1, 8, 8, 8, 8]);
        bytes.extend([
            0x9c,
            0x40,
            1,
            0xbb,
            1,
            2,
            3,
            4,
            5,
            6,
            7,
            8,
            offset << 4,
            0b01_0010,
            0xff,
            0xff,
            0xab,
            0xcd,
            0,
            0,
        ]);
        bytes.extend(payload);
        bytes
    }

    fn seen(link: u16, data: &[u8], beyond: u32) -> Frame<'_> {
        let wire_len = data.len() as u32 + beyond;
        Frame { time: Timestamp::from_parts(5, 6), link: LinkType(link), interface: 0, wire_len, data }
    }

    #[test]
    fn a_plain_frame_is_taken() {
        let bytes = frame_of(0x45, 43, 0x4000, 5, b"abc and padding");
        let packet = decode(&seen(1, &bytes, 0)).unwrap();
        let Transport::Tcp(tcp) = packet.payload else { panic!("no TCP") };
        assert_eq!(
            (tcp.source_port, tcp.destination_port, tcp.payload, tcp.payload_len),
            (40_000, 443, &b"abc"[..], 3)
        );
        assert!(tcp.syn && tcp.ack && !tcp.fin && !tcp.rst);
        assert_eq!(packet.mark, 0x1234_abcd);
    }

    #[test]
    fn others_are_left_to_the_general_way() {
        let whole = frame_of(0x45, 40, 0, 5, b"");
        assert!(decode(&seen(1, &whole, 0)).is_some());
        assert_eq!(decode(&seen(101, &whole, 0)), None, "another link type");
        assert_eq!(decode(&seen(1, &whole[..53], 1)), None, "cut within TCP");
        for other in [
            frame_of(0x46, 44, 0, 5, b"abcd"),
            frame_of(0x45, 39, 0, 5, b""),
            frame_of(0x45, 0, 0, 5, b""),
            frame_of(0x45, 40, 0x2000, 5, b""),
            frame_of(0x45, 40, 1, 5, b""),
            frame_of(0x45, 40, 0, 4, b""),
        ] {
            assert_eq!(decode(&seen(1, &other, 0)), None, "{other:?}");
        }
    }

    proptest! {
        #[test]
        fn it_says_what_the_general_way_says(
            total in prop_oneof![30_u16..120, any::<u16>()],
            fragment in prop_oneof![Just(0x4000_u16), any::<u16>()],
            offset in 0_u8..16,
            ip in prop_oneof![4 => Just(0x45_u8), 1 => any::<u8>()],
            payload in prop::collection::vec(any::<u8>(), 0..80),
            cut in 0_usize..140,
            beyond in 0_u32..50,
        ) {
            let whole = frame_of(ip, total, fragment, offset, &payload);
            let frame = seen(1, &whole[..whole.len().min(cut)], beyond);
            if let Some(packet) = decode(&frame) {
                let mut decoder = Decoder::default();
                prop_assert_eq!(decoder.decode_generally(&frame), Decoded::Packet(packet));
            }
        }
    }
}
