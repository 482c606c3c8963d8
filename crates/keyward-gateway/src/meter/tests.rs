use super::*;

fn read(interface: Interface, writing: Writing, strip: bool, chunks: &[&[u8]]) -> (String, Said) {
    let mut meter = Meter::new(interface, writing, strip);
    let mut out = Vec::new();
    for chunk in chunks {
        out.extend_from_slice(&meter.push(Bytes::copy_from_slice(chunk)));
    }
    out.extend_from_slice(&meter.finish());
    (String::from_utf8(out).unwrap(), meter.said())
}

/// Reads the answer whole and at every split, and gives what was said.
fn said(interface: Interface, writing: Writing, text: &str) -> Said {
    let (out, whole) = read(interface, writing, false, &[text.as_bytes()]);
    assert_eq!(out, text);
    for split in 0..=text.len() {
        let (first, second) = text.as_bytes().split_at(split);
        let (out, said) = read(interface, writing, false, &[first, second]);
        assert_eq!(out, text);
        assert_eq!(said.counts, whole.counts, "split at {split}");
    }
    whole
}

fn events(parts: &[&str]) -> String {
    parts.iter().map(|part| format!("data: {part}\n\n")).collect()
}

const CHAT: &str = r#"{"id":"c1","model":"gpt-4o-2024","choices":[{"index":0,"message":{"role":"assistant","content":"hello"}}],"usage":{"prompt_tokens":11,"completion_tokens":7,"total_tokens":18,"prompt_tokens_details":{"cached_tokens":4},"completion_tokens_details":{"reasoning_tokens":3}}}"#;

#[test]
fn openai_says_it_in_an_answer() {
    let said = said(Interface::OpenAi, Writing::Json, CHAT);
    let counts = Counts { input: 11, output: 7, cached: 4, reasoning: 3, ..Counts::default() };
    assert_eq!((said.counts, said.model.as_deref()), (Some(counts), Some("gpt-4o-2024")));
}

#[test]
fn openai_says_it_at_the_end_of_a_stream_and_the_extra_chunk_is_taken_out() {
    let first = r#"{"choices":[{"delta":{"content":"hi"}}],"usage":null}"#;
    let usage = r#"{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":1}}"#;
    let text = events(&[first, first, usage, "[DONE]"]);
    let without = events(&[first, first, "[DONE]"]);
    let counts = Some(Counts { input: 5, output: 1, ..Counts::default() });
    assert_eq!(said(Interface::OpenAi, Writing::Events, &text).counts, counts);
    for split in 0..=text.len() {
        let (a, b) = text.as_bytes().split_at(split);
        let (out, said) = read(Interface::OpenAi, Writing::Events, true, &[a, b]);
        assert_eq!((out.as_str(), said.counts), (without.as_str(), counts), "split at {split}");
    }
}

