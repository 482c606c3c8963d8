//! The leader of the child's session.
//!
//! A pseudo-terminal needs a session, and a job in it can be stopped with Ctrl-Z only when its
//! parent is in the same session (POSIX calls its group *orphaned* otherwise). So a process of ours
//! leads the session and starts the child as a job. It lives between fork and exec of the child
//! and never executes anything else, which keeps it small and means that it may only make system
//! calls. It also outlives a supervisor that was killed, long enough to put the terminal back.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use rustix::process::{Pid, WaitOptions, WaitStatus};
use rustix::termios::{OptionalActions, Termios};

use super::sys;

/// What a monitor needs, prepared before the fork.
pub(super) struct Monitor {
    /// Our end of the link to the supervisor.
    pub(super) link: RawFd,
    pub(super) slave: RawFd,
    /// The user's terminal and the mode to put it back to if the supervisor dies.
    pub(super) terminal: RawFd,
    pub(super) normal: Termios,
}

/// From the supervisor to the monitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Send a signal to the child.
    Signal(i32),
    /// Send a signal to the child and its group.
    SignalJob(i32),
    /// Send a signal to the foreground job, as a key of the terminal would.
    SignalForeground(i32),
    /// Make the child the foreground job.
    Foreground,
    /// Make it a background job, so that it stops when it reads the terminal.
    Background,
    /// Let the stopped child go on.
    Continue,
}

/// From the monitor to the supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Report {
    /// The child was stopped by this signal.
    Stopped(i32),
    /// The child ended with this status, as wait(2) gives it.
    Ended(i32),
}

/// The supervisor's end and the monitor's end of a new link.
pub(super) fn link() -> rustix::io::Result<(OwnedFd, OwnedFd)> {
    rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
}

impl Monitor {
    /// Runs in the forked process until the child has ended.
    pub(super) fn watch(&self, child: i32) -> ! {
        let [link, slave, terminal] = sys::keep_only([self.link, self.slave, self.terminal]);
        let (Ok(changes), Some(child)) = (sys::chld_fd(), Pid::from_raw(child)) else { sys::exit_now(125) };
        let job = Job { child, slave };
        loop {
            let mut ready = [PollFd::new(&link, PollFlags::IN), PollFd::new(&changes, PollFlags::IN)];
            let _ = poll(&mut ready, None);
            if !ready[1].revents().is_empty() {
                let _ = rustix::io::read(&changes, &mut [0; 512][..]);
                job.report_changes(link);
            }
            if !ready[0].revents().is_empty() {
                match Order::receive(link) {
                    Some(order) => job.carry_out(order),
                    None => self.orphaned(&job, terminal),
                }
            }
        }
    }

    /// The supervisor was killed. Killing it was meant for the child.
    fn orphaned(&self, job: &Job<'_>, terminal: BorrowedFd<'_>) -> ! {
        let _ = rustix::termios::tcsetattr(terminal, OptionalActions::Now, &self.normal);
        sys::kill(job.child.as_raw_nonzero().get(), libc::SIGKILL);
        sys::exit_now(125)
    }
}

struct Job<'a> {
    child: Pid,
    slave: BorrowedFd<'a>,
}

impl Job<'_> {
    fn report_changes(&self, link: BorrowedFd<'_>) {
        while let Ok(Some((_, status))) =
            rustix::process::waitpid(Some(self.child), WaitOptions::NOHANG | WaitOptions::UNTRACED)
        {
            match Report::of(status) {
                Some(report @ Report::Ended(_)) => {
                    // When the leader of a session exits, the foreground job gets SIGHUP: what the
                    // child left in the background shall not.
                    let _ = rustix::termios::tcsetpgrp(self.slave, rustix::process::getpgrp());
                    report.send(link);
                    sys::exit_now(0)
                }
                Some(report) => report.send(link),
                None => {}
            }
        }
    }

    fn carry_out(&self, order: Order) {
        let child = self.child.as_raw_nonzero().get();
        match order {
            Order::Signal(number) => sys::kill(child, number),
            Order::SignalJob(number) => sys::kill(-child, number),
            Order::SignalForeground(number) => sys::kill(-self.foreground(), number),
            Order::Foreground => {
                let _ = rustix::termios::tcsetpgrp(self.slave, self.child);
            }
            Order::Background => {
                let _ = rustix::termios::tcsetpgrp(self.slave, rustix::process::getpgrp());
            }
            Order::Continue => sys::kill(-child, libc::SIGCONT),
        }
    }

    /// The group that the terminal's keys reach; the child's while none but ours is in front.
    fn foreground(&self) -> i32 {
        let front = rustix::termios::tcgetpgrp(self.slave).ok();
        let front = front.filter(|group| *group != rustix::process::getpgrp());
        front.unwrap_or(self.child).as_raw_nonzero().get()
    }
}

