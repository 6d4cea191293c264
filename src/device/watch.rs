//! The devices that a person configured, and how to find them.

use std::net::IpAddr;

use ahash::AHashMap;
use ipnet::IpNet;

use crate::net::Mac;

/// What a watched device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceKind {
    /// A camera.
    #[default]
    Camera,
    /// A recorder (NVR, DVR): it calls for the cameras behind it.
    Recorder,
    /// Not known.
    Unknown,
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
    /// A MAC with more IPv4 addresses than this is a router.
    pub router_addresses: usize,
}

impl WatchList {
    /// Watches `cameras`, and by default devices recognised by their MAC prefix.
    pub fn new(cameras: Vec<Camera>) -> Self {
        let mut list = Self { vendors: true, router_addresses: 4, ..Self::default() };
        for (index, camera) in (0_u32..).zip(&cameras) {
            list.by_address.extend(camera.addresses.iter().map(|&address| (address, index)));
            list.by_mac.extend(camera.mac.map(|mac| (mac, index)));
            list.by_range.extend(camera.ranges.iter().map(|&range| (range, index)));
        }
        list.by_range.sort_by_key(|(range, index)| (std::cmp::Reverse(range.prefix_len()), *index));
        list.cameras = cameras;
        list
    }

    /// The configured camera with this address or MAC: the address counts first, then the MAC, then the narrowest range.
    pub fn configured(&self, address: IpAddr, mac: Option<Mac>) -> Option<&Camera> {
        let index = self
            .by_address
            .get(&address)
            .or_else(|| mac.and_then(|mac| self.by_mac.get(&mac)))
            .or_else(|| self.by_range.iter().find(|(range, _)| range.contains(&address)).map(|(_, index)| index))?;
        self.cameras.get(*index as usize)
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
