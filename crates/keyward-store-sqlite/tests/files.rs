//! Files: what is refused and how it is called, who may read them, backups, restores.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

mod kit;

use std::fs;

use keyward_store::{Engine, Error};
use keyward_store_sqlite::{Sqlite, restore, set_aside};
use kit::{Home, keys, put};

#[test]
fn what_is_not_a_database_of_ours_is_called_by_its_name() {
    let home = Home::new();
    let path = home.path().display().to_string();
    assert_eq!(home.refusal(), Error::NotFound { path: path.clone() });
    fs::write(home.path(), "").unwrap();
    assert!(matches!(home.refusal(), Error::Damaged { .. }), "an empty file was once a database");
    fs::write(home.path(), "OPENAI_API_KEY=not a database\n".repeat(300)).unwrap();
    assert_eq!(home.refusal(), Error::Foreign { path: path.clone() });
    fs::write(home.path(), "short").unwrap();
    assert_eq!(home.refusal(), Error::Foreign { path: path.clone() });
    fs::remove_file(home.path()).unwrap();
    home.alter("CREATE TABLE somebody_elses (x)");
    assert_eq!(home.refusal(), Error::Foreign { path: path.clone() });
    fs::remove_file(home.path()).unwrap();
    fs::create_dir(home.path()).unwrap();
    assert_eq!(home.refusal(), Error::Foreign { path });
}

#[test]
fn a_format_from_the_future_is_refused() {
    let home = Home::with_records();
    home.alter("PRAGMA user_version = 2");
    assert_eq!(home.refusal(), Error::FutureFormat { found: 2, known: 1 });
}

#[test]
fn a_schema_that_is_not_ours_never_runs() {
    let planted = [
        "CREATE TRIGGER forget AFTER INSERT ON log BEGIN DELETE FROM log; END",
        "CREATE VIEW spy AS SELECT * FROM record",
        "CREATE INDEX more ON log (public)",
        "DROP TABLE deleted",
        "ALTER TABLE record ADD COLUMN note TEXT",
    ];
    for sql in planted {
        let home = Home::with_records();
        home.alter(sql);
        assert!(matches!(home.refusal(), Error::Damaged { .. }), "{sql}");
    }
}

#[test]
fn a_cut_database_is_damaged_not_shorter() {
    let home = Home::with_records();
    let whole = fs::read(home.path()).unwrap();
    for parts in [1, 2, 5, 9] {
        fs::write(home.path(), &whole[..whole.len() * parts / 10]).unwrap();
        let found = match Sqlite::open(&home.path(), || 0) {
            Ok(engine) => keys(&kit::store(engine)),
            Err(error) => Err(error),
        };
        assert!(matches!(found, Err(Error::Damaged { .. })), "{parts} tenths: {found:?}");
    }
}

#[test]
fn creating_takes_nobodys_place() {
    let home = Home::with_records();
    let refused = Sqlite::create(&home.path(), || 0).map(drop);
    assert_eq!(refused, Err(Error::Exists { path: home.path().display().to_string() }));
    assert_eq!(keys(&home.open()).unwrap(), ["a", "b", "c"]);
}

#[cfg(unix)]
#[test]
fn files_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    let path = home.file("new/folder/store.db");
    let engine = Sqlite::create(&path, || 0).unwrap();
    engine.put_meta("some", Some(b"fact")).unwrap();
    let mode = |name: &str| fs::metadata(home.file(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("new/folder"), 0o700);
    for name in ["new/folder/store.db", "new/folder/store.db-wal"] {
        assert_eq!(mode(name), 0o600, "{name}");
    }
    assert_eq!(fs::read_dir(home.file("new/folder")).unwrap().count(), 2, "and there are no others");
    drop(engine);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    drop(Sqlite::open(&path, || 0).unwrap());
    assert_eq!(mode("new/folder/store.db"), 0o600, "rights of others are taken back");
    // A copy that came with them, once with a write-ahead log and once without.
    for (copy, with_log) in [("one.db", false), ("two.db", true)] {
        fs::copy(&path, home.file(copy)).unwrap();
        if with_log {
            fs::write(home.file("two.db-wal"), "").unwrap();
            fs::set_permissions(home.file("two.db-wal"), fs::Permissions::from_mode(0o644)).unwrap();
        }
        fs::set_permissions(home.file(copy), fs::Permissions::from_mode(0o644)).unwrap();
        let engine = Sqlite::open(&home.file(copy), || 0).unwrap();
        engine.put_meta("some", Some(b"fact")).unwrap();
        for suffix in ["", "-wal"] {
            assert_eq!(mode(&format!("{copy}{suffix}")), 0o600, "{copy}{suffix}");
        }
    }
    fs::write(home.file("other"), "not a database of ours").unwrap();
    fs::set_permissions(home.file("other"), fs::Permissions::from_mode(0o644)).unwrap();
    assert!(Sqlite::open(&home.file("other"), || 0).is_err());
    assert_eq!(mode("other"), 0o644, "somebody else's file stays as it is");
}

#[test]
fn a_closed_database_is_whole_in_one_file() {
    let home = Home::with_records();
    let copy = Home::new();
    fs::copy(home.path(), copy.path()).unwrap();
    assert_eq!(keys(&copy.open()).unwrap(), ["a", "b", "c"]);
}

