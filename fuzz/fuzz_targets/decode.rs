//! Any bytes: no panic, bounds are kept, and every decoded byte has a place in what it was decoded out of.
#![no_main]

use keyward_scan::{Hint, decode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut total = 0;
    decode::each(bytes, &Hint { path: "a.yaml", depth: 0 }, &mut |decoded| {
        total += decoded.bytes.len();
        assert!((1..=decode::MAX_DEPTH).contains(&decoded.depth));
        if decoded.depth == 1 {
            assert!(decoded.range.end <= bytes.len());
        }
        for at in 0..decoded.bytes.len() {
            let outer = decoded.outer(&(at..at + 1));
            assert!(decoded.range.start <= outer.start && outer.start < outer.end && outer.end <= decoded.range.end);
        }
    });
    assert!(total <= bytes.len() * decode::MAX_GROWTH + decode::ALLOWANCE);
});
