//! A year, day by day. Each event goes to the vault and to the model.

use std::collections::BTreeMap;

use keyward_testing::Seed;
use keyward_types::{Access, Kind};
use keyward_vault::Via;

use super::company::{Company, Deed, ENVIRONMENTS, Place};
use super::truth::Truth;

/// How much happens.
pub(crate) struct Size {
    pub(crate) people: u64,
    pub(crate) secrets: u64,
    pub(crate) reads: u64,
}

struct Year {
    company: Company,
    truth: Truth,
    /// Environments that a group may read.
    groups: Vec<Vec<usize>>,
    /// Groups that somebody is in, and the environment of his own that he may read.
    groups_of: Vec<Vec<usize>>,
    own: Vec<Option<usize>>,
    /// Secrets of an environment.
    inside: Vec<Vec<usize>>,
    values: u64,
    seed: Seed,
}

const DAYS: u64 = 365;

/// The company and the truth about it after a year.
pub(crate) fn lived(size: &Size, seed: &Seed) -> (Company, Truth) {
    let mut year = Year::new(size, seed);
    year.first_day();
    for day in 0..DAYS {
        year.company.wait();
        year.people_come_and_go();
        year.company.wait();
        year.values_change();
        year.company.wait();
        year.values_are_read(size.reads * (day + 1) / DAYS - size.reads * day / DAYS);
    }
    (year.company, year.truth)
}

impl Year {
    fn new(size: &Size, seed: &Seed) -> Self {
        let mut seed = seed.part("year", 0);
        let (people, secrets) = (size.people as usize, size.secrets as usize);
        let projects = (secrets / 125).max(2);
        let environments = projects * ENVIRONMENTS.len();
        let places: Vec<Place> = (0..secrets).map(|secret| place(secret, &mut seed, environments)).collect();
        let mut inside = vec![Vec::new(); environments];
        places.iter().enumerate().for_each(|(secret, place)| inside[place.environment].push(secret));
        let facts: Vec<_> = places.iter().map(|place| (place.environment, is_public(place))).collect();
        let groups = (0..(people / 6).max(3)).map(|_| {
            let project = seed.below(projects) * ENVIRONMENTS.len();
            let beside = seed.below(environments);
            let mut all: Vec<usize> = (project..=project + seed.below(ENVIRONMENTS.len())).chain([beside]).collect();
            all.sort_unstable();
            all.dedup();
            all
        });
        Self {
            groups: groups.collect(),
            company: Company::new(seed.bits(), people, projects, places),
            truth: Truth::new(people, facts.into_iter()),
            groups_of: vec![Vec::new(); people],
            own: vec![None; people],
            inside,
            values: 0,
            seed,
        }
    }

    /// Everything is stored, and everybody is in a group.
    fn first_day(&mut self) {
        self.groups.iter().enumerate().for_each(|(group, all)| self.company.group(&name(group), all));
        for environment in 0..self.inside.len() {
            let values: Vec<(usize, u64)> =
                self.inside[environment].clone().into_iter().map(|secret| (secret, self.value(secret))).collect();
            if !values.is_empty() {
                self.write(None, &values);
            }
        }
        self.company.wait();
        (0..self.truth.people()).for_each(|person| self.join(person));
    }

    fn people_come_and_go(&mut self) {
        for _ in 0..=self.truth.people() / 40 {
            let person = self.seed.below(self.truth.people());
            match self.seed.below(6) {
                0 | 1 => self.join(person),
                2 | 3 => self.leave(person),
                4 => self.own_right(person),
                _ => self.no_own_right(person),
            }
        }
    }

    fn join(&mut self, person: usize) {
        let group = self.seed.below(self.groups.len());
        if self.groups_of[person].contains(&group) || self.groups_of[person].len() == 3 {
            return;
        }
        self.groups_of[person].push(group);
        self.company.joins(person, &name(group));
        for environment in self.groups[group].clone() {
            self.truth.gives(person, environment, &name(group));
        }
    }

    fn leave(&mut self, person: usize) {
        if self.groups_of[person].is_empty() {
            return;
        }
        let at = self.seed.below(self.groups_of[person].len());
        let group = self.groups_of[person].remove(at);
        self.company.leaves(person, &name(group));
        for environment in self.groups[group].clone() {
            self.truth.takes(person, environment, &name(group));
        }
    }

    fn own_right(&mut self, person: usize) {
        self.no_own_right(person);
        let environment = self.seed.below(self.inside.len());
        self.own[person] = Some(environment);
        self.company.gives(person, environment);
        self.truth.gives(person, environment, "own");
    }

    fn no_own_right(&mut self, person: usize) {
        if let Some(environment) = self.own[person].take() {
            self.company.takes(person, environment);
            self.truth.takes(person, environment, "own");
        }
    }

