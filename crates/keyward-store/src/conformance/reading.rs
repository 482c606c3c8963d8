//! Reading: scans, indexes, the log, snapshots.

use super::kit::{delete, listed, log, open, put, put_indexed};
use crate::{Engine, Error, IndexDefect, KeyRange, MacState, Record, Store};

pub(super) fn scans_follow_range_cursor_and_limit(engine: Box<dyn Engine>) {
    let store = open(engine);
    let keys: [&[u8]; 7] = [b"", b"\x00", b"a", b"a\x00", b"a\xff", b"b", b"\xff"];
    let batch = keys.iter().rev().fold(log("all"), |batch, key| batch.put(put("secret", key, b"")));
    store.commit(batch).expect("commit");
    let scan = |range: &KeyRange, after: Option<&[u8]>, limit| scanned(&store, range, after, limit);
    assert_eq!(scan(&KeyRange::all(), None, 100), keys, "in the order of their bytes");
    assert_eq!(scan(&KeyRange::prefix(b"a"), None, 100), keys[2..5]);
    assert_eq!(scan(&KeyRange::prefix(b"\xff"), None, 100), keys[6..]);
    assert_eq!(scan(&KeyRange::between(*b"a", *b"b"), None, 100), keys[2..5], "the end is out");
    assert_eq!(scan(&KeyRange::all(), Some(b"a"), 2), keys[3..5], "the cursor is out");
    assert_eq!(scan(&KeyRange::prefix(b"a"), Some(b""), 1), keys[2..3], "a cursor before the range");
    assert_eq!(scan(&KeyRange::all(), Some(b""), 100), keys[1..], "the empty key is a key");
    assert_eq!(scan(&KeyRange::all(), None, 0), [b""; 0]);
}

fn scanned(store: &Store, range: &KeyRange, after: Option<&[u8]>, limit: usize) -> Vec<Vec<u8>> {
    let found = store.scan("secret", range, after, limit).expect("scan");
    found.into_iter().map(|record| record.key).collect()
}

pub(super) fn long_ranges_are_mapped_in_order(engine: Box<dyn Engine>) {
    let store = open(engine);
    // Spread over all keys, and crowded where a range would not be cut, before it and behind it.
    let spread = (0_u32..3_000).map(|n| [b"a", &(n.wrapping_mul(0x9e37_79b9)).to_be_bytes()[..]].concat());
    let crowded = [0x00_u8, 0x7f, 0x80, 0xff].map(|first| (0_u32..700).map(move |n| (first, n)));
    let crowded = crowded.into_iter().enumerate().flat_map(|(group, keys)| {
        keys.map(move |(first, n)| [&[b'b' + group as u8, first], &n.to_be_bytes()[..]].concat())
    });
    let mut keys: Vec<Vec<u8>> = spread.chain(crowded).collect();
    let batch = keys.iter().fold(log("many"), |batch, key| batch.put(put("secret", key, &key[1..])));
    store.commit(batch.put(put("secret", b"", b"")).put(put("secrets", b"a", b""))).expect("commit");
    keys.sort();
    for prefix in [b"a", b"b", b"c", b"d", b"e"] {
        let map = |record: Record| Ok::<_, Error>((record.key, record.value));
        let mapped = store.map("secret", &KeyRange::prefix(prefix), map).expect("mapped");
        let expected = keys.iter().filter(|key| key.starts_with(prefix)).map(|key| (key.clone(), key[1..].to_vec()));
        assert!(mapped.into_iter().eq(expected), "each once, in the order of keys, and nothing beside the range");
    }
    assert_eq!(store.map("secret", &KeyRange::all(), |_| Ok::<_, Error>(())).expect("mapped").len(), keys.len() + 1);
    assert_eq!(store.map("secret", &KeyRange::prefix(b"z"), |_| Ok::<_, Error>(())), Ok(Vec::new()));
    let stop = |record: Record| if record.key == keys[2_500] { Err(Error::NoEntry) } else { Ok(()) };
    assert_eq!(store.map("secret", &KeyRange::all(), stop), Err(Error::NoEntry), "its error ends it");
}

