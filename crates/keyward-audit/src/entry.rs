//! The audit entry: the public fields of one event, and the bytes that the log hashes.

use keyward_store::{Delete, Put, record_hash};
use serde::{Deserialize, Serialize};

use crate::action::{Action, Outcome, Via};
use crate::canonical::{self, MAX_INTEGER};
use crate::{Error, Hash};

/// One event. No value, no name and no person stands in it: ids, keyed fingerprints and hashes
/// only. What can identify someone is the private part, to which `commit` binds the entry.
///
/// The fields are declared in the order of the canonical form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What was done, or asked for.
    pub action: Action,
    /// Id of the environment that gave the value, where it is a parent of the one asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered: Option<String>,
    /// A signed checkpoint: in `epoch.begin` the last one of the closed epoch, in
    /// `log.checkpoint` the one published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<String>,
    /// Commitment to the private part: see [`crate::private::commit`].
    #[serde(with = "hex_hash")]
    pub commit: Hash,
    /// How many times, where one entry stands for several events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Id of the environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Number of the epoch, in `epoch.begin` and `epoch.drop`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
    /// Keyed fingerprint of the value, as the vault writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// SHA-256 of the vault's header that the change left behind ([`keyward_store::header_hash`]).
    #[serde(default, skip_serializing_if = "Option::is_none", with = "optional_hex_hash")]
    pub header: Option<Hash>,
    /// How it ended.
    pub outcome: Outcome,
    /// Id of who acted: a person, a service account or `system:*`.
    pub principal: String,
    /// Id of the project.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// The records that the change left behind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<RecordChange>,
    /// Id of the secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// When, in UTC with milliseconds: `2026-11-23T21:43:00.123Z`.
    pub time: String,
    /// Format of the entry: [`FORMAT`].
    pub v: u64,
    /// Id of the vault.
    pub vault: String,
    /// Version of the secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// The way by which a value left, or was applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<Via>,
}

/// The state in which a change leaves one record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordChange {
    /// Collection of the record.
    #[serde(rename = "c")]
    pub collection: String,
    /// Hash of the record as written ([`keyward_store::record_hash`]); none when it was deleted.
    #[serde(rename = "h", with = "optional_hex_hash")]
    pub hash: Option<Hash>,
    /// Key of the record; hex in the entry.
    #[serde(rename = "k", with = "hex_bytes")]
    pub key: Vec<u8>,
}

impl RecordChange {
    /// The change that a put makes.
    pub fn put(put: &Put) -> RecordChange {
        let hash = record_hash(&put.collection, &put.key, &put.value, &put.indexes);
        RecordChange { collection: put.collection.to_string(), hash: Some(Hash(hash)), key: put.key.clone() }
    }

    /// The change that a delete makes.
    pub fn delete(delete: &Delete) -> RecordChange {
        RecordChange { collection: delete.collection.to_string(), hash: None, key: delete.key.clone() }
    }

    /// Its bytes in an entry are no more.
    fn at_most(&self) -> usize {
        self.collection.len() * ESCAPED + self.key.len() * 2 + RECORD_SYNTAX
    }
}

/// The only format so far.
pub const FORMAT: u64 = 1;
/// Longest entry in bytes: what an entry bundle (C2SP tlog-tiles) can carry.
pub const MAX_LENGTH: usize = u16::MAX as usize;

impl Entry {
    /// An entry with the fields that each must have. `time` is UTC with milliseconds
    /// (`2026-11-23T21:43:00.123Z`), `commit` the commitment to the private part.
    pub fn new(
        action: Action,
        outcome: Outcome,
        principal: impl Into<String>,
        vault: impl Into<String>,
        time: impl Into<String>,
        commit: Hash,
    ) -> Entry {
        Entry {
            action,
            answered: None,
            checkpoint: None,
            commit,
            count: None,
            environment: None,
            epoch: None,
            fingerprint: None,
            header: None,
            outcome,
            principal: principal.into(),
            project: None,
            records: Vec::new(),
            secret: None,
            time: time.into(),
            v: FORMAT,
            vault: vault.into(),
            version: None,
            via: None,
        }
    }

    /// The bytes that the log keeps and hashes: canonical JSON.
    ///
    /// # Errors
    /// [`Error::Field`] when a field breaks its rule; [`Error::TooLong`] when the entry would not
    /// fit a bundle (split the records: [`Entry::into_parts`]).
    pub fn canonical(&self) -> Result<Vec<u8>, Error> {
        self.check()?;
        let bytes = self.to_bytes()?;
        match bytes.len() {
            0..=MAX_LENGTH => Ok(bytes),
            length => Err(Error::TooLong(length)),
        }
    }

    /// Reads what [`Entry::canonical`] writes, and no other spelling of it.
    ///
    /// # Errors
    /// [`Error::TooLong`], [`Error::Canonical`], [`Error::Entry`] (also for an entry of a later
    /// format) or [`Error::Field`].
    pub fn parse(bytes: &[u8]) -> Result<Entry, Error> {
        if bytes.len() > MAX_LENGTH {
            return Err(Error::TooLong(bytes.len()));
        }
        let entry: Entry = serde_json::from_slice(bytes).map_err(|why| explain(bytes, &why))?;
        entry.check()?;
        if entry.to_bytes()? != bytes {
            canonical::check(bytes)?;
            return Err(Error::Entry("an empty field is spelled out".to_owned()));
        }
        Ok(entry)
    }

