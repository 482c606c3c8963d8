use serde::{Serialize, de::DeserializeOwned};

/// A noun that is kept in the store: declared beside the noun, so that adding one touches no
/// engine. Its bytes are JSON; the store adds a MAC and never looks inside.
pub trait Record: Serialize + DeserializeOwned {
    /// The collection it lies in.
    const COLLECTION: &'static str;

    /// The key in the collection; keys are ordered as bytes.
    fn key(&self) -> Vec<u8>;

    /// The secondary indexes it is found by, as name and value.
    fn indexes(&self) -> Vec<(&'static str, Vec<u8>)> {
        Vec::new()
    }
}
