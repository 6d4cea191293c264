//! The self test: whether an alert would come out at the end of each sink, if cameras began to call overseas now.
//!
//! [`rehearse`] plays a made-up capture through a second pipeline of its own, with the configuration, rules and exceptions
//! in force: nothing of it reaches the ledger, the alerts or the store of the daemon, and nothing goes on the wire.
//! [`SelfTest`] has each sink make its messages of what came of it, on demand and now and then.

mod rehearsal;
mod report;
mod tester;

pub use rehearsal::{Rehearsal, rehearse};
pub use report::{Arisen, Figures, Report, SinkResult};
pub use tester::SelfTest;
