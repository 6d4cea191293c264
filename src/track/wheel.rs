//! When connections are due: a timing wheel of one-second slots.
//!
//! Each flow stands in exactly one slot, as a link of a list that runs through the flow table itself, so that setting
//! a timer neither allocates nor searches. A flow whose deadline moved on is found when its old slot comes round and is
//! put into a later one then: packets only write the new deadline.

use crate::time::Timestamp;

/// No flow: the end of a slot's list.
pub(super) const NONE: u32 = u32::MAX;

const SLOTS: i64 = 512;

/// The slots, each the first flow of its list.
pub(super) struct Wheel {
    heads: Vec<u32>,
    /// The second up to which slots were emptied.
    second: i64,
    started: bool,
}

impl Wheel {
    pub(super) fn new() -> Self {
        Self { heads: vec![NONE; SLOTS as usize], second: 0, started: false }
    }

    /// The slot that a flow due at `deadline` belongs to. Later than the wheel reaches: its last slot.
    pub(super) fn slot_for(&self, deadline: Timestamp) -> u16 {
        let second = deadline.as_secs().saturating_add(1).clamp(self.second + 1, self.second + SLOTS - 1);
        second.rem_euclid(SLOTS) as u16
    }

    /// The first flow of a slot.
    pub(super) fn head(&mut self, slot: u16) -> &mut u32 {
        &mut self.heads[usize::from(slot) % SLOTS as usize]
    }

    /// Takes the list of the next slot that `now` has passed. A leap in time empties each slot once; a step back none.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Option<u32> {
        let second = now.as_secs();
        if !self.started {
            self.started = true;
            self.second = second;
        }
        if second - self.second > SLOTS {
            self.second = second - SLOTS;
        }
        while self.second < second {
            self.second += 1;
            let head = std::mem::replace(&mut self.heads[self.second.rem_euclid(SLOTS) as usize], NONE);
            if head != NONE {
                return Some(head);
            }
        }
        None
    }

    /// Starts over at `now`, after time stepped back further than packets are ever out of order.
    pub(super) fn rewind(&mut self, now: Timestamp) {
        self.second = now.as_secs();
    }

    /// Forgets every list.
    pub(super) fn clear(&mut self) {
        self.heads.fill(NONE);
    }
}
