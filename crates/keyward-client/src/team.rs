//! The local desk's calls about leavers: facts are gathered, a plan is made of them, and what
//! people do about it goes on record.

use keyward_access::{Identity, Login, Session, TokenRecord, VirtualKey};
use keyward_lifecycle::offboarding::{self, Credential, CredentialSort, Facts, Part, Reach, Through};
use keyward_types::{Clock, PrincipalId};
use keyward_vault::{Actor, Readable, Settlement, Source, Task, TaskAbout, Vault};

use crate::team_wire::{OffboardingInfo, TaskName};
use crate::{Code, Failure, Result, SystemClock};

/// Who comes and who goes, as one caller administers it.
pub(crate) struct Team<'a> {
    pub(crate) vault: &'a Vault,
    pub(crate) actor: &'a Actor,
}

impl Team<'_> {
    /// What somebody's leaving would take, or takes. Nothing is changed.
    pub(crate) fn plan(&self, login: &Login) -> Result<OffboardingInfo> {
        let account = self.vault.account_named(self.actor, login)?;
        self.info(login, &account)
    }

    /// Ends an account with its tokens, and puts on record what is to be done.
    pub(crate) fn offboard(&self, login: &Login) -> Result<OffboardingInfo> {
        self.offboard_account(login, self.vault.account_named(self.actor, login)?)
    }

    /// The same of an account, whoever has this login of it by now.
    pub(crate) fn offboard_account(&self, login: &Login, account: Identity) -> Result<OffboardingInfo> {
        // First, so that nothing is read between the plan and the end.
        let account = match account.disabled_at {
            None => self.vault.disable(self.actor, &account.principal)?,
            Some(_) => account,
        };
        let info = self.info(login, &account)?;
        let tasks: Vec<Task> = info.tasks.iter().map(|item| item.task.clone()).collect();
        self.vault.begin_offboarding(self.actor, &account.principal, tasks)?;
        Ok(info)
    }

    /// Says of a task that it is done, need not be done, or is to be done after all.
    pub(crate) fn settle(&self, login: &Login, name: &TaskName, settlement: Settlement) -> Result<Task> {
        let leaver = self.vault.account_named(self.actor, login)?.principal;
        let about = self.task(login, &leaver, name)?;
        Ok(self.vault.settle_task(self.actor, &leaver, &about, settlement)?)
    }

    fn task(&self, login: &Login, leaver: &PrincipalId, name: &TaskName) -> Result<TaskAbout> {
        let mut fitting: Vec<TaskAbout> = self
            .vault
            .offboarding_tasks(self.actor, leaver)?
            .into_iter()
            .filter(|task| is_called(task, name))
            .map(|task| task.about)
            .collect();
        let hint = format!("`keyward offboard {login} --plan` shows what there is");
        match (fitting.pop(), fitting.is_empty()) {
            (Some(about), true) => Ok(about),
            (Some(_), false) => {
                Err(Failure::usage(format!("several tasks are called `{}`: name the version too", name.name))
                    .hint(hint))
            }
            (None, _) => {
                Err(Failure::new(Code::NotFound, format!("no task on record is called `{}`", name.name)).hint(hint))
            }
        }
    }

    fn info(&self, login: &Login, account: &Identity) -> Result<OffboardingInfo> {
        let leaver = &account.principal;
        let facts = Facts {
            footprint: self.vault.footprint(self.actor, leaver)?,
            reaches: self.vault.readable(self.actor, leaver)?.into_iter().map(reach).collect(),
            credentials: self.credentials(leaver)?,
        };
        let plan = offboarding::plan(&facts, leaver, SystemClock.now());
        let tasks = offboarding::worklist(&plan, &self.vault.offboarding_tasks(self.actor, leaver)?);
        Ok(OffboardingInfo { account: login.clone(), disabled_at: account.disabled_at, plan, tasks })
    }

    /// Tokens, virtual keys and, as long as the account lives, sessions: they end with it.
    fn credentials(&self, leaver: &PrincipalId) -> Result<Vec<Credential>> {
        let tokens = self.vault.tokens_known_to(self.actor, leaver)?.into_iter().map(credential);
        let sessions = self.vault.sessions_seen(self.actor, leaver)?.into_iter().map(session);
        let keys = self.vault.virtual_keys_known_to(self.actor, leaver)?.into_iter().map(virtual_key);
        Ok(tokens.chain(sessions).chain(keys).collect())
    }
}

fn is_called(task: &Task, name: &TaskName) -> bool {
    let (id, version) = match &task.about {
        TaskAbout::Known { version, .. } | TaskAbout::Reachable { version, .. } => (None, Some(*version)),
        TaskAbout::Credential { id } => (Some(id), None),
    };
    (task.name == name.name || id == Some(&name.name)) && (name.version.is_none() || name.version == version)
}

fn reach(readable: Readable) -> Reach {
    let through = match readable.source {
        Source::Own => Through::Own,
        Source::Group(name) => Through::Group(name),
        Source::Token(id) => Through::Token(id),
    };
    Reach { to: Part::Secret(readable.secret), through, since: readable.since, until: readable.until }
}

/// What shows it in a list is the program that it was begun with.
fn session(session: Session) -> Credential {
    Credential {
        id: session.id,
        sort: CredentialSort::Session,
        name: session.agent,
        owner: session.principal.clone(),
        made_by: session.principal,
        created_at: session.created_at,
        last_used: Some(session.last_seen),
        expires_at: Some(session.expires_at),
        revoked_at: None,
    }
}

fn virtual_key(key: VirtualKey) -> Credential {
    Credential {
        id: key.id,
        sort: CredentialSort::VirtualKey,
        name: key.name.to_string(),
        owner: key.owner,
        made_by: key.created_by,
        created_at: key.created_at,
        last_used: None,
        expires_at: key.expires_at,
        revoked_at: key.revoked_at,
    }
}

fn credential(token: TokenRecord) -> Credential {
    Credential {
        id: token.id,
        sort: CredentialSort::Token,
        name: token.name,
        owner: token.owner,
        made_by: token.created_by,
        created_at: token.created_at,
        last_used: token.last_used,
        // Used up is as dead as over.
        expires_at: if token.uses_left == Some(0) {
            token.last_used.or(Some(token.created_at))
        } else {
            token.expires_at
        },
        revoked_at: token.revoked_at,
    }
}
