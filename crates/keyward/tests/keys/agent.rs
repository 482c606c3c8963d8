//! `unlock` and `lock`: an agent answers for a while, and nothing else changes.

use std::os::unix::fs::FileTypeExt;
use std::time::{Duration, Instant};

use crate::kit::{Ended, PASSPHRASE, User, mode};

const OPENED: &[(&str, &str)] = &[("KEYWARD_PASSPHRASE", PASSPHRASE)];

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < Duration::from_secs(20), "never: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn agent_pid(user: &User) -> String {
    let text = std::fs::read_to_string(user.path("home/keyward.lock")).unwrap();
    text.lines().next().unwrap().to_owned()
}

fn signal(pid: &str, name: &str) {
    assert!(std::process::Command::new("kill").args([name, pid]).status().unwrap().success());
}

#[test]
fn unlock_opens_for_others_and_lock_closes() {
    let user = User::with_passphrase();
    user.run(&["list"]).failed(5, "locked");
    user.run_env(&["unlock", "--for", "1h"], OPENED).ok();
    let socket = user.path("home/keyward.sock");
    assert!(std::fs::symlink_metadata(&socket).unwrap().file_type().is_socket());
    assert_eq!(mode(&socket), 0o600);
    user.run(&["list"]).ok();
    let again = user.run(&["unlock"]).ok();
    assert!(again.err.contains("open already"), "{again:?}");
    let locked = user.run(&["lock"]).ok();
    assert!(locked.err.contains("is closed") && !socket.exists(), "{locked:?}");
    user.run(&["list"]).failed(5, "locked");
    let locked = user.run(&["lock"]).ok();
    assert!(locked.err.contains("no agent"), "{locked:?}");
}

#[test]
fn a_wrong_passphrase_starts_nothing() {
    let user = User::with_passphrase();
    user.run_env(&["unlock"], &[("KEYWARD_PASSPHRASE", "orbit plaster heron granite")]).failed(5, "passphrase");
    user.run(&["unlock"]).failed(5, "locked");
    assert!(!user.path("home/keyward.sock").exists());
    User::new().run(&["unlock"]).failed(5, "no vault");
    assert_eq!(user.run(&["unlock", "--for", "soon"]).code, 2);
}

#[test]
fn a_terminal_is_asked_until_the_passphrase_is_right() {
    let user = User::with_passphrase();
    let steps = [("Passphrase", "not this one"), ("Passphrase", PASSPHRASE), ("is open for 8h", "")];
    assert_eq!(user.terminal(&["unlock"], &steps).code, 0);
    user.run(&["list"]).ok();
}

#[test]
fn a_mistyped_passphrase_is_mended_and_ctrl_c_ends_as_a_signal_does() {
    let user = User::with_passphrase();
    let typed = format!("mistyped\u{15}{}\u{e9}x\u{7f}\u{7f}", PASSPHRASE);
    assert_eq!(user.terminal(&["whoami"], &[("Passphrase", &typed)]).code, 0);
    let ended = user.terminal(&["whoami"], &[("Passphrase", "orbit\u{3}")]);
    assert_eq!(ended.code, 130, "{ended:?}");
    assert!(!ended.out.contains("orbit"), "{ended:?}");
}

/// Everything that is no word of chance or time.
fn transcript(user: &User, env: &[(&str, &str)]) -> Vec<Ended> {
    let set = |name: &str, value: &str, environment: &str| {
        let mut command = user.command(&["set", name, "-e", environment]);
        command.envs(env.iter().copied());
        let file = user.path("value");
        std::fs::write(&file, value).unwrap();
        Ended::of(command.stdin(std::fs::File::open(&file).unwrap()).output().unwrap())
    };
    let run = |args: &[&str]| user.run_env(args, env);
    vec![
        run(&["project", "create", "till"]),
        set("API_KEY", "first-value-of-the-test", "development"),
        set("API_KEY", "second-value-of-the-test", "development"),
        set("API_KEY", "second-value-of-the-test", "staging"),
        run(&["get", "API_KEY"]),
        run(&["get", "API_KEY", "--version", "1"]),
        run(&["get", "NOTHING"]),
        run(&["get", "API_KEY", "-p", "nowhere"]),
        run(&["rollback", "API_KEY", "1", "-e", "development"]),
        run(&["rollback", "API_KEY", "1", "-e", "development"]),
        run(&["delete", "API_KEY", "-e", "staging"]),
        run(&["get", "API_KEY", "-e", "staging"]),
        run(&["undelete", "API_KEY", "-e", "staging"]),
        run(&["destroy", "API_KEY", "--version", "2", "-e", "development"]),
        run(&["destroy", "API_KEY", "--version", "2", "-e", "development", "--yes"]),
        run(&["destroy", "API_KEY", "--version", "2", "-e", "development", "--yes", "--json"]),
        run(&["list"]),
        run(&["set", "NAME=value"]),
        run(&["whoami", "-p", "shop"]),
    ]
}

