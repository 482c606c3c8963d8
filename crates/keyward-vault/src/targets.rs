//! Where a secret's values are deployed to. Settings are the matter of `keyward-sync`; here they are
//! opaque, and hold no credentials: a target names the secret that it is signed in to with.

use keyward_access::{Login, Object, Permit, authorize};
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
    /// The secret that it is signed in to with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<Place>,
    /// What has to be seen before it counts as having a value; `None`: all that it can prove by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<String>,
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
    /// The secret of the same environment that it is signed in to with.
    pub credential: Option<SecretName>,
    /// What has to be seen before it counts as having a value.
    pub proof: Option<String>,
    /// Whether the old value lives until this place has the new one.
    pub required: bool,
}

/// A target that may be added, and the right to do so.
pub struct DraftTarget {
    record: TargetRecord,
    permit: Permit<Write>,
    telling: Telling,
}

impl DraftTarget {
    /// What it would be.
    pub const fn record(&self) -> &TargetRecord {
        &self.record
    }
}

/// Most targets of a secret, and the longest settings.
const MOST: usize = 64;
const LONGEST: usize = 32 * 1024;

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
    /// A target of a secret as it would be added: whoever asks may add it. Nothing is changed, so that it
    /// can be looked at first.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::NoSecret`], [`Error::Denied`]; [`Error::Refused`] when there are too
    /// many or it is too large.
    pub fn draft_target(
        &self,
        actor: &Actor,
        scope: &Scope,
        secret: &SecretName,
        new: NewTarget,
    ) -> Result<DraftTarget, Error> {
        let action = ActionName::TargetAdd;
        let row = self.existing(actor, scope, secret, action)?;
        let place = row.record.place;
        let names = scope.names(Some(secret)).with("target", new.name.as_str()).with("kind", new.kind);
        let permit = authorize::<Write>(&actor.caller, &scope.about_head(&row.record))
            .map_err(|denial| self.denied(actor, denial, action, names.clone()))?;
        // Whoever says where values go has them.
        authorize::<keyward_types::Read>(&actor.caller, &scope.about_head(&row.record))
            .map_err(|denial| self.denied(actor, denial, action, names.clone()))?;
        let credential = match &new.credential {
            Some(name) => Some(self.credential_for(actor, scope, secret, name)?),
            None => None,
        };
        if new.settings.to_string().len() > LONGEST {
            return Err(Error::Refused(format!("a target has at most {LONGEST} bytes of settings")));
        }
        if self.targets(&place)?.len() >= MOST {
            return Err(Error::Refused(format!("`{secret}` has {MOST} targets already")));
        }
        let (created_at, created_by) = (self.tools.clock.now(), actor.principal().clone());
        let NewTarget { name, settings, proof, required, .. } = new;
        let record = TargetRecord { name, place, settings, credential, proof, required, created_at, created_by };
        if records::load::<TargetRecord>(&self.store, &record.key())?.is_some() {
            return Err(Error::Exists { noun: "target", name: record.name.to_string() });
        }
        let telling = Telling::new(action, Object::Secret(place, None)).names(names);
        Ok(DraftTarget { record, permit, telling })
    }

    /// Adds a target that was drafted.
    ///
    /// # Errors
    /// [`Error::Exists`], [`Error::Raced`].
    pub fn add_target(&self, actor: &Actor, draft: DraftTarget) -> Result<TargetRecord, Error> {
        let DraftTarget { record, permit, telling } = draft;
        let mut change = Change::permitted(self, actor, permit, telling);
        change.expect(records::absent(&record));
        change.put(&record);
        change.commit().map_err(|error| raced(error, record.name.as_str()))?;
        Ok(record)
    }

    /// What a target is signed in to with: whoever lets it be applied may apply it himself.
    fn credential_for(
        &self,
        actor: &Actor,
        scope: &Scope,
        secret: &SecretName,
        credential: &SecretName,
    ) -> Result<Place, Error> {
        if credential == secret {
            return Err(Error::Refused(
                "what a target is signed in to with is another secret than what it gets".into(),
            ));
        }
        Ok(self.permit_secret::<keyward_types::Use>(actor, scope, credential)?.place)
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
