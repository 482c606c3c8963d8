//! Where the string literals and comments of a source are, as far as replacing one of them needs.
//!
//! One pass, linear. What it cannot be sure of (a regular expression, a quote in the text of a
//! component) it takes for code and goes on with the next byte; a value that it then does not see
//! inside a literal is refused rather than replaced.

mod special;
mod strings;

use std::ops::Range;

use crate::misuse::Language;

/// A string literal.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::fix) struct Literal {
    /// With its prefix and quotes.
    pub(in crate::fix) outer: Range<usize>,
    /// What stands between the quotes.
    pub(in crate::fix) inner: Range<usize>,
    /// What stands before the opening quote and belongs to it: `rf`, `b`, `r#`, `$`.
    pub(in crate::fix) prefix: String,
    /// The opening quote: `"`, `'''`, `` ` ``, `%q(`.
    pub(in crate::fix) quote: String,
    /// Code inside: `${…}`, `#{…}`.
    pub(in crate::fix) holes: Vec<Range<usize>>,
}

/// A literal or a comment.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::fix) enum Token {
    Literal(Literal),
    Comment(Range<usize>),
    /// A here-document, a regular expression: nothing that can be replaced.
    Other(Range<usize>),
}

impl Token {
    pub(in crate::fix) fn range(&self) -> Range<usize> {
        match self {
            Self::Literal(literal) => literal.outer.clone(),
            Self::Comment(range) | Self::Other(range) => range.clone(),
        }
    }
}

/// The tokens of a source, in order and without overlap.
pub(in crate::fix) fn tokens(text: &str, language: Language) -> Vec<Token> {
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
}

pub(in crate::fix) fn is_word(byte: u8) -> bool {
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
