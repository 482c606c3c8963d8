//! Lists of what a rule finds and nobody wants to hear of.

use ignore::gitignore::Gitignore;
use regex::bytes::{Regex, RegexSet};

use super::pattern::{compile, compile_set, fits, globs};

/// An allow list: what it fits is not reported.
#[derive(Clone, Debug, Default)]
pub struct Allow {
    /// All its parts must fit, not just one.
    all: bool,
    /// Only findings of these rules.
    rules: Vec<String>,
    paths: Option<RegexSet>,
    globs: Option<Gitignore>,
    values: Option<RegexSet>,
    target: Target,
    words: Option<Regex>,
    /// It names commits, which are not known while a text is searched: that part never fits.
    commits: bool,
}

/// What the expressions of a list are about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Target {
    #[default]
    Value,
    /// All that the rule's expression matched.
    Match,
    Line,
}

/// What an allow list says, as text.
#[derive(Default)]
pub(crate) struct Parts {
    pub(crate) all: bool,
    pub(crate) rules: Vec<String>,
    /// Expressions.
    pub(crate) paths: Vec<String>,
    pub(crate) globs: Vec<String>,
    pub(crate) values: Vec<String>,
    pub(crate) target: Target,
    pub(crate) words: Vec<String>,
    pub(crate) commits: bool,
}

/// A finding, as far as allow lists ask.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) rule: &'a str,
    pub(crate) path: &'a str,
    pub(crate) value: &'a [u8],
    pub(crate) matched: &'a [u8],
    pub(crate) line: &'a [u8],
}

impl Allow {
    /// Compiles a list; an error says in which of its keys.
    pub(crate) fn new(parts: &Parts) -> Result<Self, (&'static str, String)> {
        Ok(Self {
            all: parts.all,
            rules: parts.rules.clone(),
            paths: compile_set(&parts.paths).map_err(|problem| ("paths", problem))?,
            globs: globs(&parts.globs).map_err(|problem| ("paths", problem))?,
            values: compile_set(&parts.values).map_err(|problem| ("regexes", problem))?,
            target: parts.target,
            words: words(&parts.words).map_err(|problem| ("stopwords", problem))?,
            commits: parts.commits,
        })
    }

    /// Whether a finding is allowed. What its rule's expression matched around the value is not known here.
    pub fn allows(&self, rule: &str, path: &str, value: &[u8], line: &[u8]) -> bool {
        self.fits(&Subject { rule, path, value, matched: value, line })
    }

    pub(crate) fn fits(&self, subject: &Subject<'_>) -> bool {
        if !self.rules.is_empty() && !self.rules.iter().any(|rule| rule == subject.rule) {
            return false;
        }
        let target = match self.target {
            Target::Value => subject.value,
            Target::Match => subject.matched,
            Target::Line => subject.line,
        };
        let parts = [
            self.paths.as_ref().map(|paths| paths.is_match(subject.path.as_bytes())),
            self.globs.as_ref().map(|globs| fits(globs, subject.path)),
            self.values.as_ref().map(|values| values.is_match(target)),
            self.words.as_ref().map(|words| words.is_match(&subject.value.to_ascii_lowercase())),
            self.commits.then_some(false),
        ];
        let mut known = parts.into_iter().flatten().peekable();
        if self.all { known.peek().is_some() && known.all(|fits| fits) } else { known.any(|fits| fits) }
    }
}

/// One expression for all words: the regex crate searches an alternation of literals as such.
fn words(words: &[String]) -> Result<Option<Regex>, String> {
    let words: Vec<String> =
        words.iter().filter(|word| !word.is_empty()).map(|word| regex::escape(&word.to_lowercase())).collect();
    if words.is_empty() { Ok(None) } else { compile(&words.join("|")).map(Some) }
}
