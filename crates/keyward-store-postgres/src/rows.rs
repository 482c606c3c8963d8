//! Reading rows. What cannot be decoded is handed on as such: the store names it as tampered. Where
//! there is no record to name, it is an error.

use keyward_store::{
    Error, Head, IndexHit, IndexRow, KeyRange, LogRow, Record, StoredRecord, Tombstone, decode_indexes,
};
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, ToSql};

use crate::error::Failed;
use crate::session::Session;

/// The records of a range, by one of four statements.
macro_rules! select_range {
    ($lower:literal, $upper:literal) => {
        concat!(
            "SELECT key, generation, value, indexes, mac FROM record WHERE collection = $1 AND key ",
            $lower,
            " $2 ",
            $upper,
            " ORDER BY key LIMIT $3"
        )
    };
}
type Result<T> = std::result::Result<T, Failed>;

pub(crate) fn header(session: &Session) -> Result<Option<Vec<u8>>> {
    let rows = all(session, "SELECT bytes FROM header WHERE id = 0", &[])?;
    rows.first().map(|row| column(row, 0)).transpose()
}

pub(crate) fn meta(session: &Session, name: &str) -> Result<Option<Vec<u8>>> {
    let rows = all(session, "SELECT value FROM meta WHERE name = 'copy/' || $1", &[&name])?;
    rows.first().map(|row| column(row, 0)).transpose()
}

pub(crate) fn get(session: &Session, collection: &str, key: &[u8]) -> Result<Option<StoredRecord>> {
    let sql = "SELECT key, generation, value, indexes, mac FROM record WHERE collection = $1 AND key = $2";
    let rows = all(session, sql, &[&collection, &key])?;
    Ok(rows.first().map(|row| stored(row, 0)))
}

pub(crate) fn by_index(session: &Session, collection: &str, index: &str, value: &[u8]) -> Result<Vec<IndexHit>> {
    let sql = "SELECT i.key, r.key, r.generation, r.value, r.indexes, r.mac FROM record_index i \
        LEFT JOIN record r ON r.collection = i.collection AND r.key = i.key \
        WHERE i.collection = $1 AND i.name = $2 AND i.value = $3 ORDER BY i.key";
    let hit = |row: &Row| {
        let there = column::<Option<&[u8]>>(row, 1)?.is_some();
        Ok(IndexHit { key: column(row, 0)?, stored: there.then(|| stored(row, 1)) })
    };
    all(session, sql, &[&collection, &index, &value])?.iter().map(hit).collect()
}

pub(crate) fn scan(
    session: &Session,
    collection: &str,
    range: &KeyRange,
    after: Option<&[u8]>,
    limit: usize,
) -> Result<Vec<StoredRecord>> {
    let after = after.filter(|&after| after >= range.start());
    let start = after.unwrap_or(range.start());
    let (collection, limit): (&(dyn ToSql + Sync), _) = (&collection, limit_of(limit));
    let rows = match (after.is_some(), range.end()) {
        (false, None) => all(session, select_range!(">=", ""), &[collection, &start, &limit]),
        (true, None) => all(session, select_range!(">", ""), &[collection, &start, &limit]),
        (false, Some(end)) => all(session, select_range!(">=", "AND key < $4"), &[collection, &start, &limit, &end]),
        (true, Some(end)) => all(session, select_range!(">", "AND key < $4"), &[collection, &start, &limit, &end]),
    };
    Ok(rows?.iter().map(|row| stored(row, 0)).collect())
}

pub(crate) fn rows(
    session: &Session,
    after: Option<(&str, &[u8])>,
    limit: usize,
) -> Result<Vec<(String, StoredRecord)>> {
    let limit = limit_of(limit);
    let rows = match after {
        None => {
            let sql = "SELECT collection, key, generation, value, indexes, mac FROM record \
                ORDER BY collection, key LIMIT $1";
            all(session, sql, &[&limit])
        }
        Some((collection, key)) => {
            let sql = "SELECT collection, key, generation, value, indexes, mac FROM record \
                WHERE (collection, key) > ($2, $3) ORDER BY collection, key LIMIT $1";
            all(session, sql, &[&limit, &collection, &key])
        }
    };
    rows?.iter().map(|row| Ok((column(row, 0)?, stored(row, 1)))).collect()
}

