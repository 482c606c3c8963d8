//! A server that ends with the test, also when that is killed, or keeps it in a `static` that nobody
//! drops.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

/// A running server, and the shell that waits for the end of its test.
pub(crate) struct Guarded {
    shell: Child,
    /// Once it is closed, by whatever end of this process, the shell ends the server.
    life: Option<ChildStdin>,
}

impl Guarded {
    /// Starts `program`, which stays in the foreground. With it ends `folder`, in which it is started.
    ///
    /// # Panics
    /// When no shell can be started. Whether the program could shows when it does not answer.
    pub(crate) fn start<S: AsRef<OsStr>>(
        program: impl AsRef<OsStr>,
        arguments: impl IntoIterator<Item = S>,
        folder: Option<&Path>,
        variables: &[(&str, &str)],
    ) -> Self {
        let script = "folder=$1; shift; \"$@\" </dev/null & server=$!; \
                      read _; kill -9 $server; wait $server; [ -z \"$folder\" ] || rm -rf \"$folder\"";
        let mut command = Command::new("sh");
        command.args(["-c", script, "sh"]).arg(folder.unwrap_or(Path::new(""))).arg(program).args(arguments);
        command.envs(variables.iter().copied()).current_dir(folder.unwrap_or(Path::new("/")));
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut shell = command.spawn().expect("a shell can be started");
        let life = shell.stdin.take();
        Self { shell, life }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        drop(self.life.take());
        let _ = self.shell.wait();
    }
}
