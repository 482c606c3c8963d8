//! Several batches in one transaction, several threads at one store.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, mpsc};

use super::kit::{HashChain, KeyedMac, absent, at_generation, chain, log, open, put, put_indexed};
use crate::{Engine, Error, LogHead, Result};

pub(super) fn a_conflict_is_refused_alone(engine: Box<dyn Engine>) {
    let batches = [
        log("one").put(put("secret", b"a", b"1")),
        log("refused").expect(absent("secret", b"a")).put(put("secret", b"z", b"")),
        log("two").put(put("secret", b"b", b"2")),
    ];
    let answers = engine.apply(&batches, &KeyedMac(7), &HashChain);
    assert_eq!(answers.len(), 3);
    assert_eq!(answers[0].as_ref().expect("made").first_index, 0);
    assert_eq!(answers[1], Err(Error::Conflict(Box::new(absent("secret", b"a")))));
    assert_eq!(answers[2].as_ref().expect("made").first_index, 1, "the log has no gap");
    let store = open(engine);
    assert_eq!(store.get("secret", b"z"), Ok(None));
    assert!(store.get("secret", b"b").expect("verifies").is_some());
}

pub(super) fn later_batches_see_earlier_ones(engine: Box<dyn Engine>) {
    let batches = [
        log("one").put(put("secret", b"a", b"1")),
        log("two").expect(at_generation("secret", b"a", 1)).put(put("secret", b"a", b"2")),
        log("late").expect(at_generation("secret", b"a", 1)).put(put("secret", b"a", b"3")),
    ];
    let answers = engine.apply(&batches, &KeyedMac(7), &HashChain);
    assert!(answers[0].is_ok() && answers[1].is_ok());
    assert!(matches!(answers[2], Err(Error::Conflict(_))), "one winner a generation");
    let record = open(engine).get("secret", b"a").expect("verifies").expect("is there");
    assert_eq!((record.generation, &record.value[..]), (2, &b"2"[..]));
}

pub(super) fn a_refusing_log_head_refuses_all(engine: Box<dyn Engine>) {
    let batches = [log("one").put(put("secret", b"a", b"1")), log("refuse")];
    for answer in engine.apply(&batches, &KeyedMac(7), &HashChain) {
        assert_eq!(answer, Err(Error::LogHead("told to".into())));
    }
    assert_eq!(engine.apply(&[], &KeyedMac(7), &HashChain), []);
    let store = open(engine);
    assert_eq!(store.get("secret", b"a"), Ok(None));
    assert_eq!(store.commit(log("one").put(put("secret", b"a", b"1"))).expect("works again").first_index, 0);
}

/// Notes how it was called, and leaves the state of [`HashChain`].
#[derive(Default)]
struct Calls(Mutex<Vec<(u64, usize)>>);

impl LogHead for Calls {
    fn extend(&self, state: Option<&[u8]>, first_index: u64, public: &[&[u8]]) -> Result<Vec<u8>, String> {
        self.0.lock().expect("no panic in here").push((first_index, public.len()));
        HashChain.extend(state, first_index, public)
    }
}

pub(super) fn the_log_head_is_extended_once_a_group(engine: Box<dyn Engine>) {
    let calls = Calls::default();
    let refused = log("refused").expect(at_generation("secret", b"a", 9));
    engine.apply(&[log("a"), refused.clone(), log("b")], &KeyedMac(7), &calls);
    engine.apply(&[log("c")], &KeyedMac(7), &calls);
    engine.apply(&[refused], &KeyedMac(7), &calls);
    assert_eq!(*calls.0.lock().expect("no panic"), [(0, 2), (2, 1)], "never for no entry");
    let state = ["a", "b", "c"]
        .iter()
        .zip(0..)
        .fold(vec![0; 32], |state, (entry, index)| chain(&state, index, entry.as_bytes()));
    assert_eq!(engine.log_head().expect("head").state, Some(state));
}

