//! Names in the payload of followed connections: looked for only in packets that can hold them, and only until found.

use std::net::IpAddr;

use super::event::{Event, EventKind, NameKind, NameSeen};
use super::flow::Flow;
use crate::decode::{TcpSegment, UdpDatagram};
use crate::names::tls::Hello;
use crate::names::{Pieces, Reading, dns, http, quic, tls};
use crate::time::Timestamp;

/// Beginnings that wait for more, at a time; the oldest leaves first.
const MAX_STREAMS: u32 = 1024;
/// Segments without a name after which a connection is let be.
const PATIENCE: u8 = 32;
const DNS_PORT: u16 = 53;
/// `NetBIOS`, multicast DNS and LLMNR: in the form of DNS, but about devices on the link.
const LINK_NAME_PORTS: [u16; 3] = [137, 5353, 5355];

/// How far the search in one direction of a connection is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Look {
    /// No payload was seen yet.
    #[default]
    Start,
    /// What was seen waits for more.
    Waiting(StreamId),
    /// No name so far, but later payload may begin one: the next HTTP request, TLS after a greeting.
    Later {
        /// Segments that are still looked at.
        left: u8,
    },
    /// Every datagram is a DNS message, at whatever port.
    Dns,
    /// Found, or given up.
    Done,
}

/// A waiting stream's number. Numbers go on; the stream lies in the place that its number modulo the size names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StreamId(u32);

/// A beginning that waits for more.
enum Stream {
    Tcp {
        /// The sequence number of the first byte.
        base: u32,
        pieces: Pieces,
    },
    Quic(Box<quic::Initials>),
}

/// Everything that waits, and what was given up.
pub(super) struct Namer {
    streams: Vec<Option<(StreamId, Stream)>>,
    next: u32,
    given_up: u64,
}

impl Namer {
    pub(super) fn new() -> Self {
        Self { streams: Vec::new(), next: 0, given_up: 0 }
    }

    /// Beginnings that left because too many waited.
    pub(super) fn given_up(&self) -> u64 {
        self.given_up
    }

    /// Takes a segment's payload, if it has one.
    #[inline]
    pub(super) fn tcp(
        &mut self,
        flow: &mut Flow,
        tcp: &TcpSegment<'_>,
        from_device: bool,
        time: Timestamp,
        events: &mut Vec<Event>,
    ) {
        if !tcp.payload.is_empty() {
            self.tcp_payload(flow, tcp, from_device, time, events);
        }
    }

    fn tcp_payload(
        &mut self,
        flow: &mut Flow,
        tcp: &TcpSegment<'_>,
        from_device: bool,
        time: Timestamp,
        events: &mut Vec<Event>,
    ) {
        let look = if from_device { flow.look } else { flow.look_back };
        if look == Look::Done {
            return;
        }
        let dns = flow.service().port == DNS_PORT;
        if !(dns || (from_device && flow.outbound && flow.followed)) {
            return;
        }
        let sequence = tcp.sequence.wrapping_add(u32::from(tcp.syn));
        let whole = tcp.payload.len() >= tcp.payload_len as usize;
        let base = flow.starts_at().filter(|_| from_device == flow.outbound).unwrap_or(sequence);
        let next = match look {
            Look::Start => self.begin(flow, base, sequence, tcp.payload, whole, (from_device, time), events),
            Look::Waiting(id) => self.go_on(flow, id, sequence, tcp.payload, (from_device, time), events),
            Look::Later { .. } if dns || tls::may_begin(tcp.payload) || http::may_begin(tcp.payload) => {
                self.begin(flow, sequence, sequence, tcp.payload, whole, (from_device, time), events)
            }
            Look::Later { left: 0 } | Look::Dns | Look::Done => Look::Done,
            Look::Later { left } => Look::Later { left: left - 1 },
        };
        *(if from_device { &mut flow.look } else { &mut flow.look_back }) = next;
    }

