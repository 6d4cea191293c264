//! The database file: opened, locked, checked, and set aside where it is broken.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::error::{StoreError, is_broken};
use super::health::SetAside;
use super::schema::{self, Found};

/// Broken files kept; of more, the oldest leave.
const BROKEN_KEPT: usize = 3;
/// Whoever else reads or backs up holds the database no longer than this.
const BUSY: Duration = Duration::from_secs(5);

/// Where the database is.
#[derive(Debug, Clone)]
pub(super) enum Place {
    File(PathBuf),
    /// Under this name in the process's memory.
    Memory(String),
}

/// A database at the latest version.
pub(super) struct Opened {
    pub connection: Connection,
    /// What was there before, if that was broken.
    pub set_aside: Option<SetAside>,
    /// Held as long as the database is used.
    pub lock: Option<File>,
}

/// Why it was not opened.
#[derive(Debug)]
pub(super) enum NotOpened {
    /// A person has to do something.
    Refused(StoreError),
    /// It may work later: the disk is full, the folder not there or read-only.
    Later(String),
}

impl From<rusqlite::Error> for NotOpened {
    fn from(error: rusqlite::Error) -> Self {
        Self::Later(error.to_string())
    }
}

impl Place {
    /// A connection that writes.
    pub(super) fn open(&self, lock: Option<File>) -> Result<Opened, NotOpened> {
        let path = match self {
            Self::Memory(name) => {
                let uri = memory_uri(name);
                let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
                let connection = prepare(Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI)?)?;
                return Ok(Opened { connection, set_aside: None, lock: None });
            }
            Self::File(path) => path,
        };
        let lock = match lock {
            Some(lock) => lock,
            None => take_lock(path)?,
        };
        let mut set_aside = None;
        if let Err(error) = look_at(path) {
            match error {
                Checked::Broken(error) => {
                    let aside = put_aside(path).map_err(|failed| {
                        NotOpened::Later(format!(
                            "{} is broken ({error}), and cannot be moved: {failed}",
                            path.display()
                        ))
                    })?;
                    set_aside = Some(SetAside { file: aside, error });
                }
                Checked::Not(why) => return Err(why),
            }
        }
        make_private(path).map_err(|error| NotOpened::Later(format!("{}: {error}", path.display())))?;
        let connection = prepare(Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?)?;
        Ok(Opened { connection, set_aside, lock: Some(lock) })
    }

    /// A connection that only reads; it sees one moment, and holds nobody up.
    pub(super) fn read(&self) -> rusqlite::Result<Connection> {
        let connection = match self {
            Self::Memory(name) => Connection::open_with_flags(
                memory_uri(name),
                OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_URI,
            )?,
            Self::File(path) => Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?,
        };
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(connection)
    }

    /// Bytes of the log beside the file.
    pub(super) fn wal_bytes(&self) -> u64 {
        match self {
            Self::Memory(_) => 0,
            Self::File(path) => beside(path, "-wal").metadata().map_or(0, |metadata| metadata.len()),
        }
    }
}

/// SQLite's `memdb`: one database for all connections of the process that name it so.
fn memory_uri(name: &str) -> String {
    format!("file:/{name}?vfs=memdb")
}

/// A name beside the file: `camwatch.db` and `-wal` make `camwatch.db-wal`.
fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// One process at a time: two would deliver everything twice. The kernel lets go of the lock however a process ends.
fn take_lock(path: &Path) -> Result<File, NotOpened> {
    let name = beside(path, ".lock");
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&name);
    let file = file.map_err(|error| {
        let hint = match error.kind() {
            io::ErrorKind::NotFound => ": make the folder, or name another file in [store] path",
            io::ErrorKind::PermissionDenied => ": let the user that camwatch runs as write to the folder",
            _ => "",
        };
        NotOpened::Later(format!("{}: {error}{hint}", name.display()))
    })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(NotOpened::Refused(StoreError::InUse { path: path.to_owned() })),
        Err(TryLockError::Error(error)) => Err(NotOpened::Later(format!("{}: {error}", name.display()))),
    }
}

enum Checked {
    Broken(String),
    Not(NotOpened),
}

/// Whether what stands there, if anything, is sound and ours.
fn look_at(path: &Path) -> Result<(), Checked> {
    let of_sqlite = |error: rusqlite::Error| {
        if is_broken(&error) { Checked::Broken(error.to_string()) } else { Checked::Not(error.into()) }
    };
    match path.metadata() {
        Ok(metadata) if metadata.len() == 0 => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Checked::Not(NotOpened::Later(format!("{}: {error}", path.display())))),
        Ok(_) => {}
    }
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(of_sqlite)?;
    connection.busy_timeout(BUSY).map_err(of_sqlite)?;
    match schema::look(&connection).map_err(of_sqlite)?.0 {
        Found::Ready => {}
        Found::Newer(found) => {
            let newer = StoreError::Newer { path: path.to_owned(), found, known: schema::VERSION };
            return Err(Checked::Not(NotOpened::Refused(newer)));
        }
        Found::Foreign => {
            return Err(Checked::Not(NotOpened::Refused(StoreError::Foreign { path: path.to_owned() })));
        }
    }
    let sound: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(of_sqlite)?;
    if sound == "ok" { Ok(()) } else { Err(Checked::Broken(sound.replace('\n', " "))) }
}

/// For the owner's eyes only, from the beginning: SQLite gives the files beside it the same permissions.
fn make_private(path: &Path) -> io::Result<()> {
    let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).mode(0o600).open(path)?;
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        file.set_permissions(PermissionsExt::from_mode(0o600))?;
    }
    Ok(())
}

/// Moves a broken database out of the way, with its log; gives its new name.
fn put_aside(path: &Path) -> io::Result<PathBuf> {
    let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%S%3fZ");
    let aside = beside(path, &format!(".broken-{now}"));
    std::fs::rename(path, &aside)?;
    for end in ["-wal", "-shm"] {
        match std::fs::rename(beside(path, end), beside(&aside, end)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    // However often the disk breaks one, they don't fill it.
    let broken = |name: &str| {
        let start = format!("{}.broken-", path.file_name().unwrap_or_default().to_string_lossy());
        name.starts_with(&start) && name.ends_with('Z')
    };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut old: Vec<PathBuf> = std::fs::read_dir(folder)?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.file_name().is_some_and(|name| broken(&name.to_string_lossy())))
        .collect();
    old.sort();
    old.truncate(old.len().saturating_sub(BROKEN_KEPT));
    for gone in old {
        std::fs::remove_file(&gone)?;
        for end in ["-wal", "-shm"] {
            std::fs::remove_file(beside(&gone, end)).or_else(|error| match error.kind() {
                io::ErrorKind::NotFound => Ok(()),
                _ => Err(error),
            })?;
        }
    }
    Ok(aside)
}

/// Settings of the connection that writes, and the latest schema.
fn prepare(mut connection: Connection) -> rusqlite::Result<Connection> {
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(64);
    // Before the first table: given back to the file system in small steps, never by a long rewriting of all.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "journal_size_limit", 16 << 20)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    schema::migrate(&mut connection)?;
    Ok(connection)
}
