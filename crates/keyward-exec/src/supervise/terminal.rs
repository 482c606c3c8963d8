//! The user's terminal and the pseudo-terminal that stands in for it.
//!
//! While the child owns the keyboard, the user's terminal is in raw mode, so that every key reaches
//! the pseudo-terminal and has its meaning there. The mode is put back whenever we stop or end, on
//! panic too; the session's monitor does it if we are killed.

use std::ffi::OsString;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;

use rustix::fs::{Mode, OFlags};
use rustix::pty::OpenptFlags;
use rustix::termios::{OptionalActions, Termios};

/// The terminal that we were started on.
pub(super) struct Terminal {
    fd: OwnedFd,
    /// The mode outside of raw mode.
    normal: Termios,
    raw: bool,
    /// Whether other programs write to the terminal beside the child, so that its output
    /// processing has to stay.
    shared: bool,
}

impl Terminal {
    /// The controlling terminal, or the one behind `fallback` when there is none.
    pub(super) fn open(fallback: BorrowedFd<'_>, shared: bool) -> io::Result<Self> {
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let fd = match rustix::fs::open("/dev/tty", flags, Mode::empty()) {
            Ok(fd) => fd,
            Err(_) => fallback.try_clone_to_owned()?,
        };
        let normal = rustix::termios::tcgetattr(&fd)?;
        Ok(Self { fd, normal, raw: false, shared })
    }

    pub(super) fn normal(&self) -> &Termios {
        &self.normal
    }

    pub(super) fn is_raw(&self) -> bool {
        self.raw
    }

    /// Whether we are the foreground job and may read. True on a terminal without job control.
    pub(super) fn is_foreground(&self) -> bool {
        match rustix::termios::tcgetpgrp(&self.fd) {
            Ok(group) => group == rustix::process::getpgrp(),
            Err(_) => true,
        }
    }

    /// Takes the keyboard. Only in the foreground.
    pub(super) fn enter_raw(&mut self) -> io::Result<()> {
        if !self.raw {
            // The shell may have changed the mode since.
            self.normal = rustix::termios::tcgetattr(&self.fd)?;
            let mut raw = self.normal.clone();
            raw.make_raw();
            if self.shared {
                raw.output_modes = self.normal.output_modes;
            }
            rustix::termios::tcsetattr(&self.fd, OptionalActions::Drain, &raw)?;
            self.raw = true;
        }
        Ok(())
    }

    /// Gives it back. In the background the mode is not ours to change, and already changed.
    pub(super) fn leave_raw(&mut self) {
        if std::mem::take(&mut self.raw) && self.is_foreground() {
            let _ = rustix::termios::tcsetattr(&self.fd, OptionalActions::Now, &self.normal);
        }
    }

    /// Gives `pty` the size of the terminal; its foreground job gets SIGWINCH if that is new.
    pub(super) fn copy_size(&self, pty: impl AsFd) {
        if let Ok(size) = rustix::termios::tcgetwinsize(&self.fd) {
            let _ = rustix::termios::tcsetwinsize(pty, size);
        }
    }

    pub(super) fn name(&self) -> Option<OsString> {
        // Asking /dev/tty gives its own name, so the standard streams are asked.
        let streams = [io::stdin().as_fd().try_clone_to_owned(), io::stdout().as_fd().try_clone_to_owned()];
        streams.into_iter().flatten().find_map(|fd| name_of(rustix::termios::ttyname(fd, Vec::new())))
    }
}

impl AsFd for Terminal {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.leave_raw();
    }
}

/// A pseudo-terminal: what the child writes to the slave comes out of the master.
pub(super) struct Pty {
    pub(super) master: OwnedFd,
    pub(super) slave: OwnedFd,
}

impl Pty {
    /// With the mode and the size of `terminal`.
    pub(super) fn open(terminal: &Terminal) -> io::Result<Self> {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = rustix::pty::openpt(flags)?;
        rustix::pty::grantpt(&master)?;
        rustix::pty::unlockpt(&master)?;
        // By descriptor, since the name may mean nothing in a container.
        let slave = rustix::pty::ioctl_tiocgptpeer(&master, flags)?;
        rustix::termios::tcsetattr(&slave, OptionalActions::Now, terminal.normal())?;
        terminal.copy_size(&master);
        rustix::io::ioctl_fionbio(&master, true)?;
        Ok(Self { master, slave })
    }

    pub(super) fn name(&self) -> Option<OsString> {
        name_of(rustix::pty::ptsname(&self.master, Vec::new()))
    }
}

fn name_of(name: rustix::io::Result<std::ffi::CString>) -> Option<OsString> {
    name.ok().map(|name| OsString::from_vec(name.into_bytes()))
}

/// Keys on their way from the terminal to the pseudo-terminal.
pub(super) struct Keyboard {
    master: std::fs::File,
    /// What the child's side had no room for yet.
    pending: Vec<u8>,
}

impl Keyboard {
    pub(super) fn new(master: OwnedFd) -> Self {
        Self { master: master.into(), pending: Vec::new() }
    }

    pub(super) fn master(&self) -> BorrowedFd<'_> {
        self.master.as_fd()
    }

    /// Whether keys wait for room, so that no more should be read.
    pub(super) fn is_full(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Reads what was typed. False when the terminal is gone.
    pub(super) fn read(&mut self, terminal: &Terminal) -> bool {
        let mut keys = [0; 1024];
        let Ok(mut terminal) = terminal.fd.try_clone().map(std::fs::File::from) else { return false };
        match terminal.read(&mut keys) {
            Ok(0) => false,
            Ok(length) => {
                self.pending.extend_from_slice(&keys[..length]);
                self.write();
                true
            }
            Err(error) => matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock),
        }
    }

    /// Passes on as much as there is room for.
    pub(super) fn write(&mut self) {
        match self.master.write(&self.pending) {
            Ok(length) => drop(self.pending.drain(..length)),
            Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => {}
            // The child's side is gone; there is nobody to type to.
            Err(_) => self.pending.clear(),
        }
    }
}
