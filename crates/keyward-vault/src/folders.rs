//! Which folder may have which project's secrets, and who has values outside keyward.

use keyward_access::{About, Facts, Object, authorize};
use keyward_audit::Action as ActionName;
use keyward_types::{Head, List, Record, SecretId};

use crate::actor::Actor;
use crate::change::{Change, Names, Telling};
use crate::counting::Uncounted;
use crate::record::ATTEMPTS;
use crate::records::{self, Binding, Holding, Project, Reads, reads_key};
use crate::{Error, Vault};

impl Vault {
    /// Binds a folder to a project.
    ///
    /// # Errors
    /// [`Error::Denied`], or when the store refuses.
    pub fn trust(&self, actor: &Actor, path: &str, origin: Option<&str>, project: &Project) -> Result<Binding, Error> {
        let object = Object::Project(self.id(), project.id);
        let names = Names { project: Some(project.name.clone()), ..Names::default() }.with("path", path);
        // A binding discloses nothing by itself: what is read through it is asked about then.
        let about = About { object, facts: Facts::project(&project.name) };
        let permit = authorize::<List>(&actor.caller, &about)
            .map_err(|denial| self.denied(actor, denial, ActionName::FolderTrust, names.clone()))?;
        let created_at = self.tools.clock.now();
        let binding =
            Binding { path: path.to_owned(), origin: origin.map(str::to_owned), project: project.id, created_at };
        let mut change =
            Change::permitted(self, actor, permit, Telling::new(ActionName::FolderTrust, object).names(names));
        change.put(&binding);
        change.commit()?;
        Ok(binding)
    }

    /// Ends a folder's binding; whether there was one.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn untrust(&self, actor: &Actor, path: &str) -> Result<bool, Error> {
        let Some(row) = records::load::<Binding>(&self.store, path.as_bytes())? else { return Ok(false) };
        let object = Object::Project(self.id(), row.record.project);
        let names = Names::default().with("path", path);
        let mut change = Change::told(self, actor, Telling::new(ActionName::FolderUntrust, object).names(names));
        change.delete::<Binding>(row.record.key());
        change.commit()?;
        Ok(true)
    }

    /// The binding of exactly this folder, with its project.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn binding(&self, path: &str) -> Result<Option<(Binding, Project)>, Error> {
        let Some(row) = records::load::<Binding>(&self.store, path.as_bytes())? else { return Ok(None) };
        let project = records::load::<Project>(&self.store, row.record.project.as_bytes())?;
        Ok(project.map(|project| (row.record, project.record)))
    }

    /// Every binding.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn bindings(&self) -> Result<Vec<Binding>, Error> {
        Ok(records::scan::<Binding>(&self.store, &[])?.into_iter().map(|row| row.record).collect())
    }

    /// Who has versions of this secret outside keyward, open holdings first.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn holdings(&self, secret: SecretId) -> Result<Vec<Holding>, Error> {
        let rows = records::find::<Holding>(&self.store, "secret", secret.as_bytes())?;
        let mut holdings: Vec<Holding> = rows.into_iter().map(|row| row.record).collect();
        holdings.sort_by_key(|holding| (holding.until.is_some(), std::cmp::Reverse(holding.since)));
        Ok(holdings)
    }

    /// Who has read versions of this secret, how often and when.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn reads(&self, secret: SecretId) -> Result<Vec<Reads>, Error> {
        let uncounted = Uncounted::of(&self.store.reader(), Some(&secret.to_string()))?;
        let rows = records::find::<Reads>(&self.store, "secret", secret.as_bytes())?;
        Ok(uncounted.added(rows.into_iter().map(|row| row.record).collect()))
    }

    /// Closes holdings whose holder has the value no longer, for example a child that ended.
    /// Unknown and closed ones are passed over.
    ///
    /// # Errors
    /// [`Error::Raced`] when the same versions are read all the time; when the store refuses.
    pub fn close_holdings(&self, actor: &Actor, ids: &[String]) -> Result<u64, Error> {
        for _ in 0..ATTEMPTS {
            match self.try_to_close(actor, ids) {
                Err(Error::Store(keyward_store::Error::Conflict(_))) => {}
                done => return done,
            }
        }
        Err(Error::Raced("a holding".into()))
    }

    fn try_to_close(&self, actor: &Actor, ids: &[String]) -> Result<u64, Error> {
        let mut open = Vec::new();
        for id in ids {
            let row = records::load::<Holding>(&self.store, id.as_bytes())?;
            open.extend(row.filter(|row| row.record.until.is_none() && row.record.principal == *actor.principal()));
        }
        let Some(first) = open.first() else { return Ok(0) };
        let object = Object::Project(self.id(), first.record.place.project);
        let telling = Telling::new(ActionName::HoldingClose, object).count(open.len() as u64);
        let mut change = Change::told(self, actor, telling);
        for row in &open {
            change.expect(records::unchanged(row));
            change.put(&Holding { until: Some(self.tools.clock.now()), ..row.record.clone() });
            let Holding { principal, place, version, .. } = &row.record;
            let reads = records::load::<Reads>(&self.store, &reads_key(principal, place, *version))?;
            // The next read opens another one.
            if let Some(reads) = reads.filter(|reads| reads.record.holding.as_ref() == Some(&row.record.id)) {
                change.expect(records::unchanged(&reads));
                change.put(&Reads { holding: None, ..reads.record });
            }
        }
        change.commit()?;
        Ok(open.len() as u64)
    }

    /// Every place the caller may know of where this head's active secret value is stored too.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn same_value_elsewhere(&self, actor: &Actor, head: &Head) -> Result<Vec<String>, Error> {
        match head.active().filter(|_| head.kind.is_secret()) {
            Some(active) => self.holders_of(actor, &active.fingerprint, head.place),
            None => Ok(Vec::new()),
        }
    }
}
