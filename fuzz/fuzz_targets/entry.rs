//! Any bytes: no panic, an entry that is read is written as it was read, and both canonical forms
//! are the same one.
#![no_main]

use keyward_audit::head::Head;
use keyward_audit::{Entry, canonical};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(entry) = Entry::parse(bytes) {
        assert_eq!(entry.canonical().as_deref(), Ok(bytes));
    }
    assert_eq!(canonical::check(bytes).is_ok(), keyward_verify::json::canonical(bytes).is_some());
    if let Ok(head) = Head::decode(bytes) {
        assert_eq!(head.encode(), bytes);
    }
});
