//! The command: exit codes 0, 1 and 2, and what it prints.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use common::{keys, log};
use keyward_audit::LogProof;
use keyward_audit::merkle::leaf_hash;
use tempfile::TempDir;

/// Writes the export of a log of so many entries to a folder.
fn export(count: u64, to: &Path) {
    for (path, bytes) in &log(count).export(None).0 {
        let path = to.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// An export on disk, with a proof of entry 3 and an older checkpoint beside it.
fn exported() -> TempDir {
    let dir = TempDir::new().unwrap();
    let log = log(300);
    export(300, &dir.path().join("export"));
    let leaves: Vec<_> = log.rows.iter().map(|row| leaf_hash(&row.public)).collect();
    let note = log.checkpoint_at(300);
    let proof = LogProof::new(leaves.as_slice(), &log.rows[3].public, 3, &note, &keys().0).unwrap();
    fs::write(dir.path().join("3.tlog-proof"), proof.to_string()).unwrap();
    fs::write(dir.path().join("entry"), &log.rows[3].public).unwrap();
    fs::write(dir.path().join("older"), log.checkpoint_at(100)).unwrap();
    fs::write(dir.path().join("newer"), common::log(400).checkpoint_at(400)).unwrap();
    fs::write(dir.path().join("key"), format!("{}\n", keys().0[0])).unwrap();
    dir
}

fn run(dir: &Path, arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keyward-verify"));
    let Output { status, stdout, stderr } = command.current_dir(dir).args(arguments).output().unwrap();
    let text = [stdout, stderr].concat();
    (status.code().unwrap(), String::from_utf8(text).unwrap())
}

#[test]
fn what_holds_ends_with_0() {
    let dir = exported();
    let run = |arguments: &[&str]| run(dir.path(), &[&["--key-file", "key"], arguments].concat());
    let holds = (0, "keyward.local/v: entries 0 to 299 hold\n".to_owned());
    assert_eq!(run(&["export", "export"]), holds);
    assert_eq!(run(&["export", "export", "--against", "older"]), holds);
    for (count, said) in [(0, "it holds; the log has no entries yet"), (1, "entry 0 holds"), (2, "entries 0 to 1 hold")]
    {
        export(count, &dir.path().join(count.to_string()));
        assert_eq!(run(&["export", &count.to_string()]), (0, format!("keyward.local/v: {said}\n")));
    }
    let (code, text) = run(&["proof", "3.tlog-proof"]);
    assert_eq!(code, 0);
    assert!(text.starts_with("keyward.local/v: entry 3 of 300 holds\n{\"action\":\"secret.read\""), "{text}");
    assert_eq!(run(&["proof", "3.tlog-proof", "--entry", "entry"]).0, 0);
    assert_eq!(run(&["checkpoint", "older"]), (0, "keyward.local/v: signed with 100 entries\n".to_owned()));
}

#[test]
fn what_does_not_fit_ends_with_1() {
    let dir = exported();
    let run = |arguments: &[&str]| run(dir.path(), &[&["--key-file", "key"], arguments].concat());
    let expected = "checkpoint 1 from outside has 400 entries, the log only 300\n";
    assert_eq!(run(&["export", "export", "--against", "newer"]), (1, expected.to_owned()));
    fs::write(dir.path().join("entry"), "{}").unwrap();
    assert_eq!(run(&["proof", "3.tlog-proof", "--entry", "entry"]).0, 1);
    fs::remove_file(dir.path().join("export/tile/0/000")).unwrap();
    assert_eq!(run(&["export", "export"]), (1, "the file `tile/0/000` is missing\n".to_owned()));
    let proof = fs::read_to_string(dir.path().join("3.tlog-proof")).unwrap();
    fs::write(dir.path().join("3.tlog-proof"), proof.replace("index 3", "index 4")).unwrap();
    assert_eq!(run(&["proof", "3.tlog-proof"]), (1, "the proof does not hold\n".to_owned()));
    fs::write(dir.path().join("older"), "no note").unwrap();
    assert_eq!(run(&["checkpoint", "older"]).0, 1);
    fs::create_dir(dir.path().join("empty")).unwrap();
    assert_eq!(run(&["export", "empty"]), (1, "the file `checkpoint` is missing\n".to_owned()));
}

#[test]
fn what_cannot_be_checked_ends_with_2() {
    let dir = exported();
    let cases: [&[&str]; 7] = [
        &["export", "export"],
        &["--key", "no key", "export", "export"],
        &["--key-file", "nowhere", "export", "export"],
        &["--key-file", "key", "export", "nowhere"],
        &["--key-file", "key", "export", "key"],
        &["--key-file", "key", "proof", "nowhere"],
        &["--key-file", "key", "export", "export", "--first", "x"],
    ];
    for arguments in cases {
        let (code, text) = run(dir.path(), arguments);
        assert_eq!(code, 2, "{arguments:?}: {text}");
        assert!(text.starts_with("error: "), "{text}");
    }
}

#[test]
fn an_export_with_another_key_does_not_hold() {
    let dir = exported();
    let other = keyward_audit::note::Ed25519Signer::new("keyward.local/v", &[9; 32]).unwrap();
    let key = keyward_audit::note::Signer::verifier(&other).to_string();
    let (code, text) = run(dir.path(), &["--key", &key, "export", "export"]);
    assert_eq!((code, text.as_str()), (1, "the checkpoint is not signed by the log's key\n"));
}
