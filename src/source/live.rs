//! A live interface, through libpcap.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ipnet::IpNet;
use pcap::{Active, Capture, Device, Precision};

use super::counters::Counters;
use super::error::LiveError;
use super::{Fanout, Frame, LinkType, socket};
use crate::time::Timestamp;

const ETHERNET: LinkType = LinkType(1);

/// How to capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveOptions {
    /// The interface's name; `any` for all.
    pub interface: String,
    /// Bytes kept of each frame.
    pub snaplen: u32,
    /// Bytes of the kernel's ring.
    pub ring_bytes: u32,
    /// Frames for others are seen too, as a mirror port needs.
    pub promiscuous: bool,
    /// What the kernel hands over.
    pub filter: KernelFilter,
}

/// What the kernel hands over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KernelFilter {
    /// Everything.
    All,
    /// What an expression of pcap-filter(7) says.
    Own(String),
    /// The same, made in offsets of Ethernet frames: interfaces of other kinds hand over everything.
    Ethernet(String),
}

/// A live capture.
pub struct LiveSource {
    capture: Capture<Active>,
    interface: String,
    link: LinkType,
    nanos: bool,
    /// Frames from before are another worker's too.
    from: Timestamp,
    /// The last look took all that was there.
    drained: bool,
    last: LiveStats,
    raw: (u32, u32),
    counters: Counters,
}

/// What was counted since the capture began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LiveStats {
    /// Packets that passed the kernel's filter.
    pub received: u64,
    /// Packets lost because the kernel's ring was full.
    pub dropped_kernel: u64,
    /// Packets lost by the interface or its driver.
    pub dropped_interface: u64,
    /// Packets that came in on the interface, as the kernel counts them; 0 where it does not.
    pub on_interface: u64,
}

impl std::ops::Add for LiveStats {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            received: self.received + other.received,
            dropped_kernel: self.dropped_kernel + other.dropped_kernel,
            dropped_interface: self.dropped_interface + other.dropped_interface,
            on_interface: self.on_interface + other.on_interface,
        }
    }
}

impl LiveSource {
    /// How long is waited where no frame is there.
    pub const PATIENCE: Duration = Duration::from_millis(100);
    /// How soon the kernel hands over a block of its ring that is not full: a wake-up costs more than many packets.
    const BLOCK_TIMEOUT: Duration = Duration::from_millis(100);
    /// Frames that are taken at once, at most.
    const AT_ONCE: usize = 512;

    /// Opens an interface; with `fanout`, as one of several workers that share what comes.
    pub fn open(options: &LiveOptions, fanout: Option<&Fanout>) -> Result<Self, LiveError> {
        let interface = options.interface.clone();
        let failed = |error| explain(&interface, &error);
        let inactive = Capture::from_device(interface.as_str()).map_err(failed)?;
        let build = |nanos: bool, inactive: Capture<pcap::Inactive>| {
            inactive
                .promisc(options.promiscuous)
                .snaplen(i32::try_from(options.snaplen).unwrap_or(i32::MAX))
                .buffer_size(i32::try_from(options.ring_bytes).unwrap_or(i32::MAX))
                .timeout(Self::BLOCK_TIMEOUT.as_millis() as i32)
                .precision(if nanos { Precision::Nano } else { Precision::Micro })
                .open()
        };
        let (capture, nanos) = match build(true, inactive) {
            Ok(capture) => (capture, true),
            Err(error) => {
                let again = Capture::from_device(interface.as_str()).map_err(failed)?;
                // Not every device has nanoseconds; if that was not it, the second error says what is.
                (build(false, again).map_err(|_| explain(&interface, &error))?, false)
            }
        };
        // libpcap's own timeout does not end a wait in which nothing comes (pcap(3), "packet buffer timeout").
        let capture = capture.setnonblock().map_err(failed)?;
        let link = LinkType(capture.get_datalink().0 as u16);
        let counters = Counters::open(&interface);
        let mut source = Self {
            capture,
            interface,
            link,
            nanos,
            from: Timestamp::MIN,
            drained: true,
            last: LiveStats::default(),
            raw: (0, 0),
            counters,
        };
        source.set_filter(&options.filter)?;
        if let Some(fanout) = fanout {
            let what = |error: std::io::Error| LiveError::Other {
                interface: source.interface.clone(),
                what: format!("several workers cannot share it: {error}; write workers = 1"),
            };
            fanout.join(&source.capture).map_err(what)?;
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            source.from = Timestamp::from_nanos(now.as_nanos() as i64);
        }
        Ok(source)
    }

    /// Has the kernel hand over something else from now on.
    pub fn set_filter(&mut self, filter: &KernelFilter) -> Result<(), LiveError> {
        let expression = match filter {
            KernelFilter::Own(expression) => expression,
            KernelFilter::Ethernet(expression) if self.link == ETHERNET => expression,
            // An empty expression takes a filter away that was there.
            KernelFilter::All | KernelFilter::Ethernet(_) => "",
        };
        self.capture.filter(expression, true).map_err(|error| LiveError::Filter {
            interface: self.interface.clone(),
            filter: expression.to_owned(),
            what: error.to_string(),
        })
    }

    /// Has the workers of this interface share by other ranges.
    pub fn set_ranges(&self, fanout: &Fanout, inside: &[IpNet], vxlan_ports: &[u16]) -> Result<(), LiveError> {
        fanout.set_ranges(&self.capture, inside, vxlan_ports).map_err(|error| LiveError::Other {
            interface: self.interface.clone(),
            what: format!("its workers cannot share by other ranges: {error}"),
        })
    }

