//! Calls of a desk that do not wait until they are on record: for a server.

use std::sync::Arc;

use keyward_types::{SecretName, Version};
use keyward_vault::{Unopened, Vault};

use crate::local::{disclosed, new_value, stored, via};
use crate::wire::{Disclosed, NewSecret, Purpose, Stored, Where};
use crate::{Failure, LocalDesk, Result};

/// Values that are on record, or could not be, and are sealed still.
pub struct Begun {
    vault: Arc<Vault>,
    unopened: Unopened,
}

/// What became of a value that was to be stored.
pub enum Written {
    /// It is durable.
    Durable,
    /// Somebody else changed the secret at the same time: nothing was done, and
    /// [`Desk::write`](crate::Desk::write) may try again.
    Raced,
    /// The store refused.
    Failed(Failure),
}

impl LocalDesk {
    /// Begins to read these names; `done` is called when that is on record, on a thread that others
    /// wait for. False when it has to be read by [`Desk::read`](crate::Desk::read): then nothing was
    /// recorded, and `done` will not be called.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn begin_read(
        &self,
        at: &Where,
        names: &[(SecretName, Option<Version>)],
        purpose: Purpose,
        done: impl FnOnce(Begun) + Send + 'static,
    ) -> Result<bool> {
        let Ok(scope) = self.vault.scope(&at.project, &at.environment) else { return Ok(false) };
        let vault = Arc::clone(&self.vault);
        let done = move |unopened| done(Begun { vault, unopened });
        Ok(self.vault.begin_read(&self.actor, &scope, names, via(purpose), done)?)
    }

    /// Begins to store a value; `done` is called when it is durable, or with the error that prevented
    /// it, on a thread that others wait for. `None` when it has to be stored by
    /// [`Desk::write`](crate::Desk::write): then nothing was done, and `done` will not be called.
    ///
    /// # Errors
    /// Those of [`Desk::write`](crate::Desk::write) that are not recorded.
    pub fn begin_write(
        &self,
        at: &Where,
        secret: NewSecret,
        done: impl FnOnce(Written) + Send + 'static,
    ) -> Result<Option<Stored>> {
        let Ok(scope) = self.vault.scope(&at.project, &at.environment) else { return Ok(None) };
        let done = move |committed: keyward_store::Result<_>| {
            done(match committed {
                Ok(_) => Written::Durable,
                Err(keyward_store::Error::Conflict(_)) => Written::Raced,
                Err(error) => Written::Failed(keyward_vault::Error::from(error).into()),
            });
        };
        let written = self.vault.begin_write(&self.actor, &scope, vec![new_value(secret)], done)?;
        Ok(written.and_then(|mut written| written.pop()).map(stored))
    }
}

impl Begun {
    /// Opens the values. `None` when another read of the same came between: then nothing was
    /// recorded, and it has to be read by [`Desk::read`](crate::Desk::read).
    ///
    /// # Errors
    /// When it could not be recorded.
    pub fn finish(self) -> Result<Option<Vec<Disclosed>>> {
        let opened = self.vault.open_unopened(self.unopened)?;
        Ok(opened.map(|opened| opened.into_iter().map(disclosed).collect()))
    }
}
