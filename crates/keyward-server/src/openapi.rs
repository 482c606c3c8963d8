//! The OpenAPI 3.1 document, made from the handlers. What is the same for every call (names in the
//! path, the token, problems) is added here, once.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use utoipa::PartialSchema;

use crate::app::App;
use crate::{problem, routes};

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
    document["security"] = json!([{ "token": [] }]);
    let components = &mut document["components"];
    components["securitySchemes"] = json!({ "token": { "type": "http", "scheme": "bearer" } });
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
    document
}

fn completed(path: &str, mut item: Value) -> Value {
    for (method, operation) in item.as_object_mut().into_iter().flatten() {
        operation["responses"]["default"] = json!({ "$ref": "#/components/responses/Problem" });
        let mut parameters: Vec<Value> = path.split('/').filter_map(parameter).collect();
        parameters.extend(operation["parameters"].as_array().into_iter().flatten().cloned());
        if method != "get" {
            parameters.push(header_parameter("Idempotency-Key", "Asked for again, the change is carried out once"));
            if path.ends_with("{name}") {
                parameters
                    .push(header_parameter("If-Match", "Only where the secret has this entity tag; `*`: a value"));
                parameters.push(header_parameter("If-None-Match", "`*`: only where there is no value yet"));
            }
        }
        operation["parameters"] = Value::Array(parameters);
    }
    item
}

fn parameter(part: &str) -> Option<Value> {
    let name = part.strip_prefix('{')?.strip_suffix('}')?;
    let (description, schema) = match name {
        "project" => ("Name of a project", word(128)),
        "environment" => ("Name of an environment", word(128)),
        "name" => ("Name of a secret; parts are joined by `/`", json!({ "type": "string", "minLength": 1 })),
        "login" => ("Login of an account", word(64)),
        "group" => ("Name of a group", word(64)),
        "policy" => ("Name of a policy", word(64)),
        "sink" => ("Name of a place that alerts go to", word(64)),
        "id" => ("Its id", word(64)),
        _ => ("A number", json!({ "type": "integer", "format": "int64", "minimum": 0 })),
    };
    Some(json!({ "name": name, "in": "path", "required": true, "description": description, "schema": schema }))
}

fn word(longest: u32) -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": longest, "pattern": "^[A-Za-z0-9._@-]+$" })
}

fn header_parameter(name: &str, description: &str) -> Value {
    json!({ "name": name, "in": "header", "description": description, "schema": { "type": "string" } })
}

/// `/api/v1/openapi.json`.
pub(crate) async fn serve(State(app): State<Arc<App>>) -> Response {
    let mut response = app.document.clone().into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
