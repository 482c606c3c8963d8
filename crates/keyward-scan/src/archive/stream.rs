//! Single streams: gzip, xz, zstd, bzip2. A tar inside is read while it is unpacked.

use std::io::{self, Read};

use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{FrameDecoder, StreamingDecoder};

use super::budget::{Bounded, is_exhausted};
use super::{Format, Opened, broken, tar};

/// Memory that an xz or zstd stream may ask for as its window.
const WINDOW: u64 = 128 << 20;

/// Visits what is in a compressed stream: the entries of a tar, or one file.
pub(crate) fn open(path: &str, bytes: &[u8], format: Format, opened: &mut Opened<'_>) {
    let reader: Box<dyn Read + '_> = match format {
        Format::Xz => Box::new(XzReader::new_mem_limit(bytes, true, (WINDOW >> 10) as u32)),
        Format::Zstd => Box::new(ZstdFrames { rest: bytes, frame: None }),
        Format::Bzip2 => Box::new(MultiBzDecoder::new(bytes)),
        _ => Box::new(MultiGzDecoder::new(bytes)),
    };
    let mut reader = Bounded { inner: reader, left: opened.budget.left(), read: 0 };
    let head = match tar::head(&mut reader) {
        Ok(head) => head,
        Err(error) if is_exhausted(&error) => return opened.skip(path, "unpacks to too much"),
        Err(error) => return opened.skip(path, broken(&error)),
    };
    if tar::is_header(&head) {
        tar::open(path, &mut tar::with_head(&head, &mut reader), opened);
        // What stood between the entries was unpacked too.
        opened.budget.settle(reader.read);
        opened.budget.take(reader.read.saturating_sub(0));
    } else if opened.budget.count_entry() {
        opened.entry(&inner_name(path), &mut tar::with_head(&head, &mut reader));
    } else {
        opened.skip(path, "too many entries");
    }
}

/// `data.json.gz` holds `data.json`, and its name says what that is.
fn inner_name(path: &str) -> String {
    let name = path.rsplit(['/', '!']).next().unwrap_or(path);
    let inner =
        name.rsplit_once('.').filter(|(stem, end)| !stem.is_empty() && end.len() <= 4).map_or(name, |(stem, _)| stem);
    format!("{path}!{inner}")
}

/// The frames of a zstd file, one after the other.
struct ZstdFrames<'a> {
    rest: &'a [u8],
    frame: Option<Box<StreamingDecoder<&'a [u8], FrameDecoder>>>,
}

impl Read for ZstdFrames<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(frame) = &mut self.frame {
                let read = frame.read(buffer)?;
                if read > 0 || buffer.is_empty() {
                    return Ok(read);
                }
                self.rest = frame.get_ref();
                self.frame = None;
            }
            if self.rest.is_empty() {
                return Ok(0);
            }
            match StreamingDecoder::new_with_max_window_size(self.rest, WINDOW) {
                Ok(frame) => self.frame = Some(Box::new(frame)),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    let behind = usize::try_from(length).ok().and_then(|length| self.rest.get(8 + length..));
                    self.rest = behind.ok_or(io::ErrorKind::UnexpectedEof)?;
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
    }
}
