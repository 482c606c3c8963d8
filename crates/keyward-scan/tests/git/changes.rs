//! Lines that a commit would add, and that a range of commits added, as `git diff` sees them.

use std::collections::BTreeSet;

use keyward_scan::git::{self, ChangeOptions, Environment, Error, Repository};

use crate::repo::{Random, Repo, Scan, scanner};

/// The secrets on lines that a diff of git adds.
fn added(diff: &str, secrets: &[String]) -> BTreeSet<String> {
    let lines = diff.lines().filter(|line| line.starts_with('+') && !line.starts_with("+++"));
    lines.flat_map(|line| secrets.iter().filter(|secret| line.contains(secret.as_str())).cloned()).collect()
}

#[test]
fn staged_lines_are_those_of_git_diff() {
    for seed in 31..41 {
        let (repo, mut random) = (Repo::new(), Random::new(seed));
        let mut secrets: Vec<String> = (0..40).map(|_| random.secret()).collect();
        let text = |random: &mut Random, secrets: &[String]| -> Vec<String> {
            let line = |random: &mut Random| match random.below(8) {
                0 => format!("key = {}\n", secrets[random.below(secrets.len())]),
                _ => random.line(),
            };
            (0..60).map(|_| line(random)).collect()
        };
        let mut files: Vec<Vec<String>> = (0..8).map(|_| text(&mut random, &secrets)).collect();
        let path = |number: usize| format!("d{}/f{number}.txt", number % 3);
        for (number, file) in files.iter().enumerate() {
            repo.write(&path(number), file.concat());
        }
        repo.commit("first");
        assert!(repo.staged().found.is_empty(), "nothing is staged");
        secrets.extend((0..10).map(|_| random.secret()));
        for (number, file) in files.iter_mut().take(5).enumerate() {
            for _ in 0..4 {
                let at = random.below(file.len());
                file[at] = format!("other = {}\n", secrets[random.below(secrets.len())]);
            }
            repo.write(&path(number), file.concat());
        }
        repo.write("new/file.txt", text(&mut random, &secrets).concat());
        repo.git(&["add", "-A"]);
        repo.git(&["rm", "-q", "--cached", &path(7)]);
        // Changed after it was added: not a part of the commit.
        repo.write(&path(0), "changed again\n");
        let diff = repo.git(&["diff", "--cached", "--no-renames", "--histogram", "--no-ext-diff"]);
        let scan = repo.staged();
        assert_eq!(scan.values(), added(&diff, &secrets), "seed {seed}");
        assert!(scan.found.iter().all(|found| found.finding.tracked));
        assert_eq!(scan.summary.files, 6);
    }
}

#[test]
fn before_the_first_commit_everything_is_added() {
    let (repo, mut random) = (Repo::new(), Random::new(41));
    assert!(repo.staged().found.is_empty(), "no index yet");
    let secret = random.secret();
    repo.write("a/b.txt", format!("\n{secret}\n"));
    repo.write("later.txt", random.secret());
    repo.git(&["add", "a"]);
    repo.git(&["add", "-N", "later.txt"]);
    assert_eq!(repo.staged().lines(), [(secret, "a/b.txt".to_owned(), 2)]);
}

#[test]
fn conflicts_binaries_and_submodules_are_no_trouble() {
    let (repo, mut random) = (Repo::new(), Random::new(42));
    let inner = Repo::new();
    inner.write("a.txt", "a\n");
    inner.commit("inner");
    repo.write("a.txt", "one\n");
    repo.commit("first");
    repo.git(&["checkout", "-q", "-b", "other"]);
    let theirs = random.secret();
    repo.write("a.txt", format!("{theirs}\n"));
    repo.commit("theirs");
    repo.git(&["checkout", "-q", "main"]);
    repo.write("a.txt", "two\n");
    repo.commit("ours");
    let (merged, _) = repo.try_git(&["merge", "-q", "other"], b"");
    assert!(!merged, "it conflicts");
    repo.write("b.bin", b"\0\x01");
    repo.git(&["add", "b.bin"]);
    repo.git(&["submodule", "--quiet", "add", &inner.path.to_string_lossy(), "sub"]);
    let scan = repo.staged();
    assert_eq!(scan.values(), BTreeSet::from([theirs]));
    assert!(scan.skips("binary"));
}

