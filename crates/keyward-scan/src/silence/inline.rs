//! Comments that silence the findings of their line.
//!
//! `keyward:allow`, alone or with a rule's id, and a reason; `gitleaks:allow`; detect-secrets'
//! `pragma: allowlist secret`. `noqa` and its like are about style, not about secrets, and silence nothing.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

/// In a longer line a comment is not about one value: minified files are such lines. It bounds the time, too.
pub(crate) const LONGEST: usize = 4096;
/// So many files of a revision are remembered.
const REMEMBERED: usize = 4096;

/// Which comments count.
#[derive(Default)]
pub enum Inline {
    /// All.
    #[default]
    Honoured,
    /// None.
    Ignored,
    /// Those on lines that the file has in a revision which the change under test cannot touch.
    In(Revision),
}

/// Gives the bytes of a path, or nothing where there is no such file.
type Lookup = dyn Fn(&str) -> Option<Vec<u8>> + Send + Sync;

/// The texts of a revision.
pub struct Revision {
    text: Box<Lookup>,
    /// Of each file that was asked for, the lines with comments that silence.
    lines: Mutex<HashMap<String, HashSet<Vec<u8>>>>,
}

impl Revision {
    /// `text` gives the bytes of a path in the revision, or nothing where it has no such file.
    pub fn new(text: impl Fn(&str) -> Option<Vec<u8>> + Send + Sync + 'static) -> Self {
        Self { text: Box::new(text), lines: Mutex::default() }
    }

    fn has(&self, path: &str, line: &[u8]) -> bool {
        let mut files = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if !files.contains_key(path) {
            if files.len() >= REMEMBERED {
                files.clear();
            }
            let text = (self.text)(path).unwrap_or_default();
            let lines = text.split(|byte| *byte == b'\n').filter(|line| may_silence(line));
            files.insert(path.to_owned(), lines.map(|line| line.trim_ascii().to_vec()).collect());
        }
        files.get(path).is_some_and(|lines| lines.contains(line.trim_ascii()))
    }
}

impl Inline {
    /// Whether a comment on `line` silences a finding of `rule`. `known` are the ids of all rules.
    pub(crate) fn silences(&self, path: &str, rule: &str, line: &[u8], known: &BTreeSet<String>) -> bool {
        if !may_silence(line) || !is_allowed(line, rule, known) {
            return false;
        }
        match self {
            Self::Honoured => true,
            Self::Ignored => false,
            Self::In(revision) => revision.has(path, line),
        }
    }
}

/// A quick look, which most lines do not pass.
fn may_silence(line: &[u8]) -> bool {
    line.len() <= LONGEST && (find(line, b":allow").is_some() || find(line, b"pragma:").is_some())
}

fn is_allowed(line: &[u8], rule: &str, known: &BTreeSet<String>) -> bool {
    has_word(line, b"gitleaks:allow") || has_pragma(line) || is_allowed_by_keyward(line, rule, known)
}

/// `keyward:allow` before a rule's id is about that rule (or several, with commas); before anything
/// else it is about all that is on the line.
fn is_allowed_by_keyward(line: &[u8], rule: &str, known: &BTreeSet<String>) -> bool {
    const MARK: &[u8] = b"keyward:allow";
    let mut from = 0;
    while let Some(at) = find(&line[from..], MARK).map(|at| from + at) {
        from = at + MARK.len();
        if !ends_word(line, from) {
            continue;
        }
        let rest = String::from_utf8_lossy(&line[from..]);
        let word = rest.split_whitespace().next().filter(|_| rest.starts_with([' ', '\t'])).unwrap_or_default();
        let mut ids = word.split(',').filter(|id| !id.is_empty()).peekable();
        let about_rules = ids.peek().is_some() && ids.clone().all(|id| id == rule || known.contains(id));
        if !about_rules || ids.any(|id| id == rule) {
            return true;
        }
    }
    false
}

/// `pragma: allowlist secret`, with the older word and spellings that detect-secrets takes too.
fn has_pragma(line: &[u8]) -> bool {
    let Some(at) = find(line, b"pragma:") else { return false };
    let rest = line[at + b"pragma:".len()..].trim_ascii_start();
    [&b"allowlist"[..], b"whitelist"].iter().any(|word| {
        let rest = rest.strip_prefix(*word).filter(|rest| matches!(rest.first(), Some(b' ' | b'-')));
        rest.is_some_and(|rest| rest[1..].starts_with(b"secret") && ends_word(rest, 1 + b"secret".len()))
    })
}

fn has_word(line: &[u8], word: &[u8]) -> bool {
    find(line, word).is_some_and(|at| ends_word(line, at + word.len()))
}

fn ends_word(line: &[u8], end: usize) -> bool {
    line.get(end).is_none_or(|next| !next.is_ascii_alphanumeric() && !matches!(next, b'-' | b'_' | b':'))
}

fn find(line: &[u8], needle: &[u8]) -> Option<usize> {
    memchr::memmem::find(line, needle)
}
