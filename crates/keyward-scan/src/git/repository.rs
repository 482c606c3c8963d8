//! A repository: where its parts are, what its index names, what its refs and logs point to.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use gix::ObjectId;
use gix::bstr::ByteSlice;

use super::error::Error;
use super::objects::Objects;
use crate::summary::Skipped;
use crate::tree::Tracks;

/// What git tells its hooks through the environment. The caller reads it, where a repository is not
/// that of a stranger.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    /// `GIT_INDEX_FILE`: the index of the commit that is being made.
    pub index_file: Option<PathBuf>,
    /// `GIT_OBJECT_DIRECTORY` and `GIT_ALTERNATE_OBJECT_DIRECTORIES`: where pushed objects wait for acceptance.
    pub object_directories: Vec<PathBuf>,
}

/// An opened repository. Of its own configuration only its format and layout is heeded.
pub struct Repository {
    inner: gix::ThreadSafeRepository,
    environment: Environment,
    /// The working tree, as found and with links resolved.
    roots: Vec<PathBuf>,
    index: OnceLock<Result<gix::index::File, String>>,
}

impl Repository {
    /// The repository in which `path` is: a working tree or linked one, a submodule, a bare repository.
    pub fn discover(path: &Path) -> Result<Self, Error> {
        Self::discover_in(path, Environment::default())
    }

    /// The same in a hook, with what git told it.
    pub fn discover_in(path: &Path, environment: Environment) -> Result<Self, Error> {
        let absolute = std::path::absolute(path).map_err(|_| Error::NotFound(path.to_owned()))?;
        let start = if absolute.is_file() { absolute.parent().unwrap_or(&absolute) } else { &absolute };
        let look = gix::discover::upwards::Options {
            trust: gix::discover::upwards::TrustPolicy::Assume(gix::sec::Trust::Full),
            ..Default::default()
        };
        let (found, _) = gix::discover::upwards_opts(start, look).map_err(|_| Error::NotFound(path.to_owned()))?;
        let (git_dir, work_tree) = found.into_repository_and_work_tree_directories();
        // Isolated: nothing but the repository's own file configures it, and no variable of the environment.
        let options = gix::open::Options::isolated().with(gix::sec::Trust::Full).open_path_as_is(true);
        let failed = |error: &dyn std::fmt::Display| Error::Open { path: git_dir.clone(), reason: error.to_string() };
        let inner = gix::ThreadSafeRepository::open_opts(&git_dir, options).map_err(|error| failed(&error))?;
        let local = inner.to_thread_local();
        if let Some(kind) = local.config_snapshot().string("extensions.refStorage").filter(|kind| *kind != "files") {
            return Err(Error::Unsupported { path: git_dir, feature: format!("the ref format {kind}") });
        }
        let roots = roots(local.workdir().map(Path::to_owned).or(work_tree));
        Ok(Self { inner, environment, roots, index: OnceLock::new() })
    }

    /// The folder that git keeps the repository in.
    pub fn git_dir(&self) -> &Path {
        self.inner.refs.git_dir()
    }

    /// The working tree, where there is one.
    pub fn work_tree(&self) -> Option<&Path> {
        self.roots.first().map(PathBuf::as_path)
    }

    /// Whether the index names `path`. A broken index names nothing; [`super::staged`] says why.
    pub fn tracked(&self, path: &Path) -> bool {
        self.inside(path).is_some_and(|inner| self.entry(inner.as_bytes()).is_some())
    }

    /// The path of `path` in this repository, with `/` between folders.
    pub(super) fn inside(&self, path: &Path) -> Option<String> {
        let absolute = plain(&std::path::absolute(path).ok()?);
        let inner = self.roots.iter().find_map(|root| absolute.strip_prefix(root).ok())?;
        let parts: Vec<_> = inner.components().map(|part| part.as_os_str().to_string_lossy()).collect();
        Some(parts.join("/"))
    }

    /// What the index has under a path of the repository.
    pub(super) fn entry(&self, path: &[u8]) -> Option<ObjectId> {
        let index = self.index().ok().flatten()?;
        index.entry_by_path(path.as_bstr()).map(|entry| entry.id)
    }

