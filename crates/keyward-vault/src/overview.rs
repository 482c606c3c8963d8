//! What a caller sees of the vault as a whole.

use keyward_access::{Object, authorize};
use keyward_audit::Action as ActionName;
use keyward_types::List;

use crate::actor::Actor;
use crate::change::Names;
use crate::{Error, Scope, Vault};

impl Vault {
    /// Whether a caller may list an environment. Nothing is recorded: it decides what a list of
    /// environments leaves out, and asking for one of them is recorded as ever.
    pub fn sees(&self, actor: &Actor, scope: &Scope) -> bool {
        authorize::<List>(&actor.caller, &scope.object(self.id())).is_ok()
    }

    /// Whether a caller may list everything, and so knows what exists and what does not.
    pub fn sees_everything(&self, actor: &Actor) -> bool {
        authorize::<List>(&actor.caller, &Object::Vault(self.id())).is_ok()
    }

    /// The log tells of everybody and everything: who may list the vault as a whole may read it.
    ///
    /// # Errors
    /// [`Error::Denied`], recorded.
    pub fn permit_log(&self, actor: &Actor) -> Result<(), Error> {
        match authorize::<List>(&actor.caller, &Object::Vault(self.id())) {
            Ok(_) => Ok(()),
            Err(denial) => Err(self.denied(actor, denial, ActionName::LogRead, Names::default())),
        }
    }
}
