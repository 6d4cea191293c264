//! The interfaces, opened: apart from the start, since that needs a privilege which nothing after it does.

use std::sync::Arc;

use ipnet::IpNet;

use crate::config::{CaptureFilter, Config};
use crate::pipeline::front;
use crate::source::{Fanout, KernelFilter, LiveError, LiveOptions, LiveSource, home_ranges};

/// Every interface of a configuration, open. What comes waits in the kernel's rings until the pipeline starts.
pub struct Sources(pub(super) Vec<Opened>);

/// One worker's source.
pub(super) struct Opened {
    /// The interface's place in the configuration.
    pub(super) interface: usize,
    /// Whether it is the interface's first.
    pub(super) first: bool,
    pub(super) source: LiveSource,
    pub(super) fanout: Option<Arc<Fanout>>,
}

impl Sources {
    /// No interface: nothing comes any more, and what is known can be asked for.
    pub fn none() -> Self {
        Self(Vec::new())
    }

    /// Opens every interface, as often as it has workers, which needs `CAP_NET_RAW`; fails at the first that cannot be
    /// opened.
    pub fn open(config: &Config) -> Result<Self, LiveError> {
        let workers = config.capture.workers;
        let mut sources = Vec::new();
        for (number, interface) in config.capture.interfaces.iter().enumerate() {
            let fanout = (workers > 1).then(|| Arc::new(Fanout::new(&inside_of(config), &config.capture.vxlan_ports)));
            for worker in 0..workers {
                let source = LiveSource::open(&options_of(config, interface), fanout.as_deref())?;
                sources.push(Opened { interface: number, first: worker == 0, source, fanout: fanout.clone() });
            }
        }
        Ok(Self(sources))
    }
}

pub(super) fn options_of(config: &Config, interface: &str) -> LiveOptions {
    LiveOptions {
        interface: interface.to_owned(),
        snaplen: config.capture.snaplen,
        ring_bytes: config.capture.ring_bytes,
        promiscuous: config.capture.promiscuous,
        filter: kernel_filter(config),
    }
}

/// What the kernel is to hand over.
pub fn kernel_filter(config: &Config) -> KernelFilter {
    match &config.capture.filter {
        CaptureFilter::None => KernelFilter::All,
        CaptureFilter::Own(expression) => KernelFilter::Own(expression.clone()),
        CaptureFilter::Auto => front::prefilter_of(config)
            .map_or(KernelFilter::All, |prefilter| KernelFilter::Ethernet(prefilter.kernel_filter())),
    }
}

/// By which addresses workers share what comes.
pub(super) fn inside_of(config: &Config) -> Vec<IpNet> {
    let ranges = config.cameras.iter().flat_map(|camera| &camera.ranges);
    let addresses = config.cameras.iter().flat_map(|camera| camera.addresses.iter().copied());
    home_ranges(&config.internal, ranges, addresses)
}
