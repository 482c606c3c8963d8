//! The whole export: checkpoint, tiles, entries, lines.

use std::collections::BTreeSet;
use std::io::{self, BufRead, Read};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

use crate::json::canonical;
use crate::tree::{Hash, Stack, leaf};
use crate::{Checkpoint, Fault, Folder, Key};

/// What an export is verified with.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options<'a> {
    /// The log's keys: the present one and, where the key was changed, former ones.
    pub keys: &'a [Key],
    /// Older checkpoints (signed notes) that the log must agree with.
    pub against: &'a [Vec<u8>],
    /// First entry that the export must hold; later ones are in order only where closed epochs
    /// were dropped.
    pub first: u64,
}

/// The outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The export's checkpoint, when it is authentic.
    pub checkpoint: Option<Checkpoint>,
    /// Index of the first entry in the export.
    pub first: u64,
    /// What does not fit; at most 1,000.
    pub faults: Vec<Fault>,
}

/// Verifies an export.
///
/// # Errors
/// When the folder cannot be read. What is missing in it is a fault.
pub fn verify_export(folder: &dyn Folder, options: &Options<'_>) -> io::Result<Report> {
    let mut report = Report { checkpoint: None, first: 0, faults: Vec::new() };
    let Some(note) = folder.read("checkpoint")? else {
        report.faults.push(Fault::Missing("checkpoint".into()));
        return Ok(report);
    };
    let (checkpoint, key) = match Checkpoint::open_with_key(&note, options.keys, "the checkpoint") {
        Ok(opened) => opened,
        Err(fault) => {
            report.faults.push(fault);
            return Ok(report);
        }
    };
    report.checkpoint = Some(checkpoint.clone());
    check_key_file(folder, key, &mut report)?;
    let mut pass = Pass::new(folder, options, &checkpoint, &mut report)?;
    pass.entries()?;
    pass.report_unmet();
    pass.levels()?;
    pass.strays()?;
    report.faults.truncate(1000);
    Ok(report)
}

/// One pass over the files.
struct Pass<'a> {
    folder: &'a dyn Folder,
    checkpoint: &'a Checkpoint,
    first: u64,
    /// The tree so far.
    stack: Stack,
    /// Roots of the full tiles of level 0, from the first kept one on.
    roots: Vec<Hash>,
    /// Signed roots to compare with.
    expected: Vec<(u64, Hash, String)>,
    /// Paths that belong to the export.
    known: BTreeSet<String>,
    report: &'a mut Report,
}

