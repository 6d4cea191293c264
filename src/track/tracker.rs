//! The tracker: packets in, events out.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::event::{Event, EventKind, Outcome};
use super::flow::{Call, Concern, Flow, State, Tally};
use super::fragments::Fragments;
use super::key::{End, FlowKey};
use super::naming::Namer;
use super::table::FlowTable;
use super::tombstone::Tombstones;
use super::{Limits, TrackStats};
use crate::decode::{Echo, IcmpError, Packet, TcpSegment, Transport, UdpDatagram};
use crate::device::{Recogniser, WatchList, Watched};
use crate::net::{InternalRanges, Mac, Protocol, Segment};
use crate::time::Timestamp;

/// Without an answer for this long after the last try, an attempt is unanswered.
const UNANSWERED_AFTER: Duration = Duration::from_secs(30);
/// A UDP or echo 5-tuple that was silent for this long opens anew.
pub const DATAGRAM_SILENCE: Duration = Duration::from_secs(120);
/// An open TCP connection that was silent for this long is forgotten: beyond the two hours of TCP keep-alives.
const TCP_SILENCE: Duration = Duration::from_secs(2 * 3600 + 600);
/// An ended connection is remembered for this long, so that late packets of it open nothing.
const LINGER: Duration = Duration::from_secs(30);
/// Payload after this long without any is a pulse.
pub const PULSE_AFTER: Duration = Duration::from_secs(2);
/// Traffic of an open connection is told this often.
const TRAFFIC_EVERY: Duration = Duration::from_secs(60);
/// Packets are this far out of order at most; a longer step back is a new start of time.
const OUT_OF_ORDER: Duration = Duration::from_secs(60);

/// Follows the connections of watched devices.
pub struct Tracker {
    recogniser: Recogniser,
    internal: Arc<InternalRanges>,
    /// Opened by watched devices.
    outbound: FlowTable,
    /// Opened to watched devices by others: apart, so that a flood from outside displaces no outbound ones.
    inbound: FlowTable,
    hasher: ahash::RandomState,
    tombstones: Tombstones,
    fragments: Fragments,
    namer: Namer,
    now: Timestamp,
    /// When the second of `now` is over: deadlines are looked at once a second.
    second_ends: Timestamp,
    stats: TrackStats,
}

/// Everything of one packet that its flow needs.
struct Seen {
    time: Timestamp,
    segment: Segment,
    length: u32,
    from: End,
    to: End,
    macs: Option<(Mac, Mac)>,
}

/// What opens and goes over a connection without a handshake.
enum Datagram<'a> {
    Udp(&'a UdpDatagram<'a>),
    Echo(Echo),
}

impl Tracker {
    /// Watches `watch`; tables hold at most `limits`.
    pub fn new(watch: Arc<WatchList>, internal: Arc<InternalRanges>, limits: &Limits) -> Self {
        Self {
            recogniser: Recogniser::new(watch),
            internal,
            outbound: FlowTable::new(limits.flows),
            inbound: FlowTable::new(limits.flows / 4),
            hasher: ahash::RandomState::new(),
            tombstones: Tombstones::new(),
            fragments: Fragments::new(),
            namer: Namer::new(),
            now: Timestamp::MIN,
            second_ends: Timestamp::MIN,
            stats: TrackStats::default(),
        }
    }

    /// Takes a new configuration; open connections stay.
    pub fn reconfigure(&mut self, watch: Arc<WatchList>, internal: Arc<InternalRanges>) {
        self.recogniser.set_list(watch);
        self.internal = internal;
    }

    /// Watches a device from now on that facts have shown to be a camera.
    pub fn learn(&mut self, segment: Segment, mac: Option<Mac>, address: Option<IpAddr>, link: Option<Mac>) {
        self.recogniser.learn(segment, mac, address, link);
    }

    /// Who is a camera, as far as this tracker saw.
    pub fn recogniser(&mut self) -> &mut Recogniser {
        &mut self.recogniser
    }

    /// Counters so far, and how many flows are live.
    pub fn stats(&self) -> TrackStats {
        TrackStats {
            flows: (self.outbound.len() + self.inbound.len()) as u64,
            names_given_up: self.namer.given_up(),
            learned_left_out: self.recogniser.left_out(),
            ..self.stats
        }
    }

