//! What calls about alert sinks take and give.

use keyward_access::Login;
use keyward_types::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Bytes;

/// A place that alerts go to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlertSinkInfo {
    /// What it is called.
    pub name: Login,
    /// `webhook`, `slack` or `email`.
    pub kind: String,
    /// Where it leads, as far as that may be shown: a host, or mail addresses.
    pub to: String,
    /// Which kinds of alerts it takes; empty: all.
    pub only: Vec<String>,
    /// Since when.
    pub created_at: Timestamp,
    /// Who added it.
    pub created_by: String,
}

/// A place that alerts are to go to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewAlertSinkInfo {
    /// What it is called.
    pub name: Login,
    /// How alerts get there.
    pub way: AlertWay,
    /// Which kinds of alerts it takes; empty: all.
    #[serde(default)]
    pub only: Vec<String>,
    /// Whether it may lie at a private address: this machine, or a network around it.
    #[serde(default)]
    pub allow_private: bool,
}

/// How alerts get somewhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AlertWay {
    /// A signed POST to this URL (Standard Webhooks).
    Webhook(Bytes),
    /// An incoming webhook of Slack, or of what is compatible with it, at this URL.
    Slack(Bytes),
    /// Mail by SMTP.
    Email(MailInfo),
}

/// A mail server and what is written on the envelope.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MailInfo {
    /// The mail server.
    pub host: String,
    /// Its port; `None`: the usual one.
    #[serde(default)]
    pub port: Option<u16>,
    /// `implicit`, `starttls`, or `none` to this machine.
    pub tls: String,
    /// The account at the mail server.
    #[serde(default)]
    pub username: Option<String>,
    /// Its password.
    #[serde(default)]
    pub password: Option<Bytes>,
    /// Who the mail is from.
    pub from: String,
    /// Who gets it.
    pub to: Vec<String>,
}

/// A sink that was added.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MadeAlertSink {
    /// The sink.
    pub sink: AlertSinkInfo,
    /// What a webhook's receiver verifies signatures with; in this answer and nowhere else.
    pub signing_secret: Option<Bytes>,
}

/// How a try went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlertTestInfo {
    /// The sink.
    pub sink: AlertSinkInfo,
    /// Why it did not take the alert; `None`: it did.
    pub fault: Option<String>,
    /// The id by which the receiver knows the alert.
    pub id: String,
}
