//! Starting other programs: each command line is shown before it runs, and a
//! failure names it.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Runs `command` with our own streams; an exit code other than 0 is an error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    announce(command);
    let status = command.status().with_context(|| format!("cannot start {}", shown(command)))?;
    if !status.success() {
        bail!("{} ended with {status}", shown(command));
    }
    Ok(())
}

/// Runs `command`, hands each line of its standard output to `on_line`, and
/// prints it too. Standard error stays ours, so that progress is seen.
pub(crate) fn run_lines(command: &mut Command, mut on_line: impl FnMut(&str)) -> Result<()> {
    announce(command);
    let mut child =
        command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start {}", shown(command)))?;
    let stdout = child.stdout.take().context("standard output was piped")?;
    let mut reader = BufReader::new(stdout);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line);
        print!("{text}");
        on_line(text.trim_end());
        line.clear();
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("{} ended with {status}", shown(command));
    }
    Ok(())
}

/// What `command` prints on standard output; its exit code must be 0.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let output =
        command.stderr(Stdio::inherit()).output().with_context(|| format!("cannot start {}", shown(command)))?;
    if !output.status.success() {
        bail!("{} ended with {}", shown(command), output.status);
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether `command` can be started and ends with 0; it prints nothing.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The file that `program` would start, looked up along `PATH`.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    std::env::split_paths(&search_path()).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// `PATH` for a child, with `first` before all of ours.
pub(crate) fn path_after(first: &Path) -> Result<OsString> {
    path_around(first, None)
}

/// `PATH` for a child, with `first` before all of ours and `last` behind.
pub(crate) fn path_around(first: &Path, last: Option<&Path>) -> Result<OsString> {
    let ours = search_path();
    let ours = std::env::split_paths(&ours);
    let folders = [first.to_owned()].into_iter().chain(ours).chain(last.map(Path::to_owned));
    Ok(std::env::join_paths(folders)?)
}

fn search_path() -> OsString {
    #[allow(clippy::disallowed_methods, reason = "a job looks for tools where the shell would")]
    std::env::var_os("PATH").unwrap_or_default()
}

/// The `cargo` that started us, so that a job never mixes two toolchains.
pub(crate) fn cargo() -> Command {
    #[allow(clippy::disallowed_methods, reason = "cargo names itself to what it starts")]
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    // Of which package we are is nobody's business: build scripts that look at it (ring's) would build
    // everything above them anew whenever cargo is called by hand in between.
    for variable in PACKAGE {
        command.env_remove(variable);
    }
    // What is built once gains nothing by it, and is built in a fifth more time.
    command.env("CARGO_INCREMENTAL", "0");
    command
}

/// This program, to be started once more.
pub(crate) fn ourselves() -> Result<Command> {
    Ok(Command::new(std::env::current_exe().context("cannot find this program")?))
}

/// The same with what others leave of the processor.
pub(crate) fn nicely(command: &Command) -> Command {
    let mut nicely = Command::new("nice");
    nicely.args(["-n", "10"]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => nicely.env(name, value),
            None => nicely.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        nicely.current_dir(folder);
    }
    nicely
}

/// What `cargo run` says of us, and build scripts are built anew for.
const PACKAGE: [&str; 14] = [
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_PATH",
    "CARGO_PKG_AUTHORS",
    "CARGO_PKG_DESCRIPTION",
    "CARGO_PKG_HOMEPAGE",
    "CARGO_PKG_LICENSE",
    "CARGO_PKG_NAME",
    "CARGO_PKG_REPOSITORY",
    "CARGO_PKG_RUST_VERSION",
    "CARGO_PKG_VERSION",
    "CARGO_PKG_VERSION_MAJOR",
    "CARGO_PKG_VERSION_MINOR",
    "CARGO_PKG_VERSION_PATCH",
    "CARGO_PKG_VERSION_PRE",
];

fn announce(command: &Command) {
    println!("$ {}", shown(command));
}

/// A command line as a person would type it: variables first, program by name.
pub(crate) fn shown(command: &Command) -> String {
    let mut line = String::new();
    for (name, value) in command.get_envs() {
        // The search path is long and says nothing about what is run.
        if let Some(value) = value.filter(|_| name != "PATH") {
            let _ = write!(line, "{}={} ", name.display(), quoted(value));
        }
    }
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(command.get_program());
    line.push_str(&name.to_string_lossy());
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&quoted(argument));
    }
    line
}

fn quoted(argument: &OsStr) -> String {
    let text = argument.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@+%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.into_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_shown_as_it_would_be_typed() {
        let mut command = Command::new("/usr/bin/cargo");
        command.env("RUSTDOCFLAGS", "-D warnings").args(["doc", "it's"]);
        assert_eq!(shown(&command), r"RUSTDOCFLAGS='-D warnings' cargo doc 'it'\''s'");
    }

    #[test]
    fn who_runs_nicely_has_the_same_surroundings() {
        let mut command = Command::new("sh");
        command.args(["-c", "nice; echo $KEPT; echo ${HOME-none}; pwd"]).env("KEPT", "here").env_remove("HOME");
        let said = capture(&mut nicely(command.current_dir("/"))).expect("sh starts");
        let lines: Vec<&str> = said.lines().collect();
        assert!(lines[0].parse::<i32>().expect("a number") >= 10, "{said}");
        assert_eq!(lines[1..], ["here", "none", "/"]);
    }

    #[test]
    fn every_line_is_handed_on_and_a_failure_names_the_command() {
        let mut seen = Vec::new();
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; echo two; exit 3"]);
        let error = run_lines(&mut command, |line| seen.push(line.to_owned())).expect_err("the script ends with 3");
        assert_eq!(seen, ["one", "two"]);
        assert!(error.to_string().starts_with("sh -c"), "{error}");
        assert!(error.to_string().contains('3'), "{error}");
    }
}
