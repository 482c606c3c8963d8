//! A shop whose keys of OpenAI leak: a vault that `keyward up` serves, ten places for each key, and a
//! repository that people push to.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use keyward_testing::doubles::{Double, OpenAi};
use keyward_testing::{Program, Ran, Up};
use serde_json::Value;

use crate::callers::{CALLERS, Pool};
use crate::marks::Leak;
use crate::places::{Places, files};

const AT: [&str; 4] = ["-p", "shop", "-e", "production"];
/// Nothing takes longer, whatever the goal is.
const LONGEST: Duration = Duration::from_secs(60);

pub(crate) struct Shop {
    program: Program,
    up: Up,
    openai: Double<OpenAi>,
    places: Places,
    leaks: usize,
    /// All that pushes and rotations have said.
    said: String,
    /// Every value that there was.
    values: Vec<String>,
}

/// A key that is about to leak.
struct Key {
    secret: String,
    value: String,
    folder: PathBuf,
}

impl Shop {
    pub(crate) fn open() -> Self {
        let (service, admin, first) = OpenAi::new();
        let (openai, places) = (Double::start(service), Places::start());
        let hosts = format!("{},{}", openai.hosts(), places.hosts());
        let program = Program::new(env!("CARGO_BIN_EXE_keyward")).with("KEYWARD_UPSTREAM_HOSTS", hosts);
        program.ok(&["init", "--yes", "--project", "shop"], b"");
        program.ok(&[&["set", "OPENAI_ADMIN", "--kind", "api-key"][..], &AT].concat(), admin.as_bytes());
        places.store(&program, &AT);
        let up = Up::start(&program);
        let shop = Self { program, up, openai, places, leaks: 0, said: String::new(), values: vec![admin, first] };
        shop.git(&["init", "-q", "--bare", "server.git"]);
        shop.git(&["init", "-q"]);
        shop.git(&["remote", "add", "origin", "server.git"]);
        let install = ["hook", "install", "--post-receive"];
        let mut command = shop.program.command(&install);
        command.current_dir(shop.program.home.project().join("server.git"));
        assert_eq!(shop.program.run_command(command, &install, b"").code, Some(0));
        shop
    }

    /// Its owner has said beforehand that a leaked key ends before its successor is there.
    pub(crate) fn leak_that_is_ended_first(&mut self) -> Leak {
        let key = self.key();
        self.program.ok(&[&["rotation", "policy", &key.secret, "--kill-first"][..], &AT].concat(), b"");
        self.leak(&key)
    }

    /// Nobody has said anything, and callers work on the whole time; gives how often they were served.
    pub(crate) fn leak_that_nobody_notices(&mut self) -> (Leak, u64) {
        let key = self.key();
        let url = self.openai.url();
        let create = ["virtual-key", "create", &key.secret.to_ascii_lowercase(), "--secret", &key.secret];
        let made = self.program.ok(&[&create[..], &["--upstream", &url, "--json"], &AT].concat(), b"");
        let made: Value = serde_json::from_slice(&made.stdout).unwrap();
        let gateway = self.up.gateway().to_owned();
        let [file, _] = files(&key.folder);
        let pool = Pool {
            gateway: &gateway,
            virtual_key: made["virtual_key"]["key"].as_str().unwrap(),
            service: url.strip_prefix("http://").unwrap(),
            file: &file,
            variable: &key.secret,
            stop: AtomicBool::new(false),
            served: AtomicU64::new(0),
            failures: Mutex::default(),
        };
        let leak = std::thread::scope(|scope| {
            for _ in 0..CALLERS {
                scope.spawn(|| pool.call_the_gateway());
                scope.spawn(|| pool.call_the_service());
            }
            let _stop = Stop(&pool.stop);
            std::thread::sleep(Duration::from_millis(300));
            let leak = self.leak(&key);
            std::thread::sleep(Duration::from_millis(300));
            leak
        });
        let failures = pool.failures.into_inner().unwrap();
        assert!(failures.is_empty(), "{} requests failed: {:?}", failures.len(), &failures[..failures.len().min(5)]);
        let served = pool.served.into_inner();
        assert!(served > 50, "{served} requests are no load");
        (leak, served)
    }

