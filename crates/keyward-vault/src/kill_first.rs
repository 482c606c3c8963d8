//! Leave to end a leaked key before its successor is there. Whoever administers the secret gives it
//! beforehand, in quiet; in an emergency nobody is asked any more.

use keyward_access::{Object, authorize};
use keyward_audit::Action as ActionName;
use keyward_types::{Administer, Head, Place, PrincipalId, Record, SecretName, Timestamp};
use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::change::{Change, Telling};
use crate::read::Scope;
use crate::records;
use crate::write::raced;
use crate::{Error, Vault};

/// That a secret's key may end before its successor is there, or may no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KillFirst {
    /// Of which secret.
    pub place: Place,
    /// Whether it may.
    pub allowed: bool,
    /// Since when.
    pub set_at: Timestamp,
    /// Who said so.
    pub set_by: PrincipalId,
}

impl Record for KillFirst {
    const COLLECTION: &'static str = "kill_first";

    fn key(&self) -> Vec<u8> {
        self.place.secret.as_bytes().to_vec()
    }
}

impl Vault {
    /// Gives or takes the leave.
    ///
    /// # Errors
    /// [`Error::NoSecret`], [`Error::Denied`], [`Error::Raced`].
    pub fn set_kill_first(
        &self,
        actor: &Actor,
        scope: &Scope,
        name: &SecretName,
        allowed: bool,
    ) -> Result<KillFirst, Error> {
        let action = ActionName::ScheduleSet;
        let head = self.existing(actor, scope, name, action)?.record;
        let names = scope.names(Some(name)).with("kill_first", if allowed { "allowed" } else { "withdrawn" });
        let permit = authorize::<Administer>(&actor.caller, &scope.about_head(&head))
            .map_err(|denial| self.denied(actor, denial, action, names.clone()))?;
        let (set_at, set_by) = (self.tools.clock.now(), actor.principal().clone());
        let row = KillFirst { place: head.place, allowed, set_at, set_by };
        let telling = Telling::new(action, Object::Secret(head.place, None)).names(names);
        let mut change = Change::permitted(self, actor, permit, telling);
        match records::load::<KillFirst>(&self.store, &row.key())? {
            Some(before) => change.expect(records::unchanged(&before)),
            None => change.expect(records::absent(&row)),
        }
        change.put(&row);
        change.commit().map_err(|error| raced(error, name.as_str()))?;
        Ok(row)
    }

    /// The leave, if somebody gave it and nobody took it back.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn kill_first(&self, head: &Head) -> Result<Option<KillFirst>, Error> {
        let row = records::load::<KillFirst>(&self.store, head.place.secret.as_bytes())?;
        Ok(row.map(|row| row.record).filter(|row| row.place == head.place && row.allowed))
    }
}
