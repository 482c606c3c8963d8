//! Plans how values leave the sources: into the vault, and a variable of the environment in their place.
//!
//! Pure: it reads through its caller and writes nothing. What is planned keeps the syntax: a value
//! is replaced only where the language's lexer sees it inside a literal and the place takes an
//! expression; everything else is refused with a reason and what to do.

mod context;
mod diff;
mod escape;
mod file;
mod import;
mod lexer;
mod lines;
mod naming;
mod planning;
mod render;
mod shell;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::ops::Range;

use zeroize::Zeroizing;

pub use diff::diff;

use crate::Found;
use crate::misuse::Language;
use file::File;
use naming::Names;

/// What is to be done with one file.
#[derive(Clone)]
pub struct FilePlan {
    /// The file, as in its findings.
    pub path: String,
    /// What it held when the plan was made. Write only if it still does.
    pub before: Zeroizing<Vec<u8>>,
    /// The changes, in the order of their places, without overlap.
    pub edits: Vec<Edit>,
    /// What is to be stored before the file is written.
    pub stores: Vec<Store>,
    /// What stays as it is.
    pub refused: Vec<Refused>,
    /// Spellings of values in the file that the diff hides.
    hidden: Vec<Zeroizing<Vec<u8>>>,
}

/// A part of a file that is replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Which bytes.
    pub range: Range<usize>,
    /// By what.
    pub replacement: String,
}

/// A value that moves to the vault.
#[derive(Clone, PartialEq, Eq)]
pub struct Store {
    /// The variable in which programs will find it.
    pub name: String,
    /// The value, as programs read it from the source.
    pub value: Zeroizing<Vec<u8>>,
}

/// A finding that is not mended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Its line.
    pub line: u32,
    /// Its rule.
    pub rule: String,
    /// Why.
    pub reason: String,
    /// What a person can do.
    pub hint: String,
}

/// Why something is not mended, and what a person can do.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Refusal {
    reason: &'static str,
    hint: &'static str,
}

impl Refusal {
    fn new(reason: &'static str, hint: &'static str) -> Self {
        Self { reason, hint }
    }
}

impl FilePlan {
    /// The file as it will be.
    pub fn after(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(Vec::with_capacity(self.before.len()));
        let mut at = 0;
        for edit in &self.edits {
            out.extend_from_slice(&self.before[at..edit.range.start]);
            out.extend_from_slice(edit.replacement.as_bytes());
            at = edit.range.end;
        }
        out.extend_from_slice(&self.before[at..]);
        out
    }

    fn secrets(&self) -> Vec<&[u8]> {
        let stored = self.stores.iter().map(|store| store.value.as_slice());
        stored.chain(self.hidden.iter().map(|value| value.as_slice())).collect()
    }
}

impl fmt::Debug for FilePlan {
    /// Without the text, which holds values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, edits, stores) = (&self.path, &self.edits, &self.stores);
        write!(f, "FilePlan {{ path: {path:?}, edits: {edits:?}, stores: {stores:?}, refused: {:?} }}", self.refused)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({})", self.name)
    }
}

/// Plans the mending of findings. `read` gives a file's content; `free` says whether a name may
/// stand for a value in the vault: nobody has it, or that value does.
///
/// Every file with findings has a plan, if only of what is refused. Careless uses
/// ([`Found::misuse`]) and weak candidates are left out.
pub fn plan(
    found: &[Found],
    read: &dyn Fn(&str) -> io::Result<Vec<u8>>,
    free: &dyn Fn(&str, &[u8]) -> bool,
) -> Vec<FilePlan> {
    let mut by_path: BTreeMap<&str, Vec<&Found>> = BTreeMap::new();
    for one in found.iter().filter(|one| !one.misuse && !one.weak) {
        by_path.entry(&one.finding.path).or_default().push(one);
    }
    let mut names = Names::new(free);
    let mut files: Vec<File<'_>> = by_path.into_iter().map(|(path, found)| File::open(path, found, read)).collect();
    // `.env` files come first: their names are the ones that programs ask for already.
    files.sort_by_key(|file| file.language != Language::DotEnv);
    for file in &mut files {
        file.name(&mut names);
    }
    let values: Vec<(Zeroizing<Vec<u8>>, String)> =
        names.all().map(|(value, name)| (Zeroizing::new(value.to_vec()), name.to_owned())).collect();
    let mut plans: Vec<FilePlan> = files.into_iter().map(|file| file.plan(&values)).collect();
    plans.sort_by(|a, b| a.path.cmp(&b.path));
    plans
}
