//! Files through the pipeline: reading on one thread, analysis on another.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use super::{Analysis, Batch, Front};
use crate::config::Config;
use crate::geo::Geo;
use crate::report::document::Capture;
use crate::source::{CaptureFiles, OpenError};

/// Batches on their way; the reader waits when the analyser is slow, so nothing is lost.
const QUEUE: usize = 16;
/// Packets between two reports of progress.
const PROGRESS_EVERY: u64 = 65_536;

/// What came of reading files.
pub struct Reading {
    /// What was read.
    pub capture: Capture,
    /// What was found.
    pub analysis: Analysis,
    /// Connections that left the tracker's table early.
    pub evicted_flows: u64,
}

/// Reads `paths` to their end. `progress` is told the bytes read and all bytes now and then.
pub fn read(
    paths: &[PathBuf],
    config: &Config,
    geo: Arc<Geo>,
    mut progress: impl FnMut(u64, u64),
) -> Result<Reading, OpenError> {
    let mut files = CaptureFiles::open(paths)?;
    let mut analysis = Analysis::new(config, geo);
    let mut front = Front::new(config);
    let (sender, receiver) = sync_channel::<Batch>(QUEUE);
    std::thread::scope(|scope| {
        let analysis = &mut analysis;
        scope.spawn(move || {
            while let Ok(batch) = receiver.recv() {
                analysis.take(&batch);
            }
            analysis.finish();
        });
        let mut count = 0_u64;
        while let Some(frame) = files.next_frame() {
            front.frame(&frame);
            if let Some(batch) = front.due()
                && sender.send(batch).is_err()
            {
                break;
            }
            count += 1;
            if count.is_multiple_of(PROGRESS_EVERY) {
                progress(files.bytes_read(), files.total_bytes());
            }
        }
        // The analyser is gone only if it panicked, which the scope passes on.
        sender.send(front.finish()).unwrap_or_default();
        drop(sender);
    });
    let stats = front.stats();
    let damages: Vec<String> = files.damages().iter().map(ToString::to_string).collect();
    let capture = Capture {
        files: paths.iter().map(|path| path.display().to_string()).collect(),
        packets: stats.packets,
        bytes: stats.bytes,
        first: stats.first,
        last: stats.last,
        undecoded: front.causes().total(),
        undecoded_causes: front.causes().iter().map(|(cause, count)| (cause.to_string(), count)).collect(),
        duplicates: stats.duplicates,
        passed_over: stats.passed_over,
        damaged: damages.first().cloned(),
        damages,
    };
    Ok(Reading { capture, analysis, evicted_flows: stats.track.evicted })
}
