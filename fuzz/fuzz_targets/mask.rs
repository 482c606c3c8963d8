//! Any two secrets and any output in any chunks: lengths stay, nothing changes but by masking, and
//! of no form do more than three bytes pass.
#![no_main]

use keyward_exec::{MIN_SECRET, Masker};
use keyward_types::forms::forms;
use libfuzzer_sys::fuzz_target;

/// What a chunk may cut off before a tail is long enough to be held back.
const SHOWN: usize = 3;

fuzz_target!(|input: (Vec<u8>, Vec<u8>, Vec<u8>, u8)| {
    let (one, two, text, chunk) = input;
    let mut masker = Masker::new([("ONE", &one), ("TWO", &two)]);
    let mut output = Vec::new();
    for chunk in text.chunks(usize::from(chunk).max(1)) {
        masker.push(chunk, &mut output);
    }
    masker.flush(&mut output);
    assert_eq!(output.len(), text.len());
    let is_masked = |i: usize| output[i] == b'*' || matches!(text[i], b'\n' | b'\r');
    assert!((0..text.len()).all(|i| output[i] == text[i] || is_masked(i)));
    for form in [one, two].iter().filter(|secret| secret.len() >= MIN_SECRET).flat_map(|secret| forms(secret)) {
        for start in 0..(text.len() + 1).saturating_sub(form.bytes.len()) {
            if text[start..].starts_with(&form.bytes) {
                assert!((start + SHOWN..start + form.bytes.len()).all(is_masked));
            }
        }
    }
});
