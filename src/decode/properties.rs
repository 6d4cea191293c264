//! What must hold for every packet, however it is wrapped and wherever it is cut.

use std::net::IpAddr;

use proptest::prelude::*;

use super::{Cause, Decoded, Decoder, Packet, Transport};
use crate::source::{Frame, LinkType};
use crate::time::Timestamp;

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
/// An Ethernet frame within something else (transparent Ethernet bridging).
const FRAME: u16 = 0x6558;

/// What a layer wraps, by its `EtherType`.
#[derive(Debug, Clone)]
struct Inner(u16, Vec<u8>);

#[derive(Debug, Clone, Copy)]
enum Layer {
    Vlan(u16),
    ServiceVlan(u16),
    Mpls(u8),
    Pppoe,
    Snap,
    Ethernet,
    MacInMac,
    Gre { checksum: bool, key: bool, sequence: bool },
    Erspan1,
    Erspan2,
    Erspan3 { platform: bool },
    Vxlan,
    Geneve(u8),
    IpInIp,
    IpInIp6 { options: u8 },
    GtpU { sequence: bool },
    Teredo { origin: bool },
    Capwap,
}

fn layer() -> impl Strategy<Value = Layer> {
    prop_oneof![
        (0..4096_u16).prop_map(Layer::Vlan),
        (0..4096_u16).prop_map(Layer::ServiceVlan),
        (1..4_u8).prop_map(Layer::Mpls),
        Just(Layer::Pppoe),
        Just(Layer::Snap),
        Just(Layer::Ethernet),
        Just(Layer::MacInMac),
        any::<[bool; 3]>().prop_map(|[checksum, key, sequence]| Layer::Gre { checksum, key, sequence }),
        Just(Layer::Erspan1),
        Just(Layer::Erspan2),
        any::<bool>().prop_map(|platform| Layer::Erspan3 { platform }),
        Just(Layer::Vxlan),
        (0..4_u8).prop_map(Layer::Geneve),
        Just(Layer::IpInIp),
        (0..3_u8).prop_map(|options| Layer::IpInIp6 { options }),
        any::<bool>().prop_map(|sequence| Layer::GtpU { sequence }),
        any::<bool>().prop_map(|origin| Layer::Teredo { origin }),
        Just(Layer::Capwap),
    ]
}

fn be(number: usize) -> [u8; 2] {
    (number as u16).to_be_bytes()
}

fn ethernet(Inner(ethertype, bytes): &Inner) -> Vec<u8> {
    [&[0x02, 0, 0, 0, 0, 9, 0x44, 0x19, 0xb6, 0, 0, 1][..], &ethertype.to_be_bytes(), bytes].concat()
}

fn ipv4(protocol: u8, payload: &[u8]) -> Inner {
    let length = be(20 + payload.len());
    let header =
        [&[0x45, 0][..], &length, &[0x12, 0x34, 0, 0, 64, protocol, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2]].concat();
    Inner(IPV4, [header, payload.to_vec()].concat())
}

/// With as many destination options headers before the payload.
fn ipv6(protocol: u8, options: u8, payload: &[u8]) -> Inner {
    let mut next = protocol;
    let mut body = payload.to_vec();
    for _ in 0..options {
        body = [&[next, 0, 1, 4, 0, 0, 0, 0][..], &body].concat();
        next = 60;
    }
    let addresses = [[0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]; 2].concat();
    Inner(IPV6, [&[0x60, 0, 0, 0][..], &be(body.len()), &[next, 64], &addresses, &body].concat())
}

fn udp(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    [&source.to_be_bytes()[..], &destination.to_be_bytes(), &be(8 + payload.len()), &[0, 0], payload].concat()
}

fn frame_of(inner: Inner) -> Vec<u8> {
    if inner.0 == FRAME { inner.1 } else { ethernet(&inner) }
}

