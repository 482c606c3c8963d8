//! Several nodes at one database: one log, one winner, one leader a job.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

mod kit;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use keyward_store::conformance::{HashChain, KeyedMac};
use keyward_store::{Changes, Delete, Engine, Error, Expect, Store};
use keyward_testing::postgres::Postgres as Server;
use kit::{Home, entry, keys, places, put};

#[test]
fn nodes_leave_one_dense_log() {
    const THREADS: usize = 64;
    const EACH: usize = 20;
    let home = Home::new(Server::shared());
    let nodes = [home.open(), home.open(), home.open()];
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let store = &nodes[thread % nodes.len()];
            scope.spawn(move || {
                for number in 0..EACH {
                    let name = format!("{thread}/{number}");
                    let committed = store.commit(put(&name, b"")).unwrap();
                    let row = store.log(committed.first_index, 1).unwrap().remove(0);
                    assert_eq!(row.public, name.as_bytes(), "the answer names this batch's entry");
                }
            });
        }
    });
    for store in &nodes {
        assert_eq!(places(store).len(), THREADS * EACH);
        assert_eq!(keys(store).unwrap().len(), THREADS * EACH);
    }
    assert_eq!(nodes[0].reader().index_defects(), Ok(Vec::new()));
}

/// Every thread of every node wants the same; `expect` is what it believes.
fn winners(nodes: &[Store], name: &str, expect: &Expect) -> usize {
    let won = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for thread in 0..16 {
            let (store, won) = (&nodes[thread % nodes.len()], &won);
            scope.spawn(move || match store.commit(put(name, &[thread as u8]).expect(expect.clone())) {
                Ok(_) => drop(won.fetch_add(1, Ordering::Relaxed)),
                Err(error) => assert_eq!(error, Error::Conflict(Box::new(expect.clone()))),
            });
        }
    });
    won.into_inner()
}

#[test]
fn an_expectation_has_one_winner_in_all_nodes() {
    let home = Home::new(Server::shared());
    let nodes = [home.open(), home.open()];
    let place = |name: &str| ("secret".to_owned(), name.as_bytes().to_vec());
    for round in 0..20 {
        let name = format!("absent/{round}");
        let (collection, key) = place(&name);
        assert_eq!(winners(&nodes, &name, &Expect::Absent { collection, key }), 1, "absent");
        let name = format!("unique/{round}");
        let (collection, value) = place(&name);
        assert_eq!(winners(&nodes, &name, &Expect::AbsentIndex { collection, index: "name".into(), value }), 1);
        let (collection, key) = place(&name);
        assert_eq!(winners(&nodes, &name, &Expect::Generation { collection, key, generation: 1 }), 1, "generation");
    }
    assert_eq!(nodes[0].log_head().unwrap().size, 60, "who lost left no entry");
}

#[test]
fn a_job_has_one_leader_and_the_old_one_is_fenced() {
    let home = Home::new(Server::shared());
    let (first, second) = (home.engine(), home.engine());
    let long = Duration::from_secs(60);
    let nodes = |engine: &keyward_store_postgres::Postgres| engine.nodes().is_some();
    assert!(nodes(&first) && nodes(&second));
    let (one, two) = (first.nodes().unwrap(), second.nodes().unwrap());
    let lease = one.claim("rotation", "node one", long).unwrap().unwrap();
    assert_eq!(lease.epoch, 1);
    assert_eq!(two.claim("rotation", "node two", long).unwrap(), None, "it is held");
    assert!(two.claim("review", "node two", long).unwrap().is_some(), "another job is another's");
    assert!(one.renew(&lease, Duration::from_millis(1)).unwrap());
    std::thread::sleep(Duration::from_millis(20));
    let newer = two.claim("rotation", "node two", long).unwrap().unwrap();
    assert_eq!(newer.epoch, 2, "it had run out");
    assert!(!one.renew(&lease, long).unwrap(), "the first one learns of it");
    let (old, new) = (home.open(), home.open());
    let refused = old.commit(put("a", b"").expect(lease.expect()));
    assert_eq!(refused, Err(Error::Conflict(Box::new(lease.expect()))));
    new.commit(put("a", b"").expect(newer.expect())).unwrap();
    two.release(&newer).unwrap();
    let third = one.claim("rotation", "node one", long).unwrap().unwrap();
    assert_eq!(third.epoch, 3);
    assert!(new.commit(entry("late").expect(newer.expect())).is_err());
    assert_eq!(old.log_head().unwrap().size, 1);
}

