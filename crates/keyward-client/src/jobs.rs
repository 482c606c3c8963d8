//! Work that a vault needs done by itself, for the process that leads: what time takes away, and
//! what time brings near.

use keyward_access::SystemTask;
use keyward_monitor::{Expiring, expiring};
use keyward_types::Timestamp;
use keyward_vault::{Actor, ExpiryWarning, Lead, Scope, Vault};

use crate::Result;
use crate::team::Team;

/// Takes away what nobody has answered for by the deadline of a review; answers how many rights
/// that were.
///
/// # Errors
/// When the vault refuses, or another process leads.
pub fn close_due_reviews(vault: &Vault, lead: &Lead, agent: &str) -> Result<u64> {
    let actor = Actor::task(SystemTask::Review, lead, agent);
    Team { vault, actor: &actor }.close_due_reviews()
}

/// Puts on record which secrets expire soon or have expired, each once, from where alerts are made
/// of it; answers how many warnings that were. The first time it looks a day back.
///
/// # Errors
/// When the vault refuses, or another process leads.
pub fn warn_of_expiry(vault: &Vault, lead: &Lead, agent: &str, now: Timestamp) -> Result<u64> {
    let actor = Actor::task(SystemTask::Expiry, lead, agent);
    let since = vault.looked_for_expiry()?;
    // A clock that was set back repeats nothing.
    let from = since.unwrap_or(now.plus_days(-1));
    let mut warnings = Vec::new();
    for project in vault.projects()? {
        for environment in vault.environments(&project)? {
            let scope = Scope { project: project.clone(), environment };
            let heads = vault.heads_of(&actor, &scope, |head| head.expires_at.is_some())?;
            let (project, environment) = (&scope.project.name, &scope.environment.name);
            let secrets = heads.iter().map(|head| Expiring { project, environment, head });
            let due = expiring(secrets, from, now).into_iter();
            warnings.extend(due.map(|one| ExpiryWarning {
                scope: scope.clone(),
                days: one.days,
                count: one.count,
                names: one.names,
            }));
        }
    }
    vault.warn_of_expiry(lead, agent, &warnings, since, now)?;
    Ok(warnings.len() as u64)
}
