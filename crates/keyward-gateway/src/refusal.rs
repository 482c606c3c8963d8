//! Why a request is refused, and how its SDK is told.

use std::time::Duration;

use hyper::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use serde_json::json;

use crate::grpc;

/// Why a request does not go on. Every one has a status, a code that stands in logs and counts, and a
/// sentence for whoever called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
#[allow(missing_docs, reason = "each says itself; its sentence is in the table below")]
pub enum Reason {
    Framing,
    Version,
    Connect,
    Upgrade,
    SocketVersion,
    SocketIdle,
    Head,
    ForeignHost,
    Path,
    Provider,
    NoKey,
    TwoKeys,
    MalformedKey,
    UnknownKey,
    ExpiredKey,
    Canary,
    Network,
    Origin,
    NotGranted,
    Call,
    Model,
    Body,
    BodyTwice,
    Field,
    TooLarge,
    SlowBody,
    Rate,
    Tokens,
    Parallel,
    Uses,
    Budget,
    Unpriced,
    BudgetUnknown,
    Stale,
    NoLease,
    Unrecorded,
    Busy,
    Draining,
    Address,
    Connection,
    FirstByte,
    BadAnswer,
    Redirect,
    Coded,
    Echo,
}

/// The form of an error, by whose SDK reads it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// `{"error":{"message","type","param","code"}}`
    OpenAi,
    /// `{"type":"error","error":{"type","message"}}`
    Anthropic,
    /// `{"message"}`
    Cohere,
    /// `{"error":{"code","message","status"}}`
    Google,
    /// `{"status":{"error"},"time"}`
    Qdrant,
    /// `{"code","message","details","hint"}`
    PostgRest,
    /// A head with `grpc-status`, whatever the service: for calls of gRPC alone.
    Grpc,
    /// `{"error","message"}`
    #[default]
    Plain,
}

/// A reason and when it is worth coming back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// How long to wait before the same may be tried again, where that helps.
    pub wait: Option<Duration>,
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self { reason, wait: None }
    }
}

