//! The child as its supervisor sees it, in our process group or in a session of its own.

use std::ffi::OsString;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::process::{Pid, WaitOptions, WaitStatus};

use crate::error::Error;
use crate::run::Run;

use super::monitor::{self, Monitor, Order, Report};
use super::streams::Streams;
use super::sys::{self, Place, Session, Signals};
use super::terminal::Terminal;

pub(super) struct Child {
    /// The child, or the monitor that leads its session.
    process: std::process::Child,
    link: Option<OwnedFd>,
    ended: bool,
}

impl Child {
    /// Starts what `run` names with its output on `streams`.
    pub(super) fn start(
        run: &Run,
        streams: &mut Streams,
        terminal: Option<&Terminal>,
        signals: &Signals,
        foreground: bool,
    ) -> Result<Self, Error> {
        let mut command = run.command()?;
        streams.give_to(&mut command);
        let session = match (terminal, streams.slave()) {
            (Some(terminal), Some(slave)) => Some(session(terminal, slave, foreground)?),
            _ => None,
        };
        let (place, ours, theirs) = match session {
            Some((session, ours, theirs)) => (Place::Session(session), Some(ours), Some(theirs)),
            None => (Place::SameGroup, None, None),
        };
        signals.undo_in(&mut command, place);
        let spawned = command.spawn();
        drop(theirs);
        let process = spawned.map_err(|source| Error::of_exec(run.program.clone(), source))?;
        Ok(Self { process, link: ours, ended: false })
    }

    /// What tells of changes, when SIGCHLD does not.
    pub(super) fn link(&self) -> Option<BorrowedFd<'_>> {
        self.link.as_ref().map(AsFd::as_fd)
    }

    pub(super) fn has_session(&self) -> bool {
        self.link.is_some()
    }

    /// What happened to the child, if anything did.
    pub(super) fn change(&mut self) -> Option<Report> {
        if self.ended {
            return None;
        }
        let report = match &self.link {
            Some(link) => {
                while is_first_process() && Self::wait_for(None).is_some() {}
                Report::receive(link.as_fd())
            }
            None => self.wait(),
        };
        if let Some(Report::Ended(_)) = report {
            self.ended = true;
            if self.link.is_some() {
                // The monitor exits right after its report.
                let _ = self.process.wait();
            }
        }
        report
    }

    /// Signals the child alone, as `kill PID` would.
    pub(super) fn signal(&self, number: i32) {
        match &self.link {
            _ if self.ended => {}
            Some(link) => Order::Signal(number).send(link.as_fd()),
            None => sys::kill(self.pid(), number),
        }
    }

    /// Signals the child and, where it has a process group of its own, all of its group.
    pub(super) fn signal_job(&self, number: i32) {
        match &self.link {
            Some(link) if !self.ended => Order::SignalJob(number).send(link.as_fd()),
            _ => self.signal(number),
        }
    }

    /// Passes a key of the terminal on: to all of the foreground job.
    pub(super) fn signal_foreground(&self, number: i32) {
        if let (false, Some(link)) = (self.ended, &self.link) {
            Order::SignalForeground(number).send(link.as_fd());
        }
    }

    /// Lets the child go on after a stop, with or without the keyboard.
    pub(super) fn resume(&self, foreground: bool) {
        match &self.link {
            _ if self.ended => {}
            Some(link) => {
                if foreground { Order::Foreground } else { Order::Background }.send(link.as_fd());
                Order::Continue.send(link.as_fd());
            }
            None => sys::kill(self.pid(), libc::SIGCONT),
        }
    }

    fn pid(&self) -> i32 {
        self.process.id() as i32
    }

    fn wait(&self) -> Option<Report> {
        let own = Pid::from_raw(self.pid());
        loop {
            let (pid, status) = Self::wait_for(if is_first_process() { None } else { own })?;
            if Some(pid) == own {
                return Report::of(status);
            }
        }
    }

    fn wait_for(pid: Option<Pid>) -> Option<(Pid, WaitStatus)> {
        rustix::process::waitpid(pid, WaitOptions::NOHANG | WaitOptions::UNTRACED).ok()?
    }
}

/// The first process of a container inherits every orphan and has to bury it.
fn is_first_process() -> bool {
    std::process::id() == 1
}

impl Drop for Child {
    /// Only when something of ours failed: the child must not go on with its output unmasked. A
    /// monitor does the same when its link closes.
    fn drop(&mut self) {
        if !self.ended && self.link.is_none() {
            sys::kill(self.pid(), libc::SIGKILL);
        }
    }
}

fn session(terminal: &Terminal, slave: BorrowedFd<'_>, foreground: bool) -> Result<(Session, OwnedFd, OwnedFd), Error> {
    let (ours, theirs) = monitor::link().map_err(crate::error::system("make a socket pair"))?;
    let monitor = Monitor {
        link: theirs.as_raw_fd(),
        slave: slave.as_raw_fd(),
        terminal: terminal.as_fd().as_raw_fd(),
        normal: terminal.normal().clone(),
    };
    Ok((Session { slave: slave.as_raw_fd(), monitor, foreground }, ours, theirs))
}

/// `GPG_TTY` names the terminal for prompts; on the pseudo-terminal that is another one.
pub(super) fn rename_terminal(env: &mut [(OsString, OsString)], from: Option<OsString>, to: Option<OsString>) {
    if let (Some(from), Some(to)) = (from, to) {
        for (_, value) in env.iter_mut().filter(|(name, value)| name == "GPG_TTY" && *value == from) {
            value.clone_from(&to);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_of_our_own_terminal_is_replaced() {
        let pair = |name: &str, value: &str| (OsString::from(name), OsString::from(value));
        let mut env = [pair("GPG_TTY", "/dev/pts/1"), pair("OTHER", "/dev/pts/1")];
        rename_terminal(&mut env, Some("/dev/pts/1".into()), Some("/dev/pts/2".into()));
        assert_eq!(env, [pair("GPG_TTY", "/dev/pts/2"), pair("OTHER", "/dev/pts/1")]);
        rename_terminal(&mut env, Some("/dev/pts/1".into()), Some("/dev/pts/3".into()));
        assert_eq!(env[0], pair("GPG_TTY", "/dev/pts/2"));
    }
}
