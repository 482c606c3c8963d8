//! Which values somebody knows, by the rows that keyward wrote when they came to him.

use std::collections::{BTreeMap, HashMap, HashSet};

use keyward_types::{Place, PrincipalId, SecretId, Timestamp, Version, VersionHead, VersionState};
use keyward_vault::{Footprint, Stored};

use super::in_use;
use super::line::{Evidence, Fate, Line, Past, Subject, Way};

/// What one person knows.
pub(super) struct Knowledge<'a> {
    /// Each version that came to him, with its place.
    met: BTreeMap<(SecretId, Version), (Place, Evidence)>,
    /// The same by value, for values of which a fingerprint is left.
    values: HashMap<&'a str, Value<'a>>,
    /// How many others have read a version.
    others: &'a HashMap<(SecretId, Version), u64>,
}

/// A value that he knows, and where he met it.
#[derive(Default)]
struct Value<'a> {
    evidence: Evidence,
    met_at: Vec<(SecretId, &'a Stored)>,
}

impl<'a> Knowledge<'a> {
    pub(super) fn of(footprint: &'a Footprint, secrets: &HashMap<SecretId, &'a Stored>, person: &PrincipalId) -> Self {
        let mut met: BTreeMap<(SecretId, Version), (Place, Evidence)> = BTreeMap::new();
        let mut note = |place: Place, version: Version, evidence: &Evidence| {
            met.entry((place.secret, version)).or_insert_with(|| (place, Evidence::default())).1.join(evidence);
        };
        for reads in footprint.reads.iter().filter(|reads| reads.principal == *person) {
            let evidence = Evidence { times: reads.n, ..between(reads.first, reads.last) };
            note(reads.place, reads.version, &evidence);
        }
        for holding in footprint.holdings.iter().filter(|holding| holding.principal == *person) {
            let Some(way) = Way::of(holding.kind) else { continue };
            let open_copies = u64::from(holding.until.is_none());
            let evidence = Evidence { ways: [way].into(), open_copies, ..between(holding.since, holding.since) };
            note(holding.place, holding.version, &evidence);
        }
        for stored in &footprint.secrets {
            for version in stored.head.versions.iter().filter(|version| version.created_by == *person) {
                let written = between(version.created_at, version.created_at);
                note(stored.head.place, version.version, &Evidence { ways: [Way::Wrote].into(), ..written });
            }
        }
        for (_, evidence) in met.values_mut().filter(|(_, evidence)| evidence.ways.is_empty()) {
            // Counted, and the holding is not there any more: it left by some way.
            evidence.ways.insert(Way::Read);
        }
        let values = by_value(&met, secrets);
        Self { met, values, others: &footprint.others }
    }

    /// Whether any version of this secret came to him.
    pub(super) fn touched(&self, stored: &Stored) -> bool {
        let secret = stored.head.place.secret;
        let versions = (secret, Version::FIRST)..;
        self.met.range(versions).next().is_some_and(|((met, _), _)| *met == secret)
    }

    /// Whether he knows the value with this fingerprint.
    pub(super) fn knows(&self, fingerprint: &str) -> bool {
        self.values.contains_key(fingerprint)
    }

    /// The line of a version in use, if he knows its value.
    pub(super) fn line(&self, stored: &Stored, version: &VersionHead) -> Option<Line> {
        let value = self.values.get(version.fingerprint.as_str())?;
        let secret = stored.head.place.secret;
        let here = value.met_at.iter().any(|(met, _)| *met == secret);
        let met_at = if here { Vec::new() } else { spelled(&value.met_at) };
        let others = self.others.get(&(secret, version.version)).copied().unwrap_or(0);
        let subject = Subject::of(stored, version.version);
        Some(Line { subject, evidence: value.evidence.clone(), met_at, others })
    }

    /// What came to him of secrets and is not in use: neither that version nor an equal value of
    /// the same secret.
    pub(super) fn past(&self, secrets: &HashMap<SecretId, &Stored>) -> Vec<Past> {
        let mut past = Vec::new();
        for ((secret, version), (place, evidence)) in &self.met {
            let stored = secrets.get(secret);
            let Some(fate) = stored.map_or(Some(Fate::Gone), |stored| fate(stored, *version)) else { continue };
            let name = stored.map(|stored| spell(stored));
            past.push(Past { place: *place, name, version: *version, fate, last: evidence.last });
        }
        past.sort_by(|a, b| (&a.name, a.version).cmp(&(&b.name, b.version)));
        past
    }
}

fn by_value<'a>(
    met: &BTreeMap<(SecretId, Version), (Place, Evidence)>,
    secrets: &HashMap<SecretId, &'a Stored>,
) -> HashMap<&'a str, Value<'a>> {
    let mut values: HashMap<&'a str, Value<'a>> = HashMap::new();
    for ((secret, version), (_, evidence)) in met {
        let Some(stored) = secrets.get(secret).copied() else { continue };
        let Some(head) = stored.head.version(*version) else { continue };
        let value = values.entry(head.fingerprint.as_str()).or_default();
        value.evidence.join(evidence);
        value.met_at.push((*secret, stored));
    }
    values
}

/// Why a version needs no rotation; `None` where it does, or where there is nothing secret.
fn fate(stored: &Stored, version: Version) -> Option<Fate> {
    let head = &stored.head;
    let known = head.version(version);
    if !known.map_or_else(|| head.is_secret(), |known| head.was_secret(known)) {
        return None;
    }
    let Some(known) = known else { return Some(Fate::Gone) };
    if in_use(head).any(|used| used.fingerprint == known.fingerprint) {
        return None;
    }
    Some(match (head.active(), known.state) {
        (Some(active), _) => Fate::Replaced { by: active.version, at: active.created_at },
        (None, VersionState::Destroyed) => Fate::Destroyed,
        (None, _) => Fate::Deleted,
    })
}

fn between(first: Timestamp, last: Timestamp) -> Evidence {
    Evidence { first: Some(first), last: Some(last), ..Evidence::default() }
}

fn spelled(met_at: &[(SecretId, &Stored)]) -> Vec<String> {
    let places: HashSet<String> = met_at.iter().map(|(_, stored)| spell(stored)).collect();
    let mut places: Vec<String> = places.into_iter().collect();
    places.sort();
    places
}

pub(super) fn spell(stored: &Stored) -> String {
    format!("{}/{}/{}", stored.project, stored.environment, stored.head.name)
}
