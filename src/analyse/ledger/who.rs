//! Who an event is of: cameras as they are met, recognised and told apart.

use std::net::IpAddr;

use super::super::camera::{Camera, CameraId, Identity};
use super::{LATELY, Ledger, at_mut};
use crate::device::{Device, DeviceId};
use crate::net::{Mac, Segment};
use crate::time::Timestamp;
use crate::track::Event;

impl Ledger {
    pub(super) fn camera(&mut self, event: &Event) -> Option<CameraId> {
        let place = event.mac.map(|mac| mac.bits() as usize % LATELY);
        let id = match place.and_then(|place| self.lately[place]) {
            Some((mac, id)) if event.mac == Some(mac) => id,
            _ => {
                let id = self.camera_at(event.segment, event.device, event.mac, event.time)?;
                if let (Some(place), Some(mac)) = (place, event.mac) {
                    self.lately[place] = Some((mac, id));
                }
                id
            }
        };
        self.unwritten.cameras.note(id.place());
        at_mut(&mut self.cameras, id)?.seen(event.device, event.time);
        Some(id)
    }

    /// The camera that a device is: by its MAC address, else as the inventory knows it, else by its address.
    pub(super) fn camera_at(
        &mut self,
        segment: Segment,
        address: IpAddr,
        mac: Option<Mac>,
        time: Timestamp,
    ) -> Option<CameraId> {
        let by_address = Identity::Address(segment, address);
        let identity = match mac {
            Some(mac) => Identity::Mac(mac),
            None => match self.inventory.identified_at(segment, address) {
                Some((_, Device { mac: Some(mac), .. })) => Identity::Mac(*mac),
                Some((id, _)) => Identity::Device(id),
                None => by_address,
            },
        };
        if let Some(&id) = self.camera_index.get(&identity) {
            return Some(id);
        }
        // What it did before more than its address was known stays its own.
        if identity != by_address
            && let Some(id) = self.camera_index.remove(&by_address)
        {
            self.camera_index.insert(identity, id);
            self.unwritten.cameras.note(id.place());
            if let (Identity::Mac(mac), Some(camera)) = (identity, at_mut(&mut self.cameras, id)) {
                camera.mac = camera.mac.or(Some(mac));
            }
            return Some(id);
        }
        let Some((place, generation)) = self.vacant_place() else {
            self.cameras_left_out += 1;
            self.wants_room = true;
            return None;
        };
        let own_mac = match identity {
            Identity::Mac(mac) => Some(mac),
            _ => None,
        };
        let configured = self.watch.configured(address, own_mac);
        let id = CameraId::new(place, generation);
        let mut camera = Camera::new(identity, segment, address, configured, time);
        camera.generation = generation;
        // Two devices may stand at the addresses of one entry, and ids tell devices apart.
        if camera.name.is_some() && !self.names_taken.insert(camera.id.clone()) {
            let own = own_mac.map_or_else(|| segment.scoped(address), |mac| mac.to_string());
            camera.id = format!("{} {own}", camera.id);
        }
        match self.cameras.get_mut(place as usize) {
            Some(vacant) => *vacant = Some(camera),
            None => self.cameras.push(Some(camera)),
        }
        self.camera_index.insert(identity, id);
        self.unwritten.cameras.note(place);
        if let Some((device, _)) = self.inventory.at(segment, address) {
            self.describe(id, device);
        }
        Some(id)
    }

    /// A device that shows to be a camera is one, though it has called nobody yet.
    pub(super) fn recognise(&mut self, id: DeviceId, time: Timestamp) {
        let Some(device) = self.inventory.device(id) else { return };
        let Some(address) = device.address() else { return };
        let (segment, mac) = (device.segment, device.mac_at(address));
        let by_prefix = self.watch.vendors && device.has_camera_makers_mac();
        let by_facts = self.watch.facts && device.kind().is_watched();
        if !by_prefix && !by_facts && self.watch.configured(address, mac).is_none() {
            return;
        }
        if let Some(camera) = self.camera_at(segment, address, mac, time)
            && let Some(entry) = at_mut(&mut self.cameras, camera)
        {
            entry.seen(address, time);
            self.unwritten.cameras.note(camera.place());
            self.describe(camera, id);
        }
    }

    /// Takes over what is known of a device, where nobody has configured it.
    pub(super) fn describe(&mut self, camera: CameraId, id: DeviceId) {
        let Some(device) = self.inventory.device(id) else { return };
        let Some(camera) = at_mut(&mut self.cameras, camera) else { return };
        if !camera.configured && device.kind() != crate::device::DeviceKind::Unknown {
            camera.kind = device.kind();
        }
        if camera.vendor.is_none() {
            let maker = device.profile(None).maker.map(|held| held.value.to_owned());
            camera.vendor = maker.map(std::borrow::Cow::Owned);
        }
    }

    /// What was recognised by a router's MAC, and not configured, is no camera.
    pub(super) fn unmask_router(&mut self, mac: Mac) {
        if let Some(&id) = self.camera_index.get(&Identity::Mac(mac))
            && let Some(camera) = at_mut(&mut self.cameras, id)
        {
            camera.behind_router = !camera.configured;
            self.unwritten.cameras.note(id.place());
        }
        self.inventory.is_a_router(mac);
    }
}