#[test]
fn every_command_answers_alike_with_and_without_an_agent() {
    let (without, with) = (User::with_passphrase(), User::with_passphrase());
    with.run_env(&["unlock"], OPENED).ok();
    let (without, with) = (transcript(&without, OPENED), transcript(&with, &[]));
    for (n, (a, b)) in without.iter().zip(&with).enumerate() {
        let words = |text: &str| text.split_whitespace().filter(|word| word.len() < 26 && !word.contains('/')).count();
        assert_eq!(a.code, b.code, "step {n}: {a:?} {b:?}");
        if n + 1 < without.len() {
            assert_eq!((&a.out, &a.err), (&b.out, &b.err), "step {n}");
        } else {
            assert_eq!(words(&a.out), words(&b.out), "step {n}: {a:?} {b:?}");
        }
    }
}

#[test]
fn a_killed_agent_blocks_nobody() {
    let user = User::with_passphrase();
    user.run_env(&["unlock"], OPENED).ok();
    let killed = agent_pid(&user);
    signal(&killed, "-KILL");
    assert!(user.path("home/keyward.sock").exists(), "nobody cleaned up");
    user.run_env(&["list"], OPENED).ok();
    let locked = user.run(&["lock"]).ok();
    assert!(locked.err.contains("no agent"), "{locked:?}");
    user.run_env(&["unlock"], OPENED).ok();
    user.run(&["list"]).ok();
    assert_ne!(agent_pid(&user), killed);
}

#[test]
fn it_ends_on_time_and_on_signals_and_cleans_up() {
    let user = User::with_passphrase();
    let socket = user.path("home/keyward.sock");
    user.run_env(&["unlock", "--for", "2s"], OPENED).ok();
    user.run(&["list"]).ok();
    until("its time is over", || !socket.exists());
    for name in ["-TERM", "-HUP"] {
        user.run_env(&["unlock"], OPENED).ok();
        signal(&agent_pid(&user), name);
        until("it ends on a signal", || !socket.exists());
        until("it gives up the store", || user.run(&["list"]).code == 5);
    }
}

#[test]
fn nothing_of_the_passphrase_is_in_its_arguments_environment_or_memory_dumps() {
    let user = User::with_passphrase();
    user.run_env(&["unlock"], &[("KEYWARD_PASSPHRASE", PASSPHRASE), ("OTHER_KEY", "exported-for-others")]).ok();
    let process = std::path::PathBuf::from("/proc").join(agent_pid(&user));
    let arguments = std::fs::read(process.join("cmdline")).unwrap();
    assert!(String::from_utf8_lossy(&arguments).ends_with("keyward\0agent\0"));
    let limits = std::fs::read_to_string(process.join("limits")).unwrap();
    let cores = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(cores.split_whitespace().nth(4), Some("0"), "{cores}");
    // Only root reads the environment of a process that is not dumpable.
    if let Ok(environment) = std::fs::read(process.join("environ")) {
        let environment = String::from_utf8_lossy(&environment).into_owned();
        assert!(!environment.contains(PASSPHRASE) && !environment.contains("exported-for-others"), "{environment}");
    }
}

#[test]
fn a_home_too_deep_for_a_socket_address_has_an_agent_too() {
    let user = User::new();
    let deep = user.path(&format!("{}/{}", "a".repeat(90), "b".repeat(90)));
    std::fs::create_dir_all(&deep).unwrap();
    let home = [("KEYWARD_HOME", deep.to_str().unwrap()), ("KEYWARD_PASSPHRASE", PASSPHRASE)];
    user.run_env(&["init", "--yes", "-p", "shop"], &home).ok();
    user.run_env(&["unlock"], &home).ok();
    user.run_env(&["list"], &home[..1]).ok();
    let locked = user.run_env(&["lock"], &home[..1]).ok();
    assert!(locked.err.contains("is closed"), "{locked:?}");
}

#[test]
fn many_at_once_are_all_answered() {
    let user = User::with_passphrase();
    user.run_env(&["unlock"], OPENED).ok();
    let write = |n: usize| {
        let file = user.path(&format!("value-{n}"));
        std::fs::write(&file, format!("value number {n} of the test")).unwrap();
        user.start(&["set", &format!("KEY_{n}"), "--file", file.to_str().unwrap()], &[])
    };
    let children: Vec<_> = (0..8).map(write).collect();
    for child in children {
        Ended::of(child.wait_with_output().unwrap()).ok();
    }
    let listed = user.run(&["list", "--json"]).ok().json();
    assert_eq!(listed["secrets"].as_array().unwrap().len(), 8);
}
