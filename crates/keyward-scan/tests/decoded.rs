//! What is found in texts that are encoded or packed, and where.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::Write;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use data_encoding::BASE64;
use keyward_scan::tree::{self, TreeOptions};
use keyward_scan::{Engine, Found, Outcome, Scanner, Silence, Source, Verdict};
use keyward_types::{Finding, KnownSecret, KnownSecrets};

struct Nothing;
impl Silence for Nothing {
    fn judge(&self, _: &Finding, _: &[u8], _: &[u8]) -> Verdict {
        Verdict::Report
    }
}

/// Knows values by their bytes.
struct Vault(Vec<Vec<u8>>);
impl KnownSecrets for Vault {
    fn find(&self, text: &[u8], found: &mut dyn FnMut(Range<usize>, &KnownSecret)) {
        let secret = KnownSecret {
            project: "shop".parse().unwrap(),
            environment: "production".parse().unwrap(),
            name: "TOKEN".parse().unwrap(),
            version: serde_json::from_str("1").unwrap(),
        };
        for value in &self.0 {
            memchr::memmem::find_iter(text, value).for_each(|at| found(at..at + value.len(), &secret));
        }
    }

    fn version(&self) -> [u8; 16] {
        [0; 16]
    }
}

fn scanner(known: Option<Vault>) -> Scanner {
    let known = known.map(|vault| Arc::new(vault) as Arc<dyn KnownSecrets>);
    Scanner { engine: Engine::new(Vec::new()), known, silence: Box::new(Nothing) }
}

fn scan(text: &str) -> Vec<Found> {
    let outcome = scanner(None).scan(&Source { path: "a.txt", ..Source::default() }, text.as_bytes());
    outcome.found.into_iter().filter(|found| !found.weak).collect()
}

/// A token of a form that needs nothing around it.
fn token(seed: u64) -> String {
    let mut state = seed;
    let body = (0..20).map(|_| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        char::from(b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789"[(state >> 33) as usize % 56])
    });
    format!("glpat-{}", body.collect::<String>())
}

fn values(found: &[Found]) -> Vec<String> {
    found.iter().map(|one| String::from_utf8_lossy(&one.value).into_owned()).collect()
}

#[test]
fn an_encoded_token_is_found_with_its_own_value_in_its_own_place() {
    let (one, two) = (token(1), token(2));
    let inner = format!("url: x.example token: {two} end");
    let text = format!("a = {one}\nblob: {}\n", BASE64.encode(inner.as_bytes()));
    let found = scan(&text);
    assert_eq!(values(&found), [one, two.clone()]);
    let finding = &found[1].finding;
    let at = inner.find(&two).unwrap();
    assert_eq!((finding.line, finding.column), (2, 7 + at as u32 * 4 / 3));
    assert_eq!(finding.end_column, 7 + ((at + two.len()) as u32 * 4).div_ceil(3));
    assert_eq!(
        scan(&format!("t = {two}"))[0].finding.fingerprint,
        finding.fingerprint,
        "encoded or not, it is the same"
    );
}

#[test]
fn all_tokens_of_an_encoded_file_are_found_packed_or_not() {
    let (one, two) = (token(3), token(4));
    let file = format!("A={one}\nB={two}\n");
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    writer.write_all(file.as_bytes()).unwrap();
    let packed = writer.finish().unwrap();
    for encoded in
        [BASE64.encode(file.as_bytes()), BASE64.encode(&packed), BASE64.encode(BASE64.encode(&packed).as_bytes())]
    {
        let mut found = values(&scan(&format!("config: \"{encoded}\"\n")));
        found.sort();
        let mut expected = vec![one.clone(), two.clone()];
        expected.sort();
        assert_eq!(found, expected, "{encoded}");
    }
}

#[test]
fn a_token_between_escapes_is_found_once() {
    let token = token(5);
    for text in [
        format!(r#"x = "a\u003d\u0022{token}\u0022\u000a""#),
        format!("https://x.example/?u=https%3A%2F%2Fy.example%2F%3Ft%3D{token}%26a%3Db"),
        format!(r#""{{\"a\": \"b\", \"token\": \"{token}\"}}""#),
    ] {
        assert_eq!(values(&scan(&text)), std::slice::from_ref(&token), "{text}");
    }
}

#[test]
fn the_vault_knows_a_value_through_its_encoding() {
    let value = "correct horse battery staple 42!".to_owned();
    let encoded = BASE64.encode(value.as_bytes());
    let vault = Vault(vec![value.clone().into_bytes(), encoded.trim_end_matches('=').as_bytes()[..40].to_vec()]);
    let text = format!("x: {encoded}\n");
    let outcome = scanner(Some(vault)).scan(&Source::default(), text.as_bytes());
    assert_eq!(values(&outcome.found), [value]);
    assert!(outcome.found[0].finding.vault.is_some());
}

#[test]
fn a_tree_is_read_into_its_archives_and_counts_stay_those_of_files() {
    let folder = tempfile::tempdir().unwrap();
    let token = token(6);
    let text = format!("t = {token}\n");
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for name in ["a/b.txt", "c.txt"] {
        writer.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    std::fs::write(folder.path().join("x.zip"), writer.finish().unwrap().into_inner()).unwrap();
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    std::fs::write(folder.path().join("w.txt"), [&[0xfe, 0xff], &wide[..]].concat()).unwrap();
    std::fs::write(folder.path().join("p.bin"), b"\x7fELF\0\0\0\0").unwrap();
    let all = Mutex::new(Outcome::default());
    let scanner = scanner(None);
    tree::scan(&scanner, &[folder.path().to_owned()], &TreeOptions::default(), &tree::Untracked, &|outcome| {
        all.lock().unwrap().merge(outcome);
    });
    let all = all.into_inner().unwrap();
    let root = format!("{}/", folder.path().display());
    let mut paths: Vec<&str> = all.found.iter().map(|found| found.finding.path.strip_prefix(&root).unwrap()).collect();
    paths.sort_unstable();
    assert_eq!(paths, ["w.txt", "x.zip!a/b.txt", "x.zip!c.txt"]);
    assert_eq!((all.summary.files, all.summary.skipped.len()), (2, 1));
    assert_eq!(all.summary.skipped[0].reason, "binary");
    assert_eq!(all.summary.bytes, 3 * text.len() as u64);
}
