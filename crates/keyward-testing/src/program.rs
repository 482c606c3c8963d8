//! The binary, run as a user runs it, in surroundings that are all fresh folders.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

/// The `keyward` binary with a home of its own.
pub struct Program {
    binary: PathBuf,
    /// Where it lives.
    pub home: Home,
    variables: Vec<(String, String)>,
}

/// Fresh folders: the vault's, the key files', a project's, one for temporary files and a user's.
pub struct Home {
    root: TempDir,
}

/// How a command ended, and what it said.
#[derive(Clone, Debug)]
pub struct Ran {
    /// The arguments.
    pub arguments: Vec<String>,
    /// Exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
}

impl Program {
    /// The binary, which the caller's `CARGO_BIN_EXE_keyward` names.
    ///
    /// # Panics
    /// When there is no place for temporary files.
    #[must_use]
    pub fn new(binary: impl Into<PathBuf>) -> Self {
        Self { binary: binary.into(), home: Home::new(), variables: Vec::new() }
    }

    /// Sets a variable for every command from now on.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// A command in the project's folder, with nothing of this process's environment but `PATH`.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .args(arguments)
            .current_dir(self.home.project())
            .env_clear()
            .env("PATH", path())
            .env("HOME", self.home.user())
            .env("USER", "ada")
            .env("LANG", "C.UTF-8")
            .env("TMPDIR", self.home.temporary())
            .env("KEYWARD_HOME", self.home.vault())
            .env("KEYWARD_KEYS", self.home.keys())
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command without input.
    ///
    /// # Panics
    /// When the binary cannot be started.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, b"")
    }

    /// Runs a command with this standard input.
    ///
    /// # Panics
    /// When the binary cannot be started.
    pub fn run_with(&self, arguments: &[&str], input: &[u8]) -> Ran {
        self.run_command(self.command(arguments), arguments, input)
    }

    /// Runs a command that [`Program::command`] prepared.
    ///
    /// # Panics
    /// When the binary cannot be started.
    pub fn run_command(&self, mut command: Command, arguments: &[&str], input: &[u8]) -> Ran {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().expect("the binary starts");
        Ran::of(arguments, feed(child, input))
    }

    /// Runs a command that has to succeed.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn ok(&self, arguments: &[&str], input: &[u8]) -> Ran {
        let ran = self.run_with(arguments, input);
        assert_eq!(ran.code, Some(0), "{ran}");
        ran
    }
}

impl Home {
    /// Fresh folders; only the project's, the temporary and the user's exist.
    ///
    /// # Panics
    /// When there is no place for temporary files.
    #[must_use]
    pub fn new() -> Self {
        let root = tempfile::tempdir().expect("there is a place for temporary files");
        let home = Self { root };
        for folder in [home.project(), home.temporary(), home.user()] {
            std::fs::create_dir(folder).expect("the folder is new");
        }
        home
    }

    /// All of it.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// `KEYWARD_HOME`.
    #[must_use]
    pub fn vault(&self) -> PathBuf {
        self.root().join("vault")
    }

    /// `KEYWARD_KEYS`.
    #[must_use]
    pub fn keys(&self) -> PathBuf {
        self.root().join("keys")
    }

    /// Where commands are called.
    #[must_use]
    pub fn project(&self) -> PathBuf {
        self.root().join("shop")
    }

    /// `TMPDIR`.
    #[must_use]
    pub fn temporary(&self) -> PathBuf {
        self.root().join("tmp")
    }

    /// `HOME`.
    #[must_use]
    pub fn user(&self) -> PathBuf {
        self.root().join("user")
    }

    /// Every file below, in the order of paths.
    ///
    /// # Panics
    /// When a folder cannot be read.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut folders = vec![self.root().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).expect("the folder is ours").flatten() {
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                    Ok(kind) if kind.is_file() => files.push(entry.path()),
                    _ => {}
                }
            }
        }
        files.sort();
        files
    }
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}

impl Ran {
    /// What a finished process said.
    #[must_use]
    pub fn of(arguments: &[&str], output: Output) -> Self {
        Self {
            arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
            code: output.status.code(),
            stdout: output.stdout,
            stderr: output.stderr,
        }
    }

    /// Standard output as text.
    #[must_use]
    pub fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text.
    #[must_use]
    pub fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let code = self.code.map_or_else(|| "a signal".to_owned(), |code| code.to_string());
        write!(f, "keyward {} → {code}\n{}{}", self.arguments.join(" "), self.out(), self.err())
    }
}

fn feed(mut child: Child, input: &[u8]) -> Output {
    let mut stdin = child.stdin.take().expect("it was asked for");
    let input = input.to_vec();
    // A command that does not read its input closes it, and that is its right.
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().expect("the child is ours");
    writer.join().expect("the writer does not panic");
    output
}

#[expect(clippy::disallowed_methods, reason = "children need the programs that this test has")]
fn path() -> std::ffi::OsString {
    std::env::var_os("PATH").unwrap_or_default()
}
