//! Files through the pipeline: reading on one thread, analysis on another.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SendError, SyncSender, channel, sync_channel};

use super::zeek::{LogFront, LogStats};
use super::{Analysis, Batch, Front};
use crate::alert::Transition;
use crate::config::Config;
use crate::geo::Geo;
use crate::report::account::ByHour;
use crate::report::document::{Capture, SourceKind};
use crate::source::zeek::ZeekLogs;
use crate::source::{CaptureFiles, OpenError, Sources};
use crate::store::Store;
use crate::track::Event;

/// Batches that go together: to wake the other thread takes as long as a hundred events.
const TOGETHER: usize = 4;
/// So many times [`TOGETHER`] are on their way; the reader waits when the analyser is slow, so nothing is lost.
const QUEUE: usize = 4;
/// Batches after which what was counted by the hour is summed up: it takes room until then.
const HOURS_EVERY: usize = 64;
/// And after which what changed is kept, which takes longer.
const KEPT_EVERY: usize = 4096;
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
    /// Attempts by the hour, where somebody wanted them.
    pub by_hour: ByHour,
}

/// Reads `paths`, all captures or all Zeek logs, to their end. `progress` is told the bytes read and all bytes now and
/// then.
pub fn read(
    paths: &[PathBuf],
    config: &Config,
    geo: Arc<Geo>,
    progress: impl FnMut(u64, u64),
) -> Result<Reading, OpenError> {
    read_as(paths, config, geo, Hours::Uncounted, progress)
}

/// As [`read`], and counts by the hour too.
pub fn read_by_the_hour(
    paths: &[PathBuf],
    config: &Config,
    geo: Arc<Geo>,
    progress: impl FnMut(u64, u64),
) -> Result<Reading, OpenError> {
    read_as(paths, config, geo, Hours::Counted, progress)
}

/// As [`read`], and keeps hours, coverage and what was told in `store`, as the daemon does.
pub fn read_into(
    paths: &[PathBuf],
    config: &Config,
    geo: Arc<Geo>,
    store: &Store,
    progress: impl FnMut(u64, u64),
) -> Result<Reading, OpenError> {
    read_as(paths, config, geo, Hours::Kept(store), progress)
}

/// Whether hours are counted: that costs a little.
#[derive(Clone, Copy)]
enum Hours<'a> {
    Counted,
    Uncounted,
    Kept(&'a Store),
}

impl Hours<'_> {
    fn begin(self, analysis: &mut Analysis) {
        match self {
            Self::Counted => analysis.ledger.count_hours(),
            Self::Uncounted => {}
            // Counted from the first checkpoint on.
            Self::Kept(store) => store.checkpoint(analysis.checkpoint()),
        }
    }

    /// Batch after batch.
    fn go_on(self, number: usize, told: Vec<Transition>, analysis: &mut Analysis, by_hour: &mut ByHour) {
        match self {
            Self::Counted if number.is_multiple_of(HOURS_EVERY) => by_hour.take(&mut analysis.ledger),
            Self::Counted | Self::Uncounted => {}
            Self::Kept(store) => {
                if !told.is_empty() {
                    store.put(told);
                }
                if number.is_multiple_of(KEPT_EVERY) {
                    store.checkpoint(analysis.checkpoint());
                }
            }
        }
    }

    fn end(self, told: Vec<Transition>, analysis: &mut Analysis, by_hour: &mut ByHour) {
        match self {
            Self::Counted => by_hour.take(&mut analysis.ledger),
            Self::Uncounted => {}
            Self::Kept(store) => {
                store.put(told);
                store.checkpoint(analysis.checkpoint());
            }
        }
    }
}

fn read_as(
    paths: &[PathBuf],
    config: &Config,
    geo: Arc<Geo>,
    hours: Hours<'_>,
    mut progress: impl FnMut(u64, u64),
) -> Result<Reading, OpenError> {
    let files = paths.iter().map(|path| path.display().to_string()).collect();
    Ok(match Sources::open(paths)? {
        Sources::Captures(captures) => read_captures(captures, files, config, geo, hours, &mut progress),
        Sources::Zeek(logs) => read_logs(logs, files, config, geo, hours, &mut progress),
    })
}

fn read_captures(
    mut captures: CaptureFiles,
    files: Vec<String>,
    config: &Config,
    geo: Arc<Geo>,
    hours: Hours<'_>,
    progress: &mut impl FnMut(u64, u64),
) -> Reading {
    let mut front = Front::new(config);
    let (analysis, by_hour) = analysed(Analysis::new(config, geo), hours, |sender, emptied| {
        let mut count = 0_u64;
        while let Some(frame) = captures.next_frame() {
            front.frame(&frame);
            if let Some(batch) = front.due() {
                if sender.send(batch).is_err() {
                    break;
                }
                emptied.try_recv().into_iter().for_each(|events| front.reuse(events));
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
    let capture = capture.with_damages(captures.damages());
    Reading { capture, analysis, evicted_flows: stats.track.evicted, by_hour }
}

fn read_logs(
    mut logs: ZeekLogs,
    files: Vec<String>,
    config: &Config,
    geo: Arc<Geo>,
    hours: Hours<'_>,
    progress: &mut impl FnMut(u64, u64),
) -> Reading {
    let mut front = LogFront::new(config);
    let mut stats = LogStats::default();
    let (analysis, by_hour) = analysed(Analysis::of_logs(config, geo), hours, |sender, emptied| {
        // Records are far fewer than packets.
        drop(emptied);
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
    let capture = capture.with_damages(logs.damages());
    Reading { capture, analysis, evicted_flows: stats.evicted, by_hour }
}

/// Runs `read` here and the analysis of the batches that it sends on a thread of its own. A batch that cannot be sent means
/// that the analyser panicked, which the scope passes on. `read` is given emptied batches back too: to allocate what another
/// thread frees makes the allocator give memory back to the system and ask for it again, page by page.
fn analysed(
    mut analysis: Analysis,
    hours: Hours<'_>,
    read: impl FnOnce(&mut Outlet, Receiver<Vec<Event>>),
) -> (Analysis, ByHour) {
    let mut by_hour = ByHour::default();
    hours.begin(&mut analysis);
    let (sender, receiver) = sync_channel::<Vec<Batch>>(QUEUE);
    let (emptied, taken_back) = channel();
    std::thread::scope(|scope| {
        let (analysis, by_hour) = (&mut analysis, &mut by_hour);
        scope.spawn(move || {
            for (number, mut batch) in (1_usize..).zip(receiver.into_iter().flatten()) {
                let told = analysis.take(&batch);
                hours.go_on(number, told, analysis, by_hour);
                batch.events.clear();
                // Nobody takes them back at the end.
                emptied.send(batch.events).unwrap_or_default();
            }
            let told = analysis.finish();
            hours.end(told, analysis, by_hour);
        });
        let mut outlet = Outlet { sender, waiting: Vec::new() };
        read(&mut outlet, taken_back);
        outlet.flush().unwrap_or_default();
    });
    (analysis, by_hour)
}

/// The reader's end of the way to the analyser.
struct Outlet {
    sender: SyncSender<Vec<Batch>>,
    waiting: Vec<Batch>,
}

impl Outlet {
    fn send(&mut self, batch: Batch) -> Result<(), SendError<Vec<Batch>>> {
        self.waiting.push(batch);
        if self.waiting.len() < TOGETHER { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> Result<(), SendError<Vec<Batch>>> {
        self.sender.send(std::mem::take(&mut self.waiting))
    }
}
