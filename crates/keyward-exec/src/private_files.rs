//! Values as private files, for programs that take a path.
//!
//! Each run has a folder of its own, 0700, in memory (a tmpfs): the session's runtime folder, or
//! `/dev/shm`. Files in it are 0600 and can be opened by name as often as the program and its
//! children like, which rules out an unlinked file or a memfd: those live only as long as somebody
//! passes the descriptor on, and Python, for one, closes it in every child it starts.
//!
//! The folder goes when the run ends. If we are killed, a small process of ours that waits for just
//! that removes it; if that is killed too, the next run does. Memory may be swapped out.

use std::ffi::CString;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// The files of one run. Dropping it removes them.
#[derive(Debug)]
pub struct PrivateFiles {
    folder: PathBuf,
    /// Held for as long as the folder is in use; a crash lets it go.
    _lock: File,
    #[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "for the janitor, which only Linux has"))]
    names: Vec<CString>,
}

const PREFIX: &str = "keyward-run-";

impl PrivateFiles {
    /// A fresh folder in `runtime` (`$XDG_RUNTIME_DIR`) or, where that is not in memory, in
    /// `/dev/shm`.
    ///
    /// # Errors
    /// When there is no folder in memory that can be written.
    pub fn new(runtime: Option<&Path>) -> io::Result<Self> {
        let mut refused = io::Error::other("this system has no folder in memory");
        for base in runtime.into_iter().chain([Path::new("/dev/shm")]).filter(|base| is_in_memory(base)) {
            remove_left_behind(base);
            match make(base) {
                Ok((folder, lock)) => return Ok(Self { folder, _lock: lock, names: Vec::new() }),
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }

    /// Writes one value; the path is what the program gets.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn add(&mut self, name: &str, value: &[u8]) -> io::Result<PathBuf> {
        let name = name.replace('/', "__");
        let path = self.folder.join(&name);
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        // Noted before it exists, so that it cannot be forgotten.
        self.names.push(CString::new(name)?);
        options.open(&path)?.write_all(value)?;
        Ok(path)
    }

    /// The folder, and the names of the files in it.
    #[cfg(target_os = "linux")]
    pub(crate) fn contents(&self) -> (&Path, &[CString]) {
        (&self.folder, &self.names)
    }
}

impl Drop for PrivateFiles {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Makes a folder and locks it, so that others can tell it from one that was left behind. It gets
/// its name only once it is locked.
fn make(base: &Path) -> io::Result<(PathBuf, File)> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    for attempt in 0..100 {
        let name = format!("{PREFIX}{}-{attempt}", std::process::id());
        let (fresh, folder) = (base.join(format!(".{name}")), base.join(&name));
        match builder.create(&fresh) {
            // Somebody else's folder of this name is never used.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            made => made?,
        }
        let lock = lock(&fresh);
        // Renaming would replace an empty folder, and only that.
        let named =
            if folder.exists() { Err(io::ErrorKind::AlreadyExists.into()) } else { fs::rename(&fresh, &folder) };
        match (lock, named) {
            (Ok(lock), Ok(())) => return Ok((folder, lock)),
            (Err(error), _) | (_, Err(error)) => {
                let _ = fs::remove_dir(&fresh);
                if error.kind() != io::ErrorKind::AlreadyExists {
                    return Err(error);
                }
            }
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Removes folders whose owners are no more. Those of other users cannot be opened by us.
fn remove_left_behind(base: &Path) {
    let Ok(entries) = fs::read_dir(base) else { return };
    for entry in entries.flatten() {
        let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        // No link is followed: what is removed is a folder that lies here itself.
        if is_ours && entry.file_type().is_ok_and(|kind| kind.is_dir()) && lock(&entry.path()).is_ok() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// Fails when somebody holds the folder.
#[cfg(unix)]
fn lock(folder: &Path) -> io::Result<File> {
    let folder = File::open(folder)?;
    folder.try_lock()?;
    Ok(folder)
}

#[cfg(not(unix))]
fn lock(_: &Path) -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(target_os = "linux")]
fn is_in_memory(folder: &Path) -> bool {
    const TMPFS: i64 = 0x0102_1994;
    const RAMFS: i64 = 0x8584_58f6;
    #[allow(clippy::useless_conversion, reason = "the field is 32 bits wide on some systems")]
    let lives_in_memory = |found: rustix::fs::StatFs| matches!(i64::from(found.f_type), TMPFS | RAMFS);
    rustix::fs::statfs(folder).is_ok_and(lives_in_memory)
}

/// macOS has no such folder by default; a RAM disk named as the runtime folder is taken at its word.
#[cfg(not(target_os = "linux"))]
fn is_in_memory(folder: &Path) -> bool {
    folder.is_dir()
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// A folder of the test's own in memory.
    fn base() -> tempfile::TempDir {
        tempfile::tempdir_in("/dev/shm").unwrap()
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn files_are_private_and_go_with_the_run() {
        let base = base();
        let mut files = PrivateFiles::new(Some(base.path())).unwrap();
        let path = files.add("gcp/CREDENTIALS", b"{}").unwrap();
        assert!(path.starts_with(base.path()));
        assert_eq!(fs::read(&path).unwrap(), b"{}");
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        drop(files);
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_a_killed_run_left_is_removed_and_what_is_in_use_is_not() {
        let base = base();
        let left = base.path().join(format!("{PREFIX}1-0"));
        fs::create_dir(&left).unwrap();
        fs::write(left.join("A"), "x").unwrap();
        let mut first = PrivateFiles::new(Some(base.path())).unwrap();
        let path = first.add("A", b"value").unwrap();
        let second = PrivateFiles::new(Some(base.path())).unwrap();
        assert!(!left.exists());
        assert_eq!(fs::read(path).unwrap(), b"value");
        assert_ne!(first.folder, second.folder);
    }

    #[test]
    fn a_folder_on_disk_is_not_used() {
        let on_disk = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        if is_in_memory(on_disk.path()) {
            return; // The whole machine lives in memory.
        }
        let files = PrivateFiles::new(Some(on_disk.path())).unwrap();
        assert!(files.folder.starts_with("/dev/shm"));
    }
}
