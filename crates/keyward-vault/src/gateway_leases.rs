//! Leases of a gateway: the right to apply the secrets that virtual keys stand for, a minute at a time
//! and off the way of requests. Each renewal is on record before anything is opened. Where it cannot be
//! recorded there is no lease, and a gateway ends with the last one that it has.

use std::collections::BTreeSet;

use keyward_access::{Caller, Permit, SystemTask, authorize};
use keyward_types::{Place, Timestamp, Use, Version};
use sha2::{Digest, Sha256};

use crate::actor::Actor;
use crate::change::Change;
use crate::record::Via;
use crate::records::{self, Holding, HoldingKind};
use crate::value::hex;
use crate::{Error, Lease, Loaded, Vault};

/// A secret's value that a gateway may apply for a while.
pub struct GatewayLease {
    /// Which secret.
    pub place: Place,
    /// Which version.
    pub version: Version,
    /// Its value, for as long as it lasts.
    pub lease: Lease,
}

impl Vault {
    /// Leases of these versions for this node, all in one commit with an entry each. What no virtual key
    /// stands for at this moment is left out, and so is what has no value any more. `node` has to be
    /// unlike the name of every other process at the store.
    ///
    /// # Errors
    /// When it could not be recorded, or a value does not open: there is no lease then.
    pub fn lease_for_gateway(&self, node: &str, wanted: &[(Place, Version)]) -> Result<Vec<GatewayLease>, Error> {
        let keys = self.live_keys()?;
        // In one order, and each once.
        let wanted: BTreeSet<(Vec<u8>, Version)> =
            wanted.iter().map(|(place, version)| (place.key(), *version)).collect();
        let places = self.places_of(&keys, wanted);
        let mut loaded: Vec<Loaded> = Vec::with_capacity(places.len());
        for (place, version) in places {
            loaded.extend(self.load_place(&place, Some(version))?);
        }
        let actor = Actor::new(Caller::system(SystemTask::Gateway), agent(node));
        let permits = loaded.iter().map(|one| Ok((authorize::<Use>(&actor.caller, one)?, one)));
        let permits: Vec<(Permit<Use>, &Loaded)> = permits.collect::<Result<_, Error>>()?;
        // The end is reckoned from before the commit: a slow one makes the lease shorter, never longer.
        let until = Lease::end(self.tools.clock.now());
        let proofs = self.record(&actor, permits, Via::Gateway)?;
        loaded
            .iter()
            .zip(proofs)
            .map(|(loaded, proof)| {
                let lease = self.lease_until(proof, self.sealed(loaded)?.as_ref(), until)?;
                Ok(GatewayLease { place: loaded.head().place, version: loaded.version(), lease })
            })
            .collect()
    }

    fn places_of(&self, keys: &crate::LiveKeys, wanted: BTreeSet<(Vec<u8>, Version)>) -> Vec<(Place, Version)> {
        let mut places = Vec::with_capacity(wanted.len());
        let mut left = wanted;
        // A trap serves nobody.
        for route in keys.all().filter(|live| !live.key.rules.canary).flat_map(|live| &live.routes) {
            for version in std::iter::once(route.version).chain(route.previous) {
                if left.remove(&(route.place.key(), version)) {
                    places.push((route.place, version));
                }
            }
            if left.is_empty() {
                break;
            }
        }
        places
    }

    /// A node has the value for as long as its lease lasts, and is said to have it no longer: a node that
    /// is gone leaves nothing open.
    pub(crate) fn extend_holding(
        &self,
        change: &mut Change<'_>,
        actor: &Actor,
        place: Place,
        version: Version,
        now: Timestamp,
    ) -> Result<(), Error> {
        let mut named = Sha256::new();
        for part in [actor.agent.as_bytes(), &place.key(), &version.get().to_be_bytes()] {
            named.update((part.len() as u64).to_be_bytes());
            named.update(part);
        }
        let id = hex(&named.finalize()[..16]);
        let before = records::load::<Holding>(&self.store, id.as_bytes())?.map(|row| row.record);
        let goes_on = before.filter(|before| before.until.is_some_and(|until| until >= now));
        let since = goes_on.map_or(now, |before| before.since);
        let principal = actor.principal().clone();
        let until = Some(Lease::end(now));
        change.put(&Holding { id, principal, place, version, kind: HoldingKind::Gateway, since, until });
        Ok(())
    }
}

fn agent(node: &str) -> String {
    format!("keyward gateway {node}")
}
