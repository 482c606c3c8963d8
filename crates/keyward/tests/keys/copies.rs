//! Backups, restores, and what a restored or older store may do.

use crate::kit::{PASSPHRASE, User, mode, slot_kinds};

const OPENED: &[(&str, &str)] = &[("KEYWARD_PASSPHRASE", PASSPHRASE)];

/// A user with a key file, a passphrase, one value and a backup of it all; the backup's path.
fn with_backup() -> (User, String) {
    let user = User::with_vault();
    user.feed(&["slot", "add", "passphrase"], PASSPHRASE).ok();
    user.feed(&["set", "API_KEY", "-e", "development"], "value-of-the-test").ok();
    let backup = user.path("copy.db").to_str().unwrap().to_owned();
    user.run(&["backup", &backup]).ok();
    (user, backup)
}

fn value(user: &User, env: &[(&str, &str)]) -> String {
    user.run_env(&["get", "API_KEY", "-p", "shop"], env).ok().out
}

#[test]
fn a_backup_opens_on_another_machine_and_not_with_this_ones_key_file() {
    let (user, backup) = with_backup();
    assert_eq!(mode(user.path("copy.db").as_path()), 0o600);
    let elsewhere = User::new();
    elsewhere.run(&["restore", &backup]).failed(5, "locked");
    elsewhere.run_env(&["restore", &backup], &[("KEYWARD_PASSPHRASE", "orbit plaster heron")]).failed(5, "passphrase");
    assert!(!elsewhere.database().exists(), "a wrong passphrase changed something");
    elsewhere.run_env(&["restore", &backup], OPENED).ok();
    assert_eq!(value(&elsewhere, OPENED), "value-of-the-test");
    assert_eq!(slot_kinds(&elsewhere, OPENED), ["passphrase"]);
    // Lets the machine open it alone from now on.
    elsewhere.run_env(&["slot", "add", "key-file"], OPENED).ok();
    assert_eq!(value(&elsewhere, &[]), "value-of-the-test");
}

#[test]
fn a_restored_vault_is_in_safe_mode_until_it_is_accepted() {
    let (_user, backup) = with_backup();
    let elsewhere = User::new();
    elsewhere.run_env(&["restore", &backup], OPENED).ok();
    let destroy = ["destroy", "API_KEY", "--version", "1", "-e", "development", "-p", "shop", "--yes"];
    elsewhere.run_env(&destroy, OPENED).failed(3, "safe mode");
    elsewhere.run_env(&["store", "accept"], OPENED).ok();
    elsewhere.run_env(&["store", "accept"], OPENED).failed(2, "not in safe mode");
    elsewhere.run_env(&destroy, OPENED).ok();
}

#[test]
fn restore_never_overwrites_and_a_failed_one_leaves_all_as_it_was() {
    let (user, backup) = with_backup();
    user.feed(&["set", "LATER", "-e", "development"], "written after the backup").ok();
    let before = std::fs::read(user.database()).unwrap();
    user.run(&["restore", &backup]).failed(2, "already");
    let wrong = [("KEYWARD_PASSPHRASE", "orbit plaster heron")];
    user.run_env(&["restore", &backup, "--force"], &wrong).failed(5, "passphrase");
    let junk = user.path("junk");
    std::fs::write(&junk, "no database at all, and longer than a header of one would be").unwrap();
    for file in ["/nonexistent/file", junk.to_str().unwrap()] {
        let failed = user.run_env(&["restore", file, "--force"], OPENED);
        assert!(failed.code == 2 || failed.code == 70, "{failed:?}");
    }
    assert!(std::fs::read(user.database()).unwrap() == before, "the vault was changed");
    user.run(&["get", "LATER"]).ok();
    let before = std::fs::read(user.database()).unwrap();

    let restored = user.run_env(&["restore", &backup, "--force", "--json"], OPENED).ok().json();
    let aside = restored["aside"].as_str().expect("the old vault is set aside");
    assert!(std::fs::read(aside).unwrap() == before, "what was set aside is the old vault");
    assert_eq!(value(&user, OPENED), "value-of-the-test");
    user.run_env(&["get", "LATER", "-p", "shop"], OPENED).failed(4, "LATER");
    assert!(!user.path("home/restoring").exists());
}

#[test]
fn a_vault_that_only_this_machine_opens_is_not_backed_up() {
    let user = User::with_vault();
    let backup = user.path("copy.db");
    let refused = user.run(&["backup", backup.to_str().unwrap()]).failed(2, "no slot would open this backup");
    assert!(refused.err.contains("hint: `keyward slot add recovery-code`"), "{refused:?}");
    assert!(!backup.exists());
    user.run(&["slot", "add", "recovery-code"]).ok();
    std::fs::write(&backup, "mine").unwrap();
    user.run(&["backup", backup.to_str().unwrap()]).failed(2, "exists already");
    assert_eq!(std::fs::read(&backup).unwrap(), b"mine");
}

#[test]
fn a_backup_through_an_agent_lands_where_the_caller_is() {
    let user = User::with_passphrase();
    user.run_env(&["unlock"], OPENED).ok();
    user.run(&["backup", "copy.db"]).ok();
    assert!(user.path("work/copy.db").exists());
    user.run_env(&["restore", "copy.db", "--force"], OPENED).failed(5, "keeps the vault open");
}

#[test]
fn an_older_copy_put_in_place_by_hand_is_noticed() {
    let user = User::with_vault();
    user.feed(&["set", "API_KEY", "-e", "development"], "first-value").ok();
    let older = std::fs::read(user.database()).unwrap();
    user.feed(&["set", "API_KEY", "-e", "development"], "second-value").ok();
    let _ = std::fs::remove_file(user.path("home/vault.db-wal"));
    std::fs::write(user.database(), older).unwrap();
    let noticed = user.run(&["list"]).ok();
    assert!(noticed.err.contains("older than when this machine last saw it"), "{noticed:?}");
    user.run(&["destroy", "API_KEY", "--version", "1", "-e", "development", "--yes"]).failed(3, "safe mode");
    user.run(&["store", "accept"]).ok();
    user.run(&["destroy", "API_KEY", "--version", "1", "-e", "development", "--yes"]).ok();
}

#[test]
fn who_waits_for_a_run_does_not_wait_for_the_store_to_be_tidied() {
    let user = User::with_vault();
    user.feed(&["set", "API_KEY", "-e", "development"], "value-of-the-test").ok();
    // While the child runs its parent is about to come back, and the log of recent commits stays.
    let log = user.path("home/vault.db-wal");
    let look = format!("test -s '{}'", log.display());
    user.run(&["run", "-p", "shop", "--", "sh", "-c", &look]).ok();
    let length = |path: &std::path::Path| std::fs::metadata(path).map_or(0, |found| found.len());
    // Nor does who waits for its end; the next command makes the file alone the whole store again.
    assert!(length(&log) > 0);
    user.run(&["list", "-p", "shop"]).ok();
    assert_eq!(length(&log), 0);
    // A child that keyward becomes leaves nobody who would come back.
    let look = format!("test ! -s '{}'", log.display());
    user.run(&["run", "-p", "shop", "--no-mask", "--", "sh", "-c", &look]).ok();
    assert_eq!(length(&log), 0);
    user.run(&["audit", "verify"]).ok();
}
