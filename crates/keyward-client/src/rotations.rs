//! The local desk's calls about rotations, targets and due times.

mod awaited;
mod bring;
mod leave;
mod making;
mod narrow;
mod replacing;
mod revoke;
mod users;

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use data_encoding::HEXLOWER;
use keyward_access::{Caller, SystemTask};
use keyward_lifecycle::calendar;
use keyward_lifecycle::rotation::{
    Breaker, Error as RotationError, Executor, Making, Plan, Policy, Shape, State, Wish, open_target,
};
use keyward_sync::Fault as TargetFault;
use keyward_types::{Head, Random, Read, SecretName, VersionHead, VersionState, Write};
use keyward_upstream::KeyId;
use keyward_vault::{Actor, Lead, NewRotation, NewTarget, Rotation, RotationRow, Scope, TargetRecord, Vault};
use serde_json::Value;

pub use awaited::awaited;

use crate::rotation_wire::{
    DriftInfo, DueEntry, NewTargetInfo, RotateAsk, RotationInfo, RotationPreview, RotationTarget, TargetInfo,
    TargetProof, TargetSettings,
};
use crate::verdicts::http;
use crate::{Code, Failure, Result, SystemRandom};

/// Rotations of one vault, as one caller asks for them.
pub(crate) struct Rotations<'a> {
    pub(crate) vault: &'a Vault,
    pub(crate) actor: &'a Actor,
}

/// How long a command waits for short waits of a rotation that it began.
const PATIENCE: Duration = Duration::from_secs(5);

