//! The desk over a vault in this process.

use std::collections::HashMap;
use std::sync::Arc;

use keyward_access::{Caller, Identity, Login, Network};
use keyward_types::{
    EnvironmentName, Head, KnownSecret, Operation, ProjectName, Secret, SecretName, SlotId, Timestamp, Version,
};
use keyward_vault::{
    Actor, AgeRecipient, Edit, Expected, Holder, HoldingKind, KeyFile, LogFormat, LogLine, NewSlot, NewValue, Once,
    Opened, Project, RecoveryCode, ReportedFinding, Scope, Share, Slot, ValueChange, Vault, Via,
};

use crate::access::Access;
use crate::access_wire::{
    AccountInfo, ElevationAsk, ElevationInfo, GrantInfo, GroupInfo, MadeInvite, MadeToken, NewTokenInfo, PolicyInfo,
    QuestionInfo, RoleBindingInfo, TokenInfo, VerdictInfo,
};
use crate::alert_wire::{AlertSinkInfo, AlertTestInfo, MadeAlertSink, NewAlertSinkInfo};
use crate::alerts::Alerts;
use crate::identities::Identities;
use crate::identity_wire::{IdentityInfo, IdentityProviderInfo, NewIdentityProviderInfo, NewTrustInfo, TrustInfo};
use crate::rotation_wire::{
    DriftInfo, DueEntry, KillFirstInfo, NewTargetInfo, RotateAsk, RotationInfo, RotationPreview, TargetInfo, Wish,
};
use crate::rotations::Rotations;
use crate::team::Team;
use crate::team_wire::{
    Confirmed, Decision, OffboardingInfo, OnboardingInfo, ReviewInfo, ReviewLineInfo, Settlement, TaskName, TaskState,
};
use crate::verdicts::{self, KeyQuestion, KeyVerdict};
use crate::virtual_key_wire::{
    MadeVirtualKey, NewChildKeyInfo, NewVirtualKeyInfo, UsageInfo, VirtualKeyDetail, VirtualKeyInfo,
};
use crate::virtual_keys::VirtualKeys;
use crate::wire::{
    BindingInfo, Detail, Disclosed, EditInfo, EnvironmentInfo, HoldingInfo, LineInfo, LogLineInfo, NamedVersion,
    NewSecret, NewSlotInfo, OfflineUse, ProjectInfo, Purpose, ReadsInfo, SecretInfo, Selection, SlotInfo, Status,
    Stored, StoredChange, UseInfo, Verdict, VersionInfo, Where,
};
use crate::{
    Bytes, Desk, Exposure, Failure, FindingInfo, FindingReport, FindingState, Occasion, Result, ScheduleAbout,
    ScheduleInfo, ScheduleRule,
};

/// Carries calls out for the owner of a local vault.
pub struct LocalDesk {
    pub(crate) vault: Arc<Vault>,
    pub(crate) actor: Actor,
}

impl LocalDesk {
    /// A desk for whoever unlocked the vault, on this occasion.
    ///
    /// # Errors
    /// When the owner's record cannot be read.
    pub fn new(vault: Arc<Vault>, occasion: Occasion) -> Result<Self> {
        let (_, caller) = vault.owner()?;
        Ok(Self::acting(vault, caller, occasion))
    }

    /// A desk for somebody who was identified, with the rights he has, on this occasion.
    pub fn acting(vault: Arc<Vault>, caller: Caller, occasion: Occasion) -> Self {
        let actor = Actor { reason: occasion.reason, ..Actor::new(caller, occasion.agent) };
        Self { vault, actor }
    }

    /// The same, for a caller on another machine.
    #[must_use]
    pub fn from_address(mut self, address: impl Into<String>) -> Self {
        self.actor.address = Some(address.into());
        self
    }

    /// The same, for changes that go through only where the secret stands as the caller expects.
    #[must_use]
    pub fn expecting(mut self, expected: Expected) -> Self {
        self.actor.expects = expected;
        self
    }

    /// The same, for a caller who keeps what it reads for when it cannot ask, where that is allowed.
    #[must_use]
    pub fn keeping(mut self, keeps: bool) -> Self {
        self.actor.keeps = keeps;
        self
    }

    /// The same, for a request that is carried out once however often it is asked.
    #[must_use]
    pub fn once(mut self, once: Option<Once>) -> Self {
        self.actor.once = once;
        self
    }

    /// What people call whoever acts.
    fn name(&self) -> Result<String> {
        let account = self.vault.account_of(self.actor.principal())?;
        Ok(account.map_or_else(|| self.actor.principal().to_string(), |account| account.name))
    }

    fn scope(&self, at: &Where, operation: Operation) -> Result<Scope> {
        Ok(self.vault.enter(&self.actor, &at.project, &at.environment, operation)?)
    }

