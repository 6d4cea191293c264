//! JSON lines, to a file or to standard output.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::format::Format;
use super::read::Reading;
use super::{Failure, Kind, Ready, Receiver, Sending};
use crate::alert::Transition;

/// Lines written at a time.
const BATCH: usize = 64;

/// A file that is appended to, or standard output.
#[derive(Debug)]
pub(super) struct Json {
    /// `-` for standard output.
    path: PathBuf,
    format: Format,
}

/// `path` and `format`.
pub(super) fn read(reading: &mut Reading<'_, '_, '_, '_>) -> Option<Arc<dyn Kind>> {
    let written: Option<String> = reading.needed("path", "\"/var/log/camwatch/alerts.json\"");
    let format = Format::read(reading, Format::Ecs);
    let written = written?;
    let path = if written == "-" { PathBuf::from(written) } else { reading.folder.join(written) };
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if path.as_os_str() != "-" && (path.is_dir() || parent.is_some_and(|parent| !parent.is_dir())) {
        let message = format!("`path`: {} is no file in a folder that is there: make the folder", path.display());
        reading.problem("path", message);
    }
    Some(Arc::new(Json { path, format }))
}

impl Json {
    /// That of `[alerts] output`.
    pub(super) fn output(path: &Path) -> Self {
        Self { path: path.to_owned(), format: Format::Camwatch }
    }
}

impl Kind for Json {
    fn open(&self) -> Result<Box<dyn Receiver>, String> {
        let output = if self.path.as_os_str() == "-" {
            Output::Standard
        } else {
            let file = OpenOptions::new().create(true).append(true).open(&self.path);
            Output::File(
                file.map_err(|error| format!("{} cannot be opened for writing: {error}", self.path.display()))?,
            )
        };
        Ok(Box::new(Lines { output: Arc::new(Mutex::new(output)), format: self.format }))
    }
}

struct Lines {
    output: Arc<Mutex<Output>>,
    format: Format,
}

enum Output {
    Standard,
    File(File),
}

impl Output {
    /// Writes all or nothing, as far as that can be had: half a line would spoil the next one.
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        match self {
            Self::Standard => {
                let mut out = io::stdout().lock();
                out.write_all(lines).and_then(|()| out.flush())
            }
            Self::File(file) => {
                let metadata = file.metadata()?;
                let whole = metadata.is_file();
                let written = file.write_all(lines).and_then(|()| if whole { file.sync_data() } else { Ok(()) });
                if written.is_err() && whole {
                    file.set_len(metadata.len())?;
                }
                written
            }
        }
    }
}

impl Lines {
    fn lines(&self, batch: &[Arc<Transition>]) -> String {
        let mut lines = String::new();
        for transition in batch {
            lines.push_str(&self.format.line(transition));
            lines.push('\n');
        }
        lines
    }
}

impl Receiver for Lines {
    fn prepare(&self, batch: &[Arc<Transition>]) -> Result<usize, Failure> {
        Ok(self.lines(batch).len())
    }

    fn ready(&self, waiting: &[Arc<Transition>], _: Duration) -> Ready {
        Ready::Now(waiting.len().min(BATCH))
    }

    fn send<'a>(&'a mut self, batch: &'a [Arc<Transition>]) -> Sending<'a> {
        let lines = self.lines(batch);
        let output = self.output.clone();
        Box::pin(async move {
            // A disk may be slow, and a pipe full.
            let written = tokio::task::spawn_blocking(move || {
                output.lock().unwrap_or_else(PoisonError::into_inner).write(lines.as_bytes())
            });
            match written.await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => Err(Failure::later(error)),
                Err(error) => Err(Failure::later(error)),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::sample;
    use super::*;

    #[tokio::test]
    async fn appends_lines_of_either_kind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alerts.json");
        std::fs::write(&path, "before\n").unwrap();
        let batch = [Arc::new(sample()), Arc::new(sample())];
        for format in [Format::Camwatch, Format::Ecs] {
            Json { path: path.clone(), format }.open().unwrap().send(&batch).await.unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((lines.len(), lines[0]), (5, "before"));
        assert_eq!(serde_json::from_str::<Transition>(lines[1]).unwrap(), sample());
        assert!(lines[4].contains("\"ecs\":{\"version\":"));
    }

    #[tokio::test]
    async fn a_full_disk_is_told_and_leaves_no_half_line() {
        let mut receiver = Json::output(Path::new("/dev/full")).open().unwrap();
        let failure = receiver.send(&[Arc::new(sample())]).await.unwrap_err();
        assert!(failure.to_string().contains("No space left"), "{failure}");
    }
}
