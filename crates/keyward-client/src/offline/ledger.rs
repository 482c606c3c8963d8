//! What is kept of one server for one holder: a file whose list is sealed as a whole, and each value in
//! it once more, for its place, version and end.

use std::fs;
use std::path::Path;

use data_encoding::BASE64;
use keyward_types::{EnvironmentName, Kind, SecretName, Timestamp, Version};
use keyward_vault::Keeper;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::moment::{Moments, Span};
use crate::wire::{Disclosed, NamedVersion, OfflineUse, Where};
use crate::{Bytes, Failure, Result, SystemRandom};

/// What is kept, open.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ledger {
    /// The latest moment of this machine that was seen.
    pub(super) seen: Timestamp,
    pub(super) values: Vec<KeptValue>,
    /// What environments had when they were last asked.
    pub(super) names: Vec<KeptNames>,
    /// What was taken from here and the server does not know yet.
    pub(super) uses: Vec<OfflineUse>,
}

/// A value, sealed.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeptValue {
    pub(super) at: Where,
    pub(super) name: SecretName,
    pub(super) version: Version,
    kind: Kind,
    bits: u16,
    environment: EnvironmentName,
    as_file: bool,
    pub(super) span: Span,
    /// The server's own end for it.
    end: Timestamp,
    body: String,
}

/// The names of an environment and its parents.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeptNames {
    pub(super) at: Where,
    pub(super) names: Vec<NamedVersion>,
}

/// The file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Outer {
    format: String,
    server: String,
    holder: String,
    sealed: String,
}

/// What a file turned out to be.
pub(super) enum Found {
    Nothing,
    /// Of another token or session than the one at hand.
    Anothers,
    /// Not what was written.
    Altered,
    Mine(Ledger),
}

const FORMAT: &str = "keyward-offline/1";

impl Default for Ledger {
    fn default() -> Self {
        Self { seen: Timestamp(0), values: Vec::new(), names: Vec::new(), uses: Vec::new() }
    }
}

impl Ledger {
    pub(super) fn read(path: &Path, server: &str, keeper: &Keeper) -> Result<Found> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Found::Nothing),
            Err(error) => return Err(Failure::file("read", path, &error)),
        };
        let Ok(outer) = serde_json::from_slice::<Outer>(&bytes) else { return Ok(Found::Altered) };
        if outer.holder != keeper.holder() {
            return Ok(Found::Anothers);
        }
        let sealed = BASE64.decode(outer.sealed.as_bytes()).unwrap_or_default();
        let opened = keeper.open(&[b"list", server.as_bytes()], &sealed);
        let ledger = opened.and_then(|text| serde_json::from_slice(&text).ok());
        Ok(ledger.map_or(Found::Altered, Found::Mine))
    }

    /// Writes it in the place of what was there; an empty one ends the file.
    pub(super) fn write(&self, path: &Path, server: &str, keeper: &Keeper) -> Result<()> {
        if self.values.is_empty() && self.uses.is_empty() {
            return remove(path);
        }
        let text = serde_json::to_vec(self).map_err(|error| Failure::internal(error.to_string()))?;
        let sealed = keeper.seal(&[b"list", server.as_bytes()], &text, &SystemRandom)?;
        let (format, server) = (FORMAT.to_owned(), server.to_owned());
        let outer = Outer { format, server, holder: keeper.holder().to_owned(), sealed: BASE64.encode(&sealed) };
        let text = serde_json::to_vec(&outer).map_err(|error| Failure::internal(error.to_string()))?;
        crate::signed::write(path, &text)
    }

    /// Takes out what serves no longer.
    pub(super) fn prune(&mut self, moments: &dyn Moments) {
        self.values.retain(|value| value.span.serves(moments));
        let values = &self.values;
        self.names.retain(|names| values.iter().any(|value| value.at == names.at));
    }
}

impl KeptValue {
    pub(super) fn new(
        at: &Where,
        read: &Disclosed,
        end: Timestamp,
        span: Span,
        server: &str,
        keeper: &Keeper,
    ) -> Result<Self> {
        let mut kept = Self {
            at: at.clone(),
            name: read.name.clone(),
            version: read.version,
            kind: read.kind,
            bits: read.bits,
            environment: read.environment.clone(),
            as_file: read.as_file,
            span,
            end,
            body: String::new(),
        };
        let sealed = kept.within(server, |about| keeper.seal(about, read.value.expose(), &SystemRandom))?;
        kept.body = BASE64.encode(&sealed);
        Ok(kept)
    }

    /// The value; `None` when it is not what was kept in this place.
    pub(super) fn open(&self, server: &str, keeper: &Keeper) -> Option<Disclosed> {
        let sealed = BASE64.decode(self.body.as_bytes()).ok()?;
        let mut value: Zeroizing<Vec<u8>> = self.within(server, |about| keeper.open(about, &sealed))?;
        Some(Disclosed {
            name: self.name.clone(),
            value: Bytes::new(std::mem::take(&mut *value)),
            version: self.version,
            kind: self.kind,
            bits: self.bits,
            environment: self.environment.clone(),
            as_file: self.as_file,
            holding: None,
            offline_until: Some(self.end),
        })
    }

    /// What its seal is bound to.
    fn within<T>(&self, server: &str, with: impl FnOnce(&[&[u8]]) -> T) -> T {
        let (version, end) = (self.version.get().to_be_bytes(), self.end.0.to_be_bytes());
        let until = self.span.until.0.to_be_bytes();
        with(&[
            b"value",
            server.as_bytes(),
            self.at.project.as_str().as_bytes(),
            self.at.environment.as_str().as_bytes(),
            self.name.as_str().as_bytes(),
            &version,
            &end,
            &until,
        ])
    }
}

/// The server of a file, as it says itself.
pub(super) fn server_of(path: &Path) -> Option<String> {
    serde_json::from_slice::<Outer>(&fs::read(path).ok()?).ok().map(|outer| outer.server)
}

pub(super) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Failure::file("remove", path, &error)),
        _ => Ok(()),
    }
}
