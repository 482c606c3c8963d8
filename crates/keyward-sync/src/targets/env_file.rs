//! A variable of a `.env` file: the file is replaced as a whole, with the one statement changed and
//! everything else, mode and owner too, as it was.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use keyward_dotenv::{Dialect, parse, replace};
use keyward_types::Secret;

use super::Restart;
use crate::{Fault, Target};

pub(crate) struct EnvFile {
    pub(crate) path: PathBuf,
    pub(crate) variable: String,
    /// What is told that the file has changed.
    pub(crate) restart: Option<Restart>,
}

/// A `.env` file is small; what is larger is none.
const LARGEST: u64 = 4 * 1024 * 1024;

impl Target for EnvFile {
    fn check(&self) -> Result<(), Fault> {
        self.restart.as_ref().map_or(Ok(()), Restart::check)?;
        let (path, _) = self.read()?;
        let folder = folder(&path)?;
        // What is found out later is found out after the key was made.
        let draft = draft(&path);
        let made = OpenOptions::new().write(true).create_new(true).open(&draft);
        match made.and_then(|_| fs::remove_file(&draft)) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(Fault::Refused(format!("nothing can be written in `{}`: {error}", folder.display()))),
        }
    }

    fn deploy(&self, value: &Secret<Vec<u8>>) -> Result<(), Fault> {
        let (path, text) = self.read()?;
        let value = std::str::from_utf8(value.expose())
            .map_err(|_| Fault::Refused("the value is not UTF-8, which a `.env` file has to be".into()))?;
        if self.value_in(&text).as_deref() != Some(value) {
            let new = replace(&text, &self.variable, value).map_err(|error| Fault::Refused(error.to_string()))?;
            write(&path, new.as_bytes()).map_err(|error| fault(&path, &error))?;
        }
        // Also where the file had it: whoever wrote it may have died before this.
        self.restart.as_ref().map_or(Ok(()), |restart| restart.perform(&path))
    }

    fn read_back(&self) -> Result<Option<Secret<Vec<u8>>>, Fault> {
        let (_, text) = self.read()?;
        let value = self.value_in(&text).unwrap_or_default();
        Ok(Some(Secret::new(format!("`{}` of a file", self.variable), value.into_bytes())))
    }

    fn restarted(&self) -> Result<bool, Fault> {
        let (path, _) = self.read()?;
        self.restart.as_ref().map_or(Ok(true), |restart| restart.is_done(&path))
    }
}

impl EnvFile {
    /// The file behind links, and its text; a file that is not there yet is empty.
    fn read(&self) -> Result<(PathBuf, String), Fault> {
        let path = match fs::canonicalize(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => self.path.clone(),
            found => found.map_err(|error| fault(&self.path, &error))?,
        };
        match fs::metadata(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                folder(&path)?;
                return Ok((path, String::new()));
            }
            Err(error) => return Err(fault(&path, &error)),
            Ok(file) if !file.is_file() => return Err(Fault::Refused(format!("`{}` is no file", path.display()))),
            Ok(file) if file.len() > LARGEST => {
                return Err(Fault::Refused(format!("`{}` is too large for a `.env` file", path.display())));
            }
            Ok(_) => {}
        }
        let bytes = fs::read(&path).map_err(|error| fault(&path, &error))?;
        let text =
            String::from_utf8(bytes).map_err(|_| Fault::Refused(format!("`{}` is not UTF-8", path.display())))?;
        Ok((path, text))
    }

    /// What every library reads; `None` where they do not agree, or it is not there.
    fn value_in(&self, text: &str) -> Option<String> {
        let parsed = Dialect::ALL.into_iter().filter_map(|dialect| parse(text, dialect, &|_| None).ok());
        let mut values = parsed.map(|parsed| parsed.value(&self.variable).map(str::to_owned));
        let first = values.next()??;
        values.all(|value| value.as_deref() == Some(first.as_str())).then_some(first)
    }
}

