//! Values as private files, for programs that take a path.
//!
//! Each run has a folder of its own, 0700, in memory (a tmpfs): the session's runtime folder, or
//! `/dev/shm`. Files in it are 0600 and can be opened as often as the program and its children
//! like. The folder goes when the run ends; what a killed run left behind is removed by the next.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The files of one run. Dropping it removes them.
#[derive(Debug)]
pub struct PrivateFiles {
    folder: PathBuf,
}

const PREFIX: &str = "keyward-run-";

impl PrivateFiles {
    /// A fresh folder in `runtime` or, where that is none, in `/dev/shm`.
    ///
    /// # Errors
    /// When no folder in memory can be written.
    pub fn new(runtime: Option<&Path>) -> io::Result<Self> {
        let mut refused = io::Error::other("this system has no folder in memory");
        for base in runtime.into_iter().chain([Path::new("/dev/shm")]).filter(|base| base.is_dir()) {
            remove_left_behind(base);
            match make(base) {
                Ok(folder) => return Ok(Self { folder }),
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
        let path = self.folder.join(name.replace('/', "__"));
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&path)?.write_all(value)?;
        Ok(path)
    }
}

impl Drop for PrivateFiles {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn make(base: &Path) -> io::Result<PathBuf> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    for attempt in 0..100 {
        let folder = base.join(format!("{PREFIX}{}-{attempt}", std::process::id()));
        match builder.create(&folder) {
            // Somebody else's folder of this name is never used.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made.map(|()| folder),
        }
    }
    Err(io::Error::from(io::ErrorKind::AlreadyExists))
}

/// Removes folders of processes that are no more. Those of other users cannot be removed by us.
fn remove_left_behind(base: &Path) {
    let Ok(entries) = fs::read_dir(base) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix(PREFIX)).and_then(|rest| rest.split('-').next());
        let Some(pid) = pid.and_then(|pid| pid.parse::<u32>().ok()) else { continue };
        if Path::new("/proc/self").exists() && !Path::new("/proc").join(pid.to_string()).exists() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_private_and_go_with_the_run() {
        use std::os::unix::fs::PermissionsExt;
        let base = tempfile::tempdir().unwrap();
        let mut files = PrivateFiles::new(Some(base.path())).unwrap();
        let path = files.add("GOOGLE_CREDENTIALS", b"{}").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"{}");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
        drop(files);
        assert!(!path.exists());
    }

    #[test]
    fn what_a_killed_run_left_is_removed_by_the_next() {
        let base = tempfile::tempdir().unwrap();
        // No process has this number: the kernel's limit is 2^22.
        let left = base.path().join(format!("{PREFIX}4194305-0"));
        fs::create_dir(&left).unwrap();
        fs::write(left.join("A"), "x").unwrap();
        let _files = PrivateFiles::new(Some(base.path())).unwrap();
        assert!(!left.exists());
    }
}
