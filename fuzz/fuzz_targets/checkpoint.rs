//! Any text: no panic, and writer and offline verifier read the same checkpoints or refuse both.
#![no_main]

use keyward_audit::{Checkpoint, VerifierKey};
use libfuzzer_sys::fuzz_target;

/// The key of the example in Go's documentation of signed notes.
const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

fuzz_target!(|text: &str| {
    let writer: VerifierKey = KEY.parse().expect("a good key");
    let verifier: keyward_verify::Key = KEY.parse().expect("a good key");
    let ours = Checkpoint::open(text, &[writer]).is_ok();
    assert_eq!(ours, keyward_verify::Checkpoint::open(text.as_bytes(), &[verifier], "it").is_ok());
    if let Ok(checkpoint) = Checkpoint::parse_text(text) {
        assert!(text.starts_with(&checkpoint.text()));
    }
    assert_eq!(text.parse::<VerifierKey>().is_ok(), text.parse::<keyward_verify::Key>().is_ok());
});
