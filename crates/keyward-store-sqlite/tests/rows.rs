//! Rows altered behind the store's back: refused on read, or named by the checks.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

mod kit;

use keyward_store::{Error, IndexDefect, IndexRow, MacState};
use kit::{Home, keys, put};

fn tampered(collection: &str, key: &str) -> Error {
    Error::Tampered { collection: collection.into(), key: key.into() }
}

#[test]
fn an_altered_row_is_refused_and_named() {
    let alterations = [
        "UPDATE record SET value = X'00' WHERE key = X'62'",
        "UPDATE record SET generation = 2 WHERE key = X'62'",
        "UPDATE record SET generation = -1 WHERE key = X'62'",
        "UPDATE record SET indexes = X'' WHERE key = X'62'",
        "UPDATE record SET indexes = X'ffffffffffffffff' WHERE key = X'62'",
        "UPDATE record SET mac = X'' WHERE key = X'62'",
        "UPDATE record SET mac = (SELECT mac FROM record WHERE key = X'61') WHERE key = X'62'",
        "UPDATE record SET (value, indexes, mac) = (SELECT value, indexes, mac FROM record WHERE key = X'61') \
         WHERE key = X'62'",
    ];
    for sql in alterations {
        let home = Home::with_records();
        assert_eq!(home.alter(sql), 1, "{sql}");
        let store = home.open();
        assert_eq!(store.get("secret", b"b"), Err(tampered("secret", "b")), "{sql}");
        assert_eq!(keys(&store), Err(tampered("secret", "b")), "{sql}");
        assert_eq!(store.by_index("secret", "name", b"b"), Err(tampered("secret", "b")), "{sql}");
        assert!(store.get("secret", b"a").unwrap().is_some(), "the others are still to be had: {sql}");
        let reader = store.reader();
        let bad = reader.all_records().filter_map(|checked| {
            let checked = checked.unwrap();
            (checked.mac == MacState::Invalid).then_some(checked.record.key)
        });
        assert_eq!(bad.collect::<Vec<_>>(), [b"b"], "{sql}");
    }
}

#[test]
fn a_moved_row_is_refused_where_it_went() {
    let home = Home::with_records();
    home.alter("UPDATE record SET collection = 'token' WHERE key = X'61'");
    home.alter("UPDATE record SET key = X'7a' WHERE key = X'62'");
    let store = home.open();
    assert_eq!(store.get("token", b"a"), Err(tampered("token", "a")));
    assert_eq!(store.get("secret", b"z"), Err(tampered("secret", "z")));
}

#[test]
fn an_index_that_points_elsewhere_is_refused() {
    let home = Home::with_records();
    home.alter("UPDATE record_index SET key = X'62' WHERE name = 'name' AND value = X'61'");
    assert_eq!(home.open().by_index("secret", "name", b"a"), Err(tampered("secret", "b")), "b is not named a");
    let home = Home::with_records();
    home.alter("DELETE FROM record WHERE key = X'61'");
    assert_eq!(home.open().by_index("secret", "name", b"a"), Err(tampered("secret", "a")), "there is no a");
}

#[test]
fn index_rows_that_are_missing_or_extra_are_listed() {
    let row = |value: &[u8], key: &[u8]| IndexRow {
        collection: "secret".into(),
        index: "name".into(),
        value: value.into(),
        key: key.into(),
    };
    let home = Home::with_records();
    home.alter("DELETE FROM record_index WHERE name = 'name' AND value = X'61'");
    home.alter("INSERT INTO record_index VALUES ('secret', 'name', X'7a', X'62')");
    let defects = home.open().reader().index_defects().unwrap();
    assert_eq!(defects, [IndexDefect::Missing(row(b"a", b"a")), IndexDefect::Extra(row(b"z", b"b"))]);
}

#[test]
fn a_row_that_cannot_be_counted_on_is_not_overwritten() {
    let home = Home::with_records();
    home.alter("UPDATE record SET generation = 9223372036854775807 WHERE key = X'62'");
    let store = home.open();
    assert_eq!(store.commit(put("b", b"new")), Err(tampered("secret", "b")));
    store.commit(put("a", b"new")).unwrap();
    assert_eq!(store.log_head().unwrap().size, 4, "the refused batch left no entry");
}

#[test]
fn a_head_that_was_put_back_stops_the_log() {
    let home = Home::with_records();
    home.alter("UPDATE log_head SET size = 1");
    let store = home.open();
    let refused = store.commit(put("d", b""));
    assert!(matches!(refused, Err(Error::Damaged { .. })), "{refused:?}");
    assert_eq!(store.get("secret", b"d"), Ok(None));
}

#[test]
fn a_log_that_was_put_back_by_its_last_group_is_not_continued() {
    let home = Home::with_records();
    let store = home.open();
    store.commit(put("c", b"new")).unwrap();
    home.alter("CREATE TABLE before AS SELECT * FROM log_head");
    store.commit(put("d", b"")).unwrap();
    for put_back in [
        "DELETE FROM log WHERE idx = 4",
        "DELETE FROM record WHERE key = X'64'",
        "DELETE FROM record_index WHERE key = X'64'",
        "REPLACE INTO log_head SELECT * FROM before",
        "DROP TABLE before",
    ] {
        home.alter(put_back);
    }
    for put_back in ["UPDATE log_head SET size = 4", "UPDATE log_head SET size = 5"] {
        home.alter(put_back);
        let refused = store.commit(put("e", b""));
        assert!(matches!(refused, Err(Error::Damaged { .. })), "{put_back}: {refused:?}");
    }
}