    /// No value stands in what was said to whoever pushed or rotated, nor in the log; the log is whole, and
    /// has of every leak that its old value was asked about and was dead.
    pub(crate) fn has_told_no_value(&self) {
        let log = self.program.ok(&["audit", "log", "--last", "1000000", "--json"], b"").out();
        for value in &self.values {
            assert!(!self.said.contains(value) && !log.contains(value), "a value was told");
        }
        let dead = log.matches("probe-old: it does not work").count();
        assert_eq!(dead, self.leaks, "the log has each proof");
        self.program.ok(&["audit", "verify"], b"");
    }

    /// A living key that is stored, deployed, and held by somebody.
    fn key(&mut self) -> Key {
        self.leaks += 1;
        let (secret, value) = (format!("OPENAI_KEY_{}", self.leaks), self.openai.service().make_by_hand());
        let folder = self.program.home.root().join(&secret);
        fs::create_dir(&folder).unwrap();
        for file in files(&folder) {
            fs::write(file, format!("PORT=80\n{secret}={value}\n")).unwrap();
        }
        let set = ["set", &secret, "--provider", "openai", "--owner", "grace"];
        self.program.ok(&[&set[..], &AT].concat(), value.as_bytes());
        self.places.add(&self.program, &secret, &folder, &AT);
        self.program.ok(&[&["get", &secret][..], &AT].concat(), b"");
        self.values.push(value.clone());
        Key { secret, value, folder }
    }

    /// It is pushed, and what the push says is done.
    fn leak(&mut self, key: &Key) -> Leak {
        fs::write(self.program.home.project().join("deploy.py"), format!("KEY = \"{}\"\n", key.value)).unwrap();
        self.git(&["add", "deploy.py"]);
        self.git(&["commit", "-qm", "deploy"]);
        let start = Instant::now();
        let (pushed, answered, watched) = std::thread::scope(|scope| {
            let watch = scope.spawn(|| self.watched(key, start));
            let pushed = self.push(key, start);
            let answered = self.replaced(key, &pushed.command, start);
            (pushed, answered, watch.join().unwrap())
        });
        self.has_a_finding(key);
        let (contained, everywhere, new) = watched;
        assert_eq!(self.program.ok(&[&["get", &key.secret][..], &AT].concat(), b"").out(), new);
        self.values.push(new);
        self.said += &pushed.said;
        self.said += &answered.said;
        Leak { found: pushed.found, contained, replaced: everywhere.max(answered.active), dead: answered.dead }
    }

