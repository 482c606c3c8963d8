//! Deltas of packs: how one object is put together from parts of another and new bytes.

/// A part of the base that stands unchanged in the result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Copied {
    /// Where it stands in the base.
    pub(super) from: usize,
    /// Where it stands in the result.
    pub(super) to: usize,
    pub(super) len: usize,
}

/// The bytes are no delta of that base.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// The size of the result that `delta` promises.
pub(super) fn result_size(delta: &[u8]) -> Result<usize, Malformed> {
    let (_, rest) = size(delta)?;
    Ok(size(rest)?.0)
}

/// Puts the result together in `result`, and lists in `copies` what it shares with `base`:
/// neighbours in both are one.
pub(super) fn apply(
    base: &[u8],
    delta: &[u8],
    result: &mut Vec<u8>,
    copies: &mut Vec<Copied>,
) -> Result<(), Malformed> {
    result.clear();
    copies.clear();
    let (base_size, rest) = size(delta)?;
    let (result_size, mut rest) = size(rest)?;
    if base_size != base.len() {
        return Err(Malformed);
    }
    result.reserve(result_size);
    while let Some((&command, after)) = rest.split_first() {
        rest = after;
        if command & 0x80 != 0 {
            let from = operand(&mut rest, command, 0..4)?;
            let len = match operand(&mut rest, command, 4..7)? {
                0 => 0x1_0000,
                len => len,
            };
            let part = base.get(from..from + len).ok_or(Malformed)?;
            copied(copies, Copied { from, to: result.len(), len });
            result.extend_from_slice(part);
        } else {
            let part = rest.get(..usize::from(command)).filter(|part| !part.is_empty()).ok_or(Malformed)?;
            result.extend_from_slice(part);
            rest = &rest[part.len()..];
        }
        if result.len() > result_size {
            return Err(Malformed);
        }
    }
    if result.len() == result_size { Ok(()) } else { Err(Malformed) }
}

fn copied(copies: &mut Vec<Copied>, new: Copied) {
    match copies.last_mut() {
        Some(last) if last.from + last.len == new.from && last.to + last.len == new.to => last.len += new.len,
        _ => copies.push(new),
    }
}

/// The bytes of a little-endian number that are not zero, as the bits of `command` say.
fn operand(rest: &mut &[u8], command: u8, bits: std::ops::Range<u32>) -> Result<usize, Malformed> {
    let mut value = 0;
    for (place, bit) in bits.enumerate() {
        if command & (1 << bit) != 0 {
            let (&byte, after) = rest.split_first().ok_or(Malformed)?;
            value |= usize::from(byte) << (8 * place);
            *rest = after;
        }
    }
    Ok(value)
}

/// Seven bits a byte, the lowest first.
fn size(bytes: &[u8]) -> Result<(usize, &[u8]), Malformed> {
    let mut value = 0usize;
    for (place, byte) in bytes.iter().take(9).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return Ok((value, &bytes[place + 1..]));
        }
    }
    Err(Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn copies_and_inserts_make_the_result() {
        // Copy 0..4, insert "xy", copy 4..6 and 6..8 in two commands.
        let delta = [8, 10, 0x90, 4, 2, b'x', b'y', 0x91, 4, 2, 0x91, 6, 2];
        let (mut result, mut copies) = (Vec::new(), Vec::new());
        apply(b"abcdefgh", &delta, &mut result, &mut copies).expect("it is well formed");
        assert_eq!(result, b"abcdxyefgh");
        assert_eq!(copies, [Copied { from: 0, to: 0, len: 4 }, Copied { from: 4, to: 6, len: 4 }]);
        assert_eq!(result_size(&delta), Ok(10));
        assert_eq!(apply(b"abcdefg", &delta, &mut result, &mut copies), Err(Malformed), "another base");
        assert_eq!(apply(b"abcdefgh", &delta[..5], &mut result, &mut copies), Err(Malformed), "cut off");
    }

    proptest! {
        #[test]
        fn nothing_makes_it_fail(base: Vec<u8>, delta: Vec<u8>) {
            let (mut result, mut copies) = (Vec::new(), Vec::new());
            if result_size(&delta).is_ok_and(|size| size < 1 << 20) && apply(&base, &delta, &mut result, &mut copies).is_ok() {
                for copy in copies {
                    prop_assert_eq!(&base[copy.from..copy.from + copy.len], &result[copy.to..copy.to + copy.len]);
                }
            }
        }
    }
}
