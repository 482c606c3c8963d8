//! Ways into the vault come and go; the last one stays.

use crate::kit::{PASSPHRASE, User, mode, slot_kinds};

fn id_of(user: &User, kind: &str) -> String {
    let listed = user.run(&["slot", "list", "--json"]).ok().json();
    let slots = listed["slots"].as_array().unwrap().clone();
    let slot = slots.into_iter().find(|slot| slot["kind"] == kind).expect("there is such a slot");
    slot["id"].as_str().unwrap().to_owned()
}

#[test]
fn every_added_slot_opens_the_vault_alone() {
    let user = User::with_vault();
    user.feed(&["slot", "add", "passphrase"], &format!("{PASSPHRASE}\n")).ok();
    let code = user.run(&["slot", "add", "recovery-code"]).ok().out;
    let file = user.path("code.txt");
    user.run(&["slot", "add", "recovery-code", "--file", file.to_str().unwrap(), "--label", "in the safe"]).ok();
    assert_eq!(mode(&file), 0o600);
    let listed = user.run(&["slot", "list"]).ok().out;
    assert!(listed.contains("in the safe") && listed.contains("key-file"), "{listed}");

    std::fs::rename(user.key_file(), user.path("away")).unwrap();
    user.run(&["whoami"]).failed(5, "is missing");
    let expected = ["key-file", "passphrase", "recovery-code", "recovery-code"];
    for text in [PASSPHRASE, code.trim(), std::fs::read_to_string(&file).unwrap().trim()] {
        assert_eq!(slot_kinds(&user, &[("KEYWARD_PASSPHRASE", text)]), expected);
    }
}

#[test]
fn a_removed_slot_opens_nothing_and_the_last_one_stays() {
    let user = User::with_vault();
    user.run(&["slot", "remove", &id_of(&user, "key-file"), "--yes"]).failed(2, "only way");
    user.feed(&["slot", "add", "passphrase"], PASSPHRASE).ok();
    let id = id_of(&user, "passphrase");
    user.run(&["slot", "remove", &id[..6]]).failed(2, "not done");
    user.run(&["slot", "remove", "zzzz", "--yes"]).failed(4, "no slot `zzzz`");
    let removed = user.run(&["slot", "remove", &id[..6], "--yes"]).ok();
    assert!(removed.err.contains("keyward rekey"), "{removed:?}");
    std::fs::rename(user.key_file(), user.path("away")).unwrap();
    user.run_env(&["whoami"], &[("KEYWARD_PASSPHRASE", PASSPHRASE)]).failed(5, "");
}

#[test]
fn a_lost_key_file_is_replaced_and_a_good_one_is_not() {
    let user = User::with_vault();
    user.run(&["slot", "add", "key-file"]).failed(2, "has a key file already");
    let elsewhere = user.path("laptop.key");
    user.run(&["slot", "add", "key-file", "--file", elsewhere.to_str().unwrap(), "--label", "laptop"]).ok();
    let here = user.key_file();
    std::fs::remove_file(&here).unwrap();
    user.run(&["whoami"]).failed(5, "missing");
    std::fs::rename(&elsewhere, &here).unwrap();
    user.run(&["whoami"]).ok();
}

#[test]
fn rekey_keeps_every_slot_and_every_value() {
    let user = User::with_vault();
    user.feed(&["set", "API_KEY", "-e", "development"], "value-of-the-test").ok();
    user.feed(&["slot", "add", "passphrase"], PASSPHRASE).ok();
    assert_eq!(user.run(&["rekey", "--json"]).ok().json()["generation"], 2);
    assert_eq!(user.run(&["rekey", "--data", "shop", "--json"]).ok().json()["values"], 1);
    user.run(&["rekey", "--data", "nothing"]).failed(4, "no project `nothing`");
    assert_eq!(user.run(&["get", "API_KEY"]).ok().out, "value-of-the-test");
    std::fs::rename(user.key_file(), user.path("away")).unwrap();
    let got = user.run_env(&["get", "API_KEY"], &[("KEYWARD_PASSPHRASE", PASSPHRASE)]).ok();
    assert_eq!(got.out, "value-of-the-test");
}

#[test]
fn a_failed_addition_leaves_no_code_behind() {
    let user = User::with_vault();
    let file = user.path("taken");
    std::fs::write(&file, "mine").unwrap();
    user.run(&["slot", "add", "recovery-code", "--file", file.to_str().unwrap()]).failed(2, "exists already");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    assert_eq!(slot_kinds(&user, &[]), ["key-file"]);
    user.feed(&["slot", "add", "passphrase"], "short").failed(2, "at least 8");
    user.feed(&["slot", "add", "passphrase"], "abcdefgh").failed(2, "too easy to guess");
}