impl Reason {
    /// Status, code and sentence.
    const fn told(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::Framing => (400, "framing", "the request can be read in two ways"),
            Self::Version => (505, "http_version", "speak HTTP/1.1 or HTTP/2"),
            Self::Connect => (405, "connect", "this is no tunnel"),
            Self::Upgrade => {
                (400, "upgrade", "this is no WebSocket's handshake, and connections are upgraded to nothing else")
            }
            Self::SocketVersion => (426, "websocket_version", "speak version 13 of WebSocket"),
            Self::SocketIdle => (408, "websocket_idle", "nothing came for too long, or it has stood for too long"),
            Self::Head => (431, "head", "the head of the request is larger than this gateway takes"),
            Self::ForeignHost => (421, "host", "this gateway is not called by that name"),
            Self::Path => (400, "path", "the path holds `.`, `..`, an empty part or an encoded slash"),
            Self::Provider => (404, "provider", "the path begins with the name of no provider that is set up here"),
            Self::NoKey => (401, "no_key", "send a virtual key, as the SDK sends its own"),
            Self::TwoKeys => (400, "two_keys", "the request has two keys that differ"),
            Self::MalformedKey => (401, "malformed_key", "what was sent is no virtual key"),
            Self::UnknownKey => (401, "unknown_key", "this key is not known here, or no longer"),
            Self::ExpiredKey => (401, "expired_key", "this key has expired"),
            // Whoever tries a canary learns no more than of any other key.
            Self::Canary => (401, "unknown_key", "this key is not known here, or no longer"),
            Self::Network => (403, "network", "this key may not be used from your network"),
            Self::Origin => (403, "origin", "this key may not be used by that page"),
            Self::NotGranted => (403, "provider_not_granted", "this key does not reach that provider"),
            Self::Call => (403, "call_not_granted", "this key may not make that call"),
            Self::Model => (403, "model_not_granted", "this key may not use that model"),
            Self::Body => (400, "body", "the body has to be one JSON object, since rules of this key depend on it"),
            Self::BodyTwice => (400, "body_twice", "a member of the body that a rule depends on stands there twice"),
            Self::Field => (400, "field", "a number in the body is above what this key allows, or has to be given"),
            Self::TooLarge => (413, "too_large", "the body is larger than this gateway takes"),
            Self::SlowBody => (408, "slow_body", "the body did not come in time"),
            Self::Rate => (429, "rate", "this key makes too many requests a minute"),
            Self::Tokens => (429, "tokens", "this key uses too many tokens a minute"),
            Self::Parallel => (429, "parallel", "this key has too many requests under way"),
            Self::Uses => (429, "uses", "this key has been used as often as it may be"),
            Self::Budget => (429, "budget", "the budget of this key is spent"),
            Self::Unpriced => {
                (403, "unpriced", "this key has a budget in money, and the price of that call is not known")
            }
            Self::BudgetUnknown => (503, "budget_unknown", "the budget of this key cannot be asked for just now"),
            Self::Stale => (503, "stale", "this gateway has not heard from its vault for too long"),
            Self::NoLease => (503, "no_lease", "the provider's key may not be used just now"),
            Self::Unrecorded => (503, "unrecorded", "usage cannot be recorded just now"),
            Self::Busy => (503, "busy", "this gateway has too many requests under way"),
            Self::Draining => (503, "draining", "this gateway is about to stop"),
            Self::Address => (502, "upstream_address", "the provider's name leads to an address that is not allowed"),
            Self::Connection => (502, "upstream_connection", "the provider cannot be reached"),
            Self::FirstByte => (504, "upstream_slow", "the provider did not answer in time"),
            Self::BadAnswer => (502, "upstream_answer", "the provider's answer is no HTTP"),
            Self::Redirect => {
                (502, "upstream_redirect", "the provider answered with a redirect, which is not followed")
            }
            Self::Coded => {
                (502, "upstream_coding", "the provider's answer came in a coding that cannot be looked into")
            }
            Self::Echo => (502, "upstream_echo", "the provider's answer held its key and was cut off"),
        }
    }

    /// The status that it is answered with.
    pub fn status(self) -> StatusCode {
        StatusCode::from_u16(self.told().0).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The word for it in logs, counts and answers.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Canary => "canary",
            other => other.told().1,
        }
    }

    /// The sentence for whoever called.
    pub(crate) const fn sentence(self) -> &'static str {
        self.told().2
    }

    /// Whether the same request has a chance in a while.
    const fn passes(self) -> bool {
        matches!(
            self,
            Self::Rate
                | Self::Tokens
                | Self::Parallel
                | Self::BudgetUnknown
                | Self::Stale
                | Self::NoLease
                | Self::Unrecorded
                | Self::Busy
                | Self::Draining
                | Self::Connection
                | Self::FirstByte
        )
    }

    /// The status that a WebSocket is closed with (RFC 6455, 7.4), and why.
    pub(crate) fn closes(self) -> (u16, &'static str) {
        let status = match self {
            Self::Framing => 1002,
            Self::TooLarge => 1009,
            Self::Draining | Self::SocketIdle => 1001,
            reason if reason.status().is_server_error() => 1011,
            _ => 1008,
        };
        (status, self.told().2)
    }

    /// Whether nothing more can be read from a connection after it.
    pub const fn ends_connection(self) -> bool {
        matches!(
            self,
            Self::Framing
                | Self::Version
                | Self::Connect
                | Self::Upgrade
                | Self::SocketVersion
                | Self::Head
                | Self::TooLarge
                | Self::SlowBody
        )
    }
}