    /// Paths that the index has behind a prefix, without it.
    fn entries_below(&self, prefix: &str) -> Vec<String> {
        let Ok(Some(index)) = self.index() else { return Vec::new() };
        let entries = index.prefixed_entries(prefix.as_bytes().as_bstr()).unwrap_or_default();
        let rest =
            |entry: &gix::index::Entry| entry.path(index).get(prefix.len()..).map(|rest| rest.as_bstr().to_string());
        entries.iter().filter_map(rest).collect()
    }

    /// The index; `None` where nothing was ever added.
    pub(super) fn index(&self) -> Result<Option<&gix::index::File>, Error> {
        let path = self.index_path();
        if !path.exists() {
            return Ok(None);
        }
        let read = || {
            let hash = self.hash();
            let options = gix::index::decode::Options { thread_limit: Some(1), ..Default::default() };
            gix::index::File::at(&path, hash, true, options).map_err(|error| error.to_string())
        };
        match self.index.get_or_init(read) {
            Ok(index) => Ok(Some(index)),
            Err(reason) => Err(Error::Index { path, reason: reason.clone() }),
        }
    }

    fn index_path(&self) -> PathBuf {
        self.environment.index_file.clone().unwrap_or_else(|| self.git_dir().join("index"))
    }

    pub(super) fn hash(&self) -> gix::hash::Kind {
        self.local().object_hash()
    }

    pub(super) fn local(&self) -> gix::Repository {
        self.inner.to_thread_local()
    }

    /// All its objects, those of its alternates too.
    pub(super) fn objects(&self) -> Objects {
        let local = self.local();
        let own = local.common_dir().join("objects");
        let mut directories = vec![own.clone()];
        let mut broken = None;
        match gix::odb::alternate::resolve(own.clone(), local.current_dir()) {
            Ok(more) => directories.extend(more),
            Err(error) => broken = Some(Skipped::new(own.join("info/alternates").to_string_lossy(), error.to_string())),
        }
        directories.extend(self.environment.object_directories.iter().cloned());
        let mut unique: Vec<PathBuf> = Vec::new();
        for directory in directories {
            let real = directory.canonicalize().unwrap_or(directory);
            if !unique.contains(&real) {
                unique.push(real);
            }
        }
        let mut objects = Objects::open(&unique, self.hash());
        objects.damaged.extend(broken);
        objects
    }

    /// What its refs and the heads of its working trees point to, by name.
    pub(super) fn refs(&self, skipped: &mut Vec<Skipped>) -> Vec<(String, ObjectId)> {
        let local = self.local();
        let mut tips = Vec::new();
        if let Ok(head) = local.head_id() {
            tips.push(("HEAD".to_owned(), head.detach()));
        }
        let all =
            local.references().and_then(|platform| platform.all()?.map(Ok).collect::<Result<Vec<_>, gix::Error>>());
        match all {
            Ok(all) => {
                for reference in all {
                    match reference {
                        Ok(reference) => {
                            let name = reference.name().as_bstr().to_string();
                            tips.extend(reference.try_id().map(|id| (name, id.detach())));
                        }
                        Err(error) => skipped.push(Skipped::new("refs", format!("broken ref: {error}"))),
                    }
                }
            }
            Err(error) => skipped.push(Skipped::new("refs", error.to_string())),
        }
        for folder in self.folders() {
            let head = std::fs::read(folder.join("HEAD")).unwrap_or_default();
            if let Ok(id) = ObjectId::from_hex(head.trim_ascii()) {
                tips.push((folder.join("HEAD").to_string_lossy().into_owned(), id));
            }
        }
        tips
    }

    /// All that its logs name: where refs, the stash and heads once pointed.
    pub(super) fn logged(&self) -> Vec<ObjectId> {
        let mut ids = Vec::new();
        for folder in self.folders() {
            logs(&folder.join("logs"), 0, &mut ids);
        }
        ids.sort_unstable();
        ids.dedup();
        ids.retain(|id| !id.is_null());
        ids
    }

