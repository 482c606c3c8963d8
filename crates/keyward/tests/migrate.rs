//! A vault moves from a file to PostgreSQL and back: the same vault, the same log, nothing lost.
#![cfg(unix)]
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

use keyward_testing::Program;
use keyward_testing::postgres::Postgres;

fn user() -> Program {
    let program = Program::new(env!("CARGO_BIN_EXE_keyward"));
    program.ok(&["init", "--yes"], b"");
    for name in ["KEPT", "DELETED", "CHANGED"] {
        program.ok(&["set", name], b"a value that stays as it is");
    }
    program.ok(&["set", "CHANGED"], b"another value, the second");
    program.ok(&["delete", "DELETED", "-e", "development"], b"");
    program
}

#[test]
fn a_vault_moves_to_postgres_and_back() {
    let (program, server) = (user(), Postgres::shared());
    let address = server.fresh();
    let before = program.ok(&["audit", "log", "--json"], b"").out();
    let checkpoint = program.home.root().join("before.checkpoint");
    std::fs::write(&checkpoint, program.ok(&["audit", "checkpoint"], b"").stdout).unwrap();

    let moved = program.ok(&["store", "migrate", "--to", &address], b"");
    assert!(moved.err().contains("verified on both sides"), "{moved}");
    let schema = address.rsplit_once('=').unwrap().1;
    let entries: usize = server.sql(schema, "SELECT count(*) FROM log").parse().unwrap();
    assert!(server.sql(schema, "SELECT count(*) FROM record").parse::<usize>().unwrap() > 5);
    assert!(moved.err().contains("[store]") && !moved.err().contains("warning"), "{moved}");
    let gone = program.run(&["get", "KEPT"]);
    assert_eq!(gone.code, Some(5), "the old store is aside: {gone}");
    assert!(gone.err().contains("was moved to `postgres://") && gone.err().contains("--from"), "{gone}");
    // Nobody makes a second vault in its place by accident.
    let second = program.run(&["init", "--yes"]);
    assert!(second.code == Some(5) && second.err().contains("was moved to"), "{second}");
    assert!(!program.home.vault().join("vault.db").exists());
    assert!(program.home.vault().join("vault.db.aside-1").exists());

    // Into a file that is there already it does not go, nor twice into the same schema.
    let other = user();
    let refused = other.run(&["store", "migrate", "--to", &address]);
    assert_eq!(refused.code, Some(2), "{refused}");
    assert_eq!(other.ok(&["get", "KEPT"], b"").out(), "a value that stays as it is");

    let home = program.home.vault().join("vault.db");
    let back = program.ok(&["store", "migrate", "--from", &address, "--to", home.to_str().unwrap()], b"");
    assert!(back.err().contains("warning") && back.err().contains("still holds the vault"), "{back}");
    assert!(!program.home.vault().join("moved-to").exists());
    assert_eq!(program.ok(&["get", "KEPT"], b"").out(), "a value that stays as it is");
    assert_eq!(program.ok(&["get", "CHANGED", "--version", "1"], b"").out(), "a value that stays as it is");
    assert_eq!(program.ok(&["get", "CHANGED"], b"").out(), "another value, the second");
    program.ok(&["audit", "verify", "--against", checkpoint.to_str().unwrap()], b"");
    let after = program.ok(&["audit", "log", "--json"], b"").out();
    assert_eq!(after.matches("store.migrate").count(), 2, "both moves are on record: {after}");
    assert!(entries > before.matches("\"action\"").count(), "the move was its last entry there");
}

#[test]
fn a_store_that_does_not_verify_is_not_moved() {
    let (program, server) = (user(), Postgres::shared());
    let address = server.fresh();
    program.ok(&["store", "migrate", "--to", &address], b"");
    let schema = address.rsplit_once('=').unwrap().1;
    server.sql(schema, "UPDATE log SET public = 'nonsense' WHERE idx = 2");
    let home = program.home.vault().join("vault.db");
    let refused = program.run(&["store", "migrate", "--from", &address, "--to", home.to_str().unwrap()]);
    assert_eq!(refused.code, Some(1), "{refused}");
    assert!(!home.exists(), "nothing was made");
}

#[test]
fn a_slip_in_the_address_makes_no_file() {
    let program = user();
    let before = program.home.files();
    for address in ["postgress://keyward@127.0.0.1/vaults", "mysql://h/d", "nonsense", "vault.db", "./here.db"] {
        let refused = program.run(&["store", "migrate", "--to", address]);
        assert_eq!(refused.code, Some(2), "{refused}");
        assert!(refused.err().contains("hint: "), "{refused}");
    }
    assert_eq!(program.home.files(), before);
    program.ok(&["get", "KEPT"], b"");
}

#[test]
fn addresses_that_would_leak_are_refused() {
    let program = user();
    let password = ["pass", "word"].concat();
    for address in ["postgres://u:{}@db.example/d?sslmode=disable", "postgres://u:{}@db.example/d?sslmode=prefer"] {
        let refused = program.run(&["store", "migrate", "--to", &address.replace("{}", &password)]);
        assert_eq!(refused.code, Some(2), "{refused}");
        assert!(!refused.err().contains(&password), "{refused}");
    }
    program.ok(&["get", "KEPT"], b"");
}
