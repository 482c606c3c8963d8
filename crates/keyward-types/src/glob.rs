//! Patterns of paths and of names, as rules of virtual keys have them: one reading of them for whoever
//! makes a rule and for whoever holds a request against it.
//!
//! A `*` is any run of characters, and nothing else has a meaning of its own.

/// A last segment that stands for one or more of them.
pub const DEEP: &str = "**";

/// Whether a path fits a pattern of paths: `/v1/chat/*`. A `*` stays within one segment; `**` is a last
/// segment alone and stands for one or more, the first of which is not empty.
///
/// The path is as it goes upstream, with no empty, `.` or `..` segment. Whoever compares sees to that.
#[must_use]
pub fn path_fits(pattern: &str, path: &str) -> bool {
    let mut mine = pattern.split('/').peekable();
    let mut theirs = path.split('/');
    while let Some(pattern) = mine.next() {
        let Some(segment) = theirs.next() else { return false };
        if pattern == DEEP && mine.peek().is_none() {
            return !segment.is_empty();
        }
        if !name_fits(pattern, segment) {
            return false;
        }
    }
    theirs.next().is_none()
}

/// Whether a name fits a pattern of names: `gpt-4o*`. A `*` is any run of characters.
///
/// The last star is the only one that has to be gone back to.
#[must_use]
pub fn name_fits(pattern: &str, name: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), name.as_bytes());
    let (mut at, mut of, mut star) = (0, 0, None);
    while at < text.len() {
        match pattern.get(of) {
            Some(b'*') => {
                star = Some((of, at));
                of += 1;
            }
            Some(letter) if *letter == text[at] => (of, at) = (of + 1, at + 1),
            _ => match &mut star {
                Some((star, taken)) => {
                    *taken += 1;
                    (of, at) = (*star + 1, *taken);
                }
                None => return false,
            },
        }
    }
    pattern[of..].iter().all(|left| *left == b'*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_star_stays_in_its_segment() {
        for (pattern, yes, no) in [
            ("/v1/chat/*", "/v1/chat/completions", "/v1/chat/completions/x"),
            ("/v1/**", "/v1/chat/completions", "/v1"),
            ("/v1/**", "/v1/x", "/v1/"),
            ("/a/*/c", "/a/b/c", "/a/b/b/c"),
            ("/", "/", "/x"),
        ] {
            assert!(path_fits(pattern, yes), "{pattern} {yes}");
            assert!(!path_fits(pattern, no), "{pattern} {no}");
        }
        assert!(name_fits("gpt-4o*", "gpt-4o-mini") && !name_fits("gpt-4o*", "gpt-4"));
        assert!(name_fits("a*b*", "a/x/b") && name_fits("*", "") && !name_fits("", "a"));
    }

    /// The definition, tried out in every way.
    fn naive(pattern: &[u8], text: &[u8]) -> bool {
        match pattern {
            [] => text.is_empty(),
            [b'*', rest @ ..] => (0..=text.len()).any(|n| naive(rest, &text[n..])),
            [letter, rest @ ..] => text.first() == Some(letter) && naive(rest, &text[1..]),
        }
    }

    proptest! {
        #[test]
        fn names_fit_as_it_is_defined(pattern in "[ab*]{0,7}", text in "[ab]{0,9}") {
            prop_assert_eq!(name_fits(&pattern, &text), naive(pattern.as_bytes(), text.as_bytes()));
        }
    }
}
