//! Rows altered behind the store's back: refused on read, or named by the checks. Databases that are
//! not ours: refused at once.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

mod kit;

use keyward_store::{Delete, Engine, Error, IndexDefect, IndexRow, Put, StoredRecord};
use keyward_store_postgres::{Address, Postgres};
use keyward_testing::postgres::Postgres as Server;
use kit::{Home, entry, keys, put};

fn tampered(collection: &str, key: &str) -> Error {
    Error::Tampered { collection: collection.into(), key: key.into() }
}

/// Why the store there is not opened.
fn refusal(address: &str) -> Error {
    let address: Address = address.parse().unwrap();
    Postgres::open(&address, || 0).err().expect("it is refused")
}

fn delete(key: &str) -> Delete {
    Delete { collection: "secret".into(), key: key.into() }
}

#[test]
fn an_altered_row_is_refused() {
    let alterations = [
        "UPDATE record SET value = '\\x00' WHERE key = 'b'",
        "UPDATE record SET generation = 2 WHERE key = 'b'",
        "UPDATE record SET generation = -1 WHERE key = 'b'",
        "UPDATE record SET indexes = '' WHERE key = 'b'",
        "UPDATE record SET indexes = '\\xffffffffffffffff' WHERE key = 'b'",
        "UPDATE record SET mac = '' WHERE key = 'b'",
        "UPDATE record SET mac = (SELECT mac FROM record WHERE key = 'a') WHERE key = 'b'",
        "UPDATE record SET (value, indexes, mac) = (SELECT value, indexes, mac FROM record WHERE key = 'a') \
         WHERE key = 'b'",
    ];
    for sql in alterations {
        let home = Home::with_records(Server::shared());
        home.sql(sql);
        let store = home.open();
        assert_eq!(store.get("secret", b"b"), Err(tampered("secret", "b")), "{sql}");
        assert_eq!(keys(&store), Err(tampered("secret", "b")), "{sql}");
        assert_eq!(store.by_index("secret", "name", b"b"), Err(tampered("secret", "b")), "{sql}");
        assert!(store.get("secret", b"a").unwrap().is_some(), "the others are still to be had: {sql}");
    }
}

#[test]
fn index_rows_that_are_missing_or_extra_are_listed() {
    let row = |value: &[u8], key: &[u8]| IndexRow {
        collection: "secret".into(),
        index: "name".into(),
        value: value.into(),
        key: key.into(),
    };
    let home = Home::with_records(Server::shared());
    home.sql("DELETE FROM record_index WHERE value = 'a'");
    home.sql("INSERT INTO record_index VALUES ('secret', 'name', 'z', 'b')");
    let store = home.open();
    let defects = store.reader().index_defects().unwrap();
    assert_eq!(defects, [IndexDefect::Missing(row(b"a", b"a")), IndexDefect::Extra(row(b"z", b"b"))]);
    assert_eq!(store.by_index("secret", "name", b"z"), Err(tampered("secret", "b")), "b is not named z");
}

#[test]
fn a_row_that_cannot_be_counted_on_is_not_overwritten() {
    let home = Home::with_records(Server::shared());
    home.sql("UPDATE record SET generation = 9223372036854775807 WHERE key = 'b'");
    let store = home.open();
    assert_eq!(store.commit(put("b", b"new")), Err(tampered("secret", "b")));
    store.commit(put("a", b"new")).unwrap();
    assert_eq!(store.log_head().unwrap().size, 4, "the refused batch left no entry");
}

#[test]
fn a_head_that_was_put_back_stops_the_log() {
    let home = Home::with_records(Server::shared());
    home.sql("UPDATE log_head SET size = 1");
    let store = home.open();
    let refused = store.commit(put("d", b""));
    assert!(matches!(refused, Err(Error::Damaged { .. })), "{refused:?}");
    assert_eq!(store.get("secret", b"d"), Ok(None));
    assert_eq!(store.engine().check().unwrap(), ["the log's head says 1 entries; there are 3, from 0 to 3"]);
}

#[test]
fn what_acts_in_the_database_is_named() {
    let home = Home::with_records(Server::shared());
    let engine = home.engine();
    home.sql(&format!("{}; CREATE RULE hush AS ON DELETE TO record DO INSTEAD NOTHING", quiet("INSERT", "log")));
    let named = [
        "table `record` has a rule `hush` that keyward did not make",
        "table `log` has a trigger `quiet` that keyward did not make",
    ];
    assert_eq!(engine.check().unwrap(), named);
    assert_eq!(refusal(home.address()), Error::Damaged { detail: named.join("; ") });
}

/// A trigger that drops what is written, without an error.
fn quiet(event: &str, table: &str) -> String {
    format!(
        "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; \
         CREATE TRIGGER quiet BEFORE {event} ON {table} FOR EACH ROW EXECUTE FUNCTION nothing()"
    )
}