    /// Findings, and of those that nobody has decided on what they are about.
    fn told(&self, findings: Vec<ReportedFinding>) -> Vec<FindingInfo> {
        let sees = self.vault.may_list_vault(&self.actor);
        let told = findings.into_iter().map(|finding| {
            let known = finding.report.secret.as_ref().filter(|_| sees && finding.state == FindingState::Open);
            let exposure = known.and_then(|known| Exposure::of(&self.vault, &self.actor, known));
            FindingInfo { exposure, ..FindingInfo::from(finding) }
        });
        told.collect()
    }

    fn team(&self) -> Team<'_> {
        Team { vault: &self.vault, actor: &self.actor }
    }

    fn of_rotations(&self) -> Rotations<'_> {
        Rotations { vault: &self.vault, actor: &self.actor }
    }

    fn alerts(&self) -> Alerts<'_> {
        Alerts { vault: &self.vault, actor: &self.actor }
    }

    fn vouched(&self) -> Identities<'_> {
        Identities { vault: &self.vault, actor: &self.actor }
    }

    fn of_gateways(&self) -> VirtualKeys<'_> {
        VirtualKeys { vault: &self.vault, actor: &self.actor }
    }

    fn access(&self) -> Access<'_> {
        Access { vault: &self.vault, actor: &self.actor }
    }

    fn project_info(&self, project: &Project) -> Result<ProjectInfo> {
        let environments = self.vault.environments_seen(&self.actor, project)?;
        let names: HashMap<_, _> = environments.iter().map(|e| (e.id, e.name.clone())).collect();
        let environments = environments.iter().map(|e| EnvironmentInfo {
            name: e.name.clone(),
            parent: e.parent.and_then(|id| names.get(&id).cloned()),
            offline_seconds: e.offline_seconds,
        });
        let environments = environments.collect();
        let (name, created_at) = (project.name.clone(), project.created_at);
        Ok(ProjectInfo { name, created_at, environments, networks: project.networks.clone() })
    }
}

pub(crate) fn via(purpose: Purpose) -> Via {
    match purpose {
        Purpose::Read => Via::Read,
        Purpose::Run => Via::Run,
        Purpose::Export => Via::Export,
        Purpose::Copy => Via::Copy,
    }
}

impl LocalDesk {
    /// Puts the vault into safe mode, because the store is not the one that was last seen.
    ///
    /// # Errors
    /// When the store refuses.
    pub(crate) fn enter_safe_mode(&self, why: &str) -> Result<()> {
        Ok(self.vault.enter_safe_mode(&self.actor, why)?)
    }

    /// Ends an account as [`Desk::offboard`] does, whoever has its `login` by now.
    ///
    /// # Errors
    /// When the vault refuses.
    pub fn offboard_account(&self, login: &Login, account: Identity) -> Result<OffboardingInfo> {
        self.team().offboard_account(login, account)
    }

    /// Copies the whole store into an empty one ([`Vault::migrate`]).
    ///
    /// # Errors
    /// When either store refuses.
    pub(crate) fn migrate(&self, target: &dyn keyward_store::Engine, address: &str) -> Result<u64> {
        Ok(self.vault.migrate(&self.actor, target, address)?)
    }

    /// Puts on record that a node gives up its keys.
    ///
    /// # Errors
    /// When the caller may not administer the vault, or the store refuses.
    pub fn record_seal(&self, node: &str) -> Result<()> {
        Ok(self.vault.record_seal(&self.actor, node)?)
    }

    /// Begins a new life of the vault in a store that was made from a backup.
    ///
    /// # Errors
    /// When the store refuses.
    pub(crate) fn begin_restored(&self) -> Result<()> {
        Ok(self.vault.begin_restored(&self.actor)?)
    }
}

impl Desk for LocalDesk {
    fn status(&self) -> Result<Status> {
        let header = self.vault.header();
        Ok(Status {
            vault: header.vault,
            principal: self.actor.principal().to_string(),
            name: self.name()?,
            incarnation: header.incarnation,
            created_at: header.created_at,
            safe_mode: header.safe_mode,
            slots: header.slots.iter().map(slot_info).collect(),
            log_size: self.vault.log_size()?,
            log_key: self.vault.verifier().to_string(),
        })
    }

    fn projects(&self) -> Result<Vec<ProjectInfo>> {
        self.vault.projects_seen(&self.actor)?.iter().map(|project| self.project_info(project)).collect()
    }

    fn project(&self, name: ProjectName) -> Result<ProjectInfo> {
        self.project_info(&self.vault.project_seen(&self.actor, &name)?)
    }

    fn create_project(&self, name: ProjectName, environments: Vec<EnvironmentName>) -> Result<ProjectInfo> {
        let project = self.vault.create_project(&self.actor, &name, &environments)?;
        self.project_info(&project)
    }

    fn rename_project(&self, from: ProjectName, to: ProjectName) -> Result<ProjectInfo> {
        let project = self.vault.rename_project(&self.actor, &from, &to)?;
        self.project_info(&project)
    }

