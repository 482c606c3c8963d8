//! What a command costs as a whole process: start, `run` with 20 secrets from a vault of 10,000,
//! `list` of 10,000. Each round runs every contestant once, in turn, so that a slow moment of the
//! machine hits all alike; medians are quoted.

#![allow(clippy::print_stdout, reason = "the table is what this is for")]
#![allow(clippy::unwrap_used, reason = "a bench that cannot go on should stop")]
#![allow(missing_docs, reason = "a program")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const KEYWARD: &str = env!("CARGO_BIN_EXE_keyward");
const STORED: usize = 10_000;
const ROUNDS: usize = 41;

struct Contestant {
    name: &'static str,
    command: Box<dyn Fn() -> Command>,
    times: Vec<Duration>,
}

fn main() {
    let home = tempfile::tempdir().unwrap();
    let project = home.path().join("shop");
    std::fs::create_dir(&project).unwrap();
    fill(home.path(), &project);
    let (home_path, project_path) = (home.path().to_owned(), project.clone());
    let keyward = move |args: &[&str]| command(&home_path, &project_path, args);
    let with = |name, args: &'static [&'static str]| {
        let keyward = keyward.clone();
        Contestant { name, command: Box::new(move || keyward(args)), times: vec![] }
    };
    let plain = || {
        let mut command = Command::new("/bin/true");
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    };
    let mut contestants = vec![
        Contestant { name: "plain exec of `true`", command: Box::new(plain), times: vec![] },
        with("`keyward --version`", &["--version"]),
        with("`keyward run -- true`, 20 secrets of 10,000", &["run", "--", "/bin/true"]),
        with("the same, `--no-mask`", &["run", "--no-mask", "--", "/bin/true"]),
        with("`keyward list` of 10,000", &["list", "-e", "staging"]),
        with("`keyward get`, one of 10,000", &["get", "KEY_5000", "-e", "staging"]),
    ];
    contestants.extend(peers(&project));
    for round in 0..=ROUNDS {
        for contestant in &mut contestants {
            let started = Instant::now();
            let status = (contestant.command)().status().unwrap();
            assert!(status.success(), "{}", contestant.name);
            // The first round warms the caches.
            if round > 0 {
                contestant.times.push(started.elapsed());
            }
        }
    }
    report(&mut contestants);
}

fn command(home: &Path, project: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(KEYWARD);
    command.env("KEYWARD_HOME", home.join("home")).env("KEYWARD_KEYS", home.join("keys")).current_dir(project);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// 10,000 secrets in staging, 20 in development: values made here, and obviously fake.
fn fill(home: &Path, project: &Path) {
    let value = |n: usize| format!("FAKE-{:016x}-{:016x}", n.wrapping_mul(0x9E37_79B9_7F4A_7C15), n * 7919);
    let file = |name: &str, count: usize| {
        let object: serde_json::Map<String, serde_json::Value> =
            (0..count).map(|n| (format!("KEY_{n}"), value(n + count).into())).collect();
        let path = project.join(name);
        std::fs::write(&path, serde_json::to_vec(&object).unwrap()).unwrap();
        path
    };
    let run = |args: &[&str]| assert!(command(home, project, args).status().unwrap().success(), "{args:?}");
    run(&["init", "--yes", "--no-import"]);
    let (staging, development) = (file("staging.json", STORED), file("development.json", 20));
    run(&["import", staging.to_str().unwrap(), "-e", "staging"]);
    run(&["import", development.to_str().unwrap(), "-e", "development"]);
    let lines: String = (0..20).map(|n| format!("KEY_{n}={}\n", value(n + 20))).collect();
    std::fs::write(project.join("peer.env"), lines).unwrap();
}

/// Peers that were installed for the differential tests, where they are at hand.
fn peers(project: &Path) -> Vec<Contestant> {
    #[expect(clippy::disallowed_methods, reason = "where the peers are is told by whoever installed them")]
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    let mut peers = Vec::new();
    let file = project.join("peer.env");
    if let Some(folder) = variable("KEYWARD_PEERS_NODE_DIR") {
        let (program, file) = (folder.join("node_modules/.bin/dotenvx"), file.clone());
        let command = move || {
            let mut command = Command::new(&program);
            command.args(["run", "--quiet", "-f"]).arg(&file).args(["--", "/bin/true"]);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command
        };
        peers.push(Contestant {
            name: "`dotenvx run` (npm), 20 plaintext values",
            command: Box::new(command),
            times: vec![],
        });
    }
    if let Some(python) = variable("KEYWARD_PEERS_PYTHON") {
        let command = move || {
            let mut command = Command::new(&python);
            command.args(["-m", "dotenv", "-f"]).arg(&file).args(["run", "/bin/true"]);
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command
        };
        peers.push(Contestant {
            name: "`dotenv run` (python-dotenv), 20 plaintext values",
            command: Box::new(command),
            times: vec![],
        });
    }
    peers
}

fn report(contestants: &mut [Contestant]) {
    let floor = median(&mut contestants[0].times);
    println!("bench-table-begin");
    println!("| whole process | median ms | over plain exec, ms | min | max |");
    println!("| --- | --- | --- | --- | --- |");
    for contestant in contestants {
        let middle = median(&mut contestant.times);
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let (least, most) = (contestant.times[0], contestant.times[contestant.times.len() - 1]);
        let over = ms(middle) - ms(floor);
        println!("| {} | {:.2} | {over:.2} | {:.2} | {:.2} |", contestant.name, ms(middle), ms(least), ms(most));
    }
    println!("bench-table-end");
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort();
    times[times.len() / 2]
}
