//! Where and from what a figure comes: date, commit, machine, seed.

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::BuildHasher;
use std::process::Command;

use anyhow::Result;

use crate::process;
use crate::workspace::Workspace;

/// What makes a figure repeatable.
pub(crate) struct Provenance {
    /// `YYYY-MM-DD`.
    pub(crate) date: String,
    /// The commit's short hash, with a word if the work tree differs from it.
    pub(crate) commit: String,
    pub(crate) machine: String,
}

impl Provenance {
    pub(crate) fn now(workspace: &Workspace) -> Result<Self> {
        let date = process::capture(Command::new("date").args(["-u", "+%Y-%m-%d"]))?;
        Ok(Self { date: date.trim().to_owned(), commit: commit(workspace), machine: machine() })
    }
}

/// A seed nobody chose; the standard library keys its hash maps from the system's randomness.
pub(crate) fn fresh_seed() -> u64 {
    RandomState::new().hash_one("seed")
}

fn commit(workspace: &Workspace) -> String {
    let git = |arguments: &[&str]| -> Option<String> {
        let output = Command::new("git").args(arguments).current_dir(workspace.root()).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    match (git(&["rev-parse", "--short", "HEAD"]), git(&["status", "--porcelain", "--untracked-files=no"])) {
        (Some(commit), Some(changes)) if changes.is_empty() => commit,
        (Some(commit), _) => format!("{commit}, with uncommitted changes"),
        (None, _) => "unknown".to_owned(),
    }
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let model = fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| cpu_model(&text));
    let system = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let kernel = system.split('-').next().unwrap_or_default().trim();
    format!("{cores} cores, {}, {} {kernel}", model.as_deref().unwrap_or(std::env::consts::ARCH), std::env::consts::OS)
}

fn cpu_model(cpuinfo: &str) -> Option<String> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_named() {
        let cpuinfo = "processor\t: 0\nmodel name\t: Example CPU @ 2.00GHz\nflags\t: x\n";
        assert_eq!(cpu_model(cpuinfo).as_deref(), Some("Example CPU @ 2.00GHz"));
        assert_eq!(cpu_model("processor\t: 0\n"), None);
    }

    #[test]
    fn two_runs_have_two_seeds() {
        assert_ne!(fresh_seed(), fresh_seed());
    }
}