    fn limit_project(&self, name: ProjectName, networks: Vec<Network>, force: bool) -> Result<ProjectInfo> {
        let project = self.vault.set_networks(&self.actor, &name, &networks, force)?;
        // Who kept himself out sees no environment of it from now on.
        self.project_info(&project)
    }

    fn delete_project(&self, name: ProjectName) -> Result<u64> {
        Ok(self.vault.delete_project(&self.actor, &name)?)
    }

    fn add_environment(
        &self,
        project: ProjectName,
        name: EnvironmentName,
        parent: Option<EnvironmentName>,
    ) -> Result<EnvironmentInfo> {
        let made = self.vault.add_environment(&self.actor, &project, &name, parent.as_ref())?;
        Ok(EnvironmentInfo { name: made.name, parent, offline_seconds: made.offline_seconds })
    }

    fn keep_offline(&self, at: Where, seconds: Option<u32>) -> Result<EnvironmentInfo> {
        let scope = self.scope(&at, Operation::Administer)?;
        let changed = self.vault.set_offline(&self.actor, &scope, seconds)?;
        let info = self.project_info(&scope.project)?;
        let parent = info.environments.into_iter().find(|one| one.name == changed.name).and_then(|one| one.parent);
        Ok(EnvironmentInfo { name: changed.name, parent, offline_seconds: changed.offline_seconds })
    }

    fn report_offline(&self, uses: Vec<OfflineUse>) -> Result<()> {
        let uses: Vec<_> = uses.into_iter().map(offline_use).collect();
        Ok(self.vault.record_offline(&self.actor, &uses)?)
    }

    fn remove_environment(&self, at: Where, with_secrets: bool) -> Result<u64> {
        Ok(self.vault.remove_environment(&self.actor, &self.scope(&at, Operation::Administer)?, with_secrets)?)
    }

    fn write(&self, at: Where, secrets: Vec<NewSecret>) -> Result<Vec<Stored>> {
        let values = secrets.into_iter().map(new_value).collect();
        let written = self.vault.write(&self.actor, &self.scope(&at, Operation::Write)?, values)?;
        Ok(written.into_iter().map(stored).collect())
    }

    fn edit(&self, at: Where, name: SecretName, edit: EditInfo) -> Result<SecretInfo> {
        let head = self.vault.edit(&self.actor, &self.scope(&at, Operation::Write)?, &name, &edit_of(edit))?;
        Ok(secret_info(&head, &at.environment))
    }

    fn read(&self, at: Where, selection: Selection, purpose: Purpose) -> Result<Vec<Disclosed>> {
        let scope = self.scope(&at, Operation::Read)?;
        let loaded = match selection {
            Selection::All => self.vault.load_all(&self.actor, &scope)?,
            Selection::Names(names) => {
                names.iter().map(|name| self.vault.load(&self.actor, &scope, name, None)).collect::<Result<_, _>>()?
            }
            Selection::Version(name, version) => vec![self.vault.load(&self.actor, &scope, &name, Some(version))?],
        };
        Ok(self.vault.read(&self.actor, loaded, via(purpose))?.into_iter().map(disclosed).collect())
    }

    fn list(&self, at: Where) -> Result<Vec<SecretInfo>> {
        let heads = self.vault.heads(&self.actor, &self.scope(&at, Operation::List)?)?;
        Ok(heads.iter().map(|head| secret_info(head, &at.environment)).collect())
    }

    fn lines(&self, at: Where) -> Result<Vec<LineInfo>> {
        let lines =
            self.vault.lines(&self.actor, &self.scope(&at, Operation::List)?)?.into_iter().map(|line| LineInfo {
                name: line.name,
                kind: line.kind,
                version: line.version,
                written: line.written,
                expires_at: line.expires_at,
                provider: line.provider,
            });
        Ok(lines.collect())
    }

    fn names(&self, at: Where) -> Result<Vec<NamedVersion>> {
        let loaded = self.vault.load_all(&self.actor, &self.scope(&at, Operation::List)?)?;
        let named =
            loaded.into_iter().map(|one| NamedVersion { name: one.head().name.clone(), version: one.version() });
        Ok(named.collect())
    }

    fn show(&self, at: Where, name: SecretName) -> Result<Detail> {
        let head = self.vault.head(&self.actor, &self.scope(&at, Operation::List)?, &name)?;
        let secret = head.place.secret;
        let holdings = self.vault.holdings(secret)?.into_iter().map(|holding| HoldingInfo {
            principal: holding.principal.to_string(),
            version: holding.version,
            kind: holding_kind(holding.kind).to_owned(),
            since: holding.since,
            until: holding.until,
        });
        let reads = self.vault.reads(secret)?.into_iter().map(|reads| ReadsInfo {
            principal: reads.principal.to_string(),
            version: reads.version,
            first: reads.first,
            last: reads.last,
            n: reads.n,
        });
        let uses = self.vault.version_uses(&self.actor, secret)?.into_iter().map(|known| UseInfo {
            virtual_key: known.key,
            name: known.name,
            version: known.version,
            requests: known.requests,
            last: known.hour,
        });
        Ok(Detail {
            secret: secret_info(&head, &at.environment),
            same_as: self.vault.same_value_elsewhere(&self.actor, &head)?,
            holdings: holdings.collect(),
            reads: reads.collect(),
            uses: uses.collect(),
        })
    }

