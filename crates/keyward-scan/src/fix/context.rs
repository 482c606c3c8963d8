//! In which statement and within which brackets a literal stands.

use std::collections::HashMap;

use super::lexer::Token;

/// The surroundings of a literal.
pub(super) struct Context {
    /// The code before it in its statement, then before each bracket around it in that one's; the
    /// innermost first. Literals and comments are cut out. Ends with the bracket.
    pub(super) heads: Vec<String>,
    /// The code byte before it, blanks and comments aside.
    pub(super) before: Option<char>,
    /// The code byte after it.
    pub(super) after: Option<char>,
    /// The two bytes after it, in the code.
    pub(super) after_two: String,
    /// Whether another literal is next to it, with nothing but blanks between.
    pub(super) beside_literal: bool,
}

/// Brackets are kept up to this depth.
const DEEPEST: usize = 64;
/// Of a head, its last bytes are kept.
const LONGEST: usize = 400;

struct Open {
    at: usize,
    byte: u8,
    statement: usize,
}

/// The contexts of the literals whose indices in `tokens` are given, in order.
pub(super) fn contexts(text: &str, tokens: &[Token], wanted: &[usize], by_line: bool) -> HashMap<usize, Context> {
    let mut found = HashMap::new();
    let (mut opens, mut too_deep, mut statement, mut at) = (Vec::<Open>::new(), 0usize, 0usize, 0usize);
    let mut wanted = wanted.iter().copied().peekable();
    for (index, token) in tokens.iter().enumerate() {
        let range = token.range();
        for offset in at..range.start.max(at) {
            match text.as_bytes()[offset] {
                byte @ (b'(' | b'[' | b'{') => {
                    if opens.len() < DEEPEST {
                        opens.push(Open { at: offset, byte, statement });
                        statement = offset + 1;
                    } else {
                        too_deep += 1;
                    }
                }
                byte @ (b')' | b']' | b'}') => {
                    if too_deep > 0 {
                        too_deep -= 1;
                    } else if let Some(open) = opens.pop() {
                        let inside = opens.last().is_some_and(|outer| outer.byte != b'{');
                        statement = if byte == b'}' && !inside { offset + 1 } else { open.statement };
                    }
                }
                b';' => statement = offset + 1,
                b'\n' if by_line && opens.last().is_none_or(|open| open.byte == b'{') => statement = offset + 1,
                _ => {}
            }
        }
        at = range.end;
        if wanted.next_if_eq(&index).is_some() {
            found.insert(index, context(text, tokens, index, &opens, statement));
        }
        if wanted.peek().is_none() {
            break;
        }
    }
    found
}

fn context(text: &str, tokens: &[Token], index: usize, opens: &[Open], statement: usize) -> Context {
    let range = tokens[index].range();
    let mut heads = vec![code(text, tokens, statement, range.start)];
    heads.extend(opens.iter().rev().map(|open| code(text, tokens, open.statement, open.at + 1)));
    let (before, literal_before) = neighbour_before(text, tokens, index);
    let (after, literal_after) = neighbour_after(text, tokens, index);
    let after_two = after.map_or_else(String::new, |at| text[at..].chars().take(2).collect());
    Context {
        heads,
        before: before.and_then(|at| text[..=at].chars().next_back()),
        after: after_two.chars().next(),
        after_two,
        beside_literal: literal_before || literal_after,
    }
}

/// The code of a range, without literals and comments, its end where it is long.
fn code(text: &str, tokens: &[Token], start: usize, end: usize) -> String {
    let mut start = start.max(end.saturating_sub(LONGEST)).min(end);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    let mut out = String::new();
    let first = tokens.partition_point(|token| token.range().end <= start);
    for token in tokens[first..].iter().take_while(|token| token.range().start < end) {
        let range = token.range();
        out.push_str(&text[start..range.start.clamp(start, end)]);
        out.push(' ');
        start = range.end.clamp(start, end);
    }
    out.push_str(&text[start..end]);
    out
}

/// The place of the last code byte before a token (of its last byte), and whether a literal is there instead.
fn neighbour_before(text: &str, tokens: &[Token], index: usize) -> (Option<usize>, bool) {
    let mut end = tokens[index].range().start;
    for token in tokens[..index].iter().rev() {
        let between = &text[token.range().end.min(end)..end];
        if let Some((at, c)) = last_code(between) {
            let at = token.range().end + at;
            return (Some(at + c.len_utf8() - 1), false);
        }
        match token {
            Token::Comment(range) => end = range.start,
            _ => return (None, true),
        }
    }
    (last_code(&text[..end]).map(|(at, c)| at + c.len_utf8() - 1), false)
}

/// The last character that is neither blank nor a mark of a continued line.
fn last_code(text: &str) -> Option<(usize, char)> {
    text.char_indices().rev().find(|(_, c)| !c.is_whitespace() && *c != '\\')
}

fn neighbour_after(text: &str, tokens: &[Token], index: usize) -> (Option<usize>, bool) {
    let mut start = tokens[index].range().end;
    for token in &tokens[index + 1..] {
        let between = &text[start..token.range().start.max(start)];
        if let Some(at) = between.find(|c: char| !c.is_whitespace() && c != '\\') {
            return (Some(start + at), false);
        }
        match token {
            Token::Comment(range) => start = range.end,
            _ => return (None, true),
        }
    }
    (text[start..].find(|c: char| !c.is_whitespace() && c != '\\').map(|at| start + at), false)
}

impl Context {
    /// Whether some head has one of `words` and none of `unless`.
    pub(super) fn within(&self, words: &[&str], unless: &[&str]) -> bool {
        self.heads.iter().any(|head| {
            let has = |list: &[&str]| {
                head.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$')).any(|word| list.contains(&word))
            };
            has(words) && !has(unless)
        })
    }

    /// The last word before the literal, where nothing else is between.
    pub(super) fn word_before(&self) -> &str {
        let head = self.heads[0].trim_end();
        head.rsplit(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default()
    }
}
