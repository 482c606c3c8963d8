use data_encoding::BASE64URL_NOPAD;
use keyward_types::Timestamp;
use serde_json::{Map, Value};

use super::Fault;

/// What a token has to be.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// Who made it, to the letter.
    pub issuer: &'a str,
    /// For whom it is: our client id, or the audience of a trust.
    pub audience: &'a str,
    /// What was sent along with the question that it answers. With it, the token is an answer: it
    /// is fresh, and was made for nobody else.
    pub nonce: Option<&'a str>,
    /// The access token that came with it.
    pub access_token: Option<&'a str>,
}

/// What a provider says of somebody, and signed. Made by [`super::verify`] alone.
#[derive(Clone, PartialEq)]
pub struct Claims {
    issuer: String,
    subject: String,
    all: Map<String, Value>,
}

/// Longest subject, in bytes (OpenID Connect Core, 2, has 255 characters; workloads have more).
const LONGEST_SUBJECT: usize = 1024;

impl Claims {
    /// Of a token whose signature was verified.
    pub(super) fn of(token: &str, issuer: &str, subject: &str) -> Result<Self, Fault> {
        let fits = (1..=LONGEST_SUBJECT).contains(&subject.len()) && !subject.chars().any(char::is_control);
        let all = part(token, 1).ok_or(Fault::Malformed)?;
        match fits {
            true => Ok(Self { issuer: issuer.to_owned(), subject: subject.to_owned(), all }),
            false => Err(Fault::Subject),
        }
    }

    /// Refuses what is from a time that has not come, and what was made too long ago.
    pub(super) fn check_times(&self, now: Timestamp, fresh: Option<i64>, skew: i64) -> Result<(), Fault> {
        let ahead = now.0.saturating_add(skew);
        let moment = |name: &str| self.moment(name);
        if moment("nbf").is_some_and(|from| from > ahead) || moment("iat").is_some_and(|made| made > ahead) {
            return Err(Fault::Early);
        }
        let old = |made: i64| fresh.is_some_and(|fresh| now.0.saturating_sub(made) > fresh.saturating_add(skew));
        match moment("iat").is_some_and(old) {
            true => Err(Fault::Expired),
            false => Ok(()),
        }
    }

    /// Who says so.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Of whom, by a name that the issuer gives to nobody else.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The token's own name (`jti`), where it has one.
    pub fn token_id(&self) -> Option<&str> {
        self.text("jti")
    }

    /// Until when it can be shown.
    pub fn expires_at(&self) -> Timestamp {
        Timestamp(self.moment("exp").unwrap_or(0))
    }

    /// A mail address that the provider has verified.
    pub fn verified_email(&self) -> Option<&str> {
        let verified = matches!(self.all.get("email_verified"), Some(Value::Bool(true)));
        self.text("email").filter(|_| verified)
    }

    /// How somebody showed who he is (RFC 8176), for the log.
    pub fn methods(&self) -> Vec<String> {
        let listed = self.all.get("amr").and_then(Value::as_array).into_iter().flatten();
        let words = listed.filter_map(Value::as_str).take(8);
        words.map(|word| word.chars().filter(|c| !c.is_control()).take(32).collect()).collect()
    }

    /// A claim that is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.all.get(name).and_then(Value::as_str)
    }

    /// Any claim.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.all.get(name)
    }

    /// In milliseconds; tokens have seconds, whole or not.
    fn moment(&self, name: &str) -> Option<i64> {
        let seconds = self.all.get(name)?.as_f64()?;
        // Saturates where no clock goes.
        Some((seconds * 1000.0) as i64)
    }
}

impl std::fmt::Debug for Claims {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Claims").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// Who a token says made it, before anything of it is believed: to choose whose keys to look at.
pub fn issuer_of(token: &str) -> Option<String> {
    if token.len() > super::LONGEST {
        return None;
    }
    part(token, 1)?.get("iss")?.as_str().map(str::to_owned)
}

/// Header or body of a token, unverified.
pub(super) fn part(token: &str, index: usize) -> Option<Map<String, Value>> {
    let bytes = BASE64URL_NOPAD.decode(token.split('.').nth(index)?.as_bytes()).ok()?;
    serde_json::from_slice(&bytes).ok()
}