    /// Cuts an entry whose records do not fit one into several that do; all other fields are the
    /// same in each, only `count` stands in the first alone: it is 0 in the others, as what they tell
    /// happened once.
    pub fn into_parts(mut self) -> Vec<Entry> {
        if self.at_most() <= MAX_LENGTH {
            return vec![self];
        }
        let records = std::mem::take(&mut self.records);
        let base = self.to_bytes().map_or(0, |bytes| bytes.len()) + RECORDS_SYNTAX;
        let mut parts = vec![self];
        let mut length = base;
        for record in records {
            let size = record.at_most();
            if length + size > MAX_LENGTH {
                let mut next = parts[0].clone();
                next.count = Some(0);
                next.records.clear();
                parts.push(next);
                length = base;
            }
            length += size;
            parts.last_mut().expect("at least one part").records.push(record);
        }
        parts
    }

    /// The bytes of the entry are no more; nearly all entries are far from what fits, and are not
    /// written down twice to find that out.
    fn at_most(&self) -> usize {
        let optional =
            [&self.answered, &self.checkpoint, &self.environment, &self.fingerprint, &self.project, &self.secret];
        let texts = [&self.principal, &self.time, &self.vault].into_iter().chain(optional.into_iter().flatten());
        let texts: usize = texts.map(|text| text.len() * ESCAPED).sum();
        texts + self.records.iter().map(RecordChange::at_most).sum::<usize>() + FIELDS_SYNTAX
    }

    /// What the private part is sealed under as associated data, so that it opens beside this
    /// entry only.
    pub fn private_context(&self) -> Vec<u8> {
        let mut context = b"keyward/audit/private/v1\0".to_vec();
        context.extend_from_slice(self.vault.as_bytes());
        context.push(0);
        context.extend_from_slice(&self.commit.0);
        context
    }

    fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        serde_json::to_vec(self).map_err(|why| Error::Entry(why.to_string()))
    }

    fn check(&self) -> Result<(), Error> {
        let field = |field, why| Err(Error::Field { field, why });
        if self.v != FORMAT {
            return field("v", "this version reads format 1 only");
        }
        if !is_time(&self.time) {
            return field("time", "it must read like `2026-11-23T21:43:00.123Z`");
        }
        for (name, id) in [("principal", &self.principal), ("vault", &self.vault)] {
            if id.is_empty() {
                return field(name, "it must not be empty");
            }
        }
        for (name, number) in [("count", self.count), ("epoch", self.epoch), ("version", self.version)] {
            if number.is_some_and(|number| number > MAX_INTEGER) {
                return field(name, "it must be below 2^53");
            }
        }
        Ok(())
    }
}

/// A reason better than the parser's own: another spelling, or another format.
fn explain(bytes: &[u8], why: &serde_json::Error) -> Error {
    #[derive(Deserialize)]
    struct Format {
        v: u64,
    }
    if let Err(spelling) = canonical::check(bytes) {
        return spelling;
    }
    match serde_json::from_slice(bytes) {
        Ok(Format { v }) if v != FORMAT => Error::Field { field: "v", why: "this version reads format 1 only" },
        _ => Error::Entry(why.to_string()),
    }
}

/// What an entry's bytes say was done, without reading the rest: members are sorted, so that it is the
/// first. `None` for what is no entry.
pub fn action_in(bytes: &[u8]) -> Option<&str> {
    let rest = bytes.strip_prefix(br#"{"action":""#)?;
    let end = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
    str::from_utf8(&rest[..end]).ok().filter(|_| rest[end] == b'"')
}

/// Whether the text is a moment in UTC with milliseconds, in the one spelling of the log.
pub(crate) fn is_time(text: &str) -> bool {
    const FORM: &[u8; 24] = b"0000-00-00T00:00:00.000Z";
    let bytes = text.as_bytes();
    let fits = |(byte, form): (&u8, &u8)| match form {
        b'0' => byte.is_ascii_digit(),
        _ => byte == form,
    };
    if bytes.len() != FORM.len() || !bytes.iter().zip(FORM).all(fits) {
        return false;
    }
    let two = |at: usize| (bytes[at] - b'0') * 10 + (bytes[at + 1] - b'0');
    (1..=12).contains(&two(5)) && (1..=31).contains(&two(8)) && two(11) < 24 && two(14) < 60 && two(17) < 61
}

/// `,"records":[]` and room for the `count` of a later part.
const RECORDS_SYNTAX: usize = 64;
/// A record without its collection and key: names, quotes, a hash of 64 digits.
const RECORD_SYNTAX: usize = 96;
/// Names of all fields, numbers, words and hashes.
const FIELDS_SYNTAX: usize = 1024;
/// A byte of a text, where it is a control character.
const ESCAPED: usize = 6;

mod hex_hash {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::Hash;

    pub(super) fn serialize<S: Serializer>(hash: &Hash, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&hash.to_hex())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Hash, D::Error> {
        let text = <&str>::deserialize(from)?;
        Hash::from_hex(text).ok_or_else(|| D::Error::custom("a hash is not 64 hex digits"))
    }
}

mod optional_hex_hash {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::Hash;

    pub(super) fn serialize<S: Serializer>(hash: &Option<Hash>, to: S) -> Result<S::Ok, S::Error> {
        match hash {
            Some(hash) => to.serialize_str(&hash.to_hex()),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Hash>, D::Error> {
        let hash = |text| Hash::from_hex(text).ok_or_else(|| D::Error::custom("a hash is not 64 hex digits"));
        Option::<&str>::deserialize(from)?.map(hash).transpose()
    }
}

mod hex_bytes {
    use data_encoding::HEXLOWER;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&HEXLOWER.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = <&str>::deserialize(from)?;
        HEXLOWER.decode(text.as_bytes()).map_err(|_| D::Error::custom("a key is not hex"))
    }
}

#[cfg(test)]
mod tests;
