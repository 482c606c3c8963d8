//! What virtual keys were used for, and what it cost. A gateway hands over what it gathered in at most
//! half a second; counts and entries are one commit, so that nothing was used that is not told of.

use std::collections::BTreeMap;

use keyward_access::{Caller, Object, SystemTask, VirtualKey};
use keyward_audit::{Action as ActionName, Outcome};
use keyward_types::{Place, Record, SecretId, Timestamp, Version};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::actor::Actor;
use crate::change::{Change, Names, Telling};
use crate::endpoints::EndpointRow;
use crate::records::{self, Row};
use crate::{Error, Vault};

/// One call that a gateway passed on.
#[derive(Clone, Debug)]
pub struct UsageCall<'a> {
    /// When.
    pub at: Timestamp,
    /// With which virtual key, by id.
    pub key: &'a str,
    /// With which secret in its place.
    pub secret: SecretId,
    /// And which version of it.
    pub version: Version,
    /// To which service.
    pub provider: &'a str,
    /// Which model answered, else which was asked; empty where there is none.
    pub model: &'a str,
    /// What the key's holder has it counted under, where he made it narrower; else empty.
    pub tag: &'a str,
    /// Method and path, `*` for ids; empty where nobody says.
    pub endpoint: &'a str,
    /// What it counts.
    pub counts: UsageCounts,
}

/// Requests that a gateway turned away, for one reason in one second.
#[derive(Clone, Debug)]
pub struct GatewayDenial<'a> {
    /// Of which virtual key, by id, if it was one.
    pub key: Option<&'a str>,
    /// From which network.
    pub network: Option<String>,
    /// Why, in a word or two.
    pub reason: &'a str,
    /// Whether the key was a trap.
    pub canary: bool,
    /// In which second, since 1970.
    pub second: i64,
    /// How many.
    pub count: u64,
}

/// Counts of calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UsageCounts {
    /// Calls.
    pub requests: u64,
    /// Those of them that the service did not answer well.
    pub failed: u64,
    /// Tokens of input, cached ones among them.
    pub tokens_in: u64,
    /// Tokens of output, those of reasoning among them.
    pub tokens_out: u64,
    /// Tokens of input that the service had in its cache.
    pub cached: u64,
    /// Tokens of output that nobody sees.
    pub reasoning: u64,
    /// Millionths of a US dollar.
    pub cost: u64,
    /// Calls whose counts are estimated, as the service did not get to name them.
    pub estimated: u64,
    /// What of the cost is estimated.
    pub estimated_cost: u64,
}

/// Counts of one key, secret, version, service and model in one hour, as one node had them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsageRow {
    /// The virtual key.
    pub key: String,
    /// The secret.
    pub place: Place,
    /// Its version.
    pub version: Version,
    /// The service.
    pub provider: String,
    /// The model.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub model: String,
    /// What its holder has it counted under, where he made it narrower.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tag: String,
    /// When the hour began.
    pub hour: Timestamp,
    /// The node, which alone writes this row.
    pub node: String,
    /// The counts.
    pub counts: UsageCounts,
    /// The last batch of its node that is in them.
    #[serde(default)]
    pub batch: u64,
}

/// A virtual key that a version of a secret was used by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionUse {
    /// The virtual key, by id.
    pub key: String,
    /// Its name, for whoever may see it.
    pub name: Option<String>,
    /// Which version.
    pub version: Version,
    /// Calls.
    pub requests: u64,
    /// When the last hour of use began.
    pub hour: Timestamp,
}

const HOUR: i64 = 60 * 60 * 1000;
/// Models and tags that are told apart, a key, node and hour: whoever makes up names makes no rows.
const MODELS: usize = 64;
/// Denials of who has no key that are told apart in one commit.
const STRANGERS: usize = 64;
/// Longest name of a model, in bytes.
const LONGEST: usize = 128;
/// What all others are called together.
pub(crate) const OTHERS: &str = "(others)";

impl UsageCounts {
    /// Adds others to these.
    pub fn add(&mut self, other: &Self) {
        let pairs = [
            (&mut self.requests, other.requests),
            (&mut self.failed, other.failed),
            (&mut self.tokens_in, other.tokens_in),
            (&mut self.tokens_out, other.tokens_out),
            (&mut self.cached, other.cached),
            (&mut self.reasoning, other.reasoning),
            (&mut self.cost, other.cost),
            (&mut self.estimated, other.estimated),
            (&mut self.estimated_cost, other.estimated_cost),
        ];
        for (mine, theirs) in pairs {
            *mine = mine.saturating_add(theirs);
        }
    }
}