fn folder(path: &Path) -> Result<&Path, Fault> {
    path.parent()
        .filter(|folder| folder.is_dir())
        .ok_or_else(|| Fault::Refused(format!("there is no folder for `{}`", path.display())))
}

fn draft(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    path.with_file_name(format!(".{name}.keyward-{}", std::process::id()))
}

/// Another file in its place, durable before it is there. It is nobody's but the owner's until it has
/// the mode of the one before.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let draft = draft(path);
    let before = fs::metadata(path).ok();
    let _ = fs::remove_file(&draft);
    let written = (|| {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&draft)?;
        file.write_all(bytes)?;
        if let Some(before) = &before {
            #[cfg(unix)]
            keep_owner(&draft, before)?;
            file.set_permissions(before.permissions())?;
        }
        file.sync_all()?;
        fs::rename(&draft, path)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&draft);
        return written;
    }
    // The name, too.
    match path.parent() {
        Some(folder) if cfg!(unix) => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

/// A file that belongs to somebody else goes on doing so, or is not written.
#[cfg(unix)]
fn keep_owner(draft: &Path, before: &fs::Metadata) -> std::io::Result<()> {
    use std::os::unix::fs::{MetadataExt, chown};
    let made = fs::metadata(draft)?;
    let differs = |was: u32, is: u32| (was != is).then_some(was);
    match (differs(before.uid(), made.uid()), differs(before.gid(), made.gid())) {
        (None, None) => Ok(()),
        (uid, gid) => chown(draft, uid, gid),
    }
}

fn fault(path: &Path, error: &std::io::Error) -> Fault {
    let why = format!("`{}`: {error}", path.display());
    match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::NotADirectory | ErrorKind::ReadOnlyFilesystem => Fault::Refused(why),
        _ => Fault::Passing(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret<Vec<u8>> {
        Secret::new("value", text.as_bytes().to_vec())
    }

    fn target(path: PathBuf) -> EnvFile {
        EnvFile { path, variable: "KEY".into(), restart: None }
    }

    #[test]
    fn the_line_changes_and_mode_and_the_rest_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        fs::write(&path, "# mine\nA=1\nKEY=old\nB=2\n").unwrap();
        #[cfg(unix)]
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
        let target = target(path.clone());
        target.check().unwrap();
        target.deploy(&secret("new")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "# mine\nA=1\nKEY=new\nB=2\n");
        assert_eq!(target.read_back().unwrap().unwrap().expose(), b"new");
        #[cfg(unix)]
        assert_eq!(std::os::unix::fs::MetadataExt::mode(&fs::metadata(&path).unwrap()) & 0o777, 0o640);
        target.deploy(&secret("new")).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
    }

    #[test]
    fn a_file_that_is_not_there_is_made_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let target = target(folder.path().join(".env"));
        target.deploy(&secret("v")).unwrap();
        assert_eq!(fs::read_to_string(&target.path).unwrap(), "KEY=v\n");
        #[cfg(unix)]
        assert_eq!(std::os::unix::fs::MetadataExt::mode(&fs::metadata(&target.path).unwrap()) & 0o777, 0o600);
    }

    #[test]
    fn what_cannot_be_written_is_told_before_and_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(target(folder.path().join("no/.env")).check(), Err(Fault::Refused(_))));
        assert!(matches!(target(folder.path().to_owned()).check(), Err(Fault::Refused(_))));
        let path = folder.path().join(".env");
        fs::write(&path, "KEY=old\n").unwrap();
        let refused = target(path.clone()).deploy(&secret("a\rb")).unwrap_err();
        assert!(!refused.to_string().contains("a\rb"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "KEY=old\n");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("real"), folder.path().join(".env"));
        fs::write(&path, "KEY=old\n").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        target(link.clone()).deploy(&secret("new")).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&path).unwrap(), "KEY=new\n");
    }
}
