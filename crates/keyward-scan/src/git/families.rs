//! The objects of a pack as families: each object that stands whole, and all that is built upon it.
//!
//! Read along its families, a pack is inflated once: a delta is applied while its base is at hand.
//! What is needed of a base is dropped before its largest branch is entered, so that no more bases are
//! held at once than the logarithm of a family's size, however long its chains are.

use gix::ObjectId;

use super::delta::Copied;
use super::objects::{Base, Objects, Pack, Reader, Unreadable};

/// No object.
const NONE: u32 = u32::MAX;
/// Bytes of bases that one thread holds; what exceeds it is built again when it is needed.
const HELD: usize = 64 << 20;

/// The families of one pack. Objects are numbered in the order of their offsets.
pub(super) struct Families {
    number: usize,
    offsets: Vec<u64>,
    /// For each object what the caller calls it, where he wants it.
    slots: Vec<u32>,
    parents: Vec<u32>,
    first: Vec<u32>,
    next: Vec<u32>,
    /// Wanted objects in each branch.
    wanted: Vec<u32>,
    /// Bases that are not in this pack.
    elsewhere: Vec<(u32, ObjectId)>,
}

/// What happens to the objects that are wanted.
pub(super) trait Visit {
    /// What is known of an object while others are built upon it.
    type Known;

    /// An object that stands whole, or whose base is of no use. `slot`: where it is wanted.
    fn whole(&mut self, slot: Option<u32>, bytes: &[u8]) -> Self::Known;

    /// An object that shares `copies` with its base of `base_len` bytes.
    fn derived(
        &mut self,
        slot: Option<u32>,
        bytes: &[u8],
        base: &Self::Known,
        base_len: usize,
        copies: &[Copied],
    ) -> Self::Known;
}

/// What one thread needs to read families.
pub(super) struct Workspace {
    inflate: gix::zlib::Inflate,
    delta: Vec<u8>,
    copies: Vec<Copied>,
    spare: Vec<Vec<u8>>,
    reader: Reader,
}

impl Workspace {
    pub(super) fn new() -> Self {
        Self {
            inflate: gix::zlib::Inflate::default(),
            delta: Vec::new(),
            copies: Vec::new(),
            spare: Vec::new(),
            reader: Reader::new(),
        }
    }
}

impl Families {
    /// Reads the heads of all entries. `slot` names those objects that are wanted.
    pub(super) fn new(pack: &Pack, number: usize, mut slot: impl FnMut(&gix::oid) -> Option<u32>) -> Self {
        let mut places: Vec<(u64, u32)> = (0..pack.index.num_objects())
            .map(|at| (pack.index.pack_offset_at_index(at), slot(pack.index.oid_at_index(at)).unwrap_or(NONE)))
            .collect();
        places.sort_unstable();
        let (offsets, slots): (Vec<u64>, Vec<u32>) = places.into_iter().unzip();
        let count = offsets.len();
        let mut all = Self {
            number,
            offsets,
            slots,
            parents: vec![NONE; count],
            first: vec![NONE; count],
            next: vec![NONE; count],
            wanted: vec![0; count],
            elsewhere: Vec::new(),
        };
        let mut forward = false;
        for node in 0..count {
            let offset = all.offsets[node];
            let Ok(base) = pack.entry(offset).and_then(|entry| pack.base(&entry, offset)) else { continue };
            match base {
                Base::None(_) => {}
                Base::At(base) => {
                    if let Ok(parent) = all.offsets.binary_search(&base) {
                        all.parents[node] = as_number(parent);
                        forward |= parent >= node;
                    }
                }
                Base::Elsewhere(id) => all.elsewhere.push((as_number(node), id)),
            }
        }
        all.link();
        all.count(forward);
        all
    }

