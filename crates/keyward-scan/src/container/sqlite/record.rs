//! Records: a header of types, then the values (section 2.1 of the format).

use std::borrow::Cow;

use crate::decode::{Utf16, utf16_to_utf8};

/// A value that can hold a text.
pub(super) enum Value<'a> {
    Text(&'a [u8]),
    Blob(&'a [u8]),
    /// A whole number.
    Number(i64),
    /// Any other number, or nothing.
    Other,
}

/// The values of a record, those that are all there.
pub(super) fn values(record: &[u8]) -> Vec<Value<'_>> {
    let mut values = Vec::new();
    let Some((length, _)) = varint(record) else { return values };
    let length = usize::try_from(length).unwrap_or(usize::MAX).min(record.len());
    let first = varint_length(record);
    let (mut types, mut body) = (record.get(first..length).unwrap_or_default(), &record[length..]);
    while let Some((kind, rest)) = varint(types) {
        types = rest;
        let size = match kind {
            0 | 8 | 9 => 0,
            1..=4 => kind,
            5 => 6,
            6 | 7 => 8,
            10 | 11 => return values,
            _ => (kind - 12) / 2,
        };
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        // Of a record that is cut off, what is there.
        let (value, rest) = body.split_at(size.min(body.len()));
        body = rest;
        values.push(match kind {
            1..=6 => Value::Number(value.iter().fold(0, |number, byte| number << 8 | i64::from(*byte))),
            9 => Value::Number(1),
            0..=11 => Value::Other,
            _ if kind % 2 == 1 => Value::Text(value),
            _ => Value::Blob(value),
        });
    }
    values
}

/// A number of one to nine bytes, and what follows it.
pub(super) fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0u64;
    for (index, byte) in bytes.iter().take(9).enumerate() {
        if index == 8 {
            return Some((value << 8 | u64::from(*byte), &bytes[9..]));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[index + 1..]));
        }
    }
    None
}

fn varint_length(bytes: &[u8]) -> usize {
    varint(bytes).map_or(bytes.len(), |(_, rest)| bytes.len() - rest.len())
}

/// How a database writes its texts.
#[derive(Clone, Copy)]
pub(super) enum Encoding {
    Utf8,
    Utf16(Utf16),
}

impl Encoding {
    pub(super) fn of(code: u8) -> Self {
        match code {
            2 | 3 => Self::Utf16(Utf16 { big_endian: code == 3, mark: 0 }),
            _ => Self::Utf8,
        }
    }

    pub(super) fn utf8(self, text: &[u8]) -> Cow<'_, [u8]> {
        match self {
            Self::Utf8 => Cow::Borrowed(text),
            Self::Utf16(kind) => Cow::Owned(utf16_to_utf8(text, kind).0.to_vec()),
        }
    }
}