impl Rotations<'_> {
    /// What a rotation would do; nothing is changed.
    pub(crate) fn preview(&self, scope: &Scope, name: &SecretName, ask: &RotateAsk) -> Result<RotationPreview> {
        let head = self.vault.permit_secret::<Write>(self.actor, scope, name)?;
        let making = self.making(scope, &head, ask)?;
        let (making, narrowed) = self.narrowed(&head, ask, making)?;
        let rotator = making.rotator(http()).map_err(Failure::usage)?;
        let active = replaced(&head, ask)?;
        let shape = Shape::of(&*rotator);
        let executor = executor(self.vault, system(&self.actor.agent));
        let key = self.said_key(&head, ask)?.map(KeyId::new);
        let seen = executor.preflight(head.place, active.version, &making, key.as_ref()).map_err(failed)?;
        let seen =
            seen.map_err(|fault| Failure::new(Code::Conflict, format!("`{name}` cannot be rotated: {fault}")))?;
        let targets = self.vault.targets(&head.place)?;
        let holders = self.vault.holdings(head.place.secret)?;
        let open = holders.iter().filter(|holding| holding.version == active.version && holding.until.is_none());
        let holders: Result<Vec<String>> = open
            .map(|holding| {
                let account = self.vault.account_of(&holding.principal)?;
                Ok(account.map_or_else(|| holding.principal.to_string(), |account| account.name))
            })
            .collect();
        let mut holders = holders?;
        holders.sort();
        holders.dedup();
        Ok(RotationPreview {
            name: name.clone(),
            version: active.version,
            overlap: word(&shape.overlap),
            steps: if ask.revoke { last_steps(&*rotator) } else { steps(&making, &*rotator, &targets) },
            warnings: seen.warnings,
            holders,
            kill_first: ask.emergency && !ask.revoke && self.vault.kill_first(&head)?.is_some(),
            users: self.users(&head)?,
            narrowed: narrowed.map(|narrowed| narrowed.told).unwrap_or_default(),
        })
    }

    /// Begins a rotation, and goes on with it as far as it comes by itself.
    pub(crate) fn rotate(&self, scope: &Scope, name: &SecretName, ask: &RotateAsk) -> Result<RotationInfo> {
        let head = self.vault.permit_secret::<Write>(self.actor, scope, name)?;
        let making = self.making(scope, &head, ask)?;
        self.refuse_together(&head, &making)?;
        if ask.revoke {
            return self.revoke(scope, &head, ask, &making);
        }
        let (making, narrowed) = self.narrowed(&head, ask, making)?;
        if ask.version.is_some() {
            return Err(Failure::usage("what is replaced is the active version; another one can be revoked"));
        }
        let policy = if ask.emergency { Policy::emergency() } else { Policy::routine() };
        let kill_first = ask.emergency && self.vault.kill_first(&head)?.is_some();
        // The end that its service told, and none that somebody wrote down: that shortens no proof.
        let life = head.active().and_then(|active| Some(active.expires_at?.0.saturating_sub(active.created_at.0)));
        let policy = match life {
            Some(life) => policy.within(life),
            None => policy,
        };
        let policy = Policy { call: making.lasts(policy.call), kill_first, ..policy };
        // A versioned secret keeps its predecessor until somebody says that nothing needs it: data under
        // it is not ours to count. The next rotation drops it.
        let contracts = ask.emergency || making.contracts();
        let plan = Plan { making: making.clone(), policy: Policy { contracts, ..policy }, emergency: ask.emergency };
        let remembers = narrowed.is_some_and(|narrowed| narrowed.is_remembered);
        if remembers || making::is_to_be_remembered(ask) {
            self.vault.set_rotation_plan(self.actor, scope, name, json(&making)?, &making::told(&making))?;
        }
        let targets = self.vault.targets(&head.place)?;
        let rotator = making.rotator(http()).map_err(Failure::internal)?;
        let old = self.said_key(&head, ask)?;
        let state = State::new(Shape::of(&*rotator), targets.iter().map(|t| (t.name.to_string(), t.required)));
        let state = State { old, ..state };
        let word = state.word().to_owned();
        let (plan, state) = (json(&plan)?, json(&state)?);
        self.begin(scope, name, NewRotation { plan, state, word, holder: holder().to_owned(), old: None })
    }

    fn begin(&self, scope: &Scope, name: &SecretName, new: NewRotation) -> Result<RotationInfo> {
        let row = self.vault.begin_rotation(self.actor, scope, name, new).map_err(|error| match error {
            keyward_vault::Error::Exists { .. } => {
                Failure::new(Code::Conflict, format!("a rotation of `{name}` is under way"))
                    .hint(format!("`keyward rotation show {name}` says how far it is"))
            }
            other => other.into(),
        })?;
        self.go_on(row)
    }

    /// The rotations of an environment, the newest first; those that are over too with `all`.
    pub(crate) fn list(&self, scope: &Scope, all: bool) -> Result<Vec<RotationInfo>> {
        let seen = self.vault.rotations_seen(self.actor, scope)?;
        seen.iter().filter(|(_, rotation)| all || !rotation.over).map(|(head, one)| self.info(head, one)).collect()
    }

    /// The rotation of a secret that is under way, or its last one.
    pub(crate) fn show(&self, scope: &Scope, name: &SecretName) -> Result<RotationInfo> {
        let (head, rotation) = self.newest(scope, name)?;
        self.info(&head, &rotation)
    }

    /// Carries a person's decision out, and goes on.
    pub(crate) fn decide(&self, scope: &Scope, name: &SecretName, wish: Wish) -> Result<RotationInfo> {
        self.vault.permit_secret::<Write>(self.actor, scope, name)?;
        let (head, rotation) = self.newest(scope, name)?;
        let state = State::of(&rotation).map_err(failed)?;
        let can_be = state.actions();
        let always = wish == Wish::Resume && !rotation.over;
        if !always && !can_be.contains(&wish) {
            let message =
                format!("the rotation of `{name}` is {}: `{}` is not possible now", state.word(), wish.as_str());
            let hint = match can_be.iter().map(|wish| wish.as_str()).collect::<Vec<_>>() {
                none if none.is_empty() => "nothing has to be done".to_owned(),
                some => format!("possible is: {}", some.join(", ")),
            };
            return Err(Failure::new(Code::Conflict, message).hint(hint));
        }
        let executor = executor(self.vault, system(&self.actor.agent));
        let row = executor.decide(self.actor, rotation.id, wish).map_err(failed)?;
        debug_assert_eq!(row.rotation().place, head.place);
        self.go_on(row)
    }

    /// Adds a target of each of these secrets, once it was seen that it could be written and that
    /// nothing of somebody else's lies there.
    pub(crate) fn add_target(&self, scope: &Scope, new: &NewTargetInfo) -> Result<Vec<TargetInfo>> {
        new.settings.judge().map_err(|unfit| Failure::usage(unfit.to_string()))?;
        let kind = new.settings.kind();
        match (new.settings.needs_credential(), &new.credential) {
            (true, None) => {
                return Err(Failure::usage(format!("`{kind}` is signed in to with a secret, and none was named"))
                    .hint("store the credential with `keyward set`, and name it: `--credential NAME`"));
            }
            (false, Some(_)) => return Err(Failure::usage(format!("`{kind}` needs no credential"))),
            _ => {}
        }
        if let Some(proof) = new.proof.filter(|proof| *proof != TargetProof::InUse && *proof > new.settings.proves()) {
            let most = new.settings.proves().as_str();
            return Err(Failure::usage(format!("`{kind}` cannot prove `{}`, at most `{most}`", proof.as_str())));
        }
        let settings = json(&new.settings)?;
        let executor = executor(self.vault, system(&self.actor.agent));
        let mut added = Vec::new();
        for secret in &new.secrets {
            let target = NewTarget {
                name: new.name.clone(),
                settings: settings.clone(),
                kind,
                credential: new.credential.clone(),
                proof: new.proof.map(|proof| proof.as_str().to_owned()),
                required: new.required,
            };
            let draft = self.vault.draft_target(self.actor, scope, secret, target)?;
            let unusable =
                |fault: TargetFault| Failure::new(Code::Usage, format!("this target cannot be used: {fault}"));
            let target = open_target(&executor, draft.record()).map_err(failed)?.map_err(unusable)?;
            target.claim().map_err(unusable)?;
            drop(target);
            added.push(self.target_info(secret, &self.vault.add_target(self.actor, draft)?)?);
        }
        Ok(added)
    }

    /// The targets of an environment's secrets.
    pub(crate) fn targets(&self, scope: &Scope) -> Result<Vec<TargetInfo>> {
        let mut targets = Vec::new();
        for head in self.vault.heads(self.actor, scope)? {
            for target in self.vault.targets(&head.place)? {
                targets.push(self.target_info(&head.name, &target)?);
            }
        }
        Ok(targets)
    }

    /// Ends a target.
    pub(crate) fn remove_target(
        &self,
        scope: &Scope,
        secret: &SecretName,
        name: &keyward_access::Login,
    ) -> Result<TargetInfo> {
        self.target_info(secret, &self.vault.remove_target(self.actor, scope, secret, name)?)
    }

    /// What the targets of an environment have, compared with what they should have. Only somebody who
    /// may read the values learns that.
    pub(crate) fn drift(&self, scope: &Scope) -> Result<Vec<DriftInfo>> {
        let executor = executor(self.vault, system(&self.actor.agent));
        let mut drifts = Vec::new();
        for head in self.vault.heads(self.actor, scope)? {
            let targets = self.vault.targets(&head.place)?;
            let Some(active) = head.active().filter(|_| !targets.is_empty()) else { continue };
            self.vault.permit_secret::<Read>(self.actor, scope, &head.name)?;
            let lease = self.vault.lease_for_rotation(&system(&self.actor.agent), &head.place, active.version)?;
            for target in targets {
                let info = self.target_info(&head.name, &target)?;
                let found = match open_target(&executor, &target).map_err(failed)? {
                    Ok(target) => target.read_back(),
                    Err(fault) => Err(fault),
                };
                let (state, why) = match found {
                    Err(fault) => ("unreachable", Some(fault.to_string())),
                    Ok(None) => ("unknown", Some("it does not say what it has".into())),
                    Ok(Some(found)) => {
                        let same = lease.apply(self.vault.clock().now(), |value| value == found.expose().as_slice());
                        (if same == Some(true) { "same" } else { "differs" }, None)
                    }
                };
                drifts.push(DriftInfo { target: info, state: state.to_owned(), why });
            }
        }
        Ok(drifts)
    }

    /// Everything that is due in this environment, the soonest first.
    pub(crate) fn calendar(&self, scope: &Scope) -> Result<Vec<DueEntry>> {
        let (rules, heads) = self.vault.schedules_seen(self.actor, scope)?;
        let rules = crate::schedules::Rules::of(rules)?;
        let (project, environment) = (scope.project.name.as_str(), scope.environment.name.as_str());
        let mut entries: Vec<DueEntry> = Vec::new();
        for head in &heads {
            entries.extend(calendar::of_secret(head, project, environment, rules.of_head(head)));
        }
        entries.extend(self.reviews_due());
        entries.sort();
        Ok(entries)
    }

    /// Deadlines of access reviews, for whoever may see reviews: those are of the whole vault.
    fn reviews_due(&self) -> Vec<DueEntry> {
        if !self.vault.may_list_vault(self.actor) {
            return Vec::new();
        }
        let open = self.vault.reviews(self.actor).unwrap_or_default().into_iter();
        let open = open.filter(|review| review.closed_at.is_none());
        open.map(|review| DueEntry {
            at: review.deadline,
            what: calendar::Due::Review,
            about: review.id.to_string(),
            owner: None,
            age_unknown: false,
        })
        .collect()
    }

    fn target_info(&self, secret: &SecretName, target: &TargetRecord) -> Result<TargetInfo> {
        let settings = settings_of(target)?;
        let credential = match &target.credential {
            Some(place) => self.vault.head_at(place).ok().map(|(_, head)| head.name),
            None => None,
        };
        Ok(TargetInfo {
            name: target.name.clone(),
            secret: secret.clone(),
            kind: settings.kind().to_owned(),
            address: settings.address(),
            credential,
            proof: target.proof.clone().unwrap_or_else(|| settings.proves().as_str().to_owned()),
            required: target.required,
            created_at: target.created_at,
            created_by: target.created_by.to_string(),
        })
    }

    fn newest(&self, scope: &Scope, name: &SecretName) -> Result<(Head, Rotation)> {
        let head = self.vault.head(self.actor, scope, name)?;
        let seen = self.vault.rotations_seen(self.actor, scope)?;
        let mine = seen.into_iter().filter(|(one, _)| one.place == head.place);
        mine.min_by_key(|(_, rotation)| rotation.over).ok_or_else(|| {
            Failure::new(Code::NotFound, format!("`{name}` was never rotated"))
                .hint(format!("`keyward rotate {name}` begins"))
        })
    }

    fn go_on(&self, row: RotationRow) -> Result<RotationInfo> {
        let id = row.rotation().id;
        let row = match run(&executor(self.vault, system(&self.actor.agent)), row, PATIENCE) {
            // Whoever has it goes on; what stands is what is told.
            Err(RotationError::Replaced) => self.vault.rotation(id)?.ok_or_else(|| Failure::internal("it is gone"))?,
            done => done.map_err(failed)?,
        };
        let (_, head) = self.vault.head_at(&row.rotation().place)?;
        self.info(&head, row.rotation())
    }

    fn info(&self, head: &Head, rotation: &Rotation) -> Result<RotationInfo> {
        let state = State::of(rotation).map_err(failed)?;
        let plan: Plan = serde_json::from_value(rotation.plan.clone())
            .map_err(|error| Failure::internal(format!("a rotation cannot be read: {error}")))?;
        let targets = state.targets.iter().map(|target| RotationTarget {
            name: target.id.clone(),
            state: word(&target.state),
            fault: target.fault.clone(),
        });
        Ok(RotationInfo {
            id: rotation.id.to_string(),
            name: head.name.clone(),
            state: rotation.word.clone(),
            phase: state.phase.as_str().to_owned(),
            doing: rotation.doing.clone(),
            why: state.stuck.as_ref().map(|stuck| stuck.why.clone()),
            actions: state.actions(),
            old: rotation.old,
            new: rotation.candidate,
            targets: targets.collect(),
            holders: state.soak.holders.clone(),
            emergency: plan.emergency,
            revokes: state.revokes,
            over: rotation.over,
            due: state.looks_again(rotation.due),
            begun_at: rotation.begun_at,
            begun_by: rotation.begun_by.to_string(),
            written_at: rotation.written_at,
        })
    }
}

