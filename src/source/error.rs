//! What can go wrong with a source, with the way out.

use std::fmt;
use std::io;

/// A capture file could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The operating system refused.
    #[error("{file}: cannot be opened: {error}{}", hint(error))]
    Io {
        /// The file as it was named.
        file: String,
        /// Why.
        error: io::Error,
    },
    /// A directory was named.
    #[error("{file}: is a directory: name the capture files in it, as in {file}/*.pcap")]
    Directory {
        /// The directory.
        file: String,
    },
    /// Nothing is in it.
    #[error("{file}: is empty: was the capture stopped before it wrote anything, or the disk full?")]
    Empty {
        /// The file.
        file: String,
    },
    /// It is something else.
    #[error("{file}: is no pcap or pcapng capture, but {looks_like}")]
    NotACapture {
        /// The file.
        file: String,
        /// What it looks like.
        looks_like: String,
    },
    /// Its header cannot be read.
    #[error("{file}: its capture header is broken: {what}")]
    BrokenHeader {
        /// The file.
        file: String,
        /// What is wrong.
        what: String,
    },
    /// Standard input was named twice.
    #[error("standard input (-) can be read only once: name it once")]
    StdinTwice,
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => ": check the path",
        io::ErrorKind::PermissionDenied => ": ask its owner for read access, or run as a user who has it",
        _ => "",
    }
}

/// Where a capture is damaged. What stands before it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The file as it was named.
    pub file: String,
    /// The number of the packet that could not be read, counted from 1.
    pub packet: u64,
    /// Where it begins, in bytes from the start of the (uncompressed) capture.
    pub offset: u64,
    /// Whether the file is compressed, so that the offset is not one in the file.
    pub compressed: bool,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, packet, offset, compressed, what } = self;
        let stream = if *compressed { " of the uncompressed stream" } else { "" };
        write!(f, "{file}: damaged at packet {packet}, byte {offset}{stream}: {what}")
    }
}

impl std::error::Error for Damage {}

/// An interface cannot be captured from.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// There is no such interface.
    #[error("interface `{interface}` does not exist; this machine has: {known}")]
    NoInterface {
        /// What was asked for.
        interface: String,
        /// What there is.
        known: String,
    },
    /// Not allowed.
    #[error(
        "no permission to capture on `{interface}`: run as root, give the program the capability \
         (setcap cap_net_raw=ep camwatch), or start it by the systemd unit, which does"
    )]
    Permission {
        /// The interface.
        interface: String,
    },
    /// The kernel filter does not compile.
    #[error("the filter `{filter}` is not understood on `{interface}`: {what} (see pcap-filter(7))")]
    Filter {
        /// The interface.
        interface: String,
        /// The filter.
        filter: String,
        /// What libpcap says.
        what: String,
    },
    /// The interface went down or away: it may come back.
    #[error("interface `{interface}` went away: {what}")]
    Gone {
        /// The interface.
        interface: String,
        /// What libpcap says.
        what: String,
    },
    /// Anything else.
    #[error("cannot capture on `{interface}`: {what}")]
    Other {
        /// The interface.
        interface: String,
        /// What libpcap says.
        what: String,
    },
}
