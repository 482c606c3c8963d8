//! Applying a value that its holder may use and need not see.

use keyward_access::authorize;
use keyward_audit::Action as ActionName;
use keyward_types::Use;

use crate::actor::Actor;
use crate::record::Via;
use crate::{Error, Lease, Loaded, Vault};

impl Vault {
    /// The right to apply one value in this process, on record before it is opened. It does not leave.
    ///
    /// # Errors
    /// [`Error::Denied`] for a caller who may not use it; when it could not be recorded.
    pub fn lease_of(&self, actor: &Actor, loaded: &Loaded) -> Result<Lease, Error> {
        let permit = authorize::<Use>(&actor.caller, loaded)
            .map_err(|denial| self.denied(actor, denial, ActionName::SecretUse, loaded.names()))?;
        let proof = self.record(actor, vec![(permit, loaded)], Via::Inside)?.pop();
        self.lease(proof.expect("one permit gives one proof"), &self.sealed(loaded)?)
    }
}
