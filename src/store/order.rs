//! Whatever happens in whichever order, each sink gets everything, in order.

use proptest::prelude::*;

use super::testing::{block_on, transition};
use super::{Put, Store, StoreOptions};
use crate::alert::{Outbox, State};

/// What may happen.
#[derive(Debug, Clone)]
enum Step {
    /// So many transitions are put in.
    Put(u8),
    /// A sink takes up to so many, and delivers the first few of them.
    Deliver(usize, usize, usize),
    /// The process ends in an orderly way, and another begins.
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (1..5_u8).prop_map(Step::Put),
        4 => (0..2_usize, 1..6_usize, 0..6_usize).prop_map(|(sink, limit, some)| Step::Deliver(sink, limit, some)),
        1 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 1..25)
}

const SINKS: [&str; 2] = ["log", "mail"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_sink_gets_each_transition_in_order_over_restarts(steps in steps()) {
        let folder = tempfile::tempdir().unwrap();
        let options = StoreOptions { path: Some(folder.path().join("kept.db")), ..StoreOptions::default() };
        let names: Vec<String> = SINKS.iter().map(ToString::to_string).collect();
        let open = || {
            let store = Store::open(options.clone()).unwrap();
            block_on(store.set_sinks(&names));
            store
        };
        let mut store = open();
        let mut put: Vec<String> = Vec::new();
        let mut got = [Vec::new(), Vec::new()];
        let take = |store: &Store, got: &mut [Vec<String>; 2], sink: usize, limit: usize, some: usize| {
            let waiting = block_on(store.waiting(SINKS[sink], limit));
            let some = &waiting[..some.min(waiting.len())];
            got[sink].extend(some.iter().map(|entry| entry.transition.key.clone()));
            if let Some(last) = some.last() {
                block_on(store.delivered(SINKS[sink], last.seq));
            }
            waiting.len()
        };
        for step in steps {
            match step {
                Step::Put(count) => {
                    let first = put.len() as u64 + 1;
                    let many: Vec<_> =
                        (first..first + u64::from(count)).map(|number| transition("a", number, State::Firing)).collect();
                    put.extend(many.iter().map(|transition| transition.key.clone()));
                    prop_assert_eq!(store.put(many), Put::Written);
                }
                Step::Deliver(sink, limit, some) => {
                    take(&store, &mut got, sink, limit, some);
                }
                Step::Restart => {
                    drop(store);
                    store = open();
                }
            }
            for (sink, got) in SINKS.iter().zip(&got) {
                prop_assert_eq!(store.stats().waiting[*sink], (put.len() - got.len()) as u64);
            }
        }
        for sink in 0..SINKS.len() {
            while take(&store, &mut got, sink, 3, 3) > 0 {}
        }
        // An orderly restart repeats nothing; in order, and all of it, it is anyway.
        prop_assert_eq!(&got[0], &put);
        prop_assert_eq!(&got[1], &put);
        drop(store);
        let left: i64 = rusqlite::Connection::open(options.path.as_ref().unwrap())
            .unwrap()
            .query_row("SELECT count(*) FROM transition WHERE document IS NOT NULL", [], |row| row.get(0))
            .unwrap();
        prop_assert_eq!(left, 0, "what every sink has leaves the outbox");
    }
}
