//! What can go wrong with what is kept, and what to do then.

use std::path::PathBuf;

use rusqlite::ErrorCode;

/// Why something was not kept, or not found again.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database was written by a later camwatch.
    #[error(
        "{path}: the database has schema version {found}, and this camwatch knows versions up to {known}: run the camwatch \
         that wrote it, or move the file away to begin a new one"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The latest that is known here.
        known: i64,
    },
    /// The file is a database of another program.
    #[error("{path}: this is another program's database: name another file in [store] path")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// Another process has the database.
    #[error("{path}: another camwatch uses this database: stop it, or name another file in [store] path")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// It cannot be written now; it is tried again.
    #[error("the database cannot be written: {0}")]
    CannotWrite(String),
    /// The thread of the store did not answer in time.
    #[error("the database is busy: try again in a moment")]
    Busy,
    /// SQLite's own word.
    #[error("the database: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// What was read back is not what was written.
    #[error("the database holds what cannot be read ({what}): {why}")]
    Unreadable {
        /// Which piece.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

/// Whether the file itself is at fault, and stays so however often it is tried.
pub(super) fn is_broken(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
}
