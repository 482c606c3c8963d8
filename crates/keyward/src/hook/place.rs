//! Where the hooks of a repository are.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Error;

/// Runs git with arguments in a folder, and gives what it prints.
pub(crate) type Git<'a> = dyn Fn(&Path, &[&str]) -> Result<String, Error> + 'a;

/// The folder of a repository's hooks, as git itself sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Where git looks for hooks.
    pub(crate) folder: PathBuf,
    /// Husky's folder of scripts, where husky rules: `.husky`.
    pub(crate) husky: Option<PathBuf>,
    /// Whether the folder lies outside the repository, where other repositories may use it too.
    pub(crate) shared: bool,
    /// Whether the repository has no working tree: a server's.
    pub(crate) bare: bool,
}

impl Place {
    /// The place of the repository in which `start` is. `git` runs git there: see [`run_git`].
    pub(crate) fn find(start: &Path, git: &Git<'_>) -> Result<Self, Error> {
        let path = |what: &[&str]| -> Result<PathBuf, Error> {
            let arguments = [&["rev-parse", "--path-format=absolute"], what].concat();
            Ok(PathBuf::from(git(start, &arguments)?))
        };
        // Follows `core.hooksPath`, and from a worktree leads to the common folder.
        let folder = path(&["--git-path", "hooks"])?;
        let bare = git(start, &["rev-parse", "--is-bare-repository"])? == "true";
        let mut own = vec![path(&["--git-common-dir"])?];
        if !bare {
            own.push(path(&["--show-toplevel"])?);
        }
        let shared = !own.iter().any(|own| real(&folder).starts_with(real(own)));
        Ok(Self { husky: husky(&folder), folder, shared, bare })
    }
}

/// `.husky/_` since version 9, `.husky` before.
fn husky(folder: &Path) -> Option<PathBuf> {
    let is = |path: &Path, name: &str| path.file_name().is_some_and(|own| own == name);
    if is(folder, ".husky") {
        return Some(folder.to_owned());
    }
    folder.parent().filter(|parent| is(folder, "_") && is(parent, ".husky")).map(Path::to_owned)
}

/// The path without links, as far as it exists.
fn real(path: &Path) -> PathBuf {
    for existing in path.ancestors() {
        if let (Ok(real), Ok(rest)) = (existing.canonicalize(), path.strip_prefix(existing)) {
            return real.join(rest);
        }
    }
    path.to_owned()
}

/// Runs the user's git in a folder and gives what it prints, without the line's end.
pub(crate) fn run_git(folder: &Path, arguments: &[&str]) -> Result<String, Error> {
    let run = Command::new("git").current_dir(folder).args(arguments).stdin(Stdio::null()).output();
    let output = run.map_err(|error| Error::Git(error.to_string()))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end_matches(['\n', '\r']).to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(Error::Git(text(&output.stderr))) }
}
