//! What can go wrong with a source, with the way out.

use std::fmt;
use std::io;

use super::zeek::LogKind;

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
    #[error("{file}: is no pcap or pcapng capture and no Zeek log, but {looks_like}")]
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
    /// It is a Zeek log, of a kind that says nothing about who called whom.
    #[error("{file}: is Zeek's {log}.log: of Zeek's logs camwatch takes conn.log, and for names {}", LogKind::NAMES)]
    OtherLog {
        /// The file.
        file: String,
        /// What Zeek calls the log.
        log: String,
    },
    /// It may be a Zeek log, but not one that is taken.
    #[error("{file}: {what}: of Zeek's logs camwatch takes conn.log, and for names {}", LogKind::NAMES)]
    UnknownLog {
        /// The file.
        file: String,
        /// What is wrong with it.
        what: String,
    },
    /// Columns that are needed are not in a Zeek log.
    #[error("{file}: lacks {columns}, without which {log}.log can't be used: have Zeek write them")]
    MissingColumns {
        /// The file.
        file: String,
        /// Which log it is.
        log: LogKind,
        /// The columns.
        columns: String,
    },
    /// The header of a Zeek log cannot be understood.
    #[error("{file}:{line}: {what}")]
    BrokenLogHeader {
        /// The file.
        file: String,
        /// The line, counted from 1.
        line: u64,
        /// What is wrong, and the way out.
        what: String,
    },
    /// Captures and Zeek logs were named together.
    #[error(
        "{log} is a Zeek log and {capture} a capture: read them apart, since both tell of the same connections, \
         which would count twice"
    )]
    Mixed {
        /// The first Zeek log.
        log: String,
        /// The first capture.
        capture: String,
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

/// Where a file is damaged. Of a capture, what stands before it was read; of a log, the other lines were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The file as it was named.
    pub file: String,
    /// Where in it.
    pub place: Place,
    /// What is wrong.
    pub what: String,
}

/// A place in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Of a capture.
    Packet {
        /// The number of the packet that could not be read, counted from 1.
        number: u64,
        /// Where it begins, in bytes from the start of the (uncompressed) capture.
        offset: u64,
        /// Whether the file is compressed, so that the offset is not one in the file.
        compressed: bool,
    },
    /// Of a log.
    Line {
        /// The first line that could not be read, counted from 1.
        number: u64,
        /// How many lines of the file could not.
        left_out: u64,
    },
}

impl Damage {
    /// How many lines of a log were left out; none of a capture.
    pub fn lines_left_out(&self) -> u64 {
        match self.place {
            Place::Packet { .. } => 0,
            Place::Line { left_out, .. } => left_out,
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, place, what } = self;
        match *place {
            Place::Packet { number, offset, compressed } => {
                let stream = if compressed { " of the uncompressed stream" } else { "" };
                write!(f, "{file}: damaged at packet {number}, byte {offset}{stream}: {what}")
            }
            Place::Line { number, left_out: 1 } => write!(f, "{file}:{number}: the line is left out: {what}"),
            Place::Line { number, left_out } => {
                write!(f, "{file}:{number}: the first of {left_out} lines that are left out: {what}")
            }
        }
    }
}

impl std::error::Error for Damage {}

/// An interface cannot be captured from.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
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
    /// The interface is down: what was opened goes on working when it is up again.
    #[error("interface `{interface}` is down")]
    Down {
        /// The interface.
        interface: String,
    },
    /// The interface was deleted and made anew, and this process may not open the new one.
    #[error(
        "interface `{interface}` was deleted and made anew, and camwatch, which has given up the privilege to capture, \
         cannot open it again: it has to be started anew, as systemd does by itself"
    )]
    MadeAnew {
        /// The interface.
        interface: String,
    },
    /// The interface went away: it may come back, as another.
    #[error("interface `{interface}` went away: {what}")]
    Gone {
        /// The interface.
        interface: String,
        /// What libpcap says.
        what: String,
    },
    /// The kernel gives no thread to work with.
    #[error(
        "no thread `{thread}` can be started: {what}: allow camwatch more tasks (TasksMax= of its unit, ulimit -u) or \
         memory, or set fewer `workers`"
    )]
    NoThread {
        /// Its name.
        thread: String,
        /// What the kernel says.
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
