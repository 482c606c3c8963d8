//! Plans how values leave the sources: into the vault, and a variable of the environment in their place.
//!
//! Pure: it reads through its caller and writes nothing. What is planned keeps the syntax: a value
//! is replaced only where the language's lexer sees it inside a literal and the place takes an
//! expression; everything else is refused with a reason and what to do.

mod context;
mod diff;
mod import;
mod lexer;
mod lines;
mod naming;
mod render;
mod shell;

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;

use zeroize::Zeroizing;

pub use diff::diff;

use crate::Found;
use crate::engine::{Hint, Text};
use crate::misuse::{Language, is_browser_code};
use context::contexts;
use lexer::{Literal, Token};
use naming::Names;
use render::{Part, Target, render};

/// What is to be done with one file.
#[derive(Clone, Debug)]
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
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// A value that stands in a file.
struct Spot {
    range: Range<usize>,
    value: Zeroizing<Vec<u8>>,
    name: String,
    line: u32,
    rule: String,
}

struct File<'a> {
    path: &'a str,
    language: Language,
    bytes: Zeroizing<Vec<u8>>,
    found: Vec<&'a Found>,
    spots: Vec<Spot>,
    tokens: Vec<Token>,
    plan: FilePlan,
}

/// Values of at least this length are replaced wherever they stand in a file, not only where they were found.
const ANYWHERE: usize = 12;

impl<'a> File<'a> {
    fn open(path: &'a str, mut found: Vec<&'a Found>, read: &dyn Fn(&str) -> io::Result<Vec<u8>>) -> Self {
        let language = Language::of(&Hint { path, depth: 0 });
        let mut plan = FilePlan {
            path: path.to_owned(),
            before: Zeroizing::default(),
            edits: Vec::new(),
            stores: Vec::new(),
            refused: Vec::new(),
            hidden: found.iter().map(|one| one.value.clone()).collect(),
        };
        let mut bytes = Zeroizing::default();
        match content(path, &found, read) {
            Ok(content) => bytes = content,
            Err(refusal) => {
                plan.refused = found.iter().map(|one| refused(one.finding.line, &one.finding.rule, &refusal)).collect();
                found.clear();
            }
        }
        plan.before = bytes.clone();
        let tokens = match std::str::from_utf8(&bytes) {
            Ok(text) if has_literals(language) => lexer::tokens(text, language),
            _ => Vec::new(),
        };
        Self { path, language, bytes, found, spots: Vec::new(), tokens, plan }
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap_or_default()
    }

    /// Finds the place of each finding and gives its value a name.
    fn name(&mut self, names: &mut Names<'_>) {
        for one in std::mem::take(&mut self.found) {
            let finding = &one.finding;
            match self.spot(one, names) {
                Ok(spot) => self.spots.push(spot),
                Err(refusal) => self.plan.refused.push(refused(finding.line, &finding.rule, &refusal)),
            }
        }
    }

    fn spot(&self, one: &Found, names: &mut Names<'_>) -> Result<Spot, Refusal> {
        let (finding, text) = (&one.finding, self.text());
        let moved = || Refusal::new("the file is not as it was scanned", "scan again");
        let start = offset(text, finding.line, finding.column).ok_or_else(moved)?;
        let end = offset(text, finding.end_line, finding.end_column).filter(|end| *end > start).ok_or_else(moved)?;
        let spot = |range, value, name| Spot { range, value, name, line: finding.line, rule: finding.rule.clone() };
        if self.language == Language::DotEnv {
            let assignment = lines::assignment(text, start)?;
            if !names.claim(&assignment.name, &assignment.value) {
                return Err(Refusal::new(
                    "its name stands for another value",
                    "move this file into an environment of its own with `keyward import`",
                ));
            }
            return Ok(spot(start..end, assignment.value, assignment.name));
        }
        self.accepts(start)?;
        let raw = &text[start..end];
        let value = if raw.as_bytes() == one.value.as_slice() && !raw.contains('\\') {
            one.value.clone()
        } else {
            self.literal(start)
                .ok()
                .and_then(|literal| decoded(self.language, &literal, raw))
                .ok_or(Refusal::new("the value is written in an encoded form", "replace it by hand"))?
        };
        // A scanner that looked into an encoded text reports the place of its encoded form.
        if raw.as_bytes() != one.value.as_slice() && *value != *one.value {
            return Err(Refusal::new("the value is written in an encoded form", "replace it by hand"));
        }
        let assigned = naming::assigned(&text[..self.literal(start).map_or(start, |literal| literal.outer.start)]);
        let name = names.of(&value, finding, assigned.as_deref());
        Ok(spot(start..end, value, name))
    }

