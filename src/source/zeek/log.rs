//! One log, record by record.

use std::path::Path;

use super::header::Header;
use super::kind::LogKind;
use super::lines::{Lines, Next};
use super::record::Record;
use super::{json, tsv};
use crate::source::error::{Damage, OpenError, Place};
use crate::source::input::{Input, Progress};

/// How far a JSON log is looked into to tell which it is.
const LOOKED_INTO: usize = 256 * 1024;

/// An open log. Lines that cannot be read are left out: [`ZeekLog::damage`] tells of them.
pub struct ZeekLog {
    name: String,
    lines: Lines,
    format: Format,
    damage: Option<Damage>,
}

enum Format {
    /// Tab-separated. Where logs were put one behind the other, a header comes again; the error is why its log is not taken.
    Tsv(Header, Result<LogKind, String>),
    Json(LogKind),
}

impl ZeekLog {
    /// Opens a log, or standard input for `-`, and tells which it is.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        Self::open_counting(path, Progress::default())
    }

    /// Reads a log from any reader; `name` is what errors call it.
    pub fn from_reader(name: &str, reader: impl std::io::Read + Send + 'static) -> Result<Self, OpenError> {
        Self::from_input(name.to_owned(), Input::new(name, reader)?)
    }

    pub(super) fn open_counting(path: &Path, progress: Progress) -> Result<Self, OpenError> {
        Self::from_input(path.display().to_string(), Input::open(path, progress)?)
    }

    pub(super) fn from_input(name: String, input: Input) -> Result<Self, OpenError> {
        let mut lines = Lines::new(input);
        let format = if lines.first_byte() == Some(b'{') {
            Format::Json(json_kind(&name, &mut lines)?)
        } else {
            let (header, kind) = header(&name, &mut lines)?;
            Format::Tsv(header, Ok(kind))
        };
        Ok(Self { name, lines, format, damage: None })
    }

    /// The file as it was named.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The next record. None: the log is over.
    pub fn next_record(&mut self) -> Option<Record> {
        loop {
            let read = match self.lines.next() {
                Next::End => return None,
                Next::Bad(what) => Err(what),
                Next::Line(place) => {
                    let line = self.lines.text(place);
                    if line.is_empty() { Ok(None) } else { self.format.read(line) }
                }
            };
            match read {
                Ok(Some(record)) => return Some(record),
                Ok(None) => {}
                Err(what) => self.leave_out(what),
            }
        }
    }

    /// The first line that was left out, with how many were.
    pub fn damage(&self) -> Option<&Damage> {
        self.damage.as_ref()
    }

    fn leave_out(&mut self, what: String) {
        if let Some(Damage { place: Place::Line { left_out, .. }, .. }) = &mut self.damage {
            *left_out += 1;
        } else {
            let place = Place::Line { number: self.lines.number(), left_out: 1 };
            self.damage = Some(Damage { file: self.name.clone(), place, what });
        }
    }
}

impl Format {
    /// Reads a line. None: it holds nothing that is used.
    fn read(&mut self, line: &[u8]) -> Result<Option<Record>, String> {
        match self {
            Self::Tsv(header, kind) if line.first() == Some(&b'#') => {
                header.take(line)?;
                *kind = taken(header);
                Ok(None)
            }
            Self::Tsv(header, kind) => tsv::read(line, header)?.record(kind.clone()?),
            Self::Json(kind) => {
                let line = json::read(line)?;
                match line.path.as_deref().map(LogKind::of_path) {
                    // A stream of all of Zeek's logs: the others pass by.
                    Some(None) => Ok(None),
                    Some(Some(kind)) => line.row.record(kind),
                    None => line.row.record(*kind),
                }
            }
        }
    }
}

