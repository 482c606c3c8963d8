use keyward_types::{EnvironmentName, KeyError, ProjectName, RandomError, SecretName, Version};
use thiserror::Error;

/// Why the vault refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// No slot opened with what was brought.
    #[error("this {0} does not open the vault")]
    WrongCredential(&'static str),
    /// A key file or recovery code that is none.
    #[error("the {what} cannot be used: {why}")]
    Credential {
        /// Which credential.
        what: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Bytes that are not what was written.
    #[error("{0}")]
    Damaged(&'static str),
    /// Made by a newer keyward.
    #[error("the vault has format `{0}`, which this keyward does not know")]
    FutureFormat(String),
    /// The policy said no, and that is on record.
    #[error("{0}")]
    Denied(#[from] keyward_access::Denial),
    /// Nobody is identified by what was brought; which of the reasons it is stands in the log alone.
    #[error("this identifies nobody, or nobody any more")]
    NotIdentified,
    /// Too many tries failed, of this account or from this network. Nothing was tried.
    #[error("too many sign-ins failed: nothing is tried for {seconds} s")]
    TooManyAttempts {
        /// Until when, from now on.
        seconds: i64,
    },
    /// The password is right, and the account has an authenticator.
    #[error("a code of the authenticator, or a recovery code, is needed too")]
    SecondFactor,
    /// An identity provider vouches for somebody whose account is not here, or not open.
    #[error("no account here that is open belongs to your identity at `{0}`")]
    NoAccount(String),
    /// A sign-in at a provider cannot be gone on with.
    #[error("the sign-in cannot be gone on with: {0}")]
    Strayed(&'static str),
    /// Too many people are being identified at this moment.
    #[error("too many people are signing in at this moment: try again in a few seconds")]
    Busy,
    /// A password that would be guessed.
    #[error(transparent)]
    WeakPassword(#[from] keyward_access::credential::WeakPassword),
    /// A password or code cannot be worked with.
    #[error(transparent)]
    Proof(#[from] keyward_access::credential::CredentialError),
    /// A passkey cannot be taken.
    #[error(transparent)]
    Passkey(#[from] keyward_access::passkey::PasskeyError),
    /// There is nothing of this name among people, groups, policies, tokens and such.
    #[error("there is no {noun} `{name}`")]
    Missing {
        /// What it would be.
        noun: &'static str,
        /// How it was named.
        name: String,
    },
    /// A text is no policy.
    #[error(transparent)]
    Policy(#[from] keyward_access::PolicyError),
    /// There is no such project.
    #[error("there is no project `{0}`")]
    NoProject(ProjectName),
    /// There is no such environment.
    #[error("project `{project}` has no environment `{environment}`")]
    NoEnvironment {
        /// The project.
        project: ProjectName,
        /// What it lacks.
        environment: EnvironmentName,
    },
    /// There is no such secret.
    #[error("there is no secret `{project}/{environment}/{name}`")]
    NoSecret {
        /// The project.
        project: ProjectName,
        /// The environment.
        environment: EnvironmentName,
        /// What is missing in it.
        name: SecretName,
    },
    /// The secret exists and this version of it cannot be had.
    #[error("version {version} of `{name}` {why}")]
    NoVersion {
        /// The secret.
        name: SecretName,
        /// Which version.
        version: Version,
        /// What became of it.
        why: &'static str,
    },
    /// Something of this name is there already.
    #[error("there is {} {noun} `{name}` already", article(.noun))]
    Exists {
        /// What it is.
        noun: &'static str,
        /// Its name.
        name: String,
    },
    /// Something is in the way of a change.
    #[error("{0}")]
    Refused(String),
    /// What a log is to be compared with is no checkpoint of it; nothing is said of the store.
    #[error("this is no checkpoint of this vault's log: {0}")]
    NoCheckpoint(String),
    /// A token that would live too long.
    #[error("a token lives at most {} days", crate::tokens::LONGEST_DAYS)]
    TooLong,
    /// Whoever sets these networks comes from none of them.
    #[error("{} in none of these networks: you would keep yourself out", from_where(.0))]
    Outside(Option<std::net::IpAddr>),
    /// A value over the limit.
    #[error("the value has {size} bytes, {} are allowed", crate::MAX_VALUE)]
    TooLarge {
        /// Its length.
        size: usize,
    },
    /// Somebody else changed the same thing at the same time.
    #[error("`{0}` was changed by somebody else at the same time")]
    Raced(String),
    /// Another process leads.
    #[error("another node does the vault's own work now")]
    Replaced,
    /// The secret does not stand as the caller expected.
    #[error("`{0}` does not stand as you expected: it was changed since, or it is there already")]
    Stale(String),
    /// The proof is not for these bytes.
    #[error("the permit is not for this value")]
    WrongProof,
    /// Nothing irreversible is done after a restore until somebody has looked.
    #[error("the vault is in safe mode: {0}")]
    SafeMode(String),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] keyward_store::Error),
    /// The log refused.
    #[error(transparent)]
    Audit(#[from] keyward_audit::Error),
    /// A key refused.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// `a` or `an`.
fn article(noun: &str) -> &'static str {
    if noun.starts_with(['a', 'e', 'i', 'o']) { "an" } else { "a" }
}

fn from_where(address: &Option<std::net::IpAddr>) -> String {
    match address {
        Some(address) => format!("you come from `{address}`, which is"),
        None => "this connection is".into(),
    }
}
