use keyward_access::Caller;
use keyward_types::PrincipalId;

use crate::{Expected, Lead, Once};

/// Who acts and on what occasion: the first argument of everything the vault does.
#[derive(Clone, Debug)]
pub struct Actor {
    /// Who, with present rights.
    pub caller: Caller,
    /// Why, in the caller's words; goes into the private part of the log.
    pub reason: Option<String>,
    /// What program and command; goes into the private part of the log.
    pub agent: String,
    /// From where, when that is another machine; goes into the private part of the log.
    pub address: Option<String>,
    /// What the caller takes to be there: a change to a secret that stands otherwise is refused.
    pub expects: Expected,
    /// That he does the vault's own work: his changes are refused once somebody else leads.
    pub lead: Option<Lead>,
    /// That he keeps what he reads, as long as its environment allows, for when he cannot ask.
    pub keeps: bool,
    /// That what he asks for is carried out once: his first change is marked as done.
    pub once: Option<Once>,
}

impl Actor {
    /// Somebody with a program, on no particular occasion.
    pub fn new(caller: Caller, agent: impl Into<String>) -> Self {
        Self {
            caller,
            reason: None,
            agent: agent.into(),
            address: None,
            expects: Expected::Anything,
            lead: None,
            keeps: false,
            once: None,
        }
    }

    /// Who it is.
    pub fn principal(&self) -> &PrincipalId {
        self.caller.principal()
    }

    /// keyward itself at a task, on behalf of this actor's command.
    pub(crate) fn as_system(&self, task: keyward_access::SystemTask) -> Self {
        Self { caller: Caller::system(task), expects: Expected::Anything, once: None, ..self.clone() }
    }
}
