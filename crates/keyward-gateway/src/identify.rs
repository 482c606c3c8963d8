//! Which key a request presents.
//!
//! SDKs put a key in different places, and a caller may use any of them. Two that disagree are
//! refused, since one of them would be judged and the other might be believed further on. The value
//! is looked for in a closed list of places, and [`is_key_place`] is the same list for taking it out.

use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, HeaderName};

/// Headers that hold a key and nothing else.
const HEADERS: [&str; 4] = ["x-api-key", "x-goog-api-key", "api-key", "apikey"];

/// The header of Neon's driver: a connection string, with the key as its password.
const CONNECTION_STRING: &str = "neon-connection-string";

/// What a WebSocket is to carry. A page can set no other header of its handshake.
pub(crate) const PROTOCOLS: &str = "sec-websocket-protocol";

/// What stands before a key among these, in OpenAI's realtime API.
const IN_PROTOCOL: &[u8] = b"openai-insecure-api-key.";

/// The parameter of the query that holds a key.
pub(crate) const QUERY: &str = "key";

/// Why no key was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoKey {
    /// There is none.
    Missing,
    /// There are two that differ.
    Disagree,
    /// What stands there cannot be one.
    Malformed,
}

/// The key that a request presents.
///
/// # Errors
/// When there is none, or two that differ.
pub fn identify<'a>(headers: &'a HeaderMap, query: Option<&'a str>) -> Result<&'a [u8], NoKey> {
    let mut found: Option<&[u8]> = None;
    let mut take = |key: &'a [u8]| match found {
        Some(other) if other != key => Err(NoKey::Disagree),
        _ => {
            found = Some(key);
            Ok(())
        }
    };
    // One look at each header costs less than one for each place in all of them.
    for (name, value) in headers {
        let value = value.as_bytes();
        match name.as_str() {
            "authorization" => {
                let (scheme, key) = value.split_at(value.len().min(6));
                if !scheme.eq_ignore_ascii_case(b"bearer") || key.first().is_some_and(|byte| *byte != b' ') {
                    return Err(NoKey::Malformed);
                }
                take(key.trim_ascii())?;
            }
            CONNECTION_STRING => password(value).map_or(Ok(()), &mut take)?,
            PROTOCOLS => protocols(value).filter_map(key_in_protocol).try_for_each(&mut take)?,
            name if HEADERS.contains(&name) => take(value.trim_ascii())?,
            _ => {}
        }
    }
    for (name, value) in query.into_iter().flat_map(pairs) {
        if is_named(name, QUERY) {
            take(value.as_bytes())?;
        }
    }
    match found {
        None | Some([]) => Err(NoKey::Missing),
        Some(key) if key.len() > 4096 => Err(NoKey::Malformed),
        Some(key) => Ok(key),
    }
}

/// Whether a header holds a key in some SDK's form, so that it never goes on.
pub fn is_key_place(name: &HeaderName) -> bool {
    *name == AUTHORIZATION || HEADERS.contains(&name.as_str()) || name.as_str() == CONNECTION_STRING
}

/// The protocols that a header names.
pub(crate) fn protocols(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|name| !name.is_empty())
}

/// The key that is put as the name of a protocol.
pub(crate) fn key_in_protocol(name: &[u8]) -> Option<&[u8]> {
    let (before, key) = name.split_at_checked(IN_PROTOCOL.len())?;
    before.eq_ignore_ascii_case(IN_PROTOCOL).then_some(key)
}

/// The password of a connection string: `postgresql://user:password@host/database`.
fn password(text: &[u8]) -> Option<&[u8]> {
    let start = memchr::memmem::find(text, b"://")? + 3;
    let authority = text[start..].split(|byte| matches!(byte, b'/' | b'?' | b'#')).next()?;
    let user = &authority[..memchr::memrchr(b'@', authority)?];
    let password = &user[memchr::memchr(b':', user)? + 1..];
    (!password.is_empty()).then_some(password)
}

/// The query without the key, and without `other`, the parameter that the upstream reads a key from.
/// Nothing else is rewritten.
pub fn without_key(query: &str, other: Option<&str>) -> String {
    let mut out = String::with_capacity(query.len());
    for pair in query.split('&') {
        let name = pair.split('=').next().unwrap_or_default();
        if is_named(name, QUERY) || other.is_some_and(|other| is_named(name, other)) {
            continue;
        }
        if !out.is_empty() {
            out.push('&');
        }
        out.push_str(pair);
    }
    out
}