#[test]
fn an_event_is_passed_on_as_soon_as_it_is_whole() {
    let mut meter = Meter::new(Interface::OpenAi, Writing::Events, true);
    let event = events(&[r#"{"choices":[{"delta":{"content":"hi"}}]}"#]);
    assert_eq!(meter.push(Bytes::from(event.clone())), event.as_bytes());
    let (half, rest) = event.split_at(10);
    assert!(meter.push(Bytes::copy_from_slice(half.as_bytes())).is_empty());
    assert_eq!(meter.push(Bytes::copy_from_slice(rest.as_bytes())), event.as_bytes());
}

#[test]
fn a_choice_that_filters_say_nothing_of_is_no_usage_chunk() {
    // Azure's first chunk has no choices either, and no usage.
    let text = events(&[r#"{"choices":[],"prompt_filter_results":[]}"#]);
    assert_eq!(read(Interface::OpenAi, Writing::Events, true, &[text.as_bytes()]).0, text);
}

#[test]
fn openai_responses_and_embeddings() {
    let text = events(&[
        r#"{"type":"response.output_text.delta","delta":"hey"}"#,
        r#"{"type":"response.completed","response":{"model":"gpt-5","usage":{"input_tokens":8,"input_tokens_details":{"cached_tokens":2},"output_tokens":9,"output_tokens_details":{"reasoning_tokens":6}}}}"#,
    ]);
    let counts = Counts { input: 8, output: 9, cached: 2, reasoning: 6, ..Counts::default() };
    let said_of = said(Interface::OpenAi, Writing::Events, &text);
    assert_eq!((said_of.counts, said_of.model.as_deref()), (Some(counts), Some("gpt-5")));
    let text = r#"{"object":"list","data":[{"embedding":[0.1,-2e-3]}],"model":"e","usage":{"prompt_tokens":6,"total_tokens":6}}"#;
    let counts = Counts { input: 6, ..Counts::default() };
    assert_eq!(said(Interface::OpenAi, Writing::Json, text).counts, Some(counts));
}

#[test]
fn anthropic_counts_cached_input_beside_the_rest() {
    let text = concat!(
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"claude\",\"usage\":{\"input_tokens\":10,\"cache_creation_input_tokens\":3,\"cache_read_input_tokens\":20,\"output_tokens\":1}}}\n\n",
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"type\":\"text_delta\",\"text\":\"hi\"}}\n\n",
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":15}}\n\n",
    );
    let counts = Counts { input: 33, output: 15, cached: 20, cache_write: 3, ..Counts::default() };
    assert_eq!(said(Interface::Anthropic, Writing::Events, text).counts, Some(counts));
}

#[test]
fn cohere_bills_units() {
    let text = r#"{"id":"1","usage":{"tokens":{"input_tokens":70,"output_tokens":9},"billed_units":{"input_tokens":6,"output_tokens":8}}}"#;
    let counts = Counts { input: 6, output: 8, ..Counts::default() };
    assert_eq!(said(Interface::Cohere, Writing::Json, text).counts, Some(counts));
    let text = r#"{"usage":{"billed_units":{"input_tokens":6,"output_tokens":8},"tokens":{"input_tokens":70,"output_tokens":9}}}"#;
    assert_eq!(said(Interface::Cohere, Writing::Json, text).counts, Some(counts));
    let text = r#"{"results":[],"meta":{"billed_units":{"search_units":2}}}"#;
    assert_eq!(said(Interface::Cohere, Writing::Json, text).counts.unwrap().units, 2);
    let text =
        events(&[r#"{"type":"message-end","delta":{"usage":{"billed_units":{"input_tokens":6,"output_tokens":8}}}}"#]);
    assert_eq!(said(Interface::Cohere, Writing::Events, &text).counts, Some(counts));
    let lines =
        "{\"text\":\"a\"}\n{\"response\":{\"meta\":{\"billed_units\":{\"input_tokens\":6,\"output_tokens\":8}}}}\n";
    assert_eq!(said(Interface::Cohere, Writing::Json, lines).counts, Some(counts));
}

#[test]
fn gemini_says_it_again_with_every_chunk() {
    let first = r#"{"candidates":[{"content":{"parts":[{"text":"a"}]}}],"usageMetadata":{"promptTokenCount":4,"totalTokenCount":4}}"#;
    let last = r#"{"candidates":[],"usageMetadata":{"promptTokenCount":4,"toolUsePromptTokenCount":2,"candidatesTokenCount":5,"thoughtsTokenCount":3,"cachedContentTokenCount":1},"modelVersion":"gemini-2"}"#;
    let counts = Counts { input: 6, output: 8, cached: 1, reasoning: 3, ..Counts::default() };
    for (writing, text) in [(Writing::Events, events(&[first, last])), (Writing::Json, format!("[{first},\r\n{last}]"))]
    {
        let said = said(Interface::Gemini, writing, &text);
        assert_eq!((said.counts, said.model.as_deref()), (Some(counts), Some("gemini-2")));
    }
}

#[test]
fn what_broke_off_is_estimated() {
    let part = r#"{"choices":[{"delta":{"content":"one"}}]}"#;
    let text = events(&[part; 20]);
    let (_, said) = read(Interface::OpenAi, Writing::Events, true, &[text.as_bytes()]);
    assert_eq!((said.counts, said.passed), (None, Passed { pieces: 20, bytes: 60 }));
}

#[test]
fn content_types_are_told_apart() {
    assert_eq!(Writing::of(b"text/event-stream; charset=utf-8"), Some(Writing::Events));
    assert_eq!(Writing::of(b"Application/JSON"), Some(Writing::Json));
    assert_eq!(Writing::of(b"application/vnd.api+json"), Some(Writing::Json));
    assert_eq!(Writing::of(b"audio/mpeg"), None);
}
