//! The second scan of a history says the same and reads what is new.

use std::collections::HashMap;
use std::sync::Mutex;

use keyward_scan::SeenBlobs;
use keyward_scan::git::HistoryOptions;

use crate::history::busy;
use crate::repo::{Random, Repo, Scan};

#[derive(Default)]
struct Kept(Mutex<HashMap<String, Vec<u8>>>);

impl SeenBlobs for Kept {
    fn load(&self, repository: &str) -> Option<Vec<u8>> {
        self.0.lock().unwrap().get(repository).cloned()
    }

    fn store(&self, repository: &str, bytes: &[u8]) {
        self.0.lock().unwrap().insert(repository.to_owned(), bytes.to_vec());
    }
}

fn same(one: &Scan, other: &Scan) {
    let findings =
        |scan: &Scan| scan.found.iter().map(|found| (found.finding.clone(), found.line.clone())).collect::<Vec<_>>();
    assert_eq!(findings(one), findings(other));
    assert_eq!(one.summary.commits, other.summary.commits);
    assert_eq!(one.summary.blobs, other.summary.blobs);
    assert_eq!(one.summary.skipped, other.summary.skipped);
}

#[test]
fn the_second_scan_says_the_same_and_reads_little() {
    let (repo, mut random) = (Repo::new(), Random::new(21));
    repo.write("clean.txt", random.text(20_000));
    repo.write("picture.bin", b"\0\0\0");
    let mut secrets = busy(&repo, &mut random, 30);
    let said = random.secret();
    repo.write("said.txt", "x\n");
    repo.commit(&format!("once\n\nit was {said}"));
    repo.git(&["tag", "-a", "-m", &format!("not {}", random.secret()), "told"]);
    repo.git(&["repack", "-adq"]);
    let kept = Kept::default();
    let options = || HistoryOptions { seen: Some(&kept), ..HistoryOptions::default() };
    let first = repo.history_with(&options());
    assert!(first.values().contains(&said));
    let second = repo.history_with(&options());
    same(&first, &second);
    assert!(second.summary.bytes < first.summary.bytes / 2, "{} of {}", second.summary.bytes, first.summary.bytes);

    secrets.push(random.secret());
    repo.write("more.txt", format!("{}\n", secrets.last().unwrap()));
    repo.commit("more");
    let third = repo.history_with(&options());
    let fresh = repo.history();
    assert!(third.values().contains(secrets.last().unwrap()));
    same(&fresh, &third);
    assert!(third.summary.bytes < fresh.summary.bytes / 2);
    same(&fresh, &repo.history_with(&options()));
}

#[test]
fn another_version_looks_at_everything_again() {
    let (repo, mut random) = (Repo::new(), Random::new(22));
    repo.write("clean.txt", random.text(5_000));
    repo.commit("clean");
    let kept = Kept::default();
    let scan =
        |version: &[u8]| repo.history_with(&HistoryOptions { seen: Some(&kept), version, ..HistoryOptions::default() });
    let first = scan(b"1");
    assert_eq!(scan(b"1").summary.bytes, 0);
    assert_eq!(scan(b"2").summary.bytes, first.summary.bytes);
}

#[test]
fn what_was_thrown_away_is_forgotten_and_what_was_moved_is_not() {
    let (repo, mut random) = (Repo::new(), Random::new(23));
    let (moved, gone) = (random.secret(), random.secret());
    repo.write("a.txt", random.text(50));
    let base = repo.commit("base");
    repo.write("b.txt", format!("{moved}\n"));
    repo.commit("moved");
    repo.write("c.txt", format!("{gone}\n"));
    repo.commit("gone");
    let kept = Kept::default();
    let options = || HistoryOptions { seen: Some(&kept), ..HistoryOptions::default() };
    assert_eq!(repo.history_with(&options()).found.len(), 2);
    // The same content in another commit, the first ones gone with their logs.
    repo.git(&["reset", "-q", "--hard", &base]);
    repo.write("b.txt", format!("{moved}\n"));
    repo.write("d.txt", random.text(50));
    let now = repo.commit("again");
    repo.git(&["reflog", "expire", "--expire=now", "--all"]);
    let scan = repo.history_with(&options());
    assert_eq!(scan.places(), [(moved, "b.txt".to_owned(), Some(now))].into());
    same(&repo.history(), &scan);
}

#[test]
fn nothing_secret_is_kept() {
    let (repo, mut random) = (Repo::new(), Random::new(24));
    let secret = random.secret();
    repo.write("a.txt", format!("the line has {secret} in it\n"));
    repo.commit("first");
    let kept = Kept::default();
    repo.history_with(&HistoryOptions { seen: Some(&kept), ..HistoryOptions::default() });
    let kept = kept.0.into_inner().unwrap();
    let bytes = kept.values().next().unwrap();
    assert!(bytes.windows(5).any(|window| window == b"a.txt"), "the path is there");
    assert!(!bytes.windows(8).any(|window| window == &secret.as_bytes()[..8] || window == b"the line"));
}
