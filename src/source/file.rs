//! One capture file: pcap or pcapng, packet by packet.

use std::path::Path;

use pcap_parser::{PcapHeader, parse_pcap_header};

use super::error::{Damage, OpenError};
use super::input::{Input, Progress};
use super::pcapng::{Kind, Section};
use super::{Frame, LinkType};
use crate::time::Timestamp;

/// An open capture file. After damage or the end it gives no more frames.
pub struct CaptureFile {
    name: String,
    input: Input,
    format: Format,
    packets: u64,
    last: Timestamp,
    ended: bool,
}

enum Format {
    Pcap { big_endian: bool, nanos: bool, extra: usize, link: LinkType },
    Pcapng(Section),
}

/// Where the frame just read lies, counted back from the input's window.
struct Place {
    time: Timestamp,
    link: LinkType,
    interface: u16,
    wire_len: u32,
    back: usize,
    length: usize,
}

/// The header of a record in a pcap file (draft-ietf-opsawg-pcap, section 5).
struct Record {
    seconds: u32,
    /// Of a second, in microseconds or nanoseconds as the file's header says.
    fraction: u32,
    captured: usize,
    wire_len: u32,
}

impl Record {
    #[inline]
    fn read(head: &[u8; 16], big_endian: bool) -> Self {
        let word = |at: usize| {
            let bytes = [head[at], head[at + 1], head[at + 2], head[at + 3]];
            if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
        };
        Self { seconds: word(0), fraction: word(4), captured: word(8) as usize, wire_len: word(12) }
    }

    #[inline]
    fn time(&self, nanos: bool) -> Timestamp {
        let fraction = u64::from(self.fraction) * if nanos { 1 } else { 1000 };
        Timestamp::from_nanos((u64::from(self.seconds) * 1_000_000_000 + fraction) as i64)
    }

    /// Where its frame lies once it was consumed.
    #[inline]
    fn place(&self, time: Timestamp, link: LinkType) -> Place {
        // A tool that wrote no length of the wire meant the length of the capture.
        let wire_len = self.wire_len.max(self.captured as u32);
        Place { time, link, interface: 0, wire_len, back: self.captured, length: self.captured }
    }
}

