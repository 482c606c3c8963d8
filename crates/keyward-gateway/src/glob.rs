//! Patterns of paths, models and origins in a grant.

use std::fmt;

/// A pattern: `*` stands for any run of characters within a path's segment, `**` for any run at
/// all. There is nothing else, so that a rule means what it seems to mean.
#[derive(Clone, PartialEq, Eq)]
pub struct Glob(Box<[Piece]>);

#[derive(Clone, PartialEq, Eq)]
enum Piece {
    Text(Box<str>),
    /// `*`
    Segment,
    /// `**`
    All,
}

impl Glob {
    /// The pattern that is written so. Every text is one.
    pub fn new(text: &str) -> Self {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(star) = rest.find('*') {
            if star > 0 {
                pieces.push(Piece::Text(rest[..star].into()));
            }
            let stars = rest[star..].bytes().take_while(|byte| *byte == b'*').count();
            pieces.push(if stars > 1 { Piece::All } else { Piece::Segment });
            rest = &rest[star + stars..];
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.into()));
        }
        Self(pieces.into())
    }

    /// Whether all of the text fits. Linear in the text for each star.
    pub fn matches(&self, text: &str) -> bool {
        // The usual walk with one place to go back to: what an earlier star took is never
        // reconsidered, but where an earlier `**` is the only one that may cross a slash.
        let (mut piece, mut at) = (0, 0);
        let mut back: Option<(usize, usize)> = None;
        let mut wide: Option<(usize, usize)> = None;
        loop {
            let step = match self.0.get(piece) {
                None if at == text.len() => return true,
                None => None,
                Some(Piece::Text(wanted)) => text[at..].starts_with(&**wanted).then(|| at + wanted.len()),
                Some(Piece::Segment) => {
                    back = Some((piece + 1, at));
                    Some(at)
                }
                Some(Piece::All) => {
                    (back, wide) = (None, Some((piece + 1, at)));
                    Some(at)
                }
            };
            if let Some(next) = step {
                (piece, at) = (piece + 1, next);
                continue;
            }
            if let Some(next) =
                back.and_then(|(_, from)| next_char(text, from).filter(|_| !text[from..].starts_with('/')))
            {
                let (after, _) = back.expect("it was just looked at");
                back = Some((after, next));
                (piece, at) = (after, next);
            } else if let Some(next) = wide.and_then(|(_, from)| next_char(text, from)) {
                let (after, _) = wide.expect("it was just looked at");
                (back, wide) = (None, Some((after, next)));
                (piece, at) = (after, next);
            } else {
                return false;
            }
        }
    }
}

fn next_char(text: &str, from: usize) -> Option<usize> {
    text[from..].chars().next().map(|c| from + c.len_utf8())
}

impl fmt::Debug for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in &self.0 {
            f.write_str(match piece {
                Piece::Text(text) => text,
                Piece::Segment => "*",
                Piece::All => "**",
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_star_stays_in_its_segment() {
        let fits = |pattern: &str, text: &str| Glob::new(pattern).matches(text);
        assert!(fits("/v1/chat/*", "/v1/chat/completions"));
        assert!(!fits("/v1/chat/*", "/v1/chat/completions/c1/messages"));
        assert!(fits("/v1/chat/**", "/v1/chat/completions/c1/messages"));
        assert!(fits("gpt-4o*", "gpt-4o-mini") && !fits("gpt-4o*", "gpt-4"));
        assert!(fits("/a/*/c", "/a/b/c") && !fits("/a/*/c", "/a/b/b/c"));
        assert!(fits("**", "") && fits("", "") && !fits("", "a"));
        assert!(fits("/**/x*y", "/a/b/xxy") && fits("/v1/**/b*/c", "/v1/b1/d/b2/c"));
    }

    /// The definition, tried out in every way.
    fn naive(pattern: &[u8], text: &[u8]) -> bool {
        match pattern {
            [] => text.is_empty(),
            [b'*', b'*', rest @ ..] => {
                let rest = &rest[rest.iter().take_while(|byte| **byte == b'*').count()..];
                (0..=text.len()).any(|n| naive(rest, &text[n..]))
            }
            [b'*', rest @ ..] => {
                (0..=text.len()).take_while(|n| *n == 0 || text[n - 1] != b'/').any(|n| naive(rest, &text[n..]))
            }
            [c, rest @ ..] => text.first() == Some(c) && naive(rest, &text[1..]),
        }
    }

    proptest! {
        #[test]
        fn as_it_is_defined(pattern in "[ab/*]{0,7}", text in "[ab/]{0,9}") {
            prop_assert_eq!(Glob::new(&pattern).matches(&text), naive(pattern.as_bytes(), text.as_bytes()));
        }
    }
}
