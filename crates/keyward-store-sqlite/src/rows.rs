//! Reading rows. What cannot be decoded is handed on as such: the store names it as tampered. Names
//! that are no text are an error: pages are asked for by them, and would never end.

use keyward_store::{Head, IndexHit, IndexRow, KeyRange, LogRow, Record, StoredRecord, Tombstone, decode_indexes};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Params, Result, Row, params};

pub(crate) fn header(connection: &Connection) -> Result<Option<Vec<u8>>> {
    let mut statement = connection.prepare_cached("SELECT bytes FROM header WHERE id = 0")?;
    statement.query_row([], |row| row.get(0)).optional()
}

pub(crate) fn meta(connection: &Connection, name: &str) -> Result<Option<Vec<u8>>> {
    let mut statement = connection.prepare_cached("SELECT value FROM meta WHERE name = ?1")?;
    statement.query_row([name], |row| row.get(0)).optional()
}

pub(crate) fn get(connection: &Connection, collection: &str, key: &[u8]) -> Result<Option<StoredRecord>> {
    let mut statement = connection
        .prepare_cached("SELECT key, generation, value, indexes, mac FROM record WHERE collection = ?1 AND key = ?2")?;
    statement.query_row(params![collection, key], |row| Ok(stored(row, 0))).optional()
}

pub(crate) fn by_index(connection: &Connection, collection: &str, index: &str, value: &[u8]) -> Result<Vec<IndexHit>> {
    let mut statement = connection.prepare_cached(
        "SELECT i.key, r.key, r.generation, r.value, r.indexes, r.mac FROM record_index i \
         LEFT JOIN record r ON r.collection = i.collection AND r.key = i.key \
         WHERE i.collection = ?1 AND i.name = ?2 AND i.value = ?3 ORDER BY i.key",
    )?;
    let hits = statement.query_map(params![collection, index, value], |row| {
        let there = row.get_ref(1)? != ValueRef::Null;
        Ok(IndexHit { key: bytes(row, 0), stored: there.then(|| stored(row, 1)) })
    })?;
    hits.collect()
}

pub(crate) fn scan(
    connection: &Connection,
    collection: &str,
    range: &KeyRange,
    after: Option<&[u8]>,
    limit: usize,
) -> Result<Vec<StoredRecord>> {
    let after = after.filter(|&after| after >= range.start());
    let start = after.unwrap_or(range.start());
    let lower = if after.is_some() { ">" } else { ">=" };
    let upper = if range.end().is_some() { "AND key < ?4" } else { "AND ?4 IS NULL" };
    let sql = format!(
        "SELECT key, generation, value, indexes, mac FROM record \
         WHERE collection = ?1 AND key {lower} ?2 {upper} ORDER BY key LIMIT ?3"
    );
    let params = params![collection, start, limit_of(limit), range.end()];
    all(connection, &sql, params, |row| Ok(stored(row, 0)))
}

pub(crate) fn rows(
    connection: &Connection,
    after: Option<(&str, &[u8])>,
    limit: usize,
) -> Result<Vec<(String, StoredRecord)>> {
    let to_row = |row: &Row<'_>| Ok((row.get(0)?, stored(row, 1)));
    let limit = limit_of(limit);
    let Some((collection, key)) = after else {
        let sql = "SELECT collection, key, generation, value, indexes, mac FROM record \
            ORDER BY collection, key LIMIT ?1";
        return all(connection, sql, params![limit], to_row);
    };
    let sql = "SELECT collection, key, generation, value, indexes, mac FROM record \
        WHERE (collection, key) > (?2, ?3) ORDER BY collection, key LIMIT ?1";
    all(connection, sql, params![limit, collection, key], to_row)
}

