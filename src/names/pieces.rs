//! A beginning that came in pieces: segments of TCP, CRYPTO frames of QUIC.

/// The beginning of a stream, put together in whatever order its pieces come.
///
/// It holds at most [`Pieces::MAX_BYTES`] in at most [`Pieces::MAX_PARTS`] separate parts; a piece beyond is refused. Where
/// pieces overlap, the later one is on top.
#[derive(Debug, Default, Clone)]
pub struct Pieces {
    data: Vec<u8>,
    /// What of `data` is there: from, to; ascending, apart from one another.
    parts: Vec<(usize, usize)>,
}

impl Pieces {
    /// Twice what the largest `ClientHello` with post-quantum keys and an encrypted inner one has.
    pub const MAX_BYTES: usize = 16_384;
    /// Parts with gaps between them.
    pub const MAX_PARTS: usize = 16;

    /// Puts a piece in. False: there is no room for it, and the stream should be given up.
    pub fn insert(&mut self, offset: usize, piece: &[u8]) -> bool {
        let Some(end) = offset.checked_add(piece.len()).filter(|end| *end <= Self::MAX_BYTES) else { return false };
        if piece.is_empty() {
            return true;
        }
        if self.data.len() < end {
            self.data.resize(end, 0);
        }
        let Some(place) = self.data.get_mut(offset..end) else { return false };
        place.copy_from_slice(piece);
        let (mut from, mut to) = (offset, end);
        self.parts.retain(|&(low, high)| {
            let apart = high < from || low > to;
            if !apart {
                (from, to) = (from.min(low), to.max(high));
            }
            apart
        });
        let at = self.parts.partition_point(|&(low, _)| low < from);
        self.parts.insert(at, (from, to));
        self.parts.len() <= Self::MAX_PARTS
    }

    /// What is there from the start on, without a gap.
    pub fn beginning(&self) -> &[u8] {
        match self.parts.first() {
            Some(&(0, end)) => self.data.get(..end).unwrap_or_default(),
            _ => &[],
        }
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.data.clear();
        self.parts.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_in_any_order_make_the_whole() {
        let mut pieces = Pieces::default();
        assert!(pieces.insert(5, b"world"));
        assert_eq!(pieces.beginning(), b"");
        assert!(pieces.insert(2, b"llo"));
        assert!(pieces.insert(0, b"hel"));
        assert_eq!(pieces.beginning(), b"helloworld");
    }

    #[test]
    fn there_is_a_bound_to_bytes_and_to_gaps() {
        let mut pieces = Pieces::default();
        assert!(!pieces.insert(Pieces::MAX_BYTES, b"x"));
        assert!(!pieces.insert(usize::MAX, b"x"));
        for part in 1..=Pieces::MAX_PARTS {
            assert!(pieces.insert(part * 3, b"x"));
        }
        assert!(!pieces.insert(1, b"x"));
    }

    proptest::proptest! {
        #[test]
        fn any_cut_and_any_order_give_the_same(
            data in proptest::collection::vec(proptest::num::u8::ANY, 1..600), cuts in proptest::collection::vec(0_usize..600, 0..12), seed: u64
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut % data.len()).chain([0, data.len()]).collect();
            cuts.sort_unstable();
            let mut parts: Vec<(usize, usize)> = cuts.windows(2).map(|pair| (pair[0], pair[1])).collect();
            let turn = seed as usize % parts.len().max(1);
            parts.rotate_left(turn);
            if seed % 2 == 0 { parts.reverse(); }
            let mut pieces = Pieces::default();
            for (from, to) in parts {
                proptest::prop_assert!(pieces.insert(from, &data[from..to]));
                proptest::prop_assert!(data.starts_with(pieces.beginning()));
            }
            proptest::prop_assert_eq!(pieces.beginning(), &data[..]);
        }
    }
}
