//! One transaction: a group of batches, their log entries, the head of the log.

use keyward_store::{
    Batch, Change, Committed, Delete, Error, Expect, Head, LogHead, Put, RecordMac, Result, decode_indexes,
    encode_indexes, header_hash,
};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::rows;

/// What ended a transaction.
pub(crate) enum Failure {
    /// One batch cannot be made, and found out too late to leave the others alone: again without it.
    Batch(usize, Error),
    /// Nobody's batch can be made.
    Group(Error),
    /// SQLite failed; the writer says what that means.
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// An open write transaction; dropped without a commit, it is rolled back. Its statements are kept,
/// which the ones of `rusqlite` are not.
pub(crate) struct Transaction<'a> {
    connection: &'a Connection,
}

impl<'a> Transaction<'a> {
    pub(crate) fn begin(connection: &'a Connection) -> rusqlite::Result<Self> {
        // The write lock at once, so that what is read in it stays true until the commit.
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        Ok(Self { connection })
    }

    pub(crate) fn commit(self) -> rusqlite::Result<()> {
        self.connection.prepare_cached("COMMIT")?.execute([]).map(drop)
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if !self.connection.is_autocommit() {
            // SQLite has rolled back by itself where this fails.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
    }
}

/// Makes the changes of a group inside an open transaction.
pub(crate) struct Group<'a> {
    connection: &'a Connection,
    mac: &'a dyn RecordMac,
    at: i64,
    head: Head,
    public: Vec<&'a [u8]>,
}

impl<'a> Group<'a> {
    /// `acknowledged` is the head that the writer knows to have been there.
    pub(crate) fn begin(
        connection: &'a Connection,
        mac: &'a dyn RecordMac,
        at: i64,
        acknowledged: &Head,
    ) -> Result<Self, Failure> {
        let head = rows::log_head(connection)?;
        head.must_follow(acknowledged).map_err(Failure::Group)?;
        Ok(Self { connection, mac, at, head, public: Vec::new() })
    }

    /// Makes one batch, or refuses it alone: the inner error.
    pub(crate) fn make(&mut self, number: usize, batch: &'a Batch) -> Result<Result<Committed>, Failure> {
        let mut found = Found::default();
        for expect in batch.expectations() {
            if !self.holds(expect, &mut found)? {
                return Ok(Err(Error::Conflict(Box::new(expect.clone()))));
            }
        }
        for change in batch.changes() {
            match change {
                Change::Put(put) => self.put(put, &mut found).map_err(|failure| failure.of(number))?,
                Change::Delete(delete) => {
                    found.take(&delete.collection, &delete.key);
                    self.delete(delete)?;
                }
            }
        }
        if let Some(header) = batch.new_header() {
            self.execute("INSERT OR REPLACE INTO header (id, bytes) VALUES (0, ?1)", params![header])?;
        }
        let committed = Committed::by_engine(self.head.size, self.at);
        self.append(batch)?;
        Ok(Ok(committed))
    }

    /// Extends the log's head over what was appended, and gives the new one.
    pub(crate) fn finish(self, head: &dyn LogHead) -> Result<Head, Failure> {
        let Head { size, state } = &self.head;
        let first = size - self.public.len() as u64;
        let extended = head.extend(state.as_deref(), first, &self.public);
        let state = extended.map_err(|reason| Failure::Group(Error::LogHead(reason)))?;
        self.execute("UPDATE log_head SET size = ?1, state = ?2 WHERE id = 0", params![stored_size(*size)?, state])?;
        Ok(Head { size: *size, state: Some(state) })
    }

    /// Has every batch been refused?
    pub(crate) fn is_empty(&self) -> bool {
        self.public.is_empty()
    }

    fn holds(&self, expect: &'a Expect, found: &mut Found<'a>) -> Result<bool, Failure> {
        Ok(match expect {
            Expect::Absent { collection, key } => {
                let before = found.keep(collection, key, self.current_or_deleted(collection, key)?);
                before.is_none_or(|before| before.indexes.is_none())
            }
            Expect::Generation { collection, key, generation } => {
                let before = found.keep(collection, key, self.current_or_deleted(collection, key)?);
                let current = before.filter(|before| before.indexes.is_some());
                current.is_some_and(|current| u64::try_from(current.generation) == Ok(*generation))
            }
            Expect::AbsentIndex { collection, index, value } => !self
                .connection
                .prepare_cached("SELECT 1 FROM record_index WHERE collection = ?1 AND name = ?2 AND value = ?3")?
                .exists(params![collection, index, value])?,
            Expect::Lease { .. } => false,
            Expect::Header { hash } => header_hash(&rows::header(self.connection)?.unwrap_or_default()) == *hash,
        })
    }

    fn put(&self, put: &Put, found: &mut Found<'_>) -> Result<(), PutFailure> {
        let Put { collection, key, value, indexes } = put;
        let before = match found.take(collection, key) {
            Some(before) => before,
            None => self.current_or_deleted(collection, key)?,
        };
        let generation = before.as_ref().map_or(0, |before| before.generation);
        let generation = generation.checked_add(1).filter(|next| *next > 0);
        let generation = generation.ok_or_else(|| tampered(put))?;
        let mac = self.mac.mac(collection, key, generation.unsigned_abs(), value, indexes);
        let encoded = encode_indexes(indexes);
        match &before {
            Some(Before { row, indexes: Some(old), .. }) => {
                self.execute(
                    "UPDATE record SET generation = ?2, value = ?3, indexes = ?4, mac = ?5 WHERE rowid = ?1",
                    params![row, generation, value, encoded, mac],
                )?;
                if *old == encoded {
                    return Ok(());
                }
                self.unlist(collection, key, &decode_indexes(old).map_err(|_| tampered(put))?)?;
            }
            None | Some(Before { indexes: None, .. }) => {
                self.execute(
                    "INSERT INTO record (collection, key, generation, value, indexes, mac) \
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    params![collection, key, generation, value, encoded, mac],
                )?;
                if before.is_some() {
                    self.execute("DELETE FROM deleted WHERE collection = ?1 AND key = ?2", params![collection, key])?;
                }
            }
        }
        Ok(self.list(collection, key, indexes)?)
    }