pub(crate) fn index_rows(connection: &Connection, after: Option<&IndexRow>, limit: usize) -> Result<Vec<IndexRow>> {
    let to_row = |row: &Row<'_>| {
        Ok(IndexRow { collection: row.get(0)?, index: row.get(1)?, value: bytes(row, 2), key: bytes(row, 3) })
    };
    let limit = limit_of(limit);
    let Some(IndexRow { collection, index, value, key }) = after else {
        let sql = "SELECT collection, name, value, key FROM record_index ORDER BY 1, 2, 3, 4 LIMIT ?1";
        return all(connection, sql, params![limit], to_row);
    };
    let sql = "SELECT collection, name, value, key FROM record_index \
        WHERE (collection, name, value, key) > (?2, ?3, ?4, ?5) ORDER BY 1, 2, 3, 4 LIMIT ?1";
    all(connection, sql, params![limit, collection, index, value, key], to_row)
}

pub(crate) fn tombstones(
    connection: &Connection,
    after: Option<(&str, &[u8])>,
    limit: usize,
) -> Result<Vec<Tombstone>> {
    let to_row = |row: &Row<'_>| {
        // A generation that is none is not taken for a low one: the key comes back to no old row.
        let generation = u64::try_from(row.get::<_, i64>(2)?).unwrap_or(u64::MAX);
        Ok(Tombstone { collection: row.get(0)?, key: bytes(row, 1), generation })
    };
    let limit = limit_of(limit);
    let Some((collection, key)) = after else {
        let sql = "SELECT collection, key, generation FROM deleted ORDER BY collection, key LIMIT ?1";
        return all(connection, sql, params![limit], to_row);
    };
    let sql = "SELECT collection, key, generation FROM deleted \
        WHERE (collection, key) > (?2, ?3) ORDER BY collection, key LIMIT ?1";
    all(connection, sql, params![limit, collection, key], to_row)
}

pub(crate) fn log_head(connection: &Connection) -> Result<Head> {
    let mut statement = connection.prepare_cached("SELECT size, state FROM log_head WHERE id = 0")?;
    statement.query_row([], |row| {
        let size: i64 = row.get(0)?;
        let size = u64::try_from(size).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(0, size))?;
        Ok(Head { size, state: row.get(1)? })
    })
}

pub(crate) fn log(connection: &Connection, first: u64, limit: usize) -> Result<Vec<LogRow>> {
    let Ok(first) = i64::try_from(first) else { return Ok(Vec::new()) };
    let sql = "SELECT idx, public, private FROM log WHERE idx >= ?1 ORDER BY idx LIMIT ?2";
    all(connection, sql, params![first, limit_of(limit)], |row| {
        // From `first`, which is not negative, upwards.
        let index = row.get::<_, i64>(0)?.unsigned_abs();
        Ok(LogRow { index, public: bytes(row, 1), private: bytes(row, 2) })
    })
}

fn all<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnMut(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    connection.prepare_cached(sql)?.query_map(params, read)?.collect()
}

/// The record in the columns key, generation, value, indexes, mac from `first` on.
fn stored(row: &Row<'_>, first: usize) -> StoredRecord {
    let generation = row.get_ref(first + 1).ok().and_then(|value| value.as_i64().ok());
    let generation = generation.and_then(|generation| u64::try_from(generation).ok());
    let indexes = row.get_ref(first + 3).ok().and_then(|value| value.as_blob().ok());
    let indexes = indexes.and_then(|blob| decode_indexes(blob).ok());
    let value = row.get_ref(first + 2).ok().and_then(|value| value.as_blob().ok());
    let mac = row.get_ref(first + 4).ok().and_then(|value| value.as_blob().ok()?.try_into().ok());
    let legible = generation.is_some() && indexes.is_some() && value.is_some();
    let record = Record {
        key: bytes(row, first),
        generation: generation.unwrap_or_default(),
        value: value.unwrap_or_default().to_vec(),
        indexes: indexes.unwrap_or_default(),
    };
    StoredRecord { record, mac: mac.filter(|_| legible) }
}

/// A blob; of a column that holds something else, nothing.
fn bytes(row: &Row<'_>, column: usize) -> Vec<u8> {
    match row.get_ref(column) {
        Ok(ValueRef::Blob(bytes) | ValueRef::Text(bytes)) => bytes.to_vec(),
        _ => Vec::new(),
    }
}

fn limit_of(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
