//! Where the string literals and comments of a source are, as far as replacing one of them needs.
//!
//! One pass, linear. What it cannot be sure of (a regular expression, a quote in the text of a
//! component) it takes for code and goes on with the next byte; a value that it then does not see
//! inside a literal is refused rather than replaced.

use std::ops::Range;

use crate::misuse::Language;

/// A string literal.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Literal {
    /// With its prefix and quotes.
    pub(super) outer: Range<usize>,
    /// What stands between the quotes.
    pub(super) inner: Range<usize>,
    /// What stands before the opening quote and belongs to it: `rf`, `b`, `r#`, `$`.
    pub(super) prefix: String,
    /// The opening quote: `"`, `'''`, `` ` ``, `%q(`.
    pub(super) quote: String,
    /// Code inside: `${…}`, `#{…}`.
    pub(super) holes: Vec<Range<usize>>,
}

/// A literal or a comment.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Literal(Literal),
    Comment(Range<usize>),
    /// A here-document, a regular expression: nothing that can be replaced.
    Other(Range<usize>),
}

impl Token {
    pub(super) fn range(&self) -> Range<usize> {
        match self {
            Self::Literal(literal) => literal.outer.clone(),
            Self::Comment(range) | Self::Other(range) => range.clone(),
        }
    }
}

/// The tokens of a source, in order and without overlap.
pub(super) fn tokens(text: &str, language: Language) -> Vec<Token> {
    let mut lexer =
        Lexer { text: text.as_bytes(), language, at: 0, tokens: Vec::new(), before: None, documents: Vec::new() };
    if language == Language::Php {
        lexer.at = lexer.php_from(0);
    }
    lexer.run();
    lexer.tokens
}

struct Lexer<'a> {
    text: &'a [u8],
    language: Language,
    at: usize,
    tokens: Vec<Token>,
    /// The last byte that is neither blank nor comment.
    before: Option<usize>,
    /// Terminators of here-documents that begin on the next line, and whether they may be indented.
    documents: Vec<(Vec<u8>, bool)>,
}

