//! What the destinations of alerts claim to be, looked up once for all sinks.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use super::Lookup;
use crate::alert::{Entry, Transition};

/// Transitions whose claims are kept; a sink further behind than that has them looked up again.
const KEPT: usize = 1024;

/// A resolver that is down holds no alert back for longer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Fills claims in, and remembers.
pub(super) struct Claims {
    lookup: Lookup,
    kept: Mutex<VecDeque<(u64, Arc<Transition>)>>,
}

impl Claims {
    pub(super) fn new(lookup: Lookup) -> Self {
        Self { lookup, kept: Mutex::default() }
    }

    /// The transition as it is sent. Who comes second waits for the answers that the first waits for.
    pub(super) async fn fill(&self, entry: &Entry) -> Arc<Transition> {
        let mut kept = self.kept.lock().await;
        if let Some((_, filled)) = kept.iter().find(|(seq, _)| *seq == entry.seq) {
            return filled.clone();
        }
        let mut lookup = self.lookup.lock().await;
        let Some(lookup) = lookup.as_mut() else { return entry.transition.clone() };
        let destinations = entry.transition.alert.destinations();
        let claims = tokio::time::timeout(PATIENCE, lookup.claims(&destinations)).await.unwrap_or_default();
        let mut filled = entry.transition.clone();
        if !claims.is_empty() {
            Arc::make_mut(&mut filled).alert.ptr_claims = claims;
        }
        if kept.len() >= KEPT {
            kept.pop_front();
        }
        kept.push_back((entry.seq, filled.clone()));
        filled
    }
}
