//! Files through the pipeline: reading on one thread, analysis on another.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};

use super::zeek::{LogFront, LogStats};
use super::{Analysis, Batch, Front};
use crate::config::Config;
use crate::geo::Geo;
use crate::report::document::{Capture, SourceKind};
use crate::source::zeek::ZeekLogs;
use crate::source::{CaptureFiles, OpenError, Sources};

/// Batches on their way; the reader waits when the analyser is slow, so nothing is lost.
const QUEUE: usize = 16;
/// Packets or records between two reports of progress.
const PROGRESS_EVERY: u64 = 65_536;

/// What came of reading files.
pub struct Reading {
    /// What was read.
    pub capture: Capture,
    /// What was found.
    pub analysis: Analysis,
    /// Connections that left their table early.
    pub evicted_flows: u64,
}

/// Reads `paths`, all captures or all Zeek logs, to their end. `progress` is told the bytes read and all bytes now and
/// then.
pub fn read(
    paths: &[PathBuf],
    config: &Config,
    geo: Arc<Geo>,
    mut progress: impl FnMut(u64, u64),
) -> Result<Reading, OpenError> {
    let files = paths.iter().map(|path| path.display().to_string()).collect();
    Ok(match Sources::open(paths)? {
        Sources::Captures(captures) => read_captures(captures, files, config, geo, &mut progress),
        Sources::Zeek(logs) => read_logs(logs, files, config, geo, &mut progress),
    })
}

fn read_captures(
    mut captures: CaptureFiles,
    files: Vec<String>,
    config: &Config,
    geo: Arc<Geo>,
    progress: &mut impl FnMut(u64, u64),
) -> Reading {
    let mut front = Front::new(config);
    let analysis = analysed(Analysis::new(config, geo), |sender| {
        let mut count = 0_u64;
        while let Some(frame) = captures.next_frame() {
            front.frame(&frame);
            if let Some(batch) = front.due()
                && sender.send(batch).is_err()
            {
                break;
            }
            count += 1;
            if count.is_multiple_of(PROGRESS_EVERY) {
                progress(captures.bytes_read(), captures.total_bytes());
            }
        }
        sender.send(front.finish()).unwrap_or_default();
    });
    let stats = front.stats();
    let capture = Capture {
        files,
        packets: stats.packets,
        bytes: stats.bytes,
        first: stats.first,
        last: stats.last,
        undecoded: front.causes().total(),
        undecoded_causes: front.causes().iter().map(|(cause, count)| (cause.to_string(), count)).collect(),
        duplicates: stats.duplicates,
        passed_over: stats.passed_over,
        ..Capture::default()
    };
    Reading { capture: capture.with_damages(captures.damages()), analysis, evicted_flows: stats.track.evicted }
}

fn read_logs(
    mut logs: ZeekLogs,
    files: Vec<String>,
    config: &Config,
    geo: Arc<Geo>,
    progress: &mut impl FnMut(u64, u64),
) -> Reading {
    let mut front = LogFront::new(config);
    let mut stats = LogStats::default();
    let analysis = analysed(Analysis::of_logs(config, geo), |sender| {
        let mut count = 0_u64;
        while let Some(record) = logs.next_record() {
            front.record(record);
            if let Some(batch) = front.due()
                && sender.send(batch).is_err()
            {
                break;
            }
            count += 1;
            if count.is_multiple_of(PROGRESS_EVERY) {
                progress(logs.bytes_read(), logs.total_bytes());
            }
        }
        stats = front.finish(|batch| sender.send(batch).unwrap_or_default());
    });
    let capture = Capture {
        source: SourceKind::Zeek,
        files,
        packets: stats.packets,
        bytes: stats.bytes,
        first: stats.first,
        last: stats.last,
        records: stats.records,
        late_records: stats.late,
        ..Capture::default()
    };
    Reading { capture: capture.with_damages(logs.damages()), analysis, evicted_flows: stats.evicted }
}

/// Runs `read` here and the analysis of the batches that it sends on a thread of its own. A batch that cannot be sent means
/// that the analyser panicked, which the scope passes on.
fn analysed(mut analysis: Analysis, read: impl FnOnce(SyncSender<Batch>)) -> Analysis {
    let (sender, receiver) = sync_channel::<Batch>(QUEUE);
    std::thread::scope(|scope| {
        let analysis = &mut analysis;
        scope.spawn(move || {
            while let Ok(batch) = receiver.recv() {
                analysis.take(&batch);
            }
            analysis.finish();
        });
        read(sender);
    });
    analysis
}
