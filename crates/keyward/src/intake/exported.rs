//! Files that other products write for people who leave: Doppler's, Infisical's, 1Password's.

use std::io::Read;
use std::path::Path;

use keyward_client::{Bytes, Failure, Result};
use serde_json::Value;
use zeroize::Zeroizing;

use super::read::Values;

/// Whose export it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Product {
    /// `doppler secrets download --no-file --format json`, or `doppler secrets --json`.
    Doppler,
    /// `infisical export --format=json`.
    Infisical,
    /// A `.1pux` file, or `op item get … --format json`.
    OnePassword,
}

/// An export is larger than a `.env` file; one that is not of keys alone was not meant.
const MAX_SIZE: u64 = 64 << 20;

/// The values of an export, in its order.
///
/// # Errors
/// When it cannot be read or understood; no value is in the message.
pub(crate) fn file(path: &Path, product: Product) -> Result<Values> {
    let bytes = bytes(path)?;
    // A `.1pux` file is a ZIP archive.
    let unzipped = if bytes.starts_with(b"PK") { Some(data_of(&bytes)?) } else { None };
    let whole: Value = serde_json::from_slice(unzipped.as_deref().map_or(&bytes, |inner| inner)).map_err(|error| {
        let wanted = match product {
            Product::OnePassword => "a `.1pux` file, or JSON",
            _ => "JSON",
        };
        Failure::usage(format!("it is not {wanted} (line {})", error.line()))
    })?;
    let entries = match product {
        Product::Doppler => doppler(&whole),
        Product::Infisical => infisical(&whole),
        Product::OnePassword => one_password(&whole),
    };
    let mut entries = entries.ok_or_else(|| Failure::usage(format!("it is no export of {}", product.called())))?;
    tell_apart(&mut entries);
    let entries = entries.into_iter().map(|one| (one.name, one.value.map(|v| Bytes::new(v.into_bytes()))));
    Ok(Values { entries: entries.collect(), ..Values::default() })
}

impl Product {
    const fn called(self) -> &'static str {
        match self {
            Self::Doppler => "Doppler: `doppler secrets download --no-file --format json` writes one",
            Self::Infisical => "Infisical: `infisical export --format=json` writes one",
            Self::OnePassword => "1Password: its app writes `.1pux` files, `op item get ITEM --format json` items",
        }
    }
}

struct One {
    name: String,
    /// What tells it from others of the same name.
    of: String,
    value: Option<String>,
}

fn bytes(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let failed = |error: std::io::Error| Failure::file("read", path, &error);
    let mut bytes = Zeroizing::new(Vec::new());
    std::fs::File::open(path).map_err(failed)?.take(MAX_SIZE + 1).read_to_end(&mut bytes).map_err(failed)?;
    match bytes.len() as u64 > MAX_SIZE {
        true => Err(Failure::usage("it is larger than 64 MiB")),
        false => Ok(bytes),
    }
}

/// What an archive's `export.data` is.
fn data_of(archive: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    let odd = |_| Failure::usage("it is a ZIP archive without `export.data`: no export of 1Password");
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(archive)).map_err(odd)?;
    let entry = archive.by_name("export.data").map_err(odd)?;
    let mut bytes = Zeroizing::new(Vec::new());
    let read = entry.take(MAX_SIZE + 1).read_to_end(&mut bytes);
    match read {
        Ok(_) if bytes.len() as u64 <= MAX_SIZE => Ok(bytes),
        _ => Err(Failure::usage("its `export.data` cannot be read, or is larger than 64 MiB")),
    }
}

/// Names and values, or names and objects with the value in `computed`. What Doppler says of itself is
/// no secret.
fn doppler(whole: &Value) -> Option<Vec<One>> {
    let own = ["DOPPLER_PROJECT", "DOPPLER_ENVIRONMENT", "DOPPLER_CONFIG"];
    let named = whole.as_object()?.iter().filter(|(name, _)| !own.contains(&name.as_str()));
    named
        .map(|(name, value)| {
            let value = match value {
                Value::Object(told) => told.get("computed").or_else(|| told.get("raw"))?.as_str().map(str::to_owned),
                Value::String(text) => Some(text.clone()),
                Value::Null => None,
                _ => return None,
            };
            Some(One { name: name.clone(), of: String::new(), value })
        })
        .collect()
}

