//! The devices that a person configured, and how to find them.

use std::net::IpAddr;

use ahash::AHashMap;
use ipnet::IpNet;

use crate::net::Mac;

/// What a watched device is.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    serde::Serialize,
    serde::Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum DeviceKind {
    /// A camera.
    #[default]
    Camera,
    /// A recorder (NVR, DVR): it calls for the cameras behind it.
    Recorder,
    /// A door station or intercom with a camera.
    Doorstation,
    /// No camera: a computer, a telephone, a printer, a router.
    Other,
    /// Not known.
    Unknown,
}

impl DeviceKind {
    /// As people know it, and as it is written in files.
    pub fn word(self) -> &'static str {
        match self {
            Self::Camera => "camera",
            Self::Recorder => "recorder",
            Self::Doorstation => "doorstation",
            Self::Other => "other",
            Self::Unknown => "unknown",
        }
    }

    /// Whether it films, or calls for what does: such devices are watched.
    pub fn is_watched(self) -> bool {
        matches!(self, Self::Camera | Self::Recorder | Self::Doorstation)
    }

    /// Of two kinds that are as sure, the higher one counts: the more special one says more.
    pub fn precedence(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::Camera => 1,
            Self::Other => 2,
            Self::Recorder => 3,
            Self::Doorstation => 4,
        }
    }
}

/// A configured camera, or a range of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Camera {
    /// The name people know it by. Of a range: the name of the group, not of one device.
    pub name: Option<String>,
    /// Where it is.
    pub site: Option<String>,
    /// Free words to narrow rules by.
    pub tags: Vec<String>,
    /// What it is.
    pub kind: DeviceKind,
    /// The addresses it has.
    pub addresses: Vec<IpAddr>,
    /// The ranges in which every address is such a camera.
    pub ranges: Vec<IpNet>,
    /// Its MAC address.
    pub mac: Option<Mac>,
    /// Its number in the register of assets.
    pub asset: Option<String>,
    /// The destinations that it is there to call, as the register words them.
    pub expected_destinations: Vec<String>,
}

impl Camera {
    /// Whether this stands for one device, so that its name is the device's name.
    pub fn is_one_device(&self) -> bool {
        self.ranges.is_empty()
    }
}

/// Who is watched.
#[derive(Debug, Default)]
pub struct WatchList {
    cameras: Vec<Camera>,
    by_address: AHashMap<IpAddr, u32>,
    by_mac: AHashMap<Mac, u32>,
    /// Longest prefix first.
    by_range: Vec<(IpNet, u32)>,
    /// Every address that opens a connection counts as a camera.
    pub all: bool,
    /// Devices whose MAC prefix is a camera maker's are watched.
    pub vendors: bool,
    /// Devices that show by what they say that they are cameras are watched.
    pub facts: bool,
    /// A MAC with more IPv4 addresses than this is a router.
    pub router_addresses: usize,
}

impl WatchList {
    /// Watches `cameras`, and by default devices recognised by their MAC prefix or by what they say. Of two cameras
    /// with one address or MAC, the later counts.
    pub fn new(cameras: Vec<Camera>) -> Self {
        let mut list = Self { vendors: true, facts: true, router_addresses: 4, ..Self::default() };
        for (index, camera) in (0_u32..).zip(&cameras) {
            list.by_address.extend(camera.addresses.iter().map(|&address| (address, index)));
            list.by_mac.extend(camera.mac.map(|mac| (mac, index)));
            list.by_range.extend(camera.ranges.iter().map(|&range| (range, index)));
        }
        list.by_range.sort_by_key(|(range, index)| (std::cmp::Reverse(range.prefix_len()), *index));
        list.cameras = cameras;
        list
    }

    /// The configured camera with this address or MAC: the MAC counts first, for addresses move; then the address,
    /// unless its camera has another MAC; then the narrowest range.
    pub fn configured(&self, address: IpAddr, mac: Option<Mac>) -> Option<&Camera> {
        let index = self.configured_index(address, mac)?;
        self.cameras.get(index as usize)
    }

    /// As [`WatchList::configured`]: the place within [`WatchList::cameras`].
    pub fn configured_index(&self, address: IpAddr, mac: Option<Mac>) -> Option<u32> {
        let fits = |index: &&u32| {
            let own = self.cameras.get(**index as usize).and_then(|camera| camera.mac);
            own.is_none() || mac.is_none() || own == mac
        };
        let found = mac
            .and_then(|mac| self.by_mac.get(&mac))
            .or_else(|| self.by_address.get(&address).filter(fits))
            .or_else(|| self.by_range.iter().find(|(range, _)| range.contains(&address)).map(|(_, index)| index));
        found.copied()
    }

    /// The place within [`WatchList::cameras`] of the one with this MAC.
    pub fn index_of_mac(&self, mac: Mac) -> Option<u32> {
        self.by_mac.get(&mac).copied()
    }

    /// Whether a configured camera has this MAC.
    pub fn has_mac(&self, mac: Mac) -> bool {
        self.by_mac.contains_key(&mac)
    }

    /// What was configured.
    pub fn cameras(&self) -> &[Camera] {
        &self.cameras
    }
}
