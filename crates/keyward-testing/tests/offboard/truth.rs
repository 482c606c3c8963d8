//! What really happened, in plain numbers: people, secrets and values are counted from 0, and a value
//! is a number that stands for its bytes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use keyward_testing::proof;

/// The truth about the year so far.
pub(crate) struct Truth {
    secrets: Vec<Secret>,
    people: Vec<Person>,
    /// Who has read a version.
    readers: HashMap<(usize, usize), BTreeSet<usize>>,
    counts: BTreeMap<&'static str, u64>,
}

/// A secret with the values it had.
#[derive(Default)]
struct Secret {
    environment: usize,
    public: bool,
    values: Vec<(u64, State)>,
    active: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Live,
    Hidden,
    Gone,
}

#[derive(Default)]
struct Person {
    knows: HashMap<u64, Known>,
    met: BTreeSet<(usize, usize)>,
    /// What he has read and has still: reading it again gives him nothing more.
    has: BTreeSet<(usize, usize)>,
    could: HashMap<u64, BTreeSet<String>>,
    rights: Vec<(usize, String)>,
}

/// What somebody has had to do with a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) times: u64,
    pub(crate) last: i64,
    pub(crate) open: u64,
    pub(crate) ways: BTreeSet<&'static str>,
}

impl Truth {
    pub(crate) fn new(people: usize, secrets: impl Iterator<Item = (usize, bool)>) -> Self {
        let secrets = secrets.map(|(environment, public)| Secret { environment, public, ..Secret::default() });
        let people = std::iter::repeat_with(Person::default).take(people).collect();
        Self { secrets: secrets.collect(), people, readers: HashMap::new(), counts: BTreeMap::new() }
    }

    pub(crate) fn people(&self) -> usize {
        self.people.len()
    }

    pub(crate) fn gives(&mut self, person: usize, environment: usize, through: &str) {
        self.count("rights given");
        let person = &mut self.people[person];
        person.rights.push((environment, through.to_owned()));
        for secret in self.secrets.iter().filter(|secret| secret.environment == environment) {
            for (value, _) in &secret.values {
                person.could.entry(*value).or_default().insert(through.to_owned());
            }
        }
    }

    pub(crate) fn takes(&mut self, person: usize, environment: usize, through: &str) {
        self.count("rights taken away");
        let rights = &mut self.people[person].rights;
        let at = rights.iter().position(|right| right.0 == environment && right.1 == through);
        rights.remove(at.expect("he has it"));
    }

    pub(crate) fn environments(&self, person: usize) -> BTreeSet<usize> {
        self.people[person].rights.iter().map(|(environment, _)| *environment).collect()
    }

    /// `None`: by somebody who does not leave.
    pub(crate) fn writes(&mut self, person: Option<usize>, secret: usize, value: u64, at: i64) {
        self.count("values written");
        let stored = &mut self.secrets[secret];
        stored.values.push((value, State::Live));
        stored.active = stored.values.len() - 1;
        let (environment, version) = (stored.environment, stored.active);
        for one in &mut self.people {
            for (_, through) in one.rights.iter().filter(|(right, _)| *right == environment) {
                one.could.entry(value).or_default().insert(through.clone());
            }
        }
        if let Some(person) = person {
            self.learns(person, secret, version, "wrote", at);
        }
    }

    pub(crate) fn reads(
        &mut self,
        person: usize,
        secret: usize,
        version: usize,
        way: &'static str,
        at: i64,
        open: bool,
    ) {
        self.count(way);
        self.readers.entry((secret, version)).or_default().insert(person);
        let more = open && (way != "read" || self.people[person].has.insert((secret, version)));
        let known = self.learns(person, secret, version, way, at);
        known.times += 1;
        known.open += u64::from(more);
    }

    fn learns(&mut self, person: usize, secret: usize, version: usize, way: &'static str, at: i64) -> &mut Known {
        let value = self.secrets[secret].values[version].0;
        let person = &mut self.people[person];
        person.met.insert((secret, version));
        let known = person.knows.entry(value).or_default();
        known.ways.insert(way);
        known.last = known.last.max(at);
        known
    }

    pub(crate) fn turns_back(&mut self, secret: usize, version: usize) {
        self.count("turned back to an older value");
        self.secrets[secret].active = version;
    }