    /// Moves capture time on, as packets that are not decoded do too.
    #[inline]
    pub fn advance(&mut self, time: Timestamp, events: &mut Vec<Event>) {
        if time > self.now {
            self.now = time;
            if time >= self.second_ends {
                self.second_ends = end_of_second(time);
                self.expire(events);
            }
        } else if self.now.since(time) > OUT_OF_ORDER {
            self.finish(events);
            self.outbound.rewind(time);
            self.inbound.rewind(time);
            self.now = time;
            self.second_ends = end_of_second(time);
        }
    }

    /// Takes a packet that was seen on `segment`.
    pub fn packet(&mut self, segment: Segment, packet: &Packet<'_>, events: &mut Vec<Event>) {
        self.advance(packet.time, events);
        if let Some(macs) = packet.macs {
            self.recogniser.note(macs.source, packet.source, packet.time);
            while let Some(mac) = self.recogniser.next_router() {
                events.push(Event {
                    time: packet.time,
                    segment,
                    device: packet.source,
                    mac: Some(mac),
                    kind: EventKind::Router,
                });
            }
        }
        let seen = |from, to| Seen {
            time: packet.time,
            segment,
            length: packet.length,
            from: End { address: packet.source, port: from },
            to: End { address: packet.destination, port: to },
            macs: packet.macs.map(|macs| (macs.source, macs.destination)),
        };
        match &packet.payload {
            Transport::Tcp(tcp) => {
                let seen = seen(tcp.source_port, tcp.destination_port);
                self.tcp(&seen, tcp, events);
                self.fragments.note(packet, tcp.fragment_id, 6, &seen.from, &seen.to);
            }
            Transport::Udp(udp) => {
                let seen = seen(udp.source_port, udp.destination_port);
                self.udp(&seen, udp, events);
                self.fragments.note(packet, udp.fragment_id, 17, &seen.from, &seen.to);
            }
            Transport::Echo(echo) => self.echo(&seen(echo.id, echo.id), *echo, events),
            Transport::Error(error) => self.error(packet.time, segment, error, events),
            Transport::Fragment { id, protocol } => self.fragment(segment, packet, *id, *protocol),
            Transport::Neighbour { .. } | Transport::Other(_) => {}
        }
    }

    /// Ends every connection, as the end of the capture does.
    pub fn finish(&mut self, events: &mut Vec<Event>) {
        let Self { outbound, inbound, namer, .. } = self;
        for table in [outbound, inbound] {
            table.drain(|mut flow| {
                end(&mut flow, events);
                namer.ended(&flow);
            });
        }
    }

    #[inline(never)]
    fn expire(&mut self, events: &mut Vec<Event>) {
        let Self { outbound, inbound, tombstones, namer, now, .. } = self;
        for table in [outbound, inbound] {
            table.expire(*now, |flow| {
                let goes = expired(flow, tombstones, events);
                if goes {
                    namer.ended(flow);
                }
                goes
            });
        }
    }

