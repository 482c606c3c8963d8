//! A project goes from one vault to another: every environment, every version that has a value, its
//! metadata. The log of the one that takes it in names the checkpoint of the other's log at that
//! moment, so that both can be proven to tell of one thing.

use std::collections::BTreeMap;

use keyward_client::{
    Bytes, Desk, Disclosed, EditInfo, Failure, NewSecret, ProjectInfo, Purpose, Result, SecretInfo, Selection, Where,
};
use keyward_types::{ProjectName, SecretName, Version, VersionState};

/// What went over.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Moved {
    /// Secrets.
    pub(crate) secrets: u64,
    /// Their versions.
    pub(crate) versions: u64,
    /// Versions that stay behind, because they hold no value any more.
    pub(crate) without_value: u64,
}

/// Words for the log of the vault that takes a project in: of which state of which log it is.
pub(crate) fn provenance(from: &dyn Desk, doing: &str) -> Result<String> {
    let (status, checkpoint) = (from.status()?, from.checkpoint()?);
    // A signed note begins with the log's name, its size and its root (C2SP tlog-checkpoint).
    let mut lines = checkpoint.lines().skip(1);
    let (size, root) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    Ok(format!("project {doing} of vault {}, log {size} {root}", status.vault))
}

/// Copies a project to where there is none of its name, and compares all that arrived. When anything
/// fails, what was begun there is taken away again.
pub(crate) fn copy(from: &dyn Desk, to: &dyn Desk, name: &ProjectName) -> Result<Moved> {
    let project = find(from, name)?;
    if to.projects()?.iter().any(|known| known.name == *name) {
        return Err(Failure::new(keyward_client::Code::Conflict, format!("there is a project `{name}` already"))
            .hint("`keyward project rename` or `keyward project delete` makes room for it"));
    }
    begin(to, &project)?;
    let copied = fill(from, to, &project).and_then(|moved| compare(from, to, &project).map(|()| moved));
    // Last, since it may be somewhere else that it is used from now on.
    let copied = copied.and_then(|moved| limit(to, &project).map(|()| moved));
    copied.inspect_err(|_| drop(to.delete_project(name.clone())))
}

/// The networks from which it may be used go along; they are no reason to let whoever moves it lose it.
fn limit(to: &dyn Desk, project: &ProjectInfo) -> Result<()> {
    if project.networks.is_empty() {
        return Ok(());
    }
    let limited = to.limit_project(project.name.clone(), project.networks.clone(), false);
    limited.map(drop).map_err(|failure| Failure {
        hint: Some("`keyward project edit NAME --no-networks` where it comes from, or come from one of them".into()),
        ..failure
    })
}

fn find(desk: &dyn Desk, name: &ProjectName) -> Result<ProjectInfo> {
    let found = desk.projects()?.into_iter().find(|project| project.name == *name);
    found.ok_or_else(|| {
        Failure::new(keyward_client::Code::NotFound, format!("there is no project `{name}` to take"))
            .hint("`keyward project list` shows what there is")
    })
}

/// The project with its environments, each after the one that it reads from.
fn begin(to: &dyn Desk, project: &ProjectInfo) -> Result<()> {
    to.create_project(project.name.clone(), Vec::new())?;
    let mut waiting: Vec<_> = project.environments.iter().collect();
    while !waiting.is_empty() {
        let made: Vec<_> = project.environments.iter().filter(|one| !waiting.contains(one)).collect();
        let ready = |parent: &Option<_>| parent.as_ref().is_none_or(|name| made.iter().any(|one| one.name == *name));
        let Some(next) = waiting.iter().position(|one| ready(&one.parent)) else {
            return Err(Failure::internal("environments read from each other in a circle"));
        };
        let next = waiting.remove(next);
        if let Err(failure) = to.add_environment(project.name.clone(), next.name.clone(), next.parent.clone()) {
            let _ = to.delete_project(project.name.clone());
            return Err(failure);
        }
    }
    Ok(())
}

fn fill(from: &dyn Desk, to: &dyn Desk, project: &ProjectInfo) -> Result<Moved> {
    let mut moved = Moved::default();
    for environment in &project.environments {
        let at = Where { project: project.name.clone(), environment: environment.name.clone() };
        for secret in from.list(at.clone())? {
            // What is deleted can be read by nobody: it stays behind as a whole.
            moved.secrets += u64::from(secret.version.is_some());
            let (went, without_value) = one(from, to, &at, &secret)?;
            moved.versions += went;
            moved.without_value += without_value;
        }
    }
    Ok(moved)
}

