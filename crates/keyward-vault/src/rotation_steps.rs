//! The steps of a rotation, each one commit: the row as it is after the step, what the step changes of
//! the secret, and an entry. What is written by who is not the last who read it is refused.

use std::sync::Arc;

use keyward_access::{Object, authorize};
use keyward_audit::Action as ActionName;
use keyward_store::Expect;
use keyward_types::{Head, Label, Place, Read, Secret, Timestamp, Use, Version, VersionHead, VersionState, Write};
use serde_json::Value;

use crate::actor::Actor;
use crate::change::{Change as Commit, Telling};
use crate::matching::MatchRow;
use crate::read::{Lease, Scope, loaded};
use crate::record::Via;
use crate::records::{self, Environment, Holding, HoldingKind, Project, Row};
use crate::rotations::{Rotation, RotationRow};
use crate::value::hex;
use crate::{Error, MAX_VALUE, Vault};

/// A step that was taken.
#[derive(Debug)]
pub struct RotationStep {
    /// How far it is now.
    pub state: Value,
    /// The same in a word.
    pub word: String,
    /// What is begun with it.
    pub doing: Option<String>,
    /// When there is something to do again.
    pub due: Option<Timestamp>,
    /// Whether it has ended.
    pub over: bool,
    /// What was done and how it ended, for the log.
    pub told: String,
    /// Whether it waits for a person from now on: why.
    pub stuck: Option<String>,
    /// What it changes of the secret.
    pub change: Change,
}

/// What a step changes of a secret.
#[derive(Debug)]
pub enum Change {
    /// Nothing.
    Nothing,
    /// A value of the successor is sealed as a version labelled `pending`.
    Seal(Successor),
    /// The successor becomes the active version.
    Promote,
    /// The successor is put away.
    Discard,
}

/// The value that takes the place of another.
#[derive(Clone, Debug)]
pub struct Successor {
    /// The bytes of it.
    pub value: Secret<Vec<u8>>,
    /// Their estimated entropy in bits.
    pub bits: u16,
    /// When its service ends it by itself.
    pub expires_at: Option<Timestamp>,
}

impl Vault {
    /// Writes a step down.
    ///
    /// # Errors
    /// [`Error::Raced`] when somebody else has written, or the secret was changed meanwhile;
    /// [`Error::SafeMode`], [`Error::Denied`]; [`Error::Replaced`] when another process leads.
    pub fn write_rotation(&self, actor: &Actor, row: &RotationRow, step: &RotationStep) -> Result<RotationRow, Error> {
        self.refuse_in_safe_mode()?;
        let place = row.record.place;
        let (scope, head) = self.placed(&place)?;
        let about = scope.about_head(&head.record);
        let permit = authorize::<Write>(&actor.caller, &about).map_err(|denial| {
            self.denied(actor, denial, ActionName::RotationStep, scope.names(Some(&head.record.name)))
        })?;
        let names = scope.names(Some(&head.record.name));
        let telling = |action| Telling::new(action, Object::Secret(place, None)).names(names.clone());
        let names = names.clone().with("rotation", row.record.id.to_string()).with("step", step.told.as_str());
        let first = Telling::new(ActionName::RotationStep, Object::Secret(place, None)).names(names);
        let mut rotation = Rotation {
            state: step.state.clone(),
            word: step.word.clone(),
            doing: step.doing.clone(),
            due: step.due,
            over: step.over,
            written_at: self.tools.clock.now(),
            ..row.record.clone()
        };
        let mut commit = Commit::permitted(self, actor, permit, first);
        commit.expect(self.unchanged_row(row));
        let mut changed = head.record.clone();
        match &step.change {
            Change::Nothing => commit.put(&rotation),
            Change::Seal(successor) => {
                let version = self.seal_pending(&mut commit, &mut changed, &scope, successor, actor, &telling)?;
                rotation.candidate = Some(version);
                commit.put(&rotation);
            }
            Change::Promote => {
                let version = rotation.candidate.ok_or(Error::Damaged("there is no successor to promote"))?;
                let fingerprint = changed.version(version).map(|v| v.fingerprint.clone()).unwrap_or_default();
                commit.put(&rotation);
                commit.also(telling(ActionName::SecretPromote).version(version, &fingerprint));
                changed.labels.remove(&Label::pending());
                if let Some(active) =
                    changed.labels.insert(Label::active(), version).filter(|active| *active != version)
                {
                    changed.labels.insert(Label::previous(), active);
                }
                // An expiry is of a value: a new value does not inherit it.
                changed.expires_at = changed.version(version).and_then(|version| version.expires_at);
            }
            Change::Discard => {
                let version = rotation.candidate.take().ok_or(Error::Damaged("there is no successor to put away"))?;
                commit.put(&rotation);
                commit.also(telling(ActionName::SecretDiscard).version(version, ""));
                changed.labels.remove(&Label::pending());
                changed
                    .versions
                    .iter_mut()
                    .filter(|v| v.version == version)
                    .for_each(|v| v.state = VersionState::Deleted);
            }
        }
        if changed != head.record {
            commit.expect(records::unchanged(&head));
            commit.put(&changed);
        }
        if let Some(why) = &step.stuck {
            let names = scope
                .names(Some(&head.record.name))
                .with("rotation", rotation.id.to_string())
                .with("why", why.as_str());
            commit.also(Telling::new(ActionName::RotationStuck, Object::Secret(place, None)).names(names));
        }
        commit.commit().map_err(|error| crate::write::raced(error, "a rotation"))?;
        self.rotation(rotation.id)?.ok_or(Error::Damaged("a rotation is missing that was just written"))
    }

