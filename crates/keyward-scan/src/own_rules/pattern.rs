//! Regular expressions of rules: over bytes, bounded in size, linear.

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::literal::Extractor;

use crate::engine::Literal;

/// A compiled expression may take this much memory.
const SIZE: usize = 8 << 20;
/// Its lazily built tables, one set a thread: with gitleaks' 222 rules 8 MiB each came to 3.5 GB.
const TABLES: usize = 512 << 10;
/// Shorter literals are too frequent to look around.
const SHORTEST: usize = 3;
const MOST_LITERALS: usize = 64;

/// Compiles an expression. `\w`, `\d`, `\s` and `\b` are about ASCII, unless something in the expression needs more.
pub(crate) fn compile(pattern: &str) -> Result<Regex, String> {
    let build = |unicode: bool| {
        RegexBuilder::new(pattern).unicode(unicode).octal(true).size_limit(SIZE).dfa_size_limit(TABLES).build()
    };
    build(false).or_else(|_| build(true)).map_err(|error| problem(&error))
}

/// Compiles expressions of which one has to fit; `None` where there are none.
pub(crate) fn compile_set(patterns: &[String]) -> Result<Option<RegexSet>, String> {
    if patterns.is_empty() {
        return Ok(None);
    }
    let build = |unicode: bool| {
        RegexSetBuilder::new(patterns).unicode(unicode).octal(true).size_limit(SIZE).dfa_size_limit(TABLES).build()
    };
    build(false).or_else(|_| build(true)).map(Some).map_err(|error| problem(&error))
}

/// Patterns of paths as in `.gitignore`; `None` where there are none.
pub(crate) fn globs(patterns: &[String]) -> Result<Option<Gitignore>, String> {
    if patterns.is_empty() {
        return Ok(None);
    }
    let mut builder = GitignoreBuilder::new("");
    for pattern in patterns {
        builder.add_line(None, pattern).map_err(|error| error.to_string())?;
    }
    builder.build().map(Some).map_err(|error| error.to_string())
}

/// Whether one of [`globs`] fits a path or a folder that it is in.
pub(crate) fn fits(globs: &Gitignore, path: &str) -> bool {
    globs.matched_path_or_any_parents(path.trim_start_matches('/'), false).is_ignore()
}

/// Literals with one of which every match begins; none where that cannot be told or they are short.
pub(crate) fn literals(pattern: &str) -> Vec<Literal> {
    let Ok(expression) = ParserBuilder::new().unicode(false).utf8(false).octal(true).build().parse(pattern) else {
        return Vec::new();
    };
    let beginnings = Extractor::new().extract(&expression);
    let Some(found) = beginnings.literals() else { return Vec::new() };
    let mut all: Vec<Vec<u8>> = found.iter().map(|literal| literal.as_bytes().to_ascii_lowercase()).collect();
    all.sort();
    all.dedup();
    if all.len() > MOST_LITERALS || all.iter().any(|literal| literal.len() < SHORTEST) {
        return Vec::new();
    }
    all.into_iter().map(|bytes| Literal { bytes, any_case: true }).collect()
}

/// The last line of an error of the regex crate says what is wrong; those before it draw the place.
fn problem(error: &regex::Error) -> String {
    match error {
        regex::Error::CompiledTooBig(limit) => format!("the compiled expression exceeds the size of {limit} bytes"),
        other => {
            let text = other.to_string();
            text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
        }
    }
}
