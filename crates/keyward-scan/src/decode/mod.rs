//! What is encoded is decoded and looked at again, with places mapped back.
//!
//! Base64 (both alphabets, wrapped over lines too), hexadecimal digits, percent and string escapes,
//! gzip and zlib under base64, UTF-16 under either, and the short values of Kubernetes `Secret`s.
//! Nothing is decoded on suspicion: a run must begin with what decodes to text, escapes must come in
//! number. So ordinary source costs one vectorised pass and little else.
//!
//! What holds here: every decoded text knows where in its outer text each of its bytes comes from;
//! depth and total size are bounded ([`MAX_DEPTH`], a budget), and [`each`] says when a bound was hit.

mod class;
mod escapes;
mod kubernetes;
mod map;
mod run;
mod runs;
mod text;

use std::ops::Range;

use zeroize::Zeroizing;

use crate::engine::Hint;

use map::Map;
pub(crate) use text::{Utf16, is_control, utf16_kind, utf16_to_utf8, utf32_to_utf8};

/// Decodings inside each other that are followed.
pub const MAX_DEPTH: u8 = 4;
/// All decoded texts together are at most this many times the input, plus [`ALLOWANCE`].
pub const MAX_GROWTH: usize = 4;
/// What even a small input may decode to.
pub const ALLOWANCE: usize = 1 << 20;

/// A text that was decoded out of another.
pub struct Decoded {
    /// What came out.
    pub bytes: Zeroizing<Vec<u8>>,
    /// How many decodings lie between it and the input.
    pub depth: u8,
    /// Where its encoded form stands in the text that it was decoded out of.
    pub range: Range<usize>,
    map: Map,
}

impl Decoded {
    /// The place, in the text one depth further out, of a place in [`Decoded::bytes`].
    pub fn outer(&self, inner: &Range<usize>) -> Range<usize> {
        let found = self.map.outer(inner);
        let start = found.start.clamp(self.range.start, self.range.end);
        start..found.end.clamp(start, self.range.end)
    }
}

/// Calls `visit` for every encoded text in `bytes`, those inside others too and before these, so that
/// whoever follows [`Decoded::depth`] can map places outward one step at a time. `false`: a bound left
/// something out.
pub fn each(bytes: &[u8], hint: &Hint<'_>, visit: &mut dyn FnMut(Decoded)) -> bool {
    let left = bytes.len().saturating_mul(MAX_GROWTH).saturating_add(ALLOWANCE);
    let mut budget = Budget { left, exceeded: false };
    descend(bytes, hint, &mut budget, visit);
    !budget.exceeded
}

/// How many decoded bytes may still be made.
pub(crate) struct Budget {
    left: usize,
    exceeded: bool,
}

impl Budget {
    /// Takes `bytes` out, if so many are left.
    pub(crate) fn take(&mut self, bytes: usize) -> bool {
        match self.left.checked_sub(bytes) {
            Some(left) => self.left = left,
            None => self.exceeded = true,
        }
        !self.exceeded
    }

    pub(crate) fn left(&self) -> usize {
        self.left
    }

    pub(crate) fn exceed(&mut self) {
        self.exceeded = true;
    }
}

/// A decoded text before its own inside was looked at.
pub(crate) struct Piece {
    pub(crate) bytes: Zeroizing<Vec<u8>>,
    pub(crate) range: Range<usize>,
    pub(crate) map: Map,
}

fn descend(bytes: &[u8], hint: &Hint<'_>, budget: &mut Budget, visit: &mut dyn FnMut(Decoded)) {
    if hint.depth >= MAX_DEPTH {
        return;
    }
    let hint = Hint { path: hint.path, depth: hint.depth + 1 };
    let mut found = |piece: Piece, budget: &mut Budget| {
        if budget.take(piece.bytes.len()) {
            descend(&piece.bytes, &hint, budget, visit);
            visit(Decoded { bytes: piece.bytes, depth: hint.depth, range: piece.range, map: piece.map });
        }
    };
    runs::each(bytes, budget, &mut found);
    escapes::each(bytes, &hint, budget, &mut found);
    kubernetes::each(bytes, &hint, budget, &mut found);
}

/// Gets each decoded text, and what may still be made.
pub(crate) type Sink<'a> = dyn FnMut(Piece, &mut Budget) + 'a;

#[cfg(test)]
mod tests;