impl UsageRow {
    fn secret_day(secret: SecretId, day: Timestamp) -> Vec<u8> {
        [&secret.as_bytes()[..], &day.0.to_be_bytes()].concat()
    }

    fn prefix(key: &str, hour: Timestamp) -> Vec<u8> {
        [key.as_bytes(), &[0], &hour.0.to_be_bytes()].concat()
    }
}

impl Record for UsageRow {
    const COLLECTION: &'static str = "usage";

    /// Key and hour, and what tells the rest apart.
    fn key(&self) -> Vec<u8> {
        let mut rest = Sha256::new();
        for part in [&self.provider, &self.model, &self.node] {
            rest.update((part.len() as u64).to_be_bytes());
            rest.update(part.as_bytes());
        }
        if !self.tag.is_empty() {
            rest.update([0xff]);
            rest.update(self.tag.as_bytes());
        }
        let place = self.place.version_key(self.version);
        [&Self::prefix(&self.key, self.hour)[..], &place, &rest.finalize()[..16]].concat()
    }

    /// `day`: milliseconds of its beginning, big-endian. `secret_day`: the secret before it.
    fn indexes(&self) -> Vec<(&'static str, Vec<u8>)> {
        let day = self.hour.day_start();
        vec![("day", day.0.to_be_bytes().to_vec()), ("secret_day", Self::secret_day(self.place.secret, day))]
    }
}

