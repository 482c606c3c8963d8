//! Supabase: PostgREST's tables and functions, storage, edge functions.

use serde_json::{Value, json as value};

use crate::double::{Answer, Request, Told, json, status};

/// Answers a call.
pub(crate) fn answer(request: &Request, told: &mut Told) -> Answer {
    let bearer = format!("Bearer {}", told.key);
    if request.header("apikey") != told.key || request.header("authorization") != bearer {
        told.fault(request, "the key is not in both of its places");
        return status(401, value!({ "message": "Invalid API key", "hint": "Double check your API key." }));
    }
    let row = value!({ "id": 1, "name": "Ada" });
    let single = request.header("accept").contains("vnd.pgrst.object");
    let rows = || if single { row.clone() } else { value!([row]) };
    match request.call() {
        ("GET", "/rest/v1/people") if request.header("prefer").contains("count=exact") => {
            json(rows()).with("content-range", "0-0/1")
        }
        ("GET", "/rest/v1/people") => json(rows()),
        ("HEAD", "/rest/v1/people") => {
            Answer { body: crate::double::Body::Json(Value::Null), ..json(Value::Null) }.with("content-range", "*/1")
        }
        ("POST", "/rest/v1/people") => status(201, rows()),
        ("PATCH" | "DELETE", "/rest/v1/people") => json(rows()),
        ("POST", "/rest/v1/rpc/add") => json(value!(3)),
        ("GET", "/rest/v1/missing") => status(
            404,
            value!({ "code": "42P01", "details": null, "hint": null,
            "message": "relation \"public.missing\" does not exist" }),
        ),
        ("GET", "/storage/v1/bucket") => json(value!([{ "id": "b", "name": "b", "public": false, "owner": "",
            "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z", "file_size_limit": null,
            "allowed_mime_types": null }])),
        ("POST", "/functions/v1/hello") => json(value!({ "hello": "Ada" })),
        _ => {
            told.fault(request, "no such call");
            status(404, value!({ "message": "no such call" }))
        }
    }
}
