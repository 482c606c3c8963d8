//! An answer that is given again, as it is remembered and as the store keeps it.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

const REPEATED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// An answer.
#[derive(Clone)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// It may hold a token that was just made.
    pub(super) body: Zeroizing<Vec<u8>>,
}

/// An answer as the store keeps it.
#[derive(Serialize, Deserialize)]
struct Packed {
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    pub(super) fn pack(&self) -> Zeroizing<Vec<u8>> {
        let headers = self
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())));
        let mut packed = Packed { headers: headers.collect(), body: BASE64.encode(&self.body) };
        let bytes = Zeroizing::new(serde_json::to_vec(&packed).unwrap_or_default());
        packed.body.zeroize();
        bytes
    }

    pub(super) fn unpack(status: u16, bytes: &[u8]) -> Option<Self> {
        let mut packed: Packed = serde_json::from_slice(bytes).ok()?;
        let body = Zeroizing::new(BASE64.decode(packed.body.as_bytes()).ok()?);
        packed.body.zeroize();
        let header = |(name, value): &(String, String)| Some((name.parse::<HeaderName>().ok()?, value.parse().ok()?));
        let headers = packed.headers.iter().filter_map(header).collect();
        Some(Self { status: StatusCode::from_u16(status).ok()?, headers, body })
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.body.to_vec()).into_response();
        *response.headers_mut() = self.headers;
        response.headers_mut().insert(REPEATED, HeaderValue::from_static("true"));
        response
    }
}