impl Order {
    /// A monitor that is gone has reported the end, so a failure to send is none.
    pub(super) fn send(self, link: BorrowedFd<'_>) {
        let message = match self {
            Self::Signal(number) => [1, number],
            Self::SignalForeground(number) => [2, number],
            Self::Foreground => [3, 0],
            Self::Background => [4, 0],
            Self::Continue => [5, 0],
            Self::SignalJob(number) => [6, number],
        };
        send(link, message);
    }

    fn receive(link: BorrowedFd<'_>) -> Option<Self> {
        match receive(link, RecvFlags::empty())? {
            [1, number] => Some(Self::Signal(number)),
            [2, number] => Some(Self::SignalForeground(number)),
            [3, _] => Some(Self::Foreground),
            [4, _] => Some(Self::Background),
            [5, _] => Some(Self::Continue),
            [6, number] => Some(Self::SignalJob(number)),
            _ => None,
        }
    }
}

impl Report {
    /// What a status of wait(2) says; none for "continued".
    pub(super) fn of(status: WaitStatus) -> Option<Self> {
        if let Some(number) = status.stopping_signal() {
            Some(Self::Stopped(number))
        } else if status.exited() || status.signaled() {
            Some(Self::Ended(status.as_raw()))
        } else {
            None
        }
    }

    fn send(self, link: BorrowedFd<'_>) {
        send(
            link,
            match self {
                Self::Stopped(number) => [1, number],
                Self::Ended(status) => [2, status],
            },
        );
    }

    /// The next report if there is one; the monitor's death counts as the child's by SIGKILL.
    pub(super) fn receive(link: BorrowedFd<'_>) -> Option<Self> {
        let mut ready = [PollFd::new(&link, PollFlags::IN)];
        let at_once = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
        if poll(&mut ready, Some(&at_once)).ok()? == 0 {
            return None;
        }
        match receive(link, RecvFlags::DONTWAIT) {
            Some([1, number]) => Some(Self::Stopped(number)),
            Some([2, status]) => Some(Self::Ended(status)),
            _ => Some(Self::Ended(libc::SIGKILL)),
        }
    }
}

fn send(link: impl AsFd, [kind, number]: [i32; 2]) {
    let mut message = [0; 8];
    message[..4].copy_from_slice(&kind.to_ne_bytes());
    message[4..].copy_from_slice(&number.to_ne_bytes());
    let _ = rustix::net::send(link, &message, SendFlags::NOSIGNAL);
}

/// The next message; none when the other end is gone.
fn receive(link: impl AsFd, flags: RecvFlags) -> Option<[i32; 2]> {
    let mut message = [0; 8];
    let length = loop {
        match rustix::net::recv(&link, &mut message, flags) {
            Ok((_, length)) => break length,
            // The other end was closed with messages of ours unread; those for us are still there.
            Err(Errno::CONNRESET | Errno::INTR) => {}
            Err(_) => return None,
        }
    };
    let [a, b, c, d, e, f, g, h] = message;
    (length == 8).then(|| [i32::from_ne_bytes([a, b, c, d]), i32::from_ne_bytes([e, f, g, h])])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_survives_a_link_that_is_closed_with_orders_unread() {
        let (ours, theirs) = link().expect("a socket pair");
        Order::Continue.send(ours.as_fd());
        Report::Ended(7 << 8).send(theirs.as_fd());
        drop(theirs);
        assert_eq!(Report::receive(ours.as_fd()), Some(Report::Ended(7 << 8)));
        assert_eq!(Report::receive(ours.as_fd()), Some(Report::Ended(libc::SIGKILL)), "the monitor is dead");
    }

    #[test]
    fn orders_and_reports_arrive_as_sent() {
        let (ours, theirs) = link().expect("a socket pair");
        let orders = [
            Order::Signal(15),
            Order::SignalJob(9),
            Order::SignalForeground(2),
            Order::Foreground,
            Order::Background,
            Order::Continue,
        ];
        for order in orders {
            order.send(ours.as_fd());
            assert_eq!(Order::receive(theirs.as_fd()), Some(order));
        }
        assert_eq!(Report::receive(ours.as_fd()), None);
        Report::Stopped(20).send(theirs.as_fd());
        assert_eq!(Report::receive(ours.as_fd()), Some(Report::Stopped(20)));
    }
}