    fn delete(&self, at: Where, name: SecretName) -> Result<SecretInfo> {
        let head = self.vault.delete(&self.actor, &self.scope(&at, Operation::Write)?, &name)?;
        Ok(secret_info(&head, &at.environment))
    }

    fn verify_key(&self, at: Where, name: SecretName, question: KeyQuestion) -> Result<KeyVerdict> {
        let scope = self.scope(&at, verdicts::operation(&question))?;
        verdicts::verify(&self.vault, &self.actor, &scope, &name, &question)
    }

    fn undelete(&self, at: Where, name: SecretName) -> Result<SecretInfo> {
        let head = self.vault.undelete(&self.actor, &self.scope(&at, Operation::Write)?, &name)?;
        Ok(secret_info(&head, &at.environment))
    }

    fn rollback(&self, at: Where, name: SecretName, version: Version) -> Result<SecretInfo> {
        let head = self.vault.rollback(&self.actor, &self.scope(&at, Operation::Write)?, &name, version)?;
        Ok(secret_info(&head, &at.environment))
    }

    fn destroy(&self, at: Where, name: SecretName, version: Version) -> Result<SecretInfo> {
        let head = self.vault.destroy(&self.actor, &self.scope(&at, Operation::Write)?, &name, version)?;
        Ok(secret_info(&head, &at.environment))
    }

    fn close_holdings(&self, ids: Vec<String>) -> Result<u64> {
        Ok(self.vault.close_holdings(&self.actor, &ids)?)
    }

    fn trust(&self, path: String, origin: Option<String>, project: ProjectName) -> Result<BindingInfo> {
        let project = self.vault.project_named(&self.actor, &project)?;
        let binding = self.vault.trust(&self.actor, &path, origin.as_deref(), &project)?;
        Ok(BindingInfo { path, origin, project: project.name, created_at: binding.created_at })
    }

    fn untrust(&self, path: String) -> Result<bool> {
        Ok(self.vault.untrust(&self.actor, &path)?)
    }

    fn binding(&self, path: String) -> Result<Option<BindingInfo>> {
        let found = self.vault.binding(&path)?;
        Ok(found.map(|(binding, project)| BindingInfo {
            path,
            origin: binding.origin,
            project: project.name,
            created_at: binding.created_at,
        }))
    }

    fn add_slot(&self, slot: NewSlotInfo, label: String) -> Result<SlotInfo> {
        let text = |bytes: &Bytes| {
            String::from_utf8(bytes.expose().to_vec()).map_err(|_| Failure::usage("a slot's credential is not text"))
        };
        let added = match &slot {
            NewSlotInfo::KeyFile(file) => {
                self.vault.add_slot(&self.actor, &NewSlot::KeyFile(&KeyFile::parse(&text(file)?)?), label)?
            }
            NewSlotInfo::Keyring(file) => {
                self.vault.add_slot(&self.actor, &NewSlot::Keyring(&KeyFile::parse(&text(file)?)?), label)?
            }
            NewSlotInfo::Passphrase(passphrase) => {
                let passphrase = Secret::new("passphrase", text(passphrase)?);
                let new = NewSlot::Passphrase(&passphrase, keyward_vault::Cost::STANDARD);
                self.vault.add_slot(&self.actor, &new, label)?
            }
            NewSlotInfo::RecoveryCode(code) => {
                self.vault.add_slot(&self.actor, &NewSlot::Recovery(&RecoveryCode::parse(&text(code)?)?), label)?
            }
            NewSlotInfo::Age(recipient) => {
                self.vault.add_slot(&self.actor, &NewSlot::Age(&recipient.parse::<AgeRecipient>()?), label)?
            }
            NewSlotInfo::Shamir(shares) => {
                let text = Secret::new("shares", text(shares)?);
                let shares = text.expose().lines().map(Share::parse).collect::<Result<Vec<_>, _>>()?;
                self.vault.add_slot(&self.actor, &NewSlot::Shamir(&shares), label)?
            }
            NewSlotInfo::Kms(slot) => self.vault.add_slot(&self.actor, &NewSlot::Kms(slot), label)?,
        };
        Ok(slot_info(&added))
    }

    fn remove_slot(&self, id: SlotId) -> Result<SlotInfo> {
        Ok(slot_info(&self.vault.remove_slot(&self.actor, id)?))
    }

