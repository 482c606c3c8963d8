//! A literal without its secret, in each language.

mod javascript;
mod rust;

use super::Refusal;
use super::context::Context;
use super::lexer::{Literal, is_word};
use crate::misuse::Language;

/// A piece of a literal: its source text, or a value that goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::fix) enum Part<'a> {
    Text(&'a str),
    Name(&'a str),
}

/// A literal that is to be replaced.
pub(in crate::fix) struct Target<'a> {
    pub(in crate::fix) text: &'a str,
    pub(in crate::fix) language: Language,
    /// The language's variant with components in it.
    pub(in crate::fix) components: bool,
    pub(in crate::fix) literal: &'a Literal,
    pub(in crate::fix) context: &'a Context,
    pub(in crate::fix) parts: &'a [Part<'a>],
}

type Rendered = Result<String, Refusal>;

const PART: &str = "the value is only a part of a text";
const CONSTANT: &str = "a constant cannot be read from the environment";

/// What stands in the literal's place.
pub(in crate::fix) fn render(target: &Target<'_>) -> Rendered {
    let code = match target.language {
        Language::Python => python(target),
        Language::JavaScript | Language::TypeScript => javascript::render(target),
        Language::Go => go(target),
        Language::Rust => rust::render(target),
        Language::Java => java(target),
        Language::Ruby => ruby(target),
        Language::Php => php(target),
        _ => Err(Refusal::new("this language is not known to `--fix`", "read the value from the environment by hand")),
    }?;
    Ok(spaced(target, code))
}

/// With spaces where the words beside it would grow together with it.
fn spaced(target: &Target<'_>, code: String) -> String {
    let bytes = target.text.as_bytes();
    let outer = &target.literal.outer;
    let touches = |at: Option<u8>, own: Option<u8>| at.is_some_and(is_word) && own.is_some_and(is_word);
    let before = outer.start.checked_sub(1).map(|at| bytes[at]);
    let left = if touches(before, code.bytes().next()) { " " } else { "" };
    let right = if touches(bytes.get(outer.end).copied(), code.bytes().last()) { " " } else { "" };
    format!("{left}{code}{right}")
}

impl Target<'_> {
    /// The name, where the literal is the value and nothing more.
    fn whole(&self) -> Option<&str> {
        match self.parts {
            [Part::Name(name)] => Some(name),
            _ => None,
        }
    }

    fn head(&self) -> &str {
        self.context.heads[0].trim_start()
    }

    /// Text parts as they are, or through `text`; names through `name`.
    fn join(&self, text: impl Fn(&str) -> String, name: impl Fn(&str) -> String) -> String {
        let part = |part: &Part<'_>| match part {
            Part::Text(own) => text(own),
            Part::Name(own) => name(own),
        };
        self.parts.iter().map(part).collect()
    }

    /// The parts as terms of a sum, each text in quotes again.
    fn sum(&self, plus: &str, name: impl Fn(&str) -> String) -> String {
        let (prefix, quote) = (&self.literal.prefix, &self.literal.quote);
        let term = |part: &Part<'_>| match part {
            Part::Text(own) => format!("{prefix}{quote}{own}{quote}"),
            Part::Name(own) => name(own),
        };
        let terms: Vec<String> = self.parts.iter().map(term).collect();
        format!("({})", terms.join(plus))
    }
}

fn python(target: &Target<'_>) -> Rendered {
    let literal = target.literal;
    let prefix = literal.prefix.to_ascii_lowercase();
    let line_start = target.text[..literal.outer.start].rfind('\n').map_or(0, |at| at + 1);
    let line = &target.text[line_start..literal.outer.start];
    let alone = line.trim().is_empty()
        && target.context.heads.len() == 1
        && !target.text[..line_start].trim_end().ends_with('\\');
    if alone && target.context.before != Some('=') {
        return Err(Refusal::new("the value is in a documentation text", "take it out of the text by hand"));
    }
    if line.trim_start().starts_with("case ") {
        return Err(Refusal::new("a pattern cannot be read from the environment", "compare with `==` instead"));
    }
    if prefix.contains('t') {
        return Err(Refusal::new(PART, "put the value into the template by hand"));
    }
    let whole = target.whole().filter(|_| !target.context.beside_literal);
    match whole {
        Some(name) if prefix.contains('b') => Ok(format!("os.environ[\"{name}\"].encode()")),
        Some(name) => Ok(format!("os.environ[\"{name}\"]")),
        None if prefix.contains('b') => Err(Refusal::new(PART, "put the bytes together from `os.environb` by hand")),
        None => {
            // Before Python 3.12 a hole cannot hold the text's own quotes.
            let inner = if literal.quote.starts_with('"') { '\'' } else { '"' };
            let formatted = prefix.contains('f');
            let braces =
                |text: &str| if formatted { text.to_owned() } else { text.replace('{', "{{").replace('}', "}}") };
            // `\N{DASH}` is one character in every kind of text.
            if !formatted && !prefix.contains('r') && target.join(str::to_owned, |_| String::new()).contains("\\N{") {
                return Err(Refusal::new(PART, "split the text by hand"));
            }
            let body = target.join(braces, |name| format!("{{os.environ[{inner}{name}{inner}]}}"));
            let raw = if prefix.contains('r') { "r" } else { "" };
            Ok(format!("{raw}f{}{body}{}", literal.quote, literal.quote))
        }
    }
}