    #[expect(clippy::too_many_arguments, reason = "where the payload belongs, and to whom")]
    fn begin(
        &mut self,
        flow: &Flow,
        base: u32,
        sequence: u32,
        payload: &[u8],
        whole: bool,
        (from_device, time): (bool, Timestamp),
        events: &mut Vec<Event>,
    ) -> Look {
        let offset = sequence.wrapping_sub(base) as usize;
        let mut pieces = Pieces::default();
        if offset == 0 {
            // Most often all is there: nothing is copied.
            match read(flow, payload, from_device, time, events) {
                Progress::Ended(look) => return look,
                Progress::More { .. } if !whole => return Look::Later { left: PATIENCE },
                Progress::More { used } => {
                    let left = payload.get(used..).unwrap_or_default();
                    if left.is_empty() {
                        return Look::Later { left: PATIENCE };
                    }
                    if !pieces.insert(0, left) {
                        return Look::Later { left: PATIENCE };
                    }
                    return Look::Waiting(self.keep(Stream::Tcp { base: base.wrapping_add(used as u32), pieces }));
                }
            }
        }
        if !pieces.insert(offset, payload) {
            return Look::Later { left: PATIENCE };
        }
        Look::Waiting(self.keep(Stream::Tcp { base, pieces }))
    }

    fn go_on(
        &mut self,
        flow: &Flow,
        id: StreamId,
        sequence: u32,
        payload: &[u8],
        (from_device, time): (bool, Timestamp),
        events: &mut Vec<Event>,
    ) -> Look {
        let Some(Stream::Tcp { base, pieces }) = self.get(id) else { return Look::Later { left: PATIENCE } };
        let offset = sequence.wrapping_sub(*base) as usize;
        let progress = if pieces.insert(offset, payload) {
            read(flow, pieces.beginning(), from_device, time, events)
        } else {
            Progress::Ended(Look::Later { left: PATIENCE })
        };
        match progress {
            Progress::More { used: 0 } => Look::Waiting(id),
            Progress::More { used } => {
                let rest = pieces.beginning().get(used..).unwrap_or_default().to_vec();
                *base = base.wrapping_add(used as u32);
                pieces.clear();
                if rest.is_empty() || !pieces.insert(0, &rest) {
                    self.forget(id);
                    return Look::Later { left: PATIENCE };
                }
                Look::Waiting(id)
            }
            Progress::Ended(look) => {
                self.forget(id);
                look
            }
        }
    }

    /// Takes a datagram.
    pub(super) fn udp(
        &mut self,
        flow: &mut Flow,
        udp: &UdpDatagram<'_>,
        from_device: bool,
        time: Timestamp,
        events: &mut Vec<Event>,
    ) {
        // Of a fragmented datagram the whole comes later.
        if udp.payload.is_empty() || udp.fragment_id.is_some() {
            return;
        }
        if udp.source_port == DNS_PORT || udp.destination_port == DNS_PORT || flow.look == Look::Dns {
            if let Some(message) = dns::read(udp.payload) {
                tell_dns(flow, &message, from_device, time, events);
            }
            return;
        }
        if flow.look == Look::Done || !(from_device && flow.outbound && flow.followed) {
            return;
        }
        flow.look = match flow.look {
            Look::Waiting(id) => {
                let reading = match self.get(id) {
                    Some(Stream::Quic(initials)) => initials.take(udp.payload),
                    _ => Reading::Nothing,
                };
                if reading != Reading::More {
                    self.forget(id);
                }
                match reading {
                    Reading::More => Look::Waiting(id),
                    Reading::Found(hello) => tell_hello(flow, NameKind::Quic, hello, time, events),
                    Reading::Nothing => Look::Done,
                }
            }
            Look::Start | Look::Later { .. } if quic::may_begin(udp.payload) => {
                let mut initials = Box::<quic::Initials>::default();
                match initials.take(udp.payload) {
                    Reading::Found(hello) => tell_hello(flow, NameKind::Quic, hello, time, events),
                    Reading::More => Look::Waiting(self.keep(Stream::Quic(initials))),
                    Reading::Nothing => Look::Done,
                }
            }
            Look::Start if !LINK_NAME_PORTS.contains(&udp.destination_port) && dns::is_question(udp.payload) => {
                if let Some(message) = dns::read(udp.payload) {
                    tell_dns(flow, &message, from_device, time, events);
                }
                Look::Dns
            }
            Look::Start => Look::Later { left: 3 },
            Look::Later { left } if left > 0 => Look::Later { left: left - 1 },
            Look::Later { .. } | Look::Dns | Look::Done => Look::Done,
        };
    }

    /// A connection has ended: nothing more comes.
    #[inline]
    pub(super) fn ended(&mut self, flow: &Flow) {
        for look in [flow.look, flow.look_back] {
            if let Look::Waiting(id) = look {
                self.forget(id);
            }
        }
    }

