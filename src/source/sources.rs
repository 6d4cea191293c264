//! Files as they were named, told apart by their content.

use std::path::{Path, PathBuf};

use super::CaptureFiles;
use super::error::OpenError;
use super::input::{Input, Progress};
use super::zeek::{ZeekLogs, looks_like_log};

/// Files of one sort, opened.
pub enum Sources {
    /// Captures: they give frames.
    Captures(CaptureFiles),
    /// Zeek's logs: they give records.
    Zeek(ZeekLogs),
}

/// A file as it was named. What can be read only once (standard input, pipes) stays open since it was looked into.
pub(super) struct Named {
    pub(super) path: PathBuf,
    pub(super) input: Option<Input>,
}

impl Sources {
    /// Opens `paths` (`-` is standard input), all captures or all Zeek logs. Fails if one is neither, or the two are
    /// mixed: nothing was read then.
    pub fn open(paths: &[PathBuf]) -> Result<Self, OpenError> {
        if paths.iter().filter(|path| path.as_os_str() == "-").count() > 1 {
            return Err(OpenError::StdinTwice);
        }
        let progress = Progress::default();
        let mut named = Vec::with_capacity(paths.len());
        let (mut log, mut capture) = (None, None);
        for path in paths {
            let stays = paths.len() == 1 || !path.is_file();
            let counter = if stays { progress.clone() } else { Progress::default() };
            let mut input = Input::open(path, counter)?;
            // What cannot be read is said by whoever reads the file from here on.
            input.fill(1).unwrap_or_default();
            let first = if looks_like_log(input.window()) { &mut log } else { &mut capture };
            first.get_or_insert(path);
            named.push(Named { path: path.clone(), input: stays.then_some(input) });
        }
        let total_bytes = paths.iter().filter_map(|path| path.metadata().ok()).map(|metadata| metadata.len()).sum();
        match (log, capture) {
            (Some(log), Some(capture)) => Err(OpenError::Mixed { log: text(log), capture: text(capture) }),
            (Some(_), None) => Ok(Self::Zeek(ZeekLogs::open(named, progress, total_bytes)?)),
            (None, _) => Ok(Self::Captures(CaptureFiles::open_named(named, progress, total_bytes)?)),
        }
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