/// Names and values as they stand.
fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// Whether a parameter has this name, in any of its encodings and in any case.
fn is_named(name: &str, wanted: &str) -> bool {
    if !name.contains('%') {
        return name.eq_ignore_ascii_case(wanted);
    }
    decoded(name).eq_ignore_ascii_case(wanted.as_bytes())
}

fn decoded(text: &str) -> Vec<u8> {
    let (bytes, mut out, mut i) = (text.as_bytes(), Vec::with_capacity(text.len()), 0);
    while i < bytes.len() {
        let digits = (bytes[i] == b'%').then(|| text.get(i + 1..i + 3)).flatten();
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                i += 3;
            }
            None => {
                out.push(bytes[i]);
                i += 1;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn of(headers: &[(&'static str, &'static str)], query: Option<&'static str>) -> Result<String, NoKey> {
        let headers: HeaderMap = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        identify(&headers, query).map(|key| String::from_utf8(key.to_vec()).unwrap())
    }

    #[test]
    fn every_place_is_known() {
        assert_eq!(of(&[("authorization", "Bearer k1")], None).unwrap(), "k1");
        assert_eq!(of(&[("authorization", "bearer k1")], None).unwrap(), "k1");
        for name in HEADERS {
            assert_eq!(of(&[(name, "k1")], None).unwrap(), "k1");
            assert!(is_key_place(&HeaderName::from_static(name)));
        }
        assert_eq!(of(&[], Some("alt=sse&key=k1")).unwrap(), "k1");
        assert_eq!(of(&[], Some("%6bey=k1")).unwrap(), "k1");
    }

    #[test]
    fn a_connection_string_has_it_as_its_password() {
        let of = |text: &'static str| of(&[(CONNECTION_STRING, text)], None);
        assert_eq!(of(concat!("postgresql://any:", "k1@h.example/db?sslmode=require")).unwrap(), "k1");
        assert_eq!(of(concat!("postgres://any:", "k1@h.example")).unwrap(), "k1");
        for none in ["", "k1", "postgres://h.example/a:b@c", concat!("postgres://any:", "@h"), "postgres://any@h/db"] {
            assert_eq!(of(none), Err(NoKey::Missing), "{none}");
        }
        assert!(is_key_place(&HeaderName::from_static(CONNECTION_STRING)));
    }

    #[test]
    fn a_page_has_it_among_the_protocols_of_its_socket() {
        let of = |value: &'static str, query| of(&[(PROTOCOLS, value)], query);
        assert_eq!(of("realtime, openai-insecure-api-key.k1, openai-beta.realtime-v1", None).unwrap(), "k1");
        assert_eq!(of("realtime,OpenAI-Insecure-API-Key.k1", Some(concat!("k", "ey=k1"))).unwrap(), "k1");
        assert_eq!(of("openai-insecure-api-key.k1, openai-insecure-api-key.k2", None), Err(NoKey::Disagree));
        assert_eq!(of("realtime, openai-insecure-api-key", None), Err(NoKey::Missing));
    }

    #[test]
    fn two_that_disagree_are_refused_and_two_alike_are_one() {
        assert_eq!(of(&[("authorization", "Bearer k1"), ("apikey", "k2")], None), Err(NoKey::Disagree));
        assert_eq!(of(&[("x-api-key", "k1")], Some("key=k2")), Err(NoKey::Disagree));
        assert_eq!(of(&[], Some("key=k1&KEY=k2")), Err(NoKey::Disagree));
        assert_eq!(of(&[("authorization", "Bearer k1"), ("authorization", "Bearer k2")], None), Err(NoKey::Disagree));
        assert_eq!(of(&[("authorization", "Bearer k1"), ("apikey", "k1")], None).unwrap(), "k1");
    }

    #[test]
    fn none_is_missing_and_other_schemes_are_malformed() {
        assert_eq!(of(&[], None), Err(NoKey::Missing));
        assert_eq!(of(&[("x-api-key", "")], None), Err(NoKey::Missing));
        assert_eq!(of(&[("authorization", "Basic azE6")], None), Err(NoKey::Malformed));
        assert_eq!(of(&[("authorization", "k")], None), Err(NoKey::Malformed));
    }

    #[test]
    fn the_query_keeps_the_rest_as_it_stands() {
        assert_eq!(without_key(concat!("alt=sse&k", "ey=k1&x=%20&y"), None), "alt=sse&x=%20&y");
        assert_eq!(without_key("k%65y=k1", None), "");
        assert_eq!(without_key("token=a&b=", Some("token")), "b=");
    }
}
