//! What the system's packages bring: programs, looked for before they are installed, and all that are
//! missing at once.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process;

/// A program and the Debian package that carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    package: &'static str,
    place: Place,
}

/// Where a program is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Path,
    /// Debian keeps each version's programs in a folder of its own, which is not on the path.
    Postgres,
    /// Debian keeps what it takes to make an environment apart from Python.
    Python,
}

pub(crate) const PYTHON3: Program = Program::on_path("python3", "python3");
pub(crate) const GIT_PROGRAM: Program = Program::on_path("git", "git");
/// Says which functions of a program run.
pub(crate) const VALGRIND_PROGRAM: Program = Program::on_path("valgrind", "valgrind");
/// PostgreSQL 13 or newer.
pub(crate) const POSTGRES: Program = Program { name: "initdb", package: "postgresql", place: Place::Postgres };
pub(crate) const VENV: Program = Program { name: "python3 -m venv", package: "python3-venv", place: Place::Python };

impl Program {
    pub(crate) const fn on_path(name: &'static str, package: &'static str) -> Self {
        Self { name, package, place: Place::Path }
    }

    fn is_there(&self) -> bool {
        match self.place {
            Place::Path => process::find(self.name).is_some(),
            Place::Postgres => {
                let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
                process::find(self.name).is_some()
                    || versions.map(|entry| entry.path().join("bin").join(self.name)).any(|file| file.exists())
            }
            Place::Python => process::succeeds(Command::new("python3").args(["-c", "import ensurepip, venv"])),
        }
    }
}

/// Installs the programs that are missing, all at once; gives whether there were any.
pub(crate) fn ensure_programs(programs: &[Program]) -> Result<bool> {
    let missing: Vec<&Program> = programs.iter().filter(|program| !program.is_there()).collect();
    if missing.is_empty() {
        return Ok(false);
    }
    let names: Vec<&str> = missing.iter().map(|program| program.name).collect();
    let packages: Vec<&str> = missing.iter().map(|program| program.package).collect();
    install(&packages).with_context(|| {
        format!(
            "needed and not to be installed from here: {}; please install them (on Debian: apt-get install {})",
            names.join(", "),
            packages.join(" ")
        )
    })?;
    match missing.iter().find(|program| !program.is_there()) {
        Some(program) => bail!("package `{}` is installed, but there is no `{}`", program.package, program.name),
        None => Ok(true),
    }
}

/// As root, or by a sudo that asks nothing.
fn install(packages: &[&str]) -> Result<()> {
    if process::find("apt-get").is_none() {
        bail!("no apt-get on this system");
    }
    let root = process::capture(Command::new("id").arg("-u"))?.trim() == "0";
    let apt_get = || {
        let mut command = Command::new(if root { "env" } else { "sudo" });
        if !root {
            command.args(["-n", "env"]);
        }
        command.args(["DEBIAN_FRONTEND=noninteractive", "DEBCONF_NOWARNINGS=yes", "apt-get", "-qq"]);
        command
    };
    if !root && !process::succeeds(Command::new("sudo").args(["-n", "true"])) {
        bail!("neither root nor a sudo without a password");
    }
    println!("installing Debian packages: {}", packages.join(" "));
    process::run(apt_get().arg("update"))?;
    let quietly = ["-o", "Dpkg::Use-Pty=0", "-o", "Dpkg::Progress-Fancy=0"];
    process::run(apt_get().args(quietly).args(["install", "-y", "--no-install-recommends"]).args(packages))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_there_is_not_installed() {
        assert!(!ensure_programs(&[Program::on_path("sh", "no-such-package")]).expect("sh is everywhere"));
    }

    #[test]
    fn a_program_that_is_nowhere_is_seen_to_be_missing() {
        for place in [Place::Path, Place::Postgres] {
            assert!(!Program { name: "no-such-program", package: "none", place }.is_there());
        }
    }
}
