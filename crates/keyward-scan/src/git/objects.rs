//! All objects of a repository, by id: in packs, loose, and in the stores that it borrows from.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gix::ObjectId;
use gix::objs::Kind;
use gix::odb::loose;
use gix::odb::pack::{data, index};

use super::delta;
use crate::summary::Skipped;

/// Objects that inflate to more are not read.
pub(super) const MAX_OBJECT: u64 = 1 << 30;
/// Deltas upon deltas: git makes 50, at most 4,095.
const MAX_CHAIN: usize = 4096;
/// Bytes of objects that a [`Reader`] keeps for what is built upon them.
const KEPT: usize = 48 << 20;

/// The object stores of a repository.
pub(super) struct Objects {
    /// Those whose index could be read.
    pub(super) packs: Vec<Pack>,
    loose: Vec<loose::Store>,
    pub(super) hash: gix::hash::Kind,
    /// Packs that could not be read, or not well.
    pub(super) damaged: Vec<Skipped>,
}

/// One pack with its index.
pub(super) struct Pack {
    pub(super) index: index::File,
    pub(super) data: data::File,
}

/// What one thread needs to read objects.
pub(super) struct Reader {
    inflate: gix::zlib::Inflate,
    kept: Kept,
    copies: Vec<delta::Copied>,
}

/// An object's content.
#[derive(Clone)]
pub(super) struct Object {
    pub(super) kind: Kind,
    pub(super) bytes: Arc<Vec<u8>>,
}

/// Why an object cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    Missing,
    Damaged,
    TooLarge,
}

impl Unreadable {
    /// The reason in reports.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Missing => "missing object",
            Self::Damaged => "damaged object",
            Self::TooLarge => "too large",
        }
    }

    /// What is said of a file's content. What is too large is left out on purpose.
    pub(super) fn skipped(self, path: String) -> Skipped {
        match self {
            Self::TooLarge => Skipped::new(path, self.reason()),
            Self::Missing | Self::Damaged => Skipped::unreadable(path, self.reason()),
        }
    }
}

impl Objects {
    /// Opens everything below `directories`, each an `objects` folder.
    pub(super) fn open(directories: &[PathBuf], hash: gix::hash::Kind) -> Self {
        let mut all = Self { packs: Vec::new(), loose: Vec::new(), hash, damaged: Vec::new() };
        for directory in directories {
            all.loose.push(loose::Store::at(directory, hash));
            for path in indexes(&directory.join("pack")) {
                match Pack::open(&path, hash) {
                    Ok((pack, None)) => all.packs.push(pack),
                    Ok((pack, Some(flaw))) => {
                        all.damaged.push(Skipped::new(path.to_string_lossy(), flaw));
                        all.packs.push(pack);
                    }
                    Err(error) => all.damaged.push(Skipped::new(path.to_string_lossy(), error)),
                }
            }
        }
        all
    }

    /// The object of that id.
    pub(super) fn find(&self, id: &gix::oid, reader: &mut Reader) -> Result<Object, Unreadable> {
        let mut trouble = Unreadable::Missing;
        for (number, pack) in self.packs.iter().enumerate() {
            if let Some(at) = pack.index.lookup(id) {
                match self.in_pack(number, pack.index.pack_offset_at_index(at), reader, 0) {
                    Ok(object) => return Ok(object),
                    // Another pack may have it whole.
                    Err(error) => trouble = error,
                }
            }
        }
        for store in &self.loose {
            match store.try_header(id) {
                Ok(None) => continue,
                Ok(Some((size, _))) if size > MAX_OBJECT => trouble = Unreadable::TooLarge,
                Ok(Some(_)) => {
                    let mut bytes = Vec::new();
                    match store.try_find(id, &mut bytes) {
                        Ok(Some(found)) => {
                            let kind = found.kind;
                            return Ok(Object { kind, bytes: Arc::new(bytes) });
                        }
                        _ => trouble = Unreadable::Damaged,
                    }
                }
                Err(_) => trouble = Unreadable::Damaged,
            }
        }
        Err(trouble)
    }

    /// The object at an offset of a pack: down its chain of deltas to what is kept or whole, and back up.
    fn in_pack(&self, number: usize, offset: u64, reader: &mut Reader, depth: usize) -> Result<Object, Unreadable> {
        let pack = &self.packs[number];
        let (mut chain, mut at) = (Vec::new(), offset);
        let mut object = loop {
            if let Some(object) = reader.kept.get((number, at)) {
                break object;
            }
            if chain.len() + depth > MAX_CHAIN {
                return Err(Unreadable::Damaged);
            }
            let entry = pack.entry(at)?;
            match pack.base(&entry, at)? {
                Base::None(kind) => {
                    let mut bytes = Vec::new();
                    pack.inflate(&entry, &mut reader.inflate, &mut bytes)?;
                    let object = Object { kind, bytes: Arc::new(bytes) };
                    reader.kept.add((number, at), &object);
                    break object;
                }
                Base::At(base) => {
                    chain.push((at, entry));
                    at = base;
                }
                Base::Elsewhere(id) => {
                    chain.push((at, entry));
                    break self.elsewhere(&id, number, reader, depth + chain.len())?;
                }
            }
        };
        let mut delta = Vec::new();
        while let Some((at, entry)) = chain.pop() {
            pack.inflate(&entry, &mut reader.inflate, &mut delta)?;
            let mut bytes = Vec::new();
            pack.apply(&object.bytes, &delta, &mut bytes, &mut reader.copies)?;
            object = Object { kind: object.kind, bytes: Arc::new(bytes) };
            reader.kept.add((number, at), &object);
        }
        Ok(object)
    }

