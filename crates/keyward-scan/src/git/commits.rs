//! The commits that a history consists of, and in which order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use gix::ObjectId;
use gix::hashtable::HashMap;
use gix::objs::Kind;

use super::objects::{Object, Objects, Reader, Unreadable};
use crate::summary::Skipped;

/// Commits by number, with their parents by number.
#[derive(Default)]
pub(super) struct Commits {
    pub(super) all: Vec<Commit>,
    numbers: HashMap<ObjectId, u32>,
    /// Tips that are no commits: trees and files with tags on them.
    pub(super) others: Vec<(String, Kind, ObjectId)>,
}

/// What is kept of a commit.
pub(super) struct Commit {
    pub(super) id: ObjectId,
    /// `None` for one of an earlier scan.
    pub(super) tree: Option<ObjectId>,
    pub(super) parents: Vec<u32>,
    /// Seconds since 1970 at which it was committed.
    pub(super) date: i64,
}

/// A commit of an earlier scan.
pub(super) struct Seen {
    pub(super) date: i64,
    pub(super) parents: Vec<ObjectId>,
}

impl Commits {
    /// All commits that can be reached from `tips`, whose names are for reports. `told` gets each commit and tag that
    /// is read.
    pub(super) fn load(
        objects: &Objects,
        tips: Vec<(String, ObjectId)>,
        seen: &dyn Fn(&ObjectId) -> Option<Seen>,
        boundary: &dyn Fn(&ObjectId) -> bool,
        told: &mut dyn FnMut(&ObjectId, &Object),
        skipped: &mut Vec<Skipped>,
    ) -> Self {
        let (mut all, mut reader) = (Self::default(), Reader::new());
        let mut parent_ids: Vec<Vec<ObjectId>> = Vec::new();
        let mut open: Vec<(String, ObjectId)> = tips;
        open.reverse();
        while let Some((name, id)) = open.pop() {
            if all.numbers.contains_key(&id) {
                continue;
            }
            let commit = match seen(&id) {
                Some(known) => (None, known.parents, known.date),
                None => {
                    match read(objects, &id, &mut reader).inspect(|(_, object)| told(&id, object)).map(|(tip, _)| tip) {
                        Ok(Tip::Commit(head)) => (Some(head.tree), head.parents, head.date),
                        Ok(Tip::Tag(target)) => {
                            open.push((name, target));
                            continue;
                        }
                        Ok(Tip::Other(kind)) => {
                            all.others.push((name, kind, id));
                            continue;
                        }
                        Err(error) => {
                            skipped.push(Skipped::unreadable(format!("{name} {id}").trim_start(), error.reason()));
                            continue;
                        }
                    }
                }
            };
            let (tree, mut parents, date) = commit;
            if boundary(&id) {
                parents.clear();
            }
            all.numbers.insert(id, u32::try_from(all.all.len()).unwrap_or(u32::MAX));
            all.all.push(Commit { id, tree, parents: Vec::new(), date });
            open.extend(parents.iter().rev().map(|parent| (String::new(), *parent)));
            parent_ids.push(parents);
        }
        for (number, ids) in parent_ids.iter().enumerate() {
            // A parent that is missing was named; the commit then counts as a first one.
            all.all[number].parents = ids.iter().filter_map(|id| all.numbers.get(id).copied()).collect();
        }
        all
    }

    /// The number of a commit.
    pub(super) fn number(&self, id: &gix::oid) -> Option<u32> {
        self.numbers.get(id).copied()
    }

    /// Numbers of all commits, parents before children, the older first where that leaves a choice.
    pub(super) fn oldest_first(&self) -> Vec<u32> {
        let mut waiting: Vec<u32> = self.all.iter().map(|commit| commit.parents.len() as u32).collect();
        let mut children: Vec<Vec<u32>> = vec![Vec::new(); self.all.len()];
        for (number, commit) in self.all.iter().enumerate() {
            commit.parents.iter().for_each(|parent| children[*parent as usize].push(number as u32));
        }
        let key = |number: u32| Reverse((self.all[number as usize].date, self.all[number as usize].id, number));
        let mut ready: BinaryHeap<_> =
            (0..self.all.len() as u32).filter(|number| waiting[*number as usize] == 0).map(key).collect();
        let mut order = Vec::with_capacity(self.all.len());
        while let Some(Reverse((_, _, number))) = ready.pop() {
            order.push(number);
            for child in &children[number as usize] {
                waiting[*child as usize] -= 1;
                if waiting[*child as usize] == 0 {
                    ready.push(key(*child));
                }
            }
        }
        order
    }
}

