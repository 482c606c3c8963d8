//! Anthropic: messages, their counting, models, batches.

use serde_json::{Value, json as value};

use super::WORDS;
use crate::double::{Answer, Body, Request, Told, json, status};

/// Answers a call.
pub(crate) fn answer(request: &Request, told: &mut Told) -> Answer {
    if request.header("x-api-key") != told.key || !request.header("authorization").is_empty() {
        told.fault(request, "the key is not in its place");
        return status(401, error("authentication_error", "invalid x-api-key"));
    }
    if request.header("anthropic-version").is_empty() {
        told.fault(request, "no version");
    }
    let asked = request.json();
    match asked["model"].as_str().unwrap_or_default() {
        "slow-down" if told.slowed.is_multiple_of(2) => {
            told.slowed += 1;
            return status(429, error("rate_limit_error", "slow down")).with("retry-after", "1");
        }
        "slow-down" => told.slowed += 1,
        "nobody" => return status(404, error("not_found_error", "model: nobody")),
        "busy" => return status(529, error("overloaded_error", "Overloaded")),
        _ => {}
    }
    match request.call() {
        ("POST", "/v1/messages") => messages(&asked, told),
        ("POST", "/v1/messages/count_tokens") => json(value!({ "input_tokens": 14 })),
        ("GET", "/v1/models") => {
            json(value!({ "data": [model()], "has_more": false, "first_id": "claude-x", "last_id": "claude-x" }))
        }
        ("GET", "/v1/models/claude-x") => json(model()),
        ("POST", "/v1/messages/batches") => json(batch()),
        ("GET", "/v1/messages/batches/msgbatch_1") => json(batch()),
        ("GET", "/v1/messages/batches/msgbatch_1/results") => {
            let line = value!({ "custom_id": "a", "result": { "type": "canceled" } });
            Answer {
                status: 200,
                headers: vec![],
                body: Body::Pieces("application/x-jsonl", vec![format!("{line}\n")]),
            }
        }
        _ => {
            told.fault(request, "no such call");
            status(404, error("not_found_error", "Not found"))
        }
    }
}

fn error(kind: &str, message: &str) -> Value {
    value!({ "type": "error", "error": { "type": kind, "message": message }, "request_id": "req_1" })
}

fn model() -> Value {
    value!({ "type": "model", "id": "claude-x", "display_name": "X", "created_at": "2026-01-01T00:00:00Z" })
}

/// The results stand at the service's own address, which an SDK knows better than to follow.
fn batch() -> Value {
    value!({ "id": "msgbatch_1", "type": "message_batch", "processing_status": "ended", "created_at": "2026-01-01T00:00:00Z",
        "expires_at": "2026-01-02T00:00:00Z", "ended_at": "2026-01-01T01:00:00Z", "archived_at": null,
        "cancel_initiated_at": null, "results_url": null,
        "request_counts": { "processing": 0, "succeeded": 0, "errored": 0, "canceled": 1, "expired": 0 } })
}

/// Of the input 20 tokens came from the cache and 5 went there; what is counted is all of it.
fn messages(asked: &Value, told: &mut Told) -> Answer {
    told.tokens(9 + 20 + 5, 12);
    told.cached += 20;
    let usage = |output: u64| value!({ "input_tokens": 9, "cache_read_input_tokens": 20, "cache_creation_input_tokens": 5, "output_tokens": output });
    let message = |content: Value, stop: Value, output: u64| {
        value!({ "id": "msg_1", "type": "message", "role": "assistant", "model": asked["model"], "content": content,
            "stop_reason": stop, "stop_sequence": null, "usage": usage(output) })
    };
    if asked["stream"] != true {
        let content = if asked["tools"].is_array() {
            value!([{ "type": "tool_use", "id": "toolu_1", "name": "weather", "input": { "city": "Oslo" } }])
        } else {
            value!([{ "type": "text", "text": WORDS.concat() }])
        };
        return json(message(content, "end_turn".into(), 12)).with("request-id", "req_1");
    }
    let mut events = vec![
        value!({ "type": "message_start", "message": message(value!([]), Value::Null, 1) }),
        value!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } }),
        value!({ "type": "ping" }),
    ];
    events.extend(WORDS.map(
        |word| value!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": word } }),
    ));
    events.extend([
        value!({ "type": "content_block_stop", "index": 0 }),
        value!({ "type": "message_delta", "delta": { "stop_reason": "end_turn", "stop_sequence": null },
            "usage": { "output_tokens": 12 } }),
        value!({ "type": "message_stop" }),
    ]);
    Answer::named_events(events)
}
