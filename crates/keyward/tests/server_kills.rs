//! Campaign: the server itself is killed. `keyward up` on its own file and `keyward serve` on PostgreSQL
//! replace the password of a real PostgreSQL, and are ended by SIGKILL at one write of their store after
//! the other, a few milliseconds later each, so between every step and the next. All the while an
//! application connects with what its file says, and is never turned away; what the vault gives works; and
//! the server that is started next, when a call of the first must have ended, goes on until one role alone
//! can sign in.
//!
//! `cargo xtask prove server-kills` takes every write; `rotation_kills` in `keyward-testing` stops a process
//! of ours exactly before and after each commit.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

#[path = "server_kills/application.rs"]
mod application;
#[path = "server_kills/database.rs"]
mod database;
#[path = "server_kills/shop.rs"]
mod shop;
#[path = "server_kills/writes.rs"]
mod writes;

use keyward_testing::{Seed, proof, size};

use crate::database::Database;
use crate::shop::{Engine, Shop};

#[test]
fn a_server_that_is_killed_at_any_step_of_a_rotation_goes_on_with_it() {
    let seed = Seed::of_campaign();
    println!("seed {}", seed.number());
    let every = size("KEYWARD_SERVER_KILL_EVERY", 16);
    let database = Database::start();
    let told: Vec<(Engine, Told)> = std::thread::scope(|scope| {
        let each = [Engine::File, Engine::Postgres].map(|engine| {
            let (seed, database) = (seed.part("engine", engine as u64), &database);
            (engine, scope.spawn(move || kills(database, engine, seed, every)))
        });
        each.into_iter().map(|(engine, thread)| (engine, thread.join().unwrap())).collect()
    });
    for (engine, told) in told {
        let of = engine.name();
        assert!(told.writes > 8, "{of}: a rotation is many steps: {}", told.writes);
        proof(&format!("{of}: kills"), told.kills);
        proof(&format!("{of}: writes of the store during one rotation, at least"), told.writes);
        proof(&format!("{of}: of these before it was on record, and asked for again"), told.again);
        proof(&format!("{of}: connections of applications, none turned away"), told.connections);
    }
    proof("rotations that did not end, and roles left behind", 0);
}

#[derive(Default)]
struct Told {
    kills: u64,
    writes: u64,
    again: u64,
    connections: u64,
}

/// One server after the other is killed, until a rotation ends before its turn comes.
fn kills(database: &Database, engine: Engine, mut seed: Seed, every: u64) -> Told {
    let mut told = Told::default();
    let mut shop = Shop::open(database, engine);
    let mut write = 1 + seed.below(every as usize) as u64;
    loop {
        let secret = shop.secret();
        let at = format!("{}: killed {} at write {write}", engine.name(), secret.name);
        let (reached, connections) = application::works(database, &secret, || {
            let reached = shop.rotates_until(&secret, write, seed.below(6000) as u64);
            if reached {
                shop.gives_what_works(&secret, &at);
                told.again += u64::from(shop.goes_on(&secret, &at));
            }
            reached
        });
        shop.has_ended_well(&secret, &at);
        told.connections += connections;
        if !reached {
            shop.is_whole();
            return told;
        }
        told.kills += 1;
        (told.writes, write) = (write, write + every);
    }
}
