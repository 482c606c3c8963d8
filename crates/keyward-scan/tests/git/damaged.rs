//! Broken repositories: something is said, nothing panics or hangs, and what can be read is read.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use keyward_scan::git::{self, HistoryOptions, Repository};

use crate::history::busy;
use crate::repo::{Random, Repo, scanner};

fn in_pack_folder(repo: &Repo, end: &str) -> PathBuf {
    let folder = fs::read_dir(repo.path.join(".git/objects/pack")).unwrap();
    folder.map(|entry| entry.unwrap().path()).find(|path| path.extension().is_some_and(|own| own == end)).unwrap()
}

fn overwrite(path: &Path, bytes: &[u8]) {
    // Packs are read-only.
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

fn object(repo: &Repo, id: &str) -> PathBuf {
    repo.path.join(".git/objects").join(&id[..2]).join(&id[2..])
}

#[test]
fn damaged_packs_are_named_and_read_as_far_as_they_go() {
    let (repo, mut random) = (Repo::new(), Random::new(61));
    busy(&repo, &mut random, 15);
    repo.git(&["repack", "-adq"]);
    let (pack, index) = (in_pack_folder(&repo, "pack"), in_pack_folder(&repo, "idx"));
    let (whole_pack, whole_index) = (fs::read(&pack).unwrap(), fs::read(&index).unwrap());
    let whole = repo.history();
    assert!(whole.summary.skipped.is_empty());
    for round in 0..60 {
        let (mut bytes, mut ids) = (whole_pack.clone(), whole_index.clone());
        match round % 4 {
            0 => bytes.truncate(random.below(bytes.len())),
            1 => (0..4).for_each(|_| {
                let at = 12 + random.below(bytes.len() - 12);
                bytes[at] ^= 1 << random.below(8);
            }),
            2 => ids.truncate(random.below(ids.len())),
            _ => (0..4).for_each(|_| {
                let at = random.below(ids.len());
                ids[at] = random.below(256) as u8;
            }),
        }
        overwrite(&pack, &bytes);
        overwrite(&index, &ids);
        let Ok(repository) = Repository::discover(&repo.path) else { continue };
        let mut named = 0;
        let found = std::cell::RefCell::new((0, 0));
        let done = |outcome: keyward_scan::Outcome| {
            found.borrow_mut().0 += outcome.found.len();
            found.borrow_mut().1 += outcome.summary.skipped.len();
        };
        let ended = git::history(&scanner(), &repository, &HistoryOptions::default(), &done);
        named += usize::from(ended.is_err()) + found.borrow().1;
        assert!(named > 0 || found.borrow().0 == whole.found.len(), "round {round} lost something without a word");
    }
    overwrite(&pack, &whole_pack);
    overwrite(&index, &whole_index);
    assert_eq!(repo.history().values(), whole.values());
    fs::remove_file(&pack).unwrap();
    assert!(repo.history().skips("pack"));
}

#[test]
fn missing_and_corrupt_loose_objects_are_named() {
    let (repo, mut random) = (Repo::new(), Random::new(62));
    let (there, gone) = (random.secret(), random.secret());
    repo.write("there.txt", &there);
    repo.write("dir/gone.txt", &gone);
    repo.commit("first");
    let blob = repo.git(&["rev-parse", "HEAD:dir/gone.txt"]);
    let path = object(&repo, &blob);
    let bytes = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let scan = repo.history();
    assert_eq!(scan.values(), BTreeSet::from([there.clone()]));
    assert!(scan.summary.skipped[0].path.starts_with("dir/gone.txt"));
    assert!(scan.skips("missing"));
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    assert!(repo.history().skips("damaged"));
    fs::write(&path, b"nonsense").unwrap();
    assert!(repo.history().skips("damaged"));
    fs::write(&path, &bytes).unwrap();
    // A tree, then the commit.
    for revision in ["HEAD:dir", "HEAD"] {
        let path = object(&repo, &repo.git(&["rev-parse", revision]));
        let bytes = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let scan = repo.history();
        assert!(scan.skips("missing"), "{revision}");
        fs::write(&path, &bytes).unwrap();
    }
    assert_eq!(repo.history().values(), BTreeSet::from([there, gone]));
}

/// What was to be looked at and could not be read.
fn unread(scan: &crate::repo::Scan) -> Vec<String> {
    scan.summary.unreadable().map(|one| one.path.clone()).collect()
}

#[test]
fn a_change_that_cannot_be_read_is_told_from_what_is_left_out() {
    let (repo, mut random) = (Repo::new(), Random::new(63));
    repo.write("a.txt", "a\n");
    repo.write("b.bin", b"\0\x01");
    let base = repo.commit("base");
    repo.write("a.txt", random.secret());
    repo.commit("in");
    let blob = repo.git(&["rev-parse", "HEAD:a.txt"]);
    repo.write("a.txt", "b\n");
    repo.commit("out");
    let range = format!("{base}..HEAD");
    assert_eq!(unread(&repo.history()), [] as [&str; 0]);
    assert_eq!(repo.diff(&range).unwrap().values().len(), 1);
    // Of a clone that leaves out contents, what is checked out is there, and what came and went is not.
    repo.git(&["config", "uploadpack.allowFilter", "true"]);
    let url = format!("file://{}", repo.path.display());
    let clone = repo.beside("clone", &["clone", "-q", "--filter=blob:none", &url]);
    let name = format!("a.txt ({blob})");
    for scan in [clone.diff(&range).unwrap(), clone.history()] {
        assert!(scan.values().is_empty(), "{:?}", scan.values());
        assert!(unread(&scan).contains(&name), "{:?}", scan.summary.skipped);
    }
    // What is staged.
    repo.write("c.txt", random.secret());
    repo.git(&["add", "c.txt"]);
    let blob = repo.git(&["rev-parse", ":c.txt"]);
    fs::remove_file(object(&repo, &blob)).unwrap();
    assert_eq!(unread(&repo.staged()), [format!("c.txt ({blob})")]);
}

#[test]
fn a_damaged_index_is_an_error() {
    let repo = Repo::new();
    repo.write("a.txt", "a\n");
    repo.commit("first");
    let path = repo.path.join(".git/index");
    let bytes = fs::read(&path).unwrap();
    for end in 0..bytes.len() {
        fs::write(&path, &bytes[..end]).unwrap();
        let repository = repo.repository();
        let result = git::staged(&scanner(), &repository, &git::ChangeOptions::default(), &|_| {});
        assert!(result.is_err() || end > 60, "cut off at {end}");
        assert!(!repository.tracked(&repo.path.join("b.txt")));
    }
}

#[test]
fn trees_that_hold_each_other_over_and_over_end() {
    let (repo, mut random) = (Repo::new(), Random::new(63));
    repo.write("a.txt", random.secret());
    repo.commit("first");
    let (_, mut inner) = repo.try_git(&["hash-object", "-w", "--stdin"], b"x");
    let mut kind = "100644 blob";
    for _ in 0..12 {
        let list: String = (0..16).map(|number| format!("{kind} {inner}\tn{number}\n")).collect();
        inner = repo.try_git(&["mktree"], list.as_bytes()).1;
        kind = "040000 tree";
    }
    let commit = repo.git(&["commit-tree", "-m", "bomb", &inner]);
    repo.git(&["update-ref", "refs/heads/bomb", &commit]);
    let start = Instant::now();
    let scan = repo.history();
    assert!(scan.skips("too large"));
    assert_eq!(scan.found.len(), 1);
    assert!(start.elapsed() < Duration::from_secs(300), "{:?}", start.elapsed());
}
