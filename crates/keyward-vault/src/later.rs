//! Reads for who cannot wait: a server that answers many has no thread for each. What is read is
//! loaded, permitted and handed over to be recorded; when that is durable, whoever asked is told, and
//! opens it. The proofs are the same, and so is their order.
//!
//! This is the way of what goes well and is soon done. Whatever has to be written down before, be it
//! a denial, a missing name or a token's use, goes the way where one waits.

use std::sync::Arc;

use keyward_access::{Permit, authorize};
use keyward_store::Committed;
use keyward_types::{Read, SecretName, Timestamp, Version};

use crate::actor::Actor;
use crate::record::{Via, proofs};
use crate::records::Sealed;
use crate::{Error, Loaded, Opened, Scope, Vault};

/// What was loaded for somebody who may read it, and is on record or could not be recorded. It is
/// sealed still.
pub struct Unopened {
    parts: Vec<(Permit<Read>, Loaded, Arc<Sealed>)>,
    holdings: Vec<Option<String>>,
    /// Until when each may be kept.
    kept: Vec<Option<Timestamp>>,
    committed: keyward_store::Result<Committed>,
}

impl Vault {
    /// Whether the store answers from this machine, so that asking it takes no longer than
    /// reckoning.
    pub fn answers_at_once(&self) -> bool {
        self.store.engine().nodes().is_none()
    }

    /// Begins to read these names of an environment, or one version of one; `done` is called when it
    /// is on record, on a thread that others wait for. False when it has to be read by
    /// [`Vault::read`]: nothing was recorded then, and `done` will not be called.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn begin_read(
        &self,
        actor: &Actor,
        scope: &Scope,
        names: &[(SecretName, Option<Version>)],
        via: Via,
        done: impl FnOnce(Unopened) + Send + 'static,
    ) -> Result<bool, Error> {
        let mut parts = Vec::with_capacity(names.len());
        for (name, version) in names {
            // Whether a parent answers takes a look at all that this environment has.
            let Some(Ok(loaded)) = self.find_here(scope, name, *version)? else { return Ok(false) };
            let Ok(permit) = authorize::<Read>(&actor.caller, &loaded) else { return Ok(false) };
            let sealed = self.sealed(&loaded)?;
            parts.push((permit, loaded, sealed));
        }
        let kept = parts.iter().map(|(_, loaded, _)| loaded.kept_until(actor)).collect();
        let permits: Vec<_> = parts.iter().map(|(permit, loaded, _)| (permit, loaded)).collect();
        let (change, holdings) = self.told_uses(actor, &permits, via)?;
        change.submit(move |committed| done(Unopened { parts, holdings, kept, committed }))
    }

    /// Opens what was recorded. `None` when it was not, as another first read of the same
    /// came between, or the end of the holding.
    ///
    /// # Errors
    /// When it could not be recorded, or a value is damaged.
    pub fn open_unopened(&self, unopened: Unopened) -> Result<Option<Vec<Opened>>, Error> {
        let committed = match unopened.committed {
            Err(keyward_store::Error::Conflict(_)) => return Ok(None),
            done => done?,
        };
        let (permits, rest): (Vec<_>, Vec<_>) =
            unopened.parts.into_iter().map(|(permit, loaded, sealed)| (permit, (loaded, sealed))).unzip();
        let proofs = proofs(permits, unopened.holdings, committed);
        let opened =
            proofs.into_iter().zip(rest).zip(unopened.kept).map(|((proof, (loaded, sealed)), offline_until)| {
                let holding = proof.holding().map(str::to_owned);
                let value = self.open(proof, &sealed)?;
                Ok(Opened { loaded, value, holding, offline_until })
            });
        opened.collect::<Result<_, Error>>().map(Some)
    }
}