impl CaptureFile {
    /// Opens a capture, or standard input for `-`, and reads its header.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        Self::open_counting(path, Progress::default())
    }

    /// Reads a capture from any reader; `name` is what errors call it.
    pub fn from_reader(name: &str, reader: impl std::io::Read + Send + 'static) -> Result<Self, OpenError> {
        Self::from_input(name.to_owned(), Input::new(name, reader)?)
    }

    pub(super) fn open_counting(path: &Path, progress: Progress) -> Result<Self, OpenError> {
        Self::from_input(path.display().to_string(), Input::open(path, progress)?)
    }

    pub(super) fn from_input(name: String, mut input: Input) -> Result<Self, OpenError> {
        input.fill(24).map_err(|what| OpenError::BrokenHeader { file: name.clone(), what })?;
        let head = input.window();
        let format = if head.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]) {
            Format::Pcapng(Section::default())
        } else {
            let header = match parse_pcap_header(head) {
                Ok((_, header)) => header,
                Err(pcap_parser::nom::Err::Incomplete(_)) if is_pcap_magic(head) => {
                    let what = "it is cut off within its first 24 bytes".to_owned();
                    return Err(OpenError::BrokenHeader { file: name, what });
                }
                Err(_) => {
                    return Err(OpenError::NotACapture { file: name, looks_like: looks_like(head) });
                }
            };
            let format = pcap_format(&header);
            input.consume(24);
            format
        };
        Ok(Self { name, input, format, packets: 0, last: Timestamp::default(), ended: false })
    }

    /// The file as it was named.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Reads the next frame. None: the capture ended well.
    #[inline]
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, Damage> {
        let place = match self.whole_record() {
            Some(place) => Some(place),
            None => self.advance()?,
        };
        Ok(place.map(|place| Frame {
            time: place.time,
            link: place.link,
            interface: place.interface,
            wire_len: place.wire_len,
            data: self.input.consumed(place.back, place.length),
        }))
    }

    /// The next record of a pcap file if all of it lies in the window, as most do: what fills the window, and what can be
    /// wrong, is kept out of the way of these.
    #[inline]
    fn whole_record(&mut self) -> Option<Place> {
        let Format::Pcap { big_endian, nanos, extra, link } = self.format else { return None };
        let window = self.input.window();
        let record = Record::read(window.first_chunk::<16>()?, big_endian);
        let total = 16 + extra + record.captured;
        if window.len() < total || self.ended {
            return None;
        }
        self.input.consume(total);
        self.packets += 1;
        self.last = record.time(nanos);
        Some(record.place(self.last, link))
    }

    #[inline(never)]
    fn advance(&mut self) -> Result<Option<Place>, Damage> {
        if self.ended {
            return Ok(None);
        }
        let read = match self.format {
            Format::Pcap { .. } => self.next_record(),
            Format::Pcapng(_) => self.next_block(),
        };
        match read {
            Ok(Some(place)) => {
                self.packets += 1;
                self.last = place.time;
                Ok(Some(place))
            }
            Ok(None) => {
                self.ended = true;
                Ok(None)
            }
            Err(what) => {
                self.ended = true;
                Err(Damage {
                    file: self.name.clone(),
                    place: super::Place::Packet {
                        number: self.packets + 1,
                        offset: self.input.offset(),
                        compressed: self.input.compressed,
                    },
                    what,
                })
            }
        }
    }

    /// The next record of a pcap file, which reaches beyond the window, or is the last, or damaged.
    fn next_record(&mut self) -> Result<Option<Place>, String> {
        let Format::Pcap { big_endian, nanos, extra, link } = self.format else { return Ok(None) };
        let header = 16 + extra;
        self.input.fill(header)?;
        let window = self.input.window();
        if window.is_empty() {
            return Ok(None);
        }
        let Some(head) = window.first_chunk::<16>().filter(|_| window.len() >= header) else {
            return Err(format!("the file ends within a packet's header ({} of {header} bytes)", window.len()));
        };
        let record = Record::read(head, big_endian);
        let total = header + record.captured;
        self.input.fill(total)?;
        let have = self.input.window().len();
        if have < total {
            let (have, captured) = (have - header, record.captured);
            return Err(format!("the file ends within a packet ({have} of its {captured} bytes)"));
        }
        self.input.consume(total);
        Ok(Some(record.place(record.time(nanos), link)))
    }

    fn next_block(&mut self) -> Result<Option<Place>, String> {
        loop {
            self.input.fill(12)?;
            let window = self.input.window();
            if window.is_empty() {
                return Ok(None);
            }
            if window.len() < 12 {
                return Err(format!("the file ends within a block's header ({} of 12 bytes)", window.len()));
            }
            let Format::Pcapng(section) = &mut self.format else { return Ok(None) };
            let total = section.block_length(window)?;
            if window.len() < total {
                self.input.fill(total)?;
                let have = self.input.window().len();
                if have < total {
                    return Err(format!("the file ends within a block ({have} of its {total} bytes)"));
                }
            }
            let kind = section.take(&self.input.window()[..total])?;
            self.input.consume(total);
            if let Kind::Packet { time, link, interface, wire_len, start, length } = kind {
                let wire_len = wire_len.max(length as u32);
                return Ok(Some(Place {
                    time: time.unwrap_or(self.last),
                    link,
                    interface,
                    wire_len,
                    back: total - start,
                    length,
                }));
            }
        }
    }
}

fn pcap_format(header: &PcapHeader) -> Format {
    Format::Pcap {
        big_endian: header.is_bigendian(),
        nanos: header.is_nanosecond_precision(),
        extra: if header.is_modified_format() { 8 } else { 0 },
        // The upper bits hold the length of a frame check sequence (draft-ietf-opsawg-pcap, section 4).
        link: LinkType(header.network.0 as u16),
    }
}