#[test]
fn leaders_that_follow_one_another_never_write_side_by_side() {
    let home = Home::new(Server::shared());
    std::thread::scope(|scope| {
        for node in 0..4 {
            let home = &home;
            scope.spawn(move || {
                let (engine, store) = (home.engine(), home.open());
                for round in 0..10 {
                    let time = Duration::from_millis(3);
                    let holder = format!("node {node}");
                    let Some(lease) = engine.nodes().unwrap().claim("job", &holder, time).unwrap() else { continue };
                    for step in 0..6 {
                        let text = format!("{:06}/{node}/{round}/{step}", lease.epoch);
                        let _ = store.commit(entry(&text).expect(lease.expect()));
                    }
                }
            });
        }
    });
    let mut entries: Vec<(u64, String)> = places(&home.open()).into_iter().map(|(text, place)| (place, text)).collect();
    entries.sort_unstable();
    let epochs: Vec<&str> = entries.iter().map(|(_, text)| text.split_once('/').unwrap().0).collect();
    assert!(!epochs.is_empty() && epochs.is_sorted(), "an epoch's entries end before the next one's begin: {epochs:?}");
}

#[test]
fn a_node_sees_what_another_changed() {
    let home = Home::with_records(Server::shared());
    let (writing, watching, telling) = (home.open(), home.engine(), home.engine());
    let mut watch = watching.nodes().unwrap().watch().unwrap();
    let quiet = watch.wait().unwrap();
    assert_eq!((quiet.collections.len(), quiet.header, quiet.size), (0, false, 3), "what was before is not news");
    let before = Instant::now();
    writing.commit(put("a", b"new")).unwrap();
    writing.commit(entry("only told")).unwrap();
    let changes = watch.wait().unwrap();
    let changed = |changes: &Changes| {
        changes.collections.iter().map(|one| (one.collection.clone(), one.keys.clone())).collect::<Vec<_>>()
    };
    assert_eq!(changed(&changes), [("secret".into(), Some(vec![b"a".to_vec()]))]);
    assert!(changes.as_of > before && !changes.header);
    assert!(watch.wait().unwrap().collections.is_empty(), "once");
    let gone = Delete { collection: "secret".into(), key: b"b".to_vec() };
    writing.commit(entry("b is gone").delete(gone)).unwrap();
    let both = [put("a", b"newer"), put("c", b"together")];
    for answer in writing.engine().apply(&both, &KeyedMac(7), &HashChain) {
        answer.unwrap();
    }
    let mut seen = Vec::new();
    while seen.len() < 3 {
        seen.extend(changed(&watch.wait().unwrap()).into_iter().flat_map(|(_, keys)| keys.unwrap()));
    }
    seen.sort_unstable();
    assert_eq!(seen, [b"a", b"b", b"c"]);
    writing.commit(entry("headed").header(*b"a header")).unwrap();
    assert!(watch.wait().unwrap().header);
    // A node that watches tells others, who then need not wait for their next look.
    let _telling_too = telling.nodes().unwrap().watch().unwrap();
    let mut waits = Vec::new();
    for round in 0..10 {
        let start = Instant::now();
        let batch = [put("b", &[round])];
        telling.apply(&batch, &KeyedMac(7), &HashChain)[0].clone().unwrap();
        while watch.wait().unwrap().collections.is_empty() {}
        waits.push(start.elapsed());
    }
    waits.sort_unstable();
    assert!(waits[5] < Duration::from_millis(200), "notifications shorten the wait: {waits:?}");
    assert!(waits[9] < Duration::from_secs(1), "{waits:?}");
}

#[test]
fn many_readers_take_turns_at_few_connections() {
    let home = Home::with_records(Server::shared());
    let store = home.open();
    let most = std::sync::Mutex::new(0);
    std::thread::scope(|scope| {
        for _ in 0..120 {
            let (store, most, home) = (&store, &most, &home);
            scope.spawn(move || {
                for _ in 0..3 {
                    let snapshot = store.snapshot().unwrap();
                    assert_eq!(snapshot.all_records().count(), 3);
                    assert_eq!(keys(store).unwrap().len(), 3, "a live read beside a snapshot");
                    // Whoever has one does not wait for another one for ever.
                    let second = store.snapshot();
                    assert!(matches!(second, Ok(_) | Err(Error::Busy)));
                }
                let mut most = most.lock().unwrap();
                if *most == 0 {
                    let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'keyward'";
                    *most = home.sql(sql).parse::<usize>().unwrap();
                }
            });
        }
    });
    assert!((1..200).contains(&most.into_inner().unwrap()), "the server has room for others");
}
