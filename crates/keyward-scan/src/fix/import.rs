//! What a source must import before it can read its environment.

use super::Edit;
use super::lexer::{Literal, Token};
use crate::misuse::Language;

/// The edit that adds the import, where it is needed and not there before `first`, the first use.
pub(super) fn import(
    text: &str,
    tokens: &[Token],
    language: Language,
    first: usize,
) -> Result<Option<Edit>, &'static str> {
    match language {
        Language::Python => python(text, tokens, first),
        Language::Go => go(text, tokens),
        _ => Ok(None),
    }
}

fn newline(text: &str) -> &'static str {
    if text.contains("\r\n") { "\r\n" } else { "\n" }
}

/// Lines of code with their places; those that begin inside a literal are left out.
fn code_lines<'a>(text: &'a str, tokens: &'a [Token]) -> impl Iterator<Item = (usize, &'a str)> {
    let mut at = 0;
    let mut next = 0;
    text.split_inclusive('\n').filter_map(move |line| {
        let start = at;
        at += line.len();
        while tokens.get(next).is_some_and(|token| token.range().end <= start) {
            next += 1;
        }
        let inside = tokens.get(next).is_some_and(|token| token.range().start < start);
        (!inside).then_some((start, line))
    })
}

/// `import os`, after the shebang, comments, the documentation text and `from __future__`.
fn python(text: &str, tokens: &[Token], first: usize) -> Result<Option<Edit>, &'static str> {
    let imports_os = |line: &str| {
        line.strip_prefix("import ").is_some_and(|list| {
            let list = list.split(['#', ';']).next().unwrap_or_default();
            list.split(',').any(|module| {
                let module = module.trim();
                module == "os" || module.starts_with("os.") && !module.contains(" as ")
            })
        })
    };
    let shadows = |line: &str| {
        let line = line.trim_start();
        line.strip_prefix("os")
            .is_some_and(|rest| rest.trim_start().starts_with('=') && !rest.trim_start().starts_with("=="))
            || line.ends_with(" as os\n")
    };
    let text_start = if text.starts_with('\u{feff}') { 3 } else { 0 };
    if code_lines(text, tokens).any(|(_, line)| shadows(line)) {
        return Err("the name `os` means something else in this file");
    }
    if code_lines(text, tokens).any(|(at, line)| at < first && imports_os(line.trim_start_matches('\u{feff}'))) {
        return Ok(None);
    }
    let mut at = text_start;
    let mut documented = false;
    loop {
        let rest = &text[at..];
        let line = rest.split_inclusive('\n').next().unwrap_or_default();
        let bare = line.trim();
        if line.is_empty() {
            break;
        }
        if bare.is_empty() || bare.starts_with('#') {
            at += line.len();
            continue;
        }
        let literal = match tokens.get(tokens.partition_point(|token| token.range().start < at)) {
            Some(Token::Literal(literal)) if literal.outer.start == at => Some(literal),
            _ => None,
        };
        let statement_end = match literal {
            Some(literal) if !documented && is_statement(text, literal) => literal.outer.end,
            _ if bare.starts_with("from __future__") => end_of_brackets(rest, tokens, at),
            _ => break,
        };
        documented = true;
        let end = text[statement_end..].find('\n').map_or(text.len(), |end| statement_end + end + 1);
        if text[statement_end..end].contains(';') {
            return Err("another statement follows on the line of the documentation text");
        }
        at = end;
    }
    let newline = newline(text);
    let before = if at > 0 && at == text.len() && !text.ends_with('\n') { newline } else { "" };
    let next = text[at..].split('\n').next().unwrap_or_default();
    let apart = if next.starts_with("import ") || next.starts_with("from ") || next.is_empty() { "" } else { newline };
    Ok(Some(Edit { range: at..at, replacement: format!("{before}import os{newline}{apart}") }))
}

/// Whether nothing but a comment follows a literal on its line.
fn is_statement(text: &str, literal: &Literal) -> bool {
    let rest = text[literal.outer.end..].split('\n').next().unwrap_or_default().trim();
    rest.is_empty() || rest.starts_with(['#', ';'])
}

