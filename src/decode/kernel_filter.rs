//! [`Prefilter`]'s judgement in the language of pcap-filter(7), so that internal video need not leave the kernel.
//!
//! It is written in offsets of the frame as the kernel has it, not with the keyword `vlan`, which shifts the offsets of all
//! that stands after it. The kernel takes the outer tag off before it filters, and libpcap puts it back later: so a frame
//! with three tags has two here, and [`Prefilter`] knows one tag more than this does. A load beyond the end of a frame would
//! end the program and drop the frame: the length is asked first.
//!
//! Of each sender some video is let through all the same, since a camera that only sends video must not be taken for one
//! that is silent. Neither a counter nor chance can be written in that language; a hash of what differs from packet to packet
//! can: the IP identification and, of TCP, the sequence and acknowledgement numbers, of UDP, the checksum and the first four
//! bytes of payload, in which RTP has its sequence number.

use super::Prefilter;

/// One in so many packets of internal video is let through.
pub(super) const ONE_IN: u32 = 64;
/// Any odd numbers with as many ones as zeros.
const FACTORS: [u32; 2] = [0x9e37_79b1, 0x85eb_ca6b];
/// Ranges beside private space that the kernel is told of, the largest first; what is in others is sorted out later.
const MAX_RANGES: usize = 64;
const MULTICAST: (u32, u32) = (0xe000_0000, 0xefff_ffff);

/// Private space, as [`Prefilter`] has it.
const PRIVATE: [(u32, u32); 5] = [
    (0x0a00_0000, 0x0aff_ffff),
    (0x6440_0000, 0x647f_ffff),
    (0xa9fe_0000, 0xa9fe_ffff),
    (0xac10_0000, 0xac1f_ffff),
    (0xc0a8_0000, 0xc0a8_ffff),
];

impl Prefilter {
    /// The filter for Ethernet: whatever it drops, [`Prefilter::passes_over`] passes over.
    pub fn kernel_filter(&self) -> String {
        let mut own = self.ranges.clone();
        own.sort_by_key(|(low, high)| std::cmp::Reverse(high - low));
        own.truncate(MAX_RANGES);
        let inside = joined(PRIVATE.into_iter().chain(own).collect());
        let ports: Vec<u32> = (0..=u16::MAX).filter(|port| self.listens(*port)).map(u32::from).collect();
        // What the tag says is 2 bytes, and so is what follows it.
        let tag = |at: usize| format!("(ether[{at}:2] = 0x8100 or ether[{at}:2] = 0x88a8) and len >= {}", at + 6);
        let video = |at: usize| format!("(ether[{at}:2] = 0x0800 and {})", video(at + 2, &inside, &ports));
        let (none, one, two) = (video(12), video(16), video(20));
        format!("not ({none} or ({} and ({one} or ({} and {two}))))", tag(12), tag(16))
    }
}

/// What is said of internal video whose IP header begins at `ip`: the words of [`Prefilter`], in its order.
fn video(ip: usize, inside: &[(u32, u32)], ports: &[u32]) -> String {
    let (source, destination) = (format!("ether[{}:4]", ip + 12), format!("ether[{}:4]", ip + 16));
    let to: Vec<(u32, u32)> = joined(inside.iter().copied().chain([MULTICAST]).collect());
    let parts = [
        format!("len >= {}", ip + 34),
        format!("ether[{ip}] = 0x45"),
        format!("ether[{}:2] & 0x3fff = 0", ip + 6),
        format!("(ether[{0}] = 17 or (ether[{0}] = 6 and ether[{1}] & 7 = 0))", ip + 9, ip + 33),
        among(&source, inside),
        among(&destination, &to),
        format!("not {}", one_of(&format!("ether[{}:2]", ip + 20), ports)),
        format!("not {}", one_of(&format!("ether[{}:2]", ip + 22), ports)),
        format!("{} & {:#x} != 0", hash(ip), !(u32::MAX / ONE_IN)),
    ];
    parts.join(" and ")
}