    /// Whether history was cut off at a commit.
    pub(super) fn boundary(&self) -> Vec<ObjectId> {
        let text = std::fs::read(self.local().common_dir().join("shallow")).unwrap_or_default();
        let mut ids: Vec<_> = text.lines().filter_map(|line| ObjectId::from_hex(line.trim_ascii()).ok()).collect();
        ids.sort_unstable();
        ids
    }

    /// The folder that all working trees share, and that of each.
    fn folders(&self) -> Vec<PathBuf> {
        let common = self.local().common_dir().to_owned();
        let linked = std::fs::read_dir(common.join("worktrees")).into_iter().flatten().flatten();
        let mut folders: Vec<PathBuf> = linked.map(|entry| entry.path()).collect();
        folders.sort();
        folders.insert(0, common);
        folders
    }
}

/// Which files are tracked below a tree in which there may be other repositories.
pub struct Tracked {
    /// For each folder, the repository that it belongs to.
    folders: Mutex<HashMap<PathBuf, Option<Arc<Repository>>>>,
}

impl Default for Tracked {
    fn default() -> Self {
        Self::new()
    }
}

impl Tracked {
    /// Nothing is opened yet.
    pub fn new() -> Self {
        Self { folders: Mutex::default() }
    }

    fn repository(&self, folder: &Path) -> Option<Arc<Repository>> {
        let known = |path: &Path| self.folders.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned();
        let mut below = Vec::new();
        let mut found = None;
        for at in folder.ancestors() {
            if let Some(repository) = known(at) {
                found = repository;
                break;
            }
            below.push(at.to_owned());
            if at.join(".git").symlink_metadata().is_ok()
                && let Ok(repository) = Repository::discover(at)
            {
                found = Some(Arc::new(repository));
                break;
            }
        }
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        // Two threads may have opened it: the first stays.
        for path in below {
            folders.entry(path).or_insert_with(|| found.clone());
        }
        found
    }
}

impl Tracks for Tracked {
    /// Whether the repository that a file belongs to, the innermost one, tracks it.
    fn contains(&self, path: &Path) -> bool {
        let Ok(absolute) = std::path::absolute(path) else { return false };
        let absolute = plain(&absolute);
        let Some(folder) = absolute.parent() else { return false };
        self.repository(folder).is_some_and(|repository| repository.tracked(&absolute))
    }

    /// The files that the repository around a folder tracks in it.
    fn below(&self, folder: &Path) -> Vec<PathBuf> {
        let Ok(absolute) = std::path::absolute(folder) else { return Vec::new() };
        let absolute = plain(&absolute);
        let Some(repository) = absolute.parent().and_then(|parent| self.repository(parent)) else { return Vec::new() };
        let Some(inner) = repository.inside(&absolute) else { return Vec::new() };
        repository.entries_below(&format!("{inner}/")).iter().map(|rest| folder.join(rest)).collect()
    }
}

/// A working tree as it was named and as it is with links resolved.
fn roots(work_tree: Option<PathBuf>) -> Vec<PathBuf> {
    let Some(given) = work_tree else { return Vec::new() };
    let named = plain(&std::path::absolute(&given).unwrap_or_else(|_| given.clone()));
    let mut roots = vec![named];
    roots.extend(given.canonicalize().ok().filter(|real| *real != roots[0]));
    roots
}

/// An absolute path without `.` and `..`, by its text alone.
fn plain(path: &Path) -> PathBuf {
    let mut parts = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(parts.pop()),
            Component::CurDir => {}
            part => parts.push(part),
        }
    }
    parts
}

/// Ids in the logs below a folder.
fn logs(folder: &Path, depth: usize, ids: &mut Vec<ObjectId>) {
    if depth > 64 {
        return;
    }
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            logs(&entry.path(), depth + 1, ids);
        } else if kind.is_file() {
            let text = std::fs::read(entry.path()).unwrap_or_default();
            for line in text.lines() {
                let words = line.split(|byte| *byte == b' ').take(2);
                ids.extend(words.filter_map(|word| ObjectId::from_hex(word).ok()));
            }
        }
    }
}
