//! The desk: the calls that commands make, in forms that answer alike.
//!
//! [`Desk`] lists every call once; from that list come the wire form, the dispatcher that a
//! process which owns the store answers with, and the desk that sends calls to it
//! ([`SocketDesk`]). [`LocalDesk`] carries them out over a vault in this process, [`RemoteDesk`]
//! asks a server's API.

mod access;
mod access_wire;
mod agent;
mod alert_wire;
mod alerts;
mod bytes;
mod desk;
mod engines;
mod failure;
mod findings;
mod held;
mod home;
mod identities;
mod identity_wire;
mod intake;
mod jobs;
mod kms;
mod later;
mod local;
mod migrate;
mod moved;
mod offline;
mod remote;
mod restore;
mod rotation_wire;
mod rotations;
mod schedules;
mod signed;
mod site;
mod socket;
mod source;
mod system;
mod team;
mod team_onboarding;
mod team_review;
mod team_wire;
mod verdicts;
mod virtual_key_wire;
mod virtual_keys;
mod watch;
mod wire;
mod workload;

pub use access_wire::*;
pub use agent::{Agent, End, Running};
pub use alert_wire::*;
pub use bytes::Bytes;
pub use desk::{Call, Desk, dispatch};
pub use engines::StoreAddress;
pub use failure::{Code, Failure, Result};
pub use findings::{Exposure, FindingInfo};
pub use held::{Held, SealInfo, Sealable};
pub use home::{Ask, Connection, Home, Owned};
pub use identity_wire::*;
pub use intake::{Examined, bits, can_be_masked, examine, is_plainly_none};
pub use jobs::{close_due_reviews, warn_of_expiry};
pub use keyward_monitor::{Alert, AlertKind, Retry, Severity, SinkState, Subject};
pub use keyward_monitor::{Attribute, Span, SpanKind, Telemetry, TelemetrySettings};
pub use keyward_upstream::AccessKey;
pub use kms::kms_slot;
pub use later::{Begun, Written};
pub use local::LocalDesk;
pub use migrate::Migrated;
pub use offline::{KeptPlace, Offline, OfflineHost};
pub use remote::{Authority, Folders, RemoteDesk, ServedFolder, ServerAccess};
pub use restore::Restored;
pub use rotation_wire::*;
pub use rotations::{awaited, go_on_with_rotations};
pub use schedules::{
    Blackout, ScheduleAbout, ScheduleInfo, ScheduleRule, ScheduleRuleError, Window, begin_due_rotations,
};
pub use signed::{DeviceCode, Front, Polled, ServerUrl, Signed};
pub use site::{Site, SlotChoice};
pub use socket::{Occasion, SocketDesk};
pub use source::{Source, SourceKind, StoreAsk, Taken, take_from};
pub use system::{SystemClock, SystemRandom, tools};
pub use team_wire::*;
pub use verdicts::{KeyQuestion, KeyVerdict, hosts_are_at, verifier};
pub use virtual_key_wire::*;
pub use watch::Watch;
pub use wire::*;
pub use workload::{GivenToken, Workload, WorkloadSource};

pub use keyward_access::{Caveat, Login, NarrowedKey, Network, ROLES_TEXT, Role, RuleError, SCHEMA_TEXT};
pub use keyward_vault::{
    AgeIdentity, AgeRecipient, Cost, Expected, FindingReport, FindingState, KeyFile, KmsKey, KmsSlot, NewSlot,
    NewVault, RecoveryCode, Share, Vault,
};
