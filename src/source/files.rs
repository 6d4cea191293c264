//! Several captures as one, in time order.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use super::error::{Damage, OpenError, Place};
use super::file::CaptureFile;
use super::input::Progress;
use super::sources::Named;
use super::{Frame, LinkType};
use crate::time::Timestamp;

/// Several capture files, merged by the time of their packets (equal times in the order of the files).
///
/// Files that follow one another, as rotated captures do, are opened one after the other: only those whose times overlap
/// are open together.
pub struct CaptureFiles {
    files: Files,
    damages: Vec<Damage>,
    progress: Progress,
    total_bytes: u64,
}

enum Files {
    /// One file needs no merging: its frames are lent as they are.
    One(Box<CaptureFile>),
    Several(Merge),
}

#[derive(Default)]
struct Merge {
    /// Not opened yet, by the time of their first packet.
    waiting: VecDeque<(Timestamp, usize, PathBuf)>,
    open: Vec<Open>,
    /// The open file whose frame was given last, and must be moved on first.
    given: Option<usize>,
}

struct Open {
    order: usize,
    file: CaptureFile,
    next: Held,
}

/// The frame that is next, held here because a file lends only one frame at a time.
struct Held {
    time: Timestamp,
    link: LinkType,
    interface: u16,
    wire_len: u32,
    data: Vec<u8>,
}

impl CaptureFiles {
    /// Of what [`super::Sources`] looked into.
    pub(super) fn open_named(named: Vec<Named>, progress: Progress, total_bytes: u64) -> Result<Self, OpenError> {
        let mut damages = Vec::new();
        let several = named.len() > 1;
        let mut merge = Merge::default();
        for (order, Named { path, input }) in named.into_iter().enumerate() {
            let name = path.display().to_string();
            let file = match input {
                Some(mut input) => {
                    // Unpacking takes longer than to wake another thread does; reading a plain file doesn't.
                    if !several && input.compressed {
                        input.read_ahead(&name)?;
                    }
                    CaptureFile::from_input(name, input)?
                }
                None => match first_time(&path)? {
                    Some(first) => {
                        merge.waiting.push_back((first, order, path));
                        continue;
                    }
                    // A file without a readable packet: what is wrong with it is said now.
                    None => CaptureFile::open_counting(&path, progress.clone())?,
                },
            };
            if !several {
                return Ok(Self { files: Files::One(Box::new(file)), damages, progress, total_bytes });
            }
            merge.start(order, file, &mut damages);
        }
        merge.waiting.make_contiguous().sort();
        Ok(Self { files: Files::Several(merge), damages, progress, total_bytes })
    }

    /// The next frame of all files. None: all have ended; [`CaptureFiles::damages`] says how.
    #[inline]
    pub fn next_frame(&mut self) -> Option<Frame<'_>> {
        match &mut self.files {
            Files::One(file) => match file.next_frame() {
                Ok(frame) => frame,
                Err(damage) => {
                    self.damages.push(damage);
                    None
                }
            },
            Files::Several(merge) => merge.next_frame(&self.progress, &mut self.damages),
        }
    }

    /// What was found damaged so far.
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

impl Merge {
    fn start(&mut self, order: usize, file: CaptureFile, damages: &mut Vec<Damage>) {
        let next = Held { time: Timestamp::MIN, link: LinkType(1), interface: 0, wire_len: 0, data: Vec::new() };
        self.open.push(Open { order, file, next });
        self.hold_next(self.open.len() - 1, damages);
    }

    /// Reads the next frame of an open file; closes it at its end.
    fn hold_next(&mut self, at: usize, damages: &mut Vec<Damage>) {
        let Some(open) = self.open.get_mut(at) else { return };
        match open.file.next_frame() {
            Ok(Some(frame)) => {
                (open.next.time, open.next.link, open.next.wire_len) = (frame.time, frame.link, frame.wire_len);
                open.next.interface = frame.interface;
                open.next.data.clear();
                open.next.data.extend_from_slice(frame.data);
                return;
            }
            Ok(None) => {}
            Err(damage) => damages.push(damage),
        }
        self.open.swap_remove(at);
    }

    fn next_frame(&mut self, progress: &Progress, damages: &mut Vec<Damage>) -> Option<Frame<'_>> {
        if let Some(at) = self.given.take() {
            self.hold_next(at, damages);
        }
        loop {
            let soonest = (0..self.open.len()).min_by_key(|&at| (self.open[at].next.time, self.open[at].order));
            let opens = self.waiting.front().is_some_and(|(first, order, _)| {
                soonest.is_none_or(|at| (*first, *order) <= (self.open[at].next.time, self.open[at].order))
            });
            if !opens {
                let at = soonest?;
                self.given = Some(at);
                let next = &self.open.get(at)?.next;
                let Held { time, link, interface, wire_len, ref data } = *next;
                return Some(Frame { time, link, interface, wire_len, data });
            }
            let (_, order, path) = self.waiting.pop_front()?;
            match CaptureFile::open_counting(&path, progress.clone()) {
                Ok(file) => self.start(order, file, damages),
                Err(error) => {
                    let file = path.display().to_string();
                    let what = format!("it could be opened before, but no more: {error}");
                    damages.push(Damage {
                        file,
                        place: Place::Packet { number: 1, offset: 0, compressed: false },
                        what,
                    });
                }
            }
        }
    }
}

fn first_time(path: &Path) -> Result<Option<Timestamp>, OpenError> {
    Ok(CaptureFile::open(path)?.next_frame().ok().flatten().map(|frame| frame.time))
}
