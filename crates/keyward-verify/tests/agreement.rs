//! Writer and verifier share no code; they must agree on every export, altered in any way.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

mod common;

use std::sync::LazyLock;

use common::{Files, Log, entry, keys, log, signed, verdict};
use keyward_audit::export::native;
use keyward_audit::head::Head;
use keyward_audit::merkle::{Frontier, leaf_hash};
use keyward_audit::tile::{Kind, TileWriter, parse_bundle};
use keyward_audit::{Checkpoint, Tile, Verifier, canonical};
use keyward_store::LogRow;
use proptest::prelude::*;

static EXPORTS: LazyLock<Vec<Files>> =
    LazyLock::new(|| [1, 2, 3, 5, 7, 12, 20, 40, 257].map(|size| log(size).export(None)).into());

/// The writer's own verdict: the log read back from the export holds, and gives the same export.
fn writer_accepts(files: &Files) -> bool {
    let Some(rebuilt) = rebuild(files) else { return false };
    let relevant = |path: &String| path.starts_with("tile/") || path == "entries.jsonl";
    let same = |a: &Files, b: &Files| {
        a.0.iter().filter(|(path, _)| relevant(path)).all(|(path, bytes)| b.0.get(path) == Some(bytes))
    };
    let key = files.0.get("key").is_none_or(|key| Some(key) == rebuilt.0.get("key"));
    key && same(files, &rebuilt) && same(&rebuilt, files)
}

fn rebuild(files: &Files) -> Option<Files> {
    let keys = keys().0;
    let checkpoint = String::from_utf8(files.0.get("checkpoint")?.clone()).ok()?;
    let size = Checkpoint::open(&checkpoint, &keys).ok()?.size;
    let (mut rows, mut frontier) = (Vec::new(), Frontier::new());
    for tile in Tile::between(0, size).into_iter().filter(|tile| tile.kind == Kind::Entries) {
        for public in parse_bundle(&tile, files.0.get(&tile.to_string())?).ok()? {
            frontier.push(leaf_hash(public));
            let index = rows.len() as u64;
            rows.push(LogRow { index, public: public.to_vec(), private: Vec::new() });
        }
    }
    let head = Head { frontier, checkpoint }.encode();
    if !Verifier::new(&keys).log(&rows, Some(&head)).holds() {
        return None;
    }
    let mut files = Files::default();
    native(&rows, &head, &keys, &TileWriter::new(), None, &mut files).ok()?;
    Some(files)
}

/// An alteration; numbers are reduced to what is there.
#[derive(Debug, Clone)]
enum Change {
    Flip { file: usize, at: usize, bit: u8 },
    Insert { file: usize, at: usize, byte: u8 },
    Cut { file: usize, at: usize },
    CutFront { file: usize, at: usize },
    Remove { file: usize },
    SwapFiles { file: usize, other: usize },
    SwapEntries { entry: usize, other: usize },
    SwapLines { line: usize, other: usize },
    RemoveLine { line: usize },
    RepeatLine { line: usize },
    Stray { index: u64, width: u16, level: u8 },
    OtherLog { size: usize, file: usize },
}

fn any_change() -> impl Strategy<Value = Change> {
    let (n, file) = (0usize..1_000_000, 0usize..20);
    let bytes = prop_oneof![
        (file.clone(), n.clone(), 0u8..8).prop_map(|(file, at, bit)| Change::Flip { file, at, bit }),
        (file.clone(), n.clone(), any::<u8>()).prop_map(|(file, at, byte)| Change::Insert { file, at, byte }),
        (file.clone(), n.clone()).prop_map(|(file, at)| Change::Cut { file, at }),
        (file.clone(), n.clone()).prop_map(|(file, at)| Change::CutFront { file, at }),
    ];
    let files = prop_oneof![
        file.clone().prop_map(|file| Change::Remove { file }),
        (file.clone(), file.clone()).prop_map(|(file, other)| Change::SwapFiles { file, other }),
        (0u64..2000, 1u16..=256, 0u8..8).prop_map(|(index, width, level)| Change::Stray { index, width, level }),
        (n.clone(), file).prop_map(|(size, file)| Change::OtherLog { size, file }),
    ];
    let entries = prop_oneof![
        (n.clone(), n.clone()).prop_map(|(entry, other)| Change::SwapEntries { entry, other }),
        (n.clone(), n.clone()).prop_map(|(line, other)| Change::SwapLines { line, other }),
        n.clone().prop_map(|line| Change::RemoveLine { line }),
        n.prop_map(|line| Change::RepeatLine { line }),
    ];
    prop_oneof![bytes, files, entries]
}