    /// Whether values of such a file can be replaced at all.
    fn accepts(&self, at: usize) -> Result<(), Refusal> {
        let hint = Hint { path: self.path, depth: 0 };
        if is_browser_code(&Text { bytes: &self.bytes, hint }, at) || self.language == Language::Component {
            return Err(Refusal::new(
                "the code runs in browsers, where no secret belongs",
                "call the service from a server",
            ));
        }
        match (self.language, hint.extension().as_str()) {
            (Language::Docker, _) => Err(Refusal::new(
                "what a build sets stays in the image",
                "give it with `RUN --mount=type=secret`, or at run time",
            )),
            (Language::Yaml | Language::Shell, _) => Ok(()),
            (language, _) if has_literals(language) => Ok(()),
            (_, "json" | "jsonc" | "ipynb") => {
                Err(Refusal::new("JSON has no variables", "read the value from the environment where the file is read"))
            }
            (_, "toml" | "ini" | "cfg" | "conf" | "properties" | "xml") => Err(Refusal::new(
                "this format has no variables",
                "read the value from the environment where the file is read",
            )),
            _ => Err(Refusal::new("this kind of file is not known to `--fix`", "take the value out by hand")),
        }
    }

    /// The literal in which a place is.
    fn literal(&self, at: usize) -> Result<Literal, Refusal> {
        let index = self.tokens.partition_point(|token| token.range().end <= at);
        match self.tokens.get(index).filter(|token| token.range().start <= at) {
            Some(Token::Literal(literal)) => Ok(literal.clone()),
            Some(Token::Comment(_)) => Err(Refusal::new("the value is in a comment", "delete the comment")),
            Some(Token::Other(_)) => {
                Err(Refusal::new("the value is in a text of several lines or a pattern", "replace it by hand"))
            }
            None => Err(Refusal::new("the value is not inside a literal", "replace it by hand")),
        }
    }

    fn plan(mut self, values: &[(Zeroizing<Vec<u8>>, String)]) -> FilePlan {
        if self.language != Language::DotEnv && !self.spots.is_empty() {
            self.find_others(values);
        }
        let mut spots = std::mem::take(&mut self.spots);
        spots.sort_by_key(|spot| (spot.range.start, std::cmp::Reverse(spot.range.end)));
        // A value within a value goes with it.
        let mut end = 0;
        spots.retain(|spot| {
            let own = spot.range.start >= end;
            end = end.max(spot.range.end);
            own
        });
        match self.language {
            Language::DotEnv => self.remove_lines(&spots),
            Language::Shell => self.replace_in_shell(&spots),
            Language::Yaml => self.replace_in_yaml(&spots),
            _ => self.replace_in_code(&spots),
        }
        self.plan.refused.sort_by(|a, b| (a.line, &a.rule).cmp(&(b.line, &b.rule)));
        self.plan.refused.dedup();
        self.plan
    }

    /// Adds the places at which known values stand too.
    fn find_others(&mut self, values: &[(Zeroizing<Vec<u8>>, String)]) {
        let mut others = Vec::new();
        for (value, name) in values.iter().filter(|(value, _)| value.len() >= ANYWHERE && !value.contains(&b'\\')) {
            for at in memchr::memmem::find_iter(&self.bytes, value.as_slice()) {
                let range = at..at + value.len();
                let inside = |at: usize| self.bytes.get(at).is_some_and(u8::is_ascii_alphanumeric);
                let apart = !at.checked_sub(1).is_some_and(inside) && !inside(range.end);
                if apart && self.spots.iter().all(|spot| spot.range.end <= at || range.end <= spot.range.start) {
                    others.push((range, value.clone(), name.clone()));
                }
            }
        }
        for (range, value, name) in others {
            let line = 1 + memchr::memchr_iter(b'\n', &self.bytes[..range.start]).count();
            let line = u32::try_from(line).unwrap_or(u32::MAX);
            self.spots.push(Spot { range, value, name, line, rule: "the same value".to_owned() });
        }
    }

