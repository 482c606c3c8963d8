//! The one writer: transactions, and what happens after one failed.
//!
//! After a failed flush the kernel may have dropped the pages that it could not write and marked them
//! clean, so a second flush that succeeds proves nothing. A refused group's frames may also lie in
//! the write-ahead log, whole, where a later recovery would take them for committed. So the writer is
//! *suspect* after any failed write: before it accepts anything it opens a new connection (while the
//! old one still holds the shared index that ends before those frames), empties the log into the
//! database, flushes it, and compares the head of the log with the last one it acknowledged.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use keyward_store::{Batch, Clock, Committed, Error, LogHead, Reads, RecordMac, Result};
use rusqlite::hooks::Wal;
use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection, MAIN_DB};

use crate::checkpoint::{self, Checkpointer, Progress};
use crate::transaction::{Failure, Group, Transaction};
use crate::{connection, error, load, rows};

pub(crate) struct Writer {
    connection: Connection,
    path: PathBuf,
    /// A write failed, and the disk has not been seen to work since.
    suspect: bool,
    /// Length of the log after the last group that was acknowledged here.
    acknowledged: u64,
    progress: Arc<Progress>,
    checkpointer: Checkpointer,
}

impl Writer {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let mut connection = connection::writer(path)?;
        let failed = |e: rusqlite::Error| error::sqlite(path, "read the log", &e);
        let acknowledged = rows::log_head(&connection).map_err(failed)?.size;
        let progress = Arc::<Progress>::default();
        let watched = Arc::clone(&progress);
        let hook = move |_: &mut Wal, pages| {
            watched.committed(usize::try_from(pages).unwrap_or(0));
            Ok(())
        };
        connection.wal_hook(Some(hook)).map_err(failed)?;
        let checkpointer = Checkpointer::new(path, Arc::clone(&progress));
        Ok(Self { connection, path: path.into(), suspect: false, acknowledged, progress, checkpointer })
    }

    pub(crate) fn apply(
        &mut self,
        batches: &[Batch],
        mac: &dyn RecordMac,
        head: &dyn LogHead,
        clock: &dyn Clock,
    ) -> Vec<Result<Committed>> {
        let mut refused: Vec<Option<Error>> = vec![None; batches.len()];
        loop {
            let failure = match self.recover().map_err(Failure::Group) {
                Ok(()) => match self.attempt(batches, &refused, mac, head, clock) {
                    Ok(answers) => return answers,
                    Err(failure) => failure,
                },
                Err(failure) => failure,
            };
            let error = match failure {
                Failure::Batch(number, error) => {
                    refused[number] = Some(error);
                    continue;
                }
                Failure::Group(error) => error,
                Failure::Sqlite(error) => self.failed("write to the database", &error),
            };
            return batches.iter().map(|_| Err(error.clone())).collect();
        }
    }

    /// Runs `write` in a transaction of its own: a fact about this copy, not a batch.
    pub(crate) fn write(&mut self, write: impl FnOnce(&Connection) -> rusqlite::Result<()>) -> Result<()> {
        self.recover()?;
        let done = Transaction::begin(&self.connection).and_then(|transaction| {
            write(&self.connection)?;
            transaction.commit()
        });
        done.map_err(|e| self.failed("write to the database", &e))
    }

    /// Fills the database, which must be empty, in one transaction.
    pub(crate) fn load(&mut self, source: &dyn Reads) -> Result<()> {
        self.recover()?;
        let loaded = Transaction::begin(&self.connection).map_err(Failure::Sqlite).and_then(|transaction| {
            let size = load::fill(&self.connection, source, &self.path)?;
            transaction.commit()?;
            Ok(size)
        });
        match loaded {
            Ok(size) => {
                self.acknowledged = size;
                self.checkpointer.poke();
                Ok(())
            }
            Err(Failure::Sqlite(error)) => Err(self.failed("write to the database", &error)),
            Err(Failure::Group(error) | Failure::Batch(_, error)) => Err(error),
        }
    }

    /// Empties the write-ahead log into the database, so that the file alone is the whole store. Does
    /// not wait for other processes at it.
    pub(crate) fn close(&mut self) -> Result<()> {
        self.checkpointer.stop();
        self.recover()?;
        let at_once = self.connection.busy_timeout(Duration::ZERO);
        at_once.map_err(|e| error::sqlite(&self.path, "close the database", &e))?;
        self.truncate_log()
    }

    fn attempt(
        &mut self,
        batches: &[Batch],
        refused: &[Option<Error>],
        mac: &dyn RecordMac,
        head: &dyn LogHead,
        clock: &dyn Clock,
    ) -> Result<Vec<Result<Committed>>, Failure> {
        if self.progress.take_nearly_done() {
            // A failure leaves the log longer; the group's own writes find out what is wrong.
            let _ = checkpoint::copy_frames(&self.connection);
        } else if self.progress.is_too_long() {
            checkpoint::catch_up(&self.connection, &self.progress);
        }
        let transaction = Transaction::begin(&self.connection)?;
        let mut group = Group::begin(&self.connection, mac, clock.now_ms())?;
        let mut answers = Vec::with_capacity(batches.len());
        for (number, (batch, refused)) in batches.iter().zip(refused).enumerate() {
            answers.push(match refused {
                Some(error) => Err(error.clone()),
                None => group.make(number, batch)?,
            });
        }
        if group.is_empty() {
            return Ok(answers);
        }
        let size = group.finish(head)?;
        transaction.commit()?;
        self.acknowledged = size;
        self.checkpointer.poke();
        Ok(answers)
    }

    fn failed(&mut self, action: &str, error: &rusqlite::Error) -> Error {
        let error = error::sqlite(&self.path, action, error);
        self.suspect |= matches!(error, Error::Io { .. } | Error::Full | Error::ReadOnly { .. });
        error
    }

    fn recover(&mut self) -> Result<()> {
        if !self.suspect {
            return Ok(());
        }
        let fresh = Self::open(&self.path)?;
        if fresh.acknowledged != self.acknowledged {
            let detail = format!("its log has {} entries, {} were written", fresh.acknowledged, self.acknowledged);
            return Err(Error::Damaged { detail });
        }
        fresh.truncate_log()?;
        *self = fresh;
        Ok(())
    }

    fn truncate_log(&self) -> Result<()> {
        let done = self.connection.wal_checkpoint_v2(Some(MAIN_DB), CheckpointMode::TRUNCATE);
        done.map(drop).map_err(|e| error::sqlite(&self.path, "empty the write-ahead log", &e))
    }
}
