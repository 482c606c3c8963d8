//! The `store-writer` process.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use keyward_testing::faults::Faults;

/// A child that does what it is asked, over a disk that may fail.
pub(crate) struct Obedient {
    child: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Obedient {
    pub(crate) fn start(database: &Path, faults: &Faults) -> Self {
        let mut command = writer("obey", database);
        let mut child = faults.command(&mut command).stdin(Stdio::piped()).spawn().unwrap();
        let (commands, answers) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, commands, answers }
    }

    /// What the child answers: what it found, or why it refused.
    pub(crate) fn ask(&mut self, command: &str) -> Result<String, String> {
        writeln!(self.commands, "{command}").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        let line = line.trim_end_matches('\n');
        match line.split_once(' ') {
            Some(("ok", said)) => Ok(said.to_owned()),
            Some(("refused", why)) => Err(why.to_owned()),
            _ => panic!("`{command}` was answered by `{line}`"),
        }
    }

    /// Asks it to close the store and waits for its end.
    pub(crate) fn finish(mut self) {
        self.ask("close").unwrap();
        drop(self.commands);
        assert!(self.child.wait().unwrap().success());
    }

    /// Ends it with `SIGKILL`.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// A child that commits until it is killed.
pub(crate) fn flood(database: &Path, threads: usize) -> Command {
    let mut command = writer("flood", database);
    command.arg(threads.to_string());
    command
}

fn writer(work: &str, database: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_store-writer"));
    command.arg(work).arg(database).stdin(Stdio::null()).stdout(Stdio::piped());
    command
}
