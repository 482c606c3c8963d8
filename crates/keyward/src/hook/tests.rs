//! Hooks in real repositories, with a program in keyward's place that finds the word `KEY`.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use super::*;

/// A folder with a repository, and a program in keyward's place. The folder's name has blanks and quotes.
struct Yard {
    _root: tempfile::TempDir,
    root: PathBuf,
}

/// Finds `KEY` in what is staged or in the lines that a range's commits add; writes down how it was called.
const PROGRAM: &str = r#"#!/bin/sh
echo "$*" >> "${0%/*}/calls"
[ "$1" = scan ] || exit 2
case $2 in
--staged) text=$(git diff --cached) ;;
--diff)
    old=${3%..*} new=${3#*..}
    case $old in
    *[!0]*) text=$(git log -p "$old..$new") ;;
    *) if [ "$(git rev-parse --is-bare-repository)" = true ]; then text=$(git log -p "$new" --not --all)
       else text=$(git log -p "$new" --not --remotes); fi ;;
    esac ;;
*) exit 2 ;;
esac || exit 2
case $text in *"+KEY"*) exit 1 ;; *"+BROKEN"*) exit 2 ;; esac
"#;

impl Yard {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().join("it's a \"yard\"");
        fs::create_dir(&root).expect("made");
        let yard = Self { _root: folder, root };
        yard.executable("bin/keyward", PROGRAM);
        yard.git(&yard.root, &["init", "-q", "-b", "main", "repo"]);
        yard
    }

    fn repo(&self) -> PathBuf {
        self.root.join("repo")
    }

    fn keyward(&self) -> PathBuf {
        self.root.join("bin/keyward")
    }

    fn executable(&self, path: &str, text: &str) -> PathBuf {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().expect("it has one")).expect("made");
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("set");
        path
    }

    /// Git without the settings of whoever runs the tests.
    fn command(&self, folder: &Path, arguments: &[&str]) -> Output {
        let mut command = Command::new("git");
        command.current_dir(folder).args(["-c", "user.name=t", "-c", "user.email=t@t"]).args(arguments);
        command
            .env("GIT_CONFIG_GLOBAL", self.root.join("gitconfig"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("HOME", &self.root);
        command.stdin(Stdio::null()).output().expect("git runs")
    }

    fn git(&self, folder: &Path, arguments: &[&str]) -> String {
        let output = self.command(folder, arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn place(&self, folder: &Path) -> Place {
        let git = |folder: &Path, arguments: &[&str]| Ok(self.git(folder, arguments).trim_end_matches('\n').to_owned());
        Place::find(folder, &git).expect("a repository")
    }

    fn install(&self, folder: &Path, hook: Hook) -> Change {
        install(&self.place(folder), hook, &self.keyward(), false).expect("installed")
    }

    /// Writes a file and commits it; what git said where it did not.
    fn commit(&self, folder: &Path, text: &str) -> Result<(), String> {
        fs::write(folder.join("file"), format!("{text}\n")).expect("written");
        self.git(folder, &["add", "file"]);
        said(&self.command(folder, &["commit", "-q", "-m", text]))
    }

    fn push(&self, folder: &Path, what: &[&str]) -> Result<(), String> {
        said(&self.command(folder, &[&["push", "-q"], what].concat()))
    }

    fn calls(&self) -> Vec<String> {
        let text = fs::read_to_string(self.root.join("bin/calls")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

fn said(output: &Output) -> Result<(), String> {
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// Every file below a folder with its content, link or mode.
fn snapshot(folder: &Path) -> Vec<(PathBuf, u32, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("readable").path();
        let data = path.symlink_metadata().expect("there");
        let content = if data.is_symlink() {
            fs::read_link(&path).expect("a link").into_os_string().into_encoded_bytes()
        } else if data.is_file() {
            fs::read(&path).expect("readable")
        } else {
            Vec::new()
        };
        all.push((path, data.permissions().mode(), content));
    }
    all.sort();
    all
}

#[test]
fn outside_of_a_repository_git_is_heard() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = Place::find(folder.path(), &run_git).expect_err("no repository");
    assert!(matches!(error, Error::Git(_)) && error.to_string().contains("not a git repository"), "{error}");
    let yard = Yard::new();
    assert_eq!(Place::find(&yard.repo(), &run_git).expect("a repository"), yard.place(&yard.repo()));
}

#[test]
fn a_commit_with_a_key_is_refused() {
    let yard = Yard::new();
    let repo = yard.repo();
    assert!(matches!(yard.install(&repo, Hook::PreCommit), Change::Installed(_)));
    yard.commit(&repo, "first").expect("the first commit has nothing in it");
    let error = yard.commit(&repo, "KEY").expect_err("a key");
    assert!(error.contains("keyward:allow"), "{error}");
    let error = yard.commit(&repo, "BROKEN").expect_err("not scanned");
    assert!(error.contains("could not be scanned"), "{error}");
    assert_eq!(yard.git(&repo, &["log", "--format=%s"]), "first\n");
    // What only deletes is not scanned.
    yard.git(&repo, &["rm", "-q", "-f", "file"]);
    let count = yard.calls().len();
    yard.git(&repo, &["commit", "-q", "-m", "gone"]);
    assert_eq!(yard.calls().len(), count);
}

#[test]
fn without_keyward_a_commit_goes_on_with_a_warning_and_a_server_refuses() {
    let yard = Yard::new();
    let repo = yard.repo();
    for hook in Hook::ALL {
        let text = script::script(hook, Path::new("/nowhere/keyward"));
        let path = yard.executable(&format!("hooks/{}", hook.name()), &text);
        let run = Command::new(&path).current_dir(&repo).env("PATH", "/usr/bin:/bin").stdin(Stdio::null()).output();
        let output = run.expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.success(), hook != Hook::PreReceive, "{hook:?}: {said}");
        assert!(said.contains("not installed"), "{hook:?}: {said}");
    }
}

#[test]
fn an_existing_hook_runs_first_and_comes_back_byte_for_byte() {
    let yard = Yard::new();
    let repo = yard.repo();
    let hooks = repo.join(".git/hooks");
    let earlier = "#!/bin/sh\necho earlier >> \"${0%/*}/../order\"\ngrep -q STOP file && exit 7\nexit 0";
    yard.executable("repo/.git/hooks/pre-commit", earlier);
    let before = snapshot(&hooks);
    assert!(matches!(yard.install(&repo, Hook::PreCommit), Change::Chained(_)));
    assert!(matches!(yard.install(&repo, Hook::PreCommit), Change::Updated(_)));
    yard.commit(&repo, "STOP").expect_err("the earlier hook says no");
    assert_eq!(yard.calls(), [] as [&str; 0], "nothing is scanned that is refused already");
    yard.commit(&repo, "KEY").expect_err("ours says no");
    yard.commit(&repo, "fine").expect("both say yes");
    assert_eq!(fs::read_to_string(repo.join(".git/order")).expect("there"), "earlier\nearlier\nearlier\n");
    assert!(matches!(uninstall(&yard.place(&repo), Hook::PreCommit).expect("removed"), Change::Removed(_)));
    assert_eq!(snapshot(&hooks), before);
    assert_eq!(uninstall(&yard.place(&repo), Hook::PreCommit).expect("none"), Change::Nothing);
}

#[test]
fn a_linked_hook_and_one_that_is_not_executable_are_kept() {
    let yard = Yard::new();
    let repo = yard.repo();
    let hooks = repo.join(".git/hooks");
    yard.executable("repo/scripts/check", "#!/bin/sh\nexit 3\n");
    symlink("../../scripts/check", hooks.join("pre-commit")).expect("linked");
    fs::write(hooks.join("pre-push"), "#!/bin/sh\nexit 3\n").expect("written");
    let before = snapshot(&hooks);
    yard.install(&repo, Hook::PreCommit);
    yard.install(&repo, Hook::PrePush);
    yard.commit(&repo, "x").expect_err("the linked hook says no");
    for hook in [Hook::PreCommit, Hook::PrePush] {
        uninstall(&yard.place(&repo), hook).expect("removed");
    }
    assert_eq!(snapshot(&hooks), before);
}

#[test]
fn what_others_did_meanwhile_is_not_destroyed() {
    let yard = Yard::new();
    let repo = yard.repo();
    let path = yard.executable("repo/.git/hooks/pre-commit", "#!/bin/sh\n");
    yard.install(&repo, Hook::PreCommit);
    yard.executable("repo/.git/hooks/pre-commit", "#!/bin/sh\n# new\n");
    let place = yard.place(&repo);
    assert!(matches!(uninstall(&place, Hook::PreCommit), Err(Error::Replaced(_))));
    assert!(matches!(install(&place, Hook::PreCommit, &yard.keyward(), false), Err(Error::Occupied(_))));
    assert_eq!(fs::read_to_string(path).expect("there"), "#!/bin/sh\n# new\n");
}

#[test]
fn a_push_is_scanned_from_what_the_other_side_has() {
    let yard = Yard::new();
    let repo = yard.repo();
    yard.git(&yard.root, &["init", "-q", "--bare", "server.git"]);
    yard.git(&repo, &["remote", "add", "origin", "../server.git"]);
    let heard = yard.root.join("heard");
    yard.executable(
        "repo/.git/hooks/pre-push",
        &format!("#!/bin/sh\ncat >> '{}'\n", heard.display().to_string().replace('\'', "'\\''")),
    );
    yard.install(&repo, Hook::PrePush);
    yard.commit(&repo, "one").expect("committed");
    yard.push(&repo, &["origin", "main"]).expect("a new branch");
    let one = yard.git(&repo, &["rev-parse", "HEAD"]).trim().to_owned();
    let zeros = "0".repeat(one.len());
    assert_eq!(yard.calls(), [format!("scan --diff {zeros}..{one} --remote origin")]);
    yard.commit(&repo, "KEY").expect("no hook for commits here");
    yard.commit(&repo, "taken out").expect("committed");
    let error = yard.push(&repo, &["origin", "main"]).expect_err("the key is in the history of the push");
    assert!(error.contains("not pushed"), "{error}");
    let two = yard.git(&repo, &["rev-parse", "HEAD"]).trim().to_owned();
    assert_eq!(yard.calls()[1], format!("scan --diff {one}..{two} --remote origin"));
    yard.push(&repo, &["origin", "main:other"]).expect_err("nor as a new branch");
    yard.push(&repo, &["--no-verify", "origin", "HEAD:other"]).expect("by force of will");
    yard.push(&repo, &["origin", ":other"]).expect("a deleted branch has nothing to scan");
    // The earlier hook got every line that git gave.
    let heard = fs::read_to_string(heard).expect("there");
    assert_eq!(heard.lines().count(), 4, "{heard}");
    assert!(heard.contains(&format!("refs/heads/main {two} refs/heads/main {one}")), "{heard}");
}

#[test]
fn a_server_refuses_what_has_a_key_and_hears_its_other_hooks() {
    let yard = Yard::new();
    let repo = yard.repo();
    yard.git(&yard.root, &["init", "-q", "--bare", "server.git"]);
    let server = yard.root.join("server.git");
    yard.git(&repo, &["remote", "add", "origin", "../server.git"]);
    yard.executable(
        "server.git/hooks/pre-receive",
        "#!/bin/sh\nwhile read -r line; do echo \"$line\" >> heard; done\n",
    );
    assert!(yard.place(&server).bare);
    yard.install(&server, Hook::PreReceive);
    yard.install(&server, Hook::PostReceive);
    yard.commit(&repo, "one").expect("committed");
    yard.push(&repo, &["origin", "main"]).expect("nothing in it");
    yard.commit(&repo, "KEY").expect("committed");
    let error = yard.push(&repo, &["origin", "main"]).expect_err("a key");
    assert!(error.contains("refused: a key is in what was pushed"), "{error}");
    yard.push(&repo, &["origin", "main:refs/heads/new", "HEAD~1:refs/heads/fine"])
        .expect_err("a push is taken whole or not");
    assert_eq!(fs::read_to_string(server.join("heard")).expect("there").lines().count(), 4);
    uninstall(&yard.place(&server), Hook::PreReceive).expect("removed");
    let output = yard.command(&repo, &["push", "origin", "main"]);
    assert!(output.status.success(), "after the fact nothing is refused");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("a key is in what was pushed: replace it at its service"), "{said}");
}

#[test]
fn worktrees_and_own_hook_folders_are_followed() {
    let yard = Yard::new();
    let repo = yard.repo();
    yard.commit(&repo, "one").expect("committed");
    yard.git(&repo, &["worktree", "add", "-q", "../tree"]);
    let tree = yard.root.join("tree");
    yard.install(&tree, Hook::PreCommit);
    assert!(repo.join(".git/hooks/pre-commit").exists());
    yard.commit(&tree, "KEY").expect_err("in the worktree");
    yard.commit(&repo, "KEY").expect_err("and in the main one");
    // A relative folder with blanks, which is not there yet.
    yard.git(&repo, &["config", "core.hooksPath", "my hooks"]);
    yard.commit(&repo, "KEY").expect("another folder holds");
    yard.install(&repo, Hook::PreCommit);
    assert!(repo.join("my hooks/pre-commit").exists());
    yard.commit(&repo, "KEY2").expect_err("ours again");
}

#[test]
fn a_folder_of_all_repositories_is_changed_on_purpose_only() {
    let yard = Yard::new();
    let repo = yard.repo();
    let shared = yard.root.join("shared");
    fs::create_dir(&shared).expect("made");
    yard.git(&repo, &["config", "core.hooksPath", shared.to_str().expect("text")]);
    let place = yard.place(&repo);
    let error = install(&place, Hook::PreCommit, &yard.keyward(), false).expect_err("shared");
    assert!(matches!(error, Error::Shared(_)) && error.hint().is_some());
    assert!(snapshot(&shared).is_empty());
    install(&place, Hook::PreCommit, &yard.keyward(), true).expect("on purpose");
    yard.commit(&repo, "KEY").expect_err("a key");
}

/// What husky 9 puts into `.husky/_` for each hook.
const HUSKY: &str = "#!/usr/bin/env sh\n. \"$(dirname \"$0\")/h\"";
const HUSKY_H: &str = "n=$(basename \"$0\")\ns=$(dirname \"$(dirname \"$0\")\")/$n\n[ ! -f \"$s\" ] && exit 0\nsh -e \"$s\" \"$@\"\nexit $?\n";

#[test]
fn husky_keeps_its_files_and_gets_a_block() {
    for script in
        [None, Some("echo one >> order\n"), Some("echo one >> order"), Some("#!/bin/sh\necho one >> order\nexit 0\n")]
    {
        let yard = Yard::new();
        let repo = yard.repo();
        yard.git(&repo, &["config", "core.hooksPath", ".husky/_"]);
        for name in ["pre-commit", "pre-push"] {
            yard.executable(&format!("repo/.husky/_/{name}"), HUSKY);
        }
        yard.executable("repo/.husky/_/h", HUSKY_H);
        if let Some(script) = script {
            fs::write(repo.join(".husky/pre-commit"), script).expect("written");
        }
        let before = (snapshot(&repo.join(".husky")), snapshot(&repo.join(".husky/_")));
        yard.install(&repo, Hook::PreCommit);
        assert!(matches!(yard.install(&repo, Hook::PreCommit), Change::Updated(_)));
        yard.commit(&repo, "KEY").expect_err("a key");
        yard.commit(&repo, "fine").expect("no key");
        assert_eq!(repo.join("order").exists(), script.is_some());
        uninstall(&yard.place(&repo), Hook::PreCommit).expect("removed");
        assert_eq!((snapshot(&repo.join(".husky")), snapshot(&repo.join(".husky/_"))), before, "{script:?}");
    }
}

#[test]
fn husky_before_a_push_gives_the_lines_on() {
    let yard = Yard::new();
    let repo = yard.repo();
    yard.git(&yard.root, &["init", "-q", "--bare", "server.git"]);
    yard.git(&repo, &["config", "core.hooksPath", ".husky/_"]);
    yard.executable("repo/.husky/_/pre-push", HUSKY);
    yard.executable("repo/.husky/_/h", HUSKY_H);
    // The one reads the lines after ours, the other before.
    for script in ["#!/bin/sh\ncat > heard\nexit 0\n", "cat > heard\n"] {
        fs::write(repo.join(".husky/pre-push"), script).expect("written");
        yard.install(&repo, Hook::PrePush);
        yard.commit(&repo, "one").expect("committed");
        yard.push(&repo, &["../server.git", "main"]).expect("no key");
        assert!(fs::read_to_string(repo.join("heard")).expect("there").contains("refs/heads/main"), "{script}");
        yard.commit(&repo, "KEY").expect("committed");
        yard.push(&repo, &["../server.git", "main"]).expect_err("a key");
        yard.git(&repo, &["reset", "-q", "--hard", "HEAD~1"]);
        yard.commit(&repo, "two").expect("committed");
    }
}
