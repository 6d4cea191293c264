//! A capture on disk: pcap with nanoseconds, compressed as the file's name says.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::time::Timestamp;

/// The capture cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("{file}: cannot be written: {what}")]
pub struct WriteError {
    file: String,
    what: String,
}

impl WriteError {
    pub(super) fn new(path: &Path, error: &io::Error) -> Self {
        Self { file: path.display().to_string(), what: error.to_string() }
    }
}

enum Output {
    Plain(BufWriter<Box<dyn Write>>),
    Gzip(flate2::write::GzEncoder<BufWriter<Box<dyn Write>>>),
    Zstd(zstd::stream::write::Encoder<'static, BufWriter<Box<dyn Write>>>),
}

/// Writes frames.
pub struct Writer {
    output: Output,
    path: PathBuf,
    snaplen: u32,
}

impl Writer {
    /// Creates a capture of Ethernet frames; `-` is standard output, `.gz` and `.zst` compress.
    pub fn create(path: &Path, snaplen: u32) -> Result<Self, WriteError> {
        let failed = |error: io::Error| WriteError::new(path, &error);
        let raw: Box<dyn Write> = if path.as_os_str() == "-" {
            Box::new(io::stdout())
        } else {
            Box::new(File::create(path).map_err(failed)?)
        };
        let raw = BufWriter::with_capacity(1 << 18, raw);
        let output = match path.extension().and_then(|extension| extension.to_str()) {
            Some("gz") => Output::Gzip(flate2::write::GzEncoder::new(raw, flate2::Compression::best())),
            Some("zst") => Output::Zstd(zstd::stream::write::Encoder::new(raw, 19).map_err(failed)?),
            _ => Output::Plain(raw),
        };
        let mut writer = Self { output, path: path.to_path_buf(), snaplen };
        let mut header = 0xa1b2_3c4d_u32.to_le_bytes().to_vec();
        header.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        header.extend(snaplen.to_le_bytes());
        header.extend(1_u32.to_le_bytes());
        writer.write(&header)?;
        Ok(writer)
    }

    /// Writes a frame.
    pub fn frame(&mut self, time: Timestamp, frame: &[u8]) -> Result<(), WriteError> {
        let kept = frame.get(..self.snaplen as usize).unwrap_or(frame);
        let nanos = time.as_nanos();
        let mut header = [0; 16];
        header[..4].copy_from_slice(&(nanos.div_euclid(1_000_000_000) as u32).to_le_bytes());
        header[4..8].copy_from_slice(&(nanos.rem_euclid(1_000_000_000) as u32).to_le_bytes());
        header[8..12].copy_from_slice(&(kept.len() as u32).to_le_bytes());
        header[12..].copy_from_slice(&(frame.len() as u32).to_le_bytes());
        self.write(&header)?;
        self.write(kept)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        let written = match &mut self.output {
            Output::Plain(out) => out.write_all(bytes),
            Output::Gzip(out) => out.write_all(bytes),
            Output::Zstd(out) => out.write_all(bytes),
        };
        written.map_err(|error| WriteError::new(&self.path, &error))
    }

    /// Ends the capture.
    pub fn finish(self) -> Result<(), WriteError> {
        let finished = match self.output {
            Output::Plain(mut out) => out.flush(),
            Output::Gzip(out) => out.finish().and_then(|mut out| out.flush()),
            Output::Zstd(out) => out.finish().and_then(|mut out| out.flush()),
        };
        finished.map_err(|error| WriteError::new(&self.path, &error))
    }
}

/// `a/b.pcap.zst` has its truth in `a/b.truth.json`.
pub(super) fn truth_path(capture: &Path) -> PathBuf {
    let name = capture.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let stem = [".zst", ".gz", ".pcap"].iter().fold(name.as_str(), |name, end| name.strip_suffix(end).unwrap_or(name));
    capture.with_file_name(format!("{stem}.truth.json"))
}
