//! Every call, listed once.

use keyward_access::{Login, Network};
use keyward_types::{EnvironmentName, KnownSecret, ProjectName, SecretName, SlotId, Timestamp, Version};
use serde::{Deserialize, Serialize};

use crate::access_wire::{
    AccountInfo, ElevationAsk, ElevationInfo, GrantInfo, GroupInfo, MadeInvite, MadeToken, NewTokenInfo, PolicyInfo,
    QuestionInfo, RoleBindingInfo, TokenInfo, VerdictInfo,
};
use crate::alert_wire::{AlertSinkInfo, AlertTestInfo, MadeAlertSink, NewAlertSinkInfo};
use crate::identity_wire::{IdentityInfo, IdentityProviderInfo, NewIdentityProviderInfo, NewTrustInfo, TrustInfo};
use crate::rotation_wire::{
    DriftInfo, DueEntry, KillFirstInfo, NewTargetInfo, RotateAsk, RotationInfo, RotationPreview, TargetInfo, Wish,
};
use crate::team_wire::{
    Confirmed, Decision, OffboardingInfo, OnboardingInfo, ReviewInfo, ReviewLineInfo, Settlement, TaskName, TaskState,
};
use crate::verdicts::{KeyQuestion, KeyVerdict};
use crate::virtual_key_wire::{
    MadeVirtualKey, NewChildKeyInfo, NewVirtualKeyInfo, UsageInfo, VirtualKeyDetail, VirtualKeyInfo,
};
use crate::wire::{
    BindingInfo, Detail, Disclosed, EditInfo, EnvironmentInfo, LineInfo, LogLineInfo, NamedVersion, NewSecret,
    NewSlotInfo, OfflineUse, ProjectInfo, Purpose, SecretInfo, Selection, SlotInfo, Status, Stored, Verdict, Where,
};
use crate::{
    Bytes, Failure, FindingInfo, FindingReport, FindingState, Result, ScheduleAbout, ScheduleInfo, ScheduleRule,
};

