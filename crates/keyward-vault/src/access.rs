//! Ways into the vault: slots come and go, and the root is replaced under all of them.

use keyward_access::Object;
use keyward_audit::Action as ActionName;
use keyward_types::{PrincipalId, ProjectName, Record, SlotId};

use crate::actor::Actor;
use crate::change::{Change, Names, Telling};
use crate::crypto::Key;
use crate::header::Header;
use crate::records::{self, KeyMark, StoredKey};
use crate::slot::{NewSlot, RootFor, Slot};
use crate::value::purpose;
use crate::vault::incarnation;
use crate::write::raced;
use crate::{Error, Vault};

impl Vault {
    /// Adds a way into the vault.
    ///
    /// # Errors
    /// [`Error::Denied`], or when the store refuses.
    pub fn add_slot(&self, actor: &Actor, new: &NewSlot<'_>, label: String) -> Result<Slot, Error> {
        if !keyward_types::is_plain(&label, false) {
            return Err(Error::Refused("a slot's label has no control characters".into()));
        }
        let (header, root) = {
            let header = self.header_lock();
            (header.clone(), self.ring.root())
        };
        let root = RootFor { key: &root, vault: header.vault, generation: header.root_generation };
        let slot = Slot::add(new, label, &root, self.tools.clock.now(), &*self.tools.random)?;
        let mut changed = header;
        if changed.slots.iter().any(|other| other.id == slot.id) {
            return Err(Error::Exists { noun: "slot", name: slot.id.to_string() });
        }
        changed.slots.push(slot.clone());
        self.replace_header(actor, ActionName::SlotAdd, Names::slot(&slot), changed)?;
        Ok(slot)
    }

    /// Removes a way into the vault. The last one stays, and so does the last that works without
    /// this machine's files.
    ///
    /// # Errors
    /// [`Error::Refused`] when there is no such slot or nothing would be left.
    pub fn remove_slot(&self, actor: &Actor, id: SlotId) -> Result<Slot, Error> {
        let mut changed = self.header();
        let index = changed.slots.iter().position(|slot| slot.id == id);
        let index = index.ok_or_else(|| Error::Refused(format!("there is no slot `{id}`")))?;
        if changed.slots.len() == 1 {
            return Err(Error::Refused("this is the only way into the vault".into()));
        }
        let slot = changed.slots.remove(index);
        self.replace_header(actor, ActionName::SlotRemove, Names::slot(&slot), changed)?;
        Ok(slot)
    }

    /// Leaves these slots alone in a copy of the store.
    pub(crate) fn keep_slots(&self, actor: &Actor, slots: Vec<Slot>) -> Result<(), Error> {
        let changed = Header { slots, ..self.header() };
        let names = Names::default().with("copy", "slots of this machine were left out");
        self.replace_header(actor, ActionName::Backup, names, changed)
    }

    /// Ends safe mode: somebody has looked.
    ///
    /// # Errors
    /// [`Error::Denied`]; [`Error::Refused`] when the vault is not in safe mode.
    pub fn accept(&self, actor: &Actor) -> Result<(), Error> {
        let mut changed = self.header();
        if changed.safe_mode.take().is_none() {
            return Err(Error::Refused("the vault is not in safe mode".into()));
        }
        self.replace_header(actor, ActionName::StoreAccept, Names::default(), changed)
    }

