//! Any bytes in any chunks as requests to the gateway: no panic, and one verdict however they are cut up.
#![no_main]

use keyward_gateway::Framing;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (Vec<u8>, u8)| {
    let (bytes, chunk) = input;
    let whole = Framing::default().feed(&bytes);
    let mut framing = Framing::default();
    let parts = bytes.chunks(usize::from(chunk).max(1)).try_for_each(|part| framing.feed(part));
    assert_eq!(whole.is_ok(), parts.is_ok());
});
