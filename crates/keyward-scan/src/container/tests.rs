use proptest::prelude::*;

use super::*;

fn read(path: &str, bytes: &[u8]) -> (Vec<(String, String)>, Vec<Skipped>) {
    let (mut found, mut skipped) = (Vec::new(), Vec::new());
    let visit =
        &mut |path: &str, text: &[u8]| found.push((path.to_owned(), String::from_utf8_lossy(text).into_owned()));
    texts(path, bytes, &Limits::default(), visit, &mut skipped);
    (found, skipped)
}

fn pair(path: &str, text: &str) -> (String, String) {
    (path.to_owned(), text.to_owned())
}

fn zip_of(files: &[(&str, &str)]) -> Vec<u8> {
    use std::io::Write;
    let mut writer = ::zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in files {
        writer.start_file(*name, ::zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A database as SQLite itself writes it.
fn database(statements: &[&str]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    for statement in statements {
        connection.execute_batch(statement).unwrap();
    }
    drop(connection);
    std::fs::read(path).unwrap()
}

#[test]
fn plain_text_is_visited_once_as_it_is() {
    assert_eq!(read("a.txt", b"text"), (vec![pair("a.txt", "text")], vec![]));
    assert_eq!(read("a.txt", b""), (vec![pair("a.txt", "")], vec![]));
    assert_eq!(read("a.png", b"\x89PNG\r\n\x1a\n\0\0\0\r"), (vec![], vec![Skipped::new("a.png", "binary")]));
}

#[test]
fn what_is_no_text_still_has_its_path() {
    let paths = |path: &str, bytes: &[u8]| {
        let mut all = Vec::new();
        let visit = &mut |path: &str, text: &[u8]| all.push((path.to_owned(), text.len()));
        texts_and_paths(path, bytes, &Limits::default(), visit, &mut vec![Skipped::new("earlier", "binary")]);
        all
    };
    let named = |path: &str, length: usize| (path.to_owned(), length);
    assert_eq!(paths("a.txt", b"text"), [named("a.txt", 4)]);
    assert_eq!(paths("a.txt", b""), [named("a.txt", 0)]);
    assert_eq!(paths("a.p12", b"\x30\x82\0\0"), [named("a.p12", 0)]);
    let zip = zip_of(&[("b.txt", "text"), ("c.p12", "\0")]);
    assert_eq!(paths("a.zip", &zip), [named("a.zip!b.txt", 4), named("a.zip", 0), named("a.zip!c.p12", 0)]);
}

#[test]
fn one_nul_hides_no_text() {
    for (path, text) in [
        ("a.py", "# \0\nK = 'x'\n".to_owned()),
        (".env", "\0".repeat(9000) + "K=x\n"),
        ("Dockerfile", "\0".repeat(400) + "ENV K x\n"),
        ("no-ending", "#!/bin/sh\n# \0\nK=x ./run\n".to_owned()),
    ] {
        assert_eq!(read(path, text.as_bytes()), (vec![pair(path, &text)], vec![]), "{path}");
    }
    let noise: Vec<u8> = (0..4096_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    assert_eq!(read("a.bin", &noise), (vec![], vec![Skipped::new("a.bin", "binary")]));
}

#[test]
fn utf32_is_transcoded() {
    let text = "[section]\r\npassword = geheim-ü\r\n";
    let four = text.chars().flat_map(|c| u32::from(c).to_le_bytes());
    let bytes: Vec<u8> = [0xff, 0xfe, 0, 0].into_iter().chain(four).collect();
    assert_eq!(read("a.ini", &bytes), (vec![pair("a.ini", text)], vec![]));
    assert_eq!(read("notes", &bytes[4..]), (vec![pair("notes", text)], vec![]));
}

#[test]
fn utf16_is_transcoded() {
    let text = "[section]\r\npassword = geheim-ü\r\n";
    let bytes: Vec<u8> = [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    assert_eq!(read("a.ini", &bytes), (vec![pair("a.ini", text)], vec![]));
    assert_eq!(read("a.ini", &bytes[2..]), (vec![pair("a.ini", text)], vec![]));
}

#[test]
fn notebooks_give_their_cells_and_the_rest() {
    let notebook = serde_json::json!({
        "cells": [
            {"cell_type": "markdown", "metadata": {}, "source": "# Title"},
            {"cell_type": "code", "source": ["key = \"abc\"\n", "print(key)"], "metadata": {"tag": "t"}, "outputs": [
                {"output_type": "stream", "name": "stdout", "text": ["abc\n"]},
                {"output_type": "display_data", "data": {"image/png": "iVBORw0KGgo=", "text/plain": ["<Figure>"]}, "metadata": {}},
            ]},
        ],
        "metadata": {"kernel": "python"}, "nbformat": 4,
    });
    let (found, skipped) = read("n.ipynb", notebook.to_string().as_bytes());
    assert_eq!(skipped, []);
    assert_eq!(
        found.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(),
        ["n.ipynb!cell 1", "n.ipynb!cell 2", "n.ipynb!metadata"]
    );
    assert!(found[1].1.starts_with("key = \"abc\"\nprint(key)\n"), "{}", found[1].1);
    assert!(found[1].1.contains("\nabc\n") && found[1].1.contains("<Figure>") && !found[1].1.contains("iVBOR"));
    assert!(found[2].1.contains("kernel: python"));
    for broken in ["{\"cells\": [", "[1]", "{\"a\": 1}"] {
        assert_eq!(read("n.ipynb", broken.as_bytes()).0, [pair("n.ipynb", broken)]);
    }
}

#[test]
fn office_documents_give_words_that_are_whole() {
    let xml = "<?xml version=\"1.0\"?><w:document><w:p><w:r><w:t>words: abc</w:t></w:r><w:r><w:rPr/><w:t>def&amp;&#x67;</w:t></w:r></w:p><w:p><w:t>next</w:t></w:p></w:document>";
    let (found, _) = read("a.docx", &zip_of(&[("word/document.xml", xml), ("docProps/app.xml", "<a b=\"c\"/>")]));
    assert_eq!(
        found,
        [pair("a.docx!word/document.xml", "words: abcdef&g\nnext\n"), pair("a.docx!docProps/app.xml", "<a b=\"c\"/>")]
    );
    let sheet = "<sst><si><t>user</t></si><si><r><t>pass</t></r><r><t>word</t></r></si></sst>";
    assert_eq!(read("a.xlsx", &zip_of(&[("xl/sharedStrings.xml", sheet)])).0[0].1, "user\npassword\n");
}

#[test]
fn databases_give_every_row_with_the_names_of_its_columns() {
    let long = "x".repeat(50_000);
    let insert = format!("INSERT INTO users VALUES (1, 'ada', 'pw-1'), (7, 'bob', '{long}')");
    let bytes = database(&[
        "CREATE TABLE users (id INTEGER PRIMARY KEY, \"login name\" TEXT, password TEXT NOT NULL DEFAULT (''), UNIQUE (password))",
        &insert,
        "CREATE TABLE settings (key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID",
        "INSERT INTO settings VALUES ('api_key', 'abc'), ('none', NULL)",
        "CREATE TABLE many (t TEXT)",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO many SELECT 'row ' || i FROM n",
    ]);
    let (found, skipped) = read("d/a.db", &bytes);
    assert_eq!(skipped, []);
    assert!(found.contains(&pair("d/a.db!users/1", "login name: ada\npassword: pw-1\n")), "{:?}", &found[..3]);
    assert!(found.contains(&pair("d/a.db!users/7", &format!("login name: bob\npassword: {long}\n"))));
    assert!(found.iter().any(|(path, text)| path.starts_with("d/a.db!settings/") && text.contains("api_key: abc\n")));
    assert_eq!(found.iter().filter(|(path, _)| path.starts_with("d/a.db!many/")).count(), 5000);
    assert!(found.contains(&pair("d/a.db!many/4321", "t: row 4321\n")));
}

#[test]
fn databases_in_utf16_and_blobs_that_are_archives_are_read() {
    let zip = zip_of(&[("in.txt", "packed")]);
    let blob: String = zip.iter().map(|byte| format!("{byte:02x}")).collect();
    let insert = format!("INSERT INTO t VALUES ('schlüssel', x'{blob}', CAST('plain' AS BLOB))");
    let bytes = database(&["PRAGMA encoding = 'UTF-16le'", "CREATE TABLE t (a TEXT, b BLOB, c BLOB)", &insert]);
    let (found, _) = read("a.db", &bytes);
    assert!(found.contains(&pair("a.db!t/1/b!in.txt", "packed")), "{found:?}");
    assert!(found.iter().any(|(path, text)| path == "a.db!t/1" && text.starts_with("a: schlüssel\n")), "{found:?}");
}

#[test]
fn the_log_beside_a_database_is_read_too() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection
        .execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (a TEXT); INSERT INTO t VALUES ('fresh')")
        .unwrap();
    let log = std::fs::read(folder.path().join("a.db-wal")).unwrap();
    let (found, skipped) = read("a.db-wal", &log);
    assert!(found.contains(&pair("a.db-wal!page 2/1", "column: fresh\n")), "{found:?}");
    assert_eq!(skipped, []);
    for end in 0..log.len().min(200) {
        read("a.db-wal", &log[..end]);
    }
    drop(connection);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn damaged_databases_end_without_a_panic(
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40),
        cut in any::<prop::sample::Index>(),
    ) {
        static GOOD: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
        let good = GOOD.get_or_init(|| {
            let insert = format!("INSERT INTO t VALUES (1, '{}'), (2, 'short')", "y".repeat(9000));
            database(&[
                "PRAGMA page_size = 512", "CREATE TABLE t (id INTEGER, a TEXT)", &insert,
                "CREATE TABLE u (k TEXT PRIMARY KEY, v TEXT) WITHOUT ROWID",
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300) INSERT INTO u SELECT 'key ' || i, 'value' FROM n",
            ])
        });
        let mut bytes = good.clone();
        for (at, byte) in damage {
            // Headers and pointers are where it hurts.
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let at = at / 512 * 512 + at % 16;
            bytes[at] = byte;
        }
        bytes[..16].copy_from_slice(b"SQLite format 3\0");
        bytes.truncate(cut.index(bytes.len()).max(bytes.len() / 2));
        let (found, _) = read("a.db", &bytes);
        let total: usize = found.iter().map(|(_, text)| text.len()).sum();
        prop_assert!(total < bytes.len() * 20);
    }
}
