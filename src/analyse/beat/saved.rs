//! A rhythm in a checkpoint: what is kept of its gaps, and nothing twice, because there may be a million of them.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::series::{RING, Scale};
use super::{Beat, Heard, Memory, SCALES};

/// First, last, events; the scales and what was heard, from the second event on.
type Written = (i64, i64, u64, Option<([Option<Bursts>; SCALES], WrittenHeard)>);
/// Start, beats, next place in the ring, the ring. None where it is as the one before.
type Bursts = (i64, u32, u8, Ring);
/// The fields of [`Heard`] in their order.
type WrittenHeard = (i64, bool, bool, u32, u8, f32, f32, f32, f32, f32, f32, i64);

/// Milliseconds that a [`crate::time::Timestamp`] can hold: of no others can the difference be taken.
const MAX_MS: i64 = i64::MAX / 1_000_000 + 1;
/// More beats than this could not go on.
const MAX_BEATS: u32 = 1 << 30;

/// The gaps of one scale, two bytes each, the lower first.
#[derive(Clone, Copy)]
struct Ring {
    length: usize,
    codes: [u16; RING],
}

impl Serialize for Ring {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = [0; 2 * RING];
        for (pair, code) in bytes.chunks_exact_mut(2).zip(self.codes) {
            pair.copy_from_slice(&code.to_le_bytes());
        }
        serializer.serialize_bytes(&bytes[..2 * self.length.min(RING)])
    }
}

impl<'de> Deserialize<'de> for Ring {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Ring;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "at most {RING} gaps of two bytes")
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Ring, E> {
                let (pairs, rest) = bytes.as_chunks::<2>();
                if pairs.len() > RING || !rest.is_empty() {
                    return Err(E::invalid_length(bytes.len(), &self));
                }
                let mut codes = [0; RING];
                for (code, pair) in codes.iter_mut().zip(pairs) {
                    *code = u16::from_le_bytes(*pair);
                }
                Ok(Ring { length: pairs.len(), codes })
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

fn bursts(scale: &Scale) -> Bursts {
    let (start, beats, next, gaps) = scale.parts();
    let mut codes = [0; RING];
    codes[..gaps.len()].copy_from_slice(gaps);
    (start, beats, next, Ring { length: gaps.len(), codes })
}

impl Serialize for Beat {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let memory = self.memory.as_ref().map(|memory| {
            let scales = std::array::from_fn(|number| {
                let scale = &memory.scales[number];
                let repeats = number > 0 && memory.scales[number - 1].is_like(scale);
                (!repeats).then(|| bursts(scale))
            });
            let Heard { at, fresh, queued, next, scale, score, .. } = memory.heard;
            let Heard { period_s, pace_s, settled_s, before_s, other_s, other_since, .. } = memory.heard;
            let heard =
                (at, fresh, queued, next, scale, score, period_s, pace_s, settled_s, before_s, other_s, other_since);
            (scales, heard)
        });
        let written: Written = (self.first, self.last, self.events, memory);
        written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Beat {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (first, last, events, memory) = Written::deserialize(deserializer)?;
        let beat = of_written(first, last, events, memory.as_ref());
        beat.ok_or_else(|| D::Error::custom("no series of events is like this"))
    }
}

fn of_written(
    first: i64,
    last: i64,
    events: u64,
    memory: Option<&([Option<Bursts>; SCALES], WrittenHeard)>,
) -> Option<Beat> {
    let can_be = |at: i64| (-MAX_MS..=MAX_MS).contains(&at);
    let memory = match memory {
        None => None,
        Some((written, heard)) => {
            let mut scales = [Scale::EMPTY; SCALES];
            let mut before = None;
            for (scale, written) in scales.iter_mut().zip(written) {
                let (start, beats, next, ring) = (*written).or(before)?;
                before = Some((start, beats, next, ring));
                *scale = Scale::of_parts(start, beats, next, ring.codes.get(..ring.length)?)?;
                if !can_be(start) || beats > MAX_BEATS {
                    return None;
                }
            }
            let (at, fresh, queued, next, scale, score, period_s, pace_s, settled_s, before_s, other_s, other_since) =
                *heard;
            let heard = Heard {
                at,
                fresh,
                queued,
                next,
                scale,
                score,
                period_s,
                pace_s,
                settled_s,
                before_s,
                other_s,
                other_since,
            };
            let told = [score, period_s, pace_s, settled_s, before_s, other_s];
            if !can_be(at) || !can_be(other_since) || !told.iter().all(|value| value.is_finite()) {
                return None;
            }
            Some(Box::new(Memory { scales, heard }))
        }
    };
    (can_be(first) && can_be(last) && crate::saved::check_counts(&[events]).is_ok()).then_some(Beat {
        first,
        last,
        events,
        memory,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::saved::{decode, encode, encode_small};
    use crate::time::Timestamp;

    proptest::proptest! {
        #[test]
        fn goes_on_as_if_it_had_never_stopped(
            gaps in proptest::collection::vec(0.0_f64..2000.0, 0..200),
            more in proptest::collection::vec(0.0_f64..2000.0, 1..40),
        ) {
            let mut second = 1.4e9;
            let mut at = |gap: f64| {
                second += gap;
                Timestamp::from_nanos((second * 1e9) as i64)
            };
            let mut beat = Beat::default();
            for gap in gaps {
                let now = at(gap);
                beat.event(now);
                beat.listen(now);
            }
            let mut restored: Beat = decode(&encode(&beat)).unwrap();
            proptest::prop_assert_eq!(&restored, &beat);
            for gap in more {
                let now = at(gap);
                proptest::prop_assert_eq!(beat.event(now), restored.event(now));
                proptest::prop_assert_eq!(beat.listen(now), restored.listen(now));
            }
            proptest::prop_assert_eq!(&restored, &beat);
        }
    }

    #[test]
    fn takes_little_room() {
        let bytes = |count: i64| {
            let mut beat = Beat::default();
            for number in 0..count {
                let now = Timestamp::from_parts(1_427_878_800 + 61 * number, 0);
                beat.event(now);
                beat.listen(now);
            }
            encode_small(&beat).len()
        };
        assert!(bytes(1) < 25, "{}", bytes(1));
        assert!(bytes(2) < 110, "{}", bytes(2));
        assert!(bytes(1000) < 250, "a steady rhythm is the same at most scales: {}", bytes(1000));
    }
}
