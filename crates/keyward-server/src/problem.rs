//! Errors as HTTP: the one place where a failure becomes a status and `application/problem+json`
//! (RFC 9457).

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use keyward_client::{Code, Failure};
use serde::Serialize;
use utoipa::ToSchema;

/// Why a request was not carried out.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    hint: Option<String>,
}

/// A problem as its caller reads it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct Body {
    /// `urn:keyward:problem:<code>`.
    #[serde(rename = "type")]
    kind: String,
    /// The status in words.
    title: String,
    /// The HTTP status.
    status: u16,
    /// What happened.
    detail: String,
    /// What to do about it.
    hint: Option<String>,
    /// What sort of problem, for programs.
    code: String,
    /// Names the request, also in the server's log.
    request_id: String,
}

pub(crate) type Result<T, E = Problem> = std::result::Result<T, E>;

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), hint: None }
    }

    /// Wrong input.
    pub(crate) fn wrong(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", detail)
    }

    /// Nobody was identified. What is wrong with a token is not told.
    pub(crate) fn unidentified() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", "this call needs a token that is valid here")
            .hint("send `Authorization: Bearer TOKEN`")
    }

    /// The server failed; what happened stands in its log.
    pub(crate) fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the server failed at this request")
    }

    /// The same with a remedy.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The problem that a bare status tells of: what the framework refuses by itself.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        let (code, detail) = match status {
            StatusCode::NOT_FOUND => ("no_route", "there is nothing at this address"),
            StatusCode::METHOD_NOT_ALLOWED => ("method", "this address does not take that method"),
            StatusCode::REQUEST_TIMEOUT => ("timeout", "the request took too long to arrive or to be answered"),
            StatusCode::PAYLOAD_TOO_LARGE => ("too_large", "the request is larger than this server takes"),
            _ if status.is_server_error() => return Self { status, ..Self::internal() },
            _ => ("bad_request", "the request cannot be read"),
        };
        let problem = Self::new(status, code, detail);
        match status {
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
                problem.hint("`/api/v1/openapi.json` lists every call")
            }
            _ => problem,
        }
    }

    pub(crate) fn code(&self) -> &'static str {
        self.code
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// What happened and what to do, as one text: for forms that have no place for both.
    pub(crate) fn in_words(&self) -> String {
        match &self.hint {
            Some(hint) => format!("{}; {hint}", self.detail),
            None => self.detail.clone(),
        }
    }

    /// The headers that go with its status.
    pub(crate) fn mark(&self, headers: &mut HeaderMap) {
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"keyward\""));
        }
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
        }
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
    }

    /// The answer, which names the request.
    pub(crate) fn answer(&self, request_id: &str) -> Response {
        let body = Body {
            kind: format!("urn:keyward:problem:{}", self.code),
            title: self.status.canonical_reason().unwrap_or("Error").to_owned(),
            status: self.status.as_u16(),
            detail: self.detail.clone(),
            hint: self.hint.clone(),
            code: self.code.to_owned(),
            request_id: request_id.to_owned(),
        };
        let body = serde_json::to_vec(&body).unwrap_or_default();
        let mut answer = (self.status, body).into_response();
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        self.mark(headers);
        answer
    }
}

/// The request's number is known further out: there the problem is written down.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let (status, code) = match failure.code {
            // What exists and what does not is answered alike to those who may know neither.
            Code::Denied if failure.hint.is_none() => {
                return Self::new(StatusCode::FORBIDDEN, "denied", "you may not do this here, or it does not exist");
            }
            Code::Usage => (StatusCode::BAD_REQUEST, "bad_request"),
            Code::Denied => (StatusCode::FORBIDDEN, "denied"),
            Code::NotFound => (StatusCode::NOT_FOUND, "not_found"),
            Code::No | Code::Conflict => (StatusCode::CONFLICT, "conflict"),
            Code::Raced => (StatusCode::CONFLICT, "raced"),
            Code::Stale => (StatusCode::PRECONDITION_FAILED, "stale"),
            Code::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
            Code::Locked => (StatusCode::SERVICE_UNAVAILABLE, "locked"),
            Code::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            // What the store says names files and may quote rows: for the log, not for callers.
            _ => {
                tracing::error!(reason = %failure.message, "a call failed");
                return Self::internal();
            }
        };
        Self { status, code, detail: failure.message, hint: failure.hint }
    }
}

impl From<keyward_types::Error> for Problem {
    fn from(error: keyward_types::Error) -> Self {
        Self::wrong(error.to_string())
    }
}