    /// Puts the vault into safe mode, because the store is not the one that was last seen.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn enter_safe_mode(&self, actor: &Actor, why: &str) -> Result<(), Error> {
        let mut changed = self.header();
        if changed.safe_mode.is_some() {
            return Ok(());
        }
        changed.safe_mode = Some(why.to_owned());
        let names = Names::default().with("safe_mode", why);
        self.replace_header(actor, ActionName::Restore, names, changed)
    }

    /// Begins a new life of the vault in a store that was made from a backup: it gets a new
    /// incarnation and is in safe mode until [`Vault::accept`].
    ///
    /// # Errors
    /// When the store refuses.
    pub fn begin_restored(&self, actor: &Actor) -> Result<(), Error> {
        let mut changed = self.header();
        changed.incarnation = incarnation(&*self.tools.random)?;
        changed.safe_mode = Some("it was restored from a backup; look at it, then `keyward store accept`".to_owned());
        self.replace_header(actor, ActionName::Restore, Names::default(), changed)
    }

    pub(crate) fn replace_header(
        &self,
        actor: &Actor,
        action: ActionName,
        names: Names,
        changed: Header,
    ) -> Result<(), Error> {
        let object = Object::Vault(self.id());
        let permit = self.permit_administer(actor, object, action, &names)?;
        let mut current = self.header_lock();
        // It carries the MAC of the header that it was made from.
        if changed.mac != current.mac {
            return Err(Error::Raced("the vault's header".to_owned()));
        }
        let before = keyward_store::header_hash(&current.bytes());
        let changed = changed.sealed_by(&self.ring.root());
        let mut change = Change::permitted(self, actor, permit, Telling::new(action, object).names(names));
        change.expect(keyward_store::Expect::Header { hash: before });
        change.header(changed.bytes());
        if let Err(error) = change.commit() {
            drop(current);
            return Err(self.header_kept(error));
        }
        *current = changed;
        Ok(())
    }

    /// A header that could not be replaced was perhaps replaced by another node.
    fn header_kept(&self, error: Error) -> Error {
        if matches!(error, Error::Raced(_)) {
            // Whatever comes of it is told by the watch.
            let _ = self.refresh_header();
        }
        error
    }

    /// Refuses a change when the header is replaced meanwhile.
    pub(crate) fn same_header(&self) -> keyward_store::Expect {
        keyward_store::Expect::Header { hash: keyward_store::header_hash(&self.header_lock().bytes()) }
    }

    /// A new root: every wrapped key is wrapped anew and the root is sealed to every slot, with
    /// nobody present. Values stay as they are.
    ///
    /// # Errors
    /// [`Error::Denied`], [`Error::Raced`], [`Error::Damaged`] when a key does not unwrap.
    pub fn rekey(&self, actor: &Actor) -> Result<u32, Error> {
        let object = Object::Vault(self.id());
        let permit = self.permit_administer(actor, object, ActionName::Rekey, &Names::default())?;
        let mut current = self.header_lock();
        let random = &*self.tools.random;
        let (old, new) = (self.ring.root(), Key::random(random)?);
        let generation = current.root_generation + 1;
        let sealed_for = RootFor { key: &new, vault: current.vault, generation };
        let slots = current.slots.iter().map(|slot| slot.reseal(&sealed_for, random));
        let changed = Header {
            root_generation: generation,
            system_keys: current.system_keys.rewrap(&old, &new, current.vault, random)?,
            slots: slots.collect::<Result<_, _>>()?,
            ..current.clone()
        }
        .sealed_by(&new);
        let telling = Telling::new(ActionName::Rekey, object).count(u64::from(generation));
        let mut change = Change::permitted(self, actor, permit, telling);
        change.expect(keyward_store::Expect::Header { hash: keyward_store::header_hash(&current.bytes()) });
        // Before the keys are looked for: one that comes after that is wrapped under the old root.
        let mark = records::load::<KeyMark>(&self.store, &KeyMark {}.key())?;
        change.expect(mark.map_or_else(|| records::absent(&KeyMark {}), |mark| records::unchanged(&mark)));
        for row in records::scan::<StoredKey>(&self.store, &[])? {
            change.expect(records::unchanged(&row));
            change.put(&StoredKey { key: row.record.key.rewrap(&old, &new, current.vault, random)? });
        }
        change.header(changed.bytes());
        change.root(new.clone());
        if let Err(error) = change.commit().map_err(|error| raced(error, "one of the vault's keys")) {
            drop(current);
            return Err(self.header_kept(error));
        }
        self.ring.replace_root(new);
        *current = changed;
        Ok(generation)
    }

    /// Erases what the log's private parts say of a principal: the key to them is deleted, and
    /// every proof still holds.
    ///
    /// # Errors
    /// [`Error::Denied`]; [`Error::Refused`] when there is nothing to erase or it is the actor.
    pub fn erase_subject(&self, actor: &Actor, subject: &PrincipalId) -> Result<(), Error> {
        if actor.principal() == subject {
            return Err(Error::Refused("whoever erases has to stay on record; let somebody else do it".into()));
        }
        let key = records::stored_key_key(&crate::vault::subject_purpose(subject), 1);
        let row = records::load::<StoredKey>(&self.store, &key)?
            .ok_or_else(|| Error::Refused(format!("nothing is kept about `{subject}`")))?;
        let object = Object::Vault(self.id());
        let permit = self.permit_administer(actor, object, ActionName::SubjectErase, &Names::default())?;
        let mut change = Change::permitted(self, actor, permit, Telling::new(ActionName::SubjectErase, object));
        change.expect(records::unchanged(&row));
        change.delete::<StoredKey>(key);
        change.commit()?;
        self.ring.forget_subject(subject);
        Ok(())
    }

    /// A new generation of a project's key: every value of the project is sealed anew, in one
    /// change, under a system principal that may use values and not disclose them.
    ///
    /// # Errors
    /// [`Error::NoProject`], [`Error::Denied`], [`Error::Damaged`].
    pub fn rekey_data(&self, actor: &Actor, name: &ProjectName) -> Result<(u32, u64), Error> {
        let row = self.project_to_change(actor, name)?;
        let object = Object::Project(self.id(), row.record.id);
        let names = Names { project: Some(name.clone()), ..Names::default() };
        let permit = self.permit_administer(actor, object, ActionName::RekeyData, &names)?;
        let project = records::Row {
            record: crate::Project { key_generation: row.record.key_generation + 1, ..row.record.clone() },
            generation: row.generation,
        };
        let generation = project.record.key_generation;
        let key = crate::value::ProjectKey { key: Key::random(&*self.tools.random)?, generation };
        let sealed = self.reseal_all(actor, &project.record, &key)?;
        let telling = Telling::new(ActionName::RekeyData, object).names(names).count(sealed.len() as u64);
        let mut change = Change::permitted(self, actor, permit, telling);
        change.expect(records::unchanged(&row));
        change.put(&project.record);
        let (stored, under) = self.wrap_key(&key.key, &purpose(project.record.id), generation)?;
        change.expect(under);
        change.put(&stored);
        for (old, new) in &sealed {
            change.expect(records::unchanged(old));
            change.put(new);
        }
        change.commit().map_err(|error| crate::write::raced(error, name.as_str()))?;
        self.ring.keep_project(project.record.id, generation, key.key);
        Ok((generation, sealed.len() as u64))
    }
}