impl<'a> Pass<'a> {
    fn new(
        folder: &'a dyn Folder,
        options: &Options<'_>,
        checkpoint: &'a Checkpoint,
        report: &'a mut Report,
    ) -> io::Result<Pass<'a>> {
        let first = first_entry(folder)?.unwrap_or(options.first).min(checkpoint.size);
        report.first = first;
        if first > options.first {
            report.faults.push(Fault::Begins { expected: options.first, first });
        }
        let mut expected = vec![(checkpoint.size, checkpoint.root, "the checkpoint".to_owned())];
        for (n, note) in options.against.iter().enumerate() {
            let what = format!("checkpoint {} from outside", n + 1);
            match Checkpoint::open(note, options.keys, &what) {
                Ok(other) if other.size > checkpoint.size => {
                    let (signed, entries) = (other.size, checkpoint.size);
                    report.faults.push(Fault::Shorter { what, signed, entries });
                }
                Ok(other) if other.size < first => {
                    report.faults.push(Fault::malformed(&what, "it is older than the first entry in the export"));
                }
                Ok(other) => expected.push((other.size, other.root, what)),
                Err(fault) => report.faults.push(fault),
            }
        }
        let (stack, roots, known) = (Stack::default(), Vec::new(), BTreeSet::new());
        let mut pass = Pass { folder, checkpoint, first, stack, roots, expected, known, report };
        pass.restore_dropped()?;
        Ok(pass)
    }

    /// The tree over dropped entries, from the tiles that reach across the cut.
    fn restore_dropped(&mut self) -> io::Result<()> {
        for level in (1..8u32).rev() {
            let position = self.first >> (8 * level);
            for hash in self.hashes_before(level, position)? {
                self.stack.push(1 << (8 * level), hash);
            }
        }
        Ok(())
    }

    /// The hashes of a level that lie before `position` in the same tile.
    fn hashes_before(&mut self, level: u32, position: u64) -> io::Result<Vec<Hash>> {
        let count = (position % 256) as usize;
        if count == 0 {
            return Ok(Vec::new());
        }
        let path = tile_path(&level.to_string(), position / 256, self.checkpoint.size >> (8 * level));
        let bytes = self.folder.read(&path)?.unwrap_or_default();
        Ok(bytes.chunks_exact(32).take(count).filter_map(|hash| hash.try_into().ok()).collect())
    }

    /// Reads every bundle, and compares tiles of level 0 and lines with it.
    fn entries(&mut self) -> io::Result<()> {
        let mut lines: Box<dyn BufRead> = self.folder.lines("entries.jsonl")?.unwrap_or_else(|| Box::new(io::empty()));
        let mut line = Vec::new();
        let size = self.checkpoint.size;
        let mut index = self.first;
        self.compare_roots();
        while index < size {
            let (number, width) = (index / 256, (size - index / 256 * 256).min(256));
            let path = tile_path("entries", number, size);
            let Some(bundle) = self.read(&path)? else { return Ok(()) };
            let Some(entries) = split(&bundle, width) else {
                self.fault(Fault::File { path, why: "it does not hold as many entries as it should" });
                return Ok(());
            };
            let mut leaves = Vec::with_capacity(256);
            for entry in entries {
                line.clear();
                lines.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)?;
                self.entry(index, entry, &line);
                leaves.push(leaf(entry));
                index += 1;
            }
            self.compare_tile(0, number, &leaves)?;
            self.roots.extend(full_root(&leaves));
        }
        if !lines.fill_buf()?.is_empty() {
            let why = "it has more lines than the log has entries";
            self.fault(Fault::File { path: "entries.jsonl".into(), why });
        }
        Ok(())
    }

    fn entry(&mut self, index: u64, entry: &[u8], line: &[u8]) {
        if let Err(fault) = check_entry(index, entry, &self.checkpoint.origin) {
            self.fault(fault);
        }
        if !check_line(index, entry, line) {
            self.fault(Fault::Entry { index, why: "its line in `entries.jsonl` is another" });
        }
        self.stack.push(1, leaf(entry));
        self.compare_roots();
    }

    /// Compares the tiles of the levels above the leaves.
    fn levels(&mut self) -> io::Result<()> {
        let mut hashes = std::mem::take(&mut self.roots);
        for level in 1..8u32 {
            let (start, end) = (self.first >> (8 * level), self.checkpoint.size >> (8 * level));
            // Where entries were missing there is nothing to compare with.
            if end == 0 || hashes.len() as u64 != end - start {
                return Ok(());
            }
            let mut all = self.hashes_before(level, start)?;
            all.append(&mut hashes);
            for (number, tile) in (start / 256..).zip(all.chunks(256)) {
                self.compare_tile(level, number, tile)?;
                hashes.extend(full_root(tile));
            }
        }
        Ok(())
    }

    fn compare_tile(&mut self, level: u32, number: u64, hashes: &[Hash]) -> io::Result<()> {
        let path = tile_path(&level.to_string(), number, self.checkpoint.size >> (8 * level));
        let Some(bytes) = self.read(&path)? else { return Ok(()) };
        if bytes != hashes.concat() {
            self.fault(Fault::File { path, why: "its hashes are not those of the entries" });
        }
        Ok(())
    }

    /// Compares the present root with the checkpoints of this size.
    fn compare_roots(&mut self) {
        let size = self.stack.size();
        let due: Vec<_> = self.expected.extract_if(.., |(at, ..)| *at == size).collect();
        for (_, root, what) in due {
            if self.stack.root() != root {
                self.fault(Fault::Root { what });
            }
        }
    }

    /// Checkpoints whose size the entries never came to.
    fn report_unmet(&mut self) {
        for (_, _, what) in std::mem::take(&mut self.expected) {
            self.fault(Fault::Root { what });
        }
    }

    /// Files that do not belong to a log of this size.
    fn strays(&mut self) -> io::Result<()> {
        for path in self.folder.list("tile")? {
            if !self.known.contains(&path) {
                self.fault(Fault::Stray(path));
            }
        }
        Ok(())
    }

    fn read(&mut self, path: &str) -> io::Result<Option<Vec<u8>>> {
        self.known.insert(path.to_owned());
        let bytes = self.folder.read(path)?;
        if bytes.is_none() {
            self.fault(Fault::Missing(path.to_owned()));
        }
        Ok(bytes)
    }

    fn fault(&mut self, fault: Fault) {
        if self.report.faults.len() < 1000 {
            self.report.faults.push(fault);
        }
    }
}

/// The first entry of the export, by its lines; always the first of a bundle.
fn first_entry(folder: &dyn Folder) -> io::Result<Option<u64>> {
    let bundles = folder.list("tile/entries")?;
    let number = |path: &String| {
        let path = path.strip_prefix("tile/entries/")?;
        let digits: String = path.split(".p/").next()?.chars().filter(char::is_ascii_digit).collect();
        digits.parse::<u64>().ok()?.checked_mul(256)
    };
    Ok(bundles.iter().filter_map(number).min())
}

