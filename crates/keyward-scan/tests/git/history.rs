//! Each secret that was ever committed is found once a path, at the commit that brought it.

use std::collections::BTreeSet;

use keyward_scan::git::{self, HistoryOptions};

use crate::repo::{Random, Repo, Scan, scanner};

/// A history with branches, merges, renames, a stash, and a branch that only a log remembers.
pub(crate) fn busy(repo: &Repo, random: &mut Random, commits: usize) -> Vec<String> {
    let mut secrets = Vec::new();
    let mut files: Vec<Vec<String>> = (0..6).map(|_| (0..150).map(|_| random.line()).collect()).collect();
    for (number, file) in files.iter().enumerate() {
        repo.write(&format!("src/m{}/file{number}.rs", number % 3), file.concat());
    }
    let mut branches = 0;
    for step in 0..commits {
        for _ in 0..=random.below(3) {
            let number = random.below(files.len());
            edit(&mut files[number], random, &mut secrets);
            repo.write(&format!("src/m{}/file{number}.rs", number % 3), files[number].concat());
        }
        repo.commit(&format!("change {step}"));
        match random.below(12) {
            0 => {
                branches += 1;
                repo.git(&["branch", &format!("b{branches}")]);
            }
            1 if branches > 0 => {
                // On another branch, in a file that is nowhere else; then merged.
                let branch = format!("b{}", 1 + random.below(branches));
                repo.git(&["checkout", "-q", &branch]);
                let secret = random.secret();
                repo.write(&format!("side/{step}.txt"), format!("key = {secret}\n{}", random.text(20)));
                repo.commit("on the side");
                secrets.push(secret);
                repo.git(&["checkout", "-q", "main"]);
                repo.tick();
                repo.git(&["merge", "-q", "--no-edit", "-X", "ours", &branch]);
            }
            2 => {
                repo.git(&["mv", "src/m0/file0.rs", "src/m0/moved.rs"]);
                repo.commit("moved");
                repo.git(&["mv", "src/m0/moved.rs", "src/m0/file0.rs"]);
                repo.commit("moved back");
            }
            _ => {}
        }
    }
    secrets.extend(aside(repo, random));
    secrets
}

fn edit(lines: &mut Vec<String>, random: &mut Random, secrets: &mut Vec<String>) {
    for _ in 0..=random.below(3) {
        let at = random.below(lines.len());
        match random.below(6) {
            0 => {
                let secret = random.secret();
                lines.insert(at, format!("let key = \"{secret}\";\n"));
                secrets.push(secret);
            }
            1 if lines.len() > 100 => {
                let end = (at + random.below(20)).min(lines.len());
                lines.drain(at..end);
            }
            2 => {
                // Something moves, perhaps a secret.
                let end = (at + random.below(30)).min(lines.len());
                let part: Vec<String> = lines.drain(at..end).collect();
                let to = random.below(lines.len() + 1);
                lines.splice(to..to, part);
            }
            _ => lines[at] = random.line(),
        }
    }
}

/// What only the stash and the log of `HEAD` have.
fn aside(repo: &Repo, random: &mut Random) -> Vec<String> {
    let (stashed, older, dropped) = (random.secret(), random.secret(), random.secret());
    for secret in [&older, &stashed] {
        repo.write("stashed.txt", format!("{secret}\n"));
        repo.git(&["add", "stashed.txt"]);
        repo.tick();
        repo.git(&["stash", "-q"]);
    }
    repo.git(&["checkout", "-q", "-b", "short"]);
    repo.write("dropped.txt", format!("{dropped}\n"));
    repo.commit("dropped");
    repo.git(&["checkout", "-q", "main"]);
    repo.git(&["branch", "-q", "-D", "short"]);
    vec![stashed, older, dropped]
}

/// Compares with what git says; gives the scan.
pub(crate) fn compare(repo: &Repo, secrets: &[String], options: &HistoryOptions<'_>) -> Scan {
    let scan = repo.history_with(options);
    let expected: BTreeSet<_> = repo
        .expected(secrets)
        .into_iter()
        .map(|((secret, path), commits)| (secret, path, Some(commits[0].clone())))
        .collect();
    // A few were gone again before they were committed.
    assert!(expected.len() * 2 > secrets.len(), "the repository holds most");
    let places = scan.places();
    let (missing, more): (Vec<_>, Vec<_>) =
        (expected.difference(&places).collect(), places.difference(&expected).collect());
    assert!(missing.is_empty() && more.is_empty(), "missing {missing:#?}, too many {more:#?}");
    scan
}