#[test]
fn a_backup_is_a_store_of_its_own() {
    let home = Home::with_records();
    let store = home.open();
    let backup = home.file("backup.db");
    store.backup_to(&backup).unwrap();
    store.commit(put("later", b"")).unwrap();
    assert!(matches!(store.backup_to(&backup), Err(Error::Exists { .. })), "backups are not overwritten");
    let copy = kit::store(Sqlite::open(&backup, || 0).unwrap());
    assert_eq!(keys(&copy).unwrap(), ["a", "b", "c"]);
    assert_eq!(copy.log_head().unwrap().size, 3);
    assert_eq!(copy.engine().check(), Ok(Vec::new()));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&backup).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn a_restore_overwrites_nothing() {
    let home = Home::with_records();
    let backup = home.file("backup.db");
    home.open().backup_to(&backup).unwrap();
    home.open().commit(put("later", b"")).unwrap();
    assert!(matches!(restore(&backup, &home.path()), Err(Error::Exists { .. })));
    let aside = set_aside(&home.path()).unwrap();
    restore(&backup, &home.path()).unwrap();
    assert_eq!(keys(&home.open()).unwrap(), ["a", "b", "c"]);
    let before = kit::store(Sqlite::open(&aside, || 0).unwrap());
    assert_eq!(keys(&before).unwrap(), ["a", "b", "c", "later"], "what was replaced is still there");
}

/// A process was killed before, and power fails between the renames: the log is not where the database is.
#[test]
fn what_is_set_aside_is_whole_without_its_log() {
    let home = Home::with_records();
    let store = home.open();
    store.engine().closes_briefly();
    store.commit(put("later", b"")).unwrap();
    drop(store);
    assert!(fs::metadata(home.file("store.db-wal")).unwrap().len() > 0);
    let aside = set_aside(&home.path()).unwrap();
    fs::copy(&aside, home.file("alone.db")).unwrap();
    let alone = kit::store(Sqlite::open(&home.file("alone.db"), || 0).unwrap());
    assert_eq!(keys(&alone).unwrap(), ["a", "b", "c", "later"]);
}

/// Processes that close briefly one after the other, and nobody else: the log does not grow for ever.
#[test]
fn a_log_that_is_long_is_emptied_by_whoever_closes_briefly() {
    let home = Home::with_records();
    let log = || fs::metadata(home.file("store.db-wal")).map_or(0, |log| log.len());
    let mut lengths = Vec::new();
    for round in 0..40_u32 {
        let store = home.open();
        store.engine().closes_briefly();
        store.commit(put(&format!("round-{round}"), &[7; 100_000])).unwrap();
        drop(store);
        lengths.push(log());
    }
    assert!(lengths.iter().all(|&length| length < 3_000_000), "{lengths:?}");
    assert!(lengths.contains(&0) && lengths.iter().filter(|&&length| length > 0).count() > 20, "{lengths:?}");
    assert_eq!(keys(&home.open()).unwrap().len(), 43);
}

#[test]
fn a_damaged_database_is_set_aside_as_it_is() {
    let home = Home::with_records();
    fs::write(home.path(), "no database any more").unwrap();
    fs::write(home.file("store.db-wal"), "nor a log").unwrap();
    let aside = set_aside(&home.path()).unwrap();
    assert_eq!(fs::read_to_string(&aside).unwrap(), "no database any more");
    assert_eq!(fs::read_to_string(format!("{}-wal", aside.display())).unwrap(), "nor a log");
}

#[test]
fn only_a_sound_backup_is_restored() {
    let home = Home::with_records();
    let backup = home.file("backup.db");
    home.open().backup_to(&backup).unwrap();
    let whole = fs::read(&backup).unwrap();
    let target = home.file("restored.db");
    fs::write(&backup, &whole[..whole.len() / 2]).unwrap();
    assert!(matches!(restore(&backup, &target), Err(Error::Damaged { .. })));
    fs::write(&backup, "not a backup at all").unwrap();
    assert_eq!(restore(&backup, &target), Err(Error::Foreign { path: backup.display().to_string() }));
    let missing = home.file("missing.db");
    assert_eq!(restore(&missing, &target), Err(Error::NotFound { path: missing.display().to_string() }));
    let left: Vec<_> = fs::read_dir(home.folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with("restored")), "{left:?}");
}

/// Somebody copied the files of a store in use, with `cp`.
#[test]
fn a_plain_copy_is_restored_with_its_log() {
    let home = Home::with_records();
    let store = home.open();
    store.commit(put("later", b"")).unwrap();
    for name in ["store.db", "store.db-wal"] {
        fs::copy(home.file(name), home.file(&format!("copy-{name}"))).unwrap();
    }
    let target = home.file("restored.db");
    restore(&home.file("copy-store.db"), &target).unwrap();
    let restored = kit::store(Sqlite::open(&target, || 0).unwrap());
    assert_eq!(keys(&restored).unwrap(), ["a", "b", "c", "later"]);
}

/// The log of a database that was removed must not be read into the one that comes after it.
#[test]
fn a_left_over_log_is_not_taken_for_ours() {
    let home = Home::with_records();
    let store = home.open();
    store.commit(put("later", b"")).unwrap();
    let log = fs::read(home.file("store.db-wal")).unwrap();
    drop(store);
    fs::remove_file(home.path()).unwrap();
    fs::write(home.file("store.db-wal"), log).unwrap();
    assert_eq!(home.create().log_head().unwrap().size, 0);
}
