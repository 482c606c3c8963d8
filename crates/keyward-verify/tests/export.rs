//! What an export must be, and what each alteration is called.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

mod common;

use common::{Files, Log, keys, log, verdict};
use keyward_audit::Entry;
use keyward_audit::export::native;
use keyward_audit::tile::{TileSink, TileWriter};
use keyward_verify::{Fault, Options, verify_export};
use zeroize::Zeroizing;

#[test]
fn exports_of_any_size_hold() {
    for size in [0, 1, 2, 255, 256, 257, 512, 700] {
        let log = log(size);
        assert_eq!(verdict(&log.export(None)), [], "{size}");
        let open = |_: &Entry, sealed: &[u8]| Ok(Some(Zeroizing::new(sealed.to_vec())));
        assert_eq!(verdict(&log.export(Some(&open))), [], "{size}");
    }
}

/// Three levels of tiles; the entries are alike, to be made quickly.
#[test]
fn a_log_with_three_levels_of_tiles_holds() {
    let entry = common::entry(0).canonical().unwrap();
    let mut files = common::signed(vec![entry; 65_536 + 300]).export(None);
    assert!(files.0.contains_key("tile/2/000.p/1"));
    assert_eq!(verdict(&files), []);
    files.0.get_mut("tile/1/000").unwrap()[77] ^= 1;
    files.0.get_mut("tile/2/000.p/1").unwrap()[7] ^= 1;
    let altered = |path: &str| Fault::File { path: path.into(), why: "its hashes are not those of the entries" };
    assert_eq!(verdict(&files), [altered("tile/1/000"), altered("tile/2/000.p/1")]);
}

fn faults(change: impl FnOnce(&mut Files)) -> Vec<Fault> {
    let mut files = log(300).export(None);
    change(&mut files);
    verdict(&files)
}

fn bytes<'a>(files: &'a mut Files, path: &str) -> &'a mut Vec<u8> {
    files.0.get_mut(path).unwrap()
}

#[test]
fn each_alteration_has_its_name() {
    let missing = |path: &str| faults(|files| drop(files.0.remove(path).unwrap()));
    assert_eq!(missing("checkpoint"), [Fault::Missing("checkpoint".into())]);
    assert_eq!(missing("tile/0/000"), [Fault::Missing("tile/0/000".into())]);
    assert_eq!(missing("tile/1/000.p/1"), [Fault::Missing("tile/1/000.p/1".into())]);
    assert_eq!(missing("tile/entries/001.p/44")[0], Fault::Missing("tile/entries/001.p/44".into()));
    assert!(missing("entries.jsonl").iter().all(|fault| matches!(fault, Fault::Entry { .. })));

    let stray = faults(|files| drop(files.0.insert("tile/0/002".into(), vec![0; 32])));
    assert_eq!(stray, [Fault::Stray("tile/0/002".into())]);
    let tile = faults(|files| bytes(files, "tile/0/001.p/44")[5] ^= 1);
    assert!(matches!(&tile[..], [Fault::File { path, .. }] if path == "tile/0/001.p/44"));
    let key = faults(|files| bytes(files, "key")[5] ^= 1);
    assert_eq!(key, [Fault::KeyFile]);
    let signature = faults(|files| {
        let note = bytes(files, "checkpoint");
        let at = note.len() - 10;
        note[at] = if note[at] == b'A' { b'B' } else { b'A' };
    });
    assert_eq!(signature, [Fault::Signature { what: "the checkpoint".into() }]);
    let line = faults(|files| bytes(files, "entries.jsonl")[2] ^= 1);
    assert!(matches!(line[..], [Fault::Entry { index: 0, .. }]), "{line:?}");
    let longer = faults(|files| bytes(files, "entries.jsonl").push(b'\n'));
    assert!(matches!(&longer[..], [Fault::File { path, .. }] if path == "entries.jsonl"));
    let entry = faults(|files| bytes(files, "tile/entries/000")[20] ^= 1);
    assert!(entry.contains(&Fault::Root { what: "the checkpoint".into() }), "{entry:?}");
}

#[test]
fn a_cut_export_is_not_a_shorter_log() {
    let mut files = log(300).export(None);
    let shorter = log(256).export(None);
    files.0.retain(|path, _| shorter.0.contains_key(path) || path == "checkpoint");
    assert!(verdict(&files).contains(&Fault::Missing("tile/entries/001.p/44".into())));
    files.0.insert("checkpoint".into(), shorter.0["checkpoint"].clone());
    files.0.insert("tile/0/000".into(), shorter.0["tile/0/000"].clone());
    assert!(!verdict(&files).is_empty(), "its lines are too many");
}

fn against(log: &Log, checkpoints: &[String]) -> Vec<Fault> {
    let against: Vec<Vec<u8>> = checkpoints.iter().map(|note| note.clone().into_bytes()).collect();
    let keys = keys().1;
    let options = Options { keys: &keys, against: &against, first: 0 };
    verify_export(&log.export(None), &options).unwrap().faults
}

