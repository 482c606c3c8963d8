use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What an account, a group or a policy is called: 1 to 64 of `a-z 0-9 . _ - @`, beginning and
/// ending with a letter or digit. Lower-case ASCII alone, never rewritten: there is one spelling,
/// nothing looks like another name, and none of `/ * + , :` that patterns are made of.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Login(String);

/// A login that is not canonical.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{input}` is not a login name: {why}")]
pub struct LoginError {
    input: String,
    why: String,
}

const MAX: usize = 64;

impl Login {
    /// The canonical text, which is the only one.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A login for somebody of this name, as near to it as logins are.
    pub fn near(name: &str) -> Self {
        let spelled = name.to_ascii_lowercase();
        let kept: String = spelled.chars().map(|c| if is_allowed(c) { c } else { '-' }).take(MAX).collect();
        let trimmed = kept.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        Self(if trimmed.is_empty() { "owner".to_owned() } else { trimmed.to_owned() })
    }
}

fn is_allowed(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-' | '@')
}

fn fault(text: &str) -> Option<String> {
    if text.is_empty() {
        return Some("it is empty".into());
    }
    if let Some(c) = text.chars().find(|c| !is_allowed(*c)) {
        return Some(match c {
            c if c.is_ascii_uppercase() => format!("{c:?} is upper case; logins are lower case"),
            c if c.is_ascii() => format!("{c:?} is not allowed; use a-z 0-9 . _ - @"),
            c => format!("{c:?} (U+{:04X}) is not an ASCII letter, it may only look like one", c as u32),
        });
    }
    if text.len() > MAX {
        return Some(format!("it has {} characters, {MAX} are allowed", text.len()));
    }
    let ends = [text.as_bytes()[0], text.as_bytes()[text.len() - 1]];
    ends.iter().any(|b| !b.is_ascii_alphanumeric()).then(|| "it has to begin and end with a letter or digit".into())
}

impl FromStr for Login {
    type Err = LoginError;
    fn from_str(text: &str) -> Result<Self, LoginError> {
        match fault(text) {
            None => Ok(Self(text.to_owned())),
            Some(why) => {
                let input = text.chars().take(80).flat_map(char::escape_debug).collect();
                Err(LoginError { input, why })
            }
        }
    }
}

impl TryFrom<String> for Login {
    type Error = LoginError;
    fn try_from(text: String) -> Result<Self, LoginError> {
        text.parse()
    }
}

impl From<Login> for String {
    fn from(login: Login) -> Self {
        login.0
    }
}

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_of_the_field_are_accepted() {
        for login in ["ada", "ada.lovelace", "ada@example.com", "ci-shop_2", "7"] {
            assert_eq!(login.parse::<Login>().unwrap().as_str(), login);
        }
    }

    #[test]
    fn look_alikes_upper_case_and_what_patterns_are_made_of_are_refused() {
        let long = "x".repeat(65);
        let refused =
            ["", "Ada", "аda", "ada ", "a/b", "a*", "a+b", "a,b", "a:b", "..", ".a", "a-", "a\n", "ada\u{200b}", &long];
        for login in refused {
            let error = login.parse::<Login>().unwrap_err().to_string();
            assert!(!error.chars().any(char::is_control), "{error:?}");
        }
    }

    #[test]
    fn a_name_becomes_a_login_that_parses() {
        for (name, login) in [("Ada Lovelace", "ada-lovelace"), ("Ünal", "nal"), ("", "owner"), ("***", "owner")] {
            assert_eq!(Login::near(name).as_str(), login);
            assert!(login.parse::<Login>().is_ok());
        }
    }
}
