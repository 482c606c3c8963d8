//! `keyward scan` as its users and their scripts see it: exit codes, shapes, silences, what the
//! vault adds. Values are made at run time.
#![allow(clippy::unwrap_used)] // the lint knows tests by their attribute, not their helpers

use std::cell::Cell;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use keyward_testing::{Program, Ran};
use serde_json::Value;

/// A user in an empty project.
struct User {
    program: Program,
    state: Cell<u64>,
}

impl User {
    fn new() -> Self {
        Self { program: Program::new(env!("CARGO_BIN_EXE_keyward")), state: Cell::new(20_261_125) }
    }

    fn folder(&self) -> PathBuf {
        self.program.home.project().to_owned()
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.folder().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        self.program.run(arguments)
    }

    fn json(&self, arguments: &[&str]) -> (Value, Option<i32>) {
        let ran = self.run(&[arguments, &["--format", "json"]].concat());
        (serde_json::from_slice(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran}")), ran.code)
    }

    fn git(&self, arguments: &[&str]) {
        let ran = Command::new("git")
            .current_dir(self.folder())
            .args(["-c", "user.name=n", "-c", "user.email=n@example.com", "-c", "init.defaultBranch=main"])
            .args(arguments)
            .output()
            .unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    }

    /// Letters and digits, `length` of them.
    fn random(&self, length: usize) -> String {
        const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        let letter = |_| {
            let mut state = self.state.get();
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            self.state.set(state);
            char::from(LETTERS[usize::try_from(state % 62).unwrap()])
        };
        (0..length).map(letter).collect()
    }

    fn gitlab_token(&self) -> String {
        format!("{}-{}", "glpat", self.random(20))
    }
}

#[test]
fn a_key_is_found_and_not_shown() {
    let user = User::new();
    let key = user.gitlab_token();
    user.write("src/deploy.py", &format!("import os\n\nTOKEN = \"{key}\"\n"));
    let (report, code) = user.json(&["scan"]);
    assert_eq!(code, Some(1));
    let finding = &report["findings"][0];
    assert_eq!(finding["rule"], "gitlab-token");
    assert_eq!(finding["provider"], "gitlab");
    assert_eq!(
        (finding["path"].as_str(), finding["line"].as_u64(), finding["column"].as_u64()),
        (Some("src/deploy.py"), Some(3), Some(10))
    );
    assert_eq!(finding["end_column"].as_u64(), Some(10 + key.len() as u64));
    assert_eq!(
        (&finding["tracked"], &finding["vault"], &finding["verified"]),
        (&Value::Bool(false), &Value::Null, &"not_checked".into())
    );
    assert!(finding["fingerprint"].as_str().unwrap().starts_with("kwf1:"));
    assert_eq!(report["summary"]["files"], 1);
    let text = user.run(&["scan"]);
    assert!(text.out().contains("src/deploy.py:3:10") && !text.out().contains(&key), "{text}");
    let revealed = user.run(&["scan", "--reveal"]);
    assert!(revealed.out().contains(&key), "{revealed}");
}

#[test]
fn nothing_found_nothing_read_and_nothing_there_are_three_answers() {
    let user = User::new();
    assert_eq!(user.run(&["scan"]).code, Some(2), "an empty folder was not scanned");
    user.write("a.txt", "nothing to see\n");
    assert_eq!(user.run(&["scan"]).code, Some(0));
    let missing = user.run(&["scan", "nowhere"]);
    assert_eq!(missing.code, Some(2), "{missing}");
    assert!(missing.err().contains("there is no `nowhere`"), "{missing}");
    assert_eq!(user.run(&["scan", "--history"]).code, Some(2), "no repository");
    assert_eq!(user.run(&["scan", "--staged", "--stdin"]).code, Some(2), "two inputs");
    assert_eq!(user.program.run_with(&["scan", "--stdin"], b"").code, Some(2));
    assert_eq!(user.program.run_with(&["scan", "--stdin"], b"harmless\n").code, Some(0));
    let key = format!("key = '{}'\n", user.gitlab_token());
    assert_eq!(user.program.run_with(&["scan", "--stdin"], key.as_bytes()).code, Some(1));
}

#[test]
fn the_vault_names_its_own_values_and_the_log_has_one_kind_of_entry_for_it() {
    let user = User::new();
    let (strong, weak) = (format!("{}+{}", user.random(14), user.random(12)), "tulip-7");
    user.program.ok(&["init", "--yes", "--no-import", "--project", "shop"], b"");
    user.program.ok(&["set", "STRONG", "-e", "production", "--kind", "password"], strong.as_bytes());
    user.program.ok(&["set", "WEAK", "--kind", "password"], weak.as_bytes());
    user.write("notes.txt", &format!("the other day {strong} was in use\n"));
    user.write("app.py", &format!("db_password = \"{weak}\"\n"));
    let (report, code) = user.json(&["scan"]);
    assert_eq!(code, Some(1));
    let vault: Vec<(&Value, &Value, &Value)> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (&one["path"], &one["vault"]["environment"], &one["vault"]["name"]))
        .collect();
    assert_eq!(
        vault,
        [
            (&"app.py".into(), &"development".into(), &"WEAK".into()),
            (&"notes.txt".into(), &"production".into(), &"STRONG".into()),
        ]
    );
    let log = user.program.ok(&["audit", "log", "--json"], b"").out();
    assert!(log.contains("secret.match") && !log.contains("secret.read"), "{log}");
    let (without, _) = user.json(&["scan", "--no-vault"]);
    let named = without["findings"].as_array().unwrap().iter().filter(|one| !one["vault"].is_null()).count();
    assert_eq!(named, 0);
}

