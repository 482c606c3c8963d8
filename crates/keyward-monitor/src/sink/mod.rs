//! Where alerts go: a webhook, Slack, or mailboxes. What may be seen of a sink ([`Settings`]) and
//! what may not ([`Credentials`]) are two types; the vault keeps the second sealed.

mod email;
mod slack;
mod webhook;

use std::sync::Arc;
use std::time::Duration;

use keyward_types::{AlertSinkId, Random, Secret, Timestamp};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

pub use email::{MailTls, NewEmail};

use crate::http::Poster;
use crate::outbox::Parcel;
use crate::{AlertKind, Endpoint, Error, Fault, SigningSecret};
use email::Email;
use slack::Slack;
use webhook::Webhook;

/// Takes parcels to one place.
pub trait Channel: Send + Sync {
    /// Delivers once, within a bounded time. A receiver may get the same parcel again, with the
    /// same id. `at` is when it is sent.
    ///
    /// # Errors
    /// A [`Fault`] that says whether trying again helps.
    fn deliver(&self, parcel: &Parcel, at: Timestamp) -> Result<Delivered, Fault>;
}

/// A parcel was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Who of those behind the sink did not get it, and why: lower case, no full stop. In our words.
    pub but: Option<String>,
}

/// A sink that is ready to send.
#[derive(Clone)]
pub struct Sink {
    /// Names it for ever.
    pub id: AlertSinkId,
    /// What people call it.
    pub name: String,
    /// Which alerts it takes; empty: all.
    pub only: Vec<AlertKind>,
    /// The entry of the log from which on it is told.
    pub from: u64,
    /// How it takes them.
    pub channel: Arc<dyn Channel>,
}

/// What may be seen of a sink.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Settings {
    /// A signed POST (Standard Webhooks).
    Webhook {
        /// Scheme and host; the rest of the URL is secret.
        to: String,
        /// Whether it may lie at a private address.
        #[serde(default)]
        allow_private: bool,
        /// Which alerts it takes; empty: all.
        #[serde(default)]
        only: Vec<AlertKind>,
    },
    /// An incoming webhook of Slack, or of what is compatible with it.
    Slack {
        /// Scheme and host; the rest of the URL is secret.
        to: String,
        /// Whether it may lie at a private address.
        #[serde(default)]
        allow_private: bool,
        /// Which alerts it takes; empty: all.
        #[serde(default)]
        only: Vec<AlertKind>,
    },
    /// Mail by SMTP.
    Email {
        /// The mail server and everything else but the password.
        #[serde(flatten)]
        mail: NewEmail,
        /// Which alerts it takes; empty: all.
        #[serde(default)]
        only: Vec<AlertKind>,
    },
}

/// What must not be seen of a sink. No `Debug`, and its JSON is for sealing alone.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub struct Credentials {
    #[serde(default, with = "wiped", skip_serializing_if = "Option::is_none")]
    url: Option<Zeroizing<String>>,
    #[serde(default, with = "wiped", skip_serializing_if = "Option::is_none")]
    signing_secret: Option<Zeroizing<String>>,
    #[serde(default, with = "wiped", skip_serializing_if = "Option::is_none")]
    password: Option<Zeroizing<String>>,
}

