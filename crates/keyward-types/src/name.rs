use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;

/// A secret's name: 1–16 segments joined by `/`, each 1–128 of `A–Z a–z 0–9 . _ -` and neither `.`
/// nor `..`. Case-sensitive, never rewritten: what does not fit is refused, so that no two
/// spellings of one name exist.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SecretName(String);

/// A project's name: one segment of a [`SecretName`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProjectName(String);

/// An environment's name: one segment of a [`SecretName`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EnvironmentName(String);

const MAX_SEGMENTS: usize = 16;
const MAX_SEGMENT: usize = 128;

impl SecretName {
    /// Whether the name can be an environment variable: one segment of `A–Z a–z 0–9 _` that does
    /// not begin with a digit.
    pub fn is_variable(&self) -> bool {
        let mut bytes = self.0.bytes();
        bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
            && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
    }
}

impl EnvironmentName {
    /// `development`, where commands work unless told otherwise.
    pub fn development() -> Self {
        Self("development".into())
    }

    /// The environments that a project begins with.
    pub fn usual() -> Vec<Self> {
        ["development", "staging", "production"].map(|name| Self(name.into())).to_vec()
    }

    /// Whether keys here are held to the stricter rules (age, reuse) of production.
    pub fn is_production(&self) -> bool {
        self.0 == "production" || self.0 == "prod"
    }
}

fn check(noun: &'static str, input: &str, max_segments: usize) -> Result<(), Error> {
    let refuse = |why: String| {
        let shown: String = input.chars().take(200).flat_map(char::escape_debug).collect();
        Err(Error::Name { noun, input: shown, why })
    };
    if input.is_empty() {
        return refuse("it is empty".into());
    }
    if let Some(c) = input.chars().find(|c| !is_allowed(*c) && *c != '/') {
        return refuse(if c.is_ascii() {
            format!("{c:?} is not allowed; use A-Z a-z 0-9 . _ -")
        } else {
            format!("{c:?} (U+{:04X}) is not an ASCII letter, it may only look like one", c as u32)
        });
    }
    let segments = input.split('/').count();
    if segments > max_segments {
        return refuse(match max_segments {
            1 => "`/` is not allowed".into(),
            n => format!("it has {segments} segments, {n} are allowed"),
        });
    }
    for segment in input.split('/') {
        match segment {
            "" => return refuse("a segment is empty".into()),
            "." | ".." => return refuse(format!("a segment cannot be `{segment}`")),
            s if s.len() > MAX_SEGMENT => {
                return refuse(format!("a segment has {} characters, {MAX_SEGMENT} are allowed", s.len()));
            }
            _ => {}
        }
    }
    Ok(())
}

fn is_allowed(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

macro_rules! name {
    ($type:ident, $noun:literal, $segments:expr) => {
        impl $type {
            /// The canonical text, which is the only one.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl FromStr for $type {
            type Err = Error;
            fn from_str(text: &str) -> Result<Self, Error> {
                check($noun, text, $segments).map(|()| Self(text.to_owned()))
            }
        }
        impl TryFrom<String> for $type {
            type Error = Error;
            fn try_from(text: String) -> Result<Self, Error> {
                check($noun, &text, $segments).map(|()| Self(text))
            }
        }
        impl From<$type> for String {
            fn from(name: $type) -> String {
                name.0
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.0)
            }
        }
    };
}

name!(SecretName, "secret", MAX_SEGMENTS);
name!(ProjectName, "project", 1);
name!(EnvironmentName, "environment", 1);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_of_the_field_are_accepted() {
        for name in ["OPENAI_API_KEY", "db/main/password", "a.b-c_d", "x", "..."] {
            assert_eq!(name.parse::<SecretName>().unwrap().as_str(), name);
        }
    }

    #[test]
    fn every_second_spelling_is_refused() {
        let long = "x".repeat(129);
        let deep = ["a"; 17].join("/");
        for name in [
            "",
            "/",
            "a//b",
            "/a",
            "a/",
            ".",
            "..",
            "a/../b",
            "a b",
            "a\tb",
            "a\0",
            "a\n",
            "KЕY",
            "ＫEY",
            "a\u{200b}b",
            "a:b",
            "a*",
            "a+b",
            "a,b",
            "%2e%2e",
            "a\\b",
            &long,
            &deep,
        ] {
            let error = name.parse::<SecretName>().unwrap_err().to_string();
            assert!(!error.chars().any(char::is_control), "{error:?}");
        }
        assert!("KЕY".parse::<SecretName>().unwrap_err().to_string().contains("U+0415"));
        assert!("a/b".parse::<ProjectName>().is_err());
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_unchanged(text in "\\PC{0,40}") {
            if let Ok(name) = text.parse::<SecretName>() {
                prop_assert_eq!(name.as_str(), text.as_str());
                prop_assert!(text.is_ascii() && !text.split('/').any(|s| s.is_empty() || s == "." || s == ".."));
            }
        }
    }
}