pub(super) fn collections_are_apart(engine: Box<dyn Engine>) {
    let store = open(engine);
    let batch = log("both").put(put("secret", b"a", b"secret")).put(put("secrets", b"a", b"secrets")).put(put_indexed(
        "token",
        b"a",
        &[("name", "x")],
    ));
    store.commit(batch).expect("commit");
    assert_eq!(store.get("secret", b"a").expect("verifies").expect("is there").value, b"secret");
    assert_eq!(scanned(&store, &KeyRange::all(), None, 10), [b"a"]);
    assert_eq!(listed(&store, "secret", "name", "x"), [b""; 0]);
    store.commit(log("gone").delete(delete("secret", b"a"))).expect("commit");
    assert!(store.get("secrets", b"a").expect("verifies").is_some());
}

pub(super) fn indexes_follow_their_records(engine: Box<dyn Engine>) {
    let store = open(engine);
    let batch = log("two")
        .put(put_indexed("secret", b"b", &[("tag", "x"), ("tag", "y"), ("tag", "x")]))
        .put(put_indexed("secret", b"a", &[("tag", "x"), ("owner", "x")]));
    store.commit(batch).expect("commit");
    assert_eq!(listed(&store, "secret", "tag", "x"), [b"a", b"b"], "not unique, in the order of keys");
    assert_eq!(listed(&store, "secret", "tag", "y"), [b"b"], "several values of one name");
    assert_eq!(listed(&store, "secret", "owner", "x"), [b"a"]);
    store.commit(log("moved").put(put_indexed("secret", b"b", &[("tag", "z")]))).expect("commit");
    assert_eq!(listed(&store, "secret", "tag", "x"), [b"a"]);
    assert_eq!(listed(&store, "secret", "tag", "z"), [b"b"]);
    store.commit(log("gone").delete(delete("secret", b"a"))).expect("commit");
    assert_eq!(listed(&store, "secret", "tag", "x"), [b""; 0]);
    assert_eq!(store.reader().index_defects(), Ok(Vec::<IndexDefect>::new()));
}

pub(super) fn the_log_is_read_by_index(engine: Box<dyn Engine>) {
    let store = open(engine);
    for n in 0..5 {
        store.commit(log(&n.to_string())).expect("commit");
    }
    let read = |first, limit| {
        let rows = store.log(first, limit).expect("log");
        rows.into_iter().map(|row| (row.index, row.public)).collect::<Vec<_>>()
    };
    assert_eq!(read(1, 2), [(1, b"1".to_vec()), (2, b"2".to_vec())]);
    assert_eq!(read(4, 10), [(4, b"4".to_vec())]);
    assert_eq!(read(5, 10), []);
    assert_eq!(read(u64::MAX, 10), []);
}

pub(super) fn a_snapshot_stands_still(engine: Box<dyn Engine>) {
    let store = open(engine);
    store.commit(log("one").put(put("secret", b"a", b"1"))).expect("commit");
    let snapshot = store.snapshot().expect("snapshot");
    store.commit(log("two").put(put("secret", b"a", b"2")).put(put("secret", b"b", b""))).expect("commit");
    assert_eq!(snapshot.log_head().expect("head").size, 1);
    assert_eq!(snapshot.get("secret", b"a").expect("verifies").expect("is there").value, b"1");
    assert_eq!(snapshot.all_records().count(), 1);
    drop(snapshot);
    assert_eq!(store.get("secret", b"a").expect("verifies").expect("is there").value, b"2");
}

pub(super) fn everything_can_be_listed(engine: Box<dyn Engine>) {
    const EACH: usize = 700;
    let store = open(engine);
    let batch = (0..EACH).fold(log("many"), |batch, n| {
        let key = n.to_be_bytes();
        batch.put(put_indexed("secret", &key, &[("n", "x")])).put(put("token", &key, b""))
    });
    store.commit(batch).expect("commit");
    let records: Vec<_> = store.reader().all_records().map(|checked| checked.expect("read")).collect();
    assert_eq!(records.len(), 2 * EACH);
    assert!(records.iter().all(|checked| checked.mac == MacState::Valid));
    assert!(records.is_sorted_by_key(|checked| (checked.collection.clone(), checked.record.key.clone())));
    assert_eq!(store.reader().index_defects(), Ok(Vec::new()));
}
