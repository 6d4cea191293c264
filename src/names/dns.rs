//! DNS messages (RFC 1035): what was asked for, and which addresses the answer gave.
//!
//! Names are read by `hickory-proto`, which bounds them and follows compression; records are walked here, so that a
//! message that was cut off or is broken further on still gives what stands before.

use std::net::IpAddr;

use hickory_proto::rr::Name;
use hickory_proto::serialize::binary::{BinDecodable, BinDecoder};

use super::printable;

/// A message, as far as it could be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// An answer; else a question.
    pub response: bool,
    /// The names asked for, as [`printable`] gives them; at most [`MAX_QUESTIONS`].
    pub questions: Vec<String>,
    /// What the answers say of the first question.
    pub answer: Answer,
}

/// What the answers say of the question.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Answer {
    /// The addresses at the end of its chain of aliases; at most [`MAX_ADDRESSES`].
    pub addresses: Vec<IpAddr>,
    /// For how long that holds: the smallest TTL of the chain, in seconds (0 without addresses).
    pub ttl_s: u32,
}

/// Questions taken of one message: every real one has a single one.
pub const MAX_QUESTIONS: usize = 4;
/// Addresses taken of one message.
pub const MAX_ADDRESSES: usize = 32;
/// Records looked at of one message.
const MAX_RECORDS: usize = 128;

const HEADER: usize = 12;
const A: u16 = 1;
const CNAME: u16 = 5;
const AAAA: u16 = 28;

/// What a name that is the root of all is called here.
const ROOT: &str = "<root>";

/// Reads a message. None: it is no standard query or its answer, or nothing of it can be read.
pub fn read(message: &[u8]) -> Option<Message> {
    let word = |at: usize| Some(u16::from_be_bytes(message.get(at..at + 2)?.try_into().ok()?));
    let flags = word(2)?;
    let (questions, answers) = (usize::from(word(4)?), usize::from(word(6)?));
    // Opcode 0 is a standard query (RFC 1035, section 4.1.1).
    if flags >> 11 & 15 != 0 || questions == 0 {
        return None;
    }
    let mut decoder = BinDecoder::new(message);
    decoder.read_slice(HEADER).ok()?;
    let mut asked: Vec<Name> = Vec::new();
    for _ in 0..questions.min(MAX_QUESTIONS) {
        let Ok(name) = Name::read(&mut decoder) else { break };
        // Type and class; a question cut off behind its name was still asked.
        let whole = decoder.read_slice(4).is_ok();
        asked.push(name);
        if !whole {
            break;
        }
    }
    let response = flags & 0x8000 != 0;
    let first = asked.first()?;
    let answer =
        if response && asked.len() == questions { follow(&mut decoder, first, answers) } else { Answer::default() };
    Some(Message { response, questions: asked.iter().map(text).collect(), answer })
}

/// Whether a datagram at some other port than DNS's is a question all the same: one in every bit, so that little else passes.
pub fn is_question(datagram: &[u8]) -> bool {
    // One question, no answers, and at most the record of EDNS behind it (RFC 6891).
    let &[_, _, flags, 0, 0, 1, 0, 0, 0, 0, 0, 0 | 1, ..] = datagram else { return false };
    if flags & 0xfe != 0 {
        return false;
    }
    let mut decoder = BinDecoder::new(datagram);
    let name = decoder.read_slice(HEADER).ok().and_then(|_| Name::read(&mut decoder).ok());
    let tail = decoder.read_slice(4).ok().map(hickory_proto::serialize::binary::Restrict::unverified);
    // The types in use are below 260 (or 32768 and 32769), the class is IN.
    let known = matches!(tail, Some([0 | 1, _, 0, 1] | [0x80, 0 | 1, 0, 1]));
    name.is_some_and(|name| name.iter().count() >= 2 && name.iter().flatten().all(u8::is_ascii_graphic)) && known
}

/// Follows the aliases from `question` to its addresses (RFC 1034, section 3.6.2).
fn follow(decoder: &mut BinDecoder<'_>, question: &Name, records: usize) -> Answer {
    let mut chain = vec![(question.clone(), u32::MAX)];
    let mut answer = Answer { addresses: Vec::new(), ttl_s: u32::MAX };
    for _ in 0..records.min(MAX_RECORDS) {
        let Some(record) = Record::read(decoder) else { break };
        // Names are the same whatever their case (RFC 4343).
        let Some((_, ttl)) = chain.iter().find(|(name, _)| *name == record.name) else { continue };
        let ttl = (*ttl).min(record.ttl_s);
        match record.data {
            Data::Alias(name) => chain.push((name, ttl)),
            Data::Address(address) if answer.addresses.len() < MAX_ADDRESSES => {
                answer.addresses.push(address);
                answer.ttl_s = answer.ttl_s.min(ttl);
            }
            Data::Address(_) | Data::Other => {}
        }
    }
    if answer.addresses.is_empty() { Answer::default() } else { answer }
}

struct Record {
    name: Name,
    ttl_s: u32,
    data: Data,
}

enum Data {
    Address(IpAddr),
    Alias(Name),
    Other,
}

