//! What a report was asked for, and under which configuration.

use std::net::IpAddr;

use crate::config::Config;
use crate::device::Camera;
use crate::geo::{Country, Geo};
use crate::report::document::Capture;
use crate::rules::{Rule, Severity};
use crate::time::Timestamp;

static VENDOR_SOURCES: &str = include_str!("../../../data/vendors/sources.json");

/// What was asked.
#[derive(Debug, Default)]
pub struct Asked {
    /// From when.
    pub from: Option<Timestamp>,
    /// Until when, exclusive.
    pub to: Option<Timestamp>,
    /// Who asked, where that was said.
    pub by: Option<String>,
    /// When the report was made; none of files, of which two reports are the same to the byte.
    pub made: Option<Timestamp>,
    /// Of what.
    pub origin: Origin,
    /// Under which configuration.
    pub settings: Settings,
    /// Whose data answered.
    pub sources: Vec<SourceTold>,
}

/// Where the figures come from.
#[derive(Debug, Default)]
pub enum Origin {
    /// From what a daemon keeps, up to this moment of capture time.
    Store {
        /// The last moment that was written down.
        until: Option<Timestamp>,
    },
    /// From files.
    Files(Box<Capture>),
    /// From nothing yet.
    #[default]
    Nothing,
}

/// The configuration, as far as it decides what the figures mean.
#[derive(Debug, Default)]
pub struct Settings {
    /// What is not overseas.
    pub home: Vec<Country>,
    /// What is internal, beside private space.
    pub internal: Vec<String>,
    /// Whom it is about, in words.
    pub watched: Vec<String>,
    /// Which rules told alerts.
    pub rules: Vec<RuleInForce>,
    /// An hour that lost a larger share of packets is not known, in percent.
    pub max_loss_percent: u64,
}

/// A rule that was in force.
#[derive(Debug)]
pub struct RuleInForce {
    /// Its name.
    pub name: String,
    /// The word for its kind.
    pub kind: &'static str,
    /// How bad it is when it holds.
    pub severity: Severity,
    /// What it looks for, as whoever wrote it says; empty where that is not said.
    pub description: String,
}

/// Data that answered a question.
#[derive(Debug)]
pub struct SourceTold {
    /// What it answers, in words.
    pub question: &'static str,
    /// Its name, or the file.
    pub name: String,
    /// The day it was made; empty where that is not known.
    pub date: String,
    /// Its licence and whom to name.
    pub attribution: String,
}

impl Settings {
    /// As they are configured now.
    pub fn of(config: &Config) -> Self {
        Self {
            home: config.home.clone(),
            internal: config.internal.iter().map(ToString::to_string).collect(),
            watched: watched(config),
            rules: config.rules.iter().map(rule).collect(),
            max_loss_percent: config.device.max_loss_percent,
        }
    }
}

fn rule(rule: &Rule) -> RuleInForce {
    let table: toml::Table = rule.source.parse().unwrap_or_default();
    let description = table.get("description").and_then(toml::Value::as_str).unwrap_or_default().to_owned();
    RuleInForce { name: rule.name.to_string(), kind: rule.word, severity: rule.severity, description }
}

/// Whom the configuration says to watch, a line each.
fn watched(config: &Config) -> Vec<String> {
    let mut lines = Vec::new();
    if config.watch.all {
        lines.push("every address that opens a connection".to_owned());
    }
    if config.watch.vendors {
        lines.push("devices whose network address shows that a maker of cameras made them".to_owned());
    }
    if config.watch.facts {
        lines.push("devices that say of themselves on the network that they are cameras or recorders".to_owned());
    }
    let ranges: Vec<String> =
        config.cameras.iter().flat_map(|camera| &camera.ranges).map(ToString::to_string).collect();
    if !ranges.is_empty() {
        lines.push(format!("every device in {}", ranges.join(", ")));
    }
    let named = config.cameras.iter().filter(|camera| camera.is_one_device()).count();
    if named > 0 {
        lines.push(format!(
            "{} named in the configuration",
            crate::report::words::count(named as u64, "device", "devices")
        ));
    }
    if let Some(register) = &config.register {
        let rows = crate::report::words::count(register.cameras.len() as u64, "entry", "entries");
        lines.push(format!("the register of cameras ({}, {rows})", file_name(&register.path)));
    }
    lines
}

/// A file without its folders, which are no business of whoever reads a report.
pub(super) fn file_name(path: &std::path::Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// Every source of data that answered, with its date.
pub(super) fn sources(geo: &Geo, config: &Config) -> Vec<SourceTold> {
    let mut all: Vec<SourceTold> = geo
        .sources()
        .into_iter()
        .map(|source| SourceTold {
            question: match source.question {
                crate::geo::Question::Country => "Country of an address",
                crate::geo::Question::Owner => "Owner of an address",
                crate::geo::Question::OwnerCountry => "Country where the owner’s network is registered",
            },
            date: source.date(),
            name: match source.name.rsplit_once('/') {
                // A configured file, told without its folders.
                Some((folder, name)) if folder.starts_with('/') || folder.starts_with('.') => name.to_owned(),
                _ => source.name,
            },
            attribution: source.attribution,
        })
        .collect();
    let vendors: serde_json::Value = serde_json::from_str(VENDOR_SOURCES).unwrap_or_default();
    let text = |key: &str| vendors.get(key).and_then(serde_json::Value::as_str).unwrap_or_default();
    all.push(SourceTold {
        question: "Maker of a device, by its network address",
        name: format!("{}, built-in {} {}", text("name"), text("package"), text("version")),
        date: text("date").to_owned(),
        attribution: text("licence").to_owned(),
    });
    if let Some(register) = &config.register {
        let changed = std::fs::metadata(&register.path).and_then(|metadata| metadata.modified()).ok();
        let date = changed.and_then(|changed| jiff::Timestamp::try_from(changed).ok());
        all.push(SourceTold {
            question: "Which cameras there should be",
            name: format!("register {}", file_name(&register.path)),
            date: date.map_or_else(String::new, |date| date.strftime("%Y-%m-%d").to_string()),
            attribution: String::new(),
        });
    }
    all
}

/// What is registered or configured as one device each.
pub(super) fn registered(config: &Config) -> impl Iterator<Item = &Camera> {
    let registered = config.register.iter().flat_map(|register| &register.cameras);
    registered.chain(&config.cameras).filter(|camera| camera.is_one_device())
}

/// By what a registered camera may be met: its name, MAC address and addresses.
pub(super) fn handles(camera: &Camera) -> Vec<String> {
    let name = camera.name.iter().cloned();
    let mac = camera.mac.iter().map(ToString::to_string);
    name.chain(mac).chain(camera.addresses.iter().map(IpAddr::to_string)).collect()
}
