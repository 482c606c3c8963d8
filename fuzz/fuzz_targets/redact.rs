//! Any value and any answer in any chunks: lengths stay, nothing changes but by masking, and of no form does
//! more than the first half of one that broke off come through.
#![no_main]

use std::sync::Arc;

use bytes::Bytes;
use keyward_gateway::{Patterns, Redactor};
use keyward_types::forms::forms;
use libfuzzer_sys::fuzz_target;

/// Shorter ones occur by chance all the time, and are not looked for.
const SHORTEST: usize = 8;

fuzz_target!(|input: (Vec<u8>, Vec<u8>, u8)| {
    let (value, text, chunk) = input;
    let mut redactor = Redactor::new(Arc::new(Patterns::of(&value)));
    let mut output = Vec::new();
    for chunk in text.chunks(usize::from(chunk).max(1)) {
        output.extend_from_slice(&redactor.push(Bytes::copy_from_slice(chunk)));
    }
    output.extend_from_slice(&redactor.finish());
    assert_eq!(output.len(), text.len());
    assert!(output.iter().zip(&text).all(|(out, given)| out == given || *out == b'*'));
    if value.len() < SHORTEST {
        return;
    }
    for form in forms(&value).iter().filter(|form| form.bytes.len() >= SHORTEST) {
        let length = form.bytes.len();
        for start in 0..(text.len() + 1).saturating_sub(length) {
            if text[start..].starts_with(&form.bytes) {
                assert!(output[start..start + length].iter().all(|byte| *byte == b'*'));
            }
        }
    }
});
