//! What a call used, read from the answer as it passes.
//!
//! Providers say it in JSON or in events, somewhere below a name of their own; the last word counts,
//! since streams say it again as they go. Where an answer ends without a word (the caller hung up,
//! the upstream cut off) the count is estimated from what passed ([`pace`](crate::pace)) and marked as that.

pub(crate) mod json;
pub(crate) mod sse;

use bytes::{Bytes, BytesMut};

use json::{Event, JsonReader, Place};
use sse::{Part, SseReader};

/// Whose answers are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interface {
    /// OpenAI's chat, responses, completions and embeddings, and whoever speaks them.
    OpenAi,
    /// Anthropic's messages.
    Anthropic,
    /// Cohere's v1 and v2.
    Cohere,
    /// Google's Gemini.
    Gemini,
}

/// Tokens of one call. Those that were cached or reasoned are part of input and output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tokens of input.
    pub input: u64,
    /// Tokens of output.
    pub output: u64,
    /// Of the input, what came from the provider's cache.
    pub cached: u64,
    /// Of the input, what was written to it.
    pub cache_write: u64,
    /// Of the output, what nobody sees.
    pub reasoning: u64,
    /// Units that are no tokens: searches of a rerank.
    pub units: u64,
}

impl Counts {
    /// Adds those of one more answer.
    pub(crate) fn add(&mut self, more: &Self) {
        self.input = self.input.saturating_add(more.input);
        self.output = self.output.saturating_add(more.output);
        self.cached = self.cached.saturating_add(more.cached);
        self.cache_write = self.cache_write.saturating_add(more.cache_write);
        self.reasoning = self.reasoning.saturating_add(more.reasoning);
        self.units = self.units.saturating_add(more.units);
    }
}

/// What an answer said of itself.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// The counts, where it said any.
    pub counts: Option<Counts>,
    /// The model that answered.
    pub model: Option<String>,
    /// All text that passed.
    pub passed: Passed,
    /// The text that passed since output was counted last.
    pub since: Passed,
}

/// Text of a model that passed: what output is estimated by where an answer ends without its counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// Pieces that it came in.
    pub pieces: u64,
    /// Its length as it was spelled, in bytes.
    pub bytes: u64,
}

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writing {
    /// One JSON document or several, one behind the other.
    Json,
    /// Server-sent events with JSON as their data.
    Events,
}

impl Writing {
    /// By the content type; `None` for what is not read.
    pub fn of(content_type: &[u8]) -> Option<Self> {
        let sort = content_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        let is = |name: &[u8]| sort.eq_ignore_ascii_case(name);
        if is(b"text/event-stream") {
            return Some(Self::Events);
        }
        let is_json = sort.last_chunk().is_some_and(|last: &[u8; 4]| last.eq_ignore_ascii_case(b"json"));
        (is_json || is(b"application/jsonl")).then_some(Self::Json)
    }
}

/// Reads one answer.
pub struct Meter {
    interface: Interface,
    json: JsonReader,
    events: Option<SseReader>,
    seen: Seen,
    /// Events are kept until they are whole, and those that only tell the usage are taken out.
    held: Option<BytesMut>,
    /// Within an event that is too long to be kept.
    overflow: bool,
}

/// No more is kept of a model's name.
const LONGEST_MODEL: usize = 128;
/// An event longer than this is passed on as it comes.
const LONGEST_EVENT: usize = 1 << 20;

#[derive(Default)]
struct Seen {
    any: bool,
    /// Input apart from what Anthropic counts beside it.
    input: u64,
    tool_input: u64,
    output: u64,
    thoughts: u64,
    cached: u64,
    cache_write: u64,
    reasoning: u64,
    units: u64,
    billed: bool,
    model: Option<String>,
    passed: Passed,
    since: Passed,
    choices: Choices,
    usage: bool,
}

/// What an event says of its choices.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Choices {
    #[default]
    Unsaid,
    Empty,
    Some,
}

