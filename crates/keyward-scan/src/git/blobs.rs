//! Looks at content: each once, and of what was made from other content only what is new in it.

use std::collections::HashMap;
use std::ops::Range;

use sha2::{Digest, Sha256};

use super::delta::Copied;
use super::families::Visit;
use super::places::{Place, Places};
use super::repository::Repository;
use super::windows;
use crate::container::{self, Limits};
use crate::scanner::{Found, Hit, Scanner, Source, Verdict};
use crate::summary::Skipped;

/// What one thread found.
pub(super) struct Look<'a> {
    pub(super) scanner: &'a Scanner,
    pub(super) repository: &'a Repository,
    pub(super) places: &'a Places,
    /// Everything is looked at whole: what tests compare with.
    pub(super) whole: bool,
    /// How far archives are unpacked.
    pub(super) limits: &'a Limits,
    /// Larger content is left out.
    pub(super) max_size: u64,
    /// Told of each blob that is done with.
    pub(super) done: &'a (dyn Fn(u32) + Sync),
    pub(super) results: Results,
}

/// What came of the content.
#[derive(Default)]
pub(super) struct Results {
    /// For each value at each path where it first stood.
    pub(super) first: HashMap<Key, First>,
    pub(super) blobs: u64,
    pub(super) bytes: u64,
    pub(super) binary: u64,
    /// What was left out inside of files.
    pub(super) skipped: Vec<Skipped>,
    pub(super) too_large: Vec<u32>,
    /// Content that stands at more places than are looked at.
    pub(super) crowded: Vec<u32>,
}

/// Other places at which the same content is looked at, and bytes that are looked at there: trees can name
/// one file a million times.
const PLACES: usize = 10_000;
const AGAIN: usize = 64 << 20;

/// A value under a rule, its path, and how many of the same are before it in the same text.
pub(super) type Key = (Value, u32, u32);

/// Tells values apart. A fingerprint would not do: that of a weak value is the same for its
/// successor on the same line, and another when the lines around it change.
pub(super) type Value = [u8; 16];

/// The name of what was found, for as long as this scan takes.
pub(super) fn value(found: &Found) -> Value {
    let mut hasher = Sha256::new_with_prefix(&found.finding.rule);
    hasher.update([0]);
    hasher.update(&*found.value);
    let mut value = [0; 16];
    value.copy_from_slice(&hasher.finalize()[..16]);
    value
}

/// A finding where it first stood.
pub(super) struct First {
    pub(super) order: u32,
    pub(super) blob: u32,
    pub(super) found: Found,
    pub(super) verdict: Verdict,
}

impl Results {
    /// Adds what another thread found.
    pub(super) fn merge(&mut self, other: Self) {
        self.blobs += other.blobs;
        self.bytes += other.bytes;
        self.binary += other.binary;
        self.too_large.extend(other.too_large);
        self.crowded.extend(other.crowded);
        self.skipped.extend(other.skipped);
        for (key, first) in other.first {
            self.add(key, first);
        }
    }

    fn add(&mut self, key: Key, new: First) {
        match self.first.get_mut(&key) {
            // The number of the blob only makes the choice the same every time.
            Some(old) if (old.order, old.blob) <= (new.order, new.blob) => {}
            Some(old) => *old = new,
            None => drop(self.first.insert(key, new)),
        }
    }
}

/// What is known of a text on which others are built.
pub(super) enum Known {
    /// It was not looked at.
    Nothing,
    /// What stands in it, as a file of that path.
    Hits { path: u32, hits: Vec<Hit>, far: bool },
}

impl Visit for Look<'_> {
    type Known = Known;

    fn whole(&mut self, slot: Option<u32>, bytes: &[u8]) -> Known {
        self.blob(slot, bytes, None)
    }

    fn derived(&mut self, slot: Option<u32>, bytes: &[u8], base: &Known, base_len: usize, copies: &[Copied]) -> Known {
        self.blob(slot, bytes, Some((base, base_len, copies)))
    }
}