pub(super) fn many_threads_leave_a_dense_log(engine: Box<dyn Engine>) {
    const THREADS: u64 = 8;
    const EACH: u64 = 25;
    let store = open(engine);
    let indexes = Mutex::new(BTreeSet::new());
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (store, indexes) = (&store, &indexes);
            scope.spawn(move || {
                for n in 0..EACH {
                    let name = format!("{thread}/{n}");
                    let batch = log(&name).put(put_indexed("secret", name.as_bytes(), &[("n", &n.to_string())]));
                    let committed = store.commit(batch).expect("commit");
                    let row = store.log(committed.first_index, 1).expect("log").remove(0);
                    assert_eq!(row.public, name.as_bytes(), "the answer names this batch's entry");
                    assert!(store.get("secret", name.as_bytes()).expect("verifies").is_some());
                    assert!(indexes.lock().expect("no panic").insert(committed.first_index));
                }
            });
        }
    });
    let size = store.log_head().expect("head").size;
    assert_eq!(size, THREADS * EACH);
    assert!(indexes.into_inner().expect("no panic").into_iter().eq(0..size));
    assert_eq!(store.reader().all_records().count() as u64, size);
    assert_eq!(store.reader().index_defects(), Ok(Vec::new()));
}

pub(super) fn a_panic_wedges_nobody(engine: Box<dyn Engine>) {
    let store = open(engine);
    store.commit(log("before")).expect("commit");
    let panicked = catch_unwind(AssertUnwindSafe(|| store.commit(log("panic").put(put("secret", b"a", b"")))));
    assert!(panicked.is_err(), "the log head panics");
    assert_eq!(store.get("secret", b"a"), Ok(None));
    assert_eq!(store.commit(log("after")).expect("the queue goes on").first_index, 1);
}

pub(super) fn who_does_not_wait_is_told(engine: Box<dyn Engine>) {
    const EACH: u64 = 50;
    let store = open(engine);
    let (tell, told) = mpsc::channel();
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let (store, tell) = (&store, tell.clone());
            scope.spawn(move || {
                for n in 0..EACH {
                    let name = format!("{thread}/{n}");
                    let batch = log(&name).put(put("secret", name.as_bytes(), b""));
                    if thread == 0 {
                        let done = store.commit(batch);
                        tell.send((name, done)).expect("the test listens");
                    } else {
                        let tell = tell.clone();
                        let call = move |done| tell.send((name, done)).expect("the test listens");
                        store.submit(batch, call).expect("taken");
                    }
                }
            });
        }
    });
    for _ in 0..4 * EACH {
        let (name, done) = told.recv().expect("everybody is told");
        let row = store.log(done.expect("committed").first_index, 1).expect("log").remove(0);
        assert_eq!(row.public, name.as_bytes(), "the answer names this batch's entry");
        assert!(store.get("secret", name.as_bytes()).expect("verifies").is_some(), "durable before it is told");
    }
    assert_eq!(store.log_head().expect("head").size, 4 * EACH);
    let (tell, told) = mpsc::channel();
    let call = move |done| tell.send(done).expect("the test listens");
    let late = log("late").expect(absent("secret", b"0/0"));
    store.submit(late, call).expect("taken");
    assert!(matches!(told.recv().expect("told"), Err(Error::Conflict(_))));
}

pub(super) fn a_store_ends_when_all_are_told(engine: Box<dyn Engine>) {
    let (store, told) = (open(engine), Arc::new(Mutex::new(Vec::new())));
    for name in ["one", "panic", "two"] {
        let told = Arc::clone(&told);
        store.submit(log(name), move |done| told.lock().expect("no panic").push((name, done.is_ok()))).expect("taken");
    }
    drop(store);
    let told = told.lock().expect("no panic");
    // Those in the group of the one that panics are told that it came to nothing.
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told.contains(&("panic", false)));
}

/// Whoever is told may hold the last handle of the store, and let go of it there.
pub(super) fn a_store_may_end_in_a_call(engine: Box<dyn Engine>) {
    let store = Arc::new(open(engine));
    let (last, (gone, wait), (tell, told)) = (Arc::clone(&store), mpsc::channel(), mpsc::channel());
    let call = move |done: Result<_>| {
        wait.recv().expect("the test lets go of its handle");
        drop(last);
        tell.send(done.is_ok()).expect("the test listens");
    };
    store.submit(log("last"), call).expect("taken");
    drop(store);
    gone.send(()).expect("the call waits");
    assert_eq!(told.recv(), Ok(true), "its end holds nobody up");
}
