//! Carrying the log out: as the files that the offline verifier reads, or as OCSF events.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use keyward_access::Object;
use keyward_audit::private::SealPrivate;
use keyward_audit::tile::TileWriter;
use keyward_audit::{Action as ActionName, Entry, PrivatePart};

use crate::actor::Actor;
use crate::change::{Change, Names, Telling};
use crate::{Error, Vault};

/// In which form the log is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Tiles, entries and the signed checkpoint (C2SP tlog-tiles), for `keyward-verify`.
    Native,
    /// One OCSF event a line, for a SIEM.
    Ocsf,
}

/// A folder on disk that is filled.
struct DiskFolder(PathBuf);

/// So many entries are read at once.
const PAGE: usize = 1024;

impl Vault {
    /// Writes the log into a folder that must not exist; answers how many entries. The export is
    /// itself on record, as its last entry.
    ///
    /// # Errors
    /// [`Error::Denied`]; [`Error::Refused`] when the folder exists or cannot be written.
    pub fn export_log(&self, actor: &Actor, format: LogFormat, folder: &Path) -> Result<u64, Error> {
        let object = Object::Vault(self.id());
        let names = Names::default().with("folder", folder.display().to_string());
        let permit = self.permit_administer(actor, object, ActionName::LogExport, &names)?;
        let failed = |error: io::Error| Error::Refused(format!("`{}` cannot be written: {error}", folder.display()));
        fs::create_dir(folder).map_err(failed)?;
        let telling = Telling::new(ActionName::LogExport, object).names(names);
        Change::permitted(self, actor, permit, telling).commit()?;
        match format {
            LogFormat::Native => self.export_native(folder),
            LogFormat::Ocsf => self.export_ocsf(folder).map_err(|error| match error {
                Carry::Write(error) => failed(error),
                Carry::Vault(error) => error,
            }),
        }
    }

    fn export_native(&self, folder: &Path) -> Result<u64, Error> {
        let reader = self.store.snapshot()?;
        let state = reader.log_head()?.state.ok_or(Error::Damaged("the log has no head"))?;
        let open = |entry: &Entry, sealed: &[u8]| {
            let principal = entry.principal.parse().map_err(|_| "the entry names no principal".to_owned())?;
            self.knows_subject(&principal).map_err(|error| error.to_string())?;
            self.ring.open(&entry.principal, sealed, &entry.private_context())
        };
        let keys = std::slice::from_ref(self.verifier());
        let mut target = DiskFolder(folder.to_owned());
        keyward_audit::export::native(&reader, &state, keys, &TileWriter::new(), Some(&open), &mut target)
            .map(|done| done.size)
            .map_err(|error| Error::Refused(format!("the log cannot be exported: {error}")))
    }

    fn export_ocsf(&self, folder: &Path) -> Result<u64, Carry> {
        let mut file = io::BufWriter::new(private_file(&folder.join("events.jsonl"))?);
        let mut next = 0;
        loop {
            let rows = self.store.log(next, PAGE).map_err(Error::from)?;
            let Some(last) = rows.last() else { break };
            next = last.index + 1;
            for row in &rows {
                let entry = Entry::parse(&row.public).map_err(Error::from)?;
                let principal = entry.principal.parse().map_err(|_| Error::Damaged("an entry names no principal"))?;
                self.knows_subject(&principal)?;
                let private =
                    PrivatePart::open(&entry, &entry.principal, &row.private, &*self.ring).map_err(Error::from)?;
                let event = keyward_audit::export::ocsf::event(row.index, &row.public, private.as_ref());
                writeln!(file, "{}", event.map_err(Error::from)?)?;
            }
        }
        file.flush()?;
        Ok(next)
    }
}

/// Why carrying ended: the folder, or the vault.
enum Carry {
    Write(io::Error),
    Vault(Error),
}

impl From<io::Error> for Carry {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

impl From<Error> for Carry {
    fn from(error: Error) -> Self {
        Self::Vault(error)
    }
}

impl keyward_audit::export::Folder for DiskFolder {
    type Error = io::Error;

    fn write(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.0.join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        private_file(&path)?.write_all(bytes)
    }

    fn append(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.0.join(path);
        if !path.exists() {
            return self.write(path.to_str().ok_or(io::ErrorKind::InvalidFilename)?, bytes);
        }
        OpenOptions::new().append(true).open(&path)?.write_all(bytes)
    }
}

/// The private parts name people: their owner alone may read them.
fn private_file(path: &Path) -> io::Result<fs::File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