/// Goes on with every rotation that has something to do; answers how many that were. What is under way
/// in another process is left to it.
///
/// # Errors
/// When the vault refuses, or another process leads.
pub fn go_on_with_rotations(vault: &Vault, lead: &Lead, agent: &str) -> Result<u64> {
    if vault.safe_mode().is_some() {
        return Ok(0);
    }
    let executor = executor(vault, Actor::task(SystemTask::Rotation, lead, agent));
    let now = vault.clock().now();
    let mut gone_on = 0;
    for row in vault.open_rotations()? {
        let rotation = row.rotation();
        let due = rotation.due.is_some_and(|due| due <= now) || rotation.doing.is_some();
        // A secret that was deleted with its environment has nothing to rotate.
        if rotation.over || !due || vault.head_at(&rotation.place).is_err() {
            continue;
        }
        match run(&executor, row, Duration::ZERO) {
            Ok(_) => gone_on += 1,
            Err(RotationError::Replaced) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(gone_on)
}

/// One thread of this process at a time goes on with a rotation.
fn run(
    executor: &Executor<'_>,
    row: RotationRow,
    patience: Duration,
) -> std::result::Result<RotationRow, RotationError> {
    static RUNNING: Mutex<Vec<String>> = Mutex::new(Vec::new());
    struct Turn(String);
    impl Drop for Turn {
        fn drop(&mut self) {
            RUNNING.lock().unwrap_or_else(PoisonError::into_inner).retain(|id| *id != self.0);
        }
    }
    let id = row.rotation().id.to_string();
    let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    if running.contains(&id) {
        return Err(RotationError::Replaced);
    }
    running.push(id.clone());
    drop(running);
    let _turn = Turn(id);
    // What was read before the turn may be old by now.
    let row = executor.vault.rotation(row.rotation().id)?.unwrap_or(row);
    executor.run(row, patience)
}

fn executor(vault: &Vault, actor: Actor) -> Executor<'_> {
    static BREAKERS: OnceLock<Mutex<HashMap<String, Breaker>>> = OnceLock::new();
    let breakers = BREAKERS.get_or_init(Mutex::default);
    let (holder, clock) = (holder().to_owned(), vault.clock());
    Executor { vault, actor, holder, clock, random: &SystemRandom, http: http(), breakers }
}

/// This process, unlike every other.
fn holder() -> &'static str {
    static HOLDER: OnceLock<String> = OnceLock::new();
    HOLDER.get_or_init(|| {
        let mut bytes = [0; 8];
        // Without randomness the process's number has to do.
        let _ = SystemRandom.fill(&mut bytes);
        format!("{}-{}", std::process::id(), HEXLOWER.encode(&bytes))
    })
}