impl Record {
    /// Reads a record (RFC 1035, section 4.1.3).
    fn read(decoder: &mut BinDecoder<'_>) -> Option<Self> {
        let name = Name::read(decoder).ok()?;
        let &[k1, k2, _, _, t1, t2, t3, t4, l1, l2] = decoder.read_slice(10).ok()?.unverified() else { return None };
        let length = usize::from(u16::from_be_bytes([l1, l2]));
        let start = u16::try_from(decoder.index()).ok()?;
        let body = decoder.clone(start);
        let raw = decoder.read_slice(length).ok()?.unverified();
        let data = match u16::from_be_bytes([k1, k2]) {
            A => <[u8; 4]>::try_from(raw).map_or(Data::Other, |octets| Data::Address(octets.into())),
            AAAA => <[u8; 16]>::try_from(raw).map_or(Data::Other, |octets| Data::Address(octets.into())),
            CNAME => {
                let mut body = body;
                Name::read(&mut body).map_or(Data::Other, Data::Alias)
            }
            _ => Data::Other,
        };
        Some(Self { name, ttl_s: u32::from_be_bytes([t1, t2, t3, t4]), data })
    }
}

fn text(name: &Name) -> String {
    if name.is_root() {
        return ROOT.to_owned();
    }
    let mut bytes = Vec::with_capacity(name.len());
    for label in name {
        bytes.extend_from_slice(label);
        bytes.push(b'.');
    }
    printable(&bytes)
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;

    fn name(text: &str) -> Vec<u8> {
        let labels = text.split('.').flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat());
        labels.chain([0]).collect()
    }

    fn record(owner: &[u8], kind: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
        let length = (data.len() as u16).to_be_bytes();
        [owner, &kind.to_be_bytes(), &[0, 1], &ttl.to_be_bytes(), &length, data].concat()
    }

    fn message(flags: u16, question: &str, answers: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = [0xab, 0xcd].to_vec();
        bytes.extend(flags.to_be_bytes());
        bytes.extend([0, 1, 0, answers.len() as u8, 0, 0, 0, 0]);
        bytes.extend(name(question));
        bytes.extend([0, 1, 0, 1]);
        bytes.extend(answers.concat());
        bytes
    }

    fn answered() -> Vec<u8> {
        // dev.hik-connect.com → cdn.example.net → two addresses, and one that is nobody's.
        let alias = name("cdn.example.net");
        message(
            0x8180,
            "dev.Hik-Connect.com",
            &[
                record(&[0xc0, 12], CNAME, 300, &alias),
                record(&alias, A, 60, &[47, 91, 72, 11]),
                record(&alias, A, 90, &[47, 91, 72, 12]),
                record(&name("other.example.net"), A, 1, &[1, 2, 3, 4]),
            ],
        )
    }

    #[test]
    fn a_question_is_read() {
        let read = read(&message(0x0100, "Dev.Hik-Connect.com", &[])).unwrap();
        assert!(!read.response);
        assert_eq!(read.questions, ["dev.hik-connect.com"]);
        assert_eq!(read.answer, Answer::default());
    }

    #[test]
    fn aliases_are_followed_to_their_addresses() {
        let read = read(&answered()).unwrap();
        assert!(read.response);
        assert_eq!(read.answer.addresses, ["47.91.72.11", "47.91.72.12"].map(|a| IpAddr::from_str(a).unwrap()));
        assert_eq!(read.answer.ttl_s, 60);
    }

    #[test]
    fn what_is_no_query_is_nothing() {
        assert_eq!(read(&message(0x2800, "update.example", &[])), None, "an update");
        assert_eq!(read(b""), None);
        assert_eq!(read(&[0; 12]), None, "no question");
        let mut looped = message(0x0100, "a", &[]);
        looped[12..14].copy_from_slice(&[0xc0, 12]);
        assert_eq!(read(&looped), None, "a pointer to itself");
    }

    #[test]
    fn a_question_at_another_port_is_told_from_other_things() {
        assert!(is_question(&message(0x0100, "2.dnscrypt-cert.example", &[])));
        assert!(!is_question(&answered()));
        assert!(!is_question(&message(0x0100, "one", &[])), "a single label");
        assert!(!is_question(&[0; 48]) && !is_question(b"GET / HTTP/1.1"));
    }

    #[test]
    fn the_root_has_a_name() {
        let mut root = message(0x0100, "a", &[]);
        root.splice(12..15, [0]);
        assert_eq!(read(&root).unwrap().questions, ["<root>"]);
    }

    proptest::proptest! {
        #[test]
        fn a_cut_message_gives_no_more_than_the_whole(cut in 0_usize..200) {
            let whole = answered();
            let all = read(&whole).unwrap();
            if let Some(part) = read(&whole[..cut.min(whole.len())]) {
                proptest::prop_assert_eq!(&part.questions, &all.questions);
                proptest::prop_assert!(all.answer.addresses.starts_with(&part.answer.addresses));
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, at in 0_usize..100, with: u8) {
            let _ = read(&bytes);
            let mut message = answered();
            if let Some(byte) = message.get_mut(at) { *byte = with; }
            if let Some(read) = read(&message) {
                proptest::prop_assert!(read.questions.len() <= MAX_QUESTIONS && read.answer.addresses.len() <= MAX_ADDRESSES);
            }
        }
    }
}
