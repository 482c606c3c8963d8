//! Stands between a child and the world so that neither can tell: relays its output masked, its
//! input, signals, stops and window sizes, and reports its end.
//!
//! Without a terminal among the outputs the child stays in our process group and session, where the
//! terminal's keys and the shell's job control reach it directly; only signals that were sent to us
//! alone are passed on. With one, it lives in a session of its own on a pseudo-terminal, and keys,
//! stops and sizes are carried over.
//!
//! When the child ends, what it has written is delivered and we end too, as a shell would. Processes
//! that it leaves behind with its output still open lose that output (a pipe gives them SIGPIPE, a
//! terminal EIO), since there is nobody left to mask it.

mod child;
mod janitor;
mod monitor;
mod relay;
mod streams;
mod sys;
mod terminal;

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};

use crate::error::{Error, system};
use crate::mask::Masker;
use crate::private_files::PrivateFiles;
use crate::run::{Ending, Next, Run, Status};

use child::Child;
use janitor::Janitor;
use monitor::Report;
use relay::{Gauge, wait_for};
use streams::{Outside, Streams};
use sys::{Received, Signals};
use terminal::{Keyboard, Terminal};

pub(crate) use sys::die_of;

/// How often a watched run asks whether values have changed.
const TICK: Duration = Duration::from_secs(1);

/// How long a child that is to be restarted may take to end.
const GRACE: Duration = Duration::from_secs(10);

/// How long output may take to get through before we stop with the child.
const QUIET: Duration = Duration::from_millis(200);

type Tick<'a> = Option<&'a mut dyn FnMut() -> Next>;

/// Runs `run`, and what replaces it, to the end.
pub(crate) fn supervise(run: Run, mut tick: Tick<'_>) -> Result<Ending, Error> {
    let mut supervisor = Supervisor::new()?;
    let mut seen = Vec::new();
    let mut next = Some(run);
    let mut status = Status::Code(0);
    while let Some(run) = next.take() {
        let mut job = Job::start(run, &mut supervisor)?;
        (status, next) = supervisor.attend(&mut job, &mut tick);
        for name in job.finish(&supervisor.signals) {
            if !seen.contains(&name) {
                seen.push(name);
            }
        }
    }
    Ok(Ending { status, seen })
}

/// What lasts from the first child to the last. Dropped in this order: the terminal first.
struct Supervisor {
    terminal: Option<Terminal>,
    signals: Signals,
    outside: Outside,
}

impl Supervisor {
    fn new() -> Result<Self, Error> {
        let outside = Outside::look();
        let signals = Signals::block().map_err(system("block signals"))?;
        let on_terminal = outside.stdout_is_terminal || outside.stderr_is_terminal;
        let terminal = if on_terminal {
            let (stdout, stderr) = (io::stdout(), io::stderr());
            let fallback = if outside.stdout_is_terminal { stdout.as_fd() } else { stderr.as_fd() };
            // Who reads our standard output in a pipe line may write to the terminal as well.
            let shared = !outside.stdout_is_terminal;
            Some(Terminal::open(fallback, shared).map_err(system("open the terminal"))?)
        } else {
            None
        };
        Ok(Self { terminal, signals, outside })
    }

    /// Whether the child may have the keyboard from the start. When standard input is something
    /// else, it gets it when it asks: a job in the background that reads its terminal is stopped.
    fn gives_keyboard(&self) -> bool {
        self.outside.stdin_is_terminal && self.terminal.as_ref().is_some_and(Terminal::is_foreground)
    }

    /// Looks after the child until it ends. Says how, and what to start in its place.
    fn attend(&mut self, job: &mut Job, tick: &mut Tick<'_>) -> (Status, Option<Run>) {
        let mut restart = Restart::default();
        let mut next_tick = Instant::now() + TICK;
        loop {
            let patience = tick.as_ref().map(|_| next_tick.saturating_duration_since(Instant::now()));
            let ready = self.wait(job, patience);
            if ready.keys {
                self.read_keys(job);
            }
            if ready.room {
                job.keyboard.as_mut().into_iter().for_each(Keyboard::write);
            }
            while let Some(signal) = self.signals.next() {
                restart.cancel_on(signal);
                self.pass_on(signal, job);
            }
            while let Some(report) = job.child.change() {
                match report {
                    Report::Stopped(number) => self.stop(number, job),
                    Report::Ended(status) => return (status_of(status), restart.run),
                }
            }
            if let Some(tick) = tick
                && Instant::now() >= next_tick
            {
                next_tick = Instant::now() + TICK;
                if let Next::Restart(run) = tick() {
                    restart.ask(*run, job);
                }
                restart.insist(job);
            }
        }
    }

