//! QUIC: the `ClientHello` in a client's Initial packets.
//!
//! Initial packets are encrypted with keys that everyone can derive from what the first of them says in the clear (RFC 9001,
//! section 5.2; RFC 9369 for version 2), so that only what is meant for on-path readers is read here.

use ring::aead::quic::HeaderProtectionKey;
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf;

use super::tls::{self, Hello};
use super::{Pieces, Reading};

/// Datagrams of one connection that are looked at; a hello is in the first two or three.
const MAX_DATAGRAMS: u8 = 16;
/// Longest connection identifier (RFC 9000, section 17.2).
const MAX_ID: usize = 20;

/// What differs between versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Version {
    salt: [u8; 20],
    /// Labels of key, nonce and header protection.
    labels: [&'static str; 3],
    /// The packet type of an Initial.
    initial: u8,
}

const LABELS: [&str; 3] = ["quic key", "quic iv", "quic hp"];

const V1: Version = as_v1([
    0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17, 0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f,
    0x0a,
]);

const V2: Version = Version {
    salt: [
        0x0d, 0xed, 0xe3, 0xde, 0xf7, 0x00, 0xa6, 0xdb, 0x81, 0x93, 0x81, 0xbe, 0x6e, 0x26, 0x9d, 0xcb, 0xf9, 0xbd,
        0x2e, 0xd9,
    ],
    labels: ["quicv2 key", "quicv2 iv", "quicv2 hp"],
    initial: 1,
};

/// A version that differs from version 1 by its salt only.
const fn as_v1(salt: [u8; 20]) -> Version {
    Version { salt, labels: LABELS, initial: 0 }
}

/// draft-ietf-quic-tls-29 to -32.
const DRAFT_29: Version = as_v1([
    0xaf, 0xbf, 0xec, 0x28, 0x99, 0x93, 0xd2, 0x4c, 0x9e, 0x97, 0x86, 0xf1, 0x9c, 0x61, 0x11, 0xe0, 0x43, 0x90, 0xa8,
    0x99,
]);

/// draft-ietf-quic-tls-23 to -28, and Facebook's mvfst of their time.
const DRAFT_23: Version = as_v1([
    0xc3, 0xee, 0xf7, 0x12, 0xc7, 0x2e, 0xbb, 0x5a, 0x11, 0xa7, 0xd2, 0x43, 0x2b, 0xb4, 0x63, 0x65, 0xbe, 0xf9, 0xf5,
    0x02,
]);

/// draft-ietf-quic-tls-21 and -22, and Facebook's mvfst of their time.
const DRAFT_21: Version = as_v1([
    0x7f, 0xbc, 0xdb, 0x0e, 0x7c, 0x66, 0xbb, 0xe9, 0x19, 0x3a, 0x96, 0xcd, 0x21, 0x51, 0x9e, 0xbd, 0x7a, 0x02, 0x64,
    0x4a,
]);

/// Google's T050: QUIC of draft 25 with salts of its own.
const T050: Version = as_v1([
    0x7f, 0xf5, 0x79, 0xe5, 0xac, 0xd0, 0x72, 0x91, 0x55, 0x80, 0x30, 0x4c, 0x43, 0xa2, 0x36, 0x7c, 0x60, 0x48, 0x83,
    0x10,
]);

/// Google's T051.
const T051: Version = as_v1([
    0x7a, 0x4e, 0xde, 0xf4, 0xe7, 0xcc, 0xee, 0x5f, 0xa4, 0x50, 0x6c, 0x19, 0x12, 0x4f, 0xc8, 0xcc, 0xda, 0x6e, 0x03,
    0x3d,
]);

fn version(number: u32) -> Option<Version> {
    match number {
        0x6b33_43cf => Some(V2),
        // Drafts 33 and 34 have the keys of version 1.
        1 | 0xff00_0021 | 0xff00_0022 => Some(V1),
        0xff00_001d..=0xff00_0020 => Some(DRAFT_29),
        0xff00_0017..=0xff00_001c | 0xface_b002 | 0xface_b00e => Some(DRAFT_23),
        0xff00_0015 | 0xff00_0016 | 0xface_b001 => Some(DRAFT_21),
        0x5430_3530 => Some(T050),
        0x5430_3531 => Some(T051),
        // Reserved to make a server negotiate (RFC 9000, section 15): clients that did so used the keys of draft 29.
        _ if number & 0x0f0f_0f0f == 0x0a0a_0a0a => Some(DRAFT_29),
        _ => None,
    }
}

