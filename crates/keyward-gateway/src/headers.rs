//! Heads on their way: what a caller may not say to an upstream is taken out, the key is put in, and
//! what an upstream may not say to a caller is taken out of its answer.

use bytes::Bytes;
use data_encoding::BASE64;
use hyper::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, TE,
    TRANSFER_ENCODING,
};
use hyper::http::request::Parts;
use hyper::http::uri::PathAndQuery;
use hyper::{Method, Request, Uri, Version};
use keyward_types::Clock;
use zeroize::Zeroizing;

use crate::body::Upload;
use crate::grpc::{self, is_grpc};
use crate::http1::client::Head;
use crate::http1::writing::write_length;
use crate::identify::{is_key_place, without_key};
use crate::lease::Lease;
use crate::pool::Place;
use crate::redact::{Patterns, redact_header};
use crate::signing::Unsigned;
use crate::upstream::{Injection, Transport, Upstream};

/// The head of a request as it goes to the upstream by HTTP/2. `None` when it makes no valid head.
pub(crate) fn outgoing(
    parts: &Parts,
    upstream: &Upstream,
    place: &Place,
    (path, upload): (&str, &Upload),
    (lease, clock): (&Lease, &dyn Clock),
) -> Option<Request<()>> {
    let mut request = Request::new(());
    *request.method_mut() = parts.method.clone();
    let mut text = Vec::new();
    let grpc = is_grpc(&parts.headers);
    // A client of gRPC knows of no path before its services.
    let base = if grpc { "" } else { &*upstream.base_path };
    target(&mut text, upstream, (base, path), parts.uri.query(), lease.value());
    let signed = signed(parts, upstream, place, (&text, upload), (lease, clock))?;
    let scheme = if upstream.transport == Transport::Tls { "https" } else { "http" };
    let target = PathAndQuery::from_maybe_shared(Bytes::from(text)).ok()?;
    *request.uri_mut() =
        Uri::builder().scheme(scheme).authority(place.host.as_bytes()).path_and_query(target).build().ok()?;
    *request.version_mut() = Version::HTTP_2;
    let headers = request.headers_mut();
    headers.reserve(parts.headers.len() + 2);
    for (name, value) in passed_on(parts).filter(|(name, _)| !injects(&upstream.injection, name)) {
        headers.append(name.clone(), value.clone());
    }
    if grpc {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    if asks_for_plain(upstream) {
        let name = if grpc { grpc::ACCEPT } else { ACCEPT_ENCODING };
        headers.insert(name, HeaderValue::from_static("identity"));
    }
    for (name, value) in &upstream.headers {
        headers.insert(name.clone(), value.clone());
    }
    inject(&upstream.injection, lease.value(), &mut |name, (before, value)| {
        let text = Zeroizing::new([before, value].concat());
        let mut value = HeaderValue::from_bytes(&text).ok()?;
        value.set_sensitive(true);
        headers.insert(name.clone(), value);
        Some(())
    })?;
    for (name, text) in signed {
        headers.insert(name, HeaderValue::try_from(text).ok()?);
    }
    Some(request)
}

/// The same by HTTP/1.1, written out at once.
pub(crate) fn written(
    mut out: Vec<u8>,
    parts: &Parts,
    upstream: &Upstream,
    place: &Place,
    (path, upload): (&str, &Upload),
    (lease, clock): (&Lease, &dyn Clock),
) -> Option<Head> {
    out.extend_from_slice(parts.method.as_str().as_bytes());
    out.push(b' ');
    let start = out.len();
    target(&mut out, upstream, (&upstream.base_path, path), parts.uri.query(), lease.value());
    let signed = signed(parts, upstream, place, (&out[start..], upload), (lease, clock))?;
    let in_target = parameter(&upstream.injection).is_some();
    out.extend_from_slice(b" HTTP/1.1\r\n");
    let set = |name: &HeaderName| upstream.headers.iter().any(|(set, _)| set == name);
    let injected = |name: &HeaderName| injects(&upstream.injection, name);
    if !set(&HOST) && !injected(&HOST) {
        field(&mut out, &HOST, place.host.as_bytes());
    }
    for (name, value) in passed_on(parts).filter(|(name, _)| !set(name) && !injected(name)) {
        field(&mut out, name, value.as_bytes());
    }
    if asks_for_plain(upstream) && !set(&ACCEPT_ENCODING) {
        field(&mut out, &ACCEPT_ENCODING, b"identity");
    }
    for (name, value) in upstream.headers.iter().filter(|(name, _)| !injected(name)) {
        field(&mut out, name, value.as_bytes());
    }
    let before = out.len();
    if !lease.fits_a_header() && stands_as_it_is(&upstream.injection) {
        return None;
    }
    inject(&upstream.injection, lease.value(), &mut |name, text| {
        field_of(&mut out, name, text);
        Some(())
    })?;
    for (name, text) in &signed {
        field(&mut out, name, text.as_bytes());
    }
    let secret = if in_target { 0..out.len() } else { before..out.len() };
    match upload.length() {
        // Where a body is meant to be, none is said to be none.
        Some(0) if !matches!(parts.method, Method::POST | Method::PUT | Method::PATCH) => {}
        Some(length) => {
            out.extend_from_slice(b"content-length: ");
            write_length(&mut out, length);
            out.extend_from_slice(b"\r\n");
        }
        None => field(&mut out, &TRANSFER_ENCODING, b"chunked"),
    }
    out.extend_from_slice(b"\r\n");
    Some(Head { bytes: out, secret, no_body: parts.method == Method::HEAD })
}

/// The headers of a signature, where there is one; `None` when what has to be signed is not there, or the
/// value cannot sign.
fn signed(
    parts: &Parts,
    upstream: &Upstream,
    place: &Place,
    (target, upload): (&[u8], &Upload),
    (lease, clock): (&Lease, &dyn Clock),
) -> Option<Vec<(HeaderName, String)>> {
    let Injection::Sign(signing) = &upstream.injection else { return Some(Vec::new()) };
    let Upload::Whole(body) = upload else { return None };
    let target = std::str::from_utf8(target).ok()?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let unsigned = Unsigned {
        method: parts.method.as_str(),
        host: place.host.to_str().ok()?,
        path,
        query,
        headers: &parts.headers,
        body: body.as_deref().unwrap_or_default(),
        at: clock.now(),
    };
    signing.sign(lease.value(), &unsigned)
}

fn field(out: &mut Vec<u8>, name: &HeaderName, value: &[u8]) {
    field_of(out, name, (b"", value));
}

fn field_of(out: &mut Vec<u8>, name: &HeaderName, (before, value): (&[u8], &[u8])) {
    out.extend_from_slice(name.as_str().as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(before);
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// What a caller says that an upstream gets to hear.
fn passed_on(parts: &Parts) -> impl Iterator<Item = (&HeaderName, &HeaderValue)> {
    let named = named_by_connection(&parts.headers);
    let goes = move |name: &HeaderName| !stays_here(name) && !named.iter().any(|named| named == name.as_str());
    parts.headers.iter().filter(move |(name, _)| goes(name))
}

fn asks_for_plain(upstream: &Upstream) -> bool {
    upstream.redaction || upstream.interface.is_some()
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
        || match name.as_str().as_bytes() {
            [b'x', b'-', ..] => ["x-forwarded-", "x-keyward-"].iter().any(|start| name.as_str().starts_with(start)),
            [b's', ..] => name.as_str().starts_with("sec-"),
            [b'a', ..] => name.as_str().starts_with("access-control-"),
            _ => false,
        }
}

/// The headers that `Connection` names, in lower case.
fn named_by_connection(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    let named = values.flat_map(|value| value.split(',').map(|name| name.trim().to_ascii_lowercase()));
    named.filter(|name| name != "keep-alive" && name != "close").collect()
}

/// Writes path and query as the upstream gets them.
fn target(out: &mut Vec<u8>, upstream: &Upstream, (base, path): (&str, &str), query: Option<&str>, value: &[u8]) {
    let parameter = parameter(&upstream.injection);
    out.extend_from_slice(base.as_bytes());
    out.extend_from_slice(path.as_bytes());
    let kept = query.map(|query| without_key(query, parameter)).unwrap_or_default();
    let mut mark = b'?';
    if !kept.is_empty() {
        out.push(mark);
        out.extend_from_slice(kept.as_bytes());
        mark = b'&';
    }
    if let Some(name) = parameter {
        out.push(mark);
        out.extend_from_slice(name.as_bytes());
        out.push(b'=');
        for byte in value {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(*byte),
                byte => out.extend_from_slice(format!("%{byte:02X}").as_bytes()),
            }
        }
    }
}

fn parameter(injection: &Injection) -> Option<&str> {
    match injection {
        Injection::Query(name) => Some(name),
        Injection::Both(first, second) => parameter(first).or_else(|| parameter(second)),
        _ => None,
    }
}

/// Puts the key in: `put` overwrites whatever stands there, and gives `None` for what is no value of a header.
/// It gets what stands before the key, and the key, which is not copied together for it.
fn inject(
    injection: &Injection,
    value: &[u8],
    put: &mut impl FnMut(&HeaderName, (&[u8], &[u8])) -> Option<()>,
) -> Option<()> {
    let basic = |user: &[u8], password: &[u8]| {
        let pair = Zeroizing::new([user, password].concat());
        Zeroizing::new(format!("Basic {}", BASE64.encode(&pair)))
    };
    let (name, text) = match injection {
        Injection::Query(_) | Injection::Sign(_) => return Some(()),
        Injection::Both(first, second) => {
            inject(first, value, put)?;
            return inject(second, value, put);
        }
        Injection::Header(name, prefix) => return put(name, (prefix.as_bytes(), value)),
        Injection::BasicPassword(user) => (AUTHORIZATION, basic(&[user.as_bytes(), b":"].concat(), value)),
        Injection::BasicUser => (AUTHORIZATION, basic(value, b":")),
        Injection::Basic => (AUTHORIZATION, basic(value, b"")),
    };
    put(&name, (b"", text.as_bytes()))
}

/// Whether the key stands in a header without being coded.
fn stands_as_it_is(injection: &Injection) -> bool {
    match injection {
        Injection::Header(..) => true,
        Injection::Both(first, second) => stands_as_it_is(first) || stands_as_it_is(second),
        _ => false,
    }
}

/// Whether the key is put into this header.
fn injects(injection: &Injection, name: &HeaderName) -> bool {
    match injection {
        Injection::Query(_) => false,
        Injection::Both(first, second) => injects(first, name) || injects(second, name),
        Injection::Header(of, _) => of == name,
        Injection::Sign(signing) => signing.sets(name),
        Injection::BasicPassword(_) | Injection::BasicUser | Injection::Basic => *name == AUTHORIZATION,
    }
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
