//! What plans for leavers are made from, and the tasks that come of them.

use std::collections::{HashMap, HashSet};

use keyward_access::Object;
use keyward_audit::Action as ActionName;
use keyward_types::{EnvironmentName, Head, PrincipalId, ProjectName, Record, SecretId, Timestamp, Version};
use serde::{Deserialize, Serialize};

use crate::actor::Actor;
use crate::change::{Change, Names, Telling};
use crate::counting::Uncounted;
use crate::records::{self, Environment, Holding, Project, Reads, Row};
use crate::write::raced;
use crate::{Error, Vault};

/// What one person read, and everything that is stored: nothing is opened for it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Footprint {
    /// Every secret, deleted ones too.
    pub secrets: Vec<Stored>,
    /// Which versions he read, how often and when.
    pub reads: Vec<Reads>,
    /// What was handed out to him.
    pub holdings: Vec<Holding>,
    /// How many others have read each version of the secrets with values that he knows.
    pub others: HashMap<(SecretId, Version), u64>,
}

/// A head with the names of its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// Its project.
    pub project: ProjectName,
    /// Its environment.
    pub environment: EnvironmentName,
    /// All that is known without opening it.
    pub head: Head,
}

/// Something to be done because somebody left.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// Who left.
    pub leaver: PrincipalId,
    /// What it is about.
    pub about: TaskAbout,
    /// How that was called when the task was made.
    pub name: String,
    /// How far it is.
    pub state: TaskState,
}

/// What a task is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskAbout {
    /// A value that he knows.
    Known {
        /// Which secret.
        secret: SecretId,
        /// Which version.
        version: Version,
    },
    /// A value that he could have read.
    Reachable {
        /// Which secret.
        secret: SecretId,
        /// Which version.
        version: Version,
    },
    /// A credential of a service that he knows.
    Credential {
        /// Its public id.
        id: String,
    },
}

/// How far a task is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskState {
    /// Nobody has done anything.
    Todo,
    /// Somebody says that it is done.
    Done {
        /// Who.
        by: PrincipalId,
        /// When.
        at: Timestamp,
    },
    /// Somebody says that it need not be done.
    Dismissed {
        /// Who.
        by: PrincipalId,
        /// When.
        at: Timestamp,
        /// Why.
        reason: String,
    },
}

/// What somebody says of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Settlement {
    /// It is done.
    Done,
    /// It need not be done, for this reason.
    Dismissed(String),
    /// It is to be done after all.
    Reopened,
}

impl Record for Task {
    const COLLECTION: &'static str = "offboarding-task";

    fn key(&self) -> Vec<u8> {
        let (sort, rest) = match &self.about {
            TaskAbout::Known { secret, version } => (b'k', version_key(*secret, *version)),
            TaskAbout::Reachable { secret, version } => (b'r', version_key(*secret, *version)),
            TaskAbout::Credential { id } => (b'c', id.as_bytes().to_vec()),
        };
        [&tasks_prefix(&self.leaver)[..], &[sort], &rest].concat()
    }
}

fn version_key(secret: SecretId, version: Version) -> Vec<u8> {
    [&secret.as_bytes()[..], &version.get().to_be_bytes()].concat()
}

fn tasks_prefix(leaver: &PrincipalId) -> Vec<u8> {
    [leaver.as_str().as_bytes(), &[0]].concat()
}

impl Vault {
    /// What a plan for somebody who leaves is made from.
    ///
    /// # Errors
    /// [`Error::Denied`] for a caller who may not list the vault.
    pub fn footprint(&self, actor: &Actor, person: &PrincipalId) -> Result<Footprint, Error> {
        self.permit_list_vault(actor)?;
        let prefix = [person.as_str().as_bytes(), &[0]].concat();
        let uncounted = Uncounted::of(&self.store.reader(), Some(person.as_str()))?;
        let reads: Vec<Reads> = uncounted.added(plain(records::scan::<Reads>(&self.store, &prefix)?));
        let holdings = plain(records::find::<Holding>(&self.store, "principal", person.as_str().as_bytes())?);
        // After the rest, so that nothing which he has read by now is missing among the heads.
        let secrets = self.inventory()?;
        let others = self.other_readers(person, &met_by(person, &secrets, &reads, &holdings))?;
        Ok(Footprint { secrets, reads, holdings, others })
    }

    fn other_readers(
        &self,
        person: &PrincipalId,
        secrets: &HashSet<SecretId>,
    ) -> Result<HashMap<(SecretId, Version), u64>, Error> {
        let mut others = HashMap::new();
        for secret in secrets {
            for row in records::find::<Reads>(&self.store, "secret", secret.as_bytes())? {
                if row.record.principal != *person {
                    *others.entry((*secret, row.record.version)).or_default() += 1;
                }
            }
        }
        Ok(others)
    }

    /// Every head with the names of its place.
    pub(crate) fn inventory(&self) -> Result<Vec<Stored>, Error> {
        let missing = || Error::Damaged("a secret belongs to a project or environment that is missing");
        let projects: HashMap<_, _> =
            plain(records::scan::<Project>(&self.store, &[])?).into_iter().map(|one| (one.id, one.name)).collect();
        let environments: HashMap<_, _> =
            plain(records::scan::<Environment>(&self.store, &[])?).into_iter().map(|one| (one.id, one.name)).collect();
        let heads = plain(records::scan::<Head>(&self.store, &[])?).into_iter();
        let stored = heads.map(|head| {
            let project = projects.get(&head.place.project).cloned().ok_or_else(missing)?;
            let environment = environments.get(&head.place.environment).cloned().ok_or_else(missing)?;
            Ok(Stored { project, environment, head })
        });
        stored.collect()
    }

