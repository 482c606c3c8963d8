//! Values from templates, so that no text in the repository looks like a key.

use keyward_providers::Checksum;
use keyward_testing::{Seed, template};

/// A value of the template, always the same for a seed.
pub(crate) fn expand(template: &str, checksum: Option<Checksum>, seed: u64) -> String {
    let mut seed = Seed::new(seed);
    template::expand(template, checksum, &mut |limit| seed.below(limit))
}
