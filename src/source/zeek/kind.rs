//! Which of Zeek's logs a file is.

use std::fmt;

/// A log that is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogKind {
    /// Connections.
    Conn,
    /// Questions to DNS and their answers.
    Dns,
    /// TLS handshakes.
    Ssl,
    /// HTTP requests.
    Http,
    /// QUIC handshakes.
    Quic,
}

/// How a log is told from others, and used.
struct Traits {
    kind: LogKind,
    /// What Zeek calls it.
    name: &'static str,
    /// The columns that it can't be without.
    needed: &'static [&'static str],
    /// Where its name is not written: it has all columns of one of these groups. The first log that fits is it.
    telling: &'static [&'static [&'static str]],
}

/// Every log that is taken.
const KINDS: [Traits; 5] = [
    Traits {
        kind: LogKind::Dns,
        name: "dns",
        needed: &["ts", "id.orig_h", "query"],
        telling: &[&["trans_id"], &["query", "qtype_name"], &["query", "rcode"]],
    },
    Traits {
        kind: LogKind::Http,
        name: "http",
        needed: &["ts", "id.orig_h", "id.resp_h", "host"],
        telling: &[&["trans_depth", "tags"], &["method", "host"], &["host", "uri"]],
    },
    Traits {
        kind: LogKind::Quic,
        name: "quic",
        needed: &["ts", "id.orig_h", "id.resp_h", "server_name"],
        telling: &[&["client_initial_dcid"]],
    },
    Traits {
        kind: LogKind::Ssl,
        name: "ssl",
        needed: &["ts", "id.orig_h", "id.resp_h", "server_name"],
        telling: &[&["established", "id.resp_h"], &["cipher", "id.resp_h"], &["server_name", "id.resp_h"]],
    },
    Traits {
        kind: LogKind::Conn,
        name: "conn",
        needed: &["ts", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto"],
        telling: &[
            &["conn_state"],
            &["proto", "history"],
            &["proto", "orig_pkts"],
            &["proto", "orig_bytes"],
            &["proto", "duration"],
        ],
    },
];

impl LogKind {
    /// The logs that are taken beside conn.log, for people.
    pub(in crate::source) const NAMES: &'static str = "dns.log, ssl.log, http.log and quic.log";

    /// By what Zeek calls the log in `#path` or `_path`.
    pub(super) fn of_path(path: &[u8]) -> Option<Self> {
        KINDS.iter().find(|log| log.name.as_bytes() == path).map(|log| log.kind)
    }

    /// By its columns.
    pub(super) fn of_columns(has: impl Fn(&str) -> bool) -> Option<Self> {
        let tells = |log: &&Traits| log.telling.iter().any(|group| group.iter().all(|column| has(column)));
        KINDS.iter().find(tells).map(|log| log.kind)
    }

    /// The needed columns that are not there, as text; none if all are.
    pub(super) fn missing(self, has: impl Fn(&str) -> bool) -> Option<String> {
        let log = KINDS.iter().find(|log| log.kind == self)?;
        let missing: Vec<&str> = log.needed.iter().filter(|column| !has(column)).copied().collect();
        (!missing.is_empty()).then(|| missing.join(", "))
    }
}

impl fmt::Display for LogKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(KINDS.iter().find(|log| log.kind == *self).map_or("", |log| log.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(columns: &str) -> Option<LogKind> {
        LogKind::of_columns(|column| columns.split(' ').any(|has| has == column))
    }

    #[test]
    fn tells_logs_apart_by_their_columns() {
        let id = "ts uid id.orig_h id.orig_p id.resp_h id.resp_p";
        for (columns, kind) in [
            ("proto conn_state", Some(LogKind::Conn)),
            ("proto duration orig_bytes", Some(LogKind::Conn)),
            ("proto trans_id query", Some(LogKind::Dns)),
            ("version cipher server_name established", Some(LogKind::Ssl)),
            ("trans_depth method host uri tags", Some(LogKind::Http)),
            ("version client_initial_dcid server_name history", Some(LogKind::Quic)),
            ("name notice peer", None),
            ("trans_depth call_id request_body_len", None),
        ] {
            assert_eq!(of(&format!("{id} {columns}")), kind, "{columns}");
        }
    }
}
