//! Zeek's logs as input: who opened which connection (`conn.log`), and by which names (`dns.log`, `ssl.log`, `http.log`,
//! `quic.log`).
//!
//! Both of Zeek's formats are read: tab-separated text with a header, and one JSON object a line
//! (<https://docs.zeek.org/en/master/log-formats.html>). What a file is, is told by its content. [`ZeekLog`] is one file
//! and gives [`Record`]s in the order of its lines; [`ZeekLogs`] is several, merged.
//!
//! Zeek writes a connection when it has *ended*, with the time at which it *began*: records are not in order of time.

mod header;
mod json;
mod kind;
mod lines;
mod log;
mod logs;
mod record;
mod row;
mod tsv;
mod value;

pub use kind::LogKind;
pub use log::ZeekLog;
pub use logs::ZeekLogs;
pub use record::{Conn, Fate, Name, Record, Transport};

/// Whether bytes begin as a Zeek log does: with a header line, or a JSON object. No capture format does.
pub(super) fn looks_like_log(head: &[u8]) -> bool {
    matches!(head.first(), Some(b'#' | b'{'))
}