    fn tcp(&mut self, seen: &Seen, tcp: &TcpSegment<'_>, events: &mut Vec<Event>) {
        let line = self.line(seen.segment, Protocol::Tcp, seen.from, seen.to);
        let from_is_low = line.from_is_low;
        let opens = tcp.syn && !tcp.ack;
        let Some((table, at)) = self.find(&line) else {
            if opens {
                self.open_tcp(seen, &line, tcp, events);
            } else if !tcp.rst {
                self.join(seen, &line, tcp, events);
            }
            return;
        };
        let flows = if table { &mut self.outbound } else { &mut self.inbound };
        let Some(flow) = flows.get_mut(at) else { return };
        let from_initiator = from_is_low == flow.initiator_is_low;
        if opens && from_initiator && tcp.sequence != flow.sequence {
            end(flow, events);
            self.namer.ended(flow);
            let concern = Concern { outbound: flow.outbound, followed: flow.followed, mac: flow.mac };
            let (slot, next, previous) = (flow.slot, flow.next, flow.previous);
            *flow = Flow { slot, next, previous, ..Flow::new(line.key, line.hash, from_is_low, concern, seen.time) };
            start_tcp(flow, seen, tcp.sequence);
            tell_attempt(flow, seen.time, events);
            return;
        }
        if opens && !from_initiator && flow.state == State::Ended {
            // The other end calls back on the same ports.
            end(flow, events);
            self.namer.ended(flow);
            flows.remove(at);
            self.open_tcp(seen, &line, tcp, events);
            return;
        }
        let from_device = from_initiator == flow.outbound;
        flow.count(from_device, seen.length, seen.time);
        if from_initiator {
            if opens {
                flow.tally.retries += 1;
            } else if flow.state == State::Pending && !tcp.rst {
                // What the device acknowledges was sent, though this port did not show it.
                flow.tally.one_sided = true;
                flow.state = State::Open;
            }
        } else if flow.state == State::Pending {
            flow.state = if tcp.rst { State::Ended } else { State::Open };
            let outcome = if tcp.rst { Outcome::Refused } else { Outcome::Answered };
            tell_outcome(flow, outcome, seen.time, events);
            if tcp.syn && !tcp.rst && !flow.outbound && flow.followed {
                let Call { device, destination: from, service, caller_port: from_port } = flow.call();
                tell(flow, device, seen.time, EventKind::Inbound { from, from_port, service }, events);
            }
        }
        if flow.state == State::Open {
            tell_outcome(flow, Outcome::Answered, seen.time, events);
        }
        if from_device && tcp.payload_len > 0 {
            payload_sent(flow, seen.time, Some((tcp.sequence, tcp.payload_len)), events);
        }
        self.namer.tcp(flow, tcp, from_device, seen.time, events);
        // Who gives up its own unanswered SYN by an RST was not answered: that is known when the time for answers is over.
        if tcp.rst && flow.state != State::Pending {
            flow.state = State::Ended;
        } else if tcp.fin {
            if from_initiator {
                flow.fin_seen.0 = true;
            } else {
                flow.fin_seen.1 = true;
            }
            if flow.fin_seen == (true, true) {
                flow.state = State::Ended;
            }
        }
        flow.deadline = seen.time
            + match flow.state {
                State::Pending => UNANSWERED_AFTER,
                State::Open => TCP_SILENCE,
                State::Ended => LINGER,
            };
        tell_traffic_sometimes(flow, seen.time, events);
    }

    fn open_tcp(&mut self, seen: &Seen, line: &Line, tcp: &TcpSegment<'_>, events: &mut Vec<Event>) {
        let Some(concern) = self.concern(seen) else { return };
        let is_retry = concern.outbound && self.tombstones.holds(&line.key, tcp.sequence, seen.time);
        self.make_room(concern.outbound, events);
        let table = if concern.outbound { &mut self.outbound } else { &mut self.inbound };
        // The deadline says where the table puts it.
        let opened = Flow {
            deadline: seen.time + UNANSWERED_AFTER,
            ..Flow::new(line.key, line.hash, line.from_is_low, concern, seen.time)
        };
        let Some(flow) = table.insert(opened) else { return };
        start_tcp(flow, seen, tcp.sequence);
        if is_retry {
            flow.told = true;
            flow.tally.retries = 1;
        } else {
            tell_attempt(flow, seen.time, events);
        }
        // A SYN may carry data (RFC 7413).
        self.namer.tcp(flow, tcp, flow.outbound, seen.time, events);
    }

    /// A TCP connection seen first in the middle.
    fn join(&mut self, seen: &Seen, line: &Line, tcp: &TcpSegment<'_>, events: &mut Vec<Event>) {
        let from_is_low = line.from_is_low;
        // Who answers a SYN was called; else the higher port is the caller's, as ephemeral ports are.
        let from_called = if tcp.syn { true } else { seen.from.port < seen.to.port };
        let (caller_is_low, caller) =
            if from_called { (!from_is_low, seen.flipped()) } else { (from_is_low, seen.as_is()) };
        let Some(mut flow) = self.new_flow(&caller, line, caller_is_low) else { return };
        if !flow.followed {
            return;
        }
        flow.state = State::Open;
        flow.sequence = tcp.sequence;
        flow.tally.one_sided = tcp.syn;
        let from_device = from_called != flow.outbound;
        flow.count(from_device, seen.length, seen.time);
        flow.deadline = seen.time + if tcp.fin { LINGER } else { TCP_SILENCE };
        tell_outcome(&mut flow, Outcome::Midstream, seen.time, events);
        flow.sent_up_to = if from_device { tcp.sequence.wrapping_add(tcp.payload_len) } else { 0 };
        self.namer.tcp(&mut flow, tcp, from_device, seen.time, events);
        self.insert(flow, events);
    }

