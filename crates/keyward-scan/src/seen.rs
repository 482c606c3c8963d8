//! What an earlier scan of a history saw, so that the next one looks only at what is new.
//!
//! Kept are the commits (who has seen a commit has seen all content that it can reach) and the
//! places at which something was found or could not be read: a few hundred files, which are read again, so that
//! neither a value nor a line of source is kept, and silences may change in between. All of it
//! holds for one version of rules, options and stored secrets: another one begins anew.

use gix::ObjectId;
use keyward_providers::detectors;
use sha2::{Digest, Sha256};

use crate::git::HistoryOptions;
use crate::scanner::Scanner;

/// Keeps what was seen, for the caller to seal as he likes: it holds ids and paths, no values.
pub trait SeenBlobs: Sync {
    /// What was last kept for a repository.
    fn load(&self, repository: &str) -> Option<Vec<u8>>;

    /// Keeps `bytes` for a repository, instead of what was kept before.
    fn store(&self, repository: &str, bytes: &[u8]);
}

/// What was seen of one history.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Memory {
    /// In the order of ids.
    pub(crate) commits: Vec<SeenCommit>,
    /// Where to look again.
    pub(crate) places: Vec<SeenPlace>,
    /// How many files were covered, and how many of them were binary.
    pub(crate) blobs: u64,
    pub(crate) binary: u64,
}

/// A commit that was seen with all that it can reach.
#[derive(Debug, PartialEq)]
pub(crate) struct SeenCommit {
    pub(crate) id: ObjectId,
    pub(crate) date: i64,
    pub(crate) parents: Vec<ObjectId>,
}

/// Content to be looked at again.
#[derive(Debug, PartialEq)]
pub(crate) struct SeenPlace {
    pub(crate) blob: ObjectId,
    /// `None` for what is tagged without being in a commit.
    pub(crate) commit: Option<ObjectId>,
    pub(crate) path: Vec<u8>,
}

impl SeenPlace {
    /// A commit in whose message something stands: it takes the place of its content.
    pub(crate) fn message(commit: ObjectId) -> Self {
        Self { blob: commit, commit: Some(commit), path: Vec::new() }
    }

    /// Whether it is a commit to be read again.
    pub(crate) fn is_message(&self) -> bool {
        self.commit == Some(self.blob)
    }
}

/// The first bytes of what is kept; another form gets another number.
const MAGIC: &[u8] = b"kwseen1\n";
/// Counted up when the engine itself finds other things than before.
const ENGINE: u32 = 2;

/// What decides what is found: what was seen under another version is worth nothing.
pub(crate) fn version(scanner: &Scanner, options: &HistoryOptions<'_>, boundary: &[ObjectId]) -> [u8; 32] {
    let mut hasher = Sha256::new_with_prefix(MAGIC);
    let mut add = |bytes: &[u8]| {
        hasher.update((bytes.len() as u64).to_be_bytes());
        hasher.update(bytes);
    };
    add(env!("CARGO_PKG_VERSION").as_bytes());
    add(&ENGINE.to_be_bytes());
    add(&options.max_file_size.to_be_bytes());
    add(options.version);
    detectors().for_each(|detector| add(format!("{detector:?}").as_bytes()));
    scanner.engine.rules().iter().for_each(|rule| add(format!("{rule:?}").as_bytes()));
    add(&scanner.known.as_ref().map(|known| known.version()).unwrap_or_default());
    // What lies beyond the edge of a shallow clone was not seen, and may come.
    boundary.iter().for_each(|id| add(id.as_bytes()));
    hasher.finalize().into()
}

impl Memory {
    /// Reads what [`Memory::encode`] wrote; `None` for another version, and for anything broken.
    pub(crate) fn decode(bytes: &[u8], version: &[u8; 32]) -> Option<Self> {
        let mut input = Input(bytes.strip_prefix(MAGIC)?.strip_prefix(version)?);
        let length = usize::from(input.take(1)?[0]);
        let (blobs, binary, count) = (input.number()?, input.number()?, input.length(length)?);
        let ids: Vec<ObjectId> =
            (0..count).map(|_| ObjectId::try_from(input.take(length)?).ok()).collect::<Option<_>>()?;
        // They are searched by halves.
        if !ids.is_sorted() {
            return None;
        }
        let mut memory = Self { blobs, binary, ..Self::default() };
        for id in &ids {
            let date = i64::from_le_bytes(input.take(8)?.try_into().ok()?);
            let parents = (0..input.length(1)?).map(|_| ids.get(input.number()? as usize).copied());
            let parents = parents.collect::<Option<_>>()?;
            memory.commits.push(SeenCommit { id: *id, date, parents });
        }
        for _ in 0..input.length(length)? {
            let blob = ObjectId::try_from(input.take(length)?).ok()?;
            let commit = match input.number()? {
                0 => None,
                number => Some(*ids.get(number as usize - 1)?),
            };
            let size = input.length(1)?;
            memory.places.push(SeenPlace { blob, commit, path: input.take(size)?.to_vec() });
        }
        input.0.is_empty().then_some(memory)
    }

