//! Records of Zeek's logs to events, in order of time: what [`super::Front`] and the tracker are for packets.

use std::net::IpAddr;
use std::sync::Arc;

use ahash::AHashMap;

use super::Batch;
use super::front::{BATCH_EVENTS, internal_of};
use super::rejoin::Rejoin;
use super::reorder::Reorder;
use crate::config::Config;
use crate::device::{Presence, Recogniser, WatchList};
use crate::net::{InternalRanges, Mac, Protocol, Segment, Service};
use crate::source::zeek::{Conn, Fate, Name, Record, Transport};
use crate::time::Timestamp;
use crate::track::{Event, EventKind, Outcome, PULSE_AFTER, Traffic, is_internal_datagram};

/// Records held back to be put in order: of a busy network those of some minutes, in about 150 MB.
const HELD: usize = 1 << 20;
/// Addresses whose MAC is remembered, for names: the logs of names have none.
const MAX_ADDRESSES: usize = 65_536;

/// What was counted.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LogStats {
    /// Records taken.
    pub(super) records: u64,
    /// Of these, late ones.
    pub(super) late: u64,
    /// Packets that connections tell of.
    pub(super) packets: u64,
    /// Bytes of these.
    pub(super) bytes: u64,
    /// When the earliest record began.
    pub(super) first: Option<Timestamp>,
    /// When the latest was over.
    pub(super) last: Option<Timestamp>,
    /// 5-tuples forgotten early.
    pub(super) evicted: u64,
}

/// From records to events.
pub(super) struct LogFront {
    held: Reorder<(Timestamp, Rank), Record>,
    watch: Arc<WatchList>,
    /// Whether connections have MAC addresses, as far as is known.
    macs: Option<bool>,
    stats: LogStats,
    turn: Turn,
}

/// Of what begins at the same time, connections come first: they tell whose the address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Conn,
    Name,
}

impl LogFront {
    /// Ready for the first record.
    pub(super) fn new(config: &Config) -> Self {
        let watch = config.watch_list();
        Self {
            held: Reorder::new(HELD),
            turn: Turn {
                recogniser: Recogniser::new(watch.clone()),
                internal: internal_of(config),
                rejoin: Rejoin::new(config.limits.flows as usize),
                presence: Presence::default(),
                macs: AHashMap::new(),
                coming: AHashMap::new(),
                batch: Batch::default(),
            },
            watch,
            macs: None,
            stats: LogStats::default(),
        }
    }

    /// Takes a record.
    pub(super) fn record(&mut self, record: Record) {
        let (began, end) = (record.time(), record.end());
        let stats = &mut self.stats;
        stats.records += 1;
        stats.first = Some(stats.first.map_or(began, |first| first.min(began)));
        stats.last = Some(stats.last.map_or(end, |last| last.max(end)));
        if let Record::Conn(conn) = &record {
            stats.packets += u64::from(conn.packets_out) + u64::from(conn.packets_in);
            stats.bytes = stats.bytes.saturating_add(conn.bytes_out).saturating_add(conn.bytes_in);
            self.macs = Some(self.macs == Some(true) || conn.mac.is_some());
            self.turn.will_be(conn);
        }
        if self.may_be_watched(&record) {
            let rank = if matches!(record, Record::Conn(_)) { Rank::Conn } else { Rank::Name };
            let turn = &mut self.turn;
            self.held.push((began, rank), record).into_iter().for_each(|record| turn.take(record));
        }
    }

    /// Whether it is worth to hold a record back: most logs have many more hosts than cameras.
    fn may_be_watched(&self, record: &Record) -> bool {
        let (address, mac) = match record {
            Record::Conn(conn) => (conn.origin, conn.mac),
            Record::Name(name) => (name.client, None),
        };
        let by_name = matches!(record, Record::Name(_)) && self.macs != Some(false);
        by_name
            || self.turn.recogniser.watched(Segment::Whole, address, mac).is_some()
            || mac.is_some_and(|mac| self.watch.has_mac(mac))
    }

    /// A batch, if one is due.
    pub(super) fn due(&mut self) -> Option<Batch> {
        self.turn.due()
    }

    /// The logs are over: all that was held back, in batches.
    pub(super) fn finish(mut self, mut give: impl FnMut(Batch)) -> LogStats {
        let turn = &mut self.turn;
        self.held.finish(|record| {
            turn.take(record);
            if let Some(batch) = turn.due() {
                give(batch);
            }
        });
        turn.batch.now = turn.batch.now.max(self.stats.last.unwrap_or(Timestamp::MIN));
        give(std::mem::take(&mut turn.batch));
        LogStats { late: self.held.late(), evicted: turn.rejoin.evicted(), ..self.stats }
    }
}

