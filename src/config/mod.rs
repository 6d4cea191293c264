//! The file a person writes: parsed, defaulted, and checked as a whole.
//!
//! [`Config::load`] gives either a configuration that works or every mistake at once, each with its line and the way out.

mod effective;
mod read;

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::analyse::LedgerLimits;
use crate::decode::DecodeOptions;
use crate::device::{Camera, Register, WatchList};
use crate::geo::{Country, GeoOptions};
use crate::lookup::LookupOptions;
use crate::rules::{List, Rule};
use crate::settings::Problem;
use crate::track;

/// The rules that camwatch is built with.
pub const DEFAULT_RULES: &str = include_str!("../../config/rules/default.toml");

/// A configuration that was checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// What is not overseas.
    pub home: Vec<Country>,
    /// What is internal, beside private space.
    pub internal: Vec<ipnet::IpNet>,
    /// How to capture.
    pub capture: CaptureConfig,
    /// Whom to watch.
    pub watch: WatchConfig,
    /// The cameras that are known by name.
    pub cameras: Vec<Camera>,
    /// The register of cameras, if there is one.
    pub register: Option<Register>,
    /// How devices are told apart, and when they could be observed.
    pub device: DeviceConfig,
    /// Where country and owner come from.
    pub geo: GeoConfig,
    /// How much is held in memory.
    pub limits: Limits,
    /// Where alerts go: `-` for standard output, or a file that is appended to.
    pub alerts_output: PathBuf,
    /// Reverse look-ups; none: not one.
    pub lookup: Option<LookupOptions>,
    /// Where metrics and health are served; none for nowhere.
    pub http_listen: Option<SocketAddr>,
    /// How to log.
    pub log: LogConfig,
    /// The rules, built in and own.
    pub rules: Vec<Rule>,
}

/// `[capture]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptureConfig {
    /// The interfaces of the mirror port.
    pub interfaces: Vec<String>,
    /// See frames for others too.
    pub promiscuous: bool,
    /// Bytes kept of each frame.
    pub snaplen: u32,
    /// Bytes of the kernel's ring, per interface.
    pub ring_bytes: u32,
    /// A filter for the kernel; empty for none.
    pub filter: String,
    /// UDP ports on which VXLAN runs.
    pub vxlan_ports: Vec<u16>,
}

/// `[watch]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchConfig {
    /// Every address that opens a connection.
    pub all: bool,
    /// Devices whose MAC prefix is a camera maker's.
    pub vendors: bool,
    /// Devices that show by what they say that they are cameras.
    pub facts: bool,
    /// A MAC with more IPv4 addresses than this is a router.
    pub router_addresses: u64,
}

/// `[device]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceConfig {
    /// Within what an address is one device's.
    pub site_by: SiteBy,
    /// An hour in which more than this share of packets was lost is not observable, in percent.
    pub max_loss_percent: u64,
}

/// Within what an address is one device's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SiteBy {
    /// All that is watched.
    None,
    /// A VLAN.
    Vlan,
    /// An interface.
    Interface,
}

/// `[geo]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GeoConfig {
    /// MaxMind DB files.
    pub databases: Vec<PathBuf>,
    /// The one country source that counts.
    pub country_source: Option<String>,
}

/// `[limits]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Live connections.
    pub flows: u64,
    /// Cameras.
    pub cameras: u64,
    /// Pairs of camera and destination.
    pub pairs: u64,
    /// Names.
    pub names: u64,
    /// Devices in the inventory.
    pub devices: u64,
}

/// `[log]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogConfig {
    /// JSON lines instead of text.
    pub json: bool,
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
}

impl Default for Config {
    fn default() -> Self {
        let mut problems = crate::settings::Problems::new("built-in rules", DEFAULT_RULES);
        let ledger = LedgerLimits::default();
        Self {
            home: vec![Country::GB],
            internal: Vec::new(),
            capture: CaptureConfig {
                interfaces: Vec::new(),
                promiscuous: true,
                snaplen: 2048,
                ring_bytes: 64 << 20,
                filter: String::new(),
                vxlan_ports: DecodeOptions::default().vxlan_ports,
            },
            watch: WatchConfig { all: false, vendors: true, facts: true, router_addresses: 4 },
            cameras: Vec::new(),
            register: None,
            device: DeviceConfig { site_by: SiteBy::None, max_loss_percent: 1 },
            geo: GeoConfig::default(),
            limits: Limits {
                flows: track::Limits::default().flows as u64,
                cameras: ledger.cameras as u64,
                pairs: ledger.pairs as u64,
                names: ledger.names as u64,
                devices: ledger.devices as u64,
            },
            alerts_output: PathBuf::from("-"),
            lookup: None,
            http_listen: Some(SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9469))),
            log: LogConfig { json: false, level: "info".to_owned() },
            rules: read::rules_of(DEFAULT_RULES, &mut problems),
        }
    }
}

/// Every mistake of a configuration, one a line.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct ConfigErrors(pub Vec<Problem>);

impl Config {
    /// Reads and checks a file and the rule files that it names.
    pub fn load(path: &Path) -> Result<Self, ConfigErrors> {
        let file = path.display().to_string();
        let whole = |message: String| ConfigErrors(vec![Problem { file: file.clone(), line: 0, column: 0, message }]);
        let text = std::fs::read_to_string(path).map_err(|error| {
            whole(format!("cannot be read: {error}: check the path, and that it is text and readable by this user"))
        })?;
        let folder = path.parent().unwrap_or(Path::new("."));
        Self::parse(&file, &text, folder)
    }

    /// Checks a text; `file` is what errors call it, and files that it names are found from `folder`.
    pub fn parse(file: &str, text: &str, folder: &Path) -> Result<Self, ConfigErrors> {
        read::read(file, text, folder)
    }

    /// The list files that rules name.
    pub fn lists(&self) -> impl Iterator<Item = &List> {
        self.rules.iter().flat_map(Rule::lists)
    }

    /// What was not taken of other files: rows of the register, lines of lists.
    pub fn left_out(&self) -> Vec<String> {
        let rows = self.register.iter().flat_map(|register| &register.errors).map(ToString::to_string);
        rows.chain(self.lists().flat_map(|list| &list.errors).map(ToString::to_string)).collect()
    }

    /// The whole configuration as TOML, with defaults filled in.
    pub fn effective(&self) -> String {
        effective::text(self)
    }

    /// Who is watched.
    pub fn watch_list(&self) -> Arc<WatchList> {
        let registered = self.register.iter().flat_map(|register| &register.cameras);
        // What the configuration says of a device counts before what the register does.
        let mut list = WatchList::new(registered.chain(&self.cameras).cloned().collect());
        list.all = self.watch.all;
        list.vendors = self.watch.vendors;
        list.facts = self.watch.facts;
        list.router_addresses = self.watch.router_addresses as usize;
        Arc::new(list)
    }

    /// How to answer where an address is.
    pub fn geo_options(&self) -> GeoOptions {
        GeoOptions {
            home: self.home.clone(),
            internal: self.internal.clone(),
            databases: self.geo.databases.clone(),
            country_source: self.geo.country_source.clone(),
        }
    }

    /// The share of packets (0 to 1) above which an hour that lost them is not observable.
    pub fn max_loss(&self) -> f64 {
        self.device.max_loss_percent as f64 / 100.0
    }

    /// The ledger's sizes.
    pub fn ledger_limits(&self) -> LedgerLimits {
        let Limits { cameras, pairs, names, devices, .. } = self.limits;
        LedgerLimits {
            cameras: cameras as usize,
            pairs: pairs as usize,
            names: names as usize,
            devices: devices as usize,
        }
    }
}