/// A list of `key` and `value`; from its API `secretKey` and `secretValue`.
fn infisical(whole: &Value) -> Option<Vec<One>> {
    let list = whole.as_array().or_else(|| whole.get("secrets")?.as_array())?;
    list.iter()
        .map(|one| {
            let text = |names: [&str; 2]| names.iter().find_map(|name| one.get(*name)?.as_str());
            let path = text(["secretPath", "path"]).unwrap_or_default().trim_matches('/');
            let value = text(["value", "secretValue"]).map(str::to_owned);
            Some(One { name: text(["key", "secretKey"])?.to_owned(), of: path.to_owned(), value })
        })
        .collect()
}

/// Every item's concealed fields.
fn one_password(whole: &Value) -> Option<Vec<One>> {
    if let Some(accounts) = whole.get("accounts") {
        let mut found = Vec::new();
        for vault in accounts.as_array()?.iter().flat_map(|account| account["vaults"].as_array()).flatten() {
            let vault_name = vault.pointer("/attrs/name").and_then(Value::as_str).unwrap_or_default();
            for item in vault["items"].as_array()?.iter().map(|item| item.get("item").unwrap_or(item)) {
                if item["trashed"] == true || item["state"] == "archived" {
                    continue;
                }
                let title = item.pointer("/overview/title").and_then(Value::as_str).unwrap_or_default();
                found.extend(named(title, vault_name, concealed(&item["details"])));
            }
        }
        return Some(found);
    }
    let items = whole.as_array().cloned().unwrap_or_else(|| vec![whole.clone()]);
    let mut found = Vec::new();
    for item in &items {
        let (title, fields) = (item.get("title")?.as_str()?, item.get("fields")?.as_array()?);
        let secret = fields.iter().filter(|field| field["type"] == "CONCEALED");
        let each = secret.filter_map(|field| {
            let label = field["label"].as_str().or_else(|| field["id"].as_str())?;
            Some((label.to_owned(), field["value"].as_str().filter(|text| !text.is_empty())?.to_owned()))
        });
        let vault = item.pointer("/vault/name").and_then(Value::as_str).unwrap_or_default();
        found.extend(named(title, vault, each.collect()));
    }
    Some(found)
}

/// Of an item's details: its password, and what is concealed in its sections.
fn concealed(details: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let none = Vec::new();
    let mut found: Vec<(String, String)> = Vec::new();
    found.extend(text(&details["password"]).map(|value| ("password".to_owned(), value)));
    let logins = details["loginFields"].as_array().unwrap_or(&none).iter();
    let passwords = logins.filter(|field| field["designation"] == "password");
    found.extend(passwords.filter_map(|field| Some(("password".to_owned(), text(&field["value"])?))));
    for field in details["sections"].as_array().unwrap_or(&none).iter().flat_map(|section| section["fields"].as_array())
    {
        found.extend(field.iter().filter_map(|field| {
            let title = text(&field["title"]).or_else(|| text(&field["id"]))?;
            Some((title, text(field.pointer("/value/concealed")?)?))
        }));
    }
    found
}

/// An item with one such field is called as it is; with several, each has the field's name behind it.
fn named(title: &str, vault: &str, fields: Vec<(String, String)>) -> Vec<One> {
    let alone = fields.len() == 1;
    let each = fields.into_iter().map(|(field, value)| {
        let name = if alone { fitting(title) } else { format!("{}_{}", fitting(title), fitting(&field)) };
        One { name, of: fitting(vault), value: Some(value) }
    });
    each.collect()
}

/// A title as a name: what a name cannot have becomes `_`.
fn fitting(title: &str) -> String {
    let part = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '_' };
    title.trim().chars().map(part).collect()
}

