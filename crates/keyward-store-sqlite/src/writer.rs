//! The one writer: transactions, and what happens after one failed.
//!
//! After a failed flush the kernel may have dropped the pages that it could not write and marked them
//! clean, so a second flush that succeeds proves nothing. A refused group's frames may also lie in
//! the write-ahead log, whole, where a later recovery would take them for committed. So the writer is
//! *suspect* after any failed write: before it accepts anything it opens a new connection (while the
//! old one still holds the shared index that ends before those frames), compares the head of the log
//! with the last one it acknowledged, and commits a transaction without content.
//!
//! That one waits for no reader. Its frame takes the place of the first refused one, and each frame's
//! checksum goes on from that of the frame before, so that no recovery gets past it to what is left of
//! the refused ones. It is written anew, so its flush says something: of what was acknowledged nothing
//! was waiting for a flush, and what the refused group had not brought to the disk is void. Copying into
//! the database is begun again by SQLite where its flush failed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use keyward_store::{Batch, Clock, Committed, Error, Head, LogHead, Reads, RecordMac, Result};
use rusqlite::hooks::Wal;
use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection, MAIN_DB};

use crate::checkpoint::{self, Checkpointer, Progress};
use crate::transaction::{Failure, Group, Transaction};
use crate::{connection, error, load, rows, schema};

pub(crate) struct Writer {
    connection: Connection,
    path: PathBuf,
    /// A write failed, and the disk has not been seen to work since.
    suspect: bool,
    /// Head of the log after the last group that was acknowledged here: no later one lies before it.
    acknowledged: Head,
    progress: Arc<Progress>,
    checkpointer: Checkpointer,
}

impl Writer {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let mut connection = connection::writer(path)?;
        let failed = |e: rusqlite::Error| error::sqlite(path, "read the log", &e);
        let acknowledged = rows::log_head(&connection).map_err(failed)?;
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
            let head = load::fill(&self.connection, source, &self.path)?;
            transaction.commit()?;
            Ok(head)
        });
        match loaded {
            Ok(head) => {
                self.acknowledged = head;
                self.checkpointer.poke();
                Ok(())
            }
            Err(Failure::Sqlite(error)) => Err(self.failed("write to the database", &error)),
            Err(Failure::Group(error) | Failure::Batch(_, error)) => Err(error),
        }
    }

    /// Whether commits of this writer have left a log that should not wait for the next process.
    pub(crate) fn log_is_long(&self) -> bool {
        self.progress.is_long_to_read()
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
        let mut group = Group::begin(&self.connection, mac, clock.now_ms(), &self.acknowledged)?;
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
        let head = group.finish(head)?;
        transaction.commit()?;
        self.acknowledged = head;
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
            let (found, written) = (fresh.acknowledged.size, self.acknowledged.size);
            let detail = format!("its log has {found} entries, and {written} were written, or its head is another");
            return Err(Error::Damaged { detail });
        }
        fresh.void_refused()?;
        *self = fresh;
        Ok(())
    }

    /// Commits what changes nothing, in the place of refused frames.
    fn void_refused(&self) -> Result<()> {
        let done = Transaction::begin(&self.connection).and_then(|transaction| {
            // The number that is there already, but its page is written.
            self.connection.pragma_update(None, "user_version", schema::FORMAT)?;
            transaction.commit()
        });
        done.map_err(|e| error::sqlite(&self.path, "write to the database", &e))
    }

    fn truncate_log(&self) -> Result<()> {
        let done = self.connection.wal_checkpoint_v2(Some(MAIN_DB), CheckpointMode::TRUNCATE);
        done.map(drop).map_err(|e| error::sqlite(&self.path, "empty the write-ahead log", &e))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use keyward_store::LogEntry;
    use keyward_store::conformance::{HashChain, KeyedMac};

    use super::*;
    use crate::create::{self, with_suffix};

    fn commit(writer: &mut Writer, text: &str) -> Result<Committed> {
        let batch: Batch = Batch::record(LogEntry { public: text.into(), private: Vec::new() });
        writer.apply(&[batch], &KeyedMac(7), &HashChain, &|| 0).remove(0)
    }

    /// The frames of a group that was refused after all of it was written: its flush failed.
    #[test]
    fn refused_frames_are_voided_while_somebody_reads() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        create::create(&path).unwrap();
        let mut writer = Writer::open(&path).unwrap();
        commit(&mut writer, "acknowledged").unwrap();
        let reader = connection::reader(&path, false).unwrap();
        reader.execute_batch("BEGIN").unwrap();
        assert_eq!(rows::log_head(&reader).unwrap().size, 1);

        let (log, before) = (with_suffix(&path, "-wal"), fs::read(with_suffix(&path, "-wal")).unwrap());
        let refused = {
            let aside = folder.path().join("aside.db");
            fs::copy(&path, &aside).unwrap();
            fs::write(with_suffix(&aside, "-wal"), &before).unwrap();
            let mut other = Writer::open(&aside).unwrap();
            commit(&mut other, "refused").unwrap();
            fs::read(with_suffix(&aside, "-wal")).unwrap()
        };
        assert!(refused.starts_with(&before), "the refused frames follow on the acknowledged ones");
        fs::write(&log, &refused).unwrap();
        let crashed = |name: &str| {
            let copy = folder.path().join(name);
            fs::copy(&path, &copy).unwrap();
            fs::copy(&log, with_suffix(&copy, "-wal")).unwrap();
            rows::log_head(&connection::writer(&copy).unwrap()).unwrap().size
        };
        assert_eq!(crashed("before.db"), 2, "a recovery takes them for committed");

        writer.suspect = true;
        let begin = std::time::Instant::now();
        writer.recover().unwrap();
        assert_eq!(crashed("after.db"), 1, "no more");
        commit(&mut writer, "later").unwrap();
        assert!(begin.elapsed() < connection::BUSY_TIMEOUT / 2, "nobody waited for the reader");
        assert_eq!(rows::log_head(&reader).unwrap().size, 1);
        let texts = rows::log(&writer.connection, 0, 9).unwrap().into_iter().map(|row| row.public);
        assert_eq!(texts.collect::<Vec<_>>(), [&b"acknowledged"[..], b"later"]);
        drop(reader);
        writer.close().unwrap();
        assert_eq!(fs::metadata(&log).unwrap().len(), 0);
    }
}