fn system(agent: &str) -> Actor {
    Actor::new(Caller::system(SystemTask::Rotation), agent)
}

/// Every step that a rotation takes, in words; a provider's calls as they will be made.
fn steps(making: &Making, rotator: &dyn keyward_upstream::Rotator, targets: &[TargetRecord]) -> Vec<String> {
    let mut steps: Vec<String> =
        targets.iter().map(|target| format!("look whether `{}` can be written", target.name)).collect();
    match making {
        Making::Here { profile, .. } => {
            steps.push(format!("make a value here ({profile}) and seal it as the pending version"))
        }
        Making::Service { .. } if rotator.minting() != keyward_upstream::Minting::Chosen => {}
        _ => steps.push("seal the new value as the pending version".into()),
    }
    let first = rotator.plan().into_iter().filter(|call| !comes_last(call));
    steps.extend(first.map(spelled));
    if matches!(making, Making::Service { .. }) && rotator.minting() != keyward_upstream::Minting::Chosen {
        steps.push("seal the new value as the pending version".into());
    }
    for target in targets {
        let address = settings_of(target).map(|settings| settings.address()).unwrap_or_default();
        steps.push(format!("give `{}` the new value: {address}", target.name));
    }
    steps.push("make the new version the active one; the old one stays as `previous`".into());
    steps.extend(last_steps(rotator));
    steps
}