/// Of several with the same name each has its folder before it, and its number where that is the same.
fn tell_apart(entries: &mut [One]) {
    for prefixed in [true, false] {
        let mut counts = std::collections::HashMap::new();
        for one in entries.iter() {
            *counts.entry(one.name.clone()).or_insert(0_usize) += 1;
        }
        let mut seen = std::collections::HashMap::new();
        for one in entries.iter_mut().filter(|one| counts[&one.name] > 1) {
            let number = seen.entry(one.name.clone()).or_insert(0_usize);
            *number += 1;
            match (prefixed, one.of.is_empty()) {
                (true, false) => one.name = format!("{}/{}", one.of, one.name),
                (false, _) if *number > 1 => one.name = format!("{}_{number}", one.name),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use serde_json::json;

    use super::*;

    fn read(bytes: &[u8], product: Product) -> Result<Vec<(String, Option<String>)>> {
        let file_at = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file_at.path(), bytes).unwrap();
        let values = file(file_at.path(), product)?;
        let text = |value: Bytes| String::from_utf8(value.expose().to_vec()).unwrap();
        Ok(values.entries.into_iter().map(|(name, value)| (name, value.map(text))).collect())
    }

    fn pairs(entries: &[(String, Option<String>)]) -> Vec<(&str, &str)> {
        entries.iter().map(|(name, value)| (name.as_str(), value.as_deref().unwrap_or("(none)"))).collect()
    }

    #[test]
    fn doppler_in_both_forms() {
        let flat = json!({ "API_KEY": "one", "DOPPLER_PROJECT": "shop", "DOPPLER_CONFIG": "prd" });
        let told = json!({ "API_KEY": { "computed": "one", "raw": "${X}", "note": "" } });
        for export in [flat, told] {
            assert_eq!(pairs(&read(export.to_string().as_bytes(), Product::Doppler).unwrap()), [("API_KEY", "one")]);
        }
        assert!(read(b"[1]", Product::Doppler).is_err() && read(b"{\"A\":[1]}", Product::Doppler).is_err());
    }

    #[test]
    fn infisical_in_both_forms() {
        let cli = json!([{ "key": "A", "value": "one", "type": "shared" }, { "key": "B", "value": "" }]);
        assert_eq!(pairs(&read(cli.to_string().as_bytes(), Product::Infisical).unwrap()), [("A", "one"), ("B", "")]);
        let api = json!({ "secrets": [{ "secretKey": "A", "secretValue": "one", "secretPath": "/api" },
            { "secretKey": "A", "secretValue": "two", "secretPath": "/web" }] });
        let found = read(api.to_string().as_bytes(), Product::Infisical).unwrap();
        assert_eq!(pairs(&found), [("api/A", "one"), ("web/A", "two")]);
    }

    #[test]
    fn one_passwords_archive_gives_what_is_concealed() {
        let login = json!({ "overview": { "title": "Stripe (live)" }, "details": { "loginFields": [
            { "value": "me@example.com", "designation": "username" }, { "value": "one", "designation": "password" }],
            "sections": [] } });
        let api = json!({ "overview": { "title": "Payments" }, "details": { "loginFields": [], "sections": [
            { "title": "", "fields": [{ "title": "key id", "value": { "string": "not secret" } },
                { "title": "secret key", "value": { "concealed": "two" } },
                { "title": "webhook", "value": { "concealed": "three" } }] }] } });
        let gone = json!({ "trashed": true, "overview": { "title": "x" }, "details": { "password": "four" } });
        let export = json!({ "accounts": [{ "vaults": [{ "attrs": { "name": "Shop" },
            "items": [login, { "item": api }, gone] }] }] });
        let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        archive.start_file("export.data", zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(export.to_string().as_bytes()).unwrap();
        let bytes = archive.finish().unwrap().into_inner();
        let found = read(&bytes, Product::OnePassword).unwrap();
        let wanted = [("Stripe__live_", "one"), ("Payments_secret_key", "two"), ("Payments_webhook", "three")];
        assert_eq!(pairs(&found), wanted);
    }

    #[test]
    fn one_passwords_items_by_its_command() {
        let item = json!({ "title": "OPENAI_API_KEY", "vault": { "name": "Shop" }, "fields": [
            { "id": "username", "type": "STRING", "label": "username", "value": "me" },
            { "id": "credential", "type": "CONCEALED", "label": "credential", "value": "one" }] });
        let found = read(item.to_string().as_bytes(), Product::OnePassword).unwrap();
        assert_eq!(pairs(&found), [("OPENAI_API_KEY", "one")]);
        let twice = read(json!([item, item]).to_string().as_bytes(), Product::OnePassword).unwrap();
        assert_eq!(pairs(&twice), [("Shop/OPENAI_API_KEY", "one"), ("Shop/OPENAI_API_KEY_2", "one")]);
    }

    #[test]
    fn what_is_no_export_is_told_without_a_value() {
        for product in [Product::Doppler, Product::Infisical, Product::OnePassword] {
            let refused = read(b"{\"A\": hidden", product).unwrap_err();
            assert!(!refused.message.contains("hidden"), "{}", refused.message);
        }
        assert!(read(b"PK\x03\x04 no archive", Product::OnePassword).is_err());
    }
}
