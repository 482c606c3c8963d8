//! What is encoded is decoded and looked at again, with places mapped back.

use std::ops::Range;

use zeroize::Zeroizing;

use crate::engine::Hint;

/// A text that was decoded out of another.
pub(crate) struct Decoded {
    /// What came out.
    pub(crate) bytes: Zeroizing<Vec<u8>>,
    /// How many decodings lie between it and the input.
    pub(crate) depth: u8,
    /// Where its encoded form stands in the input.
    pub(crate) range: Range<usize>,
}

impl Decoded {
    /// The place in the input of a place in [`Decoded::bytes`].
    pub(crate) fn outer(&self, _inner: &Range<usize>) -> Range<usize> {
        self.range.clone()
    }
}

/// Calls `visit` for every encoded text in `bytes`, those inside others too, within bounds.
pub(crate) fn each(_bytes: &[u8], _hint: &Hint<'_>, _visit: &mut dyn FnMut(Decoded)) {}