    fn match_bundle(&self) -> Result<Bytes> {
        let holder = if self.actor.caller.is_opener() { Holder::Owner } else { Holder::Other };
        let bundle = self.vault.match_bundle(&self.actor, holder)?;
        Ok(Bytes::new(bundle.to_bytes().to_vec()))
    }

    fn identify(&self, values: Vec<Bytes>) -> Result<Vec<Option<KnownSecret>>> {
        let values: Vec<&[u8]> = values.iter().map(Bytes::expose).collect();
        Ok(self.vault.identify(&self.actor, &values)?)
    }

    fn scan_key(&self) -> Result<Bytes> {
        self.vault.permit_list_vault(&self.actor)?;
        Ok(Bytes::new(self.vault.scan_key().to_vec()))
    }

    fn rekey(&self) -> Result<u32> {
        Ok(self.vault.rekey(&self.actor)?)
    }

    fn rekey_data(&self, project: ProjectName) -> Result<(u32, u64)> {
        Ok(self.vault.rekey_data(&self.actor, &project)?)
    }

    fn accept(&self) -> Result<()> {
        Ok(self.vault.accept(&self.actor)?)
    }

    fn backup(&self, path: String) -> Result<u64> {
        let target = std::path::Path::new(&path);
        if target.exists() {
            return Err(Failure::usage(format!("`{path}` exists already")).hint("name a file that does not exist yet"));
        }
        let reopen = |path: &std::path::Path| {
            let engine = keyward_store_sqlite::Sqlite::open(path, || keyward_types::Clock::now(&crate::SystemClock).0)?;
            Ok(Box::new(engine) as Box<dyn keyward_store::Engine>)
        };
        let written = self.vault.backup(&self.actor, target, reopen);
        // What could not be finished may still open with a key of this machine.
        Ok(written.inspect_err(|_| drop(std::fs::remove_file(target)))?)
    }

    fn report_findings(&self, reports: Vec<FindingReport>) -> Result<Vec<FindingInfo>> {
        Ok(self.told(self.vault.report_findings(&self.actor, reports)?))
    }

    fn findings(&self) -> Result<Vec<FindingInfo>> {
        Ok(self.told(self.vault.findings(&self.actor)?))
    }

    fn resolve_finding(&self, id: String, state: FindingState, note: Option<String>) -> Result<FindingInfo> {
        Ok(self.vault.resolve_finding(&self.actor, &id, state, note)?.into())
    }

    fn log(&self, first: u64, limit: u64) -> Result<Vec<LogLineInfo>> {
        self.vault.permit_list_vault(&self.actor)?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Ok(self.vault.log(first, limit)?.into_iter().map(log_line).collect())
    }

    fn verify(&self, against: Option<String>) -> Result<Verdict> {
        self.vault.permit_list_vault(&self.actor)?;
        let report = self.vault.verify(against.as_deref())?;
        Ok(Verdict {
            entries: report.entries,
            records: report.records,
            checkpoint: report.checkpoint,
            faults: report.faults,
        })
    }

    fn checkpoint(&self) -> Result<String> {
        self.vault.permit_list_vault(&self.actor)?;
        Ok(self.vault.checkpoint()?)
    }

    fn prove(&self, index: u64) -> Result<String> {
        self.vault.permit_list_vault(&self.actor)?;
        Ok(self.vault.prove(index)?)
    }

    fn export_log(&self, format: String, folder: String) -> Result<u64> {
        let format = match format.as_str() {
            "native" => LogFormat::Native,
            "ocsf" => LogFormat::Ocsf,
            _ => return Err(Failure::usage("the log can be exported as `native` or `ocsf`")),
        };
        Ok(self.vault.export_log(&self.actor, format, std::path::Path::new(&folder))?)
    }

    fn accounts(&self) -> Result<Vec<AccountInfo>> {
        self.access().accounts()
    }

    fn add_user(&self, login: Login, name: String) -> Result<AccountInfo> {
        self.access().add_user(&login, &name)
    }

    fn add_service_account(&self, login: Login, name: String, owner: Option<Login>) -> Result<AccountInfo> {
        self.access().add_service_account(&login, &name, owner.as_ref())
    }

    fn disable_account(&self, login: Login) -> Result<AccountInfo> {
        self.access().disable(&login)
    }

    fn enable_account(&self, login: Login) -> Result<AccountInfo> {
        self.access().enable(&login)
    }

    fn hand_over(&self, login: Login) -> Result<()> {
        self.access().hand_over(&login)
    }

    fn reset_passkeys(&self, login: Login) -> Result<u64> {
        self.access().reset_passkeys(&login)
    }

    fn invite(&self, login: Login, without_second_factor: bool) -> Result<MadeInvite> {
        self.access().invite(&login, without_second_factor)
    }

    fn groups(&self) -> Result<Vec<GroupInfo>> {
        self.access().groups()
    }

    fn create_group(&self, name: Login) -> Result<GroupInfo> {
        self.access().create_group(&name)
    }

