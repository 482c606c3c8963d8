//! Any bytes as a repository's objects: no panic, no hang, bounded memory.
//!
//! The first byte says how the rest is taken: as an index and a pack as they are (see `seeds/git.sh`); as
//! entries of a pack that is put together from them, with a fitting index; as loose objects. In the last two
//! an id is one byte twenty times over, so that objects name each other by chance, and content is packed
//! here: nearly no mutation of a packed stream is one.
#![no_main]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use keyward_scan::container::Limits;
use keyward_scan::git::{ChangeOptions, HistoryOptions, Repository, diff, history};
use keyward_scan::{Engine, Outcome, Scanner, Silence, Verdict};
use keyward_types::Finding;
use libfuzzer_sys::fuzz_target;

struct Nothing;

impl Silence for Nothing {
    fn judge(&self, _: &Finding, _: &[u8], _: &[u8]) -> Verdict {
        Verdict::Report
    }
}

static SCANNER: LazyLock<Scanner> =
    LazyLock::new(|| Scanner { engine: Engine::new(Vec::new()), known: None, silence: Box::new(Nothing) });

/// The repository's folder, in memory where that can be had. Readers take files alone.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let folder = parent.join(format!("keyward-fuzz-git-{}", std::process::id()));
    for inner in ["objects/pack", "refs/heads"] {
        fs::create_dir_all(folder.join(inner)).expect("a folder can be made");
    }
    fs::write(folder.join("HEAD"), "ref: refs/heads/main\n").expect("written");
    fs::write(folder.join("config"), "[core]\n\trepositoryformatversion = 0\n\tbare = true\n").expect("written");
    folder
});

type Id = [u8; 20];

fuzz_target!(|bytes: &[u8]| {
    let Some((mode, rest)) = bytes.split_first() else { return };
    let Some((tip, rest)) = (match mode % 3 {
        0 => rest.split_first_chunk::<20>().map(|(tip, rest)| (*tip, rest)),
        _ => Some(([1; 20], rest)),
    }) else {
        return;
    };
    let loose = match mode % 3 {
        0 => {
            let Some((length, rest)) = rest.split_first_chunk::<2>() else { return };
            let (index, pack) = rest.split_at(rest.len().min(usize::from(u16::from_be_bytes(*length))));
            put("objects/pack/pack-a.idx", index);
            put("objects/pack/pack-a.pack", pack);
            Vec::new()
        }
        1 => {
            let (index, pack) = packed(&parts(rest));
            put("objects/pack/pack-a.idx", &index);
            put("objects/pack/pack-a.pack", &pack);
            Vec::new()
        }
        _ => parts(rest).into_iter().enumerate().map(|(number, part)| put_loose(number, part)).collect(),
    };
    let tip: String = tip.iter().map(|byte| format!("{byte:02x}")).collect();
    put("refs/heads/main", tip.as_bytes());
    scan();
    let written = ["objects/pack/pack-a.idx", "objects/pack/pack-a.pack"].map(|path| FOLDER.join(path));
    for path in written.iter().chain(&loose) {
        let _ = fs::remove_file(path);
    }
});

fn scan() {
    let Ok(repository) = Repository::discover(&FOLDER) else { return };
    let check = |outcome: Outcome| {
        for one in &outcome.found {
            assert!(one.finding.line >= 1 && one.mark.end <= one.line.len());
        }
    };
    let unpack = Limits { total: 8 << 20, floor: 1 << 20, entry: 1 << 20, entries: 1000, ..Limits::default() };
    let whole = HistoryOptions { threads: 1, unpack: unpack.clone(), ..HistoryOptions::default() };
    let _ = history(&SCANNER, &repository, &whole, &check);
    let _ = diff(&SCANNER, &repository, "main", &ChangeOptions { threads: 1, unpack, ..ChangeOptions::default() }, &check);
}

/// What an object is made of: a byte that says what it is, one more, and its content.
#[derive(Clone, Copy)]
struct Part<'a> {
    head: u8,
    more: u8,
    content: &'a [u8],
}

/// Each has four bytes in front: two of its own and the length.
fn parts(mut rest: &[u8]) -> Vec<Part<'_>> {
    let mut all = Vec::new();
    while let Some(([head, more, high, low], after)) = rest.split_first_chunk::<4>() {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(after.len());
        let (content, after) = after.split_at(length);
        all.push(Part { head: *head, more: *more, content });
        rest = after;
        if all.len() == 64 {
            break;
        }
    }
    all
}

