//! The vault of the company, and who may read what in it at present.

use keyward_access::{Caller, Grant, Identity};
use keyward_lifecycle::offboarding::{Part, Reach, Through};
use keyward_testing::TestVault;
use keyward_types::{Access, Clock, Kind, Operation, PrincipalId, Secret, SecretName, Timestamp, Version};
use keyward_vault::{Actor, Edit, NewValue, Scope, Vault, Via};

/// A vault with its people.
pub struct Company {
    kit: TestVault,
    scopes: Vec<Scope>,
    secrets: Vec<Place>,
    reaches: Vec<Vec<Reach>>,
}

/// Where a secret stands, and what it is.
pub struct Place {
    pub environment: usize,
    pub name: SecretName,
    pub kind: Kind,
    pub access: Option<Access>,
}

/// What one person does.
pub enum Deed {
    /// Takes everything of an environment, so many values.
    All { environment: usize, via: Via, close: bool, values: usize },
    /// Reads one version of a secret, or its active one.
    One { secret: usize, version: Option<usize>, via: Via },
}

pub const ENVIRONMENTS: [&str; 3] = ["development", "staging", "production"];
const HOUR: i64 = 60 * 60 * 1000;

impl Company {
    pub fn new(seed: u64, people: usize, projects: usize, secrets: Vec<Place>) -> Self {
        let kit = TestVault::new(seed);
        let mut scopes = Vec::new();
        for project in 0..projects {
            let project = format!("project-{project}").parse().unwrap();
            let names = ENVIRONMENTS.map(|name| name.parse().unwrap());
            kit.vault.create_project(&kit.actor, &project, &names).unwrap();
            scopes.extend(names.iter().map(|name| kit.vault.scope(&project, name).unwrap()));
        }
        Self { kit, scopes, secrets, reaches: vec![Vec::new(); people] }
    }

    pub fn vault(&self) -> &Vault {
        &self.kit.vault
    }

    pub fn owner(&self) -> &Actor {
        &self.kit.actor
    }

    pub fn now(&self) -> Timestamp {
        self.kit.clock.now()
    }

    pub fn wait(&self) {
        self.kit.clock.advance(HOUR);
    }

    pub fn principal(&self, person: usize) -> PrincipalId {
        format!("user:p{person}").parse().unwrap()
    }

    /// The rights that somebody has and had.
    pub fn reaches(&self, person: usize) -> Vec<Reach> {
        self.reaches[person].clone()
    }

    pub fn gives(&mut self, person: usize, environment: usize, through: &str) {
        let (to, through) = (self.part(environment), named(through));
        let since = self.now();
        self.reaches[person].push(Reach { to, through, since, until: None });
    }

    pub fn takes(&mut self, person: usize, environment: usize, through: &str) {
        let (to, through, now) = (self.part(environment), named(through), self.now());
        let reaches = self.reaches[person].iter_mut();
        let mut present = reaches.filter(|reach| reach.until.is_none() && reach.to == to && reach.through == through);
        present.next().unwrap().until = Some(now);
    }

    fn part(&self, environment: usize) -> Part {
        Part::Environment(self.scopes[environment].environment.id)
    }

    /// Somebody with his present rights and no others.
    fn actor(&self, person: usize) -> Actor {
        let present = self.reaches[person].iter().filter(|reach| reach.until.is_none());
        let operations = [Operation::List, Operation::Read, Operation::Write];
        let grants = present.map(|reach| Grant {
            operations: operations.to_vec(),
            project: None,
            environment: match reach.to {
                Part::Environment(environment) => Some(environment),
                _ => unreachable!("rights are given by environment here"),
            },
        });
        let grants = grants.collect();
        let identity = Identity { grants, ..Identity::owner(self.principal(person), "Bob".into(), self.now()) };
        Actor { caller: Caller::identified(&identity), reason: None, agent: "test".into() }
    }

    /// Stores values, all of one environment.
    pub fn writes(&self, person: Option<usize>, values: &[(usize, u64)]) {
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
    pub fn does(&self, deeds: &[Vec<Deed>]) {
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

    pub fn turns_back(&self, secret: usize, version: usize) {
        let (scope, name) = self.place(secret);
        self.vault().rollback(self.owner(), scope, name, number(version)).unwrap();
    }

    pub fn hides(&self, secret: usize) {
        let (scope, name) = self.place(secret);
        self.vault().delete(self.owner(), scope, name).unwrap();
    }

    pub fn shows(&self, secret: usize) {
        let (scope, name) = self.place(secret);
        self.vault().undelete(self.owner(), scope, name).unwrap();
    }

    pub fn destroys(&self, secret: usize, version: usize) {
        let (scope, name) = self.place(secret);
        self.vault().destroy(self.owner(), scope, name, number(version)).unwrap();
    }

    fn place(&self, secret: usize) -> (&Scope, &SecretName) {
        let Place { environment, name, .. } = &self.secrets[secret];
        (&self.scopes[*environment], name)
    }

    /// How a plan spells a secret.
    pub fn spelled(&self, secret: usize) -> String {
        let (scope, name) = self.place(secret);
        format!("{}/{}/{name}", scope.project.name, scope.environment.name)
    }
}

/// Versions are counted from 1 in the vault, and from 0 by the model.
pub fn number(version: usize) -> Version {
    Version::new(version as u64 + 1).unwrap()
}

fn named(through: &str) -> Through {
    if through == "own" { Through::Own } else { Through::Group(through.to_owned()) }
}

/// As many as wait for a commit together.
const THREADS: usize = 8;
