//! Pages of other origins: what a browser asks before, and what it is told with every answer.

use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderValue, ORIGIN, VARY,
};
use hyper::{Method, Request, Response, StatusCode};

use crate::body::{Inbound, Out};
use crate::grant::Grant;
use crate::snapshot::Snapshot;

/// The answer to what a browser asks before it sends a key: it is let go on where some key may be used
/// by that page. Which key may is judged when it comes.
pub(crate) fn preflight(snapshot: &Snapshot, request: &Request<Inbound>) -> Option<Response<Out>> {
    let headers = request.headers();
    let origin = headers.get(ORIGIN).filter(|_| request.method() == Method::OPTIONS)?;
    let method = headers.get(ACCESS_CONTROL_REQUEST_METHOD)?;
    let mut response = Response::new(Out::Whole(None));
    *response.status_mut() = StatusCode::NO_CONTENT;
    let told = response.headers_mut();
    told.insert(VARY, HeaderValue::from_static("origin"));
    if origin.to_str().is_ok_and(|origin| snapshot.knows_origin(origin)) {
        told.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        told.insert(ACCESS_CONTROL_ALLOW_METHODS, method.clone());
        if let Some(names) = headers.get(ACCESS_CONTROL_REQUEST_HEADERS) {
            told.insert(ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
        }
        told.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    }
    Some(response)
}

/// Lets a page read the answer, where the key is one of its own.
pub(crate) fn allow(grant: &Grant, origin: &HeaderValue, headers: &mut HeaderMap) {
    let ours = |origin: &str| grant.origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin));
    allow_if(origin.to_str().is_ok_and(ours), origin, headers);
}

/// Lets a page read why it was refused whose key is not known, or no longer: without that a browser tells
/// it nothing at all, and it could not know that it needs another key.
pub(crate) fn allow_refusal(snapshot: &Snapshot, origin: &HeaderValue, headers: &mut HeaderMap) {
    allow_if(origin.to_str().is_ok_and(|origin| snapshot.knows_origin(origin)), origin, headers);
}

fn allow_if(fits: bool, origin: &HeaderValue, headers: &mut HeaderMap) {
    headers.append(VARY, HeaderValue::from_static("origin"));
    if fits {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("*"));
    }
}
