use std::time::Duration;

use keyward_types::Secret;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use ureq::http::HeaderMap;
use zeroize::Zeroizing;

use crate::{Fault, Refusal};

/// An answer. Its body may hold a value: it is wiped, and nothing of it is repeated but a code.
pub struct Answer {
    /// The status.
    pub status: u16,
    pub(crate) headers: HeaderMap,
    /// What came with it.
    pub body: Zeroizing<Vec<u8>>,
}

/// Longest code that is repeated.
const LONGEST_CODE: usize = 64;

impl Answer {
    /// Whether it is a success.
    pub fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as JSON of this shape.
    ///
    /// # Errors
    /// `Nonsense`: of what changed something the change may be made.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        // What the parser says may quote a value.
        serde_json::from_slice(&self.body)
            .map_err(|_| Fault::nonsense(format!("{} with a body that cannot be read", self.status)))
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or_default()
    }

    /// Whether the body says this, in any case of letters and with white space anywhere.
    pub(crate) fn says(&self, text: &str) -> bool {
        let bare = |bytes: &[u8]| {
            Zeroizing::new(bytes.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect::<Vec<_>>())
        };
        let (text, body) = (bare(text.as_bytes()), bare(&self.body));
        !text.is_empty() && body.windows(text.len()).any(|window| window.eq_ignore_ascii_case(&text))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The code of an error, from wherever a provider has it: a word, never a sentence.
    pub fn code(&self) -> Option<String> {
        let body: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
        let error = body.get("error").unwrap_or(&body);
        let reason = error.pointer("/details/0/reason");
        let places = ["code", "type", "status", "reason", "error"].iter().map(|name| error.get(*name));
        std::iter::once(reason).chain(places).flatten().find_map(|value| word(value.as_str()?))
    }

    /// What happened, for people: the status and the code.
    pub fn outcome(&self) -> String {
        match self.code() {
            Some(code) => format!("{} `{code}`", self.status),
            None => self.status.to_string(),
        }
    }

    /// The refusal that an answer other than a success is, where nothing is known better.
    pub fn refusal(&self) -> Fault {
        let what = match self.status {
            401 => Refusal::Admin,
            403 => Refusal::Permission,
            404 | 410 => Refusal::Missing,
            409 | 423 => Refusal::Busy,
            _ => Refusal::Input,
        };
        Fault::refused(what, format!("the provider answers {}", self.outcome()))
    }

    /// A success, or the refusal.
    ///
    /// # Errors
    /// The refusal that it is.
    pub fn good(self) -> Result<Self, Fault> {
        if self.is_good() { Ok(self) } else { Err(self.refusal()) }
    }

    /// Takes out what is the same with every provider.
    pub(super) fn passing(self, reads: bool) -> Result<Self, Fault> {
        match self.status {
            429 => Err(Fault::Limited(self.retry_after())),
            // Whether it was done before it failed, it does not say.
            408 | 425 | 500.. if !reads => Err(Fault::Ambiguous(format!("it answers {}", self.status))),
            408 | 425 | 500.. => Err(Fault::Unreachable(format!("it answers {}", self.status))),
            300..=399 => Err(Fault::nonsense(format!("{}, a redirect, and none is followed", self.status))),
            _ => Ok(self),
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        self.header("retry-after")?.trim().parse().ok().map(Duration::from_secs)
    }
}

/// A word that may be repeated: letters, digits, `_`, `-` and `.`, of which none is a key.
pub(crate) fn word(text: &str) -> Option<String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let readable = !keyward_providers::looks_random(text);
    (!text.is_empty() && text.len() <= LONGEST_CODE && text.bytes().all(fits) && readable).then(|| text.to_owned())
}

/// Takes a value straight into custody: for fields of answers.
///
/// # Errors
/// When it is no text.
pub fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret<String>, D::Error> {
    String::deserialize(deserializer).map(|value| Secret::new("a new key", value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, headers: HeaderMap::new(), body: Zeroizing::new(body.as_bytes().to_vec()) }
    }

    #[test]
    fn a_code_is_found_wherever_providers_have_it() {
        for (body, code) in [
            (r#"{"error":{"code":"invalid_api_key","message":"Incorrect API key"}}"#, Some("invalid_api_key")),
            (r#"{"type":"error","error":{"type":"authentication_error"}}"#, Some("authentication_error")),
            (
                r#"{"error":{"code":400,"status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}"#,
                Some("API_KEY_INVALID"),
            ),
            (r#"{"ok":false,"error":"invalid_auth"}"#, None),
            (r#"{"error":{"code":"a sentence with a value"}}"#, None),
            ("<html>", None),
        ] {
            assert_eq!(answer(401, body).code().as_deref(), code, "{body}");
        }
    }

    #[test]
    fn what_fails_after_it_was_sent_is_not_known() {
        let passing = |status: u16, reads: bool| answer(status, "").passing(reads).err();
        assert!(matches!(passing(503, false), Some(Fault::Ambiguous(_))));
        assert!(matches!(passing(503, true), Some(Fault::Unreachable(_))));
        assert!(matches!(passing(429, false), Some(Fault::Limited(None))));
        assert!(matches!(passing(302, true), Some(Fault::Nonsense(_))));
        assert!(passing(200, false).is_none() && passing(401, true).is_none());
    }
}
