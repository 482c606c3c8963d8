//! Finds the program to execute, as execvp(3) does, but along the *parent's* search path: what a
//! vault holds must not decide which program receives it.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// What execvp(3) searches when there is no `PATH`.
const DEFAULT_PATH: &str = "/bin:/usr/bin";

/// The path of `program`. A name with a slash is its own path.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::NotExecutable`] when there is such a file but none that may be
/// executed.
#[cfg(unix)]
pub(crate) fn find(program: &OsStr, search_path: Option<&OsStr>) -> Result<PathBuf, Error> {
    if program.as_encoded_bytes().contains(&b'/') {
        return Ok(PathBuf::from(program));
    }
    let mut refused = false;
    if !program.is_empty() {
        for folder in std::env::split_paths(search_path.unwrap_or(OsStr::new(DEFAULT_PATH))) {
            // An empty element is the working folder, and a path needs a slash to be one.
            let candidate =
                if folder.as_os_str().is_empty() { Path::new(".").join(program) } else { folder.join(program) };
            match is_executable(&candidate) {
                Ok(()) => return Ok(candidate),
                Err(error) => refused |= error.kind() == io::ErrorKind::PermissionDenied,
            }
        }
    }
    let program = OsString::from(program);
    Err(if refused {
        Error::NotExecutable { program, source: io::ErrorKind::PermissionDenied.into() }
    } else {
        Error::NotFound { program }
    })
}

/// Windows searches by itself, with rules of its own.
#[cfg(not(unix))]
pub(crate) fn find(program: &OsStr, _: Option<&OsStr>) -> Result<PathBuf, Error> {
    Ok(PathBuf::from(program))
}

#[cfg(unix)]
fn is_executable(path: &Path) -> io::Result<()> {
    if path.metadata()?.is_dir() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    Ok(rustix::fs::accessat(rustix::fs::CWD, path, rustix::fs::Access::EXEC_OK, rustix::fs::AtFlags::EACCESS)?)
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn file(folder: &Path, name: &str, mode: u32) {
        std::fs::write(folder.join(name), "").unwrap();
        std::fs::set_permissions(folder.join(name), std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn the_first_executable_file_wins() {
        let root = tempfile::tempdir().unwrap();
        let (a, b) = (root.path().join("a"), root.path().join("b"));
        std::fs::create_dir_all(a.join("folder")).unwrap();
        std::fs::create_dir(&b).unwrap();
        file(&a, "plain", 0o644);
        file(&b, "plain", 0o755);
        file(&b, "folder", 0o755);
        file(&a, "only-plain", 0o644);
        let path = std::env::join_paths([&a, &root.path().join("missing"), &b]).unwrap();
        let find = |name: &str| find(OsStr::new(name), Some(&path));
        assert_eq!(find("plain").unwrap(), b.join("plain"));
        assert_eq!(find("folder").unwrap(), b.join("folder"));
        assert_eq!(find("only-plain").unwrap_err().exit_code(), 126);
        assert_eq!(find("nothing").unwrap_err().exit_code(), 127);
        assert_eq!(find("").unwrap_err().exit_code(), 127);
    }

    #[test]
    fn without_a_search_path_the_system_folders_are_searched() {
        assert!(find(OsStr::new("sh"), None).unwrap().ends_with("bin/sh"));
        assert_eq!(find(OsStr::new("./a/b"), None).unwrap(), Path::new("./a/b"));
    }
}
