//! A disk that is full, that loses flushes, or that went read-only: refused, nothing lost, and working
//! again when the disk does.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

use keyward_testing::faults::{Faults, Mode};
use tempfile::TempDir;

use crate::check;
use crate::child::{self, Obedient};

struct Disk {
    folder: TempDir,
    faults: Faults,
}

impl Disk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let faults = Faults::build(folder.path());
        Self { folder, faults }
    }

    fn database(&self) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join("store.db")
    }

    fn start(&self) -> Obedient {
        Obedient::start(&self.database(), &self.faults)
    }
}

/// Commits under `mode` until a batch is refused, returns the names of those that were not, and why.
fn commit_until_refused(child: &mut Obedient, acknowledged: &mut Vec<String>) -> String {
    for number in 0..50 {
        let name = format!("under/{}/{number}", acknowledged.len());
        match child.ask(&format!("commit {name}")) {
            Ok(_) => acknowledged.push(name),
            Err(why) => {
                assert_eq!(child.ask(&format!("read {name}")).unwrap(), "nothing", "a refused batch left no record");
                return why;
            }
        }
    }
    panic!("fifty commits, and the disk refused none");
}

fn commit(child: &mut Obedient, name: &str, acknowledged: &mut Vec<String>) {
    let index = child.ask(&format!("commit {name}")).unwrap();
    assert_eq!(index, acknowledged.len().to_string(), "a refused batch leaves no gap");
    acknowledged.push(name.into());
}

/// Faults from the `after`th call on, at each place of a commit: in its frames, at its flush.
fn refuses_and_recovers(mode: fn(u32) -> Mode, expected: &str) {
    let disk = Disk::new();
    let mut acknowledged = Vec::new();
    let mut child = disk.start();
    child.ask("open").unwrap();
    commit(&mut child, "first", &mut acknowledged);
    for after in [0, 1, 2, 3, 5, 8, 13, 21] {
        disk.faults.set(mode(after));
        let why = commit_until_refused(&mut child, &mut acknowledged);
        assert!(why.contains(expected), "{:?}: {why}", mode(after));
        // While the disk fails every further attempt is refused, and reading works.
        child.ask("commit still").unwrap_err();
        assert_eq!(child.ask("read first").unwrap(), "it");
        disk.faults.set(Mode::Off);
        commit(&mut child, &format!("after/{after}"), &mut acknowledged);
    }
    child.finish();
    assert_eq!(check::sound(&disk.database()), acknowledged, "exactly what was acknowledged");
}

#[test]
fn a_full_disk_refuses_and_recovers() {
    refuses_and_recovers(|after| Mode::Enospc { after }, "the disk is full");
}

#[test]
fn a_failed_flush_refuses_and_recovers() {
    refuses_and_recovers(|after| Mode::Eio { after }, "disk I/O error");
}

#[test]
fn a_read_only_disk_refuses_and_recovers() {
    refuses_and_recovers(|after| Mode::Erofs { after }, "write to the database");
}

/// The process dies while it holds a group whose flush failed: that group may come back, as a whole,
/// since nobody was told that it would; nothing else may have changed.
#[test]
fn a_process_killed_on_a_failing_disk_loses_nothing() {
    for after in 0..4 {
        let disk = Disk::new();
        let mut acknowledged = Vec::new();
        let mut child = disk.start();
        child.ask("open").unwrap();
        commit(&mut child, "first", &mut acknowledged);
        disk.faults.set(Mode::Eio { after });
        commit_until_refused(&mut child, &mut acknowledged);
        child.kill();
        let log = check::sound(&disk.database());
        assert!(log.starts_with(&acknowledged), "{log:?} begins with {acknowledged:?}");
        assert!(log.len() <= acknowledged.len() + 1, "at most the group that failed: {log:?}");
    }
}

