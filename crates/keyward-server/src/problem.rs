//! Errors as HTTP: the one place where a failure becomes a status and `application/problem+json`
//! (RFC 9457).

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use keyward_client::{Code, Failure};
use serde::Serialize;
use utoipa::ToSchema;

use crate::web;

/// Why a request was not carried out.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    hint: Option<String>,
    /// After how many seconds it may be tried again.
    retry_after: Option<u64>,
    /// Whether OAuth's clients read it.
    oauth: bool,
    /// Whether a person reads it, in a browser that is not on our page.
    page: bool,
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
    /// The code once more, where clients of OAuth look for it (RFC 6749, 5.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Names the request, also in the server's log.
    request_id: String,
}

pub(crate) type Result<T, E = Problem> = std::result::Result<T, E>;

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), hint: None, retry_after: None, oauth: false, page: false }
    }

    /// Wrong input.
    pub(crate) fn wrong(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", detail)
    }

    /// Nobody was identified. What is wrong with a token is not told.
    pub(crate) fn unidentified() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", "this call needs a token that is valid here")
            .hint("send `Authorization: Bearer TOKEN`, or sign in")
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

    /// The same, to be tried again after so many seconds.
    pub(crate) fn after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// An error of OAuth's device flow (RFC 8628, 3.5), which clients of that read too.
    pub(crate) fn oauth(code: &'static str, detail: &'static str) -> Self {
        Self { oauth: true, ..Self::new(StatusCode::BAD_REQUEST, code, detail) }
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

    /// The same as a page, for a person whose browser asked by itself.
    pub(crate) fn on_page(mut self) -> Self {
        self.page = true;
        self
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
        let usual = match self.status {
            StatusCode::SERVICE_UNAVAILABLE => Some(5),
            StatusCode::TOO_MANY_REQUESTS => Some(60),
            _ => None,
        };
        if let Some(seconds) = self.retry_after.or(usual) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
    }

    /// The answer, which names the request.
    pub(crate) fn answer(&self, request_id: &str) -> Response {
        if self.page {
            let mut answer = web::refusal(self.status, &self.detail, self.hint.as_deref(), request_id);
            self.mark(answer.headers_mut());
            return answer;
        }
        let body = Body {
            kind: format!("urn:keyward:problem:{}", self.code),
            title: self.status.canonical_reason().unwrap_or("Error").to_owned(),
            status: self.status.as_u16(),
            detail: self.detail.clone(),
            hint: self.hint.clone(),
            code: self.code.to_owned(),
            error: self.oauth.then(|| self.code.to_owned()),
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
                return Self::new(StatusCode::FORBIDDEN, "denied", "you may not do this here, or it does not exist")
                    .hint("`keyward project list` shows where you may list; `keyward elevate request` asks for a role for a while");
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
            Code::TimedOut => (StatusCode::REQUEST_TIMEOUT, "timeout"),
            // What the store says names files and may quote rows: for the log, not for callers.
            _ => {
                tracing::error!(reason = %failure.message, "a call failed");
                return Self::internal();
            }
        };
        Self { hint: failure.hint, ..Self::new(status, code, failure.message) }
    }
}

/// What the vault refuses at the door, and everything else as every call says it.
impl From<keyward_vault::Error> for Problem {
    fn from(error: keyward_vault::Error) -> Self {
        use keyward_access::credential::CredentialError;
        use keyward_access::passkey::PasskeyError;
        use keyward_vault::Error;
        let message = error.to_string();
        match error {
            Error::NotIdentified => {
                Self::new(StatusCode::UNAUTHORIZED, "not_identified", "login, password or code is not right")
            }
            Error::SecondFactor => Self::new(StatusCode::UNAUTHORIZED, "second_factor", message)
                .hint("send the same again with `code`: six digits, or a recovery code"),
            Error::NoAccount(_) => Self::new(StatusCode::FORBIDDEN, "no_account", message)
                .hint("who has a password here signs in with it and adds the identity on the page; everybody else asks for a link of an invitation and goes on from that to the provider"),
            Error::Strayed(_) => Self::new(StatusCode::BAD_REQUEST, "strayed", message)
                .hint("begin anew on the page of this server, in one window"),
            Error::TooManyAttempts { seconds } => {
                Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_attempts", message)
                    .hint("wait; a link for a new password lifts it at once")
                    .after(seconds.max(1).unsigned_abs())
            }
            Error::Busy => Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message).after(5),
            Error::Passkey(PasskeyError::Damaged) => {
                tracing::error!(reason = %message, "a passkey cannot be read");
                Self::internal()
            }
            Error::Passkey(_) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "passkey", message),
            Error::WeakPassword(_) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "weak_password", message),
            Error::Proof(CredentialError::Code) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, "code", message),
            error => Failure::from(error).into(),
        }
    }
}

impl From<keyward_types::Error> for Problem {
    fn from(error: keyward_types::Error) -> Self {
        Self::wrong(error.to_string())
    }
}
