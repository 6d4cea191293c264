//! How well rhythms are told from chance, and what it costs: `make eval`.
//!
//! `cargo bench --bench beats -- eval [SEED] [EACH]` prints the tables of the families, `… -- held-out` those of the
//! families that nothing is tuned on, `… -- cost [PAIRS]` what an event, a score and a pair
//! cost. Without a word: all of it.

mod cost;
mod draw;
mod evaluation;
mod families;
mod measure;
mod yardsticks;

use evaluation::{Options, table};

/// Seeds below are for tuning; the printed figures are of this one.
const TEST_SEED: u64 = 1_000;
/// Series of each family.
const EACH: u64 = 400;
/// Under `cargo test` a few of each show that it works.
const EACH_IN_TEST: u64 = 10;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    // Cargo says so when it is `cargo bench` and not `cargo test` that runs this.
    let measuring = words.iter().any(|word| word == "--bench");
    let words: Vec<&String> = words.iter().filter(|word| !word.starts_with('-')).collect();
    let number = |place: usize| words.get(place).and_then(|word| word.parse().ok());
    let seed = number(1).unwrap_or(TEST_SEED);
    let each = number(2).unwrap_or(if measuring { EACH } else { EACH_IN_TEST });
    let wanted = |what: &str| words.first().is_none_or(|word| *word == what);
    for (what, held_out) in [("eval", false), ("held-out", true)] {
        if wanted(what) {
            for window in [3600.0, 86_400.0] {
                print!("{}", table(&Options { seed, each, held_out }, window));
            }
        }
    }
    if wanted("cost") && measuring {
        print!("{}", cost::table(number(1).unwrap_or(1_000_000)));
    }
}