#[test]
fn nothing_is_acknowledged_that_was_not_written() {
    let hush = |table| format!("CREATE RULE hush AS ON INSERT TO {table} DO INSTEAD NOTHING");
    let drops = [
        quiet("INSERT", "log"),
        quiet("UPDATE", "log_head"),
        quiet("INSERT", "record"),
        quiet("UPDATE", "change"),
        hush("log"),
        hush("record"),
    ];
    for sql in drops {
        let home = Home::with_records(Server::shared());
        let store = home.open();
        // Its session was checked before the database learned this.
        store.commit(put("before", b"")).unwrap();
        home.sql(&sql);
        for _ in 0..2 {
            let refused = store.commit(put("d", b""));
            assert!(matches!(refused, Err(Error::Damaged { .. })), "{sql}: {refused:?}");
        }
        assert_eq!(store.log_head().unwrap().size, 4, "{sql}");
        assert_eq!(store.get("secret", b"d"), Ok(None), "{sql}");
    }
}

#[test]
fn tables_that_were_altered_are_not_written_to() {
    let altered = [
        ("ALTER TABLE log ENABLE ROW LEVEL SECURITY", "row policy"),
        ("ALTER TABLE record ALTER mac DROP NOT NULL", "`record.mac bytea`"),
        ("ALTER TABLE log_head ALTER size TYPE numeric", "`log_head.size numeric not null`"),
        ("ALTER TABLE log ADD COLUMN note text", "`log.note text`"),
        ("ALTER TABLE log ALTER private SET DEFAULT ''", "`log.private bytea not null default`"),
        ("ALTER TABLE log DROP CONSTRAINT log_pkey", "`log PRIMARY KEY (idx)`"),
        ("ALTER TABLE log ADD CHECK (idx < 3) NOT VALID", "CHECK"),
        ("ALTER TABLE log SET UNLOGGED", "`log is not permanent`"),
    ];
    // One of its own: it ends everybody's sessions.
    let server = Server::start();
    for (sql, named) in altered {
        let home = Home::with_records(&server);
        let store = home.open();
        home.sql(sql);
        let found = refusal(home.address());
        assert!(matches!(&found, Error::Damaged { detail } if detail.contains(named)), "{sql}: {found}");
        // A store that is open finds it with its next writing session.
        home.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'keyward'");
        let refused = store.commit(put("d", b""));
        assert!(matches!(&refused, Err(Error::Damaged { detail }) if detail.contains(named)), "{sql}: {refused:?}");
    }
}

#[test]
fn a_row_of_other_types_is_refused_and_spoils_nothing_else() {
    for (column, counts) in [("mac", true), ("value", true), ("generation", false), ("indexes", false)] {
        let home = Home::with_records(Server::shared());
        let store = home.open();
        home.sql(&format!(
            "ALTER TABLE record ALTER {column} DROP NOT NULL; UPDATE record SET {column} = NULL WHERE key = 'b'"
        ));
        assert_eq!(store.get("secret", b"b"), Err(tampered("secret", "b")), "{column}");
        assert_eq!(keys(&store), Err(tampered("secret", "b")), "{column}");
        assert_eq!(store.by_index("secret", "name", b"b"), Err(tampered("secret", "b")), "{column}");
        assert!(store.get("secret", b"a").unwrap().is_some(), "the others are still to be had: {column}");
        let overwritten = store.commit(put("b", b"new")).map(drop);
        assert_eq!(overwritten, if counts { Ok(()) } else { Err(tampered("secret", "b")) }, "{column}");
        store.commit(put("a", b"new")).unwrap();
    }
    let home = Home::with_records(Server::shared());
    let store = home.open();
    home.sql("ALTER TABLE record ALTER mac TYPE text USING encode(mac, 'hex')");
    assert_eq!(store.get("secret", b"b"), Err(tampered("secret", "b")));
    home.sql("ALTER TABLE record ALTER generation TYPE text");
    assert_eq!(store.commit(put("a", b"new")), Err(tampered("secret", "a")));
    assert_eq!(store.log_head().unwrap().size, 3);
    for sql in [
        "ALTER TABLE log_head ALTER size TYPE text",
        "ALTER TABLE log ALTER public TYPE text USING encode(public, 'hex')",
        "ALTER TABLE record_index ALTER key TYPE text USING encode(key, 'hex')",
        "ALTER TABLE deleted ALTER key TYPE text USING encode(key, 'hex')",
        "ALTER TABLE header ALTER bytes DROP NOT NULL; INSERT INTO header VALUES (0, NULL)",
    ] {
        let home = Home::with_records(Server::shared());
        let store = home.open();
        store.commit(entry("gone").delete(delete("c"))).unwrap();
        home.sql(sql);
        let engine = store.engine();
        let found = [
            engine.log_head().map(drop),
            engine.log(0, 9).map(drop),
            engine.by_index("secret", "name", b"b").map(drop),
            engine.index_rows(None, 9).map(drop),
            engine.tombstones(None, 9).map(drop),
            engine.header().map(drop),
        ];
        let damaged = found.iter().any(|found| matches!(found, Err(Error::Damaged { .. })));
        assert!(damaged, "{sql}: {found:?}");
    }
}

