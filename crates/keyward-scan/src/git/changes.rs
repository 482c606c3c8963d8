//! Files that changed: each is looked at whole, and what stands on lines that were added is reported.

use std::cell::OnceCell;
use std::sync::atomic::{AtomicUsize, Ordering};

use gix::ObjectId;
use gix::diff::blob::{Algorithm, Diff, InternedInput};
use gix::objs::Kind;

use super::objects::{Objects, Reader, Unreadable};
use crate::container::{self, Limits};
use crate::scanner::{Outcome, Scanner, Source};

/// How changes are scanned.
#[derive(Clone, Debug)]
pub struct ChangeOptions {
    /// Threads; 0: as many as there are cores.
    pub threads: usize,
    /// Larger files are skipped.
    pub max_file_size: u64,
    /// How far archives are unpacked.
    pub unpack: Limits,
    /// After a push: the refs that it has set already.
    pub pushed: Vec<PushedRef>,
    /// Before a push: where it goes. What other remotes have is no secret to them alone. `None`: all count.
    pub remote: Option<String>,
}

/// A ref that a push has set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushedRef {
    /// Its whole name.
    pub name: String,
    /// Where it pointed to before; `None` for a new one.
    pub before: Option<ObjectId>,
}

impl Default for ChangeOptions {
    fn default() -> Self {
        Self { threads: 0, max_file_size: 1 << 30, unpack: Limits::default(), pushed: Vec::new(), remote: None }
    }
}

impl PushedRef {
    /// The refs in the lines that git gives to a post-receive hook: old id, new id and name. Other lines are
    /// passed over.
    pub fn all(lines: &str) -> Vec<Self> {
        let one = |line: &str| {
            let mut words = line.split(' ');
            let (before, _, name) = (words.next()?, words.next()?, words.next()?);
            let before = ObjectId::from_hex(before.as_bytes()).ok()?;
            Some(Self { name: name.to_owned(), before: Some(before).filter(|id| !id.is_null()) })
        };
        lines.lines().filter_map(one).collect()
    }
}

impl ChangeOptions {
    fn threads(&self) -> usize {
        crate::threads(self.threads)
    }
}

/// A file that was added or changed.
pub(super) struct Change {
    pub(super) path: String,
    pub(super) id: ObjectId,
    pub(super) tracked: bool,
    /// What stood there before; more than one where histories were merged. A line counts as added
    /// if it is in none of them.
    pub(super) before: Vec<ObjectId>,
}

/// Looks at all of `changes`; `done` gets what came of each, by its number, from several threads.
pub(super) fn look(
    scanner: &Scanner,
    objects: &Objects,
    changes: &[Change],
    options: &ChangeOptions,
    done: &(dyn Fn(usize, Outcome) + Sync),
) {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut reader = Reader::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(change) = changes.get(number) else { break };
            done(number, one(scanner, objects, change, options, &mut reader));
        }
    };
    std::thread::scope(|scope| {
        (1..options.threads().min(changes.len())).for_each(|_| drop(scope.spawn(work)));
        work();
    });
}

fn one(scanner: &Scanner, objects: &Objects, change: &Change, options: &ChangeOptions, reader: &mut Reader) -> Outcome {
    let object = match objects.find(&change.id, reader) {
        Ok(object) if object.kind == Kind::Blob => object,
        Ok(_) => return unread(change, Unreadable::Damaged),
        Err(error) => return unread(change, error),
    };
    let bytes = object.bytes.as_slice();
    if bytes.len() as u64 > options.max_file_size {
        return Scanner::skipped(&change.path, "too large");
    }
    // Lines are compared only for a file in which something stands.
    let lines = OnceCell::new();
    let reader = std::cell::RefCell::new(reader);
    let is_added = |line: u32| {
        let added = lines.get_or_init(|| {
            let before = change.before.iter().map(|id| objects.find(id, &mut reader.borrow_mut()));
            // What cannot be read excuses nothing.
            before.filter_map(Result::ok).map(|before| Added::new(&before.bytes, bytes)).collect::<Vec<_>>()
        });
        added.iter().all(|added| added.contains(line))
    };
    let (mut outcome, mut skipped, mut read) = (Outcome::default(), Vec::new(), false);
    let scan = &mut |path: &str, text: &[u8]| {
        read |= !text.is_empty();
        // Of what has to be unpacked first, everything counts as added.
        let added: Option<&dyn Fn(u32) -> bool> = if std::ptr::eq(text, bytes) { Some(&is_added) } else { None };
        outcome.merge(scanner.scan(&Source { path, tracked: change.tracked, added }, text));
    };
    container::texts_and_paths(&change.path, bytes, &options.unpack, scan, &mut skipped);
    // What is binary is not read.
    outcome.summary.files = u64::from(read || skipped.is_empty());
    outcome.summary.skipped.append(&mut skipped);
    outcome.summary.blobs = 1;
    outcome
}

/// The name of a change that could not be looked at.
fn unread(change: &Change, error: Unreadable) -> Outcome {
    let mut outcome = Outcome::default();
    outcome.summary.skipped.push(error.skipped(format!("{} ({})", change.path, change.id)));
    outcome
}

/// The lines of a text that were not in an older one.
struct Added {
    /// From line, to line, from 1; sorted.
    ranges: Vec<(u32, u32)>,
}

impl Added {
    fn new(before: &[u8], after: &[u8]) -> Self {
        let input = InternedInput::new(before, after);
        let mut diff = Diff::compute(Algorithm::Histogram, &input);
        diff.postprocess_lines(&input);
        let ranges = diff.hunks().map(|hunk| (hunk.after.start + 1, hunk.after.end + 1)).filter(|(from, to)| from < to);
        Self { ranges: ranges.collect() }
    }

    fn contains(&self, line: u32) -> bool {
        let after = self.ranges.partition_point(|(from, _)| *from <= line);
        after > 0 && line < self.ranges[after - 1].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_were_not_there_are_added() {
        let added = Added::new(b"a\nb\nc\n", b"a\nx\nc\nd\n");
        let lines: Vec<u32> = (1..6).filter(|line| added.contains(*line)).collect();
        assert_eq!(lines, [2, 4]);
        let all = Added::new(b"", b"a\nb");
        assert!(all.contains(1) && all.contains(2));
        assert!(!Added::new(b"a\n", b"a\n").contains(1));
    }
}
