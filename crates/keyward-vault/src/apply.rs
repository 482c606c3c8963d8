//! Applying a value that its holder may use and need not see.

use keyward_access::authorize;
use keyward_audit::Action as ActionName;
use keyward_types::Use;

use crate::actor::Actor;
use crate::record::Via;
use crate::{Error, Loaded, Vault};

impl Vault {
    /// Applies one value in this process: its use is on record before it is opened, and it does not
    /// leave. What `apply` does with it is its caller's business, and what it gives must not hold it.
    ///
    /// # Errors
    /// [`Error::Denied`] for a caller who may not use it; when it could not be recorded.
    pub fn apply<R>(&self, actor: &Actor, loaded: &Loaded, apply: impl FnOnce(&[u8]) -> R) -> Result<R, Error> {
        let permit = authorize::<Use>(&actor.caller, loaded)
            .map_err(|denial| self.denied(actor, denial, ActionName::SecretUse, loaded.names()))?;
        let proof = self.record(actor, vec![(permit, loaded)], Via::Inside)?.pop();
        let lease = self.lease(proof.expect("one permit gives one proof"), self.sealed(loaded)?.as_ref())?;
        // A machine that slept in between has let it run out.
        lease.apply(self.tools.clock.now(), apply).ok_or_else(|| Error::Raced("a use".into()))
    }
}