    fn udp(&mut self, seen: &Seen, udp: &UdpDatagram<'_>, events: &mut Vec<Event>) {
        let (from, to) = (&seen.from, &seen.to);
        if !self.recogniser.watches_all()
            && is_internal_datagram(&self.internal, (from.address, from.port), (to.address, to.port))
        {
            return;
        }
        self.datagram(seen, Protocol::Udp, &Datagram::Udp(udp), events);
    }

    fn echo(&mut self, seen: &Seen, echo: Echo, events: &mut Vec<Event>) {
        self.datagram(seen, Protocol::Icmp, &Datagram::Echo(echo), events);
    }

    fn datagram(&mut self, seen: &Seen, protocol: Protocol, datagram: &Datagram<'_>, events: &mut Vec<Event>) {
        let line = self.line(seen.segment, protocol, seen.from, seen.to);
        let from_is_low = line.from_is_low;
        let Some((table, at)) = self.find(&line) else {
            if matches!(datagram, Datagram::Echo(Echo { request: false, .. })) {
                return;
            }
            let Some(mut flow) = self.new_flow(seen, &line, from_is_low) else { return };
            flow.count(flow.outbound, seen.length, seen.time);
            flow.deadline = seen.time + UNANSWERED_AFTER;
            tell_attempt(&flow, seen.time, events);
            if let Datagram::Udp(udp) = datagram {
                let from_device = flow.outbound;
                self.namer.udp(&mut flow, udp, from_device, seen.time, events);
            }
            self.insert(flow, events);
            return;
        };
        let flows = if table { &mut self.outbound } else { &mut self.inbound };
        let Some(flow) = flows.get_mut(at) else { return };
        let from_initiator = from_is_low == flow.initiator_is_low;
        let from_device = from_initiator == flow.outbound;
        flow.count(from_device, seen.length, seen.time);
        if !from_initiator && flow.state == State::Pending {
            flow.state = State::Open;
            tell_outcome(flow, Outcome::Answered, seen.time, events);
        }
        if let Datagram::Udp(udp) = datagram {
            if from_device && udp.payload_len > 0 {
                payload_sent(flow, seen.time, None, events);
            }
            self.namer.udp(flow, udp, from_device, seen.time, events);
        } else if from_device {
            payload_sent(flow, seen.time, None, events);
        }
        flow.deadline = seen.time + if flow.told { DATAGRAM_SILENCE } else { UNANSWERED_AFTER };
        tell_traffic_sometimes(flow, seen.time, events);
    }

    fn error(&mut self, time: Timestamp, segment: Segment, error: &IcmpError, events: &mut Vec<Event>) {
        let protocol = match error.quoted_protocol {
            6 => Protocol::Tcp,
            17 => Protocol::Udp,
            1 | 58 => Protocol::Icmp,
            _ => return,
        };
        let Some((from, to)) = error.quoted_ports.filter(|_| error.refusal) else { return };
        let to = if protocol == Protocol::Icmp { from } else { to };
        let from = End { address: error.quoted_source, port: from };
        let to = End { address: error.quoted_destination, port: to };
        let line = self.line(segment, protocol, from, to);
        let from_is_low = line.from_is_low;
        let Some((table, at)) = self.find(&line) else { return };
        let Some(flow) = self.table(table).get_mut(at) else { return };
        if from_is_low == flow.initiator_is_low && flow.state == State::Pending && !flow.told {
            flow.state = State::Ended;
            flow.deadline = time + if protocol == Protocol::Tcp { LINGER } else { DATAGRAM_SILENCE };
            tell_outcome(flow, Outcome::Refused, time, events);
        }
    }