    /// The heads of families in which something is wanted, in the order to read them by `threads` threads.
    pub(super) fn heads(&self, threads: usize) -> Vec<u32> {
        let mut heads: Vec<u32> = (0..as_number(self.offsets.len()))
            .filter(|node| self.parents[*node as usize] == NONE && self.wanted[*node as usize] > 0)
            .collect();
        let total: u64 = heads.iter().map(|head| u64::from(self.wanted[*head as usize])).sum();
        // A large family at the end would leave other threads without work.
        let large = total / (threads as u64 * 16).max(1);
        heads.sort_by_key(|head| {
            let wanted = u64::from(self.wanted[*head as usize]);
            (if threads > 1 && wanted > large { u64::MAX - wanted } else { u64::MAX }, *head)
        });
        heads
    }

    /// Reads one family, each base before what is built upon it.
    pub(super) fn read<V: Visit>(&self, objects: &Objects, head: u32, work: &mut Workspace, visit: &mut V) {
        let mut bytes = work.spare.pop().unwrap_or_default();
        if self.build(objects, head, work, &mut bytes).is_err() {
            return;
        }
        let known = visit.whole(self.slot(head), &bytes);
        let mut held = bytes.len();
        let mut open = vec![Branch::new(self, head, Some(bytes), known)];
        while let Some(branch) = open.last_mut() {
            let Some((node, last)) = branch.next(self) else {
                let done = open.pop().expect("it was there");
                held -= done.drop_bytes(work);
                continue;
            };
            if branch.bytes.is_none() {
                // It was dropped to keep within bounds.
                let mut again = work.spare.pop().unwrap_or_default();
                if self.build(objects, branch.node, work, &mut again).is_err() {
                    held -= open.pop().map_or(0, |done| done.drop_bytes(work));
                    continue;
                }
                held += again.len();
                branch.bytes = Some(again);
            }
            let base = branch.bytes.as_ref().expect("it was just built");
            let mut bytes = work.spare.pop().unwrap_or_default();
            let built = self.derive(objects, node, base, work, &mut bytes);
            let known =
                built.is_ok().then(|| visit.derived(self.slot(node), &bytes, &branch.known, base.len(), &work.copies));
            if last {
                let done = open.pop().expect("it was there");
                held -= done.drop_bytes(work);
            }
            let Some(known) = known else {
                work.spare.push(bytes);
                continue;
            };
            if self.first[node as usize] == NONE {
                work.keep(bytes);
                continue;
            }
            held += bytes.len();
            open.push(Branch::new(self, node, Some(bytes), known));
            if held > HELD {
                held -= drop_oldest(&mut open, held - HELD);
            }
        }
    }

    fn slot(&self, node: u32) -> Option<u32> {
        Some(self.slots[node as usize]).filter(|slot| *slot != NONE)
    }

    /// Builds an object from nothing: its chain of bases first.
    fn build(&self, objects: &Objects, node: u32, work: &mut Workspace, out: &mut Vec<u8>) -> Result<(), Unreadable> {
        let mut chain = vec![node];
        while let Some(parent) = chain.last().map(|node| self.parents[*node as usize]).filter(|node| *node != NONE) {
            chain.push(parent);
        }
        let pack = &objects.packs[self.number];
        let head = chain.pop().expect("the object itself is in it");
        let offset = self.offsets[head as usize];
        let entry = pack.entry(offset)?;
        match pack.base(&entry, offset)? {
            Base::None(_) => pack.inflate(&entry, &mut work.inflate, out)?,
            Base::At(_) => return Err(Unreadable::Damaged),
            Base::Elsewhere(id) => {
                let base = objects.elsewhere(&id, self.number, &mut work.reader, 0)?;
                pack.inflate(&entry, &mut work.inflate, &mut work.delta)?;
                pack.apply(&base.bytes, &work.delta, out, &mut work.copies)?;
            }
        }
        while let Some(node) = chain.pop() {
            let base = std::mem::take(out);
            self.derive(objects, node, &base, work, out)?;
            work.keep(base);
        }
        Ok(())
    }