    fn delete_group(&self, name: Login) -> Result<GroupInfo> {
        self.access().delete_group(&name)
    }

    fn join_group(&self, name: Login, member: Login) -> Result<GroupInfo> {
        self.access().join_group(&name, &member)
    }

    fn leave_group(&self, name: Login, member: Login) -> Result<GroupInfo> {
        self.access().leave_group(&name, &member)
    }

    fn role_bindings(&self) -> Result<Vec<RoleBindingInfo>> {
        self.access().role_bindings()
    }

    fn grant_role(&self, grant: GrantInfo) -> Result<RoleBindingInfo> {
        self.access().grant(&grant)
    }

    fn revoke_role(&self, id: String) -> Result<RoleBindingInfo> {
        self.access().revoke_role(&id)
    }

    fn policies(&self) -> Result<Vec<PolicyInfo>> {
        self.access().policies()
    }

    fn put_policy(&self, name: Login, text: String, enabled: bool) -> Result<Vec<String>> {
        self.access().put_policy(&name, &text, enabled)
    }

    fn delete_policy(&self, name: Login) -> Result<PolicyInfo> {
        self.access().delete_policy(&name)
    }

    fn test_policy(&self, question: QuestionInfo) -> Result<VerdictInfo> {
        self.access().test_policy(&question)
    }

    fn tokens(&self) -> Result<Vec<TokenInfo>> {
        self.access().tokens()
    }

    fn create_token(&self, new: NewTokenInfo) -> Result<MadeToken> {
        self.access().create_token(new)
    }

    fn revoke_token(&self, id: String) -> Result<TokenInfo> {
        self.access().revoke_token(&id)
    }

    fn virtual_keys(&self) -> Result<Vec<VirtualKeyInfo>> {
        self.of_gateways().list()
    }

    fn virtual_key(&self, id: String) -> Result<VirtualKeyDetail> {
        self.of_gateways().show(&id)
    }

    fn create_virtual_key(&self, at: Where, new: NewVirtualKeyInfo) -> Result<MadeVirtualKey> {
        let scope = self.scope(&at, Operation::Use)?;
        let owner = new.account.as_ref().map(|login| self.access().principal(login)).transpose()?;
        self.of_gateways().create(&scope, owner, new)
    }

    fn rotate_virtual_key(&self, id: String, grace_seconds: u32) -> Result<MadeVirtualKey> {
        self.of_gateways().rotate(&id, grace_seconds)
    }

    fn mint_virtual_key(&self, id: String, new: NewChildKeyInfo) -> Result<MadeVirtualKey> {
        self.of_gateways().mint(&id, new)
    }

    fn revoke_virtual_key(&self, id: String) -> Result<VirtualKeyInfo> {
        self.of_gateways().revoke(&id)
    }

    fn usage(&self, from: Timestamp, to: Timestamp) -> Result<Vec<UsageInfo>> {
        self.of_gateways().usage(from, to)
    }

    fn elevations(&self) -> Result<Vec<ElevationInfo>> {
        self.access().elevations()
    }

    fn request_elevation(&self, ask: ElevationAsk) -> Result<ElevationInfo> {
        self.access().request_elevation(&ask)
    }

    fn approve_elevation(&self, id: String) -> Result<ElevationInfo> {
        self.access().approve_elevation(&id)
    }

    fn deny_elevation(&self, id: String) -> Result<ElevationInfo> {
        self.access().deny_elevation(&id)
    }

    fn break_glass(&self, ask: ElevationAsk) -> Result<ElevationInfo> {
        self.access().break_glass(&ask)
    }

    fn offboarding_plan(&self, login: Login) -> Result<OffboardingInfo> {
        self.team().plan(&login)
    }

    fn offboard(&self, login: Login) -> Result<OffboardingInfo> {
        self.team().offboard(&login)
    }

    fn settle_task(&self, login: Login, task: TaskName, settlement: Settlement) -> Result<TaskState> {
        Ok(self.team().settle(&login, &task, settlement)?.state)
    }

    fn onboard(&self, login: Login, template: String, project: Option<ProjectName>) -> Result<OnboardingInfo> {
        self.team().onboard(&login, &template, project.as_ref())
    }

    fn onboarding(&self, login: Login) -> Result<OnboardingInfo> {
        self.team().checklist(&login)
    }

    fn confirm_onboarding(&self, login: Login, said: Confirmed) -> Result<OnboardingInfo> {
        self.team().confirm(&login, said)
    }

    fn start_review(&self, days: u32) -> Result<ReviewInfo> {
        self.team().start_review(days)
    }

    fn review(&self, id: Option<String>) -> Result<ReviewInfo> {
        self.team().review(id.as_deref())
    }

    fn decide_review_line(&self, number: u32, decision: Decision) -> Result<ReviewLineInfo> {
        self.team().decide(number, decision)
    }

    fn restore_review_line(&self, id: Option<String>, number: u32) -> Result<ReviewLineInfo> {
        self.team().restore(id.as_deref(), number)
    }

