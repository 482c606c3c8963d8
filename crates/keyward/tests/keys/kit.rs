//! The binary in a fresh home, with and without a terminal.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// A user with an empty home folder.
pub(crate) struct User {
    folder: tempfile::TempDir,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// What a person does at a terminal: waits for a text, then types a line. `@group` is the last
/// group of the recovery code that was shown.
pub(crate) type Step<'a> = (&'a str, &'a str);

impl User {
    pub(crate) fn new() -> Self {
        let user = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::create_dir(user.path("work")).unwrap();
        user
    }

    /// A user whose vault is opened by a key file, with project `shop`.
    pub(crate) fn with_vault() -> Self {
        let user = Self::new();
        user.run(&["init", "--yes", "-p", "shop"]).ok();
        user
    }

    /// A user whose vault is opened by [`PASSPHRASE`] alone, with project `shop`.
    pub(crate) fn with_passphrase() -> Self {
        let user = Self::new();
        user.run_env(&["init", "--yes", "-p", "shop"], &[("KEYWARD_PASSPHRASE", PASSPHRASE)]).ok();
        user
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.path("home/vault.db")
    }

    /// The one key file.
    pub(crate) fn key_file(&self) -> PathBuf {
        let files = std::fs::read_dir(self.path("home/keys")).unwrap().map(|entry| entry.unwrap().path());
        files.into_iter().find(|path| path.extension().is_some_and(|end| end == "key")).expect("there is a key file")
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyward"));
        command.args(args).current_dir(self.path("work")).env_clear();
        command.env("KEYWARD_HOME", self.path("home")).env("HOME", self.folder.path()).env("USER", "ada");
        command.env("PATH", "/usr/bin:/bin");
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ended {
        self.run_env(args, &[])
    }

    pub(crate) fn run_env(&self, args: &[&str], env: &[(&str, &str)]) -> Ended {
        Ended::of(self.command(args).envs(env.iter().copied()).stdin(Stdio::null()).output().unwrap())
    }

    /// With this on standard input.
    pub(crate) fn feed(&self, args: &[&str], input: &str) -> Ended {
        feed(self.command(args), input)
    }

    pub(crate) fn start(&self, args: &[&str], env: &[(&str, &str)]) -> Child {
        let mut command = self.command(args);
        command.envs(env.iter().copied()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// On a terminal of its own; what the terminal showed is in `out`.
    pub(crate) fn terminal(&self, args: &[&str], steps: &[Step<'_>]) -> Ended {
        let keyward = self.command(args);
        let env: std::collections::BTreeMap<_, _> =
            keyward.get_envs().filter_map(|(name, value)| Some((name.to_str()?, value?.to_str()?))).collect();
        let mut python = Command::new("python3");
        python.args(["-c", PTY]).current_dir(self.path("work"));
        let argv: Vec<&str> = [env!("CARGO_BIN_EXE_keyward")].into_iter().chain(args.iter().copied()).collect();
        let spec = serde_json::json!({ "argv": argv, "env": env, "steps": steps });
        let ended = feed(python, &spec.to_string()).ok();
        let told: serde_json::Value = serde_json::from_str(&ended.out).expect("the terminal tells what happened");
        let code = told["code"].as_i64().expect("there is an exit code");
        Ended { code: code as i32, out: told["output"].as_str().unwrap().to_owned(), err: String::new() }
    }
}

impl Drop for User {
    /// No test leaves a process behind.
    fn drop(&mut self) {
        if self.path("home/keyward.sock").exists() {
            self.run(&["lock"]);
        }
    }
}

impl Ended {
    pub(crate) fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is text");
        Self { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    /// Failed with this code, naming this in its message.
    #[track_caller]
    pub(crate) fn failed(self, code: i32, saying: &str) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        assert!(self.err.contains(saying), "nothing says `{saying}`: {self:?}");
        assert!(self.err.starts_with("keyward: "), "{self:?}");
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

fn feed(mut command: Command, input: &str) -> Ended {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A command that refuses before it reads closes the pipe.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    Ended::of(child.wait_with_output().unwrap())
}

/// The kinds of the slots that there are.
pub(crate) fn slot_kinds(user: &User, env: &[(&str, &str)]) -> Vec<String> {
    let listed = user.run_env(&["slot", "list", "--json"], env).ok().json();
    listed["slots"].as_array().unwrap().iter().map(|slot| slot["kind"].as_str().unwrap().to_owned()).collect()
}

pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// A passphrase that is taken.
pub(crate) const PASSPHRASE: &str = "orbit plaster heron gravel";

const PTY: &str = r#"
import json, os, pty, re, select, signal, sys, time
spec = json.load(sys.stdin)
pid, fd = pty.fork()
if pid == 0:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # shells ignore it for what runs in the background
    os.execve(spec["argv"][0], spec["argv"], spec["env"])
shown, seen, steps, deadline = "", 0, list(spec["steps"]), time.time() + 120
while True:
    if steps and steps[0][0] in shown[seen:]:
        expected, answer = steps.pop(0)
        seen = shown.index(expected, seen) + len(expected)
        if answer == "@group":
            answer = re.findall(r"KWR(?:-[0-9A-Z]{4}){9}", shown)[-1][-4:]
        time.sleep(0.05)
        os.write(fd, (answer + "\n").encode())
    if not select.select([fd], [], [], max(0, deadline - time.time()))[0]:
        os.kill(pid, 9)
        sys.exit("the terminal stands still; it shows: " + shown)
    try:
        data = os.read(fd, 65536)
    except OSError:
        data = b""
    if not data:
        break
    shown += data.decode()
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
if steps:
    sys.exit("the terminal never showed `%s`; it showed: %s" % (steps[0][0], shown))
json.dump({"code": code, "output": shown}, sys.stdout)
"#;
