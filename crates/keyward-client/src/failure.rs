use std::fmt;

use keyward_types::Operation;
use keyward_vault::Error as VaultError;
use serde::{Deserialize, Serialize};

/// What a call gives.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// Why a call was not carried out: a code for programs, a message that says what happened, and
/// where there is one, the remedy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What sort of failure.
    pub code: Code,
    /// What happened: lower case, no full stop.
    pub message: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// Sorts of failure. Each has an exit code, which users' scripts depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Code {
    /// The answer is no: findings, a failed check, drift.
    No,
    /// The call or its input is wrong.
    Usage,
    /// The policy says no, or the folder is not trusted.
    Denied,
    /// What was asked for is not there.
    NotFound,
    /// It cannot be done as things stand: a name is taken, something else has to go first.
    Conflict,
    /// Somebody else was faster.
    Raced,
    /// It does not stand as the caller expected.
    Stale,
    /// The value is too large.
    TooLarge,
    /// The vault is locked, or there is none.
    Locked,
    /// The store can write nothing at present.
    Unavailable,
    /// It takes longer than is waited for, and may be under way still.
    TimedOut,
    /// The store or the machine failed.
    Internal,
}

impl Code {
    /// The process's exit code.
    pub fn exit(self) -> u8 {
        match self {
            Self::No => 1,
            Self::Usage | Self::Conflict | Self::Stale | Self::TooLarge => 2,
            Self::Denied => 3,
            Self::NotFound => 4,
            Self::Locked => 5,
            Self::Raced | Self::Unavailable | Self::TimedOut | Self::Internal => 70,
        }
    }
}