    /// Takes a rotation over: from now on nothing that its last holder writes counts.
    ///
    /// # Errors
    /// [`Error::Raced`] when somebody else has.
    pub fn claim_rotation(&self, actor: &Actor, row: &RotationRow, holder: &str) -> Result<RotationRow, Error> {
        self.refuse_in_safe_mode()?;
        let (scope, head) = self.placed(&row.record.place)?;
        let permit = authorize::<Write>(&actor.caller, &scope.about_head(&head.record))?;
        let names = scope.names(Some(&head.record.name)).with("rotation", row.record.id.to_string());
        let telling = Telling::new(ActionName::RotationStep, Object::Secret(row.record.place, None));
        let mut commit = Commit::permitted(self, actor, permit, telling.names(names.with("step", "taken over")));
        commit.expect(self.unchanged_row(row));
        commit.put(&Rotation {
            holder: holder.to_owned(),
            epoch: row.record.epoch + 1,
            written_at: self.tools.clock.now(),
            ..row.record.clone()
        });
        commit.commit().map_err(|error| crate::write::raced(error, "a rotation"))?;
        self.rotation(row.record.id)?.ok_or(Error::Damaged("a rotation is missing that was just written"))
    }

    /// Writes down what a person decided about a rotation, and seals the successor where he brought it.
    ///
    /// # Errors
    /// [`Error::Raced`], [`Error::Denied`], [`Error::SafeMode`].
    pub fn decide_rotation(
        &self,
        actor: &Actor,
        row: &RotationRow,
        decision: &str,
        step: RotationStep,
    ) -> Result<RotationRow, Error> {
        self.refuse_in_safe_mode()?;
        let (scope, head) = self.placed(&row.record.place)?;
        let names = scope.names(Some(&head.record.name));
        let action = ActionName::RotationDecide;
        let permit = authorize::<Write>(&actor.caller, &scope.about_head(&head.record))
            .map_err(|denial| self.denied(actor, denial, action, names.clone()))?;
        let place = row.record.place;
        let plain = names.clone();
        let telling = |action| Telling::new(action, Object::Secret(place, None)).names(plain.clone());
        let names = names.with("rotation", row.record.id.to_string()).with("decision", decision);
        let mut commit =
            Commit::permitted(self, actor, permit, Telling::new(action, Object::Secret(place, None)).names(names));
        commit.expect(self.unchanged_row(row));
        let (mut changed, mut candidate) = (head.record.clone(), row.record.candidate);
        if let Change::Seal(successor) = &step.change {
            candidate = Some(self.seal_pending(&mut commit, &mut changed, &scope, successor, actor, &telling)?);
            commit.expect(records::unchanged(&head));
            commit.put(&changed);
        }
        commit.put(&Rotation {
            candidate,
            state: step.state,
            word: step.word,
            doing: step.doing,
            due: step.due,
            over: step.over,
            written_at: self.tools.clock.now(),
            ..row.record.clone()
        });
        commit.commit().map_err(|error| crate::write::raced(error, "a rotation"))?;
        self.rotation(row.record.id)?.ok_or(Error::Damaged("a rotation is missing that was just written"))
    }

    /// A version of a secret that is being rotated, to be applied by keyward itself.
    ///
    /// # Errors
    /// When it could not be recorded, or does not open.
    pub fn lease_for_rotation(&self, actor: &Actor, place: &Place, version: Version) -> Result<Lease, Error> {
        let (scope, head) = self.placed(place)?;
        let one = loaded(Arc::new(head.record), version, &scope, &*self.tools.clock);
        let permit = authorize::<Use>(&actor.caller, &one)?;
        let proof = self.record(actor, vec![(permit, &one)], Via::Inside)?.pop().ok_or(Error::WrongProof)?;
        self.lease(proof, self.sealed(&one)?.as_ref())
    }

