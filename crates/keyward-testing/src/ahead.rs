//! A later time than it is, for processes of a test: a small library, put between them and the system by
//! `LD_PRELOAD`. Linux with a C compiler.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::shim;

/// How far the wall clock of processes is ahead. Each has it as it was when it started.
pub struct Ahead {
    made: TempDir,
    by: Duration,
}

impl Ahead {
    /// Compiles the library. The time is what it is until [`Ahead::pass`].
    ///
    /// # Panics
    /// Without a C compiler, which building SQLite needs as well.
    #[must_use]
    pub fn build() -> Self {
        let made = tempfile::tempdir().expect("a temporary folder can be made");
        let ahead = Self { made, by: Duration::ZERO };
        shim::compile(SHIM, &ahead.library());
        ahead
    }

    /// So much time passes for whoever starts from now on.
    pub fn pass(&mut self, time: Duration) {
        self.by += time;
    }

    /// Lets `command`, and what it starts, have that time.
    pub fn command<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.env("LD_PRELOAD", self.library()).env("KEYWARD_CLOCK_AHEAD", self.by.as_secs().to_string())
    }

    fn library(&self) -> PathBuf {
        self.made.path().join("ahead.so")
    }
}

const SHIM: &str = include_str!("ahead/shim.c");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_passes_for_whoever_starts_later() {
        let mut ahead = Ahead::build();
        let seconds = |ahead: &Ahead| -> i64 {
            let mut date = Command::new("date");
            let said = ahead.command(date.arg("+%s")).output().unwrap().stdout;
            String::from_utf8_lossy(&said).trim().parse().unwrap()
        };
        let before = seconds(&ahead);
        ahead.pass(Duration::from_secs(100_000));
        assert!((99_990..100_100).contains(&(seconds(&ahead) - before)));
    }
}
