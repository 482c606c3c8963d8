//! One batch at a time: what a commit does to records, log, header.

use super::kit::{absent, absent_index, at_generation, delete, entry, log, open, put, put_indexed};
use crate::{Batch, Engine, Error, Expect, Head, NonEmpty, header_hash};

pub(super) fn an_empty_store_is_empty(engine: Box<dyn Engine>) {
    assert_eq!(crate::peek_header(engine.as_ref()), Ok(None));
    let store = open(engine);
    assert_eq!(store.log_head(), Ok(Head::default()));
    assert_eq!(store.log(0, 10), Ok(Vec::new()));
    assert_eq!(store.get("secret", b"a"), Ok(None));
    assert_eq!(store.reader().all_records().count(), 0);
    assert_eq!(store.engine().check(), Ok(Vec::new()));
}

pub(super) fn a_batch_changes_records_and_log_together(engine: Box<dyn Engine>) {
    let store = open(engine);
    let entries = NonEmpty::new(vec![entry("one"), entry("two")]).expect("two entries");
    let batch = Batch::record(entries).put(put("secret", b"a", b"1")).put(put("secret", b"b", b""));
    assert_eq!(store.commit(batch).expect("first batch").first_index, 0);
    let record = store.get("secret", b"a").expect("verifies").expect("is there");
    assert_eq!((record.generation, &record.value[..]), (1, &b"1"[..]));
    let empty = store.get("secret", b"b").expect("verifies").expect("an empty value is a value");
    assert!(empty.value.is_empty());
    assert_eq!(store.commit(log("three")).expect("a batch of an entry alone").first_index, 2);
    assert_eq!(store.log_head().expect("head").size, 3);
    let rows = store.log(0, 10).expect("log");
    let publics: Vec<_> = rows.iter().map(|row| &row.public[..]).collect();
    assert_eq!(publics, [&b"one"[..], b"two", b"three"]);
    assert_eq!(rows[1].private, b"private two");
}

pub(super) fn generations_grow_and_are_not_reused(engine: Box<dyn Engine>) {
    let store = open(engine);
    let generation = || store.get("secret", b"a").expect("verifies").map(|record| record.generation);
    for expected in 1..=3 {
        store.commit(log("put").put(put("secret", b"a", b"x"))).expect("put");
        assert_eq!(generation(), Some(expected));
    }
    store.commit(log("delete").delete(delete("secret", b"a"))).expect("delete");
    assert_eq!(generation(), None);
    store.commit(log("again").put(put("secret", b"a", b"x"))).expect("put again");
    assert_eq!(generation(), Some(4), "a key that comes back continues its generations");
}

pub(super) fn changes_are_made_in_order(engine: Box<dyn Engine>) {
    let store = open(engine);
    let batch = log("all")
        .put(put("secret", b"a", b"1"))
        .put(put("secret", b"a", b"2"))
        .delete(delete("secret", b"a"))
        .put(put("secret", b"a", b"3"))
        .put(put("secret", b"b", b"1"))
        .delete(delete("secret", b"b"))
        .delete(delete("secret", b"never there"));
    store.commit(batch).expect("commit");
    let record = store.get("secret", b"a").expect("verifies").expect("is there");
    assert_eq!((record.generation, &record.value[..]), (3, &b"3"[..]));
    assert_eq!(store.get("secret", b"b"), Ok(None));
}

pub(super) fn expectations_are_judged(engine: Box<dyn Engine>) {
    let store = open(engine);
    store.commit(log("a").put(put_indexed("secret", b"a", &[("name", "one")]))).expect("put");
    let refused = [
        absent("secret", b"a"),
        at_generation("secret", b"a", 2),
        at_generation("secret", b"b", 1),
        absent_index("secret", "name", "one"),
        Expect::Header { hash: [0; 32] },
    ];
    for expect in refused {
        let batch = log("refused").expect(expect.clone()).put(put("secret", b"c", b""));
        assert_eq!(store.commit(batch), Err(Error::Conflict(Box::new(expect))));
    }
    assert_eq!(store.log_head().expect("head").size, 1, "a refused batch leaves no entry");
    assert_eq!(store.get("secret", b"c"), Ok(None), "and no record");
    let batch = log("held")
        .expect(absent("secret", b"b"))
        .expect(absent("token", b"a"))
        .expect(at_generation("secret", b"a", 1))
        .expect(absent_index("secret", "name", "two"))
        .expect(absent_index("secret", "owner", "one"))
        .expect(absent_index("token", "name", "one"))
        .expect(Expect::Header { hash: header_hash(b"") });
    store.commit(batch).expect("all of these hold");
}

pub(super) fn headers_are_exchanged(engine: Box<dyn Engine>) {
    let store = open(engine);
    let unset = Expect::Header { hash: header_hash(b"") };
    store.commit(log("create").expect(unset.clone()).header(*b"first")).expect("no header yet");
    assert_eq!(store.header(), Ok(Some(b"first".to_vec())));
    let second = log("rekey").expect(unset.clone()).header(*b"second");
    assert_eq!(store.commit(second), Err(Error::Conflict(Box::new(unset))));
    let second = log("rekey").expect(Expect::Header { hash: header_hash(b"first") }).header(*b"second");
    store.commit(second).expect("the header is the one we saw");
    assert_eq!(crate::peek_header(store.engine()), Ok(Some(b"second".to_vec())));
}

pub(super) fn meta_is_kept(engine: Box<dyn Engine>) {
    assert_eq!(engine.meta("incarnation"), Ok(None));
    engine.put_meta("incarnation", Some(b"one")).expect("set");
    engine.put_meta("incarnation", Some(b"two")).expect("replace");
    assert_eq!(engine.meta("incarnation"), Ok(Some(b"two".to_vec())));
    engine.put_meta("incarnation", None).expect("remove");
    engine.put_meta("incarnation", None).expect("remove what is not there");
    assert_eq!(engine.meta("incarnation"), Ok(None));
    assert_eq!(engine.log_head().expect("head").size, 0, "facts about the copy are not logged");
}