fn wrap(inner: Inner, layer: Layer) -> Inner {
    let Inner(ethertype, bytes) = &inner;
    let is_ip = matches!(*ethertype, IPV4 | IPV6);
    let tagged = |tpid, tag: u16| Inner(tpid, [&tag.to_be_bytes()[..], &ethertype.to_be_bytes(), bytes].concat());
    match layer {
        Layer::Vlan(tag) => tagged(0x8100, tag),
        Layer::ServiceVlan(tag) => tagged(0x88a8, tag),
        Layer::Mpls(labels) => {
            let mut stack: Vec<u8> = (1..=labels).flat_map(|label| [0, label, u8::from(label == labels), 64]).collect();
            if is_ip {
                stack.extend(bytes);
            } else {
                // A pseudowire's control word (RFC 4448).
                stack.extend([0; 4]);
                stack.extend(frame_of(inner));
            }
            Inner(0x8847, stack)
        }
        Layer::Pppoe if is_ip => {
            let protocol = if *ethertype == IPV4 { [0, 0x21] } else { [0, 0x57] };
            Inner(0x8864, [&[0x11, 0, 0, 1][..], &be(bytes.len() + 2), &protocol, bytes].concat())
        }
        Layer::Snap if bytes.len() + 8 <= 1500 => {
            let llc = [&[0xaa, 0xaa, 3, 0, 0, 0][..], &ethertype.to_be_bytes(), bytes].concat();
            Inner(FRAME, ethernet(&Inner(llc.len() as u16, llc)))
        }
        Layer::Ethernet => Inner(FRAME, frame_of(inner)),
        Layer::MacInMac => Inner(0x88e7, [vec![0, 0, 0, 7], frame_of(inner)].concat()),
        Layer::Gre { checksum, key, sequence } => {
            let flags = u16::from(checksum) << 15 | u16::from(key) << 13 | u16::from(sequence) << 12;
            let words = usize::from(checksum) + usize::from(key) + usize::from(sequence);
            let header = [flags.to_be_bytes(), ethertype.to_be_bytes()].concat();
            ipv4(47, &[header, vec![0; words * 4], bytes.clone()].concat())
        }
        Layer::Erspan1 => ipv4(47, &[vec![0, 0, 0x88, 0xbe], frame_of(inner)].concat()),
        Layer::Erspan2 => {
            ipv4(47, &[vec![0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 1, 0, 0, 0, 0, 0, 0], frame_of(inner)].concat())
        }
        Layer::Erspan3 { platform } => {
            let mut header =
                vec![0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, u8::from(platform)];
            header.extend(vec![0; if platform { 8 } else { 0 }]);
            ipv4(47, &[header, frame_of(inner)].concat())
        }
        Layer::Vxlan => ipv4(17, &udp(50_000, 4789, &[vec![8, 0, 0, 0, 0, 0, 7, 0], frame_of(inner)].concat())),
        Layer::Geneve(words) => {
            let header = [&[words, 0][..], &ethertype.to_be_bytes(), &[0, 0, 7, 0]].concat();
            ipv4(17, &udp(50_000, 6081, &[header, vec![0; usize::from(words) * 4], bytes.clone()].concat()))
        }
        Layer::IpInIp if is_ip => ipv4(if *ethertype == IPV4 { 4 } else { 41 }, bytes),
        Layer::IpInIp6 { options } if is_ip => ipv6(if *ethertype == IPV4 { 4 } else { 41 }, options, bytes),
        Layer::GtpU { sequence } if is_ip => {
            let optional = if sequence { vec![0; 4] } else { Vec::new() };
            let length = be(bytes.len() + optional.len());
            let header = [&[0x30 | u8::from(sequence) << 1, 255][..], &length, &[0, 0, 0, 1]].concat();
            ipv4(17, &udp(2152, 2152, &[header, optional, bytes.clone()].concat()))
        }
        Layer::Teredo { origin } if *ethertype == IPV6 => {
            let origin = if origin { vec![0, 0, 1, 2, 3, 4, 5, 6] } else { Vec::new() };
            ipv4(17, &udp(3544, 50_000, &[origin, bytes.clone()].concat()))
        }
        Layer::Capwap => ipv4(17, &udp(50_000, 5247, &[vec![0, 0x10, 0, 0, 0, 0, 0, 0], frame_of(inner)].concat())),
        // What a layer cannot carry it leaves as it is.
        _ => inner,
    }
}

/// A TCP segment or UDP datagram with a payload, in IPv4 or IPv6.
fn innermost() -> impl Strategy<Value = Inner> {
    let payload = proptest::collection::vec(any::<u8>(), 0..200);
    (any::<bool>(), any::<bool>(), 0..3_u8, payload).prop_map(|(tcp, v6, options, payload)| {
        let body = if tcp {
            [&[0xc0, 0, 0x1d, 0xec, 0, 0, 0, 9, 0, 0, 0, 0, 0x50, 0x18, 1, 1, 0xab, 0xcd, 0, 0][..], &payload].concat()
        } else {
            udp(40_000, 8800, &payload)
        };
        let protocol = if tcp { 6 } else { 17 };
        let Inner(ethertype, mut packet) = if v6 { ipv6(protocol, options, &body) } else { ipv4(protocol, &body) };
        // Other addresses than those of any tunnel's ends.
        packet[if v6 { 8 } else { 12 }] ^= 0x10;
        Inner(ethertype, packet)
    })
}

