//! Connections: how each is opened, and what it refuses.

use std::path::{Path, PathBuf};
use std::time::Duration;

use keyward_store::{Error, Result};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::create::with_suffix;
use crate::{error, schema};

/// A connection that may write.
pub(crate) fn writer(path: &Path) -> Result<Connection> {
    let failed = |e: rusqlite::Error| error::sqlite(path, "open the database", &e);
    let connection = open(path)?;
    if connection.is_readonly(rusqlite::MAIN_DB).map_err(failed)? {
        return Err(error::read_only(path));
    }
    check_format(&connection, path)?;
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(failed)?;
    if mode != "wal" {
        return Err(Error::Io { action: "open the database".into(), detail: format!("journal mode is `{mode}`") });
    }
    // Pages of a group's random keys stay at hand; more of them the system keeps.
    connection
        .execute_batch("PRAGMA synchronous = FULL; PRAGMA cache_size = -2048; PRAGMA journal_size_limit = 16777216;")
        .map_err(failed)?;
    Ok(connection)
}

/// A connection that only reads, through a mapping of the file where `mapped`.
pub(crate) fn reader(path: &Path, mapped: bool) -> Result<Connection> {
    let connection = open(path)?;
    let failed = |e: rusqlite::Error| error::sqlite(path, "open the database", &e);
    // Some of them stay open: what a process asks for again and again, it remembers above us.
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = -256;").map_err(failed)?;
    if mapped {
        connection.execute_batch("PRAGMA mmap_size = 1073741824;").map_err(failed)?;
    }
    Ok(connection)
}

/// A connection to a file that is not checked yet, nor known to be in WAL mode.
pub(crate) fn open(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connect = || {
        let connection = Connection::open_with_flags_and_vfs(absolute(path), flags, VFS)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.set_prepared_statement_cache_capacity(32);
        for (config, on) in CONFIGS {
            connection.set_db_config(*config, *on)?;
        }
        connection.execute_batch(PRAGMAS)?;
        Ok(connection)
    };
    connect().map_err(|e| error::sqlite(path, "open the database", &e))
}

/// Refuses files that are not ours, from the future, or not as we made them.
pub(crate) fn check_format(connection: &Connection, path: &Path) -> Result<()> {
    let failed = |e: rusqlite::Error| error::sqlite(path, "read the database", &e);
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(failed);
    if pragma("application_id")? != i64::from(schema::APPLICATION_ID) {
        return Err(Error::Foreign { path: error::show(path) });
    }
    let found = u32::try_from(pragma("user_version")?).unwrap_or(u32::MAX);
    if found > schema::FORMAT {
        return Err(Error::FutureFormat { found, known: schema::FORMAT });
    }
    check_tables(connection).map_err(failed)??;
    // SQLite reads what is missing of the last page as zeros. After a crash the log beside the file
    // has that page; without one the file was cut.
    let length = |path: &Path| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    let page = u64::try_from(pragma("page_size")?).unwrap_or(0).max(1);
    if length(path) % page != 0 && length(&with_suffix(path, "-wal")) == 0 {
        return Err(Error::Damaged { detail: "it ends within a page".into() });
    }
    Ok(())
}

fn check_tables(connection: &Connection) -> rusqlite::Result<Result<()>> {
    let mut found = connection.prepare("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")?;
    let found = found.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let found: Vec<(String, String)> = found.collect::<rusqlite::Result<_>>()?;
    let expected = schema::TABLES.iter().map(|&(name, sql)| (name.to_owned(), sql.to_owned()));
    if expected.eq(found) {
        return Ok(Ok(()));
    }
    Ok(Err(Error::Damaged { detail: "its tables are not as keyward makes them".into() }))
}

/// SQLite takes a relative name that begins with `file:` for a URI; an absolute one never.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.into())
}

/// One process owns the file (see [`crate::Lock`]) for as long as any of its connections is open, and keeps
/// the index of the write-ahead log in its own memory: a commit takes no lock of the system, where it took
/// six, and opening makes no third file. [`crate::Lock`] keeps our own processes apart; SQLite's lock keeps out
/// strangers, and like every POSIX lock it goes when this process opens and closes the file by other means.
#[cfg(unix)]
const VFS: &str = "unix-excl";
#[cfg(not(unix))]
const VFS: &str = "win32";

/// Two processes at one file wait for each other this long.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Nothing that lies in the file may act: no triggers, no views, no functions from its schema. The
/// log is emptied into the database by us, not by whichever connection closes last.
const CONFIGS: &[(DbConfig, bool)] = &[
    (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
    (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
    (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
    (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
    (DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true),
];

const PRAGMAS: &str = "PRAGMA temp_store = MEMORY; PRAGMA secure_delete = ON; PRAGMA mmap_size = 0; \
    PRAGMA cell_size_check = ON; PRAGMA wal_autocheckpoint = 0;";
