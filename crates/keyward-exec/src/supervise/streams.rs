//! Where the child's standard streams go.
//!
//! What was a terminal is a pseudo-terminal for the child, what was not is a pipe. Two streams that
//! lead to the same place share one channel, so that what is written to both keeps its order.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use rustix::termios::isatty;

use crate::error::{Error, system};
use crate::mask::Masker;

use super::relay::Relay;
use super::terminal::{Pty, Terminal};

/// What our own streams are, looked at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outside {
    pub(super) stdin_is_terminal: bool,
    pub(super) stdout_is_terminal: bool,
    pub(super) stderr_is_terminal: bool,
    same_output: bool,
}

impl Outside {
    pub(super) fn look() -> Self {
        let same = match (rustix::fs::fstat(io::stdout()), rustix::fs::fstat(io::stderr())) {
            (Ok(a), Ok(b)) => (a.st_dev, a.st_ino, a.st_rdev) == (b.st_dev, b.st_ino, b.st_rdev),
            _ => false,
        };
        Self {
            stdin_is_terminal: isatty(io::stdin()),
            stdout_is_terminal: isatty(io::stdout()),
            stderr_is_terminal: isatty(io::stderr()),
            same_output: same,
        }
    }
}

/// The channels of one child.
#[derive(Default)]
pub(super) struct Streams {
    stdin: Option<OwnedFd>,
    stdout: Option<OwnedFd>,
    stderr: Option<OwnedFd>,
    pub(super) pty: Option<Pty>,
    pub(super) relays: Vec<Relay>,
}

impl Streams {
    /// Channels for a child whose output is masked. `terminal` is there exactly when one of the
    /// outputs is a terminal.
    pub(super) fn open(outside: Outside, masker: &Masker, terminal: Option<&Terminal>) -> Result<Self, Error> {
        let mut streams = Self::default();
        if let Some(terminal) = terminal {
            streams.pty = Some(Pty::open(terminal).map_err(system("open a pseudo-terminal"))?);
        }
        let (stdout, stderr) = (io::stdout(), io::stderr());
        let out = streams.output(outside.stdout_is_terminal, stdout.as_fd(), masker)?;
        let shared = outside.same_output || (outside.stdout_is_terminal && outside.stderr_is_terminal);
        streams.stderr = Some(if shared {
            out.try_clone().map_err(system("copy a descriptor"))?
        } else {
            streams.output(outside.stderr_is_terminal, stderr.as_fd(), masker)?
        });
        streams.stdout = Some(out);
        if let (true, Some(pty)) = (outside.stdin_is_terminal, &streams.pty) {
            streams.stdin = Some(pty.slave.try_clone().map_err(system("copy a descriptor"))?);
        }
        Ok(streams)
    }

    pub(super) fn slave(&self) -> Option<BorrowedFd<'_>> {
        self.pty.as_ref().map(|pty| pty.slave.as_fd())
    }

    /// Hands the child's ends over.
    pub(super) fn give_to(&mut self, command: &mut Command) {
        if let Some(fd) = self.stdin.take() {
            command.stdin(Stdio::from(fd));
        }
        if let Some(fd) = self.stdout.take() {
            command.stdout(Stdio::from(fd));
        }
        if let Some(fd) = self.stderr.take() {
            command.stderr(Stdio::from(fd));
        }
    }

    /// One output: adds the relay that serves it, returns the end that the child gets.
    fn output(&mut self, is_terminal: bool, to: BorrowedFd<'_>, masker: &Masker) -> Result<OwnedFd, Error> {
        let (from, child, terminal) = match &self.pty {
            Some(pty) if is_terminal => {
                let copies = pty.master.try_clone().and_then(|master| Ok((master, pty.slave.try_clone()?)));
                let (master, slave) = copies.map_err(system("copy a descriptor"))?;
                (master, slave, true)
            }
            _ => {
                let (reader, writer) = io::pipe().map_err(system("make a pipe"))?;
                (OwnedFd::from(reader), OwnedFd::from(writer), false)
            }
        };
        let to = to.try_clone_to_owned().map_err(system("copy a descriptor"))?;
        let (from, busy) = (Arc::new(from), Arc::new(AtomicUsize::new(0)));
        self.relays.push(Relay { from, to, masker: masker.another(), terminal, busy });
        Ok(child)
    }
}
