//! The terminal: whether there is one, and hidden prompts on it.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, IsTerminal, Read, Write};

use keyward_client::{Failure, Result};
use keyward_types::Secret;
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

/// Whether somebody sits there to be asked: standard input and error are terminals.
pub(crate) fn interactive() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Columns of the terminal that standard output is; 0 where it is none or does not say.
pub(crate) fn columns() -> usize {
    rustix::termios::tcgetwinsize(std::io::stdout()).map_or(0, |size| usize::from(size.ws_col))
}

/// Asks without echo on the controlling terminal. Ctrl-C ends the process as the signal would, and
/// leaves the terminal as it was.
pub(crate) fn hidden(prompt: &str) -> Result<Secret<String>> {
    let failed = |error: std::io::Error| Failure::internal(format!("the terminal cannot be used: {error}"));
    let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty").map_err(failed)?;
    // First, so that nothing that is typed at the sight of the prompt is shown or lost.
    let quiet = Quiet::begin(&terminal).map_err(failed)?;
    let typed = write!(&terminal, "{prompt}: ").and_then(|()| (&terminal).flush()).and_then(|()| keys(&terminal));
    drop(quiet);
    let _ = writeln!(terminal);
    let Some(line) = typed.map_err(failed)? else { std::process::exit(INTERRUPTED) };
    let text = std::str::from_utf8(&line).map_err(|_| Failure::usage("what was typed is not UTF-8"))?;
    Ok(Secret::new(prompt.to_owned(), text.to_owned()))
}

/// What a shell reports of a process that SIGINT ended.
const INTERRUPTED: i32 = 130;

/// The keys up to the line's end, edited as a terminal does it; `None` after Ctrl-C.
#[expect(clippy::unbuffered_bytes, reason = "what is typed after the line belongs to the next prompt")]
fn keys(terminal: &File) -> std::io::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut line = Zeroizing::new(Vec::with_capacity(1024));
    for byte in terminal.bytes() {
        match byte? {
            b'\n' | b'\r' | CTRL_D => break,
            CTRL_C => return Ok(None),
            CTRL_U => line.clear(),
            BACKSPACE | DELETE => {
                // The rest of a character outside ASCII goes with its last byte.
                while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
            }
            byte => line.push(byte),
        }
    }
    Ok(Some(line))
}

const CTRL_C: u8 = 3;
const CTRL_D: u8 = 4;
const BACKSPACE: u8 = 8;
const CTRL_U: u8 = 21;
const DELETE: u8 = 127;

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

/// Keys come one by one and unseen until this is dropped.
struct Quiet<'a> {
    terminal: &'a File,
    before: Termios,
}

impl<'a> Quiet<'a> {
    fn begin(terminal: &'a File) -> std::io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        quiet.special_codes[SpecialCodeIndex::VMIN] = 1;
        quiet.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(terminal, OptionalActions::Flush, &quiet)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        let _ = tcsetattr(self.terminal, OptionalActions::Flush, &self.before);
    }
}
