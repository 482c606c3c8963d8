//! Values under a new generation of their project's key.

use std::sync::Arc;

use keyward_access::{SystemTask, authorize};
use keyward_types::{Head, Use, VersionState};

use crate::actor::Actor;
use crate::record::Via;
use crate::records::{self, Row, Sealed};
use crate::value::ProjectKey;
use crate::{Error, Project, Vault};

impl Vault {
    /// Every value of a project as it is and as it will be, each opened under a recorded permit
    /// to use it.
    pub(crate) fn reseal_all(
        &self,
        actor: &Actor,
        project: &Project,
        key: &ProjectKey,
    ) -> Result<Vec<(Row<Sealed>, Sealed)>, Error> {
        let system = actor.as_system(SystemTask::Rekey);
        let mut loaded = Vec::new();
        for environment in self.environments(project)? {
            let scope = crate::Scope { project: project.clone(), environment };
            for row in records::scan::<Head>(&self.store, &scope.prefix())? {
                let kept = row.record.versions.iter().filter(|version| version.state != VersionState::Destroyed);
                for version in kept.map(|version| version.version).collect::<Vec<_>>() {
                    let row = Row { record: row.record.clone(), generation: row.generation };
                    loaded.push(crate::read::loaded(Arc::new(row.record), version, &scope, &*self.tools.clock));
                }
            }
        }
        let permits = loaded.iter().map(|one| Ok((authorize::<Use>(&system.caller, one)?, one)));
        let permits = permits.collect::<Result<Vec<_>, Error>>()?;
        let proofs = self.record(&system, permits, Via::Inside)?;
        let now = self.tools.clock.now();
        loaded
            .iter()
            .zip(proofs)
            .map(|(loaded, proof)| {
                let key_of = loaded.head().place.version_key(loaded.version());
                let row = records::load::<Sealed>(&self.store, &key_of)?.ok_or(Error::Damaged("a value is missing"))?;
                let lease = self.lease(proof, &row.record)?;
                let place = row.record.place;
                let sealed = lease.apply(now, |value| key.seal(place, loaded.version(), value, &*self.tools.random));
                Ok((row, sealed.ok_or(Error::Refused("sealing anew took longer than a lease lasts".into()))??))
            })
            .collect()
    }
}
