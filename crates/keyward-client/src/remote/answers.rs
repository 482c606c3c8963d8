//! Answers and requests of the API where their form is not the desk's.

use keyward_types::{KnownSecret, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    Bytes, Disclosed, EditInfo, Failure, FindingInfo, FindingReport, FindingState, GrantInfo, Grantee, HoldingInfo,
    MadeVirtualKey, NewTokenInfo, NewVirtualKeyInfo, ReadsInfo, Result, UseInfo, VirtualKeyInfo,
};

/// A page of whatever `K` calls its items.
#[derive(Deserialize)]
pub(super) struct Page {
    #[serde(flatten)]
    items: serde_json::Map<String, Value>,
    pub(super) next: Option<String>,
}

impl Page {
    /// The items that the page has under this name.
    pub(super) fn items<T: DeserializeOwned>(&mut self, noun: &str) -> Result<Vec<T>> {
        let items = self.items.remove(noun).unwrap_or_default();
        serde_json::from_value(items).map_err(|error| {
            Failure::internal(format!("the server's list of {noun} cannot be read: {error}"))
                .hint("the server may be another version of keyward than this command")
        })
    }
}

/// A value that left.
#[derive(Deserialize)]
pub(super) struct Opened {
    name: keyward_types::SecretName,
    version: keyward_types::Version,
    kind: keyward_types::Kind,
    bits: u16,
    environment: keyward_types::EnvironmentName,
    as_file: bool,
    holding: Option<String>,
    #[serde(default)]
    offline_until: Option<Timestamp>,
    value: Option<String>,
    value_base64: Option<Bytes>,
}

/// The values of an environment.
#[derive(Deserialize)]
pub(super) struct Values {
    pub(super) values: Vec<Opened>,
    /// The server's clock.
    #[serde(default)]
    pub(super) now: Option<Timestamp>,
}

impl From<Opened> for Disclosed {
    fn from(opened: Opened) -> Self {
        let text = opened.value.map(|text| Bytes::new(text.into_bytes()));
        Self {
            name: opened.name,
            value: text.or(opened.value_base64).unwrap_or_else(|| Bytes::new(Vec::new())),
            version: opened.version,
            kind: opened.kind,
            bits: opened.bits,
            environment: opened.environment,
            as_file: opened.as_file,
            holding: opened.holding,
            offline_until: opened.offline_until,
        }
    }
}

/// Who has a secret.
#[derive(Deserialize)]
pub(super) struct Holdings {
    pub(super) holdings: Vec<HoldingInfo>,
    pub(super) reads: Vec<ReadsInfo>,
    #[serde(default)]
    pub(super) uses: Vec<UseInfo>,
    pub(super) same_as: Vec<String>,
}

/// How many secrets went with something.
#[derive(Deserialize)]
pub(super) struct Gone {
    pub(super) secrets: u64,
}

/// A finding, which names a stored secret by its path.
#[derive(Deserialize)]
pub(super) struct Finding {
    id: String,
    source: String,
    fingerprint: String,
    rule: String,
    path: String,
    line: Option<u32>,
    commit: Option<String>,
    secret: Option<String>,
    version: Option<keyward_types::Version>,
    state: FindingState,
    reported_by: String,
    first_seen: Timestamp,
    last_seen: Timestamp,
    resolved_by: Option<String>,
    resolved_at: Option<Timestamp>,
    note: Option<String>,
    exposure: Option<crate::Exposure>,
}

impl From<Finding> for FindingInfo {
    fn from(known: Finding) -> Self {
        let secret = known.secret.as_deref().zip(known.version).and_then(|(path, version)| {
            let mut parts = path.splitn(3, '/');
            Some(KnownSecret {
                project: parts.next()?.parse().ok()?,
                environment: parts.next()?.parse().ok()?,
                name: parts.next()?.parse().ok()?,
                version,
            })
        });
        Self {
            id: known.id,
            source: known.source,
            fingerprint: known.fingerprint,
            rule: known.rule,
            path: known.path,
            line: known.line,
            commit: known.commit,
            secret,
            state: known.state,
            reported_by: known.reported_by,
            first_seen: known.first_seen,
            last_seen: known.last_seen,
            resolved_by: known.resolved_by,
            resolved_at: known.resolved_at,
            note: known.note,
            exposure: known.exposure,
        }
    }
}

/// One value of a batch that is to be stored.
#[derive(Serialize)]
pub(super) struct Writing<'a> {
    pub(super) name: &'a keyward_types::SecretName,
    pub(super) value_base64: &'a Bytes,
    pub(super) metadata: Value,
}

/// Metadata as the API takes it: moments are text.
pub(super) fn metadata(edit: &EditInfo) -> Result<Value> {
    // A server looks at a value itself.
    let mut value = plain(&EditInfo { looks_like: None, ..edit.clone() })?;
    if let Some(Some(until)) = edit.expires_at {
        value["expires_at"] = Value::String(until.to_string());
    }
    Ok(value)
}

pub(super) fn new_token(new: &NewTokenInfo) -> Result<Value> {
    let mut value = plain(new)?;
    value["expires_at"] = json!(new.expires_at.map(|until| until.to_string()));
    Ok(value)
}

pub(super) fn new_virtual_key(new: &NewVirtualKeyInfo) -> Result<Value> {
    let mut value = plain(new)?;
    value["expires_at"] = json!(new.expires_at.map(|until| until.to_string()));
    Ok(value)
}

/// A virtual key that has a new text.
#[derive(Deserialize)]
pub(super) struct MadeKey {
    text: String,
    virtual_key: VirtualKeyInfo,
    #[serde(default)]
    gateway: Option<String>,
}

impl From<MadeKey> for MadeVirtualKey {
    fn from(made: MadeKey) -> Self {
        Self { text: Bytes::new(made.text.into_bytes()), virtual_key: made.virtual_key, gateway: made.gateway }
    }
}

pub(super) fn grant(grant: &GrantInfo) -> Value {
    let (account, group) = match &grant.to {
        Grantee::Account(login) => (Some(login), None),
        Grantee::Group(name) => (None, Some(name)),
    };
    json!({
        "account": account, "group": group, "role": grant.role, "project": grant.project,
        "environment": grant.environment, "until": grant.until.map(|until| until.to_string()),
    })
}

/// A finding as it is reported; its source stands above it.
pub(super) fn found(report: &FindingReport) -> Value {
    json!({
        "fingerprint": report.fingerprint, "rule": report.rule, "path": report.path, "line": report.line,
        "commit": report.commit, "secret": report.secret,
    })
}

pub(super) fn plain(value: &impl Serialize) -> Result<Value> {
    serde_json::to_value(value).map_err(|error| Failure::internal(format!("the request cannot be written: {error}")))
}