#[test]
fn an_older_checkpoint_must_agree() {
    let log = log(300);
    let checkpoints: Vec<String> = [0, 1, 100, 256, 299, 300].map(|size| log.checkpoint_at(size)).into();
    assert_eq!(against(&log, &checkpoints), []);
    let newer = common::log(400).checkpoint_at(301);
    let what = "checkpoint 1 from outside".to_owned();
    assert_eq!(against(&log, &[newer]), [Fault::Shorter { what: what.clone(), signed: 301, entries: 300 }]);
    let mut public: Vec<Vec<u8>> = log.rows.iter().map(|row| row.public.clone()).collect();
    public.swap(40, 41);
    let fork = common::signed(public).checkpoint_at(100);
    assert_eq!(against(&log, &[fork]), [Fault::Root { what }]);
    assert!(matches!(against(&log, &["not a note".into()])[..], [Fault::Malformed { .. }]));
    let text = format!("keyward.local/w\n1\n{}\n", keyward_audit::Hash::EMPTY);
    let of_another = keyward_audit::note::sign(&text, &common::signer()).unwrap();
    assert!(matches!(against(&log, &[of_another])[..], [Fault::Origin { .. }]));
}

/// To ask for less than there is must not make less count as all.
#[test]
fn an_export_without_entries_does_not_hold_whatever_is_asked_for() {
    let mut files = log(300).export(None);
    files.0.retain(|path, _| path == "checkpoint" || path.starts_with("tile/1/"));
    let keys = keys().1;
    let options = Options { keys: &keys, against: &[], first: 1000 };
    let faults = verify_export(&files, &options).unwrap().faults;
    assert_eq!(faults, [Fault::Root { what: "the checkpoint".into() }]);
}

#[test]
fn an_exported_private_part_must_be_the_one_committed_to() {
    let open = |_: &Entry, sealed: &[u8]| Ok(Some(Zeroizing::new(sealed.to_vec())));
    let good = log(3).export(Some(&open));
    let text = String::from_utf8(good.0["entries.jsonl"].clone()).unwrap();
    for (from, to) in [
        ("reason", "season"),
        ("\"salt\":\"05", "\"salt\":\"06"),
        ("\"salt\":\"05", "\"salt\":\""),
        ("\"json\":", "\"other\":1,\"json\":"),
        (",\"private\":{", ",\"private\": {"),
    ] {
        assert!(text.contains(from), "{from}");
        let mut bad = good.clone();
        bad.0.insert("entries.jsonl".into(), text.replacen(from, to, 1).into_bytes());
        assert!(matches!(verdict(&bad)[..], [Fault::Entry { .. }]), "{to}");
    }
}

struct Nowhere;

impl TileSink for Nowhere {
    type Error = std::convert::Infallible;

    fn tile(&mut self, _: keyward_audit::Tile, _: &[u8]) -> Result<(), Self::Error> {
        Ok(())
    }
}

#[test]
fn an_export_without_dropped_epochs_holds_only_when_that_is_known() {
    let mut log = log(1400);
    let against = [log.checkpoint_at(1300).into_bytes()];
    let mut base = TileWriter::new();
    log.rows.iter().take(1024).for_each(|row| base.push(&row.public, &mut Nowhere).unwrap());
    log.rows.drain(..1024);
    let mut files = Files::default();
    native(&log.rows, &log.head, &keys().0, &base, None, &mut files).unwrap();
    let keys = keys().1;
    let verify = |files: &Files, first| {
        let options = Options { keys: &keys, against: &against, first };
        verify_export(files, &options).unwrap()
    };
    let report = verify(&files, 1024);
    assert_eq!((report.first, report.faults), (1024, vec![]));
    assert_eq!(verdict(&files), [Fault::Begins { expected: 0, first: 1024 }]);
    bytes(&mut files, "tile/1/000.p/5")[3] ^= 1;
    assert!(!verify(&files, 1024).faults.is_empty());
}

#[test]
fn a_checkpoint_of_another_history_does_not_hold_whatever_is_given_beside_it() {
    let good = log(30);
    let mut public: Vec<Vec<u8>> = good.rows.iter().map(|row| row.public.clone()).collect();
    let mut other = common::entry(29);
    other.principal = "other".into();
    public[29] = other.canonical().unwrap();
    let mut files = good.export(None);
    files.0.insert("checkpoint".into(), common::signed(public).checkpoint_at(30).into_bytes());
    let (keys, against) = (keys().1, [good.checkpoint_at(30).into_bytes()]);
    for against in [&[][..], &against] {
        let found = verify_export(&files, &Options { keys: &keys, against, first: 0 }).unwrap().faults;
        assert_eq!(found, [Fault::Root { what: "the checkpoint".into() }]);
    }
}