    /// Waits for something to happen.
    fn wait(&self, job: &Job, patience: Option<Duration>) -> Ready {
        let mut list = vec![PollFd::new(&self.signals, PollFlags::IN)];
        let link = job.child.link();
        list.extend(link.as_ref().map(|link| PollFd::new(link, PollFlags::IN)));
        let mut ready = Ready::default();
        if let (Some(keyboard), Some(terminal)) = (&job.keyboard, &self.terminal) {
            let master = keyboard.master();
            if keyboard.is_full() {
                list.push(PollFd::from_borrowed_fd(master, PollFlags::OUT));
                wait_for(&mut list, patience);
                ready.room = is_ready(list.last());
                return ready;
            }
            if terminal.is_raw() {
                list.push(PollFd::new(terminal, PollFlags::IN));
                wait_for(&mut list, patience);
                ready.keys = is_ready(list.last());
                return ready;
            }
        }
        wait_for(&mut list, patience);
        ready
    }

    fn read_keys(&mut self, job: &mut Job) {
        if let (Some(keyboard), Some(terminal)) = (&mut job.keyboard, &mut self.terminal)
            && !keyboard.read(terminal)
        {
            // The terminal is gone; SIGHUP tells the rest.
            terminal.leave_raw();
        }
    }

    /// Does for the child what the signal would have done to it in our place.
    fn pass_on(&mut self, signal: Received, job: &Job) {
        let from_terminal = signal.sender.is_none();
        match signal.number {
            libc::SIGCHLD => {}
            libc::SIGCONT => self.resume(job),
            libc::SIGWINCH if job.child.has_session() => {
                if let (Some(terminal), Some(keyboard)) = (&self.terminal, &job.keyboard) {
                    terminal.copy_size(keyboard.master());
                }
            }
            number if job.child.has_session() && from_terminal => job.child.signal_foreground(number),
            // A key of the terminal has reached the child already: it is in our group.
            _ if from_terminal => {}
            number => job.child.signal(number),
        }
    }

    /// The child was stopped, so we stop too: whoever started us sees a stopped job.
    fn stop(&mut self, number: i32, job: &Job) {
        let for_terminal = matches!(number, libc::SIGTTIN | libc::SIGTTOU);
        if for_terminal && job.keyboard.is_some() && self.terminal.as_ref().is_some_and(Terminal::is_foreground) {
            self.resume_with_keyboard(job);
            return;
        }
        job.await_quiet();
        if let Some(terminal) = &mut self.terminal {
            terminal.leave_raw();
        }
        // What a terminal stops, it stops as a group. Where the child is in our group, it did.
        let group = job.child.has_session() && number != libc::SIGSTOP;
        let stopped = Instant::now();
        self.signals.let_through(number, group);
        if for_terminal && stopped.elapsed() < Duration::from_millis(10) {
            // There is nobody who could give us the terminal (an orphaned group does not stop).
            std::thread::sleep(Duration::from_millis(100));
        }
        self.resume(job);
    }

    /// Goes on after a stop, in the foreground or not.
    fn resume(&mut self, job: &Job) {
        let has_it = self.terminal.as_ref().is_some_and(Terminal::is_raw);
        if job.keyboard.is_some() && (has_it || self.gives_keyboard()) {
            self.resume_with_keyboard(job);
        } else {
            job.child.resume(false);
        }
    }

    fn resume_with_keyboard(&mut self, job: &Job) {
        let raw = self.terminal.as_mut().is_some_and(|terminal| terminal.enter_raw().is_ok());
        if let (Some(terminal), Some(keyboard)) = (&self.terminal, &job.keyboard) {
            terminal.copy_size(keyboard.master());
        }
        job.child.resume(raw);
    }
}

/// One child with all that belongs to it.
struct Job {
    child: Child,
    /// Removed with the job, or by the janitor if we do not come to that.
    files: Option<(PrivateFiles, Option<Janitor>)>,
    keyboard: Option<Keyboard>,
    relays: Vec<JoinHandle<Masker>>,
    /// Closed to make the relays finish.
    leave: io::PipeWriter,
    /// Closed when they all have.
    done: io::PipeReader,
    gauges: Vec<Gauge>,
}

