//! Rotations on record: what was asked for, how far it is, and who runs it. What the states and
//! plans say is the matter of `keyward-lifecycle`; here they are opaque, and kept under a MAC as all
//! records are.

use keyward_access::{Object, authorize};
use keyward_audit::Action as ActionName;
use keyward_types::{
    Action, Head, Place, PrincipalId, Record, RotationId, SecretName, Timestamp, Version, VersionState, Write,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::actor::Actor;
use crate::change::{Change, Telling};
use crate::read::Scope;
use crate::records::{self, Row};
use crate::value::hex;
use crate::write::raced;
use crate::{Error, Vault};

/// A rotation, under way or over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// Names it for ever.
    pub id: RotationId,
    /// Of which secret.
    pub place: Place,
    /// The version that is replaced.
    pub old: Version,
    /// The successor, once it is sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<Version>,
    /// How it is made: by which rotator, how patiently. Opaque here.
    pub plan: Value,
    /// How far it is. Opaque here.
    pub state: Value,
    /// The same in a word.
    pub word: String,
    /// What is being done, in a word; it may have been done or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doing: Option<String>,
    /// Before that there is nothing to do; `None`: until a person says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
    /// Whether it has ended.
    pub over: bool,
    /// Which process runs it. No other goes on with it while a call is under way.
    pub holder: String,
    /// How often it was taken over.
    pub epoch: u64,
    /// Since when.
    pub begun_at: Timestamp,
    /// Who asked for it.
    pub begun_by: PrincipalId,
    /// When it was last written.
    pub written_at: Timestamp,
}

/// A rotation as it was read: what is written is refused once somebody else has written.
#[derive(Clone, Debug)]
pub struct RotationRow {
    pub(crate) record: Rotation,
    pub(crate) generation: u64,
}

/// A rotation that is asked for.
#[derive(Clone, Debug)]
pub struct NewRotation {
    /// How it is made.
    pub plan: Value,
    /// Where it begins.
    pub state: Value,
    /// The same in a word.
    pub word: String,
    /// Which process runs it.
    pub holder: String,
    /// The version that is replaced; `None`: the active one.
    pub old: Option<Version>,
}

/// How a secret is rotated, as somebody set it. Opaque here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RotationPlan {
    /// Of which secret.
    pub place: Place,
    /// What was set.
    pub plan: Value,
    /// When.
    pub set_at: Timestamp,
    /// By whom.
    pub set_by: PrincipalId,
}

const OPEN: &[u8] = b"open";

impl Record for Rotation {
    const COLLECTION: &'static str = "rotation";

    fn key(&self) -> Vec<u8> {
        self.id.as_bytes().to_vec()
    }

    /// `secret`: its rotations. `live`: the one under way, of which there is one at most. `open`: all
    /// that are under way.
    fn indexes(&self) -> Vec<(&'static str, Vec<u8>)> {
        let secret = self.place.secret.as_bytes().to_vec();
        let mut indexes = vec![("secret", secret.clone())];
        if !self.over {
            indexes.push(("live", secret));
            indexes.push(("open", OPEN.to_vec()));
        }
        indexes
    }
}

impl Record for RotationPlan {
    const COLLECTION: &'static str = "rotation_plan";

    fn key(&self) -> Vec<u8> {
        self.place.secret.as_bytes().to_vec()
    }
}

impl RotationRow {
    /// What was read.
    pub fn rotation(&self) -> &Rotation {
        &self.record
    }
}

impl From<Row<Rotation>> for RotationRow {
    fn from(row: Row<Rotation>) -> Self {
        Self { record: row.record, generation: row.generation }
    }
}

impl Vault {
    /// Puts on record that a secret gets a successor.
    ///
    /// # Errors
    /// [`Error::Exists`] when one is under way; [`Error::NoSecret`], [`Error::Denied`],
    /// [`Error::SafeMode`]; [`Error::Refused`] when there is no active value.
    pub fn begin_rotation(
        &self,
        actor: &Actor,
        scope: &Scope,
        name: &SecretName,
        new: NewRotation,
    ) -> Result<RotationRow, Error> {
        self.refuse_in_safe_mode()?;
        let action = ActionName::RotationBegin;
        let row = self.existing(actor, scope, name, action)?;
        let names = scope.names(Some(name));
        let permit = authorize::<Write>(&actor.caller, &scope.about_head(&row.record))
            .map_err(|denial| self.denied(actor, denial, action, names.clone()))?;
        let head = row.record;
        let old = match new.old {
            Some(version) => head.version(version).filter(|one| one.state == VersionState::Live),
            None => head.active(),
        };
        let old = old.ok_or_else(|| Error::Refused(format!("`{name}` has no such value")))?;
        let now = self.tools.clock.now();
        let rotation = Rotation {
            id: RotationId::random(&*self.tools.random)?,
            place: head.place,
            old: old.version,
            candidate: None,
            plan: new.plan,
            state: new.state,
            word: new.word,
            doing: None,
            due: Some(now),
            over: false,
            holder: new.holder,
            epoch: 1,
            begun_at: now,
            begun_by: actor.principal().clone(),
            written_at: now,
        };
        if self.live_rotation(&head)?.is_some() {
            return Err(Error::Exists { noun: "rotation under way of", name: name.to_string() });
        }
        let telling = Telling::new(action, Object::Secret(head.place, None))
            .version(old.version, &old.fingerprint)
            .names(names.with("rotation", rotation.id.to_string()));
        let mut change = Change::permitted(self, actor, permit, telling);
        change.expect_free::<Rotation>("live", head.place.secret.as_bytes().to_vec());
        change.put(&rotation);
        change.commit().map_err(|error| raced(error, name.as_str()))?;
        self.rotation(rotation.id)?.ok_or(Error::Damaged("a rotation is missing that was just written"))
    }

