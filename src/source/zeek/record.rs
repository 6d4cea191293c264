//! What a line of a log says, typed.

use std::net::IpAddr;
use std::time::Duration;

use crate::net::Mac;
use crate::time::Timestamp;
use crate::track::NameSeen;

/// A line of a log.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// Of conn.log.
    Conn(Conn),
    /// Of a log of names.
    Name(Box<Name>),
}

impl Record {
    /// When it began.
    pub fn time(&self) -> Timestamp {
        match self {
            Self::Conn(conn) => conn.time,
            Self::Name(name) => name.time,
        }
    }

    /// When it was over, about when Zeek wrote it.
    pub fn end(&self) -> Timestamp {
        match self {
            Self::Conn(conn) => conn.time + conn.duration,
            Self::Name(name) => name.time,
        }
    }
}

/// The transport of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP or ICMPv6 echo, by the type of the request (8 or 128).
    Echo,
    /// Anything else, other ICMP too: counted, but nobody's attempt.
    Other,
}

/// What became of a connection, by Zeek's `conn_state` and `history`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The responder answered.
    Answered,
    /// The responder refused (REJ).
    Refused,
    /// Nothing came back.
    Unanswered,
    /// Its beginning was not seen (OTH), or only the responder was (SHR, RSTRH).
    Midstream,
    /// The log does not tell.
    Unknown,
}

/// A connection.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Conn {
    /// When it began.
    pub time: Timestamp,
    /// From its first to its last packet.
    pub duration: Duration,
    /// Who opened it.
    pub origin: IpAddr,
    /// From which port (of ICMP: the type).
    pub origin_port: u16,
    /// Who was called.
    pub responder: IpAddr,
    /// At which port (of ICMP: the code).
    pub responder_port: u16,
    /// Over what.
    pub transport: Transport,
    /// What became of it.
    pub fate: Fate,
    /// One direction only was seen, though the packets prove the other.
    pub one_sided: bool,
    /// TCP: nothing but SYNs came from who opened it, as `history` says; so each packet is a try.
    pub only_syns: bool,
    /// Bytes of IP packets from who opened it; payload only where the log has no more.
    pub bytes_out: u64,
    /// Bytes of IP packets to it; payload only where the log has no more.
    pub bytes_in: u64,
    /// Packets from who opened it.
    pub packets_out: u32,
    /// Packets to it.
    pub packets_in: u32,
    /// The MAC address that it was sent from (`orig_l2_addr`, by Zeek's script `mac-logging`).
    pub mac: Option<Mac>,
}

/// A name that somebody used.
#[derive(Debug, Clone, PartialEq)]
pub struct Name {
    /// When.
    pub time: Timestamp,
    /// Who.
    pub client: IpAddr,
    /// Which, and for whom; of DNS the question.
    pub seen: NameSeen,
    /// The answer to a question of DNS, if there was one.
    pub answer: Option<NameSeen>,
}

/// What `conn_state` says, with `history` and the packets that came back where it says too little. The second value
/// tells that one direction only was seen.
///
/// States: <https://docs.zeek.org/en/master/scripts/base/protocols/conn/main.zeek.html>. Zeek sees no answer in a
/// connection whose responder is not on the mirror port; that the opener acknowledged (`A`) or sent data (`D`) then proves
/// that there was one. Of ICMP Zeek writes OTH always.
pub(super) fn fate(
    transport: Transport,
    state: Option<State>,
    history: Option<&[u8]>,
    answered: Option<bool>,
) -> (Fate, bool) {
    let by_packets = match answered {
        Some(true) => Fate::Answered,
        Some(false) => Fate::Unanswered,
        None => Fate::Unknown,
    };
    let went_on = history.is_some_and(|letters| letters.iter().any(|letter| matches!(letter, b'A' | b'D')));
    match (state, transport) {
        (_, Transport::Echo) | (None, _) => (by_packets, false),
        (Some(State::Unanswered), Transport::Tcp) if went_on => (Fate::Answered, true),
        (Some(State::Unanswered), _) => (Fate::Unanswered, false),
        (Some(State::Refused), _) => (Fate::Refused, false),
        (Some(State::Answered), _) => (Fate::Answered, false),
        (Some(State::ResponderOnly), _) => (Fate::Midstream, true),
        (Some(State::Midstream), _) => (Fate::Midstream, false),
    }
}

/// Zeek's thirteen states of a connection, by what they come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// S0: no reply. SH, RSTOS0: the opener gave up (FIN, RST) and no reply was seen.
    Unanswered,
    /// REJ.
    Refused,
    /// S1, SF, S2, S3, RSTO, RSTR: the responder's SYN ACK, or a datagram of it, was seen.
    Answered,
    /// SHR, RSTRH: the responder was seen only.
    ResponderOnly,
    /// OTH.
    Midstream,
}

impl State {
    pub(super) fn parse(text: &[u8]) -> Result<Self, String> {
        Ok(match text {
            b"S0" | b"SH" | b"RSTOS0" => Self::Unanswered,
            b"REJ" => Self::Refused,
            b"S1" | b"SF" | b"S2" | b"S3" | b"RSTO" | b"RSTR" => Self::Answered,
            b"SHR" | b"RSTRH" => Self::ResponderOnly,
            b"OTH" => Self::Midstream,
            _ => return Err(format!("`{}` is no conn_state of Zeek's", String::from_utf8_lossy(text))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_its_fate() {
        let tcp = |state: &str, history: &str| {
            fate(Transport::Tcp, Some(State::parse(state.as_bytes()).unwrap()), Some(history.as_bytes()), Some(false))
        };
        for (state, history, expected) in [
            ("S0", "S", (Fate::Unanswered, false)),
            ("S0", "SAD", (Fate::Answered, true)),
            ("SH", "SF", (Fate::Unanswered, false)),
            ("SH", "SADF", (Fate::Answered, true)),
            ("RSTOS0", "SR", (Fate::Unanswered, false)),
            ("REJ", "Sr", (Fate::Refused, false)),
            ("S1", "Sh", (Fate::Answered, false)),
            ("SF", "ShADadFf", (Fate::Answered, false)),
            ("S2", "ShADadF", (Fate::Answered, false)),
            ("S3", "ShADadf", (Fate::Answered, false)),
            ("RSTO", "ShADadR", (Fate::Answered, false)),
            ("RSTR", "ShADadr", (Fate::Answered, false)),
            ("SHR", "^hf", (Fate::Midstream, true)),
            ("RSTRH", "^hr", (Fate::Midstream, true)),
            ("OTH", "DdAa", (Fate::Midstream, false)),
        ] {
            assert_eq!(tcp(state, history), expected, "{state} {history}");
        }
        assert!(State::parse(b"S9").is_err());
    }

    #[test]
    fn datagrams_and_echoes_go_by_what_came_back() {
        assert_eq!(fate(Transport::Udp, Some(State::Unanswered), Some(b"D"), Some(false)), (Fate::Unanswered, false));
        assert_eq!(fate(Transport::Echo, Some(State::Midstream), None, Some(true)), (Fate::Answered, false));
        assert_eq!(fate(Transport::Echo, Some(State::Midstream), None, Some(false)), (Fate::Unanswered, false));
        assert_eq!(fate(Transport::Tcp, None, None, None), (Fate::Unknown, false));
    }
}
