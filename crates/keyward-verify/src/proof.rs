//! Proofs of single entries (C2SP tlog-proof).

use base64::prelude::{BASE64_STANDARD, Engine as _};

use crate::export::check_entry;
use crate::note::number;
use crate::tree::{leaf, root_by_path};
use crate::{Checkpoint, Fault, Hash, Key};

/// What a proof proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proved {
    /// Index of the entry.
    pub index: u64,
    /// Its bytes: the given ones, or those that the proof carries.
    pub entry: Vec<u8>,
    /// The checkpoint that it is proved against.
    pub checkpoint: Checkpoint,
}

/// Checks a proof: for the given entry, or else for the one that it carries as extra data.
///
/// # Errors
/// The first thing that does not fit.
pub fn verify_proof(text: &[u8], keys: &[Key], entry: Option<&[u8]>) -> Result<Proved, Fault> {
    let malformed = |why| Fault::malformed("the proof", why);
    let text = std::str::from_utf8(text).map_err(|_| malformed("not UTF-8"))?;
    let (head, note) = text.split_once("\n\n").ok_or(malformed("no checkpoint"))?;
    let mut lines = head.split('\n').peekable();
    if lines.next() != Some("c2sp.org/tlog-proof@v1") {
        return Err(malformed("its first line is not that of a proof"));
    }
    let extra = lines.next_if(|line| line.starts_with("extra "));
    let extra = extra.map(|line| BASE64_STANDARD.decode(&line[6..])).transpose();
    let extra = extra.map_err(|_| malformed("its extra data is not base64"))?;
    let index = lines.next().and_then(|line| number(line.strip_prefix("index ")?));
    let index = index.ok_or(malformed("no index"))?;
    let path: Option<Vec<Hash>> = lines.map(|line| BASE64_STANDARD.decode(line).ok()?.try_into().ok()).collect();
    let path = path.ok_or(malformed("a line is not the base64 of a hash"))?;
    let entry = entry.map(<[u8]>::to_vec).or(extra).ok_or(malformed("it carries no entry, and none was given"))?;
    let checkpoint = Checkpoint::open(note.as_bytes(), keys, "the checkpoint")?;
    check_entry(index, &entry, &checkpoint.origin)?;
    let root = root_by_path(leaf(&entry), index, checkpoint.size, &path);
    if root != Some(checkpoint.root) {
        return Err(Fault::Proof);
    }
    Ok(Proved { index, entry, checkpoint })
}
