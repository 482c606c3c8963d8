//! Qdrant over REST: collections and points.

use serde_json::{Value, json as value};

use crate::double::{Answer, Request, Told, json, status};

/// Answers a call.
pub(crate) fn answer(request: &Request, told: &mut Told) -> Answer {
    if request.header("api-key") != told.key {
        told.fault(request, "the key is not in its place");
        return status(403, value!({ "status": { "error": "Must provide an API key" }, "time": 0.0 }));
    }
    let point = value!({ "id": 1, "version": 0, "score": 0.9, "payload": { "a": 1 }, "vector": null });
    let done = value!({ "operation_id": 1, "status": "completed" });
    let path = request.path.trim_end_matches('/');
    match (request.method.as_str(), path) {
        ("GET", "") => json(value!({ "title": "qdrant - vector search engine", "version": "1.18.0" })),
        ("GET", "/collections") => result(value!({ "collections": [{ "name": "docs" }] })),
        ("GET", "/collections/docs") => result(collection()),
        ("GET", "/collections/docs/exists") => result(value!({ "exists": true })),
        ("GET", "/collections/missing") => status(
            404,
            value!({ "status": { "error": "Not found: Collection `missing` doesn't exist!" }, "time": 0.0 }),
        ),
        ("PUT", "/collections/docs") | ("DELETE", "/collections/docs") => result(true.into()),
        ("PUT", "/collections/docs/points") => {
            if request.json()["points"][0]["id"] != 1 && request.json()["batch"]["ids"][0] != 1 {
                told.fault(request, "no point");
            }
            result(done)
        }
        ("PUT", "/collections/docs/index")
        | ("POST", "/collections/docs/points/payload" | "/collections/docs/points/delete") => result(done),
        ("POST", "/collections/docs/points/query") => result(value!({ "points": [point] })),
        ("POST", "/collections/docs/points/query/batch") => result(value!([{ "points": [point] }])),
        ("POST", "/collections/docs/points/scroll") => result(value!({ "points": [point], "next_page_offset": null })),
        ("POST", "/collections/docs/points/count") => result(value!({ "count": 1 })),
        ("POST", "/collections/docs/points") => result(value!([point])),
        _ => {
            told.fault(request, "no such call");
            status(404, value!({ "status": { "error": "Not found" }, "time": 0.0 }))
        }
    }
}

fn result(result: Value) -> Answer {
    json(value!({ "result": result, "status": "ok", "time": 0.001, "usage": null }))
}

fn collection() -> Value {
    value!({ "status": "green", "optimizer_status": "ok", "indexed_vectors_count": 0, "points_count": 1, "segments_count": 1,
        "config": { "params": { "vectors": { "size": 2, "distance": "Cosine" } },
            "hnsw_config": { "m": 16, "ef_construct": 100, "full_scan_threshold": 10000 },
            "optimizer_config": { "deleted_threshold": 0.2, "vacuum_min_vector_number": 1000, "default_segment_number": 0,
                "flush_interval_sec": 5 } },
        "payload_schema": {} })
}