/// A pack of these parts and its index. Bits of a head: the sort of entry (three), whether its size is a lie,
/// whether its content is packed already.
fn packed(parts: &[Part<'_>]) -> (Vec<u8>, Vec<u8>) {
    let mut pack = [b"PACK".as_slice(), &2u32.to_be_bytes(), &(parts.len() as u32).to_be_bytes()].concat();
    let mut offsets: Vec<u32> = Vec::new();
    for part in parts {
        let offset = pack.len() as u32;
        let mut size = part.content.len() as u64;
        if part.head & 8 != 0 {
            size = size.wrapping_add(u64::from(part.more)) << (part.more & 31);
        }
        let sort = part.head & 7;
        let mut byte = sort << 4 | (size & 15) as u8;
        size >>= 4;
        while size > 0 {
            pack.push(byte | 0x80);
            byte = (size & 0x7f) as u8;
            size >>= 7;
        }
        pack.push(byte);
        match sort {
            6 => {
                let base = offsets.len().checked_sub(usize::from(part.more)).and_then(|at| offsets.get(at));
                distance(base.map_or(u64::from(part.more), |base| u64::from(offset - base)), &mut pack);
            }
            7 => pack.extend_from_slice(&[part.more; 20]),
            _ => {}
        }
        if part.head & 16 == 0 {
            pack.extend_from_slice(&deflated(part.content));
        } else {
            pack.extend_from_slice(part.content);
        }
        offsets.push(offset);
    }
    pack.extend_from_slice(&[0xaa; 20]);
    (index(&offsets), pack)
}

/// Bytes back to a base, as packs have it.
fn distance(mut back: u64, pack: &mut Vec<u8>) {
    let mut bytes = vec![(back & 0x7f) as u8];
    while back >> 7 > 0 {
        back = (back >> 7) - 1;
        bytes.push(0x80 | (back & 0x7f) as u8);
    }
    pack.extend(bytes.iter().rev());
}

/// An index of the second version: the object of number n has the id n + 1, twenty times over.
fn index(offsets: &[u32]) -> Vec<u8> {
    let count = offsets.len() as u32;
    let mut index = vec![0xff, b't', b'O', b'c', 0, 0, 0, 2];
    (0..256).for_each(|first| index.extend_from_slice(&count.min(first).to_be_bytes()));
    (0..count).for_each(|number| index.extend_from_slice(&id(number as usize)));
    index.resize(index.len() + 4 * offsets.len(), 0);
    offsets.iter().for_each(|offset| index.extend_from_slice(&offset.to_be_bytes()));
    index.extend_from_slice(&[0xaa; 20]);
    index.extend_from_slice(&[0xbb; 20]);
    index
}

fn id(number: usize) -> Id {
    [number as u8 + 1; 20]
}

/// A loose object. Bits of its head: its kind (two), no true length, packed already.
fn put_loose(number: usize, part: Part<'_>) -> PathBuf {
    let kind = ["commit", "tree", "blob", "tag"][usize::from(part.head & 3)];
    let length = if part.head & 8 != 0 { usize::from(part.more) << (part.more & 31) } else { part.content.len() };
    let whole = [format!("{kind} {length}\0").as_bytes(), part.content].concat();
    let file = if part.head & 16 == 0 { deflated(&whole) } else { part.content.to_vec() };
    let name: String = id(number).iter().map(|byte| format!("{byte:02x}")).collect();
    let path = format!("objects/{}/{}", &name[..2], &name[2..]);
    fs::create_dir_all(FOLDER.join(&path[..10])).expect("a folder can be made");
    put(&path, &file);
    FOLDER.join(path)
}

/// A zlib stream of one stored block.
fn deflated(content: &[u8]) -> Vec<u8> {
    let length = content.len() as u16;
    let (mut low, mut high) = (1u32, 0u32);
    for byte in content {
        low = (low + u32::from(*byte)) % 65521;
        high = (high + low) % 65521;
    }
    let stored = [&[0x78, 0x01, 0x01], length.to_le_bytes().as_slice(), &(!length).to_le_bytes()].concat();
    [&stored, content, &(high << 16 | low).to_be_bytes()].concat()
}

fn put(path: &str, bytes: &[u8]) {
    fs::write(FOLDER.join(path), bytes).expect("written");
}
