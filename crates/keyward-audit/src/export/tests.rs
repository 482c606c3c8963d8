use std::collections::BTreeMap;
use std::convert::Infallible;

use keyward_store::LogRow;
use zeroize::Zeroizing;

use super::*;
use crate::checkpoint::origin;
use crate::note::{Ed25519Signer, Signer};
use crate::private::commit;
use crate::{Action, Integrator, Outcome, canonical};

const SALT: [u8; 32] = [5; 32];

#[derive(Default)]
struct Files(BTreeMap<String, Vec<u8>>);

impl Folder for Files {
    type Error = Infallible;

    fn write(&mut self, path: &str, bytes: &[u8]) -> Result<(), Infallible> {
        assert!(self.0.insert(path.to_owned(), bytes.to_vec()).is_none(), "{path} came twice");
        Ok(())
    }

    fn append(&mut self, path: &str, bytes: &[u8]) -> Result<(), Infallible> {
        self.0.entry(path.to_owned()).or_default().extend_from_slice(bytes);
        Ok(())
    }
}

fn log(count: u64) -> (Vec<LogRow>, Vec<u8>, [VerifierKey; 1]) {
    let signer = Ed25519Signer::new(&origin("v"), &[1; 32]).unwrap();
    let keys = [signer.verifier().clone()];
    let row = |index: u64| {
        let json = format!("{{\"reason\":\"number \\\"{index}\\\"\"}}");
        let commit = commit(&SALT, json.as_bytes());
        let time = "2026-11-23T21:43:00.123Z";
        let entry = Entry::new(Action::SecretRead, Outcome::Allowed, "owner", "v", time, commit);
        let private = [SALT.as_slice(), json.as_bytes()].concat();
        LogRow { index, public: entry.canonical().unwrap(), private }
    };
    let rows: Vec<LogRow> = (0..count).map(row).collect();
    let leaves: Vec<&[u8]> = rows.iter().map(|row| row.public.as_slice()).collect();
    let head = Integrator::new(signer).extend(None, 0, &leaves).unwrap();
    (rows, head, keys)
}

fn export(rows: &Vec<LogRow>, head: &[u8], keys: &[VerifierKey]) -> (Result<Exported, Error>, Files) {
    let mut files = Files::default();
    let exported = native(rows, head, keys, &TileWriter::new(), None, &mut files);
    let exported = exported.map_err(|why| match why {
        ExportError::Log(why) => why,
        other => panic!("{other:?}"),
    });
    (exported, files)
}

#[test]
fn an_export_holds_checkpoint_key_tiles_and_lines() {
    let (rows, head, keys) = log(300);
    let (exported, files) = export(&rows, &head, &keys);
    assert_eq!(exported, Ok(Exported { first: 0, size: 300 }));
    let paths: Vec<&str> = files.0.keys().map(String::as_str).collect();
    let tiles = ["tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1", "tile/entries/000", "tile/entries/001.p/44"];
    assert_eq!(paths[..3], ["checkpoint", "entries.jsonl", "key"]);
    assert_eq!(paths[3..], tiles);
    assert_eq!(files.0["key"], format!("{}\n", keys[0]).into_bytes());
    let lines = str::from_utf8(&files.0["entries.jsonl"]).unwrap();
    assert_eq!(lines.lines().count(), 300);
    for (line, row) in lines.lines().zip(&rows) {
        canonical::check(line.as_bytes()).unwrap();
        let entry = str::from_utf8(&row.public).unwrap();
        let leaf = leaf_hash(&row.public).to_hex();
        assert_eq!(line, format!("{{\"entry\":{entry},\"index\":{},\"leaf\":\"{leaf}\"}}", row.index));
    }
}

#[test]
fn private_parts_are_exported_only_when_they_are_opened() {
    let (rows, head, keys) = log(2);
    let open = |_: &Entry, sealed: &[u8]| Ok(Some(Zeroizing::new(sealed.to_vec())));
    let mut files = Files::default();
    native(&rows, &head, &keys, &TileWriter::new(), Some(&open), &mut files).unwrap();
    let lines = str::from_utf8(&files.0["entries.jsonl"]).unwrap();
    let expected = r#""private":{"json":"{\"reason\":\"number \\\"1\\\"\"}","salt":"0505"#;
    assert!(lines.lines().nth(1).unwrap().contains(expected), "{lines}");
    lines.lines().for_each(|line| canonical::check(line.as_bytes()).unwrap());
    let altered = |_: &Entry, sealed: &[u8]| Ok(Some(Zeroizing::new([sealed, b" "].concat())));
    let refused = native(&rows, &head, &keys, &TileWriter::new(), Some(&altered), &mut Files::default());
    assert!(matches!(refused, Err(ExportError::Log(Error::Commitment))));
    let (_, files) = export(&rows, &head, &keys);
    assert!(!str::from_utf8(&files.0["entries.jsonl"]).unwrap().contains("private"));
}

#[test]
fn a_log_that_does_not_hold_is_not_exported_as_if_it_did() {
    let (good, head, keys) = log(10);
    let refused = |tamper: fn(&mut Vec<LogRow>)| {
        let mut rows = good.clone();
        tamper(&mut rows);
        let (exported, files) = export(&rows, &head, &keys);
        assert!(!files.0.contains_key("checkpoint"));
        exported.unwrap_err()
    };
    assert_eq!(refused(|rows| drop(rows.remove(4))), Error::NotDense { expected: 4, found: 5 });
    assert!(matches!(refused(|rows| rows.truncate(4)), Error::HeadAltered(_)));
    assert!(matches!(refused(|rows| rows[3].public[12] ^= 1), Error::Entry(_)));
    let mut longer = good.clone();
    longer.push(LogRow { index: 10, ..good[9].clone() });
    let (exported, files) = export(&longer, &head, &keys);
    assert_eq!(exported, Ok(Exported { first: 0, size: 10 }), "what came after the head is left for later");
    assert_eq!(files.0, export(&good, &head, &keys).1.0);
}

#[test]
fn a_log_without_its_dropped_epochs_is_exported_with_the_same_tiles() {
    let (mut rows, head, keys) = log(700);
    let (_, whole) = export(&rows, &head, &keys);
    let mut base = TileWriter::new();
    rows.iter().take(512).for_each(|row| base.push(&row.public, &mut Tiles(&mut Files::default())).unwrap());
    let base = TileWriter::decode(&base.encode().unwrap()).unwrap();
    rows.drain(..512);
    let mut files = Files::default();
    let exported = native(&rows, &head, &keys, &base, None, &mut files).unwrap();
    assert_eq!(exported, Exported { first: 512, size: 700 });
    for (path, bytes) in files.0.iter().filter(|(path, _)| *path != "entries.jsonl") {
        assert_eq!(whole.0.get(path), Some(bytes), "{path}");
    }
    let missing: Vec<_> = whole.0.keys().filter(|path| !files.0.contains_key(*path)).collect();
    assert_eq!(missing, ["tile/0/000", "tile/0/001", "tile/entries/000", "tile/entries/001"]);
}