fn taken(header: &Header) -> Result<LogKind, String> {
    let kind = header.kind().ok_or_else(|| match &header.path {
        Some(path) => format!("it belongs to {path}.log, which is not taken"),
        None => "its columns are of no log that is taken".to_owned(),
    })?;
    match kind.missing(|column| header.has(column)) {
        Some(columns) => Err(format!("its header lacks {columns}")),
        None => Ok(kind),
    }
}

fn header(name: &str, lines: &mut Lines) -> Result<(Header, LogKind), OpenError> {
    let file = name.to_owned();
    let mut header = Header::default();
    while lines.first_byte() == Some(b'#') {
        let taken = match lines.next() {
            Next::Line(place) => header.take(lines.text(place)),
            Next::Bad(what) => Err(what),
            Next::End => break,
        };
        taken.map_err(|what| OpenError::BrokenLogHeader { file: file.clone(), line: lines.number(), what })?;
    }
    if header.columns.is_empty() {
        let what = "has no #fields line, by which Zeek's header names the columns".to_owned();
        return Err(OpenError::UnknownLog { file, what });
    }
    let Some(kind) = header.kind() else {
        return Err(match header.path {
            Some(path) => OpenError::OtherLog { file, log: path.escape_debug().to_string() },
            None => {
                OpenError::UnknownLog { file, what: "its columns are of none of the logs that are taken".to_owned() }
            }
        });
    };
    match kind.missing(|column| header.has(column)) {
        Some(columns) => Err(OpenError::MissingColumns { file, log: kind, columns }),
        None => Ok((header, kind)),
    }
}

