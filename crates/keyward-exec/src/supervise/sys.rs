//! The few calls for which there is no safe interface: fork, what runs between fork and exec,
//! signal masks and signalfd. Everything else in this crate is safe code.
//!
//! What runs in a forked process before exec may only make system calls: no allocation, no locks,
//! no panics.

#![allow(unsafe_code, reason = "fork, pre_exec and signal masks have no safe interface")]

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// All signals that can be handled, blocked and read from a file descriptor instead, until dropped.
///
/// Blocking leaves the dispositions as they are, so a child inherits exactly those that it would
/// have inherited without us (`nohup` works). Threads started meanwhile block them too.
pub(super) struct Signals {
    fd: OwnedFd,
    previous: libc::sigset_t,
    previous_chld: libc::sigaction,
}

/// A signal that came in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Received {
    pub(super) number: i32,
    /// The process that sent it; none when the kernel did, as for the keys of a terminal.
    pub(super) sender: Option<i32>,
}

impl Signals {
    pub(super) fn block() -> io::Result<Self> {
        let all = handled_signals();
        let mut previous = MaybeUninit::uninit();
        // SAFETY: both sets are valid for the call; `previous` is written when it succeeds.
        let failed = unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &all, previous.as_mut_ptr()) };
        if failed != 0 {
            return Err(io::Error::from_raw_os_error(failed));
        }
        // SAFETY: written by the successful call above.
        let previous = unsafe { previous.assume_init() };
        Ok(Self { fd: signal_fd(&all)?, previous, previous_chld: default_chld()? })
    }

    /// The next signal, none when there is no more.
    pub(super) fn next(&self) -> Option<Received> {
        let mut info = MaybeUninit::<libc::signalfd_siginfo>::uninit();
        // SAFETY: the buffer is as long as said and every bit pattern is a valid siginfo.
        let read = unsafe { libc::read(self.fd.as_raw_fd(), info.as_mut_ptr().cast(), size_of_val(&info)) };
        if read != size_of_val(&info) as isize {
            return None;
        }
        // SAFETY: the kernel filled all of it.
        let info = unsafe { info.assume_init() };
        let from_process = matches!(info.ssi_code, libc::SI_USER | libc::SI_TKILL | libc::SI_QUEUE);
        Some(Received { number: info.ssi_signo as i32, sender: from_process.then_some(info.ssi_pid as i32) })
    }

    /// Lets `number` act on this process as if it were not blocked: stops it, or does nothing.
    pub(super) fn let_through(&self, number: i32, whole_group: bool) {
        let mut set = MaybeUninit::uninit();
        // SAFETY: `set` is initialised by sigemptyset before use; the masks are valid for the calls.
        unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            libc::sigaddset(set.as_mut_ptr(), number);
            libc::kill(if whole_group { 0 } else { libc::getpid() }, number);
            libc::pthread_sigmask(libc::SIG_UNBLOCK, set.as_ptr(), std::ptr::null_mut());
            libc::pthread_sigmask(libc::SIG_BLOCK, set.as_ptr(), std::ptr::null_mut());
        }
    }

    /// Makes `command` start with the dispositions and the mask that we were started with, and
    /// makes it die when this process is killed.
    pub(super) fn undo_in(&self, command: &mut Command, place: Place) {
        let undo = Undo { mask: self.previous, chld: self.previous_chld };
        let parent = std::process::id() as i32;
        let hook = move || match &place {
            Place::SameGroup => undo.apply(parent),
            Place::Session(session) => session.enter(&undo),
        };
        // SAFETY: the hook makes system calls only, see the module's rule.
        unsafe { command.pre_exec(hook) };
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        // What came in and was not handled must not kill us on the last few lines.
        while self.next().is_some() {}
        // SAFETY: both were filled by the kernel in `block`.
        unsafe {
            libc::sigaction(libc::SIGCHLD, &self.previous_chld, std::ptr::null_mut());
            libc::pthread_sigmask(libc::SIG_SETMASK, &self.previous, std::ptr::null_mut());
        }
    }
}

/// Where a child lives.
pub(super) enum Place {
    /// In our process group and session: the terminal's keys reach it as they reach us.
    SameGroup,
    /// In a session of its own on a pseudo-terminal.
    Session(Session),
}

/// A session of its own: a monitor leads it and the child is its only job. The descriptors must
/// stay open until the child is spawned.
pub(super) struct Session {
    /// The pseudo-terminal that becomes the controlling one.
    pub(super) slave: RawFd,
    pub(super) monitor: super::monitor::Monitor,
    /// Whether the child starts as the foreground job.
    pub(super) foreground: bool,
}

impl Session {
    /// Runs in the forked process: makes the session, forks once more. The parent half becomes the
    /// monitor and never returns, the child half goes on to exec.
    fn enter(&self, undo: &Undo) -> io::Result<()> {
        rustix::process::setsid()?;
        // SAFETY: open in this process, see `Session`.
        let slave = unsafe { BorrowedFd::borrow_raw(self.slave) };
        rustix::process::ioctl_tiocsctty(slave)?;
        let monitor = rustix::process::getpid();
        // SAFETY: this process has one thread.
        let pid = unsafe { libc::fork() };
        match pid {
            -1 => Err(io::Error::last_os_error()),
            0 => {
                rustix::process::setpgid(None, None)?;
                if self.foreground {
                    // All signals are blocked here, so SIGTTOU does not stop us.
                    rustix::termios::tcsetpgrp(slave, rustix::process::getpid())?;
                }
                undo.apply(monitor.as_raw_nonzero().get())
            }
            pid => {
                // The child may be stopped or signalled before it has come to this line itself.
                // SAFETY: a plain system call.
                unsafe { libc::setpgid(pid, pid) };
                self.monitor.watch(pid)
            }
        }
    }
}