    fn fragment(&mut self, segment: Segment, packet: &Packet<'_>, id: u32, protocol: u8) {
        let Some((from, to)) = self.fragments.find(packet, id, protocol) else { return };
        let protocol = if protocol == 6 { Protocol::Tcp } else { Protocol::Udp };
        let line = self.line(segment, protocol, from, to);
        let from_is_low = line.from_is_low;
        let Some((table, at)) = self.find(&line) else { return };
        if let Some(flow) = self.table(table).get_mut(at) {
            flow.count((from_is_low == flow.initiator_is_low) == flow.outbound, packet.length, packet.time);
        }
    }

    /// A new connection, if it concerns a watched device.
    fn new_flow(&mut self, caller: &Seen, line: &Line, caller_is_low: bool) -> Option<Flow> {
        let concern = self.concern(caller)?;
        Some(Flow::new(line.key, line.hash, caller_is_low, concern, caller.time))
    }

    /// Decides who of a new connection's ends is a watched device. None: nobody.
    #[inline]
    fn concern(&self, caller: &Seen) -> Option<Concern> {
        let (caller_mac, called_mac) = caller.macs.unzip();
        let (outbound, Watched { mac }) = match self.recogniser.watched(caller.segment, caller.from.address, caller_mac)
        {
            Some(watched) => (true, watched),
            // Under `all`, who only is called is no camera.
            None => (false, self.recogniser.watched(caller.segment, caller.to.address, called_mac)?),
        };
        let other = if outbound { caller.to.address } else { caller.from.address };
        let followed = !self.internal.contains(other) || self.recogniser.watches_all();
        Some(Concern { outbound, followed, mac })
    }

    fn insert(&mut self, flow: Flow, events: &mut Vec<Event>) {
        self.make_room(flow.outbound, events);
        self.table(flow.outbound).insert(flow);
    }

    /// Ends a connection early where there is no room for another.
    #[inline]
    fn make_room(&mut self, outbound: bool, events: &mut Vec<Event>) {
        let table = if outbound { &mut self.outbound } else { &mut self.inbound };
        if table.is_full() {
            self.stats.evicted += 1;
            if let Some(mut evicted) = table.evict() {
                end(&mut evicted, events);
                self.namer.ended(&evicted);
            }
        }
    }

    /// Where a connection is: in which table, and its place there.
    #[inline]
    fn find(&self, line: &Line) -> Option<(bool, u32)> {
        match self.outbound.find(line.hash, &line.key) {
            Some(at) => Some((true, at)),
            None => self.inbound.find(line.hash, &line.key).map(|at| (false, at)),
        }
    }

    #[inline]
    fn line(&self, segment: Segment, protocol: Protocol, from: End, to: End) -> Line {
        let (key, from_is_low) = FlowKey::new(segment, protocol, from, to);
        Line { key, hash: self.hasher.hash_one(key), from_is_low }
    }

    fn table(&mut self, outbound: bool) -> &mut FlowTable {
        if outbound { &mut self.outbound } else { &mut self.inbound }
    }
}

/// The connection that a packet belongs to: hashed once, for both tables and for what is put into them.
struct Line {
    key: FlowKey,
    hash: u64,
    /// The packet's sender is the key's low end.
    from_is_low: bool,
}

impl Seen {
    fn as_is(&self) -> Self {
        Self { from: self.from, to: self.to, ..*self }
    }

    fn flipped(&self) -> Self {
        Self { from: self.to, to: self.from, macs: self.macs.map(|(from, to)| (to, from)), ..*self }
    }
}

fn end_of_second(time: Timestamp) -> Timestamp {
    Timestamp::from_parts(time.as_secs().saturating_add(1), 0)
}

#[inline]
fn start_tcp(flow: &mut Flow, seen: &Seen, sequence: u32) {
    flow.sequence = sequence;
    flow.syn_seen = true;
    flow.sent_up_to = sequence.wrapping_add(1);
    flow.deadline = seen.time + UNANSWERED_AFTER;
    flow.count(flow.outbound, seen.length, seen.time);
}

