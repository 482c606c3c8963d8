use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use super::Claims;

/// What a claim has to say: `repository=acme/shop`, or with a `*` at the end `ref=refs/tags/*`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Condition {
    claim: String,
    value: String,
    /// Whether something may follow.
    open: bool,
}

/// Why a text is no condition.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{input}` is no condition: {why}")]
pub struct ConditionError {
    input: String,
    why: &'static str,
}

const LONGEST: usize = 1024;

impl Condition {
    /// Whether the claims are so. Of a list one item has to be.
    pub fn holds(&self, claims: &Claims) -> bool {
        match claims.get(&self.claim) {
            Some(Value::Array(all)) => all.iter().any(|one| self.fits(one)),
            Some(one) => self.fits(one),
            None => false,
        }
    }

    fn fits(&self, said: &Value) -> bool {
        let text = match said {
            Value::String(text) => text.as_str().into(),
            Value::Bool(_) | Value::Number(_) => std::borrow::Cow::Owned(said.to_string()),
            _ => return false,
        };
        if self.open { text.len() > self.value.len() && text.starts_with(&self.value) } else { *text == self.value }
    }

    /// Whether it names one workload, or those of one owner: by `sub`, `repository` or
    /// `repository_id`. An open end counts after a separator alone (else `acme*` would be
    /// `acme-evil/…` too), and after as many parts as make somebody one's own.
    pub fn pins(&self) -> bool {
        let parts = |least: usize| {
            let whole = self.value.ends_with(['/', ':']);
            whole && self.value.split(['/', ':']).filter(|part| !part.is_empty()).count() >= least
        };
        match (self.claim.as_str(), self.open) {
            ("sub" | "repository" | "repository_id", false) => true,
            ("repository", true) => parts(1),
            // `system:serviceaccount:NAMESPACE:*`, `repo:OWNER/*`.
            ("sub", true) if self.value.starts_with("system:") => parts(3),
            ("sub", true) => parts(2),
            _ => false,
        }
    }

    /// Which claim it is about.
    pub fn claim(&self) -> &str {
        &self.claim
    }
}

impl FromStr for Condition {
    type Err = ConditionError;

    fn from_str(text: &str) -> Result<Self, ConditionError> {
        let wrong = |why| ConditionError { input: text.chars().take(80).flat_map(char::escape_debug).collect(), why };
        if text.len() > LONGEST {
            return Err(wrong("it is longer than 1,024 bytes"));
        }
        let (claim, value) = text.split_once('=').ok_or_else(|| wrong("it is written CLAIM=VALUE"))?;
        let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':');
        if claim.is_empty() || !claim.chars().all(named) {
            return Err(wrong("a claim's name has letters, digits and `_ - . / :`"));
        }
        let (value, open) = value.strip_suffix('*').map_or((value, false), |value| (value, true));
        if value.is_empty() {
            return Err(wrong("its value is empty, or fits everything"));
        }
        if value.contains('*') || value.chars().any(char::is_control) {
            return Err(wrong("a `*` stands at the end alone, and nothing in it is a control character"));
        }
        Ok(Self { claim: claim.to_owned(), value: value.to_owned(), open })
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}{}", self.claim, self.value, if self.open { "*" } else { "" })
    }
}

impl TryFrom<String> for Condition {
    type Error = ConditionError;

    fn try_from(text: String) -> Result<Self, ConditionError> {
        text.parse()
    }
}

impl From<Condition> for String {
    fn from(condition: Condition) -> Self {
        condition.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(text: &str) -> Condition {
        text.parse().unwrap()
    }

    #[test]
    fn a_condition_is_written_as_it_was_read() {
        for text in ["repository=acme/shop", "ref=refs/tags/*", "kubernetes.io/x=a=b", "sub=a"] {
            assert_eq!(condition(text).to_string(), text);
            let kept = serde_json::to_string(&condition(text)).unwrap();
            assert_eq!(serde_json::from_str::<Condition>(&kept).unwrap(), condition(text));
        }
        for text in ["", "sub", "sub=", "sub=*", "sub=a*b", "sub=**", "=a", "a b=c", "sub=a\nb"] {
            assert!(text.parse::<Condition>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_workload_is_pinned_to_its_owner() {
        for text in [
            "sub=anything",
            "repository=acme/shop",
            "repository_id=4711",
            "repository=acme/*",
            "sub=repo:acme/*",
            "sub=repo:acme/shop:*",
            "sub=system:serviceaccount:shop:*",
            "sub=project_path:acme/*",
        ] {
            assert!(condition(text).pins(), "{text}");
        }
        for text in [
            "ref=refs/heads/main",
            "repository_owner=acme",
            "repository_id=47*",
            "repository=acme*",
            "repository=/*",
            "sub=repo:*",
            "sub=repo:/*",
            "sub=repo:acme*",
            "sub=repo:acme/sh*",
            "sub=system:serviceaccount:*",
            "sub=system:serviceaccount:shop*",
            "sub=s*",
        ] {
            assert!(!condition(text).pins(), "{text}");
        }
    }
}