pub(crate) fn index_rows(session: &Session, after: Option<&IndexRow>, limit: usize) -> Result<Vec<IndexRow>> {
    let limit = limit_of(limit);
    let rows = match after {
        None => {
            let sql = "SELECT collection, name, value, key FROM record_index \
                ORDER BY collection, name, value, key LIMIT $1";
            all(session, sql, &[&limit])
        }
        Some(IndexRow { collection, index, value, key }) => {
            let sql = "SELECT collection, name, value, key FROM record_index \
                WHERE (collection, name, value, key) > ($2, $3, $4, $5) \
                ORDER BY collection, name, value, key LIMIT $1";
            all(session, sql, &[&limit, collection, index, value, key])
        }
    };
    let to_row = |row: &Row| {
        let (collection, index) = (column(row, 0)?, column(row, 1)?);
        Ok(IndexRow { collection, index, value: column(row, 2)?, key: column(row, 3)? })
    };
    rows?.iter().map(to_row).collect()
}

pub(crate) fn log_head(session: &Session) -> Result<Head> {
    let rows = all(session, "SELECT size, state FROM log_head WHERE id = 0", &[])?;
    head_of(rows.first())
}

/// The head in the columns size, state of its one row.
pub(crate) fn head_of(row: Option<&Row>) -> Result<Head> {
    let damaged = |detail: &str| Failed::Refused(Error::Damaged { detail: detail.into() });
    let row = row.ok_or_else(|| damaged("the log has no head"))?;
    let size = u64::try_from(column::<i64>(row, 0)?).map_err(|_| damaged("the log's head is out of range"))?;
    Ok(Head { size, state: column(row, 1)? })
}

pub(crate) fn log(session: &Session, first: u64, limit: usize) -> Result<Vec<LogRow>> {
    let Ok(first) = i64::try_from(first) else { return Ok(Vec::new()) };
    let sql = "SELECT idx, public, private FROM log WHERE idx >= $1 ORDER BY idx LIMIT $2";
    let to_row = |row: &Row| {
        // From `first`, which is not negative, upwards.
        let index = column::<i64>(row, 0)?.unsigned_abs();
        Ok(LogRow { index, public: column(row, 1)?, private: column(row, 2)? })
    };
    all(session, sql, &[&first, &limit_of(limit)])?.iter().map(to_row).collect()
}

pub(crate) fn tombstones(session: &Session, after: Option<(&str, &[u8])>, limit: usize) -> Result<Vec<Tombstone>> {
    let limit = limit_of(limit);
    let rows = match after {
        None => {
            let sql = "SELECT collection, key, generation FROM deleted ORDER BY collection, key LIMIT $1";
            all(session, sql, &[&limit])
        }
        Some((collection, key)) => {
            let sql = "SELECT collection, key, generation FROM deleted WHERE (collection, key) > ($2, $3) \
                ORDER BY collection, key LIMIT $1";
            all(session, sql, &[&limit, &collection, &key])
        }
    };
    let to_row = |row: &Row| {
        // A generation that is none is not taken for a low one: the key comes back to no old row.
        let generation = readable::<i64>(row, 2).and_then(|found| u64::try_from(found).ok()).unwrap_or(u64::MAX);
        Ok(Tombstone { collection: column(row, 0)?, key: column(row, 1)?, generation })
    };
    rows?.iter().map(to_row).collect()
}

fn all(session: &Session, sql: &'static str, parameters: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>> {
    session.run(session.query(sql, parameters))
}

/// The record in the columns key, generation, value, indexes, mac from `first` on.
fn stored(row: &Row, first: usize) -> StoredRecord {
    let (key, value) = (readable(row, first), readable(row, first + 2));
    let generation = readable::<i64>(row, first + 1).and_then(|found| u64::try_from(found).ok());
    let indexes = readable(row, first + 3).and_then(|encoded| decode_indexes(encoded).ok());
    let mac = readable::<&[u8]>(row, first + 4).and_then(|mac| mac.try_into().ok());
    let legible = key.is_some() && value.is_some() && generation.is_some() && indexes.is_some();
    let record = Record {
        key: key.unwrap_or_default(),
        generation: generation.unwrap_or_default(),
        value: value.unwrap_or_default(),
        indexes: indexes.unwrap_or_default(),
    };
    StoredRecord { record, mac: mac.filter(|_| legible) }
}

/// A column of a row that cannot be done without.
pub(crate) fn column<'a, T: FromSql<'a>>(row: &'a Row, at: usize) -> Result<T> {
    row.try_get(at).map_err(|error| Failed::of("read a row", &error))
}

/// The same where the store can name what is altered: none for NULL, or a value of another type.
pub(crate) fn readable<'a, T: FromSql<'a>>(row: &'a Row, at: usize) -> Option<T> {
    row.try_get(at).ok()
}

fn limit_of(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