impl Meter {
    /// A reader of one answer. `strip`: the usage of a stream was asked for by us and not by the
    /// caller, so that the event that tells it alone is taken out.
    pub fn new(interface: Interface, writing: Writing, strip: bool) -> Self {
        let events = (writing == Writing::Events).then(SseReader::default);
        let held = (strip && events.is_some()).then(BytesMut::new);
        Self { interface, json: JsonReader::default(), events, seen: Seen::default(), held, overflow: false }
    }

    /// Takes the next bytes and gives what is to be passed on: nearly always the same bytes.
    pub fn push(&mut self, chunk: Bytes) -> Bytes {
        let Self { interface, json, events, seen, held, overflow } = self;
        let tell = |seen: &mut Seen, place: Place<'_>, event: Event<'_>| seen.take(*interface, place, event);
        let Some(events) = events else {
            json.feed(&chunk, &mut |place, event| tell(seen, place, event));
            return chunk;
        };
        let (mut out, mut from) = (BytesMut::new(), 0);
        events.feed(&chunk, &mut |part| match part {
            Part::Data(data) => json.feed(data, &mut |place, event| tell(seen, place, event)),
            Part::End(at) => {
                json.reset();
                let only_usage = seen.choices == Choices::Empty && seen.usage;
                (seen.choices, seen.usage) = (Choices::Unsaid, false);
                if let Some(held) = held {
                    if !only_usage || *overflow {
                        out.extend_from_slice(held);
                        out.extend_from_slice(&chunk[from..at]);
                    }
                    held.clear();
                    (from, *overflow) = (at, false);
                }
            }
        });
        let Some(held) = held else { return chunk };
        held.extend_from_slice(&chunk[from..]);
        if held.len() > LONGEST_EVENT {
            *overflow = true;
            out.extend_from_slice(held);
            held.clear();
        }
        out.freeze()
    }

    /// What is left when nothing follows: an event without its end.
    pub fn finish(&mut self) -> Bytes {
        let Self { interface, json, seen, held, .. } = self;
        json.finish(&mut |place, event| seen.take(*interface, place, event));
        held.take().map(BytesMut::freeze).unwrap_or_default()
    }

    /// What was said: nothing more is read.
    pub(crate) fn into_said(mut self) -> Said {
        let model = self.seen.model.take();
        Said { model, ..self.said() }
    }

    /// What was said so far.
    pub fn said(&self) -> Said {
        let seen = &self.seen;
        let counts = seen.any.then(|| {
            let beside = if self.interface == Interface::Anthropic { seen.cached + seen.cache_write } else { 0 };
            Counts {
                input: seen.input.saturating_add(seen.tool_input).saturating_add(beside),
                output: seen.output.saturating_add(seen.thoughts),
                cached: seen.cached,
                cache_write: seen.cache_write,
                reasoning: seen.reasoning.max(seen.thoughts),
                units: seen.units,
            }
        });
        Said { counts, model: seen.model.clone(), passed: seen.passed, since: seen.since }
    }
}

impl Seen {
    fn take(&mut self, interface: Interface, place: Place<'_>, event: Event<'_>) {
        match event {
            Event::Word(word) => {
                if let Ok(number) = word.parse::<u64>() {
                    self.number(interface, place, number);
                }
                if place.path == "choices" {
                    self.choices = Choices::Some;
                }
            }
            Event::Text(text) => self.text(place, text),
            Event::Open(_) if place.path == "choices" => {
                self.choices = if self.choices == Choices::Unsaid { Choices::Empty } else { Choices::Some };
            }
            Event::Open(_) if place.names == 1 && place.path == "usage" => self.usage = true,
            Event::Open(_) | Event::Close => {}
        }
    }

    fn text(&mut self, place: Place<'_>, text: Option<&str>) {
        match place.path {
            "model" | "response.model" | "message.model" | "session.model" | "modelVersion" => {
                if let Some(text) = text.filter(|_| self.model.is_none()) {
                    self.model = Some(text[..text.floor_char_boundary(LONGEST_MODEL)].to_owned());
                }
            }
            path if is_written(path, place.names) && place.length > 0 => {
                for passed in [&mut self.passed, &mut self.since] {
                    passed.pieces += 1;
                    passed.bytes += place.length as u64;
                }
            }
            _ => {}
        }
    }

