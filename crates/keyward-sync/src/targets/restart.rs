//! What uses a file is told that it has changed: a unit of systemd is started again, a process gets
//! SIGHUP.

use std::cmp::Ordering;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::Fault;

/// What is done once a file has its new value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Restart {
    /// This unit is started again.
    Systemd(String),
    /// The process whose number stands in this file gets SIGHUP.
    Hangup(PathBuf),
}

/// Where systemd's command is.
const SYSTEMCTL: [&str; 2] = ["/usr/bin/systemctl", "/bin/systemctl"];
/// How long it may take.
const LONGEST: Duration = Duration::from_secs(20);

impl Restart {
    /// Whether it could be done.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        match self {
            Self::Systemd(unit) => {
                let state = systemctl(&["show", unit, "--property=LoadState", "--value"])?;
                match state.trim() {
                    "loaded" => Ok(()),
                    _ => Err(Fault::Refused(format!("systemd has no unit `{unit}`"))),
                }
            }
            Self::Hangup(path) => process(path).map(drop),
        }
    }

    /// Does it, after the file was changed; systemd's once for each change, however often it is asked.
    pub(crate) fn perform(&self, file: &Path) -> Result<(), Fault> {
        match self {
            // Of the same second nobody can tell which was first.
            Self::Systemd(unit) => match started(unit, file)? {
                Some(Ordering::Greater) => Ok(()),
                _ => systemctl(&["restart", unit]).map(drop),
            },
            Self::Hangup(path) => hang_up(path),
        }
    }

    /// Whether what uses the file was started after it was changed, as far as a restart has gone well. A
    /// signal says nothing of what became of it.
    pub(crate) fn is_done(&self, file: &Path) -> Result<bool, Fault> {
        match self {
            Self::Systemd(unit) => Ok(started(unit, file)?.is_some_and(Ordering::is_ge)),
            Self::Hangup(_) => Ok(true),
        }
    }

    /// For people.
    pub(crate) fn told(&self) -> String {
        match self {
            Self::Systemd(unit) => format!("then {unit} restarts"),
            Self::Hangup(path) => format!("then SIGHUP to {}", path.display()),
        }
    }
}

/// Since when a unit is active, compared with when a file was changed, in seconds; `None`: it is not.
fn started(unit: &str, file: &Path) -> Result<Option<Ordering>, Fault> {
    let properties = ["--property=ActiveState", "--property=ActiveEnterTimestamp"];
    let shown = systemctl(&["show", unit, "--timestamp=unix", properties[0], properties[1]])?;
    let changed = fs::metadata(file).and_then(|file| file.modified()).ok();
    let changed = changed.and_then(|at| at.duration_since(UNIX_EPOCH).ok()).map(|at| at.as_secs());
    Ok(since(&shown).zip(changed).map(|(start, file)| start.cmp(&file)))
}

/// Since when a unit is active, as `systemctl show --timestamp=unix` tells it.
fn since(shown: &str) -> Option<u64> {
    let line = |name: &str| shown.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    line("ActiveState").filter(|state| *state == "active")?;
    line("ActiveEnterTimestamp")?.strip_prefix('@')?.parse().ok()
}

/// Asks systemd, with an argument vector and no shell.
fn systemctl(arguments: &[&str]) -> Result<String, Fault> {
    let program = SYSTEMCTL.iter().find(|path| Path::new(path).is_file());
    let program = program.ok_or_else(|| Fault::Refused("there is no systemd here".into()))?;
    run(program, arguments)
}

fn run(program: &str, arguments: &[&str]) -> Result<String, Fault> {
    let failed = |error: std::io::Error| Fault::Passing(format!("`{program}`: {error}"));
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
    let end = Instant::now() + LONGEST;
    while child.try_wait().map_err(failed)?.is_none() {
        if Instant::now() > end {
            let _ = child.kill();
            let _ = child.wait();
            return Err(Fault::Passing(format!("`{program}` took longer than {} s", LONGEST.as_secs())));
        }
        thread::sleep(Duration::from_millis(10));
    }
    let output = child.wait_with_output().map_err(failed)?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(Fault::Passing(format!("`systemctl {}` ended with {}", arguments.join(" "), output.status))),
    }
}

/// The process that a file names.
#[cfg(unix)]
fn process(path: &Path) -> Result<rustix::process::Pid, Fault> {
    let text = fs::read_to_string(path).map_err(|error| Fault::Refused(format!("`{}`: {error}", path.display())))?;
    let number = text.trim().parse::<i32>().ok().filter(|number| *number > 1);
    let pid = number.and_then(rustix::process::Pid::from_raw);
    let pid = pid.ok_or_else(|| Fault::Refused(format!("`{}` names no process", path.display())))?;
    match rustix::process::test_kill_process(pid) {
        Ok(()) => Ok(pid),
        Err(rustix::io::Errno::SRCH) => {
            Err(Fault::Passing(format!("the process that `{}` names does not run", path.display())))
        }
        Err(error) => Err(Fault::Refused(format!("the process that `{}` names: {error}", path.display()))),
    }
}

#[cfg(unix)]
fn hang_up(path: &Path) -> Result<(), Fault> {
    let pid = process(path)?;
    rustix::process::kill_process(pid, rustix::process::Signal::HUP)
        .map_err(|error| Fault::Passing(format!("the process that `{}` names: {error}", path.display())))
}

#[cfg(not(unix))]
fn process(_: &Path) -> Result<(), Fault> {
    Err(Fault::Refused("there are no signals on this system".into()))
}

#[cfg(not(unix))]
fn hang_up(path: &Path) -> Result<(), Fault> {
    process(path)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_process_gets_the_signal_and_what_is_none_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let (pid, out) = (folder.path().join("pid"), folder.path().join("out"));
        let script = format!(
            "trap 'echo hup > {}; exit' HUP; echo $$ > {}; while :; do sleep 0.05; done",
            out.display(),
            pid.display()
        );
        let mut child = Command::new("/bin/sh").args(["-c", &script]).spawn().unwrap();
        let end = Instant::now() + Duration::from_secs(10);
        while fs::read_to_string(&pid).map_or(true, |text| text.trim().is_empty()) && Instant::now() < end {
            thread::sleep(Duration::from_millis(10));
        }
        let restart = Restart::Hangup(pid.clone());
        restart.check().unwrap();
        restart.perform(Path::new("/unused")).unwrap();
        child.wait().unwrap();
        assert_eq!(fs::read_to_string(&out).unwrap(), "hup\n");
        assert!(matches!(restart.check(), Err(Fault::Passing(_))), "it has ended");
        for text in ["", "1", "-5", "many", "0"] {
            fs::write(&pid, text).unwrap();
            assert!(matches!(restart.check(), Err(Fault::Refused(_))), "{text}");
        }
    }

    #[test]
    fn a_unit_is_active_since_what_systemd_says() {
        assert_eq!(since("ActiveState=active\nActiveEnterTimestamp=@1764169952\n"), Some(1_764_169_952));
        assert_eq!(since("ActiveEnterTimestamp=@1764169952\nActiveState=active\n"), Some(1_764_169_952));
        assert_eq!(since("ActiveState=failed\nActiveEnterTimestamp=@1764169952\n"), None);
        assert_eq!(since("ActiveState=active\nActiveEnterTimestamp=\n"), None);
    }

    #[test]
    fn what_a_program_says_is_read_and_its_failure_is_told() {
        assert_eq!(run("/bin/echo", &["loaded"]).unwrap(), "loaded\n");
        assert!(matches!(run("/bin/false", &[]), Err(Fault::Passing(_))));
    }
}
