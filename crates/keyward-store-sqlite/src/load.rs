//! Filling an empty database from another store.

use std::path::Path;

use keyward_store::{Error, Head, Page, Reads, Result, StoredRecord, encode_indexes, transfer};
use rusqlite::{Connection, Params, params};

use crate::error;
use crate::transaction::Failure;

/// Writes all that `source` holds, inside an open transaction, and gives the head of the log.
pub(crate) fn fill(connection: &Connection, source: &dyn Reads, path: &Path) -> Result<Head, Failure> {
    let sql = "SELECT EXISTS (SELECT 1 FROM record) OR EXISTS (SELECT 1 FROM deleted) OR EXISTS (SELECT 1 FROM log) \
        OR EXISTS (SELECT 1 FROM header)";
    if connection.query_row(sql, [], |row| row.get(0))? {
        return Err(Failure::Group(Error::Exists { path: error::show(path) }));
    }
    let mut filled = Head::default();
    let loading = Loading { connection, path };
    let done = transfer(source, |page| {
        if let Page::Head(head) = &page {
            filled = head.clone();
        }
        loading.write(page)
    });
    done.map(|()| filled).map_err(Failure::Group)
}

struct Loading<'a> {
    connection: &'a Connection,
    path: &'a Path,
}

impl Loading<'_> {
    fn write(&self, page: Page) -> Result<()> {
        match page {
            Page::Header(header) => self.execute("INSERT INTO header (id, bytes) VALUES (0, ?1)", params![header]),
            Page::Records(rows) => rows.iter().try_for_each(|(collection, stored)| self.record(collection, stored)),
            Page::Tombstones(rows) => rows.iter().try_for_each(|row| {
                let sql = "INSERT INTO deleted (collection, key, generation) VALUES (?1, ?2, ?3)";
                self.execute(sql, params![row.collection, row.key, number(row.generation)?])
            }),
            Page::Log(rows) => rows.iter().try_for_each(|row| {
                let sql = "INSERT INTO log (idx, public, private) VALUES (?1, ?2, ?3)";
                self.execute(sql, params![number(row.index)?, row.public, row.private])
            }),
            Page::Head(head) => {
                let sql = "UPDATE log_head SET size = ?1, state = ?2 WHERE id = 0";
                self.execute(sql, params![number(head.size)?, head.state])
            }
            other => Err(Error::Damaged { detail: format!("no place for {other:?}") }),
        }
    }

    fn record(&self, collection: &str, stored: &StoredRecord) -> Result<()> {
        let StoredRecord { record, mac } = stored;
        let (sql, generation) = (
            "INSERT INTO record (collection, key, generation, value, indexes, mac) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            number(record.generation)?,
        );
        let indexes = encode_indexes(&record.indexes);
        self.execute(sql, params![collection, record.key, generation, record.value, indexes, mac])?;
        record.indexes.iter().try_for_each(|(name, value)| {
            let sql = "INSERT OR IGNORE INTO record_index (collection, name, value, key) VALUES (?1, ?2, ?3, ?4)";
            self.execute(sql, params![collection, name, value, record.key])
        })
    }

    fn execute(&self, sql: &str, params: impl Params) -> Result<()> {
        let done = self.connection.prepare_cached(sql).and_then(|mut statement| statement.execute(params));
        done.map(drop).map_err(|e| error::sqlite(self.path, "write to the database", &e))
    }
}

fn number(value: u64) -> Result<i64> {
    i64::try_from(value).map_err(|_| Error::Damaged { detail: "a generation or index is out of range".into() })
}
