//! A running `keyward up`.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::Program;

/// `keyward up` on ports of its own; it ends with the test.
pub struct Up {
    child: Child,
    said: Value,
}

impl Up {
    /// Starts it over the vault of this home.
    ///
    /// # Panics
    /// When it ends before it serves.
    #[must_use]
    pub fn start(program: &Program) -> Self {
        Self::of(program.command(&["up", "--listen", "127.0.0.1:0", "--json"]))
    }

    /// Starts what [`Program::command`] prepared, with `--json`.
    ///
    /// # Panics
    /// When it ends before it serves.
    #[must_use]
    pub fn of(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("the binary starts");
        let mut lines = BufReader::new(child.stdout.take().expect("it was asked for"));
        let mut text = String::new();
        let said = loop {
            let read = lines.read_line(&mut text).expect("it writes text");
            assert!(read > 0, "it ended: {text}");
            if let Ok(said) = serde_json::from_str(&text) {
                break said;
            }
        };
        Self { child, said }
    }

    /// Its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where it listens first.
    ///
    /// # Panics
    /// When it said no address.
    #[must_use]
    pub fn url(&self) -> &str {
        self.said["urls"][0].as_str().expect("it says where it listens")
    }

    /// Host and port of its gateway.
    ///
    /// # Panics
    /// When it said none.
    #[must_use]
    pub fn gateway(&self) -> &str {
        plain(&self.said["gateway"])
    }

    /// Host and port of its API.
    ///
    /// # Panics
    /// When it said none.
    #[must_use]
    pub fn api(&self) -> &str {
        plain(&self.said["urls"][0])
    }

    /// Ends it as a power failure does: nothing of it runs any more.
    ///
    /// # Panics
    /// When it had ended by itself.
    pub fn kill(mut self) {
        let ended = self.child.try_wait().expect("the child is ours");
        assert!(ended.is_none(), "it had ended by itself: {ended:?}");
        self.child.kill().expect("the child is ours");
        self.child.wait().expect("the child is ours");
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // Whoever killed it has waited for it.
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
            let _ = self.child.wait();
        }
    }
}

fn plain(url: &Value) -> &str {
    url.as_str().and_then(|url| url.strip_prefix("http://")).expect("it says where it listens")
}