    /// A base that is named by its id and not in the same pack.
    pub(super) fn elsewhere(
        &self,
        id: &gix::oid,
        not_in: usize,
        reader: &mut Reader,
        depth: usize,
    ) -> Result<Object, Unreadable> {
        if depth > MAX_CHAIN {
            return Err(Unreadable::Damaged);
        }
        for (number, pack) in self.packs.iter().enumerate().filter(|(number, _)| *number != not_in) {
            if let Some(at) = pack.index.lookup(id) {
                // Two packs that lean on each other end by the depth.
                return self.in_pack(number, pack.index.pack_offset_at_index(at), reader, depth + 64);
            }
        }
        let mut bytes = Vec::new();
        let found = self.loose.iter().find_map(|store| {
            let small = store.try_header(id).ok()??.0 <= MAX_OBJECT;
            small.then(|| store.try_find(id, &mut bytes).ok()?.map(|found| found.kind)).flatten()
        });
        let kind = found.ok_or(Unreadable::Missing)?;
        Ok(Object { kind, bytes: Arc::new(bytes) })
    }
}

/// What an entry of a pack is built upon.
pub(super) enum Base {
    None(Kind),
    At(u64),
    Elsewhere(ObjectId),
}

impl Pack {
    /// Opens a pack by its index; the text says what is wrong with one that can be read in part.
    fn open(path: &Path, hash: gix::hash::Kind) -> Result<(Self, Option<&'static str>), &'static str> {
        let index = index::File::at(path, hash).map_err(|_| "damaged pack index")?;
        let data = data::File::at(path.with_extension("pack"), hash).map_err(|_| "damaged or missing pack")?;
        let whole = data.checksum() == index.pack_checksum() && data.num_objects() == index.num_objects();
        Ok((Self { index, data }, (!whole).then_some("pack differs from its index")))
    }

    /// The head of the entry at `offset`.
    pub(super) fn entry(&self, offset: u64) -> Result<data::Entry, Unreadable> {
        if offset >= self.data.pack_end() as u64 {
            return Err(Unreadable::Damaged);
        }
        self.data.entry(offset).map_err(|_| Unreadable::Damaged)
    }

    /// What the entry at `offset` is built upon.
    pub(super) fn base(&self, entry: &data::Entry, offset: u64) -> Result<Base, Unreadable> {
        use data::entry::Header;
        match &entry.header {
            Header::OfsDelta { base_distance } => {
                Header::verified_base_pack_offset(offset, *base_distance).map(Base::At).ok_or(Unreadable::Damaged)
            }
            Header::RefDelta { base_id } => Ok(match self.index.lookup(base_id) {
                Some(at) => Base::At(self.index.pack_offset_at_index(at)),
                None => Base::Elsewhere(*base_id),
            }),
            header => header.as_kind().map(Base::None).ok_or(Unreadable::Damaged),
        }
    }

    /// Inflates an entry's bytes; those of a delta are its commands.
    pub(super) fn inflate(
        &self,
        entry: &data::Entry,
        inflate: &mut gix::zlib::Inflate,
        out: &mut Vec<u8>,
    ) -> Result<(), Unreadable> {
        let size = entry.decompressed_size;
        // Deflate makes at most 1,032 bytes of one: a larger promise is a lie, and no memory is taken for it.
        let packed = (self.data.pack_end() as u64).saturating_sub(entry.data_offset);
        if size > packed.saturating_mul(1032).saturating_add(64) {
            return Err(Unreadable::Damaged);
        }
        if size > MAX_OBJECT {
            return Err(Unreadable::TooLarge);
        }
        let size = usize::try_from(size).map_err(|_| Unreadable::TooLarge)?;
        // Bytes of the last object are written over, not cleared first.
        if out.len() < size {
            out.resize(size, 0);
        }
        out.truncate(size);
        self.data.decompress_entry(entry, inflate, out).map(drop).map_err(|_| Unreadable::Damaged)
    }

    /// Puts an object together from its base and a delta.
    pub(super) fn apply(
        &self,
        base: &[u8],
        delta: &[u8],
        out: &mut Vec<u8>,
        copies: &mut Vec<delta::Copied>,
    ) -> Result<(), Unreadable> {
        if delta::result_size(delta).map_err(|_| Unreadable::Damaged)? as u64 > MAX_OBJECT {
            return Err(Unreadable::TooLarge);
        }
        delta::apply(base, delta, out, copies).map_err(|_| Unreadable::Damaged)
    }
}

impl Reader {
    pub(super) fn new() -> Self {
        Self { inflate: gix::zlib::Inflate::default(), kept: Kept::default(), copies: Vec::new() }
    }
}

/// The objects read last: two generations, the older of which is dropped when the younger is full.
#[derive(Default)]
struct Kept {
    young: HashMap<(usize, u64), Object>,
    old: HashMap<(usize, u64), Object>,
    bytes: usize,
}

impl Kept {
    fn get(&mut self, place: (usize, u64)) -> Option<Object> {
        if let Some(object) = self.young.get(&place) {
            return Some(object.clone());
        }
        let object = self.old.remove(&place)?;
        self.add(place, &object);
        Some(object)
    }

    fn add(&mut self, place: (usize, u64), object: &Object) {
        let size = object.bytes.len() + 128;
        if size > KEPT / 8 {
            return;
        }
        if self.bytes + size > KEPT / 2 {
            self.old = std::mem::take(&mut self.young);
            self.bytes = 0;
        }
        self.bytes += size;
        self.young.insert(place, object.clone());
    }
}

/// The indexes in a folder of packs, in a fixed order.
fn indexes(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "idx")).collect();
    paths.sort();
    paths
}
