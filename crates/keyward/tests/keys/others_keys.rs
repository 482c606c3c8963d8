//! Slots for keys that others made: age, SSH, and shares.

use std::process::Command;

use crate::kit::{User, slot_kinds};

/// A fresh age identity file, and its public key. `age-keygen` is in Debian's package `age`.
pub(crate) fn age_identity(user: &User, name: &str) -> (String, String) {
    let file = user.path(name).to_str().unwrap().to_owned();
    let made = Command::new("age-keygen").args(["-o", &file]).output().expect("`age-keygen` is installed");
    assert!(made.status.success());
    let text = std::fs::read_to_string(&file).unwrap();
    let key = text.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap().to_owned();
    (file, key)
}

#[test]
fn an_age_key_opens_the_vault_alone_and_survives_a_new_root() {
    let user = User::with_vault();
    let (file, key) = age_identity(&user, "mine.txt");
    let (other, _) = age_identity(&user, "other.txt");
    user.run(&["slot", "add", "age", "age1nothing"]).failed(2, "recipient");
    user.run(&["slot", "add", "age", &key]).ok();
    user.run(&["rekey"]).ok();
    std::fs::remove_file(user.key_file()).unwrap();
    let with = |file: &str| user.run_env(&["whoami"], &[("KEYWARD_AGE_IDENTITY", file)]);
    with(&file).ok();
    with(&other).failed(5, "locked");
    with("/nonexistent").failed(2, "/nonexistent");
    assert_eq!(slot_kinds(&user, &[("KEYWARD_AGE_IDENTITY", &file)]), ["key-file", "age"]);
    user.run(&["unlock", "--identity", &other]).failed(5, "identity");
    user.run(&["unlock", "--identity", &file]).ok();
    user.run(&["whoami"]).ok();
}

#[test]
fn three_of_five_shares_open_the_vault_and_two_do_not() {
    let user = User::with_vault();
    user.run(&["slot", "add", "shamir", "--shares", "2", "--threshold", "3"]).failed(2, "3 of 2");
    let shares = user.run(&["slot", "add", "shamir", "--shares", "5", "--threshold", "3"]).ok().out;
    let shares: Vec<&str> = shares.lines().collect();
    assert_eq!(shares.len(), 5);
    std::fs::remove_file(user.key_file()).unwrap();
    let unlock = |shares: &[&str]| user.feed(&["unlock", "--share"], &shares.join("\n"));
    unlock(&shares[..2]).failed(2, "3 are needed");
    unlock(&[shares[0], shares[0], shares[1]]).failed(2, "twice");
    let mistyped = format!("{}7", &shares[2][..shares[2].len() - 1]);
    if mistyped != shares[2] {
        unlock(&[shares[0], shares[1], &mistyped]).failed(2, "mistyped");
    }
    unlock(&[shares[4], shares[0], shares[2]]).ok();
    assert_eq!(slot_kinds(&user, &[]), ["key-file", "shamir"]);
}

#[test]
fn shares_are_typed_one_after_the_other() {
    let user = User::with_vault();
    let shares = user.run(&["slot", "add", "shamir", "--shares", "3", "--threshold", "2"]).ok().out;
    let shares: Vec<&str> = shares.lines().collect();
    std::fs::remove_file(user.key_file()).unwrap();
    let steps = [("Share 1", shares[2]), ("Share 2 of 2", shares[2]), ("already", shares[0])];
    let opened = user.terminal(&["unlock", "--share"], &steps);
    assert_eq!(opened.code, 0, "{opened:?}");
    assert!(!opened.out.contains("KWS-"), "a share was echoed");
}