#[inline]
fn tell(flow: &Flow, device: IpAddr, time: Timestamp, kind: EventKind, events: &mut Vec<Event>) {
    events.push(Event { time, segment: flow.key.segment(), device, mac: flow.mac, kind });
}

fn tell_attempt(flow: &Flow, time: Timestamp, events: &mut Vec<Event>) {
    if flow.outbound {
        let Call { device, destination, service, .. } = flow.call();
        tell(flow, device, time, EventKind::Attempt { destination, service }, events);
    }
}

fn tell_outcome(flow: &mut Flow, outcome: Outcome, time: Timestamp, events: &mut Vec<Event>) {
    if !flow.told {
        flow.told = true;
        tell_contact(flow, Some(outcome), time, events);
    }
}

fn tell_contact(flow: &mut Flow, outcome: Option<Outcome>, time: Timestamp, events: &mut Vec<Event>) {
    flow.last_told_traffic = time;
    let tally = std::mem::take(&mut flow.tally);
    if flow.outbound && (outcome.is_some() || tally != Tally::default()) {
        let Call { device, destination, service, caller_port } = flow.call();
        let traffic = tally.over(flow.last.since(flow.began), caller_port);
        tell(flow, device, time, EventKind::Contact { destination, service, outcome, traffic }, events);
    }
}

fn payload_sent(flow: &mut Flow, time: Timestamp, range: Option<(u32, u32)>, events: &mut Vec<Event>) {
    if let Some((sequence, length)) = range {
        let end = sequence.wrapping_add(length);
        // Serial number arithmetic (RFC 1982): behind what was sent is a resent segment or a keep-alive probe.
        if end.wrapping_sub(flow.sent_up_to) as i32 <= 0 {
            return;
        }
        flow.sent_up_to = end;
    }
    let quiet = time.since(flow.last_payload_out);
    flow.last_payload_out = flow.last_payload_out.max(time);
    if quiet >= PULSE_AFTER && flow.outbound && flow.followed {
        let Call { device, destination, service, .. } = flow.call();
        tell(flow, device, time, EventKind::Pulse { destination, service }, events);
    }
}

fn tell_traffic_sometimes(flow: &mut Flow, time: Timestamp, events: &mut Vec<Event>) {
    if time.since(flow.last_told_traffic) >= TRAFFIC_EVERY {
        tell_contact(flow, None, time, events);
    }
}

/// A flow's deadline has passed: does it go?
fn expired(flow: &mut Flow, tombstones: &mut Tombstones, events: &mut Vec<Event>) -> bool {
    let due = flow.deadline;
    if flow.state == State::Pending && !flow.told {
        tell_outcome(flow, Outcome::Unanswered, due, events);
        if flow.key.protocol() != Protocol::Tcp {
            // The outcome is known, the 5-tuple lives on: its next datagram is a pulse until the silence is long enough.
            flow.deadline = due + DATAGRAM_SILENCE.saturating_sub(UNANSWERED_AFTER);
            return false;
        }
        tombstones.bury(&flow.key, flow.sequence, due);
        return true;
    }
    if flow.state == State::Pending && flow.key.protocol() == Protocol::Tcp {
        tombstones.bury(&flow.key, flow.sequence, due);
    }
    tell_contact(flow, None, due, events);
    true
}

/// A flow ends now, whatever its deadline.
fn end(flow: &mut Flow, events: &mut Vec<Event>) {
    let (time, outcome) = (flow.last, flow.final_outcome());
    tell_outcome(flow, outcome, time, events);
    tell_contact(flow, None, time, events);
}

/// UDP ports that are heard between internal addresses too: DNS, DHCP (v4, v6), NTP and discovery.
pub const LISTENED_UDP: [u16; 14] = [53, 67, 68, 123, 546, 547, 1900, 3702, 5353, 5355, 34569, 37020, 37810, 37778];

/// Whether a datagram between these ends is internal and none that is heard nevertheless: video, passed over.
pub fn is_internal_datagram(internal: &InternalRanges, from: (IpAddr, u16), to: (IpAddr, u16)) -> bool {
    let heard = |port| LISTENED_UDP.contains(&port);
    internal.contains(to.0) && internal.contains(from.0) && !heard(from.1) && !heard(to.1)
}
