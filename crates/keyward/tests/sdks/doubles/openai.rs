//! OpenAI: chat, responses, completions, embeddings, models, moderations, files, images, speech.

use serde_json::{Value, json as value};

use super::WORDS;
use crate::double::{Answer, Body, Request, Told, json, status};

/// Answers a call.
pub(crate) fn answer(request: &Request, told: &mut Told) -> Answer {
    if request.header("authorization") != format!("Bearer {}", told.key) {
        told.fault(request, "the key is not in its place");
        return status(401, error("invalid_api_key", "Incorrect API key provided"));
    }
    let asked = request.json();
    match asked["model"].as_str().unwrap_or_default() {
        "slow-down" if told.slowed.is_multiple_of(2) => {
            told.slowed += 1;
            return status(429, error("rate_limit_exceeded", "Rate limit reached")).with("retry-after", "1");
        }
        "slow-down" => told.slowed += 1,
        "nobody" => return status(404, error("model_not_found", "The model `nobody` does not exist")),
        // Some services repeat the key in what they say of it.
        "echo" => return status(400, error("bad", &format!("what is {}", told.key))),
        "breaks" => return status(500, error("server_error", "The server had an error")),
        _ => {}
    }
    match request.call() {
        ("POST", "/v1/chat/completions") => chat(&asked, told),
        ("POST", "/v1/completions") => {
            told.tokens(4, 5);
            json(value!({ "id": "cmpl-1", "object": "text_completion", "created": 1, "model": asked["model"],
                "choices": [{ "text": WORDS.concat(), "index": 0, "finish_reason": "stop", "logprobs": null }],
                "usage": { "prompt_tokens": 4, "completion_tokens": 5, "total_tokens": 9 } }))
        }
        ("POST", "/v1/responses") => responses(&asked, told),
        ("POST", "/v1/embeddings") => embeddings(&asked, told),
        ("POST", "/v1/moderations") => json(value!({ "id": "modr-1", "model": "omni-moderation-latest",
            "results": [{ "flagged": false, "categories": {}, "category_scores": {}, "category_applied_input_types": {} }] })),
        ("GET", "/v1/models") => {
            json(value!({ "object": "list", "data": [model("gpt-4o"), model("gpt-4o-mini")], "has_more": false }))
        }
        ("GET", "/v1/models/gpt-4o") => json(model("gpt-4o")),
        ("POST", "/v1/files") => {
            if !request.header("content-type").starts_with("multipart/form-data; boundary=") {
                told.fault(request, "no form");
            }
            json(file())
        }
        ("GET", "/v1/files") => json(value!({ "object": "list", "data": [file()], "has_more": false })),
        ("GET", "/v1/files/file-1/content") => Answer {
            status: 200,
            headers: vec![],
            body: Body::Bytes("application/octet-stream", vec![0, 159, 146, 150]),
        },
        ("DELETE", "/v1/files/file-1") => json(value!({ "id": "file-1", "object": "file", "deleted": true })),
        ("POST", "/v1/images/generations") => {
            told.tokens(6, 272);
            json(value!({ "created": 1, "data": [{ "b64_json": "AAAA" }],
                "usage": { "input_tokens": 6, "output_tokens": 272, "total_tokens": 278,
                    "input_tokens_details": { "text_tokens": 6, "image_tokens": 0 } } }))
        }
        ("POST", "/v1/audio/speech") => {
            told.unsaid += 1;
            Answer { status: 200, headers: vec![], body: Body::Bytes("audio/mpeg", vec![0xff; 4096]) }
        }
        ("POST", "/v1/audio/transcriptions") => {
            told.tokens(14, 5);
            json(value!({ "text": WORDS.concat(), "usage": { "type": "tokens", "input_tokens": 14, "output_tokens": 5,
                "total_tokens": 19, "input_token_details": { "text_tokens": 0, "audio_tokens": 14 } } }))
        }
        _ => {
            told.fault(request, "no such call");
            status(404, error("not_found", "Unknown request URL"))
        }
    }
}

fn error(code: &str, message: &str) -> Value {
    value!({ "error": { "message": message, "type": "invalid_request_error", "param": null, "code": code } })
}

fn model(id: &str) -> Value {
    value!({ "id": id, "object": "model", "created": 1, "owned_by": "system" })
}

fn file() -> Value {
    value!({ "id": "file-1", "object": "file", "bytes": 4, "created_at": 1, "filename": "a.jsonl", "purpose": "batch",
        "status": "processed" })
}

