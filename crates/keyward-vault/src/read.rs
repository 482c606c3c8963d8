//! Loading heads, and opening what a proof allows.

use std::sync::Arc;

use keyward_access::{Denial, Facts, Object, Permit, Protected, SecretFacts, authorize};
use keyward_audit::Action as ActionName;
use keyward_types::{
    Clock, EnvironmentName, Head, ProjectName, Read, Record, Secret, SecretName, Timestamp, Use, Version, VersionState,
};

use crate::actor::Actor;
use crate::change::Names;
use crate::record::{Recorded, Via};
use crate::records::{self, Environment, Project, Sealed, environment_index};
use crate::{Error, Vault};

/// A project and an environment of it: where commands work.
#[derive(Clone, Debug, PartialEq)]
pub struct Scope {
    /// The project.
    pub project: Project,
    /// The environment.
    pub environment: Environment,
}

/// A head that was loaded for one version, authenticated and still closed.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub(crate) head: Arc<Head>,
    version: Version,
    project: ProjectName,
    environment: EnvironmentName,
    offline_until: Option<Timestamp>,
}

/// A value that left, with what it is.
#[derive(Debug)]
pub struct Opened {
    /// Its head and which version it is.
    pub loaded: Loaded,
    /// The value.
    pub value: Secret<Vec<u8>>,
    /// The holding that was opened for it.
    pub holding: Option<String>,
    /// Until when its reader may keep it for when he cannot ask, if he said that he does.
    pub offline_until: Option<Timestamp>,
}

/// A value that keyward applies itself, for at most [`Lease::SECONDS`]. It cannot be taken out.
pub struct Lease {
    value: Secret<Vec<u8>>,
    until: Timestamp,
}

impl Scope {
    pub(crate) fn object(&self, vault: keyward_types::VaultId) -> Object {
        Object::Environment(vault, self.project.id, self.environment.id)
    }

    pub(crate) fn names(&self, secret: Option<&SecretName>) -> Names {
        Names {
            project: Some(self.project.name.clone()),
            environment: Some(self.environment.name.clone()),
            secret: secret.cloned(),
            ..Names::default()
        }
    }

    /// The value of a secret's head under the index of names.
    fn name_index(&self, name: &SecretName) -> Vec<u8> {
        [&self.prefix()[..], name.as_str().as_bytes()].concat()
    }

    pub(crate) fn prefix(&self) -> Vec<u8> {
        [&self.project.id.as_bytes()[..], self.environment.id.as_bytes()].concat()
    }
}

impl Loaded {
    /// All that is known without opening.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The version it was loaded for.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The project it lies in.
    pub fn project(&self) -> &ProjectName {
        &self.project
    }

    /// The environment that answered; a parent of the one asked, where that lacks the name.
    pub fn environment(&self) -> &EnvironmentName {
        &self.environment
    }

    /// Until when this reader keeps it, where he said that he does and its environment lets him.
    pub(crate) fn kept_until(&self, actor: &Actor) -> Option<Timestamp> {
        self.offline_until.filter(|_| actor.keeps)
    }

    pub(crate) fn names(&self) -> Names {
        Names {
            project: Some(self.project.clone()),
            environment: Some(self.environment.clone()),
            secret: Some(self.head.name.clone()),
            ..Names::default()
        }
    }
}

impl Protected for Loaded {
    fn object(&self) -> Object {
        Object::Secret(self.head.place, Some(self.version))
    }

    fn facts(&self) -> Facts<'_> {
        Facts::secret(&self.project, &self.environment, SecretFacts::from(&*self.head))
    }
}

impl Lease {
    /// How long a lease lasts.
    pub const SECONDS: i64 = 60;

    /// When a lease ends that begins now.
    pub(crate) fn end(now: Timestamp) -> Timestamp {
        Timestamp(now.0 + Self::SECONDS * 1000)
    }

    /// From when on it applies nothing.
    pub fn until(&self) -> Timestamp {
        self.until
    }

    /// Applies the value; `None` once the lease is over.
    pub fn apply<R>(&self, now: Timestamp, apply: impl FnOnce(&[u8]) -> R) -> Option<R> {
        (now < self.until).then(|| apply(self.value.expose()))
    }
}

impl Vault {
    /// The project and environment of these names.
    ///
    /// # Errors
    /// [`Error::NoProject`] and [`Error::NoEnvironment`].
    pub fn scope(&self, project: &ProjectName, environment: &EnvironmentName) -> Result<Scope, Error> {
        self.known_scope(project, environment, || {
            let project = self.project(project)?;
            let found = self.environment_of(&project, environment)?;
            let missing = || Error::NoEnvironment { project: project.name.clone(), environment: environment.clone() };
            let environment = found.ok_or_else(missing)?;
            Ok(Scope { project, environment })
        })
    }

