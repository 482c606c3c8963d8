//! What a range of commits added.
//!
//! Each commit counts, not only the difference between the ends: a key that one commit adds and
//! the next removes is published with both.

use std::collections::hash_map::Entry;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use gix::ObjectId;
use gix::objs::Kind;

use super::blobs::value;
use super::changes::{self, Change, ChangeOptions};
use super::commits::{Head, head, target};
use super::error::Error;
use super::messages::{Messages, tag_path};
use super::objects::{Object, Objects, Reader, Unreadable};
use super::repository::Repository;
use super::trees::Walk;
use crate::scanner::{Found, Outcome, Scanner};
use crate::summary::Skipped;

/// Commits that are looked at beyond those that decide, as clocks of committers differ.
const SLOP: usize = 64;

/// Tags upon tags that are followed.
const TAGS: usize = 64;

/// What a range ends with.
enum Tip {
    /// A null id: a branch that was deleted.
    Nothing,
    Commit(ObjectId),
    Other(Other),
}

/// A file or a tree that is tagged without a commit.
struct Other {
    id: ObjectId,
    kind: Kind,
    path: String,
}

impl Other {
    /// All files of it, which count as new.
    fn files(&self, objects: &Objects, skipped: &mut Vec<Skipped>) -> Vec<Change> {
        let change = |path, id| Change { path, id, tracked: false, before: Vec::new() };
        if self.kind == Kind::Blob {
            return vec![change(self.path.clone(), self.id)];
        }
        let (mut walk, mut files) = (Walk::new(objects), Vec::new());
        walk.changes(self.id, &[], &mut |changed| files.push((changed.path, changed.id.to_owned())));
        skip(&mut walk, skipped);
        let name = |path| format!("{}/{}", self.path, String::from_utf8_lossy(&walk.paths.bytes(path)));
        files.into_iter().map(|(path, id)| change(name(path), id)).collect()
    }
}

/// Scans what the commits of a range say, and the lines that they add: `A..B` and `A...B` are those that B has and A
/// has not, where a missing end is `HEAD`; a revision alone is that commit. With a null id for A, as git gives
/// it to hooks for a new branch, they are those that no branch of the remote (of any) has, or, in a bare repository, no ref;
/// after a push none but those that the push set, and what these had before.
/// `done` gets the findings, the oldest commit first, and the summary.
pub fn diff(
    scanner: &Scanner,
    repository: &Repository,
    range: &str,
    options: &ChangeOptions,
    done: &dyn Fn(Outcome),
) -> Result<(), Error> {
    let objects = repository.objects();
    let mut outcome = Outcome::default();
    outcome.summary.skipped.extend(objects.damaged.iter().cloned());
    let mut messages = Messages::default();
    let tip = tip(repository, &objects, range, &mut |id, object| messages.look(scanner, id, object))?;
    let skipped = &mut outcome.summary.skipped;
    let commits = match &tip {
        Tip::Commit(id) => commits(repository, &objects, range, *id, options, skipped)?,
        Tip::Nothing | Tip::Other(_) => Vec::new(),
    };
    let (mut list, owners) = list(repository, &objects, &commits, skipped);
    if let Tip::Other(other) = &tip {
        list = other.files(&objects, skipped);
    }
    outcome.summary.commits = commits.len() as u64;
    say(scanner, &objects, &commits, messages, &mut outcome);
    let looked = Mutex::new(Vec::new());
    changes::look(scanner, &objects, &list, options, &|number, outcome| {
        looked.lock().unwrap_or_else(PoisonError::into_inner).push((number, outcome));
    });
    let mut looked = looked.into_inner().unwrap_or_else(PoisonError::into_inner);
    looked.sort_by_key(|(number, _)| *number);
    let mut first = HashSet::new();
    for (number, one) in looked {
        outcome.summary.merge(one.summary);
        let commit = owners.get(number).map(|owner| &commits[*owner]);
        let mut same: HashMap<_, u32> = HashMap::new();
        for mut found in one.found {
            let value = value(&found);
            let count = same.entry(value).or_default();
            *count += 1;
            // Added once is enough, even if it was removed and added again.
            if first.insert((value, found.finding.path.clone(), *count)) {
                if let Some((id, head)) = commit {
                    name(&mut found, id, head);
                }
                outcome.found.push(found);
            }
        }
    }
    done(outcome);
    Ok(())
}

/// Says which commit brought it.
fn name(found: &mut Found, id: &ObjectId, head: &Head) {
    found.finding.commit = Some(id.to_string());
    found.finding.author = Some(head.author.clone());
    found.finding.date = head.written.clone();
}

