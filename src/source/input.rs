//! Bytes of a capture: from a file or standard input, decompressed by what they start with.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::ahead::Ahead;
use super::error::OpenError;

/// How much is read at once. Larger than a cache line's worth of frames, small enough to stay in the second-level cache.
const CHUNK: usize = 256 * 1024;
/// The largest record that is believed: beyond any snapshot length in use, far below what would hurt.
const MAX_RECORD: usize = 16 * 1024 * 1024;

/// An open capture, its bytes decompressed, in a window that moves over them.
pub(super) struct Input {
    reader: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes before the window.
    passed: u64,
    pub(super) compressed: bool,
    finished: bool,
}

/// How many bytes of the file on disk were read so far.
pub(super) type Progress = Arc<AtomicU64>;

struct Counted<R> {
    inner: R,
    progress: Progress,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.progress.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

impl Input {
    /// Opens a file, or standard input for `-`.
    pub(super) fn open(path: &Path, progress: Progress) -> Result<Self, OpenError> {
        let file = path.display().to_string();
        if file == "-" {
            return Self::new(&file, Counted { inner: io::stdin(), progress });
        }
        let opened = File::open(path).map_err(|error| OpenError::Io { file: file.clone(), error })?;
        if opened.metadata().is_ok_and(|metadata| metadata.is_dir()) {
            return Err(OpenError::Directory { file });
        }
        Self::new(&file, Counted { inner: opened, progress })
    }

    pub(super) fn new(file: &str, raw: impl Read + Send + 'static) -> Result<Self, OpenError> {
        let mut raw = raw;
        let io = |error| OpenError::Io { file: file.to_owned(), error };
        let mut head = [0; 4];
        let mut have = 0;
        while have < head.len() {
            match raw.read(&mut head[have..]).map_err(io)? {
                0 => break,
                count => have += count,
            }
        }
        if have == 0 {
            return Err(OpenError::Empty { file: file.to_owned() });
        }
        let raw = io::Cursor::new(head).take(have as u64).chain(raw);
        let (reader, compressed): (Box<dyn Read + Send>, bool) = match head {
            [0x1f, 0x8b, ..] => {
                (Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::with_capacity(CHUNK, raw))), true)
            }
            [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => {
                (Box::new(zstd::stream::read::Decoder::new(raw).map_err(io)?), true)
            }
            _ => (Box::new(raw), false),
        };
        Ok(Self { reader, buffer: vec![0; CHUNK], start: 0, end: 0, passed: 0, compressed, finished: false })
    }

    /// Reads, and unpacks, on a thread of its own from here on.
    pub(super) fn read_ahead(&mut self, file: &str) -> Result<(), OpenError> {
        let reader = std::mem::replace(&mut self.reader, Box::new(io::empty()));
        let ahead = Ahead::start(reader).map_err(|error| OpenError::Io { file: file.to_owned(), error })?;
        self.reader = Box::new(ahead);
        Ok(())
    }

    /// Where the window starts, in bytes from the start of the capture.
    pub(super) fn offset(&self) -> u64 {
        self.passed + self.start as u64
    }

    /// What is in the window now.
    #[inline]
    pub(super) fn window(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Makes the window at least `wanted` bytes long, unless the capture ends before: then it is all that is left.
    pub(super) fn fill(&mut self, wanted: usize) -> Result<(), String> {
        if self.end - self.start >= wanted || self.finished {
            return Ok(());
        }
        if wanted > MAX_RECORD {
            return Err(format!("a record of {wanted} bytes, more than any real one has"));
        }
        self.buffer.copy_within(self.start..self.end, 0);
        self.passed += self.start as u64;
        (self.start, self.end) = (0, self.end - self.start);
        if self.buffer.len() < wanted {
            self.buffer.resize(wanted.next_multiple_of(CHUNK), 0);
        }
        while self.end < wanted {
            match self.reader.read(&mut self.buffer[self.end..]) {
                Ok(0) => {
                    self.finished = true;
                    break;
                }
                Ok(count) => self.end += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.finished = true;
                    let stream = if self.compressed { "the compressed stream breaks off" } else { "reading fails" };
                    return Err(format!("{stream}: {error}"));
                }
            }
        }
        Ok(())
    }

    /// Moves the window on.
    #[inline]
    pub(super) fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.end);
    }

    /// The bytes just consumed, `back` bytes before the window, `length` of them.
    #[inline]
    pub(super) fn consumed(&self, back: usize, length: usize) -> &[u8] {
        let from = self.start.saturating_sub(back);
        self.buffer.get(from..from + length).unwrap_or_default()
    }
}
