//! Recovery codes on their way to whoever keeps them: shown once, or written to a new file.

use std::io::{IsTerminal, Write};
use std::path::Path;

use keyward_client::{Failure, RecoveryCode, Result, SystemRandom};
use keyward_types::Secret;
use zeroize::Zeroizing;

use crate::{output, terminal};

/// A fresh code and its text.
pub(crate) fn generate() -> Result<(RecoveryCode, Secret<String>)> {
    let code = RecoveryCode::generate(&SystemRandom)?;
    let text = code.text();
    Ok((code, text))
}

/// Writes a secret text to a new file that only its owner reads.
pub(crate) fn save(path: &Path, text: &str) -> Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(path).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Failure::usage(format!("`{}` exists already", path.display())).hint("name a file that does not exist yet")
        }
        _ => Failure::file("write", path, &error),
    })
}

/// Writes the code to a file, with a line that says what it is.
pub(crate) fn save_code(path: &Path, code: &Secret<String>) -> Result<()> {
    let text = Zeroizing::new(format!("{}\n", code.expose()));
    save(path, &text)?;
    output::note(format!("the recovery code is in `{}`: keep it away from this machine", path.display()));
    Ok(())
}

/// Refuses where there is neither somebody to show a code to nor a pipe to write it to.
pub(crate) fn can_hand_out() -> Result<()> {
    if terminal::interactive() || !std::io::stdout().is_terminal() {
        return Ok(());
    }
    Err(Failure::usage("there is nobody to show this to").hint("hand its output to a file or a program"))
}

/// Hands a code out where no file was named: shown once on a terminal, or to a pipe.
pub(crate) fn hand_out(code: &Secret<String>) -> Result<()> {
    if terminal::interactive() { show(code) } else { output::line(code.expose()) }
}

/// Shows shares once on a terminal, or writes them to a pipe, one a line.
pub(crate) fn hand_out_shares(shares: &str, threshold: u8) -> Result<()> {
    if !terminal::interactive() {
        return output::line(shares);
    }
    output::note(format!("{threshold} of these shares open the vault together. They are shown once, now:"));
    let lines: Vec<String> = shares.lines().enumerate().map(|(n, share)| format!("  {}  {share}", n + 1)).collect();
    terminal::eprint_line(&format!("\n{}\n", lines.join("\n")), true);
    terminal::ask("Give each to somebody else, then press enter").map(drop)
}

/// Shows a code once, and makes sure that it was written down.
pub(crate) fn show(code: &Secret<String>) -> Result<()> {
    output::note("this recovery code opens the vault when all else is lost. It is shown once, now:");
    terminal::eprint_line(&format!("\n    {}\n", code.expose()), true);
    let last = code.expose().rsplit('-').next().unwrap_or_default();
    for _ in 0..3 {
        let typed = terminal::ask("Write it down, then type its last group (or a file name to save it to)")?;
        match typed.trim() {
            "" => {}
            typed if typed.eq_ignore_ascii_case(last) => return Ok(()),
            typed if typed.contains(['/', '.']) => match save_code(Path::new(typed), code) {
                Ok(()) => return Ok(()),
                Err(failure) => output::failure(&failure, false),
            },
            _ => output::note("that is not its last group"),
        }
    }
    output::note("warning: nobody confirmed that the recovery code was written down");
    output::hint("`keyward slot add recovery-code` makes another one");
    Ok(())
}
