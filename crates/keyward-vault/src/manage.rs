//! What happens to versions after they were written: hidden, brought back, made active again,
//! destroyed. Only `destroy` cannot be undone.

use keyward_access::{Object, Permit, authorize};
use keyward_audit::Action as ActionName;
use keyward_types::{Head, Label, SecretName, Version, VersionState, Write};

use crate::actor::Actor;
use crate::change::{Change, Telling};
use crate::matching::MatchRow;
use crate::read::Scope;
use crate::records::{self, Row, Sealed};
use crate::write::raced;
use crate::{Error, Vault};

impl Vault {
    /// Hides a secret: its live versions are deleted, and can be brought back.
    ///
    /// # Errors
    /// [`Error::NoSecret`], [`Error::Denied`]; [`Error::Refused`] when nothing of it is live.
    pub fn delete(&self, actor: &Actor, scope: &Scope, name: &SecretName) -> Result<Head, Error> {
        self.restate(actor, scope, name, ActionName::SecretDelete, |head| {
            let changed = swap(head, VersionState::Live, VersionState::Deleted);
            changed.then_some(()).ok_or_else(|| Error::Refused(format!("`{}` is deleted already", head.name)))
        })
    }

    /// Brings a deleted secret back as it was.
    ///
    /// # Errors
    /// [`Error::NoSecret`], [`Error::Denied`]; [`Error::Refused`] when nothing of it is deleted.
    pub fn undelete(&self, actor: &Actor, scope: &Scope, name: &SecretName) -> Result<Head, Error> {
        self.restate(actor, scope, name, ActionName::SecretUndelete, |head| {
            let changed = swap(head, VersionState::Deleted, VersionState::Live);
            changed.then_some(()).ok_or_else(|| Error::Refused(format!("nothing of `{}` is deleted", head.name)))
        })
    }

    /// Makes an older version the active one. Nothing is opened: the label moves.
    ///
    /// # Errors
    /// [`Error::NoVersion`] when that version cannot be read; [`Error::Refused`] when it is active
    /// already.
    pub fn rollback(&self, actor: &Actor, scope: &Scope, name: &SecretName, to: Version) -> Result<Head, Error> {
        self.restate(actor, scope, name, ActionName::SecretRollback, |head| {
            let why = match head.version(to).map(|version| version.state) {
                Some(VersionState::Live) => None,
                Some(VersionState::Deleted) => Some("was deleted"),
                Some(VersionState::Destroyed) => Some("was destroyed"),
                None => Some("does not exist"),
            };
            if let Some(why) = why {
                return Err(Error::NoVersion { name: head.name.clone(), version: to, why });
            }
            match head.labels.insert(Label::active(), to) {
                Some(active) if active == to => Err(Error::Refused(format!("version {to} is active already"))),
                Some(active) => {
                    head.labels.insert(Label::previous(), active);
                    head.expires_at = None;
                    Ok(())
                }
                None => Ok(()),
            }
        })
    }

    /// Destroys one version's value for ever.
    ///
    /// # Errors
    /// [`Error::NoVersion`] when there is none or it is gone; [`Error::SafeMode`].
    pub fn destroy(&self, actor: &Actor, scope: &Scope, name: &SecretName, version: Version) -> Result<Head, Error> {
        self.refuse_in_safe_mode()?;
        let (row, permit) = self.to_change(actor, scope, name, ActionName::SecretDestroy)?;
        let mut head = row.record.clone();
        let refuse = |why| Error::NoVersion { name: name.clone(), version, why };
        let found = head.versions.iter_mut().find(|found| found.version == version).ok_or(refuse("does not exist"))?;
        if found.state == VersionState::Destroyed {
            return Err(refuse("was destroyed already"));
        }
        found.state = VersionState::Destroyed;
        let telling = Telling::new(ActionName::SecretDestroy, Object::Secret(head.place, None))
            .version(version, &found.fingerprint)
            .names(scope.names(Some(name)));
        let mut change = Change::permitted(self, actor, permit, telling);
        change.expect(records::unchanged(&row));
        change.delete::<Sealed>(head.place.version_key(version));
        change.delete::<MatchRow>(head.place.version_key(version));
        change.put(&head);
        change.commit().map_err(|error| raced(error, name.as_str()))?;
        Ok(head)
    }

    fn restate(
        &self,
        actor: &Actor,
        scope: &Scope,
        name: &SecretName,
        action: ActionName,
        restate: impl FnOnce(&mut Head) -> Result<(), Error>,
    ) -> Result<Head, Error> {
        let (row, permit) = self.to_change(actor, scope, name, action)?;
        let mut head = row.record.clone();
        restate(&mut head)?;
        let mut telling = Telling::new(action, Object::Secret(head.place, None)).names(scope.names(Some(name)));
        if let Some(active) = head.active() {
            telling = telling.version(active.version, &active.fingerprint);
        }
        let mut change = Change::permitted(self, actor, permit, telling);
        change.expect(records::unchanged(&row));
        change.put(&head);
        change.commit().map_err(|error| raced(error, name.as_str()))?;
        Ok(head)
    }

    fn to_change(
        &self,
        actor: &Actor,
        scope: &Scope,
        name: &SecretName,
        action: ActionName,
    ) -> Result<(Row<Head>, Permit<Write>), Error> {
        let row = self.existing(actor, scope, name, action)?;
        let permit = authorize::<Write>(&actor.caller, &scope.about_head(&row.record))
            .map_err(|denial| self.denied(actor, denial, action, scope.names(Some(name))))?;
        Ok((row, permit))
    }
}

/// Moves every version from one state to another; whether there was one.
fn swap(head: &mut Head, from: VersionState, to: VersionState) -> bool {
    let mut changed = false;
    for version in head.versions.iter_mut().filter(|version| version.state == from) {
        version.state = to;
        changed = true;
    }
    changed
}
