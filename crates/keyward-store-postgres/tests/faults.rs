//! The database crashes, connections break: nothing acknowledged is lost, nothing is made twice.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

mod kit;

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use keyward_store::{Error, Store};
use keyward_store_postgres::Postgres;
use keyward_testing::postgres::Postgres as Server;
use kit::{Home, keys, places, put, store};

/// Commits from many threads of several nodes while `disturb` goes on; gives what was acknowledged.
fn under_load(nodes: &[Store], threads: usize, disturb: impl FnOnce()) -> HashMap<String, u64> {
    let (stop, acknowledged) = (AtomicBool::new(false), Mutex::new(HashMap::new()));
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (store, stop, acknowledged) = (&nodes[thread % nodes.len()], &stop, &acknowledged);
            scope.spawn(move || {
                for number in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    let name = format!("{thread}/{number}");
                    let committed = store.commit(put(&name, b"")).unwrap();
                    acknowledged.lock().unwrap().insert(name, committed.first_index);
                }
            });
        }
        disturb();
        stop.store(true, Ordering::Relaxed);
    });
    acknowledged.into_inner().unwrap()
}

/// All that was acknowledged is there, where the answer said, and nothing else is.
fn nothing_lost(store: &Store, acknowledged: &HashMap<String, u64>) {
    assert_eq!(places(store), *acknowledged);
    let mut names: Vec<String> = acknowledged.keys().cloned().collect();
    names.sort_unstable();
    assert_eq!(keys(store).unwrap(), names);
}

#[test]
fn a_crash_of_the_database_loses_nothing_acknowledged() {
    let server = Server::start();
    let home = Home::new(&server);
    let nodes = [home.open(), home.open()];
    let acknowledged = under_load(&nodes, 32, || {
        for _ in 0..3 {
            std::thread::sleep(Duration::from_millis(400));
            server.crash();
        }
        std::thread::sleep(Duration::from_millis(300));
    });
    assert!(acknowledged.len() > 100, "there was load: {}", acknowledged.len());
    nothing_lost(&nodes[0], &acknowledged);
}

#[test]
fn ended_connections_lose_nothing() {
    let home = Home::new(Server::shared());
    let nodes = [home.open(), home.open()];
    let acknowledged = under_load(&nodes, 32, || {
        for _ in 0..25 {
            std::thread::sleep(Duration::from_millis(40));
            home.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'keyward'");
        }
    });
    nothing_lost(&nodes[1], &acknowledged);
}

#[test]
fn a_commit_whose_answer_is_cut_off_is_acknowledged_once() {
    let home = Home::new(Server::shared());
    let proxy = Proxy::before(Server::shared().socket());
    let node = proxy.node(&home);
    for number in 0..10 {
        proxy.cut_answers(1);
        let name = number.to_string();
        assert_eq!(node.commit(put(&name, b"")).unwrap().first_index, number);
        assert_eq!(proxy.cuts_left(), 0, "the answer was cut off");
    }
    assert_eq!(places(&node).len(), 10);
}

#[test]
fn a_commit_that_never_arrived_is_made_once() {
    let home = Home::new(Server::shared());
    let proxy = Proxy::before(Server::shared().socket());
    let node = proxy.node(&home);
    for number in 0..10 {
        // Statements are prepared now, so that the next commit is two requests: the second one is lost.
        node.commit(put(&format!("warm {number}"), b"")).unwrap();
        proxy.cut_request(2);
        assert_eq!(node.commit(put(&number.to_string(), b"")).unwrap().first_index, 2 * number + 1);
        assert_eq!(proxy.cuts_left(), 0, "the request was cut off");
    }
    assert_eq!(places(&node).len(), 20);
}

/// A node cannot know: it says so, and does not answer that the commit failed.
#[test]
fn a_database_that_stays_away_leaves_the_outcome_open() {
    let home = Home::new(Server::shared());
    let proxy = Proxy::before(Server::shared().socket());
    let node = proxy.node(&home);
    node.commit(put("first", b"")).unwrap();
    proxy.cut_answers(usize::MAX);
    proxy.refuse();
    let start = Instant::now();
    assert_eq!(node.commit(put("second", b"")), Err(Error::Interrupted));
    assert!(start.elapsed() < Duration::from_secs(40));
    assert_eq!(keys(&home.open()).unwrap(), ["first", "second"], "it was made");
}

/// Stands between a node and the server, and cuts connections at chosen moments.
struct Proxy {
    port: u16,
    plan: Arc<Plan>,
}

#[derive(Default)]
struct Plan {
    /// So many answers that say `COMMIT` are not handed on.
    answers: AtomicUsize,
    /// The request with this number from now on is not handed on; 0 for none.
    request: AtomicUsize,
    refusing: AtomicBool,
}

impl Proxy {
    fn before(socket: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, plan) = (listener.local_addr().unwrap().port(), Arc::<Plan>::default());
        let proxy = Self { port, plan: Arc::clone(&plan) };
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (client, server) = (client.unwrap(), UnixStream::connect(&socket).unwrap());
                if !plan.refusing.load(Ordering::Relaxed) {
                    plan.carry(client, server);
                }
            }
        });
        proxy
    }

    fn node(&self, home: &Home<'_>) -> Store {
        let (_, rest) = home.address().split_once('@').unwrap();
        let (_, path) = rest.split_once('/').unwrap();
        let address = format!("postgres://keyward@127.0.0.1:{}/{path}", self.port);
        store(Postgres::open(&address.parse().unwrap(), || 0).unwrap())
    }

    fn cut_answers(&self, count: usize) {
        self.plan.answers.store(count, Ordering::Relaxed);
    }

    fn cut_request(&self, number: usize) {
        self.plan.request.store(number, Ordering::Relaxed);
    }

    /// New connections are closed at once.
    fn refuse(&self) {
        self.plan.refusing.store(true, Ordering::Relaxed);
    }

    fn cuts_left(&self) -> usize {
        self.plan.answers.load(Ordering::Relaxed) + self.plan.request.load(Ordering::Relaxed)
    }
}

impl Plan {
    fn carry(self: &Arc<Self>, client: TcpStream, server: UnixStream) {
        let (mut from_client, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        let (mut from_server, mut to_client) = (server, client);
        let plan = Arc::clone(self);
        std::thread::spawn(move || {
            copy(&mut from_client, &mut to_server, |_| counts_down(&plan.request) == Some(0));
            let _ = (from_client.shutdown(Shutdown::Both), to_server.shutdown(Shutdown::Both));
        });
        let plan = Arc::clone(self);
        std::thread::spawn(move || {
            let commits = |bytes: &[u8]| bytes.windows(7).any(|part| part == b"COMMIT\0");
            copy(&mut from_server, &mut to_client, |bytes| commits(bytes) && counts_down(&plan.answers).is_some());
            let _ = (from_server.shutdown(Shutdown::Both), to_client.shutdown(Shutdown::Both));
        });
    }
}

/// What is left; none when there was nothing.
fn counts_down(counter: &AtomicUsize) -> Option<usize> {
    let down = counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |count| count.checked_sub(1));
    down.ok().map(|before| before - 1)
}

fn copy(from: &mut impl Read, to: &mut impl Write, mut cut: impl FnMut(&[u8]) -> bool) {
    let mut bytes = vec![0; 1 << 16];
    while let Ok(length @ 1..) = from.read(&mut bytes) {
        if cut(&bytes[..length]) || to.write_all(&bytes[..length]).is_err() {
            return;
        }
    }
}
