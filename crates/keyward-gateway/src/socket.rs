//! WebSockets (RFC 6455): a handshake is judged like any other call, is made anew at the upstream, and the
//! two connections are then driven by one task until one of them ends, or the key's right to it.
//!
//! What opens one is read strictly ([`is_opening`]): whatever else asks for an upgrade is refused before
//! anybody looks at it. Extensions are not offered to the upstream, so that no frame comes compressed and
//! all of them can be looked into.

mod carry;
mod frames;

use std::net::IpAddr;

use bytes::BytesMut;
use data_encoding::BASE64;
use hyper::header::{CONNECTION, HeaderMap, HeaderName, HeaderValue, ORIGIN, UPGRADE};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode, Version};
use sha1::{Digest as _, Sha1};

pub(crate) use self::carry::{Carried, carry};
use crate::glob::Glob;
use crate::grant::Route;
use crate::identify::{PROTOCOLS, key_in_protocol, protocols};
use crate::narrowing::{Condition, Narrowing};
use crate::refusal::Reason;

const KEY: &str = "sec-websocket-key";
const VERSION: &str = "sec-websocket-version";
const ACCEPT: &str = "sec-websocket-accept";
const EXTENSIONS: &str = "sec-websocket-extensions";
/// What an answer is made of beside the key (RFC 6455, 1.3).
const MARK: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A caller's handshake.
pub(crate) struct Opening {
    pub(crate) peer: IpAddr,
    pub(crate) origin: Option<HeaderValue>,
    key: HeaderValue,
    /// What it is to carry, without what is a key.
    protocols: Vec<u8>,
}

/// Whether a head that asks for an upgrade opens a WebSocket, and in one way only.
pub(crate) fn is_opening(parts: &Parts, bodiless: bool) -> Result<(), Reason> {
    let upgrades = one(&parts.headers, UPGRADE).is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket"));
    let key = one(&parts.headers, KEY).and_then(|key| BASE64.decode(key.as_bytes()).ok());
    let whole = bodiless
        && parts.method == Method::GET
        && upgrades
        && is_announced(&parts.headers)
        && key.is_some_and(|key| key.len() == 16);
    match one(&parts.headers, VERSION) {
        _ if !whole => Err(Reason::Upgrade),
        Some(version) if version == "13" => Ok(()),
        _ => Err(Reason::SocketVersion),
    }
}

/// Whether a request opens one: its head has been looked at when it was read.
pub(crate) fn opens(parts: &Parts) -> bool {
    parts.version == Version::HTTP_11 && parts.headers.contains_key(UPGRADE)
}

/// Whether the words of `Connection` are this one, beside the one that changes nothing.
fn is_announced(headers: &HeaderMap) -> bool {
    let words = headers.get_all(CONNECTION).iter().flat_map(|value| protocols(value.as_bytes()));
    let mut announced = false;
    for word in words {
        match word {
            word if word.eq_ignore_ascii_case(b"upgrade") => announced = true,
            word if word.eq_ignore_ascii_case(b"keep-alive") => {}
            // A header that is named here would be taken for one of this connection's own.
            _ => return false,
        }
    }
    announced
}

/// The only one of its name.
fn one(headers: &HeaderMap, name: impl hyper::header::AsHeaderName) -> Option<&HeaderValue> {
    let mut all = headers.get_all(name).iter();
    all.next().filter(|_| all.next().is_none())
}

/// Judges what a socket is for. What is said in it is not read beforehand, so that a key with limits on
/// numbers of the body has none; its model has to stand in the query. What its holder added counts as well.
///
/// # Errors
/// The first reason against it.
pub(crate) fn judge(route: &Route, narrowing: Option<&Narrowing>, query: Option<&str>) -> Result<(), Reason> {
    if !route.maxima.is_empty() || narrowing.is_some_and(|narrowing| !narrowing.maxima.is_empty()) {
        return Err(Reason::Field);
    }
    let added =
        narrowing.into_iter().flat_map(|narrowing| &narrowing.conditions).filter_map(|condition| match condition {
            Condition::Models(allowed) => Some(&**allowed),
            _ => None,
        });
    let granted = Some(&*route.models).filter(|granted| !granted.is_empty());
    let fits = |allowed: &[Glob]| {
        let mut named = models(query).peekable();
        named.peek().is_some() && named.all(|model| allowed.iter().any(|allowed| allowed.matches(model)))
    };
    if granted.into_iter().chain(added).all(fits) { Ok(()) } else { Err(Reason::Model) }
}

