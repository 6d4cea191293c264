//! The analyser's thread.

use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use tracing::{error, info};

use super::shared::{Message, PUBLISH_EVERY, Shared};
use crate::alert::Transition;
use crate::config::Config;
use crate::geo::Geo;
use crate::metrics::Looker;
use crate::pipeline::Analysis;
use crate::store::Store;

/// How often configured databases are looked at for a change.
const GEO_EVERY: Duration = Duration::from_secs(60);

/// Takes what comes until it is told to stop, and writes down what it knew then.
pub(super) fn analyse(
    mut analysis: Analysis,
    receiver: &Receiver<Message>,
    (shared, thread): (&Shared, usize),
    config: &Arc<Config>,
    mut geo: Arc<Geo>,
    store: &Store,
) {
    let mut config = config.clone();
    let (mut published, mut written) = (Instant::now(), Instant::now());
    let mut geo_looked = Instant::now();
    let mut looker = Looker::default();
    while let Ok(message) = receiver.recv() {
        shared.turns.mark(thread);
        match message {
            Message::Batch(batch) => keep(store, analysis.take(&batch)),
            Message::Reconfigure(new, new_geo) => {
                analysis.reconfigure(&new, new_geo.clone());
                (config, geo) = (new, new_geo);
            }
            Message::Ask(question) => keep(store, question(&mut analysis)),
            Message::Stop => break,
        }
        if published.elapsed() >= PUBLISH_EVERY {
            published = Instant::now();
            // Capture threads publish there too, and must not wait for this.
            let analysed = looker.look(&analysis, config.camera_series());
            shared.snapshot().analysed = analysed;
        }
        if written.elapsed() >= config.store.checkpoint {
            checkpoint(store, &mut analysis);
            written = Instant::now();
        }
        if geo_looked.elapsed() >= GEO_EVERY {
            geo_looked = Instant::now();
            if geo.has_changed() {
                match Geo::open(&config.geo_options()) {
                    Ok(new) => {
                        geo = Arc::new(new);
                        analysis.set_geo(geo.clone());
                        info!("country and owner data were read anew");
                    }
                    Err(errors) => errors.iter().for_each(|error| error!(%error, "the old data stay in use")),
                }
            }
        }
    }
    keep(store, analysis.finish());
    checkpoint(store, &mut analysis);
    let analysed = looker.look(&analysis, config.camera_series());
    shared.snapshot().analysed = analysed;
}

/// Has what sinks should be told written down, before any of them is.
fn keep(store: &Store, transitions: Vec<Transition>) {
    for transition in &transitions {
        info!(event = %transition.event, rule = %transition.alert.rule, "{}", transition.alert.subject);
    }
    if !transitions.is_empty() {
        store.put(transitions);
    }
}

fn checkpoint(store: &Store, analysis: &mut Analysis) {
    let checkpoint = if store.wants_whole() { analysis.whole_checkpoint() } else { analysis.checkpoint() };
    store.checkpoint(checkpoint);
}
