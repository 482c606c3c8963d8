//! The nouns of keyward.
//!
//! Every room speaks in these types, and nothing here touches the outside: no I/O, no async, no
//! clock. What exists is valid: a [`SecretName`] is canonical, a [`Version`] is at least 1, a
//! [`Secret`] cannot be printed.

mod action;
mod clock;
mod error;
mod finding;
pub mod forms;
pub mod glob;
mod head;
mod http_address;
mod id;
mod keys;
mod kind;
mod known;
mod name;
mod principal;
mod reach;
mod record;
mod secret;
pub mod token;
mod version;
mod visible;

pub use action::{Action, Administer, List, Match, Operation, Read, Sign, Use, Write};
pub use clock::{Clock, Random, RandomError, Timestamp};
pub use error::Error;
pub use finding::{Confidence, Finding, Fingerprint, Verified};
pub use head::{Access, Content, Head, Labels, Origin, Place, VersionHead};
pub use http_address::HttpAddress;
pub use id::{
    AlertSinkId, BindingId, ElevationId, EnvironmentId, GroupId, Id, IdentityProviderId, ProjectId, RotationId,
    SecretId, SlotId, TrustId, VaultId,
};
pub use keys::{KeyError, Keys, Purpose};
pub use kind::Kind;
pub use known::{KnownSecret, KnownSecrets};
pub use name::{EnvironmentName, ProjectName, SecretName};
pub use principal::{PrincipalId, PrincipalSort};
pub use reach::{Reach, Unreachable, reachable};
pub use record::Record;
pub use secret::Secret;
pub use version::{Label, Version, VersionState};
pub use visible::{is_plain, is_treacherous, visible};
