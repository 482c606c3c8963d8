//! Heads on their way: what a caller may not say to an upstream is taken out, the key is put in, and
//! what an upstream may not say to a caller is taken out of its answer.

use bytes::{BufMut, BytesMut};
use data_encoding::BASE64;
use hyper::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue,
    TRANSFER_ENCODING,
};
use hyper::http::request::Parts;
use hyper::http::uri::PathAndQuery;
use hyper::{Request, Uri, Version};
use zeroize::Zeroizing;

use crate::identify::{is_key_place, without_key};
use crate::lease::Lease;
use crate::pool::Place;
use crate::redact::{Patterns, redact_header};
use crate::upstream::{Injection, Upstream};

/// The head of a request as it goes to the upstream. `None` when it makes no valid head.
pub(crate) fn outgoing(
    parts: &Parts,
    upstream: &Upstream,
    place: &Place,
    path: &str,
    lease: &Lease,
    http2: bool,
) -> Option<Request<()>> {
    let mut request = Request::new(());
    *request.method_mut() = parts.method.clone();
    let target = target(upstream, path, parts.uri.query(), lease.value())?;
    *request.uri_mut() = match http2 {
        true => Uri::builder().scheme("https").authority(place.host.as_bytes()).path_and_query(target).build().ok()?,
        false => Uri::from(target),
    };
    *request.version_mut() = if http2 { Version::HTTP_2 } else { Version::HTTP_11 };
    let headers = request.headers_mut();
    headers.reserve(parts.headers.len() + 2);
    let named = named_by_connection(&parts.headers);
    for (name, value) in &parts.headers {
        if !stays_here(name) && !named.iter().any(|named| named == name.as_str()) {
            headers.append(name.clone(), value.clone());
        }
    }
    if !http2 {
        headers.insert(HOST, place.host.clone());
    }
    if upstream.redaction || upstream.interface.is_some() {
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }
    for (name, value) in &upstream.headers {
        headers.insert(name.clone(), value.clone());
    }
    inject(&upstream.injection, lease.value(), headers)?;
    Some(request)
}

/// What is between the caller and us, what tells of him, and every place of a key.
fn stays_here(name: &HeaderName) -> bool {
    // The length is that of the body which is really sent.
    is_key_place(name)
        || matches!(*name, HOST | CONNECTION | CONTENT_LENGTH | TRANSFER_ENCODING | ACCEPT_ENCODING)
        || matches!(
            name.as_str(),
            "keep-alive"
                | "proxy-connection"
                | "proxy-authorization"
                | "te"
                | "trailer"
                | "upgrade"
                | "expect"
                | "http2-settings"
                | "cookie"
                | "origin"
                | "referer"
                | "forwarded"
                | "via"
                | "x-real-ip"
                | "x-original-url"
                | "x-rewrite-url"
                | "x-http-method-override"
                | "x-method-override"
                | "x-http-method"
        )
        || ["x-forwarded-", "sec-", "access-control-", "x-keyward-"]
            .iter()
            .any(|start| name.as_str().starts_with(start))
}

/// The headers that `Connection` names, in lower case.
fn named_by_connection(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let named = values.flat_map(|value| value.split(',').map(|name| name.trim().to_ascii_lowercase()));
    named.filter(|name| name != "keep-alive" && name != "close").collect()
}

/// Path and query as the upstream gets them.
fn target(upstream: &Upstream, path: &str, query: Option<&str>, value: &[u8]) -> Option<PathAndQuery> {
    let parameter = parameter(&upstream.injection);
    let room = query.map_or(0, str::len) + parameter.map_or(0, |name| name.len() + 3 * value.len());
    let mut target = BytesMut::with_capacity(upstream.base_path.len() + path.len() + room + 4);
    target.extend_from_slice(upstream.base_path.as_bytes());
    target.extend_from_slice(path.as_bytes());
    let kept = query.map(|query| without_key(query, parameter)).unwrap_or_default();
    let mut mark = b'?';
    if !kept.is_empty() {
        target.put_u8(mark);
        target.extend_from_slice(kept.as_bytes());
        mark = b'&';
    }
    if let Some(name) = parameter {
        target.put_u8(mark);
        target.extend_from_slice(name.as_bytes());
        target.put_u8(b'=');
        for byte in value {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => target.put_u8(*byte),
                byte => target.extend_from_slice(format!("%{byte:02X}").as_bytes()),
            }
        }
    }
    PathAndQuery::from_maybe_shared(target.freeze()).ok()
}

fn parameter(injection: &Injection) -> Option<&str> {
    match injection {
        Injection::Query(name) => Some(name),
        Injection::Both(first, second) => parameter(first).or_else(|| parameter(second)),
        _ => None,
    }
}

/// Puts the key in. It overwrites whatever stands there.
fn inject(injection: &Injection, value: &[u8], headers: &mut HeaderMap) -> Option<()> {
    let basic = |user: &[u8], password: &[u8]| {
        let pair = Zeroizing::new([user, password].concat());
        Zeroizing::new(format!("Basic {}", BASE64.encode(&pair)))
    };
    let (name, text) = match injection {
        Injection::Query(_) => return Some(()),
        Injection::Both(first, second) => {
            inject(first, value, headers)?;
            return inject(second, value, headers);
        }
        Injection::Header(name, prefix) => {
            let mut text = BytesMut::with_capacity(prefix.len() + value.len());
            text.extend_from_slice(prefix.as_bytes());
            text.extend_from_slice(value);
            let mut text = HeaderValue::from_maybe_shared(text.freeze()).ok()?;
            text.set_sensitive(true);
            headers.insert(name.clone(), text);
            return Some(());
        }
        Injection::BasicPassword(user) => (AUTHORIZATION, basic(&[user.as_bytes(), b":"].concat(), value)),
        Injection::BasicUser => (AUTHORIZATION, basic(value, b":")),
        Injection::Basic => (AUTHORIZATION, basic(value, b"")),
    };
    set(headers, name, text.as_bytes())
}

fn set(headers: &mut HeaderMap, name: HeaderName, text: &[u8]) -> Option<()> {
    let mut value = HeaderValue::from_bytes(text).ok()?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Some(())
}

/// The headers of an answer as the caller gets them, with the key masked wherever it stands.
pub(crate) fn answered(mut headers: HeaderMap, patterns: &Patterns) -> HeaderMap {
    let mut drop: Vec<HeaderName> = Vec::new();
    for (name, value) in &mut headers {
        if is_for_us(name) || patterns.stand_in(name.as_str().as_bytes()) {
            drop.push(name.clone());
        } else if let Some(masked) = redact_header(patterns, value) {
            *value = masked;
        }
    }
    let named = named_by_connection(&headers);
    for name in drop {
        headers.remove(name);
    }
    for name in named {
        headers.remove(name);
    }
    headers
}

/// What concerns our connection to the upstream, or the upstream's own place among a browser's pages.
fn is_for_us(name: &HeaderName) -> bool {
    matches!(*name, CONNECTION | TRANSFER_ENCODING)
        || matches!(
            name.as_str(),
            "keep-alive"
                | "proxy-connection"
                | "proxy-authenticate"
                | "te"
                | "trailer"
                | "upgrade"
                | "set-cookie"
                | "alt-svc"
                | "refresh"
                | "clear-site-data"
                | "strict-transport-security"
                | "service-worker-allowed"
                | "x-keyward-refused"
        )
        || name.as_str().starts_with("access-control-")
}