fn go(target: &Target<'_>) -> Rendered {
    if target.context.within(&["const"], &["func"]) {
        return Err(Refusal::new(CONSTANT, "make it a `var`"));
    }
    if target.context.within(&["import"], &[]) || is_tag(target) {
        return Err(Refusal::new("the value is part of a declaration", "replace it by hand"));
    }
    let read = |name: &str| format!("os.Getenv(\"{name}\")");
    Ok(target.whole().map_or_else(|| target.sum(" + ", read), read))
}

/// Whether a literal is the tag of a field of a Go struct.
fn is_tag(target: &Target<'_>) -> bool {
    let fields =
        target.context.heads.get(1).is_some_and(|head| head.trim_end_matches('{').trim_end().ends_with("struct"));
    fields
        && matches!(target.context.before, Some(before) if before.is_alphanumeric() || matches!(before, ']' | '}' | '_'))
}

fn java(target: &Target<'_>) -> Rendered {
    let annotation = target.context.heads[1..].iter().any(|head| {
        let head = head.trim_end_matches(['(', '{']).trim_end();
        let start = head.rfind(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.'))).unwrap_or(0);
        head[start..].starts_with('@')
    });
    let case = target.context.within(&["case"], &["default"]) && target.context.after != Some('.') && {
        let head = target.head();
        head.rsplit(['{', '}']).next().is_some_and(|last| last.trim_start().starts_with("case"))
            && !head.contains("->")
            && !head.contains(':')
    };
    if annotation || case {
        return Err(Refusal::new(CONSTANT, "read the value in code"));
    }
    let read = |name: &str| format!("System.getenv(\"{name}\")");
    match target.whole() {
        Some(name) => Ok(read(name)),
        None if target.literal.quote == "\"\"\"" => Err(Refusal::new(PART, "split the text block by hand")),
        None => Ok(target.sum(" + ", read)),
    }
}

fn ruby(target: &Target<'_>) -> Rendered {
    let context = target.context;
    let after = &target.text[target.literal.outer.end..];
    let symbol = after.starts_with(':') && !after.starts_with("::");
    if symbol || matches!(context.word_before(), "require" | "require_relative" | "load" | "alias") {
        return Err(Refusal::new("the value is a name, not a value", "replace it by hand"));
    }
    if context.word_before() == "in" || target.head().starts_with("in ") {
        return Err(Refusal::new("a pattern cannot be read from the environment", "compare with `==` instead"));
    }
    match target.whole().filter(|_| !context.beside_literal) {
        Some(name) => Ok(format!("ENV.fetch(\"{name}\")")),
        None => {
            let single = target.literal.quote == "'";
            let text = |text: &str| if single { doubled(text) } else { text.to_owned() };
            Ok(format!("\"{}\"", target.join(text, |name| format!("#{{ENV.fetch(\"{name}\")}}"))))
        }
    }
}

/// The inside of Ruby's `'…'` as the inside of `"…"`.
fn doubled(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\\', Some('\'')) => {}
            ('\\', Some('\\')) => {
                chars.next();
                out.push_str("\\\\");
            }
            ('\\' | '"' | '#', _) => {
                out.push('\\');
                out.push(c);
            }
            _ => out.push(c),
        }
    }
    out
}

fn php(target: &Target<'_>) -> Rendered {
    const MODIFIERS: [&str; 9] =
        ["const", "public", "private", "protected", "var", "static", "readonly", "abstract", "final"];
    let functions: &[&str] = &["function", "fn"];
    let parameter =
        target.context.heads[1..].iter().any(|head| {
            let head = head.trim_end_matches('(').trim_end();
            head.ends_with('(') || head.split_whitespace().rev().take(3).any(|word| functions.contains(&word))
        }) && target.context.heads.get(1).is_some_and(|head| head.ends_with('(') && head.contains("function"));
    let attribute = target.context.heads.iter().any(|head| head.contains("#["));
    let case = target.context.within(&["case"], &[]) && target.context.within(&["enum"], &[]);
    if parameter || attribute || case || target.context.within(&MODIFIERS, functions) {
        return Err(Refusal::new(CONSTANT, "set it in the constructor, or with `define`"));
    }
    let read = |name: &str| format!("getenv('{name}')");
    Ok(target.whole().map_or_else(|| target.sum(" . ", read), read))
}