/// Where a statement ends that may be in parentheses or go on behind backslashes.
fn end_of_brackets(rest: &str, tokens: &[Token], at: usize) -> usize {
    let mut depth = 0usize;
    for (offset, c) in rest.char_indices() {
        let place = at + offset;
        let token = tokens.get(tokens.partition_point(|token| token.range().end <= place));
        let comment = matches!(token, Some(Token::Comment(range)) if range.contains(&place));
        match c {
            '(' if !comment => depth += 1,
            ')' if !comment => depth = depth.saturating_sub(1),
            '\n' if depth == 0 && !rest[..offset].trim_end_matches('\r').ends_with('\\') => return at + offset,
            _ => {}
        }
    }
    at + rest.len()
}

/// `"os"` in Go's import block, or an import of its own.
fn go(text: &str, tokens: &[Token]) -> Result<Option<Edit>, &'static str> {
    let newline = newline(text);
    let shadows = |line: &str| {
        let line = line.trim_start();
        let var = line.strip_prefix("var ").unwrap_or(line);
        let rest = var.strip_prefix("os").unwrap_or("x").trim_start();
        rest.starts_with(":=") || rest.starts_with("= ") || line.starts_with("var os ")
    };
    if code_lines(text, tokens).any(|(_, line)| shadows(line)) {
        return Err("the name `os` means something else in this file");
    }
    let mut package = None;
    let mut last: Option<usize> = None;
    for (at, line) in code_lines(text, tokens) {
        let bare = line.trim_start_matches('\u{feff}').trim_end();
        if bare.starts_with("package ") {
            package = Some((at + line.len(), line.ends_with('\n')));
        } else if let Some(list) = bare.strip_prefix("import").filter(|list| list.starts_with([' ', '(', '\t'])) {
            let list = list.trim_start();
            if let Some(inner) = list.strip_prefix('(') {
                let open = at + line.trim_end().len() - inner.len();
                let close = open + text[open..].find(')').ok_or("the import block does not end")?;
                if has_os(&text[open..close]) {
                    return Ok(None);
                }
                let block = &text[open..close];
                // Another block with it may follow.
                if code_lines(text, tokens).any(|(at, line)| at > close && line.starts_with("import") && has_os(line)) {
                    return Ok(None);
                }
                let inline = !block.contains('\n');
                let replacement = if inline { "\"os\"; ".to_owned() } else { format!("{newline}\t\"os\"") };
                return Ok(Some(Edit { range: sorted_place(text, open, close, inline), replacement }));
            }
            if has_os(list) {
                return Ok(None);
            }
            last = Some(at + line.len());
        } else if !bare.trim().is_empty()
            && package.is_some()
            && !bare.trim_start().starts_with("//")
            && !bare.starts_with("/*")
            && last.is_some()
        {
            break;
        }
    }
    let (place, gap) = match (last, package) {
        (Some(at), _) => (at, ""),
        (None, Some((at, true))) => (at, newline),
        _ => return Err("the package clause is not found"),
    };
    Ok(Some(Edit { range: place..place, replacement: format!("{gap}import \"os\"{newline}") }))
}

/// Whether a list of imports has `os` under its own name.
fn has_os(list: &str) -> bool {
    list.lines().any(|line| line.split("//").next().unwrap_or_default().split(';').any(|one| one.trim() == "\"os\""))
}

/// The place in an import block where `"os"` keeps its first group sorted.
fn sorted_place(text: &str, open: usize, close: usize, inline: bool) -> std::ops::Range<usize> {
    let mut place = open;
    if inline {
        return place..place;
    }
    let mut at = open;
    for line in text[open..close].split_inclusive('\n') {
        let bare = line.trim();
        if at > open {
            let standard = bare.starts_with('"') && bare.ends_with('"') && bare < "\"os\"" && !bare.contains('.');
            if !standard {
                break;
            }
            place = at + line.trim_end_matches(['\r', '\n']).len();
        }
        at += line.len();
    }
    place..place
}