/// Whether a datagram may begin with an Initial packet of a known version.
pub fn may_begin(datagram: &[u8]) -> bool {
    Long::read(datagram).is_some_and(|(packet, _)| packet.initial)
}

/// A packet with a long header, still encrypted.
struct Long<'a> {
    version: Version,
    initial: bool,
    destination_id: &'a [u8],
    /// From the first byte to the end of the packet.
    whole: &'a [u8],
    /// Where the packet number begins.
    number_at: usize,
}

impl<'a> Long<'a> {
    /// Reads a packet's long header (RFC 9000, section 17.2), and gives what follows the packet in the datagram.
    fn read(data: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let mut reader = Reader { data, at: 0 };
        let first = reader.byte()?;
        if first & 0xc0 != 0xc0 {
            return None;
        }
        let version = version(u32::from_be_bytes(reader.take(4)?.try_into().ok()?))?;
        let destination_id = reader.identifier()?;
        reader.identifier()?;
        let initial = first >> 4 & 3 == version.initial;
        if initial {
            let token = reader.number()?;
            reader.take(token)?;
        } else if first >> 4 & 3 == version.initial.wrapping_sub(1) & 3 {
            // A Retry has no length: it is all of the datagram (section 17.2.5).
            return None;
        }
        let length = reader.number()?;
        let number_at = reader.at;
        let end = number_at.checked_add(length)?;
        // A datagram that was cut off cannot be decrypted.
        let whole = data.get(..end)?;
        Some((Self { version, initial, destination_id, whole, number_at }, data.get(end..)?))
    }
}

struct Reader<'a> {
    data: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(count)?;
        let taken = self.data.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn identifier(&mut self) -> Option<&'a [u8]> {
        let length = usize::from(self.byte()?);
        if length > MAX_ID { None } else { self.take(length) }
    }

    /// A number of one, two, four or eight bytes (RFC 9000, section 16).
    fn number(&mut self) -> Option<usize> {
        let first = self.byte()?;
        let rest = self.take((1 << (first >> 6)) - 1)?;
        let number = rest.iter().fold(u64::from(first & 0x3f), |number, byte| number << 8 | u64::from(*byte));
        usize::try_from(number).ok()
    }
}

/// A client's keys.
struct Keys {
    packet: LessSafeKey,
    nonce: [u8; 12],
    header: HeaderProtectionKey,
}

/// A length for `hkdf`.
struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-Expand-Label with an empty context (RFC 8446, section 7.1).
fn expand<const N: usize>(secret: &hkdf::Prk, label: &str) -> Option<[u8; N]> {
    let mut out = [0; N];
    let full = 6 + label.len() as u8;
    let info = [&(N as u16).to_be_bytes()[..], &[full], b"tls13 ", label.as_bytes(), &[0]];
    secret.expand(&info, Length(N)).ok()?.fill(&mut out).ok()?;
    Some(out)
}

impl Keys {
    /// The keys of a client whose first packet went to `destination_id`.
    fn derive(version: Version, destination_id: &[u8]) -> Option<Self> {
        let initial = hkdf::Salt::new(hkdf::HKDF_SHA256, &version.salt).extract(destination_id);
        let client = hkdf::Prk::new_less_safe(hkdf::HKDF_SHA256, &expand::<32>(&initial, "client in")?);
        let [key, nonce, header] = version.labels;
        Some(Self {
            packet: LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &expand::<16>(&client, key)?).ok()?),
            nonce: expand(&client, nonce)?,
            header: HeaderProtectionKey::new(&ring::aead::quic::AES_128, &expand::<16>(&client, header)?).ok()?,
        })
    }

    /// Removes protection (RFC 9001, sections 5.3 and 5.4) into `scratch`, and gives the frames.
    fn open<'s>(&self, packet: &Long<'_>, scratch: &'s mut Vec<u8>) -> Option<&'s [u8]> {
        scratch.clear();
        scratch.extend_from_slice(packet.whole);
        let sample = packet.whole.get(packet.number_at + 4..packet.number_at + 20)?;
        let [m0, mask @ ..] = self.header.new_mask(sample).ok()?;
        let first = scratch.first_mut()?;
        *first ^= m0 & 0x0f;
        let number_len = usize::from(*first & 3) + 1;
        let number_end = packet.number_at + number_len;
        let mut number = 0_u64;
        for (byte, mask) in scratch.get_mut(packet.number_at..number_end)?.iter_mut().zip(mask) {
            *byte ^= mask;
            number = number << 8 | u64::from(*byte);
        }
        // The first packet numbers are small: what is sent of them is all of them.
        let mut nonce = self.nonce;
        for (byte, part) in nonce.iter_mut().skip(4).zip(number.to_be_bytes()) {
            *byte ^= part;
        }
        let (head, body) = scratch.split_at_mut_checked(number_end)?;
        let opened = self.packet.open_in_place(Nonce::assume_unique_for_key(nonce), Aad::from(&*head), body).ok()?;
        Some(opened)
    }
}

