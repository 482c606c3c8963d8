//! What a request shows of who sends it: a token in its header, or a session in a browser's cookie.

use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderValue, Method, header};
use keyward_access::SessionKind;
use keyward_types::token::{PlainToken, TokenKind};
use zeroize::Zeroizing;

use crate::origin::Origin;
use crate::problem::{Problem, Result};

/// A well-formed token that nobody has looked up yet.
#[derive(Clone, Debug)]
pub(crate) struct Credential {
    pub(crate) token: PlainToken,
    /// A browser sent it by itself.
    pub(crate) by_cookie: bool,
}

impl Credential {
    /// The one credential of a request: that of its header, else that of its cookie. A cookie
    /// counts only where a page of ours began the request.
    pub(crate) fn of(parts: &Parts) -> Result<Self> {
        Self::shown(&parts.method, &parts.headers, &parts.extensions)
    }

    /// The same of a request that is not taken apart.
    pub(crate) fn shown(method: &Method, headers: &HeaderMap, extensions: &Extensions) -> Result<Self> {
        if headers.contains_key(header::AUTHORIZATION) {
            return Ok(Self { token: bearer(headers)?, by_cookie: false });
        }
        let origin = extensions.get::<Origin>().ok_or_else(Problem::unidentified)?;
        let token = in_cookie(headers, origin).ok_or_else(Problem::unidentified)?;
        origin.began_here(method, headers)?;
        Ok(Self { token, by_cookie: true })
    }
}

/// The token of a request's header. Two of them would be two callers.
pub(crate) fn bearer(headers: &HeaderMap) -> Result<PlainToken> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(given), None) = (given.next(), given.next()) else { return Err(Problem::unidentified()) };
    let token = given.to_str().ok().and_then(|given| {
        let (scheme, token) = given.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().parse().ok()).flatten()
    });
    token.ok_or_else(Problem::unidentified)
}

/// The session in a browser's cookie. Of two cookies of the name one was put there by somebody
/// else, so that neither counts.
pub(crate) fn in_cookie(headers: &HeaderMap, origin: &Origin) -> Option<PlainToken> {
    let value = only_cookie(headers, cookie_name(origin))?;
    value.parse::<PlainToken>().ok().filter(|token| token.kind() == TokenKind::Session)
}

fn only_cookie<'a>(headers: &'a HeaderMap, called: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut ours = pairs.filter(|(name, _)| *name == called).map(|(_, value)| value);
    let (Some(value), None) = (ours.next(), ours.next()) else { return None };
    Some(value)
}

/// What keeps a session in a browser: no script reads it, no other site sends it, and over TLS no
/// other host and no page in the clear can set one of this name (RFC 6265bis, `__Host-`).
pub(crate) fn cookie(origin: &Origin, session: &PlainToken) -> Option<HeaderValue> {
    let seconds = SessionKind::Browser.longest() / 1000;
    set(origin, session.expose(), seconds)
}

/// What makes a browser forget its session.
pub(crate) fn no_cookie(origin: &Origin) -> Option<HeaderValue> {
    set(origin, "", 0)
}

/// What a browser keeps of a sign-in at a provider, sealed. It comes along when the provider sends
/// the browser back, which a cookie of the session's sort would not.
pub(crate) fn journey_cookie(origin: &Origin, sealed: &str, seconds: i64) -> Option<HeaderValue> {
    write(origin, journey_name(origin), sealed, seconds, "Lax")
}

/// The same as a browser sends it, where there is one of it.
pub(crate) fn in_journey_cookie(headers: &HeaderMap, origin: &Origin) -> Option<String> {
    only_cookie(headers, journey_name(origin)).map(str::to_owned)
}

fn journey_name(origin: &Origin) -> &'static str {
    if origin.is_encrypted() { "__Host-keyward-journey" } else { "keyward-journey" }
}

fn set(origin: &Origin, value: &str, seconds: i64) -> Option<HeaderValue> {
    write(origin, cookie_name(origin), value, seconds, "Strict")
}

