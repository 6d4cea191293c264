//! `[capture]`.

use super::Config;
use super::read::set;
use crate::decode::DecodeOptions;
use crate::settings::{Bytes, Problems, Section};

/// Workers of one interface, at most: each has a ring and a thread.
const MAX_WORKERS: u16 = 64;

/// `[capture]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptureConfig {
    /// The interfaces of the mirror port.
    pub interfaces: Vec<String>,
    /// See frames for others too.
    pub promiscuous: bool,
    /// Bytes kept of each frame.
    pub snaplen: u32,
    /// Bytes of the kernel's ring, per worker.
    pub ring_bytes: u32,
    /// Threads per interface, each with its own ring.
    pub workers: u16,
    /// What the kernel hands over.
    pub filter: CaptureFilter,
    /// UDP ports on which VXLAN runs.
    pub vxlan_ports: Vec<u16>,
}

/// `[capture] filter`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CaptureFilter {
    /// All but internal video.
    Auto,
    /// What an expression of pcap-filter(7) says.
    Own(String),
    /// Everything.
    None,
}

impl CaptureFilter {
    /// As it is written.
    pub fn text(&self) -> &str {
        match self {
            Self::Auto => "auto",
            Self::Own(expression) => expression,
            Self::None => "",
        }
    }
}

impl From<String> for CaptureFilter {
    fn from(text: String) -> Self {
        match text.trim() {
            "" => Self::None,
            "auto" => Self::Auto,
            _ => Self::Own(text),
        }
    }
}

impl Default for CaptureConfig {
    fn default() -> Self {
        Self {
            interfaces: Vec::new(),
            promiscuous: true,
            snaplen: 2048,
            ring_bytes: 64 << 20,
            workers: 1,
            filter: CaptureFilter::Auto,
            vxlan_ports: DecodeOptions::default().vxlan_ports,
        }
    }
}

pub(super) fn read(config: &mut Config, mut section: Section<'_, '_>, p: &mut Problems<'_>) {
    let capture = &mut config.capture;
    set(&mut capture.interfaces, section.list("interfaces", p));
    for (at, interface) in capture.interfaces.iter().enumerate() {
        if interface.is_empty() || capture.interfaces.iter().take(at).any(|other| other == interface) {
            let message =
                format!("`interfaces`: `{interface}`: name each interface once, as in interfaces = [\"eth1\"]");
            p.add(section.span_of("interfaces"), message);
        }
    }
    set(&mut capture.promiscuous, section.get("promiscuous", p));
    set(&mut capture.filter, section.get::<String>("filter", p).map(CaptureFilter::from));
    set(&mut capture.vxlan_ports, section.list("vxlan_ports", p));
    if let Some(snaplen) = section.get::<u64>("snaplen", p) {
        match u32::try_from(snaplen) {
            Ok(snaplen @ 96..=262_144) => capture.snaplen = snaplen,
            _ => p.add(section.span_of("snaplen"), "`snaplen`: write 96 to 262144 bytes; names need about 2048"),
        }
    }
    if let Some(Bytes(ring)) = section.get("ring", p) {
        match u32::try_from(ring) {
            Ok(ring) if (1 << 20..=2 << 30).contains(&u64::from(ring)) && i32::try_from(ring).is_ok() => {
                capture.ring_bytes = ring;
            }
            _ => p.add(section.span_of("ring"), "`ring`: write a size from \"1 MiB\" to \"2047 MiB\""),
        }
    }
    match section.get::<u64>("workers", p).map(u16::try_from) {
        Some(Ok(workers)) if (1..=MAX_WORKERS).contains(&workers) => capture.workers = workers,
        Some(_) => {
            let message = format!("`workers`: write 1 to {MAX_WORKERS}: not more than there are processors to spare");
            p.add(section.span_of("workers"), message);
        }
        None => {}
    }
    section.finish(p);
}
