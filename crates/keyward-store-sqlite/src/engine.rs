//! The engine: one writer, some readers.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use keyward_store::{Batch, Clock, Committed, Engine, Error, LogHead, Reads, RecordMac, Result};
use rusqlite::Connection;

use crate::create::{self, folder_of, private_file, sync_folder, take_back_rights};
use crate::readers::{Readers, Reading};
use crate::writer::Writer;
use crate::{connection, error, filesystem, rows};

/// A SQLite database as a store's engine.
pub struct Sqlite {
    path: PathBuf,
    writer: Mutex<Writer>,
    readers: Readers,
    clock: Box<dyn Clock>,
    /// The write-ahead log stays as it is when this is closed.
    briefly: AtomicBool,
}

impl Sqlite {
    /// Makes a new, empty database at `path` (mode 0600) and opens it. Its folder is made (0700) where
    /// it is missing; an existing one is left as it is.
    ///
    /// # Errors
    /// [`Error::Exists`]; [`Error::NetworkFilesystem`]; what the system says.
    pub fn create(path: &Path, clock: impl Clock) -> Result<Self> {
        create::create(path)?;
        Self::open(path, clock)
    }

    /// Opens the database at `path`.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Foreign`], [`Error::Damaged`], [`Error::FutureFormat`],
    /// [`Error::ReadOnly`], [`Error::NetworkFilesystem`]: each its own; [`Error::Io`] for the rest.
    pub fn open(path: &Path, clock: impl Clock) -> Result<Self> {
        let metadata = std::fs::metadata(path).map_err(|e| error::system(path, "open", &e))?;
        if !metadata.is_file() {
            return Err(Error::Foreign { path: error::show(path) });
        }
        if metadata.len() == 0 {
            return Err(Error::Damaged { detail: format!("`{}` is empty", path.display()) });
        }
        filesystem::refuse_network(folder_of(path))?;
        take_back_rights(path)?;
        let writer = Writer::open(path)?;
        let (path, clock) = (path.to_owned(), Box::new(clock));
        let readers = Readers::new(path.clone());
        Ok(Self { writer: Mutex::new(writer), readers, clock, path, briefly: AtomicBool::new(false) })
    }

    /// Reads through a mapping of the file: half the time for long ranges, as a page costs no call
    /// of the system. Where the disk fails under it, the process is ended (`SIGBUS`) instead of
    /// getting an error: for single commands, not for a process that others rely on.
    #[must_use]
    pub fn mapped(mut self) -> Self {
        self.readers.map_file();
        self
    }

    fn writer(&self) -> MutexGuard<'_, Writer> {
        // A panic in a caller's hook rolls its transaction back while it unwinds.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        let reading = self.readers.for_one_read()?;
        read(&reading).map_err(|e| error::sqlite(&self.path, "read the database", &e))
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        // Without it nothing is lost: the next to open the file reads the log beside it, which takes
        // the longer the longer the log is.
        let mut writer = self.writer();
        if !self.briefly.load(Ordering::Relaxed) || writer.log_is_long() {
            let _ = writer.close();
        }
    }
}

impl Engine for Sqlite {
    fn apply(&self, batches: &[Batch], mac: &dyn RecordMac, head: &dyn LogHead) -> Vec<Result<Committed>> {
        self.writer().apply(batches, mac, head, self.clock.as_ref())
    }

    fn snapshot(&self) -> Result<Box<dyn Reads + '_>> {
        let reading = self.readers.for_snapshot()?;
        let failed = |e: rusqlite::Error| error::sqlite(&self.path, "read the database", &e);
        // The first read of a transaction fixes what it sees.
        reading.execute_batch("BEGIN").and_then(|()| rows::log_head(&reading)).map_err(failed)?;
        Ok(Box::new(Snapshot { reading, path: &self.path }))
    }

    fn put_meta(&self, name: &str, value: Option<&[u8]>) -> Result<()> {
        self.writer().write(|connection| {
            match value {
                Some(value) => {
                    connection.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)", (name, value))?
                }
                None => connection.execute("DELETE FROM meta WHERE name = ?1", [name])?,
            };
            Ok(())
        })
    }

    fn backup_to(&self, path: &Path) -> Result<()> {
        let file = private_file(path)?;
        let copied = connection::open(&self.path).and_then(|connection| {
            let target = path.to_str().ok_or_else(|| Error::Io {
                action: format!("back up to `{}`", path.display()),
                detail: "the path is not UTF-8".into(),
            })?;
            let done = connection.execute("VACUUM INTO ?1", [target]);
            done.map(drop).map_err(|e| error::sqlite(path, "write the backup", &e))
        });
        let flushed = copied.and_then(|()| file.sync_all().map_err(|e| error::system(path, "flush", &e)));
        let done = flushed.and_then(|()| sync_folder(path));
        if done.is_err() {
            // Half a backup is none.
            let _ = std::fs::remove_file(path);
        }
        done
    }

    fn load(&self, source: &dyn Reads) -> Result<()> {
        self.writer().load(source)
    }

    fn closes_briefly(&self) {
        self.briefly.store(true, Ordering::Relaxed);
    }

    fn check(&self) -> Result<Vec<String>> {
        let found: Vec<String> = self.read(|connection| {
            let mut statement = connection.prepare("PRAGMA integrity_check")?;
            statement.query_map([], |row| row.get(0))?.collect()
        })?;
        Ok(found.into_iter().filter(|line| line != "ok").collect())
    }
}

/// The database as it was when the snapshot was taken.
struct Snapshot<'a> {
    reading: Reading<'a>,
    path: &'a Path,
}

impl Snapshot<'_> {
    fn read<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        read(&self.reading).map_err(|e| error::sqlite(self.path, "read the database", &e))
    }
}

impl_reads!(Sqlite);
impl_reads!(Snapshot<'_>);