    /// The project of this name.
    ///
    /// # Errors
    /// [`Error::NoProject`].
    pub fn project(&self, name: &ProjectName) -> Result<Project, Error> {
        let found = records::find::<Project>(&self.store, "name", name.as_str().as_bytes())?;
        found.into_iter().next().map(|row| row.record).ok_or_else(|| Error::NoProject(name.clone()))
    }

    /// Every project, in the order of names.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn projects(&self) -> Result<Vec<Project>, Error> {
        let mut projects: Vec<Project> =
            records::scan::<Project>(&self.store, &[])?.into_iter().map(|row| row.record).collect();
        projects.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(projects)
    }

    /// Every environment of a project, in the order in which they were made.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn environments(&self, project: &Project) -> Result<Vec<Environment>, Error> {
        let mut environments: Vec<Environment> = records::scan::<Environment>(&self.store, project.id.as_bytes())?
            .into_iter()
            .map(|row| row.record)
            .collect();
        environments.sort_by(|a, b| (a.created_at, &a.name).cmp(&(b.created_at, &b.name)));
        Ok(environments)
    }

    fn environment_of(&self, project: &Project, name: &EnvironmentName) -> Result<Option<Environment>, Error> {
        let found = records::find::<Environment>(&self.store, "name", &environment_index(project.id, name))?;
        Ok(found.into_iter().next().map(|row| row.record))
    }

    fn parent(&self, environment: &Environment) -> Result<Option<Environment>, Error> {
        let Some(parent) = environment.parent else { return Ok(None) };
        let key = [&environment.project.as_bytes()[..], parent.as_bytes()].concat();
        Ok(records::load::<Environment>(&self.store, &key)?.map(|row| row.record))
    }

    /// The scope and its parents, nearest first. A ring of parents ends where it closes.
    fn lineage(&self, scope: &Scope) -> Result<Vec<Scope>, Error> {
        let mut lineage = vec![scope.clone()];
        while let Some(parent) = self.parent(&lineage[lineage.len() - 1].environment)? {
            if lineage.iter().any(|seen| seen.environment.id == parent.id) {
                break;
            }
            lineage.push(Scope { project: scope.project.clone(), environment: parent });
        }
        Ok(lineage)
    }

    /// Heads of an environment, deleted ones included, in the order of names.
    ///
    /// # Errors
    /// [`Error::Denied`] for a caller who may not list here.
    pub fn heads(&self, actor: &Actor, scope: &Scope) -> Result<Vec<Head>, Error> {
        self.permit_list(actor, scope)?;
        let mut heads: Vec<Head> =
            records::scan::<Head>(&self.store, &scope.prefix())?.into_iter().map(|row| row.record).collect();
        heads.retain(|head| self.sees(actor, scope, head));
        heads.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(heads)
    }

    /// Those of them that `wanted` takes, in the order of keys: of many heads few are held at a time, and
    /// they are looked through aside of what others wait for.
    ///
    /// # Errors
    /// [`Error::Denied`] for a caller who may not list here.
    pub fn heads_of(
        &self,
        actor: &Actor,
        scope: &Scope,
        wanted: impl Fn(&Head) -> bool + Sync,
    ) -> Result<Vec<Head>, Error> {
        self.permit_list(actor, scope)?;
        let range = keyward_store::KeyRange::prefix(&scope.prefix());
        let found = self.store.map_aside(Head::COLLECTION, &range, |row| {
            // A place for each head there is takes more than those that are wanted.
            Ok::<_, Error>(Some(records::parse::<Head>(&row)?.record).filter(&wanted).map(Box::new))
        })?;
        Ok(found.into_iter().flatten().map(|head| *head).filter(|head| self.sees(actor, scope, head)).collect())
    }

    /// The head of one secret of an environment, deleted or not.
    ///
    /// # Errors
    /// [`Error::NoSecret`]; [`Error::Denied`] for a caller who may not list here.
    pub fn head(&self, actor: &Actor, scope: &Scope, name: &SecretName) -> Result<Head, Error> {
        self.permit_list(actor, scope)?;
        let found = match self.head_row(scope, name)? {
            Some(row) => Some(row.record),
            // The index of names is not authentic by itself.
            None => self.heads(actor, scope)?.into_iter().find(|head| head.name == *name),
        };
        found.filter(|head| self.sees(actor, scope, head)).ok_or_else(|| Error::NoSecret {
            project: scope.project.name.clone(),
            environment: scope.environment.name.clone(),
            name: name.clone(),
        })
    }

    /// The head of one secret and its row's generation, in this environment alone.
    pub(crate) fn head_row(&self, scope: &Scope, name: &SecretName) -> Result<Option<records::Row<Head>>, Error> {
        Ok(records::find_copied::<Head>(&self.store, "name", &scope.name_index(name))?.into_iter().next())
    }

    /// Loads one secret for reading: the version asked for, or the active one, from this
    /// environment or else from its parents.
    ///
    /// # Errors
    /// [`Error::NoSecret`] or [`Error::NoVersion`], recorded as not found; [`Error::Denied`] when
    /// the caller may not even list here.
    pub fn load(
        &self,
        actor: &Actor,
        scope: &Scope,
        name: &SecretName,
        version: Option<Version>,
    ) -> Result<Loaded, Error> {
        let missing = match self.find(scope, name, version)? {
            Ok(loaded) => return Ok(loaded),
            Err(missing) => missing,
        };
        let (object, names) = (scope.object(self.id()), scope.names(Some(name)));
        if let Err(denial) = self.may_miss::<Read>(actor, scope, name) {
            return Err(self.denied(actor, denial, ActionName::SecretRead, names));
        }
        Err(self.not_found(actor, object, ActionName::SecretRead, names, missing))
    }

    /// The same, with nothing recorded: the inner error says what is missing.
    pub(crate) fn find(
        &self,
        scope: &Scope,
        name: &SecretName,
        version: Option<Version>,
    ) -> Result<Result<Loaded, Error>, Error> {
        if let Some(found) = self.find_here(scope, name, version)? {
            return Ok(found);
        }
        self.confirm_absent(scope, name)?;
        for parent in self.lineage(scope)?.iter().skip(1) {
            if let Some(found) = self.find_here(parent, name, version)? {
                return Ok(found);
            }
            self.confirm_absent(parent, name)?;
        }
        Ok(Err(Error::NoSecret {
            project: scope.project.name.clone(),
            environment: scope.environment.name.clone(),
            name: name.clone(),
        }))
    }

    /// The same in this environment alone; `None` when it has no secret of this name.
    pub(crate) fn find_here(
        &self,
        scope: &Scope,
        name: &SecretName,
        version: Option<Version>,
    ) -> Result<Option<Result<Loaded, Error>>, Error> {
        let head = records::find_shared::<Head>(&self.store, "name", &scope.name_index(name))?.into_iter().next();
        Ok(head.map(|head| pick(&head, version).map(|version| loaded(head, version, scope, &*self.tools.clock))))
    }

    /// Before a parent answers in a name's place: the index of names is not authentic by itself,
    /// and whoever takes a row out of it must not be able to choose which value is read.
    fn confirm_absent(&self, scope: &Scope, name: &SecretName) -> Result<(), Error> {
        if scope.environment.parent.is_none() {
            return Ok(());
        }
        let heads = records::scan::<Head>(&self.store, &scope.prefix())?;
        match heads.iter().any(|row| row.record.name == *name) {
            true => Err(Error::Damaged("the index of names does not list a secret that is there")),
            false => Ok(()),
        }
    }

    /// Loads the active version of every secret of the environment and its parents; where both
    /// have a name, the nearer one counts.
    ///
    /// # Errors
    /// [`Error::Denied`] for a caller who may not list here.
    pub fn load_all(&self, actor: &Actor, scope: &Scope) -> Result<Vec<Loaded>, Error> {
        let (mut all, mut unseen): (Vec<Loaded>, Vec<SecretName>) = (Vec::new(), Vec::new());
        for scope in self.lineage(scope)? {
            self.permit_list(actor, &scope)?;
            for row in records::scan::<Head>(&self.store, &scope.prefix())? {
                let Some(version) = row.record.active().map(|active| active.version) else { continue };
                if !self.sees(actor, &scope, &row.record) {
                    // It still stands before what a parent has of this name.
                    unseen.push(row.record.name);
                    continue;
                }
                if unseen.contains(&row.record.name) {
                    continue;
                }
                if !all.iter().any(|nearer| nearer.head.name == row.record.name) {
                    all.push(loaded(Arc::new(row.record), version, &scope, &*self.tools.clock));
                }
            }
        }
        all.sort_by(|a, b| a.head.name.cmp(&b.head.name));
        Ok(all)
    }

    /// Opens what was loaded: authorize each, record all in one commit, then open.
    ///
    /// # Errors
    /// [`Error::Denied`] for the first that the caller may not read, which names the others as well;
    /// nothing is opened then.
    pub fn read(&self, actor: &Actor, loaded: Vec<Loaded>, via: Via) -> Result<Vec<Opened>, Error> {
        let mut permits = Vec::with_capacity(loaded.len());
        for one in &loaded {
            let permit = authorize::<Read>(&actor.caller, one)
                .map_err(|denial| self.denied(actor, denial, ActionName::SecretRead, one.names()))
                .map_err(|error| self.with_others(actor, error, &loaded))?;
            permits.push((permit, one));
        }
        let proofs = self.record(actor, permits, via)?;
        loaded
            .into_iter()
            .zip(proofs)
            .map(|(loaded, proof)| {
                let holding = proof.holding().map(str::to_owned);
                let value = self.open(proof, self.sealed(&loaded)?.as_ref())?;
                let offline_until = loaded.kept_until(actor);
                Ok(Opened { loaded, value, holding, offline_until })
            })
            .collect()
    }

    /// A denial that says of all that was asked for what the caller may list and not read.
    fn with_others(&self, actor: &Actor, error: Error, asked: &[Loaded]) -> Error {
        let Error::Denied(denial) = error else { return error };
        let denied = asked.iter().filter(|one| authorize::<Read>(&actor.caller, *one).is_err());
        let known = denied.filter_map(|one| self.known_name(actor, &one.names())).collect();
        Error::Denied(Denial { known, ..denial })
    }

    /// The sealed row of what was loaded.
    ///
    /// # Errors
    /// [`Error::Damaged`] when the head speaks of a value that is not there.
    pub fn sealed(&self, loaded: &Loaded) -> Result<Arc<Sealed>, Error> {
        records::load_shared::<Sealed>(&self.store, &loaded.head.place.version_key(loaded.version))?
            .ok_or(Error::Damaged("a value is missing that the log says was never destroyed"))
    }

    /// Opens a value for whoever may have it. Uses up the proof.
    ///
    /// # Errors
    /// [`Error::WrongProof`] when the proof is for another secret or version.
    pub fn open(&self, proof: Recorded<Permit<Read>>, sealed: &Sealed) -> Result<Secret<Vec<u8>>, Error> {
        self.open_proven(proof.into_object(), sealed)
    }

    /// Opens a value for keyward's own use. Uses up the proof.
    ///
    /// # Errors
    /// [`Error::WrongProof`] when the proof is for another secret or version.
    pub fn lease(&self, proof: Recorded<Permit<Use>>, sealed: &Sealed) -> Result<Lease, Error> {
        self.lease_until(proof, sealed, Lease::end(self.tools.clock.now()))
    }

    /// The same until this moment.
    pub(crate) fn lease_until(
        &self,
        proof: Recorded<Permit<Use>>,
        sealed: &Sealed,
        until: Timestamp,
    ) -> Result<Lease, Error> {
        Ok(Lease { value: self.open_proven(proof.into_object(), sealed)?, until })
    }

    fn open_proven(&self, object: Object, sealed: &Sealed) -> Result<Secret<Vec<u8>>, Error> {
        if object != Object::Secret(sealed.place, Some(sealed.version)) || sealed.place.vault != self.id() {
            return Err(Error::WrongProof);
        }
        self.project_key(sealed.place.project, sealed.key_generation)?.open(sealed, "value")
    }
}