#[test]
fn history_is_told_by_commit_and_a_second_scan_says_the_same() {
    let user = User::new();
    user.program.ok(&["init", "--yes", "--no-import", "--project", "shop"], b"");
    let key = user.gitlab_token();
    user.git(&["init", "-q"]);
    user.write("a.py", &format!("token = \"{key}\"\n"));
    user.git(&["add", "."]);
    user.git(&["commit", "-qm", "one"]);
    user.write("a.py", "token = read()\n");
    user.git(&["commit", "-qam", "two"]);
    assert_eq!(user.run(&["scan"]).code, Some(0), "it is gone from the tree");
    let (first, code) = user.json(&["scan", "--history"]);
    assert_eq!(code, Some(1));
    assert_eq!(first["findings"].as_array().unwrap().len(), 1);
    assert_eq!(first["findings"][0]["author"], "n <n@example.com>");
    assert_eq!(first["findings"][0]["commit"].as_str().unwrap().len(), 40);
    let (second, code) = user.json(&["scan", "--history"]);
    assert_eq!((code, &second["findings"]), (Some(1), &first["findings"]));
    assert_eq!(user.run(&["scan", "--diff", "HEAD~1..HEAD"]).code, Some(0));
    assert_eq!(user.run(&["scan", "--diff", "HEAD~1"]).code, Some(1));
    assert_eq!(user.run(&["scan", "--diff", "nothing..HEAD"]).code, Some(2));
}

#[test]
fn a_change_cannot_silence_its_own_finding() {
    let user = User::new();
    user.git(&["init", "-q"]);
    user.write("a.txt", "hello\n");
    user.git(&["add", "."]);
    user.git(&["commit", "-qm", "base"]);
    let key = user.gitlab_token();
    user.write("b.py", &format!("token = \"{key}\"  # keyward:allow\n"));
    user.write("keyward.toml", "project = \"shop\"\n[scan]\npaths = [\"*.py\"]\n");
    user.git(&["add", "."]);
    user.git(&["commit", "-qm", "leak"]);
    let (report, code) = user.json(&["scan", "--diff", "HEAD~1..HEAD"]);
    assert_eq!((code, report["summary"]["silenced"].as_u64()), (Some(0), Some(1)), "{report}");
    let (report, code) = user.json(&["scan", "--diff", "HEAD~1..HEAD", "--config-from", "HEAD~1"]);
    assert_eq!((code, report["summary"]["silenced"].as_u64()), (Some(1), Some(0)), "{report}");
}

#[test]
fn a_change_cannot_silence_its_own_finding_by_rules() {
    let user = User::new();
    user.git(&["init", "-q"]);
    user.write("rules.toml", "[extend]\nuseDefault = true\n[[rules]]\nid = \"x\"\nregex = 'never-[0-9]{9}'\n");
    user.write("outside.toml", "[[rule]]\nid = \"y\"\ndescription = \"y\"\nregex = 'never-[a-z]{9}'\n");
    user.git(&["add", "rules.toml"]);
    user.git(&["commit", "-qm", "base"]);
    user.write("b.py", &format!("token = \"{}\"\n", user.gitlab_token()));
    for rules in [
        "[extend]\nuseDefault = true\n[allowlist]\npaths = ['.*']\n",
        "[[rules]]\nid = \"x\"\nregex = 'nope-[0-9]{9}'\n",
    ] {
        user.write("rules.toml", rules);
        user.git(&["add", "b.py", "rules.toml"]);
        user.git(&["commit", "-qm", "leak"]);
        let diff = ["scan", "--diff", "main~1..main", "--rules", "rules.toml"];
        assert_eq!(user.run(&diff).code, Some(0), "as the change has it: {rules}");
        let ran = user.run(&[&diff[..], &["--config-from", "main~1"]].concat());
        assert_eq!(ran.code, Some(1), "{rules}: {ran}");
        user.git(&["reset", "-q", "--soft", "HEAD~1"]);
    }
    user.git(&["commit", "-qm", "leak"]);
    let missing = user.run(&["scan", "--diff", "main~1..main", "--rules", "outside.toml", "--config-from", "main~1"]);
    assert_eq!(missing.code, Some(2), "{missing}");
    assert!(missing.err().contains("there is no `outside.toml` in `main~1`"), "{missing}");
}