/// The model that a socket is for.
pub(crate) fn model(query: Option<&str>) -> Option<&str> {
    models(query).next()
}

/// Every value of the parameter, as it is spelled: a model with an escape in it is none that fits.
fn models(query: Option<&str>) -> impl Iterator<Item = &str> {
    let pairs = query.into_iter().flat_map(|query| query.split('&'));
    pairs.filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        // A name in another spelling is believed by some, and so its value has to fit, too.
        (name.eq_ignore_ascii_case("model") || name.contains('%')).then_some(value)
    })
}

impl Opening {
    /// What of a handshake goes on.
    pub(crate) fn of(headers: &HeaderMap, peer: IpAddr) -> Option<Self> {
        let names = headers.get_all(PROTOCOLS).iter().flat_map(|value| protocols(value.as_bytes()));
        let names: Vec<&[u8]> = names.filter(|name| key_in_protocol(name).is_none()).collect();
        let (key, origin) = (headers.get(KEY)?.clone(), headers.get(ORIGIN).cloned());
        Some(Self { peer, origin, key, protocols: names.join(&b", "[..]) })
    }

    /// The handshake as the upstream gets it, in place of the empty line that ends a head.
    pub(crate) fn write(&self, head: &mut Vec<u8>) {
        head.truncate(head.len() - 2);
        head.extend_from_slice(b"connection: Upgrade\r\nupgrade: websocket\r\n");
        let fields = [(VERSION, &b"13"[..]), (KEY, self.key.as_bytes()), (PROTOCOLS, &self.protocols)];
        for (name, value) in fields.into_iter().filter(|(_, value)| !value.is_empty()) {
            head.extend_from_slice(name.as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value);
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"\r\n");
    }

    /// The answer to the caller, where the upstream's is one to this handshake.
    ///
    /// # Errors
    /// When it answers another, or opens something else than what was asked for.
    pub(crate) fn answer(&self, told: &HeaderMap) -> Result<Response<()>, Reason> {
        let accept = BASE64.encode(&Sha1::new().chain_update(self.key.as_bytes()).chain_update(MARK).finalize());
        let right = one(told, UPGRADE).is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket"))
            && is_announced(told)
            && one(told, ACCEPT).is_some_and(|told| *told == accept.as_str())
            && !told.contains_key(EXTENSIONS);
        let chosen = told.get(PROTOCOLS);
        let offered = |chosen: &HeaderValue| protocols(&self.protocols).any(|name| name == chosen.as_bytes());
        if !right || told.get_all(PROTOCOLS).iter().count() > 1 || !chosen.is_none_or(offered) {
            return Err(Reason::BadAnswer);
        }
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(ACCEPT, HeaderValue::try_from(accept).map_err(|_| Reason::BadAnswer)?);
        if let Some(chosen) = chosen {
            headers.insert(PROTOCOLS, chosen.clone());
        }
        Ok(response)
    }
}

/// The caller's answer as it is written.
fn written(head: &Response<()>) -> Vec<u8> {
    let mut out = b"HTTP/1.1 101 Switching Protocols\r\n".to_vec();
    let mut line = |name: &HeaderName, value: &HeaderValue| {
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    };
    head.headers().iter().for_each(|(name, value)| line(name, value));
    out.extend_from_slice(b"\r\n");
    out
}

/// What came ahead of its time: frames behind a handshake.
type Ahead = BytesMut;

#[cfg(test)]
mod tests;
