//! Services that want requests signed: the value stays here, and what goes out is made with it of the whole
//! request.

use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName};
use keyward_sign::keyed::{self, Keyed};
use keyward_sign::sigv4::{AccessKey, Signed, body_hash, canonical_path, canonical_query};
use keyward_types::Timestamp;

/// How a service wants requests signed.
#[derive(Clone, Debug)]
pub enum Signing {
    /// AWS Signature Version 4. The value is an access key, as `ID:SECRET` or as JSON.
    Aws {
        /// `eu-central-1`
        region: Box<str>,
        /// `execute-api`
        service: Box<str>,
    },
    /// An HMAC of a text made of the request's parts.
    Keyed(Box<KeyedHeader>),
}

/// Where an HMAC goes, and what goes with it.
#[derive(Clone, Debug)]
pub struct KeyedHeader {
    /// What is signed, and how.
    pub keyed: Keyed,
    /// The signature's header.
    pub header: HeaderName,
    /// What stands before it there.
    pub prefix: Box<str>,
    /// The header of the time that is part of the text.
    pub time: Option<HeaderName>,
    /// The header of the key's name. With it the value is `NAME:KEY`, and the second part signs.
    pub name: Option<HeaderName>,
}

/// A request that is about to be sent.
pub(crate) struct Unsigned<'a> {
    pub(crate) method: &'a str,
    pub(crate) host: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: &'a str,
    /// What the caller sends.
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
    pub(crate) at: Timestamp,
}

/// What AWS's signatures set beside `Authorization`.
const DATE: &str = "x-amz-date";
const BODY_HASH: &str = "x-amz-content-sha256";
const SESSION: &str = "x-amz-security-token";

impl Signing {
    /// Whether this header is set by the signature, so that whatever a caller says in it does not count.
    pub(crate) fn sets(&self, name: &HeaderName) -> bool {
        match self {
            Self::Aws { .. } => *name == AUTHORIZATION || [DATE, BODY_HASH, SESSION].contains(&name.as_str()),
            Self::Keyed(of) => [Some(&of.header), of.time.as_ref(), of.name.as_ref()].contains(&Some(name)),
        }
    }

    /// The headers that a request is signed by; `None` where the value is none that it can be signed with.
    pub(crate) fn sign(&self, value: &[u8], request: &Unsigned<'_>) -> Option<Vec<(HeaderName, String)>> {
        match self {
            Self::Aws { region, service } => aws((region, service), value, request),
            Self::Keyed(of) => of.sign(value, request),
        }
    }
}

fn aws((region, service): (&str, &str), value: &[u8], request: &Unsigned<'_>) -> Option<Vec<(HeaderName, String)>> {
    let (key, _) = AccessKey::read(std::str::from_utf8(value).ok()?)?;
    let hash = body_hash(request.body);
    let session = key.session.as_ref().map(|session| session.expose().clone());
    let mut headers = vec![(BODY_HASH, hash.as_str())];
    headers.extend(session.as_deref().map(|session| (SESSION, session)));
    // What an action hangs on has to be signed, too.
    for (name, value) in request.headers {
        let counts = name.as_str().starts_with("x-amz-") && ![DATE, BODY_HASH, SESSION].contains(&name.as_str());
        if (counts || name == CONTENT_TYPE) && request.headers.get_all(name).iter().nth(1).is_none() {
            headers.push((name.as_str(), value.to_str().ok()?));
        }
    }
    let signed = Signed {
        method: request.method,
        host: request.host,
        path: &canonical_path(request.path, service),
        query: &canonical_query(request.query),
        headers: &headers,
        body: request.body,
        region,
        service,
    };
    let (date, authorization) = signed.by(&key, request.at);
    let named = HeaderName::from_static;
    let mut set = vec![(named(DATE), date), (named(BODY_HASH), hash.clone()), (AUTHORIZATION, authorization)];
    set.extend(session.map(|session| (named(SESSION), session)));
    Some(set)
}

impl KeyedHeader {
    fn sign(&self, value: &[u8], request: &Unsigned<'_>) -> Option<Vec<(HeaderName, String)>> {
        let (name, key) = match &self.name {
            None => (None, value),
            Some(header) => {
                let at = memchr::memchr(b':', value)?;
                let name = std::str::from_utf8(&value[..at]).ok()?;
                (Some((header.clone(), name.to_owned())), &value[at + 1..])
            }
        };
        let Unsigned { method, host, path, query, body, at, .. } = *request;
        let signature = self.keyed.sign(key, &keyed::Request { method, host, path, query, body, at });
        let millis = self.keyed.time().unwrap_or_default();
        let time = if millis { at.0 } else { at.0.div_euclid(1000) };
        let mut set = vec![(self.header.clone(), format!("{}{signature}", self.prefix))];
        set.extend(self.time.iter().map(|header| (header.clone(), time.to_string())));
        set.extend(name);
        Some(set)
    }
}