    fn derive(
        &self,
        objects: &Objects,
        node: u32,
        base: &[u8],
        work: &mut Workspace,
        out: &mut Vec<u8>,
    ) -> Result<(), Unreadable> {
        let pack = &objects.packs[self.number];
        let entry = pack.entry(self.offsets[node as usize])?;
        pack.inflate(&entry, &mut work.inflate, &mut work.delta)?;
        pack.apply(base, &work.delta, out, &mut work.copies)
    }

    /// Lists the children of each object.
    fn link(&mut self) {
        for node in (0..self.parents.len()).rev() {
            let parent = self.parents[node];
            if parent != NONE {
                self.next[node] = self.first[parent as usize];
                self.first[parent as usize] = as_number(node);
            }
        }
    }

    /// Counts what is wanted in each branch. Bases stand before what is built upon them, but for
    /// bases that are named by id (`forward`): there, the heads are searched from each object.
    fn count(&mut self, forward: bool) {
        for node in (0..self.slots.len()).rev() {
            let mut add = u32::from(self.slots[node] != NONE);
            if !forward {
                add += self.wanted[node];
                self.wanted[node] = add;
                if self.parents[node] != NONE {
                    self.wanted[self.parents[node] as usize] += add;
                }
            } else if add > 0 {
                let mut at = as_number(node);
                // A circle ends by the length that no chain has.
                for _ in 0..4096 {
                    self.wanted[at as usize] = self.wanted[at as usize].saturating_add(1);
                    at = self.parents[at as usize];
                    if at == NONE {
                        break;
                    }
                }
            }
        }
    }
}

impl Workspace {
    /// For objects that are read by themselves.
    pub(super) fn reader(&mut self) -> &mut Reader {
        &mut self.reader
    }

    fn keep(&mut self, bytes: Vec<u8>) {
        // A few buffers are enough, and large ones are not to stay.
        if self.spare.len() < 8 && bytes.capacity() <= 16 << 20 {
            self.spare.push(bytes);
        }
    }
}

/// An object of which branches are still to be read.
struct Branch<K> {
    node: u32,
    bytes: Option<Vec<u8>>,
    known: K,
    /// The child to be read next, but for the largest.
    child: u32,
    /// The child with most below it: the last.
    largest: u32,
}

impl<K> Branch<K> {
    fn new(families: &Families, node: u32, bytes: Option<Vec<u8>>, known: K) -> Self {
        let first = families.first[node as usize];
        let (mut largest, mut child) = (NONE, first);
        while child != NONE {
            let wanted = families.wanted[child as usize];
            if wanted > 0 && (largest == NONE || wanted > families.wanted[largest as usize]) {
                largest = child;
            }
            child = families.next[child as usize];
        }
        Self { node, bytes, known, child: first, largest }
    }

    /// The next child in whose branch something is wanted, and whether it is the last.
    fn next(&mut self, families: &Families) -> Option<(u32, bool)> {
        while self.child != NONE {
            let child = self.child;
            self.child = families.next[child as usize];
            if child != self.largest && families.wanted[child as usize] > 0 {
                return Some((child, false));
            }
        }
        let last = std::mem::replace(&mut self.largest, NONE);
        (last != NONE).then_some((last, true))
    }

    fn drop_bytes(self, work: &mut Workspace) -> usize {
        let Some(bytes) = self.bytes else { return 0 };
        let size = bytes.len();
        work.keep(bytes);
        size
    }
}

/// Drops bases that are needed last until `excess` bytes are free.
fn drop_oldest<K>(open: &mut [Branch<K>], excess: usize) -> usize {
    let mut dropped = 0;
    let all_but_last = open.len().saturating_sub(1);
    for branch in &mut open[..all_but_last] {
        if dropped >= excess {
            break;
        }
        dropped += branch.bytes.take().map_or(0, |bytes| bytes.len());
    }
    dropped
}

fn as_number(index: usize) -> u32 {
    u32::try_from(index).expect("a pack holds fewer than 2^32 objects: its index says so")
}