    fn close_due_reviews(&self) -> Result<u64> {
        self.team().close_due_reviews()
    }

    fn rotation_preview(&self, at: Where, name: SecretName, ask: RotateAsk) -> Result<RotationPreview> {
        self.of_rotations().preview(&self.scope(&at, Operation::List)?, &name, &ask)
    }

    fn rotate(&self, at: Where, name: SecretName, ask: RotateAsk) -> Result<RotationInfo> {
        self.of_rotations().rotate(&self.scope(&at, Operation::Write)?, &name, &ask)
    }

    fn rotations(&self, at: Where, all: bool) -> Result<Vec<RotationInfo>> {
        self.of_rotations().list(&self.scope(&at, Operation::List)?, all)
    }

    fn rotation(&self, at: Where, name: SecretName) -> Result<RotationInfo> {
        self.of_rotations().show(&self.scope(&at, Operation::List)?, &name)
    }

    fn decide_rotation(&self, at: Where, name: SecretName, wish: Wish) -> Result<RotationInfo> {
        self.of_rotations().decide(&self.scope(&at, Operation::Write)?, &name, wish)
    }

    fn bring_rotation(&self, at: Where, name: SecretName, value: Bytes) -> Result<RotationInfo> {
        self.of_rotations().bring(&self.scope(&at, Operation::Write)?, &name, &value)
    }

    fn kill_first(&self, at: Where, name: SecretName) -> Result<KillFirstInfo> {
        self.of_rotations().kill_first(&self.scope(&at, Operation::List)?, &name)
    }

    fn allow_kill_first(&self, at: Where, name: SecretName, allowed: bool) -> Result<KillFirstInfo> {
        self.of_rotations().allow_kill_first(&self.scope(&at, Operation::Administer)?, &name, allowed)
    }

    fn targets(&self, at: Where) -> Result<Vec<TargetInfo>> {
        self.of_rotations().targets(&self.scope(&at, Operation::List)?)
    }

    fn add_target(&self, at: Where, new: NewTargetInfo) -> Result<Vec<TargetInfo>> {
        self.of_rotations().add_target(&self.scope(&at, Operation::Write)?, &new)
    }

    fn remove_target(&self, at: Where, secret: SecretName, name: Login) -> Result<TargetInfo> {
        self.of_rotations().remove_target(&self.scope(&at, Operation::Write)?, &secret, &name)
    }

    fn target_drift(&self, at: Where) -> Result<Vec<DriftInfo>> {
        self.of_rotations().drift(&self.scope(&at, Operation::Read)?)
    }

    fn schedules(&self, at: Where) -> Result<Vec<ScheduleInfo>> {
        self.of_rotations().schedules(&self.scope(&at, Operation::List)?)
    }

    fn set_schedule(&self, at: Where, about: ScheduleAbout, rule: ScheduleRule) -> Result<ScheduleInfo> {
        self.of_rotations().set_schedule(&self.scope(&at, Operation::Write)?, &about, &rule)
    }

    fn clear_schedule(&self, at: Where, about: ScheduleAbout) -> Result<ScheduleInfo> {
        self.of_rotations().clear_schedule(&self.scope(&at, Operation::Write)?, &about)
    }

    fn calendar(&self, at: Where) -> Result<Vec<DueEntry>> {
        self.of_rotations().calendar(&self.scope(&at, Operation::List)?)
    }

    fn alert_sinks(&self) -> Result<Vec<AlertSinkInfo>> {
        self.alerts().list()
    }

    fn add_alert_sink(&self, new: NewAlertSinkInfo) -> Result<MadeAlertSink> {
        self.alerts().add(new)
    }

    fn test_alert_sink(&self, name: Login) -> Result<AlertTestInfo> {
        self.alerts().test(&name)
    }

    fn remove_alert_sink(&self, name: Login) -> Result<AlertSinkInfo> {
        self.alerts().remove(&name)
    }

    fn identity_providers(&self) -> Result<Vec<IdentityProviderInfo>> {
        self.vouched().providers()
    }

    fn add_identity_provider(&self, new: NewIdentityProviderInfo) -> Result<IdentityProviderInfo> {
        self.vouched().add_provider(new)
    }

    fn remove_identity_provider(&self, name: Login) -> Result<IdentityProviderInfo> {
        self.vouched().remove_provider(&name)
    }

    fn identities(&self, login: Login) -> Result<Vec<IdentityInfo>> {
        self.vouched().of_account(&login)
    }

    fn unlink_identity(&self, login: Login, id: String) -> Result<IdentityInfo> {
        self.vouched().unlink(&login, &id)
    }

    fn trusts(&self, login: Login) -> Result<Vec<TrustInfo>> {
        self.vouched().trusts(&login)
    }

    fn add_trust(&self, login: Login, new: NewTrustInfo) -> Result<TrustInfo> {
        self.vouched().add_trust(&login, new)
    }

