//! A literal without its secret, in each language.

use super::Refusal;
use super::context::Context;
use super::lexer::{Literal, is_word};
use crate::misuse::Language;

/// A piece of a literal: its source text, or a value that goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    Text(&'a str),
    Name(&'a str),
}

/// A literal that is to be replaced.
pub(super) struct Target<'a> {
    pub(super) text: &'a str,
    pub(super) language: Language,
    /// The language's variant with components in it.
    pub(super) components: bool,
    pub(super) literal: &'a Literal,
    pub(super) context: &'a Context,
    pub(super) parts: &'a [Part<'a>],
}

type Rendered = Result<String, Refusal>;

const PART: &str = "the value is only a part of a text";
const CONSTANT: &str = "a constant cannot be read from the environment";

/// What stands in the literal's place.
pub(super) fn render(target: &Target<'_>) -> Rendered {
    let code = match target.language {
        Language::Python => python(target),
        Language::JavaScript | Language::TypeScript => javascript(target),
        Language::Go => go(target),
        Language::Rust => rust(target),
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

fn javascript(target: &Target<'_>) -> Rendered {
    let (literal, context) = (target.literal, target.context);
    let typescript = target.language == Language::TypeScript;
    let head = target.head();
    if literal.outer.start > 0 && is_word(target.text.as_bytes()[literal.outer.start - 1]) && literal.quote != "`" {
        return Err(Refusal::new("the value is not in a literal that can be told from text", "replace it by hand"));
    }
    if typescript && is_type(target) {
        return Err(Refusal::new("the value is part of a type", "make the type `string`"));
    }
    let word = context.word_before();
    let module = matches!(word, "from" | "import" | "module") || head.starts_with("import ");
    let key = matches!(context.before, Some('{' | ',')) && context.after == Some(':') && !head.contains('?');
    let name_of_member = context.after == Some('=') && !matches!(context.after_two.as_str(), "==" | "=>");
    if module || name_of_member || key && typescript && context.within(&["interface", "type"], &[]) {
        return Err(Refusal::new("the value is a name, not a value", "replace it by hand"));
    }
    if context.within(&["enum"], &[]) {
        return Err(Refusal::new(CONSTANT, "take it out of the enumeration"));
    }
    let attribute = target.components && is_attribute(target);
    let tagged = literal.quote == "`"
        && literal.outer.start > 0
        && matches!(target.text.as_bytes()[literal.outer.start - 1], b')' | b']' | b'_' | b'$' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9')
        && !matches!(word, "return" | "case" | "of" | "in" | "typeof" | "default" | "yield" | "await");
    let code = match target.whole().filter(|_| !tagged) {
        Some(name) if typescript && !attribute => format!("process.env.{name}!"),
        Some(name) => format!("process.env.{name}"),
        None => {
            let template = literal.quote == "`";
            let body = target.join(str::to_owned, |_| String::new());
            if !template && has_octal(&body) {
                return Err(Refusal::new(PART, "split the text by hand"));
            }
            let plain =
                |text: &str| if template { text.to_owned() } else { text.replace('`', "\\`").replace("${", "\\${") };
            format!("`{}`", target.join(plain, |name| format!("${{process.env.{name}}}")))
        }
    };
    Ok(match (attribute, key) {
        (true, _) => format!("{{{code}}}"),
        (_, true) => format!("[{code}]"),
        _ => code,
    })
}

/// Whether a literal of TypeScript stands where a type is expected.
fn is_type(target: &Target<'_>) -> bool {
    const DECLARES: [&str; 10] =
        ["const", "let", "var", "readonly", "private", "public", "protected", "static", "declare", "export"];
    let (context, head) = (target.context, target.head());
    let declares = DECLARES.contains(&head.split_whitespace().next().unwrap_or_default());
    let assigned = head.replace("=>", "").contains('=');
    let union = matches!(context.before, Some('|' | '&' | '<'))
        && !head.trim_end().ends_with("||")
        && !head.trim_end().ends_with("&&");
    let annotated = context.before == Some(':')
        && !assigned
        && !head.contains('?')
        && (declares || context.heads.len() == 1 || context.heads[1].ends_with('('));
    let alias = context.heads.iter().any(|head| {
        let head = head.trim_start();
        let head = head.strip_prefix("export ").unwrap_or(head);
        head.starts_with("type ") || head.starts_with("interface ") || head.starts_with("declare ")
    });
    union || annotated || alias || matches!(context.word_before(), "as" | "satisfies" | "extends" | "keyof")
}

/// Whether `name="…"` stands in the tag of a component rather than in code.
fn is_attribute(target: &Target<'_>) -> bool {
    let before = &target.text[..target.literal.outer.start];
    let Some(head) = before.strip_suffix('=') else { return false };
    let low = head.char_indices().rev().nth(600).map_or(0, |(at, _)| at);
    let mut depth = 0usize;
    for (at, c) in head[low..].char_indices().rev() {
        match c {
            '}' => depth += 1,
            '{' if depth == 0 => return false,
            '{' => depth -= 1,
            ';' | '>' if depth == 0 => return false,
            '<' if depth == 0 => {
                let rest = &head[low + at + 1..];
                let before = head[..low + at].chars().next_back();
                return rest.starts_with(|c: char| c.is_ascii_alphabetic())
                    && !before.is_some_and(char::is_alphanumeric);
            }
            _ => {}
        }
    }
    false
}

/// `\1` and its like, which templates do not have.
fn has_octal(text: &str) -> bool {
    let mut bytes = text.bytes().peekable();
    while let Some(byte) = bytes.next() {
        if byte == b'\\' && bytes.next().is_some_and(|next| next.is_ascii_digit()) {
            return true;
        }
    }
    false
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

fn rust(target: &Target<'_>) -> Rendered {
    let (context, literal) = (target.context, target.literal);
    let unlit: Vec<String> =
        context.heads.iter().map(|head| head.replace("'static", "").replace("*const", "")).collect();
    let word = |head: &str, list: &[&str]| {
        head.split(|c: char| !(c.is_alphanumeric() || c == '_')).any(|word| list.contains(&word))
    };
    let constant = unlit.iter().any(|head| word(head, &["const", "static"]) && !word(head, &["fn", "impl", "trait"]));
    if constant {
        return Err(Refusal::new(CONSTANT, "read it in a function, or in a `LazyLock`"));
    }
    let in_macro = context.heads[1..].iter().any(|head| {
        let head = head.trim_end_matches(['(', '[', '{']);
        head.trim_end().ends_with('!') && !["vec!", "json!"].iter().any(|known| head.trim_end().ends_with(known))
    });
    let attribute = context.heads[1..].iter().any(|head| head.ends_with("#[") || head.ends_with("#!["));
    if in_macro || attribute {
        return Err(Refusal::new(
            "a macro or attribute may need a literal here",
            "read the value into a variable before it",
        ));
    }
    if context.after_two == "=>" || matches!(context.before, Some('|')) || context.after == Some('|') {
        return Err(Refusal::new("a pattern cannot be read from the environment", "compare with `==` instead"));
    }
    if literal.prefix.starts_with(['b', 'c']) || context.head_is("extern") {
        return Err(Refusal::new("bytes cannot be read from the environment", "use the bytes of a string"));
    }
    let read = |name: &str| format!("std::env::var(\"{name}\").expect(\"{name} is set\")");
    let code = match target.whole() {
        Some(name) => read(name),
        None => {
            let braces = |text: &str| text.replace('{', "{{").replace('}', "}}");
            // `\u{…}` keeps its braces.
            if literal.prefix.is_empty() && target.join(str::to_owned, |_| String::new()).contains("\\u{") {
                return Err(Refusal::new(PART, "split the text by hand"));
            }
            let hashes = literal.prefix.trim_start_matches('r');
            let body = target.join(braces, |_| "{}".to_owned());
            let names = target.parts.iter().filter_map(|part| match part {
                Part::Name(name) => Some(read(name)),
                Part::Text(_) => None,
            });
            let names: Vec<String> = names.collect();
            format!("format!({}\"{body}\"{hashes}, {})", literal.prefix, names.join(", "))
        }
    };
    // A literal is a `&str`; what a method is called on may be a `String`.
    Ok(if context.after == Some('.') || context.after == Some('?') { code } else { format!("&{code}") })
}

impl Context {
    fn head_is(&self, word: &str) -> bool {
        self.heads[0].trim_start().starts_with(word)
    }
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