    fn number(&mut self, interface: Interface, place: Place<'_>, number: u64) {
        let depth = place.path.bytes().filter(|byte| *byte == b'.').count() + 1;
        // A name with a dot in it does not pass for two.
        if depth != place.names {
            return;
        }
        let field = match interface {
            Interface::OpenAi => {
                let path = place.path.strip_prefix("response.").unwrap_or(place.path);
                match path {
                    "usage.prompt_tokens" | "usage.input_tokens" => &mut self.input,
                    "usage.completion_tokens" | "usage.output_tokens" => &mut self.output,
                    "usage.prompt_tokens_details.cached_tokens"
                    | "usage.input_tokens_details.cached_tokens"
                    | "usage.input_token_details.cached_tokens" => &mut self.cached,
                    "usage.completion_tokens_details.reasoning_tokens"
                    | "usage.output_tokens_details.reasoning_tokens" => &mut self.reasoning,
                    _ => return,
                }
            }
            Interface::Anthropic => {
                let path = place.path.strip_prefix("message.").unwrap_or(place.path);
                match path {
                    "usage.input_tokens" => &mut self.input,
                    "usage.output_tokens" => &mut self.output,
                    "usage.cache_read_input_tokens" => &mut self.cached,
                    "usage.cache_creation_input_tokens" => &mut self.cache_write,
                    _ => return,
                }
            }
            Interface::Cohere => return self.cohere(place.path, number),
            Interface::Gemini => match place.path {
                "usageMetadata.promptTokenCount" => &mut self.input,
                "usageMetadata.toolUsePromptTokenCount" => &mut self.tool_input,
                // So it is called where it comes by WebSocket.
                "usageMetadata.candidatesTokenCount" | "usageMetadata.responseTokenCount" => &mut self.output,
                "usageMetadata.thoughtsTokenCount" => &mut self.thoughts,
                "usageMetadata.cachedContentTokenCount" => &mut self.cached,
                _ => return,
            },
        };
        *field = number;
        self.any = true;
        if place.path.ends_with("output_tokens")
            || matches!(
                place.path,
                "usage.completion_tokens" | "usageMetadata.candidatesTokenCount" | "usageMetadata.responseTokenCount"
            )
        {
            self.since = Passed::default();
        }
    }

    /// What is billed counts before what was processed, wherever both are said.
    fn cohere(&mut self, path: &str, number: u64) {
        let path = path.strip_prefix("delta.").or_else(|| path.strip_prefix("response.")).unwrap_or(path);
        let path = path.strip_prefix("usage.").or_else(|| path.strip_prefix("meta.")).unwrap_or(path);
        let (field, billed) = match path {
            "billed_units.input_tokens" => (&mut self.input, true),
            "billed_units.output_tokens" => (&mut self.output, true),
            "billed_units.search_units" | "billed_units.classifications" | "billed_units.images" => {
                (&mut self.units, true)
            }
            "tokens.input_tokens" => (&mut self.input, false),
            "tokens.output_tokens" => (&mut self.output, false),
            "cached_tokens" => (&mut self.cached, true),
            _ => return,
        };
        if billed || !self.billed {
            *field = number;
        }
        self.billed |= billed && path.starts_with("billed_units");
        self.any = true;
        self.since = Passed::default();
    }
}

/// Whether a model's text stands there, whole or as far as it has come. Names below the fourth are not told.
fn is_written(path: &str, names: usize) -> bool {
    match path {
        "choices.delta.content"
        | "choices.delta.reasoning_content"
        | "choices.delta.reasoning"
        | "choices.delta.refusal"
        | "choices.text"
        | "choices.message.content"
        | "delta"
        | "delta.text"
        | "delta.thinking"
        | "delta.partial_json"
        | "delta.message.content.text"
        | "delta.message.tool_plan"
        | "candidates.content.parts.text"
        | "text" => true,
        // What a tool is called with.
        "choices.delta.tool_calls.function" | "delta.message.tool_calls.function" => names == 5,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