impl Vault {
    /// Makes what a node gathered durable: counts, an entry for each key and version of a secret, an
    /// entry for each reason, key and second of what was turned away, and an alarm for each trap.
    ///
    /// `batch` numbers what the node offers, in ascending order. What is offered again under its number is
    /// counted once, even where the answer to the first time was lost.
    ///
    /// # Errors
    /// When it cannot be recorded, or nobody knows whether it was: it is to be offered again.
    pub fn record_usage(
        &self,
        (node, batch): (&str, u64),
        calls: &[UsageCall<'_>],
        denials: &[GatewayDenial<'_>],
    ) -> Result<(), Error> {
        let actor = Actor::new(Caller::system(SystemTask::Gateway), format!("keyward gateway {node}"));
        let mut change: Option<Change<'_>> = None;
        let mut tell = |telling: Telling| match &mut change {
            Some(change) => change.also(telling),
            None => change = Some(Change::told(self, &actor, telling)),
        };
        let mut keys: BTreeMap<&str, Option<VirtualKey>> = BTreeMap::new();
        let named = calls.iter().map(|call| call.key).chain(denials.iter().filter_map(|denial| denial.key));
        for id in named {
            if !keys.contains_key(id) {
                let row = records::load::<VirtualKey>(&self.store, id.as_bytes())?;
                keys.insert(id, row.map(|row| row.record));
            }
        }
        for ((id, secret, version), n) in by_version(calls) {
            let Some(key) = &keys[id] else { continue };
            let Some(route) = key.routes.iter().find(|route| route.place.secret == secret) else { continue };
            let object = Object::Secret(route.place, Some(version));
            let telling = Telling::new(ActionName::SecretUse, object).via(keyward_audit::Via::Gateway).count(n);
            tell(Telling { version: Some(version), ..telling }.names(self.names_of_key(key, Some(route.place))?));
        }
        for denial in &bounded(denials) {
            tell(self.told_denial(denial, denial.key.and_then(|id| keys[id].as_ref()))?);
        }
        let Some(mut change) = change else { return Ok(()) };
        let counted = self.counted((node, batch), calls, &keys)?;
        // All rows of a batch are one commit: where one has it, all have, and the entries are there, too.
        if counted.iter().any(|row| row.record.batch >= batch) {
            return Ok(());
        }
        for mut row in counted {
            row.record.batch = batch;
            change.expect(match row.generation {
                0 => records::absent(&row.record),
                _ => records::unchanged(&row),
            });
            change.put(&row.record);
        }
        let endpoints = self.new_endpoints(node, calls, &keys)?;
        self.old_endpoints(&endpoints)?.into_iter().for_each(|key| change.delete::<EndpointRow>(key));
        for row in endpoints {
            change.expect(records::absent(&row));
            change.put(&row);
        }
        change.commit().map(drop)
    }

    /// Counts of the days from `from` to `to`, each in UTC and whole, of keys that the actor may see; of
    /// a child they are its own.
    ///
    /// # Errors
    /// [`Error::Refused`] for more than 400 days; when the store refuses.
    pub fn usage(&self, actor: &Actor, from: Timestamp, to: Timestamp) -> Result<Vec<UsageRow>, Error> {
        if from > to || to.days_since(from) > 400 {
            return Err(Error::Refused("usage is told of 1 to 400 days at a time, the earlier one first".into()));
        }
        let mut seen: BTreeMap<String, bool> = BTreeMap::new();
        let mut rows = Vec::new();
        let mut day = from.day_start();
        while day <= to {
            for row in records::find::<UsageRow>(&self.store, "day", &day.0.to_be_bytes())? {
                let sees = match seen.get(&row.record.key) {
                    Some(sees) => *sees,
                    None => {
                        let sees = match records::load::<VirtualKey>(&self.store, row.record.key.as_bytes())? {
                            Some(key) => self.sees_key(actor, &key.record)?,
                            None => self.may_list_vault(actor),
                        };
                        *seen.entry(row.record.key.clone()).or_insert(sees)
                    }
                };
                if sees {
                    rows.push(row.record);
                }
            }
            day = day.plus_days(1);
        }
        Ok(rows)
    }

    /// How many calls of gateways since the day of `from` were made with other versions of a secret than
    /// this one, by the virtual keys with which they were, for who ends them. They are told within a
    /// second of the call.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn gateway_calls_but(
        &self,
        place: &Place,
        version: Version,
        from: Timestamp,
    ) -> Result<BTreeMap<String, u64>, Error> {
        let now = self.tools.clock.now();
        let (mut day, mut calls) = (from.day_start(), BTreeMap::new());
        while day <= now {
            for row in records::find::<UsageRow>(&self.store, "day", &day.0.to_be_bytes())? {
                let UsageRow { key, place: of, version: with, counts, .. } = row.record;
                if of == *place && with != version {
                    let name = records::load::<VirtualKey>(&self.store, key.as_bytes())?
                        .map_or_else(|| key.clone(), |row| format!("{} ({key})", row.record.name));
                    *calls.entry(name).or_default() += counts.requests;
                }
            }
            day = day.plus_days(1);
        }
        Ok(calls)
    }

    /// Which virtual keys used which versions of a secret yesterday and today (UTC), the latest use first:
    /// who is still on an old one.
    ///
    /// # Errors
    /// When the store refuses.
    pub fn version_uses(&self, actor: &Actor, secret: SecretId) -> Result<Vec<VersionUse>, Error> {
        let today = self.tools.clock.now().day_start();
        let mut uses: BTreeMap<(String, Version), VersionUse> = BTreeMap::new();
        for day in [today.plus_days(-1), today] {
            for row in records::find::<UsageRow>(&self.store, "secret_day", &UsageRow::secret_day(secret, day))? {
                let UsageRow { key, version, hour, counts, .. } = row.record;
                let fresh = || VersionUse { key: key.clone(), name: None, version, requests: 0, hour };
                let known = uses.entry((key.clone(), version)).or_insert_with(fresh);
                known.requests = known.requests.saturating_add(counts.requests);
                known.hour = known.hour.max(hour);
            }
        }
        let mut uses: Vec<VersionUse> = uses.into_values().collect();
        uses.sort_by_key(|known| (std::cmp::Reverse(known.hour), known.version, known.key.clone()));
        for known in &mut uses {
            let key = records::load::<VirtualKey>(&self.store, known.key.as_bytes())?.map(|row| row.record);
            if let Some(key) = key
                && self.sees_key(actor, &key)?
            {
                known.name = Some(key.name.to_string());
            }
        }
        Ok(uses)
    }

    /// The rows as these calls leave them.
    fn counted(
        &self,
        (node, batch): (&str, u64),
        calls: &[UsageCall<'_>],
        keys: &BTreeMap<&str, Option<VirtualKey>>,
    ) -> Result<Vec<Row<UsageRow>>, Error> {
        let mut rows: BTreeMap<Vec<u8>, Row<UsageRow>> = BTreeMap::new();
        let mut words: BTreeMap<(String, i64), Words> = BTreeMap::new();
        for call in calls {
            let Some(key) = &keys[call.key] else { continue };
            let Some(route) = key.routes.iter().find(|route| route.place.secret == call.secret) else { continue };
            let hour = Timestamp(call.at.0.div_euclid(HOUR) * HOUR);
            let known = match words.entry((key.id.clone(), hour.0)) {
                std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
                std::collections::btree_map::Entry::Vacant(free) => {
                    let there = records::scan::<UsageRow>(&self.store, &UsageRow::prefix(&key.id, hour))?;
                    let there = there.into_iter().map(|row| row.record).filter(|row| row.node == node);
                    free.insert(there.fold(Words::default(), Words::with))
                }
            };
            let (model, tag) = (word_of(call.model, &mut known.models), word_of(call.tag, &mut known.tags));
            let fresh = UsageRow {
                key: key.id.clone(),
                place: route.place,
                version: call.version,
                provider: route.provider.clone(),
                model,
                tag,
                hour,
                node: node.to_owned(),
                counts: UsageCounts::default(),
                batch: 0,
            };
            let at = fresh.key();
            let row = match rows.entry(at.clone()) {
                std::collections::btree_map::Entry::Occupied(row) => row.into_mut(),
                std::collections::btree_map::Entry::Vacant(free) => {
                    let there = records::load::<UsageRow>(&self.store, &at)?;
                    free.insert(there.unwrap_or(Row { record: fresh, generation: 0 }))
                }
            };
            if row.record.batch < batch {
                row.record.counts.add(&call.counts);
            }
        }
        Ok(rows.into_values().collect())
    }

    fn told_denial(&self, denial: &GatewayDenial<'_>, key: Option<&VirtualKey>) -> Result<Telling, Error> {
        let (object, names) = match key {
            Some(key) => {
                // A key of one secret says which; one of several was turned away for all of them.
                let place = if let [route] = &key.routes[..] { Some(route.place) } else { None };
                (Object::Environment(self.id(), key.project, key.environment), self.names_of_key(key, place)?)
            }
            None => (Object::Vault(self.id()), Names::default()),
        };
        let names = names.with("why", denial.reason).with("second", Timestamp(denial.second * 1000).to_string());
        let names = match &denial.network {
            Some(network) => names.with("from", network.as_str()),
            None => names,
        };
        let action = if denial.canary { ActionName::VirtualKeyAlarm } else { ActionName::GatewayDeny };
        Ok(Telling::new(action, object).outcome(Outcome::Denied).count(denial.count).names(names))
    }

    fn names_of_key(&self, key: &VirtualKey, place: Option<Place>) -> Result<Names, Error> {
        let secret = match place {
            Some(place) => self.spelled_place(&place)?.map(|spelled| spelled.name),
            None => None,
        };
        let names = match self.scope_of(key) {
            Ok(scope) => scope.names(secret.as_ref()),
            // It was used while there was one.
            Err(Error::Refused(_)) => Names::default(),
            Err(error) => return Err(error),
        };
        let names = names.with("virtual_key", &*key.id).with("name", key.name.as_str());
        Ok(match &key.subject {
            Some(subject) => names.with("subject", &**subject),
            None => names,
        })
    }
}

fn by_version<'a>(calls: &[UsageCall<'a>]) -> BTreeMap<(&'a str, SecretId, Version), u64> {
    let mut counts = BTreeMap::new();
    for call in calls {
        *counts.entry((call.key, call.secret, call.version)).or_default() += call.counts.requests;
    }
    counts
}