#[test]
fn a_poor_value_is_silenced_in_its_own_file_alone() {
    let user = User::new();
    user.git(&["init", "-q"]);
    let line = |value: &str| format!("DB_PASSWORD={value}\n");
    user.write("test/.env", &line(&format!("{}-pw-{}", "Test", 2024)));
    let wrote = user.run(&["scan", "--write-baseline", "bl"]);
    assert_eq!(wrote.code, Some(0), "{wrote}");
    user.git(&["add", "."]);
    user.git(&["commit", "-qm", "base"]);
    assert_eq!(user.run(&["scan", "--baseline", "bl"]).code, Some(0));
    user.write("prod/.env", &line(&user.random(11)));
    user.git(&["add", "."]);
    user.git(&["commit", "-qm", "leak"]);
    let ran = user.run(&["scan", "--diff", "HEAD~1..HEAD", "--config-from", "HEAD~1", "--baseline", "bl"]);
    assert_eq!(ran.code, Some(1), "{ran}");
    let wrote = user.run(&["scan", "--baseline", "bl", "--write-baseline", "bl"]);
    assert!(wrote.err().contains("1 lines added, 1 kept"), "{wrote}");
    assert_eq!(user.run(&["scan", "--baseline", "bl"]).code, Some(0));
}

#[test]
fn a_change_that_cannot_be_read_does_not_pass() {
    let user = User::new();
    user.git(&["init", "-q"]);
    let commit = |text: &str| {
        user.write("a.py", text);
        user.git(&["add", "a.py"]);
        user.git(&["commit", "-qm", "x"]);
    };
    commit("a = 1\n");
    commit(&format!("token = \"{}\"\n", user.gitlab_token()));
    commit("a = 2\n");
    user.git(&["config", "uploadpack.allowFilter", "true"]);
    let url = format!("file://{}", user.folder().display());
    user.git(&["clone", "-q", "--filter=blob:none", &url, "clone"]);
    for what in
        [&["--diff", "HEAD~2..HEAD"][..], &["--diff", "HEAD~2..HEAD", "--config-from", "HEAD~2"], &["--history"]]
    {
        let arguments = [&["scan"][..], what].concat();
        assert_eq!(user.run(&arguments).code, Some(1), "{what:?}");
        let mut command = user.program.command(&arguments);
        command.current_dir(user.folder().join("clone"));
        let ran = user.program.run_command(command, &arguments, b"");
        assert_eq!(ran.code, Some(2), "{what:?}: {ran}");
        assert!(ran.err().contains("could be read: a.py (") && ran.err().contains("missing object"), "{ran}");
    }
    // A commit that only deletes, or brings a picture, has been read.
    user.git(&["rm", "-q", "a.py"]);
    user.git(&["commit", "-qm", "gone"]);
    assert_eq!(user.run(&["scan", "--diff", "HEAD~1..HEAD"]).code, Some(0));
    user.write("a.png", "\0\u{1}");
    user.git(&["add", "a.png"]);
    assert_eq!(user.run(&["scan", "--staged"]).code, Some(0));
    user.git(&["commit", "-qm", "picture"]);
    assert_eq!(user.run(&["scan", "--diff", "HEAD~1..HEAD"]).code, Some(0));
}

#[test]
fn one_byte_hides_no_file_from_a_diff() {
    let user = User::new();
    user.git(&["init", "-q"]);
    user.write("a.py", "a = 1\n");
    user.git(&["add", "."]);
    user.git(&["commit", "-qm", "base"]);
    user.write("b.py", &format!("# \0\ntoken = \"{}\"\n", user.gitlab_token()));
    user.git(&["add", "."]);
    user.git(&["commit", "-qm", "leak"]);
    for what in [&["--diff", "HEAD~1..HEAD"][..], &["--history"], &[]] {
        assert_eq!(user.run(&[&["scan"][..], what].concat()).code, Some(1), "{what:?}");
    }
}

