//! Several workers on one interface: which of them takes a frame.
//!
//! The kernel could share frames out by a hash of the flow (`PACKET_FANOUT_HASH`). But what is known of a camera is more
//! than one flow: the names that it asked for, who it showed itself to be, the copies of a packet. So a program of our own
//! (`PACKET_FANOUT_CBPF`) chooses by the *device*: by the address that is inside, in both directions. Between two that are
//! inside it is the one that asks, for DNS, else both alike. Addresses alone decide, so fragments need not be put together
//! before; in VXLAN it is the inner ones.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use ipnet::IpNet;
use libc::sock_filter;

use super::socket;

/// Ranges that the program knows beside private space, of each family.
const MAX_RANGES: usize = 64;
/// Any odd number with as many ones as zeros.
const FACTOR: u32 = 0x9e37_79b1;

/// The workers of one interface, which may join one after the other, and anew when the interface was made anew.
pub struct Fanout {
    program: Mutex<Vec<sock_filter>>,
    /// The number of the interface, and the group's.
    group: Mutex<Option<(i32, u16)>>,
}

impl Fanout {
    /// Shares out by the addresses in `inside`, beside private space.
    pub fn new(inside: &[IpNet], vxlan_ports: &[u16]) -> Self {
        Self { program: Mutex::new(program(inside, vxlan_ports)), group: Mutex::new(None) }
    }

    /// Has a socket take its share, and no more than that, from now on.
    pub(super) fn join(&self, socket: &impl std::os::fd::AsRawFd) -> std::io::Result<()> {
        let mut group = self.group.lock().unwrap_or_else(PoisonError::into_inner);
        let interface = socket::bound_to(socket)?;
        if let Some((of, id)) = *group
            && of == interface
            && socket::join_group(socket, id).is_ok()
        {
            // Those who are there may still go by the ranges of before.
            return self.set_program(socket);
        }
        let id = socket::found_group(socket)?;
        self.set_program(socket)?;
        *group = Some((interface, id));
        Ok(())
    }

    /// Takes other ranges. A device may change to another worker by that.
    pub(super) fn set_ranges(
        &self,
        socket: &impl std::os::fd::AsRawFd,
        inside: &[IpNet],
        vxlan_ports: &[u16],
    ) -> std::io::Result<()> {
        self.keep_ranges(inside, vxlan_ports);
        self.set_program(socket)
    }

    /// Takes other ranges, which hold as soon as a socket joins.
    pub fn keep_ranges(&self, inside: &[IpNet], vxlan_ports: &[u16]) {
        *self.program.lock().unwrap_or_else(PoisonError::into_inner) = program(inside, vxlan_ports);
    }

    /// Whether it shares out by these.
    #[cfg(test)]
    pub(crate) fn goes_by(&self, inside: &[IpNet], vxlan_ports: &[u16]) -> bool {
        let words = |program: &[sock_filter]| -> Vec<(u16, u8, u8, u32)> {
            program.iter().map(|one| (one.code, one.jt, one.jf, one.k)).collect()
        };
        let program = self.program.lock().unwrap_or_else(PoisonError::into_inner);
        words(&program) == words(&self::program(inside, vxlan_ports))
    }

