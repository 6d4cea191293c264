//! IP fragments put together: only so that a name split over them, or a header cut by a tiny first fragment, is seen.
//!
//! A fixed number of packets is in the making at a time; the newest takes the place of the one before. Overlapping parts
//! are copied over one another, the later on top; parts beyond the largest packet end it. So nothing grows.

use std::net::IpAddr;

use super::decoder::FragmentPart;
use crate::time::Timestamp;

const PLACES: usize = 64;
const MAX_PARTS: usize = 64;
const MAX_BYTES: usize = 65_535;
const PATIENCE_S: u64 = 30;

/// Packets in the making.
#[derive(Debug, Default)]
pub(super) struct Reassembler {
    places: Vec<Option<Making>>,
    whole: Vec<u8>,
}

#[derive(Debug)]
struct Making {
    key: (IpAddr, IpAddr, u32, u8),
    started: Timestamp,
    data: Vec<u8>,
    parts: Vec<(usize, usize)>,
    end: Option<usize>,
}

impl Reassembler {
    /// Takes a part. Some, with the protocol: with it the packet is whole, and lies in [`Reassembler::buffer`].
    pub(super) fn take(&mut self, part: &FragmentPart<'_>) -> Option<u8> {
        if self.places.is_empty() {
            self.places.resize_with(PLACES, || None);
        }
        let key = (part.source, part.destination, part.id, part.protocol);
        let place = self.places.get_mut(part.id as usize % PLACES)?;
        let now = part.context.time;
        let fits = |making: &Making| making.key == key && now.since(making.started).as_secs() <= PATIENCE_S;
        if !place.as_ref().is_some_and(fits) {
            *place = Some(Making { key, started: now, data: Vec::new(), parts: Vec::new(), end: None });
        }
        let making = place.as_mut()?;
        let from = usize::from(part.offset);
        let to = from + part.data.len();
        if to > MAX_BYTES || making.parts.len() >= MAX_PARTS {
            *place = None;
            return None;
        }
        if making.data.len() < to {
            making.data.resize(to, 0);
        }
        making.data[from..to].copy_from_slice(part.data);
        making.parts.push((from, to));
        if !part.more {
            making.end = Some(to);
        }
        let end = making.end?;
        making.parts.sort_unstable();
        let covered =
            making.parts.iter().try_fold(0, |covered, &(from, to)| (from <= covered).then(|| covered.max(to)));
        if covered.is_none_or(|covered| covered < end) {
            return None;
        }
        let making = place.take()?;
        self.whole = making.data;
        self.whole.truncate(end);
        Some(part.protocol)
    }

    /// Bytes that are held.
    #[cfg(test)]
    pub(super) fn held_bytes(&self) -> usize {
        self.places.iter().flatten().map(|making| making.data.capacity()).sum::<usize>() + self.whole.capacity()
    }

    /// The packet that became whole last.
    pub(super) fn buffer(&self) -> &[u8] {
        &self.whole
    }
}
