//! The report and its table as files: whole, or not there.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::account::{Account, CameraTold, Row};
use super::html;
use super::table::Table;
use super::words::Clock;

/// A report could not be written.
#[derive(Debug, thiserror::Error)]
#[error("{path}: {error}")]
pub struct WriteError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub error: io::Error,
}

/// The two files of a report, until they are finished under other names.
pub struct Files {
    html: PathBuf,
    csv: PathBuf,
    table: Table<BufWriter<File>>,
}

/// What stands beside a file while it is written.
fn part_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

fn at<T>(path: &Path, result: io::Result<T>) -> Result<T, WriteError> {
    result.map_err(|error| WriteError { path: path.to_owned(), error })
}

impl Files {
    /// Begins both: `path`, and the table of the same name with `.csv`.
    pub fn begin(path: &Path) -> Result<Self, WriteError> {
        let csv = path.with_extension("csv");
        if csv == path || path.file_name().is_none() {
            let error = io::Error::new(io::ErrorKind::InvalidInput, "name an HTML file, as in report.html");
            return Err(WriteError { path: path.to_owned(), error });
        }
        let part = part_of(&csv);
        let table = at(&part, File::create(&part).and_then(|file| Table::new(BufWriter::new(file))))?;
        Ok(Self { html: path.to_owned(), csv, table })
    }

    /// A line of the table.
    pub fn row(&mut self, camera: &CameraTold, row: &Row) -> io::Result<()> {
        self.table.row(camera, row)
    }

    /// Writes the report, and gives both files their names. Gives the table's.
    pub fn finish(self, account: &Account, clock: &Clock) -> Result<PathBuf, WriteError> {
        let Self { html, csv, mut table } = self;
        let part = part_of(&csv);
        let quiet = account.cameras.iter().filter(|camera| camera.called_nobody());
        at(
            &part,
            table.quiet(quiet).and_then(|()| table.finish()?.into_inner().map_err(io::IntoInnerError::into_error)),
        )?;
        let page = part_of(&html);
        let name = csv.file_name().unwrap_or_default().to_string_lossy();
        let written = File::create(&page).and_then(|file| {
            let mut out = BufWriter::new(file);
            html::write(&mut out, account, clock, &name)?;
            out.flush()
        });
        at(&page, written)?;
        at(&csv, std::fs::rename(&part, &csv))?;
        at(&html, std::fs::rename(&page, &html))?;
        Ok(csv)
    }
}
