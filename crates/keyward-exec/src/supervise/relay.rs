//! Carries one stream of output from the child to where our own goes, masked.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use zeroize::Zeroizing;

use crate::mask::Masker;

/// How long the beginning of a possible secret is held back when nothing follows.
const HOLD: Duration = Duration::from_millis(50);

/// What a read takes at most: the capacity of a pipe.
const CHUNK: usize = 64 * 1024;

/// After the child has ended, output on a pseudo-terminal may still be on its way through the
/// kernel. It is waited for this long after each piece, and no longer than that in all, when
/// processes that the child has left behind keep the terminal open.
const SETTLE: Duration = Duration::from_millis(50);
const SETTLE_AT_MOST: Duration = Duration::from_millis(500);

/// A stream on its way.
pub(super) struct Relay {
    pub(super) from: Arc<OwnedFd>,
    pub(super) to: OwnedFd,
    pub(super) masker: Masker,
    /// Whether the child's end is a pseudo-terminal, not a pipe.
    pub(super) terminal: bool,
    /// One while this relay is between reading and having written.
    pub(super) busy: Arc<AtomicUsize>,
}

impl Relay {
    /// Runs until the stream ends, or nobody reads it any more, or the other end of `leave` is
    /// closed and what was written before is through. Gives the masker back for what it has seen.
    pub(super) fn run(mut self, leave: &OwnedFd) -> Masker {
        let mut output = Zeroizing::new(Vec::with_capacity(2 * CHUNK));
        let mut input = Zeroizing::new(vec![0; CHUNK]);
        let mut rest = None;
        while let Some(event) = self.wait(leave, &mut rest) {
            output.clear();
            match event {
                Event::Input if self.carry(&mut input, &mut output, &mut rest) => {}
                Event::Input => break,
                Event::Silence => {
                    self.masker.flush(&mut output);
                    self.pass_on(&output);
                }
            }
        }
        output.clear();
        self.masker.flush(&mut output);
        self.pass_on(&output);
        self.masker
    }

    /// Reads, masks and writes once. False when the stream is at its end.
    fn carry(&mut self, input: &mut [u8], output: &mut Vec<u8>, rest: &mut Option<Rest>) -> bool {
        self.busy.fetch_add(1, Ordering::SeqCst);
        let read = rustix::io::read(&*self.from, &mut *input);
        if let Ok(length) = read {
            *rest = rest.map(|rest| rest.after(length));
            self.masker.push(&input[..length], output);
        }
        let passed = self.pass_on(output);
        self.busy.fetch_sub(1, Ordering::SeqCst);
        // A pseudo-terminal whose other end is closed says EIO.
        passed && matches!(read, Ok(1..) | Err(Errno::AGAIN | Errno::INTR))
    }

    /// Waits for something to do; none when it is time to leave.
    fn wait(&self, leave: &OwnedFd, rest: &mut Option<Rest>) -> Option<Event> {
        loop {
            let patience = match (&rest, self.masker.held()) {
                (Some(rest), _) => Some(rest.patience()?),
                (None, true) => Some(HOLD),
                (None, false) => None,
            };
            let mut ready = [PollFd::new(&*self.from, PollFlags::IN), PollFd::new(leave, PollFlags::IN)];
            let watched = if rest.is_some() { 1 } else { 2 };
            let count = wait_for(&mut ready[..watched], patience);
            if watched == 2 && !ready[1].revents().is_empty() {
                *rest = Some(Rest::of(self));
                continue;
            }
            return match (count, &rest) {
                (0, Some(_)) => None,
                (0, None) => Some(Event::Silence),
                _ => Some(Event::Input),
            };
        }
    }

    /// False when nobody reads a pipe any more: then the child shall get SIGPIPE as it would have
    /// without us. Output for a terminal that is gone is dropped, for SIGHUP is on its way.
    fn pass_on(&self, output: &[u8]) -> bool {
        write_all(&self.to, output).is_ok() || self.terminal
    }
}

enum Event {
    Input,
    /// Nothing followed a held tail.
    Silence,
}

/// What is still to be read after the child has ended.
#[derive(Clone, Copy)]
enum Rest {
    /// So many bytes lay in the pipe.
    Bytes(usize),
    /// Until nothing comes any more, and no longer than this.
    Until(Instant),
}

impl Rest {
    fn of(relay: &Relay) -> Self {
        if relay.terminal {
            Self::Until(Instant::now() + SETTLE_AT_MOST)
        } else {
            Self::Bytes(rustix::io::ioctl_fionread(&*relay.from).map_or(0, |length| length as usize))
        }
    }

    fn after(self, length: usize) -> Self {
        match self {
            Self::Bytes(rest) => Self::Bytes(rest.saturating_sub(length)),
            Self::Until(end) => Self::Until(end),
        }
    }

    /// How long to wait for the next piece; none when there is no next piece.
    fn patience(self) -> Option<Duration> {
        match self {
            Self::Bytes(0) => None,
            Self::Bytes(_) => Some(Duration::ZERO),
            Self::Until(end) => Some(SETTLE.min(end.checked_duration_since(Instant::now())?)),
        }
    }
}

/// Waits until one of `ready` is, or the time is over; says how many are.
pub(super) fn wait_for(ready: &mut [PollFd<'_>], patience: Option<Duration>) -> usize {
    let patience = patience.map(|time| Timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(time.subsec_nanos()),
    });
    loop {
        match poll(ready, patience.as_ref()) {
            Err(Errno::INTR) => {}
            Ok(count) => return count,
            // Only for lack of memory; a later call may have better luck.
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}

/// Writes all, also where somebody made the shared descriptor non-blocking.
fn write_all(to: &OwnedFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(to, bytes) {
            Ok(length) => bytes = &bytes[length..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                wait_for(&mut [PollFd::new(to, PollFlags::OUT)], None);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// What tells whether a relay has something to do. It keeps nothing open: when a relay gives up,
/// the writer is to notice.
pub(super) struct Gauge {
    from: Weak<OwnedFd>,
    busy: Arc<AtomicUsize>,
}

impl Gauge {
    pub(super) fn of(relay: &Relay) -> Self {
        Self { from: Arc::downgrade(&relay.from), busy: Arc::clone(&relay.busy) }
    }

    /// Whether nothing waits to be read and nothing is between reading and having been written.
    pub(super) fn is_quiet(&self) -> bool {
        self.from.upgrade().is_none_or(|from| {
            wait_for(&mut [PollFd::new(&*from, PollFlags::IN)], Some(Duration::ZERO)) == 0
                && self.busy.load(Ordering::SeqCst) == 0
        })
    }
}