    /// The bytes to be kept.
    pub(crate) fn encode(&self, version: &[u8; 32], hash: gix::hash::Kind) -> Vec<u8> {
        let mut out = [MAGIC, version, &[hash.len_in_bytes() as u8]].concat();
        put(&mut out, self.blobs);
        put(&mut out, self.binary);
        put(&mut out, self.commits.len() as u64);
        self.commits.iter().for_each(|commit| out.extend_from_slice(commit.id.as_bytes()));
        let number = |id: &ObjectId| self.commits.binary_search_by_key(id, |commit| commit.id).ok();
        for commit in &self.commits {
            out.extend_from_slice(&commit.date.to_le_bytes());
            let parents: Vec<usize> = commit.parents.iter().filter_map(number).collect();
            put(&mut out, parents.len() as u64);
            parents.iter().for_each(|parent| put(&mut out, *parent as u64));
        }
        put(&mut out, self.places.len() as u64);
        for place in &self.places {
            out.extend_from_slice(place.blob.as_bytes());
            put(&mut out, place.commit.as_ref().and_then(number).map_or(0, |number| number as u64 + 1));
            put(&mut out, place.path.len() as u64);
            out.extend_from_slice(&place.path);
        }
        out
    }

    /// A commit that was seen.
    pub(crate) fn commit(&self, id: &ObjectId) -> Option<&SeenCommit> {
        self.commits.binary_search_by_key(id, |commit| commit.id).ok().map(|at| &self.commits[at])
    }
}

/// Seven bits a byte, the lowest first.
fn put(out: &mut Vec<u8>, mut value: u64) {
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..63).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// A number of things of at least `size` bytes each: no more than there can be.
    fn length(&mut self, size: usize) -> Option<usize> {
        let count = usize::try_from(self.number()?).ok()?;
        (count.checked_mul(size)? <= self.0.len()).then_some(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id(number: u8) -> ObjectId {
        ObjectId::from_hex(format!("{number:02x}").repeat(20).as_bytes()).expect("40 digits")
    }

    fn memory() -> Memory {
        let commit = |number, parents: &[u8]| SeenCommit {
            id: id(number),
            date: i64::from(number) - 100,
            parents: parents.iter().map(|parent| id(*parent)).collect(),
        };
        let place = |commit| SeenPlace { blob: id(77), commit, path: b"a/\xff".to_vec() };
        Memory {
            commits: vec![commit(1, &[]), commit(2, &[1]), commit(200, &[2, 1])],
            places: vec![place(Some(id(2))), place(None)],
            blobs: 70_000,
            binary: 3,
        }
    }

    #[test]
    fn what_was_kept_is_read_again_under_the_same_version_only() {
        let bytes = memory().encode(&[7; 32], gix::hash::Kind::Sha1);
        assert_eq!(Memory::decode(&bytes, &[7; 32]), Some(memory()));
        assert_eq!(Memory::decode(&bytes, &[8; 32]), None);
        for end in 0..bytes.len() {
            assert_eq!(Memory::decode(&bytes[..end], &[7; 32]), None, "cut off at {end}");
        }
    }

    proptest! {
        #[test]
        fn nothing_makes_it_fail(at in 0usize..300, byte: u8, tail: Vec<u8>) {
            let mut bytes = memory().encode(&[7; 32], gix::hash::Kind::Sha1);
            let at = at % bytes.len();
            bytes[at] = byte;
            let _ = Memory::decode(&bytes, &[7; 32]);
            bytes.truncate(at);
            bytes.extend(tail);
            let _ = Memory::decode(&bytes, &[7; 32]);
        }
    }
}
