//! What can be wrong with an export or a proof.

/// One thing that does not fit.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A verifier key does not have its form.
    #[error("the verifier key is malformed")]
    Key,
    /// The folder's `key` file names other keys.
    #[error("the file `key` does not name the key that signed the checkpoint")]
    KeyFile,
    /// A note, checkpoint or proof does not have its form.
    #[error("{what} is malformed: {why}")]
    Malformed {
        /// Which.
        what: String,
        /// Why.
        why: &'static str,
    },
    /// A checkpoint is not signed by a trusted key, or the signature does not fit.
    #[error("{what} is not signed by the log's key")]
    Signature {
        /// Which checkpoint.
        what: String,
    },
    /// A checkpoint is of another log.
    #[error("{what} is of the log `{found}`")]
    Origin {
        /// Which checkpoint.
        what: String,
        /// The log it names.
        found: String,
    },
    /// A file of the export is missing.
    #[error("the file `{0}` is missing")]
    Missing(String),
    /// A file does not belong to an export of this size.
    #[error("the file `{0}` does not belong to the log")]
    Stray(String),
    /// A file is not what the entries give.
    #[error("the file `{path}` was altered: {why}")]
    File {
        /// Its path.
        path: String,
        /// How it differs.
        why: &'static str,
    },
    /// An entry is not in its one spelling, or lacks what each entry has.
    #[error("entry {index}: {why}")]
    Entry {
        /// Its index.
        index: u64,
        /// What is wrong.
        why: &'static str,
    },
    /// The entries do not give the root that the checkpoint signs.
    #[error("the entries are not those that {what} signs")]
    Root {
        /// Which checkpoint.
        what: String,
    },
    /// The log is shorter than a checkpoint.
    #[error("{what} has {signed} entries, the log only {entries}")]
    Shorter {
        /// Which checkpoint.
        what: String,
        /// Its size.
        signed: u64,
        /// Size of the log.
        entries: u64,
    },
    /// The export begins later than asked for.
    #[error("the entries {expected} to {} are not in the export", first - 1)]
    Begins {
        /// First entry asked for.
        expected: u64,
        /// First entry that is there.
        first: u64,
    },
    /// An inclusion proof does not lead to the signed root.
    #[error("the proof does not hold")]
    Proof,
}

impl Fault {
    pub(crate) fn malformed(what: &str, why: &'static str) -> Fault {
        Fault::Malformed { what: what.to_owned(), why }
    }
}
