//! A client of PostgreSQL that stays connected: `psql`, asked over its standard input.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

pub(crate) struct Psql {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Psql {
    /// Starts it; whether it gets in shows with the first question.
    pub(crate) fn start(url: &str) -> Self {
        let mut command = Command::new("psql");
        command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", url]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (input, output) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, input, output }
    }

    /// One question and its answer.
    ///
    /// # Errors
    /// What `psql` says.
    pub(crate) fn ask(&mut self) -> Result<(), String> {
        let asked = self.input.as_mut().is_some_and(|input| input.write_all(b"SELECT 7 * 6;\n").is_ok());
        let mut line = String::new();
        let answered = asked && self.output.read_line(&mut line).is_ok();
        match answered && line == "42\n" {
            true => Ok(()),
            false => Err(self.last_words(&line)),
        }
    }

    fn last_words(&mut self, line: &str) -> String {
        self.input = None;
        let mut said = String::new();
        if let Some(mut errors) = self.child.stderr.take() {
            let _ = errors.read_to_string(&mut said);
        }
        format!("{line:?}: {}", said.trim())
    }
}

impl Drop for Psql {
    /// Ends the connection in order, as a pool does.
    fn drop(&mut self) {
        self.input = None;
        let _ = self.child.wait();
    }
}
