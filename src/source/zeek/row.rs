//! The columns of a line that camwatch uses, whatever the format, and the record that they come to.

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Duration;

use super::kind::LogKind;
use super::record::{Conn, Name, Record, State, Transport, fate};
use super::value;
use crate::names::{http, printable};
use crate::net::Mac;
use crate::time::Timestamp;
use crate::track::{NameKind, NameSeen};

/// Names that are asked for in the neighbourhood, not of DNS: NBNS, multicast DNS, LLMNR. Zeek writes them to dns.log too.
const NEIGHBOURHOOD: [u16; 3] = [137, 5353, 5355];
/// Answers that are looked at in one line; a DNS message holds hardly more.
const MAX_ANSWERS: usize = 4096;

/// What a line says, as far as it says so.
#[derive(Debug, Default)]
pub(super) struct Row<'a> {
    pub(super) ts: Option<Timestamp>,
    pub(super) orig_h: Option<IpAddr>,
    pub(super) orig_p: Option<u16>,
    pub(super) resp_h: Option<IpAddr>,
    pub(super) resp_p: Option<u16>,
    pub(super) proto: Option<Proto>,
    pub(super) duration: Option<Duration>,
    pub(super) orig_bytes: Option<u64>,
    pub(super) resp_bytes: Option<u64>,
    pub(super) conn_state: Option<State>,
    pub(super) history: Option<History>,
    pub(super) orig_pkts: Option<u64>,
    pub(super) resp_pkts: Option<u64>,
    pub(super) orig_ip_bytes: Option<u64>,
    pub(super) resp_ip_bytes: Option<u64>,
    pub(super) orig_l2_addr: Option<Mac>,
    pub(super) query: Option<Cow<'a, [u8]>>,
    /// Addresses among the answers, and how many seconds the answer that holds shortest does.
    pub(super) answers: Vec<IpAddr>,
    pub(super) shortest_ttl_s: Option<u32>,
    pub(super) server_name: Option<Cow<'a, [u8]>>,
    pub(super) host: Option<Cow<'a, [u8]>>,
    /// A question of DNS has an answer, be it an error.
    pub(super) answered: bool,
}

/// `proto`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proto {
    Tcp,
    Udp,
    Icmp,
    Other,
}

impl Proto {
    pub(super) fn parse(text: &[u8]) -> Self {
        match text {
            b"tcp" => Self::Tcp,
            b"udp" => Self::Udp,
            b"icmp" | b"icmp6" => Self::Icmp,
            _ => Self::Other,
        }
    }
}

/// `history`: what happened, a letter each; capitals are the opener's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct History {
    letters: [u8; 16],
    length: u8,
}

impl History {
    /// The opener's letters, each once: more than these are not asked for.
    pub(super) fn parse(text: &[u8]) -> Self {
        let mut history = Self { letters: [0; 16], length: 0 };
        for &letter in text.iter().filter(|letter| letter.is_ascii_uppercase()) {
            if !history.openers().contains(&letter)
                && let Some(place) = history.letters.get_mut(usize::from(history.length))
            {
                *place = letter;
                history.length += 1;
            }
        }
        history
    }

    fn openers(&self) -> &[u8] {
        self.letters.get(..usize::from(self.length)).unwrap_or_default()
    }

    /// `S`, and perhaps `C` for a bad checksum.
    fn only_syns(&self) -> bool {
        self.openers().contains(&b'S') && self.openers().iter().all(|letter| matches!(letter, b'S' | b'C'))
    }
}