/// One secret, its versions in their order. Numbers begin anew; which one is active does not change.
fn one(from: &dyn Desk, to: &dyn Desk, at: &Where, secret: &SecretInfo) -> Result<(u64, u64)> {
    if secret.version.is_none() {
        return Ok((0, secret.versions.len() as u64));
    }
    let live = secret.versions.iter().filter(|one| one.state == VersionState::Live);
    let with_value: Vec<Version> = live.map(|one| one.version).collect();
    let without_value = (secret.versions.len() - with_value.len()) as u64;
    let mut numbers = BTreeMap::new();
    for version in &with_value {
        let read = from.read(at.clone(), Selection::Version(secret.name.clone(), *version), Purpose::Export)?;
        let read = read.into_iter().next().ok_or_else(|| Failure::internal("a value that was read is not there"))?;
        let mut stored = to.write(at.clone(), vec![new_secret(secret, &read)])?;
        let stored = stored.pop().ok_or_else(|| Failure::internal("a value that was stored is not there"))?;
        arrived(to, at, &read, stored.version)?;
        numbers.insert(*version, stored.version);
    }
    let active = secret.version.and_then(|active| numbers.get(&active).copied());
    if let Some(active) = active.filter(|active| numbers.values().max().is_some_and(|last| last != active)) {
        to.rollback(at.clone(), secret.name.clone(), active)?;
    }
    if secret.max_versions.is_some() {
        // Last, since every write destroys what is beyond it.
        let edit = EditInfo { max_versions: Some(secret.max_versions), ..EditInfo::default() };
        to.edit(at.clone(), secret.name.clone(), edit)?;
    }
    Ok((with_value.len() as u64, without_value))
}

/// Whether this version holds there what was read here.
fn arrived(to: &dyn Desk, at: &Where, sent: &Disclosed, version: Version) -> Result<()> {
    let there = to.read(at.clone(), Selection::Version(sent.name.clone(), version), Purpose::Export)?;
    if there.iter().any(|there| there.value == sent.value) {
        return Ok(());
    }
    let Where { project, environment } = at;
    Err(Failure::internal(format!("a version of `{project}/{environment}/{}` did not arrive as it was", sent.name)))
}

fn new_secret(secret: &SecretInfo, read: &Disclosed) -> NewSecret {
    let version = secret.versions.iter().find(|one| one.version == read.version);
    let edit = EditInfo {
        looks_like: None,
        kind: Some(secret.kind),
        provider: Some(secret.provider.clone()),
        owner: Some(secret.owner.clone()),
        description: Some(secret.description.clone()),
        access: Some(secret.access),
        expires_at: Some(secret.expires_at),
        rotate_every_days: Some(secret.rotate_every_days),
        tags: Some(secret.tags.clone()),
        as_file: Some(secret.as_file),
        max_versions: None,
        age_unknown: Some(version.is_some_and(|version| version.age_unknown)),
    };
    NewSecret { name: secret.name.clone(), bits: read.bits, value: Bytes::new(read.value.expose().to_vec()), edit }
}

/// Every active value, as it is read from either side.
fn compare(from: &dyn Desk, to: &dyn Desk, project: &ProjectInfo) -> Result<()> {
    for environment in &project.environments {
        let at = Where { project: project.name.clone(), environment: environment.name.clone() };
        let names = |desk: &dyn Desk| -> Result<Vec<SecretName>> {
            let lines = desk.lines(at.clone())?;
            Ok(lines.into_iter().map(|line| line.name).collect())
        };
        let there = names(from)?;
        if there != names(to)? {
            return Err(Failure::internal(format!("not all of `{}/{}` arrived", at.project, at.environment)));
        }
        if there.is_empty() {
            continue;
        }
        let values = |desk: &dyn Desk| desk.read(at.clone(), Selection::Names(there.clone()), Purpose::Export);
        let (sent, arrived) = (values(from)?, values(to)?);
        if let Some(odd) = sent.iter().find(|one| !arrived.iter().any(|other| same(one, other))) {
            return Err(Failure::internal(format!(
                "`{}/{}/{}` did not arrive as it was",
                at.project, at.environment, odd.name
            )));
        }
    }
    Ok(())
}

fn same(one: &Disclosed, other: &Disclosed) -> bool {
    one.name == other.name && one.value == other.value && one.kind == other.kind && one.as_file == other.as_file
}
