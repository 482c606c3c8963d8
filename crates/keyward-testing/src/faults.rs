//! A disk that fails when it is told to: a small library, put between a child process and the system
//! by `LD_PRELOAD`, whose faults are switched while the child runs. Linux with a C compiler.
//!
//! It sees calls that go through the C library, which SQLite's and the standard library's do.

use std::cell::Cell;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::shim;

/// Faults of the files under one folder.
pub struct Faults {
    made: TempDir,
    folder: PathBuf,
    /// Number of the switch, so that setting the same mode twice counts its calls anew.
    switched: Cell<u32>,
}

/// What fails. `after` is how many calls of its kind succeed first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Nothing.
    Off,
    /// Writing and growing: the disk is full.
    Enospc {
        /// Writes that succeed first.
        after: u32,
    },
    /// Flushing: the disk lost what was written.
    Eio {
        /// Flushes that succeed first.
        after: u32,
    },
    /// Changing anything: the file system went read-only.
    Erofs {
        /// Changes that succeed first.
        after: u32,
    },
}

impl Faults {
    /// Compiles the library. Nothing fails until [`Faults::set`].
    ///
    /// # Panics
    /// Without a C compiler, which building SQLite needs as well, or when `folder` is not there.
    #[must_use]
    pub fn build(folder: &Path) -> Self {
        let made = tempfile::tempdir().expect("a temporary folder can be made");
        let folder = folder.canonicalize().expect("the folder is there");
        let faults = Self { made, folder, switched: Cell::new(0) };
        shim::compile(SHIM, &faults.library());
        faults.set(Mode::Off);
        faults
    }

    /// Lets `command`, and what it starts, meet these faults.
    pub fn command<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("LD_PRELOAD", self.library())
            .env("KEYWARD_FAULTS_FOLDER", &self.folder)
            .env("KEYWARD_FAULTS_CONTROL", self.control())
    }

    /// Switches all running children to `mode`, from their next call on.
    ///
    /// # Panics
    /// When the control file cannot be written.
    pub fn set(&self, mode: Mode) {
        self.switched.set(self.switched.get() + 1);
        // Renamed into place: a child never reads half of it.
        let draft = self.made.path().join("control.new");
        std::fs::write(&draft, format!("{mode} #{}", self.switched.get())).expect("the control file can be written");
        std::fs::rename(draft, self.control()).expect("the control file can be replaced");
    }

    /// The compiled library.
    #[must_use]
    pub fn library(&self) -> PathBuf {
        self.made.path().join("faults.so")
    }

    fn control(&self) -> PathBuf {
        self.made.path().join("control")
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off => write!(f, "off"),
            Self::Enospc { after } => write!(f, "enospc after={after}"),
            Self::Eio { after } => write!(f, "eio after={after}"),
            Self::Erofs { after } => write!(f, "erofs after={after}"),
        }
    }
}

const SHIM: &str = include_str!("faults/shim.c");

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a shell command line in `folder` and returns whether it succeeded, and what it complained of.
    fn shell(faults: &Faults, folder: &Path, line: &str) -> (bool, String) {
        let mut command = Command::new("sh");
        command.args(["-c", line]).current_dir(folder).env("LC_ALL", "C");
        let ran = faults.command(&mut command).output().unwrap();
        (ran.status.success(), String::from_utf8_lossy(&ran.stderr).into_owned())
    }

    #[test]
    fn faults_are_switched_and_stay_in_their_folder() {
        let (inside, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let faults = Faults::build(inside.path());
        let write = "dd if=/dev/zero of=file bs=16 count=1 status=none conv=fsync";
        let fails = |folder: &Path, complaint: &str| {
            let (succeeded, said) = shell(&faults, folder, write);
            assert_eq!(succeeded, complaint.is_empty(), "{said}");
            assert!(said.contains(complaint), "{said}");
        };
        fails(inside.path(), "");
        for (mode, complaint) in [
            (Mode::Enospc { after: 0 }, "No space left"),
            (Mode::Eio { after: 0 }, "Input/output error"),
            (Mode::Erofs { after: 0 }, "Read-only file system"),
        ] {
            faults.set(mode);
            fails(inside.path(), complaint);
            fails(outside.path(), "");
        }
        faults.set(Mode::Eio { after: 1 });
        fails(inside.path(), "");
        faults.set(Mode::Off);
        fails(inside.path(), "");
    }

    #[test]
    fn a_read_only_folder_keeps_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let faults = Faults::build(folder.path());
        assert!(shell(&faults, folder.path(), "echo kept > file").0);
        faults.set(Mode::Erofs { after: 0 });
        for line in ["rm file", "mv file other", "mkdir new", "echo more >> file"] {
            let (succeeded, said) = shell(&faults, folder.path(), line);
            assert!(!succeeded && said.contains("Read-only file system"), "`{line}`: {said}");
        }
        assert!(shell(&faults, folder.path(), "grep -q kept file").0, "it can be read");
    }
}