    /// The interface's name.
    pub fn interface(&self) -> &str {
        &self.interface
    }

    /// Whether the interface is still there and up: a capture that does not wait is not told. [`LiveError::Down`] says that
    /// it is there and this capture goes on when it is up.
    pub fn check(&self) -> Result<(), LiveError> {
        let interface = || self.interface.clone();
        let gone = |what: &str| LiveError::Gone { interface: interface(), what: what.to_owned() };
        let socket = &self.capture;
        match (socket::bound_to(socket), socket::number_of(socket, &self.interface)) {
            // Bound to all of them.
            (Ok(0), _) => return Ok(()),
            (_, Err(_)) => return Err(gone("it does not exist any more")),
            (Ok(bound), Ok(named)) if bound != named => {
                return Err(gone("it was deleted, and one of its name is there now"));
            }
            (Err(error), Ok(_)) => return Err(gone(&error.to_string())),
            (Ok(_), Ok(_)) => {}
        }
        match socket::is_up(socket, &self.interface) {
            Ok(true) => Ok(()),
            Ok(false) => Err(LiveError::Down { interface: interface() }),
            Err(error) => Err(gone(&error.to_string())),
        }
    }

    /// Takes the frames that are there, though not more than a few hundred. Where none is, waits for a while and gives 0.
    ///
    /// They are looked at where the kernel put them.
    pub fn take(&mut self, mut each: impl FnMut(&Frame<'_>)) -> Result<usize, LiveError> {
        let ready = !self.drained || socket::wait(&self.capture, Self::PATIENCE);
        if !ready {
            return Ok(0);
        }
        let Self { capture, link, nanos, from, .. } = self;
        let scale = if *nanos { 1 } else { 1000 };
        let taken = capture.dispatch(Some(Self::AT_ONCE), |packet| {
            let fraction = packet.header.ts.tv_usec.saturating_mul(scale);
            let time = Timestamp::from_parts(packet.header.ts.tv_sec, fraction as u32);
            if time >= *from {
                // The ring is in order: all that follows is ours, whatever becomes of the clock.
                *from = Timestamp::MIN;
                each(&Frame { time, link: *link, interface: 0, wire_len: packet.header.len, data: packet.data });
            }
        });
        match taken {
            Ok(taken) => {
                self.drained = taken < Self::AT_ONCE;
                if taken == 0 {
                    // Woken for nothing, as when the interface goes down: never in a tight loop.
                    std::thread::sleep(Duration::from_millis(2));
                }
                Ok(taken)
            }
            Err(error) => Err(LiveError::Gone { interface: self.interface.clone(), what: error.to_string() }),
        }
    }

    /// Counters since the capture began. libpcap's own wrap at 2³²; these don't. What the interface lost is asked of the kernel,
    /// since libpcap opens files for it at each look, which a process that has locked itself cannot.
    pub fn stats(&mut self) -> LiveStats {
        if let Ok(stats) = self.capture.stats() {
            let raw = (stats.received, stats.dropped);
            self.last.received += u64::from(raw.0.wrapping_sub(self.raw.0));
            self.last.dropped_kernel += u64::from(raw.1.wrapping_sub(self.raw.1));
            self.raw = raw;
        }
        (self.last.on_interface, self.last.dropped_interface) = self.counters.read();
        self.last
    }
}

fn explain(interface: &str, error: &pcap::Error) -> LiveError {
    let interface = interface.to_owned();
    let what = error.to_string();
    let known = Device::list().unwrap_or_default();
    let names: Vec<&str> = known.iter().map(|device| device.name.as_str()).collect();
    let lower = what.to_lowercase();
    if lower.contains("permission") || lower.contains("not permitted") || lower.contains("cap_net_raw") {
        LiveError::Permission { interface }
    } else if lower.contains("no such device") || (!names.is_empty() && !names.contains(&interface.as_str())) {
        LiveError::NoInterface { interface, known: names.join(", ") }
    } else if lower.contains("is not up") || lower.contains("went down") {
        LiveError::Gone { interface, what }
    } else {
        LiveError::Other { interface, what }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(interface: &str, filter: &str) -> LiveOptions {
        LiveOptions {
            interface: interface.to_owned(),
            snaplen: 2048,
            ring_bytes: 1 << 20,
            promiscuous: false,
            filter: if filter.is_empty() { KernelFilter::All } else { KernelFilter::Own(filter.to_owned()) },
        }
    }

    #[test]
    fn an_interface_that_does_not_exist_is_named_with_those_that_do() {
        match LiveSource::open(&options("nosuch0", ""), None) {
            Err(LiveError::NoInterface { interface, known }) => {
                assert_eq!(interface, "nosuch0");
                assert!(known.contains("lo"), "{known}");
            }
            Err(LiveError::Permission { .. }) if std::env::var_os("CI").is_none() => {
                eprintln!("skipped: no permission to capture here");
            }
            other => panic!("{:?}", other.map(|_| ()).unwrap_err()),
        }
    }

    #[test]
    fn a_filter_that_is_none_is_quoted() {
        match LiveSource::open(&options("lo", "port port"), None) {
            Err(error @ LiveError::Filter { .. }) => assert!(error.to_string().contains("`port port`"), "{error}"),
            Err(LiveError::Permission { .. }) if std::env::var_os("CI").is_none() => {
                eprintln!("skipped: no permission to capture here");
            }
            other => panic!("{:?}", other.map(|_| ()).map_err(|error| error.to_string())),
        }
    }
}