    /// A version of a secret for a deployment target: it leaves keyward, and is held there from now on.
    ///
    /// # Errors
    /// When it could not be recorded, or does not open.
    pub fn open_for_target(&self, actor: &Actor, place: &Place, version: Version) -> Result<Secret<Vec<u8>>, Error> {
        self.refuse_in_safe_mode()?;
        let (scope, head) = self.placed(place)?;
        let one = loaded(Arc::new(head.record), version, &scope, &*self.tools.clock);
        let permit = authorize::<Read>(&actor.caller, &one)?;
        let proof = self.record(actor, vec![(permit, &one)], Via::Target)?.pop().ok_or(Error::WrongProof)?;
        self.open(proof, self.sealed(&one)?.as_ref())
    }

    /// Who holds other versions of a secret than this one outside keyward, targets apart.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn holders_but(&self, place: &Place, version: Version) -> Result<Vec<Holding>, Error> {
        let now = self.tools.clock.now();
        let mut held = self.holdings(place.secret)?;
        held.retain(|holding| {
            let open = holding.until.is_none_or(|until| until > now);
            holding.place == *place && holding.version != version && open && holding.kind != HoldingKind::Target
        });
        Ok(held)
    }

    /// Whether a gateway has this version at this moment.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn is_at_gateway(&self, place: &Place, version: Version) -> Result<bool, Error> {
        let now = self.tools.clock.now();
        let lasts = |holding: &Holding| holding.until.is_none_or(|until| until > now);
        let held = self.holdings(place.secret)?;
        Ok(held.iter().any(|one| one.kind == HoldingKind::Gateway && one.version == version && lasts(one)))
    }

    /// Closes what targets held of other versions than this one.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn close_target_holdings(&self, actor: &Actor, place: &Place, version: Version) -> Result<u64, Error> {
        let open = self.holdings(place.secret)?.into_iter().filter(|holding| {
            holding.kind == HoldingKind::Target && holding.until.is_none() && holding.version != version
        });
        self.close_holdings(actor, &open.map(|holding| holding.id).collect::<Vec<_>>())
    }

    /// The names of a place, and the head that stands there.
    ///
    /// # Errors
    /// [`Error::Damaged`] where there is none.
    pub fn head_at(&self, place: &Place) -> Result<(Scope, Head), Error> {
        self.placed(place).map(|(scope, row)| (scope, row.record))
    }

    fn unchanged_row(&self, row: &RotationRow) -> Expect {
        records::unchanged(&Row { record: row.record.clone(), generation: row.generation })
    }

    pub(crate) fn placed(&self, place: &Place) -> Result<(Scope, Row<Head>), Error> {
        let gone = Error::Damaged("the secret of a rotation is gone");
        let head = records::load::<Head>(&self.store, &place.key())?;
        let project = records::load::<Project>(&self.store, place.project.as_bytes())?;
        let of_environment = [&place.project.as_bytes()[..], place.environment.as_bytes()].concat();
        let environment = records::load::<Environment>(&self.store, &of_environment)?;
        match (head, project, environment) {
            (Some(head), Some(project), Some(environment)) => {
                Ok((Scope { project: project.record, environment: environment.record }, head))
            }
            _ => Err(gone),
        }
    }

    fn seal_pending(
        &self,
        commit: &mut Commit<'_>,
        head: &mut Head,
        scope: &Scope,
        Successor { value, bits, expires_at }: &Successor,
        actor: &Actor,
        telling: &dyn Fn(ActionName) -> Telling,
    ) -> Result<Version, Error> {
        let bytes = value.expose();
        if bytes.len() > MAX_VALUE {
            return Err(Error::TooLarge { size: bytes.len() });
        }
        let version = head.next_version();
        let fingerprint = hex(&self.ring.fingerprint(bytes));
        commit.also(telling(ActionName::SecretWrite).version(version, &fingerprint));
        let key = self.project_key(scope.project.id, scope.project.key_generation)?;
        commit.put(&key.seal(head.place, version, bytes, &*self.tools.random)?);
        if let Some(row) = MatchRow::of(head, version, bytes, *bits, &self.ring.match_key()) {
            commit.put(&row);
        }
        head.versions.push(VersionHead {
            version,
            state: VersionState::Live,
            created_at: self.tools.clock.now(),
            created_by: actor.principal().clone(),
            size: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            bits: *bits,
            fingerprint,
            secret: head.is_secret(),
            age_unknown: false,
            expires_at: *expires_at,
        });
        head.labels.insert(Label::pending(), version);
        Ok(version)
    }
}