#[test]
fn a_server_does_not_take_the_word_of_the_push() {
    let user = User::new();
    user.git(&["init", "-q", "--bare", "server.git"]);
    user.git(&["init", "-q"]);
    user.git(&["remote", "add", "origin", "server.git"]);
    let install = ["hook", "install", "--pre-receive"];
    let mut command = user.program.command(&install);
    command.current_dir(user.folder().join("server.git"));
    assert_eq!(user.program.run_command(command, &install, b"").code, Some(0));
    let commit = |name: &str, text: &str| {
        user.write(name, text);
        user.git(&["add", name]);
        user.git(&["commit", "-qm", name]);
    };
    let key = user.gitlab_token();
    let leak = format!("token = \"{key}\"  # keyward:allow\n");
    // There is no branch yet whose word could count.
    commit("a.py", &leak);
    let (ok, said) = push(&user, &["HEAD:refs/heads/main"]);
    assert!(!ok && said.contains("a key is in what was pushed"), "{said}");
    commit("a.py", "a = 1\n");
    user.git(&["checkout", "-q", "--orphan", "clean"]);
    user.git(&["commit", "-qm", "one"]);
    assert!(push(&user, &["HEAD:refs/heads/main"]).0);
    commit("b.py", &leak);
    for branch in ["main", "new"] {
        let (ok, said) = push(&user, &[&format!("HEAD:refs/heads/{branch}")]);
        assert!(!ok && said.contains("b.py"), "{branch}: {said}");
    }
    // What the branch says already counts: its configuration, in a push before.
    user.git(&["reset", "-q", "--hard", "HEAD~1"]);
    commit("keyward.toml", "project = \"shop\"\n[scan]\npaths = [\"b.py\"]\n");
    assert!(push(&user, &["HEAD:refs/heads/main"]).0);
    commit("b.py", &leak);
    let (ok, said) = push(&user, &["HEAD:refs/heads/main"]);
    assert!(ok, "{said}");
}

#[test]
fn a_server_looks_at_what_commits_and_tags_say_and_are_put_on() {
    let user = User::new();
    user.git(&["init", "-q", "--bare", "server.git"]);
    user.git(&["init", "-q"]);
    user.git(&["remote", "add", "origin", "server.git"]);
    let install = ["hook", "install", "--pre-receive"];
    let mut command = user.program.command(&install);
    command.current_dir(user.folder().join("server.git"));
    assert_eq!(user.program.run_command(command, &install, b"").code, Some(0));
    let said = format!("one\n\nuse {}", user.gitlab_token());
    user.write("a.py", "a = 1\n");
    user.git(&["add", "a.py"]);
    user.git(&["commit", "-qm", "one"]);
    assert!(push(&user, &["HEAD:refs/heads/main"]).0);
    user.git(&["tag", "clean"]);
    user.git(&["tag", "-a", "-m", "first", "said"]);
    assert!(push(&user, &["clean", "said"]).0, "tags on a known commit bring nothing");

    user.git(&["commit", "-qm", &said, "--allow-empty"]);
    user.git(&["tag", "-a", "-m", &said, "telling", "HEAD~1"]);
    user.write("b.py", &format!("token = \"{}\"\n", user.gitlab_token()));
    user.git(&["hash-object", "-w", "b.py"]);
    user.git(&["add", "b.py"]);
    user.git(&["tag", "file", ":b.py"]);
    user.git(&["tag", "-a", "-m", "a file", "named", ":b.py"]);
    for (what, place) in [
        ("HEAD:refs/heads/main", "commit message:3:5"),
        ("telling", "refs/tags/telling!message:3:5"),
        ("file", "blob "),
        ("named", "refs/tags/named:1:10"),
    ] {
        let (ok, said) = push(&user, &[what]);
        assert!(!ok && said.contains(place) && said.contains("a key is in what was pushed"), "{what}: {said}");
    }
    let (report, code) = user.json(&["scan", "--history"]);
    let paths: Vec<&str> =
        report["findings"].as_array().unwrap().iter().filter_map(|one| one["path"].as_str()).collect();
    assert_eq!(code, Some(1));
    for path in ["commit message", "refs/tags/telling!message", "refs/tags/file", "refs/tags/named"] {
        assert!(paths.contains(&path), "{path}: {paths:?}");
    }
}