fn apply(files: &mut Files, change: &Change) {
    let count = files.0.len();
    let path = |files: &Files, n: usize| files.0.keys().nth(n % count).unwrap().clone();
    let mut edit = |file: usize, edit: &dyn Fn(&mut Vec<u8>)| edit(files.0.values_mut().nth(file % count).unwrap());
    match *change {
        Change::Flip { file, at, bit } => edit(file, &|bytes| {
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
        }),
        Change::Insert { file, at, byte } => edit(file, &|bytes| bytes.insert(at % (bytes.len() + 1), byte)),
        Change::Cut { file, at } => edit(file, &|bytes| bytes.truncate(at % bytes.len())),
        Change::CutFront { file, at } => edit(file, &|bytes| drop(bytes.drain(..at % bytes.len()))),
        Change::Remove { file } => {
            let path = path(files, file);
            files.0.remove(&path);
        }
        Change::SwapFiles { file, other } => {
            let (a, b) = (path(files, file), path(files, other));
            let (of_a, of_b) = (files.0[&a].clone(), files.0[&b].clone());
            files.0.extend([(a, of_b), (b, of_a)]);
        }
        Change::SwapEntries { entry, other } => swap_entries(files, entry, other),
        Change::SwapLines { line, other } => edit_lines(files, |lines| {
            let count = lines.len();
            lines.swap(line % count, other % count);
        }),
        Change::RemoveLine { line } => edit_lines(files, |lines| drop(lines.remove(line % lines.len()))),
        Change::RepeatLine { line } => edit_lines(files, |lines| lines.push(lines[line % lines.len()].clone())),
        Change::Stray { index, width, level } => {
            let tile = Tile { kind: Kind::Hashes(level), index, width };
            files.0.entry(tile.to_string()).or_insert_with(|| vec![7; 32]);
        }
        Change::OtherLog { size, file } => {
            let other = &EXPORTS[size % EXPORTS.len()];
            let path = path(files, file);
            if let Some(bytes) = other.0.get(&path) {
                files.0.insert(path, bytes.clone());
            }
        }
    }
}

fn swap_entries(files: &mut Files, entry: usize, other: usize) {
    let path = files.0.keys().find(|path| path.starts_with("tile/entries/")).unwrap().clone();
    let tile: Tile = path.parse().unwrap();
    let bundle = files.0[&path].clone();
    let mut entries = parse_bundle(&tile, &bundle).unwrap();
    let count = entries.len();
    entries.swap(entry % count, other % count);
    let lengths = |entry: &&[u8]| [&(entry.len() as u16).to_be_bytes()[..], entry].concat();
    files.0.insert(path, entries.iter().flat_map(lengths).collect());
}

fn edit_lines(files: &mut Files, edit: impl FnOnce(&mut Vec<String>)) {
    let text = String::from_utf8(files.0["entries.jsonl"].clone()).unwrap();
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    edit(&mut lines);
    files.0.insert("entries.jsonl".into(), lines.concat().into_bytes());
}

