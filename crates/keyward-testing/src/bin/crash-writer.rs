//! The process that the crash campaign kills: several threads write and read one vault, and each
//! says on standard output what was done, after the call returned.
//!
//! `crash-writer DATABASE KEY-FILE SEED`; the lines are those of [`Ack`].

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use keyward_testing::Seed;
use keyward_testing::crash::{Ack, NAMES, THREADS, name_of, value_of};
use keyward_testing::vault::{new_value, open, owner, read};
use keyward_vault::{Actor, KeyFile, Scope, Vault};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [database, key, seed] = &arguments[..] else {
        return ExitCode::from(2);
    };
    let text = std::fs::read_to_string(key).expect("the key file was written by the campaign");
    let key = KeyFile::parse(&text).expect("the key file was written by the campaign");
    match open(Path::new(database), &key) {
        Ok(vault) => work(&Arc::new(vault), &Seed::new(seed.parse().expect("the seed is a number"))),
        Err(error) => say(&Ack::Failed { what: format!("open: {error}") }),
    }
    ExitCode::SUCCESS
}

fn work(vault: &Arc<Vault>, seed: &Seed) {
    say(&Ack::Opened);
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let (vault, seed) = (Arc::clone(vault), seed.part("thread", thread));
            std::thread::spawn(move || live(&vault, thread, seed))
        })
        .collect();
    for thread in threads {
        thread.join().expect("a thread of the writer does not panic");
    }
}

/// Writes its own names and reads everybody's, until it is killed.
fn live(vault: &Vault, thread: u64, mut seed: Seed) {
    let actor = owner(vault);
    let (project, environment) = ("shop".parse().expect("a plain word"), "development".parse().expect("a plain word"));
    let scope = vault.scope(&project, &environment).expect("the campaign made it");
    loop {
        let number = seed.below(NAMES) as u64;
        if seed.once_in(2) {
            write(vault, &actor, &scope, &name_of(thread, number));
        } else {
            disclose(vault, &actor, &scope, &name_of(seed.below(THREADS as usize) as u64, number));
        }
    }
}

/// Nobody else writes this name, so that its next version is known.
fn write(vault: &Vault, actor: &Actor, scope: &Scope, name: &str) {
    let next = versions(vault, actor, scope, name) + 1;
    match vault.write(actor, scope, vec![new_value(name, &value_of(name, next))]) {
        Ok(written) if written[0].version.get() == next => say(&Ack::Wrote { name: name.into(), version: next }),
        Ok(written) => say(&Ack::Failed { what: format!("`{name}` {next} became {}", written[0].version) }),
        Err(error) => say(&Ack::Refused { name: name.into(), what: error.to_string() }),
    }
}

fn disclose(vault: &Vault, actor: &Actor, scope: &Scope, name: &str) {
    let versions = versions(vault, actor, scope, name);
    if versions == 0 {
        return;
    }
    match read(vault, actor, scope, name, Some(versions)) {
        Ok(value) if value == value_of(name, versions) => say(&Ack::Read { name: name.into(), version: versions }),
        Ok(value) => say(&Ack::Failed { what: format!("`{name}` {versions} is `{value}`") }),
        Err(error) => say(&Ack::Refused { name: name.into(), what: error.to_string() }),
    }
}

fn versions(vault: &Vault, actor: &Actor, scope: &Scope, name: &str) -> u64 {
    let heads = vault.heads(actor, scope).expect("heads are read from what is there");
    heads.iter().find(|head| head.name.as_str() == name).map_or(0, |head| head.versions.len() as u64)
}

/// One line in one write, so that a kill leaves whole lines.
fn say(ack: &Ack) {
    let line = format!("{ack}\n");
    std::io::stdout().lock().write_all(line.as_bytes()).expect("the campaign reads until the end");
}