#[test]
fn what_one_remote_has_is_new_to_another() {
    let user = User::new();
    for server in ["private.git", "public.git"] {
        user.git(&["init", "-q", "--bare", server]);
    }
    user.git(&["init", "-q"]);
    user.git(&["remote", "add", "origin", "private.git"]);
    user.git(&["remote", "add", "public", "public.git"]);
    user.write("a.py", &format!("token = \"{}\"\n", user.gitlab_token()));
    user.git(&["add", "a.py"]);
    user.git(&["commit", "-qm", "one"]);
    user.git(&["push", "-q", "origin", "HEAD:main"]);
    assert_eq!(user.run(&["hook", "install", "--pre-push"]).code, Some(0));
    let to = |remote: &str, branch: &str| {
        let surroundings = user.program.command(&[]);
        let surroundings = surroundings.get_envs().filter_map(|(name, value)| Some((name, value?)));
        let mut git = Command::new("git");
        git.current_dir(user.folder()).env_clear().envs(surroundings).args(["push", remote, branch]);
        let ran = git.output().unwrap();
        (ran.status.success(), String::from_utf8_lossy(&ran.stderr).into_owned())
    };
    let (ok, said) = to("origin", "HEAD:again");
    assert!(ok, "{said}");
    for remote in ["public", "./public.git"] {
        let (ok, said) = to(remote, "HEAD:main");
        assert!(!ok && said.contains("not pushed: a key"), "{remote}: {said}");
    }
}

#[test]
fn what_is_wrong_is_said_without_a_value() {
    let user = User::new();
    let value = user.random(24);
    user.write(".env", &format!("DB_PASSWORD={value}\n"));
    user.write("report.json", &format!("[{{\"Secret\": {{}}, \"File\": \"{value}\"}}]"));
    user.write("text.json", &format!("[\"{value}\"]"));
    for arguments in
        [["--baseline", ".env"], ["--rules", ".env"], ["--baseline", "report.json"], ["--baseline", "text.json"]]
    {
        let ran = user.run(&[&["scan"][..], &arguments].concat());
        assert_eq!(ran.code, Some(2), "{arguments:?}: {ran}");
        assert!(!ran.err().contains(&value[..8]) && ran.err().contains("line 1"), "{arguments:?}: {ran}");
    }
    user.write("keyward.toml", &format!("project = \"shop\"\n[scan]\nallow = [\"{value}\"]\n"));
    let ran = user.run(&["scan"]);
    assert_eq!(ran.code, Some(2), "{ran}");
    assert!(!ran.err().contains(&value[..8]) && ran.err().contains("scan.allow[0]"), "{ran}");
}

#[test]
fn values_that_are_silenced_are_not_shown_beside_others() {
    let user = User::new();
    let (password, key) = (user.random(14), user.gitlab_token());
    let line = |comment: &str| format!("c = {{\"password\": \"{password}\", \"t\": \"{key}\"}}{comment}\n");
    user.write("a.py", &line("  # keyward:allow generic-password"));
    for format in ["text", "html", "json", "sarif"] {
        let ran = user.run(&["scan", "--format", format]);
        assert_eq!(ran.code, Some(1), "{ran}");
        assert!(!ran.out().contains(&password), "{format}: {ran}");
    }
}