/// A multiplication alone would not do: with the steps that real senders take, such as 1448 and 1, it may come back to a few
/// values for ever.
fn hash(ip: usize) -> String {
    let sum = format!("(ether[{}:2] + ether[{}:4] + ether[{}:4])", ip + 4, ip + 24, ip + 28);
    let product = format!("({sum} * {})", FACTORS[0]);
    format!("(({product} ^ ({product} >> 15)) * {})", FACTORS[1])
}

/// Sorted, with those that touch or overlap made one.
fn joined(mut ranges: Vec<(u32, u32)>) -> Vec<(u32, u32)> {
    ranges.sort_unstable();
    let mut out: Vec<(u32, u32)> = Vec::new();
    for (low, high) in ranges {
        match out.last_mut() {
            Some(last) if low <= last.1.saturating_add(1) => last.1 = last.1.max(high),
            _ => out.push((low, high)),
        }
    }
    out
}

/// Whether `word` is in one of the ranges, which are sorted and apart: by halves, so that few of many are compared.
fn among(word: &str, ranges: &[(u32, u32)]) -> String {
    halved(word, ranges, |range| range.0, |(low, high)| format!("({word} >= {low:#x} and {word} <= {high:#x})"))
}

/// Whether `word` is one of the values, which are sorted.
fn one_of(word: &str, values: &[u32]) -> String {
    halved(word, values, |value| *value, |value| format!("{word} = {value}"))
}