fn write(origin: &Origin, name: &str, value: &str, seconds: i64, site: &str) -> Option<HeaderValue> {
    let secure = if origin.is_encrypted() { "; Secure" } else { "" };
    let text = Zeroizing::new(format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite={site}{secure}"));
    let mut header = HeaderValue::from_str(&text).ok()?;
    header.set_sensitive(true);
    Some(header)
}

fn cookie_name(origin: &Origin) -> &'static str {
    if origin.is_encrypted() { "__Host-keyward" } else { "keyward" }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, Uri};

    use super::*;
    use crate::address::Peer;
    use crate::origin::Encrypted;

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let line =
            |(name, value): &(&str, &str)| (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
        lines.iter().map(line).collect()
    }

    fn token(kind: TokenKind) -> String {
        PlainToken::generate(kind, &keyward_client::SystemRandom).unwrap().expose().to_owned()
    }

    fn origin(encrypted: bool) -> Origin {
        let host = headers(&[("host", "kw.example")]);
        Origin::of(Encrypted(encrypted), Peer(None), &Uri::from_static("/"), &host, &[])
    }

    fn shown(method: &Method, lines: &[(&str, &str)], encrypted: bool) -> Result<Credential> {
        let mut extensions = Extensions::new();
        extensions.insert(origin(encrypted));
        Credential::shown(method, &headers(lines), &extensions)
    }

    #[test]
    fn one_well_formed_token_is_taken() {
        let token = token(TokenKind::Personal);
        for scheme in ["Bearer", "bearer", "BEARER"] {
            let found = shown(&Method::POST, &[("authorization", &format!("{scheme} {token}"))], true).unwrap();
            assert!(found.token.expose() == token && !found.by_cookie);
        }
    }

    #[test]
    fn everything_else_is_nobody() {
        let token = token(TokenKind::Personal);
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
    fn a_session_in_a_cookie_is_taken_under_its_one_name() {
        let (session, personal) = (token(TokenKind::Session), token(TokenKind::Personal));
        let (hosts, plain) = (format!("__Host-keyward={session}"), format!("a=b; keyward={session}; c"));
        let twice = format!("keyward={session}; keyward={session}");
        let of = |cookie: &str, encrypted| shown(&Method::GET, &[("cookie", cookie)], encrypted);
        assert!(of(&hosts, true).unwrap().by_cookie && of(&plain, false).unwrap().by_cookie);
        assert!(of(&plain, true).is_err(), "over TLS a name that a page in the clear can set does not count");
        assert!(of(&hosts, false).is_err() && of(&twice, false).is_err());
        assert!(of(&format!("keyward={personal}"), false).is_err(), "a token is not for browsers");
        let both = [("cookie", plain.as_str()), ("authorization", "Bearer wrong")];
        assert!(shown(&Method::GET, &both, false).is_err(), "a wrong header is not mended by a cookie");
    }

    #[test]
    fn lesson_cookie_flags() {
        let session = PlainToken::generate(TokenKind::Session, &keyward_client::SystemRandom).unwrap();
        let of = |encrypted| cookie(&origin(encrypted), &session).unwrap().to_str().unwrap().to_owned();
        let rest = "; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict";
        assert_eq!(of(true), format!("__Host-keyward={}{rest}; Secure", session.expose()));
        assert_eq!(of(false), format!("keyward={}{rest}", session.expose()));
        // What goes to a provider and back comes along when that sends the browser.
        let journey = journey_cookie(&origin(true), "sealed", 600).unwrap();
        let flags = "; Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure";
        assert_eq!(journey, format!("__Host-keyward-journey=sealed{flags}"));
        let gone = no_cookie(&origin(true)).unwrap();
        assert_eq!(gone, "__Host-keyward=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict; Secure");
        assert!(gone.is_sensitive() && !of(true).contains("Domain"));
    }
}