#[test]
fn own_rules_find_the_same_in_packed_and_in_loose_objects() {
    let rules = "[[rule]]\nid = \"far\"\ndescription = \"far\"\nkeywords = [\"BEGINS\"]\n\
                 regex = \"BEGINS[\\\\s\\\\S]{0,8000}?VALUE-([a-z0-9]{24})\"\n";
    let set = || keyward_scan::own_rules::RuleSet::read(rules).unwrap().into_matcher();
    let scanner = || keyward_scan::Scanner { engine: keyward_scan::Engine::of(vec![set()]), ..scanner() };
    let (repo, mut random) = (Repo::new(), Random::new(64));
    let lines: Vec<String> = (0..600).map(|at| format!("line {at} of {}\n", random.below(1000))).collect();
    let text = |value: &str| format!("BEGINS\n{}{value}{}", lines[..150].concat(), lines[150..].concat());
    repo.write("a.txt", text(""));
    repo.commit("one");
    repo.write("a.txt", text(&format!("VALUE-{}\n", "q7g2k4m9".repeat(3))));
    repo.commit("in");
    repo.write("a.txt", text(""));
    repo.commit("out");
    let found = || {
        let found = std::cell::Cell::new(0);
        let done = |outcome: keyward_scan::Outcome| found.set(found.get() + outcome.found.len());
        git::history(&scanner(), &repo.repository(), &HistoryOptions::default(), &done).unwrap();
        found.get()
    };
    assert_eq!(found(), 1, "loose");
    repo.git(&["gc", "-q", "--aggressive", "--prune=now"]);
    assert_eq!(found(), 1, "packed");
}

#[test]
fn every_secret_is_found_where_it_first_stood() {
    for seed in 1..3 {
        let (repo, mut random) = (Repo::new(), Random::new(seed));
        let secrets = busy(&repo, &mut random, 40);
        let loose = compare(&repo, &secrets, &HistoryOptions::default());
        let blobs = repo.git(&[
            "rev-list",
            "--objects",
            "--all",
            "--reflog",
            "--filter=object:type=blob",
            "--filter-provided-objects",
            "--no-object-names",
        ]);
        assert_eq!(loose.summary.blobs, blobs.lines().count() as u64, "each blob once");
        repo.git(&["repack", "-adq", "--depth=50", "--window=50"]);
        for threads in [1, 3] {
            let packed = compare(&repo, &secrets, &HistoryOptions { threads, ..HistoryOptions::default() });
            assert_eq!(packed.summary.blobs, loose.summary.blobs);
            assert_eq!(packed.lines(), loose.lines());
        }
        // More on top, partly in a second pack, partly loose.
        let mut more = secrets.clone();
        more.push(random.secret());
        repo.write("new.txt", format!("{}\n", more.last().unwrap()));
        repo.commit("new");
        repo.git(&["repack", "-q"]);
        more.push(random.secret());
        repo.write("newer.txt", format!("{}\n", more.last().unwrap()));
        repo.commit("newer");
        compare(&repo, &more, &HistoryOptions::default());
    }
}

#[test]
fn what_is_new_in_deltas_is_all_that_has_to_be_looked_at() {
    for seed in 11..14 {
        let (repo, mut random) = (Repo::new(), Random::new(seed));
        let mut lines: Vec<String> = (0..400).map(|_| random.line()).collect();
        let mut secrets = Vec::new();
        for _ in 0..80 {
            edit(&mut lines, &mut random, &mut secrets);
            repo.write("a/file.txt", lines.concat());
            repo.commit("edit");
        }
        repo.git(&["repack", "-adfq", "--depth=60", "--window=60"]);
        let parts = compare(&repo, &secrets, &HistoryOptions::default());
        let whole = repo.history_with(&HistoryOptions { whole: true, ..HistoryOptions::default() });
        let findings = |scan: &Scan| scan.found.iter().map(|found| found.finding.clone()).collect::<Vec<_>>();
        assert_eq!(findings(&parts), findings(&whole));
    }
}