/// Checks that an entry is canonical JSON and has what each entry has. The names of actions are
/// not checked: new ones must not need a new verifier.
pub(crate) fn check_entry(index: u64, entry: &[u8], origin: &str) -> Result<(), Fault> {
    let fault = |why| Fault::Entry { index, why };
    let value = canonical(entry).ok_or(fault("it is not canonical JSON"))?;
    if value["v"] != 1 {
        return Err(fault("it is of another format than 1"));
    }
    let text = |name: &str| value[name].as_str().filter(|text| !text.is_empty());
    if ["action", "outcome", "principal"].iter().any(|name| text(name).is_none()) {
        return Err(fault("a field that each entry has is missing"));
    }
    if text("vault") != origin.strip_prefix("keyward.local/") {
        return Err(fault("it is of another vault"));
    }
    if !text("time").is_some_and(is_time) {
        return Err(fault("its time is malformed"));
    }
    if text("commit").and_then(unhex::<32>).is_none() {
        return Err(fault("its commitment is malformed"));
    }
    Ok(())
}

/// Whether a line of `entries.jsonl` is that of this entry, and its private part the one committed to.
fn check_line(index: u64, entry: &[u8], line: &[u8]) -> bool {
    let leaf: String = leaf(entry).iter().map(|b| format!("{b:02x}")).collect();
    let tail = format!(",\"index\":{index},\"leaf\":\"{leaf}\"");
    let rest = line.strip_prefix(b"{\"entry\":").and_then(|line| line.strip_prefix(entry));
    match rest.and_then(|rest| rest.strip_prefix(tail.as_bytes())) {
        Some(b"}\n") => true,
        Some(rest) => check_private(entry, rest).unwrap_or(false),
        None => false,
    }
}

/// Whether `,"private":{"json":…,"salt":…}}` fits the entry's commitment.
fn check_private(entry: &[u8], rest: &[u8]) -> Option<bool> {
    let private = rest.strip_prefix(b",\"private\":")?.strip_suffix(b"}\n")?;
    let private = canonical(private)?;
    let members = private.as_object().filter(|members| members.len() == 2)?;
    let (json, salt) = (members.get("json")?.as_str()?, members.get("salt")?.as_str()?);
    let entry: Value = serde_json::from_slice(entry).ok()?;
    let commitment = unhex::<32>(entry["commit"].as_str()?)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&unhex::<32>(salt)?).ok()?;
    mac.update(json.as_bytes());
    Some(mac.verify_slice(&commitment).is_ok())
}

fn check_key_file(folder: &dyn Folder, key: &Key, report: &mut Report) -> io::Result<()> {
    let Some(bytes) = folder.read("key")? else { return Ok(()) };
    let text = String::from_utf8(bytes).unwrap_or_default();
    let keys = text.strip_suffix('\n').map(|text| text.split('\n').map(str::parse::<Key>));
    let keys: Vec<Key> = keys.and_then(|keys| keys.collect::<Result<_, _>>().ok()).unwrap_or_default();
    if !keys.contains(key) || keys.iter().any(|other| other.origin() != key.origin()) {
        report.faults.push(Fault::KeyFile);
    }
    Ok(())
}

/// `tile/<level>/<number>[.p/<width>]` of a level with `count` hashes or entries.
fn tile_path(level: &str, number: u64, count: u64) -> String {
    let mut path = format!("{:03}", number % 1000);
    let mut rest = number / 1000;
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1000);
        rest /= 1000;
    }
    match count - number * 256 {
        width @ 0..256 => format!("tile/{level}/{path}.p/{width}"),
        _ => format!("tile/{level}/{path}"),
    }
}

/// The entries of a bundle; none when it does not hold exactly so many.
fn split(mut bundle: &[u8], width: u64) -> Option<Vec<&[u8]>> {
    let mut entries = Vec::new();
    for _ in 0..width {
        let (length, rest) = bundle.split_first_chunk()?;
        let (entry, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
        entries.push(entry);
        bundle = rest;
    }
    bundle.is_empty().then_some(entries)
}

/// Root of a full tile; none of a partial one, which has no hash in the level above.
fn full_root(hashes: &[Hash]) -> Option<Hash> {
    let mut stack = Stack::default();
    hashes.iter().for_each(|hash| stack.push(1, *hash));
    (hashes.len() == 256).then(|| stack.root())
}

/// `2026-11-23T21:43:00.123Z`.
fn is_time(text: &str) -> bool {
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    let part = |at: usize, range: std::ops::RangeInclusive<u8>| {
        text.get(at..at + 2).and_then(|part| part.parse().ok()).is_some_and(|part| range.contains(&part))
    };
    shape == "0000-00-00T00:00:00.000Z"
        && part(5, 1..=12)
        && part(8, 1..=31)
        && part(11, 0..=23)
        && part(14, 0..=59)
        && part(17, 0..=60)
}

/// Longest line in bytes that is read: far above what an entry of 64 KiB and its private part need.
const MAX_LINE: u64 = 1 << 24;

/// Lower-case hex of exactly so many bytes.
fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |c: u8| match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'a'..=b'f' => Some(c - b'a' + 10),
        _ => None,
    };
    let bytes = text.as_bytes().chunks(2).map(|pair| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    });
    bytes.collect::<Option<Vec<u8>>>()?.try_into().ok()
}
