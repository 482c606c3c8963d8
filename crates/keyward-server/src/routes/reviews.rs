//! Access reviews: who still needs which right.

use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use keyward_client::{Decision, Desk, ReviewInfo, ReviewLineInfo, Suggestion};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::asker::Asker;
use crate::input::{Input, Part, Two};
use crate::problem::{Problem, Result};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(start_review))
        .routes(routes!(newest_review))
        .routes(routes!(show_review))
        .routes(routes!(decide_review_line))
        .routes(routes!(restore_review_line))
        .routes(routes!(close_due_reviews))
}

/// An access review.
#[derive(Debug, Serialize, ToSchema)]
struct Review {
    id: String,
    /// `open`, `overdue` or `closed`.
    state: String,
    /// RFC 3339.
    started_at: String,
    started_by: String,
    /// Until when answers are waited for (RFC 3339).
    deadline: String,
    /// RFC 3339.
    closed_at: Option<String>,
    /// When the next one is due (RFC 3339).
    next_due: String,
    lines: Vec<Line>,
}

/// A right that a review asks about.
#[derive(Debug, Serialize, ToSchema)]
struct Line {
    number: u32,
    /// Who has the right, by login.
    account: String,
    role: String,
    /// `*`, a project or `project/environment`.
    at: String,
    /// The group that gives it; null: his own.
    group: Option<String>,
    /// RFC 3339.
    since: String,
    /// RFC 3339.
    last_used: Option<String>,
    /// `keep`, `narrow` or `remove`.
    suggestion: String,
    /// `open`, `kept`, `narrowed`, `removed` or `restored`.
    answer: String,
    answered_by: Option<String>,
}

/// A review to be begun.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewReview {
    /// For how many days answers are waited for.
    #[schema(minimum = 1, maximum = 365)]
    days: u32,
}

/// An answer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Answer {
    /// `keep`, `narrow` or `remove`.
    decision: String,
    /// The role that takes its place; for `narrow`.
    #[serde(default)]
    to: Option<String>,
}

/// What deadlines took away.
#[derive(Debug, Serialize, ToSchema)]
struct Closed {
    /// How many rights.
    removed: u64,
}

/// Begin an access review.
#[utoipa::path(
    post, path = "/reviews", tag = "team", request_body = NewReview, responses((status = 201, body = Review))
)]
async fn start_review(asker: Asker, input: Input<NewReview>) -> Result<(StatusCode, Json<Review>)> {
    let start = move |desk: &keyward_client::LocalDesk| {
        let days = input.parse()?.days;
        if !(1..=365).contains(&days) {
            return Err(Problem::wrong("`days` is between 1 and 365"));
        }
        Ok(desk.start_review(days)?)
    };
    Ok((StatusCode::CREATED, Json(asker.ask(start).await?.into())))
}

/// Show the newest review.
#[utoipa::path(get, path = "/reviews/newest", tag = "team", responses((status = 200, body = Review)))]
async fn newest_review(asker: Asker) -> Result<Json<Review>> {
    Ok(Json(asker.ask(|desk| Ok(desk.review(None)?)).await?.into()))
}

/// Show a review.
#[utoipa::path(get, path = "/reviews/{id}", tag = "team", responses((status = 200, body = Review)))]
async fn show_review(asker: Asker, Part(id): Part<String>) -> Result<Json<Review>> {
    Ok(Json(asker.ask(move |desk| Ok(desk.review(Some(id))?)).await?.into()))
}

/// Answer a line of the open review, and carry the answer out.
#[utoipa::path(
    post, path = "/reviews/newest/lines/{number}/decide", tag = "team",
    request_body = Answer, responses((status = 200, body = Line))
)]
async fn decide_review_line(asker: Asker, Part(number): Part<String>, input: Input<Answer>) -> Result<Json<Line>> {
    let decide = move |desk: &keyward_client::LocalDesk| {
        let number = numbered(&number)?;
        let decision = input.parse()?.into_decision()?;
        Ok(desk.decide_review_line(number, decision)?)
    };
    Ok(Json(asker.ask(decide).await?.into()))
}

/// Give back what a review took away.
#[utoipa::path(
    post, path = "/reviews/{id}/lines/{number}/restore", tag = "team", responses((status = 200, body = Line))
)]
async fn restore_review_line(asker: Asker, Two(id, number): Two<String>) -> Result<Json<Line>> {
    let id = (id != "newest").then_some(id);
    let restore = move |desk: &keyward_client::LocalDesk| Ok(desk.restore_review_line(id, numbered(&number)?)?);
    Ok(Json(asker.ask(restore).await?.into()))
}

/// Take away what nobody answered for by the deadline, now; the server does it each minute.
#[utoipa::path(post, path = "/reviews/close-due", tag = "team", responses((status = 200, body = Closed)))]
async fn close_due_reviews(asker: Asker) -> Result<Json<Closed>> {
    let removed = asker.ask(|desk| Ok(desk.close_due_reviews()?)).await?;
    Ok(Json(Closed { removed }))
}

/// The number of a line: read once it is known who asks.
fn numbered(text: &str) -> Result<u32> {
    text.parse().map_err(|_| Problem::wrong("a line of a review has a number"))
}

impl Answer {
    fn into_decision(self) -> Result<Decision> {
        match (self.decision.as_str(), self.to) {
            ("keep", None) => Ok(Decision::Keep),
            ("remove", None) => Ok(Decision::Remove),
            ("narrow", Some(to)) => Ok(Decision::Narrow(to)),
            ("narrow", None) => Err(Problem::wrong("name in `to` the role that takes its place")),
            ("keep" | "remove", Some(_)) => Err(Problem::wrong("a role in `to` is for `narrow`")),
            _ => Err(Problem::wrong("`decision` is `keep`, `narrow` or `remove`")),
        }
    }
}

impl From<ReviewInfo> for Review {
    fn from(known: ReviewInfo) -> Self {
        Self {
            id: known.id,
            state: known.state,
            started_at: known.started_at.to_string(),
            started_by: known.started_by,
            deadline: known.deadline.to_string(),
            closed_at: known.closed_at.map(|at| at.to_string()),
            next_due: known.next_due.to_string(),
            lines: known.lines.into_iter().map(Line::from).collect(),
        }
    }
}

impl From<ReviewLineInfo> for Line {
    fn from(known: ReviewLineInfo) -> Self {
        let suggestion = match known.suggestion {
            Suggestion::Keep => "keep",
            Suggestion::Narrow => "narrow",
            Suggestion::Remove => "remove",
        };
        Self {
            number: known.number,
            account: known.account,
            role: known.role,
            at: known.at,
            group: known.group,
            since: known.since.to_string(),
            last_used: known.last_used.map(|at| at.to_string()),
            suggestion: suggestion.to_owned(),
            answer: known.answer,
            answered_by: known.answered_by,
        }
    }
}