/// The head of a commit.
pub(super) struct Head {
    pub(super) tree: ObjectId,
    pub(super) parents: Vec<ObjectId>,
    pub(super) date: i64,
    /// `Name <mail>`, and when it was written.
    pub(super) author: String,
    pub(super) written: Option<String>,
}

enum Tip {
    Commit(Head),
    Tag(ObjectId),
    Other(Kind),
}

/// Reads the head of a commit.
pub(super) fn head(objects: &Objects, id: &gix::oid, reader: &mut Reader) -> Result<Head, Unreadable> {
    match read(objects, id, reader)?.0 {
        Tip::Commit(head) => Ok(head),
        _ => Err(Unreadable::Damaged),
    }
}

/// What a tag points to.
pub(super) fn target(tag: &[u8]) -> Option<ObjectId> {
    let line = tag.split(|byte| *byte == b'\n').next()?;
    ObjectId::from_hex(line.strip_prefix(b"object ")?).ok()
}

fn read(objects: &Objects, id: &gix::oid, reader: &mut Reader) -> Result<(Tip, Object), Unreadable> {
    let object = objects.find(id, reader)?;
    let tip = match object.kind {
        Kind::Commit => parse(&object.bytes).map(Tip::Commit).ok_or(Unreadable::Damaged),
        Kind::Tag => target(&object.bytes).map(Tip::Tag).ok_or(Unreadable::Damaged),
        kind => Ok(Tip::Other(kind)),
    };
    Ok((tip?, object))
}

fn parse(bytes: &[u8]) -> Option<Head> {
    let (mut tree, mut parents, mut author, mut committer) = (None, Vec::new(), None, None);
    for line in bytes.split(|byte| *byte == b'\n') {
        let Some((word, rest)) = line.iter().position(|byte| *byte == b' ').map(|at| (&line[..at], &line[at + 1..]))
        else {
            break;
        };
        match word {
            b"tree" if tree.is_none() => tree = Some(ObjectId::from_hex(rest).ok()?),
            b"parent" => parents.push(ObjectId::from_hex(rest).ok()?),
            b"author" if author.is_none() => author = Some(signature(rest)),
            b"committer" if committer.is_none() => committer = Some(signature(rest)),
            _ => {}
        }
    }
    let (author, seconds, zone) = author.unwrap_or_default();
    let date = committer.map_or(seconds, |(_, seconds, _)| seconds);
    Some(Head { tree: tree?, parents, date, author, written: rfc3339(seconds, zone) })
}

/// `Name <mail> seconds +hhmm`: the name with its mail, seconds, and the zone in seconds.
fn signature(line: &[u8]) -> (String, i64, i32) {
    let end = line.iter().rposition(|byte| *byte == b'>').map_or(line.len(), |at| at + 1);
    let name = String::from_utf8_lossy(&line[..end]).into_owned();
    let rest = String::from_utf8_lossy(&line[end..]).into_owned();
    let mut words = rest.split_ascii_whitespace();
    let seconds = words.next().and_then(|word| word.parse().ok()).unwrap_or_default();
    let zone: i32 = words.next().and_then(|word| word.parse().ok()).unwrap_or_default();
    (name, seconds, (zone / 100 * 60 + zone % 100) * 60)
}

fn rfc3339(seconds: i64, offset: i32) -> Option<String> {
    let offset = if offset.abs() < 24 * 3600 { offset } else { 0 };
    gix::date::Time { seconds, offset }.format(gix::date::time::format::ISO8601_STRICT).ok()
}
