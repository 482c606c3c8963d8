//! What a commit changes: its tree beside those of its parents.

use std::cmp::Ordering;
use std::collections::HashMap;

use gix::ObjectId;
use gix::objs::Kind;

use super::objects::{Object, Objects, Reader, Unreadable};

/// Folders in folders.
const MAX_DEPTH: usize = 1024;
/// Bytes of trees that are read for one commit, its new paths, and all paths that are kept: trees that
/// hold each other many times over make few objects into endless paths.
const MAX_BYTES: usize = 256 << 20;
const MAX_NEW_PATHS: usize = 1 << 20;
const MAX_PATHS: usize = 16 << 20;
/// The path of the root.
pub(super) const ROOT: u32 = 0;

/// Paths by number, each a name in another.
pub(super) struct Paths {
    /// Parent and name.
    nodes: Vec<(u32, Box<[u8]>)>,
    numbers: HashMap<(u32, Box<[u8]>), u32>,
}

impl Paths {
    pub(super) fn new() -> Self {
        Self { nodes: vec![(ROOT, Box::default())], numbers: HashMap::new() }
    }

    /// The number of `name` in `folder`.
    pub(super) fn child(&mut self, folder: u32, name: &[u8]) -> u32 {
        let nodes = &mut self.nodes;
        *self.numbers.entry((folder, name.into())).or_insert_with(|| {
            nodes.push((folder, name.into()));
            u32::try_from(nodes.len() - 1).unwrap_or(u32::MAX)
        })
    }

    /// The number of a path with `/` between its names, in `folder`.
    pub(super) fn number(&mut self, folder: u32, path: &[u8]) -> u32 {
        path.split(|byte| *byte == b'/').fold(folder, |folder, name| self.child(folder, name))
    }

    /// The number here of what has `path` as its number in `other`, whose root is `root` here.
    pub(super) fn adopt(&mut self, other: &Self, path: u32, root: u32) -> u32 {
        if path == ROOT {
            return root;
        }
        let (folder, name) = &other.nodes[path as usize];
        let folder = self.adopt(other, *folder, root);
        self.child(folder, name)
    }

    /// The whole path, `/` between folders.
    pub(super) fn bytes(&self, mut path: u32) -> Vec<u8> {
        let mut parts = Vec::new();
        while path != ROOT {
            let (folder, name) = &self.nodes[path as usize];
            parts.push(&**name);
            path = *folder;
        }
        parts.reverse();
        parts.join(&b'/')
    }
}

/// A file as a tree names it.
#[derive(Clone, Copy)]
pub(super) struct Entry<'a> {
    pub(super) mode: u32,
    pub(super) name: &'a [u8],
    pub(super) id: &'a gix::oid,
}

impl Entry<'_> {
    pub(super) fn is_tree(&self) -> bool {
        self.mode & 0o170_000 == 0o040_000
    }

    /// A commit of another repository.
    pub(super) fn is_submodule(&self) -> bool {
        self.mode & 0o170_000 == 0o160_000
    }
}

/// What is told of a change.
pub(super) struct Changed<'a> {
    pub(super) path: u32,
    pub(super) id: &'a gix::oid,
    /// What the parents have there, where they have a file.
    pub(super) before: &'a [Option<ObjectId>],
}

/// Walks trees of commits.
pub(super) struct Walk<'a> {
    pub(super) objects: &'a Objects,
    pub(super) reader: Reader,
    pub(super) paths: Paths,
    /// Trees that could not be read.
    pub(super) unreadable: HashMap<ObjectId, Unreadable>,
    /// Bytes of trees read for this commit.
    spent: usize,
    paths_before: usize,
}

impl<'a> Walk<'a> {
    pub(super) fn new(objects: &'a Objects) -> Self {
        Self { objects, reader: Reader::new(), paths: Paths::new(), unreadable: HashMap::new(), spent: 0, paths_before: 0 }
    }

