//! Where alerts go.

use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use keyward_client::{
    AlertSinkInfo, AlertTestInfo, AlertWay, Bytes, Desk, Login, MadeAlertSink, MailInfo, NewAlertSinkInfo,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::asker::Asker;
use crate::input::{Input, Part};
use crate::problem::{Problem, Result};

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(list_alert_sinks, add_alert_sink))
        .routes(routes!(remove_alert_sink))
        .routes(routes!(test_alert_sink))
}

/// A place that alerts go to.
#[derive(Debug, Serialize, ToSchema)]
struct Sink {
    name: String,
    /// `webhook`, `slack` or `email`.
    kind: String,
    /// Where it leads, as far as that may be shown: a host, or mail addresses.
    to: String,
    /// Which kinds of alerts it takes; empty: all.
    only: Vec<String>,
    /// RFC 3339.
    created_at: String,
    created_by: String,
}

/// Every place that alerts go to.
#[derive(Debug, Serialize, ToSchema)]
struct Sinks {
    alert_sinks: Vec<Sink>,
    /// Always null: there are 32 at most.
    next: Option<String>,
}

/// A place that alerts are to go to: a webhook, Slack or mail.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewSink {
    /// 1 to 64 of `a-z 0-9 . _ - @`.
    #[schema(value_type = String)]
    name: Login,
    /// The URL that signed requests go to (Standard Webhooks).
    #[serde(default)]
    webhook: Option<String>,
    /// The URL of an incoming webhook of Slack, or of what is compatible with it.
    #[serde(default)]
    slack: Option<String>,
    #[serde(default)]
    email: Option<Mail>,
    /// Which kinds of alerts it takes; empty: all.
    #[serde(default)]
    only: Vec<String>,
    /// Whether it may lie at a private address: this machine, or a network around it.
    #[serde(default)]
    allow_private: bool,
}

/// A mail server, and what is written on the envelope.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Mail {
    host: String,
    /// The usual one where it is left out.
    #[serde(default)]
    port: Option<u16>,
    /// `implicit`, `starttls`, or `none` to this machine.
    tls: String,
    #[serde(default)]
    username: Option<String>,
    #[serde(default)]
    password: Option<String>,
    from: String,
    to: Vec<String>,
}

/// A place that was added.
#[derive(Serialize, ToSchema)]
struct Made {
    alert_sink: Sink,
    /// What a webhook's receiver verifies signatures with; it is in this answer and nowhere else.
    signing_secret: Option<String>,
}

/// How a try went.
#[derive(Debug, Serialize, ToSchema)]
struct Tried {
    alert_sink: Sink,
    /// The id by which the receiver knows the alert.
    id: String,
    /// Why it did not take the alert; null: it did.
    fault: Option<String>,
}

/// List where alerts go.
#[utoipa::path(get, path = "/alert-sinks", tag = "alerts", responses((status = 200, body = Sinks)))]
async fn list_alert_sinks(asker: Asker) -> Result<Json<Sinks>> {
    let sinks = asker.ask(|desk| Ok(desk.alert_sinks()?)).await?;
    Ok(Json(Sinks { alert_sinks: sinks.into_iter().map(Sink::from).collect(), next: None }))
}

/// Add a place that alerts go to.
#[utoipa::path(
    post, path = "/alert-sinks", tag = "alerts", request_body = NewSink, responses((status = 201, body = Made))
)]
async fn add_alert_sink(asker: Asker, input: Input<NewSink>) -> Result<(StatusCode, Json<Made>)> {
    let made = asker.ask(move |desk| Ok(desk.add_alert_sink(input.parse()?.into_info()?)?)).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// Send an alert there now, and wait for what comes of it.
#[utoipa::path(post, path = "/alert-sinks/{sink}/test", tag = "alerts", responses((status = 200, body = Tried)))]
async fn test_alert_sink(asker: Asker, Part(name): Part<Login>) -> Result<Json<Tried>> {
    Ok(Json(asker.ask(move |desk| Ok(desk.test_alert_sink(name)?)).await?.into()))
}

/// End a place that alerts go to.
#[utoipa::path(delete, path = "/alert-sinks/{sink}", tag = "alerts", responses((status = 200, body = Sink)))]
async fn remove_alert_sink(asker: Asker, Part(name): Part<Login>) -> Result<Json<Sink>> {
    Ok(Json(asker.ask(move |desk| Ok(desk.remove_alert_sink(name)?)).await?.into()))
}

impl NewSink {
    fn into_info(self) -> Result<NewAlertSinkInfo> {
        let secret = |text: String| Bytes::new(text.into_bytes());
        let way = match (self.webhook, self.slack, self.email) {
            (Some(url), None, None) => AlertWay::Webhook(secret(url)),
            (None, Some(url), None) => AlertWay::Slack(secret(url)),
            (None, None, Some(mail)) => AlertWay::Email(MailInfo {
                host: mail.host,
                port: mail.port,
                tls: mail.tls,
                username: mail.username,
                password: mail.password.map(secret),
                from: mail.from,
                to: mail.to,
            }),
            _ => return Err(Problem::wrong("give one of `webhook`, `slack` and `email`")),
        };
        Ok(NewAlertSinkInfo { name: self.name, way, only: self.only, allow_private: self.allow_private })
    }
}

impl From<AlertSinkInfo> for Sink {
    fn from(known: AlertSinkInfo) -> Self {
        Self {
            name: known.name.to_string(),
            kind: known.kind,
            to: known.to,
            only: known.only,
            created_at: known.created_at.to_string(),
            created_by: known.created_by,
        }
    }
}

impl From<MadeAlertSink> for Made {
    fn from(made: MadeAlertSink) -> Self {
        let text = made.signing_secret.map(|secret| String::from_utf8_lossy(secret.expose()).into_owned());
        Self { alert_sink: made.sink.into(), signing_secret: text }
    }
}

impl From<AlertTestInfo> for Tried {
    fn from(tried: AlertTestInfo) -> Self {
        Self { alert_sink: tried.sink.into(), id: tried.id, fault: tried.fault }
    }
}
