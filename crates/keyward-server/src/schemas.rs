//! What the texts and numbers of requests look like, stated in the document: a program that is made
//! from it, or made up to break us, knows beforehand what is refused. The parsers themselves stand
//! beside the nouns; here is what a schema can say of them.

use std::collections::BTreeSet;

use keyward_client::{FindingState, Role};
use keyward_types::{Access, Kind, Operation};
use serde_json::{Map, Value, json};

/// Narrows the bodies and queries of every call. What answers look like is left as it is.
pub(crate) fn narrow(document: &mut Value) {
    let mut bodies = BTreeSet::new();
    for operation in operations(document) {
        references(&operation["requestBody"], &mut bodies);
    }
    let mut rest: Vec<String> = bodies.iter().cloned().collect();
    while let Some(name) = rest.pop() {
        let mut inside = BTreeSet::new();
        references(&document["components"]["schemas"][&name], &mut inside);
        rest.extend(inside.into_iter().filter(|inner| bodies.insert(inner.clone())));
    }
    for name in bodies {
        let schema = &mut document["components"]["schemas"][&name];
        for (field, property) in schema["properties"].as_object_mut().into_iter().flatten() {
            if let Some(form) = form(&name, field) {
                merge(property, form);
            }
        }
    }
    for operation in operations_mut(document) {
        for parameter in operation["parameters"].as_array_mut().into_iter().flatten() {
            if parameter["in"] == "query"
                && let Some(form) = parameter["name"].as_str().and_then(in_query)
            {
                merge(&mut parameter["schema"], form);
            }
        }
    }
}

/// By the name of a body's schema and of its field.
fn form(schema: &str, field: &str) -> Option<Value> {
    Some(match (schema, field) {
        ("NewProject" | "ProjectChange" | "NewEnvironment", "name") => word(128),
        ("NewProject", "environments") => json!({ "items": word(128) }),
        ("NamedValue" | "FoundSecret", "name") | ("Question", "secret") => name(),
        ("NewGroup" | "Draft" | "NewSink" | "NewProvider", "name") => login(),
        ("NewPasskey", "name") => json!({ "minLength": 1, "maxLength": 100, "pattern": "[A-Za-z0-9]" }),
        ("Metadata", "kind") => one_of(Kind::ALL),
        ("Metadata", "access") => one_of([Access::ReadOnly, Access::ReadWrite, Access::Admin, Access::Public]),
        ("Metadata", "rotate_every_days" | "max_versions") | ("NewToken", "uses") => json!({ "minimum": 1 }),
        ("NewVirtualKey", "name") => login(),
        ("NewKeySecret", "secret") => name(),
        ("NewKeySecret", "provider") => service(),
        ("NewKeySecret", "upstream") => {
            json!({ "maxLength": 512, "pattern": "^https://[a-z0-9]([a-z0-9-]*[a-z0-9])?(\\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$" })
        }
        ("NewChildKey", "providers") => json!({ "maxItems": 16, "items": service() }),
        ("NewChildKey", "seconds") => json!({ "minimum": 1, "maximum": 86_400 }),
        ("NewChildKey", "subject") => json!({ "minLength": 1, "maxLength": 100, "pattern": "^[A-Za-z0-9@._-]+$" }),
        ("KeyRotation", "grace_seconds") => json!({ "maximum": 604_800 }),
        ("KeyRules", "rpm" | "tpm" | "parallel" | "uses") => json!({ "minimum": 1 }),
        ("KeyRules", "max_stale") => json!({ "minimum": 1, "maximum": 3600 }),
        ("KeyRules", "allow") => {
            some("^((GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) )?/[a-z0-9]+(/[a-z0-9]+)*(/\\*\\*?)?$")
        }
        ("KeyRules", "models") => some("^[A-Za-z0-9._-]+\\*?$"),
        ("KeyRules", "origins") => some("^https://[a-z0-9]([a-z0-9-]*[a-z0-9])?$"),
        ("KeyRules", "networks") => some("^(10\\.0\\.0\\.0/8|192\\.0\\.2\\.[0-9]|2001:db8::/32)$"),
        ("KeyRules", "tags") => some("^[A-Za-z0-9._-]+$"),
        ("KeyRules", "budgets") => {
            json!({ "maxItems": 1, "items": { "type": "string", "pattern": "^[1-9][0-9]{0,8}(usd|tokens|requests)/(day|month)$" } })
        }
        ("Rotate", "version") => json!({ "minimum": 1 }),
        ("NewTrust", "seconds") => json!({ "minimum": 60, "maximum": 3600 }),
        ("NewTrust" | "NewProvider", "issuer") => {
            json!({ "minLength": 1, "maxLength": 512, "pattern": "^https://[a-z0-9.-]+(/[A-Za-z0-9._/-]*)?$" })
        }
        ("NewTrust", "audience") | ("NewProvider", "client_id") => json!({ "minLength": 1, "maxLength": 512 }),
        ("Wanted", "seconds") => json!({ "minimum": 1, "maximum": 86_400 }),
        ("Wanted", "reason") => json!({ "minLength": 1, "maxLength": 1000, "pattern": "[A-Za-z0-9]" }),
        ("Question", "operation") => one_of(Operation::ALL),
        ("Use", "purpose") => json!({ "enum": ["read", "run", "export", "copy"] }),
        ("Use", "first" | "last") => json!({ "format": "date-time" }),
        ("Settled", "settlement") => json!({ "enum": ["done", "dismissed", "reopened"] }),
        ("Answer", "decision") => json!({ "enum": ["keep", "narrow", "remove"] }),
        ("Newcomer", "template") => json!({ "enum": ["developer", "operator", "auditor"] }),
        ("Said", "said") => json!({ "enum": ["policy", "leak_contact"] }),
        ("Decision", "state") => states(),
        (_, "role") => one_of(Role::GRANTABLE),
        (_, "project" | "environment" | "parent") => word(128),
        ("NewServiceAccount", "owner") | (_, "login" | "account" | "group") => login(),
        (_, "until" | "expires_at") => json!({ "format": "date-time" }),
        _ => return None,
    })
}

