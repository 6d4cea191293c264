//! What waits to be sent: between whoever keeps transitions and the sinks that send them.

use std::future::Future;
use std::sync::Arc;

use tokio::sync::watch;

use super::{Alert, Transition};

/// A transition with its place in the order of all.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Grows with each transition, also over restarts.
    pub seq: u64,
    /// What happened.
    pub transition: Arc<Transition>,
}

/// Transitions that were written down, and how far each sink has sent them. Every sink gets each at least once, in order.
pub trait Outbox: Clone + Send + Sync + 'static {
    /// The sinks that there are now, by their names. One that was not there before begins at what is put in from now on;
    /// for those that are gone nothing is kept.
    fn set_sinks(&self, names: &[String]) -> impl Future<Output = ()> + Send;
    /// Up to `limit` transitions that `sink` has not delivered yet, oldest first.
    fn waiting(&self, sink: &str, limit: usize) -> impl Future<Output = Vec<Entry>> + Send;
    /// `sink` has delivered everything up to and including `seq`.
    fn delivered(&self, sink: &str, seq: u64) -> impl Future<Output = ()> + Send;
    /// Every alert that fires now, as it was last told.
    fn firing(&self) -> impl Future<Output = Vec<Alert>> + Send;
    /// Changes whenever something is put in.
    fn changes(&self) -> watch::Receiver<u64>;
}
