//! Common mistakes with secrets, rather than secrets: five linters behind one matcher.
//!
//! Each is asked where a telling literal stands, looks at one statement around it, and would rather
//! be silent than wrong: a variable counts only if its name is a secret's and the value itself is
//! what is printed or sent. Comments, documents and tests are left alone.
//!
//! What is reported is the expression at fault and never a literal beside it, which could be a key.

mod browser;
mod call;
mod certificate;
mod language;
mod logged;
mod names;
mod plain_http;
mod url_query;

#[cfg(test)]
mod tests;

use std::ops::Range;

use keyward_types::Confidence;

pub(crate) use language::{Language, is_browser_code};

use crate::engine::{Literal, Matcher, RawCandidate, RuleInfo, Text};

/// The linters.
pub struct Misuse {
    /// For each anchor, its linter.
    anchors: Vec<(usize, &'static str)>,
}

/// One linter.
struct Linter {
    id: &'static str,
    description: &'static str,
    advice: &'static str,
    /// In exactly this spelling.
    anchors: &'static [&'static str],
    check: fn(&Site<'_>) -> Option<Fault>,
}

/// A place to look at.
struct Site<'a> {
    text: &'a Text<'a>,
    language: Language,
    /// The literal.
    anchor: &'static str,
    /// Where it stands.
    at: usize,
}

/// What is wrong there.
struct Fault {
    range: Range<usize>,
    confidence: Confidence,
}

const LINTERS: [Linter; 5] = [
    Linter {
        id: "misuse-secret-in-browser-code",
        description: "a secret's variable is read by code that runs in browsers",
        advice: "whoever opens the page can read it: call the service from a server, and take the name out of the build",
        anchors: browser::ANCHORS,
        check: browser::check,
    },
    Linter {
        id: "misuse-secret-logged",
        description: "a secret is printed or logged",
        advice: "logs are kept, copied and read by many: print whether it is set, or its last four characters",
        anchors: logged::ANCHORS,
        check: logged::check,
    },
    Linter {
        id: "misuse-secret-in-url",
        description: "a secret is put into a URL's query",
        advice: "URLs end up in logs, histories and referrers: send it in a header",
        anchors: url_query::ANCHORS,
        check: url_query::check,
    },
    Linter {
        id: "misuse-secret-over-http",
        description: "a secret is sent without encryption",
        advice: "everyone on the way can read it: use https://",
        anchors: plain_http::ANCHORS,
        check: plain_http::check,
    },
    Linter {
        id: "misuse-certificate-unchecked",
        description: "the server's certificate is not checked",
        advice: "anyone on the way can pose as the server and take the key: trust its certificate authority instead",
        anchors: certificate::ANCHORS,
        check: certificate::check,
    },
];

impl Misuse {
    /// Rank among rules: below all that find values.
    const RANK: u8 = 5;

    /// All of them.
    pub fn new() -> Self {
        let all = LINTERS.iter().enumerate();
        let anchors = all.flat_map(|(rule, linter)| linter.anchors.iter().map(move |anchor| (rule, *anchor)));
        Self { anchors: anchors.collect() }
    }
}

impl Default for Misuse {
    fn default() -> Self {
        Self::new()
    }
}

impl Matcher for Misuse {
    fn rules(&self) -> Vec<RuleInfo> {
        let info = |linter: &Linter| RuleInfo {
            id: linter.id.to_owned(),
            provider: None,
            description: linter.description.to_owned(),
            advice: Some(linter.advice.to_owned()),
            rank: Self::RANK,
            misuse: true,
        };
        LINTERS.iter().map(info).collect()
    }

    fn anchors(&self) -> Vec<Literal> {
        self.anchors.iter().map(|(_, anchor)| Literal::exact(anchor)).collect()
    }

    fn confirm(&self, text: &Text<'_>, anchor: usize, at: usize, found: &mut Vec<RawCandidate>) {
        // What was decoded out of a text is data, not code.
        if text.hint.depth > 0 {
            return;
        }
        let Some(&(rule, anchor)) = self.anchors.get(anchor) else { return };
        let language = Language::of(&text.hint);
        let site = Site { text, language, anchor, at };
        if language == Language::None {
            return;
        }
        let Some(fault) = (LINTERS[rule].check)(&site) else { return };
        // Asked last: most places are no fault at all.
        if language::is_test(text.hint.path) || language::is_comment(&site) {
            return;
        }
        found.push(RawCandidate { rule, range: fault.range, value: None, confidence: fault.confidence, weak: false });
    }
}

impl<'a> Site<'a> {
    fn bytes(&self) -> &'a [u8] {
        self.text.bytes
    }

    fn end(&self) -> usize {
        self.at + self.anchor.len()
    }

    /// At most `reach` bytes before the literal.
    fn before(&self, reach: usize) -> &'a [u8] {
        &self.bytes()[self.at.saturating_sub(reach)..self.at]
    }

    /// At most `reach` bytes after the literal.
    fn after(&self, reach: usize) -> &'a [u8] {
        &self.bytes()[self.end()..self.bytes().len().min(self.end() + reach)]
    }

    /// The literal and at most `reach` bytes on either side of it.
    fn around(&self, reach: usize) -> &'a [u8] {
        &self.bytes()[self.at.saturating_sub(reach)..self.bytes().len().min(self.end() + reach)]
    }

    /// The line, cut where it is long.
    fn line(&self) -> &'a [u8] {
        &self.bytes()[self.text.line_around(self.at, 400)]
    }

    /// Whether the literal begins a word.
    fn begins_word(&self) -> bool {
        self.at == 0 || !is_word(self.bytes()[self.at - 1])
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn contains(haystack: &[u8], needle: &str) -> bool {
    memchr::memmem::find(haystack, needle.as_bytes()).is_some()
}
