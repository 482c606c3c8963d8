//! The vault of the company, and who may read what in it at present.

use std::collections::HashMap;

use keyward_access::{Login, Role, Subject};
use keyward_lifecycle::offboarding::{Facts, Part, Reach, Through};
use keyward_testing::TestVault;
use keyward_types::{Access, BindingId, Clock, Kind, PrincipalId, Secret, SecretName, Timestamp, Version};
use keyward_vault::{Actor, Edit, NewValue, Readable, Scope, Source, Vault, Via};

/// A vault with its people.
pub(crate) struct Company {
    kit: TestVault,
    scopes: Vec<Scope>,
    secrets: Vec<Place>,
    people: Vec<PrincipalId>,
    /// Roles of somebody's own, by person and environment.
    own: HashMap<(usize, usize), Vec<BindingId>>,
}

/// Where a secret stands, and what it is.
pub(crate) struct Place {
    pub(crate) environment: usize,
    pub(crate) name: SecretName,
    pub(crate) kind: Kind,
    pub(crate) access: Option<Access>,
}

/// What one person does.
pub(crate) enum Deed {
    /// Takes everything of an environment, so many values.
    All { environment: usize, via: Via, close: bool, values: usize },
    /// Reads one version of a secret, or its active one.
    One { secret: usize, version: Option<usize>, via: Via },
}

pub(crate) const ENVIRONMENTS: [&str; 3] = ["development", "staging", "production"];
const HOUR: i64 = 60 * 60 * 1000;

impl Company {
    pub(crate) fn new(seed: u64, people: usize, projects: usize, secrets: Vec<Place>) -> Self {
        let kit = TestVault::new(seed);
        let mut scopes = Vec::new();
        for project in 0..projects {
            let project = format!("project-{project}").parse().unwrap();
            let names = ENVIRONMENTS.map(|name| name.parse().unwrap());
            kit.vault.create_project(&kit.actor, &project, &names).unwrap();
            scopes.extend(names.iter().map(|name| kit.vault.scope(&project, name).unwrap()));
        }
        let login = |person: usize| -> Login { format!("person-{person}").parse().unwrap() };
        let people = (0..people).map(|person| kit.vault.add_user(&kit.actor, &login(person), "").unwrap().principal);
        let people = people.collect();
        Self { kit, scopes, secrets, people, own: HashMap::new() }
    }

    pub(crate) fn vault(&self) -> &Vault {
        &self.kit.vault
    }

    pub(crate) fn owner(&self) -> &Actor {
        &self.kit.actor
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.kit.clock.now()
    }

    pub(crate) fn wait(&self) {
        self.kit.clock.advance(HOUR);
    }

    pub(crate) fn principal(&self, person: usize) -> &PrincipalId {
        &self.people[person]
    }

    /// What somebody's plan is made from.
    pub(crate) fn facts(&self, person: usize) -> Facts {
        let footprint = self.vault().footprint(self.owner(), self.principal(person)).unwrap();
        let readable = self.vault().readable(self.owner(), self.principal(person)).unwrap();
        Facts { footprint, reaches: readable.into_iter().map(reach).collect(), credentials: Vec::new() }
    }

    /// Makes a group that may read and write these environments.
    pub(crate) fn group(&self, name: &str, environments: &[usize]) {
        let group = self.vault().create_group(self.owner(), &name.parse().unwrap()).unwrap();
        environments.iter().for_each(|environment| drop(self.grant(&Subject::Group(group.id), *environment)));
    }

    pub(crate) fn joins(&self, person: usize, group: &str) {
        self.vault().join_group(self.owner(), &group.parse().unwrap(), self.principal(person)).unwrap();
    }

    pub(crate) fn leaves(&self, person: usize, group: &str) {
        self.vault().leave_group(self.owner(), &group.parse().unwrap(), self.principal(person)).unwrap();
    }

    pub(crate) fn gives(&mut self, person: usize, environment: usize) {
        let given = self.grant(&Subject::Principal(self.principal(person).clone()), environment);
        self.own.insert((person, environment), given);
    }

    pub(crate) fn takes(&mut self, person: usize, environment: usize) {
        for id in self.own.remove(&(person, environment)).unwrap() {
            self.vault().revoke_role(self.owner(), id).unwrap();
        }
    }