impl Look<'_> {
    /// Looks at one blob at each of its places.
    pub(super) fn blob(&mut self, slot: Option<u32>, bytes: &[u8], base: Option<(&Known, usize, &[Copied])>) -> Known {
        let Some(slot) = slot else { return Known::Nothing };
        (self.done)(slot);
        self.results.blobs += 1;
        if bytes.len() as u64 > self.max_size {
            self.results.too_large.push(slot);
            return Known::Nothing;
        }
        self.results.bytes += bytes.len() as u64;
        let places = self.places;
        let (first, more) =
            places.of(slot as usize).split_first().expect("a blob has a place, or it would not be known");
        let mut skipped = Vec::new();
        let known = self.at(slot, *first, bytes, base, &mut skipped);
        for one in skipped {
            if one.reason == container::BINARY {
                self.results.binary += 1;
            } else {
                self.results.skipped.push(one);
            }
        }
        // Rules may go by the path: elsewhere it is another file.
        let looks = AGAIN / bytes.len().max(1);
        if more.len() > looks.min(PLACES) {
            self.results.crowded.push(slot);
        }
        for place in more.iter().take(looks.min(PLACES)) {
            self.at(slot, *place, bytes, None, &mut Vec::new());
        }
        known
    }

    /// Looks at a blob as the file at one of its places, and at what is in that file.
    fn at(
        &mut self,
        slot: u32,
        place: Place,
        bytes: &[u8],
        base: Option<(&Known, usize, &[Copied])>,
        skipped: &mut Vec<Skipped>,
    ) -> Known {
        let path = String::from_utf8_lossy(&self.places.paths.bytes(place.path)).into_owned();
        let mut known = Known::Nothing;
        let mut same: HashMap<Value, u32> = HashMap::new();
        let limits = self.limits;
        container::texts_and_paths(
            &path,
            bytes,
            limits,
            &mut |inner, text| {
                // Of a plain text it may be known what is in it; what had to be unpacked is looked at whole.
                let hits = if std::ptr::eq(text, bytes) {
                    let (hits, far) = self.hits(place.path, &path, bytes, base);
                    known = Known::Hits { path: place.path, hits: hits.clone(), far };
                    hits
                } else {
                    self.look(inner, text)
                };
                if !hits.is_empty() {
                    self.report(slot, place, inner, text, hits, &mut same);
                }
            },
            skipped,
        );
        known
    }

    fn hits(
        &self,
        number: u32,
        path: &str,
        bytes: &[u8],
        base: Option<(&Known, usize, &[Copied])>,
    ) -> (Vec<Hit>, bool) {
        if let Some((Known::Hits { path: same, hits, far }, base_len, copies)) = base
            && *same == number
            && !self.whole
            && !is_structured(path, bytes.len())
            && !far
            && let Some(windows) = windows::windows(bytes, base_len, copies)
            && !windows.iter().any(|window| is_far(&bytes[window.clone()]))
            && let Some(moved) = moved(hits, base_len, bytes.len(), copies)
            && windows.iter().all(|window| self.is_clean(path, bytes, window, &moved))
        {
            return (moved, false);
        }
        (self.look(path, bytes), is_far(bytes))
    }

    /// Whether a window holds no more than what was there before.
    fn is_clean(&self, path: &str, bytes: &[u8], window: &Range<usize>, moved: &[Hit]) -> bool {
        self.look(path, &bytes[window.clone()]).iter().all(|hit| {
            let range = window.start + hit.range.start..window.start + hit.range.end;
            moved.iter().any(|old| old.is_same(hit, &range))
        })
    }

    /// What stands in a text. How code uses a secret is of no interest once it is history; that there was a
    /// file of that path is, and it has no place in the text.
    fn look(&self, path: &str, bytes: &[u8]) -> Vec<Hit> {
        let mut hits = self.scanner.look(path, bytes).hits;
        hits.retain(|hit| hit.range.is_empty() || !self.scanner.is_misuse(hit));
        hits
    }

    fn report(
        &mut self,
        slot: u32,
        place: Place,
        path: &str,
        bytes: &[u8],
        hits: Vec<Hit>,
        same: &mut HashMap<Value, u32>,
    ) {
        let inner = self.places.paths.bytes(place.path);
        let tracked = self.repository.entry(&inner) == Some(self.places.blobs[slot as usize]);
        let source = Source { path, tracked, added: None };
        for (found, verdict) in self.scanner.judge(&source, bytes, hits) {
            let value = value(&found);
            let count = same.entry(value).or_default();
            let key = (value, place.path, *count);
            *count += 1;
            self.results.add(key, First { order: place.order, blob: slot, found, verdict });
        }
    }
}

/// The hits of the base where they now stand, if all stand far from what changed; `None` if one does not.
fn moved(hits: &[Hit], base_len: usize, len: usize, copies: &[Copied]) -> Option<Vec<Hit>> {
    let mut all = Vec::new();
    for hit in hits {
        let places = windows::moved(&hit.range, base_len, len, copies)?;
        all.extend(places.into_iter().map(|range| hit.moved_to(range)));
    }
    all.sort_by_key(|hit| (hit.range.start, hit.range.end));
    Some(all)
}

/// Whether a file is small and of a kind in which what a line means is said on another one: settings, and
/// credentials that a tool finds by a file's name. Such files are looked at whole.
fn is_structured(path: &str, len: usize) -> bool {
    const ENDINGS: [&str; 14] = [
        "json",
        "yaml",
        "yml",
        "toml",
        "ini",
        "conf",
        "cfg",
        "config",
        "properties",
        "env",
        "xml",
        "tf",
        "tfvars",
        "tfstate",
    ];
    let name = path.rsplit('/').next().unwrap_or(path);
    len <= 64 << 10
        && match name.rsplit_once('.') {
            None | Some(("", _)) => true,
            Some((_, ending)) => ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known)),
        }
}

/// Whether a text says at its beginning what stands at its end: manifests of Kubernetes, whose values
/// are secrets because of their `kind`. Such texts are looked at whole.
fn is_far(bytes: &[u8]) -> bool {
    memchr::memmem::find_iter(bytes, "Secret").any(|at| {
        let before = &bytes[at.saturating_sub(12)..at];
        memchr::memmem::find(before, b"kind").is_some()
    })
}