    /// Calls `changed` for every file of `tree` that none of the `parents` has in the same place.
    pub(super) fn changes(
        &mut self,
        tree: ObjectId,
        parents: &[Option<ObjectId>],
        changed: &mut dyn FnMut(Changed<'_>),
    ) {
        self.spent = 0;
        self.paths_before = self.paths.nodes.len();
        self.folder(ROOT, tree, parents, 0, changed);
    }

    fn folder(
        &mut self,
        path: u32,
        tree: ObjectId,
        parents: &[Option<ObjectId>],
        depth: usize,
        changed: &mut dyn FnMut(Changed<'_>),
    ) {
        if parents.contains(&Some(tree)) {
            return;
        }
        let Some(object) = self.tree(tree, depth) else { return };
        self.spent += object.bytes.len();
        let paths = self.paths.nodes.len();
        if self.spent > MAX_BYTES || paths > MAX_PATHS || paths - self.paths_before > MAX_NEW_PATHS {
            self.unreadable.insert(tree, Unreadable::TooLarge);
            return;
        }
        let before: Vec<Option<Object>> =
            parents.iter().map(|parent| parent.and_then(|id| self.tree(id, depth))).collect();
        let length = self.objects.hash.len_in_bytes();
        let mut others: Vec<Cursor<'_>> = before
            .iter()
            .map(|tree| Cursor::new(tree.as_ref().map_or(&[], |tree| tree.bytes.as_slice()), length))
            .collect();
        let mut own = Cursor::new(&object.bytes, length);
        let mut beside: Vec<Option<ObjectId>> = Vec::new();
        while let Some(entry) = own.peek() {
            own.skip();
            beside.clear();
            let mut known = false;
            for other in &mut others {
                let there = other.seek(&entry);
                known |= there.is_some_and(|there| there.id == entry.id);
                beside.push(there.map(|there| there.id.to_owned()));
            }
            if known || entry.is_submodule() {
                continue;
            }
            let path = self.paths.child(path, entry.name);
            if entry.is_tree() {
                let beside = std::mem::take(&mut beside);
                self.folder(path, entry.id.to_owned(), &beside, depth + 1, changed);
            } else {
                changed(Changed { path, id: entry.id, before: &beside });
            }
        }
        if own.is_broken() {
            self.unreadable.insert(tree, Unreadable::Damaged);
        }
    }

    fn tree(&mut self, id: ObjectId, depth: usize) -> Option<Object> {
        let found =
            if depth > MAX_DEPTH { Err(Unreadable::TooLarge) } else { self.objects.find(&id, &mut self.reader) };
        match found {
            Ok(object) if object.kind == Kind::Tree => Some(object),
            Ok(_) => {
                self.unreadable.insert(id, Unreadable::Damaged);
                None
            }
            Err(_) if id == ObjectId::empty_tree(self.objects.hash) => None,
            Err(error) => {
                self.unreadable.insert(id, error);
                None
            }
        }
    }
}

/// Reads the entries of a tree in their order.
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
    /// The entry at the front, and its length.
    front: Option<(Entry<'a>, usize)>,
    length: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(bytes: &'a [u8], length: usize) -> Self {
        Self { rest: bytes, front: front(bytes, length), length }
    }

    pub(super) fn peek(&self) -> Option<Entry<'a>> {
        self.front.map(|(entry, _)| entry)
    }

    pub(super) fn skip(&mut self) {
        if let Some((_, size)) = self.front {
            self.rest = &self.rest[size..];
            self.front = front(self.rest, self.length);
        }
    }

    /// Something stands here that is no entry.
    fn is_broken(&self) -> bool {
        self.front.is_none() && !self.rest.is_empty()
    }

    /// The entry of the same name and sort as `entry`; forward only, as trees are sorted.
    fn seek(&mut self, entry: &Entry<'_>) -> Option<Entry<'a>> {
        while let Some(front) = self.peek() {
            match order(&front, entry) {
                Ordering::Less => self.skip(),
                Ordering::Equal => return Some(front),
                Ordering::Greater => return None,
            }
        }
        None
    }
}

fn front(bytes: &[u8], length: usize) -> Option<(Entry<'_>, usize)> {
    // A mode has five or six digits.
    let space = bytes.iter().take(8).position(|byte| *byte == b' ')?;
    let mut mode = 0;
    for byte in &bytes[..space] {
        mode = mode << 3 | u32::from(byte.checked_sub(b'0').filter(|digit| *digit < 8)?);
    }
    let end = space + 1 + memchr::memchr(0, &bytes[space + 1..])?;
    let id = bytes.get(end + 1..end + 1 + length)?;
    let entry = Entry { mode, name: &bytes[space + 1..end], id: gix::oid::try_from_bytes(id).ok()? };
    (!entry.name.is_empty()).then_some((entry, end + 1 + length))
}

/// The order of entries in trees: a folder's name counts as if a `/` followed.
fn order(a: &Entry<'_>, b: &Entry<'_>) -> Ordering {
    let common = a.name.len().min(b.name.len());
    let end = |entry: &Entry<'_>| entry.name.get(common).copied().unwrap_or(if entry.is_tree() { b'/' } else { 0 });
    a.name[..common]
        .cmp(&b.name[..common])
        .then_with(|| end(a).cmp(&end(b)))
        .then_with(|| a.name.len().cmp(&b.name.len()))
}