#[test]
fn folders_that_are_left_out_hide_nothing_that_is_tracked() {
    let user = User::new();
    user.git(&["init", "-q"]);
    let leak = || format!("token = \"{}\"\n", user.gitlab_token());
    user.write("cache/CACHEDIR.TAG", "");
    user.write("cache/x/a.py", &leak());
    user.write("target/b.py", &leak());
    user.write("real/CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55\n");
    user.write("real/c.py", &leak());
    let places = || {
        let (report, _) = user.json(&["scan"]);
        let found = report["findings"].as_array().unwrap().iter();
        found.map(|one| one["path"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(places(), ["cache/x/a.py"], "a tag without its signature is none");
    user.git(&["add", "-f", "target/b.py", "real/c.py"]);
    assert_eq!(places(), ["cache/x/a.py", "real/c.py", "target/b.py"]);
    let (report, _) = user.json(&["scan", "cache", "cache/x/a.py", "./cache"]);
    assert_eq!(report["findings"].as_array().unwrap().len(), 1, "no file is read twice: {report}");
}

#[test]
fn an_empty_folder_is_not_mended_and_values_are_for_their_owner() {
    use std::os::unix::fs::PermissionsExt as _;
    let user = User::new();
    fs::create_dir(user.folder().join("empty")).unwrap();
    let ran = user.run(&["scan", "--fix", "empty"]);
    assert_eq!(ran.code, Some(2), "{ran}");
    user.write("a.py", &format!("token = \"{}\"\n", user.gitlab_token()));
    assert_eq!(user.run(&["scan", "--threads", "100000"]).code, Some(1));
    user.write("report", "");
    assert_eq!(user.run(&["scan", "--reveal", "--output", "report"]).code, Some(1));
    let mode = fs::metadata(user.folder().join("report")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

/// What a server says of a push after the fact.
fn pushed(user: &User, refs: &[&str]) -> String {
    let (ok, said) = push(user, refs);
    assert!(ok, "{said}");
    said
}

/// Whether a server took a push, and what it said.
fn push(user: &User, refs: &[&str]) -> (bool, String) {
    let surroundings = user.program.command(&[]);
    let surroundings = surroundings.get_envs().filter_map(|(name, value)| Some((name, value?)));
    let mut git = Command::new("git");
    let ran = git.current_dir(user.folder()).env_clear().envs(surroundings).args(["push", "origin"]).args(refs);
    let ran = ran.output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    (ran.status.success(), said)
}

#[test]
fn after_a_push_what_it_brought_is_scanned_and_nothing_else() {
    let user = User::new();
    let (key, other) = (user.gitlab_token(), user.gitlab_token());
    let server = user.folder().join("server.git");
    user.git(&["init", "-q", "--bare", "server.git"]);
    user.git(&["init", "-q"]);
    user.git(&["remote", "add", "origin", "server.git"]);
    let commit = |name: &str, text: &str| {
        user.write(name, text);
        user.git(&["add", name]);
        user.git(&["commit", "-qm", name]);
    };
    commit("a.py", &format!("OLD = \"{key}\"\n"));
    pushed(&user, &["HEAD:refs/heads/main"]);
    let install = ["hook", "install", "--post-receive"];
    let mut command = user.program.command(&install);
    command.current_dir(server);
    assert_eq!(user.program.run_command(command, &install, b"").code, Some(0));

    let is_quiet = |said: &str| !said.contains("what was pushed");
    let said = pushed(&user, &["HEAD:refs/heads/same"]);
    assert!(is_quiet(&said), "a branch of known commits: {said}");
    commit("b.py", "nothing = 1\n");
    let said = pushed(&user, &["HEAD:refs/heads/clean"]);
    assert!(is_quiet(&said), "{said}");
    commit("c.py", &format!("NEW = \"{other}\"\n"));
    commit("c.py", "taken = out\n");
    // Two new branches, one upon the other, with one that moves: each has what the others bring.
    let said = pushed(&user, &["HEAD~1:refs/heads/first", "HEAD:refs/heads/second", "HEAD~2:refs/heads/main"]);
    assert!(said.contains("a key is in what was pushed"), "{said}");
    assert!(said.contains("c.py") && !said.contains("a.py"), "{said}");
    let said = pushed(&user, &[":refs/heads/first"]);
    assert!(is_quiet(&said), "a branch is deleted: {said}");
}

#[test]
fn a_stored_key_that_is_pushed_opens_a_finding_with_whom_it_concerns() {
    let user = User::new();
    user.program.ok(&["init", "--yes", "--project", "shop"], b"");
    let (old, key) = (user.gitlab_token(), user.gitlab_token());
    for value in [&old, &key] {
        user.program.ok(&["set", "GITLAB_TOKEN", "--owner", "grace"], value.as_bytes());
    }
    user.program.ok(&["target", "add", "env-file", "web", "--path", ".env", "--secret", "GITLAB_TOKEN"], b"");
    user.program.ok(&["get", "GITLAB_TOKEN"], b"");
    user.git(&["init", "-q", "--bare", "server.git"]);
    user.git(&["init", "-q"]);
    user.git(&["remote", "add", "origin", "server.git"]);
    let install = ["hook", "install", "--post-receive"];
    let mut command = user.program.command(&install);
    command.current_dir(user.folder().join("server.git"));
    assert_eq!(user.program.run_command(command, &install, b"").code, Some(0));
    user.write("deploy.py", &format!("TOKEN = \"{key}\"\n"));
    user.git(&["add", "deploy.py"]);
    user.git(&["commit", "-qm", "deploy"]);
    let start = std::time::Instant::now();
    let said = pushed(&user, &["HEAD:refs/heads/main"]);
    let took = start.elapsed();
    assert!(said.contains("`shop/development/GITLAB_TOKEN` version 2 stands in deploy.py:1"), "{said}");
    assert!(said.contains("owner grace") && said.contains("goes to web"), "{said}");
    assert!(said.contains("keyward rotate GITLAB_TOKEN -p shop -e development --emergency"), "{said}");
    assert!(!said.contains(&key), "{said}");
    assert!(took.as_secs() < 10, "it took {took:?}");
    println!("a push with a stored key: {took:?}");
    let findings = user.program.ok(&["finding", "list", "--json"], b"").out();
    let findings: Value = serde_json::from_str(&findings).unwrap();
    let finding = &findings["findings"][0];
    assert_eq!((&finding["state"], &finding["secret"]["version"]), (&"open".into(), &2.into()), "{finding}");
    let exposure = &finding["exposure"];
    assert_eq!((&exposure["owner"], &exposure["active"]), (&"grace".into(), &true.into()));
    assert_eq!(exposure["targets"], serde_json::json!(["web"]));
    assert!(exposure["holders"][0].as_str().unwrap().contains("it was read"), "{exposure}");
    let id = finding["id"].as_str().unwrap();
    let shown = user.program.ok(&["finding", "show", id], b"").out();
    assert!(shown.contains("next        keyward rotate GITLAB_TOKEN"), "{shown}");
    // What is not active any more is not called for.
    user.write("old.py", &format!("TOKEN = \"{old}\"\n"));
    user.git(&["add", "old.py"]);
    user.git(&["commit", "-qm", "old"]);
    let said = pushed(&user, &["HEAD:refs/heads/main"]);
    assert!(said.contains("version 1 stands in old.py:1") && said.contains("not the active version"), "{said}");
}

#[test]
fn the_command_that_replaces_a_pushed_key_is_whole_or_says_what_it_lacks() {
    let user = User::new();
    user.program.ok(&["init", "--yes", "--project", "shop"], b"");
    let key = format!("{}{}{}{}", "sk-proj-", user.random(74), "T3BlbkFJ", user.random(74));
    user.program.ok(&["set", "OPENAI_API_KEY", "--provider", "openai"], key.as_bytes());
    user.program
        .ok(&["set", "DATABASE_URL"], format!("postgresql://app:{}@db.example/app", user.random(24)).as_bytes());
    let url = user.program.ok(&["get", "DATABASE_URL"], b"").out();
    user.git(&["init", "-q", "--bare", "server.git"]);
    user.git(&["init", "-q"]);
    user.git(&["remote", "add", "origin", "server.git"]);
    let install = ["hook", "install", "--post-receive"];
    let mut command = user.program.command(&install);
    command.current_dir(user.folder().join("server.git"));
    assert_eq!(user.program.run_command(command, &install, b"").code, Some(0));
    let push = |file: &str, value: &str| {
        user.write(file, &format!("KEY = \"{value}\"\n"));
        user.git(&["add", file]);
        user.git(&["commit", "-qm", file]);
        pushed(&user, &["HEAD:refs/heads/main"])
    };
    let said = push("a.py", &key);
    let command = "keyward rotate OPENAI_API_KEY -p shop -e development --emergency --admin ADMIN_SECRET \
                   --account project=PROJECT --account service_account=SERVICE_ACCOUNT";
    assert!(said.contains(command), "{said}");
    assert!(said.contains("`PROJECT` is the project (proj_…)"), "{said}");
    assert!(
        said.contains("`ADMIN_SECRET` is the name of the secret of `shop/development` that holds an admin key"),
        "{said}"
    );
    // The secret that is called so is named; nothing of it is shown.
    let admin = format!("{}{}{}{}", "sk-admin-", user.random(58), "T3BlbkFJ", user.random(58));
    user.program.ok(&["set", "OPENAI_ADMIN_KEY", "--provider", "openai"], admin.as_bytes());
    let said = push("b.py", &key);
    assert!(said.contains("--emergency --admin OPENAI_ADMIN_KEY --account project=PROJECT"), "{said}");
    assert!(!said.contains("ADMIN_SECRET") && !said.contains(&admin), "{said}");
    let said = push("c.py", &url);
    assert!(said.contains("--postgres-roles ROLE_A,ROLE_B --admin ADMIN_SECRET"), "{said}");
    assert!(said.contains("administrator's connection URL") && !said.contains(&url), "{said}");
}

#[test]
fn a_rule_that_goes_by_the_path_sees_binary_files() {
    let user = User::new();
    user.write("rules.toml", "[[rules]]\nid = \"keystore\"\npath = '\\.p12$'\n");
    user.write("certs/a.p12", "\u{30}\0\0binary");
    user.write("b.bin", "\0");
    let check = |arguments: &[&str], read: &str| {
        let (report, code) = user.json(&[&["scan", "--rules", "rules.toml"], arguments].concat());
        assert_eq!(code, Some(1), "{report}");
        let found = report["findings"].as_array().unwrap();
        let places: Vec<_> = found.iter().map(|one| (one["rule"].as_str(), one["path"].as_str())).collect();
        assert_eq!(places, [(Some("keystore"), Some("certs/a.p12"))], "{report}");
        report["summary"][read].as_u64()
    };
    assert_eq!(check(&[], "files"), Some(1), "what is binary is not read");
    user.git(&["init", "-q"]);
    user.git(&["add", "."]);
    check(&["--staged"], "files");
    user.git(&["commit", "-qm", "one"]);
    check(&["--history"], "blobs");
    check(&["--diff", "HEAD"], "blobs");
}

#[test]
fn init_keeps_what_the_scanner_was_told() {
    let scan = "[scan]\n# Made up.\npaths = [\"fixtures/**\"]\n";
    for before in [format!("project = \"shop\"\n\n{scan}"), scan.to_owned()] {
        let user = User::new();
        user.write("keyward.toml", &before);
        user.write(".env", &format!("API_TOKEN={}\n", user.random(24)));
        user.program.ok(&["init", "--yes"], b"");
        let text = fs::read_to_string(user.folder().join("keyward.toml")).unwrap();
        assert!(text.contains("API_TOKEN") && text.ends_with(scan) && text.contains("project = "), "{text}");
        user.program.ok(&["run", "--", "true"], b"");
    }
}

#[test]
fn a_baseline_silences_what_it_names_and_nothing_else() {
    let user = User::new();
    user.write("a.py", &format!("token = \"{}\"\n", user.gitlab_token()));
    assert_eq!(user.run(&["scan", "--write-baseline", "known.txt"]).code, Some(0));
    assert_eq!(user.run(&["scan", "a.py", "--baseline", "known.txt"]).code, Some(0));
    user.write("b.py", &format!("token = \"{}\"\n", user.gitlab_token()));
    let (report, code) = user.json(&["scan", ".", "--baseline", "known.txt"]);
    assert_eq!((code, report["findings"][0]["path"].as_str()), (Some(1), Some("b.py")), "{report}");
    let broken = user.run(&["scan", "--baseline", "a.py"]);
    assert_eq!(broken.code, Some(2), "{broken}");
}

#[test]
fn fix_moves_a_value_into_the_vault_and_the_program_still_has_it() {
    let user = User::new();
    user.program.ok(&["init", "--yes", "--no-import", "--project", "shop"], b"");
    let key = user.gitlab_token();
    user.write(
        "app.py",
        &format!("#!/usr/bin/env python3\n\"\"\"Doc.\"\"\"\nGITLAB_TOKEN = '{key}'\nprint(len(GITLAB_TOKEN))\n"),
    );
    let asked = user.run(&["scan", "--fix"]);
    assert_eq!(asked.code, Some(2), "without a terminal it does nothing by itself: {asked}");
    let fixed = user.run(&["scan", "--fix", "--yes"]);
    assert!(!fixed.out().contains(&key), "{fixed}");
    assert!(!fs::read_to_string(user.folder().join("app.py")).unwrap().contains(&key));
    let ran = user.program.ok(&["run", "--", "python3", "app.py"], b"");
    assert_eq!(ran.out().trim(), key.len().to_string());
    assert_eq!(user.run(&["scan", "--no-vault", "app.py"]).code, Some(0));
}

#[test]
fn hostile_files_are_named_and_do_not_stop_the_scan() {
    let user = User::new();
    let key = user.gitlab_token();
    user.write("good.py", &format!("token = \"{key}\"\n"));
    user.write("binary.bin", "\0\u{1}\u{2}\0");
    fs::write(user.folder().join("latin.txt"), b"caf\xe9 \xff\xfe token\n").unwrap();
    user.write("long.js", &"a".repeat(3_000_000));
    user.write("broken.zip", "PK\u{3}\u{4}broken");
    std::os::unix::fs::symlink("/etc", user.folder().join("outside")).unwrap();
    std::os::unix::fs::symlink(".", user.folder().join("loop")).unwrap();
    user.write("\u{1b}[31mred.txt", "x\n");
    let (report, code) = user.json(&["scan"]);
    assert_eq!((code, report["findings"].as_array().unwrap().len()), (Some(1), 1), "{report}");
    let skipped = report["summary"]["skipped"].to_string();
    for name in ["binary.bin", "outside", "loop", "broken.zip"] {
        assert!(skipped.contains(name), "{name}: {skipped}");
    }
    let text = user.run(&["scan", "--show-skipped"]);
    assert!(!text.stdout.contains(&0x1b), "{text}");
}
