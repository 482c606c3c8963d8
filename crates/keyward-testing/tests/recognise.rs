//! Campaign: values of every shape are stored in a vault and seeded, in eight spellings, into a tree and
//! into the history of a repository. The scanner finds each strong one and names the right secret and
//! version; in text that holds none it finds none.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

#[path = "recognise/clean.rs"]
mod clean;
#[path = "recognise/seeded.rs"]
mod seeded;
#[path = "recognise/stored.rs"]
mod stored;

use std::path::Path;
use std::sync::{Arc, Mutex};

use keyward_scan::git::{self, HistoryOptions, Repository};
use keyward_scan::tree::{self, TreeOptions};
use keyward_scan::{Engine, Scanner, Silence, Verdict};
use keyward_testing::{Seed, proof, size};
use keyward_types::{Finding, KnownSecrets};
use keyward_vault::Holder;
use seeded::{Planted, Spelling};
use stored::Stored;

struct Nothing;
impl Silence for Nothing {
    fn judge(&self, _: &Finding, _: &[u8], _: &[u8]) -> Verdict {
        Verdict::Report
    }
}

#[test]
fn stored_values_are_recognised_and_nothing_else_is() {
    let seed = Seed::of_campaign();
    let stored = Stored::new(size("KEYWARD_SECRETS", 40), &seed);
    let scanner = |holder| {
        let bundle = stored.bundle(holder);
        let known: Option<Arc<dyn KnownSecrets>> = Some(bundle.clone());
        (Scanner { engine: Engine::new(Vec::new()), known, silence: Box::new(Nothing) }, bundle)
    };
    // What may match and not read finds the same.
    let (other, _) = scanner(Holder::Other);
    let away = in_tree(&stored, &other, &seed);
    away.state("in a tree, by a bundle for others");
    assert_eq!((away.missed(), away.wrong), (0, 0));
    let (scanner, bundle) = scanner(Holder::Owner);
    proof("stored secrets", stored.secrets);
    proof("strong versions of them", stored.strong.len());
    proof("weak values and configuration beside them", stored.others.len());

    let tree = in_tree(&stored, &scanner, &seed);
    tree.state("in a tree");
    let history = in_history(&stored, &scanner, &seed);
    history.state("in a history");
    assert_eq!(stored.identified(), stored.strong.len() + stored.weak(), "every secret is identified by its value");

    let megabytes = size("KEYWARD_CLEAN_MB", 20);
    let (scanned, hits) = clean::hits(&*bundle, &scanner, megabytes, &seed);
    proof("megabytes of clean text", megabytes);
    proof("megabytes of it scanned with all rules too", scanned);
    proof("stored values named in clean text", hits);
    assert_eq!((tree.missed(), history.missed(), tree.wrong + history.wrong, hits), (0, 0, 0, 0));
}

/// Every value in every spelling, in the files of a tree.
fn in_tree(stored: &Stored, scanner: &Scanner, seed: &Seed) -> Planted {
    let folder = tempfile::tempdir().unwrap();
    let mut planted = Planted::default();
    for (number, spelling) in Spelling::ALL.into_iter().enumerate() {
        let mut seed = seed.part("tree", number as u64);
        let mut values: Vec<_> = stored.strong.iter().chain(&stored.others).collect();
        for at in (1..values.len()).rev() {
            values.swap(at, seed.below(at + 1));
        }
        for (file, values) in values.chunks(25).enumerate() {
            let path = format!("{number}/{file}.{}", seed.choose(&["txt", "py", "yml", "log"]));
            let text = planted.text(&path, values, &[spelling], &mut seed);
            std::fs::create_dir_all(folder.path().join(number.to_string())).unwrap();
            std::fs::write(folder.path().join(path), text).unwrap();
        }
    }
    let found = Mutex::new(Vec::new());
    tree::scan(scanner, &[folder.path().to_owned()], &TreeOptions::default(), &tree::Untracked, &|outcome| {
        assert!(outcome.summary.skipped.is_empty(), "{:?}", outcome.summary.skipped);
        found.lock().unwrap().extend(outcome.found.into_iter().map(|found| found.finding));
    });
    let root = folder.path().to_str().unwrap();
    for mut finding in found.into_inner().unwrap() {
        let inner = finding.path.strip_prefix(root).unwrap_or(&finding.path).trim_start_matches('/').to_owned();
        finding.path = inner;
        planted.enter(&finding);
    }
    planted
}

/// Every value once, in files that later commits write over or take away, and in one that grows.
fn in_history(stored: &Stored, scanner: &Scanner, seed: &Seed) -> Planted {
    let folder = tempfile::tempdir().unwrap();
    git(folder.path(), &["init", "-q"]);
    let mut planted = Planted::default();
    let mut seed = seed.part("history", 0);
    let values: Vec<_> = stored.strong.iter().chain(&stored.others).collect();
    for (commit, values) in values.chunks(12).enumerate() {
        let path = format!("{}/settings.txt", commit % 3);
        // Its lines are numbered on: those of each commit are other lines than those before.
        let text = planted.text_from(&path, commit * 1000, values, &Spelling::ALL, &mut seed);
        std::fs::create_dir_all(folder.path().join((commit % 3).to_string())).unwrap();
        let file = folder.path().join(&path);
        let padding = "\n".repeat(commit * 1000);
        std::fs::write(file, padding + &text).unwrap();
        git(folder.path(), &["add", "-A"]);
        git(folder.path(), &["commit", "-qm", "settings"]);
    }
    std::fs::remove_dir_all(folder.path().join("0")).unwrap();
    git(folder.path(), &["commit", "-qam", "they should not be here"]);
    git(folder.path(), &["repack", "-adq"]);
    let found = Mutex::new(Vec::new());
    let repository = Repository::discover(folder.path()).unwrap();
    git::history(scanner, &repository, &HistoryOptions::default(), &|outcome| {
        assert!(outcome.summary.skipped.is_empty(), "{:?}", outcome.summary.skipped);
        found.lock().unwrap().extend(outcome.found.into_iter().map(|found| found.finding));
    })
    .unwrap();
    for finding in found.into_inner().unwrap() {
        assert!(finding.vault.is_none() || finding.commit.is_some(), "{finding:?}");
        planted.enter(&finding);
    }
    planted
}

fn git(folder: &Path, arguments: &[&str]) {
    let output = std::process::Command::new("git")
        .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false"])
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .current_dir(folder)
        .output()
        .expect("git is installed");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}