    /// When the service took the old key no more, and when a successor that it takes lay at every place.
    fn watched(&self, key: &Key, start: Instant) -> (Duration, Duration, String) {
        let (mut contained, mut everywhere) = (None, None);
        while start.elapsed() < LONGEST {
            if contained.is_none() && !self.openai.service().is_alive(&key.value) {
                contained = Some(start.elapsed());
            }
            if everywhere.is_none() {
                let values = self.places.values(&key.secret, &key.folder);
                let new = values[0].clone().filter(|new| *new != key.value && self.openai.service().is_alive(new));
                if let Some(new) = new.filter(|new| values.iter().all(|value| value.as_ref() == Some(new))) {
                    everywhere = Some((start.elapsed(), new));
                }
            }
            if let (Some(contained), Some((everywhere, new))) = (contained, &everywhere) {
                return (contained, *everywhere, new.clone());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        panic!("`{}`: ended: {contained:?}; replaced: {}", key.secret, everywhere.is_some());
    }

    /// Pushes, and reads along until the push has said what replaces the key.
    fn push(&self, key: &Key, start: Instant) -> Pushed {
        let mut git = self.in_surroundings("git");
        let mut child = git.args(["push", "origin", "HEAD:refs/heads/main"]).stderr(Stdio::piped()).spawn().unwrap();
        let known = format!("`shop/production/{}` version 1 stands in deploy.py:1", key.secret);
        let (mut said, mut found, mut exposed, mut command) = (String::new(), None, false, None);
        for line in BufReader::new(child.stderr.take().unwrap()).lines() {
            let line = line.unwrap();
            found = found.or_else(|| line.contains(&known).then(|| start.elapsed()));
            exposed |= ["owner grace", "it was read", "api, azure"].iter().all(|part| line.contains(part));
            command = command.or_else(|| Some(line.split_once("`keyward rotate ")?.1.split_once('`')?.0.to_owned()));
            said += &line;
            said.push('\n');
            if command.is_some() {
                break;
            }
        }
        // What else it says nobody waits for.
        std::thread::spawn(move || child.wait());
        let found = found.unwrap_or_else(|| panic!("the push did not say which secret it is: {said}"));
        assert!(exposed, "the push did not say whom it concerns: {said}");
        let command = command.unwrap_or_else(|| panic!("the push did not say what replaces it: {said}"));
        Pushed { said, found, command }
    }

    /// Runs the command that was printed, until the old value was proven dead.
    fn replaced(&self, key: &Key, printed: &str, start: Instant) -> Answered {
        // It is whole: the manager is known by its name, and what stands in capitals is for its reader to
        // fill in.
        let filled = printed.replace("=PROJECT", "=proj_1").replace("=SERVICE_ACCOUNT", "=svc_acct_1");
        let printed: Vec<&str> = filled.split_whitespace().collect();
        let rotate = [&["rotate"], &printed[..], &["--yes", "--json"]].concat();
        let (mut ran, mut active) = (self.program.ok(&rotate, b""), None);
        let mut said = ran.to_string();
        loop {
            let now = start.elapsed();
            let rotation: Value = serde_json::from_slice(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran}"));
            let rotation = &rotation["rotation"];
            let phase = rotation["phase"].as_str().unwrap();
            if ["promoted", "observing", "suspended", "retired", "done"].contains(&phase) {
                active.get_or_insert(now);
            }
            // What is left is to look, minutes later, that nothing of it has stayed at the service.
            let waits = rotation["doing"].is_null() && !rotation["due"].is_null();
            if phase == "done" || phase == "retired" && waits {
                return Answered { said, active: active.unwrap(), dead: now };
            }
            assert!(now < LONGEST, "{ran}");
            std::thread::sleep(Duration::from_millis(50));
            let show = [&["rotation", "show", &key.secret, "--json"][..], &AT].concat();
            ran = self.program.ok(&show, b"");
            said += &ran.to_string();
        }
    }

    fn has_a_finding(&self, key: &Key) {
        let listed: Ran = self.program.ok(&["finding", "list", "--json"], b"");
        let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
        let all = listed["findings"].as_array().unwrap();
        let known = all.iter().find(|one| one["secret"]["name"] == key.secret.as_str()).unwrap();
        assert_eq!((&known["secret"]["version"], &known["exposure"]["owner"]), (&1.into(), &"grace".into()), "{known}");
    }

    fn git(&self, arguments: &[&str]) {
        let ran = self.in_surroundings("git").args(arguments).output().unwrap();
        assert!(ran.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    }

    /// A program in the project's folder, with the environment that our own commands have.
    fn in_surroundings(&self, program: &str) -> Command {
        let ours = self.program.command(&[]);
        let mut command = Command::new(program);
        command.current_dir(self.program.home.project()).env_clear();
        command.envs(ours.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let person = [("GIT_AUTHOR_NAME", "n"), ("GIT_AUTHOR_EMAIL", "n@example.com")];
        command.envs(person).env("GIT_COMMITTER_NAME", "n").env("GIT_COMMITTER_EMAIL", "n@example.com");
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    }
}

/// What a push has said.
struct Pushed {
    said: String,
    found: Duration,
    /// What stands behind `keyward rotate`.
    command: String,
}

/// What the rotation has said.
struct Answered {
    said: String,
    /// When the vault gave the successor, at the latest.
    active: Duration,
    dead: Duration,
}

/// Ends the callers, whatever fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
