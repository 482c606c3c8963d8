//! A hook comes and goes, and what was there before stays.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::script::{ASIDE, MARK, script};
use super::{Error, Hook, Place, husky};

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// The hook is there now.
    Installed(PathBuf),
    /// It is there, and runs the hook that was there before.
    Chained(PathBuf),
    /// It was there, perhaps in an older form.
    Updated(PathBuf),
    /// It is gone, and what was there before is back.
    Removed(PathBuf),
    /// There was none of ours.
    Nothing,
}

/// Installs a hook. `shared` allows folders that serve other repositories too.
pub(crate) fn install(place: &Place, hook: Hook, keyward: &Path, shared: bool) -> Result<Change, Error> {
    if place.shared && !shared {
        return Err(Error::Shared(place.folder.clone()));
    }
    if let Some(folder) = husky_folder(place, hook) {
        return husky::install(folder, hook, keyward);
    }
    let path = place.folder.join(hook.name());
    let aside = aside(&path);
    let text = script(hook, keyward);
    if is_ours(&path)? {
        write(&path, text.as_bytes())?;
        return Ok(Change::Updated(path));
    }
    fs::create_dir_all(&place.folder).map_err(Error::file(&place.folder))?;
    if !exists(&path) {
        if exists(&aside) {
            return Err(Error::Occupied(aside));
        }
        write(&path, text.as_bytes())?;
        return Ok(Change::Installed(path));
    }
    if exists(&aside) {
        return Err(Error::Occupied(path));
    }
    fs::rename(&path, &aside).map_err(Error::file(&path))?;
    if let Err(error) = write(&path, text.as_bytes()) {
        // What cannot be finished is undone.
        let _ = fs::rename(&aside, &path);
        return Err(error);
    }
    Ok(Change::Chained(path))
}

/// Takes a hook away and puts back what was there before.
pub(crate) fn uninstall(place: &Place, hook: Hook) -> Result<Change, Error> {
    if let Some(folder) = husky_folder(place, hook) {
        return husky::uninstall(folder, hook);
    }
    let path = place.folder.join(hook.name());
    let aside = aside(&path);
    if !is_ours(&path)? {
        return if exists(&aside) && exists(&path) { Err(Error::Replaced(path)) } else { Ok(Change::Nothing) };
    }
    if exists(&aside) {
        // Replaces ours in one step.
        fs::rename(&aside, &path).map_err(Error::file(&aside))?;
    } else {
        fs::remove_file(&path).map_err(Error::file(&path))?;
    }
    Ok(Change::Removed(path))
}

/// Husky has scripts for the hooks of people, not for those of servers.
fn husky_folder(place: &Place, hook: Hook) -> Option<&Path> {
    place.husky.as_deref().filter(|_| matches!(hook, Hook::PreCommit | Hook::PrePush))
}

fn aside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ASIDE);
    name.into()
}

/// Whether something has that name, a link that leads nowhere too.
fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

fn is_ours(path: &Path) -> Result<bool, Error> {
    // A link leads to somebody else's file, whatever is in it.
    if path.symlink_metadata().is_ok_and(|data| data.file_type().is_symlink()) {
        return Ok(false);
    }
    Ok(read(path)?.is_some_and(|text| {
        text.split(|byte| *byte == b'\n').nth(1).is_some_and(|line| line.starts_with(MARK.as_bytes()))
    }))
}

/// The content of a file; `None` where there is none.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match fs::read(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::File(path.to_owned(), error)),
    }
}

/// Writes an executable file in one step: git never sees half of it.
pub(super) fn write(path: &Path, text: &[u8]) -> Result<(), Error> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new = PathBuf::from(name);
    let written = create(&new, text).and_then(|()| {
        if let Ok(data) = fs::metadata(path) {
            fs::set_permissions(&new, data.permissions())?;
        }
        fs::rename(&new, path)
    });
    written.map_err(|error| {
        let _ = fs::remove_file(&new);
        Error::File(path.to_owned(), error)
    })
}

fn create(path: &Path, text: &[u8]) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o755);
    let mut file = options.open(path)?;
    file.write_all(text)?;
    file.sync_all()
}
