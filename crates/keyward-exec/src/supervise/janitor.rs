//! Removes private files if we are killed before we could.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::process::{Pid, WaitOptions};

use crate::private_files::PrivateFiles;

use super::sys;

/// A process that waits for our end. Dropping this ends it; by then the files should be gone.
pub(super) struct Janitor {
    alive: Option<io::PipeWriter>,
    pid: Option<Pid>,
}

impl Janitor {
    pub(super) fn of(files: &PrivateFiles) -> io::Result<Self> {
        let (path, names) = files.contents();
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let name = CString::new(name.as_encoded_bytes())?;
        let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::open(path, flags | OFlags::PATH, Mode::empty())?;
        let parent = rustix::fs::open(parent, flags | OFlags::PATH, Mode::empty())?;
        let (ended, alive) = io::pipe()?;
        let ended = OwnedFd::from(ended);
        let pid = sys::fork_for(|| {
            // What kills our process group shall not reach it.
            let _ = rustix::process::setsid();
            // Closes its own copy of `alive`, too.
            let [ended, folder, parent] = sys::keep_only([ended.as_raw_fd(), folder.as_raw_fd(), parent.as_raw_fd()]);
            while !matches!(rustix::io::read(ended, &mut [0; 1][..]), Ok(0)) {}
            for file in names {
                let _ = rustix::fs::unlinkat(folder, file.as_c_str(), AtFlags::empty());
            }
            let _ = rustix::fs::unlinkat(parent, name.as_c_str(), AtFlags::REMOVEDIR);
        })?;
        Ok(Self { alive: Some(alive), pid: Pid::from_raw(pid) })
    }
}

impl Drop for Janitor {
    fn drop(&mut self) {
        self.alive = None;
        if self.pid.is_some() {
            let _ = rustix::process::waitpid(self.pid, WaitOptions::empty());
        }
    }
}