/// Which log the first lines are of that tell.
fn json_kind(name: &str, lines: &mut Lines) -> Result<LogKind, OpenError> {
    let file = name.to_owned();
    let mut other = None;
    for line in lines.ahead(LOOKED_INTO).split(|byte| *byte == b'\n') {
        match json::kind(line) {
            Some(Ok(kind)) => return Ok(kind),
            Some(Err(path)) => {
                other.get_or_insert(path);
            }
            None => {}
        }
    }
    let what = match other {
        Some(Some(log)) => return Err(OpenError::OtherLog { file, log }),
        Some(None) => "is JSON text whose fields are of none of the logs that are taken",
        None => "is JSON text, but no log: a log has an object on each line",
    };
    Err(OpenError::UnknownLog { file, what: what.to_owned() })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::net::IpAddr;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::super::record::{Conn, Fate, Name, Transport};
    use super::*;
    use crate::net::Mac;
    use crate::time::Timestamp;
    use crate::track::{NameKind, NameSeen};

    const HEADER: &str = "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n";
    const CONN: &str = "#path\tconn\n#open\t2026-01-02-03-04-05\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\t\
        proto\tservice\tduration\torig_bytes\tresp_bytes\tconn_state\tlocal_orig\tlocal_resp\tmissed_bytes\thistory\t\
        orig_pkts\torig_ip_bytes\tresp_pkts\tresp_ip_bytes\ttunnel_parents\torig_l2_addr\n#types\ttime\tstring\taddr\n";
    const LINE: &str = "1521911721.255387\tC8Tful1TvM3Zf5x8fl\t10.164.94.120\t39681\t203.0.114.155\t3389\ttcp\t-\t0.004266\t97\t19\t\
        RSTR\t-\t-\t0\tShADTdtr\t10\t730\t6\t342\t(empty)\t44:19:b6:00:00:01\n";

    fn read(bytes: &[u8]) -> Result<(Vec<Record>, Option<Damage>), OpenError> {
        let mut log = ZeekLog::from_reader("a.log", Cursor::new(bytes.to_vec()))?;
        let records = std::iter::from_fn(|| log.next_record()).collect();
        Ok((records, log.damage().cloned()))
    }

    fn records(text: &str) -> Vec<Record> {
        let (records, damage) = read(text.as_bytes()).unwrap();
        assert_eq!(damage, None, "{text}");
        records
    }

    fn error(text: &str) -> String {
        read(text.as_bytes()).err().unwrap().to_string()
    }

    fn conn() -> Conn {
        Conn {
            time: Timestamp::from_parts(1_521_911_721, 255_387_000),
            duration: Duration::from_micros(4266),
            origin: IpAddr::from([10, 164, 94, 120]),
            origin_port: 39_681,
            responder: IpAddr::from([203, 0, 114, 155]),
            responder_port: 3389,
            transport: Transport::Tcp,
            fate: Fate::Answered,
            one_sided: false,
            only_syns: false,
            bytes_out: 730,
            bytes_in: 342,
            packets_out: 10,
            packets_in: 6,
            mac: Some(Mac([0x44, 0x19, 0xb6, 0, 0, 1])),
        }
    }

    fn name(kind: NameKind, name: &str, addresses: &[[u8; 4]]) -> Name {
        let addresses = addresses.iter().map(|octets| IpAddr::from(*octets)).collect();
        let (name, alpn) = (name.to_owned(), Vec::new());
        Name {
            time: Timestamp::from_parts(1_521_911_720, 600_725_000),
            client: IpAddr::from([10, 1, 2, 3]),
            seen: NameSeen { kind, name, port: None, addresses, asked: true, ttl_s: 0, alpn, ech: false },
            answer: None,
        }
    }

    fn dns(question: &str, answer: Option<(&[[u8; 4]], u32)>) -> Record {
        let mut asked = name(NameKind::Dns, question, &[]);
        asked.answer = answer.map(|(addresses, ttl_s)| NameSeen {
            asked: false,
            ttl_s,
            ..name(NameKind::Dns, question, addresses).seen
        });
        Record::Name(Box::new(asked))
    }

    fn said(kind: NameKind, port: Option<u16>) -> Record {
        let mut said = name(kind, "a.example", &[[9, 9, 9, 9]]);
        said.seen.port = port;
        Record::Name(Box::new(said))
    }

    #[test]
    fn both_formats_say_the_same_of_a_connection() {
        assert_eq!(records(&[HEADER, CONN, LINE].concat()), [Record::Conn(conn())]);
        let json = r#"{"ts":1521911721.255387,"uid":"C8Tful1TvM3Zf5x8fl","id.orig_h":"10.164.94.120","id.orig_p":39681,"id.resp_h":"203.0.114.155","id.resp_p":3389,"proto":"tcp","duration":0.004266,"orig_bytes":97,"resp_bytes":19,"conn_state":"RSTR","missed_bytes":0,"history":"ShADTdtr","orig_pkts":10,"orig_ip_bytes":730,"resp_pkts":6,"resp_ip_bytes":342,"tunnel_parents":["C1"],"orig_l2_addr":"44:19:b6:00:00:01"}"#;
        assert_eq!(records(json), [Record::Conn(conn())]);
        assert_eq!(
            records(&json.replace("1521911721.255387", "\"2018-03-24T17:15:21.255387Z\"")),
            [Record::Conn(conn())]
        );
        assert_eq!(records(&json.replace("\"proto\":\"tcp\"", "\"proto\":\"t\\u0063p\"")), [Record::Conn(conn())]);
        assert_eq!(records(&json.replace(",\"tunnel", ",\n\"tunnel").replace(",\n", ",")), [Record::Conn(conn())]);
    }

    #[test]
    fn without_ip_bytes_the_payload_counts() {
        let line = LINE.replace("\t730\t", "\t-\t").replace("\t342\t", "\t-\t");
        let expected = Conn { bytes_out: 97, bytes_in: 19, ..conn() };
        assert_eq!(records(&[HEADER, CONN, &line].concat()), [Record::Conn(expected)]);
    }

    #[test]
    fn names_of_dns_with_their_addresses() {
        let head = "#path\tdns\n#fields\tts\tid.orig_h\tid.resp_p\ttrans_id\tquery\trcode\tanswers\tTTLs\n";
        let start = "1521911720.600725\t10.1.2.3";
        let lines = [
            format!(
                "{start}\t53\t1\tWWW.Example.ORG\t0\twww.example.net,93.184.216.34,93.184.216.35\t300.000000,60.0,90\n"
            ),
            format!("{start}\t53\t2\tunanswered.example\\x2c.org\t-\t-\t-\n"),
            format!("{start}\t53\t3\ttext.org\t0\tTXT 12 v=spf1\\x2c -all\t60.0\n"),
            format!("{start}\t5353\t4\t_hap._tcp.local\t-\t-\t-\n"),
            format!("{start}\t53\t5\t-\t0\t-\t-\n"),
        ];
        let expected = [
            dns("www.example.org", Some((&[[93, 184, 216, 34], [93, 184, 216, 35]], 60))),
            dns("unanswered.example,.org", None),
            dns("text.org", Some((&[], 0))),
        ];
        assert_eq!(records(&[HEADER, head, &lines.concat()].concat()), expected);
        let json = r#"{"ts":1521911720.600725,"id.orig_h":"10.1.2.3","id.resp_p":53,"trans_id":1,"query":"www.example.org","answers":["www.example.net","93.184.216.34","93.184.216.35"],"TTLs":[300.0,60.0,90]}"#;
        assert_eq!(records(json), expected[..1]);
    }

    #[test]
    fn names_said_to_servers() {
        let ssl = r#"{"ts":1521911720.600725,"id.orig_h":"10.1.2.3","id.resp_h":"9.9.9.9","version":"TLSv12","cipher":"x","server_name":"A.example.","established":true}"#;
        let http = "#path\thttp\n#fields\tts\tid.orig_h\tid.resp_h\ttrans_depth\thost\turi\n\
            1521911720.600725\t10.1.2.3\t9.9.9.9\t1\tA.example:8080\t/\n1521911720.600725\t10.1.2.3\t9.9.9.9\t2\t-\t/\n";
        let quic = r#"{"_path":"quic","ts":1521911720.600725,"id.orig_h":"10.1.2.3","id.resp_h":"9.9.9.9","server_name":"a.example"}"#;
        assert_eq!(records(ssl), [said(NameKind::Tls, None)]);
        assert_eq!(records(&[HEADER, http].concat()), [said(NameKind::Http, Some(8080))]);
        assert_eq!(records(quic), [said(NameKind::Quic, None)]);
    }

    #[test]
    fn logs_one_behind_the_other_and_mixed_streams_are_read() {
        let more = "#path\tdns\n#fields\tts\tid.orig_h\tquery\n1521911720.600725\t10.1.2.3\ta.example\n#close\t2026\n";
        let text = [HEADER, CONN, LINE, "#close\t2026-01-02\n", HEADER, more].concat();
        assert_eq!(records(&text), [Record::Conn(conn()), dns("a.example", None)]);
        let stream = "{\"_path\":\"weird\",\"ts\":1.0}\n\
            {\"_path\":\"dns\",\"ts\":1521911720.600725,\"id.orig_h\":\"10.1.2.3\",\"query\":\"a.example\"}\n";
        assert_eq!(records(stream), [dns("a.example", None)]);
    }

    #[test]
    fn lines_that_cannot_be_read_are_left_out_and_the_first_is_said() {
        let bad = LINE.replace("39681", "port");
        let text = [HEADER, CONN, LINE, &bad, LINE, "too\tfew\n", LINE].concat();
        let (records, damage) = read(text.as_bytes()).unwrap();
        assert_eq!(records.len(), 3);
        let damage = damage.unwrap();
        assert_eq!(damage.place, Place::Line { number: 10, left_out: 2 });
        assert_eq!(
            damage.to_string(),
            "a.log:10: the first of 2 lines that are left out: id.orig_p: `port` is no port"
        );
        let json = "{\"ts\":1.5,\"id.orig_h\":\"10.0.0.1\",\"query\":\"a\",\"rcode\":0}\n{\"ts\":1.5,\"id.ori";
        let (records, damage) = read(json.as_bytes()).unwrap();
        assert_eq!((records.len(), damage.unwrap().place), (1, Place::Line { number: 2, left_out: 1 }));
        let long = [HEADER, CONN, &"x".repeat(3_000_000), "\n", LINE].concat();
        let (records, damage) = read(long.as_bytes()).unwrap();
        assert_eq!(records.len(), 1);
        assert!(damage.unwrap().what.contains("longer than"));
    }

    #[test]
    fn what_is_no_log_or_another_log_is_named() {
        let weird = error(&[HEADER, "#path\tweird\n#fields\tts\tname\n1.0\tx\n"].concat());
        assert!(weird.contains("a.log: is Zeek's weird.log") && weird.contains("conn.log"), "{weird}");
        assert!(error("{\"_path\":\"notice\",\"ts\":1}").contains("Zeek's notice.log"));
        assert!(error("{\"a\":1}").contains("whose fields are of none"));
        assert!(error("{\n \"a\":1\n}").contains("an object on each line"));
        assert!(error("# a remark\nand text").contains("no #fields line"));
        let lacks = error(&[HEADER, "#path\tconn\n#fields\tts\tid.orig_h\tid.resp_h\n"].concat());
        assert!(lacks.contains("lacks id.orig_p, id.resp_p, proto"), "{lacks}");
        assert!(error("#separator \\x09\\x09\n#fields\tts\n").contains("a.log:1: #separator"));
    }

    #[test]
    fn a_log_of_a_quiet_hour_has_no_records() {
        assert_eq!(records(&[HEADER, CONN, "#close\t2026-01-02-04-00-00\n"].concat()), []);
    }

    #[test]
    fn windows_line_ends_and_a_missing_last_one_do_no_harm() {
        let text = [HEADER, CONN, LINE, LINE].concat().replace('\n', "\r\n");
        assert_eq!(records(text.trim_end()), [Record::Conn(conn()), Record::Conn(conn())]);
    }

    fn samples() -> Vec<Vec<u8>> {
        let json = r#"{"ts":1.5,"id.orig_h":"10.0.0.1","id.orig_p":1,"id.resp_h":"::1","id.resp_p":2,"proto":"udp","conn_state":"S0","history":"D","orig_pkts":3}"#;
        let tsv = [HEADER, CONN, LINE, LINE, LINE].concat();
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut gz, tsv.as_bytes()).unwrap();
        let zst = zstd::encode_all(tsv.as_bytes(), 1).unwrap();
        vec![tsv.into_bytes(), format!("{json}\n{json}\n{json}\n").into_bytes(), gz.finish().unwrap(), zst]
    }

    proptest! {
        #[test]
        fn a_cut_gives_the_records_before_it(sample in 0_usize..4, part in 0.0_f64..1.0) {
            let whole = &samples()[sample];
            let all = read(whole).unwrap().0;
            let cut = (whole.len() as f64 * part) as usize;
            if let Ok((records, _)) = read(&whole[..cut]) {
                // In the last column a cut cannot be seen: that one may differ.
                let sure = records.len().saturating_sub(1);
                prop_assert_eq!(&records[..sure], &all[..sure]);
                let lines = whole[..cut].split(|byte| *byte == b'\n').filter(|line| !line.starts_with(b"#")).count();
                if sample < 2 {
                    prop_assert!(records.len() + 1 >= lines);
                }
            }
        }

        #[test]
        fn no_change_makes_it_panic(
            sample in 0_usize..4,
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20),
        ) {
            let mut bytes = samples()[sample].clone();
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            let _ = read(&bytes);
        }

        #[test]
        fn no_bytes_make_it_panic(start in prop::sample::select(vec!["#", "{", "#fields\tts\n"]), rest: Vec<u8>) {
            let _ = read(&[start.as_bytes(), &rest].concat());
        }
    }
}
