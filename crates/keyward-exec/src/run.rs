use std::ffi::OsString;
use std::process::Command;

use crate::error::Error;
use crate::lookup;
use crate::mask::Masker;
use crate::private_files::PrivateFiles;

/// A child to be started. Plain data: nothing is read from the surroundings but the three standard
/// streams.
pub struct Run {
    /// The program as the user named it.
    pub program: OsString,
    /// Its arguments. Never a secret: they are public on every system.
    pub args: Vec<OsString>,
    /// The whole environment of the child.
    pub env: Vec<(OsString, OsString)>,
    /// The parent's `PATH`, along which a program without a slash is looked up.
    pub search_path: Option<OsString>,
    /// What to mask in the output; none for `--no-mask`.
    pub masker: Option<Masker>,
    /// The files that variables point to. They are removed when the child has ended.
    pub files: Option<PrivateFiles>,
}

/// How a child ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Its exit code or the signal that killed it.
    pub status: Status,
    /// Names of the secrets that its output contained and that were masked there.
    pub seen: Vec<String>,
}

/// What wait(2) says of an ended process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It exited with this code.
    Code(u8),
    /// This signal killed it.
    Signal(i32),
}

impl Status {
    /// The exit code by which a shell would report it: 128 + n for signal n.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Code(code) => code,
            Self::Signal(number) => u8::try_from(128 + number).unwrap_or(u8::MAX),
        }
    }

    /// Ends this process as the child ended, so that whoever waits for us sees the same: by the
    /// same signal, and only where that cannot kill us by its code. No core is left, as ours would
    /// hold secrets.
    pub fn leave(self) -> ! {
        #[cfg(target_os = "linux")]
        if let Self::Signal(number) = self {
            crate::supervise::die_of(number);
        }
        std::process::exit(i32::from(self.code()))
    }
}

/// What a watched run is to do next.
pub enum Next {
    /// Nothing has changed.
    Keep,
    /// End the child (SIGTERM, SIGKILL after ten seconds) and start this one in its place.
    Restart(Box<Run>),
}

impl Run {
    /// Runs the child to its end.
    ///
    /// Where nothing is to be masked and no file to be removed, this process *becomes* the program
    /// and the call does not return. Otherwise the program is a child of ours that cannot tell: terminal, window size,
    /// signals, job control and exit status are as they would be.
    ///
    /// To be called while this process has one thread: signals that are meant for the child could
    /// otherwise reach another thread and end us.
    ///
    /// # Errors
    /// [`Error::exit_code`] is what `keyward run` should then exit with.
    pub fn run(self) -> Result<Ending, Error> {
        if !self.stays() {
            return self.replace_process();
        }
        self.supervise(None)
    }

    /// Whether [`run`](Self::run) comes back: this process stays beside the program instead of becoming it.
    pub fn stays(&self) -> bool {
        self.masker.as_ref().is_some_and(|masker| !masker.is_empty()) || self.files.is_some()
    }

    /// Runs the child to its end, and asks `tick` each second whether it has to be restarted.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn run_watched(self, mut tick: impl FnMut() -> Next) -> Result<Ending, Error> {
        self.supervise(Some(&mut tick))
    }

    /// The command to execute, the program looked up along our own search path.
    pub(crate) fn command(&self) -> Result<Command, Error> {
        let mut command = Command::new(lookup::find(&self.program, self.search_path.as_deref())?);
        #[cfg(unix)]
        std::os::unix::process::CommandExt::arg0(&mut command, &self.program);
        command.args(&self.args).env_clear();
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        Ok(command)
    }

    #[cfg(unix)]
    fn replace_process(self) -> Result<Ending, Error> {
        let failure = std::os::unix::process::CommandExt::exec(&mut self.command()?);
        Err(Error::of_exec(self.program, failure))
    }

    #[cfg(not(unix))]
    fn replace_process(self) -> Result<Ending, Error> {
        Self { masker: None, ..self }.supervise(None)
    }

    #[cfg(target_os = "linux")]
    fn supervise(self, tick: Option<&mut dyn FnMut() -> Next>) -> Result<Ending, Error> {
        crate::supervise::supervise(self, tick)
    }

    #[cfg(not(target_os = "linux"))]
    fn supervise(self, tick: Option<&mut dyn FnMut() -> Next>) -> Result<Ending, Error> {
        crate::portable::supervise(self, tick)
    }
}