/// Makes the trait, the wire form and the dispatcher from one list.
macro_rules! desk {
    ($($(#[$doc:meta])* $name:ident / $variant:ident ( $($arg:ident : $type:ty),* $(,)? ) -> $out:ty;)*) => {
        /// The calls that commands make. Each is checked, carried out and recorded where the vault
        /// is; a command only asks and shows.
        pub trait Desk {
            $(
                $(#[$doc])*
                ///
                /// # Errors
                /// A [`Failure`] that says what happened and what to do.
                fn $name(&self, $($arg: $type),*) -> Result<$out>;
            )*
        }

        /// A call as it crosses a socket.
        #[derive(Clone, Debug, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Call {
            $(
                $(#[$doc])*
                $variant {
                    $(#[doc = stringify!($arg)] $arg: $type),*
                },
            )*
        }

        /// Carries out a call that came over a socket; the answer is JSON.
        ///
        /// # Errors
        /// What the desk answers.
        pub fn dispatch(desk: &dyn Desk, call: Call) -> Result<serde_json::Value> {
            match call {
                $(Call::$variant { $($arg),* } => to_json(&desk.$name($($arg),*)?),)*
            }
        }

        impl<T: Transport> Desk for T {
            $(
                fn $name(&self, $($arg: $type),*) -> Result<$out> {
                    let answer = self.send(Call::$variant { $($arg),* })?;
                    serde_json::from_value(answer).map_err(|error| Failure::internal(format!(
                        "the answer to `{}` cannot be read: {error}", stringify!($name)
                    )).hint("the process that owns the vault may be another version of keyward: `keyward lock` ends it"))
                }
            )*
        }
    };
}

/// Brings a call to the process that carries it out.
pub(crate) trait Transport {
    fn send(&self, call: Call) -> Result<serde_json::Value>;
}

fn to_json<T: Serialize>(answer: &T) -> Result<serde_json::Value> {
    serde_json::to_value(answer).map_err(|error| Failure::internal(format!("the answer cannot be written: {error}")))
}

desk! {
    /// What the vault is and who acts.
    status / Status () -> Status;
    /// Every project with its environments.
    projects / Projects () -> Vec<ProjectInfo>;
    /// One project with its environments.
    project / Project (name: ProjectName) -> ProjectInfo;
    /// Makes a project with these environments.
    create_project / CreateProject (name: ProjectName, environments: Vec<EnvironmentName>) -> ProjectInfo;
    /// Gives a project another name.
    rename_project / RenameProject (from: ProjectName, to: ProjectName) -> ProjectInfo;
    /// Sets the networks from which a project may be used, none: from everywhere; `force`: also where
    /// the caller would keep himself out.
    limit_project / LimitProject (name: ProjectName, networks: Vec<Network>, force: bool) -> ProjectInfo;
    /// Deletes a project and shreds its values; answers how many secrets it had.
    delete_project / DeleteProject (name: ProjectName) -> u64;
    /// Adds an environment.
    add_environment / AddEnvironment (project: ProjectName, name: EnvironmentName, parent: Option<EnvironmentName>) -> EnvironmentInfo;
    /// Sets for how many seconds clients may keep what they read of an environment; `None`: not at all.
    keep_offline / KeepOffline (at: Where, seconds: Option<u32>) -> EnvironmentInfo;
    /// Removes an environment; answers how many secrets it had.
    remove_environment / RemoveEnvironment (at: Where, with_secrets: bool) -> u64;

    /// Stores values, all or none.
    write / Write (at: Where, secrets: Vec<NewSecret>) -> Vec<Stored>;
    /// Changes metadata.
    edit / Edit (at: Where, name: SecretName, edit: EditInfo) -> SecretInfo;
    /// Opens values: each is recorded first.
    read / Read (at: Where, selection: Selection, purpose: Purpose) -> Vec<Disclosed>;
    /// The secrets of an environment, deleted ones too; nothing is opened.
    list / List (at: Where) -> Vec<SecretInfo>;
    /// The secrets of an environment that can be read, a line each; nothing is opened.
    lines / Lines (at: Where) -> Vec<LineInfo>;
    /// Names and active versions of an environment and its parents; nothing is opened.
    names / Names (at: Where) -> Vec<NamedVersion>;
    /// One secret, with who has it.
    show / Show (at: Where, name: SecretName) -> Detail;
    /// Hides a secret, reversibly.
    delete / Delete (at: Where, name: SecretName) -> SecretInfo;
    /// Asks a stored key's own service whether it lives: its use is recorded first.
    verify_key / VerifyKey (at: Where, name: SecretName, question: KeyQuestion) -> KeyVerdict;
    /// Brings a deleted secret back.
    undelete / Undelete (at: Where, name: SecretName) -> SecretInfo;
    /// Makes an older version active.
    rollback / Rollback (at: Where, name: SecretName, version: Version) -> SecretInfo;
    /// Destroys one version's value for ever.
    destroy / Destroy (at: Where, name: SecretName, version: Version) -> SecretInfo;
    /// Puts on record what the caller used of what it had kept, without the server.
    report_offline / ReportOffline (uses: Vec<OfflineUse>) -> ();
    /// Closes holdings whose holder has the value no longer.
    close_holdings / CloseHoldings (ids: Vec<String>) -> u64;

    /// Binds a folder to a project.
    trust / Trust (path: String, origin: Option<String>, project: ProjectName) -> BindingInfo;
    /// Ends a folder's binding.
    untrust / Untrust (path: String) -> bool;
    /// The binding of exactly this folder.
    binding / Binding (path: String) -> Option<BindingInfo>;

    /// Adds a way into the vault.
    add_slot / AddSlot (slot: NewSlotInfo, label: String) -> SlotInfo;
    /// Removes a way into the vault.
    remove_slot / RemoveSlot (id: SlotId) -> SlotInfo;
    /// A new root; answers its generation.
    rekey / Rekey () -> u32;
    /// A new generation of a project's key; answers it and how many values were sealed anew.
    rekey_data / RekeyData (project: ProjectName) -> (u32, u64);
    /// Ends safe mode.
    accept / Accept () -> ();
    /// Writes a consistent encrypted copy to a file that must not exist.
    backup / Backup (path: String) -> u64;

    /// What recognises every strong stored value (see `keyward_vault::MatchBundle::from_bytes`):
    /// recorded as one `match`.
    match_bundle / MatchBundle () -> Bytes;
    /// Which stored secrets these values are, weak ones too; nothing is opened, and it is recorded
    /// as one `match`.
    identify / Identify (values: Vec<Bytes>) -> Vec<Option<KnownSecret>>;
    /// A key under which this user's scanner keeps what it has seen of a repository.
    scan_key / ScanKey () -> Bytes;

    /// Keeps what a scan found; answers it as it is kept.
    report_findings / ReportFindings (reports: Vec<FindingReport>) -> Vec<FindingInfo>;
    /// What scans reported, the last seen first.
    findings / Findings () -> Vec<FindingInfo>;
    /// Decides on a finding.
    resolve_finding / ResolveFinding (id: String, state: FindingState, note: Option<String>) -> FindingInfo;

    /// Entries of the log from `first` on.
    log / Log (first: u64, limit: u64) -> Vec<LogLineInfo>;
    /// Replays the log against the store, and against an outside checkpoint.
    verify / Verify (against: Option<String>) -> Verdict;
    /// The newest signed checkpoint.
    checkpoint / Checkpoint () -> String;
    /// A proof (C2SP tlog-proof) that an entry is in the log.
    prove / Prove (index: u64) -> String;
    /// Writes the log into a folder that must not exist: `native` for the offline verifier, or
    /// `ocsf`; answers how many entries.
    export_log / ExportLog (format: String, folder: String) -> u64;

    /// Every account, disabled ones too.
    accounts / Accounts () -> Vec<AccountInfo>;
    /// Makes a person's account.
    add_user / AddUser (login: Login, name: String) -> AccountInfo;
    /// Makes a program's account, for which somebody answers: oneself, or who is named.
    add_service_account / AddServiceAccount (login: Login, name: String, owner: Option<Login>) -> AccountInfo;
    /// Ends an account's rights at once, and its tokens for ever.
    disable_account / DisableAccount (login: Login) -> AccountInfo;
    /// Lets an account act again.
    enable_account / EnableAccount (login: Login) -> AccountInfo;
    /// From now on whoever opens the vault with a key slot acts in this owner's name.
    hand_over / HandOver (login: Login) -> ();
    /// Makes a link by which a person chooses a password, once; it is in the answer and nowhere else.
    invite / Invite (login: Login, without_second_factor: bool) -> MadeInvite;
    /// Takes all passkeys of a person away, and ends his sessions; answers how many there were.
    reset_passkeys / ResetPasskeys (login: Login) -> u64;
    /// Every group with its members.
    groups / Groups () -> Vec<GroupInfo>;
    /// Makes a group.
    create_group / CreateGroup (name: Login) -> GroupInfo;
    /// Deletes a group with its role bindings.
    delete_group / DeleteGroup (name: Login) -> GroupInfo;
    /// Takes an account into a group.
    join_group / JoinGroup (name: Login, member: Login) -> GroupInfo;
    /// Takes an account out of a group.
    leave_group / LeaveGroup (name: Login, member: Login) -> GroupInfo;
    /// Who has which role where.
    role_bindings / RoleBindings () -> Vec<RoleBindingInfo>;
    /// Gives a role.
    grant_role / GrantRole (grant: GrantInfo) -> RoleBindingInfo;
    /// Takes a role away.
    revoke_role / RevokeRole (id: String) -> RoleBindingInfo;
    /// One's own policies.
    policies / Policies () -> Vec<PolicyInfo>;
    /// Writes a policy; answers what its author should know.
    put_policy / PutPolicy (name: Login, text: String, enabled: bool) -> Vec<String>;
    /// Deletes a policy.
    delete_policy / DeletePolicy (name: Login) -> PolicyInfo;
    /// What the policies say to a question, and which of them decide.
    test_policy / TestPolicy (question: QuestionInfo) -> VerdictInfo;
    /// One's own tokens and those of one's programs; all of them for who may list the vault.
    tokens / Tokens () -> Vec<TokenInfo>;
    /// Makes a token; its text is in the answer and nowhere else.
    create_token / CreateToken (new: NewTokenInfo) -> MadeToken;
    /// Revokes a token.
    revoke_token / RevokeToken (id: String) -> TokenInfo;
    /// Requests for more rights.
    elevations / Elevations () -> Vec<ElevationInfo>;
    /// Asks for a role for some time.
    request_elevation / RequestElevation (ask: ElevationAsk) -> ElevationInfo;
    /// Gives what somebody else asked for.
    approve_elevation / ApproveElevation (id: String) -> ElevationInfo;
    /// Refuses what somebody else asked for.
    deny_elevation / DenyElevation (id: String) -> ElevationInfo;
    /// Takes emergency rights, with an alarm.
    break_glass / BreakGlass (ask: ElevationAsk) -> ElevationInfo;

    /// What somebody's leaving would take, or takes; nothing is changed.
    offboarding_plan / OffboardingPlan (login: Login) -> OffboardingInfo;
    /// Ends an account with its tokens, and puts on record what is to be done.
    offboard / Offboard (login: Login) -> OffboardingInfo;
    /// Says of a task of somebody's leaving that it is done, need not be done, or is to be done.
    settle_task / SettleTask (login: Login, task: TaskName, settlement: Settlement) -> TaskState;
    /// Gives a newcomer the roles of a template, and begins his checklist.
    onboard / Onboard (login: Login, template: String, project: Option<ProjectName>) -> OnboardingInfo;
    /// How far a newcomer is.
    onboarding / Onboarding (login: Login) -> OnboardingInfo;
    /// What the caller says of his own onboarding.
    confirm_onboarding / ConfirmOnboarding (login: Login, said: Confirmed) -> OnboardingInfo;
    /// Begins an access review that waits for answers for so many days.
    start_review / StartReview (days: u32) -> ReviewInfo;
    /// The review of this id, or the newest one.
    review / Review (id: Option<String>) -> ReviewInfo;
    /// Answers a line of the open review, and carries the answer out.
    decide_review_line / DecideReviewLine (number: u32, decision: Decision) -> ReviewLineInfo;
    /// Gives back what a review took away.
    restore_review_line / RestoreReviewLine (id: Option<String>, number: u32) -> ReviewLineInfo;
    /// Takes away what nobody answered for by the deadline; answers how many rights that were.
    close_due_reviews / CloseDueReviews () -> u64;
    /// Where alerts go.
    alert_sinks / AlertSinks () -> Vec<AlertSinkInfo>;
    /// Adds a place that alerts go to; a webhook's signing secret is in the answer and nowhere else.
    add_alert_sink / AddAlertSink (new: NewAlertSinkInfo) -> MadeAlertSink;
    /// Sends an alert there now, and waits for what comes of it.
    test_alert_sink / TestAlertSink (name: Login) -> AlertTestInfo;
    /// Ends a place that alerts go to.
    remove_alert_sink / RemoveAlertSink (name: Login) -> AlertSinkInfo;

    /// The providers that people sign in at.
    identity_providers / IdentityProviders () -> Vec<IdentityProviderInfo>;
    /// Adds a provider that people sign in at.
    add_identity_provider / AddIdentityProvider (new: NewIdentityProviderInfo) -> IdentityProviderInfo;
    /// Removes a provider: nobody signs in there any more.
    remove_identity_provider / RemoveIdentityProvider (name: Login) -> IdentityProviderInfo;
    /// The identities at providers that belong to an account.
    identities / Identities (login: Login) -> Vec<IdentityInfo>;
    /// Takes an identity away from an account, and ends the account's sessions.
    unlink_identity / UnlinkIdentity (login: Login, id: String) -> IdentityInfo;
    /// What a program's account trusts.
    trusts / Trusts (login: Login) -> Vec<TrustInfo>;
    /// Lets a program's workloads show what an issuer signed, for a token.
    add_trust / AddTrust (login: Login, new: NewTrustInfo) -> TrustInfo;
    /// Ends a trust, with every token that was given for it.
    remove_trust / RemoveTrust (login: Login, id: String) -> TrustInfo;

    /// One's own virtual keys and those of one's programs; all of them for who may list the vault.
    virtual_keys / VirtualKeys () -> Vec<VirtualKeyInfo>;
    /// One virtual key, with its children and budgets.
    virtual_key / VirtualKey (id: String) -> VirtualKeyDetail;
    /// Makes a virtual key; its text is in the answer and nowhere else.
    create_virtual_key / CreateVirtualKey (at: Where, new: NewVirtualKeyInfo) -> MadeVirtualKey;
    /// Gives a virtual key another text; the old one serves for so many seconds more.
    rotate_virtual_key / RotateVirtualKey (id: String, grace_seconds: u32) -> MadeVirtualKey;
    /// Makes a narrower key of one.
    mint_virtual_key / MintVirtualKey (id: String, new: NewChildKeyInfo) -> MadeVirtualKey;
    /// Revokes a virtual key with its children.
    revoke_virtual_key / RevokeVirtualKey (id: String) -> VirtualKeyInfo;
    /// What a rotation of a secret would do; nothing is changed.
    rotation_preview / RotationPreview (at: Where, name: SecretName, ask: RotateAsk) -> RotationPreview;
    /// Begins to replace a secret by a successor, and goes on with it as far as it comes by itself.
    rotate / Rotate (at: Where, name: SecretName, ask: RotateAsk) -> RotationInfo;
    /// Rotations of an environment's secrets that are under way, or all there were.
    rotations / Rotations (at: Where, all: bool) -> Vec<RotationInfo>;
    /// The rotation of a secret that is under way, or its last one.
    rotation / Rotation (at: Where, name: SecretName) -> RotationInfo;
    /// What a person wants of a rotation; it goes on then.
    decide_rotation / DecideRotation (at: Where, name: SecretName, wish: Wish) -> RotationInfo;
    /// The value that a rotation waits for, which a person made; the service is asked about it first.
    bring_rotation / BringRotation (at: Where, name: SecretName, value: Bytes) -> RotationInfo;
    /// Whether a leaked key of a secret may end before its successor is there.
    kill_first / KillFirst (at: Where, name: SecretName) -> KillFirstInfo;
    /// Gives or takes leave for that, beforehand.
    allow_kill_first / AllowKillFirst (at: Where, name: SecretName, allowed: bool) -> KillFirstInfo;
    /// Where the values of an environment's secrets are deployed to.
    targets / Targets (at: Where) -> Vec<TargetInfo>;
    /// Adds a place that values of these secrets are deployed to.
    add_target / AddTarget (at: Where, new: NewTargetInfo) -> Vec<TargetInfo>;
    /// Ends a target of a secret; what lies there stays there.
    remove_target / RemoveTarget (at: Where, secret: SecretName, name: Login) -> TargetInfo;
    /// What an environment's targets have, compared with what they should have.
    target_drift / TargetDrift (at: Where) -> Vec<DriftInfo>;
    /// The rules of when an environment's secrets are rotated, the widest first.
    schedules / Schedules (at: Where) -> Vec<ScheduleInfo>;
    /// Sets a rule of when secrets are rotated.
    set_schedule / SetSchedule (at: Where, about: ScheduleAbout, rule: ScheduleRule) -> ScheduleInfo;
    /// Takes such a rule away.
    clear_schedule / ClearSchedule (at: Where, about: ScheduleAbout) -> ScheduleInfo;
    /// What is due of an environment's secrets, the soonest first.
    calendar / Calendar (at: Where) -> Vec<DueEntry>;

    /// What virtual keys were used for, in whole days in UTC.
    usage / Usage (from: Timestamp, to: Timestamp) -> Vec<UsageInfo>;
}
