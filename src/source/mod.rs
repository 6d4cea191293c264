//! Where data come from: capture files, live interfaces and Zeek's logs.
//!
//! Captures and interfaces hand out one borrowed [`Frame`] at a time, in time order, without copying it. [`zeek`] hands
//! out records of connections and names. [`Sources`] tells by their content which of the two files are.

mod ahead;
mod counters;
mod error;
mod fanout;
mod file;
mod files;
mod input;
mod live;
mod pcapng;
mod socket;
mod sources;
pub mod zeek;

pub use error::{Damage, LiveError, OpenError, Place};
pub use fanout::{Fanout, home_ranges};
pub use file::CaptureFile;
pub use files::CaptureFiles;
pub use live::{KernelFilter, LiveOptions, LiveSource, LiveStats};
pub use sources::Sources;

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
    /// Which interface of its capture saw it: pcapng numbers them, elsewhere it is 0.
    pub interface: u16,
    /// How long the frame was on the wire; `data` is shorter when the capture was cut at a snapshot length.
    pub wire_len: u32,
    /// What was captured of it.
    pub data: &'a [u8],
}
