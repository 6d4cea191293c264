//! The flows that are live: found by key, left by deadline, bounded in number.

use hashbrown::HashTable;

use super::flow::Flow;
use super::key::FlowKey;
use super::wheel::{NONE, Wheel};
use crate::time::Timestamp;

#[inline]
fn is_at(flows: &[Option<Flow>], at: u32, key: &FlowKey) -> bool {
    flows.get(at as usize).and_then(Option::as_ref).is_some_and(|flow| flow.key == *key)
}

fn forget(index: &mut HashTable<u32>, hash: u64, at: u32) {
    if let Ok(entry) = index.find_entry(hash, |&other| other == at) {
        entry.remove();
    }
}

/// A bounded table of flows. Indices stay valid until the flow is removed.
pub(super) struct FlowTable {
    /// Places of flows, by the hash of their key, which each flow keeps.
    index: HashTable<u32>,
    flows: Vec<Option<Flow>>,
    free: Vec<u32>,
    wheel: Wheel,
    limit: usize,
    /// Where the search for a flow to evict goes on.
    hand: usize,
}

/// How many neighbours are looked at to find the one that is missed least.
const EVICTION_SAMPLE: usize = 16;

impl FlowTable {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            index: HashTable::new(),
            flows: Vec::new(),
            free: Vec::new(),
            wheel: Wheel::new(),
            limit: limit.max(EVICTION_SAMPLE),
            hand: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.index.len() >= self.limit
    }

    #[inline]
    pub(super) fn find(&self, hash: u64, key: &FlowKey) -> Option<u32> {
        if self.index.is_empty() {
            return None;
        }
        let flows = &self.flows;
        self.index.find(hash, |&at| is_at(flows, at, key)).copied()
    }

    #[inline]
    pub(super) fn get_mut(&mut self, at: u32) -> Option<&mut Flow> {
        self.flows.get_mut(at as usize)?.as_mut()
    }

    /// Puts a flow in by its hash; its deadline sets its timer. It is written where it stays: a flow is large, and built
    /// elsewhere it would be copied.
    #[inline]
    pub(super) fn insert(&mut self, flow: Flow) -> Option<&mut Flow> {
        let (hash, at) = (flow.hash, self.vacant());
        *self.flows.get_mut(at as usize)? = Some(flow);
        self.enter(hash, at);
        self.get_mut(at)
    }

    /// A place for one more: the one left last, which is still in the cache.
    #[inline(never)]
    fn vacant(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.flows.push(None);
            (self.flows.len() - 1) as u32
        })
    }

    #[inline(never)]
    fn enter(&mut self, hash: u64, at: u32) {
        let flows = &self.flows;
        self.index.insert_unique(hash, at, |&at| flows.get(at as usize).and_then(Option::as_ref).map_or(0, |f| f.hash));
        self.link(at);
    }

    fn link(&mut self, at: u32) {
        let Some(Some(flow)) = self.flows.get_mut(at as usize) else { return };
        let slot = self.wheel.slot_for(flow.deadline);
        let next = std::mem::replace(self.wheel.head(slot), at);
        (flow.slot, flow.previous, flow.next) = (slot, NONE, next);
        if let Some(Some(next)) = self.flows.get_mut(next as usize) {
            next.previous = at;
        }
    }

    /// Takes a flow out of its slot, its place and the index.
    pub(super) fn remove(&mut self, at: u32) -> Option<Flow> {
        let flow = self.flows.get_mut(at as usize)?.take()?;
        match self.flows.get_mut(flow.previous as usize) {
            Some(Some(previous)) => previous.next = flow.next,
            _ => *self.wheel.head(flow.slot) = flow.next,
        }
        if let Some(Some(next)) = self.flows.get_mut(flow.next as usize) {
            next.previous = flow.previous;
        }
        forget(&mut self.index, flow.hash, at);
        self.free.push(at);
        Some(flow)
    }

    /// Gives every flow that is due at `now` to `expired`, which says whether it goes (else it has set a new deadline).
    pub(super) fn expire(&mut self, now: Timestamp, mut expired: impl FnMut(&mut Flow) -> bool) {
        while let Some(head) = self.wheel.take_due(now) {
            let mut at = head;
            while let Some(place) = self.flows.get_mut(at as usize) {
                let Some(flow) = place else { break };
                let next = flow.next;
                if flow.deadline <= now && expired(flow) {
                    forget(&mut self.index, flow.hash, at);
                    *place = None;
                    self.free.push(at);
                } else {
                    self.link(at);
                }
                at = next;
            }
        }
    }

    /// Makes room: of some neighbours, the flow with the nearest deadline is ended early.
    pub(super) fn evict(&mut self) -> Option<Flow> {
        let length = self.flows.len();
        let at = (0..length.min(4 * EVICTION_SAMPLE))
            .map(|step| (self.hand + step) % length)
            .filter(|&at| self.flows[at].is_some())
            .take(EVICTION_SAMPLE)
            .min_by_key(|&at| self.flows[at].as_ref().map(|flow| flow.deadline));
        self.hand = at.map_or(self.hand + EVICTION_SAMPLE, |at| at + 1) % length.max(1);
        self.remove(at? as u32)
    }

    /// Ends every flow, in the order of their deadlines.
    pub(super) fn drain(&mut self, mut ended: impl FnMut(Flow)) {
        let mut all: Vec<(Timestamp, u32)> =
            self.index.iter().filter_map(|&at| Some((self.flows.get(at as usize)?.as_ref()?.deadline, at))).collect();
        all.sort_unstable();
        for (_, at) in all {
            if let Some(flow) = self.flows[at as usize].take() {
                ended(flow);
            }
        }
        self.wheel.clear();
        self.index.clear();
        self.flows.clear();
        self.free.clear();
        self.hand = 0;
    }

    pub(super) fn rewind(&mut self, now: Timestamp) {
        self.wheel.rewind(now);
    }
}