pub(crate) fn loaded(head: Arc<Head>, version: Version, scope: &Scope, clock: &dyn Clock) -> Loaded {
    let until = |seconds: u32| Timestamp(clock.now().0 + i64::from(seconds) * 1000);
    Loaded {
        head,
        version,
        project: scope.project.name.clone(),
        environment: scope.environment.name.clone(),
        offline_until: scope.environment.offline_seconds.map(until),
    }
}

/// The version to read, when it can be.
fn pick(head: &Head, version: Option<Version>) -> Result<Version, Error> {
    let unavailable = |version, why| Error::NoVersion { name: head.name.clone(), version, why };
    let Some(wanted) = version else {
        // A deleted secret is as good as absent to whoever asks for its present value.
        return head.active().map(|active| active.version).ok_or_else(|| {
            match head.labels.get(&keyward_types::Label::active()) {
                Some(version) => unavailable(*version, "was deleted or destroyed"),
                None => unavailable(Version::FIRST, "has no active value"),
            }
        });
    };
    match head.version(wanted).map(|found| found.state) {
        None => Err(unavailable(wanted, "does not exist")),
        Some(VersionState::Live) => Ok(wanted),
        Some(VersionState::Deleted) => Err(unavailable(wanted, "was deleted; `keyward undelete` brings it back")),
        Some(VersionState::Destroyed) => Err(unavailable(wanted, "was destroyed")),
    }
}
