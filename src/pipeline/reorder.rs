//! Puts in order what comes out of order.

/// Holds items back and gives them in the order of their keys, equal ones as they came.
///
/// It holds at most `capacity` items. When it is full it sorts them, and from then on gives one of the earlier half for each
/// that comes, then sorts again. So an item comes in its place if less than half the capacity came in between; what comes
/// later than that is late. Sorting sometimes is several times quicker than a heap, which touches memory all over for each
/// item. Memory: the items, and 24 bytes for each.
pub(super) struct Reorder<K, T> {
    capacity: usize,
    items: Vec<Option<T>>,
    /// Places in `items` that are empty.
    free: Vec<u32>,
    /// Keys and their places. The items stay where they are, since they are much larger.
    order: Vec<(K, u32)>,
    /// How many of `order` were given, and up to where it is sorted and may be given.
    next: usize,
    ready: usize,
    /// The latest key given.
    given: Option<K>,
    late: u64,
}

impl<K: Ord + Copy, T> Reorder<K, T> {
    /// Room for `capacity` items, two at least.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.clamp(2, u32::MAX as usize),
            items: Vec::new(),
            free: Vec::new(),
            order: Vec::new(),
            next: 0,
            ready: 0,
            given: None,
            late: 0,
        }
    }

    /// Takes an item, and gives the one that leaves for it.
    pub(super) fn push(&mut self, key: K, item: T) -> Option<T> {
        if self.next == self.ready && self.order.len() - self.next >= self.capacity {
            self.sort();
            self.ready = self.capacity / 2;
        }
        let leaves = self.give();
        let place = self.free.pop().unwrap_or(self.items.len() as u32);
        match self.items.get_mut(place as usize) {
            Some(slot) => *slot = Some(item),
            None => self.items.push(Some(item)),
        }
        self.order.push((key, place));
        leaves
    }

    /// Gives all that is left.
    pub(super) fn finish(&mut self, mut give: impl FnMut(T)) {
        self.sort();
        self.ready = self.order.len();
        while let Some(item) = self.give() {
            give(item);
        }
    }

    /// Items that came later than they could be put in order.
    pub(super) fn late(&self) -> u64 {
        self.late
    }

    fn sort(&mut self) {
        self.order.drain(..self.next);
        (self.next, self.ready) = (0, 0);
        // Stable, and quick where much is sorted already.
        self.order.sort_by_key(|(key, _)| *key);
    }

    fn give(&mut self) -> Option<T> {
        if self.next >= self.ready {
            return None;
        }
        let (key, place) = *self.order.get(self.next)?;
        self.next += 1;
        self.late += u64::from(self.given.is_some_and(|given| key < given));
        self.given = self.given.max(Some(key));
        self.free.push(place);
        self.items.get_mut(place as usize).and_then(Option::take)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reordered(capacity: usize, keys: &[u32]) -> (Vec<(u32, usize)>, u64) {
        let (mut reorder, mut out) = (Reorder::new(capacity), Vec::new());
        for (at, key) in keys.iter().enumerate() {
            out.extend(reorder.push(*key, (*key, at)));
        }
        reorder.finish(|item| out.push(item));
        (out, reorder.late())
    }

    #[test]
    fn what_is_too_late_is_counted_and_given_all_the_same() {
        let (out, late) = reordered(4, &[1, 2, 3, 4, 5, 6, 0]);
        assert_eq!(out.iter().map(|(key, _)| *key).collect::<Vec<_>>(), [1, 2, 3, 0, 4, 5, 6]);
        assert_eq!(late, 1);
    }

    proptest! {
        #[test]
        fn everything_comes_out_once_and_in_order_if_there_is_room(keys in prop::collection::vec(0_u32..50, 0..200)) {
            let mut sorted: Vec<(u32, usize)> = keys.iter().copied().zip(0..).collect();
            sorted.sort_unstable();
            prop_assert_eq!(reordered(200, &keys), (sorted.clone(), 0));
            let (mut out, _) = reordered(10, &keys);
            out.sort_unstable();
            prop_assert_eq!(out, sorted);
        }

        #[test]
        fn what_lies_less_than_half_the_room_behind_is_not_late(shifts in prop::collection::vec(0_u32..5, 0..200)) {
            let keys: Vec<u32> = shifts.iter().zip(10..).map(|(shift, at): (&u32, u32)| at - shift).collect();
            let (out, late) = reordered(20, &keys);
            prop_assert_eq!(late, 0);
            prop_assert!(out.is_sorted());
        }
    }
}
