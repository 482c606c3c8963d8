//! Repositories that are not a plain folder with `.git` in it.

use std::collections::BTreeSet;

use keyward_scan::git::{Error, HistoryOptions, Repository, Tracked};
use keyward_scan::tree::Tracks;

use crate::history::{busy, compare};
use crate::repo::{Random, Repo};

#[test]
fn bare_mirrored_borrowing_and_sha256_repositories() {
    let (repo, mut random) = (Repo::new(), Random::new(51));
    let secrets = busy(&repo, &mut random, 20);
    let bare = repo.beside("bare.git", &["clone", "-q", "--mirror", "file://{}"]);
    compare(&bare, &secrets, &HistoryOptions::default());
    assert!(bare.repository().work_tree().is_none());
    let borrowing = repo.beside("borrowing", &["clone", "-q", "--shared", "{}"]);
    compare(&borrowing, &secrets, &HistoryOptions::default());

    let (repo, mut random) = (Repo::with(&["--object-format=sha256"]), Random::new(52));
    let secrets = busy(&repo, &mut random, 20);
    compare(&repo, &secrets, &HistoryOptions::default());
    repo.git(&["repack", "-adq"]);
    compare(&repo, &secrets, &HistoryOptions::default());
    let last = random.secret();
    repo.write("staged.txt", &last);
    repo.git(&["add", "-A"]);
    assert_eq!(repo.staged().values(), BTreeSet::from([last]));
    assert!(repo.diff("HEAD~2..").is_ok());
}

#[test]
fn linked_working_trees_have_their_own_index_and_head() {
    let (repo, mut random) = (Repo::new(), Random::new(53));
    repo.write("a.txt", "a\n");
    repo.commit("first");
    let linked = repo.path.with_file_name("linked");
    repo.git(&["worktree", "add", "-q", "--detach", &linked.to_string_lossy()]);
    let (detached, staged) = (random.secret(), random.secret());
    let linked = repo.at(linked);
    linked.write("b.txt", &detached);
    linked.commit("only its head has it");
    linked.write("c.txt", &staged);
    linked.git(&["add", "c.txt"]);
    assert_eq!(linked.staged().values(), BTreeSet::from([staged]));
    assert!(repo.staged().found.is_empty());
    let expected = BTreeSet::from([detached]);
    assert_eq!(repo.history().values(), expected, "from the main tree");
    assert_eq!(linked.history().values(), expected);
    assert!(linked.repository().tracked(&linked.path.join("c.txt")));
    assert!(!repo.repository().tracked(&repo.path.join("c.txt")));
}

#[test]
fn a_shallow_clone_ends_at_its_boundary() {
    let (repo, mut random) = (Repo::new(), Random::new(54));
    let (old, new) = (random.secret(), random.secret());
    repo.write("old.txt", &old);
    repo.commit("old");
    repo.write("new.txt", &new);
    repo.commit("new");
    repo.write("other.txt", "x\n");
    repo.commit("other");
    let clone = repo.beside("clone", &["clone", "-q", "--depth=2", "file://{}"]);
    let scan = clone.history();
    assert_eq!(scan.values(), BTreeSet::from([old, new]), "the first commit's tree has both");
    assert_eq!(scan.summary.commits, 2);
    assert!(scan.summary.skipped.is_empty(), "{:?}", scan.summary.skipped);
}

#[test]
fn a_submodule_is_a_repository_of_its_own() {
    let (outer, inner, mut random) = (Repo::new(), Repo::new(), Random::new(55));
    let secret = random.secret();
    inner.write("in.txt", &secret);
    inner.commit("inner");
    outer.git(&["submodule", "--quiet", "add", &inner.path.to_string_lossy(), "sub"]);
    outer.write("out.txt", "x\n");
    outer.commit("outer");
    assert!(outer.history().found.is_empty());
    let repository = Repository::discover(&outer.path.join("sub/in.txt")).unwrap();
    assert!(repository.tracked(&outer.path.join("sub/in.txt")));
    let tracked = Tracked::new();
    outer.write("sub/new.txt", "x\n");
    outer.write("new.txt", "x\n");
    let is = |path: &str| tracked.contains(&outer.path.join(path));
    assert_eq!(
        ["out.txt", "sub/in.txt", "new.txt", "sub/new.txt", "sub/../out.txt", "../x"].map(is),
        [true, true, false, false, true, false]
    );
}

#[test]
fn empty_repositories_and_none_at_all() {
    let repo = Repo::new();
    let scan = repo.history();
    assert!(scan.found.is_empty());
    assert_eq!((scan.summary.commits, scan.summary.blobs), (0, 0));
    let error = Repository::discover(repo.outside()).err();
    // A temporary folder may itself be in a repository of somebody's.
    assert!(error.is_none_or(|error| matches!(error, Error::NotFound(_))));
    assert!(matches!(Repository::discover(&repo.path.join("no/such")), Err(Error::NotFound(_)) | Ok(_)));
}

#[test]
fn nothing_that_a_repository_configures_is_run() {
    let (repo, mut random) = (Repo::new(), Random::new(56));
    let secret = random.secret();
    repo.write("a.txt", &secret);
    repo.write(".gitattributes", "* filter=evil diff=evil\n");
    repo.commit("first");
    let mark = repo.outside().join("mark");
    let command = format!("touch {}", mark.display());
    let config = format!(
        "[core]\n fsmonitor = {command}\n sshCommand = {command}\n pager = {command}\n editor = {command}\n hooksPath = hooks\n\
         [filter \"evil\"]\n clean = {command}\n smudge = {command}\n required = true\n\
         [diff \"evil\"]\n command = {command}\n textconv = {command}\n\
         [diff]\n external = {command}\n[alias]\n show = !{command}\n[include]\n path = {}\n",
        repo.outside().join("more").display()
    );
    let path = repo.path.join(".git/config");
    std::fs::write(&path, [std::fs::read(&path).unwrap(), config.into_bytes()].concat()).unwrap();
    std::fs::write(repo.path.join("a.txt"), "changed\n").unwrap();
    let expected = BTreeSet::from([secret]);
    assert_eq!(repo.history().values(), expected);
    assert!(repo.staged().found.is_empty());
    assert_eq!(repo.diff("HEAD").unwrap().values(), expected);
    assert!(!mark.exists());
}

#[test]
fn a_form_that_is_not_known_is_an_error() {
    let repo = Repo::new();
    repo.git(&["config", "core.repositoryFormatVersion", "1"]);
    repo.git(&["config", "extensions.refStorage", "reftable"]);
    let error = Repository::discover(&repo.path).err().unwrap();
    assert!(matches!(error, Error::Unsupported { .. } | Error::Open { .. }), "{error}");
}
