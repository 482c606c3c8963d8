//! Any text: no panic, no hang, and what is written is read back (`write` checks that itself).
#![no_main]

use keyward_dotenv::{differences, write};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    // Reads the text in all six dialects.
    let _ = differences(text, &|asked| (asked.len() % 2 == 1).then(|| format!("$A{asked}")));
    let _ = write(&[("VALUE", text)]);
});
