//! What there is, for clients that ask (RFC 7644, 4).

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use crate::scim::fault::{Fault, Result};
use crate::scim::list::MOST;
use crate::scim::session::{Caller, shown};
use crate::scim::{BASE, ENTERPRISE, GROUP, LIST, USER};

pub(super) async fn config(caller: Caller) -> Result<Response> {
    caller.ask(|_| Ok(())).await?;
    let config = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": { "supported": true },
        "bulk": { "supported": false, "maxOperations": 0, "maxPayloadSize": 0 },
        "filter": { "supported": true, "maxResults": MOST },
        "changePassword": { "supported": false },
        "sort": { "supported": false },
        "etag": { "supported": false },
        "authenticationSchemes": [{
            "type": "oauthbearertoken", "name": "Bearer token", "primary": true,
            "description": "A token with the scope `scim`, made by an owner for a service account",
        }],
        "meta": { "resourceType": "ServiceProviderConfig", "location": format!("{BASE}/ServiceProviderConfig") },
    });
    Ok(shown(StatusCode::OK, &config))
}

pub(super) async fn types(caller: Caller) -> Result<Response> {
    caller.ask(|_| Ok(())).await?;
    Ok(shown(StatusCode::OK, &listed(all_types())))
}

pub(super) async fn one_type(caller: Caller, Path(id): Path<String>) -> Result<Response> {
    caller.ask(|_| Ok(())).await?;
    let one = all_types().into_iter().find(|one| one["id"] == id.as_str());
    Ok(shown(StatusCode::OK, &one.ok_or_else(|| Fault::missing("resource type"))?))
}

pub(super) async fn schemas(caller: Caller) -> Result<Response> {
    caller.ask(|_| Ok(())).await?;
    Ok(shown(StatusCode::OK, &listed(all_schemas())))
}

pub(super) async fn one_schema(caller: Caller, Path(id): Path<String>) -> Result<Response> {
    caller.ask(|_| Ok(())).await?;
    let one = all_schemas().into_iter().find(|one| one["id"] == id.as_str());
    Ok(shown(StatusCode::OK, &one.ok_or_else(|| Fault::missing("schema"))?))
}

fn listed(all: Vec<Value>) -> Value {
    json!({
        "schemas": [LIST], "totalResults": all.len(), "startIndex": 1, "itemsPerPage": all.len(), "Resources": all,
    })
}

fn all_types() -> Vec<Value> {
    let one = |name: &str, schema: &str, extensions: Value| {
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
            "id": name, "name": name, "endpoint": format!("/{name}s"), "schema": schema,
            "schemaExtensions": extensions,
            "meta": { "resourceType": "ResourceType", "location": format!("{BASE}/ResourceTypes/{name}") },
        })
    };
    vec![one("User", USER, json!([{ "schema": ENTERPRISE, "required": false }])), one("Group", GROUP, json!([]))]
}

fn all_schemas() -> Vec<Value> {
    let text = |name: &str| attribute(name, "string", false, json!({}));
    let unique = json!({ "required": true, "uniqueness": "server" });
    let names = ["formatted", "familyName", "givenName"].map(text).to_vec();
    let parts = json!({ "subAttributes": names });
    let several =
        json!({ "subAttributes": [text("value"), text("type"), attribute("primary", "boolean", false, json!({}))] });
    let read_only =
        json!({ "mutability": "readOnly", "subAttributes": [text("value"), text("display"), text("$ref")] });
    let members = json!({ "subAttributes": [text("value"), text("type"), text("$ref")] });
    let user = vec![
        attribute("userName", "string", false, unique),
        attribute("name", "complex", false, parts),
        text("displayName"),
        text("title"),
        attribute("active", "boolean", false, json!({})),
        attribute("emails", "complex", true, several.clone()),
        attribute("phoneNumbers", "complex", true, several),
        attribute("groups", "complex", true, read_only),
    ];
    let group = vec![
        attribute("displayName", "string", false, json!({ "required": true, "uniqueness": "server" })),
        attribute("members", "complex", true, members),
    ];
    let enterprise = ["employeeNumber", "costCenter", "organization", "division", "department"].map(text).to_vec();
    vec![
        schema(USER, "User", "A person's account", user),
        schema(GROUP, "Group", "People who are given roles together", group),
        schema(ENTERPRISE, "EnterpriseUser", "What an organisation says of a person", enterprise),
    ]
}

fn schema(id: &str, name: &str, description: &str, attributes: Vec<Value>) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
        "id": id, "name": name, "description": description, "attributes": attributes,
        "meta": { "resourceType": "Schema", "location": format!("{BASE}/Schemas/{id}") },
    })
}

/// An attribute that can be written and read, but for what `more` says.
fn attribute(name: &str, kind: &str, several: bool, more: Value) -> Value {
    let mut one = json!({
        "name": name, "type": kind, "multiValued": several, "required": false, "caseExact": false,
        "mutability": "readWrite", "returned": "default", "uniqueness": "none",
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        one[key] = value.clone();
    }
    one
}