/// The Initial packets of one connection's client.
#[derive(Default)]
pub struct Initials {
    keys: Option<Keys>,
    pieces: Pieces,
    scratch: Vec<u8>,
    datagrams: u8,
}

impl Initials {
    /// Takes a datagram of the client.
    pub fn take(&mut self, datagram: &[u8]) -> Reading<Hello> {
        self.datagrams = self.datagrams.saturating_add(1);
        if self.datagrams > MAX_DATAGRAMS {
            return Reading::Nothing;
        }
        // A datagram may hold several packets (RFC 9000, section 12.2).
        let mut rest = datagram;
        while let Some((packet, after)) = Long::read(rest) {
            rest = after;
            if packet.initial && !self.packet(&packet) {
                return Reading::Nothing;
            }
        }
        tls::in_handshake(self.pieces.beginning())
    }

    /// Takes a packet's CRYPTO frames. False: they are no hello's.
    fn packet(&mut self, packet: &Long<'_>) -> bool {
        let Self { keys, pieces, scratch, .. } = self;
        if let Some(keys) = keys
            && let Some(frames) = keys.open(packet, scratch)
        {
            return crypto(frames, pieces).is_some();
        }
        // The first, or the first after a Retry, from which on other keys hold (RFC 9001, section 5.2).
        let Some(fresh) = Keys::derive(packet.version, packet.destination_id) else { return true };
        if let Some(frames) = fresh.open(packet, scratch) {
            pieces.clear();
            let taken = crypto(frames, pieces).is_some();
            *keys = Some(fresh);
            return taken;
        }
        true
    }
}

/// Puts the CRYPTO frames of a packet together (RFC 9000, section 19). None: there is no room.
fn crypto(frames: &[u8], pieces: &mut Pieces) -> Option<()> {
    let mut reader = Reader { data: frames, at: 0 };
    while let Some(kind) = reader.byte() {
        let read = match kind {
            // Padding, and a ping.
            0 | 1 => Some(()),
            2 | 3 => acknowledgement(&mut reader, kind == 3),
            // Google's own versions number it 8.
            6 | 8 => {
                let place = reader.number().zip(reader.number());
                let data = place.and_then(|(offset, length)| Some((offset, reader.take(length)?)));
                match data {
                    Some((offset, data)) => Some(pieces.insert(offset, data).then_some(())?),
                    None => None,
                }
            }
            // Nothing else may stand in an Initial but the end of the connection.
            _ => None,
        };
        if read.is_none() {
            break;
        }
    }
    Some(())
}

