//! Which of the last hours something was seen in: one bit each.

use crate::time::Timestamp;

/// Hours that are remembered: 32 days.
pub const REMEMBERED: i64 = 768;

const WORDS: usize = REMEMBERED as usize / 64;

/// An hour, in hours since the Unix epoch.
pub fn hour_of(time: Timestamp) -> i64 {
    time.as_secs().div_euclid(3600)
}

/// When an hour begins.
pub fn start_of(hour: i64) -> Timestamp {
    Timestamp::from_parts(hour.saturating_mul(3600), 0)
}

/// A set of the last [`REMEMBERED`] hours.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Hours {
    /// The latest hour that was set, plus one; 0: none.
    end: i64,
    bits: [u64; WORDS],
}

impl Hours {
    /// Sets an hour. One beyond what is remembered, before the latest, is passed over.
    pub fn set(&mut self, hour: i64) {
        if self.end == 0 || hour >= self.end + REMEMBERED {
            self.bits = [0; WORDS];
        } else {
            (self.end..=hour).for_each(|fresh| self.write(fresh, false));
        }
        self.end = if self.end == 0 { hour + 1 } else { self.end.max(hour + 1) };
        if hour >= self.end - REMEMBERED {
            self.write(hour, true);
        }
    }

    /// Whether an hour is set.
    pub fn has(&self, hour: i64) -> bool {
        self.end != 0 && hour < self.end && hour >= self.end - REMEMBERED && {
            let (word, bit) = place(hour);
            self.bits.get(word).is_some_and(|bits| bits >> bit & 1 == 1)
        }
    }

    /// Whether time can go on from here: read back from what is damaged, it may stand anywhere.
    pub fn can_be(&self) -> bool {
        hour_of(Timestamp::MIN) <= self.end && self.end <= hour_of(Timestamp::from_nanos(i64::MAX)) + 1
    }

    /// Sets every hour that another set has.
    pub fn join(&mut self, other: &Self) {
        for hour in (other.end - REMEMBERED).max(0)..other.end {
            if other.has(hour) {
                self.set(hour);
            }
        }
    }

    fn write(&mut self, hour: i64, value: bool) {
        let (word, bit) = place(hour);
        if let Some(bits) = self.bits.get_mut(word) {
            *bits = *bits & !(1 << bit) | u64::from(value) << bit;
        }
    }
}

fn place(hour: i64) -> (usize, u32) {
    let at = hour.rem_euclid(REMEMBERED);
    ((at / 64) as usize, (at % 64) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn holds_what_a_set_of_the_last_hours_holds(steps in proptest::collection::vec(-900_i64..900, 1..60)) {
            let (mut hours, mut model, mut hour) = (Hours::default(), std::collections::BTreeSet::new(), 400_000_i64);
            for step in steps {
                hour += step;
                hours.set(hour);
                let latest = model.iter().max().copied().unwrap_or(hour).max(hour);
                if hour > latest - REMEMBERED {
                    model.insert(hour);
                }
                model.retain(|known| *known > latest - REMEMBERED);
                for around in latest - REMEMBERED - 2..latest + 2 {
                    proptest::prop_assert_eq!(hours.has(around), model.contains(&around), "{}", around);
                }
            }
        }
    }
}
