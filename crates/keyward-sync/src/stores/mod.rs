//! Stores of secrets that are spoken to over HTTP: one entry at a time ([`Entry`]), and, for moving
//! in, what is in them ([`Shelf`]).

mod aws;
mod azure;
mod gcp;
mod kubernetes;
mod vault_kv;

use std::collections::HashMap;

use keyward_types::Secret;
use keyward_upstream::{Fault, Refusal};
use serde::de::{Deserialize, Deserializer, IgnoredAny, Visitor};

pub(crate) use aws::{Parameters, SecretsManager};
pub(crate) use azure::KeyVault;
pub(crate) use gcp::SecretManager;
pub use kubernetes::Workload;
pub(crate) use kubernetes::{Cluster, KubernetesSecret};
pub(crate) use vault_kv::{KvField, VaultKv};

/// One entry of a store.
pub(crate) trait Entry: Send + Sync {
    /// What lies there. It changes nothing.
    fn read(&self) -> Result<Held, Fault>;

    /// Puts a value there, over what was read, and marks it as ours.
    fn write(&self, over: &Held, value: &Secret<String>, mark: &str) -> Result<(), Fault>;

    /// Marks what lies there as ours.
    fn mark(&self, held: &Held, mark: &str) -> Result<(), Fault>;
}

/// What lies in an entry.
#[derive(Debug, Default)]
pub(crate) struct Held {
    /// The value; `None`: there is none.
    pub(crate) value: Option<Secret<String>>,
    /// Whether the entry itself is there, if without a value.
    pub(crate) is_there: bool,
    /// Who marked it.
    pub(crate) mark: Option<String>,
    /// Which revision that is, in the store's words.
    pub(crate) revision: String,
    /// What else has to be sent along, so that it stays.
    pub(crate) labels: HashMap<String, String>,
}

/// What can be taken out of a store, to move in.
pub(crate) trait Shelf {
    /// The names of what is there.
    fn names(&self) -> Result<Vec<String>, Fault>;

    /// Of one name, its values by names of their own; what is no text has none.
    fn take(&self, name: &str) -> Result<Taken, Fault>;
}

/// Values by their names, in order; `None`: it is no text.
pub(crate) type Taken = Vec<(String, Option<Secret<String>>)>;

/// A mark's name in stores.
const MARK: &str = "keyward";
/// More entries than that nobody moves at once.
const MOST: usize = 10_000;

/// A member of an answer that may be a value.
pub(crate) enum Field {
    Text(Secret<String>),
    Other,
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Taking;
        impl<'de> Visitor<'de> for Taking {
            type Value = Field;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("anything")
            }
            fn visit_str<E>(self, text: &str) -> Result<Field, E> {
                Ok(Field::Text(Secret::new("a value of a store", text.to_owned())))
            }
            fn visit_string<E>(self, text: String) -> Result<Field, E> {
                Ok(Field::Text(Secret::new("a value of a store", text)))
            }
            fn visit_unit<E>(self) -> Result<Field, E> {
                Ok(Field::Other)
            }
            fn visit_bool<E>(self, _: bool) -> Result<Field, E> {
                Ok(Field::Other)
            }
            fn visit_i64<E>(self, _: i64) -> Result<Field, E> {
                Ok(Field::Other)
            }
            fn visit_u64<E>(self, _: u64) -> Result<Field, E> {
                Ok(Field::Other)
            }
            fn visit_f64<E>(self, _: f64) -> Result<Field, E> {
                Ok(Field::Other)
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Field, A::Error> {
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Field::Other)
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Field, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Field::Other)
            }
        }
        deserializer.deserialize_any(Taking)
    }
}

impl Field {
    pub(crate) fn text(self) -> Option<Secret<String>> {
        match self {
            Self::Text(text) => Some(text),
            Self::Other => None,
        }
    }
}

/// The credential, or the refusal to go on without.
pub(crate) fn needed(credential: Option<Secret<String>>) -> Result<Secret<String>, Fault> {
    credential.ok_or_else(|| Fault::refused(Refusal::Admin, "none was given"))
}

/// A text that stands in a header: none with a line break, whatever it holds.
pub(crate) fn one_line(text: &Secret<String>) -> &str {
    text.expose().trim()
}
