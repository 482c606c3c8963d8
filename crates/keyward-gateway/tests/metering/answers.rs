//! Answers of every provider, made from a seed: what they say of themselves, and the pieces they come in.

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, LazyLock, Mutex};

use keyward_gateway::{Counts, Interface};
use keyward_testing::Seed;
use serde_json::{Value, json};

use crate::support::*;

/// The sorts of calls that use tokens or units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Chat,
    Completions,
    Responses,
    Embeddings,
    Messages,
    CohereChat,
    CohereFirst,
    Rerank,
    Gemini,
}

pub(crate) const KINDS: [Kind; 9] = [
    Kind::Chat,
    Kind::Completions,
    Kind::Responses,
    Kind::Embeddings,
    Kind::Messages,
    Kind::CohereChat,
    Kind::CohereFirst,
    Kind::Rerank,
    Kind::Gemini,
];

/// What a body is coded in, although a plain one was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Coding {
    #[default]
    None,
    Gzip,
    Brotli,
    Deflate,
}

/// What a request asks of the upstream.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ask {
    pub(crate) stream: bool,
    pub(crate) id: u64,
    pub(crate) coding: Coding,
    /// Milliseconds before each piece.
    pub(crate) pause: u64,
    /// Pieces of text; 0: some.
    pub(crate) length: u64,
}

/// An answer.
pub(crate) struct Made {
    /// What it says that it used.
    pub(crate) counts: Option<Counts>,
    pub(crate) sort: &'static str,
    /// Each event, or the whole document.
    pub(crate) pieces: Vec<String>,
    /// How many tokens of visible text each piece has.
    pub(crate) tokens: Vec<u64>,
}

/// How many pieces of each answer were written so far, by the answer's id.
pub(crate) static WRITTEN: LazyLock<Mutex<HashMap<u64, Arc<AtomicUsize>>>> = LazyLock::new(Mutex::default);

impl Kind {
    pub(crate) fn interface(self) -> Interface {
        match self {
            Self::Chat | Self::Completions | Self::Responses | Self::Embeddings => Interface::OpenAi,
            Self::Messages => Interface::Anthropic,
            Self::CohereChat | Self::CohereFirst | Self::Rerank => Interface::Cohere,
            Self::Gemini => Interface::Gemini,
        }
    }

    fn path(self, stream: bool) -> &'static str {
        match self {
            Self::Chat => "/openai/v1/chat/completions",
            Self::Completions => "/openai/v1/completions",
            Self::Responses => "/openai/v1/responses",
            Self::Embeddings => "/openai/v1/embeddings",
            Self::Messages => "/openai/v1/messages",
            Self::CohereChat => "/openai/v2/chat",
            Self::CohereFirst => "/openai/v1/chat",
            Self::Rerank => "/openai/v2/rerank",
            Self::Gemini if stream => "/openai/v1beta/models/m:streamGenerateContent?alt=sse",
            Self::Gemini => "/openai/v1beta/models/m:generateContent",
        }
    }

    pub(crate) fn request(self, ask: &Ask) -> String {
        let Ask { stream, id, coding, pause, length } = *ask;
        let coding = format!("{coding:?}");
        // Gemini's stream is asked for by its path.
        let body = json!({ "model": "m", "stream": stream, "max_tokens": 4096,
            "metadata": { "id": id.to_string(), "coding": coding, "pause": pause, "length": length } });
        post(self.path(stream), &body.to_string())
    }
}

