//! What the caller supplies: the MAC of a record and the head of the log. Both are opaque here.

/// Authenticates records. The vault's is HMAC-SHA256 under the `head-mac` key over [`mac_input`].
///
/// [`mac_input`]: crate::mac_input
pub trait RecordMac: Send + Sync {
    /// The MAC over all five parts; two different inputs must never feed it the same bytes.
    fn mac(
        &self,
        collection: &str,
        key: &[u8],
        generation: u64,
        value: &[u8],
        indexes: &[(String, Vec<u8>)],
    ) -> [u8; 32];
}

/// Extends the state kept beside the log: the audit room's Merkle frontier and signed checkpoint.
pub trait LogHead: Send + Sync {
    /// The state after the entries `public`, whose first has index `first_index`.
    ///
    /// `state` is what the last call returned, `None` before the first. Called inside the write
    /// transaction, once a group commit, so it must be quick.
    ///
    /// # Errors
    /// A reason (lower case, no full stop) refuses the whole group; nothing is written then.
    fn extend(&self, state: Option<&[u8]>, first_index: u64, public: &[&[u8]]) -> Result<Vec<u8>, String>;
}