/// What is done with a record when it is its turn.
struct Turn {
    recogniser: Recogniser,
    internal: Arc<InternalRanges>,
    rejoin: Rejoin,
    presence: Presence,
    /// The MAC by which the device at an address is known now.
    macs: AHashMap<IpAddr, Mac>,
    /// The first MAC by which it will be known, of records that are held back: a name is asked for before it is called.
    coming: AHashMap<IpAddr, Mac>,
    batch: Batch,
}

impl Turn {
    fn take(&mut self, record: Record) {
        self.batch.now = self.batch.now.max(record.time());
        match record {
            Record::Conn(conn) => self.conn(&conn),
            Record::Name(name) => self.name(*name),
        }
    }

    fn due(&mut self) -> Option<Batch> {
        let batch = &mut self.batch;
        (batch.events.len() >= BATCH_EVENTS).then(|| {
            let next = Batch { events: Vec::with_capacity(batch.events.len()), now: batch.now, ..Batch::default() };
            std::mem::replace(batch, next)
        })
    }

    /// Looks at a connection before its turn.
    fn will_be(&mut self, conn: &Conn) {
        if conn.mac.is_some()
            && self.coming.len() < MAX_ADDRESSES
            && let Some(mac) =
                self.recogniser.watched(Segment::Whole, conn.origin, conn.mac).and_then(|watched| watched.mac)
        {
            self.coming.entry(conn.origin).or_insert(mac);
        }
    }

    fn tell(&mut self, time: Timestamp, device: IpAddr, mac: Option<Mac>, kind: EventKind) {
        self.batch.events.push(Event { time, segment: Segment::Whole, device, mac, kind });
    }

    fn name(&mut self, name: Name) {
        let mac = self.macs.get(&name.client).or_else(|| self.coming.get(&name.client)).copied();
        if let Some(watched) = self.recogniser.watched(Segment::Whole, name.client, mac) {
            for seen in std::iter::once(name.seen).chain(name.answer) {
                self.tell(name.time, name.client, watched.mac, EventKind::Name(Box::new(seen)));
            }
        }
    }