/// Only two changes are none: a missing `key`, which is there for convenience, and an empty file
/// where none was.
fn is_harmless(good: &Files, bad: &Files) -> bool {
    let mut bad = bad.clone();
    if !bad.0.contains_key("key") {
        bad.0.insert("key".into(), good.0["key"].clone());
    }
    *good == bad
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]
    #[test]
    fn writer_and_verifier_agree_on_altered_exports(
        which in 0usize..9, changes in prop::collection::vec(any_change(), 1..3),
    ) {
        let good = &EXPORTS[which];
        let mut bad = good.clone();
        for change in &changes {
            if bad.0.is_empty() || !bad.0.contains_key("entries.jsonl") {
                break;
            }
            let bundle_fits = bad.0.keys().find(|path| path.starts_with("tile/entries/")).is_some_and(|path| {
                parse_bundle(&path.parse().unwrap(), &bad.0[path]).is_ok()
            });
            let swaps = matches!(change, Change::SwapEntries { .. });
            let lines = matches!(change, Change::SwapLines { .. } | Change::RemoveLine { .. } | Change::RepeatLine { .. });
            let text = String::from_utf8(bad.0["entries.jsonl"].clone()).is_ok_and(|text| !text.is_empty());
            if (swaps && !bundle_fits) || (lines && !text) || bad.0.values().any(Vec::is_empty) {
                continue;
            }
            apply(&mut bad, change);
        }
        let faults = verdict(&bad);
        prop_assert_eq!(writer_accepts(&bad), faults.is_empty(), "{:?}", faults);
        prop_assert_eq!(is_harmless(good, &bad), faults.is_empty(), "{:?}", faults);
    }

    /// Entries that were never well formed, yet signed: the key's holder may be the attacker.
    #[test]
    fn what_the_writer_accepts_of_signed_entries_the_verifier_accepts(
        at in 0usize..10_000, to: u8, insert: bool,
    ) {
        let mut public = entry(0).canonical().unwrap();
        let at = at % public.len();
        if insert { public.insert(at, to) } else { public[at] = to }
        let log = signed(vec![public]);
        let keys = keys().0;
        let writer = Verifier::new(&keys).log(&log.rows, Some(&log.head));
        let verifier = verdict(&by_hand(&log));
        prop_assert!(!writer.holds() || verifier.is_empty(), "{:?}", verifier);
    }

    #[test]
    fn both_have_the_same_canonical_form(text in json_like()) {
        let writer = canonical::check(text.as_bytes()).is_ok();
        prop_assert_eq!(writer, keyward_verify::json::canonical(text.as_bytes()).is_some(), "{}", text);
    }

    #[test]
    fn both_read_the_same_checkpoints(at in 0usize..1000, to: u8, insert: bool) {
        let mut note = EXPORTS[2].0["checkpoint"].clone();
        let at = at % note.len();
        if insert { note.insert(at, to) } else { note[at] = to }
        let (writer, verifier) = keys();
        let text = String::from_utf8(note.clone()).ok();
        let writer = text.and_then(|text| Checkpoint::open(&text, &writer).ok());
        let verifier = keyward_verify::Checkpoint::open(&note, &verifier, "it").ok();
        prop_assert_eq!(writer.map(|c| (c.origin, c.size, c.root.0)), verifier.map(|c| (c.origin, c.size, c.root)));
    }
}

/// An export of bytes that the writer would not export.
fn by_hand(log: &Log) -> Files {
    let mut files = log_tiles(log);
    for row in &log.rows {
        let leaf = leaf_hash(&row.public).to_hex();
        let tail = format!(",\"index\":{},\"leaf\":\"{leaf}\"}}\n", row.index);
        let line = [b"{\"entry\":", row.public.as_slice(), tail.as_bytes()].concat();
        files.0.entry("entries.jsonl".into()).or_default().extend(line);
    }
    let checkpoint = Head::decode(&log.head).unwrap().checkpoint;
    files.0.insert("checkpoint".into(), checkpoint.into_bytes());
    files
}

fn log_tiles(log: &Log) -> Files {
    struct Sink(Files);
    impl keyward_audit::tile::TileSink for Sink {
        type Error = std::convert::Infallible;

        fn tile(&mut self, tile: Tile, bytes: &[u8]) -> Result<(), Self::Error> {
            self.0.0.insert(tile.to_string(), bytes.to_vec());
            Ok(())
        }
    }
    let (mut writer, mut sink) = (TileWriter::new(), Sink(Files::default()));
    log.rows.iter().for_each(|row| writer.push(&row.public, &mut sink).unwrap());
    writer.partial(&mut sink).unwrap();
    sink.0
}

/// Text near the canonical form, so that both answers are common.
fn json_like() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"a\"",
        "\"b\"",
        "\"\\n\"",
        "\"\\u0001\"",
        "\"\\u000A\"",
        "\"é\"",
        "0",
        "-0",
        "1",
        "-7",
        "1.5",
        "1e2",
        "9007199254740991",
        "9007199254740992",
        "null",
        "true",
        "false",
        " ",
        "\"\\\"\"",
        "{\"a\":",
        "{\"a\":1,\"b\":",
        "{\"\u{1f600}\":1,\"\u{fb33}\":2}",
    ]);
    prop_oneof![
        prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat()),
        (0usize..20).prop_map(|depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth))),
        (0usize..20).prop_map(|depth| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth))),
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
        any::<i64>().prop_map(|number| number.to_string()),
    ]
}