    fn remove_trust(&self, login: Login, id: String) -> Result<TrustInfo> {
        self.vouched().remove_trust(&login, &id)
    }
}

fn slot_info(slot: &Slot) -> SlotInfo {
    SlotInfo {
        id: slot.id,
        kind: slot.protection.kind().to_owned(),
        label: slot.label.clone(),
        created_at: slot.created_at,
        portable: slot.is_portable(),
    }
}

pub(crate) fn stored(one: keyward_vault::Written) -> Stored {
    Stored {
        name: one.name,
        version: one.version,
        kind: one.kind,
        change: match one.change {
            ValueChange::Added => StoredChange::Added,
            ValueChange::Changed => StoredChange::Changed,
            ValueChange::Unchanged => StoredChange::Unchanged,
        },
        same_as: one.same_as,
        tag: one.tag,
    }
}

pub(crate) fn new_value(secret: NewSecret) -> NewValue {
    NewValue {
        value: Secret::new(secret.name.to_string(), secret.value.expose().to_vec()),
        name: secret.name,
        bits: secret.bits,
        edit: edit_of(secret.edit),
    }
}

fn edit_of(edit: EditInfo) -> Edit {
    Edit {
        kind: edit.kind,
        looks_like: edit.looks_like,
        provider: edit.provider,
        owner: edit.owner,
        description: edit.description,
        access: edit.access,
        expires_at: edit.expires_at,
        rotate_every_days: edit.rotate_every_days,
        tags: edit.tags,
        as_file: edit.as_file,
        max_versions: edit.max_versions,
        age_unknown: edit.age_unknown,
    }
}

pub(crate) fn disclosed(opened: Opened) -> Disclosed {
    let head = opened.loaded.head();
    let version = opened.loaded.version();
    Disclosed {
        name: head.name.clone(),
        value: Bytes::new(opened.value.expose().clone()),
        version,
        kind: head.kind,
        bits: head.version(version).map_or(0, |version| version.bits),
        environment: opened.loaded.environment().clone(),
        as_file: head.as_file,
        holding: opened.holding,
        offline_until: opened.offline_until,
    }
}

fn offline_use(one: OfflineUse) -> keyward_vault::OfflineUse {
    let Where { project, environment } = one.at;
    let OfflineUse { count, first, last, .. } = one;
    keyward_vault::OfflineUse { project, environment, via: via(one.purpose), count, first, last }
}

fn secret_info(head: &Head, environment: &EnvironmentName) -> SecretInfo {
    let active = head.active();
    let shown = active.or(head.versions.last());
    SecretInfo {
        name: head.name.clone(),
        kind: head.kind,
        environment: environment.clone(),
        version: active.map(|active| active.version),
        created_at: shown.map_or(head.created_at, |version| version.created_at),
        expires_at: head.expires_at,
        provider: head.provider.clone(),
        owner: head.owner.clone(),
        tags: head.tags.clone(),
        description: head.description.clone(),
        access: head.access,
        rotate_every_days: head.rotate_every_days,
        max_versions: head.max_versions,
        bits: shown.map_or(0, |version| version.bits),
        size: shown.map_or(0, |version| version.size),
        as_file: head.as_file,
        age_unknown: shown.is_some_and(|version| version.age_unknown),
        tag: keyward_vault::tag(head),
        same: active.filter(|_| head.kind.is_secret()).map(|active| active.fingerprint.clone()),
        versions: head.versions.iter().map(|version| version_info(head, version)).collect(),
    }
}

fn version_info(head: &Head, version: &keyward_types::VersionHead) -> VersionInfo {
    let labels = head.labels.iter().filter(|(_, labelled)| **labelled == version.version);
    VersionInfo {
        version: version.version,
        state: version.state,
        created_at: version.created_at,
        created_by: version.created_by.to_string(),
        labels: labels.map(|(label, _)| label.to_string()).collect(),
        size: version.size,
        age_unknown: version.age_unknown,
    }
}

fn holding_kind(kind: HoldingKind) -> &'static str {
    match kind {
        HoldingKind::Read => "read",
        HoldingKind::Run => "run",
        HoldingKind::Export => "export",
        HoldingKind::Target => "target",
        HoldingKind::Gateway => "gateway",
    }
}

fn log_line(line: LogLine) -> LogLineInfo {
    let private = line.private.unwrap_or_default();
    let names = [private.names.project, private.names.environment, private.names.secret];
    let about = names.into_iter().flatten().collect::<Vec<_>>().join("/");
    LogLineInfo {
        index: line.index,
        time: line.entry.time,
        action: line.entry.action.to_string(),
        outcome: line.entry.outcome.to_string(),
        principal: line.entry.principal,
        about: (!about.is_empty()).then_some(about),
        version: line.entry.version,
        agent: private.agent,
        reason: private.reason,
        more: private.more,
    }
}