impl Lexer<'_> {
    fn run(&mut self) {
        while self.at < self.text.len() {
            let start = self.at;
            if let Some(token) = self.token() {
                self.at = token.range().end.max(start + 1);
                if !matches!(token, Token::Comment(_)) {
                    self.before = Some(self.at - 1);
                }
                self.tokens.push(token);
                continue;
            }
            if self.text[start] == b'\n' && !self.documents.is_empty() {
                self.skip_documents(start + 1);
                continue;
            }
            if self.language == Language::Php && self.rest(start).starts_with(b"?>") {
                self.at = self.php_from(start + 2);
                continue;
            }
            if !self.text[start].is_ascii_whitespace() {
                self.before = Some(start);
            }
            self.at = start + 1;
        }
    }

    fn rest(&self, at: usize) -> &[u8] {
        &self.text[at.min(self.text.len())..]
    }

    /// The place behind the next `<?php`; what is outside is HTML.
    fn php_from(&self, at: usize) -> usize {
        memchr::memmem::find(self.rest(at), b"<?").map_or(self.text.len(), |found| at + found + 2)
    }

    fn token(&mut self) -> Option<Token> {
        let at = self.at;
        if let Some(end) = self.comment(at) {
            return Some(Token::Comment(at..end));
        }
        if let Some(end) = self.regex(at) {
            return Some(Token::Other(at..end));
        }
        match self.language {
            Language::Ruby => self.ruby(at),
            Language::Rust => self.rust(at),
            Language::Php if self.rest(at).starts_with(b"<<<") => Some(Token::Other(at..self.php_document(at)?)),
            _ => self.string(at),
        }
    }

    fn comment(&self, at: usize) -> Option<usize> {
        use Language::{Go, Java, JavaScript, Php, Python, Ruby, Rust, TypeScript};
        let rest = self.rest(at);
        let line = || Some(at + memchr::memchr(b'\n', rest).unwrap_or(rest.len()));
        match self.language {
            Python if rest[0] == b'#' => line(),
            Ruby if rest[0] == b'#' => line(),
            Ruby if self.is_line_start(at) && rest.starts_with(b"=begin") => {
                Some(memchr::memmem::find(rest, b"\n=end").map_or(self.text.len(), |end| at + end + 5))
            }
            Ruby if self.is_line_start(at) && rest.starts_with(b"__END__") => Some(self.text.len()),
            Php if rest[0] == b'#' && rest.get(1) != Some(&b'[') || self.language == Php && rest.starts_with(b"//") => {
                // `?>` ends PHP in a comment too.
                let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                Some(at + memchr::memmem::find(&rest[..end], b"?>").unwrap_or(end))
            }
            Go | Java | JavaScript | TypeScript | Rust if rest.starts_with(b"//") => line(),
            Rust if rest.starts_with(b"/*") => Some(self.nested_comment(at)),
            Go | Java | JavaScript | TypeScript | Php if rest.starts_with(b"/*") => {
                Some(memchr::memmem::find(&rest[2..], b"*/").map_or(self.text.len(), |end| at + end + 4))
            }
            JavaScript if at == 0 && rest.starts_with(b"#!") => line(),
            _ => None,
        }
    }

    fn is_line_start(&self, at: usize) -> bool {
        at == 0 || self.text[at - 1] == b'\n'
    }

    fn nested_comment(&self, start: usize) -> usize {
        let (mut depth, mut at) = (0usize, start);
        while at < self.text.len() {
            if self.rest(at).starts_with(b"/*") {
                depth += 1;
                at += 2;
            } else if self.rest(at).starts_with(b"*/") {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            } else {
                at += 1;
            }
        }
        at
    }

    /// `/…/` where a value is expected, on one line.
    fn regex(&self, at: usize) -> Option<usize> {
        let possible = matches!(self.language, Language::JavaScript | Language::TypeScript | Language::Ruby);
        if !possible || self.text[at] != b'/' || !self.expects_value(at) {
            return None;
        }
        let (mut end, mut class) = (at + 1, false);
        while let Some(byte) = self.text.get(end) {
            match byte {
                b'\\' => end += 1,
                b'\n' => return None,
                b'[' => class = true,
                b']' => class = false,
                b'/' if !class => return Some(end + 1),
                _ => {}
            }
            end += 1;
        }
        None
    }

    fn expects_value(&self, at: usize) -> bool {
        let Some(before) = self.before else { return true };
        if b"(,=:[!&|?{;+-*%~^".contains(&self.text[before]) {
            return true;
        }
        let start = self.text[..=before].iter().rposition(|byte| !is_word(*byte)).map_or(0, |at| at + 1);
        let word = &self.text[start..=before];
        const WORDS: [&[u8]; 14] = [
            b"return", b"typeof", b"case", b"in", b"of", b"delete", b"void", b"throw", b"when", b"if", b"unless",
            b"and", b"or", b"yield",
        ];
        let spaced = self.text.get(at + 1).is_some_and(|next| !next.is_ascii_whitespace());
        WORDS.contains(&word) && spaced
    }

    /// A string in the manner of most languages.
    fn string(&self, at: usize) -> Option<Token> {
        use Language::{Go, Java, JavaScript, Php, Python, Ruby, TypeScript};
        let quote = self.text[at];
        let language = self.language;
        if !matches!(quote, b'"' | b'\'' | b'`') || quote == b'`' && matches!(language, Python | Java | Php) {
            return None;
        }
        let prefix = self.prefix(at);
        let outer = at - prefix.len();
        if language == Go && quote == b'\'' || language == Java && quote == b'\'' {
            let end = self.end_of_line_string(at, quote)?;
            return Some(Token::Other(at..end + 1));
        }
        let triple = matches!(language, Python | Java) && self.rest(at).starts_with(&[quote; 3]);
        let width = if triple { 3 } else { 1 };
        let raw = match language {
            Go => quote == b'`',
            _ => false,
        };
        let many_lines = triple || quote == b'`' || matches!(language, Ruby | Php);
        let hole: &[u8] = match (language, quote) {
            (JavaScript | TypeScript, b'`') => b"${",
            (Ruby, b'"' | b'`') => b"#{",
            (Php, b'"') => b"{$",
            (Python, _) if prefix.contains(['f', 'F', 't', 'T']) => b"{",
            _ => b"",
        };
        let start = at + width;
        let (end, holes) = self.end_of_string(start, &vec![quote; width], raw, many_lines, hole)?;
        let literal = Literal {
            outer: outer..end + width,
            inner: start..end,
            prefix,
            quote: String::from_utf8_lossy(&self.text[at..start]).into_owned(),
            holes,
        };
        if language == Ruby && quote == b'`' {
            return Some(Token::Other(literal.outer));
        }
        Some(Token::Literal(literal))
    }

    /// The letters before a quote that belong to it.
    fn prefix(&self, at: usize) -> String {
        if self.language != Language::Python {
            return String::new();
        }
        let mut start = at;
        while start > 0 && at - start < 3 && is_word(self.text[start - 1]) {
            start -= 1;
        }
        let letters = &self.text[start..at];
        let known = letters.len() <= 2 && letters.iter().all(|byte| b"rRbBuUfFtT".contains(byte));
        if known { String::from_utf8_lossy(letters).into_owned() } else { String::new() }
    }

    /// Where the closing quote is, and the holes before it.
    fn end_of_string(
        &self,
        start: usize,
        quote: &[u8],
        raw: bool,
        many_lines: bool,
        hole: &[u8],
    ) -> Option<(usize, Vec<Range<usize>>)> {
        let mut at = start;
        let mut holes = Vec::new();
        while at < self.text.len() {
            let rest = self.rest(at);
            if rest.starts_with(quote) {
                return Some((at, holes));
            }
            if rest[0] == b'\\' && !raw {
                at += 2;
            } else if rest[0] == b'\n' && !many_lines {
                return None;
            } else if !hole.is_empty() && rest.starts_with(hole) {
                if hole == b"{" && rest.starts_with(b"{{") {
                    at += 2;
                    continue;
                }
                let end = self.end_of_hole(at + hole.len(), quote, 0)?;
                holes.push(at..end);
                at = end;
            } else {
                at += 1;
            }
        }
        None
    }

    /// Behind the brace that closes a hole. Strings in it are skipped, which may have holes again.
    fn end_of_hole(&self, start: usize, outer: &[u8], depth: usize) -> Option<usize> {
        if depth > 16 {
            return None;
        }
        let python = self.language == Language::Python;
        let (mut at, mut open, mut format) = (start, 1usize, false);
        while at < self.text.len() {
            match self.text[at] {
                b'{' | b'(' | b'[' => open += 1,
                b'}' | b')' | b']' => {
                    open -= 1;
                    if open == 0 {
                        return Some(at + 1);
                    }
                }
                // What follows is a format, not code.
                b':' if python && open == 1 => format = true,
                b'\n' if python && outer.len() == 1 => return None,
                quote @ (b'"' | b'\'' | b'`') if !format => {
                    let mut end = at + 1;
                    while let Some(byte) = self.text.get(end) {
                        match byte {
                            b'\\' => end += 1,
                            byte if *byte == quote => break,
                            b'$' if quote == b'`' && self.text.get(end + 1) == Some(&b'{') => {
                                end = self.end_of_hole(end + 2, b"`", depth + 1)? - 1;
                            }
                            _ => {}
                        }
                        end += 1;
                    }
                    at = end;
                }
                _ if format && self.rest(at).starts_with(outer) => return None,
                _ => {}
            }
            at += 1;
        }
        None
    }

    fn end_of_line_string(&self, at: usize, quote: u8) -> Option<usize> {
        let mut end = at + 1;
        while let Some(byte) = self.text.get(end) {
            match byte {
                b'\\' => end += 1,
                b'\n' => return None,
                byte if *byte == quote => return Some(end),
                _ => {}
            }
            end += 1;
        }
        None
    }

    /// `"…"`, `b"…"`, `r#"…"#`, characters and lifetimes.
    fn rust(&self, at: usize) -> Option<Token> {
        let rest = self.rest(at);
        if rest[0] == b'\'' {
            // `'a'` and `'\n'` are characters, `'a` is a lifetime.
            let end = if rest.get(1) == Some(&b'\\') {
                at + 3 + memchr::memchr(b'\'', rest.get(3..)?)?
            } else {
                let width = std::str::from_utf8(&rest[1..rest.len().min(5)])
                    .map_or(1, |text| text.chars().next().map_or(1, char::len_utf8));
                (rest.get(1 + width) == Some(&b'\'')).then_some(at + 1 + width)?
            };
            return Some(Token::Other(at..end + 1));
        }
        if at > 0 && is_word(self.text[at - 1]) {
            return None;
        }
        let letters = rest.iter().take_while(|byte| byte.is_ascii_lowercase()).count();
        let prefix = &rest[..letters];
        let raw = prefix.ends_with(b"r");
        if !matches!(prefix, b"" | b"b" | b"c" | b"r" | b"br" | b"cr") {
            return None;
        }
        let hashes = if raw { rest[letters..].iter().take_while(|byte| **byte == b'#').count() } else { 0 };
        let open = letters + hashes;
        if rest.get(open) != Some(&b'"') {
            return None;
        }
        let closing = [b"\"".to_vec(), vec![b'#'; hashes]].concat();
        let (end, _) = self.end_of_string(at + open + 1, &closing, raw, true, b"")?;
        Some(Token::Literal(Literal {
            outer: at..end + closing.len(),
            inner: at + open + 1..end,
            prefix: String::from_utf8_lossy(&rest[..open]).into_owned(),
            quote: "\"".to_owned(),
            holes: Vec::new(),
        }))
    }

    fn ruby(&mut self, at: usize) -> Option<Token> {
        let rest = self.rest(at);
        let word_before = at > 0 && is_word(self.text[at - 1]);
        match rest {
            // `?"` is a character.
            [b'?', b'"' | b'\'' | b'`', ..] if !word_before => Some(Token::Other(at..at + 2)),
            [b':', b'"', ..] => Some(Token::Other(at..self.end_of_string(at + 2, b"\"", false, true, b"#{")?.0 + 1)),
            [b'<', b'<', ..] => {
                let (terminator, indented) = here_document(&rest[2..])?;
                self.documents.push((terminator, indented));
                None
            }
            [b'%', ..] if !word_before && self.expects_value(at) => {
                let letters = rest[1..].iter().take_while(|byte| b"qQwWiIrsx".contains(byte)).count();
                let open = *rest.get(1 + letters)?;
                let close = closing(open)?;
                let (mut end, mut depth) = (at + 2 + letters, 1usize);
                while depth > 0 {
                    match *self.text.get(end)? {
                        b'\\' => end += 1,
                        byte if byte == close => depth -= 1,
                        byte if byte == open => depth += 1,
                        _ => {}
                    }
                    end += 1;
                }
                Some(Token::Other(at..end))
            }
            _ => self.string(at),
        }
    }

    /// Goes to the line behind the terminators of here-documents.
    fn skip_documents(&mut self, mut at: usize) {
        let start = at;
        for (terminator, indented) in std::mem::take(&mut self.documents) {
            while at < self.text.len() {
                let end = memchr::memchr(b'\n', self.rest(at)).map_or(self.text.len(), |end| at + end);
                let line = self.text[at..end].strip_suffix(b"\r").unwrap_or(&self.text[at..end]);
                at = (end + 1).min(self.text.len());
                if (if indented { line.trim_ascii_start() } else { line }) == terminator {
                    break;
                }
            }
        }
        if at > start {
            self.tokens.push(Token::Other(start..at));
        }
        self.at = at.max(start);
    }

    /// The end of PHP's `<<<NAME … NAME`.
    fn php_document(&self, at: usize) -> Option<usize> {
        let rest = self.rest(at + 3);
        let blank = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let name =
            rest[blank..].strip_prefix(b"'").or_else(|| rest[blank..].strip_prefix(b"\"")).unwrap_or(&rest[blank..]);
        let length = name.iter().take_while(|byte| is_word(**byte)).count();
        if length == 0 {
            return None;
        }
        let name = &name[..length];
        let mut line = at + memchr::memchr(b'\n', self.rest(at))? + 1;
        loop {
            let text = self.rest(line);
            let indent = text.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
            if text[indent..].starts_with(name) && !text.get(indent + length).is_some_and(|next| is_word(*next)) {
                return Some(line + indent + length);
            }
            line += memchr::memchr(b'\n', text)? + 1;
        }
    }
}

