//! What people are alerted to.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use keyward_types::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Error;

/// Something that somebody should know of. Ids and names are in it, values never.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// What sort of thing.
    pub kind: AlertKind,
    /// How much it matters.
    pub severity: Severity,
    /// When it happened; of several alike, the last one.
    pub time: Timestamp,
    /// Whom or what it is about. Alerts of one kind about one subject are made one.
    pub subject: Subject,
    /// Further names and ids: project, role, place in the log.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub about: BTreeMap<String, String>,
    /// How often it happened.
    pub count: u64,
    /// What happened, for people: lower case, no full stop.
    pub text: String,
    /// The first and the last entry of the log that it tells of; none for what a process saw of
    /// itself. Receivers find the last one in `about`.
    #[serde(skip)]
    pub entries: Option<(u64, u64)>,
}

/// Whom or what an alert is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Subject {
    /// `account`, `network`, `environment`, `vault`, `alert sink`, …
    pub noun: String,
    /// What names it for ever.
    pub id: String,
    /// What people call it, where that is something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// How much an alert matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// To be known.
    Info,
    /// To be looked at.
    Warning,
    /// To be looked at now.
    Critical,
}

/// Declares the kinds with their names on the wire, so that no list of them lacks one.
macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// What sort of thing happened. Receivers match on these names, so a name is never changed
        /// or given a new meaning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum AlertKind {
            $($(#[$doc])* #[serde(rename = $name)] $variant,)*
        }

        impl AlertKind {
            /// Every kind.
            pub const ALL: &[AlertKind] = &[$(AlertKind::$variant,)*];

            /// The name on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(AlertKind::$variant => $name,)* }
            }
        }
    };
}

kinds! {
    /// Sign-ins, tokens or key slots were tried and failed.
    FailedSignIns = "failed_sign_ins",
    /// Somebody took emergency rights.
    BreakGlass = "break_glass",
    /// Somebody became an owner or an admin.
    NewAdmin = "new_admin",
    /// The log could not be written or does not verify.
    AuditFailure = "audit_failure",
    /// A node was sealed or unsealed.
    SealState = "seal_state",
    /// The vault went into safe mode or out of it.
    SafeMode = "safe_mode",
    /// Secrets expire soon, or have expired.
    ExpiringSecrets = "expiring_secrets",
    /// An alert sink does not take alerts any more.
    ChannelDead = "channel_dead",
    /// Somebody showed a virtual key that is a trap.
    TrapSprung = "trap_sprung",
    /// A rotation waits for a person.
    RotationStuck = "rotation_stuck",
    /// A stored secret stands somewhere in the open.
    SecretLeaked = "secret_leaked",
    /// New values of secrets are overdue.
    RotationOverdue = "rotation_overdue",
    /// Work that keyward does by itself fails.
    JobFailed = "job_failed",
    /// Somebody tries whether alerts arrive.
    Test = "test",
}

impl Alert {
    /// The entry of the log that it tells of.
    #[must_use]
    pub(crate) fn of_entry(self, index: u64) -> Self {
        Self { entries: Some((index, index)), ..self }.with("entry", index.to_string())
    }

    /// Something that happened once.
    pub fn new(
        kind: AlertKind,
        severity: Severity,
        time: Timestamp,
        subject: Subject,
        text: impl Into<String>,
    ) -> Self {
        Self { kind, severity, time, subject, about: BTreeMap::new(), count: 1, text: text.into(), entries: None }
    }

    /// The same with a further name or id.
    #[must_use]
    pub fn with(mut self, noun: &str, name: impl Into<String>) -> Self {
        self.about.insert(noun.to_owned(), name.into());
        self
    }

    /// Whether alerts arrive: what `alert test` sends.
    pub fn test(sink: Subject, time: Timestamp) -> Self {
        let text = "this is a test: alerts from keyward arrive here";
        Self::new(AlertKind::Test, Severity::Info, time, sink, text)
    }

    /// The log could not be written, or does not verify. `why` must not hold values.
    pub fn audit_failure(vault: Subject, time: Timestamp, why: &str) -> Self {
        let text = format!("the audit log fails, and nothing is disclosed meanwhile: {why}");
        Self::new(AlertKind::AuditFailure, Severity::Critical, time, vault, text)
    }

    /// Work that keyward does by itself fails, and is tried again. `why` must not hold values.
    pub fn job_failed(job: &str, time: Timestamp, why: &str) -> Self {
        let text = format!("the job `{job}` fails, and is tried again: {why}");
        Self::new(AlertKind::JobFailed, Severity::Critical, time, Subject::new("job", job), text)
    }

    /// A place that alerts go to cannot be used as it is set up. `why` must not hold values.
    pub fn channel_unusable(sink: Subject, time: Timestamp, why: &str) -> Self {
        Self::new(AlertKind::ChannelDead, Severity::Critical, time, sink, why)
    }

    /// A node was sealed, or unsealed.
    pub fn seal_state(node: Subject, time: Timestamp, sealed: bool) -> Self {
        let (severity, text) = match sealed {
            true => (Severity::Critical, "is sealed: it answers nothing until somebody unseals it"),
            false => (Severity::Info, "is unsealed"),
        };
        let text = format!("{} `{}` {text}", node.noun, node.called());
        Self::new(AlertKind::SealState, severity, time, node, text)
    }

    /// The vault went into safe mode because of `why`, or out of it.
    pub fn safe_mode(vault: Subject, time: Timestamp, why: Option<&str>) -> Self {
        let (severity, text) = match why {
            Some(why) => {
                (Severity::Critical, format!("the vault is in safe mode, nothing irreversible is done: {why}"))
            }
            None => (Severity::Info, "the vault is out of safe mode".to_owned()),
        };
        Self::new(AlertKind::SafeMode, severity, time, vault, text)
    }

    /// One line for people: severity, text, how often.
    pub fn line(&self) -> String {
        let text: String = self.text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        match self.count {
            0 | 1 => format!("{}: {text}", self.severity),
            n => format!("{}: {text} ({n} times)", self.severity),
        }
    }
}

impl Subject {
    /// Something with an id that says what it is.
    pub fn new(noun: &str, id: impl Into<String>) -> Self {
        Self { noun: noun.to_owned(), id: id.into(), name: None }
    }

    /// The same with what people call it.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// What people call it, else its id.
    pub fn called(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.id)
    }
}

impl fmt::Display for AlertKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for AlertKind {
    type Err = Error;
    fn from_str(name: &str) -> Result<Self, Error> {
        let named = |kind: &&Self| kind.as_str() == name || kind.as_str().replace('_', "-") == name;
        Self::ALL.iter().find(named).copied().ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.iter().map(|kind| kind.as_str()).collect();
            Error::Settings(format!(
                "there is no kind of alert `{}`; there are {}",
                name.escape_debug(),
                known.join(", ")
            ))
        })
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_read_as_they_are_written() {
        for kind in AlertKind::ALL {
            assert_eq!(kind.as_str().parse::<AlertKind>().unwrap(), *kind);
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        assert_eq!("break-glass".parse::<AlertKind>().unwrap(), AlertKind::BreakGlass);
        assert!("fire".parse::<AlertKind>().unwrap_err().to_string().contains("break_glass"));
    }

    #[test]
    fn a_line_stays_one_line() {
        let alert = Alert::audit_failure(Subject::new("vault", "v"), Timestamp(0), "disk\r\nBcc: everybody");
        assert_eq!(
            alert.line(),
            "critical: the audit log fails, and nothing is disclosed meanwhile: disk  Bcc: everybody"
        );
        assert!(Alert { count: 7, ..alert }.line().ends_with("(7 times)"));
    }
}
