//! pcapng: which blocks are packets, and what their timestamps mean (draft-ietf-opsawg-pcapng).

use pcap_parser::pcapng::{Block, parse_block_be, parse_block_le};

use super::LinkType;
use crate::time::Timestamp;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;
const BYTE_ORDER: u32 = 0x1a2b_3c4d;
/// Interfaces of one section that are believed.
const MAX_INTERFACES: usize = 65_536;

/// What one section has said so far.
#[derive(Debug, Default)]
pub(super) struct Section {
    big_endian: bool,
    interfaces: Vec<Interface>,
}

#[derive(Debug, Clone, Copy)]
struct Interface {
    link: LinkType,
    snaplen: u32,
    units_per_second: u64,
    offset_s: i64,
}

/// A block, by what it is for.
pub(super) enum Kind {
    /// A packet; its data are `length` bytes from `start` of the block on.
    Packet { time: Option<Timestamp>, link: LinkType, interface: u16, wire_len: u32, start: usize, length: usize },
    /// Anything else.
    Other,
}

impl Section {
    /// The length of the block that starts with these eight (for a section header twelve) bytes.
    pub(super) fn block_length(&mut self, head: &[u8]) -> Result<usize, String> {
        let kind = self.word(head, 0);
        if kind == Some(SECTION_HEADER) {
            let order = head.get(8..12).and_then(|b| b.try_into().ok()).unwrap_or_default();
            self.big_endian = match (u32::from_le_bytes(order), u32::from_be_bytes(order)) {
                (BYTE_ORDER, _) => false,
                (_, BYTE_ORDER) => true,
                _ => return Err("a section header without byte order".to_owned()),
            };
        }
        let length = self.word(head, 4).unwrap_or(0);
        if length < 12 || !length.is_multiple_of(4) {
            return Err(format!("a block of {length} bytes: blocks have at least 12 and a multiple of 4"));
        }
        Ok(length as usize)
    }

    /// Takes a whole block.
    pub(super) fn take(&mut self, block: &[u8]) -> Result<Kind, String> {
        let length = block.len();
        if self.word(block, length - 4) != Some(length as u32) {
            return Err("a block whose two lengths differ".to_owned());
        }
        let (start, interface, ticks, captured, wire_len) = match self.word(block, 0) {
            Some(ENHANCED_PACKET) => {
                (28, self.word(block, 8), self.ticks(block), self.word(block, 20), self.word(block, 24))
            }
            Some(PACKET) => {
                let interface = block
                    .get(8..10)
                    .and_then(|b| b.try_into().ok())
                    .map(|b| u32::from(if self.big_endian { u16::from_be_bytes(b) } else { u16::from_le_bytes(b) }));
                (28, interface, self.ticks(block), self.word(block, 20), self.word(block, 24))
            }
            Some(SIMPLE_PACKET) => {
                let wire = self.word(block, 8);
                let snaplen = self.interfaces.first().map_or(0, |i| if i.snaplen == 0 { u32::MAX } else { i.snaplen });
                let room = (length - 12).saturating_sub(4) as u32;
                (12, Some(0), None, wire.map(|wire| wire.min(snaplen).min(room)), wire)
            }
            Some(INTERFACE_DESCRIPTION | SECTION_HEADER) => return self.describe(block),
            _ => return Ok(Kind::Other),
        };
        let (Some(interface), Some(captured), Some(wire_len)) = (interface, captured, wire_len) else {
            return Err("a packet block that is too short".to_owned());
        };
        let number = interface as u16;
        let Some(interface) = self.interfaces.get(interface as usize) else {
            return Err(format!("a packet of interface {interface}, which the capture does not describe"));
        };
        let captured = captured as usize;
        if start + captured > length - 4 {
            return Err(format!("a packet of {captured} bytes in a block of {length}"));
        }
        let time = ticks.map(|ticks| interface.time(ticks));
        Ok(Kind::Packet { time, link: interface.link, interface: number, wire_len, start, length: captured })
    }

    fn describe(&mut self, block: &[u8]) -> Result<Kind, String> {
        let parsed = if self.big_endian { parse_block_be(block) } else { parse_block_le(block) };
        match parsed {
            Ok((_, Block::SectionHeader(_))) => self.interfaces.clear(),
            Ok((_, Block::InterfaceDescription(described))) if self.interfaces.len() < MAX_INTERFACES => {
                self.interfaces.push(Interface {
                    link: LinkType(described.linktype.0 as u16),
                    snaplen: described.snaplen,
                    units_per_second: units_per_second(described.if_tsresol)
                        .ok_or("an interface whose clock has no usable resolution")?,
                    offset_s: described.ts_offset(),
                });
            }
            _ => return Err("a section or interface description that cannot be read".to_owned()),
        }
        Ok(Kind::Other)
    }

    fn word(&self, block: &[u8], at: usize) -> Option<u32> {
        let bytes = block.get(at..at + 4)?.try_into().ok()?;
        Some(if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    fn ticks(&self, block: &[u8]) -> Option<u64> {
        Some(u64::from(self.word(block, 12)?) << 32 | u64::from(self.word(block, 16)?))
    }
}

/// The clock of an interface: a power of ten, or with the top bit set a power of two.
fn units_per_second(resolution: u8) -> Option<u64> {
    let base: u64 = if resolution & 0x80 == 0 { 10 } else { 2 };
    base.checked_pow(u32::from(resolution & 0x7f))
}

impl Interface {
    fn time(&self, ticks: u64) -> Timestamp {
        let seconds = i64::try_from(ticks / self.units_per_second).unwrap_or(i64::MAX);
        let rest = u128::from(ticks % self.units_per_second) * 1_000_000_000 / u128::from(self.units_per_second);
        Timestamp::from_parts(seconds.saturating_add(self.offset_s), rest as u32)
    }
}
