//! What knowing the vault adds to a scan: `cargo bench -p keyward-testing --bench recognise`.
//!
//! The text is source code of the packages that cargo has unpacked, else prose that is made up. All
//! times are CPU times of one thread, medians of rounds in which what is compared takes turns.
#![allow(clippy::print_stdout, reason = "the table is what this is for")]
#![allow(clippy::unwrap_used, reason = "a tool for developers that stops where it cannot go on")]
#![allow(clippy::disallowed_methods, reason = "finds cargo's folder as cargo does")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use keyward_scan::{Engine, Scanner, Silence, Source, Verdict};
use keyward_testing::vault::new_value;
use keyward_testing::{Seed, TestVault, values};
use keyward_types::{Finding, KnownSecrets};
use keyward_vault::{Holder, MatchBundle};

const SECRETS: usize = 10_000;
const BYTES: usize = 48 << 20;
const ROUNDS: usize = 5;
const ENDINGS: [&str; 8] = ["rs", "c", "h", "py", "js", "toml", "json", "md"];

struct Nothing;
impl Silence for Nothing {
    fn judge(&self, _: &Finding, _: &[u8], _: &[u8]) -> Verdict {
        Verdict::Report
    }
}

fn main() {
    let files = files();
    let total: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
    let words = |number: usize, seed: &mut Seed| values::strong([0, 1, 2, 3, 4, 5, 7][number % 7], seed);
    let stored = stored_in_a_vault(Holder::Owner, &words);
    let with_spaces = stored_in_a_vault(Holder::Owner, &values::strong);
    let for_others = stored_in_a_vault(Holder::Other, &words);
    let scanner = |known: Option<Arc<dyn KnownSecrets>>| Scanner {
        engine: Engine::new(Vec::new()),
        known,
        silence: Box::new(Nothing),
    };
    let bundle = Arc::new(MatchBundle::from_bytes(&stored).unwrap());
    let spaced = Arc::new(MatchBundle::from_bytes(&with_spaces).unwrap());
    let for_others = Arc::new(MatchBundle::from_bytes(&for_others).unwrap());
    let (without, with) = (scanner(None), scanner(Some(bundle.clone())));
    let mut times: [Vec<f64>; 6] = Default::default();
    for _ in 0..ROUNDS {
        times[0].push(seconds(|| scan(&without, &files)));
        times[1].push(seconds(|| scan(&with, &files)));
        times[2].push(seconds(|| find(&bundle, &files)));
        times[3].push(seconds(|| find(&spaced, &files)));
        times[5].push(seconds(|| find(&for_others, &files)));
        times[4].push(seconds(|| assert_eq!(MatchBundle::from_bytes(&stored).unwrap().len(), SECRETS)));
    }
    let [without, with, alone, spaced, build, others] = times.map(median);
    let each = |time: f64| time * 1e9 / total as f64;
    println!("bench-table-begin");
    println!("| {} MB of source code, {SECRETS} stored secrets, one thread | CPU s | ns a byte |", total >> 20);
    println!("| --- | --- | --- |");
    println!("| scan that knows no vault | {without:.3} | {:.2} |", each(without));
    println!("| scan that knows the vault | {with:.3} | {:.2} |", each(with));
    println!("| what that adds | {:+.0} % | {:+.2} |", (with / without - 1.0) * 100.0, each(with - without));
    println!("| looking for stored values alone | {alone:.3} | {:.2} |", each(alone));
    println!("| the same, an eighth of them phrases with spaces | {spaced:.3} | {:.2} |", each(spaced));
    println!("| the first, in a bundle for others | {others:.3} | {:.2} |", each(others));
    println!("| making the bundle ready, {:.1} MB | {build:.3} | |", stored.len() as f64 / 1e6);
    println!("bench-table-end");
}

fn scan(scanner: &Scanner, files: &[(String, Vec<u8>)]) {
    for (path, bytes) in files {
        let outcome = scanner.scan(&Source { path, ..Source::default() }, bytes);
        assert!(outcome.found.iter().all(|found| found.finding.vault.is_none()), "{path}");
    }
}

fn find(bundle: &MatchBundle, files: &[(String, Vec<u8>)]) {
    for (path, bytes) in files {
        bundle.find(bytes, &mut |_, _| panic!("a stored value in {path}"));
    }
}

/// The bundle of a vault of values that `value` makes.
fn stored_in_a_vault(holder: Holder, value: &dyn Fn(usize, &mut Seed) -> String) -> Vec<u8> {
    let desk = TestVault::new(1);
    let mut seed = Seed::new(1);
    for batch in (0..SECRETS).collect::<Vec<_>>().chunks(500) {
        let values =
            batch.iter().map(|number| new_value(&format!("KEY_{number}"), &value(*number, &mut seed))).collect();
        desk.vault.write(&desk.actor, &desk.scope, values).unwrap();
    }
    desk.vault.match_bundle(&desk.actor, holder).unwrap().to_bytes().to_vec()
}

/// CPU time: others on the machine do not count, as they would on a clock.
fn seconds(work: impl FnOnce()) -> f64 {
    let start = cpu_time();
    work();
    cpu_time() - start
}

fn cpu_time() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn files() -> Vec<(String, Vec<u8>)> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.unwrap_or_else(|| PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cargo"));
    let mut files = Vec::new();
    collect(&home.join("registry/src"), &mut 0, &mut files);
    if files.iter().map(|(_, bytes)| bytes.len()).sum::<usize>() < BYTES / 2 {
        let mut seed = Seed::new(2);
        let line = |seed: &mut Seed| format!("    let {} = {};\n", seed.choose(&values::WORDS), seed.below(1000));
        let text: String = (0..1000).map(|_| line(&mut seed)).collect();
        files = (0..BYTES / text.len()).map(|n| (format!("{n}.rs"), text.clone().into_bytes())).collect();
    }
    files
}

fn collect(folder: &Path, total: &mut usize, files: &mut Vec<(String, Vec<u8>)>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        if *total >= BYTES {
            return;
        }
        if path.is_dir() {
            collect(&path, total, files);
        } else if path.extension().is_some_and(|end| ENDINGS.iter().any(|one| end == *one)) {
            let bytes = std::fs::read(&path).unwrap();
            *total += bytes.len();
            files.push((path.to_string_lossy().into_owned(), bytes));
        }
    }
}
