//! Files below a folder.

use std::fs::{File, FileType};
use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex};

use ignore::{DirEntry, WalkBuilder, WalkState};

use crate::container::{self, Limits};
use crate::scanner::{Outcome, Scanner, Source};
use crate::summary::Skipped;

/// Which files of a tree are read.
#[derive(Clone, Debug)]
pub struct TreeOptions {
    /// Folders of dependencies, builds and caches too.
    pub all: bool,
    /// Not what `.gitignore` and its like name.
    pub respect_gitignore: bool,
    /// Larger files are skipped.
    pub max_file_size: u64,
    /// Bounds of what archives unpack to.
    pub unpack: Limits,
    /// Threads; 0: as many as there are cores.
    pub threads: usize,
}

impl Default for TreeOptions {
    fn default() -> Self {
        Self { all: false, respect_gitignore: false, max_file_size: 1 << 30, unpack: Limits::default(), threads: 0 }
    }
}

/// Folders that hold what others wrote or a build made. Built browser bundles (`dist`, `build`,
/// `out`, `.next`, `public`) are not among them: what is in them is published.
const DEPENDENCIES: [&str; 17] = [
    "node_modules",
    "bower_components",
    "jspm_packages",
    ".venv",
    "venv",
    ".tox",
    ".nox",
    "__pycache__",
    "site-packages",
    "target",
    ".gradle",
    ".m2",
    ".cargo",
    ".terraform",
    "Pods",
    ".mypy_cache",
    ".pytest_cache",
];

/// What version control knows of a tree.
pub trait Tracks: Sync {
    /// Whether it has this file.
    fn contains(&self, path: &Path) -> bool;
    /// The files that it has below a folder.
    fn below(&self, folder: &Path) -> Vec<PathBuf>;
}

/// There is no version control.
pub struct Untracked;

impl Tracks for Untracked {
    fn contains(&self, _path: &Path) -> bool {
        false
    }

    fn below(&self, _folder: &Path) -> Vec<PathBuf> {
        Vec::new()
    }
}

