//! `keyward up` in front of a double, with virtual keys that are refused for one reason each.
//!
//! What speaks no HTTP/1.1 is a double in Python, made of the same packages that services are made with.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use keyward_testing::Program;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::double::{Double, Request, Told};

/// Everything that a script runs at.
pub(crate) struct Site {
    program: Program,
    up: Option<Child>,
    double: Double,
    script: Option<Script>,
    provider: &'static str,
}

/// A double in Python.
struct Script {
    child: Child,
    said: BufReader<ChildStdout>,
    port: u16,
}

/// Whose package a script uses.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Language {
    Python,
    Node,
}

const AT: [&str; 4] = ["-p", "shop", "-e", "production"];

/// The variables by which scripts find their keys, and the rules of each.
const KEYS: [(&str, &[&str]); 4] = [
    ("KEY", &[]),
    ("RATED_KEY", &["--rpm", "1"]),
    ("SPENT_KEY", &["--budget", "1requests/total"]),
    ("NARROW_KEY", &["--model", "only-this-*", "--allow", "GET /nothing/at/all", "--allow", "POST /**"]),
];

impl Site {
    /// A gateway with keys for this service, whose answers the function makes.
    pub(crate) fn new(provider: &'static str, answer: fn(&Request, &mut Told) -> crate::double::Answer) -> Self {
        let real = crate::doubles::real_key(provider);
        let double = Double::new(&real, answer);
        let program = Program::new(env!("CARGO_BIN_EXE_keyward"));
        program.ok(&["init", "--yes", "--project", "shop"], b"");
        let store = [&["set", "THE_KEY", "--provider", provider][..], &AT].concat();
        program.ok(&store, real.as_bytes());
        let up = up(&program);
        Self { program, up: Some(up), double, script: None, provider }
    }

    /// A gateway with keys for this service, whose double is a script.
    pub(crate) fn at(provider: &'static str, script: &str) -> Self {
        let mut site = Self::new(provider, |request, told| {
            told.fault(request, "it is a script that answers");
            crate::double::status(500, Value::Null)
        });
        let mut command = python(script);
        command.env("DOUBLE_KEY", site.double.key()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the interpreter starts");
        let (mut line, mut said) = (String::new(), BufReader::new(child.stdout.take().unwrap()));
        said.read_line(&mut line).unwrap();
        let port = line.trim().parse().unwrap_or_else(|_| panic!("{script} tells no port: {line}"));
        site.script = Some(Script { child, said, port });
        site
    }

    /// Fresh keys for one script, by the variables that it finds them in, and the base URL.
    fn variables(&self, language: Language) -> BTreeMap<&'static str, String> {
        let mut variables = BTreeMap::new();
        for (variable, rules) in KEYS {
            let (key, base) = self.make_key(&format!("{language:?}-{variable}"), rules);
            variables.extend([(variable, key), ("BASE_URL", base)]);
        }
        // Well-formed, and nobody's any more.
        let name = format!("{language:?}-unknown");
        variables.insert("UNKNOWN_KEY", self.make_key(&name, &[]).0);
        let revoke = ["virtual-key", "revoke", &name.to_ascii_lowercase(), "--yes"];
        self.program.ok(&[&revoke[..], &AT].concat(), b"");
        variables
    }

    fn make_key(&self, name: &str, rules: &[&str]) -> (String, String) {
        let name = name.to_ascii_lowercase().replace('_', "-");
        let upstream = match &self.script {
            Some(script) => format!("http://127.0.0.1:{}", script.port),
            None => format!("http://{}", self.double.address()),
        };
        let fixed = ["virtual-key", "create", &name, "--secret", "THE_KEY", "--upstream", &upstream, "--json"];
        let made = self.program.ok(&[&fixed[..], rules, &AT].concat(), b"");
        let made: Value = serde_json::from_slice(&made.stdout).unwrap();
        let made = &made["virtual_key"];
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        (text("key"), text("base_url"))
    }

