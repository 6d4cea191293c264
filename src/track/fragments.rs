//! Later fragments have no ports: which connection they belong to.

use std::net::IpAddr;

use super::key::End;
use crate::decode::Packet;

/// First fragments, so that later ones are counted to their connection. Direct-mapped: the newer one stays.
pub(super) struct Fragments {
    places: Vec<Option<First>>,
}

/// By source, destination, identification and protocol: the ends of the connection.
type First = ((IpAddr, IpAddr, u32, u8), End, End);

impl Fragments {
    const PLACES: usize = 256;

    pub(super) fn new() -> Self {
        Self { places: Vec::new() }
    }

    #[inline]
    pub(super) fn note(&mut self, packet: &Packet<'_>, id: Option<u32>, protocol: u8, from: &End, to: &End) {
        if let Some(id) = id {
            self.keep(packet, id, protocol, from, to);
        }
    }

    #[inline(never)]
    fn keep(&mut self, packet: &Packet<'_>, id: u32, protocol: u8, from: &End, to: &End) {
        if self.places.is_empty() {
            self.places = vec![None; Self::PLACES];
        }
        self.places[id as usize % Self::PLACES] = Some(((packet.source, packet.destination, id, protocol), *from, *to));
    }

    pub(super) fn find(&self, packet: &Packet<'_>, id: u32, protocol: u8) -> Option<(End, End)> {
        let (key, from, to) = self.places.get(id as usize % Self::PLACES)?.as_ref()?;
        (*key == (packet.source, packet.destination, id, protocol)).then_some((*from, *to))
    }
}