#[test]
fn a_log_that_was_put_back_by_its_last_group_is_not_continued() {
    let home = Home::with_records(Server::shared());
    let store = home.open();
    store.commit(put("c", b"new")).unwrap();
    let before = home.sql("SELECT state FROM log_head");
    store.commit(put("d", b"")).unwrap();
    home.sql(&format!(
        "DELETE FROM log WHERE idx = 4; DELETE FROM record WHERE key = 'd'; \
         DELETE FROM record_index WHERE key = 'd'; UPDATE log_head SET size = 4, state = '{before}'"
    ));
    for put_back in ["SELECT 1", "UPDATE log_head SET size = 5"] {
        home.sql(put_back);
        let refused = store.commit(put("e", b""));
        assert!(matches!(refused, Err(Error::Damaged { .. })), "{put_back}: {refused:?}");
    }
}

#[test]
fn a_schema_may_be_called_as_the_language_calls_something() {
    let server = Server::shared();
    for name in ["2team", "user", "select", "default", "_"] {
        let address = server.address(name).parse().unwrap();
        let store = kit::store(Postgres::create(&address, || 0).unwrap());
        store.commit(put("a", b"")).unwrap();
        let other = Postgres::open(&address, || 0).unwrap();
        let mut watch = other.nodes().unwrap().watch().unwrap();
        store.commit(put("b", b"")).unwrap();
        assert_eq!(watch.wait().unwrap().size, 2, "{name}");
        assert_eq!(other.check(), Ok(Vec::new()), "{name}");
    }
}

#[test]
fn keys_too_long_for_the_database_are_refused_alone() {
    let home = Home::new(Server::shared());
    let store = home.open();
    let long = |length| Put { collection: "secret".into(), key: vec![7; length], value: vec![], indexes: vec![] };
    let refused = store.commit(entry("long").put(long(3_000)));
    assert!(matches!(refused, Err(Error::TooLarge { .. })), "{refused:?}");
    // Bytes that do not compress, as long as may be.
    let mut state = 1_u32;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    });
    let key: Vec<u8> = noise.take(2_500).collect();
    store.commit(entry("noise").put(Put { key, ..long(0) })).unwrap();
    assert_eq!(store.log_head().unwrap().size, 1);
}

#[test]
fn large_batches_are_cut_into_messages() {
    let home = Home::new(Server::shared());
    let store = home.open();
    let batch = (0_u8..6).fold(entry("large"), |batch, n| {
        batch.put(Put { collection: "bulk".into(), key: vec![n], value: vec![n; 12 << 20], indexes: vec![] })
    });
    store.commit(batch).unwrap();
    for n in 0_u8..6 {
        assert_eq!(store.get("bulk", &[n]).unwrap().unwrap().value, vec![n; 12 << 20]);
    }
}

#[test]
fn stores_that_are_not_there_or_not_ours_are_refused() {
    let server = Server::shared();
    assert!(matches!(refusal(&server.fresh()), Error::NotFound { .. }));
    let other = server.fresh().replace("/postgres?", "/nowhere?");
    assert!(matches!(refusal(&other), Error::NotFound { .. }));
    let home = Home::with_records(server);
    assert!(matches!(Postgres::create(&home.address().parse().unwrap(), || 0), Err(Error::Exists { .. })));
    home.sql("UPDATE meta SET value = '99' WHERE name = 'format'");
    assert_eq!(refusal(home.address()), Error::FutureFormat { found: 99, known: 1 });
    home.sql("DROP TABLE log");
    assert!(matches!(refusal(home.address()), Error::Foreign { .. }));
}

#[test]
fn a_server_that_does_not_keep_what_it_acknowledges_is_refused() {
    let server = Server::start();
    let home = Home::new(&server);
    home.sql("ALTER SYSTEM SET fsync = off");
    home.sql("SELECT pg_reload_conf(), pg_sleep(0.5)");
    let refused = Postgres::open(&home.address().parse().unwrap(), || 0).err().unwrap();
    assert!(refused.to_string().contains("`fsync`"), "{refused}");
}

#[test]
fn a_snapshot_holds_what_is_loaded_elsewhere() {
    let (home, target) = (Home::with_records(Server::shared()), Home::new(Server::shared()));
    let source = home.engine();
    let snapshot = source.snapshot().unwrap();
    home.open().commit(put("later", b"")).unwrap();
    target.engine().load(&*snapshot).unwrap();
    assert_eq!(keys(&target.open()).unwrap(), ["a", "b", "c"]);
    let stored: Vec<StoredRecord> = snapshot.rows(None, 10).unwrap().into_iter().map(|(_, stored)| stored).collect();
    assert!(stored.iter().all(|stored| stored.mac.is_some()));
}