/// What the child must find as we found it.
struct Undo {
    mask: libc::sigset_t,
    chld: libc::sigaction,
}

impl Undo {
    fn apply(&self, parent: i32) -> io::Result<()> {
        // SAFETY: plain system calls on values that the kernel filled.
        unsafe {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            if libc::getppid() != parent {
                // The parent died before the line above.
                libc::_exit(125);
            }
            libc::sigaction(libc::SIGCHLD, &self.chld, std::ptr::null_mut());
            match libc::pthread_sigmask(libc::SIG_SETMASK, &self.mask, std::ptr::null_mut()) {
                0 => Ok(()),
                error => Err(io::Error::from_raw_os_error(error)),
            }
        }
    }
}

/// Forks a process that does `task` and ends. Says its process id.
///
/// `task` runs under the module's rule: system calls only.
pub(super) fn fork_for(task: impl FnOnce()) -> io::Result<i32> {
    // SAFETY: the forked process makes system calls only and never returns from here.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            task();
            exit_now(0)
        }
        pid => Ok(pid),
    }
}

/// Sends a signal; a process that is gone is no error.
pub(super) fn kill(pid: i32, number: i32) {
    // SAFETY: a plain system call.
    unsafe { libc::kill(pid, number) };
}

/// Dies of `number` as the child did, without a core of our own. Returns when the signal does not
/// kill us (it is ignored by process 1, say).
pub(crate) fn die_of(number: i32) {
    let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    let mut set = MaybeUninit::uninit();
    // SAFETY: `set` is initialised by sigemptyset before use; the rest are plain system calls.
    unsafe {
        libc::setrlimit(libc::RLIMIT_CORE, &none);
        libc::signal(number, libc::SIG_DFL);
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), number);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, set.as_ptr(), std::ptr::null_mut());
        libc::kill(libc::getpid(), number);
    }
}

/// A signalfd for SIGCHLD alone, or none when the system refuses. For use after fork.
pub(super) fn chld_fd() -> io::Result<OwnedFd> {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigemptyset initialises the set.
    let set = unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), libc::SIGCHLD);
        set.assume_init()
    };
    signal_fd(&set)
}

/// Makes `keep[i]` descriptor `i` and closes all others. Only for a process that will run nothing
/// but what knows of this.
pub(super) fn keep_only<const N: usize>(keep: [RawFd; N]) -> [BorrowedFd<'static>; N] {
    // SAFETY: plain system calls on integers. Each is first moved out of the way of the others;
    // the descriptors returned stay open until this process ends.
    unsafe {
        let above = keep.map(|fd| libc::fcntl(fd, libc::F_DUPFD, 64));
        for (target, fd) in above.into_iter().enumerate() {
            libc::dup2(fd, target as RawFd);
        }
        if libc::syscall(libc::SYS_close_range, N as libc::c_uint, libc::c_uint::MAX, 0) != 0 {
            // Before Linux 5.9.
            (N as RawFd..4096).for_each(|fd| {
                libc::close(fd);
            });
        }
        std::array::from_fn(|fd| BorrowedFd::borrow_raw(fd as RawFd))
    }
}

/// Ends this process without running anything of it.
pub(super) fn exit_now(code: i32) -> ! {
    // SAFETY: a plain system call.
    unsafe { libc::_exit(code) }
}

/// All but those that a fault raises in the thread that is at fault, and SIGPIPE, which is ignored.
fn handled_signals() -> libc::sigset_t {
    let kept = [
        libc::SIGILL,
        libc::SIGTRAP,
        libc::SIGABRT,
        libc::SIGBUS,
        libc::SIGFPE,
        libc::SIGSEGV,
        libc::SIGSYS,
        libc::SIGPIPE,
    ];
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigfillset initialises the set.
    unsafe {
        libc::sigfillset(set.as_mut_ptr());
        for signal in kept {
            libc::sigdelset(set.as_mut_ptr(), signal);
        }
        set.assume_init()
    }
}

fn signal_fd(set: &libc::sigset_t) -> io::Result<OwnedFd> {
    // SAFETY: the set is valid; a descriptor that is not negative is new and ours.
    unsafe {
        match libc::signalfd(-1, set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) {
            -1 => Err(io::Error::last_os_error()),
            fd => Ok(OwnedFd::from_raw_fd(fd)),
        }
    }
}

/// Ignored SIGCHLD would take the child's status away; gives back what was set before.
fn default_chld() -> io::Result<libc::sigaction> {
    let mut previous = MaybeUninit::uninit();
    // SAFETY: a zeroed sigaction is the default disposition without flags; `previous` is written
    // when the call succeeds.
    unsafe {
        let default: libc::sigaction = MaybeUninit::zeroed().assume_init();
        match libc::sigaction(libc::SIGCHLD, &default, previous.as_mut_ptr()) {
            0 => Ok(previous.assume_init()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}