fn frame(data: &[u8], wire_len: usize) -> Frame<'_> {
    Frame { time: Timestamp::default(), link: LinkType(1), interface: 0, wire_len: wire_len as u32, data }
}

/// What is the same however the packet is wrapped: addresses, length, payload, ports.
type Essence = (IpAddr, IpAddr, u32, Vec<u8>, (u16, u16));

fn essence(packet: &Packet<'_>) -> Essence {
    let (payload, ports) = match &packet.payload {
        Transport::Tcp(tcp) => (tcp.payload.to_vec(), (tcp.source_port, tcp.destination_port)),
        Transport::Udp(udp) => (udp.payload.to_vec(), (udp.source_port, udp.destination_port)),
        other => panic!("{other:?}"),
    };
    (packet.source, packet.destination, packet.length, payload, ports)
}

fn unwrapped(decoder: &mut Decoder, data: &[u8], wire_len: usize) -> Option<Essence> {
    match decoder.decode(&frame(data, wire_len)) {
        Decoded::Packet(packet) if matches!(packet.payload, Transport::Tcp(_) | Transport::Udp(_)) => {
            Some(essence(&packet))
        }
        _ => None,
    }
}

proptest! {
    #[test]
    fn any_stack_of_wrappings_yields_the_same_inner_packet(
        inner in innermost(), layers in proptest::collection::vec(layer(), 0..7)
    ) {
        let plain = ethernet(&inner);
        let expected = unwrapped(&mut Decoder::default(), &plain, plain.len()).unwrap();
        let wrapped = frame_of(layers.iter().fold(inner, |inner, layer| wrap(inner, *layer)));
        let found = unwrapped(&mut Decoder::default(), &wrapped, wrapped.len());
        prop_assert_eq!(found, Some(expected), "{:?}", layers);
    }

    #[test]
    fn any_prefix_never_yields_more_than_the_whole(
        inner in innermost(), layers in proptest::collection::vec(layer(), 0..4), cut: prop::sample::Index, padding in 0_usize..50
    ) {
        let whole = frame_of(layers.iter().fold(inner, |inner, layer| wrap(inner, *layer)));
        let (source, destination, length, payload, _) = unwrapped(&mut Decoder::default(), &whole, whole.len()).unwrap();
        let prefix = &whole[..cut.index(whole.len() + 1)];
        if let Some(part) = unwrapped(&mut Decoder::default(), prefix, whole.len())
            && (part.0, part.1) == (source, destination)
        {
            prop_assert_eq!(part.2, length);
            prop_assert!(payload.starts_with(&part.3));
        }
        // What was padded behind a packet is not part of it.
        let padded = [&whole[..], &vec![0; padding]].concat();
        prop_assert_eq!(unwrapped(&mut Decoder::default(), &padded, padded.len()).map(|found| found.3), Some(payload));
    }

    #[test]
    fn no_bytes_and_no_link_type_make_it_panic(link in 0_u16..300, data in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut decoder = Decoder::default();
        let frame = Frame { time: Timestamp::default(), link: LinkType(link), interface: 0, wire_len: 1500, data: &data };
        let _ = decoder.decode(&frame);
    }

    #[test]
    fn a_byte_changed_anywhere_makes_it_no_more_than_wrong(
        inner in innermost(), layers in proptest::collection::vec(layer(), 0..5), at: prop::sample::Index, with: u8
    ) {
        let mut data = frame_of(layers.iter().fold(inner, |inner, layer| wrap(inner, *layer)));
        let at = at.index(data.len());
        data[at] = with;
        if let Some((.., payload, _)) = unwrapped(&mut Decoder::default(), &data, data.len()) {
            prop_assert!(payload.len() < data.len());
        }
    }

    #[test]
    fn fragments_in_any_order_make_the_datagram(
        payload in proptest::collection::vec(any::<u8>(), 72..400), size in 1_usize..8, seed: u64, v6: bool
    ) {
        let datagram = udp(53, 40_000, &payload);
        let mut fragments: Vec<Vec<u8>> = datagram
            .chunks(size * 8)
            .enumerate()
            .map(|(number, part)| fragment(number * size * 8, (number + 1) * size * 8 < datagram.len(), part, v6))
            .collect();
        let turn = seed as usize % fragments.len();
        fragments.rotate_left(turn);
        let mut decoder = Decoder::default();
        let mut whole = 0;
        for fragment in &fragments {
            if let Decoded::Packet(packet) = decoder.decode(&frame(fragment, fragment.len()))
                && packet.reassembled
            {
                whole += 1;
                prop_assert_eq!(essence(&packet).3, payload.clone());
            }
        }
        prop_assert_eq!(whole, 1);
    }
}

