//! What a commit would add: the index beside the last commit.

use std::collections::HashMap;

use gix::ObjectId;
use gix::index::entry::{Flags, Mode};
use gix::index::{Entry, extension};
use gix::objs::Kind;

use super::changes::{self, Change, ChangeOptions};
use super::commits::head;
use super::error::Error;
use super::objects::{Objects, Reader};
use super::repository::Repository;
use super::trees::Cursor;
use crate::scanner::{Outcome, Scanner};
use crate::summary::Skipped;

/// Scans the lines that the next commit would add. `done` gets what came of each file, from several threads.
pub fn staged(
    scanner: &Scanner,
    repository: &Repository,
    options: &ChangeOptions,
    done: &(dyn Fn(Outcome) + Sync),
) -> Result<(), Error> {
    let objects = repository.objects();
    let mut outcome = Outcome::default();
    outcome.summary.skipped.extend(objects.damaged.iter().cloned());
    let mut compare = Compare { objects: &objects, reader: Reader::new(), changes: Vec::new(), skipped: Vec::new() };
    if let Some(index) = repository.index()? {
        let tree = last_tree(repository, &objects, &mut compare.reader)?;
        let index = Index { entries: index.entries(), paths: index.path_backing(), tree: index.tree() };
        compare.folder(&index, index.entries, 0, tree, index.tree)?;
    }
    outcome.summary.skipped.extend(compare.skipped);
    done(outcome);
    changes::look(scanner, &objects, &compare.changes, options, &|_, outcome| done(outcome));
    Ok(())
}

/// The tree of the last commit; `None` before the first.
fn last_tree(repository: &Repository, objects: &Objects, reader: &mut Reader) -> Result<Option<ObjectId>, Error> {
    let Ok(id) = repository.local().head_id().map(gix::Id::detach) else { return Ok(None) };
    let failed = |reason| Error::Object { what: "the last commit", id: id.to_string(), reason };
    head(objects, &id, reader).map(|head| Some(head.tree)).map_err(|error| failed(error.reason()))
}

struct Index<'a> {
    entries: &'a [Entry],
    paths: &'a gix::index::PathStorageRef,
    tree: Option<&'a extension::Tree>,
}

struct Compare<'a> {
    objects: &'a Objects,
    reader: Reader,
    changes: Vec<Change>,
    skipped: Vec<Skipped>,
}

impl Compare<'_> {
    /// Compares the entries of one folder, whose path has `depth` bytes with its `/`.
    fn folder(
        &mut self,
        index: &Index<'_>,
        entries: &[Entry],
        depth: usize,
        tree: Option<ObjectId>,
        cache: Option<&extension::Tree>,
    ) -> Result<(), Error> {
        // Git notes in the index which tree a folder would become, as long as nothing in it is touched.
        let unchanged =
            |cache: &extension::Tree| cache.num_entries == Some(entries.len() as u32) && Some(cache.id) == tree;
        if cache.is_some_and(unchanged) {
            return Ok(());
        }
        let before = self.tree(tree)?;
        let mut at = 0;
        while let Some(entry) = entries.get(at) {
            let path: &[u8] = entry.path_in(index.paths);
            let name = path.get(depth..).unwrap_or_default();
            let Some(slash) = memchr::memchr(b'/', name).filter(|_| entry.mode != Mode::DIR) else {
                self.file(entry, path, before.get(name));
                at += 1;
                continue;
            };
            let within = &path[..=depth + slash];
            let same = |other: &Entry| other.path_in(index.paths).starts_with(within);
            let count = entries[at..].iter().take_while(|other| same(other)).count();
            let name = &name[..slash];
            let tree = before.get(name).filter(|(mode, _)| *mode == 0o040_000).map(|(_, id)| *id);
            let cache = cache.and_then(|cache| cache.children.iter().find(|child| child.name.as_slice() == name));
            self.folder(index, &entries[at..at + count], within.len(), tree, cache)?;
            at += count;
        }
        Ok(())
    }

    fn file(&mut self, entry: &Entry, path: &[u8], before: Option<&(u32, ObjectId)>) {
        let shown = String::from_utf8_lossy(path).into_owned();
        if entry.mode == Mode::DIR {
            // A folder outside of a sparse checkout: its files are not listed.
            if before.is_none_or(|(_, id)| *id != entry.id) {
                self.skipped.push(Skipped::new(shown, "outside of the sparse checkout"));
            }
            return;
        }
        let same = before.is_some_and(|(_, id)| *id == entry.id);
        if same || entry.mode.is_submodule() || entry.flags.contains(Flags::INTENT_TO_ADD) {
            return;
        }
        let before = before.filter(|(mode, _)| *mode != 0o040_000 && *mode != 0o160_000);
        let before = before.map(|(_, id)| *id).into_iter().collect();
        self.changes.push(Change { path: shown, id: entry.id, tracked: true, before });
    }

    fn tree(&mut self, id: Option<ObjectId>) -> Result<HashMap<Vec<u8>, (u32, ObjectId)>, Error> {
        let Some(id) = id.filter(|id| *id != ObjectId::empty_tree(self.objects.hash)) else {
            return Ok(HashMap::new());
        };
        let failed = |reason| Error::Object { what: "tree", id: id.to_string(), reason };
        let object = self.objects.find(&id, &mut self.reader).map_err(|error| failed(error.reason()))?;
        if object.kind != Kind::Tree {
            return Err(failed("damaged object"));
        }
        let mut entries = HashMap::new();
        let mut cursor = Cursor::new(&object.bytes, self.objects.hash.len_in_bytes());
        while let Some(entry) = cursor.peek() {
            entries.insert(entry.name.to_vec(), (entry.mode, entry.id.to_owned()));
            cursor.skip();
        }
        Ok(entries)
    }
}