/// What ends the old key, once everybody has the new one.
fn last_steps(rotator: &dyn keyward_upstream::Rotator) -> Vec<String> {
    rotator.plan().into_iter().filter(comes_last).map(spelled).collect()
}

fn comes_last(call: &keyward_upstream::Call) -> bool {
    !matches!(call.step.as_str(), "preflight" | "mint" | "test")
}

fn spelled(call: keyward_upstream::Call) -> String {
    match call.body {
        Some(body) => format!("{}: {} {} {body}", call.step, call.method, call.address),
        None => format!("{}: {} {}", call.step, call.method, call.address),
    }
}

/// The version that is replaced or revoked.
fn replaced<'a>(head: &'a Head, ask: &RotateAsk) -> Result<&'a VersionHead> {
    match ask.version {
        None => head.active().ok_or_else(|| no_value(&head.name)),
        Some(version) => head
            .version(version)
            .filter(|one| one.state == VersionState::Live)
            .ok_or_else(|| Failure::new(Code::NotFound, format!("`{}` has no version {version}", head.name))),
    }
}

fn settings_of(target: &TargetRecord) -> Result<TargetSettings> {
    serde_json::from_value(target.settings.clone()).map_err(|_| {
        Failure::internal(format!("the settings of the target `{}` cannot be read", target.name))
            .hint("a newer keyward may have written them; `keyward target remove` ends the target")
    })
}

fn json<T: serde::Serialize>(value: &T) -> Result<Value> {
    serde_json::to_value(value).map_err(|error| Failure::internal(error.to_string()))
}

fn word<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn no_value(name: &SecretName) -> Failure {
    Failure::new(Code::Conflict, format!("`{name}` has no active value to replace"))
}

fn failed(error: RotationError) -> Failure {
    match error {
        RotationError::Vault(error) => error.into(),
        RotationError::Replaced => Failure::new(Code::Raced, error.to_string()).hint("try again in a minute"),
        other => Failure::internal(other.to_string()),
    }
}
