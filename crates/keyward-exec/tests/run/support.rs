//! Starts the starter, through pipes or on a terminal of its own.

use std::io::{Read as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::OpenptFlags;
use rustix::termios::Winsize;

pub(crate) const STARTER: &str = env!("CARGO_BIN_EXE_keyward-exec-starter");

/// Obviously no key of anybody.
pub(crate) const SECRET: &str = "not-a-real-secret/0123+456";

/// Long enough for a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The starter with [`SECRET`] masked, about to run `command`.
pub(crate) fn starter(command: &[&str]) -> Command {
    let mut starter = Command::new(STARTER);
    starter.args(["--secret", SECRET, "--"]).args(command).stdin(Stdio::null());
    starter
}

pub(crate) fn output(command: &[&str]) -> Output {
    starter(command).output().unwrap()
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Waits until `check` gives something.
pub(crate) fn until<T>(mut check: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = check() {
            return found;
        }
        assert!(Instant::now() < end, "nothing happened");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A terminal with a program on it, as a person sees it.
pub(crate) struct Screen {
    master: std::fs::File,
    pub(crate) child: Child,
    shown: String,
    read: usize,
}

impl Screen {
    /// Runs `command` as the leader of a session on a new terminal of 80 × 24.
    pub(crate) fn new(command: &[&str]) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master: OwnedFd = rustix::pty::openpt(flags).unwrap();
        rustix::pty::unlockpt(&master).unwrap();
        let slave = rustix::pty::ioctl_tiocgptpeer(&master, flags).unwrap();
        set_size(&master, 24, 80);
        // `setsid --ctty` makes standard input the controlling terminal. Whoever runs the tests in
        // the background has some signals ignored.
        let child = Command::new("setsid")
            .args(["--ctty", "--wait", "env", "--default-signal=INT,QUIT,TSTP"])
            .args(command)
            .env("PS1", "prompt> ")
            .env("TERM", "dumb")
            .stdin(Stdio::from(slave.try_clone().unwrap()))
            .stdout(Stdio::from(slave.try_clone().unwrap()))
            .stderr(Stdio::from(slave))
            .spawn()
            .unwrap();
        Self { master: master.into(), child, shown: String::new(), read: 0 }
    }

    /// The starter on a terminal.
    pub(crate) fn starter(command: &[&str]) -> Self {
        let mut all = vec![STARTER, "--secret", SECRET, "--"];
        all.extend(command);
        Self::new(&all)
    }

    /// An interactive shell with job control on a terminal.
    pub(crate) fn shell() -> Self {
        let mut screen = Self::new(&["bash", "--norc", "--noediting", "-i"]);
        screen.expect("prompt> ");
        screen
    }

    pub(crate) fn type_in(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    /// Reads on until `wanted` is shown; returns what was shown before it since the last call.
    pub(crate) fn expect(&mut self, wanted: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.shown[self.read..].find(wanted) {
                let before = self.shown[self.read..self.read + at].to_owned();
                self.read += at + wanted.len();
                return before;
            }
            let more = self.more(end);
            assert!(more, "no {wanted:?} in {:?}, after {:?}", &self.shown[self.read..], &self.shown[..self.read]);
        }
    }

    /// Everything shown until the program has ended, since the last `expect`; and how it ended.
    pub(crate) fn rest(mut self) -> (String, std::process::ExitStatus) {
        while self.more(Instant::now() + PATIENCE) {}
        (self.shown[self.read..].to_owned(), self.child.wait().unwrap())
    }

    pub(crate) fn resize(&self, rows: u16, columns: u16) {
        set_size(&self.master, rows, columns);
    }

    /// The mode of the terminal, as a comparable text.
    pub(crate) fn mode(&self) -> String {
        format!("{:?}", rustix::termios::tcgetattr(self.master.as_fd()).unwrap())
    }

    fn more(&mut self, end: Instant) -> bool {
        let left = end.saturating_duration_since(Instant::now());
        let left = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) };
        if poll(&mut [PollFd::new(&self.master, PollFlags::IN)], Some(&left)).unwrap() == 0 {
            return false;
        }
        let mut buffer = [0; 4096];
        match self.master.read(&mut buffer) {
            Ok(length @ 1..) => {
                self.shown.push_str(&text(&buffer[..length]));
                true
            }
            _ => false,
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn set_size(terminal: impl std::os::fd::AsFd, rows: u16, columns: u16) {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    rustix::termios::tcsetwinsize(terminal, size).unwrap();
}
