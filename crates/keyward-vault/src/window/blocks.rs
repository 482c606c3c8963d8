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
        self.bits(block, |byte| byte > b' ')
    }

    /// Which bytes are letters, digits, `+`, `/`, `-` or `_`.
    pub(super) fn base64(&self) -> Pairs<'_, impl Fn(u8) -> bool> {
        Pairs::of(self, |byte: u8| {
            let (letter, digit) = ((byte | 0x20).wrapping_sub(b'a') < 26, byte.wrapping_sub(b'/') < 11);
            letter | digit | (byte == b'+') | (byte == b'-') | (byte == b'_')
        })
    }

    /// Which bytes are hexadecimal digits.
    pub(super) fn hex(&self) -> Pairs<'_, impl Fn(u8) -> bool> {
        Pairs::of(self, |byte: u8| (byte.wrapping_sub(b'0') < 10) | ((byte | 0x20).wrapping_sub(b'a') < 6))
    }

    /// Which bytes of a block are `%` or `\`.
    #[inline(always)]
    pub(super) fn escapes(&self, block: usize) -> u64 {
        self.bits(block, |byte| (byte == b'%') | (byte == b'\\'))
    }

    #[inline(always)]
    fn bits(&self, number: usize, test: impl Fn(u8) -> bool) -> u64 {
        let block = self.whole.get(number).or_else(|| (number == self.whole.len()).then_some(&self.last));
        block.map_or(0, |block| bits(block, test))
    }
}

/// Bits of a kind for each block and the one behind it. What was the second block before is the first now.
pub(super) struct Pairs<'a, T> {
    blocks: &'a Blocks<'a>,
    test: T,
    last: (usize, u64),
}

impl<'a, T: Fn(u8) -> bool> Pairs<'a, T> {
    fn of(blocks: &'a Blocks<'a>, test: T) -> Self {
        Self { blocks, test, last: (usize::MAX, 0) }
    }

    /// The bits of a block and the next.
    pub(super) fn from(&mut self, block: usize) -> u128 {
        let first = if self.last.0 == block { self.last.1 } else { self.blocks.bits(block, &self.test) };
        let second = self.blocks.bits(block + 1, &self.test);
        self.last = (block + 1, second);
        u128::from(first) | u128::from(second) << BLOCK
    }
}

/// A bit for each byte, the first byte's lowest. The bytes are tested all at once, and of eight words the
/// lowest bits of each byte are gathered.
#[inline(always)]
fn bits(block: &[u8; BLOCK], test: impl Fn(u8) -> bool) -> u64 {
    // Times this, the lowest bits of eight bytes are the highest eight bits, in order.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    let mut marks = [0u8; BLOCK];
    for (mark, byte) in marks.iter_mut().zip(block) {
        *mark = u8::from(test(*byte));
    }
    marks
        .as_chunks()
        .0
        .iter()
        .enumerate()
        .fold(0, |bits, (index, bytes)| bits | (u64::from_le_bytes(*bytes).wrapping_mul(GATHER) >> 56) << (8 * index))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_of_its_kinds_wherever_it_stands() {
        type Kind = (fn(&Blocks<'_>) -> u128, fn(u8) -> bool);
        let kinds: [Kind; 4] = [
            (|blocks| u128::from(blocks.filled(0)) | u128::from(blocks.filled(1)) << BLOCK, |byte| byte > b' '),
            (|blocks| blocks.base64().from(0), |byte| byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte)),
            (|blocks| blocks.hex().from(0), |byte| byte.is_ascii_hexdigit()),
            (
                |blocks| u128::from(blocks.escapes(0)) | u128::from(blocks.escapes(1)) << BLOCK,
                |byte| b"%\\".contains(&byte),
            ),
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
