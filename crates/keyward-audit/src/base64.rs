//! Base64 (RFC 4648, section 4) with one spelling for each sequence of bytes.

use data_encoding::BASE64;

pub(crate) fn encode(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// The bytes, when the text is exactly what [`encode`] writes of them. The decoder below also
/// takes padding in the middle, as in `Mw==Mw==`: a second spelling of a signature or a proof.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let bytes = BASE64.decode(text.as_bytes()).ok()?;
    (encode(&bytes) == text).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_one_spelling() {
        for bytes in [&b""[..], b"3", b"33", b"333", &[0xff; 32]] {
            assert_eq!(decode(&encode(bytes)).as_deref(), Some(bytes));
        }
        // Found by fuzzing: padding in the middle.
        assert_eq!(decode("Mw==5555"), None);
        for bad in ["Mw", "Mw=", "Mx==", "M w==", "Mw==\n", "Mw-_", "=", "Mw==Mw=="] {
            assert_eq!(decode(bad), None, "{bad:?}");
        }
    }
}
