//! Any bytes as a file: no panic, bounded output, and paths that begin with the file's own.
#![no_main]

use keyward_scan::container::{Limits, texts};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { total: 8 << 20, floor: 1 << 20, entry: 1 << 20, entries: 1000, ..Limits::default() };
    for path in ["a", "a.ipynb"] {
        let (mut visited, mut skipped) = (0usize, Vec::new());
        texts(
            path,
            bytes,
            &limits,
            &mut |inner, text| {
                assert!(inner.starts_with(path) && !inner.contains("!../"));
                visited += text.len();
            },
            &mut skipped,
        );
        // Names of columns stand before each value of a database, and notebooks repeat theirs.
        assert!(visited <= (8 << 20) + bytes.len().saturating_mul(64));
        assert!(skipped.iter().all(|one| one.path.starts_with(path)));
    }
});
