//! The keyring slot against a real GNOME Keyring on a session bus of its own (Debian packages
//! `gnome-keyring` and `dbus`).

use std::process::Command;

use crate::kit::{Ended, User};

/// Runs a shell script in a session whose keyring is open, with `keyward` as `$KEYWARD`.
fn in_session(user: &User, script: &str) -> Ended {
    let keyward = user.command(&[]);
    let runtime = user.path("runtime");
    std::fs::create_dir_all(&runtime).unwrap();
    let mut session = Command::new("dbus-run-session");
    let start = "printf open | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1\n";
    session.args(["--", "sh", "-euc", &format!("{start}{script}")]).current_dir(user.path("work")).env_clear();
    session.envs(keyward.get_envs().filter_map(|(name, value)| Some((name, value?))));
    session.env("KEYWARD", env!("CARGO_BIN_EXE_keyward")).env("XDG_RUNTIME_DIR", &runtime);
    Ended::of(session.output().expect("`dbus-run-session` is installed"))
}

#[test]
fn a_session_with_a_keyring_needs_neither_passphrase_nor_key_file() {
    let user = User::new();
    let made = in_session(
        &user,
        r#""$KEYWARD" init --yes -p shop
           printf value-of-the-test | "$KEYWARD" set API_KEY -e development
           "$KEYWARD" slot list
           "$KEYWARD" get API_KEY"#,
    );
    assert_eq!(made.code, 0, "{made:?}; the daemon is in Debian's package gnome-keyring");
    assert!(made.err.contains("opened by this system's keyring"), "{made:?}");
    assert!(made.out.contains("keyring") && made.out.ends_with("value-of-the-test"), "{made:?}");
    assert!(!user.path("home/keys").exists() || !has_key_file(&user), "a key file was written as well");
    // The keyring of another session is still there; without any session the vault stays shut.
    let again = in_session(&user, r#""$KEYWARD" get API_KEY"#);
    assert_eq!(again.out, "value-of-the-test", "{again:?}");
    user.run(&["get", "API_KEY"]).failed(5, "locked");
}

#[test]
fn a_keyring_slot_is_added_and_removed_with_its_entry() {
    let user = User::with_vault();
    let done = in_session(
        &user,
        r#""$KEYWARD" slot add keyring
           file=$(echo ../home/keys/*.key)
           mv "$file" ../away
           "$KEYWARD" whoami >/dev/null
           mv ../away "$file"
           id=$("$KEYWARD" slot list | awk '/keyring/ {print $1}')
           "$KEYWARD" slot remove "$id" --yes
           mv "$file" ../away
           "$KEYWARD" whoami && exit 9
           exit 0"#,
    );
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.err.contains("added slot") && done.err.contains("removed slot"), "{done:?}");
}

fn has_key_file(user: &User) -> bool {
    let files = std::fs::read_dir(user.path("home/keys")).unwrap();
    files.into_iter().any(|entry| entry.unwrap().path().extension().is_some_and(|end| end == "key"))
}
