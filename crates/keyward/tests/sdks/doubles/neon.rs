//! Neon's SQL over HTTP: one statement, or several in one transaction.

use serde_json::{Value, json as value};

use crate::double::{Answer, Request, Told, json, status};

/// Answers a call.
pub(crate) fn answer(request: &Request, told: &mut Told) -> Answer {
    if request.header("neon-connection-string") != told.key || !request.header("authorization").is_empty() {
        told.fault(request, "the connection string is not in its place");
        return status(400, value!({ "message": "password authentication failed for user 'owner'", "code": "28P01" }));
    }
    if request.call() != ("POST", "/sql") {
        told.fault(request, "no such call");
        return status(404, value!({ "message": "not found" }));
    }
    let asked = request.json();
    match asked["queries"].as_array() {
        Some(queries) => json(value!({ "results": queries.iter().map(statement).collect::<Vec<_>>() })),
        None if asked["query"].as_str().is_some_and(|query| query.contains("missing")) => status(
            400,
            value!({ "message": "relation \"missing\" does not exist", "code": "42P01", "severity": "ERROR" }),
        ),
        None => json(statement(&asked)),
    }
}

/// One row, its values as PostgreSQL spells them.
fn statement(asked: &Value) -> Value {
    let name = asked["params"][0].as_str().unwrap_or("Ada");
    value!({ "command": "SELECT", "rowCount": 1, "rowAsArray": true, "rows": [["1", name]],
        "fields": [field("id", 23), field("name", 25)] })
}

fn field(name: &str, kind: u32) -> Value {
    value!({ "name": name, "dataTypeID": kind, "tableID": 0, "columnID": 0, "dataTypeSize": -1, "dataTypeModifier": -1,
        "format": "text" })
}