    /// Runs a script, which has to succeed and must not have seen the real key.
    #[expect(clippy::disallowed_methods, reason = "a test asks its runner where the packages are")]
    pub(crate) fn run(&self, language: Language, script: &str) {
        let scripts = scripts();
        let mut command = match language {
            Language::Python => python(script),
            Language::Node => {
                let packages = installed("KEYWARD_SDKS_NODE_DIR", "sdks-node/node_modules");
                // Modules are looked for beside whoever imports them.
                let folder = self.program.home.temporary().join("node");
                if !folder.exists() {
                    std::fs::create_dir(&folder).unwrap();
                    std::os::unix::fs::symlink(packages.canonicalize().unwrap(), folder.join("node_modules")).unwrap();
                }
                for file in ["common.mjs", script] {
                    std::fs::copy(scripts.join("node").join(file), folder.join(file)).unwrap();
                }
                let mut command = Command::new(std::env::var_os("KEYWARD_NODE").unwrap_or_else(|| "node".into()));
                command.arg(folder.join(script));
                command
            }
        };
        let path: OsString = std::env::var_os("PATH").unwrap_or_default();
        let home = self.program.home.user();
        command.env_clear().env("PATH", path).env("HOME", home).current_dir(self.program.home.temporary());
        command.envs(self.variables(language));
        let ran = command.stdin(Stdio::null()).output().expect("the interpreter starts");
        let said = [&ran.stdout[..], &ran.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert!(ran.status.success(), "{script}: {}\n{said}\nthe double saw:\n{}", ran.status, self.double.seen());
        assert!(said.contains("every call was made"), "{script}: {said}");
        assert!(!said.contains(self.double.key()), "{script} saw the real key");
    }

    /// Ends the gateway, and holds what was counted against what the double told.
    pub(crate) fn compare(mut self) {
        self.end();
        let (told, all) = match self.script.take() {
            Some(script) => script.told(),
            None => (self.double.told(), self.double.all()),
        };
        assert_eq!(told.faults, Vec::<String>::new());
        assert!(told.requests > 0 && !all.contains("kwv_"), "a virtual key went on:\n{all}");
        let arguments = [&["usage", "--by", "provider", "--json"][..], &AT].concat();
        let used: Value = serde_json::from_slice(&self.program.ok(&arguments, b"").stdout).unwrap();
        let rows = used["usage"].as_array().unwrap();
        let [row] = &rows[..] else { panic!("one service was called: {used}") };
        let counted = |name: &str| row[name].as_u64().unwrap_or_else(|| panic!("{name}: {row}"));
        assert_eq!(counted("requests"), told.requests, "requests: {row}");
        assert_eq!(
            [counted("tokens_out"), counted("cached"), counted("reasoning"), counted("estimated")],
            [told.output, told.cached, told.reasoning, told.unsaid],
            "{}: {row}",
            self.provider
        );
        let input = counted("tokens_in");
        assert!(if told.unsaid > 0 { input > told.input } else { input == told.input }, "{told:?} {row}");
        let log = self.program.ok(&["audit", "log", "--last", "500"], b"").out();
        assert!(!log.contains(self.double.key()) && !log.contains("kwv_"), "{log}");
    }

    fn end(&mut self) {
        if let Some(mut child) = self.up.take() {
            kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
            let end = Instant::now() + Duration::from_secs(20);
            while child.try_wait().unwrap().is_none() {
                if Instant::now() > end {
                    child.kill().unwrap();
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
}

impl Script {
    /// Ends it, and gives what it has seen.
    fn told(mut self) -> (Told, String) {
        drop(self.child.stdin.take());
        let mut text = String::new();
        self.said.read_line(&mut text).unwrap();
        let seen: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("it told nothing: {text}"));
        let number = |name: &str| seen[name].as_u64().unwrap();
        let faults = seen["faults"].as_array().unwrap().iter().map(|fault| fault.as_str().unwrap().to_owned());
        let told = Told {
            requests: number("requests"),
            input: number("input"),
            output: number("output"),
            cached: number("cached"),
            faults: faults.collect(),
            ..Told::default()
        };
        (told, seen["all"].as_str().unwrap().to_owned())
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        // It ends by itself where it was asked what it has seen.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.end();
    }
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdks")
}

/// Where packages were installed.
#[expect(clippy::disallowed_methods, reason = "a test asks its runner where the packages are")]
fn installed(variable: &str, folder: &str) -> PathBuf {
    let cache = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.cache/keyward-dev");
    let installed = std::env::var_os(variable).map_or_else(|| cache.join(folder), PathBuf::from);
    assert!(installed.exists(), "{} is missing: `cargo xtask test tests` installs it", installed.display());
    installed
}

/// A Python that has the packages, about to run a script.
fn python(script: &str) -> Command {
    let mut command = Command::new(installed("KEYWARD_SDKS_PYTHON", "sdks-python/bin/python"));
    command.arg("-B").arg(scripts().join("python").join(script));
    command
}

fn up(program: &Program) -> Child {
    let mut command = program.command(&["up", "--listen", "127.0.0.1:0", "--json"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let (mut text, mut lines) = (String::new(), BufReader::new(child.stdout.take().unwrap()));
    while serde_json::from_str::<Value>(&text).is_err() {
        assert!(lines.read_line(&mut text).unwrap() > 0, "it ended: {text}");
    }
    child
}
