//! Any text: no panic, and a proof that is read is written as it was read.
#![no_main]

use keyward_audit::{LogProof, Tile};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(proof) = text.parse::<LogProof>() {
        assert_eq!(proof.to_string(), text);
        assert!(proof.verify(&[]).is_err());
    }
    if let Ok(tile) = text.parse::<Tile>() {
        assert_eq!(tile.to_string(), text);
    }
    let _ = keyward_verify::verify_proof(text.as_bytes(), &[], None);
});