    /// Lets a caller go on who may do this to a secret; a denial is recorded.
    ///
    /// # Errors
    /// [`Error::NoSecret`], [`Error::Denied`].
    pub fn permit_secret<A: Action>(&self, actor: &Actor, scope: &Scope, name: &SecretName) -> Result<Head, Error> {
        let action = ActionName::RotationBegin;
        let row = self.existing(actor, scope, name, action)?;
        match authorize::<A>(&actor.caller, &scope.about_head(&row.record)) {
            Ok(_) => Ok(row.record),
            Err(denial) => Err(self.denied(actor, denial, action, scope.names(Some(name)))),
        }
    }

    /// Whether a secret has had this value, in any of its versions.
    pub fn has_had(&self, head: &Head, value: &[u8]) -> bool {
        let fingerprint = hex(&self.ring.fingerprint(value));
        head.versions.iter().any(|version| version.fingerprint == fingerprint)
    }

    /// One rotation, for who runs it.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn rotation(&self, id: RotationId) -> Result<Option<RotationRow>, Error> {
        Ok(records::load::<Rotation>(&self.store, id.as_bytes())?.map(RotationRow::from))
    }

    /// The rotation of this secret that is under way.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn live_rotation(&self, head: &Head) -> Result<Option<RotationRow>, Error> {
        let rows = records::find::<Rotation>(&self.store, "live", head.place.secret.as_bytes())?;
        Ok(rows.into_iter().next().map(RotationRow::from))
    }

    /// Every rotation that is under way, for who runs them.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn open_rotations(&self) -> Result<Vec<RotationRow>, Error> {
        Ok(records::find::<Rotation>(&self.store, "open", OPEN)?.into_iter().map(RotationRow::from).collect())
    }

    /// Every rotation, the newest first, for who runs them.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn rotations(&self) -> Result<Vec<RotationRow>, Error> {
        let mut rows: Vec<RotationRow> =
            records::scan::<Rotation>(&self.store, &[])?.into_iter().map(RotationRow::from).collect();
        rows.sort_by_key(|row| (std::cmp::Reverse(row.record.begun_at), row.record.id.to_string()));
        Ok(rows)
    }

    /// The rotations of an environment's secrets that the caller may see, the newest first.
    ///
    /// # Errors
    /// [`Error::Denied`] for a caller who may not list here.
    pub fn rotations_seen(&self, actor: &Actor, scope: &Scope) -> Result<Vec<(Head, Rotation)>, Error> {
        let heads = self.heads(actor, scope)?;
        let rows = self.rotations()?.into_iter();
        Ok(rows
            .filter_map(|row| {
                let head = heads.iter().find(|head| head.place == row.record.place)?;
                Some((head.clone(), row.record))
            })
            .collect())
    }

    /// Sets how a secret is rotated.
    ///
    /// # Errors
    /// [`Error::NoSecret`], [`Error::Denied`].
    pub fn set_rotation_plan(
        &self,
        actor: &Actor,
        scope: &Scope,
        name: &SecretName,
        plan: Value,
        told: &str,
    ) -> Result<(), Error> {
        let action = ActionName::ScheduleSet;
        let row = self.existing(actor, scope, name, action)?;
        let names = scope.names(Some(name)).with("plan", told);
        let permit = authorize::<Write>(&actor.caller, &scope.about_head(&row.record))
            .map_err(|denial| self.denied(actor, denial, action, names.clone()))?;
        let (set_at, set_by) = (self.tools.clock.now(), actor.principal().clone());
        let place = row.record.place;
        let plan = RotationPlan { place, plan, set_at, set_by };
        let mut change =
            Change::permitted(self, actor, permit, Telling::new(action, Object::Secret(place, None)).names(names));
        match records::load::<RotationPlan>(&self.store, &plan.key())? {
            Some(before) => change.expect(records::unchanged(&before)),
            None => change.expect(records::absent(&plan)),
        }
        change.put(&plan);
        change.commit().map_err(|error| raced(error, name.as_str()))?;
        Ok(())
    }

    /// How a secret is rotated, if somebody set it.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn rotation_plan(&self, head: &Head) -> Result<Option<RotationPlan>, Error> {
        let row = records::load::<RotationPlan>(&self.store, head.place.secret.as_bytes())?;
        Ok(row.map(|row| row.record).filter(|plan| plan.place == head.place))
    }
}