#[test]
fn hooks_name_the_index_of_the_commit() {
    let (repo, mut random) = (Repo::new(), Random::new(43));
    let (staged, other) = (random.secret(), random.secret());
    repo.write("a.txt", &staged);
    repo.git(&["add", "a.txt"]);
    std::fs::copy(repo.path.join(".git/index"), repo.path.join(".git/next")).unwrap();
    repo.write("b.txt", &other);
    repo.git(&["add", "b.txt"]);
    let environment = Environment { index_file: Some(repo.path.join(".git/next")), ..Environment::default() };
    let repository = Repository::discover_in(&repo.path, environment).unwrap();
    let found = std::sync::Mutex::new(Vec::new());
    let done = |outcome: keyward_scan::Outcome| found.lock().unwrap().extend(outcome.found);
    git::staged(&scanner(), &repository, &ChangeOptions::default(), &done).unwrap();
    let found = found.into_inner().unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(*found[0].value, staged.as_bytes());
}

#[test]
fn a_range_is_what_its_commits_add() {
    let (repo, mut random) = (Repo::new(), Random::new(44));
    let secrets: Vec<String> = (0..30).map(|_| random.secret()).collect();
    let mut lines: Vec<String> = (0..80).map(|_| random.line()).collect();
    let mut commits = Vec::new();
    for secret in &secrets {
        let at = random.below(lines.len());
        lines.insert(at, format!("{secret}\n"));
        if random.below(3) == 0 {
            lines.remove(random.below(80));
        }
        repo.write("x/a.txt", lines.concat());
        commits.push(repo.commit("one more"));
    }
    let of = |scan: Scan| scan.values();
    for _ in 0..12 {
        let (a, b) = (random.below(30), random.below(30));
        let range = format!("{}..{}", commits[a], commits[b]);
        let log = repo.git(&["log", "-p", "--histogram", "--format=", &range]);
        assert_eq!(of(repo.diff(&range).unwrap()), added(&log, &secrets), "{a}..{b}");
    }
    assert_eq!(of(repo.diff("HEAD~3..").unwrap()), secrets[27..].iter().cloned().collect());
    assert_eq!(of(repo.diff("HEAD").unwrap()), secrets[29..].iter().cloned().collect());
    assert_eq!(of(repo.diff(&commits[0]).unwrap()), secrets[..1].iter().cloned().collect(), "a first commit");
    let scan = repo.diff("HEAD~2...HEAD").unwrap();
    let commit_of: Vec<_> = scan.found.iter().map(|found| found.finding.commit.clone().unwrap()).collect();
    assert_eq!(commit_of, commits[28..], "the oldest first");
    assert_eq!(scan.summary.commits, 2);
}

#[test]
fn what_a_range_adds_and_removes_is_published_with_it() {
    let (repo, mut random) = (Repo::new(), Random::new(45));
    repo.write("a.txt", "a\n");
    repo.commit("first");
    let secret = random.secret();
    repo.write("a.txt", format!("a\n{secret}\n"));
    let bad = repo.commit("oops");
    repo.write("a.txt", "a\n");
    repo.commit("nobody saw that");
    assert_eq!(repo.diff("HEAD~2..HEAD").unwrap().places(), [(secret, "a.txt".to_owned(), Some(bad))].into());
}

#[test]
fn branches_are_compared_with_what_others_have() {
    let (repo, mut random) = (Repo::new(), Random::new(46));
    let (old, own, theirs) = (random.secret(), random.secret(), random.secret());
    repo.write("old.txt", &old);
    repo.commit("old");
    repo.git(&["checkout", "-q", "-b", "feature"]);
    repo.write("own.txt", format!("{own}\n"));
    repo.commit("own");
    repo.git(&["checkout", "-q", "main"]);
    repo.write("theirs.txt", &theirs);
    repo.commit("theirs");
    let one = |secret: &String| BTreeSet::from([secret.clone()]);
    for range in ["main..feature", "main...feature"] {
        assert_eq!(repo.diff(range).unwrap().values(), one(&own), "{range}");
    }
    // A merge adds what neither side had.
    repo.git(&["checkout", "-q", "feature"]);
    repo.git(&["merge", "-q", "--no-commit", "main"]);
    let evil = random.secret();
    repo.write("own.txt", format!("{own}\n{evil}\n"));
    repo.commit("merged");
    assert_eq!(repo.diff("HEAD").unwrap().values(), one(&evil));
    // A new branch, as hooks name it: what the remote does not have.
    let null = "0".repeat(40);
    repo.git(&["update-ref", "refs/remotes/origin/main", "main"]);
    let to = |remote: &str| {
        let scan = std::cell::RefCell::new(BTreeSet::new());
        let options = ChangeOptions { remote: Some(remote.to_owned()), ..ChangeOptions::default() };
        let done = |outcome: keyward_scan::Outcome| {
            let values = outcome.found.iter().map(|found| String::from_utf8_lossy(&found.value).into_owned());
            scan.borrow_mut().extend(values);
        };
        git::diff(&scanner(), &repo.repository(), &format!("{null}..main"), &options, &done).unwrap();
        scan.into_inner()
    };
    assert_eq!(to("origin"), BTreeSet::new());
    assert_eq!(to("public"), BTreeSet::from([old.clone(), theirs.clone()]), "what one remote has, another has not");
    assert_eq!(repo.diff(&format!("{null}..feature")).unwrap().values(), [own, evil].into());
    assert!(repo.diff(&format!("feature..{null}")).unwrap().found.is_empty(), "a branch is deleted");
}

