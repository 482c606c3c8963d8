//! CPU time of a history scan beside that of `git` merely printing all objects, and of kingfisher if
//! `KEYWARD_PEER_KINGFISHER` names its binary: `cargo bench -p keyward-scan --bench history`.
//!
//! The repository is made once and kept: the sources of crates that lie in cargo's registry, a few
//! files of which each commit edits with lines of others; `KEYWARD_BENCH_COMMITS` says how many
//! commits (12,000), `KEYWARD_BENCH_REPOSITORY` names another repository instead.
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::unwrap_used, missing_docs)]
#![allow(clippy::disallowed_methods, reason = "a bench is told what to measure by the environment")]

use std::cell::RefCell;
use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use keyward_scan::git::{self, HistoryOptions, Repository};
use keyward_scan::{Engine, Scanner, SeenBlobs, Silence, Verdict};
use keyward_types::Finding;

/// Set in the process that scans: threads, and where to keep what was seen.
const SCAN: &str = "KEYWARD_BENCH_SCAN";

fn main() {
    let repository = std::env::var_os("KEYWARD_BENCH_REPOSITORY").map_or_else(made, PathBuf::from);
    if let Ok(threads) = std::env::var(SCAN) {
        return scan(&repository, threads.parse().unwrap());
    }
    let path = repository.to_str().unwrap().to_owned();
    let own = std::env::current_exe().unwrap();
    let seen = Path::new(env!("CARGO_TARGET_TMPDIR")).join("history.seen");
    let _ = fs::remove_file(&seen);
    let mut rows: Vec<(String, Measured)> = Vec::new();
    let floor = ["git", "-C", &path, "cat-file", "--batch-all-objects", "--unordered", "--batch"];
    let ours = |threads: &str, seen: Option<&Path>| {
        let mut command = Command::new("sh");
        command.env(SCAN, threads).env("KEYWARD_BENCH_REPOSITORY", &path);
        seen.map(|seen| command.env("KEYWARD_BENCH_SEEN", seen));
        measure(command, &[own.to_str().unwrap()])
    };
    // Interleaved, the best of three: others use the machine too.
    for _ in 0..3 {
        best(&mut rows, "git cat-file (floor)", measure(Command::new("sh"), &floor));
        best(&mut rows, "keyward, 1 thread", ours("1", None));
        best(&mut rows, "keyward, 2 threads", ours("2", None));
        ours("2", Some(&seen));
        best(&mut rows, "keyward again, nothing new", ours("2", Some(&seen)));
        if let Ok(peer) = std::env::var("KEYWARD_PEER_KINGFISHER") {
            let arguments = ["scan", &path, "--git-history", "full", "--no-validate", "--no-update-check"];
            let arguments = [&[peer.as_str()], arguments.as_slice()].concat();
            best(&mut rows, "kingfisher", measure(Command::new("sh"), &arguments));
        }
    }
    print(&path, &rows);
}

#[derive(Clone, Default)]
struct Measured {
    cpu: f64,
    wall: f64,
    /// Megabytes, where the program says so.
    memory: Option<f64>,
}

/// Runs a program under a shell, which knows the CPU time of its children.
fn measure(mut shell: Command, arguments: &[&str]) -> Measured {
    let start = Instant::now();
    let output =
        shell.args(["-c", "\"$@\" >/dev/null; times", "sh"]).args(arguments).stdin(Stdio::null()).output().unwrap();
    let wall = start.elapsed().as_secs_f64();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let cpu = text.lines().last().unwrap_or_default().split_whitespace().map(seconds).sum();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let memory = errors.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse().ok());
    Measured { cpu, wall, memory: memory.map(|kilobytes: f64| kilobytes / 1024.0) }
}

/// `1m2.5s`
fn seconds(text: &str) -> f64 {
    let (minutes, seconds) = text.trim_end_matches('s').split_once('m').unwrap_or(("0", "0"));
    minutes.parse::<f64>().unwrap_or(0.0) * 60.0 + seconds.parse::<f64>().unwrap_or(0.0)
}

fn best(rows: &mut Vec<(String, Measured)>, name: &str, new: Measured) {
    match rows.iter_mut().find(|(own, _)| own == name) {
        Some((_, old)) => {
            old.wall = old.wall.min(new.wall);
            old.cpu = old.cpu.min(new.cpu);
            old.memory = old.memory.or(new.memory);
        }
        None => rows.push((name.to_owned(), new)),
    }
}

fn print(path: &str, rows: &[(String, Measured)]) {
    let list = ["-C", path, "count-objects", "-v"];
    let objects = String::from_utf8(Command::new("git").args(list).output().unwrap().stdout).unwrap();
    println!("bench-table-begin");
    println!("| history of {path} ({}) | CPU s | × floor | wall s | RSS MB |", objects.trim().replace('\n', ", "));
    println!("| --- | --- | --- | --- | --- |");
    let floor = rows[0].1.cpu;
    for (name, one) in rows {
        let memory = one.memory.map_or("–".to_owned(), |memory| format!("{memory:.0}"));
        println!("| {name} | {:.2} | {:.2} | {:.2} | {memory} |", one.cpu, one.cpu / floor, one.wall);
    }
    println!("bench-table-end");
}