fn halved<T>(word: &str, all: &[T], first: fn(&T) -> u32, write: impl Fn(&T) -> String + Copy) -> String {
    let middle = all.len() / 2;
    match all.get(middle) {
        Some(pivot) if all.len() > 3 => {
            let (low, high) = all.split_at(middle);
            let (low, high) = (halved(word, low, first, write), halved(word, high, first, write));
            let pivot = first(pivot);
            format!("(({word} < {pivot} and {low}) or ({word} >= {pivot} and {high}))")
        }
        _ => format!("({})", all.iter().map(write).collect::<Vec<_>>().join(" or ")),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::net::Ipv4Addr;

    use pcap::{BpfProgram, Capture, Linktype};
    use proptest::prelude::*;

    use super::*;
    use crate::source::{Frame, LinkType};
    use crate::time::Timestamp;

    fn prefilter() -> Prefilter {
        let internal = ["198.18.0.0/15", "11.0.0.0/8", "203.0.113.77/32", "2001:db8::/32"];
        let internal: Vec<ipnet::IpNet> = internal.iter().map(|range| range.parse().unwrap()).collect();
        Prefilter::new(&internal, [53, 67, 68, 80, 123, 443, 554, 4789, 5353, 37020, 0, 65535])
    }

    fn compiled(prefilter: &Prefilter) -> BpfProgram {
        let filter = prefilter.kernel_filter();
        Capture::dead(Linktype::ETHERNET)
            .unwrap()
            .compile(&filter, true)
            .unwrap_or_else(|error| panic!("{error}: {filter}"))
    }

    fn passes_over(prefilter: &Prefilter, data: &[u8]) -> bool {
        let wire_len = data.len() as u32;
        prefilter.passes_over(&Frame { time: Timestamp::MIN, link: LinkType(1), interface: 0, wire_len, data })
    }

    /// Mostly what video has, else what is near it, or anything.
    fn mostly<T: Clone + std::fmt::Debug + 'static>(
        video: &'static [T],
        near: &'static [T],
        any: impl Strategy<Value = T> + 'static,
    ) -> impl Strategy<Value = T> {
        prop_oneof![12 => prop::sample::select(video), 2 => prop::sample::select(near), 1 => any]
    }

    fn address() -> impl Strategy<Value = u32> {
        let edges = [
            "10.0.0.0",
            "10.255.255.255",
            "9.255.255.255",
            "11.0.0.0",
            "12.0.0.0",
            "100.64.0.0",
            "100.63.255.255",
            "100.127.255.255",
            "100.128.0.0",
            "169.254.0.0",
            "169.255.0.0",
            "172.16.0.0",
            "172.15.255.255",
            "172.31.255.255",
            "172.32.0.0",
            "192.168.0.0",
            "192.168.255.255",
            "192.167.255.255",
            "192.169.0.0",
            "198.18.0.0",
            "198.19.255.255",
            "198.20.0.0",
            "203.0.113.77",
            "203.0.113.78",
            "224.0.0.0",
            "239.255.255.255",
            "240.0.0.0",
            "223.255.255.255",
            "255.255.255.255",
            "0.0.0.0",
            "8.8.8.8",
        ];
        let edges: Vec<u32> = edges.iter().map(|text| u32::from(text.parse::<Ipv4Addr>().unwrap())).collect();
        prop_oneof![2 => prop::sample::select(edges), 8 => 0x0a00_0000_u32..0x0a00_0100, 1 => any::<u32>()]
    }

    fn port() -> impl Strategy<Value = u16> {
        mostly(
            &[54, 66, 69, 1, 65534, 40_000],
            &[53, 67, 68, 80, 123, 443, 554, 4789, 5353, 37020, 0, 65535],
            any::<u16>(),
        )
    }

    prop_compose! {
        /// A frame that is nearly internal video.
        fn frame()(
            tags in prop::collection::vec(mostly(&[0x8100_u16, 0x88a8], &[0x9100], any::<u16>()), 0..4),
            ethertype in mostly(&[0x0800_u16], &[0x86dd, 0x0806], any::<u16>()),
            first in mostly(&[0x45_u8], &[0x46, 0x65], any::<u8>()),
            fragment in mostly(&[0_u16, 0x4000, 0x8000], &[0x2000, 1, 0x1fff], any::<u16>()),
            protocol in mostly(&[6_u8, 17], &[1, 47], any::<u8>()),
            addresses in (address(), address()),
            ports in (port(), port()),
            flags in mostly(&[0x10_u8, 0x18], &[2, 1, 4, 0x12], any::<u8>()),
            id in any::<u16>(),
            rest in prop::collection::vec(any::<u8>(), 60),
            length in prop_oneof![5 => Just(200_usize), 1 => 14_usize..80],
        ) -> Vec<u8> {
            let mut data = vec![2; 12];
            for tag in tags {
                data.extend(tag.to_be_bytes());
                data.extend([0, 7]);
            }
            data.extend(ethertype.to_be_bytes());
            let ip = data.len();
            data.extend(rest);
            data[ip] = first;
            data[ip + 4..ip + 6].copy_from_slice(&id.to_be_bytes());
            data[ip + 6..ip + 8].copy_from_slice(&fragment.to_be_bytes());
            data[ip + 9] = protocol;
            data[ip + 12..ip + 16].copy_from_slice(&addresses.0.to_be_bytes());
            data[ip + 16..ip + 20].copy_from_slice(&addresses.1.to_be_bytes());
            data[ip + 20..ip + 22].copy_from_slice(&ports.0.to_be_bytes());
            data[ip + 22..ip + 24].copy_from_slice(&ports.1.to_be_bytes());
            data[ip + 33] = flags;
            data.truncate(length);
            data
        }
    }

    /// Whether the hash draws a frame, told apart from the expression.
    fn is_drawn(data: &[u8]) -> bool {
        let tags = data[12..].chunks(4).take_while(|tag| matches!(tag[..2], [0x81, 0] | [0x88, 0xa8])).count();
        let ip = 14 + 4 * tags;
        let word = |at: usize| u32::from_be_bytes(data[ip + at..ip + at + 4].try_into().unwrap());
        let id = u32::from(u16::from_be_bytes([data[ip + 4], data[ip + 5]]));
        let product = id.wrapping_add(word(24)).wrapping_add(word(28)).wrapping_mul(FACTORS[0]);
        (product ^ product >> 15).wrapping_mul(FACTORS[1]) / (u32::MAX / ONE_IN + 1) == 0
    }

    #[test]
    fn what_the_kernel_drops_is_passed_over_and_what_is_passed_over_is_dropped_but_for_a_sample() {
        let prefilter = prefilter();
        let kernel = compiled(&prefilter);
        let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(20_000));
        let (dropped, drawn) = (Cell::new(0), Cell::new(0));
        runner
            .run(&frame(), |data| {
                let (over, keeps) = (passes_over(&prefilter, &data), kernel.filter(&data));
                prop_assert!(keeps || over, "dropped, though it is no video: {data:02x?}");
                dropped.set(dropped.get() + u32::from(!keeps));
                if over {
                    let three = data[12..].chunks(4).take(3).all(|tag| matches!(tag[..2], [0x81, 0] | [0x88, 0xa8]));
                    prop_assert_eq!(keeps, three || is_drawn(&data), "{:02x?}", data);
                    drawn.set(drawn.get() + u32::from(is_drawn(&data)));
                }
                Ok(())
            })
            .unwrap();
        let (dropped, drawn) = (dropped.get(), drawn.get());
        assert!(dropped > 1000 && drawn > 10, "{dropped} dropped, {drawn} drawn: the frames say nothing");
    }

    /// From a packet's number: TCP or UDP, the identification, and the words at 24 and 28.
    type Sender = fn(u32) -> (bool, u16, (u32, u32));

    /// Every kind of sender shows within 1,000 packets, whatever it does not count.
    #[test]
    fn each_sender_of_video_is_seen_now_and_then() {
        let prefilter = prefilter();
        let kernel = compiled(&prefilter);
        let frame = |tcp: bool, id: u16, words: (u32, u32)| {
            let mut data = vec![0; 60];
            data[12..15].copy_from_slice(&[8, 0, 0x45]);
            data[18..20].copy_from_slice(&id.to_be_bytes());
            data[23] = if tcp { 6 } else { 17 };
            data[26..34].copy_from_slice(&[10, 0, 0, 9, 10, 0, 0, 1]);
            data[34..38].copy_from_slice(&[0x9c, 0x40, 0x9c, 0x42]);
            data[38..42].copy_from_slice(&words.0.to_be_bytes());
            data[42..46].copy_from_slice(&words.1.to_be_bytes());
            data[47] = 0x10;
            data
        };
        let senders: [(&str, Sender); 5] = [
            ("TCP, one identification", |n| (true, 0, (7 + n * 1448, 99))),
            ("TCP, counted", |n| (true, n as u16, (7 + n * 1448, 99))),
            ("TCP, sends acknowledgements alone", |n| (true, 0, (7, n * 2896))),
            ("RTP without checksum", |n| (false, 0, (0x0400_0000, 0x8060_0000 | n & 0xffff))),
            ("UDP that counts nothing but packets", |n| (false, n as u16, (0x0400_0000, 0))),
        ];
        for (name, sender) in senders {
            let mut between = 0;
            let mut kept = 0;
            for n in 0..20_000 {
                let (tcp, id, words) = sender(n);
                let data = frame(tcp, id, words);
                assert!(passes_over(&prefilter, &data), "{name}");
                between += 1;
                if kernel.filter(&data) {
                    (kept, between) = (kept + 1, 0);
                }
                assert!(between < 1_000, "{name}: not one of 1,000");
            }
            assert!((150..=700).contains(&kept), "{name}: {kept} of 20,000");
        }
    }

    #[test]
    fn many_ranges_are_no_longer_than_the_kernel_takes() {
        let ranges: Vec<ipnet::IpNet> =
            (0..500_u32).map(|n| format!("20.{}.{}.0/24", n / 200, n % 200).parse().unwrap()).collect();
        let apart: Vec<ipnet::IpNet> = ranges.into_iter().step_by(2).collect();
        let prefilter = Prefilter::new(&apart, (0..40).map(|n| n * 997));
        let program = compiled(&prefilter);
        // BPF_MAXINSNS
        assert!(program.get_instructions().len() < 4096, "{}", program.get_instructions().len());
    }
}
