//! Leavers, newcomers, reviews and alerts, where the API's form is not the desk's.

use keyward_types::{PrincipalId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    AlertSinkInfo, AlertTestInfo, AlertWay, Bytes, Decision, Failure, MadeAlertSink, NewAlertSinkInfo,
    NewIdentityProviderInfo, Result, Settlement, TaskName, TaskState,
};

/// What is said of a task.
pub(super) fn settled(task: &TaskName, settlement: &Settlement) -> Value {
    let (word, reason) = match settlement {
        Settlement::Done => ("done", None),
        Settlement::Dismissed(reason) => ("dismissed", Some(reason)),
        Settlement::Reopened => ("reopened", None),
    };
    json!({ "name": task.name, "version": task.version, "settlement": word, "reason": reason })
}

/// How far a task is.
#[derive(Deserialize)]
pub(super) struct State {
    state: String,
    by: Option<PrincipalId>,
    at: Option<Timestamp>,
    reason: Option<String>,
}

impl State {
    pub(super) fn known(self) -> Result<TaskState> {
        match (self.state.as_str(), self.by, self.at, self.reason) {
            ("todo", ..) => Ok(TaskState::Todo),
            ("done", Some(by), Some(at), _) => Ok(TaskState::Done { by, at }),
            ("dismissed", Some(by), Some(at), Some(reason)) => Ok(TaskState::Dismissed { by, at, reason }),
            _ => Err(Failure::internal("the server tells of a task in a way that this command does not know")
                .hint("the server may be another version of keyward than this command")),
        }
    }
}

/// An answer to a line of a review.
pub(super) fn decided(decision: &Decision) -> Value {
    match decision {
        Decision::Keep => json!({ "decision": "keep" }),
        Decision::Narrow(to) => json!({ "decision": "narrow", "to": to }),
        Decision::Remove => json!({ "decision": "remove" }),
    }
}

/// A place that alerts are to go to, with the secrets of its way.
#[derive(Serialize)]
pub(super) struct NewSink<'a> {
    name: &'a str,
    webhook: Option<&'a str>,
    slack: Option<&'a str>,
    email: Option<Mail<'a>>,
    only: &'a [String],
    allow_private: bool,
}

#[derive(Serialize)]
struct Mail<'a> {
    host: &'a str,
    port: Option<u16>,
    tls: &'a str,
    username: Option<&'a str>,
    password: Option<&'a str>,
    from: &'a str,
    to: &'a [String],
}

impl<'a> NewSink<'a> {
    pub(super) fn of(new: &'a NewAlertSinkInfo) -> Result<Self> {
        let (mut webhook, mut slack, mut email) = (None, None, None);
        match &new.way {
            AlertWay::Webhook(url) => webhook = Some(text("the URL", url)?),
            AlertWay::Slack(url) => slack = Some(text("the URL", url)?),
            AlertWay::Email(mail) => {
                email = Some(Mail {
                    host: &mail.host,
                    port: mail.port,
                    tls: &mail.tls,
                    username: mail.username.as_deref(),
                    password: mail.password.as_ref().map(|password| text("the password", password)).transpose()?,
                    from: &mail.from,
                    to: &mail.to,
                });
            }
        }
        let NewAlertSinkInfo { name, only, allow_private, .. } = new;
        Ok(Self { name: name.as_str(), webhook, slack, email, only, allow_private: *allow_private })
    }
}

/// A provider that is to be added, with its secret as text.
#[derive(Serialize)]
pub(super) struct NewProvider<'a> {
    name: &'a str,
    title: &'a str,
    issuer: &'a str,
    client_id: &'a str,
    client_secret: Option<&'a str>,
    domains: &'a [String],
    claims: &'a [String],
    scim_claim: Option<&'a str>,
    ca: Option<&'a str>,
    allow_private: bool,
}

impl<'a> NewProvider<'a> {
    pub(super) fn of(new: &'a NewIdentityProviderInfo) -> Result<Self> {
        let secret = new.client_secret.as_ref();
        Ok(Self {
            name: new.name.as_str(),
            title: &new.title,
            issuer: &new.issuer,
            client_id: &new.client_id,
            client_secret: secret.map(|secret| text("the client secret", secret)).transpose()?,
            domains: &new.domains,
            claims: &new.claims,
            scim_claim: new.scim_claim.as_deref(),
            ca: new.ca.as_deref(),
            allow_private: new.allow_private,
        })
    }
}

fn text<'a>(what: &str, bytes: &'a Bytes) -> Result<&'a str> {
    std::str::from_utf8(bytes.expose()).map_err(|_| Failure::usage(format!("{what} is not UTF-8")))
}

/// A place that was added.
#[derive(Deserialize)]
pub(super) struct Made {
    alert_sink: AlertSinkInfo,
    signing_secret: Option<String>,
}

impl From<Made> for MadeAlertSink {
    fn from(made: Made) -> Self {
        let signing_secret = made.signing_secret.map(|secret| Bytes::new(secret.into_bytes()));
        Self { sink: made.alert_sink, signing_secret }
    }
}

/// How a try went.
#[derive(Deserialize)]
pub(super) struct Tried {
    alert_sink: AlertSinkInfo,
    id: String,
    fault: Option<String>,
}

impl From<Tried> for AlertTestInfo {
    fn from(tried: Tried) -> Self {
        Self { sink: tried.alert_sink, fault: tried.fault, id: tried.id }
    }
}
