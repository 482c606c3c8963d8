//! What looking for encoded text adds to each byte of source code.
//! `cargo bench -p keyward-scan --bench decode -- [FOLDER] [MEGABYTES]`; without a folder, the sources of the
//! packages that cargo has unpacked.
#![allow(clippy::print_stdout, reason = "the table is what this is for")]
#![allow(clippy::unwrap_used, reason = "a tool for developers that stops where it cannot go on")]
#![allow(clippy::disallowed_methods, reason = "finds cargo's folder as cargo does")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use keyward_scan::{Hint, decode};

/// Source and what stands beside it in a repository.
const ENDINGS: [&str; 12] = ["rs", "c", "h", "py", "js", "ts", "go", "toml", "json", "md", "yml", "txt"];
const ROUNDS: usize = 7;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let root = arguments.first().map_or_else(registry, PathBuf::from);
    let megabytes: usize = arguments.get(1).map_or(50, |text| text.parse().unwrap());
    let mut files = Vec::new();
    let mut total = 0;
    collect(&root, megabytes << 20, &mut total, &mut files);
    let (mut texts, mut decoded) = (0usize, 0usize);
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            (texts, decoded) = (0, 0);
            let start = cpu_time();
            for (path, bytes) in &files {
                decode::each(bytes, &Hint { path, depth: 0 }, &mut |text| {
                    texts += 1;
                    decoded += text.bytes.len();
                });
            }
            (cpu_time() - start).as_secs_f64()
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let nanoseconds = times.iter().map(|time| time * 1e9 / total as f64).collect::<Vec<f64>>();
    println!(
        "{} files, {total} bytes, {texts} texts decoded ({decoded} bytes): median {:.3} ns a byte, best {:.3}, worst {:.3}",
        files.len(),
        nanoseconds[ROUNDS / 2],
        nanoseconds[0],
        nanoseconds[ROUNDS - 1],
    );
}

/// Time that this thread ran: others on the machine do not count, as they would on a clock.
fn cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

fn registry() -> PathBuf {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    home.unwrap_or_else(|| PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cargo")).join("registry/src")
}

fn collect(folder: &Path, most: usize, total: &mut usize, files: &mut Vec<(String, Vec<u8>)>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()).collect();
    entries.sort_by_key(std::fs::DirEntry::path);
    for entry in entries {
        let path = entry.path();
        if *total >= most {
            return;
        }
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            collect(&path, most, total, files);
        } else if kind.is_file() && path.extension().is_some_and(|end| ENDINGS.iter().any(|one| end == *one)) {
            let bytes = std::fs::read(&path).unwrap();
            *total += bytes.len();
            files.push((path.to_string_lossy().into_owned(), bytes));
        }
    }
}
