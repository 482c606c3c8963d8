//! Where content came in: for each file's content the paths at which it stood, and the commit
//! that first put it there.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use gix::ObjectId;
use gix::objs::Kind;

use super::commits::{Commits, head};
use super::objects::{Objects, Reader, Unreadable};
use super::trees::{Paths, ROOT, Walk};

/// All content of a history, in the order of ids.
pub(super) struct Places {
    pub(super) blobs: Vec<ObjectId>,
    /// For each of them, which of `all`.
    ranges: Vec<Range<u32>>,
    /// The first of a blob's places is the oldest.
    all: Vec<Place>,
    pub(super) paths: Paths,
    /// Trees that could not be read.
    pub(super) unreadable: HashMap<ObjectId, Unreadable>,
}

/// One place of some content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Which of the commits in their order brought it there: an index into that order, or its length
    /// for what is in no commit.
    pub(super) order: u32,
    pub(super) path: u32,
}

/// A place as it was found.
pub(super) type Found = (ObjectId, Place);

impl Places {
    /// Walks those commits of `order` that `new` takes, and the tips that are no commits.
    pub(super) fn find(
        objects: &Objects,
        commits: &Commits,
        order: &[u32],
        new: &(dyn Fn(u32) -> bool + Sync),
        threads: usize,
        kept: impl FnOnce(&mut Paths) -> Vec<Found>,
    ) -> Self {
        let next = AtomicUsize::new(0);
        // Neighbours in order share most of their trees: a thread takes many at once.
        let size = (order.len() / (threads * 8)).clamp(16, 4096);
        let work = || {
            let mut walk = Walk::new(objects);
            let mut reader = Reader::new();
            let mut found: HashMap<AtPath, u32> = HashMap::new();
            loop {
                let start = next.fetch_add(size, Ordering::Relaxed);
                let Some(part) = order.get(start..order.len().min(start + size)).filter(|part| !part.is_empty()) else {
                    break;
                };
                for (at, number) in (start..).zip(part) {
                    if new(*number) {
                        commit(&mut walk, &mut reader, commits, *number, at as u32, &mut found);
                    }
                }
            }
            (walk.paths, walk.unreadable, found)
        };
        let parts: Vec<_> = std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let own = work();
            std::iter::once(own).chain(others.into_iter().filter_map(|thread| thread.join().ok())).collect()
        });
        let mut places = Self {
            blobs: Vec::new(),
            ranges: Vec::new(),
            all: Vec::new(),
            paths: Paths::new(),
            unreadable: HashMap::new(),
        };
        let mut all = kept(&mut places.paths);
        for (paths, unreadable, found) in parts {
            places.unreadable.extend(unreadable);
            let mut adopted: HashMap<u32, u32> = HashMap::new();
            for ((id, path), order) in found {
                let path = *adopted.entry(path).or_insert_with(|| places.paths.adopt(&paths, path, ROOT));
                all.push((id, Place { order, path }));
            }
        }
        places.outside(objects, commits, order.len() as u32, &mut all);
        places.sort(all);
        places
    }

    /// The places of a blob.
    pub(super) fn of(&self, blob: usize) -> &[Place] {
        let range = &self.ranges[blob];
        &self.all[range.start as usize..range.end as usize]
    }

    /// What is tagged without being in a commit.
    fn outside(&mut self, objects: &Objects, commits: &Commits, order: u32, all: &mut Vec<Found>) {
        for (name, kind, id) in &commits.others {
            let root = self.paths.number(ROOT, name.as_bytes());
            if *kind == Kind::Blob {
                all.push((*id, Place { order, path: root }));
            } else {
                let mut walk = Walk::new(objects);
                let mut found = Vec::new();
                walk.changes(*id, &[], &mut |changed| found.push((changed.id.to_owned(), changed.path)));
                self.unreadable.extend(walk.unreadable.drain());
                for (id, path) in found {
                    let path = self.paths.adopt(&walk.paths, path, root);
                    all.push((id, Place { order, path }));
                }
            }
        }
    }

    fn sort(&mut self, mut all: Vec<Found>) {
        all.sort_unstable_by_key(|(id, place)| (*id, place.path, place.order));
        all.dedup_by_key(|(id, place)| (*id, place.path));
        all.sort_unstable_by_key(|(id, place)| (*id, *place));
        self.all.reserve_exact(all.len());
        for (id, place) in all {
            if self.blobs.last() != Some(&id) {
                let at = self.all.len() as u32;
                self.blobs.push(id);
                self.ranges.push(at..at);
            }
            self.all.push(place);
            if let Some(range) = self.ranges.last_mut() {
                range.end += 1;
            }
        }
    }
}

/// Content and path.
type AtPath = (ObjectId, u32);

/// What one commit brings in.
fn commit(
    walk: &mut Walk<'_>,
    reader: &mut Reader,
    commits: &Commits,
    number: u32,
    order: u32,
    found: &mut HashMap<AtPath, u32>,
) {
    let commit = &commits.all[number as usize];
    let mut tree_of = |number: u32| {
        let commit = &commits.all[number as usize];
        commit.tree.or_else(|| head(walk.objects, &commit.id, reader).ok().map(|head| head.tree))
    };
    let parents: Vec<Option<ObjectId>> = commit.parents.iter().map(|parent| tree_of(*parent)).collect();
    let Some(tree) = tree_of(number) else { return };
    walk.changes(tree, &parents, &mut |changed| {
        let first = found.entry((changed.id.to_owned(), changed.path)).or_insert(order);
        *first = order.min(*first);
    });
}