/// The terminator of `<<~NAME`, `<<-'NAME'`, `<<NAME`, and whether it may be indented.
fn here_document(rest: &[u8]) -> Option<(Vec<u8>, bool)> {
    let indented = matches!(rest.first(), Some(b'~' | b'-'));
    let rest = if indented { &rest[1..] } else { rest };
    let quote = rest.first().copied().filter(|byte| matches!(byte, b'"' | b'\'' | b'`'));
    let name = if quote.is_some() { &rest[1..] } else { rest };
    let length = name.iter().take_while(|byte| is_word(**byte)).count();
    // `list << value` is no document.
    let named = name.first().is_some_and(|first| first.is_ascii_uppercase())
        || indented && length > 0
        || quote.is_some() && length > 0;
    (named && quote.is_none_or(|quote| name.get(length) == Some(&quote))).then(|| (name[..length].to_vec(), indented))
}

fn closing(open: u8) -> Option<u8> {
    match open {
        b'(' => Some(b')'),
        b'[' => Some(b']'),
        b'{' => Some(b'}'),
        b'<' => Some(b'>'),
        b'|' | b'!' | b'/' | b'^' => Some(open),
        _ => None,
    }
}

pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn literals(text: &str, language: Language) -> Vec<&str> {
        let tokens = tokens(text, language);
        let literal = |token: Token| match token {
            Token::Literal(literal) => Some(literal.outer),
            _ => None,
        };
        tokens.into_iter().filter_map(literal).map(|range| &text[range]).collect()
    }

    #[test]
    fn literals_of_each_language_are_found() {
        use Language::{Go, Java, JavaScript, Php, Python, Ruby, Rust};
        for (language, text, expected) in [
            (Python, "x = rf'a' # 'b'\ny = '''c\n'd' ''' \"e\\\"\"", vec!["rf'a'", "'''c\n'd' '''", "\"e\\\"\""]),
            (Python, "f\"{a['b']:'>3}\" 'c'", vec!["f\"{a['b']:'>3}\"", "'c'"]),
            (JavaScript, "a = /['\"]/; b = `x${ `y${'z'}` }`; // 'n'\nc = 'd'", vec!["`x${ `y${'z'}` }`", "'d'"]),
            (JavaScript, "<p>Don't</p>\na / b / 'c'", vec!["'c'"]),
            (Go, "a := `b\\` + \"c\\\"\" + 'd' /* \"e\" */", vec!["`b\\`", "\"c\\\"\""]),
            (Rust, "fn f<'a>() { '\"'; r#\"a\"b\"#; b\"c\"; /* /* */ \"n\" */ }", vec!["r#\"a\"b\"#", "b\"c\""]),
            (
                Java,
                "char c = '\"'; String s = \"a\"; String t = \"\"\"\n b\"c\n\"\"\";",
                vec!["\"a\"", "\"\"\"\n b\"c\n\"\"\""],
            ),
            (Ruby, "x = <<~EOS\n 'no'\nEOS\ny = 'a' + %q(it's) + \"#{b(\"c\")}\"", vec!["'a'", "\"#{b(\"c\")}\""]),
            (Php, "it's <?php $a = 'b'; // it's\n$c = <<<X\n'd'\nX; ?> it's <?php 'e'", vec!["'b'", "'e'"]),
        ] {
            assert_eq!(literals(text, language), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn tokens_are_in_order_within_the_text(
            text in "[a-zé'\"`$#{}()<>/*%\\\\\n ?:=_-]{0,80}",
            language in proptest::sample::select(vec![
                Language::Python, Language::JavaScript, Language::Go, Language::Rust, Language::Java, Language::Ruby, Language::Php,
            ]),
        ) {
            let mut end = 0;
            for token in tokens(&text, language) {
                let range = token.range();
                prop_assert!(range.start >= end.min(range.start) && range.start < range.end && range.end <= text.len());
                prop_assert!(text.is_char_boundary(range.start) && text.is_char_boundary(range.end));
                end = range.end;
            }
        }
    }
}