/// Scans everything below `roots`; `done` gets what came of each file, from several threads. In folders of
/// dependencies and caches that is what `tracks` has: others get it with the repository.
/// Paths in reports begin as the roots do, without a leading `./`.
pub fn scan(
    scanner: &Scanner,
    roots: &[PathBuf],
    options: &TreeOptions,
    tracks: &dyn Tracks,
    done: &(dyn Fn(Outcome) + Sync),
) {
    let roots = distinct(roots);
    let Some((first, rest)) = roots.split_first() else { return };
    let mut walk = WalkBuilder::new(first);
    for root in rest {
        walk.add(root);
    }
    let left_out: Arc<Mutex<LeftOut>> = Arc::default();
    let noted = Arc::clone(&left_out);
    let all = options.all;
    walk.standard_filters(false)
        .hidden(false)
        .follow_links(false)
        .git_ignore(options.respect_gitignore)
        .git_exclude(options.respect_gitignore)
        .git_global(options.respect_gitignore)
        .ignore(options.respect_gitignore)
        .parents(options.respect_gitignore)
        .threads(crate::threads(options.threads))
        .filter_entry(move |entry| enter(entry, all, &noted));
    walk.build_parallel().run(|| {
        let mut buffer = Vec::new();
        Box::new(move |entry| {
            match entry {
                Ok(entry) => {
                    if let Some(kind) = entry.file_type() {
                        visit(scanner, entry.path(), kind, options, tracks, &mut buffer, done);
                    }
                }
                Err(error) => done(unreadable(&error)),
            }
            WalkState::Continue
        })
    });
    let folders = std::mem::take(&mut *left_out.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    let mut buffer = Vec::new();
    for path in folders.iter().flat_map(|(folder, _)| tracks.below(folder)) {
        // One that is gone from the working tree has nothing to be read.
        if let Ok(data) = path.symlink_metadata() {
            visit(scanner, &path, data.file_type(), options, tracks, &mut buffer, done);
        }
    }
    let mut skipped: Vec<Skipped> =
        folders.iter().map(|(folder, reason)| Skipped::new(shown(folder), *reason)).collect();
    skipped.sort();
    let mut outcome = Outcome::default();
    outcome.summary.skipped = skipped;
    done(outcome);
}

/// Roots without those that are below others: no file is read twice.
fn distinct(roots: &[PathBuf]) -> Vec<PathBuf> {
    let plain = |root: &PathBuf| root.components().filter(|part| *part != Component::CurDir).collect::<PathBuf>();
    let named: Vec<PathBuf> = roots.iter().map(plain).collect();
    let covered = |at: usize| {
        let within = |(other, root): (usize, &PathBuf)| {
            let rooted = named[at].is_absolute() == root.is_absolute();
            other != at && rooted && named[at].starts_with(root) && (named[at] != *root || other < at)
        };
        // `..` may lead out of the other again.
        let leads_out = named[at].components().any(|part| part == Component::ParentDir);
        !leads_out && roots[at].is_dir() == named[at].is_dir() && named.iter().enumerate().any(within)
    };
    (0..roots.len()).filter(|at| !covered(*at)).map(|at| roots[at].clone()).collect()
}

/// Folders that are not entered, and why.
type LeftOut = Vec<(PathBuf, &'static str)>;

/// What the tag of a cache begins with (<https://bford.info/cachedir/>).
const CACHE: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55";

fn is_cache(folder: &Path) -> bool {
    let mut begin = Vec::new();
    let read = File::open(folder.join("CACHEDIR.TAG")).and_then(|tag| tag.take(64).read_to_end(&mut begin));
    read.is_ok() && begin.starts_with(CACHE)
}

/// Whether a folder is entered.
fn enter(entry: &DirEntry, all: bool, left_out: &Mutex<LeftOut>) -> bool {
    if entry.depth() == 0 || !entry.file_type().is_some_and(|kind| kind.is_dir()) {
        return true;
    }
    let name = entry.file_name().to_str().unwrap_or_default();
    let reason = if name == ".git" && entry.path().join("HEAD").exists() {
        "git internals"
    } else if all {
        return true;
    } else if DEPENDENCIES.contains(&name) {
        "dependencies"
    } else if is_cache(entry.path()) {
        "cache"
    } else {
        return true;
    };
    let folder = entry.path().to_owned();
    left_out.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((folder, reason));
    false
}

fn visit(
    scanner: &Scanner,
    file: &Path,
    kind: FileType,
    options: &TreeOptions,
    tracks: &dyn Tracks,
    buffer: &mut Vec<u8>,
    done: &(dyn Fn(Outcome) + Sync),
) {
    let path = shown(file);
    if kind.is_dir() {
        return;
    }
    if kind.is_symlink() {
        return done(Scanner::skipped(&path, "link"));
    }
    if !kind.is_file() {
        return done(Scanner::skipped(&path, "not a file"));
    }
    let text = match read(file, options.max_file_size, buffer) {
        Ok(Some(length)) => &buffer[..length],
        Ok(None) => return done(Scanner::skipped(&path, "too large")),
        Err(error) => return done(Scanner::skipped(&path, &format!("unreadable: {error}"))),
    };
    let tracked = tracks.contains(file);
    let (mut outcome, mut skipped, mut read) = (Outcome::default(), Vec::new(), false);
    let scan = &mut |path: &str, text: &[u8]| {
        read |= !text.is_empty();
        outcome.merge(scanner.scan(&Source { path, tracked, added: None }, text));
    };
    container::texts_and_paths(&path, text, &options.unpack, scan, &mut skipped);
    // Of an archive, what is inside has no count of its own; an empty one was read all the same.
    outcome.summary.files = u64::from(read || skipped.is_empty());
    outcome.summary.skipped.append(&mut skipped);
    done(outcome);
}

/// Reads a file into the beginning of `buffer`, which only grows, and says how long it is; none for one that is
/// larger than `limit`. Of one that grows meanwhile it is what was there when it was opened.
fn read(path: &Path, limit: u64, buffer: &mut Vec<u8>) -> std::io::Result<Option<usize>> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    if size > limit {
        return Ok(None);
    }
    let size = usize::try_from(size).map_err(std::io::Error::other)?;
    if size == 0 {
        // Some systems keep files whose length they do not know.
        buffer.clear();
        file.take(limit.saturating_add(1)).read_to_end(buffer)?;
        return Ok(Some(buffer.len()).filter(|length| *length as u64 <= limit));
    }
    if buffer.len() < size {
        buffer.resize(size, 0);
    }
    let mut length = 0;
    // One call for most; the end is not asked for, since the length is known.
    while length < size {
        match file.read(&mut buffer[length..size]) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Some(length))
}

/// As git judges: a NUL in the first 8,000 bytes.
pub(crate) fn is_binary(bytes: &[u8]) -> bool {
    memchr::memchr(0, &bytes[..bytes.len().min(8000)]).is_some()
}

fn unreadable(error: &ignore::Error) -> Outcome {
    Scanner::skipped("", &error.to_string())
}

/// A path for people: `/` between folders, without a leading `./`.
fn shown(path: &Path) -> String {
    let text = path.to_string_lossy();
    text.strip_prefix("./").unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_whole_into_a_buffer_that_held_another() {
        let folder = tempfile::tempdir().unwrap();
        let mut buffer = Vec::new();
        let mut read = |name: &str, text: &str, limit: u64| {
            std::fs::write(folder.path().join(name), text).unwrap();
            let length = read(&folder.path().join(name), limit, &mut buffer).unwrap();
            length.map(|length| String::from_utf8(buffer[..length].to_vec()).unwrap())
        };
        let long = "0123456789".repeat(10_000);
        assert_eq!(read("long", &long, 1 << 20), Some(long.clone()));
        assert_eq!(read("short", "abc", 1 << 20).as_deref(), Some("abc"));
        assert_eq!(read("empty", "", 1 << 20).as_deref(), Some(""));
        assert_eq!(read("exact", "abc", 3).as_deref(), Some("abc"));
        assert_eq!(read("large", "abcd", 3), None);
    }

    /// As those of `/proc`, which say that they are empty.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_that_does_not_say_how_long_it_is_is_read() {
        let mut buffer = b"of another file".repeat(1_000);
        let length = read(Path::new("/proc/self/status"), 1 << 20, &mut buffer).unwrap().unwrap();
        assert!(buffer[..length].starts_with(b"Name:"), "{length}");
        assert_eq!(read(Path::new("/proc/self/status"), 10, &mut buffer).unwrap(), None);
    }
}
