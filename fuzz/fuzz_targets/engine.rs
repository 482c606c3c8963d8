//! Any text under any name: no panic, every finding inside the text, twice the same.
#![no_main]

use std::sync::LazyLock;

use keyward_scan::{Engine, Scanner, Silence, Source, Verdict};
use keyward_types::Finding;
use libfuzzer_sys::fuzz_target;

struct Nothing;

impl Silence for Nothing {
    fn judge(&self, _: &Finding, _: &[u8], _: &[u8]) -> Verdict {
        Verdict::Report
    }
}

static SCANNER: LazyLock<Scanner> =
    LazyLock::new(|| Scanner { engine: Engine::new(Vec::new()), known: None, silence: Box::new(Nothing) });

const NAMES: [&str; 16] = [
    "a.py", "b.js", "c.ts", "d.go", "e.rs", "f.java", "g.rb", "h.php", "i.sh", "j.yaml", ".env", "l.json", ".netrc",
    ".npmrc", "src/App.tsx", "Dockerfile",
];

fuzz_target!(|bytes: &[u8]| {
    let Some((first, text)) = bytes.split_first() else { return };
    let path = NAMES[usize::from(*first) % NAMES.len()];
    let scan = || SCANNER.scan(&Source { path, tracked: false, added: None }, text).found;
    let (once, twice) = (scan(), scan());
    assert_eq!(once.len(), twice.len());
    for one in &once {
        assert!(one.finding.line >= 1 && one.finding.column >= 1);
        assert!(one.mark.end <= one.line.len());
    }
});
