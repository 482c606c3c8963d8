//! What the first `init` makes, with and without a terminal.

use crate::kit::{PASSPHRASE, User, mode, slot_kinds};

#[test]
fn without_a_terminal_a_key_file_outside_the_databases_folder_opens_the_vault() {
    let user = User::new();
    let made = user.run(&["init", "--yes", "-p", "shop"]).ok();
    let key = user.key_file();
    assert!(made.err.contains(&format!("opened by the key file `{}`", key.display())), "{made:?}");
    assert_eq!((mode(&key), mode(&user.database())), (0o600, 0o600));
    assert_ne!(key.parent(), user.database().parent());
    assert_eq!(slot_kinds(&user, &[]), ["key-file"]);
}

#[test]
fn the_passphrase_of_the_environment_opens_the_vault_and_nothing_else_does() {
    let user = User::with_passphrase();
    user.run(&["whoami"]).failed(5, "the vault is locked");
    user.run_env(&["whoami"], &[("KEYWARD_PASSPHRASE", "another passphrase altogether")]).failed(5, "passphrase");
    let file = user.path("passphrase");
    std::fs::write(&file, format!("{PASSPHRASE}\n")).unwrap();
    user.run_env(&["whoami"], &[("KEYWARD_PASSPHRASE_FILE", file.to_str().unwrap())]).ok();
    let kept = std::fs::read_dir(user.path("home/keys")).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(kept.into_iter().all(|name| !name.to_string_lossy().ends_with(".key")), "a key file was written");
}

#[test]
fn a_weak_passphrase_makes_no_vault() {
    let user = User::new();
    user.run_env(&["init", "--yes", "-p", "shop"], &[("KEYWARD_PASSPHRASE", "password1")]).failed(2, "easy to guess");
    assert!(!user.database().exists());
}

#[test]
fn a_terminal_asks_twice_and_shows_a_recovery_code_once() {
    let user = User::new();
    let steps = [
        ("New passphrase", "password"),
        ("New passphrase", PASSPHRASE),
        ("The same again", "something else"),
        ("New passphrase", PASSPHRASE),
        ("The same again", PASSPHRASE),
        ("type its last group", "@group"),
    ];
    let made = user.terminal(&["init", "--yes", "-p", "shop"], &steps);
    assert_eq!(made.code, 0, "{made:?}");
    assert!(made.out.contains("easy to guess") && made.out.contains("about "), "{made:?}");
    assert!(made.out.contains("opened by your passphrase"), "{made:?}");
    assert!(!made.out.contains(PASSPHRASE), "a passphrase was echoed");
    let code = made.out.split_whitespace().find(|word| word.starts_with("KWR-")).expect("a code is shown");
    assert_eq!(made.out.matches("KWR-").count(), 1, "it is shown once");
    assert_eq!(slot_kinds(&user, &[("KEYWARD_PASSPHRASE", code)]), ["passphrase", "recovery-code"]);
    assert_eq!(slot_kinds(&user, &[("KEYWARD_PASSPHRASE", PASSPHRASE)]).len(), 2);
}

#[test]
fn ctrl_c_ends_the_first_start_of_a_server_at_each_of_its_questions() {
    let up = ["up", "--listen", "127.0.0.1:0"];
    let user = User::new();
    assert_eq!(user.terminal(&up, &[("New passphrase", "orbit\u{3}")]).code, 130);
    assert!(!user.database().exists());
    let steps = [("New passphrase", PASSPHRASE), ("The same again", PASSPHRASE), ("type its last group", "\u{3}")];
    let ended = user.terminal(&up, &steps);
    assert_eq!(ended.code, -2, "the signal ends it: {ended:?}");
    // What was made stands, and is free.
    assert_eq!(slot_kinds(&user, &[("KEYWARD_PASSPHRASE", PASSPHRASE)])[0], "passphrase");
}