/// What the commits say, and what tags said on the way to them.
fn say(
    scanner: &Scanner,
    objects: &Objects,
    commits: &[(ObjectId, Head)],
    mut messages: Messages,
    outcome: &mut Outcome,
) {
    let mut reader = Reader::new();
    for (id, _) in commits {
        match objects.find(id, &mut reader) {
            Ok(object) => messages.look(scanner, id, &object),
            Err(error) => outcome.summary.skipped.push(error.skipped(format!("commit {id}"))),
        }
    }
    let heads: HashMap<ObjectId, &Head> = commits.iter().map(|(id, head)| (*id, head)).collect();
    messages.report(outcome, &mut |found, id| {
        if let Some(head) = heads.get(id) {
            name(found, id, head);
        }
    });
}

/// The files that the commits change, and for each the commit's number.
fn list(
    repository: &Repository,
    objects: &Objects,
    commits: &[(ObjectId, Head)],
    skipped: &mut Vec<Skipped>,
) -> (Vec<Change>, Vec<usize>) {
    let (mut list, mut owners) = (Vec::new(), Vec::new());
    let (mut walk, mut reader) = (Walk::new(objects), Reader::new());
    for (number, (_, commit)) in commits.iter().enumerate() {
        let mut tree_of = |id: &ObjectId| head(objects, id, &mut reader).ok().map(|head| head.tree);
        let parents: Vec<Option<ObjectId>> = commit.parents.iter().map(&mut tree_of).collect();
        let mut files = Vec::new();
        walk.changes(commit.tree, &parents, &mut |changed| {
            files.push((changed.path, changed.id.to_owned(), changed.before.to_vec()));
        });
        for (path, id, before) in files {
            let path = walk.paths.bytes(path);
            let tracked = repository.entry(&path) == Some(id);
            // Where a parent of a merge has no such file, the line is still its other parent's.
            let before = before.into_iter().flatten().collect();
            list.push(Change { path: String::from_utf8_lossy(&path).into_owned(), id, tracked, before });
            owners.push(number);
        }
    }
    skip(&mut walk, skipped);
    (list, owners)
}

/// Names the trees that could not be read.
fn skip(walk: &mut Walk<'_>, skipped: &mut Vec<Skipped>) {
    let mut trees: Vec<_> = walk.unreadable.drain().collect();
    trees.sort_unstable_by_key(|(id, _)| *id);
    skipped.extend(trees.into_iter().map(|(id, error)| Skipped::unreadable(format!("tree {id}"), error.reason())));
}

/// The commits of a range, the oldest first.
fn commits(
    repository: &Repository,
    objects: &Objects,
    range: &str,
    to: ObjectId,
    options: &ChangeOptions,
    skipped: &mut Vec<Skipped>,
) -> Result<Vec<(ObjectId, Head)>, Error> {
    let mut reader = Reader::new();
    let Some((from, _)) = ends(range) else {
        let head = head(objects, &to, &mut reader).map_err(|error| broken(&to, error))?;
        return Ok(vec![(to, head)]);
    };
    let without = if is_null(from) {
        published(repository, options, skipped)
    } else {
        vec![revision(repository, objects, from, &mut reader)?]
    };
    between(objects, &without, to, &mut reader, skipped)
}

/// Commits from `to` down, but for those below `without`.
fn between(
    objects: &Objects,
    without: &[ObjectId],
    to: ObjectId,
    reader: &mut Reader,
    skipped: &mut Vec<Skipped>,
) -> Result<Vec<(ObjectId, Head)>, Error> {
    // Whether a commit is one of those to leave out.
    let mut out: HashMap<ObjectId, bool> = without.iter().map(|id| (*id, true)).collect();
    out.entry(to).or_insert(false);
    let mut heads: HashMap<ObjectId, Head> = HashMap::new();
    let mut queue: BinaryHeap<(i64, ObjectId)> = BinaryHeap::new();
    for id in out.keys() {
        match head(objects, id, reader) {
            Ok(head) => {
                queue.push((head.date, *id));
                heads.insert(*id, head);
            }
            Err(error) if *id == to => return Err(broken(id, error)),
            // A ref that points to a tree, or is broken.
            Err(_) => {}
        }
    }
    let mut slop = SLOP;
    while let Some((_, id)) = queue.pop() {
        let left_out = out[&id];
        let parents = heads[&id].parents.clone();
        for parent in parents {
            let known = out.get(&parent).copied();
            if known == Some(true) || (known == Some(false) && !left_out) {
                continue;
            }
            // Also again, if it turns out to be left out: so must be what is below it.
            out.insert(parent, left_out);
            let date = match heads.entry(parent) {
                Entry::Occupied(known) => known.get().date,
                Entry::Vacant(place) => match head(objects, &parent, reader) {
                    Ok(head) => place.insert(head).date,
                    Err(error) => {
                        if !left_out {
                            skipped.push(Skipped::unreadable(format!("commit {parent}"), error.reason()));
                        }
                        continue;
                    }
                },
            };
            queue.push((date, parent));
        }
        if queue.iter().all(|(_, id)| out[id]) {
            slop -= 1;
            if slop == 0 {
                break;
            }
        }
    }
    let mut list: Vec<_> = heads.into_iter().filter(|(id, _)| !out[id]).collect();
    list.sort_by_key(|(id, head)| (head.date, *id));
    Ok(list)
}

