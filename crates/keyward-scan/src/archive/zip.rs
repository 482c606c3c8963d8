//! Zip, and what is one under another name: jar, war, whl, apk, nupkg, docx, xlsx.

use std::io::Cursor;

use memchr::memmem;
use zip::ZipArchive;

use super::{Opened, broken, inner_path};

/// Visits the entries that the central directory names.
pub(crate) fn open(path: &str, bytes: &[u8], opened: &mut Opened<'_>) {
    // The directory is held in memory, so it must not be larger than its entries may be many.
    let most = 4 * super::Limits::default().entries as usize;
    if memmem::find_iter(bytes, b"PK\x01\x02").take(most + 1).count() > most {
        return opened.skip(path, "too many entries");
    }
    let mut archive = match ZipArchive::new(Cursor::new(bytes)) {
        Ok(archive) => archive,
        Err(error) => return opened.skip(path, broken(&error)),
    };
    for index in 0..archive.len() {
        if !opened.budget.count_entry() {
            return opened.skip(path, "too many entries");
        }
        let raw = match archive.by_index_raw(index) {
            Ok(entry) => entry,
            Err(error) => {
                opened.skip(path, broken(&error));
                continue;
            }
        };
        let name = inner_path(path, raw.name_raw());
        let (encrypted, file) = (raw.encrypted(), raw.is_file());
        drop(raw);
        if encrypted {
            opened.skip(&name, "encrypted");
        } else if file {
            match archive.by_index(index) {
                Ok(mut entry) => {
                    if !opened.entry(&name, &mut entry) {
                        return;
                    }
                }
                Err(error) => opened.skip(&name, broken(&error)),
            }
        }
    }
}
