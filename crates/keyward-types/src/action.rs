use serde::{Deserialize, Serialize};

/// What a permit allows, as a value: the form in which policies and the log speak of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// Plaintext may leave keyward.
    Read,
    /// keyward may apply the value and not return it.
    Use,
    /// keyward may sign with the value.
    Sign,
    /// Values may be recognised elsewhere without being opened.
    Match,
    /// A version or its metadata may be changed.
    Write,
    /// Keys, slots, projects, environments and policies may be changed.
    Administer,
    /// Names and metadata may be seen.
    List,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Self; 7] =
        [Self::Read, Self::Use, Self::Sign, Self::Match, Self::Write, Self::Administer, Self::List];

    /// The name in policies, scopes and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Use => "use",
            Self::Sign => "sign",
            Self::Match => "match",
            Self::Write => "write",
            Self::Administer => "administer",
            Self::List => "list",
        }
    }
}

impl std::str::FromStr for Operation {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || {
            let shown: String = text.chars().take(40).flat_map(char::escape_debug).collect();
            format!("`{shown}` is not an operation: use read, use, sign, match, write, administer or list")
        };
        Self::ALL.into_iter().find(|operation| operation.as_str() == text).ok_or_else(unknown)
    }
}

/// What a permit allows, as a type: a permit for one action cannot be taken for another.
pub trait Action: sealed::Sealed + Send + Sync + 'static {
    /// The same as a value.
    const OPERATION: Operation;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub enum $name {}
        impl sealed::Sealed for $name {}
        impl Action for $name {
            const OPERATION: Operation = Operation::$name;
        }
    )*};
}

actions! {
    /// Plaintext may leave.
    Read,
    /// The process may apply the value and not return it.
    Use,
    /// The process may sign with the value.
    Sign,
    /// Values may be recognised elsewhere.
    Match,
    /// A version or its metadata may be changed.
    Write,
    /// Names and metadata may be seen.
    List,
    /// Keys, slots, projects and environments may be changed.
    Administer,
}
