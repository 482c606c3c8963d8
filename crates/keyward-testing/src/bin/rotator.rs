//! The process that is killed in the middle of a rotation of `DATABASE_URL`, by a clock that it moves
//! itself.
//!
//! `rotator DATABASE KEY-FILE NOW COMMIT before|after ROLE ROLE` begins it; at that commit it says that
//! it is there, and waits to be killed. With the commit 0 it ends what another has begun. At the end it
//! says the state's word.

use std::collections::HashMap;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keyward_access::{Caller, SystemTask};
use keyward_lifecycle::rotation::{Breaker, Executor, Making, Plan, Policy, Shape, State};
use keyward_store_sqlite::Sqlite;
use keyward_testing::halting::{Edge, Halting};
use keyward_testing::vault::{SystemRandom, TestClock, owner};
use keyward_types::Timestamp;
use keyward_upstream::Http;
use keyward_vault::{Actor, Credential, KeyFile, NewRotation, RotationRow, Tools, Vault};

/// A quarter of an hour, in milliseconds: how the clock is moved.
const STEP: i64 = 900_000;
/// How often at most.
const STEPS: usize = 200;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [database, key, now, commit, edge, one, other] = &arguments[..] else {
        return ExitCode::from(2);
    };
    let text = std::fs::read_to_string(key).expect("the key file was written by the test");
    let key = KeyFile::parse(&text).expect("the key file was written by the test");
    let clock = Arc::new(TestClock::at(Timestamp(now.parse().expect("a number"))));
    let edge = if edge == "before" { Edge::Before } else { Edge::After };
    let engine = Sqlite::open(Path::new(database), || 0).expect("the test made it");
    let engine = Halting::at(engine, commit.parse().expect("a number"), edge);
    let tools = Tools { clock: clock.clone(), random: Arc::new(SystemRandom) };
    let vault = Vault::unlock(Box::new(engine), &Credential::KeyFile(&key), tools).expect("the test made it");
    let (breakers, http) = (Mutex::<HashMap<String, Breaker>>::default(), Http::new());
    let executor = Executor {
        vault: &vault,
        actor: Actor::new(Caller::system(SystemTask::Rotation), "rotator"),
        holder: std::process::id().to_string(),
        clock: &*clock,
        random: &SystemRandom,
        http: &http,
        breakers: &breakers,
    };
    let mut row = match vault.rotations().expect("they are read").into_iter().next() {
        Some(row) => row,
        None => begun(&vault, &http, [one, other]),
    };
    if row.rotation().over {
        say(&row.rotation().word);
        return ExitCode::SUCCESS;
    }
    for _ in 0..STEPS {
        match executor.run(row.clone(), Duration::ZERO) {
            Ok(went) => row = went,
            Err(error) => say(&format!("failed: {error}")),
        }
        if row.rotation().over {
            break;
        }
        clock.advance(STEP);
    }
    say(&row.rotation().word);
    ExitCode::SUCCESS
}

/// A rotation whose old role is to be silent for an hour.
fn begun(vault: &Vault, http: &Http, roles: [&String; 2]) -> RotationRow {
    let actor = owner(vault);
    let (project, environment) = ("shop".parse().expect("a word"), "development".parse().expect("a word"));
    let scope = vault.scope(&project, &environment).expect("the test made it");
    let name = "DATABASE_URL".parse().expect("a name");
    let head = vault.head(&actor, &scope, &name).expect("the test made it");
    let admin = vault.head(&actor, &scope, &"ADMIN_URL".parse().expect("a name")).expect("the test made it").place;
    let making = Making::PostgresRoles { roles: roles.map(String::clone), admin };
    let rotator = making.rotator(http).expect("two roles");
    let targets = vault.targets(&head.place).expect("they are read");
    let targets = targets.into_iter().map(|target| (target.name.to_string(), target.required));
    let state = State::new(Shape::of(&*rotator), targets);
    let hour = 4 * STEP;
    let policy = Policy { soak: hour, suspended: hour, ..Policy::routine() };
    let plan = serde_json::to_value(Plan { making, policy, emergency: false }).expect("it has string keys");
    let (word, state) = (state.word().to_owned(), serde_json::to_value(&state).expect("it has string keys"));
    let new = NewRotation { plan, state, word, holder: std::process::id().to_string(), old: None };
    vault.begin_rotation(&actor, &scope, &name, new).expect("nothing else is under way")
}

/// One line in one write.
fn say(line: &str) {
    std::io::stdout().lock().write_all(format!("{line}\n").as_bytes()).expect("the test reads until the end");
}