    /// About every second secret gets a new value in a year, and some come to grief.
    fn values_change(&mut self) {
        for _ in 0..=self.secrets() / 500 {
            let secret = self.seed.below(self.secrets());
            let value = self.value(secret);
            let environment = self.truth.environment(secret);
            let people: Vec<usize> = (0..self.truth.people())
                .filter(|person| self.truth.environments(*person).contains(&environment))
                .collect();
            let person = if people.is_empty() { None } else { Some(*self.seed.choose(&people)) };
            self.write(person, &[(secret, value)]);
        }
        for _ in 0..=self.secrets() / 2500 {
            let secret = self.seed.below(self.secrets());
            let (live, hidden) = (self.truth.live(secret), self.truth.hidden(secret));
            match self.seed.below(5) {
                0 if !live.is_empty() => {
                    self.company.hides(secret);
                    self.truth.hides(secret);
                }
                1 | 2 if !hidden.is_empty() => {
                    self.company.shows(secret);
                    self.truth.shows(secret);
                }
                3 if !live.is_empty() => {
                    let version = *self.seed.choose(&live);
                    self.company.destroys(secret, version);
                    self.truth.destroys(secret, version);
                }
                _ => self.turn_back(secret, &live),
            }
        }
    }

    fn turn_back(&mut self, secret: usize, live: &[usize]) {
        let older: Vec<usize> = live.iter().copied().filter(|one| *one != self.truth.labelled(secret)).collect();
        if !older.is_empty() {
            let version = *self.seed.choose(&older);
            self.company.turns_back(secret, version);
            self.truth.turns_back(secret, version);
        }
    }

    fn write(&mut self, person: Option<usize>, values: &[(usize, u64)]) {
        self.company.writes(person, values);
        let at = self.company.now().0;
        values.iter().for_each(|(secret, value)| self.truth.writes(person, *secret, *value, at));
    }

    /// A value that is new, or stands in another place already.
    fn value(&mut self, secret: usize) -> u64 {
        if self.values > 0 && self.seed.once_in(12) {
            let other = self.seed.below(self.secrets());
            if let Some(version) = self.truth.active(other) {
                let value = self.truth.value(other, version);
                let same = self.truth.active(secret).map(|version| self.truth.value(secret, version));
                if same != Some(value) {
                    return value;
                }
            }
        }
        self.values += 1;
        self.values
    }

    fn values_are_read(&mut self, mut reads: u64) {
        let mut deeds: BTreeMap<usize, Vec<Deed>> = BTreeMap::new();
        let mut idle = 0;
        while reads > 0 && idle < 1000 {
            let person = self.seed.below(self.truth.people());
            match self.deed(person, reads as usize) {
                None => idle += 1,
                Some((deed, values)) => {
                    reads = reads.saturating_sub(values);
                    deeds.entry(person).or_default().push(deed);
                }
            }
        }
        let deeds: Vec<Vec<Deed>> =
            (0..self.truth.people()).map(|person| deeds.remove(&person).unwrap_or_default()).collect();
        self.company.does(&deeds);
    }

    /// Something that he may do, as the model tells it, and how many values he gets.
    fn deed(&mut self, person: usize, at_most: usize) -> Option<(Deed, u64)> {
        let environments: Vec<usize> = self.truth.environments(person).into_iter().collect();
        if environments.is_empty() {
            return None;
        }
        let environment = *self.seed.choose(&environments);
        let (way, via) = *self.seed.choose(&[("run", Via::Run), ("run", Via::Run), ("export", Via::Export)]);
        let there: Vec<(usize, usize)> =
            self.inside[environment].iter().filter_map(|secret| Some((*secret, self.truth.active(*secret)?))).collect();
        if there.is_empty() || there.len() > at_most || self.seed.once_in(2) {
            return self.one(person, environment);
        }
        // A program ends now and then; a file stays.
        let close = way == "run" && self.seed.once_in(2);
        let at = self.company.now().0;
        for (secret, version) in &there {
            self.truth.reads(person, *secret, *version, way, at, !close);
        }
        Some((Deed::All { environment, via, close, values: there.len() }, there.len() as u64))
    }

    fn one(&mut self, person: usize, environment: usize) -> Option<(Deed, u64)> {
        if self.inside[environment].is_empty() {
            return None;
        }
        let secret = *self.seed.choose(&self.inside[environment]);
        let live = self.truth.live(secret);
        let older = self.seed.once_in(10) && !live.is_empty();
        let version = if older { Some(*self.seed.choose(&live)) } else { None };
        let read = version.or(self.truth.active(secret))?;
        let via = if self.seed.once_in(4) { Via::Copy } else { Via::Read };
        self.truth.reads(person, secret, read, "read", self.company.now().0, true);
        Some((Deed::One { secret, version, via }, 1))
    }

    fn secrets(&self) -> usize {
        self.inside.iter().map(Vec::len).sum()
    }
}

fn place(secret: usize, seed: &mut Seed, environments: usize) -> Place {
    let kind = *seed.choose(&Kind::ALL);
    let access = *seed.choose(&[
        None,
        None,
        None,
        Some(Access::ReadOnly),
        Some(Access::ReadWrite),
        Some(Access::Admin),
        Some(Access::Public),
    ]);
    Place { environment: seed.below(environments), name: format!("SECRET_{secret}").parse().unwrap(), kind, access }
}

fn is_public(place: &Place) -> bool {
    place.kind == Kind::Config || place.access == Some(Access::Public)
}

fn name(group: usize) -> String {
    format!("group-{group}")
}
