//! The OpenAPI 3.1 document, made from the handlers. What is the same for every call (names in the
//! path, the token, problems) is added here, once.

use std::sync::LazyLock;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use utoipa::PartialSchema;

use crate::schemas::{self, login, word};
use crate::{problem, repeat, routes};

/// The document. A copy lies in `docs/openapi.json`.
#[must_use]
pub fn document() -> Value {
    let made = routes::router().into_openapi();
    let mut document = serde_json::to_value(&made).unwrap_or_default();
    document["openapi"] = json!("3.1.0");
    document["info"] = json!({
        "title": "keyward control API",
        "version": "1",
        "description": "Projects, environments, secrets and their audit log. Every call is on record.",
        "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
    });
    document["servers"] = json!([{ "url": "/api/v1" }]);
    document["security"] = json!([{ "token": [] }, { "session": [] }, { "sessionInTheClear": [] }]);
    let components = &mut document["components"];
    let cookie = |name: &str, description: &str| json!({ "type": "apiKey", "in": "cookie", "name": name, "description": description });
    components["securitySchemes"] = json!({
        "token": { "type": "http", "scheme": "bearer", "description": "A token, or a session of a device" },
        "session": cookie("__Host-keyward", "The session of a browser, for pages of this server"),
        "sessionInTheClear": cookie("keyward", "The same on this machine, without TLS"),
    });
    components["schemas"]["Problem"] = serde_json::to_value(problem::Body::schema()).unwrap_or_default();
    components["responses"]["Problem"] = json!({
        "description": "It was not carried out; `code` and `hint` say why and what to do",
        "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
    });
    let paths = document["paths"].take();
    let paths = paths.as_object().into_iter().flatten().map(|(path, item)| {
        let path = path.replace("{*", "{");
        let item = completed(&path, item.clone());
        (path, item)
    });
    document["paths"] = Value::Object(paths.collect::<Map<_, _>>());
    schemas::narrow(&mut document);
    document
}

fn completed(path: &str, mut item: Value) -> Value {
    for (method, operation) in item.as_object_mut().into_iter().flatten() {
        let takes_body = operation["requestBody"].is_object();
        for status in refusals(method, path, takes_body).into_iter().chain(["default"]) {
            if operation["responses"][status].is_null() {
                operation["responses"][status] = json!({ "$ref": "#/components/responses/Problem" });
            }
        }
        let mut parameters: Vec<Value> = path.split('/').filter_map(parameter).collect();
        parameters.extend(operation["parameters"].as_array().into_iter().flatten().cloned());
        // What is shown once is not kept for a repetition.
        if method != "get" && !repeat::keeps_nothing(path) {
            parameters.push(idempotency_key());
            // To ask a service about a key changes no secret.
            if path.ends_with("{name}") && !path.contains("/verify/") {
                parameters.extend(expectations());
            }
        }
        operation["parameters"] = Value::Array(parameters);
    }
    item
}

/// With what statuses a call is refused: what is not among them, no call answers by itself.
fn refusals(method: &str, path: &str, takes_body: bool) -> Vec<&'static str> {
    let mut all = vec!["400", "401", "403", "404", "408", "413", "421", "503"];
    if method != "get" {
        all.extend(["409", "412", "422"]);
    }
    if takes_body {
        all.extend(["415", "422"]);
    }
    if repeat::keeps_nothing(path) {
        all.push("429");
    }
    // What an identity provider answers wrongly, or not at all.
    if path.starts_with("/auth/oidc/{") || path == "/auth/workload" {
        all.push("502");
    }
    all
}

fn parameter(part: &str) -> Option<Value> {
    let name = part.strip_prefix('{')?.strip_suffix('}')?;
    let (description, schema) = match name {
        "project" => ("Name of a project", word(128)),
        "environment" => ("Name of an environment", word(128)),
        "name" => ("Name of a secret; parts are joined by `/`", schemas::name()),
        "login" => ("Login of an account", login()),
        "group" => ("Name of a group", login()),
        "policy" => ("Name of a policy", login()),
        "provider" => ("Name of an identity provider", login()),
        "sink" => ("Name of a place that alerts go to", login()),
        "id" => ("Its id", json!({ "type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[A-Za-z0-9_-]+$" })),
        _ => ("A number", json!({ "type": "integer", "format": "int64", "minimum": 0 })),
    };
    Some(json!({ "name": name, "in": "path", "required": true, "description": description, "schema": schema }))
}

fn idempotency_key() -> Value {
    let mut key = header_parameter("Idempotency-Key", "Asked for again, the change is carried out once");
    key["schema"] = json!({ "type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$" });
    key
}

fn expectations() -> [Value; 2] {
    let mut matching = header_parameter("If-Match", "Only where the secret has this entity tag; `*`: a value");
    matching["schema"] = json!({ "type": "string", "pattern": r#"^(\*|"[!#-~]*"(, *"[!#-~]*")*)$"# });
    let mut none = header_parameter("If-None-Match", "`*`: only where there is no value yet");
    none["schema"] = json!({ "type": "string", "enum": ["*"] });
    [matching, none]
}

fn header_parameter(name: &str, description: &str) -> Value {
    json!({ "name": name, "in": "header", "description": description, "schema": { "type": "string" } })
}

/// The document as it is served: the same for every vault, and made when it is first asked for.
static TEXT: LazyLock<String> = LazyLock::new(|| serde_json::to_string(&document()).unwrap_or_default());

/// `/api/v1/openapi.json`.
pub(crate) async fn serve() -> Response {
    let mut response = TEXT.as_str().into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
