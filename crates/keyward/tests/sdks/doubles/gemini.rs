//! Google's Gemini: content, streams of it, counting, embeddings, models.

use serde_json::{Value, json as value};

use super::WORDS;
use crate::double::{Answer, Request, Told, json, status};

/// Answers a call.
pub(crate) fn answer(request: &Request, told: &mut Told) -> Answer {
    if request.header("x-goog-api-key") != told.key || request.query.contains("key=") {
        told.fault(request, "the key is not in its place");
        return status(400, error(400, "INVALID_ARGUMENT", "API key not valid"));
    }
    let path = ["/v1/", "/v1beta/"].iter().find_map(|version| request.path.strip_prefix(version));
    let Some(path) = path else {
        told.fault(request, "no such version");
        return status(404, error(404, "NOT_FOUND", "no such version"));
    };
    match (request.method.as_str(), path) {
        ("POST", "models/slow-down:generateContent") if told.slowed.is_multiple_of(2) => {
            told.slowed += 1;
            status(429, error(429, "RESOURCE_EXHAUSTED", "slow down")).with("retry-after", "1")
        }
        ("POST", "models/slow-down:generateContent") => {
            told.slowed += 1;
            whole(told)
        }
        ("POST", "models/nobody:generateContent") => status(404, error(404, "NOT_FOUND", "no such model")),
        ("POST", "models/gemini-2.5-flash:generateContent") => whole(told),
        ("POST", "models/gemini-2.5-flash:streamGenerateContent") => {
            if request.query != "alt=sse" {
                told.fault(request, "no events are wanted");
            }
            stream(told)
        }
        ("POST", "models/gemini-2.5-flash:countTokens") => json(value!({ "totalTokens": 14 })),
        ("POST", "models/gemini-embedding-001:batchEmbedContents") => {
            told.unsaid += 1;
            json(value!({ "embeddings": [{ "values": [1.0, 2.0] }] }))
        }
        ("POST", "models/gemini-embedding-001:embedContent") => {
            told.unsaid += 1;
            json(value!({ "embedding": { "values": [1.0, 2.0] } }))
        }
        ("GET", "models") => json(value!({ "models": [model()] })),
        ("GET", "models/gemini-2.5-flash") => json(model()),
        _ => {
            told.fault(request, "no such call");
            status(404, error(404, "NOT_FOUND", "no such call"))
        }
    }
}

fn error(code: u16, status: &str, message: &str) -> Value {
    value!({ "error": { "code": code, "message": message, "status": status } })
}

fn model() -> Value {
    value!({ "name": "models/gemini-2.5-flash", "displayName": "Flash", "inputTokenLimit": 1000, "outputTokenLimit": 1000,
        "supportedGenerationMethods": ["generateContent"] })
}

fn candidate(text: &str, finish: Option<&str>) -> Value {
    value!([{ "content": { "role": "model", "parts": [{ "text": text }] }, "index": 0, "finishReason": finish }])
}

/// Thoughts are told beside the answer's tokens, and count as output.
fn usage(output: u64) -> Value {
    value!({ "promptTokenCount": 8, "candidatesTokenCount": output, "thoughtsTokenCount": 3, "cachedContentTokenCount": 2,
        "totalTokenCount": 11 + output })
}

fn count(told: &mut Told) {
    told.tokens(8, 5 + 3);
    (told.cached, told.reasoning) = (told.cached + 2, told.reasoning + 3);
}

fn whole(told: &mut Told) -> Answer {
    count(told);
    json(value!({ "candidates": candidate(&WORDS.concat(), Some("STOP")), "usageMetadata": usage(5),
        "modelVersion": "gemini-2.5-flash", "responseId": "r1" }))
}

fn stream(told: &mut Told) -> Answer {
    count(told);
    let events = WORDS.iter().zip(1..).map(|(word, so_far)| {
        let finish = (so_far == 5).then_some("STOP");
        value!({ "candidates": candidate(word, finish), "usageMetadata": usage(so_far), "modelVersion": "gemini-2.5-flash" })
    });
    Answer::events(events)
}
