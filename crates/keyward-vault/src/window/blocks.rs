//! A text sixty-four bytes at a time, and a bit for each byte that is of some kind.

/// Bytes of a block.
pub(super) const BLOCK: usize = 64;

/// The blocks of a text. After its end there are blanks.
pub(super) struct Blocks<'a> {
    whole: &'a [[u8; BLOCK]],
    last: [u8; BLOCK],
}

impl<'a> Blocks<'a> {
    pub(super) fn of(text: &'a [u8]) -> Self {
        let (whole, rest) = text.as_chunks();
        let mut last = [b' '; BLOCK];
        last[..rest.len()].copy_from_slice(rest);
        Self { whole, last }
    }

    pub(super) fn count(&self) -> usize {
        self.whole.len() + 1
    }

    /// Which bytes of a block are no blanks: no space, line end or other control character of ASCII but the
    /// last.
    #[inline(always)]
    pub(super) fn filled(&self, block: usize) -> u64 {
        // The top bit of each byte becomes 1 if the byte is over `b' '`; no sum of seven bits carries into the next.
        self.block(block).map_or(0, |bytes| gathered(bytes, |word| over(word, b' ') | word))
    }

    /// Which bytes of a block and the next are letters, digits, `+`, `/`, `-` or `_`.
    pub(super) fn base64(&self, block: usize) -> u128 {
        self.pair(block, |word| {
            between(word | ONES * 0x20, b'a', b'z')
                | between(word, b'/', b'9')
                | between(word, b'+', b'+')
                | between(word, b'-', b'-')
                | between(word, b'_', b'_')
        })
    }

    /// Which bytes of a block and the next are hexadecimal digits.
    pub(super) fn hex(&self, block: usize) -> u128 {
        self.pair(block, |word| between(word, b'0', b'9') | between(word | ONES * 0x20, b'a', b'f'))
    }

    /// Which bytes of a block and the next are `%` or `\`.
    pub(super) fn escapes(&self, block: usize) -> u128 {
        self.pair(block, |word| between(word, b'%', b'%') | between(word, b'\\', b'\\'))
    }

    #[inline(always)]
    fn block(&self, number: usize) -> Option<&[u8; BLOCK]> {
        self.whole.get(number).or_else(|| (number == self.whole.len()).then_some(&self.last))
    }

    #[inline(always)]
    fn pair(&self, block: usize, test: impl Fn(u64) -> u64) -> u128 {
        let bits = |number| self.block(number).map_or(0, |bytes| gathered(bytes, &test));
        u128::from(bits(block)) | u128::from(bits(block + 1)) << BLOCK
    }
}

const ONES: u64 = u64::MAX / 255;

/// Bits of a block's bytes, the first byte's lowest, from the top bits that `test` makes of eight.
#[inline(always)]
fn gathered(block: &[u8; BLOCK], test: impl Fn(u64) -> u64) -> u64 {
    // Times this, the lowest bits of eight bytes are the highest eight bits, in order.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    block.as_chunks().0.iter().enumerate().fold(0, |bits, (index, bytes)| {
        let top = test(u64::from_le_bytes(*bytes));
        bits | ((top >> 7 & ONES).wrapping_mul(GATHER) >> 56) << (8 * index)
    })
}

/// Top bits of the bytes of which the lower seven bits are more than `bound`.
#[inline(always)]
fn over(word: u64, bound: u8) -> u64 {
    (word & (ONES * 0x7f)) + ONES * (0x7f - u64::from(bound))
}

/// Top bits of the ASCII bytes from `first` to `last`; the other bits mean nothing.
#[inline(always)]
fn between(word: u64, first: u8, last: u8) -> u64 {
    over(word, first - 1) & !over(word, last) & !word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_of_its_kinds_wherever_it_stands() {
        type Test = fn(u8) -> bool;
        let kinds: [(fn(&Blocks<'_>) -> u128, Test); 4] = [
            (|blocks| u128::from(blocks.filled(0)) | u128::from(blocks.filled(1)) << BLOCK, |byte| byte > b' '),
            (|blocks| blocks.base64(0), |byte| byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte)),
            (|blocks| blocks.hex(0), |byte| byte.is_ascii_hexdigit()),
            (|blocks| blocks.escapes(0), |byte| b"%\\".contains(&byte)),
        ];
        for byte in 0..=255u8 {
            for place in (0..2 * BLOCK).step_by(3) {
                for around in [0, b' ', b'!', b'a', b'%', 0x80, 0xff] {
                    let mut text = [around; 2 * BLOCK];
                    text[place] = byte;
                    for (bits, test) in kinds {
                        let wanted = text.iter().rev().fold(0u128, |bits, byte| bits << 1 | u128::from(test(*byte)));
                        assert_eq!(bits(&Blocks::of(&text)), wanted, "{byte} {place} {around}");
                    }
                }
            }
        }
    }
}