/// What is read of the prompt: of eleven tokens four from the cache; of the answer two are thoughts.
fn chat(asked: &Value, told: &mut Told) -> Answer {
    told.tokens(11, 7);
    (told.cached, told.reasoning) = (told.cached + 4, told.reasoning + 2);
    let usage = value!({ "prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18,
        "prompt_tokens_details": { "cached_tokens": 4 }, "completion_tokens_details": { "reasoning_tokens": 2 } });
    let model = &asked["model"];
    if asked["stream"] != true {
        let mut message = value!({ "role": "assistant", "content": WORDS.concat(), "refusal": null });
        let mut finish = "stop";
        if asked["tools"].is_array() {
            message["tool_calls"] = value!([{ "id": "call_1", "type": "function",
                "function": { "name": "weather", "arguments": "{\"city\":\"Oslo\"}" } }]);
            finish = "tool_calls";
        }
        if asked["response_format"]["type"] == "json_schema" {
            message["content"] = "{\"count\":5}".into();
        }
        return json(value!({ "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model,
            "choices": [{ "index": 0, "message": message, "finish_reason": finish, "logprobs": null }], "usage": usage }))
        .with("x-request-id", "req_1");
    }
    let wanted = asked["stream_options"]["include_usage"] == true;
    if !wanted {
        told.faults.push("the gateway did not ask for the usage of a stream".into());
    }
    let chunk = |choices: Value, usage: Value| {
        value!({ "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model,
            "choices": choices, "usage": usage })
    };
    let delta = |delta: Value, finish: Value| value!([{ "index": 0, "delta": delta, "finish_reason": finish }]);
    let mut events = vec![chunk(delta(value!({ "role": "assistant", "content": "" }), Value::Null), Value::Null)];
    events.extend(WORDS.map(|word| chunk(delta(value!({ "content": word }), Value::Null), Value::Null)));
    events.push(chunk(delta(value!({}), "stop".into()), Value::Null));
    events.push(chunk(value!([]), usage));
    let mut answer = Answer::events(events);
    if let Body::Pieces(_, pieces) = &mut answer.body {
        pieces.push("data: [DONE]\n\n".into());
    }
    answer
}

fn responses(asked: &Value, told: &mut Told) -> Answer {
    told.tokens(36, 10);
    (told.cached, told.reasoning) = (told.cached + 3, told.reasoning + 4);
    let usage = value!({ "input_tokens": 36, "input_tokens_details": { "cached_tokens": 3, "cache_write_tokens": 0 },
        "output_tokens": 10, "output_tokens_details": { "reasoning_tokens": 4 }, "total_tokens": 46 });
    let text = value!({ "type": "output_text", "text": WORDS.concat(), "annotations": [] });
    let item = |status: &str, content: Value| value!({ "id": "msg_1", "type": "message", "status": status, "role": "assistant", "content": content });
    let response = |status: &str, output: Value, usage: &Value| {
        value!({ "id": "resp_1", "object": "response", "created_at": 1, "status": status, "model": asked["model"],
            "output": output, "usage": usage, "error": null, "incomplete_details": null, "instructions": null,
            "metadata": {}, "parallel_tool_calls": true, "temperature": 1.0, "tool_choice": "auto", "tools": [],
            "top_p": 1.0 })
    };
    let whole = response("completed", value!([item("completed", value!([text]))]), &usage);
    if asked["stream"] != true {
        return json(whole);
    }
    let begun = response("in_progress", value!([]), &Value::Null);
    let mut events = vec![
        value!({ "type": "response.created", "response": begun }),
        value!({ "type": "response.in_progress", "response": begun }),
        value!({ "type": "response.output_item.added", "output_index": 0, "item": item("in_progress", value!([])) }),
        value!({ "type": "response.content_part.added", "item_id": "msg_1", "output_index": 0, "content_index": 0,
            "part": { "type": "output_text", "text": "", "annotations": [] } }),
    ];
    events.extend(WORDS.map(|word| {
        value!({ "type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0, "content_index": 0,
            "delta": word, "logprobs": [] })
    }));
    events.extend([
        value!({ "type": "response.output_text.done", "item_id": "msg_1", "output_index": 0, "content_index": 0,
            "text": WORDS.concat(), "logprobs": [] }),
        value!({ "type": "response.content_part.done", "item_id": "msg_1", "output_index": 0, "content_index": 0, "part": text }),
        value!({ "type": "response.output_item.done", "output_index": 0, "item": item("completed", value!([text])) }),
        value!({ "type": "response.completed", "response": whole }),
    ]);
    for (number, event) in events.iter_mut().enumerate() {
        event["sequence_number"] = number.into();
    }
    Answer::named_events(events)
}

fn embeddings(asked: &Value, told: &mut Told) -> Answer {
    told.tokens(8, 0);
    // Two floats, 1.0 and 2.0, as they lie in memory.
    let base64 = asked["encoding_format"] == "base64";
    let vector = if base64 { "AACAPwAAAEA=".into() } else { value!([1.0, 2.0]) };
    json(value!({ "object": "list", "model": asked["model"],
        "data": [{ "object": "embedding", "index": 0, "embedding": vector }],
        "usage": { "prompt_tokens": 8, "total_tokens": 8 } }))
}