fn is_pcap_magic(head: &[u8]) -> bool {
    matches!(
        head.get(..4),
        Some([0xd4, 0xc3, 0xb2, 0xa1] | [0xa1, 0xb2, 0xc3, 0xd4] | [0x4d, 0x3c, 0xb2, 0xa1] | [0xa1, 0xb2, 0x3c, 0x4d])
    )
}

/// What a file that is no capture most likely is.
fn looks_like(head: &[u8]) -> String {
    let known: &[(&[u8], &str)] = &[
        (b"snoop\0", "a snoop capture: convert it (editcap -F pcap IN OUT)"),
        (b"\x42\x5a\x68", "bzip2 data: unpack it first, or use gzip or zstd"),
        (b"\xfd7zXZ", "xz data: unpack it first, or use gzip or zstd"),
        (b"PK\x03\x04", "a zip archive: unpack it first"),
        (b"\x7fELF", "a program"),
    ];
    if let Some((_, what)) = known.iter().find(|(magic, _)| head.starts_with(magic)) {
        return (*what).to_owned();
    }
    if !head.is_empty() && head.iter().all(|byte| matches!(byte, b'\t' | b'\n' | b'\r' | 0x20..=0x7e)) {
        return "text".to_owned();
    }
    let start: Vec<String> = head.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("something that starts with the bytes {}", start.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pcap(big_endian: bool, nanos: bool, frames: &[(u32, u32, &[u8])]) -> Vec<u8> {
        let word = |value: u32| if big_endian { value.to_be_bytes() } else { value.to_le_bytes() };
        let mut bytes = Vec::new();
        bytes.extend(word(if nanos { 0xa1b2_3c4d } else { 0xa1b2_c3d4 }));
        bytes.extend(if big_endian { [0, 2, 0, 4] } else { [2, 0, 4, 0] });
        for value in [0, 0, 65_535, 1] {
            bytes.extend(word(value));
        }
        for (seconds, fraction, data) in frames {
            for value in [*seconds, *fraction, data.len() as u32, data.len() as u32 + 10] {
                bytes.extend(word(value));
            }
            bytes.extend(*data);
        }
        bytes
    }

    type Read = (Vec<(i64, u32, Vec<u8>)>, Option<Damage>);

    fn read(bytes: Vec<u8>) -> Result<Read, OpenError> {
        let mut file = CaptureFile::from_reader("test", std::io::Cursor::new(bytes))?;
        let mut frames = Vec::new();
        loop {
            match file.next_frame() {
                Ok(Some(frame)) => frames.push((frame.time.as_nanos(), frame.wire_len, frame.data.to_vec())),
                Ok(None) => return Ok((frames, None)),
                Err(damage) => return Ok((frames, Some(damage))),
            }
        }
    }

    fn block(kind: u32, body: &[u8]) -> Vec<u8> {
        let padded = body.len().next_multiple_of(4);
        let length = (12 + padded) as u32;
        let mut block = [kind.to_le_bytes(), length.to_le_bytes()].concat();
        block.extend(body);
        block.resize(8 + padded, 0);
        block.extend(length.to_le_bytes());
        block
    }

    fn pcapng() -> Vec<u8> {
        let mut bytes = block(SECTION, &[&0x1a2b_3c4d_u32.to_le_bytes()[..], &[1, 0, 0, 0], &[0xff; 8]].concat());
        // Interface 0: Ethernet, microseconds by default; interface 1: raw IP, 2^-10 s, an hour ahead.
        bytes.extend(block(1, &[1, 0, 0, 0, 0, 0, 1, 0]));
        let offset = [&[14, 0, 8, 0][..], &3600_i64.to_le_bytes()].concat();
        bytes.extend(block(1, &[&[101, 0, 0, 0, 0, 0, 1, 0, 9, 0, 1, 0, 0x8a, 0, 0, 0][..], &offset].concat()));
        bytes.extend(block(0x0bad, b"unknown blocks are passed over"));
        let packet = |interface: u32, ticks: u32, data: &[u8]| {
            let words = [interface, 0, ticks, data.len() as u32, data.len() as u32];
            block(6, &[&words.map(u32::to_le_bytes).concat(), data].concat())
        };
        bytes.extend(packet(0, 1_500_000, b"first"));
        bytes.extend(packet(1, 512, b"second"));
        bytes.extend(block(3, &[&3_u32.to_le_bytes()[..], b"abc"].concat()));
        bytes
    }

    const SECTION: u32 = 0x0a0d_0d0a;

    #[test]
    fn reads_both_byte_orders_and_both_precisions() {
        for big_endian in [false, true] {
            for (nanos, expected) in [(false, 5_000_007_000), (true, 5_000_000_007)] {
                let bytes = pcap(big_endian, nanos, &[(5, 7, b"hello"), (6, 0, b"")]);
                let (frames, damage) = read(bytes).unwrap();
                assert_eq!(damage, None);
                assert_eq!(frames[0], (expected, 15, b"hello".to_vec()));
                assert_eq!(frames[1], (6_000_000_000, 10, Vec::new()));
            }
        }
    }

    #[test]
    fn reads_pcapng_with_several_interfaces_and_clocks() {
        let (frames, damage) = read(pcapng()).unwrap();
        assert_eq!(damage, None);
        assert_eq!(
            frames,
            [
                (1_500_000_000, 5, b"first".to_vec()),
                (3_600_500_000_000, 6, b"second".to_vec()),
                (3_600_500_000_000, 3, b"abc".to_vec()),
            ]
        );
    }

    #[test]
    fn reads_gzip_and_zstd_by_what_they_are() {
        let bytes = pcap(false, false, &[(5, 7, b"hello")]);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut gzip, &bytes).unwrap();
        let zstd = zstd::encode_all(&bytes[..], 1).unwrap();
        for packed in [gzip.finish().unwrap(), zstd] {
            assert_eq!(read(packed.clone()).unwrap().0.len(), 1);
            let cut = read(packed[..packed.len() - 6].to_vec());
            match cut {
                Ok((_, damage)) => assert!(damage.unwrap().to_string().contains("of the uncompressed stream")),
                Err(error) => assert!(error.to_string().contains("breaks off"), "{error}"),
            }
        }
    }

    #[test]
    fn a_cut_capture_gives_what_stands_before_and_says_where() {
        for whole in [pcap(false, true, &[(1, 0, b"one"), (2, 0, b"two"), (3, 0, b"three")]), pcapng()] {
            let all = read(whole.clone()).unwrap().0;
            let mut damaged = 0;
            for cut in 0..whole.len() {
                let Ok((frames, damage)) = read(whole[..cut].to_vec()) else { continue };
                assert_eq!(frames, all[..frames.len()], "cut at {cut}");
                if let Some(damage) = damage {
                    damaged += 1;
                    let super::super::Place::Packet { number, offset, .. } = damage.place else { panic!("{damage}") };
                    assert_eq!(number, frames.len() as u64 + 1);
                    assert!(offset <= cut as u64);
                }
            }
            assert!(damaged > 40);
        }
    }

    #[test]
    fn a_length_that_cannot_be_is_damage_not_memory() {
        let mut bytes = pcap(false, false, &[(1, 0, b"one")]);
        bytes.extend([[9_u8; 4], [9; 4], [0xff; 4], [0xff; 4]].concat());
        let (frames, damage) = read(bytes).unwrap();
        assert_eq!(frames.len(), 1);
        assert!(damage.unwrap().what.contains("more than any real one"));
    }

    #[test]
    fn says_what_a_file_is_that_is_no_capture() {
        let error = |bytes: &[u8]| read(bytes.to_vec()).unwrap_err().to_string();
        assert!(error(b"").contains("is empty"));
        assert!(error(b"some words that a person wrote").ends_with("but text"));
        assert!(error(&[0; 40]).contains("starts with the bytes 00 00"));
        assert!(error(&[0xd4, 0xc3, 0xb2, 0xa1, 2, 0]).contains("cut off within its first 24 bytes"));
        assert!(read(pcap(false, false, &[])).unwrap().0.is_empty(), "a capture of nothing is a capture");
    }
}
