//! Patterns of paths and of model names. A `*` is any run of characters, and nothing else has a
//! meaning of its own: no class, no alternative, no escape, so that a pattern says what it shows.

use std::fmt;

use keyward_types::glob::{DEEP, name_fits, path_fits};
use serde::{Deserialize, Serialize};

use super::RuleError;

/// Some paths below a service: `/v1/chat/*`. A `*` stays within one segment; `**` is a last segment
/// alone and stands for one or more of them.
///
/// What it is compared with is the path as it goes upstream: already decoded once, with no empty,
/// `.` or `..` segment. Whoever compares sees to that.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PathGlob(String);

/// Some models: `gpt-4o*`. A `*` is any run of characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ModelGlob(String);

/// Longest pattern, in bytes, and most stars in one segment: matching stays a matter of microseconds.
const LONGEST: usize = 256;
const STARS: usize = 4;

impl PathGlob {
    /// The text it was written in.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this path is one of them.
    pub fn matches(&self, path: &str) -> bool {
        path_fits(&self.0, path)
    }

    /// Whether all that `other` matches is matched by this one. A narrower pattern that is written
    /// in a way which does not show it counts as wider.
    pub fn includes(&self, other: &Self) -> bool {
        // A `*` in the other's text is matched by none of our letters, only by a `*` of ours, which
        // matches whatever the other's stands for.
        (self.is_deep() || !other.is_deep()) && self.matches(&other.0)
    }

    fn is_deep(&self) -> bool {
        self.0.rsplit('/').next() == Some(DEEP)
    }
}

impl ModelGlob {
    /// The text it was written in.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this model is one of them.
    pub fn matches(&self, model: &str) -> bool {
        name_fits(&self.0, model)
    }

    /// Whether all that `other` matches is matched by this one.
    pub fn includes(&self, other: &Self) -> bool {
        self.matches(&other.0)
    }
}

fn fits(text: &str) -> Result<(), &'static str> {
    if text.is_empty() || text.len() > LONGEST {
        return Err("it has 1 to 256 characters");
    }
    if !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err("it is of visible ASCII characters, without spaces");
    }
    Ok(())
}

impl TryFrom<String> for PathGlob {
    type Error = RuleError;
    fn try_from(text: String) -> Result<Self, RuleError> {
        let fail = |why| RuleError::new("path", &text, why);
        fits(&text).map_err(fail)?;
        let Some(below) = text.strip_prefix('/') else { return Err(fail("it begins with `/`")) };
        if text.contains(['?', '#', '%', '\\', ';']) {
            return Err(fail("it is a plain path: no query, no escapes, no parameters"));
        }
        let segments: Vec<&str> = below.split('/').collect();
        for (i, segment) in segments.iter().enumerate() {
            let last = i + 1 == segments.len();
            match *segment {
                "" if last && segments.len() == 1 => {}
                "" => return Err(fail("it has no empty segment")),
                "." | ".." => return Err(fail("it goes nowhere but down")),
                DEEP if last => {}
                other if other.contains(DEEP) => return Err(fail("`**` is a last segment by itself")),
                other if other.matches('*').count() > STARS => return Err(fail("it has at most 4 `*` in a segment")),
                _ => {}
            }
        }
        Ok(Self(text))
    }
}

impl TryFrom<String> for ModelGlob {
    type Error = RuleError;
    fn try_from(text: String) -> Result<Self, RuleError> {
        let fail = |why| RuleError::new("model", &text, why);
        fits(&text).map_err(fail)?;
        match text.contains(DEEP) || text.matches('*').count() > STARS {
            true => Err(fail("it has at most 4 `*`, and no two of them beside each other")),
            false => Ok(Self(text)),
        }
    }
}

super::as_text!(PathGlob, ModelGlob);

impl fmt::Display for PathGlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ModelGlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(text: &str) -> PathGlob {
        text.parse().unwrap()
    }

    #[test]
    fn a_star_stays_in_its_segment() {
        for (glob, yes, no) in [
            ("/v1/chat/*", "/v1/chat/completions", "/v1/chat/completions/x"),
            ("/v1/chat/*", "/v1/chat/x", "/v1/chat"),
            ("/v1/**", "/v1/chat/completions", "/v1"),
            ("/v1/**", "/v1/x", "/v1/"),
            ("/v1beta/models/*:generateContent", "/v1beta/models/g-2:generateContent", "/v1beta/models/g:countTokens"),
            ("/", "/", "/x"),
            ("/a*b*c", "/aXbYbc", "/aXbYc/"),
        ] {
            assert!(path(glob).matches(yes), "{glob} {yes}");
            assert!(!path(glob).matches(no), "{glob} {no}");
        }
    }

    #[test]
    fn what_is_no_pattern_of_a_path_is_refused() {
        for text in ["", "v1", "/v1//x", "/v1/../x", "/v1/", "/**/x", "/a**", "/v1?x=1", "/%2e", "/ä", "/a b", "/./x"]
        {
            assert!(text.parse::<PathGlob>().is_err(), "{text}");
        }
        assert!("gpt-**".parse::<ModelGlob>().is_err() && "gpt 4".parse::<ModelGlob>().is_err());
    }

    #[test]
    fn narrower_is_told_from_wider() {
        for (wide, narrow) in
            [("/v1/**", "/v1/chat/*"), ("/v1/**", "/v1/chat/**"), ("/*/x*", "/a/xy*"), ("/v1/*", "/v1/a")]
        {
            assert!(path(wide).includes(&path(narrow)), "{wide} {narrow}");
            assert!(!path(narrow).includes(&path(wide)), "{narrow} {wide}");
        }
        assert!(!path("/v1/*").includes(&path("/v1/**")));
        let model = |text: &str| text.parse::<ModelGlob>().unwrap();
        assert!(model("gpt-*").includes(&model("gpt-4o*")) && !model("gpt-4o").includes(&model("gpt-4o*")));
    }

    proptest! {
        /// What is said to be included is, for every path there is.
        #[test]
        fn inclusion_is_true(
            wide in "/[ab*]{1,3}(/[ab*]{1,2}|/\\*\\*)?",
            narrow in "/[ab*]{1,3}(/[ab*]{1,2}|/\\*\\*)?",
            text in "/[ab]{1,4}(/[ab]{1,3}){0,2}",
        ) {
            let (Ok(wide), Ok(narrow)) = (wide.parse::<PathGlob>(), narrow.parse::<PathGlob>()) else { return Ok(()) };
            if wide.includes(&narrow) && narrow.matches(&text) {
                prop_assert!(wide.matches(&text), "{wide} {narrow} {text}");
            }
        }
    }
}
