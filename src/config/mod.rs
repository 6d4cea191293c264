//! The file a person writes: parsed, defaulted, and checked as a whole.
//!
//! [`Config::load`] gives either a configuration that works or every mistake at once, each with its line and the way out.

mod capture;
mod effective;
mod http;
mod named;
mod read;
mod rule_files;

pub use capture::{CaptureConfig, CaptureFilter};

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::analyse::LedgerLimits;
use crate::deliver::SinkConfig;
use crate::device::{Camera, Register, WatchList};
use crate::geo::{Country, GeoOptions};
use crate::lockdown;
use crate::lookup::LookupOptions;
use crate::report::schedule::Schedule;
use crate::rules::{List, Rule, Suppression};
use crate::settings::Problem;
use crate::store::StoreOptions;
use crate::time::Timestamp;
use crate::track;

pub use http::HttpConfig;
pub use named::Named;

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
    /// What is kept, where and for how long.
    pub store: StoreOptions,
    /// Where else alerts go.
    pub sinks: Vec<SinkConfig>,
    /// Reports that are sent by themselves.
    pub reports: Vec<Schedule>,
    /// Reverse look-ups; none: not one.
    pub lookup: Option<LookupOptions>,
    /// Where and to whom metrics, health, the API and pages are served.
    pub http: HttpConfig,
    /// The socket over which `camwatch alerts` asks; none for none.
    pub control_socket: Option<PathBuf>,
    /// How much of a lock-down must be.
    pub lockdown: lockdown::Mode,
    /// How often a self test is made; none: only when asked for.
    pub selftest_every: Option<Duration>,
    /// What metrics tell.
    pub metrics: MetricsConfig,
    /// How to log.
    pub log: LogConfig,
    /// The rules, built in and own.
    pub rules: Vec<Rule>,
    /// The exceptions.
    pub suppressions: Vec<Suppression>,
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

/// `[metrics]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricsConfig {
    /// Cameras with series of their own; 0 for none.
    pub camera_series: u64,
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
            capture: CaptureConfig::default(),
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
            store: StoreOptions::default(),
            sinks: Vec::new(),
            reports: Vec::new(),
            lookup: None,
            http: HttpConfig::default(),
            control_socket: None,
            lockdown: lockdown::Mode::default(),
            selftest_every: Some(Duration::from_secs(3600)),
            metrics: MetricsConfig { camera_series: 5000 },
            log: LogConfig { json: false, level: "info".to_owned() },
            rules: rule_files::rules_of(DEFAULT_RULES, &mut problems).0,
            suppressions: Vec::new(),
        }
    }
}

/// Every mistake of a configuration, one a line.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct ConfigErrors(pub Vec<Problem>);

impl ConfigErrors {
    fn of_file(file: &str, error: &std::io::Error) -> Self {
        let message = format!("cannot be read: {error}: check the path, and that it is text and readable by this user");
        Self(vec![Problem { file: file.to_owned(), line: 0, column: 0, message }])
    }
}

impl Config {
    /// Reads and checks a file and the rule files that it names.
    pub fn load(path: &Path) -> Result<Self, ConfigErrors> {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| ConfigErrors::of_file(&file, &error))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        Self::parse(&file, &text, folder)
    }

    /// Checks a text; `file` is what errors call it, and files that it names are found from `folder`.
    pub fn parse(file: &str, text: &str, folder: &Path) -> Result<Self, ConfigErrors> {
        read::read(file, text, folder)
    }

    /// Adds the rules and exceptions of a file of rules, which take the place of those of the same name.
    pub fn add_rules(&mut self, path: &Path) -> Result<(), ConfigErrors> {
        rule_files::add_rules(self, path)
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

    /// What is to be said of exceptions that have ended by `now`: no mistake, but somebody should look at them.
    pub fn ended(&self, now: Timestamp) -> Vec<String> {
        let ended = self.suppressions.iter().filter(|suppression| suppression.has_ended(now));
        ended.map(Suppression::ended_text).collect()
    }

    /// The whole configuration as TOML, with defaults filled in.
    pub fn effective(&self) -> String {
        effective::text(self)
    }

    /// Every sink: `[alerts] output`, then those declared.
    pub fn all_sinks(&self) -> Vec<SinkConfig> {
        std::iter::once(SinkConfig::output(&self.alerts_output)).chain(self.sinks.iter().cloned()).collect()
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

    /// How many cameras have metrics of their own.
    pub fn camera_series(&self) -> usize {
        self.metrics.camera_series as usize
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
