use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::{EnvironmentName, ProjectName, SecretName, Version};

/// Names a stored secret to people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownSecret {
    /// Its project.
    pub project: ProjectName,
    /// Its environment.
    pub environment: EnvironmentName,
    /// Its name.
    pub name: SecretName,
    /// Which of its values.
    pub version: Version,
}

/// Recognises stored values in a text without being able to read them.
///
/// Strong values of any shape are found wherever they stand, raw or in one of the forms of
/// [`crate::forms`]. Weak ones are not in it: whoever held it could try them all.
pub trait KnownSecrets: Send + Sync {
    /// Calls `found` for each place where a form of a stored value stands in `text`, in order of
    /// their beginnings. Linear in the length of the text.
    fn find(&self, text: &[u8], found: &mut dyn FnMut(Range<usize>, &KnownSecret));

    /// Differs whenever other values are known, so that texts which were seen are looked at again.
    fn version(&self) -> [u8; 16];
}