/// Every write, flush and change of making a database fails once, in turn.
#[test]
fn a_database_is_made_whole_or_not_at_all() {
    let modes: [fn(u32) -> Mode; 3] =
        [|after| Mode::Enospc { after }, |after| Mode::Eio { after }, |after| Mode::Erofs { after }];
    for mode in modes {
        let made = (0..200).find(|&after| {
            let disk = Disk::new();
            disk.faults.set(mode(after));
            let mut child = disk.start();
            let opened = child.ask("open");
            disk.faults.set(Mode::Off);
            if opened.is_err() {
                child.ask("open").unwrap();
            }
            commit(&mut child, "first", &mut Vec::new());
            child.finish();
            assert_eq!(check::sound(&disk.database()), ["first"], "{:?}: {opened:?}", mode(after));
            opened.is_ok()
        });
        assert!(made.is_some_and(|after| after > 0), "{:?} failed at least once, and not for ever", mode(0));
    }
}

#[test]
fn a_read_only_disk_is_named_when_the_store_is_opened() {
    let disk = Disk::new();
    let mut child = disk.start();
    child.ask("open").unwrap();
    commit(&mut child, "first", &mut Vec::new());
    child.ask("close").unwrap();
    disk.faults.set(Mode::Erofs { after: 0 });
    let why = child.ask("open").unwrap_err();
    assert!(why.contains("read-only"), "{why}");
    disk.faults.set(Mode::Off);
    child.ask("open").unwrap();
    child.finish();
    assert_eq!(check::sound(&disk.database()), ["first"]);
}

#[test]
fn half_a_backup_is_none() {
    let disk = Disk::new();
    let mut child = disk.start();
    child.ask("open").unwrap();
    commit(&mut child, "first", &mut Vec::new());
    let backup = disk.folder.path().join("backup.db");
    let command = format!("backup {}", backup.display());
    for (mode, expected) in [
        (Mode::Enospc { after: 1 }, "the disk is full"),
        (Mode::Eio { after: 0 }, ""),
        (Mode::Erofs { after: 0 }, "read-only"),
    ] {
        disk.faults.set(mode);
        let why = child.ask(&command).unwrap_err();
        assert!(why.contains(expected), "{mode:?}: {why}");
        // Under a read-only disk nothing was made, on the others what was made is gone.
        assert!(!backup.exists(), "{mode:?}");
    }
    disk.faults.set(Mode::Off);
    child.ask(&command).unwrap();
    child.finish();
    assert_eq!(check::sound(&backup), ["first"]);
}

/// Many threads, and a disk that fails now and then for all of them.
#[test]
fn a_crowd_is_answered_one_by_one_on_a_failing_disk() {
    let disk = Disk::new();
    let mut command = child::flood(&disk.database(), 16);
    let mut child = disk.faults.command(&mut command).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let reader = std::thread::spawn(move || lines.map(Result::unwrap).collect::<Vec<String>>());
    std::thread::sleep(Duration::from_millis(200));
    for round in 0..6 {
        let after = round * 3;
        disk.faults.set(if round % 2 == 0 { Mode::Enospc { after } } else { Mode::Eio { after } });
        std::thread::sleep(Duration::from_millis(50));
        disk.faults.set(Mode::Off);
        std::thread::sleep(Duration::from_millis(100));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    compare(&reader.join().unwrap(), &disk.database());
}

fn compare(lines: &[String], database: &Path) {
    let log = check::sound(database);
    let mut refused = 0;
    for line in lines {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        match words[..] {
            ["ok", thread, number, index] => {
                let index: usize = index.parse().unwrap();
                assert_eq!(log.get(index), Some(&format!("{thread}/{number}")), "{line}");
            }
            ["refused", ..] => refused += 1,
            _ => panic!("{line}"),
        }
    }
    assert!(refused > 0, "the faults met nobody");
    assert_eq!(log.iter().collect::<BTreeSet<_>>().len(), log.len(), "no batch was made twice");
}
