//! One line of a baseline, and the file that lines make.

use std::fmt::{self, Write as _};

use keyward_types::{Finding, Fingerprint};

use super::Day;
use crate::report::is_treacherous;

/// A finding that is not reported, and why.
///
/// `kwf1:… RULE path=… owner=… until=2027-01-31 reason=…`; what follows `reason=` is the reason, to
/// the end of the line. In the other fields what would end them is percent-encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What the finding is found again by.
    pub fingerprint: Fingerprint,
    /// Its rule, for people.
    pub rule: String,
    /// Where it was when the line was written: for people, and where a fingerprint is that of a line; see
    /// [`super::is_named_by_value`]. Empty: wherever it stands.
    pub path: String,
    /// Who answers for it.
    pub owner: Option<String>,
    /// The last day on which the line silences.
    pub until: Option<Day>,
    /// Why it is not reported.
    pub reason: String,
    /// Comments above it.
    pub comments: Vec<String>,
}

impl Line {
    pub(crate) fn new(finding: &Finding, reason: &str, owner: Option<&str>) -> Self {
        Self {
            fingerprint: finding.fingerprint.clone(),
            rule: finding.rule.clone(),
            path: finding.path.clone(),
            owner: owner.map(str::to_owned),
            until: None,
            reason: reason.to_owned(),
            comments: Vec::new(),
        }
    }

    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if ["<<<<<<<", "=======", ">>>>>>>", "|||||||"].iter().any(|marker| text.starts_with(marker)) {
            return Err(
                "a merge was left unfinished; keep the lines of both sides, their order does not matter".to_owned()
            );
        }
        let (fields, reason) = match text.split_once(" reason=") {
            Some((fields, reason)) => (fields, reason.trim()),
            None => (text, ""),
        };
        let mut words = fields.split_ascii_whitespace();
        let fingerprint = words.next().unwrap_or_default();
        if !is_fingerprint(fingerprint) {
            // Not what it is: somebody may have named the wrong file.
            return Err("what it begins with is no fingerprint: they are `kwf1:` and 32 hexadecimal digits".to_owned());
        }
        let mut line = Self {
            fingerprint: Fingerprint(fingerprint.to_owned()),
            rule: decode(
                words.next().filter(|rule| !rule.contains('=')).ok_or("the rule is missing behind the fingerprint")?,
            ),
            path: String::new(),
            owner: None,
            until: None,
            reason: reason.to_owned(),
            comments: Vec::new(),
        };
        for word in words {
            match word.split_once('=') {
                Some(("path", path)) => line.path = decode(path),
                Some(("owner", owner)) => line.owner = Some(decode(owner)),
                Some(("until", day)) => line.until = Some(day.parse()?),
                _ => return Err("one of its words is none of path=…, owner=…, until=…, reason=…".to_owned()),
            }
        }
        Ok(line)
    }

    /// Whether the line still silences.
    pub fn is_in_force(&self, today: Day) -> bool {
        self.until.is_none_or(|until| today <= until)
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.fingerprint, encode(&self.rule).replace('=', "%3D"))?;
        if !self.path.is_empty() {
            write!(f, " path={}", encode(&self.path))?;
        }
        if let Some(owner) = &self.owner {
            write!(f, " owner={}", encode(owner))?;
        }
        if let Some(until) = self.until {
            write!(f, " until={until}")?;
        }
        let reason: String = self.reason.chars().map(|c| if is_treacherous(c) { ' ' } else { c }).collect();
        if !reason.trim().is_empty() {
            write!(f, " reason={}", reason.trim())?;
        }
        Ok(())
    }
}

const HEADER: &str = "\
# keyward baseline: findings that are known and not reported. Lines may be merged in any order;
# `merge=union` for this file in .gitattributes makes git do so. The groups keep branches apart.
";

/// The text of a file. `lines` are sorted by fingerprint.
pub(crate) fn file(lines: impl Iterator<Item = Line>, end: &[String]) -> String {
    let mut text = HEADER.to_owned();
    let mut lines = lines.peekable();
    for group in 0..=0xffu8 {
        let _ = writeln!(text, "{}", separator(group));
        let prefix = format!("kwf1:{group:02x}");
        while let Some(line) = lines.next_if(|line| line.fingerprint.0.starts_with(&prefix)) {
            for comment in &line.comments {
                let _ = writeln!(text, "{comment}");
            }
            let _ = writeln!(text, "{line}");
        }
    }
    for comment in end {
        let _ = writeln!(text, "{comment}");
    }
    text
}

/// Whether a comment is one that [`file`] writes.
pub(crate) fn is_ours(comment: &str) -> bool {
    let group = comment.strip_prefix("# ").filter(|rest| rest.len() == 2);
    HEADER.lines().any(|line| line == comment) || group.is_some_and(|hex| u8::from_str_radix(hex, 16).is_ok())
}

/// Whether a text is a fingerprint of ours.
pub(crate) fn is_fingerprint(text: &str) -> bool {
    text.strip_prefix("kwf1:").is_some_and(|hex| {
        hex.len() == 32 && hex.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    })
}

fn separator(group: u8) -> String {
    format!("# {group:02x}")
}

/// Percent-encodes what would end a field, or mislead a reader.
fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_whitespace() || c == '%' || is_treacherous(c) {
            let mut bytes = [0; 4];
            c.encode_utf8(&mut bytes).bytes().for_each(|byte| {
                let _ = write!(out, "%{byte:02X}");
            });
        } else {
            out.push(c);
        }
    }
    out
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = tail
            .get(..2)
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (first, code) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
