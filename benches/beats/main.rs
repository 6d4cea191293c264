//! How well rhythms are told from chance, and what it costs: `make eval`.
//!
//! `cargo bench --bench beats -- eval [SEED] [EACH]` prints the tables of the families, `… -- held-out` those of the
//! families that nothing is tuned on, `… -- cost` what an event, a score and a pair cost. Without a word: all of it.

mod draw;
mod evaluation;
mod families;
mod measure;
mod yardsticks;

use evaluation::{Options, table};

/// Seeds below are for tuning; the printed figures are of this one.
const TEST_SEED: u64 = 1_000;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let number = |place: usize| words.get(place).and_then(|word| word.parse().ok());
    let (seed, each) = (number(1).unwrap_or(TEST_SEED), number(2).unwrap_or(400));
    let wanted = |what: &str| words.first().is_none_or(|word| word == what);
    for (what, held_out) in [("eval", false), ("held-out", true)] {
        if wanted(what) {
            for window in [3600.0, 86_400.0] {
                print!("{}", table(&Options { seed, each, held_out }, window));
            }
        }
    }
}
