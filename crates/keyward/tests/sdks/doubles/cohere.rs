//! Cohere: chat of both versions, embed, rerank, tokenize, models.

use serde_json::{Value, json as value};

use super::WORDS;
use crate::double::{Answer, Body, Request, Told, json, status};

/// Answers a call.
pub(crate) fn answer(request: &Request, told: &mut Told) -> Answer {
    if request.header("authorization") != format!("Bearer {}", told.key) {
        told.fault(request, "the key is not in its place");
        return status(401, value!({ "message": "invalid api token" }));
    }
    let asked = request.json();
    match asked["model"].as_str().unwrap_or_default() {
        "slow-down" if told.slowed.is_multiple_of(2) => {
            told.slowed += 1;
            return status(429, value!({ "message": "slow down" })).with("retry-after", "1");
        }
        "slow-down" => told.slowed += 1,
        "nobody" => return status(404, value!({ "message": "model 'nobody' not found" })),
        _ => {}
    }
    match request.call() {
        ("POST", "/v2/chat") => chat(&asked, told),
        ("POST", "/v1/chat") => first_chat(&asked, told),
        ("POST", "/v2/embed") => {
            told.tokens(3, 0);
            json(value!({ "id": "e1", "texts": ["count"], "embeddings": { "float": [[1.0, 2.0]] },
                "meta": { "api_version": { "version": "2" }, "billed_units": { "input_tokens": 3 } } }))
        }
        // Searches are no tokens.
        ("POST", "/v2/rerank") => json(value!({ "id": "r1",
            "results": [{ "index": 1, "relevance_score": 0.9 }, { "index": 0, "relevance_score": 0.1 }],
            "meta": { "api_version": { "version": "2" }, "billed_units": { "search_units": 1 } } })),
        ("POST", "/v1/tokenize") => json(value!({ "tokens": [1, 2], "token_strings": ["co", "unt"], "meta": {} })),
        ("POST", "/v1/detokenize") => json(value!({ "text": "count", "meta": {} })),
        ("GET", "/v1/models") => json(value!({ "models": [model()] })),
        ("GET", "/v1/models/command-a-03-2025") => json(model()),
        _ => {
            told.fault(request, "no such call");
            status(404, value!({ "message": "not found" }))
        }
    }
}

fn model() -> Value {
    value!({ "name": "command-a-03-2025", "endpoints": ["chat"], "finetuned": false, "context_length": 1000 })
}

/// What is billed is less than what was processed, and what is counted.
fn chat(asked: &Value, told: &mut Told) -> Answer {
    told.tokens(5, 6);
    let usage = value!({ "billed_units": { "input_tokens": 5, "output_tokens": 6 },
        "tokens": { "input_tokens": 71, "output_tokens": 8 } });
    if asked["stream"] != true {
        return json(value!({ "id": "c1", "finish_reason": "COMPLETE", "usage": usage,
            "message": { "role": "assistant", "content": [{ "type": "text", "text": WORDS.concat() }] } }));
    }
    let mut events = vec![
        value!({ "type": "message-start", "id": "c1", "delta": { "message": { "role": "assistant", "content": [] } } }),
        value!({ "type": "content-start", "index": 0, "delta": { "message": { "content": { "type": "text", "text": "" } } } }),
    ];
    events.extend(WORDS.map(
        |word| value!({ "type": "content-delta", "index": 0, "delta": { "message": { "content": { "text": word } } } }),
    ));
    events.extend([
        value!({ "type": "content-end", "index": 0 }),
        value!({ "type": "message-end", "delta": { "finish_reason": "COMPLETE", "usage": usage } }),
    ]);
    Answer::named_events(events)
}

/// The first version streams JSON, a line each.
fn first_chat(asked: &Value, told: &mut Told) -> Answer {
    told.tokens(5, 6);
    let whole = value!({ "response_id": "r1", "generation_id": "g1", "text": WORDS.concat(), "finish_reason": "COMPLETE",
        "meta": { "api_version": { "version": "1" }, "billed_units": { "input_tokens": 5, "output_tokens": 6 },
            "tokens": { "input_tokens": 71, "output_tokens": 8 } } });
    if asked["stream"] != true {
        return json(whole);
    }
    let mut events = vec![value!({ "event_type": "stream-start", "is_finished": false, "generation_id": "g1" })];
    events.extend(WORDS.map(|word| value!({ "event_type": "text-generation", "is_finished": false, "text": word })));
    events.push(
        value!({ "event_type": "stream-end", "is_finished": true, "finish_reason": "COMPLETE", "response": whole }),
    );
    let pieces = events.into_iter().map(|event| format!("{event}\n")).collect();
    Answer { status: 200, headers: vec![], body: Body::Pieces("application/stream+json", pieces) }
}
