//! Any answer of any service in any chunks: no panic, it comes through as it was, and what is read of it does
//! not depend on how it is cut up.
#![no_main]

use bytes::Bytes;
use keyward_gateway::{Counts, Interface, Meter, Writing};
use libfuzzer_sys::fuzz_target;

fn read(interface: Interface, writing: Writing, text: &[u8], chunk: usize) -> (Vec<u8>, Option<Counts>) {
    let mut meter = Meter::new(interface, writing, false);
    let mut out = Vec::new();
    for chunk in text.chunks(chunk.max(1)) {
        out.extend_from_slice(&meter.push(Bytes::copy_from_slice(chunk)));
    }
    out.extend_from_slice(&meter.finish());
    (out, meter.said().counts)
}

fuzz_target!(|input: (Vec<u8>, u8, u8, bool)| {
    let (text, chunk, interface, events) = input;
    let interface = match interface % 4 {
        0 => Interface::OpenAi,
        1 => Interface::Anthropic,
        2 => Interface::Cohere,
        _ => Interface::Gemini,
    };
    let writing = if events { Writing::Events } else { Writing::Json };
    let (out, whole) = read(interface, writing, &text, text.len());
    assert_eq!(out, text);
    assert_eq!(read(interface, writing, &text, usize::from(chunk)), (text, whole));
});
