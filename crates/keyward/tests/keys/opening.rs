//! Bad input at opening: a clear error, the right exit code, and nothing lost.

use std::os::unix::fs::PermissionsExt;

use crate::kit::{Ended, PASSPHRASE, User};

#[test]
fn a_damaged_foreign_or_empty_database_is_named_and_left_alone() {
    let user = User::with_vault();
    let good = std::fs::read(user.database()).unwrap();
    let mut flipped = good.clone();
    flipped.iter_mut().skip(4096).step_by(97).for_each(|byte| *byte ^= 0x55);
    let text = b"this is some other file that happens to have the name of a database".to_vec();
    for bytes in [flipped, text, Vec::new(), good[..good.len() / 2].to_vec()] {
        std::fs::write(user.database(), &bytes).unwrap();
        let refused = user.run(&["whoami"]);
        assert!(refused.code == 70 && refused.err.contains("hint: "), "{refused:?}");
        assert!(std::fs::read(user.database()).unwrap() == bytes, "the file was changed");
        let refused = user.run(&["init", "--yes", "-p", "shop"]);
        assert_eq!(refused.code, 70, "init made something over it: {refused:?}");
    }
    std::fs::write(user.database(), good).unwrap();
    user.run(&["whoami"]).ok();
}

#[test]
fn a_format_from_the_future_asks_for_a_newer_keyward() {
    let user = User::with_vault();
    let good = std::fs::read(user.database()).unwrap();
    let mut bytes = good.clone();
    // SQLite's user_version, where the engine keeps its format (sqlite.org/fileformat2.html, 1.3).
    bytes[60..64].copy_from_slice(&900u32.to_be_bytes());
    std::fs::write(user.database(), &bytes).unwrap();
    let refused = user.run(&["whoami"]).failed(70, "format");
    assert!(refused.err.contains("hint: update keyward"), "{refused:?}");
    std::fs::write(user.database(), good).unwrap();
    user.run(&["whoami"]).ok();
}

#[test]
fn a_missing_foreign_cut_or_open_key_file_is_told_apart() {
    let user = User::with_vault();
    let (key, good) = (user.key_file(), std::fs::read_to_string(user.key_file()).unwrap());
    std::fs::write(&key, std::fs::read_to_string(User::with_vault().key_file()).unwrap()).unwrap();
    user.run(&["whoami"]).failed(5, "the key file is not this vault's");
    std::fs::write(&key, &good[..good.len() - 9]).unwrap();
    user.run(&["whoami"]).failed(5, "key file");
    std::fs::write(&key, "not a key").unwrap();
    user.run(&["whoami"]).failed(5, "no keyward key");
    std::fs::remove_file(&key).unwrap();
    user.run(&["whoami"]).failed(5, "is missing");
    std::fs::write(&key, &good).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let warned = user.run(&["whoami"]).ok();
    assert!(warned.err.contains("others may read the key file"), "{warned:?}");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(user.run(&["whoami"]).ok().err, "");
}

#[test]
fn without_a_home_folder_the_variable_is_named() {
    let user = User::new();
    let mut command = user.command(&["list"]);
    command.env_remove("KEYWARD_HOME").env_remove("HOME");
    let refused = Ended::of(command.output().unwrap()).failed(2, "no home folder");
    assert!(refused.err.contains("KEYWARD_HOME"), "{refused:?}");
}

#[test]
fn without_a_vault_init_is_named() {
    let user = User::new();
    for args in [&["list", "-p", "shop"][..], &["whoami"], &["slot", "list"], &["unlock"]] {
        let refused = user.run(args).failed(5, "no vault");
        assert!(refused.err.contains("keyward init"), "{refused:?}");
    }
    assert!(!user.path("home").exists(), "asking made something");
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let user = User::new();
    // Nobody makes folders there, root neither.
    let refused = user.run_env(&["init", "--yes", "-p", "shop"], &[("KEYWARD_HOME", "/proc/keyward")]);
    assert!(refused.code == 2 || refused.code == 70, "{refused:?}");
    assert!(refused.err.contains("/proc/keyward"), "{refused:?}");
}

#[test]
fn a_lock_that_a_dead_process_left_blocks_nobody() {
    let user = User::with_vault();
    std::fs::write(user.path("home/keyward.lock"), "1\n/nonexistent/keyward.sock\n").unwrap();
    user.run(&["whoami"]).ok();
    std::fs::write(user.path("home/keyward.lock"), [0xff; 64]).unwrap();
    user.run(&["whoami"]).ok();
}

#[test]
fn processes_that_write_at_once_all_succeed() {
    let user = User::with_vault();
    let children: Vec<_> = (0..6)
        .map(|n| {
            let file = user.path(&format!("value-{n}"));
            std::fs::write(&file, format!("value number {n} of the test")).unwrap();
            user.start(&["set", "SHARED", "-e", "development", "--file", file.to_str().unwrap()], &[])
        })
        .collect();
    for child in children {
        Ended::of(child.wait_with_output().unwrap()).ok();
    }
    let shown = user.run(&["list", "--json"]).ok().json();
    assert_eq!(shown["secrets"][0]["version"], 6, "versions are gapless");
    user.run(&["audit", "verify"]).ok();
}

#[test]
fn a_passphrase_file_that_is_missing_is_named() {
    let user = User::with_passphrase();
    user.run_env(&["list"], &[("KEYWARD_PASSPHRASE_FILE", "/nonexistent/file")]).failed(2, "/nonexistent/file");
    user.run_env(&["list"], &[("KEYWARD_PASSPHRASE", &PASSPHRASE[1..])]).failed(5, "passphrase");
}