    pub(crate) fn hides(&mut self, secret: usize) {
        self.count("secrets deleted");
        self.swap(secret, State::Live, State::Hidden);
    }

    pub(crate) fn shows(&mut self, secret: usize) {
        self.count("secrets brought back");
        self.swap(secret, State::Hidden, State::Live);
    }

    fn swap(&mut self, secret: usize, from: State, to: State) {
        for (_, state) in self.secrets[secret].values.iter_mut().filter(|(_, state)| *state == from) {
            *state = to;
        }
    }

    pub(crate) fn destroys(&mut self, secret: usize, version: usize) {
        self.count("versions destroyed");
        self.secrets[secret].values[version].1 = State::Gone;
    }

    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    /// The version that readers get, if there is one.
    pub(crate) fn active(&self, secret: usize) -> Option<usize> {
        let stored = &self.secrets[secret];
        (stored.values.get(stored.active)?.1 == State::Live).then_some(stored.active)
    }

    /// The version that would be active if it were to be read.
    pub(crate) fn labelled(&self, secret: usize) -> usize {
        self.secrets[secret].active
    }

    pub(crate) fn environment(&self, secret: usize) -> usize {
        self.secrets[secret].environment
    }

    pub(crate) fn value(&self, secret: usize, version: usize) -> u64 {
        self.secrets[secret].values[version].0
    }

    /// Versions of a secret that can be read.
    pub(crate) fn live(&self, secret: usize) -> Vec<usize> {
        self.in_state(secret, State::Live)
    }

    /// Versions of a secret that can be brought back.
    pub(crate) fn hidden(&self, secret: usize) -> Vec<usize> {
        self.in_state(secret, State::Hidden)
    }

    fn in_state(&self, secret: usize, state: State) -> Vec<usize> {
        let values = self.secrets[secret].values.iter().enumerate();
        values.filter(|(_, value)| value.1 == state).map(|(version, _)| version).collect()
    }
}

/// What has to stand in somebody's plan.
impl Truth {
    /// Secrets whose present value he knows, with what he has had to do with it and how many others have
    /// read this version.
    pub(crate) fn to_replace(&self, person: usize) -> BTreeMap<usize, (usize, Known, u64)> {
        self.in_use()
            .filter_map(|(secret, version, value)| {
                let known = self.people[person].knows.get(&value)?.clone();
                let readers = self.readers.get(&(secret, version));
                let others = readers.map_or(0, |all| all.iter().filter(|other| **other != person).count());
                Some((secret, (version, known, others as u64)))
            })
            .collect()
    }

    /// Secrets whose present value he does not know and could have read.
    pub(crate) fn could_have_read(&self, person: usize) -> BTreeMap<usize, BTreeSet<String>> {
        let person = &self.people[person];
        let unknown = self.in_use().filter(|(_, _, value)| !person.knows.contains_key(value));
        unknown.filter_map(|(secret, _, value)| Some((secret, person.could.get(&value)?.clone()))).collect()
    }

    /// Versions that came to him, of secrets that have another value now or none.
    pub(crate) fn past(&self, person: usize) -> BTreeSet<(usize, usize)> {
        let changed = |(secret, version): &(usize, usize)| {
            let now = self.active(*secret).map(|active| self.value(*secret, active));
            !self.secrets[*secret].public && now != Some(self.value(*secret, *version))
        };
        self.people[person].met.iter().copied().filter(changed).collect()
    }

    /// How many places came to him that hold nothing secret.
    pub(crate) fn not_secret(&self, person: usize) -> u64 {
        let met: BTreeSet<usize> = self.people[person].met.iter().map(|(secret, _)| *secret).collect();
        met.iter().filter(|secret| self.secrets[**secret].public).count() as u64
    }

    fn in_use(&self) -> impl Iterator<Item = (usize, usize, u64)> {
        let secrets = (0..self.secrets.len()).filter(|secret| !self.secrets[*secret].public);
        secrets.filter_map(|secret| {
            let version = self.active(secret)?;
            Some((secret, version, self.value(secret, version)))
        })
    }

    /// States what happened.
    pub(crate) fn state(&self) {
        proof("people", self.people.len());
        proof("secrets", self.secrets.len());
        for (what, count) in &self.counts {
            proof(what, count);
        }
    }
}
