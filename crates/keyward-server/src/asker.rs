//! The way from a request to the vault: a token is taken from it, its holder is looked up, and a
//! desk that acts for him is asked on a thread that may block.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use keyward_access::Caller;
use keyward_client::{Expected, LocalDesk, Occasion};
use keyward_types::token::PlainToken;
use keyward_vault::Once;

use crate::address::Client;
use crate::app::App;
use crate::etag;
use crate::problem::{Problem, Result};

/// Whoever sent a request: it holds a well-formed token, and nobody has looked it up yet.
pub(crate) struct Asker {
    app: Arc<App>,
    token: PlainToken,
    /// Who it is, when that was asked already.
    identified: Option<Caller>,
    from: Option<IpAddr>,
    occasion: Occasion,
    expected: Expected,
    once: Option<Once>,
}

/// Whoever holds the token of a request, for whom comes after.
#[derive(Clone)]
pub(crate) struct Identified(pub(crate) Caller);

/// Longest reason and program that go on record, in bytes.
const MAX_WORDS: usize = 200;

impl Asker {
    /// Looks the holder up and carries `call` out for him. Both happen on one thread of the
    /// blocking pool, so that a request costs one change of threads.
    pub(crate) async fn ask<T: Send + 'static>(
        self,
        call: impl FnOnce(&LocalDesk) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let done = tokio::task::spawn_blocking(move || call(&self.desk()?));
        // A panic in a call has been reported by the hook; its message may hold anything.
        done.await.unwrap_or_else(|_panicked| Err(Problem::internal()))
    }

    fn desk(self) -> Result<LocalDesk> {
        let caller = match self.identified {
            Some(caller) => caller,
            None => identify(&self.app, &self.token, self.from)?,
        };
        let desk = LocalDesk::acting(Arc::clone(&self.app.vault), caller, self.occasion).expecting(self.expected);
        let desk = desk.once(self.once);
        Ok(match self.from {
            Some(address) => desk.from_address(address.to_string()),
            None => desk,
        })
    }
}

impl FromRequestParts<Arc<App>> for Asker {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self> {
        let token = bearer(&parts.headers).inspect_err(|_| app.metrics.unidentified())?;
        let from = parts.extensions.get::<Client>().and_then(|client| client.0);
        let agent = agent(&parts.headers);
        let reason = words(&parts.headers, "x-keyward-reason");
        let expected = etag::expected(&parts.method, &parts.headers)?;
        let identified = parts.extensions.get::<Identified>().map(|Identified(caller)| caller.clone());
        let once = parts.extensions.get::<Once>().cloned();
        Ok(Self { app: Arc::clone(app), token, identified, from, occasion: Occasion { agent, reason }, expected, once })
    }
}

/// The caller behind a token. May block.
pub(crate) fn identify(app: &App, token: &PlainToken, from: Option<IpAddr>) -> Result<Caller> {
    let found = app.authenticate.caller(&app.vault, token, from)?;
    found.ok_or_else(|| {
        app.metrics.unidentified();
        Problem::unidentified()
    })
}

/// The token of a request. Two of them would be two callers.
pub(crate) fn bearer(headers: &HeaderMap) -> Result<PlainToken> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(given), None) = (given.next(), given.next()) else { return Err(Problem::unidentified()) };
    let token = given.to_str().ok().and_then(|given| {
        let (scheme, token) = given.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().parse().ok()).flatten()
    });
    token.ok_or_else(Problem::unidentified)
}

/// What program sent a request.
pub(crate) fn agent(headers: &HeaderMap) -> String {
    words(headers, header::USER_AGENT.as_str()).unwrap_or_else(|| "unnamed program".into())
}

/// What a header says, fit for the log.
fn words(headers: &HeaderMap, name: &str) -> Option<String> {
    let text = String::from_utf8_lossy(headers.get(name)?.as_bytes()).into_owned();
    let mut text: String = text.chars().filter(|c| !c.is_control()).collect();
    let end = (0..=MAX_WORDS.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    text.truncate(end);
    Some(text).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let line = |(name, value): &(&str, &str)| {
            (name.parse::<axum::http::HeaderName>().unwrap(), axum::http::HeaderValue::from_str(value).unwrap())
        };
        lines.iter().map(line).collect()
    }

    fn token() -> String {
        let made = PlainToken::generate(keyward_types::token::TokenKind::Personal, &keyward_client::SystemRandom);
        made.unwrap().expose().to_owned()
    }

    #[test]
    fn one_well_formed_token_is_taken() {
        let token = token();
        for scheme in ["Bearer", "bearer", "BEARER"] {
            let headers = headers(&[("authorization", &format!("{scheme} {token}"))]);
            assert_eq!(bearer(&headers).unwrap().expose(), token);
        }
    }

    #[test]
    fn everything_else_is_nobody() {
        let token = token();
        let (cut, basic) = (format!("Bearer {}", &token[..40]), format!("Basic {token}"));
        let whole = format!("Bearer {token}");
        for lines in [
            &[][..],
            &[("authorization", "Bearer")],
            &[("authorization", &cut)],
            &[("authorization", &basic)],
            &[("authorization", &token)],
            &[("authorization", &whole), ("authorization", &whole)],
        ] {
            assert!(bearer(&headers(lines)).is_err(), "{lines:?}");
        }
    }

    #[test]
    fn words_for_the_log_are_short_and_harmless() {
        let long = "ä".repeat(300);
        let headers = headers(&[("user-agent", "curl/8\t"), ("x-keyward-reason", "because")]);
        assert_eq!(words(&headers, "x-keyward-reason").as_deref(), Some("because"));
        assert_eq!(words(&headers, "user-agent").as_deref(), Some("curl/8"));
        let mut headers = HeaderMap::new();
        headers.insert("user-agent", axum::http::HeaderValue::from_bytes(long.as_bytes()).unwrap());
        assert!(words(&headers, "user-agent").unwrap().len() <= MAX_WORDS);
        assert_eq!(words(&headers, "x-keyward-reason"), None);
    }
}
