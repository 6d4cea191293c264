//! Several logs as one stream of records.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use super::log::ZeekLog;
use super::record::Record;
use crate::source::error::{Damage, OpenError, Place};
use crate::source::input::Progress;
use crate::source::sources::Named;
use crate::time::Timestamp;

/// Several logs, merged about in the order in which Zeek wrote their records: when connections ended.
///
/// Logs that follow one another, as rotated ones do, are opened one after the other, whatever the order of their names.
pub struct ZeekLogs {
    /// Not opened yet, by the end of their first record.
    waiting: VecDeque<(Timestamp, usize, PathBuf)>,
    open: Vec<Open>,
    damages: Vec<Damage>,
    progress: Progress,
    total_bytes: u64,
}

struct Open {
    order: usize,
    log: ZeekLog,
    /// When the record given last was over.
    until: Timestamp,
}

impl ZeekLogs {
    /// Of what [`crate::source::Sources`] looked into.
    pub(in crate::source) fn open(named: Vec<Named>, progress: Progress, total_bytes: u64) -> Result<Self, OpenError> {
        let mut logs = Self { waiting: VecDeque::new(), open: Vec::new(), damages: Vec::new(), progress, total_bytes };
        for (order, Named { path, input }) in named.into_iter().enumerate() {
            if let Some(input) = input {
                logs.start(order, ZeekLog::from_input(path.display().to_string(), input)?);
                continue;
            }
            let first = ZeekLog::open(&path)?.next_record();
            // Without a record it stands first: what is wrong with it is found at once.
            let first = first.map_or(Timestamp::MIN, |record| record.end());
            logs.waiting.push_back((first, order, path));
        }
        logs.waiting.make_contiguous().sort();
        Ok(logs)
    }

    /// The next record. None: all logs are over; [`ZeekLogs::damages`] tells what was left out.
    pub fn next_record(&mut self) -> Option<Record> {
        loop {
            let soonest = match self.open.len() {
                1 => Some(0),
                several => (0..several).min_by_key(|&at| (self.open[at].until, self.open[at].order)),
            };
            if let Some((first, order, _)) = self.waiting.front()
                && soonest.is_none_or(|at| (*first, *order) <= (self.open[at].until, self.open[at].order))
            {
                self.open_next();
                continue;
            }
            let at = soonest?;
            let open = self.open.get_mut(at)?;
            if let Some(record) = open.log.next_record() {
                open.until = record.end();
                return Some(record);
            }
            self.damages.extend(open.log.damage().cloned());
            self.open.swap_remove(at);
        }
    }

    fn open_next(&mut self) {
        let Some((_, order, path)) = self.waiting.pop_front() else { return };
        match ZeekLog::open_counting(&path, self.progress.clone()) {
            Ok(log) => self.start(order, log),
            Err(error) => {
                let file = path.display().to_string();
                let what = format!("it could be opened before, but no more: {error}");
                self.damages.push(Damage { file, place: Place::Line { number: 1, left_out: 1 }, what });
            }
        }
    }

    fn start(&mut self, order: usize, log: ZeekLog) {
        self.open.push(Open { order, log, until: Timestamp::MIN });
    }

    /// What was left out so far, of the logs that are over.
    pub fn damages(&self) -> &[Damage] {
        &self.damages
    }

    /// Bytes read so far of the files on disk, compressed as they are.
    pub fn bytes_read(&self) -> u64 {
        self.progress.load(Ordering::Relaxed)
    }

    /// Bytes of all files on disk; standard input counts nothing.
    pub fn total_bytes(&self) -> u64 {
        self.total_bytes
    }
}