/// What others have already.
fn published(repository: &Repository, options: &ChangeOptions, skipped: &mut Vec<Skipped>) -> Vec<ObjectId> {
    let pushed = options.pushed.as_slice();
    let bare = repository.work_tree().is_none();
    let remote =
        options.remote.as_ref().map_or_else(|| "refs/remotes/".to_owned(), |name| format!("refs/remotes/{name}/"));
    let refs = repository.refs(skipped).into_iter();
    let known = |name: &str| match pushed {
        [] => bare || name.starts_with(&remote),
        // `HEAD` is the branch that it names, which may be one that was pushed.
        pushed => name.starts_with("refs/") && pushed.iter().all(|one| one.name != name),
    };
    let before = pushed.iter().filter_map(|one| one.before);
    refs.filter(|(name, _)| known(name)).map(|(_, id)| id).chain(before).collect()
}

fn ends(range: &str) -> Option<(&str, &str)> {
    range.split_once("...").or_else(|| range.split_once(".."))
}

/// What the end of a range is, behind the tags that are put on it, of which each is told.
fn tip(
    repository: &Repository,
    objects: &Objects,
    range: &str,
    told: &mut dyn FnMut(&ObjectId, &Object),
) -> Result<Tip, Error> {
    let revision = ends(range).map_or(range, |(_, to)| to);
    if is_null(revision) {
        return Ok(Tip::Nothing);
    }
    let revision = if revision.is_empty() { "HEAD" } else { revision };
    let mut reader = Reader::new();
    // What was just pushed is known to us, not yet to the repository.
    let pushed = ObjectId::from_hex(revision.as_bytes()).ok().filter(|id| objects.find(id, &mut reader).is_ok());
    let named = || repository.local().rev_parse_single(revision).ok().map(gix::Id::detach);
    let mut id = pushed.or_else(named).ok_or_else(|| unknown(repository, revision))?;
    let mut path = None;
    for _ in 0..TAGS {
        let object = objects.find(&id, &mut reader).map_err(|error| broken(&id, error))?;
        match object.kind {
            Kind::Commit => return Ok(Tip::Commit(id)),
            Kind::Tag => {
                told(&id, &object);
                path.get_or_insert_with(|| tag_path(&object.bytes));
                id = target(&object.bytes).ok_or_else(|| broken(&id, Unreadable::Damaged))?;
            }
            kind => return Ok(Tip::Other(Other { id, kind, path: path.unwrap_or_else(|| format!("{kind} {id}")) })),
        }
    }
    Err(broken(&id, Unreadable::Damaged))
}

/// The commit that a revision names; `HEAD` where it is empty.
fn revision(
    repository: &Repository,
    objects: &Objects,
    revision: &str,
    reader: &mut Reader,
) -> Result<ObjectId, Error> {
    let revision = if revision.is_empty() { "HEAD" } else { revision };
    // What was just pushed is known to us, not yet to the repository.
    if let Ok(id) = ObjectId::from_hex(revision.as_bytes())
        && head(objects, &id, reader).is_ok()
    {
        return Ok(id);
    }
    let local = repository.local();
    let found = local.rev_parse_single(format!("{revision}^{{commit}}").as_str());
    found.map(gix::Id::detach).map_err(|_| unknown(repository, revision))
}

fn unknown(repository: &Repository, revision: &str) -> Error {
    let hint =
        if repository.boundary().is_empty() { "" } else { "; the clone is shallow: fetch more of the history first" };
    Error::Revision { revision: revision.to_owned(), hint }
}

fn is_null(revision: &str) -> bool {
    revision.len() >= 40 && revision.bytes().all(|byte| byte == b'0')
}

fn broken(id: &ObjectId, error: Unreadable) -> Error {
    Error::Object { what: "commit", id: id.to_string(), reason: error.reason() }
}
