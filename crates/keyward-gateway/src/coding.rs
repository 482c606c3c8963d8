//! Bodies that come coded although plain ones were asked for. They are passed on as they came, but
//! each is decoded beside and looked into first; a key in one cannot be masked without coding it
//! anew, so that the answer ends there.

use std::io::Write;
use std::sync::Arc;

use brotli_decompressor::writer::DecompressorWriter;
use bytes::Bytes;
use flate2::write::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use crate::meter::Meter;
use crate::redact::{Patterns, Redactor};

/// A coding that can be looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    Gzip,
    Deflate,
    Brotli,
}

/// A coded body, decoded as it passes.
pub(crate) struct Decoded {
    decoder: Decoder,
    redactor: Redactor,
    length: u64,
}

enum Decoder {
    Gzip(MultiGzDecoder<Vec<u8>>),
    /// Which of the two it is, the first byte tells.
    Deflate,
    Zlib(ZlibDecoder<Vec<u8>>),
    Raw(DeflateDecoder<Vec<u8>>),
    Brotli(Box<DecompressorWriter<Vec<u8>>>),
}

/// The body holds the key, is no such coding, or unfolds without end.
#[derive(Debug)]
pub(crate) struct Unfit;

/// Pieces in which a body is decoded: none unfolds to more than some megabytes.
const PIECE: usize = 1024;
/// What a body may unfold to.
const LONGEST: u64 = 1 << 30;

impl Coding {
    /// The coding that a header names. `Ok(None)`: none; `Err`: one that cannot be looked into.
    pub(crate) fn of(header: Option<&[u8]>) -> Result<Option<Self>, Unfit> {
        match header.unwrap_or_default().trim_ascii().to_ascii_lowercase().as_slice() {
            b"" | b"identity" => Ok(None),
            b"gzip" | b"x-gzip" => Ok(Some(Self::Gzip)),
            b"deflate" => Ok(Some(Self::Deflate)),
            b"br" => Ok(Some(Self::Brotli)),
            _ => Err(Unfit),
        }
    }
}

impl Decoded {
    pub(crate) fn new(coding: Coding, patterns: Arc<Patterns>) -> Self {
        let decoder = match coding {
            Coding::Gzip => Decoder::Gzip(MultiGzDecoder::new(Vec::new())),
            Coding::Deflate => Decoder::Deflate,
            Coding::Brotli => Decoder::Brotli(Box::new(DecompressorWriter::new(Vec::new(), 4096))),
        };
        Self { decoder, redactor: Redactor::new(patterns), length: 0 }
    }

    /// Looks into the next bytes; the meter reads what they unfold to.
    pub(crate) fn push(&mut self, bytes: &[u8], mut meter: Option<&mut Meter>) -> Result<(), Unfit> {
        for piece in bytes.chunks(PIECE) {
            let plain = self.decoder.push(piece).map_err(|_| Unfit)?;
            self.length += plain.len() as u64;
            let plain = Bytes::from(plain);
            let _ = self.redactor.push(plain.clone());
            if self.redactor.hits() > 0 || self.length > LONGEST {
                return Err(Unfit);
            }
            if let Some(meter) = meter.as_deref_mut() {
                let _ = meter.push(plain);
            }
        }
        Ok(())
    }

    /// Nothing follows.
    pub(crate) fn finish(&mut self) -> Result<(), Unfit> {
        let _ = self.redactor.finish();
        if self.redactor.hits() > 0 { Err(Unfit) } else { Ok(()) }
    }
}

impl Decoder {
    fn push(&mut self, piece: &[u8]) -> std::io::Result<Vec<u8>> {
        if let (Self::Deflate, Some(first)) = (&*self, piece.first()) {
            // RFC 1950: the method is 8 in the low half of a zlib header's first byte.
            *self = match first & 0x0f {
                8 => Self::Zlib(ZlibDecoder::new(Vec::new())),
                _ => Self::Raw(DeflateDecoder::new(Vec::new())),
            };
        }
        Ok(std::mem::take(match self {
            Self::Gzip(decoder) => write(decoder, piece)?.get_mut(),
            Self::Zlib(decoder) => write(decoder, piece)?.get_mut(),
            Self::Raw(decoder) => write(decoder, piece)?.get_mut(),
            Self::Brotli(decoder) => write(&mut **decoder, piece)?.get_mut(),
            Self::Deflate => return Ok(Vec::new()),
        }))
    }
}

/// Everything goes in, and what it unfolds to comes out.
fn write<'a, W: Write>(decoder: &'a mut W, piece: &[u8]) -> std::io::Result<&'a mut W> {
    decoder.write_all(piece)?;
    decoder.flush()?;
    Ok(decoder)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;

    use super::*;

    fn coded(coding: Coding, plain: &[u8], zlib: bool) -> Vec<u8> {
        match coding {
            Coding::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(plain).unwrap();
                encoder.finish().unwrap()
            }
            Coding::Deflate if zlib => {
                let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(plain).unwrap();
                encoder.finish().unwrap()
            }
            Coding::Deflate => {
                let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(plain).unwrap();
                encoder.finish().unwrap()
            }
            Coding::Brotli => {
                let mut out = Vec::new();
                brotli::CompressorWriter::new(&mut out, 4096, 5, 20).write_all(plain).unwrap();
                out
            }
        }
    }

    #[test]
    fn a_key_is_found_in_every_coding_at_every_split() {
        let value = ["sk-", "coded-value-0123456789"].concat();
        let plain = format!("{{\"error\":\"the key {value} is wrong\"}}");
        for (coding, zlib) in
            [(Coding::Gzip, true), (Coding::Deflate, true), (Coding::Deflate, false), (Coding::Brotli, true)]
        {
            let bytes = coded(coding, plain.as_bytes(), zlib);
            let harmless = coded(coding, &plain.as_bytes()[..20], zlib);
            let look = |patterns: &Arc<Patterns>, bytes: &[u8], split: usize| {
                let mut decoded = Decoded::new(coding, Arc::clone(patterns));
                let (first, second) = bytes.split_at(split);
                decoded.push(first, None).and_then(|()| decoded.push(second, None)).and_then(|()| decoded.finish())
            };
            let patterns = Arc::new(Patterns::of(value.as_bytes()));
            for split in 0..=bytes.len() {
                assert!(look(&patterns, &bytes, split).is_err(), "{coding:?} split at {split}");
            }
            assert!(look(&patterns, &harmless, 3).is_ok(), "{coding:?}");
        }
    }

    #[test]
    fn what_cannot_be_looked_into_is_unfit() {
        assert!(Coding::of(Some(b"zstd")).is_err() && Coding::of(Some(b"gzip, br")).is_err());
        assert_eq!(Coding::of(Some(b"GZIP")).unwrap(), Some(Coding::Gzip));
        assert_eq!(Coding::of(None).unwrap(), None);
        let patterns = Arc::new(Patterns::of(b"some value of it"));
        assert!(Decoded::new(Coding::Gzip, patterns).push(b"no gzip at all, but text", None).is_err());
    }
}