fn acknowledgement(reader: &mut Reader<'_>, with_counts: bool) -> Option<()> {
    reader.number()?;
    reader.number()?;
    let ranges = reader.number()?;
    reader.number()?;
    // Each range takes two bytes at least, so that the bytes that are there bound the loop.
    for _ in 0..ranges {
        reader.number()?;
        reader.number()?;
    }
    for _ in 0..if with_counts { 3 } else { 0 } {
        reader.number()?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: [u8; 8] = [0x83, 0x94, 0xc8, 0xf0, 0x3e, 0x51, 0x57, 0x08];

    /// An Initial with the given frames, encrypted as a client does.
    fn initial(number: u32, version: u32, id: &[u8], frames: &[u8]) -> Vec<u8> {
        let known = super::version(version).unwrap();
        let keys = Keys::derive(known, id).unwrap();
        let mut frames = frames.to_vec();
        frames.resize(frames.len().max(64), 0);
        let mut packet = vec![0xc3 | known.initial << 4];
        packet.extend(version.to_be_bytes());
        packet.push(id.len() as u8);
        packet.extend(id);
        packet.extend([0, 0]);
        packet.extend((0x4000 | (frames.len() + 4 + 16) as u16).to_be_bytes());
        let number_at = packet.len();
        packet.extend(number.to_be_bytes());
        let mut nonce = keys.nonce;
        nonce.iter_mut().skip(8).zip(number.to_be_bytes()).for_each(|(byte, part)| *byte ^= part);
        let nonce = Nonce::assume_unique_for_key(nonce);
        keys.packet.seal_in_place_append_tag(nonce, Aad::from(&packet), &mut frames).unwrap();
        packet.extend(&frames);
        let sample = packet[number_at + 4..number_at + 20].to_vec();
        let mask = keys.header.new_mask(&sample).unwrap();
        packet[0] ^= mask[0] & 0x0f;
        packet[number_at..number_at + 4].iter_mut().zip(&mask[1..]).for_each(|(byte, mask)| *byte ^= mask);
        packet
    }

    fn frame(offset: usize, data: &[u8]) -> Vec<u8> {
        [&[6][..], &(0x4000 | offset as u16).to_be_bytes(), &(0x4000 | data.len() as u16).to_be_bytes(), data].concat()
    }

    fn name(reading: Reading<Hello>) -> Option<String> {
        match reading {
            Reading::Found(hello) => Some(hello.name),
            _ => None,
        }
    }

    #[test]
    fn keys_are_those_of_the_specification() {
        // RFC 9001, appendix A.1, and RFC 9369, appendix A.1: the nonce of client Initials for this identifier.
        let nonce = |version| Keys::derive(version, &ID).unwrap().nonce;
        assert_eq!(nonce(V1), [0xfa, 0x04, 0x4b, 0x2f, 0x42, 0xa3, 0xfd, 0x3b, 0x46, 0xfb, 0x25, 0x5c]);
        assert_eq!(nonce(V2), [0x91, 0xf7, 0x3e, 0x23, 0x51, 0xd8, 0xfa, 0x91, 0x66, 0x0e, 0x90, 0x9f]);
    }

    #[test]
    fn frames_out_of_order_over_several_packets_make_the_hello() {
        let hello = tls::tests::handshake("p2p.example", 1500);
        let (a, rest) = hello.split_at(400);
        let (b, c) = rest.split_at(900);
        for version in [1, 0x6b33_43cf, 0xff00_001d, 0xff00_001b, 0xface_b001, 0x5430_3531] {
            let mut initials = Initials::default();
            let first = initial(0, version, &ID, &[frame(1300, c), vec![1, 0], frame(0, a)].concat());
            assert!(may_begin(&first));
            assert_eq!(initials.take(&first), Reading::More);
            assert_eq!(name(initials.take(&initial(1, version, &ID, &frame(400, b)))).as_deref(), Some("p2p.example"));
        }
    }

    #[test]
    fn after_a_retry_other_keys_hold() {
        let hello = tls::tests::handshake("p2p.example", 100);
        let mut initials = Initials::default();
        assert_eq!(initials.take(&initial(0, 1, &ID, &frame(0, &hello[..50]))), Reading::More);
        let retried = initial(1, 1, b"another-id", &frame(0, &hello));
        assert_eq!(name(initials.take(&retried)).as_deref(), Some("p2p.example"));
    }

    #[test]
    fn what_cannot_be_opened_is_no_hello_and_ends() {
        let mut initials = Initials::default();
        let mut broken = initial(0, 1, &ID, &frame(0, &tls::tests::handshake("p2p.example", 100)));
        *broken.last_mut().unwrap() ^= 1;
        for _ in 0..MAX_DATAGRAMS {
            assert_eq!(initials.take(&broken), Reading::More);
        }
        assert_eq!(initials.take(&broken), Reading::Nothing);
        assert!(!may_begin(b"\x40short header") && !may_begin(&[0xc0, 0, 0, 0, 9]));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, frames: Vec<u8>, cut in 0_usize..200) {
            let _ = Initials::default().take(&bytes);
            let packet = initial(0, 1, &ID, &frames);
            let _ = Initials::default().take(&packet[..cut.min(packet.len())]);
            let _ = Initials::default().take(&packet);
        }
    }
}
