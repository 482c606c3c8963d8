//! What the crash campaign and the process that it kills have to agree on.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

/// Threads of the writer.
pub const THREADS: u64 = 3;
/// Names that each thread writes.
pub const NAMES: usize = 3;

/// What the writer says it has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ack {
    /// The vault is open.
    Opened,
    /// A version was written.
    Wrote {
        /// Of this name.
        name: String,
        /// Which.
        version: u64,
    },
    /// A version was read, and was right.
    Read {
        /// Of this name.
        name: String,
        /// Which.
        version: u64,
    },
    /// The store refused, and nothing was handed out.
    Refused {
        /// For this name.
        name: String,
        /// Why.
        what: String,
    },
    /// Something is wrong.
    Failed {
        /// What.
        what: String,
    },
}

/// The name that a thread writes.
#[must_use]
pub fn name_of(thread: u64, number: u64) -> String {
    format!("T{thread}_KEY_{number}")
}

/// The one value that a version of a name can have.
#[must_use]
pub fn value_of(name: &str, version: u64) -> String {
    let hash = Sha256::new().chain_update(name).chain_update(version.to_be_bytes()).finalize();
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl fmt::Display for Ack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opened => f.write_str("opened"),
            Self::Wrote { name, version } => write!(f, "wrote {name} {version}"),
            Self::Read { name, version } => write!(f, "read {name} {version}"),
            Self::Refused { name, what } => write!(f, "refused {name} {what}"),
            Self::Failed { what } => write!(f, "failed {what}"),
        }
    }
}

impl FromStr for Ack {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        let mut parts = line.splitn(3, ' ');
        let (verb, name) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default().to_owned());
        let rest = parts.next().unwrap_or_default();
        let version = || rest.parse().map_err(|_| line.to_owned());
        match verb {
            "opened" => Ok(Self::Opened),
            "wrote" => Ok(Self::Wrote { name, version: version()? }),
            "read" => Ok(Self::Read { name, version: version()? }),
            "refused" => Ok(Self::Refused { name, what: rest.to_owned() }),
            "failed" => Ok(Self::Failed { what: format!("{name} {rest}") }),
            _ => Err(line.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_understood() {
        let name = name_of(1, 2);
        for ack in [
            Ack::Opened,
            Ack::Wrote { name: name.clone(), version: 3 },
            Ack::Read { name: name.clone(), version: 4 },
            Ack::Refused { name, what: "the disk is full".into() },
            Ack::Failed { what: "two words more".into() },
        ] {
            assert_eq!(ack.to_string().parse(), Ok(ack));
        }
        assert!("wro".parse::<Ack>().is_err());
    }
}
