//! The one door to plaintext: key hierarchy, slots, envelope encryption, versions, holdings.
//!
//! What holds here:
//!
//! - **Nothing is opened without permission and a durable record.** A head is loaded; the policy
//!   turns it and a caller into a `Permit`; [`Vault::record`] turns that into a [`Recorded`]
//!   permit, after the store has made the entry durable; [`Vault::open`] takes the proof and uses
//!   it up. No other path leads to a value, and a step that is left out does not compile.
//! - **A value opens only in its place.** Associated data binds vault, project, environment,
//!   secret, version and key generation, all ids.
//! - **Nothing long-lived is derived from the root.** It wraps random keys, so that a new root
//!   ([`Vault::rekey`]) rewraps them and leaves the values as they are.

mod access;
mod actor;
mod alert_places;
mod alert_sinks;
mod apply;
mod arrival;
mod budgets;
mod bundle;
mod carry;
mod change;
mod counting;
mod crypto;
mod devices;
mod door;
mod elevations;
mod endpoints;
mod error;
mod expected;
mod expiry;
mod filter;
mod findings;
mod folders;
mod gateway_leases;
mod groups;
mod header;
mod held;
mod identity_links;
mod identity_providers;
mod invites;
mod journey;
mod kept;
mod key_table;
mod key_view;
mod kill_first;
mod later;
mod lead;
mod line;
mod live_keys;
mod log;
mod manage;
mod matching;
mod migrate;
mod networks;
mod nodes;
mod offline;
mod passkey_ceremony;
mod passkey_sign_in;
mod passkeys;
mod passwords;
mod people;
mod policies;
mod projects;
mod provisioner;
mod provisioning;
mod provisioning_groups;
mod read;
mod recognition;
mod record;
mod records;
mod rematch;
mod requests;
mod reseal;
mod ring;
mod roles;
mod roster;
mod rotation_steps;
mod rotations;
mod scan_cache;
mod schedules;
mod seal;
mod second_factors;
mod seen;
mod sessions;
mod sign_in;
mod slot;
mod spent;
mod tally;
mod targets;
mod team;
mod team_begun;
mod team_carry;
mod team_history;
mod team_onboarding;
mod team_review;
mod team_rights;
mod team_uses;
#[cfg(test)]
mod testing;
mod token_uses;
mod tokens;
mod trusts;
mod usage;
mod value;
mod vault;
mod verify;
mod virtual_key_children;
mod virtual_keys;
mod window;
mod workloads;
mod write;

pub use actor::Actor;
pub use alert_sinks::{AlertSink, OpenedAlertSink};
pub use arrival::Arrival;
pub use budgets::{BudgetUse, Reserved};
pub use bundle::MatchBundle;
pub use carry::LogFormat;
pub use counting::WORTH_COUNTING;
pub use devices::{DeviceAnswer, DeviceGrant};
pub use endpoints::EndpointUse;
pub use error::Error;
pub use expected::{Expected, tag};
pub use expiry::ExpiryWarning;
pub use findings::{FindingReport, FindingState, ReportedFinding};
pub use gateway_leases::GatewayLease;
pub use header::Header;
pub use identity_links::{IdentityLink, LinkedBy};
pub use identity_providers::{IdentityProvider, NewIdentityProvider};
pub use journey::{Departure, Intent, Journey};
pub use kept::{Keeper, KeptKey};
pub use keyward_store::{Changes, Watch};
pub use kill_first::KillFirst;
pub use later::Unopened;
pub use lead::Lead;
pub use line::Line;
pub use live_keys::{KeyLookup, LiveKey, LiveKeys, LiveRoute, SpelledPlace};
pub use log::{Anchor, LogLine, Standing};
pub use matching::{Holder, MatchRecord, MatchRow, Window};
pub use offline::{LONGEST_OFFLINE, OfflineUse};
pub use passkey_ceremony::PasskeyQuestion;
pub use passkey_sign_in::PasskeySignIn;
pub use passkeys::PasskeyAnswer;
pub use passwords::Proof;
pub use policies::Question;
pub use provisioning::{Provisioned, ProvisionedUser};
pub use provisioning_groups::{ProvisionedGroup, ProvisionedTeam};
pub use read::{Lease, Loaded, Opened, Scope};
pub use record::{Recorded, Via};
pub use records::{Binding, Environment, Holding, HoldingKind, Project, Reads, Sealed};
pub use requests::{Once, Repeated};
pub use roles::Reach;
pub use rotation_steps::{Change as RotationChange, RotationStep, Successor};
pub use rotations::{NewRotation, Rotation, RotationPlan, RotationRow};
pub use scan_cache::ScanCache;
pub use schedules::{Overdue, ScheduleOf, ScheduleRecord};
pub use second_factors::{Enrolment, SecondFactors};
pub use sessions::SignedIn;
pub use sign_in::{SignIn, Visitor};
pub use slot::{
    AgeIdentity, AgeRecipient, Cost, Credential, KeyFile, KmsAnswer, KmsContext, KmsKey, KmsQuestion, KmsSlot, NewSlot,
    Protection, RecoveryCode, Share, Slot,
};
pub use targets::{DraftTarget, NewTarget, TargetRecord};
pub use team::{Footprint, Settlement, Stored, Task, TaskAbout, TaskState};
pub use team_onboarding::{Confirmation, Onboarding, Traces};
pub use team_review::{Answer, Review, ReviewLine, Right, Suggestion};
pub use team_rights::{Readable, Source};
pub use tokens::NewToken;
pub use trusts::{NewTrust, WorkloadTrust};
pub use usage::{GatewayDenial, UsageCall, UsageCounts, UsageRow, VersionUse};
pub use vault::{NewVault, Tools, Vault};
pub use verify::Verified;
pub use virtual_key_children::NewChild;
pub use virtual_keys::{NewRoute, NewVirtualKey};
pub use window::{Among, WINDOW};
pub use write::{Edit, NewValue, ValueChange, Written};

/// Largest value, in bytes.
pub const MAX_VALUE: usize = 64 * 1024;
