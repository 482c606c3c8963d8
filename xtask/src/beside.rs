//! Work beside the step that runs: what waits for the network, or for time to pass, leaves the
//! processor to others. What it says is kept until its turn comes, so that it does not stand between
//! the lines of something else.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use crate::process;

/// A program that was started and is waited for later.
pub(crate) struct Beside {
    child: Child,
    /// Its command line.
    what: String,
    /// What it says. No pipe: whoever a package starts may hold one open for good.
    said: File,
    ended: bool,
}

/// How it ended, and what it had said.
pub(crate) struct Ended {
    what: String,
    status: ExitStatus,
    pub(crate) said: String,
    /// How long it had to be waited for.
    pub(crate) waited: f64,
}

impl Beside {
    /// Starts it; both of its streams are kept.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let what = process::shown(command);
        println!("$ {what} &");
        let said = nameless_file()?;
        let child = command
            .stdin(Stdio::null())
            .stdout(said.try_clone()?)
            .stderr(said.try_clone()?)
            .spawn()
            .with_context(|| format!("cannot start {what}"))?;
        Ok(Self { child, what, said, ended: false })
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> Result<Ended> {
        let start = Instant::now();
        let status = self.child.wait()?;
        self.ended = true;
        let mut said = Vec::new();
        self.said.rewind()?;
        self.said.read_to_end(&mut said)?;
        let said = String::from_utf8_lossy(&said).into_owned();
        Ok(Ended { what: std::mem::take(&mut self.what), status, said, waited: start.elapsed().as_secs_f64() })
    }
}

/// After a failed step nothing is left half done.
impl Drop for Beside {
    fn drop(&mut self) {
        if !self.ended {
            println!("waiting for the end of: {}", self.what);
            let _ = self.child.wait();
        }
    }
}

impl Ended {
    /// An exit code other than 0 is an error.
    pub(crate) fn success(&self) -> Result<()> {
        if !self.status.success() {
            bail!("{} ended with {}", self.what, self.status);
        }
        Ok(())
    }
}

/// A file that goes with the last that has it open.
fn nameless_file() -> Result<File> {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("keyward-xtask-{}-{number}", std::process::id()));
    let file = OpenOptions::new().read(true).append(true).create_new(true).open(&path);
    let file = file.with_context(|| format!("cannot create `{}`", path.display()))?;
    fs::remove_file(&path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(script: &str) -> Ended {
        let beside = Beside::start(Command::new("sh").args(["-c", script])).expect("sh starts");
        beside.finish().expect("it ends")
    }

    #[test]
    fn both_streams_are_kept_in_order() {
        let ended = run("echo one; echo two >&2; echo three");
        assert_eq!(ended.said, "one\ntwo\nthree\n");
        ended.success().expect("it ended well");
    }

    #[test]
    fn what_it_leaves_behind_is_not_waited_for() {
        assert!(run("sleep 30 & echo begun").waited < 20.0);
    }

    #[test]
    fn a_failure_names_the_command() {
        let error = run("exit 3").success().expect_err("it failed").to_string();
        assert!(error.starts_with("sh -c 'exit 3' ended with") && error.contains('3'), "{error}");
    }
}
