//! The SQLite engine keeps the contract of every engine.

use keyward_store::conformance::store_conformance;
use keyward_store_sqlite::Sqlite;

#[test]
fn the_sqlite_engine_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let mut number = 0..;
    store_conformance(move || {
        let path = folder.path().join(format!("{}.db", number.next().unwrap()));
        Box::new(Sqlite::create(&path, || 0).unwrap())
    });
}