fn fragment(offset: usize, more: bool, part: &[u8], v6: bool) -> Vec<u8> {
    if v6 {
        let place = (offset as u16 | u16::from(more)).to_be_bytes();
        let body = [&[17, 0][..], &place, &[0, 0, 0, 77], part].concat();
        return ethernet(&ipv6(44, 0, &body));
    }
    let Inner(ethertype, mut packet) = ipv4(17, part);
    packet[6..8].copy_from_slice(&((offset >> 3) as u16 | u16::from(more) << 13).to_be_bytes());
    ethernet(&Inner(ethertype, packet))
}

#[test]
fn tags_of_switch_chips_are_looked_behind() {
    let plain = ethernet(&ipv4(17, &udp(1, 2, b"hello")));
    let expected = unwrapped(&mut Decoder::default(), &plain, plain.len());
    let (macs, rest) = plain.split_at(12);
    for (link, data) in [
        (282, [&[0; 4][..], &plain].concat()),
        (281, [macs, &[0, 0, 0, 3], rest].concat()),
        (284, [macs, &[0xc0, 8, 0, 0], rest].concat()),
        (285, [macs, &[0xda, 0xda, 0, 0, 0xc0, 8, 0, 0], rest].concat()),
    ] {
        let frame = Frame {
            time: Timestamp::default(),
            link: LinkType(link),
            interface: 0,
            wire_len: data.len() as u32,
            data: &data,
        };
        let mut decoder = Decoder::default();
        let Decoded::Packet(packet) = decoder.decode(&frame) else { panic!("link type {link}") };
        assert_eq!(Some(essence(&packet)), expected, "link type {link}");
    }
}

#[test]
fn tunnels_without_end_are_too_deep() {
    let mut inner = ipv4(17, &udp(1, 2, b"x"));
    for _ in 0..20 {
        inner = wrap(inner, Layer::IpInIp);
    }
    let data = ethernet(&inner);
    assert_eq!(Decoder::default().decode(&frame(&data, data.len())), Decoded::Undecoded(Cause::TooDeep));
}

#[test]
fn fragments_without_end_cost_bounded_memory() {
    let mut decoder = Decoder::default();
    for number in 0..20_000_u32 {
        let Inner(ethertype, mut packet) = ipv4(17, &[7; 1400]);
        packet[4..6].copy_from_slice(&(number as u16).to_be_bytes());
        packet[6..8].copy_from_slice(&(0x2000 | (number as u16 % 7000)).to_be_bytes());
        let data = ethernet(&Inner(ethertype, packet));
        decoder.decode(&frame(&data, data.len()));
    }
    assert!(decoder.held_bytes() <= 64 * 65_535 + 65_535, "{}", decoder.held_bytes());
}

#[test]
fn a_total_length_of_zero_is_an_offloaded_segment() {
    let mut data = ethernet(&ipv4(17, &udp(1, 2, b"hello")));
    data[16..18].copy_from_slice(&[0, 0]);
    data[38..40].copy_from_slice(&[0, 0]);
    assert_eq!(unwrapped(&mut Decoder::default(), &data, data.len()).unwrap().3, b"hello");
}

#[test]
fn a_refusal_names_the_attempt_that_it_answers() {
    let syn = [0xc0, 0, 0x1d, 0xec, 0, 0, 0, 9];
    for v6 in [false, true] {
        let Inner(_, quoted) = if v6 { ipv6(6, 1, &syn) } else { ipv4(6, &syn) };
        let icmp = [if v6 { &[1, 4][..] } else { &[3, 13] }, &[0; 6], &quoted].concat();
        let data = ethernet(&if v6 { ipv6(58, 0, &icmp) } else { ipv4(1, &icmp) });
        let mut decoder = Decoder::default();
        let Decoded::Packet(packet) = decoder.decode(&frame(&data, data.len())) else { panic!("v6: {v6}") };
        let Transport::Error(error) = packet.payload else { panic!("v6: {v6}") };
        assert!(error.refusal);
        assert_eq!((error.quoted_protocol, error.quoted_ports), (6, Some((49_152, 7660))));
    }
}