impl Failure {
    /// A failure without a remedy.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None }
    }

    /// Wrong input.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Code::Usage, message)
    }

    /// The machine failed at something.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(Code::Internal, message)
    }

    /// The same with a remedy.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A file that could not be read or written.
    pub fn file(doing: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        let code = match error.kind() {
            ErrorKind::NotFound | ErrorKind::InvalidInput => Code::Usage,
            ErrorKind::PermissionDenied => Code::Denied,
            ErrorKind::ReadOnlyFilesystem | ErrorKind::StorageFull => Code::Unavailable,
            _ => Code::Internal,
        };
        let failure = Self::new(code, format!("cannot {doing} `{}`: {error}", path.display()));
        match error.kind() {
            ErrorKind::PermissionDenied => failure.hint("it belongs to somebody else, or its mode keeps you out"),
            ErrorKind::ReadOnlyFilesystem => failure.hint("keyward needs a folder that can be written: `KEYWARD_HOME`"),
            ErrorKind::StorageFull => failure.hint("make room, then once more"),
            _ => failure,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl From<VaultError> for Failure {
    fn from(error: VaultError) -> Self {
        let message = error.to_string();
        match error {
            VaultError::Denied(denial) if !denial.known.is_empty() => denied(&denial),
            VaultError::Denied(denial) if matches!(denial.cause, keyward_access::Cause::Network(_)) => {
                Self::new(Code::Denied, message).hint(
                    "work from one of the project's networks; who may administer it changes them from there: \
                     `keyward project edit NAME --network CIDR`",
                )
            }
            VaultError::Denied(_) => Self::new(Code::Denied, message),
            VaultError::Outside(_) => Self::new(Code::Conflict, message)
                .hint("add a network that you are in, or say `--force` (`force` in a request)"),
            VaultError::NoProject(_) => {
                Self::new(Code::NotFound, message).hint("`keyward project list` shows what there is")
            }
            VaultError::NoEnvironment { .. } => {
                Self::new(Code::NotFound, message).hint("`keyward environment list` shows what there is")
            }
            VaultError::NoSecret { .. } => {
                Self::new(Code::NotFound, message).hint("`keyward list --all` shows what there is")
            }
            VaultError::NoVersion { .. } => {
                Self::new(Code::NotFound, message).hint("`keyward history NAME` shows the versions")
            }
            VaultError::NotIdentified => Self::new(Code::Denied, message)
                .hint("`keyward token create` makes a token; a revoked or expired one stays dead"),
            VaultError::Missing { noun, .. } => {
                let failure = Self::new(Code::NotFound, message);
                match noun {
                    "account" => failure.hint("`keyward user list` shows who there is"),
                    "group" => failure.hint("`keyward group list` shows what there is"),
                    "policy" => failure.hint("`keyward policy list` shows what there is"),
                    "token" => failure.hint("`keyward token list` shows what there is"),
                    "virtual key" => failure.hint("`keyward virtual-key list` shows what there is"),
                    "role binding" => failure.hint("`keyward role list` shows what there is"),
                    "finding" => failure.hint("`keyward finding list` shows what there is"),
                    "identity provider" => failure.hint("`keyward identity-provider list` shows what there is"),
                    "trust" => failure.hint("`keyward service-account trust list` shows what there is"),
                    "alert sink" => failure.hint("`keyward alert list` shows where alerts go"),
                    "request" => failure.hint("`keyward elevate list` shows what there is"),
                    _ => failure,
                }
            }
            VaultError::TooManyAttempts { .. } => Self::new(Code::Denied, message)
                .hint("wait; who may administer the vault can make a link for a new password, which lifts it at once"),
            VaultError::SecondFactor | VaultError::NoAccount(_) | VaultError::Strayed(_) => {
                Self::new(Code::Denied, message)
            }
            VaultError::Busy => Self::internal(message).hint("try again in a few seconds"),
            VaultError::Passkey(_) => Self::usage(message),
            VaultError::WeakPassword(_) | VaultError::Proof(keyward_access::credential::CredentialError::Code) => {
                Self::new(Code::Usage, message)
            }
            VaultError::Policy(_) => {
                Self::new(Code::Usage, message).hint("what policies can speak of is shown by `keyward policy schema`")
            }
            VaultError::NoCheckpoint(_) => Self::new(Code::Usage, message)
                .hint("`keyward audit checkpoint > FILE` writes one; the store was not looked at"),
            VaultError::TooLong => {
                Self::new(Code::Usage, message).hint("name a sooner end; where none is named, a token lives an hour")
            }
            VaultError::WrongCredential(_) => Self::new(Code::Locked, message),
            VaultError::Credential { .. } => Self::usage(message),
            VaultError::Exists { .. } | VaultError::Refused(_) => Self::new(Code::Conflict, message),
            VaultError::TooLarge { .. } => Self::new(Code::TooLarge, message),
            VaultError::Stale(_) => {
                Self::new(Code::Stale, message).hint("read it again, then repeat the change if it still fits")
            }
            VaultError::SafeMode(_) => Self::new(Code::Denied, message)
                .hint("compare `keyward audit log` with what you expect, then `keyward store accept`"),
            VaultError::FutureFormat(_) => Self::internal(message).hint("update keyward"),
            VaultError::Raced(_) => Self::new(Code::Raced, message).hint("try again"),
            VaultError::Replaced => Self::new(Code::Raced, message),
            VaultError::Damaged(_) => {
                Self::internal(message).hint("`keyward audit verify` says more; `keyward restore` brings a backup back")
            }
            VaultError::Store(error) => error.into(),
            _ => Self::internal(message),
        }
    }
}

/// What was denied, for who may know that it is there.
fn denied(denial: &keyward_access::Denial) -> Failure {
    let names: Vec<String> = denial.known.iter().take(MOST_NAMED).map(|name| format!("`{name}`")).collect();
    let more = match denial.known.len().saturating_sub(MOST_NAMED) {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    let operation = denial.operation.as_str();
    let hint = match denial.operation {
        Operation::Read => {
            "`keyward elevate request ROLE` asks for a role for a while; of several, `--only` takes the others"
        }
        _ => "`keyward elevate request ROLE` asks for a role for a while",
    };
    Failure::new(Code::Denied, format!("you may not {operation} {}{more}", names.join(", "))).hint(hint)
}

/// Names in one message.
const MOST_NAMED: usize = 8;

impl From<keyward_store::Error> for Failure {
    fn from(error: keyward_store::Error) -> Self {
        use keyward_store::Error as Store;
        let message = error.to_string();
        match error {
            Store::NotFound { .. } => Self::new(Code::Locked, message).hint("`keyward init` makes a vault"),
            Store::Tampered { .. } => {
                Self::internal(message).hint("`keyward audit verify` names everything that was altered")
            }
            Store::Damaged { .. } | Store::Foreign { .. } => {
                Self::internal(message).hint("`keyward restore FILE` brings a backup back")
            }
            Store::FutureFormat { .. } => Self::internal(message).hint("update keyward"),
            Store::NetworkFilesystem { .. } => {
                Self::new(Code::Usage, message).hint("set `KEYWARD_HOME` to a folder on a local disk")
            }
            Store::Exists { .. } => Self::new(Code::Conflict, message),
            Store::ReadOnly { .. } => Self::new(Code::Unavailable, message)
                .hint("nothing was changed; the vault needs a folder that can be written"),
            Store::Full => {
                Self::new(Code::Unavailable, message).hint("nothing was changed; make room, then run the command again")
            }
            _ => Self::internal(message),
        }
    }
}
