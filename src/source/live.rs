//! A live interface, through libpcap.

use std::time::Duration;

use pcap::{Active, Capture, Device, Precision};

use super::error::LiveError;
use super::{Frame, LinkType};
use crate::time::Timestamp;

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
    /// A filter for the kernel in pcap-filter(7)'s language; empty for none.
    pub filter: String,
}

/// A live capture.
pub struct LiveSource {
    capture: Capture<Active>,
    interface: String,
    link: LinkType,
    nanos: bool,
    last: LiveStats,
    raw: (u32, u32, u32),
}

/// A frame, or nothing for a while.
pub enum Polled<'a> {
    /// A frame.
    Frame(Frame<'a>),
    /// Nothing was there; [`LiveSource::PATIENCE`] was waited.
    Idle,
}

/// What libpcap counted since the capture began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LiveStats {
    /// Packets that reached the filter.
    pub received: u64,
    /// Packets lost because the kernel's ring was full.
    pub dropped_kernel: u64,
    /// Packets lost by the interface or its driver.
    pub dropped_interface: u64,
}

impl LiveSource {
    /// How long a poll waits where no frame is there: short beside the time in which a ring fills.
    pub const PATIENCE: Duration = Duration::from_millis(2);
    /// How soon the kernel hands over a block of its ring that is not full.
    const BLOCK_TIMEOUT: Duration = Duration::from_millis(100);

    /// Opens an interface.
    pub fn open(options: &LiveOptions) -> Result<Self, LiveError> {
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
        let mut capture = capture;
        if !options.filter.is_empty() {
            capture.filter(&options.filter, true).map_err(|error| LiveError::Filter {
                interface: interface.clone(),
                filter: options.filter.clone(),
                what: error.to_string(),
            })?;
        }
        // libpcap's own timeout does not end a wait in which nothing comes (pcap(3), "packet buffer timeout").
        let capture = capture.setnonblock().map_err(failed)?;
        let link = LinkType(capture.get_datalink().0 as u16);
        Ok(Self { capture, interface, link, nanos, last: LiveStats::default(), raw: (0, 0, 0) })
    }

    /// The interface's name.
    pub fn interface(&self) -> &str {
        &self.interface
    }

    /// Whether the interface is still there and up: a capture that does not wait is not told.
    pub fn check(&self) -> Result<(), LiveError> {
        let gone = |what: &str| LiveError::Gone { interface: self.interface.clone(), what: what.to_owned() };
        let devices = Device::list().map_err(|error| gone(&error.to_string()))?;
        match devices.iter().find(|device| device.name == self.interface) {
            None => Err(gone("it does not exist any more")),
            Some(device) if !device.flags.is_up() && self.interface != "any" => Err(gone("it is down")),
            Some(_) => Ok(()),
        }
    }

    /// Waits for the next frame, for a while.
    pub fn poll(&mut self) -> Result<Polled<'_>, LiveError> {
        let Self { capture, interface, link, nanos, .. } = self;
        match capture.next_packet() {
            Ok(packet) => {
                let scale = if *nanos { 1 } else { 1000 };
                let fraction = packet.header.ts.tv_usec.saturating_mul(scale);
                Ok(Polled::Frame(Frame {
                    time: Timestamp::from_parts(packet.header.ts.tv_sec, fraction as u32),
                    link: *link,
                    interface: 0,
                    wire_len: packet.header.len,
                    data: packet.data,
                }))
            }
            Err(pcap::Error::TimeoutExpired) => {
                std::thread::sleep(Self::PATIENCE);
                Ok(Polled::Idle)
            }
            Err(error) => Err(LiveError::Gone { interface: interface.clone(), what: error.to_string() }),
        }
    }

    /// Counters since the capture began. libpcap's own wrap at 2³²; these don't.
    pub fn stats(&mut self) -> LiveStats {
        if let Ok(stats) = self.capture.stats() {
            let raw = (stats.received, stats.dropped, stats.if_dropped);
            self.last.received += u64::from(raw.0.wrapping_sub(self.raw.0));
            self.last.dropped_kernel += u64::from(raw.1.wrapping_sub(self.raw.1));
            self.last.dropped_interface += u64::from(raw.2.wrapping_sub(self.raw.2));
            self.raw = raw;
        }
        self.last
    }
}

fn explain(interface: &str, error: &pcap::Error) -> LiveError {
    let interface = interface.to_owned();
    let what = error.to_string();
    let known = Device::list().unwrap_or_default();
    let names: Vec<&str> = known.iter().map(|device| device.name.as_str()).collect();
    let lower = what.to_lowercase();
    if lower.contains("permission") || lower.contains("not permitted") {
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
            filter: filter.to_owned(),
        }
    }

    #[test]
    fn an_interface_that_does_not_exist_is_named_with_those_that_do() {
        match LiveSource::open(&options("nosuch0", "")) {
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
        match LiveSource::open(&options("lo", "port port")) {
            Err(error @ LiveError::Filter { .. }) => assert!(error.to_string().contains("`port port`"), "{error}"),
            Err(LiveError::Permission { .. }) if std::env::var_os("CI").is_none() => {
                eprintln!("skipped: no permission to capture here");
            }
            other => panic!("{:?}", other.map(|_| ()).map_err(|error| error.to_string())),
        }
    }
}