    fn remove_lines(&mut self, spots: &[Spot]) {
        let mut end = 0;
        for spot in spots {
            let Ok(assignment) = lines::assignment(self.text(), spot.range.start) else { continue };
            if assignment.range.start < end {
                continue;
            }
            end = assignment.range.end;
            self.plan.hidden.push(assignment.value.clone());
            self.plan.edits.push(Edit { range: assignment.range, replacement: assignment.rest });
            self.store(spot);
        }
    }

    fn replace_in_shell(&mut self, spots: &[Spot]) {
        let ranges: Vec<Range<usize>> = spots.iter().map(|spot| spot.range.clone()).collect();
        let quotings = shell::quotings(self.text(), &ranges);
        for (spot, quoting) in spots.iter().zip(quotings) {
            let rendered = shell::render(&quoting, &spot.name);
            self.apply(spot, spot.range.clone(), rendered);
        }
    }

    fn replace_in_yaml(&mut self, spots: &[Spot]) {
        let filler = lines::Filler::of(self.path);
        for spot in spots {
            let rendered = lines::yaml(self.text(), &spot.range, filler, &spot.name);
            self.apply(spot, spot.range.clone(), rendered);
        }
    }

    fn apply(&mut self, spot: &Spot, range: Range<usize>, rendered: Result<String, Refusal>) {
        match rendered {
            Ok(replacement) => {
                self.plan.edits.push(Edit { range, replacement });
                self.store(spot);
            }
            Err(refusal) => self.plan.refused.push(refused(spot.line, &spot.rule, &refusal)),
        }
    }

    fn replace_in_code(&mut self, spots: &[Spot]) {
        let mut by_literal: BTreeMap<usize, Vec<&Spot>> = BTreeMap::new();
        for spot in spots {
            match self.literal(spot.range.start).and_then(|literal| inside(&literal, &spot.range)) {
                Ok(()) => {
                    let index = self.tokens.partition_point(|token| token.range().end <= spot.range.start);
                    by_literal.entry(index).or_default().push(spot);
                }
                Err(refusal) => self.plan.refused.push(refused(spot.line, &spot.rule, &refusal)),
            }
        }
        let wanted: Vec<usize> = by_literal.keys().copied().collect();
        let by_line = self.language == Language::Go;
        let contexts = contexts(self.text(), &self.tokens, &wanted, by_line);
        let mut done: Vec<(Edit, Vec<&Spot>)> = Vec::new();
        for (index, spots) in by_literal {
            let (Token::Literal(literal), Some(context)) = (&self.tokens[index], contexts.get(&index)) else {
                continue;
            };
            let parts = parts(self.text(), literal, &spots);
            let components = matches!(Hint { path: self.path, depth: 0 }.extension().as_str(), "jsx" | "tsx" | "js");
            let target =
                Target { text: self.text(), language: self.language, components, literal, context, parts: &parts };
            match render(&target) {
                Ok(replacement) => done.push((Edit { range: literal.outer.clone(), replacement }, spots)),
                Err(refusal) => {
                    let all = spots.iter().map(|spot| refused(spot.line, &spot.rule, &refusal));
                    self.plan.refused.extend(all);
                }
            }
        }
        self.finish(done);
    }

    /// Takes the edits over, with the import that they need.
    fn finish(&mut self, done: Vec<(Edit, Vec<&Spot>)>) {
        let Some(first) = done.first().map(|(edit, _)| edit.range.start) else { return };
        match import::import(self.text(), &self.tokens, self.language, first) {
            Ok(import) => {
                for (edit, spots) in done {
                    self.plan.edits.push(edit);
                    spots.into_iter().for_each(|spot| self.store(spot));
                }
                self.plan.edits.extend(import);
                self.plan.edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
            }
            Err(reason) => {
                let refusal = Refusal::new(reason, "replace the value by hand");
                let all = done.iter().flat_map(|(_, spots)| spots).map(|spot| refused(spot.line, &spot.rule, &refusal));
                self.plan.refused.extend(all);
            }
        }
    }

