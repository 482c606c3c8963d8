use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Error, Id, Random, RandomError};

/// Who acts: `user:<id>`, `service:<id>` or, for work that nobody typed, `system:<task>`. Never a
/// person's name, so that it may stand in the public part of the log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PrincipalId(String);

/// Who can be identified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PrincipalSort {
    /// A person.
    User,
    /// A program.
    Service,
}

impl PrincipalSort {
    /// What its ids begin with.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Service => "service",
        }
    }
}

impl PrincipalId {
    /// Work of keyward itself, for example `system:rekey`.
    ///
    /// # Panics
    /// When the task is not a lower-case word; tasks are constants of the code.
    pub fn system(task: &'static str) -> Self {
        Self::try_from(format!("system:{task}")).expect("system tasks are lower-case words")
    }

    /// A person or a program of this id; its name may change, the id stays and is never given again.
    ///
    /// # Errors
    /// When the source of randomness fails.
    pub fn random(sort: PrincipalSort, random: &dyn Random) -> Result<Self, RandomError> {
        let id = Id::<Self>::random(random)?;
        Ok(Self(format!("{}:{id}", sort.as_str())))
    }

    /// The text of the id.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A person, or a program; `None` for keyward itself.
    pub fn sort(&self) -> Option<PrincipalSort> {
        [PrincipalSort::User, PrincipalSort::Service]
            .into_iter()
            .find(|sort| self.0.strip_prefix(sort.as_str()).is_some_and(|rest| rest.starts_with(':')))
    }

    /// Whether this is keyward itself.
    pub fn is_system(&self) -> bool {
        self.0.starts_with("system:")
    }
}

impl TryFrom<String> for PrincipalId {
    type Error = Error;
    fn try_from(text: String) -> Result<Self, Error> {
        let fits = text.split_once(':').is_some_and(|(sort, name)| {
            matches!(sort, "user" | "service" | "system")
                && (1..=64).contains(&name.len())
                && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        });
        if fits {
            Ok(Self(text))
        } else {
            Err(Error::Principal(text.chars().take(80).flat_map(char::escape_debug).collect()))
        }
    }
}

impl FromStr for PrincipalId {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        Self::try_from(text.to_owned())
    }
}

impl From<PrincipalId> for String {
    fn from(id: PrincipalId) -> String {
        id.0
    }
}

impl fmt::Display for PrincipalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
