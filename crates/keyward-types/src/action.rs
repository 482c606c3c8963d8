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
