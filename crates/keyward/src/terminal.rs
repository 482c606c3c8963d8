//! The terminal: whether there is one, and hidden prompts on it.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, IsTerminal, Write};

use keyward_client::{Failure, Result};
use keyward_types::Secret;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// Whether somebody sits there to be asked: standard input and error are terminals.
pub(crate) fn interactive() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks without echo on the controlling terminal.
pub(crate) fn hidden(prompt: &str) -> Result<Secret<String>> {
    let failed = |error: std::io::Error| Failure::internal(format!("the terminal cannot be used: {error}"));
    let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty").map_err(failed)?;
    write!(terminal, "{prompt}: ").and_then(|()| terminal.flush()).map_err(failed)?;
    let quiet = Quiet::begin(&terminal).map_err(failed)?;
    let mut line = String::new();
    let read = BufReader::new(&terminal).read_line(&mut line);
    drop(quiet);
    let _ = writeln!(terminal);
    let secret = Secret::new(prompt.to_owned(), line.trim_end_matches(['\n', '\r']).to_owned());
    zeroize::Zeroize::zeroize(&mut line);
    read.map_err(failed)?;
    Ok(secret)
}

/// Asks for a line that may be seen.
pub(crate) fn ask(prompt: &str) -> Result<String> {
    eprint_line(&format!("{prompt}: "), false);
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    read.map_err(|error| Failure::internal(format!("the terminal cannot be used: {error}")))?;
    Ok(answer.trim_end_matches(['\n', '\r']).to_owned())
}

/// Asks a question that is answered by `y` or `n`; anything else is no.
pub(crate) fn confirm(question: &str) -> bool {
    eprint_line(&format!("{question} [y/N] "), false);
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}

#[expect(clippy::print_stderr, reason = "the terminal is where this talks")]
pub(crate) fn eprint_line(text: &str, newline: bool) {
    if newline { eprintln!("{text}") } else { eprint!("{text}") }
}

/// Echo is off until this is dropped.
struct Quiet<'a> {
    terminal: &'a File,
    before: Termios,
}

impl<'a> Quiet<'a> {
    fn begin(terminal: &'a File) -> std::io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(terminal, OptionalActions::Flush, &quiet)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        let _ = tcsetattr(self.terminal, OptionalActions::Flush, &self.before);
    }
}