    fn conn(&mut self, conn: &Conn) {
        if let Some(mac) = conn.mac {
            self.recogniser.note(mac, conn.origin, conn.time);
            while let Some(router) = self.recogniser.next_router() {
                self.tell(conn.time, conn.origin, Some(router), EventKind::Router);
            }
        }
        let Some(watched) = self.recogniser.watched(Segment::Whole, conn.origin, conn.mac) else { return };
        if self.internal.contains(conn.origin) && self.presence.is_due(Segment::Whole, conn.origin, conn.mac, conn.time)
        {
            self.tell(conn.time, conn.origin, None, EventKind::Present { link: conn.mac });
        }
        if let Some(mac) = watched.mac
            && (self.macs.len() < MAX_ADDRESSES || self.macs.contains_key(&conn.origin))
        {
            self.macs.insert(conn.origin, mac);
        }
        let protocol = match conn.transport {
            Transport::Tcp => Protocol::Tcp,
            Transport::Udp => Protocol::Udp,
            Transport::Echo => Protocol::Icmp,
            Transport::Other => return,
        };
        let ends = ((conn.origin, conn.origin_port), (conn.responder, conn.responder_port));
        let all = self.recogniser.watches_all();
        if protocol == Protocol::Udp && !all && is_internal_datagram(&self.internal, ends.0, ends.1) {
            return;
        }
        let followed = all || !self.internal.contains(conn.responder);
        let port = if protocol == Protocol::Icmp { 0 } else { conn.responder_port };
        let (destination, service) = (conn.responder, Service { protocol, port });
        let mut tell = |kind| {
            self.batch.events.push(Event {
                time: conn.time,
                segment: Segment::Whole,
                device: conn.origin,
                mac: watched.mac,
                kind,
            });
        };
        let mut traffic = Traffic {
            bytes_out: conn.bytes_out,
            bytes_in: conn.bytes_in,
            packets_out: conn.packets_out,
            packets_in: conn.packets_in,
            retries: if conn.only_syns { conn.packets_out.saturating_sub(1) } else { 0 },
            one_sided: conn.one_sided,
            lasted: std::time::Duration::ZERO,
            own_port: 0,
        };
        let outcome = match conn.fate {
            Fate::Midstream => {
                if followed {
                    tell(EventKind::Contact { destination, service, outcome: Some(Outcome::Midstream), traffic });
                }
                return;
            }
            Fate::Answered => Some(Outcome::Answered),
            Fate::Refused => Some(Outcome::Refused),
            Fate::Unanswered => Some(Outcome::Unanswered),
            Fate::Unknown => None,
        };
        let outcome = match self.rejoin.goes_on(conn) {
            None => {
                tell(EventKind::Attempt { destination, service });
                outcome
            }
            Some(silence) => {
                if protocol == Protocol::Tcp {
                    traffic.retries = conn.packets_out.max(1);
                } else if silence >= PULSE_AFTER && followed {
                    tell(EventKind::Pulse { destination, service });
                }
                // What became of the attempt was told with it.
                None
            }
        };
        if outcome.is_some() || traffic != Traffic::default() {
            traffic.own_port = if protocol == Protocol::Icmp { 0 } else { conn.origin_port };
            tell(EventKind::Contact { destination, service, outcome, traffic });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::source::zeek::ZeekLog;

    const FIELDS: &str = "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\tconn\n#fields\t\
        ts\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tduration\tconn_state\thistory\torig_pkts\torig_ip_bytes\t\
        resp_pkts\tresp_ip_bytes\torig_l2_addr\n";

    fn events(config: &Config, lines: &str) -> Vec<Event> {
        let text = format!("{FIELDS}{}", lines.replace(' ', "\t"));
        let mut log = ZeekLog::from_reader("conn.log", Cursor::new(text)).unwrap();
        let mut front = LogFront::new(config);
        while let Some(record) = log.next_record() {
            front.record(record);
        }
        assert_eq!(log.damage(), None);
        let mut events = Vec::new();
        front.finish(|batch| events.extend(batch.events));
        // Who was there is told of too, about once a minute.
        events.retain(|event| !matches!(event.kind, EventKind::Present { .. }));
        events
    }

    fn told(events: &[Event]) -> Vec<String> {
        events
            .iter()
            .map(|event| match &event.kind {
                EventKind::Attempt { service, .. } => format!("attempt {service}"),
                EventKind::Contact { outcome, traffic, .. } => {
                    let sides = if traffic.one_sided { " one-sided" } else { "" };
                    let outcome = outcome.map_or("traffic".to_owned(), |outcome| format!("{outcome:?}"));
                    format!("{outcome} {} retries{sides}", traffic.retries)
                }
                EventKind::Pulse { service, .. } => format!("pulse {service}"),
                EventKind::Name(seen) => seen.name.clone(),
                EventKind::Inbound { service, .. } => format!("inbound {service}"),
                EventKind::Router => "router".to_owned(),
                EventKind::Sighting(_) | EventKind::Present { .. } => "sighting".to_owned(),
            })
            .collect()
    }

    fn all() -> Config {
        let mut config = Config::default();
        config.watch.all = true;
        config
    }

    #[test]
    fn states_become_outcomes_and_history_tells_retries() {
        for (line, expected) in [
            ("1 10.0.0.1 1000 8.8.8.8 443 tcp 3.0 S0 S 3 180 0 0 -", &["attempt tcp/443", "Unanswered 2 retries"][..]),
            (
                "1 10.0.0.1 1000 8.8.8.8 443 tcp 3.0 S0 SAD 3 180 0 0 -",
                &["attempt tcp/443", "Answered 0 retries one-sided"],
            ),
            ("1 10.0.0.1 1000 8.8.8.8 443 tcp 0.1 REJ Sr 1 60 1 40 -", &["attempt tcp/443", "Refused 0 retries"]),
            ("1 10.0.0.1 1000 8.8.8.8 443 tcp 9 SF ShADadFf 9 600 8 800 -", &["attempt tcp/443", "Answered 0 retries"]),
            ("1 10.0.0.1 1000 8.8.8.8 443 tcp 9 OTH DdAa 9 600 8 800 -", &["Midstream 0 retries"]),
            ("1 10.0.0.1 1000 8.8.8.8 443 tcp 9 SHR ^hf 0 0 2 80 -", &["Midstream 0 retries one-sided"]),
            ("1 10.0.0.1 8 8.8.8.8 0 icmp - OTH - 1 84 0 0 -", &["attempt icmp", "Unanswered 0 retries"]),
            ("1 10.0.0.1 8 8.8.8.8 0 icmp 1 OTH - 2 84 2 84 -", &["attempt icmp", "Answered 0 retries"]),
            ("1 10.0.0.1 3 8.8.8.8 3 icmp - OTH - 1 84 0 0 -", &[]),
            ("1 10.0.0.1 1 8.8.8.8 2 sctp - OTH - 1 84 0 0 -", &[]),
            ("1 10.0.0.1 5000 8.8.8.8 123 udp 0.1 SF Dd 1 76 1 76 -", &["attempt udp/123", "Answered 0 retries"]),
        ] {
            assert_eq!(told(&events(&all(), line)), expected, "{line}");
        }
    }

    #[test]
    fn internal_video_is_passed_over() {
        let camera =
            crate::device::Camera { addresses: vec![[10, 0, 0, 1].into()], ..crate::device::Camera::default() };
        let config = Config { cameras: vec![camera], ..Config::default() };
        let line = |port: u16| format!("1 10.0.0.1 5000 10.0.0.2 {port} udp 0.1 SF Dd 1 76 1 76 -");
        assert!(told(&events(&config, &line(6000))).is_empty());
        assert_eq!(told(&events(&config, &line(123))).len(), 2, "NTP is heard");
    }

    #[test]
    fn records_of_one_connection_are_one_attempt() {
        let udp = "\
            0 10.0.0.1 5000 8.8.8.8 8000 udp 1 S0 D 2 100 0 0 -\n\
            90 10.0.0.1 5000 8.8.8.8 8000 udp 1 SF Dd 2 100 1 50 -\n\
            300 10.0.0.1 5000 8.8.8.8 8000 udp 1 SF Dd 2 100 1 50 -";
        let expected = [
            "attempt udp/8000",
            "Unanswered 0 retries",
            "pulse udp/8000",
            "traffic 0 retries",
            "attempt udp/8000",
            "Answered 0 retries",
        ];
        assert_eq!(told(&events(&all(), udp)), expected);
        let tcp = "\
            0 10.0.0.1 5000 8.8.8.8 443 tcp 3 S0 S 3 180 0 0 -\n\
            7 10.0.0.1 5000 8.8.8.8 443 tcp - S0 S 1 60 0 0 -";
        assert_eq!(told(&events(&all(), tcp)), ["attempt tcp/443", "Unanswered 2 retries", "traffic 1 retries"]);
    }

    #[test]
    fn a_makers_mac_is_a_camera_and_nobody_else_is() {
        let lines = "\
            1 10.0.0.1 1000 8.8.8.8 443 tcp 1 SF ShAF 3 180 2 100 44:19:b6:00:00:01\n\
            2 10.0.0.2 1000 8.8.8.8 443 tcp 1 SF ShAF 3 180 2 100 00:14:22:01:23:45\n\
            3 10.0.0.3 1000 8.8.8.8 443 tcp 1 SF ShAF 3 180 2 100 -";
        let events = events(&Config::default(), lines);
        assert!(events.iter().all(|event| event.device == IpAddr::from([10, 0, 0, 1]) && event.mac.is_some()));
        assert_eq!(events.len(), 2);
    }

    #[test]
    fn a_router_by_a_cameras_maker_is_told() {
        let lines: Vec<String> = (1..=5)
            .map(|host| format!("{host} 10.0.0.{host} 1000 8.8.8.8 443 tcp 1 SF ShAF 3 180 2 100 44:19:b6:00:00:01"))
            .collect();
        let told = told(&events(&Config::default(), &lines.join("\n")));
        assert_eq!(told.iter().filter(|what| *what == "attempt tcp/443").count(), 4);
        assert_eq!(told.last().map(String::as_str), Some("router"));
    }

    #[test]
    fn events_come_in_order_of_time() {
        let lines = "\
            50 10.0.0.1 1 8.8.8.8 443 tcp 1 SF ShAF 3 180 2 100 -\n\
            10 10.0.0.1 2 8.8.8.8 443 tcp 90 SF ShAF 3 180 2 100 -\n\
            30 10.0.0.2 3 8.8.8.8 443 tcp 40 SF ShAF 3 180 2 100 -";
        let times: Vec<i64> = events(&all(), lines).iter().map(|event| event.time.as_secs()).collect();
        assert_eq!(times, [10, 10, 30, 30, 50, 50]);
    }
}
