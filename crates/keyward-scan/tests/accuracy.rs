//! The accuracy corpus at a small size: what `cargo xtask accuracy` measures in full.
#![allow(clippy::cast_possible_truncation, reason = "chance is cut to bytes")]
#![allow(dead_code, reason = "the tables are printed by the bench alone")]

#[path = "../benches/accuracy/mod.rs"]
mod accuracy;

use keyward_scan::Engine;

use crate::accuracy::contexts::{HELD_OUT, SEEN};
use crate::accuracy::corpus;
use crate::accuracy::score::Score;

#[test]
fn most_secrets_are_found_and_few_other_values() {
    let engine = Engine::new(Vec::new());
    for (seed, contexts) in [(7, SEEN), (8, HELD_OUT)] {
        let score = Score::of(&engine, &corpus::make(seed, 1, contexts));
        let measured = score.half(true);
        assert!(measured.recall() >= 0.90, "recall {:.3} (seed {seed})", measured.recall());
        assert!(measured.false_rate() <= 0.03, "false-positive rate {:.4} (seed {seed})", measured.false_rate());
    }
}