    fn store(&mut self, spot: &Spot) {
        let store = Store { name: spot.name.clone(), value: spot.value.clone() };
        if !self.plan.stores.contains(&store) {
            self.plan.stores.push(store);
        }
    }
}

/// The content of a file that can be mended.
fn content(
    path: &str,
    found: &[&Found],
    read: &dyn Fn(&str) -> io::Result<Vec<u8>>,
) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    if found.iter().any(|one| one.finding.commit.is_some()) {
        return Err(Refusal::new("the value is in the history", "revoke it: what was committed stays readable"));
    }
    if path.contains('!') || path.is_empty() {
        return Err(Refusal::new("the value is inside an archive or a stream", "mend what it was made from"));
    }
    let bytes = read(path)
        .map(Zeroizing::new)
        .map_err(|_| Refusal::new("the file cannot be read", "look at its permissions"))?;
    if crate::tree::is_binary(&bytes) || std::str::from_utf8(&bytes).is_err() {
        return Err(Refusal::new("the file is binary", "mend what it was made from"));
    }
    Ok(bytes)
}

fn has_literals(language: Language) -> bool {
    use Language::{Go, Java, JavaScript, Php, Python, Ruby, Rust, TypeScript};
    matches!(language, Python | JavaScript | TypeScript | Go | Rust | Java | Ruby | Php)
}

fn refused(line: u32, rule: &str, refusal: &Refusal) -> Refused {
    Refused { line, rule: rule.to_owned(), reason: refusal.reason.to_owned(), hint: refusal.hint.to_owned() }
}

/// The byte offset of a line and a column, both from 1, columns in characters.
fn offset(text: &str, line: u32, column: u32) -> Option<usize> {
    let mut start = 0;
    for _ in 1..line {
        start += text[start..].find('\n')? + 1;
    }
    let line = &text[start..];
    let column = usize::try_from(column).ok()?.checked_sub(1)?;
    line.char_indices().map(|(at, _)| at).chain([line.len()]).nth(column).map(|at| start + at)
}

/// Whether a value stands in a literal's text, not in the code inside it.
fn inside(literal: &Literal, range: &Range<usize>) -> Result<(), Refusal> {
    if range.start < literal.inner.start || literal.inner.end < range.end {
        return Err(Refusal::new("the value spans several literals", "replace it by hand"));
    }
    if literal.holes.iter().any(|hole| hole.start < range.end && range.start < hole.end) {
        return Err(Refusal::new("the value is in code inside a text", "replace it by hand"));
    }
    Ok(())
}

fn parts<'t>(text: &'t str, literal: &Literal, spots: &[&'t Spot]) -> Vec<Part<'t>> {
    let mut parts = Vec::new();
    let mut at = literal.inner.start;
    for spot in spots {
        if at < spot.range.start {
            parts.push(Part::Text(&text[at..spot.range.start]));
        }
        parts.push(Part::Name(&spot.name));
        at = spot.range.end;
    }
    if at < literal.inner.end {
        parts.push(Part::Text(&text[at..literal.inner.end]));
    }
    parts
}

/// What a part of a literal means; `None` where we are not sure.
fn decoded(language: Language, literal: &Literal, raw: &str) -> Option<Zeroizing<Vec<u8>>> {
    let verbatim = literal.prefix.contains(['r', 'R']) || language == Language::Go && literal.quote == "`";
    if verbatim || !raw.contains('\\') {
        return Some(Zeroizing::new(raw.as_bytes().to_vec()));
    }
    // Single quotes of Ruby and PHP know two escapes only.
    if matches!(language, Language::Ruby | Language::Php) && literal.quote == "'" {
        return (!raw.replace("\\\\", "").contains("\\'"))
            .then(|| Zeroizing::new(raw.replace("\\\\", "\\").into_bytes()));
    }
    unescape(raw)
}

/// A text without its escapes, where all of them mean the same everywhere.
fn unescape(raw: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut out = Zeroizing::new(Vec::with_capacity(raw.len()));
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        let c = match c {
            '\\' => match chars.next()? {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                same @ ('\\' | '"' | '\'') => same,
                _ => return None,
            },
            c => c,
        };
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
    Some(out)
}
