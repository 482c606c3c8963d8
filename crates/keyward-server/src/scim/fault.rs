//! Errors as RFC 7644, 3.12 has them.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use keyward_client::Failure;
use keyward_vault::Error;
use serde_json::json;

use crate::problem::Problem;
use crate::scim::ERROR;

/// Why a request was not carried out: a problem with SCIM's own word for it, where there is one.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    problem: Problem,
    kind: Option<&'static str>,
}

/// SCIM's word, for whoever writes the answer down.
#[derive(Clone, Copy)]
struct Kind(&'static str);

pub(super) type Result<T, E = Fault> = std::result::Result<T, E>;

impl Fault {
    pub(super) fn new(status: StatusCode, kind: &'static str, detail: impl Into<String>) -> Self {
        Self { problem: Problem::new(status, "scim", detail), kind: Some(kind) }
    }

    /// A body, a value or a filter that cannot be worked with.
    pub(super) fn wrong(kind: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, kind, detail)
    }

    /// Nothing of this id.
    pub(super) fn missing(what: &str) -> Self {
        Problem::new(StatusCode::NOT_FOUND, "not_found", format!("there is no {what} of this id")).into()
    }

    /// Whether somebody else was faster.
    pub(super) fn is_raced(&self) -> bool {
        self.problem.code() == "raced"
    }

    #[cfg(test)]
    pub(super) fn kind(&self) -> Option<&'static str> {
        self.kind
    }
}

/// The answer to a problem, in SCIM's form.
pub(crate) fn answer(problem: &Problem, refused: &Response) -> Response {
    let kind = refused.extensions().get::<Kind>().map(|kind| kind.0);
    let mut body = json!({
        "schemas": [ERROR],
        "status": problem.status().as_u16().to_string(),
        "detail": problem.in_words(),
    });
    if let Some(kind) = kind {
        body["scimType"] = kind.into();
    }
    let mut answer = (problem.status(), body.to_string()).into_response();
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/scim+json"));
    problem.mark(answer.headers_mut());
    answer
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = self.problem.into_response();
        if let Some(kind) = self.kind {
            response.extensions_mut().insert(Kind(kind));
        }
        response
    }
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        Self { problem, kind: None }
    }
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        Problem::from(failure).into()
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match error {
            Error::Exists { .. } => Self::new(StatusCode::CONFLICT, "uniqueness", error.to_string()),
            // What stands against it is a rule, not what was sent.
            Error::Refused(why) => Problem::new(StatusCode::FORBIDDEN, "refused", why).into(),
            Error::Missing { .. } => Problem::new(StatusCode::NOT_FOUND, "not_found", error.to_string()).into(),
            other => Failure::from(other).into(),
        }
    }
}