    fn set_program(&self, socket: &impl std::os::fd::AsRawFd) -> std::io::Result<()> {
        socket::set_group_program(socket, &self.program.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

// Classic BPF (linux/filter.h): loads relative to the network header, and what the socket buffer itself says.
const NET: u32 = libc::SKF_NET_OFF as u32;
const PROTOCOL: u32 = (libc::SKF_AD_OFF + libc::SKF_AD_PROTOCOL) as u32;
const LD: u16 = libc::BPF_LD as u16;
const LDX_IMM: u16 = (libc::BPF_LDX | libc::BPF_IMM) as u16;
const LDX_MEM: u16 = (libc::BPF_LDX | libc::BPF_MEM) as u16;
const LD_MEM: u16 = (libc::BPF_LD | libc::BPF_MEM) as u16;
const ST: u16 = libc::BPF_ST as u16;
const BYTE: u16 = libc::BPF_B as u16;
const HALF: u16 = libc::BPF_H as u16;
const WORD: u16 = libc::BPF_W as u16;
const ABS: u16 = libc::BPF_ABS as u16;
const IND: u16 = libc::BPF_IND as u16;
const EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
const AT_LEAST: u16 = (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K) as u16;
const ABOVE: u16 = (libc::BPF_JMP | libc::BPF_JGT | libc::BPF_K) as u16;
const ANY_BIT: u16 = (libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K) as u16;
const GOTO: u16 = (libc::BPF_JMP | libc::BPF_JA) as u16;
const AND: u16 = (libc::BPF_ALU | libc::BPF_AND | libc::BPF_K) as u16;
const ADD: u16 = (libc::BPF_ALU | libc::BPF_ADD | libc::BPF_K) as u16;
const MULTIPLY: u16 = (libc::BPF_ALU | libc::BPF_MUL | libc::BPF_K) as u16;
const SHIFT_RIGHT: u16 = (libc::BPF_ALU | libc::BPF_RSH | libc::BPF_K) as u16;
const XOR_X: u16 = (libc::BPF_ALU | libc::BPF_XOR | libc::BPF_X) as u16;
const TO_X: u16 = (libc::BPF_MISC | libc::BPF_TAX) as u16;
const FROM_X: u16 = (libc::BPF_MISC | libc::BPF_TXA) as u16;
const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
const RETURN_A: u16 = (libc::BPF_RET | libc::BPF_A) as u16;

// Scratch memory.
const SOURCE: u32 = 1;
const DESTINATION: u32 = 2;
/// The words of an IPv6 source, and of a destination.
const WORDS: [u32; 2] = [4, 8];

#[derive(Clone, Copy, PartialEq, Eq)]
struct Label(usize);

enum Piece {
    Instruction(sock_filter),
    Goto(Label),
    Here(Label),
}

/// Puts instructions together; jumps go forward only, as the kernel asks.
#[derive(Default)]
struct Assembler {
    pieces: Vec<Piece>,
    labels: usize,
}

impl Assembler {
    fn label(&mut self) -> Label {
        self.labels += 1;
        Label(self.labels)
    }

    fn put(&mut self, code: u16, k: u32) {
        self.pieces.push(Piece::Instruction(sock_filter { code, jt: 0, jf: 0, k }));
    }

    fn goto(&mut self, to: Label) {
        self.pieces.push(Piece::Goto(to));
    }

    fn here(&mut self, label: Label) {
        self.pieces.push(Piece::Here(label));
    }

    /// Goes there if the test holds.
    fn when(&mut self, test: u16, k: u32, to: Label) {
        self.pieces.push(Piece::Instruction(sock_filter { code: test, jt: 0, jf: 1, k }));
        self.goto(to);
    }

    /// Goes there if it does not.
    fn unless(&mut self, test: u16, k: u32, to: Label) {
        self.pieces.push(Piece::Instruction(sock_filter { code: test, jt: 1, jf: 0, k }));
        self.goto(to);
    }

    fn finish(self) -> Vec<sock_filter> {
        let mut places = vec![0_usize; self.labels + 1];
        let mut at = 0;
        for piece in &self.pieces {
            match piece {
                Piece::Here(label) => places[label.0] = at,
                Piece::Instruction(_) | Piece::Goto(_) => at += 1,
            }
        }
        let mut out = Vec::with_capacity(at);
        for piece in self.pieces {
            match piece {
                Piece::Instruction(instruction) => out.push(instruction),
                Piece::Goto(to) => {
                    let k = places[to.0].saturating_sub(out.len() + 1) as u32;
                    out.push(sock_filter { code: GOTO, jt: 0, jf: 0, k });
                }
                Piece::Here(_) => {}
            }
        }
        out
    }
}

/// What all parts of the program end in.
struct Ends {
    /// The worker of the source.
    source: Label,
    /// The worker of the destination.
    destination: Label,
    /// One that is the same in both directions.
    both: Label,
}

fn program(inside: &[IpNet], vxlan_ports: &[u16]) -> Vec<sock_filter> {
    let mut a = Assembler::default();
    let (v4, v6, other) = (a.label(), a.label(), a.label());
    let ends = Ends { source: a.label(), destination: a.label(), both: a.label() };
    // X is where the IP header begins, behind the tags that the kernel has not taken off.
    a.put(LD | WORD | ABS, PROTOCOL);
    a.put(LDX_IMM, 0);
    for depth in 0..3 {
        a.when(EQUAL, 0x0800, v4);
        a.when(EQUAL, 0x86dd, v6);
        let tag = a.label();
        a.when(EQUAL, 0x8100, tag);
        a.unless(EQUAL, 0x88a8, other);
        a.here(tag);
        a.put(LD | HALF | ABS, NET.wrapping_add(4 * depth + 2));
        a.put(LDX_IMM, 4 * (depth + 1));
    }
    a.when(EQUAL, 0x0800, v4);
    a.when(EQUAL, 0x86dd, v6);
    a.here(other);
    a.put(RETURN, 0);
    let ranges = ranges_of(inside);
    let tunnel = a.label();
    a.here(v4);
    ipv4(&mut a, &ranges.0, Some((vxlan_ports, tunnel)), &ends);
    a.here(tunnel);
    ipv4(&mut a, &ranges.0, None, &ends);
    a.here(v6);
    ipv6(&mut a, &ranges.1, &ends);
    let hash = a.label();
    a.here(ends.source);
    a.put(LD_MEM, SOURCE);
    a.goto(hash);
    a.here(ends.destination);
    a.put(LD_MEM, DESTINATION);
    a.goto(hash);
    a.here(ends.both);
    a.put(LD_MEM, SOURCE);
    a.put(LDX_MEM, DESTINATION);
    a.put(XOR_X, 0);
    a.here(hash);
    a.put(MULTIPLY, FACTOR);
    a.put(SHIFT_RIGHT, 16);
    a.put(RETURN_A, 0);
    a.finish()
}

type Ranges4 = Vec<(u32, u32)>;
/// The first 64 bits of an address, as two words, and the masks of both.
type Ranges6 = Vec<([u32; 2], [u32; 2])>;

fn ranges_of(inside: &[IpNet]) -> (Ranges4, Ranges6) {
    let private =
        ["10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fe80::/10"];
    let private: Vec<IpNet> = private.iter().filter_map(|range| range.parse().ok()).collect();
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    for range in private.iter().chain(inside) {
        match range {
            IpNet::V4(range) if v4.len() < MAX_RANGES => v4.push((range.network().into(), range.broadcast().into())),
            IpNet::V6(range) if v6.len() < MAX_RANGES => {
                let words = |address: u128| [(address >> 96) as u32, (address >> 64) as u32];
                v6.push((words(range.network().to_bits()), words(range.netmask().to_bits())));
            }
            IpNet::V4(_) | IpNet::V6(_) => {}
        }
    }
    (v4, v6)
}

/// From the addresses, which lie in scratch memory, to an end, or to `both` if both are inside. `inside` goes to a label if
/// the address of that number is.
fn choose(a: &mut Assembler, both: Label, ends: &Ends, inside: impl Fn(&mut Assembler, usize, Label)) {
    let source_inside = a.label();
    inside(a, 0, source_inside);
    inside(a, 1, ends.destination);
    a.goto(ends.both);
    a.here(source_inside);
    inside(a, 1, both);
    a.goto(ends.source);
}

fn ipv4(a: &mut Assembler, ranges: &Ranges4, tunnel: Option<(&[u16], Label)>, ends: &Ends) {
    let field = |at: u32| NET.wrapping_add(at);
    for (to, at) in [(SOURCE, 12), (DESTINATION, 16)] {
        a.put(LD | WORD | IND, field(at));
        a.put(ST, to);
    }
    if let Some((ports, tunnel)) = tunnel {
        let plain = a.label();
        let within = a.label();
        a.put(LD | BYTE | IND, field(9));
        a.unless(EQUAL, 17, plain);
        whole(a, plain);
        a.put(LD | HALF | IND, field(22));
        for port in ports {
            a.when(EQUAL, u32::from(*port), within);
        }
        a.goto(plain);
        a.here(within);
        // The outer header, UDP's, VXLAN's, the inner MAC addresses: what is within?
        a.put(LD | HALF | IND, field(20 + 8 + 8 + 12));
        a.unless(EQUAL, 0x0800, plain);
        a.put(FROM_X, 0);
        a.put(ADD, 20 + 8 + 8 + 14);
        a.put(TO_X, 0);
        a.goto(tunnel);
        a.here(plain);
    }
    let asks = a.label();
    choose(a, asks, ends, |a, which, to| {
        a.put(LD_MEM, [SOURCE, DESTINATION][which]);
        for (low, high) in ranges {
            let next = a.label();
            a.unless(AT_LEAST, *low, next);
            a.unless(ABOVE, *high, to);
            a.here(next);
        }
    });
    a.here(asks);
    a.put(LD | BYTE | IND, field(9));
    whose_question(a, ends, |a| {
        whole(a, ends.both);
        20
    });
}

/// Goes to `else_to` unless the IPv4 header is one of 20 bytes, of a packet that is no fragment.
fn whole(a: &mut Assembler, else_to: Label) {
    a.put(LD | BYTE | IND, NET);
    a.unless(EQUAL, 0x45, else_to);
    a.put(LD | HALF | IND, NET.wrapping_add(6));
    a.when(ANY_BIT, 0x3fff, else_to);
}

/// Of two that are inside, the one that asks a DNS server; A holds the protocol.
fn whose_question(a: &mut Assembler, ends: &Ends, ports_at: impl FnOnce(&mut Assembler) -> u32) {
    let ports = a.label();
    a.when(EQUAL, 17, ports);
    a.unless(EQUAL, 6, ends.both);
    a.here(ports);
    let at = ports_at(a);
    a.put(LD | HALF | IND, NET.wrapping_add(at));
    a.when(EQUAL, 53, ends.destination);
    a.put(LD | HALF | IND, NET.wrapping_add(at + 2));
    a.when(EQUAL, 53, ends.source);
    a.goto(ends.both);
}

fn ipv6(a: &mut Assembler, ranges: &Ranges6, ends: &Ends) {
    for (which, (folded, at)) in [(SOURCE, 8), (DESTINATION, 24)].into_iter().enumerate() {
        for word in 0..4 {
            a.put(LD | WORD | IND, NET.wrapping_add(at + 4 * word));
            a.put(ST, WORDS[which] + word);
        }
        // X is needed for both, so where the header begins is kept.
        a.put(FROM_X, 0);
        a.put(ST, 0);
        a.put(LD_MEM, WORDS[which]);
        for word in 1..4 {
            a.put(LDX_MEM, WORDS[which] + word);
            a.put(XOR_X, 0);
        }
        a.put(ST, folded);
        a.put(LDX_MEM, 0);
    }
    let asks = a.label();
    choose(a, asks, ends, |a, which, to| {
        for (words, masks) in ranges {
            let next = a.label();
            for word in 0..2 {
                a.put(LD_MEM, WORDS[which] + word as u32);
                a.put(AND, masks[word]);
                a.unless(EQUAL, words[word], next);
            }
            a.goto(to);
            a.here(next);
        }
    });
    a.here(asks);
    a.put(LD | BYTE | IND, NET.wrapping_add(6));
    whose_question(a, ends, |_| 40);
}

/// The addresses by which frames are shared out beside private space: the internal ranges, and watched ones outside them.
pub fn home_ranges<'a>(
    internal: &[IpNet],
    watched: impl Iterator<Item = &'a IpNet>,
    addresses: impl Iterator<Item = IpAddr>,
) -> Vec<IpNet> {
    let mut ranges = internal.to_vec();
    for range in watched.copied().chain(addresses.map(IpNet::from)) {
        let private = matches!(crate::net::space(range.network()), crate::net::Space::Private);
        if !private && !ranges.iter().any(|known| known.contains(&range)) {
            ranges.push(range);
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use proptest::prelude::*;

    use super::*;

    /// What the kernel does with the program; `data` begins at the network header.
    fn run(program: &[sock_filter], protocol: u16, data: &[u8]) -> u32 {
        let (mut a, mut x, mut memory, mut at) = (0_u32, 0_u32, [0_u32; 16], 0);
        let load = |size: u16, offset: u32| {
            let from = offset.wrapping_sub(NET) as usize;
            let length = match size {
                WORD => 4,
                HALF => 2,
                _ => 1,
            };
            data.get(from..from + length).map(|bytes| bytes.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)))
        };
        for _ in 0..program.len() {
            let sock_filter { code, jt, jf, k } = program[at];
            at += 1;
            let mut jump = |holds: bool| at += usize::from(if holds { jt } else { jf });
            match code {
                EQUAL => jump(a == k),
                AT_LEAST => jump(a >= k),
                ABOVE => jump(a > k),
                ANY_BIT => jump(a & k != 0),
                GOTO => at += k as usize,
                AND => a &= k,
                ADD => a = a.wrapping_add(k),
                MULTIPLY => a = a.wrapping_mul(k),
                SHIFT_RIGHT => a >>= k,
                XOR_X => a ^= x,
                TO_X => x = a,
                FROM_X => a = x,
                LDX_IMM => x = k,
                LDX_MEM => x = memory[k as usize],
                LD_MEM => a = memory[k as usize],
                ST => memory[k as usize] = a,
                RETURN => return k,
                RETURN_A => return a,
                _ if code == LD | WORD | ABS && k == PROTOCOL => a = u32::from(protocol),
                _ => {
                    let size = code & (HALF | BYTE);
                    let offset = if code & IND == IND { k.wrapping_add(x) } else { k };
                    // A load beyond the end ends the program.
                    match load(size, offset) {
                        Some(value) => a = value,
                        None => return 0,
                    }
                }
            }
        }
        panic!("no end")
    }

    fn v4(from: [u8; 4], to: [u8; 4], ports: (u16, u16)) -> Vec<u8> {
        let mut data = vec![0; 60];
        (data[0], data[9]) = (0x45, 17);
        data[12..16].copy_from_slice(&from);
        data[16..20].copy_from_slice(&to);
        data[20..22].copy_from_slice(&ports.0.to_be_bytes());
        data[22..24].copy_from_slice(&ports.1.to_be_bytes());
        data
    }

    fn v6(from: Ipv6Addr, to: Ipv6Addr, ports: (u16, u16)) -> Vec<u8> {
        let mut data = vec![0; 60];
        (data[0], data[6]) = (0x60, 17);
        data[8..24].copy_from_slice(&from.octets());
        data[24..40].copy_from_slice(&to.octets());
        data[40..42].copy_from_slice(&ports.0.to_be_bytes());
        data[42..44].copy_from_slice(&ports.1.to_be_bytes());
        data
    }

    fn built() -> Vec<sock_filter> {
        program(&["198.18.0.0/15".parse().unwrap(), "2001:db8:1::/48".parse().unwrap()], &[4789])
    }

    const CAMERA: [u8; 4] = [10, 1, 2, 3];

    #[test]
    fn all_that_a_camera_sends_and_is_sent_goes_to_one_worker() {
        let program = built();
        let of = |data: &[u8]| run(&program, 0x0800, data);
        let home = of(&v4(CAMERA, [120, 26, 96, 67], (40_000, 8800)));
        assert_eq!(of(&v4([120, 26, 96, 67], CAMERA, (8800, 40_000))), home);
        assert_eq!(of(&v4(CAMERA, [8, 8, 8, 8], (1, 53))), home, "another destination");
        assert_eq!(of(&v4(CAMERA, [10, 0, 0, 53], (50_000, 53))), home, "a resolver inside");
        assert_eq!(of(&v4([10, 0, 0, 53], CAMERA, (53, 50_000))), home, "its answer");
        assert_eq!(of(&v4(CAMERA, [239, 255, 255, 250], (50_000, 37_020))), home, "to a group");
        let mut fragment = v4(CAMERA, [8, 8, 8, 8], (0, 0));
        fragment[7] = 9;
        assert_eq!(of(&fragment), home);
        // Behind tags that are still there, and within VXLAN in both directions, whoever carries it.
        let tagged = [[0, 7, 0x81, 0, 0, 8, 8, 0].as_slice(), &v4(CAMERA, [9, 9, 9, 9], (1, 2))].concat();
        assert_eq!(run(&program, 0x88a8, &tagged), home);
        for (outer, inner) in [((1, 2), (CAMERA, [9, 9, 9, 9])), ((2, 1), ([9, 9, 9, 9], CAMERA))] {
            let mut data = v4([10, 9, 9, outer.0], [10, 9, 9, outer.1], (55_555, 4789));
            data.truncate(36);
            data.extend([0; 12]);
            data.extend([8, 0]);
            data.extend(v4(inner.0, inner.1, (1, 2)));
            assert_eq!(of(&data), home);
        }
        let from: Ipv6Addr = "2001:db8:1::9".parse().unwrap();
        let home = run(&program, 0x86dd, &v6(from, "2001:4860::1".parse().unwrap(), (9, 10)));
        assert_eq!(run(&program, 0x86dd, &v6("2606::7".parse().unwrap(), from, (9, 10))), home);
        assert_eq!(run(&program, 0x86dd, &v6(from, "2001:db8:1::53".parse().unwrap(), (9, 53))), home);
        assert_ne!(run(&program, 0x86dd, &v6(from, "2001:db8:1::53".parse().unwrap(), (9, 54))), home);
    }

    #[test]
    fn cameras_are_spread() {
        let program = built();
        let mut workers = [0; 4];
        for last in 0..200 {
            workers[run(&program, 0x0800, &v4([10, 0, 0, last], [8, 8, 8, 8], (1, 2))) as usize % 4] += 1;
        }
        assert!(workers.iter().all(|count| (30..=70).contains(count)), "{workers:?}");
    }

    #[test]
    fn the_largest_program_is_one_that_the_kernel_takes() {
        let many: Vec<IpNet> = (0..300_u32)
            .flat_map(|n| [format!("20.0.{}.{}/32", n / 200, n % 200), format!("2001:db8:{n:x}::/48")])
            .map(|range| range.parse().unwrap())
            .collect();
        assert!(program(&many, &[4789, 8472]).len() <= libc::BPF_MAXINSNS as usize);
    }

    proptest! {
        #[test]
        fn both_directions_go_to_one_worker(a: [u8; 4], b: [u8; 4], inside: (bool, bool), ports: (u16, u16), cut in 0_usize..60) {
            let program = built();
            let address = |mut address: [u8; 4], inside| {
                if inside {
                    address[0] = 10;
                }
                address
            };
            let (a, b) = (address(a, inside.0), address(b, inside.1));
            // Multicast is nobody's sender.
            prop_assume!(a[0] >> 4 != 14 && b[0] >> 4 != 14 && ports.0 != ports.1 && ports.0 != 4789 && ports.1 != 4789);
            let there = v4(a, b, ports);
            let back = v4(b, a, (ports.1, ports.0));
            prop_assert_eq!(run(&program, 0x0800, &there), run(&program, 0x0800, &back));
            // However it is cut, the program ends.
            run(&program, 0x0800, &there[..cut]);
            run(&program, 0x86dd, &there[..cut]);
        }
    }
}