impl Settings {
    /// A webhook with a fresh signing secret, which whoever receives it has to be given.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn webhook(
        endpoint: &Endpoint,
        allow_private: bool,
        only: Vec<AlertKind>,
        random: &dyn Random,
    ) -> Result<(Self, Credentials), Error> {
        let signing_secret = Zeroizing::new(SigningSecret::generate(random)?.expose_text().expose().clone());
        let credentials = Credentials { signing_secret: Some(signing_secret), ..Credentials::of(endpoint) };
        Ok((Self::Webhook { to: endpoint.shown().to_owned(), allow_private, only }, credentials))
    }

    /// An incoming webhook of Slack.
    pub fn slack(endpoint: &Endpoint, allow_private: bool, only: Vec<AlertKind>) -> (Self, Credentials) {
        (Self::Slack { to: endpoint.shown().to_owned(), allow_private, only }, Credentials::of(endpoint))
    }

    /// Mail, with the password of its account if it has one.
    ///
    /// # Errors
    /// [`Error::Settings`] for what cannot be.
    pub fn email(
        mail: NewEmail,
        password: Option<&Secret<String>>,
        only: Vec<AlertKind>,
    ) -> Result<(Self, Credentials), Error> {
        mail.check(password.is_some())?;
        let password = password.map(|password| Zeroizing::new(password.expose().clone()));
        Ok((Self::Email { mail, only }, Credentials { url: None, signing_secret: None, password }))
    }

    /// `webhook`, `slack` or `email`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Webhook { .. } => "webhook",
            Self::Slack { .. } => "slack",
            Self::Email { .. } => "email",
        }
    }

    /// Where it leads, as far as that may be shown.
    pub fn to(&self) -> String {
        match self {
            Self::Webhook { to, .. } | Self::Slack { to, .. } => to.clone(),
            Self::Email { mail, .. } => mail.to.join(", "),
        }
    }

    /// Which alerts it takes; empty: all.
    pub fn only(&self) -> &[AlertKind] {
        match self {
            Self::Webhook { only, .. } | Self::Slack { only, .. } | Self::Email { only, .. } => only,
        }
    }

    /// The channel that these settings and credentials make.
    ///
    /// # Errors
    /// [`Error::Credentials`] when they do not belong together.
    pub fn channel(&self, credentials: &Credentials) -> Result<Arc<dyn Channel>, Error> {
        Ok(match self {
            Self::Webhook { allow_private, .. } => {
                let secret = credentials.signing_secret.as_ref().ok_or(Error::Credentials)?;
                let poster = Poster::new(credentials.endpoint()?, *allow_private);
                Arc::new(Webhook { poster, secret: SigningSecret::parse(secret)? })
            }
            Self::Slack { allow_private, .. } => {
                Arc::new(Slack { poster: Poster::new(credentials.endpoint()?, *allow_private) })
            }
            Self::Email { mail, .. } => {
                let password = credentials.password.as_ref();
                Arc::new(Email::new(mail.clone(), password.map(|text| Secret::new("SMTP password", text.to_string())))?)
            }
        })
    }
}

impl Credentials {
    fn of(endpoint: &Endpoint) -> Self {
        let url = Some(Zeroizing::new(endpoint.expose().to_owned()));
        Self { url, signing_secret: None, password: None }
    }

    fn endpoint(&self) -> Result<Endpoint, Error> {
        Endpoint::parse(self.url.as_ref().ok_or(Error::Credentials)?).map_err(|_| Error::Credentials)
    }

    /// What a webhook is verified with, for whoever receives it.
    pub fn signing_secret(&self) -> Option<&str> {
        self.signing_secret.as_ref().map(|text| text.as_str())
    }

    /// The bytes that the vault seals.
    pub fn to_bytes(&self) -> Secret<Vec<u8>> {
        let bytes = serde_json::to_vec(self).expect("three texts are JSON");
        Secret::new("credentials of an alert sink", bytes)
    }

    /// What the vault opened.
    ///
    /// # Errors
    /// [`Error::Credentials`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        serde_json::from_slice(bytes).map_err(|_| Error::Credentials)
    }
}

/// Texts in JSON that are wiped when dropped.
mod wiped {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use zeroize::Zeroizing;

    pub(super) fn serialize<S: Serializer>(text: &Option<Zeroizing<String>>, serializer: S) -> Result<S::Ok, S::Error> {
        text.as_ref().map(|text| text.as_str()).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Zeroizing<String>>, D::Error> {
        Ok(Option::<String>::deserialize(deserializer)?.map(Zeroizing::new))
    }
}

/// Delivers one parcel now, waiting at most for `limit`: for a person who tries a sink.
///
/// # Errors
/// A [`Fault`].
pub fn send_once(
    channel: Arc<dyn Channel>,
    parcel: Parcel,
    at: Timestamp,
    limit: Duration,
) -> Result<Delivered, Fault> {
    let (done, result) = std::sync::mpsc::sync_channel(1);
    let deliver = move || {
        // Whoever waited may have gone.
        let _ = done.send(channel.deliver(&parcel, at));
    };
    let started = std::thread::Builder::new().name("alert-test".into()).spawn(deliver);
    started.map_err(|error| Fault::passing(format!("no thread could be started: {error}")))?;
    result.recv_timeout(limit).unwrap_or_else(|_| Err(Fault::passing("it did not answer in time")))
}
