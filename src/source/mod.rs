//! Where frames come from: capture files, an interface, and (as events) Zeek logs.
//!
//! A source hands out one borrowed [`Frame`] at a time, in time order, without copying it.

use crate::time::Timestamp;

/// A link-layer header type by its number in the registry at <https://www.tcpdump.org/linktypes.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkType(pub u16);

/// One captured frame, borrowed from the source's buffer.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// When it was captured.
    pub time: Timestamp,
    /// What `data` starts with.
    pub link: LinkType,
    /// How long the frame was on the wire; `data` is shorter when the capture was cut at a snapshot length.
    pub wire_len: u32,
    /// What was captured of it.
    pub data: &'a [u8],
}
