//! The seam at which kinds of rules meet the engine.

use std::ops::Range;

use keyward_types::Confidence;
use zeroize::Zeroizing;

use super::prefilter::Literal;

/// A kind of rule: it names literals, and is asked at each place where one of them stands.
pub trait Matcher: Send + Sync {
    /// The rules that it reports under.
    fn rules(&self) -> Vec<RuleInfo>;

    /// The literals at which it is asked. At least three bytes each; the rarer the better.
    fn anchors(&self) -> Vec<Literal>;

    /// Looks at the literal with this index (into [`Matcher::anchors`]) at `at`, and gives what it finds around
    /// it to `found`, with rules numbered as in [`Matcher::rules`]. Looks at a bounded part of the text only.
    fn confirm(&self, text: &Text<'_>, anchor: usize, at: usize, found: &mut Vec<RawCandidate>);

    /// Looks at a whole text, once: for rules that cannot name literals, and for files whose name promises
    /// something. Must cost next to nothing for all others.
    fn whole(&self, _text: &Text<'_>, _found: &mut Vec<RawCandidate>) {}

    /// Whether what it finds may depend on text hundreds of bytes away. Then a text is looked at whole where it is new
    /// only in part.
    fn looks_far(&self) -> bool {
        false
    }
}

/// What people are told of a rule.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleInfo {
    /// Its id, unique: `openai-project-key`.
    pub id: String,
    /// The service whose keys it finds.
    pub provider: Option<String>,
    /// What it finds, in a few words.
    pub description: String,
    /// What to know or to do about a finding.
    pub advice: Option<String>,
    /// Which of two findings in one place is reported: the one of the higher rank, then the surer, then the longer.
    /// Formats of a service 30, structures (private keys, connection strings) 20, generic assignments 10.
    pub rank: u8,
    /// Misuse of a secret rather than a secret: it has no value to be stored or revoked.
    pub misuse: bool,
}

/// A text and what is known of it.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    /// Its bytes; rarely, not UTF-8.
    pub bytes: &'a [u8],
    /// Where it comes from.
    pub hint: Hint<'a>,
}

/// What is known of a text beside its bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hint<'a> {
    /// Its path, as in reports; empty where there is none.
    pub path: &'a str,
    /// How often it was decoded out of another text.
    pub depth: u8,
}

/// What a matcher found.
#[derive(Clone, Debug)]
pub struct RawCandidate {
    /// Index into [`Matcher::rules`].
    pub rule: usize,
    /// Where the value stands.
    pub range: Range<usize>,
    /// The value, unescaped where the source escapes it. Where it is the bytes of `range`: `None`.
    pub value: Option<Zeroizing<Vec<u8>>>,
    /// How sure the matcher is.
    pub confidence: Confidence,
    /// Too weak to be reported by itself; reported if the vault knows it.
    pub weak: bool,
}

impl Hint<'_> {
    /// The part of the path after the last `/`.
    pub fn file_name(&self) -> &str {
        self.path.rsplit(['/', '!']).next().unwrap_or_default()
    }

    /// The ending of the file's name in lower case, without the dot.
    pub fn extension(&self) -> String {
        self.file_name().rsplit_once('.').map(|(_, end)| end.to_ascii_lowercase()).unwrap_or_default()
    }
}

impl<'a> Text<'a> {
    /// The line that `at` is on, cut to `reach` bytes on either side.
    pub fn line_around(&self, at: usize, reach: usize) -> Range<usize> {
        let (low, high) = (at.saturating_sub(reach), self.bytes.len().min(at + reach));
        let start = memchr::memrchr(b'\n', &self.bytes[low..at]).map_or(low, |found| low + found + 1);
        let end = memchr::memchr(b'\n', &self.bytes[at..high]).map_or(high, |found| at + found);
        start..end
    }
}