    fn keep(&mut self, stream: Stream) -> StreamId {
        let id = StreamId(self.next);
        self.next = self.next.wrapping_add(1);
        if self.streams.is_empty() {
            self.streams.resize_with(MAX_STREAMS as usize, || None);
        }
        if let Some(place) = self.streams.get_mut((id.0 % MAX_STREAMS) as usize) {
            self.given_up += u64::from(place.is_some());
            *place = Some((id, stream));
        }
        id
    }

    fn get(&mut self, id: StreamId) -> Option<&mut Stream> {
        let (there, stream) = self.streams.get_mut((id.0 % MAX_STREAMS) as usize)?.as_mut()?;
        (*there == id).then_some(stream)
    }

    fn forget(&mut self, id: StreamId) {
        if let Some(place) = self.streams.get_mut((id.0 % MAX_STREAMS) as usize)
            && place.as_ref().is_some_and(|(there, _)| *there == id)
        {
            *place = None;
        }
    }
}

/// What reading a stream's beginning came to.
enum Progress {
    /// How the search goes on.
    Ended(Look),
    /// More is needed; the first `used` bytes were read and are done with.
    More { used: usize },
}

fn read(flow: &Flow, stream: &[u8], from_device: bool, time: Timestamp, events: &mut Vec<Event>) -> Progress {
    if flow.service().port == DNS_PORT {
        return read_dns(flow, stream, from_device, time, events);
    }
    let later = Look::Later { left: PATIENCE };
    if tls::may_begin(stream) {
        match tls::hello(stream) {
            Reading::Found(hello) => Progress::Ended(tell_hello(flow, NameKind::Tls, hello, time, events)),
            Reading::More => Progress::More { used: 0 },
            Reading::Nothing => Progress::Ended(later),
        }
    } else {
        match http::host(stream) {
            Reading::Found(host) => {
                let http::Host { name, port } = host;
                tell(flow, NameSeen { port, ..NameSeen::said(NameKind::Http, name) }, time, events);
                Progress::Ended(later)
            }
            Reading::More => Progress::More { used: 0 },
            Reading::Nothing => Progress::Ended(later),
        }
    }
}

/// Messages over TCP, each with its length before it (RFC 1035, section 4.2.2).
fn read_dns(flow: &Flow, stream: &[u8], from_device: bool, time: Timestamp, events: &mut Vec<Event>) -> Progress {
    let mut used = 0;
    while let Some(&[high, low, ref rest @ ..]) = stream.get(used..) {
        let length = usize::from(u16::from_be_bytes([high, low]));
        let Some(message) = rest.get(..length) else { break };
        match dns::read(message) {
            Some(message) => tell_dns(flow, &message, from_device, time, events),
            // Something else runs at this port.
            None if used == 0 => return Progress::Ended(Look::Done),
            None => {}
        }
        used += 2 + length;
    }
    Progress::More { used }
}

fn tell_hello(flow: &Flow, kind: NameKind, hello: Hello, time: Timestamp, events: &mut Vec<Event>) -> Look {
    let Hello { name, alpn, ech } = hello;
    tell(flow, NameSeen { alpn, ech, ..NameSeen::said(kind, name) }, time, events);
    Look::Done
}

/// A name that the device said to whom it called.
fn tell(flow: &Flow, mut seen: NameSeen, time: Timestamp, events: &mut Vec<Event>) {
    if !seen.name.is_empty() {
        seen.addresses.push(flow.destination());
        let (segment, device, mac) = (flow.key.segment(), flow.device(), flow.mac);
        events.push(Event { time, segment, device, mac, kind: EventKind::Name(Box::new(seen)) });
    }
}

/// Who asked: the device, or, where every address is watched, the other end of a connection of which only the answer shows.
fn tell_dns(flow: &Flow, message: &dns::Message, from_device: bool, time: Timestamp, events: &mut Vec<Event>) {
    let (device, other) = (flow.device(), flow.destination());
    let by_device = message.response != from_device;
    let (client, mac): (IpAddr, _) = if by_device { (device, flow.mac) } else { (other, None) };
    if !by_device && !flow.followed {
        return;
    }
    let segment = flow.key.segment();
    let mut push =
        |seen| events.push(Event { time, segment, device: client, mac, kind: EventKind::Name(Box::new(seen)) });
    let dns = |name: &String| NameSeen::said(NameKind::Dns, name.clone());
    if message.response {
        if let Some(name) = message.questions.first() {
            let dns::Answer { addresses, ttl_s } = message.answer.clone();
            push(NameSeen { asked: false, addresses, ttl_s, ..dns(name) });
        }
    } else {
        message.questions.iter().for_each(|name| push(dns(name)));
    }
}