/// Denials of strangers from many networks are told of together: whoever has networks makes no entries.
fn bounded<'a>(denials: &[GatewayDenial<'a>]) -> Vec<GatewayDenial<'a>> {
    let (known, mut strangers): (Vec<_>, Vec<_>) = denials.iter().cloned().partition(|denial| denial.key.is_some());
    // Those who knock most are named.
    strangers.sort_by_key(|denial| std::cmp::Reverse(denial.count));
    let rest = strangers.split_off(strangers.len().min(STRANGERS));
    let mut others: BTreeMap<(&str, i64), u64> = BTreeMap::new();
    for denial in &rest {
        *others.entry((denial.reason, denial.second)).or_default() += denial.count;
    }
    let others = others.into_iter().map(|((reason, second), count)| GatewayDenial {
        key: None,
        network: Some(OTHERS.to_owned()),
        reason,
        canary: false,
        second,
        count,
    });
    known.into_iter().chain(strangers).chain(others).collect()
}

/// What callers say, of which each that is told apart makes a row.
#[derive(Default)]
struct Words {
    models: Vec<String>,
    tags: Vec<String>,
}

impl Words {
    fn with(mut self, row: UsageRow) -> Self {
        self.models.push(row.model);
        self.tags.push(row.tag);
        self
    }
}

/// A model or a tag by its name, or by none once there are too many of them.
fn word_of(name: &str, known: &mut Vec<String>) -> String {
    if name.is_empty() || known.iter().any(|known| known == name) {
        return name.to_owned();
    }
    if name.len() > LONGEST || !keyward_types::is_plain(name, false) || known.len() >= MODELS {
        return OTHERS.to_owned();
    }
    known.push(name.to_owned());
    name.to_owned()
}
