//! How `keyward run` starts a child and masks its output.

mod mask;

pub use mask::{MIN_SECRET, Masker};