impl Job {
    fn start(mut run: Run, supervisor: &mut Supervisor) -> Result<Self, Error> {
        let mut streams = match &run.masker {
            Some(masker) if !masker.is_empty() => {
                Streams::open(supervisor.outside, masker, supervisor.terminal.as_ref())?
            }
            _ => Streams::default(),
        };
        if let (Some(terminal), Some(pty)) = (&supervisor.terminal, &streams.pty) {
            child::rename_terminal(&mut run.env, terminal.name(), pty.name());
        }
        let files = run.files.take().map(|files| {
            let janitor = Janitor::of(&files).ok();
            (files, janitor)
        });
        let keyboard = streams.pty.is_some() && supervisor.gives_keyboard();
        let child = Child::start(&run, &mut streams, supervisor.terminal.as_ref(), &supervisor.signals, keyboard)?;
        let Streams { pty, relays, .. } = streams;
        let gauges = relays.iter().map(Gauge::of).collect();
        if let (true, Some(terminal)) = (keyboard, &mut supervisor.terminal) {
            terminal.enter_raw().map_err(system("set the mode of the terminal"))?;
        }
        let (leaving, leave) = io::pipe().map_err(system("make a pipe"))?;
        let (done, finished) = io::pipe().map_err(system("make a pipe"))?;
        let leaving = Arc::new(OwnedFd::from(leaving));
        let relays = relays.into_iter().map(|relay| {
            let leaving = Arc::clone(&leaving);
            let finished = finished.try_clone().map_err(system("copy a descriptor"))?;
            std::thread::Builder::new()
                .name("relay".into())
                .spawn(move || {
                    let _finished = finished;
                    relay.run(&leaving)
                })
                .map_err(system("start a thread"))
        });
        let relays = relays.collect::<Result<_, _>>()?;
        // The slave is dropped here, so that the end of the last process that has it shows.
        Ok(Self { child, files, keyboard: pty.map(|pty| Keyboard::new(pty.master)), relays, leave, done, gauges })
    }

    /// Waits until what the child has written is through, within reason.
    fn await_quiet(&self) {
        let end = Instant::now() + QUIET;
        // Output needs a moment from one side of a pseudo-terminal to the other, none in a pipe.
        let enough = if self.keyboard.is_some() { 3 } else { 1 };
        let mut quiet = 0;
        while Instant::now() < end {
            quiet = if self.gauges.iter().all(Gauge::is_quiet) { quiet + 1 } else { 0 };
            if quiet == enough {
                break;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Delivers the rest of the output and says which secrets were in it. A signal that would end
    /// us ends the wait: whoever reads our output may have stopped reading for good.
    fn finish(self, signals: &Signals) -> Vec<String> {
        drop(self.files);
        drop(self.leave);
        loop {
            let mut list = [PollFd::new(&self.done, PollFlags::IN), PollFd::new(signals, PollFlags::IN)];
            wait_for(&mut list, None);
            if is_ready(list.first()) {
                break;
            }
            while let Some(signal) = signals.next() {
                if is_ending(signal.number) {
                    return Vec::new();
                }
            }
        }
        let maskers = self.relays.into_iter().filter_map(|relay| relay.join().ok());
        maskers.flat_map(|masker| masker.seen().map(String::from).collect::<Vec<_>>()).collect()
    }
}

/// A child that is being replaced.
#[derive(Default)]
struct Restart {
    run: Option<Run>,
    kill_at: Option<Instant>,
    cancelled: bool,
}

impl Restart {
    /// Asks the child to end. The newest values win when it is asked twice.
    fn ask(&mut self, run: Run, job: &Job) {
        if self.cancelled {
            return;
        }
        if self.run.replace(run).is_none() {
            job.child.signal_job(libc::SIGTERM);
            job.child.signal_job(libc::SIGCONT);
            self.kill_at = Some(Instant::now() + GRACE);
        }
    }

    fn insist(&mut self, job: &Job) {
        if self.kill_at.is_some_and(|time| Instant::now() >= time) {
            job.child.signal_job(libc::SIGKILL);
        }
    }

    /// Somebody wants the program to end, not to start anew.
    fn cancel_on(&mut self, signal: Received) {
        if is_ending(signal.number) {
            self.cancelled = true;
            self.run = None;
        }
    }
}

#[derive(Default)]
struct Ready {
    keys: bool,
    room: bool,
}

fn is_ready(entry: Option<&PollFd<'_>>) -> bool {
    entry.is_some_and(|entry| !entry.revents().is_empty())
}

fn is_ending(number: i32) -> bool {
    matches!(number, libc::SIGINT | libc::SIGTERM | libc::SIGHUP | libc::SIGQUIT)
}

fn status_of(raw: i32) -> Status {
    let status = ExitStatus::from_raw(raw);
    match (status.code(), status.signal()) {
        (Some(code), _) => Status::Code(code as u8),
        (None, signal) => Status::Signal(signal.unwrap_or(libc::SIGKILL)),
    }
}
