//! The tables, all in one schema of their own, and how a schema is known to be ours.

use keyward_store::{Error, Result};

use crate::error::Failed;
use crate::session::Session;
use crate::{check, rows};

/// Format of the tables (`meta` row `format`, in text).
pub(crate) const FORMAT: u32 = 1;

/// Every table. Names of collections and indexes are compared byte by byte; ciphertext is not
/// compressed again. The head of the log stays on one page, whose old rows are cleaned as it is used.
pub(crate) const TABLES: &str = "\
    CREATE TABLE meta (name text COLLATE \"C\" PRIMARY KEY, value bytea NOT NULL); \
    CREATE TABLE header (id integer PRIMARY KEY CHECK (id = 0), bytes bytea NOT NULL); \
    CREATE TABLE record (\
        collection text COLLATE \"C\" NOT NULL, key bytea NOT NULL, generation bigint NOT NULL, \
        value bytea NOT NULL, indexes bytea NOT NULL, mac bytea NOT NULL, PRIMARY KEY (collection, key)); \
    ALTER TABLE record ALTER value SET STORAGE EXTERNAL; \
    CREATE TABLE deleted (\
        collection text COLLATE \"C\" NOT NULL, key bytea NOT NULL, generation bigint NOT NULL, \
        PRIMARY KEY (collection, key)); \
    CREATE TABLE record_index (\
        collection text COLLATE \"C\" NOT NULL, name text COLLATE \"C\" NOT NULL, value bytea NOT NULL, \
        key bytea NOT NULL, PRIMARY KEY (collection, name, value, key)); \
    CREATE TABLE log (idx bigint PRIMARY KEY, public bytea NOT NULL, private bytea NOT NULL, mark bytea); \
    ALTER TABLE log ALTER public SET STORAGE EXTERNAL, ALTER private SET STORAGE EXTERNAL; \
    CREATE TABLE log_head (\
        id integer PRIMARY KEY CHECK (id = 0), size bigint NOT NULL, state bytea) WITH (fillfactor = 20); \
    ALTER TABLE log_head ALTER state SET STORAGE MAIN; \
    INSERT INTO log_head (id, size) VALUES (0, 0); \
    CREATE TABLE change (\
        collection text COLLATE \"C\" PRIMARY KEY, size bigint NOT NULL) WITH (fillfactor = 20); \
    CREATE TABLE lease (\
        job text COLLATE \"C\" PRIMARY KEY, holder text NOT NULL, epoch bigint NOT NULL, \
        until timestamptz NOT NULL);";

/// Names of the tables.
pub(crate) const NAMES: &[&str] =
    &["change", "deleted", "header", "lease", "log", "log_head", "meta", "record", "record_index"];

/// What the tables consist of, as the database's catalogue has it.
pub(crate) const PARTS: &[&str] = &[
    "change PRIMARY KEY (collection)",
    "change.collection text collate C not null",
    "change.size bigint not null",
    "deleted PRIMARY KEY (collection, key)",
    "deleted.collection text collate C not null",
    "deleted.generation bigint not null",
    "deleted.key bytea not null",
    "header CHECK ((id = 0))",
    "header PRIMARY KEY (id)",
    "header.bytes bytea not null",
    "header.id integer not null",
    "lease PRIMARY KEY (job)",
    "lease.epoch bigint not null",
    "lease.holder text not null",
    "lease.job text collate C not null",
    "lease.until timestamp with time zone not null",
    "log PRIMARY KEY (idx)",
    "log.idx bigint not null",
    "log.mark bytea",
    "log.private bytea not null",
    "log.public bytea not null",
    "log_head CHECK ((id = 0))",
    "log_head PRIMARY KEY (id)",
    "log_head.id integer not null",
    "log_head.size bigint not null",
    "log_head.state bytea",
    "meta PRIMARY KEY (name)",
    "meta.name text collate C not null",
    "meta.value bytea not null",
    "record PRIMARY KEY (collection, key)",
    "record.collection text collate C not null",
    "record.generation bigint not null",
    "record.indexes bytea not null",
    "record.key bytea not null",
    "record.mac bytea not null",
    "record.value bytea not null",
    "record_index PRIMARY KEY (collection, name, value, key)",
    "record_index.collection text collate C not null",
    "record_index.key bytea not null",
    "record_index.name text collate C not null",
    "record_index.value bytea not null",
];

/// Makes the schema and its tables, which must not be there.
pub(crate) fn create(session: &Session, schema: &str, shown: &str) -> Result<(), Failed> {
    if found_tables(session)? > 0 {
        return Err(Failed::Refused(Error::Exists { path: shown.into() }));
    }
    check_server(session)?;
    let sql = format!(
        "BEGIN; CREATE SCHEMA IF NOT EXISTS \"{schema}\"; {TABLES} \
         INSERT INTO meta (name, value) VALUES ('format', '{FORMAT}'); COMMIT;"
    );
    session.run(session.client.batch_execute(&sql))
}

/// Refuses schemas that are not ours, from the future or altered, and servers that do not keep what
/// they acknowledge.
pub(crate) fn check(session: &Session, shown: &str) -> Result<(), Failed> {
    match found_tables(session)? {
        0 => return Err(Failed::Refused(Error::NotFound { path: shown.into() })),
        found if found == NAMES.len() as i64 => {}
        _ => return Err(Failed::Refused(Error::Foreign { path: shown.into() })),
    }
    check_server(session)?;
    let rows = session.run(session.query("SELECT value FROM meta WHERE name = 'format'", &[]))?;
    let text = rows.first().and_then(|row| rows::readable::<Vec<u8>>(row, 0));
    let format = text.and_then(|text| String::from_utf8(text).ok()?.parse::<u32>().ok());
    match format {
        Some(format) if format <= FORMAT => {}
        Some(found) => return Err(Failed::Refused(Error::FutureFormat { found, known: FORMAT })),
        None => return Err(Failed::Refused(Error::Foreign { path: shown.into() })),
    }
    match check::structure(session)?.join("; ") {
        sound if sound.is_empty() => Ok(()),
        detail => Err(Failed::Refused(Error::Damaged { detail })),
    }
}

fn found_tables(session: &Session) -> Result<i64, Failed> {
    let sql = "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
        WHERE n.nspname = (parse_ident(current_setting('search_path')))[1] AND c.relkind = 'r' AND c.relname = ANY ($1)";
    let rows = session.run(session.query(sql, &[&NAMES]))?;
    Ok(rows.first().map_or(0, |row| row.get(0)))
}

fn check_server(session: &Session) -> Result<(), Failed> {
    let sql = "SELECT current_setting('server_version_num')::int, current_setting('fsync'), \
        current_setting('full_page_writes'), current_setting('server_encoding')";
    let rows = session.run(session.query(sql, &[]))?;
    let Some(row) = rows.first() else { return Ok(()) };
    let text = |column: usize| row.get::<_, String>(column);
    let detail = if row.get::<_, i32>(0) < 130_000 {
        "PostgreSQL 13 or newer is needed"
    } else if text(1) != "on" || text(2) != "on" {
        "its settings `fsync` and `full_page_writes` must be on: what is acknowledged must be durable"
    } else if text(3) != "UTF8" {
        "it must be a database in UTF8"
    } else {
        return Ok(());
    };
    Err(Failed::Refused(Error::Io { action: "use the database".into(), detail: detail.into() }))
}
