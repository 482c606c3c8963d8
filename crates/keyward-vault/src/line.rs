//! What a list shows of a secret. A list of ten thousand is read in a glance, so only that is
//! taken out of the heads.

use keyward_store::KeyRange;
use keyward_types::{Head, Kind, Record, SecretName, Timestamp, Version, VersionState};
use serde::Deserialize;

use crate::actor::Actor;
use crate::{Error, Scope, Vault};

/// A secret that can be read, as a list shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// What it is called.
    pub name: SecretName,
    /// What it is.
    pub kind: Kind,
    /// The active version.
    pub version: Version,
    /// When the active version was written.
    pub written: Timestamp,
    /// When the value stops working.
    pub expires_at: Option<Timestamp>,
    /// The service it belongs to.
    pub provider: Option<String>,
}

impl Vault {
    /// The secrets of an environment that have an active version, in the order of names.
    ///
    /// # Errors
    /// [`Error::Denied`] for a caller who may not list here.
    pub fn lines(&self, actor: &Actor, scope: &Scope) -> Result<Vec<Line>, Error> {
        if actor.caller.tells_secrets_apart() {
            return Ok(self.heads(actor, scope)?.iter().filter_map(Line::of).collect());
        }
        self.permit_list(actor, scope)?;
        let lines = self.store.map(Head::COLLECTION, &KeyRange::prefix(&scope.prefix()), |row| line(&row.value))?;
        let mut lines: Vec<Line> = lines.into_iter().flatten().collect();
        lines.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(lines)
    }
}

impl Line {
    fn of(head: &Head) -> Option<Self> {
        head.active().map(|active| Self {
            name: head.name.clone(),
            kind: head.kind,
            version: active.version,
            written: active.created_at,
            expires_at: head.expires_at,
            provider: head.provider.clone(),
        })
    }
}

/// The line of a head in its stored form; none when it has no active version.
fn line(head: &[u8]) -> Result<Option<Line>, Error> {
    let head: Glance = serde_json::from_slice(head)
        .map_err(|_| Error::Damaged("a head was written by a newer keyward, or by none"))?;
    let active = head.labels.active.and_then(|active| head.versions.into_iter().find(|one| one.version == active));
    Ok(active.filter(|active| active.state == VersionState::Live).map(|active| Line {
        name: head.name,
        kind: head.kind,
        version: active.version,
        written: active.created_at,
        expires_at: head.expires_at,
        provider: head.provider,
    }))
}

/// [`Head`] without what a line does not show.
#[derive(Deserialize)]
struct Glance {
    name: SecretName,
    kind: Kind,
    labels: GlanceLabels,
    versions: Vec<GlanceVersion>,
    #[serde(default)]
    expires_at: Option<Timestamp>,
    #[serde(default)]
    provider: Option<String>,
}

#[derive(Deserialize)]
struct GlanceLabels {
    #[serde(default)]
    active: Option<Version>,
}

#[derive(Deserialize)]
struct GlanceVersion {
    version: Version,
    state: VersionState,
    created_at: Timestamp,
}