/// The double's answer to a request that [`Kind::request`] made.
pub(crate) fn reply_to(kind: Kind, request: &Received) -> Reply {
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let (stream, asked) = (body["stream"] == true, &body["metadata"]);
    let id = asked["id"].as_str().unwrap().parse().unwrap();
    let (pause, length) = (asked["pause"].as_u64().unwrap(), asked["length"].as_u64().unwrap());
    let Some(mut made) = Made::new(kind, stream, id, length) else { return reply("HTTP/1.1 500 No\r\n\r\n").closing() };
    if matches!(kind, Kind::Chat | Kind::Completions) && stream && body["stream_options"]["include_usage"] != true {
        made.pieces.retain(|piece| !piece.contains("\"choices\":[]"));
    }
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {}\r\nTransfer-Encoding: chunked\r\n", made.sort);
    let coding = match asked["coding"].as_str().unwrap() {
        "Gzip" => Coding::Gzip,
        "Brotli" => Coding::Brotli,
        "Deflate" => Coding::Deflate,
        _ => Coding::None,
    };
    let (head, pieces): (String, Vec<Vec<u8>>) = match coding {
        Coding::None => (head + "\r\n", made.pieces.into_iter().map(String::into_bytes).collect()),
        coding => {
            let bytes = code(coding, made.pieces.concat().as_bytes());
            let name = match coding {
                Coding::Gzip => "gzip",
                Coding::Brotli => "br",
                _ => "deflate",
            };
            (format!("{head}Content-Encoding: {name}\r\n\r\n"), bytes.chunks(37).map(<[u8]>::to_vec).collect())
        }
    };
    let written = Arc::new(AtomicUsize::new(0));
    WRITTEN.lock().unwrap().insert(id, Arc::clone(&written));
    let mut reply = reply(head);
    reply.written = Some(written);
    let chunk = |piece: &[u8]| [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat();
    pieces.iter().fold(reply, |reply, piece| reply.then(pause, chunk(piece))).then(0, "0\r\n\r\n")
}

fn code(coding: Coding, plain: &[u8]) -> Vec<u8> {
    match coding {
        Coding::Gzip => {
            let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            writer.write_all(plain).unwrap();
            writer.finish().unwrap()
        }
        Coding::Deflate => {
            let mut writer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
            writer.write_all(plain).unwrap();
            writer.finish().unwrap()
        }
        Coding::Brotli => {
            let mut out = Vec::new();
            brotli::CompressorWriter::new(&mut out, 4096, 4, 20).write_all(plain).unwrap();
            out
        }
        Coding::None => plain.to_vec(),
    }
}

/// Pieces of text as a service sends them, each with its tokens.
fn text(kind: Kind, dice: &mut Seed, pieces: u64) -> Vec<(String, u64)> {
    let words = ["a", "the", "token", "über", "一", "\"quoted\"", "line\n", "internal", "{", "usage"];
    (0..pieces)
        .map(|_| {
            let tokens = match kind.interface() {
                Interface::Anthropic => 1 + dice.below(8) as u64,
                Interface::Gemini => 4 + dice.below(30) as u64,
                Interface::OpenAi | Interface::Cohere => 1,
            };
            ((0..tokens).map(|_| format!("{} ", dice.choose(&words))).collect(), tokens)
        })
        .collect()
}

impl Made {
    /// The answer of this id; `None` where there is none of the sort. `length`: pieces of text; 0: some.
    pub(crate) fn new(kind: Kind, stream: bool, id: u64, length: u64) -> Option<Self> {
        let mut dice = Seed::new(id);
        let pieces = if length > 0 { length } else { 1 + dice.below(40) as u64 };
        let text = text(kind, &mut dice, pieces);
        let visible: u64 = text.iter().map(|(_, tokens)| tokens).sum();
        let (cached, reasoning) = (dice.below(50) as u64, dice.below(50) as u64);
        let input = cached + 1 + dice.below(5000) as u64;
        let counts = Counts { input, output: visible + reasoning, cached, reasoning, ..Counts::default() };
        let whole: String = text.iter().map(|(text, _)| text.as_str()).collect();
        match kind {
            Kind::Embeddings | Kind::Rerank if stream => None,
            Kind::Embeddings => Some(Self::json(
                Counts { input, ..Counts::default() },
                &json!({ "data": [{ "embedding": [0.5, -1e-3], "index": 0 }], "model": "m",
                    "usage": { "prompt_tokens": input, "total_tokens": input } }),
            )),
            Kind::Rerank => Some(Self::json(
                Counts { units: 1 + cached, ..Counts::default() },
                &json!({ "results": [], "meta": { "billed_units": { "search_units": 1 + cached } } }),
            )),
            Kind::Chat | Kind::Completions => Some(chat(kind, stream, counts, &text, &whole)),
            Kind::Responses => Some(responses(stream, counts, &text, &whole)),
            Kind::Messages => Some(messages(stream, counts, &text, &whole)),
            Kind::CohereChat | Kind::CohereFirst => Some(cohere(kind, stream, counts, &text, &whole)),
            Kind::Gemini => Some(gemini(stream, counts, &text, &whole)),
        }
    }

    fn json(counts: Counts, document: &Value) -> Self {
        Self { counts: Some(counts), sort: "application/json", pieces: vec![document.to_string()], tokens: vec![0] }
    }

    /// Events; those of text have tokens.
    fn events(counts: Counts, events: Vec<(Value, u64)>) -> Self {
        let tokens = events.iter().map(|(_, tokens)| *tokens).collect();
        let pieces = events.into_iter().map(|(event, _)| format!("data: {event}\n\n")).collect();
        Self { counts: Some(counts), sort: "text/event-stream; charset=utf-8", pieces, tokens }
    }
}

fn chat(kind: Kind, stream: bool, counts: Counts, text: &[(String, u64)], whole: &str) -> Made {
    let usage = json!({ "prompt_tokens": counts.input, "completion_tokens": counts.output,
        "total_tokens": counts.input + counts.output, "prompt_tokens_details": { "cached_tokens": counts.cached },
        "completion_tokens_details": { "reasoning_tokens": counts.reasoning } });
    let piece = |text: &str| match kind {
        Kind::Chat => json!([{ "index": 0, "delta": { "content": text }, "finish_reason": null }]),
        _ => json!([{ "index": 0, "text": text, "finish_reason": null }]),
    };
    if !stream {
        let choices = json!([{ "index": 0, "message": { "role": "assistant", "content": whole }, "text": whole }]);
        return Made::json(counts, &json!({ "model": "m", "choices": choices, "usage": usage }));
    }
    let mut events: Vec<(Value, u64)> = text
        .iter()
        .map(|(text, tokens)| (json!({ "model": "m", "choices": piece(text), "usage": null }), *tokens))
        .collect();
    events.push((json!({ "model": "m", "choices": [], "usage": usage }), 0));
    let mut made = Made::events(counts, events);
    made.pieces.push("data: [DONE]\n\n".into());
    made.tokens.push(0);
    made
}

fn responses(stream: bool, counts: Counts, text: &[(String, u64)], whole: &str) -> Made {
    let usage = json!({ "input_tokens": counts.input, "input_tokens_details": { "cached_tokens": counts.cached },
        "output_tokens": counts.output, "output_tokens_details": { "reasoning_tokens": counts.reasoning } });
    let document = json!({ "object": "response", "model": "m", "usage": usage,
        "output": [{ "type": "message", "content": [{ "type": "output_text", "text": whole }] }] });
    if !stream {
        return Made::json(counts, &document);
    }
    let begun = json!({ "type": "response.created", "response": { "model": "m", "usage": null } });
    let mut events = vec![(begun, 0)];
    events.extend(text.iter().map(|(text, tokens)| {
        (json!({ "type": "response.output_text.delta", "item_id": "i", "delta": text }), *tokens)
    }));
    events.push((json!({ "type": "response.completed", "response": document }), 0));
    Made::events(counts, events)
}

fn messages(stream: bool, counts: Counts, text: &[(String, u64)], whole: &str) -> Made {
    let plain = counts.input - counts.cached;
    let output = counts.output - counts.reasoning;
    let counts = Counts { output, reasoning: 0, ..counts };
    let usage = |output: u64| {
        json!({ "input_tokens": plain, "cache_read_input_tokens": counts.cached,
        "cache_creation_input_tokens": 0, "output_tokens": output })
    };
    if !stream {
        let content = json!([{ "type": "text", "text": whole }]);
        return Made::json(
            counts,
            &json!({ "type": "message", "model": "m", "content": content, "usage": usage(output) }),
        );
    }
    let begun = json!({ "type": "message_start", "message": { "model": "m", "content": [], "usage": usage(0) } });
    let mut events = vec![(begun, 0)];
    events.extend(text.iter().map(|(text, tokens)| {
        let delta = json!({ "type": "text_delta", "text": text });
        (json!({ "type": "content_block_delta", "index": 0, "delta": delta }), *tokens)
    }));
    events.push((json!({ "type": "message_delta", "delta": {}, "usage": { "output_tokens": output } }), 0));
    Made::events(counts, events)
}

fn cohere(kind: Kind, stream: bool, counts: Counts, text: &[(String, u64)], whole: &str) -> Made {
    let counts = Counts { input: counts.input, output: counts.output - counts.reasoning, ..Counts::default() };
    let usage = json!({ "billed_units": { "input_tokens": counts.input, "output_tokens": counts.output },
        "tokens": { "input_tokens": counts.input + 66, "output_tokens": counts.output + 2 } });
    if kind == Kind::CohereFirst {
        let document = json!({ "text": whole, "meta": usage, "finish_reason": "COMPLETE" });
        if !stream {
            return Made::json(counts, &document);
        }
        let events = text.iter().map(|(text, _)| json!({ "event_type": "text-generation", "text": text }));
        let end = json!({ "event_type": "stream-end", "is_finished": true, "response": document });
        let pieces = events.chain([end]).map(|event| format!("{event}\n")).collect();
        let tokens = text.iter().map(|(_, tokens)| *tokens).chain([0]).collect();
        return Made { counts: Some(counts), sort: "application/stream+json", pieces, tokens };
    }
    if !stream {
        let content = json!([{ "type": "text", "text": whole }]);
        return Made::json(counts, &json!({ "message": { "content": content }, "usage": usage }));
    }
    let mut events = vec![(json!({ "type": "message-start", "delta": {} }), 0)];
    events.extend(text.iter().map(|(text, tokens)| {
        (json!({ "type": "content-delta", "delta": { "message": { "content": { "text": text } } } }), *tokens)
    }));
    events.push((json!({ "type": "message-end", "delta": { "finish_reason": "COMPLETE", "usage": usage } }), 0));
    Made::events(counts, events)
}

fn gemini(stream: bool, counts: Counts, text: &[(String, u64)], whole: &str) -> Made {
    let usage = |visible: u64| {
        json!({ "promptTokenCount": counts.input, "candidatesTokenCount": visible,
        "thoughtsTokenCount": counts.reasoning, "cachedContentTokenCount": counts.cached })
    };
    let said = |text: &str| json!([{ "content": { "parts": [{ "text": text }], "role": "model" } }]);
    if !stream {
        let visible = counts.output - counts.reasoning;
        let document = json!({ "candidates": said(whole), "usageMetadata": usage(visible), "modelVersion": "m" });
        return Made::json(counts, &document);
    }
    let mut so_far = 0;
    let events = text.iter().map(|(text, tokens)| {
        so_far += tokens;
        (json!({ "candidates": said(text), "usageMetadata": usage(so_far), "modelVersion": "m" }), *tokens)
    });
    Made::events(counts, events.collect())
}