    fn delete(&self, delete: &Delete) -> Result<(), Failure> {
        let Delete { collection, key } = delete;
        let Some((generation, indexes)) = self.current(collection, key)? else { return Ok(()) };
        self.execute("DELETE FROM record WHERE collection = ?1 AND key = ?2", params![collection, key])?;
        self.execute(
            "INSERT OR REPLACE INTO deleted (collection, key, generation) VALUES (?1, ?2, ?3)",
            params![collection, key, generation],
        )?;
        // Of a row whose indexes cannot be decoded, verification will list what stays behind.
        self.unlist(collection, key, &decode_indexes(&indexes).unwrap_or_default())
    }

    fn append(&mut self, batch: &'a Batch) -> Result<(), Failure> {
        for entry in batch.entries() {
            self.execute(
                "INSERT INTO log (idx, public, private) VALUES (?1, ?2, ?3)",
                params![stored_size(self.head.size)?, entry.public, entry.private],
            )?;
            self.head.size += 1;
            self.public.push(&entry.public);
        }
        Ok(())
    }

    /// Generation and encoded indexes of the record that lies there.
    fn current(&self, collection: &str, key: &[u8]) -> Result<Option<(i64, Vec<u8>)>, Failure> {
        let sql = "SELECT generation, indexes FROM record WHERE collection = ?1 AND key = ?2";
        let mut statement = self.connection.prepare_cached(sql)?;
        Ok(statement.query_row(params![collection, key], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
    }

    /// The same, else the last generation of the record that was deleted there.
    fn current_or_deleted(&self, collection: &str, key: &[u8]) -> Result<Option<Before>, Failure> {
        let sql = "SELECT rowid, generation, indexes FROM record WHERE collection = ?1 AND key = ?2 \
            UNION ALL SELECT 0, generation, NULL FROM deleted WHERE collection = ?1 AND key = ?2 LIMIT 1";
        let mut statement = self.connection.prepare_cached(sql)?;
        let read = |row: &Row<'_>| Ok(Before { row: row.get(0)?, generation: row.get(1)?, indexes: row.get(2)? });
        Ok(statement.query_row(params![collection, key], read).optional()?)
    }

    fn list(&self, collection: &str, key: &[u8], indexes: &[(String, Vec<u8>)]) -> Result<(), Failure> {
        let sql = "INSERT OR IGNORE INTO record_index (collection, name, value, key) VALUES (?1, ?2, ?3, ?4)";
        indexes.iter().try_for_each(|(name, value)| self.execute(sql, params![collection, name, value, key]))
    }

    fn unlist(&self, collection: &str, key: &[u8], indexes: &[(String, Vec<u8>)]) -> Result<(), Failure> {
        let sql = "DELETE FROM record_index WHERE collection = ?1 AND name = ?2 AND value = ?3 AND key = ?4";
        indexes.iter().try_for_each(|(name, value)| self.execute(sql, params![collection, name, value, key]))
    }

    fn execute(&self, sql: &str, params: impl rusqlite::Params) -> Result<(), Failure> {
        self.connection.prepare_cached(sql)?.execute(params)?;
        Ok(())
    }
}

/// What a batch's expectations found, for the changes that follow on them: whoever expects a record
/// mostly replaces it.
#[derive(Default)]
struct Found<'a>(Vec<(&'a str, &'a [u8], Option<Before>)>);

impl<'a> Found<'a> {
    fn keep(&mut self, collection: &'a str, key: &'a [u8], before: Option<Before>) -> Option<&Before> {
        self.0.push((collection, key, before));
        self.0.last().and_then(|(_, _, before)| before.as_ref())
    }

    /// Once: after the first change of a key, something else lies there.
    fn take(&mut self, collection: &str, key: &[u8]) -> Option<Option<Before>> {
        let mut taken = None;
        self.0.retain_mut(|(of, at, before)| {
            let same = *of == collection && *at == key;
            if same {
                taken = Some(before.take());
            }
            !same
        });
        taken
    }
}

/// What lies, or lay, under the key of a put.
struct Before {
    row: i64,
    generation: i64,
    /// Encoded; none when the record was deleted.
    indexes: Option<Vec<u8>>,
}

/// Why a put failed: by its own row, or by SQLite.
enum PutFailure {
    Row(Error),
    Other(Failure),
}

impl PutFailure {
    fn of(self, number: usize) -> Failure {
        match self {
            Self::Row(error) => Failure::Batch(number, error),
            Self::Other(failure) => failure,
        }
    }
}

impl From<Failure> for PutFailure {
    fn from(failure: Failure) -> Self {
        Self::Other(failure)
    }
}

fn tampered(put: &Put) -> PutFailure {
    PutFailure::Row(Error::Tampered { collection: put.collection.clone(), key: put.key.clone() })
}

fn stored_size(size: u64) -> Result<i64, Failure> {
    i64::try_from(size).map_err(|_| Failure::Group(Error::Damaged { detail: "the log's head is out of range".into() }))
}
