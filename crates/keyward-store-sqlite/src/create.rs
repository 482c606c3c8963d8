//! Files: a new database, one put back from a backup, one set aside.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Read;
use std::path::{Path, PathBuf};

use keyward_store::{Error, Result};
use rusqlite::Connection;
use rusqlite::wal::CheckpointMode;

use crate::{connection, error, filesystem, schema};

/// Makes an empty database at `path`, which must not exist, and its folder where that is missing.
pub(crate) fn create(path: &Path) -> Result<()> {
    prepare(path)?;
    let draft = draft_of(path);
    private_file(&draft)?;
    let made = connection::open(&draft).and_then(|connection| fill(&connection, &draft));
    publish(&draft, path, made)
}

/// Puts a backup in the place of a missing database, after checking that it is a sound one.
///
/// # Errors
/// [`Error::Exists`] when there is a database at `path` ([`set_aside`] it first); what is wrong with
/// the backup.
pub fn restore(backup: &Path, path: &Path) -> Result<()> {
    prepare(path)?;
    let draft = draft_of(path);
    let copied = copy(backup, &draft).and_then(|()| {
        // A plain copy of a database that was in use has its latest commits beside it.
        let log = with_suffix(backup, "-wal");
        if log.exists() { copy(&log, &with_suffix(&draft, "-wal")) } else { Ok(()) }
    });
    let checked = copied.and_then(|()| check_copy(&draft, backup));
    publish(&draft, path, checked)
}

/// Moves a database and its write-ahead log aside, and returns where the database lies now. Nobody
/// may have it open.
///
/// # Errors
/// When a file cannot be renamed.
pub fn set_aside(path: &Path) -> Result<PathBuf> {
    let aside = (1..).map(|n| with_suffix(path, &format!(".aside-{n}"))).find(|aside| !aside.exists());
    let aside = aside.expect("some number is free");
    empty_log(path);
    // The database first: without its log it would be an older one, and must not be taken for ours.
    for suffix in ["", "-wal", "-shm"] {
        let from = with_suffix(path, suffix);
        match fs::rename(&from, with_suffix(&aside, suffix)) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && !suffix.is_empty() => {}
            done => done.map_err(|e| error::system(&from, "set aside", &e))?,
        }
    }
    sync_folder(path)?;
    Ok(aside)
}

/// Empties what a killed process left in the log into the database, so that a power failure between two
/// renames cannot part them. Where it fails, the database is damaged, and goes aside as it is.
fn empty_log(path: &Path) {
    if fs::metadata(with_suffix(path, "-wal")).is_ok_and(|log| log.len() > 0)
        && let Ok(connection) = connection::open(path)
        && connection::check_format(&connection, path).is_ok()
    {
        let _ = connection.wal_checkpoint_v2(Some(rusqlite::MAIN_DB), CheckpointMode::TRUNCATE);
    }
}

/// Makes a file that only its owner can read; it must not exist.
pub(crate) fn private_file(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|e| error::system(path, "create", &e))
}

/// Makes a new or renamed file survive a power failure.
pub(crate) fn sync_folder(path: &Path) -> Result<()> {
    let folder = folder_of(path);
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|e| error::system(folder, "flush", &e))
}

/// Takes rights of others from a database of ours that was copied here with them, before it is opened:
/// SQLite makes the files beside it with the same rights.
pub(crate) fn take_back_rights(path: &Path) -> Result<()> {
    // What is not ours is refused later, and stays as it is.
    if is_like_ours(path).map_err(|e| error::system(path, "read", &e))? {
        ["", "-wal", "-shm"].iter().try_for_each(|suffix| make_private(&with_suffix(path, suffix)))
    } else {
        Ok(())
    }
}

/// By the first bytes, as SQLite's file format has them.
fn is_like_ours(path: &Path) -> std::io::Result<bool> {
    let mut head = Vec::with_capacity(72);
    File::open(path)?.take(72).read_to_end(&mut head)?;
    Ok(head.starts_with(b"SQLite format 3\0") && head.ends_with(&schema::APPLICATION_ID.to_be_bytes()))
}

fn make_private(path: &Path) -> Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let metadata = match fs::metadata(path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            found => found.map_err(|e| error::system(path, "read", &e))?,
        };
        if metadata.permissions().mode() & 0o077 != 0 {
            let private = fs::Permissions::from_mode(0o600);
            fs::set_permissions(path, private).map_err(|e| error::system(path, "protect", &e))?;
        }
    }
    Ok(())
}

pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn prepare(path: &Path) -> Result<()> {
    let folder = folder_of(path);
    make_folder(folder)?;
    filesystem::refuse_network(folder)?;
    if path.exists() {
        return Err(Error::Exists { path: error::show(path) });
    }
    // What a crash left of an earlier attempt, and the log of a database that is no more: neither may
    // be taken for a part of the new one.
    remove_with_sides(&draft_of(path))?;
    remove_with_sides(path)
}

fn remove_with_sides(path: &Path) -> Result<()> {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let file = with_suffix(path, suffix);
        match fs::remove_file(&file) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(error::system(&file, "replace", &e)),
            _ => {}
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let mut target = private_file(to)?;
    let mut source = File::open(from).map_err(|e| error::system(from, "read", &e))?;
    std::io::copy(&mut source, &mut target).map_err(|e| error::system(to, "write", &e))?;
    Ok(())
}

fn make_folder(folder: &Path) -> Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|e| error::system(folder, "create", &e))?;
    sync_folder(folder)
}

fn fill(connection: &Connection, path: &Path) -> Result<()> {
    let mut sql = format!("PRAGMA page_size = {PAGE_SIZE}; PRAGMA synchronous = FULL; BEGIN;");
    for (_, table) in schema::TABLES {
        sql.push_str(table);
        sql.push(';');
    }
    sql.push_str("INSERT INTO log_head (id, size) VALUES (0, 0);");
    sql.push_str(&format!("PRAGMA application_id = {};", schema::APPLICATION_ID));
    sql.push_str(&format!("PRAGMA user_version = {}; COMMIT;", schema::FORMAT));
    connection.execute_batch(&sql).map_err(|e| error::sqlite(path, "create the database", &e))
}

fn check_copy(copy: &Path, backup: &Path) -> Result<()> {
    let connection = connection::open(copy)?;
    connection::check_format(&connection, backup)?;
    let failed = |e: rusqlite::Error| error::sqlite(backup, "check the backup", &e);
    let problem: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(failed)?;
    connection.wal_checkpoint_v2(Some(rusqlite::MAIN_DB), CheckpointMode::TRUNCATE).map_err(failed)?;
    if problem == "ok" { Ok(()) } else { Err(Error::Damaged { detail: problem }) }
}

/// Gives a finished file its name; removes an unfinished one.
fn publish(draft: &Path, path: &Path, made: Result<()>) -> Result<()> {
    let published = made.and_then(|()| {
        File::open(draft).and_then(|file| file.sync_all()).map_err(|e| error::system(draft, "flush", &e))?;
        fs::rename(draft, path).map_err(|e| error::system(path, "create", &e))?;
        sync_folder(path)
    });
    // Whatever keeps these from being removed does no harm: the next attempt removes them.
    let _ = remove_with_sides(draft);
    published
}

fn draft_of(path: &Path) -> PathBuf {
    with_suffix(path, ".new")
}

/// Bytes a page, measured against 1, 2, 8 and 16 KiB by `benches/commit.rs`.
const PAGE_SIZE: u32 = 4096;
