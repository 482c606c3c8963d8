//! What git knows of a file. The folder may be hostile: git runs without its hooks, monitors and
//! configuration that could start a program, and writes nothing.

use std::path::Path;
use std::process::{Command, Stdio};

/// What git knows of one file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    /// It is in the index.
    pub(crate) tracked: bool,
    /// Some commit holds or held it.
    pub(crate) in_history: bool,
    /// It is ignored.
    pub(crate) ignored: bool,
}

/// What git knows; `None` outside a repository or without git.
pub(crate) fn known(file: &Path) -> Option<Known> {
    let (folder, name) = (file.parent()?, file.file_name()?.to_str()?);
    if !folder.ancestors().any(|path| path.join(".git").exists()) {
        return None;
    }
    let tracked = git(folder, &["ls-files", "--error-unmatch", "--", name])?;
    let in_history = output(folder, &["log", "--all", "--max-count=1", "--format=%H", "--", name])?;
    let ignored = git(folder, &["check-ignore", "--quiet", "--no-index", "--", name])?;
    Some(Known { tracked, in_history: !in_history.is_empty(), ignored })
}

/// The command with everything switched off that a repository could use to run programs.
fn command(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder);
    for setting in ["core.fsmonitor=false", "core.hooksPath=/dev/null", "core.pager=cat", "log.showSignature=false"] {
        command.args(["-c", setting]);
    }
    command.env("GIT_OPTIONAL_LOCKS", "0").env("GIT_TERMINAL_PROMPT", "0");
    command.stdin(Stdio::null()).stderr(Stdio::null());
    command
}

/// Files named like these that some commit of the repository above `folder` holds or held, as
/// paths from the repository's root.
pub(crate) fn ever_committed(folder: &Path, patterns: &[&str]) -> Vec<String> {
    if !folder.ancestors().any(|path| path.join(".git").exists()) {
        return Vec::new();
    }
    let mut args = vec!["log", "--all", "--diff-filter=A", "--no-renames", "--format=", "--name-only", "-z", "--"];
    args.extend(patterns);
    let names = output(folder, &args).unwrap_or_default();
    let mut names: Vec<String> = names
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
        .map(|name| String::from_utf8_lossy(name).into_owned())
        .collect();
    names.sort();
    names.dedup();
    names
}

fn git(folder: &Path, args: &[&str]) -> Option<bool> {
    command(folder).args(args).stdout(Stdio::null()).status().ok().map(|status| status.success())
}

fn output(folder: &Path, args: &[&str]) -> Option<Vec<u8>> {
    command(folder).args(args).output().ok().map(|output| output.stdout)
}