#[test]
fn a_revision_that_is_none_is_a_clear_error() {
    let repo = Repo::new();
    for range in ["nothing..HEAD", "HEAD", "--output=x", "a b", "..."] {
        let error = repo.diff(range).err().unwrap();
        assert!(matches!(error, Error::Revision { .. }), "{error}");
    }
    repo.write("a.txt", "a\n");
    repo.commit("first");
    let error = repo.diff("HEAD~3..").err().unwrap();
    assert_eq!(error.to_string(), "\"HEAD~3\" is no revision of this repository");
    repo.write("a.txt", "b\n");
    repo.commit("second");
    let clone = repo.beside("clone", &["clone", "-q", "--depth=1", "file://{}"]);
    let error = clone.diff("HEAD~1..HEAD").err().unwrap();
    assert!(error.to_string().contains("shallow"), "{error}");
}

#[test]
fn what_commits_and_tags_say_is_looked_at() {
    let (repo, mut random) = (Repo::new(), Random::new(61));
    repo.write("a.txt", "one\n");
    let base = repo.commit("first");
    let [said, tagged] = [random.secret(), random.secret()];
    repo.write("a.txt", "two\n");
    let commit = repo.commit(&format!("second\n\nuse {said} for now"));
    repo.git(&["tag", "-a", "-m", &format!("with {tagged}"), "v1", &base]);
    let tag = repo.git(&["rev-parse", "v1"]).trim().to_owned();

    let scan = repo.diff(&format!("{base}..HEAD")).expect("the range is there");
    let [found] = scan.found.as_slice() else { panic!("{:?}", scan.found) };
    assert_eq!((found.value.as_slice(), found.finding.path.as_str()), (said.as_bytes(), "commit message"));
    assert_eq!((found.finding.commit.as_deref(), found.finding.line), (Some(commit.as_str()), 3));
    assert!(found.finding.author.is_some() && found.finding.date.is_some());

    // Its commit is old: what is new is the tag.
    for range in [format!("{base}..v1"), format!("{base}..{tag}")] {
        let scan = repo.diff(&range).expect("the range is there");
        assert_eq!((scan.values().into_iter().collect::<Vec<_>>(), scan.summary.commits), (vec![tagged.clone()], 0));
        assert_eq!((scan.found[0].finding.path.as_str(), scan.summary.blobs), ("refs/tags/v1!message", 1));
    }
    let places: Vec<(String, String, Option<String>)> = repo.history().places().into_iter().collect();
    let tag_place = (tagged, "refs/tags/v1!message".to_owned(), None);
    let mut expected = vec![(said, "commit message".to_owned(), Some(commit)), tag_place];
    expected.sort();
    assert_eq!(places, expected);
}

#[test]
fn a_range_may_end_in_a_tag_on_a_file_or_a_tree() {
    let (repo, mut random) = (Repo::new(), Random::new(62));
    repo.write("a.txt", "one\n");
    repo.commit("first");
    let secret = random.secret();
    repo.write("d/b.txt", format!("\n{secret}\n"));
    repo.git(&["add", "-A"]);
    let blob = repo.git(&["rev-parse", ":d/b.txt"]).trim().to_owned();
    let tree = repo.git(&["write-tree"]).trim().to_owned();
    repo.git(&["tag", "-a", "-m", "a file", "file", &blob]);
    let null = "0".repeat(40);
    for (to, path) in [
        (blob.as_str(), format!("Blob {blob}")),
        ("file", "refs/tags/file".to_owned()),
        (tree.as_str(), format!("Tree {tree}/d/b.txt")),
    ] {
        let scan = repo.diff(&format!("{null}..{to}")).expect("the range is there");
        let [found] = scan.found.as_slice() else { panic!("{to}: {:?}", scan.found) };
        assert_eq!((found.finding.path.to_lowercase(), found.finding.line), (path.to_lowercase(), 2), "{to}");
        assert!(scan.summary.blobs > 0, "{to}");
    }
}
