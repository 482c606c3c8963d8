//! Finds leaked keys, almost for free, and says which stored secret each is.
//!
//! The pipeline, in the order of its modules: an *input* ([`tree`]; git, archives and
//! streams) gives texts with where they come from; the [`engine`] finds *candidates* in each: literal
//! anchors by one pass over the bytes, a bounded window confirmed around each, then filters; what
//! is encoded is decoded and looked at again. The [`Scanner`] turns candidates into
//! [`keyward_types::Finding`]s (lines, fingerprints, silences) and *reports* print them.
//!
//! What holds here: time is linear in the input; depth, size and memory are bounded and what was
//! left out is said; nothing is executed, no link is followed out of the tree, and nothing here
//! reaches the network. Values live in wiped memory and leave only inside [`Found`].

mod archive;
pub mod baseline;
pub mod container;
pub mod decode;
pub mod engine;
mod fingerprint;
pub mod fix;
pub mod git;
pub mod misuse;
pub mod own_rules;
mod places;
mod position;
mod quiet;
mod redact;
pub mod report;
mod scanner;
mod seen;
pub mod silence;
pub mod summary;
pub mod tree;

pub use engine::{Candidate, Engine, Hint, RuleInfo};
pub use fingerprint::{fingerprint, fingerprint_in_line};
pub use redact::redact;
pub use scanner::{Found, Outcome, Scanner, Silence, Source, Verdict};
pub use seen::SeenBlobs;

/// How many threads to start where `asked` are wanted; 0: as many as there are cores. More than a machine can use only
/// take its memory.
fn threads(asked: usize) -> usize {
    const MOST: usize = 256;
    let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    if asked == 0 { cores() } else { asked.min(MOST) }
}
