//! Tools are installed beside the steps that need none of them: installing waits for the network, a
//! build for the processor. It is done by this program started once more, so that what it says does
//! not come between the lines of a step.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

/// Installing that has begun.
pub(crate) struct Installing {
    child: Child,
    /// What it says. No pipe: whoever a package starts may hold one open for good.
    said: File,
    ended: bool,
}

impl Installing {
    /// Begins with what these steps need.
    pub(crate) fn begin<'a>(steps: impl Iterator<Item = &'a str>) -> Result<Self> {
        let said = nameless_file()?;
        let child = Command::new(std::env::current_exe()?)
            .arg("tools")
            .args(steps)
            .stdin(Stdio::null())
            .stdout(said.try_clone()?)
            .stderr(said.try_clone()?)
            .spawn()
            .context("cannot start what installs tools")?;
        Ok(Self { child, said, ended: false })
    }

    /// Waits for its end and shows what it said; gives what it installed.
    pub(crate) fn finish(mut self) -> Result<Vec<(String, Duration)>> {
        let start = Instant::now();
        let status = self.child.wait()?;
        self.ended = true;
        let mut said = String::new();
        self.said.rewind()?;
        self.said.read_to_string(&mut said)?;
        let installed: Vec<_> = said.lines().filter_map(read).collect();
        if !status.success() || !installed.is_empty() {
            println!("\n== tools, installed beside the steps (waited for: {:.0} s)", start.elapsed().as_secs_f64());
            print!("{said}");
        }
        if !status.success() {
            bail!("installing what the steps need ended with {status}");
        }
        Ok(installed)
    }
}

/// After a failed step: nothing that is being installed is left half done.
impl Drop for Installing {
    fn drop(&mut self) {
        if !self.ended {
            println!("waiting for the tools that are being installed");
            let _ = self.child.wait();
        }
    }
}

/// Makes one tool usable and says so if it had to be installed.
pub(crate) fn installed(name: &str, ensure: impl FnOnce() -> Result<bool>) -> Result<()> {
    let start = Instant::now();
    if ensure().with_context(|| format!("tool `{name}`"))? {
        println!("{}", line(name, start.elapsed()));
    }
    Ok(())
}

fn line(name: &str, took: Duration) -> String {
    format!("installed: {name}, {:.2} s", took.as_secs_f64())
}

fn read(line: &str) -> Option<(String, Duration)> {
    let (name, took) = line.strip_prefix("installed: ")?.rsplit_once(", ")?;
    let took = took.strip_suffix(" s")?.parse().ok()?;
    Some((name.to_owned(), Duration::try_from_secs_f64(took).ok()?))
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

    #[test]
    fn what_was_installed_is_read_back() {
        let took = Duration::from_millis(12_340);
        assert_eq!(read(&line("node sdks, both", took)), Some(("node sdks, both".to_owned(), took)));
        for other in ["installed: moto", "installing moto, 1 s", "installed: moto, soon", "installed: moto, -1 s"] {
            assert_eq!(read(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_said_is_there_after_the_file_has_lost_its_name() {
        let mut file = nameless_file().expect("a temporary file");
        let status = Command::new("sh")
            .args(["-c", "echo one; echo two >&2"])
            .stdout(file.try_clone().expect("cloned"))
            .stderr(file.try_clone().expect("cloned"))
            .status()
            .expect("sh starts");
        assert!(status.success());
        let mut said = String::new();
        file.rewind().expect("a file");
        file.read_to_string(&mut said).expect("text");
        assert_eq!(said, "one\ntwo\n");
    }
}