fn in_query(name: &str) -> Option<Value> {
    Some(match name {
        "limit" => json!({ "minimum": 1, "maximum": 1000 }),
        "purpose" => json!({ "enum": ["read", "run", "export", "copy"] }),
        "cursor" => json!({ "minLength": 1, "pattern": "^[A-Za-z0-9_-]+$" }),
        "names" => json!({ "minLength": 1 }),
        "name" => json!({ "minLength": 1, "maxLength": 256 }),
        "state" => states(),
        "version" => json!({ "minimum": 1 }),
        "from" | "to" => json!({ "format": "date-time" }),
        _ => return None,
    })
}

/// A service, by the catalogue's id.
fn service() -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[a-z0-9-]+$" })
}

/// A list of texts that look like this.
fn some(pattern: &str) -> Value {
    json!({ "maxItems": 64, "items": { "type": "string", "minLength": 1, "maxLength": 64, "pattern": pattern } })
}

/// One segment of a name.
pub(crate) fn word(longest: u32) -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": longest, "pattern": "^[A-Za-z0-9_-][A-Za-z0-9._-]*$" })
}

/// A secret's name: segments joined by `/`.
pub(crate) fn name() -> Value {
    let segment = "[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}";
    json!({ "type": "string", "minLength": 1, "pattern": format!("^{segment}(/{segment}){{0,15}}$") })
}

/// Logins, and names of groups and policies.
pub(crate) fn login() -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[a-z0-9]([a-z0-9._@-]*[a-z0-9])?$" })
}

fn states() -> Value {
    use FindingState::{Accepted, FalsePositive, Fixed, Open, Revoked};
    let states = [Open, Fixed, Revoked, FalsePositive, Accepted];
    json!({ "enum": states.map(|state| serde_json::to_value(state).unwrap_or_default()) })
}

fn one_of<T: serde::Serialize>(all: impl IntoIterator<Item = T>) -> Value {
    let all: Vec<Value> = all.into_iter().map(|one| serde_json::to_value(one).unwrap_or_default()).collect();
    json!({ "enum": all })
}

/// What is said of a field stays; what may be null may be it still.
fn merge(schema: &mut Value, form: Value) {
    let nullable = schema["type"].as_array().is_some_and(|types| types.iter().any(|one| one == "null"));
    let Some(fields) = schema.as_object_mut() else { return };
    for (key, mut value) in form.as_object().cloned().unwrap_or_default() {
        if key == "type" && nullable {
            continue;
        }
        if let (true, "enum", Some(values)) = (nullable, key.as_str(), value.as_array_mut()) {
            values.push(Value::Null);
        }
        fields.insert(key, value);
    }
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            if let Some(name) = fields.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next()) {
                found.insert(name.to_owned());
            }
            fields.values().for_each(|inner| references(inner, found));
        }
        Value::Array(items) => items.iter().for_each(|inner| references(inner, found)),
        _ => {}
    }
}

fn operations(document: &Value) -> impl Iterator<Item = &Value> {
    document["paths"].as_object().into_iter().flat_map(Map::values).filter_map(Value::as_object).flat_map(Map::values)
}

fn operations_mut(document: &mut Value) -> impl Iterator<Item = &mut Value> {
    let paths = document["paths"].as_object_mut().into_iter().flat_map(Map::values_mut);
    paths.filter_map(Value::as_object_mut).flat_map(Map::values_mut)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_narrowed_and_answers_are_not() {
        let document = crate::openapi();
        let schemas = &document["components"]["schemas"];
        assert_eq!(schemas["ProjectChange"]["properties"]["name"]["maxLength"], 128);
        assert!(schemas["NewRoleBinding"]["properties"]["role"]["enum"].as_array().is_some_and(|all| all.len() > 5));
        let kind = &schemas["Metadata"]["properties"]["kind"]["enum"];
        assert!(kind.as_array().is_some_and(|all| all.contains(&Value::Null)), "{kind}");
        assert!(schemas["RoleBinding"]["properties"]["account"]["pattern"].is_null(), "an answer may hold an id");
    }
}