impl Row<'_> {
    /// Takes an answer of dns.log: it counts if it is an address. Others are CNAMEs, whose addresses follow, and texts.
    pub(super) fn add_answer(&mut self, text: &[u8]) {
        if self.answers.len() < MAX_ANSWERS
            && let Ok(address) = value::address(text)
        {
            self.answers.push(address);
        }
    }

    /// Takes the TTL of an answer. The addresses hold no longer than any link of the chain to them.
    pub(super) fn add_ttl(&mut self, ttl: Duration) {
        let ttl = u32::try_from(ttl.as_secs()).unwrap_or(u32::MAX);
        self.shortest_ttl_s = Some(self.shortest_ttl_s.map_or(ttl, |shortest| shortest.min(ttl)));
    }

    /// The record; none if the line holds no name. The error names what is missing.
    pub(super) fn record(self, kind: LogKind) -> Result<Option<Record>, String> {
        match kind {
            LogKind::Conn => self.conn().map(|conn| Some(Record::Conn(conn))),
            LogKind::Dns => self.dns(),
            LogKind::Ssl => self.greeting(NameKind::Tls),
            LogKind::Quic => self.greeting(NameKind::Quic),
            LogKind::Http => self.greeting(NameKind::Http),
        }
    }

    fn conn(&self) -> Result<Conn, String> {
        let (origin_port, responder_port) = (needed(self.orig_p, "id.orig_p")?, needed(self.resp_p, "id.resp_p")?);
        let transport = match needed(self.proto, "proto")? {
            Proto::Tcp => Transport::Tcp,
            Proto::Udp => Transport::Udp,
            Proto::Icmp if matches!(origin_port, 8 | 128) => Transport::Echo,
            Proto::Icmp | Proto::Other => Transport::Other,
        };
        let came_back = self.resp_pkts.or(self.resp_ip_bytes).or(self.resp_bytes);
        let history = self.history.as_ref();
        let (fate, one_sided) =
            fate(transport, self.conn_state, history.map(History::openers), came_back.map(|count| count > 0));
        Ok(Conn {
            time: needed(self.ts, "ts")?,
            duration: self.duration.unwrap_or_default(),
            origin: needed(self.orig_h, "id.orig_h")?,
            origin_port,
            responder: needed(self.resp_h, "id.resp_h")?,
            responder_port,
            transport,
            fate,
            one_sided,
            only_syns: transport == Transport::Tcp && history.is_some_and(History::only_syns),
            bytes_out: self.orig_ip_bytes.or(self.orig_bytes).unwrap_or(0),
            bytes_in: self.resp_ip_bytes.or(self.resp_bytes).unwrap_or(0),
            packets_out: clamped(self.orig_pkts),
            packets_in: clamped(self.resp_pkts),
            mac: self.orig_l2_addr,
        })
    }

    fn dns(self) -> Result<Option<Record>, String> {
        let (time, client) = (needed(self.ts, "ts")?, needed(self.orig_h, "id.orig_h")?);
        if self.resp_p.is_some_and(|port| NEIGHBOURHOOD.contains(&port)) {
            return Ok(None);
        }
        let Some(name) = self.query.as_deref().map(readable).filter(|name| !name.is_empty()) else { return Ok(None) };
        let answered = self.answered || !self.answers.is_empty();
        let ttl_s = if self.answers.is_empty() { 0 } else { self.shortest_ttl_s.unwrap_or(0) };
        let seen = NameSeen::said(NameKind::Dns, name);
        let answer = answered.then(|| NameSeen { asked: false, addresses: self.answers, ttl_s, ..seen.clone() });
        Ok(Some(Record::Name(Box::new(Name { time, client, seen, answer }))))
    }

    /// A name that was said to the server that it stands for.
    fn greeting(self, kind: NameKind) -> Result<Option<Record>, String> {
        let (time, client) = (needed(self.ts, "ts")?, needed(self.orig_h, "id.orig_h")?);
        let server = needed(self.resp_h, "id.resp_h")?;
        let (name, port) = match (kind, self.host, self.server_name) {
            (NameKind::Http, Some(host), _) => {
                let http::Host { name, port } = http::split(&value::unescaped(&host));
                (name, port)
            }
            (NameKind::Tls | NameKind::Quic, _, Some(name)) => (readable(&name), None),
            _ => return Ok(None),
        };
        if name.is_empty() {
            return Ok(None);
        }
        let seen = NameSeen { port, addresses: vec![server], ..NameSeen::said(kind, name) };
        Ok(Some(Record::Name(Box::new(Name { time, client, seen, answer: None }))))
    }
}

fn readable(raw: &[u8]) -> String {
    printable(&value::unescaped(raw))
}

fn needed<T>(value: Option<T>, column: &str) -> Result<T, String> {
    value.ok_or_else(|| format!("{column} is not there"))
}

fn clamped(count: Option<u64>) -> u32 {
    u32::try_from(count.unwrap_or(0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn history_tells_of_tries() {
        for (history, only_syns) in
            [("S", true), ("Sr", true), ("SC", true), ("ShA", false), ("", false), ("^dD", false), ("SR", false)]
        {
            assert_eq!(History::parse(history.as_bytes()).only_syns(), only_syns, "{history}");
        }
        assert_eq!(History::parse(&[b'S'; 1000]).openers(), b"S");
    }
}