    /// Puts on record that somebody's leaving is begun, with the tasks of a plan; those that are there
    /// stay as they are. Answers how many are new.
    ///
    /// # Errors
    /// [`Error::Denied`]; [`Error::Refused`] when they are of several people.
    pub fn begin_offboarding(&self, actor: &Actor, leaver: &PrincipalId, tasks: Vec<Task>) -> Result<u64, Error> {
        if tasks.iter().any(|task| task.leaver != *leaver) {
            return Err(Error::Refused("these are tasks of somebody else's offboarding".into()));
        }
        let (object, action) = (Object::Vault(self.id()), ActionName::OffboardingBegin);
        let names = Names::default().with("leaver", leaver.as_str());
        let permit = self.permit_administer(actor, object, action, &names)?;
        let known: HashSet<TaskAbout> = self.tasks_on_record(leaver)?.into_iter().map(|task| task.about).collect();
        let fresh: Vec<Task> = tasks.into_iter().filter(|task| !known.contains(&task.about)).collect();
        let telling = Telling::new(action, object).count(fresh.len() as u64).names(names);
        let mut change = Change::permitted(self, actor, permit, telling);
        self.remember_begun(&mut change, leaver)?;
        for task in &fresh {
            change.expect(records::absent(task));
            change.put(task);
        }
        change.commit().map_err(|error| raced(error, leaver.as_str()))?;
        Ok(fresh.len() as u64)
    }

    /// The tasks of an offboarding that are on record.
    ///
    /// # Errors
    /// [`Error::Denied`] for a caller who may not list the vault.
    pub fn offboarding_tasks(&self, actor: &Actor, leaver: &PrincipalId) -> Result<Vec<Task>, Error> {
        self.permit_list_vault(actor)?;
        self.tasks_on_record(leaver)
    }

    fn tasks_on_record(&self, leaver: &PrincipalId) -> Result<Vec<Task>, Error> {
        Ok(plain(records::scan::<Task>(&self.store, &tasks_prefix(leaver))?))
    }

    /// Says of a task that it is done, need not be done, or is to be done after all.
    ///
    /// # Errors
    /// [`Error::Refused`] when there is no such task, a reason is missing, or the leaver himself
    /// would settle it; [`Error::Denied`].
    pub fn settle_task(
        &self,
        actor: &Actor,
        leaver: &PrincipalId,
        about: &TaskAbout,
        settlement: Settlement,
    ) -> Result<Task, Error> {
        let (object, action) = (Object::Vault(self.id()), ActionName::OffboardingSettle);
        let wanted = Task { leaver: leaver.clone(), about: about.clone(), name: String::new(), state: TaskState::Todo };
        let row = records::load::<Task>(&self.store, &wanted.key())?
            .ok_or_else(|| Error::Refused("there is no such task on record; begin the offboarding first".into()))?;
        let names = Names::default().with("leaver", leaver.as_str()).with("task", &*row.record.name);
        let permit = self.permit_administer(actor, object, action, &names)?;
        if actor.principal() == leaver {
            return Err(Error::Refused("nobody settles the tasks of his own leaving".into()));
        }
        let state = self.settled(actor, settlement)?;
        let names = match &state {
            TaskState::Todo => names.with("state", "reopened"),
            TaskState::Done { .. } => names.with("state", "done"),
            TaskState::Dismissed { reason, .. } => names.with("state", "dismissed").with("reason", &**reason),
        };
        let task = Task { state, ..row.record.clone() };
        let mut change = Change::permitted(self, actor, permit, Telling::new(action, object).names(names));
        change.expect(records::unchanged(&row));
        change.put(&task);
        change.commit().map_err(|error| raced(error, &task.name))?;
        Ok(task)
    }

    fn settled(&self, actor: &Actor, settlement: Settlement) -> Result<TaskState, Error> {
        let (by, at) = (actor.principal().clone(), self.tools.clock.now());
        match settlement {
            Settlement::Reopened => Ok(TaskState::Todo),
            Settlement::Done => Ok(TaskState::Done { by, at }),
            Settlement::Dismissed(reason) if reason.trim().is_empty() => {
                Err(Error::Refused("say why it need not be done".into()))
            }
            Settlement::Dismissed(reason) => Ok(TaskState::Dismissed { by, at, reason }),
        }
    }
}

/// Secrets of which a labelled version has a value that came to him, here or elsewhere.
fn met_by(person: &PrincipalId, secrets: &[Stored], reads: &[Reads], holdings: &[Holding]) -> HashSet<SecretId> {
    let read = reads.iter().map(|reads| (reads.place.secret, reads.version));
    let held = holdings.iter().map(|holding| (holding.place.secret, holding.version));
    let met: HashSet<(SecretId, Version)> = read.chain(held).collect();
    let versions = secrets.iter().flat_map(|one| one.head.versions.iter().map(move |version| (&one.head, version)));
    let values: HashSet<&str> = versions
        .filter(|(head, version)| version.created_by == *person || met.contains(&(head.place.secret, version.version)))
        .map(|(_, version)| version.fingerprint.as_str())
        .collect();
    let known = |one: &&Stored| {
        let mut labelled = one.head.labels.values().filter_map(|version| one.head.version(*version));
        labelled.any(|version| values.contains(version.fingerprint.as_str()))
    };
    secrets.iter().filter(known).map(|one| one.head.place.secret).collect()
}

/// The records without the generations of their rows.
pub(crate) fn plain<R>(rows: Vec<Row<R>>) -> Vec<R> {
    rows.into_iter().map(|row| row.record).collect()
}
