//! Values that become secrets: what lets the scanner recognise them is made of what is stored.

use std::sync::Arc;

use keyward_access::{Object, SystemTask, authorize};
use keyward_audit::Action as ActionName;
use keyward_types::{Head, Kind, SecretName, Use, VersionState};

use crate::actor::Actor;
use crate::change::{Change, Telling};
use crate::matching::MatchRow;
use crate::read::{Scope, loaded};
use crate::record::Via;
use crate::records::Row;
use crate::{Error, Vault};

impl Vault {
    /// Makes the match records of every value that is kept of a secret, each opened under a recorded
    /// permit to use it. To be called before the head says that they are secrets: a record too many
    /// is not looked at, one too few would never be missed.
    pub(crate) fn make_known(&self, actor: &Actor, scope: &Scope, name: &SecretName) -> Result<(), Error> {
        let Some(Row { record: head, .. }) = self.head_row(scope, name)? else { return Ok(()) };
        let (head, system) = (Arc::new(head), actor.as_system(SystemTask::Match));
        let kept = head.versions.iter().filter(|version| version.state != VersionState::Destroyed);
        let values: Vec<_> =
            kept.map(|kept| loaded(Arc::clone(&head), kept.version, scope, &*self.tools.clock)).collect();
        let permits = values.iter().map(|value| Ok((authorize::<Use>(&system.caller, value)?, value)));
        let proofs = self.record(&system, permits.collect::<Result<Vec<_>, Error>>()?, Via::Inside)?;
        let now = self.tools.clock.now();
        // As what any of them counts is of no matter: that it is secret is.
        let secret = Head { kind: Kind::ApiKey, ..Head::clone(&head) };
        let mut rows = Vec::new();
        for (value, proof) in values.iter().zip(proofs) {
            let bits = value.head().version(value.version()).map_or(0, |version| version.bits);
            let key = self.ring.match_key();
            let lease = self.lease(proof, self.sealed(value)?.as_ref())?;
            let row = lease.apply(now, |bytes| MatchRow::of(&secret, value.version(), bytes, bits, &key));
            rows.extend(row.ok_or(Error::Refused("it took longer than a lease lasts".into()))?);
        }
        if rows.is_empty() {
            return Ok(());
        }
        let telling = Telling::new(ActionName::SecretEdit, Object::Secret(head.place, None));
        let mut change = Change::told(self, &system, telling.names(scope.names(Some(name))));
        rows.iter().for_each(|row| change.put(row));
        change.commit().map(drop)
    }
}