    /// One role reads and does not write, the other writes and does not read.
    fn grant(&self, subject: &Subject, environment: usize) -> Vec<BindingId> {
        let Scope { project, environment } = &self.scopes[environment];
        let reach = self.vault().reach(self.owner(), Some(&project.name), Some(&environment.name)).unwrap();
        let roles = [Role::Ci, Role::Operator].into_iter();
        roles.map(|role| self.vault().grant(self.owner(), subject, role, &reach, None).unwrap().id).collect()
    }

    /// Somebody with the rights that he has at present.
    fn actor(&self, person: usize) -> Actor {
        let caller = self.vault().caller_of(self.principal(person)).unwrap();
        Actor::new(caller, "test")
    }

    /// Stores values, all of one environment.
    pub(crate) fn writes(&self, person: Option<usize>, values: &[(usize, u64)]) {
        let environment = self.secrets[values[0].0].environment;
        let actor = person.map_or_else(|| self.owner().clone(), |person| self.actor(person));
        let new = values.iter().map(|(secret, value)| {
            let Place { name, kind, access, .. } = &self.secrets[*secret];
            let edit = Edit { kind: Some(*kind), access: Some(*access), ..Edit::default() };
            let value = Secret::new(name.to_string(), format!("the value with the number {value}").into_bytes());
            NewValue { name: name.clone(), value, bits: 128, edit }
        });
        let written = self.vault().write(&actor, &self.scopes[environment], new.collect()).unwrap();
        assert_eq!(written.len(), values.len());
    }

    /// Lets many people do what they do, several at once.
    pub(crate) fn does(&self, deeds: &[Vec<Deed>]) {
        std::thread::scope(|threads| {
            for thread in 0..THREADS {
                threads.spawn(move || {
                    for (person, deeds) in deeds.iter().enumerate().filter(|(person, _)| person % THREADS == thread) {
                        let actor = self.actor(person);
                        deeds.iter().for_each(|deed| self.one_does(&actor, deed));
                    }
                });
            }
        });
    }

    fn one_does(&self, actor: &Actor, deed: &Deed) {
        match deed {
            Deed::All { environment, via, close, values } => {
                let loaded = self.vault().load_all(actor, &self.scopes[*environment]).unwrap();
                assert_eq!(loaded.len(), *values, "the model and the vault agree on what there is");
                let opened = self.vault().read(actor, loaded, *via).unwrap();
                if *close {
                    let held: Vec<String> = opened.into_iter().filter_map(|one| one.holding).collect();
                    assert_eq!(self.vault().close_holdings(actor, &held).unwrap(), *values as u64);
                }
            }
            Deed::One { secret, version, via } => {
                let Place { environment, name, .. } = &self.secrets[*secret];
                let version = version.map(number);
                let loaded = self.vault().load(actor, &self.scopes[*environment], name, version).unwrap();
                self.vault().read(actor, vec![loaded], *via).unwrap();
            }
        }
    }

    pub(crate) fn turns_back(&self, secret: usize, version: usize) {
        let (scope, name) = self.place(secret);
        self.vault().rollback(self.owner(), scope, name, number(version)).unwrap();
    }

    pub(crate) fn hides(&self, secret: usize) {
        let (scope, name) = self.place(secret);
        self.vault().delete(self.owner(), scope, name).unwrap();
    }

    pub(crate) fn shows(&self, secret: usize) {
        let (scope, name) = self.place(secret);
        self.vault().undelete(self.owner(), scope, name).unwrap();
    }

    pub(crate) fn destroys(&self, secret: usize, version: usize) {
        let (scope, name) = self.place(secret);
        self.vault().destroy(self.owner(), scope, name, number(version)).unwrap();
    }

    fn place(&self, secret: usize) -> (&Scope, &SecretName) {
        let Place { environment, name, .. } = &self.secrets[secret];
        (&self.scopes[*environment], name)
    }

    /// How a plan spells a secret.
    pub(crate) fn spelled(&self, secret: usize) -> String {
        let (scope, name) = self.place(secret);
        format!("{}/{}/{name}", scope.project.name, scope.environment.name)
    }
}

/// Versions are counted from 1 in the vault, and from 0 by the model.
pub(crate) fn number(version: usize) -> Version {
    Version::new(version as u64 + 1).unwrap()
}

fn reach(readable: Readable) -> Reach {
    let through = match readable.source {
        Source::Own => Through::Own,
        Source::Group(name) => Through::Group(name),
        Source::Token(id) => unreachable!("there are no tokens in this year: {id}"),
    };
    Reach { to: Part::Secret(readable.secret), through, since: readable.since, until: readable.until }
}

/// As many as wait for a commit together.
const THREADS: usize = 8;
