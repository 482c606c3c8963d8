use std::io::Write;

use proptest::prelude::*;

use super::*;
use crate::container::texts;

fn unpack(path: &str, bytes: &[u8], limits: &Limits) -> (Vec<(String, Vec<u8>)>, Vec<Skipped>) {
    let (mut found, mut skipped) = (Vec::new(), Vec::new());
    texts(path, bytes, limits, &mut |path, text| found.push((path.to_owned(), text.to_vec())), &mut skipped);
    (found, skipped)
}

fn read(path: &str, bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let (found, skipped) = unpack(path, bytes, &Limits::default());
    assert_eq!(skipped, []);
    found
}

fn reasons(bytes: &[u8], limits: &Limits) -> Vec<String> {
    unpack("a", bytes, limits).1.into_iter().map(|skipped| skipped.reason).collect()
}

fn zip_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ::zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in files {
        writer.start_file(*name, ::zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn tar_of(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = ::tar::Builder::new(Vec::new());
    for (name, bytes) in files {
        let mut header = ::tar::Header::new_gnu();
        // Set by hand: the crate refuses names that lead upward.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(bytes.len() as u64);
        header.set_entry_type(::tar::EntryType::Regular);
        header.set_cksum();
        builder.append(&header, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

fn bz2(bytes: &[u8]) -> Vec<u8> {
    let mut writer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut writer = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(1)).unwrap();
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

fn zst(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

fn ar_of(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut ar = format!("!<arch>\n{name:<16}{:<32}{:<10}`\n", "0", bytes.len()).into_bytes();
    ar.extend_from_slice(bytes);
    ar
}

#[test]
fn every_format_gives_its_entries() {
    let files: &[(&str, &[u8])] = &[("a/one.py", b"one"), ("two.txt", b"two")];
    let expected = |outer: &str| {
        vec![(format!("{outer}!a/one.py"), b"one".to_vec()), (format!("{outer}!two.txt"), b"two".to_vec())]
    };
    let tar = tar_of(files);
    assert_eq!(read("x.whl", &zip_of(files)), expected("x.whl"));
    assert_eq!(read("x.tar", &tar), expected("x.tar"));
    assert_eq!(read("no-ending", &gz(&tar)), expected("no-ending"));
    assert_eq!(read("x.tar.xz", &xz(&tar)), expected("x.tar.xz"));
    assert_eq!(read("x.tar.bz2", &bz2(&tar)), expected("x.tar.bz2"));
    assert_eq!(read("x.tar.zst", &zst(&tar)), expected("x.tar.zst"));
    assert_eq!(read("x.gem", &tar_of(&[("data.tar.gz", &gz(&tar))])), expected("x.gem!data.tar.gz"));
    assert_eq!(read("x.deb", &ar_of("data.tar.xz/", &xz(&tar))), expected("x.deb!data.tar.xz"));
    assert_eq!(read("d/config.json.gz", &gz(b"{}")), [("d/config.json.gz!config.json".to_owned(), b"{}".to_vec())]);
    let twice = [zst(b"first "), vec![0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3], zst(b"second")].concat();
    assert_eq!(read("x.zst", &twice), [("x.zst!x".to_owned(), b"first second".to_vec())]);
    let twice = [gz(b"first "), gz(b"second")].concat();
    assert_eq!(read("x.gz", &twice), [("x.gz!x".to_owned(), b"first second".to_vec())]);
    let program = [&b"#!/usr/bin/env python3\n\0"[..], &zip_of(files)].concat();
    assert_eq!(read("x.pex", &program), expected("x.pex"));
}

#[test]
fn names_that_lead_out_or_act_on_a_terminal_are_shown_harmless() {
    for (name, shown) in [
        ("../../etc/passwd", "etc/passwd"),
        ("/etc/passwd", "etc/passwd"),
        ("a/./..\\b", "a/b"),
        ("\x1b[31m", "\u{fffd}[31m"),
    ] {
        assert_eq!(read("x.tar", &tar_of(&[(name, b"x")]))[0].0, format!("x.tar!{shown}"));
    }
    assert!(inner_path("a", &[b'x'; 5000]).len() < 1100);
}

#[test]
fn archives_in_archives_end_at_the_depth() {
    let mut bytes = b"text".to_vec();
    for _ in 0..4 {
        bytes = zip_of(&[("in", &bytes)]);
    }
    assert_eq!(read("o.zip", &bytes)[0].0, "o.zip!in!in!in!in");
    let (found, skipped) = unpack("o.zip", &zip_of(&[("in", &bytes), ("beside", b"seen")]), &Limits::default());
    assert_eq!(found, [("o.zip!beside".to_owned(), b"seen".to_vec())]);
    assert_eq!(skipped, [Skipped::new("o.zip!in!in!in!in", "archives nested too deep")]);
}

#[test]
fn bombs_stop_at_their_bounds() {
    let zeros = vec![b' '; 4 << 20];
    let limits = Limits { floor: 1 << 20, ratio: 2, ..Limits::default() };
    for bomb in [
        gz(&zeros),
        xz(&zeros),
        zst(&zeros),
        bz2(&zeros),
        gz(&tar_of(&[("a", &zeros)])),
        zip_of(&[("a", &zeros), ("b", b"b")]),
    ] {
        assert_eq!(reasons(&bomb, &limits), ["unpacks to too much"]);
    }
    let many: Vec<(String, Vec<u8>)> = (0..20).map(|i| (format!("{i}"), gz(&vec![b' '; 1 << 20]))).collect();
    let files: Vec<(&str, &[u8])> = many.iter().map(|(name, bytes)| (name.as_str(), &bytes[..])).collect();
    let total = Limits { total: 4 << 20, ..Limits::default() };
    let (found, skipped) = unpack("a", &tar_of(&files), &total);
    assert!(found.iter().map(|(_, text)| text.len()).sum::<usize>() <= 4 << 20);
    assert!(skipped.iter().any(|one| one.reason == "unpacks to too much"));
}

#[test]
fn large_entries_and_many_are_left_out_and_said() {
    let (large, small) = (vec![b'x'; 2000], b"small");
    let limits = Limits { entry: 1000, ..Limits::default() };
    for bytes in [zip_of(&[("l", &large), ("s", small)]), tar_of(&[("l", &large), ("s", small)])] {
        let (found, skipped) = unpack("a", &bytes, &limits);
        assert_eq!(found, [("a!s".to_owned(), small.to_vec())]);
        assert_eq!(skipped, [Skipped::new("a!l", "too large")]);
    }
    let few = Limits { entries: 2, ..Limits::default() };
    for bytes in [zip_of(&[("1", b"1"), ("2", b"2"), ("3", b"3")]), tar_of(&[("1", b"1"), ("2", b"2"), ("3", b"3")])] {
        assert_eq!(reasons(&bytes, &few), ["too many entries"]);
    }
}

#[test]
fn encrypted_entries_and_foreign_formats_are_said() {
    let mut bytes = zip_of(&[("secret", b"text")]);
    for (magic, flags) in [(b"PK\x03\x04", 6), (b"PK\x01\x02", 8)] {
        let at = memchr::memmem::find(&bytes, magic).unwrap();
        bytes[at + flags] |= 1;
    }
    assert_eq!(unpack("a", &bytes, &Limits::default()).1, [Skipped::new("a!secret", "encrypted")]);
    assert_eq!(reasons(b"Rar!\x1a\x07\x01\0", &Limits::default()), ["rar is not read"]);
    assert_eq!(reasons(b"7z\xbc\xaf\x27\x1c\0\0", &Limits::default()), ["7z is not read"]);
}

#[test]
fn streams_of_bzip2_that_follow_each_other_are_one_and_a_wrong_sum_is_said() {
    let two = [bz2(b"one\n"), bz2(b"two\n")].concat();
    assert_eq!(read("a.bz2", &two), [("a.bz2!a".to_owned(), b"one\ntwo\n".to_vec())]);
    let mut wrong = bz2(b"some text");
    wrong[10] ^= 1;
    let skipped = unpack("a", &wrong, &Limits::default()).1;
    assert!(skipped.len() == 1 && skipped[0].reason.starts_with("broken: "), "{skipped:?}");
}

#[test]
fn what_is_cut_off_gives_what_is_there() {
    let text: Vec<u8> = (0..20_000u32).flat_map(|i| format!("line {i}\n").into_bytes()).collect();
    for whole in [gz(&text), xz(&text), zst(&text), bz2(&text)] {
        let (found, skipped) = unpack("a", &whole[..whole.len() * 3 / 4], &Limits::default());
        assert_eq!(skipped.len(), 1);
        assert!(skipped[0].reason.starts_with("broken: "), "{skipped:?}");
        assert!(found.iter().all(|(_, got)| text.starts_with(got)));
    }
    let tar = tar_of(&[("a", b"a"), ("b", &text)]);
    let (found, skipped) = unpack("x.tar", &tar[..2000], &Limits::default());
    assert_eq!(found[0], ("x.tar!a".to_owned(), b"a".to_vec()));
    assert_eq!(skipped.len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn damaged_archives_never_pass_in_silence_or_panic(
        kind in 0..7usize,
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
        cuts in any::<bool>(),
    ) {
        let files: &[(&str, &[u8])] = &[("a/one.py", b"one one one one"), ("two.txt", b"two"), ("n.zip", &zip_of(&[("x", b"x")]))];
        let tar = tar_of(files);
        let mut bytes = match kind {
            0 => zip_of(files),
            1 => tar,
            2 => gz(&tar),
            3 => xz(&tar),
            4 => zst(&tar),
            5 => bz2(&tar),
            _ => ar_of("data.tar.gz", &gz(&tar)),
        };
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if cuts {
            bytes.truncate(cut.index(bytes.len()));
        }
        let (found, skipped) = unpack("a", &bytes, &Limits::default());
        prop_assert!(!found.is_empty() || !skipped.is_empty() || bytes.len() < 2048 || kind == 1);
        prop_assert!(found.len() <= 10);
    }
}
