//! The header of a tab-separated log: lines that begin with `#`.

use super::kind::LogKind;

/// What the header lines said so far.
#[derive(Debug, Clone)]
pub(super) struct Header {
    /// Between columns.
    pub(super) separator: u8,
    /// Between the values of one column.
    pub(super) set_separator: u8,
    /// Stands for an empty value.
    pub(super) empty: Vec<u8>,
    /// Stands for no value.
    pub(super) unset: Vec<u8>,
    /// What Zeek calls the log.
    pub(super) path: Option<String>,
    /// What each column holds; empty until `#fields` was read.
    pub(super) columns: Vec<Column>,
    /// The columns' names, to tell logs apart.
    names: Vec<String>,
}

/// A column that is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Ts,
    OrigH,
    OrigP,
    RespH,
    RespP,
    Proto,
    Duration,
    OrigBytes,
    RespBytes,
    ConnState,
    History,
    OrigPkts,
    OrigIpBytes,
    RespPkts,
    RespIpBytes,
    OrigL2Addr,
    Query,
    Answers,
    Ttls,
    ServerName,
    Host,
    Rcode,
    /// Any other.
    Unused,
}

impl Column {
    pub(super) const ALL: [(&'static str, Self); 22] = [
        ("ts", Self::Ts),
        ("id.orig_h", Self::OrigH),
        ("id.orig_p", Self::OrigP),
        ("id.resp_h", Self::RespH),
        ("id.resp_p", Self::RespP),
        ("proto", Self::Proto),
        ("duration", Self::Duration),
        ("orig_bytes", Self::OrigBytes),
        ("resp_bytes", Self::RespBytes),
        ("conn_state", Self::ConnState),
        ("history", Self::History),
        ("orig_pkts", Self::OrigPkts),
        ("orig_ip_bytes", Self::OrigIpBytes),
        ("resp_pkts", Self::RespPkts),
        ("resp_ip_bytes", Self::RespIpBytes),
        ("orig_l2_addr", Self::OrigL2Addr),
        ("query", Self::Query),
        ("answers", Self::Answers),
        ("TTLs", Self::Ttls),
        ("server_name", Self::ServerName),
        ("host", Self::Host),
        ("rcode", Self::Rcode),
    ];

    pub(super) fn of(name: &[u8]) -> Self {
        Self::ALL.iter().find(|(known, _)| known.as_bytes() == name).map_or(Self::Unused, |(_, column)| *column)
    }
}

impl Default for Header {
    /// Zeek's defaults.
    fn default() -> Self {
        Self {
            separator: b'\t',
            set_separator: b',',
            empty: b"(empty)".to_vec(),
            unset: b"-".to_vec(),
            path: None,
            columns: Vec::new(),
            names: Vec::new(),
        }
    }
}

impl Header {
    /// Takes a line that begins with `#`. Lines that say nothing about columns (`#open`, `#close`, `#types`) pass.
    pub(super) fn take(&mut self, line: &[u8]) -> Result<(), String> {
        // `#separator` is divided by a space, since it says what all others are divided by.
        if let Some(value) = line.strip_prefix(b"#separator ") {
            let Some(separator) = one_byte(value) else {
                return Err(
                    "#separator is not one character: camwatch reads logs whose columns are divided by one".to_owned()
                );
            };
            *self = Self { separator, ..Self::default() };
            return Ok(());
        }
        let mut parts = line.split(|byte| *byte == self.separator);
        let key = parts.next().unwrap_or_default();
        match key {
            b"#set_separator" => {
                let value = parts.next().unwrap_or_default();
                self.set_separator = one_byte(value).ok_or_else(|| "#set_separator is not one character".to_owned())?;
            }
            b"#empty_field" => self.empty = parts.next().unwrap_or_default().to_vec(),
            b"#unset_field" => self.unset = parts.next().unwrap_or_default().to_vec(),
            b"#path" => self.path = parts.next().map(|path| String::from_utf8_lossy(path).into_owned()),
            b"#fields" => {
                self.names = parts.map(|name| String::from_utf8_lossy(name).into_owned()).collect();
                self.columns = self.names.iter().map(|name| Column::of(name.as_bytes())).collect();
                let twice = |column| self.columns.iter().filter(|known| **known == column).count() > 1;
                if let Some((name, _)) = Column::ALL.iter().find(|(_, column)| twice(*column)) {
                    return Err(format!("#fields names {name} twice"));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether there is a column of this name.
    pub(super) fn has(&self, column: &str) -> bool {
        self.names.iter().any(|name| name == column)
    }

    /// Which log it is: by its name, or where it has none by its columns.
    pub(super) fn kind(&self) -> Option<LogKind> {
        match &self.path {
            Some(path) => LogKind::of_path(path.as_bytes()),
            None => LogKind::of_columns(|column| self.has(column)),
        }
    }
}

fn one_byte(written: &[u8]) -> Option<u8> {
    match *super::value::unescaped(written) {
        [byte] if !matches!(byte, b'\n' | b'\r') => Some(byte),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(lines: &[&str]) -> Result<Header, String> {
        let mut header = Header::default();
        lines.iter().try_for_each(|line| header.take(line.as_bytes())).map(|()| header)
    }

    #[test]
    fn reads_separators_and_columns() {
        let header = header(&[
            r"#separator \x7c",
            "#set_separator|;",
            "#empty_field|EMPTY",
            "#unset_field|?",
            "#path|conn",
            "#fields|ts|new_column|id.orig_h",
        ])
        .unwrap();
        assert_eq!((header.separator, header.set_separator), (b'|', b';'));
        assert_eq!((header.empty.as_slice(), header.unset.as_slice()), (&b"EMPTY"[..], &b"?"[..]));
        assert_eq!(header.columns, [Column::Ts, Column::Unused, Column::OrigH]);
        assert_eq!(header.kind(), Some(LogKind::Conn));
    }

    #[test]
    fn refuses_what_would_be_read_wrongly() {
        assert!(header(&["#separator ::"]).unwrap_err().contains("one character"));
        assert!(header(&["#fields\tts\tts"]).unwrap_err().contains("twice"));
    }
}