impl Refusal {
    /// The answer in the shape that an SDK reads.
    pub fn answer<B: From<Vec<u8>>>(self, shape: Shape) -> Response<B> {
        let (status, code, sentence) = self.reason.told();
        let grpc = shape == Shape::Grpc;
        let body = if grpc { Vec::new() } else { shape.body(status, code, sentence).to_string().into_bytes() };
        let mut response = Response::new(B::from(body));
        let headers = response.headers_mut();
        if grpc {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
            grpc::tell(self.reason, headers);
        } else {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            *response.status_mut() = self.reason.status();
        }
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert("x-keyward-refused", HeaderValue::from_static(code));
        if self.reason.passes() {
            let seconds = self.wait.map_or(1, |wait| wait.as_millis().div_ceil(1000).clamp(1, 3600) as u32);
            headers.insert(RETRY_AFTER, seconds.into());
        } else if matches!(status, 408 | 409 | 429 | 500..) {
            // What SDKs of OpenAI and Anthropic ask before they try again.
            headers.insert(HeaderName::from_static("x-should-retry"), HeaderValue::from_static("false"));
        }
        if self.reason == Reason::SocketVersion {
            headers.insert("sec-websocket-version", HeaderValue::from_static("13"));
        }
        // HTTP/2 has no such header.
        if self.reason.ends_connection() && !grpc {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

impl Shape {
    fn body(self, status: u16, code: &str, sentence: &str) -> serde_json::Value {
        let message = format!("keyward: {sentence}");
        match self {
            Self::OpenAi => {
                json!({ "error": { "message": message, "type": openai_type(status), "param": null, "code": code } })
            }
            Self::Anthropic => {
                json!({ "type": "error", "error": { "type": anthropic_type(status), "message": message } })
            }
            Self::Cohere => json!({ "message": message }),
            Self::Google => json!({ "error": { "code": status, "message": message, "status": google_status(status) } }),
            Self::Qdrant => json!({ "status": { "error": message }, "time": 0.0 }),
            Self::Grpc => serde_json::Value::Null,
            Self::PostgRest => json!({ "code": code, "message": message, "details": null, "hint": null }),
            Self::Plain => json!({ "error": code, "message": message }),
        }
    }
}

fn openai_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        403 => "permission_error",
        429 => "rate_limit_error",
        400..500 => "invalid_request_error",
        _ => "server_error",
    }
}

fn anthropic_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        400..500 => "invalid_request_error",
        503 => "overloaded_error",
        504 => "timeout_error",
        _ => "api_error",
    }
}

fn google_status(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        400..500 => "INVALID_ARGUMENT",
        503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        _ => "INTERNAL",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sdk_has_its_shape() {
        let body = |shape: Shape| {
            let answer: Response<Vec<u8>> = Refusal::from(Reason::UnknownKey).answer(shape);
            assert_eq!(answer.status(), 401);
            serde_json::from_slice::<serde_json::Value>(answer.body()).unwrap()
        };
        assert_eq!(body(Shape::OpenAi)["error"]["code"], "unknown_key");
        assert_eq!(body(Shape::Anthropic)["error"]["type"], "authentication_error");
        assert_eq!(body(Shape::Google)["error"]["status"], "UNAUTHENTICATED");
        assert!(body(Shape::Cohere)["message"].as_str().unwrap().starts_with("keyward: "));
        assert!(body(Shape::Qdrant)["status"]["error"].is_string());
        assert_eq!(body(Shape::PostgRest)["code"], "unknown_key");
    }

    #[test]
    fn waiting_is_advised_where_it_helps() {
        let refusal = Refusal { reason: Reason::Rate, wait: Some(Duration::from_millis(2_100)) };
        let answer: Response<Vec<u8>> = refusal.answer(Shape::OpenAi);
        assert_eq!(answer.headers()[RETRY_AFTER], "3");
        let answer: Response<Vec<u8>> = Refusal::from(Reason::Budget).answer(Shape::OpenAi);
        assert!(!answer.headers().contains_key(RETRY_AFTER));
        assert_eq!(answer.headers()["x-should-retry"], "false");
    }

    #[test]
    fn a_canary_is_told_like_an_unknown_key_and_counted_apart() {
        let told = |reason: Reason| Refusal::from(reason).answer::<Vec<u8>>(Shape::OpenAi).into_body();
        assert_eq!(told(Reason::Canary), told(Reason::UnknownKey));
        assert_ne!(Reason::Canary.code(), Reason::UnknownKey.code());
    }
}