#[test]
fn a_finding_says_who_brought_it_and_whether_it_is_still_there() {
    let (repo, mut random) = (Repo::new(), Random::new(5));
    let (kept, gone) = (random.secret(), random.secret());
    repo.write("kept.txt", format!("{kept}\n"));
    repo.write("gone.txt", format!("{gone}\n"));
    let first = repo.commit("first");
    repo.git(&["rm", "-q", "gone.txt"]);
    repo.commit("second");
    let scan = repo.history();
    let finding =
        |value: &str| scan.found.iter().find(|found| *found.value == value.as_bytes()).unwrap().finding.clone();
    let (kept, gone) = (finding(&kept), finding(&gone));
    assert_eq!(kept.commit.as_deref(), Some(first.as_str()));
    assert_eq!(kept.author.as_deref(), Some("A U Thor <author@example.com>"));
    assert_eq!(kept.date.as_deref(), Some("2020-09-13T14:26:41+02:00"));
    assert!(kept.tracked && !gone.tracked);
    assert_eq!(scan.summary.commits, 2);
}

#[test]
fn a_value_that_stays_is_told_once_and_one_that_stands_twice_twice() {
    let (repo, mut random) = (Repo::new(), Random::new(6));
    let secret = random.secret();
    repo.write("a.txt", format!("one {secret}\n{}two {secret}\n", random.text(100)));
    let first = repo.commit("first");
    for _ in 0..5 {
        repo.write("a.txt", format!("{}one {secret}\n{}two {secret}\n", random.text(3), random.text(100)));
        repo.commit("more");
    }
    let scan = repo.history();
    assert_eq!(scan.found.len(), 2);
    assert!(scan.found.iter().all(|found| found.finding.commit.as_ref() == Some(&first)));
    assert_eq!(scan.lines().iter().map(|(_, _, line)| *line).collect::<Vec<_>>(), [1, 102]);
}

#[test]
fn what_no_ref_or_log_reaches_is_not_told() {
    let (repo, mut random) = (Repo::new(), Random::new(7));
    let (lost, kept) = (random.secret(), random.secret());
    let text = random.text(200);
    repo.write("a.txt", &text);
    repo.commit("first");
    repo.git(&["checkout", "-q", "-b", "lost"]);
    repo.write("a.txt", format!("{lost}\n{text}"));
    repo.commit("lost");
    repo.git(&["checkout", "-q", "main"]);
    repo.write("a.txt", format!("{text}{kept}\n"));
    repo.commit("kept");
    repo.git(&["repack", "-adq"]);
    repo.git(&["branch", "-q", "-D", "lost"]);
    repo.git(&["reflog", "expire", "--expire=now", "--all"]);
    assert_eq!(repo.history().values(), BTreeSet::from([kept]));
}

#[test]
fn what_is_tagged_without_a_commit_is_found() {
    let (repo, mut random) = (Repo::new(), Random::new(8));
    repo.write("a.txt", "nothing\n");
    repo.commit("first");
    let (in_blob, in_tree) = (random.secret(), random.secret());
    let (_, blob) = repo.try_git(&["hash-object", "-w", "--stdin"], in_blob.as_bytes());
    repo.git(&["tag", "-a", "-m", "a file", "blob", &blob]);
    let (_, other) = repo.try_git(&["hash-object", "-w", "--stdin"], in_tree.as_bytes());
    let (_, tree) = repo.try_git(&["mktree"], format!("100644 blob {other}\tinner.txt\n").as_bytes());
    repo.git(&["tag", "tree", &tree]);
    let places = repo.history().places();
    let expected = [(in_blob, "refs/tags/blob"), (in_tree, "refs/tags/tree/inner.txt")];
    assert_eq!(places, expected.map(|(secret, path)| (secret, path.to_owned(), None)).into());
}

#[test]
fn silenced_findings_are_counted_once() {
    let (repo, mut random) = (Repo::new(), Random::new(9));
    let secret = random.secret();
    for _ in 0..4 {
        repo.write("a.txt", format!("{}key {secret} # keyward:allow\n", random.text(50)));
        repo.commit("again");
    }
    let scan = repo.history();
    assert!(scan.found.is_empty());
    assert_eq!(scan.summary.silenced, 1);
}

#[test]
fn progress_ends_at_the_total() {
    let (repo, mut random) = (Repo::new(), Random::new(10));
    busy(&repo, &mut random, 10);
    let last = std::sync::Mutex::new((0, 1));
    let told = |done, total| *last.lock().unwrap() = (done, total);
    let scan = repo.history_with(&HistoryOptions { progress: Some(&told), ..HistoryOptions::default() });
    assert_eq!(*last.lock().unwrap(), (scan.summary.blobs, scan.summary.blobs));
}