struct Report;

impl Silence for Report {
    fn judge(&self, _: &Finding, _: &[u8], _: &[u8]) -> Verdict {
        Verdict::Report
    }
}

struct Kept(PathBuf);

impl SeenBlobs for Kept {
    fn load(&self, _: &str) -> Option<Vec<u8>> {
        fs::read(&self.0).ok()
    }

    fn store(&self, _: &str, bytes: &[u8]) {
        fs::write(&self.0, bytes).unwrap();
    }
}

/// The process that is measured.
fn scan(path: &Path, threads: usize) {
    let scanner = Scanner { engine: Engine::new(Vec::new()), known: None, silence: Box::new(Report) };
    let kept = std::env::var_os("KEYWARD_BENCH_SEEN").map(|path| Kept(path.into()));
    let seen = kept.as_ref().map(|kept| kept as &dyn SeenBlobs);
    let count = RefCell::new(0);
    let options = HistoryOptions { threads, seen, ..HistoryOptions::default() };
    let repository = Repository::discover(path).unwrap();
    git::history(&scanner, &repository, &options, &|outcome| *count.borrow_mut() += outcome.found.len()).unwrap();
    eprintln!("{} findings", count.borrow());
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().filter(|line| line.starts_with("VmHWM:")).for_each(|line| eprintln!("{line}"));
}

/// A repository of many revisions, made by `git fast-import` and repacked as `git gc` would.
fn made() -> PathBuf {
    let commits: usize =
        std::env::var("KEYWARD_BENCH_COMMITS").map_or(12_000, |text| text.parse().expect("a number of commits"));
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("history-{commits}.git"));
    if path.join("made").exists() {
        return path;
    }
    let _ = fs::remove_dir_all(&path);
    eprintln!("making {}: this takes a while", path.display());
    run(Command::new("git").args(["init", "-q", "--bare"]).arg(&path));
    let mut import = Command::new("git");
    import.arg("-C").arg(&path).args(["fast-import", "--quiet"]).stdin(Stdio::piped());
    let mut import = import.spawn().unwrap();
    revisions(&mut BufWriter::new(import.stdin.take().unwrap()), commits).unwrap();
    assert!(import.wait().unwrap().success());
    run(Command::new("git").arg("-C").arg(&path).args(["repack", "-adfq", "--window=10", "--depth=50"]));
    fs::write(path.join("made"), "").unwrap();
    path
}

fn run(command: &mut Command) {
    assert!(command.status().unwrap().success());
}

fn revisions(out: &mut impl Write, commits: usize) -> std::io::Result<()> {
    let mut sources = Vec::new();
    let home = std::env::var_os("CARGO_HOME").map_or_else(|| Path::new(env!("HOME")).join(".cargo"), PathBuf::from);
    collect(&home.join("registry/src"), &mut sources);
    sources.sort();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for at in (1..sources.len()).rev() {
        sources.swap(at, random.below(at + 1));
    }
    let read = |path: &PathBuf| -> Vec<Vec<u8>> {
        fs::read(path).unwrap().split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
    };
    let mut files: Vec<Vec<Vec<u8>>> = sources.iter().take(600).map(read).collect();
    let others: Vec<Vec<Vec<u8>>> = sources.iter().skip(600).take(400).map(read).collect();
    assert!(files.len() == 600 && !others.is_empty(), "cargo's registry holds the sources of this workspace's crates");
    for commit in 0..commits {
        writeln!(out, "commit refs/heads/main")?;
        writeln!(out, "committer A U Thor <author@example.com> {} +0000", 1_500_000_000 + commit * 60)?;
        writeln!(out, "data 0")?;
        let changed: Vec<usize> =
            if commit == 0 { (0..files.len()).collect() } else { (0..4).map(|_| random.below(files.len())).collect() };
        for number in changed {
            let file = &mut files[number];
            for _ in 0..if commit == 0 { 0 } else { 1 + random.below(4) } {
                let other = &others[random.below(others.len())];
                let from = random.below(other.len());
                let new = other[from..other.len().min(from + 1 + random.below(12))].to_vec();
                let at = random.below(file.len() + 1);
                file.splice(at..file.len().min(at + random.below(12)), new);
            }
            let content = file.concat();
            writeln!(
                out,
                "M 100644 inline src/d{}/e{}/file{number}.rs\ndata {}",
                number % 20,
                number % 7,
                content.len()
            )?;
            out.write_all(&content)?;
            writeln!(out)?;
        }
    }
    Ok(())
}

fn collect(folder: &Path, sources: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, data) = (entry.path(), entry.metadata().unwrap());
        if data.is_dir() {
            collect(&path, sources);
        } else if path.extension().is_some_and(|end| end == "rs") && (8_000..80_000).contains(&data.len()) {
            sources.push(path);
        }
    }
}

/// Numbers that look random and are the same every time (xorshift, Marsaglia 2003).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound
    }
}
