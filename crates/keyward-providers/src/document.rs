//! Values that are files: PEM, service accounts and other JSON, and base64 of these.

use data_encoding::{BASE64, BASE64URL_NOPAD};
use keyward_types::{Access, Kind};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::name::{Hint, Name};
use crate::plain::plainness;
use crate::{Note, Recognition};

/// What a value is that holds a PEM block or a JSON document.
pub(crate) fn recognise(text: &str) -> Option<Recognition> {
    if text.starts_with(['{', '[']) {
        return json(text);
    }
    if text.contains("-----BEGIN ") {
        return pem(text);
    }
    if is_ssh_public_key(text) {
        return Some(Recognition::of(Kind::Config));
    }
    encoded(text)
}

/// PEM, its line breaks written out or as `\n`. A public key is no secret; a certificate keeps its
/// kind and is marked as public.
fn pem(text: &str) -> Option<Recognition> {
    let labels: Vec<&str> = text
        .split("-----BEGIN ")
        .skip(1)
        .filter_map(|block| block.split_once("-----"))
        .map(|(label, _)| label)
        .collect();
    let has = |word: &str| labels.iter().any(|label| label.contains(word));
    let mut found = if has("PRIVATE KEY") && has("CERTIFICATE") {
        Recognition::of(Kind::Certificate)
    } else if has("PRIVATE KEY") {
        Recognition::of(Kind::SigningKey)
    } else if has("CERTIFICATE") {
        Recognition { access: Some(Access::Public), ..Recognition::of(Kind::Certificate) }
    } else if has("PUBLIC KEY") {
        return Some(Recognition::of(Kind::Config));
    } else if labels.is_empty() {
        return None;
    } else {
        Recognition::of(Kind::Document)
    };
    found.notes.push(Note::AsFile);
    Some(found)
}

/// `ssh-ed25519 AAAA… comment`, with a host before it in a list of known hosts.
fn is_ssh_public_key(text: &str) -> bool {
    let mut words = text
        .split_ascii_whitespace()
        .skip_while(|word| !["ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384"].contains(word));
    words.next().is_some() && words.next().is_some_and(|key| key.starts_with("AAAA")) && !text.contains('\n')
}

fn json(text: &str) -> Option<Recognition> {
    if text.len() > LONGEST {
        return None;
    }
    let value: Value = serde_json::from_str(text).ok()?;
    let has = |name: &str| value.get(name).is_some_and(Value::is_string);
    let (kind, provider) = match value.get("type").and_then(Value::as_str) {
        Some("service_account") if has("private_key") => (Kind::ServiceAccountKey, Some("gcp")),
        Some("authorized_user" | "external_account") => (Kind::Document, Some("gcp")),
        _ if has("clientId") && has("clientSecret") && has("tenantId") => (Kind::ServiceAccountKey, Some("azure")),
        _ if is_plain(&value) => return Some(Recognition::of(Kind::Config)),
        _ => (Kind::Document, None),
    };
    Some(Recognition { provider, notes: vec![Note::AsFile], ..Recognition::of(kind) })
}

/// Whether every name in a JSON value is harmless and every value plain.
fn is_plain(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
        Value::String(text) => text.is_empty() || plainness(text).is_some(),
        Value::Array(items) => items.iter().all(is_plain),
        Value::Object(fields) => {
            fields.iter().all(|(name, value)| Name::parse(name).hint() == Hint::Nothing && is_plain(value))
        }
    }
}

/// Base64 of PEM or JSON, as it is often put into a variable to avoid line breaks.
fn encoded(text: &str) -> Option<Recognition> {
    let looks = ["LS0tLS1CRUdJTi", "eyJ", "ewog", "ewoJ", "ew0K"].iter().any(|start| text.starts_with(start));
    if !looks || text.contains('.') || text.len() > LONGEST {
        return None;
    }
    let letters: Zeroizing<String> = Zeroizing::new(text.split_ascii_whitespace().collect());
    let bytes = BASE64
        .decode(letters.as_bytes())
        .or_else(|_| BASE64URL_NOPAD.decode(letters.trim_end_matches('=').as_bytes()))
        .map(Zeroizing::new)
        .ok()?;
    let inner = std::str::from_utf8(&bytes).ok()?.trim();
    let mut found = if inner.starts_with('{') { json(inner) } else { pem(inner) }?;
    found.notes.push(Note::Encoded);
    Some(found)
}

const LONGEST: usize = 256 * 1024;
