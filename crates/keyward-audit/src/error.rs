//! What can go wrong in this room.

/// Errors of the audit room.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Bytes that should be a signed note, or a part of one, are not.
    #[error("malformed note: {0}")]
    Note(&'static str),
    /// A verifier key does not have the form `name+id+base64`.
    #[error("malformed verifier key: {0}")]
    VerifierKey(&'static str),
    /// A signature by a known key does not fit the note.
    #[error("the signature of `{name}` does not fit the note")]
    Signature {
        /// Name of the key, as in its signature line.
        name: String,
    },
    /// None of the keys that are trusted has signed the note.
    #[error("no trusted key has signed the note")]
    Unsigned,
    /// The signer could not sign.
    #[error("cannot sign: {0}")]
    Signer(String),
    /// The text of a note is not a checkpoint.
    #[error("malformed checkpoint: {0}")]
    Checkpoint(&'static str),
    /// A checkpoint speaks of another log.
    #[error("the checkpoint is of `{found}`, not of `{expected}`")]
    Origin {
        /// The log asked for.
        expected: String,
        /// The log the checkpoint names.
        found: String,
    },
    /// The stored head of the log cannot be read.
    #[error("malformed head of the log: {0}")]
    Head(&'static str),
    /// The stored head does not fit its own signed checkpoint, or an earlier head.
    #[error("the head of the log was altered: {0}")]
    HeadAltered(&'static str),
    /// Entries do not follow on the stored head.
    #[error("the log continues at {expected}, not at {found}")]
    NotDense {
        /// Index that the next entry must have.
        expected: u64,
        /// Index that it was given.
        found: u64,
    },
    /// The log cannot be read.
    #[error("the log cannot be read: {0}")]
    Log(String),
    /// Bytes are not canonical JSON.
    #[error("not canonical JSON at byte {at}: {why}")]
    Canonical {
        /// Offset of the first byte that does not fit.
        at: usize,
        /// What was wrong there.
        why: &'static str,
    },
    /// JSON that is not an audit entry.
    #[error("not an audit entry: {0}")]
    Entry(String),
    /// A field of an entry has a value that its rule does not allow.
    #[error("field `{field}` of the entry: {why}")]
    Field {
        /// Name of the field.
        field: &'static str,
        /// The rule it breaks.
        why: &'static str,
    },
    /// An entry is longer than an entry bundle can carry (65,535 bytes).
    #[error("the entry has {0} bytes, more than 65535")]
    TooLong(usize),
    /// The private part does not fit the commitment in its entry.
    #[error("the private part does not fit its commitment")]
    Commitment,
    /// The private part cannot be read.
    #[error("malformed private part: {0}")]
    Private(String),
    /// A proof cannot be made, since index or size lie outside the tree.
    #[error("no proof for {index} in a tree of {size}")]
    OutsideTree {
        /// Index of the leaf, or size of the older tree.
        index: u64,
        /// Size of the tree.
        size: u64,
    },
    /// Bytes or path of a tile do not have their form.
    #[error("malformed tile: {0}")]
    Tile(&'static str),
    /// A proof does not have its form.
    #[error("malformed proof: {0}")]
    ProofText(&'static str),
    /// A proof does not lead to the expected root.
    #[error("the proof does not hold")]
    Proof,
}
