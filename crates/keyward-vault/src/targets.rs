//! Where a secret's values are deployed to. Settings are the matter of `keyward-sync`; here they are
//! opaque, and hold no credentials.

use keyward_access::{Login, Object, authorize};
use keyward_audit::Action as ActionName;
use keyward_types::{Place, PrincipalId, Record, SecretName, Timestamp, Write};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::actor::Actor;
use crate::change::{Change, Telling};
use crate::read::Scope;
use crate::records::{self, Row};
use crate::write::raced;
use crate::{Error, Vault};

/// A place that one secret's values go to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetRecord {
    /// What people call it; names it among the targets of its secret.
    pub name: Login,
    /// Of which secret.
    pub place: Place,
    /// What kind of place, how it is reached, and under which name the value lies there.
    pub settings: Value,
    /// Whether the old value lives until this place has the new one.
    pub required: bool,
    /// Since when.
    pub created_at: Timestamp,
    /// Who added it.
    pub created_by: PrincipalId,
}

/// A target that is to be added.
#[derive(Clone, Debug)]
pub struct NewTarget {
    /// What it is called.
    pub name: Login,
    /// How it is reached.
    pub settings: Value,
    /// What kind of place it is, for the log.
    pub kind: &'static str,
    /// Whether the old value lives until this place has the new one.
    pub required: bool,
}

/// Most targets of a secret, and the longest settings.
const MOST: usize = 64;
const LONGEST: usize = 8 * 1024;

impl Record for TargetRecord {
    const COLLECTION: &'static str = "target";

    fn key(&self) -> Vec<u8> {
        target_key(&self.place, &self.name)
    }
}

fn target_key(place: &Place, name: &Login) -> Vec<u8> {
    [&place.secret.as_bytes()[..], name.as_str().as_bytes()].concat()
}

impl Vault {
    /// Adds a target of a secret.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::NoSecret`], [`Error::Denied`]; [`Error::Refused`] when there are too
    /// many or it is too large.
    pub fn add_target(
        &self,
        actor: &Actor,
        scope: &Scope,
        secret: &SecretName,
        new: NewTarget,
    ) -> Result<TargetRecord, Error> {
        let action = ActionName::TargetAdd;
        let row = self.existing(actor, scope, secret, action)?;
        let place = row.record.place;
        let names = scope.names(Some(secret)).with("target", new.name.as_str()).with("kind", new.kind);
        let permit = authorize::<Write>(&actor.caller, &scope.about_head(&row.record))
            .map_err(|denial| self.denied(actor, denial, action, names.clone()))?;
        // Whoever says where values go has them.
        authorize::<keyward_types::Read>(&actor.caller, &scope.about_head(&row.record))
            .map_err(|denial| self.denied(actor, denial, action, names.clone()))?;
        if new.settings.to_string().len() > LONGEST {
            return Err(Error::Refused(format!("a target has at most {LONGEST} bytes of settings")));
        }
        if self.targets(&place)?.len() >= MOST {
            return Err(Error::Refused(format!("`{secret}` has {MOST} targets already")));
        }
        let (created_at, created_by) = (self.tools.clock.now(), actor.principal().clone());
        let NewTarget { name, settings, required, .. } = new;
        let target = TargetRecord { name, place, settings, required, created_at, created_by };
        if records::load::<TargetRecord>(&self.store, &target.key())?.is_some() {
            return Err(Error::Exists { noun: "target", name: target.name.to_string() });
        }
        let telling = Telling::new(action, Object::Secret(place, None)).names(names);
        let mut change = Change::permitted(self, actor, permit, telling);
        change.expect(records::absent(&target));
        change.put(&target);
        change.commit().map_err(|error| raced(error, target.name.as_str()))?;
        Ok(target)
    }

    /// The targets of a secret, in the order of names.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn targets(&self, place: &Place) -> Result<Vec<TargetRecord>, Error> {
        let rows = records::scan::<TargetRecord>(&self.store, place.secret.as_bytes())?;
        Ok(rows.into_iter().map(|row| row.record).filter(|target| target.place == *place).collect())
    }

    /// Ends a target. What lies there stays there.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::NoSecret`], [`Error::Denied`].
    pub fn remove_target(
        &self,
        actor: &Actor,
        scope: &Scope,
        secret: &SecretName,
        name: &Login,
    ) -> Result<TargetRecord, Error> {
        let action = ActionName::TargetRemove;
        let head = self.existing(actor, scope, secret, action)?;
        let names = scope.names(Some(secret)).with("target", name.as_str());
        let permit = authorize::<Write>(&actor.caller, &scope.about_head(&head.record))
            .map_err(|denial| self.denied(actor, denial, action, names.clone()))?;
        let place = head.record.place;
        let row: Row<TargetRecord> = records::load(&self.store, &target_key(&place, name))?
            .ok_or_else(|| Error::Missing { noun: "target", name: name.to_string() })?;
        let telling = Telling::new(action, Object::Secret(place, None)).names(names);
        let mut change = Change::permitted(self, actor, permit, telling);
        change.expect(records::unchanged(&row));
        change.delete::<TargetRecord>(row.record.key());
        change.commit().map_err(|error| raced(error, name.as_str()))?;
        Ok(row.record)
    }
}
